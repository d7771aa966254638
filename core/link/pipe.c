/* link/pipe.c - a stream of another connection as a wire below mux: UPGRADE.
 *
 * Calls go inwards to outwards only. What the outer connection has for the inner one waits in the
 * outer stream (bytes, FIN, room, its end) until the inner connection's own tick takes it, however
 * deep they are nested. Credit holds in both directions: the outer stream's window widens when the
 * inner connection has taken bytes, and the inner connection sends what the outer stream takes.
 *
 * An inner connection that ends in order finishes the stream; what still comes is dropped, and
 * after hangup_ns the stream is reset if its other side has not finished too.
 */
#include "link/link_impl.h"

/* In conn.wire of the inner connection while the stream is there. */
typedef struct pipe {
    uint64_t left;     /* the first bytes of the stream's queue: what the node had read too far */
    uint64_t rx_given; /* bytes that mux has taken */
    uint64_t rx_room;  /* it takes up to this offset */
    uint64_t tx_from;  /* offset in the outer stream of the inner connection's first byte */
    uint64_t tx_told;  /* room that mux knows of, in offsets of the inner connection */
    bool fin_given;
} pipe;

/* ---- the wire ---- */

static void let_go(pu_link *l, conn *c)
{
    mem_free(&l->alloc, c->wire, sizeof(pipe));
    c->wire = NULL;
}

/* Cuts the stream from its connection, unless the outer connection has ended: then the order of
 * last words is read from it. True: the stream is to be finished or reset. */
static bool part(pu_link *l, conn *c)
{
    stream *s = c->outer;
    let_go(l, c);
    if (s->conn->state == CONN_ENDED) return false;
    s->inner = NULL;
    c->outer = NULL;
    if (s->is_down) link_stream_free(l, s);
    return !s->is_down && s->conn->state == CONN_READY;
}

/* Nothing has happened that ends what the stream carries. */
static bool is_whole(const stream *s)
{
    return !s->is_down && s->reset_code == 0 && !s->tx_stopped && s->conn->state != CONN_ENDED;
}

static void wire_send(pu_link *l, void *wire, pu_span bytes)
{
    conn *c = wire;
    pipe *p = c->wire;
    stream *s = c->outer;
    PU_ASSERT(s->inner == c);
    PU_ASSERT(bytes.len <= p->tx_from + p->tx_told - s->tx_taken);
    s->tx_taken += bytes.len;
    if (!is_whole(s) || s->conn->state != CONN_READY) return; /* nobody takes them any more */
    link_conn_touch(l, s->conn);
    s->conn->ops->send(l, s, bytes, false);
}

static void wire_room(pu_link *l, void *wire, uint64_t offset)
{
    conn *c = wire;
    pipe *p = c->wire;
    PU_ASSERT(p != NULL);
    if (offset > p->rx_room) p->rx_room = offset;
    link_conn_touch(l, c);
}

/* The stream stays without its connection until the other side finishes too. The first `left` bytes
 * that wait were consumed by the node, long ago. */
static void finish(pu_link *l, stream *s, uint64_t left)
{
    conn *outer = s->conn;
    PU_ASSERT(left <= s->rx.len);
    s->tx_fin = true;
    s->lingers_until = l->now + l->config->hangup_ns;
    if (s->lingers_until < outer->lingers_at) outer->lingers_at = s->lingers_until;
    link_conn_touch(l, outer);
    if (s->rx.len > left) outer->ops->consumed(l, s, s->rx.len - left);
    s->rx_told += s->rx.len;
    if (outer->state == CONN_READY && !s->is_down) outer->ops->send(l, s, span_of(NULL, 0), true);
}

static void wire_close(pu_link *l, void *wire, bool reset)
{
    conn *c = wire;
    stream *s = c->outer;
    PU_ASSERT(c->wire != NULL && s->inner == c);
    bool is_broken = reset || !is_whole(s);
    uint64_t left = ((const pipe *)c->wire)->left;
    if (!part(l, c)) return;
    if (is_broken) link_stream_abort(l, s, PU_CODE_LOST);
    else finish(l, s, left);
}

static const struct wire_ops pipe_ops = {wire_send, wire_room, wire_close};

void link_pipes_linger(pu_link *l, conn *outer)
{
    outer->lingers_at = PU_NEVER;
    for (stream *s = outer->first, *next; s != NULL && outer->state != CONN_ENDED; s = next) {
        next = s->next;
        if (!s->is_carrier || s->inner != NULL) continue;
        if (s->lingers_until <= l->now) link_stream_abort(l, s, PU_CODE_LOST);
        else if (s->lingers_until < outer->lingers_at) outer->lingers_at = s->lingers_until;
    }
}

/* ---- begin ---- */

static conn *make(pu_link *l, stream *s, const pu_ef *ef)
{
    const struct carrier_ops *ops = l->transports->mux;
    pipe *p = mem_new(&l->alloc, sizeof *p);
    chunks rx = {0};
    bool is_kept = p != NULL && chunks_append(&rx, &l->alloc, ef->body);
    conn *c = is_kept ? link_conn_make(l, ops, ops->conn_bytes, PU_TRANSPORT_CIRCUIT) : NULL;
    if (c == NULL) {
        chunks_free(&rx, &l->alloc);
        mem_free(&l->alloc, p, sizeof *p);
        return NULL;
    }
    chunks_join(&rx, &s->rx);
    s->rx = rx;
    l->waiting += ef->body.len;
    s->conn->waiting += ef->body.len;
    p->left = ef->body.len;
    p->rx_room = PIPE_WINDOW_BYTES;
    p->tx_from = s->tx_taken;
    p->tx_told = s->tx_room - s->tx_taken;
    c->wire = p;
    c->outer = s;
    c->token = ef->token;
    c->deadline = ef->deadline;
    c->is_dialler = ef->what == PU_ROLE_CLIENT;
    c->is_outside = !c->is_dialler;
    c->state = c->is_outside ? CONN_HANDSHAKE : CONN_DIALLING;
    c->is_limited = (ef->flags & PU_LIMITED) != 0;
    c->expected.len = (uint8_t)ef->peer.len;
    if (ef->peer.len > 0) memcpy(c->expected.bytes, ef->peer.base, ef->peer.len);
    return c;
}

void link_pipe_upgrade(pu_link *l, const pu_ef *ef)
{
    stream *s = link_stream_of(l, ef);
    if (s == NULL) {
        /* It crossed the end of its connection; the handle ends here all the same. */
        s = link_slots_get(&l->streams, ef->stream);
        if (s != NULL && s->conn->handle == ef->conn) link_stream_give_away(l, s, NULL);
        link_dial_fail(l, ef->token, PU_CODE_LOST);
        return;
    }
    bool can_carry = is_whole(s) && !s->tx_fin && !s->rx_fin_told && !s->rx_stopped;
    conn *c = can_carry ? make(l, s, ef) : NULL;
    link_stream_give_away(l, s, c);
    if (c == NULL) {
        link_dial_fail(l, ef->token, can_carry ? PU_CODE_RESOURCE : PU_CODE_LOST);
        link_stream_abort(l, s, PU_CODE_RESOURCE);
        return;
    }
    const pipe *p = c->wire;
    l->transports->mux_start(l, c, &pipe_ops, c, p->rx_room, p->tx_told);
}

/* ---- what waits for the inner connection ---- */

static bool has_bytes(const pipe *p, const stream *s)
{
    return s->rx.len > 0 && p->rx_given < p->rx_room;
}

static bool is_fin_due(const pipe *p, const stream *s)
{
    return s->rx_fin && !p->fin_given && s->rx.len == 0;
}

bool link_pipe_is_due(const conn *c)
{
    const pipe *p = c->wire;
    const stream *s = c->outer;
    if (!is_whole(s)) return true;
    if (s->tx_room - p->tx_from > p->tx_told) return true;
    return has_bytes(p, s) || is_fin_due(p, s);
}

void link_pipe_lost(pu_link *l, conn *c)
{
    stream *s = c->outer;
    if (part(l, c)) link_stream_abort(l, s, PU_CODE_LOST);
    l->transports->mux_lost(l, c, PU_CODE_LOST);
    PU_ASSERT(c->state == CONN_ENDED);
}

/* Gives mux the next bytes. They stay where they are whatever it does: a stream that is freed is
 * buried later. */
static void give(pu_link *l, conn *c)
{
    pipe *p = c->wire;
    stream *s = c->outer;
    pu_span bytes = chunks_first(&s->rx);
    uint64_t most = p->rx_room - p->rx_given;
    if (p->left > 0 && p->left < most) most = p->left;
    if (bytes.len > most) bytes = span_head(bytes, (size_t)most);
    bool is_left = p->left > 0;
    p->rx_given += bytes.len;
    l->transports->mux_data(l, c, bytes, false);
    if (c->wire == NULL) return;
    link_stream_drop(l, s, bytes.len);
    if (is_left) { /* the node has taken them, long ago */
        p->left -= bytes.len;
        return;
    }
    s->rx_told += bytes.len;
    if (is_whole(s) && s->conn->state == CONN_READY) s->conn->ops->consumed(l, s, bytes.len);
}

void link_pipe_tick(pu_link *l, conn *c)
{
    pipe *p = c->wire;
    stream *s = c->outer;
    uint64_t room = s->tx_room - p->tx_from;
    if (room > p->tx_told && is_whole(s)) {
        p->tx_told = room;
        l->transports->mux_room(l, c, room);
    }
    while (c->wire != NULL && has_bytes(p, s) && link_out_has_room(l->out)) give(l, c);
    if (c->wire != NULL && is_fin_due(p, s)) {
        p->fin_given = true;
        l->transports->mux_data(l, c, span_of(NULL, 0), true);
    }
    if (c->wire != NULL && !is_whole(s)) link_pipe_lost(l, c);
}

bool link_pipe_carried(const conn *c, uint64_t *received, uint64_t *sent)
{
    const pipe *p = c->wire;
    if (c->transport != PU_TRANSPORT_CIRCUIT || p == NULL) return false;
    *received = p->rx_given + c->outer->rx.len;
    *sent = c->outer->tx_taken - p->tx_from;
    return true;
}

void link_pipe_free(pu_link *l, conn *c)
{
    if (c->wire != NULL) let_go(l, c);
}
