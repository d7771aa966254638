/* proto/identify_push.c - /ipfs/id/push/1.0.0, sending: when our addresses or protocols change, all
 * who identified themselves and speak it are told anew.
 *
 * Changes come in bunches (an address goes, another comes, a relay keeps a place), so a sweep
 * begins a little later, never sooner than identify_push_ns after the last, and takes as many
 * connections a step as an effect list bears. What is told is put together when each stream opens.
 * Each connection knows whether it is owed a push, and is owed it again when its peer resets the
 * stream: js takes one at a time, and whoever is busy may miss one.
 */
#include "proto/identify_impl.h"

enum {
    SWEEP_MAX = 64,      /* streams opened in one step */
    REPETITIONS_MAX = 3, /* of a push that was not taken, until the next change */
    THE_TIMER = 1        /* there is one a node */
};

#define SETTLE_NS (500 * PU_MS)

/* Who has not told what it speaks is told once it has. */
static bool is_due(const conn *c)
{
    PU_ASSERT(c->state == CONN_UP);
    return c->untold && c->identified && !c->doomed && (c->speaks & 1u << PROTO_PUSH) != 0;
}

static void want_sweep(pu_node *n)
{
    identify_state *state = ctx_state(n, MODULE_IDENTIFY);
    if (state == NULL || state->is_wanted) return;
    state->is_wanted = true;
    if (state->cursor != 0) return; /* its end begins the next one */
    pu_time at = ctx_after(n, SETTLE_NS);
    ctx_timer(n, TIMER_PUSH, THE_TIMER, at > state->push_at ? at : state->push_at);
}

/* Who connects later asks by itself. */
void identify_changed(pu_node *n)
{
    bool has_listener = false;
    uint32_t cursor = 0;
    for (conn *c; (c = ctx_conn_at(n, &cursor)) != NULL;) {
        c->untold = true;
        c->pushes_failed = 0;
        has_listener = has_listener || is_due(c);
    }
    if (has_listener) want_sweep(n);
}

void identify_push_known(pu_node *n, const conn *c)
{
    if (is_due(c)) want_sweep(n);
}

void identify_push_failed(pu_node *n, conn *c)
{
    if (c->pushes_failed == REPETITIONS_MAX) return;
    c->pushes_failed++;
    c->untold = true;
    if (is_due(c)) want_sweep(n);
}

void identify_push_timer(pu_node *n, uint64_t arg)
{
    identify_state *state = ctx_state_peek(n, MODULE_IDENTIFY);
    PU_ASSERT(arg == THE_TIMER);
    PU_ASSERT(state != NULL);
    if (state->cursor == 0) {
        state->is_wanted = false;
        state->push_at = ctx_after(n, ctx_config(n)->identify_push_ns);
    }
    conn *c = NULL;
    for (uint32_t opened = 0; opened < SWEEP_MAX; opened++) {
        do c = ctx_conn_at(n, &state->cursor);
        while (c != NULL && !is_due(c));
        if (c == NULL) break;
        c->untold = false;
        if (!ctx_stream_open(n, c, PROTO_PUSH, NULL)) identify_push_failed(n, c);
    }
    if (c == NULL) state->cursor = 0;
    if (c != NULL) ctx_timer(n, TIMER_PUSH, THE_TIMER, ctx_now(n));
    else if (state->is_wanted) ctx_timer(n, TIMER_PUSH, THE_TIMER, state->push_at);
}

void identify_push_again(pu_node *n)
{
    const identify_state *state = ctx_state_peek(n, MODULE_IDENTIFY);
    if (state == NULL || (!state->is_wanted && state->cursor == 0)) return;
    pu_time now = ctx_now(n);
    if (ctx_has_timer(n, TIMER_PUSH, THE_TIMER)) return;
    ctx_timer(n, TIMER_PUSH, THE_TIMER,
              state->cursor == 0 && state->push_at > now ? state->push_at : now);
}

/* push_due runs ahead of now by one identify_push_ns a push, at most a burst. */
bool identify_push_allowed(pu_node *n, conn *c)
{
    PU_ASSERT(c->handle != 0);
    uint64_t pause_ns = ctx_config(n)->identify_push_ns;
    pu_time now = ctx_now(n), due = c->push_due > now ? c->push_due : now;
    uint64_t ahead = (due - now) / pause_ns;
    if (ctx_at_limit(n, "identify_push_ns", ahead, IDENTIFY_PUSH_BURST)) return false;
    c->push_due = due + pause_ns;
    return true;
}
