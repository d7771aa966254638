/* multibase_test.c - the published multibase rows both ways, what must not decode, and round trips
 * of every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "ident/multibase.h"
#include "vectors/multibase.h"

int multibase_test(void);

static void published_rows_decode_and_encode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof multibase_vectors / sizeof multibase_vectors[0]; i++) {
        const multibase_vector *v = &multibase_vectors[i];
        uint8_t memory[64];
        pu_buf bytes = buf_of(memory, sizeof memory);
        assert_true(multibase_get(&bytes, v->text));
        assert_true(span_equal(buf_span(&bytes), v->bytes));
        if (!v->is_canonical) continue;
        pu_buf text = buf_of(memory, sizeof memory);
        multibase_put(&text, v->base, v->bytes);
        assert_false(text.full);
        assert_true(span_equal(buf_span(&text), v->text));
    }
}

static void what_no_bytes_encode_to_is_refused(void **state)
{
    static const char *const texts[] = {
        /* no prefix, and prefixes of other bases: none, base58flickr, base64 */
        "",
        "1abc",
        "Zabc",
        "maGVsbG8",
        "\x80",
        /* half a byte, twice */
        "f6",
        "f68656",
        /* impossible lengths in base 32 and base 64 */
        "ba",
        "baaa",
        "baaaaaa",
        "baaaaaaaaa",
        "uA",
        "uAAAAA",
        /* unused bits that are set */
        "bab",
        "baaac",
        "baaaab",
        "baaaaaac",
        "uAB",
        "uAAB",
        /* no digits */
        "f6g0",
        "ba1",
        "baa======",
        "k-",
        "kab_",
        "z0",
        "zO",
        "zI",
        "zl",
        "uAA==",
        "uA+",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t memory[64];
        pu_buf bytes = buf_of(memory, sizeof memory);
        if (multibase_get(&bytes, span_of(texts[i], strlen(texts[i])))) fail_msg("%s", texts[i]);
    }
    /* the base without a prefix cannot be reached by a zero byte */
    uint8_t memory[64];
    pu_buf bytes = buf_of(memory, sizeof memory);
    assert_false(multibase_get(&bytes, span_of("\0QUI", 4)));
}

static void only_single_letter_bases_ignore_case(void **state)
{
    static const struct {
        enum base base;
        const char *a, *b;
        bool same;
    } cases[] = {
        {BASE16, "abcdef", "ABCdeF", true},     {BASE32, "mzxw6ytb", "MzXW6yTb", true},
        {BASE36, "k2lcpzo5", "K2LcpZO5", true}, {BASE58, "abcdef", "ABcdef", false},
        {BASE64_URL, "abcd", "ABcd", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory_a[32], memory_b[32];
        pu_buf a = buf_of(memory_a, sizeof memory_a), b = buf_of(memory_b, sizeof memory_b);
        assert_true(base_get(&a, cases[i].base, span_of(cases[i].a, strlen(cases[i].a))));
        assert_true(base_get(&b, cases[i].base, span_of(cases[i].b, strlen(cases[i].b))));
        assert_int_equal(span_equal(buf_span(&a), buf_span(&b)), cases[i].same);
    }
}

static void all_lengths_come_back(void **state)
{
    static const uint8_t seed[32] = {3};
    (void)state;
    rng choice;
    rng_init(&choice, seed, 0);
    for (enum base base = BASE16; base <= BASE64_GARLIC; base++) {
        for (size_t len = 0; len <= BASE_NUMBER_MAX; len++) {
            uint8_t bytes[BASE_NUMBER_MAX], text[2 * BASE_NUMBER_MAX], back[BASE_NUMBER_MAX];
            rng_bytes(&choice, bytes, len);
            memset(bytes, 0, len % 5 < len ? len % 5 : len); /* some leading zeros */
            pu_buf digits = buf_of(text, sizeof text), result = buf_of(back, sizeof back);
            base_put(&digits, base, span_of(bytes, len));
            assert_false(digits.full);
            assert_true(base_get(&result, base, buf_span(&digits)));
            assert_true(span_equal(buf_span(&result), span_of(bytes, len)));
        }
    }
}

static void the_largest_number_fits_and_a_larger_does_not(void **state)
{
    (void)state;
    static const enum base long_bases[] = {BASE36, BASE58};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[BASE_NUMBER_MAX], text[256], back[256];
        memset(bytes, 0xff, sizeof bytes);
        pu_buf digits = buf_of(text, sizeof text), result = buf_of(back, sizeof back);
        base_put(&digits, long_bases[i], span_of(bytes, sizeof bytes));
        assert_true(base_get(&result, long_bases[i], buf_span(&digits)));
        assert_int_equal(result.len, BASE_NUMBER_MAX);
        /* one digit more, at either end or of another kind */
        buf_put_u8(&digits, '1');
        result = buf_of(back, sizeof back);
        assert_false(base_get(&result, long_bases[i], buf_span(&digits)));
    }
    uint8_t zeros[BASE_NUMBER_MAX + 1], back[256];
    memset(zeros, '1', sizeof zeros);
    pu_buf result = buf_of(back, sizeof back);
    assert_true(base_get(&result, BASE58, span_of(zeros, BASE_NUMBER_MAX)));
    assert_int_equal(result.len, BASE_NUMBER_MAX);
    result = buf_of(back, sizeof back);
    assert_false(base_get(&result, BASE58, span_of(zeros, BASE_NUMBER_MAX + 1)));
    uint8_t many[4096];
    memset(many, 'z', sizeof many);
    result = buf_of(back, sizeof back);
    assert_false(base_get(&result, BASE58, span_of(many, sizeof many)));
}

static void little_room_is_noticed(void **state)
{
    (void)state;
    for (enum base base = BASE16; base <= BASE64_URL; base++) {
        uint8_t text[64], back[64];
        pu_buf digits = buf_of(text, sizeof text);
        multibase_put(&digits, base, SPAN_LITERAL("twelve bytes"));
        for (size_t cap = 0; cap <= 12; cap++) {
            pu_buf result = buf_of(back, cap);
            assert_int_equal(multibase_get(&result, buf_span(&digits)), cap == 12);
        }
        for (size_t cap = 0; cap <= digits.len; cap++) {
            pu_buf again = buf_of(back, cap);
            multibase_put(&again, base, SPAN_LITERAL("twelve bytes"));
            assert_int_equal(again.full, cap < digits.len);
        }
    }
}

int multibase_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_rows_decode_and_encode),
        cmocka_unit_test(what_no_bytes_encode_to_is_refused),
        cmocka_unit_test(only_single_letter_bases_ignore_case),
        cmocka_unit_test(all_lengths_come_back),
        cmocka_unit_test(the_largest_number_fits_and_a_larger_does_not),
        cmocka_unit_test(little_room_is_noticed),
    };
    return cmocka_run_group_tests_name("multibase", tests, NULL, NULL);
}
