/* quic/migrate.c - paths. ngtcp2 tells paths apart by their addresses. The remote is what it is;
 * our side stands for a socket and how often its address has changed, since the real one is not
 * always known and the kernel may choose another. */
#include "quic/quic_impl.h"

/* An address for ngtcp2 to compare: scope is not looked at. */
static ngtcp2_addr addr_of(ngtcp2_sockaddr_in6 *memory)
{
    return (ngtcp2_addr){(ngtcp2_sockaddr *)(void *)memory, sizeof *memory};
}

void quic_path_make(quic_path *p, const quic_conn *c, uint32_t socket, const pu_endpoint *remote)
{
    uint8_t port[2];
    memset(p, 0, sizeof *p);
    p->local.sin6_family = p->remote.sin6_family = NGTCP2_AF_INET6;
    p->local.sin6_scope_id = socket;
    store_be32(p->local.sin6_addr.s6_addr, socket);
    if (c != NULL && c->socket == socket) store_be32(p->local.sin6_addr.s6_addr + 4, c->generation);
    store_be16(port, remote->port);
    memcpy(&p->remote.sin6_port, port, sizeof port);
    memcpy(p->remote.sin6_addr.s6_addr, remote->ip, sizeof remote->ip);
    p->remote.sin6_scope_id = remote->scope;
    p->path.local = addr_of(&p->local);
    p->path.remote = addr_of(&p->remote);
}

static void remote_read(pu_endpoint *remote, const ngtcp2_path *path)
{
    ngtcp2_sockaddr_in6 in6;
    uint8_t port[2];
    PU_ASSERT(path->remote.addrlen == sizeof in6);
    memcpy(&in6, path->remote.addr, sizeof in6);
    memcpy(port, &in6.sin6_port, sizeof port);
    *remote = (pu_endpoint){.scope = in6.sin6_scope_id, .port = load_be16(port)};
    memcpy(remote->ip, in6.sin6_addr.s6_addr, sizeof remote->ip);
}

static uint32_t socket_read(const ngtcp2_path *path)
{
    ngtcp2_sockaddr_in6 in6;
    PU_ASSERT(path->local.addrlen == sizeof in6);
    memcpy(&in6, path->local.addr, sizeof in6);
    return load_be32(in6.sin6_addr.s6_addr);
}

/* Answers go out from where the peer found us; on our own dials the kernel may choose anew. */
void quic_path_read(udp_path *out, const quic_conn *c, const ngtcp2_path *path)
{
    *out = (udp_path){.socket = socket_read(path)};
    remote_read(&out->remote, path);
    if (ngtcp2_conn_is_server(c->qc) && out->socket == c->socket) out->local = c->head.local;
}

/* A path is being validated for so many probe time-outs at most, or as many seconds. */
enum { MOVE_PTOS = 8 };

/* ngtcp2 ends the process when a peer moves twice and both moves want to give back the same
 * connection id: first by another address, as a NAT does it, and before that path and the old one
 * have been dealt with by another id as well. It does not say when it has done with a path, and an
 * id may be bound to one before anybody moves there: so a connection that moved stays where it is
 * for as long as all that may take, and until ngtcp2 could write after that: a validation begins
 * and ends when it writes, and while the peer acknowledges nothing it does not. It may go back
 * until the new path is proven: then nothing is given back twice. */
static pu_time held_until(const quic_conn *c)
{
    pu_time since = c->moved_at > c->challenged_at ? c->moved_at : c->challenged_at;
    return since + c->move_ns;
}

pu_time quic_path_due(const quic_conn *c)
{
    if (!ngtcp2_conn_is_server(c->qc) || c->moved_at == 0) return PU_NEVER;
    pu_time until = held_until(c);
    return c->written_at < until && c->ticked_at < until ? until : PU_NEVER;
}

bool quic_path_may_move(const quic_conn *c, const udp_path *path)
{
    if (!ngtcp2_conn_is_server(c->qc) || c->moved_at == 0) return true;
    if (c->written_at >= held_until(c)) return true;
    return c->is_home_open && path->socket == c->home.socket &&
           pu_endpoint_equal(&path->remote, &c->home.remote);
}

/* By the longest probe time-out since: those of a validation may have been reckoned by it. */
static uint64_t move_ns(const quic_conn *c)
{
    uint64_t pto_ns = ngtcp2_conn_get_pto(c->qc);
    return MOVE_PTOS * (pto_ns > PU_S ? pto_ns : PU_S);
}

void quic_path_hold(quic_conn *c)
{
    bool is_over = c->moved_at == 0 || link_now(c->link) - c->moved_at >= c->move_ns;
    uint64_t ns = move_ns(c);
    if (is_over || ns > c->move_ns) c->move_ns = ns;
}

void quic_path_follow(quic_conn *c)
{
    const ngtcp2_path *path = ngtcp2_conn_get_path(c->qc);
    pu_endpoint remote;
    remote_read(&remote, path);
    uint32_t socket = socket_read(path);
    bool is_same = pu_endpoint_equal(&remote, &c->head.remote);
    bool has_moved = !is_same || socket != c->socket;
    if (has_moved || (c->news & NEWS_PROVEN)) {
        quic_path_hold(c);
        if (has_moved) c->home = (udp_path){.socket = c->socket, .remote = c->head.remote};
        c->is_home_open = has_moved && !(c->news & NEWS_PROVEN);
        c->moved_at = link_now(c->link);
    }
    c->socket = socket;
    if (is_same) return;
    c->head.remote = remote;
    link_conn_path(c->link, &c->head, true);
}

/* Begins again on socket, whose address is another one: with another connection id, so that nobody
 * can tell from it that it is the same connection, and the path proven (RFC 9000 9). */
static void migrate(quic_conn *c, uint32_t socket, uint32_t generation)
{
    quic_path p;
    uint32_t old_socket = c->socket, old_generation = c->generation;
    c->socket = socket;
    c->generation = generation;
    quic_path_make(&p, c, socket, &c->head.remote);
    pu_time now = link_now(c->link);
    int error = ngtcp2_conn_initiate_immediate_migration(c->qc, &p.path, now);
    if (error == 0) {
        c->head.local = (pu_endpoint){.port = 0};
        link_conn_path(c->link, &c->head, true);
    } else if (socket == old_socket) {
        /* A peer that allows no migration, or has given no id for it, takes it for a change of a
         * NAT's mapping. */
        ngtcp2_conn_set_local_addr(c->qc, &p.path.local);
    } else {
        c->socket = old_socket;
        c->generation = old_generation;
    }
    quic_conn_due(c);
}

void quic_set(pu_link *l, conn *head, const pu_ef *ef)
{
    (void)l;
    quic_conn *c = quic_of(head);
    if (c->qc == NULL || c->is_short || head->state != CONN_READY) return;
    if (ef->flags & PU_KEEP) {
        c->silence_ns = ef->offset;
        quic_conn_keep_alive(c);
    }
    if ((ef->flags & PU_MIGRATED) && !ngtcp2_conn_is_server(c->qc) && ef->socket != c->socket)
        migrate(c, ef->socket, 0);
}

void quic_rebound(pu_link *l, uint32_t socket)
{
    quic_endpoint *q = link_quic(l);
    for (uint32_t i = 0; i < q->conn_cap; i++) {
        quic_conn *c = q->conns[i];
        if (c == NULL || c->qc == NULL || c->is_short || c->socket != socket) continue;
        if (c->head.state == CONN_ENDED || ngtcp2_conn_is_server(c->qc)) continue;
        migrate(c, socket, c->generation + 1);
    }
}
