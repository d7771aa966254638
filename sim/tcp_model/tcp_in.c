/* Segments in: acknowledgements, data in order, ends; see tcp_impl.h. */
#include "sim/tcp_model/tcp_impl.h"

/* The 64-bit number near base whose low bits are v. */
static uint64_t widen(uint64_t base, uint32_t v)
{
    return base + (uint64_t)(int64_t)(int32_t)(v - (uint32_t)base);
}

/* ---- acknowledgements ---- */

static void grow_cwnd(conn *c, uint64_t acked)
{
    if (c->cwnd < c->ssthresh) {
        c->cwnd += (uint32_t)(acked < 2 * TCP_MSS ? acked : 2 * TCP_MSS);
    } else {
        uint32_t step = (uint32_t)((uint64_t)TCP_MSS * acked / c->cwnd);
        c->cwnd += step > 0 ? step : 1;
    }
    if (c->cwnd > TCP_SEND_BUFFER) c->cwnd = TCP_SEND_BUFFER;
}

/* The segment at una, once more. */
static void send_first_again(conn *c)
{
    uint64_t nxt = c->nxt;
    bool fin_sent = c->fin_sent;
    uint32_t cwnd = c->cwnd;
    c->nxt = c->una;
    c->fin_sent = c->fin_sent && c->una > c->fin_seq;
    c->cwnd = c->mss;
    c->timed_seq = 0;
    conn_push(c, false);
    c->cwnd = cwnd;
    if (c->nxt < nxt) c->nxt = nxt;
    c->fin_sent = c->fin_sent || fin_sent;
}

static void duplicate_ack(conn *c)
{
    if (c->is_recovering) {
        c->cwnd += TCP_MSS;
        return;
    }
    if (++c->duplicates < DUPLICATES) return;
    uint32_t flight = (uint32_t)(c->high - c->una);
    c->ssthresh = flight / 2 > 2 * TCP_MSS ? flight / 2 : 2 * TCP_MSS;
    c->cwnd = c->ssthresh + DUPLICATES * TCP_MSS;
    c->is_recovering = true;
    c->recover = c->high;
    send_first_again(c);
}

static void new_ack(conn *c, uint64_t ack)
{
    tcp_model *t = c->owner;
    uint64_t acked = ack - c->una;
    uint64_t data_end = c->first_seq + c->tx_taken;
    uint64_t data = (ack < data_end ? ack : data_end) - c->una;
    if (c->timed_seq != 0 && ack >= c->timed_seq) {
        conn_sample(c, t->now - c->timed_at);
        c->timed_seq = 0;
    }
    mem_bytes_drop(&t->alloc, &c->tx, (uint32_t)(c->una < data_end ? data : 0));
    c->una = ack;
    if (c->nxt < ack) c->nxt = ack;
    if (c->fin_sent && ack > c->fin_seq) c->fin_acked = true;
    c->retries = 0;
    c->duplicates = 0;
    c->rto_at = PU_NEVER;
    if (!c->is_recovering) {
        grow_cwnd(c, acked);
    } else if (ack >= c->recover) {
        c->is_recovering = false;
        c->cwnd = c->ssthresh;
    } else { /* RFC 6582: the next hole; what came is no longer on its way */
        c->cwnd -= acked < c->cwnd ? (uint32_t)acked : c->cwnd;
        c->cwnd += TCP_MSS;
        send_first_again(c);
    }
}

static void take_ack(conn *c, const tcp_segment *s)
{
    uint64_t ack = widen(c->una, s->ack);
    if (ack > c->high) return;
    bool is_bare = s->body.len == 0 && (s->flags & (TCP_SYN | TCP_FIN)) == 0;
    bool is_same_window = s->window == c->peer_window;
    c->peer_window = s->window;
    if (ack > c->una) new_ack(c, ack);
    else if (ack == c->una && s->window == 0) c->retries = 0; /* a probe's answer: it lives */
    else if (ack == c->una && is_bare && is_same_window && c->high > c->una) duplicate_ack(c);
}

/* ---- data ---- */

static void hold(conn *c, uint64_t seq, pu_span body, bool fin)
{
    held **at = &c->early;
    while (*at != NULL && (*at)->seq < seq) at = &(*at)->next;
    bool is_known = *at != NULL && (*at)->seq == seq && (*at)->len >= body.len;
    if (is_known || c->early_count == HELD_MAX) return;
    held *h = mem_new(&c->owner->alloc, sizeof *h + body.len);
    *h = (held){.next = *at, .seq = seq, .len = (uint32_t)body.len, .fin = fin};
    if (body.len > 0) memcpy(h->bytes, body.base, body.len);
    *at = h;
    c->early_count++;
}

/* Data whose first new byte is the next expected. */
static void accept(conn *c, uint64_t seq, pu_span body, bool fin)
{
    pu_span fresh = span_skip(body, (size_t)(c->rcv - seq));
    uint32_t window = conn_window(c);
    bool fits = fresh.len <= window;
    if (!fits) fresh = span_head(fresh, window);
    bool is_kept = mem_bytes_append(&c->owner->alloc, &c->rx, fresh, TCP_READ_BUFFER);
    PU_ASSERT(is_kept);
    c->rcv += fresh.len;
    if (fin && fits) {
        c->rcv++;
        c->fin_came = true;
    }
}

static void take_held(conn *c)
{
    while (c->early != NULL && c->early->seq <= c->rcv) {
        held *h = c->early;
        if (!c->fin_came && h->seq + h->len + h->fin > c->rcv)
            accept(c, h->seq, (pu_span){h->bytes, h->len}, h->fin);
        c->early = h->next;
        c->early_count--;
        mem_free(&c->owner->alloc, h, sizeof *h + h->len);
    }
}

/* Whether the segment is to be acknowledged at once. */
static bool take_data(conn *c, const tcp_segment *s)
{
    bool fin = (s->flags & TCP_FIN) != 0;
    if (s->body.len == 0 && !fin) return false;
    uint64_t seq = widen(c->rcv, s->seq);
    uint64_t end = seq + s->body.len + fin;
    if (c->fin_came || end <= c->rcv) return true;
    if (seq > c->rcv) {
        if (end <= c->rcv + TCP_READ_BUFFER) hold(c, seq, s->body, fin);
        return true;
    }
    accept(c, seq, s->body, fin);
    bool filled = c->early != NULL;
    take_held(c);
    c->unacked_segments++;
    if (c->ack_at == PU_NEVER) c->ack_at = c->owner->now + ACK_DELAY_NS;
    return filled || c->fin_came || c->unacked_segments >= 2;
}

void conn_deliver(conn *c)
{
    tcp_model *t = c->owner;
    if (!c->is_told || c->is_closing || c->is_dead || t->has_told) return;
    uint64_t room = c->rx_room - c->rx_given;
    uint32_t len = c->rx.len < room ? c->rx.len : (uint32_t)room;
    if (len > TCP_READ_MAX) len = TCP_READ_MAX;
    bool fin = c->fin_came && !c->fin_told && len == c->rx.len;
    if (len == 0 && !fin) return;
    uint8_t bytes[TCP_READ_MAX];
    if (len > 0) memcpy(bytes, c->rx.base, len);
    mem_bytes_drop(&t->alloc, &c->rx, len);
    c->rx_given += len;
    c->fin_told = fin;
    t->has_told = true;
    t->host->data(t->host->ctx, c->handle, (pu_span){bytes, len}, fin);
}

/* ---- opening ---- */

static void opened(conn *c, const tcp_segment *s)
{
    tcp_model *t = c->owner;
    c->state = STATE_OPEN;
    c->una = c->nxt = c->high = c->first_seq;
    c->peer_window = s->window;
    c->retries = 0;
    c->rto_at = PU_NEVER;
    c->deadline = PU_NEVER;
    if (c->timed_seq != 0) conn_sample(c, t->now - c->timed_at);
    c->timed_seq = 0;
    if (c->srtt_ns == 0) c->rto_ns = RTO_FIRST_NS;
    c->is_told = t->has_told = true;
    t->host->up(t->host->ctx, c->handle, c->is_accepted ? 0 : c->target.token, &c->local,
                &c->remote);
}

/* SYN-SENT, RFC 9293 3.10.7.3. */
static void take_in_syn_sent(conn *c, const tcp_segment *s)
{
    bool has_ack = (s->flags & TCP_ACK) != 0;
    bool acks_ours = has_ack && s->ack == (uint32_t)c->first_seq;
    if (has_ack && !acks_ours) {
        send_reset(c->owner, c->local.port, &c->remote, s);
        return;
    }
    if ((s->flags & TCP_RST) != 0) {
        if (acks_ours) conn_dies(c, PU_CODE_REFUSED);
        return;
    }
    if ((s->flags & TCP_SYN) == 0) return;
    c->rcv = (uint64_t)s->seq + 1;
    if (acks_ours) {
        opened(c, s);
        conn_push(c, true);
    } else {
        c->state = STATE_SYN_RECEIVED; /* both called at once */
        c->timed_seq = 0;
        conn_send_syn(c);
    }
}

static void take_in_syn_received(conn *c, const tcp_segment *s)
{
    if ((s->flags & TCP_RST) != 0) {
        if (s->seq == (uint32_t)c->rcv) conn_dies(c, PU_CODE_REFUSED);
        return;
    }
    if ((s->flags & TCP_ACK) == 0) {
        if ((s->flags & TCP_SYN) != 0) conn_send_syn(c);
        return;
    }
    if (s->ack != (uint32_t)c->first_seq) {
        send_reset(c->owner, c->local.port, &c->remote, s);
        return;
    }
    opened(c, s);
    bool syn_again = (s->flags & TCP_SYN) != 0;
    bool at_once = take_data(c, s);
    conn_push(c, at_once || syn_again);
    conn_deliver(c);
}

static void take_when_open(conn *c, const tcp_segment *s)
{
    if ((s->flags & TCP_RST) != 0) {
        uint64_t seq = widen(c->rcv, s->seq);
        if (seq >= c->rcv && seq <= c->rcv + TCP_READ_BUFFER) conn_dies(c, PU_CODE_LOST);
        return;
    }
    if ((s->flags & TCP_SYN) != 0) {
        conn_push(c, true); /* an old SYN, or ours acknowledged again: say where we are */
        return;
    }
    if ((s->flags & TCP_ACK) != 0) take_ack(c, s);
    bool is_new = widen(c->rcv, s->seq) + s->body.len > c->rcv;
    if (c->is_closing && s->body.len > 0 && is_new) {
        conn_reset(c); /* nobody will read it */
        conn_dies(c, PU_CODE_LOST);
        return;
    }
    conn_push(c, take_data(c, s));
    conn_deliver(c);
}

void conn_take(conn *c, const tcp_segment *s)
{
    if (c->is_dead) return;
    if (c->state == STATE_SYN_SENT) take_in_syn_sent(c, s);
    else if (c->state == STATE_SYN_RECEIVED) take_in_syn_received(c, s);
    else if (c->state == STATE_OPEN) take_when_open(c, s);
}
