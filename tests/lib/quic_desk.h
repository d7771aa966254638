/* tests/lib/quic_desk.h - one host of a rig and a peer of it that need not keep the rules
 * (quic_raw.h), with an identity and a key for certificates that it may show.
 */
#ifndef TESTS_LIB_QUIC_DESK_H
#define TESTS_LIB_QUIC_DESK_H

#include "tests/lib/cert_forge.h"
#include "tests/lib/quic_raw.h"

typedef struct desk {
    rig *w;
    rig_host *h;
    raw r;
    pu_crypto crypto; /* of the peer's identity */
    pu_crypto_real real;
    pu_peer_id id;        /* the same */
    gnutls_privkey_t key; /* of its certificates */
    uint8_t der[FORGE_CERT_MAX];
} desk;

/* Makes rig, host and peer; nothing is sent. change: as for rig_add. key: of the peer's
 * certificates, given to the desk; NULL: one is made. */
void desk_open(desk *d, void (*change)(rig_host *h), gnutls_privkey_t key);
void desk_close(desk *d);

/* The peer shows a certificate for its identity; changes, but for whose it is, may bend it (NULL:
 * a good one). */
void desk_certify(desk *d, const forge *changes);

/* The host dials the peer. */
void desk_call(desk *d);

#endif
