/* sim/advice_ways.c - what distances and links do not allow: bounds shorter than a round trip,
 * links that lose everything, and latency files that say two things of one round trip.
 */
#include "sim/advice_impl.h"

#include "sim/quantity.h"

enum { ALL_PPM = 1000000 };

/* ---- links ---- */

/* Whether some have link from the start on, and each of them keeps it. */
static bool is_kept(const scenario *s, uint32_t link)
{
    bool is_used = false;
    if (s->swarm.kinds != 0) return false;
    for (uint32_t i = 0; i < s->node_count; i++) {
        if (s->nodes[i].link != link) continue;
        uint32_t group = s->nodes[i].group;
        if (group != SCENARIO_ANY && s->groups[group].has_roam) return false;
        is_used = true;
    }
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->kind == SCENARIO_CHANGE_NETWORK && s->nodes[e->a].link == link) return false;
    }
    return is_used;
}

static void advise_loss(const scenario *s, uint32_t link, diag *warnings)
{
    const scenario_link *l = link == SCENARIO_ANY ? &s->link : &s->links[link];
    bool up = l->link.up_loss_ppm == ALL_PPM, down = l->link.down_loss_ppm == ALL_PPM;
    if ((!up && !down) || !is_kept(s, link)) return;
    diag_add(
        warnings, advice_place(&l->place),
        "%s%s: it loses all that its hosts %s, for good; 'block', 'partition' and the 'gap' of "
        "'change_network' do so for a time",
        l == &s->link ? "network.link" : "links.", l->name,
        up && down ? "send and get"
        : up       ? "send"
                   : "get");
}

/* ---- the latency file ---- */

static void advise_matrix(const scenario *s, const topo *sites, diag *warnings)
{
    char there[QUANTITY_PRINT_MAX], back[QUANTITY_PRINT_MAX];
    uint32_t count = topo_sites(sites), odd = 0, at[2] = {0};
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = a + 1; b < count; b++) {
            if (topo_rtt_ns(sites, a, b) == topo_rtt_ns(sites, b, a)) continue;
            if (odd++ > 0) continue;
            at[0] = a;
            at[1] = b;
        }
    if (odd == 0) return;
    diag_place place = {diag_source(warnings, s->matrix), at[0] + 1, at[1] + 1};
    diag_add(warnings, place,
             "this round trip is %s here and %s in line %u, column %u, though both ends wait for "
             "it: each way takes half of its own entry. So it is with %u of the pairs",
             quantity_print(QUANTITY_DURATION, topo_rtt_ns(sites, at[0], at[1]), there),
             quantity_print(QUANTITY_DURATION, topo_rtt_ns(sites, at[1], at[0]), back), at[1] + 1,
             at[0] + 1, odd);
}

/* ---- bounds ---- */

static const net_link *link_of(const scenario *s, const scenario_node *n)
{
    return n->link == SCENARIO_ANY ? &s->link.link : &s->links[n->link].link;
}

/* The least time that there and back takes between two nodes; 0: it is not known. */
static uint64_t least_rtt(const scenario *s, const topo *sites, uint32_t a, uint32_t b)
{
    const scenario_node *n = &s->nodes[a], *m = &s->nodes[b];
    bool are_known = n->site != SCENARIO_ANY && m->site != SCENARIO_ANY;
    if (advice_moves(s, a) || advice_moves(s, b) || advice_is_near(n, m)) return 0;
    if (!are_known && sites != NULL) return 0;
    uint64_t access_ns = link_of(s, n)->access_ns + link_of(s, m)->access_ns;
    uint64_t rtt_ns = are_known && n->site == m->site ? 0 : s->rtt_ns;
    if (sites != NULL)
        rtt_ns = (topo_rtt_ns(sites, n->site, m->site) + topo_rtt_ns(sites, m->site, n->site)) / 2;
    return rtt_ns + 2 * access_ns;
}

/* The same by the way through a relay; 0: it is not known. */
static uint64_t least_circuit(const scenario *s, const topo *sites, const scenario_expect *e,
                              uint32_t relay)
{
    uint64_t first = least_rtt(s, sites, e->a, relay), rest = least_rtt(s, sites, relay, e->b);
    return first == 0 || rest == 0 ? 0 : first + rest;
}

/* The same by the shortest way, through a relay of either if need be: who knows all dials circuits
 * without a relay of its own. */
static uint64_t least_way(const scenario *s, const topo *sites, const scenario_expect *e)
{
    const uint32_t ends[] = {e->a, e->b};
    uint64_t least = least_rtt(s, sites, e->a, e->b);
    if (e->kind == SCENARIO_EXPECT_PATH && e->path == SCENARIO_PATH_DIRECT) return least;
    for (int end = 0; end < 2; end++) {
        const scenario_node *n = &s->nodes[ends[end]];
        for (uint32_t i = 0; i < n->relay_count; i++) {
            uint64_t way = least_circuit(s, sites, e, n->relays[i]);
            if (way < least) least = way;
        }
    }
    return least;
}

/* Whether e counts from the one event that connects its nodes, before which they have nothing to do
 * with each other: a stream between the two would connect them as well. */
static bool counts_from_scratch(const scenario *s, const scenario_expect *e)
{
    bool is_kind = e->kind == SCENARIO_EXPECT_CONNECTED || e->kind == SCENARIO_EXPECT_PATH;
    if (!is_kind || e->has_after || e->a == SCENARIO_ANY) return false;
    bool is_member = s->nodes[e->a].group != SCENARIO_ANY || s->nodes[e->b].group != SCENARIO_ANY;
    if (is_member || advice_has_relay(s, e->a, e->b) || advice_has_relay(s, e->b, e->a))
        return false;
    uint32_t asked = 0, streams = 0;
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *ev = &s->events[i];
        bool are_same = (ev->a == e->a && ev->b == e->b) || (ev->a == e->b && ev->b == e->a);
        asked += ev->kind == SCENARIO_CONNECT && are_same;
        streams += ev->kind == SCENARIO_STREAM && are_same;
    }
    return asked == 1 && streams == 0;
}

static void advise_bounds(const scenario *s, const topo *sites, diag *warnings)
{
    char allowed[QUANTITY_PRINT_MAX], takes[QUANTITY_PRINT_MAX];
    for (uint32_t i = 0; i < s->expect_count; i++) {
        const scenario_expect *e = &s->expects[i];
        uint64_t least = counts_from_scratch(s, e) ? least_way(s, sites, e) : 0;
        if (e->within_ns >= least) continue;
        diag_add(warnings, advice_place(&e->place),
                 "expect.%s: it allows %s, and one round trip between '%s' and '%s' takes %s",
                 e->name, quantity_print(QUANTITY_DURATION, e->within_ns, allowed),
                 s->nodes[e->a].name, s->nodes[e->b].name,
                 quantity_print(QUANTITY_DURATION, least, takes));
    }
}

void advise_ways(const scenario *s, diag *warnings)
{
    char why[256];
    topo *sites = NULL;
    advise_loss(s, SCENARIO_ANY, warnings);
    for (uint32_t i = 0; i < s->link_count; i++) advise_loss(s, i, warnings);
    if (s->matrix[0] != '\0') {
        sites = s->has_regions ? topo_read_regions(s->matrix, why, sizeof why)
                               : topo_read(s->matrix, why, sizeof why);
        if (sites == NULL) return; /* it was there when the scenario was read */
        if (!s->has_regions) advise_matrix(s, sites, warnings);
    }
    advise_delay(s, sites, warnings);
    advise_bounds(s, sites, warnings);
    topo_free(sites);
}
