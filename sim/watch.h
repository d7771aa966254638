/* sim/watch.h - what the harness itself sees of connections: the judge's view, from inputs only,
 * never from what nodes claim.
 *
 * A pair is connected while a connection between the two lives: both its ends are confirmed and
 * open, and since one of its nodes, or the relay that carries it, was last attached elsewhere,
 * bytes of a stream have come out of each end. Directly, when one such is not relayed. Intervals of
 * that are what properties, the run database and the result are made of.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "base/imap.h"
#include "peerup/node.h"
#include "sim/app.h"
#include "sim/run.h"

/* One end of one connection, as its host's inputs told. */
typedef struct watch_conn {
    uint32_t node, peer; /* peer: SCENARIO_ANY when it is no node of this run */
    uint32_t relay;      /* the node that carries it; SCENARIO_ANY: none */
    uint32_t mate;       /* place in conns of the other end, when both are confirmed and open */
    pu_handle handle;
    pu_handle other; /* the other end's handle there; 0 before both were confirmed */
    enum run_way way;
    bool dialled, is_open;
    bool is_heard; /* it was confirmed, or bytes came out of it, since anything on its way moved */
    pu_endpoint local, remote;
    pu_time begun; /* its node dialled, or upgraded a stream; PU_NEVER: somebody else did */
    pu_time up, confirmed, down; /* PU_NEVER: not so far */
    uint32_t code;
} watch_conn;

/* An interval in which two nodes were connected that way; a asked for b, or a < b where nobody
 * asked. */
typedef struct watch_path {
    uint32_t a, b;
    bool direct;
    pu_time start, end; /* PU_NEVER: still so */
    uint32_t before;    /* place in paths of the pair's last interval before; SCENARIO_ANY: none */
} watch_path;

/* What one node asked of another. */
typedef struct watch_asks {
    uint32_t first, last; /* places in asks; SCENARIO_ANY: none */
    pu_time asked;        /* the script's last; PU_NEVER: none */
} watch_asks;

/* Two nodes that had a connection or were asked for one. */
typedef struct watch_pair {
    uint32_t alive[RUN_WAYS]; /* connections that live, by what carries them */
    uint32_t path;            /* place in paths of the open interval; SCENARIO_ANY: not connected */
    uint32_t last_path;       /* the last interval, open or not; SCENARIO_ANY: none */
    watch_asks asks[2];       /* [0: of the smaller node, 1: of the other] */
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

/* One line of node's keys. */
typedef struct watch_trust {
    uint32_t node, peer;
} watch_trust;

/* A thing that must never happen. */
typedef struct watch_breach {
    pu_time at;
    uint32_t node, peer; /* node got something of peer; peer: SCENARIO_ANY when unknown */
    const char *what;    /* static */
} watch_breach;

typedef struct watch {
    const scenario *s;
    const apps *apps; /* borrowed: what became of streams */
    pu_alloc alloc;
    imap authorised;    /* (node, peer) -> 1: node's keys name peer */
    watch_trust *trust; /* the same, sorted once it is asked for */
    uint32_t trust_cap, trust_count;
    bool trust_is_sorted;
    imap open_conns; /* (node, handle slot) -> place in conns */
    imap dial_index; /* (node, token) -> place in dials, of those that no connection came of yet */
    pu_time *dials;  /* when each began */
    uint32_t dial_cap, dial_count;
    uint64_t streams_opened;
    imap pair_index; /* pair -> place in pairs */
    watch_pair *pairs;
    uint32_t pair_cap, pair_count;
    watch_conn *conns;
    uint32_t conn_cap, conn_count;
    watch_path *paths;
    uint32_t path_cap, path_count;
    run_connection *asks;
    uint32_t *ask_before; /* by ask: the one before it of the same two nodes, in that direction */
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

/* node's machine sleeps: it runs no more, until watch_start, and its connections live no more
 * before bytes have come out of both ends again. */
void watch_sleep(watch *w, pu_time now, uint32_t node);

/* An effect of node's: what it tells its user, and what it dials. */
void watch_effect(watch *w, pu_time now, uint32_t node, const pu_ef *ef);

/* Whom node's keys name: *count of them, by their numbers. */
const watch_trust *watch_trusted(watch *w, uint32_t node, uint32_t *count);

/* A connect of the script, at now. Two nodes that are connected already are so at once. */
void watch_ask(watch *w, pu_time now, uint32_t from, uint32_t to);

/* node is attached elsewhere: none of its connections, nor of those it carries, lives before bytes
 * have come out of both ends again. */
void watch_moved(watch *w, pu_time now, uint32_t node);

/* An input that node is about to get; peer: the node that in->peer names, SCENARIO_ANY when none;
 * other: the handle that in->conn has at its other end, 0 when unknown. Returns the connection that
 * it is about, or NULL. */
const watch_conn *watch_input(watch *w, uint32_t node, uint32_t peer, pu_handle other,
                              const pu_in *in);

/* What carries node's connection of that ordinal number (pu_handle_ordinal); RUN_WAY_CIRCUIT when
 * there is none. */
enum run_way watch_way(const watch *w, uint32_t node, uint64_t ordinal);

/* What is known of a and b, in any order; NULL: nothing. */
const watch_pair *watch_pair_of(const watch *w, uint32_t a, uint32_t b);

#endif
