/* sim/dist.h - draws for simulated links and populations: integers only, no libm, the same on every
 * machine. */
#ifndef SIM_DIST_H
#define SIM_DIST_H

#include "base/rng.h"

/* A jitter of up to about 3 * spread_ns, half-normal by an integer table: never negative, median
 * about 0.67 * spread_ns. */
uint64_t dist_jitter(rng *r, uint64_t spread_ns);

/* True with probability ppm / 1,000,000. */
bool dist_loss(rng *r, uint32_t ppm);

/* Piecewise linear quantiles through (10 %, p10), (50 %, p50), (90 %, p90), clamped to p10..p90. */
uint64_t dist_quantiles(rng *r, uint64_t p10, uint64_t p50, uint64_t p90);

/* Index drawn by integer weights; their sum must not be 0. */
uint32_t dist_weighted(rng *r, const uint32_t *weights, uint32_t count);

#endif
