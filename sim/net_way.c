/* sim/net_way.c - how a datagram gets from realm to realm: up through the boxes around its sender,
 * down through those around its destination.
 *
 * Hairpin (RFC 4787 section 6): a datagram for the external address of a box that it is climbing
 * through is translated like any other outbound one, is then found in the realm around that box,
 * and descends into the same box. The destination sees the sender's external endpoint, or the inner
 * one where the box is of that sort.
 */
#include "sim/net_impl.h"

#include "base/bytes.h"

void way_record(const net *n, pu_time now, const datagram *d, uint32_t to_host, uint32_t box,
                enum net_fate fate)
{
    net_record r = {
        .at = now,
        .id = d->id,
        .from_host = d->from_host,
        .to_host = to_host,
        .box = box,
        .from = {.scope = d->from.scope, .port = d->from.port}, /* as in nat.c: field by field */
        .to = {.scope = d->to.scope, .port = d->to.port},
        .bytes = d->len,
        .carriage = d->carriage,
        .kind = d->kind,
        .fate = fate,
    };
    memcpy(r.from.ip, d->from.ip, sizeof r.from.ip);
    memcpy(r.to.ip, d->to.ip, sizeof r.to.ip);
    n->observer.record(n->observer.ctx, &r);
}

static void show_outside(const net *n, pu_time now, uint32_t box, const datagram *d, bool out)
{
    n->observer.outside(n->observer.ctx, now, box, out, d->carriage, &d->from, &d->to,
                        span_of(d->bytes, d->len));
}

/* What goes to an address of the box's own turns within it and is never outside. */
void way_outside(const net *n, pu_time now, uint32_t box, const datagram *d)
{
    if (!nat_owns(n->boxes[box].udp, d->to.ip)) show_outside(n, now, box, d, true);
}

/* Shows d, which has come to box from around it. It turned within the box when it comes from an
 * address of the box's own, if box is the first on its way down: it was let out by that one last.
 * What comes so to a box further in was sent back to it, by a hairpin that shows inner endpoints.
 */
static void show_come(const net *n, pu_time now, uint32_t box, const datagram *d, bool is_first)
{
    if (!is_first || !nat_owns(n->boxes[box].udp, d->from.ip)) show_outside(n, now, box, d, false);
}

static enum net_fate fate_of(enum nat_verdict verdict)
{
    switch (verdict) {
    case NAT_PASS: return NET_TRANSLATED;
    case NAT_NO_MAPPING: return NET_NO_MAPPING;
    case NAT_FILTERED: return NET_FILTERED;
    case NAT_BLOCKED: return NET_BLOCKED;
    }
    PU_NEVER_HERE();
}

/* Lets d out of box. False: the box refuses. A connection of TCP that the box has forgotten is not
 * taken up again: only a SYN makes a mapping. */
static bool box_let_out(net *n, pu_time now, uint32_t box, datagram *d)
{
    nat *table = box_nat(&n->boxes[box], d->carriage);
    enum nat_verdict verdict = NAT_NO_MAPPING;
    pu_endpoint seen;
    bool opens = d->carriage == NET_UDP || d->carriage == NET_TCP_SYN;
    if (net_is_refusal(d->carriage))
        verdict = nat_lookup(table, now, &d->from, &d->to, &d->from) ? NAT_PASS : NAT_NO_MAPPING;
    else if (opens || nat_lookup(table, now, &d->from, &d->to, &seen))
        verdict = nat_out(table, now, &d->from, &d->to, &d->from);
    bool is_passed = verdict == NAT_PASS && n->boxes[box].type->is_filter;
    way_record(n, now, d, NET_NONE, box, is_passed ? NET_PASSED : fate_of(verdict));
    if (verdict != NAT_PASS) return false;
    if (n->boxes[box].is_tapped) way_outside(n, now, box, d);
    return true;
}

/* Whether box lets d in. A refusal does not keep a mapping alive (RFC 5508 REQ-5), be it ICMP or a
 * reset of the network; a reset of a connection's own end is a segment like others. */
static enum nat_verdict verdict_in(const net_box *b, pu_time now, datagram *d)
{
    nat *table = box_nat(b, d->carriage);
    if (d->carriage <= NET_TCP) return nat_in(table, now, &d->from, &d->to, &d->to);
    if (d->carriage == NET_TCP_SYN) {
        if (b->type->no_crossing && !nat_is_held(table, now, &d->to)) return NAT_FILTERED;
        return nat_in(table, now, &d->from, &d->to, &d->to);
    }
    if (d->carriage != NET_TCP_RESET && b->type->swallows_errors) return NAT_FILTERED;
    return nat_in_quietly(table, now, &d->from, &d->to, &d->to);
}

/* Lets d into box. False: the box refuses. */
static bool box_let_in(net *n, pu_time now, uint32_t box, datagram *d)
{
    const net_box *b = &n->boxes[box];
    nat *table = box_nat(b, d->carriage);
    enum nat_verdict verdict = verdict_in(b, now, d);
    if (verdict != NAT_PASS) {
        way_record(n, now, d, NET_NONE, box, fate_of(verdict));
        answer_unsolicited(n, now, box, d);
        return false;
    }
    if (b->type->hairpin == NAT_HAIRPIN_INTERNAL && nat_owns(table, d->from.ip))
        (void)nat_peek(table, now, &d->from, &d->from);
    return true;
}

/* Whether what turned at or was found in the inside of box never left one LAN. What holds boxes is
 * a carrier's: its hosts are at sites of their own, each behind its access link. */
static bool is_lan(const net *n, uint32_t box)
{
    if (box == NET_NONE) return false;
    const net_box *b = &n->boxes[box];
    return b->inside.plan == REALM_LAN || b->inside.plan == REALM_LAN_SIX || b->type->shares_links;
}

/* The box around host in the family of what it sends. */
static uint32_t box_around(const net *n, uint32_t host, bool is_six)
{
    return is_six ? net_host_six_box(n, host) : n->hosts[host].box;
}

bool way_climb(net *n, pu_time now, datagram *d)
{
    return way_climb_from(n, now, d, box_around(n, d->from_host, d->is_six));
}

bool way_climb_from(net *n, pu_time now, datagram *d, uint32_t at)
{
    uint32_t turn = NET_NONE; /* the box just left, when it is a hairpin there */
    while (realm_find(way_realm(n, at, d->is_six), d->to.ip) == 0) {
        if (at == NET_NONE) {
            way_record(n, now, d, NET_NONE, NET_NONE, NET_NO_ROUTE);
            return false;
        }
        if (n->boxes[at].type->gateway != 0 && gateway_is_meant(n, at, d)) {
            d->realm = at;
            d->is_local = d->is_held = d->is_asked = true;
            return true;
        }
        bool turns = nat_owns(n->boxes[at].udp, d->to.ip);
        turn = turns ? at : NET_NONE;
        if (turns && n->boxes[at].type->hairpin == NAT_HAIRPIN_NONE) {
            bool is_filter = n->boxes[at].type->is_filter; /* its network has no such host */
            way_record(n, now, d, NET_NONE, at, is_filter ? NET_NO_ROUTE : NET_NO_HAIRPIN);
            return false;
        }
        if (!box_let_out(n, now, at, d)) return false;
        at = n->boxes[at].parent;
    }
    d->realm = at;
    d->is_local = is_lan(n, at) || is_lan(n, turn);
    return true;
}

member way_entry(const net *n, const datagram *d)
{
    return realm_find(way_realm(n, d->realm, d->is_six), d->to.ip);
}

/* The host that *to leads to from m, who has it where a datagram of that carriage is: *to becomes
 * the host's own endpoint. */
static uint32_t peek(const net *n, pu_time now, enum net_carriage carriage, member m,
                     pu_endpoint *to)
{
    while (m != 0 && member_is_box(m)) {
        const net_box *b = &n->boxes[member_index(m)];
        if (!nat_peek(box_nat(b, carriage), now, to, to)) return NET_NONE;
        m = realm_find(&b->inside, to->ip);
    }
    return m == 0 ? NET_NONE : member_index(m);
}

uint32_t way_peek(const net *n, pu_time now, const datagram *d)
{
    pu_endpoint to = d->to;
    return peek(n, now, d->carriage, way_entry(n, d), &to);
}

bool way_is_let_in(const net *n, pu_time now, const datagram *d, pu_endpoint *from, pu_endpoint *to)
{
    *from = d->from;
    *to = d->to;
    member m = way_entry(n, d);
    while (m != 0 && member_is_box(m)) {
        const net_box *b = &n->boxes[member_index(m)];
        const nat *table = box_nat(b, d->carriage);
        if (nat_in_quietly(table, now, from, to, to) != NAT_PASS) return false;
        if (b->type->hairpin == NAT_HAIRPIN_INTERNAL && nat_owns(table, from->ip))
            (void)nat_peek(table, now, from, from);
        m = realm_find(&b->inside, to->ip);
    }
    return m != 0;
}

uint32_t way_back(const net *n, pu_time now, const datagram *d, pu_endpoint *own)
{
    *own = d->from;
    for (uint32_t box = box_around(n, d->from_host, d->is_six); box != NET_NONE;
         box = n->boxes[box].parent)
        if (n->boxes[box].type->swallows_errors) return NET_NONE;
    member m = realm_find(way_realm(n, d->realm, d->is_six), d->from.ip);
    uint32_t host = peek(n, now, d->carriage, m, own);
    return host == d->from_host ? host : NET_NONE;
}

uint32_t way_descend(net *n, pu_time now, datagram *d)
{
    uint32_t top = d->realm;
    member m = way_entry(n, d);
    while (m != 0 && member_is_box(m)) {
        uint32_t box = member_index(m);
        if (n->boxes[box].is_tapped) show_come(n, now, box, d, d->realm == top);
        if (!box_let_in(n, now, box, d)) return NET_NONE;
        d->realm = box;
        m = way_entry(n, d);
    }
    if (m == 0) {
        way_record(n, now, d, NET_NONE, d->realm, NET_NO_ROUTE);
        return NET_NONE;
    }
    return member_index(m);
}

bool net_public_view(const net *n, pu_time now, uint32_t host, uint16_t port,
                     const pu_endpoint *remote, pu_endpoint *seen)
{
    PU_ASSERT(host < n->host_count);
    if (!n->hosts[host].is_attached) return false;
    bool is_six = net_is_six(remote);
    if (is_six ? !net_six_of(n, host).is_there : n->hosts[host].place == NET_NONE) return false;
    pu_endpoint at = is_six ? net_host_six(n, host) : net_host_address(n, host);
    at.port = port;
    for (uint32_t box = box_around(n, host, is_six); box != NET_NONE; box = n->boxes[box].parent) {
        pu_endpoint outer;
        if (!nat_lookup(n->boxes[box].udp, now, &at, remote, &outer)) return false;
        at = outer;
    }
    *seen = at;
    return true;
}
