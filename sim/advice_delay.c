/* sim/advice_delay.c - nodes between which no time passes when the run begins. A long transfer
 * between two of them is a million events at one time, which no run can tell from one that gets
 * nowhere (still.h). Only who has to do with whom counts: two users in one city do not.
 */
#include "sim/advice_impl.h"

#define WAY_OUT                                                                               \
    "a stream of a gigabyte would be taken for a run that gets nowhere; give their links an " \
    "'access' (network.latency.access)"

/* What is known, and the first two of each kind. */
typedef struct delays {
    const scenario *s;
    const topo *sites; /* NULL: all are rtt_ns apart */
    bool is_narrow;    /* the seed may put two where no time passes between them */
    bool has_none, has_drawn;
    uint32_t none[2], drawn[2];
} delays;

enum delay { DELAY_SOME = 0, DELAY_DRAWN, DELAY_NONE };

/* What only some datagrams wait for, reordered or in a handover, is time all the same. */
static bool is_link_bare(const scenario_link *l)
{
    const net_link *link = &l->link;
    const net_extra *extra = &l->extra;
    bool has_rate = link->up_bps > 0 || link->down_bps > 0 || extra->trace != NULL;
    bool is_late = extra->reorder_ppm > 0 || extra->shift_ns > 0;
    return !has_rate && !is_late && link->access_ns == 0 && link->jitter_ns == 0 &&
           extra->access_spread_ns == 0;
}

/* Whether nothing about n and its link takes time. */
static bool is_bare(const scenario *s, const scenario_node *n)
{
    const scenario_link *link = n->link == SCENARIO_ANY ? &s->link : &s->links[n->link];
    if (!is_link_bare(link) || n->cpu_datagram_ns > 0 || n->cpu_handshake_ns > 0) return false;
    for (uint32_t i = 0; i < n->behind.count; i++)
        if (s->nats[n->behind.box[i].nat].type.tunnel_ns > 0) return false;
    return true;
}

/* Whether both are beside each other behind one box, where a way takes NET_LAN_NS. */
static bool share_lan(const scenario *s, const scenario_node *a, const scenario_node *b)
{
    if (a->behind.count == 0 || b->behind.count == 0) return false;
    uint32_t box = a->behind.box[0].number;
    return box != SCENARIO_ANY && box == b->behind.box[0].number && !s->shared[box].holds_boxes;
}

static bool share_wall(const scenario_families *a, const scenario_families *b)
{
    bool have_walls = a->six == SCENARIO_SIX_BEHIND && b->six == SCENARIO_SIX_BEHIND;
    return have_walls && a->wall.number != SCENARIO_ANY && a->wall.number == b->wall.number;
}

/* Whether a way leads from one to the other that is in no LAN. */
static bool is_way(const scenario *s, const scenario_node *a, const scenario_node *b)
{
    const scenario_families *f = &a->families, *g = &b->families;
    if (!f->no_four && !g->no_four && !share_lan(s, a, b)) return true;
    bool have_six = f->six != SCENARIO_SIX_NONE && g->six != SCENARIO_SIX_NONE;
    return have_six && !share_wall(f, g);
}

/* Whether two hosts that the seed puts to that site are no time apart. */
static bool may_meet(const topo *sites, uint32_t site)
{
    return topo_may_draw(sites, site) && topo_rtt_ns(sites, site, site) / 2 == 0;
}

static enum delay between_sites(const delays *d, uint32_t x, uint32_t y)
{
    if (d->sites == NULL) return x == y && x != SCENARIO_ANY ? DELAY_NONE : DELAY_SOME;
    if (topo_sites(d->sites) == 1) x = y = 0;
    bool is_drawn = x == SCENARIO_ANY || y == SCENARIO_ANY;
    if (x == SCENARIO_ANY) x = y;
    if (x == SCENARIO_ANY) return d->is_narrow ? DELAY_DRAWN : DELAY_SOME;
    if (is_drawn) return may_meet(d->sites, x) ? DELAY_DRAWN : DELAY_SOME;
    uint64_t there_ns = topo_rtt_ns(d->sites, x, y) / 2, back_ns = topo_rtt_ns(d->sites, y, x) / 2;
    return there_ns + back_ns == 0 ? DELAY_NONE : DELAY_SOME;
}

static enum delay between(const delays *d, const scenario_node *a, const scenario_node *b)
{
    const scenario *s = d->s;
    if (!is_bare(s, a) || !is_bare(s, b) || !is_way(s, a, b)) return DELAY_SOME;
    if (advice_apart(s, (uint32_t)(a - s->nodes), (uint32_t)(b - s->nodes)) != NULL)
        return DELAY_SOME; /* by a relay, which is elsewhere */
    if (d->sites == NULL && s->rtt_ns / 2 == 0) return DELAY_NONE;
    return between_sites(d, a->site, b->site);
}

/* Keeps the two if they are the first of their kind. */
static void look_at(delays *d, uint32_t a, uint32_t b)
{
    enum delay delay = between(d, &d->s->nodes[a], &d->s->nodes[b]);
    uint32_t first = a < b ? a : b, second = a < b ? b : a;
    if (delay == DELAY_NONE && !d->has_none) {
        d->has_none = true;
        d->none[0] = first;
        d->none[1] = second;
    } else if (delay == DELAY_DRAWN && !d->has_drawn) {
        bool is_first = d->s->nodes[first].site == SCENARIO_ANY;
        d->has_drawn = true;
        d->drawn[0] = is_first ? first : second;
        d->drawn[1] = is_first ? second : first;
    }
}

/* All two that have to do with each other. */
static void look_at_all(delays *d)
{
    const scenario *s = d->s;
    for (uint32_t i = 0; i < s->authorize_count; i++)
        look_at(d, s->authorize[i][0], s->authorize[i][1]);
    for (uint32_t i = 0; i < s->node_count; i++)
        for (uint32_t k = 0; k < s->nodes[i].relay_count; k++) look_at(d, i, s->nodes[i].relays[k]);
}

void advise_delay(const scenario *s, const topo *sites, diag *warnings)
{
    delays d = {.s = s, .sites = sites};
    for (uint32_t i = 0; sites != NULL && i < topo_sites(sites); i++)
        d.is_narrow |= may_meet(sites, i);
    look_at_all(&d);
    if (d.has_none)
        diag_add(warnings, advice_place(&s->nodes[d.none[1]].place),
                 "no time passes between '%s' and '%s': " WAY_OUT, s->nodes[d.none[0]].name,
                 s->nodes[d.none[1]].name);
    if (d.has_drawn)
        diag_add(
            warnings, advice_place(&s->nodes[d.drawn[0]].place),
            "the seed draws where '%s' is, perhaps at the site of '%s', and then no time passes "
            "between the two: " WAY_OUT,
            s->nodes[d.drawn[0]].name, s->nodes[d.drawn[1]].name);
}
