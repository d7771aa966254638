/* base/mem.c - blocks, arrays that double, bytes that wait: where the core's memory grows. */
#include "base/mem.h"

enum {
    GROW_FIRST_ELEMENTS = 1, /* an array's first size: most tables of most nodes hold one or two */
    BYTES_FIRST = 64         /* a byte block's first size */
};

void *mem_new(const pu_alloc *alloc, size_t size)
{
    PU_ASSERT(alloc != NULL);
    PU_ASSERT(size > 0);
    void *block = alloc->resize(alloc->ctx, NULL, 0, size);
    if (block != NULL) memset(block, 0, size);
    return block;
}

void mem_free(const pu_alloc *alloc, void *block, size_t size)
{
    PU_ASSERT(alloc != NULL);
    if (block == NULL) return;
    PU_ASSERT(size > 0);
    (void)alloc->resize(alloc->ctx, block, size, 0);
}

/* The next size of something that has cap, needs `least`, and may have max: doubled, from first. */
static uint32_t next_cap(uint32_t cap, uint32_t first, uint32_t least, uint32_t max)
{
    PU_ASSERT(least <= max);
    uint32_t next = cap == 0 ? first : cap;
    while (next < least) {
        if (next > max / 2) return max;
        next *= 2;
    }
    return next < max ? next : max;
}

bool mem_grow(const pu_alloc *alloc, void **array, uint32_t *cap, uint32_t count, uint32_t max,
              size_t element_bytes)
{
    PU_ASSERT(array != NULL);
    PU_ASSERT(count <= *cap);
    PU_ASSERT(element_bytes > 0);
    PU_ASSERT(max <= SIZE_MAX / element_bytes);
    if (count >= max) return false;
    if (count < *cap) return true;

    uint32_t wider = next_cap(*cap, GROW_FIRST_ELEMENTS, count + 1, max);
    size_t old_bytes = *cap * element_bytes;
    size_t new_bytes = wider * element_bytes;
    void *old; /* the caller's pointer has another type than void *: copied, not read as one */
    memcpy(&old, array, sizeof old);
    void *grown = alloc->resize(alloc->ctx, old, old_bytes, new_bytes);
    if (grown == NULL) return false;
    memset((uint8_t *)grown + old_bytes, 0, new_bytes - old_bytes);
    memcpy(array, &grown, sizeof grown);
    *cap = wider;
    return true;
}

void mem_narrow(const pu_alloc *alloc, void **array, uint32_t *cap, uint32_t count,
                size_t element_bytes)
{
    PU_ASSERT(*cap > 0);
    PU_ASSERT(element_bytes > 0);
    PU_ASSERT(count <= *cap / 2);
    void *old;
    memcpy(&old, array, sizeof old);
    uint32_t narrower = count == 0 ? 0 : *cap / 2;
    void *trimmed = alloc->resize(alloc->ctx, old, *cap * element_bytes, narrower * element_bytes);
    if (trimmed == NULL && narrower > 0) return; /* an allocator may refuse even that */
    memcpy(array, &trimmed, sizeof trimmed);
    *cap = narrower;
}

bool mem_bytes_append(const pu_alloc *alloc, mem_bytes *b, pu_span bytes, uint32_t max)
{
    PU_ASSERT(b != NULL);
    PU_ASSERT(b->len <= b->cap);
    if (b->len > max || bytes.len > max - b->len) return false;
    if (bytes.len == 0) return true;

    uint32_t need = b->len + (uint32_t)bytes.len;
    if (need > b->cap) {
        uint32_t wider = next_cap(b->cap, BYTES_FIRST, need, max);
        uint8_t *grown = alloc->resize(alloc->ctx, b->base, b->cap, wider);
        if (grown == NULL) return false;
        b->base = grown;
        b->cap = wider;
    }
    memcpy(b->base + b->len, bytes.base, bytes.len);
    b->len = need;
    return true;
}

void mem_bytes_drop(const pu_alloc *alloc, mem_bytes *b, uint32_t count)
{
    PU_ASSERT(b != NULL);
    PU_ASSERT(count <= b->len);
    if (count == b->len) {
        mem_bytes_free(alloc, b);
        return;
    }
    memmove(b->base, b->base + count, b->len - count);
    b->len -= count;
}

void mem_bytes_free(const pu_alloc *alloc, mem_bytes *b)
{
    PU_ASSERT(b != NULL);
    mem_free(alloc, b->base, b->cap);
    *b = (mem_bytes){0};
}
