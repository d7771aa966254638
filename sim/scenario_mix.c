/* sim/scenario_mix.c - a population of NATs from a table: comma-separated, '#' comments, a line of
 * column names.
 *
 * Complaints carry the table's own line and column. Shares must add up to exactly 1. A table may
 * say nothing of TCP: then no box resets a SYN, and all let calls cross, as a kind does in `nats:`
 * that says nothing else. As it may, a misspelt column must not pass for a remark: those have names
 * of their own.
 */
#include "base/suggest.h"
#include "sim/scenario_impl.h"

#include <stdlib.h>
#include <string.h>

enum {
    TABLE_BYTES_MAX = 1 << 20,
    FIELDS_MAX = 32,
    FIELD_BYTES = 64,
    LIST_MAX = 256, /* bytes of a list of profiles */
    LIST_MORE = 8,  /* of what is around the last one */
    SHARES_WHOLE = 1000000,
    PROFILE = 0, /* columns as listed below */
    WEIGHTS = 1,
    PORTS = 6,
    IDLES = 9,
    HAIRPIN = 12,
    SYN_RESET = 13,
    CROSSING = 14,
    COLUMNS = 15,
    NEEDED = SYN_RESET /* columns that every table has */
};

static const char *const columns[COLUMNS] = {
    "profile",        "w_EIM_EIF",      "w_EIM_ADF",       "w_EIM_APDF",    "w_SYM",
    "w_BLK",          "port_preserve",  "port_sequential", "port_random",   "udp_idle_s_p10",
    "udp_idle_s_p50", "udp_idle_s_p90", "hairpin_udp",     "tcp_syn_reset", "tcp_crossing",
};

/* Columns for people: nobody reads them here. */
static const char *const remarks[] = {"theory_success", "evidence"};

/* One line of the table, cut into fields; long ones are shortened. */
typedef struct line {
    uint32_t number, count;
    char field[FIELDS_MAX][FIELD_BYTES];
    uint32_t column[FIELDS_MAX]; /* where each begins, from 1 */
} line;

/* The table under the reader's eyes. */
typedef struct table {
    reader *r;
    uint32_t source;
    const char *at; /* the next line */
    uint32_t number;
    uint32_t position[COLUMNS]; /* of each of our columns in a line */
    uint32_t width;             /* fields in the line of names */
} table;

static diag_place place_of(const table *t, const line *l, uint32_t column)
{
    uint32_t at = t->position[column];
    return (diag_place){t->source, l->number, at < l->count ? l->column[at] : 1};
}

/* Cuts [from, end) at commas outside of quotation marks. */
static void cut(line *l, const char *from, const char *end)
{
    const char *at = from;
    l->count = 0;
    while (l->count < FIELDS_MAX) {
        bool is_quoted = false;
        size_t used = 0;
        char *field = l->field[l->count];
        l->column[l->count++] = (uint32_t)(at - from) + 1;
        for (; at < end && (is_quoted || *at != ','); at++) {
            if (*at == '"') is_quoted = !is_quoted;
            else if (used + 1 < FIELD_BYTES) field[used++] = *at;
        }
        field[used] = '\0';
        if (at == end) return;
        at++;
    }
}

/* The next line that is neither empty nor a comment. */
static bool next_line(table *t, line *l)
{
    while (*t->at != '\0') {
        const char *from = t->at, *end = from + strcspn(from, "\n");
        t->at = *end == '\0' ? end : end + 1;
        l->number = ++t->number;
        if (end > from && end[-1] == '\r') end--;
        if (end == from || *from == '#') continue;
        cut(l, from, end);
        return true;
    }
    return false;
}

/* Whether a column has one of our names, or none. */
static bool is_known(const char *name, suggest *near)
{
    suggest_begin(near, name);
    if (*name == '\0') return true;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        if (strcmp(columns[c], name) == 0) return true;
        suggest_offer(near, columns[c]);
    }
    for (uint32_t i = 0; i < sizeof remarks / sizeof remarks[0]; i++) {
        if (strcmp(remarks[i], name) == 0) return true;
        suggest_offer(near, remarks[i]);
    }
    return false;
}

/* What is wrong with the names of columns that a table need not have. */
static bool check_columns(const table *t, const line *l)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    bool is_good = true, has_reset = t->position[SYN_RESET] < l->count;
    for (uint32_t at = 0; at < l->count; at++) {
        if (is_known(l->field[at], &near)) continue;
        diag_add(t->r->errors, (diag_place){t->source, l->number, l->column[at]},
                 "unknown column '%s'%s", l->field[at], suggest_hint(&near, hint));
        is_good = false;
    }
    if (!is_good || has_reset == (t->position[CROSSING] < l->count)) return is_good;
    uint32_t has = has_reset ? SYN_RESET : CROSSING, lacks = has_reset ? CROSSING : SYN_RESET;
    diag_add(t->r->errors, place_of(t, l, has),
             "there is a column '%s' but no '%s': a table has both or neither", columns[has],
             columns[lacks]);
    return false;
}

/* Finds our columns in the line of names. */
static bool read_columns(table *t, const line *l)
{
    bool is_good = true;
    t->width = l->count;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        uint32_t at = 0;
        while (at < l->count && strcmp(l->field[at], columns[c]) != 0) at++;
        t->position[c] = at;
        if (at < l->count || c >= NEEDED) continue;
        diag_add(t->r->errors, (diag_place){t->source, l->number, 1}, "there is no column '%s'",
                 columns[c]);
        is_good = false;
    }
    return check_columns(t, l) && is_good;
}

static bool read_field(table *t, const line *l, uint32_t column, enum quantity_kind kind,
                       uint64_t *value)
{
    char why[QUANTITY_WHY_MAX];
    const char *text = t->position[column] < l->count ? l->field[t->position[column]] : "";
    if (quantity_read(kind, text, value, why)) return true;
    diag_add(t->r->errors, place_of(t, l, column), "%s: %s", columns[column], why);
    return false;
}

/* count shares from column first on, which must be everything together. */
static void read_shares(table *t, const line *l, uint32_t first, uint32_t count, uint32_t *ppm)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t share;
        if (!read_field(t, l, first + i, QUANTITY_FRACTION, &share)) return;
        ppm[i] = (uint32_t)share;
        sum += share;
    }
    if (sum != SHARES_WHOLE)
        diag_add(t->r->errors, place_of(t, l, first), "%s to %s do not add up to 1", columns[first],
                 columns[first + count - 1]);
}

/* A share of its own; where the table has no such column, otherwise. */
static uint32_t read_share(table *t, const line *l, uint32_t column, uint32_t otherwise)
{
    uint64_t share;
    if (t->position[column] == t->width) return otherwise;
    return read_field(t, l, column, QUANTITY_FRACTION, &share) ? (uint32_t)share : otherwise;
}

static void read_profile(table *t, const line *l, scenario_group *group)
{
    uint64_t *idle = group->mix_idle_ns;
    read_shares(t, l, WEIGHTS, 5, group->mix_weight_ppm);
    read_shares(t, l, PORTS, 3, group->mix_ports_ppm);
    bool has_idle = true;
    for (uint32_t i = 0; i < 3; i++)
        has_idle &= read_field(t, l, IDLES + i, QUANTITY_SECONDS, &idle[i]);
    if (has_idle && (idle[0] == 0 || idle[0] > idle[1] || idle[1] > idle[2]))
        diag_add(t->r->errors, place_of(t, l, IDLES), "the idle times must rise, from above 0");
    group->mix_hairpin_ppm = read_share(t, l, HAIRPIN, 0);
    group->mix_syn_reset_ppm = read_share(t, l, SYN_RESET, 0);
    group->mix_crossing_ppm = read_share(t, l, CROSSING, SHARES_WHOLE);
    group->has_mix = true;
}

/* Adds a profile's name to "one, two"; of many the first ones are there. */
static void list_profile(char all[LIST_MAX], const char *profile)
{
    size_t used = strlen(all);
    bool is_over = used > 0 && all[used - 1] == '.';
    if (is_over) return;
    if (used + FIELD_BYTES + LIST_MORE > LIST_MAX) snprintf(all + used, LIST_MAX - used, ", ...");
    else
        snprintf(all + used, LIST_MAX - used, "%s%.*s", used == 0 ? "" : ", ", FIELD_BYTES - 1,
                 profile);
}

/* "unknown profile 'x', use one, two or three". */
static void tell_unknown(table *t, const doc_node *node, const suggest *near, const char *all)
{
    char hint[SUGGEST_HINT_MAX];
    const char *last = strrchr(all, ',');
    if (near->best != NULL || all[0] == '\0')
        read_error(t->r, node, "unknown profile '%.80s'%s", near->wanted, suggest_hint(near, hint));
    else if (last == NULL || last[2] == '.')
        read_error(t->r, node, "unknown profile '%.80s', use %s", near->wanted, all);
    else
        read_error(t->r, node, "unknown profile '%.80s', use %.*s or %s", near->wanted,
                   (int)(last - all), all, last + 2);
}

/* Finds the profile called name and reads it. */
static void read_table(table *t, const doc_node *node, const char *name, scenario_group *group)
{
    suggest near;
    char best[FIELD_BYTES], all[LIST_MAX] = "";
    line l;
    suggest_begin(&near, name);
    if (!next_line(t, &l)) {
        diag_add(t->r->errors, (diag_place){t->source, 0, 0}, "the table is empty");
        return;
    }
    if (!read_columns(t, &l)) return;
    while (next_line(t, &l)) {
        if (t->position[PROFILE] >= l.count) continue;
        const char *profile = l.field[t->position[PROFILE]];
        if (strcmp(profile, name) == 0) {
            read_profile(t, &l, group);
            return;
        }
        list_profile(all, profile);
        suggest_offer(&near, profile);
        if (near.best == profile) near.best = memcpy(best, profile, sizeof best);
    }
    tell_unknown(t, node, &near, all);
}

void read_mix(reader *r, const doc_node *node, scenario_group *group)
{
    char path[SCENARIO_PATH_MAX], name[SCENARIO_PATH_MAX];
    size_t len;
    const char *text = read_text(r, node);
    if (text == NULL) return;
    const char *mark = strrchr(text, '#');
    if (mark == NULL || mark == text || mark[1] == '\0') {
        read_error(r, node, "write it as TABLE.csv#PROFILE");
        return;
    }
    int used = snprintf(name, sizeof name, "%.*s", (int)(mark - text), text);
    if (used < 0 || (size_t)used >= sizeof name) {
        read_error(r, node, "the path is too long");
        return;
    }
    uint8_t *bytes = read_named(r, node, name, TABLE_BYTES_MAX, path, &len);
    if (bytes == NULL) return;
    table t = {.r = r, .source = diag_source(r->errors, path), .at = (const char *)bytes};
    read_table(&t, node, mark + 1, group);
    free(bytes);
}
