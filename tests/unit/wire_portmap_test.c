/* wire_portmap_test.c - NAT-PMP and PCP: known bytes both ways, every cut, and what must be
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/hex.h"
#include "wire/wire_natpmp.h"
#include "wire/wire_pcp.h"

int wire_portmap_test(void);

static const uint8_t mapped_client[16] = {
    [10] = 0xff, [11] = 0xff, [12] = 192, [13] = 168, [15] = 2};
static const uint8_t mapped_outer[16] = {[10] = 0xff, [11] = 0xff, [12] = 11, [15] = 1};

static bool is_same_pmp(const wire_natpmp *a, const wire_natpmp *b)
{
    return a->op == b->op && a->is_response == b->is_response && a->result == b->result &&
           a->epoch_s == b->epoch_s && memcmp(a->external_ip, b->external_ip, 4) == 0 &&
           a->internal_port == b->internal_port && a->external_port == b->external_port &&
           a->lifetime_s == b->lifetime_s;
}

/* Layouts of RFC 6886 sections 3.2, 3.3 and 3.5. */
static void natpmp_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        wire_natpmp m;
    } cases[] = {
        {"0000", {.op = WIRE_NATPMP_ADDRESS}},
        {"0080 0000 00000102 0b000001",
         {.op = WIRE_NATPMP_ADDRESS,
          .is_response = true,
          .epoch_s = 258,
          .external_ip = {11, 0, 0, 1}}},
        {"0001 0000 0fa1 1f90 00001c20",
         {.op = WIRE_NATPMP_MAP_UDP,
          .internal_port = 4001,
          .external_port = 8080,
          .lifetime_s = 7200}},
        {"0002 0000 0fa1 0000 00000000", {.op = WIRE_NATPMP_MAP_TCP, .internal_port = 4001}},
        {"0082 0000 00000005 0fa1 1f91 00000e10",
         {.op = WIRE_NATPMP_MAP_TCP,
          .is_response = true,
          .epoch_s = 5,
          .internal_port = 4001,
          .external_port = 8081,
          .lifetime_s = 3600}},
        {"0085 0005 00000007",
         {.op = 5, .is_response = true, .result = WIRE_NATPMP_BAD_OP, .epoch_s = 7}},
        {"0005", {.op = 5}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[64], written[64];
        pu_span bytes = hex_bytes(cases[i].hex, memory, sizeof memory);
        wire_natpmp m;
        assert_true(wire_natpmp_read(&m, bytes));
        assert_true(is_same_pmp(&m, &cases[i].m));
        pu_buf out = buf_of(written, sizeof written);
        wire_natpmp_write(&out, &m);
        assert_true(span_equal(buf_span(&out), bytes));
        for (size_t cut = 0; cut < bytes.len; cut++)
            assert_false(wire_natpmp_read(&m, span_head(bytes, cut)) &&
                         is_same_pmp(&m, &cases[i].m));
        out = buf_of(written, bytes.len - 1);
        wire_natpmp_write(&out, &cases[i].m);
        assert_true(out.full);
    }
}

static void natpmp_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool is_read;
    } cases[] = {
        {"", false},
        {"00", false},
        {"0200", false},                              /* PCP */
        {"0001 0000 0fa1 1f90 000000", false},        /* a request cut short */
        {"0080 0000 000000", false},                  /* a head cut short */
        {"0080 0000 00000000 0b0000", false},         /* granted, and no address */
        {"0080 0003 00000000", true},                 /* refused */
        {"0081 0000 00000000 0fa1 1f90 0000", false}, /* granted, and no lifetime */
        {"0081 0002 00000000", true},
        {"0085 0000 00000000", false}, /* grants what is unknown */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[64];
        wire_natpmp m;
        assert_int_equal(wire_natpmp_read(&m, hex_bytes(cases[i].hex, memory, sizeof memory)),
                         cases[i].is_read);
    }
}

static bool is_same_pcp(const wire_pcp *a, const wire_pcp *b)
{
    return a->op == b->op && a->is_response == b->is_response && a->result == b->result &&
           a->lifetime_s == b->lifetime_s && a->epoch_s == b->epoch_s &&
           memcmp(a->client_ip, b->client_ip, 16) == 0 && memcmp(a->nonce, b->nonce, 12) == 0 &&
           a->protocol == b->protocol && a->internal_port == b->internal_port &&
           a->external_port == b->external_port &&
           memcmp(a->external_ip, b->external_ip, 16) == 0 &&
           a->prefers_failure == b->prefers_failure &&
           a->has_unknown_option == b->has_unknown_option;
}

#define CLIENT_HEX "00000000000000000000ffffc0a80002"
#define OUTER_HEX "00000000000000000000ffff0b000001"

/* Layouts of RFC 6887 figures 2, 3, 9 and 10. */
static void pcp_both_ways(void **state)
{
    (void)state;
    struct {
        const char *hex;
        wire_pcp m;
    } cases[] = {
        {"02000000 00000000" CLIENT_HEX, {.op = WIRE_PCP_ANNOUNCE}},
        {"02010000 00001c20" CLIENT_HEX "0102030405060708090a0b0c 11000000 0fa1 1f90" OUTER_HEX,
         {.op = WIRE_PCP_MAP, .lifetime_s = 7200, .protocol = 17, .external_port = 8080}},
        {"02010000 00001c20" CLIENT_HEX "0102030405060708090a0b0c 11000000 0fa1 1f90" OUTER_HEX
         "02000000",
         {.op = WIRE_PCP_MAP,
          .lifetime_s = 7200,
          .protocol = 17,
          .external_port = 8080,
          .prefers_failure = true}},
        {"02810000 00000e10 0000002a 000000000000000000000000 0102030405060708090a0b0c 06000000 "
         "0fa1 "
         "1f91" OUTER_HEX,
         {.op = WIRE_PCP_MAP,
          .is_response = true,
          .lifetime_s = 3600,
          .epoch_s = 42,
          .protocol = 6,
          .external_port = 8081}},
        {"02820004 0000003c 0000002a 000000000000000000000000",
         {.op = 2,
          .is_response = true,
          .result = WIRE_PCP_UNSUPP_OPCODE,
          .lifetime_s = 60,
          .epoch_s = 42}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_pcp *want = &cases[i].m, m;
        if (!want->is_response) memcpy(want->client_ip, mapped_client, 16);
        if (want->op == WIRE_PCP_MAP) {
            memcpy(want->external_ip, mapped_outer, 16);
            for (uint8_t k = 0; k < 12; k++) want->nonce[k] = (uint8_t)(k + 1);
            want->internal_port = 4001;
        }
        uint8_t memory[96], written[96];
        pu_span bytes = hex_bytes(cases[i].hex, memory, sizeof memory);
        assert_true(wire_pcp_read(&m, bytes));
        assert_true(is_same_pcp(&m, want));
        pu_buf out = buf_of(written, sizeof written);
        wire_pcp_write(&out, &m);
        assert_true(span_equal(buf_span(&out), bytes));
        for (size_t cut = 0; cut < bytes.len; cut++)
            assert_false(wire_pcp_read(&m, span_head(bytes, cut)) && is_same_pcp(&m, want));
        out = buf_of(written, bytes.len - 1);
        wire_pcp_write(&out, want);
        assert_true(out.full);
    }
}

#define MAP_HEX \
    "02010000 00001c20" CLIENT_HEX "0102030405060708090a0b0c 11000000 0fa1 1f90" OUTER_HEX

static void pcp_options_and_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool is_read, is_unknown;
    } cases[] = {
        {MAP_HEX "80000005 0102030405000000", true, false}, /* optional: passed over */
        {MAP_HEX "03000014 0000000000000000000000000000000000000000", true, true},
        {MAP_HEX "02000004 00000000", true, true}, /* no PREFER_FAILURE has bytes */
        {MAP_HEX "80000009 0102030405060708", false, false},
        {MAP_HEX "8000ffff", false, false},
        {MAP_HEX "80", false, false}, /* no multiple of 4 */
        {"01010000 00001c20" CLIENT_HEX, false, false},
        {"02010000 00001c20" CLIENT_HEX "0102", false, false},
        {"02020000 00001c20" CLIENT_HEX "01020304", true, false}, /* PEER: the head alone is read */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[128];
        wire_pcp m;
        bool is_read = wire_pcp_read(&m, hex_bytes(cases[i].hex, memory, sizeof memory));
        assert_int_equal(is_read, cases[i].is_read);
        if (is_read) assert_int_equal(m.has_unknown_option, cases[i].is_unknown);
    }
    uint8_t longest[WIRE_PCP_DATAGRAM_MAX + 4] = {2, 2};
    wire_pcp m;
    assert_true(wire_pcp_read(&m, span_of(longest, WIRE_PCP_DATAGRAM_MAX)));
    assert_false(wire_pcp_read(&m, span_of(longest, sizeof longest)));
}

int wire_portmap_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natpmp_both_ways),
        cmocka_unit_test(natpmp_refuses),
        cmocka_unit_test(pcp_both_ways),
        cmocka_unit_test(pcp_options_and_refusals),
    };
    return cmocka_run_group_tests_name("wire_portmap", tests, NULL, NULL);
}
