/* net_tap_test.c - what is seen at the outer side of a box: all that leaves it and all that comes,
 * with the addresses of that place, and nothing else.
 */
#include "tests/unit/net_world.h"

int net_tap_test(void);

/* Checks what was seen number i. */
static void assert_passed(const world *w, uint32_t i, uint32_t box, bool out, pu_endpoint from,
                          pu_endpoint to, uint8_t first)
{
    assert_true(i < w->passed_count);
    const passage *p = &w->passed[i];
    assert_int_equal(p->box, box);
    assert_int_equal(p->out, out);
    assert_same(p->from, from);
    assert_same(p->to, to);
    assert_int_equal(p->first, first);
}

static void send_as(world *w, pu_time now, uint32_t host, pu_endpoint to,
                    enum net_carriage carriage, uint8_t byte)
{
    net_send(w->n, now, host, PORT, &to, (pu_span){&byte, 1}, carriage, NET_KIND_DATA);
}

/* A home behind a carrier, a server, and somebody whom nobody knows. */
typedef struct street {
    world w;
    uint32_t carrier, box, inner, server, other;
    pu_endpoint middle, outer; /* what the two boxes make of inner's, once it has sent */
} street;

static void street_open(street *s, const nat_type *type)
{
    world_open(&s->w);
    nat_type random = router(NAT_EIM, NAT_APDF, NAT_RANDOM);
    s->carrier = net_box_add(s->w.n, &random, NET_NONE, true);
    s->box = net_box_add(s->w.n, type, s->carrier, false);
    s->inner = add(&s->w, s->box, 0, &plain);
    s->server = add(&s->w, NET_NONE, 1, &plain);
    s->other = add(&s->w, NET_NONE, 2, &plain);
    net_box_tap(s->w.n, s->carrier);
    net_box_tap(s->w.n, s->box);
    s->middle = net_box_address(s->w.n, s->box);
    s->middle.port = PORT; /* it preserves them */
}

/* Inner sends to the server, byte 1. */
static void street_begin(street *s, enum net_carriage carriage)
{
    send_as(&s->w, 0, s->inner, own(&s->w, s->server), carriage, 1);
    run_all(&s->w);
    assert_int_equal(s->w.got_count, 1);
    s->outer = s->w.got[0].remote;
}

static void every_layer_has_its_addresses(void **state)
{
    (void)state;
    street s;
    nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    street_open(&s, &type);
    pu_endpoint server = own(&s.w, s.server);
    street_begin(&s, NET_UDP);
    assert_int_equal(s.w.passed_count, 2);
    assert_passed(&s.w, 0, s.box, true, s.middle, server, 1);
    assert_passed(&s.w, 1, s.carrier, true, s.outer, server, 1);
    assert_int_equal(s.w.passed[0].at, 0);
    assert_int_equal(s.w.passed[1].at, 0);
    forget(&s.w);
    send(&s.w, PU_S, s.server, s.outer, 2);
    run_all(&s.w);
    assert_int_equal(s.w.got_count, 1);
    assert_int_equal(s.w.passed_count, 2);
    assert_passed(&s.w, 0, s.carrier, false, server, s.outer, 2);
    assert_passed(&s.w, 1, s.box, false, server, s.middle, 2);
    assert_int_equal(s.w.passed[0].at, PU_S + PLAIN_NS);
    assert_int_equal(s.w.passed[1].at, s.w.got[0].at);
    world_close(&s.w);
}

/* It has come, so it is seen where it was dropped, and not behind. What a box keeps inside never
 * left. */
static void what_is_dropped_is_seen_where_it_came(void **state)
{
    (void)state;
    street s;
    nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    street_open(&s, &type);
    pu_endpoint server = own(&s.w, s.server), other = own(&s.w, s.other);
    street_begin(&s, NET_UDP);
    forget(&s.w);
    send(&s.w, PU_S, s.other, s.outer, 3);
    run_all(&s.w);
    assert_int_equal(count_fate(&s.w, NET_FILTERED), 1);
    assert_int_equal(s.w.passed_count, 1);
    assert_passed(&s.w, 0, s.carrier, false, other, s.outer, 3);
    forget(&s.w);
    send_as(&s.w, 2 * PU_S, s.inner, server, NET_TCP, 4); /* of no connection */
    run_all(&s.w);
    assert_int_equal(count_fate(&s.w, NET_NO_MAPPING), 1);
    assert_int_equal(s.w.passed_count, 0);
    forget(&s.w);
    net_box_reboot(s.w.n, s.box);
    send(&s.w, 3 * PU_S, s.server, s.outer, 5);
    run_all(&s.w);
    assert_fate(&s.w, s.w.log_count - 1, NET_NO_MAPPING, s.box);
    assert_int_equal(s.w.passed_count, 2);
    assert_passed(&s.w, 1, s.box, false, server, s.middle, 5);
    world_close(&s.w);
}

/* A box that answers does so by its outer side, and through the carrier's. */
static void answers_of_a_box_are_seen(void **state)
{
    (void)state;
    static const enum net_carriage asked[] = {NET_UDP, NET_TCP_SYN},
                                   said[] = {NET_UDP_UNREACHABLE, NET_TCP_RESET};
    for (int i = 0; i < 2; i++) {
        street s;
        nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
        type.refuses_udp = true;
        type.unsolicited = NAT_SYN_RESET;
        street_open(&s, &type);
        pu_endpoint server = own(&s.w, s.server);
        street_begin(&s, asked[i]);
        net_box_reboot(s.w.n, s.box);
        forget(&s.w);
        send_as(&s.w, PU_S, s.server, s.outer, asked[i], 6);
        run_all(&s.w);
        assert_int_equal(s.w.passed_count, 4);
        assert_passed(&s.w, 0, s.carrier, false, server, s.outer, 6);
        assert_passed(&s.w, 1, s.box, false, server, s.middle, 6);
        assert_passed(&s.w, 2, s.box, true, s.middle, server, 6);
        assert_passed(&s.w, 3, s.carrier, true, s.outer, server, 6);
        assert_int_equal(s.w.passed[0].carriage, asked[i]);
        assert_int_equal(s.w.passed[3].carriage, said[i]);
        world_close(&s.w);
    }
}

/* What turns within a box is not outside of it; it is outside of the boxes inside. */
static void a_hairpin_stays_within_its_box(void **state)
{
    (void)state;
    for (unsigned depth = 0; depth <= 1; depth++) {
        world w;
        world_open(&w);
        nat_type type = router(NAT_EIM, NAT_ADF, NAT_PRESERVE);
        type.hairpin = NAT_HAIRPIN_EXTERNAL;
        uint32_t top = net_box_add(w.n, &type, NET_NONE, depth == 1);
        uint32_t of_a = depth == 1 ? add_router(&w, top, false) : top;
        uint32_t of_b = depth == 1 ? add_router(&w, top, false) : top;
        uint32_t a = add(&w, of_a, 0, &plain), b = add(&w, of_b, 0, &plain);
        uint32_t server = add(&w, NET_NONE, 1, &plain);
        send(&w, 0, a, own(&w, server), 1);
        send(&w, 0, b, own(&w, server), 1);
        run_all(&w);
        pu_endpoint a_seen = seen(&w, PU_S, a, own(&w, server)),
                    b_seen = seen(&w, PU_S, b, own(&w, server));
        send(&w, PU_S, b, a_seen, 2);
        run_all(&w);
        forget(&w);
        net_box_tap(w.n, top);
        if (depth == 1) net_box_tap(w.n, of_a);
        if (depth == 1) net_box_tap(w.n, of_b);
        send(&w, 2 * PU_S, a, b_seen, 3);
        run_all(&w);
        assert_int_equal(w.got_count, 1);
        assert_int_equal(w.passed_count, depth == 1 ? 2 : 0);
        if (depth == 1) {
            assert_passed(&w, 0, of_a, true, w.passed[0].from, b_seen, 3);
            assert_passed(&w, 1, of_b, false, a_seen, w.passed[1].to, 3);
        }
        world_close(&w);
    }
}

/* A carrier that shows inner endpoints sends a home's packet back to the home, from the home's own
 * address: it has left and come all the same. What turns within the home has not. */
static void what_a_carrier_sends_back_has_come(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    nat_type type = router(NAT_EIM, NAT_ADF, NAT_PRESERVE);
    type.hairpin = NAT_HAIRPIN_INTERNAL;
    uint32_t carrier = net_box_add(w.n, &type, NET_NONE, true);
    uint32_t home = net_box_add(w.n, &type, carrier, false);
    uint32_t a = add(&w, home, 0, &plain), b = add(&w, home, 0, &plain);
    uint32_t server = add(&w, NET_NONE, 1, &plain);
    send(&w, 0, a, own(&w, server), 1);
    send(&w, 0, b, own(&w, server), 1);
    run_all(&w);
    pu_endpoint b_seen = seen(&w, PU_S, b, own(&w, server));
    pu_endpoint a_seen = seen(&w, PU_S, a, own(&w, server));
    send(&w, PU_S, b, a_seen, 2); /* lets a's in */
    run_all(&w);
    forget(&w);
    net_box_tap(w.n, carrier);
    net_box_tap(w.n, home);
    send(&w, 2 * PU_S, a, b_seen, 3);
    run_all(&w);
    assert_int_equal(w.passed_count, 2);
    assert_passed(&w, 0, home, true, w.passed[0].from, b_seen, 3);
    assert_passed(&w, 1, home, false, w.passed[0].from, w.passed[1].to, 3);
    pu_endpoint b_middle = w.passed[1].to;
    assert_int_equal(memcmp(b_middle.ip, w.passed[0].from.ip, sizeof b_middle.ip), 0);
    forget(&w);
    send(&w, 3 * PU_S, a, b_middle, 4);
    run_all(&w);
    assert_int_equal(w.passed_count, 0);
    world_close(&w);
}

/* A firewall translates nothing, and its hosts have many addresses. */
static void a_firewall_has_an_outer_side(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t wall = net_box_add(w.n, &nat_firewall, NET_NONE, false), hosts[3];
    for (uint32_t i = 0; i < 3; i++) { /* two inside */
        hosts[i] = net_host_add(w.n);
        net_host_attach(w.n, hosts[i], NET_ABSENT, i, &plain);
        net_host_attach_six(w.n, hosts[i], i < 2 ? wall : NET_NONE);
    }
    net_box_tap(w.n, wall);
    pu_endpoint at[3];
    for (int i = 0; i < 3; i++) {
        at[i] = net_host_six(w.n, hosts[i]);
        at[i].port = PORT;
    }
    send(&w, 0, hosts[0], at[2], 1);
    send(&w, 0, hosts[0], at[1], 2); /* beside it */
    send(&w, 0, hosts[2], at[1], 3);
    run_all(&w);
    assert_int_equal(w.passed_count, 2);
    assert_passed(&w, 0, wall, true, at[0], at[2], 1);
    assert_passed(&w, 1, wall, false, at[2], at[1], 3);
    assert_int_equal(w.got_count, 2);
    world_close(&w);
}

int net_tap_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_has_its_addresses),
        cmocka_unit_test(what_is_dropped_is_seen_where_it_came),
        cmocka_unit_test(answers_of_a_box_are_seen),
        cmocka_unit_test(a_hairpin_stays_within_its_box),
        cmocka_unit_test(what_a_carrier_sends_back_has_come),
        cmocka_unit_test(a_firewall_has_an_outer_side),
    };
    return cmocka_run_group_tests_name("net_tap", tests, NULL, NULL);
}
