/* pb_test.c - protobuf wire format: what the reader accepts, what it refuses, and that the writer's
 * bytes come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pb.h"
#include "tests/unit/hex.h"

int pb_test(void);

/* One field of each kind: 1 varint 300, 2 bytes "hi", 3 fixed32, 4 fixed64, 5 empty bytes. */
static const char every_kind[] = "08ac02 12026869 1d78563412 21efcdab8967452301 2a00";
static const size_t boundaries[] = {0, 3, 7, 12, 21, 23};

static void reads_every_kind(void **state)
{
    (void)state;
    uint8_t memory[32];
    pb_in in = pb_in_of(hex_bytes(every_kind, memory, sizeof memory));
    pb_field f;
    assert_true(pb_next(&in, &f));
    assert_true(f.no == 1 && f.wire == PB_VARINT && f.num == 300);
    assert_true(pb_next(&in, &f));
    assert_true(f.no == 2 && f.wire == PB_BYTES && span_equal(f.bytes, SPAN_LITERAL("hi")));
    assert_true(pb_next(&in, &f));
    assert_true(f.no == 3 && f.wire == PB_FIXED32 && f.num == 0x12345678);
    assert_true(pb_next(&in, &f));
    assert_true(f.no == 4 && f.wire == PB_FIXED64 && f.num == UINT64_C(0x0123456789abcdef));
    assert_true(pb_next(&in, &f));
    assert_true(f.no == 5 && f.wire == PB_BYTES && f.bytes.len == 0);
    assert_false(pb_next(&in, &f));
    assert_false(in.bad);
}

/* Reads all fields; how many there were, or -1 when the message is malformed. */
static int count_fields(pu_span message)
{
    int count = 0;
    pb_in in = pb_in_of(message);
    for (pb_field f; pb_next(&in, &f);) count++;
    return in.bad ? -1 : count;
}

static void every_truncation_is_bad_unless_between_fields(void **state)
{
    (void)state;
    uint8_t memory[32];
    pu_span whole = hex_bytes(every_kind, memory, sizeof memory);
    for (size_t len = 0; len <= whole.len; len++) {
        int want = -1;
        for (size_t i = 0; i < sizeof boundaries / sizeof boundaries[0]; i++) {
            if (boundaries[i] == len) want = (int)i;
        }
        assert_int_equal(count_fields(span_head(whole, len)), want);
    }
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0001",                      /* field number 0 */
        "0200",                      /* field number 0, bytes */
        "0b",                        /* group begins */
        "0b 0801 0c",                /* a whole group */
        "0c",                        /* group ends */
        "0e00",                      /* wire type 6 */
        "0f00",                      /* wire type 7 */
        "8080808010 01",             /* field number 2^29 */
        "0a02 61",                   /* bytes beyond the message */
        "0aff ffffffffffffff7f 61",  /* length 2^63 - 1 */
        "0affffffffffffffffff01",    /* length 2^64 - 1 */
        "08ffffffffffffffffff02",    /* a value of 65 bits */
        "08ffffffffffffffffff81",    /* a tenth byte that wants an eleventh */
        "0880808080808080808080 00", /* eleven bytes */
        "80808080808080808080 01",   /* a key of eleven bytes */
        "0d000000",                  /* fixed32 of three bytes */
        "0900000000000000",          /* fixed64 of seven bytes */
        "0801 10",                   /* a good field, then half of one */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t memory[32];
        assert_int_equal(count_fields(hex_bytes(bad[i], memory, sizeof memory)), -1);
    }
}

static void an_error_stays(void **state)
{
    (void)state;
    uint8_t memory[8];
    pb_in in = pb_in_of(hex_bytes("0b 0801", memory, sizeof memory));
    pb_field f = {.no = 77};
    for (int i = 0; i < 3; i++) {
        assert_false(pb_next(&in, &f));
        assert_true(in.bad);
    }
}

static void over_long_numbers_inside_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint64_t num;
    } cases[] = {
        {"08 8100", 1},
        {"8800 8180808080808080 8000", 1},       /* key too; value of ten bytes */
        {"08 ffffffffffffffffff01", UINT64_MAX}, /* all 64 bits */
        {"08 80808080808080808001", UINT64_C(1) << 63},
        {"08 81808080808080808000", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[16];
        pb_in in = pb_in_of(hex_bytes(cases[i].hex, memory, sizeof memory));
        pb_field f = {0};
        assert_true(pb_next(&in, &f));
        assert_int_equal(f.no, 1);
        assert_true(f.num == cases[i].num);
        assert_false(pb_next(&in, &f));
        assert_false(in.bad);
    }
}

static void largest_field_number_both_ways(void **state)
{
    (void)state;
    uint8_t memory[8];
    pu_buf out = buf_of(memory, sizeof memory);
    pb_put_uint(&out, (1u << 29) - 1, 5);
    pb_in in = pb_in_of(buf_span(&out));
    pb_field f = {0};
    assert_true(pb_next(&in, &f));
    assert_int_equal(f.no, (1u << 29) - 1);
    assert_int_equal(f.num, 5);
}

static void empty_message_has_no_fields(void **state)
{
    (void)state;
    assert_int_equal(count_fields((pu_span){NULL, 0}), 0);
}

static void writes_known_bytes(void **state)
{
    (void)state;
    uint8_t memory[64], want[64];
    pu_buf out = buf_of(memory, sizeof memory);
    pb_put_uint(&out, 1, 300);
    pb_put_bytes(&out, 2, SPAN_LITERAL("hi"));
    pb_put_uint(&out, 16, 0);
    pb_put_uint(&out, 3, UINT64_MAX);
    pb_put_bytes(&out, 5, (pu_span){NULL, 0});
    assert_false(out.full);
    assert_true(
        span_equal(buf_span(&out), hex_bytes("08ac02 12026869 800100 18ffffffffffffffffff01 2a00",
                                             want, sizeof want)));
}

/* Appends a frame around a message around a message around body_len bytes. */
static void put_nested(pu_buf *out, size_t body_len)
{
    static const uint8_t body[20000] = {7};
    size_t frame = pb_frame_open(out);
    size_t outer = pb_open(out, 4);
    size_t inner = pb_open(out, 5);
    pb_put_bytes(out, 6, span_of(body, body_len));
    pb_close(out, inner);
    pb_put_uint(out, 7, 1);
    pb_close(out, outer);
    pb_frame_close(out, frame);
}

/* The one field of message, which must be an embedded message with number no. */
static pu_span only_message(pu_span message, uint32_t no)
{
    pb_in in = pb_in_of(message);
    pb_field f = {0};
    assert_true(pb_next(&in, &f));
    assert_true(f.no == no && f.wire == PB_BYTES);
    return f.bytes;
}

/* Lengths around 127 and 16,383 make each of the three length fields one, two or three bytes long.
 */
static void nested_messages_of_all_sizes_come_back(void **state)
{
    (void)state;
    static uint8_t memory[20100];
    static const size_t sizes[] = {0,     1,     117,   118,   119,   120,   121,  122,
                                   123,   124,   125,   126,   127,   128,   300,  16370,
                                   16374, 16376, 16378, 16380, 16383, 16384, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        pu_buf out = buf_of(memory, sizeof memory);
        buf_put_u8(&out, 0xee);
        put_nested(&out, sizes[i]);
        assert_false(out.full);
        assert_int_equal(memory[0], 0xee);

        pu_span in = span_skip(buf_span(&out), 1);
        size_t prefix = in.base[0] < 0x80 ? 1 : in.base[1] < 0x80 ? 2 : 3;
        pu_span outer = only_message(span_skip(in, prefix), 4);
        pu_span body = only_message(only_message(outer, 5), 6);
        assert_int_equal(body.len, sizes[i]);
        if (sizes[i] > 0) assert_int_equal(body.base[0], 7);
        assert_int_equal(count_fields(outer), 2);
    }
}

static void writer_never_passes_its_room(void **state)
{
    (void)state;
    uint8_t memory[160];
    pu_buf whole = buf_of(memory, sizeof memory);
    put_nested(&whole, 130);
    assert_false(whole.full);
    for (size_t cap = 0; cap < whole.len; cap++) {
        uint8_t tight[160];
        memset(tight, 0x5a, sizeof tight);
        pu_buf out = buf_of(tight, cap);
        put_nested(&out, 130);
        assert_true(out.full);
        for (size_t i = cap; i < sizeof tight; i++) assert_int_equal(tight[i], 0x5a);
    }
    uint8_t exact[160];
    pu_buf out = buf_of(exact, whole.len);
    put_nested(&out, 130);
    assert_false(out.full);
    assert_true(span_equal(buf_span(&out), buf_span(&whole)));
}

int pb_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(every_truncation_is_bad_unless_between_fields),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(an_error_stays),
        cmocka_unit_test(over_long_numbers_inside_are_read),
        cmocka_unit_test(largest_field_number_both_ways),
        cmocka_unit_test(empty_message_has_no_fields),
        cmocka_unit_test(writes_known_bytes),
        cmocka_unit_test(nested_messages_of_all_sizes_come_back),
        cmocka_unit_test(writer_never_passes_its_room),
    };
    return cmocka_run_group_tests_name("pb", tests, NULL, NULL);
}
