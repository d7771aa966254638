/* sim/transport_model/circuit.c - connections carried in a stream (through a relay): packets, each
 * after its length.
 *
 * The carrier is reliable and ordered, so packets have no numbers and are not acknowledged. Credit
 * holds in both directions: the inner connection packs frames only while the carrier's buffer takes
 * a whole packet, and the carrier's peer gets room only for bytes that the inner connection has
 * taken. What comes is read when the inner connection itself is looked at: no carrier ever calls
 * into what it carries, however deep circuits are nested.
 */
#include "sim/transport_model/tm_impl.h"

/* ---- begin ---- */

static void adopt(tm *t, conn *c, stream *s, const pu_ef *ef)
{
    slots_del(&t->streams, s->handle);
    s->carrier = true;
    s->inner = c;
    s->rx_room =
        s->rx_next + CARRIER_WINDOW > s->rx_room ? s->rx_next + CARRIER_WINDOW : s->rx_room;
    c->circuit = true;
    c->outer = s;
    c->dialler = ef->what == PU_ROLE_CLIENT;
    c->greeting->token = ef->token;
    c->deadline = ef->deadline;
    c->greeting->peer.len = (uint8_t)ef->peer.len;
    if (ef->peer.len > 0) memcpy(c->greeting->peer.bytes, ef->peer.base, ef->peer.len);
    fifo_append(t, &c->rx, ef->body);
    tm_conn_ready(t, s->conn);
}

void circuit_upgrade(tm *t, const pu_ef *ef)
{
    PU_ASSERT(ef->peer.len <= PU_PEER_ID_MAX);
    PU_ASSERT(ef->what == PU_ROLE_CLIENT || ef->what == PU_ROLE_SERVER);
    stream *s = tm_stream_of(t, ef->stream);
    if (s == NULL || s->conn->handle != ef->conn || s->conn->closing) {
        handshake_fail(t, ef->token, PU_CODE_LOST);
        return;
    }
    bool is_whole = !s->fin_asked && !s->tx_stopped && !s->rx_done && !s->rx_stopped;
    conn *c =
        is_whole ? tm_conn_new(t, ef->what == PU_ROLE_CLIENT ? CONN_INIT : CONN_LISTEN) : NULL;
    if (c == NULL) {
        handshake_fail(t, ef->token, is_whole ? PU_CODE_RESOURCE : PU_CODE_LOST);
        tm_stream_abort(t, s, PU_CODE_RESOURCE);
        return;
    }
    adopt(t, c, s, ef);
    if (c->dialler) {
        c->client_nonce = (uint32_t)rng_u64(&t->nonces);
        c->greeting->began_at = t->now;
        handshake_send(t, c, PACKET_INIT);
    }
    tm_conn_ready(t, c);
}

/* ---- bytes ---- */

bool circuit_has_room(const conn *c)
{
    return fifo_len(c->outer->tx) + CIRCUIT_LENGTH_BYTES + PACKET_MAX <= TX_MAX;
}

void circuit_send(tm *t, conn *c, pu_span bytes)
{
    stream *s = c->outer;
    uint8_t head[CIRCUIT_LENGTH_BYTES];
    store_be16(head, (uint16_t)bytes.len);
    fifo_append(t, &s->tx, span_of(head, sizeof head));
    fifo_append(t, &s->tx, bytes);
    s->tx_taken += sizeof head + bytes.len;
    tm_conn_ready(t, s->conn);
}

void circuit_data(tm *t, stream *s, pu_span bytes)
{
    PU_ASSERT(s->carrier);
    if (s->inner == NULL) { /* it has ended: what still comes is thrown away until the peer's FIN */
        if (s->rx_told - s->rx_next < CARRIER_WINDOW / 2) s->rx_room = s->rx_next + CARRIER_WINDOW;
        return;
    }
    fifo_append(t, &s->inner->rx, bytes);
    tm_conn_ready(t, s->inner);
}

/* What the packet must be made with; see packet_write. */
static bool is_proven(const conn *c, const packet *p, pu_span bytes)
{
    if (p->kind == PACKET_INIT) return packet_is_proven(bytes, KEY_PUBLIC);
    if (p->to != c->handle) return false;
    bool is_answer = p->kind == PACKET_HELLO || c->state == CONN_INIT;
    return packet_is_proven(bytes, is_answer ? c->client_nonce : c->key);
}

enum reading { READ_WAITS = 1, READ_TAKEN, READ_ENDED };

/* Takes the next packet, when it is whole and c is ready for it. */
static enum reading read_one(tm *t, conn *c)
{
    pu_span rx = fifo_span(c->rx);
    if (c->state == CONN_ASK_SECURED || rx.len < CIRCUIT_LENGTH_BYTES) return READ_WAITS;
    size_t len = load_be16(rx.base);
    bool is_ours = len <= PACKET_MAX;
    if (is_ours && rx.len < CIRCUIT_LENGTH_BYTES + len) return READ_WAITS;

    uint8_t bytes[PACKET_MAX];
    packet p;
    if (is_ours) {
        memcpy(bytes, rx.base + CIRCUIT_LENGTH_BYTES, len);
        fifo_drop(t, &c->rx, (uint32_t)(CIRCUIT_LENGTH_BYTES + len));
        is_ours = packet_read(&p, span_of(bytes, len)) && is_proven(c, &p, span_of(bytes, len));
    }
    if (!is_ours) {
        tm_conn_close(t, c, PU_CODE_VIOLATION);
        return READ_ENDED;
    }
    pu_handle handle = c->handle;
    tm_conn_take(t, c, &p);
    return tm_conn_of(t, handle) != NULL ? READ_TAKEN : READ_ENDED;
}

bool circuit_read(tm *t, conn *c)
{
    enum reading reading;
    do {
        reading = read_one(t, c);
    } while (reading == READ_TAKEN);
    if (reading == READ_ENDED) return false;

    stream *s = c->outer;
    uint64_t room = s->rx_next - fifo_len(c->rx) + CARRIER_WINDOW;
    if (room >= s->rx_told + CARRIER_WINDOW / 2 && room > s->rx_room) {
        s->rx_room = room;
        tm_conn_ready(t, s->conn);
    }
    if (s->rx_done && c->state != CONN_ASK_SECURED) {
        tm_conn_end(t, c, PU_CODE_LOST);
        return false;
    }
    return true;
}

/* ---- end ---- */

void circuit_lost(tm *t, stream *s)
{
    PU_ASSERT(s->inner != NULL);
    tm_conn_end(t, s->inner, PU_CODE_LOST); /* releases s */
}

void circuit_release(tm *t, stream *s, bool bye)
{
    s->inner = NULL;
    if (!bye) {
        tm_stream_abort(t, s, PU_CODE_LOST);
        return;
    }
    s->fin_asked = true;
    tm_conn_ready(t, s->conn);
}
