/* sim/topo_regions.c - delays between named regions of the world, and who lives where.
 *
 * Published tables of this sort are one-way and comma-separated, as those of CometBFT (Amazon's
 * regions) and SimBlock (continents); a matrix holds round trips, so what is read is doubled.
 */
#include "sim/topo_impl.h"

#include "sim/dist.h"
#include "sim/mem.h"
#include "sim/quantity.h"

enum { SHARES_WHOLE = 1000000, DELAY_US_MAX = 30 * 1000 * 1000 };

static const char share_column[] = "share";

/* Passes over what ends a field. */
static void next_field(cursor *c)
{
    PU_ASSERT(c->at < c->end);
    c->at++;
    c->column++;
}

/* The bytes up to the end of the field, which become a name. */
static bool read_name(cursor *c, char name[TOPO_NAME_MAX])
{
    const char *from = c->at;
    while (!cursor_is_field_end(c)) c->at++;
    size_t len = (size_t)(c->at - from);
    if (len == 0) return cursor_refuse(c, "a hole: nothing stands here");
    if (len >= TOPO_NAME_MAX)
        return cursor_refuse(c, "a name of more than %d bytes", TOPO_NAME_MAX - 1);
    memcpy(name, from, len);
    name[len] = '\0';
    return true;
}

/* Passes over comments and empty lines. False: the text is over. */
static bool next_line(cursor *c, bool is_first)
{
    c->column = 1;
    if (!is_first && c->at < c->end) {
        PU_ASSERT(*c->at == '\n');
        c->at++;
        c->line++;
    }
    while (c->at < c->end && (*c->at == '#' || *c->at == '\n')) {
        while (c->at < c->end && *c->at != '\n') c->at++;
        if (c->at < c->end) c->at++;
        c->line++;
    }
    return c->at < c->end;
}

/* The line of names; the last one may be `share`. */
static bool read_header(cursor *c, topo *t)
{
    uint32_t fields = cursor_fields(c);
    if (fields < 2) return cursor_refuse(c, "no regions");
    if (fields > TOPO_SITES_MAX) return cursor_refuse(c, "too many regions");
    t->names = sim_alloc(fields * sizeof *t->names);
    while (!cursor_is_field_end(c)) c->at++;
    for (uint32_t i = 0; i + 1 < fields; i++) {
        next_field(c);
        char *name = t->names[t->sites];
        if (!read_name(c, name)) return false;
        bool is_share = i + 2 == fields && i > 0 && strcmp(name, share_column) == 0;
        if (is_share) t->share_ppm = sim_alloc(fields * sizeof *t->share_ppm);
        else if (topo_find(t, name) != TOPO_NONE)
            return cursor_refuse(c, "'%s' is there twice", name);
        else t->sites++;
    }
    return true;
}

static bool read_share(cursor *c, uint32_t *ppm)
{
    char text[TOPO_NAME_MAX], why[QUANTITY_WHY_MAX];
    uint64_t share;
    if (!read_name(c, text)) return false;
    if (!quantity_read(QUANTITY_FRACTION, text, &share, why)) return cursor_refuse(c, "%s", why);
    *ppm = (uint32_t)share;
    return true;
}

/* One line: the region's name, delays, and its share. */
static bool read_row(cursor *c, topo *t, uint32_t row)
{
    char name[TOPO_NAME_MAX];
    uint32_t fields = cursor_fields(c), expected = 1 + t->sites + (t->share_ppm != NULL);
    if (!read_name(c, name)) return false;
    if (strcmp(name, t->names[row]) != 0)
        return cursor_refuse(c, "'%s' where the line of '%s' belongs", name, t->names[row]);
    for (uint32_t k = 0; k < t->sites; k++) {
        if (cursor_is_field_end(c) && (c->at == c->end || *c->at == '\n'))
            return cursor_refuse(c, "the line ends too early: %u fields, %u in the first line",
                                 fields, expected);
        next_field(c);
        uint32_t us;
        if (!cursor_read_ms(c, &us)) return false;
        if (us > DELAY_US_MAX) return cursor_refuse(c, "a delay above half a minute");
        if (us == 0 && k != row) return cursor_refuse(c, "a hole: 0 between two regions");
        t->rtt_us[(size_t)row * t->sites + k] = 2 * us;
    }
    if (t->share_ppm != NULL) {
        if (c->at == c->end || *c->at == '\n') return cursor_refuse(c, "its share is missing");
        next_field(c);
        if (!read_share(c, &t->share_ppm[row])) return false;
    }
    return fields == expected ||
           cursor_refuse(c, "the line goes on: %u fields, %u in the first line", fields, expected);
}

static bool read_table(cursor *c, topo *t)
{
    uint64_t sum = 0;
    if (!next_line(c, true)) return cursor_refuse(c, "no regions");
    if (!read_header(c, t)) return false;
    t->rtt_us = sim_alloc((size_t)t->sites * t->sites * sizeof *t->rtt_us);
    for (uint32_t row = 0; row < t->sites; row++) {
        if (!next_line(c, false))
            return cursor_refuse(c, "the file ends too early: no line of '%s'", t->names[row]);
        if (!read_row(c, t, row)) return false;
        if (t->share_ppm != NULL) sum += t->share_ppm[row];
    }
    if (next_line(c, false)) return cursor_refuse(c, "more lines than regions");
    return t->share_ppm == NULL || sum == SHARES_WHOLE ||
           cursor_refuse(c, "the shares are not 1 together");
}

topo *topo_parse_regions(const char *name, const char *text, size_t len, char *error,
                         size_t error_cap)
{
    cursor c = {name, text, text + len, 1, 1, error, error_cap, ',', "delay"};
    topo *t = sim_alloc(sizeof *t);
    bool is_good = len <= TOPO_FILE_BYTES_MAX ? read_table(&c, t) : cursor_refuse(&c, "too long");
    if (is_good) return t;
    topo_free(t);
    return NULL;
}

topo *topo_read_regions(const char *path, char *error, size_t error_cap)
{
    return topo_read_by(path, error, error_cap, topo_parse_regions);
}

uint32_t topo_find(const topo *t, const char *name)
{
    for (uint32_t i = 0; t->names != NULL && i < t->sites; i++)
        if (strcmp(t->names[i], name) == 0) return i;
    return TOPO_NONE;
}

const char *topo_name(const topo *t, uint32_t site)
{
    PU_ASSERT(site < t->sites);
    return t->names != NULL ? t->names[site] : NULL;
}

uint32_t topo_draw(const topo *t, rng *r)
{
    if (t->share_ppm != NULL) return dist_weighted(r, t->share_ppm, t->sites);
    return (uint32_t)rng_below(r, t->sites);
}

bool topo_may_draw(const topo *t, uint32_t site)
{
    PU_ASSERT(site < t->sites);
    return t->share_ppm == NULL || t->share_ppm[site] > 0;
}
