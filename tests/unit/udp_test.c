/* UDP ports on loopback: bursts, where they came from, ECN, sizes. */
#define _GNU_SOURCE /* SOL_UDP, UDP_SEGMENT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net-real/udp.h"

int udp_test(void);

enum { BYTES_MAX = 1 << 18 };

typedef struct end {
    udp *port;
    pu_endpoint remote, local; /* of the last burst */
    uint32_t ecn;
    unsigned calls, datagrams;
    size_t bytes;
    uint8_t got[BYTES_MAX];
} end;

typedef struct pair {
    loop *l;
    end a, b;
} pair;

static void received(void *ctx, const udp_burst *burst)
{
    end *e = ctx;
    e->remote = burst->remote;
    e->local = burst->local;
    e->ecn = burst->ecn;
    e->calls++;
    size_t each = burst->segment != 0 ? burst->segment : burst->body.len;
    e->datagrams += (unsigned)((burst->body.len + each - 1) / each);
    assert_true(e->bytes + burst->body.len <= BYTES_MAX);
    memcpy(e->got + e->bytes, burst->body.base, burst->body.len);
    e->bytes += burst->body.len;
}

static pu_endpoint loopback(uint16_t port)
{
    return (pu_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = port};
}

static int pair_open(void **state)
{
    static pair p;
    memset(&p, 0, sizeof p);
    p.l = loop_new();
    p.a.port = udp_open(p.l, 0, NULL, received, &p.a);
    p.b.port = udp_open(p.l, 0, NULL, received, &p.b);
    *state = &p;
    return p.a.port != NULL && p.b.port != NULL ? 0 : -1;
}

static int pair_close(void **state)
{
    pair *p = *state;
    udp_close(p->a.port);
    udp_close(p->b.port);
    loop_free(p->l);
    return 0;
}

static void turn_until(pair *p, const end *e, size_t bytes)
{
    pu_time limit = loop_now(p->l) + 5 * PU_S;
    while (e->bytes < bytes && loop_now(p->l) < limit) loop_turn(p->l, limit);
    assert_int_equal(e->bytes, bytes);
}

static void fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * 31 + i / 251);
}

static void a_datagram_says_where_it_came_from(void **state)
{
    pair *p = *state;
    udp_burst b = {
        .remote = loopback(udp_port(p->b.port)), .ecn = 2, .body = {(const uint8_t *)"hi", 2}};
    udp_send(p->a.port, &b);
    turn_until(p, &p->b, 2);
    assert_memory_equal(p->b.got, "hi", 2);
    pu_endpoint from = loopback(udp_port(p->a.port)), to = loopback(udp_port(p->b.port));
    assert_memory_equal(p->b.remote.ip, from.ip, 16);
    assert_int_equal(p->b.remote.port, from.port);
    assert_memory_equal(p->b.local.ip, to.ip, 16);
    assert_int_equal(p->b.local.port, to.port);
    assert_int_equal(p->b.ecn, 2);

    b = (udp_burst){
        .local = p->b.local, .remote = p->b.remote, .body = {(const uint8_t *)"ho!", 3}};
    udp_send(p->b.port, &b);
    turn_until(p, &p->a, 3);
    assert_memory_equal(p->a.got, "ho!", 3);
}

/* Whether this kernel cuts and joins datagrams for us. */
static bool has_offload(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 1200, one = 1;
    bool has_both = setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size) == 0 &&
                    setsockopt(fd, SOL_UDP, UDP_GRO, &one, sizeof one) == 0;
    if (fd >= 0) close(fd);
    return has_both;
}

/* A burst arrives as so many datagrams, whether or not the kernel joined them; where it can, it is
 * one call on either side. */
static void a_burst_is_cut_and_joined(void **state)
{
    pair *p = *state;
    static uint8_t sent[40 * 1200 + 77];
    fill(sent, sizeof sent);
    udp_burst b = {
        .remote = loopback(udp_port(p->b.port)), .segment = 1200, .body = {sent, sizeof sent}};
    udp_send(p->a.port, &b);
    turn_until(p, &p->b, sizeof sent);
    assert_int_equal(p->b.datagrams, 41);
    if (has_offload()) assert_in_range(p->b.calls, 1, 2);
    assert_memory_equal(p->b.got, sent, sizeof sent);
}

static void nobody_at_home_hurts_nobody(void **state)
{
    pair *p = *state;
    uint16_t port = udp_port(p->b.port);
    udp_close(p->b.port);
    udp_burst b = {.remote = loopback(port), .body = {(const uint8_t *)"x", 1}};
    for (unsigned i = 0; i < 3; i++) {
        udp_send(p->a.port, &b); /* ICMP says that the port is closed */
        loop_turn(p->l, loop_now(p->l) + PU_MS);
    }
    p->b.port = udp_open(p->l, port, NULL, received, &p->b);
    assert_non_null(p->b.port);
    assert_int_equal(udp_port(p->b.port), port);
    udp_send(p->a.port, &b);
    udp_send(p->a.port, &b); /* the first may only fetch the pending error */
    pu_time limit = loop_now(p->l) + 5 * PU_S;
    while (p->b.bytes == 0 && loop_now(p->l) < limit) loop_turn(p->l, limit);
    assert_true(p->b.bytes > 0);
}

static void a_port_that_is_taken_is_refused(void **state)
{
    pair *p = *state;
    assert_null(udp_open(p->l, udp_port(p->a.port), NULL, received, &p->b));
}

static void ipv6_works_where_there_is_any(void **state)
{
    pair *p = *state;
    pu_endpoint to = {.ip = {[15] = 1}};
    udp *only = udp_open(p->l, 0, &to, received, &p->b);
    if (only == NULL) skip();
    to.port = udp_port(only);
    udp_burst b = {.remote = to, .ecn = 1, .body = {(const uint8_t *)"six", 3}};
    udp_send(p->a.port, &b);
    turn_until(p, &p->b, 3);
    assert_memory_equal(p->b.remote.ip, to.ip, 16);
    assert_int_equal(p->b.ecn, 1);
    udp_close(only);
}

int udp_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_datagram_says_where_it_came_from, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(a_burst_is_cut_and_joined, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(nobody_at_home_hurts_nobody, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(a_port_that_is_taken_is_refused, pair_open, pair_close),
        cmocka_unit_test_setup_teardown(ipv6_works_where_there_is_any, pair_open, pair_close),
    };
    return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
