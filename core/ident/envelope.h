/* ident/envelope.h - signed envelopes (libp2p RFC 0002): a payload, what kind it is, and who says
 * so.
 *
 * What is signed is domain, payload type and payload, each with its length; the domain is not sent.
 * Only Ed25519 signers in their canonical form can be checked: nobody else gets a connection here.
 */
#ifndef IDENT_ENVELOPE_H
#define IDENT_ENVELOPE_H

#include "base/bytes.h"
#include "peerup/crypto.h"
#include "peerup/ident.h"

enum {
    ENVELOPE_MAX = 8192,      /* bytes of one that is opened */
    ENVELOPE_OVERHEAD = 192,  /* bytes that sealing adds to a payload, at most */
    ENVELOPE_PREFIX_MAX = 128 /* bytes of domain and payload type with their lengths */
};

/* What a payload is. */
typedef struct envelope_kind {
    pu_span domain;
    pu_span payload_type;
} envelope_kind;

/* Peer records exist under two names: go, js and nim use the first; rust, and the text of RFC 0003,
 * the second. */
extern const envelope_kind envelope_peer_record;
extern const envelope_kind envelope_peer_record_legacy;
extern const envelope_kind envelope_voucher; /* circuit relay v2 reservations */

/* Whether a record holds, and why it does not: the envelope's part, and what is left to whoever
 * knows what the record should say. Traces carry these numbers. */
enum record_verdict {
    RECORD_OK = 0,
    RECORD_MALFORMED,  /* the bytes are no envelope, or its payload is no record */
    RECORD_OTHER_KIND, /* the payload type is none of those asked for */
    RECORD_OTHER_KEY,  /* the signer's key is not a canonical Ed25519 one */
    RECORD_FORGED,     /* the signature does not hold */
    RECORD_NOT_THEIRS, /* signer or record name somebody else */
    RECORD_STALE       /* not newer than the last one, or expired */
};

/* Opens an envelope of one of count kinds and sets *signer and *payload, which points into bytes.
 * Both are untouched unless the verdict is RECORD_OK. */
enum record_verdict envelope_open(pu_peer_id *signer, pu_span *payload, const pu_crypto *crypto,
                                  pu_span bytes, const envelope_kind *const *kinds, size_t count);

/* Appends payload (at most ENVELOPE_MAX - ENVELOPE_OVERHEAD bytes), signed with crypto's key. */
void envelope_seal(pu_buf *out, const pu_crypto *crypto, const envelope_kind *kind,
                   pu_span payload);

#endif
