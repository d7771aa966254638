/* proto/identify.c - telling what we are, and reading what others say (libp2p specs identify/).
 *
 * We tell it in one message that every stack reads. We read several until FIN, since go splits
 * long ones, and merge them as they come: a stream keeps sums, not messages. Its first message must
 * carry the key that the connection has proven; one with another key is ignored.
 */
#include "proto/identify.h"

#include "wire/wire_identify.h"

enum {
    MESSAGE_MAX = 8192, /* bytes read of one message */
    MESSAGES_MAX = 10,  /* of one stream */
    TELL_MAX = 4096,    /* bytes told, length included: what rust reads */
    TELL_STREAMS_MAX = 2,
    TELL_POOL_BYTES = 8192, /* for the addresses told, in binary */
    AGENT_KEPT = 24,        /* bytes of the agent's name that a stream keeps for the trace */
    IDENTITY_HASH = 0,      /* first byte of a peer id that holds its key */
    IDENTITY_HEAD_BYTES = 2
};

/* stream->state while we read: what all messages so far said. */
typedef struct told {
    uint16_t protocols, addrs; /* how many were named */
    uint8_t messages;
    bool has_key;   /* the right one */
    uint8_t speaks; /* as conn.speaks */
    uint8_t agent_len;
    uint8_t agent[AGENT_KEPT];
} told;

_Static_assert(sizeof(told) <= 4 * sizeof(uint64_t), "it lives in stream->state");
_Static_assert(PROTO_COUNT <= 8, "told.speaks has a bit for each");

/* ---- telling ---- */

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

static void tell_protocols(const pu_node *n, wire_identify *m)
{
    PU_ASSERT(m->protocol_count == 0);
    for (int id = PROTO_NONE + 1; id < PROTO_COUNT; id++) {
        if (ctx_proto(n, (enum proto_id)id) != NULL)
            m->protocols[m->protocol_count++] = ctx_proto_name((enum proto_id)id);
    }
}

/* Writes m framed into out and returns its length. What does not fit is left out: addresses from
 * the last, then protocols. */
static size_t write_trimmed(wire_identify *m, uint8_t out[TELL_MAX])
{
    for (;;) {
        pu_buf b = buf_of(out, TELL_MAX);
        size_t mark = pb_frame_open(&b);
        wire_identify_write(&b, m);
        pb_frame_close(&b, mark);
        if (!b.full) return b.len;
        PU_ASSERT(m->addr_count + m->protocol_count > 0);
        if (m->addr_count > 0) m->addr_count--;
        else m->protocol_count--;
    }
}

static void tell(pu_node *n, stream *s, const conn *c)
{
    PU_ASSERT(s->inbound);
    uint8_t key[PU_ED25519_KEY_BYTES], key_pb[PU_PUBLIC_KEY_PB_BYTES];
    uint8_t pool_bytes[TELL_POOL_BYTES], message[TELL_MAX];
    pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes);
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
    tell_protocols(n, &m);
    size_t len = write_trimmed(&m, message);
    ctx_stream_send(n, s, span_of(message, len));
}

static void identify_opened(pu_node *n, stream *s)
{
    PU_ASSERT(s->handle != 0);
    if (!s->inbound) return;
    const conn *c = ctx_conn(n, s->conn);
    if (c != NULL && !s->fin_out) tell(n, s, c);
    ctx_stream_fin(n, s);
}

/* ---- reading ---- */

/* Whether key is the one behind the id that the connection has proven. An id that is a hash says
 * nothing here, and need not: only long keys have one, and the key is used for nothing else. */
static bool is_key_of(pu_span id, pu_span key)
{
    PU_ASSERT(id.len > IDENTITY_HEAD_BYTES);
    if (id.base[0] != IDENTITY_HASH) return key.len > PU_PEER_ID_MAX - IDENTITY_HEAD_BYTES;
    return span_equal(span_skip(id, IDENTITY_HEAD_BYTES), key);
}

static void take_protocols(told *t, const wire_identify *m)
{
    PU_ASSERT(t->protocols <= WIRE_IDENTIFY_PROTOCOLS_MAX);
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        if (t->protocols == WIRE_IDENTIFY_PROTOCOLS_MAX) return;
        t->protocols++;
        for (int id = PROTO_NONE + 1; id < PROTO_COUNT; id++)
            if (span_equal(m->protocols[i], ctx_proto_name((enum proto_id)id)))
                t->speaks = (uint8_t)(t->speaks | 1u << id);
    }
}

static void take_addr(pu_node *n, const conn *c, pu_span maddr)
{
    PU_ASSERT(c->peer != 0);
    pu_addr addr;
    if (pu_addr_read(&addr, maddr) != PU_OK) return;
    if (addr.transport == PU_TRANSPORT_NONE || addr.dns) return;
    pu_span named = span_of(addr.peer.bytes, addr.peer.len);
    if (named.len > 0 && !span_equal(named, ctx_peer_id(n, c->peer))) return;

    enum pu_scope scope = pu_endpoint_scope(&addr.endpoint);
    bool is_direct = (c->flags & PU_RELAYED) == 0;
    bool is_near = is_direct && scope == pu_endpoint_scope(&c->remote);
    if (scope == PU_SCOPE_NONE || (scope != PU_SCOPE_GLOBAL && !is_near)) return;
    ctx_learn(n, c->peer, maddr);
}

static void take_addrs(pu_node *n, const conn *c, told *t, const wire_identify *m)
{
    PU_ASSERT(t->addrs <= WIRE_IDENTIFY_ADDRS_MAX);
    for (uint32_t i = 0; i < m->addr_count && t->addrs < WIRE_IDENTIFY_ADDRS_MAX; i++) {
        t->addrs++;
        take_addr(n, c, m->addrs[i]);
    }
}

/* How they see us, if this connection can tell. */
static void take_observed(pu_node *n, conn *c, pu_span maddr)
{
    PU_ASSERT(c != NULL);
    pu_addr addr;
    if ((c->flags & PU_RELAYED) != 0 || pu_addr_read(&addr, maddr) != PU_OK) return;
    if (addr.circuit || addr.dns || addr.transport == PU_TRANSPORT_NONE) return;
    if (addr.transport == c->transport) ctx_observed(n, c, &addr.endpoint);
}

static void take_agent(told *t, pu_span agent)
{
    PU_ASSERT(t != NULL);
    if (agent.len == 0) return;
    t->agent_len = (uint8_t)(agent.len < AGENT_KEPT ? agent.len : AGENT_KEPT);
    memcpy(t->agent, agent.base, t->agent_len);
}

static enum verdict identify_message(pu_node *n, stream *s, pu_span message)
{
    told *t = STREAM_STATE(s, told);
    wire_identify m = {0};
    if (s->inbound || t->messages == MESSAGES_MAX) return VERDICT_MALFORMED;
    t->messages++;
    if (!wire_identify_read(&m, message)) return VERDICT_MALFORMED;
    conn *c = ctx_conn(n, s->conn);
    if (c == NULL) return VERDICT_OK;
    PU_ASSERT(c->peer != 0);
    bool is_right =
        m.public_key.len > 0 ? is_key_of(ctx_peer_id(n, c->peer), m.public_key) : t->has_key;
    if (!is_right) {
        ctx_trace(n, PU_TR_MALFORMED, c, s, 0, message.len, 0, ctx_proto_name(PROTO_IDENTIFY));
        return VERDICT_OK;
    }
    t->has_key = true;
    take_protocols(t, &m);
    take_agent(t, m.agent_version);
    take_observed(n, c, m.observed);
    take_addrs(n, c, t, &m);
    return VERDICT_OK;
}

static void identify_fin(pu_node *n, stream *s)
{
    PU_ASSERT(s->fin_in);
    ctx_stream_fin(n, s);
    const told *t = STREAM_STATE(s, told);
    conn *c = ctx_conn(n, s->conn);
    if (s->inbound || c == NULL || !t->has_key) return;
    c->speaks = t->speaks;
    c->identified = true;
    ctx_trace(n, PU_TR_IDENTIFIED, c, s, 0, t->protocols, t->addrs,
              span_of(t->agent, t->agent_len));
    ctx_identified(n, c);
}

/* ---- the connection ---- */

static void identify_conn_confirmed(pu_node *n, conn *c)
{
    PU_ASSERT(c->confirmed);
    (void)ctx_stream_open(n, c, PROTO_IDENTIFY, NULL); /* without it the peer stays unknown */
}

const struct proto proto_identify = {
    .name = "/ipfs/id/1.0.0",
    .area = PU_AREA_IDENTIFY,
    .on_limited = true,
    .inbound_max = TELL_STREAMS_MAX,
    .message_max = MESSAGE_MAX,
    .deadline = offsetof(pu_config, identify_ns),
    .opened = identify_opened,
    .message = identify_message,
    .fin = identify_fin,
};

const struct module module_identify = {.conn_confirmed = identify_conn_confirmed};
