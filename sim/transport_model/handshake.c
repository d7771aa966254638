/* sim/transport_model/handshake.c - SYN, INIT, HELLO, FINISH, DONE: dials, inbound handshakes, the
 * node's verdicts.
 *
 * The client drives: it sends SYN, INIT and FINISH again until they are answered; the others are
 * only ever answers, so that nobody is made to send more than it got. A repeated message finds the
 * connection that the first one made.
 */
#include "sim/transport_model/tm_impl.h"

#include "base/mix.h"

enum { ORIGIN_PURPOSE = 0x6f72, RESENDS_MAX = 16 };

void handshake_fail(tm *t, pu_token token, uint32_t code)
{
    give(t, &(pu_in){.kind = PU_IN_DIAL_FAIL, .token = token, .code = code});
}

/* The bytes that a handshake message fills at least: as large as the real ones. */
static size_t size_of(const conn *c, enum packet_kind kind)
{
    if (!c->circuit && !c->tcp) return kind == PACKET_INIT || kind == PACKET_HELLO ? PACKET_MAX : 0;
    if (kind == PACKET_INIT) return CIRCUIT_INIT_BYTES - CIRCUIT_LENGTH_BYTES;
    if (kind == PACKET_HELLO) return CIRCUIT_HELLO_BYTES - CIRCUIT_LENGTH_BYTES;
    if (kind == PACKET_FINISH) return CIRCUIT_FINISH_BYTES - CIRCUIT_LENGTH_BYTES;
    return 0;
}

void handshake_send(tm *t, conn *c, enum packet_kind kind)
{
    packet p = {.kind = kind, .to = c->peer_cid};
    uint32_t key = c->key;
    bool opens = kind == PACKET_INIT || kind == PACKET_SYN;
    if (opens || kind == PACKET_HELLO) {
        p.from = c->handle;
        p.nonce = opens ? c->client_nonce : c->greeting->server_nonce;
        key = opens ? KEY_PUBLIC : c->client_nonce;
    }
    if (kind == PACKET_HELLO || kind == PACKET_FINISH) p.peer = *t->self;
    if (kind == PACKET_FINISH) p.delay_us = (uint32_t)((t->now - c->greeting->hello_at) / PU_US);
    tm_conn_send(t, c, &p, size_of(c, kind), key, NET_KIND_HELLO);
    if (c->dialler && !c->circuit) {
        c->greeting->resend_at = t->now + (RTO_FIRST_NS << c->greeting->resends);
        if (c->greeting->resends < RESENDS_MAX) c->greeting->resends++;
    }
}

void handshake_resend(tm *t, conn *c)
{
    if (c->greeting == NULL || t->now < c->greeting->resend_at) return;
    PU_ASSERT(c->dialler && !c->confirmed);
    enum packet_kind kind = c->state == CONN_SYN    ? PACKET_SYN
                            : c->state == CONN_INIT ? PACKET_INIT
                                                    : PACKET_FINISH;
    handshake_send(t, c, kind);
    c->greeting->began_at = PU_NEVER; /* which of them is answered nobody knows: no sample */
}

/* Takes a sample of the round trip that began with our message, when that was sent once. The answer
 * may have been sent more than once: it says how long ago our message came, or a lost FINISH would
 * count as a round trip of a second and more, and everything that is lost later would be missed for
 * many seconds. */
static void sample(tm *t, conn *c, uint32_t delay_us)
{
    pu_time began_at = c->greeting->began_at;
    uint64_t waited_ns = delay_us * PU_US;
    if (began_at < t->now && t->now - began_at > waited_ns)
        recovery_sample(t, c, t->now - began_at - waited_ns);
}

/* ---- dials ---- */

void handshake_dial(tm *t, const pu_ef *ef)
{
    PU_ASSERT(ef->peer.len <= PU_PEER_ID_MAX);
    bool tcp = ef->transport == PU_TRANSPORT_TCP;
    bool is_built = ef->transport == PU_TRANSPORT_QUIC || (tcp && ef->what == PU_ROLE_CLIENT);
    if (!is_built || ef->socket > PU_SOCKET_MAIN) {
        handshake_fail(t, ef->token, PU_CODE_UNREACHABLE);
        return;
    }
    enum conn_state state = ef->what == PU_ROLE_SERVER ? CONN_EXPECT : tcp ? CONN_SYN : CONN_INIT;
    conn *c = tm_conn_new(t, state);
    if (c == NULL) {
        handshake_fail(t, ef->token, PU_CODE_RESOURCE);
        return;
    }
    c->dialler = true;
    c->tcp = tcp;
    c->greeting->token = ef->token;
    c->remote = ef->remote;
    c->deadline = ef->deadline;
    c->greeting->peer.len = (uint8_t)ef->peer.len;
    if (ef->peer.len > 0) memcpy(c->greeting->peer.bytes, ef->peer.base, ef->peer.len);
    if (c->state != CONN_EXPECT) {
        c->client_nonce = (uint32_t)rng_u64(&t->nonces);
        c->greeting->began_at = t->now;
        handshake_send(t, c, tcp ? PACKET_SYN : PACKET_INIT);
    }
    tm_conn_touch(t, c);
}

void handshake_cancel(tm *t, pu_token token)
{
    for (uint32_t i = 0; token != 0 && i < t->conns.cap; i++) {
        conn *c = t->conns.at[i].object;
        if (c == NULL || c->greeting == NULL || c->greeting->token != token) continue;
        if (c->state == CONN_INIT && !c->circuit) tomb_add(t, c, PU_CODE_COLLECTED);
        tm_conn_end(t, c, PU_CODE_CANCELLED);
        return;
    }
}

/* ---- inbound ---- */

uint64_t handshake_origin(const pu_endpoint *remote, const packet *p, bool tcp)
{
    mix128 m;
    uint64_t out[2];
    mix_init(&m, ORIGIN_PURPOSE);
    mix_bytes(&m, remote->ip, sizeof remote->ip);
    mix_u64(&m, (uint64_t)remote->scope << 16 | remote->port);
    mix_u64(&m, p->from);
    mix_u64(&m, (uint64_t)p->nonce << 1 | tcp);
    mix_result(&m, out);
    return out[0] | 1; /* 0 is "none" */
}

void handshake_syn(tm *t, const pu_endpoint *remote, const packet *p)
{
    uint8_t out[PACKET_MAX];
    packet answer = {.kind = PACKET_SYNACK, .to = p->from};
    size_t len = packet_write(out, &answer, 0, p->nonce);
    t->host->send(t->ctx, 0, remote, span_of(out, len), NET_TCP, NET_KIND_HELLO);
}

void handshake_refused(tm *t, const pu_endpoint *remote, pu_span quote)
{
    packet p;
    if (!packet_read(&p, quote) || p.kind != PACKET_SYN || !packet_is_proven(quote, KEY_PUBLIC))
        return;
    conn *c = tm_conn_of(t, p.from);
    if (c == NULL || c->state != CONN_SYN || c->client_nonce != p.nonce) return;
    if (pu_endpoint_equal(remote, &c->remote)) tm_conn_end(t, c, PU_CODE_REFUSED);
}

void handshake_inbound(tm *t, bool tcp, const pu_endpoint *remote, const packet *p)
{
    uint64_t origin = handshake_origin(remote, p, tcp);
    uint32_t slot;
    if (imap_get(&t->origins, origin, &slot)) {
        conn *known = t->conns.at[slot].object;
        if (known->state == CONN_HELLO && pu_endpoint_equal(remote, &known->remote)) {
            known->greeting->began_at = PU_NEVER;
            handshake_send(t, known, PACKET_HELLO);
        }
        return;
    }
    if (t->handshakes >= t->config->handshakes_max) return;
    conn *c = tm_conn_new(t, CONN_ASK_ACCEPT);
    if (c == NULL) return;
    bool is_kept = imap_put(&t->origins, origin, pu_handle_slot(c->handle));
    PU_ASSERT(is_kept);
    t->handshakes++;
    c->origin = origin;
    c->tcp = tcp;
    c->remote = *remote;
    c->peer_cid = p->from;
    c->client_nonce = p->nonce;
    c->deadline = t->now + t->config->handshake_ns;
    c->asked = true;
    tm_conn_touch(t, c);
    give(t, &(pu_in){.kind = PU_IN_CONN_ASK,
                     .what = PU_ASK_ACCEPT,
                     .conn = c->handle,
                     .local = t->host->local(t->ctx, &c->remote),
                     .remote = c->remote,
                     .transport = tcp ? PU_TRANSPORT_TCP : PU_TRANSPORT_QUIC});
}

static void say_hello(tm *t, conn *c)
{
    c->greeting->server_nonce = (uint32_t)rng_u64(&t->nonces);
    c->key = packet_session_key(c->client_nonce, c->greeting->server_nonce);
    c->state = CONN_HELLO;
    c->greeting->began_at = t->now;
    handshake_send(t, c, PACKET_HELLO);
}

static void up(tm *t, conn *c)
{
    pu_in in = {.kind = PU_IN_CONN_UP,
                .conn = c->handle,
                .token = c->greeting->token,
                .peer = span_of(c->greeting->peer.bytes, c->greeting->peer.len),
                .transport = PU_TRANSPORT_CIRCUIT};
    if (c->dialler) in.flags |= PU_DIALLER | PU_PROVISIONAL;
    if (c->circuit) {
        in.flags |= PU_RELAYED | PU_LIMITED;
        in.via = c->outer->conn->handle;
    } else {
        in.transport = c->tcp ? PU_TRANSPORT_TCP : PU_TRANSPORT_QUIC;
        in.local = t->host->local(t->ctx, &c->remote);
        in.remote = c->remote;
    }
    c->state = CONN_LIVE;
    c->asked = true;
    c->greeting->token = 0;
    give(t, &in);
}

void handshake_verdict(tm *t, conn *c, uint32_t code)
{
    if (c->state != CONN_ASK_ACCEPT && c->state != CONN_ASK_SECURED) return;
    if (code != PU_CODE_OK) {
        c->asked = false; /* the verdict was the handle's end */
        tm_conn_close(t, c, code);
        return;
    }
    if (c->state == CONN_ASK_ACCEPT) {
        say_hello(t, c);
        return;
    }
    t->handshakes--;
    up(t, c);
    handshake_send(t, c, PACKET_DONE);
    tm_conn_confirm(t, c);
    pu_handle handle = c->handle;
    if (!c->circuit) tm_conn_take_early(t, c);
    c = tm_conn_of(t, handle);
    if (c != NULL)
        tm_conn_ready(t, c); /* what the node says now is sent, and a circuit is read on */
}

/* ---- messages ---- */

/* In a circuit only: the relay's protocol has said who calls, so there is no accept stage. */
static void take_init(tm *t, conn *c, const packet *p)
{
    if (c->state != CONN_LISTEN) return;
    t->handshakes++;
    c->peer_cid = p->from;
    c->client_nonce = p->nonce;
    say_hello(t, c);
}

static void take_synack(tm *t, conn *c)
{
    if (c->state != CONN_SYN) return;
    sample(t, c, 0);
    c->state = CONN_INIT;
    c->greeting->began_at = t->now;
    c->greeting->resends = 0;
    handshake_send(t, c, PACKET_INIT);
}

static void take_hello(tm *t, conn *c, const packet *p)
{
    if (c->state != CONN_INIT) return;
    c->peer_cid = p->from;
    c->greeting->server_nonce = p->nonce;
    c->key = packet_session_key(c->client_nonce, c->greeting->server_nonce);
    sample(t, c, 0);
    c->greeting->hello_at = t->now;
    if (!pu_peer_id_equal(&p->peer, &c->greeting->peer)) {
        c->state = CONN_HELLO; /* keys are agreed: the CLOSE uses them */
        tm_conn_close(t, c, PU_CODE_WRONG_PEER);
        return;
    }
    up(t, c);
    c->greeting->resends = 0;
    handshake_send(t, c, PACKET_FINISH);
}

static void take_finish(tm *t, conn *c, const packet *p)
{
    if (c->state == CONN_LIVE && !c->dialler) {
        handshake_send(t, c, PACKET_DONE); /* the first one got lost */
        return;
    }
    if (c->state != CONN_HELLO) return;
    sample(t, c, p->delay_us);
    if (c->greeting->peer.len > 0 && !pu_peer_id_equal(&p->peer, &c->greeting->peer)) {
        tm_conn_close(t, c, PU_CODE_WRONG_PEER); /* not who the relay said it was */
        return;
    }
    c->greeting->peer = p->peer;
    c->state = CONN_ASK_SECURED;
    c->asked = true;
    pu_in in = {.kind = PU_IN_CONN_ASK,
                .what = PU_ASK_SECURED,
                .conn = c->handle,
                .peer = span_of(c->greeting->peer.bytes, c->greeting->peer.len)};
    if (c->circuit) {
        in.flags = PU_RELAYED;
        in.via = c->outer->conn->handle;
    }
    give(t, &in);
}

void handshake_take(tm *t, conn *c, const packet *p)
{
    switch (p->kind) {
    case PACKET_INIT: take_init(t, c, p); break;
    case PACKET_HELLO: take_hello(t, c, p); break;
    case PACKET_FINISH: take_finish(t, c, p); break;
    case PACKET_DONE:
        if (c->state == CONN_LIVE && c->dialler && !c->confirmed) tm_conn_confirm(t, c);
        break;
    case PACKET_SYNACK: take_synack(t, c); break;
    case PACKET_SYN: break; /* inside a circuit: nothing opens there */
    case PACKET_FRAMES:
    case PACKET_CLOSE: PU_NEVER_HERE();
    }
}
