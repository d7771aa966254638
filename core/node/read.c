/* Readers: rows for the application between steps. Nothing here changes the node. */
#include "node/names.h"

bool pu_node_read_conns(const pu_node *n, uint32_t *cursor, pu_conn_row *row)
{
    PU_ASSERT(n->out == NULL);
    while (*cursor < n->conn_cap) {
        const conn *c = &n->conns[(*cursor)++];
        if (c->state != CONN_UP) continue;
        *row = (pu_conn_row){
            .conn = c->handle,
            .via = c->via,
            .peer = ctx_peer_id(n, c->peer),
            .flags = c->flags,
            .confirmed = c->confirmed,
            .transport = (enum pu_transport)c->transport,
            .local = *endpoint_at(n, c->local),
            .remote = c->remote,
            .up_at = c->up_at,
            .rtt_ns = c->rtt_ns,
            .streams = c->stream_count,
        };
        return true;
    }
    return false;
}

/* Peers come as authorised ones first, then those that only the book knows. */
bool pu_node_read_peers(const pu_node *n, uint32_t *cursor, pu_peer_row *row)
{
    PU_ASSERT(n->out == NULL);
    while (*cursor < n->authorised_count + n->known_count) {
        uint32_t at = (*cursor)++, unused;
        bool from_book = at >= n->authorised_count;
        pu_peer peer = from_book ? n->known[at - n->authorised_count].peer : n->authorised[at].peer;
        if (from_book && imap_get(&n->authorised_index, peer, &unused)) continue;
        const known_peer *k = book_find(n, peer);
        *row = (pu_peer_row){
            .peer = ctx_peer_id(n, peer),
            .authorised = ctx_is_authorised(n, peer),
            .wanted = want_find(n, peer) != NULL,
            .relay = k != NULL && k->is_relay,
            .addrs = (k != NULL ? k->addr_count : 0) + names_of_peer(n, peer),
            .conns = conns_of_peer(n, peer),
        };
        return true;
    }
    return false;
}

bool pu_node_read_limits(const pu_node *n, uint32_t *cursor, pu_limit_row *row)
{
    PU_ASSERT(n->out == NULL);
    if (limits_read(n, *cursor, row)) {
        (*cursor)++;
        return true;
    }
    const pu_limit_row rows[] = {
        {"authorized_max", n->authorised_count, n->config->authorized_max, 0},
        {"book_peers_max", n->known_count, n->config->book_peers_max, 0},
        {"wanted_max", n->want_count, n->config->wanted_max, 0},
    };
    uint32_t at = *cursor - LIMIT_COUNT;
    if (at >= sizeof rows / sizeof rows[0]) return false;
    (*cursor)++;
    *row = rows[at];
    return true;
}
