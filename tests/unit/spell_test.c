/* spell_test.c - lengths of sessions: quantiles against values computed elsewhere with many digits,
 * limits, lists, and what draws have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/spell.h"

int spell_test(void);

static const uint8_t seed[32] = {5, 1};

/* The share of draws that are longer, times 2^32. */
#define HALF (UINT32_C(1) << 31)
#define TENTH UINT32_C(429496730)
#define NINE_TENTHS UINT32_C(3865470566)

static void quantiles(void **state)
{
    (void)state;
    static const struct {
        uint64_t scale_ns;
        uint32_t shape_ppm, share;
        uint64_t want_ms;
    } cases[] = {
        /* -ln(share)^(1/shape) * scale */
        {100 * PU_S, 1000000, HALF, 69315},         {100 * PU_S, 1000000, TENTH, 230259},
        {100 * PU_S, 1000000, NINE_TENTHS, 10536},  {116 * 60 * PU_S, 518000, HALF, 3430224},
        {116 * 60 * PU_S, 518000, TENTH, 34823092}, {116 * 60 * PU_S, 518000, NINE_TENTHS, 90341},
        {100 * PU_S, 2000000, HALF, 83255},         {100 * PU_S, 10000000, TENTH, 108698},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spell s = {.scale_ns = cases[i].scale_ns, .shape_ppm = cases[i].shape_ppm};
        uint64_t ms = spell_exceeded(&s, cases[i].share) / PU_MS, want = cases[i].want_ms;
        if (ms + 1 + want / 100000 < want || ms > want + 1 + want / 100000)
            fail_msg("%zu: %llu", i, (unsigned long long)ms);
    }
}

static void longer_is_rarer(void **state)
{
    (void)state;
    static const uint32_t shapes[] = {100000, 518000, 1000000, 10000000};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        spell s = {.scale_ns = 600 * PU_S, .shape_ppm = shapes[i]};
        uint64_t last = UINT64_MAX;
        for (uint64_t share = 1; share <= UINT32_MAX; share += share / 7 + 1) {
            uint64_t length = spell_exceeded(&s, (uint32_t)share);
            assert_in_range(length, SPELL_LEAST_NS, SPELL_MOST_NS);
            assert_true(length <= last);
            last = length;
        }
    }
    spell most = {.scale_ns = SPELL_MOST_NS, .shape_ppm = SPELL_SHAPE_LEAST};
    assert_int_equal(spell_exceeded(&most, 1), SPELL_MOST_NS);
    spell none = {.scale_ns = 0, .shape_ppm = SPELL_SHAPE_UNIT};
    assert_int_equal(spell_exceeded(&none, 1), SPELL_LEAST_NS);
}

static void draws_follow_the_quantiles(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    rng r;
    rng_init(&r, seed, 1);
    spell s = {.scale_ns = 600 * PU_S, .shape_ppm = 518000};
    uint64_t median = spell_exceeded(&s, HALF), rare = spell_exceeded(&s, TENTH);
    uint32_t above_median = 0, above_rare = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint64_t length = spell_draw(&r, &s);
        above_median += length > median;
        above_rare += length > rare;
    }
    assert_in_range(above_median, DRAWS / 2 - DRAWS / 50, DRAWS / 2 + DRAWS / 50);
    assert_in_range(above_rare, DRAWS / 10 - DRAWS / 50, DRAWS / 10 + DRAWS / 50);
}

static void lists_are_drawn_evenly(void **state)
{
    (void)state;
    uint64_t lengths[] = {3 * PU_S, 1, 500 * PU_S};
    spell s = {.count = 3, .lengths = lengths};
    uint32_t short_ones = 0, long_ones = 0, least = 0;
    rng r;
    rng_init(&r, seed, 2);
    for (uint32_t i = 0; i < 3000; i++) {
        uint64_t length = spell_draw(&r, &s);
        short_ones += length == 3 * PU_S;
        long_ones += length == 500 * PU_S;
        least += length == SPELL_LEAST_NS;
    }
    assert_int_equal(short_ones + long_ones + least, 3000);
    assert_in_range(short_ones, 900, 1100);
    assert_in_range(long_ones, 900, 1100);
}

int spell_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles),
        cmocka_unit_test(longer_is_rarer),
        cmocka_unit_test(draws_follow_the_quantiles),
        cmocka_unit_test(lists_are_drawn_evenly),
    };
    return cmocka_run_group_tests_name("spell", tests, NULL, NULL);
}
