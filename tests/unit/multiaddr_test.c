/* multiaddr_test.c - multiaddrs as bytes and as text: vectors and a table both ways, hostile bytes,
 * hostile text, and addresses built at random that must come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/varint.h"
#include "peerup/ident.h"
#include "tests/unit/hex.h"
#include "vectors/multiaddrs.h"
#include "vectors/multihash.h"

int multiaddr_test(void);

#define ID "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"
#define ID_HEX "260024080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
#define ONION3 "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
#define ONION3_HEX "adadec040be047f9658668b11a504f3155001f231a37f54c4476c07fb4cc139ed7e303"

static pu_span text_of(const char *text)
{
    return span_of(text, strlen(text));
}

static void check_parses(pu_span text, pu_span wanted)
{
    uint8_t bytes[PU_MADDR_MAX];
    size_t len, bad;
    if (pu_maddr_parse(bytes, sizeof bytes, &len, text, &bad) != PU_OK)
        fail_msg("%.*s: bad at %zu", (int)text.len, (const char *)text.base, bad);
    assert_true(span_equal(span_of(bytes, len), wanted));
}

static void check_prints(pu_span bytes, pu_span wanted)
{
    char text[PU_MADDR_TEXT_MAX];
    ptrdiff_t len = pu_maddr_text(bytes, text, sizeof text);
    assert_true(len > 0);
    assert_int_equal(text[len], 0);
    if (!span_equal(span_of(text, (size_t)len), wanted)) fail_msg("printed %s", text);
}

static void published_addresses_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof maddr_vectors / sizeof maddr_vectors[0]; i++) {
        assert_true(pu_maddr_valid(maddr_vectors[i].bytes));
        check_parses(maddr_vectors[i].text, maddr_vectors[i].bytes);
        check_prints(maddr_vectors[i].bytes, maddr_vectors[i].text);
    }
}

/* Every row of the protocol table. */
static void every_protocol_both_ways(void **state)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"/ip4/255.0.10.1", "04 ff000a01"},
        {"/tcp/0", "06 0000"},
        {"/tcp/65535", "06 ffff"},
        {"/dccp/258", "21 0102"},
        {"/ip6/2001:db8::a", "29 20010db800000000000000000000000a"},
        {"/ip6zone/x", "2a 0178"},
        {"/ip6/fe80::/ipcidr/64", "29 fe800000000000000000000000000000 2b40"},
        {"/dns/a", "35 0161"},
        {"/dns4/a.b", "36 03612e62"},
        {"/dns6/\xc3\xbc", "37 02c3bc"},
        {"/dnsaddr/a", "38 0161"},
        {"/sctp/9", "8401 0009"},
        {"/udp/53", "9102 0035"},
        {"/p2p-webrtc-star", "9302"},
        {"/p2p-webrtc-direct", "9402"},
        {"/p2p-stardust", "9502"},
        {"/webrtc-direct", "9802"},
        {"/webrtc", "9902"},
        {"/p2p-circuit", "a202"},
        {"/udt", "ad02"},
        {"/utp", "ae02"},
        {"/unix/a/b", "9003 04 2f612f62"},
        {"/unix//a", "9003 03 2f2f61"},
        {"/p2p/" ID, "a503" ID_HEX},
        {"/https", "bb03"},
        {"/onion/aaaaaaaaaaaaaaaa:80", "bc03 00000000000000000000 0050"},
        {"/onion3/" ONION3 ":1234", "bd03" ONION3_HEX "04d2"},
        {"/garlic32/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaq",
         "bf03 20 0000000000000000000000000000000000000000000000000000000000000001"},
        {"/tls/sni/a", "c003 c103 0161"},
        {"/noise", "c603"},
        {"/quic", "cc03"},
        {"/quic-v1/webtransport", "cd03 d103"},
        {"/certhash/uAAEB", "d203 03 000101"},
        {"/ws", "dd03"},
        {"/wss", "de03"},
        {"/p2p-websocket-star", "df03"},
        {"/http/http-path/a%2Fb%20c", "e003 e103 05 612f622063"},
        {"/http-path/-_.~$&+:=@%21%2C%3B%3F%25%00%FF",
         "e103 11 2d5f2e7e24262b3a3d40 21 2c 3b 3f 25 00 ff"},
        {"/memory/0", "8906 0000000000000000"},
        {"/memory/18446744073709551615", "8906 ffffffffffffffff"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[PU_MADDR_MAX];
        pu_span bytes = hex_bytes(cases[i].hex, memory, sizeof memory);
        check_parses(text_of(cases[i].text), bytes);
        check_prints(bytes, text_of(cases[i].text));
    }
}

/* I2P destinations of the sizes at both ends, with each padding. */
static void garlic64_both_ways(void **state)
{
    (void)state;
    for (size_t size = 0; size < 500; size++) {
        uint8_t memory[PU_MADDR_MAX] = {0};
        pu_buf bytes = buf_of(memory, sizeof memory);
        varint_put(&bytes, 446);
        varint_put(&bytes, size);
        bytes.len += size;
        memory[bytes.len - 1] = 0xff;
        bool is_good = size >= 386 && size <= 462;
        assert_int_equal(pu_maddr_valid(buf_span(&bytes)), is_good);
        if (!is_good) continue;
        char text[PU_MADDR_TEXT_MAX];
        ptrdiff_t len = pu_maddr_text(buf_span(&bytes), text, sizeof text);
        assert_int_equal(len, 10 + (size + 2) / 3 * 4);
        assert_int_equal(text[len - 1] == '=', size % 3 != 0);
        check_parses(span_of(text, (size_t)len), buf_span(&bytes));
    }
}

static void other_texts_of_an_address_are_read(void **state)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"/ip4/1.2.3.4/tcp/80/", "/ip4/1.2.3.4/tcp/80"},
        {"/ip4/1.2.3.4/tcp/80////", "/ip4/1.2.3.4/tcp/80"},
        {"/ws/", "/ws"},
        {"/unix/a/b//", "/unix/a/b"},
        {"/ipfs/" ID, "/p2p/" ID},
        {"/p2p/bafzaajaiaejcbcui4poxicprsx6vfwznhs5f24wkm4e36hmucin7g5eiag2a6324", "/p2p/" ID},
        {"/p2p/k51qzi5uqu5djmw2yvf8kk5cdjc1ddc00o4d5sjwi6f79xzcay9j3gkddw5uu4", "/p2p/" ID},
        {"/ip6/2001:0DB8:0:0:0:0:0:A", "/ip6/2001:db8::a"},
        {"/ip6/::ffff:102:304", "/ip6/::ffff:1.2.3.4"},
        {"/ip6/::ffff:1.2.3.4", "/ip6/::ffff:1.2.3.4"},
        {"/certhash/f000101", "/certhash/uAAEB"},
        {"/certhash/F000101", "/certhash/uAAEB"},
        {"/certhash/z15S", "/certhash/uAAEB"},
        {"/certhash/baaaqc", "/certhash/uAAEB"},
        {"/onion/AAAAAAAAAAAAAAAA:80", "/onion/aaaaaaaaaaaaaaaa:80"},
        {"/http-path/%61b!%2f", "/http-path/ab%21%2F"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[PU_MADDR_MAX];
        size_t len;
        pu_span text = text_of(cases[i].text);
        if (pu_maddr_parse(bytes, sizeof bytes, &len, text, NULL) != PU_OK)
            fail_msg("%s", cases[i].text);
        check_prints(span_of(bytes, len), text_of(cases[i].canonical));
    }
}

static void ip6_texts(void **state)
{
    static const struct {
        const char *text, *canonical; /* NULL: no address */
    } cases[] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"}, /* one group is not shortened */
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},   /* the longer run */
        {"1:0:0:2:3:0:0:4", "1::2:3:0:0:4"}, /* the first of equals */
        {"0:0:1:0:0:0:0:0", "0:0:1::"},
        {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"::1.2.3.4", "::102:304"},
        {"00AB::0c", "ab::c"},
        {"", NULL},
        {":", NULL},
        {":::", NULL},
        {"1", NULL},
        {"1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"1:2:3:4::5:6:7:8", NULL}, /* "::" stands for something */
        {"::1:2:3:4:5:6:7:8", NULL},
        {"1::2::3", NULL},
        {":1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:", NULL},
        {"1::2:", NULL},
        {"12345::", NULL},
        {"g::", NULL},
        {"1.2.3.4", NULL},
        {"1.2.3.4::", NULL},
        {"::1.2.3.4:5", NULL},
        {"::1.2.3", NULL},
        {"::01.2.3.4", NULL},
        {"1:2:3:4:5:6:7:1.2.3.4", NULL},
        {"1:2:3:4:5::6:1.2.3.4", NULL},
        {"fe80::1%eth0", NULL},
        {" ::1", NULL},
        {"0000:0000:0000:0000:0000:0000:255.255.255.2555", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[128], bytes[PU_MADDR_MAX];
        pu_buf text = buf_of(memory, sizeof memory), wanted = buf_of(memory + 64, 64);
        size_t len;
        buf_put_span(&text, SPAN_LITERAL("/ip6/"));
        buf_put_span(&text, text_of(cases[i].text));
        int error = pu_maddr_parse(bytes, sizeof bytes, &len, buf_span(&text), NULL);
        if (error != (cases[i].canonical ? PU_OK : PU_ERANGE)) fail_msg("%s", cases[i].text);
        if (error != PU_OK) continue;
        buf_put_span(&wanted, SPAN_LITERAL("/ip6/"));
        buf_put_span(&wanted, text_of(cases[i].canonical));
        check_prints(span_of(bytes, len), buf_span(&wanted));
    }
}

/* The offset is that of the slash before the component at fault. */
static const struct {
    const char *text;
    size_t bad;
} wrong_texts[] = {
    {"", 0},
    {"/", 0},
    {"//", 0},
    {"ip4/1.2.3.4", 0},
    {" /ip4/1.2.3.4", 0},
    {"//ip4/1.2.3.4", 0},
    {"/ip4", 0},
    {"/ip4/", 0},
    {"/ip4//tcp/80", 0},
    {"/ip4/1.2.3.4//tcp/80", 12},
    {"/ip4/1.2.3", 0},
    {"/ip4/1.2.3.4.5", 0},
    {"/ip4/1.2.3.4.", 0},
    {"/ip4/.1.2.3.4", 0},
    {"/ip4/1..3.4", 0},
    {"/ip4/256.2.3.4", 0},
    {"/ip4/01.2.3.4", 0},
    {"/ip4/0x1.2.3.4", 0},
    {"/ip4/::1", 0},
    {"/ip4/1.2.3.4/tcp", 12},
    {"/ip4/1.2.3.4/tcp/65536", 12},
    {"/ip4/1.2.3.4/tcp/-1", 12},
    {"/ip4/1.2.3.4/tcp/+1", 12},
    {"/ip4/1.2.3.4/tcp/080", 12},
    {"/ip4/1.2.3.4/tcp/0x50", 12},
    {"/ip4/1.2.3.4/tcp/80 ", 12},
    {"/ip4/1.2.3.4/tcp/80/nope", 19},
    {"/ip4/1.2.3.4/tcp/80/ws/80", 22},
    {"/IP4/1.2.3.4", 0},
    {"/ip", 0},
    {"/ip44/1.2.3.4", 0},
    {"/ip6zone", 0},
    {"/ipcidr/256", 0},
    {"/dns", 0},
    {"/dns4/", 0},
    {"/dns/a\nb", 0},
    {"/dns/\x7f", 0},
    {"/dns/\xc2\x9b", 0}, /* a control character of two bytes */
    {"/dns/\xff", 0},
    {"/dns/\xc0\xaf", 0},         /* '/' in two bytes */
    {"/dns/\xed\xa0\x80", 0},     /* a surrogate */
    {"/dns/\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
    {"/dns/\xe2\x82", 0},
    {"/dns/\x80", 0},
    {"/unix", 0},
    {"/unix/", 0},
    {"/ws/unix//", 3},
    {"/p2p", 0},
    {"/p2p/hello", 0},
    {"/p2p/11", 0},
    {"/p2p/bafkreieq5jui4j25lacwomsqgjeswwl3y5zcdrresptwgmfylxo2depppq", 0}, /* raw */
    {"/ipfs/", 0},
    {"/onion/aaaaaaaaaaaaaaaa", 0},
    {"/onion/aaaaaaaaaaaaaaaa:", 0},
    {"/onion/aaaaaaaaaaaaaaaa:0", 0},
    {"/onion/aaaaaaaaaaaaaaaa:65536", 0},
    {"/onion/aaaaaaaaaaaaaaa:80", 0},
    {"/onion/aaaaaaaaaaaaaaaaaa:80", 0},
    {"/onion/aaaaaaaaaaaaaaa0:80", 0},
    {"/onion3/" ONION3 ":0", 0},
    {"/onion3/aaaaaaaaaaaaaaaa:80", 0},
    {"/garlic64/AAAA", 0},
    {"/garlic64/AAA", 0},
    {"/garlic32/aaaa", 0},
    {"/certhash/", 0},
    {"/certhash/u", 0},
    {"/certhash/uAAE", 0}, /* a digest too short */
    {"/certhash/AAEB", 0},
    {"/certhash/maaEB", 0},
    {"/http-path", 0},
    {"/http-path/%", 0},
    {"/http-path/%2", 0},
    {"/http-path/%2g", 0},
    {"/http-path/a%", 0},
    {"/memory/-1", 0},
    {"/memory/18446744073709551616", 0},
    {"/memory/99999999999999999999", 0},
    {"/memory/184467440737095516150", 0},
};

static void wrong_texts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_texts / sizeof wrong_texts[0]; i++) {
        uint8_t bytes[PU_MADDR_MAX];
        size_t len, bad = 99;
        pu_span text = text_of(wrong_texts[i].text);
        if (pu_maddr_parse(bytes, sizeof bytes, &len, text, &bad) != PU_ERANGE)
            fail_msg("%s", wrong_texts[i].text);
        if (bad != wrong_texts[i].bad) fail_msg("%s: bad at %zu", wrong_texts[i].text, bad);
        assert_int_equal(pu_maddr_parse(bytes, sizeof bytes, &len, text, NULL), PU_ERANGE);
    }
}

static const char *const wrong_bytes[] = {
    "",
    /* codes: unknown, over-long, cut, of 31 bits */
    "00",
    "05 00000000",
    "8400 01020304",
    "80",
    "ffffffff07 00",
    /* the code of ip4 and 2^32, which would be cut off; the largest varint and one above */
    "8480808010 01020304",
    "ffffffffffffffff7f",
    "ffffffffffffffffff01",
    /* short values */
    "04 010203",
    "06 00",
    "9102",
    "29 000000000000000000000000000000",
    "8906 00000000000000",
    /* empty values, of which nim-libp2p died in 2024 */
    "2a 00",
    "35 00",
    "36 00",
    "37 00",
    "38 00",
    "c103 00",
    "9003 00",
    "e103 00",
    "a503 00",
    "d203 00",
    "be03 00",
    "bf03 00",
    /* lengths: too long, cut, over-long, of 31 bits and more */
    "35 01",
    "35 ff",
    "35 8000",
    "35 8100 61",
    "35 ffffffff07 61",
    "35 8180808010 61",
    "35 ffffffffffffffff7f 61",
    /* names with a slash, or that cannot be shown */
    "2a 03 612f62",
    "35 01 2f",
    "c103 01 2f",
    "35 01 00",
    "35 02 6100",
    "35 01 0a",
    "35 01 ff",
    /* paths: "/", without its slash, with one at the end, followed by something, with a zero */
    "9003 01 2f",
    "9003 01 61",
    "9003 03 2f612f",
    "9003 02 2f61 dd03",
    "9003 02 2f00",
    /* ids: of nothing, of another hash, with a trailing byte, cut */
    "a503 02 0000",
    "a503 03 130155",
    "a503 04 00015555",
    "a503 03 120155",
    /* certhashes that are no multihash */
    "d203 01 12",
    "d203 03 120255",
    "d203 04 12015555",
    "d203 02 8000",
    /* onions: port 0, short */
    "bc03 000000000000000000000000",
    "bc03 0000000000000000000050",
    /* I2P hashes of 31 and 33 bytes */
    "bf03 1f 00000000000000000000000000000000000000000000000000000000000000",
    "bf03 21 000000000000000000000000000000000000000000000000000000000000000000",
    /* good beginnings */
    "dd03 00",
    "dd03 dd",
    "04 01020304 06 00",
};

/* OpenBazaar#1275: what is taken for an address can be shown. */
static void wrong_bytes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_bytes / sizeof wrong_bytes[0]; i++) {
        uint8_t memory[PU_MADDR_MAX];
        char text[PU_MADDR_TEXT_MAX];
        pu_span bytes = hex_bytes(wrong_bytes[i], memory, sizeof memory);
        if (pu_maddr_valid(bytes)) fail_msg("%s", wrong_bytes[i]);
        assert_int_equal(pu_maddr_text(bytes, text, sizeof text), PU_ERANGE);
    }
}

/* A cut of a whole address is an address only where a component ends. */
static void truncations_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof maddr_vectors / sizeof maddr_vectors[0]; i++) {
        pu_span whole = maddr_vectors[i].bytes, rest = whole;
        bool is_end[PU_MADDR_MAX] = {false};
        pu_maddr_part part;
        while (pu_maddr_next(&rest, &part)) {
            assert_ptr_equal(part.value.base + part.value.len, rest.base);
            is_end[whole.len - rest.len] = true;
        }
        assert_int_equal(rest.len, 0);
        for (size_t len = 0; len < whole.len; len++) {
            char text[PU_MADDR_TEXT_MAX];
            pu_span cut = span_head(whole, len);
            assert_int_equal(pu_maddr_valid(cut), is_end[len]);
            assert_int_equal(pu_maddr_text(cut, text, sizeof text) > 0, is_end[len]);
        }
    }
}

static void what_is_left_tells_an_error_from_the_end(void **state)
{
    (void)state;
    uint8_t memory[32];
    pu_span rest = hex_bytes("04 01020304 05", memory, sizeof memory);
    pu_maddr_part part;
    assert_true(pu_maddr_next(&rest, &part));
    assert_int_equal(part.code, PU_MA_IP4);
    assert_int_equal(part.value.len, 4);
    assert_false(pu_maddr_next(&rest, &part));
    assert_int_equal(rest.len, 1);
    rest = hex_bytes("dd03", memory, sizeof memory);
    assert_true(pu_maddr_next(&rest, &part));
    assert_int_equal(part.value.len, 0);
    assert_false(pu_maddr_next(&rest, &part));
    assert_int_equal(rest.len, 0);
}

static void multihashes_of_every_kind_are_certhashes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof multihash_vectors / sizeof multihash_vectors[0]; i++) {
        uint8_t memory[PU_MADDR_MAX];
        char text[PU_MADDR_TEXT_MAX];
        pu_buf bytes = buf_of(memory, sizeof memory);
        varint_put(&bytes, PU_MA_CERTHASH);
        varint_put(&bytes, multihash_vectors[i].bytes.len);
        buf_put_span(&bytes, multihash_vectors[i].bytes);
        ptrdiff_t len = pu_maddr_text(buf_span(&bytes), text, sizeof text);
        assert_true(len > 0);
        check_parses(span_of(text, (size_t)len), buf_span(&bytes));
    }
}

/* 512 bytes are an address and 513 are not, in both forms; the longest text fits exactly. */
static void sizes_are_bounded(void **state)
{
    (void)state;
    uint8_t memory[PU_MADDR_MAX + 2], back[PU_MADDR_MAX + 2];
    char text[PU_MADDR_TEXT_MAX + 1];
    size_t len, bad;
    for (size_t i = 0; i < sizeof memory; i += 2) memcpy(memory + i, "\xdf\x03", 2);
    pu_span longest = span_of(memory, PU_MADDR_MAX);
    assert_true(pu_maddr_valid(longest));
    assert_int_equal(pu_maddr_text(longest, text, sizeof text), PU_MADDR_TEXT_MAX - 1);
    assert_int_equal(pu_maddr_text(longest, text, PU_MADDR_TEXT_MAX), PU_MADDR_TEXT_MAX - 1);
    assert_int_equal(pu_maddr_text(longest, text, PU_MADDR_TEXT_MAX - 1), PU_ERANGE);
    check_parses(span_of(text, PU_MADDR_TEXT_MAX - 1), longest);
    assert_false(pu_maddr_valid(span_of(memory, PU_MADDR_MAX + 2)));
    assert_int_equal(pu_maddr_text(span_of(memory, PU_MADDR_MAX + 2), text, sizeof text),
                     PU_ERANGE);

    /* "/ws" 256 times is 512 bytes; once more is too long at its place */
    char many[257 * 3];
    for (size_t i = 0; i < sizeof many; i += 3) memcpy(many + i, "/ws", 3);
    assert_int_equal(pu_maddr_parse(back, sizeof back, &len, span_of(many, 256 * 3), &bad), PU_OK);
    assert_int_equal(len, PU_MADDR_MAX);
    assert_int_equal(pu_maddr_parse(back, sizeof back, &len, span_of(many, 257 * 3), &bad),
                     PU_ERANGE);
    assert_int_equal(bad, 256 * 3);

    static char endless[100000]; /* slashes are dropped, but not any number of them */
    memset(endless, '/', sizeof endless);
    memcpy(endless, "/ws", 3);
    assert_int_equal(pu_maddr_parse(back, sizeof back, &len, span_of(endless, 1000), &bad), PU_OK);
    assert_int_equal(
        pu_maddr_parse(back, sizeof back, &len, span_of(endless, sizeof endless), &bad), PU_ERANGE);
}

static void little_room_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof maddr_vectors / sizeof maddr_vectors[0]; i++) {
        pu_span bytes = maddr_vectors[i].bytes, text = maddr_vectors[i].text;
        uint8_t back[PU_MADDR_MAX];
        char out[PU_MADDR_TEXT_MAX];
        size_t len, bad;
        for (size_t cap = 0; cap <= bytes.len; cap++) {
            int wanted = cap == bytes.len ? PU_OK : PU_ERANGE;
            assert_int_equal(pu_maddr_parse(back, cap, &len, text, &bad), wanted);
        }
        for (size_t cap = 0; cap <= text.len + 1; cap++)
            assert_int_equal(pu_maddr_text(bytes, out, cap) > 0, cap == text.len + 1);
    }
}

/* ---- addresses at random ---- */

static void put_block(pu_buf *out, const uint8_t *bytes, size_t len)
{
    varint_put(out, len);
    buf_put(out, bytes, len);
}

/* Appends a component with a value of `size` random bytes. */
static void put_fixed(pu_buf *out, rng *choice, uint64_t code, size_t size)
{
    uint8_t value[64];
    PU_ASSERT(size <= sizeof value);
    rng_bytes(choice, value, size);
    if (rng_chance(choice, 1, 3)) memset(value, 0, size - size / 3); /* runs of zero groups */
    if (code == 444 || code == 445) value[size - 1] |= 1;            /* an onion's port is not 0 */
    varint_put(out, code);
    buf_put(out, value, size);
}

static void put_name(pu_buf *out, rng *choice, uint64_t code, const char *first)
{
    static const char letters[] = "abcXYZ019.-_%:@ ";
    uint8_t value[40];
    size_t len = strlen(first);
    memcpy(value, first, len);
    for (size_t more = 1 + rng_below(choice, 30); more > 0; more--)
        value[len++] = (uint8_t)letters[rng_below(choice, sizeof letters - 1)];
    varint_put(out, code);
    put_block(out, value, len);
}

/* Appends a component whose value is a multihash of that kind and size. */
static void put_hash(pu_buf *out, rng *choice, uint64_t code, uint8_t kind, uint8_t size)
{
    uint8_t value[2 + 255] = {kind, size};
    rng_bytes(choice, value + 2, size);
    varint_put(out, code);
    put_block(out, value, 2u + size);
}

static void put_raw(pu_buf *out, rng *choice, uint64_t code, size_t size)
{
    uint8_t value[64];
    PU_ASSERT(size <= sizeof value);
    rng_bytes(choice, value, size);
    varint_put(out, code);
    put_block(out, value, size);
}

static void put_part(pu_buf *out, rng *choice)
{
    static const uint16_t plain[] = {275, 276, 277, 280, 281, 290, 301, 302, 443,
                                     448, 454, 460, 461, 465, 477, 478, 479, 480};
    static const uint8_t names[] = {42, 53, 54, 55, 56};
    switch (rng_below(choice, 16)) {
    case 0: put_fixed(out, choice, PU_MA_IP4, 4); return;
    case 1: put_fixed(out, choice, PU_MA_IP6, 16); return;
    case 2: put_fixed(out, choice, PU_MA_TCP, 2); return;
    case 3: put_fixed(out, choice, PU_MA_UDP, 2); return;
    case 4: put_fixed(out, choice, 43, 1); return;
    case 5: put_fixed(out, choice, 444, 12); return;
    case 6: put_fixed(out, choice, 445, 37); return;
    case 7: put_fixed(out, choice, PU_MA_MEMORY, 8); return;
    case 8: put_name(out, choice, names[rng_below(choice, sizeof names)], ""); return;
    case 9: put_hash(out, choice, PU_MA_P2P, 0, (uint8_t)(1 + rng_below(choice, 42))); return;
    case 10: put_hash(out, choice, PU_MA_P2P, 0x12, 32); return;
    case 11: put_hash(out, choice, PU_MA_CERTHASH, 0x13, (uint8_t)rng_below(choice, 65)); return;
    case 12: put_raw(out, choice, 481, 1 + rng_below(choice, 40)); return;
    case 13:
        put_raw(out, choice, 447, rng_chance(choice, 1, 2) ? 32 : 35 + rng_below(choice, 20));
        return;
    default: varint_put(out, plain[rng_below(choice, sizeof plain / sizeof plain[0])]); return;
    }
}

/* The text of the text's bytes is the text, and the bytes of the bytes' text are the bytes. */
static void built_addresses_come_back(void **state)
{
    static const uint8_t seed[32] = {8};
    (void)state;
    rng choice;
    rng_init(&choice, seed, 0);
    for (int round = 0; round < 2000; round++) {
        uint8_t memory[PU_MADDR_MAX], back[PU_MADDR_MAX];
        char text[PU_MADDR_TEXT_MAX];
        size_t len;
        pu_buf bytes = buf_of(memory, sizeof memory);
        for (uint64_t parts = 1 + rng_below(&choice, 6); parts > 0; parts--)
            put_part(&bytes, &choice);
        if (rng_chance(&choice, 1, 8)) put_name(&bytes, &choice, PU_MA_UNIX, "/a/");
        assert_false(bytes.full);
        ptrdiff_t text_len = pu_maddr_text(buf_span(&bytes), text, sizeof text);
        assert_true(text_len > 0);
        pu_span wanted = span_of(text, (size_t)text_len);
        assert_int_equal(pu_maddr_parse(back, sizeof back, &len, wanted, NULL), PU_OK);
        assert_true(span_equal(span_of(back, len), buf_span(&bytes)));
        check_prints(span_of(back, len), wanted);
    }
}

/* Random changes of good addresses: whatever is still accepted comes back, too. */
static void changed_addresses_come_back_or_are_refused(void **state)
{
    static const uint8_t seed[32] = {9};
    (void)state;
    rng choice;
    unsigned accepted = 0;
    rng_init(&choice, seed, 0);
    for (size_t round = 0; round < 5000; round++) {
        pu_span good =
            maddr_vectors[round % (sizeof maddr_vectors / sizeof maddr_vectors[0])].bytes;
        uint8_t memory[PU_MADDR_MAX], back[PU_MADDR_MAX];
        char text[PU_MADDR_TEXT_MAX];
        size_t len;
        memcpy(memory, good.base, good.len);
        for (int i = 0; i < 2; i++)
            memory[rng_below(&choice, good.len)] ^= (uint8_t)(1u << rng_below(&choice, 8));
        pu_span bytes = span_of(memory, good.len);
        ptrdiff_t text_len = pu_maddr_text(bytes, text, sizeof text);
        assert_int_equal(text_len > 0, pu_maddr_valid(bytes));
        if (text_len < 0) continue;
        accepted++;
        pu_span printed = span_of(text, (size_t)text_len);
        assert_int_equal(pu_maddr_parse(back, sizeof back, &len, printed, NULL), PU_OK);
        assert_true(span_equal(span_of(back, len), bytes));
    }
    assert_in_range(accepted, 500, 4500);
}

int multiaddr_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_addresses_both_ways),
        cmocka_unit_test(every_protocol_both_ways),
        cmocka_unit_test(garlic64_both_ways),
        cmocka_unit_test(other_texts_of_an_address_are_read),
        cmocka_unit_test(ip6_texts),
        cmocka_unit_test(wrong_texts_are_refused),
        cmocka_unit_test(wrong_bytes_are_refused),
        cmocka_unit_test(truncations_are_refused),
        cmocka_unit_test(what_is_left_tells_an_error_from_the_end),
        cmocka_unit_test(multihashes_of_every_kind_are_certhashes),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(little_room_is_an_error),
        cmocka_unit_test(built_addresses_come_back),
        cmocka_unit_test(changed_addresses_come_back_or_are_refused),
    };
    return cmocka_run_group_tests_name("multiaddr", tests, NULL, NULL);
}
