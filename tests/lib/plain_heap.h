/* tests/lib/plain_heap.h - the C library's memory, as what asks for an allocator wants it. */
#ifndef TESTS_LIB_PLAIN_HEAP_H
#define TESTS_LIB_PLAIN_HEAP_H

#include "peerup/base.h"

#include <stdlib.h>

static inline void *plain_heap_resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return realloc(old, new_len);
    free(old);
    return NULL;
}

static const pu_alloc plain_heap = {plain_heap_resize, NULL};

#endif
