/* swarm_test.c - what a seed draws: links that fail one after the other, and faults of all sorts.
 */
#include "tests/unit/net_world.h"

#include "sim/run.h"
#include "tests/unit/run_play.h"

int swarm_test(void);

static void a_failed_link_carries_nothing(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t home = add(&w, box, 0, &plain), neighbour = add(&w, box, 0, &plain);
    uint32_t server = add(&w, NET_NONE, 1, &plain);
    send(&w, 0, home, own(&w, server), 1);
    run_all(&w);
    pu_endpoint outer = seen(&w, PU_S, home, own(&w, server));

    forget(&w); /* neither way, nor inside */
    net_host_clog(w.n, home, true);
    net_host_clog(w.n, home, true);
    send(&w, PU_S, home, own(&w, server), 2);
    send(&w, PU_S, server, outer, 3);
    send(&w, PU_S, neighbour, own(&w, home), 4);
    send(&w, PU_S, neighbour, own(&w, server), 5);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0].first, 5);
    assert_int_equal(count_fate(&w, NET_CUT), 3);

    forget(&w); /* it failed twice */
    net_host_clog(w.n, home, false);
    send(&w, 2 * PU_S, server, outer, 6);
    run_all(&w);
    assert_int_equal(count_fate(&w, NET_CUT), 1);
    net_host_clog(w.n, home, false);
    send(&w, 3 * PU_S, server, outer, 7);
    run_all(&w);
    assert_int_equal(count_fate(&w, NET_DELIVERED), 1);
    assert_int_equal(w.n->clogged, 0);
    world_close(&w);
}

static void both_are_read(void **state)
{
    (void)state;
    static const uint8_t side[] = {1, 0, 0, 1, 1};
    scenario *s = read_good(HEAD NODES "swarm: {from: 5s, until: 50s, kinds: [crash, clock]}\n"
                                       "groups: {g: {count: 2}}\nevents:\n"
                                       "  - {at: 1s, swizzle: {of: [g, relay], share: 25%, over: "
                                       "2s, for: 3s}}\n"
                                       "  - {at: 2s, swizzle: {of: g, over: 2s}}\n",
                            NULL);
    assert_int_equal(s->swarm.kinds, 1 | 1 << 8);
    assert_true(s->swarm.from == 5 * PU_S && s->swarm.until == 50 * PU_S);
    assert_int_equal(s->events[0].kind, SCENARIO_SWIZZLE);
    assert_memory_equal(s->events[0].side, side, sizeof side);
    assert_int_equal(s->events[0].share_ppm, 250000);
    assert_int_equal(s->events[1].share_ppm, 500000);
    assert_true(s->events[0].over_ns == 2 * PU_S && s->events[0].for_ns == 3 * PU_S);
    scenario_free(s);
    s = read_good(HEAD NODES "swarm: true\n", NULL);
    assert_int_equal(s->swarm.kinds, (1 << SWARM_KINDS) - 1);
    assert_true(s->swarm.from == 7500 * PU_MS && s->swarm.until == 30 * PU_S);
    scenario_free(s);
    s = read_good(HEAD NODES "swarm: false\n", NULL);
    assert_int_equal(s->swarm.kinds, 0);
    scenario_free(s);
}

static const bad_scenario bad[] = {
    {HEAD NODES "swarm: maybe\n", "10:8: swarm: unknown word 'maybe', use false or true\n"},
    {HEAD NODES "swarm: {from: 50s, until: 55s}\n",
     "10:8: swarm: from 'from' to 'until' are 10 s at least\n"},
    {HEAD NODES "swarm: {from: 50s, until: 55s, kinds: [crush], untl: 5s}\n",
     "10:40: swarm.kinds.0: unknown word 'crush', did you mean 'crash'?\n"
     "10:48: swarm: unknown key 'untl', did you mean 'until'?\n"},
    {HEAD NODES "swarm: {kinds: []}\n", "10:16: swarm.kinds: it names a sort of fault at least\n"},
    {HEAD NODES "swarm: true\nevents:\n  - {at: 1s, connect: {from: home, to: laptop}}\n"
                "  - {at: 2s, stream: {from: home, to: laptop, bytes: 5B}}\nexpect:\n"
                "  - {name: a, connected: {from: home, to: laptop}, within: 5s}\n"
                "  - {name: b, connected: {from: home, to: laptop}, after: 29s, within: 5s}\n"
                "  - {name: c, together: {from: home, to: laptop}, within: 5s}\n"
                "  - {name: d, delivered: {from: home, to: laptop}, within: 5s}\n"
                "  - {name: e, connected: {from: home, to: laptop}, after: 30s, within: 5s}\n"
                "  - {name: f, never: apart, from: home, to: laptop, after: 29s}\n"
                "  - {name: g, never: apart, from: home, to: laptop, after: 30s}\n",
     "15:5: expect.0: faults are drawn: it can be expected 'after' they are over\n"
     "16:5: expect.1: faults are drawn: it can be expected 'after' they are over\n"
     "17:5: expect.2: faults are drawn: nobody knows who can be together\n"
     "18:5: expect.3: faults are drawn: what is streamed before they are over may be lost\n"
     "20:5: expect.5: faults are drawn: it can be expected 'after' they are over\n"},
    {HEAD NODES "events:\n  - {at: 1s, swizzle: {of: [], over: 0s, share: 0%}}\n"
                "  - {at: 1s, swizzle: {of: home}}\n",
     "11:28: events.0.swizzle.of: nobody is on this side\n"
     "11:38: events.0.swizzle.over: one after the other takes some time\n"
     "11:49: events.0.swizzle.share: no link would fail\n"
     "12:23: events.1.swizzle: the key 'over' is missing\n"},
};

static void every_complaint_has_its_place(void **state)
{
    (void)state;
    each_is_complained_of(bad, COUNT(bad));
}

static void properties_can_fail(void **state)
{
    (void)state;
    static const char path[] = "scenarios/life/swizzle.yaml";
    static const char *const long_one[SETS_MAX] = {"events.0.swizzle.for=3min",
                                                   "events.0.swizzle.share=100%"};
    static const char *const hasty[SETS_MAX] = {"expect.after-all.within=1ms"};
    assert_true(holds(path, NULL, "after-half") && holds(path, NULL, "after-all"));
    assert_false(holds(path, long_one, "after-half")); /* they are still failed */
    assert_false(holds(path, hasty, "after-all"));
}

/* Every sort alone, and all together: same seed, same bytes; other seeds draw other faults. */
static void what_is_drawn_is_repeatable(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind <= SWARM_KINDS; kind++) {
        char set[64];
        uint64_t before = 0;
        snprintf(set, sizeof set, "swarm.kinds=[%s]",
                 kind < SWARM_KINDS ? swarm_kinds[kind] : "crash, sleep, change_network");
        const char *const sets[] = {set};
        scenario *s = scenario_read("scenarios/life/swarm.yaml", sets, 1, stdout);
        assert_non_null(s);
        for (uint64_t run = 0; run < 4; run++) {
            run_result result = run_of(s, 1 + run / 2);
            for (uint32_t i = 0; i < result.property_count; i++)
                if (!result.properties[i].held) fail_msg("%s: %s", set, result.properties[i].name);
            assert_true((result.hash[0] == before) == (run % 2 == 1));
            before = result.hash[0];
            run_result_free(&result);
        }
        scenario_free(s);
    }
}

/* What no drawn fault touches holds without having been tried, and says so. */
static void untouched_properties_say_so(void **state)
{
    (void)state;
    static const char text[] =
        HEAD NODES "swarm: {from: 5s, until: 30s, kinds: [reboot]}\n"
                   "expect:\n"
                   "  - {name: said, says: relay_lost, node: relay, after: 30s, within: 5s}\n"
                   "  - {name: never, never: direct, from: home, to: laptop}\n";
    static const char *const kinds[SETS_MAX] = {"swarm.kinds=[partition]"};
    scenario *calm = read_good(text, NULL); /* relay has no box: nothing that restarts is its own */
    run_result a = run_of(calm, 1);
    assert_non_null(strstr(a.properties[0].why, "; no fault was drawn for them"));
    assert_null(strstr(a.properties[1].why, "no fault"));
    scenario *stormy = read_good(text, kinds);
    run_result b = run_of(stormy, 1);
    assert_null(strstr(b.properties[0].why, "no fault"));
    run_result_free(&a);
    run_result_free(&b);
    scenario_free(calm);
    scenario_free(stormy);
}

/* A swarm changes what happens, and nothing that is drawn besides. */
static void without_faults_it_is_another_run(void **state)
{
    (void)state;
    static const char *const none[] = {"swarm=false"};
    scenario *calm = scenario_read("scenarios/life/swarm.yaml", none, 1, stdout);
    scenario *stormy = scenario_read("scenarios/life/swarm.yaml", NULL, 0, stdout);
    run_result a = run_of(calm, 1), b = run_of(stormy, 1);
    assert_true(a.hash[0] != b.hash[0]);
    assert_true(calm->hash[0] != stormy->hash[0]);
    run_result_free(&a);
    run_result_free(&b);
    scenario_free(calm);
    scenario_free(stormy);
}

int swarm_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_link_carries_nothing),
        cmocka_unit_test(both_are_read),
        cmocka_unit_test(every_complaint_has_its_place),
        cmocka_unit_test(properties_can_fail),
        cmocka_unit_test(what_is_drawn_is_repeatable),
        cmocka_unit_test(untouched_properties_say_so),
        cmocka_unit_test(without_faults_it_is_another_run),
    };
    return cmocka_run_group_tests_name("swarm", tests, NULL, NULL);
}
