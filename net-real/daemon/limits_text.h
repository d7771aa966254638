/* net-real/daemon/limits_text.h - what a relay allows a connection, in words. */
#ifndef NET_REAL_DAEMON_LIMITS_TEXT_H
#define NET_REAL_DAEMON_LIMITS_TEXT_H

#include <stdint.h>

enum { LIMITS_TEXT_MAX = 80 };

/* Writes limits into text: "128 KiB each way and 2 min". bytes are of each direction, s are
 * seconds; 0: there is no such limit. Both 0: nothing. Returns text. */
const char *limits_text(uint64_t bytes, uint64_t s, char text[LIMITS_TEXT_MAX]);

#endif
