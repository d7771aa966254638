/* net-real/daemon/limits_text.h - what a relay allows a connection, and what is left, in words. */
#ifndef NET_REAL_DAEMON_LIMITS_TEXT_H
#define NET_REAL_DAEMON_LIMITS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

enum { LIMITS_TEXT_MAX = 160 };

#define LIMITS_UNKNOWN UINT64_MAX /* what is left is not known, or there is no such limit */

/* The limits of one relayed connection. */
typedef struct relay_limits {
    uint64_t bytes, s;           /* of each direction, and seconds; 0: no such limit */
    uint64_t left_bytes, left_s; /* in the direction that has carried more; LIMITS_UNKNOWN */
} relay_limits;

/* Writes limits into text: "128 KiB each way and 2 min". bytes are of each direction, s are
 * seconds; 0: there is no such limit. Both 0: nothing. Returns text. */
const char *limits_text(uint64_t bytes, uint64_t s, char text[LIMITS_TEXT_MAX]);

/* The same with what is left: "128 KiB each way and 2 min, of which 97 KiB and 85 s are left". */
const char *limits_left_text(const relay_limits *l, char text[LIMITS_TEXT_MAX]);

#endif
