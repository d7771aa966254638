/* tests/lib/stun_ask.c - asks a real STUN server what kind of NAT this machine is behind: the
 * machine of sim/nat_probe.h on real sockets.
 *
 *   lab-stun ADDRESS PORT
 *
 * Prints "MAPPING/FILTERING/PORTS", words of RFC 4787 as scenarios have them; "none" for what did
 * not come to light. Exit code 0 when something answered, 1 when nothing did, 2 for what is our own
 * fault.
 */
#define _GNU_SOURCE
#include "sim/nat_probe.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Odd and even in no simple order, as in sim/calibrate_nat.c. */
enum { LOCAL_FIRST = 20001, LOCAL_STEP = 38, DATAGRAM_MAX = 1500 };

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

typedef struct sockets {
    uint16_t locals[NAT_PROBE_SOCKETS];
    struct pollfd polled[NAT_PROBE_SOCKETS];
} sockets;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "lab-stun: %s: %s\n", what, strerror(errno));
    exit(2);
}

static pu_time now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * PU_S + (uint64_t)t.tv_nsec;
}

static void sockets_open(sockets *s)
{
    for (uint32_t i = 0; i < NAT_PROBE_SOCKETS; i++) {
        s->locals[i] = (uint16_t)(LOCAL_FIRST + LOCAL_STEP * i + i / 2 % 2);
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(s->locals[i])};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0) fail("socket");
        s->polled[i] = (struct pollfd){fd, POLLIN, 0};
    }
}

static void send_packet(const sockets *s, const nat_probe_packet *packet)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(packet->to.port)};
    memcpy(&to.sin_addr, packet->to.ip + sizeof mapped_prefix, sizeof to.sin_addr);
    ssize_t sent = sendto(s->polled[packet->socket].fd, packet->bytes, packet->len, 0,
                          (const struct sockaddr *)&to, sizeof to);
    (void)sent; /* what cannot be sent is not answered */
}

static void receive(const sockets *s, nat_probe *probe)
{
    uint8_t bytes[DATAGRAM_MAX];
    for (uint32_t i = 0; i < NAT_PROBE_SOCKETS; i++) {
        if (s->polled[i].revents == 0) continue;
        ssize_t len = recv(s->polled[i].fd, bytes, sizeof bytes, 0);
        if (len > 0) nat_probe_got(probe, i, (pu_span){bytes, (size_t)len});
    }
}

static void ask(sockets *s, nat_probe *probe)
{
    nat_probe_packet packet;
    while (!probe->is_over) {
        while (nat_probe_next(probe, now_ns(), &packet)) send_packet(s, &packet);
        pu_time now = now_ns();
        if (probe->is_over) return;
        uint64_t wait_ms = probe->again_at > now ? (probe->again_at - now) / PU_MS + 1 : 0;
        if (poll(s->polled, NAT_PROBE_SOCKETS, (int)wait_ms) < 0) fail("poll");
        receive(s, probe);
    }
}

static void print_found(const nat_probe *p)
{
    printf("%s/%s/%s\n", p->mapping != 0 ? nat_mapping_name(p->mapping) : "none",
           p->filtering != 0 ? nat_filtering_name(p->filtering) : "none",
           p->ports != 0 ? nat_ports_name(p->ports) : "none");
}

int main(int argc, char **argv)
{
    static sockets s;
    nat_probe probe;
    pu_endpoint server = {.port = argc == 3 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0};
    uint8_t seed[32];
    memcpy(server.ip, mapped_prefix, sizeof mapped_prefix);
    if (server.port == 0 || inet_pton(AF_INET, argv[1], server.ip + sizeof mapped_prefix) != 1) {
        fprintf(stderr, "usage: lab-stun ADDRESS PORT\n");
        return 2;
    }
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) fail("getrandom");
    sockets_open(&s);
    nat_probe_start(&probe, &server, s.locals, seed);
    ask(&s, &probe);
    print_found(&probe);
    return probe.mapping != 0 ? 0 : 1;
}
