/* ident/multibase.h - bytes as text, in the bases that peer ids and multiaddrs use.
 *
 * Decoding takes exactly what encoding can make, but for the case of letters in bases 16, 32 and
 * 36: unused bits must be zero and lengths that no bytes have are refused, so two texts of one base
 * never mean the same bytes.
 */
#ifndef IDENT_MULTIBASE_H
#define IDENT_MULTIBASE_H

#include "base/bytes.h"

enum {
    BASE_NUMBER_MAX = 128 /* bytes that bases 36 and 58 take: their cost grows with its square */
};

/* The bases. All but the last have a multibase prefix. */
enum base {
    BASE16 = 1,   /* 'f' */
    BASE16_UPPER, /* 'F' */
    BASE32,       /* 'b', RFC 4648 without padding */
    BASE32_UPPER, /* 'B' */
    BASE36,       /* 'k' */
    BASE36_UPPER, /* 'K' */
    BASE58,       /* 'z', Bitcoin's alphabet */
    BASE64_URL,   /* 'u', RFC 4648 without padding */
    BASE64_GARLIC /* I2P's alphabet: '-' for '+' and '~' for '/'; padding is the caller's */
};

/* Appends the digits of bytes, without a prefix. In bases 36 and 58 bytes must not be longer than
 * BASE_NUMBER_MAX. */
void base_put(pu_buf *out, enum base base, pu_span bytes);

/* Appends the bytes that digits stand for. False: a character is no digit, the length or the unused
 * bits are impossible, or the bytes do not fit into out (or BASE_NUMBER_MAX); what is in out is
 * then not to be used. */
bool base_get(pu_buf *out, enum base base, pu_span digits);

/* Appends the prefix of base and the digits of bytes, as base_put. */
void multibase_put(pu_buf *out, enum base base, pu_span bytes);

/* Appends the bytes of a prefixed text. False: as base_get, or no base above has that prefix. */
bool multibase_get(pu_buf *out, pu_span text);

#endif
