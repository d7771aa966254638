/* base/chunks.c - a list of blocks. A block is as large as what it is made for, within limits, so
 * that many small appends share one. */
#include "base/chunks.h"

enum { CHUNK_LEAST_BYTES = 512, CHUNK_MOST_BYTES = 16384 };

struct chunk {
    struct chunk *next;
    uint32_t head, len, cap; /* first waiting byte, waiting bytes, bytes that fit */
    uint8_t bytes[];
};

static struct chunk *chunk_new(const pu_alloc *alloc, size_t need)
{
    uint32_t cap = need < CHUNK_LEAST_BYTES  ? CHUNK_LEAST_BYTES
                   : need > CHUNK_MOST_BYTES ? CHUNK_MOST_BYTES
                                             : (uint32_t)need;
    struct chunk *c = alloc->resize(alloc->ctx, NULL, 0, sizeof *c + cap);
    if (c == NULL) return NULL;
    c->next = NULL;
    c->head = c->len = 0;
    c->cap = cap;
    return c;
}

static void chunk_free(const pu_alloc *alloc, struct chunk *c)
{
    mem_free(alloc, c, sizeof *c + c->cap);
}

/* Appends what fits into c; returns the rest. */
static pu_span fill(struct chunk *c, pu_span bytes)
{
    size_t room = c->cap - c->head - c->len;
    size_t count = bytes.len < room ? bytes.len : room;
    if (count > 0) memcpy(c->bytes + c->head + c->len, bytes.base, count);
    c->len += (uint32_t)count;
    return span_skip(bytes, count);
}

/* New blocks for what does not fit into the last one; NULL in *first: none needed. */
static bool prepare(const pu_alloc *alloc, struct chunk **first, struct chunk **last, size_t need)
{
    *first = *last = NULL;
    while (need > 0) {
        struct chunk *c = chunk_new(alloc, need);
        if (c == NULL) {
            while ((c = *first) != NULL) {
                *first = c->next;
                chunk_free(alloc, c);
            }
            return false;
        }
        if (*last != NULL) (*last)->next = c;
        else *first = c;
        *last = c;
        need -= need < c->cap ? need : c->cap;
    }
    return true;
}

bool chunks_append(chunks *q, const pu_alloc *alloc, pu_span bytes)
{
    PU_ASSERT(q != NULL);
    struct chunk *tail = q->last, *first, *last;
    size_t room = tail != NULL ? tail->cap - tail->head - tail->len : 0;
    if (!prepare(alloc, &first, &last, bytes.len > room ? bytes.len - room : 0)) return false;

    q->len += bytes.len;
    if (tail != NULL) bytes = fill(tail, bytes);
    if (first == NULL) return true;
    if (tail != NULL) tail->next = first;
    else q->first = first;
    q->last = last;
    for (struct chunk *c = first; c != NULL; c = c->next) bytes = fill(c, bytes);
    PU_ASSERT(bytes.len == 0);
    return true;
}

pu_span chunks_first(const chunks *q)
{
    const struct chunk *c = q->first;
    return c != NULL ? span_of(c->bytes + c->head, c->len) : span_of(NULL, 0);
}

void chunks_drop(chunks *q, const pu_alloc *alloc, uint64_t count)
{
    PU_ASSERT(count <= q->len);
    q->len -= count;
    while (count > 0) {
        struct chunk *c = q->first;
        PU_ASSERT(c != NULL);
        uint32_t take = count < c->len ? (uint32_t)count : c->len;
        count -= take;
        c->head += take;
        c->len -= take;
        if (c->len > 0) break;
        q->first = c->next;
        if (q->first == NULL) q->last = NULL;
        chunk_free(alloc, c);
    }
}

void chunks_join(chunks *q, chunks *from)
{
    PU_ASSERT(q != from);
    if (from->first == NULL) return;
    if (q->last != NULL) q->last->next = from->first;
    else q->first = from->first;
    q->last = from->last;
    q->len += from->len;
    *from = (chunks){0};
}

void chunks_free(chunks *q, const pu_alloc *alloc)
{
    chunks_drop(q, alloc, q->len);
    PU_ASSERT(q->first == NULL);
}
