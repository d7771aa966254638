/* link/stream_effects.c - what the node does with streams. Effects that name what is gone have
 * crossed its last word and are ignored. */
#include "link/link_impl.h"

stream *link_stream_of(const pu_link *l, const pu_ef *ef)
{
    stream *s = link_slots_get(&l->streams, ef->stream);
    if (s == NULL || s->conn->handle != ef->conn || s->conn->state != CONN_READY) return NULL;
    return s;
}

static void open_fail(pu_link *l, const pu_ef *ef, enum pu_down what, uint32_t code)
{
    pu_in *in = link_out_input(l->out, PU_IN_STREAM_DOWN, l->now);
    in->conn = ef->conn;
    in->token = ef->token;
    in->what = what;
    in->code = code;
}

void link_stream_open(pu_link *l, const pu_ef *ef)
{
    conn *c = link_conn_of(l, ef->conn);
    if (c == NULL || c->state != CONN_READY) {
        open_fail(l, ef, PU_DOWN_LOST, PU_CODE_LOST);
        return;
    }
    stream *s = link_stream_make(l, c);
    if (s == NULL) {
        open_fail(l, ef, PU_DOWN_RESET, PU_CODE_RESOURCE);
        return;
    }
    s->is_ours = true;
    s->token = ef->token;
    link_conn_touch(l, c);
    c->ops->open(l, s);
}

/* Bytes for a peer that reads no more go nowhere, and make room at once. */
static void send_nowhere(pu_link *l, stream *s, bool fin)
{
    uint64_t room = s->tx_taken + l->config->link_send_bytes;
    if (room > s->tx_room) s->tx_room = room;
    if (fin) s->conn->ops->send(l, s, span_of(NULL, 0), true);
    else link_stream_tell(l, s);
}

static void stream_send(pu_link *l, stream *s, const pu_ef *ef)
{
    bool fin = (ef->flags & PU_FIN) != 0;
    PU_ASSERT(!s->tx_fin);
    PU_ASSERT(ef->body.len <= s->tx_told - s->tx_taken);
    s->tx_taken += ef->body.len;
    s->tx_fin = fin;
    if (s->is_down || s->reset_code != 0) return;
    link_conn_touch(l, s->conn);
    if (s->tx_stopped) send_nowhere(l, s, fin);
    else s->conn->ops->send(l, s, ef->body, fin);
}

static void stream_room(pu_link *l, stream *s, uint64_t offset)
{
    if (offset <= s->rx_room) return;
    s->rx_room = offset;
    s->told_turn = l->turn - 1; /* it has heard all, no message of hop or stop: it reads on */
    link_conn_touch(l, s->conn);
    link_stream_tell(l, s);
}

static void stream_stop(pu_link *l, stream *s, uint32_t code)
{
    if (s->rx_stopped || s->rx_fin_told) return;
    conn *c = s->conn;
    uint64_t dropped = s->rx.len;
    s->rx_stopped = true;
    link_stream_drop(l, s, dropped);
    if (s->is_down) {
        link_stream_tell(l, s); /* it only waited to be read */
        return;
    }
    link_conn_touch(l, c);
    if (dropped > 0) c->ops->consumed(l, s, dropped);
    if (c->state != CONN_ENDED && !s->rx_fin) c->ops->stop(l, s, code);
}

static void stream_reset(pu_link *l, stream *s, uint32_t code)
{
    if (!s->is_down) {
        conn *c = s->conn;
        link_conn_touch(l, c);
        c->ops->reset(l, s, code);
        if (c->state == CONN_ENDED) return; /* LOST is its last word */
        c->ops->free_stream(l, s);
    }
    link_stream_last_word(l, s, PU_DOWN_RESET, code);
}

void link_stream_effect(pu_link *l, const pu_ef *ef)
{
    stream *s = link_stream_of(l, ef);
    if (s == NULL) return;
    if (ef->kind == PU_EF_STREAM_SEND) stream_send(l, s, ef);
    else if (ef->kind == PU_EF_STREAM_ROOM) stream_room(l, s, ef->offset);
    else if (ef->kind == PU_EF_STREAM_STOP) stream_stop(l, s, ef->code);
    else stream_reset(l, s, ef->code);
}
