/* sim/nat_ports.c - which external address and port a new mapping gets (RFC 4787 sections 4.1 and
 * 4.2; blocks: RFC 6888 REQ-14, as carriers' boxes do to keep their logs short).
 */
#include "sim/nat_impl.h"

#include "base/bytes.h"
#include "base/mix.h"
#include "sim/mem.h"

enum { RANDOM_TRIES = 32 }; /* draws before a random box takes the next free port */

/* Tells the pairing of hosts with addresses from whatever else is mixed. */
#define PAIR_TAG UINT64_C(0x70616972)

/* A range of ports at one address, of those that a box chooses from. */
typedef struct port_range {
    uint32_t address;
    uint32_t first, count;
} port_range;

static port_range range_of_address(uint32_t address)
{
    return (port_range){.address = address, .first = PORT_FIRST, .count = PORT_COUNT};
}

void nat_ports_open(nat *n)
{
    if (n->type->ports == NAT_SEQUENTIAL || n->type->ports == NAT_PARITY)
        n->next_port = (uint16_t)(PORT_FIRST + rng_below(&n->ports, PORT_COUNT));
    if (n->type->ports != NAT_BLOCK) return;
    PU_ASSERT(n->type->block_ports > 0);
    n->block_count = PORT_COUNT / n->type->block_ports * n->external_count;
    n->blocks = sim_alloc(n->block_count * sizeof *n->blocks);
}

/* ---- a port in a range ---- */

/* The first free port of every step-th from `from` on, going round; NAT_NO_PORT when all are
 * taken. `from` may be outside of the range: then from its first. */
static uint32_t port_from(const nat *n, pu_time now, port_range r, uint32_t from, uint32_t step)
{
    uint32_t start = from < r.first || from >= r.first + r.count ? from % step : from - r.first;
    for (uint32_t i = 0; i < r.count; i += step) {
        uint32_t outer = nat_outer(r.address, (uint16_t)(r.first + (start + i) % r.count));
        if (!nat_is_taken(n, now, outer)) return outer;
    }
    return NAT_NO_PORT;
}

static uint32_t port_random(nat *n, pu_time now, port_range r)
{
    uint32_t port = r.first;
    for (unsigned i = 0; i < RANDOM_TRIES; i++) {
        port = r.first + (uint32_t)rng_below(&n->ports, r.count);
        uint32_t outer = nat_outer(r.address, (uint16_t)port);
        if (!nat_is_taken(n, now, outer)) return outer;
    }
    return port_from(n, now, r, port, 1);
}

/* The next one after the last; with step 2 the next that is even or odd as like is. */
static uint32_t port_next(nat *n, pu_time now, port_range r, uint32_t step, uint16_t like)
{
    uint32_t from = n->next_port;
    if ((from - like) % step != 0) from++; /* past the last port: the range's first of that sort */
    uint32_t outer = port_from(n, now, r, from, step);
    if (outer != NAT_NO_PORT)
        n->next_port = (uint16_t)(outer + 1); /* 0 after the last: port_from starts over */
    return outer;
}

/* ---- an address ---- */

static uint32_t address_of(nat *n, const nat_remote *inner)
{
    if (n->type->is_filter) return nat_host_number(inner->ip);
    if (n->external_count == 1) return 0;
    if (n->type->pooling == NAT_ARBITRARY) return (uint32_t)rng_below(&n->ports, n->external_count);
    return (uint32_t)(mix3(PAIR_TAG, load_be64(inner->ip), load_be64(inner->ip + 8)) %
                      n->external_count);
}

/* ---- blocks ---- */

static uint32_t blocks_an_address(const nat *n)
{
    return n->block_count / n->external_count;
}

static port_range range_of_block(const nat *n, uint32_t block)
{
    return (port_range){.address = block / blocks_an_address(n),
                        .first = PORT_FIRST + block % blocks_an_address(n) * n->type->block_ports,
                        .count = n->type->block_ports};
}

/* The block that outer is in. */
static uint32_t block_at(const nat *n, uint32_t outer)
{
    uint32_t within = ((outer & UINT16_MAX) - PORT_FIRST) / n->type->block_ports;
    return (outer >> 16) * blocks_an_address(n) + within;
}

/* inner's block, or a free one from a random place on; block_count when there is none. */
static uint32_t block_of(nat *n, pu_time now, const nat_remote *inner)
{
    for (uint32_t b = 0; b < n->block_count; b++) {
        const nat_block *block = &n->blocks[b];
        if (block->until > now && memcmp(block->owner, inner->ip, sizeof block->owner) == 0)
            return b;
    }
    uint32_t start = (uint32_t)rng_below(&n->ports, n->block_count);
    for (uint32_t i = 0; i < n->block_count; i++) {
        uint32_t b = (start + i) % n->block_count;
        if (n->blocks[b].until > now) continue;
        memcpy(n->blocks[b].owner, inner->ip, sizeof n->blocks[b].owner);
        return b;
    }
    return n->block_count;
}

void nat_ports_hold(nat *n, uint32_t outer, pu_time until)
{
    if (n->blocks == NULL) return;
    nat_block *block = &n->blocks[block_at(n, outer)];
    if (block->until < until) block->until = until;
}

void nat_ports_forget(nat *n)
{
    for (uint32_t b = 0; b < n->block_count; b++) n->blocks[b] = (nat_block){0};
}

/* ---- all ---- */

uint32_t nat_ports_choose(nat *n, pu_time now, const nat_remote *inner)
{
    if (n->type->ports == NAT_BLOCK) {
        uint32_t block = block_of(n, now, inner);
        if (block == n->block_count) return NAT_NO_PORT;
        return port_random(n, now, range_of_block(n, block));
    }
    port_range all = range_of_address(address_of(n, inner));
    switch (n->type->ports) {
    case NAT_PRESERVE: {
        uint32_t same = nat_outer(all.address, inner->port);
        if (!nat_is_taken(n, now, same)) return same;
        return port_from(n, now, all, (uint32_t)inner->port + 1, 1);
    }
    case NAT_SEQUENTIAL: return port_next(n, now, all, 1, 0);
    case NAT_PARITY: return port_next(n, now, all, 2, inner->port);
    case NAT_RANDOM: return port_random(n, now, all);
    case NAT_BLOCK: break;
    }
    PU_NEVER_HERE();
}

uint32_t nat_ports_other(nat *n, pu_time now, uint32_t outer)
{
    port_range r =
        n->blocks != NULL ? range_of_block(n, block_at(n, outer)) : range_of_address(outer >> 16);
    return port_random(n, now, r);
}
