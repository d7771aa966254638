/* wire/wire_text.c - see wire_text.h. */
#include "wire/wire_text.h"

bool text_is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

pu_span text_trim(pu_span s)
{
    while (s.len > 0 && text_is_blank(s.base[0])) s = span_skip(s, 1);
    while (s.len > 0 && text_is_blank(s.base[s.len - 1])) s = span_head(s, s.len - 1);
    return s;
}

bool text_is(pu_span s, const char *text)
{
    return span_equal(s, span_of(text, strlen(text)));
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool text_is_like(pu_span s, const char *text)
{
    if (s.len != strlen(text)) return false;
    for (size_t i = 0; i < s.len; i++)
        if (lower(s.base[i]) != lower((uint8_t)text[i])) return false;
    return true;
}

bool text_number(pu_span text, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.base[i] < '0' || text.base[i] > '9') return false;
        uint64_t digit = (uint64_t)(text.base[i] - '0');
        if (digit > max || sum > (max - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    if (text.len == 0) return false;
    *value = sum;
    return true;
}

bool text_until(pu_span *rest, uint8_t end, pu_span *before)
{
    size_t len = 0;
    while (len < rest->len && rest->base[len] != end) len++;
    if (len == rest->len) return false;
    *before = span_head(*rest, len);
    *rest = span_skip(*rest, len + 1);
    return true;
}

void text_put(pu_buf *out, const char *text)
{
    buf_put(out, text, strlen(text));
}
