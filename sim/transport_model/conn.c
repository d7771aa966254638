/* sim/transport_model/conn.c - life of a connection: packets in and out, timers, hang-up, last
 * words. */
#include "sim/transport_model/tm_impl.h"

enum { EARLY_HEAD_BYTES = 18 /* length, number, time of a packet that waits for its FINISH */ };

conn *tm_conn_new(tm *t, enum conn_state state)
{
    conn *c = mem_new(&t->alloc, sizeof *c);
    c->handle = slots_add(t, &t->conns, t->config->conns_max, c);
    if (c->handle == 0) {
        mem_free(&t->alloc, c, sizeof *c);
        return NULL;
    }
    c->greeting = mem_new(&t->alloc, sizeof *c->greeting);
    c->greeting->began_at = c->greeting->resend_at = PU_NEVER;
    c->state = (uint8_t)state;
    c->deadline = c->rto_at = PU_NEVER;
    c->heard_at = c->spoke_at = t->now;
    c->tx_next = 1;
    return c;
}

static void greeting_free(tm *t, conn *c)
{
    mem_free(&t->alloc, c->greeting, sizeof *c->greeting);
    c->greeting = NULL;
}

static bool is_inbound_handshake(const conn *c)
{
    return !c->dialler && c->state != CONN_LIVE && c->state != CONN_EXPECT &&
           c->state != CONN_LISTEN;
}

void tm_conn_free(tm *t, conn *c)
{
    tm_conn_untouch(t, c);
    t->host->wake(t->ctx, &c->timer, c->handle, PU_NEVER);
    while (c->first != NULL) tm_stream_free(t, c->first);
    recovery_free(t, c);
    fifo_free(t, &c->control);
    fifo_free(t, &c->rx);
    greeting_free(t, c);
    if (c->origin != 0) imap_del(&t->origins, c->origin);
    if (is_inbound_handshake(c)) t->handshakes--;
    slots_del(&t->conns, c->handle);
    mem_free(&t->alloc, c, sizeof *c);
}

conn *tm_conn_of(const tm *t, pu_handle handle)
{
    return slots_get(&t->conns, handle);
}

/* ---- packets ---- */

void tm_conn_send(tm *t, conn *c, const packet *p, size_t size, uint32_t key, enum net_kind kind)
{
    uint8_t out[PACKET_MAX];
    pu_span bytes = span_of(out, packet_write(out, p, size, key));
    c->spoke_at = t->now;
    if (c->circuit) circuit_send(t, c, bytes);
    else {
        enum net_carriage carriage = !c->tcp                 ? NET_UDP
                                     : p->kind == PACKET_SYN ? NET_TCP_SYN
                                                             : NET_TCP;
        t->host->send(t->ctx, 0, &c->remote, bytes, carriage, kind);
    }
}

/* As QUIC does: the dialler hears only the endpoint it dialled; the accepting side follows a peer
 * whose newest packet comes from elsewhere, once the handshake is done. */
bool tm_conn_follow(tm *t, conn *c, const pu_endpoint *remote, const packet *p)
{
    if (pu_endpoint_equal(remote, &c->remote)) return true;
    if (c->tcp || c->dialler || c->state != CONN_LIVE) return false;
    if (p->kind != PACKET_FRAMES || p->number <= recovery_high(c)) return true;
    c->remote = *remote;
    c->moved = true;
    tm_conn_path(t, c);
    return true;
}

/* Packets may overtake the FINISH before them; they wait for the verdict. */
static void hold_early(tm *t, conn *c, const packet *p)
{
    uint8_t head[EARLY_HEAD_BYTES];
    if (c->circuit || c->dialler || fifo_len(c->rx) + sizeof head + p->frames.len > EARLY_MAX)
        return;
    if (c->state != CONN_HELLO && c->state != CONN_ASK_SECURED) return;
    store_be16(head, (uint16_t)p->frames.len);
    store_be64(head + 2, p->number);
    store_be64(head + 10, t->now);
    fifo_append(t, &c->rx, span_of(head, sizeof head));
    fifo_append(t, &c->rx, p->frames);
}

/* False: the frame breaks the rules. */
static bool take_frame(tm *t, conn *c, const frame *f, uint64_t number)
{
    if (f->kind == FRAME_ACK) return !c->circuit && recovery_acked(t, c, f);
    if (!c->circuit && number == 0) return false; /* could come twice */
    return f->kind == FRAME_PING || tm_stream_frame(t, c, f);
}

/* p came at `at`. */
static void take_frames(tm *t, conn *c, const packet *p, pu_time at)
{
    if (c->dialler && !c->confirmed) tm_conn_confirm(t, c);
    if (!c->circuit && p->number != 0 && !recovery_note(t, c, p->number, at)) return;
    pu_span rest = p->frames;
    frame f;
    while (frame_next(&rest, &f)) {
        if (!take_frame(t, c, &f, p->number)) {
            tm_conn_close(t, c, PU_CODE_VIOLATION);
            return;
        }
    }
    if (rest.len > 0) tm_conn_close(t, c, PU_CODE_VIOLATION);
    else tm_conn_settle(t, c);
}

void tm_conn_take(tm *t, conn *c, const packet *p)
{
    c->heard_at = t->now;
    if (p->kind == PACKET_CLOSE) {
        c->bye = true;
        tm_conn_end(t, c, p->code);
    } else if (p->kind != PACKET_FRAMES) {
        handshake_take(t, c, p);
    } else if (c->state == CONN_LIVE) {
        take_frames(t, c, p, t->now);
    } else {
        hold_early(t, c, p);
    }
}

void tm_conn_take_early(tm *t, conn *c)
{
    PU_ASSERT(c->state == CONN_LIVE);
    pu_handle handle = c->handle;
    fifo *early = c->rx;
    c->rx = NULL;
    while (fifo_len(early) > 0 && tm_conn_of(t, handle) != NULL) {
        pu_span bytes = fifo_span(early);
        size_t len = load_be16(bytes.base);
        packet p = {.kind = PACKET_FRAMES, .number = load_be64(bytes.base + 2)};
        p.frames = span_head(span_skip(bytes, EARLY_HEAD_BYTES), len);
        take_frames(t, c, &p, load_be64(bytes.base + 10));
        fifo_drop(t, &early, (uint32_t)(EARLY_HEAD_BYTES + len));
    }
    fifo_free(t, &early);
}

void tm_conn_settle(tm *t, conn *c)
{
    tm_stream_settle(t, c);
    if (!c->closing) return;
    bool is_flushed = c->unacked == NULL && fifo_len(c->control) == 0;
    for (const stream *s = c->first; s != NULL && is_flushed; s = s->next) {
        is_flushed = tm_stream_is_flushed(s);
    }
    if (is_flushed) tm_conn_close(t, c, c->code);
}

/* ---- what the node hears ---- */

void tm_conn_confirm(tm *t, conn *c)
{
    PU_ASSERT(c->state == CONN_LIVE);
    PU_ASSERT(!c->confirmed);
    c->confirmed = true;
    greeting_free(t, c);
    give(t, &(pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = c->handle});
    tm_conn_path(t, c);
}

void tm_conn_path(tm *t, conn *c)
{
    if (!c->confirmed || t->now < c->path_at) return;
    uint64_t change_ns =
        c->srtt_ns > c->told_rtt_ns ? c->srtt_ns - c->told_rtt_ns : c->told_rtt_ns - c->srtt_ns;
    if (!c->moved && change_ns <= c->told_rtt_ns / 8) return;
    pu_in in = {.kind = PU_IN_CONN_PATH, .conn = c->handle, .offset = c->srtt_ns};
    if (c->moved) in.flags = PU_MIGRATED;
    if (!c->circuit) {
        in.local = t->host->local(t->ctx, &c->remote);
        in.remote = c->remote;
    }
    c->moved = false;
    c->told_rtt_ns = c->srtt_ns;
    c->path_at = t->now + PATH_PAUSE_NS;
    give(t, &in);
}

/* ---- what is due ---- */

void tm_conn_touch(tm *t, conn *c)
{
    if (c->touched) return;
    if (t->touched == NULL) t->host->touch(t->ctx);
    c->touched = true;
    c->touched_next = t->touched;
    t->touched = c;
}

void tm_conn_untouch(tm *t, conn *c)
{
    if (!c->touched) return;
    conn **at = &t->touched;
    while (*at != c) at = &(*at)->touched_next;
    *at = c->touched_next;
    c->touched = false;
}

void tm_conn_ready(tm *t, conn *c)
{
    c->waits = true;
    tm_conn_touch(t, c);
}

static pu_time earlier(pu_time a, pu_time b)
{
    return a < b ? a : b;
}

/* The accepting side waits an eighth longer: the dialler's PING, which it acknowledges, keeps its
 * silence short as well. */
static pu_time keep_alive_at(const tm *t, const conn *c)
{
    uint64_t silence_ns = t->config->keep_alive_ns;
    return c->spoke_at + (c->dialler ? silence_ns : silence_ns + silence_ns / 8);
}

static void wake(tm *t, conn *c, pu_time at)
{
    if (at < t->now) at = t->now;
    t->host->wake(t->ctx, &c->timer, c->handle, at);
}

/* Sets the timer to the next deadline of c. */
static void arm(tm *t, conn *c)
{
    pu_time next = c->rto_at;
    if (c->greeting != NULL) next = earlier(next, c->greeting->resend_at);
    if (c->state != CONN_LIVE || c->closing) next = earlier(next, c->deadline);
    if (c->state == CONN_LIVE) {
        next = earlier(next, c->heard_at + t->config->idle_ns);
        if (!c->ping && c->ack_count == 0) next = earlier(next, keep_alive_at(t, c));
        if (c->ack_count > 0) next = earlier(next, c->ack_at);
        if (c->moved) next = earlier(next, c->path_at);
    }
    wake(t, c, next);
}

static void look_live(tm *t, conn *c)
{
    if (t->now >= c->heard_at + t->config->idle_ns) {
        tm_conn_end(t, c, PU_CODE_LOST);
        return;
    }
    handshake_resend(t, c);
    /* An acknowledgement under way ends the silence as well. */
    if (c->ack_count == 0 && t->now >= keep_alive_at(t, c)) c->ping = true;
    recovery_resend(t, c);
    if (c->waits || c->ping || (c->ack_count > 0 && t->now >= c->ack_at)) recovery_flush(t, c);
    tm_conn_path(t, c);
    if (c->closing && t->now >= c->deadline) tm_conn_close(t, c, c->code);
    else tm_conn_settle(t, c);
}

void tm_conn_look(tm *t, conn *c)
{
    pu_handle handle = c->handle;
    tm_conn_untouch(t, c);
    if (c->circuit && !circuit_read(t, c)) return;
    if (c->state == CONN_LIVE) look_live(t, c);
    else if (t->now >= c->deadline) tm_conn_end(t, c, PU_CODE_TIMEOUT);
    else handshake_resend(t, c);
    c = tm_conn_of(t, handle);
    if (c != NULL) arm(t, c);
}

/* ---- ends ---- */

void tm_conn_hangup(tm *t, conn *c, uint32_t code, pu_time deadline)
{
    if (c->closing) return;
    if (c->state != CONN_LIVE) {
        tm_conn_close(t, c, code);
        return;
    }
    c->closing = true;
    c->code = code;
    c->deadline = deadline;
    tm_conn_ready(t, c); /* flushes, and closes when nothing waits or the deadline is now */
}

void tm_conn_close(tm *t, conn *c, uint32_t code)
{
    if (c->peer_cid != 0) {
        uint32_t key = c->state == CONN_ASK_ACCEPT ? c->client_nonce : c->key;
        packet p = {.kind = PACKET_CLOSE, .to = c->peer_cid, .code = code};
        tm_conn_send(t, c, &p, 0, key, NET_KIND_CLOSE);
        c->bye = true;
        if (!c->circuit && c->state != CONN_ASK_ACCEPT) tomb_add(t, c, code);
    }
    tm_conn_end(t, c, code);
}

/* The last words of a connection that carries none. */
static void end_one(tm *t, conn *c, uint32_t code)
{
    for (const stream *s = c->first; s != NULL; s = s->next) {
        PU_ASSERT(s->inner == NULL);
        if (!s->carrier) tm_stream_down(t, s, PU_DOWN_LOST, code);
    }
    if (c->asked) give(t, &(pu_in){.kind = PU_IN_CONN_DOWN, .conn = c->handle, .code = code});
    if (c->greeting != NULL && c->greeting->token != 0) handshake_fail(t, c->greeting->token, code);
    stream *outer = c->outer;
    bool bye = c->bye;
    tm_conn_free(t, c);
    if (outer != NULL) circuit_release(t, outer, bye);
}

/* The innermost connection of the first chain of carriers that begins in c; c itself when it
 * carries none. */
static conn *innermost(conn *c)
{
    for (stream *s = c->first; s != NULL;) {
        if (s->inner != NULL) {
            c = s->inner;
            s = c->first;
        } else {
            s = s->next;
        }
    }
    return c;
}

void tm_conn_end(tm *t, conn *c, uint32_t code)
{
    for (conn *inner = innermost(c); inner != c; inner = innermost(c)) {
        end_one(t, inner, PU_CODE_LOST);
    }
    end_one(t, c, code);
}
