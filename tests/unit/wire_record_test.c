/* wire_record_test.c - PeerRecord and ReservationVoucher: known bytes both ways, every cut, and
 * what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hex.h"
#include "tests/unit/wire_cuts.h"
#include "vectors/envelopes.h"
#include "wire/wire_record.h"

/* Fields of another wire type, and fields that nobody knows, are passed over. */
static void foreign_fields_are_passed_over(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {1, 2, 3, 9};
    uint8_t bytes[256], inner[16];
    wire_peer_record record;
    wire_voucher voucher;
    pu_buf info = buf_of(inner, sizeof inner);
    pb_put_uint(&info, 1, 5); /* an AddressInfo whose multiaddr is a number */
    pb_put_bytes(&info, 7, SPAN_LITERAL("x"));
    pu_buf out = buf_of(bytes, sizeof bytes);
    for (size_t i = 0; i < 4; i++) { /* every number as a varint, then as bytes */
        pb_put_uint(&out, numbers[i], 77);
        if (numbers[i] != 3) pb_put_bytes(&out, numbers[i], SPAN_LITERAL("p"));
        else pb_put_bytes(&out, numbers[i], buf_span(&info));
    }
    assert_false(out.full);
    assert_true(wire_peer_record_read(&record, buf_span(&out)));
    assert_int_equal(record.seq, 77);
    assert_int_equal(record.peer_id.len, 1);
    assert_int_equal(record.addr_count, 0);
    assert_true(wire_voucher_read(&voucher, buf_span(&out)));
    assert_int_equal(voucher.expire_s, 77);
    assert_int_equal(voucher.relay.len, 1);
    assert_int_equal(voucher.peer.len, 1);
}

/* What must be there: a peer in a record, both in a voucher; addresses beyond the limit are
 * dropped. */
static void missing_and_surplus(void **state)
{
    (void)state;
    static uint8_t bytes[WIRE_RECORD_ADDRS_MAX * 16 + 64];
    wire_peer_record record = {.peer_id = SPAN_LITERAL("p")};
    wire_voucher voucher = {.relay = SPAN_LITERAL("r"), .peer = SPAN_LITERAL("p")};
    pu_buf out = buf_of(bytes, sizeof bytes);
    assert_false(wire_peer_record_read(&record, span_of(NULL, 0)));
    pb_put_bytes(&out, 1, SPAN_LITERAL("r"));
    assert_false(wire_voucher_read(&voucher, buf_span(&out)));
    out = buf_of(bytes, sizeof bytes);
    pb_put_bytes(&out, 2, SPAN_LITERAL("p"));
    assert_false(wire_voucher_read(&voucher, buf_span(&out)));

    voucher = (wire_voucher){.relay = SPAN_LITERAL("r"), .peer = SPAN_LITERAL("p")};
    out = buf_of(bytes, sizeof bytes);
    wire_voucher_write(&out, &voucher); /* without an end */
    assert_true(wire_voucher_read(&voucher, buf_span(&out)));
    assert_int_equal(voucher.expire_s, 0);

    out = buf_of(bytes, sizeof bytes);
    pb_put_bytes(&out, 1, SPAN_LITERAL("p"));
    for (int i = 0; i < WIRE_RECORD_ADDRS_MAX + 3; i++) {
        size_t mark = pb_open(&out, 3);
        pb_put_bytes(&out, 1, SPAN_LITERAL("a"));
        pb_close(&out, mark);
    }
    assert_false(out.full);
    assert_true(wire_peer_record_read(&record, buf_span(&out)));
    assert_int_equal(record.addr_count, WIRE_RECORD_ADDRS_MAX);
    assert_int_equal(record.seq, 0);
    record.addr_count = 0;
    out = buf_of(bytes, sizeof bytes);
    wire_peer_record_write(&out, &record); /* a seq of 0 is left out */
    assert_int_equal(out.len, 3);
}

int wire_record_test(void);

/* relay "r", peer "pp", expiration 300 */
static const char voucher_hex[] = "0a0172 12027070 18ac02";

static void another_implementations_record_both_ways(void **state)
{
    (void)state;
    uint8_t memory[256], want[16];
    pu_span payload = envelope_vectors[0].payload;
    wire_peer_record m;
    assert_true(wire_peer_record_read(&m, payload));
    assert_int_equal(m.peer_id.len, 38);
    assert_int_equal(m.addr_count, 2);
    assert_true(m.seq > 0);
    assert_true(span_equal(m.addrs[0], hex_bytes("047f000001060fa1", want, sizeof want)));
    for (size_t cap = 0; cap < payload.len; cap++) {
        pu_buf out = buf_of(memory, cap);
        wire_peer_record_write(&out, &m);
        assert_true(out.full);
    }
    pu_buf out = buf_of(memory, sizeof memory);
    wire_peer_record_write(&out, &m);
    assert_true(span_equal(buf_span(&out), payload));
}

static void vouchers_both_ways(void **state)
{
    (void)state;
    uint8_t memory[32], written[32];
    pu_span bytes = hex_bytes(voucher_hex, memory, sizeof memory);
    wire_voucher m;
    assert_true(wire_voucher_read(&m, bytes));
    assert_true(span_equal(m.relay, SPAN_LITERAL("r")));
    assert_true(span_equal(m.peer, SPAN_LITERAL("pp")));
    assert_int_equal(m.expire_s, 300);
    pu_buf out = buf_of(written, sizeof written);
    wire_voucher_write(&out, &m);
    assert_true(span_equal(buf_span(&out), bytes));
}

static void every_truncation_inside_a_field_is_refused(void **state)
{
    (void)state;
    uint8_t memory[32];
    pu_span record = envelope_vectors[0].payload;
    pu_span voucher = hex_bytes(voucher_hex, memory, sizeof memory);
    for (size_t len = 0; len <= record.len; len++) {
        wire_peer_record m;
        bool want = len > 0 && is_between_fields(record, len); /* the id comes first */
        assert_int_equal(wire_peer_record_read(&m, span_head(record, len)), want);
    }
    for (size_t len = 0; len <= voucher.len; len++) {
        wire_voucher m;
        bool want = len >= 7 && is_between_fields(voucher, len); /* both ids */
        assert_int_equal(wire_voucher_read(&m, span_head(voucher, len)), want);
    }
}

static void malformed_records_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "1005",            /* no id */
        "0801",            /* the id as a number */
        "0a0161 1a020a05", /* an address beyond its message */
        "0a0161 1a030a0561",
        "0a0161 0b",
        "0a0161 0261",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t memory[16];
        wire_peer_record m;
        assert_false(wire_peer_record_read(&m, hex_bytes(bad[i], memory, sizeof memory)));
    }
}

static void odd_but_good_records_are_read(void **state)
{
    (void)state;
    uint8_t memory[64];
    wire_peer_record m;
    /* any order, the last scalar wins, unknown fields, an address entry without an address */
    assert_true(
        wire_peer_record_read(&m, hex_bytes("1a030a0161 1007 1008 1a00 2001 1a050a01621001 0a0170",
                                            memory, sizeof memory)));
    assert_int_equal(m.seq, 8);
    assert_int_equal(m.addr_count, 2);
    assert_true(span_equal(m.addrs[1], SPAN_LITERAL("b")));
    assert_true(span_equal(m.peer_id, SPAN_LITERAL("p")));
}

static void surplus_addresses_are_dropped(void **state)
{
    (void)state;
    uint8_t memory[2048];
    pu_buf out = buf_of(memory, sizeof memory);
    wire_peer_record m;
    pb_put_bytes(&out, 1, SPAN_LITERAL("p"));
    for (int i = 0; i < WIRE_RECORD_ADDRS_MAX + 5; i++)
        pb_put_bytes(&out, 3, SPAN_LITERAL("\x0a\x01x"));
    assert_true(wire_peer_record_read(&m, buf_span(&out)));
    assert_int_equal(m.addr_count, WIRE_RECORD_ADDRS_MAX);
}

int wire_record_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_implementations_record_both_ways),
        cmocka_unit_test(vouchers_both_ways),
        cmocka_unit_test(every_truncation_inside_a_field_is_refused),
        cmocka_unit_test(malformed_records_are_refused),
        cmocka_unit_test(odd_but_good_records_are_read),
        cmocka_unit_test(surplus_addresses_are_dropped),
        cmocka_unit_test(foreign_fields_are_passed_over),
        cmocka_unit_test(missing_and_surplus),
    };
    return cmocka_run_group_tests_name("wire_record", tests, NULL, NULL);
}
