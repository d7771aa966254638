/* base/mem.h - small helpers over pu_alloc: blocks, arrays that double, growing byte blocks. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/bytes.h"

/* A zeroed block of size bytes, or NULL. */
void *mem_new(const pu_alloc *alloc, size_t size);

/* Gives back a block of size bytes; block may be NULL. */
void mem_free(const pu_alloc *alloc, void *block, size_t size);

/* Makes room for one more element in an array of *cap elements of which count are used: doubles
 * from 1 up to max. New elements are zeroed. False: count is max already, or no memory; the array
 * is as it was. */
bool mem_grow(const pu_alloc *alloc, void **array, uint32_t *cap, uint32_t count, uint32_t max,
              size_t element_bytes);

/* Frees an array of *cap elements of which none is used, and halves any other. The array may move.
 */
void mem_narrow(const pu_alloc *alloc, void **array, uint32_t *cap, uint32_t count,
                size_t element_bytes);

/* Gives memory back when at most a quarter of the *cap elements, the first count, is used. Here,
 * since a node asks about each table in each step. */
static inline void mem_trim(const pu_alloc *alloc, void **array, uint32_t *cap, uint32_t count,
                            size_t element_bytes)
{
    PU_ASSERT(array != NULL);
    PU_ASSERT(count <= *cap);
    if (*cap != 0 && count <= *cap / 4) mem_narrow(alloc, array, cap, count, element_bytes);
}

/* Bytes that wait: owned by the holder, never longer than the limit that each append names. Zero is
 * a valid, empty one. */
typedef struct mem_bytes {
    uint8_t *base; /* owned */
    uint32_t len;  /* bytes waiting */
    uint32_t cap;  /* bytes allocated */
} mem_bytes;

/* Appends bytes, which must not lie in *b; false when len + bytes.len is above max or memory is
 * short: nothing is appended then. */
bool mem_bytes_append(const pu_alloc *alloc, mem_bytes *b, pu_span bytes, uint32_t max);

/* Drops the first count bytes; an emptied block is freed. */
void mem_bytes_drop(const pu_alloc *alloc, mem_bytes *b, uint32_t count);

/* Frees it; it is valid and empty again. */
void mem_bytes_free(const pu_alloc *alloc, mem_bytes *b);

#endif
