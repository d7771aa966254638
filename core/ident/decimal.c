/* ident/decimal.c - see decimal.h. A leading zero is refused: others take it for octal. */
#include "ident/decimal.h"

enum { DECIMAL_MAX = 20 }; /* digits of UINT64_MAX */

bool decimal_get(pu_span text, uint64_t max, uint64_t *value)
{
    PU_ASSERT(value != NULL);
    if (text.len == 0 || text.len > DECIMAL_MAX) return false;
    if (text.len > 1 && text.base[0] == '0') return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.base[i] < '0' || text.base[i] > '9') return false;
        uint64_t digit = (uint64_t)(text.base[i] - '0');
        if (digit > max || sum > (max - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

void decimal_put(pu_buf *out, uint64_t value)
{
    PU_ASSERT(out != NULL);
    uint8_t digits[DECIMAL_MAX];
    size_t at = sizeof digits;
    do {
        PU_ASSERT(at > 0);
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_put(out, digits + at, sizeof digits - at);
}
