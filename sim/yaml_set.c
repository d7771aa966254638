/* sim/yaml_set.c - walks along a path, making what is missing, and puts a value at its end. */
#include "sim/yaml_set.h"

#include "base/suggest.h"
#include "sim/quantity.h"

#include <string.h>

enum { WORD_MAX = 128 };

/* A path under way. */
typedef struct walk {
    doc *doc;
    diag *errors;
    diag_place place;
} walk;

/* An entry of a list by number or by name. */
static doc_node *list_get(const doc_node *list, const char *word)
{
    char why[QUANTITY_WHY_MAX];
    uint64_t wanted = 0, at = 0;
    bool is_number = quantity_read(QUANTITY_COUNT, word, &wanted, why);
    for (doc_node *n = list->first; n != NULL; n = n->next, at++) {
        const doc_node *name = doc_get(n, "name");
        if (is_number && at == wanted) return n;
        if (name != NULL && name->text != NULL && strcmp(name->text, word) == 0) return n;
    }
    return NULL;
}

/* Whether the keys of a map are names that the file itself gives. */
static bool has_own_names(const doc_node *map)
{
    static const char *const sections[] = {"nats", "nodes", "groups"};
    if (map->parent == NULL || map->parent->parent != NULL) return false;
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (strcmp(map->key, sections[i]) == 0) return true;
    }
    return false;
}

static doc_node *unknown(walk *w, const doc_node *in, const char *word)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX], path[DOC_PATH_MAX];
    suggest_begin(&near, word);
    for (const doc_node *n = in->first; n != NULL; n = n->next) {
        const doc_node *name = doc_get(n, "name");
        if (n->key != NULL) suggest_offer(&near, n->key);
        else if (name != NULL && name->text != NULL) suggest_offer(&near, name->text);
    }
    diag_add(w->errors, w->place, "there is no '%s' in %s%s", word, doc_path(in, path),
             suggest_hint(&near, hint));
    return NULL;
}

/* The entry of a value called word, made if the value may have it. */
static doc_node *step(walk *w, doc_node *in, const char *word)
{
    char path[DOC_PATH_MAX];
    doc_node *found;
    if (in->kind == DOC_TEXT && in->text[0] == '\0') in->kind = DOC_MAP; /* "config:" and no more */
    if (in->kind == DOC_TEXT) {
        diag_add(w->errors, w->place, "%s is '%.40s' and has no '%s'", doc_path(in, path), in->text,
                 word);
        return NULL;
    }
    found = in->kind == DOC_LIST ? list_get(in, word) : doc_get(in, word);
    if (found != NULL) return found;
    if (in->kind == DOC_LIST || has_own_names(in)) return unknown(w, in, word);
    found = doc_add_map(w->doc, in, word, w->place);
    if (found == NULL) diag_add(w->errors, w->place, "the document has too many values");
    return found;
}

/* Follows the path in [at, end) from node. NULL: a complaint says where it ends. */
static doc_node *follow(walk *w, doc_node *node, const char *at, const char *end)
{
    uint32_t depth = 0;
    while (node != NULL) {
        char word[WORD_MAX];
        const char *dot = memchr(at, '.', (size_t)(end - at));
        size_t len = (size_t)((dot != NULL ? dot : end) - at);
        if (len == 0 || len >= sizeof word || ++depth > DOC_DEPTH_MAX) {
            diag_add(w->errors, w->place, "'%.*s' is not a path such as network.link.loss",
                     (int)(end - at), at);
            return NULL;
        }
        memcpy(word, at, len);
        word[len] = '\0';
        node = step(w, node, word);
        if (dot == NULL) return node;
        at = dot + 1;
    }
    return NULL;
}

void doc_set(doc *d, doc_node *root, const char *text, uint32_t source, diag *errors)
{
    walk w = {d, errors, {source, 0, 0}};
    const char *equals = strchr(text, '=');
    if (equals == NULL) {
        diag_add(errors, w.place, "write it as key.path=value");
        return;
    }
    pu_span bytes = {(const uint8_t *)equals + 1, strlen(equals + 1)};
    doc_node *value = doc_parse(d, bytes, source, false, errors);
    doc_node *node = value != NULL ? follow(&w, root, text, equals) : NULL;
    if (node == NULL) return;
    node->key_place = w.place;
    doc_replace(node, value);
}
