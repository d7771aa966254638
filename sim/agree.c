/* Paired bootstrap of a ratio, see agree.h. In whole numbers throughout. */
#include "sim/agree.h"

#include "base/rng.h"
#include "sim/mem.h"

enum { PERCENT = 100, MEAN_SCALE = 1000 };

static int by_value(const void *a, const void *b)
{
    const agree_value *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->seed < y->seed ? -1 : x->seed > y->seed;
}

/* b / a in millionths. */
static uint64_t ratio_of(uint64_t a, uint64_t b)
{
    if (a == b) return AGREE_ONE;
    if (a == 0 || b / a >= AGREE_RATIO_MAX / AGREE_ONE) return AGREE_RATIO_MAX;
    while (b > UINT64_MAX / AGREE_ONE) { /* of numbers so large the last bits do not matter */
        a /= 2;
        b /= 2;
    }
    return b * AGREE_ONE / a;
}

/* The sum of the values, each as often as its seed was drawn. */
static uint64_t sum_of(const agree_side *s, const uint32_t *drawn)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->count; i++) sum += s->at[i].value * drawn[s->at[i].seed];
    return sum;
}

/* The quantile of the values, each as often as its seed was drawn; PU_NEVER when there are none. */
static uint64_t quantile_of(const agree_side *s, const uint32_t *drawn, uint32_t percent)
{
    uint64_t count = 0, passed = 0;
    for (uint32_t i = 0; i < s->count; i++) count += drawn[s->at[i].seed];
    uint64_t rank = (count * percent + PERCENT - 1) / PERCENT;
    for (uint32_t i = 0; i < s->count; i++) {
        passed += drawn[s->at[i].seed];
        if (count > 0 && passed >= rank) return s->at[i].value;
    }
    return PU_NEVER;
}

static uint64_t figure_of(const agree_side *s, const uint32_t *drawn, enum agree_kind kind,
                          uint32_t percent)
{
    return kind == AGREE_MEAN ? sum_of(s, drawn) : quantile_of(s, drawn, percent);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Draws as many seeds as there are, with replacement: how often each came. */
static void draw(rng *r, uint32_t *drawn, uint32_t seeds)
{
    memset(drawn, 0, seeds * sizeof *drawn);
    for (uint32_t i = 0; i < seeds; i++) drawn[rng_below(r, seeds)]++;
}

agreement agree_between(agree_side *a, agree_side *b, uint32_t seeds, enum agree_kind kind,
                        uint32_t percent)
{
    static const uint8_t draws_seed[32] = "peerup calibrate";
    PU_ASSERT(seeds > 0);
    PU_ASSERT(kind == AGREE_MEAN || (percent > 0 && percent < PERCENT));
    agreement g = {.is_known = a->count > 0 && b->count > 0};
    if (!g.is_known) return g;
    if (kind == AGREE_QUANTILE) {
        qsort(a->at, a->count, sizeof *a->at, by_value);
        qsort(b->at, b->count, sizeof *b->at, by_value);
    }
    uint32_t *drawn = sim_alloc(seeds * sizeof *drawn);
    uint64_t *ratios = sim_alloc(AGREE_RESAMPLES * sizeof *ratios);
    for (uint32_t i = 0; i < seeds; i++) drawn[i] = 1;
    g.a = figure_of(a, drawn, kind, percent);
    g.b = figure_of(b, drawn, kind, percent);
    g.ratio = ratio_of(g.a, g.b);
    rng r;
    rng_init(&r, draws_seed, 0);
    for (uint32_t i = 0; i < AGREE_RESAMPLES; i++) {
        draw(&r, drawn, seeds);
        ratios[i] =
            ratio_of(figure_of(a, drawn, kind, percent), figure_of(b, drawn, kind, percent));
    }
    qsort(ratios, AGREE_RESAMPLES, sizeof *ratios, by_size);
    g.low = ratios[AGREE_RESAMPLES / 40];
    g.high = ratios[AGREE_RESAMPLES - 1 - AGREE_RESAMPLES / 40];
    if (kind == AGREE_MEAN) {
        g.a = g.a * MEAN_SCALE / seeds;
        g.b = g.b * MEAN_SCALE / seeds;
    }
    free(drawn);
    free(ratios);
    return g;
}

bool agree_within(const agreement *g, uint64_t band_ppm)
{
    PU_ASSERT(band_ppm < AGREE_ONE);
    return g->is_known && g->low >= AGREE_ONE - band_ppm && g->high <= AGREE_ONE + band_ppm;
}
