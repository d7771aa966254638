/* life_test.c - lives in whole runs: what a crash leaves, what is kept, what properties make of it;
 * each property also where it must fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/run_play.h"

int life_test(void);

static void properties_can_fail(void **state)
{
    (void)state;
    static const struct {
        const char *path, *property;
        const char *sets[SETS_MAX];
    } cases[] = {
        /* nothing was kept, or nobody crashed */
        {"comes-back", "back-directly", {"events.2.restart.keep=false"}},
        {"comes-back", "together", {"events.2.restart.keep=false"}},
        {"relay-dies", "home-says-so", {"events.1.crash=second", "expect.home-says-so.within=2s"}},
        {"relay-dies", "other-takes-over", {"nodes.home.relays=[first]"}},
        {"relay-dies", "still-there", {"nodes.laptop.relays=[first]"}},
        {"only-relay-dies", "tablet-returns", {"events.3.at=290s"}},
        {"only-relay-dies", "reserved-again", {"events.3.at=290s"}},
        {"cut-off", "together", {"events.1.partition.for=250s"}},
        {"cut-off", "by-relay-meanwhile", {"events.2.block.to=relay"}},
        {"clock-ahead", "reached-again", {"events.5.at=22min"}},
        {"faults", "back", {"events.6.at=399s"}},
        {"crowd", "together", {"expect.together.within=1s", "duration=12min"}},
        {"relay-lies", "for-good", {"expect.for-good.after=20s"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "scenarios/life/%s.yaml", cases[i].path);
        fails_by(path, NULL, cases[i].property, cases[i].sets);
    }
}

/* What is streamed arrives; not too late, not by a relay that limits it, not from strangers. */
static void streams_are_delivered_or_not(void **state)
{
    (void)state;
    static const char path[] = "scenarios/base/copy-a-file.yaml";
    static const struct {
        const char *property;
        const char *sets[SETS_MAX];
    } cases[] = {
        {"copied", {"expect.copied.within=500ms"}},
        {"fetched", {"config.dcutr=false", "events.1.stream.bytes=9kB"}}, /* 2 MiB by the relay */
        {"copied", {"authorize=[[home, stranger]]"}},
        {"copied", {"nodes.home.config.streams_per_protocol_max=1"}},
    };
    assert_true(holds(path, NULL, "copied"));
    assert_true(holds(path, NULL, "fetched"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (holds(path, cases[i].sets, cases[i].property)) fail_msg("%zu holds", i);
    static const char *const few[SETS_MAX] = {"config.dcutr=false", "events.1.stream.bytes=9kB",
                                              "events.2.stream.bytes=90kB",
                                              "events.6.stream.bytes=90kB"};
    assert_true(holds(path, few, "fetched")); /* by the relay, within its limit */
}

/* A run with everything in it twice: same seed, same bytes. */
static void lives_are_repeatable(void **state)
{
    (void)state;
    static const char *const paths[] = {"scenarios/life/faults.yaml", "scenarios/life/crowd.yaml",
                                        "scenarios/life/cut-off.yaml",
                                        "scenarios/base/copy-a-file.yaml"};
    static const char *const shorter[SETS_MAX] = {"duration=11min"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        scenario *s = scenario_of(paths[i], i == 1 ? shorter : NULL);
        run_result a = run_of(s, 7), b = run_of(s, 7), c = run_of(s, 8);
        assert_memory_equal(a.hash, b.hash, sizeof a.hash);
        assert_memory_not_equal(a.hash, c.hash, sizeof a.hash);
        assert_int_equal(a.events, b.events);
        run_result_free(&a);
        run_result_free(&b);
        run_result_free(&c);
        scenario_free(s);
    }
}

int life_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_can_fail),
        cmocka_unit_test(streams_are_delivered_or_not),
        cmocka_unit_test(lives_are_repeatable),
    };
    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
