/* proto/dcutr_ask.c - B, who accepted the relayed connection: it begins, asks, says when, and opens
 * its NAT's way with datagrams. When these are out and A has not come, though it has had time for a
 * second INITIAL, B dials as well: A cannot hit the port of a NAT that has another for each remote,
 * while B's dial comes from that port; and go-libp2p before 0.41, which has the roles the other way
 * round, waits for it.
 *
 * An attempt is a direct dial and up to dcutr_rounds rounds. After one that failed the next follows
 * when dcutr_retry_ns have passed, then twice as long, up to dcutr_retry_most_ns; other addresses
 * on either side begin that anew (docs/decisions/004-dcutr-roles.md).
 */
#include "base/planted.h"
#include "proto/dcutr_impl.h"

enum { PUNCH_BYTES = 64, RETRY_DOUBLINGS = 16 };

#define PUNCH_RAMP_NS (10 * PU_MS)
#define DIRECT_NS (2 * PU_S) /* how long the addresses from identify are tried */
#define PAUSE_NS (1 * PU_S)  /* after an exchange that failed */
#define CLIENT_NS \
    (1500 * PU_MS) /* A's: a second for its first INITIAL, and the way of its second */

/* ---- attempts and rounds ---- */

void punch_rest(pu_node *n, punch *p)
{
    const pu_config *config = ctx_config(n);
    PU_ASSERT(p->phase != PHASE_OVER);
    uint32_t doublings = p->failures > 0 ? p->failures - 1 : 0; /* none: there is a new address */
    if (doublings > RETRY_DOUBLINGS) doublings = RETRY_DOUBLINGS;
    uint64_t pause_ns = config->dcutr_retry_ns << doublings;
    if (pause_ns > config->dcutr_retry_most_ns) pause_ns = config->dcutr_retry_most_ns;
    p->phase = PHASE_RESTING;
    p->rests_from = ctx_now(n);
    ctx_timer(n, TIMER_PUNCH, p->conn, ctx_after(n, pause_ns));
}

static void punch_failed(pu_node *n, punch *p, uint32_t code)
{
    PU_ASSERT(p->phase != PHASE_OVER);
    punch_addrs_free(n, p);
    ctx_trace(n, PU_TR_PUNCH_FAILED, ctx_conn(n, p->conn), NULL, p->peer, p->rounds, code,
              span_of(NULL, 0));
    bool is_outdated = p->mark != dcutr_mark(n, p->peer); /* something new came meanwhile */
    p->failures = is_outdated ? 1 : p->failures + 1;
    if (code != PU_CODE_UNSUPPORTED) {
        punch_rest(n, p);
        return;
    }
    p->phase = PHASE_OVER;
    ctx_timer(n, TIMER_PUNCH, p->conn, PU_NEVER);
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

bool punch_may_begin(pu_node *n, const punch *p, const conn *c)
{
    PU_ASSERT(p->conn == c->handle);
    bool initiates = (c->flags & PU_DIALLER) == 0 && (c->speaks & 1u << PROTO_DCUTR) != 0;
    if (p->phase != PHASE_IDLE || !c->identified || !initiates) return false;
    return ctx_config(n)->dcutr != 0 && !dcutr_has_newer_direct(n, c) && dcutr_has_own_addr(n);
}

void punch_begin(pu_node *n, punch *p)
{
    const conn *c = ctx_conn(n, p->conn);
    PU_ASSERT(p->conn != 0);
    if (c == NULL || !punch_may_begin(n, p, c)) return;
    p->begun = ctx_now(n);
    p->rounds = 0;
    p->mark = dcutr_mark(n, p->peer);
    p->phase = PHASE_DIRECT;
    ctx_trace(n, PU_TR_PUNCH_START, c, NULL, 0, 1, 0, span_of(NULL, 0));
    uint64_t wait_ns = ctx_config(n)->dcutr_round_ns;
    pu_time until = ctx_after(n, wait_ns < DIRECT_NS ? wait_ns : DIRECT_NS);
    if (dcutr_dial_known(n, p->peer, until) > 0) ctx_timer(n, TIMER_PUNCH, p->conn, until);
    else round_begin(n, p);
}

/* ---- datagrams ---- */

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
    pu_time next = p->dial_at > ctx_now(n) ? p->dial_at : ctx_now(n);
    ctx_timer(n, TIMER_PUNCH, p->conn, next < p->round_end ? next : p->round_end);
}

/* The peer has had its time as client; a round that is over leaves none to us. */
static void listening_next(pu_node *n, punch *p)
{
    PU_ASSERT(p->phase == PHASE_LISTENING);
    if (p->dial_at == PU_NEVER || ctx_now(n) >= p->round_end) {
        round_begin(n, p);
        return;
    }
    p->dial_at = PU_NEVER;
    for (uint32_t i = 0; i < p->addr_count; i++) {
        direct_addr to = {p->addrs[i], PU_TRANSPORT_QUIC};
        (void)ctx_dial(n, p->peer, &to, p->round_end);
    }
    ctx_timer(n, TIMER_PUNCH, p->conn, p->round_end);
}

static void sending_begin(pu_node *n, punch *p)
{
    PU_ASSERT(p->phase == PHASE_SYNCED);
    p->phase = PHASE_SENDING;
    p->sent = 0;
    uint64_t half_ns = ctx_config(n)->dcutr_round_ns / 2;
    p->dial_at = ctx_after(n, CLIENT_NS < half_ns ? CLIENT_NS : half_ns);
    punch_send(n, p);
}

void punch_next(pu_node *n, punch *p)
{
    switch (p->phase) {
    case PHASE_RESTING:
        p->phase = PHASE_IDLE;
        ctx_look_again(n);
        punch_begin(n, p);
        break;
    case PHASE_IDLE: punch_begin(n, p); break;
    case PHASE_DIRECT:
    case PHASE_PAUSE: round_begin(n, p); break;
    case PHASE_LISTENING: listening_next(n, p); break;
    case PHASE_SYNCED: sending_begin(n, p); break;
    case PHASE_SENDING: punch_send(n, p); break;
    case PHASE_DIALLING:
    case PHASE_ASKED:
    case PHASE_ANSWERED:
    case PHASE_OVER: break; /* armed before something overtook it */
    }
}

/* ---- the exchange ---- */

void asking_opened(pu_node *n, stream *s)
{
    punch *p = punch_find(n, s->conn);
    PU_ASSERT(!s->inbound);
    bool is_wanted = p != NULL && p->phase == PHASE_ASKED && p->stream == 0;
    if (is_wanted) {
        p->stream = s->handle;
        p->asked_at = ctx_now(n);
    }
    if (!is_wanted || !dcutr_send(n, s, WIRE_DCUTR_CONNECT))
        ctx_stream_reset(n, s, PU_CODE_COLLECTED);
}

enum verdict asking_message(pu_node *n, stream *s, const wire_dcutr *m)
{
    punch *p = punch_find(n, s->conn);
    bool is_awaited = p != NULL && p->phase == PHASE_ASKED && p->stream == s->handle;
    PU_ASSERT(!s->inbound);
    if (!is_awaited || m->type != WIRE_DCUTR_CONNECT) return VERDICT_MALFORMED;
    if (!punch_take_addrs(n, p, m) || !dcutr_send(n, s, WIRE_DCUTR_SYNC)) return VERDICT_RESET;
    ctx_stream_fin(n, s);
    near_dial(n, p, m);
    uint64_t rtt_ns = ctx_now(n) - p->asked_at;
    p->phase = PHASE_SYNCED;
    p->round_end = ctx_after(n, ctx_config(n)->dcutr_round_ns);
    uint64_t wait_ns = PLANTED(PLANTED_LATE_PUNCH) ? 9 * PU_S : rtt_ns / 2;
    ctx_timer(n, TIMER_PUNCH, p->conn, ctx_after(n, wait_ns));
    ctx_trace(n, PU_TR_PUNCH_SYNC, ctx_conn(n, s->conn), s, 0, p->rounds, rtt_ns, span_of(NULL, 0));
    return VERDICT_OK;
}

void asking_fin(pu_node *n, stream *s)
{
    const punch *p = punch_find(n, s->conn);
    PU_ASSERT(s->fin_in);
    bool is_awaited = p != NULL && p->phase == PHASE_ASKED && p->stream == s->handle;
    if (is_awaited) ctx_stream_reset(n, s, PU_CODE_VIOLATION);
    else ctx_stream_fin(n, s);
}

/* s->handle is 0 when the stream never came. */
void asking_ended(pu_node *n, stream *s, uint32_t code)
{
    punch *p = punch_find(n, s->conn);
    PU_ASSERT(!s->inbound);
    if (p != NULL && p->phase == PHASE_ASKED && p->stream == s->handle) exchange_failed(n, p, code);
}
