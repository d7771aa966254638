/* tests/lib/cert_forge.h - certificates as anybody could send them: each part as the test wants it,
 * signed so that only what was changed is wrong. */
#ifndef TESTS_LIB_CERT_FORGE_H
#define TESTS_LIB_CERT_FORGE_H

#include "base/bytes.h"
#include "peerup/crypto.h"
#include "peerup/ident.h"

#include <gnutls/abstract.h>

enum { FORGE_CERT_MAX = 65536 };

/* One extension that is put beside, or instead of, the libp2p one. */
typedef struct forge_extension {
    const char *oid; /* DER, without tag and length; NULL: none */
    size_t oid_len;
    bool is_critical;
    pu_span content;
} forge_extension;

/* What to make. Zero in all but crypto and keys is a good certificate. */
typedef struct forge {
    const pu_crypto *crypto;    /* the identity that signs */
    gnutls_privkey_t key;       /* the certificate's */
    gnutls_privkey_t signed_by; /* NULL: key */
    const char *from, *until;   /* texts of the times; NULL: 2020 and 4096 */
    const char *algorithm;      /* DER of the AlgorithmIdentifier's content; NULL: ECDSA-SHA256 */
    size_t algorithm_len;
    gnutls_sign_algorithm_t sign; /* 0: ECDSA-SHA256 */
    pu_span spki;                 /* empty: of key */
    pu_span public_key;           /* in the SignedKey; empty: the identity's */
    pu_span signature;            /* in the SignedKey; empty: the right one */
    pu_span content;              /* of the libp2p extension; empty: SignedKey of the above */
    pu_span tail;                 /* after the SignedKey, inside the extension */
    bool is_critical;             /* the libp2p extension */
    unsigned times;               /* it is there so often, counted from 1; 0: once */
    bool is_without;              /* it is not there at all */
    bool has_no_names;            /* issuer and subject are empty */
    uint8_t version;              /* 0: v3 */
    forge_extension other;
} forge;

/* Makes a P-256 key that the caller frees by gnutls_privkey_deinit. */
gnutls_privkey_t forge_key(void);

/* Writes the certificate; out has FORGE_CERT_MAX bytes. */
pu_span forge_cert(const forge *f, uint8_t *out);

/* The DER SubjectPublicKeyInfo of key; out has 1,200 bytes. */
pu_span forge_spki(gnutls_privkey_t key, uint8_t *out);

#endif
