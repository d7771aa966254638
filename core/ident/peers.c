/* ident/peers.c - interned peer ids: a hash table of 4-byte slots over entries that never move.
 *
 * Entries live in chunks, so growing moves no id; free entries form a list. The slots are
 * open-addressed with linear probing, at most three quarters full; removal shifts back what
 * followed, so there are no tombstones. The layout depends on hash_seed, the numbers given out do
 * not: they follow from the order of calls alone.
 */
#include "base/mem.h"
#include "base/mix.h"
#include "peerup/ident.h"

enum {
    PEERS_MAX = 1 << 24,
    CHUNK_ENTRIES = 64,
    SLOTS_MIN = 16 /* a power of two */
};

typedef struct entry {
    uint64_t hash;
    uint32_t refs; /* 0: free */
    pu_peer next;  /* of a free entry: the next free one */
    pu_peer_id id;
} entry;

typedef struct chunk {
    entry at[CHUNK_ENTRIES];
} chunk;

struct pu_peers {
    const pu_alloc *alloc; /* kept */
    uint64_t hash_seed;
    chunk **chunks; /* owned; chunk_cap pointers, chunk_count of them set */
    pu_peer *slots; /* owned; slot_cap of them, 0 = free */
    uint32_t chunk_cap, chunk_count;
    uint32_t slot_cap;   /* a power of two */
    uint32_t count, max; /* ids held and allowed */
    uint32_t used;       /* entries ever given out: numbers 1 to used exist */
    pu_peer free;        /* first free entry among them */
};

static entry *entry_at(const pu_peers *p, pu_peer peer)
{
    PU_ASSERT(peer > 0);
    PU_ASSERT(peer <= p->used);
    return &p->chunks[(peer - 1) / CHUNK_ENTRIES]->at[(peer - 1) % CHUNK_ENTRIES];
}

static entry *live_entry(const pu_peers *p, pu_peer peer)
{
    entry *e = entry_at(p, peer);
    PU_ASSERT(e->refs > 0);
    return e;
}

static uint64_t hash_of(const pu_peers *p, const pu_peer_id *id)
{
    PU_ASSERT(id->len > 0);
    PU_ASSERT(id->len <= PU_PEER_ID_MAX);
    mix128 m;
    uint64_t result[2];
    mix_init(&m, p->hash_seed);
    mix_bytes(&m, id->bytes, id->len);
    mix_result(&m, result);
    return result[0];
}

/* The slot that holds id, or the free one where it belongs. There is always a free one. */
static uint32_t slot_of(const pu_peers *p, const pu_peer_id *id, uint64_t hash)
{
    PU_ASSERT(p->count < p->slot_cap);
    uint32_t mask = p->slot_cap - 1, slot = (uint32_t)hash & mask;
    for (; p->slots[slot] != 0; slot = (slot + 1) & mask) {
        const entry *e = entry_at(p, p->slots[slot]);
        if (e->hash == hash && pu_peer_id_equal(&e->id, id)) break;
    }
    return slot;
}

/* Makes sure that one more id leaves a quarter of the slots free. False: no memory, no change. */
static bool slots_grow(pu_peers *p)
{
    PU_ASSERT(p->count < p->max);
    if (p->slot_cap > 0 && p->count + 1 <= p->slot_cap / 4 * 3) return true;
    uint32_t old_cap = p->slot_cap, cap = old_cap == 0 ? SLOTS_MIN : 2 * old_cap;
    pu_peer *old = p->slots, *slots = mem_new(p->alloc, cap * sizeof *slots);
    if (slots == NULL) return false;
    p->slots = slots;
    p->slot_cap = cap;
    for (uint32_t i = 0; i < old_cap; i++) {
        if (old[i] == 0) continue;
        uint32_t slot = (uint32_t)entry_at(p, old[i])->hash & (cap - 1);
        while (slots[slot] != 0) slot = (slot + 1) & (cap - 1);
        slots[slot] = old[i];
    }
    mem_free(p->alloc, old, old_cap * sizeof *old);
    return true;
}

/* Makes sure that there is an entry after the used ones. False: no memory. */
static bool chunks_grow(pu_peers *p)
{
    PU_ASSERT(p->used < p->max);
    if (p->used < p->chunk_count * CHUNK_ENTRIES) return true;
    void *array = p->chunks;
    if (!mem_grow(p->alloc, &array, &p->chunk_cap, p->chunk_count, PEERS_MAX / CHUNK_ENTRIES,
                  sizeof *p->chunks))
        return false;
    p->chunks = array;
    chunk *c = mem_new(p->alloc, sizeof *c);
    if (c == NULL) return false;
    p->chunks[p->chunk_count++] = c;
    return true;
}

/* Takes a free entry; 0 when memory is short. */
static pu_peer entry_take(pu_peers *p)
{
    PU_ASSERT(p->count < p->max);
    pu_peer peer = p->free;
    if (peer != 0) {
        p->free = entry_at(p, peer)->next;
        return peer;
    }
    return chunks_grow(p) ? ++p->used : 0;
}

/* Empties slot and moves back those after it that would no longer be found. */
static void slot_clear(pu_peers *p, uint32_t slot)
{
    PU_ASSERT(p->slots[slot] != 0);
    uint32_t mask = p->slot_cap - 1, hole = slot;
    for (uint32_t at = (slot + 1) & mask; p->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)entry_at(p, p->slots[at])->hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask)) continue; /* its home is after the hole */
        p->slots[hole] = p->slots[at];
        hole = at;
    }
    p->slots[hole] = 0;
}

int pu_peers_new(pu_peers **peers, uint32_t max, uint64_t hash_seed, const pu_alloc *alloc)
{
    PU_ASSERT(peers != NULL);
    PU_ASSERT(alloc != NULL);
    if (max == 0 || max > PEERS_MAX) return PU_ERANGE;
    pu_peers *p = mem_new(alloc, sizeof *p);
    if (p == NULL) return PU_ENOMEM;
    p->alloc = alloc;
    p->hash_seed = hash_seed;
    p->max = max;
    *peers = p;
    return PU_OK;
}

void pu_peers_free(pu_peers *peers)
{
    PU_ASSERT(peers != NULL);
    const pu_alloc *alloc = peers->alloc;
    for (uint32_t i = 0; i < peers->chunk_count; i++)
        mem_free(alloc, peers->chunks[i], sizeof(chunk));
    mem_free(alloc, peers->chunks, peers->chunk_cap * sizeof(chunk *));
    mem_free(alloc, peers->slots, peers->slot_cap * sizeof(pu_peer));
    mem_free(alloc, peers, sizeof *peers);
}

pu_peer pu_peers_intern(pu_peers *peers, const pu_peer_id *id)
{
    PU_ASSERT(peers != NULL);
    pu_peer known = pu_peers_find(peers, id);
    if (known != 0) {
        pu_peers_retain(peers, known);
        return known;
    }
    if (peers->count == peers->max || !slots_grow(peers)) return 0;
    pu_peer peer = entry_take(peers);
    if (peer == 0) return 0;

    uint64_t hash = hash_of(peers, id);
    *entry_at(peers, peer) = (entry){.hash = hash, .refs = 1, .id = *id};
    peers->slots[slot_of(peers, id, hash)] = peer;
    peers->count++;
    return peer;
}

pu_peer pu_peers_find(const pu_peers *peers, const pu_peer_id *id)
{
    PU_ASSERT(peers != NULL);
    if (peers->count == 0) return 0;
    return peers->slots[slot_of(peers, id, hash_of(peers, id))];
}

void pu_peers_retain(pu_peers *peers, pu_peer peer)
{
    entry *e = live_entry(peers, peer);
    PU_ASSERT(e->refs < UINT32_MAX);
    e->refs++;
}

void pu_peers_release(pu_peers *peers, pu_peer peer)
{
    entry *e = live_entry(peers, peer);
    if (--e->refs > 0) return;
    PU_ASSERT(peers->count > 0);
    slot_clear(peers, slot_of(peers, &e->id, e->hash));
    *e = (entry){.next = peers->free};
    peers->free = peer;
    peers->count--;
}

const pu_peer_id *pu_peers_id(const pu_peers *peers, pu_peer peer)
{
    PU_ASSERT(peers != NULL);
    return &live_entry(peers, peer)->id;
}

uint32_t pu_peers_count(const pu_peers *peers)
{
    PU_ASSERT(peers->count <= peers->max);
    return peers->count;
}
