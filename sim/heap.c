/* A heap of small blocks without headers, see heap.h. */
#include "sim/heap.h"

#include "base/ahead.h"
#include "sim/mem.h"

enum {
    STEP = 16, /* classes are that far apart, so blocks are aligned for any object */
    SMALL_MAX = 2048,
    CLASSES = SMALL_MAX / STEP,
    LINE = 64, /* of a cache */
    ASKED_BYTES = 2 * LINE,
    RUN_BYTES = 16 * 1024
};
#define REGION_BYTES ((size_t)2 << 20) /* a huge page */

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_CHECKED 1
#endif
#endif
#ifndef HEAP_CHECKED
#define HEAP_CHECKED 0
#endif

struct free_block {
    struct free_block *next;
};

/* The first line of a region. */
typedef struct region {
    struct region *next;
    uint8_t pad[LINE - sizeof(void *)];
} region;

_Static_assert(sizeof(region) == LINE, "runs begin at a line");
_Static_assert(RUN_BYTES / SMALL_MAX >= 8, "little is left over at a run's end");

/* What blocks of one class are cut from. */
typedef struct run {
    uint8_t *at; /* NULL: none yet */
    size_t left; /* bytes */
} run;

struct heap {
    struct free_block *free[CLASSES]; /* by size / STEP - 1 */
    run runs[CLASSES];
    region *regions; /* the newest first: runs are cut from it */
    size_t used;     /* bytes of it */
};

heap *heap_new(void)
{
    heap *h = sim_alloc(sizeof *h);
    h->used = REGION_BYTES;
    return h;
}

void heap_free(heap *h)
{
    if (h == NULL) return;
    while (h->regions != NULL) {
        region *next = h->regions->next;
        free(h->regions);
        h->regions = next;
    }
    free(h);
}

static void region_add(heap *h)
{
    region *r = sim_huge(REGION_BYTES);
    r->next = h->regions;
    h->regions = r;
    h->used = sizeof *r;
}

static void run_add(heap *h, run *r)
{
    if (REGION_BYTES - h->used < RUN_BYTES) region_add(h);
    *r = (run){(uint8_t *)h->regions + h->used, RUN_BYTES};
    h->used += RUN_BYTES;
}

static bool is_small(size_t len)
{
    return len <= SMALL_MAX && !HEAP_CHECKED;
}

static size_t class_of(size_t len)
{
    PU_ASSERT(len > 0);
    return (len - 1) / STEP;
}

static void *small_take(heap *h, size_t len)
{
    size_t class = class_of(len), size = (class + 1) * STEP;
    struct free_block *block = h->free[class];
    if (block != NULL) {
        h->free[class] = block->next;
        ahead(block->next, ASKED_BYTES); /* whoever takes it will write it */
        return block;
    }
    run *r = &h->runs[class];
    if (r->left < size) run_add(h, r);
    void *fresh = r->at;
    r->at += size;
    r->left -= size;
    return fresh;
}

static void small_give(heap *h, void *old, size_t len)
{
    struct free_block *block = old;
    block->next = h->free[class_of(len)];
    h->free[class_of(len)] = block;
}

static void *take(heap *h, size_t len)
{
    if (is_small(len)) return small_take(h, len);
    return len < REGION_BYTES ? sim_resize(NULL, len) : sim_huge(len);
}

static void give(heap *h, void *old, size_t len)
{
    if (is_small(len)) small_give(h, old, len);
    else free(old);
}

void *heap_resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    heap *h = ctx;
    PU_ASSERT((old == NULL) == (old_len == 0));
    if (new_len == 0) {
        if (old != NULL) give(h, old, old_len);
        return NULL;
    }
    if (old == NULL) return take(h, new_len);
    if (is_small(old_len) && is_small(new_len) && class_of(old_len) == class_of(new_len))
        return old;
    if (!is_small(old_len) && !is_small(new_len) && new_len < REGION_BYTES)
        return sim_resize(old, new_len);
    void *block = take(h, new_len);
    memcpy(block, old, old_len < new_len ? old_len : new_len);
    give(h, old, old_len);
    return block;
}
