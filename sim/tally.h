/* sim/tally.h - over many seeds of one scenario: how often each property held, and in which time.
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include "sim/run.h"

#include <stdio.h>

/* How many seeds give their times; beyond them only what held is counted. */
enum { TALLY_SEEDS_MAX = 1000000 };

/* One property. */
typedef struct tally_row {
    uint64_t *took; /* owned; a time in ns for each seed, PU_NEVER where it never came to that */
    uint32_t cap;   /* of took */
    uint64_t held;  /* seeds */
    uint64_t slowest_ns, slowest_seed; /* the longest of took, and the first seed that took it */
} tally_row;

typedef struct tally {
    const scenario *s; /* whose properties they are; kept */
    tally_row *rows;   /* owned; one for each of its `expect:` */
    uint64_t seeds;
} tally;

/* Begins with nothing. */
tally tally_new(const scenario *s);
void tally_free(tally *t);

/* Adds what came of one seed. */
void tally_add(tally *t, uint64_t seed, const run_result *result);

/* Prints a line a property: how many seeds held, the times within which half, 90 and 99 of a
 * hundred came to it, the slowest with its seed, and what was allowed. */
void tally_print(tally *t, FILE *out);

#endif
