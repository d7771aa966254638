/* link/streams.c - streams: what the node is told and when, what it sends.
 *
 * What the node is to hear is state of the stream: is_up, bytes in rx, rx_fin, tx_stopped, tx_room,
 * is_down. link_stream_tell turns state into inputs, in that order, while the effect list has room.
 * What finds no room makes its connection due, whose tick goes on.
 *
 * Streams that the node knows stand in the order of their ordinals, at the end of the connection's
 * list; those it does not know yet in the order they came, anywhere before or between.
 */
#include "link/link_impl.h"

enum { FIRST_BYTES = 8192 }; /* of a stream: see is_held */

/* ---- begin ---- */

stream *link_stream_make(pu_link *l, conn *c)
{
    if (!link_slots_reserve(&l->streams, &l->alloc, l->stream_total + 1)) return NULL;
    stream *s = mem_new(&l->alloc, c->ops->stream_bytes);
    if (s == NULL) return NULL;
    PU_ASSERT(c->ops->stream_bytes >= sizeof *s);
    l->stream_total++;
    s->bytes = (uint32_t)c->ops->stream_bytes;
    s->conn = c;
    s->rx_room = PU_FIRST_ROOM;
    s->prev = c->last;
    if (c->last != NULL) c->last->next = s;
    else c->first = s;
    c->last = s;
    c->stream_count++;
    return s;
}

/* ---- bytes that wait for the node ---- */

/* Windows bound what one stream may leave with us, and many streams of Yamux have many windows. A
 * stream that holds as little as the node takes unasked goes on when there is too much: it is not
 * the one that is to blame. */
static bool may_wait(const pu_link *l, const stream *s, uint64_t bytes)
{
    const pu_config *config = l->config;
    if (s->rx.len + bytes <= PU_FIRST_ROOM) return true;
    if (l->waiting + bytes > config->link_waiting_bytes) return false;
    return l->waiting + bytes <= config->link_windows_bytes ||
           link_conns_waiting(l, s->conn) + bytes <= config->link_windows_bytes;
}

bool link_stream_keep(pu_link *l, stream *s, pu_span bytes)
{
    if (!may_wait(l, s, bytes.len) || !chunks_append(&s->rx, &l->alloc, bytes)) return false;
    l->waiting += bytes.len;
    s->conn->waiting += bytes.len;
    return true;
}

static void waits_less(pu_link *l, stream *s, uint64_t count)
{
    PU_ASSERT(count <= s->conn->waiting);
    PU_ASSERT(s->conn->waiting <= l->waiting);
    l->waiting -= count;
    s->conn->waiting -= count;
}

void link_stream_drop(pu_link *l, stream *s, uint64_t count)
{
    waits_less(l, s, count);
    chunks_drop(&s->rx, &l->alloc, count);
}

/* ---- the end of one ---- */

static void unlink_stream(stream *s)
{
    conn *c = s->conn;
    if (s->prev != NULL) s->prev->next = s->next;
    else c->first = s->next;
    if (s->next != NULL) s->next->prev = s->prev;
    else c->last = s->prev;
}

void link_stream_free(pu_link *l, stream *s)
{
    PU_ASSERT(s->inner == NULL || l->out == NULL);
    conn *c = s->conn;
    unlink_stream(s);
    waits_less(l, s, s->rx.len);
    if (!s->is_ours) c->in_count--;
    c->stream_count--;
    if (s->handle != 0) link_slots_del(&l->streams, s->handle);
    if (!s->is_carrier) l->stream_total--;
    s->next = l->grave_streams;
    l->grave_streams = s;
}

void link_stream_last_word(pu_link *l, stream *s, enum pu_down what, uint32_t code)
{
    PU_ASSERT(s->handle != 0 || s->token != 0);
    pu_in *in = link_out_input(l->out, PU_IN_STREAM_DOWN, l->now);
    in->conn = s->conn->handle;
    in->stream = s->handle;
    if (s->handle == 0) in->token = s->token;
    in->what = what;
    in->code = code;
    link_stream_free(l, s);
}

void link_stream_abort(pu_link *l, stream *s, uint32_t code)
{
    if (!s->is_down) {
        s->conn->ops->reset(l, s, code);
        s->conn->ops->free_stream(l, s);
        s->is_down = true;
        link_conn_touch(l, s->conn);
    }
    link_stream_free(l, s);
}

void link_stream_give_away(pu_link *l, stream *s, conn *inner)
{
    PU_ASSERT(s->handle != 0 && !s->is_carrier);
    link_slots_del(&l->streams, s->handle);
    s->handle = 0;
    s->is_carrier = true;
    s->inner = inner;
    l->stream_total--;
}

/* ---- telling the node ---- */

/* The node takes no more bytes of s: it said so, or hung up. */
static bool is_deaf(const stream *s)
{
    return s->rx_stopped || s->reset_code != 0 || s->conn->state != CONN_READY;
}

static void announce(pu_link *l, stream *s)
{
    conn *c = s->conn;
    unlink_stream(s);
    s->next = NULL;
    s->prev = c->last;
    if (c->last != NULL) c->last->next = s;
    else c->first = s;
    c->last = s;
    s->handle = link_slots_add(&l->streams, s);
    s->tx_told = s->tx_room;
    pu_in *in = link_out_input(l->out, PU_IN_STREAM_UP, l->now);
    in->conn = c->handle;
    in->stream = s->handle;
    in->token = s->token;
    in->offset = s->tx_told;
    s->token = 0;
}

static pu_in *give(pu_link *l, enum pu_in_kind kind, const stream *s)
{
    pu_in *in = link_out_input(l->out, kind, l->now);
    in->conn = s->conn->handle;
    in->stream = s->handle;
    return in;
}

/* The message that a stream begins with may make a connection of it (UPGRADE), and what the node
 * was given behind that would be lost: of the first bytes it gets one piece, and the next when it
 * has heard that. Messages of hop and stop are shorter than FIRST_BYTES. */
static bool is_held(const pu_link *l, const stream *s)
{
    return s->rx_told > 0 && s->rx_told < FIRST_BYTES && s->told_turn == l->turn;
}

/* One STREAM_DATA; bytes stay until the reset. */
static void give_data(pu_link *l, stream *s, pu_span bytes, bool fin)
{
    PU_ASSERT(!is_held(l, s) || bytes.len == 0);
    s->told_turn = l->turn;
    PU_ASSERT(bytes.len <= PU_DATA_MAX);
    PU_ASSERT(bytes.len <= s->rx_room - s->rx_told);
    s->rx_told += bytes.len;
    s->rx_fin_told = fin;
    pu_in *in = give(l, PU_IN_STREAM_DATA, s);
    in->body = bytes;
    in->flags = fin ? PU_FIN : 0;
}

/* Whether bytes wait that have room. */
static bool has_bytes(const stream *s)
{
    return s->rx.len > 0 && s->rx_told < s->rx_room && !is_deaf(s);
}

static bool has_end(const stream *s)
{
    return s->rx_fin && !s->rx_fin_told && s->rx.len == 0 && !is_deaf(s);
}

/* Gives the next bytes that wait; how many. 0: the list is full, or memory for a copy is short. */
static uint64_t give_next(pu_link *l, stream *s)
{
    pu_span first = chunks_first(&s->rx), copy;
    uint64_t count = s->rx_room - s->rx_told;
    if (count > first.len) count = first.len;
    if (count > PU_DATA_MAX) count = PU_DATA_MAX;
    if (!link_out_has_room(l->out)) return 0;
    if (!link_out_copy(l->out, span_head(first, (size_t)count), &copy)) return 0;
    link_stream_drop(l, s, count);
    give_data(l, s, copy, s->rx_fin && s->rx.len == 0);
    return count;
}

/* Gives what waits and has room. False: the list is full, memory for a copy is short, or s is held.
 */
static bool tell_data(pu_link *l, stream *s)
{
    while (has_bytes(s)) {
        uint64_t count = is_held(l, s) ? 0 : give_next(l, s);
        if (count == 0) return false;
        if (!s->is_down) s->conn->ops->consumed(l, s, count);
    }
    if (has_end(s)) {
        if (!link_out_has_room(l->out)) return false;
        give_data(l, s, span_of(NULL, 0), true);
    }
    return true;
}

void link_streams_tell_rest(pu_link *l, conn *c)
{
    for (stream *s = c->first; s != NULL; s = s->next) {
        if (s->handle == 0) continue;
        while (has_bytes(s)) {
            s->told_turn = l->turn - 1;
            if (give_next(l, s) == 0) break;
        }
        if (has_end(s) && link_out_has_room(l->out)) give_data(l, s, span_of(NULL, 0), true);
    }
}

/* STOP, and room when it is worth an input: when half of what a stream may buffer became free. */
static bool tell_rest(pu_link *l, stream *s)
{
    if (s->tx_stopped && !s->is_stop_told) {
        if (!link_out_has_room(l->out)) return false;
        give(l, PU_IN_STREAM_STOP, s)->code = s->stop_code;
        s->is_stop_told = true;
    }
    uint64_t more = s->tx_room - s->tx_told;
    if (!s->tx_fin && !s->is_down && more >= l->config->link_send_bytes / 2) {
        if (!link_out_has_room(l->out)) return false;
        s->tx_told = s->tx_room;
        give(l, PU_IN_STREAM_ROOM, s)->offset = s->tx_told;
    }
    return true;
}

/* Everything but the last word. */
static bool tell(pu_link *l, stream *s)
{
    if (s->handle == 0) {
        if (!s->is_up) return true;
        if (!link_out_has_room(l->out)) return false;
        announce(l, s);
    }
    return (is_deaf(s) || tell_data(l, s)) && tell_rest(l, s);
}

static bool is_read_out(const stream *s)
{
    return s->down_what != PU_DOWN_FINISHED || is_deaf(s) || s->rx_fin_told;
}

void link_stream_tell(pu_link *l, stream *s)
{
    conn *c = s->conn;
    if (s->is_carrier || c->state == CONN_ENDED || link_conn_is_early(c)) return;
    bool is_silent = s->is_down && s->handle == 0; /* over before the node heard of it */
    bool is_told = is_silent || c->state == CONN_CLOSING || tell(l, s);
    if (is_told && s->is_down && (is_silent || is_read_out(s))) {
        is_told = link_out_has_room(l->out);
        if (is_silent && s->token == 0) {
            link_stream_free(l, s);
            return;
        }
        if (is_told) link_stream_last_word(l, s, (enum pu_down)s->down_what, s->down_code);
    }
    if (is_told) return;
    c->is_waking = true;
    link_conn_touch(l, c);
}

void link_streams_wake(pu_link *l, conn *c)
{
    c->is_waking = false;
    for (stream *s = c->first, *next; s != NULL; s = next) {
        next = s->next;
        if (s->reset_code != 0 && !s->is_down && !s->is_carrier) {
            uint32_t code = s->reset_code;
            c->ops->reset(l, s, code);
            if (c->state == CONN_ENDED) return;
            link_stream_down(l, s, PU_DOWN_RESET, code);
        } else {
            link_stream_tell(l, s);
        }
    }
}

/* ---- what carriers say ---- */

stream *link_stream_new(pu_link *l, conn *c, uint64_t room)
{
    if (c->state >= CONN_CLOSING || c->in_count >= l->config->streams_per_conn_max) return NULL;
    stream *s = link_stream_make(l, c);
    if (s == NULL) return NULL;
    c->in_count++;
    s->is_up = true;
    s->tx_room = room;
    link_stream_tell(l, s);
    return s;
}

void link_stream_up(pu_link *l, stream *s, uint64_t room)
{
    PU_ASSERT(s->is_ours && !s->is_up && !s->is_down);
    s->is_up = true;
    s->tx_room = room;
    link_stream_tell(l, s);
}

/* Passes on what has room at once, without the queue; returns the rest. */
static pu_span pass_on(pu_link *l, stream *s, pu_span bytes, bool fin, bool stable)
{
    while (bytes.len > 0 && s->handle != 0 && s->rx_told < s->rx_room && s->rx.len == 0 &&
           !is_deaf(s) && !is_held(l, s)) {
        uint64_t room = s->rx_room - s->rx_told;
        size_t count = bytes.len < room ? bytes.len : (size_t)room;
        if (count > PU_DATA_MAX) count = PU_DATA_MAX;
        pu_span part = span_head(bytes, count);
        if (!link_out_has_room(l->out)) break;
        if (!stable && !link_out_copy(l->out, part, &part)) break;
        bytes = span_skip(bytes, count);
        give_data(l, s, part, fin && bytes.len == 0);
        s->conn->ops->consumed(l, s, count);
    }
    return bytes;
}

void link_stream_data(pu_link *l, stream *s, pu_span bytes, bool fin, bool stable)
{
    conn *c = s->conn;
    PU_ASSERT(!s->is_down);
    PU_ASSERT(!s->rx_fin || bytes.len == 0);
    if (fin) s->rx_fin = true;
    bool is_dropped = s->is_carrier ? s->inner == NULL || c->state == CONN_CLOSING
                                    : is_deaf(s) && !link_conn_is_early(c);
    if (is_dropped) {
        bool is_living = c->state == CONN_READY && s->reset_code == 0;
        if (bytes.len > 0 && is_living) c->ops->consumed(l, s, bytes.len);
        return;
    }
    if (!s->is_carrier && c->state == CONN_READY) bytes = pass_on(l, s, bytes, fin, stable);
    if (bytes.len > 0 && !link_stream_keep(l, s, bytes)) {
        s->reset_code = PU_CODE_RESOURCE; /* this stream pays for it, soon */
        c->is_waking = true;
        link_conn_touch(l, c);
    }
    if (s->is_carrier) link_conn_touch(l, s->inner);
    else if (s->rx.len > 0 || s->rx_fin) link_stream_tell(l, s);
}

void link_stream_room(pu_link *l, stream *s, uint64_t offset)
{
    PU_ASSERT(!s->is_down);
    if (offset <= s->tx_room) return;
    s->tx_room = offset;
    if (s->inner != NULL) link_conn_touch(l, s->inner);
    else if (s->handle != 0) link_stream_tell(l, s);
}

void link_stream_stop(pu_link *l, stream *s, uint32_t code)
{
    PU_ASSERT(!s->is_down);
    if (s->tx_stopped) return;
    s->tx_stopped = true;
    s->stop_code = code;
    if (s->inner != NULL) link_conn_touch(l, s->inner);
    else link_stream_tell(l, s);
}

void link_stream_down(pu_link *l, stream *s, enum pu_down what, uint32_t code)
{
    PU_ASSERT(!s->is_down);
    PU_ASSERT(s->conn->state != CONN_ENDED);
    s->conn->ops->free_stream(l, s);
    s->is_down = true;
    s->down_what = (uint8_t)what;
    s->down_code = code;
    if (!s->is_carrier) {
        if (what == PU_DOWN_RESET) link_stream_drop(l, s, s->rx.len);
        if (link_conn_is_early(s->conn)) link_stream_free(l, s); /* the node never hears of it */
        else link_stream_tell(l, s);
    } else if (s->inner != NULL) {
        link_conn_touch(l, s->inner);
    } else {
        link_stream_free(l, s);
    }
}
