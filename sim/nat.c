/* sim/nat.c - what a NAT box does with a datagram (RFC 4787 sections 4, 5 and 6).
 *
 * A mapping is gone the moment its idle time is over, whether or not its memory is: every look at
 * one asks is_alive first, so when memory is reclaimed changes only the order of the table.
 */
#include "sim/nat_impl.h"

#include "base/ahead.h"
#include "base/bytes.h"
#include "sim/mem.h"

enum { FILTER_MAX = 1024 }; /* remotes that a mapping lets in */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The rules of one protocol. TCP's table keeps track of connections: without another word only the
 * endpoint that was called may answer. */
static void set_rules(nat *n, enum nat_protocol protocol)
{
    const nat_type *t = n->type;
    if (protocol == NAT_UDP) {
        n->filtering = t->filtering;
        n->is_blocked = t->blocks_udp;
        n->is_443 = t->is_udp_443;
        n->idle_ns = t->udp_idle_ns;
        n->answered_ns = t->udp_answered_ns != 0 ? t->udp_answered_ns : t->udp_idle_ns;
        return;
    }
    n->filtering = t->tcp_filtering != 0 ? t->tcp_filtering : NAT_APDF;
    n->answered_ns = t->tcp_idle_ns != 0 ? t->tcp_idle_ns : NAT_TCP_IDLE_NS;
    n->idle_ns =
        t->tcp_opening_ns != 0 ? t->tcp_opening_ns : least(NAT_TCP_OPENING_NS, n->answered_ns);
    n->is_blocked = t->blocks_tcp;
    n->is_443 = t->is_tcp_443;
}

uint32_t nat_addresses(const nat_type *type)
{
    return type->addresses != 0 ? type->addresses : 1;
}

nat *nat_new(const nat_type *type, enum nat_protocol protocol, const pu_endpoint *externals,
             const uint8_t seed[32], uint32_t purpose)
{
    PU_ASSERT(type->udp_idle_ns > 0);
    PU_ASSERT(type->addresses <= NAT_ADDRESSES_MAX);
    PU_ASSERT(!type->is_filter || (type->mapping == NAT_EIM && type->ports == NAT_PRESERVE &&
                                   type->hairpin == NAT_HAIRPIN_NONE && type->addresses <= 1));
    uint32_t count = nat_addresses(type);
    nat *n = sim_alloc(sizeof *n + count * sizeof n->externals[0]);
    n->type = type;
    n->external_count = count;
    for (uint32_t i = 0; i < n->external_count; i++) {
        PU_ASSERT(externals[i].port == 0);
        n->externals[i] = externals[i];
    }
    set_rules(n, protocol);
    rng_init(&n->ports, seed, purpose);
    nat_ports_open(n);
    return n;
}

void nat_free(nat *n)
{
    if (n == NULL) return;
    nat_table_close(&n->table);
    free(n->blocks);
    free(n);
}

static nat_remote remote_of(const pu_endpoint *e, bool with_port)
{
    nat_remote r = {.port = with_port ? e->port : 0};
    memcpy(r.ip, e->ip, sizeof r.ip);
    return r;
}

/* What names the mapping of a datagram from inner to remote: as much of remote as this box looks
 * at. */
static nat_key key_of(const nat *n, const pu_endpoint *inner, const pu_endpoint *remote)
{
    nat_key key = {.inner = remote_of(inner, true)};
    if (n->type->mapping != NAT_EIM) key.remote = remote_of(remote, n->type->mapping == NAT_APDM);
    return key;
}

/* The inner endpoint of the mapping at index. Written field by field, here and below: a processor
 * waits when what it reads at once was just written in parts. */
static void inner_to(const nat *n, uint32_t index, pu_endpoint *inner)
{
    const nat_remote *from = &n->table.at[index].key.inner;
    memcpy(inner->ip, from->ip, sizeof inner->ip);
    inner->scope = 0;
    inner->port = from->port;
}

/* Its outer one. */
static void outer_to(const nat *n, uint32_t index, pu_endpoint *outer)
{
    if (n->type->is_filter) {
        inner_to(n, index, outer);
        return;
    }
    uint32_t word = n->table.at[index].outer;
    memcpy(outer->ip, n->externals[word >> 16].ip, sizeof outer->ip);
    outer->scope = 0;
    outer->port = (uint16_t)word;
}

static uint16_t outer_port(const nat *n, uint32_t index)
{
    return n->type->is_filter ? n->table.at[index].key.inner.port
                              : (uint16_t)n->table.at[index].outer;
}

/* When the mapping at index ends if nothing refreshes it. */
static pu_time end_of(const nat *n, uint32_t index)
{
    const nat_mapping_entry *m = &n->table.at[index];
    if (m->is_asked) return m->held_until;
    uint64_t idle_ns = m->is_answered ? n->answered_ns : n->idle_ns;
    pu_time end = idle_ns < PU_NEVER - m->used ? m->used + idle_ns : PU_NEVER;
    return end > m->held_until ? end : m->held_until;
}

static bool is_alive(const nat *n, pu_time now, uint32_t index)
{
    PU_ASSERT(n->table.at[index].used <= now);
    return now < end_of(n, index);
}

/* The mapping of key, or at port, if it is alive at now. */
static uint32_t live_by_key(const nat *n, pu_time now, const nat_key *key)
{
    uint32_t index = nat_table_by_key(&n->table, key);
    return index != NAT_NOWHERE && is_alive(n, now, index) ? index : NAT_NOWHERE;
}

static uint32_t live_by_outer(const nat *n, pu_time now, uint32_t outer)
{
    uint32_t index = nat_table_by_outer(&n->table, outer);
    return index != NAT_NOWHERE && is_alive(n, now, index) ? index : NAT_NOWHERE;
}

bool nat_is_taken(const nat *n, pu_time now, uint32_t outer)
{
    return live_by_outer(n, now, outer) != NAT_NOWHERE;
}

/* Which of its addresses ip is, or, of a filter, which of the hosts inside; NAT_NOWHERE: none. */
static uint32_t address_index(const nat *n, const uint8_t ip[16])
{
    if (n->type->is_filter)
        return memcmp(n->externals[0].ip, ip, NAT_NET_BYTES) == 0 ? nat_host_number(ip)
                                                                  : NAT_NOWHERE;
    for (uint32_t i = 0; i < n->external_count; i++)
        if (memcmp(n->externals[i].ip, ip, sizeof n->externals[i].ip) == 0) return i;
    return NAT_NOWHERE;
}

/* The mapping that a datagram to outer finds. */
static uint32_t live_at(const nat *n, pu_time now, const pu_endpoint *outer)
{
    uint32_t address = address_index(n, outer->ip);
    if (address == NAT_NOWHERE) {
        PU_ASSERT(n->type->is_filter); /* nobody has that address of the many in its network */
        return NAT_NOWHERE;
    }
    return live_by_outer(n, now, nat_outer(address, outer->port));
}

/* Removes all mappings that are over, if there can be one. */
static void sweep(nat *n, pu_time now)
{
    if (now < n->sweep_at) return;
    n->sweep_at = PU_NEVER;
    for (uint32_t i = n->table.count;
         i-- > 0;) { /* backwards: a removal brings a later one, seen already, to i */
        if (is_alive(n, now, i)) n->sweep_at = least(n->sweep_at, end_of(n, i));
        else nat_table_remove(&n->table, i);
    }
}

/* Mappings of one inner host alive at now. */
static uint32_t count_of_host(const nat *n, pu_time now, const nat_remote *inner)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->table.count; i++) {
        const nat_remote *who = &n->table.at[i].key.inner;
        if (memcmp(who->ip, inner->ip, sizeof who->ip) == 0 && is_alive(n, now, i)) count++;
    }
    return count;
}

/* Whether the box's quotas leave room for one more mapping of inner. */
static bool is_room(const nat *n, pu_time now, const nat_remote *inner)
{
    uint32_t most = n->type->mappings_max, host_most = n->type->host_mappings_max;
    if (most != 0 && n->table.count >= most && nat_count(n, now) >= most) return false;
    return host_most == 0 || n->table.count < host_most || count_of_host(n, now, inner) < host_most;
}

/* The outer endpoint of a mapping whose host wants that port, or any other. */
static uint32_t outer_wanted(const nat *n, pu_time now, uint32_t chosen, uint16_t port)
{
    uint32_t wanted = nat_outer(chosen >> 16, port);
    bool is_free = port != 0 && n->type->ports != NAT_BLOCK && !nat_is_taken(n, now, wanted);
    return is_free ? wanted : chosen;
}

/* Makes a mapping of key, at that port if it can be; NAT_NOWHERE when there is no port or no room.
 */
static uint32_t mapping_add(nat *n, pu_time now, const nat_key *key, uint16_t port)
{
    if (n->table.count == n->table.cap && n->table.count > 1) sweep(n, now);
    if (!is_room(n, now, &key->inner)) return NAT_NOWHERE;
    uint32_t outer = nat_ports_choose(n, now, &key->inner);
    if (outer == NAT_NO_PORT) return NAT_NOWHERE;
    outer = outer_wanted(n, now, outer, port);
    uint32_t over = nat_table_by_outer(&n->table, outer);
    if (over != NAT_NOWHERE) nat_table_remove(&n->table, over);
    over = nat_table_by_key(&n->table, key);
    if (over != NAT_NOWHERE) nat_table_remove(&n->table, over);
    n->sweep_at = least(n->sweep_at, now + n->idle_ns);
    return nat_table_add(&n->table, key, outer);
}

/* Whether the key is that of a mapping which its host asked for beside another one: the port that
 * was asked for makes it one of its own. */
static bool is_forward(const nat_key *key)
{
    static const uint8_t nobody[16];
    return key->remote.port != 0 && memcmp(key->remote.ip, nobody, sizeof nobody) == 0;
}

/* The forward by which remote came in to inner. */
static uint32_t find_forward(const nat *n, pu_time now, const nat_remote *inner,
                             const nat_remote *who)
{
    for (uint32_t i = 0; i < n->table.count; i++) {
        const nat_key *key = &n->table.at[i].key;
        if (!is_forward(key) || memcmp(&key->inner, inner, sizeof *inner) != 0) continue;
        if (is_alive(n, now, i) && nat_table_allows(&n->table, i, who)) return i;
    }
    return NAT_NOWHERE;
}

/* The mapping by which what key names goes out. Who came in by one that its host asked for is
 * answered by the same, whatever the box's way of mapping. */
static uint32_t find_out(const nat *n, pu_time now, const nat_key *key, const pu_endpoint *remote)
{
    if (n->has_forwards) {
        nat_remote who = remote_of(remote, true);
        uint32_t index = find_forward(n, now, &key->inner, &who);
        if (index != NAT_NOWHERE) return index;
    }
    if (n->has_held && n->type->mapping != NAT_EIM) {
        nat_key asked = {.inner = key->inner};
        nat_remote who = remote_of(remote, true);
        uint32_t index = live_by_key(n, now, &asked);
        if (index != NAT_NOWHERE && nat_table_allows(&n->table, index, &who)) return index;
    }
    return live_by_key(n, now, key);
}

enum nat_verdict nat_map(nat *n, pu_time now, const pu_endpoint *inner, uint16_t external_port,
                         bool is_strict, pu_time until, pu_endpoint *outer)
{
    nat_key key = {.inner = remote_of(inner, true)};
    if (n->is_blocked) return NAT_BLOCKED;
    uint32_t index = live_by_key(n, now, &key);
    if (index != NAT_NOWHERE) {
        if (is_strict && outer_port(n, index) != external_port) return NAT_FILTERED;
    } else {
        index = mapping_add(n, now, &key, external_port);
        if (index == NAT_NOWHERE) return NAT_NO_MAPPING;
        if (is_strict && outer_port(n, index) != external_port) {
            nat_table_remove(&n->table, index);
            return NAT_FILTERED;
        }
        n->table.at[index].used = now;
        n->table.at[index].is_asked = true;
    }
    n->has_held = true;
    n->table.at[index].held_until = until;
    n->sweep_at = least(n->sweep_at, until);
    nat_ports_hold(n, n->table.at[index].outer, end_of(n, index));
    outer_to(n, index, outer);
    return NAT_PASS;
}

void nat_unmap(nat *n, const pu_endpoint *inner)
{
    nat_key key = {.inner = remote_of(inner, true)};
    uint32_t index = nat_table_by_key(&n->table, &key);
    if (index == NAT_NOWHERE) return;
    n->table.at[index].held_until = 0;
    if (n->table.at[index].is_asked) nat_table_remove(&n->table, index);
}

void nat_unmap_host(nat *n, const pu_endpoint *host)
{
    for (uint32_t i = 0; i < n->table.count;) {
        nat_mapping_entry *m = &n->table.at[i];
        bool is_its = memcmp(m->key.inner.ip, host->ip, sizeof host->ip) == 0;
        if (is_its) m->held_until = 0;
        if (is_its && m->is_asked) nat_table_remove(&n->table, i); /* another comes to its place */
        else i++;
    }
}

/* Where a forward to that port is, alive or not. */
static uint32_t forward_at(const nat *n, uint16_t external_port)
{
    return nat_table_by_outer(&n->table, nat_outer(0, external_port));
}

/* Whether the mapping at index is what another port of the same host has asked for: it gets what
 * the host asks for last. */
static bool is_replaced(const nat *n, pu_time now, uint32_t index, const nat_remote *inner)
{
    const nat_mapping_entry *m = &n->table.at[index];
    return m->held_until > now && m->key.inner.port != inner->port &&
           memcmp(m->key.inner.ip, inner->ip, sizeof inner->ip) == 0;
}

enum nat_verdict nat_forward(nat *n, pu_time now, const pu_endpoint *inner, bool is_any,
                             pu_time until, uint16_t *external_port)
{
    nat_key key = {.inner = remote_of(inner, true)};
    uint32_t index = live_by_outer(n, now, nat_outer(0, *external_port));
    PU_ASSERT(n->type->ports != NAT_BLOCK && n->external_count == 1);
    PU_ASSERT(*external_port != 0);
    if (n->is_blocked) return NAT_BLOCKED;
    if (index != NAT_NOWHERE && is_replaced(n, now, index, &key.inner)) {
        nat_table_remove(&n->table, index);
        index = NAT_NOWHERE;
    }
    bool is_own = index != NAT_NOWHERE &&
                  memcmp(&n->table.at[index].key.inner, &key.inner, sizeof key.inner) == 0;
    if (index != NAT_NOWHERE && !is_own) {
        if (!is_any) return NAT_FILTERED;
        uint32_t other = nat_ports_choose(n, now, &key.inner);
        if (other == NAT_NO_PORT) return NAT_NO_MAPPING;
        *external_port = (uint16_t)other;
    }
    if (!is_own) {
        bool has_one = live_by_key(n, now, &key) != NAT_NOWHERE;
        if (has_one) key.remote.port = *external_port;
        index = mapping_add(n, now, &key, *external_port);
        if (index == NAT_NOWHERE) return NAT_NO_MAPPING;
        PU_ASSERT(n->table.at[index].outer == nat_outer(0, *external_port));
        n->table.at[index].used = now;
        n->table.at[index].is_asked = true;
        n->has_forwards |= has_one;
    }
    n->has_held = true;
    n->table.at[index].held_until = until;
    n->sweep_at = least(n->sweep_at, until);
    return NAT_PASS;
}

bool nat_forwarded(const nat *n, pu_time now, uint16_t external_port, pu_endpoint *inner,
                   pu_time *until)
{
    uint32_t index = forward_at(n, external_port);
    if (index == NAT_NOWHERE || n->table.at[index].held_until <= now) return false;
    inner_to(n, index, inner);
    *until = n->table.at[index].held_until;
    return true;
}

void nat_unforward(nat *n, uint16_t external_port)
{
    uint32_t index = forward_at(n, external_port);
    PU_ASSERT(index != NAT_NOWHERE);
    nat_mapping_entry *m = &n->table.at[index];
    m->held_until = 0;
    if (m->is_asked) nat_table_remove(&n->table, index);
}

bool nat_is_held(const nat *n, pu_time now, const pu_endpoint *outer)
{
    uint32_t index = live_at(n, now, outer);
    return index != NAT_NOWHERE && n->table.at[index].held_until > now;
}

enum nat_verdict nat_out(nat *n, pu_time now, const pu_endpoint *inner, const pu_endpoint *remote,
                         pu_endpoint *outer)
{
    PU_ASSERT(inner->port != 0);
    if (n->is_blocked || (n->is_443 && remote->port != NAT_PORT_HTTPS)) return NAT_BLOCKED;
    nat_key key = key_of(n, inner, remote);
    uint32_t index = find_out(n, now, &key, remote);
    if (index == NAT_NOWHERE) index = mapping_add(n, now, &key, 0);
    if (index == NAT_NOWHERE) return NAT_NO_MAPPING;
    n->table.at[index].used = now;
    n->table.at[index].is_asked = false;
    nat_ports_hold(n, n->table.at[index].outer, end_of(n, index));
    if (n->filtering != NAT_EIF) {
        nat_remote allowed = remote_of(remote, n->filtering == NAT_APDF);
        nat_table_allow(&n->table, index, &allowed, FILTER_MAX);
    }
    outer_to(n, index, outer);
    return NAT_PASS;
}

/* The mapping that lets in what comes from remote to outer. */
static enum nat_verdict find_in(const nat *n, pu_time now, const pu_endpoint *remote,
                                const pu_endpoint *outer, uint32_t *index)
{
    *index = live_at(n, now, outer);
    if (*index == NAT_NOWHERE) return NAT_NO_MAPPING;
    if (n->filtering == NAT_EIF) return NAT_PASS;
    nat_remote asked = remote_of(remote, n->filtering == NAT_APDF);
    if (nat_table_allows(&n->table, *index, &asked)) return NAT_PASS;
    return n->table.at[*index].held_until > now ? NAT_PASS : NAT_FILTERED;
}

enum nat_verdict nat_in_quietly(const nat *n, pu_time now, const pu_endpoint *remote,
                                const pu_endpoint *outer, pu_endpoint *inner)
{
    uint32_t index;
    enum nat_verdict verdict = find_in(n, now, remote, outer, &index);
    if (verdict == NAT_PASS) inner_to(n, index, inner);
    return verdict;
}

enum nat_verdict nat_in(nat *n, pu_time now, const pu_endpoint *remote, const pu_endpoint *outer,
                        pu_endpoint *inner)
{
    uint32_t index;
    enum nat_verdict verdict = find_in(n, now, remote, outer, &index);
    if (verdict != NAT_PASS) return verdict;
    nat_mapping_entry *m = &n->table.at[index];
    m->is_answered = true;
    if (m->held_until > now && (n->type->mapping != NAT_EIM || is_forward(&m->key))) {
        nat_remote who = remote_of(remote, true);
        nat_table_allow(&n->table, index, &who, FILTER_MAX);
    }
    if (n->type->refresh_inbound) m->used = now;
    nat_ports_hold(n, m->outer, end_of(n, index));
    inner_to(n, index, inner);
    return NAT_PASS;
}

bool nat_lookup(const nat *n, pu_time now, const pu_endpoint *inner, const pu_endpoint *remote,
                pu_endpoint *outer)
{
    nat_key key = key_of(n, inner, remote);
    uint32_t index = find_out(n, now, &key, remote);
    if (index == NAT_NOWHERE) return false;
    outer_to(n, index, outer);
    return true;
}

bool nat_peek(const nat *n, pu_time now, const pu_endpoint *outer, pu_endpoint *inner)
{
    uint32_t index = live_at(n, now, outer);
    if (index == NAT_NOWHERE) return false;
    inner_to(n, index, inner);
    return true;
}

void nat_reboot(nat *n)
{
    nat_table_close(&n->table);
    nat_ports_forget(n);
}

void nat_rebind(nat *n, pu_time now)
{
    PU_ASSERT(!n->type->is_filter);
    n->sweep_at = 0;
    sweep(n, now);
    for (uint32_t i = 0; i < n->table.count; i++) {
        uint32_t outer = nat_ports_other(n, now, n->table.at[i].outer);
        if (outer != NAT_NO_PORT) nat_table_move(&n->table, i, outer);
    }
}

void nat_soon(const nat *n)
{
    const uint8_t *from = (const uint8_t *)&n->type;
    ahead_many(from, sizeof *n - offsetof(nat, type) + sizeof n->externals[0]);
}

const nat_type *nat_describe(const nat *n)
{
    return n->type;
}

pu_endpoint nat_external(const nat *n)
{
    return n->externals[0];
}

bool nat_owns(const nat *n, const uint8_t ip[16])
{
    return address_index(n, ip) != NAT_NOWHERE;
}

uint32_t nat_count(const nat *n, pu_time now)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->table.count; i++) {
        if (is_alive(n, now, i)) count++;
    }
    return count;
}
