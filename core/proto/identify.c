/* proto/identify.c - reading what others say they are (libp2p specs identify/), when we ask and
 * when they push.
 *
 * We read several messages until FIN, since go splits long ones, and merge them as they come: a
 * stream keeps sums, not messages. An answer must carry the key that the connection has proven, a
 * push may leave it out; a message with another key is ignored. A push replaces what was known of
 * the peer, but only by what it brings.
 */
#include "ident/envelope.h"
#include "proto/identify_impl.h"
#include "wire/wire_identify.h"
#include "wire/wire_record.h"

enum {
    MESSAGE_MAX = 8192, /* bytes read of one message */
    MESSAGES_MAX = 10,  /* of one stream */
    TELL_STREAMS_MAX = 2,
    PUSH_STREAMS_MAX = 1,
    ASK_DOUBLINGS = 6, /* of the pause before a peer is asked again */
    AGENT_KEPT = 22,   /* bytes of the agent's name that a stream keeps for the trace */
    IDENTITY_HASH = 0, /* first byte of a peer id that holds its key */
    IDENTITY_HEAD_BYTES = 2
};

/* stream->state while we read: what all messages so far said. */
typedef struct told {
    uint16_t protocols, addrs; /* how many were named */
    uint8_t messages;
    bool has_key;    /* the right one, or a push needs none */
    bool has_record; /* its addresses hold, others do not */
    uint8_t agent_len;
    uint16_t speaks; /* as conn.speaks */
    uint8_t agent[AGENT_KEPT];
} told;

_Static_assert(sizeof(told) <= 4 * sizeof(uint64_t), "it lives in stream->state");
_Static_assert(PROTO_COUNT <= 16, "told.speaks has a bit for each");

static bool is_push(const stream *s)
{
    PU_ASSERT(s->proto == PROTO_IDENTIFY || s->proto == PROTO_PUSH);
    return s->proto == PROTO_PUSH;
}

/* ---- telling ---- */

/* Who asks, and whom we push to, is told the same; nothing follows. */
static void tell_and_finish(pu_node *n, stream *s)
{
    const conn *c = ctx_conn(n, s->conn);
    PU_ASSERT(s->handle != 0);
    if (c != NULL && !s->fin_out) identify_tell(n, s, c);
    ctx_stream_fin(n, s);
}

static void identify_opened(pu_node *n, stream *s)
{
    if (s->inbound) tell_and_finish(n, s);
}

static void push_opened(pu_node *n, stream *s)
{
    if (!s->inbound) {
        tell_and_finish(n, s);
        return;
    }
    told *t = STREAM_STATE(s, told);
    conn *c = ctx_conn(n, s->conn);
    PU_ASSERT(!t->has_key);
    t->has_key = true;
    if (c == NULL || !identify_push_allowed(n, c)) ctx_stream_reset(n, s, PU_CODE_RATE);
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
                t->speaks = (uint16_t)(t->speaks | 1u << id);
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
    if (addr.circuit && pu_peer_id_equal(&addr.via, ctx_self(n))) return; /* we are its relay */

    enum pu_scope scope = pu_endpoint_scope(&addr.endpoint);
    bool is_direct = (c->flags & PU_RELAYED) == 0;
    enum pu_scope theirs = pu_endpoint_scope(&c->remote);
    bool is_near = is_direct && (scope == theirs || theirs == PU_SCOPE_LOOPBACK); /* or our host */
    if (scope == PU_SCOPE_NONE || (scope != PU_SCOPE_GLOBAL && !is_near)) return;
    ctx_learn(n, c->peer, maddr);
}

/* The addresses that a message brings. The first of a push replace those that were told before. */
static void take_addrs(pu_node *n, const stream *s, const conn *c, const pu_span *addrs,
                       uint32_t count)
{
    told *t = STREAM_STATE(s, told);
    PU_ASSERT(t->addrs <= WIRE_IDENTIFY_ADDRS_MAX);
    if (is_push(s) && t->addrs == 0 && count > 0) ctx_forget_told(n, c->peer);
    for (uint32_t i = 0; i < count && t->addrs < WIRE_IDENTIFY_ADDRS_MAX; i++) {
        t->addrs++;
        take_addr(n, c, addrs[i]);
    }
}

/* Reads the signed record; record points into bytes. */
static enum record_verdict open_record(pu_node *n, const conn *c, pu_span bytes,
                                       wire_peer_record *record)
{
    static const envelope_kind *const kinds[] = {&envelope_peer_record,
                                                 &envelope_peer_record_legacy};
    pu_peer_id signer;
    pu_span payload, peer = ctx_peer_id(n, c->peer);
    PU_ASSERT(bytes.len > 0);
    enum record_verdict v = envelope_open(&signer, &payload, ctx_env(n)->crypto, bytes, kinds,
                                          sizeof kinds / sizeof kinds[0]);
    if (v != RECORD_OK) return v;
    if (!wire_peer_record_read(record, payload)) return RECORD_MALFORMED;
    if (!span_equal(span_of(signer.bytes, signer.len), peer)) return RECORD_NOT_THEIRS;
    if (!span_equal(record->peer_id, peer)) return RECORD_NOT_THEIRS;
    return ctx_record_is_newer(n, c->peer, record->seq) ? RECORD_OK : RECORD_STALE;
}

/* The record's addresses supersede the plain ones and those of earlier records; a record that does
 * not hold is as if it were not there. */
static void take_record(pu_node *n, stream *s, const conn *c, const wire_identify *m)
{
    told *t = STREAM_STATE(s, told);
    wire_peer_record record;
    PU_ASSERT(c->peer != 0);
    if (m->signed_record.len > 0) {
        enum record_verdict v = open_record(n, c, m->signed_record, &record);
        if (v == RECORD_OK) {
            t->addrs = 0;
            t->has_record = true;
            if (record.addr_count > 0)
                ctx_forget_stale(n, c->peer, record.addrs, record.addr_count);
            take_addrs(n, s, c, record.addrs, record.addr_count);
            return;
        }
        ctx_trace(n, PU_TR_RECORD_REFUSED, c, s, 0, v, 0, span_of(NULL, 0));
    }
    if (!t->has_record) take_addrs(n, s, c, m->addrs, m->addr_count);
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
    if (s->inbound != is_push(s) || t->messages == MESSAGES_MAX) return VERDICT_MALFORMED;
    t->messages++;
    if (!wire_identify_read(&m, message)) return VERDICT_MALFORMED;
    conn *c = ctx_conn(n, s->conn);
    if (c == NULL) return VERDICT_OK;
    PU_ASSERT(c->peer != 0);
    bool is_right =
        m.public_key.len > 0 ? is_key_of(ctx_peer_id(n, c->peer), m.public_key) : t->has_key;
    if (!is_right) {
        ctx_trace(n, PU_TR_MALFORMED, c, s, 0, message.len, 0,
                  ctx_proto_name((enum proto_id)s->proto));
        return VERDICT_OK;
    }
    t->has_key = true;
    take_protocols(t, &m);
    take_agent(t, m.agent_version);
    take_observed(n, c, m.observed);
    take_record(n, s, c, &m);
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
    identify_push_known(n, c);
}

/* What a push says of the peer's protocols holds on each connection that has told its own. */
static void push_fin(pu_node *n, stream *s)
{
    PU_ASSERT(s->fin_in);
    ctx_stream_fin(n, s);
    const told *t = STREAM_STATE(s, told);
    const conn *c = ctx_conn(n, s->conn);
    if (!s->inbound || c == NULL || t->messages == 0) return;
    pu_peer peer = c->peer;
    ctx_trace(n, PU_TR_IDENTIFIED, c, s, 0, t->protocols, t->addrs,
              span_of(t->agent, t->agent_len));
    uint32_t cursor = 0;
    for (conn *other; (other = ctx_conn_at(n, &cursor)) != NULL;) {
        if (other->peer != peer || !other->identified) continue;
        if (t->protocols > 0) other->speaks = t->speaks;
        ctx_identified(n, other);
        identify_push_known(n, other); /* it may speak push since, and be owed one */
    }
}

/* Also one that came whole and was then reset: nobody can tell which. */
static void push_ended(pu_node *n, stream *s, uint32_t code)
{
    conn *c = s->inbound ? NULL : ctx_conn(n, s->conn);
    if (c != NULL && code != PU_CODE_OK && code != PU_CODE_UNSUPPORTED) identify_push_failed(n, c);
}

/* ---- the connection ---- */

/* identify_ns after the first ask that failed, and twice as long after each more. */
static void ask_later(pu_node *n, conn *c)
{
    uint64_t pause_ns = ctx_config(n)->identify_ns << c->asks_failed;
    if (c->asks_failed < ASK_DOUBLINGS) c->asks_failed++;
    ctx_timer(n, TIMER_IDENTIFY, c->handle, ctx_after(n, pause_ns));
}

static void ask(pu_node *n, conn *c)
{
    if (!ctx_stream_open(n, c, PROTO_IDENTIFY, NULL)) ask_later(n, c);
}

static void identify_conn_confirmed(pu_node *n, conn *c)
{
    PU_ASSERT(c->confirmed);
    ask(n, c);
    if ((c->flags & PU_RELAYED) != 0) identify_look(n); /* a hole will be punched */
}

void identify_timer(pu_node *n, uint64_t handle)
{
    conn *c = ctx_conn(n, handle);
    if (c != NULL && !c->identified) ask(n, c);
}

/* Whatever went wrong, the peer is asked again: without its answer it stays unknown, and a relay
 * useless, as long as the connection lasts. Only who does not speak identify is let be. */
static void identify_ended(pu_node *n, stream *s, uint32_t code)
{
    conn *c = s->inbound ? NULL : ctx_conn(n, s->conn);
    if (c != NULL && !c->identified && code != PU_CODE_UNSUPPORTED) ask_later(n, c);
}

static void identify_conn_again(pu_node *n, conn *c)
{
    PU_ASSERT(c->confirmed);
    if (!c->identified) ask(n, c);
    identify_push_again(n);
}

static void identify_conn_down(pu_node *n, conn *c, uint32_t code)
{
    (void)code;
    PU_ASSERT(c->handle != 0);
    ctx_timer(n, TIMER_IDENTIFY, c->handle, PU_NEVER);
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
    .ended = identify_ended,
};

const struct proto proto_push = {
    .name = "/ipfs/id/push/1.0.0",
    .area = PU_AREA_IDENTIFY,
    .on_limited = true,
    .inbound_max = PUSH_STREAMS_MAX,
    .message_max = MESSAGE_MAX,
    .deadline = offsetof(pu_config, identify_ns),
    .opened = push_opened,
    .message = identify_message,
    .fin = push_fin,
    .ended = push_ended,
};

const struct module module_identify = {
    .state_bytes = sizeof(identify_state),
    .conn_confirmed = identify_conn_confirmed,
    .conn_again = identify_conn_again,
    .conn_down = identify_conn_down,
    .addresses_changed = identify_changed,
};
