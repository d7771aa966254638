/* quic/send.c - building datagrams: in bursts of equal ones where the kernel can cut them (GSO),
 * streams in turn, as much at a time as congestion control lets. */
#include "quic/quic_impl.h"

enum { PIECES_MAX = 16 };

/* Datagrams of one path, of one size but for the last. */
typedef struct burst {
    uint8_t *base; /* NULL: no space is open */
    size_t len;
    size_t segment; /* bytes of each; 0: none yet */
    uint32_t count;
    uint32_t ecn;
    udp_path path;
} burst;

/* What one call of ngtcp2 has built. */
typedef struct packet {
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_ssize len; /* 0: nothing to send now; negative: an error */
} packet;

/* So many bytes of s, and perhaps its end, are in the packet. */
static void account(quic_conn *c, quic_stream *s, size_t count, bool has_fin)
{
    backlog *out = &s->flight->out;
    quic_backlog_sent(out, count);
    if (has_fin && out->sent == out->end) s->is_fin_sent = true;
    quic_queue_del(c, s);
    quic_streams_ready(c, s); /* behind the others */
}

/* One step of a packet: a stream's bytes into it. Returns what ngtcp2 says. */
static ngtcp2_ssize write_stream(quic_conn *c, quic_stream *s, packet *p, uint8_t *out, size_t len)
{
    ngtcp2_vec pieces[PIECES_MAX];
    ngtcp2_ssize taken = -1;
    const backlog *b = &s->flight->out;
    if (s->flight->id < 0 && !quic_streams_name(c, s)) return NGTCP2_ERR_NOMEM;
    size_t count = quic_backlog_next(b, pieces, PIECES_MAX, len), total = 0;
    for (size_t i = 0; i < count; i++) total += pieces[i].len;
    bool has_fin = s->head.tx_fin && total == b->end - b->sent;
    uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
    if (has_fin) flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
    ngtcp2_ssize result =
        ngtcp2_conn_writev_stream(c->qc, &p->path.path, &p->info, out, len, &taken, flags,
                                  s->flight->id, pieces, count, link_now(c->link));
    if (taken >= 0) account(c, s, (size_t)taken, has_fin);
    return c->is_short ? NGTCP2_ERR_NOMEM : result;
}

/* Whether congestion control would let bytes go now. */
static bool may_send(const quic_conn *c)
{
    return ngtcp2_conn_get_cwnd_left(c->qc) > 0 && c->paced_at <= link_now(c->link);
}

/* One packet of at most len bytes: as many streams as fit. */
static void write_packet(quic_conn *c, packet *p, uint8_t *out, size_t len)
{
    ngtcp2_path_storage_zero(&p->path);
    for (;;) {
        quic_stream *s = c->sending.first;
        if (s == NULL || (s->flight->id < 0 && !may_send(c))) break;
        ngtcp2_ssize result = write_stream(c, s, p, out, len);
        if (result == NGTCP2_ERR_WRITE_MORE) continue;
        if (result == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
            quic_queue_del(c, s); /* until the peer gives credit */
        } else if (result == NGTCP2_ERR_STREAM_SHUT_WR || result == NGTCP2_ERR_STREAM_NOT_FOUND) {
            quic_streams_stopped(c, s);
        } else {
            p->len = result;
            return;
        }
    }
    p->len =
        ngtcp2_conn_writev_stream(c->qc, &p->path.path, &p->info, out, len, NULL,
                                  NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL, 0, link_now(c->link));
    if (c->is_short) p->len = NGTCP2_ERR_NOMEM;
}

static bool burst_open(quic_conn *c, burst *b)
{
    b->base = link_udp_space(c->link, QUIC_BURST_BYTES);
    b->len = b->segment = 0;
    b->count = 0;
    return b->base != NULL;
}

static void burst_close(quic_conn *c, burst *b)
{
    if (b->base == NULL) return;
    link_udp_commit(c->link, &b->path, b->len, b->count > 1 ? (uint32_t)b->segment : 0, b->ecn);
    b->base = NULL;
}

/* How long the next datagram may be. */
static size_t burst_room(const burst *b)
{
    return b->segment > 0 ? b->segment : QUIC_DATAGRAM_MAX;
}

static bool is_same_way(const burst *b, const udp_path *path, uint32_t ecn)
{
    return b->ecn == ecn && b->path.socket == path->socket &&
           pu_endpoint_equal(&b->path.remote, &path->remote);
}

/* Takes the packet that was written behind the burst into it, or into a new one. False: the list is
 * full; the packet is lost, as on the way. */
static bool burst_take(quic_conn *c, burst *b, const packet *p)
{
    udp_path path;
    size_t len = (size_t)p->len;
    quic_path_read(&path, c, &p->path.path);
    if (b->count > 0 && !is_same_way(b, &path, p->info.ecn)) {
        uint8_t copy[QUIC_DATAGRAM_MAX];
        memcpy(copy, b->base + b->len, len);
        burst_close(c, b);
        if (!burst_open(c, b)) return false;
        memcpy(b->base, copy, len);
    }
    if (b->count == 0) {
        b->segment = len;
        b->path = path;
        b->ecn = p->info.ecn;
    }
    b->len += len;
    b->count++;
    return true;
}

/* Whether another datagram may follow in this burst: all before the last are of one size, and one
 * that is short is short because nothing was left. */
static bool burst_goes_on(const burst *b, size_t last_len)
{
    return last_len == b->segment && last_len >= QUIC_INITIAL_LEAST &&
           b->count < PU_LINK_SEGMENTS_MAX && b->len + b->segment <= QUIC_BURST_BYTES;
}

/* Bytes that the peer has to acknowledge and has not. */
static uint64_t in_flight(const quic_conn *c)
{
    ngtcp2_conn_stat stat;
    ngtcp2_conn_get_conn_stat(c->qc, &stat);
    return stat.bytes_in_flight;
}

/* How long so many bytes take at the rate of a congestion window and a quarter a round trip. */
static uint64_t pause_of(uint64_t cwnd, uint64_t rtt_ns, uint64_t bytes)
{
    return bytes * rtt_ns * 4 / (cwnd * 5);
}

/* The same, of what ngtcp2 was not told yet, at the rate that it has at this moment. */
static uint64_t uncounted_pause(const quic_conn *c)
{
    ngtcp2_conn_stat stat;
    ngtcp2_conn_get_conn_stat(c->qc, &stat);
    return pause_of(stat.cwnd > 0 ? stat.cwnd : 1, stat.smoothed_rtt, c->uncounted);
}

/* ngtcp2 waits after every datagram for as long as it takes at that rate, which delays the second
 * message of a quiet connection, and half of a handshake. So a connection that was quiet may send
 * QUIC_UNPACED_BYTES at once: the time it is told is earlier by so much, and it waits no longer
 * than until paced_at. Bytes that it is not told of are in the next count, and no more of them than
 * that: it reckons all of them by the rate that it has then, which may be a small part of what it
 * was.
 *
 * paced: of the bytes sent, those that have to be acknowledged. What only acknowledges goes out
 * whenever there is something to acknowledge: if it counted, who gets much and says little would
 * owe ever more time, and wait for all of it with its next word. */
static void pace(quic_conn *c, uint64_t sent, uint64_t paced)
{
    if (sent == 0) return;
    pu_time now = link_now(c->link);
    uint64_t ahead_ns = pause_of(c->cwnd, c->pace_rtt_ns, QUIC_UNPACED_BYTES);
    pu_time least = now > ahead_ns ? now - ahead_ns : 0;
    c->uncounted += sent;
    c->paced_at =
        (c->paced_at > least ? c->paced_at : least) + pause_of(c->cwnd, c->pace_rtt_ns, paced);
    if (c->paced_at <= now && c->uncounted <= QUIC_UNPACED_BYTES) return;
    uint64_t pause_ns = uncounted_pause(c);
    if (c->paced_at < pause_ns) c->paced_at = pause_ns;
    ngtcp2_conn_update_pkt_tx_time(c->qc, c->paced_at - pause_ns);
    c->uncounted = 0;
}

/* Sends what may be sent now; is_probe: although nothing may be. Returns an error of ngtcp2's, or
 * 0. */
static int flush(quic_conn *c, bool is_probe)
{
    burst b = {.base = NULL};
    packet p;
    int error = 0;
    size_t quantum = ngtcp2_conn_get_send_quantum(c->qc);
    uint64_t before = in_flight(c);
    bool can_write = is_probe || may_send(c);
    c->is_due = false;
    size_t total = 0;
    for (; total < quantum; total += (size_t)p.len) {
        if (b.base == NULL && !burst_open(c, &b)) {
            c->is_due = true;
            break;
        }
        write_packet(c, &p, b.base + b.len, burst_room(&b));
        if (can_write) c->written_at = link_now(c->link);
        if (p.len < 0) error = (int)p.len;
        if (p.len <= 0) break;
        if (!burst_take(c, &b, &p)) {
            c->is_due = true;
            break;
        }
        if (!burst_goes_on(&b, (size_t)p.len)) burst_close(c, &b);
    }
    burst_close(c, &b);
    uint64_t after = in_flight(c); /* less than before: a path was given up, or the handshake's */
    pace(c, total, after > before ? after - before : 0);
    quic_conn_asked(c, total);
    return error;
}

/* A nanosecond after ngtcp2's own time: one of its timers is due at a time and past only after it.
 * Never the same instant twice, whatever its timers say. */
pu_time quic_deadline(const pu_link *l, const conn *head)
{
    const quic_conn *c = (const quic_conn *)(const void *)head;
    if (c->qc == NULL) return PU_NEVER;
    if (c->is_due) return link_now(l);
    ngtcp2_tstamp at = ngtcp2_conn_get_expiry(c->qc), due = quic_path_due(c);
    if (at >= PU_NEVER - 1) return due;
    at = at < c->ticked_at ? c->ticked_at + 1 : at + 1;
    return at < due ? at : due;
}

/* How often in a row nothing was acknowledged in time: of a server that moved, others need not
 * know. */
static size_t probes(const quic_conn *c)
{
    if (c->moved_at == 0) return 0;
    ngtcp2_conn_stat stat;
    ngtcp2_conn_get_conn_stat(c->qc, &stat);
    return stat.pto_count;
}

void quic_tick(pu_link *l, conn *head)
{
    quic_conn *c = quic_of(head);
    pu_time now = link_now(l);
    c->ticked_at = now;
    if (head->state == CONN_CLOSING && now >= head->deadline) {
        quic_conn_end(c, head->close_code);
        return;
    }
    if (c->qc == NULL) return;
    quic_streams_end(c);
    int error = quic_memory_result(c, 0);
    size_t before = probes(c);
    if (error == 0 && ngtcp2_conn_get_expiry(c->qc) < now)
        error = quic_memory_result(c, ngtcp2_conn_handle_expiry(c->qc, now));
    quic_frames_of(c); /* packets that came before their keys are read while others are built */
    if (error == 0) error = flush(c, probes(c) > before);
    quic_frames_of(NULL);
    if (error != 0) quic_conn_fail(c, error);
    else quic_conn_settle(c);
}
