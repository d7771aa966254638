/* sim/scenario_links.c - access links: `network.link`, the kinds under `links:`, who has which, and
 * which of a link's properties exclude each other.
 */
#include "base/suggest.h"
#include "sim/mem.h"
#include "sim/net_queue.h"
#include "sim/scenario_impl.h"
#include "sim/trace_file.h"

enum {
    TRACE_BYTES_MAX = 16 << 20,
    MTU_LEAST = 576, /* of IPv4: RFC 791 */
    MTU_MOST = 9000,
    QUIC_MTU = 1200 + NET_HEADER_BYTES, /* RFC 9000 section 14 */
    MODEL_MTU = 1200 + NET_TCP_HEADER_BYTES,
    BPS_LEAST = 1000,
    ALL_PPM = 1000000
};

#define CPU_COST_MAX (1 * PU_S)

/* ---- rates ---- */

static void read_bps(reader *r, const doc_node *node, uint64_t *bps)
{
    if (!read_quantity(r, node, QUANTITY_RATE, bps)) return;
    if (*bps == 0)
        read_error(r, node, "a link of no rate carries nothing; without the key it is unlimited");
    else if (*bps < BPS_LEAST) read_error(r, node, "'%s' is too slow, 1kbit at least", node->text);
}

/* Keeps a trace for the scenario's life. */
static const net_trace *keep_trace(scenario *s, net_trace *trace)
{
    s->traces = sim_resize(s->traces, (s->trace_count + 1) * sizeof(net_trace *));
    s->traces[s->trace_count++] = trace;
    return trace;
}

/* `capacity: {file, up, down, from}`. */
static void read_capacity(reader *r, const doc_node *node, net_extra *extra)
{
    static const key_rule rules[] = {{"file", true}, {"up", true}, {"down", true}, {"from", false}};
    char path[SCENARIO_PATH_MAX], why[SCENARIO_PATH_MAX + 256];
    size_t len;
    if (node == NULL || !read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    const doc_node *file = doc_get(node, "file");
    const char *up = read_text(r, doc_get(node, "up"));
    const char *down = read_text(r, doc_get(node, "down"));
    extra->trace_from_ns = NET_TRACE_DRAWN;
    read_quantity(r, doc_get(node, "from"), QUANTITY_DURATION, &extra->trace_from_ns);
    uint8_t *bytes =
        up != NULL && down != NULL ? read_beside(r, file, TRACE_BYTES_MAX, path, &len) : NULL;
    if (bytes == NULL) return;
    net_trace *trace = trace_parse(path, (const char *)bytes, len, up, down, why, sizeof why);
    free(bytes);
    if (trace == NULL) read_error(r, file, "%s", why);
    else extra->trace = keep_trace(r->s, trace);
}

static void read_codel(reader *r, const doc_node *node, scenario_link *link)
{
    static const key_rule rules[] = {{"target", false}, {"interval", false}};
    net_extra *extra = &link->extra;
    if (node == NULL || !read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    uint64_t target_ns = CODEL_TARGET_NS, interval_ns = CODEL_INTERVAL_NS;
    read_quantity(r, doc_get(node, "target"), QUANTITY_DURATION, &target_ns);
    read_quantity(r, doc_get(node, "interval"), QUANTITY_DURATION, &interval_ns);
    bool has_rate = link->link.up_bps > 0 || link->link.down_bps > 0 || extra->trace != NULL;
    if (!has_rate)
        read_error(r, node, "CoDel needs a rate: without 'up', 'down' or 'capacity' nothing waits");
    if (target_ns == 0 || target_ns >= interval_ns)
        read_error(r, node, "the target is more than nothing, and less than the interval");
    else if (interval_ns > CODEL_INTERVAL_MAX) read_error(r, node, "an interval is 4s at most");
    else if (target_ns >= link->link.queue_ns)
        read_error(r, node, "the queue never gets as long as the target: raise 'queue'");
    extra->target_ns = target_ns;
    extra->interval_ns = interval_ns;
}

/* A queue where nothing ever waits; a rate that is wrong is complained of already. */
static void check_queue(reader *r, const doc_node *node)
{
    static const char *const rates[] = {"up", "down", "capacity"};
    const doc_node *key = doc_get(node, "queue");
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
        if (doc_get(node, rates[i]) != NULL) return;
    if (key != NULL)
        read_error(r, key,
                   "a queue needs a rate: without 'up', 'down' or 'capacity' nothing waits");
}

static void read_rates(reader *r, const doc_node *node, scenario_link *link)
{
    const doc_node *capacity = doc_get(node, "capacity");
    read_bps(r, doc_get(node, "up"), &link->link.up_bps);
    read_bps(r, doc_get(node, "down"), &link->link.down_bps);
    read_quantity(r, doc_get(node, "queue"), QUANTITY_DURATION, &link->link.queue_ns);
    read_capacity(r, capacity, &link->extra);
    if (capacity != NULL && (doc_get(node, "up") != NULL || doc_get(node, "down") != NULL))
        read_error(r, capacity, "it says both rates: there can be no 'up' and no 'down'");
    check_queue(r, node);
    read_codel(r, doc_get(node, "codel"), link);
}

/* ---- losses ---- */

/* `loss: 1%`, or one a direction. */
static void read_loss(reader *r, const doc_node *node, net_link *link)
{
    static const key_rule rules[] = {{"up", false}, {"down", false}};
    if (node == NULL) return;
    if (node->kind != DOC_MAP) {
        if (read_u32(r, node, QUANTITY_SHARE, UINT32_MAX, &link->up_loss_ppm))
            link->down_loss_ppm = link->up_loss_ppm;
        return;
    }
    read_map(r, node, rules, sizeof rules / sizeof rules[0]);
    read_u32(r, doc_get(node, "up"), QUANTITY_SHARE, UINT32_MAX, &link->up_loss_ppm);
    read_u32(r, doc_get(node, "down"), QUANTITY_SHARE, UINT32_MAX, &link->down_loss_ppm);
}

/* `bursts: {enter, leave, bad, good}`: Gilbert and Elliott's model. */
static void read_bursts(reader *r, const doc_node *node, net_extra *extra)
{
    static const key_rule rules[] = {
        {"enter", true}, {"leave", true}, {"bad", false}, {"good", false}};
    if (node == NULL || !read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    const doc_node *enter = doc_get(node, "enter"), *leave = doc_get(node, "leave");
    extra->bad_ppm = ALL_PPM;
    read_u32(r, doc_get(node, "bad"), QUANTITY_SHARE, UINT32_MAX, &extra->bad_ppm);
    read_u32(r, doc_get(node, "good"), QUANTITY_SHARE, UINT32_MAX, &extra->good_ppm);
    if (read_u32(r, enter, QUANTITY_SHARE, UINT32_MAX, &extra->enter_ppm) && extra->enter_ppm == 0)
        read_error(r, enter, "a link that never gets bad has no bursts: leave 'bursts' out");
    if (read_u32(r, leave, QUANTITY_SHARE, UINT32_MAX, &extra->leave_ppm) && extra->leave_ppm == 0)
        read_error(r, leave, "a link that never gets better: say that by 'loss'");
    if (extra->bad_ppm <= extra->good_ppm)
        read_error(r, node, "the bad state loses more than the good one, or there are none");
}

/* `handover: {every, at, lost, shift}`; lost is a time, or {least, most}. */
static void read_handover(reader *r, const doc_node *node, net_extra *extra)
{
    static const key_rule rules[] = {
        {"every", true}, {"at", false}, {"lost", false}, {"shift", false}};
    static const key_rule lost_rules[] = {{"least", true}, {"most", true}};
    if (node == NULL || !read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    const doc_node *lost = doc_get(node, "lost"), *at = doc_get(node, "at");
    uint32_t before = r->errors->count + r->errors->dropped;
    if (!read_quantity(r, doc_get(node, "every"), QUANTITY_DURATION, &extra->handover_every_ns))
        return;
    read_quantity(r, at, QUANTITY_DURATION, &extra->handover_at_ns);
    read_delay(r, doc_get(node, "shift"), &extra->shift_ns);
    if (lost != NULL && lost->kind == DOC_MAP) {
        read_map(r, lost, lost_rules, sizeof lost_rules / sizeof lost_rules[0]);
        read_quantity(r, doc_get(lost, "least"), QUANTITY_DURATION, &extra->outage_least_ns);
        read_quantity(r, doc_get(lost, "most"), QUANTITY_DURATION, &extra->outage_most_ns);
    } else if (read_quantity(r, lost, QUANTITY_DURATION, &extra->outage_least_ns)) {
        extra->outage_most_ns = extra->outage_least_ns;
    }
    if (extra->handover_every_ns == 0) read_error(r, node, "'every' is more than nothing");
    else if (extra->handover_at_ns >= extra->handover_every_ns)
        read_error(r, at, "the first one comes before 'every' is over");
    bool has_most = lost == NULL || lost->kind != DOC_MAP || extra->outage_most_ns > 0;
    if (has_most && extra->outage_most_ns < extra->outage_least_ns)
        read_error(r, lost, "'most' is less than 'least'");
    else if (extra->outage_most_ns > 0 && extra->outage_most_ns >= extra->handover_every_ns)
        read_error(r, lost, "the next handover comes before this one is over: nothing ever passes");
    bool is_good = r->errors->count + r->errors->dropped == before;
    if (is_good && extra->outage_most_ns == 0 && extra->shift_ns == 0)
        read_error(r, node, "nothing is lost and no way gets longer: say 'lost' or 'shift'");
}

/* ---- order and number ---- */

static void read_reorder(reader *r, const doc_node *node, net_extra *extra)
{
    static const key_rule rules[] = {{"share", true}, {"by", true}};
    if (node == NULL || !read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    const doc_node *by = doc_get(node, "by");
    read_u32(r, doc_get(node, "share"), QUANTITY_SHARE, UINT32_MAX, &extra->reorder_ppm);
    if (read_delay(r, by, &extra->reorder_ns) && extra->reorder_ns == 0)
        read_error(r, by, "who is held back by nothing is overtaken by nobody");
    if (extra->reorder_ppm == 0) extra->reorder_ns = 0; /* the same as no 'reorder' */
}

/* ---- MTU ---- */

static void read_mtu(reader *r, const doc_node *node, net_extra *extra)
{
    const doc_node *mtu = doc_get(node, "mtu"), *icmp = doc_get(node, "icmp");
    bool tells = true;
    if (read_switch(r, icmp, &tells)) extra->mtu_is_silent = !tells;
    if (icmp != NULL && mtu == NULL)
        read_error(r, icmp, "without an 'mtu' there is nothing to tell");
    if (!read_u32(r, mtu, QUANTITY_COUNT, MTU_MOST, &extra->mtu)) return;
    if (extra->mtu < MTU_LEAST) read_error(r, mtu, "IP packets have %d bytes at least", MTU_LEAST);
    else if (!r->s->is_wire && extra->mtu < MODEL_MTU)
        read_error(r, mtu,
                   "packets of the model have up to %d bytes, headers included, and never get "
                   "shorter: 'fidelity: wire' finds out what passes",
                   MODEL_MTU);
}

/* ---- a link ---- */

void read_link(reader *r, const doc_node *node, scenario_link *link)
{
    static const key_rule rules[] = {
        {"access", false},   {"access_spread", false}, {"loss", false},      {"bursts", false},
        {"jitter", false},   {"reorder", false},       {"duplicate", false}, {"up", false},
        {"down", false},     {"capacity", false},      {"queue", false},     {"codel", false},
        {"handover", false}, {"mtu", false},           {"icmp", false},
    };
    net_extra *extra = &link->extra;
    link->place = (scenario_place){node->place.line, node->place.column};
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    read_delay(r, doc_get(node, "access"), &link->link.access_ns);
    read_delay(r, doc_get(node, "access_spread"), &extra->access_spread_ns);
    read_delay(r, doc_get(node, "jitter"), &link->link.jitter_ns);
    read_loss(r, doc_get(node, "loss"), &link->link);
    read_bursts(r, doc_get(node, "bursts"), extra);
    read_reorder(r, doc_get(node, "reorder"), extra);
    read_u32(r, doc_get(node, "duplicate"), QUANTITY_SHARE, UINT32_MAX, &extra->copy_ppm);
    read_rates(r, node, link);
    read_handover(r, doc_get(node, "handover"), extra);
    read_mtu(r, node, extra);
}

void read_links(reader *r, const doc_node *node)
{
    scenario *s = r->s;
    if (!read_names(r, node) || node->count == 0) return;
    s->links = sim_alloc(node->count * sizeof *s->links);
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        scenario_link *link = &s->links[s->link_count++];
        snprintf(link->name, sizeof link->name, "%s", n->key);
        link->link.access_ns = r->latency_access_ns;
        link->link.queue_ns = LINK_QUEUE_NS;
        read_link(r, n, link);
    }
}

void read_link_ref(reader *r, const doc_node *node, uint32_t *index)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    const char *text = read_text(r, node);
    if (text == NULL) return;
    suggest_begin(&near, text);
    for (uint32_t i = 0; i < r->s->link_count; i++) {
        if (strcmp(text, r->s->links[i].name) == 0) {
            *index = i;
            return;
        }
        suggest_offer(&near, r->s->links[i].name);
    }
    bool is_told = (r->gaps & GAP_LINKS) != 0;
    if (r->s->link_count == 0) r->gaps |= GAP_LINKS; /* nor is any other */
    if (!is_told && is_news(r, THING_LINK, text))
        read_error(r, node, "unknown kind of link '%.80s'%s", text, suggest_hint(&near, hint));
}

static void read_cost(reader *r, const doc_node *node, uint64_t *ns)
{
    if (read_quantity(r, node, QUANTITY_DURATION, ns) && *ns > CPU_COST_MAX)
        read_error(r, node, "1s at most: what would wait longer for its CPU is dropped");
}

void read_cpu(reader *r, const doc_node *node, scenario_node *of)
{
    static const key_rule rules[] = {{"datagram", false}, {"handshake", false}};
    if (node == NULL || !read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    if (node->count == 0) read_error(r, node, "it says nothing: leave the key out");
    read_cost(r, doc_get(node, "datagram"), &of->cpu_datagram_ns);
    read_cost(r, doc_get(node, "handshake"), &of->cpu_handshake_ns);
}

/* ---- links and who has them ---- */

/* Whether all that a node sends by UDP is stopped by a box of its own. */
static bool has_only_tcp(const scenario *s, const scenario_chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++)
        if (s->nats[chain->box[i].nat].type.blocks_udp) return true;
    return false;
}

/* QUIC's first datagrams have 1,200 bytes, and who cannot send them has no QUIC: that is fine only
 * for who has none anyway. `node` has this link behind these boxes, at some time. */
static void check_mtu(reader *r, uint32_t node, uint32_t link, const scenario_chain *behind)
{
    const scenario *s = r->s;
    const scenario_link *l = link == SCENARIO_ANY ? &s->link : &s->links[link];
    if (l->extra.mtu == 0 || l->extra.mtu >= QUIC_MTU || l->extra.mtu < MTU_LEAST) return;
    if (!s->is_wire || has_only_tcp(s, behind)) return;
    diag_add(
        r->errors, (diag_place){0, l->place.line, l->place.column},
        "%s%s: an MTU of %u is too short for QUIC, which needs %d (RFC 9000 section 14), and '%s' "
        "is not behind a box with udp: blocked",
        l == &s->link ? "network.link" : "links.", l->name, l->extra.mtu, QUIC_MTU,
        s->nodes[node].name);
}

void check_links(reader *r)
{
    const scenario *s = r->s;
    for (uint32_t node = 0; node < s->node_count; node++) {
        const scenario_node *n = &s->nodes[node];
        bool is_first = n->group == SCENARIO_ANY || s->groups[n->group].first == node;
        if (!is_first) continue; /* the others of a group have the same links */
        check_mtu(r, node, n->link, &n->behind);
        const scenario_group *g = n->group == SCENARIO_ANY ? NULL : &s->groups[n->group];
        if (g != NULL && g->has_roam && g->roam_link != SCENARIO_ANY)
            check_mtu(r, node, g->roam_link, &g->roam_chain);
    }
    for (uint32_t i = 0; i < s->event_count; i++) {
        const scenario_event *e = &s->events[i];
        if (e->kind == SCENARIO_CHANGE_NETWORK && e->has_link)
            check_mtu(r, e->a, e->link, e->has_chain ? &e->chain : &s->nodes[e->a].behind);
    }
}
