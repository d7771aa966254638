/* sim/quantity.c - one table of kinds and units, and one reader for all of them. */
#include "sim/quantity.h"

#include "base/suggest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { UNITS_MAX = 9, UNIT_NAME_MAX = 16, DECIMALS_MAX = 18 };

#define YEAR_NS (UINT64_C(31556952) * PU_S) /* 365.2425 days */

typedef struct unit {
    const char *name; /* empty: the number stands alone */
    uint64_t scale;   /* of the result in one unit */
} unit;

typedef struct kind {
    const char *noun, *units, *example;
    unit unit[UNITS_MAX]; /* from fine to coarse; ended by a NULL name */
    uint64_t most;
    bool is_compound; /* several parts, from coarse to fine: "1h30m" */
} kind;

static const kind kinds[] = {
    [QUANTITY_DURATION] = {"a duration",
                           "ns, us, ms, s, m, min, h or d",
                           "120s",
                           {{"ns", 1},
                            {"us", PU_US},
                            {"ms", PU_MS},
                            {"s", PU_S},
                            {"m", 60 * PU_S},
                            {"min", 60 * PU_S},
                            {"h", 3600 * PU_S},
                            {"d", 86400 * PU_S}},
                           QUANTITY_DURATION_MAX,
                           true},
    [QUANTITY_RATE] = {"a rate",
                       "bit, kbit, Mbit or Gbit",
                       "20Mbit",
                       {{"bit", 1}, {"kbit", 1000}, {"Mbit", 1000000}, {"Gbit", 1000000000}},
                       UINT64_C(1000000000000),
                       false},
    [QUANTITY_SHARE] = {"a share", "%", "0.5%", {{"%", 10000}}, 1000000, false},
    [QUANTITY_SIZE] = {"a size",
                       "B, kB, KiB, MB, MiB, GB or GiB",
                       "10KiB",
                       {{"B", 1},
                        {"kB", 1000},
                        {"KiB", 1024},
                        {"MB", 1000000},
                        {"MiB", 1048576},
                        {"GB", 1000000000},
                        {"GiB", 1073741824}},
                       UINT64_C(1) << 50,
                       false},
    [QUANTITY_COUNT] = {"a whole number", "", "50", {{"", 1}}, INT64_MAX, false},
    [QUANTITY_FRACTION] = {"a fraction", "", "0.25", {{"", 1000000}}, 1000000, false},
    [QUANTITY_SECONDS] =
        {"a number of seconds", "", "65", {{"", PU_S}}, QUANTITY_DURATION_MAX, false},
    [QUANTITY_FACTOR] = {"a factor", "", "0.518", {{"", 1000000}}, UINT64_C(1000000000), false},
    [QUANTITY_JUMP] = {"a length of time",
                       "s, min, h, d, year or years",
                       "2years",
                       {{"s", PU_S},
                        {"min", 60 * PU_S},
                        {"h", 3600 * PU_S},
                        {"d", 86400 * PU_S},
                        {"year", YEAR_NS},
                        {"years", YEAR_NS}},
                       100 * YEAR_NS,
                       true},
};

/* The text under the reader's eyes. */
typedef struct reading {
    const kind *kind;
    const char *text, *at; /* all of it, and what is left */
    char *why;
} reading;

static bool refuse(reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(reading *r, const char *format, ...)
{
    va_list args;
    int used = snprintf(r->why, QUANTITY_WHY_MAX, "'%.40s' is not %s: ", r->text, r->kind->noun);
    PU_ASSERT(used > 0 && used < QUANTITY_WHY_MAX);
    va_start(args, format);
    vsnprintf(r->why + used, QUANTITY_WHY_MAX - (size_t)used, format, args);
    va_end(args);
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A number before its unit: whole + part / of. */
typedef struct number {
    uint64_t whole, part, of;
} number;

static bool number_read(reading *r, number *n)
{
    *n = (number){0, 0, 1};
    if (*r->at == '-') return refuse(r, "it is negative");
    if (!is_digit(*r->at)) return refuse(r, "write it like %s", r->kind->example);
    for (; is_digit(*r->at); r->at++) {
        uint64_t digit = (uint64_t)(*r->at - '0');
        if (n->whole > (UINT64_MAX - digit) / 10) return refuse(r, "it is too large");
        n->whole = n->whole * 10 + digit;
    }
    if (*r->at != '.') return true;
    r->at++;
    if (!is_digit(*r->at)) return refuse(r, "no digit follows the point");
    for (unsigned decimals = 0; is_digit(*r->at); r->at++) {
        if (++decimals > DECIMALS_MAX) return refuse(r, "it has too many decimals");
        n->part = n->part * 10 + (uint64_t)(*r->at - '0');
        n->of *= 10;
    }
    return true;
}

static bool unit_unknown(reading *r, const char *name)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    if (r->kind->units[0] == '\0') return refuse(r, "it takes no unit");
    if (name[0] == '\0') return refuse(r, "its unit is missing: %s", r->kind->units);
    suggest_begin(&near, name);
    for (const unit *u = r->kind->unit; u->name != NULL; u++) suggest_offer(&near, u->name);
    if (near.best != NULL) return refuse(r, "unknown unit '%s'%s", name, suggest_hint(&near, hint));
    return refuse(r, "unknown unit '%s', use %s", name, r->kind->units);
}

/* Reads letters up to the next number and finds the unit of that name. */
static bool unit_read(reading *r, const unit **found)
{
    char name[UNIT_NAME_MAX];
    size_t len = 0;
    while (r->at[len] != '\0' && !is_digit(r->at[len])) len++;
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), r->at);
    r->at += len;
    for (const unit *u = r->kind->unit; u->name != NULL; u++) {
        if (len != strlen(u->name) || strcmp(u->name, name) != 0) continue;
        *found = u;
        return true;
    }
    return unit_unknown(r, name);
}

/* Adds number times unit to *sum, exactly. */
static bool sum_add(reading *r, uint64_t *sum, const number *n, const unit *u)
{
    uint64_t common = gcd(n->of, n->part);
    uint64_t of = n->of / common;
    if (u->scale % of != 0) return refuse(r, "it is too fine");
    uint64_t part = u->scale / of * (n->part / common); /* below the scale */
    uint64_t room = r->kind->most - *sum;
    if (part > room || n->whole > (room - part) / u->scale) return refuse(r, "it is too large");
    *sum += n->whole * u->scale + part;
    return true;
}

bool quantity_read(enum quantity_kind kind_wanted, const char *text, uint64_t *value,
                   char why[QUANTITY_WHY_MAX])
{
    PU_ASSERT(kind_wanted >= QUANTITY_DURATION && kind_wanted <= QUANTITY_JUMP);
    PU_ASSERT(text != NULL);
    reading r = {&kinds[kind_wanted], text, text, why};
    uint64_t sum = 0, coarser = UINT64_MAX;
    do {
        number n;
        const unit *u = NULL;
        if (!number_read(&r, &n) || !unit_read(&r, &u)) return false;
        if (u->scale >= coarser) return refuse(&r, "its parts go from coarse to fine, each once");
        if (!sum_add(&r, &sum, &n, u)) return false;
        coarser = u->scale;
    } while (r.kind->is_compound && *r.at != '\0');
    if (*r.at != '\0') return refuse(&r, "write it like %s", r.kind->example);
    *value = sum;
    return true;
}

const char *quantity_print(enum quantity_kind kind_wanted, uint64_t value,
                           char out[QUANTITY_PRINT_MAX])
{
    PU_ASSERT(kind_wanted >= QUANTITY_DURATION && kind_wanted <= QUANTITY_COUNT);
    PU_ASSERT(kind_wanted != QUANTITY_SHARE); /* parts per million are no unit of ours */
    const unit *best = &kinds[kind_wanted].unit[0];
    uint64_t whole = value;
    for (const unit *u = best; value > 0 && u->name != NULL; u++) {
        if (value % u->scale != 0 || u->scale < best->scale) continue;
        best = u;
        whole = value / u->scale;
    }
    snprintf(out, QUANTITY_PRINT_MAX, "%" PRIu64 "%s", whole, best->name);
    return out;
}
