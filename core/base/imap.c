/* base/imap.c - open addressing with linear probing, at most three quarters full.
 *
 * Invariant: between an entry's home slot and the slot it sits in there is no free slot. Removal
 * keeps it by moving later entries back, so there are no tombstones and a search ends at the first
 * free slot.
 */
#include "base/imap.h"

#include "base/mix.h"

enum { IMAP_FIRST_SLOTS = 8 };
#define IMAP_SLOTS_MAX (UINT32_C(1) << 31)

struct imap_slot {
    uint64_t key;
    uint32_t value;
    uint32_t is_used; /* every key is allowed, so none can mean "free" */
};

_Static_assert(sizeof(struct imap_slot) == 16, "an entry costs 22 to 43 bytes");

static uint32_t home_of(const imap *m, uint64_t key)
{
    return (uint32_t)mix3(m->hash_seed, key, 0) & (m->cap - 1);
}

/* The slot that holds key, or the free one where the search for it ends. */
static uint32_t slot_of(const imap *m, uint64_t key)
{
    PU_ASSERT(m->count < m->cap);
    uint32_t at = home_of(m, key);
    while (m->slots[at].is_used && m->slots[at].key != key) at = (at + 1) & (m->cap - 1);
    return at;
}

void imap_init(imap *m, uint64_t hash_seed, const pu_alloc *alloc)
{
    PU_ASSERT(m != NULL);
    PU_ASSERT(alloc != NULL);
    *m = (imap){.hash_seed = hash_seed, .alloc = alloc};
}

void imap_close(imap *m)
{
    PU_ASSERT(m != NULL);
    mem_free(m->alloc, m->slots, m->cap * sizeof *m->slots);
    imap_init(m, m->hash_seed, m->alloc);
}

bool imap_get(const imap *m, uint64_t key, uint32_t *value)
{
    PU_ASSERT(value != NULL);
    if (m->count == 0) return false;
    const struct imap_slot *slot = &m->slots[slot_of(m, key)];
    if (!slot->is_used) return false;
    *value = slot->value;
    return true;
}

static bool grow(imap *m)
{
    if (m->cap >= IMAP_SLOTS_MAX) return false;
    imap wider = *m;
    wider.cap = m->cap == 0 ? IMAP_FIRST_SLOTS : 2 * m->cap;
    wider.slots = mem_new(m->alloc, wider.cap * sizeof *wider.slots);
    if (wider.slots == NULL) return false;
    for (uint32_t i = 0; i < m->cap; i++) {
        if (m->slots[i].is_used) wider.slots[slot_of(&wider, m->slots[i].key)] = m->slots[i];
    }
    mem_free(m->alloc, m->slots, m->cap * sizeof *m->slots);
    *m = wider;
    return true;
}

bool imap_put(imap *m, uint64_t key, uint32_t value)
{
    PU_ASSERT(m != NULL);
    if (m->cap > 0) {
        struct imap_slot *slot = &m->slots[slot_of(m, key)];
        if (slot->is_used) {
            slot->value = value;
            return true;
        }
    }
    if (m->count == m->cap / 4 * 3 && !grow(m)) return false;
    m->slots[slot_of(m, key)] = (struct imap_slot){key, value, true};
    m->count++;
    PU_ASSERT(m->count <= m->cap / 4 * 3);
    return true;
}

void imap_del(imap *m, uint64_t key)
{
    PU_ASSERT(m != NULL);
    if (m->count == 0) return;
    uint32_t hole = slot_of(m, key);
    if (!m->slots[hole].is_used) return;
    uint32_t mask = m->cap - 1;
    for (uint32_t at = (hole + 1) & mask; m->slots[at].is_used; at = (at + 1) & mask) {
        /* The entry may move back into the hole unless its home lies behind the hole. */
        uint32_t from_home = (at - home_of(m, m->slots[at].key)) & mask;
        uint32_t from_hole = (at - hole) & mask;
        if (from_home < from_hole) continue;
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole] = (struct imap_slot){0};
    m->count--;
}
