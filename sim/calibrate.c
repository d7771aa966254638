/* sim/calibrate.c - the jobs of `peerup-sim calibrate`, side by side. */
#include "sim/calibrate.h"

#include "sim/cli.h"

#include <stdio.h>

typedef struct task {
    crew_job work;
    void *ctx;
    progress bar;
} task;

static bool work_on(void *ctx, uint32_t job, crew_result *found)
{
    const task *t = ctx;
    return t->work(t->ctx, job, found);
}

static void show(void *ctx, uint32_t done)
{
    task *t = ctx;
    progress_show(&t->bar, done, 0);
}

static volatile sig_atomic_t interrupted; /* a signal handler can reach nothing else */

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

int calibrate_crew(const calibrate_ask *ask, uint32_t jobs, crew_job work, void *ctx,
                   crew_result *results)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    task t = {work, ctx, progress_start(ask->progress, jobs)};
    const crew all = {
        .jobs = jobs,
        .workers = ask->workers < jobs ? ask->workers : jobs,
        .work = work_on,
        .ctx = &t,
        .show = show,
        .stop = &interrupted,
    };
    fflush(stdout);
    enum crew_end end = crew_run(&all, results);
    progress_clear(&t.bar);
    if (end == CREW_STOPPED) return CLI_INTERRUPTED;
    return end == CREW_DONE ? CLI_DONE : CLI_UNEXPECTED;
}
