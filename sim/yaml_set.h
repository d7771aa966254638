/* sim/yaml_set.h - "--set key.path=value": changes one value of a tree before it is read. */
#ifndef SIM_YAML_SET_H
#define SIM_YAML_SET_H

#include "sim/yaml_doc.h"

/* Applies "key.path=value" to the tree under root; source names the text in complaints. The value
 * is YAML itself. Entries of lists are named by their number from 0 or by their `name`. Keys that
 * the file left out are added, for the reader to judge; a new node, group or type of box is not. */
void doc_set(doc *d, doc_node *root, const char *text, uint32_t source, diag *errors);

#endif
