/* Connections on their way, see reach.h. */
#define _GNU_SOURCE
#include "net-real/daemon/reach.h"

#include "net-real/sockaddr.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ADDRESSES_MAX = 16,
    SYNS_AGAIN = 3 /* about 15 s for an address that says nothing */
};

struct reach {
    pu_host *host;
    void (*done)(void *ctx, int fd, int error);
    void *ctx;
    int fd; /* of the address that is tried; -1: none */
    uint16_t port;
    pu_endpoint at[ADDRESSES_MAX];
    uint32_t count, next;
    int error; /* of the last one that was tried */
};

static void close_fd(reach *r)
{
    if (r->fd < 0) return;
    int ended = pu_host_watch(r->host, r->fd, 0, NULL, NULL);
    (void)ended;
    close(r->fd);
    r->fd = -1;
}

static void finish(reach *r, int fd, int error)
{
    void (*done)(void *, int, int) = r->done;
    void *ctx = r->ctx;
    free(r);
    done(ctx, fd, error);
}

static void try_next(reach *r);

static void answered(void *ctx, int fd, uint32_t events)
{
    reach *r = ctx;
    socklen_t len = sizeof r->error;
    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &r->error, &len) != 0) r->error = errno;
    if (r->error != 0) {
        close_fd(r);
        try_next(r);
        return;
    }
    int ended = pu_host_watch(r->host, fd, 0, NULL, NULL);
    (void)ended;
    finish(r, fd, 0);
}

/* Whether the next address is being tried. */
static bool try_one(reach *r)
{
    pu_endpoint to = r->at[r->next++];
    sockaddr_any a;
    int one = 1, again = SYNS_AGAIN;
    to.port = r->port;
    socklen_t len = sockaddr_of(&a, &to);
    r->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (r->fd >= 0) {
        setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(r->fd, IPPROTO_TCP, TCP_SYNCNT, &again, sizeof again);
        bool is_begun = connect(r->fd, &a.any, len) == 0 || errno == EINPROGRESS;
        if (is_begun && pu_host_watch(r->host, r->fd, PU_WATCH_WRITE, answered, r) == PU_OK)
            return true;
    }
    r->error = errno;
    close_fd(r);
    return false;
}

static void try_next(reach *r)
{
    while (r->next < r->count) {
        if (try_one(r)) return;
    }
    finish(r, -1, r->error);
}

static void found(void *ctx, const pu_endpoint *at, uint32_t count)
{
    reach *r = ctx;
    r->count = count < ADDRESSES_MAX ? count : ADDRESSES_MAX;
    memcpy(r->at, at, r->count * sizeof *at);
    try_next(r);
}

reach *reach_begin(pu_host *host, const char *name, uint16_t port,
                   void (*done)(void *ctx, int fd, int error), void *ctx)
{
    reach *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    *r = (reach){.host = host, .done = done, .ctx = ctx, .fd = -1, .port = port};
    if (pu_host_lookup(host, name, found, r) == PU_OK) return r;
    free(r);
    return NULL;
}

void reach_cancel(reach *r)
{
    pu_host_lookup_cancel(r->host, r);
    close_fd(r);
    free(r);
}
