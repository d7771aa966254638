/* agree_test.c - ratios of two ways of running the same seeds, and their intervals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "sim/agree.h"

int agree_test(void);

enum { SEEDS = 100, EACH = 25, ALL = SEEDS * EACH };

/* EACH times a seed, from 100 ms to 1.1 s; most of what differs is the seed's, as places are. */
static agree_side times_new(uint64_t factor_percent, uint32_t purpose)
{
    static const uint8_t places[32] = "agree_test";
    rng seed_of, own;
    agree_side s = {calloc(ALL, sizeof *s.at), ALL};
    rng_init(&seed_of, places, 0);
    rng_init(&own, places, purpose);
    for (uint32_t i = 0; i < ALL; i++) {
        uint64_t place_ns = rng_between(&seed_of, 100 * PU_MS, PU_S);
        uint64_t jitter_ns = rng_between(&own, 0, 10 * PU_MS);
        s.at[i] = (agree_value){(place_ns + jitter_ns) * factor_percent / 100, i / EACH};
    }
    return s;
}

static agreement compare(uint64_t factor_percent, enum agree_kind kind, uint32_t percent)
{
    agree_side a = times_new(100, 1), b = times_new(factor_percent, 2);
    agreement g = agree_between(&a, &b, SEEDS, kind, percent);
    free(a.at);
    free(b.at);
    return g;
}

static void equal_sides_have_a_ratio_of_one(void **state)
{
    (void)state;
    agree_side a = times_new(100, 1), b = times_new(100, 1);
    for (uint32_t percent = 25; percent < 100; percent += 25) {
        agreement g = agree_between(&a, &b, SEEDS, AGREE_QUANTILE, percent);
        assert_true(g.is_known);
        assert_int_equal(g.ratio, AGREE_ONE);
        assert_int_equal(g.low, AGREE_ONE);
        assert_int_equal(g.high, AGREE_ONE);
        assert_true(agree_within(&g, 1));
    }
    free(a.at);
    free(b.at);
}

/* The interval holds the ratio that the sides were made with, is narrow because seeds are paired,
 * and leaves a band that this ratio is outside of. */
static void a_known_ratio_is_found(void **state)
{
    (void)state;
    static const uint64_t factors[] = {70, 95, 100, 104, 120};
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        uint64_t want = factors[i] * AGREE_ONE / 100;
        for (uint32_t percent = 25; percent < 100; percent += 25) {
            agreement g = compare(factors[i], AGREE_QUANTILE, percent);
            assert_true(g.low <= g.ratio && g.ratio <= g.high);
            assert_in_range(want, g.low - AGREE_ONE / 200, g.high + AGREE_ONE / 200);
            assert_true(g.high - g.low < AGREE_ONE / 25);
            assert_int_equal(agree_within(&g, AGREE_ONE / 10), factors[i] > 90 && factors[i] < 110);
        }
    }
}

static void a_mean_is_in_thousandths(void **state)
{
    (void)state;
    agree_value a[] = {{10, 0}, {11, 1}, {12, 2}}, b[] = {{10, 0}, {11, 1}, {13, 2}};
    agree_side left = {a, 3}, right = {b, 3};
    agreement g = agree_between(&left, &right, 3, AGREE_MEAN, 0);
    assert_int_equal(g.a, 11000);
    assert_int_equal(g.b, 11333);
    assert_int_equal(g.ratio, 34 * AGREE_ONE / 33);
    assert_int_equal(g.low, AGREE_ONE);            /* only the first two */
    assert_int_equal(g.high, 39 * AGREE_ONE / 36); /* only the third */
}

/* The same values give the same interval, in whatever order they come. */
static void order_does_not_matter(void **state)
{
    (void)state;
    agree_side a = times_new(100, 1), b = times_new(103, 2);
    agreement g = agree_between(&a, &b, SEEDS, AGREE_QUANTILE, 50);
    for (uint32_t i = 0; i < ALL / 2; i++) {
        agree_value first = a.at[i];
        a.at[i] = a.at[ALL - 1 - i];
        a.at[ALL - 1 - i] = first;
    }
    agreement again = agree_between(&a, &b, SEEDS, AGREE_QUANTILE, 50);
    assert_int_equal(g.ratio, again.ratio);
    assert_int_equal(g.low, again.low);
    assert_int_equal(g.high, again.high);
    free(a.at);
    free(b.at);
}

/* What never came is slower than everything, and is not left out. */
static void never_counts(void **state)
{
    (void)state;
    agree_side a = times_new(100, 1), b = times_new(100, 1);
    for (uint32_t i = 0; i < ALL; i += 2) b.at[i].value = PU_NEVER;
    agreement g = agree_between(&a, &b, SEEDS, AGREE_QUANTILE, 75);
    assert_int_equal(g.b, PU_NEVER);
    assert_int_equal(g.ratio, AGREE_RATIO_MAX);
    assert_false(agree_within(&g, AGREE_ONE / 10));
    g = agree_between(&b, &a, SEEDS, AGREE_QUANTILE, 75);
    assert_true(g.ratio < AGREE_ONE / 1000);
    assert_false(agree_within(&g, AGREE_ONE / 10));
    g = agree_between(&b, &b, SEEDS, AGREE_QUANTILE, 75); /* never, on both sides */
    assert_int_equal(g.ratio, AGREE_ONE);
    free(a.at);
    free(b.at);
}

static void one_side_alone_does_not_agree(void **state)
{
    (void)state;
    agree_side a = times_new(100, 1), none = {NULL, 0};
    agreement g = agree_between(&a, &none, SEEDS, AGREE_QUANTILE, 50);
    assert_false(g.is_known);
    assert_false(agree_within(&g, AGREE_ONE / 2));
    free(a.at);
    agree_value zero = {0, 0}, some = {5, 0};
    agree_side left = {&zero, 1}, right = {&some, 1};
    g = agree_between(&left, &right, 1, AGREE_MEAN, 0);
    assert_int_equal(g.ratio, AGREE_RATIO_MAX);
    g = agree_between(&right, &left, 1, AGREE_MEAN, 0);
    assert_int_equal(g.ratio, 0);
}

/* Times of a year do not overflow. */
static void large_values_have_ratios(void **state)
{
    (void)state;
    agree_value a = {UINT64_C(20) * 86400 * 365 * PU_S, 0}, b = {a.value / 4 * 5, 0};
    agree_side left = {&a, 1}, right = {&b, 1};
    agreement g = agree_between(&left, &right, 1, AGREE_QUANTILE, 50);
    assert_in_range(g.ratio, 1249999, 1250001);
}

int agree_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sides_have_a_ratio_of_one),
        cmocka_unit_test(a_known_ratio_is_found),
        cmocka_unit_test(a_mean_is_in_thousandths),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(never_counts),
        cmocka_unit_test(one_side_alone_does_not_agree),
        cmocka_unit_test(large_values_have_ratios),
    };
    return cmocka_run_group_tests_name("agree", tests, NULL, NULL);
}
