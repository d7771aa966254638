/* net-real/ifaddr.h - the machine's addresses as they come and go, by netlink (rtnetlink(7)). */
#ifndef NET_REAL_IFADDR_H
#define NET_REAL_IFADDR_H

#include "net-real/loop.h"

typedef struct ifaddr ifaddr;

/* Watches addresses. changed is called for each that is there, before this returns, and then for
 * each that comes (gone false) or goes (gone true); port is 0. Tentative IPv6 addresses count when
 * they are usable. NULL: errno. */
ifaddr *ifaddr_open(loop *l, void (*changed)(void *ctx, const pu_endpoint *address, bool gone),
                    void *ctx);
void ifaddr_close(ifaddr *i);

#endif
