/* wire_relay_test.c - hop and stop messages of a js-libp2p relay read and written again, and
 * hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/varint.h"
#include "tests/unit/hex.h"
#include "tests/unit/wire_cuts.h"
#include "wire/wire_relay.h"

int wire_relay_test(void);

/* All captures carry their length in front. */

/* captured from js-libp2p 3.3.11: RESERVE */
static const char js_reserve[] = "020800";

/* captured from js-libp2p 3.3.11: the relay's answer with address, voucher and limit */
static const char js_reserved[] =
    "910208021a800208f0ef8cd8061231047f00000106a6c7a50326002408011220ed4928c628d1c2c6eae90338"
    "905995612959273a5c63f93636c14614ac8737d11ac4010a2408011220ed4928c628d1c2c6eae90338905995"
    "612959273a5c63f93636c14614ac8737d1120203021a560a26002408011220ed4928c628d1c2c6eae9033890"
    "5995612959273a5c63f93636c14614ac8737d11226002408011220ca93ac1705187071d67b83c7ff0efe8108"
    "e8ec4530575d7726879333dbdabe7c18f0ef8cd8062a4046bf51bd2107bf545ecdd761b6cb954d7bde07a8dc"
    "f7b5215d16be86e31874e97809a64d0bc5397524b32042dac29901e94b8f9597d35ec3e7add9717146aa0222"
    "0808c0a907108080082864";

/* captured from js-libp2p 3.3.11: CONNECT, the peer with an address */
static const char js_connect[] =
    "57080112530a26002408011220ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe"
    "7c1229a50326002408011220ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c";

/* captured from js-libp2p 3.3.11: hop STATUS OK with the limit */
static const char js_hop_ok[] = "0e0802220808c0a907108080082864";

/* captured from js-libp2p 3.3.11: stop CONNECT with the source and the limit */
static const char js_stop_connect[] =
    "36080012280a260024080112206e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505b"
    "f11a0808c0a90710808008";

/* captured from js-libp2p 3.3.11: stop STATUS OK */
static const char js_stop_ok[] = "0408012064";

/* Ids of the capture: the relay's listener, the dialler. */
static const char listener_id[] =
    "002408011220ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c";
static const char dialler_id[] =
    "0024080112206e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505bf1";

typedef bool (*reader)(wire_relay *, pu_span);
typedef void (*writer)(pu_buf *, const wire_relay *);

/* Decodes a capture and takes the length off. */
static pu_span capture(const char *hex, uint8_t *memory, size_t cap)
{
    pu_span in = hex_bytes(hex, memory, cap);
    pu_span message = {0};
    assert_int_equal(varint_get_block(&in, WIRE_RELAY_MESSAGE_MAX, &message), VARINT_OK);
    assert_int_equal(in.len, 0);
    return message;
}

static void assert_span(pu_span got, const char *hex)
{
    uint8_t memory[512];
    assert_true(span_equal(got, hex_bytes(hex, memory, sizeof memory)));
}

static void reads_reserve(void **state)
{
    (void)state;
    uint8_t memory[8];
    wire_relay m;
    assert_true(wire_hop_read(&m, capture(js_reserve, memory, sizeof memory)));
    assert_true(m.has_type);
    assert_int_equal(m.type, WIRE_HOP_RESERVE);
    assert_false(m.has_status || m.has_reservation || m.has_limit);
    assert_int_equal(m.peer_id.len, 0);
}

static void reads_a_reservation(void **state)
{
    (void)state;
    uint8_t memory[512];
    wire_relay m;
    assert_true(wire_hop_read(&m, capture(js_reserved, memory, sizeof memory)));
    assert_int_equal(m.type, WIRE_HOP_STATUS);
    assert_true(m.has_status && m.has_reservation && m.has_limit);
    assert_int_equal(m.status, WIRE_RELAY_OK);
    assert_int_equal(m.expire_s, 1795373040);
    assert_int_equal(m.addr_count, 1);
    assert_span(m.addrs[0], "047f00000106a6c7a503260024080112"
                            "20ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1");
    assert_int_equal(m.voucher.len, 196);
    assert_int_equal(m.limit_duration_s, 120000); /* js counts milliseconds here */
    assert_int_equal(m.limit_data_bytes, 131072);
}

static void reads_connect_and_passes_over_the_address(void **state)
{
    (void)state;
    uint8_t memory[128];
    wire_relay m;
    assert_true(wire_hop_read(&m, capture(js_connect, memory, sizeof memory)));
    assert_int_equal(m.type, WIRE_HOP_CONNECT);
    assert_span(m.peer_id, listener_id);
    assert_int_equal(m.addr_count, 0);
    assert_false(m.has_status || m.has_reservation || m.has_limit);
}

static void reads_stop_messages(void **state)
{
    (void)state;
    uint8_t memory[128];
    wire_relay m;
    assert_true(wire_stop_read(&m, capture(js_stop_connect, memory, sizeof memory)));
    assert_int_equal(m.type, WIRE_STOP_CONNECT);
    assert_span(m.peer_id, dialler_id);
    assert_true(m.has_limit);
    assert_int_equal(m.limit_duration_s, 120000);
    assert_int_equal(m.limit_data_bytes, 131072);
    assert_false(m.has_status || m.has_reservation);

    assert_true(wire_stop_read(&m, capture(js_stop_ok, memory, sizeof memory)));
    assert_int_equal(m.type, WIRE_STOP_STATUS);
    assert_true(m.has_status);
    assert_int_equal(m.status, WIRE_RELAY_OK);
    assert_false(m.has_limit);
    assert_int_equal(m.peer_id.len, 0);
}

static const struct {
    const char *hex;
    reader read;
    writer write;
} same_both_ways[] = {
    {js_reserve, wire_hop_read, wire_hop_write},
    {js_reserved, wire_hop_read, wire_hop_write},
    {js_hop_ok, wire_hop_read, wire_hop_write},
    {js_stop_connect, wire_stop_read, wire_stop_write},
    {js_stop_ok, wire_stop_read, wire_stop_write},
};

static void writes_the_same_bytes_as_js(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof same_both_ways / sizeof same_both_ways[0]; i++) {
        uint8_t memory[512], want_memory[512], written[512];
        wire_relay m;
        assert_true(
            same_both_ways[i].read(&m, capture(same_both_ways[i].hex, memory, sizeof memory)));
        pu_span want = hex_bytes(same_both_ways[i].hex, want_memory, sizeof want_memory);
        pu_buf out = buf_of(written, sizeof written);
        same_both_ways[i].write(&out, &m);
        assert_false(out.full);
        assert_true(span_equal(buf_span(&out), want));
        for (size_t cap = 0; cap < want.len; cap++) {
            out = buf_of(written, cap);
            same_both_ways[i].write(&out, &m);
            assert_true(out.full);
        }
    }
}

static void writes_connect(void **state)
{
    (void)state;
    uint8_t id[64], want[64], written[64];
    wire_relay m = {.type = WIRE_HOP_CONNECT, .has_type = true};
    m.peer_id = hex_bytes("0024aabb", id, sizeof id);
    pu_buf out = buf_of(written, sizeof written);
    wire_hop_write(&out, &m);
    assert_true(
        span_equal(buf_span(&out), hex_bytes("0a 0801 1206 0a040024aabb", want, sizeof want)));
}

static void zero_limits_are_left_out(void **state)
{
    (void)state;
    uint8_t want[16], written[16];
    wire_relay m = {.type = WIRE_HOP_STATUS, .has_status = true, .has_limit = true};
    m.status = WIRE_RELAY_OK;
    pu_buf out = buf_of(written, sizeof written);
    wire_hop_write(&out, &m);
    assert_true(span_equal(buf_span(&out), hex_bytes("06 0802 2200 2864", want, sizeof want)));
    wire_relay back;
    assert_true(wire_hop_read(&back, span_skip(buf_span(&out), 1)));
    assert_true(back.has_limit);
    assert_true(back.limit_duration_s == 0 && back.limit_data_bytes == 0);
}

static void every_truncation_inside_a_field_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        reader read;
        unsigned fields;
    } cases[] = {
        {js_reserve, wire_hop_read, 1},       {js_reserved, wire_hop_read, 4},
        {js_connect, wire_hop_read, 2},       {js_hop_ok, wire_hop_read, 3},
        {js_stop_connect, wire_stop_read, 3}, {js_stop_ok, wire_stop_read, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[512];
        pu_span message = capture(cases[i].hex, memory, sizeof memory);
        unsigned accepted = 0;
        for (size_t len = 0; len <= message.len; len++) {
            wire_relay m;
            bool want = len > 0 && is_between_fields(message, len); /* type comes first in all */
            assert_int_equal(cases[i].read(&m, span_head(message, len)), want);
            accepted += want;
        }
        assert_int_equal(accepted, cases[i].fields);
    }
}

static void malformed_messages_are_refused_by_both(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",                       /* no type */
        "2864",                   /* no type, something else */
        "0a00",                   /* type as bytes is not a type */
        "0801 12020a05",          /* peer whose id ends beyond it */
        "0801 12020b0c",          /* peer with a group */
        "0801 0000",              /* field number 0 */
        "08ffffffffffffffffff02", /* type of 65 bits */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t memory[32];
        pu_span message = hex_bytes(bad[i], memory, sizeof memory);
        wire_relay m;
        assert_false(wire_hop_read(&m, message));
        assert_false(wire_stop_read(&m, message));
    }
}

static void malformed_parts_are_refused(void **state)
{
    (void)state;
    uint8_t memory[32];
    wire_relay m;
    assert_false(wire_hop_read(&m, hex_bytes("0802 1a0112", memory, sizeof memory)));
    assert_false(wire_hop_read(&m, hex_bytes("0802 220108", memory, sizeof memory)));
    assert_false(wire_stop_read(&m, hex_bytes("0800 1a0108", memory, sizeof memory)));
}

static void any_order_unknown_fields_and_types_are_fine(void **state)
{
    (void)state;
    uint8_t memory[64];
    wire_relay m;
    /* status 204, unknown 9, wrong types for peer and status, type twice: the last one counts */
    assert_true(
        wire_hop_read(&m, hex_bytes("28cc01 4a0178 1005 2a0100 0801 0802", memory, sizeof memory)));
    assert_int_equal(m.type, WIRE_HOP_STATUS);
    assert_int_equal(m.status, WIRE_RELAY_NO_RESERVATION);
    assert_int_equal(m.peer_id.len, 0);
    /* numbers that nobody has given a meaning yet are for the reader of the struct to refuse */
    assert_true(wire_hop_read(&m, hex_bytes("0863 28e707", memory, sizeof memory)));
    assert_int_equal(m.type, 99);
    assert_int_equal(m.status, 999);
}

static void a_stop_message_has_no_reservation(void **state)
{
    (void)state;
    uint8_t memory[32];
    wire_relay m;
    /* field 3 is the limit here, field 5 unknown */
    assert_true(wire_stop_read(&m, hex_bytes("0800 1a020807 2a020807", memory, sizeof memory)));
    assert_false(m.has_reservation);
    assert_int_equal(m.limit_duration_s, 7);
    assert_int_equal(m.expire_s, 0);
}

static void reading_forgets_what_was_there(void **state)
{
    (void)state;
    uint8_t first[512], second[8];
    wire_relay m;
    assert_true(wire_hop_read(&m, capture(js_reserved, first, sizeof first)));
    assert_true(wire_hop_read(&m, capture(js_reserve, second, sizeof second)));
    assert_false(m.has_status || m.has_reservation || m.has_limit);
    assert_int_equal(m.addr_count, 0);
    assert_int_equal(m.voucher.len, 0);
}

static void surplus_addresses_are_dropped(void **state)
{
    (void)state;
    uint8_t memory[512];
    pu_buf message = buf_of(memory, sizeof memory);
    pb_put_uint(&message, 1, WIRE_HOP_STATUS);
    size_t mark = pb_open(&message, 3);
    for (unsigned i = 0; i < 100; i++) {
        uint8_t tag = (uint8_t)i;
        pb_put_bytes(&message, 2, span_of(&tag, 1));
    }
    pb_put_uint(&message, 1, 77);
    pb_close(&message, mark);
    assert_false(message.full);
    wire_relay m;
    assert_true(wire_hop_read(&m, buf_span(&message)));
    assert_int_equal(m.addr_count, WIRE_RELAY_ADDRS_MAX);
    assert_span(m.addrs[15], "0f");
    assert_int_equal(m.expire_s, 77);
}

static void messages_above_the_limit_are_refused(void **state)
{
    (void)state;
    static uint8_t memory[WIRE_RELAY_MESSAGE_MAX + 16];
    static const uint8_t filler[WIRE_RELAY_MESSAGE_MAX] = {0};
    static const struct {
        size_t filler;
        bool is_fine;
    } cases[] = {{WIRE_RELAY_MESSAGE_MAX - 5, true}, {WIRE_RELAY_MESSAGE_MAX - 4, false}};
    for (size_t i = 0; i < 2; i++) {
        pu_buf message = buf_of(memory, sizeof memory);
        pb_put_uint(&message, 1, WIRE_HOP_RESERVE);
        pb_put_bytes(&message, 15, span_of(filler, cases[i].filler));
        assert_int_equal(message.len, WIRE_RELAY_MESSAGE_MAX + i);
        wire_relay m;
        assert_int_equal(wire_hop_read(&m, buf_span(&message)), cases[i].is_fine);
        assert_int_equal(wire_stop_read(&m, buf_span(&message)), cases[i].is_fine);
    }
}

int wire_relay_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_reserve),
        cmocka_unit_test(reads_a_reservation),
        cmocka_unit_test(reads_connect_and_passes_over_the_address),
        cmocka_unit_test(reads_stop_messages),
        cmocka_unit_test(writes_the_same_bytes_as_js),
        cmocka_unit_test(writes_connect),
        cmocka_unit_test(zero_limits_are_left_out),
        cmocka_unit_test(every_truncation_inside_a_field_is_refused),
        cmocka_unit_test(malformed_messages_are_refused_by_both),
        cmocka_unit_test(malformed_parts_are_refused),
        cmocka_unit_test(any_order_unknown_fields_and_types_are_fine),
        cmocka_unit_test(a_stop_message_has_no_reservation),
        cmocka_unit_test(reading_forgets_what_was_there),
        cmocka_unit_test(surplus_addresses_are_dropped),
        cmocka_unit_test(messages_above_the_limit_are_refused),
    };
    return cmocka_run_group_tests_name("wire_relay", tests, NULL, NULL);
}
