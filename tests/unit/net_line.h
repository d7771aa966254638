/* tests/unit/net_line.h - a world for tests, see net_world.h, whose hosts have links that do more
 * than most.
 */
#ifndef TESTS_UNIT_NET_LINE_H
#define TESTS_UNIT_NET_LINE_H

#include "tests/unit/net_world.h"

enum { BYTES = 1000 - NET_HEADER_BYTES /* of send_one: 1,000 on a link */ };

static inline uint32_t add_extra(world *w, uint32_t box, uint32_t site, const net_link *link,
                                 const net_extra *extra)
{
    uint32_t host = add(w, box, site, link);
    net_host_extra(w->n, host, extra);
    return host;
}

/* 1,000 bytes on a link; the first one says `byte`. */
static inline void send_one(world *w, pu_time now, uint32_t from, pu_endpoint to, uint8_t byte,
                            enum net_kind kind)
{
    uint8_t bytes[BYTES] = {byte};
    net_send(w->n, now, from, PORT, &to, span_of(bytes, sizeof bytes), NET_UDP, kind);
}

#endif
