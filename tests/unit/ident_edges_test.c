/* ident_edges_test.c - the last branches of ident/: refusals that no other table happens to ask
 * for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ident/decimal.h"
#include "ident/ip.h"
#include "ident/rfc3339.h"
#include "peerup/ident.h"

int ident_edges_test(void);

static pu_span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

static void a_digit_above_the_greatest_number(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_false(decimal_get(span_text("9"), 5, &value));
    assert_true(decimal_get(span_text("5"), 5, &value));
    assert_int_equal(value, 5);
}

static void an_ip4_that_is_too_long(void **state)
{
    (void)state;
    uint8_t ip[16];
    assert_false(ip4_get(span_text("255.255.255.2555"), ip));
    assert_false(ip4_get(span_text(""), ip));
    assert_true(ip4_get(span_text("255.255.255.255"), ip));
}

static void a_fraction_without_a_zone(void **state)
{
    (void)state;
    int64_t unix_s;
    assert_false(rfc3339_get(span_text("2026-01-01T00:00:00.5"), &unix_s));
    assert_true(rfc3339_get(span_text("2026-01-01T00:00:00.5Z"), &unix_s));
    assert_int_equal(unix_s, 1767225600);
}

static void texts_of_multiaddrs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
    } cases[] = {
        {"/http-path/a%2fb", true},  {"/http-path/a%2Fb", true}, {"/http-path/%-1", false},
        {"/http-path/%G1", false},   {"/http-path/%g1", false},  {"/http-path/%1G", false},
        {"/http-path/%:1", false},   {"/http-path/%`1", false},  {"/garlic64/a===", false},
        {"/garlic64/====", false},   {"/garlic64/", false},      {"/garlic64/AA==", false},
        {"/garlic64//tcp/1", false}, {"/garlic32/a", false},
    };
    uint8_t out[PU_MADDR_MAX];
    size_t len;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool is_good =
            pu_maddr_parse(out, sizeof out, &len, span_text(cases[i].text), NULL) == PU_OK;
        if (is_good != cases[i].is_good) fail_msg("%s", cases[i].text);
    }
}

static void a_name_longer_than_any_multiaddr(void **state)
{
    (void)state;
    char text[PU_MADDR_MAX + 64] = "/dns4/";
    uint8_t out[PU_MADDR_MAX];
    size_t len, bad;
    memset(text + 6, 'a', PU_MADDR_MAX + 8);
    assert_int_equal(pu_maddr_parse(out, sizeof out, &len, span_text(text), &bad), PU_ERANGE);
    assert_int_equal(bad, 0);
    text[6 + 200] = '\0';
    assert_int_equal(pu_maddr_parse(out, sizeof out, &len, span_text(text), &bad), PU_OK);
}

/* A caller may hand in what pu_peer_id_from_bytes would have refused. */
static void an_id_that_is_none_has_no_key(void **state)
{
    (void)state;
    static const uint8_t key[32] = {1};
    pu_peer_id id;
    uint8_t out[32];
    pu_peer_id_from_ed25519(&id, key);
    assert_true(pu_peer_id_ed25519(&id, out));
    id.bytes[0] = 0x12;
    assert_false(pu_peer_id_ed25519(&id, out));
    id.bytes[0] = 0;
    id.bytes[1] = 35;
    assert_false(pu_peer_id_ed25519(&id, out));
}

int ident_edges_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digit_above_the_greatest_number),
        cmocka_unit_test(an_ip4_that_is_too_long),
        cmocka_unit_test(a_fraction_without_a_zone),
        cmocka_unit_test(texts_of_multiaddrs),
        cmocka_unit_test(a_name_longer_than_any_multiaddr),
        cmocka_unit_test(an_id_that_is_none_has_no_key),
    };
    return cmocka_run_group_tests_name("ident_edges", tests, NULL, NULL);
}
