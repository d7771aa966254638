/* ident/multiaddr.c - multiaddrs as bytes: a code and its value, again and again.
 *
 * Values are checked here, once: whatever parses can be printed, and what is printed parses to the
 * same bytes. An unknown code makes the rest unreadable, since its size is unknown; so the whole
 * address is refused.
 */
#include "ident/multiaddr.h"

#include "base/varint.h"
#include "peerup/ident.h"

enum {
    GARLIC64_MIN = 386, /* an I2P destination has 387 bytes or more; 386 fill 516 characters, too */
    GARLIC64_MAX = 462, /* 616 characters, what other implementations read */
    GARLIC32_HASH = 32,
    GARLIC32_MIN = 35 /* an encrypted lease set's address */
};

/* In order of code. An alias follows the row that it means. */
static const maddr_protocol protocols[] = {
    {PU_MA_IP4, 4, MADDR_IP4, "ip4"},
    {PU_MA_TCP, 2, MADDR_PORT, "tcp"},
    {33, 2, MADDR_PORT, "dccp"},
    {PU_MA_IP6, 16, MADDR_IP6, "ip6"},
    {PU_MA_IP6ZONE, MADDR_VARIABLE, MADDR_NAME, "ip6zone"},
    {43, 1, MADDR_NUMBER8, "ipcidr"},
    {PU_MA_DNS, MADDR_VARIABLE, MADDR_NAME, "dns"},
    {PU_MA_DNS4, MADDR_VARIABLE, MADDR_NAME, "dns4"},
    {PU_MA_DNS6, MADDR_VARIABLE, MADDR_NAME, "dns6"},
    {PU_MA_DNSADDR, MADDR_VARIABLE, MADDR_NAME, "dnsaddr"},
    {132, 2, MADDR_PORT, "sctp"},
    {PU_MA_UDP, 2, MADDR_PORT, "udp"},
    {275, 0, MADDR_NONE, "p2p-webrtc-star"},
    {276, 0, MADDR_NONE, "p2p-webrtc-direct"},
    {277, 0, MADDR_NONE, "p2p-stardust"},
    {280, 0, MADDR_NONE, "webrtc-direct"},
    {281, 0, MADDR_NONE, "webrtc"},
    {PU_MA_CIRCUIT, 0, MADDR_NONE, "p2p-circuit"},
    {301, 0, MADDR_NONE, "udt"},
    {302, 0, MADDR_NONE, "utp"},
    {PU_MA_UNIX, MADDR_VARIABLE, MADDR_PATH, "unix"},
    {PU_MA_P2P, MADDR_VARIABLE, MADDR_PEER, "p2p"},
    {PU_MA_P2P, MADDR_VARIABLE, MADDR_PEER, "ipfs"},
    {443, 0, MADDR_NONE, "https"},
    {444, 12, MADDR_ONION, "onion"},
    {445, 37, MADDR_ONION, "onion3"},
    {446, MADDR_VARIABLE, MADDR_GARLIC64, "garlic64"},
    {447, MADDR_VARIABLE, MADDR_GARLIC32, "garlic32"},
    {PU_MA_TLS, 0, MADDR_NONE, "tls"},
    {PU_MA_SNI, MADDR_VARIABLE, MADDR_NAME, "sni"},
    {454, 0, MADDR_NONE, "noise"},
    {460, 0, MADDR_NONE, "quic"},
    {PU_MA_QUIC_V1, 0, MADDR_NONE, "quic-v1"},
    {465, 0, MADDR_NONE, "webtransport"},
    {PU_MA_CERTHASH, MADDR_VARIABLE, MADDR_HASH, "certhash"},
    {PU_MA_WS, 0, MADDR_NONE, "ws"},
    {PU_MA_WSS, 0, MADDR_NONE, "wss"},
    {479, 0, MADDR_NONE, "p2p-websocket-star"},
    {480, 0, MADDR_NONE, "http"},
    {481, MADDR_VARIABLE, MADDR_ESCAPED, "http-path"},
    {PU_MA_MEMORY, 8, MADDR_NUMBER64, "memory"},
};

enum { PROTOCOL_COUNT = sizeof protocols / sizeof protocols[0] };

const maddr_protocol *maddr_by_code(uint64_t code)
{
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (protocols[i].code == code) return &protocols[i];
    return NULL;
}

static bool name_equal(const char *text, pu_span name)
{
    PU_ASSERT(text != NULL);
    for (size_t i = 0; i < name.len; i++)
        if (text[i] == 0 || (uint8_t)text[i] != name.base[i]) return false;
    return text[name.len] == 0;
}

const maddr_protocol *maddr_by_name(pu_span name)
{
    PU_ASSERT(name.base != NULL || name.len == 0);
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (name_equal(protocols[i].name, name)) return &protocols[i];
    return NULL;
}

/* Takes one UTF-8 character off *text, which is not empty. False: the bytes are not UTF-8. */
static bool utf8_next(pu_span *text, uint32_t *character)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000}; /* below: a shorter form exists */
    PU_ASSERT(character != NULL);
    PU_ASSERT(text->len > 0);
    uint8_t first = text->base[0];
    size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if ((first >= 0x80 && first < 0xc0) || first >= 0xf8 || more >= text->len) return false;
    uint32_t c = more == 0 ? first : first & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((text->base[i] & 0xc0) != 0x80) return false;
        c = c << 6 | (text->base[i] & 0x3fu);
    }
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
    *text = span_skip(*text, more + 1);
    *character = c;
    return true;
}

/* Whether text is UTF-8 that can be shown: names end up in logs, terminals and JSON. */
static bool is_printable(pu_span text)
{
    PU_ASSERT(text.len <= PU_MADDR_TEXT_MAX);
    while (text.len > 0) {
        uint32_t c;
        if (!utf8_next(&text, &c)) return false;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
    }
    return true;
}

static bool is_name(pu_span text)
{
    PU_ASSERT(text.base != NULL || text.len == 0);
    for (size_t i = 0; i < text.len; i++)
        if (text.base[i] == '/') return false;
    return text.len > 0 && is_printable(text);
}

/* Text drops trailing slashes, so a path that ends in one could not come back. */
static bool is_path(pu_span text)
{
    PU_ASSERT(text.base != NULL || text.len == 0);
    return text.len > 1 && text.base[0] == '/' && text.base[text.len - 1] != '/' &&
           is_printable(text);
}

static bool is_multihash(pu_span bytes)
{
    PU_ASSERT(bytes.base != NULL || bytes.len == 0);
    uint64_t code, len;
    if (varint_get(&bytes, &code) != VARINT_OK) return false;
    if (varint_get(&bytes, &len) != VARINT_OK) return false;
    return len == bytes.len;
}

bool maddr_value_valid(const maddr_protocol *p, pu_span value)
{
    PU_ASSERT(p != NULL);
    if (p->value_bytes != MADDR_VARIABLE && value.len != p->value_bytes) return false;
    pu_peer_id id;
    switch (p->kind) {
    case MADDR_NONE:
    case MADDR_IP4:
    case MADDR_IP6:
    case MADDR_PORT:
    case MADDR_NUMBER8:
    case MADDR_NUMBER64: return true;
    case MADDR_NAME: return is_name(value);
    case MADDR_PATH: return is_path(value);
    case MADDR_ESCAPED: return value.len > 0;
    case MADDR_PEER: return pu_peer_id_from_bytes(&id, value) == PU_OK;
    case MADDR_HASH: return is_multihash(value);
    case MADDR_ONION: return load_be16(value.base + value.len - 2) != 0;
    case MADDR_GARLIC64: return value.len >= GARLIC64_MIN && value.len <= GARLIC64_MAX;
    case MADDR_GARLIC32: return value.len == GARLIC32_HASH || value.len >= GARLIC32_MIN;
    }
    PU_NEVER_HERE();
}

bool pu_maddr_next(pu_span *rest, pu_maddr_part *part)
{
    PU_ASSERT(rest != NULL);
    PU_ASSERT(part != NULL);
    if (rest->len == 0 || rest->len > PU_MADDR_MAX) return false;
    pu_span in = *rest, value;
    uint64_t code;
    if (varint_get(&in, &code) != VARINT_OK) return false;
    const maddr_protocol *p = maddr_by_code(code);
    if (p == NULL) return false;
    if (p->value_bytes == MADDR_VARIABLE) {
        if (varint_get_block(&in, PU_MADDR_MAX, &value) != VARINT_OK) return false;
    } else {
        if (in.len < p->value_bytes) return false;
        value = span_head(in, p->value_bytes);
        in = span_skip(in, p->value_bytes);
    }
    if (!maddr_value_valid(p, value)) return false;
    if (p->kind == MADDR_PATH && in.len > 0) return false;
    *part = (pu_maddr_part){p->code, value};
    *rest = in;
    return true;
}

bool pu_maddr_valid(pu_span bytes)
{
    PU_ASSERT(bytes.base != NULL || bytes.len == 0);
    if (bytes.len == 0) return false;
    pu_maddr_part part;
    while (pu_maddr_next(&bytes, &part)) continue;
    return bytes.len == 0;
}
