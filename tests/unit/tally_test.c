/* tests/unit/tally_test.c - properties over many seeds: how many held, quantiles, the slowest seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/tally.h"

enum { TEXT_MAX = 2048 };

static const char text[] = "scenario: t\n"
                           "duration: 60s\n"
                           "network: {latency: {rtt: 80ms}}\n"
                           "nodes: {a: {knows: all}, b: {}}\n"
                           "events: [{at: 5s, connect: {from: a, to: b}}]\n"
                           "expect:\n"
                           "  - {name: reached, connected: {from: a, to: b}, within: 5s}\n"
                           "  - {name: nothing, never: unauthorized_data}\n";

static scenario *scenario_of_text(void)
{
    char path[] = "/tmp/peerup-tally-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    FILE *f = fdopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    scenario *s = scenario_read(path, NULL, 0, stdout);
    remove(path);
    assert_non_null(s);
    return s;
}

static void add(tally *t, uint64_t seed, uint64_t took_ns)
{
    run_property properties[] = {
        {.name = "reached", .held = took_ns <= 5 * PU_S, .took_ns = took_ns},
        {.name = "nothing", .held = seed != 3, .took_ns = PU_NEVER},
    };
    tally_add(t, seed, &(run_result){.properties = properties, .property_count = 2});
}

static void expect_print(tally *t, const char *want)
{
    char said[TEXT_MAX] = "";
    FILE *out = fmemopen(said, sizeof said - 1, "w");
    assert_non_null(out);
    tally_print(t, out);
    fclose(out);
    assert_string_equal(said, want);
}

#define HEAD                                                                                   \
    "property                   held    half in       90 %       99 %    slowest    allowed  " \
    "slowest seed\n"

/* A hundred seeds that took 0.01 s to 1 s in an order of their own: the n-th of a hundred is n
 * hundredths. */
static void quantiles_are_values_that_were_seen(void **state)
{
    (void)state;
    scenario *s = scenario_of_text();
    tally t = tally_new(s);
    expect_print(&t, "");
    for (uint64_t i = 0; i < 100; i++) add(&t, i + 1, (i * 37 % 100 + 1) * 10 * PU_MS);
    expect_print(&t, HEAD "reached                     100    0.500 s    0.900 s    0.990 s    "
                          "1.000 s    5.000 s  28\n"
                          "nothing                      99\n");
    tally_free(&t);
    scenario_free(s);
}

static void who_never_came_is_the_slowest(void **state)
{
    (void)state;
    scenario *s = scenario_of_text();
    tally t = tally_new(s);
    add(&t, 7, PU_S);
    expect_print(&t, HEAD "reached                       1    1.000 s    1.000 s    1.000 s    "
                          "1.000 s    5.000 s  7\n"
                          "nothing                       1\n");
    add(&t, 8, PU_NEVER);
    add(&t, 9, PU_NEVER);
    add(&t, 10, 5 * PU_S + 1);
    expect_print(&t, HEAD "reached                       1    5.000 s      never      never      "
                          "never    5.000 s  8\n"
                          "nothing                       4\n");
    tally_free(&t);
    scenario_free(s);
}

int tally_test(void);

int tally_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_values_that_were_seen),
        cmocka_unit_test(who_never_came_is_the_slowest),
    };
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
