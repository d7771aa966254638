/* datagram_fuzz.c - the model transport against a peer that may send anything: bytes without a tag,
 * openings, and frames inside packets of a connection that it has rightly set up.
 *
 * Two transports set up one connection over a wire that loses nothing. Then the other side is gone,
 * and the input speaks for it, with its key. The node above answers by simple rules.
 */
#include "sim/transport_model/tm_impl.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fault_heap.h"

#include <string.h>

enum { SIDES = 2, WIRE_MAX = 64, OPS_MAX = 400, ROOM = 16384 };

typedef struct side {
    struct bench *b;
    tm *t;
    transport_host hooks;
    pu_peer_id id;
    pu_endpoint at;
    pu_handle conn; /* the latest that came up */
    pu_handle stream;
    uint64_t sent, room, got; /* of the latest stream */
    bool is_touched;          /* it is to be flushed */
} side;

/* A datagram under way. */
typedef struct flying {
    uint32_t to;
    enum net_carriage carriage;
    size_t len;
    uint8_t bytes[PACKET_MAX];
} flying;

typedef struct bench {
    pu_time now;
    fault_heap heap; /* only counts: the simulator itself never goes without memory */
    pu_alloc alloc;
    pu_config config;
    side sides[SIDES];
    flying wire[WIRE_MAX];
    uint32_t wire_count;
    bool is_deaf; /* the other side is gone: what is sent goes nowhere */
    pu_time wake[SIDES];
    pu_handle wake_conn[SIDES];
} bench;

static void effect(side *s, const pu_ef *ef)
{
    bool is_known = tm_effect(s->t, s->b->now, ef);
    PU_ASSERT(is_known);
}

static void stream_is_up(side *s, const pu_in *in)
{
    s->stream = in->stream;
    s->sent = s->got = 0;
    s->room = in->offset;
    effect(s,
           &(pu_ef){
               .kind = PU_EF_STREAM_ROOM, .conn = in->conn, .stream = in->stream, .offset = ROOM});
}

/* The node: lets everybody in, and holds the transport to the credit of the latest stream. */
static void on_input(void *ctx, const pu_in *in)
{
    side *s = ctx;
    PU_ASSERT(in->body.len <= PU_DATA_MAX);
    if (in->kind == PU_IN_CONN_ASK)
        effect(s, &(pu_ef){.kind = PU_EF_CONN_VERDICT, .conn = in->conn, .code = PU_CODE_OK});
    if (in->kind == PU_IN_CONN_UP) s->conn = in->conn;
    if (in->kind == PU_IN_STREAM_UP) stream_is_up(s, in);
    if (in->stream != s->stream || s->stream == 0) return;
    if (in->kind == PU_IN_STREAM_ROOM) s->room = in->offset;
    if (in->kind == PU_IN_STREAM_DOWN) s->stream = 0;
    if (in->kind != PU_IN_STREAM_DATA) return;
    s->got += in->body.len;
    PU_ASSERT(s->got <= ROOM);
}

static void on_send(void *ctx, uint16_t port, const pu_endpoint *to, pu_span bytes,
                    enum net_carriage carriage, enum net_kind kind)
{
    (void)port;
    side *s = ctx;
    bench *b = s->b;
    (void)kind;
    PU_ASSERT(bytes.len <= PACKET_MAX);
    uint32_t other = s == &b->sides[0] ? 1 : 0;
    if (b->is_deaf || b->wire_count == WIRE_MAX || !pu_endpoint_equal(to, &b->sides[other].at))
        return;
    flying *f = &b->wire[b->wire_count++];
    f->to = other;
    f->carriage = carriage;
    f->len = bytes.len;
    memcpy(f->bytes, bytes.base, bytes.len);
}

static void on_wake(void *ctx, queue_timer *timer, pu_handle handle, pu_time at)
{
    side *s = ctx;
    size_t i = s == &s->b->sides[0] ? 0 : 1;
    PU_ASSERT(at >= s->b->now);
    *timer = at != PU_NEVER;
    if (at == PU_NEVER || at > s->b->wake[i]) return;
    s->b->wake[i] = at;
    s->b->wake_conn[i] = handle;
}

static pu_endpoint on_local(void *ctx, const pu_endpoint *remote)
{
    (void)remote;
    const side *s = ctx;
    return s->at;
}

static void on_touch(void *ctx)
{
    side *s = ctx;
    s->is_touched = true;
}

static void open_side(bench *b, size_t i)
{
    side *s = &b->sides[i];
    static const uint8_t seed[SIDES][32] = {{7}, {8}};
    uint8_t key[32] = {(uint8_t)(i + 1)};
    s->b = b;
    s->is_touched = false;
    s->at = pu_endpoint_ip4(1, 2, 3, (uint8_t)(4 + i), 4001);
    pu_peer_id_from_ed25519(&s->id, key);
    s->hooks = (transport_host){&b->alloc, on_input, on_send, on_wake, on_touch, on_local};
    s->t = tm_new(&b->config, &s->id, &s->hooks, s, seed[i]);
    b->wake[i] = PU_NEVER;
}

/* The end of an event. */
static void flush(bench *b)
{
    while (b->sides[0].is_touched || b->sides[1].is_touched) {
        side *s = b->sides[0].is_touched ? &b->sides[0] : &b->sides[1];
        s->is_touched = false;
        tm_flush(s->t, b->now);
    }
}

/* Fires the wake that is due first on side i, if it is due by `until`. */
static bool fire(bench *b, size_t i, pu_time until)
{
    if (b->wake[i] > until) return false;
    if (b->wake[i] > b->now) b->now = b->wake[i];
    b->wake[i] = PU_NEVER;
    tm_timer(b->sides[i].t, b->now, b->wake_conn[i]);
    flush(b);
    return true;
}

static void carry(bench *b)
{
    flush(b);
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < b->wire_count; i++) {
            flying f = b->wire[i];
            const side *from = &b->sides[1 - f.to];
            (void)tm_datagram(b->sides[f.to].t, b->now, f.carriage, &from->at,
                              span_of(f.bytes, f.len));
        }
        b->wire_count = 0;
        flush(b);
        if (!fire(b, 0, b->now + PU_MS) && !fire(b, 1, b->now + PU_MS) && b->wire_count == 0)
            return;
    }
}

static void set_up(bench *b)
{
    *b = (bench){.now = PU_S};
    b->alloc = fault_heap_alloc(&b->heap);
    pu_config_default(&b->config);
    for (size_t i = 0; i < SIDES; i++) open_side(b, i);
    side *client = &b->sides[1];
    effect(client, &(pu_ef){.kind = PU_EF_DIAL,
                            .token = 1,
                            .peer = span_of(b->sides[0].id.bytes, b->sides[0].id.len),
                            .remote = b->sides[0].at,
                            .transport = PU_TRANSPORT_QUIC,
                            .what = PU_ROLE_CLIENT,
                            .socket = PU_SOCKET_MAIN,
                            .deadline = 20 * PU_S});
    carry(b);
    PU_ASSERT(b->sides[0].conn != 0);
    PU_ASSERT(b->sides[1].conn != 0);
    b->is_deaf = true;
}

/* ---- what the input does ---- */

enum op { OP_RAW, OP_INIT, OP_FRAMES, OP_CLOSE, OP_OPEN, OP_SEND, OP_END, OP_TIME, OP_COUNT };

static void deliver(bench *b, pu_span bytes)
{
    (void)tm_datagram(b->sides[0].t, b->now, NET_UDP, &b->sides[1].at, bytes);
}

static void deliver_packet(bench *b, enum op op, pu_span body, uint64_t number)
{
    uint8_t out[PACKET_MAX];
    const conn *c = tm_conn_of(b->sides[0].t, b->sides[0].conn);
    packet p = {.kind = PACKET_FRAMES, .number = number, .frames = body};
    uint32_t key = c != NULL ? c->key : KEY_PUBLIC;
    if (op == OP_INIT) {
        key = KEY_PUBLIC;
        p = (packet){.kind = PACKET_INIT,
                     .from = 1 + number,
                     .nonce = (uint32_t)number * 3,
                     .peer = b->sides[1].id};
    } else if (op == OP_CLOSE) {
        p = (packet){.kind = PACKET_CLOSE, .code = (uint32_t)number};
    }
    if (op != OP_INIT) p.to = b->sides[0].conn;
    deliver(b, span_of(out, packet_write(out, &p, op == OP_INIT ? PACKET_MAX : 0, key)));
}

/* What the node of side 0 does by itself. */
static void act(side *s, enum op op, uint32_t value)
{
    static const uint8_t zeros[2048];
    pu_ef ef = {.conn = s->conn, .stream = s->stream, .code = value};
    if (op == OP_OPEN) {
        ef.kind = PU_EF_STREAM_OPEN;
        ef.token = 100 + value;
    } else if (op == OP_SEND) {
        size_t len = value % sizeof zeros;
        if (s->stream == 0 || len > s->room - s->sent) return;
        s->sent += len;
        ef.kind = PU_EF_STREAM_SEND;
        ef.body = span_of(zeros, len);
        ef.code = 0;
    } else {
        static const enum pu_ef_kind ends[] = {PU_EF_STREAM_STOP, PU_EF_STREAM_RESET, PU_EF_HANGUP};
        ef.kind = ends[value % 3];
        ef.deadline = s->b->now + PU_S;
        if (ef.kind == PU_EF_STREAM_RESET) s->stream = 0;
    }
    effect(s, &ef);
}

static void pass_time(bench *b, uint64_t duration_ns)
{
    pu_time until = b->now + duration_ns;
    for (int i = 0; i < 64 && fire(b, 0, until); i++) {}
    if (b->now < until) b->now = until;
}

void fuzz_datagram(pu_span bytes)
{
    static bench b;
    set_up(&b);
    uint64_t number = 1;
    for (int i = 0; i < OPS_MAX && bytes.len > 0; i++) {
        uint8_t head = fuzz_u8(&bytes);
        enum op op = (enum op)(head % OP_COUNT);
        pu_span body = span_of(NULL, 0);
        if (op == OP_RAW || op == OP_FRAMES) body = fuzz_span(&bytes, fuzz_u8(&bytes));
        uint32_t value = op == OP_RAW || op == OP_FRAMES ? head : fuzz_u16(&bytes);
        if (op == OP_RAW) deliver(&b, body);
        else if (op == OP_FRAMES) deliver_packet(&b, op, body, number++);
        else if (op <= OP_CLOSE) deliver_packet(&b, op, body, value);
        else if (op == OP_TIME) pass_time(&b, value * PU_MS);
        else act(&b.sides[0], op, value);
        flush(&b);
    }
    for (size_t i = 0; i < SIDES; i++) tm_free(b.sides[i].t);
    PU_ASSERT(b.heap.live_bytes == 0);
}
