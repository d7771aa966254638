/* base/varint.h - multiformats unsigned varints: at most 9 bytes, minimal, below 2^63. */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include "base/bytes.h"

enum { VARINT_MAX_BYTES = 9 };

enum varint_result {
    VARINT_OK = 1,
    VARINT_MORE, /* the bytes end before the varint does */
    VARINT_BAD   /* not minimal, or longer than nine bytes */
};

/* Takes one varint off *in. in and *value are untouched unless the result is VARINT_OK. */
enum varint_result varint_get(pu_span *in, uint64_t *value);

/* Appends value in its minimal form. value must be below 2^63. */
void varint_put(pu_buf *out, uint64_t value);

/* Bytes of value's minimal form. */
size_t varint_size(uint64_t value);

/* Takes `varint(length) || length bytes` off *in into *body. VARINT_BAD also when length is above
 * max: a peer's length is compared before anything is waited for. VARINT_MORE: incomplete; *in is
 * untouched. */
enum varint_result varint_get_block(pu_span *in, size_t max, pu_span *body);

#endif
