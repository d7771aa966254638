/* bench/bench.h - `peerup-sim bench`: its benchmarks, and what they say of themselves in common.
 *
 * A benchmark fills figures and draws nothing from the clock but elapsed time; who prints them is
 * cmd_bench.c. Figures hold for one machine, so the machine is printed beside them.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_CPU_NAME_MAX = 128 };

/* The machine: for the reader, who compares figures. */
typedef struct bench_machine {
    char cpu[BENCH_CPU_NAME_MAX]; /* model name, "unknown" where the system does not tell */
    uint32_t cores;               /* on line */
} bench_machine;

/* What `bench queue` measured. */
typedef struct bench_queue {
    uint32_t pending;
    uint64_t events;          /* in each run */
    uint64_t events_per_s;    /* median of the runs */
    uint64_t only_heap_per_s; /* the same with all in the queue's heap: `--queue heap` */
    uint64_t ladder_per_s;    /* with a bare ladder queue */
    uint64_t bare_heap_per_s; /* with a bare 4-ary heap */
    uint32_t runs;            /* of each, in turn */
    uint64_t sum;             /* of all payloads: not for the reader, so that nobody skips them */
} bench_queue;

/* What a bare heap did with as much memory as nodes have. */
typedef struct bench_bare {
    uint64_t turns_per_s; /* median of three runs; 0 without nodes */
    uint64_t sum;         /* of what was read: not for the reader, so that nobody skips it */
} bench_bare;

/* What `bench nodes` measured. */
typedef struct bench_nodes {
    uint32_t nodes, degree;
    uint32_t seconds;         /* simulated, of the steady phase */
    uint64_t steps, events;   /* in the steady phase */
    uint64_t delivered;       /* datagrams, in the steady phase */
    uint64_t cpu_ns, wall_ns; /* of the steady phase */
    uint64_t setup_wall_ns;   /* before it */
    uint64_t peak_bytes;      /* peak resident memory */
    uint64_t base_bytes;      /* the same with 0 nodes */
    uint64_t node_bytes;      /* what nodes hold by their allocator, at the end */
    uint64_t transport_bytes; /* what their transports hold, at the end */
    uint64_t wrong_degree;    /* nodes whose confirmed connections are not as many as asked */
    uint64_t hash[2];         /* trace hash of the run */
    bench_bare bare;          /* as many nodes, as many steps, 2,097,152 at most */
} bench_nodes;

/* What `bench nodes` is to simulate. */
typedef struct bench_town {
    uint32_t nodes, degree; /* their product is even, nodes is above degree; nodes may be 0 */
    uint32_t seconds;       /* simulated ones that are measured */
    bool is_behind;         /* each node is behind a box of its own */
} bench_town;

enum { BENCH_SECONDS = 60 };

/* What `bench datagrams` measured. */
typedef struct bench_datagrams {
    uint32_t pairs, under_way; /* datagrams under way at once */
    uint64_t delivered;        /* in each run */
    uint64_t delivered_per_s;  /* median of the runs */
    uint64_t ladder_per_s;     /* as many events and copies by a bare ladder queue */
    uint32_t runs;             /* of each, in turn */
    uint64_t hash[2];          /* trace hash of a run: the same of all */
    uint64_t sum;              /* of bytes: not for the reader, so that nobody skips them */
    bench_nodes nodes;         /* with two nodes a pair, connected */
} bench_datagrams;

/* What `bench streams` measured: processor time of one input and its effects. */
typedef struct bench_streams {
    uint32_t streams;
    uint64_t inputs;       /* of each kind */
    uint64_t down_ns;      /* STREAM_DATA of 16 KiB, to the application */
    uint64_t up_ns;        /* APP DATA of 16 KiB, to the peer */
    uint64_t app_room_ns;  /* APP ROOM */
    uint64_t room_ns;      /* STREAM_ROOM */
    uint64_t copied_bytes; /* that did not come out as the span that went in */
} bench_streams;

void bench_machine_read(bench_machine *m);

/* Elapsed time, and what this process has computed, in ns. */
uint64_t bench_wall_ns(void);
uint64_t bench_cpu_ns(void);

/* Events a second in the median of so many runs, each of which did as many; took_ns is sorted. */
uint64_t bench_rate(uint64_t events, uint64_t *took_ns, uint32_t runs);

/* The most memory this process has had resident, in bytes; 0 where the system does not tell. */
uint64_t bench_peak_bytes(void);

/* Hold model: `pending` events wait; each turn takes the first and schedules it again, an
 * exponentially distributed while later. pending is at least 1. */
void bench_queue_run(bench_queue *b, uint32_t pending);

/* One node with `streams` application streams that carry bytes both ways. streams is 1 to 4,096. */
void bench_streams_run(bench_streams *b, uint32_t streams);

/* `pairs` pairs of hosts send each other's datagrams back, through two access links and two boxes.
 * pairs is at least 1. */
void bench_datagrams_run(bench_datagrams *b, uint32_t pairs);

/* A random graph of nodes that each have `degree` connections and ping; afterwards the bare heap
 * takes its turns. */
void bench_nodes_run(bench_nodes *b, const bench_town *what);

/* So many turns of a bare heap, each of which touches what a step of a node touches: 8 KiB a node,
 * an event for each of its connections. */
bench_bare bench_bare_run(uint32_t nodes, uint32_t degree, uint64_t turns);

#endif
