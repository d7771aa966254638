/* Where the host listens, and which addresses of the node that makes; see host_impl.h. */
#include "net-real/host_impl.h"
#include "net-real/sockaddr.h"

#include <errno.h>
#include <string.h>

/* ---- what was asked for ---- */

static int refuse(char *error, size_t cap, const char *text, const char *why)
{
    if (error != NULL) snprintf(error, cap, "cannot listen on %s: %s", text, why);
    return PU_ERANGE;
}

/* Reads one text multiaddr. NULL, or what is wrong with it. */
static const char *read_listen(host_listen *out, const char *text)
{
    uint8_t maddr[PU_MADDR_MAX];
    size_t len;
    pu_addr a;
    if (pu_maddr_parse(maddr, sizeof maddr, &len, (pu_span){(const uint8_t *)text, strlen(text)},
                       NULL) != PU_OK ||
        pu_addr_read(&a, (pu_span){maddr, len}) != PU_OK)
        return "not a multiaddr";
    bool is_known = a.transport == PU_TRANSPORT_QUIC || a.transport == PU_TRANSPORT_TCP;
    if (a.dns) return "a name; listen on an address";
    if (a.circuit || !is_known || a.peer.len > 0)
        return "neither /ip4 or /ip6 with /udp/PORT/quic-v1 nor with /tcp/PORT";
    *out = (host_listen){a.endpoint, a.transport};
    return NULL;
}

/* ---- opening ---- */

/* All QUIC listeners share the MAIN port: a punched hole is that port's. So they agree on one, and
 * when they name different addresses MAIN takes all of them. */
static const char *quic_port(const pu_host *h, uint16_t *port, const pu_endpoint **only)
{
    bool is_first = true;
    *only = NULL;
    for (uint32_t i = 0; i < h->listen_count; i++) {
        const host_listen *n = &h->listens[i];
        if (n->transport != PU_TRANSPORT_QUIC) continue;
        if (!is_first && n->at.port != *port) return "all QUIC addresses must have the same port";
        *port = n->at.port;
        *only = is_first && !endpoint_is_any(&n->at) ? &n->at : NULL;
        is_first = false;
    }
    return NULL;
}

static int open_main(pu_host *h, char *error, size_t cap)
{
    uint16_t port = 0;
    const pu_endpoint *only;
    const char *wrong = quic_port(h, &port, &only);
    if (wrong != NULL) return refuse(error, cap, "several ports", wrong);
    host_port *main_port = &h->ports[0];
    udp *opened = udp_open(h->l, port, only, real_host_on_udp, main_port);
    *main_port = (host_port){h, PU_SOCKET_MAIN, opened, PU_NEVER};
    char what[32];
    snprintf(what, sizeof what, "UDP port %u", port);
    if (opened == NULL) return refuse(error, cap, what, strerror(errno));
    if (only != NULL) h->main_local = *only;
    h->main_local.port = udp_port(opened);
    for (uint32_t i = 0; i < h->listen_count; i++) {
        if (h->listens[i].transport == PU_TRANSPORT_QUIC) h->listens[i].at.port = udp_port(opened);
    }
    return PU_OK;
}

static int open_tcp(pu_host *h, host_listen *n, const char *text, char *error, size_t cap)
{
    if (tcp_listen(h->streams, n->at.port, &n->at, &n->at.port)) return PU_OK;
    return refuse(error, cap, text, strerror(errno));
}

int real_host_listen_all(pu_host *h, const pu_host_options *options, char *error, size_t cap)
{
    if (options->listen_count > HOST_LISTENS_MAX)
        return refuse(error, cap, options->listen[HOST_LISTENS_MAX], "too many addresses");
    for (size_t i = 0; i < options->listen_count; i++) {
        const char *wrong = read_listen(&h->listens[i], options->listen[i]);
        if (wrong != NULL) return refuse(error, cap, options->listen[i], wrong);
        h->listen_count++;
    }
    int result = open_main(h, error, cap);
    for (uint32_t i = 0; result == PU_OK && i < h->listen_count; i++) {
        if (h->listens[i].transport == PU_TRANSPORT_TCP)
            result = open_tcp(h, &h->listens[i], options->listen[i], error, cap);
    }
    return result;
}

bool pu_host_read_listens(const pu_host *h, uint32_t *cursor, pu_endpoint *at,
                          enum pu_transport *transport)
{
    if (*cursor >= h->listen_count) return false;
    const host_listen *n = &h->listens[(*cursor)++];
    *at = n->at;
    *transport = n->transport;
    return true;
}

/* ---- addresses ---- */

static void tell(pu_host *h, const pu_endpoint *local, enum pu_transport transport, uint32_t flags)
{
    pu_in in = {.kind = PU_IN_ADDR, .local = *local, .transport = transport, .flags = flags};
    if (transport == PU_TRANSPORT_QUIC) in.socket = PU_SOCKET_MAIN;
    if (!real_host_input(h, &in)) h->is_stopped = true;
}

static bool covers(const pu_endpoint *listen, const pu_endpoint *address)
{
    if (endpoint_is_v4(listen) != endpoint_is_v4(address)) return false;
    return endpoint_is_any(listen) || memcmp(listen->ip, address->ip, sizeof address->ip) == 0;
}

/* Tells the node of every endpoint that an address makes: those that listen, and where nothing
 * does, what a dial would come from, MAIN or a TCP port that the kernel chooses. */
static void tell_all(pu_host *h, const pu_endpoint *address, uint32_t gone)
{
    bool has_quic = false, has_tcp = false;
    pu_endpoint local = *address;
    for (uint32_t i = 0; i < h->listen_count; i++) {
        const host_listen *n = &h->listens[i];
        if (!covers(&n->at, address)) continue;
        local.port = n->at.port;
        tell(h, &local, n->transport, gone | PU_LISTEN);
        has_quic = has_quic || n->transport == PU_TRANSPORT_QUIC;
        has_tcp = has_tcp || n->transport == PU_TRANSPORT_TCP;
    }
    local.port = udp_port(h->ports[0].port);
    if (!has_quic) tell(h, &local, PU_TRANSPORT_QUIC, gone);
    local.port = 0;
    if (!has_tcp) tell(h, &local, PU_TRANSPORT_TCP, gone);
}

/* ---- a machine with IPv6 alone ---- */

/* Every machine has 127.0.0.1. To a node that has an address of IPv4 all others of IPv4 are worth
 * dialling; where this is the only one, and IPv6 leads out, they are not, and cost the time that
 * one of IPv6 has to wait behind them. */
static bool is_loopback_v4(const pu_endpoint *address)
{
    return endpoint_is_v4(address) && pu_endpoint_scope(address) == PU_SCOPE_LOOPBACK;
}

static bool has_ipv6_alone(const pu_host *h)
{
    bool has_v6 = false;
    for (uint32_t i = 0; i < h->local_count; i++) {
        const pu_endpoint *a = &h->local[i];
        if (endpoint_is_v4(a) && !is_loopback_v4(a)) return false;
        has_v6 = has_v6 || (!endpoint_is_v4(a) && pu_endpoint_scope(a) >= PU_SCOPE_PRIVATE);
    }
    return has_v6;
}

/* Whether the node is not to know of an address; who listens at just that one wants it known. */
static bool is_hidden(const pu_host *h, const pu_endpoint *address, bool is_alone)
{
    if (!is_alone || !is_loopback_v4(address)) return false;
    for (uint32_t i = 0; i < h->listen_count; i++) {
        const host_listen *n = &h->listens[i];
        if (!endpoint_is_any(&n->at) && covers(&n->at, address)) return false;
    }
    return true;
}

static void tell_hidden(pu_host *h, uint32_t gone)
{
    for (uint32_t i = 0; i < h->local_count; i++)
        if (is_hidden(h, &h->local[i], true)) tell_all(h, &h->local[i], gone);
}

static void keep_local(pu_host *h, const pu_endpoint *address, bool gone)
{
    uint32_t i = 0;
    while (i < h->local_count && !pu_endpoint_equal(&h->local[i], address)) i++;
    if (gone && i < h->local_count) h->local[i] = h->local[--h->local_count];
    if (!gone && i == h->local_count && i < HOST_ADDRESSES_MAX)
        h->local[h->local_count++] = *address;
}

/* ---- addresses come and go ---- */

static void on_address(void *ctx, const pu_endpoint *address, bool gone)
{
    pu_host *h = ctx;
    h->now = loop_now(h->l);
    bool was_alone = has_ipv6_alone(h);
    bool was_hidden = is_hidden(h, address, was_alone);
    keep_local(h, address, gone);
    if (h->addresses == NULL) return; /* they are told together, at the start */
    bool is_alone = has_ipv6_alone(h);
    if (gone ? !was_hidden : !is_hidden(h, address, is_alone))
        tell_all(h, address, gone ? PU_GONE : 0);
    if (was_alone != is_alone) tell_hidden(h, is_alone ? PU_GONE : 0);
    if (h->is_inside) real_host_locals_changed(h);
}

/* Every connection may have to come from another address now, even if the port's is any. */
void real_host_locals_changed(pu_host *h)
{
    real_host_link_take(
        h,
        &(pu_link_in){.kind = PU_LINK_IN_LOCAL, .socket = PU_SOCKET_MAIN, .local = h->main_local});
    for (uint32_t i = 0; i < h->listen_count; i++) {
        if (h->listens[i].transport != PU_TRANSPORT_TCP) continue;
        real_host_link_take(h, &(pu_link_in){.kind = PU_LINK_IN_LOCAL,
                                             .flags = PU_LINK_TCP,
                                             .local = h->listens[i].at});
    }
}

/* Wi-Fi that has found another router may have the same address there: connections must prove their
 * paths. */
static void on_returned(void *ctx)
{
    pu_host *h = ctx;
    h->now = loop_now(h->l);
    if (h->is_inside) real_host_locals_changed(h);
}

int real_host_addresses_open(pu_host *h, char *error, size_t cap)
{
    const ifaddr_events events = {on_address, on_returned, h};
    h->addresses = ifaddr_open(h->l, &events);
    bool is_alone = has_ipv6_alone(h);
    for (uint32_t i = 0; h->addresses != NULL && i < h->local_count; i++)
        if (!is_hidden(h, &h->local[i], is_alone)) tell_all(h, &h->local[i], 0);
    if (h->addresses != NULL) return PU_OK;
    if (error != NULL) snprintf(error, cap, "netlink: %s", strerror(errno));
    return PU_ERANGE;
}
