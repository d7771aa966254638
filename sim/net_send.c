/* sim/net_send.c - datagrams on links: when they arrive, and whether.
 *
 * A link's direction is a drop-tail queue that needs no list: the time at which its last datagram
 * will have passed says how long the next one waits. The sender's streams decide all that is known
 * when it sends (its loss, both jitters); the receiver's own stream decides its loss, so that what
 * one host is sent never shifts what another draws.
 */
#include "sim/net_impl.h"

#include "base/bytes.h"
#include "sim/dist.h"
#include "sim/mem.h"

enum { BYTES_MAX = 1500, BITS = 8 };

uint32_t send_slot_take(net *n, const datagram *d)
{
    uint32_t slot = n->free_slot;
    if (slot != NET_NONE) {
        n->free_slot = n->slab[slot].next_free;
    } else {
        slot = n->slab_used++;
        n->slab = sim_grow(n->slab, &n->slab_cap, slot, sizeof *n->slab);
    }
    n->slab[slot] = *d;
    n->in_flight++;
    return slot;
}

static datagram slot_give(net *n, uint32_t slot)
{
    datagram d = n->slab[slot];
    n->slab[slot].id = 0;
    n->slab[slot].bytes = NULL; /* they are whose the datagram is */
    n->slab[slot].next_free = n->free_slot;
    n->free_slot = slot;
    n->in_flight--;
    return d;
}

static void bytes_free(net *n, const datagram *d)
{
    if (d->bytes != NULL) heap_resize(n->bytes, d->bytes, d->len, 0);
}

uint8_t *send_bytes(net *n, pu_span bytes)
{
    if (bytes.len == 0) return NULL;
    return memcpy(heap_resize(n->bytes, NULL, 0, bytes.len), bytes.base, bytes.len);
}

uint32_t send_size(const datagram *d)
{
    uint32_t headers = d->carriage == NET_UDP ? NET_HEADER_BYTES : NET_TCP_HEADER_BYTES;
    return d->len + headers + (d->is_six ? NET_SIX_MORE_BYTES : 0);
}

/* Passes d through one direction of a link: *busy moves on and is when they have
 * passed. False: they would wait longer than the queue allows, and nothing changed. */
static bool link_pass(const net_link *link, uint64_t bps, pu_time now, const datagram *d,
                      pu_time *busy)
{
    pu_time start = *busy > now ? *busy : now;
    if (bps == 0) {
        *busy = start;
        return true;
    }
    if (start - now > link->queue_ns) return false;
    uint64_t bits = (uint64_t)send_size(d) * BITS;
    *busy = start + (bits * PU_S + bps - 1) / bps;
    return true;
}

static bool is_lost(rng *r, uint32_t ppm)
{
    return ppm > 0 && dist_loss(r, ppm);
}

/* Where no mapping tells the receiver, the box it goes to is where its first host was. Two draws in
 * any case: what a box far away knows must not shift the sender's stream. */
uint64_t send_delay(net *n, pu_time now, datagram *d)
{
    net_host *from = &n->hosts[d->from_host];
    uint32_t site = from->site;
    uint64_t far_ns = 0, far_spread_ns = 0;
    uint32_t to = way_peek(n, now, d);
    if (to != NET_NONE) {
        const net_host *h = &n->hosts[to];
        d->near = to + 1;
        site = h->site;
        far_ns = h->link.access_ns;
        far_spread_ns = h->link.jitter_ns;
    } else {
        member entry = way_entry(n, d);
        if (entry != 0) { /* 0: it waited for the uplink, and its receiver went meanwhile */
            const net_box *b = &n->boxes[member_index(entry)];
            if (b->has_home) site = b->home_site;
            far_ns = b->home_access_ns;
        }
    }
    uint64_t near_jitter_ns = dist_jitter(&from->jitter, from->link.jitter_ns);
    uint64_t far_jitter_ns = dist_jitter(&from->jitter, far_spread_ns);
    return from->link.access_ns + near_jitter_ns + topo_rtt_ns(n->sites, from->site, site) / 2 +
           far_ns + far_jitter_ns;
}

/* Puts d on its sender's access link. False: it ended there, and that is recorded. */
static bool uplink(net *n, pu_time now, datagram *d, pu_time *arrival)
{
    net_host *from = &n->hosts[d->from_host];
    if (!link_pass(&from->link, from->link.up_bps, now, d, &from->up_busy)) {
        way_record(n, now, d, NET_NONE, NET_NONE, NET_QUEUE_FULL);
        return false;
    }
    if (is_lost(&from->loss_up, from->link.up_loss_ppm)) {
        way_record(n, now, d, NET_NONE, NET_NONE, NET_LOST);
        return false;
    }
    *arrival = from->up_busy + send_delay(n, now, d);
    return true;
}

/* Loopback, link-local and reserved destinations go nowhere: every simulated host has one interface
 * and one address of a family. What somebody has in the public realm is none of these. */
static bool is_routable(const net *n, const pu_endpoint *to)
{
    if (to->port == 0) return false;
    if (realm_find(&n->public, to->ip) != 0) return true;
    enum pu_scope scope = pu_endpoint_scope(to);
    return scope == PU_SCOPE_GLOBAL || scope == PU_SCOPE_PRIVATE;
}

/* Whether d, which goes to a group, is for the box around its sender. */
static bool is_heard(const net *n, const datagram *d)
{
    uint32_t box = n->hosts[d->from_host].box;
    return !d->is_six && box != NET_NONE && gateway_is_meant(n, box, d);
}

void net_put(net *n, pu_time at, const datagram *d, pu_span bytes)
{
    PU_ASSERT(bytes.len == d->len);
    uint32_t slot = send_slot_take(n, d);
    n->slab[slot].bytes = send_bytes(n, bytes);
    sim_event event = {.kind = SIM_EV_ARRIVE, .target = slot};
    queue_push(n->q, at, d->from_host + 1, &event); /* NET_NONE is the source 0 */
}

void net_send(net *n, pu_time now, uint32_t host, uint16_t port, const pu_endpoint *to,
              pu_span bytes, enum net_carriage carriage, enum net_kind kind)
{
    PU_ASSERT(host < n->host_count);
    PU_ASSERT(port != 0);
    PU_ASSERT(bytes.len <= BYTES_MAX);
    bool is_six = net_is_six(to);
    datagram d = {
        .id = ++n->sent,
        .from = is_six ? net_host_six(n, host) : net_host_address(n, host),
        .to = *to,
        .bytes = (uint8_t *)bytes.base, /* nobody writes there */
        /* all fields: else the whole is zeroed first, by a slow instruction */
        .len = (uint32_t)bytes.len,
        .from_host = host,
        .realm = 0,
        .next_free = 0,
        .near = 0,
        .carriage = carriage,
        .kind = kind,
        .is_local = false,
        .is_held = false,
        .is_six = is_six,
        .is_asked = false,
    };
    d.from.port = port;
    bool is_attached = is_six ? net_six_of(n, host).is_there
                              : n->hosts[host].is_attached && n->hosts[host].place != NET_NONE;
    if (is_attached) way_record(n, now, &d, NET_NONE, NET_NONE, NET_SENT);
    if (!is_attached || (!is_routable(n, to) && !is_heard(n, &d))) {
        way_record(n, now, &d, NET_NONE, NET_NONE, NET_NO_ROUTE);
        return;
    }
    pu_time arrival = now + NET_LAN_NS;
    if (!way_climb(n, now, &d)) return;
    if (n->hosts[host].has_line) {
        d.bytes = send_bytes(n, bytes);
        line_up(n, now, send_slot_take(n, &d));
        return;
    }
    if (!d.is_local && !uplink(n, now, &d, &arrival)) return;
    net_put(n, arrival, &d, bytes);
}

void send_deliver(net *n, pu_time now, uint32_t slot)
{
    datagram d = slot_give(n, slot); /* the host may send while it is called: the slab may move */
    uint32_t host = way_descend(n, now, &d);
    if (host != NET_NONE && n->hosts[host].is_asleep) {
        way_record(n, now, &d, NET_NONE, NET_NONE, NET_ASLEEP);
    } else if (host != NET_NONE) {
        way_record(n, now, &d, host, NET_NONE, NET_DELIVERED);
        pu_span bytes = span_of(d.bytes, d.len);
        n->observer.deliver(n->observer.ctx, now, host, d.carriage, &d.to, &d.from, bytes);
    }
    bytes_free(n, &d);
}

void send_drop(net *n, pu_time now, uint32_t slot, enum net_fate fate)
{
    datagram d = slot_give(n, slot);
    way_record(n, now, &d, NET_NONE, NET_NONE, fate);
    bytes_free(n, &d);
}

void send_park(net *n, pu_time now, uint32_t slot, enum net_fate fate)
{
    datagram *d = &n->slab[slot];
    way_record(n, now, d, NET_NONE, NET_NONE, fate);
    bytes_free(n, d);
    d->bytes = NULL;
    n->in_flight--;
}

datagram send_unpark(net *n, uint32_t slot)
{
    n->in_flight++;
    return slot_give(n, slot);
}

/* The datagram in slot has reached the far access link, or the host beside its sender. */
static void arrive(net *n, pu_time now, uint32_t slot)
{
    const datagram *d = &n->slab[slot];
    if (d->is_held) {
        datagram held = slot_give(n, slot);
        if (held.is_asked) gateway_take(n, now, &held);
        else answer_late(n, now, &held);
        bytes_free(n, &held);
        return;
    }
    bool asks = !d->is_local || n->gap_count > 0 || n->clogged > 0 || n->lines != NULL;
    uint32_t to = asks ? way_peek(n, now, d) : NET_NONE;
    if (to != NET_NONE && net_is_cut(n, d->from_host, to)) {
        send_drop(n, now, slot, NET_CUT);
        return;
    }
    if (to != NET_NONE && n->hosts[to].has_line) {
        line_down(n, now, slot, to);
        return;
    }
    if (to == NET_NONE || d->is_local) { /* local, or its end at a box is certain: no access link */
        send_deliver(n, now, slot);
        return;
    }
    net_host *h = &n->hosts[to];
    if (is_lost(&h->loss_down, h->link.down_loss_ppm)) {
        send_drop(n, now, slot, NET_LOST);
    } else if (!link_pass(&h->link, h->link.down_bps, now, d, &h->down_busy)) {
        send_drop(n, now, slot, NET_QUEUE_FULL);
    } else if (h->down_busy > now) {
        sim_event event = {.kind = SIM_EV_DELIVER, .target = slot};
        queue_push(n->q, h->down_busy, to + 1, &event);
    } else {
        send_deliver(n, now, slot);
    }
}

void net_event(net *n, pu_time now, const sim_event *event)
{
    if (event->kind == SIM_EV_LINE || event->kind == SIM_EV_GATEWAY) {
        if (event->kind == SIM_EV_LINE) line_event(n, now, event);
        else upnp_tick(n, now, event->target);
        return;
    }
    PU_ASSERT(event->target < n->slab_used);
    PU_ASSERT(n->slab[event->target].id != 0);
    if (event->kind == SIM_EV_ARRIVE) {
        arrive(n, now, event->target);
    } else {
        PU_ASSERT(event->kind == SIM_EV_DELIVER);
        send_deliver(n, now, event->target);
    }
}

bool net_event_ends(const net *n, pu_time now, const sim_event *event, uint32_t *from, uint32_t *to)
{
    bool is_line = event->kind == SIM_EV_LINE;
    if (!is_line && event->kind != SIM_EV_ARRIVE && event->kind != SIM_EV_DELIVER) return false;
    const datagram *d = &n->slab[is_line ? line_slot(n, event) : event->target];
    *from = d->from_host;
    *to = d->near - 1; /* 0 becomes NET_NONE */
    if (*to == NET_NONE && !d->is_held) *to = way_peek(n, now, d);
    return true;
}

size_t net_in_flight(const net *n)
{
    return n->in_flight;
}
