/* tests/lib/upnp_ask.c - asks a real gateway for a port by UPnP: the client of upnp_client.h on
 * real sockets.
 *
 *   lab-upnp GATEWAY OWN-ADDRESS INNER OUTER LIFETIME-S
 *   lab-upnp GATEWAY OWN-ADDRESS             asks all that upnp_play does
 *
 * UDP; a lifetime of 0 gives the port back. What the gateway then says of the mapping is compared
 * with what was asked for. Prints {"is_answer", "result", "outer", "lifetime", "address"} as JSON,
 * result being a fault's code or 0; or {"otherwise"}: what was answered otherwise than by the
 * simulator's gateways. Exit code 1 and a reason when there is no gateway, or one that contradicts
 * itself; 2 for what is our own fault.
 */
#define _GNU_SOURCE
#include "tests/lib/upnp_client.h"

#include "ident/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRIES = 3, WAIT_MS = 1500, ANSWER_MS = 5000, IP4_AT = 12 };

static const char target[] = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
static const char note[] = "lab <&> \"test\"";

typedef struct asker {
    pu_endpoint own;
} asker;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "lab-upnp: %s: %s\n", what, strerror(errno));
    exit(2);
}

static _Noreturn void refuse(const char *why)
{
    fprintf(stderr, "lab-upnp: %s\n", why);
    exit(1);
}

static struct sockaddr_in address_of(const pu_endpoint *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(e->port)};
    memcpy(&at.sin_addr, e->ip + IP4_AT, sizeof at.sin_addr);
    return at;
}

static int socket_open(const asker *a, int type)
{
    struct sockaddr_in own = address_of(&a->own);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof own) != 0) fail("socket");
    return fd;
}

/* Whether something can be read within so long. */
static bool waits(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    int ready = poll(&p, 1, ms);
    if (ready < 0) fail("poll");
    return ready > 0;
}

static size_t search(void *ctx, const pu_endpoint *to, pu_span request, uint8_t *answer, size_t cap)
{
    const asker *a = ctx;
    struct sockaddr_in at = address_of(to), own = address_of(&a->own);
    int fd = socket_open(a, SOCK_DGRAM);
    ssize_t len = 0;
    if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &own.sin_addr, sizeof own.sin_addr) != 0)
        fail("IP_MULTICAST_IF");
    for (int i = 0; i < TRIES && len <= 0; i++) {
        if (sendto(fd, request.base, request.len, 0, (const struct sockaddr *)&at, sizeof at) < 0)
            fail("sendto");
        if (waits(fd, WAIT_MS)) len = recv(fd, answer, cap, 0);
    }
    close(fd);
    return len > 0 ? (size_t)len : 0;
}

static void exchange(void *ctx, const pu_endpoint *to, pu_span request, wire_http_in *in)
{
    struct sockaddr_in at = address_of(to);
    int fd = socket_open(ctx, SOCK_STREAM);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) fail("connect");
    if (write(fd, request.base, request.len) != (ssize_t)request.len) fail("write");
    while (!wire_http_in_is_over(in) && waits(fd, ANSWER_MS)) {
        uint8_t bytes[4096];
        ssize_t len = read(fd, bytes, sizeof bytes);
        pu_span got = {bytes, len > 0 ? (size_t)len : 0};
        wire_http_in_take(in, &got);
        if (len <= 0) wire_http_in_end(in);
    }
    close(fd);
}

static bool read_address(pu_endpoint *e, const char *text)
{
    memset(e, 0, sizeof *e);
    memset(e->ip + IP4_AT - 2, 0xff, 2);
    return inet_pton(AF_INET, text, e->ip + IP4_AT) == 1;
}

static wire_igd_call ask(upnp_client *c, const wire_igd_call *request)
{
    wire_igd_call m = *request;
    if (!upnp_ask(c, &m)) refuse("an answer that cannot be read");
    return m;
}

/* What the gateway says of the port that it has given: the lease that is left. */
static uint32_t check_entry(upnp_client *c, const wire_igd_call *asked)
{
    wire_igd_call entry = *asked;
    entry.action = WIRE_IGD_FIND;
    entry = ask(c, &entry);
    if (entry.error != WIRE_IGD_OK) refuse("it does not know what it has given");
    bool is_same = entry.internal_port == asked->internal_port && entry.is_enabled &&
                   memcmp(entry.internal_ip, asked->internal_ip, 16) == 0 &&
                   entry.note_len == asked->note_len &&
                   memcmp(entry.note, asked->note, asked->note_len) == 0;
    if (!is_same) refuse("it has given something else than it was asked for");
    return entry.lease_s;
}

static void map(upnp_client *c, const wire_igd_call *asked)
{
    wire_igd_call there = ask(c, &(wire_igd_call){.action = WIRE_IGD_ADDRESS});
    wire_igd_call done = ask(c, asked);
    uint32_t lease_s = 0;
    uint8_t memory[64];
    pu_buf text = buf_of(memory, sizeof memory);
    if (done.error == WIRE_IGD_OK && asked->action == WIRE_IGD_ADD) lease_s = check_entry(c, asked);
    if (done.error == WIRE_IGD_OK && asked->action == WIRE_IGD_DELETE) {
        wire_igd_call entry = *asked;
        entry.action = WIRE_IGD_FIND;
        entry = ask(c, &entry);
        if (entry.error != WIRE_IGD_NO_SUCH_ENTRY) refuse("it has what it has taken back");
    }
    ip4_put(&text, there.external_ip + IP4_AT);
    printf("{\"is_answer\": true, \"result\": %u, \"outer\": %u, \"lifetime\": %u, "
           "\"address\": \"%.*s\"}\n",
           done.error, asked->external_port, lease_s, (int)text.len, (const char *)memory);
}

static void play(upnp_client *c, const asker *a)
{
    const char *wrong = upnp_play(c, &a->own), *quote = wrong != NULL ? "\"" : "";
    printf("{\"otherwise\": %s%s%s}\n", quote, wrong != NULL ? wrong : "null", quote);
}

int main(int argc, char **argv)
{
    static upnp_client c;
    asker a;
    pu_endpoint gateway;
    bool plays = argc == 3;
    if ((argc != 6 && !plays) || !read_address(&gateway, argv[1]) ||
        !read_address(&a.own, argv[2])) {
        fprintf(stderr, "usage: lab-upnp GATEWAY OWN-ADDRESS [INNER OUTER LIFETIME-S]\n");
        return 2;
    }
    wire_igd_call asked = {.action = WIRE_IGD_ADD, .is_enabled = true, .note_len = sizeof note - 1};
    if (!plays) {
        asked.internal_port = (uint16_t)strtoul(argv[3], NULL, 10);
        asked.external_port = (uint16_t)strtoul(argv[4], NULL, 10);
        asked.lease_s = (uint32_t)strtoul(argv[5], NULL, 10);
    }
    memcpy(asked.internal_ip, a.own.ip, sizeof asked.internal_ip);
    memcpy(asked.note, note, sizeof note - 1);
    if (asked.lease_s == 0) asked.action = WIRE_IGD_DELETE;
    upnp_io io = {&a, search, exchange};
    switch (upnp_find(&c, &io, &gateway, target, true)) {
    case UPNP_FOUND:
        if (plays) play(&c, &a);
        else map(&c, &asked);
        return 0;
    case UPNP_SILENT: refuse("nobody answers");
    case UPNP_ELSEWHERE: refuse("it says that it is elsewhere");
    case UPNP_UNREADABLE: refuse("a description that cannot be read");
    case UPNP_NO_SERVICE: refuse("it maps no ports");
    }
    return 2;
}
