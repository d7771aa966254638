/* tests/unit/fault_heap.h - an allocator that counts what lives and refuses the n-th request, so
 * that a test sees what its subject does without memory and whether it gives everything back. */
#ifndef TESTS_UNIT_FAULT_HEAP_H
#define TESTS_UNIT_FAULT_HEAP_H

#include "peerup/base.h"

#include <stdlib.h>
#include <string.h>

typedef struct fault_heap {
    size_t live_bytes; /* allocated and not given back */
    unsigned asked;    /* requests for memory so far */
    unsigned fail_at;  /* the request that is refused, from 1; 0 = none */
} fault_heap;

/* A block that grows always moves and new memory is never zero: both are bugs' favourite hiding
 * places. */
static inline void *fault_heap_resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    fault_heap *heap = ctx;
    PU_ASSERT((old == NULL) == (old_len == 0));
    PU_ASSERT(old_len <= heap->live_bytes);
    void *block = NULL;
    if (new_len > 0) {
        if (++heap->asked == heap->fail_at) return NULL;
        block = malloc(new_len);
        PU_ASSERT(block != NULL);
        memset(block, 0xa5, new_len);
        if (old_len > 0) memcpy(block, old, old_len < new_len ? old_len : new_len);
    }
    free(old);
    heap->live_bytes += new_len;
    heap->live_bytes -= old_len;
    return block;
}

static inline pu_alloc fault_heap_alloc(fault_heap *heap)
{
    return (pu_alloc){fault_heap_resize, heap};
}

#endif
