/* varint_test.c - unsigned varints: the specification's values, and every form that must be
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/varint.h"
#include "tests/unit/hex.h"

int varint_test(void);

static const struct {
    uint64_t value;
    const char *hex;
} good[] = {
    {0, "00"},
    {1, "01"},
    {127, "7f"},
    {128, "8001"},
    {255, "ff01"},
    {300, "ac02"},
    {16383, "ff7f"},
    {16384, "808001"},
    {UINT32_MAX, "ffffffff0f"},
    {UINT64_C(1) << 56, "808080808080808001"},
    {INT64_MAX, "ffffffffffffffff7f"},
};

static void known_values_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint8_t want_memory[16], memory[16];
        pu_span want = hex_bytes(good[i].hex, want_memory, sizeof want_memory);
        pu_buf out = buf_of(memory, sizeof memory);
        varint_put(&out, good[i].value);
        assert_false(out.full);
        assert_true(span_equal(buf_span(&out), want));
        assert_int_equal(varint_size(good[i].value), want.len);

        pu_span in = want;
        uint64_t value = 99;
        assert_int_equal(varint_get(&in, &value), VARINT_OK);
        assert_true(value == good[i].value);
        assert_int_equal(in.len, 0);
    }
}

static void edges_of_each_length_both_ways(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 63; bits++) {
        uint64_t top = (UINT64_C(1) << (bits - 1)) | ((UINT64_C(1) << (bits - 1)) - 1);
        uint8_t memory[VARINT_MAX_BYTES];
        pu_buf out = buf_of(memory, sizeof memory);
        varint_put(&out, top);
        assert_false(out.full);
        assert_int_equal(out.len, (bits + 6) / 7);
        assert_int_equal(varint_size(top), out.len);
        pu_span in = buf_span(&out);
        uint64_t value = 0;
        assert_int_equal(varint_get(&in, &value), VARINT_OK);
        assert_true(value == top);
    }
}

static void truncated_is_incomplete(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint8_t memory[16];
        pu_span whole = hex_bytes(good[i].hex, memory, sizeof memory);
        for (size_t len = 0; len < whole.len; len++) {
            pu_span in = span_head(whole, len);
            uint64_t value = 99;
            assert_int_equal(varint_get(&in, &value), VARINT_MORE);
            assert_int_equal(in.len, len);
            assert_true(value == 99);
        }
    }
}

static void over_long_and_not_minimal_are_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "8000",                   /* 0 in two bytes */
        "8100",                   /* 1 in two bytes */
        "ff8000",                 /* 127 in three bytes */
        "ffffffffffffffff00",     /* ends in a zero group at the ninth byte */
        "ffffffffffffffffff",     /* a ninth byte that wants a tenth */
        "ffffffffffffffffff01",   /* 2^64 - 1 in ten bytes */
        "80808080808080808001",   /* 2^63 in ten bytes */
        "8080808080808080808001", /* eleven bytes */
        "80808080808080808080",   /* ten times "more" */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t memory[16];
        pu_span whole = hex_bytes(bad[i], memory, sizeof memory);
        pu_span in = whole;
        uint64_t value = 99;
        assert_int_equal(varint_get(&in, &value), VARINT_BAD);
        assert_int_equal(in.len, whole.len);
        assert_true(value == 99);
    }
}

static void takes_one_and_leaves_the_rest(void **state)
{
    (void)state;
    uint8_t memory[8];
    pu_span in = hex_bytes("ac02 07 ff", memory, sizeof memory);
    uint64_t value = 0;
    assert_int_equal(varint_get(&in, &value), VARINT_OK);
    assert_int_equal(value, 300);
    assert_int_equal(varint_get(&in, &value), VARINT_OK);
    assert_int_equal(value, 7);
    assert_int_equal(in.len, 1);
    assert_int_equal(in.base[0], 0xff);
}

static void block_comes_whole_or_not_at_all(void **state)
{
    (void)state;
    uint8_t memory[8];
    pu_span whole = hex_bytes("03 616263 04", memory, sizeof memory);
    for (size_t len = 0; len < 4; len++) {
        pu_span in = span_head(whole, len);
        pu_span body = {0};
        assert_int_equal(varint_get_block(&in, 3, &body), VARINT_MORE);
        assert_int_equal(in.len, len);
        assert_null(body.base);
    }
    pu_span in = whole;
    pu_span body;
    assert_int_equal(varint_get_block(&in, 3, &body), VARINT_OK);
    assert_true(span_equal(body, SPAN_LITERAL("abc")));
    assert_int_equal(in.len, 1);
    assert_int_equal(in.base[0], 4);
}

static void empty_block_is_a_block(void **state)
{
    (void)state;
    uint8_t memory[1];
    pu_span in = hex_bytes("00", memory, sizeof memory);
    pu_span body = {NULL, 9};
    assert_int_equal(varint_get_block(&in, 0, &body), VARINT_OK);
    assert_int_equal(body.len, 0);
    assert_int_equal(in.len, 0);
}

/* The length alone decides: nothing of the body has come, and nothing is waited for.
 * GHSA-xqvc-92cf-94j4 allocated what was announced, rust-libp2p#6467 added length and header up
 * until they wrapped. */
static void block_above_the_limit_is_bad_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t max;
    } cases[] = {
        {"04", 3},
        {"8108", 1024},              /* 1,025 */
        {"808080808020", 1 << 20},   /* 2^40 claimed, nothing sent */
        {"ffffffffffffffff7f", 100}, /* 2^63 - 1: header and length must not be added up */
        {"ffffffffffffffff7f", SIZE_MAX >> 2},
        {"ffffffffffffffffff01", SIZE_MAX}, /* not a varint at all */
        {"8300616263", 3},                  /* not minimal */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[16];
        pu_span whole = hex_bytes(cases[i].hex, memory, sizeof memory);
        pu_span in = whole;
        pu_span body = {0};
        assert_int_equal(varint_get_block(&in, cases[i].max, &body), VARINT_BAD);
        assert_int_equal(in.len, whole.len);
    }
}

static void huge_block_within_the_limit_waits(void **state)
{
    (void)state;
    uint8_t memory[16];
    pu_span in = hex_bytes("ffffffffffffffff7f 00", memory, sizeof memory);
    pu_span body = {0};
    assert_int_equal(varint_get_block(&in, SIZE_MAX, &body), VARINT_MORE);
    assert_int_equal(in.len, 10);
}

static void put_without_room_is_full(void **state)
{
    (void)state;
    uint8_t memory[1];
    pu_buf out = buf_of(memory, sizeof memory);
    varint_put(&out, 300);
    assert_true(out.full);
}

int varint_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_both_ways),
        cmocka_unit_test(edges_of_each_length_both_ways),
        cmocka_unit_test(truncated_is_incomplete),
        cmocka_unit_test(over_long_and_not_minimal_are_bad),
        cmocka_unit_test(takes_one_and_leaves_the_rest),
        cmocka_unit_test(block_comes_whole_or_not_at_all),
        cmocka_unit_test(empty_block_is_a_block),
        cmocka_unit_test(block_above_the_limit_is_bad_at_once),
        cmocka_unit_test(huge_block_within_the_limit_waits),
        cmocka_unit_test(put_without_room_is_full),
    };
    return cmocka_run_group_tests_name("varint", tests, NULL, NULL);
}
