/* mix_test.c - the running hash: pinned results (recordings and expected traces depend on them),
 * and what it must tell apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mix.h"

int mix_test(void);

static void assert_result(const mix128 *m, uint64_t first, uint64_t second)
{
    uint64_t out[2];
    mix_result(m, out);
    assert_true(out[0] == first);
    assert_true(out[1] == second);
}

/* All values from an independent program. */
static void bytes_are_pinned(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        const char *text;
        uint64_t first, second;
    } pinned[] = {
        {0, "", UINT64_C(0x346fa53039b9b426), UINT64_C(0x0649c1d09ab0d99c)},
        {1, "", UINT64_C(0x72c17e5316421e24), UINT64_C(0x06ec8781baba95d4)},
        {0, "a", UINT64_C(0x5820abd7c47be07f), UINT64_C(0xf4b60aade3c98938)},
        {0, "peerup", UINT64_C(0xaa47505e365a2342), UINT64_C(0x620a2d89ec05b5b4)},
        {0, "12345678", UINT64_C(0x1ee93016bd6a6275), UINT64_C(0x8a64690951a3b1bd)},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++) {
        mix128 m;
        mix_init(&m, pinned[i].seed);
        mix_bytes(&m, pinned[i].text, strlen(pinned[i].text));
        assert_result(&m, pinned[i].first, pinned[i].second);
    }
}

static void numbers_are_pinned(void **state)
{
    (void)state;
    mix128 m;
    mix_init(&m, 0);
    mix_u64(&m, 0);
    assert_result(&m, UINT64_C(0x2c5f7c083c91589d), UINT64_C(0x545f9e42abe9acde));
    mix_init(&m, 7);
    mix_u64(&m, 1);
    mix_u64(&m, UINT64_MAX);
    assert_result(&m, UINT64_C(0x38fa13982d220f36), UINT64_C(0xc8657bd1d4e46aaa));
    assert_true(mix3(1, 2, 3) == UINT64_C(0x70d5fce72bade83c));
    assert_true(mix3(3, 2, 1) == UINT64_C(0x48b4a60cc36c51d5));
    assert_true(mix3(0, 0, 0) == UINT64_C(0x7ffbe102804a6f0e));
}

static void a_long_mixture_is_pinned_at_any_alignment(void **state)
{
    (void)state;
    uint8_t memory[256 + 8];
    for (size_t shift = 0; shift < 8; shift++) {
        for (unsigned i = 0; i < 256; i++) memory[shift + i] = (uint8_t)i;
        mix128 m;
        mix_init(&m, 0);
        mix_bytes(&m, memory + shift, 256);
        mix_u64(&m, 42);
        mix_bytes(&m, memory + shift, 13);
        assert_result(&m, UINT64_C(0xe566bf0b870b5c6c), UINT64_C(0x01987fc872865a6c));
    }
}

/* Values from an independent program. */
static void records_in_lanes_are_pinned(void **state)
{
    (void)state;
    static const uint64_t words[] = {1, 2, 3, 4, 5, UINT64_MAX};
    static const struct {
        size_t count;
        uint64_t first, second;
    } pinned[] = {
        {0, UINT64_C(0x6804473a83184b8d), UINT64_C(0x03eaf8530eb461d1)},
        {1, UINT64_C(0x5f49c53aa3d9aa4f), UINT64_C(0xbf0556652115941d)},
        {4, UINT64_C(0x198c95a4a4d0cfff), UINT64_C(0xbded15a15023ff95)},
        {6, UINT64_C(0x85f1f0356929982e), UINT64_C(0x1c9db9fc18cdfe2b)},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++) {
        mix128 m;
        mix_init(&m, 0);
        mix_words(&m, words, pinned[i].count);
        assert_result(&m, pinned[i].first, pinned[i].second);
    }
}

/* Values from an independent program; mix_keyed's with the key 0x1234567. */
static void long_bytes_in_lanes_are_pinned_at_any_alignment(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t first, second, keyed;
    } pinned[] = {
        {0, UINT64_C(0x346fa53039b9b426), UINT64_C(0x0649c1d09ab0d99c),
         UINT64_C(0xe045a3489accdc71)},
        {1, UINT64_C(0x17a250b616a43b8f), UINT64_C(0x35d0da19f7d59ec9),
         UINT64_C(0x62e51f68ab48914e)},
        {2, UINT64_C(0x9548f19cec85c387), UINT64_C(0x8d66f4c8b1c65bf6),
         UINT64_C(0xbea627855ece0d2b)},
        {3, UINT64_C(0x18f41cb1364b3012), UINT64_C(0x9999ea3d9a8b5964),
         UINT64_C(0x01e0243441c0fb14)},
        {7, UINT64_C(0xa38660b7d9d95fb4), UINT64_C(0x5c621964696be458),
         UINT64_C(0x77f8e9e4083a61b8)},
        {15, UINT64_C(0xc32d1ff0e37cc3b7), UINT64_C(0x186571ee143acca9),
         UINT64_C(0x237c87af7baba258)},
        {31, UINT64_C(0xeffe749298519cb5), UINT64_C(0x4b12011f56861b52),
         UINT64_C(0x5b135f71606bcea9)},
        {32, UINT64_C(0xac8803bffc0a2347), UINT64_C(0x3580a2ddcd62749e),
         UINT64_C(0xc76a6a357030be53)},
        {33, UINT64_C(0x4b2aa07bc23b6fcb), UINT64_C(0x639a5997b2ecf529),
         UINT64_C(0x13e56e7afb4b247e)},
        {75, UINT64_C(0xd4dc3b464cf3e91f), UINT64_C(0x7315495d5803c24d),
         UINT64_C(0x5620940026c21612)},
    };
    uint8_t memory[75 + 8];
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++)
        for (size_t shift = 0; shift < 8; shift++) {
            for (unsigned k = 0; k < 75; k++) memory[shift + k] = (uint8_t)(7 * k + 1);
            mix128 m;
            mix_init(&m, 0);
            mix_long(&m, memory + shift, pinned[i].len);
            assert_result(&m, pinned[i].first, pinned[i].second);
            assert_true(mix_keyed(0x1234567, memory + shift, pinned[i].len) == pinned[i].keyed);
        }
}

/* Whatever the length is: no byte is passed over, nor one more read. */
static void every_byte_of_every_length_shows(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 70; len++) {
        uint8_t *bytes = calloc(1, len); /* of that size: a tool sees who reads on */
        assert_non_null(bytes);
        uint64_t none = mix_keyed(7, bytes, len);
        assert_true(none != mix_keyed(8, bytes, len));
        assert_true(none != mix_keyed(7, bytes, len - 1));
        for (size_t bit = 0; bit < 8 * len; bit++) {
            bytes[bit / 8] = (uint8_t)(1u << bit % 8);
            assert_true(mix_keyed(7, bytes, len) != none);
            bytes[bit / 8] = 0;
        }
        free(bytes);
    }
}

static void record_of(const uint64_t words[8], uint64_t out[2])
{
    mix128 m;
    mix_init(&m, 0);
    mix_words(&m, words, 8);
    mix_result(&m, out);
}

/* Each bit of one number shows, and each pair of bits in it and another: of the same product, of
 * the lane's next, of the other lane. */
static void differences_show(void **state)
{
    (void)state;
    static const unsigned others[] = {0, 5, 3};
    uint64_t none[2], one[2], both[2];
    uint64_t words[8] = {0};
    record_of(words, none);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            words[1] = UINT64_C(1) << bit;
            words[others[i]] = 0;
            record_of(words, one);
            assert_true(one[0] != none[0] && one[1] != none[1]);
            for (unsigned other = 0; other < 64; other++) {
                words[others[i]] = UINT64_C(1) << other;
                record_of(words, both);
                assert_true(both[0] != none[0] && both[0] != one[0]);
            }
        }
        words[others[i]] = 0;
    }
}

static void the_result_changes_nothing(void **state)
{
    (void)state;
    mix128 m;
    mix_init(&m, 3);
    mix_u64(&m, 4);
    mix128 before = m;
    uint64_t out[2];
    mix_result(&m, out);
    assert_true(m.a == before.a && m.b == before.b && m.length == before.length);
    assert_result(&m, out[0], out[1]);
}

static void hash_of(const uint8_t *bytes, size_t len, uint64_t out[2])
{
    mix128 m;
    mix_init(&m, 0);
    mix_bytes(&m, bytes, len);
    mix_result(&m, out);
}

static void zeros_of_each_length_differ(void **state)
{
    (void)state;
    static const uint8_t zeros[64] = {0};
    uint64_t seen[65][2];
    for (size_t len = 0; len <= 64; len++) {
        hash_of(zeros, len, seen[len]);
        for (size_t i = 0; i < len; i++) assert_true(seen[i][0] != seen[len][0]);
    }
}

/* Where a text is cut shows, so "a", "b\0" and "a\0", "b" do not look alike. */
static void cuts_show(void **state)
{
    (void)state;
    mix128 early, late;
    mix_init(&early, 0);
    mix_bytes(&early, "a", 1);
    mix_bytes(&early, "b\0", 2);
    mix_init(&late, 0);
    mix_bytes(&late, "a\0", 2);
    mix_bytes(&late, "b", 1);
    uint64_t out[2];
    mix_result(&late, out);
    uint64_t other[2];
    mix_result(&early, other);
    assert_true(out[0] != other[0] && out[1] != other[1]);
}

static unsigned ones(uint64_t v)
{
    unsigned count = 0;
    for (; v != 0; v &= v - 1) count++;
    return count;
}

/* Each of 512 input bits, flipped alone, must change about half of the 128 output bits. */
static void every_bit_reaches_the_whole_result(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 37);
    uint64_t base[2], flipped[2];
    hash_of(bytes, sizeof bytes, base);
    unsigned total = 0;
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hash_of(bytes, sizeof bytes, flipped);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        unsigned first = ones(base[0] ^ flipped[0]);
        unsigned second = ones(base[1] ^ flipped[1]);
        assert_in_range(first, 12, 52);
        assert_in_range(second, 12, 52);
        total += first + second;
    }
    assert_in_range(total, 512 * 63, 512 * 65);
}

static int compare_words(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Small neighbouring numbers, as slots and ordinals are, in all three places. */
static void small_numbers_do_not_collide(void **state)
{
    (void)state;
    static uint64_t seen[32 * 32 * 32];
    size_t count = 0;
    for (uint64_t a = 0; a < 32; a++) {
        for (uint64_t b = 0; b < 32; b++) {
            for (uint64_t c = 0; c < 32; c++) seen[count++] = mix3(a, b, c);
        }
    }
    qsort(seen, count, sizeof seen[0], compare_words);
    for (size_t i = 1; i < count; i++) assert_true(seen[i - 1] != seen[i]);
}

/* Low bits choose slots in tables: consecutive keys must spread evenly over 64 of them. */
static void low_bits_spread(void **state)
{
    (void)state;
    unsigned hits[64] = {0};
    for (uint64_t key = 0; key < 6400; key++) hits[mix3(1, key, 0) & 63]++;
    for (int i = 0; i < 64; i++) assert_in_range(hits[i], 50, 150);
}

int mix_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_pinned),
        cmocka_unit_test(numbers_are_pinned),
        cmocka_unit_test(a_long_mixture_is_pinned_at_any_alignment),
        cmocka_unit_test(records_in_lanes_are_pinned),
        cmocka_unit_test(long_bytes_in_lanes_are_pinned_at_any_alignment),
        cmocka_unit_test(every_byte_of_every_length_shows),
        cmocka_unit_test(differences_show),
        cmocka_unit_test(the_result_changes_nothing),
        cmocka_unit_test(zeros_of_each_length_differ),
        cmocka_unit_test(cuts_show),
        cmocka_unit_test(every_bit_reaches_the_whole_result),
        cmocka_unit_test(small_numbers_do_not_collide),
        cmocka_unit_test(low_bits_spread),
    };
    return cmocka_run_group_tests_name("mix", tests, NULL, NULL);
}
