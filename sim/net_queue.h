/* sim/net_queue.h - a queue that CoDel controls (RFC 8289): what waits is judged when its turn
 * comes, by how long it has waited.
 */
#ifndef SIM_NET_QUEUE_H
#define SIM_NET_QUEUE_H

#include "peerup/base.h"

#define CODEL_TARGET_NS (5 * PU_MS) /* the RFC's, section 4.2 */
#define CODEL_INTERVAL_NS (100 * PU_MS)
#define CODEL_INTERVAL_MAX (4 * PU_S) /* its square fits 64 bits */

/* A datagram that waits. */
typedef struct codel_item {
    uint32_t slot; /* of the network's slab */
    uint32_t bytes;
    pu_time since;
    uint32_t host; /* whose link it is on: some share a queue */
} codel_item;

/* First in, first out. Zero is an empty one. */
typedef struct codel_list {
    codel_item *items; /* owned; a ring of cap */
    uint32_t cap, head, count;
    uint64_t bytes; /* of all items */
} codel_list;

void codel_put(codel_list *f, const codel_item *item);
void codel_free(codel_list *f);

/* The state of RFC 8289 section 5. Zero is the beginning. */
typedef struct codel {
    pu_time first_above; /* when it will have been above the target for an interval; 0: it is not */
    pu_time drop_next;
    uint32_t count, last_count; /* of datagrams dropped since dropping began */
    bool is_dropping;
} codel;

/* Takes the next datagram of f that is to be sent at now. What is dropped before it is named by
 * `drop`. False: f is empty. interval_ns is at most CODEL_INTERVAL_MAX. */
bool codel_take(codel *c, codel_list *f, codel_item *item, pu_time now, uint64_t target_ns,
                uint64_t interval_ns, void (*drop)(void *ctx, uint32_t slot), void *ctx);

#endif
