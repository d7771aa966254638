/* Captures: headers whose checksums are right, and a file whose blocks follow the format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/file.h"
#include "sim/pcap.h"
#include "sim/pcap_frame.h"
#include "sim/tcp_model/tcp_model.h"

int pcap_test(void);

static pu_endpoint v4(uint8_t last, uint16_t port)
{
    return (pu_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last}, .port = port};
}

static pu_endpoint v6(uint8_t last, uint16_t port)
{
    return (pu_endpoint){.ip = {[0] = 0x20, [1] = 0x01, [15] = last}, .port = port};
}

/* A header sums up to all ones with its checksum in it. */
static void assert_sums_up(const uint8_t *p, size_t len, uint32_t sum)
{
    for (; len > 1; p += 2, len -= 2) sum += load_be16(p);
    if (len == 1) sum += (uint32_t)p[0] << 8;
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    assert_int_equal(sum, 0xffff);
}

static uint32_t words(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    for (; len > 1; p += 2, len -= 2) sum += load_be16(p);
    return sum;
}

static void a_datagram_has_its_headers(void **state)
{
    (void)state;
    uint8_t bytes[PCAP_FRAME_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    pu_endpoint from = v4(1, 4001), to = v4(2, 53);
    pcap_frame(&out, &from, &to, NET_UDP, true, SPAN_LITERAL("odd"));
    assert_int_equal(out.len, 20 + 8 + 3);
    assert_int_equal(bytes[0], 0x45);
    assert_int_equal(load_be16(bytes + 2), out.len);
    assert_int_equal(bytes[9], 17);
    assert_memory_equal(bytes + 12, ((const uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}), 8);
    assert_int_equal(load_be16(bytes + 20), 4001);
    assert_int_equal(load_be16(bytes + 22), 53);
    assert_memory_equal(bytes + 28, "odd", 3);
    assert_sums_up(bytes, 20, 0);
    assert_sums_up(bytes + 20, 11, words(bytes + 12, 8) + 17 + 11);

    out = buf_of(bytes, sizeof bytes);
    from = v6(1, 1);
    to = v6(2, 2);
    pcap_frame(&out, &from, &to, NET_UDP, true, SPAN_LITERAL("even"));
    assert_int_equal(out.len, 40 + 8 + 4);
    assert_int_equal(bytes[0] >> 4, 6);
    assert_int_equal(load_be16(bytes + 4), 12);
    assert_sums_up(bytes + 40, 12, words(bytes + 8, 32) + 17 + 12);
}

static void a_segment_has_its_headers(void **state)
{
    (void)state;
    uint8_t bytes[PCAP_FRAME_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    pu_endpoint from = v4(1, 49152), to = v4(2, 4001);
    const uint8_t syn[TCP_HEADER_BYTES] = {TCP_SYN, 4, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0};
    pcap_frame(&out, &from, &to, NET_TCP_SYN, true, span_of(syn, sizeof syn));
    assert_int_equal(out.len, 20 + 28);
    assert_int_equal(load_be32(bytes + 24), 0x01020304);
    assert_int_equal(bytes[32] >> 4, 7); /* 8 bytes of options: MSS and window scale */
    assert_int_equal(bytes[33], 2);
    assert_sums_up(bytes + 20, 28, words(bytes + 12, 8) + 6 + 28);

    out = buf_of(bytes, sizeof bytes);
    const uint8_t data[TCP_HEADER_BYTES + 3] = {TCP_ACK, 4, 0, 0, 0,   0,   0,  9,
                                                0,       0, 0, 7, 'a', 'b', 'c'};
    pcap_frame(&out, &from, &to, NET_TCP, true, span_of(data, sizeof data));
    assert_int_equal(out.len, 20 + 20 + 3);
    assert_int_equal(load_be32(bytes + 24), 9);
    assert_int_equal(load_be32(bytes + 28), 7);
    assert_int_equal(bytes[33], 16);
    assert_int_equal(load_be16(bytes + 34), 0x040000 >> 8);
    assert_memory_equal(bytes + 40, "abc", 3);
    assert_sums_up(bytes + 20, 23, words(bytes + 12, 8) + 6 + 23);

    out = buf_of(bytes, sizeof bytes);
    pcap_frame(&out, &from, &to, NET_TCP, false,
               span_of(data, sizeof data)); /* bytes of another model */
    assert_int_equal(out.len, 20 + 20 + sizeof data);
}

/* What the network keeps of a SYN or a datagram becomes a reset, or ICMP's port unreachable that
 * quotes it. */
static void refusals_have_their_headers(void **state)
{
    (void)state;
    uint8_t bytes[PCAP_FRAME_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    pu_endpoint from = v4(2, 4001), to = v4(1, 49152);
    const uint8_t syn[TCP_HEADER_BYTES] = {TCP_SYN, 4, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0};
    pcap_frame(&out, &from, &to, NET_TCP_RESET, true, span_of(syn, sizeof syn));
    assert_int_equal(out.len, 20 + 20);
    assert_int_equal(load_be16(bytes + 20), 4001);
    assert_int_equal(load_be32(bytes + 24), 0);
    assert_int_equal(load_be32(bytes + 28), 0x01020305);
    assert_int_equal(bytes[33], TCP_RST | TCP_ACK);
    assert_sums_up(bytes + 20, 20, words(bytes + 12, 8) + 6 + 20);

    out = buf_of(bytes, sizeof bytes);
    pcap_frame(&out, &from, &to, NET_TCP_UNREACHABLE, true, span_of(syn, sizeof syn));
    assert_int_equal(out.len, 20 + 8 + 20 + 28);
    assert_int_equal(bytes[9], 1);
    assert_memory_equal(bytes + 20, ((const uint8_t[]){3, 3}), 2);
    assert_memory_equal(bytes + 28 + 12, ((const uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}), 8);
    assert_int_equal(load_be16(bytes + 48), 49152);
    assert_int_equal(load_be32(bytes + 52), 0x01020304);
    assert_sums_up(bytes + 20, 56, 0);

    out = buf_of(bytes, sizeof bytes);
    from = v6(2, 2);
    to = v6(1, 1);
    pcap_frame(&out, &from, &to, NET_UDP_UNREACHABLE, true, SPAN_LITERAL("even"));
    assert_int_equal(out.len, 40 + 8 + 40 + 8 + 4);
    assert_int_equal(bytes[6], 58);
    assert_memory_equal(bytes + 40, ((const uint8_t[]){1, 4}), 2);
    assert_memory_equal(bytes + 48 + 8, to.ip, 16);
    assert_sums_up(bytes + 40, 60, words(bytes + 8, 32) + 58 + 60);

    out = buf_of(bytes, sizeof bytes);
    pcap_frame(&out, &from, &to, NET_TCP_UNREACHABLE, true, span_of(syn, sizeof syn));
    assert_int_equal(out.len, 40 + 8 + 40 + 28);
    assert_memory_equal(bytes + 40, ((const uint8_t[]){1, 1}), 2); /* prohibited */
    assert_sums_up(bytes + 40, 76, words(bytes + 8, 32) + 58 + 76);
}

static void a_file_is_a_row_of_blocks(void **state)
{
    (void)state;
    static const char *const names[] = {"home", "laptop"};
    char path[] = "/tmp/peerup-pcap-XXXXXX", error[256];
    close(mkstemp(path));
    pcap *p = pcap_open(path, names, 2, 1000 * PU_S, true, error, sizeof error);
    assert_non_null(p);
    pu_endpoint a = v4(1, 1), b = v4(2, 2);
    pcap_packet(p, 5, 1, true, &a, &b, NET_UDP, SPAN_LITERAL("x"));
    pcap_secret(p, "CLIENT_RANDOM 00 11");
    pcap_packet(p, 6, 0, false, &b, &a, NET_UDP, SPAN_LITERAL("x"));
    assert_true(pcap_close(p, true, error, sizeof error));

    size_t len;
    uint8_t *bytes = file_read(path, 1 << 20, &len, error, sizeof error);
    assert_non_null(bytes);
    static const uint32_t types[] = {0x0a0d0d0a, 1, 1, 10, 6, 6};
    size_t at = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        uint32_t block = load_le32(bytes + at + 4);
        assert_int_equal(load_le32(bytes + at), types[i]);
        assert_int_equal(block % 4, 0);
        assert_int_equal(load_le32(bytes + at + block - 4), block);
        if (types[i] == 10) assert_memory_equal(bytes + at + 16, "CLIENT_RANDOM 00 11\n", 20);
        if (types[i] == 6) {
            uint64_t time = (uint64_t)load_le32(bytes + at + 12) << 32 | load_le32(bytes + at + 16);
            assert_int_equal(load_le32(bytes + at + 8), i == 4 ? 1 : 0);
            assert_true(time == 1000 * PU_S + (i == 4 ? 5 : 6));
        }
        at += block;
    }
    assert_int_equal(at, len);
    free(bytes);

    p = pcap_open(path, names, 2, 0, true, error, sizeof error);
    assert_true(pcap_close(p, false, error, sizeof error)); /* what was there stays */
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    assert_null(pcap_open("/nowhere/at/all.pcapng", names, 2, 0, true, error, sizeof error));
    assert_non_null(strstr(error, "/nowhere"));
}

int pcap_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_has_its_headers),
        cmocka_unit_test(a_segment_has_its_headers),
        cmocka_unit_test(refusals_have_their_headers),
        cmocka_unit_test(a_file_is_a_row_of_blocks),
    };
    return cmocka_run_group_tests_name("pcap", tests, NULL, NULL);
}
