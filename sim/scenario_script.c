/* sim/scenario_script.c - `authorize:` and `events:`: who trusts whom, and what happens when. */
#include "sim/mem.h"
#include "sim/scenario_impl.h"

static void authorize(scenario *s, uint32_t a, uint32_t b)
{
    s->authorize[s->authorize_count][0] = a;
    s->authorize[s->authorize_count][1] = b;
    s->authorize_count++;
}

static void read_authorized(reader *r, const doc_node *node)
{
    uint32_t a, b;
    if (!read_list(r, node)) return;
    if (node->count != 2) {
        read_error(r, node, "two nodes belong here: [home, laptop]");
        return;
    }
    bool has_a = read_node_ref(r, node->first, &a);
    bool has_b = read_node_ref(r, node->last, &b);
    if (!has_a || !has_b) return;
    if (a == b) read_error(r, node->last, "'%s' authorizes itself", node->last->text);
    else authorize(r->s, a, b);
}

void read_authorize(reader *r, const doc_node *node)
{
    scenario *s = r->s;
    uint32_t most = 0;
    if (read_list(r, node)) most = node->count;
    else node = NULL;
    if (node != NULL && node->count > 0 && node->first->kind == DOC_TEXT) {
        read_error(r, node, "it is a list of pairs: [[home, laptop]]");
        node = NULL;
    }
    for (uint32_t g = 0; g < s->group_count; g++) most += s->groups[g].count / 2;
    if (most == 0) return;
    s->authorize = sim_alloc(most * sizeof *s->authorize);
    for (const doc_node *n = node != NULL ? node->first : NULL; n != NULL; n = n->next)
        read_authorized(r, n);
    for (uint32_t g = 0; g < s->group_count; g++) {
        const scenario_group *group = &s->groups[g];
        for (uint32_t i = 0; group->has_pairs && i + 1 < group->count; i += 2)
            authorize(s, group->first + i, group->first + i + 1);
    }
}

static bool read_connect(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {{"from", true}, {"to", true}};
    event->kind = SCENARIO_CONNECT;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return false;
    return read_pair(r, node, &event->a, &event->b);
}

/* `change_network: NODE`, or a map that says where to. */
static bool read_change(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {
        {"node", true}, {"behind", false},  {"at", false},   {"link", false},
        {"gap", false}, {"overlap", false}, {"ipv4", false}, {"ipv6", false},
    };
    event->kind = SCENARIO_CHANGE_NETWORK;
    if (node->kind != DOC_MAP) return read_node_ref(r, node, &event->a);
    read_map(r, node, rules, sizeof rules / sizeof rules[0]);
    event->has_chain = doc_get(node, "behind") != NULL;
    read_chain(r, doc_get(node, "behind"), &event->chain);
    event->has_families = read_families(r, node, &event->families);
    read_site(r, doc_get(node, "at"), &event->site);
    event->link = SCENARIO_ANY;
    read_link_ref(r, doc_get(node, "link"), &event->link);
    event->has_link = event->link != SCENARIO_ANY; /* not a kind that is unknown */
    read_crossing(r, node, &event->gap_ns, &event->overlap_ns);
    return read_node_ref(r, doc_get(node, "node"), &event->a);
}

/* At most so many bytes: an hour of a fast line. */
#define STREAM_BYTES_MAX (UINT64_C(1) << 36)

static bool read_stream(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {{"from", true}, {"to", true}, {"bytes", true}};
    const doc_node *bytes = doc_get(node, "bytes");
    event->kind = SCENARIO_STREAM;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return false;
    bool has_bytes = read_quantity(r, bytes, QUANTITY_SIZE, &event->bytes);
    if (has_bytes && event->bytes > STREAM_BYTES_MAX) {
        read_error(r, bytes, "64 GiB at most");
        return false;
    }
    return read_pair(r, node, &event->a, &event->b) && has_bytes;
}

/* How many boxes node may be behind at some time. */
static uint32_t boxes_of(const scenario *s, uint32_t node)
{
    const scenario_node *n = &s->nodes[node];
    uint32_t most = n->behind.count;
    if (n->group != SCENARIO_ANY && s->groups[n->group].has_mix) most = 1;
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->a == node && e->has_chain && e->chain.count > most) most = e->chain.count;
    }
    if (n->group == SCENARIO_ANY) return most;
    const scenario_group *g = &s->groups[n->group];
    if (g->has_roam && g->roam_chain.count > most) most = g->roam_chain.count;
    return most;
}

/* Whether a firewall is around it at some time. */
static bool has_firewall(const scenario *s, uint32_t node)
{
    const scenario_node *n = &s->nodes[node];
    bool has = n->families.six == SCENARIO_SIX_BEHIND;
    if (n->group != SCENARIO_ANY && s->groups[n->group].has_roam_families)
        has |= s->groups[n->group].roam_families.six == SCENARIO_SIX_BEHIND;
    for (uint32_t i = 0; i < s->event_count; i++)
        has |= s->events[i].a == node && s->events[i].families.six == SCENARIO_SIX_BEHIND;
    return has;
}

/* `reboot: NODE`, the innermost box around it, or a map that says which one. */
static bool read_disturbed(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {{"node", true}, {"box", true}};
    const doc_node *which = NULL, *who = node;
    uint32_t box = 1;
    if (node->kind == DOC_MAP) {
        if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return false;
        which = doc_get(node, "box");
        who = doc_get(node, "node");
        if (!read_u32(r, which, QUANTITY_COUNT, SCENARIO_CHAIN_MAX, &box)) return false;
    }
    if (!read_node_ref(r, who, &event->a)) return false;
    uint32_t most = boxes_of(r->s, event->a);
    if (box > most && (r->gaps & GAP_CHAINS) != 0) return false;
    bool has_wall = has_firewall(r->s, event->a);
    if (most == 0 && has_wall && event->kind == SCENARIO_REBOOT) most = 1;
    if (most == 0 && has_wall) {
        read_error(r, who, "a firewall translates nothing, so nothing can move to other ports");
        return false;
    }
    if (box == 0 || box > most) {
        read_error(r, which != NULL ? which : who,
                   most == 0 ? "there is no box around it"
                             : "boxes count from 1, the innermost, to %u",
                   most);
        return false;
    }
    event->box = box - 1;
    return true;
}

static bool read_reboot(reader *r, const doc_node *node, scenario_event *event)
{
    event->kind = SCENARIO_REBOOT;
    return read_disturbed(r, node, event);
}

static bool read_rebind(reader *r, const doc_node *node, scenario_event *event)
{
    event->kind = SCENARIO_REBIND;
    return read_disturbed(r, node, event);
}

/* What an event may be about. */
static const struct {
    const char *key;
    bool (*read)(reader *r, const doc_node *node, scenario_event *event);
} kinds[] = {
    {"connect", read_connect}, {"change_network", read_change}, {"crash", read_crash},
    {"restart", read_restart}, {"clock", read_clock},           {"partition", read_partition},
    {"block", read_block},     {"stream", read_stream},         {"reboot", read_reboot},
    {"rebind", read_rebind},   {"sleep", read_sleep},           {"swizzle", read_swizzle},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void wrong_kind(reader *r, const doc_node *node)
{
    char all[256] = "";
    for (uint32_t i = 0; i < KINDS; i++) {
        size_t used = strlen(all);
        const char *comma = i == 0 ? "" : i + 1 == KINDS ? " and " : ", ";
        snprintf(all + used, sizeof all - used, "%s'%s'", comma, kinds[i].key);
    }
    read_error(r, node, "it has one of %s", all);
}

static bool read_event(reader *r, const doc_node *node, scenario_event *event)
{
    key_rule rules[1 + KINDS] = {{"at", true}};
    uint32_t found = 0, kind = 0;
    *event = (scenario_event){.site = SCENARIO_ANY, .b = SCENARIO_ANY};
    event->place = (scenario_place){node->place.line, node->place.column};
    for (uint32_t i = 0; i < KINDS; i++) {
        rules[1 + i] = (key_rule){kinds[i].key, false};
        if (doc_get(node, kinds[i].key) == NULL) continue;
        found++;
        kind = i;
    }
    if (!read_map(r, node, rules, 1 + KINDS)) return false;
    bool has_time = read_time(r, doc_get(node, "at"), &event->at);
    if (found != 1) {
        if (!has_unknown_key(node, rules, 1 + KINDS)) wrong_kind(r, node);
        return false;
    }
    bool is_good = kinds[kind].read(r, doc_get(node, kinds[kind].key), event);
    return has_time && is_good;
}

void read_events(reader *r, const doc_node *node)
{
    scenario *s = r->s;
    if (!read_list(r, node) || node->count == 0) return;
    s->events = sim_alloc(node->count * sizeof *s->events);
    r->events = sim_alloc(node->count * sizeof *r->events);
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        scenario_event *event = &s->events[s->event_count];
        if (read_event(r, n, event)) {
            r->events[s->event_count++] = n;
        } else {
            free(event->side);
            r->gaps |= GAP_EVENTS;
        }
    }
    if ((r->gaps & GAP_EVENTS) != 0) return; /* what comes before what is not known */
    check_lives(r);
    check_away(r);
}
