/* proto/relay/relay_client.c - as client: a place at each of our relays, circuits that we ask for,
 * circuits that are offered to us (circuit-v2.md, "Reservation" and "Circuit Opening").
 *
 * A place lives with the connection it was given on. It is asked for again when a quarter of its
 * life is left, and after a refusal every 5 s to 60 s as long as the connection is up.
 */
#include "proto/relay/relay_client.h"

#include "base/planted.h"
#include "base/varint.h"
#include "proto/relay/voucher.h"
#include "wire/wire_relay.h"

enum {
    PLACE_ADDRS_MAX = 2,        /* a relay's addresses that we tell others */
    SPARE_LEAST_S = 30,         /* a place is renewed so long before its end, or earlier */
    LIFE_LEAST_S = 60,          /* nor less: it would be asked again and again */
    LIFE_MAX_S = 7 * 24 * 3600, /* no relay promises more: what says so is a clock that is wrong */
    LIFE_ASSUMED_S = 300,       /* of a place whose end our clock cannot tell */
    REQUEST_BYTES = 128,        /* any request or answer that a client writes */
    CIRCUIT_ADDR_MAX = PU_MADDR_MAX + 64
};

#define PAUSE_LEAST_NS (5 * PU_S)
#define PAUSE_MOST_NS (60 * PU_S)

typedef struct relay_addr {
    pu_endpoint endpoint;
    enum pu_transport transport; /* QUIC or TCP */
} relay_addr;

/* One of our relays that we have a direct connection to. The connection holds the peer. */
typedef struct place {
    pu_peer relay;
    pu_handle conn;
    uint64_t expire_s; /* Unix time, as the relay said; 0: it keeps nothing for us */
    pu_time ends_at;   /* the same by our own time, which does not jump */
    uint64_t pause_ns; /* before the next attempt, after a failure */
    bool is_asking;
    uint32_t addr_count;
    relay_addr addrs[PLACE_ADDRS_MAX]; /* where others reach the relay */
} place;

/* A circuit that we asked for. */
typedef struct request {
    pu_token leg;
    pu_peer target; /* one reference held: the leg may be given up meanwhile */
} request;

/* State of MODULE_RELAY_CLIENT. */
typedef struct relay_client {
    place *places; /* owned */
    uint32_t place_count, place_cap;
    request *requests; /* owned */
    uint32_t request_count, request_cap;
} relay_client;

/* stream->state of a hop stream that we opened. */
typedef struct hop_asking {
    pu_token leg; /* CONNECT; 0: RESERVE */
    bool is_answered;
} hop_asking;

/* stream->state of a stop stream that a relay opened. */
typedef struct stop_offer {
    bool is_answered;
} stop_offer;

_Static_assert(sizeof(hop_asking) <= 4 * sizeof(uint64_t), "it lives in stream->state");

static void no_memory(pu_node *n, size_t bytes)
{
    PU_ASSERT(bytes > 0);
    ctx_no_memory(n, NULL, bytes);
}

static bool send_hop(pu_node *n, stream *s, const wire_relay *m)
{
    uint8_t bytes[REQUEST_BYTES];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_hop_write(&out, m);
    PU_ASSERT(!out.full);
    if (s->fin_out) return false;
    ctx_stream_send(n, s, buf_span(&out));
    return true;
}

/* ---- our places ---- */

static place *place_of_relay(pu_node *n, pu_peer relay)
{
    PU_ASSERT(relay != 0);
    relay_client *r = ctx_state_peek(n, MODULE_RELAY_CLIENT);
    for (uint32_t i = 0; r != NULL && i < r->place_count; i++)
        if (r->places[i].relay == relay) return &r->places[i];
    return NULL;
}

static place *place_of_conn(pu_node *n, pu_handle handle)
{
    PU_ASSERT(handle != 0);
    relay_client *r = ctx_state_peek(n, MODULE_RELAY_CLIENT);
    for (uint32_t i = 0; r != NULL && i < r->place_count; i++)
        if (r->places[i].conn == handle) return &r->places[i];
    return NULL;
}

/* How long a place lasts that ends at a Unix time and was given this moment. Where the two clocks
 * are so far apart that this makes no sense, it is taken for good and renewed soon; but a place of
 * seconds, which may be meant or a matter of clocks as well, is not asked for every second. */
static uint64_t life_of(const pu_node *n, uint64_t unix_s)
{
    uint64_t now_s = ctx_unix_s(n);
    bool makes_sense = unix_s > now_s && unix_s - now_s <= LIFE_MAX_S;
    if (!makes_sense) return LIFE_ASSUMED_S;
    return unix_s - now_s < LIFE_LEAST_S ? LIFE_LEAST_S : unix_s - now_s;
}

static void place_retry(pu_node *n, place *p)
{
    PU_ASSERT(p->pause_ns >= PAUSE_LEAST_NS);
    p->is_asking = false;
    pu_time at = ctx_after(n, p->pause_ns);
    if (p->expire_s != 0 && p->ends_at < at) at = p->ends_at > ctx_now(n) ? p->ends_at : ctx_now(n);
    p->pause_ns = 2 * p->pause_ns < PAUSE_MOST_NS ? 2 * p->pause_ns : PAUSE_MOST_NS;
    ctx_timer(n, TIMER_RESERVE, p->relay, at);
}

static void place_ask(pu_node *n, place *p)
{
    PU_ASSERT(!p->is_asking);
    conn *c = ctx_conn(n, p->conn);
    if (c == NULL) return;
    p->is_asking = true;
    if (!ctx_stream_open(n, c, PROTO_HOP, NULL)) place_retry(n, p);
}

static void place_lost(pu_node *n, place *p)
{
    PU_ASSERT(p->expire_s != 0);
    p->expire_s = 0;
    ctx_trace(n, PU_TR_RELAY_LOST, NULL, NULL, p->relay, 0, 0, span_of(NULL, 0));
    ctx_event(n, PU_EVENT_RELAY, p->relay, p->conn, PU_GONE, 0, 0, span_of(NULL, 0));
    ctx_self_changed(n);
}

static bool is_direct(enum pu_transport transport)
{
    return transport == PU_TRANSPORT_QUIC || transport == PU_TRANSPORT_TCP;
}

/* Whether addr, with or without /p2p-circuit at its end, names another peer than relay. */
static bool names_another(const pu_node *n, const pu_addr *addr, pu_peer relay)
{
    const pu_peer_id *named = addr->circuit ? &addr->via : &addr->peer;
    return named->len > 0 && !span_equal(span_of(named->bytes, named->len), ctx_peer_id(n, relay));
}

/* Keeps the relay's own word on where it is, else where we found it. Whether that is news. */
static bool place_take_addrs(const pu_node *n, place *p, const conn *c, const wire_relay *m)
{
    const place before = *p;
    p->addr_count = 0;
    for (uint32_t i = 0; i < m->addr_count && p->addr_count < PLACE_ADDRS_MAX; i++) {
        pu_addr addr;
        if (pu_addr_read(&addr, m->addrs[i]) != PU_OK || addr.dns) continue;
        if (!is_direct(addr.transport) || names_another(n, &addr, p->relay)) continue;
        if (pu_endpoint_scope(&addr.endpoint) != PU_SCOPE_GLOBAL) continue;
        p->addrs[p->addr_count++] = (relay_addr){addr.endpoint, addr.transport};
    }
    PU_ASSERT((c->flags & PU_RELAYED) == 0);
    if (p->addr_count == 0 && is_direct(c->transport))
        p->addrs[p->addr_count++] = (relay_addr){c->remote, c->transport};
    bool is_same = p->addr_count == before.addr_count;
    for (uint32_t i = 0; is_same && i < p->addr_count; i++)
        is_same = p->addrs[i].transport == before.addrs[i].transport &&
                  pu_endpoint_equal(&p->addrs[i].endpoint, &before.addrs[i].endpoint);
    return !is_same;
}

static void place_given(pu_node *n, place *p, const conn *c, const wire_relay *m)
{
    uint64_t life_s = life_of(n, m->expire_s);
    PU_ASSERT(life_s >= LIFE_LEAST_S && life_s <= LIFE_MAX_S);
    uint64_t spare_s = life_s / 4 > SPARE_LEAST_S ? life_s / 4 : SPARE_LEAST_S;
    uint64_t wait_ns = (life_s - spare_s) * PU_S;
    p->is_asking = false;
    p->pause_ns = PAUSE_LEAST_NS;
    bool is_new = p->expire_s == 0;
    p->expire_s = m->expire_s;
    p->ends_at = ctx_after(n, life_s * PU_S);
    if (place_take_addrs(n, p, c, m) || is_new) ctx_self_changed(n);
    ctx_timer(n, TIMER_RESERVE, p->relay, ctx_after(n, wait_ns));
    ctx_trace(n, PU_TR_RELAY_RESERVED, c, NULL, p->relay, life_s, 0, span_of(NULL, 0));
    ctx_event(n, PU_EVENT_RELAY, p->relay, p->conn, 0, 0, p->expire_s, span_of(NULL, 0));
}

void relay_reserve_timer(pu_node *n, uint64_t arg)
{
    PU_ASSERT(arg != 0 && arg <= UINT32_MAX);
    place *p = place_of_relay(n, (pu_peer)arg);
    if (p == NULL) return;
    if (p->expire_s != 0 && p->ends_at <= ctx_now(n)) place_lost(n, p);
    if (!p->is_asking) place_ask(n, p);
}

static void place_begin(pu_node *n, const conn *c)
{
    if (PLANTED(PLANTED_NO_RESERVATION)) return;
    relay_client *r = ctx_state(n, MODULE_RELAY_CLIENT);
    if (r == NULL) return;
    uint32_t max = (uint32_t)ctx_config(n)->relays_max;
    if (ctx_at_limit(n, "relays_max", r->place_count, max)) return;
    if (!mem_grow(ctx_alloc(n), (void **)&r->places, &r->place_cap, r->place_count, max,
                  sizeof *r->places)) {
        no_memory(n, sizeof *r->places);
        return;
    }
    place *p = &r->places[r->place_count++];
    *p = (place){.relay = c->peer, .conn = c->handle, .pause_ns = PAUSE_LEAST_NS};
    place_ask(n, p);
}

/* Whether c could carry a reservation. */
static bool is_to_relay(const pu_node *n, const conn *c)
{
    PU_ASSERT(c->peer != 0);
    bool serves = c->identified && (c->speaks & 1u << PROTO_HOP) != 0;
    return serves && (c->flags & PU_RELAYED) == 0 && ctx_is_relay(n, c->peer);
}

static void relay_client_identified(pu_node *n, conn *c)
{
    PU_ASSERT(c->identified);
    if (is_to_relay(n, c) && place_of_relay(n, c->peer) == NULL) place_begin(n, c);
}

/* A place may be missing, or the timer that renews it. */
static void relay_client_again(pu_node *n, conn *c)
{
    place *p = place_of_conn(n, c->handle);
    if (p != NULL && !p->is_asking) place_ask(n, p);
    if (p == NULL && c->identified) relay_client_identified(n, c);
}

static void relay_client_conn_down(pu_node *n, conn *c, uint32_t code)
{
    (void)code;
    PU_ASSERT(c->handle != 0);
    place *p = place_of_conn(n, c->handle);
    if (p == NULL) return;
    if (p->expire_s != 0) place_lost(n, p);
    ctx_timer(n, TIMER_RESERVE, p->relay, PU_NEVER);
    relay_client *r = ctx_state_peek(n, MODULE_RELAY_CLIENT);
    *p = r->places[--r->place_count];
    const conn *other = ctx_conn_direct(n, c->peer);
    if (other != NULL && is_to_relay(n, other)) place_begin(n, other);
}

uint32_t relay_client_circuit_addrs(const pu_node *n, enum pu_scope least, pu_buf *pool,
                                    pu_span *addrs, uint32_t max)
{
    PU_ASSERT(!pool->full);
    const relay_client *r = ctx_state_peek(n, MODULE_RELAY_CLIENT);
    uint32_t count = 0, all = r != NULL ? r->place_count * PLACE_ADDRS_MAX : 0;
    for (uint32_t i = 0; i < all && count < max; i++) {
        const place *p = &r->places[i / PLACE_ADDRS_MAX];
        const relay_addr *addr = &p->addrs[i % PLACE_ADDRS_MAX];
        if (p->expire_s == 0 || i % PLACE_ADDRS_MAX >= p->addr_count) continue;
        if (pu_endpoint_scope(&addr->endpoint) < least) continue;
        uint8_t bytes[CIRCUIT_ADDR_MAX];
        pu_buf maddr = buf_of(bytes, sizeof bytes);
        pu_span relay = ctx_peer_id(n, p->relay);
        maddr.len = pu_addr_write(bytes, &addr->endpoint, addr->transport);
        varint_put(&maddr, PU_MA_P2P);
        varint_put(&maddr, relay.len);
        buf_put_span(&maddr, relay);
        varint_put(&maddr, PU_MA_CIRCUIT);
        PU_ASSERT(!maddr.full);
        if (maddr.len > pool->cap - pool->len) break;
        addrs[count++] = span_of(pool->base + pool->len, maddr.len);
        buf_put_span(pool, buf_span(&maddr));
    }
    return count;
}

/* ---- circuits that we ask for ---- */

/* Takes the request out; its reference is the caller's. False: there is none. */
static bool request_take(pu_node *n, pu_token leg, request *taken)
{
    PU_ASSERT(leg != 0);
    relay_client *r = ctx_state_peek(n, MODULE_RELAY_CLIENT);
    for (uint32_t i = 0; r != NULL && i < r->request_count; i++) {
        if (r->requests[i].leg != leg) continue;
        *taken = r->requests[i];
        r->requests[i] = r->requests[--r->request_count];
        return true;
    }
    return false;
}

static pu_peer request_target(pu_node *n, pu_token leg)
{
    PU_ASSERT(leg != 0);
    const relay_client *r = ctx_state_peek(n, MODULE_RELAY_CLIENT);
    for (uint32_t i = 0; r != NULL && i < r->request_count; i++)
        if (r->requests[i].leg == leg) return r->requests[i].target;
    PU_NEVER_HERE();
}

static void request_fail(pu_node *n, pu_token leg, uint32_t code)
{
    PU_ASSERT(code != PU_CODE_OK);
    request taken;
    if (!request_take(n, leg, &taken)) return;
    ctx_peer_drop(n, taken.target);
    ctx_leg_failed(n, leg, code);
}

bool relay_connect(pu_node *n, conn *relay, pu_peer target, pu_token leg)
{
    PU_ASSERT(leg != 0);
    PU_ASSERT(target != 0);
    relay_client *r = ctx_state(n, MODULE_RELAY_CLIENT);
    if (r == NULL) return false;
    uint32_t max = (uint32_t)ctx_config(n)->streams_max;
    if (ctx_at_limit(n, "streams_max", r->request_count, max)) return false;
    if (!mem_grow(ctx_alloc(n), (void **)&r->requests, &r->request_cap, r->request_count, max,
                  sizeof *r->requests)) {
        no_memory(n, sizeof *r->requests);
        return false;
    }
    union {
        hop_asking ask;
        uint64_t words[4];
    } state = {.words = {0}};
    state.ask.leg = leg;
    if (!ctx_stream_open(n, relay, PROTO_HOP, state.words)) return false;
    pu_peer held = ctx_peer_hold(n, ctx_peer_id(n, target));
    PU_ASSERT(held == target); /* it is in the table already */
    r->requests[r->request_count++] = (request){leg, held};
    return true;
}

/* ---- hop streams that we opened ---- */

void hop_client_opened(pu_node *n, stream *s)
{
    const hop_asking *ask = STREAM_STATE(s, hop_asking);
    PU_ASSERT(!ask->is_answered);
    wire_relay m = {.type = WIRE_HOP_RESERVE};
    if (ask->leg != 0) {
        m.type = WIRE_HOP_CONNECT;
        m.peer_id = ctx_peer_id(n, request_target(n, ask->leg));
    }
    if (!send_hop(n, s, &m)) ctx_stream_reset(n, s, PU_CODE_REFUSED);
}

/* Rust's relays give no voucher, and none is needed to be reached; one that is there must hold. */
static bool is_vouched(pu_node *n, const stream *s, const conn *c, const wire_relay *m)
{
    PU_ASSERT(m->has_reservation);
    if (m->voucher.len == 0) return true;
    enum record_verdict v = voucher_check(n, m->voucher, c->peer, m->expire_s);
    if (v != RECORD_OK) ctx_trace(n, PU_TR_VOUCHER_REFUSED, c, s, c->peer, v, 0, span_of(NULL, 0));
    return v == RECORD_OK;
}

static void answered_reserve(pu_node *n, stream *s, const wire_relay *m)
{
    ctx_stream_fin(n, s);
    place *p = place_of_conn(n, s->conn);
    const conn *c = ctx_conn(n, s->conn);
    if (p == NULL || c == NULL) return;
    PU_ASSERT(p->is_asking);
    bool is_given = m->status == WIRE_RELAY_OK && m->has_reservation;
    if (is_given && m->expire_s != 0 && is_vouched(n, s, c, m)) {
        place_given(n, p, c, m);
        return;
    }
    ctx_trace(n, PU_TR_RELAY_REFUSED, c, s, p->relay, m->status, 0, span_of(NULL, 0));
    place_retry(n, p);
}

/* Whether the relay behind s limits the circuit with peer that m is about: what it says is told. */
static bool is_limited(pu_node *n, const stream *s, pu_peer peer, const wire_relay *m)
{
    PU_ASSERT(peer != 0);
    if (m->limit_duration_s == 0 && m->limit_data_bytes == 0) return false;
    ctx_trace(n, PU_TR_CIRCUIT_LIMITS, ctx_conn(n, s->conn), s, peer, m->limit_data_bytes,
              m->limit_duration_s, span_of(NULL, 0));
    return true;
}

/* The relay has said yes: exactly one message is read, what follows is the other side's. A stream
 * that is over already, or whose request is still waiting here, carries nothing. */
static void answered_connect(pu_node *n, stream *s, pu_token leg, const wire_relay *m)
{
    PU_ASSERT(leg != 0);
    bool is_usable = s->out.len == 0 && !s->fin_out && !s->fin_seen;
    if (m->status == WIRE_RELAY_OK && is_usable) {
        request taken;
        bool found = request_take(n, leg, &taken);
        PU_ASSERT(found);
        bool limited = is_limited(n, s, taken.target, m);
        ctx_upgrade(n, s, leg, PU_ROLE_CLIENT, taken.target, limited);
        ctx_peer_drop(n, taken.target);
        return;
    }
    const conn *c = ctx_conn(n, s->conn);
    ctx_trace(n, PU_TR_RELAY_REFUSED, c, s, 0, m->status, 0, span_of(NULL, 0));
    if (m->status == WIRE_RELAY_OK) ctx_stream_reset(n, s, PU_CODE_VIOLATION);
    else ctx_stream_fin(n, s);
    request_fail(n, leg, PU_CODE_REFUSED);
}

enum verdict hop_client_message(pu_node *n, stream *s, pu_span message)
{
    hop_asking *ask = STREAM_STATE(s, hop_asking);
    wire_relay m;
    PU_ASSERT(!s->inbound);
    if (ask->is_answered || !wire_hop_read(&m, message)) return VERDICT_MALFORMED;
    if (m.type != WIRE_HOP_STATUS || !m.has_status) return VERDICT_MALFORMED;
    ask->is_answered = true;
    if (ask->leg == 0) answered_reserve(n, s, &m);
    else answered_connect(n, s, ask->leg, &m);
    return VERDICT_OK;
}

void hop_client_fin(pu_node *n, stream *s)
{
    const hop_asking *ask = STREAM_STATE(s, hop_asking);
    PU_ASSERT(s->fin_in);
    if (ask->is_answered) ctx_stream_fin(n, s);
    else ctx_stream_reset(n, s, PU_CODE_VIOLATION);
}

/* What a leg's end is called when its stream ended without an answer: a peer's own codes mean no.
 */
static uint32_t leg_code(uint32_t code)
{
    bool is_ours = code == PU_CODE_VIOLATION || code == PU_CODE_TIMEOUT || code == PU_CODE_LOST ||
                   code == PU_CODE_UNSUPPORTED || code == PU_CODE_NO_MEMORY;
    return is_ours ? code : PU_CODE_REFUSED;
}

void hop_client_ended(pu_node *n, stream *s, uint32_t code)
{
    const hop_asking *ask = STREAM_STATE(s, hop_asking);
    PU_ASSERT(!s->inbound);
    if (ask->is_answered) return;
    if (ask->leg != 0) {
        request_fail(n, ask->leg, leg_code(code));
        return;
    }
    place *p = place_of_conn(n, s->conn);
    if (p != NULL && p->is_asking) place_retry(n, p);
}

/* ---- stop streams that a relay opened ---- */

static void answer_stop(pu_node *n, stream *s, enum wire_relay_status status)
{
    stop_offer *offer = STREAM_STATE(s, stop_offer);
    PU_ASSERT(!offer->is_answered);
    offer->is_answered = true;
    wire_relay m = {.type = WIRE_STOP_STATUS, .status = status, .has_status = true};
    uint8_t bytes[REQUEST_BYTES];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_stop_write(&out, &m);
    PU_ASSERT(!out.full);
    if (!s->fin_out) ctx_stream_send(n, s, buf_span(&out));
    if (status != WIRE_RELAY_OK) ctx_stream_fin(n, s);
}

/* Whether a relay may offer us circuits on c at all. */
static bool may_offer(const pu_node *n, const conn *c)
{
    PU_ASSERT(c->peer != 0);
    return (c->flags & PU_RELAYED) == 0 && ctx_is_relay(n, c->peer);
}

static void refuse(pu_node *n, stream *s, const conn *c, pu_peer source)
{
    PU_ASSERT(source != 0);
    ctx_trace(n, PU_TR_REFUSED, c, s, source, 2, 0, span_of(NULL, 0));
    ctx_event(n, PU_EVENT_REFUSED, source, c->handle, PU_RELAYED, PU_ASK_ACCEPT, 0,
              span_of(NULL, 0));
    answer_stop(n, s, WIRE_RELAY_PERMISSION_DENIED);
}

/* Admits source: the stream becomes the carrier of a connection. The answer must have left whole
 * and the relay must not have ended the stream meanwhile. */
static void accept_offer(pu_node *n, stream *s, pu_peer source, const wire_relay *m)
{
    PU_ASSERT(source != 0);
    if (!ctx_may_upgrade(n)) {
        answer_stop(n, s, WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED);
        return;
    }
    answer_stop(n, s, WIRE_RELAY_OK);
    if (s->phase != STREAM_OPEN || s->out.len > 0 || s->fin_out || s->fin_seen) {
        ctx_stream_reset(n, s, PU_CODE_RESOURCE);
        return;
    }
    ctx_upgrade(n, s, 0, PU_ROLE_SERVER, source, is_limited(n, s, source, m));
}

static void take_offer(pu_node *n, stream *s, const conn *c, const wire_relay *m)
{
    pu_peer_id id;
    PU_ASSERT(m->type == WIRE_STOP_CONNECT);
    if (pu_peer_id_from_bytes(&id, m->peer_id) != PU_OK) {
        answer_stop(n, s, WIRE_RELAY_MALFORMED_MESSAGE);
        return;
    }
    pu_peer source = ctx_peer_hold(n, m->peer_id);
    if (source == 0) {
        answer_stop(n, s, WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED);
        return;
    }
    bool is_self = pu_peer_id_equal(&id, ctx_self(n));
    if (is_self || !may_offer(n, c) || !ctx_is_authorised(n, source)) refuse(n, s, c, source);
    else accept_offer(n, s, source, m);
    ctx_peer_drop(n, source);
}

enum verdict stop_client_message(pu_node *n, stream *s, pu_span message)
{
    const stop_offer *offer = STREAM_STATE(s, stop_offer);
    const conn *c = ctx_conn(n, s->conn);
    wire_relay m;
    PU_ASSERT(s->inbound);
    if (offer->is_answered || !wire_stop_read(&m, message)) return VERDICT_MALFORMED;
    if (c == NULL) return VERDICT_OK;
    if (m.type == WIRE_STOP_CONNECT) take_offer(n, s, c, &m);
    else answer_stop(n, s, WIRE_RELAY_UNEXPECTED_MESSAGE);
    return VERDICT_OK;
}

/* ---- the module ---- */

static void relay_client_close(pu_node *n, void *state)
{
    relay_client *r = state;
    PU_ASSERT(r != NULL);
    for (uint32_t i = 0; i < r->request_count; i++) ctx_peer_drop(n, r->requests[i].target);
    mem_free(ctx_alloc(n), r->places, r->place_cap * sizeof *r->places);
    mem_free(ctx_alloc(n), r->requests, r->request_cap * sizeof *r->requests);
}

const struct module module_relay_client = {
    .state_bytes = sizeof(relay_client),
    .conn_identified = relay_client_identified,
    .conn_again = relay_client_again,
    .conn_down = relay_client_conn_down,
    .close = relay_client_close,
};
