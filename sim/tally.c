/* Properties over many seeds, see tally.h. */
#include "sim/tally.h"

#include "sim/mem.h"

#include <inttypes.h>
#include <stdlib.h>

enum { TIME_MAX_BYTES = 32 };

tally tally_new(const scenario *s)
{
    tally t = {.s = s};
    if (s->expect_count > 0) t.rows = sim_alloc(s->expect_count * sizeof *t.rows);
    for (uint32_t i = 0; i < s->expect_count; i++) t.rows[i] = (tally_row){0};
    return t;
}

void tally_free(tally *t)
{
    for (uint32_t i = 0; i < t->s->expect_count; i++) free(t->rows[i].took);
    free(t->rows);
    *t = (tally){0};
}

void tally_add(tally *t, uint64_t seed, const run_result *result)
{
    PU_ASSERT(result->property_count == t->s->expect_count);
    for (uint32_t i = 0; i < result->property_count; i++) {
        const run_property *p = &result->properties[i];
        tally_row *row = &t->rows[i];
        row->held += p->held;
        if (t->seeds >= TALLY_SEEDS_MAX) continue;
        row->took = sim_grow(row->took, &row->cap, (uint32_t)t->seeds, sizeof *row->took);
        row->took[t->seeds] = p->took_ns;
        if (t->seeds > 0 && p->took_ns <= row->slowest_ns) continue;
        row->slowest_ns = p->took_ns;
        row->slowest_seed = seed;
    }
    t->seeds++;
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static const char *time_text(uint64_t ns, char out[TIME_MAX_BYTES])
{
    if (ns == PU_NEVER) return "never";
    snprintf(out, TIME_MAX_BYTES, "%" PRIu64 ".%03" PRIu64 " s", ns / PU_S, ns % PU_S / PU_MS);
    return out;
}

/* The time within which `percent` of a hundred came to it. */
static uint64_t quantile(const uint64_t *sorted, uint64_t count, uint64_t percent)
{
    PU_ASSERT(count > 0 && percent > 0);
    return sorted[(count * percent + 99) / 100 - 1];
}

static void print_row(const scenario_expect *e, tally_row *row, uint64_t seeds, FILE *out)
{
    char half[TIME_MAX_BYTES], most[TIME_MAX_BYTES], nearly[TIME_MAX_BYTES];
    char slowest[TIME_MAX_BYTES], allowed[TIME_MAX_BYTES];
    fprintf(out, "%-24s %6" PRIu64, e->name, row->held);
    if (e->kind == SCENARIO_EXPECT_NEVER) {
        fprintf(out, "\n");
        return;
    }
    uint64_t timed = seeds < TALLY_SEEDS_MAX ? seeds : TALLY_SEEDS_MAX;
    qsort(row->took, timed, sizeof *row->took, by_time);
    fprintf(out, " %10s %10s %10s %10s %10s  %" PRIu64 "\n",
            time_text(quantile(row->took, timed, 50), half),
            time_text(quantile(row->took, timed, 90), most),
            time_text(quantile(row->took, timed, 99), nearly), time_text(row->slowest_ns, slowest),
            time_text(e->within_ns, allowed), row->slowest_seed);
}

void tally_print(tally *t, FILE *out)
{
    if (t->seeds == 0) return;
    fprintf(out, "%-24s %6s %10s %10s %10s %10s %10s  %s\n", "property", "held", "half in", "90 %",
            "99 %", "slowest", "allowed", "slowest seed");
    for (uint32_t i = 0; i < t->s->expect_count; i++)
        print_row(&t->s->expects[i], &t->rows[i], t->seeds, out);
}
