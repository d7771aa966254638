/* TCP: the table, dials and listeners; see tcp.h. */
#define _GNU_SOURCE
#include "net-real/tcp.h"

#include "net-real/tcp_impl.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static void set(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

/* ---- the table ---- */

tcp *tcp_new(loop *l, uint32_t conns_max, uint64_t first_room, const tcp_events *events)
{
    tcp *t = calloc(1, sizeof *t);
    uint8_t *arena = malloc(TCP_READ_MAX);
    if (t == NULL || arena == NULL) {
        free(t);
        free(arena);
        return NULL;
    }
    *t = (tcp){.l = l,
               .reserve = {-1},
               .events = *events,
               .first_room = first_room,
               .max = conns_max,
               .due = PU_NEVER,
               .arena = arena};
    spare_open(&t->reserve);
    return t;
}

void tcp_free(tcp *t)
{
    if (t == NULL) return;
    for (uint32_t i = 0; i < t->cap; i++) {
        if (t->conns[i] != NULL) tcp_conn_free(t->conns[i]);
    }
    for (uint32_t i = 0; i < t->listener_count; i++) {
        loop_del(t->l, &t->listeners[i].w);
        close(t->listeners[i].w.fd);
    }
    spare_close(&t->reserve);
    free(t->conns);
    free(t->arena);
    free(t);
}

void tcp_allow(tcp *t, uint32_t conns_max)
{
    t->max = conns_max;
}

/* The slot of a handle is its low half: the table is found without a search. */
static uint32_t slot_of(uint64_t handle)
{
    return (uint32_t)handle;
}

tcp_conn *tcp_conn_of(tcp *t, uint64_t handle)
{
    uint32_t slot = slot_of(handle);
    tcp_conn *c = slot < t->cap ? t->conns[slot] : NULL;
    return c != NULL && c->handle == handle && c->state == TCP_IS_UP ? c : NULL;
}

/* Doubles the table. False: no memory. */
static bool grow(tcp *t)
{
    uint32_t cap = t->cap == 0 ? 8 : t->cap * 2;
    tcp_conn **grown = realloc(t->conns, cap * sizeof *grown);
    if (grown == NULL) return false;
    memset(grown + t->cap, 0, (cap - t->cap) * sizeof *grown);
    t->conns = grown;
    t->cap = cap;
    return true;
}

/* A new connection on fd (-1: none yet), or NULL: too many, or no memory. */
static tcp_conn *conn_new(tcp *t, int fd)
{
    if (t->count >= t->max) return NULL;
    uint32_t slot = 0;
    while (slot < t->cap && t->conns[slot] != NULL) slot++;
    if (slot == t->cap && !grow(t)) return NULL;
    tcp_conn *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    *c = (tcp_conn){.owner = t,
                    .w = {.fd = fd, .ctx = c},
                    .handle = ++t->serial << 32 | slot,
                    .deadline = PU_NEVER,
                    .tx_told = t->first_room,
                    .rx_room = t->first_room};
    t->conns[slot] = c;
    t->count++;
    return c;
}

void tcp_conn_free(tcp_conn *c)
{
    tcp *t = c->owner;
    if (c->w.fd >= 0) {
        loop_del(t->l, &c->w);
        close(c->w.fd);
    }
    t->conns[slot_of(c->handle)] = NULL;
    t->count--;
    free(c->tx);
    free(c);
}

void tcp_conn_fail(tcp_conn *c, int error)
{
    tcp *t = c->owner;
    uint64_t handle = c->state == TCP_IS_UP ? c->handle : 0;
    uint32_t token = c->target.token;
    bool is_told = c->state != TCP_IS_CLOSING;
    tcp_conn_free(c);
    if (is_told) t->events.down(t->events.ctx, handle, handle == 0 ? token : 0, error);
}

void tcp_conn_up(tcp_conn *c, uint32_t token)
{
    tcp *t = c->owner;
    sockaddr_any local = {0}, remote = {0};
    socklen_t local_len = sizeof local, remote_len = sizeof remote;
    if (getsockname(c->w.fd, &local.any, &local_len) != 0 ||
        getpeername(c->w.fd, &remote.any, &remote_len) != 0) {
        tcp_conn_fail(c, errno);
        return;
    }
    c->state = TCP_IS_UP;
    c->deadline = PU_NEVER;
    c->w.ready = tcp_conn_ready;
    pu_endpoint ours = endpoint_of(&local), theirs = endpoint_of(&remote);
    uint64_t handle = c->handle;
    t->events.up(t->events.ctx, handle, token, &ours, &theirs);
    if (tcp_conn_of(t, handle) == c)
        loop_change(t->l, &c->w, EPOLLIN | (c->tx_len > 0 ? EPOLLOUT : 0));
}

/* ---- dials ---- */

static void dial_ready(void *ctx, uint32_t events)
{
    tcp_conn *c = ctx;
    (void)events;
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->w.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) tcp_conn_fail(c, error);
    else tcp_conn_up(c, c->target.token);
}

/* Comes from a certain port, which a socket that listens may have as well. False: it cannot be had.
 */
static bool bind_dial(int fd, const pu_endpoint *local, const sockaddr_any *to)
{
    pu_endpoint address = *local;
    address.port = 0;
    sockaddr_any from = {0};
    socklen_t len = to->any.sa_family == AF_INET ? sizeof from.v4 : sizeof from.v6;
    if (!endpoint_is_any(&address)) len = sockaddr_of(&from, local);
    else if (to->any.sa_family == AF_INET) from.v4.sin_port = htons(local->port);
    else from.v6.sin6_port = htons(local->port);
    if (endpoint_is_any(&address)) from.any.sa_family = to->any.sa_family;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return from.any.sa_family == to->any.sa_family && bind(fd, &from.any, len) == 0;
}

/* A socket on its way to the target, from the given port or from any. -1: errno. */
static int dial_socket(const tcp_target *target, bool from_local)
{
    sockaddr_any to;
    socklen_t len = sockaddr_of(&to, &target->remote);
    int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    bool is_bound = !from_local || bind_dial(fd, &target->local, &to);
    if (is_bound && (connect(fd, &to.any, len) == 0 || errno == EINPROGRESS)) return fd;
    int why = is_bound ? errno : EADDRNOTAVAIL;
    close(fd);
    errno = why;
    return -1;
}

static void dial_begin(tcp_conn *c)
{
    c->state = TCP_IS_DIALLING;
    tcp_conn_due(c, c->target.deadline);
    int fd = endpoint_is_none(&c->target.local) ? -1 : dial_socket(&c->target, true);
    bool is_taken = fd < 0 && (endpoint_is_none(&c->target.local) || errno == EADDRNOTAVAIL);
    if (is_taken) fd = dial_socket(&c->target, false);
    if (fd < 0) {
        tcp_conn_fail(c, errno);
        return;
    }
    c->w.fd = fd;
    c->w.events = EPOLLOUT;
    c->w.ready = dial_ready;
    if (!loop_add(c->owner->l, &c->w)) tcp_conn_fail(c, errno);
}

bool tcp_dial(tcp *t, const tcp_target *target)
{
    tcp_conn *c = conn_new(t, -1);
    if (c == NULL) return false;
    c->target = *target;
    c->state = TCP_IS_WAITING;
    tcp_conn_due(c, target->not_before);
    return true;
}

/* ---- listeners ---- */

/* One accepted connection. False: none is waiting. One that is too many is closed at once. */
static bool accept_one(tcp *t, int listener)
{
    int fd = spare_accept(&t->reserve, listener);
    if (fd < 0) return errno == ECONNABORTED || errno == EINTR;
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    tcp_conn *c = conn_new(t, fd);
    if (c == NULL) {
        close(fd);
        return true;
    }
    c->state = TCP_IS_CLOSING; /* nobody knows it yet */
    if (loop_add(t->l, &c->w)) tcp_conn_up(c, 0);
    else tcp_conn_free(c);
    return true;
}

static void listener_ready(void *ctx, uint32_t events)
{
    tcp_listener *from = ctx;
    (void)events;
    for (unsigned i = 0; i < TCP_ACCEPTS_MAX && accept_one(from->owner, from->w.fd); i++) {}
}

/* Binds and listens; *bound gets the port. -1: errno. */
static int listen_socket(sockaddr_any *at, socklen_t len, uint16_t *bound)
{
    int fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (at->any.sa_family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (bind(fd, &at->any, len) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, &at->any, &len) == 0) {
        *bound = endpoint_of(at).port;
        return fd;
    }
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static bool listen_at(tcp *t, sockaddr_any *at, socklen_t len, uint16_t *bound)
{
    if (t->listener_count == TCP_LISTENERS_MAX) {
        errno = ENOBUFS;
        return false;
    }
    int fd = listen_socket(at, len, bound);
    if (fd < 0) return false;
    tcp_listener *n = &t->listeners[t->listener_count];
    *n = (tcp_listener){t, {fd, EPOLLIN, listener_ready, n}};
    if (!loop_add(t->l, &n->w)) {
        close(fd);
        return false;
    }
    t->listener_count++;
    return true;
}

bool tcp_listen(tcp *t, uint16_t port, const pu_endpoint *only, uint16_t *bound)
{
    sockaddr_any at = {0};
    if (only != NULL) {
        socklen_t len = sockaddr_of(&at, only);
        if (at.any.sa_family == AF_INET) at.v4.sin_port = htons(port);
        else at.v6.sin6_port = htons(port);
        return listen_at(t, &at, len, bound);
    }
    at.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    bool has_v4 = listen_at(t, &at, sizeof at.v4, bound);
    if (!has_v4 && errno != EAFNOSUPPORT) return false;
    at =
        (sockaddr_any){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(has_v4 ? *bound : port)}};
    return listen_at(t, &at, sizeof at.v6, bound) || has_v4;
}

/* ---- time ---- */

pu_time tcp_deadline(const tcp *t)
{
    return t->due;
}

void tcp_conn_due(tcp_conn *c, pu_time at)
{
    c->deadline = at;
    if (at < c->owner->due) c->owner->due = at;
}

static void tick_conn(tcp_conn *c)
{
    if (c->state == TCP_IS_WAITING) dial_begin(c);
    else if (c->state == TCP_IS_CLOSING) tcp_conn_free(c);
    else tcp_conn_fail(c, c->failed ? c->error : ETIMEDOUT);
}

void tcp_tick(tcp *t, pu_time now)
{
    if (now < t->due) return;
    t->due = PU_NEVER;
    for (uint32_t i = 0; i < t->cap; i++) {
        if (t->conns[i] != NULL && t->conns[i]->deadline <= now) tick_conn(t->conns[i]);
        if (t->conns[i] != NULL && t->conns[i]->deadline < t->due) t->due = t->conns[i]->deadline;
    }
}
