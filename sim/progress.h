/* sim/progress.h - how far a command has come that takes longer than two seconds, on standard
 * error. */
#ifndef SIM_PROGRESS_H
#define SIM_PROGRESS_H

#include "peerup/base.h"

enum progress_kind {
    PROGRESS_AUTO = 0, /* a line that is rewritten, where standard error is a terminal */
    PROGRESS_PLAIN,    /* lines, at growing intervals */
    PROGRESS_NONE
};

typedef struct progress {
    uint64_t count; /* runs in all */
    bool is_rewritten, is_plain;
    bool is_shown;       /* a line stands there that is to be rewritten */
    uint64_t started_ns; /* on the machine's clock: the command */
    uint64_t began_ns;   /* the run under way */
    uint64_t told_ns;    /* its last line; 0: none */
} progress;

/* Begins. */
progress progress_start(enum progress_kind kind, uint64_t count);

/* A run begins. */
void progress_begin(progress *p);

/* Says how far it has come in simulated time, once it has taken two seconds. */
void progress_within(progress *p, pu_time now, pu_time end);

/* Says that done runs are over, and failed of them were not good. */
void progress_show(progress *p, uint64_t done, uint64_t failed);

/* Takes the line away, before something else is printed. */
void progress_clear(progress *p);

#endif
