/* link/mux.c - carrier_ops over a byte stream: who calls what, timers, and the end.
 *
 * Every call works on what it was given and then settles: it looks whether the connection is over,
 * gives the wire room, and notes whether something waits for the wire's. What is to be sent is
 * built in the tick, one Noise frame a tick, so that connections take turns.
 */
#include "link/mux_impl.h"

static mux_conn *mux_of(conn *c)
{
    return (mux_conn *)c;
}

static yamux *yamux_of(stream *s)
{
    return &mux_of(s->conn)->yamux;
}

/* ---- the end ---- */

/* The last act of a call. A connection that hangs up ends with the code it was hung up with. */
static void end(pu_link *l, mux_conn *m)
{
    uint32_t code = m->head.state == CONN_CLOSING ? m->head.close_code : m->end.code;
    if (m->wire != NULL) {
        void *wire = m->wire;
        if (m->end.word == MUX_GOAWAY) mux_send_goaway(l, m, m->end.goaway);
        m->wire = NULL;
        m->wire_ops->close(l, wire, m->end.word == MUX_RESET);
    }
    link_conn_down(l, &m->head, code);
}

/* The peer has closed its side of the wire, and everything it said was read. */
static bool end_of_wire(mux_conn *m)
{
    if (!m->head.is_confirmed) return mux_fail(m, PU_CODE_REFUSED, MUX_CLOSE, 0);
    uint32_t code = m->head.stream_count == 0 ? PU_CODE_OK : PU_CODE_LOST;
    return mux_fail(m, code, MUX_CLOSE, 0);
}

static bool hung_up(mux_conn *m)
{
    return mux_fail(m, m->head.close_code, MUX_GOAWAY, yamux_code(m->head.close_code));
}

/* ---- after each call ---- */

/* Whether there is something to read that waited for the next tick. */
static bool can_resume(const pu_link *l, const mux_conn *m)
{
    return m->is_short || (!mux_is_paused(l, m) && mux_has_frame(m));
}

/* The wire may bring as much more as was read, so that `part` stays bounded. */
static void give_room(pu_link *l, mux_conn *m)
{
    if (m->stage != MUX_YAMUX || m->is_fin || mux_is_paused(l, m)) return;
    uint64_t room = m->rx_got - mux_part(m).len + MUX_WIRE_WINDOW;
    if (room < m->rx_room + MUX_WIRE_WINDOW / 2) return;
    m->rx_room = room;
    m->wire_ops->room(l, m->wire, room);
}

static void note_stall(pu_link *l, mux_conn *m)
{
    if (!mux_is_stalled(m)) m->stalled_at = PU_NEVER;
    else if (m->stalled_at == PU_NEVER) m->stalled_at = link_now(l);
}

static bool look(mux_conn *m)
{
    bool is_closing = m->head.state == CONN_CLOSING;
    if (m->is_fin && m->stage != MUX_ASKED && !mux_has_frame(m)) return end_of_wire(m);
    if (is_closing && yamux_is_flushed(&m->yamux)) return hung_up(m);
    return true;
}

/* is_alive: what the call's work returned. c may be down afterwards. */
static void settle(pu_link *l, mux_conn *m, bool is_alive)
{
    if (!is_alive || !look(m)) {
        end(l, m);
        return;
    }
    give_room(l, m);
    note_stall(l, m);
    bool has_spare = m->part.cap > 0 && m->part.len == 0;
    m->shrink_at = has_spare ? link_now(l) + MUX_SHRINK_NS : PU_NEVER;
}

/* ---- the wire's calls ---- */

void mux_start(pu_link *l, conn *c, const struct wire_ops *ops, void *wire, uint64_t rx_room,
               uint64_t tx_room)
{
    mux_conn *m = mux_of(c);
    PU_ASSERT(m->stage == 0);
    PU_ASSERT(wire != NULL);
    m->wire_ops = ops;
    m->wire = wire;
    m->rx_room = rx_room;
    m->tx_room = tx_room;
    m->stalled_at = m->shrink_at = PU_NEVER;
    settle(l, m, mux_shake_start(l, m));
}

void mux_data(pu_link *l, conn *c, pu_span bytes, bool fin)
{
    mux_conn *m = mux_of(c);
    PU_ASSERT(!m->is_fin);
    PU_ASSERT(bytes.len <= m->rx_room - m->rx_got);
    m->rx_got += bytes.len;
    m->is_fin = fin;
    settle(l, m, mux_read(l, m, bytes));
}

void mux_room(pu_link *l, conn *c, uint64_t offset)
{
    mux_conn *m = mux_of(c);
    if (offset <= m->tx_room) return;
    m->tx_room = offset;
    m->stalled_at = PU_NEVER; /* progress: the patience begins anew */
    settle(l, m, m->early.len == 0 || mux_say(l, m, span_of(NULL, 0)));
}

void mux_lost(pu_link *l, conn *c, uint32_t code)
{
    mux_conn *m = mux_of(c);
    m->wire = NULL;
    (void)mux_fail(m, code, MUX_RESET, 0);
    end(l, m);
}

/* ---- carrier_ops: the connection ---- */

static void op_verdict(pu_link *l, conn *c, uint32_t code)
{
    mux_conn *m = mux_of(c);
    PU_ASSERT(m->stage == MUX_ASKED);
    if (code == PU_CODE_OK) {
        settle(l, m, mux_shake_allowed(l, m) && mux_read(l, m, span_of(NULL, 0)));
        return;
    }
    /* The dialler counts itself connected when both speak Yamux: it can be told why it is not. */
    enum mux_word word = m->shake->has_early_muxer ? MUX_GOAWAY : MUX_CLOSE;
    settle(l, m, mux_fail(m, code, word, yamux_code(code)));
}

static void op_close(pu_link *l, conn *c)
{
    mux_conn *m = mux_of(c);
    bool is_early = m->stage != MUX_YAMUX;
    if (is_early) settle(l, m, mux_fail(m, c->close_code, MUX_RESET, 0));
    else settle(l, m, c->deadline > link_now(l) || hung_up(m));
}

static pu_time earlier(pu_time a, pu_time b)
{
    return a < b ? a : b;
}

/* When a wire without progress counts as lost. The handshake has its own deadline, the link's. */
static pu_time patience_ends(const pu_link *l, const mux_conn *m)
{
    bool is_measured = m->stage == MUX_YAMUX && m->stalled_at != PU_NEVER;
    return is_measured ? m->stalled_at + link_config(l)->yamux_progress_ns : PU_NEVER;
}

static pu_time op_deadline(const pu_link *l, const conn *c)
{
    const mux_conn *m = (const mux_conn *)c;
    if (mux_can_say(m)) return link_now(l);
    if (m->stage != MUX_YAMUX) return m->is_short ? link_now(l) : m->shrink_at;
    if (mux_can_flush(m) || can_resume(l, m)) return link_now(l);
    pu_time at = earlier(yamux_deadline(l, &m->yamux), patience_ends(l, m));
    return earlier(at, m->shrink_at);
}

/* Sends, then reads what waited for that. */
static bool work(pu_link *l, mux_conn *m)
{
    if (mux_can_say(m) && !mux_say(l, m, span_of(NULL, 0))) return false;
    if (m->stage == MUX_YAMUX && mux_can_flush(m) && !mux_flush(l, m)) return false;
    return !can_resume(l, m) || mux_read(l, m, span_of(NULL, 0));
}

static void op_tick(pu_link *l, conn *c)
{
    mux_conn *m = mux_of(c);
    pu_time now = link_now(l);
    bool is_alive = true;
    if (m->shrink_at <= now && m->part.len == 0) mem_bytes_free(link_alloc(l), &m->part);
    if (c->state == CONN_CLOSING && c->deadline <= now) is_alive = hung_up(m);
    else if (patience_ends(l, m) <= now) is_alive = mux_fail(m, PU_CODE_LOST, MUX_RESET, 0);
    else if (m->stage == MUX_YAMUX && !yamux_tick(l, &m->yamux))
        is_alive = mux_fail(m, m->yamux.end_code, MUX_GOAWAY, m->yamux.end_goaway);
    pu_time shrink_at = m->shrink_at > now ? m->shrink_at : PU_NEVER;
    settle(l, m, is_alive && work(l, m));
    if (c->state != CONN_ENDED && shrink_at < m->shrink_at) m->shrink_at = shrink_at;
}

static void op_free_conn(pu_link *l, conn *c)
{
    mux_conn *m = mux_of(c);
    const pu_alloc *alloc = link_alloc(l);
    mux_shake_free(l, m);
    yamux_free(l, &m->yamux);
    mem_bytes_free(alloc, &m->part);
    mem_bytes_free(alloc, &m->early);
    m->part_head = 0;
    crypto_wipe(&m->tx, sizeof m->tx);
    crypto_wipe(&m->rx, sizeof m->rx);
}

/* ---- carrier_ops: streams ---- */

static void op_open(pu_link *l, stream *s)
{
    mux_conn *m = mux_of(s->conn);
    yamux_open(l, &m->yamux, s);
    note_stall(l, m);
}

static void op_send(pu_link *l, stream *s, pu_span bytes, bool fin)
{
    mux_conn *m = mux_of(s->conn);
    yamux_send(l, &m->yamux, s, bytes, fin);
    note_stall(l, m);
}

static void op_consumed(pu_link *l, stream *s, uint64_t bytes)
{
    mux_conn *m = mux_of(s->conn);
    yamux_consumed(l, &m->yamux, s, bytes);
    note_stall(l, m);
}

static void op_stop(pu_link *l, stream *s, uint32_t code)
{
    (void)code;
    yamux_stop(l, yamux_of(s), s);
}

static void op_reset(pu_link *l, stream *s, uint32_t code)
{
    mux_conn *m = mux_of(s->conn);
    yamux_reset(l, &m->yamux, s, code);
    note_stall(l, m);
}

static void op_free_stream(pu_link *l, stream *s)
{
    yamux_free_stream(l, yamux_of(s), s);
}

const struct carrier_ops mux_ops = {
    .conn_bytes = sizeof(mux_conn),
    .stream_bytes = sizeof(yamux_stream),
    .verdict = op_verdict,
    .open = op_open,
    .send = op_send,
    .consumed = op_consumed,
    .stop = op_stop,
    .reset = op_reset,
    .close = op_close,
    .deadline = op_deadline,
    .tick = op_tick,
    .free_conn = op_free_conn,
    .free_stream = op_free_stream,
};
