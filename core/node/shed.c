/* Memory was short: what was shed is begun again a while later, so that one refused request never
 * costs a peer for good. The time of that is kept in the node itself, since a timer may be what
 * could not be had. */
#include "node/apps.h"

#define SHED_PAUSE_NS (1 * PU_S)
#define COMMAND_NS (30 * PU_S) /* of a command whose deadline is lost */

void ctx_no_memory(pu_node *n, const conn *c, size_t bytes)
{
    PU_ASSERT(bytes > 0);
    ctx_trace(n, PU_TR_NO_MEMORY, c, NULL, 0, bytes, 0, span_of(NULL, 0));
    if (n->shed_until == PU_NEVER) n->shed_until = ctx_after(n, SHED_PAUSE_NS);
}

/* A connection may lack its end, or what modules begin on it. */
static void conn_again(pu_node *n, conn *c)
{
    PU_ASSERT(c->state == CONN_UP);
    if (c->doomed) {
        ctx_timer(n, TIMER_CONN, c->handle, n->now);
        return;
    }
    conns_spare(n, c, false);
    for (uint32_t m = 0; c->confirmed && m < MODULE_COUNT; m++) {
        const struct module *module = module_of((enum module_id)m);
        if (module->conn_again != NULL) module->conn_again(n, c);
    }
}

/* Legs may lack the timer that starts or ends them, and so may a STOP. */
static void timers_again(pu_node *n)
{
    for (uint32_t i = 0; i < n->leg_count; i++)
        if (n->legs[i].state == LEG_PLANNED || n->legs[i].state == LEG_WAITING ||
            n->legs[i].state == LEG_NAMING)
            ctx_timer(n, TIMER_LEG, n->legs[i].peer, n->now);
    for (uint32_t i = 0; i < n->command_count; i++)
        if (n->commands[i].what == PU_CMD_STOP)
            ctx_timer(n, TIMER_COMMAND, n->commands[i].token, n->now);
}

/* Sets a timer that is missing: so long from now. */
static void timer_again(pu_node *n, enum timer_kind kind, uint64_t arg, uint64_t within_ns)
{
    if (!ctx_has_timer(n, kind, arg)) ctx_timer(n, kind, arg, ctx_after(n, within_ns));
}

/* How long a stream may last that has no deadline of its own; 0: no matter. */
static uint64_t stream_life_ns(const pu_node *n, const stream *s)
{
    uint64_t life = 0;
    if (s->phase == STREAM_SELECTING) return n->config->select_ns;
    const struct proto *proto = proto_of((enum proto_id)s->proto);
    if (s->phase == STREAM_OPEN && !s->has_deadline && proto->deadline != 0)
        memcpy(&life, (const uint8_t *)n->config + proto->deadline, sizeof life);
    return life;
}

/* What a peer or the host owes us has a deadline, also where the timer of it found no memory. */
static void deadlines_again(pu_node *n)
{
    for (uint32_t i = 0; i < n->conn_cap; i++) {
        const conn *c = &n->conns[i];
        bool is_asked = c->state == CONN_ASKED || (c->state == CONN_UP && !c->confirmed);
        if (is_asked && !c->doomed)
            timer_again(n, TIMER_CONN, c->handle, n->config->handshake_ns + n->config->hangup_ns);
    }
    for (uint32_t i = 0; i < n->stream_cap; i++) {
        const stream *s = &n->streams[i];
        bool is_open = s->phase == STREAM_SELECTING || s->phase == STREAM_OPEN;
        uint64_t life_ns = is_open ? stream_life_ns(n, s) : 0;
        if (life_ns != 0) timer_again(n, TIMER_STREAM, s->handle, life_ns);
    }
    for (uint32_t i = 0; i < n->opening_count; i++)
        timer_again(n, TIMER_OPEN, n->openings[i].token, n->config->select_ns);
    for (uint32_t i = 0; i < n->command_count; i++)
        timer_again(n, TIMER_COMMAND, n->commands[i].token, COMMAND_NS);
    if (!ctx_has_timer(n, TIMER_EXPIRY, 0)) gater_clock(n);
}

void shed_again(pu_node *n)
{
    PU_ASSERT(n->shed_until <= n->now);
    n->shed_until = PU_NEVER;
    uint32_t cursor = 0;
    for (conn *c; out_has_room(n->out) && (c = ctx_conn_at(n, &cursor)) != NULL;) conn_again(n, c);
    if (cursor < n->conn_cap) n->shed_until = n->now; /* the rest in the next step */
    timers_again(n);
    deadlines_again(n);
    apps_enforce(n);
    app_opens_again(n);
    self_again(n);
    book_again(n);
    wants_begin_all(n);
}
