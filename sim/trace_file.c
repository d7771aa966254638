/* sim/trace_file.c - capacity traces. Mbit/s become whole bits a second, without floating point. */
#include "sim/trace_file.h"

#include "sim/mem.h"

#define MBIT UINT64_C(1000000)
#define MEAN_LEAST_BPS 12000 /* a datagram of 1,500 bytes a second */

/* The table being read. */
typedef struct table {
    const char *name, *at, *end; /* of the text; of the line under way */
    const char *line_end;
    uint32_t line, field; /* from 1 */
    char *error;
    size_t error_cap;
} table;

static bool refuse(const table *t, const char *what, const char *which)
{
    snprintf(t->error, t->error_cap, "%s:%u: column %u: %s%s", t->name, t->line, t->field, what,
             which);
    return false;
}

/* Goes to the next line that is neither empty nor a comment. */
static bool next_line(table *t)
{
    t->field = 1;
    while (t->at < t->end) {
        const char *newline = memchr(t->at, '\n', (size_t)(t->end - t->at));
        t->line_end = newline != NULL ? newline : t->end;
        t->line++;
        if (t->line_end > t->at && *t->at != '#') return true;
        t->at = newline != NULL ? newline + 1 : t->end;
    }
    return false;
}

static void end_line(table *t)
{
    t->at = t->line_end < t->end ? t->line_end + 1 : t->end;
}

/* The field that begins at the table's place; it moves on to the next. */
static pu_span take_field(table *t)
{
    const char *from = t->at;
    while (t->at < t->line_end && *t->at != ',') t->at++;
    pu_span field = {(const uint8_t *)from, (size_t)(t->at - from)};
    if (t->at < t->line_end) t->at++;
    return field;
}

static bool is_text(pu_span field, const char *text)
{
    return field.len == strlen(text) && memcmp(field.base, text, field.len) == 0;
}

/* Where in a line the column of that name is, from 1. */
static bool find_column(table *t, const char *name, uint32_t *column)
{
    const char *from = t->at;
    *column = 0;
    for (uint32_t i = 1; t->at < t->line_end && *column == 0; i++)
        if (is_text(take_field(t), name)) *column = i;
    t->at = from;
    return *column != 0 || refuse(t, "there is no column ", name);
}

/* Mbit/s as bits a second; digits after the sixth decimal are dropped. */
static bool read_rate(const table *t, pu_span field, uint64_t *bps)
{
    uint64_t worth = MBIT, value = 0;
    bool has_point = false, has_digit = false;
    if (field.len == 0) return refuse(t, "a hole: every second needs a rate", "");
    if (field.base[0] == '-') return refuse(t, "a rate below zero", "");
    for (size_t i = 0; i < field.len; i++) {
        uint8_t c = field.base[i];
        if (c == '.' && has_digit && !has_point && i + 1 < field.len) {
            has_point = true;
            continue;
        }
        if (c < '0' || c > '9') return refuse(t, "not a number of Mbit/s", "");
        has_digit = true;
        if (has_point) worth /= 10;
        value = has_point ? value + (uint64_t)(c - '0') * worth
                          : value * 10 + (uint64_t)(c - '0') * MBIT;
        if (value > NET_TRACE_BPS_MAX) return refuse(t, "a rate above 10 Gbit/s", "");
    }
    *bps = value;
    return true;
}

/* The rates of one second. */
static bool read_second(table *t, net_trace *trace, const uint32_t columns[2])
{
    uint64_t *rates[2] = {&trace->up_bps[trace->count], &trace->down_bps[trace->count]};
    uint32_t most = columns[0] > columns[1] ? columns[0] : columns[1];
    for (t->field = 1; t->field <= most; t->field++) {
        if (t->field > 1 && t->at == t->line_end && t->at[-1] != ',')
            return refuse(t, "the line ends too early", "");
        pu_span field = take_field(t);
        for (unsigned k = 0; k < 2; k++)
            if (columns[k] == t->field && !read_rate(t, field, rates[k])) return false;
    }
    trace->count++;
    end_line(t);
    return true;
}

/* So much that a datagram passes in one turn of the trace, and its time is soon found. */
static bool is_enough(const uint64_t *bps, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += bps[i];
    return sum / count >= MEAN_LEAST_BPS;
}

static bool read_table(table *t, net_trace *trace, const char *up, const char *down)
{
    uint32_t columns[2], up_cap = 0, down_cap = 0;
    if (!next_line(t)) return refuse(t, "no line of column names", "");
    if (!find_column(t, up, &columns[0]) || !find_column(t, down, &columns[1])) return false;
    for (end_line(t); next_line(t);) {
        if (trace->count == TRACE_SECONDS_MAX) return refuse(t, "more than 2^20 seconds", "");
        trace->up_bps = sim_grow(trace->up_bps, &up_cap, trace->count, sizeof *trace->up_bps);
        trace->down_bps =
            sim_grow(trace->down_bps, &down_cap, trace->count, sizeof *trace->down_bps);
        if (!read_second(t, trace, columns)) return false;
    }
    if (trace->count == 0) return refuse(t, "no second", "");
    if (!is_enough(trace->up_bps, trace->count))
        return refuse(t, "less than 0.012 Mbit/s in the mean in column ", up);
    return is_enough(trace->down_bps, trace->count) ||
           refuse(t, "less than 0.012 Mbit/s in the mean in column ", down);
}

net_trace *trace_parse(const char *name, const char *text, size_t len, const char *up,
                       const char *down, char *error, size_t error_cap)
{
    table t = {.name = name, .at = text, .end = text + len, .error = error, .error_cap = error_cap};
    net_trace *trace = sim_alloc(sizeof *trace);
    trace->period_ns = PU_S;
    if (read_table(&t, trace, up, down)) return trace;
    trace_free(trace);
    return NULL;
}

void trace_free(net_trace *t)
{
    if (t == NULL) return;
    free(t->up_bps);
    free(t->down_bps);
    free(t);
}
