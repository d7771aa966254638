/* quic/streams.c - streams: opening, what is sent and how much may wait, what the peer may send,
 * ends.
 *
 * Room. A stream always has link_send_bytes. A connection that is fast gets more, twice its
 * congestion window up to quic_send_most_bytes, for those of its streams that use what they have.
 *
 * Windows. Credit goes back as the node takes bytes. Whoever takes half a window within two round
 * trips is held up by it, and the window doubles. The connection's window grows for bytes that
 * wait, too: they are their streams' affair.
 */
#include "quic/quic_impl.h"

enum { ROOM_STEPS = 4, RTTS_A_WINDOW = 2 };

/* Codes of the application and of the libp2p family travel, ours do not. */
uint64_t quic_wire_code(uint32_t code)
{
    return code <= 0x1fff ? code : 0;
}

/* ---- lists ---- */

static quic_queue *quic_queue_of(quic_conn *c, enum quic_list list)
{
    switch (list) {
    case LIST_SENDING: return &c->sending;
    case LIST_OPENING: return &c->opening;
    case LIST_ENDING: return &c->ending;
    case LIST_NONE: break;
    }
    PU_NEVER_HERE();
}

void quic_queue_del(quic_conn *c, quic_stream *s)
{
    if (s->list == LIST_NONE) return;
    quic_queue *q = quic_queue_of(c, (enum quic_list)s->list);
    if (s->list_prev != NULL) s->list_prev->list_next = s->list_next;
    else q->first = s->list_next;
    if (s->list_next != NULL) s->list_next->list_prev = s->list_prev;
    else q->last = s->list_prev;
    s->list_prev = s->list_next = NULL;
    s->list = LIST_NONE;
}

void quic_queue_add(quic_conn *c, quic_stream *s, enum quic_list list)
{
    quic_queue_del(c, s);
    quic_queue *q = quic_queue_of(c, list);
    s->list = (uint8_t)list;
    s->list_prev = q->last;
    if (q->last != NULL) q->last->list_next = s;
    else q->first = s;
    q->last = s;
}

void quic_streams_ready(quic_conn *c, quic_stream *s)
{
    const quic_flight *f = s->flight;
    if (f == NULL || f->is_gone || s->is_write_dead || s->list != LIST_NONE) return;
    if (f->out.sent < f->out.end || (s->head.tx_fin && !s->is_fin_sent))
        quic_queue_add(c, s, LIST_SENDING);
}

/* ---- room: how much the node may send ahead ---- */

/* Bytes that all streams of c may have under way. */
static uint64_t room_of_conn(const quic_conn *c)
{
    const pu_config *config = link_config(c->link);
    uint64_t room = 2 * c->cwnd;
    if (room < config->link_send_bytes) room = config->link_send_bytes;
    return room < config->quic_send_most_bytes ? room : config->quic_send_most_bytes;
}

/* What s may send to, absolute: its least above what is acknowledged, and what the others leave of
 * the connection's when it uses what it has. */
static uint64_t room_of(const quic_conn *c, const quic_stream *s)
{
    const backlog *out = &s->flight->out;
    uint64_t own = link_config(c->link)->link_send_bytes;
    uint64_t promise = s->room - out->acked;
    PU_ASSERT(c->promised >= promise);
    if (2 * (out->end - out->acked) >= promise) {
        uint64_t others = c->promised - promise, all = room_of_conn(c);
        if (all > others && all - others > own) own = all - others;
    }
    return out->acked + own;
}

/* Tells the link of more room when there is enough of it. */
static void give_room(quic_conn *c, quic_stream *s)
{
    uint64_t room = room_of(c, s), step = link_config(c->link)->link_send_bytes / ROOM_STEPS;
    if (room <= s->room || room - s->room < step) return;
    c->promised += room - s->room;
    s->room = room;
    link_stream_room(c->link, &s->head, room);
}

/* ---- flights ---- */

static quic_flight *flight_new(quic_conn *c, quic_stream *s, int64_t id)
{
    quic_flight *f = mem_new(link_alloc(c->link), sizeof *f);
    if (f == NULL) return NULL;
    f->stream = s;
    f->id = id;
    if (id < 0) c->unsent++;
    f->next = c->flights;
    if (c->flights != NULL) c->flights->prev = f;
    c->flights = f;
    return f;
}

static void flight_free(quic_conn *c, quic_flight *f)
{
    if (f->id < 0) c->unsent--;
    if (f->prev != NULL) f->prev->next = f->next;
    else c->flights = f->next;
    if (f->next != NULL) f->next->prev = f->prev;
    quic_backlog_free(&f->out, link_alloc(c->link));
    mem_free(link_alloc(c->link), f, sizeof *f);
}

void quic_flights_free(quic_conn *c)
{
    while (c->flights != NULL) flight_free(c, c->flights);
}

/* s may be sent on as f. */
static void start(quic_conn *c, quic_stream *s, quic_flight *f)
{
    const pu_config *config = link_config(c->link);
    s->flight = f;
    s->window = config->quic_window_bytes;
    s->room = config->link_send_bytes;
    s->eaten_at = link_now(c->link);
    c->promised += s->room;
}

/* ---- opening ---- */

/* A stream that is up has a place below the peer's limit, and ngtcp2 learns of it when something is
 * sent. So one that is reset before leaves no trace: a peer that gets nothing of a stream but its
 * reset may never end it. */
void quic_streams_open(quic_conn *c)
{
    while (c->opening.first != NULL) {
        quic_stream *s = c->opening.first;
        if (ngtcp2_conn_get_streams_bidi_left(c->qc) <= c->unsent) return;
        quic_queue_del(c, s);
        quic_flight *f = flight_new(c, s, -1);
        if (f == NULL) {
            link_stream_down(c->link, &s->head, PU_DOWN_RESET, PU_CODE_NO_MEMORY);
            continue;
        }
        start(c, s, f);
        link_stream_up(c->link, &s->head, s->room);
    }
}

bool quic_streams_name(quic_conn *c, quic_stream *s)
{
    quic_flight *f = s->flight;
    if (f->id >= 0) return true;
    int64_t id;
    if (ngtcp2_conn_open_bidi_stream(c->qc, &id, f) != 0) return false;
    f->id = id;
    c->unsent--;
    if (s->head.rx_stopped) ngtcp2_conn_shutdown_stream_read(c->qc, id, 0);
    return true;
}

void quic_open(pu_link *l, stream *head)
{
    (void)l;
    quic_conn *c = quic_of(head->conn);
    quic_queue_add(c, quic_stream_of(head), LIST_OPENING);
    quic_streams_open(c);
}

bool quic_streams_begin(quic_conn *c, int64_t id)
{
    stream *head = NULL;
    quic_flight *f = flight_new(c, NULL, id);
    if (f != NULL) head = link_stream_new(c->link, &c->head, link_config(c->link)->link_send_bytes);
    if (head == NULL) {
        if (f != NULL) flight_free(c, f);
        return ngtcp2_conn_shutdown_stream(c->qc, id, PU_CODE_RESOURCE) == 0;
    }
    f->stream = quic_stream_of(head);
    start(c, f->stream, f);
    return ngtcp2_conn_set_stream_user_data(c->qc, id, f) == 0;
}

/* ---- sending ---- */

/* The last word waits until the node has taken everything, so that what a peer may leave with us
 * stays within its windows. */
static void end_when_eaten(quic_conn *c, quic_stream *s)
{
    s->is_over = true;
    if (s->waiting > 0) return;
    quic_queue_add(c, s, LIST_ENDING);
    quic_conn_due(c);
}

void quic_streams_end(quic_conn *c)
{
    while (c->ending.first != NULL) {
        quic_stream *s = c->ending.first;
        quic_queue_del(c, s);
        link_stream_down(c->link, &s->head, PU_DOWN_FINISHED, 0);
    }
}

void quic_send(pu_link *l, stream *head, pu_span bytes, bool fin)
{
    quic_conn *c = quic_of(head->conn);
    quic_stream *s = quic_stream_of(head);
    quic_flight *f = s->flight;
    PU_ASSERT(f != NULL);
    if (f->is_gone) {
        if (fin) end_when_eaten(c, s);
        return;
    }
    if (s->is_write_dead) return;
    if (!quic_backlog_append(&f->out, link_alloc(l), bytes)) {
        quic_reset(l, head, PU_CODE_RESOURCE);
        link_stream_down(l, head, PU_DOWN_RESET, PU_CODE_NO_MEMORY);
        return;
    }
    quic_streams_ready(c, s);
    give_room(c, s);
    quic_conn_due(c);
}

void quic_streams_acked(quic_conn *c, quic_flight *f, uint64_t offset)
{
    if (offset <= f->out.acked) return;
    quic_stream *s = f->stream;
    uint64_t count = offset - f->out.acked;
    quic_backlog_acked(&f->out, link_alloc(c->link), offset);
    if (s == NULL) return;
    PU_ASSERT(c->promised >= count);
    c->promised -= count;
    give_room(c, s);
}

/* ---- receiving ---- */

/* Whether `eaten` bytes since `since` show that the window is what limits the peer. */
static bool is_narrow(const quic_conn *c, uint64_t window, uint64_t eaten, pu_time since)
{
    uint64_t rtt_ns = c->head.rtt_ns;
    return eaten >= window / 2 && rtt_ns > 0 && link_now(c->link) - since < RTTS_A_WINDOW * rtt_ns;
}

/* By how much a window is to grow; 0: not. */
static uint64_t growth(uint64_t window, uint64_t most)
{
    return window >= most ? 0 : window < most - window ? window : most - window;
}

/* What one stream's window may grow to. It leaves a share of the connection's window to the others:
 * an application that lets one stream wait must not stop a ping. */
static uint64_t stream_most(const quic_conn *c)
{
    const pu_config *config = link_config(c->link);
    uint64_t share = c->window / 3, least = config->quic_conn_window_bytes / 2;
    if (share < least) share = least;
    uint64_t most = c->window > share ? c->window - share : 0;
    return most < config->quic_window_most_bytes ? most : config->quic_window_most_bytes;
}

static uint64_t grow_stream(quic_conn *c, quic_stream *s, uint64_t bytes)
{
    uint64_t more = 0;
    s->eaten += bytes;
    if (s->eaten < s->window / 2) return 0;
    if (is_narrow(c, s->window, s->eaten, s->eaten_at)) more = growth(s->window, stream_most(c));
    s->window += more;
    s->eaten = 0;
    s->eaten_at = link_now(c->link);
    return more;
}

/* All streams together: this is what bounds memory, so this is what counts. */
static uint64_t grow_conn(quic_conn *c, uint64_t bytes)
{
    uint64_t more = 0;
    c->eaten += bytes;
    if (c->eaten < c->window / 2) return 0;
    if (is_narrow(c, c->window, c->eaten, c->eaten_at))
        more = growth(c->window, link_config(c->link)->quic_conn_window_most_bytes);
    if (more > 0 && !link_windows_may_grow(c->link, &c->head, more)) more = 0;
    c->head.windows += more;
    c->window += more;
    c->eaten = 0;
    c->eaten_at = link_now(c->link);
    return more;
}

/* A stream that nobody reads must not stop the others: while bytes wait for the node's room, the
 * window is twice those bytes, as far as the peer may have so much. */
void quic_streams_wait(quic_conn *c)
{
    const pu_config *config = link_config(c->link);
    uint64_t step = config->quic_conn_window_bytes;
    while (c->head.waiting > c->window / 2 && c->window + step <= config->link_windows_bytes &&
           link_windows_may_grow(c->link, &c->head, step)) {
        ngtcp2_conn_extend_max_offset(c->qc, step);
        c->head.windows += step;
        c->window += step;
    }
}

void quic_consumed(pu_link *l, stream *head, uint64_t bytes)
{
    (void)l;
    quic_conn *c = quic_of(head->conn);
    quic_stream *s = quic_stream_of(head);
    PU_ASSERT(bytes <= s->waiting);
    s->waiting -= bytes;
    if (c->is_short) return;
    ngtcp2_conn_extend_max_offset(c->qc, bytes + grow_conn(c, bytes));
    if (s->flight->id >= 0 && !s->flight->is_gone)
        ngtcp2_conn_extend_max_stream_offset(c->qc, s->flight->id,
                                             bytes + grow_stream(c, s, bytes));
    if (s->is_over) end_when_eaten(c, s);
    quic_conn_due(c);
}

/* ---- ends ---- */

void quic_stop(pu_link *l, stream *head, uint32_t code)
{
    (void)l;
    quic_conn *c = quic_of(head->conn);
    quic_flight *f = quic_stream_of(head)->flight;
    if (f == NULL || f->id < 0 || f->is_gone || c->is_short) return;
    ngtcp2_conn_shutdown_stream_read(c->qc, f->id, quic_wire_code(code));
    quic_conn_due(c);
}

void quic_reset(pu_link *l, stream *head, uint32_t code)
{
    (void)l;
    quic_conn *c = quic_of(head->conn);
    quic_flight *f = quic_stream_of(head)->flight;
    if (f == NULL || f->id < 0 || f->is_gone || c->is_short) return;
    ngtcp2_conn_shutdown_stream(c->qc, f->id, quic_wire_code(code));
    quic_conn_due(c);
}

/* A peer may reset what is finished already (js does), and what we have stopped reading it should:
 * neither changes anything. */
void quic_streams_reset_by_peer(quic_conn *c, quic_flight *f, uint64_t code)
{
    quic_stream *s = f->stream;
    if (s == NULL || s->head.rx_stopped || (s->head.rx_fin && s->head.tx_fin)) return;
    if (!c->is_short) ngtcp2_conn_shutdown_stream_write(c->qc, f->id, code);
    link_stream_down(c->link, &s->head, PU_DOWN_RESET,
                     code > UINT32_MAX ? UINT32_MAX : (uint32_t)code);
}

/* go says STOP_SENDING whenever it closes a stream, often after everything was said: what the peer
 * sends is not touched by it. ngtcp2 keeps its code to itself. */
void quic_streams_stopped(quic_conn *c, quic_stream *s)
{
    s->is_write_dead = true;
    quic_queue_del(c, s);
    if (!s->head.tx_fin) link_stream_stop(c->link, &s->head, PU_CODE_OK);
}

void quic_streams_gone(quic_conn *c, quic_flight *f)
{
    quic_stream *s = f->stream;
    f->is_gone = true;
    if (s == NULL) {
        flight_free(c, f);
        return;
    }
    quic_queue_del(c, s);
    if (s->head.tx_fin) end_when_eaten(c, s);
    else quic_streams_stopped(c, s);
}

void quic_free_stream(pu_link *l, stream *head)
{
    (void)l;
    quic_conn *c = quic_of(head->conn);
    quic_stream *s = quic_stream_of(head);
    quic_flight *f = s->flight;
    quic_queue_del(c, s);
    quic_conn_unheard(c, s);
    if (f == NULL) return;
    c->promised -= s->room - f->out.acked;
    if (s->waiting > 0 && c->qc != NULL && !c->is_short)
        ngtcp2_conn_extend_max_offset(c->qc, s->waiting);
    s->flight = NULL;
    f->stream = NULL;
    if (f->id >= 0 && !f->is_gone) return;
    bool was_unsent = f->id < 0;
    flight_free(c, f);
    if (!was_unsent || c->opening.first == NULL) return;
    c->news |= NEWS_STREAMS;
    quic_conn_due(c);
}
