/* base/bytes.h - spans, growing-once buffers, and loads and stores that do not care about alignment
 * or byte order. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "peerup/base.h"

#include <string.h>

/* The bytes of a string literal, without its terminator. */
#define SPAN_LITERAL(text) ((pu_span){(const uint8_t *)(text), sizeof(text) - 1})

static inline pu_span span_of(const void *base, size_t len)
{
    return (pu_span){base, len};
}

static inline bool span_equal(pu_span a, pu_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}

/* The span without its first count bytes. */
static inline pu_span span_skip(pu_span s, size_t count)
{
    PU_ASSERT(count <= s.len);
    return count == 0 ? s : (pu_span){s.base + count, s.len - count};
}

/* The first count bytes of the span. */
static inline pu_span span_head(pu_span s, size_t count)
{
    PU_ASSERT(count <= s.len);
    return (pu_span){s.base, count};
}

/* Bytes to write into memory of the caller. Writing past cap sets full and writes nothing more: ask
 * once, at the end. */
typedef struct pu_buf {
    uint8_t *base; /* borrowed; cap bytes */
    size_t len;    /* bytes written */
    size_t cap;    /* bytes that fit */
    bool full;     /* something did not fit; what is there is not to be used */
} pu_buf;

static inline pu_buf buf_of(void *base, size_t cap)
{
    return (pu_buf){base, 0, cap, false};
}

static inline pu_span buf_span(const pu_buf *b)
{
    return (pu_span){b->base, b->len};
}

/* Appends len bytes; nothing when they do not fit. */
static inline void buf_put(pu_buf *b, const void *bytes, size_t len)
{
    if (b->full || len > b->cap - b->len) {
        b->full = true;
        return;
    }
    if (len > 0) memcpy(b->base + b->len, bytes, len);
    b->len += len;
}

static inline void buf_put_span(pu_buf *b, pu_span s)
{
    buf_put(b, s.base, s.len);
}

static inline void buf_put_u8(pu_buf *b, uint8_t value)
{
    buf_put(b, &value, 1);
}

static inline uint16_t load_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)load_be16(p) << 16 | load_be16(p + 2);
}

static inline uint64_t load_be64(const uint8_t *p)
{
    return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

static inline uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_le64(const uint8_t *p)
{
    return (uint64_t)load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

static inline void store_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
    store_be16(p, (uint16_t)(v >> 16));
    store_be16(p + 2, (uint16_t)v);
}

static inline void store_be64(uint8_t *p, uint64_t v)
{
    store_be32(p, (uint32_t)(v >> 32));
    store_be32(p + 4, (uint32_t)v);
}

static inline void store_le32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static inline void store_le64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

#endif
