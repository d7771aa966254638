/* One node and what a host does for it: slots, tokens, credit. The host checks that the node keeps
 * its side of peerup/node.h; a breach is told like a wrong answer. */
#include "tests/lib/steps_impl.h"

#include <stdarg.h>
#include <stdlib.h>

void world_complain(step_world *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%u: ", w->path, w->line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    w->is_bad = true;
}

static void key_of(pu_crypto *crypto, pu_crypto_model *model, char letter)
{
    uint8_t seed[PU_ED25519_SEED_BYTES] = "peer";
    seed[31] = (uint8_t)letter;
    pu_crypto_model_init(crypto, model, seed);
}

static void id_of(pu_peer_id *id, char letter)
{
    pu_crypto crypto;
    pu_crypto_model model;
    uint8_t key[PU_ED25519_KEY_BYTES];
    key_of(&crypto, &model, letter);
    crypto.public_key(crypto.ctx, key);
    pu_peer_id_from_ed25519(id, key);
}

bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

unsigned letter_index(char letter)
{
    PU_ASSERT(is_letter(letter));
    return (unsigned)(letter <= 'Z' ? letter - 'A' : letter - 'a' + 26);
}

char letter_at(unsigned index)
{
    PU_ASSERT(index < STEPS_PEERS);
    return (char)(index < 26 ? 'A' + index : 'a' + index - 26);
}

pu_endpoint world_endpoint(char letter)
{
    return pu_endpoint_ip4(11, 0, 0, (uint8_t)(letter_index(letter) + 1), 4001);
}

char world_letter(const step_world *w, pu_span id)
{
    for (unsigned i = 0; i < STEPS_PEERS; i++)
        if (span_equal(id, span_of(w->ids[i].bytes, w->ids[i].len))) return letter_at(i);
    return '?';
}

step_world *world_new(const char *path)
{
    step_world *w = calloc(1, sizeof *w);
    PU_ASSERT(w != NULL);
    w->path = path;
    w->self = 'A';
    memcpy(w->seed, "steps", 5);
    pu_config_default(&w->config);
    for (unsigned i = 0; i < STEPS_PEERS; i++) {
        id_of(&w->ids[i], letter_at(i));
        pu_peer_id_text(&w->ids[i], PU_PEER_BASE58, w->id_texts[i]);
    }
    w->local = world_endpoint(w->self);
    return w;
}

static void on_trace(void *ctx, const pu_trace *event)
{
    trace_say(ctx, event);
}

/* ---- the recording ---- */

static void tape_write(void *ctx, pu_span bytes)
{
    size_t put = fwrite(bytes.base, 1, bytes.len, ctx);
    PU_ASSERT(put == bytes.len);
}

static void tape_begin(step_world *w, const uint8_t seed[32])
{
    static const uint8_t key[PU_RECORD_KEY_BYTES] = "tape";
    pu_record_node began = {.config = w->config};
    memcpy(began.seed, seed, sizeof began.seed);
    w->crypto.public_key(w->crypto.ctx, began.key);
    w->recorder = malloc(sizeof *w->recorder);
    w->tape = open_memstream(&w->tape_bytes, &w->tape_len);
    PU_ASSERT(w->recorder != NULL && w->tape != NULL);
    pu_recorder_start(w->recorder, key, tape_write, w->tape);
    pu_recorder_node(w->recorder, &began, &w->crypto);
}

/* Whatever the file told the node, and in whatever pieces, its recording lives again. */
static void tape_end(step_world *w)
{
    char error[256] = "";
    replay_result result;
    pu_recorder_end(w->recorder, PU_RECORD_OVER, &w->crypto);
    fclose(w->tape);
    pu_span tape = span_of(w->tape_bytes, w->tape_len);
    if (!replay_recording(tape, &result, error, sizeof error))
        world_complain(w, "the recording is bad: %s", error);
    else if (!result.is_equal) world_complain(w, "the recording lives otherwise: %s", result.why);
    else if (result.end != REPLAY_OVER) world_complain(w, "the recording has no end");
    free(w->recorder);
    free(w->tape_bytes);
}

/* ---- the node ---- */

void world_begin(step_world *w)
{
    if (w->node != NULL) return;
    key_of(&w->crypto, &w->model, w->self);
    w->env = (pu_env){.crypto = &w->crypto,
                      .alloc = fault_heap_alloc(&w->heap),
                      .trace = on_trace,
                      .trace_ctx = w,
                      .trace_mask = PU_TRACE_ALL};
    int err = pu_peers_new(&w->peers, 256, 1, &w->env.alloc);
    PU_ASSERT(err == PU_OK);
    w->env.peers = w->peers;
    err = pu_out_new(&w->out, &w->env);
    PU_ASSERT(err == PU_OK);
    w->node_bytes = pu_node_size(&w->config);
    w->memory = malloc(w->node_bytes);
    w->shadow = malloc(w->node_bytes);
    PU_ASSERT(w->memory != NULL && w->shadow != NULL);
    uint8_t seed[32];
    memcpy(seed, w->seed, sizeof seed);
    tape_begin(w, seed);
    err = pu_node_init(&w->node, w->memory, &w->config, &w->env, seed, 0);
    PU_ASSERT(err == PU_OK);
}

bool steps_world_close(step_world *w)
{
    if (w->node != NULL) {
        tape_end(w);
        pu_node_close(w->node);
        if (pu_peers_count(w->peers) > 0)
            world_complain(w, "a closed node holds %u peers", pu_peers_count(w->peers));
        pu_peers_free(w->peers);
        pu_out_free(w->out);
        if (w->heap.live_bytes > 0)
            world_complain(w, "a closed node holds %zu bytes", w->heap.live_bytes);
    }
    bool is_good = !w->is_bad;
    free(w->memory);
    free(w->shadow);
    free(w);
    return is_good;
}

FILE *world_say(step_world *w)
{
    if (w->said_count++ > 0) fputs("; ", w->said);
    return w->said;
}

/* ---- handles and tokens ---- */

pu_handle world_conn(const step_world *w, uint64_t ordinal)
{
    bool is_known = ordinal < STEPS_CONNS_MAX && w->conns[ordinal].handle != 0;
    return is_known ? w->conns[ordinal].handle : pu_handle_make(0, ordinal);
}

pu_handle world_stream(const step_world *w, uint64_t ordinal)
{
    bool is_known = ordinal < STEPS_STREAMS_MAX && w->streams[ordinal].handle != 0;
    return is_known ? w->streams[ordinal].handle : pu_handle_make(0, ordinal);
}

pu_handle world_conn_new(step_world *w, uint64_t ordinal)
{
    PU_ASSERT(ordinal < STEPS_CONNS_MAX);
    bool taken[STEPS_CONNS_MAX] = {false};
    uint32_t slot = 0;
    if (w->conns[ordinal].handle != 0) return w->conns[ordinal].handle;
    for (unsigned i = 0; i < STEPS_CONNS_MAX; i++)
        if (w->conns[i].is_live) taken[pu_handle_slot(w->conns[i].handle)] = true;
    while (taken[slot]) slot++;
    return pu_handle_make(slot, ordinal);
}

pu_handle world_stream_new(step_world *w, uint64_t ordinal)
{
    PU_ASSERT(ordinal < STEPS_STREAMS_MAX);
    bool taken[STEPS_STREAMS_MAX] = {false};
    uint32_t slot = 0;
    if (w->streams[ordinal].handle != 0) return w->streams[ordinal].handle;
    for (unsigned i = 0; i < STEPS_STREAMS_MAX; i++)
        if (w->streams[i].is_live) taken[pu_handle_slot(w->streams[i].handle)] = true;
    while (taken[slot]) slot++;
    return pu_handle_make(slot, ordinal);
}

step_stream *world_stream_of(step_world *w, pu_handle handle)
{
    uint64_t ordinal = pu_handle_ordinal(handle);
    if (ordinal >= STEPS_STREAMS_MAX || w->streams[ordinal].handle != handle) return NULL;
    return &w->streams[ordinal];
}

static step_conn *conn_of(step_world *w, pu_handle handle)
{
    uint64_t ordinal = pu_handle_ordinal(handle);
    if (ordinal >= STEPS_CONNS_MAX || w->conns[ordinal].handle != handle) return NULL;
    return &w->conns[ordinal];
}

step_request *world_request(step_world *w, pu_token token)
{
    if (token == 0 || token >= STEPS_TOKENS_MAX || w->requests[token].kind == 0) return NULL;
    return &w->requests[token];
}

/* ---- the host's side of an input that the node took ---- */

static void conn_is_live(step_world *w, const pu_in *in)
{
    step_conn *c = &w->conns[pu_handle_ordinal(in->conn)];
    c->handle = in->conn;
    c->is_live = true;
    c->is_asking = in->kind == PU_IN_CONN_ASK;
}

static void stream_is_live(step_world *w, const pu_in *in)
{
    step_stream *s = &w->streams[pu_handle_ordinal(in->stream)];
    *s = (step_stream){.handle = in->stream,
                       .conn = in->conn,
                       .is_live = true,
                       .is_inbound = in->token == 0,
                       .room = in->offset,
                       .granted = PU_FIRST_ROOM};
}

/* The step file plays the host, which promises that streams end before their connection. */
static void check_last_words(step_world *w, pu_handle conn)
{
    for (unsigned i = 0; i < STEPS_STREAMS_MAX; i++)
        if (w->streams[i].is_live && w->streams[i].conn == conn)
            world_complain(w, "CONN_DOWN before STREAM_DOWN of %u", i);
}

/* Before the node sees the input: its effects may name what begins here. */
static void host_before(step_world *w, const pu_in *in)
{
    if (in->kind == PU_IN_CONN_ASK || in->kind == PU_IN_CONN_UP) conn_is_live(w, in);
    if (in->kind == PU_IN_STREAM_UP) stream_is_live(w, in);
    if (in->kind == PU_IN_CONN_DOWN) check_last_words(w, in->conn);
    if (in->kind == PU_IN_APP) app_input(w, in);
    step_stream *s = world_stream_of(w, in->stream);
    if (s != NULL && in->kind == PU_IN_STREAM_ROOM && in->offset > s->room) s->room = in->offset;
    if (s != NULL && in->kind == PU_IN_STREAM_DATA) s->given += in->body.len;
    step_request *r = world_request(w, in->token);
    bool answers = in->kind == PU_IN_CONN_UP || in->kind == PU_IN_DIAL_FAIL ||
                   in->kind == PU_IN_STREAM_UP || in->kind == PU_IN_STREAM_DOWN ||
                   in->kind == PU_IN_RESOLVED;
    if (r != NULL && answers) r->is_answered = true;
}

static void host_after(step_world *w, const pu_in *in)
{
    step_stream *s = world_stream_of(w, in->stream);
    if (s != NULL && in->kind == PU_IN_STREAM_DOWN && s->is_app)
        world_complain(w, "STREAM_DOWN, and the application was not told");
    step_conn *c = conn_of(w, in->conn);
    if (s != NULL && in->kind == PU_IN_STREAM_DOWN) s->is_live = false;
    if (c != NULL && in->kind == PU_IN_CONN_DOWN) c->is_live = false;
    if (c != NULL && c->is_asking) world_complain(w, "CONN_ASK got no verdict");
    if (in->kind == PU_IN_TICK) w->is_started = true;
    if (in->kind == PU_IN_CLOCK) w->unix_ns = in->offset - in->now;
    if (in->kind == PU_IN_ADDR && (in->flags & PU_GONE) == 0) w->local = in->local;
}

/* ---- the host's side of an effect ---- */

static void verdict_given(step_world *w, const pu_ef *e)
{
    step_conn *c = conn_of(w, e->conn);
    if (c == NULL || !c->is_asking) {
        world_complain(w, "a verdict that nobody asked for");
        return;
    }
    c->is_asking = false;
    if (e->code != PU_CODE_OK) c->is_live = false;
}

static void token_given(step_world *w, const pu_ef *e)
{
    PU_ASSERT(e->token < STEPS_TOKENS_MAX);
    step_request *r = &w->requests[e->token];
    bool is_circuit = e->kind == PU_EF_UPGRADE;
    if (e->token == 0 || r->kind != 0) world_complain(w, "token %u is used twice", e->token);
    *r = (step_request){.kind = e->kind, .remote = e->remote, .transport = e->transport};
    if (e->peer.len > 0 && pu_peer_id_from_bytes(&r->peer, e->peer) != PU_OK)
        world_complain(w, "an effect names no peer");
    r->conn = e->conn;
    if (is_circuit) r->transport = PU_TRANSPORT_CIRCUIT;
    if (is_circuit) r->flags = PU_RELAYED | (e->flags & PU_LIMITED);
    if (e->what == PU_ROLE_CLIENT) r->flags |= PU_DIALLER;
}

static void bytes_sent(step_world *w, step_stream *s, const pu_ef *e)
{
    if (s->is_finished) world_complain(w, "sends after its end");
    if (e->body.len > PU_DATA_MAX) world_complain(w, "sends %zu bytes at once", e->body.len);
    s->sent += e->body.len;
    if (s->sent > s->room) world_complain(w, "sends beyond its room");
    if ((e->flags & PU_FIN) != 0) s->is_finished = true;
}

static void stream_effect(step_world *w, const pu_ef *e)
{
    step_stream *s = world_stream_of(w, e->stream);
    bool is_live = s != NULL && s->is_live;
    if (!is_live || s->conn != e->conn) {
        world_complain(w, "an effect on a stream that is not there");
        return;
    }
    if (e->kind == PU_EF_STREAM_SEND) bytes_sent(w, s, e);
    if (e->kind == PU_EF_STREAM_RESET) s->is_finished = true;
    if (e->kind == PU_EF_UPGRADE) s->is_live = false;
    if (e->kind != PU_EF_STREAM_ROOM) return;
    if (e->offset <= s->granted) world_complain(w, "room that does not grow");
    s->granted = e->offset;
}

static void host_performs(step_world *w, const pu_ef *e)
{
    bool is_answer = e->kind == PU_EF_EVENT && e->what == PU_EVENT_DONE;
    if (!w->is_started && !is_answer && e->kind != PU_EF_SET)
        world_complain(w, "an effect before the first TICK");
    bool asks = e->kind == PU_EF_DIAL || e->kind == PU_EF_STREAM_OPEN || e->kind == PU_EF_UPGRADE ||
                e->kind == PU_EF_RESOLVE;
    if (e->kind == PU_EF_CONN_VERDICT) verdict_given(w, e);
    if (asks) token_given(w, e);
    if (e->kind == PU_EF_APP) app_effect(w, e);
    else if (e->stream != 0) stream_effect(w, e);
    /* A circuit that is not upgraded yet has a token, too, which the host never saw. */
    const step_request *r = e->kind == PU_EF_DIAL_CANCEL ? world_request(w, e->token) : NULL;
    if (r != NULL && r->is_answered) world_complain(w, "cancels what is not under way");
}

/* ---- a step ---- */

/* A refused input leaves no trace in the node, and none here. */
static void refused(step_world *w, const step_world *before, int err)
{
    pu_ef e;
    fprintf(world_say(w), "%s", err == PU_EHANDLE ? "EHANDLE" : "ERANGE");
    if (err != PU_EHANDLE && err != PU_ERANGE) world_complain(w, "the step returned %d", err);
    if (pu_out_next(w->out, &e)) world_complain(w, "a refused input had an effect");
    if (memcmp(w->memory, w->shadow, w->node_bytes) != 0)
        world_complain(w, "a refused input changed the node");
    memcpy(w->conns, before->conns, sizeof w->conns);
    memcpy(w->streams, before->streams, sizeof w->streams);
    memcpy(w->requests, before->requests, sizeof w->requests);
    memcpy(w->app_rooms, before->app_rooms, sizeof w->app_rooms);
}

void world_step(step_world *w, pu_in *in)
{
    world_begin(w);
    step_world *before = malloc(sizeof *before);
    PU_ASSERT(before != NULL);
    *before = *w;
    in->now = w->now;
    if (in->kind == PU_IN_TICK) w->is_started = true;
    host_before(w, in);
    memcpy(w->shadow, w->memory, w->node_bytes);
    pu_recorder_input(w->recorder, w->node, in);
    int err = pu_node_step(w->node, in, w->out);
    if (err == PU_OK) {
        for (pu_ef e; pu_out_next(w->out, &e);) {
            pu_recorder_effect(w->recorder, w->node, in, &e);
            effect_say(w, &e);
            host_performs(w, &e);
        }
        host_after(w, in);
    } else {
        refused(w, before, err);
    }
    pu_out_reset(w->out);
    pu_recorder_step(w->recorder, err);
    free(before);
}
