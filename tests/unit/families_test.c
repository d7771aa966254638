/* families_test.c - IPv6 in scenario files: firewalls, hosts with one family and with
 * both, and what is refused of them; and where the hosts of a run are then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run.h"
#include "sim/world.h"
#include "tests/unit/scenario_said.h"

int families_test(void);

static const bad_scenario bad[] = {
    {HEAD "links: {thin: {mtu: 1279}}\n"
          "nats: {home: {profile: home}, vpn: {profile: vpn}}\n"
          "firewalls:\n"
          "  home: {filtering: apdf}\n"
          "  public: {filtering: eif}\n"
          "  a: {filtering: none, udp_idle: 119s, tcp_idle: 2h, tcp_opening_idle: 239s, "
          "icmp_errors: swallowed}\n"
          "  b: {simultaneous_open: false, unsolicited_udp: reject, mapping: eim}\n"
          "  c: {filtering: adf, udp_idle: 30s, icmp_errors: swallowed, rfc6092: false}\n"
          "nodes:\n"
          "  r: {roles: [relay]}\n"
          "  n1: {ipv4: false}\n"
          "  n2: {ipv4: false, ipv6: none, behind: [home]}\n"
          "  n3: {ipv6: pubic, behind: [c]}\n"
          "  n4: {ipv6: home, behind: [home, \"c@x\"]}\n"
          "  n5: {ipv6: \"c@flat\", behind: [\"home@flat\"]}\n"
          "  n6: {ipv6: \"b@flat\"}\n"
          "  n7: {ipv4: no, ipv6: vpn}\n",
     "7:3: firewalls: 'home' is also in nats\n"
     "8:3: firewalls: 'ipv6: public' means something else\n"
     "9:18: firewalls.a.filtering: unknown word 'none', use eif, adf or apdf\n"
     "9:34: firewalls.a.udp_idle: RFC 6092: two minutes at least (REC-14); 'rfc6092: false' allows "
     "it all the same\n"
     "9:50: firewalls.a.tcp_idle: RFC 6092: 124 minutes at least (REC-35); 'rfc6092: false' allows "
     "it all the same\n"
     "9:72: firewalls.a.tcp_opening_idle: RFC 6092: four minutes at least (REC-35); 'rfc6092: "
     "false' allows it all the same\n"
     "9:91: firewalls.a.icmp_errors: RFC 6092: errors of what is let out come in (REC-18, 36); "
     "'rfc6092: false' allows it all the same\n"
     "10:26: firewalls.b.simultaneous_open: RFC 6092: both ways of opening are let through "
     "(REC-31); 'rfc6092: false' allows it all the same\n"
     "10:50: firewalls.b.unsolicited_udp: unknown word 'reject', use drop or refuse\n"
     "10:58: firewalls.b: unknown key 'mapping'\n"
     "14:14: nodes.n1.ipv4: then it has no address at all: say by 'ipv6' where it gets one\n"
     "15:14: nodes.n2.ipv4: then it has no address at all: say by 'ipv6' where it gets one\n"
     "15:41: nodes.n2.behind: such boxes translate IPv4, which it does not have: 'ipv6' names a "
     "firewall\n"
     "16:14: nodes.n3.ipv6: unknown firewall 'pubic', did you mean 'public'?\n"
     "16:30: nodes.n3.behind.0: 'c' is a firewall for IPv6: it belongs to 'ipv6'\n"
     "17:14: nodes.n4.ipv6: 'home' translates IPv4: it belongs to 'behind'\n"
     "17:35: nodes.n4.behind.1: 'c' is a firewall for IPv6: it belongs to 'ipv6'\n"
     "19:14: nodes.n6.ipv6: 'flat' is a b here and a c on line 18\n"
     "20:14: nodes.n7.ipv4: unknown word 'no', use false or true\n"
     "20:24: nodes.n7.ipv6: 'vpn' translates IPv4: it belongs to 'behind'\n"},

    {HEAD "links: {thin: {mtu: 1279}}\n"
          "nats: {home: {profile: home}, vpn: {profile: vpn}}\n"
          "firewalls: {c: {filtering: adf}}\n"
          "nodes:\n"
          "  r: {roles: [relay], ipv6: public}\n"
          "  old: {roles: [relay]}\n"
          "  a: {ipv6: c, behind: [vpn]}\n"
          "  b: {ipv4: false, ipv6: c, relays: [old], link: thin}\n"
          "  d: {ipv4: false, ipv6: c}\n"
          "  e: {behind: [home]}\n"
          "groups:\n"
          "  g: {count: 2, ipv4: false, ipv6: c, behind: [home]}\n"
          "  h: {count: 2, roam: {exponential: {mean: 9s}, ipv6: c}}\n"
          "events:\n"
          "  - {at: 5s, rebind: d}\n"
          "  - {at: 6s, change_network: {node: e, behind: [vpn], ipv6: public}}\n"
          "  - {at: 7s, change_network: {node: r, ipv4: false}}\n"
          "  - {at: 8s, reboot: d}\n"
          "  - {at: 8s, reboot: r}\n"
          "expect:\n"
          "  - {name: x, path: direct, from: b, to: old, after: 5s, within: 9s}\n"
          "  - {name: y, path: direct, from: d, to: e, after: 5s, within: 9s}\n",
     "10:3: nodes.a: all that 'a' sends goes through the tunnel of 'vpn', which carries no IPv6: "
     "'ipv6: none'\n"
     "11:3: nodes.b: it has IPv6, whose links pass packets of 1280 bytes at least, and an 'mtu' of "
     "1279\n"
     "11:3: nodes.b.relays: 'b' and its relay 'old' have no family of addresses in common\n"
     "15:47: groups.g.behind: such boxes translate IPv4, which it does not have: 'ipv6' names a "
     "firewall\n"
     "16:23: groups.h.roam: the key 'behind' is missing\n"
     "18:22: events.0.rebind: a firewall translates nothing, so nothing can move to other ports\n"
     "19:5: events.1: all that 'e' sends goes through the tunnel of 'vpn', which carries no IPv6: "
     "'ipv6: none'\n"
     "20:46: events.2.change_network.ipv4: then it has no address at all: say by 'ipv6' where it "
     "gets one\n"
     "22:22: events.4.reboot: there is no box around it\n"
     "24:5: expect.0: 'b' and 'old' have no family of addresses in common: nothing is direct\n"},
};

static void impossible_families_are_refused(void **state)
{
    (void)state;
    each_is_complained_of(bad, COUNT(bad));
}

#define WALLS                                                                          \
    "nats: {nat: {profile: home}}\nfirewalls:\n  plain: {filtering: eif}\n"            \
    "  odd: {filtering: adf, udp_idle: 30s, udp_answered_idle: 3min, refresh: both,\n" \
    "        unsolicited_udp: refuse, unsolicited_syn: reset, tcp_filtering: eif,\n"   \
    "        icmp_errors: swallowed, rfc6092: false}\n"

static void firewalls_are_what_they_say(void **state)
{
    (void)state;
    scenario *s = read_good(HEAD WALLS "nodes: {n: {ipv6: odd}}\n", NULL);
    assert_int_equal(s->nat_count, 3);
    const nat_type *plain = &s->nats[1].type, *odd = &s->nats[2].type;
    assert_true(plain->is_filter && plain->filtering == NAT_EIF && plain->mapping == NAT_EIM);
    assert_true(plain->udp_idle_ns == 300 * PU_S && plain->ports == NAT_PRESERVE);
    assert_true(plain->unsolicited == NAT_SYN_LATE_UNREACHABLE && !plain->refuses_udp);
    assert_true(odd->filtering == NAT_ADF && odd->udp_idle_ns == 30 * PU_S);
    assert_true(odd->udp_answered_ns == 180 * PU_S && odd->refresh_inbound && odd->refuses_udp);
    assert_true(odd->unsolicited == NAT_SYN_RESET && odd->tcp_filtering == NAT_EIF);
    assert_true(odd->swallows_errors && !s->nats[0].type.is_filter);
    scenario_free(s);
}

/* Every word that changes a run changes the configuration's hash; the default words do not. */
static void families_are_in_the_hash(void **state)
{
    (void)state;
    static const char *const nodes[] = {
        "{}",
        "{ipv6: public}",
        "{ipv6: public, ipv4: false}",
        "{ipv6: plain}",
        "{ipv6: odd}",
        "{ipv6: plain@x}",
        "{ipv6: none}",
        "{ipv4: true}",
    };
    enum { DIFFERENT = 6 };
    uint64_t hashes[COUNT(nodes)];
    for (size_t i = 0; i < COUNT(nodes); i++) {
        char text[1024];
        snprintf(text, sizeof text, HEAD WALLS "nodes: {n: %s}\n", nodes[i]);
        scenario *s = read_good(text, NULL);
        hashes[i] = s->hash[0];
        for (size_t k = 0; k < i && i < DIFFERENT; k++) assert_true(hashes[k] != hashes[i]);
        if (i >= DIFFERENT) assert_true(hashes[i] == hashes[0]);
        scenario_free(s);
    }
}

/* ---- where hosts are ---- */

typedef struct lab {
    scenario *s;
    world *w;
} lab;

static void lab_open(lab *l, const char *text)
{
    static const run_options options = {.seed = 1, .record_node = SCENARIO_ANY};
    l->s = read_good(text, NULL);
    l->w = calloc(1, sizeof *l->w);
    assert_non_null(l->w);
    assert_true(world_build(l->w, l->s, &options));
}

static void lab_close(lab *l)
{
    world_close(l->w);
    free(l->w);
    scenario_free(l->s);
}

/* Does all of the script that is of that sort, in its order. */
static void do_all(lab *l, enum world_do what)
{
    for (uint32_t i = 0; i < l->w->script_count; i++)
        if (l->w->script[i].what == what && !l->w->script[i].is_done) script_do(l->w, i);
}

static void do_first(lab *l, enum world_do what)
{
    for (uint32_t i = 0; i < l->w->script_count; i++) {
        if (l->w->script[i].what != what || l->w->script[i].is_done) continue;
        script_do(l->w, i);
        return;
    }
    fail_msg("nothing is left to do");
}

/* The boxes around node: of IPv4, and of IPv6. */
static void assert_around(const lab *l, uint32_t node, uint32_t box, uint32_t wall)
{
    assert_int_equal(net_host_around(l->w->hosts_share.network, node, false), box);
    assert_int_equal(net_host_around(l->w->hosts_share.network, node, true), wall);
}

static void hosts_are_in_their_families(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, HEAD WALLS "nodes:\n  a: {behind: [nat@flat], ipv6: plain@flat}\n"
                            "  b: {behind: [nat@flat], ipv6: plain@flat}\n"
                            "  c: {ipv4: false, ipv6: odd}\n  d: {ipv6: public}\n  e: {}\n"
                            "events:\n"
                            "  - {at: 1s, change_network: {node: a, ipv6: none}}\n"
                            "  - {at: 2s, change_network: {node: c, behind: [nat@flat], "
                            "ipv6: plain@flat}}\n"
                            "  - {at: 3s, change_network: d}\n"
                            "  - {at: 4s, change_network: {node: e, ipv4: false, ipv6: public}}\n"
                            "  - {at: 5s, change_network: b}\n");
    assert_around(&l, 0, 0, 1);
    assert_around(&l, 1, 0, 1);
    assert_around(&l, 2, NET_ABSENT, 2);
    assert_around(&l, 3, NET_NONE, NET_NONE);
    assert_around(&l, 4, NET_NONE, NET_ABSENT);
    pu_endpoint was = net_host_six(l.w->hosts_share.network, 3);
    do_all(&l, WORLD_CHANGE_NETWORK);
    assert_around(&l, 0, 0, NET_ABSENT); /* its own NAT, which is shared */
    assert_around(&l, 2, 0, 1);
    assert_around(&l, 3, NET_NONE, NET_NONE);
    pu_endpoint is = net_host_six(l.w->hosts_share.network, 3);
    assert_false(pu_endpoint_equal(&was, &is));
    assert_around(&l, 4, NET_ABSENT, NET_NONE);
    assert_around(&l, 1, 3, 4); /* without a word of where to: new boxes of the same kinds */
    lab_close(&l);
}

static void a_member_roams_between_families(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, HEAD WALLS "nodes: {n: {}}\ngroups:\n"
                            "  g: {count: 1, behind: [nat], ipv6: plain,\n"
                            "      roam: {exponential: {mean: 9s}, ipv4: false, ipv6: odd@isp}}\n");
    assert_around(&l, 1, 0, 1);
    for (unsigned turn = 0; turn < 4; turn++) { /* each visit adds the next one to the script */
        bool is_home = turn % 2 == 1;
        do_first(&l, WORLD_ROAM);
        assert_around(&l, 1, is_home ? 0 : NET_ABSENT, is_home ? 1 : 2);
    }
    lab_close(&l);
}

/* A home's router is one device. */
static void a_reboot_is_of_both(void **state)
{
    (void)state;
    lab l;
    lab_open(&l,
             HEAD WALLS "nodes: {a: {behind: [nat], ipv6: plain}, b: {ipv4: false, ipv6: odd}}\n"
                        "events: [{at: 1s, reboot: a}, {at: 2s, reboot: b}]\n");
    net *network = l.w->hosts_share.network;
    pu_endpoint four = pu_endpoint_ip4(11, 0, 9, 1, 1),
                six = {.ip = {0x2d, [4] = 9, [15] = 1}, .port = 1};
    pu_endpoint seen;
    for (uint32_t node = 0; node < 2; node++)
        net_send(network, 0, node, 4001, &six, span_of(NULL, 0), NET_UDP, NET_KIND_DATA);
    net_send(network, 0, 0, 4001, &four, span_of(NULL, 0), NET_UDP, NET_KIND_DATA);
    assert_true(net_public_view(network, 0, 0, 4001, &four, &seen));
    assert_true(net_public_view(network, 0, 0, 4001, &six, &seen));
    assert_true(net_public_view(network, 0, 1, 4001, &six, &seen));
    do_all(&l, WORLD_REBOOT);
    assert_false(net_public_view(network, 0, 0, 4001, &four, &seen));
    assert_false(net_public_view(network, 0, 0, 4001, &six, &seen));
    assert_false(net_public_view(network, 0, 1, 4001, &six, &seen));
    lab_close(&l);
}

int families_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_families_are_refused),
        cmocka_unit_test(firewalls_are_what_they_say),
        cmocka_unit_test(families_are_in_the_hash),
        cmocka_unit_test(hosts_are_in_their_families),
        cmocka_unit_test(a_member_roams_between_families),
        cmocka_unit_test(a_reboot_is_of_both),
    };
    return cmocka_run_group_tests_name("families", tests, NULL, NULL);
}
