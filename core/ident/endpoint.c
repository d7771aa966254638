/* ident/endpoint.c - IP address and port: how far they reach, and what they look like. */
#include "ident/decimal.h"
#include "ident/ip.h"
#include "peerup/ident.h"

enum { ENDPOINT_TEXT_MAX = 64 };

/* A range of addresses, as two words in host order. */
typedef struct ip_range {
    uint64_t high, low;
    uint8_t bits; /* of the prefix */
    enum pu_scope scope;
} ip_range;

#define MAPPED(ip4) (UINT64_C(0xffff00000000) | (ip4)) /* the low word of ::ffff:ip4 */

/* RFC 6890; the first row that holds the address counts, and what no row holds is reserved. */
static const ip_range ranges[] = {
    {0, MAPPED(0x00000000), 96 + 8, PU_SCOPE_NONE},     /* 0/8: this network */
    {0, MAPPED(0x0a000000), 96 + 8, PU_SCOPE_PRIVATE},  /* 10/8 */
    {0, MAPPED(0x64400000), 96 + 10, PU_SCOPE_PRIVATE}, /* 100.64/10: behind a carrier's NAT */
    {0, MAPPED(0x7f000000), 96 + 8, PU_SCOPE_LOOPBACK}, /* 127/8 */
    {0, MAPPED(0xa9fe0000), 96 + 16, PU_SCOPE_LINK},    /* 169.254/16 */
    {0, MAPPED(0xac100000), 96 + 12, PU_SCOPE_PRIVATE}, /* 172.16/12 */
    {0, MAPPED(0xc0000000), 96 + 24, PU_SCOPE_NONE},    /* 192.0.0/24: IETF protocols */
    {0, MAPPED(0xc0000200), 96 + 24, PU_SCOPE_NONE},    /* 192.0.2/24: documentation */
    {0, MAPPED(0xc0a80000), 96 + 16, PU_SCOPE_PRIVATE}, /* 192.168/16 */
    {0, MAPPED(0xc6120000), 96 + 15, PU_SCOPE_NONE},    /* 198.18/15: benchmarks */
    {0, MAPPED(0xc6336400), 96 + 24, PU_SCOPE_NONE},    /* 198.51.100/24: documentation */
    {0, MAPPED(0xcb007100), 96 + 24, PU_SCOPE_NONE},    /* 203.0.113/24: documentation */
    {0, MAPPED(0xe0000000), 96 + 4, PU_SCOPE_NONE},     /* 224/4: multicast */
    {0, MAPPED(0xf0000000), 96 + 4, PU_SCOPE_NONE},     /* 240/4: reserved, broadcast */
    {0, MAPPED(0x00000000), 96, PU_SCOPE_GLOBAL},
    {0, 1, 128, PU_SCOPE_LOOPBACK},                         /* ::1 */
    {UINT64_C(0x0064ff9b00000000), 0, 96, PU_SCOPE_GLOBAL}, /* IPv4 through NAT64; see below */
    {UINT64_C(0x2001000000000000), 0, 23, PU_SCOPE_NONE},   /* Teredo, ORCHID, benchmarks */
    {UINT64_C(0x20010db800000000), 0, 32, PU_SCOPE_NONE},   /* documentation */
    {UINT64_C(0x2000000000000000), 0, 3, PU_SCOPE_GLOBAL},  /* all that is given out */
    {UINT64_C(0xfc00000000000000), 0, 7, PU_SCOPE_PRIVATE}, /* unique local */
    {UINT64_C(0xfe80000000000000), 0, 10, PU_SCOPE_LINK},
};

/* A word whose first `count` bits are set. */
static uint64_t leading_ones(unsigned count)
{
    PU_ASSERT(count <= 64);
    return count == 0 ? 0 : UINT64_MAX << (64 - count);
}

static bool in_range(const ip_range *range, uint64_t high, uint64_t low)
{
    PU_ASSERT(range->bits <= 128);
    unsigned high_bits = range->bits < 64 ? range->bits : 64;
    return ((high ^ range->high) & leading_ones(high_bits)) == 0 &&
           ((low ^ range->low) & leading_ones(range->bits - high_bits)) == 0;
}

static enum pu_scope scope_of(uint64_t high, uint64_t low)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (in_range(&ranges[i], high, low)) return ranges[i].scope;
    return PU_SCOPE_NONE;
}

/* An IPv6 address that a gateway turns into an IPv4 one: 64:ff9b::/96 (RFC 6052), 2002::/16 (RFC
 * 3056). */
static bool embeds_ip4(uint64_t high, uint64_t low, uint32_t *ip4)
{
    static const ip_range nat64 = {UINT64_C(0x0064ff9b00000000), 0, 96, PU_SCOPE_GLOBAL};
    static const ip_range six_to_four = {UINT64_C(0x2002000000000000), 0, 16, PU_SCOPE_GLOBAL};
    *ip4 = in_range(&nat64, high, low) ? (uint32_t)low : (uint32_t)(high >> 16);
    return in_range(&nat64, high, low) || in_range(&six_to_four, high, low);
}

enum pu_scope pu_endpoint_scope(const pu_endpoint *endpoint)
{
    PU_ASSERT(endpoint != NULL);
    uint64_t high = load_be64(endpoint->ip), low = load_be64(endpoint->ip + 8);
    uint32_t ip4;
    /* Both RFCs forbid private addresses behind these prefixes: a way around the checks of IPv4. */
    if (embeds_ip4(high, low, &ip4) && scope_of(0, MAPPED(ip4)) != PU_SCOPE_GLOBAL)
        return PU_SCOPE_NONE;
    return scope_of(high, low);
}

bool pu_endpoint_equal(const pu_endpoint *a, const pu_endpoint *b)
{
    PU_ASSERT(a != NULL);
    PU_ASSERT(b != NULL);
    if (a->port != b->port || memcmp(a->ip, b->ip, sizeof a->ip) != 0) return false;
    return a->scope == b->scope || pu_endpoint_scope(a) != PU_SCOPE_LINK;
}

pu_endpoint pu_endpoint_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    pu_endpoint endpoint = {.ip = {[10] = 0xff, 0xff, a, b, c, d}, .port = port};
    PU_ASSERT(ip6_is_mapped(endpoint.ip));
    return endpoint;
}

size_t pu_endpoint_text(const pu_endpoint *endpoint, char out[ENDPOINT_TEXT_MAX])
{
    PU_ASSERT(endpoint != NULL);
    pu_buf text = buf_of(out, ENDPOINT_TEXT_MAX - 1);
    if (ip6_is_mapped(endpoint->ip)) {
        ip4_put(&text, endpoint->ip + 12);
    } else {
        buf_put_u8(&text, '[');
        ip6_put(&text, endpoint->ip);
        if (endpoint->scope != 0) {
            buf_put_u8(&text, '%');
            decimal_put(&text, endpoint->scope);
        }
        buf_put_u8(&text, ']');
    }
    buf_put_u8(&text, ':');
    decimal_put(&text, endpoint->port);
    PU_ASSERT(!text.full);
    out[text.len] = 0;
    return text.len;
}
