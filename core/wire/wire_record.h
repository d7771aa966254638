/* wire/wire_record.h - what signed envelopes carry: PeerRecord (libp2p RFC 0003) and
 * ReservationVoucher (relay/circuit-v2.md). Fields <-> struct, nothing else. */
#ifndef WIRE_RECORD_H
#define WIRE_RECORD_H

#include "base/pb.h"

enum { WIRE_RECORD_ADDRS_MAX = 128 /* addresses kept of one record */ };

/* Where a peer says it is. Spans point into the payload; surplus addresses are dropped. */
typedef struct wire_peer_record {
    pu_span peer_id; /* binary */
    uint64_t seq;    /* greater in a newer record of the same peer */
    uint32_t addr_count;
    pu_span addrs[WIRE_RECORD_ADDRS_MAX];
} wire_peer_record;

/* A relay's word that it keeps a place. Spans point into the payload. */
typedef struct wire_voucher {
    pu_span relay, peer; /* binary ids */
    uint64_t expire_s;   /* Unix seconds */
} wire_voucher;

/* Read a payload. False: malformed, or an id is absent. */
bool wire_peer_record_read(wire_peer_record *m, pu_span payload);
bool wire_voucher_read(wire_voucher *m, pu_span payload);

/* Append a payload. seq and expire_s are left out when 0. */
void wire_peer_record_write(pu_buf *out, const wire_peer_record *m);
void wire_voucher_write(pu_buf *out, const wire_voucher *m);

#endif
