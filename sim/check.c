/* Properties: each an interval that must, or must never, exist. */
#include "sim/check.h"

#include <inttypes.h>
#include <stdio.h>

static void say(run_property *p, const char *what, pu_time at)
{
    snprintf(p->why, sizeof p->why, "%s at %" PRIu64 ".%03" PRIu64 " s", what, at / PU_S,
             at % PU_S / PU_MS);
}

/* When a and b were first connected (directly, when asked for) at or after from; PU_NEVER: not. */
static pu_time first_connected(const watch *w, uint32_t a, uint32_t b, int direct, pu_time from)
{
    const watch_pair *pair = watch_pair_of(w, a, b);
    pu_time first = PU_NEVER;
    uint32_t at = pair != NULL ? pair->last_path : SCENARIO_ANY;
    for (; at != SCENARIO_ANY && w->paths[at].end > from; at = w->paths[at].before) {
        const watch_path *p = &w->paths[at];
        if (direct < 0 || p->direct == (direct == 1)) first = p->start > from ? p->start : from;
    }
    return first;
}

/* The last connect of a for b that the script came to, PU_NEVER: there was none. */
static pu_time last_connect(const watch *w, uint32_t a, uint32_t b)
{
    const watch_pair *pair = watch_pair_of(w, a, b);
    return pair != NULL ? pair->asks[a > b].asked : PU_NEVER;
}

static void check_pair(const watch *w, const scenario_expect *e, int direct, run_property *p)
{
    pu_time from = e->has_after ? e->after : last_connect(w, e->a, e->b);
    pu_time at = from != PU_NEVER ? first_connected(w, e->a, e->b, direct, from) : PU_NEVER;
    p->held = at != PU_NEVER && at - from <= e->within_ns;
    const char *what = direct == 1 ? "direct" : direct == 0 ? "relayed" : "connected";
    if (at == PU_NEVER) snprintf(p->why, sizeof p->why, "never %s", what);
    else say(p, what, at);
}

/* Whether two of a group came together in time: since `after`, or since the first was first asked
 * for the second. */
static bool pair_held(const watch *w, const scenario_expect *e, uint32_t a, uint32_t b)
{
    if (e->has_after) {
        pu_time at = first_connected(w, a, b, -1, e->after);
        return at != PU_NEVER && at - e->after <= e->within_ns;
    }
    const watch_pair *pair = watch_pair_of(w, a, b);
    if (pair == NULL || pair->asks[a > b].first == SCENARIO_ANY) return false;
    const run_connection *ask = &w->asks[pair->asks[a > b].first];
    return ask->usable != PU_NEVER && ask->usable - ask->asked <= e->within_ns;
}

/* Every pair of a group. */
static void check_group(const watch *w, const scenario_expect *e, run_property *p)
{
    const scenario_group *g = &w->s->groups[e->group];
    uint32_t held = 0, worst = SCENARIO_ANY, end = g->first + g->count;
    for (uint32_t i = g->first; i + 1 < end; i += 2) {
        if (pair_held(w, e, i, i + 1)) held++;
        else if (worst == SCENARIO_ANY) worst = i;
    }
    p->held = held == g->count / 2;
    int len = snprintf(p->why, sizeof p->why, "%" PRIu32 " of %" PRIu32 " pairs in time", held,
                       g->count / 2);
    if (worst == SCENARIO_ANY || len < 0) return;
    const watch_pair *pair = watch_pair_of(w, worst, worst + 1);
    uint32_t first = pair != NULL ? pair->asks[0].first : SCENARIO_ANY;
    const char *from = w->s->nodes[worst].name, *to = w->s->nodes[worst + 1].name;
    if (first == SCENARIO_ANY)
        snprintf(p->why + len, sizeof p->why - (size_t)len, "; %s never asked for %s", from, to);
    else
        snprintf(p->why + len, sizeof p->why - (size_t)len,
                 "; not %s to %s, asked at %" PRIu64 " s", from, to, w->asks[first].asked / PU_S);
}

static void check_unauthorised(const watch *w, run_property *p)
{
    p->held = w->breach_count == 0;
    snprintf(p->why, sizeof p->why, "no connection and no byte from anybody unauthorised");
    if (p->held) return;
    const watch_breach *b = &w->breaches[0];
    const char *node = b->node != SCENARIO_ANY ? w->s->nodes[b->node].name : "a node";
    const char *peer = b->peer != SCENARIO_ANY ? w->s->nodes[b->peer].name : "somebody unknown";
    snprintf(p->why, sizeof p->why,
             "%s got %s of %s at %" PRIu64 ".%03" PRIu64 " s (%" PRIu32 " in all)", node, b->what,
             peer, b->at / PU_S, b->at % PU_S / PU_MS, w->breach_count);
}

static void check_never_direct(const watch *w, const scenario_expect *e, run_property *p)
{
    pu_time at = first_connected(w, e->a, e->b, 1, 0);
    p->held = at == PU_NEVER;
    if (p->held) snprintf(p->why, sizeof p->why, "never direct");
    else say(p, "direct", at);
}

void check_expect(const watch *w, uint32_t index, run_property *property)
{
    const scenario_expect *e = &w->s->expects[index];
    *property = (run_property){.name = e->name};
    switch (e->kind) {
    case SCENARIO_EXPECT_CONNECTED:
        if (e->group != SCENARIO_ANY) check_group(w, e, property);
        else check_pair(w, e, -1, property);
        break;
    case SCENARIO_EXPECT_PATH: check_pair(w, e, e->path == SCENARIO_PATH_DIRECT, property); break;
    case SCENARIO_EXPECT_NEVER:
        if (e->never == SCENARIO_NEVER_UNAUTHORIZED) check_unauthorised(w, property);
        else check_never_direct(w, e, property);
        break;
    }
}
