/* Memory for the simulator that needs more than a call of malloc, see mem.h. */
#define _DEFAULT_SOURCE /* madvise is not POSIX */
#include "sim/mem.h"

#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

void *sim_huge(size_t bytes)
{
    PU_ASSERT(bytes > 0);
    bytes = (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    void *block = aligned_alloc(HUGE_PAGE_BYTES, bytes);
    if (block == NULL) sim_no_memory(bytes);
    (void)madvise(block, bytes, MADV_HUGEPAGE); /* a wish: without it the run is slower */
    return block;
}

static void *wider(void *array, size_t old_bytes, size_t new_bytes)
{
    if (new_bytes < HUGE_PAGE_BYTES) return sim_resize(array, new_bytes);
    void *block = sim_huge(new_bytes);
    if (old_bytes > 0) memcpy(block, array, old_bytes);
    free(array);
    return block;
}

void *sim_grow(void *array, uint32_t *cap, uint32_t index, size_t element_bytes)
{
    PU_ASSERT(index < UINT32_C(1) << 31);
    PU_ASSERT(element_bytes > 0);
    if (index < *cap) return array;
    uint32_t count = *cap == 0 ? 4 : *cap;
    while (count <= index) count *= 2;
    size_t old_bytes = *cap * element_bytes, new_bytes = count * element_bytes;
    uint8_t *grown = wider(array, old_bytes, new_bytes);
    memset(grown + old_bytes, 0, new_bytes - old_bytes);
    *cap = count;
    return grown;
}
