/* scenario_kind_test.c - kinds of boxes in scenario files: what no box can be is refused with the
 * reason, and a profile is what its name says until other keys change it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/scenario_said.h"

int scenario_kind_test(void);

static const bad_scenario bad[] = {
    {"scenario: s\nduration: 9s\nnetwork: {latency: {rtt: 1ms}, refuses: on}\nnodes: {n: {}}\n"
     "nats:\n"
     "  a: {mapping: eim, filtering: eif, ports: random, udp_idle: 9s, tcp_filtering: no,\n"
     "      unsolicited_syn: rst, icmp_errors: lost, simultaneous_open: 1}\n"
     "  b: {mapping: eim, filtering: eif, ports: random, udp_idle: 9s, tcp_filtering: eif,\n"
     "      simultaneous_open: false}\n",
     "3:41: network.refuses: unknown word 'on', use false or true\n"
     "6:81: nats.a.tcp_filtering: unknown word 'no', use eif, adf or apdf\n"
     "7:24: nats.a.unsolicited_syn: unknown word 'rst', use drop, reset, late_reset or "
     "late_unreachable\n"
     "7:42: nats.a.icmp_errors: unknown word 'lost', use forwarded or swallowed\n"
     "7:67: nats.a.simultaneous_open: unknown word '1', use false or true\n"
     "9:26: nats.b.simultaneous_open: 'tcp_filtering: eif' lets in a SYN from ports that were "
     "never "
     "called, so one from a port that is called cannot be kept out\n"},

    {HEAD "nodes: {n: {}}\nnats:\n  a: {profile: vpn, tunnel_mtu: 1279}\n"
          "  b: {profile: vpn, tunnel_mtu: 9001}\n  c: {profile: home, tunnel_mtu: 1420}\n"
          "  d: {profile: vpn, links: shared}\n",
     "6:33: nats.a.tunnel_mtu: 1280 at least, which any path of IPv6 carries\n"
     "7:33: nats.b.tunnel_mtu: '9001' is too large, at most 9000\n"
     "8:34: nats.c.tunnel_mtu: there is no 'tunnel'\n"
     "9:28: nats.d.links: nobody's access link is at the far end of a tunnel\n"},
    {HEAD "nodes: {n: {port: 0, behind: [vpn, home]}, m: {port: 65001}}\nnats:\n"
          "  home: {profile: hone}\n"
          "  vpn: {profile: vpn, tunnel: 0s, udp: maybe}\n"
          "  wall: {profile: udp_blocked, tcp: blocked}\n"
          "  mute: {profile: home, tcp: blocked, tcp_idle: 9min, tcp_filtering: eif}\n"
          "  deaf: {profile: home, udp: blocked, udp_answered_idle: 9min}\n"
          "  spot: {profile: hotspot, udp_idle: 5min}\n"
          "  bank: {profile: home, tcp_idle: 3min, tcp_opening_idle: 4min}\n",
     "4:19: nodes.n.port: ports begin at 1\n"
     "4:54: nodes.m.port: '65001' is too large, at most 65000\n"
     "6:19: nats.home.profile: unknown word 'hone', did you mean 'home'?\n"
     "7:31: nats.vpn.tunnel: a tunnel has a length; without the key there is none\n"
     "7:40: nats.vpn.udp: unknown word 'maybe', use allowed, blocked or port_443\n"
     "8:37: nats.wall.tcp: neither UDP nor TCP gets out: such a box is a wall\n"
     "9:49: nats.mute.tcp_idle: no TCP gets out, so nothing is let in either\n"
     "9:70: nats.mute.tcp_filtering: no TCP gets out, so nothing is let in either\n"
     "10:58: nats.deaf.udp_answered_idle: no UDP gets out, so nothing is let in either\n"
     "11:38: nats.spot.udp_idle: an answer would shorten the life of a mapping: it is less than "
     "udp_idle\n"
     "12:59: nats.bank.tcp_opening_idle: an answer would shorten the life of a mapping: it is more "
     "than tcp_idle\n"},
    {HEAD "nodes: {n: {behind: [home, gate]}}\nnats:\n"
          "  home: {profile: home, gateway_manner: idle}\n"
          "  gate: {profile: home, gateway: [pcp, igd], gateway_manner: kind}\n"
          "  far: {profile: vpn, gateway: [pcp]}\n"
          "  none: {profile: home, gateway: []}\n"
          "  both: {profile: home, gateway: [upnp, upnp2]}\n"
          "  bulk: {profile: carrier, gateway: [upnp2]}\n"
          "  late: {profile: home, gateway: [pcp], gateway_manner: endless}\n"
          "  echo: {profile: home, gateway: [nat_pmp, pcp, nat_pmp]}\n",
     "4:28: nodes.n.behind.1: 'gate' is a gateway for hosts beside it, and there is a box between\n"
     "6:41: nats.home.gateway_manner: only a box with 'gateway' answers in a manner\n"
     "7:40: nats.gate.gateway.1: unknown word 'igd', use nat_pmp, pcp, upnp or upnp2\n"
     "7:62: nats.gate.gateway_manner: unknown word 'kind', use honest, idle, private, wrong, "
     "short, "
     "refuses, slow, permanent, same_ports, garbage, endless or redirects\n"
     "8:32: nats.far.gateway: it is at the far end of a tunnel: no host is beside it\n"
     "9:34: nats.none.gateway: it says nothing: leave the key out\n"
     "10:34: nats.both.gateway: a gateway has one version of UPnP: 'upnp2' takes words of the "
     "first\n"
     "11:37: nats.bulk.gateway: by UPnP a gateway names its external address, and there are 4 of "
     "them\n"
     "11:37: nats.bulk.gateway: by UPnP a host chooses its port, which it may not where ports are "
     "blocks\n"
     "12:57: nats.late.gateway_manner: 'endless' is a manner of UPnP, which it does not speak\n"
     "13:49: nats.echo.gateway.2: 'nat_pmp' is there twice\n"},
    {HEAD "nodes: {n: {}}\nnats:\n"
          "  a: {profile: home, mappings: 65536}\n"
          "  b: {profile: hotspot, host_mappings: 64513, mappings: 64512}\n"
          "  c: {profile: hotspot, addresses: 2, mappings: 129025, host_mappings: 64513}\n"
          "  d: {profile: carrier, block: 1000, mappings: 256001}\n"
          "  e: {profile: vpn, tunnel: 31s}\n",
     "6:32: nats.a.mappings: 1 address has 65535 ports, and each mapping takes one\n"
     "7:40: nats.b.host_mappings: 1 address has 64512 ports, and each mapping takes one\n"
     "8:49: nats.c.mappings: 2 addresses have 129024 ports, and each mapping takes one\n"
     "8:72: nats.c.host_mappings: 1 address has 64512 ports, and each mapping takes one\n"
     "9:48: nats.d.mappings: 4 addresses have 256000 ports, and each mapping takes one\n"
     "10:29: nats.e.tunnel: '31s' is too long for a way, at most 30s\n"},
    {HEAD "nodes: {n: {behind: [vpn, home]}}\nnats: {home: {profile: home}, vpn: {profile: vpn}}\n",
     "4:22: nodes.n.behind.0: 'vpn' is at the far end of a tunnel, which goes through the boxes "
     "outside it and is not translated by them: leave them out\n"},
};

static void impossible_boxes_are_refused(void **state)
{
    (void)state;
    each_is_complained_of(bad, COUNT(bad));
}

static void profiles_are_kinds(void **state)
{
    (void)state;
    for (uint32_t i = 0; nat_profile_at(i) != NULL; i++) {
        char text[512];
        const nat_profile *p = nat_profile_at(i);
        snprintf(text, sizeof text, HEAD "nodes: {n: {behind: [k]}}\nnats: {k: {profile: %s}}\n",
                 p->name);
        scenario *s = read_good(text, NULL);
        const nat_type *t = &s->nats[0].type;
        assert_true(t->mapping == p->type.mapping && t->filtering == p->type.filtering);
        assert_true(t->ports == p->type.ports && t->udp_idle_ns == p->type.udp_idle_ns);
        assert_true(t->blocks_udp == p->type.blocks_udp && t->is_tcp_443 == p->type.is_tcp_443);
        assert_int_equal(t->tunnel_mtu, p->type.tunnel_mtu);
        assert_true(t->tunnel_ns == p->type.tunnel_ns && t->block_ports == p->type.block_ports);
        scenario_free(s);
    }
    scenario *s =
        read_good(HEAD "nodes: {n: {port: 443}}\nnats: {k: {profile: carrier, ports: random, "
                       "udp: allowed, tunnel: 5ms, filtering: eif}}\n",
                  NULL);
    const nat_type *t = &s->nats[0].type;
    assert_true(t->mapping == NAT_EIM && t->filtering == NAT_EIF && t->ports == NAT_RANDOM);
    assert_int_equal(t->block_ports, 0);
    assert_int_equal(t->tunnel_ns, 5 * PU_MS);
    assert_int_equal(s->nodes[0].port, 443);
    scenario_free(s);
    s = read_good(HEAD "nodes: {n: {behind: [k]}}\nnats: {k: {profile: home, gateway: [nat_pmp, "
                       "upnp2], gateway_manner: redirects}}\n",
                  NULL);
    t = &s->nats[0].type;
    assert_int_equal(t->gateway, NAT_GATEWAY_PMP | NAT_GATEWAY_UPNP2);
    assert_int_equal(t->manner, NAT_REDIRECTS);
    scenario_free(s);
}

/* As many mappings as there are ports, and the longest way. */
static void all_ports_may_be_mapped(void **state)
{
    (void)state;
    scenario *s = read_good(
        HEAD "nodes: {n: {}}\nnats:\n"
             "  a: {profile: home, mappings: 65535, host_mappings: 65535}\n"
             "  b: {profile: hotspot, addresses: 2, pooling: arbitrary, mappings: 129024,\n"
             "      host_mappings: 129024}\n"
             "  c: {profile: vpn, tunnel: 30s}\n",
        NULL);
    assert_int_equal(s->nats[0].type.mappings_max, 65535);
    assert_int_equal(s->nats[1].type.host_mappings_max, 129024);
    assert_int_equal(s->nats[2].type.tunnel_ns, 30 * PU_S);
    scenario_free(s);
}

int scenario_kind_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_boxes_are_refused),
        cmocka_unit_test(profiles_are_kinds),
        cmocka_unit_test(all_ports_may_be_mapped),
    };
    return cmocka_run_group_tests_name("scenario_kind", tests, NULL, NULL);
}
