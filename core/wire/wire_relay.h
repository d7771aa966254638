/* wire/wire_relay.h - circuit relay v2 messages (libp2p specs relay/circuit-v2.md). */
#ifndef WIRE_RELAY_H
#define WIRE_RELAY_H

#include "base/pb.h"

enum { WIRE_RELAY_MESSAGE_MAX = 4096, WIRE_RELAY_ADDRS_MAX = 16 };

enum wire_hop_type { WIRE_HOP_RESERVE = 0, WIRE_HOP_CONNECT = 1, WIRE_HOP_STATUS = 2 };
enum wire_stop_type { WIRE_STOP_CONNECT = 0, WIRE_STOP_STATUS = 1 };

enum wire_relay_status {
    WIRE_RELAY_UNUSED = 0,
    WIRE_RELAY_OK = 100,
    WIRE_RELAY_RESERVATION_REFUSED = 200,
    WIRE_RELAY_RESOURCE_LIMIT_EXCEEDED = 201,
    WIRE_RELAY_PERMISSION_DENIED = 202,
    WIRE_RELAY_CONNECTION_FAILED = 203,
    WIRE_RELAY_NO_RESERVATION = 204,
    WIRE_RELAY_MALFORMED_MESSAGE = 400,
    WIRE_RELAY_UNEXPECTED_MESSAGE = 401
};

/* HopMessage and StopMessage in one: StopMessage has no reservation. Spans point into the message.
 */
typedef struct wire_relay {
    uint64_t type;   /* enum wire_hop_type or wire_stop_type; has_type says whether it was there */
    uint64_t status; /* enum wire_relay_status; has_status */
    uint64_t expire_s;         /* reservation: Unix seconds */
    uint64_t limit_duration_s; /* 0 = none */
    uint64_t limit_data_bytes; /* 0 = none */
    pu_span peer_id;           /* of field peer; empty when absent */
    pu_span voucher;           /* envelope; empty when absent */
    bool has_type, has_status, has_reservation, has_limit;
    uint32_t addr_count; /* of the reservation */
    pu_span addrs[WIRE_RELAY_ADDRS_MAX];
} wire_relay;

/* Read a message without its length. False: malformed, or type is absent. */
bool wire_hop_read(wire_relay *m, pu_span message);
bool wire_stop_read(wire_relay *m, pu_span message);

/* Append a message framed with its length. type is always written; fields that are absent are left
 * out. */
void wire_hop_write(pu_buf *out, const wire_relay *m);
void wire_stop_write(pu_buf *out, const wire_relay *m);

#endif
