/* Local ports whose connections become streams, see daemon_impl.h. */
#define _GNU_SOURCE
#include "net-real/cli/host_port.h"
#include "net-real/daemon/daemon_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 64, ACCEPTS_MAX = 16 };

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

/* HOST:PORT, PORT alone, or :PORT; name gets where that is. The socket, or -1 and *why. */
static int listen_at(const char *text, char name[PROXY_LISTEN_MAX], const char **why)
{
    char host[HOST_NAME_MAX_BYTES], digits[8];
    uint16_t port;
    *why = "not PORT or HOST:PORT";
    if (!host_port_read(text, loopback, host, &port)) return -1;
    const char *address = strcmp(host, "localhost") == 0 ? loopback : host;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
                    *found = NULL;
    snprintf(digits, sizeof digits, "%u", (unsigned)port);
    *why = "an address of this machine is needed, or localhost";
    if (getaddrinfo(address, digits, &hints, &found) != 0) return -1;
    int fd = listen_on(found);
    *why = strerror(errno);
    freeaddrinfo(found);
    if (fd < 0) return -1;
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) == 0)
        getnameinfo((struct sockaddr *)&at, len, NULL, 0, digits, sizeof digits, NI_NUMERICSERV);
    snprintf(name, PROXY_LISTEN_MAX, strchr(address, ':') != NULL ? "[%.50s]:%s" : "%.50s:%s",
             address, digits);
    return fd;
}

proxy *proxy_open(peerupd *d, const pu_peer_id *peer, const char *service, const char *listen,
                  char *error, size_t cap)
{
    proxy *p = d->proxy_count < DAEMON_PROXIES_MAX ? calloc(1, sizeof *p) : NULL;
    if (p == NULL) {
        snprintf(error, cap, "more than %d proxies", DAEMON_PROXIES_MAX);
        return NULL;
    }
    const char *why = "it cannot be watched";
    *p = (proxy){.owner = d, .peer = *peer, .fd = -1};
    int len = snprintf(p->protocol, sizeof p->protocol, "/peerup/%s/1.0.0", service);
    if (len >= (int)sizeof p->protocol) why = "that is no service's name";
    else p->fd = listen_at(listen, p->listen, &why);
    bool is_up = p->fd >= 0 && pu_host_watch(d->host, p->fd, PU_WATCH_READ, accepted, p) == PU_OK;
    if (!is_up) {
        snprintf(error, cap, "cannot listen on %s: %s", listen, why);
        if (p->fd >= 0) close(p->fd);
        free(p);
        return NULL;
    }
    snprintf(p->label, sizeof p->label, "proxy %s to %.63s", p->listen, service);
    p->next = d->proxies;
    d->proxies = p;
    d->proxy_count++;
    return p;
}

void proxies_close(peerupd *d)
{
    while (d->proxies != NULL) {
        proxy *p = d->proxies;
        d->proxies = p->next;
        int ended = pu_host_watch(d->host, p->fd, 0, NULL, NULL);
        (void)ended;
        close(p->fd);
        free(p);
    }
    d->proxy_count = 0;
}
