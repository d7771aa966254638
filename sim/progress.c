/* sim/progress.c - one line for people, or few for logs. */
#include "sim/progress.h"

#include "sim/wall.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PATIENCE_NS (2 * PU_S)     /* a shorter run says nothing of itself */
#define PLAIN_EVERY_NS (10 * PU_S) /* between two lines of a long run */
#define REWRITTEN_EVERY_NS (PU_S / 4)

progress progress_start(enum progress_kind kind, uint64_t count, bool is_quiet)
{
    PU_ASSERT(count > 0);
    bool has_reader = isatty(STDERR_FILENO) == 1 && (is_quiet || isatty(STDOUT_FILENO) == 0);
    return (progress){count, kind == PROGRESS_AUTO && has_reader, kind == PROGRESS_PLAIN, 0, 0};
}

void progress_begin(progress *p)
{
    p->began_ns = p->told_ns = wall_clock_ns();
}

void progress_within(progress *p, pu_time now, pu_time end)
{
    if (!p->is_rewritten && !p->is_plain) return;
    uint64_t clock = wall_clock_ns(), every = p->is_plain ? PLAIN_EVERY_NS : REWRITTEN_EVERY_NS;
    if (clock - p->began_ns < PATIENCE_NS || clock - p->told_ns < every) return;
    p->told_ns = clock;
    fprintf(stderr, "%s%" PRIu64 " of %" PRIu64 " simulated seconds%s", p->is_rewritten ? "\r" : "",
            now / PU_S, end / PU_S, p->is_rewritten ? "" : "\n");
}

void progress_show(const progress *p, uint64_t done, uint64_t failed)
{
    PU_ASSERT(done <= p->count);
    bool is_last = done == p->count;
    bool is_doubled = (done & (done - 1)) == 0; /* 1, 2, 4, 8, ... */
    if (!p->is_rewritten && !(p->is_plain && (is_last || is_doubled))) return;
    fprintf(stderr, "%s%" PRIu64 "/%" PRIu64 " runs, %" PRIu64 " failed%s",
            p->is_rewritten ? "\r" : "", done, p->count, failed,
            p->is_rewritten && !is_last ? "" : "\n");
}
