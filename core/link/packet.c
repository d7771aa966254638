/* link/packet.c - datagrams: which are connections' and which are the node's, and where sockets are
 * bound. */
#include "link/link_impl.h"

/* A socket that carries QUIC: the others never see a connection. */
static bool carries_quic(uint32_t socket)
{
    return socket == PU_SOCKET_MAIN ||
           (socket >= PU_SOCKET_PROBE && socket < PU_SOCKET_PROBE + LINK_PROBES_MAX);
}

static bool is_socket(uint32_t socket)
{
    return carries_quic(socket) || socket == PU_SOCKET_MDNS || socket == PU_SOCKET_GATEWAY;
}

/* ---- in ---- */

bool link_udp_is_sound(const pu_link_in *in)
{
    if (!is_socket(in->socket) || in->body.len > PU_LINK_UDP_MAX || in->ecn > 3) return false;
    if (in->segment == 0) return true;
    return in->body.len / in->segment < PU_LINK_GRO_MAX;
}

static void give_packet(pu_link *l, const pu_link_in *in, pu_span bytes)
{
    if (bytes.len > PU_PACKET_MAX) return; /* no protocol of ours is so long */
    pu_in *packet = link_out_input(l->out, PU_IN_PACKET, l->now);
    packet->socket = in->socket;
    packet->local = in->local;
    packet->remote = in->remote;
    packet->body = bytes;
}

void link_udp_take(pu_link *l, const pu_link_in *in)
{
    udp_path path = {in->socket, in->local, in->remote};
    pu_span rest = in->body;
    do {
        bool is_last = in->segment == 0 || rest.len <= in->segment;
        pu_span bytes = is_last ? rest : span_head(rest, in->segment);
        rest = span_skip(rest, bytes.len);
        bool is_quic =
            carries_quic(in->socket) && l->transports->quic_datagram(l, &path, in->ecn, bytes);
        if (!is_quic) give_packet(l, in, bytes);
        link_reap(l);
    } while (rest.len > 0);
}

/* ---- out ---- */

void link_packet_send(pu_link *l, const pu_ef *ef)
{
    pu_link_ef *e = link_out_add(l->out, PU_LINK_EF_UDP);
    e->socket = ef->socket;
    e->remote = ef->remote;
    e->body = ef->body;
}

uint8_t *link_udp_space(pu_link *l, size_t len)
{
    PU_ASSERT(l->space == NULL);
    PU_ASSERT(len > 0 && len <= PU_LINK_UDP_MAX);
    if (!link_out_has_room(l->out)) return NULL;
    l->space = link_out_bytes(l->out, len);
    l->space_bytes = len;
    return l->space;
}

void link_udp_commit(pu_link *l, const udp_path *path, size_t len, uint32_t segment, uint32_t ecn)
{
    PU_ASSERT(l->space != NULL);
    PU_ASSERT(len <= l->space_bytes);
    PU_ASSERT(segment == 0 || len <= (size_t)segment * PU_LINK_SEGMENTS_MAX);
    link_out_shrink(l->out, l->space, l->space_bytes, len);
    if (len > 0) {
        pu_link_ef *e = link_out_add(l->out, PU_LINK_EF_UDP);
        e->socket = path->socket;
        e->local = path->local;
        e->remote = path->remote;
        e->segment = segment;
        e->ecn = ecn;
        e->body = span_of(l->space, len);
    }
    l->space = NULL;
}

/* ---- where sockets are bound ---- */

static link_socket *socket_of(const pu_link *l, uint32_t socket)
{
    for (uint32_t i = 0; i < l->socket_count; i++)
        if (l->sockets[i].socket == socket) return &l->sockets[i];
    return NULL;
}

pu_endpoint link_local(const pu_link *l, uint32_t socket)
{
    const link_socket *s = socket_of(l, socket);
    return s != NULL ? s->local : (pu_endpoint){0};
}

bool link_local_is_sound(const pu_link_in *in)
{
    return (in->flags & PU_LINK_TCP) != 0 || is_socket(in->socket);
}

void link_local_take(pu_link *l, const pu_link_in *in)
{
    if ((in->flags & PU_LINK_TCP) != 0) {
        l->tcp_local = in->local;
        return;
    }
    link_socket *s = socket_of(l, in->socket);
    if (s == NULL) {
        if (!mem_grow(&l->alloc, (void **)&l->sockets, &l->socket_cap, l->socket_count,
                      LINK_PROBES_MAX + PU_SOCKET_PROBE, sizeof *s))
            return; /* then it is not known: QUIC goes on without */
        s = &l->sockets[l->socket_count++];
        s->socket = in->socket;
    }
    s->local = in->local;
    if (carries_quic(in->socket)) l->transports->quic_rebound(l, in->socket);
}
