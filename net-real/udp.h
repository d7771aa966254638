/* net-real/udp.h - one UDP port, IPv4 and IPv6: bursts in by recvmmsg and GRO, bursts out by GSO
 * (udp(7), UDP_SEGMENT, UDP_GRO).
 */
#ifndef NET_REAL_UDP_H
#define NET_REAL_UDP_H

#include "net-real/loop.h"

/* One burst of datagrams from one remote. */
typedef struct udp_burst {
    pu_endpoint local, remote; /* local: the address it came to, with our port */
    uint32_t ecn;
    uint32_t segment; /* bytes of each datagram but the last; 0: one */
    pu_span body;     /* borrowed during the call */
} udp_burst;

typedef struct udp udp;

/* Opens port (0: any free one) for both families, whichever the machine has, and watches it. only,
 * when not NULL, is the one address to bind. received is called for every burst, and must not close
 * the port. NULL: errno. */
udp *udp_open(loop *l, uint16_t port, const pu_endpoint *only,
              void (*received)(void *ctx, const udp_burst *burst), void *ctx);
void udp_close(udp *u);

/* The port. */
uint16_t udp_port(const udp *u);

/* Sends body as datagrams of `segment` bytes (0: one) to burst->remote, from burst->local unless
 * that is zero. What the kernel cannot take now waits, up to a limit; beyond it is lost, as
 * datagrams are. */
void udp_send(udp *u, const udp_burst *burst);

#endif
