/* identify_look_test.c - when a node asks its own relays again how they see it: what makes it, how
 * often it may, who is asked, and that what they say is what a peer is then told. */
#include "tests/unit/dcutr_play.h"

int identify_look_test(void);

enum { RELAY = 3, RELAY2 = 4 };

/* A node with one of its own relays, which has said a while ago where it sees the node. */
static pu_handle relay_up(lab *l, int peer, const pu_endpoint *us)
{
    lab_address(l, peer, PU_RELAY);
    pu_handle conn = lab_connect(l, peer, PU_DIALLER, 0);
    tell(l, lab_accept_proto(l, conn, IDENTIFY), peer, NULL, us);
    lab_pass(l, l->config.identify_ns);
    return conn;
}

/* A node behind a NAT, that nobody pings meanwhile. */
static lab *inside(void)
{
    lab *l = lab_new();
    l->config.ping_interval_ns = 3600 * PU_S;
    lab_begin(l);
    lab_local(l, pu_endpoint_ip4(192, 168, 0, 2, 4001), PU_LISTEN);
    lab_step(l, (pu_in){.kind = PU_IN_TICK});
    return l;
}

static bool is_asked(lab *l, pu_handle conn)
{
    return lab_accept_proto(l, conn, IDENTIFY) != NULL;
}

/* What a CONNECT of the node's names. */
static void check_told(const lab_stream *s, const pu_endpoint *at)
{
    wire_dcutr m;
    pu_addr addr;
    assert_non_null(s);
    assert_true(wire_dcutr_read(&m, lab_message(s)));
    assert_int_equal(m.type, WIRE_DCUTR_CONNECT);
    assert_int_equal(m.addr_count, 1);
    assert_int_equal(pu_addr_read(&addr, m.addrs[0]), PU_OK);
    assert_true(pu_endpoint_equal(&addr.endpoint, at));
}

/* The NAT gave another port: what the relay says when a relayed connection comes up goes into the
 * CONNECT of that very connection. */
static void a_relayed_connection_makes_it_look(void **state)
{
    (void)state;
    lab *l = inside();
    pu_handle relay = relay_up(l, RELAY, endpoint_of(50));
    lab_pass(l, 60 * PU_S);
    assert_false(is_asked(l, relay));
    pu_handle conn = lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    tell(l, lab_accept_proto(l, relay, IDENTIFY), RELAY, NULL, endpoint_of(51));
    identify(l, conn, NULL);
    check_told(lab_accept_proto(l, conn, DCUTR), endpoint_of(51));
    assert_int_equal(l->traced[PU_TR_OBSERVED], 2);
    lab_end(l);
}

/* However many connections come up, one question to each relay in identify_ns. */
static void it_looks_only_so_often(void **state)
{
    (void)state;
    lab *l = inside();
    pu_handle first = relay_up(l, RELAY, endpoint_of(50));
    pu_handle second = relay_up(l, RELAY2, endpoint_of(50));
    pu_handle bystander = lab_connect(l, 5, 0, 0);
    tell(l, lab_accept_proto(l, bystander, IDENTIFY), 5, NULL, endpoint_of(50));
    uint32_t asked = 0;
    for (uint32_t i = 0; i < 100; i++) {
        pu_handle conn = lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
        lab_stream *s = lab_accept_proto(l, first, IDENTIFY);
        assert_int_equal(s != NULL, is_asked(l, second));
        if (s != NULL) tell(l, s, RELAY, NULL, endpoint_of(50));
        asked += s != NULL;
        lab_down(l, conn);
        lab_pass(l, PU_S / 5);
    }
    assert_int_equal(asked, 20 * PU_S / l->config.identify_ns);
    assert_false(is_asked(l, bystander));
    lab_end(l);
}

/* However many connections a relay has with the node, it is asked one question. */
static void a_relay_is_asked_once(void **state)
{
    (void)state;
    enum { MANY = 300 };
    lab *l = lab_new();
    l->config.conns_max = MANY + 1;
    l->config.ping_interval_ns = 3600 * PU_S;
    lab_begin(l);
    lab_start(l);
    lab_address(l, RELAY, PU_RELAY);
    pu_handle relay = 0;
    for (int i = 0; i < MANY; i++) {
        relay = lab_connect(l, RELAY, PU_DIALLER, 0);
        tell(l, lab_accept_proto(l, relay, IDENTIFY), RELAY, NULL, endpoint_of(50));
    }
    lab_pass(l, l->config.identify_ns);
    uint32_t opened = l->open_count;
    pu_handle conn = lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    assert_int_equal(l->open_count, opened + 2); /* the new connection's peer is asked as well */
    assert_true(is_asked(l, conn) && is_asked(l, relay));
    lab_end(l);
}

/* Who cannot tell is not asked: a relay over TCP or through another one, and one that has not
 * answered the first time. */
static void only_witnesses_are_asked(void **state)
{
    (void)state;
    lab *l = inside();
    lab_address(l, RELAY, PU_RELAY);
    lab_address(l, RELAY2, PU_RELAY);
    pu_handle tcp = lab_conn_next(l);
    lab_step(l, (pu_in){.kind = PU_IN_CONN_UP,
                        .conn = tcp,
                        .peer = lab_id(l, RELAY),
                        .flags = PU_DIALLER,
                        .transport = PU_TRANSPORT_TCP,
                        .remote = lab_endpoint(RELAY)});
    lab_step(l, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = tcp});
    tell(l, lab_accept_proto(l, tcp, IDENTIFY), RELAY, NULL, NULL);
    pu_handle circuit = lab_connect(l, RELAY, PU_RELAYED | PU_LIMITED, 0);
    tell(l, lab_accept_proto(l, circuit, IDENTIFY), RELAY, NULL, NULL);
    pu_handle silent = lab_connect(l, RELAY2, PU_DIALLER, 0);
    assert_true(is_asked(l, silent)); /* and it says nothing */
    lab_pass(l, l->config.identify_ns);
    while (lab_accept(l, silent) != NULL) {} /* what it is asked again because of that */
    lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    assert_false(is_asked(l, tcp) || is_asked(l, circuit) || is_asked(l, silent));
    lab_end(l);
}

/* What was said when the relay's connection came up is good for a while. */
static void a_fresh_answer_is_not_asked_for(void **state)
{
    (void)state;
    lab *l = inside();
    lab_address(l, RELAY, PU_RELAY);
    pu_handle relay = lab_connect(l, RELAY, PU_DIALLER, 0);
    tell(l, lab_accept_proto(l, relay, IDENTIFY), RELAY, NULL, endpoint_of(50));
    lab_pass(l, l->config.identify_ns - 1);
    lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    assert_false(is_asked(l, relay));
    lab_pass(l, 1); /* that was no question, so it counts for nothing */
    lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    assert_true(is_asked(l, relay));
    lab_end(l);
}

static void who_punches_no_holes_does_not_look(void **state)
{
    (void)state;
    lab *l = inside();
    pu_handle relay = relay_up(l, RELAY, endpoint_of(50));
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_SET,
                        .token = 3,
                        .body = SPAN_LITERAL("dcutr=0")});
    lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    assert_false(is_asked(l, relay));
    lab_step(l, (pu_in){.kind = PU_IN_CONN_PATH,
                        .conn = relay,
                        .flags = PU_MIGRATED,
                        .local = pu_endpoint_ip4(192, 168, 0, 3, 4001),
                        .remote = lab_endpoint(RELAY)});
    assert_false(is_asked(l, relay));
    lab_end(l);
}

static void a_doomed_witness_is_not_asked(void **state)
{
    (void)state;
    lab *l = inside();
    lab_local(l, lab_endpoint(0), 0);
    pu_handle relay = relay_up(l, RELAY, endpoint_of(50));
    lab_local(l, lab_endpoint(0), PU_GONE); /* it ends in the next TICK */
    lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    assert_false(is_asked(l, relay));
    lab_end(l);
}

/* A connection that we dialled moves when our own address does; one from outside, when the peer's
 * does, which says nothing of us. */
static void a_move_of_our_own_makes_it_look(void **state)
{
    (void)state;
    lab *l = inside();
    pu_handle relay = relay_up(l, RELAY, endpoint_of(50)), inbound = lab_connect(l, PEER, 0, 0);
    pu_in moved = {.kind = PU_IN_CONN_PATH,
                   .flags = PU_MIGRATED,
                   .local = pu_endpoint_ip4(192, 168, 0, 3, 4001),
                   .remote = lab_endpoint(PEER)};
    moved.conn = inbound;
    lab_step(l, moved);
    assert_false(is_asked(l, relay));
    moved.conn = relay;
    moved.remote = lab_endpoint(RELAY);
    lab_step(l, moved);
    assert_true(is_asked(l, relay));
    lab_end(l);
}

/* What a relay has said before the move is good for nothing, however new: it is asked again, as
 * soon as identify_ns have passed since the last time, and however often we move once in that. */
static void a_move_is_not_forgotten(void **state)
{
    (void)state;
    for (int is_new = 0; is_new <= 1; is_new++) {
        lab *l = inside();
        pu_handle relay = relay_up(l, RELAY, endpoint_of(50));
        pu_in moved = {.kind = PU_IN_CONN_PATH,
                       .conn = relay,
                       .flags = PU_MIGRATED,
                       .local = pu_endpoint_ip4(192, 168, 0, 3, 4001),
                       .remote = lab_endpoint(RELAY)};
        if (is_new) { /* it came up a moment ago */
            lab_down(l, relay);
            moved.conn = relay = lab_connect(l, RELAY, PU_DIALLER, 0);
            tell(l, lab_accept_proto(l, relay, IDENTIFY), RELAY, NULL, endpoint_of(50));
            lab_step(l, moved);
        } else {
            lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
        }
        tell(l, lab_accept_proto(l, relay, IDENTIFY), RELAY, NULL, endpoint_of(50));
        for (int i = 0; i < 4; i++) {
            lab_pass(l, PU_S);
            lab_step(l, moved);
        }
        lab_pass(l, l->config.identify_ns - 4 * PU_S - 1);
        assert_false(is_asked(l, relay));
        lab_pass(l, 1);
        assert_true(is_asked(l, relay));
        lab_pass(l, 60 * PU_S);
        assert_false(is_asked(l, relay));
        lab_end(l);
    }
}

/* B's second attempt and A's first round look too, but not B's first: the connection has just come
 * up. */
static void attempts_make_it_look(void **state)
{
    (void)state;
    lab *l = inside();
    pu_handle relay = relay_up(l, RELAY, endpoint_of(50));
    pu_handle conn = relayed_in(l);
    assert_true(is_asked(l, relay));
    for (int exchange = 1; exchange <= 3; exchange++) { /* all of them fail */
        lab_stream *s = lab_accept_proto(l, conn, DCUTR);
        assert_non_null(s);
        give(l, s, WIRE_DCUTR_SYNC, 0, 'g');
        assert_true(s->is_reset);
        lab_pass(l, PU_S);
    }
    assert_int_equal(l->traced[PU_TR_PUNCH_FAILED], 1);
    assert_false(is_asked(l, relay));
    lab_pass(l, l->config.dcutr_retry_ns);
    assert_int_equal(l->traced[PU_TR_PUNCH_START], 2);
    assert_true(is_asked(l, relay));
    lab_end(l);

    l = inside();
    relay = relay_up(l, RELAY, endpoint_of(50));
    conn = relayed_out(l);
    assert_true(is_asked(l, relay));
    lab_pass(l, 60 * PU_S);
    give(l, lab_open(l, conn, DCUTR), WIRE_DCUTR_CONNECT, 1, 'g');
    assert_true(is_asked(l, relay));
    lab_end(l);
}

/* Without memory nothing is asked and nothing breaks; the next connection makes up for it. */
static void without_memory_it_looks_later(void **state)
{
    (void)state;
    bool was_refused = false, was_asked = false;
    for (unsigned i = 1; i <= 24 && !(was_refused && was_asked); i++) {
        lab *l = inside();
        pu_handle relay = relay_up(l, RELAY, endpoint_of(50));
        pu_handle conn = lab_conn_next(l);
        pu_in in = {.kind = PU_IN_CONN_UP,
                    .conn = conn,
                    .peer = lab_id(l, PEER),
                    .flags = PU_RELAYED | PU_DIALLER,
                    .transport = PU_TRANSPORT_CIRCUIT};
        lab_step(l, in);
        l->heap.fail_at = l->heap.asked + i;
        lab_step(l, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = conn});
        l->heap.fail_at = 0;
        bool asked = is_asked(l, relay);
        was_asked |= asked;
        was_refused |= !asked;
        lab_pass(l, l->config.identify_ns);
        while (lab_accept(l, relay) != NULL) {}
        lab_connect(l, 5, PU_RELAYED | PU_LIMITED, 0);
        assert_true(is_asked(l, relay));
        lab_end(l);
    }
    assert_true(was_refused && was_asked);
}

int identify_look_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relayed_connection_makes_it_look),
        cmocka_unit_test(it_looks_only_so_often),
        cmocka_unit_test(a_relay_is_asked_once),
        cmocka_unit_test(only_witnesses_are_asked),
        cmocka_unit_test(a_fresh_answer_is_not_asked_for),
        cmocka_unit_test(who_punches_no_holes_does_not_look),
        cmocka_unit_test(a_doomed_witness_is_not_asked),
        cmocka_unit_test(a_move_of_our_own_makes_it_look),
        cmocka_unit_test(a_move_is_not_forgotten),
        cmocka_unit_test(attempts_make_it_look),
        cmocka_unit_test(without_memory_it_looks_later),
    };
    return cmocka_run_group_tests_name("identify_look", tests, NULL, NULL);
}
