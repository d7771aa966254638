/* UDP sockets, see udp.h. Each port is a pair of sockets, one a family: an IPv6 socket that also
 * takes IPv4 would be one less, but not every machine has IPv6. */
#define _GNU_SOURCE
#include "net-real/udp.h"

#include "net-real/sockaddr.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    FAMILIES = 2,
    RECEIVE_BATCH = 16,      /* messages of one recvmmsg */
    RECEIVE_ROUNDS = 4,      /* recvmmsg calls before others have their turn */
    MESSAGE_MAX = 65536,     /* bytes of one message: many datagrams under GRO */
    SOCKET_BUFFER = 4 << 20, /* asked of the kernel, which may give less */
    WAITING_MAX = 1 << 20,   /* bytes that wait for the kernel */
    CONTROL_MAX = 128        /* bytes of control messages */
};

/* A burst that the kernel did not take. */
typedef struct waiting {
    struct waiting *next;
    udp_burst burst;
    uint8_t bytes[];
} waiting;

typedef struct family {
    udp *owner;
    watch w;
    waiting *first, *last;
    size_t waiting_bytes;
    bool has_gso;
} family;

struct udp {
    loop *l;
    void (*received)(void *ctx, const udp_burst *burst);
    void *ctx;
    uint16_t port;
    family of[FAMILIES]; /* IPv4, IPv6 */
};

/* Where messages are received. One loop a thread, and nothing is kept in it between calls. */
static _Thread_local uint8_t arena[RECEIVE_BATCH][MESSAGE_MAX];

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Options without which we do with less: buffers, pktinfo, ECN, GRO; and no fragmentation. */
static void tune(int fd, int af)
{
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER))
        set(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
    if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER))
        set(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
    set(fd, SOL_UDP, UDP_GRO, 1);
    if (af == AF_INET) {
        set(fd, IPPROTO_IP, IP_PKTINFO, 1);
        set(fd, IPPROTO_IP, IP_RECVTOS, 1);
        set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    } else {
        set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
        set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    }
}

/* ---- in ---- */

static void read_control(udp_burst *b, struct msghdr *h, uint16_t port)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        int value = 0;
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            b->local = endpoint_of_v4(&info.ipi_addr, port);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            b->local = endpoint_of_v6(&info.ipi6_addr, info.ipi6_ifindex, port);
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            b->ecn = *CMSG_DATA(c) & 3u; /* one byte */
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            memcpy(&value, CMSG_DATA(c), sizeof value);
            b->ecn = (uint32_t)value & 3u;
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            memcpy(&value, CMSG_DATA(c), sizeof value);
            if (value > 0) b->segment = (uint32_t)value;
        }
    }
}

/* Whether there may be more. */
static bool receive(family *f)
{
    struct mmsghdr messages[RECEIVE_BATCH];
    struct iovec parts[RECEIVE_BATCH];
    sockaddr_any from[RECEIVE_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[RECEIVE_BATCH][CONTROL_MAX];
    for (size_t i = 0; i < RECEIVE_BATCH; i++) {
        parts[i] = (struct iovec){arena[i], MESSAGE_MAX};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
                                                   .msg_namelen = sizeof from[i],
                                                   .msg_iov = &parts[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = control[i],
                                                   .msg_controllen = CONTROL_MAX}};
    }
    int count = recvmmsg(f->w.fd, messages, RECEIVE_BATCH, 0, NULL);
    for (int i = 0; i < count; i++) {
        struct msghdr *h = &messages[i].msg_hdr;
        udp_burst b = {.remote = endpoint_of(&from[i]), .body = {arena[i], messages[i].msg_len}};
        read_control(&b, h, f->owner->port);
        if (b.body.len > 0 && (h->msg_flags & MSG_TRUNC) == 0)
            f->owner->received(f->owner->ctx, &b);
    }
    return count == RECEIVE_BATCH;
}

/* ---- out ---- */

static void put_control(struct msghdr *h, int level, int type, const void *value, size_t len)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)h->msg_control + h->msg_controllen);
    *c = (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(len)};
    memcpy(CMSG_DATA(c), value, len);
    h->msg_controllen += CMSG_SPACE(len);
}

static void put_source(struct msghdr *h, const pu_endpoint *local)
{
    sockaddr_any a;
    sockaddr_of(&a, local);
    if (a.any.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = a.v4.sin_addr};
        put_control(h, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_addr = a.v6.sin6_addr, .ipi6_ifindex = a.v6.sin6_scope_id};
        put_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

static bool has_address(const pu_endpoint *e)
{
    pu_endpoint address = *e;
    address.port = 0;
    return !endpoint_is_none(&address);
}

/* One sendmsg. 0, or the error. */
static int send_message(const family *f, const udp_burst *b, uint32_t segment, pu_span body)
{
    sockaddr_any to;
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_MAX] = {0};
    struct iovec part = {(void *)(uintptr_t)body.base, body.len};
    struct msghdr h = {.msg_name = &to,
                       .msg_namelen = sockaddr_of(&to, &b->remote),
                       .msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control};
    if (has_address(&b->local) && endpoint_is_v4(&b->local) == endpoint_is_v4(&b->remote))
        put_source(&h, &b->local);
    if (b->ecn != 0) {
        int ecn = (int)b->ecn;
        if (to.any.sa_family == AF_INET) put_control(&h, IPPROTO_IP, IP_TOS, &ecn, sizeof ecn);
        else put_control(&h, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof ecn);
    }
    if (segment != 0 && segment < body.len) {
        uint16_t size = (uint16_t)segment;
        put_control(&h, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
    }
    if (h.msg_controllen == 0) h.msg_control = NULL;
    return sendmsg(f->w.fd, &h, 0) >= 0 ? 0 : errno;
}

/* The burst in one call where the kernel can cut it, otherwise datagram by datagram. *sent: bytes
 * that are gone, for whatever reason. Returns EAGAIN or 0: any other error loses that datagram, as
 * the network may. */
static int send_burst(family *f, const udp_burst *b, size_t *sent)
{
    *sent = 0;
    if (f->has_gso || b->segment == 0) {
        int error = send_message(f, b, b->segment, b->body);
        if (error == EAGAIN) return error;
        bool is_cut = b->segment != 0 && b->segment < b->body.len;
        if (error == 0 || !is_cut || (error != EIO && error != EINVAL && error != EMSGSIZE)) {
            *sent = b->body.len;
            return 0;
        }
        if (error == EIO) f->has_gso = false; /* the device has no checksum offload */
    }
    for (size_t left; (left = b->body.len - *sent) > 0;) {
        size_t len = b->segment < left ? b->segment : left;
        if (send_message(f, b, 0, (pu_span){b->body.base + *sent, len}) == EAGAIN) return EAGAIN;
        *sent += len;
    }
    return 0;
}

static void wait_for_room(family *f, const udp_burst *b, size_t sent)
{
    size_t len = b->body.len - sent;
    if (f->waiting_bytes + len > WAITING_MAX) return;
    waiting *w = malloc(sizeof *w + len);
    if (w == NULL) return;
    *w = (waiting){.burst = *b};
    memcpy(w->bytes, b->body.base + sent, len);
    w->burst.body = (pu_span){w->bytes, len};
    if (f->first == NULL) f->first = w;
    else f->last->next = w;
    f->last = w;
    f->waiting_bytes += len;
    loop_change(f->owner->l, &f->w, EPOLLIN | EPOLLOUT);
}

static void send_waiting(family *f)
{
    while (f->first != NULL) {
        waiting *w = f->first;
        size_t sent;
        int error = send_burst(f, &w->burst, &sent);
        f->waiting_bytes -= sent;
        w->burst.body.base += sent;
        w->burst.body.len -= sent;
        if (error != 0) return;
        f->first = w->next;
        free(w);
    }
    loop_change(f->owner->l, &f->w, EPOLLIN);
}

void udp_send(udp *u, const udp_burst *b)
{
    family *f = &u->of[endpoint_is_v4(&b->remote) ? 0 : 1];
    if (f->w.fd < 0) return;
    size_t sent = 0;
    if (f->first != NULL || send_burst(f, b, &sent) != 0) wait_for_room(f, b, sent);
}

static void ready(void *ctx, uint32_t events)
{
    family *f = ctx;
    if ((events & EPOLLOUT) != 0) send_waiting(f);
    if ((events & (EPOLLIN | EPOLLERR)) == 0) return;
    for (unsigned round = 0; round < RECEIVE_ROUNDS && receive(f); round++) {}
}

/* ---- life ---- */

/* Opens the socket of one family; port 0: any. False: errno. */
static bool open_family(udp *u, unsigned which, uint16_t port, const pu_endpoint *only)
{
    family *f = &u->of[which];
    int af = which == 0 ? AF_INET : AF_INET6;
    int fd = socket(af, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    if (af == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    tune(fd, af);
    sockaddr_any a = {0};
    socklen_t len = af == AF_INET ? sizeof a.v4 : sizeof a.v6;
    a.any.sa_family = (sa_family_t)af;
    if (only != NULL) len = sockaddr_of(&a, only);
    if (af == AF_INET) a.v4.sin_port = htons(port);
    else a.v6.sin6_port = htons(port);
    f->w = (watch){fd, EPOLLIN, ready, f};
    f->owner = u;
    f->has_gso = true;
    if (bind(fd, &a.any, len) == 0 && getsockname(fd, &a.any, &len) == 0 && loop_add(u->l, &f->w)) {
        u->port = endpoint_of(&a).port;
        return true;
    }
    int why = errno;
    close(fd);
    f->w.fd = -1;
    errno = why;
    return false;
}

udp *udp_open(loop *l, uint16_t port, const pu_endpoint *only,
              void (*received)(void *ctx, const udp_burst *burst), void *ctx)
{
    udp *u = calloc(1, sizeof *u);
    if (u == NULL) return NULL;
    *u = (udp){.l = l, .received = received, .ctx = ctx};
    u->of[0].w.fd = u->of[1].w.fd = -1;
    bool wants_v4 = only == NULL || endpoint_is_v4(only);
    bool wants_v6 = only == NULL || !endpoint_is_v4(only);
    bool has_v4 = wants_v4 && open_family(u, 0, port, only);
    int why = errno;
    if (!has_v4 && wants_v4 && why != EAFNOSUPPORT) goto fail;
    if (wants_v6 && !open_family(u, 1, has_v4 ? u->port : port, only) && !has_v4) {
        why = errno;
        goto fail;
    }
    return u;
fail:
    udp_close(u);
    errno = why;
    return NULL;
}

void udp_close(udp *u)
{
    if (u == NULL) return;
    for (unsigned i = 0; i < FAMILIES; i++) {
        family *f = &u->of[i];
        while (f->first != NULL) {
            waiting *w = f->first;
            f->first = w->next;
            free(w);
        }
        if (f->w.fd < 0) continue;
        loop_del(u->l, &f->w);
        close(f->w.fd);
        f->w.fd = -1;
    }
    free(u);
}

uint16_t udp_port(const udp *u)
{
    return u->port;
}
