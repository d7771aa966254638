/* sim/transport_model/tm.c - the model transport's object, memory and tables, and its public calls,
 * which dispatch. */
#include "sim/transport_model/tm_impl.h"

#include "base/ahead.h"

enum { FIFO_FIRST_BYTES = 64, ORIGINS_SEED = 0x746d };

/* ---- memory ---- */

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    tm *t = ctx;
    t->bytes += new_len - old_len; /* unsigned arithmetic: right in both directions */
    const pu_alloc *alloc = t->host->alloc;
    void *block = alloc->resize(alloc->ctx, old, old_len, new_len);
    PU_ASSERT(block != NULL || new_len == 0);
    return block;
}

void fifo_append(tm *t, fifo **fifo_at, pu_span bytes)
{
    if (bytes.len == 0) return;
    fifo *f = *fifo_at;
    size_t need = fifo_len(f) + bytes.len;
    PU_ASSERT(need <= UINT32_MAX / 2);
    if (f != NULL && f->head > 0) memmove(f->bytes, f->bytes + f->head, f->len);
    uint32_t had = f != NULL ? f->cap : 0, cap = had == 0 ? FIFO_FIRST_BYTES : had;
    while (cap < need) cap *= 2;
    if (cap > had) {
        f = resize(t, f, had == 0 ? 0 : sizeof *f + had, sizeof *f + cap);
        if (had == 0) f->len = 0;
        f->cap = cap;
        *fifo_at = f;
    }
    f->head = 0;
    memcpy(f->bytes + f->len, bytes.base, bytes.len);
    f->len = (uint32_t)need;
}

void fifo_drop(tm *t, fifo **fifo_at, uint32_t count)
{
    fifo *f = *fifo_at;
    PU_ASSERT(count <= fifo_len(f));
    if (count == 0) return;
    f->head += count;
    f->len -= count;
    if (f->len == 0) fifo_free(t, fifo_at);
}

void fifo_free(tm *t, fifo **fifo_at)
{
    fifo *f = *fifo_at;
    if (f != NULL) mem_free(&t->alloc, f, sizeof *f + f->cap);
    *fifo_at = NULL;
}

uint32_t fifo_len(const fifo *f)
{
    return f != NULL ? f->len : 0;
}

pu_span fifo_span(const fifo *f)
{
    return f != NULL ? span_of(f->bytes + f->head, f->len) : (pu_span){NULL, 0};
}

/* ---- tables ---- */

pu_handle slots_add(tm *t, slots *s, uint64_t max, void *object)
{
    uint32_t slot = s->low;
    while (slot < s->cap && s->at[slot].handle != 0) slot++;
    if (slot == s->cap &&
        !mem_grow(&t->alloc, (void **)&s->at, &s->cap, slot, (uint32_t)max, sizeof s->at[0])) {
        return 0;
    }
    s->low = slot + 1;
    s->ordinal++;
    s->at[slot] = (struct slot){pu_handle_make(slot, s->ordinal), object};
    return s->at[slot].handle;
}

void slots_del(slots *s, pu_handle handle)
{
    PU_ASSERT(slots_get(s, handle) != NULL);
    uint32_t slot = pu_handle_slot(handle);
    s->at[slot] = (struct slot){0};
    if (slot < s->low) s->low = slot;
}

void *slots_get(const slots *s, pu_handle handle)
{
    uint32_t slot = pu_handle_slot(handle);
    if (handle == 0 || slot >= s->cap || s->at[slot].handle != handle) return NULL;
    return s->at[slot].object;
}

void give(tm *t, const pu_in *in)
{
    t->host->input(t->ctx, in);
}

/* ---- ended connections ---- */

/* Makes room for one more: what is over goes, and the oldest when there are too many. */
static void tombs_prune(tm *t)
{
    uint32_t gone = t->tomb_count == TOMBS_MAX ? 1 : 0;
    while (gone < t->tomb_count && t->tombs[gone].until <= t->now) gone++;
    if (gone == 0) return;
    t->tomb_count -= gone;
    memmove(t->tombs, t->tombs + gone, t->tomb_count * sizeof t->tombs[0]);
}

void tomb_add(tm *t, const conn *c, uint32_t code)
{
    tombs_prune(t);
    bool grown = mem_grow(&t->alloc, (void **)&t->tombs, &t->tomb_cap, t->tomb_count, TOMBS_MAX,
                          sizeof t->tombs[0]);
    PU_ASSERT(grown);
    t->tombs[t->tomb_count++] = (tomb){.handle = c->handle,
                                       .peer_cid = c->peer_cid,
                                       .client_nonce = c->client_nonce,
                                       .key = c->key,
                                       .code = code,
                                       .tcp = c->tcp,
                                       .until = t->now + TOMB_NS};
}

static tomb *tomb_of(tm *t, pu_handle handle)
{
    for (uint32_t i = 0; i < t->tomb_count; i++) {
        if (t->tombs[i].handle == handle && t->tombs[i].until > t->now) return &t->tombs[i];
    }
    return NULL;
}

/* The peer of a closed connection still talks to it: its CLOSE got lost. One answer a packet, and
 * none to a CLOSE. */
static bool tomb_answer(tm *t, bool tcp, const pu_endpoint *remote, const packet *p, pu_span bytes)
{
    tomb *b = tomb_of(t, p->to);
    if (b == NULL || b->tcp != tcp) return false;
    bool is_late_hello = b->peer_cid == 0 && p->kind == PACKET_HELLO;
    if (!packet_is_proven(bytes, is_late_hello ? b->client_nonce : b->key)) return false;
    if (is_late_hello) {
        b->peer_cid = p->from;
        b->key = packet_session_key(b->client_nonce, p->nonce);
    }
    if (p->kind == PACKET_CLOSE || b->peer_cid == 0) return true;
    uint8_t out[PACKET_MAX];
    packet close = {.kind = PACKET_CLOSE, .to = b->peer_cid, .code = b->code};
    size_t len = packet_write(out, &close, 0, b->key);
    t->host->send(t->ctx, 0, remote, span_of(out, len), tcp ? NET_TCP : NET_UDP, NET_KIND_CLOSE);
    return true;
}

/* ---- public calls ---- */

tm *tm_new(const pu_config *config, const pu_peer_id *self, const transport_host *host, void *ctx,
           const uint8_t seed[32])
{
    tm *t = mem_new(host->alloc, sizeof *t);
    PU_ASSERT(t != NULL);
    t->config = config;
    t->port = HOST_PORT;
    t->host = host;
    t->ctx = ctx;
    t->self = self;
    t->alloc = (pu_alloc){.resize = resize, .ctx = t};
    rng_init(&t->nonces, seed, 0);
    imap_init(&t->origins, ORIGINS_SEED, &t->alloc);
    return t;
}

void tm_free(tm *t)
{
    if (t == NULL) return;
    for (uint32_t i = 0; i < t->conns.cap; i++) {
        if (t->conns.at[i].handle != 0) tm_conn_free(t, t->conns.at[i].object);
    }
    imap_close(&t->origins);
    mem_free(&t->alloc, t->conns.at, t->conns.cap * sizeof t->conns.at[0]);
    mem_free(&t->alloc, t->streams.at, t->streams.cap * sizeof t->streams.at[0]);
    mem_free(&t->alloc, t->tombs, t->tomb_cap * sizeof t->tombs[0]);
    if (t->owns_config) mem_free(&t->alloc, (void *)t->config, sizeof *t->config);
    PU_ASSERT(t->bytes == 0);
    mem_free(t->host->alloc, t, sizeof *t);
}

static void effect_stream(tm *t, const pu_ef *ef)
{
    stream *s = tm_stream_of(t, ef->stream);
    if (s == NULL || s->conn->handle != ef->conn || s->conn->closing) return;
    if (ef->kind == PU_EF_STREAM_SEND) {
        tm_stream_send(t, s, ef->body, (ef->flags & PU_FIN) != 0);
    } else if (ef->kind == PU_EF_STREAM_ROOM) {
        tm_stream_room(t, s, ef->offset);
    } else if (ef->kind == PU_EF_STREAM_STOP) {
        tm_stream_stop(t, s, ef->code);
    } else {
        PU_ASSERT(ef->kind == PU_EF_STREAM_RESET);
        tm_stream_down(t, s, PU_DOWN_RESET, ef->code);
        tm_stream_abort(t, s, ef->code);
    }
}

/* As core/link does. Without memory the old value stays. */
static void set(tm *t, const pu_ef *ef)
{
    pu_config changed = *t->config;
    if (pu_config_set(&changed, ef->body, ef->offset) != PU_OK) return;
    pu_config *own = t->owns_config ? (pu_config *)t->config : mem_new(&t->alloc, sizeof *own);
    if (own == NULL) return;
    *own = changed;
    t->config = own;
    t->owns_config = true;
}

bool tm_effect(tm *t, pu_time now, const pu_ef *effect)
{
    t->now = now;
    conn *c = tm_conn_of(t, effect->conn);
    switch (effect->kind) {
    case PU_EF_DIAL: handshake_dial(t, effect); return true;
    case PU_EF_DIAL_CANCEL: handshake_cancel(t, effect->token); return true;
    case PU_EF_CONN_VERDICT:
        if (c != NULL) handshake_verdict(t, c, effect->code);
        return true;
    case PU_EF_HANGUP:
        if (c != NULL) tm_conn_hangup(t, c, effect->code, effect->deadline);
        return true;
    case PU_EF_STREAM_OPEN: tm_stream_open(t, effect); return true;
    case PU_EF_STREAM_SEND:
    case PU_EF_STREAM_ROOM:
    case PU_EF_STREAM_STOP:
    case PU_EF_STREAM_RESET: effect_stream(t, effect); return true;
    case PU_EF_UPGRADE: circuit_upgrade(t, effect); return true;
    case PU_EF_SET: set(t, effect); return true;
    case PU_EF_CONN_SET:
    case PU_EF_PACKET:
    case PU_EF_RESOLVE:
    case PU_EF_MAP:
    case PU_EF_KEEP:
    case PU_EF_APP:
    case PU_EF_EVENT: return false;
    }
    return false;
}

/* The key that a packet for c must be made with. */
static uint32_t key_for(const conn *c, enum packet_kind kind)
{
    bool is_answer = kind == PACKET_HELLO || c->state == CONN_INIT || c->state == CONN_SYN;
    return is_answer ? c->client_nonce : c->key;
}

/* A SYN, or an INIT: what may come of somebody unknown. Over UDP an INIT fills its datagram, so
 * that its answer is no longer than itself; over TCP the SYN has shown that the address is real. */
static bool opening(tm *t, enum net_carriage carriage, const pu_endpoint *remote, const packet *p,
                    pu_span bytes)
{
    bool is_syn = p->kind == PACKET_SYN;
    if (is_syn != (carriage == NET_TCP_SYN) || !packet_is_proven(bytes, KEY_PUBLIC)) return false;
    if (carriage == NET_UDP && bytes.len != PACKET_MAX) return false;
    if (is_syn) handshake_syn(t, remote, p);
    else handshake_inbound(t, carriage != NET_UDP, remote, p);
    return true;
}

bool tm_datagram(tm *t, pu_time now, enum net_carriage carriage, const pu_endpoint *remote,
                 pu_span bytes)
{
    t->now = now;
    packet p;
    if (net_is_refusal(carriage)) { /* of UDP: as in the real transports nobody looks at it */
        if (carriage != NET_UDP_UNREACHABLE) handshake_refused(t, remote, bytes);
        return true;
    }
    if (!packet_read(&p, bytes)) return false;
    if (p.kind == PACKET_INIT || p.kind == PACKET_SYN)
        return opening(t, carriage, remote, &p, bytes);
    if (carriage == NET_TCP_SYN) return false;
    conn *c = tm_conn_of(t, p.to);
    if (c == NULL) return tomb_answer(t, carriage == NET_TCP, remote, &p, bytes);
    if (c->circuit || c->state == CONN_EXPECT || c->tcp != (carriage == NET_TCP)) return false;
    if (!packet_is_proven(bytes, key_for(c, p.kind))) return false;
    if (!tm_conn_follow(t, c, remote, &p)) return true;
    tm_conn_touch(t, c);
    tm_conn_take(t, c, &p);
    return true;
}

void tm_timer(tm *t, pu_time now, pu_handle handle)
{
    t->now = now;
    conn *c = tm_conn_of(t, handle);
    if (c != NULL) tm_conn_touch(t, c);
}

void tm_flush(tm *t, pu_time now)
{
    t->now = now;
    while (t->touched != NULL) tm_conn_look(t, t->touched);
}

void tm_rebound(tm *t, pu_time now)
{
    t->now = now;
    for (uint32_t i = 0; i < t->conns.cap; i++) {
        conn *c = t->conns.at[i].object;
        if (c == NULL || c->circuit || c->tcp || c->state != CONN_LIVE) continue;
        c->ping = true; /* the first packet from the new address tells the peer */
        tm_conn_ready(t, c);
    }
}

pu_handle tm_other_end(const tm *t, pu_handle handle)
{
    const conn *c = tm_conn_of(t, handle);
    return c != NULL ? c->peer_cid : 0;
}

pu_handle tm_named(pu_span bytes)
{
    return packet_to(bytes);
}

/* What a connection that sends or takes a packet reads besides. */
static void conn_soon(const tm *t, const conn *c, transport_next *next)
{
    if (c->unacked != NULL) ahead_many(c->unacked, sizeof *c->unacked);
    if (c->first != NULL) ahead_many(c->first, sizeof *c->first);
    if (t->streams.cap > 0) ahead_many(t->streams.at, sizeof t->streams.at[0]);
    if (c->circuit) return;
    next->to = c->remote;
    next->timer = c->timer;
    next->is_known = true;
}

void tm_soon(const tm *t, pu_handle handle, unsigned round, transport_next *next)
{
    if (round == 0) {
        ahead_many(t, offsetof(tm, self));
        return;
    }
    uint32_t slot = pu_handle_slot(handle);
    if (slot >= t->conns.cap) return;
    const struct slot *s = &t->conns.at[slot];
    const conn *c = s->object;
    if (round == 1) ahead_many(s, sizeof *s);
    else if (c == NULL || s->handle != handle) return;
    else if (round == 2) ahead_many(c, sizeof *c);
    else conn_soon(t, c, next);
}

size_t tm_bytes(const tm *t)
{
    return sizeof *t + t->bytes;
}

/* ---- as one of the transports ---- */

static void *model_make(const transport_setup *setup)
{
    tm *t = tm_new(setup->config, setup->self, setup->host, setup->ctx, setup->seed);
    t->port = setup->port;
    return t;
}

static void model_free(void *self)
{
    tm_free(self);
}

static bool model_effect(void *self, pu_time now, const pu_ef *effect)
{
    return tm_effect(self, now, effect);
}

static bool model_datagram(void *self, pu_time now, enum net_carriage carriage, uint16_t port,
                           const pu_endpoint *remote, pu_span bytes)
{
    const tm *t = self;
    return port == t->port && tm_datagram(self, now, carriage, remote, bytes);
}

/* The server's work begins at INIT, the client's at HELLO: keys are agreed on there. */
static uint64_t model_work(const void *self, enum net_carriage carriage, uint16_t port,
                           const pu_endpoint *remote, pu_span bytes)
{
    const tm *t = self;
    packet p;
    if (port != t->port || !packet_read(&p, bytes)) return 0;
    if (p.kind != PACKET_INIT && p.kind != PACKET_HELLO) return 0;
    return handshake_origin(remote, &p, carriage != NET_UDP);
}

static void model_timer(void *self, pu_time now, pu_handle handle)
{
    tm_timer(self, now, handle);
}

static void model_flush(void *self, pu_time now)
{
    tm_flush(self, now);
}

static void model_rebound(void *self, pu_time now)
{
    tm_rebound(self, now);
}

static void model_clock(void *self, pu_time now, uint64_t unix_ns)
{
    (void)self; /* no certificate, no date */
    (void)now;
    (void)unix_ns;
}

static pu_handle model_other_end(const void *self, pu_handle handle)
{
    return tm_other_end(self, handle);
}

static void model_soon(const void *self, pu_handle handle, unsigned round, transport_next *next)
{
    tm_soon(self, handle, round, next);
}

static size_t model_bytes(const void *self)
{
    return tm_bytes(self);
}

const transport_ops transport_model = {
    .make = model_make,
    .free = model_free,
    .effect = model_effect,
    .datagram = model_datagram,
    .work = model_work,
    .timer = model_timer,
    .flush = model_flush,
    .rebound = model_rebound,
    .clock = model_clock,
    .other_end = model_other_end,
    .soon = model_soon,
    .named = tm_named,
    .bytes = model_bytes,
};
