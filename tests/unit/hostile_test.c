/* hostile_test.c - what broke other implementations above their transports, given to one node:
 * addresses, signed records, circuits; and peers that say a message byte by byte, of every
 * protocol.
 */
#include "tests/unit/hex.h"
#include "tests/unit/identify_play.h"
#include "wire/wire_relay.h"

int hostile_test(void);

#define STOP "/libp2p/circuit/relay/0.2.0/stop"
#define DCUTR "/libp2p/dcutr"
#define PING "/ipfs/ping/1.0.0"

/* ---- addresses ---- */

enum { BYTES = 8192 };

static pu_span key_of(const pu_crypto *crypto, uint8_t pb[PU_PUBLIC_KEY_PB_BYTES])
{
    uint8_t key[PU_ED25519_KEY_BYTES];
    crypto->public_key(crypto->ctx, key);
    pu_public_key_pb(pb, key);
    return span_of(pb, PU_PUBLIC_KEY_PB_BYTES);
}

/* A record of that many addresses, sealed by `crypto` and naming `peer`. */
static pu_span sealed(pu_buf *pool, const pu_crypto *crypto, pu_span peer, uint64_t seq,
                      const pu_span *addrs, uint32_t count)
{
    uint8_t bytes[2048];
    pu_buf payload = buf_of(bytes, sizeof bytes);
    size_t from = pool->len;
    pb_put_bytes(&payload, 1, peer);
    pb_put_uint(&payload, 2, seq);
    for (uint32_t i = 0; i < count; i++) {
        size_t mark = pb_open(&payload, 3);
        pb_put_bytes(&payload, 1, addrs[i]);
        pb_close(&payload, mark);
    }
    envelope_seal(pool, crypto, &envelope_peer_record, buf_span(&payload));
    assert_false(payload.full || pool->full);
    return span_of(pool->base + from, pool->len - from);
}

static void give_identify(lab *l, lab_stream *s, const wire_identify *m, bool fin)
{
    static uint8_t bytes[BYTES];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_identify_write(&out, m);
    assert_false(out.full);
    assert_non_null(s);
    lab_give_framed(l, s, buf_span(&out), fin);
}

/* js-libp2p#3478: an address of no bytes in a signed record; those beside it count. */
static void an_address_of_no_bytes_is_skipped(void **state)
{
    (void)state;
    uint8_t first[PU_MADDR_MAX], last[PU_MADDR_MAX], pool_bytes[BYTES], pb[PU_PUBLIC_KEY_PB_BYTES];
    pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes);
    lab *l = lab_started();
    const pu_span addrs[] = {lab_maddr(l, "/ip4/9.9.5.1/udp/4001/quic-v1", first), SPAN_LITERAL(""),
                             lab_maddr(l, "/ip4/9.9.5.2/udp/4001/quic-v1", last)};
    wire_identify m = {.public_key = key_of(&l->crypto[B], pb), .addr_count = 1};
    m.signed_record = sealed(&pool, &l->crypto[B], lab_id(l, B), 1, addrs, 3);
    m.addrs[0] = SPAN_LITERAL("");
    give_identify(l, lab_accept_proto(l, lab_connect(l, B, 0, 0), IDENTIFY), &m, true);
    assert_int_equal(l->traced[PU_TR_RECORD_REFUSED], 0);
    assert_int_equal(l->traced[PU_TR_IDENTIFIED], 1);
    assert_int_equal(known(l, B), 2);
    lab_end(l);
}

/* OpenBazaar#1275: addresses whose lengths are right and whose values are none ended the process
 * when they were shown. Wherever they come, they are as if they were not there. */
static void values_that_cannot_be_shown_are_no_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool is_good;
    } cases[] = {
        {"04 09090501 9102 0fa1 cc03 a503 02 0000", false}, /* an id of nothing */
        {"04 09090501 9102 0fa1 cd03 a503 03 130155", false},
        {"a503 03 130155", false},
        {"bc03 00000000000000000000 0000", false}, /* an onion at port 0 */
        {"35 01 ff 9102 0fa1 cd03", false},        /* a name that is no text */
        {"9003 00", false},
        {"2a 00", false},
        {"35 00", false},
        {"04 09090501 9102 0fa1 cd03", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[64], pool_bytes[BYTES], pb[PU_PUBLIC_KEY_PB_BYTES];
        pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes);
        lab *l = lab_started();
        pu_span bad = hex_bytes(cases[i].hex, bytes, sizeof bytes);
        assert_int_equal(pu_maddr_valid(bad), cases[i].is_good);
        wire_identify m = {.public_key = key_of(&l->crypto[B], pb), .observed = bad};
        m.addrs[m.addr_count++] = bad;
        lab_stream *s = lab_accept_proto(l, lab_connect(l, B, 0, 0), IDENTIFY);
        give_identify(l, s, &m, false);
        assert_int_equal(known(l, B), cases[i].is_good);
        m.signed_record = sealed(&pool, &l->crypto[B], lab_id(l, B), 1, &bad, 1);
        give_identify(l, s, &m, true);
        assert_int_equal(l->traced[PU_TR_IDENTIFIED], 1);
        assert_int_equal(l->traced[PU_TR_OBSERVED] > 0, cases[i].is_good);
        assert_int_equal(known(l, B), cases[i].is_good);
        lab_end(l);
    }
}

/* CVE-2023-40583: good records of peers that nobody has seen, a thousand keys long. And
 * RUSTSEC-2022-0009: records whose signer and subject differ, in both ways. Nothing of them is
 * kept. */
static void records_of_strangers_leave_nothing(void **state)
{
    (void)state;
    enum { ROUNDS = 100, EACH = 10 };
    lab *l = lab_started();
    lab_down(l, identified(l, B, (telling){.ports = {1}}));
    size_t peers = pu_peers_count(l->peers), bytes = l->heap.live_bytes;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        pu_handle conn = lab_connect(l, B, 0, 0);
        lab_stream *s = lab_accept_proto(l, conn, IDENTIFY);
        for (uint32_t k = 0; k < EACH; k++) {
            pu_crypto crypto;
            pu_crypto_model model;
            pu_peer_id id;
            uint8_t maddr[PU_MADDR_MAX], pool_bytes[BYTES], pb[PU_PUBLIC_KEY_PB_BYTES];
            uint8_t seed[32] = {0xee, (uint8_t)i, (uint8_t)k}, key[PU_ED25519_KEY_BYTES];
            pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes);
            pu_crypto_model_init(&crypto, &model, seed);
            crypto.public_key(crypto.ctx, key);
            pu_peer_id_from_ed25519(&id, key);
            pu_span at = lab_maddr(l, "/ip4/9.9.5.1/udp/4001/quic-v1", maddr);
            const pu_crypto *signer = k % 3 == 2 ? &l->crypto[B] : &crypto;
            pu_span named = k % 3 == 1 ? lab_id(l, B) : span_of(id.bytes, id.len);
            wire_identify m = {.public_key = key_of(&l->crypto[B], pb)};
            m.signed_record = sealed(&pool, signer, named, 1 + i, &at, 1);
            give_identify(l, s, &m, k == EACH - 1);
            assert_int_equal(l->traced_a[PU_TR_RECORD_REFUSED], RECORD_NOT_THEIRS);
        }
        assert_int_equal(l->traced[PU_TR_RECORD_REFUSED], (i + 1) * EACH);
        lab_down(l, conn);
        assert_int_equal(known(l, B), 1);
        assert_int_equal(pu_peers_count(l->peers), peers);
        assert_in_range(l->heap.live_bytes, bytes / 2, bytes + 16384);
    }
    lab_end(l);
}

/* go-libp2p#3486: addresses without end of peers that come, tell and go. */
static void addresses_without_end_are_so_many(void **state)
{
    (void)state;
    lab *l = lab_started();
    size_t most = 0;
    for (uint32_t round = 0; round < 40; round++) {
        static uint8_t maddrs[WIRE_IDENTIFY_ADDRS_MAX][PU_MADDR_MAX];
        static wire_identify m;
        uint8_t pb[PU_PUBLIC_KEY_PB_BYTES];
        int peer = 1 + (int)(round % 4);
        memset(&m, 0, sizeof m);
        m.public_key = key_of(&l->crypto[peer], pb);
        for (; m.addr_count < 100; m.addr_count++) {
            pu_endpoint at = pu_endpoint_ip4(9, 8, (uint8_t)round, (uint8_t)m.addr_count, 4001);
            uint8_t *maddr = maddrs[m.addr_count];
            m.addrs[m.addr_count] = span_of(maddr, pu_addr_write(maddr, &at, PU_TRANSPORT_QUIC));
        }
        pu_handle conn = lab_connect(l, peer, 0, 0);
        give_identify(l, lab_accept_proto(l, conn, IDENTIFY), &m, true);
        lab_down(l, conn);
        assert_int_equal(known(l, peer), l->config.book_addrs_max);
        if (round == 3) most = l->heap.live_bytes;
        if (round > 3) assert_in_range(l->heap.live_bytes, 1, most + 16384);
    }
    lab_end(l);
}

/* go-libp2p#3487: what a newer record does not name any more is forgotten, not kept until it is
 * old; what was given, what has worked and what is near stays, and an empty record says nothing. */
static void a_newer_record_replaces_the_older_ones(void **state)
{
    (void)state;
    static const struct {
        const char *texts[4];
        uint32_t known; /* of what told; 1 more was given, and 1 more has worked */
    } records[] = {
        {{"/ip4/9.9.5.1/udp/4001/quic-v1", "/ip4/9.9.5.2/tcp/4001", "/ip4/10.0.0.8/tcp/4001",
          "/ip4/9.9.5.3/udp/4001/quic-v1/p2p/{C}/p2p-circuit"},
         4},
        {{"/ip4/9.9.5.2/tcp/4001", "/ip4/9.9.5.3/udp/4001/quic-v1/p2p/{D}/p2p-circuit"}, 3},
        {{"/ip4/9.9.5.1/tcp/4001", "nonsense"}, 2},
        {{NULL}, 2},
        {{"/ip4/9.9.9.2/udp/4001/quic-v1"}, 1}, /* the one that was given; and 10.0.0.8 */
    };
    lab *l = lab_new();
    l->config.ping_interval_ns = 3600 * PU_S; /* nobody answers here */
    lab_begin(l);
    lab_start(l);
    lab_address(l, B, 0);
    l->elsewhere = pu_endpoint_ip4(10, 0, 0, 7, 4001);
    for (uint32_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        uint8_t maddrs[4][PU_MADDR_MAX], pool_bytes[BYTES], pb[PU_PUBLIC_KEY_PB_BYTES];
        pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes);
        pu_span addrs[4];
        uint32_t count = 0;
        for (; count < 4 && records[i].texts[count] != NULL; count++) {
            const char *text = records[i].texts[count];
            bool is_one = text[0] == '/';
            addrs[count] = is_one ? lab_maddr(l, text, maddrs[count]) : SPAN_LITERAL("nonsense");
        }
        wire_identify m = {.public_key = key_of(&l->crypto[B], pb)};
        m.signed_record = sealed(&pool, &l->crypto[B], lab_id(l, B), 1 + i, addrs, count);
        pu_handle conn = lab_connect(l, B, i == 0 ? PU_DIALLER : 0, 0);
        give_identify(l, lab_accept_proto(l, conn, IDENTIFY), &m, true);
        assert_int_equal(known(l, B), 2 + records[i].known);
        lab_down(l, conn);
    }
    assert_int_equal(l->traced[PU_TR_RECORD_REFUSED], 0);
    lab_end(l);
}

/* ---- circuits ---- */

static lab_stream *hop_from(lab *l, pu_handle conn, const wire_relay *m, const char *behind)
{
    uint8_t bytes[WIRE_RELAY_MESSAGE_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    lab_stream *s = lab_open(l, conn, HOP);
    wire_hop_write(&out, m);
    buf_put(&out, behind, strlen(behind));
    lab_give(l, s, buf_span(&out), false);
    return s;
}

/* What the relay said on a stream: one message and what came behind it. */
static pu_span behind_message(const lab_stream *s)
{
    pu_span body = lab_body(s), message;
    assert_int_equal(varint_get_block(&body, LAB_BYTES, &message), VARINT_OK);
    return body;
}

/* Relays that read too much: what comes in one segment with a request or an answer goes through the
 * circuit, and once. */
static void what_comes_behind_a_message_goes_through(void **state)
{
    (void)state;
    lab *l = lab_new();
    l->config.relay_server = 1;
    lab_begin(l);
    lab_start(l);
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    (void)hop_from(l, b, &(wire_relay){.type = WIRE_HOP_RESERVE}, "");
    const wire_relay ask = {.type = WIRE_HOP_CONNECT, .peer_id = lab_id(l, B)};
    lab_stream *hop = hop_from(l, c, &ask, "from c"), *stop = lab_accept_proto(l, b, STOP);
    assert_non_null(stop);
    assert_int_equal(behind_message(stop).len, 0);
    uint8_t bytes[64];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_stop_write(
        &out, &(wire_relay){.type = WIRE_STOP_STATUS, .status = WIRE_RELAY_OK, .has_status = true});
    buf_put(&out, "from b", 6);
    lab_give(l, stop, buf_span(&out), false);
    lab_pass(l, 0); /* the timer at once: what waited is read */
    assert_true(span_equal(behind_message(stop), SPAN_LITERAL("from c")));
    assert_true(span_equal(behind_message(hop), SPAN_LITERAL("from b")));
    lab_end(l);
}

/* The same as a client: what comes behind the relay's answer is the circuit's first bytes. */
static void what_comes_behind_an_answer_is_the_circuits(void **state)
{
    (void)state;
    lab *l = lab_new();
    lab_begin(l);
    lab_address(l, B, PU_RELAY);
    lab_start(l);
    pu_handle conn = identified(l, B, (telling){.protocols = {HOP}});
    lab_stream *s = lab_accept_proto(l, conn, HOP);
    uint8_t bytes[64];
    pu_buf out = buf_of(bytes, sizeof bytes);
    const wire_relay ok = {.type = WIRE_HOP_STATUS,
                           .status = WIRE_RELAY_OK,
                           .has_status = true,
                           .has_reservation = true,
                           .expire_s = LAB_UNIX_S + 3600};
    wire_hop_write(&out, &ok);
    lab_give(l, s, buf_span(&out), true);
    lab_step(
        l,
        (pu_in){.kind = PU_IN_COMMAND, .what = PU_CMD_CONNECT, .token = 77, .peer = lab_id(l, D)});
    lab_pass(l, PU_S);
    s = lab_accept_proto(l, conn, HOP);
    out = buf_of(bytes, sizeof bytes);
    wire_hop_write(
        &out, &(wire_relay){.type = WIRE_HOP_STATUS, .status = WIRE_RELAY_OK, .has_status = true});
    buf_put(&out, "\x13/multi", 7);
    lab_give(l, s, buf_span(&out), false);
    assert_int_equal(l->upgrade_count, 1);
    assert_int_equal(l->upgrade_len, 7);
    assert_memory_equal(l->upgrade_bytes, "\x13/multi", 7);
    lab_end(l);
}

/* ---- messages byte by byte ---- */

/* A byte of s every half second, whatever it is that is said, until the node has enough; how long
 * that was. */
static uint64_t dribble(lab *l, lab_stream *s, pu_span said)
{
    pu_time begun = l->now;
    assert_non_null(s);
    for (size_t i = 0; !s->is_reset; i++) {
        uint8_t byte = i < said.len ? said.base[i] : 0;
        assert_true(i < 900);
        lab_give(l, s, span_of(&byte, 1), false);
        lab_pass(l, PU_S / 2);
    }
    return l->now - begun;
}

static lab_stream *asked_who(lab *l)
{
    return lab_accept_proto(l, lab_connect(l, B, 0, 0), IDENTIFY);
}

static lab_stream *pushes(lab *l)
{
    return lab_open(l, lab_connect(l, B, 0, 0), PUSH);
}

static lab_stream *asks_a_relay(lab *l)
{
    return lab_open(l, lab_connect(l, B, 0, 0), HOP);
}

static lab_stream *offers_a_circuit(lab *l)
{
    return lab_open(l, lab_connect(l, B, 0, 0), STOP);
}

/* B is a relay of ours, which we ask for a place. */
static lab_stream *gives_a_place(lab *l)
{
    lab_address(l, B, PU_RELAY);
    pu_handle conn = identified(l, B, (telling){.protocols = {HOP}});
    return lab_accept_proto(l, conn, HOP);
}

/* We are the relay: B has a place, and C asks for a circuit to it. */
static lab_stream *answers_an_offer(lab *l)
{
    pu_handle b = lab_connect(l, B, 0, 0), c = lab_connect(l, C, 0, 0);
    (void)hop_from(l, b, &(wire_relay){.type = WIRE_HOP_RESERVE}, "");
    const wire_relay ask = {.type = WIRE_HOP_CONNECT, .peer_id = lab_id(l, B)};
    (void)hop_from(l, c, &ask, "");
    return lab_accept_proto(l, b, STOP);
}

static lab_stream *begins_a_punch(lab *l)
{
    pu_handle conn = lab_connect(l, B, PU_RELAYED | PU_LIMITED | PU_DIALLER, 0);
    return lab_open(l, conn, DCUTR);
}

static lab_stream *answers_a_punch(lab *l)
{
    pu_handle conn = lab_connect(l, B, PU_RELAYED | PU_LIMITED, 0);
    answer(l, conn, B, (telling){.protocols = {DCUTR}});
    return lab_accept_proto(l, conn, DCUTR);
}

/* We open a stream, and B agrees to nothing. */
static lab_stream *selects(lab *l)
{
    pu_handle conn = lab_connect(l, B, 0, 0);
    lab_stream *s = lab_stream_new(l, conn, "");
    assert_int_equal(l->opens[0], conn);
    l->opens[0] = 0;
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_UP,
                        .conn = conn,
                        .stream = s->handle,
                        .token = l->open_tokens[0],
                        .offset = 1 << 20});
    return s;
}

/* CVE-2022-23492 and its like: each exchange ends by a deadline that no byte puts off. */
static void whoever_dribbles_a_message_is_reset(void **state)
{
    (void)state;
    static const char framed[] = "\xe8\x07"; /* 1,000 bytes are announced */
    static const char proposal[] = "\x13/multistream/1.0.0\n\xff\x07/";
    static const struct {
        lab_stream *(*begin)(lab *l);
        size_t deadline; /* where it is in pu_config */
        const char *said;
    } cases[] = {
        {asked_who, offsetof(pu_config, identify_ns), framed},
        {pushes, offsetof(pu_config, identify_ns), framed},
        {asks_a_relay, offsetof(pu_config, relay_ns), framed},
        {offers_a_circuit, offsetof(pu_config, relay_ns), framed},
        {gives_a_place, offsetof(pu_config, relay_ns), framed},
        {answers_an_offer, offsetof(pu_config, relay_ns), framed},
        {begins_a_punch, offsetof(pu_config, dcutr_ns), framed},
        {answers_a_punch, offsetof(pu_config, dcutr_ns), framed},
        {selects, offsetof(pu_config, select_ns), proposal},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t deadline_ns;
        lab *l = lab_new();
        l->config.relay_server = 1;
        lab_begin(l);
        lab_start(l);
        memcpy(&deadline_ns, (const uint8_t *)&l->config + cases[i].deadline, sizeof deadline_ns);
        lab_stream *s = cases[i].begin(l);
        uint64_t took_ns = dribble(l, s, span_of(cases[i].said, strlen(cases[i].said)));
        assert_in_range(took_ns, deadline_ns, deadline_ns + PU_S / 2);
        assert_int_equal(s->code, PU_CODE_TIMEOUT);
        lab_end(l);
    }
}

/* The echo of a ping, the right one, a byte every half second: 32 of them take longer than a ping
 * may, and the connection ends. */
static void whoever_dribbles_an_echo_is_hung_up(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, B, PU_DIALLER, 0);
    lab_pass(l, l->config.ping_interval_ns);
    lab_stream *s = lab_accept_proto(l, conn, PING);
    assert_non_null(s);
    uint8_t payload[32];
    assert_int_equal(lab_body(s).len, sizeof payload);
    memcpy(payload, lab_body(s).base, sizeof payload);
    uint64_t took_ns = dribble(l, s, span_of(payload, sizeof payload));
    assert_in_range(took_ns, l->config.ping_ns, l->config.ping_ns + PU_S / 2);
    lab_pass(l, l->config.hangup_ns + 5 * PU_S);
    assert_int_equal(l->hangup_count, 1);
    lab_end(l);
}

int hostile_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_no_bytes_is_skipped),
        cmocka_unit_test(values_that_cannot_be_shown_are_no_addresses),
        cmocka_unit_test(records_of_strangers_leave_nothing),
        cmocka_unit_test(addresses_without_end_are_so_many),
        cmocka_unit_test(a_newer_record_replaces_the_older_ones),
        cmocka_unit_test(what_comes_behind_a_message_goes_through),
        cmocka_unit_test(what_comes_behind_an_answer_is_the_circuits),
        cmocka_unit_test(whoever_dribbles_a_message_is_reset),
        cmocka_unit_test(whoever_dribbles_an_echo_is_hung_up),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
