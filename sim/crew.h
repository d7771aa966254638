/* sim/crew.h - many jobs in as many processes as there are cores; what each found comes back in
 * order.
 *
 * Processes, not threads: a run has the whole process to itself, as it has in `run`, and one that
 * ends badly takes nobody's results with it. Which of them does a job, and when, changes nothing:
 * results are kept by the job's number.
 */
#ifndef SIM_CREW_H
#define SIM_CREW_H

#include "peerup/base.h"

#include <signal.h>

enum {
    CREW_JOBS_MAX = 16000,    /* their numbers wait in a pipe, which holds 64 KiB */
    CREW_WORKERS_MAX = 1024,  /* processes */
    CREW_RESULT_MAX = 1 << 27 /* bytes of one result */
};

/* What one job found. */
typedef struct crew_result {
    uint8_t *bytes; /* owned; NULL: it has none */
    size_t len;
} crew_result;

/* Does one job, in a process of its own: *result, whose bytes are from sim_alloc, is sent back.
 * False: it failed, and said why on standard error; then the other processes are ended. When one
 * crashes they finish what is left. */
typedef bool (*crew_job)(void *ctx, uint32_t job, crew_result *result);

typedef struct crew {
    uint32_t jobs;    /* at most CREW_JOBS_MAX */
    uint32_t workers; /* processes, 1 to CREW_WORKERS_MAX */
    crew_job work;
    void *ctx;                              /* given to work and to show */
    void (*show)(void *ctx, uint32_t done); /* so many are done; NULL: nobody looks */
    const volatile sig_atomic_t
        *stop; /* not 0: end now; looked at when a signal came; NULL: never */
} crew;

/* What came of all jobs together. */
enum crew_end {
    CREW_DONE = 0,
    CREW_FAILED, /* a job failed, or a process could not be had or ended: a line is on standard
                    error */
    CREW_STOPPED
};

/* Does all jobs. results has room for one of each job and holds them when CREW_DONE is returned; it
 * is to be given to crew_free whatever is returned. Nothing may wait in standard output to be
 * written. */
enum crew_end crew_run(const crew *c, crew_result *results);

void crew_free(crew_result *results, uint32_t jobs);

/* How many processes this machine does side by side, at most CREW_WORKERS_MAX. */
uint32_t crew_cores(void);

#endif
