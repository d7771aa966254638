/* sim/scenario_reader.c - the kinds of values that scenarios are made of. */
#include "sim/scenario_reader.h"

#include "base/suggest.h"
#include "sim/file.h"

#include <stdarg.h>
#include <string.h>

void read_error(reader *r, const doc_node *node, const char *format, ...)
{
    char path[DOC_PATH_MAX], text[QUANTITY_WHY_MAX + DOC_PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    doc_path(node, path);
    diag_add(r->errors, node->place, "%s%s%s", path, path[0] == '\0' ? "" : ": ", text);
}

void read_key_error(reader *r, const doc_node *entry, const char *format, ...)
{
    char path[DOC_PATH_MAX], text[QUANTITY_WHY_MAX + DOC_PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    doc_path(entry->parent, path);
    diag_add(r->errors, entry->key_place, "%s%s%s", path, path[0] == '\0' ? "" : ": ", text);
}

static bool is_known(const doc_node *entry, const key_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entry->key, rules[i].key) == 0) return true;
    return false;
}

static suggest nearest_key(const doc_node *entry, const key_rule *rules, size_t count)
{
    suggest near;
    suggest_begin(&near, entry->key);
    for (size_t i = 0; i < count; i++) suggest_offer(&near, rules[i].key);
    return near;
}

static uint32_t count_unknown(const doc_node *node, const key_rule *rules, size_t count)
{
    uint32_t unknown = 0;
    for (const doc_node *n = node->first; n != NULL; n = n->next)
        unknown += !is_known(n, rules, count);
    return unknown;
}

/* Whether an unknown key of node was meant to be this one. */
static bool is_misspelt(const doc_node *node, const char *key, const key_rule *rules, size_t count)
{
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        if (is_known(n, rules, count)) continue;
        suggest near = nearest_key(n, rules, count);
        if (near.best != NULL && strcmp(near.best, key) == 0) return true;
    }
    return false;
}

/* Complains of keys that are missing, all at once, but those that unknown ones stand for. */
static void tell_missing(reader *r, const doc_node *node, const key_rule *rules, size_t count)
{
    char all[256] = "";
    uint32_t required = 0, missing = 0, told = 0, unknown = count_unknown(node, rules, count);
    for (size_t i = 0; i < count; i++) {
        required += rules[i].is_required;
        if (!rules[i].is_required || doc_get(node, rules[i].key) != NULL) continue;
        missing++;
        if (is_misspelt(node, rules[i].key, rules, count)) continue;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s'%s'", told++ > 0 ? ", " : "", rules[i].key);
    }
    bool is_another_thing = unknown > 0 && missing == required;
    if (told == 0 || unknown >= missing || is_another_thing) return;
    read_error(r, node, told == 1 ? "the key %s is missing" : "the keys %s are missing", all);
}

bool has_unknown_key(const doc_node *node, const key_rule *rules, size_t rule_count)
{
    return node->kind == DOC_MAP && count_unknown(node, rules, rule_count) > 0;
}

static bool is_map(reader *r, const doc_node *node)
{
    if (node == NULL) return false;
    if (node->kind != DOC_MAP) read_error(r, node, "keys with values belong here");
    return node->kind == DOC_MAP;
}

bool read_map(reader *r, const doc_node *node, const key_rule *rules, size_t rule_count)
{
    char hint[SUGGEST_HINT_MAX];
    if (!is_map(r, node)) return false;
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        if (is_known(n, rules, rule_count)) continue;
        suggest near = nearest_key(n, rules, rule_count);
        read_key_error(r, n, "unknown key '%s'%s", n->key, suggest_hint(&near, hint));
    }
    tell_missing(r, node, rules, rule_count);
    return true;
}

bool is_name(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len >= SCENARIO_NAME_MAX || text[0] == '-') return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && (c < '0' || c > '9') && c != '-' && c != '_') return false;
    }
    return true;
}

#define WRONG_NAME \
    "'%.80s' is not a name: letters, digits, '-' and '_', no '-' in front, at most %d"

bool read_names(reader *r, const doc_node *node)
{
    if (!is_map(r, node)) return false;
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        if (!is_name(n->key)) read_key_error(r, n, WRONG_NAME, n->key, SCENARIO_NAME_MAX - 1);
    }
    return true;
}

bool read_list(reader *r, const doc_node *node)
{
    if (node == NULL) return false;
    if (node->kind != DOC_LIST) read_error(r, node, "a list belongs here: [...] or lines with '-'");
    return node->kind == DOC_LIST;
}

const char *read_text(reader *r, const doc_node *node)
{
    if (node == NULL) return NULL;
    if (node->kind != DOC_TEXT) read_error(r, node, "a single value belongs here");
    return node->text;
}

uint8_t *read_named(reader *r, const doc_node *node, const char *name, size_t max,
                    char path[SCENARIO_PATH_MAX], size_t *len)
{
    char why[256];
    if (!file_beside(r->s->path, name, path, SCENARIO_PATH_MAX)) {
        read_error(r, node, "the path is too long");
        return NULL;
    }
    uint8_t *bytes = file_read(path, max, len, why, sizeof why);
    if (bytes == NULL)
        read_error(r, node, "%s %s%s", path, why,
                   name[0] == '/' ? "" : " (paths are seen from the scenario's folder)");
    return bytes;
}

uint8_t *read_beside(reader *r, const doc_node *node, size_t max, char path[SCENARIO_PATH_MAX],
                     size_t *len)
{
    const char *name = read_text(r, node);
    return name != NULL ? read_named(r, node, name, max, path, len) : NULL;
}

bool read_name(reader *r, const doc_node *node, char out[SCENARIO_NAME_MAX])
{
    const char *text = read_text(r, node);
    if (text == NULL) return false;
    if (!is_name(text)) {
        read_error(r, node, WRONG_NAME, text, SCENARIO_NAME_MAX - 1);
        return false;
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

bool read_quantity(reader *r, const doc_node *node, enum quantity_kind kind, uint64_t *value)
{
    char why[QUANTITY_WHY_MAX];
    const char *text = read_text(r, node);
    if (text == NULL) return false;
    if (quantity_read(kind, text, value, why)) return true;
    read_error(r, node, "%s", why);
    return false;
}

bool read_u32(reader *r, const doc_node *node, enum quantity_kind kind, uint32_t most,
              uint32_t *value)
{
    uint64_t wide;
    if (!read_quantity(r, node, kind, &wide)) return false;
    if (wide > most) {
        read_error(r, node, "'%s' is too large, at most %u", node->text, most);
        return false;
    }
    *value = (uint32_t)wide;
    return true;
}

bool read_delay(reader *r, const doc_node *node, uint64_t *ns)
{
    uint64_t delay;
    if (!read_quantity(r, node, QUANTITY_DURATION, &delay)) return false;
    if (delay > READ_DELAY_MAX) {
        read_error(r, node, "'%s' is too long for a way, at most 30s", node->text);
        return false;
    }
    *ns = delay;
    return true;
}

bool read_word(reader *r, const doc_node *node, const char *const *words, uint32_t count,
               uint32_t *index)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX], all[128] = "";
    const char *text = read_text(r, node);
    if (text == NULL) return false;
    suggest_begin(&near, text);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *index = i;
            return true;
        }
        suggest_offer(&near, words[i]);
        size_t used = strlen(all);
        const char *comma = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        snprintf(all + used, sizeof all - used, "%s%s", comma, words[i]);
    }
    if (near.best != NULL)
        read_error(r, node, "unknown word '%.40s'%s", text, suggest_hint(&near, hint));
    else read_error(r, node, "unknown word '%.40s', use %s", text, all);
    return false;
}

bool read_switch(reader *r, const doc_node *node, bool *value)
{
    static const char *const words[] = {"false", "true"};
    uint32_t index;
    if (!read_word(r, node, words, 2, &index)) return false;
    *value = index == 1;
    return true;
}

bool read_time(reader *r, const doc_node *node, pu_time *at)
{
    char end[QUANTITY_PRINT_MAX];
    uint64_t time;
    if (!read_quantity(r, node, QUANTITY_DURATION, &time)) return false;
    if (r->s->duration_ns > 0 && time >= r->s->duration_ns) {
        read_error(r, node, "%s is not before the end of the run, %s", node->text,
                   quantity_print(QUANTITY_DURATION, r->s->duration_ns, end));
        return false;
    }
    *at = time;
    return true;
}

bool is_news(reader *r, enum thing what, const char *name)
{
    uint32_t next = r->told[what].count;
    return names_add(&r->told[what], name, next) == next;
}

/* Whether a name may be that of a member of a group whose count is wrong. */
static bool is_of_gap(const reader *r, const char *name)
{
    const char *dash = strrchr(name, '-');
    size_t len = dash != NULL ? (size_t)(dash - name) : 0;
    if ((r->gaps & GAP_NODES) != 0) return true;
    for (uint32_t i = 0; len > 0 && i < r->s->group_count; i++) {
        const scenario_group *g = &r->s->groups[i];
        if (g->count == 0 && strlen(g->name) == len && memcmp(g->name, name, len) == 0) return true;
    }
    return len > 0 && (r->gaps & GAP_GROUPS) != 0;
}

bool read_node_ref(reader *r, const doc_node *node, uint32_t *index)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    const char *text = read_text(r, node);
    if (text == NULL) return false;
    uint32_t found = names_find(&r->node_names, text);
    if (found != NAMES_NONE) {
        *index = found;
        return true;
    }
    if (is_of_gap(r, text)) return false;
    suggest_begin(&near, text);
    for (uint32_t i = 0; i < r->s->node_count; i++) {
        if (r->s->nodes[i].group == SCENARIO_ANY) suggest_offer(&near, r->s->nodes[i].name);
    }
    if (is_news(r, THING_NODE, text))
        read_error(r, node, "unknown node '%.80s'%s", text, suggest_hint(&near, hint));
    return false;
}

bool read_group_ref(reader *r, const doc_node *node, uint32_t *index)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    const char *text = read_text(r, node);
    if (text == NULL) return false;
    suggest_begin(&near, text);
    for (uint32_t i = 0; i < r->s->group_count; i++) {
        if (strcmp(text, r->s->groups[i].name) == 0) {
            *index = i;
            return true;
        }
        suggest_offer(&near, r->s->groups[i].name);
    }
    if ((r->gaps & GAP_GROUPS) == 0 && is_news(r, THING_GROUP, text))
        read_error(r, node, "unknown group '%.80s'%s", text, suggest_hint(&near, hint));
    return false;
}

bool read_pair(reader *r, const doc_node *map, uint32_t *from, uint32_t *to)
{
    uint32_t a, b;
    bool has_a = read_node_ref(r, doc_get(map, "from"), &a);
    bool has_b = read_node_ref(r, doc_get(map, "to"), &b);
    if (!has_a || !has_b) return false;
    if (a == b) {
        read_error(r, doc_get(map, "to"), "from and to are the same node");
        return false;
    }
    *from = a;
    *to = b;
    return true;
}
