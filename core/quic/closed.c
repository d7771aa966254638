/* quic/closed.c - connections that are over, for as long as their peer may not know it (RFC 9000
 * 10.2). The datagram that says so may be lost, and without it the peer would go on sending into
 * the dark until its idle time-out: so it is kept, and each datagram that still comes for the
 * connection is answered by it, at most once a probe time-out. What the peer has closed is kept
 * too, without an answer: a reset would only tell it what it said itself.
 *
 * Nothing but a hash table leads here: ids mean a place in a table of QUIC_CLOSED_MAX. When it is
 * full, the one that would have been forgotten first makes room, strangers before peers; its ids
 * are then like all that are forgotten, and draw a stateless reset.
 */
#include "quic/quic_impl.h"

enum { PTOS = 3, AMPLIFY = 3 };

struct quic_closed {
    quic_key *keys; /* owned: its connection ids */
    uint32_t key_count, key_cap;
    ngtcp2_cid first_dcid;
    udp_path path;     /* where the connection was */
    pu_time until;     /* is forgotten then */
    pu_time answer_at; /* no answer before */
    uint64_t pto_ns;
    bool is_proven; /* who was there, and so the address too */
    uint32_t len;   /* 0: there is no answer */
    uint8_t bytes[];
};

/* How long the peer may not know. Whoever was up may be silent until the idle time-out, and sends
 * the first bytes of a new stream into a connection that it takes for a good one. */
static uint64_t retention_ns(const quic_conn *c, uint64_t pto_ns, size_t answer_len)
{
    uint64_t idle_ns = quic_conn_idle_ns(c), most_ns = link_config(c->link)->idle_ns;
    uint64_t ns = PTOS * pto_ns;
    if (answer_len > 0 && c->is_up && ns < idle_ns) ns = idle_ns;
    return ns < most_ns ? ns : most_ns;
}

void quic_closed_note(quic_conn *c, const udp_path *path, pu_span answer)
{
    PU_ASSERT(c->qc != NULL && c->closed == NULL);
    quic_closed *z = mem_new(link_alloc(c->link), sizeof *z + answer.len);
    if (z == NULL) return;
    z->path = *path;
    z->pto_ns = ngtcp2_conn_get_pto(c->qc);
    z->until = link_now(c->link) + retention_ns(c, z->pto_ns, answer.len);
    z->is_proven = c->is_proven;
    z->first_dcid = c->first_dcid;
    z->len = (uint32_t)answer.len;
    if (answer.len > 0) memcpy(z->bytes, answer.base, answer.len);
    c->closed = z;
}

static void closed_free(quic_endpoint *q, quic_closed *z)
{
    const pu_alloc *alloc = link_alloc(q->link);
    for (uint32_t i = 0; i < z->key_count; i++) imap_del(&q->cids, z->keys[i].key);
    mem_free(alloc, z->keys, z->key_cap * sizeof *z->keys);
    mem_free(alloc, z, sizeof *z + z->len);
}

static void forget(quic_endpoint *q, uint32_t slot)
{
    closed_free(q, q->closed[slot]);
    q->closed[slot] = NULL;
}

/* Whether a makes room before b does. */
static bool is_less(const quic_closed *a, const quic_closed *b)
{
    return a->is_proven != b->is_proven ? b->is_proven : a->until < b->until;
}

/* A free place. */
static uint32_t place(quic_endpoint *q)
{
    uint32_t least = 0;
    for (uint32_t i = 0; i < QUIC_CLOSED_MAX; i++) {
        if (q->closed[i] == NULL) return i;
        if (is_less(q->closed[i], q->closed[least])) least = i;
    }
    forget(q, least);
    return least;
}

void quic_closed_take(quic_conn *c)
{
    quic_endpoint *q = c->endpoint;
    quic_closed *z = c->closed;
    c->closed = NULL;
    quic_closed_sweep(q);
    uint32_t slot = place(q);
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (c->keys[i].is_token) {
            imap_del(&q->tokens, c->keys[i].key);
        } else {
            bool is_put = imap_put(&q->cids, c->keys[i].key, QUIC_CLOSED_BIT | slot);
            PU_ASSERT(is_put); /* it was there */
            c->keys[z->key_count++] = c->keys[i];
        }
    }
    z->keys = c->keys;
    z->key_cap = c->key_cap;
    c->keys = NULL;
    c->key_count = c->key_cap = 0;
    q->closed[slot] = z;
    if (z->until < q->closed_until) q->closed_until = z->until;
}

void quic_closed_sweep(quic_endpoint *q)
{
    pu_time now = link_now(q->link);
    if (now < q->closed_until) return;
    q->closed_until = PU_NEVER;
    for (uint32_t i = 0; i < QUIC_CLOSED_MAX; i++) {
        if (q->closed[i] == NULL) continue;
        if (q->closed[i]->until <= now) forget(q, i);
        else if (q->closed[i]->until < q->closed_until) q->closed_until = q->closed[i]->until;
    }
}

void quic_closed_free(quic_endpoint *q)
{
    for (uint32_t i = 0; i < QUIC_CLOSED_MAX; i++)
        if (q->closed[i] != NULL) forget(q, i);
}

quic_closed *quic_closed_find(const quic_endpoint *q, pu_span dcid)
{
    uint32_t index;
    if (dcid.len < QUIC_CID_BYTES || !imap_get(&q->cids, load_le64(dcid.base), &index)) return NULL;
    if ((index & QUIC_CLOSED_BIT) == 0) return NULL;
    quic_closed *z = q->closed[index & ~QUIC_CLOSED_BIT];
    PU_ASSERT(z != NULL);
    return quic_ids_is_name(&z->first_dcid, dcid) ? z : NULL;
}

/* Where nobody was proven to be, no more is sent than three times what came. */
static bool may_answer(const quic_closed *z, const udp_path *path, size_t len, pu_time now)
{
    if (z->len == 0 || now < z->answer_at) return false;
    bool is_known = z->is_proven && path->socket == z->path.socket &&
                    pu_endpoint_equal(&path->remote, &z->path.remote);
    return is_known || z->len <= AMPLIFY * len;
}

void quic_closed_answer(quic_endpoint *q, quic_closed *z, const udp_path *path, size_t len)
{
    pu_time now = link_now(q->link);
    if (!may_answer(z, path, len, now)) return;
    uint8_t *out = link_udp_space(q->link, z->len);
    if (out == NULL) return;
    memcpy(out, z->bytes, z->len);
    link_udp_commit(q->link, path, z->len, 0, 0);
    z->answer_at = now + z->pto_ns;
}
