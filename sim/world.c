/* Builds a run's network and hosts, see world.h. */
#include "sim/world.h"

#include "base/mem.h"
#include "sim/bent.h"
#include "sim/mem.h"
#include "sim/population.h"
#include "sim/swarm.h"

enum {
    PEERS_SPARE = 64,
    DRAWS_PURPOSE = 1,
    NET_PURPOSE = 2,
    ORDER_PURPOSE = 3,
    CHURN_PURPOSE = 4,
    ROAM_PURPOSE = 5,
    SWARM_PURPOSE = 6,
    TCP_MIX_PURPOSE = 7,
    CONSTANT_SITES = 1 << 20
};

uint32_t world_node(const world *w, pu_span peer)
{
    pu_peer_id id;
    if (peer.len == 0 || pu_peer_id_from_bytes(&id, peer) != PU_OK) return SCENARIO_ANY;
    pu_peer number = pu_peers_find(w->hosts_share.peers, &id);
    return number != 0 && number < w->node_of_peer_count ? w->node_of_peer[number] : SCENARIO_ANY;
}

/* ---- what hosts and the network tell ---- */

static void saw_input(void *ctx, uint32_t node, const pu_in *in)
{
    world *w = ctx;
    pu_handle other = 0;
    if (in->kind == PU_IN_CONN_CONFIRMED)
        other = w->hosts_share.transport->other_end(w->hosts[node].transport, in->conn);
    watch_input(&w->judge, node, world_node(w, in->peer), other, in);
}

static void perform_app(void *ctx, uint32_t node, const pu_ef *ef)
{
    world *w = ctx;
    apps_effect(&w->apps, w->hosts_share.now, node, ef);
}

static void app_input(void *ctx, uint32_t node, const pu_in *in)
{
    world *w = ctx;
    host_input(&w->hosts[node], in);
}

static void saw_effect(void *ctx, uint32_t node, const pu_ef *ef)
{
    world *w = ctx;
    watch_effect(&w->judge, w->hosts_share.now, node, ef);
    bool is_answer = ef->kind == PU_EF_EVENT && ef->what == PU_EVENT_DONE;
    if (is_answer && (ef->code == PU_CODE_NO_MEMORY || ef->code == PU_CODE_RESOURCE))
        w->commands_shed++;
}

/* What a node tells that is counted. A hole punch has two ends: only the initiator's counts. */
static void count_trace(uint64_t *metrics, const pu_trace *event)
{
    enum pu_trace_code code = event->code;
    if (code == PU_TR_DIAL_START) metrics[METRIC_DIALS]++;
    if (code == PU_TR_DIAL_LOST || code == PU_TR_DIAL_FAILED) metrics[METRIC_DIALS_WASTED]++;
    if (code == PU_TR_PUNCH_START && event->a == 1) metrics[METRIC_PUNCHES]++;
    if (code == PU_TR_PUNCH_OK && event->text.len > 0 && event->text.base[0] == 'i')
        metrics[METRIC_PUNCHES_OK]++;
    if (code == PU_TR_PUNCH_FAILED) metrics[METRIC_PUNCHES_FAILED]++;
    if (code == PU_TR_REFUSED) metrics[METRIC_REFUSED]++;
}

static void tell_rtt(const world *w, uint32_t node, const pu_trace *event)
{
    const run_options *o = w->options;
    bool is_punch = event->code == PU_TR_PUNCH_SYNC;
    if (o->saw_rtt == NULL || (!is_punch && event->code != PU_TR_PING_RTT)) return;
    o->saw_rtt(o->rtt_ctx, &(run_rtt){
                               .node = node,
                               .peer = world_node(w, event->peer),
                               .is_punch = is_punch,
                               .way = watch_way(&w->judge, node, event->conn),
                               .rtt_ns = is_punch ? event->b : event->a,
                           });
}

static void saw_trace(void *ctx, uint32_t node, const pu_trace *event)
{
    world *w = ctx;
    tell_rtt(w, node, event);
    count_trace(w->metrics, event);
    record_trace(&w->log, node, event);
}

/* Every datagram is sent once, and ends once; METRIC_COUNT: it goes on. */
static enum world_metric metric_of_fate(enum net_fate fate)
{
    switch (fate) {
    case NET_SENT:
    case NET_COPIED: return METRIC_DATAGRAMS;
    case NET_DELIVERED: return METRIC_DELIVERED;
    case NET_LOST:
    case NET_CUT:
    case NET_TOO_BIG:
    case NET_ASLEEP:
    case NET_QUEUE_FULL: return METRIC_LOST;
    case NET_FILTERED:
    case NET_NO_MAPPING:
    case NET_BLOCKED:
    case NET_NO_HAIRPIN: return METRIC_FILTERED;
    case NET_NO_ROUTE: return METRIC_UNROUTABLE;
    case NET_TRANSLATED:
    case NET_PASSED: break;
    }
    return METRIC_COUNT;
}

static void saw_packet(void *ctx, const net_record *p)
{
    world *w = ctx;
    hash_datagram(&w->hosts_share.hash, p);
    enum world_metric metric = metric_of_fate(p->fate);
    if (metric != METRIC_COUNT) w->metrics[metric]++;
    record_packet(&w->log, p);
}

static void deliver(void *ctx, pu_time now, uint32_t node, enum net_carriage carriage,
                    const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    world *w = ctx;
    PU_ASSERT(now == w->hosts_share.now);
    host_datagram(&w->hosts[node], carriage, local->port, remote, bytes);
}

static void too_big(void *ctx, pu_time now, uint32_t node, enum net_carriage carriage,
                    const pu_endpoint *local, const pu_endpoint *remote, uint32_t mtu)
{
    world *w = ctx;
    PU_ASSERT(now == w->hosts_share.now);
    host_too_big(&w->hosts[node], carriage, local->port, remote, mtu);
}

static uint64_t work(void *ctx, uint32_t node, enum net_carriage carriage, const pu_endpoint *local,
                     const pu_endpoint *remote, pu_span bytes)
{
    const world *w = ctx;
    return host_work(&w->hosts[node], carriage, local->port, remote, bytes);
}

static void outside(void *ctx, pu_time now, uint32_t box, bool out, enum net_carriage carriage,
                    const pu_endpoint *from, const pu_endpoint *to, pu_span bytes)
{
    const world *w = ctx;
    PU_ASSERT(box < w->tap_cap);
    PU_ASSERT(w->taps[box] != 0);
    PU_ASSERT(w->hosts_share.capture != NULL);
    pcap_packet(w->hosts_share.capture, now, w->taps[box] - 1, out, out ? from : to,
                out ? to : from, carriage, bytes);
}

static void soon(void *ctx, const sim_event *event)
{
    world *w = ctx;
    host_soon(&w->hosts_share, w->hosts, event);
}

/* ---- boxes ---- */

static uint32_t box_new(world *w, uint32_t node, uint32_t line, const nat_type *type,
                        uint32_t parent, bool holds_boxes)
{
    uint32_t box = net_box_add(w->hosts_share.network, type, parent, holds_boxes);
    w->box_owner = sim_grow(w->box_owner, &w->box_owner_cap, box, sizeof *w->box_owner);
    w->box_nat = sim_grow(w->box_nat, &w->box_nat_cap, box, sizeof *w->box_nat);
    w->box_owner[box] = node;
    w->box_nat[box] = line;
    return box;
}

static uint32_t box_shared(world *w, uint32_t node, const scenario_box *b, uint32_t parent)
{
    uint32_t *box = &w->shared[b->number];
    if (*box != NET_NONE) return *box;
    const scenario_shared *shared = &w->s->shared[b->number];
    *box = box_new(w, node, b->nat, &w->s->nats[b->nat].type, parent, shared->holds_boxes);
    if (shared->home != SCENARIO_ANY) net_box_share(w->hosts_share.network, *box, shared->home);
    return *box;
}

/* Boxes from the outermost to the innermost; returns the innermost. */
static uint32_t chain_new(world *w, uint32_t node, const scenario_chain *chain, bool fresh)
{
    uint32_t box = NET_NONE;
    for (uint32_t i = chain->count; i-- > 0;) {
        const scenario_box *b = &chain->box[i];
        if (b->number != SCENARIO_ANY && !fresh) box = box_shared(w, node, b, box);
        else box = box_new(w, node, b->nat, &w->s->nats[b->nat].type, box, i > 0);
    }
    return box;
}

void world_attach_box(world *w, uint32_t node, uint32_t box, uint32_t wall)
{
    const world_place *place = &w->places[node];
    const scenario_node *n = &w->s->nodes[node];
    const scenario_link *link =
        place->link == SCENARIO_ANY ? &w->s->link : &w->s->links[place->link];
    net_host_attach(w->hosts_share.network, node, box, place->site, &link->link);
    if (wall != NET_ABSENT) net_host_attach_six(w->hosts_share.network, node, wall);
    net_extra extra = link->extra;
    extra.cpu_datagram_ns = n->cpu_datagram_ns;
    extra.cpu_handshake_ns = n->cpu_handshake_ns;
    net_host_extra(w->hosts_share.network, node, &extra);
}

/* What is around node's IPv4. */
static uint32_t box_around(world *w, uint32_t node, const scenario_chain *chain, bool fresh)
{
    const world_place *place = &w->places[node];
    if (chain == NULL && place->is_drawn)
        return box_new(w, node, SCENARIO_ANY, &place->drawn, NET_NONE, false);
    return chain_new(w, node, chain != NULL ? chain : &w->s->nodes[node].behind, fresh);
}

/* What is around its IPv6. */
static uint32_t wall_around(world *w, uint32_t node, const scenario_families *f, bool fresh)
{
    if (f->six == SCENARIO_SIX_NONE) return NET_ABSENT;
    scenario_chain alone = {.count = f->six == SCENARIO_SIX_BEHIND, .box = {f->wall}};
    return chain_new(w, node, &alone, fresh);
}

/* The first on the command line that means the box which b calls and which is number `place` around
 * node; is_shared: of any node. The count of all: nobody does. */
static uint32_t find_captured(const world *w, uint32_t node, const scenario_box *b, uint32_t place,
                              bool is_shared)
{
    uint32_t i = 0;
    for (; i < w->options->captured_count; i++) {
        const captured *c = &w->options->captured[i];
        if (c->box == NULL) continue;
        if (is_shared && captured_means_shared(c, w->s, b->number)) break;
        if (c->node == node && captured_means(c, w->s, b, place)) break;
    }
    return i;
}

/* Captures box, which b calls and which is number `place` around node, if that node's is to be.
 * Its name is the first on the command line that means it, whoever comes to it first. */
static void tap(world *w, uint32_t node, uint32_t box, const scenario_box *b, uint32_t place)
{
    const run_options *o = w->options;
    if (find_captured(w, node, b, place, false) == o->captured_count) return;
    bool is_any = b == NULL || b->number == SCENARIO_ANY;
    bool is_shared = !is_any && w->shared[b->number] == box;
    uint32_t first = find_captured(w, node, b, place, is_shared);
    w->taps = sim_grow(w->taps, &w->tap_cap, box, sizeof *w->taps);
    if (w->taps[box] == 0) w->taps[box] = o->captured[first].interface + 1;
    net_box_tap(w->hosts_share.network, box);
}

/* The same of all boxes that node has just been attached behind. */
static void tap_around(world *w, uint32_t node, const scenario_chain *chain,
                       const scenario_families *f)
{
    const net *network = w->hosts_share.network;
    uint32_t place = 0, wall = net_host_six_box(network, node);
    if (w->options->captured_count == 0) return;
    if (chain == NULL && !w->places[node].is_drawn) chain = &w->s->nodes[node].behind;
    for (uint32_t box = net_host_box(network, node); box != NET_NONE;
         box = net_box_parent(network, box), place++)
        tap(w, node, box, chain != NULL ? &chain->box[place] : NULL, place);
    if (wall != NET_NONE) tap(w, node, wall, &f->wall, 0);
}

void world_attach(world *w, uint32_t node, const scenario_chain *chain,
                  const scenario_families *families, bool fresh)
{
    const scenario_families *f = families != NULL ? families : &w->s->nodes[node].families;
    uint32_t box = f->no_four ? NET_ABSENT : box_around(w, node, chain, fresh);
    world_attach_box(w, node, box, wall_around(w, node, f, fresh));
    tap_around(w, node, chain, f);
}

/* ---- nodes ---- */

static void place_node(world *w, uint32_t node)
{
    const scenario_node *n = &w->s->nodes[node];
    world_place *place = &w->places[node];
    rng_init(&place->churn, w->churn_seed, node);
    place->site = n->site != SCENARIO_ANY ? n->site : topo_draw(w->sites, &w->draws);
    place->link = n->link;
    rng_init(&place->roam, w->roam_seed, node);
    place->home_box = place->other_box = place->home_wall = place->other_wall = NET_ABSENT;
    if (n->group != SCENARIO_ANY && w->s->groups[n->group].has_mix) {
        place->is_drawn = true;
        place->drawn = population_draw(&w->draws, &w->tcp_mix, &w->s->groups[n->group]);
    }
    uint32_t added = net_host_add(w->hosts_share.network);
    PU_ASSERT(added == node);
    world_attach(w, node, NULL, NULL, false);
}

static void settings_apply(pu_config *config, const scenario_setting *settings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *name = settings[i].info->name;
        int err = pu_config_set(config, (pu_span){(const uint8_t *)name, strlen(name)},
                                settings[i].value);
        PU_ASSERT(err == PU_OK); /* the loader has checked the range */
    }
}

static bool is_same_config(const pu_config *a, const pu_config *b)
{
    const pu_config_info *info;
    for (size_t i = 0; (info = pu_config_at(i)) != NULL; i++)
        if (pu_config_get(a, info) != pu_config_get(b, info)) return false;
    return true;
}

/* The run's one copy of that configuration: most nodes of a run have the same. */
static const pu_config *share_config(world *w, const pu_config *config)
{
    for (uint32_t i = w->config_count; i-- > 0;)
        if (is_same_config(w->configs[i], config)) return w->configs[i];
    pu_config *kept = sim_alloc(sizeof *kept);
    *kept = *config;
    w->configs = sim_grow(w->configs, &w->config_cap, w->config_count, sizeof *w->configs);
    w->configs[w->config_count++] = kept;
    return kept;
}

static void make_node(world *w, uint32_t node)
{
    const scenario_node *n = &w->s->nodes[node];
    pu_config config;
    pu_config_default(&config);
    settings_apply(&config, w->s->settings, w->s->setting_count);
    settings_apply(&config, n->settings, n->setting_count);
    if (n->is_relay) config.relay_server = 1;
    host *h = &w->hosts[node];
    host_init(h, &w->hosts_share, node, share_config(w, &config), w->seed);
    if (n->port != 0) h->port = n->port;
    uint32_t had = w->node_of_peer_count;
    w->node_of_peer =
        sim_grow(w->node_of_peer, &w->node_of_peer_count, h->peer, sizeof *w->node_of_peer);
    for (uint32_t i = had; i < w->node_of_peer_count; i++) w->node_of_peer[i] = SCENARIO_ANY;
    w->node_of_peer[h->peer] = node;
}

static void judge_authorise(world *w)
{
    for (uint32_t i = 0; i < w->s->authorize_count; i++) {
        watch_authorise(&w->judge, w->s->authorize[i][0], w->s->authorize[i][1]);
        watch_authorise(&w->judge, w->s->authorize[i][1], w->s->authorize[i][0]);
    }
    for (uint32_t node = 0; node < w->s->node_count; node++)
        for (uint32_t i = 0; i < w->s->nodes[node].relay_count; i++) {
            watch_authorise(&w->judge, node, w->s->nodes[node].relays[i]);
            watch_authorise(&w->judge, w->s->nodes[node].relays[i], node);
        }
}

/* ---- the whole ---- */

static topo *read_sites(const scenario *s)
{
    if (s->matrix[0] == 0) return topo_constant(s->rtt_ns, CONSTANT_SITES);
    char error[512];
    topo *sites = s->has_regions ? topo_read_regions(s->matrix, error, sizeof error)
                                 : topo_read(s->matrix, error, sizeof error);
    if (sites == NULL) fprintf(stderr, "peerup-sim: %s\n", error);
    return sites;
}

static void share_init(world *w)
{
    host_world *share = &w->hosts_share;
    rng order;
    rng_init(&order, w->seed, ORDER_PURPOSE);
    share->q = queue_new(rng_u64(&order));
    queue_on_soon(share->q, soon, HOST_AHEAD, w);
    host_world_open(share);
    rng_derive(w->net_seed, w->seed, 0, NET_PURPOSE);
    share->network = net_new(share->q, w->sites, w->net_seed,
                             &(net_observer){.ctx = w,
                                             .record = saw_packet,
                                             .deliver = deliver,
                                             .too_big = too_big,
                                             .outside = outside,
                                             .work = work});
    mix_init(&share->hash, 0);
    share->has_model_crypto = w->s->is_model_crypto;
    share->answers = w->s->refuses;
    share->transport = w->s->is_wire ? transport_wire() : &transport_model;
    if (share->transport->share_new != NULL) share->transport_share = share->transport->share_new();
    share->ctx = w;
    share->saw_input = saw_input;
    share->saw_effect = saw_effect;
    share->app = perform_app;
    share->saw_trace = saw_trace;
    const pu_env env = {.alloc = w->judge.alloc};
    uint32_t peers_max = w->s->node_count + PEERS_SPARE;
    if (pu_peers_new(&share->peers, peers_max, share->hash_seed, &w->judge.alloc) != PU_OK ||
        pu_out_new(&share->out, &env) != PU_OK)
        sim_fatal("no memory for a run");
}

bool world_build(world *w, const scenario *s, const run_options *options)
{
    static const uint8_t zero[32];
    *w = (world){.s = s, .options = options};
    rng_derive(w->seed, zero, options->seed, 0);
    rng_init(&w->draws, w->seed, DRAWS_PURPOSE);
    rng_init(&w->tcp_mix, w->seed, TCP_MIX_PURPOSE);
    rng_derive(w->churn_seed, w->seed, 0, CHURN_PURPOSE);
    rng_derive(w->roam_seed, w->seed, 0, ROAM_PURPOSE);
    rng_derive(w->swarm_seed, w->seed, 0, SWARM_PURPOSE);
    w->sites = read_sites(s);
    if (w->sites == NULL) return false;
    if (s->is_wire && transport_wire() == NULL) {
        fprintf(stderr,
                "peerup-sim: fidelity 'wire' needs real transports, and this program is linked "
                "without them\n");
        topo_free(w->sites);
        return false;
    }
    watch_init(&w->judge, s);
    w->judge.apps = &w->apps;
    w->apps.ctx = w;
    w->apps.input = app_input;
    w->hosts_share.hash_seed = options->hash_seed;
    w->hosts_share.never_reuses = options->never_reuses;
    w->hosts_share.fail_at = options->fail_at;
    share_init(w);
    if (options->is_only_heap) queue_only_heap(w->hosts_share.q);
    w->hosts = mem_new(&w->hosts_share.alloc, s->node_count * sizeof *w->hosts);
    w->places = sim_alloc(s->node_count * sizeof *w->places);
    if (s->shared_count > 0) w->shared = sim_alloc(s->shared_count * sizeof *w->shared);
    for (uint32_t i = 0; i < s->shared_count; i++) w->shared[i] = NET_NONE;
    for (uint32_t node = 0; node < s->node_count; node++) place_node(w, node);
    for (uint32_t node = 0; node < s->node_count; node++) make_node(w, node);
    judge_authorise(w);
    bent_init(w);
    script_build(w);
    return true;
}

void world_close(world *w)
{
    for (uint32_t node = 0; node < w->s->node_count; node++) host_close(&w->hosts[node]);
    PU_ASSERT(w->hosts_share.live_bytes == 0);
    PU_ASSERT(pu_peers_count(w->hosts_share.peers) == 0); /* every reference was given back */
    host_world_close(&w->hosts_share);
    if (w->hosts_share.transport->share_free != NULL)
        w->hosts_share.transport->share_free(w->hosts_share.transport_share);
    net_free(w->hosts_share.network);
    queue_free(w->hosts_share.q);
    pu_out_free(w->hosts_share.out);
    pu_peers_free(w->hosts_share.peers);
    mem_free(&w->hosts_share.alloc, w->hosts, w->s->node_count * sizeof *w->hosts);
    heap_free(w->hosts_share.alloc.ctx);
    topo_free(w->sites);
    watch_close(&w->judge);
    apps_close(&w->apps);
    bent_close(w);
    swarm_close(w);
    free(w->places);
    free(w->names);
    free(w->is_captured);
    free(w->taps);
    for (uint32_t i = 0; i < w->config_count; i++) free(w->configs[i]);
    free(w->configs);
    free(w->node_of_peer);
    free(w->box_owner);
    free(w->box_nat);
    free(w->shared);
    free(w->script);
}
