/* sim/calibrate_nat.c - a client behind one box, a STUN server with two addresses, and the network
 * between them; no node anywhere.
 */
#include "sim/calibrate_nat.h"

#include "sim/nat_probe.h"
#include "sim/net.h"

enum {
    SITES = 3,
    SERVER_PORT = 3478,
    OTHER_PORT = 3479,
    LOCAL_FIRST = 20001, /* odd */
    LOCAL_STEP = 38,
    LOSS_PPM = 10000,
    BLOCK_PORTS = 512
};

#define RTT_NS (80 * PU_MS)
#define ACCESS_NS (10 * PU_MS)
#define IDLE_NS (65 * PU_S)

/* Tells its random streams from those of runs. */
#define SEED_TAG UINT64_C(0x73747564)

typedef struct lab {
    queue *q;
    topo *sites;
    net *network;
    uint32_t client, servers[2];
    uint16_t locals[NAT_PROBE_SOCKETS];
    nat_probe probe;
    bool is_calling; /* over TCP, instead of the probe */
    nat_heard heard;
} lab;

static void forget_record(void *ctx, const net_record *record)
{
    (void)ctx;
    (void)record;
}

/* A server answers from where it is asked to. */
static void serve(lab *l, pu_time now, uint32_t which, const pu_endpoint *local,
                  const pu_endpoint *remote, pu_span bytes)
{
    uint8_t out[STUN_MAX];
    stun_message m;
    if (!stun_read(&m, bytes) || m.is_response) return;
    uint16_t far_port = local->port == SERVER_PORT ? OTHER_PORT : SERVER_PORT;
    stun_message answer = {.is_response = true, .mapped = *remote};
    for (size_t i = 0; i < sizeof m.id; i++) answer.id[i] = m.id[i];
    answer.other = net_host_address(l->network, l->servers[1 - which]);
    answer.other.port = far_port;
    size_t len = stun_write(out, &answer);
    net_send(l->network, now, l->servers[m.change_ip ? 1 - which : which],
             m.change_port ? far_port : local->port, remote, (pu_span){out, len}, NET_UDP,
             NET_KIND_OTHER);
}

static void call(lab *l, pu_time now, uint32_t host, uint16_t port, const pu_endpoint *to)
{
    static const uint8_t syn[1];
    net_send(l->network, now, host, port, to, (pu_span){syn, sizeof syn}, NET_TCP_SYN,
             NET_KIND_HELLO);
}

/* The client has called the first server, which does not answer but calls back, and so does the
 * other one. */
static void hear(lab *l, pu_time now, uint32_t host, enum net_carriage carriage,
                 const pu_endpoint *remote)
{
    if (host == l->servers[0] && carriage == NET_TCP_SYN)
        for (uint32_t i = 0; i < 2; i++) call(l, now, l->servers[i], SERVER_PORT, remote);
    if (host == l->servers[1] && carriage == NET_TCP_RESET) l->heard.resets = true;
    if (host == l->client && carriage == NET_TCP_SYN)
        l->heard.crosses |= pu_endpoint_equal(remote, &l->probe.server);
}

static void deliver(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                    const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    lab *l = ctx;
    if (l->is_calling) {
        hear(l, now, host, carriage, remote);
        return;
    }
    if (host != l->client) {
        serve(l, now, host == l->servers[1], local, remote, bytes);
        return;
    }
    for (uint32_t socket = 0; socket < NAT_PROBE_SOCKETS; socket++)
        if (l->locals[socket] == local->port) nat_probe_got(&l->probe, socket, bytes);
}

/* Whether a port is odd follows no simple rule: a box that keeps it odd or even is told from one
 * that counts. */
static void choose_locals(lab *l)
{
    for (uint32_t i = 0; i < NAT_PROBE_SOCKETS; i++)
        l->locals[i] = (uint16_t)(LOCAL_FIRST + LOCAL_STEP * i + i / 2 % 2);
}

static void lab_open(lab *l, const nat_type *type, const uint8_t seed[32], uint32_t loss_ppm)
{
    const net_link link = {
        .access_ns = ACCESS_NS, .up_loss_ppm = loss_ppm, .down_loss_ppm = loss_ppm};
    const net_link perfect = {.access_ns = ACCESS_NS};
    *l = (lab){.q = queue_new(1), .sites = topo_constant(RTT_NS, SITES)};
    l->network = net_new(l->q, l->sites, seed,
                         &(net_observer){.ctx = l, .record = forget_record, .deliver = deliver});
    uint32_t box = net_box_add(l->network, type, NET_NONE, false);
    l->client = net_host_add(l->network);
    net_host_attach(l->network, l->client, box, 0, &link);
    for (uint32_t i = 0; i < 2; i++) {
        l->servers[i] = net_host_add(l->network);
        net_host_attach(l->network, l->servers[i], NET_NONE, 1 + i, &perfect);
    }
    choose_locals(l);
    pu_endpoint server = net_host_address(l->network, l->servers[0]);
    server.port = SERVER_PORT;
    nat_probe_start(&l->probe, &server, l->locals, seed);
}

static void lab_close(lab *l)
{
    net_free(l->network);
    queue_free(l->q);
    topo_free(l->sites);
}

/* Returns when it is over. */
static pu_time lab_run(lab *l)
{
    nat_probe_packet packet;
    pu_time now = 0;
    while (!l->probe.is_over) {
        while (nat_probe_next(&l->probe, now, &packet))
            net_send(l->network, now, l->client, l->locals[packet.socket], &packet.to,
                     (pu_span){packet.bytes, packet.len}, NET_UDP, NET_KIND_OTHER);
        if (queue_next(l->q) > l->probe.again_at) {
            now = l->probe.again_at;
            continue;
        }
        sim_event event;
        if (queue_pop(l->q, &now, &event)) net_event(l->network, now, &event);
    }
    return now;
}

static void listen(lab *l, pu_time now)
{
    sim_event event;
    l->is_calling = true;
    call(l, now, l->client, l->locals[0], &l->probe.server);
    while (queue_pop(l->q, &now, &event)) net_event(l->network, now, &event);
}

nat_found calibrate_nat_find(const nat_type *type, const uint8_t seed[32], uint32_t loss_ppm,
                             nat_heard *heard)
{
    lab l;
    lab_open(&l, type, seed, loss_ppm);
    pu_time now = lab_run(&l);
    nat_found found = {l.probe.mapping, l.probe.filtering, l.probe.ports};
    if (heard != NULL) {
        listen(&l, now);
        *heard = l.heard;
    }
    lab_close(&l);
    return found;
}

/* Whether behind a box of that class all three of its words are found. */
static bool is_found(const calibrate_nat_class *class, uint64_t seed, uint32_t loss_ppm)
{
    const nat_type type = {.mapping = class->mapping,
                           .filtering = class->filtering,
                           .ports = class->ports,
                           .block_ports = BLOCK_PORTS,
                           .udp_idle_ns = IDLE_NS};
    uint8_t run_seed[32], bytes[32] = {0};
    for (unsigned i = 0; i < 8; i++) bytes[i] = (uint8_t)(seed >> 8 * i);
    rng_derive(run_seed, bytes, SEED_TAG, loss_ppm);
    nat_found found = calibrate_nat_find(&type, run_seed, loss_ppm, NULL);
    return found.mapping == type.mapping && found.filtering == type.filtering &&
           found.ports == type.ports;
}

void calibrate_nat(uint64_t first, uint64_t last, progress *bar,
                   calibrate_nat_class all[CALIBRATE_NAT_CLASSES])
{
    for (uint32_t i = 0; i < CALIBRATE_NAT_CLASSES; i++) {
        calibrate_nat_class *class = &all[i];
        *class = (calibrate_nat_class){
            .mapping = (enum nat_mapping)(NAT_EIM + i / (NAT_APDF * NAT_BLOCK)),
            .filtering = (enum nat_filtering)(NAT_EIF + i / NAT_BLOCK % NAT_APDF),
            .ports = (enum nat_ports)(NAT_PRESERVE + i % NAT_BLOCK),
        };
        for (uint64_t seed = first; seed <= last; seed++) {
            class->right[0] += is_found(class, seed, 0);
            class->right[1] += is_found(class, seed, LOSS_PPM);
            progress_show(bar, i * (last - first + 1) + seed - first + 1, 0);
        }
    }
}
