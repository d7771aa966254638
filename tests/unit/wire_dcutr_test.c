/* wire_dcutr_test.c - HolePunch messages: known bytes both ways, every cut, and what must be
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hex.h"
#include "tests/unit/wire_cuts.h"
#include "wire/wire_dcutr.h"

int wire_dcutr_test(void);

/* CONNECT with /ip4/127.0.0.1/tcp/8080 and /ip4/1.2.3.4/udp/4001/quic-v1, framed */
static const char connect_hex[] = "19 0864 1208047f000001061f90 120b040102030491020fa1cd03";

/* SYNC, framed */
static const char sync_hex[] = "03 08ac02";

static void known_bytes_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint64_t type;
        uint32_t addr_count;
    } cases[] = {{connect_hex, WIRE_DCUTR_CONNECT, 2}, {sync_hex, WIRE_DCUTR_SYNC, 0}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t memory[64] = {0}, written[64];
        pu_span framed = hex_bytes(cases[i].hex, memory, sizeof memory);
        assert_int_equal(framed.base[0], framed.len - 1);
        wire_dcutr m;
        assert_true(wire_dcutr_read(&m, span_skip(framed, 1)));
        assert_int_equal(m.type, cases[i].type);
        assert_int_equal(m.addr_count, cases[i].addr_count);

        pu_buf out = buf_of(written, sizeof written);
        wire_dcutr_write(&out, &m);
        assert_true(span_equal(buf_span(&out), framed));
        for (size_t cap = 0; cap < framed.len; cap++) {
            out = buf_of(written, cap);
            wire_dcutr_write(&out, &m);
            assert_true(out.full);
        }
    }
}

static void addresses_come_in_order(void **state)
{
    (void)state;
    uint8_t memory[64], want[16];
    pu_span framed = hex_bytes(connect_hex, memory, sizeof memory);
    wire_dcutr m;
    assert_true(wire_dcutr_read(&m, span_skip(framed, 1)));
    assert_true(span_equal(m.addrs[0], hex_bytes("047f000001061f90", want, sizeof want)));
    assert_true(span_equal(m.addrs[1], hex_bytes("040102030491020fa1cd03", want, sizeof want)));
}

static void every_truncation_inside_a_field_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {connect_hex, sync_hex};
    for (size_t i = 0; i < 2; i++) {
        uint8_t memory[64];
        pu_span message = span_skip(hex_bytes(cases[i], memory, sizeof memory), 1);
        for (size_t len = 0; len <= message.len; len++) {
            wire_dcutr m;
            bool want = len > 0 && is_between_fields(message, len); /* type comes first */
            assert_int_equal(wire_dcutr_read(&m, span_head(message, len)), want);
        }
    }
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",             /* no type */
        "120161",       /* no type, an address */
        "0800",         /* type 0 */
        "08c801",       /* type 200 */
        "08ad02",       /* type 301 */
        "0864 0800",    /* the last type counts, and it is unknown */
        "0a0164",       /* type as bytes */
        "08e480808010", /* 2^32 + 100 must not become 100 */
        "0864 1205 61", /* address beyond the message */
        "0864 13 14",   /* a group */
        "0864 0261",    /* field number 0 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t memory[16];
        wire_dcutr m;
        assert_false(wire_dcutr_read(&m, hex_bytes(bad[i], memory, sizeof memory)));
    }
}

static void any_order_and_unknown_fields_are_fine(void **state)
{
    (void)state;
    uint8_t memory[32];
    wire_dcutr m;
    assert_true(wire_dcutr_read(
        &m, hex_bytes("120161 1801 1005 22017a 0800 08ac02 120162", memory, sizeof memory)));
    assert_int_equal(m.type, WIRE_DCUTR_SYNC);
    assert_int_equal(m.addr_count, 2);
    assert_true(span_equal(m.addrs[1], SPAN_LITERAL("b")));
}

static void surplus_addresses_are_dropped(void **state)
{
    (void)state;
    static uint8_t memory[4096];
    pu_buf message = buf_of(memory, sizeof memory);
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t tag = (uint8_t)i;
        pb_put_bytes(&message, 2, span_of(&tag, 1));
    }
    pb_put_uint(&message, 1, WIRE_DCUTR_CONNECT);
    assert_false(message.full);
    wire_dcutr m;
    assert_true(wire_dcutr_read(&m, buf_span(&message)));
    assert_int_equal(m.addr_count, WIRE_DCUTR_ADDRS_MAX);
    assert_int_equal(m.addrs[15].base[0], 15);
    assert_int_equal(m.type, WIRE_DCUTR_CONNECT);
}

static void messages_above_the_limit_are_refused(void **state)
{
    (void)state;
    static uint8_t memory[WIRE_DCUTR_MESSAGE_MAX + 16];
    static const uint8_t filler[WIRE_DCUTR_MESSAGE_MAX] = {0};
    for (size_t over = 0; over < 2; over++) {
        pu_buf message = buf_of(memory, sizeof memory);
        pb_put_uint(&message, 1, WIRE_DCUTR_SYNC);
        pb_put_bytes(&message, 15, span_of(filler, WIRE_DCUTR_MESSAGE_MAX - 6 + over));
        assert_int_equal(message.len, WIRE_DCUTR_MESSAGE_MAX + over);
        wire_dcutr m;
        assert_int_equal(wire_dcutr_read(&m, buf_span(&message)), over == 0);
    }
}

int wire_dcutr_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_bytes_both_ways),
        cmocka_unit_test(addresses_come_in_order),
        cmocka_unit_test(every_truncation_inside_a_field_is_refused),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(any_order_and_unknown_fields_are_fine),
        cmocka_unit_test(surplus_addresses_are_dropped),
        cmocka_unit_test(messages_above_the_limit_are_refused),
    };
    return cmocka_run_group_tests_name("wire_dcutr", tests, NULL, NULL);
}
