/* tls/cert_check.c - reading and judging a peer's certificate.
 *
 * The DER is walked here and not by GnuTLS: it gives no access to the bytes that were signed, and
 * its chain checks answer another question. Order: form, validity, extensions, then the two
 * signatures, so that nothing costs a public-key operation before everything cheap was in order.
 */
#include "tls/cert.h"

#include "ident/identity_key.h"
#include "tls/der.h"

#include <gnutls/abstract.h>

/* What of a certificate is judged; spans point into it. */
typedef struct cert_parts {
    pu_span tbs;          /* what its key signed */
    pu_span algorithm;    /* by which algorithm: AlgorithmIdentifier */
    pu_span signature;    /* the signature */
    pu_span spki;         /* its key: SubjectPublicKeyInfo */
    pu_span extensions;   /* of v3: the elements of the sequence; empty when absent */
    int64_t not_before_s; /* seconds since 1970 */
    int64_t not_after_s;  /* seconds since 1970 */
} cert_parts;

/* DER of the object identifiers that mean something here, without tag and length. */
#define OID_LIBP2P SPAN_LITERAL("\x2b\x06\x01\x04\x01\x83\xa2\x5a\x01\x01")
#define OID_ECDSA_SHA256 SPAN_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x02")
#define OID_ECDSA_SHA384 SPAN_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x03")
#define OID_ECDSA_SHA512 SPAN_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x04")
#define OID_ED25519 SPAN_LITERAL("\x2b\x65\x70")

static bool read_time(pu_span *in, int64_t *unix_s)
{
    der_item item;
    if (!der_next(in, &item)) return false;
    if (item.tag != DER_UTC_TIME && item.tag != DER_GENERALIZED_TIME) return false;
    return der_time(&item, unix_s);
}

static bool read_validity(cert_parts *p, pu_span *in)
{
    der_item validity;
    if (!der_take(in, DER_SEQUENCE, &validity)) return false;
    pu_span rest = validity.value;
    return read_time(&rest, &p->not_before_s) && read_time(&rest, &p->not_after_s) && rest.len == 0;
}

/* The last field of a TBSCertificate, in a wrapping of its own. */
static bool read_extension_list(cert_parts *p, pu_span *in)
{
    der_item wrapped, list;
    if (in->len == 0) return true;
    if (!der_take(in, DER_CONTEXT_3, &wrapped) || in->len > 0) return false;
    pu_span rest = wrapped.value;
    if (!der_take(&rest, DER_SEQUENCE, &list) || rest.len > 0) return false;
    p->extensions = list.value;
    return true;
}

/* TBSCertificate: version 3, serial, algorithm, issuer, validity, subject, key, two ids that nobody
 * uses, extensions. */
static bool read_tbs(cert_parts *p, pu_span in)
{
    der_item item, number;
    if (!der_take(&in, DER_CONTEXT_0, &item)) return false;
    pu_span version = item.value;
    if (!der_take(&version, DER_INTEGER, &number) || version.len > 0) return false;
    if (!span_equal(number.value, SPAN_LITERAL("\x02"))) return false;
    if (!der_take(&in, DER_INTEGER, &item)) return false;
    if (!der_take(&in, DER_SEQUENCE, &item) || !span_equal(item.value, p->algorithm)) return false;
    if (!der_take(&in, DER_SEQUENCE, &item) || !read_validity(p, &in)) return false;
    if (!der_take(&in, DER_SEQUENCE, &item)) return false;
    if (!der_take(&in, DER_SEQUENCE, &item) || item.whole.len > TLS_SPKI_MAX) return false;
    p->spki = item.whole;
    if (der_is_next(in, DER_CONTEXT_1) && !der_next(&in, &item)) return false;
    if (der_is_next(in, DER_CONTEXT_2) && !der_next(&in, &item)) return false;
    return read_extension_list(p, &in);
}

static bool read_cert(cert_parts *p, pu_span der)
{
    der_item cert, tbs, algorithm, signature;
    *p = (cert_parts){.not_before_s = 0};
    if (der.len > TLS_CERT_MAX) return false;
    if (!der_take(&der, DER_SEQUENCE, &cert) || der.len > 0) return false;
    pu_span rest = cert.value;
    if (!der_take(&rest, DER_SEQUENCE, &tbs)) return false;
    if (!der_take(&rest, DER_SEQUENCE, &algorithm)) return false;
    if (!der_take(&rest, DER_BIT_STRING, &signature) || rest.len > 0) return false;
    p->tbs = tbs.whole;
    p->algorithm = algorithm.value;
    return der_bits(&signature, &p->signature) && read_tbs(p, tbs.value);
}

/* One extension: its name, whether it is critical, its content. */
static bool read_extension(pu_span *list, pu_span *oid, bool *is_critical, pu_span *content)
{
    der_item extension, item;
    if (!der_take(list, DER_SEQUENCE, &extension)) return false;
    pu_span rest = extension.value;
    if (!der_take(&rest, DER_OID, &item)) return false;
    *oid = item.value;
    *is_critical = false;
    if (der_is_next(rest, DER_BOOLEAN)) {
        if (!der_next(&rest, &item) || item.value.len != 1) return false;
        *is_critical = item.value.base[0] != 0;
    }
    if (!der_take(&rest, DER_OCTET_STRING, &item) || rest.len > 0) return false;
    *content = item.value;
    return true;
}

/* Finds the content of the libp2p extension; empty when it is missing. */
static enum tls_cert_verdict find_extension(const cert_parts *p, pu_span *found)
{
    pu_span list = p->extensions, oid, content;
    bool is_critical;
    *found = span_of(NULL, 0);
    for (unsigned count = 0; list.len > 0; count++) {
        if (count == TLS_EXTENSIONS_MAX) return TLS_CERT_MALFORMED;
        if (!read_extension(&list, &oid, &is_critical, &content)) return TLS_CERT_MALFORMED;
        if (span_equal(oid, OID_LIBP2P)) {
            if (found->len > 0 || content.len == 0) return TLS_CERT_EXTENSION;
            *found = content;
        } else if (is_critical) {
            return TLS_CERT_CRITICAL;
        }
    }
    return found->len > 0 ? TLS_CERT_GOOD : TLS_CERT_EXTENSION;
}

/* SignedKey ::= SEQUENCE { publicKey OCTET STRING, signature OCTET STRING } */
static bool read_signed_key(pu_span content, pu_span *public_key, pu_span *signature)
{
    der_item sequence, key, signed_by;
    if (!der_take(&content, DER_SEQUENCE, &sequence) || content.len > 0) return false;
    pu_span rest = sequence.value;
    if (!der_take(&rest, DER_OCTET_STRING, &key)) return false;
    if (!der_take(&rest, DER_OCTET_STRING, &signed_by) || rest.len > 0) return false;
    *public_key = key.value;
    *signature = signed_by.value;
    return true;
}

/* RSA is not among them: a certificate's key is made for this use, everybody makes elliptic ones,
 * and the cost of a huge RSA key would be the peer's to choose. */
static gnutls_sign_algorithm_t algorithm_of(pu_span identifier)
{
    der_item oid;
    if (!der_take(&identifier, DER_OID, &oid)) return GNUTLS_SIGN_UNKNOWN;
    if (span_equal(oid.value, OID_ECDSA_SHA256)) return GNUTLS_SIGN_ECDSA_SHA256;
    if (span_equal(oid.value, OID_ECDSA_SHA384)) return GNUTLS_SIGN_ECDSA_SHA384;
    if (span_equal(oid.value, OID_ECDSA_SHA512)) return GNUTLS_SIGN_ECDSA_SHA512;
    if (span_equal(oid.value, OID_ED25519)) return GNUTLS_SIGN_EDDSA_ED25519;
    return GNUTLS_SIGN_UNKNOWN;
}

static gnutls_datum_t datum_of(pu_span s)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)s.base, (unsigned)s.len};
}

static bool is_self_signed(const cert_parts *p)
{
    gnutls_sign_algorithm_t algorithm = algorithm_of(p->algorithm);
    gnutls_pubkey_t key;
    if (algorithm == GNUTLS_SIGN_UNKNOWN || gnutls_pubkey_init(&key) != 0) return false;
    gnutls_datum_t spki = datum_of(p->spki), tbs = datum_of(p->tbs),
                   signature = datum_of(p->signature);
    bool is_good = gnutls_pubkey_import(key, &spki, GNUTLS_X509_FMT_DER) == 0 &&
                   gnutls_pubkey_verify_data2(key, algorithm, 0, &tbs, &signature) >= 0;
    gnutls_pubkey_deinit(key);
    return is_good;
}

static bool is_signed_by_identity(pu_peer_id *peer, const cert_parts *p, const pu_crypto *crypto,
                                  pu_span public_key, pu_span signature)
{
    uint8_t memory[sizeof TLS_SIGNED_PREFIX + TLS_SPKI_MAX];
    pu_buf message = buf_of(memory, sizeof memory);
    buf_put_span(&message, SPAN_LITERAL(TLS_SIGNED_PREFIX));
    buf_put_span(&message, p->spki);
    PU_ASSERT(!message.full);
    return identity_key_verify(crypto, public_key, buf_span(&message), signature, peer);
}

enum tls_cert_verdict tls_cert_check(tls_cert_facts *facts, const pu_crypto *crypto, pu_span der,
                                     uint64_t now_s)
{
    PU_ASSERT(now_s <= INT64_MAX);
    cert_parts p;
    pu_span content, public_key, signature;
    *facts = (tls_cert_facts){.peer = {.len = 0}};
    if (!read_cert(&p, der)) return TLS_CERT_MALFORMED;
    if ((int64_t)now_s < p.not_before_s || (int64_t)now_s > p.not_after_s) return TLS_CERT_TIME;
    enum tls_cert_verdict verdict = find_extension(&p, &content);
    if (verdict != TLS_CERT_GOOD) return verdict;
    if (!read_signed_key(content, &public_key, &signature)) return TLS_CERT_EXTENSION;
    if (!is_self_signed(&p)) return TLS_CERT_SELF_SIGNATURE;
    if (!is_signed_by_identity(&facts->peer, &p, crypto, public_key, signature))
        return TLS_CERT_IDENTITY;
    PU_ASSERT(facts->peer.len > 0);
    facts->not_before_s = p.not_before_s;
    facts->not_after_s = p.not_after_s;
    return TLS_CERT_GOOD;
}
