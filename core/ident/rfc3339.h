/* ident/rfc3339.h - points in time as text, "2026-11-23T21:00:00+01:00". */
#ifndef IDENT_RFC3339_H
#define IDENT_RFC3339_H

#include "base/bytes.h"

/* Reads a date-time of RFC 3339 section 5.6 as whole seconds since 1970 (a fraction is cut off; a
 * leap second is the second after it). False: it is not one, or the day or time does not exist. */
bool rfc3339_get(pu_span text, int64_t *unix_s);

#endif
