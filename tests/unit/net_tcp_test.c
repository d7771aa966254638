/* net_tcp_test.c - what boxes do with segments of TCP, and cuts between hosts. */
#include "tests/unit/net_world.h"

int net_tcp_test(void);

static void send_as(world *w, pu_time now, uint32_t host, pu_endpoint to,
                    enum net_carriage carriage)
{
    uint8_t byte = 1;
    net_send(w->n, now, host, PORT, &to, (pu_span){&byte, 1}, carriage, NET_KIND_DATA);
}

/* The last thing that became of what host sent to `to`. */
static const char *fate_of(world *w, pu_time now, uint32_t host, pu_endpoint to,
                           enum net_carriage carriage)
{
    forget(w);
    send_as(w, now, host, to, carriage);
    run_all(w);
    return net_fate_name(w->log[w->log_count - 1].fate);
}

static void only_a_syn_opens_a_box(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t inner = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    uint32_t other = add(&w, NET_NONE, 2, &plain);
    assert_string_equal(fate_of(&w, 0, inner, own(&w, server), NET_TCP), "no-mapping");
    assert_string_equal(fate_of(&w, PU_S, inner, own(&w, server), NET_TCP_SYN), "delivered");
    assert_int_equal(w.got_count, 1);
    pu_endpoint outer = w.got[0].remote;
    assert_string_equal(fate_of(&w, 2 * PU_S, server, outer, NET_TCP), "delivered");
    assert_string_equal(fate_of(&w, 3 * PU_S, other, outer, NET_TCP_SYN), "filtered");
    assert_string_equal(fate_of(&w, 4 * PU_S, inner, own(&w, server), NET_TCP), "delivered");
    assert_string_equal(fate_of(&w, 5 * PU_S, server, outer, NET_UDP), "no-mapping");
    world_close(&w);
}

/* The kindest box of UDP lets anybody in; a TCP connection that nobody asked for is still dropped.
 */
static void no_box_takes_calls(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    nat_type cone = router(NAT_EIM, NAT_EIF, NAT_PRESERVE);
    uint32_t box = net_box_add(w.n, &cone, NET_NONE, false);
    uint32_t inner = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    uint32_t other = add(&w, NET_NONE, 2, &plain);
    for (int i = 0; i < 2; i++) {
        enum net_carriage carriage = i == 0 ? NET_UDP : NET_TCP_SYN;
        (void)fate_of(&w, (pu_time)i, inner, own(&w, server), carriage);
        pu_endpoint outer = w.got[0].remote;
        assert_string_equal(fate_of(&w, PU_S, other, outer, carriage),
                            i == 0 ? "delivered" : "filtered");
    }
    world_close(&w);
}

static void tables_have_times_of_their_own(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE); /* UDP: 30 s */
    type.tcp_idle_ns = 100 * PU_S;
    uint32_t box = net_box_add(w.n, &type, NET_NONE, false);
    uint32_t inner = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    assert_int_equal(net_box_type(w.n, box)->tcp_idle_ns, 100 * PU_S);
    (void)fate_of(&w, 0, inner, own(&w, server), NET_UDP);
    (void)fate_of(&w, 0, inner, own(&w, server), NET_TCP_SYN);
    pu_endpoint outer = w.got[0].remote;
    assert_string_equal(fate_of(&w, 60 * PU_S, server, outer, NET_UDP), "no-mapping");
    assert_string_equal(fate_of(&w, 60 * PU_S, inner, own(&w, server), NET_TCP), "delivered");
    assert_string_equal(fate_of(&w, 159 * PU_S, inner, own(&w, server), NET_TCP), "delivered");
    assert_string_equal(fate_of(&w, 260 * PU_S, inner, own(&w, server), NET_TCP), "no-mapping");
    world_close(&w);
}

static void a_box_without_udp_carries_tcp(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    nat_type wall = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    wall.blocks_udp = true;
    wall.tcp_opening_ns = NAT_TCP_IDLE_NS; /* nobody answers here */
    uint32_t box = net_box_add(w.n, &wall, NET_NONE, false);
    uint32_t inner = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    assert_true(net_box_type(w.n, box)->blocks_udp);
    assert_string_equal(fate_of(&w, 0, inner, own(&w, server), NET_UDP), "blocked");
    assert_string_equal(fate_of(&w, 0, inner, own(&w, server), NET_TCP_SYN), "delivered");
    assert_string_equal(fate_of(&w, 7000 * PU_S, inner, own(&w, server), NET_TCP), "delivered");
    world_close(&w);
}

/* Each protocol has a wall of its own; one lets out to a single port of others. */
static void walls_know_ports(void **state)
{
    (void)state;
    static const enum net_carriage carriages[] = {NET_UDP, NET_TCP_SYN};
    for (int which = 0; which < 2; which++) {
        for (int is_443 = 0; is_443 < 2; is_443++) {
            world w;
            world_open(&w);
            nat_type wall = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
            *(is_443 == 1 ? (which == 0 ? &wall.is_udp_443 : &wall.is_tcp_443)
                          : (which == 0 ? &wall.blocks_udp : &wall.blocks_tcp)) = true;
            uint32_t inner = add(&w, net_box_add(w.n, &wall, NET_NONE, false), 0, &plain);
            uint32_t server = add(&w, NET_NONE, 1, &plain);
            pu_endpoint other = own(&w, server), https = other;
            https.port = NAT_PORT_HTTPS;
            for (int i = 0; i < 2; i++) {
                bool is_open = i != which;
                assert_string_equal(fate_of(&w, 0, inner, other, carriages[i]),
                                    is_open ? "delivered" : "blocked");
                assert_string_equal(fate_of(&w, 0, inner, https, carriages[i]),
                                    is_open || is_443 == 1 ? "delivered" : "blocked");
            }
            world_close(&w);
        }
    }
}

/* Whatever a host behind a tunnel sends or gets takes it, and nobody is beside it there. */
static void a_tunnel_is_a_longer_way(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    nat_type vpn = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    vpn.tunnel_ns = 25 * PU_MS;
    uint32_t box = net_box_add(w.n, &vpn, NET_NONE, false);
    uint32_t a = add(&w, box, 0, &plain), b = add(&w, box, 1, &plain);
    uint32_t server = add(&w, NET_NONE, 1, &plain);
    send(&w, 0, a, own(&w, server), 1);
    send(&w, PU_S, a, own(&w, b), 1);
    run_all(&w);
    assert_int_equal(w.got[0].at, PLAIN_NS + vpn.tunnel_ns);
    assert_int_equal(w.got[1].at, PU_S + PLAIN_NS + 2 * vpn.tunnel_ns);
    send(&w, 2 * PU_S, server, w.got[0].remote, 1);
    net_host_detach(w.n, b);
    net_host_attach(w.n, b, NET_NONE, 1, &plain); /* it leaves the tunnel */
    send(&w, 2 * PU_S, b, own(&w, server), 1);
    run_all(&w);
    assert_int_equal(w.got[2].at, 2 * PU_S + 2 * (10 * PU_MS));
    assert_int_equal(w.got[3].at, 2 * PU_S + PLAIN_NS + vpn.tunnel_ns);
    world_close(&w);
}

/* An IP packet of so many bytes. */
static void send_long(world *w, pu_time now, uint32_t host, pu_endpoint to, size_t bytes)
{
    static const uint8_t zeros[1500];
    net_send(w->n, now, host, PORT, &to, (pu_span){zeros, bytes - NET_HEADER_BYTES}, NET_UDP,
             NET_KIND_DATA);
}

/* What is longer than the tunnel carries does not get through, in whichever direction; outside it
 * all does. */
static void a_tunnel_has_an_mtu(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    nat_type vpn = router(NAT_EIM, NAT_EIF, NAT_PRESERVE);
    vpn.tunnel_ns = 25 * PU_MS;
    vpn.tunnel_mtu = 1420;
    uint32_t box = net_box_add(w.n, &vpn, NET_NONE, false);
    uint32_t a = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    net_host_extra(w.n, a, &(net_extra){.mtu_is_silent = true});
    net_host_extra(w.n, server, &(net_extra){.mtu_is_silent = true});
    send_long(&w, 0, a, own(&w, server), 1420);
    send_long(&w, 0, a, own(&w, server), 1421);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(count_fate(&w, NET_TOO_BIG), 1);
    pu_endpoint outer = w.got[0].remote;
    send_long(&w, PU_S, server, outer, 1420);
    send_long(&w, PU_S, server, outer, 1421);
    run_all(&w);
    assert_int_equal(w.got_count, 2);
    assert_int_equal(count_fate(&w, NET_TOO_BIG), 2);
    net_host_detach(w.n, a);
    net_host_attach(w.n, a, NET_NONE, 1, &plain); /* it leaves the tunnel */
    net_host_extra(w.n, a, &(net_extra){.mtu_is_silent = true});
    send_long(&w, 2 * PU_S, a, own(&w, server), 1421);
    run_all(&w);
    assert_int_equal(w.got_count, 3);
    world_close(&w);
}

static void segments_cost_more_of_a_link(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    net_link slow = plain;
    slow.up_bps = 8000; /* a byte a millisecond */
    uint32_t a = add(&w, NET_NONE, 0, &slow), b = add(&w, NET_NONE, 1, &plain);
    send_as(&w, 0, a, own(&w, b), NET_UDP);
    run_all(&w);
    send_as(&w, PU_S, a, own(&w, b), NET_TCP_SYN);
    run_all(&w);
    assert_int_equal(w.got[0].at, PLAIN_NS + (1 + NET_HEADER_BYTES) * PU_MS);
    assert_int_equal(w.got[1].at, PU_S + PLAIN_NS + (1 + NET_TCP_HEADER_BYTES) * PU_MS);
    world_close(&w);
}

/* ---- cuts ---- */

static void cuts_separate_sides(void **state)
{
    (void)state;
    static const uint8_t side[4] = {1, 2, 2, 0};
    world w;
    world_open(&w);
    for (uint32_t i = 0; i < 4; i++) add(&w, NET_NONE, i, &plain);
    for (int one_way = 0; one_way < 2; one_way++) {
        net_cut(w.n, side, one_way == 1);
        for (uint32_t a = 0; a < 4; a++) {
            for (uint32_t b = 0; b < 4; b++) {
                if (a == b) continue;
                bool is_cut = side[a] != 0 && side[b] != 0 && side[a] != side[b] &&
                              (one_way == 0 || side[a] == 1);
                assert_string_equal(fate_of(&w, 0, a, own(&w, b), NET_UDP),
                                    is_cut ? "cut" : "delivered");
            }
        }
        net_mend(w.n, side);
        assert_string_equal(fate_of(&w, 0, 0, own(&w, 1), NET_UDP), "delivered");
    }
    world_close(&w);
}

/* What is under way when a cut begins is lost, what is when it ends arrives; several add up. */
static void cuts_are_felt_on_arrival(void **state)
{
    (void)state;
    static const uint8_t side[2] = {1, 2}, same[2] = {2, 1};
    world w;
    world_open(&w);
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add(&w, NET_NONE, 1, &plain);
    send(&w, 0, a, own(&w, b), 1);
    net_cut(w.n, side, false);
    net_cut(w.n, same, false);
    run_all(&w);
    assert_int_equal(count_fate(&w, NET_CUT), 1);
    net_mend(w.n, side);
    assert_string_equal(fate_of(&w, PU_S, a, own(&w, b), NET_UDP), "cut");
    send(&w, 2 * PU_S, a, own(&w, b), 1);
    net_mend(w.n, same);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    world_close(&w);
}

static void cuts_reach_behind_boxes(void **state)
{
    (void)state;
    static const uint8_t side[3] = {1, 2, 2};
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t a = add(&w, box, 0, &plain), mate = add(&w, box, 0, &plain);
    uint32_t server = add(&w, NET_NONE, 1, &plain);
    net_cut(w.n, side, false);
    assert_string_equal(fate_of(&w, 0, a, own(&w, mate), NET_UDP), "cut");
    assert_string_equal(fate_of(&w, 0, a, own(&w, server), NET_UDP), "cut");
    assert_string_equal(fate_of(&w, 0, mate, own(&w, server), NET_UDP), "delivered");
    world_close(&w);
}

int net_tcp_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_syn_opens_a_box),
        cmocka_unit_test(no_box_takes_calls),
        cmocka_unit_test(tables_have_times_of_their_own),
        cmocka_unit_test(a_box_without_udp_carries_tcp),
        cmocka_unit_test(walls_know_ports),
        cmocka_unit_test(a_tunnel_is_a_longer_way),
        cmocka_unit_test(a_tunnel_has_an_mtu),
        cmocka_unit_test(segments_cost_more_of_a_link),
        cmocka_unit_test(cuts_separate_sides),
        cmocka_unit_test(cuts_are_felt_on_arrival),
        cmocka_unit_test(cuts_reach_behind_boxes),
    };
    return cmocka_run_group_tests_name("net_tcp", tests, NULL, NULL);
}
