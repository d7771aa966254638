/* tests/netns/link_way.h - packets on their way between the ends of a network: when each arrives,
 * and whether. No sockets and no clock, see link.c for those.
 */
#ifndef TESTS_NETNS_LINK_WAY_H
#define TESTS_NETNS_LINK_WAY_H

#include "base/rng.h"

enum { LINK_ENDS_MAX = 64, LINK_PACKET_MAX = 2048 };

/* An access link: rates of 0 are without limit. */
typedef struct link_end {
    uint32_t address; /* IPv4, host order */
    uint64_t up_bps, down_bps, queue_ns, jitter_ns;
    uint32_t loss_ppm;           /* each way */
    uint64_t up_busy, down_busy; /* when the last packet of that direction will have passed */
} link_end;

typedef struct link_packet {
    uint64_t at_ns;    /* when it gets to the next place */
    uint64_t order;    /* of those with the same time, the first sent goes first */
    uint32_t from, to; /* ends */
    bool is_down;      /* it has passed the access link of its destination */
    size_t len;
    uint8_t *bytes; /* from malloc */
} link_packet;

typedef struct link_ways {
    uint8_t seed[32];
    rng chance;
    uint32_t count;
    link_end ends[LINK_ENDS_MAX];
    uint64_t way_ns[LINK_ENDS_MAX][LINK_ENDS_MAX];
    bool is_cut[LINK_ENDS_MAX][LINK_ENDS_MAX];
    link_packet *heap; /* by time */
    size_t under_way, cap;
    uint64_t sent;
} link_ways;

void link_open(link_ways *w, uint64_t seed);

/* An IPv4 packet leaves an end. Copied; lost where nobody has its destination. */
void link_send(link_ways *w, uint64_t now, uint32_t from, const uint8_t *bytes, size_t len);

/* Takes one packet that has arrived; the caller frees its bytes. False: none has. */
bool link_arrive(link_ways *w, uint64_t now, link_packet *packet);

/* When the next packet gets anywhere; PU_NEVER: none is under way. */
uint64_t link_next(const link_ways *w);

#endif
