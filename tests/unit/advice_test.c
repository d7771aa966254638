/* advice_test.c - the warnings of lint: each case that deserves one, beside one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sim/advice.h"
#include "sim/scenario_load.h"

int advice_test(void);

enum { SAID_MAX = 2048 };

#define HEAD "scenario: t\nduration: 60s\nnetwork: {latency: {rtt: 80ms}}\n"
#define ASK "events: [{at: 5s, connect: {from: a, to: b}}]\n"
#define NO_WAY                                                                          \
    "'a' has no way to learn an address of 'b': give it 'knows: all', or both a relay " \
    "in common\n"

#define HOME                                                   \
    HEAD "nats: {r: {profile: home}, c: {profile: carrier}}\n" \
         "links: {slow: {up: 1Mbit}, lossy: {loss: 1%}}\nnodes:\n"

static void advise(const char *text, char said[SAID_MAX])
{
    diag errors = {0}, warnings = {0};
    size_t used = 0;
    scenario *s = scenario_load_text("t.yaml", (pu_span){(const uint8_t *)text, strlen(text)}, NULL,
                                     0, &errors);
    if (s == NULL) fail_msg("%s", errors.entries[0].text);
    scenario_advise(s, &warnings);
    said[0] = '\0';
    for (uint32_t i = 0; i < warnings.count && used < SAID_MAX; i++)
        used += (size_t)snprintf(said + used, SAID_MAX - used, "%u:%u: %s\n",
                                 warnings.entries[i].place.line, warnings.entries[i].place.column,
                                 warnings.entries[i].text);
    diag_free(&errors);
    diag_free(&warnings);
    scenario_free(s);
}

static const struct {
    const char *text, *said;
} cases[] = {
    /* homes */
    {HOME "  a: {behind: [r@h]}\n  b: {behind: [r@h], link: slow}\n",
     "8:3: 'b' and 'a' are in one home, 'h', and name different links: each has an access link of "
     "its own\n"},
    {HOME "  a: {behind: [r@h], link: slow}\n  b: {behind: [r@h], link: slow}\n", ""},
    {HOME "  a: {behind: [r@h]}\n  b: {behind: [r], link: slow}\n", ""},
    {HOME "  a: {behind: [r, c@h]}\n  b: {behind: [r, c@h], link: slow}\n", ""},
    {HOME "  a: {behind: [c@h]}\n  b: {behind: [c@h], link: slow}\n", ""},
    {HOME "  a: {behind: [r@h]}\n  b: {behind: [r@h], link: lossy}\n", ""},
    /* who can find whom */
    {HEAD "nodes: {a: {}, b: {}}\n" ASK, "5:10: " NO_WAY},
    {HEAD "nodes: {a: {knows: all}, b: {}}\n" ASK, ""},
    {HEAD "nodes: {a: {}, b: {knows: all}}\n" ASK, "5:10: " NO_WAY},
    {HEAD "nodes: {a: {}, b: {knows: all}}\n"
          "events: [{at: 5s, connect: {from: a, to: b}}, {at: 6s, connect: {from: b, to: a}}]\n",
     ""},
    {HEAD "nodes: {r: {roles: [relay]}, a: {relays: [r]}, b: {relays: [r]}}\n" ASK, ""},
    {HEAD "nodes: {r: {roles: [relay]}, q: {roles: [relay]}, a: {relays: [r]}, b: {relays: [q]}}"
          "\n" ASK,
     "5:10: " NO_WAY},
    {HEAD "nodes: {b: {roles: [relay]}, a: {relays: [b]}}\n" ASK, ""},
    {HEAD "nodes: {a: {}}\ngroups: {g: {count: 4, pairs: {from: 5s, until: 9s}}}\n",
     "5:10: groups.g: its pairs have no way to learn each other's addresses: give them 'relays'\n"},

    /* relays that are asked for more than they may give */
    {HEAD "nodes: {r: {roles: [relay]}}\ngroups: {g: {count: 128, relays: [r]}}\n", ""},
    {HEAD "nodes: {r: {roles: [relay]}}\ngroups: {g: {count: 129, relays: [r]}}\n",
     "4:9: nodes.r: 129 nodes name it as their relay, and its config.reservations_max is 128\n"},
    {HEAD "nodes: {r: {roles: [relay]}}\ngroups: {g: {count: 300, relays: [r]}}\n",
     "4:9: nodes.r: 300 nodes name it as their relay, and its config.conns_max is 256\n"
     "4:9: nodes.r: 300 nodes name it as their relay, and its config.reservations_max is 128\n"},
    {HEAD "config: {reservations_max: 300}\n"
          "nodes: {r: {roles: [relay], config: {conns_max: 300}}}\n"
          "groups: {g: {count: 300, relays: [r]}}\n",
     ""},
    {HEAD "nats: {n: {mapping: eim, filtering: eif, ports: random, udp_idle: 60s}}\n"
          "nodes: {r: {roles: [relay], config: {conns_per_ip_max: 20}}}\n"
          "groups: {g: {count: 9, behind: [n@isp], relays: [r]}, h: {count: 9, behind: [n], "
          "relays: [r]}}\n",
     "5:9: nodes.r: 9 nodes behind 'isp' (one address) name it as their relay, and its "
     "config.reservations_per_ip_max is 8\n"},
};

static void warnings_and_none(void **state)
{
    (void)state;
    char said[SAID_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        advise(cases[i].text, said);
        assert_string_equal(said, cases[i].said);
    }
}

int advice_test(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(warnings_and_none)};
    return cmocka_run_group_tests_name("advice", tests, NULL, NULL);
}
