/* tests/unit/steps_test.c - the golden step traces of tests/steps, each a test of its own, and a
 * node that is given inputs nobody would send. Run from the root of the repository. */
#include "tests/lib/steps.h"

#include "tests/lib/chaos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

int steps_test(void);

static void runs_as_written(void **state)
{
    char path[128];
    snprintf(path, sizeof path, "tests/steps/%s.txt", (const char *)*state);
    assert_true(steps_run(path));
}

/* One life in four comes as far as a hole punch. */
enum { CHAOS_INPUTS = 20000, CHAOS_LIVES = 16 };

/* The counts show that the inputs went deep, not only that all were refused. */
static void any_input_is_taken_or_refused(void **state)
{
    (void)state;
    unsigned circuits = 0, punches = 0;
    for (unsigned seed = 1; seed <= CHAOS_LIVES; seed++) {
        const chaos_result r = chaos_run(seed, CHAOS_INPUTS);
        print_message(
            "seed %u: taken %u refused %u effects %u confirmed %u selected %u circuits %u "
            "punches %u apps %u\n",
            seed, r.taken, r.refused, r.effects, r.confirmed, r.selected, r.circuits, r.punches,
            r.apps);
        assert_true(r.taken > CHAOS_INPUTS / 2);
        assert_true(r.refused > CHAOS_INPUTS / 20);
        assert_true(r.confirmed > 100);
        assert_true(r.selected > 500);
        assert_true(r.apps > 100);
        assert_int_equal(r.peers_left, 0);
        assert_int_equal(r.bytes_left, 0);
        circuits += r.circuits;
        punches += r.punches;
    }
    assert_true(circuits > 100);
    assert_true(punches > 0);
}

#define FILE_TEST(name)                                              \
    {                                                                \
        name, runs_as_written, NULL, NULL, (void *)(uintptr_t)(name) \
    }

int steps_test(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST("start-order"),    FILE_TEST("gater"),
        FILE_TEST("dial-race"),      FILE_TEST("backoff"),
        FILE_TEST("families"),       FILE_TEST("connect-command"),
        FILE_TEST("identify"),       FILE_TEST("identify-trim"),
        FILE_TEST("ping"),           FILE_TEST("relay-client"),
        FILE_TEST("relay-server"),   FILE_TEST("dcutr"),
        FILE_TEST("hostile"),        FILE_TEST("ends"),
        FILE_TEST("network-change"), FILE_TEST("stop"),
        FILE_TEST("apps"),           FILE_TEST("app-open"),
        FILE_TEST("services"),       FILE_TEST("limits"),
        FILE_TEST("names"),          cmocka_unit_test(any_input_is_taken_or_refused),
    };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
