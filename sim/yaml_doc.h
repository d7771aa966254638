/* sim/yaml_doc.h - a YAML text as a tree that remembers places, without the parts of YAML that
 * surprise.
 *
 * Refused: duplicate keys, anchors, aliases, tags, keys that are not plain words, several
 * documents, a tree of more than DOC_NODES_MAX nodes or deeper than DOC_DEPTH_MAX. Every scalar is
 * a text; what it means is for the reader to say.
 */
#ifndef SIM_YAML_DOC_H
#define SIM_YAML_DOC_H

#include "sim/diag.h"

enum {
    DOC_NODES_MAX = 100000,
    DOC_DEPTH_MAX = 16,
    DOC_PATH_MAX = 256 /* bytes of a node's path, terminator included; longer ones are cut */
};

enum doc_kind { DOC_TEXT = 1, DOC_LIST, DOC_MAP };

/* A value. Strings and nodes belong to the document. */
typedef struct doc_node {
    enum doc_kind kind;
    diag_place place;     /* where the value begins */
    const char *key;      /* of an entry of a map; NULL in a list and at the root */
    diag_place key_place; /* where that key begins */
    const char *text;     /* DOC_TEXT, otherwise NULL */
    uint32_t count;       /* children */
    struct doc_node *parent, *first, *last, *next; /* children are a list, next are siblings */
} doc_node;

typedef struct doc doc;

/* Makes an empty document, which owns all nodes made for it. */
doc *doc_new(void);
void doc_free(doc *d);

/* Parses one YAML text into a tree. Complaints go to errors under that source, with line 0 unless
 * has_lines. NULL: nothing can be said about its content; otherwise the tree is usable even when
 * there were complaints. */
doc_node *doc_parse(doc *d, pu_span text, uint32_t source, bool has_lines, diag *errors);

/* Adds an empty map under key (copied) to map, with the place given. */
doc_node *doc_add_map(doc *d, doc_node *map, const char *key, diag_place place);

/* Gives node the content of value, which is used up; node keeps its key. */
void doc_replace(doc_node *node, doc_node *value);

/* The entry of map under key, or NULL. */
doc_node *doc_get(const doc_node *map, const char *key);

/* Writes the way to a node, "network.link.loss" or "events.0.at", as --set takes it; "" for the
 * root. */
const char *doc_path(const doc_node *node, char out[DOC_PATH_MAX]);

#endif
