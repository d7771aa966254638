/* ident/peer_id.c - peer ids: what counts as one, and their text forms (libp2p RFC 0001).
 *
 * An id is identity(PublicKey) for keys of up to 42 bytes and sha2-256(PublicKey) for longer ones.
 * Nothing else is accepted, so that an id that comes back as text is the id that went out.
 */
#include "base/varint.h"
#include "ident/multibase.h"
#include "peerup/ident.h"

enum {
    MULTIHASH_IDENTITY = 0x00,
    MULTIHASH_SHA2_256 = 0x12,
    SHA2_256_BYTES = 32,
    INLINE_KEY_MAX = 42, /* longest key that an identity multihash holds */
    CID_VERSION = 1,
    CODEC_LIBP2P_KEY = 0x72,
    CID_HEAD_BYTES = 2, /* version and codec */
    ED25519_ID_BYTES = 2 + PU_PUBLIC_KEY_PB_BYTES
};

_Static_assert(PU_PEER_ID_MAX == 2 + INLINE_KEY_MAX, "one byte of code, one of length");
_Static_assert(CID_HEAD_BYTES + PU_PEER_ID_MAX <= BASE_NUMBER_MAX, "ids fit base 36");

/* protobuf PublicKey: field 1 is key type 1, Ed25519; field 2 is 32 bytes */
static const uint8_t ed25519_head[4] = {0x08, 0x01, 0x12, 0x20};

void pu_public_key_pb(uint8_t out[PU_PUBLIC_KEY_PB_BYTES], const uint8_t key[32])
{
    PU_ASSERT(out != NULL);
    PU_ASSERT(key != NULL);
    memcpy(out, ed25519_head, sizeof ed25519_head);
    memcpy(out + sizeof ed25519_head, key, 32);
}

void pu_peer_id_from_ed25519(pu_peer_id *id, const uint8_t key[32])
{
    PU_ASSERT(id != NULL);
    *id = (pu_peer_id){.len = ED25519_ID_BYTES};
    id->bytes[0] = MULTIHASH_IDENTITY;
    id->bytes[1] = PU_PUBLIC_KEY_PB_BYTES;
    pu_public_key_pb(id->bytes + 2, key);
}

int pu_peer_id_from_bytes(pu_peer_id *id, pu_span multihash)
{
    PU_ASSERT(id != NULL);
    if (multihash.len > PU_PEER_ID_MAX) return PU_ERANGE;
    pu_span digest = multihash;
    uint64_t code, len;
    if (varint_get(&digest, &code) != VARINT_OK) return PU_ERANGE;
    if (varint_get(&digest, &len) != VARINT_OK) return PU_ERANGE;
    if (len != digest.len) return PU_ERANGE;
    bool is_inline = code == MULTIHASH_IDENTITY && len > 0;
    bool is_hash = code == MULTIHASH_SHA2_256 && len == SHA2_256_BYTES;
    if (!is_inline && !is_hash) return PU_ERANGE;

    *id = (pu_peer_id){.len = (uint8_t)multihash.len};
    memcpy(id->bytes, multihash.base, multihash.len);
    return PU_OK;
}

bool pu_peer_id_ed25519(const pu_peer_id *id, uint8_t key[32])
{
    PU_ASSERT(id != NULL);
    PU_ASSERT(id->len <= PU_PEER_ID_MAX);
    if (id->len != ED25519_ID_BYTES) return false;
    if (id->bytes[0] != MULTIHASH_IDENTITY || id->bytes[1] != PU_PUBLIC_KEY_PB_BYTES) return false;
    if (memcmp(id->bytes + 2, ed25519_head, sizeof ed25519_head) != 0) return false;
    memcpy(key, id->bytes + 2 + sizeof ed25519_head, 32);
    return true;
}

/* Whether text is base58 without a prefix: identity and sha2-256 multihashes begin like this. */
static bool is_bare(pu_span text)
{
    PU_ASSERT(text.len > 0);
    return text.base[0] == '1' || (text.len > 1 && text.base[0] == 'Q' && text.base[1] == 'm');
}

int pu_peer_id_parse(pu_peer_id *id, pu_span text)
{
    PU_ASSERT(id != NULL);
    if (text.len == 0 || text.len >= PU_PEER_ID_TEXT_MAX) return PU_ERANGE;
    uint8_t bytes[CID_HEAD_BYTES + PU_PEER_ID_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    if (is_bare(text)) {
        if (!base_get(&out, BASE58, text)) return PU_ERANGE;
        return pu_peer_id_from_bytes(id, buf_span(&out));
    }
    /* 'u' is a multibase, but no writer of peer ids uses it */
    if (text.base[0] == 'u' || !multibase_get(&out, text)) return PU_ERANGE;
    if (out.len < CID_HEAD_BYTES) return PU_ERANGE;
    if (bytes[0] != CID_VERSION || bytes[1] != CODEC_LIBP2P_KEY) return PU_ERANGE;
    return pu_peer_id_from_bytes(id, span_skip(buf_span(&out), CID_HEAD_BYTES));
}

size_t pu_peer_id_text(const pu_peer_id *id, enum pu_peer_text form, char out[PU_PEER_ID_TEXT_MAX])
{
    PU_ASSERT(id->len > 0);
    PU_ASSERT(id->len <= PU_PEER_ID_MAX);
    uint8_t cid[CID_HEAD_BYTES + PU_PEER_ID_MAX] = {CID_VERSION, CODEC_LIBP2P_KEY};
    memcpy(cid + CID_HEAD_BYTES, id->bytes, id->len);
    pu_span all = span_of(cid, (size_t)CID_HEAD_BYTES + id->len);

    pu_buf text = buf_of(out, PU_PEER_ID_TEXT_MAX - 1);
    switch (form) {
    case PU_PEER_BASE58: base_put(&text, BASE58, span_skip(all, CID_HEAD_BYTES)); break;
    case PU_PEER_CID_BASE32: multibase_put(&text, BASE32, all); break;
    case PU_PEER_CID_BASE36: multibase_put(&text, BASE36, all); break;
    default: PU_NEVER_HERE();
    }
    PU_ASSERT(!text.full);
    out[text.len] = 0;
    return text.len;
}

bool pu_peer_id_equal(const pu_peer_id *a, const pu_peer_id *b)
{
    PU_ASSERT(a->len <= PU_PEER_ID_MAX);
    PU_ASSERT(b->len <= PU_PEER_ID_MAX);
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}
