/* sim/agree.h - whether two ways of running the same seeds agree in a quantity: the ratio of what
 * they give, with a confidence interval.
 *
 * The two runs of a seed belong together: places, boxes, times and losses are drawn from the same
 * streams. So the interval is a paired bootstrap over seeds: as many seeds as there are, drawn with
 * replacement, both runs of each; the ratio of that; AGREE_RESAMPLES times; from the 2.5th to
 * the 97.5th of a hundred of these. Nothing is assumed of how values are distributed. The draws
 * come from a fixed seed: equal values have equal intervals.
 */
#ifndef SIM_AGREE_H
#define SIM_AGREE_H

#include "peerup/base.h"

enum {
    AGREE_RESAMPLES = 2000,
    AGREE_SEEDS_LEAST = 10, /* fewer say nothing about the spread between seeds */
    AGREE_ONE = 1000000     /* a ratio of one: they are in millionths */
};

#define AGREE_RATIO_MAX (UINT64_C(1000) * AGREE_ONE) /* a larger ratio is this one */

/* A value that one seed gave. */
typedef struct agree_value {
    uint64_t value;
    uint32_t seed; /* which of the seeds, from 0 */
} agree_value;

/* The values of one side. */
typedef struct agree_side {
    agree_value *at; /* sorted by agree_between when it takes quantiles */
    uint32_t count;
} agree_side;

/* What is compared. */
enum agree_kind {
    AGREE_MEAN = 1, /* the sum of the values, a seed */
    AGREE_QUANTILE  /* the value that `percent` of a hundred of all seeds' values do not exceed */
};

typedef struct agreement {
    bool is_known;      /* both sides have values */
    uint64_t a, b;      /* what the sides give; a mean: in thousandths */
    uint64_t ratio;     /* b / a, in millionths */
    uint64_t low, high; /* its interval */
} agreement;

/* Compares b with a over `seeds` seeds. percent: of AGREE_QUANTILE, 1 to 99. PU_NEVER among values
 * is larger than all others; a quantile that is PU_NEVER on both sides is a ratio of one. */
agreement agree_between(agree_side *a, agree_side *b, uint32_t seeds, enum agree_kind kind,
                        uint32_t percent);

/* Whether the whole interval is at most band_ppm away from one. */
bool agree_within(const agreement *g, uint64_t band_ppm);

#endif
