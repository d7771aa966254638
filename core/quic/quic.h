/* quic/quic.h - QUIC v1 connections of the link, by ngtcp2 and GnuTLS (RFC 9000, libp2p specs quic
 * and tls). link.c is the only caller.
 *
 * One endpoint a link: its connection ids, its TLS credentials, what it says to datagrams that
 * belong to no connection. Connections are carriers (link/carrier.h).
 */
#ifndef QUIC_QUIC_H
#define QUIC_QUIC_H

#include "link/carrier.h"

typedef struct quic_endpoint quic_endpoint;

extern const struct carrier_ops quic_ops;

/* PU_ENOMEM; PU_ERANGE: GnuTLS cannot be set up. */
PU_MUST_USE int quic_new(quic_endpoint **out, pu_link *l);
void quic_free(pu_link *l, quic_endpoint *q); /* after all its connections */

/* The link keeps it for the carrier. */
quic_endpoint *link_quic(const pu_link *l);

/* Starts a dial: head is new, DIALLING; its remote, expected, token and deadline are set. Ends with
 * link_conn_down when it cannot. */
void quic_dial(pu_link *l, conn *head, uint32_t socket);

/* Takes one datagram. False: it belongs to no connection and is no valid Initial, so the node may
 * have it (PU_IN_PACKET). */
bool quic_datagram(pu_link *l, const udp_path *path, uint32_t ecn, pu_span bytes);

/* The address of a socket changed: connections on it go on from the new one (RFC 9000 9). */
void quic_rebound(pu_link *l, uint32_t socket);

#endif
