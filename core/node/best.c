/* Several connections with one peer: which is the best, and which of them end.
 *
 * The best is a confirmed one, direct before relayed, QUIC before TCP. Of two such - both sides may
 * have dialled - it is the one dialled by the peer whose id is the smaller in bytes, and of those
 * that one side dialled the newest: both sides see that alike, without asking each other. An older
 * one whose peer has just come anew may be dead, and comes last until it has answered a ping.
 *
 * The application hears of the best whenever that changes. What is not the best ends a while later,
 * when nothing uses it; by then both sides know of the better one, or have lost it and need the
 * other again. A relayed connection is ended by either side. Of direct ones each side ends only
 * what it dialled itself: no two sides that go by this rule can end both, and one that knows no
 * rule loses nothing. TCP beside QUIC stays: it leads where UDP may be cut any time.
 */
#include "node/impl.h"
#include "proto/ping.h"

static bool is_relayed(const conn *c)
{
    return (c->flags & PU_RELAYED) != 0;
}

static bool is_usable(const conn *c)
{
    return c->state == CONN_UP && c->confirmed && !c->doomed;
}

/* Whether our id is the smaller one. None is the beginning of another: its length is in it. */
static bool is_first(const pu_node *n, pu_peer peer)
{
    pu_span id = ctx_peer_id(n, peer);
    size_t len = n->self.len < id.len ? n->self.len : id.len;
    return memcmp(n->self.bytes, id.base, len) < 0;
}

static bool is_better(const pu_node *n, const conn *a, const conn *b)
{
    PU_ASSERT(a->peer == b->peer);
    if (is_relayed(a) != is_relayed(b)) return is_relayed(b);
    bool quic_a = a->transport == PU_TRANSPORT_QUIC, quic_b = b->transport == PU_TRANSPORT_QUIC;
    if (quic_a != quic_b) return quic_a;
    if (a->doubted != b->doubted) return b->doubted;
    bool ours_a = (a->flags & PU_DIALLER) != 0, ours_b = (b->flags & PU_DIALLER) != 0;
    if (ours_a != ours_b && !is_relayed(a)) return ours_a == is_first(n, a->peer);
    return pu_handle_ordinal(a->handle) > pu_handle_ordinal(b->handle);
}

conn *conn_best(pu_node *n, pu_peer peer, uint32_t without)
{
    conn *best = NULL;
    for (uint32_t i = 0; i < n->conn_cap; i++) {
        conn *c = &n->conns[i];
        if (c->peer != peer || !is_usable(c) || (c->flags & without) != 0) continue;
        if (best == NULL || is_better(n, c, best)) best = c;
    }
    return best;
}

conn *ctx_conn_of(pu_node *n, pu_peer peer)
{
    return conn_best(n, peer, 0);
}

conn *ctx_conn_direct(pu_node *n, pu_peer peer)
{
    return conn_best(n, peer, PU_RELAYED);
}

pu_handle conn_best_handle(pu_node *n, pu_peer peer)
{
    const conn *best = ctx_conn_of(n, peer);
    return best != NULL ? best->handle : 0;
}

void conn_tell_peer(pu_node *n, pu_peer peer, const conn *best)
{
    pu_ef *e = effect(n, PU_EF_EVENT);
    e->what = PU_EVENT_PEER;
    e->peer = out_copy(n->out, ctx_peer_id(n, peer));
    if (best == NULL) {
        e->flags = PU_GONE;
        return;
    }
    e->conn = best->handle;
    e->flags = best->flags & (PU_RELAYED | PU_LIMITED);
    e->transport = (enum pu_transport)best->transport;
    e->remote = best->remote;
    e->offset = best->rtt_ns;
}

void conn_tell_best(pu_node *n, pu_peer peer, pu_handle was)
{
    const conn *best = ctx_conn_of(n, peer);
    if ((best != NULL ? best->handle : 0) == was) return;
    conn_tell_peer(n, peer, best);
}

/* ---- connections that may be dead ---- */

static conn *next_with_peer(pu_node *n, const conn *c)
{
    return &n->conns[c->twin];
}

/* Whether c, which is older than fresh, may have been lost to the peer, who made fresh. */
static bool may_be_lost(const conn *c, const conn *fresh)
{
    return (fresh->flags & PU_DIALLER) == 0 && is_usable(c) && !is_relayed(c);
}

/* What came up within spare_ns before was alive then, and most likely is: both sides dialled. */
void conns_doubt(pu_node *n, const conn *fresh)
{
    PU_ASSERT(fresh->confirmed);
    for (conn *c = next_with_peer(n, fresh); c != fresh; c = next_with_peer(n, c))
        if (may_be_lost(c, fresh) && n->now - c->up_at >= n->config->spare_ns) c->doubted = true;
}

void conns_probe(pu_node *n, const conn *fresh)
{
    PU_ASSERT(fresh->confirmed);
    for (conn *c = next_with_peer(n, fresh); c != fresh; c = next_with_peer(n, c))
        if (may_be_lost(c, fresh)) ping_probe(n, c);
}

void ctx_conn_answers(pu_node *n, conn *c)
{
    if (c->state != CONN_UP || !c->doubted) return;
    pu_handle was = conn_best_handle(n, c->peer);
    c->doubted = false;
    conn_tell_best(n, c->peer, was);
    conns_spare(n, c, false);
}

/* ---- connections that are spare ---- */

/* Whether c ends when nothing uses it. */
static bool is_spare(pu_node *n, const conn *c)
{
    PU_ASSERT(c->state == CONN_UP);
    if (!c->confirmed || c->doubted) return false; /* silence ends what is doubted */
    if (is_relayed(c)) {
        const conn *direct = ctx_conn_direct(n, c->peer);
        return direct != NULL && !direct->doubted;
    }
    if ((c->flags & PU_DIALLER) == 0) return false;
    for (const conn *other = next_with_peer(n, c); other != c; other = next_with_peer(n, other)) {
        bool is_alike = is_usable(other) && !is_relayed(other) && other->transport == c->transport;
        if (is_alike && is_better(n, other, c)) return true;
    }
    return false;
}

void conns_spare(pu_node *n, const conn *c, bool anew)
{
    const conn *other = c;
    PU_ASSERT(c->peer != 0);
    if (next_with_peer(n, c) == c) return;
    do {
        bool is_meant = other->state == CONN_UP && !other->doomed && is_spare(n, other);
        if (is_meant && (anew || !ctx_has_timer(n, TIMER_CONN, other->handle)))
            ctx_timer(n, TIMER_CONN, other->handle, ctx_after(n, n->config->spare_ns));
        other = next_with_peer(n, other);
    } while (other != c);
}

void conn_spare_timer(pu_node *n, conn *c)
{
    PU_ASSERT(c->confirmed && !c->doomed);
    if (!is_spare(n, c)) return; /* the better one went: this one is needed again */
    if (c->stream_count == 0) ctx_hangup(n, c, PU_CODE_SUPPLANTED);
    else ctx_timer(n, TIMER_CONN, c->handle, ctx_after(n, n->config->spare_ns));
}
