/* identify_push_test.c - identify push on one node: what it takes of one, when it pushes itself. */
#include "tests/unit/identify_play.h"

int identify_push_test(void);

/* ---- pushed to us ---- */

static lab_stream *push(lab *l, pu_handle conn, telling t)
{
    lab_stream *s = lab_open(l, conn, PUSH);
    if (!s->is_reset) tell(l, s, t, true);
    (void)lab_try(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                             .conn = conn,
                             .stream = s->handle,
                             .what = s->is_reset ? PU_DOWN_RESET : PU_DOWN_FINISHED});
    return s;
}

/* The protocols show in what the node does: it asks one of its relays for a place as soon as that
 * serves hop. */
static void a_push_replaces_what_it_brings(void **state)
{
    (void)state;
    lab *l = lab_new();
    lab_begin(l);
    lab_address(l, B, PU_RELAY);
    lab_start(l);
    pu_handle conn = identified(l, B, (telling){.ports = {1, 2, 3}});
    assert_int_equal(known(l, B), 4); /* the relay's own address is pinned */
    assert_null(lab_accept(l, conn));

    push(l, conn, (telling){.peer = B, .ports = {4}});
    assert_int_equal(known(l, B), 2);
    push(l, conn, (telling){.protocols = {HOP}}); /* js leaves the key out */
    assert_int_equal(known(l, B), 2);
    assert_non_null(lab_accept_proto(l, conn, HOP));
    push(l, conn, (telling){.peer = C, .ports = {5, 6}}); /* another's key */
    assert_int_equal(known(l, B), 2);
    telling t = {.ports = {7, 8, 9},
                 .has_record = true,
                 .signer = B,
                 .named = B,
                 .seq = 3,
                 .record_ports = {7, 8}};
    push(l, conn, t);
    assert_int_equal(known(l, B), 3);
    push(l, conn, t); /* the same again: its record is old, its plain addresses count */
    assert_int_equal(known(l, B), 4);
    assert_int_equal(l->traced[PU_TR_RECORD_REFUSED], 1);
    lab_end(l);
}

static void pushes_have_a_rate(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = identified(l, B, (telling){.ports = {1}});
    for (int i = 0; i < 10; i++) assert_false(push(l, conn, (telling){.ports = {2}})->is_reset);
    lab_stream *s = push(l, conn, (telling){.ports = {3, 4}});
    assert_true(s->is_reset);
    assert_int_equal(s->code, PU_CODE_RATE);
    assert_int_equal(known(l, B), 1);
    assert_int_equal(l->traced[PU_TR_LIMITED], 1);
    pu_handle other = identified(l, C, (telling){.ports = {1}});
    assert_false(push(l, other, (telling){.ports = {2}})->is_reset); /* each has its own */
    lab_pass(l, l->config.identify_push_ns);
    assert_false(push(l, conn, (telling){.ports = {3, 4}})->is_reset);
    assert_int_equal(known(l, B), 2);
    assert_true(push(l, conn, (telling){.ports = {3, 4}})->is_reset);
    lab_end(l);
}

/* ---- pushed by us ---- */

static void a_change_is_pushed_to_who_speaks_it(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle b = identified(l, B, (telling){.protocols = {PUSH}});
    pu_handle c = identified(l, C, (telling){.protocols = {IDENTIFY}});
    pu_handle d = lab_connect(l, D, 0, 0); /* has not told what it is */
    assert_non_null(lab_accept_proto(l, d, IDENTIFY));
    lab_pass(l, PU_S);
    assert_null(lab_accept(l, b));

    lab_local(l, pu_endpoint_ip4(9, 9, 9, 50, 4001), PU_LISTEN);
    lab_local(l, pu_endpoint_ip4(9, 9, 9, 51, 4001), PU_LISTEN);
    assert_null(lab_accept(l, b)); /* not before it has settled */
    lab_pass(l, PU_S);
    lab_stream *s = lab_accept_proto(l, b, PUSH);
    assert_non_null(s);
    assert_true(s->is_finished);
    wire_identify m;
    read_told(s, &m);
    assert_int_equal(m.addr_count, 3);
    check_record(l, &m);
    assert_null(lab_accept(l, b));
    assert_null(lab_accept(l, c));
    assert_null(lab_accept(l, d));
    lab_end(l);
}

/* It says that it takes pushes only after there was something to push: it hears of that now. */
static void who_speaks_it_later_is_told_what_it_missed(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle b = identified(l, B, (telling){.protocols = {IDENTIFY}});
    pu_handle c = identified(l, C, (telling){.protocols = {IDENTIFY}});
    push(l, c, (telling){.protocols = {PUSH}});
    lab_pass(l, 10 * PU_S);
    assert_null(lab_accept_proto(l, c, PUSH)); /* it knows all that there is */
    lab_local(l, pu_endpoint_ip4(9, 9, 9, 50, 4001), PU_LISTEN);
    lab_pass(l, l->config.identify_push_ns);
    lab_finish(l, lab_accept_proto(l, c, PUSH));
    assert_null(lab_accept_proto(l, b, PUSH));
    push(l, b, (telling){.protocols = {PUSH}});
    lab_pass(l, l->config.identify_push_ns);
    lab_stream *s = lab_accept_proto(l, b, PUSH);
    assert_non_null(s);
    wire_identify m;
    read_told(s, &m);
    assert_int_equal(m.addr_count, 2);
    lab_finish(l, s);
    push(l, b, (telling){.protocols = {PUSH}});
    lab_pass(l, 60 * PU_S);
    assert_null(lab_accept_proto(l, b, PUSH));
    lab_end(l);
}

static void our_pushes_have_a_rate(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle b = identified(l, B, (telling){.protocols = {PUSH}});
    lab_local(l, pu_endpoint_ip4(9, 9, 9, 50, 4001), PU_LISTEN);
    lab_pass(l, PU_S);
    assert_non_null(lab_accept_proto(l, b, PUSH));
    for (uint8_t i = 0; i < 8; i++) { /* a change every half second */
        lab_local(l, pu_endpoint_ip4(9, 9, 9, (uint8_t)(60 + i), 4001), PU_LISTEN);
        lab_pass(l, 500 * PU_MS);
    }
    lab_pass(l, PU_S); /* five and a half seconds after the first */
    lab_stream *s = lab_accept_proto(l, b, PUSH);
    assert_non_null(s);
    wire_identify m;
    read_told(s, &m);
    assert_int_equal(m.addr_count, 10);
    assert_null(lab_accept(l, b));
    lab_pass(l, 60 * PU_S);
    assert_null(lab_accept_proto(l, b, PUSH)); /* nothing has changed */
    lab_end(l);
}

static void a_switch_of_what_we_serve_is_pushed(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle b = identified(l, B, (telling){.protocols = {PUSH}});
    pu_in set = {.kind = PU_IN_COMMAND, .what = PU_CMD_SET, .token = 9};
    set.body = SPAN_LITERAL("ping_ns=9000000000");
    lab_step(l, set);
    lab_pass(l, PU_S);
    assert_null(lab_accept_proto(l, b, PUSH));
    set.body = SPAN_LITERAL("relay_server=1");
    lab_step(l, set);
    lab_pass(l, PU_S);
    lab_stream *s = lab_accept_proto(l, b, PUSH);
    assert_non_null(s);
    wire_identify m;
    read_told(s, &m);
    assert_true(names_protocol(&m, HOP));
    lab_end(l);
}

/* ---- pushed again ---- */

static void reset_by_peer(lab *l, const lab_stream *s, uint32_t code)
{
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = s->conn,
                        .stream = s->handle,
                        .what = PU_DOWN_RESET,
                        .code = code});
}

/* js takes one push at a time and resets the others. */
static void a_push_that_is_reset_is_repeated_a_few_times(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle b = identified(l, B, (telling){.protocols = {PUSH}});
    pu_handle c = identified(l, C, (telling){.protocols = {PUSH}});
    lab_local(l, pu_endpoint_ip4(9, 9, 9, 50, 4001), PU_LISTEN);
    lab_pass(l, PU_S);
    lab_finish(l, lab_accept_proto(l, c, PUSH));
    for (int i = 0; i < 4; i++) {
        lab_stream *s = lab_accept_proto(l, b, PUSH);
        assert_non_null(s);
        reset_by_peer(l, s, PU_CODE_RATE);
        assert_null(lab_accept_proto(l, b, PUSH));
        lab_pass(l, l->config.identify_push_ns);
    }
    assert_null(lab_accept_proto(l, b, PUSH)); /* it does not want to know */
    assert_null(lab_accept_proto(l, c, PUSH)); /* it knows */
    lab_local(l, pu_endpoint_ip4(9, 9, 9, 51, 4001), PU_LISTEN);
    lab_pass(l, PU_S);
    for (int i = 0; i < 2; i++) {
        lab_stream *s = lab_accept_proto(l, b, PUSH);
        assert_non_null(s);
        reset_by_peer(l, s, PU_CODE_RATE);
        lab_pass(l, l->config.identify_push_ns);
    }
    lab_finish(l, lab_accept_proto(l, b, PUSH)); /* taken at last */
    lab_pass(l, 60 * PU_S);
    assert_null(lab_accept_proto(l, b, PUSH));
    lab_end(l);
}

static void who_does_not_speak_it_after_all_is_let_be(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle b = identified(l, B, (telling){.protocols = {PUSH}});
    lab_local(l, pu_endpoint_ip4(9, 9, 9, 50, 4001), PU_LISTEN);
    lab_pass(l, PU_S);
    lab_stream *s = lab_accept_proto(l, b, PUSH);
    assert_non_null(s);
    reset_by_peer(l, s, PU_CODE_UNSUPPORTED);
    lab_pass(l, 60 * PU_S);
    assert_null(lab_accept_proto(l, b, PUSH));
    lab_end(l);
}

/* It may have asked before the change, and it may speak push: nobody knows yet. */
static void who_is_identified_after_a_change_hears_of_it(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle b = lab_connect(l, B, PU_DIALLER, 0);
    pu_handle c = identified(l, C, (telling){.protocols = {PUSH}});
    lab_local(l, pu_endpoint_ip4(9, 9, 9, 50, 4001), PU_LISTEN);
    lab_pass(l, PU_S);
    lab_finish(l, lab_accept_proto(l, c, PUSH)); /* the sweep has passed */
    answer(l, b, B, (telling){.protocols = {PUSH}});
    lab_pass(l, l->config.identify_push_ns);
    lab_stream *s = lab_accept_proto(l, b, PUSH);
    assert_non_null(s);
    wire_identify m;
    read_told(s, &m);
    assert_int_equal(m.addr_count, 2);
    assert_null(lab_accept_proto(l, c, PUSH));
    lab_end(l);
}

/* More connections than one step's share: all are told, once. */
static void many_connections_are_told_in_several_steps(void **state)
{
    (void)state;
    enum { MANY = 300 };
    lab *l = lab_new();
    l->config.conns_max = MANY;
    lab_begin(l);
    lab_start(l);
    pu_handle conns[MANY];
    for (int i = 0; i < MANY; i++) {
        conns[i] = lab_connect(l, B, PU_DIALLER, 0);
        answer(l, conns[i], B, (telling){.protocols = {PUSH}});
    }
    uint32_t opened = l->open_count;
    lab_local(l, pu_endpoint_ip4(9, 9, 9, 50, 4001), PU_LISTEN);
    l->now = pu_node_deadline(l->node, NULL);
    lab_step(l, (pu_in){.kind = PU_IN_TICK});
    assert_in_range(l->open_count - opened, 64, MANY - 1); /* an effect list bears no more */
    lab_pass(l, PU_S);
    assert_int_equal(l->open_count, opened + MANY);
    for (int i = 0; i < MANY; i++) {
        assert_non_null(lab_accept_proto(l, conns[i], PUSH));
        assert_null(lab_accept(l, conns[i]));
    }
    lab_end(l);
}

/* Whatever memory a change lacks, it or the next one is pushed. */
static void a_push_that_found_no_memory_is_made_up_for(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 8; nth++) {
        lab *l = lab_started();
        pu_handle b = identified(l, B, (telling){.protocols = {PUSH}});
        l->heap.fail_at = l->heap.asked + nth;
        lab_local(l, pu_endpoint_ip4(9, 9, 9, 50, 4001), PU_LISTEN);
        lab_pass(l, 10 * PU_S);
        l->heap.fail_at = 0;
        lab_pass(l, 10 * PU_S);
        while (lab_accept(l, b) != NULL) {} /* pings, and what could be pushed */
        lab_local(l, pu_endpoint_ip4(9, 9, 9, 51, 4001), PU_LISTEN);
        lab_pass(l, 10 * PU_S);
        lab_stream *s = lab_accept_proto(l, b, PUSH);
        assert_non_null(s);
        wire_identify m;
        read_told(s, &m);
        assert_int_equal(m.addr_count, 3);
        lab_end(l);
    }
}

int identify_push_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_replaces_what_it_brings),
        cmocka_unit_test(pushes_have_a_rate),
        cmocka_unit_test(a_change_is_pushed_to_who_speaks_it),
        cmocka_unit_test(who_speaks_it_later_is_told_what_it_missed),
        cmocka_unit_test(our_pushes_have_a_rate),
        cmocka_unit_test(a_switch_of_what_we_serve_is_pushed),
        cmocka_unit_test(a_push_that_is_reset_is_repeated_a_few_times),
        cmocka_unit_test(who_does_not_speak_it_after_all_is_let_be),
        cmocka_unit_test(who_is_identified_after_a_change_hears_of_it),
        cmocka_unit_test(many_connections_are_told_in_several_steps),
        cmocka_unit_test(a_push_that_found_no_memory_is_made_up_for),
    };
    return cmocka_run_group_tests_name("identify_push", tests, NULL, NULL);
}
