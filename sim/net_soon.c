/* sim/net_soon.c - asks the caches for what a datagram's way reads, before its turn: the datagram,
 * its bytes, whom its address belongs to, the host that it was seen to be for, and when that is
 * behind a box, the box and its mappings. The same, for what will be sent, of both ends.
 *
 * Only the last box of a chain is looked into: there are few others, and many share them.
 */
#include "sim/net_impl.h"

#include "base/ahead.h"
#include "base/bytes.h"

enum { BYTES_MOST = 256 }; /* of a datagram */

static void box_soon(const net_box *b)
{
    ahead_many(b, offsetof(net_box, inside) + sizeof b->inside);
}

uint32_t net_soon_host(const net *n, const sim_event *event)
{
    return n->slab[event->target].near - 1; /* 0 becomes NET_NONE */
}

void net_soon(const net *n, unsigned round, const sim_event *event)
{
    const datagram *d = &n->slab[event->target];
    if (round == 0) {
        ahead_many(d, sizeof *d);
        return;
    }
    uint32_t host = d->near - 1;
    if (round == 1) {
        if (d->len > 0) ahead_many(d->bytes, d->len < BYTES_MOST ? d->len : BYTES_MOST);
        realm_soon(way_realm(n, d->realm, d->is_six), d->to.ip);
        if (host != NET_NONE) ahead_many(&n->hosts[host], sizeof n->hosts[host]);
        return;
    }
    uint32_t box = host != NET_NONE ? n->hosts[host].box : NET_NONE;
    if (box == NET_NONE) return;
    PU_ASSERT(round < NET_SOON_ROUNDS);
    if (round == 2) box_soon(&n->boxes[box]);
    else nat_soon(box_nat(&n->boxes[box], d->carriage));
}

pu_span net_soon_bytes(const net *n, const sim_event *event)
{
    const datagram *d = &n->slab[event->target];
    return span_of(d->bytes, d->len);
}

void net_soon_from(const net *n, uint32_t host)
{
    PU_ASSERT(host < n->host_count);
    ahead_many(&n->hosts[host], sizeof n->hosts[host]);
}

void net_soon_to(const net *n, uint32_t host, const pu_endpoint *to, unsigned round)
{
    PU_ASSERT(host < n->host_count);
    bool is_six = net_is_six(to);
    uint32_t box = is_six ? net_host_six_box(n, host) : n->hosts[host].box;
    const realm *around = way_realm(n, box == NET_NONE ? NET_NONE : n->boxes[box].parent, is_six);
    if (round == 0) {
        realm_soon(around, to->ip);
        if (box != NET_NONE) box_soon(&n->boxes[box]);
        return;
    }
    member m = realm_find(around, to->ip);
    if (round == 1) {
        if (box != NET_NONE) nat_soon(n->boxes[box].udp);
        if (m == 0) return;
        if (member_is_box(m)) box_soon(&n->boxes[member_index(m)]);
        else ahead_many(&n->hosts[member_index(m)], offsetof(net_host, jitter));
    } else if (m != 0 && member_is_box(m)) {
        const net_box *b = &n->boxes[member_index(m)];
        nat_soon(b->udp);
        if (b->has_home) ahead_many(&n->hosts[b->home], offsetof(net_host, jitter));
    }
}
