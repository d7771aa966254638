/* wire/wire_url.h - the addresses that UPnP devices name: http URLs of hosts without names (RFC
 * 3986, UPnP Device Architecture 2.0 section 1). */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include "base/bytes.h"

enum { WIRE_URL_PATH_MAX = 256, WIRE_URL_MAX = WIRE_URL_PATH_MAX + 64 };

/* path begins with '/' and goes to the end of the query; printable ASCII without blanks. */
typedef struct wire_url {
    pu_endpoint at; /* IPv4 in its mapped form; scope 0 */
    uint16_t path_len;
    uint8_t path[WIRE_URL_PATH_MAX];
} wire_url;

/* Reads an absolute URL. False: not http, its host is not the number of an address, user or zone
 * are named, port 0, too long, or a byte that no URL has. A fragment is left out. */
bool wire_url_read(wire_url *u, pu_span text);

/* Reads a reference as it is found at base: absolute, from the root ("/a"), beside base ("a"), or
 * empty. "." and ".." are left as they are. False: as above, or a reference of another sort. */
bool wire_url_resolve(wire_url *u, const wire_url *base, pu_span reference);

pu_span wire_url_path(const wire_url *u);

/* Appends "http://HOST:PORT/PATH", or its host and port alone. */
void wire_url_write(pu_buf *out, const wire_url *u);
void wire_url_write_host(pu_buf *out, const wire_url *u);

#endif
