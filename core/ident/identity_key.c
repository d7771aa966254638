/* ident/identity_key.c - reading PublicKeys, and the one place where a peer's identity is proven.
 */
#include "ident/identity_key.h"

#include "base/varint.h"

enum { TYPE_TAG = 0x08, DATA_TAG = 0x12 };

/* Least and most bytes of Data. */
static const struct {
    uint16_t least, most;
} data_bytes[] = {
    /* a modulus of 2,048 bits, an exponent of one byte */
    [IDENTITY_RSA] = {292, IDENTITY_RSA_DATA_MAX},
    [IDENTITY_ED25519] = {PU_ED25519_KEY_BYTES, PU_ED25519_KEY_BYTES},
    [IDENTITY_SECP256K1] = {33, 33}, /* a compressed point */
    [IDENTITY_ECDSA] = {91, 91},     /* SubjectPublicKeyInfo of a point of P-256 */
};
enum { TYPE_COUNT = sizeof data_bytes / sizeof data_bytes[0] };

bool identity_key_read(identity_key *key, pu_span public_key_pb)
{
    PU_ASSERT(key != NULL);
    pu_span rest = public_key_pb;
    uint64_t len;
    if (rest.len < 3 || rest.len > IDENTITY_KEY_PB_MAX) return false;
    if (rest.base[0] != TYPE_TAG || rest.base[1] >= TYPE_COUNT) return false;
    if (rest.base[2] != DATA_TAG) return false;
    enum identity_key_type type = (enum identity_key_type)rest.base[1];
    rest = span_skip(rest, 3);
    if (varint_get(&rest, &len) != VARINT_OK || len != rest.len) return false;
    if (len < data_bytes[type].least || len > data_bytes[type].most) return false;
    *key = (identity_key){type, rest};
    return true;
}

bool identity_key_ed25519(uint8_t key[PU_ED25519_KEY_BYTES], pu_span public_key_pb)
{
    identity_key read;
    PU_ASSERT(key != NULL);
    if (!identity_key_read(&read, public_key_pb) || read.type != IDENTITY_ED25519) return false;
    PU_ASSERT(read.data.len == PU_ED25519_KEY_BYTES);
    memcpy(key, read.data.base, PU_ED25519_KEY_BYTES);
    return true;
}

static bool ed25519_verify(const pu_crypto *crypto, pu_span key, pu_span message, pu_span signature,
                           pu_peer_id *id)
{
    PU_ASSERT(key.len == PU_ED25519_KEY_BYTES);
    if (signature.len != PU_ED25519_SIGNATURE_BYTES) return false;
    if (!crypto->verify(crypto->ctx, key.base, message, signature.base)) return false;
    pu_peer_id_from_ed25519(id, key.base);
    return true;
}

bool identity_key_verify(const pu_crypto *crypto, pu_span public_key_pb, pu_span message,
                         pu_span signature, pu_peer_id *id)
{
    identity_key key;
    PU_ASSERT(crypto != NULL);
    PU_ASSERT(id != NULL);
    *id = (pu_peer_id){.len = 0};
    if (signature.len == 0 || signature.len > IDENTITY_SIGNATURE_MAX) return false;
    if (!identity_key_read(&key, public_key_pb)) return false;
    switch (key.type) {
    case IDENTITY_ED25519: return ed25519_verify(crypto, key.data, message, signature, id);
    case IDENTITY_RSA:
    case IDENTITY_SECP256K1:
    case IDENTITY_ECDSA: return false;
    }
    PU_NEVER_HERE();
}
