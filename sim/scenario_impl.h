/* sim/scenario_impl.h - the sections of a scenario file, each in a file of its own; called in this
 * order. */
#ifndef SIM_SCENARIO_IMPL_H
#define SIM_SCENARIO_IMPL_H

#include "sim/scenario_reader.h"

/* `network:`: latency and the access links. */
void read_network(reader *r, const doc_node *node);

#define LINK_QUEUE_NS (100 * PU_MS) /* of a link that does not say */

/* One access link, over the defaults that *link has; node is not NULL. */
void read_link(reader *r, const doc_node *node, scenario_link *link);

/* `links:`: kinds of access links. Called when network's is known. */
void read_links(reader *r, const doc_node *node);

/* `link: NAME`: one of them. */
void read_link_ref(reader *r, const doc_node *node, uint32_t *index);

/* `cpu:` of a node or group. */
void read_cpu(reader *r, const doc_node *node, scenario_node *of);

/* Complains of links that nodes which name them cannot do with. Called when nodes are known. */
void check_links(reader *r);

/* `nats:` and `firewalls:`: kinds of boxes. */
void read_nats(reader *r, const doc_node *nodes, const doc_node *walls);

/* One of either. */
void read_nat_kind(reader *r, const doc_node *node, nat_type *type);
void read_firewall_kind(reader *r, const doc_node *node, nat_type *type);

/* A `behind:` list; chain stays empty when node is NULL or wrong. */
void read_chain(reader *r, const doc_node *node, scenario_chain *chain);

/* The firewall that `ipv6:` names, alone in chain; which stays empty when it is wrong. */
void read_firewall(reader *r, const doc_node *node, scenario_chain *chain);

/* `ipv4:` and `ipv6:` of map, which may have `behind:` as well. False: neither is there, and
 * *families stays as it is. */
bool read_families(reader *r, const doc_node *map, scenario_families *families);

/* Complains of what hosts cannot do with the families that they have. Called when all is known. */
void check_families(reader *r);

/* Sums up what uses of shared boxes say of them, when all are known. */
void read_shared(reader *r);

/* Sets the homes of shared boxes, of which all else is known. */
void find_homes(reader *r);

/* "nodes.laptop", "groups.crowd": where a node is written. */
const char *read_path_of(const scenario *s, const scenario_node *n, char out[DOC_PATH_MAX]);

/* `at: SITE`: a row of the latency file. */
void read_site(reader *r, const doc_node *node, uint32_t *site);

/* `nodes:` and `groups:`, whose members become nodes after the named ones. */
void read_nodes(reader *r, const doc_node *nodes, const doc_node *groups);

/* `nat_mix: PATH#PROFILE`: the mix of a group. */
void read_mix(reader *r, const doc_node *node, scenario_group *group);

/* `misbehaves:` of a relay. */
void read_bend(reader *r, const doc_node *node, scenario_node *of);

/* A `config:` map; *settings is given to the scenario. */
void read_config(reader *r, const doc_node *node, scenario_setting **settings, uint32_t *count);

/* `authorize:`, to which the pairs of groups are added. */
void read_authorize(reader *r, const doc_node *node);

/* `churn:` of a group. */
void read_churn(reader *r, const doc_node *node, scenario_group *group);

/* `gap:` and `overlap:` of a map: how long who changes its network is in neither, or hears in both.
 */
void read_crossing(reader *r, const doc_node *map, uint64_t *gap_ns, uint64_t *overlap_ns);

/* `sleep:` and `roam:` of a group; `sleep:` as an event. */
void read_group_sleep(reader *r, const doc_node *node, scenario_group *group);
void read_roam(reader *r, const doc_node *node, scenario_group *group);
bool read_sleep(reader *r, const doc_node *node, scenario_event *event);

/* One of 'weibull', 'exponential' and 'trace' in map, whose keys have been checked; in `off:` of
 * it, or the same again, for *off. */
void read_spells(reader *r, const doc_node *map, spell *on, spell *off);

/* Complains of what a machine that sleeps, or is between two networks, cannot do. */
void check_away(reader *r);

/* The values of events about nodes' lives and what cuts them off. False: something is wrong. */
bool read_crash(reader *r, const doc_node *node, scenario_event *event);
bool read_restart(reader *r, const doc_node *node, scenario_event *event);
bool read_clock(reader *r, const doc_node *node, scenario_event *event);
bool read_partition(reader *r, const doc_node *node, scenario_event *event);
bool read_block(reader *r, const doc_node *node, scenario_event *event);

/* The event that decides whether e's node runs just before e; NULL: it has run from the start. */
const scenario_event *life_before(const scenario *s, const scenario_event *e);

/* `swizzle:` as an event, and `swarm:`. */
bool read_swizzle(reader *r, const doc_node *node, scenario_event *event);
void read_swarm(reader *r, const doc_node *node);

/* Complains of e, which node is, when it cannot be expected while faults are drawn. */
void check_drawn(reader *r, const doc_node *node, const scenario_expect *e);

/* A node, a group, or a list of them on a side of event's. */
void read_side(reader *r, const doc_node *node, uint8_t side, scenario_event *event);

/* Complains of crashes of what does not run, and of starts of what does. */
void check_lives(reader *r);

/* `events:` and, when they are known, `expect:`. */
void read_events(reader *r, const doc_node *node);
void read_expects(reader *r, const doc_node *node);

/* Sets the configuration hash: everything a run depends on, names of files not included. */
void scenario_hash(scenario *s, const uint64_t matrix_hash[2]);

#endif
