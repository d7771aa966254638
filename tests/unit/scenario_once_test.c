/* scenario_once_test.c - one mistake in a scenario is one complaint: what follows from it is no
 * news.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scenario_said.h"

int scenario_once_test(void);

#define EVENTS "events: [{at: 1s, connect: {from: a, to: b}}]\n"
#define EXPECT "expect: [{name: x, connected: {from: a, to: b}, within: 5s}]\n"

/* One wrong line each. */
static const struct {
    const char *text, *said;
} cases[] = {
    /* a key that is not known stands for one that is missing */
    {"scenarioo: t\nduration: 60s\nnetwork: {latency: {rtt: 80ms}}\nnodes: {a: {}}\n",
     "1:1: unknown key 'scenarioo', did you mean 'scenario'?\n"},
    {HEAD
     "nodes: {a: {}}\nnats: {n: {maping: eim, filtering: apdf, ports: random, udp_idle: 9s}}\n",
     "5:12: nats.n: unknown key 'maping', did you mean 'mapping'?\n"},
    {HEAD "nodes: {a: {}}\nnats: {n: {colour: red}}\n", "5:12: nats.n: unknown key 'colour'\n"},
    {HEAD "nodes: {a: {}}\nnats: {n: {mapping: eim, colour: red}}\n",
     "5:11: nats.n: the keys 'filtering', 'ports', 'udp_idle' are missing\n"
     "5:26: nats.n: unknown key 'colour'\n"},
    {HEAD "nodes: {a: {}, b: {}}\n" EVENTS
          "expect: [{name: x, conected: {from: a, to: b}, within: 5s}]\n",
     "6:20: expect.0: unknown key 'conected', did you mean 'connected'?\n"},
    {HEAD "nodes: {a: {}, b: {}}\n" EVENTS
          "expect: [{name: x, connected: {pears: g}, within: 5s}]\n",
     "6:32: expect.0.connected: unknown key 'pears', did you mean 'pairs'?\n"},
    {"scenario: t\nduration: 60s\nnetwork: {latency: {rrt: 80ms}}\nnodes: {a: {at: here}}\n",
     "3:21: network.latency: unknown key 'rrt', did you mean 'rtt'?\n"},
    /* what a section lacks that is not as it was meant is not missing */
    {HEAD "nods: {a: {}, b: {}}\n" EVENTS EXPECT,
     "4:1: unknown key 'nods', did you mean 'nodes'?\n"},
    {HEAD "nodes: [a, b]\n" EVENTS EXPECT, "4:8: nodes: keys with values belong here\n"},
    {HEAD "nodes: {a: {behind: [n, m]}, b: {behind: [n]}}\nnat: {n: {profile: home}}\n",
     "5:1: unknown key 'nat', did you mean 'nats'?\n"},
    {HEAD "nodes: {a: {behind: [n, m]}, b: {behind: [n]}}\n",
     "4:22: nodes.a.behind.0: unknown nat 'n'\n"},
    {HEAD "nodes: {a: {behind: [hotspot, m]}, b: {behind: [hotspot@h]}}\n",
     "4:22: nodes.a.behind.0: unknown nat 'hotspot': there is a profile of that name, "
     "'nats: {hotspot: {profile: hotspot}}'\n"},
    {HEAD "nodes: {a: {link: x}, b: {link: y}}\n",
     "4:19: nodes.a.link: unknown kind of link 'x'\n"},
    {HEAD "nodes: {a: {}, b: {}}\nevent: [{at: 1s, connect: {from: a, to: b}}]\n" EXPECT,
     "5:1: unknown key 'event', did you mean 'events'?\n"},
    {HEAD "nodes: {a: {}, b: {}}\nevents: [{at: 1, connect: {from: a, to: b}}]\n" EXPECT,
     "5:15: events.0.at: '1' is not a duration: its unit is missing: ns, us, ms, s, m, min, h or "
     "d\n"},
    {HEAD "nodes: {a: {}}\nevents:\n  - {at: 1s, crash: a}\n  - {at: 2s, restrat: a}\n"
          "  - {at: 3s, crash: a}\n",
     "7:14: events.1: unknown key 'restrat', did you mean 'restart'?\n"},
    {HEAD "nodes: {a: {}}\n"
          "groups: {g: {count: none, pairs: {from: 1s, until: 2s}}}\nauthorize: [[a, g-1]]\n",
     "5:21: groups.g.count: 'none' is not a whole number: write it like 50\n"},
    {HEAD "nodes: {a: {}}\ngroups: {g: {count: 2, pares: {from: 1s, until: 2s}}}\n"
          "expect: [{name: x, connected: {pairs: g}, within: 5s}]\n",
     "5:24: groups.g: unknown key 'pares', did you mean 'pairs'?\n"},
    {HEAD "nodes: {a: {}, b: {}}\nswarm: {untill: 30s}\n" EVENTS EXPECT,
     "5:9: swarm: unknown key 'untill', did you mean 'until'?\n"},
    /* what is wrong with a node is told once, wherever it is named */
    {HEAD "nodes: {a: {}}\nauthorize: [[a, b]]\n" EVENTS EXPECT,
     "5:17: authorize.0.1: unknown node 'b'\n"},
    {HEAD "nodes: {r: {roles: relay}, a: {relays: [r]}, b: {relays: [r]}}\n",
     "4:20: nodes.r.roles: a list belongs here: [...] or lines with '-'\n"},
    {HEAD "nodes: {r: {role: [relay]}, a: {relays: [r]}, b: {relays: [r]}}\n",
     "4:13: nodes.r: unknown key 'role', did you mean 'roles'?\n"},
    {HEAD "nodes: {r: {misbehaves: {swallows: true}}, a: {relays: [r]}, b: {relays: [r]}}\n",
     "4:25: nodes.r.misbehaves: 'r' is not a relay: it has no roles: [relay]\n"},
    {HEAD "nodes: {a: {}, b: {}}\nauthorize: [a, b]\n",
     "5:12: authorize: it is a list of pairs: [[home, laptop]]\n"},
};

static void one_mistake_is_one_complaint(void **state)
{
    (void)state;
    char said[SAID_MAX];
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(read_yaml(cases[i].text, said));
        assert_string_equal(said, cases[i].said);
    }
}

/* A complaint about what a --set says names that, in sections that are checked at the end too. */
static void sets_are_named(void **state)
{
    (void)state;
    static const char *const sets[SETS_MAX] = {"expect.x.after=6s"};
    char said[SAID_MAX];
    const char *text = HEAD "nodes: {a: {}, b: {}}\nswarm: {from: 1s, until: 30s}\n" EVENTS EXPECT;
    assert_null(read_at("t.yaml", text, sets, said));
    assert_string_equal(
        said, "7:10: expect.0: faults are drawn: it can be expected 'after' they are over\n");
}

int scenario_once_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_mistake_is_one_complaint),
        cmocka_unit_test(sets_are_named),
    };
    return cmocka_run_group_tests_name("scenario_once", tests, NULL, NULL);
}
