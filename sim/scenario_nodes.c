/* sim/scenario_nodes.c - `nodes:` and `groups:`. All names are known before anything refers to one.
 */
#include "base/suggest.h"
#include "sim/mem.h"
#include "sim/scenario_impl.h"

enum {
    GROUP_NAME_MAX = 52, /* bytes, so that its members' names fit too */
    PORT_MAX = 65000,    /* of a node */
    REGIONS_TEXT_MAX = 160,
    MORE_TEXT = 32 /* bytes of " or one of N more", and a comma */
};

/* "A, B or C"; of many the first ones, and how many more there are. */
static const char *all_regions(const reader *r, char out[REGIONS_TEXT_MAX])
{
    size_t used = 0;
    for (uint32_t i = 0; i < r->sites; i++) {
        const char *comma = i == 0 ? "" : i + 1 == r->sites ? " or " : ", ";
        if (used + strlen(topo_name(r->regions, i)) + MORE_TEXT > REGIONS_TEXT_MAX) {
            snprintf(out + used, REGIONS_TEXT_MAX - used, " or one of %u more", r->sites - i);
            break;
        }
        used += (size_t)snprintf(out + used, REGIONS_TEXT_MAX - used, "%s%s", comma,
                                 topo_name(r->regions, i));
    }
    return out;
}

/* A region of the latency file by its name. */
static void read_region(reader *r, const doc_node *node, uint32_t *site)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX], all[REGIONS_TEXT_MAX];
    uint32_t found = topo_find(r->regions, node->text);
    if (found != TOPO_NONE) {
        *site = found;
        return;
    }
    suggest_begin(&near, node->text);
    for (uint32_t i = 0; i < r->sites; i++) suggest_offer(&near, topo_name(r->regions, i));
    if (near.best != NULL)
        read_error(r, node, "unknown region '%.80s'%s", node->text, suggest_hint(&near, hint));
    else read_error(r, node, "unknown region '%.60s', use %s", node->text, all_regions(r, all));
}

/* Whether a site is meant by a name, be it there or not. */
static bool is_word(const doc_node *node)
{
    if (node == NULL || node->kind != DOC_TEXT) return false;
    char first = node->text[0];
    return (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
}

void read_site(reader *r, const doc_node *node, uint32_t *site)
{
    uint64_t value;
    if (r->sites == 0) return; /* the latency file is bad, which has been said */
    if (r->regions != NULL && node != NULL && node->kind == DOC_TEXT) {
        read_region(r, node, site);
        return;
    }
    if (is_word(node)) {
        read_error(r, node,
                   "'%.60s' is no site: they are numbers from 0 to %u, and have names only with "
                   "'network.latency.regions'",
                   node->text, r->sites - 1);
        return;
    }
    if (!read_quantity(r, node, QUANTITY_COUNT, &value)) return;
    if (value < r->sites) *site = (uint32_t)value;
    else
        read_error(r, node, "site %s does not exist, they go from 0 to %u", node->text,
                   r->sites - 1);
}

static const key_rule node_rules[] = {
    {"at", false},    {"behind", false},     {"relays", false}, {"roles", false},
    {"knows", false}, {"config", false},     {"port", false},   {"link", false},
    {"cpu", false},   {"misbehaves", false}, {"ipv4", false},   {"ipv6", false},
};

/* Whose roles are not what was meant counts as a relay: whoever names it as one is right. */
static void read_roles(reader *r, const doc_node *of, bool *is_relay)
{
    static const char *const roles[] = {"relay"};
    const doc_node *node = doc_get(of, "roles");
    uint32_t role;
    *is_relay =
        of->kind != DOC_MAP ||
        (node == NULL && has_unknown_key(of, node_rules, sizeof node_rules / sizeof node_rules[0]));
    if (node == NULL) return;
    if (!read_list(r, node)) *is_relay = true;
    else if (node->count > 0) *is_relay = true;
    for (const doc_node *n = node->kind == DOC_LIST ? node->first : NULL; n != NULL; n = n->next)
        read_word(r, n, roles, 1, &role);
}

/* Appends one relay to those of a node. */
static void read_relay(reader *r, const doc_node *node, scenario_node *of)
{
    uint32_t relay;
    if (!read_node_ref(r, node, &relay)) return;
    if (&r->s->nodes[relay] == of) {
        read_error(r, node, "'%s' cannot be its own relay", of->name);
        return;
    }
    if (!r->s->nodes[relay].is_relay) {
        if (is_news(r, THING_RELAY, node->text))
            read_error(r, node, "'%s' is not a relay: it has no roles: [relay]", node->text);
        return;
    }
    for (uint32_t i = 0; i < of->relay_count; i++) {
        if (of->relays[i] != relay) continue;
        read_error(r, node, "'%s' is in the list already", node->text);
        return;
    }
    of->relays[of->relay_count++] = relay;
}

static void read_relays(reader *r, const doc_node *node, scenario_node *of)
{
    if (!read_list(r, node)) return;
    if (node->count > SCENARIO_RELAYS_MAX) {
        read_error(r, node, "%u relays, at most %d", node->count, SCENARIO_RELAYS_MAX);
        return;
    }
    for (const doc_node *n = node->first; n != NULL; n = n->next) read_relay(r, n, of);
}

/* Those above it are for sockets that probe. */
static void read_port(reader *r, const doc_node *node, uint16_t *port)
{
    uint32_t value;
    if (!read_u32(r, node, QUANTITY_COUNT, PORT_MAX, &value)) return;
    *port = (uint16_t)value;
    if (value == 0) read_error(r, node, "ports begin at 1");
}

static void read_node(reader *r, const doc_node *node, scenario_node *out)
{
    static const char *const known[] = {"all"};
    uint32_t word;
    if (!read_map(r, node, node_rules, sizeof node_rules / sizeof node_rules[0])) return;
    read_site(r, doc_get(node, "at"), &out->site);
    read_port(r, doc_get(node, "port"), &out->port);
    read_chain(r, doc_get(node, "behind"), &out->behind);
    read_families(r, node, &out->families);
    read_relays(r, doc_get(node, "relays"), out);
    read_link_ref(r, doc_get(node, "link"), &out->link);
    read_cpu(r, doc_get(node, "cpu"), out);
    read_bend(r, doc_get(node, "misbehaves"), out);
    out->knows_all = read_word(r, doc_get(node, "knows"), known, 1, &word);
    read_config(r, doc_get(node, "config"), &out->settings, &out->setting_count);
}

/* `pairs: {from, until}` of a group. */
static void read_pairs(reader *r, const doc_node *node, scenario_group *group)
{
    static const key_rule rules[] = {{"from", true}, {"until", true}};
    if (node != NULL) group->has_pairs = true;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    bool has_from = read_time(r, doc_get(node, "from"), &group->pairs_from_ns);
    bool has_until = read_time(r, doc_get(node, "until"), &group->pairs_until_ns);
    if (has_from && has_until && group->pairs_until_ns < group->pairs_from_ns)
        read_error(r, doc_get(node, "until"), "it is before 'from'");
    if (group->count == 1) read_error(r, node, "one member makes no pair");
}

/* Reads what all members of a group have in common and gives it to each. */
static void read_group(reader *r, const doc_node *node, scenario_group *group)
{
    static const key_rule rules[] = {
        {"count", true},   {"nat_mix", false}, {"behind", false}, {"relays", false},
        {"config", false}, {"pairs", false},   {"churn", false},  {"link", false},
        {"cpu", false},    {"sleep", false},   {"roam", false},   {"ipv4", false},
        {"ipv6", false},
    };
    scenario_node common = {.link = SCENARIO_ANY};
    group->has_pairs =
        node->kind != DOC_MAP || has_unknown_key(node, rules, sizeof rules / sizeof rules[0]);
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    const doc_node *mix = doc_get(node, "nat_mix"), *behind = doc_get(node, "behind");
    if (mix != NULL && behind != NULL) read_error(r, behind, "it has either 'nat_mix' or 'behind'");
    read_mix(r, mix, group);
    read_chain(r, behind, &common.behind);
    read_families(r, node, &common.families);
    read_relays(r, doc_get(node, "relays"), &common);
    read_link_ref(r, doc_get(node, "link"), &common.link);
    read_cpu(r, doc_get(node, "cpu"), &common);
    read_config(r, doc_get(node, "config"), &common.settings, &common.setting_count);
    read_pairs(r, doc_get(node, "pairs"), group);
    read_churn(r, doc_get(node, "churn"), group);
    read_group_sleep(r, doc_get(node, "sleep"), group);
    read_roam(r, doc_get(node, "roam"), group);
    if (group->count == 0)
        free(common.settings); /* nobody to own it; a count of 0 has been refused */
    for (uint32_t i = 0; i < group->count; i++) {
        scenario_node *member = &r->s->nodes[group->first + i];
        member->behind = common.behind;
        member->families = common.families;
        memcpy(member->relays, common.relays, sizeof common.relays);
        member->relay_count = common.relay_count;
        member->link = common.link;
        member->cpu_datagram_ns = common.cpu_datagram_ns;
        member->cpu_handshake_ns = common.cpu_handshake_ns;
        member->settings = common.settings;
        member->setting_count = common.setting_count;
    }
}

/* How many members a group has, 0 when that is unknown or wrong. */
static uint32_t read_count(reader *r, const doc_node *group, uint32_t most)
{
    uint32_t count = 0;
    const doc_node *node = doc_get(group, "count");
    if (read_u32(r, node, QUANTITY_COUNT, most, &count) && count == 0)
        read_error(r, node, "a group has at least one member");
    return count;
}

/* Whether a name is that of a group or of one of its members. */
static bool is_taken(const scenario *s, const names *groups, const char *name)
{
    char group[SCENARIO_NAME_MAX];
    if (names_find(groups, name) != NAMES_NONE) return true;
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash[1] < '1' || dash[1] > '9') return false;
    snprintf(group, sizeof group, "%.*s", (int)(dash - name), name);
    uint32_t index = names_find(groups, group);
    char *end;
    unsigned long number = strtoul(dash + 1, &end, 10);
    return index != NAMES_NONE && *end == '\0' && number <= s->groups[index].count;
}

static scenario_node *add_node(scenario *s, const doc_node *node, uint32_t group)
{
    scenario_node *n = &s->nodes[s->node_count++];
    n->site = n->link = SCENARIO_ANY;
    n->group = group;
    n->place = (scenario_place){node->key_place.line, node->key_place.column};
    return n;
}

static void add_members(reader *r, const doc_node *node, scenario_group *group, uint32_t index)
{
    scenario *s = r->s;
    group->first = s->node_count;
    for (uint32_t i = 1; i <= group->count; i++) {
        scenario_node *member = add_node(s, node, index);
        snprintf(member->name, sizeof member->name, "%.*s-%u", GROUP_NAME_MAX, group->name, i);
        names_add(&r->node_names, member->name, s->node_count - 1);
    }
}

/* Makes all groups, and says how many nodes there will be. */
static uint32_t count_nodes(reader *r, const doc_node *nodes, const doc_node *groups)
{
    scenario *s = r->s;
    uint32_t total = nodes != NULL ? nodes->count : 0;
    if (groups == NULL || groups->count == 0) return total;
    s->groups = sim_alloc(groups->count * sizeof *s->groups);
    for (const doc_node *n = groups->first; n != NULL; n = n->next) {
        scenario_group *group = &s->groups[s->group_count++];
        snprintf(group->name, sizeof group->name, "%s", n->key);
        if (strlen(n->key) > GROUP_NAME_MAX)
            read_key_error(r, n, "a group's name has at most %d bytes", GROUP_NAME_MAX);
        uint32_t room = total < SCENARIO_NODES_MAX ? SCENARIO_NODES_MAX - total : 0;
        group->count = read_count(r, n, room);
        total += group->count;
    }
    return total;
}

/* Gives every node and member its place in the table, with its name and its role. */
static void add_nodes(reader *r, const doc_node *nodes, const doc_node *groups, uint32_t total)
{
    scenario *s = r->s;
    names group_names;
    names_init(&group_names);
    for (uint32_t g = 0; g < s->group_count; g++) names_add(&group_names, s->groups[g].name, g);
    s->nodes = sim_alloc(total * sizeof *s->nodes);
    for (const doc_node *n = nodes != NULL ? nodes->first : NULL; n != NULL; n = n->next) {
        scenario_node *node = add_node(s, n, SCENARIO_ANY);
        snprintf(node->name, sizeof node->name, "%s", n->key);
        read_roles(r, n, &node->is_relay);
        names_add(&r->node_names, node->name, s->node_count - 1);
        if (is_taken(s, &group_names, node->name))
            read_key_error(r, n, "'%s' is also in groups", node->name);
    }
    const doc_node *n = groups != NULL ? groups->first : NULL;
    for (uint32_t g = 0; g < s->group_count; g++, n = n->next) add_members(r, n, &s->groups[g], g);
    names_close(&group_names);
    PU_ASSERT(s->node_count == total);
}

void read_nodes(reader *r, const doc_node *nodes, const doc_node *groups)
{
    scenario *s = r->s;
    if (!read_names(r, nodes)) nodes = NULL;
    if (!read_names(r, groups)) groups = NULL;
    uint32_t total = count_nodes(r, nodes, groups);
    bool has_groups = groups != NULL && groups->count > 0;
    if (total == 0 && nodes != NULL && !has_groups)
        read_error(r, nodes, "a run needs at least one node");
    if (total == 0) return;
    add_nodes(r, nodes, groups, total);
    uint32_t i = 0;
    for (const doc_node *n = nodes != NULL ? nodes->first : NULL; n != NULL; n = n->next)
        read_node(r, n, &s->nodes[i++]);
    i = 0;
    for (const doc_node *n = groups != NULL ? groups->first : NULL; n != NULL; n = n->next)
        read_group(r, n, &s->groups[i++]);
}
