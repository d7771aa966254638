/* quic/endpoint.c - one endpoint a link: what its connections share, and the way of a datagram to
 * the connection it belongs to.
 *
 * Initials of strangers. Before the node has allowed a connection from outside, a copy of the first
 * datagrams is all that is kept, no key was computed, and from quic_retry_handshakes handshakes on
 * not even that: an address that is not proven is answered by a Retry, which keeps nothing.
 */
#include "quic/quic_impl.h"

#include <gnutls/crypto.h>

enum { CONNS_MAX = 1 << 20 };

/* ---- begin and end ---- */

int quic_new(quic_endpoint **out, pu_link *l)
{
    const pu_link_env *env = link_env(l);
    const pu_alloc *alloc = link_alloc(l);
    quic_endpoint *q = mem_new(alloc, sizeof *q);
    if (q == NULL) return PU_ENOMEM;
    q->link = l;
    q->closed_until = PU_NEVER;
    imap_init(&q->cids, env->hash_seed, alloc);
    imap_init(&q->tokens, env->hash_seed, alloc);
    link_random(l, q->token_secret, sizeof q->token_secret);
    /* A signature is the same each time and known to nobody else: peers of an earlier process learn
     * at once that it is gone. */
    env->crypto->sign(env->crypto->ctx, q->reset_secret,
                      SPAN_LITERAL("peerup quic stateless reset 1"));
    int error = tls_keys_new(&q->keys, alloc, env->crypto, link_public_key(l),
                             link_unix_ns(l) / PU_S, quic_callbacks_verify);
    if (error != PU_OK) {
        quic_free(l, q);
        return error;
    }
    *out = q;
    return PU_OK;
}

void quic_free(pu_link *l, quic_endpoint *q)
{
    const pu_alloc *alloc = link_alloc(l);
    if (q == NULL) return;
    PU_ASSERT(q->conn_count == 0);
    quic_closed_free(q);
    tls_keys_free(alloc, q->keys);
    imap_close(&q->cids);
    imap_close(&q->tokens);
    mem_free(alloc, q->conns, q->conn_cap * sizeof(quic_conn *));
    gnutls_memset(q, 0, sizeof *q);
    mem_free(alloc, q, sizeof *q);
}

bool quic_endpoint_add(quic_endpoint *q, quic_conn *c)
{
    uint32_t index = 0;
    while (index < q->conn_cap && q->conns[index] != NULL) index++;
    if (index == q->conn_cap && !mem_grow(link_alloc(q->link), (void **)&q->conns, &q->conn_cap,
                                          q->conn_cap, CONNS_MAX, sizeof(quic_conn *)))
        return false;
    q->conns[index] = c;
    q->conn_count++;
    c->endpoint = q;
    c->link = q->link;
    quic_memory_begin(c);
    c->index = index;
    return true;
}

void quic_endpoint_del(quic_conn *c)
{
    quic_endpoint *q = c->endpoint;
    PU_ASSERT(q->conns[c->index] == c);
    if (c->closed != NULL) quic_closed_take(c);
    else quic_ids_clear(c);
    q->conns[c->index] = NULL;
    q->conn_count--;
    c->endpoint = NULL;
}

/* ---- datagrams ---- */

/* Begins a connection from outside with its first datagram. */
static void begin(quic_endpoint *q, const udp_path *path, uint32_t ecn, const ngtcp2_pkt_hd *hd,
                  pu_span bytes)
{
    conn *head = link_conn_new(q->link, &quic_ops, PU_TRANSPORT_QUIC, &path->local, &path->remote);
    if (head == NULL) return;
    quic_conn *c = quic_of(head);
    c->socket = path->socket;
    c->first_dcid = hd->dcid;
    if (!quic_endpoint_add(q, c) || !quic_ids_add(c, span_of(hd->dcid.data, hd->dcid.datalen))) {
        link_conn_down(q->link, head, PU_CODE_NO_MEMORY);
        return;
    }
    quic_conn_keep(c, ecn, bytes);
    link_conn_ask_accept(q->link, head);
}

/* A valid Initial that belongs to no connection. */
static void take_initial(quic_endpoint *q, const udp_path *path, uint32_t ecn,
                         const ngtcp2_pkt_hd *hd, pu_span bytes)
{
    ngtcp2_cid odcid;
    bool has_retry_token =
        hd->token.len > 0 && hd->token.base[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY;
    if (hd->dcid.datalen < QUIC_CID_BYTES) return;
    if (!quic_ids_is_free(q, span_of(hd->dcid.data, hd->dcid.datalen))) return;
    if (has_retry_token) {
        if (!quic_stateless_token(q, path, hd, &odcid)) {
            quic_stateless_refuse(q, path, hd, QUIC_INVALID_TOKEN);
            return;
        }
    } else if (link_handshakes(q->link) >= link_config(q->link)->quic_retry_handshakes) {
        quic_stateless_retry(q, path, hd);
        return;
    }
    begin(q, path, ecn, hd, bytes);
}

/* A short header that no connection knows: the last word of a peer that has forgotten us, something
 * for a connection that we have forgotten, or no QUIC at all. */
static bool take_stray(quic_endpoint *q, const udp_path *path, uint32_t ecn, pu_span bytes)
{
    const size_t token_bytes = NGTCP2_STATELESS_RESET_TOKENLEN;
    if (bytes.len >= NGTCP2_MIN_STATELESS_RESET_RANDLEN + token_bytes) {
        quic_conn *c = quic_ids_find_token(q, span_skip(bytes, bytes.len - token_bytes));
        if (c != NULL && c->head.state != CONN_ENDED) {
            quic_conn_read(c, path, ecn, bytes);
            return true;
        }
    }
    if (!quic_ids_was_ours(q, span_of(bytes.base + 1, QUIC_CID_BYTES))) return false;
    quic_stateless_reset(q, path, bytes);
    return true;
}

bool quic_datagram(pu_link *l, const udp_path *path, uint32_t ecn, pu_span bytes)
{
    quic_endpoint *q = link_quic(l);
    ngtcp2_version_cid vc;
    ngtcp2_pkt_hd hd;
    if (bytes.len == 0) return false;
    int error = ngtcp2_pkt_decode_version_cid(&vc, bytes.base, bytes.len, QUIC_CID_BYTES);
    if (error == NGTCP2_ERR_VERSION_NEGOTIATION) {
        quic_stateless_versions(q, path, &vc);
        return true;
    }
    if (error != 0) return false;

    quic_conn *c = quic_ids_find(q, span_of(vc.dcid, vc.dcidlen));
    if (c != NULL) {
        if (c->head.state == CONN_ENDED) return true;
        if (c->qc != NULL) quic_conn_read(c, path, ecn, bytes);
        else if (pu_endpoint_equal(&path->remote, &c->head.remote)) quic_conn_keep(c, ecn, bytes);
        return true;
    }
    quic_closed_sweep(q);
    quic_closed *z = quic_closed_find(q, span_of(vc.dcid, vc.dcidlen));
    if (z != NULL) {
        quic_closed_answer(q, z, path, bytes.len);
        return true;
    }
    if ((bytes.base[0] & 0x80) == 0) return take_stray(q, path, ecn, bytes);
    if (ngtcp2_accept(&hd, bytes.base, bytes.len) != 0) return false;
    if (hd.version != NGTCP2_PROTO_VER_V1) { /* a draft of version 2, which ngtcp2 knows */
        quic_stateless_versions(q, path, &vc);
        return true;
    }
    take_initial(q, path, ecn, &hd, bytes);
    return true;
}
