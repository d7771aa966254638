/* Connections: from CONN_ASK or CONN_UP to CONN_DOWN. One enum says where a connection is (ASKED,
 * UP, CLOSING) and only this file changes it. */
#include "node/fault.h"
#include "node/impl.h"
#include "proto/identify.h"

conn *conn_find(pu_node *n, pu_handle handle)
{
    uint32_t slot = pu_handle_slot(handle);
    if (slot >= n->conn_cap || n->conns[slot].handle != handle || handle == 0) return NULL;
    return &n->conns[slot];
}

conn *ctx_conn(pu_node *n, pu_handle handle)
{
    conn *c = conn_find(n, handle);
    return c != NULL && c->state == CONN_UP ? c : NULL;
}

conn *ctx_conn_at(pu_node *n, uint32_t *cursor)
{
    while (*cursor < n->conn_cap) {
        conn *c = &n->conns[(*cursor)++];
        if (c->state == CONN_UP) return c;
    }
    return NULL;
}

const pu_endpoint *ctx_conn_local(const pu_node *n, const conn *c)
{
    return endpoint_at(n, c->local);
}

uint32_t conns_of_peer(const pu_node *n, pu_peer peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->conn_cap; i++) {
        const conn *c = &n->conns[i];
        if ((c->state == CONN_UP || c->state == CONN_ASKED) && c->peer == peer) count++;
    }
    return count;
}

/* The record for a new handle, in state ASKED; NULL without memory. */
static conn *conn_new(pu_node *n, pu_handle handle)
{
    uint32_t slot = pu_handle_slot(handle);
    PU_ASSERT(slot < n->conns_most);
    while (slot >= n->conn_cap)
        if (!mem_grow(ctx_alloc(n), (void **)&n->conns, &n->conn_cap, n->conn_cap, n->conns_most,
                      sizeof(conn))) {
            ctx_no_memory(n, NULL, sizeof(conn));
            return NULL;
        }
    conn *c = &n->conns[slot];
    PU_ASSERT(c->state == CONN_FREE);
    memset(c, 0, sizeof *c);
    c->handle = handle;
    c->state = CONN_ASKED;
    n->conn_count++;
    n->asked_count++;
    return c;
}

/* Where c runs from where to. Without memory our end is not known: c then outlives its address. */
static void conn_ends(pu_node *n, conn *c, const pu_in *in)
{
    uint32_t was = c->local;
    c->local = endpoint_hold(n, &in->local);
    endpoint_drop(n, was);
    c->remote = in->remote;
}

static void conn_free(pu_node *n, conn *c)
{
    if (c->state == CONN_ASKED) n->asked_count--;
    n->conn_count--;
    ctx_timer(n, TIMER_CONN, c->handle, PU_NEVER);
    if (c->peer != 0) limits_leave(n, c);
    ctx_peer_drop(n, c->peer);
    endpoint_drop(n, c->local);
    endpoint_drop(n, c->observed);
    memset(c, 0, sizeof *c);
    if (n->is_stopping) commands_stopped(n);
}

/* ---- asking ---- */

/* The host keeps deadlines of handshakes; this one holds whatever the host does. */
static void handshake_by(pu_node *n, const conn *c)
{
    ctx_timer(n, TIMER_CONN, c->handle,
              ctx_after(n, n->config->handshake_ns + n->config->hangup_ns));
}

static void verdict(pu_node *n, pu_handle handle, uint32_t code)
{
    pu_ef *e = effect(n, PU_EF_CONN_VERDICT);
    e->conn = handle;
    e->code = code;
}

static void ask_accept(pu_node *n, const pu_in *in)
{
    uint32_t scopes = IN(SYSTEM) | IN(TRANSIENT) | IN(BLOCK) | IN(BLOCK_TRANSIENT) | IN(IP);
    bool has_room = limits_admit(n, RESOURCE_CONNS, scopes, &(charge){.from = &in->remote}, 1) &&
                    !FAULT(n, CONN_REFUSE);
    if (n->is_stopping || !has_room) {
        verdict(n, in->conn, n->is_stopping ? PU_CODE_SHUTDOWN : PU_CODE_RESOURCE);
        return;
    }
    conn *c = conn_new(n, in->conn);
    if (c != NULL) {
        conn_ends(n, c, in);
        c->transport = (uint8_t)in->transport;
        handshake_by(n, c);
    }
    verdict(n, in->conn, c != NULL ? PU_CODE_OK : PU_CODE_RESOURCE);
}

static uint32_t secured_code(pu_node *n, const conn *c, pu_peer peer, pu_span id)
{
    if (n->is_stopping) return PU_CODE_SHUTDOWN;
    if (c->doomed) return PU_CODE_TIMEOUT;
    if (!ctx_is_authorised(n, peer)) {
        ctx_trace(n, PU_TR_REFUSED, NULL, NULL, peer, PU_ASK_SECURED - 1, 0, span_of(NULL, 0));
        pu_ef *e = effect(n, PU_EF_EVENT);
        e->what = PU_EVENT_REFUSED;
        e->code = PU_ASK_SECURED;
        e->peer = id;
        return PU_CODE_GATED;
    }
    bool has_room = limits_admit(n, RESOURCE_CONNS, IN(PEER), &(charge){.peer = peer}, 1);
    return has_room ? PU_CODE_OK : PU_CODE_RESOURCE;
}

static void ask_secured(pu_node *n, const pu_in *in)
{
    conn *c = conn_find(n, in->conn);
    bool is_relayed = (in->flags & PU_RELAYED) != 0;
    if (c == NULL) { /* a circuit: it may be one of those that are being upgraded */
        uint64_t more = n->upgrade_count > 0 ? 0 : 1;
        bool has_room = limits_admit(n, RESOURCE_CONNS, IN(SYSTEM) | IN(TRANSIENT),
                                     &(charge){.conn = NULL}, more);
        if (has_room) c = conn_new(n, in->conn);
        if (c != NULL) handshake_by(n, c);
    }
    if (c == NULL) {
        verdict(n, in->conn, PU_CODE_RESOURCE);
        return;
    }
    pu_peer peer = ctx_peer_hold(n, in->peer);
    uint32_t code = peer != 0 ? secured_code(n, c, peer, in->peer) : PU_CODE_RESOURCE;
    verdict(n, in->conn, code);
    if (code == PU_CODE_OK) {
        c->peer = peer;
        limits_join(n, c);
        c->flags = is_relayed ? PU_RELAYED : 0;
        c->via = in->via;
    } else {
        ctx_peer_drop(n, peer);
        conn_free(n, c);
    }
}

void conn_ask(pu_node *n, const pu_in *in)
{
    if (in->what == PU_ASK_ACCEPT) ask_accept(n, in);
    else ask_secured(n, in);
}

/* ---- up ---- */

static void hangup_handle(pu_node *n, pu_handle handle, uint32_t code, uint64_t within_ns)
{
    pu_ef *e = effect(n, PU_EF_HANGUP);
    e->conn = handle;
    e->code = code;
    e->deadline = ctx_after(n, within_ns);
}

void conn_up(pu_node *n, const pu_in *in)
{
    conn *c = conn_find(n, in->conn);
    if (c == NULL) c = conn_new(n, in->conn);
    pu_peer peer = c != NULL && c->peer == 0 ? ctx_peer_hold(n, in->peer) : 0;
    if (c == NULL ||
        (c->peer == 0 &&
         peer == 0)) { /* no memory: the host will say DOWN to a handle we do not know */
        if (c != NULL) conn_free(n, c);
        hangup_handle(n, in->conn, PU_CODE_RESOURCE, 0);
        leg_failed(n, in->token, PU_CODE_NO_MEMORY);
        return;
    }
    if (peer != 0) {
        c->peer = peer;
        limits_join(n, c);
    }
    upgrade_answered(n, in->token);
    n->asked_count--;
    c->state = CONN_UP;
    c->flags = (uint16_t)(in->flags & (PU_DIALLER | PU_RELAYED | PU_LIMITED));
    c->via = in->via;
    c->transport = (uint8_t)in->transport;
    conn_ends(n, c, in);
    c->up_at = n->now;
    handshake_by(n, c); /* until it is confirmed */
    ctx_trace(n, PU_TR_CONN_UP, c, NULL, 0, (c->flags & PU_DIALLER) != 0,
              (c->flags & PU_RELAYED) != 0, span_of(NULL, 0));
    leg *l = in->token != 0 ? leg_find(n, in->token) : NULL;
    if (l != NULL) leg_up(n, l, c);
    else if (in->token != 0 && (c->flags & PU_DIALLER) != 0)
        ctx_hangup(n, c, PU_CODE_CANCELLED); /* its leg was given up */
    bool is_revoked = (c->flags & PU_DIALLER) == 0 && !ctx_is_authorised(n, c->peer);
    bool was_overdue = c->doomed;
    c->doomed = false;
    if (n->is_stopping) ctx_hangup(n, c, PU_CODE_SHUTDOWN);
    else if (was_overdue) ctx_hangup(n, c, PU_CODE_TIMEOUT);
    else if (is_revoked) ctx_hangup(n, c, PU_CODE_GATED); /* since it was asked about */
}

void conn_confirmed(pu_node *n, conn *c)
{
    if (c->state != CONN_UP || c->confirmed || c->doomed) return;
    pu_handle was = conn_best_handle(n, c->peer);
    c->confirmed = true;
    conns_doubt(n, c);
    ctx_timer(n, TIMER_CONN, c->handle, PU_NEVER);
    ctx_trace(n, PU_TR_CONN_CONFIRMED, c, NULL, 0, (c->flags & PU_DIALLER) != 0,
              (c->flags & PU_RELAYED) != 0, span_of(NULL, 0));
    conn_tell_best(n, c->peer, was);
    dialer_confirmed(n, c);
    keep_confirmed(n, c);
    conns_probe(n, c);
    conns_spare(n, c, (c->flags & PU_RELAYED) == 0);
    for (uint32_t m = 0; m < MODULE_COUNT && c->state == CONN_UP; m++) {
        const struct module *module = module_of((enum module_id)m);
        if (module->conn_confirmed != NULL) module->conn_confirmed(n, c);
    }
}

void conn_path(pu_node *n, conn *c, const pu_in *in)
{
    if (c->state != CONN_UP) return;
    if (in->offset != 0) c->rtt_ns = in->offset;
    if (in->flags & PU_MIGRATED) {
        bool may_move = limits_may_move(n, c, &in->remote);
        conn_ends(n, c, in);
        if (!may_move) {
            ctx_hangup(n, c, PU_CODE_RESOURCE);
            return;
        }
        if ((c->flags & PU_DIALLER) != 0) identify_moved(n); /* it is we who moved */
    }
    if (ctx_conn_of(n, c->peer) == c) conn_tell_peer(n, c->peer, c);
}

/* ---- down ---- */

void ctx_hangup(pu_node *n, conn *c, uint32_t code)
{
    if (c->state != CONN_UP) return;
    ctx_trace(n, PU_TR_CONN_HANGUP, c, NULL, 0, code, 0, span_of(NULL, 0));
    pu_handle was = conn_best_handle(n, c->peer);
    c->state = CONN_CLOSING;
    ctx_timer(n, TIMER_CONN, c->handle, PU_NEVER);
    bool is_lost = code == PU_CODE_ADDRESS_GONE || code == PU_CODE_LOST;
    hangup_handle(n, c->handle, code, is_lost ? 0 : n->config->hangup_ns);
    conn_tell_best(n, c->peer, was);
}

void conn_doom(pu_node *n, conn *c, uint32_t code)
{
    if (c->state != CONN_UP || c->doomed) return;
    c->doomed = true;
    c->doom_code = (uint16_t)code;
    ctx_timer(n, TIMER_CONN, c->handle, n->now);
}

/* What a handshake had to lead to did not come: who is there, a muxer, or our being accepted. */
static void overdue(pu_node *n, conn *c)
{
    bool is_up = c->state == CONN_UP;
    ctx_trace(n, PU_TR_HANDSHAKE_LATE, c, NULL, 0,
              is_up          ? 3
              : c->peer != 0 ? 2
                             : 1,
              0, span_of(NULL, 0));
    if (is_up) {
        ctx_hangup(n, c, PU_CODE_TIMEOUT);
        return;
    }
    c->doomed = true; /* whatever comes of it now is refused */
    hangup_handle(n, c->handle, PU_CODE_TIMEOUT, 0);
}

void conn_end_timer(pu_node *n, uint64_t handle)
{
    conn *c = conn_find(n, handle);
    if (c == NULL || c->state == CONN_CLOSING) return;
    if (c->state == CONN_ASKED || (!c->confirmed && !c->doomed)) {
        overdue(n, c);
        return;
    }
    if (c->doomed) {
        c->doomed =
            false; /* it counts as the best until it goes: the application hears of that now */
        ctx_hangup(n, c, c->doom_code);
        return;
    }
    conn_spare_timer(n, c);
}

void conns_hangup_peer(pu_node *n, pu_peer peer, uint32_t code)
{
    uint32_t cursor = 0;
    for (conn *c; (c = ctx_conn_at(n, &cursor)) != NULL;)
        if (c->peer == peer) conn_doom(n, c, code);
}

static void modules_conn_down(pu_node *n, conn *c, uint32_t code)
{
    for (uint32_t m = 0; m < MODULE_COUNT; m++) {
        const struct module *module = module_of((enum module_id)m);
        if (module->conn_down != NULL) module->conn_down(n, c, code);
    }
}

void conn_down(pu_node *n, conn *c, uint32_t code)
{
    if (c->state == CONN_ASKED) { /* its handshake ended before the peer was known to be welcome */
        conn_free(n, c);
        return;
    }
    PU_VERIFY(c->stream_count == 0);
    ctx_trace(n, PU_TR_CONN_DOWN, c, NULL, 0, code, n->now - c->up_at, span_of(NULL, 0));
    pu_handle was = conn_best_handle(n, c->peer);
    c->state = CONN_CLOSING;
    streams_drop_openings(n, c->handle);
    if (c->confirmed) relay_circuit_down(n, c, code);
    conn_tell_best(n, c->peer, was);
    modules_conn_down(n, c, code);
    dialer_down(n, c, code);
    pu_peer peer = c->peer;
    conn_free(n, c);
    book_left(n, peer);
    protos_check(n);
}
