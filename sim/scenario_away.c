/* sim/scenario_away.c - machines that sleep and hosts that change their network: `sleep:` and
 * `roam:` of groups, the event `sleep:`, and what cannot be while they do. */
#include "sim/scenario_impl.h"

void read_crossing(reader *r, const doc_node *map, uint64_t *gap_ns, uint64_t *overlap_ns)
{
    const doc_node *gap = doc_get(map, "gap"), *overlap = doc_get(map, "overlap");
    read_quantity(r, gap, QUANTITY_DURATION, gap_ns);
    read_quantity(r, overlap, QUANTITY_DURATION, overlap_ns);
    if (*gap_ns > 0 && *overlap_ns > 0)
        read_error(r, overlap, "between two networks there is a 'gap' or an 'overlap'");
}

void read_group_sleep(reader *r, const doc_node *node, scenario_group *group)
{
    static const key_rule rules[] = {
        {"weibull", false}, {"exponential", false}, {"trace", false}, {"off", false}};
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    if (group->has_churn) {
        read_error(r, node, "members come and go by 'churn' already: it has one of the two");
        return;
    }
    group->has_sleep = true;
    read_spells(r, node, &group->on, &group->off);
}

void read_roam(reader *r, const doc_node *node, scenario_group *group)
{
    static const key_rule rules[] = {
        {"weibull", false}, {"exponential", false}, {"trace", false},   {"off", false},
        {"behind", false},  {"gap", false},         {"overlap", false}, {"link", false},
        {"ipv4", false},    {"ipv6", false},
    };
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    group->has_roam = true;
    read_spells(r, node, &group->roam_on, &group->roam_off);
    read_chain(r, doc_get(node, "behind"), &group->roam_chain);
    group->has_roam_families = read_families(r, node, &group->roam_families);
    if (doc_get(node, "behind") == NULL && !group->roam_families.no_four)
        read_error(r, node, "the key 'behind' is missing");
    group->roam_link = SCENARIO_ANY;
    read_link_ref(r, doc_get(node, "link"), &group->roam_link);
    read_crossing(r, node, &group->roam_gap_ns, &group->roam_overlap_ns);
}

bool read_sleep(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {{"node", true}, {"for", true}};
    event->kind = SCENARIO_SLEEP;
    if (!read_map(r, node, rules, 2)) return false;
    const doc_node *length = doc_get(node, "for");
    bool has_length = read_quantity(r, length, QUANTITY_DURATION, &event->for_ns);
    if (has_length && event->for_ns == 0) read_error(r, length, "it would wake at once");
    return read_node_ref(r, doc_get(node, "node"), &event->a) && has_length && event->for_ns > 0;
}

/* ---- what cannot be ---- */

/* When what e begins is over: a machine is awake, a host in one network again. */
static pu_time end_of(const scenario_event *e)
{
    if (e->kind == SCENARIO_SLEEP) return e->at + e->for_ns;
    return e->kind == SCENARIO_CHANGE_NETWORK ? e->at + e->gap_ns + e->overlap_ns : e->at;
}

/* The event of that kind and node that lasts while e comes; NULL: none. */
static const scenario_event *lasting(const scenario *s, const scenario_event *e,
                                     enum scenario_event_kind kind)
{
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *o = &s->events[i];
        bool is_before = o->at < e->at || (o->at == e->at && o < e);
        if (o->kind == kind && o->a == e->a && is_before && end_of(o) > e->at) return o;
    }
    return NULL;
}

static bool is_running(const scenario *s, const scenario_event *e)
{
    const scenario_event *before = life_before(s, e);
    return before == NULL || before->kind == SCENARIO_RESTART;
}

/* Why e cannot be; NULL: it can. */
static const char *objection(const scenario *s, const scenario_event *e)
{
    bool is_life = e->kind == SCENARIO_CRASH || e->kind == SCENARIO_RESTART;
    bool is_change = e->kind == SCENARIO_CHANGE_NETWORK, is_sleep = e->kind == SCENARIO_SLEEP;
    uint32_t number = s->nodes[e->a].group;
    const scenario_group *g = number != SCENARIO_ANY ? &s->groups[number] : NULL;
    if (!is_life && !is_change && !is_sleep) return NULL;
    if (is_sleep && g != NULL && (g->has_churn || g->has_sleep))
        return "comes and goes as its group does";
    if (is_life && g != NULL && g->has_sleep) return "sleeps and wakes as its group does";
    if (is_change && g != NULL && g->has_roam) return "roams as its group does";
    if ((is_life || is_sleep) && lasting(s, e, SCENARIO_SLEEP) != NULL)
        return "sleeps at that time";
    if (lasting(s, e, SCENARIO_CHANGE_NETWORK) != NULL) return "is between two networks then";
    if (is_sleep && !is_running(s, e)) return "has crashed before: it has nothing that sleeps";
    return NULL;
}

void check_away(reader *r)
{
    const scenario *s = r->s;
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        const char *why = e->a < s->node_count ? objection(s, e) : NULL;
        if (why != NULL) read_error(r, r->events[i], "'%s' %s", s->nodes[e->a].name, why);
    }
}
