/* sim/scenario_reader.h - reads values of a scenario's tree, and says what is wrong with them and
 * where.
 *
 * Every function takes a node that may be NULL (the key is absent, and whoever checked the keys has
 * said so): it then returns false and says nothing. One that refuses a value leaves the target
 * untouched.
 */
#ifndef SIM_SCENARIO_READER_H
#define SIM_SCENARIO_READER_H

#include "sim/names.h"
#include "sim/quantity.h"
#include "sim/scenario.h"
#include "sim/yaml_doc.h"

/* A shared box, by its first use. */
typedef struct shared_box {
    scenario_chain from_here; /* the box and those outside it */
    diag_place place;
    const char *name; /* belongs to the file */
} shared_box;

/* Parts of the file that are not as they were meant, which has been said: that something is not
 * found there is no second mistake. */
enum gap {
    GAP_NODES = 1 << 0,
    GAP_GROUPS = 1 << 1,
    GAP_NATS = 1 << 2,
    GAP_LINKS = 1 << 3,
    GAP_CHAINS = 1 << 4, /* which boxes are around some node */
    GAP_EVENTS = 1 << 5,
    GAP_WALLS = 1 << 6
};

/* What has a name. */
enum thing { THING_NODE = 0, THING_RELAY, THING_GROUP, THING_NAT, THING_WALL, THING_LINK, THINGS };

/* A scenario being read. */
typedef struct reader {
    scenario *s;
    diag *errors;
    uint32_t gaps;              /* bits of enum gap */
    const doc_node **events;    /* owned; of the scenario's events, where they are */
    const doc_node **expects;   /* the same of what it expects */
    uint32_t sites;             /* how many the latency file has */
    uint64_t matrix_hash[2];    /* of that file's bytes; 0 without one */
    uint64_t latency_access_ns; /* of links that say no access of their own */
    topo *regions;              /* owned; when that file is a table of regions and good */
    shared_box *shared;         /* owned; by the number of the shared box */
    uint32_t shared_count, shared_cap;
    names shared_names; /* numbers of shared boxes */
    names shared_walls; /* of firewalls: one may be called as a NAT is */
    names node_names;   /* of nodes, members of groups too */
    names told[THINGS]; /* what is wrong wherever it is named, and was told once */
} reader;

/* A key that a map may have. */
typedef struct key_rule {
    const char *key;
    bool is_required;
} key_rule;

/* Complains about a value: "network.link.loss: ...". */
void read_error(reader *r, const doc_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Complains about an entry's key: "groups: ..." at the place of the key. */
void read_key_error(reader *r, const doc_node *entry, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether node is a map; unknown and missing keys are complained of, and do not make it false. An
 * unknown key stands for one that is missing: then only the first is told. */
bool read_map(reader *r, const doc_node *node, const key_rule *rules, size_t rule_count);

/* Whether a map has a key that it may not have: what it lacks may have been meant by that. */
bool has_unknown_key(const doc_node *node, const key_rule *rules, size_t rule_count);

/* Whether node is a map whose keys are names of the file's own; wrong names are complained of. */
bool read_names(reader *r, const doc_node *node);

bool read_list(reader *r, const doc_node *node);

/* The file called name, seen from the scenario's folder, of at most max bytes: given to the caller
 * with its path. NULL: that cannot be had, which has been said of node. */
uint8_t *read_named(reader *r, const doc_node *node, const char *name, size_t max,
                    char path[SCENARIO_PATH_MAX], size_t *len);

/* The same of the file that node names. */
uint8_t *read_beside(reader *r, const doc_node *node, size_t max, char path[SCENARIO_PATH_MAX],
                     size_t *len);

/* Any text. */
const char *read_text(reader *r, const doc_node *node);

/* Whether text may be a name: letters, digits, '-' and '_', at most SCENARIO_NAME_MAX - 1 of them.
 */
bool is_name(const char *text);
bool read_name(reader *r, const doc_node *node, char out[SCENARIO_NAME_MAX]);

bool read_quantity(reader *r, const doc_node *node, enum quantity_kind kind, uint64_t *value);
bool read_u32(reader *r, const doc_node *node, enum quantity_kind kind, uint32_t most,
              uint32_t *value);

/* A time that something takes on its way, at most READ_DELAY_MAX: what is further away is in no
 * network of this planet, and no node waits for it. */
#define READ_DELAY_MAX (30 * PU_S)
bool read_delay(reader *r, const doc_node *node, uint64_t *ns);

/* "true" or "false". */
bool read_switch(reader *r, const doc_node *node, bool *value);

/* One of count words; *index says which. */
bool read_word(reader *r, const doc_node *node, const char *const *words, uint32_t count,
               uint32_t *index);

/* A time of the run: from 0 to before its end. */
bool read_time(reader *r, const doc_node *node, pu_time *at);

/* Whether this is the first time that something is wrong with what has that name (kept by the
 * caller): told where it is named first, it is no news elsewhere. */
bool is_news(reader *r, enum thing what, const char *name);

/* Names of nodes (group members too) and groups; indices come out. */
bool read_node_ref(reader *r, const doc_node *node, uint32_t *index);
bool read_group_ref(reader *r, const doc_node *node, uint32_t *index);

/* {from: NODE, to: NODE}, two different ones: entries of map, which may have other keys. */
bool read_pair(reader *r, const doc_node *map, uint32_t *from, uint32_t *to);

#endif
