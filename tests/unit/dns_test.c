/* Names: answers that c-ares has at once, answers of a server, a silent one, a hostile one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "net-real/dns.h"
#include "net-real/sockaddr.h"

int dns_test(void);

enum { ANSWERS_MAX = 80, HEADER = 12 };

typedef struct rig {
    loop *l;
    dns *d;
    watch server; /* a name server of ours */
    /* What it says to a question whose header and question are in `out` (len bytes): the new
     * length, 0: nothing. */
    size_t (*says)(uint8_t *out, size_t len, size_t cap);
    unsigned asked;
    bool is_asking;
    unsigned count; /* of answers */
    struct seen {
        pu_token token;
        uint32_t code;
        char text[256]; /* multiaddrs, each after a blank */
    } seen[ANSWERS_MAX];
} rig;

static void on_answer(void *ctx, pu_token token, uint32_t code, pu_span multiaddrs)
{
    rig *r = ctx;
    assert_false(r->is_asking);
    assert_true(r->count < ANSWERS_MAX);
    struct seen *s = &r->seen[r->count++];
    *s = (struct seen){.token = token, .code = code};
    while (multiaddrs.len > 0) {
        char one[PU_MADDR_TEXT_MAX];
        size_t head = multiaddrs.base[0] < 128 ? 1 : 2;
        size_t len = multiaddrs.base[0] & 0x7fu;
        if (head == 2) len |= (size_t)multiaddrs.base[1] << 7;
        assert_true(head + len <= multiaddrs.len);
        assert_true(pu_maddr_text((pu_span){multiaddrs.base + head, len}, one, sizeof one) > 0);
        size_t at = strlen(s->text);
        snprintf(s->text + at, sizeof s->text - at, " %s", one);
        multiaddrs.base += head + len;
        multiaddrs.len -= head + len;
    }
}

static void on_question(void *ctx, uint32_t events)
{
    rig *r = ctx;
    uint8_t packet[1500];
    sockaddr_any from;
    socklen_t from_len = sizeof from;
    (void)events;
    ssize_t got = recvfrom(r->server.fd, packet, 512, 0, &from.any, &from_len);
    assert_true(got > HEADER);
    r->asked++;
    size_t len = HEADER;
    while (packet[len] != 0) len += packet[len] + 1u;
    len += 1 + 4;      /* the root, type and class; what follows is EDNS */
    packet[2] |= 0x80; /* a response */
    packet[11] = 0;
    len = r->says(packet, len, sizeof packet);
    if (len > 0) sendto(r->server.fd, packet, len, 0, &from.any, from_len);
}

static int begin(void **state)
{
    static rig r;
    char servers[32], error[128] = "";
    sockaddr_any at = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at.v4;
    r = (rig){.l = loop_new()};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (bind(fd, &at.any, len) != 0 || getsockname(fd, &at.any, &len) != 0) return -1;
    r.server = (watch){fd, EPOLLIN, on_question, &r};
    if (!loop_add(r.l, &r.server)) return -1;
    snprintf(servers, sizeof servers, "127.0.0.1:%u", (unsigned)ntohs(at.v4.sin_port));
    r.d = dns_open(r.l, servers, on_answer, &r, error, sizeof error);
    *state = &r;
    return r.d != NULL ? 0 : -1;
}

static int end(void **state)
{
    rig *r = *state;
    dns_close(r->d);
    loop_del(r->l, &r->server);
    close(r->server.fd);
    loop_free(r->l);
    return 0;
}

static void ask(rig *r, pu_token token, enum pu_name what, const char *name, uint64_t within_ns)
{
    r->is_asking = true;
    dns_ask(r->d, token, what, (pu_span){(const uint8_t *)name, strlen(name)},
            loop_now(r->l) + within_ns);
    r->is_asking = false;
}

/* Turns until so many answers came, at most for ten seconds. */
static void turn_until(rig *r, unsigned count)
{
    pu_time limit = loop_now(r->l) + 10 * PU_S;
    while (r->count < count && loop_now(r->l) < limit) {
        pu_time due = dns_deadline(r->d);
        loop_turn(r->l, due < limit ? due : limit);
        if (dns_deadline(r->d) <= loop_now(r->l)) dns_tick(r->d, loop_now(r->l));
    }
    assert_int_equal(r->count, count);
}

static const struct seen *answer_of(const rig *r, pu_token token)
{
    for (unsigned i = 0; i < r->count; i++) {
        if (r->seen[i].token == token) return &r->seen[i];
    }
    fail();
    return NULL;
}

/* ---- what the server says ---- */

static size_t put(uint8_t *out, size_t at, const void *bytes, size_t len)
{
    memcpy(out + at, bytes, len);
    return at + len;
}

/* One record for the name of the question. */
static size_t put_record(uint8_t *out, size_t at, uint8_t type, const void *data, size_t len)
{
    const uint8_t head[] = {0xc0,        HEADER, 0, type, 0, 1, 0, 0, 0, 60, (uint8_t)(len >> 8),
                            (uint8_t)len};
    out[7]++;
    return put(out, put(out, at, head, sizeof head), data, len);
}

static uint8_t type_asked(const uint8_t *out, size_t len)
{
    return out[len - 3];
}

static size_t say_addresses(uint8_t *out, size_t len, size_t cap)
{
    static const uint8_t v4[4] = {192, 0, 2, 7}, v6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 9};
    assert_true(cap > len + 64);
    uint8_t type = type_asked(out, len);
    return type == 1 ? put_record(out, len, 1, v4, 4) : put_record(out, len, 28, v6, 16);
}

static size_t say_nothing_like_it(uint8_t *out, size_t len, size_t cap)
{
    (void)cap;
    out[3] = (uint8_t)((out[3] & 0xf0) | 3); /* NXDOMAIN */
    return len;
}

static size_t stay_silent(uint8_t *out, size_t len, size_t cap)
{
    (void)out;
    (void)len;
    (void)cap;
    return 0;
}

static size_t put_text(uint8_t *out, size_t at, const char *first, const char *second)
{
    uint8_t data[512];
    size_t len = 1 + strlen(first);
    data[0] = (uint8_t)strlen(first);
    memcpy(data + 1, first, strlen(first));
    if (second != NULL) {
        data[len++] = (uint8_t)strlen(second);
        memcpy(data + len, second, strlen(second));
        len += strlen(second);
    }
    return put_record(out, at, 16, data, len);
}

static size_t say_texts(uint8_t *out, size_t len, size_t cap)
{
    assert_true(cap > len + 512);
    assert_memory_equal(out + HEADER, "\x08_dnsaddr", 9);
    len = put_text(out, len, "v=spf1 -all", NULL);
    len = put_text(out, len, "dnsaddr=/ip4/192.0.2.1/ud", "p/4001/quic-v1");
    len = put_text(out, len, "dnsaddr=/ip4/300.0.2.1/tcp/1", NULL); /* no address */
    len = put_text(out, len, "dnsaddr=", NULL);
    return put_text(out, len, "dnsaddr=/dnsaddr/b.example", NULL);
}

/* ---- tests ---- */

static void what_is_known_at_once_is_answered_later(void **state)
{
    rig *r = *state;
    r->says = stay_silent;
    ask(r, 1, PU_NAME_ADDRESS4, "192.0.2.5", PU_S);
    ask(r, 2, PU_NAME_ADDRESS6, "2001:db8::5", PU_S);
    ask(r, 3, PU_NAME_ADDRESS4, "two..dots", PU_S);
    ask(r, 4, PU_NAME_DNSADDR, "two..dots", PU_S);
    ask(r, 5, PU_NAME_ADDRESS, "", PU_S);
    ask(r, 6, PU_NAME_ADDRESS, "192.0.2.5", PU_S);
    ask(r, 7, PU_NAME_ADDRESS, "2001:db8::5", PU_S);
    assert_int_equal(r->count, 0);
    assert_true(dns_deadline(r->d) <= loop_now(r->l));
    turn_until(r, 7);
    for (pu_token i = 1; i <= 6; i += 5)
        assert_string_equal(answer_of(r, i)->text, " /ip4/192.0.2.5");
    for (pu_token i = 2; i <= 7; i += 5)
        assert_string_equal(answer_of(r, i)->text, " /ip6/2001:db8::5");
    assert_int_not_equal(answer_of(r, 3)->code, PU_CODE_OK);
    assert_int_not_equal(answer_of(r, 4)->code, PU_CODE_OK);
    assert_int_equal(answer_of(r, 5)->code, PU_CODE_INVALID);
    assert_int_equal(r->asked, 0);
}

static void a_name_ends_where_it_ends(void **state)
{
    rig *r = *state;
    r->says = stay_silent;
    r->is_asking = true;
    dns_ask(r->d, 1, PU_NAME_ADDRESS4, (pu_span){(const uint8_t *)"192.0.2.5\0x", 11}, PU_NEVER);
    r->is_asking = false;
    turn_until(r, 1);
    assert_int_equal(answer_of(r, 1)->code, PU_CODE_INVALID);
}

static void addresses_of_a_name(void **state)
{
    rig *r = *state;
    r->says = say_addresses;
    ask(r, 1, PU_NAME_ADDRESS4, "home.example", 5 * PU_S);
    ask(r, 2, PU_NAME_ADDRESS6, "home.example", 5 * PU_S);
    ask(r, 3, PU_NAME_ADDRESS, "home.example", 5 * PU_S);
    turn_until(r, 3);
    assert_string_equal(answer_of(r, 1)->text, " /ip4/192.0.2.7");
    assert_string_equal(answer_of(r, 2)->text, " /ip6/2001:db8::9");
    assert_non_null(strstr(answer_of(r, 3)->text, "/ip4/192.0.2.7"));
    assert_non_null(strstr(answer_of(r, 3)->text, "/ip6/2001:db8::9"));
}

static void texts_of_a_dnsaddr(void **state)
{
    rig *r = *state;
    r->says = say_texts;
    ask(r, 1, PU_NAME_DNSADDR, "a.example", 5 * PU_S);
    turn_until(r, 1);
    assert_int_equal(answer_of(r, 1)->code, PU_CODE_OK);
    assert_string_equal(answer_of(r, 1)->text,
                        " /ip4/192.0.2.1/udp/4001/quic-v1 /dnsaddr/b.example");
}

static void a_name_that_is_not_there(void **state)
{
    rig *r = *state;
    r->says = say_nothing_like_it;
    ask(r, 1, PU_NAME_ADDRESS4, "nobody.example", 5 * PU_S);
    ask(r, 2, PU_NAME_DNSADDR, "nobody.example", 5 * PU_S);
    turn_until(r, 2);
    assert_int_equal(answer_of(r, 1)->code, PU_CODE_NO_ADDRESS);
    assert_int_equal(answer_of(r, 2)->code, PU_CODE_NO_ADDRESS);
}

static void a_silent_server_is_waited_for_until_the_deadline(void **state)
{
    rig *r = *state;
    r->says = stay_silent;
    pu_time began = loop_now(r->l);
    ask(r, 1, PU_NAME_ADDRESS4, "slow.example", 200 * PU_MS);
    turn_until(r, 1);
    assert_int_equal(answer_of(r, 1)->code, PU_CODE_TIMEOUT);
    assert_true(loop_now(r->l) - began >= 200 * PU_MS);
    assert_true(loop_now(r->l) - began < 2 * PU_S);
    /* c-ares asks again after two seconds; what it learns then is nobody's. */
    r->says = say_addresses;
    pu_time until = loop_now(r->l) + 2500 * PU_MS;
    while (loop_now(r->l) < until) {
        loop_turn(r->l, dns_deadline(r->d) < until ? dns_deadline(r->d) : until);
        if (dns_deadline(r->d) <= loop_now(r->l)) dns_tick(r->d, loop_now(r->l));
    }
    assert_true(r->asked >= 2);
    assert_int_equal(r->count, 1);
}

static void more_than_can_be_asked_is_refused(void **state)
{
    rig *r = *state;
    r->says = say_addresses;
    for (pu_token i = 1; i <= 66; i++) ask(r, i, PU_NAME_ADDRESS4, "home.example", 5 * PU_S);
    turn_until(r, 66);
    for (pu_token i = 1; i <= 66; i++)
        assert_int_equal(answer_of(r, i)->code, i <= 64 ? PU_CODE_OK : PU_CODE_RESOURCE);
}

/* Every cut of an answer, and every byte of it changed: some answer comes. */
static size_t cut_at;
static int changed_at;

static size_t say_badly(uint8_t *out, size_t len, size_t cap)
{
    size_t whole = say_texts(out, len, cap);
    if (changed_at >= 0 && len + (size_t)changed_at < whole) out[len + (size_t)changed_at] ^= 0xff;
    return cut_at < whole ? cut_at : whole;
}

static void what_a_server_says_may_be_anything(void **state)
{
    rig *r = *state;
    r->says = say_badly;
    for (changed_at = -1; changed_at < 60; changed_at++) {
        cut_at = changed_at < 0 ? 70 : 1500;
        r->count = 0;
        ask(r, 1, PU_NAME_DNSADDR, "a.example", 100 * PU_MS);
        turn_until(r, 1);
    }
}

int dns_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_known_at_once_is_answered_later, begin, end),
        cmocka_unit_test_setup_teardown(a_name_ends_where_it_ends, begin, end),
        cmocka_unit_test_setup_teardown(addresses_of_a_name, begin, end),
        cmocka_unit_test_setup_teardown(texts_of_a_dnsaddr, begin, end),
        cmocka_unit_test_setup_teardown(a_name_that_is_not_there, begin, end),
        cmocka_unit_test_setup_teardown(a_silent_server_is_waited_for_until_the_deadline, begin,
                                        end),
        cmocka_unit_test_setup_teardown(more_than_can_be_asked_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_a_server_says_may_be_anything, begin, end),
    };
    return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
