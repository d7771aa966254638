/* tls/session.c - see session.h. */
#include "tls/session.h"

#include "base/mem.h"

struct tls_keys {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    gnutls_datum_t cert;  /* our certificate's DER, GnuTLS's memory */
    tls_cert_cache peers; /* theirs */
};

/* Elliptic signatures only: peers' certificates have elliptic keys (cert_check.c), and what an RSA
 * key of their size would cost is decided before our own check is asked. Without the compatibility
 * mode there are no records that mean nothing, which QUIC forbids. */
static const char priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3"
    ":-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"
    ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"
    ":-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384"
    ":+SIGN-ECDSA-SECP521R1-SHA512:+SIGN-EDDSA-ED25519:%DISABLE_TLS13_COMPAT_MODE";

static bool set_certificate(tls_keys *keys, const pu_crypto *crypto, pu_span public_key_pb,
                            uint64_t now_s)
{
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
    if (!tls_cert_make(&cert, &key, crypto, public_key_pb, now_s)) return false;
    bool is_set = gnutls_certificate_set_x509_key(keys->credentials, &cert, 1, key) == 0 &&
                  gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_DER, &keys->cert) == 0;
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(key);
    return is_set;
}

int tls_keys_new(tls_keys **out, const pu_alloc *alloc, const pu_crypto *crypto,
                 pu_span public_key_pb, uint64_t now_s, tls_verify verify)
{
    tls_keys *keys = mem_new(alloc, sizeof *keys);
    if (keys == NULL) return PU_ENOMEM;
    if (gnutls_certificate_allocate_credentials(&keys->credentials) != 0) {
        mem_free(alloc, keys, sizeof *keys);
        return PU_ERANGE;
    }
    /* The certificate was made from the key: nothing to try out by a signature. */
    gnutls_certificate_set_flags(keys->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
    if (gnutls_priority_init(&keys->priority, priorities, NULL) != 0 ||
        !set_certificate(keys, crypto, public_key_pb, now_s)) {
        tls_keys_free(alloc, keys);
        return PU_ERANGE;
    }
    gnutls_certificate_set_verify_function(keys->credentials, verify);
    *out = keys;
    return PU_OK;
}

void tls_keys_free(const pu_alloc *alloc, tls_keys *keys)
{
    if (keys == NULL) return;
    gnutls_free(keys->cert.data);
    if (keys->priority != NULL) gnutls_priority_deinit(keys->priority);
    gnutls_certificate_free_credentials(keys->credentials);
    mem_free(alloc, keys, sizeof *keys);
}

pu_span tls_keys_cert(const tls_keys *keys)
{
    return span_of(keys->cert.data, keys->cert.size);
}

static bool set_up(gnutls_session_t session, const tls_keys *keys, bool is_client, pu_span alpn)
{
    gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)alpn.base, (unsigned)alpn.len};
    if (gnutls_priority_set(session, keys->priority) != 0) return false;
    if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, keys->credentials) != 0)
        return false;
    if (gnutls_alpn_set_protocols(session, &protocol, 1, GNUTLS_ALPN_MANDATORY) != 0) return false;
    gnutls_handshake_set_max_packet_length(session, TLS_MESSAGE_MAX);
    gnutls_handshake_set_timeout(session, 0); /* ours is the only clock */
    if (!is_client) gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    return true;
}

gnutls_session_t tls_session_new(const tls_keys *keys, bool is_client, pu_span alpn)
{
    PU_ASSERT(keys != NULL);
    gnutls_session_t session;
    unsigned flags = GNUTLS_NO_TICKETS | GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_NO_AUTO_REKEY;
    flags |= is_client ? GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT
                       : GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET;
    if (gnutls_init(&session, flags) != 0) return NULL;
    if (!set_up(session, keys, is_client, alpn)) {
        gnutls_deinit(session);
        return NULL;
    }
    return session;
}

enum tls_cert_verdict tls_session_peer(pu_peer_id *peer, tls_keys *keys, gnutls_session_t session,
                                       const pu_crypto *crypto, uint64_t now_s)
{
    unsigned count = 0;
    tls_cert_facts facts;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    *peer = (pu_peer_id){.len = 0};
    if (chain == NULL || count != 1) return TLS_CERT_MALFORMED;
    pu_span der = span_of(chain[0].data, chain[0].size);
    enum tls_cert_verdict verdict = tls_cert_check_again(&facts, &keys->peers, crypto, der, now_s);
    *peer = facts.peer;
    return verdict;
}

bool tls_session_speaks(gnutls_session_t session, pu_span alpn)
{
    gnutls_datum_t agreed;
    return gnutls_alpn_get_selected_protocol(session, &agreed) == 0 &&
           span_equal(span_of(agreed.data, agreed.size), alpn);
}

static void put_hex(pu_buf *out, const gnutls_datum_t *bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < bytes->size; i++) {
        buf_put_u8(out, (uint8_t)digits[bytes->data[i] >> 4]);
        buf_put_u8(out, (uint8_t)digits[bytes->data[i] & 15]);
    }
}

bool tls_keylog_line(char out[TLS_KEYLOG_LINE_MAX], gnutls_session_t session, const char *label,
                     const gnutls_datum_t *secret)
{
    gnutls_datum_t client, server;
    pu_buf line = buf_of(out, TLS_KEYLOG_LINE_MAX);
    gnutls_session_get_random(session, &client, &server);
    buf_put(&line, label, strlen(label));
    buf_put_u8(&line, ' ');
    put_hex(&line, &client);
    buf_put_u8(&line, ' ');
    put_hex(&line, secret);
    buf_put_u8(&line, 0);
    return !line.full;
}

bool tls_channel_id(gnutls_session_t session, uint8_t id[TLS_CHANNEL_BYTES])
{
    static const char label[] = "EXPORTER-libp2p-channel";
    return gnutls_prf_rfc5705(session, sizeof label - 1, label, 0, NULL, TLS_CHANNEL_BYTES,
                              (char *)id) == GNUTLS_E_SUCCESS;
}
