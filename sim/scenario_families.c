/* sim/scenario_families.c - `ipv4:` and `ipv6:`: which families of addresses a host has, where its
 * IPv6 comes from, and what cannot be done with what it has.
 */
#include "sim/scenario_impl.h"

#include <stdio.h>

enum { MTU_LEAST = 1280, FOUR = 1, SIX = 2 }; /* RFC 8200 section 5; bits of families */

static void read_six(reader *r, const doc_node *node, scenario_families *f)
{
    scenario_chain chain = {0};
    const char *text = read_text(r, node);
    if (text == NULL || strcmp(text, "none") == 0) return;
    if (strcmp(text, "public") == 0) {
        f->six = SCENARIO_SIX_PUBLIC;
        return;
    }
    read_firewall(r, node, &chain);
    if (chain.count == 0) return;
    f->six = SCENARIO_SIX_BEHIND;
    f->wall = chain.box[0];
}

bool read_families(reader *r, const doc_node *map, scenario_families *families)
{
    const doc_node *four = doc_get(map, "ipv4"), *six = doc_get(map, "ipv6");
    const doc_node *behind = doc_get(map, "behind"), *mix = doc_get(map, "nat_mix");
    scenario_families f = {.wall = {.number = SCENARIO_ANY}};
    bool has_four = true;
    if (four == NULL && six == NULL) return false;
    if (read_switch(r, four, &has_four)) f.no_four = !has_four;
    if (six != NULL) read_six(r, six, &f);
    bool has_none = six == NULL || (six->kind == DOC_TEXT && strcmp(six->text, "none") == 0);
    if (f.no_four && has_none)
        read_error(r, four, "then it has no address at all: say by 'ipv6' where it gets one");
    if (f.no_four && (behind != NULL || mix != NULL))
        read_error(r, behind != NULL ? behind : mix,
                   "such boxes translate IPv4, which it does not have: 'ipv6' names a firewall");
    *families = f;
    return true;
}

/* ---- what cannot be ---- */

static unsigned bits_of(const scenario_families *f)
{
    return (f->no_four ? 0u : FOUR) | (f->six != SCENARIO_SIX_NONE ? SIX : 0u);
}

/* The families that node has at some time. */
static unsigned bits_at_all(const scenario *s, uint32_t node)
{
    const scenario_node *n = &s->nodes[node];
    unsigned bits = bits_of(&n->families);
    if (n->group != SCENARIO_ANY && s->groups[n->group].has_roam_families)
        bits |= bits_of(&s->groups[n->group].roam_families);
    for (uint32_t i = 0; i < s->event_count; i++)
        if (s->events[i].has_families && s->events[i].a == node)
            bits |= bits_of(&s->events[i].families);
    return bits;
}

static diag_place at(const scenario_place *place)
{
    return (diag_place){0, place->line, place->column};
}

const char *read_path_of(const scenario *s, const scenario_node *n, char out[DOC_PATH_MAX])
{
    bool is_own = n->group == SCENARIO_ANY;
    snprintf(out, DOC_PATH_MAX, "%s.%s", is_own ? "nodes" : "groups",
             is_own ? n->name : s->groups[n->group].name);
    return out;
}

/* A tunnel is a longer access link: nothing of its host's goes past it. */
static void check_tunnel(reader *r, const scenario_place *place, const char *path, const char *name,
                         const scenario_chain *chain, const scenario_families *f)
{
    for (uint32_t i = 0; i < chain->count && f->six != SCENARIO_SIX_NONE; i++) {
        const scenario_nat *kind = &r->s->nats[chain->box[i].nat];
        if (kind->type.tunnel_ns > 0)
            diag_add(r->errors, at(place),
                     "%s: all that '%s' sends goes through the tunnel of '%s', which carries no "
                     "IPv6: 'ipv6: none'",
                     path, name, kind->name);
    }
}

static void check_link(reader *r, const scenario_node *n, const char *path, unsigned bits)
{
    const scenario *s = r->s;
    const scenario_link *l = n->link != SCENARIO_ANY ? &s->links[n->link] : &s->link;
    if ((bits & SIX) != 0 && l->extra.mtu != 0 && l->extra.mtu < MTU_LEAST)
        diag_add(r->errors, at(&n->place),
                 "%s: it has IPv6, whose links pass packets of %d bytes at least, and an 'mtu' of "
                 "%u",
                 path, MTU_LEAST, l->extra.mtu);
}

static void check_node(reader *r, uint32_t node)
{
    const scenario *s = r->s;
    const scenario_node *n = &s->nodes[node];
    unsigned bits = bits_at_all(s, node);
    char path[DOC_PATH_MAX];
    check_tunnel(r, &n->place, read_path_of(s, n, path), n->name, &n->behind, &n->families);
    check_link(r, n, path, bits);
    for (uint32_t i = 0; i < n->relay_count; i++)
        if ((bits & bits_at_all(s, n->relays[i])) == 0)
            diag_add(r->errors, at(&n->place),
                     "%s.relays: '%s' and its relay '%s' have no family of addresses in common",
                     path, n->name, s->nodes[n->relays[i]].name);
}

static void check_event(reader *r, uint32_t i)
{
    const scenario_event *e = &r->s->events[i];
    const scenario_node *n = &r->s->nodes[e->a];
    char path[DOC_PATH_MAX];
    if (e->kind != SCENARIO_CHANGE_NETWORK || !(e->has_chain || e->has_families)) return;
    check_tunnel(r, &e->place, doc_path(r->events[i], path), n->name,
                 e->has_chain ? &e->chain : &n->behind,
                 e->has_families ? &e->families : &n->families);
}

void check_families(reader *r)
{
    const scenario *s = r->s;
    for (uint32_t node = 0; node < s->node_count; node++) {
        uint32_t group = s->nodes[node].group; /* all of a group are alike */
        if (group == SCENARIO_ANY || s->groups[group].first == node) check_node(r, node);
    }
    for (uint32_t i = 0; i < s->event_count; i++) check_event(r, i);
    for (uint32_t i = 0; i < s->expect_count; i++) {
        const scenario_expect *e = &s->expects[i];
        bool is_direct = e->kind == SCENARIO_EXPECT_PATH && e->path == SCENARIO_PATH_DIRECT;
        if (is_direct && (bits_at_all(s, e->a) & bits_at_all(s, e->b)) == 0)
            read_error(r, r->expects[i],
                       "'%s' and '%s' have no family of addresses in common: nothing is direct",
                       s->nodes[e->a].name, s->nodes[e->b].name);
    }
}
