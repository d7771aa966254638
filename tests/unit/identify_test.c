/* identify_test.c - identify on one node: what it tells, what it believes, how much of it a peer
 * may send, and whom it asks again. */
#include "tests/unit/identify_play.h"

int identify_test(void);

/* ---- telling ---- */

static void it_tells_a_signed_record_with_rising_numbers(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    uint64_t last = 0;
    for (int i = 0; i < 3; i++) {
        wire_identify m;
        lab_stream *s = lab_open(l, conn, IDENTIFY);
        assert_true(s->is_finished);
        read_told(s, &m);
        assert_true(names_protocol(&m, IDENTIFY) && names_protocol(&m, PUSH));
        assert_false(names_protocol(&m, HOP));
        assert_int_equal(m.addr_count, 1);
        uint64_t seq = check_record(l, &m);
        assert_true(seq > last && seq >= LAB_UNIX_S * PU_S);
        last = seq;
        lab_finish(l, s);
    }
    lab_end(l);
}

/* The clock going back makes no record older than one that was given out. */
static void numbers_rise_when_the_clock_falls(void **state)
{
    (void)state;
    lab *l = lab_started();
    wire_identify m;
    pu_handle conn = lab_connect(l, B, 0, 0);
    read_told(lab_open(l, conn, IDENTIFY), &m);
    uint64_t first = check_record(l, &m);
    lab_clock(l, 1000);
    read_told(lab_open(l, conn, IDENTIFY), &m);
    assert_true(check_record(l, &m) > first);
    lab_end(l);
}

/* Sixteen addresses twice fit into what rust reads. */
static void what_is_told_fits_one_message(void **state)
{
    (void)state;
    lab *l = lab_new();
    lab_begin(l);
    for (uint8_t i = 0; i < 16; i++) {
        pu_endpoint at = {.ip = {0x20, 1, 9, 9, [15] = i}, .port = 4001};
        lab_local(l, at, PU_LISTEN);
    }
    lab_step(l, (pu_in){.kind = PU_IN_TICK});
    wire_identify m;
    lab_stream *s = lab_open(l, lab_connect(l, B, 0, 0), IDENTIFY);
    assert_true(lab_body(s).len <= 4096);
    read_told(s, &m);
    assert_int_equal(m.addr_count, 16);
    check_record(l, &m);
    lab_end(l);
}

/* ---- believing ---- */

static void a_record_supersedes_plain_addresses(void **state)
{
    (void)state;
    lab *l = lab_started();
    identified(l, B, (telling){.ports = {1, 2, 3}});
    assert_int_equal(known(l, B), 3);
    identified(l, C,
               (telling){.ports = {1, 2, 3},
                         .has_record = true,
                         .signer = C,
                         .named = C,
                         .seq = 5,
                         .record_ports = {7}});
    assert_int_equal(known(l, C), 1);
    identified(l, D,
               (telling){.ports = {1, 2, 3},
                         .has_record = true,
                         .signer = D,
                         .named = D,
                         .seq = 5,
                         .record_ports = {7, 8},
                         .kind = &envelope_peer_record_legacy});
    assert_int_equal(known(l, D), 2);
    assert_int_equal(l->traced[PU_TR_RECORD_REFUSED], 0);
    lab_end(l);
}

/* RUSTSEC-2022-0009 is the third and fourth of them. */
static void a_record_that_does_not_hold_is_ignored_and_traced(void **state)
{
    (void)state;
    static const struct {
        telling t;
        enum record_verdict want;
    } cases[] = {
        {{.signer = B, .named = B, .is_spoiled = true}, RECORD_FORGED},
        {{.signer = C, .named = B}, RECORD_NOT_THEIRS},
        {{.signer = B, .named = C}, RECORD_NOT_THEIRS},
        {{.signer = C, .named = C}, RECORD_NOT_THEIRS},
        {{.signer = B, .named = B, .kind = &envelope_voucher}, RECORD_OTHER_KIND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab *l = lab_started();
        telling t = cases[i].t;
        t.has_record = true;
        t.seq = 9;
        t.ports[0] = 1;
        t.ports[1] = 2;
        t.record_ports[0] = 3;
        identified(l, B, t);
        assert_int_equal(l->traced[PU_TR_RECORD_REFUSED], 1);
        assert_int_equal(l->traced_a[PU_TR_RECORD_REFUSED], cases[i].want);
        assert_int_equal(l->traced[PU_TR_IDENTIFIED], 1);
        assert_int_equal(known(l, B), 2);
        assert_int_equal(known(l, C), 0);
        lab_end(l);
    }
}

static void only_a_greater_number_is_newer(void **state)
{
    (void)state;
    static const struct {
        uint64_t seq;
        bool is_newer;
    } cases[] = {{0, true}, {0, false},         {5, true},           {4, false}, {5, false},
                 {6, true}, {UINT64_MAX, true}, {UINT64_MAX, false}, {1, false}};
    lab *l = lab_started();
    uint32_t refused = 0;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pu_handle conn = identified(l, B,
                                    (telling){.has_record = true,
                                              .signer = B,
                                              .named = B,
                                              .seq = cases[i].seq,
                                              .record_ports = {100 + i}});
        refused += !cases[i].is_newer;
        assert_int_equal(l->traced[PU_TR_RECORD_REFUSED], refused);
        assert_int_equal(known(l, B), 1); /* the newest record's */
        lab_down(l, conn);
    }
    assert_int_equal(l->traced_a[PU_TR_RECORD_REFUSED], RECORD_STALE);
    lab_end(l);
}

/* go sends the record in a message of its own, after the plain addresses. */
static void a_record_may_come_in_a_second_message(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
    tell(l, s, (telling){.peer = B, .ports = {1}, .protocols = {HOP}}, false);
    telling t = {.has_record = true, .signer = B, .named = B, .seq = 1, .record_ports = {2}};
    tell(l, s, t, true);
    assert_int_equal(known(l, B), 1);
    assert_int_equal(l->traced_a[PU_TR_IDENTIFIED], 1);
    lab_end(l);
}

/* A client tells its relay the address that leads through that relay. */
/* Private addresses are worth something to a neighbour, and all of them to the same host. */
static void addresses_of_other_reach_are_believed_nearby(void **state)
{
    (void)state;
    static const struct {
        uint8_t remote[4];
        uint32_t known; /* of one global, one private, one loopback, one reserved address */
    } cases[] = {{{9, 9, 9, 2}, 1}, {{10, 0, 0, 7}, 2}, {{127, 0, 0, 1}, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab *l = lab_started();
        const uint8_t *ip = cases[i].remote;
        l->elsewhere = pu_endpoint_ip4(ip[0], ip[1], ip[2], ip[3], 4001);
        pu_handle conn = lab_connect(l, B, 0, 0);
        uint8_t bytes[512], key[32], key_pb[36], maddrs[4][PU_MADDR_MAX];
        static const uint8_t told[4][4] = {
            {9, 9, 9, 80}, {192, 168, 7, 7}, {127, 0, 0, 1}, {224, 0, 0, 1}};
        l->crypto[B].public_key(l->crypto[B].ctx, key);
        pu_public_key_pb(key_pb, key);
        wire_identify m = {.public_key = span_of(key_pb, 36), .addr_count = 4};
        for (size_t k = 0; k < 4; k++) {
            pu_endpoint at = pu_endpoint_ip4(told[k][0], told[k][1], told[k][2], told[k][3], 4001);
            m.addrs[k] = span_of(maddrs[k], pu_addr_write(maddrs[k], &at, PU_TRANSPORT_QUIC));
        }
        pu_buf out = buf_of(bytes, sizeof bytes);
        wire_identify_write(&out, &m);
        lab_give_framed(l, lab_accept_proto(l, conn, IDENTIFY), buf_span(&out), true);
        assert_int_equal(known(l, B), cases[i].known);
        lab_end(l);
    }
}

/* Fills in the key of peer. */
static void put_key(const lab *l, int peer, uint8_t key_pb[36], wire_identify *m)
{
    uint8_t key[32];
    l->crypto[peer].public_key(l->crypto[peer].ctx, key);
    pu_public_key_pb(key_pb, key);
    m->public_key = span_of(key_pb, 36);
}

static void give_identify(lab *l, lab_stream *s, const wire_identify *m, bool fin)
{
    static uint8_t bytes[8192];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_identify_write(&out, m);
    assert_false(out.full);
    assert_non_null(s);
    lab_give_framed(l, s, buf_span(&out), fin);
}

/* Of a peer's many addresses those are taken that we could dial and that are its own. */
static void odd_addresses_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool counts;
    } cases[] = {
        {"/ip4/9.9.5.1/udp/4001/quic-v1", true},
        {"/ip4/9.9.5.1/tcp/4001", true},
        {"/ip4/9.9.5.1/udp/4001/quic-v1/p2p/{B}", false}, /* the first again */
        {"/ip4/9.9.5.2/udp/4001/quic-v1/p2p/{C}", false},
        {"/ip4/9.9.5.3/udp/4001/quic-v1/p2p/{B}", true},
        {"/ip4/9.9.5.4/udp/4001/quic", false},
        {"/ip4/9.9.5.4/udp/4001/webrtc-direct", false},
        {"/ip4/9.9.5.5/tcp/4001/ws", false},
        {"/ip4/9.9.5.6/tcp/4001/p2p/{C}/p2p-circuit", true},
        {"/p2p/{C}/p2p-circuit", false},
        {"/ip4/9.9.5.7/udp/0/quic-v1", false},
        {"/ip6/2a00::1/udp/4001/quic-v1", true},
        {"/ip6/2002:a00:1::1/udp/4001/quic-v1", false},
        {"/memory/7", false},
        {"/unix/a", false},
    };
    enum { COUNT = sizeof cases / sizeof cases[0] };
    static uint8_t maddrs[COUNT][PU_MADDR_MAX];
    lab *l = lab_started();
    static wire_identify m;
    uint8_t key_pb[36];
    uint32_t count = 0;
    memset(&m, 0, sizeof m);
    put_key(l, B, key_pb, &m);
    for (size_t i = 0; i < COUNT; i++) {
        m.addrs[m.addr_count++] = lab_maddr(l, cases[i].text, maddrs[i]);
        count += cases[i].counts;
    }
    m.addrs[m.addr_count++] = SPAN_LITERAL("nonsense");
    pu_handle conn = lab_connect(l, B, 0, 0);
    give_identify(l, lab_accept_proto(l, conn, IDENTIFY), &m, true);
    assert_int_equal(known(l, B), count);
    lab_end(l);
}

/* Over all messages of a stream: 256 protocols (go-libp2p#3501: thousands in ten messages), 128
 * addresses; an agent of any length. */
static void floods_are_cut(void **state)
{
    (void)state;
    static uint8_t maddrs[100][PU_MADDR_MAX];
    static char agent[600];
    static wire_identify m;
    lab *l = lab_new();
    uint8_t key_pb[36];
    l->config.book_addrs_max = 64;
    lab_begin(l);
    lab_address(l, B, PU_RELAY);
    lab_start(l);
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
    memset(agent, 'a', sizeof agent);
    for (uint32_t part = 0; part < 3; part++) {
        memset(&m, 0, sizeof m);
        put_key(l, B, key_pb, &m);
        m.agent_version = span_of(agent, sizeof agent);
        for (; m.protocol_count < 100; m.protocol_count++)
            m.protocols[m.protocol_count] = SPAN_LITERAL("/x");
        if (part == 2) m.protocols[99] = SPAN_LITERAL(HOP); /* the 300th */
        for (uint32_t i = 0; i < 60; i++) {
            char text[64];
            snprintf(text, sizeof text, "/ip4/9.9.%u.%u/udp/4001/quic-v1", (unsigned)part + 1,
                     (unsigned)i);
            m.addrs[m.addr_count++] = lab_maddr(l, text, maddrs[i]);
        }
        give_identify(l, s, &m, part == 2);
    }
    assert_int_equal(l->traced[PU_TR_IDENTIFIED], 1);
    assert_int_equal(l->traced_a[PU_TR_IDENTIFIED], 256);
    assert_int_equal(known(l, B), 64);
    assert_null(lab_accept_proto(l, conn, HOP)); /* a relay, but that was not heard */
    lab_end(l);
}

/* Only a QUIC connection tells how others see the socket that matters, and only as an address. */
static void observations_are_taken_from_quic(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t flags;
        bool counts;
    } cases[] = {
        {"/ip4/9.9.5.1/udp/4001/quic-v1", 0, true},
        {"/ip4/9.9.5.1/udp/4001/quic-v1", PU_RELAYED | PU_LIMITED, false},
        {"/ip4/9.9.5.1/tcp/4001", 0, false},
        {"/ip4/9.9.5.1/udp/4001/webrtc-direct", 0, false},
        {"/ip4/9.9.5.1/udp/4001/quic-v1/p2p/{C}/p2p-circuit", 0, false},
        {"/dns4/x.example/udp/4001/quic-v1", 0, false},
        {"/ip4/192.168.0.1/udp/4001/quic-v1", 0, false},
        {"/ip4/9.9.5.1/udp/0/quic-v1", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab *l = lab_started();
        uint8_t maddr[PU_MADDR_MAX], key_pb[36];
        static wire_identify m;
        memset(&m, 0, sizeof m);
        put_key(l, B, key_pb, &m);
        m.observed = lab_maddr(l, cases[i].text, maddr);
        pu_handle conn = lab_connect(l, B, cases[i].flags, 0);
        give_identify(l, lab_accept_proto(l, conn, IDENTIFY), &m, true);
        assert_int_equal(l->traced[PU_TR_OBSERVED], cases[i].counts);
        lab_end(l);
    }
}

/* A stream that ends without a word says nothing: asked for, it is asked for again. */
static void nothing_told_is_nothing_known(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_finish(l, lab_accept_proto(l, conn, IDENTIFY));
    lab_finish(l, lab_open(l, conn, PUSH));
    assert_int_equal(l->traced[PU_TR_IDENTIFIED], 0);
    lab_pass(l, l->config.identify_ns);
    assert_non_null(lab_accept_proto(l, conn, IDENTIFY));
    lab_end(l);
}

static void circuits_through_ourselves_are_not_learned(void **state)
{
    (void)state;
    lab *l = lab_started();
    for (int via = 0; via <= D; via += D) {
        uint8_t maddr[PU_MADDR_MAX + 64], bytes[256], key[32], key_pb[36];
        pu_endpoint at = lab_endpoint(via);
        pu_buf b = buf_of(maddr, sizeof maddr), out = buf_of(bytes, sizeof bytes);
        b.len = pu_addr_write(maddr, &at, PU_TRANSPORT_QUIC);
        varint_put(&b, PU_MA_P2P);
        varint_put(&b, l->id[via].len);
        buf_put_span(&b, lab_id(l, via));
        varint_put(&b, PU_MA_CIRCUIT);
        l->crypto[B].public_key(l->crypto[B].ctx, key);
        pu_public_key_pb(key_pb, key);
        wire_identify m = {.public_key = span_of(key_pb, 36), .addr_count = 1};
        m.addrs[0] = buf_span(&b);
        wire_identify_write(&out, &m);
        assert_false(b.full || out.full);
        pu_handle conn = lab_connect(l, B, 0, 0);
        lab_give_framed(l, lab_accept_proto(l, conn, IDENTIFY), buf_span(&out), true);
        assert_int_equal(known(l, B), via == D);
    }
    lab_end(l);
}

static void wrong_keys_and_floods_are_ignored(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
    tell(l, s, (telling){.peer = C, .ports = {1}}, true);
    assert_int_equal(l->traced[PU_TR_MALFORMED], 1);
    assert_int_equal(l->traced[PU_TR_IDENTIFIED], 0);
    assert_int_equal(known(l, B), 0);

    conn = lab_connect(l, C, 0, 0);
    s = lab_accept_proto(l, conn, IDENTIFY);
    for (int i = 0; i < 10; i++) tell(l, s, (telling){.peer = C}, false);
    assert_false(s->is_reset);
    tell(l, s, (telling){.peer = C}, false); /* the eleventh */
    assert_true(s->is_reset);
    assert_int_equal(s->code, PU_CODE_VIOLATION);

    conn = lab_connect(l, D, 0, 0);
    s = lab_accept_proto(l, conn, IDENTIFY);
    lab_give(l, s, SPAN_LITERAL("\x81\x40"), false); /* 8,193 bytes are announced */
    assert_true(s->is_reset);
    assert_int_equal(l->traced[PU_TR_OVERSIZED], 1);
    lab_end(l);
}

static void silence_ends_an_exchange(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
    lab_pass(l, l->config.identify_ns - 1);
    assert_false(s->is_reset);
    lab_pass(l, 1);
    assert_true(s->is_reset);
    assert_int_equal(s->code, PU_CODE_TIMEOUT);
    assert_int_equal(l->hangup_count, 0);
    lab_end(l);
}

/* The peer ends the node's identify stream in its own way. */
static void refuse(lab *l, lab_stream *s, uint32_t code)
{
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = s->conn,
                        .stream = s->handle,
                        .what = PU_DOWN_RESET,
                        .code = code});
    s->handle = 0;
}

/* Without an answer a peer is unknown as long as the connection lasts: it is asked again, after 5,
 * 10, 20 s and so on, at most 320 s. */
static void who_does_not_answer_is_asked_again(void **state)
{
    (void)state;
    static const uint32_t codes[] = {PU_CODE_RESOURCE, 0, 7, PU_CODE_RATE};
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    uint64_t pause_ns = l->config.identify_ns;
    for (uint32_t i = 0; i < 9; i++) {
        lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
        assert_non_null(s);
        refuse(l, s, codes[i % 4]);
        lab_pass(l, pause_ns - 1);
        assert_null(lab_accept_proto(l, conn, IDENTIFY));
        lab_pass(l, 1);
        if (i < 6) pause_ns *= 2;
    }
    assert_int_equal(pause_ns, 64 * l->config.identify_ns);
    lab_stream *silent = lab_accept_proto(l, conn, IDENTIFY);
    lab_pass(l, l->config.identify_ns);
    assert_int_equal(silent->code, PU_CODE_TIMEOUT);
    lab_pass(l, pause_ns);
    answer(l, conn, B, (telling){.protocols = {HOP}, .ports = {1}});
    assert_int_equal(l->traced[PU_TR_IDENTIFIED], 1);
    lab_pass(l, pause_ns);
    assert_null(lab_accept_proto(l, conn, IDENTIFY));
    lab_end(l);
}

static void who_does_not_speak_identify_is_let_be(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_stream *s = lab_stream_new(l, conn, IDENTIFY);
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_UP,
                        .conn = conn,
                        .stream = s->handle,
                        .token = l->open_tokens[0],
                        .offset = 1 << 20});
    l->opens[0] = 0;
    lab_give(l, s, SPAN_LITERAL("\x13/multistream/1.0.0\n\x03na\n"), false);
    assert_true(s->is_reset);
    lab_pass(l, 60 * PU_S);
    assert_null(lab_accept_proto(l, conn, IDENTIFY));
    lab_end(l);
}

/* A connection that ends takes its question with it. */
static void nobody_is_asked_who_is_gone(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, 0, 0);
    refuse(l, lab_accept_proto(l, conn, IDENTIFY), PU_CODE_RESOURCE);
    const char *why;
    assert_true(pu_node_deadline(l->node, &why) != PU_NEVER);
    lab_down(l, conn);
    assert_true(pu_node_deadline(l->node, &why) == PU_NEVER);
    lab_end(l);
}

int identify_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_a_signed_record_with_rising_numbers),
        cmocka_unit_test(numbers_rise_when_the_clock_falls),
        cmocka_unit_test(what_is_told_fits_one_message),
        cmocka_unit_test(a_record_supersedes_plain_addresses),
        cmocka_unit_test(a_record_that_does_not_hold_is_ignored_and_traced),
        cmocka_unit_test(only_a_greater_number_is_newer),
        cmocka_unit_test(a_record_may_come_in_a_second_message),
        cmocka_unit_test(addresses_of_other_reach_are_believed_nearby),
        cmocka_unit_test(odd_addresses_are_passed_over),
        cmocka_unit_test(floods_are_cut),
        cmocka_unit_test(observations_are_taken_from_quic),
        cmocka_unit_test(nothing_told_is_nothing_known),
        cmocka_unit_test(circuits_through_ourselves_are_not_learned),
        cmocka_unit_test(wrong_keys_and_floods_are_ignored),
        cmocka_unit_test(silence_ends_an_exchange),
        cmocka_unit_test(who_does_not_answer_is_asked_again),
        cmocka_unit_test(who_does_not_speak_identify_is_let_be),
        cmocka_unit_test(nobody_is_asked_who_is_gone),
    };
    return cmocka_run_group_tests_name("identify", tests, NULL, NULL);
}
