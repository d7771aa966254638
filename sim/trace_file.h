/* sim/trace_file.h - what a link could carry, second by second, as somebody has measured it. */
#ifndef SIM_TRACE_FILE_H
#define SIM_TRACE_FILE_H

#include "sim/net.h"

enum { TRACE_SECONDS_MAX = 1 << 20 };

/* Reads a comma-separated table: a line of column names, then a line a second; # begins a comment.
 * up and down name the columns of what the link could carry, in Mbit/s. NULL: error says what is
 * wrong, with line and field: no such column, a hole, no number, more than NET_TRACE_BPS_MAX, a
 * direction that never carries anything. Given to the caller: trace_free. */
net_trace *trace_parse(const char *name, const char *text, size_t len, const char *up,
                       const char *down, char *error, size_t error_cap);
void trace_free(net_trace *t);

#endif
