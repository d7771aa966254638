/* tests/unit/scenario_links_test.c - what scenarios say of links, and what is refused about them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scenario_said.h"

int scenario_links_test(void);

static const char whole[] =
    "scenario: t\nduration: 60s\nfidelity: wire\nnetwork:\n"
    "  latency: {rtt: 80ms, access: 7ms}\n"
    "  link: {loss: {up: 1%, down: 2%}, up: 1Mbit}\n"
    "links:\n"
    "  dish:\n"
    "    access: 12ms\n    access_spread: 3ms\n    jitter: 2ms\n"
    "    capacity: {file: scenarios/data/starlink/autobahn_throughput_1s.csv, up: upload_mbps, "
    "down: download_mbps, from: 100s}\n"
    "    queue: 200ms\n    codel: {target: 10ms}\n"
    "    bursts: {enter: 0.1%, leave: 30%, bad: 90%, good: 0.01%}\n"
    "    reorder: {share: 1%, by: 5ms}\n    duplicate: 2%\n"
    "    mtu: 1280\n    icmp: false\n"
    "    handover: {every: 15s, at: 12s, lost: {least: 100ms, most: 200ms}, shift: 8ms}\n"
    "  plain: {}\n"
    "nodes:\n  a: {link: dish, cpu: {datagram: 30us, handshake: 5ms}}\n  b: {link: plain}\n  c: "
    "{}\n"
    "groups:\n  g: {count: 2, link: dish, cpu: {datagram: 1us}}\n"
    "events:\n  - {at: 5s, change_network: {node: c, link: dish}}\n"
    "  - {at: 6s, change_network: c}\n";

static void reads_all_of_it(void **state)
{
    (void)state;
    scenario *s = read_good(whole, NULL);
    const net_link *l = &s->link.link;
    assert_int_equal(l->up_loss_ppm, 10000);
    assert_int_equal(l->down_loss_ppm, 20000);
    assert_int_equal(l->access_ns, 7 * PU_MS);
    assert_int_equal(l->up_bps, 1000000);
    assert_int_equal(l->down_bps, 0);
    assert_false(net_extra_is_any(&s->link.extra));
    assert_int_equal(s->link_count, 2);
    const net_extra *e = &s->links[0].extra;
    assert_string_equal(s->links[0].name, "dish");
    assert_int_equal(s->links[0].link.access_ns, 12 * PU_MS);
    assert_int_equal(s->links[0].link.queue_ns, 200 * PU_MS);
    assert_int_equal(e->access_spread_ns, 3 * PU_MS);
    assert_int_equal(e->trace->count, 4861);
    assert_int_equal(e->trace_from_ns, 100 * PU_S);
    assert_int_equal(e->target_ns, 10 * PU_MS);
    assert_int_equal(e->interval_ns, 100 * PU_MS);
    assert_int_equal(e->enter_ppm, 1000);
    assert_int_equal(e->leave_ppm, 300000);
    assert_int_equal(e->bad_ppm, 900000);
    assert_int_equal(e->good_ppm, 100);
    assert_int_equal(e->reorder_ppm, 10000);
    assert_int_equal(e->reorder_ns, 5 * PU_MS);
    assert_int_equal(e->copy_ppm, 20000);
    assert_int_equal(e->mtu, 1280);
    assert_true(e->mtu_is_silent);
    assert_int_equal(e->handover_every_ns, 15 * PU_S);
    assert_int_equal(e->handover_at_ns, 12 * PU_S);
    assert_int_equal(e->outage_least_ns, 100 * PU_MS);
    assert_int_equal(e->outage_most_ns, 200 * PU_MS);
    assert_int_equal(e->shift_ns, 8 * PU_MS);
    assert_int_equal(s->links[1].link.access_ns, 7 * PU_MS); /* latency's */
    assert_int_equal(s->links[1].link.queue_ns, 100 * PU_MS);
    assert_false(net_extra_is_any(&s->links[1].extra));
    static const uint32_t links[] = {0, 1, SCENARIO_ANY, 0, 0};
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(s->nodes[i].link, links[i]);
    assert_int_equal(s->nodes[0].cpu_datagram_ns, 30 * PU_US);
    assert_int_equal(s->nodes[0].cpu_handshake_ns, 5 * PU_MS);
    assert_int_equal(s->nodes[1].cpu_datagram_ns, 0);
    assert_int_equal(s->nodes[4].cpu_datagram_ns, PU_US);
    assert_true(s->events[0].has_link && s->events[0].link == 0);
    assert_false(s->events[1].has_link);
    scenario_free(s);
}

/* Whatever is said of a link is in the configuration hash. */
static void the_hash_knows_each_key(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "network.link.loss.down=3%",
        "links.dish.access_spread=1ms",
        "links.dish.codel.target=9ms",
        "links.dish.codel.interval=200ms",
        "links.dish.bursts.enter=1%",
        "links.dish.bursts.leave=1%",
        "links.dish.bursts.bad=1%",
        "links.dish.bursts.good=1%",
        "links.dish.reorder.share=2%",
        "links.dish.reorder.by=1ms",
        "links.dish.duplicate=1%",
        "links.dish.mtu=1400",
        "links.dish.icmp=true",
        "links.dish.handover.every=16s",
        "links.dish.handover.at=1s",
        "links.dish.handover.lost=150ms",
        "links.dish.handover.shift=1ms",
        "links.dish.capacity.from=1s",
        "links.dish.capacity.up=download_mbps",
        "nodes.a.cpu.datagram=1us",
        "nodes.a.cpu.handshake=1us",
        "nodes.c.link=plain",
        "events.0.change_network.link=plain",
        "links.plain.loss=1%",
        "links.plain.duplicate=1%",
    };
    scenario *s = read_good(whole, NULL);
    uint64_t seen[COUNT(sets) + 1][2];
    memcpy(seen[0], s->hash, sizeof s->hash);
    scenario_free(s);
    for (size_t i = 0; i < COUNT(sets); i++) {
        const char *one[SETS_MAX] = {sets[i]};
        s = read_good(whole, one);
        memcpy(seen[i + 1], s->hash, sizeof s->hash);
        scenario_free(s);
        for (size_t k = 0; k <= i; k++)
            if (memcmp(seen[k], seen[i + 1], sizeof seen[k]) == 0) fail_msg("%s", sets[i]);
    }
}

#define LINK(text) \
    "scenario: t\nduration: 60s\nnetwork:\n  latency: {rtt: 80ms}\n  link: {" text "}\n"
#define WIRE "fidelity: wire\n"
#define NODE "nodes: {a: {}}\n"

static const bad_scenario bad[] = {
    {LINK("codel: {}") NODE,
     "5:17: network.link.codel: CoDel needs a rate: without 'up', 'down' or 'capacity' nothing "
     "waits\n"},
    {LINK("queue: 50ms") NODE,
     "5:17: network.link.queue: a queue needs a rate: without 'up', 'down' or 'capacity' nothing "
     "waits\n"},
    {LINK("up: 1Mbit, codel: {target: 5ms, interval: 5ms}") NODE,
     "5:28: network.link.codel: the target is more than nothing, and less than the interval\n"},
    {LINK("up: 1Mbit, codel: {target: 0s}") NODE,
     "5:28: network.link.codel: the target is more than nothing, and less than the interval\n"},
    {LINK("up: 1Mbit, codel: {interval: 5s}") NODE,
     "5:28: network.link.codel: an interval is 4s at most\n"},
    {LINK("up: 1Mbit, queue: 5ms, codel: {}") NODE,
     "5:40: network.link.codel: the queue never gets as long as the target: raise 'queue'\n"},
    {LINK("up: 1Mbit, codle: {}") NODE,
     "5:21: network.link: unknown key 'codle', did you mean 'codel'?\n"},
    {LINK("bursts: {enter: 101%, leave: 30%}") NODE,
     "5:26: network.link.bursts.enter: '101%' is not a share: it is too large\n"},
    {LINK("bursts: {enter: 0%, leave: 0%}") NODE,
     "5:26: network.link.bursts.enter: a link that never gets bad has no bursts: leave 'bursts' "
     "out\n"
     "5:37: network.link.bursts.leave: a link that never gets better: say that by 'loss'\n"},
    {LINK("bursts: {enter: 1%, leave: 30%, bad: 1%, good: 2%}") NODE,
     "5:18: network.link.bursts: the bad state loses more than the good one, or there are none\n"},
    {LINK("bursts: {enter: 1%}") NODE, "5:18: network.link.bursts: the key 'leave' is missing\n"},
    {LINK("reorder: {share: 1%, by: 0s}") NODE,
     "5:35: network.link.reorder.by: who is held back by nothing is overtaken by nobody\n"},
    {LINK("access: 31s, access_spread: 1h, jitter: 31s, up: 999bit, reorder: {share: 1%, by: 31s}")
         NODE,
     "5:18: network.link.access: '31s' is too long for a way, at most 30s\n"
     "5:38: network.link.access_spread: '1h' is too long for a way, at most 30s\n"
     "5:50: network.link.jitter: '31s' is too long for a way, at most 30s\n"
     "5:59: network.link.up: '999bit' is too slow, 1kbit at least\n"
     "5:92: network.link.reorder.by: '31s' is too long for a way, at most 30s\n"},
    {"scenario: t\nduration: 60s\nnetwork: {latency: {rtt: 61s, access: 1h}}\n" NODE,
     "3:26: network.latency.rtt: '61s' is too long, at most 1min\n"
     "3:39: network.latency.access: '1h' is too long for a way, at most 30s\n"},
    {LINK("mtu: 1239") NODE,
     "5:15: network.link.mtu: packets of the model have up to 1240 bytes, headers included, and "
     "never get shorter: 'fidelity: wire' finds out what passes\n"},
    {LINK("mtu: 500") NODE, "5:15: network.link.mtu: IP packets have 576 bytes at least\n"},
    {LINK("mtu: 9001") NODE, "5:15: network.link.mtu: '9001' is too large, at most 9000\n"},
    {LINK("icmp: false") NODE,
     "5:16: network.link.icmp: without an 'mtu' there is nothing to tell\n"},
    {WIRE LINK("mtu: 1227") NODE, "6:9: network.link: an MTU of 1227 is too short for QUIC, which "
                                  "needs 1228 (RFC 9000 section 14), and 'a' "
                                  "is not behind a box with udp: blocked\n"},
    {WIRE "scenario: t\nduration: 60s\nnetwork: {latency: {rtt: 80ms}}\nlinks: {short: {mtu: "
          "600}}\n" NODE "events: [{at: 5s, change_network: {node: a, link: short}}]\n",
     "5:16: links.short: an MTU of 600 is too short for QUIC, which needs 1228 (RFC 9000 section "
     "14), and 'a' "
     "is not behind a box with udp: blocked\n"},
    {LINK("handover: {every: 0s}") NODE,
     "5:20: network.link.handover: 'every' is more than nothing\n"},
    {LINK("handover: {every: 15s}") NODE,
     "5:20: network.link.handover: nothing is lost and no way gets longer: say 'lost' or "
     "'shift'\n"},
    {LINK("handover: {every: 15s, at: 2s, lost: {least: 0s, most: 0s}, shift: 0s}") NODE,
     "5:20: network.link.handover: nothing is lost and no way gets longer: say 'lost' or "
     "'shift'\n"},
    {LINK("handover: {every: 99s, shift: 31s}") NODE,
     "5:40: network.link.handover.shift: '31s' is too long for a way, at most 30s\n"},
    {LINK("handover: {every: 15s, at: 15s}") NODE,
     "5:37: network.link.handover.at: the first one comes before 'every' is over\n"},
    {LINK("handover: {every: 15s, lost: 15s}") NODE,
     "5:39: network.link.handover.lost: the next handover comes before this one is over: nothing "
     "ever passes\n"},
    {LINK("handover: {every: 15s, lost: {least: 2s, most: 1s}}") NODE,
     "5:39: network.link.handover.lost: 'most' is less than 'least'\n"},
    {LINK("up: 1Mbit, capacity: {file: scenarios/data/starlink/autobahn_throughput_1s.csv, up: "
          "upload_mbps, down: download_mbps}") NODE,
     "5:31: network.link.capacity: it says both rates: there can be no 'up' and no 'down'\n"},
    {LINK("capacity: {file: scenarios/data/starlink/autobahn_throughput_1s.csv, up: upload, "
          "down: download_mbps}") NODE,
     "5:27: network.link.capacity.file: scenarios/data/starlink/autobahn_throughput_1s.csv:1: "
     "column 1: there is no column upload\n"},
    {LINK("capacity: {file: /nowhere/t.csv, up: a, down: b}") NODE,
     "5:27: network.link.capacity.file: /nowhere/t.csv cannot be read: No such file or "
     "directory\n"},
    {LINK("loss: {up: 1%, dwn: 2%}") NODE,
     "5:25: network.link.loss: unknown key 'dwn', did you mean 'down'?\n"},
    {HEAD "links: {wifi: {}, mobile: {}}\nnodes:\n  a: {link: wfi}\n  b: {cpu: {datagram: 2s}}\n",
     "6:13: nodes.a.link: unknown kind of link 'wfi', did you mean 'wifi'?\n"
     "7:23: nodes.b.cpu.datagram: 1s at most: what would wait longer for its CPU is dropped\n"},
    {HEAD "nodes: {a: {}}\nevents: [{at: 5s, change_network: {node: a, link: wifi}}]\n",
     "5:51: events.0.change_network.link: unknown kind of link 'wifi'\n"},
    {HEAD "nodes: {a: {cpu: {}}}\n", "4:18: nodes.a.cpu: it says nothing: leave the key out\n"},
};

static void impossible_links_are_refused(void **state)
{
    (void)state;
    each_is_complained_of(bad, COUNT(bad));
}

static void generous_limits_are_inside(void **state)
{
    (void)state;
    scenario *s = read_good(
        "scenario: t\nduration: 60s\nnetwork:\n  latency: {rtt: 1min, access: 30s}\n"
        "  link: {access_spread: 30s, jitter: 30s, up: 1kbit, reorder: {share: 0.01%, by: 30s},\n"
        "         handover: {every: 1min, shift: 30s}}\n"
        "links: {brief: {handover: {every: 15s, lost: 1ms}}}\n" NODE,
        NULL);
    assert_int_equal(s->rtt_ns, 60 * PU_S);
    assert_int_equal(s->link.link.access_ns, 30 * PU_S);
    assert_int_equal(s->link.link.up_bps, 1000);
    scenario_free(s);
}

/* A sweep may begin at none. */
static void reordering_none_is_no_reordering(void **state)
{
    (void)state;
    static const char *const none[SETS_MAX] = {"network.link.reorder.share=0%"};
    scenario *s = read_good(LINK("reorder: {share: 1%, by: 5ms}") NODE, none);
    scenario *plain = read_good(LINK("") NODE, NULL);
    assert_false(net_extra_is_any(&s->link.extra));
    assert_memory_equal(s->hash, plain->hash, sizeof s->hash);
    scenario_free(s);
    scenario_free(plain);
}

/* Who has no QUIC anyway does with less than it needs. */
static void a_short_mtu_is_fine_without_udp(void **state)
{
    (void)state;
    scenario *s =
        read_good(WIRE LINK("") "links: {tunnel: {mtu: 600}}\n"
                                "nats:\n  wall: {mapping: eim, filtering: apdf, ports: preserve, "
                                "udp_idle: 65s, udp: blocked}\n"
                                "nodes: {a: {behind: [wall], link: tunnel}, b: {}}\n",
                  NULL);
    assert_int_equal(s->links[0].extra.mtu, 600);
    scenario_free(s);
}

/* ---- regions ---- */

static scenario *with_regions(const char *table, const char *at, char said[SAID_MAX])
{
    char folder[64] = "/tmp/peerup-regions-XXXXXX", path[80], file[80], text[512];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/r.csv", folder);
    snprintf(path, sizeof path, "%s/t.yaml", folder);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(table, out);
    fclose(out);
    snprintf(text, sizeof text,
             "scenario: t\nduration: 60s\nnetwork: {latency: {regions: r.csv}}\n"
             "nodes: {a: {at: %s}, b: {}}\n",
             at);
    scenario *s = read_at(path, text, NULL, said);
    remove(file);
    remove(folder);
    return s;
}

static void sites_are_called_by_their_regions(void **state)
{
    (void)state;
    char said[SAID_MAX];
    static const char table[] = "from,Europe,Asia\nEurope,5,100\nAsia,110,6\n";
    scenario *s = with_regions(table, "Asia", said);
    assert_non_null(s);
    assert_true(s->has_regions);
    assert_int_equal(s->nodes[0].site, 1);
    assert_int_equal(s->nodes[1].site, SCENARIO_ANY);
    scenario_free(s);
    assert_null(with_regions(table, "Asai", said));
    assert_string_equal(said, "4:17: nodes.a.at: unknown region 'Asai', did you mean 'Asia'?\n");
    assert_null(with_regions(table, "Mars", said));
    assert_string_equal(said, "4:17: nodes.a.at: unknown region 'Mars', use Europe or Asia\n");
    assert_null(with_regions("from,Europe,Asia\nEurope,5,-1\nAsia,110,6\n", "Asia", said));
    assert_non_null(strstr(said, "r.csv:2: column 3: a delay below zero\n"));
}

/* Of many regions the first ones are named. */
static void regions_are_listed_as_far_as_there_is_room(void **state)
{
    (void)state;
    enum { MANY = 40 };
    char said[SAID_MAX], table[MANY * MANY * 3 + 999];
    size_t used = (size_t)snprintf(table, sizeof table, "from");
    for (int i = 0; i < MANY; i++)
        used += (size_t)snprintf(table + used, sizeof table - used, ",region%d", i);
    for (int row = 0; row < MANY; row++) {
        used += (size_t)snprintf(table + used, sizeof table - used, "\nregion%d", row);
        for (int i = 0; i < MANY; i++)
            used += (size_t)snprintf(table + used, sizeof table - used, ",5");
    }
    assert_true(used < sizeof table);
    assert_null(with_regions(table, "Mars", said));
    assert_string_equal(
        said, "4:17: nodes.a.at: unknown region 'Mars', use region0, region1, region2, region3, "
              "region4, region5, region6, region7, region8, region9, region10, region11, region12, "
              "region13 or one of 26 more\n");
}

int scenario_links_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_of_it),
        cmocka_unit_test(the_hash_knows_each_key),
        cmocka_unit_test(impossible_links_are_refused),
        cmocka_unit_test(generous_limits_are_inside),
        cmocka_unit_test(reordering_none_is_no_reordering),
        cmocka_unit_test(a_short_mtu_is_fine_without_udp),
        cmocka_unit_test(sites_are_called_by_their_regions),
        cmocka_unit_test(regions_are_listed_as_far_as_there_is_room),
    };
    return cmocka_run_group_tests_name("scenario_links", tests, NULL, NULL);
}
