/* ident/addr.c - multiaddrs as dial targets.
 *
 * An address is [hop] [/p2p/X] [/p2p-circuit [more] [/p2p/Y]]. A hop of another shape than
 * host/udp/quic-v1 or host/tcp is stepped over: such an address cannot be dialled here, but it is
 * somebody's address and stays what it is.
 */
#include "base/varint.h"
#include "ident/decimal.h"
#include "ident/ip.h"
#include "peerup/ident.h"

/* A walk over the components of an address that is known to be well-formed. */
typedef struct walk {
    pu_span rest;       /* after part */
    pu_maddr_part part; /* the component to look at; code 0 at the end */
} walk;

static void walk_next(walk *w)
{
    PU_ASSERT(w != NULL);
    if (!pu_maddr_next(&w->rest, &w->part)) w->part = (pu_maddr_part){0};
}

/* Steps over the present component if it has that code; *value is then its value. */
static bool walk_take(walk *w, uint32_t code, pu_span *value)
{
    PU_ASSERT(code != 0);
    if (w->part.code != code) return false;
    *value = w->part.value;
    walk_next(w);
    return true;
}

/* Steps over everything up to the next /p2p/ or /p2p-circuit. True: there was something. */
static bool walk_skip(walk *w)
{
    PU_ASSERT(w != NULL);
    bool any = false;
    for (; w->part.code != 0 && w->part.code != PU_MA_P2P && w->part.code != PU_MA_CIRCUIT;
         walk_next(w))
        any = true;
    return any;
}

static bool take_peer(walk *w, pu_peer_id *id)
{
    PU_ASSERT(id != NULL);
    pu_span value;
    if (!walk_take(w, PU_MA_P2P, &value)) return false;
    int error = pu_peer_id_from_bytes(id, value);
    PU_ASSERT(error == PU_OK); /* pu_maddr_next has looked */
    return true;
}

/* The zone of an IPv6 address, when it is an interface's number; a name means nothing here. */
static bool take_zone(walk *w, uint32_t *scope)
{
    PU_ASSERT(scope != NULL);
    pu_span value;
    uint64_t number;
    if (!walk_take(w, PU_MA_IP6ZONE, &value)) return true;
    if (!decimal_get(value, UINT32_MAX, &number)) return false;
    *scope = (uint32_t)number;
    return w->part.code == PU_MA_IP6;
}

/* Reads the host. False: there is none that could be dialled. */
static bool take_host(walk *w, pu_addr *addr)
{
    static const uint32_t names[] = {PU_MA_DNS, PU_MA_DNS4, PU_MA_DNS6, PU_MA_DNSADDR};
    PU_ASSERT(addr != NULL);
    pu_span value;
    if (walk_take(w, PU_MA_IP4, &value)) {
        const uint8_t *ip = value.base;
        addr->endpoint = pu_endpoint_ip4(ip[0], ip[1], ip[2], ip[3], 0);
        return true;
    }
    uint32_t scope = 0;
    if (!take_zone(w, &scope)) return false;
    if (walk_take(w, PU_MA_IP6, &value)) {
        memcpy(addr->endpoint.ip, value.base, sizeof addr->endpoint.ip);
        addr->endpoint.scope = scope;
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !addr->dns; i++)
        addr->dns = walk_take(w, names[i], &addr->name);
    return addr->dns;
}

/* Reads the first hop as far as it is understood and steps over the rest of it. */
static void take_hop(walk *w, pu_addr *addr)
{
    PU_ASSERT(addr->transport == PU_TRANSPORT_NONE);
    pu_span value;
    if (take_host(w, addr)) {
        if (walk_take(w, PU_MA_TCP, &value)) {
            addr->endpoint.port = load_be16(value.base);
            addr->transport = PU_TRANSPORT_TCP;
        } else if (walk_take(w, PU_MA_UDP, &value)) {
            addr->endpoint.port = load_be16(value.base);
            if (walk_take(w, PU_MA_QUIC_V1, &value)) addr->transport = PU_TRANSPORT_QUIC;
        }
    }
    if (walk_skip(w)) addr->transport = PU_TRANSPORT_NONE;
}

int pu_addr_read(pu_addr *addr, pu_span bytes)
{
    PU_ASSERT(addr != NULL);
    *addr = (pu_addr){.transport = PU_TRANSPORT_NONE};
    if (!pu_maddr_valid(bytes)) return PU_ERANGE;
    walk w = {.rest = bytes};
    pu_span value;
    walk_next(&w);
    bool has_hop = w.part.code != PU_MA_P2P && w.part.code != PU_MA_CIRCUIT;
    if (has_hop) take_hop(&w, addr);
    bool has_peer = take_peer(&w, &addr->peer);
    if (walk_take(&w, PU_MA_CIRCUIT, &value)) {
        addr->circuit = true;
        addr->via = addr->peer;
        addr->peer = (pu_peer_id){.len = 0};
        if (!has_hop && has_peer) addr->transport = PU_TRANSPORT_CIRCUIT;
        if (walk_skip(&w)) addr->transport = PU_TRANSPORT_NONE;
        (void)take_peer(&w, &addr->peer);
    }
    return w.part.code == 0 ? PU_OK : PU_ERANGE;
}

size_t pu_addr_write(uint8_t out[PU_MADDR_MAX], const pu_endpoint *endpoint,
                     enum pu_transport transport)
{
    PU_ASSERT(out != NULL);
    PU_ASSERT(transport == PU_TRANSPORT_QUIC || transport == PU_TRANSPORT_TCP);
    pu_buf bytes = buf_of(out, PU_MADDR_MAX);
    bool is_ip4 = ip6_is_mapped(endpoint->ip);
    varint_put(&bytes, is_ip4 ? PU_MA_IP4 : PU_MA_IP6);
    buf_put(&bytes, is_ip4 ? endpoint->ip + 12 : endpoint->ip, is_ip4 ? 4 : 16);

    uint8_t port[2];
    store_be16(port, endpoint->port);
    varint_put(&bytes, transport == PU_TRANSPORT_QUIC ? PU_MA_UDP : PU_MA_TCP);
    buf_put(&bytes, port, sizeof port);
    if (transport == PU_TRANSPORT_QUIC) varint_put(&bytes, PU_MA_QUIC_V1);
    PU_ASSERT(!bytes.full);
    return bytes.len;
}
