/* wire/wire_dcutr.h - the HolePunch message (libp2p specs relay/DCUtR.md). */
#ifndef WIRE_DCUTR_H
#define WIRE_DCUTR_H

#include "base/pb.h"

enum { WIRE_DCUTR_MESSAGE_MAX = 4096, WIRE_DCUTR_ADDRS_MAX = 16 };
enum wire_dcutr_type { WIRE_DCUTR_CONNECT = 100, WIRE_DCUTR_SYNC = 300 };

/* Spans point into the message; surplus addresses are dropped. */
typedef struct wire_dcutr {
    uint64_t type; /* enum wire_dcutr_type */
    uint32_t addr_count;
    pu_span addrs[WIRE_DCUTR_ADDRS_MAX];
} wire_dcutr;

/* Reads a message without its length. False: malformed, type absent or unknown. */
bool wire_dcutr_read(wire_dcutr *m, pu_span message);

/* Appends a message framed with its length. */
void wire_dcutr_write(pu_buf *out, const wire_dcutr *m);

#endif
