/* peerup/trace.h - what a node tells about itself while it works: one record an occurrence, for
 * logs and reports.
 *
 * A trace function must not call the node. Tracing changes nothing a node does and is in no hash.
 */
#ifndef PEERUP_TRACE_H
#define PEERUP_TRACE_H

#include "peerup/base.h"

/* Who speaks; one bit each in pu_env.trace_mask. */
enum pu_trace_area {
    PU_AREA_NODE = 0,
    PU_AREA_CONN,
    PU_AREA_STREAM,
    PU_AREA_DIAL,
    PU_AREA_GATE,
    PU_AREA_LIMIT,
    PU_AREA_IDENTIFY,
    PU_AREA_PING,
    PU_AREA_RELAY,
    PU_AREA_DCUTR,
    PU_AREA_APP,
    PU_AREA_COUNT
};

#define PU_TRACE_ALL ((UINT64_C(1) << PU_AREA_COUNT) - 1)

/* X(code, area, name, meaning; what a and b are) */
#define PU_TRACE_LIST(X)                                                                           \
    X(NODE_START, NODE, "start", "the node began; a: conns_max")                                   \
    X(NODE_STOP, NODE, "stop", "the node hangs up everything")                                     \
    X(NO_MEMORY, NODE, "no-memory", "memory is short, something was shed; a: bytes asked")         \
    X(ADDRESS_UP, NODE, "address-up", "a local address came; text: endpoint")                      \
    X(ADDRESS_DOWN, NODE, "address-down", "a local address went; text: endpoint")                  \
    X(KEPT, NODE, "kept",                                                                          \
      "a record of an earlier run came; a: addresses taken, b: bytes not understood")              \
    X(NOT_STORED, NODE, "not-stored", "the host could not keep a record; a: code")                 \
    X(FAULT, NODE, "fault", "a simulation makes something go wrong; a: which point")               \
    X(CONN_UP, CONN, "conn-up", "a connection is up; a: 1 dialled 0 accepted, b: 1 relayed")       \
    X(CONN_CONFIRMED, CONN, "conn-confirmed",                                                      \
      "the other side accepted it; a: 1 dialled, b: 1 relayed")                                    \
    X(CONN_DOWN, CONN, "conn-down", "a connection ended; a: code, b: lifetime in ns")              \
    X(HANDSHAKE_LATE, CONN, "handshake-late",                                                      \
      "a handshake's deadline passed; a: 1 nobody proven 2 not up 3 not confirmed")                \
    X(CONN_HANGUP, CONN, "conn-hangup", "we end a connection; a: code")                            \
    X(STREAM_RESET, STREAM, "stream-reset", "we reset a stream; a: code; text: protocol")          \
    X(STREAM_REFUSED, STREAM, "stream-refused", "the peer answered na; text: protocol")            \
    X(MALFORMED, STREAM, "malformed",                                                              \
      "the peer sent bytes that no honest peer sends; a: bytes seen; text: protocol")              \
    X(OVERSIZED, STREAM, "oversized",                                                              \
      "the peer announced more than the limit; a: limit; text: protocol")                          \
    X(STREAM_TIMEOUT, STREAM, "stream-timeout", "a stream missed its deadline; text: protocol")    \
    X(DIAL_START, DIAL, "dial-start", "a leg starts; a: token, b: 1 circuit; text: address")       \
    X(DIAL_WON, DIAL, "dial-won", "a leg gave the connection; a: token, b: ns since its start")    \
    X(DIAL_LOST, DIAL, "dial-lost", "a leg was cancelled, another won; a: token")                  \
    X(DIAL_FAILED, DIAL, "dial-failed", "a leg failed; a: token, b: code")                         \
    X(NAME_FOUND, DIAL, "name-found",                                                              \
      "a name was looked up; a: addresses that can be dialled, b: that came")                      \
    X(DIAL_BACKOFF, DIAL, "dial-backoff",                                                          \
      "every leg failed; a: pause in ns, b: failures in a row")                                    \
    X(REFUSED, GATE, "refused",                                                                    \
      "an inbound peer is not authorized; a: 0 accept 1 secured 2 relay")                          \
    X(LIMITED, LIMIT, "limited", "a limit held; a: the limit; text: its name")                     \
    X(IDENTIFIED, IDENTIFY, "identified",                                                          \
      "the peer told what it is; a: protocols, b: addresses; text: agent")                         \
    X(RECORD_REFUSED, IDENTIFY, "record-refused",                                                  \
      "the peer's signed record was ignored; a: 1 malformed 2 another kind 3 another key "         \
      "4 forged 5 names another peer 6 not newer")                                                 \
    X(OBSERVED, IDENTIFY, "observed", "the peer told how it sees us; text: endpoint")              \
    X(PING_RTT, PING, "ping-rtt", "a ping came back; a: ns")                                       \
    X(PING_SERVED, PING, "ping-served", "a peer opened a stream to ping us")                       \
    X(PING_LOST, PING, "ping-lost", "a ping did not come back in time")                            \
    X(RELAY_RESERVED, RELAY, "relay-reserved", "a relay keeps a place for us; a: lifetime in s")   \
    X(RELAY_REFUSED, RELAY, "relay-refused", "a relay refused; a: status")                         \
    X(VOUCHER_REFUSED, RELAY, "voucher-refused",                                                   \
      "a relay's voucher does not hold; a: 1 malformed 2 another kind 3 another key 4 forged "     \
      "5 names another peer 6 expired")                                                            \
    X(RELAY_LOST, RELAY, "relay-lost", "our place at a relay is gone")                             \
    X(RELAY_SERVE, RELAY, "relay-serve",                                                           \
      "as relay: a reservation was given; a: reservations held")                                   \
    X(RELAY_DENY, RELAY, "relay-deny", "as relay: a request was refused; a: status")               \
    X(CIRCUIT_UP, RELAY, "circuit-up", "as relay: a circuit is open; a: circuits open")            \
    X(CIRCUIT_DOWN, RELAY, "circuit-down", "as relay: a circuit ended; a: bytes carried, b: code") \
    X(PUNCH_START, DCUTR, "punch-start",                                                           \
      "a hole punch begins; a: 1 we initiate, b: addresses of the peer")                           \
    X(PUNCH_SYNC, DCUTR, "punch-sync",                                                             \
      "the moment is agreed; a: round, b: rtt through the relay in ns")                            \
    X(PUNCH_SEND, DCUTR, "punch-send", "a punch datagram leaves; a: its number; text: endpoint")   \
    X(PUNCH_OK, DCUTR, "punch-ok",                                                                 \
      "a direct connection came of it; a: rounds, b: ns since it began; text: initiator or "       \
      "responder")                                                                                 \
    X(PUNCH_FAILED, DCUTR, "punch-failed", "no direct connection; a: rounds, b: code")             \
    X(SERVICE_UP, APP, "service-up", "a service is exposed; a: its protocols; text: its name")     \
    X(SERVICE_DOWN, APP, "service-down",                                                           \
      "a service is withdrawn; a: streams open to it; text: its name")                             \
    X(APP_UP, APP, "app-up",                                                                       \
      "an application stream is selected; a: 1 we opened it; text: protocol")                      \
    X(APP_REFUSED, APP, "app-refused",                                                             \
      "a peer's stream to a service was refused; a: 1 it may not 2 a limited connection 3 too "    \
      "many 4 too many of that peer; text: service")                                               \
    X(APP_DOWN, APP, "app-down",                                                                   \
      "an application stream ended; a: code, b: bytes both ways; text: protocol")                  \
    X(RELAY_RESTS, RELAY, "relay-rests",                                                           \
      "a circuit led nowhere, and circuits through other relays come first; a: for s, b: code")    \
    X(CIRCUIT_LIMITS, RELAY, "circuit-limits",                                                     \
      "a circuit of ours is ready, and its relay limits it; a: bytes each way, b: s; 0: not so")   \
    X(CIRCUIT_CUT, RELAY, "circuit-cut",                                                           \
      "as relay: a circuit is at a limit of ours; a: bytes carried, b: enum pu_cut")

/* Which limit of a relay a circuit is at (CIRCUIT_CUT). */
enum pu_cut {
    PU_CUT_BYTES = 1, /* circuit_bytes, one way */
    PU_CUT_TIME = 2   /* circuit_ns */
};

enum pu_trace_code {
    PU_TR_NONE = 0,
#define PU_TRACE_CODE(code, area, name, meaning) PU_TR_##code,
    PU_TRACE_LIST(PU_TRACE_CODE)
#undef PU_TRACE_CODE
        PU_TR_COUNT
};

/* One occurrence. Spans are borrowed during the call. */
typedef struct pu_trace {
    pu_time now; /* of the step it happened in */
    enum pu_trace_code code;
    uint64_t conn, stream; /* ordinals; 0 = none */
    pu_span peer;          /* binary peer id; empty = none */
    uint64_t a, b;         /* as the list says */
    pu_span text; /* UTF-8 or ASCII as the list says, bytes of a peer escaped by whoever prints */
} pu_trace;

/* What the list says of one code. */
typedef struct pu_trace_info {
    const char *name, *meaning;
    enum pu_trace_area area;
} pu_trace_info;

/* Describes code; code must be in the list. */
PU_API const pu_trace_info *pu_trace_describe(enum pu_trace_code code);

#endif
