/* scenario_test.c - scenario files: what a good one becomes, the place and words of every
 * complaint, --set, the configuration hash, and the files that are shipped. */
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

int scenario_test(void);

/* ---- a good file ---- */

static const char whole[] =
    "scenario: whole\n"
    "about: Everything once.\n"
    "duration: 2min\n"
    "fidelity: model\n"
    "network:\n"
    "  latency: {rtt: 80ms, access: 10ms}\n"
    "  link: {loss: 0.5%, jitter: 3ms, up: 20Mbit, down: 100Mbit, queue: 50ms}\n"
    "nats:\n"
    "  router: {mapping: eim, filtering: apdf, ports: preserve, udp_idle: 65s, hairpin: true}\n"
    "  carrier: {mapping: apdm, filtering: adf, ports: random, udp_idle: 35s, refresh: both}\n"
    "  wall: {mapping: adm, filtering: eif, ports: sequential, udp_idle: 1s, udp: blocked}\n"
    "nodes:\n"
    "  relay: {at: 17, roles: [relay], config: {reservations_max: 2}}\n"
    "  home: {at: 4, behind: [router, carrier@isp1], relays: [relay]}\n"
    "  laptop:\n"
    "    behind: [wall]\n"
    "    relays: [relay]\n"
    "    config: {dial_ns: 3s, dcutr: false, stream_window_bytes: 8KiB}\n"
    "  stranger: {at: 99, knows: all}\n"
    "groups:\n"
    "  crowd: {count: 5, behind: [carrier@isp1], relays: [relay], config: {idle_ns: 20s},\n"
    "          pairs: {from: 5s, until: 50s}}\n"
    "config: {ping_interval_ns: 20s}\n"
    "authorize: [[home, laptop], [crowd-5, home]]\n"
    "events:\n"
    "  - {at: 10s, connect: {from: laptop, to: home}}\n"
    "  - {at: 60s, change_network: laptop}\n"
    "  - {at: 70s, change_network: {node: home, behind: [], at: 12}}\n"
    "expect:\n"
    "  - {name: reached, connected: {from: laptop, to: home}, within: 6s}\n"
    "  - {name: pairs, connected: {pairs: crowd}, within: 15s}\n"
    "  - {name: relayed, path: relay, from: laptop, to: home, after: 60s, within: 30s}\n"
    "  - {name: never-direct, never: direct, from: home, to: laptop}\n"
    "  - {name: strangers, never: unauthorized_data}\n"
    "  - {name: for-good, never: apart, from: laptop, to: home, after: 90s}\n";

static void head_and_network(void **state)
{
    (void)state;
    scenario *s = read_good(whole, NULL);
    assert_string_equal(s->name, "whole");
    assert_string_equal(s->about, "Everything once.");
    assert_string_equal(s->path, "t.yaml");
    assert_string_equal(s->matrix, "");
    assert_true(s->duration_ns == 120 * PU_S);
    assert_true(s->rtt_ns == 80 * PU_MS);
    assert_true(s->link.link.access_ns == 10 * PU_MS);
    assert_true(s->link.link.jitter_ns == 3 * PU_MS);
    assert_int_equal(s->link.link.up_loss_ppm, 5000);
    assert_true(s->link.link.up_bps == 20000000);
    assert_true(s->link.link.down_bps == 100000000);
    assert_true(s->link.link.queue_ns == 50 * PU_MS);
    assert_int_equal(s->setting_count, 1);
    assert_string_equal(s->settings[0].info->name, "ping_interval_ns");
    assert_true(s->settings[0].value == 20 * PU_S);
    scenario_free(s);
}

static void boxes(void **state)
{
    (void)state;
    scenario *s = read_good(whole, NULL);
    assert_int_equal(s->nat_count, 3);
    const nat_type *router = &s->nats[0].type, *carrier = &s->nats[1].type,
                   *wall = &s->nats[2].type;
    assert_string_equal(s->nats[1].name, "carrier");
    assert_int_equal(router->mapping, NAT_EIM);
    assert_int_equal(router->filtering, NAT_APDF);
    assert_int_equal(router->ports, NAT_PRESERVE);
    assert_true(router->udp_idle_ns == 65 * PU_S);
    assert_int_equal(router->hairpin, NAT_HAIRPIN_EXTERNAL);
    assert_false(router->refresh_inbound);
    assert_int_equal(carrier->mapping, NAT_APDM);
    assert_int_equal(carrier->filtering, NAT_ADF);
    assert_int_equal(carrier->ports, NAT_RANDOM);
    assert_true(carrier->refresh_inbound);
    assert_int_equal(carrier->hairpin, NAT_HAIRPIN_NONE);
    assert_false(carrier->blocks_udp);
    assert_int_equal(wall->mapping, NAT_ADM);
    assert_int_equal(wall->filtering, NAT_EIF);
    assert_int_equal(wall->ports, NAT_SEQUENTIAL);
    assert_true(wall->blocks_udp);
    scenario_free(s);
}

static void nodes_and_members(void **state)
{
    (void)state;
    scenario *s = read_good(whole, NULL);
    assert_int_equal(s->node_count, 9);
    const scenario_node *relay = &s->nodes[0], *home = &s->nodes[1], *laptop = &s->nodes[2];
    assert_string_equal(relay->name, "relay");
    assert_true(relay->is_relay);
    assert_int_equal(relay->site, 17);
    assert_int_equal(relay->behind.count, 0);
    assert_int_equal(relay->place.line, 13);
    assert_int_equal(relay->place.column, 3);
    assert_int_equal(home->behind.count, 2);
    assert_int_equal(home->behind.box[0].nat, 0);
    assert_string_equal(home->behind.box[0].shared, "");
    assert_int_equal(home->behind.box[1].nat, 1);
    assert_string_equal(home->behind.box[1].shared, "isp1");
    assert_int_equal(home->relay_count, 1);
    assert_int_equal(home->relays[0], 0);
    assert_int_equal(home->group, SCENARIO_ANY);
    assert_int_equal(laptop->site, SCENARIO_ANY);
    assert_int_equal(laptop->setting_count, 3);
    assert_true(laptop->settings[0].value == 3 * PU_S);
    assert_true(laptop->settings[1].value == 0);
    assert_true(laptop->settings[2].value == 8192);
    assert_true(s->nodes[3].knows_all);
    assert_false(home->knows_all);

    assert_int_equal(s->group_count, 1);
    assert_int_equal(s->groups[0].first, 4);
    assert_int_equal(s->groups[0].count, 5);
    assert_false(s->groups[0].has_mix);
    assert_true(s->groups[0].pairs_from_ns == 5 * PU_S);
    assert_true(s->groups[0].pairs_until_ns == 50 * PU_S);
    for (uint32_t i = 4; i < 9; i++) {
        char name[SCENARIO_NAME_MAX];
        snprintf(name, sizeof name, "crowd-%u", i - 3);
        assert_string_equal(s->nodes[i].name, name);
        assert_int_equal(s->nodes[i].group, 0);
        assert_int_equal(s->nodes[i].site, SCENARIO_ANY);
        assert_string_equal(s->nodes[i].behind.box[0].shared, "isp1");
        assert_int_equal(s->nodes[i].relay_count, 1);
        assert_true(s->nodes[i].settings[0].value == 20 * PU_S);
    }
    scenario_free(s);
}

static void script_and_properties(void **state)
{
    (void)state;
    static const uint32_t trusted[4][2] = {{1, 2}, {8, 1}, {4, 5}, {6, 7}};
    scenario *s = read_good(whole, NULL);
    assert_int_equal(s->authorize_count, 4); /* an odd member has no pair */
    for (uint32_t i = 0; i < 4; i++) assert_memory_equal(s->authorize[i], trusted[i], 8);

    const scenario_event *e = s->events;
    assert_int_equal(s->event_count, 3);
    assert_int_equal(e[0].kind, SCENARIO_CONNECT);
    assert_true(e[0].at == 10 * PU_S);
    assert_int_equal(e[0].a, 2);
    assert_int_equal(e[0].b, 1);
    assert_int_equal(e[1].kind, SCENARIO_CHANGE_NETWORK);
    assert_int_equal(e[1].a, 2);
    assert_false(e[1].has_chain);
    assert_int_equal(e[1].site, SCENARIO_ANY);
    assert_true(e[2].has_chain);
    assert_int_equal(e[2].chain.count, 0);
    assert_int_equal(e[2].site, 12);

    const scenario_expect *x = s->expects;
    assert_int_equal(s->expect_count, 6);
    assert_string_equal(x[0].name, "reached");
    assert_int_equal(x[0].kind, SCENARIO_EXPECT_CONNECTED);
    assert_int_equal(x[0].a, 2);
    assert_int_equal(x[0].b, 1);
    assert_int_equal(x[0].group, SCENARIO_ANY);
    assert_false(x[0].has_after);
    assert_true(x[0].within_ns == 6 * PU_S);
    assert_int_equal(x[1].group, 0);
    assert_int_equal(x[1].a, SCENARIO_ANY);
    assert_int_equal(x[2].kind, SCENARIO_EXPECT_PATH);
    assert_int_equal(x[2].path, SCENARIO_PATH_RELAY);
    assert_true(x[2].has_after);
    assert_true(x[2].after == 60 * PU_S);
    assert_int_equal(x[3].never, SCENARIO_NEVER_DIRECT);
    assert_int_equal(x[3].a, 1);
    assert_int_equal(x[4].kind, SCENARIO_EXPECT_NEVER);
    assert_int_equal(x[4].never, SCENARIO_NEVER_UNAUTHORIZED);
    assert_int_equal(x[4].place.line, 34);
    assert_int_equal(x[5].never, SCENARIO_NEVER_APART);
    assert_int_equal(x[5].a, 2);
    assert_int_equal(x[5].b, 1);
    assert_true(x[5].after == 90 * PU_S);
    scenario_free(s);
}

static void defaults(void **state)
{
    (void)state;
    scenario *s = read_good(HEAD "nodes: {a: {}}\n", NULL);
    assert_int_equal(s->link.link.up_loss_ppm, 0);
    assert_true(s->link.link.up_bps == 0);
    assert_true(s->link.link.queue_ns == 100 * PU_MS);
    assert_true(s->link.link.access_ns == 0);
    assert_int_equal(s->event_count + s->expect_count + s->authorize_count, 0);
    scenario_free(s);
}

/* ---- bad files ---- */

static const bad_scenario bad[] = {
    /* not YAML, or too much of it */
    {"", "1:1: there is nothing in it\n"},
    {"- 1\n", "1:1: keys with values belong here\n"},
    {"a: [1,\n", "2:1: not YAML: while parsing a flow node did not find expected node content\n"},
    {"a: \xff\n", "1:4: not YAML: invalid leading UTF-8 octet\n"},
    {"\"a\\0b\": 1\n", "1:1: a text must not contain a NUL byte\n"},
    {"? [a]\n: 1\n", "1:3: a key must be a plain word\n"},
    {HEAD "nodes: {a: {}}\n---\nb: 1\n", "5:1: a second document begins here, one is allowed\n"},
    {"a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", "1:19: lists and maps are nested too deeply\n"},
    {HEAD "nodes: &x {a: {at: !!int 5}}\n",
     "4:8: anchors (&) are not allowed\n4:20: tags (!) are not allowed\n"},
    {"a: &x 1\nb: *x\n", "1:4: anchors (&) are not allowed\n2:4: aliases (*) are not allowed\n"},

    /* keys */
    {HEAD "nodes: {a: {}}\nduration: 5s\n",
     "5:1: duplicate key 'duration', it is on line 2 already\n"},
    {HEAD "nodes: {a: {}, b: {}, a: {}}\n", "4:23: duplicate key 'a', it is on line 4 already\n"},
    {HEAD "nodez: {a: {}}\n", "4:1: unknown key 'nodez', did you mean 'nodes'?\n"},
    {HEAD "nodes: {a: {att: 5, wholly: 1}}\n",
     "4:13: nodes.a: unknown key 'att', did you mean 'at'?\n4:21: nodes.a: unknown key 'wholly'\n"},
    {HEAD "nodes: {a: {}}\nnats: {n: {mapping: eim, ports: random}}\n",
     "5:11: nats.n: the keys 'filtering', 'udp_idle' are missing\n"},
    {"scenario: t\nduration: 60s\nnetwork: {latency: {rtt: 80ms, matrix: x.tsv}}\nnodes: {a: {}}\n",
     "3:20: network.latency: it has either 'matrix' or 'regions' or 'rtt'\n"},
    {"scenario: t\nduration: 60s\nnetwork: {}\nnodes: {a: {}}\n",
     "3:10: network: the key 'latency' is missing\n"},

    /* values and units */
    {"scenario: a b\nduration: 0s\nfidelity: wires\nnetwork: {latency: {rtt: 8}}\nnodes: {a: {}}\n",
     "1:11: scenario: 'a b' is not a name: letters, digits, '-' and '_', no '-' in front, at most "
     "63\n"
     "2:11: duration: a run takes some time\n"
     "3:11: fidelity: unknown word 'wires', did you mean 'wire'?\n"
     "4:26: network.latency.rtt: '8' is not a duration: its unit is missing: ns, us, ms, s, m, "
     "min, "
     "h or d\n"},
    {HEAD "crypto: modle\nnodes: {a: {}}\n",
     "4:9: crypto: unknown word 'modle', did you mean 'model'?\n"},
    {"scenario: t\nduration: 60s\nnetwork:\n  latency: {rtt: 80ms}\n"
     "  link: {loss: 2, jitter: -1ms, up: 20mbit, down: 0bit}\nnodes: {a: {}}\n",
     "5:16: network.link.loss: '2' is not a share: its unit is missing: %\n"
     "5:27: network.link.jitter: '-1ms' is not a duration: it is negative\n"
     "5:37: network.link.up: '20mbit' is not a rate: unknown unit 'mbit', did you mean 'Mbit'?\n"
     "5:51: network.link.down: a link of no rate carries nothing; without the key it is "
     "unlimited\n"},
    {HEAD "nodes: {a: {}}\nnats:\n"
          "  n: {mapping: EIM, filtering: no, ports: other, udp_idle: 0s, hairpin: yes, refresh: "
          "inbound,\n"
          "      udp: block}\n",
     "6:16: nats.n.mapping: unknown word 'EIM', did you mean 'eim'?\n"
     "6:32: nats.n.filtering: unknown word 'no', use eif, adf or apdf\n"
     "6:43: nats.n.ports: unknown word 'other', use preserve, sequential, random, parity or block\n"
     "6:60: nats.n.udp_idle: a box that forgets at once lets nothing back in\n"
     "6:73: nats.n.hairpin: unknown word 'yes', use false, true, external or internal\n"
     "6:87: nats.n.refresh: unknown word 'inbound', use outbound or both\n"
     "7:12: nats.n.udp: unknown word 'block', did you mean 'blocked'?\n"},
    {HEAD "nodes: {a: {config: {dial_ns: 400s, dail_ns: 3s, gating: 1, conns_max: 3s, relays_max: "
          "33}}}\n",
     "4:31: nodes.a.config.dial_ns: 400s is outside 1s to 5min\n"
     "4:37: nodes.a.config: unknown parameter 'dail_ns', did you mean 'dial_ns'?\n"
     "4:58: nodes.a.config.gating: unknown word '1', use false or true\n"
     "4:72: nodes.a.config.conns_max: '3s' is not a whole number: it takes no unit\n"
     "4:88: nodes.a.config.relays_max: 33 is outside 0 to 32\n"},
    {HEAD "nodes: {a: {at: 100000, knows: some, roles: relay}, b c: {}, d: {at: 1s}}\n",
     "4:17: nodes.a.at: site 100000 does not exist, they go from 0 to 99999\n"
     "4:32: nodes.a.knows: unknown word 'some', use all\n"
     "4:45: nodes.a.roles: a list belongs here: [...] or lines with '-'\n"
     "4:53: nodes: 'b c' is not a name: letters, digits, '-' and '_', no '-' in front, at most "
     "63\n"
     "4:70: nodes.d.at: '1s' is not a whole number: it takes no unit\n"},

    /* references */
    {HEAD "nodes: {a: {behind: [rooter], relays: [b, a, c]}, b: {}}\n",
     "4:22: nodes.a.behind.0: unknown nat 'rooter'\n"
     "4:40: nodes.a.relays.0: 'b' is not a relay: it has no roles: [relay]\n"
     "4:43: nodes.a.relays.1: 'a' cannot be its own relay\n"
     "4:46: nodes.a.relays.2: unknown node 'c'\n"},
    {HEAD NODES "  x: {behind: [box, box, box, box, box], relays: [relay, relay]}\n"
                "  y: {behind: [bok, box@]}\n",
     "10:15: nodes.x.behind: 5 boxes in a row, at most 4\n"
     "10:58: nodes.x.relays.1: 'relay' is in the list already\n"
     "11:16: nodes.y.behind.0: unknown nat 'bok', did you mean 'box'?\n"
     "11:21: nodes.y.behind.1: after '@' comes the name of one box, which '' is not\n"},
    {HEAD NODES "groups: {home: {count: 2}, laptop-x: {count: 0}, g: {count: 1, pairs: {from: 5s, "
                "until: 2s}}}\n",
     "8:3: nodes: 'home' is also in groups\n"
     "10:46: groups.laptop-x.count: a group has at least one member\n"
     "10:71: groups.g.pairs: one member makes no pair\n"
     "10:89: groups.g.pairs.until: it is before 'from'\n"},
    {HEAD "nodes: {crowd-2: {}, crowd-4: {}, crowd-02: {}}\ngroups: {crowd: {count: 3}}\n",
     "4:9: nodes: 'crowd-2' is also in groups\n"},
    {HEAD NODES "groups: {g: {count: 99998}}\n",
     "10:21: groups.g.count: '99998' is too large, at most 99997\n"},
    {HEAD NODES "authorize: [[home, laptop], [home, home], [home], [home, labtop]]\n",
     "10:36: authorize.1.1: 'home' authorizes itself\n"
     "10:43: authorize.2: two nodes belong here: [home, laptop]\n"
     "10:58: authorize.3.1: unknown node 'labtop', did you mean 'laptop'?\n"},

    {HEAD "nodes: {n: {}}\nnats:\n"
          "  a: {mapping: eim, filtering: eif, ports: random, udp_idle: 9s, pooling: arbitrary}\n"
          "  b: {mapping: eim, filtering: eif, ports: block, udp_idle: 9s, pooling: arbitrary,\n"
          "      addresses: 4, block: 32, host_mappings: 600}\n"
          "  c: {mapping: eim, filtering: eif, ports: random, udp_idle: 9s, block: 512,\n"
          "      udp_answered_idle: 8s, tcp_idle: 5s, tcp_opening_idle: 6s}\n"
          "  d: {mapping: eim, filtering: eif, ports: random, udp_idle: 9s, addresses: 0,\n"
          "      mappings: 10, host_mappings: 11}\n",
     "6:75: nats.a.pooling: there is one address, and nothing to draw from: say how many by "
     "'addresses'\n"
     "7:74: nats.b.pooling: a host whose ports are one block has one address\n"
     "8:28: nats.b.block: 64 at least\n"
     "8:47: nats.b.host_mappings: a block has 32 ports, and a host no more\n"
     "9:73: nats.c.block: only a box with 'ports: block' has blocks\n"
     "10:26: nats.c.udp_answered_idle: an answer would shorten the life of a mapping: it is less "
     "than udp_idle\n"
     "10:62: nats.c.tcp_opening_idle: an answer would shorten the life of a mapping: it is more "
     "than tcp_idle\n"
     "11:77: nats.d.addresses: 1 at least\n"
     "12:36: nats.d.host_mappings: one host may not have more than all: 'mappings' is 10\n"},

    /* shared boxes */
    {HEAD
     "nats:\n  a: {mapping: eim, filtering: eif, ports: random, udp_idle: 9s}\n"
     "  b: {mapping: eim, filtering: eif, ports: random, udp_idle: 9s}\n"
     "nodes:\n  m: {behind: [a@one, b@two]}\n  n: {behind: [a, b@one]}\n  o: {behind: [a@one]}\n"
     "  p: {behind: [a@new, b]}\n  q: {behind: [a@one, b@two]}\n",
     "9:19: nodes.n.behind.1: 'one' is a b here and a a on line 8\n"
     "10:16: nodes.o.behind.0: 'one' has other boxes outside it than on line 8\n"
     "11:16: nodes.p.behind.0: 'new' is one box, so the 'b' outside it needs a name too, with "
     "'@'\n"},

    {HEAD "nats: {x: {mapping: eim, filtering: apdf, ports: preserve, udp_idle: 65s}}\n"
          "nodes: {r: {behind: [x@one]}}\ngroups: {g: {count: 65533, behind: [x@one]}}\n",
     "5:22: 'one' has 65534 hosts inside, its addresses are enough for 65533\n"},
    {HEAD "nodes: {}\n", "4:8: nodes: a run needs at least one node\n"},

    /* the script */
    {HEAD NODES "events:\n  - {at: 60s, connect: {from: laptop, to: home}}\n"
                "  - {at: 1s, connect: {from: laptop, to: laptop}}\n  - {at: 1s, conect: {}}\n"
                "  - {at: -1s, change_network: lapto}\n"
                "  - {at: 1s, change_network: {behind: [bax], at: x}}\n",
     "11:10: events.0.at: 60s is not before the end of the run, 1min\n"
     "12:42: events.1.connect.to: from and to are the same node\n"
     "13:14: events.2: unknown key 'conect', did you mean 'connect'?\n"
     "14:10: events.3.at: '-1s' is not a duration: it is negative\n"
     "14:31: events.3.change_network: unknown node 'lapto', did you mean 'laptop'?\n"
     "15:30: events.4.change_network: the key 'node' is missing\n"
     "15:40: events.4.change_network.behind.0: unknown nat 'bax', did you mean 'box'?\n"
     "15:50: events.4.change_network.at: 'x' is no site: they are numbers from 0 to 99999, and "
     "have names only with 'network.latency.regions'\n"},

    {HEAD NODES "events:\n  - {at: 1s, reboot: {node: home}}\n  - {at: 1s, rebind: home}\n"
                "  - {at: 1s, reboot: {node: laptop, box: 9}}\n"
                "  - {at: 1s, reboot: {node: laptop, box: 0}}\n",
     "11:22: events.0.reboot: the key 'box' is missing\n"
     "13:42: events.2.reboot.box: '9' is too large, at most 4\n"
     "14:42: events.3.reboot.box: there is no box around it\n"},

    /* properties */
    {HEAD NODES
     "expect:\n  - {name: a, connected: {from: laptop, to: home}, within: 6s}\n"
     "  - {name: b, path: dirct, from: laptop, to: home, after: 50s, within: 11s}\n"
     "  - {name: c, never: unauthorized_data, from: home}\n"
     "  - {name: d, never: direct, from: home}\n  - {name: e}\n"
     "  - {name: f, connected: {pairs: home}, within: 61s}\n  - {name: g, never: relayed}\n"
     "  - {name: h, path: direct, never: direct}\n",
     "11:5: expect.0: no event connects laptop to home, and there is no 'after' to count from\n"
     "12:21: expect.1.path: unknown word 'dirct', did you mean 'direct'?\n"
     "12:72: expect.1.within: it ends at 61s, but the run at 1min\n"
     "13:41: expect.2: unknown key 'from'\n"
     "14:5: expect.3: the key 'to' is missing\n"
     "15:5: expect.4: it has one of 'connected', 'path', 'never', 'together', 'says' and "
     "'delivered'\n"
     "16:34: expect.5.connected.pairs: unknown group 'home'\n"
     "17:22: expect.6.never: unknown word 'relayed', use unauthorized_data, direct or apart\n"
     "18:5: expect.7: it has one of 'connected', 'path', 'never', 'together', 'says' and "
     "'delivered'\n"},
    {HEAD NODES "expect:\n  - {name: a, never: apart, from: laptop, to: home}\n"
                "  - {name: b, never: apart, from: laptop, to: home, after: 60s}\n"
                "  - {name: c, never: apart, to: home, after: 1s, within: 1s}\n"
                "  - {name: d, never: aprt, from: laptop, to: home, after: 1s}\n"
                "  - {name: e, never: direct, from: laptop, to: home, after: 1s}\n",
     "11:5: expect.0: the key 'after' is missing\n"
     "12:60: expect.1.after: 60s is not before the end of the run, 1min\n"
     "13:50: expect.2: unknown key 'within'\n"
     "14:22: expect.3.never: unknown word 'aprt', did you mean 'apart'?\n"
     "15:54: expect.4: unknown key 'after'\n"},
    {HEAD NODES "groups: {g: {count: 2}, h: {count: 2, pairs: {from: 1s, until: 50s}}}\n"
                "events: [{at: 55s, connect: {from: laptop, to: home}}]\n"
                "expect:\n  - {name: a, connected: {from: laptop, to: home}, within: 6s}\n"
                "  - {name: b, never: unauthorized_data}\n  - {name: b, never: unauthorized_data}\n"
                "  - {name: c, connected: {pairs: g}, within: 1s}\n"
                "  - {name: d, connected: {pairs: h}, within: 11s}\n"
                "  - {name: e, connected: {pairs: h}, after: 60s, within: 1s}\n",
     "13:60: expect.0.within: it ends at 61s, but the run at 1min\n"
     "15:12: expect.2.name: 'b' is the name of another one already\n"
     "16:34: expect.3.connected.pairs: the group 'g' has no 'pairs'\n"
     "17:46: expect.4.within: it ends at 61s, but the run at 1min\n"
     "18:45: expect.5.after: 60s is not before the end of the run, 1min\n"},
};

static void every_complaint_has_its_place(void **state)
{
    (void)state;
    each_is_complained_of(bad, COUNT(bad));
}

/* Neither a file cut short nor one with a wrong byte does harm; whatever is refused, says why. */
static void damaged_files(void **state)
{
    (void)state;
    static const char wrong[] = "\0{}[]:&*!#@-\n\xff";
    char said[SAID_MAX], text[sizeof whole];
    for (size_t len = 0; len < sizeof whole; len++) {
        diag errors = {0};
        scenario *s =
            scenario_load_text("t.yaml", (pu_span){(const uint8_t *)whole, len}, NULL, 0, &errors);
        assert_true((s == NULL) == (errors.count > 0));
        diag_free(&errors);
        scenario_free(s);
    }
    for (size_t at = 0; at + 1 < sizeof whole; at++) {
        memcpy(text, whole, sizeof whole);
        text[at] = wrong[at % (sizeof wrong - 1)];
        scenario *s = read_yaml(text, said);
        assert_true((s == NULL) == (said[0] != '\0'));
        scenario_free(s);
    }
}

static void too_many_values_or_complaints(void **state)
{
    (void)state;
    enum { KEYS = 60000, LINE = 8 };
    char *text = calloc(KEYS, LINE);
    assert_non_null(text);
    for (size_t i = 0; i < KEYS; i++) memcpy(text + i * LINE, "- - 777\n", LINE);
    diag errors = {0};
    pu_span bytes = {(const uint8_t *)text, (size_t)KEYS * LINE};
    assert_null(scenario_load_text("t.yaml", bytes, NULL, 0, &errors));
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.entries[0].text, "the document has too many values");
    diag_free(&errors);

    for (size_t i = 0; i < KEYS; i++) {
        char line[LINE + 1];
        snprintf(line, sizeof line, "x%05zu:\n", i);
        memcpy(text + i * LINE, line, LINE);
    }
    bytes.len = 1000 * LINE;
    assert_null(scenario_load_text("t.yaml", bytes, NULL, 0, &errors));
    assert_int_equal(errors.count, DIAG_ENTRIES_MAX);
    assert_int_equal(errors.count + errors.dropped, 1000);
    diag_free(&errors);
    free(text);
}

/* ---- --set ---- */

static void set_changes_values(void **state)
{
    (void)state;
    static const char *const sets[SETS_MAX] = {"network.link.loss=2%",
                                               "nodes.home.behind=[router, carrier]",
                                               "expect.reached.within=7s", "events.0.at=11s"};
    static const char *const more[SETS_MAX] = {"nodes.stranger.config.dial_ns=9s", "duration=1h",
                                               "about=a=b", "events.1.change_network=home"};
    scenario *s = read_good(whole, sets);
    assert_int_equal(s->link.link.up_loss_ppm, 20000);
    assert_string_equal(s->nodes[1].behind.box[1].shared, "");
    assert_true(s->expects[0].within_ns == 7 * PU_S);
    assert_true(s->events[0].at == 11 * PU_S);
    scenario_free(s);
    s = read_good(whole, more);
    assert_true(s->nodes[3].settings[0].value == 9 * PU_S);
    assert_true(s->duration_ns == 3600 * PU_S);
    assert_string_equal(s->about, "a=b");
    assert_int_equal(s->events[1].a, 1);
    scenario_free(s);
}

static const struct {
    const char *set, *said;
} bad_sets[] = {
    {"duration", "write it as key.path=value\n"},
    {"=5", "'' is not a path such as network.link.loss\n"},
    {"a..b=5", "'.b' is not a path such as network.link.loss\n"},
    {"duration=", "there is nothing in it\n"},
    {"duration=5x",
     "duration: '5x' is not a duration: unknown unit 'x', use ns, us, ms, s, m, min, h or d\n"},
    {"duration.x=5s", "duration is '2min' and has no 'x'\n"},
    {"durration=5s", "unknown key 'durration', did you mean 'duration'?\n"},
    {"network.link.los=1%", "network.link: unknown key 'los', did you mean 'loss'?\n"},
    {"nodes.hom.at=7", "there is no 'hom' in nodes, did you mean 'home'?\n"},
    {"nodes.home.at=[7",
     "not YAML: while parsing a flow sequence did not find expected ',' or ']'\n"},
    {"events.3.at=7s", "there is no '3' in events\n"},
    {"expect.reachd.within=7s", "there is no 'reachd' in expect, did you mean 'reached'?\n"},
    {"nats.router.udp=maybe",
     "nats.router.udp: unknown word 'maybe', use allowed, blocked or port_443\n"},
    {"network=1", "network: keys with values belong here\n"},
};

static void set_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_sets); i++) {
        char said[SAID_MAX], want[SAID_MAX];
        const char *sets[SETS_MAX] = {bad_sets[i].set};
        assert_null(read_at("t.yaml", whole, sets, said));
        snprintf(want, sizeof want, "--set %s:%s", bad_sets[i].set, bad_sets[i].said);
        char *first_end = strchr(said, '\n'); /* others may follow from it */
        assert_non_null(first_end);
        first_end[1] = '\0';
        if (strncmp(said, "--set ", 6) == 0) assert_string_equal(said, want);
        else fail_msg("%s: %s", bad_sets[i].set, said);
    }
}

/* ---- the configuration hash ---- */

static void hash_is_what_a_run_depends_on(void **state)
{
    (void)state;
    static const char *const same[] = {"about=other",    "scenario=other",
                                       "duration=120s",  "network.link.loss=0.50%",
                                       "fidelity=model", "crypto=real"};
    static const char *const other[] = {
        "duration=121s",
        "crypto=model",
        "network.link.loss=0.6%",
        "network.latency.rtt=81ms",
        "network.latency.access=11ms",
        "network.link.queue=51ms",
        "nats.router.hairpin=false",
        "nats.carrier.refresh=outbound",
        "nats.wall.udp=allowed",
        "nodes.home.at=5",
        "nodes.home.behind=[router, carrier@isp2]",
        "nodes.stranger.roles=[relay]",
        "nodes.laptop.config.dial_ns=4s",
        "config.ping_interval_ns=21s",
        "groups.crowd.count=6",
        "groups.crowd.pairs.until=51s",
        "authorize=[[laptop, home]]",
        "events.0.at=11s",
        "events.2.change_network.at=13",
        "expect.reached.within=7s",
        "expect.relayed.path=direct",
        "expect.strangers.name=x",
    };
    uint64_t hashes[COUNT(other) + 1][2];
    scenario *s = read_good(whole, NULL);
    memcpy(hashes[COUNT(other)], s->hash, sizeof s->hash);
    scenario_free(s);
    for (size_t i = 0; i < COUNT(same); i++) {
        const char *sets[SETS_MAX] = {same[i]};
        s = read_good(whole, sets);
        assert_memory_equal(s->hash, hashes[COUNT(other)], sizeof s->hash);
        scenario_free(s);
    }
    for (size_t i = 0; i < COUNT(other); i++) {
        const char *sets[SETS_MAX] = {other[i]};
        s = read_good(whole, sets);
        memcpy(hashes[i], s->hash, sizeof s->hash);
        scenario_free(s);
    }
    for (size_t i = 0; i <= COUNT(other); i++) {
        for (size_t k = 0; k < i; k++) {
            if (memcmp(hashes[i], hashes[k], sizeof hashes[i]) == 0) fail_msg("%s", other[k]);
        }
    }
}

/* ---- files beside the scenario ---- */

/* A folder that a test writes into. */
typedef struct folder {
    char path[64];
} folder;

static int folder_make(void **state)
{
    static folder f;
    snprintf(f.path, sizeof f.path, "/tmp/peerup-scenario-XXXXXX");
    *state = &f;
    return mkdtemp(f.path) == NULL ? -1 : 0;
}

static void write_file(const folder *f, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int folder_remove(void **state)
{
    static const char *const names[] = {"m.tsv", "n.csv"};
    const folder *f = *state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", f->path, names[i]);
        unlink(path);
    }
    return rmdir(f->path);
}

static void matrix_counts_by_its_bytes(void **state)
{
    static const char text[] = "scenario: t\nduration: 60s\nnetwork: {latency: {matrix: m.tsv}}\n"
                               "nodes: {a: {at: 1}, b: {at: 2}}\n";
    const folder *f = *state;
    char path[128], said[SAID_MAX];
    uint64_t first[2];
    static const char *const near[SETS_MAX] = {"nodes.b.at=0"};
    snprintf(path, sizeof path, "%s/t.yaml", f->path);

    write_file(f, "m.tsv", "0\t5\n5\t0\n");
    assert_null(read_at(path, text, NULL, said));
    assert_string_equal(said, "4:29: nodes.b.at: site 2 does not exist, they go from 0 to 1\n");
    scenario *s = read_at(path, text, near, said);
    assert_non_null(s);
    memcpy(first, s->hash, sizeof first);
    assert_non_null(strstr(s->matrix, "/m.tsv"));
    scenario_free(s);

    write_file(f, "m.tsv", "0\t6\n6\t0\n");
    s = read_at(path, text, near, said);
    assert_non_null(s);
    assert_memory_not_equal(s->hash, first, sizeof first);
    scenario_free(s);

    write_file(f, "m.tsv", "0\tx\n6\t0\n");
    assert_null(read_at(path, text, NULL, said));
    assert_ptr_equal(strstr(said, "3:29: network.latency.matrix: "), said);
    static const char *const gone[SETS_MAX] = {"network.latency.matrix=/nowhere/m.tsv"};
    assert_null(read_at("t.yaml", text, gone, said));
    assert_string_equal(said, "--set network.latency.matrix=/nowhere/m.tsv:network.latency.matrix: "
                              "/nowhere/m.tsv cannot be read: No such file or directory\n");
    static const char *const moved[SETS_MAX] = {"network.latency.matrix=../m.tsv"};
    assert_null(read_at("gone/t.yaml", text, moved, said));
    assert_string_equal(said, "--set network.latency.matrix=../m.tsv:network.latency.matrix: "
                              "gone/../m.tsv cannot be read: No such file or directory (paths are "
                              "seen from the scenario's folder)\n");
}

#define COLUMNS                                                                             \
    "# a comment\nprofile,w_EIM_EIF,w_EIM_ADF,w_EIM_APDF,w_SYM,w_BLK,port_preserve,"        \
    "port_sequential,port_random,udp_idle_s_p10,udp_idle_s_p50,udp_idle_s_p90,hairpin_udp," \
    "evidence\n"

static void mix_is_read_from_a_table(void **state)
{
    static const char text[] = HEAD "nodes: {}\ngroups: {g: {count: 2, nat_mix: n.csv#two}}\n";
    static const struct {
        const char *rows, *said;
    } tables[] = {
        {"", ":the table is empty\n"},
        {"a,b\n", ":1:1: there is no column 'profile'\n"},
        {"profil,b\n", ":1:1: unknown column 'profil', did you mean 'profile'?\n"},
        {COLUMNS, "5:33: groups.g.nat_mix: unknown profile 'two'\n"},
        {COLUMNS "one,1\n", "5:33: groups.g.nat_mix: unknown profile 'two', use one\n"},
        {COLUMNS "one,1\nthree,1\nfourth,1\n",
         "5:33: groups.g.nat_mix: unknown profile 'two', use one, three or fourth\n"},
        {COLUMNS "tow,1\n", "5:33: groups.g.nat_mix: unknown profile 'two', did you mean 'tow'?\n"},
        {COLUMNS "two,0.5,0.4,0,0,0,1,0,0,1,2,3,0\n",
         ":3:5: w_EIM_EIF to w_BLK do not add up to 1\n"},
        {COLUMNS "# x\n\ntwo,1,0,0,0,0,0.5,x,0,3,2,1,2\n",
         ":5:19: port_sequential: 'x' is not a fraction: write it like 0.25\n"},
        {COLUMNS "two,1,0,0,0,0,1,0,0,3,2,1,2\n",
         ":3:21: the idle times must rise, from above 0\n"},
        {COLUMNS "two,1,0,0,0,0,1,0,0,1,2,3\n",
         ":3:1: hairpin_udp: '' is not a fraction: write it like 0.25\n"},
    };
    const folder *f = *state;
    char path[128], said[SAID_MAX];
    snprintf(path, sizeof path, "%s/t.yaml", f->path);
    for (size_t i = 0; i < COUNT(tables); i++) {
        write_file(f, "n.csv", tables[i].rows);
        assert_null(read_at(path, text, NULL, said));
        if (strstr(said, tables[i].said) == NULL) fail_msg("%zu: %s", i, said);
    }

    write_file(f, "n.csv",
               COLUMNS "one,1\ntwo,0.2,0.1,0.5,0.15,0.05,0.5,0.2,0.3,20,60,180.5,0.25,\"a, b\"\n");
    scenario *s = read_at(path, text, NULL, said);
    assert_non_null(s);
    const scenario_group *g = &s->groups[0];
    static const uint32_t weights[] = {200000, 100000, 500000, 150000, 50000};
    static const uint32_t ports[] = {500000, 200000, 300000};
    static const uint64_t idles[] = {20 * PU_S, 60 * PU_S, 180500 * PU_MS};
    assert_true(g->has_mix);
    assert_memory_equal(g->mix_weight_ppm, weights, sizeof weights);
    assert_memory_equal(g->mix_ports_ppm, ports, sizeof ports);
    assert_memory_equal(g->mix_idle_ns, idles, sizeof idles);
    assert_int_equal(g->mix_hairpin_ppm, 250000);
    scenario_free(s);

    static const char *const both[SETS_MAX] = {"groups.g.behind=[]"};
    assert_null(read_at(path, text, both, said));
    assert_non_null(strstr(said, "it has either 'nat_mix' or 'behind'"));
    static const char *const bare[SETS_MAX] = {"groups.g.nat_mix=n.csv"};
    assert_null(read_at(path, text, bare, said));
    assert_non_null(strstr(said, "write it as TABLE.csv#PROFILE"));
}

/* ---- the shipped files ---- */

static void shipped_files(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        uint32_t nodes, expects;
    } files[] = {
        {"scenarios/base/home-behind-cgnat.yaml", "home-behind-cgnat", 54, 6},
        {"scenarios/base/both-public.yaml", "both-public", 4, 3},
        {"scenarios/base/lossy-link.yaml", "lossy-link", 3, 4},
        {"scenarios/nat/symmetric-both.yaml", "symmetric-both", 3, 4},
        {"scenarios/nat/one-nat.yaml", "one-nat", 4, 3},
        {"scenarios/nat/symmetric-asked.yaml", "symmetric-asked", 4, 4},
        {"scenarios/nat/symmetric-one.yaml", "symmetric-one", 4, 5},
        {"scenarios/nat/udp-blocked.yaml", "udp-blocked", 4, 7},
        {"scenarios/nat/double-nat.yaml", "double-nat", 3, 4},
        {"scenarios/nat/refused.yaml", "refused", 3, 3},
        {"scenarios/nat/only-443.yaml", "only-443", 5, 8},
        {"scenarios/nat/vpn.yaml", "vpn", 5, 4},
        {"scenarios/life/relay-dies.yaml", "relay-dies", 4, 7},
        {"scenarios/life/only-relay-dies.yaml", "only-relay-dies", 4, 6},
        {"scenarios/life/comes-back.yaml", "comes-back", 3, 4},
        {"scenarios/life/cut-off.yaml", "cut-off", 3, 5},
        {"scenarios/life/clock-ahead.yaml", "clock-ahead", 3, 5},
        {"scenarios/life/faults.yaml", "faults", 4, 5},
        {"scenarios/life/crowd.yaml", "crowd", 202, 2},
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        scenario *s = scenario_read(files[i].path, NULL, 0, stdout);
        assert_non_null(s);
        assert_string_equal(s->name, files[i].name);
        assert_int_equal(s->node_count, files[i].nodes);
        assert_int_equal(s->expect_count, files[i].expects);
        assert_true(s->hash[0] != 0);
        scenario_free(s);
    }
}

static void missing_file(void **state)
{
    (void)state;
    diag errors = {0};
    assert_null(scenario_load("nowhere.yaml", NULL, 0, &errors));
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.entries[0].text, "cannot be read: No such file or directory");
    diag_free(&errors);
}

int scenario_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_and_network),
        cmocka_unit_test(boxes),
        cmocka_unit_test(nodes_and_members),
        cmocka_unit_test(script_and_properties),
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_complaint_has_its_place),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(too_many_values_or_complaints),
        cmocka_unit_test(set_changes_values),
        cmocka_unit_test(set_refuses),
        cmocka_unit_test(hash_is_what_a_run_depends_on),
        cmocka_unit_test_setup_teardown(matrix_counts_by_its_bytes, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(mix_is_read_from_a_table, folder_make, folder_remove),
        cmocka_unit_test(shipped_files),
        cmocka_unit_test(missing_file),
    };
    return cmocka_run_group_tests_name("scenario", tests, NULL, NULL);
}
