/* peerup/config.h - every parameter of a node: name, default, range, unit and meaning, in one list.
 *
 * Kinds: COUNT (a number of things), BYTES, NS (a duration in nanoseconds; in text with a unit:
 * "15s", "250ms"), SWITCH (0 or 1). Defaults are those of go-libp2p where the field agrees,
 * otherwise of the Go peerup.
 */
#ifndef PEERUP_CONFIG_H
#define PEERUP_CONFIG_H

#include "peerup/base.h"

/* X(kind, name, default, least, most, meaning) */
#define PU_CONFIG_LIST(X)                                                                          \
    X(SWITCH, gating, 1, 0, 1, "refuse inbound peers that no authorized_keys line names")          \
    X(SWITCH, relay_server, 0, 0, 1, "serve circuit relay v2 reservations and circuits")           \
    X(SWITCH, dcutr, 1, 0, 1, "try to replace relayed connections by direct ones (DCUtR)")         \
    X(SWITCH, faults, 0, 0, 1, "simulations only: rare failures become likely")                    \
    X(COUNT, conns_max, 256, 1, 65536, "connections in all")                                       \
    X(COUNT, conns_per_peer_max, 8, 1, 64, "connections with one peer, both directions")           \
    X(COUNT, conns_per_ip_max, 8, 1, 65536,                                                        \
      "inbound connections from one IPv4 address or IPv6 /64")                                     \
    X(COUNT, conns_per_block_max, 1024, 1, 65536,                                                  \
      "inbound connections from one IPv4 /16 or IPv6 /32; holds where conns_max is larger")        \
    X(COUNT, handshakes_max, 64, 1, 65536, "inbound handshakes under way")                         \
    X(COUNT, handshakes_per_block_max, 32, 1, 65536, "the same from one IPv4 /16 or IPv6 /32")     \
    X(COUNT, streams_max, 4096, 1, 1048576, "streams in all, circuits included")                   \
    X(COUNT, streams_selecting_max, 1024, 1, 1048576,                                              \
      "streams of peers that have not agreed on a protocol")                                       \
    X(COUNT, streams_per_protocol_max, 2048, 1, 1048576,                                           \
      "streams of one protocol, those of all applications together")                               \
    X(COUNT, streams_per_peer_max, 1024, 1, 1048576, "streams with one peer, all its connections") \
    X(COUNT, streams_per_conn_max, 512, 1, 65535,                                                  \
      "streams that one connection's peer may have open")                                          \
    X(COUNT, authorized_max, 4096, 1, 65536, "authorized peers")                                   \
    X(COUNT, book_peers_max, 1024, 1, 65536, "peers whose addresses are remembered")               \
    X(COUNT, book_addrs_max, 16, 1, 64, "addresses remembered for one peer")                       \
    X(NS, book_ns, 3600 * PU_S, PU_S, 7 * 86400 * PU_S,                                            \
      "how long an address that a peer told outlives the last connection with it")                 \
    X(COUNT, wanted_max, 256, 1, 65536, "peers we keep or seek a connection to")                   \
    X(COUNT, relays_max, 8, 0, 32, "our own relays")                                               \
    X(COUNT, dial_legs_max, 8, 1, 64, "addresses of one peer dialled at once")                     \
    X(NS, dial_ns, 15 * PU_S, PU_S, 300 * PU_S, "deadline of one dial")                            \
    X(NS, dial_local_ns, 5 * PU_S, PU_S, 300 * PU_S,                                               \
      "deadline of one dial to a private or loopback address")                                     \
    X(NS, dial_stagger_ns, 250 * PU_MS, 10 * PU_MS, 10 * PU_S,                                     \
      "pause between the starts of two dials to a peer")                                           \
    X(NS, dial_relay_delay_ns, 500 * PU_MS, 0, 10 * PU_S,                                          \
      "head start of direct addresses over circuits")                                              \
    X(NS, resolve_ns, 10 * PU_S, PU_S, 60 * PU_S,                                                  \
      "deadline of looking up a name of an address, and all names behind it")                      \
    X(NS, resolve_keep_ns, 300 * PU_S, PU_S, 86400 * PU_S,                                         \
      "how long at most what was found is used again")                                             \
    X(NS, backoff_least_ns, 1 * PU_S, 10 * PU_MS, 60 * PU_S,                                       \
      "first pause after all dials to a peer failed; doubles; each is up to a quarter longer or "  \
      "shorter by chance")                                                                         \
    X(NS, backoff_most_ns, 60 * PU_S, PU_S, 3600 * PU_S,                                           \
      "longest such pause, before chance makes it up to a quarter longer or shorter")              \
    X(NS, handshake_ns, 10 * PU_S, PU_S, 60 * PU_S, "deadline of an inbound handshake")            \
    X(NS, idle_ns, 30 * PU_S, PU_S, 600 * PU_S, "a connection that is silent so long is lost")     \
    X(NS, keep_alive_ns, 10 * PU_S, PU_S, 600 * PU_S,                                              \
      "silence after which a connection sends a keep-alive")                                       \
    X(NS, hangup_ns, 1 * PU_S, 0, 60 * PU_S,                                                       \
      "how long a hang-up waits for what was sent before it")                                      \
    X(NS, spare_ns, 10 * PU_S, 100 * PU_MS, 600 * PU_S,                                            \
      "how long a connection outlives the better one with its peer")                               \
    X(NS, select_ns, 10 * PU_S, PU_S, 60 * PU_S, "deadline of multistream-select on a stream")     \
    X(BYTES, stream_window_bytes, 16384, 4096, 65536,                                              \
      "room granted ahead on a stream that carries messages")                                      \
    X(BYTES, stream_pending_bytes, 16384, 4096, 65536,                                             \
      "bytes that may wait in a stream, each direction")                                           \
    X(BYTES, waiting_bytes, UINT64_C(64) << 20, 65536, UINT64_C(1) << 31,                          \
      "bytes that may wait in all streams")                                                        \
    X(BYTES, waiting_selecting_bytes, UINT64_C(4) << 20, 16384, UINT64_C(1) << 31,                 \
      "the same, in streams of peers that have not agreed on a protocol")                          \
    X(BYTES, waiting_protocol_bytes, UINT64_C(32) << 20, 65536, UINT64_C(1) << 31,                 \
      "the same, in streams of one protocol")                                                      \
    X(BYTES, waiting_peer_bytes, UINT64_C(8) << 20, 65536, UINT64_C(1) << 31,                      \
      "the same, in streams with one peer")                                                        \
    X(BYTES, waiting_conn_bytes, UINT64_C(4) << 20, 65536, UINT64_C(1) << 31,                      \
      "the same, in streams of one connection")                                                    \
    X(NS, identify_ns, 5 * PU_S, PU_S, 60 * PU_S, "deadline of an identify exchange")              \
    X(NS, identify_push_ns, 5 * PU_S, 100 * PU_MS, 3600 * PU_S,                                    \
      "least pause between two identify pushes: ours, and one connection's after a burst of ten")  \
    X(NS, ping_interval_ns, 15 * PU_S, PU_S, 3600 * PU_S,                                          \
      "pause between pings on a connection we dialled")                                            \
    X(NS, ping_ns, 10 * PU_S, PU_S, 60 * PU_S,                                                     \
      "deadline of a ping; a connection that misses it is hung up")                                \
    X(COUNT, reservations_max, 128, 1, 65536, "relay: reservations in all")                        \
    X(COUNT, reservations_per_ip_max, 8, 1, 65536,                                                 \
      "relay: reservations from one IPv4 address or IPv6 /64")                                     \
    X(COUNT, circuits_per_peer_max, 16, 1, 256, "relay: circuits that one peer may have")          \
    X(NS, reservation_ns, 3600 * PU_S, 60 * PU_S, 86400 * PU_S, "relay: life of a reservation")    \
    X(NS, circuit_ns, 120 * PU_S, PU_S, 86400 * PU_S, "relay: life of a circuit")                  \
    X(BYTES, circuit_bytes, 131072, 1024, UINT64_C(1) << 40,                                       \
      "relay: bytes a circuit carries in each direction")                                          \
    X(NS, relay_ns, 30 * PU_S, PU_S, 60 * PU_S, "deadline of a reservation or circuit request")    \
    X(NS, dcutr_ns, 60 * PU_S, PU_S, 300 * PU_S, "deadline of a DCUtR exchange")                   \
    X(COUNT, dcutr_rounds, 3, 1, 10, "hole punch rounds of one attempt")                           \
    X(NS, dcutr_round_ns, 10 * PU_S, PU_S, 60 * PU_S, "deadline of one round's direct connection") \
    X(NS, dcutr_retry_ns, 30 * PU_S, PU_S, 3600 * PU_S,                                            \
      "pause after an attempt whose rounds all failed; doubles")                                   \
    X(NS, dcutr_retry_most_ns, 900 * PU_S, PU_S, 86400 * PU_S, "longest such pause")               \
    X(COUNT, punch_datagrams, 10, 1, 100, "punch datagrams to one address in a round")             \
    X(NS, punch_gap_least_ns, 10 * PU_MS, PU_MS, PU_S,                                             \
      "shortest pause between two punch datagrams")                                                \
    X(COUNT, services_max, 64, 0, 1024, "services exposed")                                        \
    X(COUNT, service_streams_max, 1024, 1, 1048576,                                                \
      "streams open to a service that names no limit of its own")                                  \
    X(COUNT, service_streams_per_peer_max, 128, 1, 1048576, "the same, of one peer")               \
    X(NS, app_open_ns, 30 * PU_S, PU_S, 3600 * PU_S,                                               \
      "deadline of an application's OPEN that names none: connecting and selecting")               \
    X(NS, app_accept_ns, 10 * PU_S, PU_S, 60 * PU_S,                                               \
      "deadline of an application that a stream is offered to")                                    \
    X(NS, punch_gap_most_ns, 200 * PU_MS, PU_MS, PU_S,                                             \
      "longest pause between two punch datagrams")                                                 \
    X(BYTES, link_send_bytes, 65536, 16384, UINT64_C(1) << 24,                                     \
      "bytes of a stream that may wait to be sent or acknowledged")                                \
    X(BYTES, link_windows_bytes, UINT64_C(1) << 26, UINT64_C(1) << 20, UINT64_C(1) << 34,          \
      "sum that the receive windows of one peer's streams may grow to, all its connections, and "  \
      "bytes of them that may wait for whoever reads")                                             \
    X(BYTES, link_waiting_bytes, UINT64_C(1) << 28, UINT64_C(1) << 20, UINT64_C(1) << 38,          \
      "the same bytes, of all peers")                                                              \
    X(COUNT, yamux_controls_max, 1024, 16, 65536,                                                  \
      "Yamux control frames that wait in a connection before it stops reading")                    \
    X(COUNT, yamux_unacked_max, 256, 1, 65536,                                                     \
      "streams opened on a Yamux connection that the peer has not acknowledged")                   \
    X(BYTES, yamux_window_most_bytes, UINT64_C(1) << 24, 262144, UINT64_C(1) << 30,                \
      "receive window that a Yamux stream may grow to; the protocol begins at 256 KiB")            \
    X(NS, yamux_keep_alive_ns, 30 * PU_S, PU_S, 600 * PU_S, "pause between two Yamux pings")       \
    X(NS, yamux_progress_ns, 10 * PU_S, PU_S, 600 * PU_S,                                          \
      "a Yamux connection that has bytes to write and writes none for so long is lost")            \
    X(BYTES, quic_window_bytes, UINT64_C(1) << 20, 65536, UINT64_C(1) << 30,                       \
      "first receive window of a QUIC stream")                                                     \
    X(BYTES, quic_window_most_bytes, UINT64_C(1) << 24, 65536, UINT64_C(1) << 30,                  \
      "receive window that a QUIC stream may grow to")                                             \
    X(BYTES, quic_conn_window_bytes, UINT64_C(2) << 20, 65536, UINT64_C(1) << 30,                  \
      "first receive window of a QUIC connection, all its streams")                                \
    X(BYTES, quic_conn_window_most_bytes, UINT64_C(24) << 20, 65536, UINT64_C(1) << 30,            \
      "receive window that a QUIC connection may grow to")                                         \
    X(BYTES, quic_send_most_bytes, UINT64_C(1) << 24, 65536, UINT64_C(1) << 30,                    \
      "bytes of a QUIC connection that may wait to be sent or acknowledged, beyond "               \
      "link_send_bytes "                                                                           \
      "a stream")                                                                                  \
    X(SWITCH, quic_pmtud, 1, 0, 1, "find out how long datagrams may be (RFC 9000 14.3)")           \
    X(COUNT, quic_retry_handshakes, 16, 0, 65536,                                                  \
      "inbound QUIC handshakes under way from which on a client must prove its address (Retry)")

/* One field a parameter, in the list's order; the unit is in the list. */
typedef struct pu_config {
#define PU_CONFIG_FIELD(kind, name, value, least, most, meaning) uint64_t name;
    PU_CONFIG_LIST(PU_CONFIG_FIELD)
#undef PU_CONFIG_FIELD
} pu_config;

enum pu_config_kind { PU_CONFIG_SWITCH = 1, PU_CONFIG_COUNT, PU_CONFIG_BYTES, PU_CONFIG_NS };

/* What the list says of one parameter. */
typedef struct pu_config_info {
    const char *name;
    enum pu_config_kind kind;
    uint64_t value, least, most; /* default and range */
    const char *meaning;
    size_t offset; /* of the field in pu_config */
} pu_config_info;

/* Sets every parameter to its default. */
PU_API void pu_config_default(pu_config *config);

/* The index-th parameter, or NULL past the end. */
PU_API const pu_config_info *pu_config_at(size_t index);

/* The parameter called name, or NULL. */
PU_API const pu_config_info *pu_config_find(pu_span name);

/* Sets one parameter. PU_ERANGE: no such name, or value is outside its range. */
PU_API PU_MUST_USE int pu_config_set(pu_config *config, pu_span name, uint64_t value);

/* The value of the parameter that info describes. */
PU_API uint64_t pu_config_get(const pu_config *config, const pu_config_info *info);

#endif
