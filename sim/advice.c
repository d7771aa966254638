/* What is allowed in a scenario and yet hardly meant, see advice.h. */
#include "sim/advice_impl.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <string.h>

/* ---- who can find whom ---- */

bool advice_has_relay(const scenario *s, uint32_t node, uint32_t relay)
{
    const scenario_node *n = &s->nodes[node];
    for (uint32_t i = 0; i < n->relay_count; i++)
        if (n->relays[i] == relay) return true;
    return false;
}

/* Whether one is the other's relay, or both have one in common. */
static bool has_relay_to(const scenario *s, uint32_t a, uint32_t b)
{
    const scenario_node *n = &s->nodes[a];
    if (advice_has_relay(s, a, b) || advice_has_relay(s, b, a)) return true;
    for (uint32_t i = 0; i < n->relay_count; i++)
        if (advice_has_relay(s, b, n->relays[i])) return true;
    return false;
}

/* Whether a has some way to b: b's address, or a relay that both use or are. */
static bool can_find(const scenario *s, uint32_t a, uint32_t b)
{
    return s->nodes[a].knows_all || has_relay_to(s, a, b);
}

/* Whether b asks for a, and finds it: that connects both. */
static bool is_found_by(const scenario *s, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->kind == SCENARIO_CONNECT && e->a == b && e->b == a && can_find(s, b, a)) return true;
    }
    return false;
}

static void advise_asks(const scenario *s, diag *warnings)
{
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->kind != SCENARIO_CONNECT || can_find(s, e->a, e->b) || is_found_by(s, e->a, e->b))
            continue;
        diag_add(warnings, advice_place(&e->place),
                 "'%s' has no way to learn an address of '%s': give it 'knows: all', or both a "
                 "relay in common",
                 s->nodes[e->a].name, s->nodes[e->b].name);
    }
    for (uint32_t i = 0; i < s->group_count; i++) {
        const scenario_group *g = &s->groups[i];
        const scenario_node *member = &s->nodes[g->first];
        if (g->has_pairs && member->relay_count == 0)
            diag_add(warnings, advice_place(&member->place),
                     "groups.%s: its pairs have no way to learn each other's addresses: give them "
                     "'relays'",
                     g->name);
    }
}

/* Whether the two authorize each other: so do a relay and who names it. */
static bool trust(const scenario *s, uint32_t a, uint32_t b)
{
    if (advice_has_relay(s, a, b) || advice_has_relay(s, b, a)) return true;
    for (uint32_t i = 0; i < s->authorize_count; i++) {
        uint32_t x = s->authorize[i][0], y = s->authorize[i][1];
        if ((x == a && y == b) || (x == b && y == a)) return true;
    }
    return false;
}

static void advise_trust(const scenario *s, diag *warnings)
{
    for (uint32_t i = 0; i < s->expect_count; i++) {
        const scenario_expect *e = &s->expects[i];
        bool is_kind = e->kind == SCENARIO_EXPECT_CONNECTED || e->kind == SCENARIO_EXPECT_PATH;
        if (!is_kind || e->group != SCENARIO_ANY || trust(s, e->a, e->b)) continue;
        const char *a = s->nodes[e->a].name, *b = s->nodes[e->b].name;
        diag_add(warnings, advice_place(&e->place),
                 "expect.%s: it never holds, since '%s' and '%s' do not authorize each other: add "
                 "'authorize: [[%s, %s]]'",
                 e->name, a, b, a, b);
    }
}

/* Whether an event, or the pairs of their group, make the two of stream meet. Without a relay to
 * try, the stream has ended before a later event could. */
static bool meet(const scenario *s, const scenario_event *stream)
{
    const scenario_node *a = &s->nodes[stream->a], *b = &s->nodes[stream->b];
    if (a->group != SCENARIO_ANY && a->group == b->group && s->groups[a->group].has_pairs)
        return true;
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        bool are_same =
            (e->a == stream->a && e->b == stream->b) || (e->a == stream->b && e->b == stream->a);
        bool is_in_time = e->at <= stream->at || a->relay_count > 0;
        if (e->kind == SCENARIO_CONNECT && are_same && is_in_time) return true;
    }
    return false;
}

/* A stream connects who has a relay to do it by; 'knows: all' helps only who is to connect. */
static void advise_streams(const scenario *s, diag *warnings)
{
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->kind != SCENARIO_STREAM || has_relay_to(s, e->a, e->b) || meet(s, e)) continue;
        if (!trust(s, e->a, e->b)) continue; /* a stranger that tries */
        const char *a = s->nodes[e->a].name, *b = s->nodes[e->b].name;
        diag_add(warnings, advice_place(&e->place),
                 "nothing connects '%s' and '%s' before this stream, and they have no relay in "
                 "common: add an event 'connect: {from: %s, to: %s}'",
                 a, b, a, b);
    }
}

/* ---- what relays are asked to serve ---- */

static bool setting(const scenario_setting *settings, uint32_t count, const pu_config_info *info,
                    uint64_t *value)
{
    for (uint32_t i = 0; i < count; i++) {
        if (settings[i].info != info) continue;
        *value = settings[i].value;
        return true;
    }
    return false;
}

/* The value of a parameter that a node will run with. */
static uint64_t value_of(const scenario *s, uint32_t node, const char *name)
{
    const scenario_node *n = &s->nodes[node];
    const pu_config_info *info = pu_config_find(span_of(name, strlen(name)));
    PU_ASSERT(info != NULL);
    uint64_t value = info->value;
    if (!setting(n->settings, n->setting_count, info, &value))
        setting(s->settings, s->setting_count, info, &value);
    return value;
}

static void advise_limits(const scenario *s, uint32_t relay, uint32_t count,
                          const char *const *limits, size_t limit_count, const char *where,
                          diag *warnings)
{
    const scenario_node *n = &s->nodes[relay];
    for (size_t i = 0; i < limit_count; i++) {
        uint64_t value = value_of(s, relay, limits[i]);
        if (count > value)
            diag_add(warnings, advice_place(&n->place),
                     "nodes.%s: %" PRIu32 " nodes%s name it as their relay, and its config.%s "
                     "is %" PRIu64,
                     n->name, count, where, limits[i], value);
    }
}

/* The shared box that a node is seen behind from the public network; "": none is. */
static const char *outermost(const scenario_node *n)
{
    return n->behind.count > 0 ? n->behind.box[n->behind.count - 1].shared : "";
}

/* How many nodes name a relay; with a box, only those behind it. */
static uint32_t count_users(const scenario *s, uint32_t relay, const char *box)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->node_count; i++)
        if (advice_has_relay(s, i, relay) &&
            (box == NULL || strcmp(outermost(&s->nodes[i]), box) == 0))
            count++;
    return count;
}

/* Whether node i is the first of its shared box that names the relay. */
static bool is_first_of_box(const scenario *s, uint32_t i, uint32_t relay)
{
    const char *box = outermost(&s->nodes[i]);
    if (box[0] == '\0' || !advice_has_relay(s, i, relay)) return false;
    for (uint32_t k = 0; k < i; k++)
        if (advice_has_relay(s, k, relay) && strcmp(outermost(&s->nodes[k]), box) == 0)
            return false;
    return true;
}

static void advise_relay(const scenario *s, uint32_t relay, diag *warnings)
{
    static const char *const in_all[] = {"conns_max", "reservations_max", "authorized_max"};
    static const char *const per_ip[] = {"conns_per_ip_max", "reservations_per_ip_max"};
    advise_limits(s, relay, count_users(s, relay, NULL), in_all, 3, "", warnings);
    for (uint32_t i = 0; i < s->node_count; i++) {
        char where[SCENARIO_NAME_MAX + 32];
        if (!is_first_of_box(s, i, relay)) continue;
        const char *box = outermost(&s->nodes[i]);
        snprintf(where, sizeof where, " behind '%s' (one address)", box);
        advise_limits(s, relay, count_users(s, relay, box), per_ip, 2, where, warnings);
    }
}

/* ---- for the other parts ---- */

bool advice_moves(const scenario *s, uint32_t node)
{
    uint32_t group = s->nodes[node].group;
    bool is_drawn = group != SCENARIO_ANY && s->groups[group].has_mix;
    if (s->swarm.kinds != 0 || is_drawn) return true;
    if (group != SCENARIO_ANY && s->groups[group].has_roam) return true;
    for (uint32_t i = 0; i < s->event_count; i++)
        if (s->events[i].kind == SCENARIO_CHANGE_NETWORK && s->events[i].a == node) return true;
    return false;
}

bool advice_is_near(const scenario_node *a, const scenario_node *b)
{
    if (a->families.six != SCENARIO_SIX_NONE && b->families.six != SCENARIO_SIX_NONE) return true;
    for (uint32_t i = 0; i < a->behind.count; i++)
        for (uint32_t k = 0; k < b->behind.count; k++) {
            uint32_t box = a->behind.box[i].number;
            if (box != SCENARIO_ANY && box == b->behind.box[k].number) return true;
        }
    return false;
}

void scenario_advise(const scenario *s, diag *warnings)
{
    PU_ASSERT(warnings->source_count == 0);
    diag_source(warnings, s->path);
    advise_asks(s, warnings);
    advise_trust(s, warnings);
    advise_streams(s, warnings);
    for (uint32_t i = 0; i < s->node_count; i++)
        if (s->nodes[i].is_relay) advise_relay(s, i, warnings);
    advise_homes(s, warnings);
    advise_boxes(s, warnings);
    advise_ways(s, warnings);
    diag_sort(warnings);
}
