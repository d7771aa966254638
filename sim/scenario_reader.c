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

static void unknown_key(reader *r, const doc_node *entry, const key_rule *rules, size_t count)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    suggest_begin(&near, entry->key);
    for (size_t i = 0; i < count; i++) suggest_offer(&near, rules[i].key);
    read_key_error(r, entry, "unknown key '%s'%s", entry->key, suggest_hint(&near, hint));
}

static bool is_map(reader *r, const doc_node *node)
{
    if (node == NULL) return false;
    if (node->kind != DOC_MAP) read_error(r, node, "keys with values belong here");
    return node->kind == DOC_MAP;
}

bool read_map(reader *r, const doc_node *node, const key_rule *rules, size_t rule_count)
{
    if (!is_map(r, node)) return false;
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        bool is_known = false;
        for (size_t i = 0; i < rule_count; i++) is_known |= strcmp(n->key, rules[i].key) == 0;
        if (!is_known) unknown_key(r, n, rules, rule_count);
    }
    for (size_t i = 0; i < rule_count; i++) {
        if (rules[i].is_required && doc_get(node, rules[i].key) == NULL)
            read_error(r, node, "the key '%s' is missing", rules[i].key);
    }
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

uint8_t *read_beside(reader *r, const doc_node *node, size_t max, char path[SCENARIO_PATH_MAX],
                     size_t *len)
{
    char why[256];
    const char *name = read_text(r, node);
    if (name == NULL) return NULL;
    if (!file_beside(r->s->path, name, path, SCENARIO_PATH_MAX)) {
        read_error(r, node, "the path is too long");
        return NULL;
    }
    uint8_t *bytes = file_read(path, max, len, why, sizeof why);
    if (bytes == NULL) read_error(r, node, "%s %s", path, why);
    return bytes;
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
    suggest_begin(&near, text);
    for (uint32_t i = 0; i < r->s->node_count; i++) {
        if (r->s->nodes[i].group == SCENARIO_ANY) suggest_offer(&near, r->s->nodes[i].name);
    }
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
