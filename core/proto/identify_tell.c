/* proto/identify_tell.c - what we tell of ourselves: one message that every stack reads.
 *
 * Addresses are told twice, plain and in a signed record; go and js believe the record. They are
 * those that this peer can do something with, so each message has a record of its own, and its
 * number is the next one.
 */
#include "ident/envelope.h"
#include "proto/identify_impl.h"
#include "wire/wire_identify.h"
#include "wire/wire_record.h"

enum {
    TELL_MAX = 4096,        /* bytes told, length included: what rust reads */
    TELL_POOL_BYTES = 8192, /* for the addresses told, in binary */
    RECORD_FIXED = 64,      /* bytes of a record beside its addresses: id and number */
    ADDR_OVERHEAD = 6       /* bytes that a message adds to an address, at most */
};

_Static_assert(WIRE_IDENTIFY_ADDRS_MAX <= (int)WIRE_RECORD_ADDRS_MAX, "a record has room for all");

/* The narrowest scope of our addresses that c's peer can do something with. */
static enum pu_scope least_scope(const conn *c)
{
    PU_ASSERT(c != NULL);
    if ((c->flags & PU_RELAYED) != 0) return PU_SCOPE_GLOBAL;
    enum pu_scope scope = pu_endpoint_scope(&c->remote);
    if (scope == PU_SCOPE_LOOPBACK) return PU_SCOPE_LOOPBACK;
    return scope == PU_SCOPE_LINK || scope == PU_SCOPE_PRIVATE ? PU_SCOPE_LINK : PU_SCOPE_GLOBAL;
}

/* Appends an endpoint's address to pool; empty when it did not fit. */
static pu_span put_endpoint(pu_buf *pool, const pu_endpoint *endpoint, enum pu_transport transport)
{
    uint8_t maddr[PU_MADDR_MAX];
    size_t len = pu_addr_write(maddr, endpoint, transport), at = pool->len;
    PU_ASSERT(at <= pool->cap);
    buf_put(pool, maddr, len);
    return pool->full ? span_of(NULL, 0) : span_of(pool->base + at, len);
}

static void tell_local(const pu_node *n, enum pu_transport transport, enum pu_scope least,
                       wire_identify *m, pu_buf *pool)
{
    PU_ASSERT(m->addr_count <= CTX_ADDRS_MAX);
    pu_endpoint local[CTX_ADDRS_MAX];
    uint32_t count = ctx_local_addrs(n, transport, local);
    for (uint32_t i = 0; i < count; i++)
        if (pu_endpoint_scope(&local[i]) >= least)
            m->addrs[m->addr_count++] = put_endpoint(pool, &local[i], transport);
}

static void tell_addrs(const pu_node *n, const conn *c, wire_identify *m, pu_buf *pool)
{
    PU_ASSERT(m->addr_count == 0);
    enum pu_scope least = least_scope(c);
    tell_local(n, PU_TRANSPORT_QUIC, least, m, pool);
    tell_local(n, PU_TRANSPORT_TCP, least, m, pool);
    m->addr_count += ctx_circuit_addrs(n, least, pool, m->addrs + m->addr_count,
                                       WIRE_IDENTIFY_ADDRS_MAX - m->addr_count);
    PU_ASSERT(!pool->full);
}

static void tell_protocols(const pu_node *n, const conn *c, wire_identify *m)
{
    PU_ASSERT(m->protocol_count == 0);
    for (int id = PROTO_NONE + 1; id < PROTO_COUNT; id++) {
        if (ctx_proto(n, (enum proto_id)id) != NULL)
            m->protocols[m->protocol_count++] = ctx_proto_name((enum proto_id)id);
    }
    m->protocol_count += ctx_app_protocols(n, c->peer, m->protocols + m->protocol_count,
                                           WIRE_IDENTIFY_PROTOCOLS_MAX - m->protocol_count);
}

/* The number of the next record: Unix time in ns, as go counts, and always more than the last.
 * 0 without memory. */
static uint64_t next_seq(pu_node *n)
{
    identify_state *state = ctx_state(n, MODULE_IDENTIFY);
    if (state == NULL) return 0;
    uint64_t now = ctx_unix_s(n) * PU_S;
    PU_ASSERT(state->record_seq < UINT64_MAX);
    state->record_seq = now > state->record_seq ? now : state->record_seq + 1;
    return state->record_seq;
}

/* Leaves out addresses, from the last, until the message fits with all of them twice. */
static void trim(wire_identify *m)
{
    uint8_t scratch[TELL_MAX];
    pu_buf fixed = buf_of(scratch, sizeof scratch);
    uint32_t count = m->addr_count;
    m->addr_count = 0;
    wire_identify_write(&fixed, m);
    size_t used = fixed.len + RECORD_FIXED + ENVELOPE_OVERHEAD + 2 * ADDR_OVERHEAD;
    PU_ASSERT(!fixed.full && used < TELL_MAX);
    while (m->addr_count < count) {
        used += 2 * (m->addrs[m->addr_count].len + ADDR_OVERHEAD);
        if (used > TELL_MAX) return;
        m->addr_count++;
    }
}

/* Puts a signed record of m's addresses into m; its bytes go to pool. */
static void sign_record(pu_node *n, wire_identify *m, pu_buf *pool)
{
    uint8_t bytes[TELL_MAX];
    pu_buf payload = buf_of(bytes, sizeof bytes);
    wire_peer_record record = {
        .peer_id = span_of(ctx_self(n)->bytes, ctx_self(n)->len),
        .seq = next_seq(n),
        .addr_count = m->addr_count,
    };
    if (record.seq == 0) return;
    PU_ASSERT(m->addr_count <= WIRE_RECORD_ADDRS_MAX);
    memcpy(record.addrs, m->addrs, m->addr_count * sizeof m->addrs[0]);
    wire_peer_record_write(&payload, &record);
    size_t at = pool->len;
    envelope_seal(pool, ctx_env(n)->crypto, &envelope_peer_record, buf_span(&payload));
    PU_ASSERT(!payload.full && !pool->full);
    m->signed_record = span_of(pool->base + at, pool->len - at);
}

void identify_tell(pu_node *n, stream *s, const conn *c)
{
    PU_ASSERT(!s->fin_out);
    uint8_t key[PU_ED25519_KEY_BYTES], key_pb[PU_PUBLIC_KEY_PB_BYTES];
    uint8_t pool_bytes[TELL_POOL_BYTES], message[TELL_MAX];
    pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes), out = buf_of(message, sizeof message);
    const pu_crypto *crypto = ctx_env(n)->crypto;
    crypto->public_key(crypto->ctx, key);
    pu_public_key_pb(key_pb, key);
    wire_identify m = {
        .public_key = span_of(key_pb, sizeof key_pb),
        .protocol_version = SPAN_LITERAL("ipfs/0.1.0"),
        .agent_version = SPAN_LITERAL("peerup/0.1.0"),
    };
    bool is_direct = (c->flags & PU_RELAYED) == 0;
    if (is_direct && (c->transport == PU_TRANSPORT_QUIC || c->transport == PU_TRANSPORT_TCP))
        m.observed = put_endpoint(&pool, &c->remote, c->transport);
    tell_addrs(n, c, &m, &pool);
    tell_protocols(n, c, &m);
    trim(&m);
    sign_record(n, &m, &pool);
    size_t mark = pb_frame_open(&out);
    wire_identify_write(&out, &m);
    pb_frame_close(&out, mark);
    PU_ASSERT(!out.full);
    ctx_stream_send(n, s, buf_span(&out));
}
