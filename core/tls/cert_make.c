/* tls/cert_make.c - our own certificate, in the one form that go, rust and js all accept: a P-256
 * key, ECDSA with SHA-256, the libp2p extension alone and not critical (js looks at the first, old
 * TLS libraries refuse critical ones), subject and issuer the same and not empty. */
#include "tls/cert.h"

#include "tls/der.h"

#include <gnutls/abstract.h>

enum {
    HOUR_S = 3600,
    YEAR_S = 365 * 24 * HOUR_S,
    VALID_YEARS = 100,
    SERIAL_BYTES = 8,
    SIGNED_KEY_MAX = 2 + 2 + PU_PUBLIC_KEY_PB_BYTES + 2 + PU_ED25519_SIGNATURE_BYTES
};

static gnutls_x509_privkey_t make_key(void)
{
    gnutls_x509_privkey_t key;
    if (gnutls_x509_privkey_init(&key) != 0) return NULL;
    unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    if (gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, bits, 0) != 0) {
        gnutls_x509_privkey_deinit(key);
        return NULL;
    }
    return key;
}

/* The DER SubjectPublicKeyInfo of key; the caller frees it by gnutls_free. */
static bool export_spki(gnutls_datum_t *spki, gnutls_x509_privkey_t key)
{
    gnutls_privkey_t private_key;
    gnutls_pubkey_t public_key;
    if (gnutls_privkey_init(&private_key) != 0) return false;
    if (gnutls_pubkey_init(&public_key) != 0) {
        gnutls_privkey_deinit(private_key);
        return false;
    }
    bool is_done = gnutls_privkey_import_x509(private_key, key, 0) == 0 &&
                   gnutls_pubkey_import_privkey(public_key, private_key, 0, 0) == 0 &&
                   gnutls_pubkey_export2(public_key, GNUTLS_X509_FMT_DER, spki) == 0;
    gnutls_pubkey_deinit(public_key);
    gnutls_privkey_deinit(private_key);
    return is_done;
}

/* Writes the SignedKey that binds spki to the identity. */
static void put_signed_key(pu_buf *out, const pu_crypto *crypto, pu_span public_key_pb,
                           pu_span spki)
{
    uint8_t text[sizeof TLS_SIGNED_PREFIX + TLS_SPKI_MAX], body[SIGNED_KEY_MAX];
    uint8_t signature[PU_ED25519_SIGNATURE_BYTES];
    pu_buf message = buf_of(text, sizeof text), sequence = buf_of(body, sizeof body);
    buf_put_span(&message, SPAN_LITERAL(TLS_SIGNED_PREFIX));
    buf_put_span(&message, spki);
    PU_ASSERT(!message.full);
    crypto->sign(crypto->ctx, signature, buf_span(&message));

    der_put(&sequence, DER_OCTET_STRING, public_key_pb);
    der_put(&sequence, DER_OCTET_STRING, span_of(signature, sizeof signature));
    PU_ASSERT(!sequence.full);
    der_put(out, DER_SEQUENCE, buf_span(&sequence));
    PU_ASSERT(!out->full);
}

static bool set_extension(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key,
                          const pu_crypto *crypto, pu_span public_key_pb)
{
    gnutls_datum_t spki;
    if (!export_spki(&spki, key)) return false;
    uint8_t memory[SIGNED_KEY_MAX];
    pu_buf content = buf_of(memory, sizeof memory);
    put_signed_key(&content, crypto, public_key_pb, span_of(spki.data, spki.size));
    gnutls_free(spki.data);
    return gnutls_x509_crt_set_extension_by_oid(cert, TLS_LIBP2P_OID, content.base, content.len,
                                                0) == 0;
}

static bool fill(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key, const pu_crypto *crypto,
                 pu_span public_key_pb, uint64_t now_s)
{
    uint8_t serial[SERIAL_BYTES];
    crypto->random(crypto->ctx, serial, sizeof serial);
    serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and always as long */
    time_t from = (time_t)(now_s > HOUR_S ? now_s - HOUR_S : 0);
    time_t until = from + (time_t)VALID_YEARS * YEAR_S;
    return gnutls_x509_crt_set_version(cert, 3) == 0 &&
           gnutls_x509_crt_set_serial(cert, serial, sizeof serial) == 0 &&
           gnutls_x509_crt_set_dn(cert, "CN=libp2p", NULL) == 0 &&
           gnutls_x509_crt_set_issuer_dn(cert, "CN=libp2p", NULL) == 0 &&
           gnutls_x509_crt_set_activation_time(cert, from) == 0 &&
           gnutls_x509_crt_set_expiration_time(cert, until) == 0 &&
           gnutls_x509_crt_set_key(cert, key) == 0 &&
           set_extension(cert, key, crypto, public_key_pb) &&
           gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0) == 0;
}

bool tls_cert_make(gnutls_x509_crt_t *cert, gnutls_x509_privkey_t *key, const pu_crypto *crypto,
                   pu_span public_key_pb, uint64_t now_s)
{
    PU_ASSERT(public_key_pb.len == PU_PUBLIC_KEY_PB_BYTES);
    *cert = NULL;
    *key = make_key();
    if (*key != NULL && gnutls_x509_crt_init(cert) == 0) {
        if (fill(*cert, *key, crypto, public_key_pb, now_s)) return true;
        gnutls_x509_crt_deinit(*cert);
    }
    if (*key != NULL) gnutls_x509_privkey_deinit(*key);
    *cert = NULL;
    *key = NULL;
    return false;
}
