/* net-real/sockaddr.h - pu_endpoint to and from the kernel's addresses. */
#ifndef NET_REAL_SOCKADDR_H
#define NET_REAL_SOCKADDR_H

#include "peerup/base.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* Room for either family. */
typedef union sockaddr_any {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} sockaddr_any;

/* Whether e is an IPv4 address (mapped), any or none included. */
bool endpoint_is_v4(const pu_endpoint *e);

/* Whether e has neither address nor port. */
bool endpoint_is_none(const pu_endpoint *e);

/* Whether e's address stands for every one of its family, or of both: 0.0.0.0 or ::. */
bool endpoint_is_any(const pu_endpoint *e);

/* Writes e as an address of its own family and returns its length. */
socklen_t sockaddr_of(sockaddr_any *out, const pu_endpoint *e);

/* Reads an address of either family. */
pu_endpoint endpoint_of(const sockaddr_any *in);

/* The endpoint of an IPv4 address in network order. */
pu_endpoint endpoint_of_v4(const struct in_addr *ip, uint16_t port);

/* The endpoint of an IPv6 address. */
pu_endpoint endpoint_of_v6(const struct in6_addr *ip, uint32_t scope, uint16_t port);

#endif
