/* net-real/cli/host_port.h - HOST:PORT as people write it. */
#ifndef NET_REAL_CLI_HOST_PORT_H
#define NET_REAL_CLI_HOST_PORT_H

#include <stdbool.h>
#include <stdint.h>

enum { HOST_NAME_MAX_BYTES = 256 };

/* Reads HOST:PORT, [IPV6]:PORT, and, when usual is not NULL, also PORT and :PORT of that host. host
 * gets the name or the number without brackets. PORT is a number up to 65535. False: none of these.
 */
bool host_port_read(const char *text, const char *usual, char host[HOST_NAME_MAX_BYTES],
                    uint16_t *port);

#endif
