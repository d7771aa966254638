/* Addresses, see sockaddr.h. */
#include "net-real/sockaddr.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool endpoint_is_v4(const pu_endpoint *e)
{
    return memcmp(e->ip, mapped, sizeof mapped) == 0;
}

bool endpoint_is_none(const pu_endpoint *e)
{
    static const uint8_t zero[16];
    return e->port == 0 && memcmp(e->ip, zero, sizeof zero) == 0;
}

bool endpoint_is_any(const pu_endpoint *e)
{
    static const uint8_t zero[16];
    size_t skip = endpoint_is_v4(e) ? sizeof mapped : 0;
    return memcmp(e->ip + skip, zero, sizeof zero - skip) == 0;
}

socklen_t sockaddr_of(sockaddr_any *out, const pu_endpoint *e)
{
    *out = (sockaddr_any){0};
    if (endpoint_is_v4(e)) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(e->port);
        memcpy(&out->v4.sin_addr, e->ip + sizeof mapped, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(e->port);
    out->v6.sin6_scope_id = e->scope;
    memcpy(&out->v6.sin6_addr, e->ip, 16);
    return sizeof out->v6;
}

pu_endpoint endpoint_of_v4(const struct in_addr *ip, uint16_t port)
{
    pu_endpoint e = {.port = port};
    memcpy(e.ip, mapped, sizeof mapped);
    memcpy(e.ip + sizeof mapped, ip, 4);
    return e;
}

pu_endpoint endpoint_of_v6(const struct in6_addr *ip, uint32_t scope, uint16_t port)
{
    bool is_link_local = IN6_IS_ADDR_LINKLOCAL(ip);
    pu_endpoint e = {.port = port, .scope = is_link_local ? scope : 0};
    memcpy(e.ip, ip, 16);
    return e;
}

pu_endpoint endpoint_of(const sockaddr_any *in)
{
    if (in->any.sa_family == AF_INET)
        return endpoint_of_v4(&in->v4.sin_addr, ntohs(in->v4.sin_port));
    return endpoint_of_v6(&in->v6.sin6_addr, in->v6.sin6_scope_id, ntohs(in->v6.sin6_port));
}
