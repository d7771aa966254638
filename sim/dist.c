/* sim/dist.c - draws by integer tables and integer interpolation. */
#include "sim/dist.h"

enum {
    JITTER_STEPS = 64,   /* of the table: equal shares of the probability */
    JITTER_UNIT = 10000, /* the table counts ten-thousandths of the spread */
    FRACTION_BITS = 16,  /* between two entries of the table */
    LOSS_UNIT = 1000000,
    PERCENT = 100
};

/* Quantiles k/64 of the absolute value of a standard normal variable; the last one, infinite, is
 * cut at 3, which leaves the mean 0.02 % short. */
static const uint32_t half_normal[JITTER_STEPS + 1] = {
    0,     196,   392,   588,   784,   981,   1178,  1375,  1573,  1772,  1971,  2171,  2372,
    2574,  2777,  2981,  3186,  3393,  3601,  3811,  4023,  4236,  4451,  4668,  4888,  5110,
    5334,  5561,  5791,  6024,  6261,  6501,  6745,  6993,  7245,  7502,  7764,  8032,  8305,
    8585,  8871,  9166,  9468,  9779,  10100, 10432, 10775, 11132, 11503, 11892, 12299, 12727,
    13180, 13662, 14178, 14735, 15341, 16010, 16759, 17617, 18627, 19874, 21539, 24176, 30000,
};

/* value * times / by without overflow, for times and by below 2^32 and a result below 2^64. */
static uint64_t scale(uint64_t value, uint64_t times, uint64_t by)
{
    return value / by * times + value % by * times / by;
}

uint64_t dist_jitter(rng *r, uint64_t spread_ns)
{
    PU_ASSERT(spread_ns <= UINT64_MAX / 4);
    if (spread_ns == 0) {
        rng_skip(r); /* the draw is the same whatever the spread: what follows must not shift */
        return 0;
    }
    uint64_t draw = rng_u64(r);
    uint32_t step = (uint32_t)(draw >> 58);
    uint64_t fraction = draw & ((1u << FRACTION_BITS) - 1);
    uint64_t low = half_normal[step], high = half_normal[step + 1];
    uint64_t times = (low << FRACTION_BITS) + (high - low) * fraction;
    return scale(spread_ns, times, (uint64_t)JITTER_UNIT << FRACTION_BITS);
}

bool dist_loss(rng *r, uint32_t ppm)
{
    PU_ASSERT(ppm <= LOSS_UNIT);
    return rng_chance(r, ppm, LOSS_UNIT);
}

uint64_t dist_quantiles(rng *r, uint64_t p10, uint64_t p50, uint64_t p90)
{
    PU_ASSERT(p10 <= p50);
    PU_ASSERT(p50 <= p90);
    const uint64_t unit = UINT64_C(1)
                          << 24; /* draws in a percent: finer than anything that is drawn */
    uint64_t draw = rng_below(r, PERCENT * unit);
    if (draw < 10 * unit) return p10;
    if (draw < 50 * unit) return p10 + scale(p50 - p10, draw - 10 * unit, 40 * unit);
    if (draw < 90 * unit) return p50 + scale(p90 - p50, draw - 50 * unit, 40 * unit);
    return p90;
}

uint32_t dist_weighted(rng *r, const uint32_t *weights, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += weights[i];
    PU_ASSERT(sum > 0);
    uint64_t draw = rng_below(r, sum);
    uint32_t index = 0;
    while (draw >= weights[index]) draw -= weights[index++];
    PU_ASSERT(index < count);
    return index;
}
