/* Jobs in processes, see crew.h.
 *
 * The numbers of all jobs are in one pipe before the first process begins; each takes the next one
 * until none is left. It writes results to a file of its own and a word for each to a second pipe,
 * so the parent waits in one place, and the pipe ends when all processes have. No result is too
 * long for that, and nobody waits for another.
 */
#include "sim/crew.h"

#include "sim/mem.h"

#include <errno.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Before each result in a worker's file. */
typedef struct record_head {
    uint32_t job;
    uint64_t len;
} record_head;

typedef struct worker {
    pid_t pid; /* 0: not there, or waited for */
    FILE *found;
} worker;

typedef struct shop {
    const crew *c;
    int jobs[2], done[2]; /* pipes: [0] to read, [1] to write; -1: closed */
    worker *workers;      /* owned; c->workers of them */
} shop;

static bool complain(const char *what)
{
    fprintf(stderr, "peerup-sim: %s: %s\n", what, strerror(errno));
    return false;
}

static void shut(int *end)
{
    if (*end >= 0) close(*end);
    *end = -1;
}

uint32_t crew_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1) return 1;
    return cores < CREW_WORKERS_MAX ? (uint32_t)cores : CREW_WORKERS_MAX;
}

/* ---- a worker's side ---- */

static bool put_result(FILE *out, uint32_t job, const crew_result *r)
{
    record_head head;
    memset(&head, 0, sizeof head); /* its padding is written too */
    head.job = job;
    head.len = r->len;
    if (fwrite(&head, sizeof head, 1, out) != 1) return false;
    return (r->len == 0 || fwrite(r->bytes, r->len, 1, out) == 1) && fflush(out) == 0;
}

/* The number of the next job. False: none is left. */
static bool next_job(const shop *s, uint32_t *job)
{
    ssize_t len;
    do len = read(s->jobs[0], job, sizeof *job);
    while (len < 0 && errno == EINTR);
    return len == (ssize_t)sizeof *job;
}

/* What a worker says of a job. */
enum word { WORD_DONE = 1, WORD_FAILED };

static bool tell(const shop *s, enum word word)
{
    uint8_t byte = (uint8_t)word;
    ssize_t len;
    do len = write(s->done[1], &byte, 1);
    while (len < 0 && errno == EINTR);
    return len == 1;
}

static _Noreturn void give_up(const shop *s)
{
    (void)tell(s, WORD_FAILED);
    _exit(1);
}

static _Noreturn void work(const shop *s, FILE *found)
{
    uint32_t job;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL); /* nobody waits any more */
    while (next_job(s, &job)) {
        crew_result r = {NULL, 0};
        if (!s->c->work(s->c->ctx, job, &r)) give_up(s);
        PU_ASSERT(r.len <= CREW_RESULT_MAX);
        if (!put_result(found, job, &r)) {
            complain("a result cannot be kept");
            give_up(s);
        }
        free(r.bytes);
        if (!tell(s, WORD_DONE)) _exit(1);
    }
    _exit(0);
}

/* ---- the parent's side ---- */

static bool open_shop(shop *s, const crew *c)
{
    *s = (shop){.c = c, .jobs = {-1, -1}, .done = {-1, -1}};
    s->workers = sim_alloc(c->workers * sizeof *s->workers);
    if (pipe(s->jobs) != 0 || pipe(s->done) != 0) return complain("no pipe");
    for (uint32_t job = 0; job < c->jobs; job++)
        if (write(s->jobs[1], &job, sizeof job) != (ssize_t)sizeof job)
            return complain("jobs cannot be given out");
    shut(&s->jobs[1]);
    return true;
}

static bool hire(shop *s, worker *w)
{
    w->found = tmpfile();
    if (w->found == NULL) return complain("no file for results");
    w->pid = fork();
    if (w->pid < 0) {
        w->pid = 0;
        return complain("no process");
    }
    if (w->pid > 0) return true;
    shut(&s->done[0]);
    work(s, w->found);
}

/* Reads until every job is done. */
static enum crew_end wait_done(shop *s)
{
    uint8_t bytes[256];
    for (uint32_t done = 0; done < s->c->jobs;) {
        ssize_t len = read(s->done[0], bytes, sizeof bytes);
        if (s->c->stop != NULL && *s->c->stop != 0) return CREW_STOPPED;
        if (len == 0) return CREW_FAILED;
        if (len < 0 && errno != EINTR) {
            complain("the processes cannot be heard");
            return CREW_FAILED;
        }
        for (ssize_t i = 0; i < len; i++)
            if (bytes[i] != WORD_DONE) return CREW_FAILED;
        if (len > 0) done += (uint32_t)len;
        if (len > 0 && s->c->show != NULL) s->c->show(s->c->ctx, done);
    }
    return CREW_DONE;
}

/* Waits for the end of a worker. False: it did not end well. */
static bool dismiss(worker *w)
{
    int status = 0;
    pid_t pid = w->pid;
    if (pid == 0) return true;
    w->pid = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return complain("a process cannot be waited for");
    int by = WIFSIGNALED(status) ? WTERMSIG(status) : SIGTERM;
    if (by != SIGTERM && by != SIGINT && by != SIGPIPE) /* which it was to end by */
        fprintf(stderr, "peerup-sim: a process of this command was ended by signal %d\n", by);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Takes what a worker found. False: its file does not hold what it ought to. */
static bool collect(const shop *s, const worker *w, crew_result *results)
{
    record_head head;
    rewind(w->found);
    while (fread(&head, sizeof head, 1, w->found) == 1) {
        if (head.job >= s->c->jobs || head.len > CREW_RESULT_MAX) return false;
        crew_result *r = &results[head.job];
        if (r->bytes != NULL) return false;
        r->len = (size_t)head.len;
        r->bytes = sim_alloc(r->len > 0 ? r->len : 1);
        if (r->len > 0 && fread(r->bytes, r->len, 1, w->found) != 1) return false;
    }
    return feof(w->found) != 0;
}

static void close_shop(shop *s)
{
    for (unsigned i = 0; i < 2; i++) {
        shut(&s->jobs[i]);
        shut(&s->done[i]);
    }
    for (uint32_t i = 0; i < s->c->workers; i++)
        if (s->workers[i].found != NULL) fclose(s->workers[i].found);
    free(s->workers);
}

static bool is_complete(const crew_result *results, uint32_t jobs)
{
    for (uint32_t i = 0; i < jobs; i++)
        if (results[i].bytes == NULL) return false;
    return true;
}

enum crew_end crew_run(const crew *c, crew_result *results)
{
    PU_ASSERT(c->jobs > 0 && c->jobs <= CREW_JOBS_MAX);
    PU_ASSERT(c->workers > 0 && c->workers <= CREW_WORKERS_MAX);
    shop s;
    memset(results, 0, c->jobs * sizeof *results);
    bool is_good = open_shop(&s, c);
    for (uint32_t i = 0; i < c->workers && is_good; i++) is_good = hire(&s, &s.workers[i]);
    shut(&s.done[1]); /* only workers hold it now: it ends with them */
    enum crew_end end = is_good ? wait_done(&s) : CREW_FAILED;
    shut(&s.done[0]); /* who has not heard the signal, as one that has just begun, ends at its next
                         word */
    for (uint32_t i = 0; i < c->workers && end != CREW_DONE; i++)
        if (s.workers[i].pid != 0) kill(s.workers[i].pid, SIGTERM);
    for (uint32_t i = 0; i < c->workers; i++)
        if (!dismiss(&s.workers[i]) && end == CREW_DONE) end = CREW_FAILED;
    for (uint32_t i = 0; i < c->workers && end == CREW_DONE; i++)
        if (!collect(&s, &s.workers[i], results)) end = CREW_FAILED;
    if (end == CREW_DONE && !is_complete(results, c->jobs)) end = CREW_FAILED;
    close_shop(&s);
    return end;
}

void crew_free(crew_result *results, uint32_t jobs)
{
    for (uint32_t i = 0; i < jobs; i++) free(results[i].bytes);
}
