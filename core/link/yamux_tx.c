/* link/yamux_tx.c - frames out: what waits becomes the plain text of one Noise frame. */
#include "link/yamux.h"

static bool has_room(const pu_buf *out, size_t bytes)
{
    return out->cap - out->len >= bytes;
}

static void put_frame(pu_buf *out, yamux_frame f)
{
    PU_ASSERT(has_room(out, YAMUX_HEADER_BYTES));
    yamux_frame_write(out->base + out->len, &f);
    out->len += YAMUX_HEADER_BYTES;
}

static void put_ping(pu_link *l, yamux *y, pu_buf *out)
{
    if (!y->ping_is_due || !has_room(out, YAMUX_HEADER_BYTES)) return;
    y->ping_is_due = false;
    y->ping_is_out = true;
    y->ping_value++;
    y->ping_at = link_now(l);
    put_frame(out, (yamux_frame){.type = YAMUX_PING, .flags = YAMUX_SYN, .length = y->ping_value});
}

static void put_controls(pu_link *l, yamux *y, pu_buf *out)
{
    size_t room = out->cap - out->len;
    size_t len = y->controls.len < room ? y->controls.len : room;
    len -= len % YAMUX_HEADER_BYTES;
    if (len == 0) return;
    buf_put(out, y->controls.base, len);
    mem_bytes_drop(link_alloc(l), &y->controls, (uint32_t)len);
}

/* SYN, ACK and what was granted, in one window update a stream. */
static void put_due(yamux *y, pu_buf *out)
{
    yamux_stream *s;
    while ((s = y->lists[YAMUX_DUE].first) != NULL && has_room(out, YAMUX_HEADER_BYTES)) {
        put_frame(out, (yamux_frame){.type = YAMUX_WINDOW,
                                     .flags = s->flags_due,
                                     .id = s->id,
                                     .length = s->grant_due});
        s->flags_due = 0;
        s->grant_due = 0;
        yamux_list_del(y, YAMUX_DUE, s);
    }
}

/* Moves the first len bytes that wait in s to out. */
static void move_bytes(pu_link *l, yamux_stream *s, pu_buf *out, size_t len)
{
    while (len > 0) {
        pu_span first = chunks_first(&s->tx);
        pu_span part = span_head(first, first.len < len ? first.len : len);
        buf_put_span(out, part);
        chunks_drop(&s->tx, link_alloc(l), part.len);
        len -= part.len;
    }
    PU_ASSERT(!out->full);
}

/* FIN has a frame of its own: js-libp2p looks at the flags of a Data frame before its bytes, and
 * drops those that come with FIN. s may be gone. */
static void put_fin(pu_link *l, yamux *y, yamux_stream *s, pu_buf *out)
{
    PU_ASSERT(s->tx.len == 0 && s->head.tx_fin && !s->is_fin_sent);
    put_frame(out, (yamux_frame){.type = YAMUX_WINDOW, .flags = YAMUX_FIN, .id = s->id});
    s->is_fin_sent = true;
    yamux_list_del(y, YAMUX_READY, s);
    yamux_finish(l, y, s);
}

/* One Data frame of s, which then leaves the list, or stands at its end when more can go. */
static void put_data(pu_link *l, yamux *y, yamux_stream *s, pu_buf *out, size_t most)
{
    size_t len = s->tx.len < most ? (size_t)s->tx.len : most;
    if (len > s->tx_window) len = s->tx_window;
    PU_ASSERT(len > 0);
    put_frame(out, (yamux_frame){.type = YAMUX_DATA, .id = s->id, .length = (uint32_t)len});
    move_bytes(l, s, out, len);
    s->tx_window -= (uint32_t)len;
    s->tx_framed += len;
    yamux_list_del(y, YAMUX_READY, s);
    yamux_ready(y, s);
    if (!s->head.tx_fin) link_stream_room(l, &s->head, yamux_room(l, s));
    else if (s->tx.len == 0 && has_room(out, YAMUX_HEADER_BYTES)) put_fin(l, y, s, out);
}

/* Each stream counts once, with all it may send: what it sends in parts needs more headers, and
 * then some of it waits. */
size_t yamux_size(const yamux *y, size_t most)
{
    size_t size = y->controls.len + (y->ping_is_due ? YAMUX_HEADER_BYTES : 0);
    const yamux_stream *s = y->lists[YAMUX_DUE].first;
    for (; s != NULL && size < most; s = s->in_list[YAMUX_DUE].next) size += YAMUX_HEADER_BYTES;
    s = y->lists[YAMUX_READY].first;
    for (; s != NULL && size < most; s = s->in_list[YAMUX_READY].next) {
        uint64_t len = s->tx.len < s->tx_window ? s->tx.len : s->tx_window;
        size += YAMUX_HEADER_BYTES + (len < most ? (size_t)len : most);
        if (s->head.tx_fin && s->tx.len > 0) size += YAMUX_HEADER_BYTES;
    }
    return size < most ? size : most;
}

void yamux_build(pu_link *l, yamux *y, pu_buf *out)
{
    PU_ASSERT(has_room(out, YAMUX_HEADER_BYTES));
    put_ping(l, y, out);
    put_controls(l, y, out);
    put_due(y, out);
    /* A window update that did not fit goes before any Data: it may be the SYN of its stream. */
    if (y->lists[YAMUX_DUE].first != NULL) return;
    yamux_stream *s;
    while ((s = y->lists[YAMUX_READY].first) != NULL && has_room(out, YAMUX_HEADER_BYTES)) {
        if (s->tx.len == 0) {
            put_fin(l, y, s, out);
            continue;
        }
        size_t most = out->cap - out->len - YAMUX_HEADER_BYTES;
        bool is_alone = s->in_list[YAMUX_READY].next == NULL;
        if (!is_alone && most > YAMUX_QUANTUM) most = YAMUX_QUANTUM;
        bool is_scrap = most < YAMUX_LEAST_DATA && most < s->tx.len;
        if (is_scrap && out->len > 0) break;
        if (most == 0) break;
        put_data(l, y, s, out, most);
    }
}
