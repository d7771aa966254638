/* sim/topo.c - the delay matrix and its reader.
 *
 * Round trips rest as whole microseconds in 32 bits, so one minute a cell fits with room. The
 * reader walks bytes itself: the C library's number parsers follow the locale, and they would read
 * "1e3" or " 7" without a word.
 */
#include "sim/topo_impl.h"

#include "sim/mem.h"

#include <stdarg.h>

enum { RTT_US_MAX = 60 * 1000 * 1000 };

bool cursor_refuse(const cursor *c, const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(c->error, c->error_cap, "%s:%u: column %u: %s", c->name, c->line, c->column, what);
    return false;
}

static bool is_digit(const cursor *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

bool cursor_is_field_end(const cursor *c)
{
    return c->at == c->end || *c->at == c->separator || *c->at == '\n';
}

/* The digits after the point, as microseconds; those after the third are dropped. */
static bool read_fraction(cursor *c, uint64_t *us)
{
    if (!is_digit(c)) return cursor_refuse(c, "not a number of milliseconds");
    for (uint64_t worth = 100; is_digit(c); worth /= 10) *us += (uint64_t)(*c->at++ - '0') * worth;
    return true;
}

/* One number in milliseconds, up to the end of its field. */
bool cursor_read_ms(cursor *c, uint32_t *rtt_us)
{
    uint64_t us = 0;
    if (cursor_is_field_end(c)) return cursor_refuse(c, "a hole: every field needs a %s", c->noun);
    if (*c->at == '-') return cursor_refuse(c, "a %s below zero", c->noun);
    if (!is_digit(c)) return cursor_refuse(c, "not a number of milliseconds");
    for (; is_digit(c); c->at++) {
        us = us * 10 + (uint64_t)(*c->at - '0') * 1000;
        if (us > RTT_US_MAX) return cursor_refuse(c, "a %s above a minute", c->noun);
    }
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!read_fraction(c, &us)) return false;
    }
    if (!cursor_is_field_end(c)) return cursor_refuse(c, "not a number of milliseconds");
    *rtt_us = (uint32_t)us;
    return true;
}

/* Zero is what published matrices put where nothing was measured: fine for a site and itself only.
 */
static bool check_field(const cursor *c, uint32_t rtt_us)
{
    if (c->line == c->column && rtt_us != 0)
        return cursor_refuse(c, "a site's round trip to itself is not 0");
    if (c->line != c->column && rtt_us == 0) return cursor_refuse(c, "a hole: 0 between two sites");
    return true;
}

/* One line of exactly t->sites fields, with its newline if it has one. */
static bool read_row(cursor *c, topo *t)
{
    uint32_t *row = t->rtt_us + (size_t)(c->line - 1) * t->sites;
    for (c->column = 1; c->column <= t->sites; c->column++) {
        uint32_t *field = &row[c->column - 1];
        if (!cursor_read_ms(c, field) || !check_field(c, *field)) return false;
        bool is_last = c->at == c->end || *c->at == '\n';
        if (is_last && c->column < t->sites)
            return cursor_refuse(c, "the line ends too early: not square");
        if (!is_last && c->column == t->sites)
            return cursor_refuse(c, "the line goes on: not square");
        if (c->at < c->end) c->at++;
    }
    return true;
}

static bool read_matrix(cursor *c, topo *t)
{
    for (c->line = 1; c->line <= t->sites; c->line++) {
        c->column = 1;
        if (c->at == c->end) return cursor_refuse(c, "the file ends too early: not square");
        if (!read_row(c, t)) return false;
    }
    c->column = 1;
    return c->at == c->end || cursor_refuse(c, "more lines than fields in a line: not square");
}

uint32_t cursor_fields(const cursor *c)
{
    uint32_t fields = 1;
    for (const char *p = c->at; p < c->end && *p != '\n'; p++) {
        if (*p == c->separator) fields++;
    }
    return fields;
}

topo *topo_parse(const char *name, const char *text, size_t len, char *error, size_t error_cap)
{
    cursor c = {name, text, text + len, 1, 1, error, error_cap, '\t', "round trip"};
    uint32_t sites = len > TOPO_FILE_BYTES_MAX ? UINT32_MAX : cursor_fields(&c);
    if (len == 0 || sites > TOPO_SITES_MAX) {
        cursor_refuse(&c, "%s", len == 0 ? "no sites" : "too many sites");
        return NULL;
    }
    topo *t = sim_alloc(sizeof *t);
    t->sites = sites;
    t->rtt_us = sim_alloc((size_t)sites * sites * sizeof *t->rtt_us);
    if (!read_matrix(&c, t)) {
        topo_free(t);
        return NULL;
    }
    return t;
}

/* The whole file in one block, for the caller to free; NULL when it cannot be read. */
static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    char *text = NULL;
    uint32_t cap = 0;
    size_t got = 0, used = 0;
    do {
        used += got;
        text = sim_grow(text, &cap, (uint32_t)used + 4095, 1);
        got = fread(text + used, 1, cap - used, file);
    } while (got > 0 && used + got <= TOPO_FILE_BYTES_MAX);
    bool is_read = !ferror(file);
    fclose(file);
    *len = used + got;
    if (is_read) return text;
    free(text);
    return NULL;
}

topo *topo_read_by(const char *path, char *error, size_t error_cap,
                   topo *(*parse)(const char *name, const char *text, size_t len, char *error,
                                  size_t error_cap))
{
    size_t len;
    char *text = read_file(path, &len);
    if (text == NULL) {
        snprintf(error, error_cap, "%s: cannot be read", path);
        return NULL;
    }
    topo *t = parse(path, text, len, error, error_cap);
    free(text);
    return t;
}

topo *topo_read(const char *path, char *error, size_t error_cap)
{
    return topo_read_by(path, error, error_cap, topo_parse);
}

topo *topo_constant(uint64_t rtt_ns, uint32_t sites)
{
    PU_ASSERT(sites > 0);
    topo *t = sim_alloc(sizeof *t);
    t->sites = sites;
    t->constant_ns = rtt_ns;
    return t;
}

void topo_free(topo *t)
{
    if (t == NULL) return;
    free(t->rtt_us);
    free(t->names);
    free(t->share_ppm);
    free(t);
}

uint32_t topo_sites(const topo *t)
{
    return t->sites;
}

uint64_t topo_rtt_ns(const topo *t, uint32_t a, uint32_t b)
{
    PU_ASSERT(a < t->sites);
    PU_ASSERT(b < t->sites);
    if (t->rtt_us == NULL) return a == b ? 0 : t->constant_ns;
    return t->rtt_us[(size_t)a * t->sites + b] * PU_US;
}
