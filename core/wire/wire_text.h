/* wire/wire_text.h - ASCII text as HTTP and XML have it: blanks, letters of either case, numbers.
 */
#ifndef WIRE_TEXT_H
#define WIRE_TEXT_H

#include "base/bytes.h"

/* A space, a tab, or an end of line. */
bool text_is_blank(uint8_t byte);

/* s without the blanks around it. */
pu_span text_trim(pu_span s);

/* Whether s is that text; the second takes letters of either case for the same. */
bool text_is(pu_span s, const char *text);
bool text_is_like(pu_span s, const char *text);

/* Reads the whole of text as a decimal number, leading zeros allowed. False: empty, not only
 * digits, or above max; *value is untouched then. */
bool text_number(pu_span text, uint64_t max, uint64_t *value);

/* Takes bytes off the front of *rest up to `end`, which is taken too. False: there is none; nothing
 * is taken. */
bool text_until(pu_span *rest, uint8_t end, pu_span *before);

/* Appends text. */
void text_put(pu_buf *out, const char *text);

#endif
