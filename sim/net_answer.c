/* sim/net_answer.c - what is said to a datagram that nobody takes, in the name of its destination:
 * a reset of TCP (RFC 9293 section 3.10.7.1) or ICMP's port unreachable (RFC 792, RFC 5508).
 *
 * It carries the beginning of what it refuses, so that the network need not know how a segment is
 * written: the receiver finds in it what it had sent. A box answers from where its first host is,
 * by a way without loss and jitter up to the far access link, so that no stream of a host shifts.
 */
#include "sim/net_impl.h"

#include "base/bytes.h"

/* How long a takes from box b to the end of the far access link. */
static uint64_t delay_of(const net *n, pu_time now, const net_box *b, const datagram *a)
{
    if (a->is_local) return NET_LAN_NS;
    uint32_t to = way_peek(n, now, a);
    if (to == NET_NONE) return b->home_access_ns; /* it ends at a box: when is all the same */
    const net_host *h = &n->hosts[to];
    uint32_t site = b->has_home ? b->home_site : h->site;
    return b->home_access_ns + topo_rtt_ns(n->sites, site, h->site) / 2 + h->link.access_ns;
}

/* What begins the bytes of d. */
static pu_span quote(pu_span bytes)
{
    return span_head(bytes, bytes.len < NET_QUOTE_MAX ? bytes.len : NET_QUOTE_MAX);
}

/* Sends from box, to whom d came from, that d was not taken. */
static void box_says(net *n, pu_time now, uint32_t box, const datagram *d,
                     enum net_carriage carriage)
{
    const net_box *b = &n->boxes[box];
    pu_span bytes = quote(span_of(d->bytes, d->len));
    datagram a = {
        .id = ++n->sent,
        .from = d->to,
        .to = d->from,
        .bytes = d->bytes,
        .len = (uint32_t)bytes.len,
        .from_host = NET_NONE,
        .carriage = carriage,
        .kind = NET_KIND_CLOSE,
        .is_six = d->is_six,
    };
    bool is_local = d->is_local;
    way_record(n, now, &a, NET_NONE, box, NET_SENT);
    if (b->is_tapped) way_outside(n, now, box, &a);
    if (!way_climb_from(n, now, &a, b->parent)) return;
    a.is_local = is_local;
    net_put(n, now + delay_of(n, now, b, &a), &a, bytes);
}

/* Keeps d until it is to be answered. */
static void hold(net *n, pu_time now, uint32_t box, const datagram *d)
{
    datagram held = *d;
    held.is_held = true;
    held.realm = box;
    net_put(n, now + NAT_SYN_LATE_NS, &held, span_of(d->bytes, d->len));
}

void answer_unsolicited(net *n, pu_time now, uint32_t box, const datagram *d)
{
    if (d->carriage == NET_UDP && n->boxes[box].type->refuses_udp)
        box_says(n, now, box, d, NET_UDP_UNREACHABLE);
    if (d->carriage != NET_TCP_SYN) return;
    switch (n->boxes[box].type->unsolicited) {
    case NAT_SYN_DROP: break;
    case NAT_SYN_RESET: box_says(n, now, box, d, NET_TCP_RESET); break;
    case NAT_SYN_LATE_RESET:
    case NAT_SYN_LATE_UNREACHABLE: hold(n, now, box, d); break;
    }
}

void answer_late(net *n, pu_time now, const datagram *d)
{
    const net_box *b = &n->boxes[d->realm];
    pu_endpoint inner;
    /* Its own side has called meanwhile: this SYN was early, not unwanted. */
    if (nat_in_quietly(b->tcp, now, &d->from, &d->to, &inner) == NAT_PASS) return;
    box_says(n, now, d->realm, d,
             b->type->unsolicited == NAT_SYN_LATE_RESET ? NET_TCP_RESET : NET_TCP_UNREACHABLE);
}

void net_refuse(net *n, pu_time now, uint32_t host, enum net_carriage carriage, uint16_t port,
                const pu_endpoint *remote, pu_span bytes)
{
    if (carriage != NET_UDP && carriage != NET_TCP_SYN) return;
    net_send(n, now, host, port, remote, quote(bytes),
             carriage == NET_UDP ? NET_UDP_UNREACHABLE : NET_TCP_RESET, NET_KIND_CLOSE);
}
