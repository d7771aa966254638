/* nodes_fuzz.c - a relay, two peers and a stranger on a network that does what the input says to
 * each datagram: passes it, loses it, doubles it, spoils a byte, keeps it back for later.
 *
 * A life costs what its input is long: it ends soon after the last byte. What happens in it happens
 * early, so that a few hundred bytes reach past the relayed connection, the hole punch and the
 * change of network.
 *
 * Whatever happens below, nodes break no rule of boundary A (the transport and the host check
 * theirs), nobody gets in who is not authorised, and at the end everything is given back.
 */
#include "sim/check.h"
#include "sim/scenario_load.h"
#include "sim/world.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const char text[] =
    "scenario: nodes\n"
    "duration: 12s\n"
    "crypto: model\n"
    "network: {latency: {rtt: 80ms}}\n"
    "nats: {router: {mapping: eim, filtering: apdf, ports: preserve, udp_idle: 65s}}\n"
    "nodes:\n"
    "  relay: {roles: [relay]}\n"
    "  home: {behind: [router], relays: [relay]}\n"
    "  laptop: {behind: [router], relays: [relay]}\n"
    "  stranger: {knows: all}\n"
    "authorize: [[home, laptop]]\n"
    "events:\n"
    "  - {at: 600ms, connect: {from: laptop, to: home}}\n"
    "  - {at: 900ms, connect: {from: stranger, to: home}}\n"
    "  - {at: 3s, change_network: laptop}\n"
    "expect:\n"
    "  - {name: nothing, never: unauthorized_data}\n";

enum { EVENTS_MAX = 1500, DATAGRAM_MAX = 1500 };

/* How much longer they live when the input says nothing more. */
#define CALM_NS (300 * PU_MS)

enum fate { PASS, LOSE, DOUBLE, SPOIL, KEEP, RELEASE };

/* What was kept back. */
static struct {
    host *from;
    pu_endpoint to;
    enum net_carriage carriage;
    size_t len;
    uint8_t bytes[DATAGRAM_MAX];
} kept;

static pu_span fates; /* the input: a byte a datagram */

static void send(host *h, const pu_endpoint *to, pu_span bytes, enum net_carriage carriage,
                 enum net_kind kind)
{
    net_send(h->world->network, h->world->now, h->index, HOST_PORT, to, bytes, carriage, kind);
}

static void spoil(host *h, const pu_endpoint *to, pu_span bytes, enum net_carriage carriage,
                  enum net_kind kind)
{
    uint8_t copy[DATAGRAM_MAX];
    PU_ASSERT(bytes.len <= sizeof copy);
    memcpy(copy, bytes.base, bytes.len);
    uint32_t at = fuzz_u16(&fates);
    if (bytes.len > 0) copy[at % bytes.len] ^= (uint8_t)(1 + fuzz_u8(&fates) % 255);
    send(h, to, span_of(copy, bytes.len), carriage, kind);
}

static void on_send(void *ctx, uint16_t port, const pu_endpoint *to, pu_span bytes,
                    enum net_carriage carriage, enum net_kind kind)
{
    (void)port;
    host *h = ctx;
    enum fate fate = (enum fate)(fuzz_u8(&fates) % 16);
    if (fate == SPOIL) spoil(h, to, bytes, carriage, kind);
    else if (fate != LOSE && fate != KEEP) send(h, to, bytes, carriage, kind);
    if (fate == DOUBLE) send(h, to, bytes, carriage, kind);
    if (fate == RELEASE && kept.len > 0)
        send(kept.from, &kept.to, span_of(kept.bytes, kept.len), kept.carriage, NET_KIND_OTHER);
    if (fate != KEEP) return;
    kept.from = h;
    kept.to = *to;
    kept.carriage = carriage;
    kept.len = bytes.len;
    memcpy(kept.bytes, bytes.base, bytes.len);
}

static void take(world *w, pu_time at, const sim_event *e)
{
    w->hosts_share.now = at;
    switch (e->kind) {
    case SIM_EV_NODE: host_wake(&w->hosts[e->target]); break;
    case SIM_EV_CONN: host_conn_timer(&w->hosts[e->target], e->arg); break;
    case SIM_EV_ARRIVE:
    case SIM_EV_DELIVER:
    case SIM_EV_GATEWAY:
    case SIM_EV_LINE: net_event(w->hosts_share.network, at, e); break;
    case SIM_EV_SCRIPT: script_do(w, e->target); break;
    }
    host_drain(&w->hosts_share, w->hosts);
}

/* Runs until the scenario ends, or the input has for a while. */
static void live(world *w, pu_time until)
{
    sim_event e;
    pu_time at;
    for (int i = 0; i < EVENTS_MAX && queue_pop(w->hosts_share.q, &at, &e) && at < until; i++) {
        bool is_driven = fates.len > 0;
        take(w, at, &e);
        if (is_driven && fates.len == 0 && at + CALM_NS < until) until = at + CALM_NS;
    }
}

void fuzz_nodes(pu_span bytes)
{
    static scenario *s;
    static world w;
    diag errors = {0};
    if (s == NULL) {
        s = scenario_load_text("fuzz.yaml", SPAN_LITERAL(text), NULL, 0, &errors);
        diag_free(&errors);
    }
    PU_ASSERT(s != NULL);
    fates = bytes;
    kept.len = 0;
    run_options options = {.record_node = SCENARIO_ANY};
    options.seed = fuzz_u8(&fates);
    options.fail_at = fuzz_u8(&fates); /* a node gets no memory once, too */
    bool is_built = world_build(&w, s, &options);
    PU_ASSERT(is_built);
    w.hosts_share.plugs.send = on_send;
    live(&w, fates.len > 0 ? s->duration_ns : CALM_NS);
    run_property nothing = {0};
    check_expect(&w.judge, 0, &nothing);
    PU_ASSERT(nothing.held);
    world_close(&w);
}
