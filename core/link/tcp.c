/* link/tcp.c - a TCP connection as a wire below mux: TCP_DIAL, TCP_UP, DATA, ROOM, DOWN, and the
 * way out.
 *
 * Until it is connected, and allowed by the node when it came from outside, a connection has the
 * operations below (`early`); then it is mux's. Both sides may dial at once from ports that listen:
 * the kernel makes one connection of it and each side is told its own dial's answer, so the roles
 * above are those of the dials.
 */
#include "link/link_impl.h"

/* In conn.wire while the wire is there. */
typedef struct tcp_wire {
    uint64_t tcp;   /* the host's name; 0: not connected yet */
    pu_token token; /* of the TCP_DIAL under way; 0: none */
    uint32_t lost;  /* code: memory was short; the wire is to be reset */
    uint64_t tx_sent, tx_room, rx_got, rx_room;
} tcp_wire;

static uint32_t slot_of(const conn *c)
{
    return pu_handle_slot(c->handle);
}

/* ---- the wire ---- */

/* Forgets the wire; the host does too. */
static void let_go(pu_link *l, conn *c)
{
    tcp_wire *w = c->wire;
    if (w->tcp != 0) imap_del(&l->tcp_names, w->tcp);
    if (w->token != 0) imap_del(&l->tcp_dials, w->token);
    mem_free(&l->alloc, w, sizeof *w);
    c->wire = NULL;
}

static void close_effect(pu_link *l, uint64_t tcp, bool reset)
{
    pu_link_ef *e = link_out_add(l->out, PU_LINK_EF_TCP_CLOSE);
    e->tcp = tcp;
    e->flags = reset ? PU_LINK_RESET : 0;
}

/* Appends to the TCP_SEND that was emitted last when it is the same connection's and its bytes end
 * where these begin. */
static bool extends_last(pu_link *l, uint64_t tcp, pu_span bytes)
{
    pu_link_ef *last = link_out_last(l->out);
    if (last == NULL || last->kind != PU_LINK_EF_TCP_SEND || last->tcp != tcp) return false;
    bool is_next = last->body.base + last->body.len == bytes.base;
    if (!is_next || last->body.len + bytes.len > PU_LINK_TCP_DATA_MAX) return false;
    last->body.len += bytes.len;
    return true;
}

static void wire_send(pu_link *l, void *wire, pu_span bytes)
{
    conn *c = wire;
    tcp_wire *w = c->wire;
    PU_ASSERT(bytes.len <= w->tx_room - w->tx_sent);
    w->tx_sent += bytes.len;
    while (bytes.len > 0 && w->lost == 0) {
        pu_span part =
            span_head(bytes, bytes.len < PU_LINK_TCP_DATA_MAX ? bytes.len : PU_LINK_TCP_DATA_MAX);
        bytes = span_skip(bytes, part.len);
        if (!link_out_keep(l->out, part, &part)) {
            w->lost = PU_CODE_NO_MEMORY; /* a gap: nothing that follows makes sense */
            link_conn_touch(l, c);
        } else if (!extends_last(l, w->tcp, part)) {
            pu_link_ef *e = link_out_add(l->out, PU_LINK_EF_TCP_SEND);
            e->tcp = w->tcp;
            e->body = part;
        }
    }
}

static void wire_room(pu_link *l, void *wire, uint64_t offset)
{
    conn *c = wire;
    tcp_wire *w = c->wire;
    if (offset <= w->rx_room) return;
    w->rx_room = offset;
    pu_link_ef *e = link_out_add(l->out, PU_LINK_EF_TCP_ROOM);
    e->tcp = w->tcp;
    e->offset = offset;
}

static void wire_close(pu_link *l, void *wire, bool reset)
{
    conn *c = wire;
    tcp_wire *w = c->wire;
    close_effect(l, w->tcp, reset || w->lost != 0);
    let_go(l, c);
}

static const struct wire_ops tcp_wire_ops = {wire_send, wire_room, wire_close};

/* ---- before it is mux's ---- */

static void become_mux(pu_link *l, conn *c)
{
    tcp_wire *w = c->wire;
    c->ops = l->transports->mux;
    link_conn_touch(l, c);
    l->transports->mux_start(l, c, &tcp_wire_ops, c, w->rx_room, w->tx_room);
}

static void early_end(pu_link *l, conn *c, uint32_t code)
{
    tcp_wire *w = c->wire;
    if (w->tcp != 0) close_effect(l, w->tcp, true);
    let_go(l, c);
    link_conn_down(l, c, code);
}

static void early_verdict(pu_link *l, conn *c, uint32_t code)
{
    if (code == PU_CODE_OK) become_mux(l, c);
    else early_end(l, c, code);
}

static void early_close(pu_link *l, conn *c)
{
    early_end(l, c, c->close_code);
}

static pu_time early_deadline(const pu_link *l, const conn *c)
{
    (void)l;
    (void)c;
    return PU_NEVER;
}

static void early_free(pu_link *l, conn *c)
{
    (void)l;
    (void)c;
}

static const struct carrier_ops early_ops = {.conn_bytes = sizeof(conn),
                                             .stream_bytes = sizeof(stream),
                                             .verdict = early_verdict,
                                             .close = early_close,
                                             .deadline = early_deadline,
                                             .free_conn = early_free};

/* ---- dials ---- */

static bool add_wire(pu_link *l, conn *c)
{
    tcp_wire *w = mem_new(&l->alloc, sizeof *w);
    if (w == NULL) return false;
    w->rx_room = w->tx_room = PU_LINK_TCP_FIRST_ROOM;
    c->wire = w;
    return true;
}

/* A connection with its wire; is_dial: ours. NULL: limits or memory. */
static conn *make(pu_link *l, bool is_dial, const pu_endpoint *local, const pu_endpoint *remote)
{
    struct carrier_ops ops = early_ops;
    ops.conn_bytes = l->transports->mux->conn_bytes; /* the block is mux's later */
    conn *c = is_dial ? link_conn_make(l, &early_ops, ops.conn_bytes, PU_TRANSPORT_TCP)
                      : link_conn_new(l, &ops, PU_TRANSPORT_TCP, local, remote);
    if (c == NULL) return NULL;
    c->ops = &early_ops;
    if (add_wire(l, c)) return c;
    link_conn_down(l, c, PU_CODE_RESOURCE); /* without a token or a handle: nobody hears of it */
    return NULL;
}

conn *link_tcp_conn_new(pu_link *l)
{
    return make(l, true, NULL, NULL);
}

void link_tcp_dial(pu_link *l, conn *c, bool from_listening)
{
    tcp_wire *w = c->wire;
    l->last_token++;
    if (l->last_token == 0) l->last_token = 1;
    if (!imap_put(&l->tcp_dials, l->last_token, slot_of(c))) {
        early_end(l, c, PU_CODE_RESOURCE);
        return;
    }
    w->token = l->last_token;
    pu_link_ef *e = link_out_add(l->out, PU_LINK_EF_TCP_DIAL);
    e->token = w->token;
    e->remote = c->remote;
    e->deadline = c->deadline;
    if (from_listening) e->local = l->tcp_local;
}

/* ---- inputs ---- */

static conn *conn_of_tcp(const pu_link *l, uint64_t tcp)
{
    uint32_t slot;
    if (tcp == 0 || !imap_get(&l->tcp_names, tcp, &slot)) return NULL;
    return link_slots_at(&l->conns, slot);
}

static conn *conn_of_dial(const pu_link *l, pu_token token)
{
    uint32_t slot;
    if (token == 0 || !imap_get(&l->tcp_dials, token, &slot)) return NULL;
    return link_slots_at(&l->conns, slot);
}

static void accepted(pu_link *l, const pu_link_in *in)
{
    conn *c = make(l, false, &in->local, &in->remote);
    if (c != NULL && !imap_put(&l->tcp_names, in->tcp, slot_of(c))) {
        let_go(l, c);
        link_conn_down(l, c, PU_CODE_RESOURCE);
        c = NULL;
    }
    if (c == NULL) {
        close_effect(l, in->tcp, true);
        return;
    }
    ((tcp_wire *)c->wire)->tcp = in->tcp;
    link_conn_ask_accept(l, c);
}

static void connected(pu_link *l, conn *c, const pu_link_in *in)
{
    tcp_wire *w = c->wire;
    imap_del(&l->tcp_dials, w->token);
    w->token = 0;
    if (!imap_put(&l->tcp_names, in->tcp, slot_of(c))) {
        close_effect(l, in->tcp, true);
        early_end(l, c, PU_CODE_RESOURCE);
        return;
    }
    w->tcp = in->tcp;
    c->local = in->local;
    c->remote = in->remote;
    become_mux(l, c);
}

int link_tcp_up(pu_link *l, const pu_link_in *in)
{
    if (in->tcp == 0) return PU_ERANGE;
    if (conn_of_tcp(l, in->tcp) != NULL) return PU_EHANDLE;
    conn *c = conn_of_dial(l, in->token);
    if (in->token == 0) accepted(l, in);
    else if (c != NULL) connected(l, c, in);
    else close_effect(l, in->tcp, true); /* the dial was given up meanwhile */
    return PU_OK;
}

int link_tcp_data(pu_link *l, const pu_link_in *in)
{
    conn *c = conn_of_tcp(l, in->tcp);
    if (c == NULL) return PU_EHANDLE;
    tcp_wire *w = c->wire;
    if (in->body.len > PU_LINK_TCP_DATA_MAX || in->body.len > w->rx_room - w->rx_got)
        return PU_ERANGE;
    if (c->ops == &early_ops) return PU_ERANGE; /* the node was asked and has not answered */
    w->rx_got += in->body.len;
    link_conn_touch(l, c);
    l->transports->mux_data(l, c, in->body, (in->flags & PU_LINK_FIN) != 0);
    return PU_OK;
}

int link_tcp_room(pu_link *l, const pu_link_in *in)
{
    conn *c = conn_of_tcp(l, in->tcp);
    if (c == NULL) return PU_EHANDLE;
    tcp_wire *w = c->wire;
    if (in->offset <= w->tx_room) return PU_OK;
    w->tx_room = in->offset;
    if (c->ops == &early_ops) return PU_OK;
    link_conn_touch(l, c);
    l->transports->mux_room(l, c, in->offset);
    return PU_OK;
}

int link_tcp_down(pu_link *l, const pu_link_in *in)
{
    conn *c = in->tcp != 0 ? conn_of_tcp(l, in->tcp) : conn_of_dial(l, in->token);
    uint32_t code = in->code != PU_CODE_OK ? in->code : PU_CODE_LOST;
    if (c == NULL) return in->tcp != 0 ? PU_EHANDLE : PU_OK; /* a dial may have been given up */
    bool is_early = c->ops == &early_ops;
    let_go(l, c);
    if (is_early) link_conn_down(l, c, code);
    else l->transports->mux_lost(l, c, code);
    PU_ASSERT(c->state == CONN_ENDED);
    return PU_OK;
}

/* ---- what cannot go on ---- */

bool link_tcp_is_due(const conn *c)
{
    const tcp_wire *w = c->wire;
    return w->lost != 0;
}

void link_tcp_tick(pu_link *l, conn *c)
{
    tcp_wire *w = c->wire;
    if (w->lost == 0) return;
    uint32_t code = w->lost;
    close_effect(l, w->tcp, true);
    let_go(l, c);
    l->transports->mux_lost(l, c, code);
    PU_ASSERT(c->state == CONN_ENDED);
}

void link_tcp_free(pu_link *l, conn *c)
{
    if (c->wire != NULL) let_go(l, c);
}
