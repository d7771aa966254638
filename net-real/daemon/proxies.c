/* Local ports whose connections become streams, see daemon_impl.h. */
#define _GNU_SOURCE
#include "net-real/cli/host_port.h"
#include "net-real/daemon/daemon_impl.h"
#include "net-real/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 64, ACCEPTS_MAX = 16, PROXY_WHY_MAX = 192 };

static const char loopback[] = "127.0.0.1";

static void accepted(void *ctx, int fd, uint32_t events)
{
    proxy *p = ctx;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        int client = spare_accept(&p->owner->reserve, fd);
        if (client < 0 && errno != ECONNABORTED) return;
        if (client < 0) continue;
        pu_span peer = {p->peer.bytes, p->peer.len};
        pu_span protocol = {(const uint8_t *)p->protocol, strlen(p->protocol)};
        splice_open(p->owner->joints, client, peer, protocol, p->label);
    }
}

/* A socket that listens at an address, or -1 with errno. */
static int listen_on(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* The address that HOST, of a command, is. */
static const char *address_of(const char *host)
{
    return strcmp(host, "localhost") == 0 ? loopback : host;
}

static void name_place(char name[PROXY_LISTEN_MAX], const char *address, const char *port)
{
    snprintf(name, PROXY_LISTEN_MAX, strchr(address, ':') != NULL ? "[%.50s]:%s" : "%.50s:%s",
             address, port);
}

/* ---- what has a port already ---- */

/* Whether who listens at one keeps another from the other. [::] hears IPv4 too. */
static bool overlap(const pu_endpoint *a, const pu_endpoint *b)
{
    if (a->port != b->port) return false;
    if (endpoint_is_v4(a) != endpoint_is_v4(b)) return endpoint_is_any(endpoint_is_v4(a) ? b : a);
    return endpoint_is_any(a) || endpoint_is_any(b) || memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool has_place(const proxy *p, const pu_endpoint *at)
{
    sockaddr_any own = {0};
    socklen_t len = sizeof own;
    if (getsockname(p->fd, &own.any, &len) != 0) return false;
    pu_endpoint place = endpoint_of(&own);
    return overlap(&place, at);
}

/* Whether the node listens there. Its own sockets of IPv6 do not hear IPv4, not even at [::]. */
static bool has_node(const peerupd *d, const pu_endpoint *at)
{
    pu_endpoint own;
    enum pu_transport transport;
    for (uint32_t cursor = 0; pu_host_read_listens(d->host, &cursor, &own, &transport);) {
        bool hears = endpoint_is_v4(&own) || !endpoint_is_v4(at);
        if (transport == PU_TRANSPORT_TCP && hears && overlap(&own, at)) return true;
    }
    return false;
}

/* Whether a service at place is what keeps others from listening at `at`: one at an address of
 * another machine is not, even if every address is asked for. */
static bool is_taken_by(const pu_endpoint *place, const pu_endpoint *at)
{
    bool is_here = endpoint_is_any(place) || pu_endpoint_scope(place) == PU_SCOPE_LOOPBACK ||
                   memcmp(place->ip, at->ip, sizeof at->ip) == 0;
    return is_here && overlap(place, at);
}

/* The service that the configuration has there. NULL: none. */
static const config_service *service_at(const peerupd *d, const pu_endpoint *at)
{
    pu_endpoint place;
    for (size_t i = 0; i < d->c->service_count; i++) {
        const config_service *s = &d->c->services[i];
        if (s->is_enabled && config_service_place(s, &place) && is_taken_by(&place, at)) return s;
    }
    return NULL;
}

/* Names what of this daemon listens at a place where nothing else can: why gets that. False: it is
 * another program's. */
static bool name_taker(const peerupd *d, const pu_endpoint *at, char *why, size_t cap)
{
    char id[PROXY_ID_MAX];
    for (const proxy *p = d->proxies; p != NULL; p = p->next) {
        if (!has_place(p, at)) continue;
        snprintf(why, cap, "%s of this daemon is there, to %s of %s", proxy_id(p, id), p->service,
                 daemon_peer_text(d, (pu_span){p->peer.bytes, p->peer.len}));
        return true;
    }
    if (has_node(d, at)) {
        snprintf(why, cap, "this node listens there itself, for its peers");
        return true;
    }
    const config_service *s = service_at(d, at);
    if (s != NULL) snprintf(why, cap, "service %s of this node is there", s->name);
    return s != NULL;
}

/* ---- listening ---- */

/* HOST:PORT, PORT alone, or :PORT; name gets where that is. The socket; or -1, why (cap bytes) and
 * whether the text is to blame. */
static int listen_at(const peerupd *d, const char *text, char name[PROXY_LISTEN_MAX], char *why,
                     size_t cap, bool *is_misused)
{
    char host[HOST_NAME_MAX_BYTES], digits[8];
    uint16_t port;
    *is_misused = true;
    snprintf(why, cap, "not PORT or HOST:PORT");
    if (!host_port_read(text, loopback, host, &port)) return -1;
    const char *address = address_of(host);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
                    *found = NULL;
    snprintf(digits, sizeof digits, "%u", (unsigned)port);
    snprintf(why, cap, "an address of this machine is needed, or localhost");
    if (getaddrinfo(address, digits, &hints, &found) != 0) return -1;
    *is_misused = false;
    int fd = listen_on(found), error = errno;
    sockaddr_any at = {0};
    socklen_t len = sizeof at;
    if (found->ai_addrlen <= sizeof at) memcpy(&at, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (fd < 0) {
        pu_endpoint place = endpoint_of(&at);
        if (error != EADDRINUSE || !name_taker(d, &place, why, cap))
            snprintf(why, cap, "%s", strerror(error));
        return -1;
    }
    if (getsockname(fd, &at.any, &len) == 0)
        getnameinfo(&at.any, len, NULL, 0, digits, sizeof digits, NI_NUMERICSERV);
    name_place(name, address, digits);
    return fd;
}

enum proxy_result proxy_open(peerupd *d, proxy **out, const pu_peer_id *peer, const char *service,
                             const char *listen, char *error, size_t cap)
{
    char protocol[sizeof(*out)->protocol];
    char why[PROXY_WHY_MAX];
    bool is_misused;
    if (d->proxy_count >= DAEMON_PROXIES_MAX) {
        snprintf(error, cap, "more than %d proxies", DAEMON_PROXIES_MAX);
        return PROXY_FAILED;
    }
    if (snprintf(protocol, sizeof protocol, "/peerup/%s/1.0.0", service) >= (int)sizeof protocol) {
        snprintf(error, cap, "a service's name is not that long");
        return PROXY_USAGE;
    }
    proxy *p = calloc(1, sizeof *p);
    snprintf(error, cap, "out of memory");
    if (p == NULL) return PROXY_FAILED;
    *p = (proxy){.owner = d, .peer = *peer};
    memcpy(p->protocol, protocol, sizeof protocol);
    p->fd = listen_at(d, listen, p->listen, why, sizeof why, &is_misused);
    if (p->fd >= 0) snprintf(why, sizeof why, "it cannot be watched");
    bool is_up = p->fd >= 0 && pu_host_watch(d->host, p->fd, PU_WATCH_READ, accepted, p) == PU_OK;
    if (!is_up) {
        snprintf(error, cap, "cannot listen on %s: %s", listen, why);
        if (p->fd >= 0) close(p->fd);
        free(p);
        return is_misused ? PROXY_USAGE : PROXY_FAILED;
    }
    snprintf(p->service, sizeof p->service, "%s", service);
    snprintf(p->label, sizeof p->label, "proxy %s to %s of %.80s", p->listen, p->service,
             daemon_peer_text(d, (pu_span){peer->bytes, peer->len}));
    p->number = ++d->proxy_last;
    p->next = d->proxies;
    d->proxies = p;
    d->proxy_count++;
    *out = p;
    return PROXY_OPEN;
}

pu_token proxy_try(const proxy *p)
{
    pu_in in = {.kind = PU_IN_APP,
                .what = PU_APP_OPEN,
                .flags = PU_LIMITED,
                .peer = {p->peer.bytes, p->peer.len},
                .offset = PU_FIRST_ROOM,
                .body = {(const uint8_t *)p->protocol, strlen(p->protocol)}};
    return pu_host_command(p->owner->host, &in);
}

proxy *proxy_of_number(const peerupd *d, uint32_t number)
{
    proxy *p = d->proxies;
    while (p != NULL && p->number != number) p = p->next;
    return p;
}

proxy *proxy_of_text(const peerupd *d, const char *text)
{
    char host[HOST_NAME_MAX_BYTES], place[PROXY_LISTEN_MAX] = "", digits[8];
    uint16_t port;
    if (host_port_read(text, loopback, host, &port)) {
        snprintf(digits, sizeof digits, "%u", (unsigned)port);
        name_place(place, address_of(host), digits);
    }
    for (proxy *p = d->proxies; p != NULL; p = p->next) {
        char id[PROXY_ID_MAX];
        if (strcmp(p->listen, place) == 0 || strcmp(proxy_id(p, id), text) == 0) return p;
    }
    return NULL;
}

const char *proxy_id(const proxy *p, char id[PROXY_ID_MAX])
{
    snprintf(id, PROXY_ID_MAX, "proxy-%" PRIu32, p->number);
    return id;
}

void proxy_close(proxy *p)
{
    peerupd *d = p->owner;
    proxy **at = &d->proxies;
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    d->proxy_count--;
    int ended = pu_host_watch(d->host, p->fd, 0, NULL, NULL);
    (void)ended;
    close(p->fd);
    free(p);
}

void proxies_close(peerupd *d)
{
    while (d->proxies != NULL) proxy_close(d->proxies);
}
