/* bent_test.c - relays that misbehave: what may be written of them, and that what is seen comes of
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sim/run.h"
#include "tests/unit/run_play.h"

int bent_test(void);

#define PATH "scenarios/life/relay-lies.yaml"

static void misbehaviour_is_read(void **state)
{
    (void)state;
    static const char relays[] =
        HEAD "nodes:\n  a: {roles: [relay], misbehaves: {swallows: true, from: 5s}}\n"
             "  b: {roles: [relay], misbehaves: {ends_after: 20s, ends_after_bytes: 4kB}}\n"
             "  c: {roles: [relay], misbehaves: {rate: 8kbit}}\n  d: {roles: [relay]}\n";
    scenario *s = read_good(relays, NULL);
    assert_true(s->nodes[0].bend.is_any && s->nodes[0].bend.swallows);
    assert_true(s->nodes[0].bend.from == 5 * PU_S);
    assert_true(s->nodes[1].bend.ends_ns == 20 * PU_S && s->nodes[1].bend.ends_bytes == 4000);
    assert_true(s->nodes[2].bend.bps == 8000);
    assert_false(s->nodes[3].bend.is_any);
    scenario_free(s);
}

static void every_complaint_has_its_place(void **state)
{
    (void)state;
    char said[SAID_MAX];
    static const char text[] =
        HEAD "nodes:\n  a: {misbehaves: {swallows: true}}\n"
             "  b: {roles: [relay], misbehaves: {from: 5s}}\n"
             "  c: {roles: [relay], misbehaves: {swallows: true, rate: 8kbit}}\n"
             "  d: {roles: [relay], misbehaves: {ends_after: 5s, rate: 8kbit}}\n"
             "  e: {roles: [relay], misbehaves: {ends_after: 0s, ends_after_bytes: 0B}}\n"
             "  f: {roles: [relay], misbehaves: {rate: 0kbit, swalows: true}}\n";
    assert_null(read_yaml(text, said));
    assert_string_equal(
        said,
        "5:19: nodes.a.misbehaves: 'a' is not a relay: it has no roles: [relay]\n"
        "6:35: nodes.b.misbehaves: it has one of 'swallows', 'ends_after', 'ends_after_bytes' and "
        "'rate'\n"
        "7:35: nodes.c.misbehaves: who swallows everything has no rate, and no end that shows\n"
        "8:35: nodes.d.misbehaves: it has either a 'rate' or an end, so that it is plain which was "
        "seen\n"
        "9:48: nodes.e.misbehaves.ends_after: a circuit that ends at once is none\n"
        "9:70: nodes.e.misbehaves.ends_after_bytes: a circuit that ends at once is none\n"
        "10:42: nodes.f.misbehaves.rate: what passes nothing on is 'swallows: true'\n"
        "10:49: nodes.f.misbehaves: unknown key 'swalows', did you mean 'swallows'?\n");
}

/* Without the honest relay there is nobody to take over; an honest one in place of the liar leaves
 * nothing to be said; and what is throttled takes its time. */
static void what_is_seen_comes_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *property;
        const char *sets[SETS_MAX];
    } cases[] = {
        {"past-the-deaf", {"nodes.a1.relays=[deaf]", "nodes.a2.relays=[deaf]"}},
        {"turned", {"nodes.f1.relays=[turns]", "nodes.f2.relays=[turns]"}},
        {"nobody-else", {"nodes.deaf.misbehaves.from=9min"}},
        {"slowly-copied", {"expect.slowly-copied.within=3s"}},
        {"slowly-copied", {"nodes.slow.misbehaves.rate=400bit"}},
        {"hasty-again-and-again", {"expect.hasty-again-and-again.within=500ms"}},
        {"hasty-reached", {"nodes.hasty.misbehaves.ends_after=1ms"}},
        {"past-the-mean",
         {"nodes.mean.misbehaves.ends_after_bytes=1B", "nodes.c1.relays=[mean]",
          "nodes.c2.relays=[mean]"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        fails_by(PATH, NULL, cases[i].property, cases[i].sets);
    static const char *const honest[SETS_MAX] = {
        "nodes.slow.misbehaves.from=9min", "expect.slowly-copied.within=3s",
        "nodes.hasty.misbehaves.from=9min", "expect.hasty-again-and-again.within=1500ms"};
    assert_true(holds(PATH, honest, "slowly-copied"));
    assert_true(holds(PATH, honest, "hasty-again-and-again"));
}

/* A liar that crashes with bytes held back and circuits open, and lies on when it is back. */
static void a_liar_may_crash(void **state)
{
    (void)state;
    static const char *const sets[SETS_MAX] = {"events.4={at: 61s, crash: slow}"};
    assert_false(holds(PATH, sets, "slowly-copied"));
}

int bent_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misbehaviour_is_read),
        cmocka_unit_test(every_complaint_has_its_place),
        cmocka_unit_test(what_is_seen_comes_of_it),
        cmocka_unit_test(a_liar_may_crash),
    };
    return cmocka_run_group_tests_name("bent", tests, NULL, NULL);
}
