/* proto/dcutr.c - hole punching over a relayed connection: which connections and streams make it
 * begin, go on and end.
 *
 * A, who dialled the relayed connection, is the QUIC client of every round; B, who accepted it, is
 * the server and sends datagrams (docs/decisions/004-dcutr-roles.md).
 *
 * One record a relayed connection, from the first that is known about it until it goes down; its
 * phase says what is waited for, and one timer (PUNCH, the connection's handle) drives it.
 */
#include "proto/dcutr_impl.h"

enum { STREAMS_MAX = 2 /* a round's and one that is not quite over */ };

void dcutr_timer(pu_node *n, uint64_t arg)
{
    PU_ASSERT(arg != 0);
    punch *p = punch_find(n, arg);
    if (p == NULL) return;
    if (p->phase == PHASE_DIALLING)
        p->phase = PHASE_IDLE; /* this round was not it; B begins more */
    else punch_next(n, p);
}

/* ---- streams ---- */

/* As go: only with an address that a peer could punch to, since an exchange without one fails. */
static bool dcutr_served(const pu_node *n)
{
    PU_ASSERT(n != NULL);
    return ctx_config(n)->dcutr != 0 && dcutr_has_own_addr(n);
}

static void dcutr_opened(pu_node *n, stream *s)
{
    PU_ASSERT(s->handle != 0);
    if (s->inbound) answering_opened(n, s);
    else asking_opened(n, s);
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

/* What was missing may be there now, and what failed may have another address to try: each that can
 * begin does so in a step of its own, but no sooner after a failure than the shortest pause. */
static void begin_waiting(pu_node *n)
{
    const dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    for (uint32_t i = 0; d != NULL && i < d->count; i++) {
        punch *p = &d->punches[i];
        const conn *c = ctx_conn(n, p->conn);
        PU_ASSERT(p->conn != 0);
        if (c != NULL && punch_may_begin(n, p, c)) {
            ctx_timer(n, TIMER_PUNCH, p->conn, ctx_now(n));
        } else if (p->phase == PHASE_RESTING && p->mark != dcutr_mark(n, p->peer)) {
            pu_time at = p->rests_from + ctx_config(n)->dcutr_retry_ns;
            p->failures = 0;
            ctx_timer(n, TIMER_PUNCH, p->conn, at > ctx_now(n) ? at : ctx_now(n));
        }
    }
}

static bool initiates(const conn *c)
{
    return (c->flags & PU_RELAYED) != 0 && (c->flags & PU_DIALLER) == 0;
}

static void dcutr_conn_identified(pu_node *n, conn *c)
{
    PU_ASSERT(c->identified);
    bool is_on = (c->flags & PU_RELAYED) != 0 && ctx_config(n)->dcutr != 0;
    punch *p = is_on && initiates(c) ? punch_of(n, c) : NULL;
    if (p != NULL) punch_begin(n, p);
    else if (is_on && !initiates(c)) answering_identified(n, c);
    begin_waiting(n);
}

static void punch_succeeded(pu_node *n, punch *p, const conn *direct)
{
    PU_ASSERT(p->peer == direct->peer);
    bool is_b = p->phase != PHASE_ANSWERED && p->phase != PHASE_DIALLING;
    bool is_under_way = p->phase != PHASE_RESTING;
    stream *s = p->phase == PHASE_ASKED ? ctx_stream(n, p->stream) : NULL;
    p->phase = PHASE_IDLE;
    p->failures = 0;
    punch_addrs_free(n, p);
    ctx_timer(n, TIMER_PUNCH, p->conn, PU_NEVER);
    if (!is_under_way) return; /* it came another way */
    static const char side[2][10] = {"responder", "initiator"};
    ctx_trace(n, PU_TR_PUNCH_OK, direct, NULL, 0, p->rounds, ctx_now(n) - p->begun,
              span_of(side[is_b], sizeof side[0] - 1));
    if (direct->transport == PU_TRANSPORT_QUIC) ctx_dial_cancel(n, p->peer); /* the best there is */
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

/* A direct connection went and left the relayed ones: they are to be replaced again. The peer gets
 * its time to come back by itself. */
static void direct_down(pu_node *n, const conn *direct)
{
    const dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    for (uint32_t i = 0; d != NULL && i < d->count; i++) {
        punch *p = &d->punches[i];
        const conn *c = p->peer == direct->peer ? ctx_conn(n, p->conn) : NULL;
        if (c == NULL || !punch_may_begin(n, p, c)) continue;
        p->failures = 1;
        p->mark = dcutr_mark(n, p->peer);
        punch_rest(n, p);
    }
}

/* Memory was short: a punch may be missing, or the timer that drives it. */
static void dcutr_conn_again(pu_node *n, conn *c)
{
    PU_ASSERT(c->handle != 0);
    punch *p = punch_find(n, c->handle);
    if (p == NULL && c->identified && initiates(c)) dcutr_conn_identified(n, c);
    if (p == NULL || ctx_has_timer(n, TIMER_PUNCH, p->conn)) return;
    switch (p->phase) {
    case PHASE_RESTING: punch_rest(n, p); break;
    case PHASE_DIRECT:
    case PHASE_PAUSE:
    case PHASE_SYNCED:
    case PHASE_SENDING:
    case PHASE_LISTENING: ctx_timer(n, TIMER_PUNCH, p->conn, ctx_now(n)); break;
    case PHASE_IDLE:
    case PHASE_DIALLING: /* the next CONNECT is taken in any case */
    case PHASE_ASKED:    /* its stream has a deadline */
    case PHASE_ANSWERED:
    case PHASE_OVER: break;
    }
}

static void dcutr_conn_down(pu_node *n, conn *c, uint32_t code)
{
    (void)code;
    PU_ASSERT(c->handle != 0);
    if ((c->flags & PU_RELAYED) == 0) direct_down(n, c);
    punch *p = punch_find(n, c->handle);
    if (p == NULL) return;
    dcutr *d = ctx_state_peek(n, MODULE_DCUTR);
    ctx_timer(n, TIMER_PUNCH, p->conn, PU_NEVER);
    bool dials =
        p->phase == PHASE_DIALLING || p->phase == PHASE_DIRECT || p->phase == PHASE_LISTENING;
    if (dials) ctx_dial_cancel(n, c->peer);
    punch_addrs_free(n, p);
    *p = d->punches[--d->count];
}

static void dcutr_close(pu_node *n, void *state)
{
    dcutr *d = state;
    PU_ASSERT(d != NULL);
    for (uint32_t i = 0; i < d->count; i++) punch_addrs_free(n, &d->punches[i]);
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
    .conn_again = dcutr_conn_again,
    .conn_down = dcutr_conn_down,
    .addresses_changed = begin_waiting,
    .close = dcutr_close,
};
