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
    unsigned count, wrong;
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

static bool is_known(const char *ip4)
{
    uint8_t ip[16] = {[10] = 0xff, [11] = 0xff};
    if (inet_pton(AF_INET, ip4, ip + 12) != 1) return false;
    for (unsigned k = 0; k < site.count; k++)
        if (memcmp(site.known[k].ip, ip, sizeof ip) == 0) return true;
    return false;
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

/* The first line at which something is wrong; 0: nothing is. */
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

/* The exit code of a process that has gone into a namespace of its own and done `inside`. */
static int run_inside(int (*inside)(void))
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return SKIPPED;
    site.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    site.l = loop_new();
    if (site.fd < 0 || site.l == NULL || !set_flags("lo", IFF_UP)) return SKIPPED;
    site.i = ifaddr_open(site.l, changed, NULL);
    if (site.i == NULL) return 1;
    int line = inside();
    if (line != 0)
        fprintf(stderr, "%s:%d: %u known, %u wrong\n", __FILE__, line, site.count, site.wrong);
    ifaddr_close(site.i);
    loop_free(site.l);
    close(site.fd);
    return line != 0;
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
    };
    return cmocka_run_group_tests_name("ifaddr", tests, NULL, NULL);
}
