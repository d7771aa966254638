/* Local ports whose connections become streams, see daemon_impl.h. */
#define _GNU_SOURCE
#include "net-real/daemon/daemon_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static void accepted(void *ctx, int fd, uint32_t events)
{
    proxy *p = ctx;
    (void)events;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    pu_span peer = {p->peer.bytes, p->peer.len};
    pu_span protocol = {(const uint8_t *)p->protocol, strlen(p->protocol)};
    splice_open(p->owner->joints, client, peer, protocol);
}

/* host:port, port alone, or :port. The socket, or -1 with errno. */
static int listen_at(const char *text, char name[80])
{
    char host[64] = "127.0.0.1";
    const char *colon = strrchr(text, ':'), *port = colon != NULL ? colon + 1 : text;
    if (colon != NULL && colon > text) {
        snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
        size_t len = strlen(host);
        if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
            memmove(host, host + 1, len - 2);
            host[len - 2] = '\0';
        }
        if (strcmp(host, "localhost") == 0) snprintf(host, sizeof host, "127.0.0.1");
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
                    *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool is_up =
        fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int why = errno;
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char numeric_port[8] = "";
    if (is_up && getsockname(fd, (struct sockaddr *)&at, &len) == 0)
        getnameinfo((struct sockaddr *)&at, len, NULL, 0, numeric_port, sizeof numeric_port,
                    NI_NUMERICSERV);
    snprintf(name, 80, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, numeric_port);
    freeaddrinfo(found);
    if (is_up) return fd;
    if (fd >= 0) close(fd);
    errno = why;
    return -1;
}

proxy *proxy_open(peerupd *d, const pu_peer_id *peer, const char *service, const char *listen,
                  char *error, size_t cap)
{
    proxy *p = d->proxy_count < DAEMON_PROXIES_MAX ? calloc(1, sizeof *p) : NULL;
    if (p == NULL) {
        snprintf(error, cap, "more than %d proxies", DAEMON_PROXIES_MAX);
        return NULL;
    }
    *p = (proxy){.owner = d, .peer = *peer};
    int len = snprintf(p->protocol, sizeof p->protocol, "/peerup/%s/1.0.0", service);
    p->fd = len < (int)sizeof p->protocol ? listen_at(listen, p->listen) : -1;
    bool is_up = p->fd >= 0 && pu_host_watch(d->host, p->fd, PU_WATCH_READ, accepted, p) == PU_OK;
    if (!is_up) {
        snprintf(error, cap, "cannot listen on %s: %s", listen, strerror(errno));
        if (p->fd >= 0) close(p->fd);
        free(p);
        return NULL;
    }
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
