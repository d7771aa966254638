/* quic/backlog.c - a list of blocks with two ends and a point between: appended behind, sent at the
 * point, freed in front. A block is as large as what it is made for, within limits. */
#include "quic/quic_impl.h"

enum { BLOCK_LEAST_BYTES = 1024, BLOCK_MOST_BYTES = 16384 };

struct backlog_block {
    struct backlog_block *next;
    uint64_t start; /* absolute offset of its first byte */
    uint32_t len, cap;
    uint8_t bytes[];
};

static struct backlog_block *block_new(const pu_alloc *alloc, size_t need)
{
    uint32_t cap = need < BLOCK_LEAST_BYTES  ? BLOCK_LEAST_BYTES
                   : need > BLOCK_MOST_BYTES ? BLOCK_MOST_BYTES
                                             : (uint32_t)need;
    struct backlog_block *block = alloc->resize(alloc->ctx, NULL, 0, sizeof *block + cap);
    if (block == NULL) return NULL;
    block->next = NULL;
    block->start = 0;
    block->len = 0;
    block->cap = cap;
    return block;
}

static void block_free(const pu_alloc *alloc, struct backlog_block *block)
{
    mem_free(alloc, block, sizeof *block + block->cap);
}

/* Blocks for need bytes, chained; NULL: no memory, or none needed. */
static struct backlog_block *blocks_new(const pu_alloc *alloc, size_t need)
{
    struct backlog_block *first = NULL, **end = &first;
    while (need > 0) {
        struct backlog_block *block = block_new(alloc, need);
        if (block == NULL) break;
        *end = block;
        end = &block->next;
        need -= need < block->cap ? need : block->cap;
    }
    if (need == 0) return first;
    while (first != NULL) {
        struct backlog_block *next = first->next;
        block_free(alloc, first);
        first = next;
    }
    return NULL;
}

/* Copies what fits into the block, which becomes the point if nothing waited; returns the rest. */
static pu_span fill(backlog *b, struct backlog_block *block, pu_span bytes)
{
    size_t room = block->cap - block->len;
    size_t count = bytes.len < room ? bytes.len : room;
    if (count == 0) return bytes;
    if (b->at == NULL) {
        b->at = block;
        b->at_offset = block->len;
    }
    memcpy(block->bytes + block->len, bytes.base, count);
    block->len += (uint32_t)count;
    b->end += count;
    return span_skip(bytes, count);
}

bool quic_backlog_append(backlog *b, const pu_alloc *alloc, pu_span bytes)
{
    PU_ASSERT(b->sent <= b->end);
    size_t room = b->last != NULL ? b->last->cap - b->last->len : 0;
    size_t need = bytes.len > room ? bytes.len - room : 0;
    struct backlog_block *block = blocks_new(alloc, need);
    if (need > 0 && block == NULL) return false;
    if (b->last != NULL) bytes = fill(b, b->last, bytes);
    while (block != NULL) {
        struct backlog_block *next = block->next;
        block->next = NULL;
        block->start = b->end;
        if (b->last != NULL) b->last->next = block;
        else b->first = block;
        b->last = block;
        bytes = fill(b, block, bytes);
        block = next;
    }
    PU_ASSERT(bytes.len == 0);
    return true;
}

size_t quic_backlog_next(const backlog *b, ngtcp2_vec *pieces, size_t max, size_t enough)
{
    size_t count = 0, len = 0;
    uint32_t from = b->at_offset;
    struct backlog_block *block = b->at;
    for (; block != NULL && count < max && len < enough; block = block->next) {
        pieces[count] = (ngtcp2_vec){block->bytes + from, block->len - from};
        len += pieces[count++].len;
        from = 0;
    }
    return count;
}

void quic_backlog_sent(backlog *b, uint64_t count)
{
    PU_ASSERT(count <= b->end - b->sent);
    b->sent += count;
    while (count > 0) {
        uint32_t left = b->at->len - b->at_offset;
        uint32_t take = count < left ? (uint32_t)count : left;
        b->at_offset += take;
        count -= take;
        if (b->at_offset < b->at->len) break;
        b->at = b->at->next;
        b->at_offset = 0;
    }
    PU_ASSERT((b->at == NULL) == (b->sent == b->end));
}

void quic_backlog_acked(backlog *b, const pu_alloc *alloc, uint64_t offset)
{
    PU_ASSERT(offset >= b->acked);
    PU_ASSERT(offset <= b->sent);
    b->acked = offset;
    while (b->first != NULL && b->first->start + b->first->len <= offset) {
        struct backlog_block *block = b->first;
        b->first = block->next;
        if (b->first == NULL) b->last = NULL;
        block_free(alloc, block);
    }
}

void quic_backlog_free(backlog *b, const pu_alloc *alloc)
{
    while (b->first != NULL) {
        struct backlog_block *next = b->first->next;
        block_free(alloc, b->first);
        b->first = next;
    }
    b->last = b->at = NULL;
}
