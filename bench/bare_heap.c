/* bench/bare_heap.c - a 4-ary heap, see bare_heap.h. */
#include "bench/bare_heap.h"

#include "peerup/base.h"

enum { CHILDREN = 4 };

void bare_heap_push(bare_entry *heap, uint32_t count, bare_entry e)
{
    uint32_t at = count;
    for (; at > 0 && heap[(at - 1) / CHILDREN].at > e.at; at = (at - 1) / CHILDREN)
        heap[at] = heap[(at - 1) / CHILDREN];
    heap[at] = e;
}

bare_entry bare_heap_pop(bare_entry *heap, uint32_t count)
{
    PU_ASSERT(count > 0);
    bare_entry first = heap[0], e = heap[--count];
    uint32_t at = 0;
    for (;;) {
        uint64_t from = (uint64_t)at * CHILDREN + 1;
        if (from >= count) break;
        uint32_t best = (uint32_t)from;
        uint32_t end = count - best < CHILDREN ? count : best + CHILDREN;
        for (uint32_t i = best + 1; i < end; i++)
            if (heap[i].at < heap[best].at) best = i;
        if (heap[best].at >= e.at) break;
        heap[at] = heap[best];
        at = best;
    }
    heap[at] = e;
    return first;
}
