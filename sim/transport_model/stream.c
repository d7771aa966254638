/* sim/transport_model/stream.c - streams: the node's effects into frames, frames into the node's
 * inputs.
 *
 * A stream's frames travel in packets that come once each but in any order. Its first frame,
 * whichever that is, opens it and every stream of the same opener before it, so that the node hears
 * of streams in the order they were opened in. A number that is below the next and has no stream is
 * over: its frames are ignored.
 */
#include "sim/transport_model/tm_impl.h"

enum {
    FRAGMENT_LEAST = 64
}; /* fewer bytes of a stream do not go at the end of a packet when more wait */

static stream *stream_new(tm *t, conn *c, uint32_t id)
{
    stream *s = mem_new(&t->alloc, sizeof *s);
    s->handle = slots_add(t, &t->streams, t->config->streams_max, s);
    if (s->handle == 0) {
        mem_free(&t->alloc, s, sizeof *s);
        return NULL;
    }
    s->conn = c;
    s->id = id;
    s->tx_told = TX_MAX;
    s->tx_room = s->rx_room = s->rx_told = PU_FIRST_ROOM;
    s->rx_end = PU_NEVER;
    s->prev = c->last;
    if (c->last != NULL) c->last->next = s;
    else c->first = s;
    c->last = s;
    return s;
}

static bool is_ours(const conn *c, uint32_t id)
{
    return (id & 1) == (c->dialler ? 0 : 1);
}

static void held_free(tm *t, stream *s)
{
    while (s->held != NULL) {
        segment *g = s->held;
        s->held = g->next;
        mem_free(&t->alloc, g, sizeof *g + g->len);
    }
}

void tm_stream_free(tm *t, stream *s)
{
    conn *c = s->conn;
    held_free(t, s);
    fifo_free(t, &s->tx);
    if (s->prev != NULL) s->prev->next = s->next;
    else c->first = s->next;
    if (s->next != NULL) s->next->prev = s->prev;
    else c->last = s->prev;
    if (c->turn == s) c->turn = s->next;
    if (s->fin_sent) c->fins--;
    if (!is_ours(c, s->id)) c->in_count--;
    if (!s->carrier) slots_del(&t->streams, s->handle);
    mem_free(&t->alloc, s, sizeof *s);
}

stream *tm_stream_of(const tm *t, pu_handle handle)
{
    return slots_get(&t->streams, handle);
}

void tm_stream_down(tm *t, const stream *s, enum pu_down what, uint32_t code)
{
    PU_ASSERT(!s->carrier);
    give(t, &(pu_in){.kind = PU_IN_STREAM_DOWN,
                     .conn = s->conn->handle,
                     .stream = s->handle,
                     .what = what,
                     .code = code});
}

static void control(tm *t, conn *c, enum frame_kind kind, uint32_t id, uint32_t code)
{
    uint8_t bytes[FRAME_CODE_BYTES];
    pu_buf out = buf_of(bytes, sizeof bytes);
    frame_put(&out, &(frame){.kind = kind, .stream = id, .code = code});
    PU_ASSERT(out.len == FRAME_CODE_BYTES);
    fifo_append(t, &c->control, buf_span(&out));
    tm_conn_ready(t, c);
}

/* ---- effects ---- */

void tm_stream_open(tm *t, const pu_ef *ef)
{
    conn *c = tm_conn_of(t, ef->conn);
    bool is_open = c != NULL && c->state == CONN_LIVE && !c->closing;
    stream *s = is_open ? stream_new(t, c, c->next_out * 2 + (c->dialler ? 0 : 1)) : NULL;
    if (s == NULL) {
        give(t, &(pu_in){.kind = PU_IN_STREAM_DOWN,
                         .conn = ef->conn,
                         .token = ef->token,
                         .what = is_open ? PU_DOWN_RESET : PU_DOWN_LOST,
                         .code = is_open ? PU_CODE_RESOURCE : PU_CODE_LOST});
        return;
    }
    c->next_out++;
    PU_ASSERT(c->next_out < UINT32_MAX / 2);
    give(t, &(pu_in){.kind = PU_IN_STREAM_UP,
                     .conn = c->handle,
                     .stream = s->handle,
                     .token = ef->token,
                     .offset = s->tx_told});
    tm_conn_ready(t, c);
}

/* More room: at once when nothing is kept, otherwise when half of the buffer became free. */
static void tell_room(tm *t, stream *s)
{
    if (s->carrier) {
        if (s->inner != NULL && s->inner->blocked) tm_conn_ready(t, s->inner);
        return;
    }
    uint64_t room = s->tx_sent + TX_MAX;
    if (s->fin_asked || s->conn->closing || room - s->tx_told < TX_MAX / 2) return;
    s->tx_told = room;
    give(t, &(pu_in){.kind = PU_IN_STREAM_ROOM,
                     .conn = s->conn->handle,
                     .stream = s->handle,
                     .offset = room});
}

void tm_stream_send(tm *t, stream *s, pu_span bytes, bool fin)
{
    PU_ASSERT(!s->fin_asked);
    PU_ASSERT(bytes.len <= s->tx_told - s->tx_taken);
    s->tx_taken += bytes.len;
    s->fin_asked = fin;
    if (s->tx_stopped) {
        s->tx_sent = s->tx_taken;
        tell_room(t, s);
    } else {
        fifo_append(t, &s->tx, bytes);
    }
    tm_conn_ready(t, s->conn);
}

void tm_stream_room(tm *t, stream *s, uint64_t offset)
{
    if (offset <= s->rx_room || s->rx_stopped) return;
    s->rx_room = offset;
    tm_conn_ready(t, s->conn);
}

void tm_stream_stop(tm *t, stream *s, uint32_t code)
{
    if (s->rx_stopped || s->rx_done) return;
    s->rx_stopped = true;
    if (s->rx_end != PU_NEVER) s->rx_done = true;
    held_free(t, s);
    control(t, s->conn, FRAME_STOP, s->id, code);
}

void tm_stream_abort(tm *t, stream *s, uint32_t code)
{
    PU_ASSERT(s->inner == NULL);
    control(t, s->conn, FRAME_RESET, s->id, code);
    tm_stream_free(t, s);
}

/* ---- packing ---- */

bool tm_stream_is_flushed(const stream *s)
{
    return fifo_len(s->tx) == 0 && s->fin_asked == s->fin_sent;
}

static void fill_data(tm *t, stream *s, pu_buf *out, size_t count)
{
    bool fin = s->fin_asked && count == fifo_len(s->tx);
    frame_put(out, &(frame){.kind = fin ? FRAME_FIN : FRAME_DATA,
                            .stream = s->id,
                            .offset = s->tx_sent,
                            .bytes = span_head(fifo_span(s->tx), count)});
    fifo_drop(t, &s->tx, (uint32_t)count);
    s->tx_sent += count;
    if (fin) {
        s->fin_sent = true;
        s->conn->fins++;
    }
    tell_room(t, s);
}

bool tm_stream_fill(tm *t, stream *s, pu_buf *out, uint64_t number)
{
    uint64_t window = s->tx_room > s->tx_sent ? s->tx_room - s->tx_sent : 0;
    size_t ready = fifo_len(s->tx) < window ? fifo_len(s->tx) : (size_t)window;
    bool is_fin_due = s->fin_asked && !s->fin_sent && ready == fifo_len(s->tx);
    size_t least = ready < FRAGMENT_LEAST ? ready : FRAGMENT_LEAST;
    size_t was = out->len;

    if (!s->announced) {
        if (out->cap - out->len < FRAME_OPEN_BYTES) return true;
        frame_put(out, &(frame){.kind = FRAME_OPEN, .stream = s->id});
        s->announced = true;
    }
    if (s->rx_room > s->rx_told && s->rx_end == PU_NEVER && !s->rx_stopped) {
        if (out->cap - out->len < FRAME_ROOM_BYTES) return true;
        frame_put(out, &(frame){.kind = FRAME_ROOM, .stream = s->id, .offset = s->rx_room});
        s->rx_told = s->rx_room;
    }
    bool is_full = false;
    if (ready > 0 || is_fin_due) {
        size_t room = out->cap - out->len;
        if (room < FRAME_DATA_HEAD + least) return true;
        size_t count = ready < room - FRAME_DATA_HEAD ? ready : room - FRAME_DATA_HEAD;
        is_full = count < ready;
        fill_data(t, s, out, count);
    }
    if (out->len > was) s->tx_last = number;
    return is_full;
}

/* ---- delivering ---- */

static void deliver(tm *t, stream *s, pu_span bytes)
{
    PU_ASSERT(s->rx_next + bytes.len <= s->rx_room);
    s->rx_next += bytes.len;
    s->rx_done = s->rx_next == s->rx_end;
    if (s->carrier) {
        circuit_data(t, s, bytes);
        return;
    }
    give(t, &(pu_in){.kind = PU_IN_STREAM_DATA,
                     .conn = s->conn->handle,
                     .stream = s->handle,
                     .flags = s->rx_done ? PU_FIN : 0,
                     .body = bytes});
}

/* Keeps bytes that came too early. False: they overlap with others. */
static bool hold(tm *t, stream *s, const frame *f)
{
    uint64_t end = f->offset + f->bytes.len;
    segment **at = &s->held;
    while (*at != NULL && (*at)->offset + (*at)->len <= f->offset) at = &(*at)->next;
    if (*at != NULL && (*at)->offset < end) return false;
    segment *g = mem_new(&t->alloc, sizeof *g + f->bytes.len);
    g->offset = f->offset;
    g->len = (uint32_t)f->bytes.len;
    memcpy(g->bytes, f->bytes.base, f->bytes.len);
    g->next = *at;
    *at = g;
    return true;
}

/* Where the FIN says the stream ends. False: it contradicts what has come. */
static bool take_end(stream *s, uint64_t end)
{
    if (s->rx_end != PU_NEVER) return false;
    for (const segment *g = s->held; g != NULL; g = g->next) {
        if (g->offset + g->len > end) return false;
    }
    s->rx_end = end;
    return end >= s->rx_next;
}

static bool take_data(tm *t, stream *s, const frame *f)
{
    uint64_t end = f->offset + f->bytes.len;
    bool fin = f->kind == FRAME_FIN;
    if (s->rx_stopped) {
        if (fin) s->rx_done = true;
        return true;
    }
    if (s->rx_done || end > s->rx_told || end > s->rx_end || f->offset < s->rx_next) return false;
    if (fin && !take_end(s, end)) return false;
    if (f->offset > s->rx_next) return f->bytes.len == 0 || hold(t, s, f);
    if (s->held != NULL && s->held->offset < end) return false;
    if (f->bytes.len > 0 || s->rx_next == s->rx_end) deliver(t, s, f->bytes);
    while (s->held != NULL && s->held->offset == s->rx_next) {
        segment *g = s->held;
        s->held = g->next;
        deliver(t, s, span_of(g->bytes, g->len));
        mem_free(&t->alloc, g, sizeof *g + g->len);
    }
    return true;
}

/* ---- frames ---- */

static stream *find(const conn *c, uint32_t id)
{
    stream *s = c->first;
    while (s != NULL && s->id != id) s = s->next;
    return s;
}

/* The peer's next stream. NULL: refused. */
static stream *accept(tm *t, conn *c)
{
    uint32_t id = c->next_in * 2 + (c->dialler ? 1 : 0);
    c->next_in++;
    bool is_allowed = c->in_count < t->config->streams_per_conn_max;
    stream *s = is_allowed ? stream_new(t, c, id) : NULL;
    if (s == NULL) {
        control(t, c, FRAME_RESET, id, PU_CODE_RESOURCE);
        return NULL;
    }
    c->in_count++;
    s->announced = true;
    give(t, &(pu_in){.kind = PU_IN_STREAM_UP,
                     .conn = c->handle,
                     .stream = s->handle,
                     .offset = s->tx_told});
    return s;
}

static void take_stop(tm *t, stream *s, uint32_t code)
{
    if (s->tx_stopped) return;
    if (s->carrier) {
        circuit_lost(t, s);
        return;
    }
    s->tx_stopped = true;
    fifo_free(t, &s->tx);
    s->tx_sent = s->tx_taken;
    s->tx_room = PU_NEVER; /* a FIN is all that can follow */
    give(t, &(pu_in){.kind = PU_IN_STREAM_STOP,
                     .conn = s->conn->handle,
                     .stream = s->handle,
                     .code = code});
    tell_room(t, s);
    tm_conn_ready(t, s->conn);
}

static void take_reset(tm *t, stream *s, uint32_t code)
{
    if (s->carrier) {
        if (s->inner != NULL) circuit_lost(t, s); /* resets and frees s */
        else tm_stream_free(t, s);
        return;
    }
    tm_stream_down(t, s, PU_DOWN_RESET, code);
    tm_stream_free(t, s);
}

static bool take(tm *t, stream *s, const frame *f)
{
    switch (f->kind) {
    case FRAME_OPEN: return true;
    case FRAME_DATA:
    case FRAME_FIN: return take_data(t, s, f);
    case FRAME_ROOM:
        if (f->offset > s->tx_room) s->tx_room = f->offset;
        if (fifo_len(s->tx) > 0) tm_conn_ready(t, s->conn);
        return true;
    case FRAME_STOP: take_stop(t, s, f->code); return true;
    case FRAME_RESET: take_reset(t, s, f->code); return true;
    case FRAME_ACK:
    case FRAME_PING: PU_NEVER_HERE();
    }
    return false;
}

bool tm_stream_frame(tm *t, conn *c, const frame *f)
{
    /* Hung up: the node hears of no more data, but what it sent before still needs room, or an end.
     */
    bool is_data = f->kind == FRAME_OPEN || f->kind == FRAME_DATA || f->kind == FRAME_FIN;
    if (c->closing && is_data) return true;
    stream *s = find(c, f->stream);
    if (s == NULL) {
        uint32_t index = f->stream / 2;
        if (is_ours(c, f->stream)) return index < c->next_out;
        if (index < c->next_in || c->closing) return true;
        if (index - c->next_in >= STREAM_JUMP_MAX) return false;
        while (c->next_in <= index) s = accept(t, c);
    }
    return s == NULL || take(t, s, f);
}

/* Finished: both FINs are through and everything of ours up to the last frame is acknowledged.
 * (Packets of other streams with lower numbers count as well: simpler, and late by one
 * retransmission at most.) */
void tm_stream_settle(tm *t, conn *c)
{
    if (c->fins == 0) return;
    uint64_t low = recovery_low(c);
    for (stream *s = c->first, *next; s != NULL; s = next) {
        next = s->next;
        bool is_acked = c->circuit || s->tx_last < low;
        if (!s->fin_sent || !s->rx_done || !is_acked || s->inner != NULL) continue;
        if (!s->carrier) tm_stream_down(t, s, PU_DOWN_FINISHED, PU_CODE_OK);
        tm_stream_free(t, s);
    }
}
