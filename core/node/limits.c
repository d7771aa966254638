/* Limits on what strangers and peers may make us hold: counted here, enforced where the thing
 * begins. */
#include "node/impl.h"

enum { IP_BYTES = 16, BLOCK_BYTES = 8 /* a /64 */, SITE_BYTES = 7 /* a /56 */ };

static bool begins_alike(const pu_endpoint *a, const pu_endpoint *b, size_t ip6_bytes)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    size_t len = memcmp(a->ip, mapped, sizeof mapped) == 0 ? IP_BYTES : ip6_bytes;
    return memcmp(a->ip, b->ip, len) == 0;
}

bool endpoint_same_block(const pu_endpoint *a, const pu_endpoint *b)
{
    return begins_alike(a, b, BLOCK_BYTES);
}

bool endpoint_same_site(const pu_endpoint *a, const pu_endpoint *b)
{
    return begins_alike(a, b, SITE_BYTES);
}

static uint32_t inbound_from_block(const pu_node *n, const pu_endpoint *remote)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->conn_cap; i++) {
        const conn *c = &n->conns[i];
        bool counts = c->state != CONN_FREE && (c->flags & (PU_DIALLER | PU_RELAYED)) == 0;
        if (counts && endpoint_same_block(&c->remote, remote)) count++;
    }
    return count;
}

bool limits_allow_inbound(pu_node *n, const pu_endpoint *remote)
{
    return !ctx_at_limit(n, "conns_max", n->conn_count, n->config->conns_max) &&
           !ctx_at_limit(n, "handshakes_max", n->asked_count, n->config->handshakes_max) &&
           !ctx_at_limit(n, "conns_per_ip_max", inbound_from_block(n, remote),
                         n->config->conns_per_ip_max);
}

bool limits_allow_peer(pu_node *n, pu_peer peer)
{
    return !ctx_at_limit(n, "conns_per_peer_max", conns_of_peer(n, peer),
                         n->config->conns_per_peer_max);
}
