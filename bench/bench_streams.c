/* bench/bench_streams.c - what a node costs on the way of an application's bytes: one connection,
 * some streams of a service, and in turn a STREAM_DATA that goes to the application, its room, an
 * APP DATA that goes to the peer, and its room.
 *
 * The node is alone: no transport and no simulator, only pu_node_step and its effects. What passes
 * must be the very bytes that came, in one effect.
 */
#include "bench/bench.h"

#include "base/bytes.h"
#include "peerup/node.h"
#include "sim/mem.h"

#include <stdlib.h>

enum { ROUNDS = 1 << 18, KINDS = 4 };

typedef struct subject {
    pu_env env;
    pu_crypto crypto;
    pu_crypto_model model;
    pu_config config;
    pu_node *node;
    pu_out *out;
    pu_handle conn;
    uint64_t moved; /* application bytes that came out again as they went in */
    pu_span given;  /* of the step at hand */
    uint8_t bytes[PU_DATA_MAX];
} subject;

static const uint8_t seed[32] = {1};

static void perform(subject *s, const pu_ef *e)
{
    bool is_data = (e->kind == PU_EF_APP && e->what == PU_APP_DATA) || e->kind == PU_EF_STREAM_SEND;
    bool is_same = e->body.base == s->given.base && e->body.len == s->given.len;
    if (is_data && is_same) s->moved += e->body.len;
}

static void step(subject *s, const pu_in *in)
{
    s->given = in->body;
    int err = pu_node_step(s->node, in, s->out);
    PU_ASSERT(err == PU_OK);
    for (pu_ef e; pu_out_next(s->out, &e);) perform(s, &e);
    pu_out_reset(s->out);
}

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return sim_resize(old, new_len);
    free(old);
    return NULL;
}

static void start(subject *s)
{
    pu_config_default(&s->config);
    s->config.gating = 0;
    s->config.streams_per_conn_max = s->config.streams_max;
    s->config.service_streams_max = s->config.streams_max;
    s->config.service_streams_per_peer_max = s->config.streams_max;
    pu_crypto_model_init(&s->crypto, &s->model, seed);
    s->env.crypto = &s->crypto;
    s->env.alloc = (pu_alloc){.resize = resize};
    int err = pu_peers_new(&s->env.peers, 16, 1, &s->env.alloc);
    PU_ASSERT(err == PU_OK);
    err = pu_out_new(&s->out, &s->env);
    PU_ASSERT(err == PU_OK);
    err = pu_node_init(&s->node, sim_alloc(pu_node_size(&s->config)), &s->config, &s->env, seed, 0);
    PU_ASSERT(err == PU_OK);
    uint8_t body[64];
    pu_service service = {.name = SPAN_LITERAL("x"), .protocol_count = 1};
    service.protocols[0] = SPAN_LITERAL("/x");
    size_t len = pu_service_write(body, sizeof body, &service);
    step(s,
         &(pu_in){
             .kind = PU_IN_COMMAND, .what = PU_CMD_EXPOSE, .token = 1, .body = span_of(body, len)});
    step(s, &(pu_in){.kind = PU_IN_TICK});
}

static void connect(subject *s)
{
    uint8_t key[32] = {9};
    pu_peer_id id;
    pu_peer_id_from_ed25519(&id, key);
    s->conn = pu_handle_make(0, 1);
    pu_in in = {.kind = PU_IN_CONN_ASK,
                .what = PU_ASK_ACCEPT,
                .conn = s->conn,
                .transport = PU_TRANSPORT_QUIC,
                .remote = pu_endpoint_ip4(11, 0, 0, 2, 4001)};
    step(s, &in);
    in.what = PU_ASK_SECURED;
    in.peer = span_of(id.bytes, id.len);
    step(s, &in);
    in.kind = PU_IN_CONN_UP;
    in.what = 0;
    step(s, &in);
    step(s, &(pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = s->conn});
}

static pu_handle open(subject *s, uint32_t slot)
{
    static const char select[] = "\x13/multistream/1.0.0\n\x03/x\n";
    pu_handle stream = pu_handle_make(slot, slot + 1);
    step(s, &(pu_in){.kind = PU_IN_STREAM_UP,
                     .conn = s->conn,
                     .stream = stream,
                     .offset = UINT64_C(1) << 50});
    step(s, &(pu_in){.kind = PU_IN_STREAM_DATA,
                     .conn = s->conn,
                     .stream = stream,
                     .body = span_of(select, sizeof select - 1)});
    step(s, &(pu_in){.kind = PU_IN_APP,
                     .what = PU_APP_OPEN,
                     .stream = stream,
                     .offset = UINT64_C(1) << 20});
    return stream;
}

/* One kind of input on every stream in turn, ROUNDS in all; returns the ns that one took. */
static uint64_t run_kind(subject *s, uint32_t streams, uint32_t kind)
{
    uint64_t began = bench_cpu_ns();
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint32_t slot = (uint32_t)(i % streams);
        uint64_t passed = (i / streams + 1) * PU_DATA_MAX;
        pu_in in = {.conn = s->conn, .stream = pu_handle_make(slot, slot + 1)};
        bool has_bytes = kind == 1 || kind == 2;
        if (has_bytes) in.body = span_of(s->bytes, sizeof s->bytes);
        in.kind = kind == 1 ? PU_IN_STREAM_DATA : kind == 3 ? PU_IN_STREAM_ROOM : PU_IN_APP;
        in.what = kind == 0 ? PU_APP_ROOM : kind == 2 ? PU_APP_DATA : 0;
        if (!has_bytes) in.offset = (UINT64_C(1) << 50) + passed;
        step(s, &in);
    }
    return (bench_cpu_ns() - began) / ROUNDS;
}

void bench_streams_run(bench_streams *b, uint32_t streams)
{
    subject *s = sim_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    *b = (bench_streams){.streams = streams, .inputs = ROUNDS};
    start(s);
    connect(s);
    for (uint32_t i = 0; i < streams; i++) (void)open(s, i);
    b->app_room_ns = run_kind(s, streams, 0);
    b->down_ns = run_kind(s, streams, 1);
    b->up_ns = run_kind(s, streams, 2);
    b->room_ns = run_kind(s, streams, 3);
    b->copied_bytes = UINT64_C(2) * ROUNDS * PU_DATA_MAX - s->moved;
    void *memory = s->node;
    pu_node_close(s->node);
    free(memory);
    pu_out_free(s->out);
    pu_peers_free(s->env.peers);
    free(s);
}
