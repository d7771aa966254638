/* sim/scenario_expect.c - `expect:`: the properties of a run. One that no run could decide is
 * refused. */
#include "sim/mem.h"
#include "sim/scenario_impl.h"

enum { SHARE_ALL = 1000000 };

/* Finds when the time of an expectation begins to count. */
static bool start_of(reader *r, const doc_node *node, const scenario_expect *e, pu_time *start)
{
    const scenario *s = r->s;
    bool is_found = false;
    *start = e->after;
    if (e->has_after) return true;
    if (e->group != SCENARIO_ANY) {
        *start = s->groups[e->group].pairs_until_ns;
        return true;
    }
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *event = &s->events[i];
        bool is_meant = e->kind == SCENARIO_EXPECT_DELIVERED ? event->kind == SCENARIO_STREAM
                                                             : event->kind == SCENARIO_CONNECT;
        if (!is_meant || event->a != e->a || event->b != e->b) continue;
        if (!is_found || event->at > *start) *start = event->at;
        is_found = true;
    }
    const char *from = s->nodes[e->a].name, *to = s->nodes[e->b].name;
    if (!is_found && (r->gaps & GAP_EVENTS) != 0) return false;
    if (s->event_count == 0) r->gaps |= GAP_EVENTS; /* once is enough */
    if (!is_found && e->kind == SCENARIO_EXPECT_DELIVERED)
        read_error(r, node, "no event streams anything from %s to %s", from, to);
    else if (!is_found)
        read_error(r, node, "no event connects %s to %s, and there is no 'after' to count from",
                   from, to);
    return is_found;
}

/* `within` and `after`: the time must be over before the run is. */
static bool read_window(reader *r, const doc_node *node, scenario_expect *e)
{
    char end[QUANTITY_PRINT_MAX], run[QUANTITY_PRINT_MAX];
    const doc_node *after = doc_get(node, "after"), *within = doc_get(node, "within");
    pu_time start;
    e->has_after = after != NULL;
    bool has_after = after == NULL || read_time(r, after, &e->after);
    bool has_within = read_quantity(r, within, QUANTITY_DURATION, &e->within_ns);
    bool has_whom = e->a != SCENARIO_ANY || e->group != SCENARIO_ANY;
    if (!has_after || !has_within || !has_whom) return false;
    if (!start_of(r, node, e, &start)) return false;
    uint64_t duration = r->s->duration_ns;
    if (duration == 0 || start + e->within_ns <= duration) return true;
    read_error(r, within, "it ends at %s, but the run at %s",
               quantity_print(QUANTITY_DURATION, start + e->within_ns, end),
               quantity_print(QUANTITY_DURATION, duration, run));
    return false;
}

/* Whom it is about: `{from, to}` or `{pairs: GROUP}`. */
static void read_whom(reader *r, const doc_node *whom, scenario_expect *e)
{
    static const key_rule pair_rules[] = {{"from", true}, {"to", true}, {"pairs", false}};
    static const key_rule group_rules[] = {{"pairs", true}};
    const doc_node *pairs = doc_get(whom, "pairs");
    if (pairs == NULL) {
        if (read_map(r, whom, pair_rules, 3)) read_pair(r, whom, &e->a, &e->b);
    } else if (read_map(r, whom, group_rules, 1) && read_group_ref(r, pairs, &e->group)) {
        if (!r->s->groups[e->group].has_pairs)
            read_error(r, pairs, "the group '%s' has no 'pairs'", pairs->text);
    }
}

/* `connected: {from, to}` or `{pairs: GROUP}`. */
static bool read_connected(reader *r, const doc_node *node, scenario_expect *e)
{
    static const key_rule rules[] = {
        {"name", true},
        {"connected", true},
        {"within", true},
        {"after", false},
    };
    e->kind = SCENARIO_EXPECT_CONNECTED;
    read_map(r, node, rules, sizeof rules / sizeof rules[0]);
    read_whom(r, doc_get(node, "connected"), e);
    return read_window(r, node, e);
}

/* `path: direct` or `relay`. */
static bool read_path(reader *r, const doc_node *node, scenario_expect *e)
{
    static const key_rule rules[] = {
        {"name", true}, {"path", true},   {"from", true},
        {"to", true},   {"within", true}, {"after", false},
    };
    static const char *const paths[] = {"direct", "relay"};
    uint32_t word = 0;
    e->kind = SCENARIO_EXPECT_PATH;
    read_map(r, node, rules, sizeof rules / sizeof rules[0]);
    bool has_path = read_word(r, doc_get(node, "path"), paths, 2, &word);
    e->path = word == 0 ? SCENARIO_PATH_DIRECT : SCENARIO_PATH_RELAY;
    read_pair(r, node, &e->a, &e->b);
    return read_window(r, node, e) && has_path;
}

/* `never: unauthorized_data`, about everybody; `direct`, or `apart` from `after` on, about two
 * nodes. */
static bool read_never(reader *r, const doc_node *node, scenario_expect *e)
{
    static const key_rule rules[] = {
        {"name", true}, {"never", true}, {"from", true}, {"to", true}, {"after", true},
    };
    static const char *const nevers[] = {"unauthorized_data", "direct", "apart"};
    static const size_t rule_counts[] = {2, 4, 5};
    uint32_t word;
    e->kind = SCENARIO_EXPECT_NEVER;
    if (!read_word(r, doc_get(node, "never"), nevers, 3, &word)) return false;
    e->never = (enum scenario_never)(SCENARIO_NEVER_UNAUTHORIZED + word);
    bool is_right = read_map(r, node, rules, rule_counts[word]);
    if (e->never == SCENARIO_NEVER_UNAUTHORIZED) return is_right;
    if (!read_pair(r, node, &e->a, &e->b) || e->never == SCENARIO_NEVER_DIRECT) return is_right;
    e->has_after = true;
    return read_time(r, doc_get(node, "after"), &e->after) && is_right;
}

/* `together: {from, to}` or `{pairs: GROUP}`. */
static bool read_together(reader *r, const doc_node *node, scenario_expect *e)
{
    static const key_rule rules[] = {
        {"name", true},
        {"together", true},
        {"within", true},
        {"share", false},
    };
    const doc_node *within = doc_get(node, "within");
    e->kind = SCENARIO_EXPECT_TOGETHER;
    e->share_ppm = SHARE_ALL;
    read_map(r, node, rules, sizeof rules / sizeof rules[0]);
    read_whom(r, doc_get(node, "together"), e);
    read_u32(r, doc_get(node, "share"), QUANTITY_SHARE, UINT32_MAX, &e->share_ppm);
    if (!read_quantity(r, within, QUANTITY_DURATION, &e->within_ns)) return false;
    if (r->s->duration_ns == 0 || e->within_ns < r->s->duration_ns) return true;
    read_error(r, within, "no two nodes run that long");
    return false;
}

/* `says: relay_lost`, by one node. */
static bool read_says(reader *r, const doc_node *node, scenario_expect *e)
{
    static const key_rule rules[] = {
        {"name", true}, {"says", true}, {"node", true}, {"within", true}, {"after", true},
    };
    static const char *const words[] = {"relay_reserved", "relay_lost", "connect_failed"};
    uint32_t word = 0;
    e->kind = SCENARIO_EXPECT_SAYS;
    read_map(r, node, rules, sizeof rules / sizeof rules[0]);
    bool has_word = read_word(r, doc_get(node, "says"), words, 3, &word);
    e->says = (enum scenario_says)(SCENARIO_SAYS_RESERVED + word);
    bool has_node = read_node_ref(r, doc_get(node, "node"), &e->a);
    return has_node && has_word && doc_get(node, "after") != NULL && read_window(r, node, e);
}

/* `delivered: {from, to}`: within so long of each stream's event. */
static bool read_delivered(reader *r, const doc_node *node, scenario_expect *e)
{
    static const key_rule rules[] = {{"name", true}, {"delivered", true}, {"within", true}};
    static const key_rule pair_rules[] = {{"from", true}, {"to", true}};
    const doc_node *whom = doc_get(node, "delivered");
    e->kind = SCENARIO_EXPECT_DELIVERED;
    read_map(r, node, rules, sizeof rules / sizeof rules[0]);
    if (!read_map(r, whom, pair_rules, 2) || !read_pair(r, whom, &e->a, &e->b)) return false;
    return read_window(r, node, e);
}

static bool read_kind(reader *r, const doc_node *node, scenario_expect *e)
{
    static const key_rule rules[] = {
        {"name", true},       {"connected", false}, {"path", false},   {"never", false},
        {"together", false},  {"says", false},      {"from", false},   {"to", false},
        {"node", false},      {"share", false},     {"within", false}, {"after", false},
        {"delivered", false},
    };
    static const struct {
        const char *key;
        bool (*read)(reader *r, const doc_node *node, scenario_expect *e);
    } kinds[] = {
        {"connected", read_connected}, {"path", read_path}, {"never", read_never},
        {"together", read_together},   {"says", read_says}, {"delivered", read_delivered},
    };
    uint32_t found = 0, kind = 0;
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (doc_get(node, kinds[i].key) == NULL) continue;
        found++;
        kind = i;
    }
    if (found == 1) return kinds[kind].read(r, node, e);
    const size_t count = sizeof rules / sizeof rules[0];
    if (read_map(r, node, rules, count) && (found > 1 || !has_unknown_key(node, rules, count)))
        read_error(r, node,
                   "it has one of 'connected', 'path', 'never', 'together', 'says' and "
                   "'delivered'");
    return false;
}

void read_expects(reader *r, const doc_node *node)
{
    scenario *s = r->s;
    if (!read_list(r, node) || node->count == 0) return;
    s->expects = sim_alloc(node->count * sizeof *s->expects);
    r->expects = sim_alloc(node->count * sizeof *r->expects);
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        scenario_expect *e = &s->expects[s->expect_count];
        *e = (scenario_expect){.a = SCENARIO_ANY, .b = SCENARIO_ANY, .group = SCENARIO_ANY};
        e->place = (scenario_place){n->place.line, n->place.column};
        uint32_t before = r->errors->count + r->errors->dropped;
        bool is_good = read_kind(r, n, e);
        const doc_node *name = doc_get(n, "name");
        is_good &= read_name(r, name, e->name);
        if (is_good && r->errors->count + r->errors->dropped == before) check_drawn(r, n, e);
        for (uint32_t i = 0; is_good && i < s->expect_count; i++) {
            if (strcmp(s->expects[i].name, e->name) == 0)
                read_error(r, name, "'%s' is the name of another one already", e->name);
        }
        if (is_good) r->expects[s->expect_count++] = n;
    }
}
