/* tests/unit/net_world.h - a simulated network with nothing above it: what its tests build on, send
 * through and look at.
 */
#ifndef TESTS_UNIT_NET_WORLD_H
#define TESTS_UNIT_NET_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "sim/mem.h"
#include "sim/net_impl.h"

enum { SITES = 10, PORT = 4001, ECHO_PORT = 7, LOG_MAX = 1 << 17, PASSED_MAX = 64 };

#define RTT_NS (80 * PU_MS)

static const uint8_t world_seed[32] = {9, 9};
static const net_link plain = {.access_ns = 10 * PU_MS};
/* One way between two hosts with plain links at different sites. */
#define PLAIN_NS (RTT_NS / 2 + 2 * (10 * PU_MS))

/* What a host got. */
typedef struct arrival {
    pu_time at;
    uint32_t host;
    pu_endpoint local, remote;
    uint32_t len;
    uint8_t first; /* byte; 0 when there is none */
} arrival;

/* What was seen at the outer side of a tapped box. */
typedef struct passage {
    pu_time at;
    uint32_t box;
    bool out;
    enum net_carriage carriage;
    pu_endpoint from, to;
    uint32_t len;
    uint8_t first;
} passage;

typedef struct world {
    queue *q;
    topo *sites;
    net *n;
    net_record *log;
    arrival *got;
    uint32_t log_count, got_count;
    uint32_t told_count; /* ICMP messages that came, and what the last one said */
    uint32_t told_host, told_mtu;
    pu_time told_at;
    pu_endpoint told_local, told_remote;
    passage passed[PASSED_MAX];
    uint32_t passed_count;
} world;

static inline void on_record(void *ctx, const net_record *r)
{
    world *w = ctx;
    assert_true(w->log_count < LOG_MAX);
    w->log[w->log_count++] = *r;
}

static inline void on_deliver(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                              const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    world *w = ctx;
    assert_true(w->got_count < LOG_MAX);
    w->got[w->got_count++] = (arrival){
        now, host, *local, *remote, (uint32_t)bytes.len, bytes.len > 0 ? bytes.base[0] : 0};
    if (local->port == ECHO_PORT)
        net_send(w->n, now, host, ECHO_PORT, remote, bytes, carriage, NET_KIND_DATA);
}

static inline void on_too_big(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                              const pu_endpoint *local, const pu_endpoint *remote, uint32_t mtu)
{
    world *w = ctx;
    (void)carriage;
    w->told_count++;
    w->told_at = now;
    w->told_host = host;
    w->told_mtu = mtu;
    w->told_local = *local;
    w->told_remote = *remote;
}

static inline void on_outside(void *ctx, pu_time now, uint32_t box, bool out,
                              enum net_carriage carriage, const pu_endpoint *from,
                              const pu_endpoint *to, pu_span bytes)
{
    world *w = ctx;
    assert_true(w->passed_count < PASSED_MAX);
    w->passed[w->passed_count++] = (passage){now,
                                             box,
                                             out,
                                             carriage,
                                             *from,
                                             *to,
                                             (uint32_t)bytes.len,
                                             bytes.len > 0 ? bytes.base[0] : 0};
}

/* Datagrams that begin with this byte begin the work of a handshake, which the next two name. */
enum { WORK_BYTE = 0xee };

static inline uint64_t on_work(void *ctx, uint32_t host, enum net_carriage carriage,
                               const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    const world *w = ctx;
    (void)carriage;
    assert_memory_equal(local->ip, net_host_address(w->n, host).ip, sizeof local->ip);
    assert_int_not_equal(remote->port, 0);
    return bytes.len > 2 && bytes.base[0] == WORK_BYTE ? load_be16(bytes.base + 1) : 0;
}

static inline void world_open(world *w)
{
    *w = (world){.q = queue_new(1), .sites = topo_constant(RTT_NS, SITES)};
    w->log = sim_alloc(LOG_MAX * sizeof *w->log);
    w->got = sim_alloc(LOG_MAX * sizeof *w->got);
    net_observer observer = {.ctx = w,
                             .record = on_record,
                             .deliver = on_deliver,
                             .too_big = on_too_big,
                             .outside = on_outside,
                             .work = on_work};
    w->n = net_new(w->q, w->sites, world_seed, &observer);
}

static inline void world_close(world *w)
{
    net_free(w->n);
    queue_free(w->q);
    topo_free(w->sites);
    free(w->log);
    free(w->got);
}

/* Runs all that is due up to `until`. */
static inline void run(world *w, pu_time until)
{
    while (queue_next(w->q) <= until) {
        pu_time at;
        sim_event e;
        assert_true(queue_pop(w->q, &at, &e));
        net_event(w->n, at, &e);
    }
}

static inline void run_all(world *w)
{
    run(w, PU_NEVER - 1);
    assert_int_equal(net_in_flight(w->n), 0);
}

/* Forgets what was seen so far. */
static inline void forget(world *w)
{
    w->log_count = w->got_count = w->passed_count = 0;
}

static inline uint32_t add(world *w, uint32_t box, uint32_t site, const net_link *link)
{
    uint32_t host = net_host_add(w->n);
    net_host_attach(w->n, host, box, site, link);
    return host;
}

static inline nat_type router(enum nat_mapping m, enum nat_filtering f, enum nat_ports p)
{
    return (nat_type){.mapping = m, .filtering = f, .ports = p, .udp_idle_ns = 30 * PU_S};
}

/* The usual box: eim, apdf, preserve, no hairpin. */
static inline uint32_t add_router(world *w, uint32_t parent, bool holds_boxes)
{
    nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    return net_box_add(w->n, &type, parent, holds_boxes);
}

static inline void send(world *w, pu_time now, uint32_t host, pu_endpoint to, uint8_t byte)
{
    net_send(w->n, now, host, PORT, &to, (pu_span){&byte, 1}, NET_UDP, NET_KIND_DATA);
}

/* Host's own endpoint. */
static inline pu_endpoint own(const world *w, uint32_t host)
{
    pu_endpoint e = net_host_address(w->n, host);
    e.port = PORT;
    return e;
}

/* What remote sees of host; it must be mapped. */
static inline pu_endpoint seen(const world *w, pu_time now, uint32_t host, pu_endpoint remote)
{
    pu_endpoint e;
    assert_true(net_public_view(w->n, now, host, PORT, &remote, &e));
    return e;
}

static inline void assert_same(pu_endpoint a, pu_endpoint b)
{
    assert_true(pu_endpoint_equal(&a, &b));
}

/* Checks fate and box of record number i. */
static inline void assert_fate(const world *w, uint32_t i, enum net_fate fate, uint32_t box)
{
    assert_true(i < w->log_count);
    assert_string_equal(net_fate_name(w->log[i].fate), net_fate_name(fate));
    assert_int_equal(w->log[i].box, box);
}

static inline uint32_t count_fate(const world *w, enum net_fate fate)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->log_count; i++) {
        if (w->log[i].fate == fate) count++;
    }
    return count;
}

#endif
