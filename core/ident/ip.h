/* ident/ip.h - IP addresses as text: read as RFC 4291 says, written as RFC 5952 says. */
#ifndef IDENT_IP_H
#define IDENT_IP_H

#include "base/bytes.h"

/* Reads four decimal numbers without leading zeros. False: anything else; ip may be half set. */
bool ip4_get(pu_span text, uint8_t ip[4]);

/* Reads eight groups of up to four hexadecimal digits; one "::" may stand for one or more zero
 * groups, and the last two groups may be a dotted quad. False: anything else (a %zone, too); ip may
 * be half written. */
bool ip6_get(pu_span text, uint8_t ip[16]);

/* Appends "a.b.c.d". */
void ip4_put(pu_buf *out, const uint8_t ip[4]);

/* Appends the canonical text: lower case, the longest run of two or more zero groups as "::", the
 * first of equals. Mapped IPv4 is written "::ffff:a.b.c.d". */
void ip6_put(pu_buf *out, const uint8_t ip[16]);

/* Whether ip is an IPv4 address in its mapped form, ::ffff:a.b.c.d. */
bool ip6_is_mapped(const uint8_t ip[16]);

#endif
