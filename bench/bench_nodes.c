/* bench/bench_nodes.c - many nodes on a random graph, each pinging those it has dialled.
 *
 * The hosts, the network and the transport are those of every simulation; only a scenario, a judge
 * and a log are missing. Model cryptography, nobody is gated; hosts are public, or each is behind a
 * box of its own with a port that stays open, as one that was forwarded would. All start within a
 * second, dial within the next twenty, and what is measured begins when all that has settled.
 */
#include "bench/bench.h"
#include "bench/graph.h"

#include "base/mem.h"
#include "base/varint.h"
#include "sim/host.h"
#include "sim/mem.h"

#define START_WITHIN_NS (1 * PU_S)
#define DIAL_WITHIN_NS (20 * PU_S)
#define SETTLED_AT_NS (30 * PU_S)
#define RTT_NS (60 * PU_MS)

enum { SITES = 2, PURPOSE_GRAPH = 1, PURPOSE_ORDER = 2 };

/* What a SIM_EV_SCRIPT of this benchmark does; in its arg. */
enum todo { TODO_START = 0, TODO_DIAL };

typedef struct town {
    host_world share;
    pu_config config;
    topo *sites;
    host *hosts;
    uint32_t nodes;
    graph_edge *edges; /* sorted by who dials; NULL when all have dialled */
    uint32_t edge_count, dialled;
    bool is_behind;
    uint64_t steps, events, delivered;
} town;

/* ---- what hosts and the network tell ---- */

static void saw_input(void *ctx, uint32_t node, const pu_in *in)
{
    (void)node;
    (void)in;
    town *t = ctx;
    t->steps++;
}

static void saw_effect(void *ctx, uint32_t node, const pu_ef *ef)
{
    (void)ctx;
    (void)node;
    (void)ef;
}

static void saw_packet(void *ctx, const net_record *r)
{
    town *t = ctx;
    hash_datagram(&t->share.hash, r);
}

static void deliver(void *ctx, pu_time now, uint32_t node, enum net_carriage carriage,
                    const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    town *t = ctx;
    PU_ASSERT(now == t->share.now);
    t->delivered++;
    host_datagram(&t->hosts[node], carriage, local->port, remote, bytes);
}

static void soon(void *ctx, unsigned round, const sim_event *event, uint32_t *note)
{
    const town *t = ctx;
    host_soon(&t->share, t->hosts, round, event, note);
}

/* ---- set-up ---- */

static void town_share(town *t, const uint8_t seed[32])
{
    host_world *share = &t->share;
    rng order;
    rng_init(&order, seed, PURPOSE_ORDER);
    share->q = queue_new(rng_u64(&order));
    queue_on_soon(share->q, soon, HOST_ROUNDS, t);
    host_world_open(share);
    share->network =
        net_new(share->q, t->sites, seed, &(net_observer){t, saw_packet, deliver, NULL, NULL});
    share->has_model_crypto = true;
    share->transport = &transport_model;
    mix_init(&share->hash, 0);
    share->ctx = t;
    share->saw_input = saw_input;
    share->saw_effect = saw_effect;
    const pu_env env = {.alloc = share->alloc};
    if (pu_peers_new(&share->peers, t->nodes + 1, 0, &share->alloc) != PU_OK ||
        pu_out_new(&share->out, &env) != PU_OK)
        sim_fatal("no memory for a run");
}

static uint32_t box_of(town *t)
{
    static const nat_type box = {
        .mapping = NAT_EIM, .filtering = NAT_EIF, .ports = NAT_PRESERVE, .udp_idle_ns = 120 * PU_S};
    return t->is_behind ? net_box_add(t->share.network, &box, NET_NONE, false) : NET_NONE;
}

static void town_node(town *t, uint32_t node, const uint8_t seed[32])
{
    static const net_link link = {.access_ns = 5 * PU_MS};
    uint32_t added = net_host_add(t->share.network);
    PU_ASSERT(added == node);
    net_host_attach(t->share.network, node, box_of(t), node % SITES, &link);
    host_init(&t->hosts[node], &t->share, node, &t->config, seed);
    pu_time start = node * START_WITHIN_NS / t->nodes;
    pu_time dial = START_WITHIN_NS + node * DIAL_WITHIN_NS / t->nodes;
    queue_push(t->share.q, start, 0, &(sim_event){SIM_EV_SCRIPT, node, TODO_START});
    queue_push(t->share.q, dial, 0, &(sim_event){SIM_EV_SCRIPT, node, TODO_DIAL});
}

static town *town_new(const bench_town *what)
{
    static const uint8_t seed[32] = {'b', 'e', 'n', 'c', 'h'};
    town *t = sim_alloc(sizeof *t);
    uint32_t nodes = what->nodes, degree = what->degree;
    t->nodes = nodes;
    t->is_behind = what->is_behind;
    pu_config_default(&t->config);
    t->config.gating = 0;
    t->sites = topo_constant(RTT_NS, SITES);
    town_share(t, seed);
    if (nodes == 0) return t;
    rng r;
    rng_init(&r, seed, PURPOSE_GRAPH);
    t->edges = graph_new(&r, nodes, degree);
    t->edge_count = nodes * degree / 2;
    t->hosts = mem_new(&t->share.alloc, nodes * sizeof *t->hosts);
    for (uint32_t node = 0; node < nodes; node++) town_node(t, node, seed);
    return t;
}

static void town_free(town *t)
{
    for (uint32_t node = 0; node < t->nodes; node++) host_close(&t->hosts[node]);
    host_world_close(&t->share);
    net_free(t->share.network);
    queue_free(t->share.q);
    pu_out_free(t->share.out);
    pu_peers_free(t->share.peers);
    mem_free(&t->share.alloc, t->hosts, t->nodes * sizeof *t->hosts);
    heap_free(t->share.alloc.ctx);
    topo_free(t->sites);
    free(t->edges);
    free(t);
}

/* ---- the run ---- */

/* The node learns an address of another and keeps a connection to it. */
static void dial(town *t, uint32_t node, uint32_t other)
{
    const pu_peer_id *id = host_id(&t->hosts[other]);
    uint32_t box = net_host_box(t->share.network, other);
    pu_endpoint at = box == NET_NONE ? net_host_address(t->share.network, other)
                                     : net_box_address(t->share.network, box);
    at.port = HOST_PORT;
    uint8_t bytes[PU_MADDR_MAX];
    pu_buf maddr = buf_of(bytes, sizeof bytes);
    maddr.len = pu_addr_write(bytes, &at, PU_TRANSPORT_QUIC);
    varint_put(&maddr, PU_MA_P2P);
    varint_put(&maddr, id->len);
    buf_put(&maddr, id->bytes, id->len);
    host_command(&t->hosts[node], PU_CMD_ADDRESS, span_of(NULL, 0), 0, buf_span(&maddr));
    host_command(&t->hosts[node], PU_CMD_CONNECT, span_of(id->bytes, id->len), PU_KEEP,
                 span_of(NULL, 0));
}

/* A datagram to the neighbour's box, which has no room for it inside: it makes the mapping that all
 * who dial come in by. */
static void open_port(town *t, uint32_t node)
{
    uint32_t other = (node + 1) % t->nodes;
    pu_endpoint to = net_box_address(t->share.network, net_host_box(t->share.network, other));
    static const uint8_t byte = 0;
    to.port = HOST_PORT + 1;
    net_send(t->share.network, t->share.now, node, HOST_PORT, &to, span_of(&byte, 1), NET_UDP,
             NET_KIND_OTHER);
}

/* Nodes dial in their order, which is that of the edges. */
static void script(town *t, uint32_t node, enum todo todo)
{
    if (todo == TODO_START) {
        host_start(&t->hosts[node]);
        host_started(&t->hosts[node]);
        if (t->is_behind) open_port(t, node);
        return;
    }
    for (; t->dialled < t->edge_count && t->edges[t->dialled].a == node; t->dialled++)
        dial(t, node, t->edges[t->dialled].b);
    if (t->dialled < t->edge_count) return;
    free(t->edges);
    t->edges = NULL;
}

static void run_until(town *t, pu_time end)
{
    sim_event e;
    pu_time at;
    while (queue_next(t->share.q) < end && queue_pop(t->share.q, &at, &e)) {
        t->share.now = at;
        t->events++;
        switch (e.kind) {
        case SIM_EV_NODE: host_wake(&t->hosts[e.target]); break;
        case SIM_EV_CONN: host_conn_timer(&t->hosts[e.target], e.arg); break;
        case SIM_EV_ARRIVE:
        case SIM_EV_DELIVER:
        case SIM_EV_GATEWAY:
        case SIM_EV_LINE: net_event(t->share.network, at, &e); break;
        case SIM_EV_SCRIPT: script(t, e.target, (enum todo)e.arg); break;
        }
        host_drain(&t->share, t->hosts);
    }
}

static uint32_t confirmed(const pu_node *node)
{
    pu_conn_row row;
    uint32_t count = 0;
    for (uint32_t cursor = 0; pu_node_read_conns(node, &cursor, &row);) count += row.confirmed;
    return count;
}

static void take_figures(const town *t, bench_nodes *b)
{
    b->node_bytes = t->share.live_bytes;
    for (uint32_t node = 0; node < t->nodes; node++) {
        b->transport_bytes += t->share.transport->bytes(t->hosts[node].transport);
        if (confirmed(t->hosts[node].node) != b->degree) b->wrong_degree++;
    }
    mix_result(&t->share.hash, b->hash);
}

/* One run; figures that the run with 0 nodes does not have stay 0 there. */
static void measure(bench_nodes *b, const bench_town *what)
{
    uint64_t began = bench_wall_ns();
    town *t = town_new(what);
    run_until(t, SETTLED_AT_NS);
    uint64_t wall = bench_wall_ns(), cpu = bench_cpu_ns();
    b->setup_wall_ns = wall - began;
    uint64_t steps = t->steps, events = t->events, delivered = t->delivered;
    run_until(t, SETTLED_AT_NS + what->seconds * PU_S);
    b->cpu_ns = bench_cpu_ns() - cpu;
    b->wall_ns = bench_wall_ns() - wall;
    b->steps = t->steps - steps;
    b->events = t->events - events;
    b->delivered = t->delivered - delivered;
    take_figures(t, b);
    b->peak_bytes = bench_peak_bytes();
    town_free(t);
}

void bench_nodes_run(bench_nodes *b, const bench_town *what)
{
    bench_nodes none = {0};
    bench_town empty = *what;
    empty.nodes = 0;
    measure(&none, &empty);
    *b = (bench_nodes){.nodes = what->nodes,
                       .degree = what->degree,
                       .seconds = what->seconds,
                       .base_bytes = none.peak_bytes};
    measure(b, what);
    b->bare = bench_bare_run(what->nodes, what->degree, b->steps);
}
