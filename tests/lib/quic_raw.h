/* tests/lib/quic_raw.h - a peer that need not keep the rules: QUIC by ngtcp2 and GnuTLS directly,
 * in either role, with any certificate, and with frames of the test's own put into its packets.
 *
 * It lives at an address of a rig where no host is. One at a time.
 */
#ifndef TESTS_LIB_QUIC_RAW_H
#define TESTS_LIB_QUIC_RAW_H

#include "tests/lib/quic_rig.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

enum { RAW_CERTS_MAX = 2, RAW_FRAMES_MAX = 1400 };

/* Which packets get the test's frames. */
enum raw_packets { RAW_INITIAL = 0x80, RAW_HANDSHAKE = 0xa0, RAW_SHORT = 0 };

typedef struct raw {
    rig *w;
    pu_endpoint at;
    ngtcp2_conn *qc; /* NULL: not begun, or over */
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
    gnutls_pcert_st shown[RAW_CERTS_MAX];
    ngtcp2_crypto_conn_ref ref;
    pu_endpoint peer;
    int64_t stream; /* ours; -1: none */
    uint64_t drawn;

    /* what it is */
    const char *alpn;             /* NULL: libp2p; empty: none is named */
    const char *server_name;      /* that it asks for as a client; NULL: none */
    uint64_t idle_ns;             /* time-out that it advertises; 0: 30 s */
    size_t version_count;         /* that it says it knows, beside v1; up to 4095 */
    bool has_largest_params;      /* each transport parameter is as large as it may be */
    pu_span certs[RAW_CERTS_MAX]; /* DER; the first goes with key */
    unsigned cert_count;          /* 0: none is shown */
    gnutls_privkey_t key;
    uint64_t max_streams; /* that it allows us */
    bool is_mute;         /* sends nothing any more */
    pu_span tail; /* bytes of TLS that it says behind its last flight, in packets of Handshake */

    /* frames instead of what ngtcp2 would say, in the next packets of a kind */
    uint8_t frames[RAW_FRAMES_MAX];
    size_t frames_len;
    unsigned frames_left; /* packets */
    enum raw_packets packets;

    /* Changes what is in packets before they are sealed; NULL: nothing. kind: enum raw_packets. */
    void (*spoil)(void *ctx, enum raw_packets kind, uint8_t *plain, size_t len);
    void *spoil_ctx;

    /* what came of it */
    bool is_completed, is_closed;
    bool was_named; /* as a server: the client asked for a name */
    uint64_t close_code;
    bool is_app_close;
    uint64_t got; /* stream bytes */
} raw;

/* Begins; alpn, certs and key may be changed before anything is sent. */
void raw_init(raw *r, rig *w);
void raw_free(raw *r);
/* Its good certificate: identity and key of the test's own. */
void raw_certify(raw *r, pu_span der, gnutls_privkey_t key);

/* Dials the host. */
void raw_dial(raw *r, const rig_host *to);
/* Sends count bytes on its one stream, which is opened. */
void raw_send(raw *r, size_t count);
/* Puts frames into the next `packets` packets of a kind, and sends as many short ones. */
void raw_say(raw *r, const void *frames, size_t len, unsigned packets);
/* Goes on from another path of its own, with another id of the peer's. */
void raw_migrate(raw *r, uint16_t local_port);
/* One more byte of TLS in a packet of the handshake, where the test's frames may take its place. */
void raw_nag(raw *r);

#endif
