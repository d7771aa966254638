/* proto/dcutr_answer.c - A, who dialled the relayed connection: it answers CONNECT with its own
 * addresses and dials those of the peer, as QUIC client, when SYNC comes. What identify says of the
 * peer it dials without being asked: whoever is reachable needs no punch. */
#include "base/planted.h"
#include "proto/dcutr_impl.h"

/* stream->state of a stream that the peer opened. */
typedef struct answering {
    bool saw_connect;
} answering;

/* Only who dialled the relayed connection answers. */
static bool may_answer(const conn *c)
{
    PU_ASSERT(c != NULL);
    return (c->flags & PU_RELAYED) != 0 && (c->flags & PU_DIALLER) != 0;
}

void answering_identified(pu_node *n, const conn *c)
{
    PU_ASSERT((c->flags & PU_RELAYED) != 0);
    punch *p = dcutr_has_newer_direct(n, c) ? NULL : punch_of(n, c);
    uint64_t mark = p != NULL ? dcutr_mark(n, c->peer) : 0;
    if (p == NULL || p->mark == mark) return;
    p->mark = mark;
    (void)dcutr_dial_known(n, c->peer, ctx_after(n, ctx_config(n)->dcutr_round_ns));
}

/* Whether the rounds so far count no more: the peer rests dcutr_retry_ns between two attempts, and
 * half of that leaves room for what delays its messages. */
static bool is_new_attempt(const pu_node *n, const punch *p)
{
    pu_time last = p->round_end > p->asked_at ? p->round_end : p->asked_at;
    PU_ASSERT(p->begun <= ctx_now(n));
    return ctx_now(n) >= last && ctx_now(n) - last >= ctx_config(n)->dcutr_retry_ns / 2;
}

/* CONNECT: keep the peer's addresses for SYNC and tell ours. */
static enum verdict answer_connect(pu_node *n, stream *s, const conn *c, const wire_dcutr *m)
{
    punch *p = punch_of(n, c);
    if (p == NULL) return VERDICT_RESET;
    PU_ASSERT(p->phase != PHASE_OVER);
    if (p->phase == PHASE_ANSWERED) return VERDICT_RESET; /* CONNECT twice, on two streams */
    if (is_new_attempt(n, p)) p->rounds = 0;
    if (ctx_at_limit(n, "dcutr_rounds", p->rounds, ctx_config(n)->dcutr_rounds))
        return VERDICT_RESET;
    if (!punch_take_addrs(n, p, m) || !dcutr_send(n, s, WIRE_DCUTR_CONNECT)) return VERDICT_RESET;
    if (p->rounds == 0) {
        p->begun = ctx_now(n);
        ctx_look_again(n); /* for the next round, if this one fails */
        ctx_trace(n, PU_TR_PUNCH_START, c, s, 0, 0, p->addr_count, span_of(NULL, 0));
    }
    p->rounds++;
    p->phase = PHASE_ANSWERED;
    p->stream = s->handle;
    p->asked_at = ctx_now(n);
    near_dial(n, p, m);
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
    if (dcutr_has_newer_direct(n, c)) return VERDICT_OK;
    for (uint32_t i = 0; i < p->addr_count && !PLANTED(PLANTED_NO_ANSWERING_DIAL); i++) {
        direct_addr to = {p->addrs[i], PU_TRANSPORT_QUIC};
        (void)ctx_dial(n, p->peer, &to, p->round_end);
    }
    return VERDICT_OK;
}

void answering_opened(pu_node *n, stream *s)
{
    PU_ASSERT(s->inbound);
    const conn *c = ctx_conn(n, s->conn);
    if (c == NULL || !may_answer(c)) ctx_stream_reset(n, s, PU_CODE_VIOLATION);
}

enum verdict answering_message(pu_node *n, stream *s, const wire_dcutr *m)
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

void answering_ended(pu_node *n, stream *s)
{
    punch *p = punch_find(n, s->conn);
    PU_ASSERT(s->inbound);
    if (p != NULL && p->phase == PHASE_ANSWERED && p->stream == s->handle) p->phase = PHASE_IDLE;
}
