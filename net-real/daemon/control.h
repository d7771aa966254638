/* net-real/daemon/control.h - requests to a running daemon: one JSON object a line over a Unix
 * socket, one line back for each, in the order in which they are done. The socket is its owner's
 * alone (mode 0600).
 *
 *   request                                             answer, beside "ok": true
 *   {"cmd":"status"}                                    peerup.status/1, docs/json.md
 *   {"cmd":"ping","peer":ID,"address":MULTIADDR?,"timeout_ms":N?}
 *                                                       rtt_ms, path, transport, notice?
 *   {"cmd":"connect","peer":ID,"service":NAME,"listen":"HOST:PORT","address":MULTIADDR?}
 *                                                       id, listen_address, path, limit_bytes,
 *                                                       limit_seconds, left_bytes, left_seconds,
 *                                                       notice?; once the peer has said that it
 *                                                       has the service, which answers there
 *                                                       ("no-answer": it does not)
 *   {"cmd":"disconnect","proxy":ID or "HOST:PORT"}      listen_address
 *   {"cmd":"stop"}
 *
 * An address is dialled in place of a relayed connection that carries no application's stream;
 * notice, for people, says why it is not, or that it has not answered.
 *
 * "ok": false comes with "code" (a word of enum pu_code, "usage", "unknown" or "unexpected") and
 * "error". The socket is between the parts of peerup; what programs should use is the daemon's HTTP
 * API, when it exists.
 */
#ifndef NET_REAL_DAEMON_CONTROL_H
#define NET_REAL_DAEMON_CONTROL_H

#include <jansson.h>
#include <stdbool.h>

#define PEERUP_VERSION "0.1.0"

enum { CONTROL_LINE_MAX = 65536 };

/* The other side: connects to path. -1: no daemon is there. */
int control_dial(const char *path);

/* Sends one request and waits for its answer, at most timeout_ms. NULL: the daemon is silent, or
 * (*is_gone) has ended. */
json_t *control_ask(int fd, const json_t *request, int timeout_ms, bool *is_gone);

#endif
