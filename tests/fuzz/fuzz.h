/* tests/fuzz/fuzz.h - the fuzz targets: functions that take any bytes, and break an assertion when
 * something is wrong.
 *
 * Each becomes a libFuzzer program (`make fuzz`, clang) and is part of one plain program that
 * replays tests/fuzz/corpus/NAME (`make test`, any compiler). docs/fuzzing.md says more.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/bytes.h"

/* X(name): void fuzz_name(pu_span bytes); the Makefile has the same list. */
#define FUZZ_TARGETS(X) \
    X(varint)           \
    X(protobuf)         \
    X(identify)         \
    X(hop)              \
    X(stop)             \
    X(dcutr)            \
    X(peer_record)      \
    X(natpmp)           \
    X(pcp)              \
    X(http)             \
    X(xml)              \
    X(url)              \
    X(ssdp)             \
    X(igd)              \
    X(igd_call)         \
    X(service)          \
    X(envelope)         \
    X(voucher)          \
    X(identity_key)     \
    X(der)              \
    X(certificate)      \
    X(noise)            \
    X(noise_frame)      \
    X(yamux_frame)      \
    X(select_dialer)    \
    X(select_listener)  \
    X(peer_text)        \
    X(peer_bytes)       \
    X(maddr_bytes)      \
    X(maddr_text)       \
    X(addr)             \
    X(authorized_keys)  \
    X(multibase)        \
    X(decimal)          \
    X(ip_text)          \
    X(time_text)        \
    X(command)          \
    X(recording)        \
    X(replay)           \
    X(scenario)         \
    X(matrix)           \
    X(profiles)         \
    X(lengths)          \
    X(yaml)             \
    X(set)              \
    X(quantity)         \
    X(suggest)          \
    X(options)          \
    X(cli)              \
    X(repro)            \
    X(page)             \
    X(database)         \
    X(config)           \
    X(key_file)         \
    X(auth_file)        \
    X(control)          \
    X(store_name)       \
    X(host_port)        \
    X(packet)           \
    X(datagram)         \
    X(mux_shake)        \
    X(yamux)            \
    X(quic_datagrams)   \
    X(quic_frames)      \
    X(quic_lives)       \
    X(node)             \
    X(nodes)            \
    X(link)             \
    X(links)

#define FUZZ_DECLARE(name) void fuzz_##name(pu_span bytes);
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

/* Takes one byte off the front; 0 at the end. */
static inline uint8_t fuzz_u8(pu_span *bytes)
{
    if (bytes->len == 0) return 0;
    uint8_t value = bytes->base[0];
    *bytes = span_skip(*bytes, 1);
    return value;
}

/* Takes two bytes off the front. */
static inline uint32_t fuzz_u16(pu_span *bytes)
{
    uint32_t high = fuzz_u8(bytes);
    return high << 8 | fuzz_u8(bytes);
}

/* Takes up to len bytes off the front. */
static inline pu_span fuzz_span(pu_span *bytes, size_t len)
{
    pu_span taken = span_head(*bytes, len < bytes->len ? len : bytes->len);
    *bytes = span_skip(*bytes, taken.len);
    return taken;
}

#endif
