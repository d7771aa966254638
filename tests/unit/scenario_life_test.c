/* scenario_life_test.c - scenario files: churn, crashes, clocks, cuts, and the properties about
 * them; what good ones become, and every complaint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/scenario_said.h"

int scenario_life_test(void);

static void lives_and_cuts(void **state)
{
    (void)state;
    static const uint8_t parted[] = {1, 2, 0, 2, 2}, blocked[] = {0, 1, 2, 0, 0};
    scenario *s =
        read_good(HEAD NODES
                  "groups:\n  g: {count: 2, pairs: {from: 1s, until: 2s}, churn: {weibull: {shape: "
                  "0.518, scale: 116min},\n      off: {exponential: {mean: 10min}}, keep: false}}\n"
                  "events:\n"
                  "  - {at: 5s, crash: home}\n  - {at: 9s, restart: {node: home, keep: false}}\n"
                  "  - {at: 11s, clock: {node: home, by: 2years}}\n"
                  "  - {at: 12s, clock: {node: home, by: -1h}}\n"
                  "  - {at: 13s, partition: {between: [relay, [home, g]], for: 20s}}\n"
                  "  - {at: 14s, block: {from: home, to: [laptop], for: 10s}}\n"
                  "  - {at: 15s, crash: home}\n  - {at: 16s, restart: home}\n"
                  "expect:\n  - {name: a, together: {pairs: g}, within: 30s, share: 97.5%}\n"
                  "  - {name: b, together: {from: home, to: laptop}, within: 3s}\n"
                  "  - {name: c, says: relay_lost, node: home, after: 5s, within: 6s}\n",
                  NULL);
    const scenario_group *g = &s->groups[0];
    assert_true(g->has_churn);
    assert_false(g->churn_keep);
    assert_true(g->on.scale_ns == 6960 * PU_S);
    assert_int_equal(g->on.shape_ppm, 518000);
    assert_true(g->off.scale_ns == 600 * PU_S);
    assert_int_equal(g->off.shape_ppm, 1000000);
    const scenario_event *e = s->events;
    assert_int_equal(s->event_count, 8);
    assert_int_equal(e[0].kind, SCENARIO_CRASH);
    assert_int_equal(e[0].a, 1);
    assert_int_equal(e[1].kind, SCENARIO_RESTART);
    assert_false(e[1].keep);
    assert_true(e[7].keep);
    assert_true(e[2].by_ns == 2 * INT64_C(31556952) * (int64_t)PU_S);
    assert_true(e[3].by_ns == -3600 * (int64_t)PU_S);
    assert_memory_equal(e[4].side, parted, sizeof parted);
    assert_false(e[4].one_way);
    assert_true(e[4].for_ns == 20 * PU_S);
    assert_memory_equal(e[5].side, blocked, sizeof blocked);
    assert_true(e[5].one_way);
    assert_int_equal(s->expects[0].kind, SCENARIO_EXPECT_TOGETHER);
    assert_int_equal(s->expects[0].group, 0);
    assert_int_equal(s->expects[0].share_ppm, 975000);
    assert_int_equal(s->expects[1].share_ppm, 1000000);
    assert_int_equal(s->expects[2].kind, SCENARIO_EXPECT_SAYS);
    assert_int_equal(s->expects[2].says, SCENARIO_SAYS_RELAY_LOST);
    scenario_free(s);
}

/* ---- bad files ---- */

static const bad_scenario bad[] = {
    {HEAD NODES "groups:\n"
                "  a: {count: 2, churn: {weibull: {shape: 0.05, scale: 5}, keep: maybe}}\n"
                "  b: {count: 2, churn: {exponential: {mean: 5min}, trace: x}}\n"
                "  c: {count: 2, churn: {off: {weibul: {}}}}\n"
                "  d: {count: 2, churn: {trace: /nowhere/t.txt, off: {exponential: {}}}}\n"
                "  e: {count: 2, churn: {exponential: {mean: 5min}, off: {exponential: {mean: 1s}, "
                "keep: true}}}\n"
                "  f: {count: 2, churn: 5min}\n",
     "11:42: groups.a.churn.weibull.shape: 0.05 is outside 0.1 to 10\n"
     "11:55: groups.a.churn.weibull.scale: '5' is not a duration: its unit is missing: ns, us, ms, "
     "s, m, min, h or d\n"
     "11:65: groups.a.churn.keep: unknown word 'maybe', use false or true\n"
     "12:24: groups.b.churn: it has one of 'weibull', 'exponential' and 'trace'\n"
     "13:24: groups.c.churn: it has one of 'weibull', 'exponential' and 'trace'\n"
     "13:31: groups.c.churn.off: unknown key 'weibul', did you mean 'weibull'?\n"
     "14:32: groups.d.churn.trace: /nowhere/t.txt cannot be read: No such file or directory\n"
     "14:67: groups.d.churn.off.exponential: the key 'mean' is missing\n"
     "15:83: groups.e.churn.off: unknown key 'keep'\n"
     "16:24: groups.f.churn: keys with values belong here\n"},
    {HEAD NODES "groups: {g: {count: 2, churn: {exponential: {mean: 1s}}}}\nevents:\n"
                "  - {at: 1s, crash: hom}\n  - {at: 2s, crash: home}\n  - {at: 3s, crash: home}\n"
                "  - {at: 4s, restart: laptop}\n  - {at: 5s, restart: {node: home, keep: no}}\n"
                "  - {at: 6s, restart: {keep: true}}\n  - {at: 7s, crash: g-1}\n"
                "  - {at: 5s, restart: home}\n  - {at: 8s, crash: [home]}\n",
     "12:21: events.0.crash: unknown node 'hom', did you mean 'home'?\n"
     "16:42: events.4.restart.keep: unknown word 'no', use false or true\n"
     "17:23: events.5.restart: the key 'node' is missing\n"
     "20:21: events.8.crash: a single value belongs here\n"},
    {HEAD NODES "groups: {g: {count: 2, churn: {exponential: {mean: 1s}}}}\nevents:\n"
                "  - {at: 2s, crash: home}\n  - {at: 3s, crash: home}\n"
                "  - {at: 4s, restart: laptop}\n  - {at: 5s, restart: home}\n"
                "  - {at: 7s, crash: g-1}\n  - {at: 8s, restart: home}\n",
     "13:5: events.1: 'home' has crashed before and was not started again\n"
     "14:5: events.2: 'laptop' is running: nothing crashed it before\n"
     "16:5: events.4: 'g-1' comes and goes by the churn of its group\n"
     "17:5: events.5: 'home' is running: nothing crashed it before\n"},
    {HEAD NODES "events:\n  - {at: 1s, clock: {node: home, by: 2yaers}}\n"
                "  - {at: 1s, clock: {node: home, by: --1s}}\n"
                "  - {at: 1s, clock: {by: 101years}}\n  - {at: 1s, clock: home}\n",
     "11:38: events.0.clock.by: '2yaers' is not a length of time: unknown unit 'yaers', did you "
     "mean 'years'?\n"
     "12:38: events.1.clock.by: '-1s' is not a length of time: it is negative\n"
     "13:21: events.2.clock: the key 'node' is missing\n"
     "13:26: events.2.clock.by: '101years' is not a length of time: it is too large\n"
     "14:21: events.3.clock: keys with values belong here\n"},
    {HEAD NODES "groups: {g: {count: 2}}\nevents:\n"
                "  - {at: 1s, partition: {between: [[home, g]], for: 0s}}\n"
                "  - {at: 1s, partition: {between: [[home, g], laptop, [g-1], []], for: 1s}}\n"
                "  - {at: 1s, partition: {between: home}}\n"
                "  - {at: 1s, block: {from: home, to: home, for: 5}}\n"
                "  - {at: 1s, block: {from: [hume], for: 5s, between: x}}\n"
                "  - {at: 1s, block: {from: home, to: laptop, for: 5s}, crash: home}\n",
     "12:35: events.0.partition.between: it takes from 2 to 255 sides\n"
     "12:53: events.0.partition.for: it would be over at once\n"
     "13:56: events.1.partition.between.2.0: 'g-1' is on another side already\n"
     "13:62: events.1.partition.between.3: nobody is on this side\n"
     "14:25: events.2.partition: the key 'for' is missing\n"
     "14:35: events.2.partition.between: a list belongs here: [...] or lines with '-'\n"
     "15:38: events.3.block.to: 'home' is on another side already\n"
     "15:49: events.3.block.for: '5' is not a duration: its unit is missing: ns, us, ms, s, m, "
     "min, h or d\n"
     "16:29: events.4.block.from.0: unknown node 'hume', did you mean 'home'?\n"
     "16:45: events.4.block: unknown key 'between'\n"
     "17:5: events.5: it has one of 'connect', 'change_network', 'crash', 'restart', 'clock', "
     "'partition', 'block', 'stream', 'reboot', 'rebind', 'sleep' and 'swizzle'\n"},
    {HEAD "nodes: {a: {}}\nnats:\n  n: {mapping: eim, filtering: eif, ports: random, udp_idle: 1s, "
          "tcp_idle: 0s}\n  m: {mapping: eim, filtering: eif, ports: random, udp_idle: 1s, "
          "tcp_idle: 5}\n",
     "6:76: nats.n.tcp_idle: a box that forgets at once lets nothing back in\n"
     "7:76: nats.m.tcp_idle: '5' is not a duration: its unit is missing: ns, us, ms, s, m, min, h "
     "or d\n"},
    {HEAD NODES "groups: {g: {count: 2}}\nexpect:\n"
                "  - {name: a, together: {pairs: g}, within: 5s}\n"
                "  - {name: b, together: {from: home}, within: 60s, share: 101%}\n"
                "  - {name: c, together: {from: home, to: laptop}, within: 60s, after: 1s}\n"
                "  - {name: d, says: relay_gone, node: home, after: 1s, within: 2s}\n"
                "  - {name: e, says: relay_lost, after: 1s, within: 60s}\n"
                "  - {name: f, says: relay_lost, node: home, within: 1s}\n",
     "12:33: expect.0.together.pairs: the group 'g' has no 'pairs'\n"
     "13:25: expect.1.together: the key 'to' is missing\n"
     "13:47: expect.1.within: no two nodes run that long\n"
     "13:59: expect.1.share: '101%' is not a share: it is too large\n"
     "14:59: expect.2.within: no two nodes run that long\n"
     "14:64: expect.2: unknown key 'after'\n"
     "15:21: expect.3.says: unknown word 'relay_gone', use relay_reserved, relay_lost or "
     "connect_failed\n"
     "16:5: expect.4: the key 'node' is missing\n"
     "17:5: expect.5: the key 'after' is missing\n"},
    {HEAD NODES "events:\n  - {at: 1s, stream: {from: home, to: home, bytes: 5}}\n"
                "  - {at: 1s, stream: {from: home, to: laptop}}\n"
                "  - {at: 1s, stream: {from: home, to: laptop, bytes: 65GiB}}\n"
                "expect:\n  - {name: a, delivered: {from: laptop, to: home}, within: 5s}\n"
                "  - {name: b, delivered: {pairs: g}, within: 5s}\n"
                "  - {name: c, delivered: {from: home, to: laptop}, within: 5s, share: 5%}\n",
     "11:39: events.0.stream.to: from and to are the same node\n"
     "11:52: events.0.stream.bytes: '5' is not a size: its unit is missing: B, kB, KiB, MB, MiB, "
     "GB "
     "or GiB\n"
     "12:22: events.1.stream: the key 'bytes' is missing\n"
     "13:54: events.2.stream.bytes: 64 GiB at most\n"
     "16:27: expect.1.delivered: unknown key 'pairs'\n"
     "17:64: expect.2: unknown key 'share'\n"},
    {HEAD NODES "events: [{at: 1s, connect: {from: home, to: laptop}}]\n"
                "expect:\n  - {name: a, delivered: {from: laptop, to: home}, within: 5s}\n",
     "12:5: expect.0: no event streams anything from laptop to home\n"},
};

static void every_complaint_has_its_place(void **state)
{
    (void)state;
    each_is_complained_of(bad, COUNT(bad));
}

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void churn_is_read_from_a_trace(void **state)
{
    static const char text[] = HEAD "nodes: {}\ngroups: {g: {count: 2, churn: {trace: t.txt}}}\n";
    static const struct {
        const char *trace, *said;
    } traces[] = {
        {"", ":there is no length in it\n"},
        {"# nothing\n\n", ":there is no length in it\n"},
        {"5s\n# x\n\n7 s\n", ":4:1: '7 s' is not a duration: unknown unit ' s'"},
        {"-5s\n", ":1:1: '-5s' is not a duration: it is negative\n"},
    };
    (void)state;
    char folder[64] = "/tmp/peerup-trace-XXXXXX", file[80];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/t.txt", folder);
    char path[128], said[SAID_MAX];
    snprintf(path, sizeof path, "%s/t.yaml", folder);
    for (size_t i = 0; i < COUNT(traces); i++) {
        write_file(file, traces[i].trace);
        assert_null(read_at(path, text, NULL, said));
        if (strstr(said, traces[i].said) == NULL) fail_msg("%zu: %s", i, said);
    }
    write_file(file, "# sessions\r\n90s\r\n\n1h30m");
    scenario *s = read_at(path, text, NULL, said);
    assert_non_null(s);
    assert_int_equal(s->groups[0].on.count, 2);
    assert_true(s->groups[0].on.lengths[0] == 90 * PU_S);
    assert_true(s->groups[0].on.lengths[1] == 5400 * PU_S);
    assert_int_equal(s->groups[0].off.count, 2); /* pauses are as sessions are, unless 'off' says */
    assert_true(s->groups[0].off.lengths[1] == 5400 * PU_S);
    uint64_t first[2];
    memcpy(first, s->hash, sizeof first);
    scenario_free(s);
    write_file(file, "90s\n1h31m");
    s = read_at(path, text, NULL, said);
    assert_non_null(s);
    assert_memory_not_equal(s->hash, first, sizeof first);
    scenario_free(s);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

int scenario_life_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_and_cuts),
        cmocka_unit_test(every_complaint_has_its_place),
        cmocka_unit_test(churn_is_read_from_a_trace),
    };
    return cmocka_run_group_tests_name("scenario_life", tests, NULL, NULL);
}
