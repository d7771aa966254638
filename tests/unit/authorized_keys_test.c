/* authorized_keys_test.c - lines of an authorized_keys file: what each part becomes, and points in
 * time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "peerup/ident.h"

int authorized_keys_test(void);

#define ID "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"
#define ID_BASE36 "k51qzi5uqu5djmw2yvf8kk5cdjc1ddc00o4d5sjwi6f79xzcay9j3gkddw5uu4"

static pu_span text_of(const char *text)
{
    return span_of(text, strlen(text));
}

static void lines_are_read(void **state)
{
    static const struct {
        const char *text;
        bool has_peer;
        const char *expires; /* "" when absent */
        uint64_t expires_s;
        const char *comment;
    } cases[] = {
        {"", false, "", 0, ""},
        {"   \t\r", false, "", 0, ""},
        {"# only a comment", false, "", 0, "only a comment"},
        {"   #", false, "", 0, ""},
        {"# " ID " expires=never", false, "", 0, ID " expires=never"},
        {ID, true, "", 0, ""},
        {ID_BASE36, true, "", 0, ""},
        {"  " ID "  ", true, "", 0, ""},
        {ID "\r", true, "", 0, ""},
        {ID "  # laptop", true, "", 0, "laptop"},
        {ID "#laptop # of #1 ", true, "", 0, "laptop # of #1"},
        {"\t" ID " expires=2026-11-23T21:00:00Z  verified=sha256:0011aabb  group=g  # x", true,
         "2026-11-23T21:00:00Z", 1795467600, "x"},
        {ID " role=admin hmac_proof= other word =x", true, "", 0, ""},
        {ID " expires", true, "", 0, ""},
        {ID " Expires=x expiress=x xexpires=x", true, "", 0, ""},
        {ID " # expires=2026-11-23T21:00:00Z", true, "", 0, "expires=2026-11-23T21:00:00Z"},
        /* the last of duplicates wins, whatever the earlier ones were */
        {ID " expires=tomorrow expires=2000-01-01T00:00:00Z", true, "2000-01-01T00:00:00Z",
         946684800, ""},
        {ID " expires=2000-01-01T00:00:00Z expires", true, "2000-01-01T00:00:00Z", 946684800, ""},
    };
    (void)state;
    pu_peer_id wanted;
    assert_int_equal(pu_peer_id_parse(&wanted, text_of(ID)), PU_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pu_authorized line;
        size_t bad;
        if (pu_authorized_parse(&line, text_of(cases[i].text), &bad) != PU_OK)
            fail_msg("%s: bad at %zu", cases[i].text, bad);
        assert_int_equal(line.peer.len > 0, cases[i].has_peer);
        if (cases[i].has_peer) assert_true(pu_peer_id_equal(&line.peer, &wanted));
        assert_true(span_equal(line.expires, text_of(cases[i].expires)));
        assert_int_equal(line.expires_s, cases[i].expires_s);
        assert_true(span_equal(line.comment, text_of(cases[i].comment)));
    }
}

static void wrong_lines_say_where(void **state)
{
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {
        {"hello", 0},
        {"  hello # " ID, 2},
        {"expires=2000-01-01T00:00:00Z " ID, 0},
        {ID "x", 0},
        {ID " expires=", sizeof ID},
        {ID " expires=tomorrow", sizeof ID},
        {ID "  group=g expires=2000-01-01 # x", sizeof ID + 9},
        {ID " expires=2000-01-01T00:00:00Z expires=", sizeof ID + 29},
        {"\xef\xbb\xbf" ID, 0}, /* a byte order mark */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pu_authorized line;
        size_t bad = 999;
        if (pu_authorized_parse(&line, text_of(cases[i].text), &bad) != PU_ERANGE)
            fail_msg("%s", cases[i].text);
        if (bad != cases[i].bad) fail_msg("%s: bad at %zu", cases[i].text, bad);
        assert_int_equal(pu_authorized_parse(&line, text_of(cases[i].text), NULL), PU_ERANGE);
    }
}

static void lines_are_bounded(void **state)
{
    (void)state;
    static char text[65536];
    pu_authorized line;
    memset(text, ' ', sizeof text);
    memcpy(text, ID " #", sizeof ID + 1);
    assert_int_equal(pu_authorized_parse(&line, span_of(text, 65535), NULL), PU_OK);
    assert_int_equal(pu_authorized_parse(&line, span_of(text, 65536), NULL), PU_ERANGE);
}

/* Reads a line that expires at `when`; false: it is no point in time. */
static bool expiry_of(const char *when, uint64_t *expires_s)
{
    uint8_t memory[256];
    pu_buf text = buf_of(memory, sizeof memory);
    pu_authorized line;
    buf_put_span(&text, SPAN_LITERAL(ID " expires="));
    buf_put_span(&text, text_of(when));
    assert_false(text.full);
    if (pu_authorized_parse(&line, buf_span(&text), NULL) != PU_OK) return false;
    *expires_s = line.expires_s;
    return true;
}

static void points_in_time_become_seconds(void **state)
{
    static const struct {
        const char *when;
        uint64_t expires_s;
    } cases[] = {
        {"1970-01-01T00:00:01Z", 1},
        {"1970-01-02T00:00:00Z", 86400},
        {"2000-01-01T00:00:00Z", 946684800},
        {"2000-02-29T12:34:56Z", 951827696},
        {"2000-03-01T00:00:00Z", 951868800},
        {"2024-02-29T23:59:59Z", 1709251199},
        {"2038-01-19T03:14:08Z", 2147483648},
        {"2100-02-28T23:59:59Z", 4107542399},
        {"2100-03-01T00:00:00Z", 4107542400},
        {"9999-12-31T23:59:59Z", 253402300799},
        /* forms */
        {"2000-01-01t00:00:00z", 946684800},
        {"2000-01-01T00:00:00.999999999Z", 946684800},
        {"2000-01-01T00:00:00.5+00:00", 946684800},
        {"2000-01-01T01:30:00+01:30", 946684800},
        {"1999-12-31T16:00:00-08:00", 946684800},
        {"2000-01-01T00:00:00-00:00", 946684800},
        {"2000-01-01T23:59:00+23:59", 946684800},
        /* leap seconds end a day of UTC */
        {"2016-12-31T23:59:60Z", 1483228800},
        {"2017-01-01T00:59:60+01:00", 1483228800},
        /* the past is over, and not never */
        {"1970-01-01T00:00:00Z", 1},
        {"1969-12-31T23:59:59Z", 1},
        {"0000-01-01T00:00:00Z", 1},
        {"1970-01-01T00:59:59+01:00", 1},
        {"1969-12-31T23:00:00-02:00", 3600},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t expires_s;
        if (!expiry_of(cases[i].when, &expires_s)) fail_msg("%s", cases[i].when);
        if (expires_s != cases[i].expires_s) fail_msg("%s: another second", cases[i].when);
    }
}

static void other_texts_are_no_points_in_time(void **state)
{
    static const char *const texts[] = {
        "2000-01-01",
        "2000-01-01T00:00:00",
        "2000-01-01T00:00Z",
        "2000-01-01T00:00:00.Z",
        "2000-01-01T00:00:00,5Z",
        "2000-01-01T00:00:00+1:00",
        "2000-01-01T00:00:00+0100",
        "2000-01-01T00:00:00+01",
        "2000-01-01T00:00:00+24:00",
        "2000-01-01T00:00:00+00:60",
        "2000-01-01T00:00:00ZZ",
        "2000-01-01T00:00:00Zx",
        "2000-01-01T24:00:00Z",
        "2000-01-01T00:60:00Z",
        "2000-01-01T00:00:60Z",
        "2016-12-31T23:59:60+01:00",
        "2016-12-31T23:59:61Z",
        "2000-00-01T00:00:00Z",
        "2000-13-01T00:00:00Z",
        "2000-01-00T00:00:00Z",
        "2000-01-32T00:00:00Z",
        "2000-04-31T00:00:00Z",
        "2000-02-30T00:00:00Z",
        "2001-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "20000-01-01T00:00:00Z",
        "+2000-01-01T00:00:00Z",
        "-200-01-01T00:00:00Z",
        "200-01-01T00:00:00Z",
        "2000/01/01T00:00:00Z",
        "2000-01-01_00:00:00Z",
        "946684800",
        "=2000-01-01T00:00:00Z",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t expires_s;
        if (expiry_of(texts[i], &expires_s)) fail_msg("%s", texts[i]);
    }
}

/* Walks all days of 800 years: each midnight is a day after the one before. */
static void days_follow_each_other(void **state)
{
    static const uint8_t days_in_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    (void)state;
    uint64_t wanted = 0;
    for (unsigned year = 1970; year < 2770; year++) {
        bool is_leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        for (unsigned month = 1; month <= 12; month++) {
            unsigned days = days_in_month[month - 1] + (month == 2 && is_leap ? 1u : 0u);
            for (unsigned day = 1; day <= days; day++, wanted += 86400) {
                char when[] = "0000-00-00T00:00:01Z";
                uint64_t expires_s;
                for (unsigned i = 4, left = year; i > 0; left /= 10)
                    when[--i] = (char)('0' + left % 10);
                when[5] = (char)('0' + month / 10);
                when[6] = (char)('0' + month % 10);
                when[8] = (char)('0' + day / 10);
                when[9] = (char)('0' + day % 10);
                assert_true(expiry_of(when, &expires_s));
                if (expires_s != wanted + 1) fail_msg("%s", when);
            }
        }
    }
}

int authorized_keys_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(wrong_lines_say_where),
        cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(points_in_time_become_seconds),
        cmocka_unit_test(other_texts_are_no_points_in_time),
        cmocka_unit_test(days_follow_each_other),
    };
    return cmocka_run_group_tests_name("authorized_keys", tests, NULL, NULL);
}
