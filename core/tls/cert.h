/* tls/cert.h - the certificate by which peers prove their identity inside TLS (libp2p specs
 * tls/tls.md): self-signed, its key made for one process, its one extension a signature by the
 * identity key over that key.
 *
 * No chain, no trust anchor, no name: what tls_cert_check says is all there is.
 */
#ifndef TLS_CERT_H
#define TLS_CERT_H

#include "base/bytes.h"
#include "peerup/crypto.h"
#include "peerup/ident.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

enum {
    TLS_CERT_MAX = 8192,     /* bytes of a peer's certificate that is looked at */
    TLS_SPKI_MAX = 512,      /* bytes of its SubjectPublicKeyInfo */
    TLS_EXTENSIONS_MAX = 16, /* extensions that it may have */
    TLS_CERTS_KNOWN = 64     /* certificates that a cache remembers */
};

/* What a certificate is worth. */
enum tls_cert_verdict {
    TLS_CERT_GOOD = 0,
    TLS_CERT_MALFORMED,      /* not the DER of an X.509 v3 certificate, or longer than the limits */
    TLS_CERT_TIME,           /* not yet valid, or no longer */
    TLS_CERT_CRITICAL,       /* a critical extension that is not the libp2p one */
    TLS_CERT_EXTENSION,      /* the libp2p extension is missing, there twice, or malformed */
    TLS_CERT_SELF_SIGNATURE, /* not signed by its own key, or by an algorithm that is not accepted:
                                ECDSA with SHA-256, SHA-384 or SHA-512, and Ed25519 are */
    TLS_CERT_IDENTITY        /* the identity key did not sign the certificate's key */
};

/* What a good certificate says. */
typedef struct tls_cert_facts {
    pu_peer_id peer;                   /* whose it is; empty unless TLS_CERT_GOOD */
    int64_t not_before_s, not_after_s; /* seconds since 1970, both included */
} tls_cert_facts;

/* Checks a peer's certificate at the Unix time now_s. crypto verifies the identity signature. */
PU_MUST_USE enum tls_cert_verdict tls_cert_check(tls_cert_facts *facts, const pu_crypto *crypto,
                                                 pu_span der, uint64_t now_s);

/* Certificates that were good: peers come back, and the two signatures inside one do not change.
 * Zero is a valid, empty one. */
typedef struct tls_cert_cache {
    struct {
        uint8_t hash[32]; /* SHA-256 of the DER */
        tls_cert_facts facts;
    } known[TLS_CERTS_KNOWN]; /* empty peer: free */
    uint32_t next;            /* is replaced next: the oldest */
} tls_cert_cache;

/* As tls_cert_check; one that is known is only held against the clock. */
PU_MUST_USE enum tls_cert_verdict tls_cert_check_again(tls_cert_facts *facts, tls_cert_cache *cache,
                                                       const pu_crypto *crypto, pu_span der,
                                                       uint64_t now_s);

/* Makes a P-256 key and its certificate, valid from an hour before now_s for a hundred years, for
 * the identity that crypto signs with and whose protobuf PublicKey is public_key_pb. The caller
 * frees both by GnuTLS's functions. False: GnuTLS refuses; nothing is left to free. */
PU_MUST_USE bool tls_cert_make(gnutls_x509_crt_t *cert, gnutls_x509_privkey_t *key,
                               const pu_crypto *crypto, pu_span public_key_pb, uint64_t now_s);

/* The object identifier of the extension in text, and what the identity key signs before the
 * SubjectPublicKeyInfo. */
#define TLS_LIBP2P_OID "1.3.6.1.4.1.53594.1.1"
#define TLS_SIGNED_PREFIX "libp2p-tls-handshake:"

#endif
