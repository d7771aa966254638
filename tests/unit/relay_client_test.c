/* relay_client_test.c - circuit relay v2 on one node, as client: vouchers, refusals, renewal before
 * the end, offers and circuits that it asks for. */
#include "tests/unit/relay_play.h"

int relay_client_test(void);

/* A node whose relay B has just said that it serves hop. The relay came to us: nobody pings. */
static lab *client_started(pu_handle *conn)
{
    lab *l = lab_new();
    lab_begin(l);
    lab_address(l, B, PU_RELAY);
    lab_start(l);
    *conn = lab_connect(l, B, 0, 0);
    uint8_t bytes[256], key[32], key_pb[36];
    pu_buf out = buf_of(bytes, sizeof bytes);
    l->crypto[B].public_key(l->crypto[B].ctx, key);
    pu_public_key_pb(key_pb, key);
    wire_identify m = {.public_key = span_of(key_pb, 36), .protocol_count = 1};
    m.protocols[0] = SPAN_LITERAL(HOP);
    wire_identify_write(&out, &m);
    lab_give_framed(l, lab_accept_proto(l, *conn, IDENTIFY), buf_span(&out), true);
    return l;
}

static uint64_t unix_now(const lab *l)
{
    return LAB_UNIX_S + l->now / PU_S;
}

typedef struct grant {
    int signer, relay, peer; /* the voucher's; signer 0: no voucher */
    int64_t left_s;          /* of the voucher */
    const envelope_kind *kind;
    bool is_spoiled;
} grant;

static pu_span voucher_of(lab *l, const grant *g, pu_buf *out)
{
    uint8_t bytes[256];
    pu_buf payload = buf_of(bytes, sizeof bytes);
    wire_voucher v = {.relay = lab_id(l, g->relay),
                      .peer = lab_id(l, g->peer),
                      .expire_s = (uint64_t)((int64_t)unix_now(l) + g->left_s)};
    wire_voucher_write(&payload, &v);
    envelope_seal(out, &l->crypto[g->signer], g->kind != NULL ? g->kind : &envelope_voucher,
                  buf_span(&payload));
    if (g->is_spoiled) out->base[out->len - 1] ^= 1;
    return buf_span(out);
}

static void grant_place(lab *l, lab_stream *s, uint64_t life_s, grant g)
{
    uint8_t bytes[512];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_relay m = {.type = WIRE_HOP_STATUS,
                    .status = WIRE_RELAY_OK,
                    .has_status = true,
                    .has_reservation = true,
                    .expire_s = unix_now(l) + life_s};
    if (g.signer != 0) m.voucher = voucher_of(l, &g, &out);
    give_hop(l, s, m);
}

static uint32_t relay_events(const lab *l, uint32_t flags)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->event_count; i++)
        count += l->events[i].what == PU_EVENT_RELAY && l->events[i].flags == flags;
    return count;
}

static void vouchers_are_verified(void **state)
{
    (void)state;
    static const struct {
        grant g;
        enum record_verdict want;
    } cases[] = {
        {{0}, RECORD_OK}, /* rust gives none */
        {{.signer = B, .relay = B, .left_s = 3600}, RECORD_OK},
        {{.signer = B, .relay = B, .left_s = 1}, RECORD_OK},
        {{.signer = B, .relay = B, .left_s = 0}, RECORD_STALE},
        {{.signer = B, .relay = B, .left_s = -5}, RECORD_STALE},
        {{.signer = C, .relay = B, .left_s = 3600}, RECORD_NOT_THEIRS},
        {{.signer = B, .relay = C, .left_s = 3600}, RECORD_NOT_THEIRS},
        {{.signer = C, .relay = C, .left_s = 3600}, RECORD_NOT_THEIRS},
        {{.signer = B, .relay = B, .peer = C, .left_s = 3600}, RECORD_NOT_THEIRS},
        {{.signer = B, .relay = B, .left_s = 3600, .is_spoiled = true}, RECORD_FORGED},
        {{.signer = B, .relay = B, .left_s = 3600, .kind = &envelope_peer_record},
         RECORD_OTHER_KIND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pu_handle conn;
        lab *l = client_started(&conn);
        lab_stream *s = lab_accept_proto(l, conn, HOP);
        assert_true(span_equal(lab_body(s), SPAN_LITERAL("\x02\x08\x00")));
        grant_place(l, s, 3600, cases[i].g);
        bool is_good = cases[i].want == RECORD_OK;
        assert_int_equal(l->traced[PU_TR_VOUCHER_REFUSED], !is_good);
        assert_int_equal(l->traced_a[PU_TR_VOUCHER_REFUSED], cases[i].want);
        assert_int_equal(relay_events(l, 0), is_good);
        assert_false(s->is_reset);
        lab_pass(l, 5 * PU_S);
        assert_int_equal(lab_accept_proto(l, conn, HOP) != NULL, !is_good); /* asks again */
        lab_end(l);
    }
}

static void refusals_are_told_and_asked_again_ever_later(void **state)
{
    (void)state;
    static const enum wire_relay_status refusals[] = {
        WIRE_RELAY_RESERVATION_REFUSED, WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED,
        WIRE_RELAY_PERMISSION_DENIED,   WIRE_RELAY_CONNECTION_FAILED,
        WIRE_RELAY_NO_RESERVATION,      WIRE_RELAY_MALFORMED_MESSAGE,
        WIRE_RELAY_UNEXPECTED_MESSAGE,  WIRE_RELAY_UNUSED,
    };
    static const uint64_t pause_s[] = {5, 10, 20, 40, 60, 60, 60, 60};
    pu_handle conn;
    lab *l = client_started(&conn);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        lab_stream *s = lab_accept_proto(l, conn, HOP);
        assert_non_null(s);
        give_hop(l, s,
                 (wire_relay){.type = WIRE_HOP_STATUS, .status = refusals[i], .has_status = true});
        assert_int_equal(l->traced[PU_TR_RELAY_REFUSED], i + 1);
        assert_int_equal(l->traced_a[PU_TR_RELAY_REFUSED], refusals[i]);
        lab_pass(l, pause_s[i] * PU_S - 1);
        assert_null(lab_accept_proto(l, conn, HOP));
        lab_pass(l, 1);
    }
    /* a place that has ended as it is given: it is our clock that is wrong */
    lab_stream *s = lab_accept_proto(l, conn, HOP);
    grant_place(l, s, 0, (grant){0});
    assert_int_equal(relay_events(l, 0), 1);
    lab_end(l);
}

static void a_place_is_renewed_before_it_ends(void **state)
{
    (void)state;
    pu_handle conn;
    lab *l = client_started(&conn);
    grant g = {.signer = B, .relay = B, .left_s = 3600};
    grant_place(l, lab_accept_proto(l, conn, HOP), 3600, g);
    for (int i = 0; i < 3; i++) { /* when a quarter of its life is left */
        lab_pass(l, 2700 * PU_S - 1);
        assert_null(lab_accept_proto(l, conn, HOP));
        lab_pass(l, 1);
        lab_stream *s = lab_accept_proto(l, conn, HOP);
        assert_non_null(s);
        grant_place(l, s, 3600, g);
    }
    assert_int_equal(relay_events(l, 0), 4);
    assert_int_equal(relay_events(l, PU_GONE), 0);
    /* renewing fails until the place ends: that is told, once */
    lab_pass(l, 2700 * PU_S);
    for (lab_stream *s; relay_events(l, PU_GONE) == 0; lab_pass(l, 5 * PU_S)) {
        assert_true(l->now < 20000 * PU_S);
        if ((s = lab_accept_proto(l, conn, HOP)) != NULL)
            give_hop(l, s,
                     (wire_relay){.type = WIRE_HOP_STATUS,
                                  .status = WIRE_RELAY_RESERVATION_REFUSED,
                                  .has_status = true});
    }
    assert_in_range(l->now, (3 * 2700 + 3600) * PU_S, (3 * 2700 + 3600 + 10) * PU_S);
    lab_end(l);
}

/* A relay that promises seconds, or whose clock says so, is asked twice a minute and no more. */
static void short_lives_are_not_asked_for_at_once(void **state)
{
    (void)state;
    static const uint64_t lives_s[] = {1, 2, 9, 30, 59, 60};
    for (size_t i = 0; i < sizeof lives_s / sizeof lives_s[0]; i++) {
        pu_handle conn;
        lab *l = client_started(&conn);
        for (int round = 0; round < 3; round++) {
            lab_stream *s = lab_accept_proto(l, conn, HOP);
            assert_non_null(s);
            grant_place(l, s, lives_s[i], (grant){0});
            lab_pass(l, 30 * PU_S - 1);
            assert_null(lab_accept_proto(l, conn, HOP));
            lab_pass(l, 1);
        }
        assert_int_equal(relay_events(l, PU_GONE), 0);
        lab_end(l);
    }
}

/* The node tells peer D of `count` circuit addresses; the last one's relay endpoint. */
static pu_endpoint circuit_told(lab *l, uint32_t count)
{
    lab_stream *s = lab_open(l, lab_connect(l, D, 0, 0), IDENTIFY);
    wire_identify m = {0};
    pu_addr addr;
    uint32_t circuits = 0;
    pu_endpoint at = {.port = 0};
    assert_true(wire_identify_read(&m, lab_message(s)));
    for (uint32_t i = 0; i < m.addr_count; i++) {
        assert_int_equal(pu_addr_read(&addr, m.addrs[i]), PU_OK);
        if (!addr.circuit) continue;
        assert_true(pu_peer_id_equal(&addr.via, &l->id[B]));
        at = addr.endpoint;
        circuits++;
    }
    assert_int_equal(circuits, count);
    return at;
}

/* With and without /p2p-circuit at its end, an address counts that names the relay, or nobody. */
static void grant_with(lab *l, pu_handle conn, const pu_span *addrs, uint32_t count)
{
    wire_relay m = {.type = WIRE_HOP_STATUS,
                    .status = WIRE_RELAY_OK,
                    .has_status = true,
                    .has_reservation = true,
                    .expire_s = unix_now(l) + 3600,
                    .addr_count = count};
    memcpy(m.addrs, addrs, count * sizeof *addrs);
    give_hop(l, lab_accept_proto(l, conn, HOP), m);
}

/* An address counts that is global, one of the relay's or nobody's, with and without /p2p-circuit.
 */
static void a_relays_addresses_are_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool counts;
    } cases[] = {
        {"/ip4/9.9.5.5/udp/4001/quic-v1", true},
        {"/ip4/9.9.5.5/tcp/4001", true},
        {"/ip4/9.9.5.5/udp/4001/quic-v1/p2p/{B}", true},
        {"/ip4/9.9.5.5/udp/4001/quic-v1/p2p/{B}/p2p-circuit", true},
        {"/ip4/9.9.5.5/udp/4001/quic-v1/p2p/{C}/p2p-circuit", false},
        {"/ip4/9.9.5.5/udp/4001/quic-v1/p2p/{C}", false},
        {"/ip4/192.168.5.5/udp/4001/quic-v1", false},
        {"/ip4/9.9.5.5/tcp/4001/ws", false},
        {"/dns4/relay.example/udp/4001/quic-v1", false},
        {"/p2p/{B}/p2p-circuit", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pu_handle conn;
        lab *l = client_started(&conn);
        uint8_t maddr[PU_MADDR_MAX];
        pu_endpoint says = pu_endpoint_ip4(9, 9, 5, 5, 4001), found = lab_endpoint(B);
        pu_span addr = lab_maddr(l, cases[i].text, maddr);
        grant_with(l, conn, &addr, 1);
        pu_endpoint told = circuit_told(l, 1);
        assert_true(pu_endpoint_equal(&told, cases[i].counts ? &says : &found));
        lab_end(l);
    }
}

/* Two of a relay's addresses are told; others only when they change, or in another order. */
static void a_relay_has_two_addresses(void **state)
{
    (void)state;
    static const char *const texts[] = {"/ip4/9.9.5.1/udp/4001/quic-v1", "/ip4/9.9.5.2/tcp/4001",
                                        "/ip4/9.9.5.3/udp/4001/quic-v1"};
    pu_handle conn;
    lab *l = client_started(&conn);
    uint8_t maddrs[4][PU_MADDR_MAX];
    pu_span addrs[4] = {SPAN_LITERAL("nonsense")};
    for (uint32_t i = 0; i < 3; i++) addrs[i + 1] = lab_maddr(l, texts[i], maddrs[i]);
    grant_with(l, conn, addrs, 4);
    pu_endpoint last = circuit_told(l, 2), second = pu_endpoint_ip4(9, 9, 5, 2, 4001);
    assert_true(pu_endpoint_equal(&last, &second));
    lab_pass(l, 2700 * PU_S);
    grant_with(l, conn, addrs, 4);
    circuit_told(l, 2);
    lab_pass(l, 2700 * PU_S);
    grant_with(l, conn, addrs + 2, 1); /* one is left */
    last = circuit_told(l, 1);
    assert_true(pu_endpoint_equal(&last, &second));
    lab_end(l);
}

/* Answers that are none end the stream, and the place is asked for again. */
static void nonsense_is_no_answer(void **state)
{
    (void)state;
    static const wire_relay cases[] = {
        {.type = WIRE_HOP_RESERVE, .status = WIRE_RELAY_OK, .has_status = true},
        {.type = WIRE_HOP_STATUS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pu_handle conn;
        lab *l = client_started(&conn);
        lab_stream *s = lab_accept_proto(l, conn, HOP);
        give_hop(l, s, cases[i]);
        assert_true(s->is_reset);
        assert_int_equal(s->code, PU_CODE_VIOLATION);
        lab_pass(l, 5 * PU_S);
        assert_non_null(lab_accept_proto(l, conn, HOP));
        lab_end(l);
    }
}

static void a_place_ends_with_its_connection(void **state)
{
    (void)state;
    pu_handle conn;
    lab *l = client_started(&conn);
    grant_place(l, lab_accept_proto(l, conn, HOP), 3600, (grant){0});
    assert_int_equal(relay_events(l, 0), 1);
    lab_down(l, conn);
    assert_int_equal(relay_events(l, PU_GONE), 1);
    lab_end(l);
}

static lab_stream *offer(lab *l, pu_handle conn, pu_span from)
{
    lab_stream *s = lab_open(l, conn, STOP);
    give_stop(l, s,
              (wire_relay){.type = WIRE_STOP_CONNECT,
                           .peer_id = from,
                           .has_limit = true,
                           .limit_duration_s = 120000}); /* js counts milliseconds */
    return s;
}

static void offers_are_answered_with_their_status(void **state)
{
    (void)state;
    pu_handle conn;
    lab *l = client_started(&conn);
    pu_handle c = lab_connect(l, C, 0, 0); /* a peer, no relay of ours */
    uint8_t stranger[38];
    memcpy(stranger, lab_id(l, D).base, sizeof stranger);
    stranger[37] ^= 1;
    assert_int_equal(stop_status(offer(l, conn, span_of(stranger, sizeof stranger))),
                     WIRE_RELAY_PERMISSION_DENIED);
    assert_int_equal(stop_status(offer(l, c, lab_id(l, D))), WIRE_RELAY_PERMISSION_DENIED);
    assert_int_equal(stop_status(offer(l, conn, lab_id(l, 0))), WIRE_RELAY_PERMISSION_DENIED);
    assert_int_equal(stop_status(offer(l, conn, SPAN_LITERAL("x"))), WIRE_RELAY_MALFORMED_MESSAGE);
    lab_stream *s = lab_open(l, conn, STOP);
    give_stop(l, s,
              (wire_relay){.type = WIRE_STOP_STATUS, .status = WIRE_RELAY_OK, .has_status = true});
    assert_int_equal(stop_status(s), WIRE_RELAY_UNEXPECTED_MESSAGE);
    assert_int_equal(l->upgrade_count, 0);
    assert_int_equal(l->traced[PU_TR_CIRCUIT_LIMITS], 0);
    s = offer(l, conn, lab_id(l, D));
    assert_int_equal(stop_status(s), WIRE_RELAY_OK);
    assert_int_equal(l->upgrade_count, 1);
    assert_int_equal(l->upgrades[0].what, PU_ROLE_SERVER);
    assert_int_equal(l->upgrades[0].flags, PU_LIMITED);
    assert_int_equal(l->traced[PU_TR_CIRCUIT_LIMITS], 1);
    lab_end(l);
}

static uint32_t done_code(const lab *l, pu_token token)
{
    for (uint32_t i = l->event_count; i-- > 0;)
        if (l->events[i].what == PU_EVENT_DONE && l->events[i].token == token)
            return l->events[i].code;
    return UINT32_MAX;
}

/* A node with a place at its relay that wants D, by command 77: *asked is the stream of that. */
static lab *client_that_asks(lab_stream **asked)
{
    pu_handle conn;
    lab *l = client_started(&conn);
    grant_place(l, lab_accept_proto(l, conn, HOP), 3600, (grant){0});
    lab_step(
        l,
        (pu_in){.kind = PU_IN_COMMAND, .what = PU_CMD_CONNECT, .token = 77, .peer = lab_id(l, D)});
    lab_pass(l, PU_S);
    *asked = lab_accept_proto(l, conn, HOP);
    return l;
}

static void a_circuit_is_asked_for_and_its_answer_told(void **state)
{
    (void)state;
    static const enum wire_relay_status statuses[] = {
        WIRE_RELAY_NO_RESERVATION,
        WIRE_RELAY_CONNECTION_FAILED,
        WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED,
        WIRE_RELAY_PERMISSION_DENIED,
        WIRE_RELAY_MALFORMED_MESSAGE,
        WIRE_RELAY_UNEXPECTED_MESSAGE,
        WIRE_RELAY_OK,
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        lab_stream *s;
        lab *l = client_that_asks(&s);
        wire_relay m;
        assert_true(wire_hop_read(&m, lab_message(s)));
        assert_int_equal(m.type, WIRE_HOP_CONNECT);
        assert_true(span_equal(m.peer_id, lab_id(l, D)));
        give_hop(l, s,
                 (wire_relay){.type = WIRE_HOP_STATUS, .status = statuses[i], .has_status = true});
        bool is_ok = statuses[i] == WIRE_RELAY_OK;
        assert_int_equal(l->upgrade_count, is_ok);
        assert_int_equal(done_code(l, 77), is_ok ? UINT32_MAX : PU_CODE_REFUSED);
        if (is_ok) assert_int_equal(l->upgrades[0].what, PU_ROLE_CLIENT);
        if (is_ok) assert_int_equal(l->upgrades[0].flags, 0); /* no limit was told */
        assert_int_equal(l->traced[PU_TR_CIRCUIT_LIMITS], 0);
        lab_end(l);
    }
}

/* Bytes, time, or both. */
static void limits_of_a_circuit_are_told(void **state)
{
    (void)state;
    static const uint64_t limits[][2] = {{131072, 120}, {4096, 0}, {0, 7}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        lab_stream *s;
        lab *l = client_that_asks(&s);
        give_hop(l, s,
                 (wire_relay){.type = WIRE_HOP_STATUS,
                              .status = WIRE_RELAY_OK,
                              .has_status = true,
                              .has_limit = true,
                              .limit_data_bytes = limits[i][0],
                              .limit_duration_s = limits[i][1]});
        assert_int_equal(l->upgrade_count, 1);
        assert_int_equal(l->upgrades[0].flags, PU_LIMITED);
        assert_int_equal(l->traced[PU_TR_CIRCUIT_LIMITS], 1);
        assert_int_equal(l->traced_a[PU_TR_CIRCUIT_LIMITS], limits[i][0]);
        lab_end(l);
    }
}

int relay_client_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vouchers_are_verified),
        cmocka_unit_test(refusals_are_told_and_asked_again_ever_later),
        cmocka_unit_test(a_place_is_renewed_before_it_ends),
        cmocka_unit_test(short_lives_are_not_asked_for_at_once),
        cmocka_unit_test(a_relays_addresses_are_its_own),
        cmocka_unit_test(a_relay_has_two_addresses),
        cmocka_unit_test(nonsense_is_no_answer),
        cmocka_unit_test(a_place_ends_with_its_connection),
        cmocka_unit_test(offers_are_answered_with_their_status),
        cmocka_unit_test(a_circuit_is_asked_for_and_its_answer_told),
        cmocka_unit_test(limits_of_a_circuit_are_told),
    };
    return cmocka_run_group_tests_name("relay_client", tests, NULL, NULL);
}
