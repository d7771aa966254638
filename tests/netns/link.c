/* tests/netns/link.c - the network between namespaces: one process that carries IPv4 packets from
 * interface to interface, each late by what its way takes. For kernels without netem.
 *
 *   lab-link SEED <SPECIFICATION
 *
 * Each line of the specification is one of
 *
 *   end NAMESPACE INTERFACE ADDRESS UP_BPS DOWN_BPS QUEUE_NS LOSS_PPM JITTER_NS
 *   way I J NS        one way from end I to end J and back takes so long; ends count from 0
 *   go                all are there: makes the interfaces, says "ready"
 *   cut I J           nothing of I's arrives at J from now on (after go)
 *   mend I J          it arrives again
 *
 * NAMESPACE is a path (/run/netns/NAME). An interface is a TUN of that namespace; it lives as long
 * as this process, which ends with its standard input. What an access link does is what it does in
 * the simulator (sim/net_send.c): its rate and queue once in each direction, its loss, its jitter.
 */
#define _GNU_SOURCE
#include "tests/netns/link_way.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256, READS_MAX = 64, IP_HEADER_BYTES = 20, IP_VERSION_4 = 4 };

typedef struct port {
    char space[128], name[IFNAMSIZ];
    int fd;
} port;

static port ports[LINK_ENDS_MAX];

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "lab-link: %s: %s\n", what, strerror(errno));
    exit(1);
}

static _Noreturn void refuse(const char *line)
{
    fprintf(stderr, "lab-link: cannot be read: %s", line);
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * PU_S + (uint64_t)t.tv_nsec;
}

/* ---- the specification ---- */

static void add_end(link_ways *w, const char *line)
{
    link_end e = {0};
    char address[INET_ADDRSTRLEN];
    struct in_addr ip;
    if (w->count == LINK_ENDS_MAX) refuse(line);
    port *p = &ports[w->count];
    p->fd = -1;
    bool is_read =
        sscanf(line, "end %127s %15s %15s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNu64,
               p->space, p->name, address, &e.up_bps, &e.down_bps, &e.queue_ns, &e.loss_ppm,
               &e.jitter_ns) == 8;
    if (!is_read || inet_pton(AF_INET, address, &ip) != 1) refuse(line);
    e.address = ntohl(ip.s_addr);
    w->ends[w->count++] = e;
}

/* A line of numbers: I J, and *ns where there is room for it. */
static void two_ends(const link_ways *w, const char *line, const char *format, unsigned long at[3],
                     int wanted)
{
    int got = sscanf(line, format, &at[0], &at[1], &at[2]);
    if (got != wanted || at[0] >= w->count || at[1] >= w->count) refuse(line);
}

/* One line. True: it was the last before packets are carried. */
static bool take_line(link_ways *w, const char *line)
{
    unsigned long at[3] = {0};
    if (strncmp(line, "end ", 4) == 0) {
        add_end(w, line);
    } else if (strncmp(line, "way ", 4) == 0) {
        two_ends(w, line, "way %lu %lu %lu", at, 3);
        w->way_ns[at[0]][at[1]] = w->way_ns[at[1]][at[0]] = at[2];
    } else if (strncmp(line, "cut ", 4) == 0) {
        two_ends(w, line, "cut %lu %lu", at, 2);
        w->is_cut[at[0]][at[1]] = true;
    } else if (strncmp(line, "mend ", 5) == 0) {
        two_ends(w, line, "mend %lu %lu", at, 2);
        w->is_cut[at[0]][at[1]] = false;
    } else if (strcmp(line, "go\n") == 0) {
        return true;
    } else {
        refuse(line);
    }
    return false;
}

/* Lines from standard input, whole ones; false at its end. */
static bool read_lines(link_ways *w, bool *is_last)
{
    static char text[LINE_MAX_BYTES];
    static size_t len;
    ssize_t got = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
    if (got <= 0) return false;
    len += (size_t)got;
    text[len] = '\0';
    char *from = text;
    for (char *end; (end = strchr(from, '\n')) != NULL; from = end + 1) {
        char line[LINE_MAX_BYTES];
        size_t size = (size_t)(end - from) + 1;
        memcpy(line, from, size);
        line[size] = '\0';
        if (take_line(w, line)) *is_last = true;
    }
    len -= (size_t)(from - text);
    memmove(text, from, len);
    if (len == sizeof text - 1) refuse(text);
    return true;
}

/* ---- interfaces ---- */

static int open_tun(const port *p)
{
    struct ifreq wanted = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int space = open(p->space, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) != 0) fail(p->space);
    close(space);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) fail("/dev/net/tun");
    snprintf(wanted.ifr_name, sizeof wanted.ifr_name, "%s", p->name);
    if (ioctl(fd, TUNSETIFF, &wanted) != 0) fail(p->name);
    return fd;
}

/* ---- packets ---- */

/* Reads what an interface has, and puts it on its way. */
static void take_packets(link_ways *w, uint32_t end)
{
    uint8_t bytes[LINK_PACKET_MAX];
    for (unsigned i = 0; i < READS_MAX; i++) {
        ssize_t len = read(ports[end].fd, bytes, sizeof bytes);
        if (len < 0) return;
        if (len >= IP_HEADER_BYTES && bytes[0] >> 4 == IP_VERSION_4)
            link_send(w, now_ns(), end, bytes, (size_t)len);
    }
}

/* Gives away what has arrived; returns when the next does. */
static uint64_t give_packets(link_ways *w)
{
    link_packet packet;
    while (link_arrive(w, now_ns(), &packet)) {
        ssize_t written = write(ports[packet.to].fd, packet.bytes, packet.len);
        (void)written; /* an interface that is down takes nothing, as a cable would */
        free(packet.bytes);
    }
    return link_next(w);
}

static void set_timer(int timer, uint64_t at_ns)
{
    struct itimerspec when = {.it_value = {(time_t)(at_ns / PU_S), (long)(at_ns % PU_S)}};
    if (at_ns == PU_NEVER) when = (struct itimerspec){0};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void carry(link_ways *w, int timer)
{
    struct pollfd watched[LINK_ENDS_MAX + 2];
    bool is_last = false;
    for (uint32_t i = 0; i < w->count; i++) watched[i] = (struct pollfd){ports[i].fd, POLLIN, 0};
    watched[w->count] = (struct pollfd){timer, POLLIN, 0};
    watched[w->count + 1] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    for (;;) {
        set_timer(timer, give_packets(w));
        if (poll(watched, w->count + 2, -1) < 0) fail("poll");
        for (uint32_t i = 0; i < w->count; i++)
            if ((watched[i].revents & POLLIN) != 0) take_packets(w, i);
        if (watched[w->count + 1].revents != 0 && !read_lines(w, &is_last)) return;
    }
}

int main(int argc, char **argv)
{
    static link_ways w;
    const struct sched_param urgent = {.sched_priority = 2};
    bool is_ready = false;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (sched_setscheduler(0, SCHED_RR, &urgent) != 0) /* its lateness would be the network's */
        fail("sched_setscheduler");
    if (argc != 2) refuse("usage: lab-link SEED <SPECIFICATION\n");
    link_open(&w, strtoull(argv[1], NULL, 10));
    while (!is_ready)
        if (!read_lines(&w, &is_ready)) refuse("no `go`\n");
    for (uint32_t i = 0; i < w.count; i++) ports[i].fd = open_tun(&ports[i]);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer < 0) fail("timerfd");
    puts("ready");
    fflush(stdout);
    carry(&w, timer);
    return 0;
}
