/* net-real/inbox.h - inputs that wait for their node, in order. */
#ifndef NET_REAL_INBOX_H
#define NET_REAL_INBOX_H

#include "peerup/node.h"

struct inbox_item;

/* Zero is an empty one. */
typedef struct inbox {
    struct inbox_item *first, *last; /* owned */
    struct inbox_item *taken;        /* owned: the last that was taken */
} inbox;

/* Appends in. Spans are copied, or, when borrowed, must stay until the item was taken. False: no
 * memory. */
PU_MUST_USE bool inbox_put(inbox *b, const pu_in *in, bool borrowed);

/* Takes the first. Its spans hold until the next call of inbox_take or inbox_close. False: none. */
bool inbox_take(inbox *b, pu_in *in);

bool inbox_is_empty(const inbox *b);
void inbox_close(inbox *b);

#endif
