/* proto/relay/voucher.h - a relay's signed word that it keeps a place for somebody
 * (relay/circuit-v2.md, "Reservation Vouchers"). Private to this folder. */
#ifndef PROTO_RELAY_VOUCHER_H
#define PROTO_RELAY_VOUCHER_H

#include "ident/envelope.h"
#include "node/ctx.h"

enum { VOUCHER_MAX = 320 /* bytes of one that we sign: two ids, a time and the envelope */ };

/* As relay: appends the voucher of a place for peer until expire_s (Unix time). */
void voucher_seal(const pu_node *n, pu_buf *out, pu_peer peer, uint64_t expire_s);

/* As client: whether the bytes are relay's word about us, and still hold. They came with a place
 * until expire_s; when our clock says that this is over, it is wrong, and the place is the measure.
 */
enum record_verdict voucher_check(const pu_node *n, pu_span bytes, pu_peer relay,
                                  uint64_t expire_s);

#endif
