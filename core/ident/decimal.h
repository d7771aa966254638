/* ident/decimal.h - whole numbers as decimal text, one text a number: no sign, no leading zeros. */
#ifndef IDENT_DECIMAL_H
#define IDENT_DECIMAL_H

#include "base/bytes.h"

/* Reads the whole of text. False: empty, not only digits, a leading zero, or above max. */
bool decimal_get(pu_span text, uint64_t max, uint64_t *value);

/* Appends value. */
void decimal_put(pu_buf *out, uint64_t value);

#endif
