/* yamux_machines_test.c - the two machines of Yamux that know no link: headers and windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/yamux_frame.h"
#include "link/yamux_window.h"
#include "tests/unit/hex.h"

int yamux_machines_test(void);

enum { MOST = 1 << 24, FIRST = YAMUX_FIRST_WINDOW };

static void headers_are_read_and_written(void **state)
{
    static const struct {
        const char *hex;
        yamux_frame f;
    } cases[] = {
        /* captured from js-libp2p 3.3.11 */
        {"000200010000000000000000", {YAMUX_PING, YAMUX_SYN, 0, 0}},
        {"000100010000000200000000", {YAMUX_WINDOW, YAMUX_SYN, 2, 0}},
        {"000000000000000200000024", {YAMUX_DATA, 0, 2, 36}},
        {"000100020000000200000024", {YAMUX_WINDOW, YAMUX_ACK, 2, 36}},
        /* the corners of each field */
        {"00000000ffffffffffffffff", {YAMUX_DATA, 0, UINT32_MAX, UINT32_MAX}},
        {"0003000000000000ffffffff", {YAMUX_GOAWAY, 0, 0, UINT32_MAX}},
        {"0001ffff0000000100000000", {YAMUX_WINDOW, 0xffff, 1, 0}},
        {"0001000c00000001000001f4", {YAMUX_WINDOW, YAMUX_FIN | YAMUX_RST, 1, 500}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[YAMUX_HEADER_BYTES], again[YAMUX_HEADER_BYTES];
        yamux_frame f;
        hex_bytes(cases[i].hex, bytes, sizeof bytes);
        assert_true(yamux_frame_read(&f, bytes));
        assert_int_equal(f.type, cases[i].f.type);
        assert_int_equal(f.flags, cases[i].f.flags);
        assert_int_equal(f.id, cases[i].f.id);
        assert_int_equal(f.length, cases[i].f.length);
        yamux_frame_write(again, &f);
        assert_memory_equal(again, bytes, sizeof bytes);
    }
}

static void headers_that_cannot_be_are_refused(void **state)
{
    static const char *const cases[] = {
        "010000000000000100000000", /* version 1 (nim#2787) */
        "ff0000000000000100000000", /* version 255 */
        "000400000000000100000000", /* type 4 */
        "00ff00000000000100000000", /* type 255 */
        "000000000000000000000000", /* Data of stream 0 */
        "000100010000000000000000", /* a window of stream 0 */
        "000200010000000100000000", /* Ping of a stream */
        "000300000000000100000000", /* GoAway of a stream */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[YAMUX_HEADER_BYTES];
        yamux_frame f;
        hex_bytes(cases[i], bytes, sizeof bytes);
        assert_false(yamux_frame_read(&f, bytes));
    }
}

/* ---- windows ---- */

static void a_window_takes_what_was_granted(void **state)
{
    (void)state;
    yamux_window w;
    yamux_window_start(&w, 0);
    assert_false(yamux_window_take(&w, FIRST + 1, 0));
    assert_true(yamux_window_take(&w, 0, 0));
    assert_true(yamux_window_take(&w, FIRST - 1, 0));
    assert_false(yamux_window_take(&w, 2, 0));
    assert_true(yamux_window_take(&w, 1, 0));
    assert_false(yamux_window_take(&w, 1, 0));
    assert_true(yamux_window_take(&w, 0, 0));
    assert_false(yamux_window_take(&w, UINT64_MAX, 0));
}

static void more_is_granted_at_half_a_window(void **state)
{
    (void)state;
    yamux_window w;
    yamux_window_start(&w, 0);
    assert_true(yamux_window_take(&w, FIRST, 0));
    yamux_window_consume(&w, FIRST / 2 - 1);
    assert_false(yamux_window_is_due(&w));
    yamux_window_consume(&w, 1);
    assert_true(yamux_window_is_due(&w));
    assert_int_equal(yamux_window_grant(&w, 5, w.size), FIRST / 2);
    assert_false(yamux_window_is_due(&w));
    assert_false(yamux_window_take(&w, 1, FIRST / 2)); /* nobody was told of it yet */
    assert_true(yamux_window_take(&w, FIRST / 2, 0));
    assert_false(yamux_window_take(&w, 1, 0));
    yamux_window_consume(&w, FIRST);
    assert_int_equal(yamux_window_grant(&w, 6, w.size), FIRST);
}

static void a_window_doubles_when_it_holds_the_peer_back(void **state)
{
    static const struct {
        uint32_t size;
        uint64_t age_ns, rtt_ns;
        uint32_t most, wish;
    } cases[] = {
        {FIRST, 39 * PU_MS, 10 * PU_MS, MOST, 2 * FIRST}, /* under four round trips */
        {FIRST, 40 * PU_MS, 10 * PU_MS, MOST, FIRST},
        {FIRST, 0, 0, MOST, FIRST}, /* round trip unknown */
        {FIRST, 0, 1, MOST, 2 * FIRST},
        {FIRST, 0, PU_MS, FIRST, FIRST},         /* may not grow */
        {FIRST, 0, PU_MS, FIRST + 5, FIRST + 5}, /* may grow a little */
        {MOST / 2, 0, PU_MS, MOST, MOST},
        {MOST - 1, 0, PU_MS, MOST, MOST},
        {MOST, 0, PU_MS, MOST, MOST},
        {FIRST, UINT64_MAX - 1, UINT64_MAX, MOST, 2 * FIRST}, /* nothing overflows */
        {UINT32_C(1) << 31, 0, PU_MS, UINT32_MAX, UINT32_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        yamux_window w;
        yamux_window_start(&w, 0);
        w.size = cases[i].size;
        w.limit = cases[i].size;
        uint32_t wish = yamux_window_wish(&w, cases[i].age_ns, cases[i].rtt_ns, cases[i].most);
        assert_int_equal(wish, cases[i].wish);
    }
}

/* A grown window is granted whole: what was missing of the old one, and the difference. */
static void growth_is_granted_with_the_update(void **state)
{
    (void)state;
    yamux_window w;
    uint64_t granted = FIRST;
    yamux_window_start(&w, 0);
    for (uint32_t size = FIRST; size <= MOST; size *= 2) {
        uint32_t half = w.size / 2;
        assert_true(yamux_window_take(&w, half, 0));
        yamux_window_consume(&w, half);
        assert_true(yamux_window_is_due(&w));
        uint32_t more = yamux_window_grant(&w, 0, size);
        granted += more;
        assert_int_equal(w.limit, granted);
        assert_int_equal(w.limit - w.consumed, size);
    }
}

int yamux_machines_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_and_written),
        cmocka_unit_test(headers_that_cannot_be_are_refused),
        cmocka_unit_test(a_window_takes_what_was_granted),
        cmocka_unit_test(more_is_granted_at_half_a_window),
        cmocka_unit_test(a_window_doubles_when_it_holds_the_peer_back),
        cmocka_unit_test(growth_is_granted_with_the_update),
    };
    return cmocka_run_group_tests_name("yamux_machines", tests, NULL, NULL);
}
