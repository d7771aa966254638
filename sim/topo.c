/* sim/topo.c - the delay matrix and its reader.
 *
 * Round trips rest as whole microseconds in 32 bits, so one minute a cell fits with room. The
 * reader walks bytes itself: the C library's number parsers follow the locale, and they would read
 * "1e3" or " 7" without a word.
 */
#include "sim/topo.h"

#include "sim/mem.h"

enum { SITES_MAX = 8192, RTT_US_MAX = 60 * 1000 * 1000, FILE_BYTES_MAX = 1 << 30 };

struct topo {
    uint32_t sites;
    uint64_t constant_ns; /* between any two sites, when rtt_us is NULL */
    uint32_t *rtt_us;     /* row by row */
};

/* The text being read; line and column count from 1, columns in fields. */
typedef struct cursor {
    const char *name, *at, *end;
    uint32_t line, column;
    char *error;
    size_t error_cap;
} cursor;

/* Says what is wrong where the cursor is. Always false. */
static bool refuse(const cursor *c, const char *what)
{
    snprintf(c->error, c->error_cap, "%s:%u: column %u: %s", c->name, c->line, c->column, what);
    return false;
}

static bool is_digit(const cursor *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool is_field_end(const cursor *c)
{
    return c->at == c->end || *c->at == '\t' || *c->at == '\n';
}

/* The digits after the point, as microseconds; those after the third are dropped. */
static bool read_fraction(cursor *c, uint64_t *us)
{
    if (!is_digit(c)) return refuse(c, "not a number of milliseconds");
    for (uint64_t worth = 100; is_digit(c); worth /= 10) *us += (uint64_t)(*c->at++ - '0') * worth;
    return true;
}

/* One number in milliseconds, up to the end of its field. */
static bool read_field(cursor *c, uint32_t *rtt_us)
{
    uint64_t us = 0;
    if (is_field_end(c)) return refuse(c, "a hole: every field needs a round trip");
    if (*c->at == '-') return refuse(c, "a round trip below zero");
    if (!is_digit(c)) return refuse(c, "not a number of milliseconds");
    for (; is_digit(c); c->at++) {
        us = us * 10 + (uint64_t)(*c->at - '0') * 1000;
        if (us > RTT_US_MAX) return refuse(c, "a round trip above a minute");
    }
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!read_fraction(c, &us)) return false;
    }
    if (!is_field_end(c)) return refuse(c, "not a number of milliseconds");
    *rtt_us = (uint32_t)us;
    return true;
}

/* Zero is what published matrices put where nothing was measured: fine for a site and itself only.
 */
static bool check_field(const cursor *c, uint32_t rtt_us)
{
    if (c->line == c->column && rtt_us != 0)
        return refuse(c, "a site's round trip to itself is not 0");
    if (c->line != c->column && rtt_us == 0) return refuse(c, "a hole: 0 between two sites");
    return true;
}

/* One line of exactly t->sites fields, with its newline if it has one. */
static bool read_row(cursor *c, topo *t)
{
    uint32_t *row = t->rtt_us + (size_t)(c->line - 1) * t->sites;
    for (c->column = 1; c->column <= t->sites; c->column++) {
        uint32_t *field = &row[c->column - 1];
        if (!read_field(c, field) || !check_field(c, *field)) return false;
        bool is_last = c->at == c->end || *c->at == '\n';
        if (is_last && c->column < t->sites)
            return refuse(c, "the line ends too early: not square");
        if (!is_last && c->column == t->sites) return refuse(c, "the line goes on: not square");
        if (c->at < c->end) c->at++;
    }
    return true;
}

static bool read_matrix(cursor *c, topo *t)
{
    for (c->line = 1; c->line <= t->sites; c->line++) {
        c->column = 1;
        if (c->at == c->end) return refuse(c, "the file ends too early: not square");
        if (!read_row(c, t)) return false;
    }
    c->column = 1;
    return c->at == c->end || refuse(c, "more lines than fields in a line: not square");
}

/* How many fields the first line has. */
static uint32_t first_line_fields(const cursor *c)
{
    uint32_t fields = 1;
    for (const char *p = c->at; p < c->end && *p != '\n'; p++) {
        if (*p == '\t') fields++;
    }
    return fields;
}

topo *topo_parse(const char *name, const char *text, size_t len, char *error, size_t error_cap)
{
    cursor c = {name, text, text + len, 1, 1, error, error_cap};
    uint32_t sites = len > FILE_BYTES_MAX ? UINT32_MAX : first_line_fields(&c);
    if (len == 0 || sites > SITES_MAX) {
        refuse(&c, len == 0 ? "no sites" : "too many sites");
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
    } while (got > 0 && used + got <= FILE_BYTES_MAX);
    bool is_read = !ferror(file);
    fclose(file);
    *len = used + got;
    if (is_read) return text;
    free(text);
    return NULL;
}

topo *topo_read(const char *path, char *error, size_t error_cap)
{
    size_t len;
    char *text = read_file(path, &len);
    if (text == NULL) {
        snprintf(error, error_cap, "%s: cannot be read", path);
        return NULL;
    }
    topo *t = topo_parse(path, text, len, error, error_cap);
    free(text);
    return t;
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
    if (a == b) return 0;
    if (t->rtt_us == NULL) return t->constant_ns;
    return t->rtt_us[(size_t)a * t->sites + b] * PU_US;
}
