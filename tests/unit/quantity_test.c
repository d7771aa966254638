/* quantity_test.c - numbers with units: exact values, what is refused and in which words, printing,
 * and the nearest word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/suggest.h"
#include "sim/quantity.h"

int quantity_test(void);

static const struct {
    enum quantity_kind kind;
    const char *text;
    uint64_t value;
} good[] = {
    {QUANTITY_DURATION, "0s", 0},
    {QUANTITY_DURATION, "1ns", 1},
    {QUANTITY_DURATION, "35ms", 35 * PU_MS},
    {QUANTITY_DURATION, "120s", 120 * PU_S},
    {QUANTITY_DURATION, "1h30m", 5400 * PU_S},
    {QUANTITY_DURATION, "116min", 6960 * PU_S},
    {QUANTITY_DURATION, "1d2h3min4s5ms6us7ns", 93784 * PU_S + 5 * PU_MS + 6 * PU_US + 7},
    {QUANTITY_DURATION, "0.5d", 43200 * PU_S},
    {QUANTITY_DURATION, "1.5s", 1500 * PU_MS},
    {QUANTITY_DURATION, "0.000000001s", 1},
    {QUANTITY_DURATION, "1.500000000000s", 1500 * PU_MS},
    {QUANTITY_DURATION, "366d", QUANTITY_DURATION_MAX},
    {QUANTITY_RATE, "20Mbit", 20000000},
    {QUANTITY_RATE, "56kbit", 56000},
    {QUANTITY_RATE, "2.5Gbit", 2500000000},
    {QUANTITY_SHARE, "0%", 0},
    {QUANTITY_SHARE, "0.5%", 5000},
    {QUANTITY_SHARE, "0.0001%", 1},
    {QUANTITY_SHARE, "100%", 1000000},
    {QUANTITY_SIZE, "10KiB", 10240},
    {QUANTITY_SIZE, "64kB", 64000},
    {QUANTITY_SIZE, "0.5KiB", 512},
    {QUANTITY_SIZE, "1GiB", 1073741824},
    {QUANTITY_COUNT, "0", 0},
    {QUANTITY_COUNT, "9223372036854775807", INT64_MAX},
    {QUANTITY_FRACTION, "0.5715", 571500},
    {QUANTITY_FRACTION, "1", 1000000},
    {QUANTITY_SECONDS, "65", 65 * PU_S},
    {QUANTITY_FACTOR, "0.518", 518000},
    {QUANTITY_FACTOR, "1000", 1000000000},
    {QUANTITY_JUMP, "2years", 2 * UINT64_C(31556952) * PU_S},
    {QUANTITY_JUMP, "1year", UINT64_C(31556952) * PU_S},
    {QUANTITY_JUMP, "1h30min", 5400 * PU_S},
    {QUANTITY_JUMP, "100years", 100 * UINT64_C(31556952) * PU_S},
};

static void good_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char why[QUANTITY_WHY_MAX] = "";
        uint64_t value = 99;
        if (!quantity_read(good[i].kind, good[i].text, &value, why)) fail_msg("%s", why);
        if (value != good[i].value) fail_msg("%s: %llu", good[i].text, (unsigned long long)value);
    }
}

static const struct {
    enum quantity_kind kind;
    const char *text, *why;
} bad[] = {
    {QUANTITY_DURATION, "", "'' is not a duration: write it like 120s"},
    {QUANTITY_DURATION, "s", "'s' is not a duration: write it like 120s"},
    {QUANTITY_DURATION, "120",
     "'120' is not a duration: its unit is missing: ns, us, ms, s, m, min, h or d"},
    {QUANTITY_DURATION, "-5s", "'-5s' is not a duration: it is negative"},
    {QUANTITY_DURATION, "1e3s",
     "'1e3s' is not a duration: unknown unit 'e', use ns, us, ms, s, m, min, h or d"},
    {QUANTITY_DURATION, "5 s", "'5 s' is not a duration: unknown unit ' s', did you mean 'ns'?"},
    {QUANTITY_DURATION, "3mn", "'3mn' is not a duration: unknown unit 'mn', did you mean 'ms'?"},
    {QUANTITY_DURATION, "30m1h",
     "'30m1h' is not a duration: its parts go from coarse to fine, each once"},
    {QUANTITY_DURATION, "1s2s",
     "'1s2s' is not a duration: its parts go from coarse to fine, each once"},
    {QUANTITY_DURATION, "0.5ns", "'0.5ns' is not a duration: it is too fine"},
    {QUANTITY_DURATION, "1.s", "'1.s' is not a duration: no digit follows the point"},
    {QUANTITY_DURATION, "0.0000000000000000001s",
     "'0.0000000000000000001s' is not a duration: it has too many decimals"},
    {QUANTITY_DURATION, "367d", "'367d' is not a duration: it is too large"},
    {QUANTITY_DURATION, "366d1ns", "'366d1ns' is not a duration: it is too large"},
    {QUANTITY_DURATION, "18446744073709551616ns",
     "'18446744073709551616ns' is not a duration: it is too large"},
    {QUANTITY_RATE, "20mbit", "'20mbit' is not a rate: unknown unit 'mbit', did you mean 'Mbit'?"},
    {QUANTITY_RATE, "1Mbit2kbit", "'1Mbit2kbit' is not a rate: write it like 20Mbit"},
    {QUANTITY_SHARE, "2", "'2' is not a share: its unit is missing: %"},
    {QUANTITY_SHARE, "101%", "'101%' is not a share: it is too large"},
    {QUANTITY_SHARE, "0.00001%", "'0.00001%' is not a share: it is too fine"},
    {QUANTITY_SIZE, "10kiB", "'10kiB' is not a size: unknown unit 'kiB', did you mean 'KiB'?"},
    {QUANTITY_SIZE, "1.5B", "'1.5B' is not a size: it is too fine"},
    {QUANTITY_COUNT, "5x", "'5x' is not a whole number: it takes no unit"},
    {QUANTITY_COUNT, "0.5", "'0.5' is not a whole number: it is too fine"},
    {QUANTITY_COUNT, "9223372036854775808",
     "'9223372036854775808' is not a whole number: it is too large"},
    {QUANTITY_FRACTION, "1.000001", "'1.000001' is not a fraction: it is too large"},
    {QUANTITY_SECONDS, "65s", "'65s' is not a number of seconds: it takes no unit"},
};

static void bad_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char why[QUANTITY_WHY_MAX] = "";
        uint64_t value = 99;
        assert_false(quantity_read(bad[i].kind, bad[i].text, &value, why));
        assert_string_equal(why, bad[i].why);
        assert_true(value == 99);
    }
}

static void long_text_is_cut(void **state)
{
    (void)state;
    char text[1000], why[QUANTITY_WHY_MAX];
    uint64_t value;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[0] = '7';
    assert_false(quantity_read(QUANTITY_DURATION, text, &value, why));
    assert_non_null(strstr(why, "unknown unit 'xxxxxxxxxxxxxxx',"));
}

static const struct {
    enum quantity_kind kind;
    uint64_t value;
    const char *text;
} printed[] = {
    {QUANTITY_DURATION, 0, "0ns"},         {QUANTITY_DURATION, 250 * PU_MS, "250ms"},
    {QUANTITY_DURATION, 90 * PU_S, "90s"}, {QUANTITY_DURATION, 3600 * PU_S, "1h"},
    {QUANTITY_SIZE, 16384, "16KiB"},       {QUANTITY_SIZE, 1000, "1kB"},
    {QUANTITY_COUNT, 65536, "65536"},      {QUANTITY_RATE, 20000000, "20Mbit"},
};

static void printing_is_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof printed / sizeof printed[0]; i++) {
        char out[QUANTITY_PRINT_MAX], why[QUANTITY_WHY_MAX];
        uint64_t value = 99;
        assert_string_equal(quantity_print(printed[i].kind, printed[i].value, out),
                            printed[i].text);
        assert_true(quantity_read(printed[i].kind, out, &value, why));
        assert_true(value == printed[i].value);
    }
}

static const struct {
    const char *a, *b;
    unsigned distance; /* counted up to 3 */
} pairs[] = {
    {"", "", 0},         {"", "ab", 2},        {"loss", "loss", 0}, {"los", "loss", 1},
    {"lsos", "loss", 1}, {"lxss", "loss", 1},  {"slos", "loss", 2}, {"acess", "access", 1},
    {"abcd", "wxyz", 3}, {"ab", "abcdefg", 3},
};

static void distances(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_equal(suggest_distance(pairs[i].a, pairs[i].b, 2), pairs[i].distance);
        assert_int_equal(suggest_distance(pairs[i].b, pairs[i].a, 2), pairs[i].distance);
    }
}

static const char *hint_for(const char *wanted, char out[SUGGEST_HINT_MAX])
{
    static const char *const words[] = {"bit", "kbit", "Mbit", "duration", "s"};
    suggest near;
    suggest_begin(&near, wanted);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) suggest_offer(&near, words[i]);
    return suggest_hint(&near, out);
}

static void nearest_word(void **state)
{
    (void)state;
    char out[SUGGEST_HINT_MAX];
    assert_string_equal(hint_for("mbit", out), ", did you mean 'Mbit'?");
    assert_string_equal(hint_for("gbit", out), ", did you mean 'bit'?");
    assert_string_equal(hint_for("druation", out), ", did you mean 'duration'?");
    assert_string_equal(hint_for("durrations", out), ", did you mean 'duration'?");
    assert_string_equal(hint_for("xdrrations", out), "");
    assert_string_equal(hint_for("x", out), "");
    assert_string_equal(hint_for("dura", out), ", did you mean 'duration'?"); /* its beginning */
    assert_string_equal(hint_for("dur", out), "");
}

int quantity_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),       cmocka_unit_test(bad_texts),
        cmocka_unit_test(long_text_is_cut), cmocka_unit_test(printing_is_exact),
        cmocka_unit_test(distances),        cmocka_unit_test(nearest_word),
    };
    return cmocka_run_group_tests_name("quantity", tests, NULL, NULL);
}
