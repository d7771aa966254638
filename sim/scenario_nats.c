/* sim/scenario_nats.c - `nats:` and `behind:`: kinds of boxes, and chains of them around a node. */
#include "base/suggest.h"
#include "sim/mem.h"
#include "sim/scenario_impl.h"

enum { DEFAULT_BLOCK_PORTS = 512 };

/* How words of sim/nat.h are chosen from: by their number, from 1. */
enum { WORDS_MAX = 5 };

static void read_behaviour(reader *r, const doc_node *node, nat_type *type)
{
    enum { MAPPINGS = NAT_APDM, FILTERINGS = NAT_APDF, PORTS = NAT_BLOCK };
    const char *mappings[WORDS_MAX], *filterings[WORDS_MAX], *ports[WORDS_MAX];
    uint32_t word;
    for (uint32_t i = 0; i < MAPPINGS; i++)
        mappings[i] = nat_mapping_name((enum nat_mapping)(i + 1));
    for (uint32_t i = 0; i < FILTERINGS; i++)
        filterings[i] = nat_filtering_name((enum nat_filtering)(i + 1));
    for (uint32_t i = 0; i < PORTS; i++) ports[i] = nat_ports_name((enum nat_ports)(i + 1));
    if (read_word(r, doc_get(node, "mapping"), mappings, MAPPINGS, &word))
        type->mapping = (enum nat_mapping)(word + 1);
    if (read_word(r, doc_get(node, "filtering"), filterings, FILTERINGS, &word))
        type->filtering = (enum nat_filtering)(word + 1);
    if (read_word(r, doc_get(node, "ports"), ports, PORTS, &word))
        type->ports = (enum nat_ports)(word + 1);
}

static void read_switches(reader *r, const doc_node *node, nat_type *type)
{
    static const char *const refresh_words[] = {"outbound", "both"};
    static const char *const udp_words[] = {"allowed", "blocked"};
    static const char *const hairpin_words[] = {"false", "true", "external", "internal"};
    static const enum nat_hairpin hairpins[] = {NAT_HAIRPIN_NONE, NAT_HAIRPIN_EXTERNAL,
                                                NAT_HAIRPIN_EXTERNAL, NAT_HAIRPIN_INTERNAL};
    uint32_t word;
    if (read_word(r, doc_get(node, "hairpin"), hairpin_words, 4, &word))
        type->hairpin = hairpins[word];
    if (read_word(r, doc_get(node, "refresh"), refresh_words, 2, &word))
        type->refresh_inbound = word == 1;
    if (read_word(r, doc_get(node, "udp"), udp_words, 2, &word)) type->blocks_udp = word == 1;
}

/* The rules of TCP (RFC 5382), and errors (RFC 5508). */
static void read_tcp(reader *r, const doc_node *node, nat_type *type)
{
    static const char *const syn_words[] = {"drop", "reset", "late_reset", "late_unreachable"};
    static const char *const error_words[] = {"forwarded", "swallowed"};
    const char *filterings[NAT_APDF];
    const doc_node *crossing = doc_get(node, "simultaneous_open");
    uint32_t word;
    bool crosses = true;
    for (uint32_t i = 0; i < NAT_APDF; i++)
        filterings[i] = nat_filtering_name((enum nat_filtering)(i + 1));
    if (read_word(r, doc_get(node, "tcp_filtering"), filterings, NAT_APDF, &word))
        type->tcp_filtering = (enum nat_filtering)(word + 1);
    if (read_word(r, doc_get(node, "unsolicited_syn"), syn_words, 4, &word))
        type->unsolicited = (enum nat_syn)word;
    if (read_word(r, doc_get(node, "icmp_errors"), error_words, 2, &word))
        type->swallows_errors = word == 1;
    if (read_switch(r, crossing, &crosses)) type->no_crossing = !crosses;
    if (type->no_crossing && type->tcp_filtering != 0 && type->tcp_filtering != NAT_APDF)
        read_error(
            r, crossing,
            "'tcp_filtering: %s' lets in a SYN from ports that were never called, so one from "
            "a port that is called cannot be kept out",
            nat_filtering_name(type->tcp_filtering));
}

static void read_idle(reader *r, const doc_node *node, uint64_t *ns)
{
    if (read_quantity(r, node, QUANTITY_DURATION, ns) && *ns == 0)
        read_error(r, node, "a box that forgets at once lets nothing back in");
}

static void read_idles(reader *r, const doc_node *node, nat_type *type)
{
    const doc_node *answered = doc_get(node, "udp_answered_idle");
    const doc_node *opening = doc_get(node, "tcp_opening_idle");
    read_idle(r, doc_get(node, "udp_idle"), &type->udp_idle_ns);
    read_idle(r, answered, &type->udp_answered_ns);
    read_idle(r, doc_get(node, "tcp_idle"), &type->tcp_idle_ns);
    read_idle(r, opening, &type->tcp_opening_ns);
    if (answered != NULL && type->udp_answered_ns < type->udp_idle_ns)
        read_error(r, answered,
                   "an answer would shorten the life of a mapping: it is less than udp_idle");
    uint64_t tcp_idle_ns = type->tcp_idle_ns != 0 ? type->tcp_idle_ns : NAT_TCP_IDLE_NS;
    if (opening != NULL && type->tcp_opening_ns > tcp_idle_ns)
        read_error(r, opening,
                   "an answer would shorten the life of a mapping: it is more than tcp_idle");
}

/* A count from least on. */
static void read_some(reader *r, const doc_node *node, uint32_t least, uint32_t most,
                      uint32_t *value)
{
    if (read_u32(r, node, QUANTITY_COUNT, most, value) && *value < least)
        read_error(r, node, "%u at least", least);
}

static void read_pool(reader *r, const doc_node *node, nat_type *type)
{
    static const char *const pooling_words[] = {"paired", "arbitrary"};
    const doc_node *block = doc_get(node, "block");
    const doc_node *pooling = doc_get(node, "pooling");
    uint32_t word;
    read_some(r, doc_get(node, "addresses"), 1, NAT_ADDRESSES_MAX, &type->addresses);
    if (read_word(r, pooling, pooling_words, 2, &word)) type->pooling = (enum nat_pooling)word;
    if (type->pooling == NAT_ARBITRARY && nat_addresses(type) == 1)
        read_error(r, pooling,
                   "there is one address, and nothing to draw from: say how many by 'addresses'");
    if (type->pooling == NAT_ARBITRARY && type->ports == NAT_BLOCK)
        read_error(r, pooling, "a host whose ports are one block has one address");
    if (type->ports == NAT_BLOCK) type->block_ports = DEFAULT_BLOCK_PORTS;
    else if (block != NULL) read_error(r, block, "only a box with 'ports: block' has blocks");
    read_some(r, block, NAT_BLOCK_PORTS_MIN, NAT_BLOCK_PORTS_MAX, &type->block_ports);
}

static void read_quotas(reader *r, const doc_node *node, nat_type *type)
{
    const doc_node *host = doc_get(node, "host_mappings");
    read_some(r, doc_get(node, "mappings"), 1, UINT32_MAX, &type->mappings_max);
    read_some(r, host, 1, UINT32_MAX, &type->host_mappings_max);
    if (type->mappings_max != 0 && type->host_mappings_max > type->mappings_max)
        read_error(r, host, "one host may not have more than all: 'mappings' is %u",
                   type->mappings_max);
    if (type->ports == NAT_BLOCK && type->host_mappings_max > type->block_ports)
        read_error(r, host, "a block has %u ports, and a host no more", type->block_ports);
}

static void read_type(reader *r, const doc_node *node, nat_type *type)
{
    static const key_rule rules[] = {
        {"mapping", true},
        {"filtering", true},
        {"ports", true},
        {"udp_idle", true},
        {"hairpin", false},
        {"refresh", false},
        {"udp", false},
        {"udp_answered_idle", false},
        {"tcp_idle", false},
        {"tcp_opening_idle", false},
        {"addresses", false},
        {"pooling", false},
        {"block", false},
        {"mappings", false},
        {"host_mappings", false},
        {"tcp_filtering", false},
        {"icmp_errors", false},
        {"unsolicited_syn", false},
        {"simultaneous_open", false},
    };
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    read_behaviour(r, node, type);
    read_switches(r, node, type);
    read_tcp(r, node, type);
    read_idles(r, node, type);
    read_pool(r, node, type);
    read_quotas(r, node, type);
}

void read_nats(reader *r, const doc_node *node)
{
    scenario *s = r->s;
    if (!read_names(r, node) || node->count == 0) return;
    s->nats = sim_alloc(node->count * sizeof *s->nats);
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        scenario_nat *kind = &s->nats[s->nat_count++];
        snprintf(kind->name, sizeof kind->name, "%s", n->key);
        read_type(r, n, &kind->type);
    }
}

static bool find_type(reader *r, const doc_node *node, const char *name, uint32_t *index)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    suggest_begin(&near, name);
    for (uint32_t i = 0; i < r->s->nat_count; i++) {
        if (strcmp(name, r->s->nats[i].name) == 0) {
            *index = i;
            return true;
        }
        suggest_offer(&near, r->s->nats[i].name);
    }
    read_error(r, node, "unknown nat '%.80s'%s", name, suggest_hint(&near, hint));
    return false;
}

/* "carrier" or "carrier@isp1". */
static bool read_box(reader *r, const doc_node *node, scenario_box *box)
{
    char name[2 * SCENARIO_NAME_MAX + 1];
    const char *text = read_text(r, node);
    if (text == NULL) return false;
    const char *at = strchr(text, '@');
    size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
    if (at != NULL && !is_name(at + 1)) {
        read_error(r, node, "after '@' comes the name of one box, which '%.80s' is not", at + 1);
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), text);
    box->number = SCENARIO_ANY;
    if (!find_type(r, node, name, &box->nat)) return false;
    if (at != NULL) memcpy(box->shared, at + 1, strlen(at + 1) + 1);
    return true;
}

static bool is_same_chain(const scenario_chain *a, const scenario_chain *b)
{
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->box[i].nat != b->box[i].nat) return false;
        if (strcmp(a->box[i].shared, b->box[i].shared) != 0) return false;
    }
    return true;
}

/* A box is one box only if it is of one kind and in one place, wherever it is named. */
static void check_same(reader *r, const doc_node *node, const scenario_chain *chain,
                       const shared_box *first)
{
    const scenario_box *box = &chain->box[0], *other = &first->from_here.box[0];
    if (box->nat != other->nat)
        read_error(r, node, "'%s' is a %s here and a %s on line %u", box->shared,
                   r->s->nats[box->nat].name, r->s->nats[other->nat].name, first->place.line);
    else if (!is_same_chain(chain, &first->from_here))
        read_error(r, node, "'%s' has other boxes outside it than on line %u", box->shared,
                   first->place.line);
}

/* Gives a shared box its number: the same wherever it is named. */
static void check_shared(reader *r, const doc_node *node, scenario_chain *chain, uint32_t at)
{
    shared_box use = {.place = node->place};
    scenario_box *box = &chain->box[at];
    for (uint32_t i = at; i < chain->count; i++) {
        if (chain->box[i].shared[0] == '\0') {
            read_error(r, node,
                       "'%s' is one box, so the '%s' outside it needs a name too, with '@'",
                       box->shared, r->s->nats[chain->box[i].nat].name);
            return;
        }
        use.from_here.box[use.from_here.count++] = chain->box[i];
    }
    use.name = strchr(node->text, '@') + 1;
    box->number = names_add(&r->shared_names, use.name, r->shared_count);
    if (box->number < r->shared_count) {
        check_same(r, node, &use.from_here, &r->shared[box->number]);
        return;
    }
    r->shared = sim_grow(r->shared, &r->shared_cap, r->shared_count, sizeof *r->shared);
    r->shared[r->shared_count++] = use;
}

void read_chain(reader *r, const doc_node *node, scenario_chain *chain)
{
    bool is_good = true;
    scenario_chain read = {0};
    if (!read_list(r, node)) return;
    if (node->count > SCENARIO_CHAIN_MAX) {
        read_error(r, node, "%u boxes in a row, at most %d", node->count, SCENARIO_CHAIN_MAX);
        return;
    }
    for (const doc_node *n = node->first; n != NULL; n = n->next)
        is_good &= read_box(r, n, &read.box[read.count++]);
    if (!is_good) return;
    *chain = read;
    const doc_node *n = node->first;
    for (uint32_t i = 0; i < read.count; i++, n = n->next) {
        if (read.box[i].shared[0] != '\0') check_shared(r, n, chain, i);
    }
}

/* One more host is behind chain. */
static void count_host(scenario *s, const scenario_chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        if (chain->box[i].number == SCENARIO_ANY) continue;
        scenario_shared *shared = &s->shared[chain->box[i].number];
        if (i > 0) shared->holds_boxes = true;
        else shared->hosts++;
    }
}

void read_shared(reader *r)
{
    scenario *s = r->s;
    if (r->shared_count == 0) return;
    s->shared_count = r->shared_count;
    s->shared = sim_alloc(s->shared_count * sizeof *s->shared);
    for (uint32_t i = 0; i < s->node_count; i++) count_host(s, &s->nodes[i].behind);
    for (uint32_t i = 0; i < s->event_count; i++) count_host(s, &s->events[i].chain);
    for (uint32_t i = 0; i < s->shared_count; i++) {
        const scenario_shared *shared = &s->shared[i];
        if (shared->hosts > NET_LAN_HOSTS_MAX && !shared->holds_boxes)
            diag_add(r->errors, r->shared[i].place,
                     "'%s' has %u hosts inside, its addresses are enough for %d", r->shared[i].name,
                     shared->hosts, NET_LAN_HOSTS_MAX);
    }
}
