/* The host of a node in chaos: seven of eight inputs are what a host or a peer could send, the rest
 * is drawn field by field. Streams end before their connection does, as the header promises. */
#include "tests/lib/chaos_impl.h"

#include <stdlib.h>

#define UNIX_START_NS (UINT64_C(1700000000) * PU_S)

pu_span chaos_id(const chaos *k, uint32_t peer)
{
    PU_ASSERT(peer < CHAOS_PEERS);
    return span_of(k->ids[peer].bytes, k->ids[peer].len);
}

pu_endpoint chaos_endpoint(chaos *k)
{
    uint8_t first = chaos_one_in(k, 8) ? 10 : 11;
    return pu_endpoint_ip4(first, 0, 0, (uint8_t)chaos_pick(k, 9), (uint16_t)chaos_pick(k, 3));
}

static uint32_t peer_index(const chaos *k, pu_span id)
{
    for (uint32_t i = 0; i < CHAOS_PEERS; i++)
        if (span_equal(id, chaos_id(k, i))) return i;
    return 0;
}

/* ---- the host's memory ---- */

static chaos_conn *conn_of(chaos *k, pu_handle handle)
{
    uint32_t slot = pu_handle_slot(handle);
    return slot < CHAOS_CONNS && handle != 0 && k->conns[slot].handle == handle ? &k->conns[slot]
                                                                                : NULL;
}

static chaos_stream *stream_of(chaos *k, pu_handle handle)
{
    uint32_t slot = pu_handle_slot(handle);
    bool is_it = slot < CHAOS_STREAMS && handle != 0 && k->streams[slot].handle == handle;
    return is_it ? &k->streams[slot] : NULL;
}

static pu_handle new_conn(chaos *k)
{
    uint32_t slot = 0;
    while (slot < CHAOS_CONNS && k->conns[slot].handle != 0) slot++;
    return pu_handle_make(slot, ++k->ordinal);
}

static pu_handle new_stream(chaos *k)
{
    uint32_t slot = 0;
    while (slot < CHAOS_STREAMS && k->streams[slot].handle != 0) slot++;
    return pu_handle_make(slot, ++k->ordinal);
}

/* A slot in use, from a random one on; NULL: none. */
static chaos_conn *some_conn(chaos *k)
{
    uint32_t from = chaos_pick(k, CHAOS_CONNS);
    for (uint32_t i = 0; i < CHAOS_CONNS; i++) {
        chaos_conn *c = &k->conns[(from + i) % CHAOS_CONNS];
        if (c->handle != 0) return c;
    }
    return NULL;
}

static chaos_stream *some_stream(chaos *k)
{
    uint32_t from = chaos_pick(k, CHAOS_STREAMS);
    for (uint32_t i = 0; i < CHAOS_STREAMS; i++) {
        chaos_stream *s = &k->streams[(from + i) % CHAOS_STREAMS];
        if (s->handle != 0) return s;
    }
    return NULL;
}

/* ---- effects ---- */

/* Where `name` and its newline end in body; 0: it is not there. */
static size_t name_end(pu_span body, const char *name)
{
    size_t len = strlen(name);
    for (size_t at = 0; at + len < body.len; at++)
        if (memcmp(body.base + at, name, len) == 0 && body.base[at + len] == '\n')
            return at + len + 1;
    return 0;
}

/* What the node proposes is the protocol; what follows in the same effect is its first message. */
static void on_send(chaos *k, const pu_ef *e)
{
    chaos_stream *s = stream_of(k, e->stream);
    PU_ASSERT(e->body.len <= PU_DATA_MAX);
    if (s == NULL) return;
    pu_span message = e->body;
    for (int p = CHAOS_ID; p < CHAOS_PROTOS && !s->is_inbound && !s->is_selected; p++) {
        size_t end = name_end(e->body, chaos_name((enum chaos_proto)p));
        if (end == 0) continue;
        s->proto = (enum chaos_proto)p;
        message = span_skip(e->body, end);
    }
    s->last_len = message.len < CHAOS_LAST_MAX ? message.len : CHAOS_LAST_MAX;
    if (s->last_len > 0) memcpy(s->last, message.base, s->last_len);
}

static void on_request(chaos *k, const pu_ef *e)
{
    chaos_request *r = &k->requests[k->request_count++ % CHAOS_REQUESTS];
    *r = (chaos_request){.kind = e->kind, .token = e->token, .conn = e->conn, .role = e->what};
    r->flags = e->flags & PU_LIMITED;
    if (e->peer.len > 0) r->peer = peer_index(k, e->peer);
    k->result.circuits += e->kind == PU_EF_UPGRADE;
}

static void perform(chaos *k, const pu_ef *e)
{
    chaos_conn *c = conn_of(k, e->conn);
    chaos_stream *s = stream_of(k, e->stream);
    bool asks = e->kind == PU_EF_DIAL || e->kind == PU_EF_STREAM_OPEN || e->kind == PU_EF_UPGRADE;
    PU_ASSERT(e->kind >= PU_EF_DIAL && e->kind <= PU_EF_SET);
    k->result.effects++;
    k->result.apps += e->kind == PU_EF_APP;
    k->result.punches += e->kind == PU_EF_PACKET;
    if (asks) on_request(k, e);
    if (e->kind == PU_EF_STREAM_SEND) on_send(k, e);
    if (e->kind == PU_EF_STREAM_RESET && s != NULL) s->is_ended = true;
    if (e->kind == PU_EF_UPGRADE && s != NULL) *s = (chaos_stream){.handle = 0};
    if (e->kind == PU_EF_HANGUP && c != NULL) c->is_hung_up = true;
    if (e->kind == PU_EF_CONN_VERDICT && e->code != PU_CODE_OK && c != NULL)
        *c = (chaos_conn){.handle = 0};
}

/* ---- inputs ---- */

static void remember_conn(chaos *k)
{
    const pu_in *in = &k->in;
    PU_ASSERT(pu_handle_slot(in->conn) < CHAOS_CONNS);
    chaos_conn *c = &k->conns[pu_handle_slot(in->conn)];
    if (c->handle != in->conn) *c = (chaos_conn){.handle = in->conn};
    c->is_up = in->kind == PU_IN_CONN_UP;
    c->is_admitted = in->kind == PU_IN_CONN_ASK && in->what == PU_ASK_SECURED;
    if (in->peer.len > 0) c->peer = peer_index(k, in->peer);
    c->flags = in->flags;
}

/* What the host remembers of an input that the node took; before the effects, which may end it. */
static void took(chaos *k)
{
    const pu_in *in = &k->in;
    chaos_conn *c = conn_of(k, in->conn);
    chaos_stream *s = stream_of(k, in->stream);
    k->result.taken++;
    if (in->kind == PU_IN_CONN_ASK || in->kind == PU_IN_CONN_UP) remember_conn(k);
    if (in->kind == PU_IN_CONN_CONFIRMED && c->is_up && !c->is_confirmed) {
        c->is_confirmed = true;
        k->result.confirmed++;
    }
    if (in->kind == PU_IN_CONN_DOWN) *c = (chaos_conn){.handle = 0};
    if (in->kind == PU_IN_STREAM_DOWN && s != NULL) *s = (chaos_stream){.handle = 0};
    if (in->kind != PU_IN_STREAM_UP) return;
    PU_ASSERT(pu_handle_slot(in->stream) < CHAOS_STREAMS);
    k->streams[pu_handle_slot(in->stream)] = (chaos_stream){
        .handle = in->stream, .conn = in->conn, .is_inbound = in->token == 0, .room = in->offset};
}

static void give(chaos *k)
{
    unsigned before = k->result.effects;
    k->in.now = k->now;
    int err = pu_node_step(k->node, &k->in, k->out);
    PU_ASSERT(err == PU_OK || err == PU_EHANDLE || err == PU_ERANGE);
    if (err == PU_OK) took(k);
    else k->result.refused++;
    for (pu_ef e; pu_out_next(k->out, &e);) perform(k, &e);
    PU_ASSERT(k->result.effects - before <= PU_OUT_EFFECTS_MAX);
    PU_ASSERT(err == PU_OK || k->result.effects == before);
    pu_out_reset(k->out);
}

static void give_kind(chaos *k, enum pu_in_kind kind)
{
    k->in = (pu_in){.kind = kind};
    give(k);
}

/* Its streams end first. */
static void give_conn_down(chaos *k, pu_handle conn, uint32_t code)
{
    for (uint32_t slot = 0; slot < CHAOS_STREAMS; slot++) {
        if (k->streams[slot].handle == 0 || k->streams[slot].conn != conn) continue;
        k->in = (pu_in){.kind = PU_IN_STREAM_DOWN, .what = PU_DOWN_LOST};
        k->in.conn = conn;
        k->in.stream = k->streams[slot].handle;
        give(k);
    }
    k->in = (pu_in){.kind = PU_IN_CONN_DOWN, .conn = conn, .code = code};
    give(k);
}

static void give_tick(chaos *k)
{
    pu_time due = pu_node_deadline(k->node, NULL);
    if (due != PU_NEVER && due > k->now && chaos_one_in(k, 6)) k->now = due;
    give_kind(k, PU_IN_TICK);
}

static void give_command(chaos *k, enum pu_command what, uint32_t peer, uint32_t flags)
{
    k->in = (pu_in){.kind = PU_IN_COMMAND, .what = what, .flags = flags};
    k->in.token = 1 + chaos_pick(k, 100);
    if (what == PU_CMD_ADDRESS) k->in.body = chaos_maddr(k, peer);
    else k->in.peer = chaos_id(k, peer);
    if (what == PU_CMD_CONNECT && chaos_one_in(k, 2)) k->in.deadline = k->now + 2 * PU_S;
    give(k);
}

/* ---- what a host could send ---- */

static void set_path(chaos *k, uint32_t flags)
{
    k->in.flags = flags;
    k->in.transport = (flags & PU_RELAYED) != 0 ? PU_TRANSPORT_CIRCUIT : PU_TRANSPORT_QUIC;
    k->in.local = pu_endpoint_ip4(11, 0, 0, 1, 4001);
    k->in.remote = chaos_endpoint(k);
}

/* A connection that a request asked for, as client or as server. */
static void answer_conn(chaos *k, const chaos_request *r)
{
    pu_handle conn = new_conn(k);
    uint32_t flags = r->flags | (r->kind == PU_EF_UPGRADE ? PU_RELAYED : 0);
    bool is_server = r->role == PU_ROLE_SERVER;
    if (pu_handle_slot(conn) == CHAOS_CONNS || chaos_one_in(k, 5)) {
        k->in = (pu_in){.kind = PU_IN_DIAL_FAIL, .token = r->token, .code = PU_CODE_TIMEOUT};
        give(k);
        return;
    }
    if (is_server) {
        k->in = (pu_in){.kind = PU_IN_CONN_ASK, .what = PU_ASK_SECURED, .conn = conn};
        k->in.peer = chaos_id(k, r->peer);
        k->in.via = r->conn;
        set_path(k, flags);
        give(k);
        if (conn_of(k, conn) == NULL) return;
    }
    k->in = (pu_in){.kind = PU_IN_CONN_UP, .conn = conn, .token = r->token};
    k->in.peer = chaos_id(k, r->peer);
    k->in.via = r->kind == PU_EF_UPGRADE ? r->conn : 0;
    set_path(k, flags | (is_server ? 0 : PU_DIALLER));
    give(k);
}

static void answer_stream(chaos *k, const chaos_request *r)
{
    pu_handle stream = new_stream(k);
    bool fails = conn_of(k, r->conn) == NULL || pu_handle_slot(stream) == CHAOS_STREAMS;
    if (fails || chaos_one_in(k, 12)) {
        k->in = (pu_in){.kind = PU_IN_STREAM_DOWN, .what = PU_DOWN_RESET, .token = r->token};
    } else {
        k->in = (pu_in){.kind = PU_IN_STREAM_UP, .token = r->token, .offset = 65536};
        k->in.stream = stream;
        if (chaos_one_in(k, 20)) k->in.offset = chaos_pick(k, 100);
    }
    k->in.conn = r->conn;
    give(k);
}

/* Answers the oldest request that has none. False: there is none. */
static bool answer(chaos *k)
{
    for (unsigned i = 0; i < CHAOS_REQUESTS; i++) {
        chaos_request *r = &k->requests[(k->request_count + i) % CHAOS_REQUESTS], asked = *r;
        if (asked.kind == 0) continue;
        r->kind = 0;
        if (asked.kind == PU_EF_STREAM_OPEN) answer_stream(k, &asked);
        else answer_conn(k, &asked);
        return true;
    }
    return false;
}

/* What follows for a connection: its handshake, its confirmation, a stream, its end. */
static void advance_conn(chaos *k, const chaos_conn *c)
{
    const pu_handle conn = c->handle;
    const uint32_t peer = c->peer;
    if (c->is_hung_up || chaos_one_in(k, 120)) {
        give_conn_down(k, conn, chaos_one_in(k, 2) ? PU_CODE_LOST : PU_CODE_GATED);
    } else if (!c->is_up) {
        k->in = (pu_in){.kind = PU_IN_CONN_ASK, .what = PU_ASK_SECURED};
        if (c->is_admitted) k->in = (pu_in){.kind = PU_IN_CONN_UP};
        k->in.conn = conn;
        k->in.peer = chaos_id(k, peer);
        set_path(k, 0);
        give(k);
    } else if (!c->is_confirmed) {
        k->in = (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = conn};
        give(k);
    } else {
        pu_handle stream = new_stream(k);
        k->in = (pu_in){.kind = PU_IN_STREAM_UP, .conn = conn, .offset = 65536};
        k->in.stream = stream;
        give(k);
    }
}

static void begin_conn(chaos *k)
{
    k->in = (pu_in){.kind = PU_IN_CONN_ASK, .what = PU_ASK_ACCEPT, .conn = new_conn(k)};
    set_path(k, 0);
    give(k);
    chaos_conn *c = conn_of(k, k->in.conn);
    if (c != NULL) c->peer = chaos_pick(k, CHAOS_PEERS);
}

static void advance_stream(chaos *k, chaos_stream *s)
{
    k->in = (pu_in){.kind = PU_IN_STREAM_DATA, .conn = s->conn, .stream = s->handle};
    if (s->is_ended || chaos_one_in(k, 12)) {
        k->in.kind = PU_IN_STREAM_DOWN;
        k->in.what = s->is_ended ? PU_DOWN_RESET : 1 + chaos_pick(k, 3);
    } else if (chaos_one_in(k, 12)) {
        k->in.kind = PU_IN_STREAM_ROOM;
        k->in.offset = s->room += chaos_pick(k, 30000);
    } else {
        k->in.body = chaos_speech(k, s);
        bool is_told = s->proto == CHAOS_ID && s->is_selected;
        k->in.flags = is_told || chaos_one_in(k, 6) ? PU_FIN : 0;
    }
    give(k);
}

/* The application says something on a stream that may be its own, or wants one. */
static void give_app(chaos *k, chaos_stream *s)
{
    static const char bytes[] = "what an application says";
    k->in = (pu_in){.kind = PU_IN_APP, .what = 1 + chaos_pick(k, PU_APP_END)};
    k->in.offset = PU_FIRST_ROOM + chaos_pick(k, 30000);
    if (s != NULL && !chaos_one_in(k, 6)) {
        if (chaos_one_in(k, 2)) k->in.what = PU_APP_OPEN;
        k->in.stream = s->handle;
        if (k->in.what == PU_APP_DATA) k->in.body = span_of(bytes, chaos_pick(k, sizeof bytes));
    } else {
        k->in.what = chaos_one_in(k, 6) ? PU_APP_RESET : PU_APP_OPEN;
        k->in.token = 1 + chaos_pick(k, 20);
        k->in.peer = chaos_id(k, chaos_pick(k, CHAOS_PEERS));
        k->in.body = SPAN_LITERAL("/x");
        if (chaos_one_in(k, 3)) k->in.deadline = k->now + 2 * PU_S;
    }
    give(k);
}

static void give_sense(chaos *k)
{
    static const enum pu_command commands[] = {PU_CMD_CONNECT, PU_CMD_CONNECT,    PU_CMD_ADDRESS,
                                               PU_CMD_PING,    PU_CMD_DISCONNECT, PU_CMD_FORGET};
    uint32_t what = chaos_pick(k, 22);
    chaos_conn *c = some_conn(k);
    chaos_stream *s = some_stream(k);
    if (what < 5 && answer(k)) return;
    if (what < 8 && c != NULL) advance_conn(k, c);
    else if (what < 16 && s != NULL) advance_stream(k, s);
    else if (what == 16) begin_conn(k);
    else if (what >= 20) give_app(k, s);
    else if (what == 18 && chaos_one_in(k, 10)) /* the relay comes back, if it was forgotten */
        give_command(k, PU_CMD_ADDRESS, 0, PU_RELAY);
    else if (what == 17 && chaos_one_in(k, 2))
        give_command(k, commands[chaos_pick(k, 6)], chaos_pick(k, CHAOS_PEERS),
                     chaos_one_in(k, 2) ? PU_KEEP : 0);
    else give_tick(k);
}

/* ---- what nobody would send ---- */

static pu_handle any_handle(chaos *k, pu_handle live, uint32_t slots)
{
    if (live != 0 && !chaos_one_in(k, 3)) return live;
    return pu_handle_make(chaos_pick(k, slots + 3), chaos_pick(k, (uint32_t)k->ordinal + 2));
}

static void draw_command(chaos *k)
{
    static const char *const lines[] = {"conns_max=9", "conns_max=12",
                                        "ping_interval_ns=2000000000", "x=", "="};
    k->in.what = chaos_pick(k, PU_CMD_STOP); /* not STOP: nothing follows it */
    if (k->in.what == PU_CMD_REVOKE || k->in.what == PU_CMD_DISCONNECT) /* the relay stays */
        k->in.peer = chaos_id(k, 1 + chaos_pick(k, CHAOS_PEERS - 1));
    k->in.deadline = chaos_one_in(k, 2) ? 0 : k->now + chaos_pick(k, 3000) * PU_MS;
    if (k->in.what != PU_CMD_SET) return;
    const char *line = lines[chaos_pick(k, sizeof lines / sizeof lines[0])];
    k->in.body = span_of(line, strlen(line));
}

static void give_nonsense(chaos *k)
{
    uint32_t kind = chaos_pick(k, PU_IN_COMMAND + 3);
    const chaos_conn *c = some_conn(k);
    const chaos_stream *s = some_stream(k);
    k->in = (pu_in){.flags = chaos_pick(k, 1024), .what = chaos_pick(k, 4)};
    memcpy(&k->in.kind, &kind, sizeof kind);
    k->in.code = chaos_pick(k, 3) * PU_CODE_VIOLATION;
    k->in.token = chaos_pick(k, 40);
    k->in.transport = (enum pu_transport)chaos_pick(k, 4);
    k->in.peer = chaos_id(k, chaos_pick(k, CHAOS_PEERS));
    if (chaos_one_in(k, 10)) k->in.peer.len = chaos_pick(k, (uint32_t)k->in.peer.len);
    k->in.local = pu_endpoint_ip4(11, 0, 0, (uint8_t)chaos_pick(k, 3), 4001);
    k->in.remote = chaos_endpoint(k);
    k->in.offset = chaos_pick(k, 100000);
    if (kind == PU_IN_CLOCK) k->in.offset = UNIX_START_NS + chaos_pick(k, 1000) * PU_S;
    k->in.conn = any_handle(k, c != NULL ? c->handle : 0, CHAOS_CONNS);
    k->in.stream = any_handle(k, s != NULL ? s->handle : 0, CHAOS_STREAMS);
    k->in.body = chaos_noise(k);
    if (kind == PU_IN_COMMAND) draw_command(k);
    if (kind == PU_IN_CONN_DOWN) give_conn_down(k, k->in.conn, k->in.code);
    else if (kind != PU_IN_ADDR || chaos_one_in(k, 20)) give(k); /* another address ends much */
}

/* ---- a node's life ---- */

static void begin(chaos *k)
{
    k->in = (pu_in){.kind = PU_IN_CLOCK, .offset = UNIX_START_NS};
    give(k);
    give_command(k, PU_CMD_ADDRESS, 0, PU_RELAY);
    pu_service service = {.name = SPAN_LITERAL("x"), .protocol_count = 1};
    service.protocols[0] = SPAN_LITERAL("/x");
    size_t len = pu_service_write(k->body, sizeof k->body, &service);
    k->in = (pu_in){.kind = PU_IN_COMMAND, .what = PU_CMD_EXPOSE, .token = 1};
    k->in.body = span_of(k->body, len);
    give(k);
    k->in = (pu_in){.kind = PU_IN_ADDR, .flags = PU_LISTEN, .socket = PU_SOCKET_MAIN};
    k->in.transport = PU_TRANSPORT_QUIC;
    k->in.local = pu_endpoint_ip4(11, 0, 0, 1, 4001);
    give(k);
    give_kind(k, PU_IN_TICK);
}

static void live(chaos *k, unsigned inputs)
{
    begin(k);
    while (k->result.taken + k->result.refused < inputs) {
        if (chaos_one_in(k, 4)) k->now += chaos_pick(k, 40) * PU_MS;
        if (chaos_one_in(k, 8)) give_nonsense(k);
        else give_sense(k);
    }
}

static pu_config chaos_config(void)
{
    pu_config config;
    pu_config_default(&config);
    config.gating = 0;
    config.relay_server = 1;
    config.conns_max = CHAOS_CONNS;
    config.streams_max = CHAOS_STREAMS;
    config.circuit_bytes = 2000;
    return config;
}

chaos_result chaos_run(unsigned seed, unsigned inputs)
{
    chaos *k = calloc(1, sizeof *k);
    const pu_config config = chaos_config();
    uint8_t seed_bytes[32] = "chaos";
    pu_crypto crypto;
    pu_crypto_model model;
    void *memory = malloc(pu_node_size(&config));
    PU_ASSERT(k != NULL && memory != NULL);
    store_le32(seed_bytes + 8, seed);
    rng_init(&k->random, seed_bytes, 1);
    for (uint8_t i = 0; i < CHAOS_PEERS; i++) {
        const uint8_t key[32] = {(uint8_t)(i + 1)};
        pu_peer_id_from_ed25519(&k->ids[i], key);
    }
    pu_crypto_model_init(&crypto, &model, seed_bytes);
    pu_env env = {.crypto = &crypto, .alloc = fault_heap_alloc(&k->heap)};
    int err = pu_peers_new(&env.peers, 64, 1, &env.alloc);
    PU_ASSERT(err == PU_OK);
    err = pu_out_new(&k->out, &env);
    PU_ASSERT(err == PU_OK);
    err = pu_node_init(&k->node, memory, &config, &env, seed_bytes, 0);
    PU_ASSERT(err == PU_OK);
    live(k, inputs);
    pu_node_close(k->node);
    chaos_result result = k->result;
    result.peers_left = pu_peers_count(env.peers);
    pu_peers_free(env.peers);
    pu_out_free(k->out);
    result.bytes_left = k->heap.live_bytes;
    free(memory);
    free(k);
    return result;
}
