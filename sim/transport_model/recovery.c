/* sim/transport_model/recovery.c - packet numbers, acknowledgements, retransmission, round-trip
 * times.
 *
 * A packet with frames that matter has a number and is sent again under that number, with the same
 * frames, until it is acknowledged; the receiver takes each number once, so no frame ever comes
 * twice. Numbers in flight span at most PACKETS_MAX, which is what an ACK can name. Packets that
 * carry only an ACK have number 0. Inside a circuit the carrier is reliable: all numbers are 0 and
 * nothing here but the packing is used.
 */
#include "sim/transport_model/tm_impl.h"

enum { BACKOFF_MAX = 6 }; /* doublings */

/* ---- receiving ---- */

static bool seen(const conn *c, uint64_t bit)
{
    return (c->rx_seen[bit / 64] >> bit % 64 & 1) != 0;
}

/* Drops the lowest bit: its number came, and all before. */
static void advance(conn *c)
{
    enum { WORDS = PACKETS_MAX / 64 };
    c->rx_low++;
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t above = i + 1 < WORDS ? c->rx_seen[i + 1] << 63 : 0;
        c->rx_seen[i] = c->rx_seen[i] >> 1 | above;
    }
}

uint64_t recovery_high(const conn *c)
{
    for (unsigned i = PACKETS_MAX / 64; i-- > 0;) {
        uint64_t word = c->rx_seen[i];
        if (word != 0) return c->rx_low + 64 * (i + 1) - (uint64_t)__builtin_clzll(word);
    }
    return c->rx_low;
}

bool recovery_note(tm *t, conn *c, uint64_t number, pu_time at)
{
    if (number > c->rx_low + PACKETS_MAX) return false;
    if (c->ack_count == 0) c->ack_at = t->now + ACK_DELAY_NS;
    else c->ack_at = t->now;
    if (c->ack_count < UINT8_MAX) c->ack_count++;
    if (number <= c->rx_low || seen(c, number - c->rx_low - 1)) return false;
    if (number > recovery_high(c)) c->rx_high_at = at;
    uint64_t bit = number - c->rx_low - 1;
    c->rx_seen[bit / 64] |= UINT64_C(1) << bit % 64;
    while (seen(c, 0)) advance(c);
    return true;
}

static void put_ack(const tm *t, const conn *c, pu_buf *out)
{
    uint8_t bits[FRAME_ACK_BITS / 8];
    size_t len = (size_t)(recovery_high(c) - c->rx_low + 7) / 8;
    for (size_t i = 0; i < len; i++) bits[i] = (uint8_t)(c->rx_seen[i / 8] >> (8 * (i % 8)));
    frame_put(out, &(frame){.kind = FRAME_ACK,
                            .offset = c->rx_low,
                            .delay_us = (uint32_t)((t->now - c->rx_high_at) / PU_US),
                            .bytes = span_of(bits, len)});
}

/* ---- times ---- */

void recovery_sample(tm *t, conn *c, uint64_t sample_ns)
{
    if (c->srtt_ns == 0) {
        c->srtt_ns = sample_ns;
        c->rttvar_ns = sample_ns / 2;
    } else {
        uint64_t off_ns = c->srtt_ns > sample_ns ? c->srtt_ns - sample_ns : sample_ns - c->srtt_ns;
        c->rttvar_ns = (3 * c->rttvar_ns + off_ns) / 4;
        c->srtt_ns = (7 * c->srtt_ns + sample_ns) / 8;
    }
    tm_conn_path(t, c);
}

/* How long after its latest sending a packet is due again. The doubling is the connection's, as in
 * QUIC and TCP, not the packet's: as long as anything is acknowledged the way is open, and one
 * packet that was lost a few times in a row must not wait longer each time. */
static uint64_t timeout_ns(const conn *c)
{
    uint64_t rto_ns = c->srtt_ns == 0 ? RTO_FIRST_NS : c->srtt_ns + 4 * c->rttvar_ns;
    if (rto_ns < RTO_LEAST_NS) rto_ns = RTO_LEAST_NS;
    return rto_ns << c->backoff;
}

/* Sets the time at which the first of what is unacknowledged is due. */
static void set_rto(conn *c)
{
    uint64_t rto_ns = timeout_ns(c);
    c->rto_at = PU_NEVER;
    for (const sent *p = c->unacked; p != NULL; p = p->next) {
        if (p->at + rto_ns < c->rto_at) c->rto_at = p->at + rto_ns;
    }
}

/* ---- acknowledged ---- */

uint64_t recovery_low(const conn *c)
{
    return c->unacked != NULL ? c->unacked->number : c->tx_next;
}

/* Karn: a packet sent twice says nothing about the round trip. */
static void sample_of(tm *t, conn *c, const sent *p, const frame *ack)
{
    uint64_t waited_ns = ack->delay_us * PU_US;
    if (p->tries > 1 || t->now - p->at <= waited_ns) return;
    recovery_sample(t, c, t->now - p->at - waited_ns);
}

bool recovery_acked(tm *t, conn *c, const frame *ack)
{
    uint64_t highest = frame_acks_highest(ack);
    if (highest >= c->tx_next) return false;
    sent **at = &c->unacked;
    sent *before = NULL;
    bool is_news = false;
    while (*at != NULL && (*at)->number <= highest) {
        sent *p = *at;
        if (!frame_acks(ack, p->number)) {
            before = p;
            at = &p->next;
            continue;
        }
        is_news = true;
        if (p->number == highest) sample_of(t, c, p, ack);
        *at = p->next;
        if (p == c->unacked_last) c->unacked_last = before;
        mem_free(&t->alloc, p, sizeof *p + p->len);
    }
    if (is_news) {
        c->backoff = 0;
        set_rto(c);
    }
    if (c->blocked) tm_conn_ready(t, c);
    return true;
}

void recovery_free(tm *t, conn *c)
{
    while (c->unacked != NULL) {
        sent *p = c->unacked;
        c->unacked = p->next;
        mem_free(&t->alloc, p, sizeof *p + p->len);
    }
    c->unacked_last = NULL;
}

/* ---- sending ---- */

/* Sends frames, behind an ACK when one waits. */
static void transmit(tm *t, conn *c, uint64_t number, pu_span frames, enum net_kind kind)
{
    uint8_t bytes[FRAME_ACK_MAX + FRAMES_MAX];
    pu_buf all = buf_of(bytes, sizeof bytes);
    if (c->ack_count > 0) put_ack(t, c, &all);
    buf_put_span(&all, frames);
    PU_ASSERT(!all.full);
    c->ack_count = 0;
    packet p = {.kind = PACKET_FRAMES, .to = c->peer_cid, .number = number};
    p.frames = buf_span(&all);
    tm_conn_send(t, c, &p, 0, c->key, kind);
}

static void remember(tm *t, conn *c, pu_span frames)
{
    sent *p = mem_new(&t->alloc, sizeof *p + frames.len);
    p->number = c->tx_next++;
    p->at = t->now;
    p->tries = 1;
    p->len = (uint32_t)frames.len;
    memcpy(p->frames, frames.base, frames.len);
    if (c->unacked_last != NULL) c->unacked_last->next = p;
    else c->unacked = p;
    c->unacked_last = p;
    pu_time due = t->now + timeout_ns(c);
    if (due < c->rto_at) c->rto_at = due;
}

static enum net_kind kind_of(pu_span frames)
{
    return frames.base[0] == FRAME_PING && frames.len == 1 ? NET_KIND_KEEPALIVE : NET_KIND_DATA;
}

void recovery_resend(tm *t, conn *c)
{
    if (t->now < c->rto_at) return;
    uint64_t rto_ns = timeout_ns(c);
    bool is_late = false;
    for (sent *p = c->unacked; p != NULL; p = p->next) {
        if (t->now < p->at + rto_ns) continue;
        is_late = true;
        p->at = t->now;
        p->tries++;
        pu_span frames = span_of(p->frames, p->len);
        transmit(t, c, p->number, frames, kind_of(frames));
    }
    if (is_late && c->backoff < BACKOFF_MAX) c->backoff++;
    set_rto(c);
}

/* Packs what waits, at most one packet: STOP and RESET, PING, then the streams in turn. */
static void fill(tm *t, conn *c, pu_buf *out, uint64_t number)
{
    size_t count = fifo_len(c->control) < FRAMES_MAX ? fifo_len(c->control) : FRAMES_MAX;
    count -= count % FRAME_CODE_BYTES;
    buf_put_span(out, span_head(fifo_span(c->control), count));
    fifo_drop(t, &c->control, (uint32_t)count);
    if (c->ping && out->len < out->cap) {
        frame_put(out, &(frame){.kind = FRAME_PING});
        c->ping = false;
    }
    stream *first = c->turn != NULL ? c->turn : c->first;
    stream *s = first;
    while (s != NULL) {
        stream *next = s->next != NULL ? s->next : c->first;
        if (tm_stream_fill(t, s, out, number)) {
            c->turn = next; /* the packet is full: the next one begins with the next stream */
            return;
        }
        s = next != first ? next : NULL;
    }
    PU_ASSERT(!out->full);
}

static bool has_room(const conn *c)
{
    if (c->circuit) return circuit_has_room(c);
    return c->tx_next - recovery_low(c) < PACKETS_MAX;
}

void recovery_flush(tm *t, conn *c)
{
    uint8_t frames[FRAMES_MAX];
    c->waits = false;
    for (c->blocked = false; !c->blocked;) {
        if (!has_room(c)) {
            c->blocked = true; /* an ACK, or the carrier, will touch us */
            break;
        }
        uint64_t number = c->circuit ? 0 : c->tx_next;
        pu_buf out = buf_of(frames, sizeof frames);
        fill(t, c, &out, number);
        if (out.len == 0) break;
        if (!c->circuit) remember(t, c, buf_span(&out));
        transmit(t, c, number, buf_span(&out), kind_of(buf_span(&out)));
    }
    if (c->ack_count > 0 && t->now >= c->ack_at) {
        transmit(t, c, 0, (pu_span){NULL, 0}, NET_KIND_ACK);
    }
}
