/* net-real/dns.h - names looked up by c-ares on the loop: /dns, /dns4, /dns6 and /dnsaddr.
 *
 * Source: multiformats/multiaddr protocols/DNSADDR.md; /etc/hosts and resolv.conf are c-ares's.
 */
#ifndef NET_REAL_DNS_H
#define NET_REAL_DNS_H

#include "net-real/loop.h"
#include "peerup/node.h"

typedef struct dns dns;

/* answered is called once for each question, never before dns_ask returns: its token, a code, and
 * the found multiaddrs as the body of RESOLVED. servers: "ADDRESS:PORT,...", or NULL: those of
 * /etc/resolv.conf, read again when it changes. NULL: error says why. */
dns *dns_open(loop *l, const char *servers,
              void (*answered)(void *ctx, pu_token token, uint32_t code, pu_span multiaddrs),
              void *ctx, char *error, size_t cap);
/* Open questions get no answer. */
void dns_close(dns *d);

/* Asks for what of name, until deadline. The answer's code: OK, NO_ADDRESS (no such name, or
 * nothing of that sort), TIMEOUT, UNREACHABLE (the servers fail), INVALID (no name can be like
 * that), RESOURCE (too many at once), NO_MEMORY. */
void dns_ask(dns *d, pu_token token, enum pu_name what, pu_span name, pu_time deadline);

/* The next time at which dns_tick is due, and that call. */
pu_time dns_deadline(const dns *d);
void dns_tick(dns *d, pu_time now);

#endif
