/* The table of connections and the owner's calls, see tcp_model.h. */
#include "sim/tcp_model/tcp_model.h"

#include "base/mix.h"
#include "sim/tcp_model/tcp_impl.h"

enum {
    ISN_STREAM = 0,
    BACKLOG = 128 /* half-open connections; SYNs beyond are dropped */
};

tcp_model *tcp_model_new(uint16_t listen_port, uint64_t first_room, const tcp_model_host *host,
                         const uint8_t seed[32])
{
    tcp_model *t = mem_new(host->alloc, sizeof *t);
    *t = (tcp_model){.host = host,
                     .alloc = *host->alloc,
                     .listen_port = listen_port,
                     .next_port = TCP_EPHEMERAL_FIRST,
                     .first_room = first_room};
    rng_init(&t->random, seed, ISN_STREAM);
    return t;
}

/* ---- connections ---- */

static uint32_t draw32(tcp_model *t)
{
    uint8_t bytes[4];
    rng_bytes(&t->random, bytes, sizeof bytes);
    return load_le32(bytes);
}

conn *conn_new(tcp_model *t, uint8_t state)
{
    conn *c = mem_new(&t->alloc, sizeof *c);
    uint64_t first = draw32(t);
    *c = (conn){.owner = t,
                .handle = ++t->serial,
                .state = state,
                .deadline = PU_NEVER,
                .una = first,
                .nxt = first + 1,
                .high = first + 1,
                .first_seq = first + 1,
                .peer_window = TCP_MSS,
                .mss = TCP_MSS,
                .cwnd = FIRST_CWND,
                .ssthresh = UINT32_MAX,
                .tx_told = t->first_room,
                .rx_room = t->first_room,
                .rto_at = PU_NEVER,
                .ack_at = PU_NEVER,
                .rto_ns = RTO_FIRST_NS};
    conn **last = &t->conns;
    while (*last != NULL) last = &(*last)->next;
    *last = c;
    return c;
}

static void conn_free(conn *c)
{
    tcp_model *t = c->owner;
    while (c->early != NULL) {
        held *h = c->early;
        c->early = h->next;
        mem_free(&t->alloc, h, sizeof *h + h->len);
    }
    mem_bytes_free(&t->alloc, &c->tx);
    mem_bytes_free(&t->alloc, &c->rx);
    mem_free(&t->alloc, c, sizeof *c);
}

void conn_drop(conn *c)
{
    c->is_gone = c->is_dead = c->is_closing = true;
}

/* Frees what was dropped: only when no caller above looks at a connection. */
static void sweep(tcp_model *t)
{
    for (conn **at = &t->conns; *at != NULL;) {
        conn *c = *at;
        if (!c->is_gone) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        conn_free(c);
    }
}

void tcp_model_free(tcp_model *t)
{
    for (conn *c = t->conns; c != NULL; c = c->next) conn_drop(c);
    sweep(t);
    pu_alloc alloc = t->alloc;
    mem_free(&alloc, t, sizeof *t);
}

void conn_dies(conn *c, uint32_t code)
{
    if (c->is_dead) return;
    c->is_dead = true;
    c->code = code;
}

static conn *conn_of(tcp_model *t, uint64_t handle)
{
    for (conn *c = t->conns; c != NULL; c = c->next) {
        if (c->handle == handle && c->is_told && !c->is_closing) return c;
    }
    return NULL;
}

static conn *conn_at(const tcp_model *t, uint16_t port, const pu_endpoint *remote)
{
    for (conn *c = t->conns; c != NULL; c = c->next) {
        bool is_bound = c->state != STATE_WAITING && !c->is_dead && c->local.port == port;
        if (is_bound && c->remote.port == remote->port &&
            memcmp(c->remote.ip, remote->ip, sizeof remote->ip) == 0)
            return c;
    }
    return NULL;
}

/* ---- the owner's calls ---- */

void tcp_model_dial(tcp_model *t, pu_time now, const tcp_model_target *target)
{
    t->now = now;
    conn *c = conn_new(t, STATE_WAITING);
    c->target = *target;
    c->remote = target->remote;
    c->deadline = target->not_before > now ? target->not_before : now;
}

void tcp_model_send(tcp_model *t, pu_time now, uint64_t handle, pu_span bytes, bool fin)
{
    t->now = now;
    conn *c = conn_of(t, handle);
    if (c == NULL || c->is_dead) return;
    PU_ASSERT(!c->fin_asked);
    PU_ASSERT(bytes.len <= c->tx_told - c->tx_taken);
    bool is_kept = mem_bytes_append(&t->alloc, &c->tx, bytes, UINT32_MAX);
    PU_ASSERT(is_kept);
    c->tx_taken += bytes.len;
    c->fin_asked = fin;
    conn_push(c, false);
}

void tcp_model_room(tcp_model *t, pu_time now, uint64_t handle, uint64_t offset)
{
    t->now = now;
    conn *c = conn_of(t, handle);
    if (c != NULL && offset > c->rx_room) c->rx_room = offset; /* the tick delivers */
}

void tcp_model_close(tcp_model *t, pu_time now, uint64_t handle, bool reset)
{
    t->now = now;
    conn *c = conn_of(t, handle);
    if (c == NULL) return;
    bool is_unread = c->rx.len > 0; /* as Linux does: who closes without reading resets */
    if (reset || c->is_dead || is_unread) {
        if (!c->is_dead) conn_reset(c);
        conn_drop(c);
        if (t->depth == 0) sweep(t);
        return;
    }
    c->is_closing = true;
    c->fin_asked = true;
    c->deadline = now + LINGER_NS;
    conn_push(c, false);
}

/* ---- segments ---- */

static void accept_syn(tcp_model *t, uint16_t port, const pu_endpoint *remote, const tcp_segment *s)
{
    uint32_t waiting = 0;
    for (const conn *other = t->conns; other != NULL; other = other->next)
        waiting += other->state == STATE_SYN_RECEIVED;
    if (waiting >= BACKLOG) return;
    conn *c = conn_new(t, STATE_SYN_RECEIVED);
    c->is_accepted = true;
    c->local = t->host->local(t->host->ctx, remote);
    c->local.port = port;
    c->remote = *remote;
    c->rcv = (uint64_t)s->seq + 1;
    conn_send_syn(c);
}

void tcp_model_segment(tcp_model *t, pu_time now, uint16_t port, const pu_endpoint *remote,
                       pu_span bytes)
{
    tcp_segment s;
    t->now = now;
    if (!tcp_segment_read(&s, bytes)) return;
    conn *c = conn_at(t, port, remote);
    t->has_told = false;
    if (c != NULL) {
        t->depth++;
        conn_take(c, &s);
        if (--t->depth == 0) sweep(t);
        return;
    }
    bool opens = (s.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
    if (opens && port == t->listen_port) accept_syn(t, port, remote, &s);
    else send_reset(t, port, remote, &s);
}

uint64_t tcp_model_first(const tcp_model *t, uint16_t port, const pu_endpoint *remote,
                         pu_span segment)
{
    tcp_segment s;
    const conn *c = conn_at(t, port, remote);
    if (c == NULL || !tcp_segment_read(&s, segment) || s.body.len == 0) return 0;
    bool has_some = c->rx_given > 0 || c->rx.len > 0;
    if (has_some || (s.flags & TCP_SYN) != 0 || s.seq != (uint32_t)c->rcv) return 0;
    return mix3(c->handle, c->first_seq, c->rcv) | 1; /* handles come again in another life */
}

/* A reset is nothing to who waits for the peer's last word already: its number is not right (RFC
 * 9293 section 3.10.7.4). An error is. */
void tcp_model_refused(tcp_model *t, pu_time now, uint16_t port, const pu_endpoint *remote,
                       pu_span quote, bool is_segment)
{
    tcp_segment s;
    t->now = now;
    conn *c = conn_at(t, port, remote);
    if (c == NULL || !tcp_segment_read(&s, quote) || s.seq != (uint32_t)c->una) return;
    if (c->state == STATE_SYN_SENT || (c->state == STATE_SYN_RECEIVED && !is_segment))
        conn_dies(c, PU_CODE_REFUSED);
}

void tcp_model_too_big(tcp_model *t, pu_time now, uint16_t port, const pu_endpoint *remote,
                       uint32_t mtu)
{
    t->now = now;
    conn *c = conn_at(t, port, remote);
    if (c == NULL || c->state != STATE_OPEN) return;
    uint32_t least = mtu > MTU_LEAST ? mtu : MTU_LEAST;
    uint32_t headers = NET_TCP_HEADER_BYTES + (net_is_six(remote) ? NET_SIX_MORE_BYTES : 0);
    uint32_t mss = least - headers - TCP_HEADER_BYTES;
    if (mss >= c->mss) return;
    conn_shorten(c, mss);
    conn_push(c, false);
}

/* ---- time ---- */

static bool has_data_for_owner(const conn *c)
{
    if (!c->is_told || c->is_closing || c->is_dead) return false; /* a reset takes what waits */
    bool has_bytes = c->rx.len > 0 && c->rx_given < c->rx_room;
    return has_bytes || (c->fin_came && !c->fin_told && c->rx.len == 0);
}

static bool has_room_for_owner(const conn *c)
{
    if (!c->is_told || c->is_closing || c->is_dead || c->fin_asked) return false;
    uint64_t room = c->tx_taken - c->tx.len + TCP_SEND_BUFFER;
    return room >= c->tx_told + TCP_SEND_BUFFER / 2;
}

/* Room that the owner made is worth a window update when the window was nearly closed. */
static bool owes_window(const conn *c)
{
    return c->state == STATE_OPEN && c->window_told < TCP_MSS &&
           conn_window(c) >= TCP_READ_BUFFER / 2;
}

static bool is_over(const conn *c)
{
    return c->is_closing && c->fin_acked;
}

static pu_time conn_due(const conn *c)
{
    if (c->is_dead || is_over(c) || has_data_for_owner(c) || has_room_for_owner(c) ||
        owes_window(c))
        return 0;
    pu_time at = c->deadline;
    if (c->rto_at < at) at = c->rto_at;
    return c->ack_at < at ? c->ack_at : at;
}

pu_time tcp_model_deadline(const tcp_model *t)
{
    pu_time first = PU_NEVER;
    for (const conn *c = t->conns; c != NULL; c = c->next) {
        pu_time at = conn_due(c);
        if (at < t->now) at = t->now;
        if (at < first) first = at;
    }
    return first;
}

static uint16_t free_port(tcp_model *t, const pu_endpoint *remote)
{
    uint16_t port;
    do {
        port = t->next_port;
        t->next_port = port == UINT16_MAX ? TCP_EPHEMERAL_FIRST : (uint16_t)(port + 1);
    } while (conn_at(t, port, remote) != NULL);
    return port;
}

static void begin_dial(conn *c)
{
    tcp_model *t = c->owner;
    uint16_t port = c->target.local_port != 0 ? c->target.local_port : free_port(t, &c->remote);
    if (conn_at(t, port, &c->remote) != NULL) {
        conn_dies(c, PU_CODE_UNREACHABLE); /* such a connection exists */
        return;
    }
    c->local = t->host->local(t->host->ctx, &c->remote);
    c->local.port = port;
    c->state = STATE_SYN_SENT;
    c->deadline = c->target.deadline;
    conn_send_syn(c);
}

static void tell_down(conn *c)
{
    tcp_model *t = c->owner;
    uint64_t handle = c->is_told ? c->handle : 0;
    uint32_t token = c->is_told ? 0 : c->target.token, code = c->code;
    bool is_told = !c->is_closing && (c->is_told || !c->is_accepted);
    conn_drop(c);
    t->has_told = t->has_told || is_told;
    if (is_told) t->host->down(t->host->ctx, handle, token, code);
}

static void tell_room(conn *c)
{
    c->tx_told = c->tx_taken - c->tx.len + TCP_SEND_BUFFER;
    c->owner->has_told = true;
    c->owner->host->room(c->owner->host->ctx, c->handle, c->tx_told);
}

/* c is due. It may be gone afterwards. */
static void tick_conn(conn *c)
{
    tcp_model *t = c->owner;
    pu_time now = t->now;
    if (!c->is_dead && c->deadline <= now) {
        if (c->state == STATE_WAITING) begin_dial(c);
        else conn_dies(c, PU_CODE_TIMEOUT);
    }
    if (!c->is_dead && c->rto_at <= now) conn_timeout(c);
    if (!c->is_dead && (c->ack_at <= now || owes_window(c))) conn_push(c, true);
    if (has_data_for_owner(c)) conn_deliver(c);
    if (!t->has_told && has_room_for_owner(c)) tell_room(c);
    if (t->has_told) return;
    if (c->is_gone) return;
    if (is_over(c)) conn_drop(c);
    else if (c->is_dead) tell_down(c);
}

void tcp_model_tick(tcp_model *t, pu_time now)
{
    t->now = now;
    t->has_told = false;
    t->depth++;
    for (conn *c = t->conns; c != NULL && !t->has_told; c = c->next) {
        if (!c->is_gone && conn_due(c) <= now) tick_conn(c);
    }
    if (--t->depth == 0) sweep(t);
}
