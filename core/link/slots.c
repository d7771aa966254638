/* link/slots.c - handles: slot and ordinal, as boundary A wants them. */
#include "link/link_impl.h"

bool link_slots_reserve(link_slots *s, const pu_alloc *alloc, uint32_t count)
{
    PU_ASSERT(s->max > 0);
    if (count > s->max) return false;
    while (s->cap < count)
        if (!mem_grow(alloc, (void **)&s->at, &s->cap, s->cap, s->max, sizeof s->at[0]))
            return false;
    return true;
}

uint32_t link_slots_lowest(const link_slots *s)
{
    uint32_t slot = s->low;
    while (slot < s->cap && s->at[slot].handle != 0) slot++;
    return slot;
}

pu_handle link_slots_add(link_slots *s, void *object)
{
    PU_ASSERT(object != NULL);
    uint32_t slot = link_slots_lowest(s);
    PU_ASSERT(slot < s->cap);
    s->low = slot + 1;
    s->ordinal++;
    s->at[slot] = (struct link_slot){pu_handle_make(slot, s->ordinal), object};
    return s->at[slot].handle;
}

void link_slots_del(link_slots *s, pu_handle handle)
{
    PU_ASSERT(link_slots_get(s, handle) != NULL);
    uint32_t slot = pu_handle_slot(handle);
    s->at[slot] = (struct link_slot){0};
    if (slot < s->low) s->low = slot;
}

void *link_slots_get(const link_slots *s, pu_handle handle)
{
    uint32_t slot = pu_handle_slot(handle);
    if (handle == 0 || slot >= s->cap || s->at[slot].handle != handle) return NULL;
    return s->at[slot].object;
}

void *link_slots_at(const link_slots *s, uint32_t slot)
{
    return slot < s->cap ? s->at[slot].object : NULL;
}

void link_slots_close(link_slots *s, const pu_alloc *alloc)
{
    if (s->cap > 0) mem_free(alloc, s->at, s->cap * sizeof s->at[0]);
    *s = (link_slots){.max = s->max, .ordinal = s->ordinal};
}
