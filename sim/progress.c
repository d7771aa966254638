/* sim/progress.c - one line for people, or few for logs. */
#include "sim/progress.h"

#include "sim/wall.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PATIENCE_NS (2 * PU_S)     /* a shorter run says nothing of itself */
#define PLAIN_EVERY_NS (10 * PU_S) /* between two lines of a long run */
#define REWRITTEN_EVERY_NS (PU_S / 4)

progress progress_start(enum progress_kind kind, uint64_t count)
{
    PU_ASSERT(count > 0);
    return (progress){.count = count,
                      .is_rewritten = kind == PROGRESS_AUTO && isatty(STDERR_FILENO) == 1,
                      .is_plain = kind == PROGRESS_PLAIN,
                      .started_ns = wall_clock_ns()};
}

void progress_begin(progress *p)
{
    p->began_ns = wall_clock_ns();
    p->told_ns = 0;
}

void progress_clear(progress *p)
{
    if (p->is_shown) fputs("\r\033[K", stderr);
    p->is_shown = false;
}

static void begin_line(progress *p)
{
    progress_clear(p);
    p->is_shown = p->is_rewritten;
}

void progress_within(progress *p, pu_time now, pu_time end)
{
    if (!p->is_rewritten && !p->is_plain) return;
    uint64_t clock = wall_clock_ns(), every = p->is_plain ? PLAIN_EVERY_NS : REWRITTEN_EVERY_NS;
    if (clock - p->began_ns < PATIENCE_NS) return;
    if (p->told_ns != 0 && clock - p->told_ns < every) return;
    p->told_ns = clock;
    begin_line(p);
    fprintf(stderr, "%" PRIu64 " of %" PRIu64 " simulated seconds%s", now / PU_S, end / PU_S,
            p->is_rewritten ? "" : "\n");
    fflush(stderr);
}

void progress_show(progress *p, uint64_t done, uint64_t failed)
{
    PU_ASSERT(done <= p->count);
    bool is_last = done == p->count;
    bool is_doubled = (done & (done - 1)) == 0; /* 1, 2, 4, 8, ... */
    if (wall_clock_ns() - p->started_ns < PATIENCE_NS) return;
    if (!(p->is_rewritten && !is_last) && !(p->is_plain && (is_last || is_doubled))) return;
    begin_line(p);
    fprintf(stderr, "%" PRIu64 "/%" PRIu64 " runs, %" PRIu64 " failed%s", done, p->count, failed,
            p->is_rewritten ? "" : "\n");
    fflush(stderr);
}
