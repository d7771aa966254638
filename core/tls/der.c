/* tls/der.c - see der.h. */
#include "tls/der.h"

#include "ident/rfc3339.h"

enum {
    LONG_FORM = 0x80,       /* of a length: the other bits count the bytes that follow */
    LENGTH_BYTES_MAX = 3,   /* of such a length: nothing here is longer than 16 MiB */
    HIGH_TAG = 0x1f,        /* of a tag: it goes on in the next byte */
    CENTURY_TURN_YEAR = 50, /* of UTCTime: below it is 20xx */
};

/* Takes a length off *in. */
static bool take_length(pu_span *in, size_t *length)
{
    if (in->len == 0) return false;
    uint8_t first = in->base[0];
    *in = span_skip(*in, 1);
    if (first < LONG_FORM) {
        *length = first;
        return true;
    }
    size_t count = first & (LONG_FORM - 1);
    if (count == 0 || count > LENGTH_BYTES_MAX || count > in->len) return false;
    if (in->base[0] == 0) return false;
    size_t value = 0;
    for (size_t i = 0; i < count; i++) value = value << 8 | in->base[i];
    *in = span_skip(*in, count);
    *length = value;
    return value >= LONG_FORM;
}

bool der_next(pu_span *in, der_item *item)
{
    PU_ASSERT(in != NULL);
    pu_span rest = *in;
    size_t length;
    if (rest.len == 0 || (rest.base[0] & HIGH_TAG) == HIGH_TAG) return false;
    uint8_t tag = rest.base[0];
    rest = span_skip(rest, 1);
    if (!take_length(&rest, &length) || length > rest.len) return false;
    *item = (der_item){.tag = tag, .value = span_head(rest, length)};
    rest = span_skip(rest, length);
    item->whole = span_head(*in, in->len - rest.len);
    *in = rest;
    return true;
}

bool der_is_next(pu_span in, uint8_t tag)
{
    return in.len > 0 && in.base[0] == tag;
}

bool der_take(pu_span *in, uint8_t tag, der_item *item)
{
    PU_ASSERT(in != NULL);
    return der_is_next(*in, tag) && der_next(in, item);
}

bool der_bits(const der_item *item, pu_span *bytes)
{
    PU_ASSERT(item->tag == DER_BIT_STRING);
    if (item->value.len == 0 || item->value.base[0] != 0) return false;
    *bytes = span_skip(item->value, 1);
    return true;
}

/* Appends count characters of *digits and takes them off. */
static void put_digits(pu_buf *text, pu_span *digits, size_t count)
{
    buf_put_span(text, span_head(*digits, count));
    *digits = span_skip(*digits, count);
}

bool der_time(const der_item *item, int64_t *unix_s)
{
    PU_ASSERT(item->tag == DER_UTC_TIME || item->tag == DER_GENERALIZED_TIME);
    bool is_short = item->tag == DER_UTC_TIME;
    pu_span rest = item->value;
    if (rest.len != (is_short ? 13u : 15u) || rest.base[rest.len - 1] != 'Z') return false;

    /* The same digits with the punctuation of RFC 3339, which has a reader. */
    uint8_t memory[24];
    pu_buf text = buf_of(memory, sizeof memory);
    if (is_short) {
        int year = (rest.base[0] - '0') * 10 + rest.base[1] - '0';
        buf_put_span(&text, year < CENTURY_TURN_YEAR ? SPAN_LITERAL("20") : SPAN_LITERAL("19"));
    } else {
        put_digits(&text, &rest, 2);
    }
    put_digits(&text, &rest, 2);
    for (const char *mark = "--T::"; *mark != 0; mark++) {
        buf_put_u8(&text, (uint8_t)*mark);
        put_digits(&text, &rest, 2);
    }
    put_digits(&text, &rest, 1);
    PU_ASSERT(!text.full);
    return rfc3339_get(buf_span(&text), unix_s);
}

void der_put(pu_buf *out, uint8_t tag, pu_span value)
{
    PU_ASSERT(value.len < (size_t)1 << 16);
    buf_put_u8(out, tag);
    if (value.len >= 256) {
        buf_put_u8(out, LONG_FORM | 2);
        buf_put_u8(out, (uint8_t)(value.len >> 8));
    } else if (value.len >= LONG_FORM) {
        buf_put_u8(out, LONG_FORM | 1);
    }
    buf_put_u8(out, (uint8_t)value.len);
    buf_put_span(out, value);
}
