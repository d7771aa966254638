/* link/conns.c - connections: where each is, what the node is asked and told, and the end of each
 * in an order that the node can follow.
 *
 * The end comes in three parts. link_conn_down marks, whoever is at work. link_reap, when no
 * carrier is, ends what is carried, frees the carriers' parts and says last words: innermost
 * connections first, streams by ordinal. link_bury frees the blocks when the step is over.
 */
#include "link/link_impl.h"

/* ---- lists ---- */

void link_list_add(pu_link *l, enum conn_list_id id, conn *c)
{
    if (c->in_list[id].is_in) return;
    conn_list *list = &l->lists[id];
    c->in_list[id].is_in = true;
    c->in_list[id].prev = list->last;
    c->in_list[id].next = NULL;
    if (list->last != NULL) list->last->in_list[id].next = c;
    else list->first = c;
    list->last = c;
}

void link_list_del(pu_link *l, enum conn_list_id id, conn *c)
{
    if (!c->in_list[id].is_in) return;
    conn_list *list = &l->lists[id];
    conn *prev = c->in_list[id].prev, *next = c->in_list[id].next;
    if (prev != NULL) prev->in_list[id].next = next;
    else list->first = next;
    if (next != NULL) next->in_list[id].prev = prev;
    else list->last = prev;
    c->in_list[id].is_in = false;
}

/* ---- begin ---- */

conn *link_conn_make(pu_link *l, const struct carrier_ops *ops, size_t conn_bytes,
                     enum pu_transport transport)
{
    PU_ASSERT(conn_bytes >= sizeof(conn));
    PU_ASSERT(l->out != NULL);
    if (!link_slots_reserve(&l->conns, &l->alloc, link_slots_lowest(&l->conns) + 1) ||
        !due_reserve(&l->due, &l->alloc, l->conns.cap))
        return NULL;
    conn *c = mem_new(&l->alloc, conn_bytes);
    if (c == NULL) return NULL;
    c->ops = ops;
    c->bytes = (uint32_t)conn_bytes;
    c->handle = link_slots_add(&l->conns, c);
    c->state = CONN_DIALLING;
    c->transport = transport;
    c->deadline = c->lingers_at = PU_NEVER;
    link_conn_touch(l, c);
    return c;
}

conn *link_conn_new(pu_link *l, const struct carrier_ops *ops, enum pu_transport transport,
                    const pu_endpoint *local, const pu_endpoint *remote)
{
    if (l->handshakes >= l->config->handshakes_max) return NULL;
    conn *c = link_conn_make(l, ops, ops->conn_bytes, transport);
    if (c == NULL) return NULL;
    c->state = CONN_HANDSHAKE;
    c->is_outside = true;
    c->counts_as_handshake = true;
    l->handshakes++;
    c->local = *local;
    c->remote = *remote;
    c->deadline = l->now + l->config->handshake_ns;
    return c;
}

conn *link_conn_of(const pu_link *l, pu_handle handle)
{
    conn *c = link_slots_get(&l->conns, handle);
    return c != NULL && c->state != CONN_ENDED ? c : NULL;
}

bool link_conn_is_early(const conn *c)
{
    return c->state < CONN_READY;
}

/* ---- asking ---- */

void link_conn_ask_accept(pu_link *l, conn *c)
{
    PU_ASSERT(c->is_outside);
    PU_ASSERT(c->state == CONN_HANDSHAKE && !c->is_known);
    c->state = CONN_ASKED_ACCEPT;
    c->is_known = c->is_asked = true;
    pu_in *in = link_out_input(l->out, PU_IN_CONN_ASK, l->now);
    in->what = PU_ASK_ACCEPT;
    in->conn = c->handle;
    in->local = c->local;
    in->remote = c->remote;
    in->transport = c->transport;
}

bool link_conn_secured(pu_link *l, conn *c)
{
    PU_ASSERT(c->state == CONN_DIALLING || c->state == CONN_HANDSHAKE);
    PU_ASSERT(c->peer.len > 0);
    if (c->expected.len > 0 && !pu_peer_id_equal(&c->expected, &c->peer)) return false;
    if (!c->is_outside) return true;
    c->state = CONN_ASKED_SECURED;
    c->is_known = c->is_asked = true;
    pu_in *in = link_out_input(l->out, PU_IN_CONN_ASK, l->now);
    in->what = PU_ASK_SECURED;
    in->conn = c->handle;
    link_out_peer(l->out, in, &c->peer);
    if (c->transport == PU_TRANSPORT_CIRCUIT) {
        PU_ASSERT(c->outer != NULL);
        in->flags = PU_RELAYED;
        in->via = c->outer->conn->handle;
    }
    return true;
}

void link_conn_verdict(pu_link *l, const pu_ef *ef)
{
    conn *c = link_slots_get(&l->conns, ef->conn);
    uint32_t code = ef->code;
    if (c == NULL || !c->is_asked) return;
    c->is_asked = false;
    if (code != PU_CODE_OK) c->is_known = false; /* the verdict was the handle's end */
    if (c->state == CONN_ENDED) return;          /* in the step that asked */
    c->state = CONN_HANDSHAKE;
    link_conn_touch(l, c);
    c->ops->verdict(l, c, code);
    PU_ASSERT(code == PU_CODE_OK || c->state == CONN_ENDED);
}

/* ---- up ---- */

static void handshake_done(pu_link *l, conn *c)
{
    if (c->counts_as_handshake) l->handshakes--;
    c->counts_as_handshake = false;
}

void link_conn_up(pu_link *l, conn *c)
{
    PU_ASSERT(c->state == CONN_DIALLING || c->state == CONN_HANDSHAKE);
    PU_ASSERT(c->is_known || !c->is_outside);
    PU_ASSERT(c->peer.len > 0);
    pu_in *in = link_out_input(l->out, PU_IN_CONN_UP, l->now);
    in->conn = c->handle;
    in->token = c->token;
    link_out_peer(l->out, in, &c->peer);
    in->transport = c->transport;
    if (!c->is_outside) in->flags |= PU_DIALLER;
    if (c->is_dialler) in->flags |= PU_PROVISIONAL;
    if (c->is_limited) in->flags |= PU_LIMITED;
    if (c->transport == PU_TRANSPORT_CIRCUIT) {
        PU_ASSERT(c->outer != NULL);
        in->flags |= PU_RELAYED;
        in->via = c->outer->conn->handle;
    } else {
        in->local = c->local;
        in->remote = c->remote;
    }
    handshake_done(l, c);
    c->state = CONN_READY;
    c->is_known = true;
    c->token = 0;
    c->deadline = PU_NEVER;
    link_conn_touch(l, c);
    if (!c->is_dialler) link_conn_confirmed(l, c);
    c->is_waking = c->first != NULL; /* streams may have come before the verdict */
}

void link_conn_confirmed(pu_link *l, conn *c)
{
    PU_ASSERT(c->state >= CONN_READY);
    if (c->is_confirmed || c->state != CONN_READY) return;
    c->is_confirmed = true;
    link_out_input(l->out, PU_IN_CONN_CONFIRMED, l->now)->conn = c->handle;
    link_conn_path(l, c, false);
}

void link_conn_path(pu_link *l, conn *c, bool migrated)
{
    if (migrated) c->is_moved = true;
    link_conn_tell_path(l, c);
}

/* A change of the round-trip time that is worth telling: an eighth, as in the model transport. */
void link_conn_tell_path(pu_link *l, conn *c)
{
    if (c->state != CONN_READY || !c->is_confirmed || l->now < c->path_at) return;
    uint64_t change_ns =
        c->rtt_ns > c->told_rtt_ns ? c->rtt_ns - c->told_rtt_ns : c->told_rtt_ns - c->rtt_ns;
    if (!c->is_moved && change_ns <= c->told_rtt_ns / 8) return;
    pu_in *in = link_out_input(l->out, PU_IN_CONN_PATH, l->now);
    in->conn = c->handle;
    in->offset = c->rtt_ns;
    in->flags = c->is_moved ? PU_MIGRATED : 0;
    in->local = c->local;
    in->remote = c->remote;
    c->is_moved = false;
    c->told_rtt_ns = c->rtt_ns;
    c->path_at = l->now + PU_S;
}

/* Whose windows and bytes count together: those of one proven peer. */
static bool is_of_peer(const conn *other, const conn *c)
{
    return other == c || (c->peer.len > 0 && pu_peer_id_equal(&other->peer, &c->peer));
}

bool link_windows_may_grow(const pu_link *l, const conn *c, uint64_t bytes)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < l->conns.cap; i++) {
        const conn *other = l->conns.at[i].object;
        if (other != NULL && other->state != CONN_ENDED && is_of_peer(other, c))
            sum += other->windows;
    }
    uint64_t max = l->config->link_windows_bytes;
    return sum <= max && bytes <= max - sum;
}

uint64_t link_conns_waiting(const pu_link *l, const conn *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < l->conns.cap; i++) {
        const conn *other = l->conns.at[i].object;
        if (other != NULL && is_of_peer(other, c)) sum += other->waiting;
    }
    return sum;
}

/* ---- ends ---- */

void link_conn_abort(pu_link *l, conn *c, uint32_t code)
{
    PU_ASSERT(c->state < CONN_CLOSING);
    c->state = CONN_CLOSING;
    c->close_code = code;
    c->deadline = l->now;
    c->ops->close(l, c);
    PU_ASSERT(c->state == CONN_ENDED);
}

void link_conn_hangup(pu_link *l, conn *c, uint32_t code, pu_time deadline)
{
    if (c->state == CONN_CLOSING) return;
    if (c->state != CONN_READY || deadline <= l->now) {
        link_conn_abort(l, c, code);
        return;
    }
    c->state = CONN_CLOSING;
    c->close_code = code;
    c->deadline = deadline;
    link_conn_touch(l, c);
    c->ops->close(l, c);
}

void link_conn_down(pu_link *l, conn *c, uint32_t code)
{
    PU_ASSERT(c->state != CONN_ENDED);
    PU_ASSERT(c->wire == NULL);
    link_streams_tell_rest(l, c);
    handshake_done(l, c);
    link_timers_forget(l, c);
    c->state = CONN_ENDED;
    c->end_code = code;
    link_list_add(l, LIST_ENDED, c);
}

void link_dial_fail(pu_link *l, pu_token token, uint32_t code)
{
    pu_in *in = link_out_input(l->out, PU_IN_DIAL_FAIL, l->now);
    in->token = token;
    in->code = code != PU_CODE_OK ? code : PU_CODE_REFUSED; /* a peer may close without a reason */
}

static void free_parts(pu_link *l, conn *c)
{
    for (stream *s = c->first; s != NULL; s = s->next) {
        if (s->inner != NULL && s->inner->state != CONN_ENDED) link_pipe_lost(l, s->inner);
        if (!s->is_down) c->ops->free_stream(l, s);
        s->is_down = true;
    }
    c->ops->free_conn(l, c);
    c->is_freed = true;
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

/* False: the list is full. */
static bool say_streams(pu_link *l, conn *c)
{
    for (stream *s = c->first, *next; s != NULL; s = next) {
        next = s->next;
        if (s->handle == 0 && s->token != 0) continue; /* those that were never up come last */
        if (!link_out_is_below(l->out, LINK_OUT_LAST_WORDS)) return false;
        if (s->handle != 0) link_stream_last_word(l, s, PU_DOWN_LOST, c->end_code);
        else link_stream_free(l, s);
    }
    while (c->first != NULL) {
        if (!link_out_is_below(l->out, LINK_OUT_LAST_WORDS)) return false;
        link_stream_last_word(l, c->first, PU_DOWN_LOST, c->end_code);
    }
    return true;
}

static void say_conn(pu_link *l, conn *c)
{
    if (c->is_known) {
        pu_in *in = link_out_input(l->out, PU_IN_CONN_DOWN, l->now);
        in->conn = c->handle;
        in->code = c->end_code;
    }
    if (c->token != 0) link_dial_fail(l, c->token, c->end_code);
}

/* The block goes to the grave. */
static void forget(pu_link *l, conn *c)
{
    link_list_del(l, LIST_ENDED, c);
    link_slots_del(&l->conns, c->handle);
    stream *outer = c->outer;
    if (outer != NULL) {
        outer->inner = NULL;
        if (outer->is_down && outer->conn->state != CONN_ENDED) link_stream_free(l, outer);
    }
    c->in_list[0].next = l->grave_conns;
    l->grave_conns = c;
}

void link_reap(pu_link *l)
{
    conn *c = l->lists[LIST_ENDED].first;
    for (; c != NULL; c = c->in_list[LIST_ENDED].next)
        if (!c->is_freed) free_parts(l, c);
    while ((c = l->lists[LIST_ENDED].first) != NULL) {
        conn *inner = innermost(c);
        PU_ASSERT(inner->state == CONN_ENDED);
        if (inner->is_asked || !say_streams(l, inner)) return;
        if (!link_out_is_below(l->out, LINK_OUT_LAST_WORDS)) return;
        say_conn(l, inner);
        forget(l, inner);
    }
}

void link_bury(pu_link *l)
{
    while (l->grave_streams != NULL) {
        stream *s = l->grave_streams;
        l->grave_streams = s->next;
        chunks_free(&s->rx, &l->alloc);
        mem_free(&l->alloc, s, s->bytes);
    }
    while (l->grave_conns != NULL) {
        conn *c = l->grave_conns;
        l->grave_conns = c->in_list[0].next;
        mem_free(&l->alloc, c, c->bytes);
    }
}

void link_conns_close(pu_link *l)
{
    for (uint32_t i = 0; i < l->conns.cap; i++) {
        conn *c = l->conns.at[i].object;
        if (c == NULL || c->is_freed) continue;
        for (stream *s = c->first; s != NULL; s = s->next)
            if (!s->is_down) c->ops->free_stream(l, s);
        c->ops->free_conn(l, c);
        if (c->transport == PU_TRANSPORT_TCP) link_tcp_free(l, c);
        if (c->transport == PU_TRANSPORT_CIRCUIT) link_pipe_free(l, c);
    }
    for (uint32_t i = 0; i < l->conns.cap; i++) {
        conn *c = l->conns.at[i].object;
        if (c == NULL) continue;
        while (c->first != NULL) link_stream_free(l, c->first);
        c->in_list[0].next = l->grave_conns;
        l->grave_conns = c;
    }
    link_bury(l);
}
