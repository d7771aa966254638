/* tests/unit/net_test.c - the simulated network: ways through boxes, each end on the way, and the
 * address plan. */
#include "tests/unit/net_world.h"

int net_test(void);

static void public_hosts_are_an_exact_delay_apart(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const net_link slow = {.access_ns = 25 * PU_MS + 1};
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add(&w, NET_NONE, 1, &slow),
             c = add(&w, NET_NONE, 1, &plain);
    const struct {
        uint32_t from, to;
        uint64_t delay;
    } cases[] = {{a, b, 75 * PU_MS + 1},
                 {b, a, 75 * PU_MS + 1},
                 {b, c, 35 * PU_MS + 1},
                 {a, c, PLAIN_NS},
                 {a, a, 20 * PU_MS}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        forget(&w);
        pu_time sent = i * PU_S;
        send(&w, sent, cases[i].from, own(&w, cases[i].to), (uint8_t)(i + 1));
        assert_int_equal(net_in_flight(w.n), 1);
        run_all(&w);
        assert_int_equal(w.got_count, 1);
        assert_int_equal(w.got[0].at, sent + cases[i].delay);
        assert_int_equal(w.got[0].host, cases[i].to);
        assert_int_equal(w.got[0].first, i + 1);
        assert_same(w.got[0].local, own(&w, cases[i].to));
        assert_same(w.got[0].remote, own(&w, cases[i].from));
        assert_int_equal(w.log_count, 2);
        assert_fate(&w, 0, NET_SENT, NET_NONE);
        assert_fate(&w, 1, NET_DELIVERED, NET_NONE);
        assert_int_equal(w.log[0].at, sent);
        assert_int_equal(w.log[0].id, i + 1);
        assert_int_equal(w.log[0].to_host, NET_NONE);
        assert_int_equal(w.log[1].id, i + 1);
        assert_int_equal(w.log[1].from_host, cases[i].from);
        assert_int_equal(w.log[1].to_host, cases[i].to);
        assert_int_equal(w.log[1].bytes, 1);
        assert_int_equal(w.log[1].kind, NET_KIND_DATA);
    }
    world_close(&w);
}

static void one_nat_translates_both_ways(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t home = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    pu_endpoint external = net_box_address(w.n, box), got;
    pu_endpoint to_server = own(&w, server);
    assert_false(net_public_view(w.n, 0, home, PORT, &to_server, &got));

    send(&w, 0, home, own(&w, server), 1);
    external.port = PORT;
    assert_same(seen(&w, 0, home, own(&w, server)), external);
    run_all(&w);
    assert_int_equal(w.got[0].at, PLAIN_NS);
    assert_same(w.got[0].remote, external);
    send(&w, PLAIN_NS, server, external, 2);
    run_all(&w);
    assert_int_equal(w.got_count, 2);
    assert_int_equal(w.got[1].at, 2 * PLAIN_NS);
    assert_int_equal(w.got[1].host, home);
    assert_same(w.got[1].local, own(&w, home));

    assert_int_equal(w.log_count, 5);
    assert_fate(&w, 0, NET_SENT, NET_NONE);
    assert_same(w.log[0].from, own(&w, home));
    assert_fate(&w, 1, NET_TRANSLATED, box);
    assert_same(w.log[1].from, external);
    assert_same(w.log[2].from, external);
    assert_fate(&w, 3, NET_SENT, NET_NONE);
    assert_same(w.log[3].to, external);
    assert_fate(&w, 4, NET_DELIVERED, NET_NONE);
    assert_same(w.log[4].to, own(&w, home));
    world_close(&w);
}

static void two_nats_in_a_row(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t carrier = add_router(&w, NET_NONE, true), box = add_router(&w, carrier, false);
    uint32_t home = add(&w, box, 0, &plain);
    uint32_t server = add(&w, NET_NONE, 1, &plain), stranger = add(&w, NET_NONE, 2, &plain);
    assert_int_equal(net_box_count(w.n), 2);
    assert_int_equal(net_box_parent(w.n, box), carrier);
    assert_int_equal(net_box_parent(w.n, carrier), NET_NONE);
    assert_int_equal(net_host_box(w.n, home), box);
    assert_int_equal(net_box_type(w.n, box)->udp_idle_ns, 30 * PU_S);

    send(&w, 0, home, own(&w, server), 1);
    assert_fate(&w, 1, NET_TRANSLATED, box);
    assert_fate(&w, 2, NET_TRANSLATED, carrier);
    pu_endpoint inside = net_box_address(w.n, box);
    assert_memory_equal(w.log[1].from.ip, inside.ip, sizeof inside.ip);
    pu_endpoint external = seen(&w, 0, home, own(&w, server));
    assert_same(w.log[2].from, external);
    run_all(&w);

    forget(&w);
    send(&w, PU_S, server, external, 2);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0].at, PU_S + PLAIN_NS);
    assert_same(w.got[0].local, own(&w, home));

    forget(&w);
    send(&w, 2 * PU_S, stranger, external, 3);
    run_all(&w);
    assert_int_equal(w.got_count, 0);
    assert_int_equal(w.log_count, 2);
    assert_fate(&w, 1, NET_FILTERED, carrier);
    assert_int_equal(w.log[1].at, 2 * PU_S + PLAIN_NS);
    assert_same(w.log[1].to, external);
    world_close(&w);
}

static void a_carrier_is_shared(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const net_link far = {.access_ns = 30 * PU_MS};
    uint32_t carrier = add_router(&w, NET_NONE, true);
    uint32_t first = add(&w, add_router(&w, carrier, false), 0, &plain);
    uint32_t second = add(&w, add_router(&w, carrier, false), 1, &far);
    uint32_t server = add(&w, NET_NONE, 1, &plain);
    send(&w, 0, first, own(&w, server), 1);
    send(&w, 0, second, own(&w, server), 2);
    run_all(&w);
    pu_endpoint a = seen(&w, PU_S, first, own(&w, server)),
                b = seen(&w, PU_S, second, own(&w, server));
    assert_memory_equal(a.ip, b.ip, sizeof a.ip);
    assert_int_equal(a.port, PORT);
    assert_int_equal(b.port, PORT + 1); /* the port was taken */
    forget(&w);
    send(&w, PU_S, server, a, 3);
    send(&w, PU_S, server, b, 4);
    run_all(&w);
    /* Each at its own site: the second shares the server's. */
    assert_int_equal(w.got_count, 2);
    assert_int_equal(w.got[0].host, second);
    assert_int_equal(w.got[0].first, 4);
    assert_int_equal(w.got[0].at, PU_S + 40 * PU_MS);
    assert_int_equal(w.got[1].host, first);
    assert_int_equal(w.got[1].first, 3);
    assert_int_equal(w.got[1].at, PU_S + PLAIN_NS);
    world_close(&w);
}

static void neighbours_inside_a_carrier(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t carrier = add_router(&w, NET_NONE, true), box = add_router(&w, carrier, false);
    uint32_t home = add(&w, box, 0, &plain), phone = add(&w, carrier, 1, &plain);
    send(&w, 0, home, own(&w, phone), 1);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0].at, PLAIN_NS); /* a carrier's hosts are far from each other */
    pu_endpoint middle = net_box_address(w.n, box);
    middle.port = PORT;
    assert_same(w.got[0].remote, middle);
    send(&w, PU_S, phone, middle, 2);
    run_all(&w);
    assert_int_equal(w.got_count, 2);
    assert_int_equal(w.got[1].host, home);
    assert_int_equal(w.got[1].at, PU_S + PLAIN_NS);
    world_close(&w);
}

/* Access links are on the way between hosts of one carrier, in its realm and around its hairpin. */
static void carriers_hosts_have_access_links(void **state)
{
    (void)state;
    const net_link links[] = {{.up_loss_ppm = 1000000, .down_loss_ppm = 1000000},
                              {.up_bps = 8000, .queue_ns = 0}};
    const enum net_fate fates[] = {NET_LOST, NET_QUEUE_FULL};
    for (unsigned i = 0; i < 4; i++) {
        world w;
        world_open(&w);
        nat_type type = router(NAT_EIM, NAT_EIF, NAT_PRESERVE);
        type.hairpin = NAT_HAIRPIN_EXTERNAL;
        uint32_t carrier = net_box_add(w.n, &type, NET_NONE, true);
        uint32_t a = add(&w, carrier, 0, &links[i % 2]), b = add(&w, carrier, 1, &plain);
        uint32_t server = add(&w, NET_NONE, 1, &plain);
        send(&w, 0, b, own(&w, server), 1);
        run_all(&w);
        forget(&w);
        pu_endpoint to = i < 2 ? own(&w, b) : seen(&w, PU_S, b, own(&w, server));
        send(&w, PU_S, a, to, 2);
        send(&w, PU_S, a, to, 3);
        run_all(&w);
        assert_int_equal(count_fate(&w, fates[i % 2]), i % 2 == 0 ? 2 : 1);
        world_close(&w);
    }
}

static void hosts_of_one_lan_meet_there(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const net_link lossy = {.access_ns = 10 * PU_MS,
                            .up_loss_ppm = 1000000,
                            .down_loss_ppm = 1000000,
                            .up_bps = 1,
                            .down_bps = 1};
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t a = add(&w, box, 0, &lossy), b = add(&w, box, 0, &lossy);
    for (uint8_t i = 0; i < 10; i++)
        send(&w, 0, a, own(&w, b), i); /* the access link is not on the way */
    run_all(&w);
    assert_int_equal(w.got_count, 10);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(w.got[i].at, NET_LAN_NS);
        assert_int_equal(w.got[i].first, i);
        assert_same(w.got[i].remote, own(&w, a));
    }
    assert_int_equal(count_fate(&w, NET_TRANSLATED), 0);
    /* The same address in another LAN is another host. */
    uint32_t other = add(&w, add_router(&w, NET_NONE, false), 0, &plain);
    assert_same(own(&w, other), own(&w, a));
    forget(&w);
    send(&w, PU_S, b, own(&w, other), 1);
    run_all(&w);
    assert_int_equal(w.got[0].host, a);
    world_close(&w);
}

static void hairpin_as_configured(void **state)
{
    (void)state;
    for (unsigned has_hairpin = 0; has_hairpin <= 1; has_hairpin++) {
        for (unsigned depth = 0; depth <= 1;
             depth++) { /* the box itself, or a carrier around two of them */
            world w;
            world_open(&w);
            nat_type type = router(NAT_EIM, NAT_ADF, NAT_PRESERVE);
            type.hairpin = has_hairpin == 1 ? NAT_HAIRPIN_EXTERNAL : NAT_HAIRPIN_NONE;
            uint32_t top = net_box_add(w.n, &type, NET_NONE, depth == 1);
            uint32_t a = add(&w, depth == 1 ? add_router(&w, top, false) : top, 0, &plain);
            uint32_t b = add(&w, depth == 1 ? add_router(&w, top, false) : top, 0, &plain);
            uint32_t server = add(&w, NET_NONE, 1, &plain);
            send(&w, 0, a, own(&w, server), 1);
            send(&w, 0, b, own(&w, server), 1);
            run_all(&w);
            pu_endpoint a_seen = seen(&w, PU_S, a, own(&w, server)),
                        b_seen = seen(&w, PU_S, b, own(&w, server));
            forget(&w);
            send(&w, PU_S, b, a_seen, 2);
            send(&w, PU_S + 1, a, b_seen, 3);
            run_all(&w);
            if (has_hairpin == 0) {
                assert_int_equal(w.got_count, 0);
                assert_int_equal(count_fate(&w, NET_NO_HAIRPIN), 2);
                assert_fate(&w, w.log_count - 1, NET_NO_HAIRPIN, top);
            } else { /* both have sent, so each filter knows the other's external address */
                assert_int_equal(w.got_count, 2);
                assert_int_equal(w.got[0].host, a);
                uint64_t way_ns = depth == 0 ? NET_LAN_NS : 2 * (10 * PU_MS);
                assert_int_equal(w.got[0].at, PU_S + way_ns);
                assert_same(w.got[0].remote, b_seen);
                assert_same(w.got[0].local, own(&w, a));
                assert_int_equal(w.got[1].host, b);
                assert_same(w.got[1].remote, a_seen);
            }
            world_close(&w);
        }
    }
}

/* A sender that is shown as it is inside: where the two share the box, the answer needs no hairpin;
 * a router in between has never sent to that address, and filters it. */
static void hairpin_with_the_internal_source(void **state)
{
    (void)state;
    for (unsigned depth = 0; depth <= 1; depth++) {
        world w;
        world_open(&w);
        nat_type type = router(NAT_EIM, NAT_ADF, NAT_RANDOM);
        type.hairpin = NAT_HAIRPIN_INTERNAL;
        uint32_t top = net_box_add(w.n, &type, NET_NONE, depth == 1);
        uint32_t a = add(&w, depth == 1 ? add_router(&w, top, false) : top, 0, &plain);
        uint32_t b = add(&w, depth == 1 ? add_router(&w, top, false) : top, 0, &plain);
        uint32_t server = add(&w, NET_NONE, 1, &plain);
        send(&w, 0, a, own(&w, server), 1);
        send(&w, 0, b, own(&w, server), 1);
        run_all(&w);
        pu_endpoint a_seen = seen(&w, PU_S, a, own(&w, server)),
                    b_seen = seen(&w, PU_S, b, own(&w, server));
        forget(&w);
        send(&w, PU_S, b, a_seen, 2);
        send(&w, PU_S + 1, a, b_seen, 3);
        run_all(&w);
        if (depth == 0) {
            assert_int_equal(w.got_count, 2);
            assert_same(w.got[0].remote, own(&w, b));
            assert_same(w.got[1].remote, own(&w, a));
        } else {
            assert_int_equal(w.got_count, 0);
            assert_int_equal(count_fate(&w, NET_FILTERED), 2);
        }
        world_close(&w);
    }
}

/* The box forgets what it mapped; or the mapping stands at another port. */
static void a_box_reboots_or_rebinds(void **state)
{
    (void)state;
    for (unsigned rebinds = 0; rebinds <= 1; rebinds++) {
        world w;
        world_open(&w);
        uint32_t box = add_router(&w, NET_NONE, false);
        uint32_t a = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
        send(&w, 0, a, own(&w, server), 1);
        run_all(&w);
        pu_endpoint before = seen(&w, PU_S, a, own(&w, server)), after;
        if (rebinds == 1) net_box_rebind(w.n, PU_S, box);
        else net_box_reboot(w.n, box);
        assert_int_equal(net_public_view(w.n, PU_S, a, before.port, &(pu_endpoint){0}, &after),
                         rebinds == 1);
        forget(&w);
        send(&w, PU_S, server, before, 2);
        if (rebinds == 1) send(&w, PU_S + 1, server, after, 3);
        run_all(&w);
        assert_int_equal(count_fate(&w, NET_NO_MAPPING), 1);
        assert_int_equal(w.got_count, rebinds);
        world_close(&w);
    }
}

static void who_left_gets_nothing(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t phone = add(&w, box, 0, &plain), laptop = add(&w, NET_NONE, 2, &plain),
             server = add(&w, NET_NONE, 1, &plain);
    send(&w, 0, phone, own(&w, server), 1);
    run_all(&w);
    pu_endpoint old = seen(&w, PU_S, phone, own(&w, server)), old_laptop = own(&w, laptop);

    forget(&w); /* under way to both when they leave; what they sent still arrives */
    send(&w, PU_S, server, old, 2);
    send(&w, PU_S, server, old_laptop, 3);
    send(&w, PU_S, phone, own(&w, server), 4);
    net_host_detach(w.n, phone);
    net_host_detach(w.n, laptop);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0].first, 4);
    assert_int_equal(count_fate(&w, NET_NO_ROUTE), 2);
    for (uint32_t i = 0; i < w.log_count; i++) {
        if (w.log[i].fate != NET_NO_ROUTE) continue;
        assert_int_equal(w.log[i].at, PU_S + PLAIN_NS);
        assert_int_equal(w.log[i].box, w.log[i].id == 2 ? box : NET_NONE);
    }

    forget(&w); /* nowhere */
    assert_int_equal(net_host_box(w.n, phone), NET_NONE);
    pu_endpoint none = net_host_address(w.n, phone), to_server = own(&w, server), got;
    assert_same(none, (pu_endpoint){0});
    assert_false(net_public_view(w.n, 2 * PU_S, phone, PORT, &to_server, &got));
    send(&w, 2 * PU_S, phone, own(&w, server), 5);
    assert_int_equal(w.log_count, 1);
    assert_fate(&w, 0, NET_NO_ROUTE, NET_NONE);

    forget(&w); /* elsewhere: reachable there, and no longer through the old box */
    net_host_attach(w.n, phone, NET_NONE, 3, &plain);
    send(&w, 3 * PU_S, server, own(&w, phone), 6);
    send(&w, 3 * PU_S, server, old, 7);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0].first, 6);
    assert_fate(&w, w.log_count - 1, NET_NO_ROUTE, box);
    world_close(&w);
}

static void what_has_no_route(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t home = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    pu_endpoint nobody = own(&w, server);
    nobody.port = 0;
    /* The second number: how many boxes it came through. */
    const struct {
        pu_endpoint to;
        uint32_t translated;
    } cases[] = {
        {pu_endpoint_ip4(127, 0, 0, 1, PORT), 0},
        {pu_endpoint_ip4(169, 254, 1, 1, PORT), 0},
        {pu_endpoint_ip4(224, 0, 0, 1, PORT), 0},
        {pu_endpoint_ip4(0, 0, 0, 0, PORT), 0},
        {nobody, 0},
        {pu_endpoint_ip4(11, 0, 99, 1, PORT), 1},
        {pu_endpoint_ip4(11, 0, 0, 2, PORT), 1},
        {pu_endpoint_ip4(11, 0, 0, 0, PORT), 1},
        {pu_endpoint_ip4(10, 255, 255, 255, PORT), 1},
        {pu_endpoint_ip4(192, 168, 0, 77, PORT), 1},
        {pu_endpoint_ip4(192, 168, 0, 1, PORT), 1},
        {pu_endpoint_ip4(100, 64, 0, 2, PORT), 1},
        {pu_endpoint_ip4(223, 255, 255, 255, PORT), 1},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        forget(&w);
        send(&w, 0, home, cases[c].to, 1);
        assert_int_equal(net_in_flight(w.n), 0);
        assert_int_equal(w.log_count, 2 + cases[c].translated);
        assert_fate(&w, 0, NET_SENT, NET_NONE);
        assert_fate(&w, w.log_count - 1, NET_NO_ROUTE, NET_NONE);
    }
    world_close(&w);
}

static void boxes_refuse_in_their_own_words(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    nat_type wall = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    wall.blocks_udp = true;
    uint32_t box = add_router(&w, NET_NONE, false),
             walled = net_box_add(w.n, &wall, NET_NONE, false);
    uint32_t empty = add_router(&w, NET_NONE, false);
    const net_link far = {.access_ns = 33 * PU_MS};
    uint32_t prisoner = add(&w, walled, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    add(&w, box, 2, &far);
    add(&w, box, 1, &plain);

    send(&w, 0, prisoner, own(&w, server), 1);
    assert_int_equal(w.log_count, 2);
    assert_fate(&w, 1, NET_BLOCKED, walled);

    forget(&w); /* nobody is mapped: it goes where the box's first host is */
    pu_endpoint to = net_box_address(w.n, box);
    to.port = 5555;
    send(&w, 0, server, to, 1);
    run_all(&w);
    assert_fate(&w, 1, NET_NO_MAPPING, box);
    assert_int_equal(w.log[1].at, RTT_NS / 2 + 10 * PU_MS + 33 * PU_MS);

    forget(&w); /* a box without hosts has no place of its own */
    to = net_box_address(w.n, empty);
    to.port = 5555;
    send(&w, 0, server, to, 1);
    run_all(&w);
    assert_fate(&w, 1, NET_NO_MAPPING, empty);
    assert_int_equal(w.log[1].at, 10 * PU_MS);
    world_close(&w);
}

/* Two hosts behind boxes of a kind learn each other's endpoint from a server and send to it, in
 * turn, ten times. Returns what arrived. */
static uint32_t punch(const nat_type *kind, bool does_b_send)
{
    world w;
    world_open(&w);
    uint32_t a = add(&w, net_box_add(w.n, kind, NET_NONE, false), 0, &plain);
    uint32_t b = add(&w, net_box_add(w.n, kind, NET_NONE, false), 1, &plain);
    uint32_t server = add(&w, NET_NONE, 2, &plain);
    send(&w, 0, a, own(&w, server), 1);
    send(&w, 1, b, own(&w, server), 1);
    run_all(&w);
    pu_endpoint a_seen = w.got[0].remote, b_seen = w.got[1].remote;
    forget(&w);
    for (uint32_t i = 0; i < 10; i++) {
        pu_time now = PU_S + i * 200 * PU_MS;
        send(&w, now, a, b_seen, 2);
        if (does_b_send) send(&w, now, b, a_seen, 3);
        run(&w, now + 200 * PU_MS - 1);
    }
    run_all(&w);
    assert_int_equal(count_fate(&w, NET_DELIVERED) + count_fate(&w, NET_FILTERED),
                     does_b_send ? 20 : 10);
    world_close(&w);
    return w.got_count;
}

static void hole_punching_works_where_it_can(void **state)
{
    (void)state;
    static const struct {
        enum nat_mapping mapping;
        enum nat_filtering filtering;
        enum nat_ports ports;
        bool does_b_send;
        uint32_t delivered; /* of 10 or 20 */
    } cases[] = {
        /* Sent at the same moment, each datagram meets a hole that the other side has made already.
         */
        {NAT_EIM, NAT_APDF, NAT_PRESERVE, true, 20}, {NAT_EIM, NAT_APDF, NAT_RANDOM, true, 20},
        {NAT_EIM, NAT_APDF, NAT_PRESERVE, false, 0}, /* nobody opens b's side */
        {NAT_EIM, NAT_EIF, NAT_RANDOM, false, 10},   /* nothing to open */
        {NAT_APDM, NAT_APDF, NAT_RANDOM, true, 0}, /* the server saw other ports than the peer would
                                                    */
        {NAT_APDM, NAT_ADF, NAT_RANDOM, true, 0},  /* the mapping that was seen lets in the server
                                                      only */
        {NAT_APDM, NAT_EIF, NAT_RANDOM, true, 20},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        nat_type kind = router(cases[c].mapping, cases[c].filtering, cases[c].ports);
        assert_int_equal(punch(&kind, cases[c].does_b_send), cases[c].delivered);
    }
}

static void addresses_follow_the_plan(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t carrier = add_router(&w, NET_NONE, true), box = add_router(&w, carrier, false);
    assert_same(net_box_address(w.n, carrier), pu_endpoint_ip4(11, 0, 0, 1, 0));
    assert_same(net_box_address(w.n, box), pu_endpoint_ip4(100, 64, 0, 2, 0));
    assert_same(net_host_address(w.n, add(&w, box, 0, &plain)), pu_endpoint_ip4(192, 168, 0, 2, 0));
    assert_same(net_host_address(w.n, add(&w, carrier, 0, &plain)),
                pu_endpoint_ip4(100, 64, 0, 3, 0));
    for (uint32_t i = 1; i < 1000; i++) {
        pu_endpoint e = net_host_address(w.n, add(&w, NET_NONE, 0, &plain));
        assert_same(e, pu_endpoint_ip4(11, (uint8_t)(i >> 8), (uint8_t)i, 1, 0));
        assert_int_equal(pu_endpoint_scope(&e), PU_SCOPE_GLOBAL);
    }
    world_close(&w);
}

static void public_addresses_pass_over_other_ranges(void **state)
{
    (void)state;
    realm r = {.plan = REALM_PUBLIC, .next = (100 - 11) << 16 | 63 << 8 | 254}; /* 100.63.254.1 */
    assert_same(realm_address(&r, realm_join(&r, member_host(0))),
                pu_endpoint_ip4(100, 63, 254, 1, 0));
    assert_same(realm_address(&r, realm_join(&r, member_host(1))),
                pu_endpoint_ip4(100, 63, 255, 1, 0));
    uint32_t place = realm_join(&r, member_host(2));
    assert_same(realm_address(&r, place), pu_endpoint_ip4(100, 128, 0, 1, 0));
    pu_endpoint e = realm_address(&r, place);
    assert_int_equal(realm_find(&r, e.ip), member_host(2));
    free(r.members);
}

static void addresses_come_back_late(void **state)
{
    (void)state;
    realm r = {.plan = REALM_LAN};
    uint32_t first = realm_join(&r, member_host(0)), second = realm_join(&r, member_host(1));
    realm_leave(&r, first);
    for (uint32_t i = 2; i < 65533; i++)
        assert_int_equal(realm_join(&r, member_host(i)), second + i - 1);
    pu_endpoint last = realm_address(&r, 65532), again = realm_address(&r, first);
    assert_same(last, pu_endpoint_ip4(192, 168, 255, 254, 0));
    assert_int_equal(realm_find(&r, again.ip), 0);
    assert_int_equal(realm_join(&r, member_box(7)), first); /* the only one left */
    assert_int_equal(realm_find(&r, again.ip), member_box(7));
    free(r.members);
}

static void every_kind_and_fate_has_a_word(void **state)
{
    (void)state;
    static const char *const kinds[] = {"other",      "hello", "data", "ack",
                                        "keep-alive", "close", "punch"};
    static const char *const fates[] = {"sent",       "translated", "delivered",  "lost",
                                        "queue-full", "no-route",   "no-mapping", "filtered",
                                        "blocked",    "no-hairpin", "cut",        "too-big",
                                        "copied",     "asleep",     "passed"};
    for (unsigned i = NET_KIND_OTHER; i <= NET_KIND_PUNCH; i++) {
        assert_string_equal(net_kind_name((enum net_kind)i), kinds[i]);
    }
    for (unsigned i = NET_SENT; i <= NET_PASSED; i++) {
        assert_string_equal(net_fate_name((enum net_fate)i), fates[i - 1]);
    }
}

int net_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_hosts_are_an_exact_delay_apart),
        cmocka_unit_test(one_nat_translates_both_ways),
        cmocka_unit_test(two_nats_in_a_row),
        cmocka_unit_test(a_carrier_is_shared),
        cmocka_unit_test(neighbours_inside_a_carrier),
        cmocka_unit_test(carriers_hosts_have_access_links),
        cmocka_unit_test(hosts_of_one_lan_meet_there),
        cmocka_unit_test(hairpin_as_configured),
        cmocka_unit_test(hairpin_with_the_internal_source),
        cmocka_unit_test(a_box_reboots_or_rebinds),
        cmocka_unit_test(who_left_gets_nothing),
        cmocka_unit_test(what_has_no_route),
        cmocka_unit_test(boxes_refuse_in_their_own_words),
        cmocka_unit_test(hole_punching_works_where_it_can),
        cmocka_unit_test(addresses_follow_the_plan),
        cmocka_unit_test(public_addresses_pass_over_other_ranges),
        cmocka_unit_test(addresses_come_back_late),
        cmocka_unit_test(every_kind_and_fate_has_a_word),
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
