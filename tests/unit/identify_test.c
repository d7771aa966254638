/* identify_test.c - identify and identify push on one node: what it tells, what it believes, when
 * it pushes, and how much of it a peer may send. */
#include "tests/unit/lab.h"
#include "wire/wire_identify.h"
#include "wire/wire_record.h"

int identify_test(void);

#define IDENTIFY "/ipfs/id/1.0.0"
#define PUSH "/ipfs/id/push/1.0.0"
#define HOP "/libp2p/circuit/relay/0.2.0/hop"

enum { B = 1, C = 2, D = 3 };

/* ---- a peer's messages ---- */

typedef struct telling {
    int peer; /* whose key goes into it; 0: none */
    const char *protocols[8];
    uint32_t ports[8]; /* of addresses 9.9.9.100; 0 ends */
    /* the record */
    bool has_record;
    int signer, named; /* who signs, whom it names */
    uint64_t seq;
    uint32_t record_ports[8];
    const envelope_kind *kind;
    bool is_spoiled; /* one bit of the signature is wrong */
} telling;

static void put_addr(pu_buf *pool, pu_span *out, uint32_t port)
{
    uint8_t maddr[PU_MADDR_MAX];
    pu_endpoint at = pu_endpoint_ip4(9, 9, 9, 100, (uint16_t)port);
    size_t len = pu_addr_write(maddr, &at, PU_TRANSPORT_QUIC), from = pool->len;
    buf_put(pool, maddr, len);
    *out = span_of(pool->base + from, len);
}

static pu_span record_of(const lab *l, const telling *t, pu_buf *pool)
{
    uint8_t bytes[2048], addr_bytes[512];
    pu_buf payload = buf_of(bytes, sizeof bytes), addrs = buf_of(addr_bytes, sizeof addr_bytes);
    wire_peer_record r = {.peer_id = lab_id(l, t->named), .seq = t->seq};
    for (; t->record_ports[r.addr_count] != 0; r.addr_count++)
        put_addr(&addrs, &r.addrs[r.addr_count], t->record_ports[r.addr_count]);
    wire_peer_record_write(&payload, &r);
    size_t from = pool->len;
    envelope_seal(pool, &l->crypto[t->signer], t->kind != NULL ? t->kind : &envelope_peer_record,
                  buf_span(&payload));
    assert_false(payload.full || pool->full);
    if (t->is_spoiled) pool->base[pool->len - 1] ^= 1;
    return span_of(pool->base + from, pool->len - from);
}

static void tell(lab *l, lab_stream *s, telling t, bool fin)
{
    uint8_t bytes[4096], pool_bytes[4096], key[32], key_pb[36];
    pu_buf out = buf_of(bytes, sizeof bytes), pool = buf_of(pool_bytes, sizeof pool_bytes);
    wire_identify m = {.agent_version = SPAN_LITERAL("test")};
    l->crypto[t.peer].public_key(l->crypto[t.peer].ctx, key);
    pu_public_key_pb(key_pb, key);
    if (t.peer != 0) m.public_key = span_of(key_pb, sizeof key_pb);
    for (; t.protocols[m.protocol_count] != NULL; m.protocol_count++)
        m.protocols[m.protocol_count] =
            span_of(t.protocols[m.protocol_count], strlen(t.protocols[m.protocol_count]));
    for (; t.ports[m.addr_count] != 0; m.addr_count++)
        put_addr(&pool, &m.addrs[m.addr_count], t.ports[m.addr_count]);
    if (t.has_record) m.signed_record = record_of(l, &t, &pool);
    wire_identify_write(&out, &m);
    assert_false(out.full || pool.full);
    lab_give_framed(l, s, buf_span(&out), fin);
}

/* How many addresses of a peer the node knows. */
static uint32_t known(const lab *l, int peer)
{
    uint32_t cursor = 0;
    pu_peer_row row;
    while (pu_node_read_peers(l->node, &cursor, &row))
        if (span_equal(row.peer, lab_id(l, peer))) return row.addrs;
    return 0;
}

/* conn's peer answers identify. */
static void answer(lab *l, pu_handle conn, int peer, telling t)
{
    lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
    assert_non_null(s);
    t.peer = peer;
    tell(l, s, t, true);
    assert_true(s->is_finished);
}

/* A connection with peer, who has answered identify. */
static pu_handle identified(lab *l, int peer, telling t)
{
    pu_handle conn = lab_connect(l, peer, 0, 0);
    answer(l, conn, peer, t);
    return conn;
}

/* ---- telling ---- */

static void read_told(const lab_stream *s, wire_identify *m)
{
    memset(m, 0, sizeof *m);
    assert_true(wire_identify_read(m, lab_message(s)));
}

static bool names_protocol(const wire_identify *m, const char *name)
{
    for (uint32_t i = 0; i < m->protocol_count; i++)
        if (span_equal(m->protocols[i], span_of(name, strlen(name)))) return true;
    return false;
}

static uint64_t check_record(const lab *l, const wire_identify *m)
{
    static const envelope_kind *const kinds[] = {&envelope_peer_record};
    pu_peer_id signer;
    pu_span payload;
    wire_peer_record r;
    assert_int_equal(envelope_open(&signer, &payload, &l->crypto[B], m->signed_record, kinds, 1),
                     RECORD_OK);
    assert_true(pu_peer_id_equal(&signer, &l->id[0]));
    assert_true(wire_peer_record_read(&r, payload));
    assert_true(span_equal(r.peer_id, lab_id(l, 0)));
    assert_int_equal(r.addr_count, m->addr_count);
    for (uint32_t i = 0; i < r.addr_count; i++) assert_true(span_equal(r.addrs[i], m->addrs[i]));
    return r.seq;
}

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
    uint32_t refused = 0, told = 0;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pu_handle conn = identified(l, B,
                                    (telling){.has_record = true,
                                              .signer = B,
                                              .named = B,
                                              .seq = cases[i].seq,
                                              .record_ports = {100 + i}});
        refused += !cases[i].is_newer;
        told += cases[i].is_newer;
        assert_int_equal(l->traced[PU_TR_RECORD_REFUSED], refused);
        assert_int_equal(known(l, B), told);
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
    assert_int_equal(known(l, B), 2);
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
        cmocka_unit_test(circuits_through_ourselves_are_not_learned),
        cmocka_unit_test(wrong_keys_and_floods_are_ignored),
        cmocka_unit_test(silence_ends_an_exchange),
        cmocka_unit_test(who_does_not_answer_is_asked_again),
        cmocka_unit_test(who_does_not_speak_identify_is_let_be),
        cmocka_unit_test(nobody_is_asked_who_is_gone),
        cmocka_unit_test(a_push_replaces_what_it_brings),
        cmocka_unit_test(pushes_have_a_rate),
        cmocka_unit_test(a_change_is_pushed_to_who_speaks_it),
        cmocka_unit_test(our_pushes_have_a_rate),
        cmocka_unit_test(a_switch_of_what_we_serve_is_pushed),
        cmocka_unit_test(many_connections_are_told_in_several_steps),
    };
    return cmocka_run_group_tests_name("identify", tests, NULL, NULL);
}
