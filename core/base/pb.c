/* base/pb.c - protobuf wire format, without recursion: an embedded message is a span, which its
 * reader opens itself. */
#include "base/pb.h"

#include "base/varint.h"

enum {
    PB_VARINT_MAX_BYTES = 10,       /* 64 bits in groups of seven */
    PB_FIELD_NO_MAX = (1 << 29) - 1 /* the largest field number that the format knows */
};

/* Unlike lengths of frames, numbers inside messages may be over-long and use all 64 bits. */
static bool take_varint(pu_span *rest, uint64_t *value)
{
    uint64_t got = 0;
    for (size_t i = 0; i < rest->len && i < PB_VARINT_MAX_BYTES; i++) {
        uint8_t byte = rest->base[i];
        if (i == PB_VARINT_MAX_BYTES - 1 && byte > 1) return false;
        got |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        *value = got;
        *rest = span_skip(*rest, i + 1);
        return true;
    }
    return false;
}

static bool take_bytes(pu_span *rest, uint64_t len, pu_span *bytes)
{
    if (len > rest->len) return false;
    *bytes = span_head(*rest, (size_t)len);
    *rest = span_skip(*rest, (size_t)len);
    return true;
}

/* Takes the value that belongs to field->wire. */
static bool take_value(pu_span *rest, pb_field *field)
{
    uint64_t len;
    pu_span fixed;
    switch (field->wire) {
    case PB_VARINT: return take_varint(rest, &field->num);
    case PB_FIXED64:
        if (!take_bytes(rest, 8, &fixed)) return false;
        field->num = load_le64(fixed.base);
        return true;
    case PB_BYTES: return take_varint(rest, &len) && take_bytes(rest, len, &field->bytes);
    case PB_FIXED32:
        if (!take_bytes(rest, 4, &fixed)) return false;
        field->num = load_le32(fixed.base);
        return true;
    default: return false; /* groups, and the two types that were never given a meaning */
    }
}

static bool take_field(pu_span *rest, pb_field *field)
{
    uint64_t key;
    if (!take_varint(rest, &key)) return false;
    if (key >> 3 == 0 || key >> 3 > PB_FIELD_NO_MAX) return false;
    *field = (pb_field){.no = (uint32_t)(key >> 3), .wire = (enum pb_wire)(key & 7)};
    return take_value(rest, field);
}

pb_in pb_in_of(pu_span message)
{
    PU_ASSERT(message.base != NULL || message.len == 0);
    return (pb_in){message, false};
}

bool pb_next(pb_in *in, pb_field *field)
{
    PU_ASSERT(in != NULL);
    PU_ASSERT(field != NULL);
    if (in->bad || in->rest.len == 0) return false;
    in->bad = !take_field(&in->rest, field);
    return !in->bad;
}

static void put_varint(pu_buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) buf_put_u8(out, (uint8_t)(value | 0x80));
    buf_put_u8(out, (uint8_t)value);
}

static void put_key(pu_buf *out, uint32_t no, enum pb_wire wire)
{
    PU_ASSERT(no >= 1);
    PU_ASSERT(no <= PB_FIELD_NO_MAX);
    put_varint(out, (uint64_t)no << 3 | (uint64_t)wire);
}

void pb_put_uint(pu_buf *out, uint32_t no, uint64_t value)
{
    put_key(out, no, PB_VARINT);
    put_varint(out, value);
}

void pb_put_bytes(pu_buf *out, uint32_t no, pu_span bytes)
{
    put_key(out, no, PB_BYTES);
    varint_put(out, bytes.len);
    buf_put_span(out, bytes);
}

size_t pb_open(pu_buf *out, uint32_t no)
{
    put_key(out, no, PB_BYTES);
    return out->len;
}

/* The length is known only now and must be minimal, so the body moves up to make room for it. */
void pb_close(pu_buf *out, size_t mark)
{
    PU_ASSERT(mark <= out->len);
    size_t body_len = out->len - mark;
    size_t shift = varint_size(body_len);
    if (out->full || shift > out->cap - out->len) {
        out->full = true;
        return;
    }
    memmove(out->base + mark + shift, out->base + mark, body_len);
    out->len = mark;
    varint_put(out, body_len);
    PU_ASSERT(out->len == mark + shift);
    out->len += body_len;
}

size_t pb_frame_open(pu_buf *out)
{
    PU_ASSERT(out != NULL);
    return out->len;
}

void pb_frame_close(pu_buf *out, size_t mark)
{
    pb_close(out, mark);
}
