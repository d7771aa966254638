/* sim/swarm.c - see swarm.h. Everything is drawn from a stream of its own, when the run is built:
 * with the same seed a scenario has the same faults whatever its nodes do. */
#include "sim/swarm.h"

#include "sim/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    COUNT_MOST =
        4, /* faults of a sort; of those of single nodes one more for every NODES_A_FAULT */
    NODES_A_FAULT = 20,
    PART_PPM = 500000,  /* of hosts, that a drawn swizzle takes */
    JUMP_MOST_S = 3600, /* of a clock */
    TRIES = 8           /* to find a time when a node is in no other trouble */
};

#define LEAST_NS (1 * PU_S)
#define MOST_NS (90 * PU_S) /* of one fault */
#define GAP_MOST_NS (5 * PU_S)

/* Places in swarm_kinds. */
enum kind {
    KIND_CRASH = 0,
    KIND_SLEEP,
    KIND_CHANGE,
    KIND_PARTITION,
    KIND_BLOCK,
    KIND_SWIZZLE,
    KIND_REBOOT,
    KIND_REBIND,
    KIND_CLOCK
};

/* ---- swizzled links ---- */

void swizzle(world *w, const scenario_event *e)
{
    uint32_t count = 0, nodes = w->s->node_count;
    uint32_t *pool = sim_alloc(nodes * sizeof *pool);
    rng draws;
    rng_init(&draws, w->swarm_seed, ++w->swizzles);
    for (uint32_t node = 0; node < nodes; node++)
        if (e->side[node] != 0) pool[count++] = node;
    uint64_t part = ((uint64_t)count * e->share_ppm + 999999) / 1000000;
    for (uint32_t i = 0; i < part; i++) {
        uint32_t other = i + (uint32_t)rng_below(&draws, count - i), node = pool[other];
        pool[other] = pool[i];
        pu_time down = e->at + rng_between(&draws, 0, e->over_ns);
        pu_time up = e->at + e->over_ns + e->for_ns + rng_between(&draws, 0, e->over_ns);
        script_add(w, (world_entry){.at = down, .what = WORLD_CLOG, .a = node, .b = node});
        script_add(w, (world_entry){.at = up, .what = WORLD_UNCLOG, .a = node, .b = node});
    }
    free(pool);
}

/* ---- faults of all sorts ---- */

/* What is being drawn. */
typedef struct drawing {
    world *w;
    rng draws;
    pu_time from, until;
    pu_time (*busy)[2]; /* by node: when it is in trouble of its own; one stretch of time */
    bool *is_taken;     /* by node: the scenario or its group decides on its life */
} drawing;

static scenario_event *event_new(drawing *d, enum scenario_event_kind kind, pu_time at)
{
    world *w = d->w;
    scenario_event *e = sim_alloc(sizeof *e);
    *e = (scenario_event){.at = at, .kind = kind, .site = SCENARIO_ANY, .b = SCENARIO_ANY};
    w->drawn = sim_grow(w->drawn, &w->drawn_cap, w->drawn_count, sizeof *w->drawn);
    w->drawn[w->drawn_count++] = e;
    return e;
}

/* A time and a length that end before the swarm does. */
static pu_time draw_span(drawing *d, uint64_t *length_ns)
{
    pu_time at = rng_between(&d->draws, d->from, d->until - 2 * LEAST_NS);
    uint64_t most = d->until - at < MOST_NS ? d->until - at : MOST_NS;
    *length_ns = rng_between(&d->draws, LEAST_NS, most);
    return at;
}

/* A node that may be in trouble of its own at a time that is drawn with it; SCENARIO_ANY: none
 * found. A stretch that was free stays taken: one such fault a node. */
static uint32_t draw_node(drawing *d, bool needs_relay, pu_time *at, uint64_t *length_ns)
{
    const scenario *s = d->w->s;
    for (uint32_t i = 0; i < TRIES; i++) {
        uint32_t node = (uint32_t)rng_below(&d->draws, s->node_count);
        *at = draw_span(d, length_ns);
        bool is_free =
            d->busy[node][1] == 0 || *at > d->busy[node][1] || *at + *length_ns < d->busy[node][0];
        if (d->is_taken[node] || !is_free || *at <= d->w->places[node].start) continue;
        if (needs_relay && s->nodes[node].relay_count == 0) continue;
        bool is_first = d->busy[node][1] == 0;
        if (is_first || *at < d->busy[node][0]) d->busy[node][0] = *at;
        if (*at + *length_ns > d->busy[node][1]) d->busy[node][1] = *at + *length_ns;
        return node;
    }
    return SCENARIO_ANY;
}

/* Each node on a side of its own choice; nodes of side 0 are not concerned. */
static uint8_t *draw_sides(drawing *d, uint32_t sides, bool all)
{
    uint32_t nodes = d->w->s->node_count;
    uint8_t *side = sim_alloc(nodes);
    for (uint32_t node = 0; node < nodes; node++)
        side[node] = (uint8_t)(rng_below(&d->draws, all ? sides : sides + 1) + (all ? 1 : 0));
    return side;
}

static void draw_life(drawing *d, enum kind kind)
{
    pu_time at;
    uint64_t length_ns;
    uint32_t node = draw_node(d, kind == KIND_CHANGE, &at, &length_ns);
    if (node == SCENARIO_ANY) return;
    if (kind == KIND_CRASH) {
        event_new(d, SCENARIO_CRASH, at)->a = node;
        scenario_event *back = event_new(d, SCENARIO_RESTART, at + length_ns);
        back->a = node;
        back->keep = true;
        return;
    }
    scenario_event *e =
        event_new(d, kind == KIND_SLEEP ? SCENARIO_SLEEP : SCENARIO_CHANGE_NETWORK, at);
    uint64_t crossing_ns = length_ns < GAP_MOST_NS ? length_ns : GAP_MOST_NS;
    e->a = node;
    if (kind == KIND_SLEEP) e->for_ns = length_ns;
    else if (rng_below(&d->draws, 2) == 0) e->gap_ns = crossing_ns;
    else e->overlap_ns = crossing_ns;
}

static void draw_links(drawing *d, enum kind kind)
{
    uint64_t length_ns;
    pu_time at = draw_span(d, &length_ns);
    scenario_event *e = event_new(d, kind == KIND_SWIZZLE ? SCENARIO_SWIZZLE : SCENARIO_CUT, at);
    e->one_way = kind == KIND_BLOCK;
    e->side =
        kind == KIND_SWIZZLE ? draw_sides(d, 1, true) : draw_sides(d, 2, kind == KIND_PARTITION);
    e->for_ns = length_ns;
    if (kind != KIND_SWIZZLE) return;
    e->share_ppm = PART_PPM;
    e->over_ns = e->for_ns = length_ns / 3;
}

static void draw_box(drawing *d, enum kind kind)
{
    uint64_t length_ns;
    pu_time at = draw_span(d, &length_ns);
    scenario_event *e = event_new(d, kind == KIND_REBOOT ? SCENARIO_REBOOT : SCENARIO_REBIND, at);
    e->a = (uint32_t)rng_below(&d->draws, d->w->s->node_count); /* without a box nothing happens */
}

/* It jumps, and jumps back. */
static void draw_clock(drawing *d)
{
    uint64_t length_ns;
    pu_time at = draw_span(d, &length_ns);
    int64_t by_ns = (int64_t)rng_between(&d->draws, 1, 2 * JUMP_MOST_S) - JUMP_MOST_S;
    scenario_event *there = event_new(d, SCENARIO_CLOCK, at);
    there->a = (uint32_t)rng_below(&d->draws, d->w->s->node_count);
    there->by_ns = by_ns * (int64_t)PU_S;
    scenario_event *back = event_new(d, SCENARIO_CLOCK, at + length_ns);
    back->a = there->a;
    back->by_ns = -there->by_ns;
}

static void draw_one(drawing *d, enum kind kind)
{
    switch (kind) {
    case KIND_CRASH:
    case KIND_SLEEP:
    case KIND_CHANGE: draw_life(d, kind); return;
    case KIND_PARTITION:
    case KIND_BLOCK:
    case KIND_SWIZZLE: draw_links(d, kind); return;
    case KIND_REBOOT:
    case KIND_REBIND: draw_box(d, kind); return;
    case KIND_CLOCK: draw_clock(d); return;
    }
    PU_NEVER_HERE();
}

static void find_taken(drawing *d)
{
    const scenario *s = d->w->s;
    for (uint32_t node = 0; node < s->node_count; node++) {
        uint32_t group = s->nodes[node].group;
        const scenario_group *g = group != SCENARIO_ANY ? &s->groups[group] : NULL;
        d->is_taken[node] = g != NULL && (g->has_churn || g->has_sleep || g->has_roam);
    }
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        bool is_life = e->kind == SCENARIO_CRASH || e->kind == SCENARIO_RESTART ||
                       e->kind == SCENARIO_SLEEP || e->kind == SCENARIO_CHANGE_NETWORK;
        if (is_life) d->is_taken[e->a] = true;
    }
}

/* Half of the sorts that the scenario allows, one at least. */
static uint32_t draw_kinds(drawing *d)
{
    uint32_t allowed = d->w->s->swarm.kinds, chosen = 0;
    while (chosen == 0)
        for (uint32_t kind = 0; kind < SWARM_KINDS; kind++) {
            uint32_t bit = (uint32_t)rng_below(&d->draws, 2) << kind;
            chosen |= bit & allowed;
        }
    return chosen;
}

void swarm_draw(world *w)
{
    const scenario *s = w->s;
    if (s->swarm.kinds == 0) return;
    drawing d = {.w = w, .from = s->swarm.from, .until = s->swarm.until};
    d.busy = sim_alloc(s->node_count * sizeof *d.busy);
    d.is_taken = sim_alloc(s->node_count * sizeof *d.is_taken);
    rng_init(&d.draws, w->swarm_seed, 0);
    find_taken(&d);
    uint32_t kinds = draw_kinds(&d);
    for (uint32_t kind = 0; kind < SWARM_KINDS; kind++) {
        if ((kinds >> kind & 1) == 0) continue;
        bool is_of_all = kind == KIND_PARTITION || kind == KIND_BLOCK || kind == KIND_SWIZZLE;
        uint32_t more = is_of_all ? 0 : s->node_count / NODES_A_FAULT;
        uint64_t count = 1 + rng_below(&d.draws, COUNT_MOST + more);
        for (uint64_t i = 0; i < count; i++) draw_one(&d, (enum kind)kind);
    }
    free(d.busy);
    free(d.is_taken);
}

/* Whether a drawn fault is one of that node's. */
static bool is_touched(const world *w, uint32_t node)
{
    const scenario_node *n = &w->s->nodes[node];
    bool has_box = n->behind.count > 0 || n->group != SCENARIO_ANY;
    for (uint32_t i = 0; i < w->drawn_count; i++) {
        const scenario_event *e = w->drawn[i];
        bool is_of_box = e->kind == SCENARIO_REBOOT || e->kind == SCENARIO_REBIND;
        if (e->side != NULL ? e->side[node] != 0 : e->a == node && (has_box || !is_of_box))
            return true;
    }
    return false;
}

static bool is_any_touched(const world *w, uint32_t node)
{
    const scenario_node *n = &w->s->nodes[node];
    bool is_any = is_touched(w, node);
    for (uint32_t i = 0; i < n->relay_count; i++) is_any |= is_touched(w, n->relays[i]);
    return is_any;
}

bool swarm_missed(const world *w, const scenario_expect *e)
{
    if (w->s->swarm.kinds == 0 || e->kind == SCENARIO_EXPECT_NEVER) return false;
    const scenario_group *g = e->group != SCENARIO_ANY ? &w->s->groups[e->group] : NULL;
    for (uint32_t i = 0; g != NULL && i < g->count; i++)
        if (is_any_touched(w, g->first + i)) return false;
    if (g != NULL) return true;
    return !is_any_touched(w, e->a) && (e->b == SCENARIO_ANY || !is_any_touched(w, e->b));
}

void swarm_close(world *w)
{
    for (uint32_t i = 0; i < w->drawn_count; i++) {
        free(w->drawn[i]->side);
        free(w->drawn[i]);
    }
    free(w->drawn);
}
