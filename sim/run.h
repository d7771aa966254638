/* sim/run.h - one run: a scenario, a seed and options go in; a result and, if asked, a run database
 * come out. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/captured.h"
#include "sim/scenario.h"

#include <signal.h>

enum run_log { RUN_LOG_NONE = 0, RUN_LOG_SUMMARY, RUN_LOG_EVENTS, RUN_LOG_PACKETS };

/* What carries a connection, the better the later. */
enum run_way { RUN_WAY_CIRCUIT = 0, RUN_WAY_TCP, RUN_WAY_QUIC, RUN_WAYS };

/* "circuit", "tcp", "quic". */
const char *run_way_name(enum run_way way);

/* A round trip that a node has measured. */
typedef struct run_rtt {
    uint32_t node, peer; /* peer: SCENARIO_ANY when it is no node of this run */
    bool is_punch; /* by the words that agree on a hole punch, through a relay; otherwise a ping */
    enum run_way way; /* of the connection that was pinged */
    uint64_t rtt_ns;
} run_rtt;

typedef struct run_options {
    uint64_t seed;
    enum run_log log;
    const char *db_path;      /* where the database goes; NULL with RUN_LOG_NONE */
    const char *command_line; /* as typed, for the database */
    uint32_t record_node;     /* whose inputs are recorded; SCENARIO_ANY: nobody's */
    const char *record_path;  /* into this file */
    const char *pcap_path;    /* where a capture goes; NULL: there is none */
    bool pcap_secrets;        /* TLS secrets into it, so that its reader decrypts QUIC */
    const captured *captured; /* what it has; interfaces of boxes follow those of all nodes */
    uint32_t captured_count;  /* 0: the packets of every node */
    uint64_t hash_seed; /* of the nodes' hash tables: the trace hash must not change with it */
    bool never_reuses;  /* nodes' memory is never given out twice: nor with this */
    bool is_only_heap;  /* events wait in one heap: nor with this */
    const volatile sig_atomic_t *stop; /* not 0: end now, keep what was simulated; NULL: never */
    void (*show)(void *ctx, pu_time now,
                 pu_time end); /* how far it is, now and then; NULL: nobody looks */
    void *show_ctx;
    void (*saw_rtt)(void *ctx, const run_rtt *rtt); /* each that is measured; NULL: nobody looks */
    void *rtt_ctx;
    uint64_t still_max; /* tests: more events than these at one time are no progress; 0: than
                           STILL_EVENTS and than waited when it came */
    uint64_t row_max;   /* tests: the same in a row, of each of a few timers; 0: STILL_ROW */
    uint64_t input_max; /* tests: the same of inputs in one event; 0: STILL_INPUTS */
    uint64_t fail_at; /* tests: the request for memory, over all nodes, that is refused; 0: none */
} run_options;

/* One property of the scenario's `expect:`. */
typedef struct run_property {
    const char *name; /* belongs to the scenario */
    bool held;
    uint64_t took_ns;   /* what `within` is compared with: until it came to that, for a group until
                           the last pair did; `together`: the longest time apart; PU_NEVER: never, or
                           nothing that has a time */
    uint64_t within_ns; /* what is allowed; PU_NEVER: nothing that has a time */
    char why[256];      /* what was seen, with times */
} run_property;

/* One connect of the script, again after each loss. Times are PU_NEVER when it never came to that.
 */
typedef struct run_connection {
    uint32_t from, to; /* nodes */
    pu_time asked, usable, direct, lost;
    bool is_authorised;    /* `to` lets `from` in */
    bool first_is_relay;   /* the first usable path */
    enum run_way last_way; /* the best connection at the end, or when it was lost */
} run_connection;

/* A connection that both of its sides accepted. */
typedef struct run_handshake {
    enum run_way way;
    uint64_t took_ns; /* from the dial, or for a circuit from its stream's upgrade, until its
                         dialler knew of both */
} run_handshake;

typedef struct run_metric {
    const char *name; /* static */
    uint64_t value;
    const char *unit;    /* static: "datagrams", "dials" */
    const char *meaning; /* static */
} run_metric;

typedef struct run_result {
    uint64_t hash[2]; /* trace hash */
    uint64_t events;  /* taken from the queue */
    uint64_t sim_ns;  /* simulated */
    bool is_partial;  /* it was stopped before its end: no property is judged */
    uint64_t wall_ns; /* for printing only */
    uint32_t nodes;
    uint64_t asked;          /* requests for memory, of all nodes */
    uint64_t commands_shed;  /* commands refused for want of memory or room */
    uint64_t bytes_per_node; /* node, transport and host; by the simulator's allocator */
    run_property *properties;
    uint32_t property_count;
    run_connection *connections;
    uint32_t connection_count;
    run_handshake *handshakes; /* in the order in which the connections came up */
    uint32_t handshake_count;
    run_metric metrics[16];
    uint32_t metric_count;
} run_result;

/* Runs. 0, or 1 with a line on stderr: the database could not be written, the latency file is bad,
 * or time stands still (what was simulated until then is kept). */
int run_scenario(const scenario *s, const run_options *options, run_result *result);

void run_result_free(run_result *result);

/* "release" revision this binary was built from. */
const char *run_build_id(void);

#endif
