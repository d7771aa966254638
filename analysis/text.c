/* analysis/text.c - see text.h. UTF-8 by RFC 3629. */
#include "analysis/text.h"

#include <string.h>

/* Bytes that a sequence beginning with first has; 0: none begins so. */
static size_t sequence_len(uint8_t first)
{
    if (first >= 0x20 && first < 0x7f) return 1;
    if (first >= 0xc2 && first < 0xe0) return 2;
    if (first >= 0xe0 && first < 0xf0) return 3;
    if (first >= 0xf0 && first < 0xf5) return 4;
    return 0;
}

size_t text_char(const uint8_t *bytes, size_t len)
{
    size_t need = len > 0 ? sequence_len(bytes[0]) : 0;
    if (need > len) return 0;
    for (size_t i = 1; i < need; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    }
    if (need < 2) return need;
    uint8_t first = bytes[0], second = bytes[1];
    if (first == 0xc2 && second < 0xa0) return 0;  /* C1 control characters */
    if (first == 0xe0 && second < 0xa0) return 0;  /* overlong */
    if (first == 0xed && second >= 0xa0) return 0; /* surrogates */
    if (first == 0xf0 && second < 0x90) return 0;  /* overlong */
    if (first == 0xf4 && second >= 0x90) return 0; /* above U+10FFFF */
    return need;
}

size_t text_escape(char *out, size_t cap, const uint8_t *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;
    for (size_t i = 0; i < len;) {
        char piece[4] = {'\\', 'x', hex[bytes[i] >> 4], hex[bytes[i] & 15]};
        size_t from = text_char(bytes + i, len - i), to = from;
        if (from == 0) {
            from = 1;
            to = 4;
        } else if (bytes[i] == '\\') {
            piece[1] = '\\';
            to = 2;
        } else {
            memcpy(piece, bytes + i, from);
        }
        if (used + to >= cap) break;
        memcpy(out + used, piece, to);
        used += to;
        i += from;
    }
    out[used] = '\0';
    return used;
}
