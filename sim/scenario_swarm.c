/* sim/scenario_swarm.c - `swarm:`, and the event `swizzle:`. */
#include "sim/mem.h"
#include "sim/scenario_impl.h"

enum { ALL_KINDS = (1 << SWARM_KINDS) - 1, HALF_PPM = 500000, SWIZZLES_MAX = 200 };

const char *const swarm_kinds[SWARM_KINDS] = {
    "crash",   "sleep",  "change_network", "partition", "block",
    "swizzle", "reboot", "rebind",         "clock",
};

#define SWARM_LEAST_NS (10 * PU_S) /* how long it is */

bool read_swizzle(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {
        {"of", true}, {"share", false}, {"over", true}, {"for", false}};
    event->kind = SCENARIO_SWIZZLE;
    event->share_ppm = HALF_PPM;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0]) || r->s->node_count == 0)
        return false;
    const doc_node *share = doc_get(node, "share"), *over = doc_get(node, "over");
    for (uint32_t i = 0, count = 0; i < r->s->event_count; i++) {
        count += r->s->events[i].kind == SCENARIO_SWIZZLE;
        if (count < SWIZZLES_MAX) continue;
        read_error(r, node, "more than %d of them", SWIZZLES_MAX);
        return false;
    }
    event->side = sim_alloc(r->s->node_count);
    read_side(r, doc_get(node, "of"), 1, event);
    read_quantity(r, doc_get(node, "for"), QUANTITY_DURATION, &event->for_ns);
    if (read_u32(r, share, QUANTITY_SHARE, UINT32_MAX, &event->share_ppm) && event->share_ppm == 0)
        read_error(r, share, "no link would fail");
    if (!read_quantity(r, over, QUANTITY_DURATION, &event->over_ns)) return false;
    if (event->over_ns == 0) read_error(r, over, "one after the other takes some time");
    return event->over_ns > 0;
}

static void read_kinds(reader *r, const doc_node *node, uint32_t *kinds)
{
    uint32_t kind;
    if (node == NULL || !read_list(r, node)) return;
    *kinds = 0;
    if (node->count == 0) read_error(r, node, "it names a sort of fault at least");
    for (const doc_node *n = node->first; n != NULL; n = n->next)
        if (read_word(r, n, swarm_kinds, SWARM_KINDS, &kind)) *kinds |= UINT32_C(1) << kind;
}

/* `swarm: true`, from an eighth to a half of the run, or a map that says more. */
void read_swarm(reader *r, const doc_node *node)
{
    static const key_rule rules[] = {{"from", false}, {"until", false}, {"kinds", false}};
    scenario *s = r->s;
    scenario_swarm swarm = {ALL_KINDS, s->duration_ns / 8, s->duration_ns / 2};
    bool is_on = true;
    if (node == NULL) return;
    if (node->kind != DOC_MAP) {
        if (!read_switch(r, node, &is_on) || !is_on) return;
    } else {
        const doc_node *from = doc_get(node, "from"), *until = doc_get(node, "until");
        read_map(r, node, rules, sizeof rules / sizeof rules[0]);
        bool has_from = from == NULL || read_time(r, from, &swarm.from);
        bool has_until = until == NULL || read_time(r, until, &swarm.until);
        read_kinds(r, doc_get(node, "kinds"), &swarm.kinds);
        bool is_odd = has_unknown_key(node, rules, sizeof rules / sizeof rules[0]);
        if (!has_from || !has_until || is_odd) return;
    }
    if (s->duration_ns > 0 && swarm.until < swarm.from + SWARM_LEAST_NS)
        read_error(r, node, "from 'from' to 'until' are 10 s at least");
    else if (s->node_count > 0) s->swarm = swarm;
}

/* Whether all that is streamed from a to b begins when the faults are over. */
static bool streams_late(const scenario *s, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->kind == SCENARIO_STREAM && e->a == a && e->b == b && e->at < s->swarm.until)
            return false;
    }
    return true;
}

/* Why e says nothing while faults are drawn; NULL: it does. */
static const char *objection(const scenario *s, const scenario_expect *e)
{
    switch (e->kind) {
    case SCENARIO_EXPECT_CONNECTED:
    case SCENARIO_EXPECT_PATH:
    case SCENARIO_EXPECT_SAYS:
        if (e->has_after && e->after >= s->swarm.until) return NULL;
        return "faults are drawn: it can be expected 'after' they are over";
    case SCENARIO_EXPECT_TOGETHER: return "faults are drawn: nobody knows who can be together";
    case SCENARIO_EXPECT_DELIVERED:
        if (streams_late(s, e->a, e->b)) return NULL;
        return "faults are drawn: what is streamed before they are over may be lost";
    case SCENARIO_EXPECT_NEVER:
        if (e->never != SCENARIO_NEVER_APART || e->after >= s->swarm.until) return NULL;
        return "faults are drawn: it can be expected 'after' they are over";
    }
    PU_NEVER_HERE();
}

void check_drawn(reader *r, const doc_node *node, const scenario_expect *e)
{
    const char *why = r->s->swarm.kinds != 0 ? objection(r->s, e) : NULL;
    if (why != NULL) read_error(r, node, "%s", why);
}
