/* firewall_test.c - hosts with IPv6, public and behind a stateful firewall, packet by packet
 * against the recommendations of RFC 6092.
 */
#include "tests/unit/net_world.h"

int firewall_test(void);

#define MINUTE (60 * PU_S)

/* A server, somebody else, and two hosts behind one firewall; all with IPv6 alone. */
typedef struct home {
    world w;
    uint32_t box, server, other, inside, beside;
} home;

static uint32_t add_six(world *w, uint32_t box, uint32_t site)
{
    uint32_t host = net_host_add(w->n);
    net_host_attach(w->n, host, NET_ABSENT, site, &plain);
    net_host_attach_six(w->n, host, box);
    return host;
}

static nat_type firewall(enum nat_filtering filtering)
{
    nat_type type = nat_firewall;
    type.filtering = filtering;
    return type;
}

static void home_open(home *h, const nat_type *type)
{
    world_open(&h->w);
    h->server = add_six(&h->w, NET_NONE, 0);
    h->other = add_six(&h->w, NET_NONE, 1);
    h->box = net_box_add(h->w.n, type, NET_NONE, false);
    h->inside = add_six(&h->w, h->box, 2);
    h->beside = add_six(&h->w, h->box, 2);
}

static pu_endpoint six(const home *h, uint32_t host, uint16_t port)
{
    pu_endpoint e = net_host_six(h->w.n, host);
    e.port = port;
    return e;
}

/* Sends a datagram between two hosts and says whether it came; nothing else is under way. */
static bool comes_as(home *h, pu_time at, uint32_t from, uint16_t from_port, pu_endpoint to,
                     enum net_carriage carriage)
{
    uint8_t byte = 1;
    forget(&h->w);
    run(&h->w, at);
    net_send(h->w.n, at, from, from_port, &to, span_of(&byte, 1), carriage, NET_KIND_DATA);
    run(&h->w, at + PLAIN_NS);
    for (uint32_t i = 0; i < h->w.got_count; i++)
        if (h->w.got[i].first == 1 && h->w.got[i].remote.port == from_port) return true;
    return false;
}

static bool comes(home *h, pu_time at, uint32_t from, pu_endpoint to)
{
    return comes_as(h, at, from, PORT, to, NET_UDP);
}

/* ---- addresses ---- */

static void assert_text(pu_endpoint e, const char *text)
{
    char out[64];
    pu_endpoint_text(&e, out);
    assert_string_equal(out, text);
}

static void test_addresses(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_APDF);
    home_open(&h, &type);
    assert_text(six(&h, h.server, PORT), "[2d00::1]:4001");
    assert_text(six(&h, h.other, PORT), "[2d00:0:100::1]:4001");
    assert_text(net_box_address(h.w.n, h.box), "[2d00:0:200::1]:0");
    assert_text(six(&h, h.inside, PORT), "[2d00:0:200::2]:4001");
    assert_text(six(&h, h.beside, PORT), "[2d00:0:200::3]:4001");
    for (uint32_t host = 0; host < 4; host++) {
        pu_endpoint e = six(&h, host, PORT), none = {0};
        assert_int_equal(pu_endpoint_scope(&e), PU_SCOPE_GLOBAL);
        assert_same(net_host_address(h.w.n, host), none);
        assert_int_equal(net_host_box(h.w.n, host), NET_NONE);
    }
    assert_int_equal(net_host_six_box(h.w.n, h.inside), h.box);
    assert_int_equal(net_host_six_box(h.w.n, h.server), NET_NONE);
    /* Of all addresses of a /48 a host has one; others are nobody's, and so are those around. */
    pu_endpoint to = six(&h, h.server, PORT);
    to.ip[15] = 2;
    assert_false(comes(&h, PU_S, h.other, to));
    assert_fate(&h.w, 1, NET_NO_ROUTE, NET_NONE);
    to = six(&h, h.server, PORT);
    to.ip[4] = 9; /* another /48 */
    assert_false(comes(&h, 2 * PU_S, h.other, to));
    to.ip[4] = 0;
    to.ip[0] = 0x2e;
    assert_false(comes(&h, 3 * PU_S, h.other, to));
    to = six(&h, h.server, PORT);
    to.ip[7] = 1; /* another /64 of it */
    assert_false(comes(&h, 4 * PU_S, h.other, to));
    assert_int_equal(count_fate(&h.w, NET_NO_ROUTE), 1);
    world_close(&h.w);
}

/* A common home: IPv4 behind a NAT, IPv6 behind a firewall, one link. */
static void test_both_families(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_APDF);
    home_open(&h, &type);
    uint32_t router_box = add_router(&h.w, NET_NONE, false);
    uint32_t both = net_host_add(h.w.n), four = add(&h.w, NET_NONE, 3, &plain);
    net_host_attach(h.w.n, both, router_box, 2, &plain);
    net_host_attach_six(h.w.n, both, h.box);
    assert_true(comes(&h, PU_S, both, own(&h.w, four)));
    assert_text(h.w.got[0].remote, "11.0.0.1:4001"); /* its NAT came first */
    assert_true(comes(&h, 2 * PU_S, both, six(&h, h.server, PORT)));
    assert_same(h.w.got[0].remote, six(&h, both, PORT));
    pu_endpoint to_four = own(&h.w, four), to_six = six(&h, h.server, PORT), seen_as;
    assert_true(net_public_view(h.w.n, 3 * PU_S, both, PORT, &to_four, &seen_as));
    assert_same(seen_as, pu_endpoint_ip4(11, 0, 0, 1, PORT));
    assert_true(net_public_view(h.w.n, 3 * PU_S, both, PORT, &to_six, &seen_as));
    assert_same(seen_as, six(&h, both, PORT));
    /* Who has one family only sends nothing in the other, and cannot be looked at in it. */
    assert_false(comes(&h, 4 * PU_S, four, to_six));
    assert_false(comes(&h, 5 * PU_S, h.server, to_four));
    assert_int_equal(h.w.log_count, 1);
    assert_fate(&h.w, 0, NET_NO_ROUTE, NET_NONE);
    assert_false(net_public_view(h.w.n, 6 * PU_S, four, PORT, &to_six, &seen_as));
    assert_false(net_public_view(h.w.n, 6 * PU_S, h.server, PORT, &to_four, &seen_as));
    world_close(&h.w);
}

/* ---- UDP ---- */

/* What is not asked for is dropped; what goes out is not changed, and its answer comes in. */
static void test_default_deny(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_APDF);
    home_open(&h, &type);
    pu_endpoint inside = six(&h, h.inside, PORT), server = six(&h, h.server, PORT);
    assert_false(comes(&h, PU_S, h.server, inside));
    assert_fate(&h.w, h.w.log_count - 1, NET_NO_MAPPING, h.box);
    assert_true(comes(&h, 2 * PU_S, h.inside, server));
    assert_fate(&h.w, 1, NET_PASSED, h.box);
    assert_same(h.w.got[0].remote, inside);
    assert_true(comes(&h, 3 * PU_S, h.server, inside));
    assert_false(comes(&h, 4 * PU_S, h.other, inside));
    assert_fate(&h.w, h.w.log_count - 1, NET_FILTERED, h.box);
    assert_false(comes_as(&h, 5 * PU_S, h.server, PORT + 1, inside, NET_UDP));
    assert_false(comes(&h, 6 * PU_S, h.server, six(&h, h.inside, PORT + 1)));
    assert_false(comes(&h, 7 * PU_S, h.server, six(&h, h.beside, PORT))); /* a state of its own */
    pu_endpoint nobody = inside;
    nobody.ip[8] = 1;
    assert_false(comes(&h, 8 * PU_S, h.server, nobody));
    assert_fate(&h.w, h.w.log_count - 1, NET_NO_MAPPING, h.box);
    world_close(&h.w);
}

/* REC-17: endpoint-independent, address-dependent; and stricter, as most firewalls are. */
static void test_filtering(void **state)
{
    (void)state;
    static const struct {
        enum nat_filtering filtering;
        bool port, stranger; /* whom it lets in: another port of who was sent to; anybody */
    } cases[] = {{NAT_EIF, true, true}, {NAT_ADF, true, false}, {NAT_APDF, false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        home h;
        nat_type type = firewall(cases[i].filtering);
        home_open(&h, &type);
        pu_endpoint inside = six(&h, h.inside, PORT);
        assert_true(comes(&h, PU_S, h.inside, six(&h, h.server, PORT)));
        assert_true(comes(&h, 2 * PU_S, h.server, inside));
        assert_int_equal(comes_as(&h, 3 * PU_S, h.server, PORT + 1, inside, NET_UDP),
                         cases[i].port);
        assert_int_equal(comes(&h, 4 * PU_S, h.other, inside), cases[i].stranger);
        world_close(&h.w);
    }
}

/* REC-14: five minutes; REC-16: what goes out refreshes, what comes in may. */
static void test_udp_idle(void **state)
{
    (void)state;
    for (unsigned both = 0; both < 2; both++) {
        home h;
        nat_type type = firewall(NAT_APDF);
        type.refresh_inbound = both == 1;
        home_open(&h, &type);
        pu_endpoint inside = six(&h, h.inside, PORT), server = six(&h, h.server, PORT);
        pu_time start = PU_S;
        assert_true(comes(&h, start, h.inside, server));
        start += 4 * MINUTE;
        assert_true(comes(&h, start, h.inside, server)); /* refreshes */
        start += 4 * MINUTE;
        assert_true(comes(&h, start, h.server, inside)); /* refreshes only with both */
        assert_int_equal(comes(&h, start + 2 * MINUTE, h.server, inside), both == 1);
        assert_false(comes(&h, start + 8 * MINUTE, h.server, inside));
        assert_fate(&h.w, h.w.log_count - 1, NET_NO_MAPPING, h.box);
        world_close(&h.w);
    }
}

/* Two homes: who calls first is dropped, and has opened its own side by it. */
static void test_two_firewalls(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_APDF);
    home_open(&h, &type);
    uint32_t far_box = net_box_add(h.w.n, &type, NET_NONE, false);
    uint32_t far_host = add_six(&h.w, far_box, 5);
    pu_endpoint near_end = six(&h, h.inside, PORT), far_end = six(&h, far_host, PORT);
    assert_false(comes(&h, PU_S, h.inside, far_end));
    assert_fate(&h.w, h.w.log_count - 1, NET_NO_MAPPING, far_box);
    assert_true(comes(&h, 2 * PU_S, far_host, near_end));
    assert_true(comes(&h, 3 * PU_S, h.inside, far_end));
    /* At the same time: neither is dropped, since both have left before either arrives. */
    uint8_t byte = 1;
    pu_time at = 10 * MINUTE;
    run(&h.w, at);
    forget(&h.w);
    net_send(h.w.n, at, h.inside, PORT, &far_end, span_of(&byte, 1), NET_UDP, NET_KIND_PUNCH);
    net_send(h.w.n, at, far_host, PORT, &near_end, span_of(&byte, 1), NET_UDP, NET_KIND_PUNCH);
    run_all(&h.w);
    assert_int_equal(count_fate(&h.w, NET_DELIVERED), 2);
    assert_int_equal(h.w.got[0].at, at + PLAIN_NS);
    world_close(&h.w);
}

/* Dropped, or refused by ICMP. */
static void test_refused(void **state)
{
    (void)state;
    for (unsigned refuses = 0; refuses < 2; refuses++) {
        home h;
        nat_type type = firewall(NAT_APDF);
        type.refuses_udp = refuses == 1;
        home_open(&h, &type);
        pu_endpoint inside = six(&h, h.inside, PORT);
        assert_false(comes(&h, PU_S, h.server, inside));
        run_all(&h.w);
        assert_int_equal(h.w.got_count, refuses);
        if (refuses == 1) {
            const net_record *last = &h.w.log[h.w.log_count - 1];
            assert_int_equal(last->carriage, NET_UDP_UNREACHABLE);
            assert_int_equal(last->to_host, h.server);
            assert_same(last->from, inside);
        }
        world_close(&h.w);
    }
}

/* ---- ICMP ---- */

/* REC-10: no error without a state that it belongs to; REC-18: with one they pass; REC-19: and end
 * nothing, and refresh nothing. */
static void test_errors(void **state)
{
    (void)state;
    for (unsigned swallows = 0; swallows < 2; swallows++) {
        home h;
        nat_type type = firewall(NAT_APDF);
        type.swallows_errors = swallows == 1;
        home_open(&h, &type);
        pu_endpoint inside = six(&h, h.inside, PORT), server = six(&h, h.server, PORT);
        assert_false(comes_as(&h, PU_S, h.server, PORT, inside, NET_UDP_UNREACHABLE));
        assert_true(comes(&h, 2 * PU_S, h.inside, server));
        assert_int_equal(comes_as(&h, 3 * PU_S, h.server, PORT, inside, NET_UDP_UNREACHABLE),
                         swallows == 0);
        assert_false(comes_as(&h, 4 * PU_S, h.other, PORT, inside, NET_UDP_UNREACHABLE));
        assert_true(comes(&h, 4 * MINUTE, h.server, inside));
        comes_as(&h, 5 * MINUTE, h.server, PORT, inside, NET_UDP_UNREACHABLE);
        assert_false(comes(&h, 5 * MINUTE + 3 * PU_S, h.server, inside));
        world_close(&h.w);
    }
}

/* REC-18: packet too big comes through to who sent, with IPv6's longer header counted. */
static void test_packet_too_big(void **state)
{
    (void)state;
    for (unsigned swallows = 0; swallows < 2; swallows++) {
        static const uint8_t bytes[1400];
        home h;
        nat_type type = firewall(NAT_APDF);
        type.swallows_errors = swallows == 1;
        home_open(&h, &type);
        uint32_t narrow = net_host_add(h.w.n);
        net_host_attach(h.w.n, narrow, NET_ABSENT, 4, &plain);
        net_host_attach_six(h.w.n, narrow, NET_NONE);
        net_host_extra(h.w.n, narrow, &(net_extra){.mtu = 1280});
        pu_endpoint to = six(&h, narrow, PORT);
        for (size_t len = 1232; len <= 1233; len++)
            net_send(h.w.n, PU_S, h.inside, PORT, &to, span_of(bytes, len), NET_UDP, NET_KIND_DATA);
        run_all(&h.w);
        assert_int_equal(count_fate(&h.w, NET_DELIVERED), 1);
        assert_int_equal(count_fate(&h.w, NET_TOO_BIG), 1);
        assert_int_equal(h.w.told_count, 1 - swallows);
        if (swallows == 0) {
            assert_int_equal(h.w.told_host, h.inside);
            assert_int_equal(h.w.told_mtu, 1280);
            assert_same(h.w.told_local, six(&h, h.inside, PORT));
            assert_same(h.w.told_remote, to);
        }
        world_close(&h.w);
    }
}

/* ---- TCP ---- */

/* REC-31: the usual handshake, and simultaneous open. */
static void test_tcp_opens(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_APDF);
    home_open(&h, &type);
    pu_endpoint inside = six(&h, h.inside, PORT), server = six(&h, h.server, PORT);
    assert_false(comes_as(&h, PU_S, h.inside, PORT, server, NET_TCP)); /* nothing was opened */
    assert_true(comes_as(&h, 2 * PU_S, h.inside, PORT, server, NET_TCP_SYN));
    assert_true(comes_as(&h, 3 * PU_S, h.server, PORT, inside, NET_TCP));
    assert_true(comes_as(&h, 4 * PU_S, h.inside, PORT, server, NET_TCP));
    assert_false(comes_as(&h, 5 * PU_S, h.other, PORT, inside, NET_TCP));
    assert_true(comes_as(&h, 6 * PU_S, h.inside, PORT + 1, server, NET_TCP_SYN));
    assert_true(comes_as(&h, 7 * PU_S, h.server, PORT, six(&h, h.inside, PORT + 1), NET_TCP_SYN));
    assert_false(comes(&h, 8 * PU_S, h.server, inside)); /* UDP has a state of its own */
    world_close(&h.w);
}

/* REC-34: an error, six seconds after a call that nothing answered; not after one that did. */
static void test_unsolicited_syn(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_APDF);
    home_open(&h, &type);
    pu_endpoint inside = six(&h, h.inside, PORT), server = six(&h, h.server, PORT);
    assert_false(comes_as(&h, PU_S, h.server, PORT, inside, NET_TCP_SYN));
    run_all(&h.w);
    assert_int_equal(h.w.got_count, 1);
    const net_record *last = &h.w.log[h.w.log_count - 1];
    assert_int_equal(last->carriage, NET_TCP_UNREACHABLE);
    assert_int_equal(last->at, PU_S + PLAIN_NS + NAT_SYN_LATE_NS + PLAIN_NS);
    assert_false(comes_as(&h, 30 * PU_S, h.server, PORT, inside, NET_TCP_SYN));
    assert_true(comes_as(&h, 32 * PU_S, h.inside, PORT, server, NET_TCP_SYN));
    forget(&h.w);
    run_all(&h.w);
    assert_int_equal(h.w.got_count, 0);
    world_close(&h.w);
}

/* REC-35: four minutes for what nobody answers, two hours and four for what is open; REC-37: an
 * error ends nothing. */
static void test_tcp_idle(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_APDF);
    home_open(&h, &type);
    pu_endpoint inside = six(&h, h.inside, PORT), server = six(&h, h.server, PORT);
    assert_true(comes_as(&h, PU_S, h.inside, PORT, server, NET_TCP_SYN));
    assert_true(comes_as(&h, 4 * MINUTE, h.server, PORT, inside, NET_TCP));
    assert_true(comes_as(&h, 4 * MINUTE + PU_S, h.server, PORT, inside, NET_TCP_UNREACHABLE));
    assert_true(comes_as(&h, 124 * MINUTE, h.server, PORT, inside, NET_TCP));
    assert_false(comes_as(&h, 125 * MINUTE, h.server, PORT, inside, NET_TCP));
    assert_true(comes_as(&h, 126 * MINUTE, h.inside, PORT, server, NET_TCP_SYN));
    assert_false(comes_as(&h, 131 * MINUTE, h.server, PORT, inside, NET_TCP));
    world_close(&h.w);
}

/* ---- a home ---- */

/* Inside one home the firewall is not asked; an address of it that nobody has leads nowhere. */
static void test_beside(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_APDF);
    home_open(&h, &type);
    pu_endpoint beside = six(&h, h.beside, PORT);
    send(&h.w, PU_S, h.inside, beside, 1);
    run_all(&h.w);
    assert_int_equal(h.w.got_count, 1);
    assert_int_equal(h.w.got[0].at, PU_S + NET_LAN_NS);
    assert_int_equal(h.w.log_count, 2);
    beside.ip[15]++;
    assert_false(comes(&h, 2 * PU_S, h.inside, beside));
    assert_fate(&h.w, 1, NET_NO_ROUTE, h.box);
    world_close(&h.w);
}

static void test_reboot(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_EIF);
    home_open(&h, &type);
    pu_endpoint inside = six(&h, h.inside, PORT);
    assert_true(comes(&h, PU_S, h.inside, six(&h, h.server, PORT)));
    assert_true(comes(&h, 2 * PU_S, h.other, inside));
    net_box_reboot(h.w.n, h.box);
    assert_false(comes(&h, 3 * PU_S, h.other, inside));
    world_close(&h.w);
}

/* Who goes elsewhere has another address there, and hears at the old one as long as it lingers. */
static void test_moves(void **state)
{
    (void)state;
    home h;
    nat_type type = firewall(NAT_EIF);
    home_open(&h, &type);
    pu_endpoint was = six(&h, h.inside, PORT);
    assert_true(comes(&h, PU_S, h.inside, six(&h, h.server, PORT)));
    net_host_linger(h.w.n, h.inside);
    net_host_attach(h.w.n, h.inside, NET_NONE, 7, &plain);
    net_host_attach_six(h.w.n, h.inside, NET_NONE);
    assert_text(six(&h, h.inside, PORT), "[2d00:0:300::1]:4001");
    assert_true(comes(&h, 2 * PU_S, h.server, was));
    assert_true(comes(&h, 3 * PU_S, h.server, six(&h, h.inside, PORT)));
    net_host_part(h.w.n, h.inside);
    assert_false(comes(&h, 4 * PU_S, h.server, was));
    net_host_detach(h.w.n, h.inside);
    pu_endpoint none = {0}, seen_as, server = six(&h, h.server, PORT);
    assert_same(net_host_six(h.w.n, h.inside), none);
    assert_false(net_public_view(h.w.n, 5 * PU_S, h.inside, PORT, &server, &seen_as));
    assert_false(comes(&h, 6 * PU_S, h.inside, server));
    world_close(&h.w);
}

int firewall_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),       cmocka_unit_test(test_both_families),
        cmocka_unit_test(test_default_deny),    cmocka_unit_test(test_filtering),
        cmocka_unit_test(test_udp_idle),        cmocka_unit_test(test_two_firewalls),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_errors),
        cmocka_unit_test(test_packet_too_big),  cmocka_unit_test(test_tcp_opens),
        cmocka_unit_test(test_unsolicited_syn), cmocka_unit_test(test_tcp_idle),
        cmocka_unit_test(test_beside),          cmocka_unit_test(test_reboot),
        cmocka_unit_test(test_moves),
    };
    return cmocka_run_group_tests_name("firewall", tests, NULL, NULL);
}
