/* The run database's rows, made from what the simulator knows. */
#include "sim/record.h"

#include "sim/mem.h"

#include <inttypes.h>

struct record_leg {
    uint32_t node;
    pu_token token;
    char to[PU_PEER_ID_TEXT_MAX];
    char address[512];
    bool circuit;
    pu_time start;
};

static void put_codes(record *r)
{
    static const uint32_t codes[] = {
#define RECORD_CODE(code, value, name, meaning) PU_CODE_##code,
        PU_CODE_LIST(RECORD_CODE)
#undef RECORD_CODE
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const pu_code_info *info = pu_code_describe(codes[i]);
        tracedb_put_code(r->db, codes[i], info->name, info->meaning);
    }
}

bool record_open(record *r, const scenario *s, const run_options *options)
{
    *r = (record){.log = options->log, .s = s};
    if (options->log == RUN_LOG_NONE) return true;
    char error[512];
    r->db = tracedb_create(options->db_path, error, sizeof error);
    if (r->db == NULL) fprintf(stderr, "peerup-sim: %s\n", error);
    else put_codes(r);
    return r->db != NULL;
}

/* ---- names ---- */

static uint32_t node_of(const record *r, pu_span id)
{
    pu_peer_id parsed;
    if (pu_peer_id_from_bytes(&parsed, id) != PU_OK) return SCENARIO_ANY;
    pu_peer peer = pu_peers_find(r->peers, &parsed);
    return peer < r->node_of_peer_count ? r->node_of_peer[peer] : SCENARIO_ANY;
}

const char *record_peer_name(const record *r, pu_span id, char scratch[PU_PEER_ID_TEXT_MAX])
{
    uint32_t node = node_of(r, id);
    if (node != SCENARIO_ANY) return r->s->nodes[node].name;
    pu_peer_id parsed;
    scratch[0] = 0;
    if (pu_peer_id_from_bytes(&parsed, id) == PU_OK)
        pu_peer_id_text(&parsed, PU_PEER_BASE58, scratch);
    return scratch;
}

static void endpoint_name(const pu_endpoint *e, char out[64])
{
    static const pu_endpoint none;
    out[0] = 0;
    if (memcmp(e->ip, none.ip, sizeof none.ip) != 0) pu_endpoint_text(e, out);
}

/* An address without its port: "192.168.0.2", "2d00:0:100::2". */
static void address_name(pu_endpoint e, char out[64])
{
    endpoint_name(&e, out);
    char *end = strrchr(out, out[0] == '[' ? ']' : ':');
    if (end != NULL) *end = 0;
    if (out[0] == '[') memmove(out, out + 1, strlen(out));
}

/* ---- the network ---- */

void record_boxes(record *r, const net *network, const uint32_t *box_owner, const uint32_t *box_nat)
{
    if (r->db == NULL) return;
    for (uint32_t i = 0; i < net_box_count(network); i++) {
        const nat_type *type = net_box_type(network, i);
        char address[64];
        address_name(net_box_address(network, i), address);
        uint32_t parent = net_box_parent(network, i);
        tracedb_put_nat(
            r->db, &(tracedb_nat){
                       .box = i,
                       .parent = parent != NET_NONE ? (int64_t)parent : -1,
                       .type_name = box_nat[i] != SCENARIO_ANY ? r->s->nats[box_nat[i]].name : "",
                       .mapping = type->is_filter ? "none" : nat_mapping_name(type->mapping),
                       .filtering = nat_filtering_name(type->filtering),
                       .ports = type->is_filter ? "none" : nat_ports_name(type->ports),
                       .udp_idle_ns = type->udp_idle_ns,
                       .tcp_idle_ns = type->tcp_idle_ns != 0 ? type->tcp_idle_ns : NAT_TCP_IDLE_NS,
                       .refresh = type->refresh_inbound ? "both" : "outbound",
                       .udp_answered_ns =
                           type->udp_answered_ns != 0 ? type->udp_answered_ns : type->udp_idle_ns,
                       .addresses = nat_addresses(type),
                       .pooling = nat_pooling_name(type->pooling),
                       .hairpin = nat_hairpin_name(type->hairpin),
                       .blocks_udp = type->blocks_udp,
                       .address = address,
                       .owner = r->s->nodes[box_owner[i]].name,
                   });
    }
}

/* "router eim/apdf/preserve > carrier eim/apdf/random", innermost first. */
static void put_chain(FILE *out, const record *r, const net *network, const host *h)
{
    const scenario_node *node = &r->s->nodes[h->index];
    uint32_t place = 0;
    for (uint32_t box = net_host_box(network, h->index); box != NET_NONE;
         box = net_box_parent(network, box)) {
        const nat_type *t = net_box_type(network, box);
        const char *name =
            place < node->behind.count ? r->s->nats[node->behind.box[place].nat].name : "nat";
        fprintf(out, "%s%s %s/%s/%s", place > 0 ? " > " : "", name, nat_mapping_name(t->mapping),
                nat_filtering_name(t->filtering), nat_ports_name(t->ports));
        place++;
    }
}

/* What is around a node: "router eim/apdf/preserve; IPv6: strict apdf", "IPv6 alone, public". */
static void chain_name(const record *r, const net *network, const host *h, char *text, size_t cap)
{
    const scenario_families *f = &r->s->nodes[h->index].families;
    text[0] = 0;
    FILE *out = fmemopen(text, cap, "w");
    if (out == NULL) sim_no_memory(cap);
    put_chain(out, r, network, h);
    if (f->six != SCENARIO_SIX_NONE) {
        const nat_type *t = f->six == SCENARIO_SIX_BEHIND
                                ? net_box_type(network, net_host_six_box(network, h->index))
                                : NULL;
        fprintf(out, "%sIPv6%s %s%s%s", ftell(out) > 0 ? "; " : "", f->no_four ? " alone:" : ":",
                t != NULL ? r->s->nats[f->wall.nat].name : "public", t != NULL ? " " : "",
                t != NULL ? nat_filtering_name(t->filtering) : "");
    }
    fclose(out);
}

void record_node(record *r, const net *network, const host *h, uint32_t site)
{
    if (r->db == NULL) return;
    const scenario_node *node = &r->s->nodes[h->index];
    char peer[PU_PEER_ID_TEXT_MAX], address[64], outside[64], six[64], behind[384];
    pu_peer_id_text(host_id(h), PU_PEER_BASE58, peer);
    pu_endpoint own = net_host_address(network, h->index);
    address_name(own, address);
    uint32_t box = net_host_box(network, h->index), outermost = box;
    while (outermost != NET_NONE && net_box_parent(network, outermost) != NET_NONE)
        outermost = net_box_parent(network, outermost);
    address_name(outermost != NET_NONE ? net_box_address(network, outermost) : own, outside);
    address_name(net_host_six(network, h->index), six);
    chain_name(r, network, h, behind, sizeof behind);
    tracedb_put_node(
        r->db, &(tracedb_node){
                   .node = h->index,
                   .name = node->name,
                   .peer = peer,
                   .group = node->group != SCENARIO_ANY ? r->s->groups[node->group].name : NULL,
                   .is_relay = node->is_relay,
                   .is_public = box == NET_NONE && net_host_six_box(network, h->index) == NET_NONE,
                   .site = site,
                   .address = address,
                   .public_address = outside[0] != 0 ? outside : six,
                   .address6 = six,
                   .behind = behind,
               });
}

/* ---- while it runs ---- */

static int64_t box_index(uint32_t box)
{
    return box != NET_NONE ? (int64_t)box : -1;
}

void record_attachment(record *r, const net *network, pu_time at, uint32_t node)
{
    char address[64], six[64];
    if (r->db == NULL) return;
    address_name(net_host_address(network, node), address);
    address_name(net_host_six(network, node), six);
    tracedb_put_attachment(r->db, node, at,
                           &(tracedb_place){box_index(net_host_box(network, node)), address},
                           &(tracedb_place){box_index(net_host_six_box(network, node)), six});
}

void record_note(record *r, pu_time at, uint32_t node, const char *kind, const char *text)
{
    if (r->db != NULL)
        tracedb_put_note(r->db, at, node != SCENARIO_ANY ? (int64_t)node : -1, kind, text);
}

static void leg_start(record *r, uint32_t node, const pu_trace *event)
{
    r->legs = sim_grow(r->legs, &r->leg_cap, r->leg_count, sizeof *r->legs);
    struct record_leg *leg = &r->legs[r->leg_count++];
    char scratch[PU_PEER_ID_TEXT_MAX];
    *leg = (struct record_leg){
        .node = node, .token = (pu_token)event->a, .circuit = event->b == 1, .start = event->now};
    snprintf(leg->to, sizeof leg->to, "%s", record_peer_name(r, event->peer, scratch));
    snprintf(leg->address, sizeof leg->address, "%.*s", (int)event->text.len,
             (const char *)event->text.base);
}

static void leg_put(record *r, const struct record_leg *leg, pu_time end, const char *outcome,
                    uint32_t code)
{
    tracedb_put_dial(r->db, &(tracedb_dial){
                                .node = leg->node,
                                .to = leg->to,
                                .address = leg->address,
                                .transport = leg->circuit                            ? "circuit"
                                             : strstr(leg->address, "/tcp/") != NULL ? "tcp"
                                                                                     : "quic",
                                .start = leg->start,
                                .end = end,
                                .outcome = outcome,
                                .code = code,
                            });
}

static void leg_end(record *r, uint32_t node, const pu_trace *event, const char *outcome,
                    uint32_t code)
{
    for (uint32_t i = 0; i < r->leg_count; i++)
        if (r->legs[i].node == node && r->legs[i].token == event->a) {
            leg_put(r, &r->legs[i], event->now, outcome, code);
            r->legs[i] = r->legs[--r->leg_count];
            return;
        }
}

/* A note that begins with the name of the event's peer. */
static void note_peer(record *r, uint32_t node, const pu_trace *event, const char *kind,
                      const char *more)
{
    char scratch[PU_PEER_ID_TEXT_MAX], text[256];
    snprintf(text, sizeof text, "%s%s", record_peer_name(r, event->peer, scratch), more);
    record_note(r, event->now, node, kind, text);
}

static void note_punch(record *r, uint32_t node, const pu_trace *event)
{
    char more[96];
    const char *rounds = event->a == 1 ? "round" : "rounds";
    if (event->code == PU_TR_PUNCH_OK)
        snprintf(more, sizeof more, ": direct after %" PRIu64 " %s, %" PRIu64 ".%03" PRIu64 " ms",
                 event->a, rounds, event->b / PU_MS, event->b % PU_MS / PU_US);
    else snprintf(more, sizeof more, ": failed after %" PRIu64 " %s", event->a, rounds);
    note_peer(r, node, event, event->code == PU_TR_PUNCH_OK ? "punch" : "punch-failed", more);
}

static void note_backoff(record *r, uint32_t node, const pu_trace *event)
{
    char more[96];
    snprintf(more, sizeof more, ": every address failed, next try in %" PRIu64 ".%03" PRIu64 " s",
             event->a / PU_S, event->a % PU_S / PU_MS);
    note_peer(r, node, event, "dial-failed", more);
}

static void note_refused(record *r, uint32_t node, const pu_trace *event)
{
    static const char *const stages[] = {" (accept)", " (secured)", " (relay)"};
    note_peer(r, node, event, "refused", event->a < 3 ? stages[event->a] : "");
}

/* As relay: a circuit is at one of its limits. */
static void note_limit(record *r, uint32_t node, const pu_trace *event)
{
    char more[48];
    snprintf(more, sizeof more, ": %" PRIu64 " bytes", event->a);
    note_peer(r, node, event, "circuit-limit", more);
}

/* What summaries are made of: dial legs and what happened to whom. */
static void summarise(record *r, uint32_t node, const pu_trace *event)
{
    enum pu_trace_code code = event->code;
    if (code == PU_TR_DIAL_START) leg_start(r, node, event);
    else if (code == PU_TR_DIAL_WON) leg_end(r, node, event, "won", 0);
    else if (code == PU_TR_DIAL_LOST) leg_end(r, node, event, "lost", 0);
    else if (code == PU_TR_DIAL_FAILED) leg_end(r, node, event, "failed", (uint32_t)event->b);
    else if (code == PU_TR_DIAL_BACKOFF) note_backoff(r, node, event);
    else if (code == PU_TR_REFUSED) note_refused(r, node, event);
    else if (code == PU_TR_RELAY_RESERVED) note_peer(r, node, event, "reserved", "");
    else if (code == PU_TR_RELAY_LOST) note_peer(r, node, event, "relay-lost", "");
    else if (code == PU_TR_CIRCUIT_CUT) note_limit(r, node, event);
    else if (code == PU_TR_PUNCH_OK || code == PU_TR_PUNCH_FAILED) note_punch(r, node, event);
}

void record_trace(record *r, uint32_t node, const pu_trace *event)
{
    if (r->db == NULL) return;
    summarise(r, node, event);
    if (r->log < RUN_LOG_EVENTS) return;
    char scratch[PU_PEER_ID_TEXT_MAX];
    tracedb_put_event(r->db, node, event,
                      event->peer.len > 0 ? record_peer_name(r, event->peer, scratch) : "");
}

void record_packet(record *r, const net_record *p)
{
    if (r->db == NULL || r->log < RUN_LOG_PACKETS) return;
    char from[64], to[64];
    endpoint_name(&p->from, from);
    endpoint_name(&p->to, to);
    tracedb_put_packet(r->db,
                       &(tracedb_packet){
                           .at = p->at,
                           .id = p->id,
                           .from_node = p->from_host != NET_NONE ? (int64_t)p->from_host : -1,
                           .to_node = p->to_host != NET_NONE ? (int64_t)p->to_host : -1,
                           .box = p->box != NET_NONE ? (int64_t)p->box : -1,
                           .from = from,
                           .to = to,
                           .carriage = net_carriage_name(p->carriage),
                           .kind = net_kind_name(p->kind),
                           .fate = net_fate_name(p->fate),
                           .bytes = p->bytes,
                       });
}

/* ---- at the end ---- */

static void put_conns(record *r, const watch *w)
{
    for (uint32_t i = 0; i < w->conn_count; i++) {
        const watch_conn *c = &w->conns[i];
        char local[64] = "", remote[64] = "";
        if (c->way != RUN_WAY_CIRCUIT) {
            endpoint_name(&c->local, local);
            endpoint_name(&c->remote, remote);
        }
        tracedb_put_conn(r->db,
                         &(tracedb_conn){
                             .node = c->node,
                             .conn = pu_handle_ordinal(c->handle),
                             .peer = c->peer != SCENARIO_ANY ? r->s->nodes[c->peer].name : "",
                             .dialled = c->dialled,
                             .transport = run_way_name(c->way),
                             .relayed = c->way == RUN_WAY_CIRCUIT,
                             .local = local,
                             .remote = remote,
                             .up = c->up,
                             .confirmed = c->confirmed,
                             .down = c->down,
                             .code = c->code,
                         });
    }
}

static void put_paths(record *r, const watch *w, pu_time end)
{
    for (uint32_t i = 0; i < w->path_count; i++) {
        const watch_path *p = &w->paths[i];
        tracedb_put_path(r->db, &(tracedb_path){p->a, p->b, p->direct, p->start,
                                                p->end != PU_NEVER ? p->end : end});
    }
    for (uint32_t i = 0; i < w->ask_count; i++) {
        const run_connection *a = &w->asks[i];
        bool came = a->usable != PU_NEVER;
        tracedb_put_connect(r->db, &(tracedb_connect){
                                       .from = a->from,
                                       .to = a->to,
                                       .asked = a->asked,
                                       .usable = a->usable,
                                       .direct = a->direct,
                                       .lost = a->lost,
                                       .first_path = !came               ? ""
                                                     : a->first_is_relay ? "relay"
                                                                         : "direct",
                                       .last_path = !came                            ? ""
                                                    : a->last_way != RUN_WAY_CIRCUIT ? "direct"
                                                                                     : "relay",
                                       .is_authorized = watch_is_authorised(w, a->to, a->from),
                                   });
    }
}

static void put_streams(record *r, const apps *a)
{
    for (uint32_t i = 0; i < a->transfer_count; i++) {
        const app_transfer *t = &a->transfers[i];
        if (t->asked != PU_NEVER)
            tracedb_put_stream(r->db,
                               &(tracedb_stream){t->from, t->to, t->bytes, t->asked, t->delivered});
    }
}

/* "12 s", "0.500 s". */
static void seconds_text(uint64_t ns, char out[32])
{
    if (ns % PU_S == 0) snprintf(out, 32, "%" PRIu64 " s", ns / PU_S);
    else snprintf(out, 32, "%" PRIu64 ".%03" PRIu64 " s", ns / PU_S, ns % PU_S / PU_MS);
}

/* "laptop connected to home", "all pairs of crowd connected". */
static void reach_text(const scenario *s, const scenario_expect *e, char *out, size_t cap)
{
    const char *how = e->kind != SCENARIO_EXPECT_PATH   ? "connected"
                      : e->path == SCENARIO_PATH_DIRECT ? "directly connected"
                                                        : "connected through a relay";
    if (e->group != SCENARIO_ANY)
        snprintf(out, cap, "all pairs of %s %s", s->groups[e->group].name, how);
    else snprintf(out, cap, "%s %s to %s", s->nodes[e->a].name, how, s->nodes[e->b].name);
}

static void together_text(const scenario *s, const scenario_expect *e, char *out, size_t cap)
{
    char within[32], share[48] = "";
    seconds_text(e->within_ns, within);
    if (e->share_ppm < 1000000)
        snprintf(share, sizeof share, ", in %" PRIu32 ".%04" PRIu32 " %% of all times at least",
                 e->share_ppm / 10000, e->share_ppm % 10000);
    if (e->group != SCENARIO_ANY)
        snprintf(out, cap, "pairs of %s never apart for longer than %s while both run%s",
                 s->groups[e->group].name, within, share);
    else
        snprintf(out, cap, "%s and %s never apart for longer than %s while both run%s",
                 s->nodes[e->a].name, s->nodes[e->b].name, within, share);
}

static void never_text(const scenario *s, const scenario_expect *e, char *out, size_t cap)
{
    char after[32];
    seconds_text(e->after, after);
    if (e->never == SCENARIO_NEVER_UNAUTHORIZED)
        snprintf(out, cap, "never a connection or a byte from anybody unauthorized");
    else if (e->never == SCENARIO_NEVER_APART)
        snprintf(out, cap, "%s and %s never apart from %s on", s->nodes[e->a].name,
                 s->nodes[e->b].name, after);
    else
        snprintf(out, cap, "%s never directly connected to %s", s->nodes[e->a].name,
                 s->nodes[e->b].name);
}

/* What an expectation demands, in words. */
static void expected_text(const scenario *s, const scenario_expect *e, char *out, size_t cap)
{
    char what[192], within[32], after[32] = "asked";
    seconds_text(e->within_ns, within);
    if (e->has_after) seconds_text(e->after, after);
    switch (e->kind) {
    case SCENARIO_EXPECT_CONNECTED:
    case SCENARIO_EXPECT_PATH:
        reach_text(s, e, what, sizeof what);
        snprintf(out, cap, "%s, at most %s after %s", what, within, after);
        break;
    case SCENARIO_EXPECT_SAYS:
        seconds_text(e->after, after);
        snprintf(out, cap, "%s says %s, at most %s after %s", s->nodes[e->a].name,
                 e->says == SCENARIO_SAYS_RELAY_LOST ? "that it lost a relay"
                 : e->says == SCENARIO_SAYS_FAILED   ? "that a connect came to nothing"
                                                     : "that it has a place at a relay",
                 within, after);
        break;
    case SCENARIO_EXPECT_DELIVERED:
        snprintf(out, cap, "%s gets all that %s streams to it, at most %s after it begins",
                 s->nodes[e->b].name, s->nodes[e->a].name, within);
        break;
    case SCENARIO_EXPECT_TOGETHER: together_text(s, e, out, cap); break;
    case SCENARIO_EXPECT_NEVER: never_text(s, e, out, cap); break;
    }
}

static void put_properties(record *r, const run_result *result)
{
    for (uint32_t i = 0; i < result->property_count; i++) {
        const run_property *p = &result->properties[i];
        char expected[320];
        expected_text(r->s, &r->s->expects[i], expected, sizeof expected);
        tracedb_put_property(r->db, &(tracedb_property){p->name, expected, p->held, p->took_ns,
                                                        p->within_ns, p->why});
    }
}

bool record_close(record *r, const watch *w, const apps *a, const run_options *options,
                  const run_result *result)
{
    if (r->db == NULL) return true;
    put_conns(r, w);
    put_paths(r, w, result->sim_ns);
    put_streams(r, a);
    for (uint32_t i = 0; i < r->leg_count; i++) leg_put(r, &r->legs[i], PU_NEVER, "open", 0);
    free(r->legs);
    for (uint32_t i = 0; i < result->metric_count; i++)
        tracedb_put_metric(r->db, result->metrics[i].name, result->metrics[i].value,
                           result->metrics[i].unit, result->metrics[i].meaning);
    put_properties(r, result);
    char config_hash[40], trace_hash[40], error[512];
    snprintf(config_hash, sizeof config_hash, "%016" PRIx64 "%016" PRIx64, r->s->hash[0],
             r->s->hash[1]);
    snprintf(trace_hash, sizeof trace_hash, "%016" PRIx64 "%016" PRIx64, result->hash[0],
             result->hash[1]);
    tracedb_put_run(r->db, &(tracedb_run){
                               .seed = options->seed,
                               .scenario = r->s->name,
                               .about = r->s->about,
                               .fidelity = r->s->is_wire ? "wire" : "model",
                               .build = run_build_id(),
                               .command_line = options->command_line,
                               .config_hash = config_hash,
                               .trace_hash = trace_hash,
                               .duration_ns = result->sim_ns,
                               .events = result->events,
                               .is_partial = result->is_partial,
                           });
    bool kept = tracedb_close(r->db, true, error, sizeof error);
    if (!kept) fprintf(stderr, "peerup-sim: %s\n", error);
    return kept;
}
