/* base/assumptions.h - what the core expects of the compiler and the machine: a port that differs
 * stops here. Included by one .c file; it declares nothing. */
#ifndef BASE_ASSUMPTIONS_H
#define BASE_ASSUMPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(CHAR_BIT == 8, "spans and messages are octets");
_Static_assert(sizeof(int) == 4, "promotion of 8- and 16-bit values keeps them exact in an int");
_Static_assert(sizeof(long long) == 8, "64-bit arithmetic is native to the language");
_Static_assert(sizeof(size_t) == 8, "sums of two lengths from the wire cannot overflow");
_Static_assert(sizeof(void *) == 8, "budgets of bytes a node are computed for 64-bit pointers");
_Static_assert(sizeof(bool) == 1, "flags in dense structs cost a byte");
_Static_assert(INT_MIN == -INT_MAX - 1, "signed numbers are two's complement");
_Static_assert((-1 & 3) == 3, "signed numbers are two's complement, bit by bit");
_Static_assert((int8_t)0xff == -1, "narrowing to a signed type keeps the low bits");
_Static_assert((-4 >> 1) == -2, "a right shift keeps the sign");
_Static_assert('A' == 0x41 && 'z' == 0x7a && '\n' == 0x0a, "text in messages is ASCII");

#endif
