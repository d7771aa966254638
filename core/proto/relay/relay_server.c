/* proto/relay/relay_server.c - as relay: who gets a reservation and who gets a circuit
 * (circuit-v2.md). Served only when config.relay_server is set.
 *
 * Every refusal is answered with its status, traced, and leaves nothing behind.
 */
#include "proto/relay/relay_server.h"

#include "base/varint.h"
#include "ident/ip.h"
#include "proto/relay/voucher.h"
#include "wire/wire_relay.h"

enum {
    ADDR_MAX = 80, /* one of our addresses with our id: 25 and 47 bytes at most */
    ADDRS_MAX = WIRE_RELAY_ADDRS_MAX,
    POOL_MAX = 3 * CTX_ADDRS_MAX * ADDR_MAX, /* room for each that is looked at */
    ANSWER_MAX = WIRE_RELAY_MESSAGE_MAX
};

_Static_assert(ADDRS_MAX *ADDR_MAX < ANSWER_MAX - VOUCHER_MAX - 64, "all addresses fit an answer");
_Static_assert(sizeof(relay_stream) <= 4 * sizeof(uint64_t), "it lives in stream->state");

static pu_span hop_name(void)
{
    return span_of(proto_hop.name, strlen(proto_hop.name));
}

static relay_server *server(const pu_node *n)
{
    return ctx_state_peek(n, MODULE_RELAY_SERVER);
}

static void send_hop(pu_node *n, stream *s, const wire_relay *m)
{
    uint8_t bytes[ANSWER_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_hop_write(&out, m);
    PU_ASSERT(!out.full);
    if (!s->fin_out) ctx_stream_send(n, s, buf_span(&out));
}

static void put_limit(const pu_node *n, wire_relay *m)
{
    PU_ASSERT(!m->has_limit);
    m->has_limit = true;
    m->limit_duration_s = ctx_config(n)->circuit_ns / PU_S;
    m->limit_data_bytes = ctx_config(n)->circuit_bytes;
}

/* Answers a request with no. The stream ends within relay_ns, whatever the client does. */
static void deny(pu_node *n, stream *s, enum wire_relay_status status)
{
    PU_ASSERT(status != WIRE_RELAY_OK);
    relay_stream *state = STREAM_STATE(s, relay_stream);
    state->circuit = 0;
    state->is_answered = true;
    ctx_trace(n, PU_TR_RELAY_DENY, ctx_conn(n, s->conn), s, 0, status, 0, span_of(NULL, 0));
    send_hop(n, s, &(wire_relay){.type = WIRE_HOP_STATUS, .status = status, .has_status = true});
    ctx_stream_fin(n, s);
    ctx_stream_deadline(n, s, ctx_after(n, ctx_config(n)->relay_ns));
}

/* ---- reservations ---- */

static reservation *reservation_of(pu_node *n, pu_peer peer)
{
    PU_ASSERT(peer != 0);
    relay_server *r = server(n);
    for (uint32_t i = 0; r != NULL && i < r->reservation_count; i++)
        if (r->reservations[i].peer == peer) return &r->reservations[i];
    return NULL;
}

static void reservation_end(pu_node *n, reservation *at)
{
    relay_server *r = server(n);
    PU_ASSERT(r->reservation_count > 0);
    ctx_timer(n, TIMER_RESERVATION, at->peer, PU_NEVER);
    *at = r->reservations[--r->reservation_count];
}

/* Whether two hosts count as one: the same IPv4 address or the same IPv6 /64. */
static bool is_same_site(const pu_endpoint *a, const pu_endpoint *b)
{
    PU_ASSERT(a != NULL);
    bool is_ip4 = ip6_is_mapped(a->ip);
    if (is_ip4 != ip6_is_mapped(b->ip)) return false;
    return memcmp(a->ip, b->ip, is_ip4 ? sizeof a->ip : sizeof a->ip / 2) == 0;
}

/* Places from remote's site, beside that of peer. */
static uint32_t reservations_from(pu_node *n, const pu_endpoint *remote, pu_peer peer)
{
    const relay_server *r = server(n);
    uint32_t count = 0;
    PU_ASSERT(r != NULL);
    for (uint32_t i = 0; i < r->reservation_count; i++) {
        const conn *c = ctx_conn(n, r->reservations[i].conn);
        bool is_other = c != NULL && c->peer != peer;
        count += is_other && is_same_site(&c->remote, remote);
    }
    return count;
}

static bool is_at_site_limit(pu_node *n, const conn *c)
{
    return ctx_at_limit(n, "reservations_per_ip_max", reservations_from(n, &c->remote, c->peer),
                        ctx_config(n)->reservations_per_ip_max);
}

/* Makes the reservation of c's peer, or moves the one it has to c, which may come from elsewhere.
 * Returns the status to answer; a place that cannot be moved stays where it is. */
static enum wire_relay_status reserve(pu_node *n, const conn *c)
{
    PU_ASSERT(c->peer != 0);
    if ((c->flags & PU_RELAYED) != 0 || !ctx_is_authorised(n, c->peer))
        return WIRE_RELAY_PERMISSION_DENIED;
    reservation *held = reservation_of(n, c->peer);
    if (held != NULL) {
        if (held->conn != c->handle && is_at_site_limit(n, c))
            return WIRE_RELAY_RESERVATION_REFUSED;
        held->conn = c->handle;
        return WIRE_RELAY_OK;
    }
    relay_server *r = ctx_state(n, MODULE_RELAY_SERVER);
    if (r == NULL) return WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED;
    const pu_config *config = ctx_config(n);
    if (ctx_at_limit(n, "reservations_max", r->reservation_count, config->reservations_max) ||
        is_at_site_limit(n, c))
        return WIRE_RELAY_RESERVATION_REFUSED;
    if (!mem_grow(ctx_alloc(n), (void **)&r->reservations, &r->reservation_cap,
                  r->reservation_count, (uint32_t)config->reservations_max,
                  sizeof *r->reservations)) {
        ctx_no_memory(n, c, sizeof *r->reservations);
        return WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED;
    }
    r->reservations[r->reservation_count++] = (reservation){.peer = c->peer, .conn = c->handle};
    return WIRE_RELAY_OK;
}

/* Adds an address of ours with our id, unless m has it or is full. */
static void put_addr(const pu_node *n, const pu_endpoint *at, enum pu_transport transport,
                     wire_relay *m, pu_buf *pool)
{
    uint8_t maddr[PU_MADDR_MAX];
    const pu_peer_id *self = ctx_self(n);
    if (m->addr_count == ADDRS_MAX) return;
    size_t from = pool->len;
    buf_put(pool, maddr, pu_addr_write(maddr, at, transport));
    varint_put(pool, PU_MA_P2P);
    varint_put(pool, self->len);
    buf_put(pool, self->bytes, self->len);
    PU_ASSERT(!pool->full);
    pu_span fresh = span_of(pool->base + from, pool->len - from);
    for (uint32_t i = 0; i < m->addr_count; i++)
        if (span_equal(m->addrs[i], fresh)) return;
    m->addrs[m->addr_count++] = fresh;
}

static void put_global(const pu_node *n, const pu_endpoint *all, uint32_t count,
                       enum pu_transport transport, wire_relay *m, pu_buf *pool)
{
    PU_ASSERT(count <= CTX_ADDRS_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (pu_endpoint_scope(&all[i]) == PU_SCOPE_GLOBAL) put_addr(n, &all[i], transport, m, pool);
}

/* Adds our global addresses to m, local ones and as others see us; their bytes go to pool. rust
 * takes no place without an address: where there is none, the one that the client has found us at.
 */
static void put_addrs(const pu_node *n, const conn *c, wire_relay *m, pu_buf *pool)
{
    pu_endpoint addrs[CTX_ADDRS_MAX];
    put_global(n, addrs, ctx_local_addrs(n, PU_TRANSPORT_QUIC, addrs), PU_TRANSPORT_QUIC, m, pool);
    put_global(n, addrs, ctx_local_addrs(n, PU_TRANSPORT_TCP, addrs), PU_TRANSPORT_TCP, m, pool);
    put_global(n, addrs, ctx_observed_addrs(n, addrs), PU_TRANSPORT_QUIC, m, pool);
    const pu_endpoint *found = ctx_conn_local(n, c);
    bool is_direct = c->transport == PU_TRANSPORT_QUIC || c->transport == PU_TRANSPORT_TCP;
    if (m->addr_count == 0 && is_direct && found->port != 0)
        put_addr(n, found, (enum pu_transport)c->transport, m, pool);
}

static void take_reserve(pu_node *n, stream *s, const conn *c)
{
    enum wire_relay_status status = reserve(n, c);
    if (status != WIRE_RELAY_OK) {
        deny(n, s, status);
        return;
    }
    PU_ASSERT(server(n) != NULL);
    uint8_t bytes[POOL_MAX], voucher_bytes[VOUCHER_MAX];
    pu_buf pool = buf_of(bytes, sizeof bytes), voucher = buf_of(voucher_bytes, VOUCHER_MAX);
    uint64_t life_ns = ctx_config(n)->reservation_ns;
    wire_relay m = {
        .type = WIRE_HOP_STATUS,
        .status = WIRE_RELAY_OK,
        .has_status = true,
        .has_reservation = true,
        .expire_s = ctx_unix_s(n) + life_ns / PU_S,
    };
    put_addrs(n, c, &m, &pool);
    put_limit(n, &m);
    voucher_seal(n, &voucher, c->peer, m.expire_s);
    PU_ASSERT(!voucher.full);
    m.voucher = buf_span(&voucher);
    reservation *held = reservation_of(n, c->peer);
    held->ends_at = ctx_after(n, life_ns);
    ctx_timer(n, TIMER_RESERVATION, c->peer, held->ends_at);
    ctx_trace(n, PU_TR_RELAY_SERVE, c, s, 0, server(n)->reservation_count, 0, span_of(NULL, 0));
    STREAM_STATE(s, relay_stream)->is_answered = true;
    send_hop(n, s, &m);
    ctx_stream_fin(n, s);
}

void relay_reservation_timer(pu_node *n, uint64_t arg)
{
    PU_ASSERT(arg != 0 && arg <= UINT32_MAX);
    reservation *held = reservation_of(n, (pu_peer)arg);
    if (held != NULL) reservation_end(n, held);
}

static void relay_server_conn_down(pu_node *n, conn *c, uint32_t code)
{
    (void)code;
    PU_ASSERT(c->peer != 0);
    reservation *held = reservation_of(n, c->peer);
    if (held != NULL && held->conn == c->handle) reservation_end(n, held);
}

/* Memory was short: the timer that ends a place may be missing. A circuit's takes the place of its
 * stream's. */
static void relay_server_again(pu_node *n, conn *c)
{
    PU_ASSERT(c->peer != 0);
    const reservation *held = reservation_of(n, c->peer);
    bool is_here = held != NULL && held->conn == c->handle;
    if (is_here && !ctx_has_timer(n, TIMER_RESERVATION, c->peer))
        ctx_timer(n, TIMER_RESERVATION, c->peer, held->ends_at);
}

/* ---- circuits: asked for ---- */

static bool is_at_circuit_limit(pu_node *n, pu_peer peer)
{
    PU_ASSERT(peer != 0);
    uint64_t max = ctx_config(n)->circuits_per_peer_max;
    return ctx_at_limit(n, "circuits_per_peer_max", pipe_count(n, peer), max);
}

/* Begins a circuit from s, on connection c, to the peer called id. Returns the status to answer
 * now; OK: the circuit waits for the other side. Both are authorised now: whom we dialled need not
 * be, and an authorisation may have ended since the place was given. */
static enum wire_relay_status begin(pu_node *n, stream *s, const conn *c, pu_span id)
{
    pu_peer_id wanted;
    PU_ASSERT(c->peer != 0);
    if (pu_peer_id_from_bytes(&wanted, id) != PU_OK) return WIRE_RELAY_MALFORMED_MESSAGE;
    pu_peer to = ctx_peer_find(n, id);
    bool is_self = pu_peer_id_equal(&wanted, ctx_self(n)) || to == c->peer;
    bool is_welcome = (c->flags & PU_RELAYED) == 0 && ctx_is_authorised(n, c->peer);
    if (is_self || !is_welcome) return WIRE_RELAY_PERMISSION_DENIED;
    bool may_be_reached = to != 0 && ctx_is_authorised(n, to);
    const reservation *held = may_be_reached ? reservation_of(n, to) : NULL;
    conn *target = held != NULL ? ctx_conn(n, held->conn) : NULL;
    if (target == NULL) return WIRE_RELAY_NO_RESERVATION;
    if (is_at_circuit_limit(n, c->peer) || is_at_circuit_limit(n, to))
        return WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED;

    relay_stream state = {.circuit = pipe_new(n, s, c->peer, to)};
    if (state.circuit == 0) return WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED;
    uint64_t words[4] = {0};
    memcpy(words, &state, sizeof state);
    if (!ctx_stream_open(n, target, PROTO_STOP, words)) {
        pipe_drop(n, state.circuit);
        return WIRE_RELAY_CONNECTION_FAILED;
    }
    *STREAM_STATE(s, relay_stream) = state;
    return WIRE_RELAY_OK;
}

static void take_connect(pu_node *n, stream *s, const conn *c, const wire_relay *m)
{
    PU_ASSERT(m->type == WIRE_HOP_CONNECT);
    enum wire_relay_status status = begin(n, s, c, m->peer_id);
    if (status != WIRE_RELAY_OK) {
        deny(n, s, status);
        return;
    }
    ctx_stream_raw(n, s);                /* what follows is the other side's, and waits */
    ctx_stream_deadline(n, s, PU_NEVER); /* the stop stream has one, and decides */
}

enum verdict hop_server_message(pu_node *n, stream *s, pu_span message)
{
    const conn *c = ctx_conn(n, s->conn);
    wire_relay m;
    PU_ASSERT(s->inbound);
    if (c == NULL || STREAM_STATE(s, relay_stream)->is_answered) return VERDICT_OK;
    if (!wire_hop_read(&m, message)) {
        ctx_trace(n, PU_TR_MALFORMED, c, s, 0, message.len, 0, hop_name());
        deny(n, s, WIRE_RELAY_MALFORMED_MESSAGE);
    } else if (m.type == WIRE_HOP_RESERVE) {
        take_reserve(n, s, c);
    } else if (m.type == WIRE_HOP_CONNECT) {
        take_connect(n, s, c, &m);
    } else {
        deny(n, s, WIRE_RELAY_UNEXPECTED_MESSAGE);
    }
    return VERDICT_OK;
}

void hop_server_ended(pu_node *n, stream *s, uint32_t code)
{
    const relay_stream *state = STREAM_STATE(s, relay_stream);
    PU_ASSERT(s->inbound);
    const circuit *c = state->circuit != 0 ? pipe_find(n, state->circuit) : NULL;
    if (c == NULL) return;
    if (c->is_up) {
        pipe_ended(n, s, code);
        return;
    }
    stream *stop = ctx_stream(n, c->side[SIDE_STOP]); /* one that is not open yet ends itself */
    pipe_drop(n, state->circuit);
    if (stop != NULL) ctx_stream_reset(n, stop, PU_CODE_COLLECTED);
}

/* ---- circuits: offered ---- */

void stop_server_opened(pu_node *n, stream *s)
{
    circuit *c = pipe_find(n, STREAM_STATE(s, relay_stream)->circuit);
    PU_ASSERT(!s->inbound);
    if (c == NULL) { /* who asked is gone */
        ctx_stream_reset(n, s, PU_CODE_COLLECTED);
        return;
    }
    PU_ASSERT(c->side[SIDE_STOP] == 0);
    c->side[SIDE_STOP] = s->handle;
    wire_relay m = {
        .type = WIRE_STOP_CONNECT,
        .peer_id = ctx_peer_id(n, c->peer[SIDE_HOP]),
    };
    put_limit(n, &m);
    uint8_t bytes[ADDR_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_stop_write(&out, &m);
    PU_ASSERT(!out.full);
    ctx_stream_send(n, s, buf_span(&out));
}

/* A circuit that was never up ends; who asked for it is told so. */
static void circuit_fails(pu_node *n, uint64_t number, enum wire_relay_status status)
{
    const circuit *c = pipe_find(n, number);
    PU_ASSERT(c != NULL);
    PU_ASSERT(!c->is_up);
    stream *hop = ctx_stream(n, c->side[SIDE_HOP]);
    pipe_drop(n, number);
    if (hop != NULL) deny(n, hop, status);
}

static void circuit_agreed(pu_node *n, stream *stop, uint64_t number)
{
    PU_ASSERT(number != 0);
    stream *hop = ctx_stream(n, pipe_find(n, number)->side[SIDE_HOP]);
    PU_ASSERT(hop != NULL); /* its end would have ended the circuit */
    if (hop->fin_out) {     /* who asked no longer listens */
        ctx_stream_reset(n, hop, PU_CODE_COLLECTED);
        return;
    }
    wire_relay m = {.type = WIRE_HOP_STATUS, .status = WIRE_RELAY_OK, .has_status = true};
    put_limit(n, &m);
    ctx_stream_raw(n, stop);
    send_hop(n, hop, &m);
    if (pipe_find(n, number) != NULL) pipe_up(n, number);
}

enum verdict stop_server_message(pu_node *n, stream *s, pu_span message)
{
    const uint64_t number = STREAM_STATE(s, relay_stream)->circuit;
    wire_relay m;
    PU_ASSERT(!s->inbound);
    const circuit *c = pipe_find(n, number);
    if (c == NULL) return VERDICT_OK; /* refused already */
    PU_ASSERT(!c->is_up);
    if (!wire_stop_read(&m, message)) return VERDICT_MALFORMED;
    if (m.type != WIRE_STOP_STATUS || !m.has_status) return VERDICT_MALFORMED;
    if (m.status == WIRE_RELAY_OK) {
        circuit_agreed(n, s, number);
        return VERDICT_OK;
    }
    ctx_stream_fin(n, s);
    bool is_gated = m.status == WIRE_RELAY_PERMISSION_DENIED;
    circuit_fails(n, number,
                  is_gated ? WIRE_RELAY_PERMISSION_DENIED : WIRE_RELAY_CONNECTION_FAILED);
    return VERDICT_OK;
}

void stop_server_ended(pu_node *n, stream *s, uint32_t code)
{
    const uint64_t number = STREAM_STATE(s, relay_stream)->circuit;
    PU_ASSERT(!s->inbound);
    const circuit *c = pipe_find(n, number);
    if (c == NULL) return;
    if (c->is_up) pipe_ended(n, s, code);
    else circuit_fails(n, number, WIRE_RELAY_CONNECTION_FAILED);
}

/* ---- the module ---- */

static void relay_server_close(pu_node *n, void *state)
{
    relay_server *r = state;
    PU_ASSERT(r != NULL);
    mem_free(ctx_alloc(n), r->reservations, r->reservation_cap * sizeof *r->reservations);
    pipe_free(n, &r->circuits);
}

const struct module module_relay_server = {
    .state_bytes = sizeof(relay_server),
    .conn_again = relay_server_again,
    .conn_down = relay_server_conn_down,
    .close = relay_server_close,
};
