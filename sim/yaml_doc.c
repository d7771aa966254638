/* sim/yaml_doc.c - the document: nodes in blocks, and walks over them. */
#include "sim/yaml_doc_impl.h"

enum {
    BLOCK_BYTES = 65536,
    ALIGNMENT = 16,
    WAY_MAX = 2 * DOC_DEPTH_MAX + 1 /* a --set can hang a deep value under a deep key */
};

/* A piece of the document's memory; larger texts get a block of their own. */
typedef struct block {
    struct block *older;
    size_t used, cap;
    _Alignas(ALIGNMENT) uint8_t bytes[];
} block;

struct doc {
    block *newest;
    uint32_t node_count;
};

doc *doc_new(void)
{
    return sim_alloc(sizeof(doc));
}

void doc_free(doc *d)
{
    if (d == NULL) return;
    for (block *b = d->newest; b != NULL;) {
        block *older = b->older;
        free(b);
        b = older;
    }
    free(d);
}

/* A zeroed piece of memory that lives as long as the document. */
static void *piece(doc *d, size_t bytes)
{
    block *b = d->newest;
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (b == NULL || bytes > b->cap - b->used) {
        size_t cap = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        b = sim_alloc(sizeof *b + cap);
        b->cap = cap;
        b->older = d->newest;
        d->newest = b;
    }
    b->used += bytes;
    return b->bytes + b->used - bytes;
}

const char *doc_text(doc *d, const void *text, size_t len)
{
    char *copy = piece(d, len + 1);
    if (len > 0) memcpy(copy, text, len);
    return copy;
}

doc_node *doc_node_new(doc *d, enum doc_kind kind, diag_place place)
{
    if (d->node_count == DOC_NODES_MAX) return NULL;
    d->node_count++;
    doc_node *n = piece(d, sizeof *n);
    n->kind = kind;
    n->place = n->key_place = place;
    return n;
}

void doc_append(doc_node *parent, doc_node *child)
{
    PU_ASSERT(parent->kind != DOC_TEXT);
    child->parent = parent;
    child->next = NULL;
    if (parent->last == NULL) parent->first = child;
    else parent->last->next = child;
    parent->last = child;
    parent->count++;
}

doc_node *doc_add_map(doc *d, doc_node *map, const char *key, diag_place place)
{
    PU_ASSERT(map->kind == DOC_MAP);
    doc_node *n = doc_node_new(d, DOC_MAP, place);
    if (n == NULL) return NULL;
    n->key = doc_text(d, key, strlen(key));
    doc_append(map, n);
    return n;
}

void doc_replace(doc_node *node, doc_node *value)
{
    node->kind = value->kind;
    node->place = value->place;
    node->text = value->text;
    node->first = value->first;
    node->last = value->last;
    node->count = value->count;
    for (doc_node *child = node->first; child != NULL; child = child->next) child->parent = node;
}

doc_node *doc_get(const doc_node *map, const char *key)
{
    PU_ASSERT(key != NULL);
    if (map->kind != DOC_MAP) return NULL;
    for (doc_node *child = map->first; child != NULL; child = child->next) {
        if (strcmp(child->key, key) == 0) return child;
    }
    return NULL;
}

/* How many siblings stand before a node. */
static uint32_t position(const doc_node *node)
{
    uint32_t before = 0;
    for (const doc_node *n = node->parent->first; n != node; n = n->next) before++;
    return before;
}

const char *doc_path(const doc_node *node, char out[DOC_PATH_MAX])
{
    const doc_node *way[WAY_MAX];
    uint32_t depth = 0;
    int used = 0;
    for (const doc_node *n = node; n->parent != NULL; n = n->parent) {
        PU_ASSERT(depth < WAY_MAX);
        way[depth++] = n;
    }
    out[0] = '\0';
    for (uint32_t i = depth; i > 0 && used >= 0 && used < DOC_PATH_MAX; i--) {
        const doc_node *n = way[i - 1];
        const char *dot = i == depth ? "" : ".";
        size_t room = DOC_PATH_MAX - (size_t)used;
        used += n->key != NULL ? snprintf(out + used, room, "%s%s", dot, n->key)
                               : snprintf(out + used, room, "%s%u", dot, position(n));
    }
    return out;
}
