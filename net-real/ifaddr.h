/* net-real/ifaddr.h - the machine's addresses as they come and go, and interfaces that find a
 * network again, by netlink (rtnetlink(7)). */
#ifndef NET_REAL_IFADDR_H
#define NET_REAL_IFADDR_H

#include "net-real/loop.h"

typedef struct ifaddr ifaddr;

/* Who is told, with ctx. */
typedef struct ifaddr_events {
    /* An address has come, or (gone) gone; port is 0. Tentative IPv6 addresses count when they are
     * usable. */
    void (*changed)(void *ctx, const pu_endpoint *address, bool gone);
    /* An interface that had lost its network - the cable, the radio - has one again, and its
     * addresses, which no message is about, may be in another network now. */
    void (*returned)(void *ctx);
    void *ctx;
} ifaddr_events;

/* Watches addresses and interfaces. changed is called for each address that is there before this
 * returns. events is copied. NULL: errno. */
ifaddr *ifaddr_open(loop *l, const ifaddr_events *events);
void ifaddr_close(ifaddr *i);

#endif
