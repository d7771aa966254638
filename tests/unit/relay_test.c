/* relay_test.c - circuit relay v2 on one node, as relay: every status, limits in bytes and time,
 * places that move and end. */
#include "tests/unit/relay_play.h"

int relay_test(void);

static lab *relay_new(void)
{
    lab *l = lab_new();
    l->config.relay_server = 1;
    return l;
}

static lab *relay_started(void)
{
    lab *l = relay_new();
    lab_begin(l);
    lab_start(l);
    return l;
}

static lab_stream *reserve(lab *l, pu_handle conn)
{
    lab_stream *s = lab_open(l, conn, HOP);
    give_hop(l, s, (wire_relay){.type = WIRE_HOP_RESERVE});
    return s;
}

static lab_stream *ask(lab *l, pu_handle conn, int target)
{
    lab_stream *s = lab_open(l, conn, HOP);
    give_hop(l, s, (wire_relay){.type = WIRE_HOP_CONNECT, .peer_id = lab_id(l, target)});
    return s;
}

static void a_reservation_has_a_voucher_and_limits(void **state)
{
    static const envelope_kind *const kinds[] = {&envelope_voucher};
    (void)state;
    lab *l = relay_started();
    lab_stream *s = reserve(l, lab_connect(l, B, 0, 0));
    wire_relay m;
    wire_voucher v;
    pu_peer_id signer;
    pu_span payload;
    pu_addr addr;
    assert_true(wire_hop_read(&m, lab_message(s)));
    assert_true(s->is_finished);
    assert_int_equal(m.status, WIRE_RELAY_OK);
    assert_int_equal(m.expire_s, LAB_UNIX_S + 3600);
    assert_int_equal(m.limit_duration_s, 120);
    assert_int_equal(m.limit_data_bytes, 131072);
    assert_int_equal(m.addr_count, 1);
    assert_int_equal(pu_addr_read(&addr, m.addrs[0]), PU_OK);
    assert_true(pu_peer_id_equal(&addr.peer, &l->id[0]));
    assert_int_equal(envelope_open(&signer, &payload, &l->crypto[B], m.voucher, kinds, 1),
                     RECORD_OK);
    assert_true(pu_peer_id_equal(&signer, &l->id[0]));
    assert_true(wire_voucher_read(&v, payload));
    assert_true(span_equal(v.relay, lab_id(l, 0)));
    assert_true(span_equal(v.peer, lab_id(l, B)));
    assert_int_equal(v.expire_s, m.expire_s);
    lab_end(l);
}

static void reservations_are_refused_beyond_limits_and_over_circuits(void **state)
{
    (void)state;
    lab *l = relay_new();
    l->config.reservations_max = 1;
    lab_begin(l);
    lab_start(l);
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    pu_handle d = lab_connect(l, D, PU_RELAYED | PU_LIMITED, 0);
    assert_int_equal(hop_status(reserve(l, d)), WIRE_RELAY_PERMISSION_DENIED);
    assert_int_equal(hop_status(reserve(l, b)), WIRE_RELAY_OK);
    assert_int_equal(hop_status(reserve(l, b)), WIRE_RELAY_OK); /* the same again */
    assert_int_equal(hop_status(reserve(l, c)), WIRE_RELAY_RESERVATION_REFUSED);
    lab_down(l, b);
    assert_int_equal(hop_status(reserve(l, c)), WIRE_RELAY_OK);
    lab_end(l);
}

static void one_site_has_only_so_many_places(void **state)
{
    (void)state;
    lab *l = relay_new();
    l->config.reservations_per_ip_max = 2;
    l->is_one_site = true;
    lab_begin(l);
    lab_start(l);
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    pu_handle d = lab_connect(l, D, 0, 0);
    assert_int_equal(hop_status(reserve(l, b)), WIRE_RELAY_OK);
    assert_int_equal(hop_status(reserve(l, c)), WIRE_RELAY_OK);
    assert_int_equal(hop_status(reserve(l, d)), WIRE_RELAY_RESERVATION_REFUSED);
    assert_int_equal(hop_status(reserve(l, c)), WIRE_RELAY_OK); /* renewed */
    l->is_one_site = false;
    assert_int_equal(hop_status(reserve(l, lab_connect(l, 4, 0, 0))), WIRE_RELAY_OK);
    lab_end(l);
}

/* A site is an IPv4 address or an IPv6 /64. */
static void a_site_is_a_64_of_ipv6(void **state)
{
    (void)state;
    static const uint8_t last[4][2] = {{0, 1}, {0, 2}, {1, 1}, {1, 2}}; /* network, host */
    lab *l = relay_new();
    l->config.reservations_per_ip_max = 1;
    lab_begin(l);
    lab_start(l);
    for (int i = 0; i < 4; i++) {
        l->elsewhere = (pu_endpoint){.ip = {0x2a, [7] = last[i][0], [15] = last[i][1]}, .port = 1};
        bool is_first = last[i][1] == 1;
        assert_int_equal(hop_status(reserve(l, lab_connect(l, 1 + i, 0, 0))),
                         is_first ? WIRE_RELAY_OK : WIRE_RELAY_RESERVATION_REFUSED);
    }
    l->elsewhere.port = 0;
    assert_int_equal(hop_status(reserve(l, lab_connect(l, 5, 0, 0))), WIRE_RELAY_OK);
    lab_end(l);
}

/* A place that is moved to a connection from another site counts there. */
static void a_place_moves_to_another_site_as_any_comes(void **state)
{
    (void)state;
    lab *l = relay_new();
    l->config.reservations_per_ip_max = 1;
    lab_begin(l);
    lab_start(l);
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    pu_handle d = lab_connect(l, D, 0, 0);
    assert_int_equal(hop_status(reserve(l, b)), WIRE_RELAY_OK);
    assert_int_equal(hop_status(reserve(l, c)), WIRE_RELAY_OK);
    l->is_one_site = true; /* that of B */
    pu_handle elsewhere = lab_connect(l, C, 0, 0);
    assert_int_equal(hop_status(reserve(l, elsewhere)), WIRE_RELAY_RESERVATION_REFUSED);
    ask(l, d, C); /* the place is where it was */
    assert_null(lab_accept_proto(l, elsewhere, STOP));
    assert_non_null(lab_accept_proto(l, c, STOP));
    pu_handle again = lab_connect(l, B, 0, 0);
    assert_int_equal(hop_status(reserve(l, again)), WIRE_RELAY_OK); /* it makes room for itself */
    lab_down(l, b);
    assert_int_equal(hop_status(reserve(l, elsewhere)), WIRE_RELAY_RESERVATION_REFUSED);
    lab_down(l, again);
    assert_int_equal(hop_status(reserve(l, elsewhere)), WIRE_RELAY_OK);
    lab_end(l);
}

/* Rust takes no place without an address: a relay that knows none of its own says where it was
 * found. */
static void a_place_has_an_address(void **state)
{
    (void)state;
    lab *l = relay_new();
    lab_begin(l);
    lab_local(l, pu_endpoint_ip4(192, 168, 0, 2, 4001), PU_LISTEN);
    lab_step(l, (pu_in){.kind = PU_IN_TICK});
    lab_stream *s = reserve(l, lab_connect(l, B, 0, 0));
    wire_relay m;
    pu_addr addr;
    pu_endpoint found = lab_endpoint(0);
    assert_true(wire_hop_read(&m, lab_message(s)));
    assert_int_equal(m.addr_count, 1);
    assert_int_equal(pu_addr_read(&addr, m.addrs[0]), PU_OK);
    assert_true(pu_endpoint_equal(&addr.endpoint, &found));
    assert_int_equal(addr.transport, PU_TRANSPORT_QUIC);
    lab_end(l);
}

static void every_request_that_cannot_be_served_has_its_status(void **state)
{
    (void)state;
    lab *l = relay_started();
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    pu_handle d = lab_connect(l, D, PU_RELAYED | PU_LIMITED, 0);
    assert_int_equal(hop_status(reserve(l, b)), WIRE_RELAY_OK);
    assert_int_equal(hop_status(ask(l, c, D)), WIRE_RELAY_NO_RESERVATION); /* connected only */
    assert_int_equal(hop_status(ask(l, c, 5)), WIRE_RELAY_NO_RESERVATION); /* not even that */
    assert_int_equal(hop_status(ask(l, c, C)), WIRE_RELAY_PERMISSION_DENIED);
    assert_int_equal(hop_status(ask(l, c, 0)), WIRE_RELAY_PERMISSION_DENIED);
    assert_int_equal(hop_status(ask(l, d, B)), WIRE_RELAY_PERMISSION_DENIED);

    lab_stream *s = lab_open(l, c, HOP);
    give_hop(l, s, (wire_relay){.type = WIRE_HOP_CONNECT, .peer_id = SPAN_LITERAL("nobody")});
    assert_int_equal(hop_status(s), WIRE_RELAY_MALFORMED_MESSAGE);
    s = lab_open(l, c, HOP);
    give_hop(l, s, (wire_relay){.type = WIRE_HOP_CONNECT});
    assert_int_equal(hop_status(s), WIRE_RELAY_MALFORMED_MESSAGE);
    s = lab_open(l, c, HOP);
    lab_give(l, s, SPAN_LITERAL("\x02\x0b\x00"), false);
    assert_int_equal(hop_status(s), WIRE_RELAY_MALFORMED_MESSAGE);
    s = lab_open(l, c, HOP);
    give_hop(l, s,
             (wire_relay){.type = WIRE_HOP_STATUS, .status = WIRE_RELAY_OK, .has_status = true});
    assert_int_equal(hop_status(s), WIRE_RELAY_UNEXPECTED_MESSAGE);
    assert_true(s->is_finished);
    assert_null(lab_accept_proto(l, b, STOP)); /* nobody was bothered */
    lab_end(l);
}

/* peer is authorised for so many seconds of the first minute only. */
static void authorise_for(lab *l, int peer, int seconds)
{
    char id[PU_PEER_ID_TEXT_MAX], line[2 * PU_PEER_ID_TEXT_MAX];
    pu_peer_id_text(&l->id[peer], PU_PEER_BASE58, id);
    int len = snprintf(line, sizeof line, "%s expires=2027-01-15T08:00:%02dZ", id, seconds);
    assert_in_range(len, 1, sizeof line - 1);
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_AUTHORISE,
                        .token = 1,
                        .body = span_of(line, (size_t)len)});
}

/* Whom we dialled may be anybody, another relay for one: it gets no circuit to our clients. And a
 * client that is not authorised any more is reached by nobody, even where the connection was ours.
 */
static void circuits_are_for_the_authorised(void **state)
{
    (void)state;
    lab *l = relay_started();
    pu_handle b = lab_connect(l, B, PU_DIALLER, 0), c = lab_connect(l, C, 0, 0);
    pu_handle stranger = lab_connect(l, D, PU_DIALLER, 0);
    assert_int_equal(hop_status(reserve(l, b)), WIRE_RELAY_OK);
    authorise_for(l, B, 20);
    authorise_for(l, D, 10);
    assert_int_equal(lab_body(ask(l, stranger, B)).len, 0); /* it is offered to B */
    lab_pass(l, 11 * PU_S);
    assert_int_equal(l->hangup_count, 0);
    assert_int_equal(hop_status(ask(l, stranger, B)), WIRE_RELAY_PERMISSION_DENIED);
    assert_int_equal(hop_status(ask(l, stranger, 5)), WIRE_RELAY_PERMISSION_DENIED); /* the same */
    lab_pass(l, 10 * PU_S);
    assert_int_equal(hop_status(ask(l, c, B)), WIRE_RELAY_NO_RESERVATION);
    lab_end(l);
}

static void what_the_other_side_says_decides(void **state)
{
    (void)state;
    static const struct {
        enum wire_relay_status says, want;
    } cases[] = {
        {WIRE_RELAY_PERMISSION_DENIED, WIRE_RELAY_PERMISSION_DENIED},
        {WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED, WIRE_RELAY_CONNECTION_FAILED},
        {WIRE_RELAY_MALFORMED_MESSAGE, WIRE_RELAY_CONNECTION_FAILED},
        {WIRE_RELAY_UNUSED, WIRE_RELAY_CONNECTION_FAILED},
    };
    lab *l = relay_started();
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    reserve(l, b);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab_stream *hop = ask(l, c, B), *stop = lab_accept_proto(l, b, STOP);
        assert_non_null(stop);
        assert_int_equal(lab_body(hop).len, 0);
        give_stop(
            l, stop,
            (wire_relay){.type = WIRE_STOP_STATUS, .status = cases[i].says, .has_status = true});
        assert_int_equal(hop_status(hop), cases[i].want);
        assert_true(hop->is_finished && stop->is_finished);
    }
    lab_stream *hop = ask(l, c, B), *stop = lab_accept_proto(l, b, STOP);
    give_stop(l, stop, (wire_relay){.type = WIRE_STOP_CONNECT, .peer_id = lab_id(l, D)});
    assert_true(stop->is_reset); /* nonsense */
    assert_int_equal(hop_status(hop), WIRE_RELAY_CONNECTION_FAILED);

    hop = ask(l, c, B);
    stop = lab_accept_proto(l, b, STOP);
    lab_pass(l, l->config.relay_ns); /* silence */
    assert_true(stop->is_reset);
    assert_int_equal(hop_status(hop), WIRE_RELAY_CONNECTION_FAILED);

    hop = ask(l, c, B);
    lab_down(l, b); /* gone */
    assert_int_equal(hop_status(hop), WIRE_RELAY_CONNECTION_FAILED);
    assert_int_equal(hop_status(ask(l, c, B)), WIRE_RELAY_NO_RESERVATION);
    lab_end(l);
}

/* rust-libp2p#6472: the peer has two connections and one reservation, or none; the relay died. */
static void the_reservations_connection_is_used(void **state)
{
    (void)state;
    lab *l = relay_started();
    pu_handle first = lab_connect(l, B, 0, 0), second = lab_connect(l, B, 0, 0);
    pu_handle c = lab_connect(l, C, 0, 0);
    reserve(l, second);
    ask(l, c, B);
    assert_null(lab_accept_proto(l, first, STOP));
    assert_non_null(lab_accept_proto(l, second, STOP));
    lab_down(l, second);
    assert_int_equal(hop_status(ask(l, c, B)), WIRE_RELAY_NO_RESERVATION);
    lab_end(l);
}

typedef struct circuit_ends {
    lab_stream *hop, *stop;
} circuit_ends;

static circuit_ends circuit_up(lab *l, pu_handle from, pu_handle to, int target)
{
    circuit_ends e = {.hop = ask(l, from, target)};
    e.stop = lab_accept_proto(l, to, STOP);
    assert_non_null(e.stop);
    wire_relay m;
    assert_true(wire_stop_read(&m, lab_message(e.stop)));
    assert_int_equal(m.type, WIRE_STOP_CONNECT);
    assert_int_equal(m.limit_data_bytes, l->config.circuit_bytes);
    give_stop(l, e.stop,
              (wire_relay){.type = WIRE_STOP_STATUS, .status = WIRE_RELAY_OK, .has_status = true});
    assert_int_equal(hop_status(e.hop), WIRE_RELAY_OK);
    e.hop->skip = e.hop->len;
    e.stop->skip = e.stop->len;
    return e;
}

static void a_circuit_passes_bytes_and_ends(void **state)
{
    (void)state;
    lab *l = relay_started();
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    reserve(l, b);
    circuit_ends e = circuit_up(l, c, b, B);
    lab_give(l, e.hop, SPAN_LITERAL("to b"), false);
    lab_give(l, e.stop, SPAN_LITERAL("to c"), true);
    assert_true(span_equal(lab_body(e.stop), SPAN_LITERAL("to b")));
    assert_true(span_equal(lab_body(e.hop), SPAN_LITERAL("to c")));
    assert_true(e.hop->is_finished && !e.stop->is_finished);
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = e.hop->conn,
                        .stream = e.hop->handle,
                        .what = PU_DOWN_RESET,
                        .code = PU_CODE_COLLECTED});
    assert_true(e.stop->is_reset);
    assert_int_equal(l->traced[PU_TR_CIRCUIT_DOWN], 1);
    lab_end(l);
}

/* Who asked reads no more when the other side agrees: nothing can be built on that. */
static void an_asker_that_has_stopped_gets_no_circuit(void **state)
{
    (void)state;
    lab *l = relay_started();
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    reserve(l, b);
    lab_stream *hop = ask(l, c, B), *stop = lab_accept_proto(l, b, STOP);
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_STOP, .conn = c, .stream = hop->handle});
    give_stop(l, stop,
              (wire_relay){.type = WIRE_STOP_STATUS, .status = WIRE_RELAY_OK, .has_status = true});
    assert_true(hop->is_reset && stop->is_reset);
    assert_int_equal(l->traced[PU_TR_CIRCUIT_UP], 0);
    lab_end(l);
}

static void a_circuit_is_limited_in_bytes(void **state)
{
    (void)state;
    lab *l = relay_new();
    l->config.circuit_bytes = 1024;
    lab_begin(l);
    lab_start(l);
    static const uint8_t bytes[1025];
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    reserve(l, b);
    circuit_ends e = circuit_up(l, c, b, B);
    lab_give(l, e.hop, span_of(bytes, 1024), false);
    lab_give(l, e.stop, span_of(bytes, 1024), false); /* each direction has its own */
    assert_false(e.hop->is_reset || e.stop->is_reset);
    lab_give(l, e.hop, span_of(bytes, 1), false);
    assert_true(e.hop->is_reset && e.stop->is_reset);
    assert_int_equal(e.hop->code, PU_CODE_RESOURCE);
    assert_int_equal(lab_body(e.stop).len, 1024);
    assert_int_equal(lab_body(e.hop).len, 1024);
    assert_int_equal(l->traced[PU_TR_CIRCUIT_CUT], 1);
    assert_int_equal(l->traced_a[PU_TR_CIRCUIT_CUT], 2048);
    assert_int_equal(l->traced_b[PU_TR_CIRCUIT_CUT], PU_CUT_BYTES);

    e = circuit_up(l, c, b, B);
    lab_give(l, e.stop, span_of(bytes, 1025), false);
    assert_true(e.hop->is_reset && e.stop->is_reset);
    assert_int_equal(lab_body(e.hop).len, 1024);
    lab_end(l);
}

static void a_circuit_is_limited_in_time(void **state)
{
    (void)state;
    lab *l = relay_started();
    pu_handle b = lab_connect(l, B, PU_DIALLER, 0), c = lab_connect(l, C, 0, 0);
    reserve(l, b);
    circuit_ends e = circuit_up(l, c, b, B);
    l->now += l->config.circuit_ns - 1;
    lab_give(l, e.hop, SPAN_LITERAL("x"), false);
    assert_false(e.hop->is_reset || e.stop->is_reset);
    lab_pass(l, 1);
    assert_true(e.hop->is_reset && e.stop->is_reset);
    assert_int_equal(l->traced[PU_TR_CIRCUIT_CUT], 1);
    assert_int_equal(l->traced_b[PU_TR_CIRCUIT_CUT], PU_CUT_TIME);
    lab_end(l);
}

static void a_peer_has_only_so_many_circuits(void **state)
{
    (void)state;
    lab *l = relay_new();
    l->config.circuits_per_peer_max = 2;
    lab_begin(l);
    lab_start(l);
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    pu_handle d = lab_connect(l, D, 0, 0);
    reserve(l, b);
    circuit_up(l, c, b, B);
    circuit_ends e = circuit_up(l, d, b, B);
    assert_int_equal(hop_status(ask(l, c, B)), WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED);
    assert_int_equal(hop_status(ask(l, d, B)), WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED); /* b's */
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = e.hop->conn,
                        .stream = e.hop->handle,
                        .what = PU_DOWN_RESET});
    circuit_up(l, d, b, B);
    lab_end(l);
}

static void a_reservation_ends_unless_it_is_renewed(void **state)
{
    (void)state;
    lab *l = relay_new();
    l->config.reservation_ns = 100 * PU_S;
    lab_begin(l);
    lab_start(l);
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    reserve(l, b);
    lab_pass(l, 60 * PU_S);
    assert_int_equal(hop_status(reserve(l, b)), WIRE_RELAY_OK);
    lab_pass(l, 60 * PU_S);
    lab_stream *s = ask(l, c, B);
    assert_int_equal(lab_body(s).len, 0); /* it is offered */
    lab_pass(l, 40 * PU_S);
    assert_int_equal(hop_status(ask(l, c, B)), WIRE_RELAY_NO_RESERVATION);
    lab_end(l);
}

/* js-libp2p#2833: reserving and leaving again keeps nothing: lab_end sees to it, and the one place
 * is free again. */
static void places_of_the_gone_are_free(void **state)
{
    (void)state;
    lab *l = relay_new();
    l->config.reservations_max = 1;
    l->config.conns_max = 512; /* no slot is used twice here */
    lab_begin(l);
    lab_start(l);
    for (int i = 0; i < 500; i++) {
        pu_handle conn = lab_connect(l, 1 + i % 3, 0, 0);
        assert_int_equal(hop_status(reserve(l, conn)), WIRE_RELAY_OK);
        lab_down(l, conn);
        l->event_count = 0;
    }
    lab_end(l);
}

enum { MORE_MAX = 24 }; /* timers: with one of these numbers the table is full */

/* Connections with so many timers: each waits for a stream, and those that we made are pinged. */
static void more_timers(lab *l, unsigned count)
{
    if (count % 2 == 1) lab_connect(l, 4, 0, 0);
    for (unsigned i = 0; i < count / 2; i++) lab_connect(l, D, PU_DIALLER, 0);
}

/* Whatever memory a place lacks, it ends in time. */
static void a_place_ends_though_its_timer_found_no_memory(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4 * MORE_MAX; i++) {
        lab *l = relay_new();
        l->config.reservation_ns = 60 * PU_S;
        lab_begin(l);
        lab_start(l);
        pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
        more_timers(l, i / 4);
        lab_stream *s = lab_open(l, b, HOP);
        l->heap.fail_at = l->heap.asked + 1 + i % 4;
        give_hop(l, s, (wire_relay){.type = WIRE_HOP_RESERVE});
        l->heap.fail_at = 0;
        lab_pass(l, 62 * PU_S);
        assert_int_equal(hop_status(ask(l, c, B)), WIRE_RELAY_NO_RESERVATION);
        lab_end(l);
    }
}

int relay_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reservation_has_a_voucher_and_limits),
        cmocka_unit_test(reservations_are_refused_beyond_limits_and_over_circuits),
        cmocka_unit_test(one_site_has_only_so_many_places),
        cmocka_unit_test(a_site_is_a_64_of_ipv6),
        cmocka_unit_test(a_place_moves_to_another_site_as_any_comes),
        cmocka_unit_test(a_place_has_an_address),
        cmocka_unit_test(every_request_that_cannot_be_served_has_its_status),
        cmocka_unit_test(circuits_are_for_the_authorised),
        cmocka_unit_test(what_the_other_side_says_decides),
        cmocka_unit_test(the_reservations_connection_is_used),
        cmocka_unit_test(a_circuit_passes_bytes_and_ends),
        cmocka_unit_test(an_asker_that_has_stopped_gets_no_circuit),
        cmocka_unit_test(a_circuit_is_limited_in_bytes),
        cmocka_unit_test(a_circuit_is_limited_in_time),
        cmocka_unit_test(a_peer_has_only_so_many_circuits),
        cmocka_unit_test(a_reservation_ends_unless_it_is_renewed),
        cmocka_unit_test(places_of_the_gone_are_free),
        cmocka_unit_test(a_place_ends_though_its_timer_found_no_memory),
    };
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
