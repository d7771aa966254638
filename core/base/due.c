/* base/due.c - a binary heap of deadlines with a back pointer a slot. */
#include "base/due.h"

bool due_reserve(due_heap *d, const pu_alloc *alloc, uint32_t count)
{
    PU_ASSERT(d != NULL);
    if (count <= d->slots_cap) return true;
    uint32_t cap = d->slots_cap < 4 ? 4 : d->slots_cap;
    while (cap < count) cap = cap > UINT32_MAX / 2 ? count : cap * 2;

    due_entry *heap = mem_new(alloc, cap * sizeof *heap);
    uint32_t *place = mem_new(alloc, cap * sizeof *place);
    if (heap == NULL || place == NULL) {
        mem_free(alloc, heap, cap * sizeof *heap);
        mem_free(alloc, place, cap * sizeof *place);
        return false;
    }
    if (d->slots_cap > 0) {
        memcpy(heap, d->heap, d->count * sizeof *heap);
        memcpy(place, d->place, d->slots_cap * sizeof *place);
        mem_free(alloc, d->heap, d->slots_cap * sizeof *heap);
        mem_free(alloc, d->place, d->slots_cap * sizeof *place);
    }
    d->heap = heap;
    d->place = place;
    d->slots_cap = cap;
    return true;
}

void due_close(due_heap *d, const pu_alloc *alloc)
{
    PU_ASSERT(d != NULL);
    if (d->slots_cap > 0) {
        mem_free(alloc, d->heap, d->slots_cap * sizeof *d->heap);
        mem_free(alloc, d->place, d->slots_cap * sizeof *d->place);
    }
    *d = (due_heap){0};
}

static bool is_before(const due_entry *a, const due_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->slot < b->slot;
}

static void put(due_heap *d, uint32_t index, due_entry entry)
{
    d->heap[index] = entry;
    d->place[entry.slot] = index + 1;
}

static void sift_up(due_heap *d, uint32_t index, due_entry entry)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (!is_before(&entry, &d->heap[parent])) break;
        put(d, index, d->heap[parent]);
        index = parent;
    }
    put(d, index, entry);
}

static void sift_down(due_heap *d, uint32_t index, due_entry entry)
{
    for (uint32_t child; (child = 2 * index + 1) < d->count; index = child) {
        if (child + 1 < d->count && is_before(&d->heap[child + 1], &d->heap[child])) child++;
        if (!is_before(&d->heap[child], &entry)) break;
        put(d, index, d->heap[child]);
    }
    put(d, index, entry);
}

/* Puts entry where index is free, up or down as it belongs. */
static void settle(due_heap *d, uint32_t index, due_entry entry)
{
    if (index > 0 && is_before(&entry, &d->heap[(index - 1) / 2])) sift_up(d, index, entry);
    else sift_down(d, index, entry);
}

static void take_out(due_heap *d, uint32_t slot)
{
    uint32_t index = d->place[slot] - 1;
    d->place[slot] = 0;
    due_entry last = d->heap[--d->count];
    if (index < d->count) settle(d, index, last);
}

void due_set(due_heap *d, uint32_t slot, pu_time at)
{
    PU_ASSERT(slot < d->slots_cap);
    uint32_t place = d->place[slot];
    if (place == 0) {
        if (at == PU_NEVER) return;
        PU_ASSERT(d->count < d->slots_cap);
        sift_up(d, d->count++, (due_entry){at, slot});
    } else if (at == PU_NEVER) {
        take_out(d, slot);
    } else if (d->heap[place - 1].at != at) {
        settle(d, place - 1, (due_entry){at, slot});
    }
}

pu_time due_at(const due_heap *d, uint32_t slot)
{
    PU_ASSERT(slot < d->slots_cap);
    return d->place[slot] == 0 ? PU_NEVER : d->heap[d->place[slot] - 1].at;
}

pu_time due_first(const due_heap *d, uint32_t *slot)
{
    if (d->count == 0) return PU_NEVER;
    *slot = d->heap[0].slot;
    return d->heap[0].at;
}
