/* sim/scenario_homes.c - which shared boxes are one home, whose hosts have one access link. Decided
 * of the whole file, so that it does not matter who is there first, or at all.
 *
 * A carrier's box is one with `links: own`, or with boxes or a tunnel inside that does not say
 * `links: shared`. Every other shared box is a home, but for a firewall that is called as a
 * carrier's box is; those that some node has together, or that share a name, are one.
 */
#include "sim/mem.h"
#include "sim/scenario_impl.h"

#include <stdlib.h>

#define WHO_NOBODY SCENARIO_ANY
#define WHO_MANY (SCENARIO_ANY - 1)

typedef struct homes {
    scenario *s;
    uint32_t *who; /* by home: the node that is in it at some time */
} homes;

/* What is around a node at some time. */
typedef struct stay {
    uint32_t node;
    const scenario_chain *chain;
    const scenario_families *families;
} stay;

static bool is_carrier(const nat_type *type, bool holds_boxes)
{
    return nat_is_carrier(type, !holds_boxes && type->tunnel_ns == 0);
}

/* While homes are looked for, a shared box's home is another box of it, or itself: never one of a
 * higher number. */
static uint32_t home_of(scenario *s, uint32_t box)
{
    while (s->shared[box].home != box) {
        s->shared[box].home = s->shared[s->shared[box].home].home;
        box = s->shared[box].home;
    }
    return box;
}

static void join(scenario *s, uint32_t a, uint32_t b)
{
    uint32_t of_a = home_of(s, a), of_b = home_of(s, b);
    if (of_a < of_b) s->shared[of_b].home = of_a;
    else s->shared[of_a].home = of_b;
}

static bool is_home(const scenario *s, uint32_t box)
{
    return box != SCENARIO_ANY && s->shared[box].home != SCENARIO_ANY;
}

/* The outermost home around a host's IPv4. *is_carried: a carrier's box is. */
static uint32_t home_by_four(const scenario *s, const stay *at, bool *is_carried)
{
    uint32_t home = SCENARIO_ANY, count = at->families->no_four ? 0 : at->chain->count;
    *is_carried = false;
    for (uint32_t i = 0; i < count; i++) {
        const scenario_box *b = &at->chain->box[i];
        if (is_home(s, b->number)) home = b->number;
        else if (b->number != SCENARIO_ANY || is_carrier(&s->nats[b->nat].type, i > 0))
            *is_carried = true;
    }
    return home;
}

static uint32_t home_by_six(const scenario *s, const stay *at)
{
    bool has_wall = at->families->six == SCENARIO_SIX_BEHIND;
    return has_wall && is_home(s, at->families->wall.number) ? at->families->wall.number
                                                             : SCENARIO_ANY;
}

/* A home inside another is that one's. */
static void join_inside(homes *h, const stay *at)
{
    uint32_t inner = SCENARIO_ANY, count = at->families->no_four ? 0 : at->chain->count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t box = at->chain->box[i].number;
        if (!is_home(h->s, box)) continue;
        if (inner != SCENARIO_ANY) join(h->s, inner, box);
        inner = box;
    }
}

/* A router and the firewall beside it are one home. What a carrier's box is around has its firewall
 * elsewhere, as far as anybody knows. */
static void join_beside(homes *h, const stay *at)
{
    bool is_carried;
    uint32_t four = home_by_four(h->s, at, &is_carried), six = home_by_six(h->s, at);
    if (four != SCENARIO_ANY && six != SCENARIO_ANY && !is_carried) join(h->s, four, six);
}

static void count_who(homes *h, const stay *at)
{
    bool is_carried;
    uint32_t box = home_by_four(h->s, at, &is_carried);
    if (box == SCENARIO_ANY && !is_carried) box = home_by_six(h->s, at);
    if (box == SCENARIO_ANY) return;
    uint32_t *who = &h->who[home_of(h->s, box)];
    *who = *who == WHO_NOBODY || *who == at->node ? at->node : WHO_MANY;
}

/* Shows see where nodes are at some time. */
static void each_stay(homes *h, void (*see)(homes *h, const stay *at))
{
    const scenario *s = h->s;
    for (uint32_t i = 0; i < s->node_count; i++) {
        const scenario_node *n = &s->nodes[i];
        see(h, &(stay){i, &n->behind, &n->families});
        if (n->group == SCENARIO_ANY || !s->groups[n->group].has_roam) continue;
        const scenario_group *g = &s->groups[n->group];
        see(h, &(stay){i, &g->roam_chain, g->has_roam_families ? &g->roam_families : &n->families});
    }
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->kind != SCENARIO_CHANGE_NETWORK || !(e->has_chain || e->has_families)) continue;
        const scenario_node *n = &s->nodes[e->a];
        see(h, &(stay){e->a, e->has_chain ? &e->chain : &n->behind,
                       e->has_families ? &e->families : &n->families});
    }
}

/* Every box alone, or no home. */
static void begin(homes *h, reader *r)
{
    for (uint32_t i = 0; i < h->s->shared_count; i++) {
        scenario_shared *shared = &h->s->shared[i];
        const nat_type *type = &h->s->nats[r->shared[i].from_here.box[0].nat].type;
        shared->home = is_carrier(type, shared->holds_boxes) ? SCENARIO_ANY : i;
        h->who[i] = WHO_NOBODY;
    }
}

/* A firewall belongs to the box of its name. */
static void join_names(homes *h, reader *r)
{
    for (uint32_t i = 0; i < h->s->shared_count; i++) {
        uint32_t wall = names_find(&r->shared_walls, r->shared[i].name);
        if (wall == NAMES_NONE || wall == i || !is_home(h->s, wall)) continue;
        if (is_home(h->s, i)) join(h->s, i, wall);
        else h->s->shared[wall].home = SCENARIO_ANY;
    }
}

void find_homes(reader *r)
{
    scenario *s = r->s;
    homes h = {.s = s, .who = sim_alloc(s->shared_count * sizeof *h.who)};
    begin(&h, r);
    join_names(&h, r);
    each_stay(&h, join_inside);
    each_stay(&h, join_beside);
    each_stay(&h, count_who);
    for (uint32_t i = s->shared_count; i-- > 0;) { /* a lower one does not ask a higher one */
        if (!is_home(s, i)) continue;
        uint32_t home = home_of(s, i);
        s->shared[i].home = h.who[home] == WHO_MANY ? home : SCENARIO_ANY;
    }
    free(h.who);
}
