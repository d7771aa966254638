/* tests/unit/hex.h - bytes out of hexadecimal text, for vectors and captures that are kept as text.
 */
#ifndef TESTS_UNIT_HEX_H
#define TESTS_UNIT_HEX_H

#include "base/bytes.h"

static inline unsigned hex_digit(char c)
{
    PU_ASSERT((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Decodes lower-case hexadecimal into memory (cap bytes); blanks between bytes are skipped. */
static inline pu_span hex_bytes(const char *text, uint8_t *memory, size_t cap)
{
    size_t len = 0;
    for (const char *at = text; *at != 0;) {
        if (*at == ' ') {
            at++;
            continue;
        }
        PU_ASSERT(len < cap);
        memory[len++] = (uint8_t)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
        at += 2;
    }
    return span_of(memory, len);
}

#endif
