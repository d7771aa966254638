/* tests/unit/dist_test.c - draws for links and populations: bounds that always hold, shares within
 * what chance allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/dist.h"

int dist_test(void);

enum { DRAWS = 20000 };

static const uint8_t seed[32] = {1, 2, 3};

static rng stream(uint32_t purpose)
{
    rng r;
    rng_init(&r, seed, purpose);
    return r;
}

static void jitter_is_half_normal(void **state)
{
    (void)state;
    /* Shares of a half-normal variable below these multiples of its spread, in ten-thousandths. */
    static const struct {
        uint64_t below_percent;
        uint32_t share;
    } cases[] = {{25, 1974}, {50, 3829}, {67, 4971}, {100, 6827}, {150, 8664}, {200, 9545}};
    const uint64_t spread = 3 * PU_MS;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        rng r = stream(1);
        uint32_t below = 0;
        for (uint32_t i = 0; i < DRAWS; i++) {
            uint64_t jitter = dist_jitter(&r, spread);
            assert_true(jitter <= 3 * spread);
            if (jitter * 100 < spread * cases[c].below_percent) below++;
        }
        uint32_t want = cases[c].share * (DRAWS / 10000);
        assert_in_range(below, want - DRAWS / 80, want + DRAWS / 80);
    }
}

static void jitter_scales_with_its_spread(void **state)
{
    (void)state;
    rng a = stream(2), b = stream(2), zero = stream(2), huge = stream(2);
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t small = dist_jitter(&a, PU_MS);
        uint64_t thousandfold = dist_jitter(&b, PU_S);
        assert_in_range(thousandfold, small * 1000, small * 1000 + 1000);
        assert_int_equal(dist_jitter(&zero, 0), 0);
        uint64_t most = dist_jitter(&huge, UINT64_MAX / 4); /* no overflow */
        assert_in_range(most / (UINT64_MAX / 4 / PU_MS), small > 0 ? small - 1 : 0, small + 1);
    }
}

static void loss_comes_as_often_as_said(void **state)
{
    (void)state;
    static const struct {
        uint32_t ppm, least, most;
    } cases[] = {{0, 0, 0},
                 {1000, 5, 40},
                 {100000, 1850, 2150},
                 {500000, 9750, 10250},
                 {1000000, DRAWS, DRAWS}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        rng r = stream(3);
        uint32_t lost = 0;
        for (uint32_t i = 0; i < DRAWS; i++) {
            if (dist_loss(&r, cases[c].ppm)) lost++;
        }
        assert_in_range(lost, cases[c].least, cases[c].most);
    }
}

static void quantiles_are_met(void **state)
{
    (void)state;
    const uint64_t p10 = 30 * PU_S, p50 = 60 * PU_S, p90 = 180 * PU_S;
    /* How many percent are at or below a value. Nothing lies outside p10..p90. */
    static const struct {
        uint64_t value;
        uint32_t percent;
    } cases[] = {
        {30 * PU_S, 10}, {45 * PU_S, 30}, {60 * PU_S, 50}, {120 * PU_S, 70}, {180 * PU_S - 1, 90}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        rng r = stream(4);
        uint32_t below = 0;
        for (uint32_t i = 0; i < DRAWS; i++) {
            uint64_t v = dist_quantiles(&r, p10, p50, p90);
            assert_in_range(v, p10, p90);
            if (v <= cases[c].value) below++;
        }
        uint32_t want = DRAWS / 100 * cases[c].percent;
        assert_in_range(below, want - DRAWS / 80, want + DRAWS / 80);
    }
}

static void equal_quantiles_are_a_constant(void **state)
{
    (void)state;
    rng r = stream(5);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(dist_quantiles(&r, 35 * PU_S, 35 * PU_S, 35 * PU_S), 35 * PU_S);
        assert_in_range(dist_quantiles(&r, 0, 0, 1), 0, 1);
    }
}

static void weights_are_met(void **state)
{
    (void)state;
    const uint32_t weights[] = {0, 60, 0, 15, 25, 0};
    uint32_t seen[6] = {0};
    rng r = stream(6);
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint32_t index = dist_weighted(&r, weights, 6);
        assert_in_range(index, 0, 5);
        seen[index]++;
    }
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t want = DRAWS / 100 * weights[i];
        assert_in_range(seen[i], want < DRAWS / 80 ? 0 : want - DRAWS / 80,
                        want == 0 ? 0 : want + DRAWS / 80);
    }
    const uint32_t large[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX}; /* their sum needs 64 bits */
    uint32_t last = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        if (dist_weighted(&r, large, 3) == 2) last++;
    }
    assert_in_range(last, 900, 1100);
}

int dist_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jitter_is_half_normal),
        cmocka_unit_test(jitter_scales_with_its_spread),
        cmocka_unit_test(loss_comes_as_often_as_said),
        cmocka_unit_test(quantiles_are_met),
        cmocka_unit_test(equal_quantiles_are_a_constant),
        cmocka_unit_test(weights_are_met),
    };
    return cmocka_run_group_tests_name("dist", tests, NULL, NULL);
}
