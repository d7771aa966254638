/* node/fault.h - rare paths made likely, in simulations only ("buggify").
 *
 * With the parameter `faults` a node decides for each point below, once in its life, whether it is
 * on, and then each time that it is passed, whether it strikes; all from a random stream of their
 * own, so that nothing else draws differently. What a point does must be something that could
 * happen anyway: a node that does not survive it has a bug.
 */
#ifndef NODE_FAULT_H
#define NODE_FAULT_H

#include "node/impl.h"

/* X(NAME, one time in): what happens there. */
#define FAULT_LIST(X)                                                                             \
    X(STREAM_REFUSE, 16) /* an inbound stream is reset as if there were no room for it */         \
    X(STREAM_SHED, 32)   /* a stream is not opened, as if memory were short */                    \
    X(LEG_SHED, 8)       /* an address is not dialled, as if memory were short */                 \
    X(TIMER_LATE, 8)     /* a timer fires up to FAULT_LATE_MOST_NS late */                        \
    X(PACKET_DROP, 4)    /* a datagram that belongs to no connection is not sent */               \
    X(CONN_REFUSE, 16)   /* an inbound connection is refused as if there were no room for it */   \
    X(APP_REFUSE, 8)     /* a stream to a service is reset as if there were too many of them */   \
    X(APP_SHED, 8)       /* an application's OPEN is refused as if there were too many of them */ \
    X(NAME_SHED, 4)      /* a name is not looked up, as if memory were short */

enum fault {
#define FAULT_ENUM(name, of) FAULT_##name,
    FAULT_LIST(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

#define FAULT_LATE_MOST_NS (500 * PU_MS)

/* Whether the point strikes now. Costs one test of a word where faults are off. */
#define FAULT(n, point) ((n)->faults != 0 && fault_strikes((n), FAULT_##point))

/* Decides which points are on; at the node's start. */
void fault_init(pu_node *n);

bool fault_strikes(pu_node *n, enum fault point);

/* at, or somewhat later. */
pu_time fault_late(pu_node *n, pu_time at);

#endif
