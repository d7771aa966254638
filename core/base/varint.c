/* base/varint.c - multiformats unsigned varints, strict: some readers accept over-long ones, but
 * nobody writes them. */
#include "base/varint.h"

#define VARINT_VALUE_END (UINT64_C(1) << 63) /* values are below it */

enum varint_result varint_get(pu_span *in, uint64_t *value)
{
    PU_ASSERT(in != NULL);
    PU_ASSERT(value != NULL);
    uint64_t got = 0;
    for (size_t i = 0; i < in->len && i < VARINT_MAX_BYTES; i++) {
        uint8_t byte = in->base[i];
        got |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        if (byte == 0 && i > 0) return VARINT_BAD;
        *value = got;
        *in = span_skip(*in, i + 1);
        return VARINT_OK;
    }
    return in->len < VARINT_MAX_BYTES ? VARINT_MORE : VARINT_BAD;
}

void varint_put(pu_buf *out, uint64_t value)
{
    PU_ASSERT(out != NULL);
    PU_ASSERT(value < VARINT_VALUE_END);
    for (; value >= 0x80; value >>= 7) buf_put_u8(out, (uint8_t)(value | 0x80));
    buf_put_u8(out, (uint8_t)value);
}

size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) size++;
    return size;
}

enum varint_result varint_get_block(pu_span *in, size_t max, pu_span *body)
{
    PU_ASSERT(in != NULL);
    PU_ASSERT(body != NULL);
    pu_span rest = *in;
    uint64_t len;
    enum varint_result got = varint_get(&rest, &len);
    if (got != VARINT_OK) return got;
    if (len > max) return VARINT_BAD;
    if (len > rest.len) return VARINT_MORE;
    *body = span_head(rest, (size_t)len);
    *in = span_skip(rest, (size_t)len);
    return VARINT_OK;
}
