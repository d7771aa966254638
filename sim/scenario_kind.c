/* sim/scenario_kind.c - a kind of boxes, `nats.NAME` or `firewalls.NAME`: what it does, and which
 * combinations no box can have.
 */
#include "sim/scenario_impl.h"

enum { DEFAULT_BLOCK_PORTS = 512, TUNNEL_MTU_LEAST = 1280, TUNNEL_MTU_MOST = 9000 };

/* How words of sim/nat.h are chosen from: by their number, from 1. */
enum { WORDS_MAX = 5 };

/* What the other keys of a kind change. */
static void read_profile(reader *r, const doc_node *node, nat_type *type)
{
    const char *words[NAT_PROFILES_MAX];
    uint32_t count = 0, word;
    for (const nat_profile *p; (p = nat_profile_at(count)) != NULL;) words[count++] = p->name;
    if (read_word(r, node, words, count, &word)) *type = nat_profile_at(word)->type;
}

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

/* What of a protocol gets out. */
static void read_wall(reader *r, const doc_node *node, bool *blocks, bool *is_443)
{
    static const char *const words[] = {"allowed", "blocked", "port_443"};
    uint32_t word;
    if (!read_word(r, node, words, 3, &word)) return;
    *blocks = word == 1;
    *is_443 = word == 2;
}

static void read_tunnel_mtu(reader *r, const doc_node *node, nat_type *type)
{
    if (!read_u32(r, node, QUANTITY_COUNT, TUNNEL_MTU_MOST, &type->tunnel_mtu)) return;
    if (type->tunnel_ns == 0) read_error(r, node, "there is no 'tunnel'");
    else if (type->tunnel_mtu < TUNNEL_MTU_LEAST)
        read_error(r, node, "%d at least, which any path of IPv6 carries", TUNNEL_MTU_LEAST);
}

static void read_switches(reader *r, const doc_node *node, nat_type *type)
{
    static const char *const refresh_words[] = {"outbound", "both"};
    static const char *const hairpin_words[] = {"false", "true", "external", "internal"};
    static const enum nat_hairpin hairpins[] = {NAT_HAIRPIN_NONE, NAT_HAIRPIN_EXTERNAL,
                                                NAT_HAIRPIN_EXTERNAL, NAT_HAIRPIN_INTERNAL};
    static const char *const link_words[] = {"shared", "own"};
    const doc_node *tunnel = doc_get(node, "tunnel");
    uint32_t word;
    if (read_word(r, doc_get(node, "links"), link_words, 2, &word)) {
        type->shares_links = word == 0;
        type->own_links = word == 1;
    }
    if (read_word(r, doc_get(node, "hairpin"), hairpin_words, 4, &word))
        type->hairpin = hairpins[word];
    if (read_word(r, doc_get(node, "refresh"), refresh_words, 2, &word))
        type->refresh_inbound = word == 1;
    read_wall(r, doc_get(node, "udp"), &type->blocks_udp, &type->is_udp_443);
    read_wall(r, doc_get(node, "tcp"), &type->blocks_tcp, &type->is_tcp_443);
    if (read_delay(r, tunnel, &type->tunnel_ns) && type->tunnel_ns == 0)
        read_error(r, tunnel, "a tunnel has a length; without the key there is none");
    read_tunnel_mtu(r, doc_get(node, "tunnel_mtu"), type);
    if (type->tunnel_ns > 0 && type->shares_links)
        read_error(r, doc_get(node, "links"), "nobody's access link is at the far end of a tunnel");
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
    if (type->udp_answered_ns != 0 && type->udp_answered_ns < type->udp_idle_ns)
        read_error(r, answered != NULL ? answered : doc_get(node, "udp_idle"),
                   "an answer would shorten the life of a mapping: it is less than udp_idle");
    uint64_t tcp_idle_ns = type->tcp_idle_ns != 0 ? type->tcp_idle_ns : NAT_TCP_IDLE_NS;
    if (type->tcp_opening_ns > tcp_idle_ns)
        read_error(r, opening != NULL ? opening : doc_get(node, "tcp_idle"),
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
    if (type->ports != NAT_BLOCK) type->block_ports = 0;
    else if (type->block_ports == 0) type->block_ports = DEFAULT_BLOCK_PORTS;
    if (type->ports != 0 && type->ports != NAT_BLOCK && block != NULL)
        read_error(r, block, "only a box with 'ports: block' has blocks");
    read_some(r, block, NAT_BLOCK_PORTS_MIN, NAT_BLOCK_PORTS_MAX, &type->block_ports);
}

/* How many ports of one of its addresses a box can use. */
static uint32_t ports_of(const nat_type *type)
{
    if (type->ports == NAT_PRESERVE) return NAT_PORTS_ALL;
    if (type->block_ports == 0) return NAT_PORTS_CHOSEN;
    return NAT_PORTS_CHOSEN / type->block_ports * type->block_ports;
}

/* Every mapping has a port of its own: complains of a quota above what so many addresses have. */
static bool is_beyond(reader *r, const doc_node *node, const nat_type *type, uint32_t quota,
                      uint32_t addresses)
{
    uint32_t most = ports_of(type) * addresses;
    if (node == NULL || quota <= most) return false;
    read_error(r, node, "%u address%s ha%s %u ports, and each mapping takes one", addresses,
               addresses == 1 ? "" : "es", addresses == 1 ? "s" : "ve", most);
    return true;
}

static void read_quotas(reader *r, const doc_node *node, nat_type *type)
{
    const doc_node *all = doc_get(node, "mappings"), *host = doc_get(node, "host_mappings");
    uint32_t addresses = nat_addresses(type);
    read_some(r, all, 1, UINT32_MAX, &type->mappings_max);
    read_some(r, host, 1, UINT32_MAX, &type->host_mappings_max);
    is_beyond(r, all, type, type->mappings_max, addresses);
    if (type->pooling != NAT_ARBITRARY) addresses = 1; /* of one host */
    if (is_beyond(r, host, type, type->host_mappings_max, addresses)) return;
    if (type->mappings_max != 0 && type->host_mappings_max > type->mappings_max)
        read_error(r, host, "one host may not have more than all: 'mappings' is %u",
                   type->mappings_max);
    if (type->ports == NAT_BLOCK && type->host_mappings_max > type->block_ports)
        read_error(r, host, "a block has %u ports, and a host no more", type->block_ports);
}

/* What no box can do that speaks UPnP. */
static void check_upnp(reader *r, const doc_node *list, const nat_type *type)
{
    if ((type->gateway & NAT_GATEWAY_IGD) == NAT_GATEWAY_IGD)
        read_error(r, list, "a gateway has one version of UPnP: 'upnp2' takes words of the first");
    if (nat_addresses(type) > 1)
        read_error(r, list,
                   "by UPnP a gateway names its external address, and there are %u of them",
                   nat_addresses(type));
    if (type->ports == NAT_BLOCK)
        read_error(r, list,
                   "by UPnP a host chooses its port, which it may not where ports are blocks");
}

/* `[nat_pmp, pcp, upnp]`, each once. */
static void read_protocols(reader *r, const doc_node *list, nat_type *type)
{
    static const char *const words[] = {"nat_pmp", "pcp", "upnp", "upnp2"};
    uint8_t said = 0;
    uint32_t word;
    if (!read_list(r, list)) return;
    for (const doc_node *n = list->first; n != NULL; n = n->next) {
        if (!read_word(r, n, words, 4, &word)) continue;
        if ((said >> word & 1) != 0) read_error(r, n, "'%s' is there twice", words[word]);
        said |= (uint8_t)(1u << word);
    }
    if (list->count == 0) read_error(r, list, "it says nothing: leave the key out");
    type->gateway |= said;
}

/* `gateway`, and how it answers. */
static void read_gateway(reader *r, const doc_node *node, nat_type *type)
{
    static const char *const manners[] = {"honest",     "idle",    "private", "wrong",
                                          "short",      "refuses", "slow",    "permanent",
                                          "same_ports", "garbage", "endless", "redirects"};
    const doc_node *list = doc_get(node, "gateway"), *manner = doc_get(node, "gateway_manner");
    uint32_t word;
    if (list != NULL) read_protocols(r, list, type);
    bool has_upnp = (type->gateway & NAT_GATEWAY_IGD) != 0;
    if (has_upnp) check_upnp(r, list, type);
    if (read_word(r, manner, manners, 12, &word)) type->manner = (enum nat_manner)word;
    if (list != NULL && !has_upnp && (uint32_t)type->manner >= NAT_MANNER_UPNP)
        read_error(r, manner, "'%s' is a manner of UPnP, which it does not speak",
                   manners[type->manner]);
    if (manner != NULL && list == NULL)
        read_error(r, manner, "only a box with 'gateway' answers in a manner");
    if (list != NULL && type->tunnel_ns > 0)
        read_error(r, list, "it is at the far end of a tunnel: no host is beside it");
}

/* Complains of keys that are about what does not pass. */
static void check_needless(reader *r, const doc_node *node, const char *protocol,
                           const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const doc_node *key = doc_get(node, keys[i]);
        if (key != NULL)
            read_error(r, key, "no %s gets out, so nothing is let in either", protocol);
    }
}

static void check_walls(reader *r, const doc_node *node, const nat_type *type)
{
    static const char *const udp_keys[] = {"udp_answered_idle"};
    static const char *const tcp_keys[] = {"tcp_idle", "tcp_opening_idle", "tcp_filtering",
                                           "simultaneous_open"};
    const doc_node *udp = doc_get(node, "udp"), *tcp = doc_get(node, "tcp");
    if (type->blocks_udp && type->blocks_tcp)
        read_error(r, tcp != NULL ? tcp : udp,
                   "neither UDP nor TCP gets out: such a box is a wall");
    else if (type->blocks_tcp) check_needless(r, node, "TCP", tcp_keys, 4);
    else if (type->blocks_udp && udp != NULL) check_needless(r, node, "UDP", udp_keys, 1);
}

void read_nat_kind(reader *r, const doc_node *node, nat_type *type)
{
    const bool required = doc_get(node, "profile") == NULL;
    const key_rule rules[] = {
        {"profile", false},
        {"mapping", required},
        {"filtering", required},
        {"ports", required},
        {"udp_idle", required},
        {"udp_answered_idle", false},
        {"refresh", false},
        {"hairpin", false},
        {"addresses", false},
        {"pooling", false},
        {"block", false},
        {"mappings", false},
        {"host_mappings", false},
        {"udp", false},
        {"tcp", false},
        {"tcp_idle", false},
        {"tcp_filtering", false},
        {"tcp_opening_idle", false},
        {"icmp_errors", false},
        {"unsolicited_syn", false},
        {"tunnel", false},
        {"tunnel_mtu", false},
        {"gateway", false},
        {"gateway_manner", false},
        {"simultaneous_open", false},
        {"links", false},
    };
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    read_profile(r, doc_get(node, "profile"), type);
    read_behaviour(r, node, type);
    read_switches(r, node, type);
    read_tcp(r, node, type);
    read_idles(r, node, type);
    read_pool(r, node, type);
    read_quotas(r, node, type);
    read_gateway(r, node, type);
    check_walls(r, node, type);
}

/* Complains of what RFC 6092 forbids. */
static void check_rfc6092(reader *r, const doc_node *node, const nat_type *type)
{
    const struct {
        const char *key;
        bool is_broken;
        const char *rule;
    } rules[] = {
        {"udp_idle", type->udp_idle_ns < NAT_FIREWALL_UDP_NS, "two minutes at least (REC-14)"},
        {"tcp_idle", type->tcp_idle_ns != 0 && type->tcp_idle_ns < NAT_FIREWALL_TCP_NS,
         "124 minutes at least (REC-35)"},
        {"tcp_opening_idle",
         type->tcp_opening_ns != 0 && type->tcp_opening_ns < NAT_FIREWALL_OPENING_NS,
         "four minutes at least (REC-35)"},
        {"icmp_errors", type->swallows_errors, "errors of what is let out come in (REC-18, 36)"},
        {"simultaneous_open", type->no_crossing, "both ways of opening are let through (REC-31)"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].is_broken && doc_get(node, rules[i].key) != NULL)
            read_error(r, doc_get(node, rules[i].key),
                       "RFC 6092: %s; 'rfc6092: false' allows it all the same", rules[i].rule);
}

void read_firewall_kind(reader *r, const doc_node *node, nat_type *type)
{
    static const key_rule rules[] = {
        {"filtering", true},
        {"udp_idle", false},
        {"udp_answered_idle", false},
        {"refresh", false},
        {"udp", false},
        {"tcp", false},
        {"tcp_filtering", false},
        {"tcp_idle", false},
        {"tcp_opening_idle", false},
        {"icmp_errors", false},
        {"unsolicited_syn", false},
        {"unsolicited_udp", false},
        {"simultaneous_open", false},
        {"rfc6092", false},
        {"links", false},
    };
    static const char *const udp_words[] = {"drop", "refuse"};
    uint32_t word;
    bool conforms = true;
    *type = nat_firewall;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    read_behaviour(r, node, type);
    read_switches(r, node, type);
    read_tcp(r, node, type);
    read_idles(r, node, type);
    if (read_word(r, doc_get(node, "unsolicited_udp"), udp_words, 2, &word))
        type->refuses_udp = word == 1;
    check_walls(r, node, type);
    read_switch(r, doc_get(node, "rfc6092"), &conforms);
    if (conforms) check_rfc6092(r, node, type);
}
