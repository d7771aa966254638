/* quic/stateless.c - answers to datagrams that belong to no connection. None keeps anything, none
 * is longer than what it answers, and those that a stranger could draw at will are counted. */
#include "quic/quic_impl.h"

enum {
    TRANSPORT_TOKEN_BYTES = NGTCP2_STATELESS_RESET_TOKENLEN,
    RESET_RANDOM_MOST = QUIC_RESET_MOST - TRANSPORT_TOKEN_BYTES,
    RETRY_BYTES_MAX = 512
};
_Static_assert(QUIC_RESET_LEAST - 1 - TRANSPORT_TOKEN_BYTES >= NGTCP2_MIN_STATELESS_RESET_RANDLEN,
               "the shortest reset is one");

/* Whether one more may be sent now: so many a second, a few at once. */
static bool may_reply(quic_endpoint *q)
{
    const uint64_t cost_ns = PU_S / QUIC_REPLIES_A_SECOND;
    pu_time now = link_now(q->link);
    pu_time at = q->replies_at > now ? q->replies_at : now;
    if (at - now > (QUIC_REPLIES_BURST - 1) * cost_ns) return false;
    q->replies_at = at + cost_ns;
    return true;
}

/* Sends what a writer has put into space: its length, or a negative number for nothing. */
static void commit(quic_endpoint *q, const udp_path *path, ngtcp2_ssize written)
{
    link_udp_commit(q->link, path, written > 0 ? (size_t)written : 0, 0, 0);
}

void quic_stateless_retry(quic_endpoint *q, const udp_path *path, const ngtcp2_pkt_hd *hd)
{
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN];
    ngtcp2_cid scid;
    quic_path p;
    uint8_t *out = link_udp_space(q->link, RETRY_BYTES_MAX);
    if (out == NULL) return;
    quic_ids_make(q, &scid);
    quic_path_make(&p, NULL, path->socket, &path->remote);
    ngtcp2_ssize len = ngtcp2_crypto_generate_retry_token(
        token, q->token_secret, sizeof q->token_secret, hd->version, p.path.remote.addr,
        p.path.remote.addrlen, &scid, &hd->dcid, link_now(q->link));
    if (len > 0)
        len = ngtcp2_crypto_write_retry(out, RETRY_BYTES_MAX, hd->version, &hd->scid, &scid,
                                        &hd->dcid, token, (size_t)len);
    commit(q, path, len);
}

bool quic_stateless_token(const quic_endpoint *q, const udp_path *path, const ngtcp2_pkt_hd *hd,
                          ngtcp2_cid *odcid)
{
    quic_path p;
    if (hd->token.len == 0 || hd->token.base[0] != NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY) return false;
    quic_path_make(&p, NULL, path->socket, &path->remote);
    return ngtcp2_crypto_verify_retry_token(odcid, hd->token.base, hd->token.len, q->token_secret,
                                            sizeof q->token_secret, hd->version, p.path.remote.addr,
                                            p.path.remote.addrlen, &hd->dcid, QUIC_TOKEN_NS,
                                            link_now(q->link)) == 0;
}

void quic_stateless_versions(quic_endpoint *q, const udp_path *path, const ngtcp2_version_cid *vc)
{
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    uint8_t random;
    if (!may_reply(q)) return;
    uint8_t *out = link_udp_space(q->link, QUIC_INITIAL_LEAST);
    if (out == NULL) return;
    link_random(q->link, &random, sizeof random);
    commit(q, path,
           ngtcp2_pkt_write_version_negotiation(out, QUIC_INITIAL_LEAST, random, vc->scid,
                                                vc->scidlen, vc->dcid, vc->dcidlen, versions,
                                                sizeof versions / sizeof versions[0]));
}

void quic_stateless_reset(quic_endpoint *q, const udp_path *path, pu_span trigger)
{
    uint8_t token[TRANSPORT_TOKEN_BYTES], random[RESET_RANDOM_MOST];
    ngtcp2_cid cid;
    if (trigger.len < QUIC_RESET_LEAST || !may_reply(q)) return;
    uint8_t *out = link_udp_space(q->link, QUIC_RESET_MOST);
    if (out == NULL) return;
    ngtcp2_cid_init(&cid, trigger.base + 1, QUIC_CID_BYTES);
    size_t len = trigger.len - 1 < QUIC_RESET_MOST ? trigger.len - 1 : QUIC_RESET_MOST;
    size_t random_len = len - TRANSPORT_TOKEN_BYTES;
    link_random(q->link, random, random_len);
    ngtcp2_ssize written = -1;
    if (ngtcp2_crypto_generate_stateless_reset_token(token, q->reset_secret, sizeof q->reset_secret,
                                                     &cid) == 0)
        written = ngtcp2_pkt_write_stateless_reset(out, len, token, random, random_len);
    commit(q, path, written);
}

void quic_stateless_refuse(quic_endpoint *q, const udp_path *path, const ngtcp2_pkt_hd *hd,
                           uint64_t error)
{
    if (!may_reply(q)) return;
    uint8_t *out = link_udp_space(q->link, QUIC_INITIAL_LEAST);
    if (out == NULL) return;
    commit(q, path,
           ngtcp2_crypto_write_connection_close(out, QUIC_INITIAL_LEAST, hd->version, &hd->scid,
                                                &hd->dcid, error, NULL, 0));
}
