/* sim/nat_probe.h - finds out from inside what kind of NAT one is behind (RFC 5780 section 4), and
 * how it chooses ports. A machine: it says what to send, and is told what came.
 *
 * It needs a server with two addresses and two ports. Each question has a socket on which nothing
 * else was asked that could answer it; a question is asked again three times, and silence counts as
 * an answer then: that is how a filter answers.
 */
#ifndef SIM_NAT_PROBE_H
#define SIM_NAT_PROBE_H

#include "base/rng.h"
#include "sim/nat.h"
#include "sim/stun.h"

enum {
    NAT_PROBE_PORTS = 20,                   /* sockets by which the choice of ports is seen */
    NAT_PROBE_SOCKETS = 2 + NAT_PROBE_PORTS /* mapping, filtering, then those */
};

typedef struct nat_probe {
    pu_endpoint server, other; /* other: told by the server */
    const uint16_t *locals;    /* ports of the sockets; kept */
    rng ids;
    unsigned question, tries;
    bool is_over;
    pu_time again_at; /* the question under way is asked again, or given up */
    uint8_t id[STUN_ID_BYTES];
    pu_endpoint seen[3]; /* by the server's endpoints, on the first socket */
    uint16_t outer[NAT_PROBE_PORTS];
    /* What was found; mapping 0: nothing answered at all. */
    enum nat_mapping mapping;
    enum nat_filtering filtering;
    enum nat_ports ports; /* 0: the port of some socket did not come to light */
} nat_probe;

/* What is to be sent. */
typedef struct nat_probe_packet {
    uint32_t socket; /* index */
    pu_endpoint to;
    size_t len;
    uint8_t bytes[STUN_MAX];
} nat_probe_packet;

/* Begins. locals: NAT_PROBE_SOCKETS ports; seed: 32 bytes, for the transaction ids. */
void nat_probe_start(nat_probe *p, const pu_endpoint *server, const uint16_t *locals,
                     const uint8_t seed[32]);

/* What to send at now. False: nothing before p->again_at, or p->is_over. */
bool nat_probe_next(nat_probe *p, pu_time now, nat_probe_packet *packet);

/* A datagram has come to a socket. What is no answer to the question under way is passed over. */
void nat_probe_got(nat_probe *p, uint32_t socket, pu_span bytes);

#endif
