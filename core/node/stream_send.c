/* Sending on streams: at once while the host gave room, from a bounded queue when it gives more. */
#include "node/impl.h"

bool is_borrowed(const pu_node *n, pu_span bytes)
{
    uintptr_t from = (uintptr_t)n->in->body.base, at = (uintptr_t)bytes.base;
    return n->in->body.len > 0 && at >= from && at + bytes.len <= from + n->in->body.len;
}

enum { LENGTHENED_MOST = 256 }; /* more bytes are not copied for the sake of one effect less */

/* Adds to the effect before, when that was about s as well: a proposal, the first message behind it
 * and the end are one frame then. */
static bool emit_behind(pu_node *n, const stream *s, pu_span bytes, bool fin)
{
    pu_ef *e = out_last(n->out, PU_EF_STREAM_SEND);
    if (e == NULL || e->stream != s->handle || bytes.len > LENGTHENED_MOST) return false;
    if (e->body.len + bytes.len > PU_DATA_MAX || !out_lengthen(n->out, e, bytes)) return false;
    PU_ASSERT((e->flags & PU_FIN) == 0);
    if (fin) e->flags |= PU_FIN;
    return true;
}

/* Emits bytes that have room, in effects of at most PU_DATA_MAX. Bytes of the input are passed on
 * without a copy. */
static void emit(pu_node *n, stream *s, pu_span bytes, bool fin)
{
    PU_ASSERT(bytes.len <= s->room_out - s->sent);
    if (emit_behind(n, s, bytes, fin)) {
        s->sent += bytes.len;
        s->fin_sent = fin;
        return;
    }
    do {
        size_t take = bytes.len < PU_DATA_MAX ? bytes.len : PU_DATA_MAX;
        pu_span part = span_head(bytes, take);
        bytes = span_skip(bytes, take);
        pu_ef *e = effect(n, PU_EF_STREAM_SEND);
        e->conn = s->conn;
        e->stream = s->handle;
        e->body = is_borrowed(n, part) ? part : out_copy(n->out, part);
        e->flags = fin && bytes.len == 0 ? PU_FIN : 0;
        s->sent += take;
    } while (bytes.len > 0);
    if (fin) s->fin_sent = true;
}

size_t ctx_stream_writable(const stream *s)
{
    if (s->phase == STREAM_DEAD || s->fin_out || s->out.len > 0) return 0;
    uint64_t room = s->room_out - s->sent;
    return room < PU_OUT_BYTES_MAX / 2 ? (size_t)room : PU_OUT_BYTES_MAX / 2;
}

void stream_send_bytes(pu_node *n, stream *s, pu_span bytes)
{
    if (s->phase == STREAM_DEAD || s->fin_sent) return;
    size_t now = s->out.len > 0 ? 0 : bytes.len;
    if (now > s->room_out - s->sent) now = (size_t)(s->room_out - s->sent);
    if (now > 0) emit(n, s, span_head(bytes, now), false);
    pu_span later = span_skip(bytes, now);
    if (later.len == 0) return;
    (void)stream_keep(n, s, &s->out, later, 0);
}

void ctx_stream_send(pu_node *n, stream *s, pu_span bytes)
{
    if (!s->fin_out) stream_send_bytes(n, s, bytes); /* the peer may have said STOP at any time */
}

void ctx_stream_fin(pu_node *n, stream *s)
{
    if (s->phase == STREAM_DEAD || s->fin_out) return;
    s->fin_out = true;
    if (s->out.len == 0) emit(n, s, span_of(NULL, 0), true);
}

void stream_flush(pu_node *n, stream *s)
{
    if (s->phase == STREAM_DEAD || s->out.len == 0) return;
    uint64_t room = s->room_out - s->sent;
    uint32_t now = room < s->out.len ? (uint32_t)room : s->out.len;
    if (now == 0) return;
    emit(n, s, span_of(s->out.base, now), s->fin_out && now == s->out.len);
    stream_drop(n, &s->out, now);
}

void stream_room(pu_node *n, stream *s, uint64_t offset)
{
    if (offset > s->room_out) s->room_out = offset;
    if (ctx_conn(n, s->conn) == NULL) return; /* hung up */
    stream_flush(n, s);
    if (s->phase != STREAM_OPEN || ctx_stream_writable(s) == 0) return;
    const struct proto *proto = proto_of((enum proto_id)s->proto);
    if (proto->room != NULL) proto->room(n, s);
}

/* The peer reads no more: what waits for it is dropped, our direction ends, its direction goes on
 * (go-libp2p stops reading as soon as it has what it wanted). */
void stream_stop(pu_node *n, stream *s, uint32_t code)
{
    if (s->phase == STREAM_DEAD || s->fin_sent) return;
    stream_drop(n, &s->out, s->out.len);
    const struct proto *proto = s->phase == STREAM_OPEN ? proto_of((enum proto_id)s->proto) : NULL;
    if (proto != NULL && proto->stopped != NULL && proto->stopped(n, s, code)) return;
    s->fin_out = true;
    emit(n, s, span_of(NULL, 0), true);
}
