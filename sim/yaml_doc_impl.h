/* sim/yaml_doc_impl.h - what the document and its parser share. */
#ifndef SIM_YAML_DOC_IMPL_H
#define SIM_YAML_DOC_IMPL_H

#include "sim/mem.h"
#include "sim/yaml_doc.h"

/* Copies a text of len bytes into the document, with a NUL behind it. */
const char *doc_text(doc *d, const void *text, size_t len);

/* Makes a node that is in no tree. NULL: the document has DOC_NODES_MAX already. */
doc_node *doc_node_new(doc *d, enum doc_kind kind, diag_place place);

/* Makes child the last child of parent. */
void doc_append(doc_node *parent, doc_node *child);

#endif
