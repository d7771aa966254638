/* ifaddr_test.c - addresses of a machine of its own, a namespace, as they come and go; also more
 * changes at once than the kernel keeps for us. Without the right to make one nothing is tried. */
#define _GNU_SOURCE /* unshare */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net-real/ifaddr.h"

int ifaddr_test(void);

enum { KNOWN_MAX = 16, SKIPPED = 77, CHANGES = 4000 };

/* In the namespace: a socket to change it by, and the addresses that we were told of. */
static struct {
    int fd;
    loop *l;
    ifaddr *i;
    pu_endpoint known[KNOWN_MAX];
    unsigned count, wrong, returns;
} site;

static void changed(void *ctx, const pu_endpoint *address, bool gone)
{
    (void)ctx;
    unsigned k = 0;
    while (k < site.count && memcmp(site.known[k].ip, address->ip, 16) != 0) k++;
    if ((k < site.count) != gone || (!gone && site.count == KNOWN_MAX)) site.wrong++;
    else if (gone) site.known[k] = site.known[--site.count];
    else site.known[site.count++] = *address;
}

static void returned(void *ctx)
{
    (void)ctx;
    site.returns++;
}

static bool is_known(const char *ip4)
{
    uint8_t ip[16] = {[10] = 0xff, [11] = 0xff};
    if (inet_pton(AF_INET, ip4, ip + 12) != 1) return false;
    for (unsigned k = 0; k < site.count; k++)
        if (memcmp(site.known[k].ip, ip, sizeof ip) == 0) return true;
    return false;
}

/* Appends an attribute of a netlink message; with len 0 one that others are to be put into. Where
 * it begins. */
static size_t put(uint8_t *out, size_t *at, uint16_t type, const void *value, size_t len)
{
    size_t begin = *at;
    struct rtattr a = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};
    memcpy(out + begin, &a, sizeof a);
    if (len > 0) memcpy(out + begin + RTA_LENGTH(0), value, len);
    *at += RTA_SPACE(len);
    return begin;
}

/* What was put since belongs to the attribute that begins there. */
static void close_at(uint8_t *out, size_t begin, size_t at)
{
    uint16_t len = (uint16_t)(at - begin);
    memcpy(out + begin, &len, sizeof len);
}

static bool set_flags(const char *name, short flags)
{
    struct ifreq r = {.ifr_flags = flags};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    return ioctl(site.fd, SIOCSIFFLAGS, &r) == 0;
}

/* Gives the loopback another address beside its own; a second call replaces it. */
static bool set_address(const char *ip4)
{
    struct ifreq r = {.ifr_name = "lo:1"};
    struct sockaddr_in a = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, ip4, &a.sin_addr) != 1) return false;
    memcpy(&r.ifr_addr, &a, sizeof a);
    return ioctl(site.fd, SIOCSIFADDR, &r) == 0;
}

/* Until nothing comes for a tenth of a second. */
static void turn(void)
{
    pu_time until = loop_now(site.l) + PU_S / 10;
    while (loop_now(site.l) < until) loop_turn(site.l, until);
}

/* The first line at which something is wrong; 0: nothing is; -1: it cannot be tried here. */
#define NEED(condition) \
    if (!(condition)) return __LINE__

static int addresses_come_and_go_inside(void)
{
    turn();
    NEED(is_known("127.0.0.1") && !is_known("10.9.8.7"));
    unsigned before = site.count;
    NEED(set_address("10.9.8.7"));
    turn();
    NEED(is_known("10.9.8.7") && site.count == before + 1);
    NEED(set_address("10.9.8.8"));
    turn();
    NEED(is_known("10.9.8.8") && !is_known("10.9.8.7"));
    NEED(set_flags("lo:1", 0));
    turn();
    NEED(!is_known("10.9.8.8") && site.count == before);
    NEED(site.wrong == 0);
    return 0;
}

/* Nobody reads meanwhile: what the kernel dropped is asked for again. */
static int more_than_the_kernel_keeps_inside(void)
{
    turn();
    unsigned before = site.count;
    NEED(set_address("10.9.8.7"));
    turn();
    for (unsigned n = 0; n < CHANGES; n++) {
        char text[INET_ADDRSTRLEN];
        snprintf(text, sizeof text, "10.8.%u.%u", n / 250 % 250, 1 + n % 250);
        NEED(set_address(text));
    }
    NEED(set_address("10.1.2.3"));
    turn();
    NEED(is_known("127.0.0.1") && is_known("10.1.2.3") && !is_known("10.9.8.7"));
    NEED(site.count == before + 1);
    NEED(site.wrong == 0);
    return 0;
}

/* A pair of interfaces, each the other's cable. False: the kernel has none. */
static bool make_pair(const char *name, const char *peer)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg body;
        uint8_t attributes[256];
    } ask = {.head = {.nlmsg_type = RTM_NEWLINK,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK}};
    uint8_t answer[512];
    size_t at = 0;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    put(ask.attributes, &at, IFLA_IFNAME, name, strlen(name) + 1);
    size_t info = put(ask.attributes, &at, IFLA_LINKINFO, NULL, 0);
    put(ask.attributes, &at, IFLA_INFO_KIND, "veth", 4);
    size_t data = put(ask.attributes, &at, IFLA_INFO_DATA, NULL, 0);
    size_t other =
        put(ask.attributes, &at, VETH_INFO_PEER, &(struct ifinfomsg){0}, sizeof(struct ifinfomsg));
    put(ask.attributes, &at, IFLA_IFNAME, peer, strlen(peer) + 1);
    close_at(ask.attributes, other, at);
    close_at(ask.attributes, data, at);
    close_at(ask.attributes, info, at);
    ask.head.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof ask.body) + at);
    bool is_made = fd >= 0 && send(fd, &ask, ask.head.nlmsg_len, 0) > 0 &&
                   recv(fd, answer, sizeof answer, 0) >= (ssize_t)sizeof(struct nlmsghdr) + 4;
    int error = -1;
    if (is_made) memcpy(&error, answer + sizeof(struct nlmsghdr), sizeof error);
    if (fd >= 0) close(fd);
    return error == 0;
}

/* Whether an interface has a network, or has none, within five seconds: the kernel takes its time.
 * What it says of it has been read then. */
static bool is_in_state(const char *name, bool is_running)
{
    pu_time until = loop_now(site.l) + 5 * PU_S;
    bool is_so = false;
    while (!is_so && loop_now(site.l) < until) {
        struct ifreq r = {.ifr_flags = 0};
        snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
        turn();
        if (ioctl(site.fd, SIOCGIFFLAGS, &r) != 0) return false;
        is_so = ((r.ifr_flags & IFF_RUNNING) != 0) == is_running;
    }
    turn();
    return is_so;
}

/* One that is just made may seem to lose its network at once: what follows is what counts. */
static int an_interface_finds_a_network_again_inside(void)
{
    if (!make_pair("one", "two")) return -1;
    NEED(set_flags("one", IFF_UP));
    NEED(set_flags("two", IFF_UP));
    NEED(is_in_state("one", true) && is_in_state("two", true));
    unsigned before = site.returns;
    NEED(set_flags("two", 0));
    NEED(is_in_state("one", false) && is_in_state("two", false));
    NEED(site.returns == before);
    NEED(set_flags("two", IFF_UP));
    NEED(is_in_state("one", true) && is_in_state("two", true));
    NEED(site.returns >= before + 2); /* either end had lost the other */
    NEED(site.wrong == 0);
    return 0;
}

/* The end of a bridge's port is no end of the interface, though it is told as one. */
static int a_port_that_leaves_its_bridge_is_known_inside(void)
{
    struct ifreq r = {.ifr_name = "bridge"};
    if (!make_pair("one", "two") || ioctl(site.fd, SIOCBRADDBR, r.ifr_name) != 0) return -1;
    r.ifr_ifindex = (int)if_nametoindex("one");
    NEED(ioctl(site.fd, SIOCBRADDIF, &r) == 0);
    NEED(set_flags("one", IFF_UP));
    NEED(set_flags("two", IFF_UP));
    NEED(is_in_state("one", true) && is_in_state("two", true));
    NEED(set_flags("two", 0));
    NEED(is_in_state("one", false) && is_in_state("two", false));
    NEED(ioctl(site.fd, SIOCBRDELIF, &r) == 0);
    turn();
    unsigned before = site.returns;
    NEED(set_flags("two", IFF_UP));
    NEED(is_in_state("one", true) && is_in_state("two", true));
    NEED(site.returns >= before + 2); /* either end had lost the other */
    return 0;
}

/* The exit code of a process that has gone into a namespace of its own and done `inside`. */
static int run_inside(int (*inside)(void))
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return SKIPPED;
    site.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    site.l = loop_new();
    if (site.fd < 0 || site.l == NULL || !set_flags("lo", IFF_UP)) return SKIPPED;
    site.i = ifaddr_open(site.l, &(ifaddr_events){changed, returned, NULL});
    if (site.i == NULL) return 1;
    int line = inside();
    if (line > 0)
        fprintf(stderr, "%s:%d: %u known, %u wrong, %u returns\n", __FILE__, line, site.count,
                site.wrong, site.returns);
    ifaddr_close(site.i);
    loop_free(site.l);
    close(site.fd);
    return line < 0 ? SKIPPED : line != 0;
}

static void hold(int (*inside)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(run_inside(inside));
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void addresses_come_and_go(void **state)
{
    (void)state;
    hold(addresses_come_and_go_inside);
}

static void an_interface_finds_a_network_again(void **state)
{
    (void)state;
    hold(an_interface_finds_a_network_again_inside);
}

static void a_port_that_leaves_its_bridge_is_known(void **state)
{
    (void)state;
    hold(a_port_that_leaves_its_bridge_is_known_inside);
}

static void more_than_the_kernel_keeps_is_asked_for(void **state)
{
    (void)state;
    hold(more_than_the_kernel_keeps_inside);
}

int ifaddr_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_and_go),
        cmocka_unit_test(more_than_the_kernel_keeps_is_asked_for),
        cmocka_unit_test(an_interface_finds_a_network_again),
        cmocka_unit_test(a_port_that_leaves_its_bridge_is_known),
    };
    return cmocka_run_group_tests_name("ifaddr", tests, NULL, NULL);
}
