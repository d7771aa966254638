/* tests/unit/nat_test.c - every kind of NAT box, judged from outside as RFC 5780 does, and its
 * clocks and ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/nat.h"

#include <stdio.h>
#include <string.h>

int nat_test(void);

enum { IDLE_S = 30, PORTS_CHOSEN = 65536 - 1024 };

static const uint8_t seed[32] = {42};

static nat_type type_of(enum nat_mapping m, enum nat_filtering f, enum nat_ports p)
{
    return (nat_type){.mapping = m, .filtering = f, .ports = p, .udp_idle_ns = IDLE_S * PU_S};
}

static nat *box(const nat_type *type)
{
    pu_endpoint external = pu_endpoint_ip4(11, 0, 0, 1, 0);
    return nat_new(type, NAT_UDP, &external, seed, 0);
}

static pu_endpoint inner(uint8_t host, uint16_t port)
{
    return pu_endpoint_ip4(192, 168, 0, host, port);
}

static pu_endpoint outside(uint8_t host, uint16_t port)
{
    return pu_endpoint_ip4(11, 0, host, 1, port);
}

/* The external endpoint of a datagram that must get out. */
static pu_endpoint out(nat *n, pu_time now, pu_endpoint from, pu_endpoint to)
{
    pu_endpoint outer = {0};
    assert_int_equal(nat_out(n, now, &from, &to, &outer), NAT_PASS);
    pu_endpoint external = nat_external(n);
    assert_memory_equal(outer.ip, external.ip, sizeof outer.ip);
    assert_int_not_equal(outer.port, 0);
    return outer;
}

static enum nat_verdict in(nat *n, pu_time now, pu_endpoint from, pu_endpoint to)
{
    pu_endpoint got;
    return nat_in(n, now, &from, &to, &got);
}

static bool same(pu_endpoint a, pu_endpoint b)
{
    return pu_endpoint_equal(&a, &b);
}

/* RFC 5780 section 4.3: one socket, three servers' views of it. */
static enum nat_mapping classify_mapping(nat *n, pu_time now)
{
    pu_endpoint one = out(n, now, inner(2, 5000), outside(1, 3478));
    pu_endpoint two = out(n, now, inner(2, 5000), outside(2, 3478));
    pu_endpoint three = out(n, now, inner(2, 5000), outside(2, 3479));
    if (same(one, two)) {
        assert_true(same(two, three));
        return NAT_EIM;
    }
    return same(two, three) ? NAT_ADM : NAT_APDM;
}

/* RFC 5780 section 4.4: one request, answers from elsewhere. */
static enum nat_filtering classify_filtering(nat *n, pu_time now)
{
    pu_endpoint at = out(n, now, inner(3, 6000), outside(1, 3478));
    assert_int_equal(in(n, now, outside(1, 3478), at), NAT_PASS);
    if (in(n, now, outside(2, 3479), at) == NAT_PASS) return NAT_EIF;
    assert_int_equal(in(n, now, outside(2, 3479), at), NAT_FILTERED);
    return in(n, now, outside(1, 3479), at) == NAT_PASS ? NAT_ADF : NAT_APDF;
}

static void is_what_it_was_told_to_be(void **state)
{
    (void)state;
    for (unsigned m = NAT_EIM; m <= NAT_APDM; m++) {
        for (unsigned f = NAT_EIF; f <= NAT_APDF; f++) {
            for (unsigned p = NAT_PRESERVE; p <= NAT_BLOCK; p++) {
                nat_type type =
                    type_of((enum nat_mapping)m, (enum nat_filtering)f, (enum nat_ports)p);
                type.block_ports = 512;
                nat *n = box(&type);
                assert_int_equal(classify_mapping(n, PU_S), m);
                assert_int_equal(classify_filtering(n, PU_S), f);
                assert_int_equal(nat_describe(n)->ports, p);
                nat_free(n);
            }
        }
    }
    nat_free(NULL);
}

static void translates_back_to_who_sent(void **state)
{
    (void)state;
    for (unsigned m = NAT_EIM; m <= NAT_APDM; m++) {
        nat_type type = type_of((enum nat_mapping)m, NAT_APDF, NAT_RANDOM);
        nat *n = box(&type);
        for (uint8_t host = 2; host < 20; host++) {
            for (uint8_t to = 1; to < 20; to++) {
                pu_endpoint from = inner(host, (uint16_t)(4000 + host));
                pu_endpoint remote = outside(to, 443);
                pu_endpoint outer = out(n, 0, from, remote);
                pu_endpoint back, seen;
                assert_int_equal(nat_in(n, 0, &remote, &outer, &back), NAT_PASS);
                assert_true(same(back, from));
                assert_true(nat_lookup(n, 0, &from, &remote, &seen));
                assert_true(same(seen, outer));
                assert_true(nat_peek(n, 0, &outer, &back));
                assert_true(same(back, from));
            }
        }
        assert_int_equal(nat_count(n, 0), m == NAT_EIM ? 18 : 18 * 19);
        nat_free(n);
    }
}

/* What is written may be one of those that are read; when it fails that stays as it was. */
static void writes_over_what_it_reads(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_APDM, NAT_APDF, NAT_RANDOM);
    nat *n = box(&type);
    pu_endpoint from = inner(2, 5000), remote = outside(1, 443), stranger = outside(9, 9);
    pu_endpoint outer = from, at;
    assert_int_equal(nat_out(n, 0, &outer, &remote, &outer), NAT_PASS);
    assert_false(same(outer, from));
    at = from;
    assert_true(nat_lookup(n, 0, &at, &remote, &at));
    assert_true(same(at, outer));
    assert_int_equal(nat_in(n, 0, &remote, &at, &at), NAT_PASS);
    assert_true(same(at, from));
    at = outer;
    assert_int_equal(nat_in_quietly(n, 0, &remote, &at, &at), NAT_PASS);
    assert_true(same(at, from));
    at = outer;
    assert_true(nat_peek(n, 0, &at, &at));
    assert_true(same(at, from));

    at = outer;
    assert_int_equal(nat_in(n, 0, &stranger, &at, &at), NAT_FILTERED);
    assert_int_equal(nat_in_quietly(n, 0, &stranger, &at, &at), NAT_FILTERED);
    assert_true(same(at, outer));
    at = from;
    assert_false(nat_lookup(n, 0, &at, &stranger, &at));
    assert_true(same(at, from));
    at = outside(0, outer.port == 7777 ? 7778 : 7777);
    pu_endpoint unmapped = at;
    assert_false(nat_peek(n, 0, &at, &at));
    assert_true(same(at, unmapped));
    nat_free(n);
}

static void looking_touches_nothing(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    nat *n = box(&type);
    pu_endpoint from = inner(2, 5000), remote = outside(1, 1), stranger = outside(9, 9), got;
    pu_endpoint unmapped = outside(0, 7777);
    assert_false(nat_lookup(n, 0, &from, &remote, &got));
    assert_false(nat_peek(n, 0, &unmapped, &got));
    assert_int_equal(nat_count(n, 0), 0);
    pu_endpoint outer = out(n, 0, from, remote);
    /* Seen by anybody, allowed to nobody new, and as old as before. */
    assert_true(nat_lookup(n, IDLE_S * PU_S - 1, &from, &stranger, &got));
    assert_true(nat_peek(n, IDLE_S * PU_S - 1, &outer, &got));
    assert_int_equal(in(n, IDLE_S * PU_S - 1, stranger, outer), NAT_FILTERED);
    assert_false(nat_lookup(n, IDLE_S * PU_S, &from, &stranger, &got));
    assert_false(nat_peek(n, IDLE_S * PU_S, &outer, &got));
    nat_free(n);
}

static void a_mapping_is_gone_after_its_idle_time(void **state)
{
    (void)state;
    static const struct {
        pu_time after;
        enum nat_verdict verdict;
    } cases[] = {
        {0, NAT_PASS},
        {IDLE_S * PU_S - 1, NAT_PASS},
        {IDLE_S * PU_S, NAT_NO_MAPPING},
        {IDLE_S * PU_S + 1, NAT_NO_MAPPING},
        {1000 * IDLE_S * PU_S, NAT_NO_MAPPING},
    };
    const pu_time start = 5 * PU_S;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_RANDOM);
        nat *n = box(&type);
        pu_endpoint outer = out(n, start, inner(2, 5000), outside(1, 1));
        assert_int_equal(nat_count(n, start + cases[c].after),
                         cases[c].verdict == NAT_PASS ? 1 : 0);
        assert_int_equal(in(n, start + cases[c].after, outside(1, 1), outer), cases[c].verdict);
        nat_free(n);
    }
}

static void a_new_mapping_forgets_the_old_ones_friends(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    nat *n = box(&type);
    pu_endpoint outer = out(n, 0, inner(2, 5000), outside(1, 1));
    pu_endpoint later = out(n, IDLE_S * PU_S, inner(2, 5000), outside(2, 2));
    assert_true(same(outer, later)); /* preserved, and the old one is in nobody's way */
    assert_int_equal(in(n, IDLE_S * PU_S, outside(1, 1), later), NAT_FILTERED);
    assert_int_equal(in(n, IDLE_S * PU_S, outside(2, 2), later), NAT_PASS);
    assert_int_equal(nat_count(n, IDLE_S * PU_S), 1);
    nat_free(n);
}

/* Whether a mapping lives at 1.5 idle times when `refresher` passed at 0.9: a datagram out, one in,
 * or one filtered. */
static bool lives_on(bool refresh_inbound, const char *refresher)
{
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    type.refresh_inbound = refresh_inbound;
    nat *n = box(&type);
    pu_endpoint outer = out(n, 0, inner(2, 5000), outside(1, 1));
    const pu_time then = IDLE_S * PU_S / 10 * 9, later = IDLE_S * PU_S / 2 * 3;
    switch (refresher[0]) {
    case 'o': out(n, then, inner(2, 5000), outside(1, 1)); break;
    case 'n': out(n, then, inner(2, 5000), outside(7, 7)); break;
    case 'i': assert_int_equal(in(n, then, outside(1, 1), outer), NAT_PASS); break;
    case 'f': assert_int_equal(in(n, then, outside(9, 9), outer), NAT_FILTERED); break;
    default: fail();
    }
    /* The first remote stays allowed as long as the mapping lives, whoever kept it alive. */
    bool lives = in(n, later, outside(1, 1), outer) == NAT_PASS;
    nat_free(n);
    return lives;
}

static void refreshed_by_what_it_should_be(void **state)
{
    (void)state;
    static const struct {
        bool refresh_inbound;
        const char *refresher;
        bool lives;
    } cases[] = {
        {false, "out again", true},
        {true, "out again", true},
        {false, "new remote, out", true},
        {true, "new remote, out", true},
        {false, "in", false},
        {true, "in", true},
        {false, "filtered inbound", false},
        {true, "filtered inbound", false},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        assert_int_equal(lives_on(cases[c].refresh_inbound, cases[c].refresher), cases[c].lives);
    }
}

static void preserves_the_port_and_walks_on_at_a_clash(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    nat *n = box(&type);
    /* Who sends at what time from which port, and which external port it gets. */
    static const struct {
        uint8_t host;
        uint16_t port;
        pu_time at_s;
        uint16_t external;
    } cases[] = {
        {2, 5000, 0, 5000},   {2, 5000, 1, 5000},  {3, 5000, 1, 5001}, {4, 5001, 1, 5002},
        {4, 5000, 1, 5003},   {2, 80, 1, 80},      {3, 80, 1, 1024}, /* a clash is never solved by a
                                                                        privileged port */
        {2, 65535, 1, 65535}, {3, 65535, 1, 1025}, /* 1024 is taken: it goes round */
        {5, 5000, 31, 5000},                       /* the first holders are gone by now */
        {3, 5000, 31, 5001},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        pu_endpoint outer =
            out(n, cases[c].at_s * PU_S, inner(cases[c].host, cases[c].port), outside(1, 1));
        assert_int_equal(outer.port, cases[c].external);
    }
    nat_free(n);
}

static void symmetric_boxes_walk_on_for_each_remote(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_APDM, NAT_APDF, NAT_PRESERVE);
    nat *n = box(&type);
    for (uint16_t i = 0; i < 100; i++) {
        assert_int_equal(out(n, 0, inner(2, 5000), outside(1, (uint16_t)(1 + i))).port, 5000 + i);
    }
    nat_free(n);
}

static void sequential_ports_follow_each_other(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_APDM, NAT_APDF, NAT_SEQUENTIAL);
    nat *n = box(&type);
    uint16_t last = out(n, 0, inner(2, 5000), outside(1, 1)).port;
    for (uint16_t i = 2; i < 1000; i++) {
        uint16_t port = out(n, 0, inner(2, 5000), outside(1, i)).port;
        assert_int_equal(port, last == UINT16_MAX ? 1024 : last + 1);
        last = port;
    }
    nat_free(n);
}

/* External ports of 100 mappings of one box. */
static void draw_ports(enum nat_ports ports, const uint8_t box_seed[32], uint32_t purpose,
                       uint16_t got[100])
{
    nat_type type = type_of(NAT_APDM, NAT_APDF, ports);
    pu_endpoint external = pu_endpoint_ip4(11, 0, 0, 1, 0);
    nat *n = nat_new(&type, NAT_UDP, &external, box_seed, purpose);
    for (uint16_t i = 0; i < 100; i++)
        got[i] = out(n, 0, inner(2, 5000), outside(1, (uint16_t)(1 + i))).port;
    nat_free(n);
}

static void ports_come_from_the_seed(void **state)
{
    (void)state;
    static const uint8_t other_seed[32] = {43};
    for (unsigned p = NAT_SEQUENTIAL; p <= NAT_RANDOM; p++) {
        uint16_t a[100], again[100], other_box[100], other[100];
        draw_ports((enum nat_ports)p, seed, 1, a);
        draw_ports((enum nat_ports)p, seed, 1, again);
        draw_ports((enum nat_ports)p, seed, 2, other_box);
        draw_ports((enum nat_ports)p, other_seed, 1, other);
        assert_memory_equal(a, again, sizeof a);
        assert_memory_not_equal(a, other_box, sizeof a);
        assert_memory_not_equal(a, other, sizeof a);
        for (unsigned i = 0; i < 100; i++) assert_in_range(a[i], 1024, 65535);
    }
}

/* Sends from inner port number i out of all that a box can choose. */
static enum nat_verdict send_number(nat *n, pu_time now, uint32_t i, pu_endpoint *outer)
{
    pu_endpoint from = inner((uint8_t)(2 + i / PORTS_CHOSEN), (uint16_t)(1024 + i % PORTS_CHOSEN)),
                to = outside(1, 1);
    return nat_out(n, now, &from, &to, outer);
}

static void ports_run_out_and_come_back(void **state)
{
    (void)state;
    for (unsigned p = NAT_PRESERVE; p <= NAT_RANDOM; p++) {
        nat_type type = type_of(NAT_EIM, NAT_APDF, (enum nat_ports)p);
        nat *n = box(&type);
        static bool taken[65536];
        pu_endpoint outer;
        for (uint32_t i = 0; i < 65536; i++) taken[i] = false;
        for (uint32_t i = 0; i < PORTS_CHOSEN; i++) {
            assert_int_equal(send_number(n, i, i, &outer), NAT_PASS);
            assert_in_range(outer.port, 1024, 65535);
            assert_false(taken[outer.port]);
            taken[outer.port] = true;
        }
        assert_int_equal(nat_count(n, PORTS_CHOSEN), PORTS_CHOSEN);
        assert_int_equal(send_number(n, PORTS_CHOSEN, PORTS_CHOSEN, &outer), NAT_NO_MAPPING);
        assert_int_equal(send_number(n, PORTS_CHOSEN, 5, &outer),
                         NAT_PASS); /* who has a mapping keeps it */
        /* The first mapping ends, one nanosecond before the second: exactly its port is free. */
        pu_endpoint first;
        assert_int_equal(send_number(n, IDLE_S * PU_S, PORTS_CHOSEN, &first), NAT_PASS);
        assert_int_equal(send_number(n, IDLE_S * PU_S, PORTS_CHOSEN + 1, &outer), NAT_NO_MAPPING);
        assert_int_equal(send_number(n, IDLE_S * PU_S, 0, &outer), NAT_NO_MAPPING);
        assert_int_equal(nat_count(n, IDLE_S * PU_S), PORTS_CHOSEN);
        nat_free(n);
    }
}

static void a_long_life_of_short_mappings(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_APDM, NAT_APDF, NAT_RANDOM);
    nat *n = box(&type);
    pu_endpoint outers[64];
    pu_endpoint got;
    /* One mapping a second for a few hours: never more than IDLE_S live, each is found while it
     * lives and not after. */
    for (uint32_t i = 0; i < 10000; i++) {
        pu_time now = i * PU_S;
        outers[i % 64] =
            out(n, now, inner(2, 5000), outside((uint8_t)(i % 250), (uint16_t)(1 + i / 250)));
        assert_int_equal(nat_count(n, now), i < IDLE_S ? i + 1 : IDLE_S);
        if (i < 64) continue;
        uint32_t oldest = i - IDLE_S + 1;
        assert_true(nat_peek(n, now, &outers[oldest % 64], &got));
        pu_endpoint from = inner(2, 5000), remote = outside((uint8_t)((oldest - 1) % 250),
                                                            (uint16_t)(1 + (oldest - 1) / 250));
        assert_false(nat_lookup(n, now, &from, &remote, &got));
    }
    nat_free(n);
}

static void a_filter_forgets_the_longest_unsent(void **state)
{
    (void)state;
    enum { MOST = 1024 };
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    nat *n = box(&type);
    pu_endpoint outer = {0};
    for (uint16_t i = 1; i <= MOST; i++) outer = out(n, i, inner(2, 5000), outside(1, i));
    for (uint16_t i = 1; i <= MOST; i++)
        assert_int_equal(in(n, MOST, outside(1, i), outer), NAT_PASS);
    out(n, MOST + 1, inner(2, 5000), outside(1, 1)); /* now 2 is the oldest */
    out(n, MOST + 2, inner(2, 5000), outside(1, MOST + 1));
    assert_int_equal(in(n, MOST + 2, outside(1, 1), outer), NAT_PASS);
    assert_int_equal(in(n, MOST + 2, outside(1, 2), outer), NAT_FILTERED);
    assert_int_equal(in(n, MOST + 2, outside(1, 3), outer), NAT_PASS);
    assert_int_equal(in(n, MOST + 2, outside(1, MOST + 1), outer), NAT_PASS);
    nat_free(n);
}

static void a_box_may_block_udp(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_EIF, NAT_PRESERVE);
    type.blocks_udp = true;
    nat *n = box(&type);
    pu_endpoint from = inner(2, 5000), to = outside(1, 1), outer;
    assert_int_equal(nat_out(n, 0, &from, &to, &outer), NAT_BLOCKED);
    assert_int_equal(in(n, 0, to, pu_endpoint_ip4(11, 0, 0, 1, 5000)), NAT_NO_MAPPING);
    assert_int_equal(nat_count(n, 0), 0);
    nat_free(n);
}

/* A hairpin as the network does it: out to the box's own address, then in as from the external
 * source. */
static void external_source_hairpin(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    nat *n = box(&type);
    pu_endpoint a = out(n, 0, inner(2, 5000), outside(1, 1));
    pu_endpoint b = out(n, 0, inner(3, 6000), outside(1, 1));
    assert_true(same(out(n, 0, inner(2, 5000), b), a));
    assert_int_equal(in(n, 0, a, b), NAT_FILTERED); /* b has not sent to a's external endpoint */
    out(n, 0, inner(3, 6000), a);
    assert_int_equal(in(n, 0, a, b), NAT_PASS);
    assert_int_equal(in(n, 0, b, a), NAT_PASS);
    nat_free(n);
}

/* ---- pools, blocks, quotas, states ---- */

static nat *pool(const nat_type *type)
{
    pu_endpoint externals[NAT_ADDRESSES_MAX];
    for (uint8_t i = 0; i < NAT_ADDRESSES_MAX; i++) externals[i] = outside(i, 0);
    return nat_new(type, NAT_UDP, externals, seed, 0);
}

/* The external endpoint, whichever address it is at; port 0: refused. */
static pu_endpoint out_any(nat *n, pu_time now, pu_endpoint from, pu_endpoint to)
{
    pu_endpoint outer = {0};
    enum nat_verdict verdict = nat_out(n, now, &from, &to, &outer);
    if (verdict == NAT_PASS) assert_true(nat_owns(n, outer.ip));
    else assert_int_equal(verdict, NAT_NO_MAPPING);
    return outer;
}

static void parity_is_preserved(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_PARITY);
    nat *n = box(&type);
    pu_endpoint outer;
    /* All ports of one parity, then none of it and all of the other. */
    for (uint32_t i = 0; i < PORTS_CHOSEN / 2; i++) {
        outer = out(n, 0, inner((uint8_t)(2 + i / 30000), (uint16_t)(1025 + 2 * (i % 30000))),
                    outside(1, 1));
        assert_int_equal(outer.port % 2, 1);
    }
    assert_int_equal(out_any(n, 0, inner(99, 7777), outside(1, 1)).port, 0);
    for (uint32_t i = 0; i < PORTS_CHOSEN / 2; i++) {
        outer = out(n, 0, inner((uint8_t)(2 + i / 30000), (uint16_t)(1024 + 2 * (i % 30000))),
                    outside(1, 1));
        assert_int_equal(outer.port % 2, 0);
        assert_in_range(outer.port, 1024, 65534);
    }
    assert_int_equal(out_any(n, 0, inner(99, 7778), outside(1, 1)).port, 0);
    nat_free(n);
}

static void a_pool_is_paired_or_arbitrary(void **state)
{
    (void)state;
    for (unsigned pooling = NAT_PAIRED; pooling <= NAT_ARBITRARY; pooling++) {
        nat_type type = type_of(NAT_APDM, NAT_APDF, NAT_RANDOM);
        type.addresses = 8;
        type.pooling = (enum nat_pooling)pooling;
        nat *n = pool(&type);
        unsigned hosts_at[8] = {0}, moved = 0, used = 0;
        for (uint8_t host = 2; host < 66; host++) {
            pu_endpoint first = out_any(n, 0, inner(host, 5000), outside(9, 1)), back;
            hosts_at[first.ip[14]]++;
            pu_endpoint remote = outside(9, 1);
            assert_int_equal(nat_in(n, 0, &remote, &first, &back), NAT_PASS);
            assert_true(same(back, inner(host, 5000)));
            for (uint16_t i = 2; i < 10; i++)
                moved += memcmp(out_any(n, 0, inner(host, 5000), outside(9, i)).ip, first.ip,
                                sizeof first.ip) != 0;
        }
        for (unsigned i = 0; i < 8; i++) used += hosts_at[i] > 0;
        assert_int_equal(used, 8);
        if (pooling == NAT_PAIRED) assert_int_equal(moved, 0);
        else assert_in_range(moved, 400, 500); /* 7 of 8 of 512 */
        nat_free(n);
    }
}

static void a_block_belongs_to_one_host(void **state)
{
    (void)state;
    enum { PORTS = 512, BLOCKS = 126 };
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_BLOCK);
    type.block_ports = PORTS;
    nat *n = box(&type);
    static bool taken[BLOCKS + 1];
    for (unsigned i = 0; i <= BLOCKS; i++) taken[i] = false;
    for (uint8_t host = 2; host < 2 + BLOCKS; host++) {
        unsigned block = (out(n, 0, inner(host, 5000), outside(1, 1)).port - 1024u) / PORTS;
        assert_false(taken[block]);
        taken[block] = true;
        assert_int_equal((out(n, 0, inner(host, 5001), outside(1, 1)).port - 1024u) / PORTS, block);
    }
    /* No block is left for one more host; a host has a block and no more (T-NAT-6). */
    assert_int_equal(out_any(n, 0, inner(200, 5000), outside(1, 1)).port, 0);
    for (uint16_t i = 2; i < PORTS; i++)
        assert_int_not_equal(out(n, 0, inner(2, (uint16_t)(5000 + i)), outside(1, 1)).port, 0);
    assert_int_equal(out_any(n, 0, inner(2, 9000), outside(1, 1)).port, 0);
    /* What is kept alive keeps the block; the others are free to be taken. */
    out(n, IDLE_S * PU_S - 1, inner(3, 5000), outside(1, 1));
    unsigned kept = (out(n, IDLE_S * PU_S - 1, inner(3, 5000), outside(1, 1)).port - 1024u) / PORTS;
    for (uint8_t host = 100; host < 100 + BLOCKS - 1; host++)
        assert_int_not_equal(
            (out(n, IDLE_S * PU_S, inner(host, 5000), outside(1, 1)).port - 1024u) / PORTS, kept);
    assert_int_equal(out_any(n, IDLE_S * PU_S, inner(99, 5000), outside(1, 1)).port, 0);
    nat_free(n);
}

static void quotas_count_what_is_alive(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_RANDOM);
    type.mappings_max = 5;
    type.host_mappings_max = 3;
    nat *n = box(&type);
    static const struct {
        uint8_t host;
        uint16_t port;
        pu_time at_s;
        bool passes;
    } cases[] = {
        {2, 1, 0, true},   {2, 2, 1, true},  {2, 3, 2, true},   {2, 4, 2, false}, {3, 1, 3, true},
        {3, 2, 3, true},   {4, 1, 3, false}, {2, 1, 3, true}, /* who has one keeps it */
        {4, 1, 30, false}, {4, 1, 31, true}, {2, 4, 31, false}, {2, 4, 32, true},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        pu_endpoint outer =
            out_any(n, cases[c].at_s * PU_S, inner(cases[c].host, cases[c].port), outside(1, 1));
        assert_int_equal(outer.port != 0, cases[c].passes);
    }
    nat_free(n);
}

/* Linux's connection tracking: 30 s until something comes in, then 120. */
static void an_answered_mapping_lives_longer(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    type.udp_answered_ns = 4 * IDLE_S * PU_S;
    for (unsigned answered = 0; answered <= 1; answered++) {
        nat *n = box(&type);
        pu_endpoint outer = out(n, 0, inner(2, 5000), outside(1, 1));
        if (answered == 1) assert_int_equal(in(n, PU_S, outside(1, 1), outer), NAT_PASS);
        assert_int_equal(in(n, PU_S, outside(2, 2), outer), NAT_FILTERED); /* which is no answer */
        assert_int_equal(nat_count(n, IDLE_S * PU_S), answered);
        assert_int_equal(nat_count(n, type.udp_answered_ns - 1), answered);
        assert_int_equal(nat_count(n, type.udp_answered_ns), 0);
        nat_free(n);
    }
}

static void tcp_forgets_who_is_not_answered(void **state)
{
    (void)state;
    nat_type type = type_of(NAT_EIM, NAT_EIF, NAT_PRESERVE);
    pu_endpoint external = outside(0, 0);
    for (unsigned answered = 0; answered <= 1; answered++) {
        nat *n = nat_new(&type, NAT_TCP, &external, seed, 0);
        pu_endpoint outer = out(n, 0, inner(2, 5000), outside(1, 1));
        assert_int_equal(in(n, 0, outside(2, 2), outer), NAT_FILTERED);
        if (answered == 1) assert_int_equal(in(n, 0, outside(1, 1), outer), NAT_PASS);
        pu_time end = answered == 1 ? NAT_TCP_IDLE_NS : NAT_TCP_OPENING_NS;
        assert_int_equal(nat_count(n, end - 1), 1);
        assert_int_equal(nat_count(n, end), 0);
        nat_free(n);
    }
}

static void reboot_and_rebind(void **state)
{
    (void)state;
    for (unsigned p = NAT_PRESERVE; p <= NAT_BLOCK; p++) {
        nat_type type = type_of(NAT_EIM, NAT_APDF, (enum nat_ports)p);
        type.block_ports = 512;
        nat *n = box(&type);
        pu_endpoint outer[10], got;
        for (uint8_t i = 0; i < 10; i++)
            outer[i] = out(n, 0, inner((uint8_t)(2 + i), 5000), outside(1, 1));
        nat_rebind(n, PU_S);
        assert_int_equal(nat_count(n, PU_S), 10);
        for (uint8_t i = 0; i < 10; i++) {
            pu_endpoint from = inner((uint8_t)(2 + i), 5000), to = outside(1, 1), back;
            assert_true(nat_lookup(n, PU_S, &from, &to, &got));
            assert_false(same(got, outer[i]));
            assert_int_equal(in(n, PU_S, outside(9, 9), got), NAT_FILTERED);
            assert_int_equal(nat_in(n, PU_S, &to, &got, &back), NAT_PASS);
            assert_true(same(back, from));
        }
        nat_reboot(n);
        assert_int_equal(nat_count(n, PU_S), 0);
        assert_int_equal(in(n, PU_S, outside(1, 1), got), NAT_NO_MAPPING);
        out(n, PU_S, inner(2, 5000), outside(1, 1));
        nat_free(n);
    }
}

static void words_and_back(void **state)
{
    (void)state;
    static const char *const words[][3] = {
        {"eim", "eif", "preserve"}, {"adm", "adf", "sequential"}, {"apdm", "apdf", "random"}};
    assert_string_equal(nat_ports_name(NAT_PARITY), "parity");
    assert_int_equal(nat_ports_parse("block"), NAT_BLOCK);
    assert_string_equal(nat_pooling_name(NAT_ARBITRARY), "arbitrary");
    assert_string_equal(nat_hairpin_name(NAT_HAIRPIN_NONE), "none");
    assert_string_equal(nat_hairpin_name(NAT_HAIRPIN_INTERNAL), "internal");
    for (unsigned i = 1; i <= 3; i++) {
        assert_string_equal(nat_mapping_name((enum nat_mapping)i), words[i - 1][0]);
        assert_string_equal(nat_filtering_name((enum nat_filtering)i), words[i - 1][1]);
        assert_string_equal(nat_ports_name((enum nat_ports)i), words[i - 1][2]);
        assert_int_equal(nat_mapping_parse(words[i - 1][0]), i);
        assert_int_equal(nat_filtering_parse(words[i - 1][1]), i);
        assert_int_equal(nat_ports_parse(words[i - 1][2]), i);
    }
    static const char *const strange[] = {"", "EIM", "eimx", "ei", "blocks", "eif "};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_int_equal(nat_mapping_parse(strange[i]), 0);
        assert_int_equal(nat_filtering_parse(strange[i]), 0);
        assert_int_equal(nat_ports_parse(strange[i]), 0);
    }
}

int nat_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_it_was_told_to_be),
        cmocka_unit_test(translates_back_to_who_sent),
        cmocka_unit_test(writes_over_what_it_reads),
        cmocka_unit_test(looking_touches_nothing),
        cmocka_unit_test(a_mapping_is_gone_after_its_idle_time),
        cmocka_unit_test(a_new_mapping_forgets_the_old_ones_friends),
        cmocka_unit_test(refreshed_by_what_it_should_be),
        cmocka_unit_test(preserves_the_port_and_walks_on_at_a_clash),
        cmocka_unit_test(symmetric_boxes_walk_on_for_each_remote),
        cmocka_unit_test(sequential_ports_follow_each_other),
        cmocka_unit_test(ports_come_from_the_seed),
        cmocka_unit_test(ports_run_out_and_come_back),
        cmocka_unit_test(a_long_life_of_short_mappings),
        cmocka_unit_test(a_filter_forgets_the_longest_unsent),
        cmocka_unit_test(a_box_may_block_udp),
        cmocka_unit_test(external_source_hairpin),
        cmocka_unit_test(parity_is_preserved),
        cmocka_unit_test(a_pool_is_paired_or_arbitrary),
        cmocka_unit_test(a_block_belongs_to_one_host),
        cmocka_unit_test(quotas_count_what_is_alive),
        cmocka_unit_test(an_answered_mapping_lives_longer),
        cmocka_unit_test(tcp_forgets_who_is_not_answered),
        cmocka_unit_test(reboot_and_rebind),
        cmocka_unit_test(words_and_back),
    };
    return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}
