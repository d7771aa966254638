/* sim/figures.h - what runs are compared by: a few counts and lists of times of each.
 */
#ifndef SIM_FIGURES_H
#define SIM_FIGURES_H

#include "sim/crew.h"
#include "sim/run.h"

/* Counts. */
enum figure_count {
    FIGURE_CONNECTIONS = 0, /* that both sides accepted, circuits included */
    FIGURE_STREAMS,         /* that nodes opened */
    FIGURE_DATAGRAMS,       /* that hosts sent */
    FIGURE_HELD,            /* 1: every property of the scenario held */
    FIGURE_COUNTS
};

/* Lists of times, in ns. */
enum figure_times {
    FIGURE_CONNECT =
        0,       /* from each ask of the scenario's for a peer that lets the asker in, or the loss
                    of what had come of it, until there is a usable connection; PU_NEVER: never */
    FIGURE_QUIC, /* from a dial over QUIC that succeeded until both sides had accepted */
    FIGURE_TCP,  /* the same over TCP */
    FIGURE_CIRCUIT, /* from the upgrade of a circuit's stream until both sides had accepted */
    FIGURE_TIMES
};

typedef struct figures {
    uint64_t counts[FIGURE_COUNTS];
    uint64_t *times[FIGURE_TIMES]; /* borrowed from what figures_read was given */
    uint32_t times_count[FIGURE_TIMES];
} figures;

/* The figures of a run, as a crew's job sends them back; its bytes are from sim_alloc. */
crew_result figures_write(const run_result *run);

/* Reads them. False: these are not such bytes. f borrows from r. */
bool figures_read(figures *f, const crew_result *r);

#endif
