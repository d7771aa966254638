/* rng_test.c - the ChaCha20 block of RFC 8439, streams that stay apart, and draws without bias. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/chacha20.h"
#include "base/rng.h"
#include "tests/unit/hex.h"

int rng_test(void);

/* 00 01 02 ... 1f: the key of RFC 8439's example, and the seed of these streams. */
static const uint8_t seed[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static void block_of_rfc_8439_section_2_3_2(void **state)
{
    (void)state;
    uint8_t nonce[12], want[64], got[64];
    hex_bytes("000000090000004a00000000", nonce, sizeof nonce);
    hex_bytes("10f1e7e4d13b5915500fdd1fa32071c4 c7d1f4c733c068030422aa9ac3d46c4e"
              "d2826446079faa0914c2d705d98b02a2 b5129cd1de164eb9cbd083e8a2503c4e",
              want, sizeof want);
    chacha20_block(seed, 1, nonce, got);
    assert_memory_equal(got, want, sizeof want);
}

/* RFC 8439 appendix A.1, test vector 1. */
static void block_of_zeros(void **state)
{
    (void)state;
    static const uint8_t zero[32] = {0};
    uint8_t want[64], got[64];
    hex_bytes("76b8e0ada0f13d90405d6ae55386bd28 bdd219b8a08ded1aa836efcc8b770dc7"
              "da41597c5157488d7724e03fb8d84a37 6a43b8f41518a11cc387b669b2ee6586",
              want, sizeof want);
    chacha20_block(zero, 0, zero, got);
    assert_memory_equal(got, want, sizeof want);
}

/* The word at a position of stream 5; the values are from an independent program. */
static void words_are_pinned(void **state)
{
    (void)state;
    static const struct {
        uint32_t at;
        uint64_t word;
    } pinned[] = {
        {0, UINT64_C(0x5ba94553a0d82e2b)},    {1, UINT64_C(0x0e4fcc61dab38d95)},
        {7, UINT64_C(0x348573ceb1cf16ac)},    {8, UINT64_C(0xf925b3cd4f0813f3)},
        {1000, UINT64_C(0xb986d6cf50adb770)}, {UINT32_MAX, UINT64_C(0xb6d54a0f4cb031ac)},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++) {
        rng r;
        rng_init(&r, seed, 5);
        r.drawn = pinned[i].at;
        assert_true(rng_u64(&r) == pinned[i].word);
        assert_true(r.drawn == (uint32_t)(pinned[i].at + 1));
    }
}

static void a_stream_begins_at_its_first_word(void **state)
{
    (void)state;
    rng five, six;
    rng_init(&five, seed, 5);
    rng_init(&six, seed, 6);
    assert_true(rng_u64(&five) == UINT64_C(0x5ba94553a0d82e2b));
    for (int i = 0; i < 100; i++) (void)rng_u64(&five);
    assert_true(rng_u64(&six) == UINT64_C(0xa56c04d84079e609));
}

static void skipping_passes_over_one_word(void **state)
{
    (void)state;
    static const uint8_t some_seed[32] = {1, 2};
    rng drawn, skipped;
    rng_init(&drawn, some_seed, 4);
    rng_init(&skipped, some_seed, 4);
    for (uint32_t i = 0; i < 20; i++) {
        (void)rng_u64(&drawn);
        rng_skip(&skipped);
        assert_int_equal(rng_u64(&drawn), rng_u64(&skipped));
    }
}

static void bytes_are_the_words(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 80; len++) {
        rng words, bytes;
        rng_init(&words, seed, 9);
        rng_init(&bytes, seed, 9);
        uint8_t got[88];
        memset(got, 0x5a, sizeof got);
        rng_bytes(&bytes, got, len);
        uint8_t want[88];
        for (size_t i = 0; i < sizeof want; i += 8) store_le64(want + i, rng_u64(&words));
        assert_memory_equal(got, want, len);
        for (size_t i = len; i < sizeof got; i++) assert_int_equal(got[i], 0x5a);
        assert_int_equal(bytes.drawn, (len + 7) / 8);
    }
}

static void below_stays_below(void **state)
{
    (void)state;
    static const uint64_t limits[] = {1,         2, 3, 10, 255, 256, 1000003, UINT64_C(1) << 63,
                                      UINT64_MAX};
    rng r;
    rng_init(&r, seed, 1);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        for (int n = 0; n < 200; n++) assert_true(rng_below(&r, limits[i]) < limits[i]);
    }
}

static void below_gives_equal_shares(void **state)
{
    (void)state;
    unsigned hits[10] = {0};
    rng r;
    rng_init(&r, seed, 2);
    for (int n = 0; n < 20000; n++) hits[rng_below(&r, 10)]++;
    for (int i = 0; i < 10; i++) assert_in_range(hits[i], 1830, 2170); /* 2,000 +- 4 sigma */
}

/* A plain remainder of 64 bits by 3 * 2^62 would hit the lowest third in half of the cases. */
static void below_has_no_bias_near_the_top(void **state)
{
    (void)state;
    unsigned low = 0;
    rng r;
    rng_init(&r, seed, 3);
    for (int n = 0; n < 6000; n++) low += rng_below(&r, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    assert_in_range(low, 1850, 2150);
}

static void chance_is_a_ratio(void **state)
{
    (void)state;
    unsigned quarter = 0;
    rng r;
    rng_init(&r, seed, 4);
    for (int n = 0; n < 8000; n++) {
        quarter += rng_chance(&r, 1, 4);
        assert_false(rng_chance(&r, 0, 7));
        assert_true(rng_chance(&r, 7, 7));
    }
    assert_in_range(quarter, 1845, 2155);
}

static void between_includes_both_ends(void **state)
{
    (void)state;
    bool seen[4] = {false};
    rng r;
    rng_init(&r, seed, 5);
    for (int n = 0; n < 200; n++) {
        uint64_t got = rng_between(&r, 10, 13);
        assert_in_range(got, 10, 13);
        seen[got - 10] = true;
    }
    for (int i = 0; i < 4; i++) assert_true(seen[i]);
    assert_true(rng_between(&r, 42, 42) == 42);
    assert_true(rng_between(&r, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

static void between_zero_and_the_largest_is_a_whole_word(void **state)
{
    (void)state;
    rng words, r;
    rng_init(&words, seed, 6);
    rng_init(&r, seed, 6);
    for (int n = 0; n < 20; n++) assert_true(rng_between(&r, 0, UINT64_MAX) == rng_u64(&words));
}

/* Values from an independent program. */
static void derived_seeds_are_pinned(void **state)
{
    (void)state;
    static const struct {
        uint64_t a, b;
        const char *hex;
    } pinned[] = {
        {1, 2, "bf8072d7c0a4baba63dbd4903c49b00307fb2a44e9949bc043553c8070a32751"},
        {2, 1, "ca7aa6ea7c78aefe8a6e8077513965106b7d329fac9aac74e1805ee8b4267707"},
        {UINT64_C(0x0123456789abcdef), UINT64_MAX,
         "b1b63eeedf0c1e3c0db3e67d05ca5a40ce6025dbdc16819e61b3d9f62c89a1c0"},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++) {
        uint8_t want[32], got[32];
        hex_bytes(pinned[i].hex, want, sizeof want);
        rng_derive(got, seed, pinned[i].a, pinned[i].b);
        assert_memory_equal(got, want, sizeof want);
    }
}

static void deriving_in_place_is_the_same(void **state)
{
    (void)state;
    uint8_t apart[32], in_place[32];
    rng_derive(apart, seed, 1, 2);
    memcpy(in_place, seed, sizeof in_place);
    rng_derive(in_place, in_place, 1, 2);
    assert_memory_equal(apart, in_place, sizeof apart);
}

int rng_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_of_rfc_8439_section_2_3_2),
        cmocka_unit_test(block_of_zeros),
        cmocka_unit_test(words_are_pinned),
        cmocka_unit_test(a_stream_begins_at_its_first_word),
        cmocka_unit_test(skipping_passes_over_one_word),
        cmocka_unit_test(bytes_are_the_words),
        cmocka_unit_test(below_stays_below),
        cmocka_unit_test(below_gives_equal_shares),
        cmocka_unit_test(below_has_no_bias_near_the_top),
        cmocka_unit_test(chance_is_a_ratio),
        cmocka_unit_test(between_includes_both_ends),
        cmocka_unit_test(between_zero_and_the_largest_is_a_whole_word),
        cmocka_unit_test(derived_seeds_are_pinned),
        cmocka_unit_test(deriving_in_place_is_the_same),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
