/* sim/watch.h - what the harness itself sees of connections: the judge's view, from inputs only,
 * never from what nodes claim.
 *
 * A pair is connected when both ends have a confirmed connection to each other; directly, when one
 * such is not relayed. Intervals of that are what properties, the run database and the result are
 * made of.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "base/imap.h"
#include "peerup/node.h"
#include "sim/run.h"

/* One end of one connection, as its host's inputs told. */
typedef struct watch_conn {
    uint32_t node, peer; /* peer: SCENARIO_ANY when it is no node of this run */
    pu_handle handle;
    bool dialled, relayed, is_open;
    pu_endpoint local, remote;
    pu_time up, confirmed, down; /* PU_NEVER: not so far */
    uint32_t code;
} watch_conn;

/* An interval in which two nodes were connected that way; a asked for b, or a < b where nobody
 * asked. */
typedef struct watch_path {
    uint32_t a, b;
    bool direct;
    pu_time start, end; /* PU_NEVER: still so */
} watch_path;

/* Two nodes that had a connection: confirmed ends that are open now. */
typedef struct watch_pair {
    uint32_t ends[2][2]; /* [0: the smaller node's end, 1: the other's][0: relayed, 1: direct] */
    uint32_t path;       /* place in paths of the open interval; SCENARIO_ANY: not connected */
} watch_pair;

/* An interval in which a node ran. */
typedef struct watch_life {
    uint32_t node;
    pu_time start, end; /* end PU_NEVER: it still runs */
} watch_life;

/* What a node told its user. */
typedef struct watch_word {
    pu_time at;
    uint32_t node;
    enum scenario_says says;
} watch_word;

/* A thing that must never happen. */
typedef struct watch_breach {
    pu_time at;
    uint32_t node, peer; /* node got something of peer; peer: SCENARIO_ANY when unknown */
    const char *what;    /* static */
} watch_breach;

typedef struct watch {
    const scenario *s;
    pu_alloc alloc;
    imap authorised; /* (node, peer) -> 1: node's keys name peer */
    imap open_conns; /* (node, handle slot) -> place in conns */
    imap pair_index; /* pair -> place in pairs */
    watch_pair *pairs;
    uint32_t pair_cap, pair_count;
    watch_conn *conns;
    uint32_t conn_cap, conn_count;
    watch_path *paths;
    uint32_t path_cap, path_count;
    run_connection *asks;
    uint32_t ask_cap, ask_count;
    watch_life *lives;
    uint32_t life_cap, life_count;
    watch_word *words;
    uint32_t word_cap, word_count;
    watch_breach *breaches;
    uint32_t breach_cap, breach_count;
} watch;

void watch_init(watch *w, const scenario *s);
void watch_close(watch *w);

/* node's keys name peer. */
void watch_authorise(watch *w, uint32_t node, uint32_t peer);
bool watch_is_authorised(const watch *w, uint32_t node, uint32_t peer);

/* node runs from now on. */
void watch_start(watch *w, pu_time now, uint32_t node);

/* node is no more: its ends of connections are gone without a word. */
void watch_crash(watch *w, pu_time now, uint32_t node);

/* An effect of node's: what it tells its user. */
void watch_effect(watch *w, pu_time now, uint32_t node, const pu_ef *ef);

/* A connect of the script, at now. */
void watch_ask(watch *w, pu_time now, uint32_t from, uint32_t to);

/* An input that node is about to get; peer: the node that in->peer names, SCENARIO_ANY when none.
 * Returns the connection that it is about, or NULL. */
const watch_conn *watch_input(watch *w, uint32_t node, uint32_t peer, const pu_in *in);

#endif
