/* sim/advice_home.c - hosts that look like one home and do not share its access link. What is a
 * home scenario_homes.c decides; in it all whose rates and queue are equal have one link, whatever
 * their links are called (net_line.c).
 */
#include "sim/advice_impl.h"

#include "sim/quantity.h"

#include <stdio.h>

/* Looking at a home takes as long as there are nodes. */
enum { HOMES_MOST = 1000 };

enum { APART_MAX = 256, NAMED_MAX = 4, HOSTS_MAX = (NAMED_MAX + 1) * (SCENARIO_NAME_MAX + 16) };

static const scenario_link *link_of(const scenario *s, uint32_t node)
{
    uint32_t link = s->nodes[node].link;
    return link == SCENARIO_ANY ? &s->link : &s->links[link];
}

static bool has_rate(const scenario *s, uint32_t node)
{
    const scenario_link *l = link_of(s, node);
    return l->link.up_bps > 0 || l->link.down_bps > 0 || l->extra.trace != NULL;
}

static bool shares(const scenario *s, const scenario_box *box)
{
    const nat_type *t = &s->nats[box->nat].type;
    return !t->own_links && t->tunnel_ns == 0;
}

/* ---- hosts beside each other ---- */

/* That shared box, when node is directly behind it in either family, or behind boxes inside of it
 * and it says `links: shared`. */
static const scenario_box *around(const scenario *s, uint32_t node, uint32_t shared)
{
    const scenario_chain *chain = &s->nodes[node].behind;
    const scenario_families *f = &s->nodes[node].families;
    for (uint32_t i = 0; i < chain->count; i++) {
        const scenario_box *box = &chain->box[i];
        if (box->number == shared && (i == 0 || s->nats[box->nat].type.shares_links)) return box;
    }
    return f->six == SCENARIO_SIX_BEHIND && f->wall.number == shared ? &f->wall : NULL;
}

static const char *value_text(enum quantity_kind kind, uint64_t value, char out[QUANTITY_PRINT_MAX])
{
    if (value > 0) return quantity_print(kind, value, out);
    return kind == QUANTITY_RATE ? "unlimited" : "none";
}

/* Why both cannot be one access link; false: they can. */
static bool is_apart(const scenario *s, uint32_t node, uint32_t other, char why[APART_MAX])
{
    const scenario_link *a = link_of(s, node), *b = link_of(s, other);
    const char *name = s->nodes[node].name, *other_name = s->nodes[other].name;
    const struct {
        const char *key;
        enum quantity_kind kind;
        uint64_t a, b;
    } traits[] = {
        {"up", QUANTITY_RATE, a->link.up_bps, b->link.up_bps},
        {"down", QUANTITY_RATE, a->link.down_bps, b->link.down_bps},
        {"queue", QUANTITY_DURATION, a->link.queue_ns, b->link.queue_ns},
        {"codel.target", QUANTITY_DURATION, a->extra.target_ns, b->extra.target_ns},
        {"codel.interval", QUANTITY_DURATION, a->extra.interval_ns, b->extra.interval_ns},
    };
    char x[QUANTITY_PRINT_MAX], y[QUANTITY_PRINT_MAX];
    if (a->extra.trace != b->extra.trace) {
        snprintf(why, APART_MAX, "'%s' has a capacity of its own",
                 a->extra.trace != NULL ? name : other_name);
        return true;
    }
    for (size_t i = 0; i < sizeof traits / sizeof traits[0]; i++) {
        if (traits[i].a == traits[i].b) continue;
        snprintf(why, APART_MAX, "'%s' has %s %s, '%s' %s", name, traits[i].key,
                 value_text(traits[i].kind, traits[i].a, x), other_name,
                 value_text(traits[i].kind, traits[i].b, y));
        return true;
    }
    return false;
}

/* Whether both are behind one router: what is wrong beside its firewall is told of the router. */
static bool share_router(const scenario *s, uint32_t a, uint32_t b)
{
    const scenario_chain *x = &s->nodes[a].behind, *y = &s->nodes[b].behind;
    return x->count > 0 && y->count > 0 && x->box[0].number != SCENARIO_ANY &&
           x->box[0].number == y->box[0].number;
}

static void advise_home(const scenario *s, uint32_t shared, diag *warnings)
{
    char why[APART_MAX];
    uint32_t first = 0, other;
    while (first < s->node_count && (around(s, first, shared) == NULL || !has_rate(s, first)))
        first++;
    if (first == s->node_count) return;
    const scenario_box *box = around(s, first, shared);
    bool is_wall = s->nats[box->nat].type.is_filter;
    if (!shares(s, box)) return;
    for (other = 0; other < s->node_count; other++)
        if (around(s, other, shared) != NULL && is_apart(s, other, first, why)) break;
    if (other == s->node_count || (is_wall && share_router(s, first, other))) return;
    diag_add(warnings, advice_place(&s->nodes[other].place),
             "'%s' and '%s' are in one home, '%s', but %s: they do not share an access link",
             s->nodes[other].name, s->nodes[first].name, box->shared, why);
}

/* ---- boxes inside ---- */

/* The place in chain of that shared box, from 0, the innermost; chain->count: it is not there. */
static uint32_t place_in(const scenario_chain *chain, uint32_t shared)
{
    uint32_t i = 0;
    while (i < chain->count && chain->box[i].number != shared) i++;
    return i;
}

/* What the box inside that shared one is called, if it is so in chain; otherwise known. */
static const char *inside(const scenario *s, const scenario_chain *chain, uint32_t shared,
                          const char *known)
{
    uint32_t place = place_in(chain, shared);
    if (known != NULL || place == 0 || place == chain->count) return known;
    const scenario_box *box = &chain->box[place - 1];
    return box->shared[0] != '\0' ? box->shared : s->nats[box->nat].name;
}

static const char *name_inside(const scenario *s, uint32_t shared)
{
    const char *name = NULL;
    for (uint32_t i = 0; i < s->node_count; i++)
        name = inside(s, &s->nodes[i].behind, shared, name);
    for (uint32_t i = 0; i < s->event_count; i++)
        name = inside(s, &s->events[i].chain, shared, name);
    for (uint32_t i = 0; i < s->group_count; i++)
        name = inside(s, &s->groups[i].roam_chain, shared, name);
    return name;
}

static bool is_home(const scenario *s, const scenario_box *box)
{
    return box->number != SCENARIO_ANY && s->shared[box->number].home != SCENARIO_ANY;
}

/* Whether node has an access link for itself somewhere behind that shared box: no box around it is
 * one of a home. */
static bool is_alone(const scenario *s, uint32_t node, uint32_t shared)
{
    const scenario_chain *chain = &s->nodes[node].behind;
    const scenario_families *f = &s->nodes[node].families;
    if (place_in(chain, shared) == chain->count || !has_rate(s, node)) return false;
    for (uint32_t i = 0; i < chain->count; i++)
        if (is_home(s, &chain->box[i])) return false;
    return f->six != SCENARIO_SIX_BEHIND || !is_home(s, &f->wall);
}

/* "'a', 'b' and 'c'", of many the first ones. Returns how many there are; *first is the first. */
static uint32_t list_alone(const scenario *s, uint32_t shared, char out[HOSTS_MAX], uint32_t *first)
{
    uint32_t count = 0, listed = 0;
    size_t used = 0;
    for (uint32_t i = 0; i < s->node_count; i++) count += is_alone(s, i, shared);
    uint32_t most = count > NAMED_MAX ? NAMED_MAX : count;
    for (uint32_t i = 0; i < s->node_count && listed < most; i++) {
        if (!is_alone(s, i, shared)) continue;
        if (listed == 0) *first = i;
        bool is_last = ++listed == count;
        const char *comma = listed == 1 ? "" : is_last ? " and " : ", ";
        used += (size_t)snprintf(out + used, HOSTS_MAX - used, "%s'%s'", comma, s->nodes[i].name);
    }
    if (count > most) snprintf(out + used, HOSTS_MAX - used, " and %u more", count - most);
    return count;
}

/* A home with a box inside, as a carrier has them. Who is only behind boxes inside is at a
 * carrier. */
static void advise_outer(const scenario *s, uint32_t shared, diag *warnings)
{
    char hosts[HOSTS_MAX];
    uint32_t direct = 0, first = 0;
    while (direct < s->node_count && around(s, direct, shared) == NULL) direct++;
    if (direct == s->node_count) return;
    const scenario_box *box = around(s, direct, shared);
    if (!shares(s, box) || s->nats[box->nat].type.shares_links) return;
    if (list_alone(s, shared, hosts, &first) < 2) return;
    diag_add(warnings, advice_place(&s->nodes[first].place),
             "'%s' has '%s' inside, and '%s' does not say 'links: shared': %s each have an access "
             "link of their own",
             box->shared, name_inside(s, shared), s->nats[box->nat].name, hosts);
}

void advise_homes(const scenario *s, diag *warnings)
{
    uint32_t looked = 0;
    for (uint32_t i = 0; i < s->shared_count && looked < HOMES_MOST; i++) {
        bool is_one = s->shared[i].home != SCENARIO_ANY, holds = s->shared[i].holds_boxes;
        if (!is_one && !holds) continue;
        if (is_one) advise_home(s, i, warnings);
        else advise_outer(s, i, warnings);
        looked++;
    }
}
