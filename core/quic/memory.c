/* quic/memory.c - ngtcp2's memory: from the link's allocator, sizes kept in front.
 *
 * A connection that gets none once is lost. ngtcp2 does not say each time that it got none (a probe
 * that cannot be built is just not sent), and what it had begun stays half done; when it comes back
 * to it, it ends the process. So the shortage is noted here, where it cannot be missed: ngtcp2 is
 * not called for that connection again, but to free it. Its peer learns of it from a stateless
 * reset. */
#include "quic/quic_impl.h"

enum { HEAD_BYTES = 16 };

static void *resize(void *old, size_t len, void *ctx)
{
    quic_conn *c = ctx;
    const pu_alloc *alloc = link_alloc(c->link);
    uint8_t *block = old != NULL ? (uint8_t *)old - HEAD_BYTES : NULL;
    size_t old_len = 0;
    if (block != NULL) memcpy(&old_len, block, sizeof old_len);
    size_t new_len = len > 0 ? len + HEAD_BYTES : 0;
    block =
        len <= SIZE_MAX - HEAD_BYTES ? alloc->resize(alloc->ctx, block, old_len, new_len) : NULL;
    if (len == 0) return NULL;
    if (block == NULL) {
        c->is_short = true;
        if (c->qc != NULL) quic_conn_due(c);
        return NULL;
    }
    memcpy(block, &new_len, sizeof new_len);
    return block + HEAD_BYTES;
}

static void *take(size_t len, void *ctx)
{
    return resize(NULL, len > 0 ? len : 1, ctx);
}

static void release(void *block, void *ctx)
{
    if (block != NULL) (void)resize(block, 0, ctx);
}

static void *take_zeroes(size_t count, size_t len, void *ctx)
{
    if (len > 0 && count > SIZE_MAX / len) return NULL;
    void *block = take(count * len, ctx);
    if (block != NULL) memset(block, 0, count * len);
    return block;
}

static void *take_again(void *old, size_t len, void *ctx)
{
    return resize(old, len > 0 ? len : 1, ctx);
}

void quic_memory_begin(quic_conn *c)
{
    c->memory = (ngtcp2_mem){.user_data = c,
                             .malloc = take,
                             .free = release,
                             .calloc = take_zeroes,
                             .realloc = take_again};
}
