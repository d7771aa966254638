/* sim/scenario_delay.c - whether time passes between two nodes at all. Where none does, a long
 * transfer is a million events at one time, which no run can tell from one that gets nowhere
 * (still.h).
 */
#include "sim/mem.h"
#include "sim/scenario_impl.h"

static bool is_link_bare(const scenario_link *l)
{
    const net_link *link = &l->link;
    const net_extra *extra = &l->extra;
    bool has_rate = link->up_bps > 0 || link->down_bps > 0 || extra->trace != NULL;
    return !has_rate && link->access_ns == 0 && link->jitter_ns == 0 &&
           extra->access_spread_ns == 0;
}

bool scenario_is_bare(const scenario *s, const scenario_node *n)
{
    const scenario_link *link = n->link == SCENARIO_ANY ? &s->link : &s->links[n->link];
    if (!is_link_bare(link) || n->cpu_datagram_ns > 0) return false;
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

/* Where n is at the start, of sites between whose hosts no time passes; SCENARIO_ANY: time does, or
 * the seed decides. */
static uint32_t place_of(const reader *r, const scenario_node *n, bool is_one_place)
{
    if (is_one_place) return 0;
    uint32_t site = r->sites == 1 ? 0 : n->site;
    bool is_wide =
        site != SCENARIO_ANY && r->regions != NULL && topo_rtt_ns(r->regions, site, site) > 0;
    return is_wide ? SCENARIO_ANY : site;
}

static void tell(reader *r, const doc_node *rtt, const scenario_node *a, const scenario_node *b)
{
    static const char way_out[] = "give their links an 'access' (network.latency.access)";
    char path[DOC_PATH_MAX];
    if (rtt != NULL)
        read_error(r, rtt, "no time passes between '%s' and '%s': make it longer, or %s", a->name,
                   b->name, way_out);
    else
        diag_add(r->errors, (diag_place){0, b->place.line, b->place.column},
                 "%s: no time passes between '%s' and '%s', which are at one site: %s",
                 read_path_of(r->s, b, path), a->name, b->name, way_out);
}

void check_delay(reader *r, const doc_node *rtt)
{
    const scenario *s = r->s;
    if (r->errors->count > 0 || s->node_count < 2) return; /* what is wrong may be the reason */
    const doc_node *zero = rtt != NULL && s->rtt_ns / 2 == 0 ? rtt : NULL;
    uint32_t *first = sim_alloc(r->sites * sizeof *first); /* node at a site, + 1 */
    for (uint32_t i = 0; i < s->node_count; i++) {
        const scenario_node *n = &s->nodes[i];
        uint32_t site = scenario_is_bare(s, n) ? place_of(r, n, zero != NULL) : SCENARIO_ANY;
        if (site == SCENARIO_ANY) continue;
        if (first[site] == 0) first[site] = i + 1;
        else if (is_way(s, &s->nodes[first[site] - 1], n)) {
            tell(r, zero, &s->nodes[first[site] - 1], n);
            break;
        }
    }
    free(first);
}
