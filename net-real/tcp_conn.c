/* The bytes of one TCP connection, see tcp_impl.h. */
#include "net-real/tcp_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Whether the owner is to be told of room: when half of the buffer became free. */
static bool is_room_due(const tcp_conn *c)
{
    uint64_t room = c->tx_sent + TCP_SEND_BUFFER;
    return c->state == TCP_IS_UP && !c->fin_asked && room - c->tx_told >= TCP_SEND_BUFFER / 2;
}

/* Room that is due is told by the loop as well, as soon as it turns: the kernel then takes more. */
static void watch_what_matters(tcp_conn *c)
{
    uint32_t events = 0;
    bool may_read = c->state == TCP_IS_UP && !c->fin_seen && c->rx_given < c->rx_room;
    if (may_read) events |= EPOLLIN;
    if (c->tx_len > 0 || is_room_due(c)) events |= EPOLLOUT;
    loop_change(c->owner->l, &c->w, events);
}

/* ---- out ---- */

static bool tx_append(tcp_conn *c, pu_span bytes)
{
    if (c->tx_head > 0 && c->tx_head + c->tx_len + bytes.len > c->tx_cap) {
        memmove(c->tx, c->tx + c->tx_head, c->tx_len);
        c->tx_head = 0;
    }
    if (c->tx_len + bytes.len > c->tx_cap) {
        size_t cap = c->tx_cap > 0 ? c->tx_cap : 4096;
        while (cap < c->tx_len + bytes.len) cap *= 2;
        uint8_t *grown = realloc(c->tx, cap);
        if (grown == NULL) return false;
        c->tx = grown;
        c->tx_cap = cap;
    }
    memcpy(c->tx + c->tx_head + c->tx_len, bytes.base, bytes.len);
    c->tx_len += bytes.len;
    return true;
}

static void tx_forget(tcp_conn *c)
{
    free(c->tx);
    c->tx = NULL;
    c->tx_head = c->tx_len = c->tx_cap = 0;
}

/* Bytes that the kernel took, 0 when it takes none now, or -1. */
static ssize_t give(tcp_conn *c, pu_span bytes)
{
    ssize_t sent = send(c->w.fd, bytes.base, bytes.len, MSG_NOSIGNAL);
    if (sent >= 0) c->tx_sent += (uint64_t)sent;
    else if (errno == EAGAIN || errno == EINTR) sent = 0;
    return sent;
}

bool tcp_conn_flush(tcp_conn *c)
{
    while (c->tx_len > 0) {
        ssize_t sent = give(c, (pu_span){c->tx + c->tx_head, c->tx_len});
        if (sent < 0) return false;
        if (sent == 0) return true;
        c->tx_head += (size_t)sent;
        c->tx_len -= (size_t)sent;
    }
    if (c->tx != NULL) tx_forget(c);
    if (c->fin_asked && !c->fin_sent) {
        shutdown(c->w.fd, SHUT_WR);
        c->fin_sent = true;
    }
    return true;
}

static void tell_room(tcp_conn *c)
{
    if (!is_room_due(c)) return;
    c->tx_told = c->tx_sent + TCP_SEND_BUFFER;
    c->owner->events.room(c->owner->events.ctx, c->handle, c->tx_told);
}

/* A broken connection is told of by the loop, not inside a call of its owner. */
static void break_later(tcp_conn *c, int error)
{
    c->failed = true;
    c->error = error;
    tcp_conn_due(c, 0);
}

void tcp_send(tcp *t, uint64_t handle, pu_span bytes, bool fin)
{
    tcp_conn *c = tcp_conn_of(t, handle);
    if (c == NULL || c->failed) return;
    PU_ASSERT(!c->fin_asked);
    PU_ASSERT(c->tx_sent + c->tx_len + bytes.len <= c->tx_told);
    c->fin_asked = fin;
    if (c->tx_len == 0 && bytes.len > 0) {
        ssize_t sent = give(c, bytes);
        if (sent < 0) {
            break_later(c, errno);
            return;
        }
        bytes.base += sent;
        bytes.len -= (size_t)sent;
    }
    if (bytes.len > 0 && !tx_append(c, bytes)) break_later(c, ENOMEM);
    else if (!tcp_conn_flush(c)) break_later(c, errno);
    watch_what_matters(c);
}

/* ---- in ---- */

/* One read. False: no more now, or c is gone. */
static bool read_once(tcp_conn *c)
{
    tcp *t = c->owner;
    uint64_t room = c->rx_room - c->rx_given;
    size_t want = room < TCP_READ_MAX ? (size_t)room : TCP_READ_MAX;
    if (want == 0 || c->fin_seen) return false;
    ssize_t got = recv(c->w.fd, t->arena, want, 0);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) tcp_conn_fail(c, errno);
        return false;
    }
    c->fin_seen = got == 0;
    c->rx_given += (uint64_t)got;
    uint64_t handle = c->handle;
    t->events.data(t->events.ctx, handle, (pu_span){t->arena, (size_t)got}, got == 0);
    return got == (ssize_t)want && tcp_conn_of(t, handle) != NULL;
}

void tcp_conn_ready(void *ctx, uint32_t events)
{
    tcp_conn *c = ctx;
    tcp *t = c->owner;
    uint64_t handle = c->handle;
    if ((events & EPOLLOUT) != 0 && !tcp_conn_flush(c)) {
        tcp_conn_fail(c, errno);
        return;
    }
    if (c->state == TCP_IS_CLOSING) {
        if (c->tx_len == 0 || (events & (EPOLLERR | EPOLLHUP)) != 0) tcp_conn_free(c);
        return;
    }
    tell_room(c);
    if (tcp_conn_of(t, handle) == NULL) return;
    if ((events & EPOLLIN) != 0) {
        for (unsigned i = 0; i < TCP_READS_MAX && read_once(c); i++) {}
        if (tcp_conn_of(t, handle) == NULL) return;
    } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t len = sizeof error;
        getsockopt(c->w.fd, SOL_SOCKET, SO_ERROR, &error, &len);
        tcp_conn_fail(c, error != 0 ? error : ECONNRESET);
        return;
    }
    watch_what_matters(c);
}

void tcp_room(tcp *t, uint64_t handle, uint64_t offset)
{
    tcp_conn *c = tcp_conn_of(t, handle);
    if (c == NULL || offset <= c->rx_room) return;
    c->rx_room = offset;
    watch_what_matters(c);
}

void tcp_close(tcp *t, uint64_t handle, bool reset)
{
    tcp_conn *c = tcp_conn_of(t, handle);
    if (c == NULL) return;
    if (reset) {
        struct linger now = {.l_onoff = 1};
        setsockopt(c->w.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        tcp_conn_free(c);
        return;
    }
    c->fin_asked = true;
    if (c->failed || !tcp_conn_flush(c) || c->tx_len == 0) {
        tcp_conn_free(c);
        return;
    }
    c->state = TCP_IS_CLOSING;
    tcp_conn_due(c, loop_now(t->l) + TCP_LINGER_NS);
    watch_what_matters(c);
}
