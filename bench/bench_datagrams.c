/* bench/bench_datagrams.c - datagrams through links and boxes, without nodes.
 *
 * Pairs of hosts, each behind a box of its own and an access link with a rate; every datagram that
 * comes is sent back. Network, boxes, event queue and trace hash are those of every simulation.
 * Beside it, in the same process and in turn with it: the same datagrams through a bare ladder
 * queue and nothing else, one event and one copy of the bytes each.
 */
#include "bench/bench.h"
#include "bench/ladder.h"

#include "base/bytes.h"
#include "sim/hash.h"
#include "sim/mem.h"

enum {
    PORT = 4001,
    SITES = 2,
    A_PAIR = 8, /* datagrams of a pair that are under way at once */
    BYTES = 100,
    PAIR_HOSTS = 2,
    RUNS = 5,
    HOLES_MS = 200 /* by then both boxes of a pair let each other's datagrams in */
};
#define RTT_NS (60 * PU_MS)
#define ACCESS_NS (5 * PU_MS)
#define RATE_BPS UINT64_C(100000000)
#define QUEUE_NS (50 * PU_MS)
#define DELIVERIES_A_PAIR UINT64_C(1000) /* in each run */

typedef struct town {
    queue *q;
    topo *sites;
    net *network;
    mix128 hash;
    bool echoes;
    uint64_t delivered;
} town;

static void saw_packet(void *ctx, const net_record *r)
{
    town *t = ctx;
    hash_datagram(&t->hash, r);
}

/* Sends back what came. */
static void deliver(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                    const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    town *t = ctx;
    t->delivered++;
    if (t->echoes)
        net_send(t->network, now, host, local->port, remote, bytes, carriage, NET_KIND_DATA);
}

static void soon(void *ctx, unsigned round, const sim_event *event, uint32_t *note)
{
    const town *t = ctx;
    (void)note;
    net_soon(t->network, round, event);
}

static void town_open(town *t, uint32_t pairs)
{
    static const uint8_t seed[32] = {'d', 'a', 't', 'a'};
    static const nat_type box = {.mapping = NAT_EIM,
                                 .filtering = NAT_APDF,
                                 .ports = NAT_PRESERVE,
                                 .udp_idle_ns = 120 * PU_S};
    static const net_link link = {
        .access_ns = ACCESS_NS, .up_bps = RATE_BPS, .down_bps = RATE_BPS, .queue_ns = QUEUE_NS};
    *t = (town){.q = queue_new(1), .sites = topo_constant(RTT_NS, SITES)};
    t->network = net_new(t->q, t->sites, seed, &(net_observer){t, saw_packet, deliver, NULL, NULL});
    queue_on_soon(t->q, soon, NET_SOON_ROUNDS, t);
    mix_init(&t->hash, 0);
    for (uint32_t host = 0; host < pairs * PAIR_HOSTS; host++) {
        uint32_t added = net_host_add(t->network);
        PU_ASSERT(added == host);
        net_host_attach(t->network, host, net_box_add(t->network, &box, NET_NONE, false),
                        host % SITES, &link);
    }
}

static void town_close(town *t)
{
    net_free(t->network);
    queue_free(t->q);
    topo_free(t->sites);
}

static void send_to(town *t, pu_time now, uint32_t host, uint32_t other)
{
    static const uint8_t bytes[BYTES] = {1};
    pu_endpoint to = net_box_address(t->network, net_host_box(t->network, other));
    to.port = PORT;
    net_send(t->network, now, host, PORT, &to, span_of(bytes, sizeof bytes), NET_UDP,
             NET_KIND_DATA);
}

/* Takes events until so many datagrams were delivered, or none is under way. */
static pu_time run_until(town *t, pu_time now, uint64_t delivered)
{
    sim_event e;
    while (t->delivered < delivered && queue_pop(t->q, &now, &e)) net_event(t->network, now, &e);
    return now;
}

/* Both hosts of a pair send first, so that both boxes are open; then the pairs begin, evenly. */
static pu_time warm_up(town *t, uint32_t pairs)
{
    for (uint32_t host = 0; host < pairs * PAIR_HOSTS; host++) send_to(t, 0, host, host ^ 1);
    (void)run_until(t, 0, UINT64_MAX);
    t->echoes = true;
    pu_time now = HOLES_MS * PU_MS;
    for (uint32_t i = 0; i < A_PAIR * pairs; i++) {
        now += (RTT_NS / 2 + 2 * ACCESS_NS) / (A_PAIR * pairs);
        send_to(t, now, i % pairs * PAIR_HOSTS + i / pairs % 2,
                (i % pairs * PAIR_HOSTS + i / pairs % 2) ^ 1);
    }
    return run_until(t, now, t->delivered + (uint64_t)A_PAIR * pairs);
}

/* Processor time of one run. */
static uint64_t time_network(bench_datagrams *b)
{
    town t;
    town_open(&t, b->pairs);
    pu_time now = warm_up(&t, b->pairs);
    uint64_t began = bench_cpu_ns(), had = t.delivered;
    (void)run_until(&t, now, had + DELIVERIES_A_PAIR * b->pairs);
    uint64_t took = bench_cpu_ns() - began;
    b->delivered = t.delivered - had;
    mix_result(&t.hash, b->hash);
    town_close(&t);
    return took;
}

/* ---- the reference ---- */

static void is_soon(void *ctx, uint64_t index)
{
    (void)ctx;
    (void)index;
}

/* The same by a bare ladder: a datagram is an event and the bytes in its place, which are copied
 * out and in. */
static uint64_t time_bare(const bench_datagrams *b, uint64_t *sum)
{
    ladder *l = ladder_new(is_soon, NULL);
    uint64_t way_ns = RTT_NS / 2 + 2 * ACCESS_NS;
    uint32_t count = A_PAIR * b->pairs;
    uint8_t *places = sim_alloc((size_t)count * BYTES), bytes[BYTES];
    for (uint32_t i = 0; i < count; i++) ladder_push(l, (ladder_event){i * way_ns / count, i});
    uint64_t began = bench_cpu_ns();
    for (uint64_t i = 0; i < DELIVERIES_A_PAIR * b->pairs; i++) {
        ladder_event e = ladder_pop(l);
        memcpy(bytes, places + e.index * BYTES, BYTES);
        bytes[e.at % BYTES]++;
        *sum += bytes[i % BYTES];
        memcpy(places + e.index * BYTES, bytes, BYTES);
        e.at += way_ns;
        ladder_push(l, e);
    }
    uint64_t took = bench_cpu_ns() - began;
    ladder_free(l);
    free(places);
    return took;
}

void bench_datagrams_run(bench_datagrams *b, uint32_t pairs)
{
    PU_ASSERT(pairs > 0);
    *b = (bench_datagrams){.pairs = pairs, .under_way = A_PAIR * pairs, .runs = RUNS};
    uint64_t ours[RUNS], bare[RUNS];
    for (unsigned run = 0; run < RUNS; run++) {
        ours[run] = time_network(b);
        bare[run] = time_bare(b, &b->sum);
    }
    b->delivered_per_s = bench_rate(b->delivered, ours, RUNS);
    b->ladder_per_s = bench_rate(b->delivered, bare, RUNS);
    /* Two nodes a pair, one connection, in the same network. */
    bench_nodes_run(&b->nodes, &(bench_town){.nodes = pairs * PAIR_HOSTS,
                                             .degree = 1,
                                             .is_behind = true,
                                             .seconds = BENCH_SECONDS});
}
