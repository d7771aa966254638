/* sim/spell.h - how long things last: lengths drawn from a distribution, by integer arithmetic
 * alone.
 *
 * A draw is scale * E^(1 / shape), where E is an exponential variable of mean 1: that is a Weibull
 * variable, and an exponential one when shape is 1. Logarithm and power are computed in fixed
 * point, bit by bit, so that every machine draws the same.
 */
#ifndef SIM_SPELL_H
#define SIM_SPELL_H

#include "base/rng.h"

#define SPELL_LEAST_NS (1 * PU_S)                    /* nothing lasts shorter */
#define SPELL_MOST_NS (UINT64_C(366) * 86400 * PU_S) /* or longer */
#define SPELL_SHAPE_UNIT 1000000                     /* shapes are in parts of a million */
#define SPELL_SHAPE_LEAST (SPELL_SHAPE_UNIT / 10)
#define SPELL_SHAPE_MOST (10 * SPELL_SHAPE_UNIT)

/* A distribution of lengths. */
typedef struct spell {
    uint64_t scale_ns;  /* Weibull's; the mean of an exponential */
    uint32_t shape_ppm; /* Weibull's; SPELL_SHAPE_UNIT: exponential */
    uint32_t count;     /* of lengths; 0: drawn from the distribution above */
    uint64_t *lengths;  /* owned by the scenario; each is as likely as another */
} spell;

/* Draws a length, from SPELL_LEAST_NS to SPELL_MOST_NS. */
uint64_t spell_draw(rng *r, const spell *s);

/* The length that a share of share / 2^32 of all draws exceed; not for lists. share must not be 0.
 */
uint64_t spell_exceeded(const spell *s, uint32_t share);

#endif
