/* sim/spell.c - logarithm and power to base 2 in fixed point with 32 binary places. */
#include "sim/spell.h"

enum { PLACES = 32 };

#define ONE (UINT64_C(1) << PLACES)
#define LN2 UINT64_C(2977044471) /* ln 2 * 2^32 */

/* Products of two fixed-point numbers whose result fits. */
static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t ah = a >> PLACES, al = a & (ONE - 1), bh = b >> PLACES, bl = b & (ONE - 1);
    return (ah * bh << PLACES) + ah * bl + al * bh + (al * bl >> PLACES);
}

/* log2 of x / 2^32, for x above 0: whole places by shifting into [1, 2), the others by squaring. */
static int64_t log2_of(uint64_t x)
{
    PU_ASSERT(x > 0);
    int64_t whole = 0;
    while (x >= 2 * ONE) {
        x >>= 1;
        whole++;
    }
    while (x < ONE) {
        x <<= 1;
        whole--;
    }
    uint64_t fraction = 0;
    for (int i = 0; i < PLACES; i++) {
        x = times(x, x);
        fraction <<= 1;
        if (x < 2 * ONE) continue;
        x >>= 1;
        fraction |= 1;
    }
    return whole * (int64_t)ONE + (int64_t)fraction;
}

/* 2^(fraction / 2^32), in [1, 2): the product of 2^(1/2), 2^(1/4), ... for each bit that is set;
 * sim/spell_roots.py prints them. */
static uint64_t exp2_of(uint32_t fraction)
{
    static const uint64_t roots[PLACES] = {
        UINT64_C(6074001000), UINT64_C(5107605667), UINT64_C(4683695048), UINT64_C(4485121744),
        UINT64_C(4389014833), UINT64_C(4341736423), UINT64_C(4318288544), UINT64_C(4306612134),
        UINT64_C(4300785774), UINT64_C(4297875550), UINT64_C(4296421177), UINT64_C(4295694175),
        UINT64_C(4295330720), UINT64_C(4295149004), UINT64_C(4295058149), UINT64_C(4295012722),
        UINT64_C(4294990009), UINT64_C(4294978653), UINT64_C(4294972974), UINT64_C(4294970135),
        UINT64_C(4294968716), UINT64_C(4294968006), UINT64_C(4294967651), UINT64_C(4294967473),
        UINT64_C(4294967385), UINT64_C(4294967340), UINT64_C(4294967318), UINT64_C(4294967307),
        UINT64_C(4294967302), UINT64_C(4294967299), UINT64_C(4294967297), UINT64_C(4294967297),
    };
    uint64_t product = ONE;
    for (unsigned i = 0; i < PLACES; i++)
        if ((fraction >> (PLACES - 1 - i) & 1) != 0) product = times(product, roots[i]);
    return product;
}

/* scale * factor / 2^32 * 2^shift, kept within the limits. */
static uint64_t stretch(uint64_t scale_ns, uint64_t factor, int64_t shift)
{
    uint64_t length = times(scale_ns, factor); /* a factor below 2 */
    for (; shift > 0 && length < SPELL_MOST_NS; shift--) length *= 2;
    for (; shift < 0 && length > 0; shift++) length /= 2;
    if (length < SPELL_LEAST_NS) return SPELL_LEAST_NS;
    return length < SPELL_MOST_NS ? length : SPELL_MOST_NS;
}

uint64_t spell_exceeded(const spell *s, uint32_t share)
{
    PU_ASSERT(share > 0);
    PU_ASSERT(s->scale_ns <= SPELL_MOST_NS);
    PU_ASSERT(s->shape_ppm >= SPELL_SHAPE_LEAST && s->shape_ppm <= SPELL_SHAPE_MOST);
    uint64_t exponential = times((uint64_t)-log2_of(share), LN2); /* -ln(share), above 0 */
    if (exponential == 0) return SPELL_LEAST_NS;
    int64_t power = log2_of(exponential); /* from -32 to 5: times a million it fits */
    int64_t scaled = power * SPELL_SHAPE_UNIT / (int64_t)s->shape_ppm;
    int64_t fraction = (int64_t)((uint64_t)scaled & (ONE - 1)); /* above the next whole one below */
    return stretch(s->scale_ns, exp2_of((uint32_t)fraction), (scaled - fraction) / (int64_t)ONE);
}

uint64_t spell_draw(rng *r, const spell *s)
{
    if (s->count == 0) return spell_exceeded(s, 1 + (uint32_t)rng_below(r, UINT32_MAX));
    uint64_t length = s->lengths[rng_below(r, s->count)];
    return length > SPELL_LEAST_NS ? length : SPELL_LEAST_NS;
}
