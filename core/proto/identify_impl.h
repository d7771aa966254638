/* proto/identify_impl.h - what identify's files share: telling, and pushing what has changed.
 *
 *   identify.c        what others tell: identify and push
 *   identify_tell.c   what we tell, and the signed record in it
 *   identify_push.c   telling again, to everybody, when it has changed
 *   identify_look.c   asking our relays again how they see us
 */
#ifndef PROTO_IDENTIFY_IMPL_H
#define PROTO_IDENTIFY_IMPL_H

#include "proto/identify.h"

enum {
    IDENTIFY_PUSH_BURST = 10 /* pushes of one connection at once; then one in identify_push_ns */
};

/* State of MODULE_IDENTIFY. */
typedef struct identify_state {
    uint64_t record_seq; /* of the last record that we signed */
    pu_time push_at;     /* no sweep of pushes begins before */
    pu_time look_at;     /* no relay is asked again before */
    uint32_t cursor;     /* of the sweep under way; 0: none */
    bool is_wanted;      /* another sweep: some connection is untold that this one has passed */
} identify_state;

/* Sends what we are to the peer behind s, in one message. */
void identify_tell(pu_node *n, stream *s, const conn *c);

/* Whether the peer behind c may push now; counts it. */
bool identify_push_allowed(pu_node *n, conn *c);

/* c has told what it speaks; it hears of what changed meanwhile. */
void identify_push_known(pu_node *n, const conn *c);

/* c did not take what we pushed: it is told again, a few times. */
void identify_push_failed(pu_node *n, conn *c);

/* Memory was short: a push may lack its timer. */
void identify_push_again(pu_node *n);

/* module.addresses_changed: what we tell is another than before. */
void identify_changed(pu_node *n);

#endif
