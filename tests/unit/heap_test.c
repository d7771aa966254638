/* tests/unit/heap_test.c - the simulator's heap: blocks keep their bytes, never overlap, and are
 * used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sim/heap.h"

#include <string.h>

int heap_test(void);

enum { BLOCKS = 500, OPERATIONS = 50000, ALIGNMENT = 16 };

typedef struct block {
    uint8_t *base;
    size_t len;
    uint8_t fill;
} block;

/* Sizes of every kind: small, about the largest small one, large, huge. */
static size_t draw_size(rng *r)
{
    uint64_t kind = rng_below(r, 1000);
    if (kind < 900) return (size_t)rng_below(r, 600) + 1;
    if (kind < 990) return (size_t)rng_below(r, 64) + 2016;
    return (size_t)rng_below(r, kind < 998 ? 100000 : 5000000) + 1;
}

static void check(const block *b, size_t len)
{
    for (size_t i = 0; i < len; i++) assert_int_equal(b->base[i], b->fill);
}

static void blocks_keep_their_bytes(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {4};
    static block blocks[BLOCKS];
    memset(blocks, 0, sizeof blocks);
    rng r;
    rng_init(&r, seed, 0);
    heap *h = heap_new();
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        block *b = &blocks[rng_below(&r, BLOCKS)];
        size_t len = rng_chance(&r, 1, 3) ? 0 : draw_size(&r);
        if (b->len > 4096) check(b, 4096);
        else check(b, b->len);
        size_t kept = len < b->len ? len : b->len;
        b->base = heap_resize(h, b->base, b->len, len);
        assert_int_equal(b->base != NULL, len > 0);
        assert_int_equal((uintptr_t)b->base % ALIGNMENT, 0);
        if (kept > 0) check(b, kept < 4096 ? kept : 4096);
        b->len = len;
        b->fill = (uint8_t)i;
        if (len > 0) memset(b->base, b->fill, len);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        check(&blocks[i], blocks[i].len);
        heap_resize(h, blocks[i].base, blocks[i].len, 0);
    }
    heap_free(h);
    heap_free(NULL);
}

int heap_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_keep_their_bytes),
    };
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
