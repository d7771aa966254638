/* dcutr_test.c - hole punching on one node, as the side that begins (B) and as the side that
 * answers (A): who dials and who sends datagrams in each round, retries, and what is refused. */
#include "tests/unit/dcutr_play.h"

int dcutr_test(void);

/* ---- B: the side that accepted the relayed connection ---- */

/* The peer's half of an exchange, RTT_MS later; the node has sent CONNECT, and then SYNC. */
static void exchange(lab *l, lab_stream *s, uint32_t addrs)
{
    wire_dcutr m;
    assert_non_null(s);
    assert_true(wire_dcutr_read(&m, lab_message(s)));
    assert_int_equal(m.type, WIRE_DCUTR_CONNECT);
    assert_int_equal(m.addr_count, 1);
    lab_pass(l, RTT_MS * PU_MS);
    s->skip = s->len;
    give(l, s, WIRE_DCUTR_CONNECT, addrs, 'g');
    assert_true(wire_dcutr_read(&m, lab_message(s)));
    assert_int_equal(m.type, WIRE_DCUTR_SYNC);
    assert_int_equal(m.addr_count, 0);
    assert_true(s->is_finished);
}

/* In all rounds B sends datagrams half a round trip after SYNC; 1.5 s later it dials, too. */
static void b_is_the_server_and_at_last_also_the_client(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    for (uint32_t round = 1; round <= 3; round++) {
        exchange(l, lab_accept_proto(l, conn, DCUTR), 2);
        uint32_t packets = l->packet_count, dials = l->dial_count;
        lab_pass(l, RTT_MS * PU_MS / 2 - 1);
        assert_int_equal(l->packet_count, packets);
        lab_pass(l, 1);
        pu_time begun = l->now;
        assert_int_equal(l->packet_count, packets + 2);
        assert_true(pu_endpoint_equal(&l->packets[packets], endpoint_of(0)));
        assert_true(pu_endpoint_equal(&l->packets[packets + 1], endpoint_of(1)));
        while (l->packet_count < packets + 2 * l->config.punch_datagrams) {
            assert_int_equal(l->dial_count, dials);
            lab_pass(l, PU_MS);
        }
        lab_pass(l, begun + 1500 * PU_MS - 1 - l->now);
        assert_int_equal(l->dial_count, dials);
        lab_pass(l, 1);
        assert_int_equal(l->dial_count, dials + 2);
        assert_int_equal(l->dials[dials].what, PU_ROLE_CLIENT);
        assert_int_equal(l->dials[dials].socket, PU_SOCKET_MAIN);
        assert_true(pu_endpoint_equal(&l->dials[dials + 1].remote, endpoint_of(1)));
        lab_pass(l, l->config.dcutr_round_ns);
        assert_int_equal(l->packet_count, packets + 2 * l->config.punch_datagrams);
        assert_int_equal(l->traced[PU_TR_PUNCH_FAILED], round == 3);
    }
    assert_null(lab_accept_proto(l, conn, DCUTR));
    lab_end(l);
}

/* A go peer older than 0.41 never dials as A, and another may not hit our NAT's port: what B dials
 * is the connection. */
static void the_swapped_roles_connect(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    exchange(l, lab_accept_proto(l, conn, DCUTR), 1);
    lab_pass(l, RTT_MS * PU_MS / 2 + 1500 * PU_MS);
    assert_int_equal(l->dial_count, 1);
    lab_connect(l, PEER, PU_DIALLER, l->dials[0].token);
    assert_int_equal(l->traced[PU_TR_PUNCH_OK], 1);
    assert_int_equal(l->traced_a[PU_TR_PUNCH_OK], 1);
    uint32_t packets = l->packet_count;
    lab_pass(l, 5 * PU_S);
    assert_int_equal(l->packet_count, packets);
    lab_end(l);
}

/* Datagrams that go on after the round's end leave no time to dial. */
static void b_does_not_dial_after_the_round(void **state)
{
    (void)state;
    lab *l = lab_new();
    l->config.dcutr_round_ns = PU_S;
    l->config.punch_gap_least_ns = l->config.punch_gap_most_ns = 200 * PU_MS;
    lab_begin(l);
    lab_start(l);
    pu_handle conn = relayed_in(l);
    exchange(l, lab_accept_proto(l, conn, DCUTR), 1);
    lab_pass(l, 5 * PU_S);
    assert_int_equal(l->dial_count, 0);
    lab_end(l);
}

static void a_connection_from_a_ends_the_punch(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    exchange(l, lab_accept_proto(l, conn, DCUTR), 1);
    lab_pass(l, RTT_MS * PU_MS);
    uint32_t packets = l->packet_count;
    assert_true(packets > 0);
    lab_connect(l, PEER, 0, 0);
    assert_int_equal(l->traced[PU_TR_PUNCH_OK], 1);
    lab_pass(l, 5 * PU_S);
    assert_int_equal(l->packet_count, packets);
    assert_null(lab_accept_proto(l, conn, DCUTR));
    lab_end(l);
}

/* The stream that was to ask comes when nothing is to be asked any more. */
static void a_late_stream_is_given_back(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    lab_connect(l, PEER, 0, 0);
    assert_int_equal(l->traced[PU_TR_PUNCH_OK], 1);
    lab_stream *s = lab_accept_proto(l, conn, DCUTR);
    assert_non_null(s);
    assert_true(s->is_reset);
    assert_int_equal(s->code, PU_CODE_COLLECTED);
    lab_end(l);
}

/* What identify said is dialled first, for two seconds. */
static void b_dials_a_public_peer_before_it_punches(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, PEER, PU_RELAYED | PU_LIMITED, 0);
    identify(l, conn, endpoint_of(7));
    assert_int_equal(l->dial_count, 1);
    assert_true(pu_endpoint_equal(&l->dials[0].remote, endpoint_of(7)));
    lab_pass(l, 2 * PU_S - 1);
    assert_null(lab_accept_proto(l, conn, DCUTR));
    lab_pass(l, 1);
    assert_non_null(lab_accept_proto(l, conn, DCUTR));
    lab_end(l);
}

static void a_failed_exchange_is_tried_again(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    for (int round = 1; round <= 3; round++) {
        lab_stream *s = lab_accept_proto(l, conn, DCUTR);
        assert_non_null(s);
        if (round == 1) give(l, s, WIRE_DCUTR_SYNC, 1, 'g');    /* not an answer */
        if (round == 2) give(l, s, WIRE_DCUTR_CONNECT, 2, 'p'); /* none that can be used */
        if (round == 3) lab_pass(l, l->config.dcutr_ns);        /* silence */
        assert_true(s->is_reset);
        lab_pass(l, PU_S - 1);
        assert_null(lab_accept_proto(l, conn, DCUTR));
        lab_pass(l, 1);
    }
    assert_int_equal(l->traced[PU_TR_PUNCH_FAILED], 1);
    assert_int_equal(l->packet_count, 0);
    lab_end(l);
}

static void a_peer_without_the_protocol_is_not_asked_again(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    uint32_t i = 0;
    while (l->opens[i] != conn) i++;
    lab_stream *s = lab_stream_new(l, conn, DCUTR);
    l->opens[i] = 0;
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_UP,
                        .conn = conn,
                        .stream = s->handle,
                        .token = l->open_tokens[i],
                        .offset = 1 << 20});
    lab_give(l, s, SPAN_LITERAL("\x13/multistream/1.0.0\n\x03na\n"), false);
    assert_int_equal(l->traced[PU_TR_PUNCH_FAILED], 1);
    lab_pass(l, 60 * PU_S);
    assert_null(lab_accept_proto(l, conn, DCUTR));
    lab_end(l);
}

/* ---- B: after an attempt that failed ---- */

/* Three rounds in vain; the peer answers each. */
static void fail_attempt(lab *l, pu_handle conn)
{
    uint32_t failed = l->traced[PU_TR_PUNCH_FAILED];
    for (int round = 1; round <= 3; round++) {
        exchange(l, lab_accept_proto(l, conn, DCUTR), 1);
        lab_pass(l, RTT_MS * PU_MS / 2);
        for (uint32_t i = 0; i < l->dial_count; i++)
            (void)lab_try(l, (pu_in){.kind = PU_IN_DIAL_FAIL, .token = l->dials[i].token});
        lab_pass(l, l->config.dcutr_round_ns - RTT_MS * PU_MS / 2);
    }
    assert_int_equal(l->traced[PU_TR_PUNCH_FAILED], failed + 1);
}

/* The node opens no DCUtR stream for pause_ns, and then it does. */
static void rests(lab *l, pu_handle conn, uint64_t pause_ns)
{
    uint32_t begun = l->traced[PU_TR_PUNCH_START];
    lab_pass(l, pause_ns - 1);
    assert_int_equal(l->traced[PU_TR_PUNCH_START], begun);
    assert_null(lab_accept_proto(l, conn, DCUTR));
    lab_pass(l, 1);
    assert_int_equal(l->traced[PU_TR_PUNCH_START], begun + 1);
}

/* As long as there is but the relayed connection: after 30 s, 60 s and so on, at most 15 min. */
static void attempts_follow_after_growing_pauses(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    uint64_t pause_ns = 30 * PU_S;
    for (int attempt = 1; attempt <= 8; attempt++) {
        fail_attempt(l, conn);
        rests(l, conn, pause_ns);
        pause_ns = pause_ns * 2 < 900 * PU_S ? pause_ns * 2 : 900 * PU_S;
    }
    assert_int_equal(pause_ns, 900 * PU_S);
    lab_connect(l, PEER, 0, 0);
    assert_int_equal(l->traced[PU_TR_PUNCH_OK], 1);
    lab_pass(l, 3600 * PU_S);
    assert_null(lab_accept_proto(l, conn, DCUTR));
    lab_end(l);
}

/* What is new on either side makes the next attempt come after the shortest pause. */
static void new_addresses_shorten_the_rest(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    fail_attempt(l, conn);
    rests(l, conn, 30 * PU_S);
    fail_attempt(l, conn);
    lab_pass(l, 5 * PU_S);
    lab_local(l, *endpoint_of(40), PU_LISTEN); /* ours; 60 s would be the pause */
    uint32_t begun = l->traced[PU_TR_PUNCH_START];
    lab_pass(l, 25 * PU_S - 1);
    assert_int_equal(l->traced[PU_TR_PUNCH_START], begun);
    lab_pass(l, 1);
    assert_int_equal(l->traced[PU_TR_PUNCH_START], begun + 1);
    lab_local(l, *endpoint_of(40), PU_GONE); /* during the attempt: that counts as new as well */
    fail_attempt(l, conn);
    rests(l, conn, 30 * PU_S);
    fail_attempt(l, conn);
    lab_pass(l, 40 * PU_S);
    begun = l->traced[PU_TR_PUNCH_START];
    tell(l, lab_open(l, conn, PUSH), PEER, endpoint_of(7), NULL); /* the peer's: at once */
    lab_pass(l, 1);
    assert_int_equal(l->traced[PU_TR_PUNCH_START], begun + 1);
    lab_end(l);
}

/* The same told again is nothing new. */
static void the_same_addresses_shorten_nothing(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    fail_attempt(l, conn);
    rests(l, conn, 30 * PU_S);
    fail_attempt(l, conn);
    tell(l, lab_open(l, conn, PUSH), PEER, NULL, NULL);
    rests(l, conn, 60 * PU_S);
    lab_end(l);
}

/* A direct connection that is lost while the relayed one is still there is made anew. */
static void a_lost_direct_connection_is_punched_again(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    exchange(l, lab_accept_proto(l, conn, DCUTR), 1);
    lab_pass(l, PU_S);
    pu_handle direct = lab_connect(l, PEER, 0, 0);
    assert_int_equal(l->traced[PU_TR_PUNCH_OK], 1);
    lab_pass(l, 5 * PU_S);
    lab_down(l, direct);
    rests(l, conn, 30 * PU_S);
    assert_non_null(lab_accept_proto(l, conn, DCUTR));
    lab_end(l);
}

/* A direct connection that comes while an attempt rests was not made by it. */
static void what_comes_during_a_rest_is_no_punch(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_in(l);
    fail_attempt(l, conn);
    lab_connect(l, PEER, 0, 0);
    assert_int_equal(l->traced[PU_TR_PUNCH_OK], 0);
    lab_pass(l, 60 * PU_S);
    assert_null(lab_accept_proto(l, conn, DCUTR));
    lab_end(l);
}

/* ---- who has no address that could be punched to ---- */

/* As go, such a node does not serve DCUtR. When others have told how they see it, it does, and
 * those who want to know are told. */
static void it_is_served_with_an_address_only(void **state)
{
    (void)state;
    lab *l = lab_new();
    lab_begin(l);
    lab_local(l, pu_endpoint_ip4(192, 168, 0, 2, 4001), PU_LISTEN);
    lab_step(l, (pu_in){.kind = PU_IN_TICK});
    pu_handle conn = relayed_in(l);
    assert_null(lab_accept_proto(l, conn, DCUTR)); /* B has nothing to tell */
    lab_stream *s = lab_open(l, conn, IDENTIFY);
    wire_identify m = {0};
    assert_true(wire_identify_read(&m, lab_message(s)));
    for (uint32_t i = 0; i < m.protocol_count; i++)
        assert_false(span_equal(m.protocols[i], SPAN_LITERAL(DCUTR)));

    l->is_one_site = true; /* one host could have many ids and say anything */
    for (int peer = 3; peer <= 4; peer++)
        tell(l, lab_accept_proto(l, lab_connect(l, peer, 0, 0), IDENTIFY), peer, NULL,
             endpoint_of(50));
    lab_pass(l, 1);
    assert_null(lab_accept_proto(l, conn, DCUTR));
    l->is_one_site = false;
    tell(l, lab_accept_proto(l, lab_connect(l, 5, 0, 0), IDENTIFY), 5, NULL, endpoint_of(50));
    lab_pass(l, 1);
    exchange(l, lab_accept_proto(l, conn, DCUTR), 1);
    lab_pass(l, PU_S);
    s = lab_accept_proto(l, conn, PUSH);
    assert_non_null(s);
    m = (wire_identify){0};
    bool is_named = false;
    assert_true(wire_identify_read(&m, lab_message(s)));
    for (uint32_t i = 0; i < m.protocol_count; i++)
        is_named |= span_equal(m.protocols[i], SPAN_LITERAL(DCUTR));
    assert_true(is_named);
    lab_end(l);
}

/* ---- A: the side that dialled the relayed connection ---- */

/* Nobody pings while a test takes its time. */
static lab *quiet_lab(void)
{
    lab *l = lab_new();
    l->config.ping_interval_ns = 3600 * PU_S;
    lab_begin(l);
    lab_start(l);
    return l;
}

/* In each round A dials at once when SYNC comes, as client, from the socket that was told; it sends
 * no datagrams. A fourth round is refused, unless it is the first after a rest. */
static void a_is_the_client_in_every_round(void **state)
{
    (void)state;
    lab *l = quiet_lab();
    pu_handle conn = relayed_out(l);
    for (uint32_t round = 1; round <= 3; round++) {
        lab_stream *s = lab_open(l, conn, DCUTR);
        give(l, s, WIRE_DCUTR_CONNECT, 2, 'g');
        wire_dcutr m;
        assert_true(wire_dcutr_read(&m, lab_message(s)));
        assert_int_equal(m.type, WIRE_DCUTR_CONNECT);
        assert_int_equal(m.addr_count, 1);
        assert_int_equal(l->dial_count, 2 * (round - 1));
        give(l, s, WIRE_DCUTR_SYNC, 0, 'g');
        assert_int_equal(l->dial_count, 2 * round);
        const pu_ef *dial = &l->dials[l->dial_count - 1];
        assert_int_equal(dial->what, PU_ROLE_CLIENT);
        assert_int_equal(dial->socket, PU_SOCKET_MAIN);
        assert_int_equal(dial->transport, PU_TRANSPORT_QUIC);
        assert_int_equal(dial->deadline, l->now + l->config.dcutr_round_ns);
        assert_true(pu_endpoint_equal(&dial->remote, endpoint_of(1)));
        lab_finish(l, s);
        lab_pass(l, 12 * PU_S);
        for (uint32_t i = 0; i < 2; i++)
            lab_step(l, (pu_in){.kind = PU_IN_DIAL_FAIL,
                                .token = l->dials[2 * (round - 1) + i].token,
                                .code = PU_CODE_TIMEOUT});
    }
    assert_int_equal(l->packet_count, 0);
    lab_stream *s = lab_open(l, conn, DCUTR);
    give(l, s, WIRE_DCUTR_CONNECT, 2, 'g');
    assert_true(s->is_reset);
    lab_pass(l, l->config.dcutr_retry_ns / 2);
    s = lab_open(l, conn, DCUTR);
    give(l, s, WIRE_DCUTR_CONNECT, 2, 'g');
    assert_false(s->is_reset);
    assert_int_equal(l->traced[PU_TR_PUNCH_START], 2);
    lab_end(l);
}

/* A peer that can be reached needs no punch: A dials what it says of itself, QUIC and TCP, once. */
static void a_dials_what_identify_says(void **state)
{
    (void)state;
    lab *l = quiet_lab();
    lab_step(l, (pu_in){.kind = PU_IN_ADDR,
                        .local = lab_endpoint(0),
                        .transport = PU_TRANSPORT_TCP,
                        .socket = PU_SOCKET_MAIN});
    pu_handle conn = lab_connect(l, PEER, PU_RELAYED | PU_LIMITED | PU_DIALLER, 0);
    uint8_t quic[PU_MADDR_MAX], tcp[PU_MADDR_MAX], near[PU_MADDR_MAX], bytes[256], key[32], pb[36];
    pu_endpoint private = pu_endpoint_ip4(192, 168, 0, 9, 4001);
    l->crypto[PEER].public_key(l->crypto[PEER].ctx, key);
    pu_public_key_pb(pb, key);
    wire_identify m = {.public_key = span_of(pb, 36), .addr_count = 3};
    m.addrs[0] = span_of(tcp, pu_addr_write(tcp, endpoint_of(7), PU_TRANSPORT_TCP));
    m.addrs[1] = span_of(near, pu_addr_write(near, &private, PU_TRANSPORT_QUIC));
    m.addrs[2] = span_of(quic, pu_addr_write(quic, endpoint_of(7), PU_TRANSPORT_QUIC));
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_identify_write(&out, &m);
    lab_give_framed(l, lab_accept_proto(l, conn, IDENTIFY), buf_span(&out), true);
    assert_int_equal(l->dial_count, 2);
    assert_int_equal(l->dials[0].transport, PU_TRANSPORT_QUIC);
    assert_int_equal(l->dials[1].transport, PU_TRANSPORT_TCP);
    for (int i = 0; i < 2; i++) {
        assert_true(pu_endpoint_equal(&l->dials[i].remote, endpoint_of(7)));
        assert_int_equal(l->dials[i].what, PU_ROLE_CLIENT);
        assert_int_equal(l->dials[i].deadline, l->now + l->config.dcutr_round_ns);
    }
    lab_give_framed(l, lab_open(l, conn, PUSH), buf_span(&out), true); /* nothing new */
    assert_int_equal(l->dial_count, 2);
    pu_in up = {.kind = PU_IN_CONN_UP, /* TCP comes first: it stays */
                .conn = lab_conn_next(l),
                .token = l->dials[1].token,
                .peer = lab_id(l, PEER),
                .flags = PU_DIALLER,
                .transport = PU_TRANSPORT_TCP,
                .local = lab_endpoint(0),
                .remote = *endpoint_of(7)};
    lab_step(l, up);
    lab_step(l, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = up.conn});
    assert_int_equal(l->cancel_count, 0);
    assert_int_equal(l->hangup_count, 0);
    lab_connect(l, PEER, PU_DIALLER, l->dials[0].token);
    assert_int_equal(l->hangup_count, 0);
    lab_end(l);
}

static void nonsense_is_reset_and_dials_nobody(void **state)
{
    (void)state;
    static const struct {
        enum wire_dcutr_type first;
        uint32_t count;
        char scope;
    } cases[] = {
        {WIRE_DCUTR_SYNC, 0, 'g'},    {WIRE_DCUTR_SYNC, 2, 'g'},       {WIRE_DCUTR_CONNECT, 0, 'g'},
        {WIRE_DCUTR_CONNECT, 3, 'p'}, {WIRE_DCUTR_CONNECT, 3, 'r'},    {WIRE_DCUTR_CONNECT, 3, 't'},
        {WIRE_DCUTR_CONNECT, 3, 'x'}, {WIRE_DCUTR_CONNECT, 1000, 'g'},
    };
    lab *l = quiet_lab();
    pu_handle conn = relayed_out(l);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab_stream *s = lab_open(l, conn, DCUTR);
        give(l, s, cases[i].first, cases[i].count, cases[i].scope);
        assert_true(s->is_reset);
        assert_int_equal(s->code, PU_CODE_VIOLATION);
    }
    lab_stream *s = lab_open(l, conn, DCUTR);
    give(l, s, WIRE_DCUTR_CONNECT, 1, 'g');
    give(l, s, WIRE_DCUTR_CONNECT, 1, 'g'); /* twice */
    assert_true(s->is_reset);
    s = lab_open(l, conn, DCUTR);
    lab_pass(l, l->config.dcutr_ns);
    assert_true(s->is_reset); /* silence */
    assert_int_equal(l->dial_count, 0);
    lab_end(l);
}

/* Of what the peer names only what a punch can use is dialled, and two of one IP. */
static void only_usable_addresses_are_dialled(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "/ip4/9.9.5.1/udp/1/quic-v1",         "/ip4/9.9.5.1/udp/1/quic-v1", /* twice */
        "/ip4/9.9.5.1/udp/2/quic-v1",         "/ip4/9.9.5.1/udp/3/quic-v1", /* a third of that IP */
        "/ip4/9.9.5.2/udp/0/quic-v1",         "/ip4/9.9.5.3/tcp/1",
        "/ip4/10.0.0.1/udp/1/quic-v1",        "/ip6/64:ff9b::a00:1/udp/1/quic-v1",
        "/dns4/x.example/udp/1/quic-v1",      "/ip4/9.9.5.4/udp/1/quic-v1/p2p/{B}/p2p-circuit",
        "/ip4/9.9.5.5/udp/1/quic-v1/p2p/{B}", "/ip4/9.9.5.6/udp/1/quic-v1/p2p/{C}", /* the peer */
    };
    lab *l = lab_started();
    lab_stream *s = lab_open(l, relayed_out(l), DCUTR);
    uint8_t bytes[1024], maddr[PU_MADDR_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    pb_put_uint(&out, 1, WIRE_DCUTR_CONNECT);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        pb_put_bytes(&out, 2, lab_maddr(l, texts[i], maddr));
    assert_false(out.full);
    lab_give_framed(l, s, buf_span(&out), false);
    give(l, s, WIRE_DCUTR_SYNC, 0, 'g');
    assert_int_equal(l->dial_count, 3);
    lab_end(l);
}

static void only_so_many_addresses_are_dialled(void **state)
{
    (void)state;
    lab *l = lab_started();
    lab_stream *s = lab_open(l, relayed_out(l), DCUTR);
    give(l, s, WIRE_DCUTR_CONNECT, 100, 'g');
    give(l, s, WIRE_DCUTR_SYNC, 0, 'g');
    assert_int_equal(l->dial_count, WIRE_DCUTR_ADDRS_MAX);
    lab_end(l);
}

/* STOP hangs up everything, and what is being dialled is not to come up after it is done (go-libp2p
 * hung there). */
static void stop_gives_up_what_is_dialled(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = relayed_out(l);
    lab_stream *s = lab_open(l, conn, DCUTR);
    give(l, s, WIRE_DCUTR_CONNECT, 2, 'g');
    lab_stream *late = lab_open(l, conn, DCUTR);
    give(l, s, WIRE_DCUTR_SYNC, 0, 'g');
    assert_int_equal(l->dial_count, 2);
    give(l, late, WIRE_DCUTR_CONNECT, 3, 'g');
    assert_false(late->is_reset);
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND, .what = PU_CMD_STOP, .token = 5});
    assert_int_equal(l->cancel_count, 2);
    give(l, late, WIRE_DCUTR_SYNC, 0, 'g'); /* before the connection is hung up */
    assert_int_equal(l->dial_count, 2);
    lab_pass(l, 0);
    assert_int_equal(l->hangup_count, 1);
    lab_down(l, conn);
    const pu_ef *done = &l->events[l->event_count - 1];
    assert_int_equal(done->what, PU_EVENT_DONE);
    assert_int_equal(done->token, 5);
    lab_end(l);
}

/* Only who dialled a relayed connection answers on it. */
static void others_are_refused(void **state)
{
    (void)state;
    static const uint32_t flags[] = {0, PU_DIALLER, PU_RELAYED | PU_LIMITED};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        lab *l = lab_started();
        lab_stream *s = lab_open(l, lab_connect(l, PEER, flags[i], 0), DCUTR);
        assert_true(s->is_reset);
        assert_int_equal(s->code, PU_CODE_VIOLATION);
        lab_end(l);
    }
}

int dcutr_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b_is_the_server_and_at_last_also_the_client),
        cmocka_unit_test(the_swapped_roles_connect),
        cmocka_unit_test(a_connection_from_a_ends_the_punch),
        cmocka_unit_test(a_late_stream_is_given_back),
        cmocka_unit_test(b_does_not_dial_after_the_round),
        cmocka_unit_test(b_dials_a_public_peer_before_it_punches),
        cmocka_unit_test(a_failed_exchange_is_tried_again),
        cmocka_unit_test(a_peer_without_the_protocol_is_not_asked_again),
        cmocka_unit_test(attempts_follow_after_growing_pauses),
        cmocka_unit_test(new_addresses_shorten_the_rest),
        cmocka_unit_test(the_same_addresses_shorten_nothing),
        cmocka_unit_test(a_lost_direct_connection_is_punched_again),
        cmocka_unit_test(what_comes_during_a_rest_is_no_punch),
        cmocka_unit_test(it_is_served_with_an_address_only),
        cmocka_unit_test(a_is_the_client_in_every_round),
        cmocka_unit_test(a_dials_what_identify_says),
        cmocka_unit_test(nonsense_is_reset_and_dials_nobody),
        cmocka_unit_test(only_usable_addresses_are_dialled),
        cmocka_unit_test(only_so_many_addresses_are_dialled),
        cmocka_unit_test(stop_gives_up_what_is_dialled),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests_name("dcutr", tests, NULL, NULL);
}
