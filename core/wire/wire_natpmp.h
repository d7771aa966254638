/* wire/wire_natpmp.h - messages of the NAT Port Mapping Protocol (RFC 6886 section 3). */
#ifndef WIRE_NATPMP_H
#define WIRE_NATPMP_H

#include "base/bytes.h"

enum {
    WIRE_NATPMP_PORT = 5351, /* where gateways listen, for this and for PCP */
    WIRE_NATPMP_VERSION = 0,
    WIRE_NATPMP_MAX = 16 /* bytes of the longest message */
};

enum wire_natpmp_op { WIRE_NATPMP_ADDRESS = 0, WIRE_NATPMP_MAP_UDP, WIRE_NATPMP_MAP_TCP };

/* Section 3.5; others are refusals too. */
enum wire_natpmp_result {
    WIRE_NATPMP_OK = 0,
    WIRE_NATPMP_BAD_VERSION,
    WIRE_NATPMP_REFUSED,
    WIRE_NATPMP_NO_NETWORK, /* the gateway has no external address itself */
    WIRE_NATPMP_NO_RESOURCES,
    WIRE_NATPMP_BAD_OP
};

/* Fields that a message does not carry are 0. */
typedef struct wire_natpmp {
    uint8_t op; /* enum wire_natpmp_op; another one in requests and refusals only */
    bool is_response;
    uint16_t result;                       /* responses */
    uint32_t epoch_s;                      /* responses: since the gateway lost its mappings last */
    uint8_t external_ip[4];                /* response to ADDRESS */
    uint16_t internal_port, external_port; /* MAP; a request suggests the external one, 0: any */
    uint32_t lifetime_s;                   /* MAP; 0: ends the mapping */
} wire_natpmp;

/* Reads a datagram. False: not version 0, too short for what it says it is, or an answer that
 * grants what is unknown. Bytes behind the message are passed over. */
bool wire_natpmp_read(wire_natpmp *m, pu_span datagram);

/* Appends m. A refusal of an op that is not known has no more than its head. */
void wire_natpmp_write(pu_buf *out, const wire_natpmp *m);

#endif
