/* Reading from streams: multistream-select, then framed messages or raw bytes, then the end.
 *
 * The node takes every byte it is given. What cannot be consumed yet waits in the stream's own
 * bounded buffer and earns the peer no room, so a peer that keeps to its room never overflows it.
 */
#include "base/varint.h"
#include "node/apps.h"

void stream_allow(pu_node *n, stream *s, uint64_t offset)
{
    if (s->phase == STREAM_DEAD || s->fin_seen || offset <= s->room_in) return;
    s->room_in = offset;
    pu_ef *e = effect(n, PU_EF_STREAM_ROOM);
    e->conn = s->conn;
    e->stream = s->handle;
    e->offset = offset;
}

static void grant(pu_node *n, stream *s, uint64_t more)
{
    uint64_t waiting = n->reading == s ? n->reading_rest.len : s->in.len;
    stream_allow(n, s, s->received - waiting + more);
}

/* Widens the peer's room when half a window was consumed; a protocol that grants room itself is
 * left alone. */
static void widen_room(pu_node *n, stream *s)
{
    uint64_t consumed = s->received - s->in.len;
    uint64_t room = consumed + n->config->stream_window_bytes;
    if (s->fin_seen || room < s->room_in + n->config->stream_window_bytes / 2) return;
    grant(n, s, n->config->stream_window_bytes);
}

void ctx_stream_grant(pu_node *n, stream *s, uint64_t more)
{
    s->grants_itself = true;
    grant(n, s, more);
}

static void bad_bytes(pu_node *n, stream *s, enum pu_trace_code code, uint64_t a)
{
    pu_span name = s->proto != PROTO_NONE ? stream_name(n, s) : SPAN_LITERAL("/multistream/1.0.0");
    ctx_trace(n, code, conn_find(n, s->conn), s, 0, a, 0, name);
    ctx_stream_reset(n, s, PU_CODE_VIOLATION);
}

/* Streams of a protocol that c's peer has open. One on which both have said all lives on only until
 * the host hears that our end has arrived: over QUIC that may be after the peer's next streams. */
static uint32_t inbound_open(const pu_node *n, const conn *c, enum proto_id id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->stream_cap; i++) {
        const stream *s = &n->streams[i];
        bool is_said = s->fin_in && s->fin_sent;
        count += s->phase == STREAM_OPEN && s->inbound && s->conn == c->handle && s->proto == id &&
                 !is_said;
    }
    return count;
}

/* Whether one more of c's streams may be of a protocol that its peer proposed. */
static bool may_be(pu_node *n, const conn *c, enum proto_id id)
{
    const struct proto *proto = proto_of(id);
    uint32_t max = proto->inbound_max;
    charge of = {.conn = c, .proto = id};
    if ((c->flags & PU_LIMITED) != 0 && !proto->on_limited) return false;
    if (!limits_admit(n, RESOURCE_STREAMS, IN(PROTOCOL), &of, 1)) return false;
    if (max == 0 || c->inbound_count <= max) return true;
    return !ctx_at_limit(n, proto->name, inbound_open(n, c, id), max);
}

/* The peer has chosen a protocol. False: not on this connection, or not one more; s is reset. */
static bool take_agreed(pu_node *n, stream *s)
{
    int agreed = s->select.agreed; /* as proto_find said */
    enum proto_id id = agreed < PROTO_COUNT ? (enum proto_id)agreed : PROTO_APP;
    const conn *c = conn_find(n, s->conn);
    if (c == NULL || !may_be(n, c, id)) {
        ctx_stream_reset(n, s, PU_CODE_RESOURCE);
        return false;
    }
    stream_is_of(n, s, id);
    if (id == PROTO_APP) app_named(n, s, (uint32_t)(agreed - PROTO_COUNT + 1));
    return true;
}

static void agreed(pu_node *n, stream *s)
{
    if (s->inbound && !take_agreed(n, s)) return;
    const struct proto *proto = proto_of((enum proto_id)s->proto);
    s->phase = STREAM_OPEN;
    uint64_t life = 0;
    if (proto->deadline != 0)
        memcpy(&life, (const uint8_t *)n->config + proto->deadline, sizeof life);
    if (!s->has_deadline)
        ctx_timer(n, TIMER_STREAM, s->handle, life != 0 ? ctx_after(n, life) : PU_NEVER);
    if (s->inbound && proto->opened != NULL) proto->opened(n, s);
    if (!s->inbound && proto->agreed != NULL) proto->agreed(n, s);
}

/* Runs multistream-select over the rest. False: wait for more bytes. */
static bool read_select(pu_node *n, stream *s)
{
    uint8_t bytes[SELECT_MESSAGE_MAX + 64];
    pu_buf out = buf_of(bytes, sizeof bytes);
    pu_span name = s->inbound ? span_of(NULL, 0) : stream_name(n, s);
    enum select_result result =
        select_read(&s->select, &n->reading_rest, &out, proto_find, n, name);
    if (out.len > 0 && result != SELECT_FAILED) stream_send_bytes(n, s, buf_span(&out));
    switch (result) {
    case SELECT_AGREED: agreed(n, s); return true;
    case SELECT_REFUSED:
        ctx_trace(n, PU_TR_STREAM_REFUSED, conn_find(n, s->conn), s, 0, 0, 0, name);
        ctx_stream_reset(n, s, PU_CODE_UNSUPPORTED);
        return true;
    case SELECT_FAILED: bad_bytes(n, s, PU_TR_MALFORMED, n->reading_rest.len); return true;
    case SELECT_MORE:
    default: return out.len > 0 && n->reading_rest.len > 0;
    }
}

static void take_verdict(pu_node *n, stream *s, enum verdict v, size_t seen)
{
    if (v == VERDICT_MALFORMED) bad_bytes(n, s, PU_TR_MALFORMED, seen);
    else if (v == VERDICT_RESET) ctx_stream_reset(n, s, PU_CODE_VIOLATION);
}

/* Takes one framed message off the rest. False: wait for more bytes. */
static bool read_message(pu_node *n, stream *s, const struct proto *proto)
{
    pu_span message, peek = n->reading_rest;
    uint64_t length;
    switch (varint_get_block(&n->reading_rest, proto->message_max, &message)) {
    case VARINT_OK: take_verdict(n, s, proto->message(n, s, message), message.len); return true;
    case VARINT_BAD:
        if (varint_get(&peek, &length) == VARINT_OK)
            bad_bytes(n, s, PU_TR_OVERSIZED, proto->message_max);
        else bad_bytes(n, s, PU_TR_MALFORMED, n->reading_rest.len);
        return true;
    case VARINT_MORE:
    default: return false;
    }
}

static bool read_raw(pu_node *n, stream *s, const struct proto *proto)
{
    pu_span bytes = n->reading_rest;
    size_t used = bytes.len;
    n->reading_rest = span_skip(bytes, bytes.len);
    enum verdict v = proto->data(n, s, bytes, &used);
    PU_ASSERT(used <= bytes.len);
    n->reading_rest = span_skip(bytes, used);
    take_verdict(n, s, v, bytes.len);
    return false; /* all was offered: the protocol took what it could */
}

static bool read_once(pu_node *n, stream *s)
{
    if (s->phase == STREAM_SELECTING) return read_select(n, s);
    const struct proto *proto = proto_of((enum proto_id)s->proto);
    if (proto->message_max > 0 && !s->is_raw) return read_message(n, s, proto);
    return proto->data != NULL ? read_raw(n, s, proto)
                               : (bad_bytes(n, s, PU_TR_MALFORMED, n->reading_rest.len), false);
}

/* FIN has come and nothing waits: tell the protocol once. A message cut in two is malformed. */
static void read_end(pu_node *n, stream *s)
{
    if (!s->fin_seen || s->fin_in || s->phase == STREAM_DEAD) return;
    if (s->phase == STREAM_SELECTING) {
        bad_bytes(n, s, PU_TR_MALFORMED, s->in.len);
        return;
    }
    const struct proto *proto = proto_of((enum proto_id)s->proto);
    if (s->in.len > 0) {
        if (proto->message_max > 0 && !s->is_raw) bad_bytes(n, s, PU_TR_MALFORMED, s->in.len);
        return;
    }
    s->fin_in = true;
    if (proto->fin != NULL) proto->fin(n, s);
}

/* What may wait in a stream beyond stream_pending_bytes: an input may bring what the last one left
 * no room for. */
enum { BEYOND_PENDING = PU_DATA_MAX };

/* Keeps what was not consumed of `offered`, which is s->in itself when from_buffer. */
static void keep_rest(pu_node *n, stream *s, pu_span offered, bool from_buffer)
{
    pu_span rest = n->reading_rest;
    n->reading = NULL;
    if (s->phase == STREAM_DEAD) {
        stream_drop(n, &s->in, s->in.len);
        return;
    }
    if (from_buffer) {
        stream_drop(n, &s->in, (uint32_t)(offered.len - rest.len));
    } else {
        (void)stream_keep(n, s, &s->in, rest, BEYOND_PENDING);
    }
}

void stream_read(pu_node *n, stream *s, pu_span fresh)
{
    PU_ASSERT(n->reading == NULL);
    bool from_buffer = s->in.len > 0;
    if (from_buffer && !stream_keep(n, s, &s->in, fresh, BEYOND_PENDING)) return;
    pu_span offered = from_buffer ? span_of(s->in.base, s->in.len) : fresh;
    n->reading = s;
    n->reading_rest = offered;
    while (n->reading_rest.len > 0 && s->phase != STREAM_DEAD && read_once(n, s)) {}
    keep_rest(n, s, offered, from_buffer);
    if (s->is_given_away) {
        stream_free(n, s);
        return;
    }
    read_end(n, s);
    if (s->phase != STREAM_DEAD && !s->grants_itself) widen_room(n, s);
}

void stream_data(pu_node *n, stream *s, const pu_in *in)
{
    s->received += in->body.len;
    if (s->phase == STREAM_DEAD || s->fin_seen || ctx_conn(n, s->conn) == NULL) return;
    s->fin_seen = (in->flags & PU_FIN) != 0;
    stream_read(n, s, in->body);
}

void ctx_stream_raw(pu_node *n, stream *s)
{
    (void)n;
    s->is_raw = true;
}

void ctx_stream_again(pu_node *n, stream *s)
{
    if (s->phase != STREAM_DEAD && s->in.len > 0 && n->reading == NULL)
        stream_read(n, s, span_of(NULL, 0));
}
