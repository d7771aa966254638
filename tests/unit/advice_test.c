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

#define HOME                                                                               \
    HEAD "nats: {r: {profile: home}, c: {profile: carrier}}\n"                             \
         "links: {slow: {up: 1Mbit}, lossy: {loss: 1%}, same: {up: 1Mbit, access: 9ms},\n" \
         "  long: {up: 1Mbit, queue: 200ms},\n  fair: {up: 1Mbit, codel: {}}}\n"           \
         "firewalls: {w: {filtering: apdf}}\nnodes:\n"
#define ALONE "each have an access link of their own\n"
#define OWN "they do not share an access link\n"
#define MEET(what) "expect: [{name: met, " what ", within: 9s}]\n"
#define NO_TRUST                                                                           \
    "it never holds, since 'a' and 'b' do not authorize each other: add 'authorize: [[a, " \
    "b]]'\n"
#define STREAM(at) "{at: " #at "s, stream: {from: a, to: b, bytes: 1kB}}"
#define NEVER_MET                                                                             \
    "nothing connects 'a' and 'b' before this stream, and they have no relay in common: add " \
    "an event 'connect: {from: a, to: b}'\n"

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
     "10:3: 'a' and 'b' are in one home, 'h', but 'a' has up unlimited, 'b' 1Mbit: " OWN},
    {HOME "  a: {behind: [r@h], link: slow}\n  b: {behind: [r@h], link: slow}\n", ""},
    {HOME "  a: {behind: [r@h], link: slow}\n  b: {behind: [r@h], link: same}\n", ""},
    {HOME "  c: {behind: [r@h]}\n  a: {behind: [r@h], link: slow}\n"
          "  b: {behind: [r@h], link: long}\n  d: {behind: [r@i], link: long}\n",
     "10:3: 'c' and 'a' are in one home, 'h', but 'c' has up unlimited, 'a' 1Mbit: " OWN},
    {HOME "  a: {behind: [r@h], link: slow}\n  b: {behind: [r@h], link: long}\n",
     "11:3: 'b' and 'a' are in one home, 'h', but 'b' has queue 200ms, 'a' 100ms: " OWN},
    {HOME "  a: {behind: [r@h], link: slow}\n  b: {behind: [r@h], link: fair}\n",
     "11:3: 'b' and 'a' are in one home, 'h', but 'b' has codel.target 5ms, 'a' none: " OWN},
    {HOME "  a: {behind: [r@h]}\n  b: {behind: [r], link: slow}\n", ""},
    {HOME "  a: {behind: [r, c@h]}\n  b: {behind: [r, c@h], link: slow}\n", ""},
    {HOME "  a: {behind: [c@h]}\n  b: {behind: [c@h], link: slow}\n", ""},
    {HOME "  a: {behind: [r@h]}\n  b: {behind: [r@h], link: lossy}\n", ""},
    /* beside a firewall too, and of one home once */
    {HOME "  a: {ipv4: false, ipv6: w@h, link: slow}\n"
          "  b: {ipv4: false, ipv6: w@h, link: long}\n",
     "11:3: 'b' and 'a' are in one home, 'h', but 'b' has queue 200ms, 'a' 100ms: " OWN},
    {HOME "  a: {behind: [r@h], ipv6: w@h, link: slow}\n"
          "  b: {behind: [r@h], ipv6: w@h, link: long}\n",
     "11:3: 'b' and 'a' are in one home, 'h', but 'b' has queue 200ms, 'a' 100ms: " OWN},
    /* boxes inside a home */
    {HOME "  a: {behind: [r@h], link: slow}\n  b: {behind: [r@h], link: slow}\n"
          "  t: {behind: [r, r@h], link: slow}\n",
     "10:3: 'h' has 'r' inside, and 'r' does not say 'links: shared': 'a', 'b' and 't' " ALONE},
    {HEAD "nats: {r: {profile: home}, s: {profile: home, links: shared}}\n"
          "links: {slow: {up: 1Mbit}, fast: {up: 9Mbit}}\nnodes:\n"
          "  a: {behind: [s@h], link: slow}\n  t: {behind: [r, s@h], link: fast}\n",
     "8:3: 't' and 'a' are in one home, 'h', but 't' has up 9Mbit, 'a' 1Mbit: " OWN},
    {HOME "  a: {behind: [r@h], link: slow, ipv6: w@x}\n"
          "  t: {behind: [r, r@h], link: slow, ipv6: w@x}\n",
     "10:3: 'h' has 'r' inside, and 'r' does not say 'links: shared': 'a' and 't' " ALONE},
    {HEAD "nats: {r: {profile: home}, s: {profile: home, links: shared}}\n"
          "links: {slow: {up: 1Mbit}}\nnodes:\n  a: {behind: [s@h], link: slow}\n"
          "  t: {behind: [r, s@h], link: slow}\n",
     ""},
    {HOME "  a: {behind: [r@h], link: slow}\n  b: {behind: [r@h]}\n"
          "  t: {behind: [r@i, r@h], link: slow}\n",
     "10:3: 'h' has 'i' inside, and 'r' does not say 'links: shared': 'a' and 't' " ALONE},
    {HOME "  a: {behind: [r@h], link: slow}\n  t: {behind: [r@i, r@h], link: slow}\n"
          "  u: {behind: [r@i, r@h], link: slow}\n",
     ""}, /* two of three share that of 'i' */
    {HOME "  a: {behind: [r@h]}\n  b: {behind: [r, r@h]}\n", ""},
    {HOME "  a: {behind: [c@h], link: slow}\n  b: {behind: [r, c@h], link: slow}\n", ""},
    {HOME "  a: {behind: [r, r@h], link: slow}\n  b: {behind: [r, r@h], link: slow}\n", ""},
    {HOME
     "  t: {behind: [r, r@h], link: slow}\ngroups: {g: {count: 6, behind: [r@h], link: slow}}\n",
     "10:3: 'h' has 'r' inside, and 'r' does not say 'links: shared': 't', 'g-1', 'g-2', 'g-3' "
     "and 3 more " ALONE},
    /* who trusts whom */
    {HEAD "nodes: {a: {knows: all}, b: {}}\n" ASK MEET("connected: {from: a, to: b}"),
     "6:10: expect.met: " NO_TRUST},
    {HEAD "nodes: {a: {knows: all}, b: {}}\n" ASK MEET("path: direct, from: a, to: b"),
     "6:10: expect.met: " NO_TRUST},
    {HEAD "nodes: {a: {knows: all}, b: {roles: [relay]}}\n" ASK MEET("connected: {from: a, to: b}"),
     "6:10: expect.met: " NO_TRUST},
    {HEAD "nodes: {a: {knows: all}, b: {}}\n" ASK MEET(
         "connected: {from: a, to: b}") "authorize: [[b, a]]\n",
     ""},
    {HEAD
     "nodes: {a: {relays: [b]}, b: {roles: [relay]}}\n" ASK MEET("connected: {from: a, to: b}"),
     ""},
    {HEAD "nodes: {a: {relays: [b]}, b: {roles: [relay]}}\ngroups:\n  g: {count: 2, relays: [b], "
          "pairs: {from: 1s, until: 2s}}\n" MEET("connected: {pairs: g}"),
     ""},
    /* streams between who never met */
    {HEAD "nodes: {a: {knows: all}, b: {}}\nauthorize: [[a, b]]\nevents: [" STREAM(5) "]\n",
     "6:10: " NEVER_MET},
    {HEAD "nodes: {a: {knows: all}, b: {}}\nauthorize: [[a, b]]\nevents: [" STREAM(
         5) ", "
            "{at: 6s, connect: {from: a, to: b}}]\n",
     "6:10: " NEVER_MET},
    {HEAD "nodes: {a: {knows: all}, b: {}}\nauthorize: [[a, b]]\nevents: [" STREAM(
         5) ", "
            "{at: 4s, connect: {from: a, to: b}}]\n",
     ""},
    {HEAD "nodes: {a: {}, b: {knows: all}}\nauthorize: [[a, b]]\nevents: [" STREAM(
         5) ", "
            "{at: 4s, connect: {from: b, to: a}}]\n",
     ""},
    {HEAD "nodes: {a: {knows: all}, b: {}}\nevents: [" STREAM(5) "]\n", ""},
    {HEAD "nodes: {r: {roles: [relay]}, a: {relays: [r]}, b: {relays: [r]}}\n"
          "authorize: [[a, b]]\nevents: [" STREAM(5) "]\n",
     ""},
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
#define TRUST "authorize: [[a, b]]\n"
#define DIRECT                                        \
    "events: [{at: 5s, connect: {from: a, to: b}}]\n" \
    "expect: [{name: near, path: direct, from: a, to: b, within: 9s}]\n" TRUST
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
                      "\nexpect: [{name: near, path: direct, from: a, to: b, within: 9s}]\n" TRUST,
     ""},
    {HEAD BOXES RELAY "  a: {relays: [r], behind: [sym]}, b: {relays: [r], behind: [sym]}}\n"
                      "events: [{at: 5s, connect: {from: a, to: b}}]\n"
                      "expect: [{name: far, path: relay, from: a, to: b, within: 9s}]\n" TRUST,
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
    "expect: [{name: met, connected: {from: a, to: b}, within: " within "}]\n" TRUST
#define TOO_SOON(allowed, takes)                                                                   \
    "6:10: expect.met: it allows " allowed ", and one round trip between 'a' and 'b' takes " takes \
    "\n"
#define LOSES(what)                                                                         \
    "it loses all that its hosts" what ", for good; 'block', 'partition' and the 'gap' of " \
    "'change_network' do so for a time\n"
#define MUTE "links: {mute: {loss: {up: 100%, down: 1%}}}\n"
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
           "  {name: still, connected: {from: a, to: b}, after: 20s, within: 1ms}]\n" TRUST,
     ""},
    {NULL, "network: {latency: {rtt: 80ms}}\n",
     "nodes: {a: {relays: [r]}, b: {relays: [r]}, r: {roles: [relay]}}\n"
     "events: [{at: 20s, connect: {from: a, to: b}},\n  {at: 9s, stream: {from: b, to: a, bytes: "
     "1kB}}]\nexpect: [{name: met, connected: {from: a, to: b}, within: 50ms}]\n" TRUST,
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
    /* or by the relay of the other, which is told to who knows all */
    {MATRIX("0\t200\t5\n200\t0\t5\n5\t5\t0\n"),
     "nodes: {a: {at: 0, knows: all}, b: {at: 1, relays: [r]}, r: {at: 2, roles: [relay]}}\n" MET(
         "10ms"),
     ""},
    {MATRIX("0\t200\t5\n200\t0\t5\n5\t5\t0\n"),
     "nodes: {a: {at: 0, knows: all}, b: {at: 1, relays: [r]}, r: {at: 2, roles: [relay]}}\n" MET(
         "9ms"),
     TOO_SOON("9ms", "10ms")},
    /* a round trip is as long from both ends */
    {MATRIX("0\t1\t9\n60000\t0\t9\n8.5\t9\t0\n"), KNOWN,
     "1:2: this round trip is 1ms here and 1min in line 2, column 1, though both ends wait for it: "
     "each way takes half of its own entry. So it is with 2 of the pairs\n"},
    {MATRIX("0\t1\t9\n1\t0\t9\n9\t9\t0\n"), KNOWN, ""},
    /* links that lose everything */
    {NULL, "network: {latency: {rtt: 80ms}, link: {loss: 100%}}\n", KNOWN,
     "3:39: network.link: " LOSES(" send and get")},
    {NULL, "network: {latency: {rtt: 80ms}, link: {loss: 99.99%}}\n",
     MUTE "nodes: {a: {link: mute}, b: {}}\n", "4:15: links.mute: " LOSES(" send")},
    {NULL, "network: {latency: {rtt: 80ms}}\n",
     MUTE "nodes: {b: {}}\ngroups: {g: {count: 2, link: mute}}\n",
     "4:15: links.mute: " LOSES(" send")},
    /* that nobody has, or not for good */
    {NULL, "network: {latency: {rtt: 80ms}, link: {loss: 100%}}\n",
     "links: {good: {}}\nnodes: {a: {link: good}}\n", ""},
    {NULL, "network: {latency: {rtt: 80ms}}\n",
     MUTE "nodes: {a: {}, b: {}}\n"
          "events: [{at: 5s, change_network: {node: a, link: mute}}]\n",
     ""},
    {NULL, "network: {latency: {rtt: 80ms}}\n",
     MUTE "nodes: {a: {link: mute}, b: {}}\n"
          "events: [{at: 5s, change_network: {node: a, behind: []}}]\n",
     ""},
};

/* ---- ways that take no time ---- */

#define RTT(text) NULL, "network: {latency: {rtt: " text "}}\n"
#define REGIONS(table) table, "network: {latency: {regions: m.tsv}}\n"
#define BARE(place) place ": no time passes between 'a' and 'b': " WAY_OUT
#define DRAWN(place)                                                                            \
    place ": the seed draws where 'a' is, perhaps at the site of 'b', and then no time passes " \
          "between the two: " WAY_OUT
#define WAY_OUT                                                                               \
    "a stream of a gigabyte would be taken for a run that gets nowhere; give their links an " \
    "'access' (network.latency.access)\n"
#define SMALL MATRIX("0\t1\n1\t0\n")
#define LAN "nats: {box: {profile: home}, far: {profile: vpn}}\nfirewalls: {w: {filtering: apdf}}\n"

static const struct {
    const char *matrix, *network, *rest, *said;
} delays[] = {
    {RTT("0ms"), "nodes: {a: {}, b: {}}\n" TRUST, BARE("4:16")},
    {RTT("0ms"), "nodes: {a: {}, b: {}}\n", ""}, /* they have nothing to do with each other */
    {RTT("0ms"), "nodes: {a: {roles: [relay]}, b: {relays: [a]}}\n", BARE("4:30")},
    {RTT("0ms"), "nodes: {}\ngroups: {g: {count: 2, pairs: {from: 1s, until: 2s}}}\n",
     "5:10: groups.g: its pairs have no way to learn each other's addresses: give them 'relays'\n"
     "5:10: no time passes between 'g-1' and 'g-2': " WAY_OUT},
    {RTT("0ms, access: 5ms"),
     "links: {bare: {access: 0s}}\nnodes: {a: {link: bare, at: 1}, c: {}, b: {link: bare}}\n" TRUST,
     BARE("5:40")},
    {RTT("0ms"), LAN "nodes: {a: {behind: [box]}, b: {behind: [box]}}\n" TRUST, BARE("6:29")},
    {RTT("80ms"), "nodes: {a: {at: 7}, c: {at: 8}, d: {}, b: {at: 7}}\n" TRUST, BARE("4:40")},
    {RTT("80ms"),
     LAN "nodes: {a: {at: 7, behind: [box@one], ipv6: w},\n"
         "  b: {at: 7, behind: [box@one], ipv6: public}}\n" TRUST,
     BARE("7:3")},
    /* whoever else is there */
    {RTT("0ms"),
     "nodes: {x: {ipv4: false, ipv6: public}, a: {}, b: {}}\nauthorize: [[x, a], [x, b], [a, b]]\n",
     BARE("4:48")},
    /* time passes, of all or of some */
    {RTT("0ms, access: 1us"), "nodes: {a: {}, b: {}}\n" TRUST, ""},
    {RTT("0ms"), "links: {slow: {up: 1Gbit}}\nnodes: {a: {}, b: {link: slow}}\n" TRUST, ""},
    {RTT("0ms"),
     "links: {late: {reorder: {share: 1%, by: 1ms}}}\nnodes: {a: {}, b: {link: late}}\n" TRUST, ""},
    {RTT("0ms"),
     "links: {late: {reorder: {share: 0%, by: 1ms}}}\nnodes: {a: {}, b: {link: late}}\n" TRUST,
     BARE("5:16")},
    {RTT("0ms"), "nodes: {a: {}, b: {cpu: {datagram: 1us}}}\n" TRUST, ""},
    {RTT("0ms"), "nodes: {a: {}, b: {cpu: {handshake: 1us}}}\n" TRUST, ""},
    {RTT("0ms"), LAN "nodes: {a: {behind: [box@one]}, b: {behind: [box@one]}}\n" TRUST, ""},
    {RTT("0ms"), LAN "nodes: {a: {}, b: {behind: [far]}}\n" TRUST, ""},
    {RTT("80ms"), "nodes: {a: {at: 7}, b: {at: 8}}\n" TRUST, ""},
    {RTT("80ms"), "nodes: {a: {}, b: {}}\n" TRUST, ""},
    {RTT("80ms"),
     LAN "nodes: {a: {at: 7, ipv4: false, ipv6: w@one},\n"
         "  b: {at: 7, ipv4: false, ipv6: w@one}}\n" TRUST,
     ""},
    /* files */
    {SMALL, "nodes: {a: {at: 0}, b: {at: 0}}\n" TRUST, BARE("4:21")},
    {SMALL, "nodes: {a: {at: 0}, b: {at: 1}}\n" TRUST, ""},
    {MATRIX("0\n"), "nodes: {a: {}, b: {}}\n" TRUST, BARE("4:16")},
    {REGIONS("from,A,B\nA,5,9\nB,9,5\n"), "nodes: {a: {at: A}, b: {at: A}}\n" TRUST, ""},
    {REGIONS("from,A,B\nA,0,9\nB,9,5\n"), "nodes: {a: {at: A}, b: {at: A}}\n" TRUST, BARE("4:21")},
    /* sites that are drawn */
    {SMALL, "nodes: {a: {}, b: {at: 1}}\n" TRUST, DRAWN("4:9")},
    {SMALL, "nodes: {b: {at: 1}, a: {}}\n" TRUST, DRAWN("4:21")},
    {SMALL, "nodes: {a: {}, b: {}}\n" TRUST, DRAWN("4:9")},
    {SMALL, "nodes: {a: {}, b: {}}\n", ""},
    {SMALL, LAN "nodes: {a: {behind: [box@one]}, b: {behind: [box@one]}}\n" TRUST, ""},
    {REGIONS("from,A,B\nA,0,9\nB,9,9\n"), "nodes: {a: {}, b: {at: B}}\n" TRUST, ""},
    {REGIONS("from,A,B\nA,0,9\nB,9,9\n"), "nodes: {a: {}, b: {at: A}}\n" TRUST, DRAWN("4:9")},
    {REGIONS("from,A,B,share\nA,0,9,0\nB,9,9,1\n"), "nodes: {a: {}, b: {at: A}}\n" TRUST, ""},
    {REGIONS("from,A,B,share\nA,0,9,0\nB,9,9,1\n"), "nodes: {a: {}, b: {}}\n" TRUST, ""},
    {"0\t1\n1\t0\n", "network: {latency: {matrix: m.tsv, access: 1ms}}\n",
     "nodes: {a: {}, b: {}}\n" TRUST, ""},
};

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

/* Beside a latency file, if there is one. */
static void advise_beside(const char *matrix, const char *network, const char *rest,
                          char said[SAID_MAX])
{
    char folder[64] = "/tmp/peerup-advice-XXXXXX", file[80], path[80], text[1024];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/m.tsv", folder);
    snprintf(path, sizeof path, "%s/t.yaml", folder);
    if (matrix != NULL) write_file(file, matrix);
    snprintf(text, sizeof text, "scenario: t\nduration: 60s\n%s%s", network, rest);
    advise_at(path, text, said);
    remove(file);
    remove(folder);
}

static void what_ways_do_not_allow(void **state)
{
    (void)state;
    char said[SAID_MAX];
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        advise_beside(ways[i].matrix, ways[i].network, ways[i].rest, said);
        assert_string_equal(said, ways[i].said);
    }
}

static void ways_that_take_no_time(void **state)
{
    (void)state;
    char said[SAID_MAX];
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        advise_beside(delays[i].matrix, delays[i].network, delays[i].rest, said);
        if (strcmp(said, delays[i].said) != 0)
            fail_msg("%s%s: %s", delays[i].network, delays[i].rest, said);
    }
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
        cmocka_unit_test(warnings_and_none),        cmocka_unit_test(what_boxes_keep_apart),
        cmocka_unit_test(the_matrix_says_the_same), cmocka_unit_test(what_ways_do_not_allow),
        cmocka_unit_test(ways_that_take_no_time),
    };
    return cmocka_run_group_tests_name("advice", tests, NULL, NULL);
}
