/* net-real/cli/config_yaml.h - a YAML file as tables of known keys: what is unknown, given twice or
 * of the wrong sort is told with its place.
 */
#ifndef NET_REAL_CLI_CONFIG_YAML_H
#define NET_REAL_CLI_CONFIG_YAML_H

#include "net-real/cli/config.h"

#include <yaml.h>

/* A document that is being read. */
typedef struct yaml_file {
    const char *path;
    FILE *complaints;
    yaml_document_t document;
    const yaml_node_t *key; /* of the value that is being read, at first */
    unsigned errors, warnings;
} yaml_file;

/* One key of a mapping. read gets the value's node and where it goes, as the caller of yaml_map
 * said. */
typedef struct yaml_key {
    const char *name;
    void (*read)(yaml_file *f, yaml_node_t *value, const char *key, void *into);
    size_t offset; /* added to `into` */
} yaml_key;

/* Parses path. False: it cannot be read, others may read it, it is longer than CONFIG_BYTES_MAX or
 * no YAML; that was said. */
bool yaml_file_open(yaml_file *f, const char *path, FILE *complaints);
void yaml_file_close(yaml_file *f);

/* A complaint about a node: "FILE:LINE:COLUMN: ...". */
void yaml_error(yaml_file *f, const yaml_node_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads a mapping by its table. keys NULL: any key, each given to `any` with its name. */
void yaml_map(yaml_file *f, yaml_node_t *node, const yaml_key *keys, size_t count, void *into);
void yaml_any(yaml_file *f, yaml_node_t *node,
              void (*any)(yaml_file *f, yaml_node_t *value, const char *key, void *into),
              void *into);

/* Values: into is bool *, char ** (owned by whoever owns the field), string_list *, uint64_t *. */
void yaml_bool(yaml_file *f, yaml_node_t *value, const char *key, void *into);
void yaml_string(yaml_file *f, yaml_node_t *value, const char *key, void *into);
void yaml_strings(yaml_file *f, yaml_node_t *value, const char *key, void *into);
void yaml_count(yaml_file *f, yaml_node_t *value, const char *key, void *into);
void yaml_duration(yaml_file *f, yaml_node_t *value, const char *key, void *into); /* ns: "1h30m" */
void yaml_size(yaml_file *f, yaml_node_t *value, const char *key, void *into); /* bytes: "64MB" */
/* Reads a size such as "64MB", as yaml_size does. False: it is none. */
bool size_read(const char *text, uint64_t *bytes);
/* Known, and of no effect here. */
void yaml_ignored(yaml_file *f, yaml_node_t *value, const char *key, void *into);

#endif
