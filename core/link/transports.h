/* link/transports.h - which carriers a link is made of. pu_link_new takes the real ones; tests of
 * the link itself bring others.
 */
#ifndef LINK_TRANSPORTS_H
#define LINK_TRANSPORTS_H

#include "link/mux.h"
#include "quic/quic.h"

/* The functions of mux.h and quic/quic.h, which say what each does. */
struct link_transports {
    const struct carrier_ops *mux;
    void (*mux_start)(pu_link *l, conn *c, const struct wire_ops *ops, void *wire, uint64_t rx_room,
                      uint64_t tx_room);
    void (*mux_data)(pu_link *l, conn *c, pu_span bytes, bool fin);
    void (*mux_room)(pu_link *l, conn *c, uint64_t offset);
    void (*mux_lost)(pu_link *l, conn *c, uint32_t code);
    const struct carrier_ops *quic;
    int (*quic_new)(quic_endpoint **q, pu_link *l);
    void (*quic_free)(pu_link *l, quic_endpoint *q);
    void (*quic_dial)(pu_link *l, conn *c, uint32_t socket);
    bool (*quic_datagram)(pu_link *l, const udp_path *path, uint32_t ecn, pu_span bytes);
    void (*quic_rebound)(pu_link *l, uint32_t socket);
};

/* pu_link_new with these carriers; transports is kept until free. */
PU_MUST_USE int link_new(pu_link **link, const struct link_transports *transports,
                         const pu_config *config, const pu_link_env *env, pu_time now,
                         uint64_t unix_ns);

#endif
