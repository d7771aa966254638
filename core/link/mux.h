/* link/mux.h - connections over a byte stream: multistream-select, Noise, multistream-select or
 * early muxer, Yamux (libp2p specs connections, noise, yamux). A carrier (link/carrier.h).
 *
 * The byte stream below is a `wire`: a TCP connection (tcp.c) or a stream of another connection
 * (pipe.c), which call mux_* and are called by wire_ops. Both directions have absolute credit, as
 * everywhere.
 */
#ifndef LINK_MUX_H
#define LINK_MUX_H

#include "link/carrier.h"

/* What is below. wire: whatever the wire's file calls it. */
struct wire_ops {
    /* Takes all of bytes, which are within the room that mux_room told; copies what it keeps. */
    void (*send)(pu_link *l, void *wire, pu_span bytes);
    /* May be delivered up to this absolute offset. */
    void (*room)(pu_link *l, void *wire, uint64_t offset);
    /* The last call: in order, or reset at once. The wire forgets the connection; bytes that were
     * sent before go out first when in order. */
    void (*close)(pu_link *l, void *wire, bool reset);
};

extern const struct carrier_ops mux_ops;

/* Starts the handshake of c on wire; c->is_dialler says which side we are. Whoever made the wire
 * has asked the node about `accept`; `secured` is ours to ask (link_conn_secured). The wire is
 * forgotten by wire_ops->close before link_conn_down, or by mux_lost.
 * rx_room: what the wire lets in before the first room call. tx_room: what may be sent. May end
 * with link_conn_down. */
void mux_start(pu_link *l, conn *c, const struct wire_ops *ops, void *wire, uint64_t rx_room,
               uint64_t tx_room);

/* Bytes came, within the credit granted; fin: none follow. All are taken. c may be down afterwards.
 */
void mux_data(pu_link *l, conn *c, pu_span bytes, bool fin);

/* More may be sent, up to this absolute offset. */
void mux_room(pu_link *l, conn *c, uint64_t offset);

/* The wire is gone (reset, timed out): ends c. The wire is not called again. */
void mux_lost(pu_link *l, conn *c, uint32_t code);

#endif
