/* ident/ip.c - see ip.h. */
#include "ident/ip.h"

#include "ident/decimal.h"

enum { GROUPS = 8, IP4_TEXT_MAX = 15, IP6_TEXT_MAX = 45 };

/* Takes what comes before the next separator off *rest, and the separator. */
static pu_span split(pu_span *rest, uint8_t separator)
{
    PU_ASSERT(rest != NULL);
    size_t at = 0;
    while (at < rest->len && rest->base[at] != separator) at++;
    pu_span head = span_head(*rest, at);
    *rest = span_skip(*rest, at < rest->len ? at + 1 : at);
    return head;
}

bool ip4_get(pu_span text, uint8_t ip[4])
{
    PU_ASSERT(text.base != NULL || text.len == 0);
    if (text.len == 0 || text.len > IP4_TEXT_MAX) return false;
    if (text.base[text.len - 1] == '.') return false; /* split would not see the empty last part */
    for (size_t i = 0; i < 4; i++) {
        uint64_t value;
        if (!decimal_get(split(&text, '.'), 255, &value)) return false;
        ip[i] = (uint8_t)value;
    }
    return text.len == 0;
}

static bool group_get(pu_span text, uint8_t group[2])
{
    PU_ASSERT(group != NULL);
    if (text.len == 0 || text.len > 4) return false;
    unsigned value = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned c = text.base[i], digit;
        if (c >= '0' && c <= '9') digit = c - '0';
        else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
        else return false;
        value = value << 4 | digit;
    }
    store_be16(group, (uint16_t)value);
    return true;
}

/* Reads groups joined by ':', at most 16 bytes of them, into out; empty text is no groups. */
static bool groups_get(pu_span text, uint8_t out[16], size_t *len)
{
    PU_ASSERT(len != NULL);
    *len = 0;
    if (text.len > 0 && text.base[text.len - 1] == ':') return false; /* as in ip4_get */
    while (text.len > 0) {
        pu_span group = split(&text, ':');
        if (*len <= 12 && text.len == 0 && ip4_get(group, out + *len)) {
            *len += 4;
        } else if (*len <= 14 && group_get(group, out + *len)) {
            *len += 2;
        } else {
            return false;
        }
    }
    return true;
}

/* Where the first "::" begins; text.len when there is none. */
static size_t find_gap(pu_span text)
{
    PU_ASSERT(text.len <= IP6_TEXT_MAX);
    for (size_t i = 0; i + 1 < text.len; i++)
        if (text.base[i] == ':' && text.base[i + 1] == ':') return i;
    return text.len;
}

bool ip6_get(pu_span text, uint8_t ip[16])
{
    PU_ASSERT(text.base != NULL || text.len == 0);
    if (text.len == 0 || text.len > IP6_TEXT_MAX) return false;
    size_t gap = find_gap(text), head_len, tail_len;
    if (gap == text.len) return groups_get(text, ip, &head_len) && head_len == 16;

    uint8_t head[16], tail[16];
    pu_span before = span_head(text, gap);
    for (size_t i = 0; i < before.len; i++)
        if (before.base[i] == '.') return false; /* a quad may only be last */
    if (!groups_get(before, head, &head_len)) return false;
    if (!groups_get(span_skip(text, gap + 2), tail, &tail_len)) return false;
    if (head_len + tail_len > 14) return false;
    memset(ip, 0, 16);
    memcpy(ip, head, head_len);
    memcpy(ip + 16 - tail_len, tail, tail_len);
    return true;
}

void ip4_put(pu_buf *out, const uint8_t ip[4])
{
    PU_ASSERT(out != NULL);
    for (size_t i = 0; i < 4; i++) {
        if (i > 0) buf_put_u8(out, '.');
        decimal_put(out, ip[i]);
    }
}

static void group_put(pu_buf *out, unsigned group)
{
    static const char digits[] = "0123456789abcdef";
    PU_ASSERT(group <= UINT16_MAX);
    unsigned shift = 12;
    while (shift > 0 && group >> shift == 0) shift -= 4;
    for (;; shift -= 4) {
        buf_put(out, &digits[group >> shift & 15], 1);
        if (shift == 0) return;
    }
}

/* The longest run of zero groups, from *first, *count long; *count is 0 when no run has two. */
static void find_zeros(const uint16_t group[GROUPS], size_t *first, size_t *count)
{
    PU_ASSERT(first != count);
    *first = *count = 0;
    for (size_t at = 0; at < GROUPS; at++) {
        size_t end = at;
        while (end < GROUPS && group[end] == 0) end++;
        if (end - at < 2 || end - at <= *count) continue;
        *first = at;
        *count = end - at;
    }
}

void ip6_put(pu_buf *out, const uint8_t ip[16])
{
    PU_ASSERT(out != NULL);
    if (ip6_is_mapped(ip)) {
        buf_put(out, "::ffff:", 7);
        ip4_put(out, ip + 12);
        return;
    }
    uint16_t group[GROUPS];
    size_t first, count;
    for (size_t i = 0; i < GROUPS; i++) group[i] = load_be16(ip + 2 * i);
    find_zeros(group, &first, &count);
    for (size_t i = 0; i < GROUPS; i++) {
        if (count > 0 && i == first) {
            buf_put(out, "::", 2);
            i += count - 1;
            continue;
        }
        if (i > 0 && !(count > 0 && i == first + count)) buf_put_u8(out, ':');
        group_put(out, group[i]);
    }
}

bool ip6_is_mapped(const uint8_t ip[16])
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    PU_ASSERT(ip != NULL);
    return memcmp(ip, prefix, sizeof prefix) == 0;
}
