/* sim/progress.h - how far a command with many runs has come, on standard error. */
#ifndef SIM_PROGRESS_H
#define SIM_PROGRESS_H

#include "peerup/base.h"

enum progress_kind {
    PROGRESS_AUTO =
        0, /* a line that is rewritten, where a person looks on and nothing else is printed */
    PROGRESS_PLAIN, /* lines, at growing intervals */
    PROGRESS_NONE
};

typedef struct progress {
    uint64_t count; /* runs in all */
    bool is_rewritten, is_plain;
    uint64_t began_ns, told_ns; /* on the machine's clock: the run under way, and its last line */
} progress;

/* Begins. is_quiet: standard output says nothing before the end, so there may be something to tell.
 */
progress progress_start(enum progress_kind kind, uint64_t count, bool is_quiet);

/* A run begins. */
void progress_begin(progress *p);

/* Says how far it has come in simulated time, once it has taken two seconds. */
void progress_within(progress *p, pu_time now, pu_time end);

/* Says that done runs are over, and failed of them were not good. */
void progress_show(const progress *p, uint64_t done, uint64_t failed);

#endif
