/* advice_test.c - the warnings of lint: each case that deserves one, beside one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/advice.h"
#include "sim/nat_matrix.h"
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

static void advise_at(const char *path, const char *text, char said[SAID_MAX])
{
    diag errors = {0}, warnings = {0};
    size_t used = 0;
    pu_span bytes = {(const uint8_t *)text, strlen(text)};
    scenario *s = scenario_load_text(path, bytes, NULL, 0, &errors);
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

static void advise(const char *text, char said[SAID_MAX])
{
    advise_at("t.yaml", text, said);
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

/* ---- what boxes keep apart ---- */

#define BOXES                                                                                      \
    "nats: {sym: {profile: symmetric}, home: {profile: home}, kind: {profile: home, filtering: "   \
    "adf},\n  deaf: {profile: udp_blocked}, bank: {profile: tcp_443}, office: {profile: "          \
    "only_443},"                                                                                   \
    "\n  kept: {profile: symmetric, ports: preserve}, calls: {profile: home, tcp_filtering: eif}," \
    "\n  gate: {profile: symmetric, gateway: [pcp]}}\n"
#define RELAY "nodes: {r: {roles: [relay], port: 443},\n"
#define DIRECT                                        \
    "events: [{at: 5s, connect: {from: a, to: b}}]\n" \
    "expect: [{name: near, path: direct, from: a, to: b, within: 9s}]\n"
/* a and b with these boxes around them. */
#define TWO(a, b)                                                                        \
    HEAD BOXES RELAY "  a: {relays: [r], behind: [" a "]}, b: {relays: [r], behind: [" b \
                     "]}}\n" DIRECT
#define APART "11:10: expect.near: nothing between 'a' and 'b' can become direct: "
#define BOTH APART "both are behind boxes that have another port for each remote\n"
#define ONE                                                                                   \
    APART "one is behind boxes that have another port for each remote, and those around the " \
          "other let in only the port that was sent to\n"
#define NO_UDP APART "no UDP gets from one to the other, and no call over TCP is let in\n"

static const struct {
    const char *text, *said;
} apart[] = {
    {TWO("sym", "sym"), BOTH},
    {TWO("sym, home", "sym"), BOTH},
    {TWO("sym", "home"), ONE},
    {TWO("home", "sym"), ONE},
    {TWO("sym", "kind, home"), ONE},
    {TWO("sym", "kind"), ""},
    {TWO("home", "home"), ""},
    {TWO("sym", ""), ""},
    {TWO("", ""), ""},
    {TWO("deaf", "home"), NO_UDP},
    {TWO("deaf", "calls"), ""},
    {TWO("deaf", ""), ""},
    {TWO("bank", "calls"), NO_UDP},
    {TWO("office", "home"), NO_UDP},
    {TWO("office", ""), NO_UDP}, /* b listens at 4001 */
    {TWO("kept", "sym"), ONE},
    {TWO("kept", "kept"), ""}, /* it may keep the port */
    {TWO("gate", "sym"), ""},  /* it may be asked */
    {TWO("sym@one", "sym@one"), ""},
    /* IPv6 goes past them; moves and drawn moves may lead elsewhere */
    {HEAD BOXES RELAY "  a: {relays: [r], behind: [sym], ipv6: public}, b: {relays: [r], behind: "
                      "[sym], ipv6: public}}\n" DIRECT,
     ""},
    {HEAD BOXES RELAY "  a: {relays: [r], behind: [sym]}, b: {relays: [r], behind: [sym]}}\n"
                      "events: [{at: 5s, connect: {from: a, to: b}}, {at: 4s, change_network: "
                      "{node: a, behind: []}}]"
                      "\nexpect: [{name: near, path: direct, from: a, to: b, within: 9s}]\n",
     ""},
    {HEAD BOXES RELAY "  a: {relays: [r], behind: [sym]}, b: {relays: [r], behind: [sym]}}\n"
                      "events: [{at: 5s, connect: {from: a, to: b}}]\n"
                      "expect: [{name: far, path: relay, from: a, to: b, within: 9s}]\n",
     ""},

    /* relays at ports that nothing gets out to */
    {HEAD BOXES "nodes: {r: {roles: [relay]}, a: {relays: [r], behind: [office]},\n"
                "  b: {relays: [r], behind: [home]}}\ngroups: {g: {count: 2, relays: [r], behind: "
                "[bank]}}\n",
     "8:30: 'a' has no way to its relay 'r', which listens at port 4001: the boxes around it let "
     "out nothing to that port: say 'port: 443' there\n"
     "10:10: 'g-1' has no way to its relay 'r', which listens at port 4001: the boxes around it "
     "let out nothing to that port: say 'port: 443' there\n"},
    {HEAD BOXES "nodes: {r: {roles: [relay]}, a: {relays: [r], behind: [deaf, office, sym]},\n"
                "  b: {relays: [r], behind: [deaf]}}\n",
     "8:30: 'a' has no way to its relay 'r', which listens at port 4001: the boxes around it let "
     "out nothing to that port: say 'port: 443' there\n"},
    {HEAD BOXES RELAY "  a: {relays: [r], behind: [office]}, b: {relays: [r], behind: [bank]}}\n",
     ""},
    {HEAD BOXES "nodes: {r: {roles: [relay], behind: [home@here]},\n"
                "  a: {relays: [r], behind: [home@here]}}\n",
     ""},
    {HEAD BOXES "nodes: {r: {roles: [relay], ipv6: public},\n"
                "  a: {relays: [r], behind: [bank], ipv6: public}}\n",
     ""},
};

static void what_boxes_keep_apart(void **state)
{
    (void)state;
    char said[SAID_MAX];
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) {
        advise(apart[i].text, said);
        assert_string_equal(said, apart[i].said);
    }
}

/* Every kind of box against every other: those are warned of that never become direct when they are
 * run, and no others. */
static void the_matrix_says_the_same(void **state)
{
    (void)state;
    nat_matrix m = {.ports = NAT_RANDOM, .seed = 1};
    assert_true(nat_matrix_run(&m));
    for (uint32_t i = 0; i < NAT_PAIRS; i++) {
        const nat_cell *c = &m.cells[i];
        char text[1024], said[SAID_MAX];
        snprintf(text, sizeof text,
                 HEAD "nats:\n  x: {mapping: %s, filtering: %s, ports: random, udp_idle: 60s}\n"
                      "  y: {mapping: %s, filtering: %s, ports: random, udp_idle: 60s}\n"
                      "nodes: {r: {roles: [relay]}, a: {relays: [r], behind: [x]},\n"
                      "  b: {relays: [r], behind: [y]}}\n" DIRECT,
                 nat_mapping_name(c->a.mapping), nat_filtering_name(c->a.filtering),
                 nat_mapping_name(c->b.mapping), nat_filtering_name(c->b.filtering));
        advise(text, said);
        if ((said[0] != '\0') != (c->result == NAT_CELL_RELAY)) fail_msg("%s%s", text, said);
    }
}

/* ---- what distances and links do not allow ---- */

#define MATRIX(table) table, "network: {latency: {matrix: m.tsv}}\n"
#define MET(within)                                   \
    "events: [{at: 5s, connect: {from: a, to: b}}]\n" \
    "expect: [{name: met, connected: {from: a, to: b}, within: " within "}]\n"
#define TOO_SOON(allowed, takes)                                                                   \
    "6:10: expect.met: it allows " allowed ", and one round trip between 'a' and 'b' takes " takes \
    "\n"
#define KNOWN "nodes: {a: {at: 0, knows: all}, b: {at: 1}}\n"

static const struct {
    const char *matrix, *network, *rest, *said;
} ways[] = {
    {NULL, "network: {latency: {rtt: 80ms, access: 10ms}}\n", KNOWN MET("119ms"),
     TOO_SOON("119ms", "120ms")},
    {NULL, "network: {latency: {rtt: 80ms, access: 10ms}}\n", KNOWN MET("120ms"), ""},
    {NULL, "network: {latency: {rtt: 80ms}}\n", "nodes: {a: {knows: all}, b: {}}\n" MET("79ms"),
     TOO_SOON("79ms", "80ms")},
    /* it may have been connected before, or be one of its own relay */
    {NULL, "network: {latency: {rtt: 80ms}}\n",
     KNOWN "events: [{at: 5s, connect: {from: a, to: b}}, {at: 9s, connect: {from: a, to: b}}]\n"
           "expect: [{name: met, connected: {from: a, to: b}, within: 1ms},\n"
           "  {name: still, connected: {from: a, to: b}, after: 20s, within: 1ms}]\n",
     ""},
    {NULL, "network: {latency: {rtt: 80ms}}\n",
     "nodes: {b: {roles: [relay]}, a: {relays: [b]}}\n" MET("1ms"), ""},
    /* one that is far away may be near by a relay */
    {MATRIX("0\t100\t20\n100\t0\t20\n20\t20\t0\n"), KNOWN MET("99ms"), TOO_SOON("99ms", "100ms")},
    {MATRIX("0\t100\t20\n100\t0\t20\n20\t20\t0\n"),
     "nodes: {a: {at: 0, relays: [r]}, b: {at: 1, relays: [r]}, r: {at: 2, roles: [relay]}}\n" MET(
         "40ms"),
     ""},
    {MATRIX("0\t100\t20\n100\t0\t20\n20\t20\t0\n"),
     "nodes: {a: {at: 0, relays: [r]}, b: {at: 1, relays: [r]}, r: {at: 2, roles: [relay]}}\n" MET(
         "39ms"),
     TOO_SOON("39ms", "40ms")},
    /* a round trip is as long from both ends */
    {MATRIX("0\t1\t9\n60000\t0\t9\n8.5\t9\t0\n"), KNOWN,
     "1:2: this round trip is 1ms here and 1min in line 2, column 1, though both ends wait for it: "
     "each way takes half of its own entry. So it is with 2 of the pairs\n"},
    {MATRIX("0\t1\t9\n1\t0\t9\n9\t9\t0\n"), KNOWN, ""},
    /* sites that are drawn */
    {MATRIX("0\t1\n1\t0\n"), "nodes: {a: {}, b: {at: 1}}\n",
     "4:9: the seed draws where 'a' is, perhaps at the site of 'b', and then no time passes "
     "between the two: give their links an 'access' (network.latency.access)\n"},
    {"0\t1\n1\t0\n", "network: {latency: {matrix: m.tsv, access: 1ms}}\n",
     "nodes: {a: {}, b: {}}\n", ""},
    /* links that lose everything */
    {NULL, "network: {latency: {rtt: 80ms}, link: {loss: 100%}}\n", KNOWN,
     "3:39: network.link: it loses all that its hosts send and get, for good; 'block', 'partition' "
     "and the 'gap' of 'change_network' do so for a time\n"},
    {NULL, "network: {latency: {rtt: 80ms}, link: {loss: 99.99%}}\n",
     "links: {mute: {loss: {up: 100%, down: 1%}}}\n" KNOWN,
     "4:15: links.mute: it loses all that its hosts send, for good; 'block', 'partition' and the "
     "'gap' of 'change_network' do so for a time\n"},
};

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void what_ways_do_not_allow(void **state)
{
    (void)state;
    char folder[64] = "/tmp/peerup-advice-XXXXXX", matrix[80], path[80], text[1024], said[SAID_MAX];
    assert_non_null(mkdtemp(folder));
    snprintf(matrix, sizeof matrix, "%s/m.tsv", folder);
    snprintf(path, sizeof path, "%s/t.yaml", folder);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (ways[i].matrix != NULL) write_file(matrix, ways[i].matrix);
        snprintf(text, sizeof text, "scenario: t\nduration: 60s\n%s%s", ways[i].network,
                 ways[i].rest);
        advise_at(path, text, said);
        assert_string_equal(said, ways[i].said);
    }
    remove(matrix);
    remove(folder);
}

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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warnings_and_none),
        cmocka_unit_test(what_boxes_keep_apart),
        cmocka_unit_test(the_matrix_says_the_same),
        cmocka_unit_test(what_ways_do_not_allow),
    };
    return cmocka_run_group_tests_name("advice", tests, NULL, NULL);
}
