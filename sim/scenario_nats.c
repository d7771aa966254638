/* sim/scenario_nats.c - `nats:`, `firewalls:` and `behind:`: kinds of boxes, and chains of them
 * around a node. */
#include "base/suggest.h"
#include "sim/mem.h"
#include "sim/scenario_impl.h"

static scenario_nat *add_kind(scenario *s, const doc_node *n)
{
    scenario_nat *kind = &s->nats[s->nat_count++];
    snprintf(kind->name, sizeof kind->name, "%s", n->key);
    return kind;
}

/* A name says which of both it is, and is none of the words of `ipv6:`. */
static void check_wall_name(reader *r, const doc_node *n, const doc_node *nats)
{
    if (nats != NULL && doc_get(nats, n->key) != NULL)
        read_key_error(r, n, "'%s' is also in nats", n->key);
    if (strcmp(n->key, "none") == 0 || strcmp(n->key, "public") == 0)
        read_key_error(r, n, "'ipv6: %s' means something else", n->key);
}

void read_nats(reader *r, const doc_node *nats, const doc_node *walls)
{
    scenario *s = r->s;
    if (!read_names(r, nats)) nats = NULL;
    if (!read_names(r, walls)) walls = NULL;
    uint32_t count = (nats != NULL ? nats->count : 0) + (walls != NULL ? walls->count : 0);
    if (count == 0) return;
    s->nats = sim_alloc(count * sizeof *s->nats);
    for (const doc_node *n = nats != NULL ? nats->first : NULL; n != NULL; n = n->next)
        read_nat_kind(r, n, &add_kind(s, n)->type);
    for (const doc_node *n = walls != NULL ? walls->first : NULL; n != NULL; n = n->next) {
        check_wall_name(r, n, nats);
        read_firewall_kind(r, n, &add_kind(s, n)->type);
    }
}

static bool is_profile(const char *name)
{
    const nat_profile *p;
    for (uint32_t i = 0; (p = nat_profile_at(i)) != NULL; i++)
        if (strcmp(name, p->name) == 0) return true;
    return false;
}

static void tell_unknown(reader *r, const doc_node *node, bool is_wall, const char *name,
                         const suggest *near)
{
    char hint[SUGGEST_HINT_MAX];
    if (!is_wall && is_profile(name))
        read_error(r, node,
                   "unknown nat '%s': there is a profile of that name, "
                   "'nats: {%s: {profile: %s}}'",
                   name, name, name);
    else
        read_error(r, node, "unknown %s '%.80s'%s", is_wall ? "firewall" : "nat", name,
                   suggest_hint(near, hint));
}

static bool find_type(reader *r, const doc_node *node, bool is_wall, const char *name,
                      uint32_t *index)
{
    suggest near;
    suggest_begin(&near, name);
    for (uint32_t i = 0; i < r->s->nat_count; i++) {
        const scenario_nat *kind = &r->s->nats[i];
        if (strcmp(name, kind->name) == 0 && kind->type.is_filter == is_wall) {
            *index = i;
            return true;
        }
        if (strcmp(name, kind->name) == 0) {
            read_error(r, node,
                       is_wall ? "'%s' translates IPv4: it belongs to 'behind'"
                               : "'%s' is a firewall for IPv6: it belongs to 'ipv6'",
                       name);
            return false;
        }
        if (kind->type.is_filter == is_wall) suggest_offer(&near, kind->name);
    }
    if (is_wall) suggest_offer(&near, "public");
    if (is_wall) suggest_offer(&near, "none");
    enum gap gap = is_wall ? GAP_WALLS : GAP_NATS;
    bool is_told = (r->gaps & gap) != 0;
    if (r->s->nat_count == 0) r->gaps |= gap; /* nor is any other */
    if (!is_told && is_news(r, is_wall ? THING_WALL : THING_NAT, node->text))
        tell_unknown(r, node, is_wall, name, &near);
    return false;
}

/* "carrier" or "carrier@isp1". */
static bool read_box(reader *r, const doc_node *node, bool is_wall, scenario_box *box)
{
    char name[2 * SCENARIO_NAME_MAX + 1];
    const char *text = read_text(r, node);
    if (text == NULL) return false;
    const char *at = strchr(text, '@');
    size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
    if (at != NULL && !is_name(at + 1)) {
        read_error(r, node, "after '@' comes the name of one box, which '%.80s' is not", at + 1);
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), text);
    box->number = SCENARIO_ANY;
    if (!find_type(r, node, is_wall, name, &box->nat)) return false;
    if (at != NULL) memcpy(box->shared, at + 1, strlen(at + 1) + 1);
    return true;
}

static bool is_same_chain(const scenario_chain *a, const scenario_chain *b)
{
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->box[i].nat != b->box[i].nat) return false;
        if (strcmp(a->box[i].shared, b->box[i].shared) != 0) return false;
    }
    return true;
}

/* A box is one box only if it is of one kind and in one place, wherever it is named. */
static void check_same(reader *r, const doc_node *node, const scenario_chain *chain,
                       const shared_box *first)
{
    const scenario_box *box = &chain->box[0], *other = &first->from_here.box[0];
    if (box->nat != other->nat)
        read_error(r, node, "'%s' is a %s here and a %s on line %u", box->shared,
                   r->s->nats[box->nat].name, r->s->nats[other->nat].name, first->place.line);
    else if (!is_same_chain(chain, &first->from_here))
        read_error(r, node, "'%s' has other boxes outside it than on line %u", box->shared,
                   first->place.line);
}

/* Gives a shared box its number: the same wherever it is named. */
static void check_shared(reader *r, const doc_node *node, names *known, scenario_chain *chain,
                         uint32_t at)
{
    shared_box use = {.place = node->place};
    scenario_box *box = &chain->box[at];
    for (uint32_t i = at; i < chain->count; i++) {
        if (chain->box[i].shared[0] == '\0') {
            read_error(r, node,
                       "'%s' is one box, so the '%s' outside it needs a name too, with '@'",
                       box->shared, r->s->nats[chain->box[i].nat].name);
            return;
        }
        use.from_here.box[use.from_here.count++] = chain->box[i];
    }
    use.name = strchr(node->text, '@') + 1;
    box->number = names_add(known, use.name, r->shared_count);
    if (box->number < r->shared_count) {
        check_same(r, node, &use.from_here, &r->shared[box->number]);
        return;
    }
    r->shared = sim_grow(r->shared, &r->shared_cap, r->shared_count, sizeof *r->shared);
    r->shared[r->shared_count++] = use;
}

/* What a host sends through its tunnel no box on the way translates. */
static void check_tunnels(reader *r, const doc_node *node, const scenario_chain *chain)
{
    const doc_node *n = node->first;
    for (uint32_t i = 0; i + 1 < chain->count; i++, n = n->next) {
        if (r->s->nats[chain->box[i].nat].type.tunnel_ns > 0)
            read_error(
                r, n,
                "'%s' is at the far end of a tunnel, which goes through the boxes outside it "
                "and is not translated by them: leave them out",
                n->text);
    }
}

/* A gateway answers hosts beside it; those behind a box inside it are not. */
static void check_gateways(reader *r, const doc_node *node, const scenario_chain *chain)
{
    const doc_node *n = node->first;
    for (uint32_t i = 0; i < chain->count; i++, n = n->next) {
        if (i > 0 && r->s->nats[chain->box[i].nat].type.gateway != 0)
            read_error(r, n, "'%s' is a gateway for hosts beside it, and there is a box between",
                       n->text);
    }
}

static bool read_boxes(reader *r, const doc_node *node, scenario_chain *chain)
{
    bool is_good = true;
    if (!read_list(r, node)) return false;
    if (node->count > SCENARIO_CHAIN_MAX) {
        read_error(r, node, "%u boxes in a row, at most %d", node->count, SCENARIO_CHAIN_MAX);
        return false;
    }
    for (const doc_node *n = node->first; n != NULL; n = n->next)
        is_good &= read_box(r, n, false, &chain->box[chain->count++]);
    return is_good;
}

void read_chain(reader *r, const doc_node *node, scenario_chain *chain)
{
    scenario_chain read = {0};
    if (node == NULL) return;
    if (!read_boxes(r, node, &read)) {
        r->gaps |= GAP_CHAINS;
        return;
    }
    *chain = read;
    check_tunnels(r, node, chain);
    check_gateways(r, node, chain);
    const doc_node *n = node->first;
    for (uint32_t i = 0; i < read.count; i++, n = n->next) {
        if (read.box[i].shared[0] != '\0') check_shared(r, n, &r->shared_names, chain, i);
    }
}

void read_firewall(reader *r, const doc_node *node, scenario_chain *chain)
{
    scenario_chain read = {.count = 1};
    if (!read_box(r, node, true, &read.box[0])) return;
    *chain = read;
    if (read.box[0].shared[0] != '\0') check_shared(r, node, &r->shared_walls, chain, 0);
}

/* One more host is behind chain. */
static void count_host(scenario *s, const scenario_chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        if (chain->box[i].number == SCENARIO_ANY) continue;
        scenario_shared *shared = &s->shared[chain->box[i].number];
        if (i > 0) shared->holds_boxes = true;
        else shared->hosts++;
    }
}

static void count_wall(scenario *s, const scenario_families *f)
{
    if (f->six == SCENARIO_SIX_BEHIND && f->wall.number != SCENARIO_ANY)
        s->shared[f->wall.number].hosts++;
}

void read_shared(reader *r)
{
    scenario *s = r->s;
    if (r->shared_count == 0) return;
    s->shared_count = r->shared_count;
    s->shared = sim_alloc(s->shared_count * sizeof *s->shared);
    for (uint32_t i = 0; i < s->node_count; i++) {
        count_host(s, &s->nodes[i].behind);
        count_wall(s, &s->nodes[i].families);
    }
    for (uint32_t i = 0; i < s->event_count; i++) {
        count_host(s, &s->events[i].chain);
        count_wall(s, &s->events[i].families);
    }
    for (uint32_t i = 0; i < s->group_count; i++)
        for (uint32_t k = 0; k < s->groups[i].count; k++) {
            count_host(s, &s->groups[i].roam_chain);
            count_wall(s, &s->groups[i].roam_families);
        }
    for (uint32_t i = 0; i < s->shared_count; i++) {
        const scenario_shared *shared = &s->shared[i];
        if (shared->hosts > NET_LAN_HOSTS_MAX && !shared->holds_boxes)
            diag_add(r->errors, r->shared[i].place,
                     "'%s' has %u hosts inside, its addresses are enough for %d", r->shared[i].name,
                     shared->hosts, NET_LAN_HOSTS_MAX);
    }
    find_homes(r);
}
