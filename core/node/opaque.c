/* node/opaque.c - which bytes a node passes on without reading them, see peerup/record.h: those of
 * application streams, and those of circuits that it carries as a relay. */
#include "base/mix.h"
#include "base/varint.h"
#include "node/apps.h"
#include "peerup/record.h"

/* A message of a selection that waits for its end, and what follows: more than one message. */
enum { JOINED_BYTES = 2 * (SELECT_MESSAGE_MAX + VARINT_MAX_BYTES) };

static const stream *find(const pu_node *n, pu_handle handle)
{
    uint32_t slot = pu_handle_slot(handle);
    return handle != 0 && slot < n->stream_cap && n->streams[slot].handle == handle
               ? &n->streams[slot]
               : NULL;
}

/* Whether bytes of s, once it is selected, are somebody else's. */
static bool carries(const stream *s)
{
    if (s->proto == PROTO_APP) return true;
    return s->is_raw && (s->proto == PROTO_HOP || s->proto == PROTO_STOP);
}

/* Whether stream_data lets the bytes of s go. */
static bool is_deaf(const pu_node *n, const stream *s)
{
    uint32_t slot = pu_handle_slot(s->conn);
    const conn *c = slot < n->conn_cap ? &n->conns[slot] : NULL;
    bool is_up = c != NULL && c->handle == s->conn && c->state == CONN_UP;
    return s->phase == STREAM_DEAD || s->fin_seen || !is_up;
}

static enum select_result select_on(const pu_node *n, const stream *s, select_machine *m,
                                    pu_span *in)
{
    uint8_t answers[SELECT_MESSAGE_MAX + 64];
    pu_buf out = buf_of(answers, sizeof answers);
    pu_span name = s->inbound ? span_of(NULL, 0) : stream_name(n, s);
    return select_read(m, in, &out, proto_find, n, name);
}

/* Bytes of `fresh` that follow the selection of an application's protocol: the selection is tried
 * on a copy of its machine. */
static size_t after_selection(const pu_node *n, const stream *s, pu_span fresh)
{
    uint8_t bytes[JOINED_BYTES];
    pu_buf joined = buf_of(bytes, sizeof bytes);
    select_machine m = s->select;
    enum select_result result = SELECT_MORE;
    if (s->in.len > 0) {
        PU_ASSERT(s->in.len < sizeof bytes / 2);
        size_t room = sizeof bytes - s->in.len;
        buf_put(&joined, s->in.base, s->in.len);
        buf_put_span(&joined, span_head(fresh, fresh.len < room ? fresh.len : room));
        pu_span rest = buf_span(&joined);
        result = select_on(n, s, &m, &rest);
        if (rest.len > joined.len - s->in.len) return 0; /* what waits does so for more */
        fresh = span_skip(fresh, joined.len - s->in.len - rest.len);
    }
    if (result == SELECT_MORE) result = select_on(n, s, &m, &fresh);
    bool is_app = s->inbound ? m.agreed >= PROTO_COUNT : s->proto == PROTO_APP;
    return result == SELECT_AGREED && is_app ? fresh.len : 0;
}

size_t pu_record_opaque_bytes(const pu_node *n, const pu_in *in)
{
    if (in->kind == PU_IN_APP) return in->what == PU_APP_DATA ? in->body.len : 0;
    if (in->kind != PU_IN_STREAM_DATA) return 0;
    const stream *s = find(n, in->stream);
    if (s == NULL || is_deaf(n, s)) return in->body.len;
    if (s->phase == STREAM_SELECTING) return after_selection(n, s, in->body);
    return carries(s) ? in->body.len : 0;
}

static bool is_unread(const pu_node *n, const pu_ef *ef)
{
    if (ef->kind == PU_EF_APP) return ef->what == PU_APP_DATA;
    if (ef->kind != PU_EF_STREAM_SEND) return false;
    const stream *s = find(n, ef->stream);
    return s != NULL && s->phase != STREAM_SELECTING && carries(s);
}

/* 1 and where `part` begins in whole; 0: elsewhere. */
static uint64_t place_of(pu_span whole, pu_span part)
{
    uintptr_t from = (uintptr_t)whole.base, at = (uintptr_t)part.base;
    bool is_inside = part.len > 0 && at >= from && at + part.len <= from + whole.len;
    return is_inside ? at - from + 1 : 0;
}

void pu_record_effect_hash(uint64_t hash[2], const pu_node *n, const pu_in *in, const pu_ef *ef)
{
    mix128 m;
    mix_init(&m, hash[0]);
    mix_u64(&m, hash[1]);
    mix_u64(&m, (uint64_t)ef->kind << 32 | ef->flags);
    mix_u64(&m, (uint64_t)ef->what << 32 | ef->code);
    mix_u64(&m, ef->conn);
    mix_u64(&m, ef->stream);
    mix_u64(&m, ef->token);
    mix_u64(&m, (uint64_t)ef->transport << 32 | ef->socket);
    mix_u64(&m, ef->offset);
    mix_u64(&m, ef->deadline);
    mix_u64(&m, ef->peer.len);
    mix_bytes(&m, ef->peer.base, ef->peer.len);
    mix_bytes(&m, ef->remote.ip, sizeof ef->remote.ip);
    mix_u64(&m, (uint64_t)ef->remote.scope << 16 | ef->remote.port);
    mix_u64(&m, ef->body.len);
    if (is_unread(n, ef)) mix_u64(&m, place_of(in->body, ef->body));
    else mix_bytes(&m, ef->body.base, ef->body.len);
    mix_result(&m, hash);
}
