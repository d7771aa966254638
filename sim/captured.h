/* sim/captured.h - what of a run its capture has: a node's own packets, or those at the outer side
 * of a box around it.
 *
 * A box is called as in the scenario's `behind:` and `ipv6:`, "router" or "carrier@isp1" (whose
 * kind alone will do), or by its number, as in `reboot:`: 1 is the innermost, and the firewall
 * beside it, being the same device. What is meant are the boxes of that name in all networks that
 * the node comes to.
 */
#ifndef SIM_CAPTURED_H
#define SIM_CAPTURED_H

#include "sim/scenario.h"

typedef struct captured {
    const char *name;   /* as it was asked for; borrowed */
    uint32_t interface; /* of the capture */
    uint32_t node;
    const char *box; /* what it is called, in name; NULL: the node itself */
    uint32_t number; /* of the box, from 1; 0: it is called as in the scenario */
} captured;

/* Sets c's number by what its node's boxes are called. False: why names those that there are. */
bool captured_find_box(captured *c, const scenario *s, char *why, size_t why_cap);

/* Whether c means the box that b calls, number place around its node, from 0: the innermost. b
 * NULL: it was drawn from a mix. */
bool captured_means(const captured *c, const scenario *s, const scenario_box *b, uint32_t place);

/* Whether c means that shared box, by its number, in some network that its node comes to. */
bool captured_means_shared(const captured *c, const scenario *s, uint32_t shared);

#endif
