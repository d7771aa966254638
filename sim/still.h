/* sim/still.h - a run that gets nowhere: somebody orders something for that same time, again and
 * again. Counted are events at one time, of those what a few timers have in a row, and inputs
 * within one event. The first must allow for a crowd that does something at once; a few timers that
 * take turns are no crowd.
 */
#ifndef SIM_STILL_H
#define SIM_STILL_H

#include "sim/queue.h"

enum {
    STILL_EVENTS = 1000000, /* at one time, or as many as waited when it came */
    STILL_ROW = 10000,      /* by each of some timers, with no other event between */
    STILL_FEW = 8,          /* so many timers, at most */
    STILL_INPUTS = 1000000  /* within one event */
};

typedef struct still {
    pu_time at; /* of the last event */
    uint64_t events, events_most;
    sim_event few[STILL_FEW]; /* timers to which all events of the row were due */
    uint32_t few_count;
    uint64_t row, row_most;           /* row_most: of each of them */
    uint64_t inputs_most, look_every; /* in inputs */
    uint64_t looked;                  /* number of the event in which inputs were last looked at */
    uint64_t first;                   /* the step at which that was, for the first time in it */
    bool is_over;                     /* a line on stderr says why */
} still;

struct world;

/* Counts begin, by the limits of w's options. */
void still_begin(struct world *w);

/* e, which is due at `at`, is to be taken. True: there were too many; a line on stderr says so. */
bool still_event(struct world *w, pu_time at, const sim_event *e);

#endif
