/* Addresses and interfaces by netlink, see ifaddr.h. A dump after each overrun: the kernel drops
 * messages that nobody reads in time, and says so by ENOBUFS. Those that it had kept come first,
 * and are of a time before: only when they have been read is a dump asked for, or an address whose
 * going was dropped would be taken for one that came during the dump.
 *
 * Of an interface IFF_RUNNING counts, its operational state (RFC 2863): a radio has it once it is
 * let in. One that has not had it before is new and brings its addresses with it; told is of one
 * that loses it and gets it back. */
#include "net-real/ifaddr.h"

#include "net-real/sockaddr.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    MESSAGE_MAX = 32768,
    ADDRESSES_MAX = 256, /* of one machine; more are not told of */
    LINKS_MAX = 64,      /* interfaces with a network, or that had one; the same of more */
    DUMP_MS = 1000       /* how long the kernel may take to list what is there */
};

struct known {
    pu_endpoint address;
    bool is_seen; /* by the dump under way */
};

struct link {
    int index;
    bool is_lost; /* it had a network, and has none */
};

struct ifaddr {
    loop *l;
    watch w;
    ifaddr_events events;
    struct known known[ADDRESSES_MAX];
    size_t count;
    struct link links[LINKS_MAX];
    size_t link_count;
    uint32_t serial;
    bool is_dumping; /* interfaces, then addresses: */
    bool is_of_addresses;
    bool must_ask;   /* once all that waits has been read */
    bool has_failed; /* the last dump */
};

/* Begins a dump of interfaces or addresses. */
static bool ask(ifaddr *i, uint16_t type)
{
    struct {
        struct nlmsghdr head;
        union {
            struct ifaddrmsg address;
            struct ifinfomsg link;
        } body;
    } ask = {.head = {.nlmsg_len = NLMSG_LENGTH(type == RTM_GETADDR ? sizeof ask.body.address
                                                                    : sizeof ask.body.link),
                      .nlmsg_type = type,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                      .nlmsg_seq = ++i->serial}};
    i->is_of_addresses = type == RTM_GETADDR;
    i->is_dumping = send(i->w.fd, &ask, ask.head.nlmsg_len, 0) == (ssize_t)ask.head.nlmsg_len;
    if (!i->is_dumping) i->must_ask = true;
    return i->is_dumping;
}

static bool ask_for_all(ifaddr *i)
{
    i->must_ask = i->has_failed = false;
    return ask(i, RTM_GETLINK);
}

static bool same(const pu_endpoint *a, const pu_endpoint *b)
{
    return a->scope == b->scope && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static void went(ifaddr *i, size_t index)
{
    pu_endpoint address = i->known[index].address;
    i->known[index] = i->known[--i->count];
    i->events.changed(i->events.ctx, &address, true);
}

static void note(ifaddr *i, const pu_endpoint *address, bool gone)
{
    size_t k = 0;
    while (k < i->count && !same(&i->known[k].address, address)) k++;
    if (k < i->count && gone) {
        went(i, k);
    } else if (k < i->count) {
        i->known[k].is_seen = true;
    } else if (!gone && i->count < ADDRESSES_MAX) {
        i->known[i->count++] = (struct known){*address, true};
        i->events.changed(i->events.ctx, address, false);
    }
}

/* The value of an attribute as an address of that family. False: it is too short, or of another
 * family. */
static bool address_in(const uint8_t *value, size_t len, const struct ifaddrmsg *body,
                       pu_endpoint *out)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (body->ifa_family == AF_INET && len >= sizeof v4) {
        memcpy(&v4, value, sizeof v4);
        *out = endpoint_of_v4(&v4, 0);
        return true;
    }
    if (body->ifa_family != AF_INET6 || len < sizeof v6) return false;
    memcpy(&v6, value, sizeof v6);
    *out = endpoint_of_v6(&v6, body->ifa_index, 0);
    return true;
}

/* IFA_LOCAL is the own end of a point-to-point link, IFA_ADDRESS the other; elsewhere they are
 * equal, or only the second is there. */
static bool address_of(const struct nlmsghdr *h, pu_endpoint *out)
{
    const struct ifaddrmsg *body = NLMSG_DATA(h);
    const uint8_t *at = (const uint8_t *)body + NLMSG_ALIGN(sizeof *body);
    size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof *body);
    bool is_found = false, is_local = false;
    struct rtattr a;
    while (left >= sizeof a) {
        memcpy(&a, at, sizeof a);
        if (a.rta_len < sizeof a || a.rta_len > left) break;
        bool is_better = a.rta_type == IFA_LOCAL || (a.rta_type == IFA_ADDRESS && !is_local);
        if (is_better && address_in(at + sizeof a, a.rta_len - sizeof a, body, out)) {
            is_found = true;
            is_local = a.rta_type == IFA_LOCAL;
        }
        size_t step = NLMSG_ALIGN(a.rta_len);
        if (step >= left) break;
        at += step;
        left -= step;
    }
    return is_found;
}

/* ---- interfaces ---- */

static void forget_link(ifaddr *i, int index)
{
    for (size_t k = i->link_count; k-- > 0;) {
        if (i->links[k].index == index) i->links[k] = i->links[--i->link_count];
    }
}

static void note_link(ifaddr *i, const struct ifinfomsg *body)
{
    bool is_running = (body->ifi_flags & IFF_RUNNING) != 0;
    size_t k = 0;
    if ((body->ifi_flags & IFF_LOOPBACK) != 0) return;
    while (k < i->link_count && i->links[k].index != body->ifi_index) k++;
    if (k == i->link_count) {
        if (is_running && k < LINKS_MAX)
            i->links[i->link_count++] = (struct link){.index = body->ifi_index};
        return;
    }
    bool has_returned = is_running && i->links[k].is_lost;
    i->links[k].is_lost = !is_running;
    if (has_returned) i->events.returned(i->events.ctx);
}

static void take_link(ifaddr *i, const struct nlmsghdr *h)
{
    const struct ifinfomsg *body = NLMSG_DATA(h);
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof *body)) return;
    if (body->ifi_family != AF_UNSPEC) return; /* a bridge's port that is none any more */
    if (h->nlmsg_type == RTM_DELLINK) forget_link(i, body->ifi_index);
    else note_link(i, body);
}

/* ---- messages ---- */

static void take_address(ifaddr *i, const struct nlmsghdr *h)
{
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg))) return;
    const struct ifaddrmsg *body = NLMSG_DATA(h);
    bool is_usable = (body->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
    pu_endpoint address;
    if (!address_of(h, &address)) return;
    if (h->nlmsg_type == RTM_DELADDR) note(i, &address, true);
    else if (is_usable) note(i, &address, false);
}

static void dump_ended(ifaddr *i)
{
    if (!i->is_of_addresses) {
        for (size_t k = 0; k < i->count; k++) i->known[k].is_seen = false;
        ask(i, RTM_GETADDR);
        return;
    }
    i->is_dumping = false;
    if (i->must_ask) return; /* half of it may be missing, and is not gone for that */
    for (size_t k = i->count; k-- > 0;) {
        if (!i->known[k].is_seen) went(i, k);
    }
}

static void take(ifaddr *i, const struct nlmsghdr *h)
{
    bool is_of_dump = i->is_dumping && h->nlmsg_seq == i->serial;
    if (is_of_dump && (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0) i->must_ask = true; /* half of it */
    if (h->nlmsg_type == NLMSG_DONE && is_of_dump) dump_ended(i);
    if (h->nlmsg_type == NLMSG_ERROR && is_of_dump) {
        i->is_dumping = false;
        i->has_failed = true;
    }
    if (h->nlmsg_type == RTM_NEWADDR || h->nlmsg_type == RTM_DELADDR) take_address(i, h);
    if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK) take_link(i, h);
}

static void take_all(ifaddr *i, const uint8_t *message, size_t len)
{
    for (size_t at = 0; at < len;) {
        const struct nlmsghdr *h = (const void *)(message + at); /* aligned: at is */
        if (!NLMSG_OK(h, len - at)) break;
        take(i, h);
        at += NLMSG_ALIGN(h->nlmsg_len);
    }
}

/* Reads what waits. */
static void ready(void *ctx, uint32_t events)
{
    ifaddr *i = ctx;
    (void)events;
    _Alignas(struct nlmsghdr) uint8_t message[MESSAGE_MAX];
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t from_len = sizeof from;
        ssize_t got =
            recvfrom(i->w.fd, message, sizeof message, 0, (struct sockaddr *)&from, &from_len);
        if (got < 0 && errno == ENOBUFS) i->must_ask = true;
        else if (got == 0 || (got < 0 && errno != EINTR)) break;
        if (got > 0 && from.nl_pid == 0) take_all(i, message, (size_t)got); /* of the kernel */
    }
    if (i->must_ask && !i->is_dumping) ask_for_all(i);
}

/* What is there now. */
static bool first_dump(ifaddr *i)
{
    struct pollfd p = {i->w.fd, POLLIN, 0};
    if (!ask_for_all(i)) return false;
    while (i->is_dumping && poll(&p, 1, DUMP_MS) > 0) ready(i, EPOLLIN);
    if (i->is_dumping || i->has_failed) errno = i->has_failed ? EIO : ETIMEDOUT;
    return !i->is_dumping && !i->has_failed;
}

ifaddr *ifaddr_open(loop *l, const ifaddr_events *events)
{
    ifaddr *i = calloc(1, sizeof *i);
    if (i == NULL) return NULL;
    *i = (ifaddr){.l = l, .events = *events};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    i->w = (watch){fd, EPOLLIN, ready, i};
    struct sockaddr_nl at = {.nl_family = AF_NETLINK,
                             .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_LINK};
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && first_dump(i) &&
        loop_add(l, &i->w))
        return i;
    int why = errno;
    if (fd >= 0) close(fd);
    free(i);
    errno = why;
    return NULL;
}

void ifaddr_close(ifaddr *i)
{
    if (i == NULL) return;
    loop_del(i->l, &i->w);
    close(i->w.fd);
    free(i);
}
