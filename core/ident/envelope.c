/* ident/envelope.c - opening and sealing signed envelopes. */
#include "ident/envelope.h"

#include "base/pb.h"
#include "base/varint.h"
#include "ident/identity_key.h"

enum { PUBLIC_KEY = 1, PAYLOAD_TYPE = 2, PAYLOAD = 3, SIGNATURE = 5 };

const envelope_kind envelope_peer_record = {
    .domain = {(const uint8_t *)"libp2p-peer-record", 18},
    .payload_type = {(const uint8_t *)"\x03\x01", 2},
};

const envelope_kind envelope_peer_record_legacy = {
    .domain = {(const uint8_t *)"libp2p-routing-state", 20},
    .payload_type = {(const uint8_t *)"/libp2p/routing-state-record", 28},
};

const envelope_kind envelope_voucher = {
    .domain = {(const uint8_t *)"libp2p-relay-rsvp", 17},
    .payload_type = {(const uint8_t *)"\x03\x02", 2},
};

/* The fields of an envelope; empty when absent. */
typedef struct parts {
    pu_span public_key, payload_type, payload, signature;
} parts;

static bool read_parts(parts *p, pu_span bytes)
{
    PU_ASSERT(p != NULL);
    *p = (parts){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (bytes.len > ENVELOPE_MAX) return false;
    pb_in in = pb_in_of(bytes);
    for (pb_field f; pb_next(&in, &f);) {
        if (f.wire != PB_BYTES) continue;
        if (f.no == PUBLIC_KEY) p->public_key = f.bytes;
        if (f.no == PAYLOAD_TYPE) p->payload_type = f.bytes;
        if (f.no == PAYLOAD) p->payload = f.bytes;
        if (f.no == SIGNATURE) p->signature = f.bytes;
    }
    return !in.bad && p->public_key.len > 0 && p->payload_type.len > 0 && p->signature.len > 0;
}

static void put_block(pu_buf *out, pu_span block)
{
    varint_put(out, block.len);
    buf_put_span(out, block);
}

/* Writes what is signed. */
static void put_signed(pu_buf *out, const envelope_kind *kind, pu_span payload)
{
    PU_ASSERT(payload.len <= ENVELOPE_MAX);
    put_block(out, kind->domain);
    put_block(out, kind->payload_type);
    put_block(out, payload);
    PU_ASSERT(!out->full);
}

static bool is_signed(const pu_crypto *crypto, const uint8_t key[PU_ED25519_KEY_BYTES],
                      const envelope_kind *kind, const parts *p)
{
    uint8_t bytes[ENVELOPE_PREFIX_MAX + ENVELOPE_MAX];
    pu_buf text = buf_of(bytes, sizeof bytes);
    PU_ASSERT(crypto != NULL);
    if (p->signature.len != PU_ED25519_SIGNATURE_BYTES) return false;
    put_signed(&text, kind, p->payload);
    return crypto->verify(crypto->ctx, key, buf_span(&text), p->signature.base);
}

enum record_verdict envelope_open(pu_peer_id *signer, pu_span *payload, const pu_crypto *crypto,
                                  pu_span bytes, const envelope_kind *const *kinds, size_t count)
{
    parts p;
    uint8_t key[PU_ED25519_KEY_BYTES];
    size_t k = 0;
    PU_ASSERT(count > 0);
    if (!read_parts(&p, bytes)) return RECORD_MALFORMED;
    while (k < count && !span_equal(p.payload_type, kinds[k]->payload_type)) k++;
    if (k == count) return RECORD_OTHER_KIND;
    if (!identity_key_ed25519(key, p.public_key)) return RECORD_OTHER_KEY;
    if (!is_signed(crypto, key, kinds[k], &p)) return RECORD_FORGED;
    pu_peer_id_from_ed25519(signer, key);
    *payload = p.payload;
    return RECORD_OK;
}

void envelope_seal(pu_buf *out, const pu_crypto *crypto, const envelope_kind *kind, pu_span payload)
{
    uint8_t key[PU_ED25519_KEY_BYTES], key_pb[PU_PUBLIC_KEY_PB_BYTES];
    uint8_t signature[PU_ED25519_SIGNATURE_BYTES], bytes[ENVELOPE_PREFIX_MAX + ENVELOPE_MAX];
    pu_buf text = buf_of(bytes, sizeof bytes);
    PU_ASSERT(payload.len <= ENVELOPE_MAX - ENVELOPE_OVERHEAD);
    crypto->public_key(crypto->ctx, key);
    pu_public_key_pb(key_pb, key);
    put_signed(&text, kind, payload);
    crypto->sign(crypto->ctx, signature, buf_span(&text));
    pb_put_bytes(out, PUBLIC_KEY, span_of(key_pb, sizeof key_pb));
    pb_put_bytes(out, PAYLOAD_TYPE, kind->payload_type);
    pb_put_bytes(out, PAYLOAD, payload);
    pb_put_bytes(out, SIGNATURE, span_of(signature, sizeof signature));
}
