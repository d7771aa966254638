/* node_fuzz.c - one node whose host is the input: bytes become inputs of every kind.
 *
 * The host keeps a table of what the node may know, so that most inputs name something that lives;
 * now and then a handle, a token or a credit is wrong on purpose, and the node must refuse it. What
 * the host keeps are the rules of boundary A that nothing checks: time never falls, and streams end
 * before their connection. The node's effects are held to its own promises. One request for memory
 * may fail, and peer ids run out.
 */
#include "base/varint.h"
#include "peerup/node.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fault_heap.h"

enum { CONNS = 6, STREAMS = 12, TOKENS = 16, PEERS = 6, PEERS_MAX = 5, STEPS_MAX = 600, OPENS = 8 };

typedef struct fuzz_conn {
    pu_handle handle; /* 0: free */
    bool is_asked, is_up;
} fuzz_conn;

typedef struct fuzz_stream {
    pu_handle handle; /* 0: free */
    pu_handle conn;
    uint64_t received, room_in;   /* bytes given to the node, and up to where it allowed */
    uint64_t sent, room_out;      /* bytes it sent, and up to where we allowed */
    bool is_reset;                /* by the node: it ignores what comes */
    bool is_finished;             /* we said FIN */
    bool is_app;                  /* the application knows of it, and has not heard its last word */
    uint64_t app_given, app_room; /* bytes the application was given, and up to where it allowed */
    uint64_t app_sent, app_allowed; /* bytes it sent, and up to where it was allowed */
} fuzz_stream;

/* A request of the node's that has no answer yet. */
typedef struct request {
    pu_token token;
    enum pu_ef_kind kind;
    pu_handle conn;
    uint32_t peer;
    bool is_limited;
} request;

typedef struct host {
    pu_span in; /* the input that is left */
    fault_heap heap;
    pu_env env;
    pu_crypto crypto;
    pu_crypto_model key;
    pu_config config;
    pu_node *node;
    pu_out *out;
    pu_time now;
    uint64_t ordinal[2];
    fuzz_conn conns[CONNS];
    fuzz_stream streams[STREAMS];
    request requests[TOKENS];
    uint32_t request_count;
    pu_peer_id ids[PEERS];
    uint8_t body[PU_DATA_MAX + 8];
    pu_handle asked;            /* the CONN_ASK under way, until its verdict */
    uint64_t open_rooms[OPENS]; /* APP OPEN by its token, less 1: the room it gives; 0: none */
} host;

static fuzz_conn *conn_of(host *h, pu_handle handle)
{
    for (int i = 0; i < CONNS; i++)
        if (h->conns[i].handle == handle && handle != 0) return &h->conns[i];
    return NULL;
}

static fuzz_stream *stream_of(host *h, pu_handle handle)
{
    for (int i = 0; i < STREAMS; i++)
        if (h->streams[i].handle == handle && handle != 0) return &h->streams[i];
    return NULL;
}

/* ---- what the node says ---- */

static void request_add(host *h, const pu_ef *ef)
{
    if (h->request_count == TOKENS) h->request_count = 0; /* these stay without an answer */
    request *r = &h->requests[h->request_count++];
    *r = (request){.token = ef->token,
                   .kind = ef->kind,
                   .conn = ef->conn,
                   .is_limited = (ef->flags & PU_LIMITED) != 0};
    for (uint32_t i = 0; i < PEERS; i++)
        if (span_equal(ef->peer, span_of(h->ids[i].bytes, h->ids[i].len))) r->peer = i;
}

static void saw_send(host *h, const pu_ef *ef)
{
    PU_ASSERT(ef->body.len <= PU_DATA_MAX);
    fuzz_stream *s = stream_of(h, ef->stream);
    if (s == NULL) return;
    PU_ASSERT(!s->is_reset);
    PU_ASSERT(ef->body.len <= s->room_out - s->sent); /* never beyond what it was allowed */
    s->sent += ef->body.len;
}

static void saw_verdict(host *h, const pu_ef *ef)
{
    PU_ASSERT(ef->conn == h->asked);
    h->asked = 0;
    fuzz_conn *c = conn_of(h, ef->conn);
    PU_ASSERT(c != NULL);
    if (ef->code != PU_CODE_OK) *c = (fuzz_conn){0};
}

/* ---- what the node says to applications ---- */

static void saw_app_open(host *h, fuzz_stream *s, const pu_ef *ef)
{
    PU_ASSERT(!s->is_app);
    PU_ASSERT(conn_of(h, ef->conn) != NULL);
    s->is_app = true;
    s->app_given = s->app_room = s->app_sent = 0;
    s->app_allowed = ef->offset;
    if (ef->token == 0) return;
    PU_ASSERT(ef->token <= OPENS && h->open_rooms[ef->token - 1] > 0);
    s->app_room = h->open_rooms[ef->token - 1];
    h->open_rooms[ef->token - 1] = 0;
}

static void saw_app(host *h, const pu_ef *ef)
{
    PU_ASSERT(ef->what >= PU_APP_OPEN && ef->what <= PU_APP_END);
    if (ef->stream == 0) { /* the one answer of an OPEN */
        PU_ASSERT(ef->what == PU_APP_RESET && ef->token > 0 && ef->token <= OPENS);
        PU_ASSERT(h->open_rooms[ef->token - 1] > 0);
        h->open_rooms[ef->token - 1] = 0;
        return;
    }
    fuzz_stream *s = stream_of(h, ef->stream);
    PU_ASSERT(s != NULL);
    if (ef->what == PU_APP_OPEN) {
        saw_app_open(h, s, ef);
        return;
    }
    PU_ASSERT(s->is_app);
    if (ef->what == PU_APP_DATA) s->app_given += ef->body.len;
    PU_ASSERT(ef->body.len <= PU_DATA_MAX);
    PU_ASSERT(s->app_given <= s->app_room);
    if (ef->what == PU_APP_ROOM) {
        PU_ASSERT(ef->offset > s->app_allowed);
        s->app_allowed = ef->offset;
    }
    if (ef->what == PU_APP_RESET || ef->what == PU_APP_END) s->is_app = false;
}

static void saw(host *h, const pu_ef *ef)
{
    fuzz_stream *s = stream_of(h, ef->stream);
    switch (ef->kind) {
    case PU_EF_DIAL:
        PU_ASSERT(ef->deadline >= h->now);
        request_add(h, ef);
        break;
    case PU_EF_STREAM_OPEN: request_add(h, ef); break;
    case PU_EF_UPGRADE:
        PU_ASSERT(s != NULL);
        PU_ASSERT(ef->body.len <= sizeof h->body);
        *s = (fuzz_stream){0};
        request_add(h, ef);
        break;
    case PU_EF_STREAM_SEND: saw_send(h, ef); break;
    case PU_EF_STREAM_ROOM:
        if (s == NULL) break;
        PU_ASSERT(ef->offset > s->room_in); /* never taken back */
        s->room_in = ef->offset;
        break;
    case PU_EF_STREAM_RESET:
        if (s != NULL) s->is_reset = true;
        break;
    case PU_EF_CONN_VERDICT: saw_verdict(h, ef); break;
    case PU_EF_PACKET: PU_ASSERT(ef->body.len <= PU_PACKET_MAX); break;
    case PU_EF_APP: saw_app(h, ef); break;
    case PU_EF_RESOLVE:
        PU_ASSERT(ef->what >= PU_NAME_ADDRESS && ef->what <= PU_NAME_DNSADDR);
        PU_ASSERT(ef->body.len > 0 && ef->deadline > h->now);
        request_add(h, ef);
        break;
    case PU_EF_EVENT: PU_ASSERT(ef->what >= PU_EVENT_DONE && ef->what <= PU_EVENT_REFUSED); break;
    case PU_EF_KEEP:
        PU_ASSERT(ef->peer.len > 0 && ef->peer.len <= PU_KEEP_KEY_MAX);
        PU_ASSERT(ef->body.len <= PU_KEEP_BODY_MAX);
        request_add(h, ef);
        break;
    case PU_EF_SET: PU_ASSERT(pu_config_find(ef->body) != NULL); break;
    case PU_EF_DIAL_CANCEL:
    case PU_EF_HANGUP:
    case PU_EF_STREAM_STOP: break;
    case PU_EF_CONN_SET:
    case PU_EF_MAP:
    default: PU_NEVER_HERE();
    }
}

static int step(host *h, pu_in in)
{
    in.now = h->now;
    bool is_ask = in.kind == PU_IN_CONN_ASK;
    if (is_ask) h->asked = in.conn;
    int err = pu_node_step(h->node, &in, h->out);
    PU_ASSERT(err == PU_OK || err == PU_EHANDLE || err == PU_ERANGE);
    uint32_t count = 0;
    for (pu_ef ef; pu_out_next(h->out, &ef); count++) saw(h, &ef);
    PU_ASSERT(err == PU_OK || count == 0);
    pu_out_reset(h->out);
    if (is_ask) PU_ASSERT(err != PU_OK || h->asked == 0); /* answered in the same step */
    PU_ASSERT(pu_node_deadline(h->node, NULL) >= h->now);
    return err;
}

/* ---- what the input says ---- */

static pu_endpoint endpoint_from(host *h)
{
    uint8_t b = fuzz_u8(&h->in);
    static const uint8_t first[] = {5, 8, 10, 127, 192, 203};
    return pu_endpoint_ip4(first[b % 6], b % 6 == 4 ? 168 : 3, b >> 6, b & 3, 4001);
}

static pu_span peer_from(host *h)
{
    uint8_t b = fuzz_u8(&h->in);
    const pu_peer_id *id = &h->ids[b % PEERS];
    return span_of(id->bytes, b == 255 ? 7u : id->len); /* 255: not a peer id */
}

static fuzz_conn *any_conn(host *h)
{
    return &h->conns[fuzz_u8(&h->in) % CONNS];
}

static fuzz_stream *any_stream(host *h)
{
    return &h->streams[fuzz_u8(&h->in) % STREAMS];
}

/* One handle in sixteen is wrong. */
static pu_handle broken(host *h, pu_handle handle)
{
    uint8_t b = fuzz_u8(&h->in);
    return b % 16 == 15 ? handle ^ ((uint64_t)b << 20) : handle;
}

static void put_maddr(host *h, pu_buf *out)
{
    static const uint8_t quic[] = {4, 8, 3, 0, 1, 0x91, 0x02, 15, 161, 0xcd, 0x03};
    static const uint8_t dns4[] = {54, 1, 'x', 0x91, 0x02, 15, 161, 0xcd, 0x03};
    static const uint8_t dnsaddr[] = {56, 1, 'y'};
    uint8_t b = fuzz_u8(&h->in);
    const pu_peer_id *id = &h->ids[b % PEERS], *via = &h->ids[(b >> 3) % PEERS];
    if (b & 64) buf_put(out, quic, sizeof quic);
    else if ((b & 56) == 32) buf_put(out, dns4, sizeof dns4);
    else if ((b & 56) == 16) buf_put(out, dnsaddr, sizeof dnsaddr);
    if (b & 128) {
        buf_put_u8(out, 0xa5), buf_put_u8(out, 0x03), buf_put_u8(out, via->len);
        buf_put(out, via->bytes, via->len);
        buf_put_u8(out, 0xa2), buf_put_u8(out, 0x02);
    }
    buf_put_u8(out, 0xa5), buf_put_u8(out, 0x03), buf_put_u8(out, id->len);
    buf_put(out, id->bytes, id->len);
}

static const char *const texts[] = {
    "\x13/multistream/1.0.0\n",
    "\x0f/ipfs/id/1.0.0\n",
    "\x11/ipfs/ping/1.0.0\n",
    "\x20/libp2p/circuit/relay/0.2.0/hop\n",
    "\x21/libp2p/circuit/relay/0.2.0/stop\n",
    "\x0d/libp2p/dcutr\n",
    "\x14/ipfs/id/push/1.0.0\n",
    "\x03na\n",
    "\x02\x08",
    "\x04\x08\x02\x28\x64",
};
static const char *const app_texts[] = {"\x03/a\n", "\x03/b\n"};

/* A peer id or multiaddr as field 1 or 2 of a message. */
static void put_field(host *h, pu_buf *out, bool is_address)
{
    uint8_t bytes[256];
    pu_buf value = buf_of(bytes, sizeof bytes);
    if (is_address) put_maddr(h, &value);
    else buf_put_span(&value, peer_from(h));
    buf_put_u8(out, fuzz_u8(&h->in));
    buf_put_u8(out, (uint8_t)value.len);
    buf_put_span(out, buf_span(&value));
}

/* Bytes of a stream: pieces of what protocols say, and what the input wants. */
static pu_span body_from(host *h, size_t most)
{
    pu_buf out = buf_of(h->body, PU_DATA_MAX);
    uint8_t pieces = fuzz_u8(&h->in) % 6;
    for (uint8_t i = 0; i < pieces; i++) {
        uint8_t b = fuzz_u8(&h->in);
        const char *text = b < 150 ? texts[b % 10] : app_texts[b & 1];
        if (b < 160) buf_put(&out, text, strlen(text));
        else if (b < 176) put_field(h, &out, b & 1);
        else if (b < 180)
            while (!out.full && out.len < 9000) buf_put(&out, "\x03na\n", 4);
        else buf_put_span(&out, fuzz_span(&h->in, b % 64));
    }
    size_t len = out.len;
    if (len > most && fuzz_u8(&h->in) % 8 != 7) len = most; /* one in eight breaks the credit */
    return span_of(h->body, len);
}

/* ---- inputs ---- */

static void do_time(host *h)
{
    uint8_t b = fuzz_u8(&h->in);
    pu_time deadline = pu_node_deadline(h->node, NULL);
    if (b < 128 && deadline != PU_NEVER) h->now = deadline;
    else h->now += (uint64_t)b * b * PU_MS;
    step(h, (pu_in){.kind = PU_IN_TICK});
}

static pu_handle handle_new(host *h, int which, uint32_t slot)
{
    return pu_handle_make(slot, ++h->ordinal[which]);
}

/* A place for a connection; its slot is the place's number. NULL: none is free. */
static fuzz_conn *conn_new(host *h)
{
    for (uint32_t i = 0; i < CONNS; i++) {
        fuzz_conn *c = &h->conns[i];
        if (c->handle != 0) continue;
        *c = (fuzz_conn){.handle = handle_new(h, 0, i)};
        return c;
    }
    return NULL;
}

static void conn_up(host *h, fuzz_conn *c, uint32_t flags, pu_token token, pu_span peer)
{
    pu_handle handle = c->handle;
    c->is_up = true;
    c->is_asked = false;
    int err = step(h, (pu_in){.kind = PU_IN_CONN_UP,
                              .conn = handle,
                              .token = token,
                              .peer = peer,
                              .flags = flags,
                              .local = endpoint_from(h),
                              .remote = endpoint_from(h),
                              .transport = (flags & PU_RELAYED) != 0 ? PU_TRANSPORT_CIRCUIT
                                                                     : PU_TRANSPORT_QUIC});
    if (err != PU_OK) *c = (fuzz_conn){0};
}

/* An inbound connection, as far as the input takes it. */
static void do_inbound(host *h)
{
    fuzz_conn *c = conn_new(h);
    if (c == NULL) return;
    pu_handle handle = c->handle;
    uint8_t b = fuzz_u8(&h->in);
    uint32_t relayed = b & 1 ? PU_RELAYED | (b & 2 ? PU_LIMITED : 0) : 0;
    pu_span peer = peer_from(h);
    c->is_asked = true;
    pu_in ask = {.kind = PU_IN_CONN_ASK,
                 .what = PU_ASK_ACCEPT,
                 .conn = handle,
                 .remote = endpoint_from(h),
                 .transport = PU_TRANSPORT_QUIC};
    if (relayed == 0 && step(h, ask) != PU_OK) *c = (fuzz_conn){0};
    if (b & 4 || c->handle != handle) return;
    ask.what = PU_ASK_SECURED;
    ask.peer = peer;
    ask.flags = relayed & PU_RELAYED;
    if (step(h, ask) != PU_OK && relayed != 0) *c = (fuzz_conn){0};
    if (b & 8 || c->handle != handle) return;
    conn_up(h, c, relayed, 0, peer);
    if (b & 16) return;
    step(h, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = handle});
}

/* Streams end before their connection, and carried connections before those. */
static void do_down(host *h, fuzz_conn *c)
{
    for (int i = 0; i < STREAMS; i++) {
        fuzz_stream *s = &h->streams[i];
        if (s->handle == 0 || s->conn != c->handle) continue;
        step(h, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = s->conn,
                        .stream = s->handle,
                        .what = PU_DOWN_LOST});
        PU_ASSERT(!s->is_app);
        *s = (fuzz_stream){0};
    }
    pu_handle handle = c->handle;
    *c = (fuzz_conn){0};
    step(h, (pu_in){.kind = PU_IN_CONN_DOWN, .conn = handle, .code = fuzz_u8(&h->in)});
}

static void stream_up(host *h, pu_handle conn, pu_token token)
{
    for (uint32_t i = 0; i < STREAMS; i++) {
        fuzz_stream *s = &h->streams[i];
        if (s->handle != 0) continue;
        *s = (fuzz_stream){.handle = handle_new(h, 1, i),
                           .conn = conn,
                           .room_in = PU_FIRST_ROOM,
                           .room_out = fuzz_u8(&h->in) * 64};
        int err = step(h, (pu_in){.kind = PU_IN_STREAM_UP,
                                  .conn = conn,
                                  .stream = s->handle,
                                  .token = token,
                                  .offset = s->room_out});
        if (err != PU_OK) *s = (fuzz_stream){0};
        return;
    }
}

/* What a name stands for: IP addresses, whole addresses, names again, and noise. */
static void answer_name(host *h, const request *r, uint8_t b)
{
    static const uint8_t ip[] = {5, 4, 8, 3, 0, 1};
    pu_buf body = buf_of(h->body, 4096);
    for (uint8_t i = b & 7; i > 0; i--) {
        uint8_t maddr[256];
        pu_buf one = buf_of(maddr, sizeof maddr);
        put_maddr(h, &one);
        if (i & 1) buf_put(&body, ip, sizeof ip);
        if (i & 1) body.base[body.len - 1] = i;
        buf_put_u8(&body, (uint8_t)one.len);
        buf_put_span(&body, buf_span(&one));
    }
    if (b == 200) body.len--;
    step(h, (pu_in){.kind = PU_IN_RESOLVED,
                    .token = r->token,
                    .code = b & 32 ? PU_CODE_OK : PU_CODE_UNREACHABLE,
                    .deadline = b & 64 ? h->now + b * PU_MS : 0,
                    .body = buf_span(&body)});
}

/* Answers one of the node's requests, well or badly. */
static void do_answer(host *h)
{
    if (h->request_count == 0) return;
    uint8_t b = fuzz_u8(&h->in);
    request r = h->requests[b % h->request_count];
    if (b < 240) {
        uint32_t last = h->request_count - 1;
        h->requests[b % h->request_count] = h->requests[last];
        h->request_count = last;
    }
    if (b >= 248) r.token ^= 1; /* somebody else's */
    bool is_good = b & 32;
    if (r.kind == PU_EF_RESOLVE) {
        answer_name(h, &r, b);
        return;
    }
    if (r.kind == PU_EF_STREAM_OPEN) {
        bool lives = conn_of(h, r.conn) != NULL && conn_of(h, r.conn)->is_up;
        if (is_good && lives) stream_up(h, r.conn, r.token);
        else
            step(h, (pu_in){.kind = PU_IN_STREAM_DOWN,
                            .conn = r.conn,
                            .token = r.token,
                            .what = PU_DOWN_RESET,
                            .code = b});
        return;
    }
    if (r.kind == PU_EF_KEEP) {
        uint32_t code = is_good ? PU_CODE_OK : PU_CODE_RESOURCE;
        step(h, (pu_in){.kind = PU_IN_STORED, .token = r.token, .code = code});
        return;
    }
    fuzz_conn *c = is_good ? conn_new(h) : NULL;
    if (c == NULL) {
        step(h, (pu_in){.kind = PU_IN_DIAL_FAIL, .token = r.token, .code = PU_CODE_TIMEOUT});
        return;
    }
    pu_handle handle = c->handle;
    uint32_t flags = PU_DIALLER | PU_PROVISIONAL;
    if (r.kind == PU_EF_UPGRADE) flags |= PU_RELAYED | (r.is_limited ? PU_LIMITED : 0);
    conn_up(h, c, flags, r.token, span_of(h->ids[r.peer].bytes, h->ids[r.peer].len));
    if (b & 64) step(h, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = handle});
}

static void do_data(host *h)
{
    fuzz_stream *s = any_stream(h);
    uint64_t room = s->room_in - s->received;
    pu_span body = body_from(h, room < PU_DATA_MAX ? (size_t)room : PU_DATA_MAX);
    bool fin = fuzz_u8(&h->in) % 8 == 7;
    if (s->is_finished) return;
    pu_handle handle = s->handle;
    int err = step(h, (pu_in){.kind = PU_IN_STREAM_DATA,
                              .conn = s->conn,
                              .stream = broken(h, handle),
                              .flags = fin ? PU_FIN : 0,
                              .body = body});
    if (err != PU_OK || s->handle != handle) return;
    s->received += body.len;
    s->is_finished = fin;
    PU_ASSERT(s->received <= s->room_in); /* more is refused */
}

static void do_stream(host *h)
{
    fuzz_stream *s = any_stream(h);
    pu_in in = {.conn = s->conn, .stream = broken(h, s->handle), .code = fuzz_u8(&h->in)};
    switch (fuzz_u8(&h->in) % 4) {
    case 0:
    case 1:
        in.kind = PU_IN_STREAM_ROOM;
        in.offset = s->room_out + fuzz_u16(&h->in);
        if (in.stream == s->handle) s->room_out = in.offset;
        break;
    case 2: in.kind = PU_IN_STREAM_STOP; break;
    default:
        in.kind = PU_IN_STREAM_DOWN;
        in.what = 1 + in.code % 2;
        step(h, in);
        PU_ASSERT(in.stream != s->handle || !s->is_app);
        if (in.stream == s->handle) *s = (fuzz_stream){0};
        return;
    }
    step(h, in);
}

/* The application's side of a stream that it may know. */
static void do_app(host *h)
{
    fuzz_stream *s = any_stream(h);
    uint8_t b = fuzz_u8(&h->in);
    pu_handle handle = s->handle;
    pu_in in = {.kind = PU_IN_APP, .what = 1 + b % 8, .stream = broken(h, handle), .code = b};
    if (in.stream == 0 || b >= 248) {
        in.stream = 0; /* an OPEN of ours, or its end */
        in.token = 1 + b % OPENS;
        if (in.what == PU_APP_OPEN && h->open_rooms[in.token - 1] != 0) return;
    }
    in.peer = peer_from(h);
    in.flags = b & 8 ? PU_LIMITED : 0;
    in.deadline = b & 16 ? h->now + b * PU_MS : 0;
    if (in.what == PU_APP_OPEN) in.offset = (uint64_t)PU_FIRST_ROOM - (b > 250) + b;
    if (in.what == PU_APP_ROOM) in.offset = s->app_room + fuzz_u16(&h->in);
    uint64_t allowed = s->app_allowed - s->app_sent;
    if (in.what == PU_APP_DATA) in.body = body_from(h, allowed < 999 ? (size_t)allowed : 999);
    if (in.stream == 0) in.body = b & 1 ? SPAN_LITERAL("/a") : SPAN_LITERAL("/c");
    bool gives_room = in.what == PU_APP_OPEN || in.what == PU_APP_ROOM;
    uint64_t *room = in.stream == 0 ? &h->open_rooms[in.token - 1] : &s->app_room, was = *room;
    if (gives_room && (in.stream == 0 || in.stream == handle)) *room = in.offset;
    int err = step(h, in);
    if (err != PU_OK) {
        if (gives_room && s->handle == handle) *room = was;
    } else if (in.stream == handle && s->handle == handle) {
        if (in.what == PU_APP_DATA) s->app_sent += in.body.len;
        if (in.what == PU_APP_RESET) s->is_app = false;
    }
}

static void do_conn(host *h)
{
    fuzz_conn *c = any_conn(h);
    uint8_t b = fuzz_u8(&h->in);
    pu_handle handle = c->handle;
    if (b % 8 == 0 && handle != 0) {
        do_down(h, c);
    } else if (b % 8 < 5) {
        if (c->is_up) stream_up(h, handle, b % 8 == 4 ? b : 0); /* a token that nobody gave */
    } else {
        step(h, (pu_in){.kind = b & 8 ? PU_IN_CONN_PATH : PU_IN_CONN_CONFIRMED,
                        .conn = broken(h, handle),
                        .offset = b * PU_MS,
                        .flags = b & 16 ? PU_MIGRATED : 0,
                        .local = endpoint_from(h),
                        .remote = endpoint_from(h)});
    }
}

static pu_span command_body(host *h, uint32_t what)
{
    pu_buf out = buf_of(h->body, 4096);
    uint8_t b = fuzz_u8(&h->in);
    if (b >= 224) return fuzz_span(&h->in, b);
    if (what == PU_CMD_AUTHORISE) {
        char text[PU_PEER_ID_TEXT_MAX];
        size_t len = pu_peer_id_text(&h->ids[b % PEERS], PU_PEER_BASE58, text);
        buf_put(&out, text, len);
        if (b & 128) buf_put_span(&out, SPAN_LITERAL(" expires=2026-01-02T00:00:00Z # x"));
    } else if (what == PU_CMD_ADDRESS) {
        put_maddr(h, &out);
    } else if (what == PU_CMD_EXPOSE || what == PU_CMD_WITHDRAW) {
        pu_service s = {.name = b & 1 ? SPAN_LITERAL("x") : SPAN_LITERAL("y"), .limited = b & 2};
        s.protocols[s.protocol_count++] = b & 4 ? SPAN_LITERAL("/a") : SPAN_LITERAL("/b");
        if (b & 8) s.protocols[s.protocol_count++] = SPAN_LITERAL("/c");
        if (b & 16) s.streams_max = s.streams_per_peer_max = 1;
        s.allow_listed = b & 32;
        if (what == PU_CMD_WITHDRAW) return s.name;
        out.len = pu_service_write(out.base, out.cap, &s);
    } else if (what == PU_CMD_SET) {
        const pu_config_info *info = pu_config_at(b % 64);
        if (info == NULL) return span_of(NULL, 0);
        buf_put(&out, info->name, strlen(info->name));
        buf_put_u8(&out, '=');
        if (strcmp(info->name, "conns_max") == 0) { /* we have no more slots */
            buf_put_u8(&out, (uint8_t)('1' + b / 64 % CONNS));
            return buf_span(&out);
        }
        for (uint8_t i = b >> 5; i < 7; i++) buf_put_u8(&out, (uint8_t)('0' + (b + i) % 10));
    }
    return buf_span(&out);
}

static void do_command(host *h)
{
    uint8_t b = fuzz_u8(&h->in);
    uint32_t what = 1 + b % (PU_CMD_STOP + 1);
    if (what == PU_CMD_STOP && b < 230) what = PU_CMD_CONNECT;
    step(h, (pu_in){.kind = PU_IN_COMMAND,
                    .what = what,
                    .token = fuzz_u8(&h->in),
                    .flags = b & 64 ? PU_KEEP | PU_RELAY : 0,
                    .peer = peer_from(h),
                    .deadline = b & 32 ? h->now + b * PU_MS : 0,
                    .body = command_body(h, what)});
}

/* A record of an earlier run about one of the peers, mostly well made. */
static void kept_from(host *h, pu_in *in)
{
    static char key[5 + PU_PEER_ID_TEXT_MAX] = "book/";
    uint8_t b = fuzz_u8(&h->in);
    size_t len = 5 + pu_peer_id_text(&h->ids[b % PEERS], PU_PEER_BASE58, key + 5);
    pu_buf out = buf_of(h->body, 4096);
    for (uint8_t i = b >> 4; i > 0; i--) {
        static const uint8_t udp[] = {4, 8, 8, 8, 0, 0x91, 0x02, 15, 161, 0xcd, 0x03};
        uint8_t maddr[sizeof udp];
        memcpy(maddr, udp, sizeof udp);
        maddr[4] = fuzz_u8(&h->in);
        maddr[2] ^= maddr[4] & 1;
        varint_put(&out, sizeof maddr);
        buf_put(&out, maddr, sizeof maddr);
    }
    if (b & 8) buf_put_span(&out, fuzz_span(&h->in, b));
    in->peer = span_of(key, b == 7 ? len - 1 : len);
    in->body = buf_span(&out);
}

static void do_rest(host *h)
{
    uint8_t b = fuzz_u8(&h->in);
    pu_in in = {.local = endpoint_from(h), .socket = PU_SOCKET_MAIN};
    switch (b % 4) {
    case 0:
    case 1:
        in.kind = PU_IN_ADDR;
        in.flags = (b & 4 ? PU_LISTEN : 0) | (b & 8 ? PU_GONE : 0);
        in.transport = b & 16 ? PU_TRANSPORT_TCP : PU_TRANSPORT_QUIC;
        break;
    case 2:
        in.kind = PU_IN_CLOCK;
        in.offset = b == 254 ? UINT64_MAX : (uint64_t)b << (b % 64);
        break;
    default:
        in.kind = b > 128 ? (enum pu_in_kind)(b % 32) : PU_IN_PACKET;
        if (in.kind == PU_IN_CONN_ASK || in.kind == PU_IN_CONN_UP || in.kind == PU_IN_STREAM_UP)
            in.kind = PU_IN_TICK; /* these have functions of their own */
        if (in.kind == PU_IN_KEPT) kept_from(h, &in);
        else in.body = fuzz_span(&h->in, b);
        in.remote = endpoint_from(h);
        break;
    }
    step(h, in);
}

/* ---- a life ---- */

static void open_node(host *h, void *mem)
{
    static const uint8_t seed[32] = {1};
    uint8_t b = fuzz_u8(&h->in);
    h->heap.fail_at = fuzz_u8(&h->in);
    pu_config_default(&h->config);
    h->config.gating = b & 1;
    h->config.relay_server = b >> 1 & 1;
    h->config.conns_max = CONNS;
    h->config.streams_max = STREAMS;
    if (b & 4) h->config.book_peers_max = 2;
    if (b & 8) h->config.book_addrs_max = 1;
    if (b & 16) h->config.wanted_max = 2;
    if (b & 32) h->config.reservations_max = 1;
    if (b & 64) h->config.circuit_bytes = 1024;
    if (b & 128) h->config.authorized_max = 2;
    pu_crypto_model_init(&h->crypto, &h->key, seed);
    h->env.alloc = fault_heap_alloc(&h->heap);
    h->env.crypto = &h->crypto;
    for (uint32_t i = 0; i < PEERS; i++) {
        uint8_t key[32] = {(uint8_t)(i + 1)};
        if (i == 0) h->crypto.public_key(h->crypto.ctx, key); /* ourselves */
        pu_peer_id_from_ed25519(&h->ids[i], key);
    }
    int err = pu_node_init(&h->node, mem, &h->config, &h->env, seed, h->now);
    PU_ASSERT(err == PU_OK);
}

static void live(host *h)
{
    for (int i = 0; i < STEPS_MAX && h->in.len > 0; i++) {
        uint8_t b = fuzz_u8(&h->in);
        if (b >= 240) {
            do_app(h);
            continue;
        }
        switch (b % 12) {
        case 0:
        case 1: do_time(h); break;
        case 2: do_inbound(h); break;
        case 3:
        case 4: do_answer(h); break;
        case 5:
        case 6:
        case 7: do_data(h); break;
        case 8: do_stream(h); break;
        case 9: do_conn(h); break;
        case 10: do_command(h); break;
        default: do_rest(h); break;
        }
    }
}

/* Readers must cope with whatever state there is. */
static void read_all(const host *h)
{
    pu_conn_row conn;
    pu_peer_row peer;
    pu_limit_row limit;
    uint32_t cursor = 0, count = 0;
    while (pu_node_read_conns(h->node, &cursor, &conn)) count++;
    PU_ASSERT(count <= CONNS);
    cursor = 0;
    while (pu_node_read_peers(h->node, &cursor, &peer)) PU_ASSERT(peer.peer.len > 0);
    cursor = 0;
    while (pu_node_read_limits(h->node, &cursor, &limit)) PU_ASSERT(limit.name != NULL);
    pu_service_row service;
    pu_app_row app;
    pu_service read;
    cursor = 0;
    while (pu_node_read_services(h->node, &cursor, &service))
        PU_ASSERT(pu_service_read(&read, service.definition) == PU_OK);
    cursor = 0;
    while (pu_node_read_apps(h->node, &cursor, &app)) PU_ASSERT(app.protocol.len > 0);
}

void fuzz_node(pu_span bytes)
{
    static host h;
    fault_heap own = {0}; /* of the host itself: what is refused is the node's */
    pu_alloc alloc = fault_heap_alloc(&own);
    memset(&h, 0, sizeof h);
    h.in = bytes;
    h.now = PU_S;
    size_t size = pu_node_size(&h.config);
    void *mem = alloc.resize(alloc.ctx, NULL, 0, size);
    int err = pu_peers_new(&h.env.peers, PEERS_MAX, 1, &alloc);
    PU_ASSERT(err == PU_OK);
    err = pu_out_new(&h.out, &(pu_env){.alloc = alloc});
    PU_ASSERT(err == PU_OK);
    open_node(&h, mem);
    live(&h);
    read_all(&h);
    pu_node_close(h.node);
    PU_ASSERT(h.heap.live_bytes == 0);
    PU_ASSERT(pu_peers_count(h.env.peers) == 0);
    pu_out_free(h.out);
    pu_peers_free(h.env.peers);
    (void)alloc.resize(alloc.ctx, mem, size, 0);
    PU_ASSERT(own.live_bytes == 0);
}
