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
 * the found multiaddrs as the body of RESOLVED. NULL: error says why. */
dns *dns_open(loop *l,
              void (*answered)(void *ctx, pu_token token, uint32_t code, pu_span multiaddrs),
              void *ctx, char *error, size_t cap);
/* Open questions get no answer. */
void dns_close(dns *d);

/* Asks for what of name, until deadline. */
void dns_ask(dns *d, pu_token token, enum pu_name what, pu_span name, pu_time deadline);

/* The next time at which dns_tick is due, and that call. */
pu_time dns_deadline(const dns *d);
void dns_tick(dns *d, pu_time now);

#endif
