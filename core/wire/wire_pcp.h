/* wire/wire_pcp.h - messages of the Port Control Protocol (RFC 6887 sections 7, 11, 13, 14): MAP
 * and ANNOUNCE; of another opcode the head alone.
 */
#ifndef WIRE_PCP_H
#define WIRE_PCP_H

#include "base/bytes.h"

enum {
    WIRE_PCP_VERSION = 2,
    WIRE_PCP_DATAGRAM_MAX = 1100, /* bytes of a datagram; longer ones are refused (section 7) */
    WIRE_PCP_WRITTEN_MAX = 64,    /* of what wire_pcp_write makes */
    WIRE_PCP_NONCE_BYTES = 12
};

enum wire_pcp_op { WIRE_PCP_ANNOUNCE = 0, WIRE_PCP_MAP = 1 };

/* Section 7.4. */
enum wire_pcp_result {
    WIRE_PCP_OK = 0,
    WIRE_PCP_UNSUPP_VERSION,
    WIRE_PCP_NOT_AUTHORIZED,
    WIRE_PCP_MALFORMED_REQUEST,
    WIRE_PCP_UNSUPP_OPCODE,
    WIRE_PCP_UNSUPP_OPTION,
    WIRE_PCP_MALFORMED_OPTION,
    WIRE_PCP_NETWORK_FAILURE,
    WIRE_PCP_NO_RESOURCES,
    WIRE_PCP_UNSUPP_PROTOCOL,
    WIRE_PCP_USER_EX_QUOTA,
    WIRE_PCP_CANNOT_PROVIDE_EXTERNAL,
    WIRE_PCP_ADDRESS_MISMATCH,
    WIRE_PCP_EXCESSIVE_REMOTE_PEERS
};

/* Fields that a message does not carry are 0. Addresses are 16 bytes, IPv4 in its mapped form. */
typedef struct wire_pcp {
    uint8_t op; /* enum wire_pcp_op */
    bool is_response;
    uint8_t result;      /* responses: enum wire_pcp_result */
    uint32_t lifetime_s; /* 0 in a MAP request: ends the mapping; in a refusal: do not ask before */
    uint32_t epoch_s;    /* responses */
    uint8_t client_ip[16]; /* requests: the sender's own address, as it sees it */
    /* MAP: */
    uint8_t nonce[WIRE_PCP_NONCE_BYTES];
    uint8_t protocol;                      /* of IP: 6, 17; 0: all */
    uint16_t internal_port, external_port; /* a request suggests the external endpoint */
    uint8_t external_ip[16];
    bool prefers_failure;    /* option PREFER_FAILURE: that endpoint, or none */
    bool has_unknown_option; /* one that must be understood */
} wire_pcp;

/* Reads a datagram. False: not version 2, longer than WIRE_PCP_DATAGRAM_MAX, no multiple of 4
 * bytes, shorter than what it says it is, or an option that goes over its end. */
bool wire_pcp_read(wire_pcp *m, pu_span datagram);

/* Appends m, of a known op; has_unknown_option is not written. */
void wire_pcp_write(pu_buf *out, const wire_pcp *m);

#endif
