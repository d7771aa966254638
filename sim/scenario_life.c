/* sim/scenario_life.c - how nodes come and go: `churn:` of groups, and the events that crash nodes,
 * start them again, set their clocks and cut them off. */
#include "sim/mem.h"
#include "sim/scenario_impl.h"

enum {
    TRACE_BYTES_MAX = 4 << 20,
    TRACE_LENGTHS_MAX = 100000,
    TRACE_LINE_MAX = 64,
    SIDES_MAX = 255,
    SHAPE_UNIT = SPELL_SHAPE_UNIT
};

/* ---- distributions ---- */

static void read_weibull(reader *r, const doc_node *node, spell *out)
{
    static const key_rule rules[] = {{"shape", true}, {"scale", true}};
    uint64_t shape;
    if (!read_map(r, node, rules, 2)) return;
    const doc_node *at = doc_get(node, "shape");
    if (read_quantity(r, at, QUANTITY_FACTOR, &shape)) {
        if (shape >= SPELL_SHAPE_LEAST && shape <= SPELL_SHAPE_MOST)
            out->shape_ppm = (uint32_t)shape;
        else read_error(r, at, "%s is outside 0.1 to 10", at->text);
    }
    read_quantity(r, doc_get(node, "scale"), QUANTITY_DURATION, &out->scale_ns);
}

static void read_exponential(reader *r, const doc_node *node, spell *out)
{
    static const key_rule rules[] = {{"mean", true}};
    out->shape_ppm = SHAPE_UNIT;
    if (read_map(r, node, rules, 1))
        read_quantity(r, doc_get(node, "mean"), QUANTITY_DURATION, &out->scale_ns);
}

/* One length a line; empty lines and those that begin with '#' count for nothing. */
static void read_lengths(reader *r, uint32_t source, const char *at, spell *out)
{
    char text[TRACE_LINE_MAX], why[QUANTITY_WHY_MAX];
    uint32_t cap = 0;
    for (uint32_t line = 1; *at != '\0'; line++) {
        size_t len = strcspn(at, "\n"), used = len > 0 && at[len - 1] == '\r' ? len - 1 : len;
        bool is_empty = used == 0 || *at == '#';
        snprintf(text, sizeof text, "%.*s", used < sizeof text ? (int)used : TRACE_LINE_MAX - 1,
                 at);
        at += at[len] == '\0' ? len : len + 1;
        if (is_empty) continue;
        uint64_t length;
        if (!quantity_read(QUANTITY_DURATION, text, &length, why)) {
            diag_add(r->errors, (diag_place){source, line, 1}, "%s", why);
            return;
        }
        if (out->count == TRACE_LENGTHS_MAX) {
            diag_add(r->errors, (diag_place){source, line, 1}, "more than %d lengths",
                     TRACE_LENGTHS_MAX);
            return;
        }
        out->lengths = sim_grow(out->lengths, &cap, out->count, sizeof *out->lengths);
        out->lengths[out->count++] = length;
    }
    if (out->count == 0)
        diag_add(r->errors, (diag_place){source, 0, 0}, "there is no length in it");
}

static void read_trace(reader *r, const doc_node *node, spell *out)
{
    char path[SCENARIO_PATH_MAX];
    size_t len;
    uint8_t *bytes = read_beside(r, node, TRACE_BYTES_MAX, path, &len);
    if (bytes == NULL) return;
    read_lengths(r, diag_source(r->errors, path), (const char *)bytes, out);
    free(bytes);
}

static void read_spell(reader *r, const doc_node *map, spell *out)
{
    static const key_rule all[] = {/* of the maps that say it */
                                   {"weibull", false}, {"exponential", false}, {"trace", false},
                                   {"off", false},     {"keep", false},        {"behind", false},
                                   {"gap", false},     {"overlap", false},     {"link", false}};
    const doc_node *weibull = doc_get(map, "weibull"), *trace = doc_get(map, "trace");
    const doc_node *exponential = doc_get(map, "exponential");
    if ((weibull != NULL) + (exponential != NULL) + (trace != NULL) != 1) {
        if (!has_unknown_key(map, all, sizeof all / sizeof all[0]))
            read_error(r, map, "it has one of 'weibull', 'exponential' and 'trace'");
        return;
    }
    read_weibull(r, weibull, out);
    if (exponential != NULL) read_exponential(r, exponential, out);
    read_trace(r, trace, out);
}

void read_spells(reader *r, const doc_node *map, spell *on, spell *off)
{
    static const key_rule rules[] = {{"weibull", false}, {"exponential", false}, {"trace", false}};
    read_spell(r, map, on);
    const doc_node *other = doc_get(map, "off");
    if (other != NULL) {
        if (read_map(r, other, rules, 3)) read_spell(r, other, off);
        return;
    }
    *off = *on;
    if (on->count == 0) return;
    off->lengths = sim_alloc(on->count * sizeof *off->lengths);
    memcpy(off->lengths, on->lengths, on->count * sizeof *off->lengths);
}

void read_churn(reader *r, const doc_node *node, scenario_group *group)
{
    static const key_rule rules[] = {
        {"weibull", false}, {"exponential", false}, {"trace", false},
        {"off", false},     {"keep", false},
    };
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    group->has_churn = true;
    group->churn_keep = true;
    read_switch(r, doc_get(node, "keep"), &group->churn_keep);
    read_spells(r, node, &group->on, &group->off);
}

/* ---- events ---- */

bool read_crash(reader *r, const doc_node *node, scenario_event *event)
{
    event->kind = SCENARIO_CRASH;
    return read_node_ref(r, node, &event->a);
}

/* `restart: NODE`, or a map that says whether it finds what it stored. */
bool read_restart(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {{"node", true}, {"keep", false}};
    event->kind = SCENARIO_RESTART;
    event->keep = true;
    if (node->kind != DOC_MAP) return read_node_ref(r, node, &event->a);
    read_map(r, node, rules, 2);
    read_switch(r, doc_get(node, "keep"), &event->keep);
    return read_node_ref(r, doc_get(node, "node"), &event->a);
}

/* How far a clock jumps: a duration up to a hundred years, '-' before it for backwards. */
static bool read_jump(reader *r, const doc_node *node, int64_t *by_ns)
{
    char why[QUANTITY_WHY_MAX];
    uint64_t length;
    const char *text = read_text(r, node);
    if (text == NULL) return false;
    bool is_back = text[0] == '-';
    if (!quantity_read(QUANTITY_JUMP, text + is_back, &length, why)) {
        read_error(r, node, "%s", why);
        return false;
    }
    *by_ns = is_back ? -(int64_t)length : (int64_t)length;
    return true;
}

bool read_clock(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {{"node", true}, {"by", true}};
    event->kind = SCENARIO_CLOCK;
    if (!read_map(r, node, rules, 2)) return false;
    bool has_jump = read_jump(r, doc_get(node, "by"), &event->by_ns);
    return read_node_ref(r, doc_get(node, "node"), &event->a) && has_jump;
}

/* Puts a node, or all members of a group, on a side. */
static void join_side(reader *r, const doc_node *node, uint8_t side, scenario_event *event)
{
    const scenario *s = r->s;
    uint32_t first = 0, count = 0;
    const char *text = read_text(r, node);
    if (text == NULL) return;
    for (uint32_t g = 0; g < s->group_count && count == 0; g++) {
        if (strcmp(s->groups[g].name, text) != 0) continue;
        first = s->groups[g].first;
        count = s->groups[g].count;
    }
    if (count == 0 && read_node_ref(r, node, &first)) count = 1;
    for (uint32_t i = first; i < first + count; i++) {
        if (event->side[i] != 0 && event->side[i] != side) {
            read_error(r, node, "'%s' is on another side already", s->nodes[i].name);
            return;
        }
        event->side[i] = side;
    }
}

void read_side(reader *r, const doc_node *node, uint8_t side, scenario_event *event)
{
    if (node == NULL) return;
    if (node->kind != DOC_LIST) join_side(r, node, side, event);
    else if (node->count == 0) read_error(r, node, "nobody is on this side");
    for (const doc_node *n = node->kind == DOC_LIST ? node->first : NULL; n != NULL; n = n->next)
        join_side(r, n, side, event);
}

static void read_cut_time(reader *r, const doc_node *map, scenario_event *event)
{
    const doc_node *node = doc_get(map, "for");
    if (read_quantity(r, node, QUANTITY_DURATION, &event->for_ns) && event->for_ns == 0)
        read_error(r, node, "it would be over at once");
}

static bool begin_cut(reader *r, scenario_event *event, bool one_way)
{
    event->kind = SCENARIO_CUT;
    event->one_way = one_way;
    if (r->s->node_count == 0) return false;
    event->side = sim_alloc(r->s->node_count);
    return true;
}

/* `partition: {between: [[a], [b, c]], for: 20s}`: nobody hears who is on another side. */
bool read_partition(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {{"between", true}, {"for", true}};
    if (!read_map(r, node, rules, 2) || !begin_cut(r, event, false)) return false;
    const doc_node *between = doc_get(node, "between");
    read_cut_time(r, node, event);
    if (!read_list(r, between)) return false;
    if (between->count < 2 || between->count > SIDES_MAX) {
        read_error(r, between, "it takes from 2 to %d sides", SIDES_MAX);
        return false;
    }
    uint8_t side = 0;
    for (const doc_node *n = between->first; n != NULL; n = n->next) read_side(r, n, ++side, event);
    return true;
}

/* `block: {from: a, to: b, for: 10s}`: nothing arrives that way; the other way everything does. */
bool read_block(reader *r, const doc_node *node, scenario_event *event)
{
    static const key_rule rules[] = {{"from", true}, {"to", true}, {"for", true}};
    if (!read_map(r, node, rules, 3) || !begin_cut(r, event, true)) return false;
    read_cut_time(r, node, event);
    read_side(r, doc_get(node, "from"), 1, event);
    read_side(r, doc_get(node, "to"), 2, event);
    return true;
}

const scenario_event *life_before(const scenario *s, const scenario_event *e)
{
    const scenario_event *last = NULL;
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *o = &s->events[i];
        bool is_life = o->kind == SCENARIO_CRASH || o->kind == SCENARIO_RESTART;
        bool is_before = o->at < e->at || (o->at == e->at && o < e);
        if (is_life && o->a == e->a && is_before && (last == NULL || o->at >= last->at)) last = o;
    }
    return last;
}

void check_lives(reader *r)
{
    const scenario *s = r->s;
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->kind != SCENARIO_CRASH && e->kind != SCENARIO_RESTART) continue;
        const doc_node *node = r->events[i];
        const char *name = s->nodes[e->a].name;
        uint32_t group = s->nodes[e->a].group;
        const scenario_event *before = life_before(s, e);
        bool is_running = before == NULL || before->kind == SCENARIO_RESTART;
        if (group != SCENARIO_ANY && s->groups[group].has_churn)
            read_error(r, node, "'%s' comes and goes by the churn of its group", name);
        else if (e->kind == SCENARIO_CRASH && !is_running)
            read_error(r, node, "'%s' has crashed before and was not started again", name);
        else if (e->kind == SCENARIO_RESTART && is_running)
            read_error(r, node, "'%s' is running: nothing crashed it before", name);
    }
}
