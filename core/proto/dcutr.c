/* proto/dcutr.c - hole punching over a relayed connection, both roles.
 *
 * A, who dialled the relayed connection, is the QUIC client of every round; B, who accepted it, is
 * the server and sends datagrams. In the last of several rounds B dials as well: go-libp2p before
 * 0.41 has it the other way round and waits for that (docs/decisions/004-dcutr-roles.md).
 *
 * One record a relayed connection, from the first that is known about it until it goes down; its
 * phase says what is waited for, and one timer (PUNCH, the connection's handle) drives it. A peer
 * names the addresses we dial or send to, so they are few, global, distinct, and a third party that
 * is named there gets at most punch_datagrams small datagrams in each of dcutr_rounds rounds.
 */
#include "proto/dcutr.h"

#include "base/planted.h"
#include "wire/wire_dcutr.h"

enum {
    ADDRS_MAX = WIRE_DCUTR_ADDRS_MAX, /* a peer's addresses that are used */
    STREAMS_MAX = 2,                  /* a round's and one that is not quite over */
    PER_IP_MAX = 2, /* of them with one IP: a peer cannot aim all at a third party */
    PUNCH_BYTES = 64,
    MESSAGE_BYTES = 1024,
    ADDR_BYTES = 32 /* of one udp/quic-v1 address: 25 at most */
};

_Static_assert(CTX_ADDRS_MAX <= (int)WIRE_DCUTR_ADDRS_MAX, "all our addresses fit a message");
_Static_assert(CTX_ADDRS_MAX *ADDR_BYTES < MESSAGE_BYTES - 64, "and so do their bytes");

#define PUNCH_RAMP_NS (10 * PU_MS)
#define DIRECT_NS (2 * PU_S) /* how long the addresses from identify are tried */
#define PAUSE_NS (1 * PU_S)  /* after an exchange that failed */

enum phase {
    PHASE_IDLE = 0,  /* nothing under way (yet) */
    PHASE_DIRECT,    /* B: dialling what identify said */
    PHASE_ASKED,     /* B: CONNECT sent, or its stream being opened */
    PHASE_PAUSE,     /* B: the exchange failed; the next round follows */
    PHASE_SYNCED,    /* B: half a round trip until SYNC arrives */
    PHASE_SENDING,   /* B: datagrams leave */
    PHASE_LISTENING, /* B: they have left; A may still come */
    PHASE_ANSWERED,  /* A: CONNECT answered */
    PHASE_DIALLING,  /* A: SYNC has come */
    PHASE_OVER       /* B: succeeded or failed, once a relayed connection */
};

/* One relayed connection. */
typedef struct punch {
    pu_handle conn;
    pu_peer peer;     /* its connection holds the reference */
    pu_handle stream; /* of the exchange; 0: not open yet */
    enum phase phase;
    uint32_t rounds; /* begun */
    uint32_t sent;   /* datagrams to each address in this round */
    uint32_t addr_count;
    pu_endpoint *addrs; /* owned; ADDRS_MAX of them: the peer's; NULL: none */
    pu_time begun;      /* the first step or CONNECT */
    pu_time asked_at;   /* our CONNECT left */
    pu_time round_end;
} punch;

/* State of MODULE_DCUTR. */
typedef struct dcutr {
    punch *punches; /* owned */
    uint32_t count, cap;
} dcutr;

/* stream->state of a stream that the peer opened. */
typedef struct answering {
    bool saw_connect;
} answering;

/* ---- records ---- */

static punch *punch_find(const pu_node *n, pu_handle handle)
{
    PU_ASSERT(handle != 0);
    dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    for (uint32_t i = 0; d != NULL && i < d->count; i++)
        if (d->punches[i].conn == handle) return &d->punches[i];
    return NULL;
}

static void no_memory(pu_node *n, const conn *c, size_t bytes)
{
    PU_ASSERT(bytes > 0);
    ctx_no_memory(n, c, bytes);
}

/* The record of c, made when there is none; NULL without memory. */
static punch *punch_of(pu_node *n, const conn *c)
{
    PU_ASSERT((c->flags & PU_RELAYED) != 0);
    punch *p = punch_find(n, c->handle);
    dcutr *d = p == NULL ? ctx_state(n, MODULE_DCUTR) : NULL;
    if (d == NULL) return p;
    if (!mem_grow(ctx_alloc(n), (void **)&d->punches, &d->cap, d->count,
                  (uint32_t)ctx_config(n)->conns_max, sizeof *d->punches)) {
        no_memory(n, c, sizeof *d->punches);
        return NULL;
    }
    p = &d->punches[d->count++];
    *p = (punch){.conn = c->handle, .peer = c->peer};
    return p;
}

static void addrs_free(pu_node *n, punch *p)
{
    PU_ASSERT(p->addr_count == 0 || p->addrs != NULL);
    mem_free(ctx_alloc(n), p->addrs, ADDRS_MAX * sizeof *p->addrs);
    p->addrs = NULL;
    p->addr_count = 0;
}

/* Makes room for the peer's addresses. False: no memory. */
static bool addrs_make(pu_node *n, punch *p)
{
    PU_ASSERT(p->addr_count == 0 || p->addrs != NULL);
    if (p->addrs == NULL) p->addrs = mem_new(ctx_alloc(n), ADDRS_MAX * sizeof *p->addrs);
    if (p->addrs == NULL) no_memory(n, NULL, ADDRS_MAX * sizeof *p->addrs);
    return p->addrs != NULL;
}

/* Adds an address unless it is there already or there are enough. */
static void endpoint_add(pu_endpoint *all, uint32_t *count, uint32_t max, const pu_endpoint *one)
{
    PU_ASSERT(*count <= max);
    uint32_t same_ip = 0;
    for (uint32_t i = 0; i < *count; i++) {
        if (pu_endpoint_equal(&all[i], one)) return;
        if (memcmp(all[i].ip, one->ip, sizeof one->ip) == 0) same_ip++;
    }
    if (*count < max && same_ip < PER_IP_MAX) all[(*count)++] = *one;
}

/* Whether maddr is one that a punch to peer can use: global, udp/quic-v1, not through a relay. */
static bool is_usable(const pu_node *n, pu_peer peer, pu_span maddr, pu_endpoint *endpoint)
{
    pu_addr addr;
    PU_ASSERT(peer != 0);
    if (pu_addr_read(&addr, maddr) != PU_OK) return false;
    if (addr.transport != PU_TRANSPORT_QUIC || addr.circuit || addr.dns) return false;
    pu_span named = span_of(addr.peer.bytes, addr.peer.len);
    if (named.len > 0 && !span_equal(named, ctx_peer_id(n, peer))) return false;
    *endpoint = addr.endpoint;
    return addr.endpoint.port != 0 && pu_endpoint_scope(endpoint) == PU_SCOPE_GLOBAL;
}

/* Replaces the peer's addresses by those of its CONNECT. False: none can be used. */
static bool take_addrs(pu_node *n, punch *p, const wire_dcutr *m)
{
    PU_ASSERT(m->type == WIRE_DCUTR_CONNECT);
    if (!addrs_make(n, p)) return false;
    p->addr_count = 0;
    for (uint32_t i = 0; i < m->addr_count; i++) {
        pu_endpoint endpoint;
        if (is_usable(n, p->peer, m->addrs[i], &endpoint))
            endpoint_add(p->addrs, &p->addr_count, ADDRS_MAX, &endpoint);
    }
    return p->addr_count > 0;
}

/* Where we may be reached: as others see us, and our own global addresses. */
static uint32_t own_addrs(const pu_node *n, pu_endpoint out[CTX_ADDRS_MAX])
{
    uint32_t count = ctx_observed_addrs(n, out);
    pu_endpoint local[CTX_ADDRS_MAX];
    uint32_t local_count = ctx_local_addrs(n, PU_TRANSPORT_QUIC, local);
    PU_ASSERT(count <= CTX_ADDRS_MAX);
    for (uint32_t i = 0; i < local_count; i++)
        if (pu_endpoint_scope(&local[i]) == PU_SCOPE_GLOBAL)
            endpoint_add(out, &count, CTX_ADDRS_MAX, &local[i]);
    return count;
}

/* Sends a message, CONNECT with our addresses. False: we have none, or the peer reads no more. */
static bool send_message(pu_node *n, stream *s, enum wire_dcutr_type type)
{
    wire_dcutr m = {.type = type};
    pu_endpoint own[CTX_ADDRS_MAX];
    uint8_t maddrs[CTX_ADDRS_MAX][PU_MADDR_MAX], bytes[MESSAGE_BYTES];
    if (type == WIRE_DCUTR_CONNECT) m.addr_count = own_addrs(n, own);
    for (uint32_t i = 0; i < m.addr_count; i++) {
        size_t len = pu_addr_write(maddrs[i], &own[i], PU_TRANSPORT_QUIC);
        PU_ASSERT(len <= ADDR_BYTES);
        m.addrs[i] = span_of(maddrs[i], len);
    }
    if (s->fin_out || (type == WIRE_DCUTR_CONNECT && m.addr_count == 0)) return false;
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_dcutr_write(&out, &m);
    PU_ASSERT(!out.full);
    ctx_stream_send(n, s, buf_span(&out));
    return true;
}

/* ---- B: rounds ---- */

static void punch_failed(pu_node *n, punch *p, uint32_t code)
{
    PU_ASSERT(p->phase != PHASE_OVER);
    p->phase = PHASE_OVER;
    addrs_free(n, p);
    ctx_timer(n, TIMER_PUNCH, p->conn, PU_NEVER);
    ctx_trace(n, PU_TR_PUNCH_FAILED, ctx_conn(n, p->conn), NULL, p->peer, p->rounds, code,
              span_of(NULL, 0));
}

/* The peer has not answered as it should: again a little later, unless it never will. */
static void exchange_failed(pu_node *n, punch *p, uint32_t code)
{
    PU_ASSERT(p->phase == PHASE_ASKED);
    if (code == PU_CODE_UNSUPPORTED || p->rounds >= ctx_config(n)->dcutr_rounds) {
        punch_failed(n, p, code);
        return;
    }
    p->phase = PHASE_PAUSE;
    ctx_timer(n, TIMER_PUNCH, p->conn, ctx_after(n, PAUSE_NS));
}

static void round_begin(pu_node *n, punch *p)
{
    conn *c = ctx_conn(n, p->conn);
    PU_ASSERT(p->phase != PHASE_OVER);
    if (c == NULL) return; /* its end is near, and ours with it */
    if (p->rounds >= ctx_config(n)->dcutr_rounds) {
        punch_failed(n, p, PU_CODE_TIMEOUT);
        return;
    }
    p->rounds++;
    p->phase = PHASE_ASKED;
    p->stream = 0;
    if (!ctx_stream_open(n, c, PROTO_DCUTR, NULL)) exchange_failed(n, p, PU_CODE_RESOURCE);
}

/* Whether there is a direct connection that came after the relayed one. An older one proves
 * nothing: a peer that still had it would not have dialled through a relay. */
static bool has_newer_direct(pu_node *n, const conn *c)
{
    PU_ASSERT((c->flags & PU_RELAYED) != 0);
    const conn *direct = ctx_conn_direct(n, c->peer);
    return direct != NULL && pu_handle_ordinal(direct->handle) > pu_handle_ordinal(c->handle);
}

/* Whether B may begin now: it knows A, has something to tell it, and no direct way yet. */
static bool may_begin(pu_node *n, const punch *p, const conn *c)
{
    PU_ASSERT(p->conn == c->handle);
    bool initiates = (c->flags & PU_DIALLER) == 0 && (c->speaks & 1u << PROTO_DCUTR) != 0;
    if (p->phase != PHASE_IDLE || !c->identified || !initiates) return false;
    pu_endpoint own[CTX_ADDRS_MAX];
    return ctx_config(n)->dcutr != 0 && !has_newer_direct(n, c) && own_addrs(n, own) > 0;
}

/* Dials the global addresses that the peer is known by. Returns how many. */
static uint32_t dial_known(pu_node *n, const punch *p, pu_time until)
{
    pu_endpoint known[CTX_ADDRS_MAX];
    uint32_t count = ctx_peer_addrs(n, p->peer, known), dialled = 0;
    PU_ASSERT(count <= CTX_ADDRS_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (pu_endpoint_scope(&known[i]) == PU_SCOPE_GLOBAL)
            dialled += ctx_dial(n, p->peer, &known[i], until) != 0;
    return dialled;
}

static void punch_begin(pu_node *n, punch *p)
{
    const conn *c = ctx_conn(n, p->conn);
    PU_ASSERT(p->conn != 0);
    if (c == NULL || !may_begin(n, p, c)) return;
    p->begun = ctx_now(n);
    p->phase = PHASE_DIRECT;
    ctx_trace(n, PU_TR_PUNCH_START, c, NULL, 0, 1, 0, span_of(NULL, 0));
    uint64_t wait_ns = ctx_config(n)->dcutr_round_ns;
    pu_time until = ctx_after(n, wait_ns < DIRECT_NS ? wait_ns : DIRECT_NS);
    if (dial_known(n, p, until) > 0) ctx_timer(n, TIMER_PUNCH, p->conn, until);
    else round_begin(n, p);
}

/* ---- B: datagrams ---- */

static void send_datagrams(pu_node *n, punch *p)
{
    PU_ASSERT(p->phase == PHASE_SENDING);
    if (PLANTED(PLANTED_NO_DATAGRAMS)) {
        p->sent++;
        return;
    }
    rng *r = ctx_rng(n, RNG_DCUTR);
    p->sent++;
    for (uint32_t i = 0; i < p->addr_count; i++) {
        uint8_t body[PUNCH_BYTES];
        char text[64];
        size_t len = pu_endpoint_text(&p->addrs[i], text);
        rng_bytes(r, body, sizeof body);
        ctx_trace(n, PU_TR_PUNCH_SEND, NULL, NULL, p->peer, p->sent, 0, span_of(text, len));
        ctx_packet(n, &p->addrs[i], span_of(body, sizeof body));
    }
}

/* Pauses are drawn, and short at first: 10 ms times the square of the number sent. */
static uint64_t next_pause_ns(pu_node *n, const punch *p)
{
    PU_ASSERT(p->sent > 0);
    const pu_config *config = ctx_config(n);
    uint64_t most_ns = PUNCH_RAMP_NS * p->sent * p->sent;
    if (most_ns > config->punch_gap_most_ns) most_ns = config->punch_gap_most_ns;
    if (most_ns < config->punch_gap_least_ns) most_ns = config->punch_gap_least_ns;
    return rng_between(ctx_rng(n, RNG_DCUTR), config->punch_gap_least_ns, most_ns);
}

static void punch_send(pu_node *n, punch *p)
{
    PU_ASSERT(p->addr_count > 0);
    send_datagrams(n, p);
    if (p->sent < ctx_config(n)->punch_datagrams) {
        ctx_timer(n, TIMER_PUNCH, p->conn, ctx_after(n, next_pause_ns(n, p)));
        return;
    }
    p->phase = PHASE_LISTENING;
    ctx_timer(n, TIMER_PUNCH, p->conn, p->round_end);
}

/* Whether the peer has had its rounds as client, in vain. */
static bool swaps_roles(const pu_node *n, const punch *p)
{
    PU_ASSERT(p->rounds > 0);
    return p->rounds > 1 && p->rounds >= ctx_config(n)->dcutr_rounds;
}

static void sending_begin(pu_node *n, punch *p)
{
    PU_ASSERT(p->phase == PHASE_SYNCED);
    p->phase = PHASE_SENDING;
    p->sent = 0;
    for (uint32_t i = 0; swaps_roles(n, p) && i < p->addr_count; i++)
        (void)ctx_dial(n, p->peer, &p->addrs[i], p->round_end);
    punch_send(n, p);
}

void dcutr_timer(pu_node *n, uint64_t arg)
{
    PU_ASSERT(arg != 0);
    punch *p = punch_find(n, arg);
    if (p == NULL) return;
    switch (p->phase) {
    case PHASE_IDLE: punch_begin(n, p); break;
    case PHASE_DIRECT:
    case PHASE_PAUSE:
    case PHASE_LISTENING: round_begin(n, p); break;
    case PHASE_SYNCED: sending_begin(n, p); break;
    case PHASE_SENDING: punch_send(n, p); break;
    case PHASE_DIALLING:
        p->phase = PHASE_IDLE; /* this round was not it; B may begin another */
        break;
    case PHASE_ASKED:
    case PHASE_ANSWERED:
    case PHASE_OVER: break; /* armed before something overtook it */
    }
}

/* ---- the exchange, B's side ---- */

static void asking_opened(pu_node *n, stream *s)
{
    punch *p = punch_find(n, s->conn);
    PU_ASSERT(!s->inbound);
    bool is_wanted = p != NULL && p->phase == PHASE_ASKED && p->stream == 0;
    if (is_wanted) {
        p->stream = s->handle;
        p->asked_at = ctx_now(n);
    }
    if (!is_wanted || !send_message(n, s, WIRE_DCUTR_CONNECT))
        ctx_stream_reset(n, s, PU_CODE_COLLECTED);
}

static enum verdict asking_message(pu_node *n, stream *s, const wire_dcutr *m)
{
    punch *p = punch_find(n, s->conn);
    bool is_awaited = p != NULL && p->phase == PHASE_ASKED && p->stream == s->handle;
    PU_ASSERT(!s->inbound);
    if (!is_awaited || m->type != WIRE_DCUTR_CONNECT) return VERDICT_MALFORMED;
    if (!take_addrs(n, p, m) || !send_message(n, s, WIRE_DCUTR_SYNC)) return VERDICT_RESET;
    ctx_stream_fin(n, s);
    uint64_t rtt_ns = ctx_now(n) - p->asked_at;
    p->phase = PHASE_SYNCED;
    p->round_end = ctx_after(n, ctx_config(n)->dcutr_round_ns);
    uint64_t wait_ns = PLANTED(PLANTED_LATE_PUNCH) ? 9 * PU_S : rtt_ns / 2;
    ctx_timer(n, TIMER_PUNCH, p->conn, ctx_after(n, wait_ns));
    ctx_trace(n, PU_TR_PUNCH_SYNC, ctx_conn(n, s->conn), s, 0, p->rounds, rtt_ns, span_of(NULL, 0));
    return VERDICT_OK;
}

static void asking_fin(pu_node *n, stream *s)
{
    const punch *p = punch_find(n, s->conn);
    PU_ASSERT(s->fin_in);
    bool is_awaited = p != NULL && p->phase == PHASE_ASKED && p->stream == s->handle;
    if (is_awaited) ctx_stream_reset(n, s, PU_CODE_VIOLATION);
    else ctx_stream_fin(n, s);
}

/* s->handle is 0 when the stream never came. */
static void asking_ended(pu_node *n, stream *s, uint32_t code)
{
    punch *p = punch_find(n, s->conn);
    PU_ASSERT(!s->inbound);
    if (p != NULL && p->phase == PHASE_ASKED && p->stream == s->handle) exchange_failed(n, p, code);
}

/* ---- the exchange, A's side ---- */

/* Only who dialled the relayed connection answers. */
static bool may_answer(const conn *c)
{
    PU_ASSERT(c != NULL);
    return (c->flags & PU_RELAYED) != 0 && (c->flags & PU_DIALLER) != 0;
}

/* CONNECT: keep the peer's addresses for SYNC and tell ours. */
static enum verdict answer_connect(pu_node *n, stream *s, const conn *c, const wire_dcutr *m)
{
    punch *p = punch_of(n, c);
    if (p == NULL) return VERDICT_RESET;
    PU_ASSERT(p->phase != PHASE_OVER);
    if (p->phase == PHASE_ANSWERED) return VERDICT_RESET; /* CONNECT twice, on two streams */
    if (ctx_at_limit(n, "dcutr_rounds", p->rounds, ctx_config(n)->dcutr_rounds))
        return VERDICT_RESET;
    if (!take_addrs(n, p, m) || !send_message(n, s, WIRE_DCUTR_CONNECT)) return VERDICT_RESET;
    if (p->rounds == 0) {
        p->begun = ctx_now(n);
        ctx_trace(n, PU_TR_PUNCH_START, c, s, 0, 0, p->addr_count, span_of(NULL, 0));
    }
    p->rounds++;
    p->phase = PHASE_ANSWERED;
    p->stream = s->handle;
    p->asked_at = ctx_now(n);
    return VERDICT_OK;
}

/* SYNC: dial at once, while the peer opens its NAT's way for us. */
static enum verdict answer_sync(pu_node *n, stream *s, const conn *c)
{
    punch *p = punch_find(n, c->handle);
    if (p == NULL || p->phase != PHASE_ANSWERED || p->stream != s->handle) return VERDICT_MALFORMED;
    PU_ASSERT(p->addr_count > 0);
    ctx_stream_fin(n, s);
    ctx_trace(n, PU_TR_PUNCH_SYNC, c, s, 0, p->rounds, ctx_now(n) - p->asked_at, span_of(NULL, 0));
    p->phase = PHASE_DIALLING;
    p->round_end = ctx_after(n, ctx_config(n)->dcutr_round_ns);
    ctx_timer(n, TIMER_PUNCH, p->conn, p->round_end);
    if (has_newer_direct(n, c)) return VERDICT_OK;
    for (uint32_t i = 0; i < p->addr_count; i++)
        if (!PLANTED(PLANTED_NO_ANSWERING_DIAL))
            (void)ctx_dial(n, p->peer, &p->addrs[i], p->round_end);
    return VERDICT_OK;
}

static enum verdict answering_message(pu_node *n, stream *s, const wire_dcutr *m)
{
    answering *state = STREAM_STATE(s, answering);
    const conn *c = ctx_conn(n, s->conn);
    PU_ASSERT(s->inbound);
    if (c == NULL) return VERDICT_OK;
    bool is_first = !state->saw_connect;
    if ((m->type == WIRE_DCUTR_CONNECT) != is_first) return VERDICT_MALFORMED;
    state->saw_connect = true;
    return is_first ? answer_connect(n, s, c, m) : answer_sync(n, s, c);
}

static void answering_ended(pu_node *n, stream *s)
{
    punch *p = punch_find(n, s->conn);
    PU_ASSERT(s->inbound);
    if (p != NULL && p->phase == PHASE_ANSWERED && p->stream == s->handle) p->phase = PHASE_IDLE;
}

/* ---- streams ---- */

static bool dcutr_served(const pu_node *n)
{
    PU_ASSERT(n != NULL);
    return ctx_config(n)->dcutr != 0;
}

static void dcutr_opened(pu_node *n, stream *s)
{
    PU_ASSERT(s->handle != 0);
    if (!s->inbound) {
        asking_opened(n, s);
        return;
    }
    const conn *c = ctx_conn(n, s->conn);
    if (c == NULL || !may_answer(c)) ctx_stream_reset(n, s, PU_CODE_VIOLATION);
}

static enum verdict dcutr_message(pu_node *n, stream *s, pu_span message)
{
    wire_dcutr m;
    PU_ASSERT(s->proto == PROTO_DCUTR);
    if (!wire_dcutr_read(&m, message)) return VERDICT_MALFORMED;
    return s->inbound ? answering_message(n, s, &m) : asking_message(n, s, &m);
}

static void dcutr_fin(pu_node *n, stream *s)
{
    PU_ASSERT(s->fin_in);
    if (s->inbound) ctx_stream_fin(n, s);
    else asking_fin(n, s);
}

static void dcutr_ended(pu_node *n, stream *s, uint32_t code)
{
    PU_ASSERT(s->proto == PROTO_DCUTR);
    if (s->inbound) answering_ended(n, s);
    else asking_ended(n, s, code);
}

/* ---- connections ---- */

/* What was missing may be there now: each that can begin does so in a step of its own. */
static void begin_waiting(pu_node *n)
{
    const dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    for (uint32_t i = 0; d != NULL && i < d->count; i++) {
        const conn *c = ctx_conn(n, d->punches[i].conn);
        PU_ASSERT(d->punches[i].conn != 0);
        if (c != NULL && may_begin(n, &d->punches[i], c))
            ctx_timer(n, TIMER_PUNCH, c->handle, ctx_now(n));
    }
}

static void dcutr_conn_identified(pu_node *n, conn *c)
{
    PU_ASSERT(c->identified);
    bool initiates = (c->flags & PU_RELAYED) != 0 && (c->flags & PU_DIALLER) == 0;
    punch *p = initiates && ctx_config(n)->dcutr != 0 ? punch_of(n, c) : NULL;
    if (p != NULL) punch_begin(n, p);
    begin_waiting(n);
}

static void punch_succeeded(pu_node *n, punch *p, const conn *direct)
{
    PU_ASSERT(p->peer == direct->peer);
    bool is_b = p->phase != PHASE_ANSWERED && p->phase != PHASE_DIALLING;
    stream *s = p->phase == PHASE_ASKED ? ctx_stream(n, p->stream) : NULL;
    p->phase = is_b ? PHASE_OVER : PHASE_IDLE;
    addrs_free(n, p);
    ctx_timer(n, TIMER_PUNCH, p->conn, PU_NEVER);
    static const char side[2][10] = {"responder", "initiator"};
    ctx_trace(n, PU_TR_PUNCH_OK, direct, NULL, 0, p->rounds, ctx_now(n) - p->begun,
              span_of(side[is_b], sizeof side[0] - 1));
    ctx_dial_cancel(n, p->peer);
    if (s != NULL) ctx_stream_reset(n, s, PU_CODE_SUPPLANTED);
}

static void dcutr_conn_confirmed(pu_node *n, conn *c)
{
    dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    PU_ASSERT(c->confirmed);
    if ((c->flags & PU_RELAYED) != 0) return;
    for (uint32_t i = 0; d != NULL && i < d->count; i++) {
        punch *p = &d->punches[i];
        if (p->peer == c->peer && p->phase != PHASE_IDLE && p->phase != PHASE_OVER)
            punch_succeeded(n, p, c);
    }
}

static void dcutr_conn_down(pu_node *n, conn *c, uint32_t code)
{
    (void)code;
    PU_ASSERT(c->handle != 0);
    punch *p = punch_find(n, c->handle);
    if (p == NULL) return;
    dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    ctx_timer(n, TIMER_PUNCH, p->conn, PU_NEVER);
    if (p->phase == PHASE_DIALLING || p->phase == PHASE_DIRECT) ctx_dial_cancel(n, c->peer);
    addrs_free(n, p);
    *p = d->punches[--d->count];
}

static void dcutr_close(pu_node *n, void *state)
{
    dcutr *d = state;
    PU_ASSERT(d != NULL);
    for (uint32_t i = 0; i < d->count; i++) addrs_free(n, &d->punches[i]);
    mem_free(ctx_alloc(n), d->punches, d->cap * sizeof *d->punches);
}

const struct proto proto_dcutr = {
    .name = "/libp2p/dcutr",
    .area = PU_AREA_DCUTR,
    .on_limited = true,
    .served = dcutr_served,
    .inbound_max = STREAMS_MAX,
    .message_max = WIRE_DCUTR_MESSAGE_MAX,
    .deadline = offsetof(pu_config, dcutr_ns),
    .opened = dcutr_opened,
    .message = dcutr_message,
    .fin = dcutr_fin,
    .ended = dcutr_ended,
};

const struct module module_dcutr = {
    .state_bytes = sizeof(dcutr),
    .conn_confirmed = dcutr_conn_confirmed,
    .conn_identified = dcutr_conn_identified,
    .conn_down = dcutr_conn_down,
    .addresses_changed = begin_waiting,
    .close = dcutr_close,
};
