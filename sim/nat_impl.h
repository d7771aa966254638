/* sim/nat_impl.h - what the parts of a NAT box share: nat.c (datagrams, time), nat_ports.c (which
 * outer endpoint a new mapping gets).
 */
#ifndef SIM_NAT_IMPL_H
#define SIM_NAT_IMPL_H

#include "sim/nat.h"
#include "sim/nat_table.h"

enum {
    PORT_FIRST = 1024, /* of those that a box chooses; a preserved port may be lower */
    PORT_COUNT = NAT_PORTS_CHOSEN
};

/* Of a filter: bytes that the addresses of its network have in common; what tells one host of it
 * from the others. */
enum { NAT_NET_BYTES = 14 };

static inline uint32_t nat_host_number(const uint8_t ip[16])
{
    return (uint32_t)ip[14] << 8 | ip[15];
}

/* A contiguous range of ports: whose it is, and until when if nothing refreshes its mappings. */
typedef struct nat_block {
    uint8_t owner[16]; /* inner address */
    pu_time until;
} nat_block;

struct nat {
    rng ports;
    uint16_t next_port; /* sequential, parity: tried first */
    uint32_t block_count;
    nat_block *blocks; /* owned; those of the first address, then those of the next; NULL unless
                          NAT_BLOCK */
    pu_time sweep_at;  /* no mapping can be past its time before, but one that was given back */
    /* From here on what every datagram reads. */
    const nat_type *type;
    uint64_t idle_ns, answered_ns; /* of this table's protocol */
    enum nat_filtering filtering;
    bool is_blocked, is_443; /* all that would go out; all but what goes to NAT_PORT_HTTPS */
    bool has_held;           /* some host has asked for a mapping */
    bool has_forwards;       /* some host has asked for one beside another that it had */
    uint32_t external_count;
    nat_table table;
    pu_endpoint externals[]; /* external_count of them; ports 0 */
};

/* Whether a mapping alive at now has that outer endpoint. */
bool nat_is_taken(const nat *n, pu_time now, uint32_t outer);

/* ---- nat_ports.c ---- */

#define NAT_NO_PORT UINT32_MAX

/* Readies what the choice of ports needs. */
void nat_ports_open(nat *n);

/* A free outer endpoint for a mapping of inner; NAT_NO_PORT when there is none. */
uint32_t nat_ports_choose(nat *n, pu_time now, const nat_remote *inner);

/* Another free one for a mapping that is at outer, drawn at random; NAT_NO_PORT when there is
 * none. */
uint32_t nat_ports_other(nat *n, pu_time now, uint32_t outer);

/* The mapping at outer will live until then if nothing refreshes it. */
void nat_ports_hold(nat *n, uint32_t outer, pu_time until);

/* All mappings are gone. */
void nat_ports_forget(nat *n);

#endif
