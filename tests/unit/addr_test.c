/* addr_test.c - multiaddrs as dial targets, endpoints written back, how far addresses reach,
 * endpoints as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "peerup/ident.h"

int addr_test(void);

#define RELAY "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"
#define TARGET "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"

static pu_span text_of(const char *text)
{
    return span_of(text, strlen(text));
}

static pu_span bytes_of(uint8_t bytes[PU_MADDR_MAX], const char *text)
{
    size_t len;
    if (pu_maddr_parse(bytes, PU_MADDR_MAX, &len, text_of(text), NULL) != PU_OK)
        fail_msg("%s", text);
    return span_of(bytes, len);
}

static void check_peer(const pu_peer_id *id, const char *wanted)
{
    pu_peer_id parsed;
    if (wanted == NULL) {
        assert_int_equal(id->len, 0);
        return;
    }
    assert_int_equal(pu_peer_id_parse(&parsed, text_of(wanted)), PU_OK);
    assert_true(pu_peer_id_equal(id, &parsed));
}

enum { NONE = PU_TRANSPORT_NONE, QUIC = PU_TRANSPORT_QUIC, TCP = PU_TRANSPORT_TCP };
enum { CIRCUIT = PU_TRANSPORT_CIRCUIT };
static const struct {
    const char *text;
    unsigned transport;
    bool circuit;
    const char *name;     /* NULL: not a name */
    const char *endpoint; /* as text */
    const char *via, *peer;
} targets[] = {
    {"/ip4/1.2.3.4/tcp/5", TCP, false, NULL, "1.2.3.4:5", NULL, NULL},
    {"/ip4/1.2.3.4/udp/5/quic-v1", QUIC, false, NULL, "1.2.3.4:5", NULL, NULL},
    {"/ip6/2001:db8::1/udp/5/quic-v1", QUIC, false, NULL, "[2001:db8::1]:5", NULL, NULL},
    {"/ip6/::ffff:1.2.3.4/tcp/5", TCP, false, NULL, "1.2.3.4:5", NULL, NULL},
    {"/ip6zone/7/ip6/fe80::1/tcp/5", TCP, false, NULL, "[fe80::1%7]:5", NULL, NULL},
    {"/ip4/1.2.3.4/tcp/5/p2p/" TARGET, TCP, false, NULL, "1.2.3.4:5", NULL, TARGET},
    {"/dns4/a.b/tcp/5", TCP, false, "a.b", "[::]:5", NULL, NULL},
    {"/dns/a.b/udp/5/quic-v1/p2p/" TARGET, QUIC, false, "a.b", "[::]:5", NULL, TARGET},
    {"/dns6/a.b/tcp/5", TCP, false, "a.b", "[::]:5", NULL, NULL},
    {"/dnsaddr/a.b", NONE, false, "a.b", "[::]:0", NULL, NULL},
    {"/dnsaddr/a.b/p2p/" TARGET, NONE, false, "a.b", "[::]:0", NULL, TARGET},
    /* through a relay */
    {"/ip4/1.2.3.4/tcp/5/p2p/" RELAY "/p2p-circuit", TCP, true, NULL, "1.2.3.4:5", RELAY, NULL},
    {"/ip4/1.2.3.4/udp/5/quic-v1/p2p/" RELAY "/p2p-circuit/p2p/" TARGET, QUIC, true, NULL,
     "1.2.3.4:5", RELAY, TARGET},
    {"/dns4/a.b/tcp/5/p2p/" RELAY "/p2p-circuit/p2p/" TARGET, TCP, true, "a.b", "[::]:5", RELAY,
     TARGET},
    {"/ip4/1.2.3.4/tcp/5/p2p-circuit/p2p/" TARGET, TCP, true, NULL, "1.2.3.4:5", NULL, TARGET},
    {"/p2p/" RELAY "/p2p-circuit/p2p/" TARGET, CIRCUIT, true, NULL, "[::]:0", RELAY, TARGET},
    {"/p2p-circuit/p2p/" TARGET, NONE, true, NULL, "[::]:0", NULL, TARGET},
    {"/p2p-circuit", NONE, true, NULL, "[::]:0", NULL, NULL},
    /* kept, and not dialled */
    {"/p2p/" TARGET, NONE, false, NULL, "[::]:0", NULL, TARGET},
    {"/ip4/1.2.3.4", NONE, false, NULL, "1.2.3.4:0", NULL, NULL},
    {"/ip4/1.2.3.4/udp/5", NONE, false, NULL, "1.2.3.4:5", NULL, NULL},
    {"/ip4/1.2.3.4/udp/5/quic", NONE, false, NULL, "1.2.3.4:5", NULL, NULL},
    {"/ip4/1.2.3.4/udp/5/quic-v1/webtransport/certhash/uAAEB/p2p/" TARGET, NONE, false, NULL,
     "1.2.3.4:5", NULL, TARGET},
    {"/ip4/1.2.3.4/udp/5/webrtc-direct", NONE, false, NULL, "1.2.3.4:5", NULL, NULL},
    {"/ip4/1.2.3.4/tcp/5/ws", NONE, false, NULL, "1.2.3.4:5", NULL, NULL},
    {"/ip4/1.2.3.4/tcp/5/tls/sni/a/ws/p2p/" RELAY "/p2p-circuit/p2p/" TARGET, NONE, true, NULL,
     "1.2.3.4:5", RELAY, TARGET},
    {"/ip4/1.2.3.4/tcp/5/p2p/" RELAY "/p2p-circuit/webrtc/p2p/" TARGET, NONE, true, NULL,
     "1.2.3.4:5", RELAY, TARGET},
    {"/ip4/1.2.3.4/sctp/5", NONE, false, NULL, "1.2.3.4:0", NULL, NULL},
    {"/ip6zone/eth0/ip6/fe80::1/tcp/5", NONE, false, NULL, "[::]:0", NULL, NULL},
    {"/ip6zone/7/ip4/1.2.3.4/tcp/5", NONE, false, NULL, "[::]:0", NULL, NULL},
    {"/ip6zone/4294967296/ip6/fe80::1/tcp/5", NONE, false, NULL, "[::]:0", NULL, NULL},
    {"/tcp/5", NONE, false, NULL, "[::]:0", NULL, NULL},
    {"/memory/5", NONE, false, NULL, "[::]:0", NULL, NULL},
    {"/unix/a", NONE, false, NULL, "[::]:0", NULL, NULL},
};

static void addresses_are_read_as_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        uint8_t memory[PU_MADDR_MAX];
        char endpoint[64];
        pu_addr addr;
        pu_span bytes = bytes_of(memory, targets[i].text);
        if (pu_addr_read(&addr, bytes) != PU_OK) fail_msg("%s", targets[i].text);
        if (addr.transport != targets[i].transport) fail_msg("%s", targets[i].text);
        assert_int_equal(addr.circuit, targets[i].circuit);
        assert_int_equal(addr.dns, targets[i].name != NULL);
        if (addr.dns) assert_true(span_equal(addr.name, text_of(targets[i].name)));
        pu_endpoint_text(&addr.endpoint, endpoint);
        assert_string_equal(endpoint, targets[i].endpoint);
        check_peer(&addr.via, targets[i].via);
        check_peer(&addr.peer, targets[i].peer);
    }
}

static void shapes_that_make_no_sense_are_refused(void **state)
{
    static const char *const texts[] = {
        "/ip4/1.2.3.4/tcp/5/p2p/" RELAY "/p2p/" TARGET,
        "/ip4/1.2.3.4/tcp/5/p2p/" RELAY "/ws",
        "/p2p/" RELAY "/ip4/1.2.3.4/tcp/5",
        "/p2p/" RELAY "/p2p-circuit/p2p-circuit/p2p/" TARGET,
        "/p2p/" RELAY "/p2p-circuit/p2p/" TARGET "/p2p-circuit",
        "/p2p/" RELAY "/p2p-circuit/p2p/" TARGET "/ws",
    };
    (void)state;
    pu_addr addr;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t memory[PU_MADDR_MAX];
        pu_span bytes = bytes_of(memory, texts[i]);
        if (pu_addr_read(&addr, bytes) != PU_ERANGE) fail_msg("%s", texts[i]);
    }
    assert_int_equal(pu_addr_read(&addr, (pu_span){NULL, 0}), PU_ERANGE);
    assert_int_equal(pu_addr_read(&addr, SPAN_LITERAL("\x04\x01\x02\x03")), PU_ERANGE);
    assert_int_equal(pu_addr_read(&addr, SPAN_LITERAL("\x04\x01\x02\x03\x04\x05")), PU_ERANGE);
}

static void endpoints_are_written_as_they_are_read(void **state)
{
    static const char *const texts[] = {
        "/ip4/1.2.3.4/udp/5/quic-v1",
        "/ip4/255.255.255.255/tcp/65535",
        "/ip6/2001:db8::1/udp/0/quic-v1",
        "/ip6/::/tcp/1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t memory[PU_MADDR_MAX], written[PU_MADDR_MAX];
        pu_span bytes = bytes_of(memory, texts[i]);
        pu_addr addr;
        assert_int_equal(pu_addr_read(&addr, bytes), PU_OK);
        size_t len = pu_addr_write(written, &addr.endpoint, addr.transport);
        assert_true(span_equal(span_of(written, len), bytes));
    }
}

static pu_endpoint endpoint_of(const char *host)
{
    uint8_t memory[PU_MADDR_MAX], text[64];
    pu_buf out = buf_of(text, sizeof text);
    size_t len;
    pu_addr addr;
    buf_put_span(&out, strchr(host, ':') == NULL ? SPAN_LITERAL("/ip4/") : SPAN_LITERAL("/ip6/"));
    buf_put_span(&out, text_of(host));
    assert_int_equal(pu_maddr_parse(memory, sizeof memory, &len, buf_span(&out), NULL), PU_OK);
    assert_int_equal(pu_addr_read(&addr, span_of(memory, len)), PU_OK);
    return addr.endpoint;
}

/* The first and last address of each range, and their neighbours outside. */
static const struct {
    const char *host;
    enum pu_scope scope;
} scopes[] = {
    {"0.0.0.0", PU_SCOPE_NONE},
    {"0.255.255.255", PU_SCOPE_NONE},
    {"1.0.0.0", PU_SCOPE_GLOBAL},
    {"9.255.255.255", PU_SCOPE_GLOBAL},
    {"10.0.0.0", PU_SCOPE_PRIVATE},
    {"10.255.255.255", PU_SCOPE_PRIVATE},
    {"11.0.0.0", PU_SCOPE_GLOBAL},
    {"100.63.255.255", PU_SCOPE_GLOBAL},
    {"100.64.0.0", PU_SCOPE_PRIVATE},
    {"100.127.255.255", PU_SCOPE_PRIVATE},
    {"100.128.0.0", PU_SCOPE_GLOBAL},
    {"126.255.255.255", PU_SCOPE_GLOBAL},
    {"127.0.0.1", PU_SCOPE_LOOPBACK},
    {"127.255.255.255", PU_SCOPE_LOOPBACK},
    {"128.0.0.0", PU_SCOPE_GLOBAL},
    {"169.253.255.255", PU_SCOPE_GLOBAL},
    {"169.254.0.0", PU_SCOPE_LINK},
    {"169.254.255.255", PU_SCOPE_LINK},
    {"169.255.0.0", PU_SCOPE_GLOBAL},
    {"172.15.255.255", PU_SCOPE_GLOBAL},
    {"172.16.0.0", PU_SCOPE_PRIVATE},
    {"172.31.255.255", PU_SCOPE_PRIVATE},
    {"172.32.0.0", PU_SCOPE_GLOBAL},
    {"191.255.255.255", PU_SCOPE_GLOBAL},
    {"192.0.0.8", PU_SCOPE_NONE},
    {"192.0.1.0", PU_SCOPE_GLOBAL},
    {"192.0.2.1", PU_SCOPE_NONE},
    {"192.167.255.255", PU_SCOPE_GLOBAL},
    {"192.168.0.0", PU_SCOPE_PRIVATE},
    {"192.168.255.255", PU_SCOPE_PRIVATE},
    {"192.169.0.0", PU_SCOPE_GLOBAL},
    {"198.17.255.255", PU_SCOPE_GLOBAL},
    {"198.18.0.0", PU_SCOPE_NONE},
    {"198.19.255.255", PU_SCOPE_NONE},
    {"198.20.0.0", PU_SCOPE_GLOBAL},
    {"198.51.100.7", PU_SCOPE_NONE},
    {"203.0.113.7", PU_SCOPE_NONE},
    {"223.255.255.255", PU_SCOPE_GLOBAL},
    {"224.0.0.1", PU_SCOPE_NONE},
    {"239.255.255.255", PU_SCOPE_NONE},
    {"240.0.0.0", PU_SCOPE_NONE},
    {"255.255.255.255", PU_SCOPE_NONE},
    {"::", PU_SCOPE_NONE},
    {"::1", PU_SCOPE_LOOPBACK},
    {"::2", PU_SCOPE_NONE},
    {"::ffff:10.0.0.1", PU_SCOPE_PRIVATE},
    {"::ffff:1.1.1.1", PU_SCOPE_GLOBAL},
    {"64:ff9b::1.2.3.4", PU_SCOPE_GLOBAL},
    {"64:ff9b::1:0:0", PU_SCOPE_NONE},
    {"64:ff9b:1::1", PU_SCOPE_NONE},
    {"64:ff9b::10.0.0.1", PU_SCOPE_NONE}, /* IPv4 within: what is not global there is nowhere */
    {"64:ff9b::127.0.0.1", PU_SCOPE_NONE},
    {"64:ff9b::192.168.255.255", PU_SCOPE_NONE},
    {"64:ff9b::192.169.0.0", PU_SCOPE_GLOBAL},
    {"64:ff9b::224.0.0.1", PU_SCOPE_NONE},
    {"2001:ffff::1", PU_SCOPE_GLOBAL},
    {"2002:0a00:0001::1", PU_SCOPE_NONE},
    {"2002:09ff:ffff::1", PU_SCOPE_GLOBAL},
    {"2002:0b00:0001:ffff::1", PU_SCOPE_GLOBAL},
    {"2002:7f00:0001::1", PU_SCOPE_NONE},
    {"2002:a9fe:0001::1", PU_SCOPE_NONE},
    {"2002:e000:0001::1", PU_SCOPE_NONE},
    {"2003::1", PU_SCOPE_GLOBAL},
    {"100::1", PU_SCOPE_NONE},
    {"1fff:ffff::", PU_SCOPE_NONE},
    {"2000::", PU_SCOPE_GLOBAL},
    {"2001::1", PU_SCOPE_NONE},
    {"2001:1ff::1", PU_SCOPE_NONE},
    {"2001:200::1", PU_SCOPE_GLOBAL},
    {"2001:db7::1", PU_SCOPE_GLOBAL},
    {"2001:db8::1", PU_SCOPE_NONE},
    {"2001:db9::1", PU_SCOPE_GLOBAL},
    {"3fff:ffff::", PU_SCOPE_GLOBAL},
    {"4000::", PU_SCOPE_NONE},
    {"fbff::", PU_SCOPE_NONE},
    {"fc00::", PU_SCOPE_PRIVATE},
    {"fdff::1", PU_SCOPE_PRIVATE},
    {"fe00::1", PU_SCOPE_NONE},
    {"fe80::1", PU_SCOPE_LINK},
    {"febf::1", PU_SCOPE_LINK},
    {"fec0::1", PU_SCOPE_NONE},
    {"ff02::1", PU_SCOPE_NONE},
};

static void addresses_reach_so_far(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        pu_endpoint endpoint = endpoint_of(scopes[i].host);
        if (pu_endpoint_scope(&endpoint) != scopes[i].scope) fail_msg("%s", scopes[i].host);
    }
}

static void scope_counts_on_links_only(void **state)
{
    (void)state;
    pu_endpoint a = endpoint_of("fe80::1"), b = a;
    assert_true(pu_endpoint_equal(&a, &b));
    b.scope = 2;
    assert_false(pu_endpoint_equal(&a, &b));
    a = b = endpoint_of("2600::1");
    b.scope = 2;
    assert_true(pu_endpoint_equal(&a, &b));
    b.port = 1;
    assert_false(pu_endpoint_equal(&a, &b));
    b = a;
    b.ip[15] ^= 1;
    assert_false(pu_endpoint_equal(&a, &b));
}

static void endpoints_have_a_text(void **state)
{
    (void)state;
    char text[64];
    pu_endpoint endpoint = pu_endpoint_ip4(1, 2, 3, 4, 65535);
    assert_int_equal(pu_endpoint_text(&endpoint, text), 13);
    assert_string_equal(text, "1.2.3.4:65535");
    endpoint = (pu_endpoint){.port = 0};
    assert_int_equal(pu_endpoint_text(&endpoint, text), 6);
    assert_string_equal(text, "[::]:0");
    /* the longest */
    memset(endpoint.ip, 0xfe, sizeof endpoint.ip);
    endpoint.scope = UINT32_MAX;
    endpoint.port = UINT16_MAX;
    assert_int_equal(pu_endpoint_text(&endpoint, text), 58);
    assert_string_equal(text, "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe%4294967295]:65535");
}

int addr_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_targets),
        cmocka_unit_test(shapes_that_make_no_sense_are_refused),
        cmocka_unit_test(endpoints_are_written_as_they_are_read),
        cmocka_unit_test(addresses_reach_so_far),
        cmocka_unit_test(scope_counts_on_links_only),
        cmocka_unit_test(endpoints_have_a_text),
    };
    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
