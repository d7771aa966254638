/* sim/yaml_parse.c - libyaml's events into a tree, by a stack of open lists and maps. */
#include "sim/yaml_doc_impl.h"

#include <yaml.h>

/* A text under way. */
typedef struct parse {
    doc *doc;
    diag *errors;
    uint32_t source;
    bool has_lines;
    doc_node *root;
    doc_node *open[DOC_DEPTH_MAX]; /* lists and maps not yet closed, outermost first */
    uint32_t depth;
    const char *key; /* of the map entry whose value comes next */
    diag_place key_place;
    bool is_over; /* nothing sensible can follow */
} parse;

static diag_place place_of(const parse *p, yaml_mark_t mark)
{
    if (!p->has_lines) return (diag_place){p->source, 0, 0};
    return (diag_place){p->source, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static void give_up(parse *p, yaml_mark_t at, const char *why)
{
    diag_add(p->errors, place_of(p, at), "%s", why);
    p->is_over = true;
}

static bool wants_key(const parse *p)
{
    return p->depth > 0 && p->open[p->depth - 1]->kind == DOC_MAP && p->key == NULL;
}

/* Puts a new node where the text has come to. NULL: the tree is too large. */
static doc_node *add(parse *p, enum doc_kind kind, yaml_mark_t at)
{
    doc_node *n = doc_node_new(p->doc, kind, place_of(p, at));
    if (n == NULL) {
        give_up(p, at, "the document has too many values");
        return NULL;
    }
    if (p->depth == 0) {
        p->root = n;
        return n;
    }
    if (p->key != NULL) {
        n->key = p->key;
        n->key_place = p->key_place;
        p->key = NULL;
    }
    doc_append(p->open[p->depth - 1], n);
    return n;
}

static void check_plain(parse *p, yaml_mark_t at, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL) diag_add(p->errors, place_of(p, at), "anchors (&) are not allowed");
    if (tag != NULL) diag_add(p->errors, place_of(p, at), "tags (!) are not allowed");
}

static void take_scalar(parse *p, const yaml_event_t *e)
{
    const yaml_char_t *value = e->data.scalar.value;
    size_t len = e->data.scalar.length;
    check_plain(p, e->start_mark, e->data.scalar.anchor, e->data.scalar.tag);
    if (memchr(value, 0, len) != NULL) {
        give_up(p, e->start_mark, "a text must not contain a NUL byte");
        return;
    }
    if (wants_key(p)) {
        p->key = doc_text(p->doc, value, len);
        p->key_place = place_of(p, e->start_mark);
        return;
    }
    doc_node *n = add(p, DOC_TEXT, e->start_mark);
    if (n != NULL) n->text = doc_text(p->doc, value, len);
}

static void take_start(parse *p, enum doc_kind kind, yaml_mark_t at)
{
    if (wants_key(p)) {
        give_up(p, at, "a key must be a plain word");
    } else if (p->depth == DOC_DEPTH_MAX) {
        give_up(p, at, "lists and maps are nested too deeply");
    } else {
        doc_node *n = add(p, kind, at);
        if (n != NULL) p->open[p->depth++] = n;
    }
}

/* Where a comes before b in the text, or its key in the alphabet. */
static int compare_keys(const void *left, const void *right)
{
    const doc_node *a = *(doc_node *const *)left, *b = *(doc_node *const *)right;
    int by = strcmp(a->key, b->key);
    if (by != 0) return by;
    if (a->key_place.line != b->key_place.line)
        return a->key_place.line < b->key_place.line ? -1 : 1;
    return (a->key_place.column > b->key_place.column) -
           (a->key_place.column < b->key_place.column);
}

/* Complains of keys that come again and takes their entries out of the map. */
static void drop_duplicates(parse *p, doc_node *map)
{
    uint32_t count = map->count;
    if (count < 2) return;
    doc_node **sorted = sim_alloc(count * sizeof *sorted);
    for (doc_node *n = map->first; n != NULL; n = n->next) *sorted++ = n;
    sorted -= count;
    qsort(sorted, count, sizeof *sorted, compare_keys);
    const doc_node *first = sorted[0];
    for (uint32_t i = 1; i < count; i++) {
        if (strcmp(sorted[i]->key, first->key) == 0) {
            diag_add(p->errors, sorted[i]->key_place,
                     "duplicate key '%s', it is on line %u already", first->key,
                     first->key_place.line);
            sorted[i]->key = NULL;
        } else {
            first = sorted[i];
        }
    }
    free(sorted);
    doc_node *next, *n = map->first;
    map->first = map->last = NULL;
    map->count = 0;
    for (; n != NULL; n = next) {
        next = n->next;
        if (n->key != NULL) doc_append(map, n);
    }
}

static void take_end(parse *p)
{
    PU_ASSERT(p->depth > 0);
    doc_node *closed = p->open[--p->depth];
    if (closed->kind == DOC_MAP) drop_duplicates(p, closed);
}

static void take(parse *p, const yaml_event_t *e)
{
    if (e->type == YAML_SCALAR_EVENT) {
        take_scalar(p, e);
    } else if (e->type == YAML_ALIAS_EVENT) {
        give_up(p, e->start_mark, "aliases (*) are not allowed");
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        check_plain(p, e->start_mark, e->data.sequence_start.anchor, e->data.sequence_start.tag);
        take_start(p, DOC_LIST, e->start_mark);
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        check_plain(p, e->start_mark, e->data.mapping_start.anchor, e->data.mapping_start.tag);
        take_start(p, DOC_MAP, e->start_mark);
    } else if (e->type == YAML_SEQUENCE_END_EVENT || e->type == YAML_MAPPING_END_EVENT) {
        take_end(p);
    } else if (e->type == YAML_DOCUMENT_START_EVENT && p->root != NULL) {
        give_up(p, e->start_mark, "a second document begins here, one is allowed");
    } else if (e->type == YAML_STREAM_END_EVENT) {
        if (p->root == NULL) give_up(p, e->start_mark, "there is nothing in it");
        p->is_over = true;
    }
}

/* Where the byte at offset stands: libyaml gives no mark for bytes that are no text. */
static yaml_mark_t mark_of(pu_span text, size_t offset)
{
    yaml_mark_t mark = {0, 0, 0};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        mark.column++;
        if (text.base[i] == '\n') mark = (yaml_mark_t){0, mark.line + 1, 0};
    }
    return mark;
}

static void complain(parse *p, const yaml_parser_t *y, pu_span text)
{
    bool is_bytes = y->error == YAML_READER_ERROR;
    yaml_mark_t at = is_bytes ? mark_of(text, y->problem_offset) : y->problem_mark;
    const char *what = y->problem != NULL ? y->problem : "it cannot be parsed";
    if (y->context != NULL)
        diag_add(p->errors, place_of(p, at), "not YAML: %s %s", y->context, what);
    else diag_add(p->errors, place_of(p, at), "not YAML: %s", what);
    p->is_over = true;
}

doc_node *doc_parse(doc *d, pu_span text, uint32_t source, bool has_lines, diag *errors)
{
    parse p = {.doc = d, .errors = errors, .source = source, .has_lines = has_lines};
    yaml_parser_t y;
    yaml_event_t event;
    bool is_whole = false;

    if (yaml_parser_initialize(&y) == 0) sim_no_memory(sizeof y);
    yaml_parser_set_input_string(&y, text.base, text.len);
    while (!p.is_over) {
        if (yaml_parser_parse(&y, &event) == 0) {
            complain(&p, &y, text);
            break;
        }
        take(&p, &event);
        is_whole = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&y);
    return is_whole ? p.root : NULL;
}
