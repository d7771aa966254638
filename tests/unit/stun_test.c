/* tests/unit/stun_test.c - STUN messages, and behaviour discovery by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "sim/calibrate_nat.h"
#include "sim/nat_probe.h"

int stun_test(void);

/* RFC 5769 section 2.2: the response to its sample request, IPv4, as far as its mapped address. */
static const uint8_t sample[] = {
    0x01, 0x01, 0x00, 0x1c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 't',  'e',  's',  't',  ' ',  'v',  'e',  'c',
    't',  'o',  'r',  0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
};

static void reads_the_sample(void **state)
{
    (void)state;
    stun_message m;
    assert_true(stun_read(&m, span_of(sample, sizeof sample)));
    assert_true(m.is_response);
    pu_endpoint want = pu_endpoint_ip4(192, 0, 2, 1, 32853);
    assert_true(pu_endpoint_equal(&m.mapped, &want));
    assert_int_equal(m.other.port, 0);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    pu_endpoint six = {.ip = {0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, [15] = 7}, .port = 32853};
    const stun_message messages[] = {
        {.id = {1, 2, 3}},
        {.id = {4}, .change_ip = true, .change_port = true},
        {.id = {5}, .change_port = true},
        {.id = {6}, .is_response = true, .mapped = pu_endpoint_ip4(11, 0, 0, 1, 4001)},
        {.id = {7},
         .is_response = true,
         .mapped = six,
         .other = pu_endpoint_ip4(11, 0, 2, 1, 3479)},
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        const stun_message *m = &messages[i];
        uint8_t bytes[STUN_MAX];
        stun_message back;
        size_t len = stun_write(bytes, m);
        assert_true(stun_read(&back, span_of(bytes, len)));
        assert_memory_equal(back.id, m->id, sizeof m->id);
        assert_int_equal(back.is_response, m->is_response);
        assert_int_equal(back.change_ip, m->change_ip);
        assert_int_equal(back.change_port, m->change_port);
        assert_true(pu_endpoint_equal(&back.mapped, &m->mapped));
        assert_true(pu_endpoint_equal(&back.other, &m->other));
        for (size_t cut = 0; cut < len; cut++) assert_false(stun_read(&back, span_of(bytes, cut)));
    }
}

static void damage_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {
        {0, 0x02},  /* another method */
        {1, 0x11},  /* an indication */
        {3, 0x20},  /* longer than it is */
        {4, 0x22},  /* no cookie */
        {23, 0x0c}, /* an attribute that pads into the next: its length then is nonsense */
        {39, 0x04}, /* an address that is too short */
        {41, 0x02}, /* of another family than its length */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t bytes[sizeof sample];
        stun_message m;
        memcpy(bytes, sample, sizeof sample);
        bytes[wrong[i].at] = wrong[i].value;
        bool is_harmless = wrong[i].at == 23; /* eleven bytes and twelve take the same room */
        assert_int_equal(stun_read(&m, span_of(bytes, sizeof bytes)), is_harmless);
    }
}

/* Nothing answers: it ends, having found nothing. */
static void silence_ends(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {1};
    uint16_t locals[NAT_PROBE_SOCKETS] = {0};
    pu_endpoint server = pu_endpoint_ip4(11, 0, 0, 1, 3478);
    nat_probe p;
    nat_probe_packet packet;
    unsigned sent = 0;
    nat_probe_start(&p, &server, locals, seed);
    for (pu_time now = 0; !p.is_over; now = p.again_at)
        if (nat_probe_next(&p, now, &packet)) sent++;
    assert_int_equal(sent, 4);
    assert_int_equal(p.mapping, 0);
}

/* Answers to another question, requests and noise change nothing. */
static void strangers_are_passed_over(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {1}, noise[40] = {1, 2, 3};
    uint16_t locals[NAT_PROBE_SOCKETS] = {0};
    pu_endpoint server = pu_endpoint_ip4(11, 0, 0, 1, 3478);
    nat_probe p;
    nat_probe_packet packet;
    uint8_t bytes[STUN_MAX];
    nat_probe_start(&p, &server, locals, seed);
    assert_true(nat_probe_next(&p, 0, &packet));
    nat_probe before = p;
    stun_message other = {.id = {9}, .is_response = true, .mapped = server};
    nat_probe_got(&p, 0, span_of(bytes, stun_write(bytes, &other)));
    nat_probe_got(&p, 0, span_of(packet.bytes, packet.len));
    nat_probe_got(&p, 0, span_of(noise, sizeof noise));
    memcpy(other.id, p.id, sizeof other.id);
    nat_probe_got(&p, 1, span_of(bytes, stun_write(bytes, &other))); /* another socket */
    assert_memory_equal(&p, &before, sizeof p);
}

/* T-NAT-1, with a share of its seeds; all of them: peerup-sim calibrate nat --seeds 1-1000. */
static void every_class_is_found(void **state)
{
    (void)state;
    enum { SEEDS = 5 };
    calibrate_nat_class all[CALIBRATE_NAT_CLASSES];
    progress bar = progress_start(PROGRESS_NONE, CALIBRATE_NAT_CLASSES * SEEDS);
    calibrate_nat(1, SEEDS, &bar, all);
    for (size_t i = 0; i < CALIBRATE_NAT_CLASSES; i++) {
        assert_int_equal(all[i].right[0], SEEDS);
        assert_int_equal(all[i].right[1], SEEDS);
    }
}

int stun_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_sample),          cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(damage_is_refused),         cmocka_unit_test(silence_ends),
        cmocka_unit_test(strangers_are_passed_over), cmocka_unit_test(every_class_is_found),
    };
    return cmocka_run_group_tests_name("stun", tests, NULL, NULL);
}
