/* Segments out: what windows allow, retransmission, congestion; see tcp_impl.h. */
#include "sim/tcp_model/tcp_impl.h"

static uint32_t low32(uint64_t v)
{
    return (uint32_t)v;
}

static void emit(tcp_model *t, uint16_t port, const pu_endpoint *to, const tcp_segment *s)
{
    uint8_t bytes[TCP_HEADER_BYTES + TCP_MSS];
    pu_buf out = buf_of(bytes, sizeof bytes);
    uint8_t head[TCP_HEADER_BYTES];
    store_be32(head, s->window & 0xffffffu);
    head[0] = s->flags;
    store_be32(head + 4, s->seq);
    store_be32(head + 8, s->ack);
    buf_put(&out, head, sizeof head);
    buf_put_span(&out, s->body);
    PU_ASSERT(!out.full);
    bool opens = (s->flags & TCP_SYN) != 0 && (s->flags & TCP_ACK) == 0;
    t->host->send(t->host->ctx, port, to, buf_span(&out), opens ? NET_TCP_SYN : NET_TCP);
}

bool tcp_segment_read(tcp_segment *s, pu_span bytes)
{
    if (bytes.len < TCP_HEADER_BYTES || bytes.len > TCP_HEADER_BYTES + TCP_MSS) return false;
    *s = (tcp_segment){.flags = bytes.base[0],
                       .window = load_be32(bytes.base) & 0xffffffu,
                       .seq = load_be32(bytes.base + 4),
                       .ack = load_be32(bytes.base + 8),
                       .body = span_skip(bytes, TCP_HEADER_BYTES)};
    return true;
}

uint32_t conn_window(const conn *c)
{
    return c->rx.len < TCP_READ_BUFFER ? TCP_READ_BUFFER - c->rx.len : 0;
}

/* A segment of c: from an address that the host no longer has, nothing leaves, though c has said
 * it.
 */
static void conn_emit(conn *c, uint8_t flags, uint64_t seq, pu_span body)
{
    c->window_told = conn_window(c);
    tcp_segment s = {.flags = flags, .window = c->window_told, .seq = low32(seq), .body = body};
    if ((flags & TCP_ACK) != 0) {
        s.ack = low32(c->rcv);
        c->ack_at = PU_NEVER;
        c->unacked_segments = 0;
    }
    pu_endpoint now = c->owner->host->local(c->owner->host->ctx, &c->remote);
    if (memcmp(now.ip, c->local.ip, sizeof now.ip) == 0)
        emit(c->owner, c->local.port, &c->remote, &s);
}

void conn_send_syn(conn *c)
{
    bool answers = c->state == STATE_SYN_RECEIVED;
    conn_emit(c, answers ? TCP_SYN | TCP_ACK : TCP_SYN, c->una, (pu_span){NULL, 0});
    if (c->retries == 0) {
        c->timed_seq = c->una + 1;
        c->timed_at = c->owner->now;
    }
    c->rto_at = c->owner->now + c->rto_ns;
}

void send_reset(tcp_model *t, uint16_t port, const pu_endpoint *to, const tcp_segment *s)
{
    if ((s->flags & TCP_RST) != 0) return;
    bool has_ack = (s->flags & TCP_ACK) != 0;
    uint32_t len =
        (uint32_t)s->body.len + ((s->flags & TCP_SYN) != 0) + ((s->flags & TCP_FIN) != 0);
    tcp_segment reset = {.flags = has_ack ? TCP_RST : TCP_RST | TCP_ACK,
                         .seq = has_ack ? s->ack : 0,
                         .ack = s->seq + len};
    emit(t, port, to, &reset);
}

void conn_reset(conn *c)
{
    if (c->state == STATE_WAITING) return;
    conn_emit(c, TCP_RST | TCP_ACK, c->nxt, (pu_span){NULL, 0});
}

/* ---- round trips ---- */

void conn_sample(conn *c, uint64_t rtt_ns)
{
    if (c->srtt_ns == 0) {
        c->srtt_ns = rtt_ns;
        c->rttvar_ns = rtt_ns / 2;
    } else {
        uint64_t off = rtt_ns > c->srtt_ns ? rtt_ns - c->srtt_ns : c->srtt_ns - rtt_ns;
        c->rttvar_ns = (3 * c->rttvar_ns + off) / 4;
        c->srtt_ns = (7 * c->srtt_ns + rtt_ns) / 8;
    }
    c->rto_ns = c->srtt_ns + 4 * c->rttvar_ns;
    if (c->rto_ns < RTO_LEAST_NS) c->rto_ns = RTO_LEAST_NS;
    if (c->rto_ns > RTO_MOST_NS) c->rto_ns = RTO_MOST_NS;
}

void conn_arm(conn *c)
{
    /* A closed window is probed by the same timer. */
    bool waits = c->una < c->high || (c->peer_window == 0 && (c->tx.len > 0 || c->fin_asked));
    if (!waits) c->rto_at = PU_NEVER;
    else if (c->rto_at == PU_NEVER) c->rto_at = c->owner->now + c->rto_ns;
}

/* ---- data ---- */

/* Sequence number behind all data taken from the owner. */
static uint64_t tx_end(const conn *c)
{
    return c->first_seq + c->tx_taken;
}

static uint64_t allowed(const conn *c)
{
    uint32_t window = c->cwnd < c->peer_window ? c->cwnd : c->peer_window;
    return c->una + window;
}

/* One segment from nxt on, at most `limit`. False: nothing may be sent. */
static bool push_one(conn *c, uint64_t limit)
{
    uint64_t end = tx_end(c);
    uint64_t left = end > c->nxt ? end - c->nxt : 0;
    uint64_t room = limit > c->nxt ? limit - c->nxt : 0;
    uint64_t len = left < room ? left : room;
    if (len > c->mss) len = c->mss;
    bool sends_fin = c->fin_asked && len == left && c->nxt <= end && (room > len || left == 0);
    if (len == 0 && !sends_fin) return false;
    pu_span body = {len > 0 ? c->tx.base + (c->nxt - c->una) : NULL, (size_t)len};
    conn_emit(c, (uint8_t)(TCP_ACK | (sends_fin ? TCP_FIN : 0)), c->nxt, body);
    bool is_new = c->nxt >= c->high;
    c->nxt += len + (sends_fin ? 1 : 0);
    if (sends_fin) {
        c->fin_sent = true;
        c->fin_seq = end;
    }
    if (is_new && c->timed_seq == 0) {
        c->timed_seq = c->nxt;
        c->timed_at = c->owner->now;
    }
    if (c->nxt > c->high) c->high = c->nxt;
    return true;
}

void conn_push(conn *c, bool force_ack)
{
    bool sent = false;
    if (c->is_gone) return;
    if (c->state == STATE_OPEN) {
        while ((!c->fin_sent || c->nxt <= c->fin_seq) && push_one(c, allowed(c))) sent = true;
    }
    if (!sent && force_ack) conn_emit(c, TCP_ACK, c->nxt, (pu_span){NULL, 0});
    conn_arm(c);
}

/* ---- time-outs ---- */

void conn_shorten(conn *c, uint32_t mss)
{
    PU_ASSERT(mss < c->mss);
    c->mss = mss;
    c->timed_seq = 0;
    c->nxt = c->una;
    c->fin_sent = c->fin_sent && c->una > c->fin_seq;
}

/* A path that swallows long segments says nothing: after some time-outs shorter ones are tried. */
static void suspect_hole(conn *c)
{
    if (c->retries < HOLE_RETRIES) return;
    uint32_t mss = c->mss > HOLE_MSS ? HOLE_MSS : c->mss / 2;
    uint64_t flight = c->high - c->una;
    if (mss >= HOLE_MSS_LEAST && flight > mss) c->mss = mss; /* a short one was not too long */
}

void conn_timeout(conn *c)
{
    bool is_opening = c->state != STATE_OPEN;
    c->rto_at = PU_NEVER;
    if (++c->retries > (is_opening ? SYN_RETRIES_MAX : RETRIES_MAX)) {
        conn_dies(c, PU_CODE_TIMEOUT);
        return;
    }
    c->rto_ns = c->rto_ns * 2 < RTO_MOST_NS ? c->rto_ns * 2 : RTO_MOST_NS;
    c->timed_seq = 0; /* Karn: what was sent twice measures nothing */
    if (is_opening) {
        conn_send_syn(c);
        return;
    }
    uint32_t flight = (uint32_t)(c->high - c->una);
    c->ssthresh = flight / 2 > 2 * TCP_MSS ? flight / 2 : 2 * TCP_MSS;
    suspect_hole(c);
    c->cwnd = TCP_MSS;
    c->is_recovering = false;
    c->duplicates = 0;
    c->nxt = c->una;
    c->fin_sent = c->fin_sent && c->una > c->fin_seq;
    bool is_probe = c->peer_window == 0;
    push_one(c, is_probe ? c->una + 1 : allowed(c));
    conn_arm(c);
}
