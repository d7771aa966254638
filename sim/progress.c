/* sim/progress.c - one line for people, or few for logs. */
#include "sim/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

progress progress_start(enum progress_kind kind, uint64_t count, bool is_quiet)
{
    PU_ASSERT(count > 0);
    bool has_reader = isatty(STDERR_FILENO) == 1 && (is_quiet || isatty(STDOUT_FILENO) == 0);
    return (progress){count, kind == PROGRESS_AUTO && has_reader, kind == PROGRESS_PLAIN};
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
