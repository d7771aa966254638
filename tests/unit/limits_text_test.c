/* limits_text_test.c - what people are told of a relay's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net-real/daemon/limits_text.h"

int limits_text_test(void);

static void what_is_left_is_said_behind_the_limits(void **state)
{
    (void)state;
    static const struct {
        relay_limits l;
        const char *text;
    } cases[] = {
        {{131072, 120, 99999, 85}, "128 KiB each way and 2 min, of which 97 KiB and 85 s are left"},
        {{131072, 120, 2047, 120},
         "128 KiB each way and 2 min, of which 2047 bytes and 2 min are left"},
        {{131072, 0, 131072, LIMITS_UNKNOWN}, "128 KiB each way, of which 128 KiB are left"},
        {{0, 43200, LIMITS_UNKNOWN, 43199}, "12 h, of which 11 h are left"},
        {{131072, 120, 0, 85}, "128 KiB each way and 2 min, which is used up"},
        {{131072, 120, 4096, 0}, "128 KiB each way and 2 min, which is used up"},
        {{131072, 120, LIMITS_UNKNOWN, LIMITS_UNKNOWN}, "128 KiB each way and 2 min"},
        {{0, 0, LIMITS_UNKNOWN, LIMITS_UNKNOWN}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[LIMITS_TEXT_MAX];
        assert_string_equal(limits_left_text(&cases[i].l, text), cases[i].text);
    }
}

/* A relay may say any number: it stays a text. */
static void the_longest_numbers_fit(void **state)
{
    (void)state;
    char text[LIMITS_TEXT_MAX];
    relay_limits most = {UINT64_MAX, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 1};
    assert_string_equal(limits_left_text(&most, text),
                        "18446744073709551615 bytes each way and 18446744073709551615 s, of which "
                        "17179869183 GiB and 5124095576030431 h are left");
}

int limits_text_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_said_behind_the_limits),
        cmocka_unit_test(the_longest_numbers_fit),
    };
    return cmocka_run_group_tests_name("limits_text", tests, NULL, NULL);
}
