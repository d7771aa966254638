/* tests/unit/net_home_test.c - hosts of one home have one access link: rates and queue once.
 */
#include "tests/unit/net_line.h"

int net_home_test(void);

static const net_extra none;

/* A box around hosts of one home, to all remotes the same. */
static uint32_t add_home(world *w, bool own_links)
{
    nat_type type = router(NAT_EIM, NAT_EIF, NAT_PRESERVE);
    type.own_links = own_links;
    uint32_t box = net_box_add(w->n, &type, NET_NONE, false);
    net_box_share(w->n, box, 0);
    return box;
}

/* When the count datagrams came that were sent at `from`: one each millisecond, from a way's length
 * on. */
static void assert_in_turn(world *w, uint32_t count, pu_time from)
{
    run_all(w);
    assert_int_equal(w->got_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(w->got[i].at, from + PLAIN_NS + (i + 1) * PU_MS);
    forget(w);
}

/* Two hosts of one home have its rate and its queue once, each way, be the queue drop-tail or
 * CoDel's, and with or without a link that does more. */
static void hosts_of_a_home_share_its_access_link(void **state)
{
    (void)state;
    const net_link line = {.access_ns = 10 * PU_MS,
                           .up_bps = 8000000, /* 1,000 bytes a millisecond */
                           .down_bps = 8000000,
                           .queue_ns = 11 * PU_MS};
    const net_extra extras[] = {{0}, {.mtu = 1400}, {.target_ns = PU_S, .interval_ns = PU_S}};
    for (size_t e = 0; e < sizeof extras / sizeof extras[0]; e++) {
        world w;
        world_open(&w);
        uint32_t c = add(&w, NET_NONE, 3, &plain), home = add_home(&w, false);
        uint32_t a = add_extra(&w, home, 1, &line, &extras[e]);
        uint32_t b = add_extra(&w, home, 1, &line, &extras[e]);
        for (unsigned i = 0; i < 10; i++)
            send_one(&w, 0, i % 2 == 0 ? a : b, own(&w, c), 1, NET_KIND_DATA);
        assert_in_turn(&w, 10, 0);
        for (unsigned i = 0; i < 14; i++) /* of these too many wait for the queue */
            send_one(&w, PU_S, i % 2 == 0 ? a : b, own(&w, c), 1, NET_KIND_DATA);
        assert_in_turn(&w, 12, PU_S);
        pu_endpoint to[2] = {seen(&w, PU_S, a, own(&w, c)), seen(&w, PU_S, b, own(&w, c))};
        for (unsigned i = 0; i < 10; i++) send_one(&w, 2 * PU_S, c, to[i % 2], 1, NET_KIND_DATA);
        assert_in_turn(&w, 10, 2 * PU_S);
        send_one(&w, 3 * PU_S, a, own(&w, b), 1, NET_KIND_DATA); /* beside it */
        run_all(&w);
        assert_int_equal(w.got[0].at, 3 * PU_S + NET_LAN_NS);
        world_close(&w);
    }
}

/* A hotspot in a home is behind the home's access link, where the home's box says so. */
static void a_hotspot_shares_the_link_of_its_home(void **state)
{
    (void)state;
    const net_link line = {.access_ns = 10 * PU_MS, .up_bps = 8000000, .queue_ns = PU_S};
    for (unsigned shares = 0; shares < 2; shares++) {
        world w;
        world_open(&w);
        nat_type type = router(NAT_EIM, NAT_EIF, NAT_PRESERVE);
        uint32_t far = add(&w, NET_NONE, 3, &plain);
        type.shares_links = shares;
        uint32_t home = net_box_add(w.n, &type, NET_NONE, true);
        net_box_share(w.n, home, 0);
        uint32_t hotspot = add_router(&w, home, false);
        uint32_t a = add_extra(&w, home, 1, &line, &none);
        uint32_t b = add_extra(&w, hotspot, 1, &line, &none);
        for (unsigned i = 0; i < 10; i++)
            send_one(&w, 0, i % 2 == 0 ? a : b, own(&w, far), 1, NET_KIND_DATA);
        run_all(&w);
        assert_int_equal(w.got_count, 10);
        assert_int_equal(w.got[9].at, PLAIN_NS + (shares ? 10 : 5) * PU_MS);
        forget(&w);
        send_one(&w, PU_S, b, own(&w, a), 1, NET_KIND_DATA); /* within a home nobody uses it */
        run_all(&w);
        assert_int_equal(w.got_count, 1);
        if (shares) assert_int_equal(w.got[0].at, PU_S + NET_LAN_NS);
        else assert_true(w.got[0].at > PU_S + NET_LAN_NS);
        world_close(&w);
    }
}

/* Whose link has other rates has one of its own, and so has who is behind a carrier's box, or one
 * that nobody calls a home. */
static void other_hosts_have_links_of_their_own(void **state)
{
    (void)state;
    const net_link line = {.access_ns = 10 * PU_MS, .up_bps = 8000000, .queue_ns = PU_S};
    const net_link slower = {.access_ns = 10 * PU_MS, .up_bps = 4000000, .queue_ns = PU_S};
    for (unsigned c = 0; c < 3; c++) {
        world w;
        world_open(&w);
        uint32_t far = add(&w, NET_NONE, 3, &plain);
        uint32_t box = c == 2 ? add_router(&w, NET_NONE, false) : add_home(&w, c == 1);
        uint32_t a = add_extra(&w, box, 1, &line, &none);
        uint32_t b = add_extra(&w, box, 1, c == 0 ? &slower : &line, &none);
        send_one(&w, 0, a, own(&w, far), 1, NET_KIND_DATA);
        send_one(&w, 0, b, own(&w, far), 1, NET_KIND_DATA);
        run_all(&w);
        assert_int_equal(w.got[0].at, PLAIN_NS + PU_MS);
        assert_int_equal(w.got[1].at, PLAIN_NS + (c == 0 ? 2 : 1) * PU_MS);
        world_close(&w);
    }
}

/* A firewall beside the router is the same home: who is behind both, behind one, or has come back
 * shares it, and what waits when somebody leaves comes out. */
static void a_home_has_two_families(void **state)
{
    (void)state;
    const net_link line = {.access_ns = 10 * PU_MS, .up_bps = 8000000, .queue_ns = PU_S};
    const net_extra lists = {.target_ns = PU_S, .interval_ns = PU_S};
    nat_type firewall = nat_firewall;
    firewall.filtering = NAT_APDF;
    world w;
    world_open(&w);
    uint32_t far = add(&w, NET_NONE, 3, &plain), home = add_home(&w, false);
    uint32_t wall = net_box_add(w.n, &firewall, NET_NONE, false), host[3];
    net_box_share(w.n, wall, 0);
    net_host_attach_six(w.n, far, NET_NONE);
    for (uint32_t i = 0; i < 3; i++) {
        host[i] = add(&w, i == 2 ? NET_ABSENT : home, 1, &line);
        if (i > 0) net_host_attach_six(w.n, host[i], wall);
        net_host_extra(w.n, host[i], &lists);
    }
    pu_endpoint four = own(&w, far), six = net_host_six(w.n, far);
    six.port = PORT;
    uint8_t bytes[BYTES - NET_SIX_MORE_BYTES] = {0};
    for (uint32_t i = 0; i < 9; i++) {
        if (i % 3 == 0) send_one(&w, 0, host[0], four, 1, NET_KIND_DATA);
        else
            net_send(w.n, 0, host[i % 3], PORT, &six, span_of(bytes, sizeof bytes), NET_UDP,
                     NET_KIND_DATA);
    }
    net_host_detach(w.n, host[0]);
    assert_in_turn(&w, 9, 0);
    net_host_attach(w.n, host[0], home, 1, &line);
    net_host_extra(w.n, host[0], &lists);
    for (uint32_t i = 0; i < 4; i++) send_one(&w, PU_S, host[i % 2], four, 1, NET_KIND_DATA);
    assert_in_turn(&w, 4, PU_S);
    world_close(&w);
}

/* Two links are one only if all is the same that their rates and queues are made of. */
static void links_that_differ_are_several(void **state)
{
    (void)state;
    static uint64_t bps[] = {8000000}, others_bps[] = {8000000};
    static const net_trace trace = {.period_ns = PU_S, .count = 1, .up_bps = bps, .down_bps = bps},
                           other = {.period_ns = PU_S,
                                    .count = 1,
                                    .up_bps = others_bps,
                                    .down_bps = others_bps};
    static const struct {
        net_link link;
        net_extra extra;
    } kinds[] = {
        {{.up_bps = 8000000, .queue_ns = PU_S}, {0}},
        {{.up_bps = 8000001, .queue_ns = PU_S}, {0}},
        {{.up_bps = 8000000, .down_bps = 1, .queue_ns = PU_S}, {0}},
        {{.up_bps = 8000000, .queue_ns = 2 * PU_S}, {0}},
        {{.up_bps = 8000000, .queue_ns = PU_S}, {.target_ns = PU_S, .interval_ns = PU_S}},
        {{.up_bps = 8000000, .queue_ns = PU_S}, {.target_ns = PU_S / 2, .interval_ns = PU_S}},
        {{.up_bps = 8000000, .queue_ns = PU_S}, {.target_ns = PU_S, .interval_ns = 2 * PU_S}},
        {{.queue_ns = PU_S}, {.trace = &trace}},
        {{.queue_ns = PU_S}, {.trace = &other}},
        {{.queue_ns = PU_S}, {.trace = &trace, .trace_from_ns = PU_S}},
        {{.queue_ns = PU_S}, {.trace = &trace, .trace_from_ns = NET_TRACE_DRAWN}},
    };
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    world w;
    world_open(&w);
    uint32_t home = add_home(&w, false), host[2 * KINDS];
    for (uint32_t i = 0; i < 2 * KINDS; i++)
        host[i] = add_extra(&w, home, 1, &kinds[i % KINDS].link, &kinds[i % KINDS].extra);
    for (uint32_t i = 0; i < 2 * KINDS; i++)
        for (uint32_t k = 0; k < 2 * KINDS; k++)
            assert_int_equal(w.n->lines[host[i]]->pipe == w.n->lines[host[k]]->pipe,
                             i % KINDS == k % KINDS);
    assert_int_equal(w.n->pipe_count, KINDS);
    for (uint32_t i = 0; i < 100; i++) { /* who comes back finds what is there */
        uint32_t which = i % KINDS;
        net_host_detach(w.n, host[0]);
        net_host_attach(w.n, host[0], home, 1, &kinds[which].link);
        net_host_extra(w.n, host[0], &kinds[which].extra);
    }
    assert_int_equal(w.n->pipe_count, KINDS);
    world_close(&w);
}

/* Who moves out has a link of its own, and who stays has the home's alone. */
static void who_leaves_a_home_has_another_link(void **state)
{
    (void)state;
    const net_link line = {.access_ns = 10 * PU_MS, .up_bps = 8000000, .queue_ns = PU_S};
    const net_extra short_ones = {.mtu = 1400};
    world w;
    world_open(&w);
    uint32_t far = add(&w, NET_NONE, 3, &plain), home = add_home(&w, false);
    uint32_t a = add_extra(&w, home, 1, &line, &short_ones);
    uint32_t b = add_extra(&w, home, 1, &line, &short_ones);
    net_host_detach(w.n, a);
    net_host_attach(w.n, a, NET_NONE, 1, &line);
    net_host_extra(w.n, a, &short_ones);
    send_one(&w, 0, a, own(&w, far), 1, NET_KIND_DATA);
    send_one(&w, 0, b, own(&w, far), 1, NET_KIND_DATA);
    run_all(&w);
    assert_int_equal(w.got_count, 2);
    for (uint32_t i = 0; i < 2; i++) assert_int_equal(w.got[i].at, PLAIN_NS + PU_MS);
    world_close(&w);
}

/* A firewall is no home of hosts whose IPv4 is behind a carrier's box. */
static void a_carriers_firewall_is_no_home(void **state)
{
    (void)state;
    const net_link line = {.access_ns = 10 * PU_MS, .up_bps = 8000000, .queue_ns = PU_S};
    for (unsigned c = 0; c < 4; c++) { /* own links, boxes inside, in one of those, a home */
        world w;
        world_open(&w);
        nat_type type = router(NAT_EIM, NAT_EIF, NAT_PRESERVE);
        type.own_links = c == 0;
        uint32_t far = add(&w, NET_NONE, 3, &plain);
        uint32_t box = net_box_add(w.n, &type, NET_NONE, c == 1 || c == 2);
        if (c == 2) box = add_router(&w, box, false);
        uint32_t wall = net_box_add(w.n, &nat_firewall, NET_NONE, false);
        net_box_share(w.n, wall, 0);
        for (unsigned i = 0; i < 2; i++) {
            uint32_t host = add(&w, box, 1, &line);
            net_host_attach_six(w.n, host, wall);
            net_host_extra(w.n, host, &none);
            send_one(&w, 0, host, own(&w, far), 1, NET_KIND_DATA);
        }
        run_all(&w);
        assert_int_equal(w.got_count, 2);
        assert_int_equal(w.got[1].at, PLAIN_NS + (c == 3 ? 2 : 1) * PU_MS);
        world_close(&w);
    }
}

int net_home_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_of_a_home_share_its_access_link),
        cmocka_unit_test(a_hotspot_shares_the_link_of_its_home),
        cmocka_unit_test(other_hosts_have_links_of_their_own),
        cmocka_unit_test(a_home_has_two_families),
        cmocka_unit_test(links_that_differ_are_several),
        cmocka_unit_test(who_leaves_a_home_has_another_link),
        cmocka_unit_test(a_carriers_firewall_is_no_home),
    };
    return cmocka_run_group_tests_name("net_home", tests, NULL, NULL);
}
