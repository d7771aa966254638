/* sim/nat.c - what a NAT box does with a datagram (RFC 4787 sections 4, 5 and 6).
 *
 * A mapping is gone the moment its idle time is over, whether or not its memory is: every look at
 * one asks is_alive first, so when memory is reclaimed changes nothing that can be seen.
 */
#include "sim/nat.h"

#include "base/bytes.h"
#include "sim/mem.h"
#include "sim/nat_table.h"

enum {
    PORT_FIRST = 1024, /* of those that a box chooses; a preserved port may be lower */
    PORT_COUNT = 65536 - PORT_FIRST,
    RANDOM_TRIES = 32, /* draws before a random box takes the next free port */
    FILTER_MAX = 1024  /* remotes that a mapping lets in */
};

struct nat {
    nat_type type;
    pu_endpoint external; /* port 0 */
    nat_table table;
    rng ports;
    uint16_t next_port; /* sequential: tried first */
    pu_time sweep_at;   /* no mapping can be past its time before */
};

nat *nat_new(const nat_type *type, const pu_endpoint *external, const uint8_t seed[32],
             uint32_t purpose)
{
    PU_ASSERT(external->port == 0);
    PU_ASSERT(type->udp_idle_ns > 0);
    nat *n = sim_alloc(sizeof *n);
    n->type = *type;
    n->external = *external;
    rng_init(&n->ports, seed, purpose);
    if (type->ports == NAT_SEQUENTIAL) {
        n->next_port = (uint16_t)(PORT_FIRST + rng_below(&n->ports, PORT_COUNT));
    }
    return n;
}

void nat_free(nat *n)
{
    if (n == NULL) return;
    nat_table_close(&n->table);
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
    if (n->type.mapping != NAT_EIM) key.remote = remote_of(remote, n->type.mapping == NAT_APDM);
    return key;
}

static pu_endpoint outer_of(const nat *n, uint32_t index)
{
    pu_endpoint outer = n->external;
    outer.port = n->table.at[index].port;
    return outer;
}

static pu_endpoint inner_of(const nat *n, uint32_t index)
{
    const nat_remote *inner = &n->table.at[index].key.inner;
    pu_endpoint e = {.port = inner->port};
    memcpy(e.ip, inner->ip, sizeof e.ip);
    return e;
}

static bool is_alive(const nat *n, pu_time now, uint32_t index)
{
    PU_ASSERT(n->table.at[index].used <= now);
    return now - n->table.at[index].used < n->type.udp_idle_ns;
}

/* The mapping of key, or at port, if it is alive at now. */
static uint32_t live_by_key(const nat *n, pu_time now, const nat_key *key)
{
    uint32_t index = nat_table_by_key(&n->table, key);
    return index != NAT_NOWHERE && is_alive(n, now, index) ? index : NAT_NOWHERE;
}

static uint32_t live_by_port(const nat *n, pu_time now, uint16_t port)
{
    uint32_t index = nat_table_by_port(&n->table, port);
    return index != NAT_NOWHERE && is_alive(n, now, index) ? index : NAT_NOWHERE;
}

/* Removes all mappings that are over, if there can be one. */
static void sweep(nat *n, pu_time now)
{
    if (now < n->sweep_at) return;
    pu_time oldest = now;
    for (uint32_t i = n->table.count;
         i-- > 0;) { /* backwards: a removal brings a later one, seen already, to i */
        if (!is_alive(n, now, i)) {
            nat_table_remove(&n->table, i);
        } else if (n->table.at[i].used < oldest) {
            oldest = n->table.at[i].used;
        }
    }
    n->sweep_at = n->type.udp_idle_ns < PU_NEVER - oldest ? oldest + n->type.udp_idle_ns : PU_NEVER;
}

/* The first free port from `from` on, going round; 0 when all are taken. */
static uint16_t port_from(const nat *n, pu_time now, uint32_t from)
{
    uint32_t start = from < PORT_FIRST || from > UINT16_MAX ? 0 : from - PORT_FIRST;
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + (start + i) % PORT_COUNT);
        if (live_by_port(n, now, port) == NAT_NOWHERE) return port;
    }
    return 0;
}

static uint16_t port_sequential(nat *n, pu_time now)
{
    uint16_t port = port_from(n, now, n->next_port);
    if (port != 0)
        n->next_port = (uint16_t)(port + 1); /* 0 after the last: port_from starts over */
    return port;
}

static uint16_t port_random(nat *n, pu_time now)
{
    uint16_t port = 0;
    for (unsigned i = 0; i < RANDOM_TRIES; i++) {
        port = (uint16_t)(PORT_FIRST + rng_below(&n->ports, PORT_COUNT));
        if (live_by_port(n, now, port) == NAT_NOWHERE) return port;
    }
    return port_from(n, now, port);
}

/* A free external port for a mapping of inner_port; 0 when there is none. */
static uint16_t port_choose(nat *n, pu_time now, uint16_t inner_port)
{
    switch (n->type.ports) {
    case NAT_PRESERVE:
        if (live_by_port(n, now, inner_port) == NAT_NOWHERE) return inner_port;
        return port_from(n, now, (uint32_t)inner_port + 1);
    case NAT_SEQUENTIAL: return port_sequential(n, now);
    case NAT_RANDOM: return port_random(n, now);
    }
    PU_NEVER_HERE();
}

/* Makes a mapping of key; NAT_NOWHERE when no port is free. */
static uint32_t mapping_add(nat *n, pu_time now, const nat_key *key)
{
    if (n->table.count == n->table.cap) sweep(n, now);
    uint16_t port = port_choose(n, now, key->inner.port);
    if (port == 0) return NAT_NOWHERE;
    uint32_t over = nat_table_by_port(&n->table, port);
    if (over != NAT_NOWHERE) nat_table_remove(&n->table, over);
    over = nat_table_by_key(&n->table, key);
    if (over != NAT_NOWHERE) nat_table_remove(&n->table, over);
    return nat_table_add(&n->table, key, port);
}

enum nat_verdict nat_out(nat *n, pu_time now, const pu_endpoint *inner, const pu_endpoint *remote,
                         pu_endpoint *outer)
{
    PU_ASSERT(inner->port != 0);
    if (n->type.blocks_udp) return NAT_BLOCKED;
    nat_key key = key_of(n, inner, remote);
    uint32_t index = live_by_key(n, now, &key);
    if (index == NAT_NOWHERE) index = mapping_add(n, now, &key);
    if (index == NAT_NOWHERE) return NAT_NO_MAPPING;
    n->table.at[index].used = now;
    if (n->type.filtering != NAT_EIF) {
        nat_remote allowed = remote_of(remote, n->type.filtering == NAT_APDF);
        nat_table_allow(&n->table, index, &allowed, FILTER_MAX);
    }
    *outer = outer_of(n, index);
    return NAT_PASS;
}

enum nat_verdict nat_in(nat *n, pu_time now, const pu_endpoint *remote, const pu_endpoint *outer,
                        pu_endpoint *inner)
{
    PU_ASSERT(memcmp(outer->ip, n->external.ip, sizeof outer->ip) == 0);
    uint32_t index = live_by_port(n, now, outer->port);
    if (index == NAT_NOWHERE) return NAT_NO_MAPPING;
    if (n->type.filtering != NAT_EIF) {
        nat_remote asked = remote_of(remote, n->type.filtering == NAT_APDF);
        if (!nat_table_allows(&n->table, index, &asked)) return NAT_FILTERED;
    }
    if (n->type.refresh_inbound) n->table.at[index].used = now;
    *inner = inner_of(n, index);
    return NAT_PASS;
}

bool nat_lookup(const nat *n, pu_time now, const pu_endpoint *inner, const pu_endpoint *remote,
                pu_endpoint *outer)
{
    nat_key key = key_of(n, inner, remote);
    uint32_t index = live_by_key(n, now, &key);
    if (index == NAT_NOWHERE) return false;
    *outer = outer_of(n, index);
    return true;
}

bool nat_peek(const nat *n, pu_time now, const pu_endpoint *outer, pu_endpoint *inner)
{
    uint32_t index = live_by_port(n, now, outer->port);
    if (index == NAT_NOWHERE) return false;
    *inner = inner_of(n, index);
    return true;
}

const nat_type *nat_describe(const nat *n)
{
    return &n->type;
}

pu_endpoint nat_external(const nat *n)
{
    return n->external;
}

uint32_t nat_count(const nat *n, pu_time now)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->table.count; i++) {
        if (is_alive(n, now, i)) count++;
    }
    return count;
}
