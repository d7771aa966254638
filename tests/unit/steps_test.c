/* tests/unit/steps_test.c - the golden step traces of tests/steps, each a test of its own, and a
 * node that is given inputs nobody would send. Run from the root of the repository. */
#include "tests/lib/steps.h"

#include "base/bytes.h"
#include "base/rng.h"
#include "peerup/node.h"
#include "tests/unit/fault_heap.h"
#include "wire/wire_dcutr.h"
#include "wire/wire_identify.h"
#include "wire/wire_relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- files ---- */

static void runs_as_written(void **state)
{
    char path[128];
    snprintf(path, sizeof path, "tests/steps/%s.txt", (const char *)*state);
    assert_true(steps_run(path));
}

/* ---- inputs nobody would send ---- */

enum {
    CHAOS_INPUTS = 20000,
    CHAOS_CONNS = 12, /* slots, conns_max */
    CHAOS_STREAMS = 40,
    CHAOS_TOKENS = 64,
    CHAOS_PEERS = 6,
    CHAOS_BODY_MAX = 20000
};

/* A host that keeps some order and sends nonsense besides. */
typedef struct chaos {
    rng random;
    fault_heap heap;
    pu_node *node;
    pu_out *out;
    pu_in in;
    pu_peer_id ids[CHAOS_PEERS];
    pu_handle conns[CHAOS_CONNS], streams[CHAOS_STREAMS]; /* by slot; 0: free */
    pu_handle carrier[CHAOS_STREAMS];                     /* the connection of that stream */
    uint64_t ordinal;
    pu_token tokens[CHAOS_TOKENS]; /* that the node gave, the newest in turn */
    unsigned token_count;
    unsigned taken, refused; /* inputs */
    uint8_t body[CHAOS_BODY_MAX];
} chaos;

static uint32_t pick(chaos *k, uint32_t below)
{
    return (uint32_t)rng_below(&k->random, below);
}

static bool one_in(chaos *k, uint32_t cases)
{
    return pick(k, cases) == 0;
}

static pu_handle any_handle(chaos *k, const pu_handle *live, uint32_t count)
{
    if (one_in(k, 12)) return pu_handle_make(pick(k, count + 4), pick(k, (uint32_t)k->ordinal + 2));
    for (uint32_t tries = 0; tries < 8; tries++) {
        pu_handle h = live[pick(k, count)];
        if (h != 0) return h;
    }
    return pu_handle_make(0, 1);
}

static pu_handle new_handle(chaos *k, const pu_handle *live, uint32_t count)
{
    uint32_t slot = 0;
    while (slot < count && live[slot] != 0) slot++;
    if (one_in(k, 20)) slot = pick(k, count + 3);
    return pu_handle_make(slot, one_in(k, 50) ? 0 : ++k->ordinal);
}

static pu_token any_token(chaos *k)
{
    uint32_t held = k->token_count < CHAOS_TOKENS ? k->token_count : CHAOS_TOKENS;
    return held == 0 || one_in(k, 10) ? pick(k, 50) : k->tokens[pick(k, held)];
}

static pu_span any_peer(chaos *k)
{
    const pu_peer_id *id = &k->ids[pick(k, CHAOS_PEERS)];
    return span_of(id->bytes, one_in(k, 30) ? pick(k, id->len) : id->len);
}

static pu_endpoint any_endpoint(chaos *k)
{
    return pu_endpoint_ip4(one_in(k, 4) ? 10 : 11, 0, 0, (uint8_t)pick(k, 4), (uint16_t)pick(k, 3));
}

/* ---- bodies ---- */

static void put_select(chaos *k, pu_buf *b)
{
    static const char *const names[] = {"/ipfs/id/1.0.0",
                                        "/ipfs/ping/1.0.0",
                                        "/libp2p/circuit/relay/0.2.0/hop",
                                        "/libp2p/circuit/relay/0.2.0/stop",
                                        "/libp2p/dcutr",
                                        "/ls",
                                        "na"};
    const char *name = names[pick(k, sizeof names / sizeof names[0])];
    if (!one_in(k, 8)) buf_put_span(b, SPAN_LITERAL("\x13/multistream/1.0.0\n"));
    buf_put_u8(b, (uint8_t)(strlen(name) + 1));
    buf_put(b, name, strlen(name));
    buf_put_u8(b, '\n');
}

static void put_message(chaos *k, pu_buf *b)
{
    uint8_t maddr[PU_MADDR_MAX];
    pu_endpoint endpoint = any_endpoint(k);
    pu_span addr = span_of(maddr, pu_addr_write(maddr, &endpoint, PU_TRANSPORT_QUIC));
    wire_relay relay = {.type = pick(k, 3),
                        .status = one_in(k, 2) ? 100 : 100 + pick(k, 105),
                        .has_status = !one_in(k, 4),
                        .has_reservation = one_in(k, 2),
                        .has_limit = one_in(k, 2),
                        .limit_data_bytes = pick(k, 1000),
                        .expire_s = 1700000000 + pick(k, 4000),
                        .peer_id = one_in(k, 6) ? span_of(NULL, 0) : any_peer(k)};
    wire_dcutr dcutr = {.type = one_in(k, 2) ? WIRE_DCUTR_CONNECT : WIRE_DCUTR_SYNC,
                        .addr_count = pick(k, 3),
                        .addrs = {addr, addr}};
    uint8_t key[32], key_pb[PU_PUBLIC_KEY_PB_BYTES];
    if (pu_peer_id_ed25519(&k->ids[pick(k, CHAOS_PEERS)], key)) pu_public_key_pb(key_pb, key);
    wire_identify id = {.public_key = span_of(key_pb, sizeof key_pb),
                        .observed = addr,
                        .addr_count = 1,
                        .addrs = {addr},
                        .protocol_count = 3,
                        .protocols = {SPAN_LITERAL("/libp2p/circuit/relay/0.2.0/hop"),
                                      SPAN_LITERAL("/libp2p/dcutr"), SPAN_LITERAL("/x")}};
    uint32_t which = pick(k, 4);
    if (which == 0) {
        wire_hop_write(b, &relay);
    } else if (which == 1) {
        relay.type %= 2;
        relay.has_reservation = false;
        wire_stop_write(b, &relay);
    } else if (which == 2) {
        wire_dcutr_write(b, &dcutr);
    } else {
        size_t mark = pb_frame_open(b);
        wire_identify_write(b, &id);
        pb_frame_close(b, mark);
    }
}

static pu_span any_body(chaos *k)
{
    pu_buf b = buf_of(k->body, sizeof k->body);
    uint32_t what = pick(k, 10);
    if (what < 5) put_select(k, &b);
    if (what > 3) put_message(k, &b);
    if (what == 9) {
        b.len = pick(k, one_in(k, 5) ? CHAOS_BODY_MAX : 200);
        rng_bytes(&k->random, b.base, b.len);
    }
    if (one_in(k, 10) && b.len > 0) b.base[pick(k, (uint32_t)b.len)] ^= (uint8_t)(1 + pick(k, 255));
    if (one_in(k, 10)) b.len = pick(k, (uint32_t)b.len + 1);
    return buf_span(&b);
}

/* ---- the host ---- */

static void perform(chaos *k, const pu_ef *e)
{
    assert_true(e->body.len <= PU_OUT_BYTES_MAX);
    bool gives = e->kind == PU_EF_DIAL || e->kind == PU_EF_STREAM_OPEN || e->kind == PU_EF_UPGRADE;
    if (gives) k->tokens[k->token_count++ % CHAOS_TOKENS] = e->token;
    if (e->kind == PU_EF_UPGRADE) k->streams[pu_handle_slot(e->stream)] = 0;
    if (e->kind == PU_EF_CONN_VERDICT && e->code != PU_CODE_OK &&
        pu_handle_slot(e->conn) < CHAOS_CONNS)
        k->conns[pu_handle_slot(e->conn)] = 0;
}

/* What the host remembers of an input that the node took. */
static void took(chaos *k)
{
    uint32_t conn = pu_handle_slot(k->in.conn), stream = pu_handle_slot(k->in.stream);
    k->taken++;
    if (k->in.kind == PU_IN_CONN_ASK || k->in.kind == PU_IN_CONN_UP) k->conns[conn] = k->in.conn;
    if (k->in.kind == PU_IN_CONN_DOWN) k->conns[conn] = 0;
    if (k->in.kind == PU_IN_STREAM_UP) {
        k->streams[stream] = k->in.stream;
        k->carrier[stream] = k->in.conn;
    }
    if (k->in.kind == PU_IN_STREAM_DOWN && k->in.stream != 0) k->streams[stream] = 0;
}

static void give(chaos *k)
{
    unsigned count = 0;
    int err = pu_node_step(k->node, &k->in, k->out);
    assert_true(err == PU_OK || err == PU_EHANDLE || err == PU_ERANGE);
    if (err == PU_OK) took(k);
    else k->refused++;
    for (pu_ef e; pu_out_next(k->out, &e); count++) perform(k, &e);
    assert_true(count <= PU_OUT_EFFECTS_MAX);
    assert_true(err == PU_OK || count == 0);
    pu_out_reset(k->out);
}

/* A connection's streams end before it does. */
static void give_conn_down(chaos *k)
{
    pu_in down = k->in;
    for (uint32_t slot = 0; slot < CHAOS_STREAMS; slot++) {
        if (k->streams[slot] == 0 || k->carrier[slot] != down.conn) continue;
        k->in = (pu_in){.now = down.now,
                        .kind = PU_IN_STREAM_DOWN,
                        .conn = down.conn,
                        .stream = k->streams[slot],
                        .what = PU_DOWN_LOST};
        give(k);
    }
    k->in = down;
    give(k);
}

static void fill_command(chaos *k)
{
    static const char *const lines[] = {"conns_max=9", "ping_interval_ns=2000000000", "x=", "="};
    k->in.what = pick(k, PU_CMD_STOP + 1); /* STOP comes with its own test: nothing follows it */
    if (k->in.what == PU_CMD_STOP) k->in.what = PU_CMD_CONNECT;
    k->in.token = 1 + pick(k, 1000);
    k->in.flags = pick(k, 4) == 0 ? PU_KEEP : 0;
    if (k->in.what == PU_CMD_ADDRESS && one_in(k, 4)) k->in.flags |= PU_RELAY;
    k->in.deadline = one_in(k, 2) ? 0 : k->in.now + pick(k, 3000) * PU_MS;
    k->in.body = any_body(k);
    if (k->in.what == PU_CMD_SET) {
        const char *line = lines[pick(k, sizeof lines / sizeof lines[0])];
        k->in.body = span_of(line, strlen(line));
    }
    if (k->in.what != PU_CMD_ADDRESS) return;
    pu_endpoint endpoint = any_endpoint(k);
    const pu_peer_id *id = &k->ids[pick(k, CHAOS_PEERS)];
    pu_buf b = buf_of(k->body, sizeof k->body);
    b.len = pu_addr_write(b.base, &endpoint, PU_TRANSPORT_QUIC);
    buf_put_span(&b, SPAN_LITERAL("\xa5\x03\x26"));
    buf_put(&b, id->bytes, id->len);
    k->in.body = buf_span(&b);
}

static void fill(chaos *k)
{
    static const uint32_t flags[] = {
        0,       0,         0,          PU_FIN, PU_DIALLER, PU_RELAYED, PU_RELAYED | PU_LIMITED,
        PU_GONE, PU_LISTEN, PU_MIGRATED};
    k->in.what = 1 + pick(k, 3);
    k->in.code = pick(k, 3) * 0x1003;
    k->in.flags = flags[pick(k, sizeof flags / sizeof flags[0])];
    k->in.transport = one_in(k, 6) ? PU_TRANSPORT_TCP : PU_TRANSPORT_QUIC;
    k->in.socket = PU_SOCKET_MAIN;
    k->in.peer = any_peer(k);
    k->in.local = pu_endpoint_ip4(11, 0, 0, (uint8_t)pick(k, 2), 4001);
    k->in.remote = any_endpoint(k);
    k->in.offset = pick(k, 100000);
    k->in.token = one_in(k, 2) ? 0 : any_token(k);
    k->in.conn = any_handle(k, k->conns, CHAOS_CONNS);
    k->in.stream = any_handle(k, k->streams, CHAOS_STREAMS);
    k->in.body = any_body(k);
    if (k->in.kind == PU_IN_COMMAND) fill_command(k);
    if (k->in.kind == PU_IN_STREAM_UP) k->in.stream = new_handle(k, k->streams, CHAOS_STREAMS);
    bool begins = k->in.kind == PU_IN_CONN_ASK || (k->in.kind == PU_IN_CONN_UP && one_in(k, 2));
    if (begins && !one_in(k, 3)) k->in.conn = new_handle(k, k->conns, CHAOS_CONNS);
    if (k->in.kind == PU_IN_CONN_ASK) k->in.what = pick(k, 3);
    if (k->in.kind == PU_IN_STREAM_DOWN && one_in(k, 3)) {
        k->in.stream = 0;
        k->in.token = any_token(k);
    }
    if (k->in.kind == PU_IN_CLOCK) k->in.offset = 1700000000 * PU_S + pick(k, 1000) * PU_S;
}

/* The kind of the next input: any, but more often those that lead somewhere. */
static enum pu_in_kind any_kind(chaos *k)
{
    static const enum pu_in_kind often[] = {
        PU_IN_STREAM_DATA, PU_IN_STREAM_DATA, PU_IN_STREAM_DATA, PU_IN_STREAM_UP,
        PU_IN_TICK,        PU_IN_CONN_ASK,    PU_IN_CONN_UP,     PU_IN_CONN_CONFIRMED};
    uint32_t any = pick(k, PU_IN_COMMAND + 3);
    if (!one_in(k, 3)) return often[pick(k, sizeof often / sizeof often[0])];
    if (any == PU_IN_CONN_DOWN && !one_in(k, 6)) return PU_IN_STREAM_ROOM;
    enum pu_in_kind kind;
    memcpy(&kind, &any, sizeof kind);
    return kind;
}

static void chaos_run(chaos *k)
{
    pu_time now = 0;
    for (unsigned i = 0; i < CHAOS_INPUTS; i++) {
        pu_time due = pu_node_deadline(k->node, NULL);
        k->in = (pu_in){.kind = i == 0 ? PU_IN_TICK : any_kind(k)};
        if (k->in.kind == PU_IN_TICK && due != PU_NEVER && due > now) now = due;
        else if (one_in(k, 4)) now += pick(k, 200) * PU_MS;
        k->in.now = now;
        if (k->in.kind != PU_IN_TICK) fill(k);
        if (k->in.kind == PU_IN_CONN_DOWN) give_conn_down(k);
        else give(k);
    }
}

static void any_input_is_taken_or_refused(void **state)
{
    (void)state;
    chaos *k = calloc(1, sizeof *k);
    pu_config config;
    pu_crypto crypto;
    pu_crypto_model model;
    pu_peers *peers;
    const uint8_t seed[32] = "chaos";
    assert_non_null(k);
    rng_init(&k->random, seed, 1);
    pu_config_default(&config);
    config.gating = 0;
    config.relay_server = 1;
    config.conns_max = CHAOS_CONNS;
    config.streams_max = CHAOS_STREAMS;
    config.circuit_bytes = 2000;
    for (unsigned i = 0; i < CHAOS_PEERS; i++) {
        uint8_t key[32] = {(uint8_t)(i + 1)};
        pu_peer_id_from_ed25519(&k->ids[i], key);
    }
    pu_crypto_model_init(&crypto, &model, seed);
    const pu_alloc alloc = fault_heap_alloc(&k->heap);
    assert_int_equal(pu_peers_new(&peers, 64, 1, &alloc), PU_OK);
    const pu_env env = {.peers = peers, .crypto = &crypto, .alloc = alloc};
    assert_int_equal(pu_out_new(&k->out, &env), PU_OK);
    void *memory = malloc(pu_node_size(&config));
    assert_non_null(memory);
    assert_int_equal(pu_node_init(&k->node, memory, &config, &env, seed, 0), PU_OK);
    chaos_run(k);
    assert_true(k->taken > CHAOS_INPUTS / 3);
    assert_true(k->refused > CHAOS_INPUTS / 20);
    pu_node_close(k->node);
    assert_int_equal(pu_peers_count(peers), 0);
    pu_peers_free(peers);
    pu_out_free(k->out);
    assert_int_equal(k->heap.live_bytes, 0);
    free(memory);
    free(k);
}

#define FILE_TEST(name)                                              \
    {                                                                \
        name, runs_as_written, NULL, NULL, (void *)(uintptr_t)(name) \
    }

int steps_test(void);

int steps_test(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST("start-order"),
        FILE_TEST("gater"),
        FILE_TEST("dial-race"),
        FILE_TEST("backoff"),
        FILE_TEST("connect-command"),
        FILE_TEST("identify"),
        FILE_TEST("ping"),
        FILE_TEST("relay-client"),
        FILE_TEST("relay-server"),
        FILE_TEST("dcutr"),
        FILE_TEST("hostile"),
        FILE_TEST("ends"),
        FILE_TEST("network-change"),
        FILE_TEST("stop"),
        cmocka_unit_test(any_input_is_taken_or_refused),
    };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
