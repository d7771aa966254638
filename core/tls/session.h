/* tls/session.h - TLS 1.3 sessions as libp2p has them: both sides show the certificate of cert.h,
 * nothing below 1.3, no tickets, no early data, no server name (libp2p specs tls/tls.md, quic). */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include "tls/cert.h"

/* The credentials of one link: key, certificate, and the priorities of its sessions. */
typedef struct tls_keys tls_keys;

/* Is asked by GnuTLS inside a handshake, once the peer has proven that it owns its certificate's
 * key. 0: go on; GNUTLS_E_CERTIFICATE_ERROR: end it by the alert bad_certificate. */
typedef int (*tls_verify)(gnutls_session_t session);

/* Makes key and certificate for the identity behind crypto, as tls_cert_make. verify is kept.
 * PU_ENOMEM; PU_ERANGE: GnuTLS cannot be set up. */
PU_MUST_USE int tls_keys_new(tls_keys **keys, const pu_alloc *alloc, const pu_crypto *crypto,
                             pu_span public_key_pb, uint64_t now_s, tls_verify verify);

/* Frees them, after all their sessions. keys may be NULL. */
void tls_keys_free(const pu_alloc *alloc, tls_keys *keys);

/* The DER of our certificate, as long as the keys live. */
pu_span tls_keys_cert(const tls_keys *keys);

/* A session that offers, or as a server demands, the one application protocol alpn (kept). NULL: no
 * memory. The caller sets its pointer and frees it by gnutls_deinit. */
gnutls_session_t tls_session_new(const tls_keys *keys, bool is_client, pu_span alpn);

/* Judges what the peer of a session showed: exactly one certificate, which tls_cert_check takes at
 * now_s. Otherwise MALFORMED, or its verdict. *peer is empty unless it is GOOD. Good ones are
 * remembered with the keys. For use in tls_verify. */
PU_MUST_USE enum tls_cert_verdict tls_session_peer(pu_peer_id *peer, tls_keys *keys,
                                                   gnutls_session_t session,
                                                   const pu_crypto *crypto, uint64_t now_s);

enum { TLS_CHANNEL_BYTES = 32 };

/* Writes what both ends of a completed handshake export under the label "EXPORTER-libp2p-channel"
 * (RFC 8446 7.5). False: the handshake is not over. */
PU_MUST_USE bool tls_channel_id(gnutls_session_t session, uint8_t id[TLS_CHANNEL_BYTES]);

/* Whether both sides agreed on alpn: GnuTLS as a client lets a server be that names none. */
bool tls_session_speaks(gnutls_session_t session, pu_span alpn);

enum {
    /* Bytes of a handshake message that is read: a certificate of TLS_CERT_MAX with its frame. */
    TLS_MESSAGE_MAX = TLS_CERT_MAX + 256,
    /* Bytes of the longest line of a key log: label, client random and secret in hexadecimal. */
    TLS_KEYLOG_LINE_MAX = 48 + 1 + 64 + 1 + 2 * 64 + 1
};

/* Writes the line that the NSS key log format has for one secret of a session, with a terminator
 * and no newline. False: it does not fit. */
PU_MUST_USE bool tls_keylog_line(char out[TLS_KEYLOG_LINE_MAX], gnutls_session_t session,
                                 const char *label, const gnutls_datum_t *secret);

#endif
