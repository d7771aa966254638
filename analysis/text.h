/* analysis/text.h - bytes that others chose, made harmless: a run database and a report hold
 * printable UTF-8 only. */
#ifndef ANALYSIS_TEXT_H
#define ANALYSIS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Length in bytes, 1 to 4, of the printable UTF-8 character at the start of bytes; 0 if there is
 * none (a control character, a broken or overlong sequence, or len is 0). */
size_t text_char(const uint8_t *bytes, size_t len);

/* Writes bytes to out as one printable line, what is not printable as \xNN and \ as \\,
 * zero-terminated and cut to cap bytes at a whole character; cap is at least 1. Returns its length.
 */
size_t text_escape(char *out, size_t cap, const uint8_t *bytes, size_t len);

#endif
