/* sim/net.c - hosts and boxes: who is attached where, and what things are called. */
#include "sim/net_impl.h"

#include "sim/mem.h"

/* Tells the network's seeds from whatever else is derived from the run's seed. */
#define SEED_TAG UINT64_C(0x6e6574)

net *net_new(queue *q, const topo *sites, const uint8_t seed[32], const net_observer *observer)
{
    PU_ASSERT(observer->record != NULL);
    PU_ASSERT(observer->deliver != NULL);
    net *n = sim_alloc(sizeof *n);
    n->q = q;
    n->sites = sites;
    n->observer = *observer;
    n->public.plan = REALM_PUBLIC;
    n->public_six.plan = REALM_PUBLIC_SIX;
    n->bytes = heap_new();
    n->free_slot = NET_NONE;
    for (unsigned s = 0; s < STREAM_COUNT; s++) rng_derive(n->seeds[s], seed, SEED_TAG, s);
    return n;
}

void net_free(net *n)
{
    if (n == NULL) return;
    for (uint32_t i = 0; i < n->slab_used; i++) {
        if (n->slab[i].bytes == NULL) continue;
        PU_ASSERT(n->slab[i].id != 0); /* else they were freed with the datagram that was there */
        heap_resize(n->bytes, n->slab[i].bytes, n->slab[i].len, 0);
    }
    for (uint32_t i = 0; i < n->box_count; i++) {
        nat_free(n->boxes[i].udp);
        nat_free(n->boxes[i].tcp);
        free(n->boxes[i].inside.members);
        upnp_free(&n->boxes[i]);
    }
    for (uint32_t i = 0; i < n->type_count; i++) free(n->types[i]);
    free(n->types);
    free(n->public.members);
    free(n->public_six.members);
    free(n->sixes);
    free(n->slab);
    free(n->hosts);
    free(n->boxes);
    lines_free(n);
    heap_free(n->bytes);
    free(n->gaps);
    free(n->olds);
    free(n);
}

/* The realm inside box, or the public one of that family. */
static realm *realm_in(net *n, uint32_t box, bool is_six)
{
    if (box == NET_NONE) return is_six ? &n->public_six : &n->public;
    PU_ASSERT(box < n->box_count);
    PU_ASSERT(n->boxes[box].type->is_filter == is_six);
    return &n->boxes[box].inside;
}

static enum realm_plan plan_inside(const nat_type *type, bool holds_boxes)
{
    if (type->is_filter) return REALM_LAN_SIX;
    bool is_wide = holds_boxes || type->tunnel_ns > 0; /* inside nobody is beside anybody */
    return is_wide ? REALM_CARRIER : REALM_LAN;
}

static bool is_alike(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes) == 0;
}

/* The network's own copy of *type. Thousands of boxes are of a few types, which come one after the
 * other or in turn; two copies of one do no harm. */
static const nat_type *type_kept(net *n, const nat_type *type)
{
    enum { LOOKED_AT = 32 };
    uint32_t last = n->type_count;
    for (uint32_t i = last; i-- > 0 && last - i <= LOOKED_AT;)
        if (is_alike(n->types[i], type, sizeof *type)) return n->types[i];
    n->types = sim_grow(n->types, &n->type_cap, last, sizeof(nat_type *));
    n->types[n->type_count++] = memcpy(sim_alloc(sizeof *type), type, sizeof *type);
    return n->types[last];
}

uint32_t net_box_add(net *n, const nat_type *wanted, uint32_t parent, bool holds_boxes)
{
    const nat_type *type = type_kept(n, wanted);
    uint32_t box = n->box_count;
    pu_endpoint externals[NAT_ADDRESSES_MAX];
    realm *around = realm_in(n, parent, type->is_filter);
    uint32_t place = 0;
    PU_ASSERT(around->plan != REALM_LAN && around->plan != REALM_LAN_SIX); /* a box sits in a public
                                                   realm or inside a box that holds boxes */
    for (uint32_t i = 0; i < nat_addresses(type); i++) {
        place = realm_join(around, member_box(box));
        externals[i] = realm_address(around, place);
    }
    n->boxes = sim_grow(n->boxes, &n->box_cap, box, sizeof *n->boxes);
    n->boxes[box] = (net_box){
        .udp = nat_new(type, NAT_UDP, externals, n->seeds[STREAM_PORTS], box),
        .tcp = nat_new(type, NAT_TCP, externals, n->seeds[STREAM_TCP_PORTS], box),
        .type = type,
        .parent = parent,
        .household = NET_NONE,
        .inside = {.plan = plan_inside(type, holds_boxes), .site = place},
    };
    n->box_count++;
    return box;
}

void net_box_share(net *n, uint32_t box, uint32_t household)
{
    PU_ASSERT(box < n->box_count);
    PU_ASSERT(household != NET_NONE);
    net_box *b = &n->boxes[box];
    if (!box_is_carrier(b)) b->household = household;
}

void net_box_reboot(net *n, uint32_t box)
{
    PU_ASSERT(box < n->box_count);
    nat_reboot(n->boxes[box].udp);
    nat_reboot(n->boxes[box].tcp);
    n->boxes[box].has_epoch = false;
    upnp_reboot(n, box);
}

void net_box_rebind(net *n, pu_time now, uint32_t box)
{
    PU_ASSERT(box < n->box_count);
    nat_rebind(n->boxes[box].udp, now);
    nat_rebind(n->boxes[box].tcp, now);
}

void net_box_tap(net *n, uint32_t box)
{
    PU_ASSERT(box < n->box_count);
    PU_ASSERT(n->observer.outside != NULL);
    n->boxes[box].is_tapped = true;
}

uint32_t net_host_add(net *n)
{
    uint32_t host = n->host_count++;
    n->hosts = sim_grow(n->hosts, &n->host_cap, host, sizeof *n->hosts);
    net_host *h = &n->hosts[host];
    h->box = NET_NONE;
    rng_init(&h->jitter, n->seeds[STREAM_JITTER], host);
    rng_init(&h->loss_up, n->seeds[STREAM_LOSS_UP], host);
    rng_init(&h->loss_down, n->seeds[STREAM_LOSS_DOWN], host);
    return host;
}

/* Gives box, and those around it, the site of host, if it is the first one that is attached inside.
 */
static void boxes_settle(net *n, uint32_t box, uint32_t host, uint64_t access_ns)
{
    for (; box != NET_NONE; box = n->boxes[box].parent) {
        net_box *b = &n->boxes[box];
        if (b->has_home) continue;
        b->has_home = true;
        b->home = host;
        b->home_site = n->hosts[host].site;
        b->home_access_ns = access_ns;
    }
}

void net_host_attach(net *n, uint32_t host, uint32_t box, uint32_t site, const net_link *link)
{
    PU_ASSERT(host < n->host_count);
    PU_ASSERT(site < topo_sites(n->sites));
    net_host *h = &n->hosts[host];
    PU_ASSERT(!h->is_attached);
    h->is_attached = true;
    bool is_absent = box == NET_ABSENT;
    h->box = is_absent ? NET_NONE : box;
    h->site = site;
    h->link = *link;
    for (uint32_t b = h->box; b != NET_NONE; b = n->boxes[b].parent)
        h->link.access_ns += n->boxes[b].type->tunnel_ns;
    h->up_busy = h->down_busy = 0;
    line_moved(n, host);
    h->place = is_absent ? NET_NONE : realm_join(realm_in(n, box, false), member_host(host));
    boxes_settle(n, h->box, host, link->access_ns);
}

void net_host_attach_six(net *n, uint32_t host, uint32_t box)
{
    PU_ASSERT(host < n->host_count);
    const net_host *h = &n->hosts[host];
    PU_ASSERT(h->is_attached);
    n->sixes = sim_grow(n->sixes, &n->six_cap, host, sizeof *n->sixes);
    PU_ASSERT(!n->sixes[host].is_there);
    n->sixes[host] = (net_six){true, box, realm_join(realm_in(n, box, true), member_host(host))};
    boxes_settle(n, box, host, h->link.access_ns);
}

net_six net_six_of(const net *n, uint32_t host)
{
    return host < n->six_cap ? n->sixes[host] : (net_six){.box = NET_NONE};
}

/* The host is attached nowhere; where it was is returned. */
static net_old take_off(net *n, uint32_t host)
{
    PU_ASSERT(host < n->host_count);
    net_host *h = &n->hosts[host];
    PU_ASSERT(h->is_attached);
    net_old old = {host, h->box, h->place, net_six_of(n, host)};
    h->is_attached = h->has_line = false;
    h->box = NET_NONE;
    if (old.six.is_there) n->sixes[host] = (net_six){.box = NET_NONE};
    return old;
}

/* Takes addresses back. */
static void give_back(net *n, const net_old *old)
{
    if (old->place != NET_NONE) realm_leave(realm_in(n, old->box, false), old->place);
    if (old->six.is_there) realm_leave(realm_in(n, old->six.box, true), old->six.place);
}

void net_host_detach(net *n, uint32_t host)
{
    net_old old = take_off(n, host);
    give_back(n, &old);
}

void net_host_linger(net *n, uint32_t host)
{
    net_host_part(n, host);
    n->olds = sim_grow(n->olds, &n->old_cap, n->old_count, sizeof *n->olds);
    n->olds[n->old_count++] = take_off(n, host);
}

void net_host_part(net *n, uint32_t host)
{
    uint32_t i = 0;
    while (i < n->old_count && n->olds[i].host != host) i++;
    if (i == n->old_count) return;
    give_back(n, &n->olds[i]);
    n->olds[i] = n->olds[--n->old_count];
}

void net_host_sleep(net *n, uint32_t host, bool sleeps)
{
    PU_ASSERT(host < n->host_count);
    PU_ASSERT(n->hosts[host].is_asleep != sleeps);
    n->hosts[host].is_asleep = sleeps;
}

pu_endpoint net_host_address(const net *n, uint32_t host)
{
    PU_ASSERT(host < n->host_count);
    const net_host *h = &n->hosts[host];
    if (!h->is_attached || h->place == NET_NONE) return (pu_endpoint){0};
    return realm_address(way_realm(n, h->box, false), h->place);
}

pu_endpoint net_host_six(const net *n, uint32_t host)
{
    net_six six = net_six_of(n, host);
    return six.is_there ? realm_address(way_realm(n, six.box, true), six.place) : (pu_endpoint){0};
}

uint32_t net_host_six_box(const net *n, uint32_t host)
{
    net_six six = net_six_of(n, host);
    return six.is_there ? six.box : NET_NONE;
}

uint32_t net_host_box(const net *n, uint32_t host)
{
    PU_ASSERT(host < n->host_count);
    return n->hosts[host].box;
}

uint32_t net_host_around(const net *n, uint32_t host, bool is_six)
{
    PU_ASSERT(host < n->host_count);
    const net_host *h = &n->hosts[host];
    if (is_six) return net_six_of(n, host).is_there ? net_six_of(n, host).box : NET_ABSENT;
    return h->is_attached && h->place != NET_NONE ? h->box : NET_ABSENT;
}

pu_endpoint net_box_address(const net *n, uint32_t box)
{
    PU_ASSERT(box < n->box_count);
    return nat_external(n->boxes[box].udp);
}

uint32_t net_box_parent(const net *n, uint32_t box)
{
    PU_ASSERT(box < n->box_count);
    return n->boxes[box].parent;
}

const nat_type *net_box_type(const net *n, uint32_t box)
{
    PU_ASSERT(box < n->box_count);
    return n->boxes[box].type;
}

uint32_t net_box_count(const net *n)
{
    return n->box_count;
}

/* ---- cuts ---- */

void net_cut(net *n, const uint8_t *side, bool one_way)
{
    n->gaps = sim_grow(n->gaps, &n->gap_cap, n->gap_count, sizeof *n->gaps);
    n->gaps[n->gap_count++] = (net_gap){side, one_way};
}

void net_mend(net *n, const uint8_t *side)
{
    uint32_t i = 0;
    while (i < n->gap_count && n->gaps[i].side != side) i++;
    PU_ASSERT(i < n->gap_count);
    n->gaps[i] = n->gaps[--n->gap_count];
}

void net_host_clog(net *n, uint32_t host, bool fails)
{
    PU_ASSERT(host < n->host_count);
    net_host *h = &n->hosts[host];
    PU_ASSERT(fails ? h->clogs < UINT8_MAX : h->clogs > 0);
    if (fails) h->clogs++;
    else h->clogs--;
    if (fails && h->clogs == 1) n->clogged++;
    if (!fails && h->clogs == 0) n->clogged--;
}

bool net_is_cut(const net *n, uint32_t from, uint32_t to)
{
    if (n->clogged > 0 && n->hosts[to].clogs > 0) return true;
    if (from == NET_NONE) return false; /* of a box */
    if (n->clogged > 0 && n->hosts[from].clogs > 0) return true;
    for (uint32_t i = 0; i < n->gap_count; i++) {
        uint8_t a = n->gaps[i].side[from], b = n->gaps[i].side[to];
        if (a != 0 && b != 0 && a != b && (!n->gaps[i].one_way || a == 1)) return true;
    }
    return false;
}

const char *net_carriage_name(enum net_carriage carriage)
{
    switch (carriage) {
    case NET_UDP: return "udp";
    case NET_TCP: return "tcp";
    case NET_TCP_SYN: return "tcp-syn";
    case NET_TCP_RESET: return "tcp-reset";
    case NET_TCP_UNREACHABLE: return "tcp-unreachable";
    case NET_UDP_UNREACHABLE: return "udp-unreachable";
    }
    PU_NEVER_HERE();
}

const char *net_kind_name(enum net_kind kind)
{
    switch (kind) {
    case NET_KIND_OTHER: return "other";
    case NET_KIND_HELLO: return "hello";
    case NET_KIND_DATA: return "data";
    case NET_KIND_ACK: return "ack";
    case NET_KIND_KEEPALIVE: return "keep-alive";
    case NET_KIND_CLOSE: return "close";
    case NET_KIND_PUNCH: return "punch";
    }
    PU_NEVER_HERE();
}

const char *net_fate_name(enum net_fate fate)
{
    switch (fate) {
    case NET_SENT: return "sent";
    case NET_TRANSLATED: return "translated";
    case NET_DELIVERED: return "delivered";
    case NET_LOST: return "lost";
    case NET_QUEUE_FULL: return "queue-full";
    case NET_NO_ROUTE: return "no-route";
    case NET_NO_MAPPING: return "no-mapping";
    case NET_FILTERED: return "filtered";
    case NET_BLOCKED: return "blocked";
    case NET_NO_HAIRPIN: return "no-hairpin";
    case NET_CUT: return "cut";
    case NET_TOO_BIG: return "too-big";
    case NET_COPIED: return "copied";
    case NET_ASLEEP: return "asleep";
    case NET_PASSED: return "passed";
    }
    PU_NEVER_HERE();
}
