/* link/timers.c - which connection is served when.
 *
 * A connection that something happened to is in LIST_TOUCHED until the step ends; then it is asked
 * when it is due. Now: it stands in line, in LIST_READY. Later: its time is in the heap. A TICK
 * lines up what has come due and serves the line from its front while the effect list has room, so
 * that nobody waits longer than a turn of all.
 */
#include "link/link_impl.h"

void link_conn_touch(pu_link *l, conn *c)
{
    if (c->state != CONN_ENDED) link_list_add(l, LIST_TOUCHED, c);
}

void link_timers_forget(pu_link *l, conn *c)
{
    link_list_del(l, LIST_TOUCHED, c);
    link_list_del(l, LIST_READY, c);
    due_set(&l->due, pu_handle_slot(c->handle), PU_NEVER);
}

static pu_time earlier(pu_time a, pu_time b)
{
    return a < b ? a : b;
}

static bool wire_is_due(const conn *c)
{
    if (c->wire == NULL) return false;
    return c->transport == PU_TRANSPORT_TCP ? link_tcp_is_due(c) : link_pipe_is_due(c);
}

/* When c is to be served next. */
static pu_time due_of(const pu_link *l, const conn *c)
{
    if (c->is_waking || wire_is_due(c)) return l->now;
    pu_time at = earlier(c->ops->deadline(l, c), c->lingers_at);
    if (c->state != CONN_READY) return earlier(at, c->deadline);
    if (c->is_moved && c->is_confirmed) at = earlier(at, c->path_at);
    return at;
}

void link_timers_settle(pu_link *l)
{
    for (conn *c; (c = l->lists[LIST_TOUCHED].first) != NULL;) {
        link_list_del(l, LIST_TOUCHED, c);
        if (c->in_list[LIST_READY].is_in) continue;
        pu_time at = due_of(l, c);
        if (at <= l->now) link_list_add(l, LIST_READY, c);
        due_set(&l->due, pu_handle_slot(c->handle), at <= l->now ? PU_NEVER : at);
    }
}

/* Lines up what has come due, earliest first. */
static void line_up(pu_link *l)
{
    for (uint32_t slot; due_first(&l->due, &slot) <= l->now;) {
        due_set(&l->due, slot, PU_NEVER);
        link_list_add(l, LIST_READY, link_slots_at(&l->conns, slot));
    }
}

static void tick_carrier(pu_link *l, conn *c)
{
    pu_time at = c->ops->deadline(l, c);
    if (c->state == CONN_CLOSING) at = earlier(at, c->deadline);
    if (at <= l->now) c->ops->tick(l, c);
    PU_ASSERT(c->state != CONN_CLOSING || c->deadline > l->now);
}

/* c may be down afterwards. */
static void serve(pu_link *l, conn *c)
{
    link_conn_touch(l, c);
    if (link_conn_is_early(c) && c->deadline <= l->now) {
        link_conn_abort(l, c, PU_CODE_TIMEOUT);
        return;
    }
    if (c->is_waking) link_streams_wake(l, c);
    if (c->lingers_at <= l->now && c->state != CONN_ENDED) link_pipes_linger(l, c);
    if (c->wire != NULL && c->transport == PU_TRANSPORT_TCP) link_tcp_tick(l, c);
    else if (c->wire != NULL) link_pipe_tick(l, c);
    if (c->state != CONN_ENDED) tick_carrier(l, c);
    if (c->state == CONN_READY && c->is_moved) link_conn_tell_path(l, c);
}

void link_timers_tick(pu_link *l)
{
    link_reap(l);
    line_up(l);
    conn *last = l->lists[LIST_READY].last;
    for (conn *c; (c = l->lists[LIST_READY].first) != NULL && link_out_has_room(l->out);) {
        bool is_last = c == last;
        link_list_del(l, LIST_READY, c);
        serve(l, c);
        link_reap(l);
        if (is_last) break;
    }
}

pu_time pu_link_deadline(const pu_link *l, const char **why)
{
    PU_ASSERT(l->out == NULL);
    const char *reason = "connection";
    uint32_t slot;
    pu_time at = due_first(&l->due, &slot);
    if (l->lists[LIST_ENDED].first != NULL) {
        at = l->now;
        reason = "last-words";
    } else if (l->lists[LIST_READY].first != NULL) {
        at = l->now;
        reason = "serve";
    } else if (at == PU_NEVER) {
        reason = "none";
    }
    if (why != NULL) *why = reason;
    return at;
}
