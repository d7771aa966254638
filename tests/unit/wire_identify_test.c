/* wire_identify_test.c - Identify messages of js-libp2p read and written again, and what else peers
 * may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/varint.h"
#include "tests/unit/hex.h"
#include "tests/unit/wire_cuts.h"
#include "wire/wire_identify.h"

int wire_identify_test(void);

/* captured from js-libp2p 3.3.11: a node behind a relay, framed with its length */
static const char js_listener[] =
    "c8012a0a697066732f302e312e30321d6a732d6c69627032702f332e332e3131206e6f64652f32322e32332e"
    "330a2408011220ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c2231047f00"
    "00010695eba50326002408011220ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac87"
    "37d11a0e2f697066732f69642f312e302e301a102f697066732f70696e672f312e302e301a202f6c69627032"
    "702f636972637569742f72656c61792f302e322e302f73746f70";

/* captured from js-libp2p 3.3.11: a relay with a signed record, framed with its length */
static const char js_relay[] =
    "8e032a0a697066732f302e312e30321d6a732d6c69627032702f332e332e3131206e6f64652f32322e32332e"
    "330a2408011220ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d11208047f00"
    "000106a6c72231047f00000106e398a503260024080112206e7a1cdd29b0b78fd13af4c5598feff4ef2a9716"
    "6e3ca6f2e4fbfccd80505bf11a0e2f697066732f69642f312e302e301a0f2f697066732f6b61642f312e302e"
    "301a102f697066732f70696e672f312e302e301a1f2f6c69627032702f636972637569742f72656c61792f30"
    "2e322e302f686f7042a9010a2408011220ed4928c628d1c2c6eae90338905995612959273a5c63f93636c146"
    "14ac8737d1120203011a3b0a26002408011220ed4928c628d1c2c6eae90338905995612959273a5c63f93636"
    "c14614ac8737d110ebd492a1a0341a0a0a08047f00000106a6c72a402973e27a2df43edd4056f84ae5150708"
    "fcc3e0ce7a1cb1c8e43cb4dc74432fb24f1c961cc869f86137ada2308aa391b6b4036be9723775e42fe5fd96"
    "609fb50d";

/* Decodes a capture and takes the length off. */
static pu_span capture(const char *hex, uint8_t *memory, size_t cap)
{
    pu_span in = hex_bytes(hex, memory, cap);
    pu_span message = {0};
    assert_int_equal(varint_get_block(&in, 4096, &message), VARINT_OK);
    assert_int_equal(in.len, 0);
    return message;
}

static void assert_span(pu_span got, const char *hex)
{
    uint8_t memory[512];
    assert_true(span_equal(got, hex_bytes(hex, memory, sizeof memory)));
}

static void reads_a_js_listener(void **state)
{
    (void)state;
    uint8_t memory[512];
    wire_identify m = {0};
    assert_true(wire_identify_read(&m, capture(js_listener, memory, sizeof memory)));
    assert_true(span_equal(m.protocol_version, SPAN_LITERAL("ipfs/0.1.0")));
    assert_true(span_equal(m.agent_version, SPAN_LITERAL("js-libp2p/3.3.11 node/22.23.3")));
    assert_span(m.public_key,
                "08011220ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c");
    assert_span(m.observed, "047f0000010695eba503260024080112"
                            "20ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1");
    assert_int_equal(m.addr_count, 0);
    assert_int_equal(m.signed_record.len, 0);
    assert_int_equal(m.protocol_count, 3);
    assert_true(span_equal(m.protocols[0], SPAN_LITERAL("/ipfs/id/1.0.0")));
    assert_true(span_equal(m.protocols[1], SPAN_LITERAL("/ipfs/ping/1.0.0")));
    assert_true(span_equal(m.protocols[2], SPAN_LITERAL("/libp2p/circuit/relay/0.2.0/stop")));
}

static void reads_a_js_relay(void **state)
{
    (void)state;
    uint8_t memory[512];
    wire_identify m = {0};
    assert_true(wire_identify_read(&m, capture(js_relay, memory, sizeof memory)));
    assert_int_equal(m.addr_count, 1);
    assert_span(m.addrs[0], "047f00000106a6c7");
    assert_int_equal(m.protocol_count, 4);
    assert_true(span_equal(m.protocols[3], SPAN_LITERAL("/libp2p/circuit/relay/0.2.0/hop")));
    assert_int_equal(m.signed_record.len, 169);
    assert_int_equal(m.signed_record.base[0], 0x0a);
    assert_int_equal(m.signed_record.base[168], 0x0d);
}

static void writes_the_same_bytes_as_js(void **state)
{
    (void)state;
    static const char *const captures[] = {js_listener, js_relay};
    for (size_t i = 0; i < 2; i++) {
        uint8_t memory[512], written[512];
        pu_span message = capture(captures[i], memory, sizeof memory);
        wire_identify m = {0};
        assert_true(wire_identify_read(&m, message));
        pu_buf out = buf_of(written, sizeof written);
        wire_identify_write(&out, &m);
        assert_false(out.full);
        assert_true(span_equal(buf_span(&out), message));
    }
}

static void writer_says_when_there_is_no_room(void **state)
{
    (void)state;
    uint8_t memory[512], written[512];
    pu_span message = capture(js_listener, memory, sizeof memory);
    wire_identify m = {0};
    assert_true(wire_identify_read(&m, message));
    for (size_t cap = 0; cap < message.len; cap++) {
        pu_buf out = buf_of(written, cap);
        wire_identify_write(&out, &m);
        assert_true(out.full);
    }
}

static void every_truncation_inside_a_field_is_refused(void **state)
{
    (void)state;
    uint8_t memory[512];
    pu_span message = capture(js_relay, memory, sizeof memory);
    unsigned accepted = 0;
    for (size_t len = 0; len <= message.len; len++) {
        wire_identify m = {0};
        bool is_whole = is_between_fields(message, len);
        assert_int_equal(wire_identify_read(&m, span_head(message, len)), is_whole);
        accepted += is_whole;
    }
    assert_int_equal(accepted, 11); /* ten fields, and nothing at all */
}

/* kubo#692: a message with only a public key ended the process. */
static void absent_fields_are_fine(void **state)
{
    (void)state;
    uint8_t memory[8];
    wire_identify m = {0};
    assert_true(wire_identify_read(&m, hex_bytes("0a021234", memory, sizeof memory)));
    assert_span(m.public_key, "1234");
    assert_int_equal(m.protocol_version.len, 0);
    assert_int_equal(m.addr_count, 0);
    assert_int_equal(m.protocol_count, 0);
}

static void any_order_and_unknown_fields_are_fine(void **state)
{
    (void)state;
    uint8_t memory[64];
    wire_identify m = {0};
    /* protocol, unknown 7 and 100 of three types, signed record, address, protocol, key */
    assert_true(wire_identify_read(
        &m, hex_bytes("1a0161 3801 3a0178 a50601020304 420152 12019f 1a0162 0a014b", memory,
                      sizeof memory)));
    assert_span(m.public_key, "4b");
    assert_span(m.signed_record, "52");
    assert_int_equal(m.addr_count, 1);
    assert_span(m.addrs[0], "9f");
    assert_int_equal(m.protocol_count, 2);
    assert_span(m.protocols[0], "61");
    assert_span(m.protocols[1], "62");
}

static void known_numbers_of_another_type_are_unknown_fields(void **state)
{
    (void)state;
    uint8_t memory[16];
    wire_identify m = {0};
    assert_true(wire_identify_read(&m, hex_bytes("0805 1001 1d01020304", memory, sizeof memory)));
    assert_null(m.public_key.base);
    assert_int_equal(m.addr_count, 0);
    assert_int_equal(m.protocol_count, 0);
}

static void several_messages_merge(void **state)
{
    (void)state;
    uint8_t first[32], second[32];
    wire_identify m = {0};
    /* key, agent, address, protocol; then agent again, address, signed record */
    assert_true(
        wire_identify_read(&m, hex_bytes("0a014b 320141 120131 1a0161", first, sizeof first)));
    assert_true(
        wire_identify_read(&m, hex_bytes("320142 320143 120132 420152", second, sizeof second)));
    assert_span(m.public_key, "4b");
    assert_span(m.agent_version, "43");
    assert_span(m.signed_record, "52");
    assert_int_equal(m.addr_count, 2);
    assert_span(m.addrs[0], "31");
    assert_span(m.addrs[1], "32");
    assert_int_equal(m.protocol_count, 1);
}

static void surplus_is_dropped(void **state)
{
    (void)state;
    static uint8_t memory[8192];
    pu_buf message = buf_of(memory, sizeof memory);
    for (unsigned i = 0; i < 600; i++) {
        uint8_t tag[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        pb_put_bytes(&message, 2, span_of(tag, 2));
        pb_put_bytes(&message, 3, span_of(tag, 2));
    }
    pb_put_bytes(&message, 1, SPAN_LITERAL("key"));
    assert_false(message.full);
    wire_identify m = {0};
    assert_true(wire_identify_read(&m, buf_span(&message)));
    assert_int_equal(m.addr_count, WIRE_IDENTIFY_ADDRS_MAX);
    assert_int_equal(m.protocol_count, WIRE_IDENTIFY_PROTOCOLS_MAX);
    assert_span(m.addrs[127], "007f");
    assert_span(m.protocols[255], "00ff");
    assert_true(span_equal(m.public_key, SPAN_LITERAL("key")));
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0a05 4b",                   /* key beyond the message */
        "0b",                        /* a group */
        "0a014b 0000",               /* field number 0 after a good field */
        "0affffffffffffffffff01 4b", /* a length of 2^64 - 1 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t memory[16];
        wire_identify m = {0};
        assert_false(wire_identify_read(&m, hex_bytes(bad[i], memory, sizeof memory)));
    }
}

int wire_identify_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_js_listener),
        cmocka_unit_test(reads_a_js_relay),
        cmocka_unit_test(writes_the_same_bytes_as_js),
        cmocka_unit_test(writer_says_when_there_is_no_room),
        cmocka_unit_test(every_truncation_inside_a_field_is_refused),
        cmocka_unit_test(absent_fields_are_fine),
        cmocka_unit_test(any_order_and_unknown_fields_are_fine),
        cmocka_unit_test(known_numbers_of_another_type_are_unknown_fields),
        cmocka_unit_test(several_messages_merge),
        cmocka_unit_test(surplus_is_dropped),
        cmocka_unit_test(malformed_messages_are_refused),
    };
    return cmocka_run_group_tests_name("wire_identify", tests, NULL, NULL);
}
