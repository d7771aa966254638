/* sim/nat_table.c - two open-addressing indices over one dense array.
 *
 * Invariant of each index: between the home slot of a mapping and the slot it sits in there is no
 * free slot. Removal moves later ones back instead of leaving marks. The order of the array depends
 * on what was added and removed only.
 */
#include "sim/nat_table.h"

#include "base/bytes.h"
#include "base/mix.h"
#include "sim/mem.h"

enum {
    BY_KEY = 0,
    BY_OUTER = 1,
    FIRST_SLOTS = 8,
    SCANNED_MOST = 4 /* so few are looked through: the boxes of most homes have no more */
};

/* Where an entry sits in an index changes nothing that can be seen, so these need not be strong. */
static uint32_t hash_word(uint64_t word)
{
    return (uint32_t)(word * MIX_ROOT_2 >> 32);
}

static uint32_t hash_outer(uint32_t outer)
{
    return hash_word(outer);
}

static uint32_t hash_key(const nat_key *key)
{
    const uint8_t *at = (const uint8_t *)key;
    uint64_t word = 0;
    for (size_t i = 0; i < sizeof *key - 4; i += 8)
        word = (word ^ load_le64(at + i)) * MIX_ROOT_3 + (word >> 29);
    return hash_word(word ^ load_le32(at + sizeof *key - 4));
}

void nat_table_close(nat_table *t)
{
    for (uint32_t i = 0; i < t->count; i++) free(t->at[i].allowed);
    if (t->at != &t->first) free(t->at);
    free(t->slots[BY_KEY]);
    free(t->slots[BY_OUTER]);
    *t = (nat_table){0};
}

/* In pieces of the sizes they are written in: a key was made just before, and a processor waits for
 * what it reads across two writes. */
static bool is_remote(const nat_remote *a, const nat_remote *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool is_key(const nat_key *a, const nat_key *b)
{
    return is_remote(&a->inner, &b->inner) && is_remote(&a->remote, &b->remote);
}

uint32_t nat_table_by_key(const nat_table *t, const nat_key *key)
{
    if (t->count <= SCANNED_MOST) {
        for (uint32_t i = 0; i < t->count; i++)
            if (is_key(&t->at[i].key, key)) return i;
        return NAT_NOWHERE;
    }
    uint32_t mask = t->slot_count - 1;
    const uint32_t *slots = t->slots[BY_KEY];
    for (uint32_t s = hash_key(key) & mask; slots[s] != 0; s = (s + 1) & mask) {
        if (is_key(&t->at[slots[s] - 1].key, key)) return slots[s] - 1;
    }
    return NAT_NOWHERE;
}

uint32_t nat_table_by_outer(const nat_table *t, uint32_t outer)
{
    if (t->count <= SCANNED_MOST) {
        for (uint32_t i = 0; i < t->count; i++)
            if (t->at[i].outer == outer) return i;
        return NAT_NOWHERE;
    }
    uint32_t mask = t->slot_count - 1;
    const uint32_t *slots = t->slots[BY_OUTER];
    for (uint32_t s = hash_outer(outer) & mask; slots[s] != 0; s = (s + 1) & mask) {
        if (t->at[slots[s] - 1].outer == outer) return slots[s] - 1;
    }
    return NAT_NOWHERE;
}

/* The slot that holds value, an index + 1 with that hash, or for value 0 the free one where it may
 * go. */
static uint32_t slot_of(const nat_table *t, unsigned by, uint32_t hash, uint32_t value)
{
    uint32_t mask = t->slot_count - 1;
    uint32_t s = hash & mask;
    while (t->slots[by][s] != value) s = (s + 1) & mask;
    return s;
}

static void index_all(nat_table *t, unsigned by)
{
    free(t->slots[by]);
    t->slots[by] = sim_alloc(t->slot_count * sizeof *t->slots[by]);
    for (uint32_t i = 0; i < t->count; i++) {
        t->slots[by][slot_of(t, by, t->at[i].hash[by], 0)] = i + 1;
    }
}

/* Makes room in the array for one more. */
static void room(nat_table *t)
{
    if (t->count < t->cap) return;
    if (t->cap == 0) {
        t->at = &t->first;
        t->cap = 1;
        return;
    }
    bool is_first = t->at == &t->first;
    if (is_first) t->cap = 0;
    t->at = sim_grow(is_first ? NULL : t->at, &t->cap, t->count, sizeof *t->at);
    if (is_first) t->at[0] = t->first;
}

uint32_t nat_table_add(nat_table *t, const nat_key *key, uint32_t outer)
{
    PU_ASSERT(nat_table_by_key(t, key) == NAT_NOWHERE);
    PU_ASSERT(nat_table_by_outer(t, outer) == NAT_NOWHERE);
    if (t->count >= SCANNED_MOST && t->count >= t->slot_count / 4 * 3) {
        t->slot_count = t->slot_count == 0 ? FIRST_SLOTS : 2 * t->slot_count;
        index_all(t, BY_KEY);
        index_all(t, BY_OUTER);
    }
    room(t);
    nat_mapping_entry *m = &t->at[t->count++];
    *m = (nat_mapping_entry){
        .key = *key, .outer = outer, .hash = {hash_key(key), hash_outer(outer)}};
    for (unsigned by = BY_KEY; by <= BY_OUTER && t->slot_count > 0; by++)
        t->slots[by][slot_of(t, by, m->hash[by], 0)] = t->count;
    return t->count - 1;
}

/* Frees slot `hole` and moves back what the search could no longer reach across it. */
static void slot_free(nat_table *t, unsigned by, uint32_t hole)
{
    uint32_t mask = t->slot_count - 1;
    uint32_t *slots = t->slots[by];
    for (uint32_t s = (hole + 1) & mask; slots[s] != 0; s = (s + 1) & mask) {
        uint32_t home = t->at[slots[s] - 1].hash[by] & mask;
        if (((s - home) & mask) < ((s - hole) & mask)) continue; /* its home lies behind the hole */
        slots[hole] = slots[s];
        hole = s;
    }
    slots[hole] = 0;
}

void nat_table_remove(nat_table *t, uint32_t index)
{
    PU_ASSERT(index < t->count);
    uint32_t last = t->count - 1;
    for (unsigned by = BY_KEY; by <= BY_OUTER && t->slot_count > 0; by++) {
        slot_free(t, by, slot_of(t, by, t->at[index].hash[by], index + 1));
        if (index != last) {
            t->slots[by][slot_of(t, by, t->at[last].hash[by], last + 1)] = index + 1;
        }
    }
    free(t->at[index].allowed);
    t->at[index] = t->at[last];
    t->at[last] = (nat_mapping_entry){0};
    t->count = last;
}

void nat_table_move(nat_table *t, uint32_t index, uint32_t outer)
{
    PU_ASSERT(index < t->count);
    PU_ASSERT(nat_table_by_outer(t, outer) == NAT_NOWHERE);
    nat_mapping_entry *m = &t->at[index];
    if (t->slot_count > 0)
        slot_free(t, BY_OUTER, slot_of(t, BY_OUTER, m->hash[BY_OUTER], index + 1));
    m->outer = outer;
    m->hash[BY_OUTER] = hash_outer(outer);
    if (t->slot_count > 0)
        t->slots[BY_OUTER][slot_of(t, BY_OUTER, m->hash[BY_OUTER], 0)] = index + 1;
}

/* Place of remote among those that may send in; allowed_count when it is not there. */
static uint32_t place_of(const nat_mapping_entry *m, const nat_remote *remote)
{
    uint32_t place = 0;
    while (place < m->allowed_count && !is_remote(&m->allowed[place], remote)) place++;
    return place;
}

void nat_table_allow(nat_table *t, uint32_t index, const nat_remote *remote, uint32_t most)
{
    PU_ASSERT(index < t->count);
    PU_ASSERT(most > 0 && most <= UINT16_MAX);
    nat_mapping_entry *m = &t->at[index];
    uint32_t place = place_of(m, remote);
    if (place == 0 && m->allowed_count > 0) return;
    if (place == m->allowed_count) {
        if (place < most) {
            m->allowed = sim_grow(m->allowed, &m->allowed_cap, place, sizeof *m->allowed);
            m->allowed_count++;
        } else {
            place--;
        }
    }
    memmove(m->allowed + 1, m->allowed, place * sizeof *m->allowed);
    m->allowed[0] = *remote;
}

bool nat_table_allows(const nat_table *t, uint32_t index, const nat_remote *remote)
{
    PU_ASSERT(index < t->count);
    return place_of(&t->at[index], remote) < t->at[index].allowed_count;
}
