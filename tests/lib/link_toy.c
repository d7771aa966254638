/* Carriers without cryptography, see link_toy.h. */
#include "tests/lib/link_toy.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

struct quic_endpoint {
    toy_log log;
    struct toy_conn *conns[TOY_CONNS_MAX]; /* over datagrams; by remote port */
};

typedef struct toy_stream {
    stream s;
    struct toy_stream *next; /* in the order they were made */
    uint32_t id;             /* 0: ours, not opened yet */
    chunks tx;               /* not sent */
    uint64_t sent;
    bool fin, fin_sent;
} toy_stream;

typedef struct toy_conn {
    conn c;
    toy_stream *streams;
    const struct wire_ops *wire; /* NULL: over datagrams, or gone */
    void *below;
    uint64_t rx_got, rx_room, tx_sent, tx_room;
    mem_bytes rx; /* a command that is not whole */
    uint32_t flood;
    bool is_proven, is_allowed, is_held, is_closing;
    bool has_more; /* commands wait in rx since before a verdict */
} toy_conn;

pu_peer_id toy_peer(uint32_t number)
{
    pu_peer_id id;
    uint8_t key[32] = {(uint8_t)number, (uint8_t)(number >> 8), 7};
    pu_peer_id_from_ed25519(&id, key);
    return id;
}

void toy_put(pu_buf *out, enum toy_op op, uint32_t id, uint32_t argument)
{
    uint8_t head[TOY_HEAD_BYTES] = {(uint8_t)op, (uint8_t)id, (uint8_t)(argument >> 8),
                                    (uint8_t)argument};
    buf_put(out, head, sizeof head);
}

void toy_put_data(pu_buf *out, uint32_t id, pu_span bytes)
{
    toy_put(out, TOY_DATA, id, (uint32_t)bytes.len);
    buf_put_span(out, bytes);
}

toy_log *toy_log_of(const pu_link *l)
{
    return &link_quic(l)->log;
}

__attribute__((format(printf, 3, 4))) static void say(pu_link *l, const conn *c, const char *format,
                                                      ...)
{
    toy_log *log = toy_log_of(l);
    va_list args;
    if (log->len + 100 > TOY_LOG_MAX) return;
    int n = snprintf(log->text + log->len, 40, "toy %u ", (unsigned)pu_handle_ordinal(c->handle));
    log->len += (size_t)n;
    va_start(args, format);
    n = vsnprintf(log->text + log->len, 60, format, args);
    va_end(args);
    log->len += (size_t)n;
    log->text[log->len++] = '\n';
    log->text[log->len] = 0;
}

/* ---- streams ---- */

static void toy_down(pu_link *l, toy_conn *t, uint32_t code, bool reset)
{
    if (t->wire != NULL) t->wire->close(l, t->below, reset);
    t->wire = NULL;
    link_conn_down(l, &t->c, code);
}

static toy_stream *toy_of(toy_conn *t, uint32_t id)
{
    for (toy_stream *s = t->streams; s != NULL; s = s->next)
        if (s->id == id && id != 0) return s;
    return NULL;
}

static toy_stream *waiting(toy_conn *t)
{
    for (toy_stream *s = t->streams; s != NULL; s = s->next)
        if (s->id == 0) return s;
    return NULL;
}

static void append(toy_conn *t, toy_stream *s)
{
    toy_stream **at = &t->streams;
    while (*at != NULL) at = &(*at)->next;
    *at = s;
}

static uint64_t room_of(const pu_link *l, const toy_stream *s)
{
    return s->sent + link_config(l)->link_send_bytes;
}

static void toy_open(pu_link *l, stream *s)
{
    say(l, s->conn, "open");
    append((toy_conn *)s->conn, (toy_stream *)s);
}

static void toy_send(pu_link *l, stream *head, pu_span bytes, bool fin)
{
    toy_stream *s = (toy_stream *)head;
    PU_ASSERT(!s->fin);
    s->fin = fin;
    say(l, head->conn, "send %u %u%s", s->id, (unsigned)bytes.len, fin ? " fin" : "");
    if (!chunks_append(&s->tx, link_alloc(l), bytes))
        toy_down(l, (toy_conn *)head->conn, PU_CODE_NO_MEMORY, true);
}

static void toy_consumed(pu_link *l, stream *head, uint64_t bytes)
{
    say(l, head->conn, "consumed %u %u", ((toy_stream *)head)->id, (unsigned)bytes);
}

static void toy_stop(pu_link *l, stream *head, uint32_t code)
{
    say(l, head->conn, "stop %u %x", ((toy_stream *)head)->id, code);
}

static void toy_reset(pu_link *l, stream *head, uint32_t code)
{
    say(l, head->conn, "reset %u %x", ((toy_stream *)head)->id, code);
}

static void toy_free_stream(pu_link *l, stream *head)
{
    toy_stream *s = (toy_stream *)head;
    toy_conn *t = (toy_conn *)head->conn;
    chunks_free(&s->tx, link_alloc(l));
    for (toy_stream **at = &t->streams; *at != NULL; at = &(*at)->next) {
        if (*at != s) continue;
        *at = s->next;
        return;
    }
    PU_NEVER_HERE();
}

/* ---- connections ---- */

static bool is_alive(const toy_conn *t)
{
    return t->c.state != CONN_ENDED;
}

static void toy_verdict(pu_link *l, conn *c, uint32_t code)
{
    toy_conn *t = (toy_conn *)c;
    say(l, c, "verdict %x", code);
    if (code != 0) toy_down(l, t, code, true);
    else t->is_allowed = t->is_proven;
    t->has_more = t->rx.len > 0;
}

static bool is_flushed(const toy_conn *t)
{
    for (const toy_stream *s = t->streams; s != NULL; s = s->next)
        if (s->tx.len > 0 || s->fin != s->fin_sent) return false;
    return true;
}

static void toy_close(pu_link *l, conn *c)
{
    toy_conn *t = (toy_conn *)c;
    say(l, c, "close %x", c->close_code);
    t->is_closing = true;
    if (c->deadline <= link_now(l)) toy_down(l, t, c->close_code, true);
}

static pu_time toy_deadline(const pu_link *l, const conn *c)
{
    const toy_conn *t = (const toy_conn *)c;
    if (t->has_more) return link_now(l);
    if (t->is_held) return PU_NEVER;
    if (t->flood > 0 || (t->is_closing && is_flushed(t))) return link_now(l);
    for (const toy_stream *s = t->streams; s != NULL; s = s->next) {
        bool has_room = t->wire == NULL || t->tx_room > t->tx_sent;
        bool is_due = s->tx.len > 0 ? has_room : s->fin != s->fin_sent;
        if (s->id != 0 && is_due) return link_now(l);
    }
    return PU_NEVER;
}

/* Writes up to len bytes of s. False: no room. */
static bool write(pu_link *l, toy_conn *t, toy_stream *s, size_t len)
{
    pu_span first = chunks_first(&s->tx);
    if (len > first.len) len = first.len;
    if (t->wire != NULL) {
        if (len > t->tx_room - t->tx_sent) len = (size_t)(t->tx_room - t->tx_sent);
        if (len == 0) return false;
        t->tx_sent += len;
        t->wire->send(l, t->below, span_head(first, len));
    } else {
        uint8_t *space = link_udp_space(l, 1200);
        if (space == NULL) return false;
        if (len > 1199) len = 1199;
        space[0] = (uint8_t)s->id;
        memcpy(space + 1, first.base, len);
        udp_path path = {PU_SOCKET_MAIN, t->c.local, t->c.remote};
        link_udp_commit(l, &path, 1 + len, 0, 0);
    }
    if (!is_alive(t)) return false;
    chunks_drop(&s->tx, link_alloc(l), len);
    s->sent += len;
    return true;
}

static void flush(pu_link *l, toy_conn *t)
{
    for (toy_stream *s = t->streams; s != NULL && is_alive(t); s = s->next) {
        if (s->id == 0) continue;
        while (s->tx.len > 0 && write(l, t, s, s->tx.len)) continue;
        if (!is_alive(t)) return;
        if (s->fin && s->tx.len == 0 && !s->fin_sent) {
            s->fin_sent = true;
            say(l, &t->c, "fin %u", s->id);
        }
        link_stream_room(l, &s->s, room_of(l, s));
    }
    for (; t->flood > 0; t->flood--) {
        uint8_t *space = link_udp_space(l, 1200);
        if (space == NULL) return;
        memset(space, 0xf1, 1200);
        udp_path path = {PU_SOCKET_MAIN, t->c.local, t->c.remote};
        link_udp_commit(l, &path, 1200, 0, 0);
    }
}

static void toy_tick(pu_link *l, conn *c);

static void toy_free_conn(pu_link *l, conn *c)
{
    toy_conn *t = (toy_conn *)c;
    PU_ASSERT(t->streams == NULL);
    mem_bytes_free(link_alloc(l), &t->rx);
    for (int i = 0; i < TOY_CONNS_MAX; i++)
        if (link_quic(l)->conns[i] == t) link_quic(l)->conns[i] = NULL;
}

static void toy_set(pu_link *l, conn *c, const pu_ef *ef)
{
    say(l, c, "set %x", ef->flags);
}

static const struct carrier_ops toy_ops = {
    sizeof(toy_conn), sizeof(toy_stream), toy_verdict, toy_open,     toy_send, toy_consumed,
    toy_stop,         toy_reset,          toy_close,   toy_deadline, toy_tick, toy_set,
    toy_free_conn,    toy_free_stream};

/* ---- commands ---- */

static void prove(pu_link *l, toy_conn *t, uint32_t number)
{
    bool may = t->c.state == CONN_DIALLING || (t->c.state == CONN_HANDSHAKE && !t->is_proven);
    if (!may || t->is_proven) return;
    t->c.peer = toy_peer(number);
    t->is_proven = true;
    if (!link_conn_secured(l, &t->c)) toy_down(l, t, PU_CODE_WRONG_PEER, true);
    else if (!t->c.is_outside) t->is_allowed = true;
}

static void up(pu_link *l, toy_conn *t)
{
    bool may = t->c.state == CONN_DIALLING || t->c.state == CONN_HANDSHAKE;
    if (!may || !t->is_allowed) return;
    memset(t->c.channel_id, 0xc1, sizeof t->c.channel_id);
    link_conn_up(l, &t->c);
}

static void peer_opens(pu_link *l, toy_conn *t, uint32_t id)
{
    if (id == 0 || toy_of(t, id) != NULL) return;
    toy_stream *s = (toy_stream *)link_stream_new(l, &t->c, link_config(l)->link_send_bytes);
    if (s == NULL) {
        say(l, &t->c, "refused %u", id);
        return;
    }
    s->id = id;
    append(t, s);
}

static void opened(pu_link *l, toy_conn *t, uint32_t id)
{
    toy_stream *s = waiting(t);
    if (s == NULL || id == 0 || toy_of(t, id) != NULL) return;
    s->id = id;
    link_stream_up(l, &s->s, room_of(l, s));
}

static void stream_command(pu_link *l, toy_conn *t, toy_stream *s, uint8_t op, uint32_t argument,
                           pu_span bytes)
{
    bool may_read = !s->s.rx_fin;
    switch (op) {
    case TOY_DATA:
        if (may_read) link_stream_data(l, &s->s, bytes, false, false);
        break;
    case TOY_FIN:
        if (may_read) link_stream_data(l, &s->s, span_of(NULL, 0), true, false);
        break;
    case TOY_STOP: link_stream_stop(l, &s->s, argument); break;
    case TOY_RESET: link_stream_down(l, &s->s, PU_DOWN_RESET, argument); break;
    case TOY_FINISH:
        if (s->fin_sent && (s->s.rx_fin || s->s.rx_stopped) && s->tx.len == 0)
            link_stream_down(l, &s->s, PU_DOWN_FINISHED, 0);
        break;
    default: say(l, &t->c, "what %u", op); break;
    }
}

static void command(pu_link *l, toy_conn *t, const uint8_t *head, pu_span bytes)
{
    uint32_t id = head[1], argument = load_be16(head + 2);
    toy_stream *s;
    switch (head[0]) {
    case TOY_PROVE: prove(l, t, id); break;
    case TOY_UP: up(l, t); break;
    case TOY_CONFIRM:
        if (t->c.state == CONN_READY) link_conn_confirmed(l, &t->c);
        break;
    case TOY_PATH:
        t->c.rtt_ns = argument * PU_MS;
        link_conn_path(l, &t->c, id == 1);
        break;
    case TOY_OPEN: peer_opens(l, t, id); break;
    case TOY_OPENED: opened(l, t, id); break;
    case TOY_REFUSED:
        s = waiting(t);
        if (s != NULL) link_stream_down(l, &s->s, PU_DOWN_RESET, argument);
        break;
    case TOY_HOLD: t->is_held = argument == 1; break;
    case TOY_FLOOD:
        if (t->wire == NULL && t->flood < 10000) t->flood += id * argument % 10000;
        break;
    case TOY_END: toy_down(l, t, argument, true); break;
    default:
        s = toy_of(t, id);
        if (s != NULL) stream_command(l, t, s, head[0], argument, bytes);
        break;
    }
}

/* Takes whole commands off bytes. */
static pu_span commands(pu_link *l, toy_conn *t, pu_span bytes)
{
    while (is_alive(t) && bytes.len >= TOY_HEAD_BYTES) {
        const uint8_t *head = bytes.base;
        size_t len = head[0] == TOY_DATA ? load_be16(head + 2) : 0;
        if (bytes.len < TOY_HEAD_BYTES + len) break;
        if (t->c.state == CONN_ASKED_ACCEPT || t->c.state == CONN_ASKED_SECURED) break;
        command(l, t, head, span_of(head + TOY_HEAD_BYTES, len));
        bytes = span_skip(bytes, TOY_HEAD_BYTES + len);
    }
    return bytes;
}

/* ---- over bytes ---- */

/* Takes the whole commands off what waits. */
static void take_waiting(pu_link *l, toy_conn *t)
{
    t->has_more = false;
    pu_span rest = commands(l, t, span_of(t->rx.base, t->rx.len));
    if (is_alive(t)) mem_bytes_drop(link_alloc(l), &t->rx, t->rx.len - (uint32_t)rest.len);
}

static void toy_tick(pu_link *l, conn *c)
{
    toy_conn *t = (toy_conn *)c;
    if (t->has_more) take_waiting(l, t);
    if (is_alive(t) && !t->is_held) flush(l, t);
    if (!is_alive(t) || !t->is_closing) return;
    if (is_flushed(t)) toy_down(l, t, c->close_code, false);
    else if (c->deadline <= link_now(l)) toy_down(l, t, c->close_code, true);
}

static void toy_mux_start(pu_link *l, conn *c, const struct wire_ops *ops, void *wire,
                          uint64_t rx_room, uint64_t tx_room)
{
    toy_conn *t = (toy_conn *)c;
    say(l, c, "start%s", c->is_dialler ? " dialler" : "");
    t->wire = ops;
    t->below = wire;
    t->rx_room = rx_room;
    t->tx_room = tx_room;
}

static void toy_mux_data(pu_link *l, conn *c, pu_span bytes, bool fin)
{
    toy_conn *t = (toy_conn *)c;
    const pu_alloc *alloc = link_alloc(l);
    t->rx_got += bytes.len;
    PU_ASSERT(t->rx_got <= t->rx_room);
    if (!mem_bytes_append(alloc, &t->rx, bytes, 1 << 20)) {
        toy_down(l, t, PU_CODE_NO_MEMORY, true);
        return;
    }
    take_waiting(l, t);
    if (!is_alive(t)) return;
    if (fin) {
        toy_down(l, t, PU_CODE_LOST, false);
    } else if (t->rx_room - t->rx_got < 32768) {
        t->rx_room = t->rx_got + 65536;
        t->wire->room(l, t->below, t->rx_room);
    }
}

static void toy_mux_room(pu_link *l, conn *c, uint64_t offset)
{
    (void)l;
    ((toy_conn *)c)->tx_room = offset;
}

static void toy_mux_lost(pu_link *l, conn *c, uint32_t code)
{
    say(l, c, "lost %x", code);
    ((toy_conn *)c)->wire = NULL;
    link_conn_down(l, c, code);
}

/* ---- over datagrams ---- */

static int toy_quic_new(quic_endpoint **q, pu_link *l)
{
    *q = mem_new(link_alloc(l), sizeof **q);
    return *q != NULL ? PU_OK : PU_ENOMEM;
}

static void toy_quic_free(pu_link *l, quic_endpoint *q)
{
    mem_free(link_alloc(l), q, sizeof *q);
}

static bool keep(quic_endpoint *q, toy_conn *t)
{
    for (int i = 0; i < TOY_CONNS_MAX; i++) {
        if (q->conns[i] != NULL) continue;
        q->conns[i] = t;
        return true;
    }
    return false;
}

static void toy_quic_dial(pu_link *l, conn *c, uint32_t socket)
{
    say(l, c, "dial socket=%u", socket);
    if (!keep(link_quic(l), (toy_conn *)c)) link_conn_down(l, c, PU_CODE_RESOURCE);
}

static toy_conn *conn_from(quic_endpoint *q, const pu_endpoint *remote)
{
    for (int i = 0; i < TOY_CONNS_MAX; i++)
        if (q->conns[i] != NULL && q->conns[i]->c.remote.port == remote->port) return q->conns[i];
    return NULL;
}

static bool toy_quic_datagram(pu_link *l, const udp_path *path, uint32_t ecn, pu_span bytes)
{
    (void)ecn;
    quic_endpoint *q = link_quic(l);
    toy_conn *t = conn_from(q, &path->remote);
    if (t == NULL) {
        if (bytes.len == 0 || bytes.base[0] != TOY_CALL) return false;
        t = (toy_conn *)link_conn_new(l, &toy_ops, PU_TRANSPORT_QUIC, &path->local, &path->remote);
        if (t == NULL) return true;
        if (!keep(q, t)) link_conn_down(l, &t->c, PU_CODE_RESOURCE);
        else link_conn_ask_accept(l, &t->c);
        return true;
    }
    PU_ASSERT(is_alive(t)); /* those that are down were forgotten before */
    link_conn_touch(l, &t->c);
    (void)commands(l, t, bytes);
    return true;
}

static void toy_quic_rebound(pu_link *l, uint32_t socket)
{
    toy_log *log = toy_log_of(l);
    log->len += (size_t)snprintf(log->text + log->len, 40, "toy rebound %u\n", socket);
}

const struct link_transports toy_transports = {
    &toy_ops,     toy_mux_start, toy_mux_data,  toy_mux_room,      toy_mux_lost,    &toy_ops,
    toy_quic_new, toy_quic_free, toy_quic_dial, toy_quic_datagram, toy_quic_rebound};
