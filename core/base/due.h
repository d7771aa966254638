/* base/due.h - deadlines of numbered things: which is due first, in O(log n) a change.
 *
 * Things are slots of a table of the caller's. Equal times come by slot, lowest first, so the order
 * never depends on how the heap was built.
 */
#ifndef BASE_DUE_H
#define BASE_DUE_H

#include "base/mem.h"

/* One pending deadline. */
typedef struct due_entry {
    pu_time at;
    uint32_t slot;
} due_entry;

/* A binary heap and where each slot sits in it. Zero is a valid, empty one. */
typedef struct due_heap {
    due_entry *heap; /* owned; slots_cap of them, the first count in use */
    uint32_t *place; /* owned; by slot: index in heap + 1, 0: not due */
    uint32_t count;
    uint32_t slots_cap; /* slots below it may be used */
} due_heap;

/* Makes slots below count usable; those that are stay as they are. False: no memory, nothing
 * changed. */
PU_MUST_USE bool due_reserve(due_heap *d, const pu_alloc *alloc, uint32_t count);

/* Frees it; it is valid and empty again. */
void due_close(due_heap *d, const pu_alloc *alloc);

/* Sets the deadline of slot, which must be below the reserved count; PU_NEVER: none. */
void due_set(due_heap *d, uint32_t slot, pu_time at);

/* The deadline of slot; PU_NEVER: none. */
pu_time due_at(const due_heap *d, uint32_t slot);

/* The earliest deadline, and in *slot whose it is. PU_NEVER: nothing is due, *slot is untouched. */
pu_time due_first(const due_heap *d, uint32_t *slot);

#endif
