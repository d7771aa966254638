/* away_test.c - machines that sleep and hosts between networks: what the network does with what is
 * sent to them, what a scenario may say of them, and whole runs, each property also where it must
 * fail. */
#include "tests/unit/net_world.h"

#include "sim/run.h"
#include "tests/unit/run_play.h"

int away_test(void);

/* ---- the network ---- */

static void who_sleeps_gets_nothing(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t laptop = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    send(&w, 0, laptop, own(&w, server), 1);
    run_all(&w);
    pu_endpoint outer = seen(&w, PU_S, laptop, own(&w, server));

    forget(&w); /* its box still lets it in; the machine is deaf */
    net_host_sleep(w.n, laptop, true);
    send(&w, PU_S, server, outer, 2);
    run_all(&w);
    assert_int_equal(w.got_count, 0);
    assert_int_equal(count_fate(&w, NET_ASLEEP), 1);
    assert_int_equal(count_fate(&w, NET_DELIVERED), 0);

    forget(&w); /* what arrives after waking is heard */
    send(&w, 2 * PU_S, server, outer, 3);
    net_host_sleep(w.n, laptop, false);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0].first, 3);

    forget(&w); /* asleep for longer than its mapping lives */
    net_host_sleep(w.n, laptop, true);
    send(&w, 60 * PU_S, server, outer, 4);
    run_all(&w);
    assert_int_equal(count_fate(&w, NET_NO_MAPPING), 1);
    world_close(&w);
}

static void the_old_address_is_heard_for_a_while(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t flat = add_router(&w, NET_NONE, false), mobile = add_router(&w, NET_NONE, false);
    uint32_t phone = add(&w, flat, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    send(&w, 0, phone, own(&w, server), 1);
    run_all(&w);
    pu_endpoint old_outer = seen(&w, PU_S, phone, own(&w, server)), old = own(&w, phone);

    forget(&w);
    net_host_linger(w.n, phone);
    net_host_attach(w.n, phone, mobile, 2, &plain);
    send(&w, PU_S, server, old_outer, 2);
    send(&w, PU_S, phone, own(&w, server), 3);
    run_all(&w);
    assert_int_equal(w.got_count, 2);
    assert_int_equal(w.got[0].first + w.got[1].first, 5);
    for (uint32_t i = 0; i < 2; i++) {
        if (w.got[i].host == phone) assert_same(w.got[i].local, old);
        else assert_memory_equal(w.got[i].remote.ip, net_box_address(w.n, mobile).ip, 16);
    }

    forget(&w); /* over: the box knows the way, but nobody is there */
    net_host_part(w.n, phone);
    net_host_part(w.n, phone); /* once more is nothing */
    send(&w, 2 * PU_S, server, old_outer, 4);
    run_all(&w);
    assert_int_equal(w.got_count, 0);
    assert_int_equal(count_fate(&w, NET_NO_ROUTE), 1);

    net_host_linger(w.n, phone); /* twice in a row: the first address is gone */
    net_host_attach(w.n, phone, flat, 0, &plain);
    net_host_linger(w.n, phone);
    assert_int_equal(w.n->old_count, 1);
    world_close(&w);
}

/* ---- what may be written ---- */

#define GROUP "groups: {g: {count: 2, "

static void sleep_and_roaming_are_read(void **state)
{
    (void)state;
    scenario *s = read_good(
        HEAD NODES "groups:\n  g: {count: 2, sleep: {exponential: {mean: 1h}}, roam: {exponential: "
                   "{mean: 1min},\n"
                   "      off: {exponential: {mean: 2min}}, behind: [box], gap: 2s}}\n"
                   "events:\n  - {at: 1s, sleep: {node: home, for: 5s}}\n"
                   "  - {at: 2s, change_network: home}\n"
                   "  - {at: 10s, change_network: {node: laptop, behind: [box], overlap: 3s}}\n"
                   "  - {at: 13s, crash: laptop}\n",
        NULL);
    const scenario_group *g = &s->groups[0];
    assert_true(g->has_sleep && g->has_roam && !g->has_churn);
    assert_true(g->on.scale_ns == 3600 * PU_S && g->off.scale_ns == 3600 * PU_S);
    assert_true(g->roam_on.scale_ns == 60 * PU_S && g->roam_off.scale_ns == 120 * PU_S);
    assert_int_equal(g->roam_chain.count, 1);
    assert_true(g->roam_gap_ns == 2 * PU_S && g->roam_overlap_ns == 0);
    assert_int_equal(s->events[0].kind, SCENARIO_SLEEP);
    assert_true(s->events[0].for_ns == 5 * PU_S);
    assert_true(s->events[2].overlap_ns == 3 * PU_S && s->events[2].gap_ns == 0);
    scenario_free(s);
}

static const bad_scenario bad[] = {
    {HEAD NODES "events:\n  - {at: 1s, sleep: home}\n  - {at: 1s, sleep: {node: hom, for: 5s}}\n"
                "  - {at: 1s, sleep: {node: home, for: 0s}}\n  - {at: 1s, sleep: {for: 5}}\n"
                "  - {at: 5s, change_network: {node: home, gap: 1s, overlap: 1s}}\n",
     "11:21: events.0.sleep: keys with values belong here\n"
     "12:28: events.1.sleep.node: unknown node 'hom', did you mean 'home'?\n"
     "13:39: events.2.sleep.for: it would wake at once\n"
     "14:21: events.3.sleep: the key 'node' is missing\n"
     "14:27: events.3.sleep.for: '5' is not a duration: its unit is missing: ns, us, ms, s, m, "
     "min, h or d\n"
     "15:61: events.4.change_network.overlap: between two networks there is a 'gap' or an "
     "'overlap'\n"},
    {HEAD NODES "events:\n  - {at: 1s, sleep: {node: home, for: 5s}}\n  - {at: 2s, crash: home}\n"
                "  - {at: 3s, sleep: {node: home, for: 1s}}\n  - {at: 6s, crash: home}\n"
                "  - {at: 7s, sleep: {node: home, for: 1s}}\n"
                "  - {at: 9s, change_network: {node: laptop, gap: 2s}}\n"
                "  - {at: 10s, change_network: laptop}\n  - {at: 10s, sleep: {node: laptop, for: "
                "1s}}\n",
     "12:5: events.1: 'home' sleeps at that time\n"
     "13:5: events.2: 'home' sleeps at that time\n"
     "14:5: events.3: 'home' has crashed before and was not started again\n"
     "15:5: events.4: 'home' has crashed before: it has nothing that sleeps\n"
     "17:5: events.6: 'laptop' is between two networks then\n"
     "18:5: events.7: 'laptop' is between two networks then\n"},
    {HEAD NODES GROUP "churn: {exponential: {mean: 1h}}, sleep: {exponential: {mean: 1h}}}}\n",
     "10:65: groups.g.sleep: members come and go by 'churn' already: it has one of the two\n"},
    {HEAD NODES GROUP
     "sleep: {off: {exponential: {mean: 1h}}}, roam: {exponential: {mean: 1h}}}}\n",
     "10:31: groups.g.sleep: it has one of 'weibull', 'exponential' and 'trace'\n"
     "10:71: groups.g.roam: the key 'behind' is missing\n"},
    {HEAD NODES GROUP "sleep: {exponential: {mean: 1h}}, roam: {exponential: {mean: 1h}, behind: "
                      "[box]}}}\nevents:\n  - {at: 1s, crash: g-1}\n"
                      "  - {at: 1s, sleep: {node: g-1, for: 1s}}\n"
                      "  - {at: 1s, change_network: g-2}\n",
     "12:5: events.0: 'g-1' sleeps and wakes as its group does\n"
     "13:5: events.1: 'g-1' comes and goes as its group does\n"
     "14:5: events.2: 'g-2' roams as its group does\n"},
};

static void every_complaint_has_its_place(void **state)
{
    (void)state;
    each_is_complained_of(bad, COUNT(bad));
}

/* ---- runs ---- */

static void properties_can_fail(void **state)
{
    (void)state;
    static const struct {
        const char *path, *property;
        const char *sets[SETS_MAX];
    } cases[] = {
        {"sleeps", "back", {"events.3.sleep.for=21min"}}, /* it sleeps for longer */
        {"sleeps", "place-again", {"events.3.sleep.for=21min"}},
        {"sleeps", "asked-at-waking", {"events.3.sleep.for=21min"}},
        {"sleeps", "elsewhere", {"events.5.sleep.for=16min"}},
        {"wifi-to-mobile", "mobile", {"events.2.change_network.gap=33s"}},
        {"wifi-to-mobile", "there-and-back", {"events.6.change_network.gap=65s"}},
        {"people", "sitting-together", {"expect.sitting-together.within=1s"}},
        {"people", "walking-together", {"expect.walking-together.within=1s"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[128];
        snprintf(path, sizeof path, "scenarios/life/%s.yaml", cases[i].path);
        const char *const *usual = strcmp(cases[i].path, "people") == 0
                                       ? (const char *const[SETS_MAX]){"duration=20min"}
                                       : NULL;
        fails_by(path, usual, cases[i].property, cases[i].sets);
    }
}

/* A group that sleeps and roams with an overlap, some of it while asleep: same seed, same bytes;
 * and a spell of either moves nothing of what others draw. */
static void what_is_drawn_is_repeatable(void **state)
{
    (void)state;
    static const char text[] = HEAD
        "nats: {box: {mapping: eim, filtering: apdf, ports: random, udp_idle: 65s}}\n"
        "nodes: {relay: {roles: [relay]}}\n"
        "groups:\n  g: {count: 6, behind: [box], relays: [relay], pairs: {from: 1s, until: 5s}, "
        "churn: {exponential: {mean: 9s}},\n"
        "      roam: {exponential: {mean: 5s}, behind: [], overlap: 1s}}\n"
        "  h: {count: 6, behind: [box], relays: [relay], pairs: {from: 1s, until: 5s}, "
        "sleep: {exponential: {mean: 5s}},\n"
        "      roam: {exponential: {mean: 4s}, behind: [box@mobile], gap: 2s}}\n"
        "  i: {count: 6, behind: [box], relays: [relay], sleep: {exponential: {mean: 5s}},\n"
        "      roam: {exponential: {mean: 4s}, behind: [box], overlap: 2s}}\n";
    scenario *s = read_good(text, NULL);
    uint64_t hash[2] = {0};
    for (uint32_t i = 0; i < 6; i++) {
        run_result result;
        run_options options = {.seed = 1 + i / 2, .log = RUN_LOG_NONE, .command_line = ""};
        assert_int_equal(run_scenario(s, &options, &result), 0);
        if (i % 2 == 1) assert_true(result.hash[0] == hash[0] && result.hash[1] == hash[1]);
        else assert_true(result.hash[0] != hash[0]);
        memcpy(hash, result.hash, sizeof hash);
        run_result_free(&result);
    }
    scenario_free(s);
}

int away_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sleeps_gets_nothing),
        cmocka_unit_test(the_old_address_is_heard_for_a_while),
        cmocka_unit_test(sleep_and_roaming_are_read),
        cmocka_unit_test(every_complaint_has_its_place),
        cmocka_unit_test(properties_can_fail),
        cmocka_unit_test(what_is_drawn_is_repeatable),
    };
    return cmocka_run_group_tests_name("away", tests, NULL, NULL);
}
