/* bench/bare_heap.h - the least that a queue can be, to be compared with: a 4-ary heap of 16-byte
 * entries that orders them by time alone.
 */
#ifndef BENCH_BARE_HEAP_H
#define BENCH_BARE_HEAP_H

#include <stdint.h>

typedef struct bare_entry {
    uint64_t at;
    uint64_t index; /* whose event it is: for the caller */
} bare_entry;

/* Adds e to a heap of count entries, which has room for one more. */
void bare_heap_push(bare_entry *heap, uint32_t count, bare_entry e);

/* Takes the first of count entries, at least 1. */
bare_entry bare_heap_pop(bare_entry *heap, uint32_t count);

#endif
