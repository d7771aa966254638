/* service_test.c - the body of COMMAND EXPOSE: both ways, every cut, and what is no service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "peerup/node.h"
#include "tests/unit/wire_cuts.h"

int service_test(void);

/* Two binary peer ids of sha2-256 form, each after its length. */
static const uint8_t two_peers[2 * 35] = {34, 0x12, 0x20, 1, [35] = 34, 0x12, 0x20, 2};

static pu_service ssh(void)
{
    return (pu_service){
        .name = SPAN_LITERAL("ssh"),
        .protocols = {SPAN_LITERAL("/peerup/ssh/1.1.0"), SPAN_LITERAL("/peerup/ssh/1.0.0")},
        .protocol_count = 2,
        .allow_listed = true,
        .allow = span_of(two_peers, sizeof two_peers),
        .streams_max = 7,
        .streams_per_peer_max = 3,
        .limited = true,
    };
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    uint8_t bytes[512];
    pu_service s = ssh(), back;
    size_t len = pu_service_write(bytes, sizeof bytes, &s);
    assert_int_not_equal(len, 0);
    assert_int_equal(pu_service_read(&back, span_of(bytes, len)), PU_OK);
    assert_true(span_equal(back.name, s.name));
    assert_int_equal(back.protocol_count, 2);
    for (uint32_t i = 0; i < 2; i++) assert_true(span_equal(back.protocols[i], s.protocols[i]));
    assert_true(back.allow_listed);
    assert_true(span_equal(back.allow, s.allow));
    assert_int_equal(back.streams_max, 7);
    assert_int_equal(back.streams_per_peer_max, 3);
    assert_true(back.limited);

    pu_span rest = back.allow, peer;
    for (uint8_t i = 1; i <= 2; i++) {
        assert_true(pu_service_next_peer(&rest, &peer));
        assert_int_equal(peer.len, 34);
        assert_int_equal(peer.base[2], i);
    }
    assert_false(pu_service_next_peer(&rest, &peer));
}

static void defaults_are_left_out(void **state)
{
    (void)state;
    uint8_t bytes[64];
    pu_service s = {
        .name = SPAN_LITERAL("a"), .protocols = {SPAN_LITERAL("/a")}, .protocol_count = 1};
    pu_service back;
    size_t len = pu_service_write(bytes, sizeof bytes, &s);
    assert_int_equal(len, 3 + 4);
    assert_int_equal(pu_service_read(&back, span_of(bytes, len)), PU_OK);
    assert_false(back.allow_listed || back.limited);
    assert_int_equal(back.streams_max + back.streams_per_peer_max + back.allow.len, 0);
}

static void every_cut_is_refused_or_a_service(void **state)
{
    (void)state;
    uint8_t bytes[512];
    pu_service s = ssh(), back;
    size_t len = pu_service_write(bytes, sizeof bytes, &s);
    for (size_t cut = 0; cut < len; cut++) {
        bool is_whole = is_between_fields(span_of(bytes, len), cut) && cut >= 5 + 19;
        int expected = is_whole ? PU_OK : PU_ERANGE;
        assert_int_equal(pu_service_read(&back, span_of(bytes, cut)), expected);
        assert_int_equal(pu_service_write(bytes + len, cut, &s), 0);
    }
}

static void what_is_no_service(void **state)
{
    (void)state;
    static const uint8_t not_an_id[] = {3, 1, 2, 3}, cut_id[] = {34, 0x12};
    uint8_t bytes[1024], long_word[PU_PROTOCOL_MAX + 1];
    memset(long_word, 'x', sizeof long_word);
    pu_service bad[9];
    for (size_t i = 0; i < 9; i++) bad[i] = ssh();
    bad[0].name = span_of(NULL, 0);
    bad[1].name = SPAN_LITERAL("a b");
    bad[2].name = span_of(long_word, PU_SERVICE_NAME_MAX + 1);
    bad[3].protocol_count = 0;
    bad[4].protocol_count = PU_SERVICE_PROTOCOLS_MAX + 1;
    bad[5].protocols[1] = bad[5].protocols[0];
    bad[6].protocols[0] = span_of(long_word, sizeof long_word);
    bad[7].allow = span_of(not_an_id, sizeof not_an_id);
    bad[8].allow = span_of(cut_id, sizeof cut_id);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(pu_service_write(bytes, sizeof bytes, &bad[i]), 0);
}

static void what_was_not_written_by_us(void **state)
{
    (void)state;
    pu_service s;
    static const struct {
        const char *bytes;
        size_t len;
        int expected;
    } cases[] = {
        {"\x0a\x01"
         "a"
         "\x12\x02/a"
         "\x78\x01",
         9, PU_OK}, /* a field of tomorrow */
        {"\x0a\x01"
         "a"
         "\x12\x02/a"
         "\x28\xff\xff\xff\xff\x0f",
         13, PU_OK}, /* 2^32 - 1 streams */
        {"\x0a\x01"
         "a"
         "\x12\x02/a"
         "\x28\x80\x80\x80\x80\x10",
         13, PU_ERANGE},
        {"\x0a\x01"
         "\n"
         "\x12\x02/a",
         7, PU_ERANGE},
        {"\x0a\x01"
         "a"
         "\x12\x02/\x7f",
         7, PU_ERANGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(pu_service_read(&s, span_of(cases[i].bytes, cases[i].len)),
                         cases[i].expected);
    static uint8_t much[PU_SERVICE_BYTES_MAX + 1];
    assert_int_equal(pu_service_read(&s, span_of(much, sizeof much)), PU_ERANGE);
}

int service_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(defaults_are_left_out),
        cmocka_unit_test(every_cut_is_refused_or_a_service),
        cmocka_unit_test(what_is_no_service),
        cmocka_unit_test(what_was_not_written_by_us),
    };
    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
