/* link/transports.c - the carriers of a real link: Noise and Yamux over bytes, QUIC over datagrams.
 */
#include "link/transports.h"

static const struct link_transports real_transports = {
    .mux = &mux_ops,
    .mux_start = mux_start,
    .mux_data = mux_data,
    .mux_room = mux_room,
    .mux_lost = mux_lost,
    .quic = &quic_ops,
    .quic_new = quic_new,
    .quic_free = quic_free,
    .quic_dial = quic_dial,
    .quic_datagram = quic_datagram,
    .quic_rebound = quic_rebound,
};

int pu_link_new(pu_link **link, const pu_config *config, const pu_link_env *env, pu_time now,
                uint64_t unix_ns)
{
    return link_new(link, &real_transports, config, env, now, unix_ns);
}
