/* One run: builds the world, takes events in their order, judges at the end. */
#include "sim/run.h"

#include "sim/build_id.h"
#include "sim/check.h"
#include "sim/mem.h"
#include "sim/swarm.h"
#include "sim/wall.h"
#include "sim/world.h"

const char *run_build_id(void)
{
    return SIM_BUILD_ID;
}

const char *run_way_name(enum run_way way)
{
    static const char *const names[] = {"circuit", "tcp", "quic"};
    _Static_assert(sizeof names / sizeof names[0] == RUN_WAYS, "a name for every way");
    PU_ASSERT(way < RUN_WAYS);
    return names[way];
}

/* False: the run has ended within it. */
static bool take_event(world *w, pu_time at, const sim_event *e)
{
    PU_ASSERT(at >= w->hosts_share.now);
    w->hosts_share.now = at;
    w->events++;
    switch (e->kind) {
    case SIM_EV_NODE: host_wake(&w->hosts[e->target]); break;
    case SIM_EV_CONN: host_conn_timer(&w->hosts[e->target], e->arg); break;
    case SIM_EV_ARRIVE:
    case SIM_EV_DELIVER:
    case SIM_EV_GATEWAY:
    case SIM_EV_LINE: net_event(w->hosts_share.network, at, e); break;
    case SIM_EV_SCRIPT: script_do(w, e->target); break;
    }
    return host_drain(&w->hosts_share, w->hosts);
}

enum { EVENTS_A_LOOK = 1024 }; /* how often somebody may look at a run, or end it */

/* Whether the run is to go on; tells how far it has come. */
static bool look(const world *w, const run_options *o)
{
    if (w->events % EVENTS_A_LOOK != 0) return true;
    if (o->show != NULL) o->show(o->show_ctx, w->hosts_share.now, w->s->duration_ns);
    return o->stop == NULL || *o->stop == 0;
}

enum run_end { RUN_WHOLE = 0, RUN_STOPPED, RUN_STILL };

/* Takes events until the end. */
static enum run_end loop(world *w, const run_options *o)
{
    sim_event e;
    pu_time at;
    still_begin(w);
    while (queue_next(w->hosts_share.q) <= w->s->duration_ns) {
        if (!look(w, o)) return RUN_STOPPED;
        if (!queue_pop(w->hosts_share.q, &at, &e)) break;
        if (still_event(w, at, &e)) return RUN_STILL;
        if (!take_event(w, at, &e)) return w->still.is_over ? RUN_STILL : RUN_STOPPED;
    }
    w->hosts_share.now = w->s->duration_ns;
    return RUN_WHOLE;
}

static size_t bytes_held(const world *w)
{
    size_t bytes = w->hosts_share.live_bytes + w->s->node_count * sizeof(host);
    for (uint32_t node = 0; node < w->s->node_count; node++)
        if (w->hosts[node].is_running)
            bytes += w->hosts_share.transport->bytes(w->hosts[node].transport);
    return bytes;
}

static void put_metrics(const world *w, run_result *r)
{
    static const struct {
        const char *name, *unit, *meaning;
    } names[METRIC_COUNT] = {
        [METRIC_DIALS] = {"dials", "dials", "addresses tried, circuits and hole punches included"},
        [METRIC_DIALS_WASTED] = {"dials_wasted", "dials", "of those, the ones that lost or failed"},
        [METRIC_PUNCHES] = {"hole_punches", "attempts", "begun, each counted once for both ends"},
        [METRIC_PUNCHES_OK] = {"hole_punches_ok", "attempts",
                               "of those, the ones that a direct connection came of"},
        [METRIC_PUNCHES_FAILED] = {"hole_punches_failed", "attempts",
                                   "of those, the ones given up; the rest was not over"},
        [METRIC_REFUSED] = {"refused", "times", "a node or relay turned a peer away"},
        [METRIC_CONNECTIONS] = {"connections_made", "connections",
                                "that both sides accepted, circuits included"},
        [METRIC_STREAMS] = {"streams_opened", "streams", "by nodes, over any connection"},
        [METRIC_DATAGRAMS] = {"datagrams_sent", "datagrams",
                              "sent by hosts: the sum of the five below"},
        [METRIC_DELIVERED] = {"datagrams_delivered", "datagrams", "that reached a host"},
        [METRIC_LOST] = {"datagrams_lost", "datagrams", "lost on a link, or in its full queue"},
        [METRIC_FILTERED] = {"datagrams_filtered", "datagrams", "that a NAT box dropped"},
        [METRIC_UNROUTABLE] = {"datagrams_unroutable", "datagrams",
                               "to an address that nobody has, or has no longer"},
        [METRIC_UNDER_WAY] = {"datagrams_under_way", "datagrams", "not there yet at the end"},
    };
    _Static_assert(METRIC_COUNT <= sizeof r->metrics / sizeof r->metrics[0],
                   "a place for every metric");
    for (uint32_t i = 0; i < METRIC_COUNT; i++) {
        uint64_t value = w->metrics[i];
        if (i == METRIC_UNDER_WAY) value = net_in_flight(w->hosts_share.network);
        if (i == METRIC_CONNECTIONS) value = r->handshake_count;
        if (i == METRIC_STREAMS) value = w->judge.streams_opened;
        r->metrics[r->metric_count++] =
            (run_metric){names[i].name, value, names[i].unit, names[i].meaning};
    }
}

/* Those of the dialling ends, so that each counts once. */
static void put_handshakes(const watch *judge, run_result *r)
{
    if (judge->conn_count > 0) r->handshakes = sim_alloc(judge->conn_count * sizeof *r->handshakes);
    for (uint32_t i = 0; i < judge->conn_count; i++) {
        const watch_conn *c = &judge->conns[i];
        if (!c->dialled || c->confirmed == PU_NEVER) continue;
        PU_ASSERT(c->begun <= c->confirmed);
        r->handshakes[r->handshake_count++] = (run_handshake){c->way, c->confirmed - c->begun};
    }
}

static void put_connections(const watch *judge, run_result *r)
{
    r->connection_count = judge->ask_count;
    if (judge->ask_count == 0) return;
    r->connections = sim_alloc(judge->ask_count * sizeof *r->connections);
    memcpy(r->connections, judge->asks, judge->ask_count * sizeof *r->connections);
    for (uint32_t i = 0; i < r->connection_count; i++) {
        run_connection *c = &r->connections[i];
        c->is_authorised = watch_is_authorised(judge, c->to, c->from);
    }
}

static void put_result(const world *w, run_result *r)
{
    const scenario *s = w->s;
    mix_result(&w->hosts_share.hash, r->hash);
    r->events = w->events;
    r->sim_ns = w->hosts_share.now;
    r->nodes = s->node_count;
    r->asked = w->hosts_share.asked;
    r->commands_shed = w->commands_shed;
    r->bytes_per_node = s->node_count > 0 ? bytes_held(w) / s->node_count : 0;
    r->property_count = r->is_partial ? 0 : s->expect_count;
    if (r->property_count > 0) r->properties = sim_alloc(r->property_count * sizeof *r->properties);
    for (uint32_t i = 0; i < r->property_count; i++) {
        run_property *p = &r->properties[i];
        check_expect(&w->judge, i, p);
        size_t len = strlen(p->why);
        if (swarm_missed(w, &s->expects[i]))
            snprintf(p->why + len, sizeof p->why - len,
                     "; no fault was drawn for them or their relays, so this seed says nothing of "
                     "faults");
    }
    put_connections(&w->judge, r);
    put_handshakes(&w->judge, r);
    put_metrics(w, r);
}

static bool tape_open(world *w, const run_options *options)
{
    char error[512];
    uint8_t key[PU_RECORD_KEY_BYTES] = {0}; /* nothing in a simulation is a secret */
    if (options->record_path == NULL) return true;
    w->hosts_share.tape =
        recorder_open(options->record_path, options->record_node, key, error, sizeof error);
    if (w->hosts_share.tape == NULL) fprintf(stderr, "peerup-sim: %s\n", error);
    return w->hosts_share.tape != NULL;
}

static bool tape_close(world *w, const run_options *options, bool keep)
{
    char error[512];
    recorder *tape = w->hosts_share.tape;
    if (tape != NULL) host_record_end(&w->hosts[options->record_node]);
    w->hosts_share.tape = NULL; /* hosts end after it */
    if (tape == NULL || recorder_close(tape, keep, error, sizeof error)) return true;
    fprintf(stderr, "peerup-sim: %s\n", error);
    return false;
}

static bool capture_open(world *w, const run_options *options)
{
    char error[512];
    uint32_t count = w->s->node_count;
    if (options->pcap_path == NULL) return true;
    w->names = sim_alloc((count + options->captured_count) * sizeof *w->names);
    for (uint32_t node = 0; node < count; node++) w->names[node] = w->s->nodes[node].name;
    if (options->captured_count > 0) w->is_captured = sim_alloc(count * sizeof *w->is_captured);
    for (uint32_t i = 0; i < options->captured_count; i++) {
        const captured *c = &options->captured[i];
        if (c->box == NULL) w->is_captured[c->node] = true;
        else w->names[count++] = c->name;
        PU_ASSERT(c->interface == (c->box == NULL ? c->node : count - 1));
    }
    w->hosts_share.captures_secrets = options->pcap_secrets;
    w->hosts_share.is_captured = w->is_captured;
    w->hosts_share.capture = pcap_open(options->pcap_path, w->names, count, HOST_UNIX_START,
                                       w->s->is_wire, error, sizeof error);
    if (w->hosts_share.capture == NULL) fprintf(stderr, "peerup-sim: %s\n", error);
    return w->hosts_share.capture != NULL;
}

static bool capture_close(world *w, bool keep)
{
    char error[512];
    pcap *capture = w->hosts_share.capture;
    w->hosts_share.capture = NULL;
    if (capture == NULL || pcap_close(capture, keep, error, sizeof error)) return true;
    fprintf(stderr, "peerup-sim: %s\n", error);
    return false;
}

int run_scenario(const scenario *s, const run_options *options, run_result *result)
{
    uint64_t began = wall_clock_ns();
    *result = (run_result){0};
    world *w = sim_alloc(sizeof *w);
    if (!world_build(w, s, options)) {
        free(w);
        return 1;
    }
    bool is_good =
        tape_open(w, options) && capture_open(w, options) && record_open(&w->log, s, options);
    if (is_good) {
        w->log.peers = w->hosts_share.peers;
        w->log.node_of_peer = w->node_of_peer;
        w->log.node_of_peer_count = w->node_of_peer_count;
        for (uint32_t node = 0; node < s->node_count; node++) {
            record_node(&w->log, w->hosts_share.network, &w->hosts[node], w->places[node].site);
            record_attachment(&w->log, w->hosts_share.network, 0, node);
        }
        enum run_end end = loop(w, options);
        result->is_partial = end != RUN_WHOLE;
        record_boxes(&w->log, w->hosts_share.network, w->box_owner,
                     w->box_nat); /* those of changed networks too */
        put_result(w, result);
        result->wall_ns = wall_clock_ns() - began;
        is_good = record_close(&w->log, &w->judge, &w->apps, options, result) && end != RUN_STILL;
    }
    is_good = tape_close(w, options, is_good) && is_good;
    is_good = capture_close(w, is_good) && is_good;
    world_close(w);
    free(w);
    return is_good ? 0 : 1;
}

void run_result_free(run_result *r)
{
    free(r->properties);
    free(r->connections);
    free(r->handshakes);
    *r = (run_result){0};
}
