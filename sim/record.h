/* sim/record.h - writes a run into the run database while it happens, as far as the log level asks.
 */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "analysis/tracedb.h"
#include "sim/host.h"
#include "sim/watch.h"

/* A dial leg that is under way. */
struct record_leg;

typedef struct record {
    tracedb *db; /* NULL with RUN_LOG_NONE: every call is then silent */
    enum run_log log;
    const scenario *s;
    const pu_peers *peers;
    const uint32_t *node_of_peer; /* pu_peer -> node */
    uint32_t node_of_peer_count;
    struct record_leg *legs;
    uint32_t leg_cap, leg_count;
} record;

/* Opens the database. False: a line was printed on stderr. */
bool record_open(record *r, const scenario *s, const run_options *options);

/* The network as it is at the start: one row a box and a node. */
void record_boxes(record *r, const net *network, const uint32_t *box_owner,
                  const uint32_t *box_nat);
void record_node(record *r, const net *network, const host *h, uint32_t site);

/* Where node is in the network from now on: at the start, and when it changes networks. */
void record_attachment(record *r, const net *network, pu_time at, uint32_t node);

void record_trace(record *r, uint32_t node, const pu_trace *event);
void record_packet(record *r, const net_record *packet);
void record_note(record *r, pu_time at, uint32_t node, const char *kind, const char *text);

/* Everything that is known at the end, and closes. False: a line was printed on stderr. */
bool record_close(record *r, const watch *w, const apps *a, const run_options *options,
                  const run_result *result);

/* Name of the node with that binary peer id; its base58 text in scratch when it is none of the
 * run's. */
const char *record_peer_name(const record *r, pu_span id, char scratch[PU_PEER_ID_TEXT_MAX]);

#endif
