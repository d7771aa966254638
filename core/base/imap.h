/* base/imap.h - maps a 64-bit key to a 32-bit index into the caller's dense array. No for-each:
 * walk the array. */
#ifndef BASE_IMAP_H
#define BASE_IMAP_H

#include "base/mem.h"

/* Open addressing over {key, value}. Zero is a valid, empty map once hash_seed and alloc are set.
 */
typedef struct imap {
    struct imap_slot *slots; /* owned; cap of them, a power of two */
    uint32_t cap, count;
    uint64_t hash_seed;    /* changes the layout and nothing else */
    const pu_alloc *alloc; /* kept */
} imap;

void imap_init(imap *m, uint64_t hash_seed, const pu_alloc *alloc);
void imap_close(imap *m);

/* Finds key. False: not there, *value is untouched. */
bool imap_get(const imap *m, uint64_t key, uint32_t *value);

/* Adds or replaces. False: no memory, nothing changed. */
bool imap_put(imap *m, uint64_t key, uint32_t value);

/* Removes key if it is there. */
void imap_del(imap *m, uint64_t key);

#endif
