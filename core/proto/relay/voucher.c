/* proto/relay/voucher.c - signing and checking reservation vouchers. */
#include "proto/relay/voucher.h"

#include "wire/wire_record.h"

_Static_assert(2 * (PU_PEER_ID_MAX + 2) + 11 + ENVELOPE_OVERHEAD <= VOUCHER_MAX, "it fits");

void voucher_seal(const pu_node *n, pu_buf *out, pu_peer peer, uint64_t expire_s)
{
    uint8_t bytes[VOUCHER_MAX];
    pu_buf payload = buf_of(bytes, sizeof bytes);
    PU_ASSERT(peer != 0);
    wire_voucher m = {
        .relay = span_of(ctx_self(n)->bytes, ctx_self(n)->len),
        .peer = ctx_peer_id(n, peer),
        .expire_s = expire_s,
    };
    wire_voucher_write(&payload, &m);
    PU_ASSERT(!payload.full);
    envelope_seal(out, ctx_env(n)->crypto, &envelope_voucher, buf_span(&payload));
}

enum record_verdict voucher_check(const pu_node *n, pu_span bytes, pu_peer relay, uint64_t expire_s)
{
    static const envelope_kind *const kinds[] = {&envelope_voucher};
    pu_span payload, relay_id = ctx_peer_id(n, relay);
    pu_span self = span_of(ctx_self(n)->bytes, ctx_self(n)->len);
    pu_peer_id signer;
    wire_voucher m;
    PU_ASSERT(bytes.len > 0);
    PU_ASSERT(expire_s > 0);
    enum record_verdict v = envelope_open(&signer, &payload, ctx_env(n)->crypto, bytes, kinds, 1);
    if (v != RECORD_OK) return v;
    if (!wire_voucher_read(&m, payload)) return RECORD_MALFORMED;
    if (!span_equal(span_of(signer.bytes, signer.len), relay_id)) return RECORD_NOT_THEIRS;
    if (!span_equal(m.relay, relay_id) || !span_equal(m.peer, self)) return RECORD_NOT_THEIRS;
    uint64_t now_s = ctx_unix_s(n);
    uint64_t past_s = expire_s > now_s ? now_s : expire_s - 1;
    return m.expire_s > past_s ? RECORD_OK : RECORD_STALE;
}
