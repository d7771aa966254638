/* ident/multibase.c - two kinds of base: 16, 32, 64 shift bits; 36, 58 divide a long number.
 *
 * In the second kind each leading zero byte is one leading zero digit (Bitcoin's rule, which
 * multibase keeps for 36).
 */
#include "ident/multibase.h"

enum {
    /* digits that BASE_NUMBER_MAX bytes need in base 36, the smaller: 1024 / log2(36) is 198.1 */
    NUMBER_DIGITS_MAX = 199,
    NO_DIGIT = 255
};

typedef struct base_info {
    char prefix;          /* 0: none */
    bool upper;           /* letters are written in upper case */
    bool any_case;        /* letters are read in either case */
    uint8_t radix;        /* digits in the alphabet */
    uint8_t bits;         /* a digit; 0: the long number */
    const char *alphabet; /* radix characters, lower case when any_case */
} base_info;

static const char digits36[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char digits32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char digits58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char digits64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char digits64_garlic[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~";

static const base_info bases[] = {
    [BASE16] = {'f', false, true, 16, 4, digits36},
    [BASE16_UPPER] = {'F', true, true, 16, 4, digits36},
    [BASE32] = {'b', false, true, 32, 5, digits32},
    [BASE32_UPPER] = {'B', true, true, 32, 5, digits32},
    [BASE36] = {'k', false, true, 36, 0, digits36},
    [BASE36_UPPER] = {'K', true, true, 36, 0, digits36},
    [BASE58] = {'z', false, false, 58, 0, digits58},
    [BASE64_URL] = {'u', false, false, 64, 6, digits64_url},
    [BASE64_GARLIC] = {0, false, false, 64, 6, digits64_garlic},
};

enum { BASE_COUNT = sizeof bases / sizeof bases[0] };

static const base_info *info_of(enum base base)
{
    PU_ASSERT(base >= BASE16);
    PU_ASSERT((size_t)base < BASE_COUNT);
    return &bases[base];
}

static uint8_t character_of(const base_info *b, unsigned digit)
{
    PU_ASSERT(digit < b->radix);
    char c = b->alphabet[digit];
    return (uint8_t)(b->upper && c >= 'a' ? c - 'a' + 'A' : c);
}

static unsigned digit_of(const base_info *b, uint8_t character)
{
    uint8_t c = character;
    if (b->any_case && c >= 'A' && c <= 'Z') c = (uint8_t)(c - 'A' + 'a');
    for (unsigned digit = 0; digit < b->radix; digit++)
        if ((uint8_t)b->alphabet[digit] == c) return digit;
    return NO_DIGIT;
}

static void put_bits(pu_buf *out, const base_info *b, pu_span bytes)
{
    PU_ASSERT(b->bits > 0);
    PU_ASSERT(b->bits < 8);
    uint32_t held = 0; /* bits not written yet, the low `count` ones */
    unsigned count = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        held = held << 8 | bytes.base[i];
        for (count += 8; count >= b->bits; count -= b->bits)
            buf_put_u8(out, character_of(b, held >> (count - b->bits) & (b->radix - 1u)));
        held &= (1u << count) - 1u;
    }
    if (count > 0) buf_put_u8(out, character_of(b, held << (b->bits - count) & (b->radix - 1u)));
}

static bool get_bits(pu_buf *out, const base_info *b, pu_span digits)
{
    PU_ASSERT(b->bits > 0);
    uint32_t held = 0;
    unsigned count = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = digit_of(b, digits.base[i]);
        if (digit == NO_DIGIT) return false;
        held = held << b->bits | digit;
        count += b->bits;
        if (count < 8) continue;
        count -= 8;
        buf_put_u8(out, (uint8_t)(held >> count));
        held &= (1u << count) - 1u;
    }
    /* A whole unused digit, or an unused bit that is set, comes from no bytes. */
    return count < b->bits && held == 0 && !out->full;
}

/* A number in the given radix becomes itself times `by` plus `add`. Little-endian, *count digits.
 * False: it has more than cap digits. */
static bool number_push(uint8_t *number, size_t *count, size_t cap, unsigned radix, unsigned by,
                        unsigned add)
{
    PU_ASSERT(add < by);
    unsigned carry = add;
    for (size_t i = 0; i < *count; i++) {
        carry += number[i] * by;
        number[i] = (uint8_t)(carry % radix);
        carry /= radix;
    }
    for (; carry > 0; carry /= radix) {
        if (*count == cap) return false;
        number[(*count)++] = (uint8_t)(carry % radix);
    }
    return true;
}

static void put_number(pu_buf *out, const base_info *b, pu_span bytes)
{
    PU_ASSERT(bytes.len <= BASE_NUMBER_MAX);
    uint8_t number[NUMBER_DIGITS_MAX];
    size_t count = 0, zeros = 0;
    while (zeros < bytes.len && bytes.base[zeros] == 0) zeros++;
    for (size_t i = zeros; i < bytes.len; i++) {
        bool fits = number_push(number, &count, sizeof number, b->radix, 256, bytes.base[i]);
        PU_ASSERT(fits);
    }
    for (size_t i = 0; i < zeros; i++) buf_put_u8(out, character_of(b, 0));
    while (count > 0) buf_put_u8(out, character_of(b, number[--count]));
}

static bool get_number(pu_buf *out, const base_info *b, pu_span digits)
{
    PU_ASSERT(b->bits == 0);
    if (digits.len > NUMBER_DIGITS_MAX) return false;
    uint8_t number[BASE_NUMBER_MAX];
    size_t count = 0, zeros = 0;
    while (zeros < digits.len && digit_of(b, digits.base[zeros]) == 0) zeros++;
    for (size_t i = zeros; i < digits.len; i++) {
        unsigned digit = digit_of(b, digits.base[i]);
        if (digit == NO_DIGIT) return false;
        if (!number_push(number, &count, sizeof number, 256, b->radix, digit)) return false;
    }
    if (zeros + count > BASE_NUMBER_MAX) return false;
    for (size_t i = 0; i < zeros; i++) buf_put_u8(out, 0);
    while (count > 0) buf_put_u8(out, number[--count]);
    return !out->full;
}

void base_put(pu_buf *out, enum base base, pu_span bytes)
{
    const base_info *b = info_of(base);
    PU_ASSERT(bytes.base != NULL || bytes.len == 0);
    if (b->bits > 0) put_bits(out, b, bytes);
    else put_number(out, b, bytes);
}

bool base_get(pu_buf *out, enum base base, pu_span digits)
{
    const base_info *b = info_of(base);
    PU_ASSERT(digits.base != NULL || digits.len == 0);
    return b->bits > 0 ? get_bits(out, b, digits) : get_number(out, b, digits);
}

void multibase_put(pu_buf *out, enum base base, pu_span bytes)
{
    PU_ASSERT(info_of(base)->prefix != 0);
    buf_put_u8(out, (uint8_t)info_of(base)->prefix);
    base_put(out, base, bytes);
}

bool multibase_get(pu_buf *out, pu_span text)
{
    PU_ASSERT(out != NULL);
    if (text.len == 0 || text.base[0] == 0) return false;
    for (enum base base = BASE16; (size_t)base < BASE_COUNT; base++)
        if ((uint8_t)bases[base].prefix == text.base[0])
            return base_get(out, base, span_skip(text, 1));
    return false;
}
