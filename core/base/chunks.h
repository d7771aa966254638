/* base/chunks.h - a queue of bytes in blocks: appended at one end, taken from the other, without
 * moving what waits. */
#ifndef BASE_CHUNKS_H
#define BASE_CHUNKS_H

#include "base/mem.h"

/* Zero is a valid, empty queue. */
typedef struct chunks {
    struct chunk *first, *last; /* owned */
    uint64_t len;               /* bytes waiting */
} chunks;

/* Appends a copy of bytes. False: no memory; nothing was appended. */
PU_MUST_USE bool chunks_append(chunks *q, const pu_alloc *alloc, pu_span bytes);

/* The first bytes that lie together; empty when the queue is. Valid until they are dropped. */
pu_span chunks_first(const chunks *q);

/* Drops the first count bytes, of which there are at least so many. */
void chunks_drop(chunks *q, const pu_alloc *alloc, uint64_t count);

/* Moves all of `from` behind what waits in q; from is empty afterwards. */
void chunks_join(chunks *q, chunks *from);

/* Frees it; it is valid and empty again. */
void chunks_free(chunks *q, const pu_alloc *alloc);

#endif
