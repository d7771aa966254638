/* One deadline a node: the earliest of a small unsorted array, each entry with a name.
 *
 * Timers fire in the order (time, order of arming): arguments may be peer numbers, which must not
 * show in any order. A node at rest has a handful; a linear scan beats a heap up to some hundred
 * entries and costs a relay with 1,000 about a microsecond.
 */
#include "node/fault.h"

enum { TIMERS_A_STEP = 256 }; /* a handler that arms for now waits for the next step */

static const char *const names[TIMER_COUNT] = {
#define TIMER_NAME(kind, name) [TIMER_##kind] = name,
    TIMER_LIST(TIMER_NAME)
#undef TIMER_NAME
};

const char *timer_name(enum timer_kind kind)
{
    PU_ASSERT(kind < TIMER_COUNT);
    return names[kind];
}

static bool timer_before(const timer *a, const timer *b)
{
    return a->at != b->at ? a->at < b->at : (int32_t)(a->order - b->order) < 0; /* order may wrap */
}

static uint32_t timer_find(const pu_node *n, enum timer_kind kind, uint64_t arg)
{
    uint32_t i = 0;
    while (i < n->timer_count && (n->timers[i].kind != kind || n->timers[i].arg != arg)) i++;
    return i;
}

bool ctx_has_timer(const pu_node *n, enum timer_kind kind, uint64_t arg)
{
    return timer_find(n, kind, arg) < n->timer_count;
}

static void timer_remove(pu_node *n, uint32_t i)
{
    PU_ASSERT(i < n->timer_count);
    n->timers[i] = n->timers[--n->timer_count];
}

void ctx_timer(pu_node *n, enum timer_kind kind, uint64_t arg, pu_time at)
{
    PU_ASSERT(kind < TIMER_COUNT);
    uint32_t i = timer_find(n, kind, arg);
    if (at != PU_NEVER && FAULT(n, TIMER_LATE)) at = fault_late(n, at);
    if (at == PU_NEVER) {
        if (i < n->timer_count) timer_remove(n, i);
        return;
    }
    if (i == n->timer_count) {
        if (!mem_grow(ctx_alloc(n), (void **)&n->timers, &n->timer_cap, n->timer_count, TIMERS_MAX,
                      sizeof(timer))) {
            ctx_no_memory(n, NULL, sizeof(timer));
            return;
        }
        n->timer_count++;
    }
    n->timers[i] = (timer){at, arg, kind, n->timers_armed++};
}

static uint32_t timer_first(const pu_node *n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n->timer_count; i++)
        if (timer_before(&n->timers[i], &n->timers[best])) best = i;
    return best;
}

const timer *timers_first(const pu_node *n)
{
    return n->timer_count > 0 ? &n->timers[timer_first(n)] : NULL;
}

void timers_fire(pu_node *n)
{
    if (n->shed_until <= n->now) shed_again(n);
    for (uint32_t fired = 0; fired < TIMERS_A_STEP && n->timer_count > 0 && out_has_room(n->out);
         fired++) {
        uint32_t i = timer_first(n);
        timer t = n->timers[i];
        if (t.at > n->now) return;
        timer_remove(n, i);
        timer_dispatch(n, t.kind, t.arg);
    }
}

pu_time timers_next(const pu_node *n, const char **why)
{
    pu_time at = PU_NEVER;
    if (n->timer_count > 0) {
        const timer *t = &n->timers[timer_first(n)];
        at = t->at;
        if (why != NULL) *why = timer_name(t->kind);
    }
    if (n->shed_until < at) {
        at = n->shed_until;
        if (why != NULL) *why = "memory-again";
    }
    return at > n->now ? at : n->now;
}
