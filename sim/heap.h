/* sim/heap.h - memory for what a simulation has a million of: small blocks, packed.
 *
 * The core tells its allocator how long a block is when it gives it back, so blocks need no
 * headers. Sizes are rounded up to few classes, each with a list of free blocks and a run of memory
 * that blocks are cut from: one whose size is a multiple of a cache line lies on whole lines.
 * Larger blocks are malloc's. Runs lie in regions that the system is asked to back with huge pages,
 * and so are very large blocks: a simulation that walks a gigabyte at random spends its time in
 * page tables otherwise. Where addresses are checked (AddressSanitizer) no block is cut from
 * another.
 *
 * Nothing in a run may depend on where blocks are.
 */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

#include "peerup/base.h"

typedef struct heap heap;

/* Makes an empty heap. Aborts without memory. */
heap *heap_new(void);

/* Frees the heap and all small blocks in it; large ones must have been given back. */
void heap_free(heap *h);

/* pu_alloc.resize with a heap as its context; never NULL but for a new_len of 0: it aborts without
 * memory. */
void *heap_resize(void *ctx, void *old, size_t old_len, size_t new_len);

#endif
