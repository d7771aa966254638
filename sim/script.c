/* The script of a run: nodes start, ask for each other and change networks at their times. */
#include "base/varint.h"
#include "sim/bent.h"
#include "sim/mem.h"
#include "sim/script_away.h"
#include "sim/swarm.h"
#include "sim/world.h"

#include <inttypes.h>

enum {
    GROUP_START_WITHIN_MS = 3000
}; /* members of groups start within so long: no thundering herd at time 0 */

void script_add(world *w, world_entry entry)
{
    if (entry.at > w->s->duration_ns) return;
    w->script = sim_grow(w->script, &w->script_cap, w->script_count, sizeof *w->script);
    queue_push(w->hosts_share.q, entry.at, 0, &(sim_event){SIM_EV_SCRIPT, w->script_count, 0});
    w->script[w->script_count++] = entry;
}

/* A node that has not started yet asks as it starts: its start is in the queue before that. */
static pu_time ask_time(const world *w, uint32_t node, pu_time at)
{
    return at > w->places[node].start ? at : w->places[node].start;
}

static void group_pairs(world *w, const scenario_group *g)
{
    for (uint32_t i = 0; i + 1 < g->count; i += 2) {
        pu_time drawn = rng_between(&w->draws, g->pairs_from_ns, g->pairs_until_ns);
        pu_time at = ask_time(w, g->first + i, drawn);
        script_add(w,
                   (world_entry){
                       .at = at, .what = WORLD_CONNECT, .a = g->first + i, .b = g->first + i + 1});
    }
}

static enum world_do what_of(enum scenario_event_kind kind)
{
    switch (kind) {
    case SCENARIO_CONNECT: return WORLD_CONNECT;
    case SCENARIO_CHANGE_NETWORK: return WORLD_CHANGE_NETWORK;
    case SCENARIO_CRASH: return WORLD_CRASH;
    case SCENARIO_RESTART: return WORLD_RESTART;
    case SCENARIO_CLOCK: return WORLD_CLOCK;
    case SCENARIO_CUT: return WORLD_CUT;
    case SCENARIO_STREAM: return WORLD_STREAM;
    case SCENARIO_REBOOT: return WORLD_REBOOT;
    case SCENARIO_REBIND: return WORLD_REBIND;
    case SCENARIO_SLEEP: return WORLD_SLEEP;
    case SCENARIO_SWIZZLE: return WORLD_SWIZZLE;
    }
    PU_NEVER_HERE();
}

static uint32_t transfer_add(world *w, const scenario_event *e)
{
    apps *a = &w->apps;
    a->transfers =
        sim_grow(a->transfers, &a->transfer_cap, a->transfer_count, sizeof *a->transfers);
    a->transfers[a->transfer_count] = (app_transfer){
        .from = e->a, .to = e->b, .bytes = e->bytes, .asked = PU_NEVER, .delivered = PU_NEVER};
    return a->transfer_count++;
}

static void event_add(world *w, const scenario_event *e)
{
    pu_time at = e->kind == SCENARIO_CONNECT ? ask_time(w, e->a, e->at) : e->at;
    uint32_t a = e->kind == SCENARIO_STREAM ? transfer_add(w, e) : e->a;
    script_add(w, (world_entry){.at = at, .what = what_of(e->kind), .a = a, .b = e->b, .event = e});
    if (e->kind == SCENARIO_CUT)
        script_add(w, (world_entry){.at = e->at + e->for_ns, .what = WORLD_MEND, .event = e});
    if (e->kind == SCENARIO_SWIZZLE) swizzle(w, e);
}

void script_build(world *w)
{
    const scenario *s = w->s;
    for (uint32_t node = 0; node < s->node_count; node++) {
        bool is_named = s->nodes[node].group == SCENARIO_ANY;
        pu_time at = is_named ? 0 : rng_between(&w->draws, 0, GROUP_START_WITHIN_MS * PU_MS);
        w->places[node].start = at;
        script_add(w, (world_entry){.at = at, .what = WORLD_START, .a = node, .b = node});
        away_begin(w, node);
    }
    for (uint32_t i = 0; i < s->event_count; i++) event_add(w, &s->events[i]);
    for (uint32_t i = 0; i < s->group_count; i++)
        if (s->groups[i].has_pairs) group_pairs(w, &s->groups[i]);
    swarm_draw(w);
    for (uint32_t i = 0; i < w->drawn_count; i++) event_add(w, w->drawn[i]);
}

/* ---- notes ---- */

enum { CUT_TEXT_MAX = 256, CUT_NAMES_MAX = 6 };

/* Appends the names of the nodes on one side, the first of many. */
static void put_side(FILE *out, const world *w, const uint8_t *side, uint8_t which)
{
    uint32_t named = 0;
    for (uint32_t node = 0; node < w->s->node_count; node++) {
        if (side[node] != which) continue;
        if (named == CUT_NAMES_MAX) fputs(", ...", out);
        else if (named < CUT_NAMES_MAX)
            fprintf(out, "%s%s", named > 0 ? ", " : "", w->s->nodes[node].name);
        named++;
    }
}

/* "home | relay, laptop", or one way "laptop > home". */
static void note_cut(world *w, const char *kind, const scenario_event *e)
{
    char text[CUT_TEXT_MAX] = "";
    uint8_t sides = 0;
    for (uint32_t node = 0; node < w->s->node_count; node++)
        if (e->side[node] > sides) sides = e->side[node];
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    if (out == NULL) sim_no_memory(sizeof text);
    for (uint8_t side = 1; side <= sides; side++) {
        if (side > 1) fputs(e->one_way ? " > " : " | ", out);
        put_side(out, w, e->side, side);
        if (side == UINT8_MAX) break;
    }
    fclose(out);
    record_note(&w->log, w->hosts_share.now, SCENARIO_ANY, kind, text);
}

/* ---- multiaddrs of nodes ---- */

static void put_p2p(pu_buf *maddr, const pu_peer_id *id)
{
    varint_put(maddr, PU_MA_P2P);
    varint_put(maddr, id->len);
    buf_put(maddr, id->bytes, id->len);
}

static pu_buf maddr_of(uint8_t out[PU_MADDR_MAX], const pu_endpoint *endpoint,
                       enum pu_transport transport, const pu_peer_id *id)
{
    pu_buf maddr = buf_of(out, PU_MADDR_MAX);
    maddr.len = pu_addr_write(out, endpoint, transport);
    put_p2p(&maddr, id);
    return maddr;
}

/* Tells `node` an address of `other`, in both transports. */
static void tell(world *w, uint32_t node, uint32_t other, const pu_endpoint *endpoint,
                 uint32_t flags)
{
    static const enum pu_transport transports[] = {PU_TRANSPORT_QUIC, PU_TRANSPORT_TCP};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t bytes[PU_MADDR_MAX];
        pu_buf maddr = maddr_of(bytes, endpoint, transports[i], host_id(&w->hosts[other]));
        host_command(&w->hosts[node], PU_CMD_ADDRESS, span_of(NULL, 0), flags, buf_span(&maddr));
    }
}

/* Where node listens, in the families that it has. Returns how many. */
static uint32_t main_endpoints(const world *w, uint32_t node, pu_endpoint out[2])
{
    const net *network = w->hosts_share.network;
    bool has_six = net_host_around(network, node, true) != NET_ABSENT;
    bool has_four = net_host_around(network, node, false) != NET_ABSENT || !has_six;
    uint32_t count = 0;
    if (has_four) out[count++] = net_host_address(network, node);
    if (has_six) out[count++] = net_host_six(network, node);
    for (uint32_t i = 0; i < count; i++) out[i].port = w->hosts[node].port;
    return count;
}

/* Tells node how it would see another's own endpoint: by itself, and through the boxes around it.
 */
static void tell_ways(world *w, uint32_t node, uint32_t other, const pu_endpoint *own)
{
    pu_endpoint from[2], seen;
    uint32_t count = main_endpoints(w, node, from);
    const pu_endpoint *like = &from[0]; /* of own's family, where node has that */
    for (uint32_t i = 0; i < count; i++)
        if (net_is_six(&from[i]) == net_is_six(own)) like = &from[i];
    if (w->places[other].arrives_at == 0) tell(w, node, other, own, 0);
    if (net_is_six(like) == net_is_six(own) &&
        net_public_view(w->hosts_share.network, w->hosts_share.now, other, own->port, like,
                        &seen) &&
        !pu_endpoint_equal(&seen, own))
        tell(w, node, other, &seen, 0);
}

/* Tells a node that knows everybody all that can be known of `other`: its own address, how its
 * boxes show it now, and the circuits through its relays. */
static void tell_all(world *w, uint32_t node, uint32_t other)
{
    pu_endpoint own[2];
    uint32_t count = main_endpoints(w, other, own);
    for (uint32_t i = 0; i < count; i++) tell_ways(w, node, other, &own[i]);
    const scenario_node *n = &w->s->nodes[other];
    for (uint32_t i = 0; i < n->relay_count; i++) {
        uint8_t bytes[PU_MADDR_MAX];
        pu_endpoint relay[2];
        (void)main_endpoints(w, n->relays[i], relay);
        pu_buf maddr =
            maddr_of(bytes, &relay[0], PU_TRANSPORT_QUIC, host_id(&w->hosts[n->relays[i]]));
        varint_put(&maddr, PU_MA_CIRCUIT);
        put_p2p(&maddr, host_id(&w->hosts[other]));
        host_command(&w->hosts[node], PU_CMD_ADDRESS, span_of(NULL, 0), 0, buf_span(&maddr));
    }
}

/* ---- entries ---- */

static void authorise(world *w, uint32_t node, uint32_t peer)
{
    char line[PU_PEER_ID_TEXT_MAX + SCENARIO_NAME_MAX + 8];
    size_t len = pu_peer_id_text(host_id(&w->hosts[peer]), PU_PEER_BASE58, line);
    int more = snprintf(line + len, sizeof line - len, "  # %s", w->s->nodes[peer].name);
    PU_ASSERT(more > 0 && (size_t)more < sizeof line - len);
    host_command(&w->hosts[node], PU_CMD_AUTHORISE, span_of(NULL, 0), 0,
                 span_of(line, len + (size_t)more));
}

/* The group by whose churn a node comes and goes; NULL: it stays. */
static const scenario_group *churn_of(const world *w, uint32_t node)
{
    uint32_t group = w->s->nodes[node].group;
    return group != SCENARIO_ANY && w->s->groups[group].has_churn ? &w->s->groups[group] : NULL;
}

static void connect_command(world *w, uint32_t from, uint32_t to)
{
    if (w->s->nodes[from].knows_all) tell_all(w, from, to);
    const pu_peer_id *id = host_id(&w->hosts[to]);
    host_command(&w->hosts[from], PU_CMD_CONNECT, span_of(id->bytes, id->len), PU_KEEP,
                 span_of(NULL, 0));
}

/* What the node's user has asked for so far is in a file, which outlives a crash. */
static void connect_again(world *w, uint32_t node)
{
    for (uint32_t i = 0; i < w->script_count; i++) {
        const world_entry *e = &w->script[i];
        if (e->what == WORLD_CONNECT && e->a == node && e->is_done) connect_command(w, node, e->b);
    }
}

/* Only a node that something is streamed to has a service. */
static void expose(world *w, uint32_t node)
{
    uint8_t body[256];
    bool is_sought = false;
    for (uint32_t i = 0; i < w->apps.transfer_count; i++)
        is_sought |= w->apps.transfers[i].to == node;
    if (!is_sought) return;
    size_t len = apps_service(body, sizeof body);
    host_command(&w->hosts[node], PU_CMD_EXPOSE, span_of(NULL, 0), 0, span_of(body, len));
}

static void start(world *w, uint32_t node)
{
    const scenario *s = w->s;
    host *h = &w->hosts[node];
    pu_time now = w->hosts_share.now;
    host_start(h);
    watch_start(&w->judge, now, node);
    uint32_t count;
    const watch_trust *trust = watch_trusted(&w->judge, node, &count);
    for (uint32_t i = 0; i < count; i++) authorise(w, node, trust[i].peer);
    for (uint32_t i = 0; i < s->nodes[node].relay_count; i++) {
        pu_endpoint relay[2];
        uint32_t known = main_endpoints(w, s->nodes[node].relays[i], relay);
        for (uint32_t k = 0; k < known; k++)
            tell(w, node, s->nodes[node].relays[i], &relay[k], PU_RELAY);
    }
    expose(w, node);
    host_started(h);
    connect_again(w, node);
    record_note(&w->log, now, node, "start", s->nodes[node].name);
    const scenario_group *churn = churn_of(w, node);
    if (churn == NULL) return;
    pu_time end = now + spell_draw(&w->places[node].churn, &churn->on);
    script_add(w, (world_entry){.at = end, .what = WORLD_CRASH, .a = node, .b = node});
}

static void crash(world *w, uint32_t node)
{
    pu_time now = w->hosts_share.now;
    away_crash(w, node);
    bent_crash(w, node);
    host_crash(&w->hosts[node]);
    watch_crash(&w->judge, now, node);
    apps_crash(&w->apps, node);
    record_note(&w->log, now, node, "crash", w->s->nodes[node].name);
    const scenario_group *churn = churn_of(w, node);
    if (churn == NULL) return;
    pu_time back = now + spell_draw(&w->places[node].churn, &churn->off);
    script_add(w, (world_entry){.at = back, .what = WORLD_RESTART, .a = node, .b = node});
}

static void restart(world *w, uint32_t node, const scenario_event *e)
{
    bool keeps = e != NULL ? e->keep : churn_of(w, node)->churn_keep;
    if (!keeps) host_forget(&w->hosts[node]);
    start(w, node);
}

/* One that is down now hears of it when it starts again. */
static void connect_pair(world *w, uint32_t from, uint32_t to)
{
    if (w->hosts[from].is_running) connect_command(w, from, to);
    watch_ask(&w->judge, w->hosts_share.now, from, to);
    record_note(&w->log, w->hosts_share.now, from, "connect", w->s->nodes[to].name);
}

/* A node that is down streams nothing. */
static void stream(world *w, uint32_t number)
{
    app_transfer *t = &w->apps.transfers[number];
    const pu_peer_id *id = host_id(&w->hosts[t->to]);
    record_note(&w->log, w->hosts_share.now, t->from, "stream", w->s->nodes[t->to].name);
    if (w->hosts[t->from].is_running)
        apps_begin(&w->apps, w->hosts_share.now, number, span_of(id->bytes, id->len));
    else t->asked = w->hosts_share.now;
}

static void set_clock(world *w, const scenario_event *e)
{
    host_set_clock(&w->hosts[e->a], e->by_ns);
    record_note(&w->log, w->hosts_share.now, e->a, "clock", e->by_ns < 0 ? "back" : "ahead");
}

/* Nobody is told: a node finds out by what no longer arrives. */
static void disturb_box(world *w, enum world_do what, const scenario_event *e)
{
    char name[SCENARIO_NAME_MAX + 16];
    net *network = w->hosts_share.network;
    uint32_t box = net_host_box(network, e->a), wall = net_host_six_box(network, e->a);
    for (uint32_t i = 0; i < e->box && box != NET_NONE; i++) box = net_box_parent(network, box);
    bool has_wall = what == WORLD_REBOOT && e->box == 0 && wall != NET_NONE; /* of one device */
    if (box == NET_NONE && !has_wall) return; /* it is elsewhere by now */
    if (has_wall) net_box_reboot(network, wall);
    if (what == WORLD_REBOOT && box != NET_NONE) net_box_reboot(network, box);
    if (what == WORLD_REBIND) net_box_rebind(network, w->hosts_share.now, box);
    snprintf(name, sizeof name, "%s/%" PRIu32, w->s->nodes[e->a].name, e->box + 1);
    record_note(&w->log, w->hosts_share.now, e->a, what == WORLD_REBOOT ? "reboot" : "rebind",
                name);
}

void script_do(world *w, uint32_t entry)
{
    PU_ASSERT(entry < w->script_count);
    world_entry e = w->script[entry]; /* a copy: entries are added */
    pu_time until;
    if (away_waits(w, &e, &until)) {
        e.at = until;
        script_add(w, e);
        return;
    }
    w->script[entry].is_done = true;
    switch (e.what) {
    case WORLD_START: start(w, e.a); break;
    case WORLD_CONNECT: connect_pair(w, e.a, e.b); break;
    case WORLD_CHANGE_NETWORK: away_change(w, e.a, e.event); break;
    case WORLD_CRASH: crash(w, e.a); break;
    case WORLD_RESTART: restart(w, e.a, e.event); break;
    case WORLD_CLOCK: set_clock(w, e.event); break;
    case WORLD_CUT:
        net_cut(w->hosts_share.network, e.event->side, e.event->one_way);
        note_cut(w, e.event->one_way ? "block" : "partition", e.event);
        break;
    case WORLD_MEND:
        net_mend(w->hosts_share.network, e.event->side);
        note_cut(w, "mend", e.event);
        break;
    case WORLD_STREAM: stream(w, e.a); break;
    case WORLD_REBOOT:
    case WORLD_REBIND: disturb_box(w, e.what, e.event); break;
    case WORLD_SLEEP: away_sleep(w, e.a, e.event != NULL ? e.event->for_ns : 0); break;
    case WORLD_WAKE: away_wake(w, e.a); break;
    case WORLD_ARRIVE: away_arrive(w, e.a, e.event); break;
    case WORLD_PART: away_part(w, e.a); break;
    case WORLD_ROAM: away_roam(w, e.a); break;
    case WORLD_CLOG:
    case WORLD_UNCLOG:
        net_host_clog(w->hosts_share.network, e.a, e.what == WORLD_CLOG);
        record_note(&w->log, w->hosts_share.now, e.a, e.what == WORLD_CLOG ? "clog" : "unclog",
                    w->s->nodes[e.a].name);
        break;
    case WORLD_SWIZZLE: note_cut(w, "swizzle", e.event); break;
    case WORLD_BENT: bent_due(w, e.a, e.b); break;
    }
}
