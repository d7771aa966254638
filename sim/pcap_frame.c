/* Headers for captures, see pcap_frame.h. Sources: RFC 791, 8200, 768, 9293, 7323, 792,
 * 4443. */
#include "sim/pcap_frame.h"

#include "sim/tcp_model/tcp_model.h"

enum {
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    UDP_BYTES = 8,
    TCP_BYTES = 20,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ICMP = 1,
    PROTO_ICMPV6 = 58,
    ICMP_BYTES = 8,
    ICMPV4_UNREACHABLE = 3, /* type, and its code */
    ICMPV4_PORT = 3,
    ICMPV6_UNREACHABLE = 1,
    ICMPV6_PROHIBITED = 1, /* what a firewall says of TCP: RFC 6092 REC-34 */
    ICMPV6_PORT = 4,
    QUOTED_MAX = IPV6_BYTES + TCP_BYTES + 8 + NET_QUOTE_MAX,
    TTL = 64,
    WINDOW_SHIFT = 8 /* the window scale option of every SYN */
};

/* The one's complement sum of 16-bit words, on top of sum. */
static uint32_t sum_words(uint32_t sum, const uint8_t *p, size_t len)
{
    for (; len > 1; p += 2, len -= 2) sum += load_be16(p);
    return len == 1 ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0) sum = (sum & 0xffffu) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_ip(pu_buf *out, const pu_endpoint *from, const pu_endpoint *to, uint8_t proto,
                   size_t payload)
{
    uint8_t head[IPV6_BYTES] = {0};
    if (!net_is_six(from) && !net_is_six(to)) {
        head[0] = 0x45;
        store_be16(head + 2, (uint16_t)(IPV4_BYTES + payload));
        head[8] = TTL;
        head[9] = proto;
        memcpy(head + 12, from->ip + 12, 4);
        memcpy(head + 16, to->ip + 12, 4);
        store_be16(head + 10, fold(sum_words(0, head, IPV4_BYTES)));
        buf_put(out, head, IPV4_BYTES);
        return;
    }
    head[0] = 0x60;
    store_be16(head + 4, (uint16_t)payload);
    head[6] = proto;
    head[7] = TTL;
    memcpy(head + 8, from->ip, 16);
    memcpy(head + 24, to->ip, 16);
    buf_put(out, head, IPV6_BYTES);
}

/* Of the pseudo header. The mapped form of IPv4 addresses would add the same to every sum. */
static uint32_t pseudo(const pu_endpoint *from, const pu_endpoint *to, uint8_t proto,
                       size_t payload)
{
    bool v4 = !net_is_six(from) && !net_is_six(to);
    size_t skip = v4 ? 12 : 0;
    uint32_t sum = sum_words(0, from->ip + skip, 16 - skip);
    return sum_words(sum, to->ip + skip, 16 - skip) + proto + (uint32_t)payload;
}

static void put_udp(pu_buf *out, const pu_endpoint *from, const pu_endpoint *to, pu_span bytes)
{
    uint8_t head[UDP_BYTES];
    size_t payload = UDP_BYTES + bytes.len;
    store_be16(head, from->port);
    store_be16(head + 2, to->port);
    store_be16(head + 4, (uint16_t)payload);
    store_be16(head + 6, 0);
    uint32_t sum = sum_words(pseudo(from, to, PROTO_UDP, payload), head, UDP_BYTES);
    uint16_t checksum = fold(sum_words(sum, bytes.base, bytes.len));
    store_be16(head + 6, checksum != 0 ? checksum : 0xffff);
    put_ip(out, from, to, PROTO_UDP, payload);
    buf_put(out, head, UDP_BYTES);
    buf_put_span(out, bytes);
}

static size_t put_options(uint8_t *at, bool is_syn)
{
    if (!is_syn) return 0;
    static const uint8_t options[] = {2, 4, TCP_MSS >> 8, TCP_MSS & 0xff, 1, 3, 3, WINDOW_SHIFT};
    memcpy(at, options, sizeof options);
    return sizeof options;
}

static void put_tcp(pu_buf *out, const pu_endpoint *from, const pu_endpoint *to,
                    enum net_carriage carriage, bool is_segment, pu_span bytes)
{
    tcp_segment s;
    if (!is_segment || !tcp_segment_read(&s, bytes))
        s = (tcp_segment){.flags = carriage == NET_TCP_SYN ? TCP_SYN : TCP_ACK, .body = bytes};
    if (carriage == NET_TCP_RESET) /* what it carries is the SYN that it answers */
        s = (tcp_segment){.flags = TCP_RST | TCP_ACK, .ack = s.seq + 1};
    bool is_syn = (s.flags & TCP_SYN) != 0;
    uint8_t head[TCP_BYTES + 8] = {0};
    size_t len = TCP_BYTES + put_options(head + TCP_BYTES, is_syn);
    uint32_t window = is_syn ? s.window : s.window >> WINDOW_SHIFT;
    store_be16(head, from->port);
    store_be16(head + 2, to->port);
    store_be32(head + 4, s.seq);
    store_be32(head + 8, s.ack);
    head[12] = (uint8_t)(len / 4 << 4);
    head[13] = s.flags;
    store_be16(head + 14, (uint16_t)(window < 0xffff ? window : 0xffff));
    size_t payload = len + s.body.len;
    uint32_t sum = sum_words(pseudo(from, to, PROTO_TCP, payload), head, len);
    store_be16(head + 16, fold(sum_words(sum, s.body.base, s.body.len)));
    put_ip(out, from, to, PROTO_TCP, payload);
    buf_put(out, head, len);
    buf_put_span(out, s.body);
}

/* Port unreachable, or what a firewall says, with as much of what it refuses as the network kept.
 * from: whom that was sent to.
 */
static void put_error(pu_buf *out, const pu_endpoint *from, const pu_endpoint *to,
                      enum net_carriage carriage, bool is_segment, pu_span bytes)
{
    uint8_t head[ICMP_BYTES] = {ICMPV4_UNREACHABLE, ICMPV4_PORT}, quoted[QUOTED_MAX];
    bool v4 = !net_is_six(from) && !net_is_six(to);
    uint8_t proto = v4 ? PROTO_ICMP : PROTO_ICMPV6;
    pu_buf quote = buf_of(quoted, sizeof quoted);
    if (carriage == NET_UDP_UNREACHABLE) put_udp(&quote, to, from, bytes);
    else put_tcp(&quote, to, from, NET_TCP_SYN, is_segment, bytes);
    PU_ASSERT(!quote.full);
    size_t payload = ICMP_BYTES + quote.len;
    uint32_t sum = 0;
    if (!v4) {
        head[0] = ICMPV6_UNREACHABLE;
        head[1] = carriage == NET_TCP_UNREACHABLE ? ICMPV6_PROHIBITED : ICMPV6_PORT;
        sum = pseudo(from, to, proto, payload);
    }
    sum = sum_words(sum, head, ICMP_BYTES);
    store_be16(head + 2, fold(sum_words(sum, quoted, quote.len)));
    put_ip(out, from, to, proto, payload);
    buf_put(out, head, ICMP_BYTES);
    buf_put(out, quoted, quote.len);
}

void pcap_frame(pu_buf *out, const pu_endpoint *from, const pu_endpoint *to,
                enum net_carriage carriage, bool is_segment, pu_span bytes)
{
    if (carriage == NET_TCP_UNREACHABLE || carriage == NET_UDP_UNREACHABLE)
        put_error(out, from, to, carriage, is_segment, bytes);
    else if (carriage == NET_UDP) put_udp(out, from, to, bytes);
    else put_tcp(out, from, to, carriage, is_segment, bytes);
    PU_ASSERT(!out->full);
}
