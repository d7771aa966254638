/* link/yamux_rx.c - frames in. Bytes come in pieces of any size; a header may lie across two of
 * them, and what a Data frame carries is handed on piece by piece, so nothing is ever gathered.
 *
 * What a peer does wrong with the connection ends it (GoAway); what it does wrong with a stream
 * that is open ends that stream; frames for streams that are gone are dropped, because those who
 * sent them could not know.
 */
#include "link/yamux.h"

static bool violation(yamux *y)
{
    return yamux_end(y, PU_CODE_VIOLATION, YAMUX_PROTOCOL_ERROR);
}

/* ---- a stream begins ---- */

/* Whether the peer may begin this one. */
static bool syn_is_sound(const yamux *y, const yamux_frame *f)
{
    bool is_odd = f->id % 2 == 1;
    if (is_odd == y->c->is_dialler) return false; /* an id of ours */
    if (yamux_find(y, f->id) != NULL) return false;
    if (f->type == YAMUX_DATA) return f->length <= YAMUX_FIRST_WINDOW;
    return (f->flags & YAMUX_RST) != 0 || f->length <= UINT32_MAX - YAMUX_FIRST_WINDOW;
}

/* The stream, or NULL: it was refused, and the peer is told. */
static yamux_stream *accept(pu_link *l, yamux *y, uint32_t id)
{
    stream *head = NULL;
    bool has_place = yamux_reserve(l, y, id);
    if (has_place) head = link_stream_new(l, y->c, link_config(l)->link_send_bytes);
    if (head == NULL) {
        if (has_place) imap_del(&y->by_id, id);
        yamux_control(l, y,
                      (yamux_frame){.type = YAMUX_WINDOW,
                                    .flags = YAMUX_RST,
                                    .id = id,
                                    .length = yamux_reset_code(PU_CODE_RESOURCE)});
        return NULL;
    }
    yamux_stream *s = (yamux_stream *)head;
    s->id = id;
    yamux_insert(y, s, link_now(l));
    s->flags_due = YAMUX_ACK;
    yamux_list_add(y, YAMUX_DUE, s);
    return s;
}

/* The stream that a frame is about; *s NULL: none, or none any more. False: a violation. */
static bool stream_of(pu_link *l, yamux *y, const yamux_frame *f, yamux_stream **s)
{
    *s = NULL;
    if ((f->flags & YAMUX_SYN) == 0) {
        *s = yamux_find(y, f->id);
        return true;
    }
    if (!syn_is_sound(y, f)) return violation(y);
    if ((f->flags & YAMUX_RST) == 0) *s = accept(l, y, f->id); /* otherwise over as it begins */
    return true;
}

static void acknowledge(pu_link *l, yamux *y, yamux_stream *s)
{
    if (!s->head.is_ours || s->is_acked) return; /* twice is once */
    s->is_acked = true;
    PU_ASSERT(y->unacked > 0);
    y->unacked--;
    yamux_admit(l, y);
}

/* ---- Data ---- */

/* The last byte of a Data frame has come: its FIN counts now. */
static void body_done(pu_link *l, yamux *y)
{
    yamux_stream *s = y->body_of;
    y->body_of = NULL;
    if (s != NULL) yamux_finish(l, y, s);
}

static pu_span take_body(pu_link *l, yamux *y, pu_span bytes)
{
    size_t len = bytes.len < y->body_left ? bytes.len : y->body_left;
    y->body_left -= (uint32_t)len;
    bool is_last = y->body_left == 0;
    if (y->body_of != NULL)
        link_stream_data(l, &y->body_of->head, span_head(bytes, len), is_last && y->body_fin, true);
    if (is_last) body_done(l, y);
    return span_skip(bytes, len);
}

static bool take_data(pu_link *l, yamux *y, const yamux_frame *f)
{
    yamux_stream *s;
    uint64_t most = link_config(l)->yamux_window_most_bytes;
    if (!stream_of(l, y, f, &s)) return false;
    /* No stream that is gone can have had such a window. */
    if (s == NULL && f->length > most && f->length > YAMUX_FIRST_WINDOW) return violation(y);
    y->body_left = f->length;
    y->body_of = NULL;
    y->body_fin = (f->flags & YAMUX_FIN) != 0;
    if (s == NULL) return true;
    if ((f->flags & YAMUX_RST) != 0) {
        link_stream_down(l, &s->head, PU_DOWN_RESET, PU_CODE_OK);
        return true;
    }
    if ((f->flags & YAMUX_ACK) != 0) acknowledge(l, y, s);
    if (s->head.rx_fin) { /* it has said that it sends no more */
        if (f->length > 0) yamux_abort(l, y, s, PU_CODE_VIOLATION);
        return true;
    }
    /* What was granted and not told yet is nothing that the peer can know of. */
    if (!yamux_window_take(&s->rx, f->length, s->grant_due)) return violation(y);
    y->body_of = s;
    if (f->length > 0) return true;
    if (y->body_fin) link_stream_data(l, &s->head, (pu_span){NULL, 0}, true, true);
    body_done(l, y);
    return true;
}

/* ---- the other frames ---- */

static bool take_window(pu_link *l, yamux *y, const yamux_frame *f)
{
    yamux_stream *s;
    if (!stream_of(l, y, f, &s)) return false;
    if (s == NULL) return true;
    if ((f->flags & YAMUX_RST) != 0) { /* before the length, which is a code then */
        link_stream_down(l, &s->head, PU_DOWN_RESET, yamux_reset_code(f->length));
        return true;
    }
    if ((f->flags & YAMUX_ACK) != 0) acknowledge(l, y, s);
    if (f->length > UINT32_MAX - s->tx_window) return violation(y);
    s->tx_window += f->length;
    yamux_ready(y, s);
    if ((f->flags & YAMUX_FIN) == 0 || s->head.rx_fin) return true;
    link_stream_data(l, &s->head, (pu_span){NULL, 0}, true, true);
    yamux_finish(l, y, s);
    return true;
}

/* The first sample counts whole, later ones an eighth. */
static void take_pong(pu_link *l, yamux *y, uint32_t value)
{
    if (!y->ping_is_out || value != y->ping_value) return;
    uint64_t sample_ns = link_now(l) - y->ping_at;
    bool is_first = y->ping_value == 1;
    y->ping_is_out = false;
    y->c->rtt_ns = is_first ? sample_ns : (7 * y->c->rtt_ns + sample_ns) / 8;
    if (y->c->rtt_ns == 0) y->c->rtt_ns = 1; /* 0 means that it is not known */
    link_conn_path(l, y->c, false);
}

static void take_ping(pu_link *l, yamux *y, const yamux_frame *f)
{
    if ((f->flags & YAMUX_SYN) == 0) {
        take_pong(l, y, f->length);
        return;
    }
    yamux_control(l, y, (yamux_frame){.type = YAMUX_PING, .flags = YAMUX_ACK, .length = f->length});
}

static bool take_goaway(yamux *y, const yamux_frame *f)
{
    static const uint32_t codes[] = {PU_CODE_OK, PU_CODE_VIOLATION, PU_CODE_RESOURCE};
    y->is_ended_by_peer = true;
    uint32_t code = f->length <= YAMUX_INTERNAL_ERROR ? codes[f->length] : yamux_code(f->length);
    bool is_known = code != 0 || f->length == YAMUX_NORMAL;
    return yamux_end(y, is_known ? code : PU_CODE_LOST, YAMUX_NORMAL);
}

static bool take_frame(pu_link *l, yamux *y, const yamux_frame *f)
{
    if (f->type == YAMUX_GOAWAY) return take_goaway(y, f);
    if (!y->c->is_confirmed) link_conn_confirmed(l, y->c);
    switch (f->type) {
    case YAMUX_DATA: return take_data(l, y, f);
    case YAMUX_WINDOW: return take_window(l, y, f);
    case YAMUX_PING: take_ping(l, y, f); return true;
    case YAMUX_GOAWAY: break;
    }
    PU_NEVER_HERE();
}

bool yamux_take(pu_link *l, yamux *y, pu_span bytes)
{
    if (bytes.len > 0) y->heard_at = link_now(l);
    while (bytes.len > 0) {
        if (y->body_left > 0) {
            bytes = take_body(l, y, bytes);
            continue;
        }
        size_t need = YAMUX_HEADER_BYTES - y->header_len;
        size_t len = bytes.len < need ? bytes.len : need;
        memcpy(y->header + y->header_len, bytes.base, len);
        y->header_len = (uint8_t)(y->header_len + len);
        bytes = span_skip(bytes, len);
        if (len < need) break;
        yamux_frame f;
        y->header_len = 0;
        if (!yamux_frame_read(&f, y->header)) return violation(y);
        if (!take_frame(l, y, &f)) return false;
    }
    return true;
}
