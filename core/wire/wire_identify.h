/* wire/wire_identify.h - the Identify message (libp2p specs identify/README.md): fields <-> struct,
 * nothing else. */
#ifndef WIRE_IDENTIFY_H
#define WIRE_IDENTIFY_H

#include "base/pb.h"

enum {
    WIRE_IDENTIFY_ADDRS_MAX = 128,     /* listen addresses kept of one message */
    WIRE_IDENTIFY_PROTOCOLS_MAX = 256, /* protocols kept of one message */
};

/* Spans point into the message. Surplus addresses and protocols are dropped, not refused. */
typedef struct wire_identify {
    pu_span public_key;       /* protobuf PublicKey; empty when absent */
    pu_span observed;         /* multiaddr of us as they see it; empty when absent */
    pu_span protocol_version; /* "ipfs/0.1.0" */
    pu_span agent_version;
    pu_span signed_record; /* envelope; empty when absent */
    uint32_t addr_count, protocol_count;
    pu_span addrs[WIRE_IDENTIFY_ADDRS_MAX];
    pu_span protocols[WIRE_IDENTIFY_PROTOCOLS_MAX];
} wire_identify;

/* Reads a message (without its length). False: malformed; m then holds what came before the error.
 * Several messages may be read into one struct that was zeroed before the first: scalars are
 * replaced, repeated fields appended. */
bool wire_identify_read(wire_identify *m, pu_span message);

/* Appends a message without its length. Absent fields are left out. */
void wire_identify_write(pu_buf *out, const wire_identify *m);

#endif
