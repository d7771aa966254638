/* crew_test.c - jobs in processes: results by number, whoever did them; and what goes wrong there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/crew.h"
#include "sim/figures.h"
#include "sim/mem.h"
#include "sim/scenario.h"

int crew_test(void);

enum { JOBS = 60, LONG_BYTES = 300000 };

/* What a test's jobs do. */
typedef struct plan {
    uint32_t bad;   /* the job that goes wrong; JOBS: none */
    bool crashes;   /* it is killed; otherwise it says that it failed */
    bool is_deaf;   /* jobs take a while and SIGTERM does not end them */
    FILE *done;     /* is_deaf: a byte for each job that is done, whoever did it */
    uint32_t shown; /* the most that show was told */
} plan;

/* Job n answers with n bytes of n, and the last one with more than a pipe holds. */
static size_t length_of(uint32_t job)
{
    return job == JOBS - 1 ? LONG_BYTES : job;
}

static bool work(void *ctx, uint32_t job, crew_result *result)
{
    const plan *p = ctx;
    if (job == p->bad && p->crashes) raise(SIGKILL);
    if (job == p->bad) return false;
    if (p->is_deaf) {
        signal(SIGTERM, SIG_IGN);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        if (write(fileno(p->done), "x", 1) != 1) return false;
    }
    result->len = length_of(job);
    result->bytes = sim_alloc(result->len + 1);
    memset(result->bytes, (int)job, result->len);
    return true;
}

static void show(void *ctx, uint32_t done)
{
    plan *p = ctx;
    assert_true(done > p->shown && done <= JOBS);
    p->shown = done;
}

static enum crew_end run(plan *p, uint32_t workers, crew_result *results,
                         const volatile sig_atomic_t *stop)
{
    const crew c = {
        .jobs = JOBS, .workers = workers, .work = work, .ctx = p, .show = show, .stop = stop};
    fflush(NULL);
    enum crew_end end = crew_run(&c, results);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    assert_int_equal(errno, ECHILD);
    return end;
}

static void results_are_by_number(void **state)
{
    (void)state;
    static const uint32_t workers[] = {1, 2, 7, JOBS};
    for (size_t k = 0; k < sizeof workers / sizeof workers[0]; k++) {
        crew_result results[JOBS];
        plan p = {.bad = JOBS};
        assert_int_equal(run(&p, workers[k], results, NULL), CREW_DONE);
        assert_int_equal(p.shown, JOBS);
        for (uint32_t job = 0; job < JOBS; job++) {
            assert_int_equal(results[job].len, length_of(job));
            for (size_t i = 0; i < results[job].len; i++)
                assert_int_equal(results[job].bytes[i], (uint8_t)job);
        }
        crew_free(results, JOBS);
    }
}

static void a_job_that_fails_is_told(void **state)
{
    (void)state;
    for (uint32_t bad = 0; bad < JOBS; bad += 29) {
        crew_result results[JOBS];
        plan p = {.bad = bad};
        assert_int_equal(run(&p, 1, results, NULL), CREW_FAILED);
        crew_free(results, JOBS);
        p = (plan){.bad = bad, .crashes = true};
        assert_int_equal(run(&p, 3, results, NULL), CREW_FAILED);
        crew_free(results, JOBS);
    }
}

static void it_can_be_stopped(void **state)
{
    (void)state;
    crew_result results[JOBS];
    volatile sig_atomic_t stop = 1;
    plan p = {.bad = JOBS};
    assert_int_equal(run(&p, 2, results, &stop), CREW_STOPPED);
    crew_free(results, JOBS);
}

/* A signal may come to a process that has just begun, whose handler is still its parent's. */
static void who_does_not_hear_the_signal_ends_soon(void **state)
{
    (void)state;
    crew_result results[JOBS];
    volatile sig_atomic_t stop = 1;
    FILE *done = tmpfile();
    assert_non_null(done);
    plan p = {.bad = JOBS, .is_deaf = true, .done = done};
    assert_int_equal(run(&p, 2, results, &stop), CREW_STOPPED);
    assert_in_range(lseek(fileno(done), 0, SEEK_END), 0, JOBS / 2);
    crew_free(results, JOBS);
    fclose(done);
}

static void there_are_cores(void **state)
{
    (void)state;
    assert_in_range(crew_cores(), 1, CREW_WORKERS_MAX);
}

/* ---- figures: what a job sends ---- */

static void figures_of_a_run(void **state)
{
    (void)state;
    static const char *const sets[] = {"duration=30s"};
    scenario *s = scenario_read("scenarios/base/both-public.yaml", sets, 1, stdout);
    assert_non_null(s);
    run_result r;
    assert_int_equal(run_scenario(s, &(run_options){.seed = 7}, &r), 0);
    crew_result bytes = figures_write(&r);
    figures f;
    assert_true(figures_read(&f, &bytes));
    assert_int_equal(f.counts[FIGURE_CONNECTIONS], r.handshake_count);
    assert_true(f.counts[FIGURE_STREAMS] > f.counts[FIGURE_CONNECTIONS]);
    assert_true(f.counts[FIGURE_DATAGRAMS] > f.counts[FIGURE_STREAMS]);
    assert_int_equal(f.counts[FIGURE_HELD], 1);
    assert_int_equal(f.times_count[FIGURE_CONNECT], 1); /* the stranger's asks are not counted */
    assert_int_equal(f.times[FIGURE_CONNECT][0], r.connections[0].usable - r.connections[0].asked);
    uint32_t handshakes = 0;
    for (uint32_t i = FIGURE_QUIC; i < FIGURE_TIMES; i++) {
        handshakes += f.times_count[i];
        for (uint32_t k = 0; k < f.times_count[i]; k++)
            assert_in_range(f.times[i][k], 80 * PU_MS, 20 * PU_S);
    }
    assert_int_equal(handshakes, f.counts[FIGURE_CONNECTIONS]);

    size_t whole = bytes.len; /* every cut, and more than there is, is refused */
    for (bytes.len = 0; bytes.len < whole; bytes.len++) assert_false(figures_read(&f, &bytes));
    free(bytes.bytes);
    run_result_free(&r);
    scenario_free(s);
}

int crew_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_by_number),
        cmocka_unit_test(a_job_that_fails_is_told),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(who_does_not_hear_the_signal_ends_soon),
        cmocka_unit_test(there_are_cores),
        cmocka_unit_test(figures_of_a_run),
    };
    return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
