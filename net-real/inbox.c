/* Waiting inputs, see inbox.h. */
#include "net-real/inbox.h"

#include <stdlib.h>
#include <string.h>

struct inbox_item {
    struct inbox_item *next;
    pu_in in;
    uint8_t bytes[]; /* of peer and body, unless they are borrowed */
};

static pu_span keep(uint8_t *at, pu_span bytes)
{
    if (bytes.len > 0) memcpy(at, bytes.base, bytes.len);
    return (pu_span){at, bytes.len};
}

bool inbox_put(inbox *b, const pu_in *in, bool borrowed)
{
    size_t bytes = borrowed ? 0 : in->peer.len + in->body.len;
    struct inbox_item *item = malloc(sizeof *item + bytes);
    if (item == NULL) return false;
    *item = (struct inbox_item){.in = *in};
    if (!borrowed) {
        item->in.peer = keep(item->bytes, in->peer);
        item->in.body = keep(item->bytes + in->peer.len, in->body);
    }
    if (b->first == NULL) b->first = item;
    else b->last->next = item;
    b->last = item;
    return true;
}

bool inbox_take(inbox *b, pu_in *in)
{
    free(b->taken);
    b->taken = b->first;
    if (b->first == NULL) return false;
    b->first = b->first->next;
    *in = b->taken->in;
    return true;
}

bool inbox_is_empty(const inbox *b)
{
    return b->first == NULL;
}

void inbox_close(inbox *b)
{
    pu_in in;
    while (inbox_take(b, &in)) {}
}
