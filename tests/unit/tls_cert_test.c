/* tls_cert_test.c - certificates: ours is one that everybody accepts, and nobody's is believed
 * unless every part of it is right (libp2p specs tls/tls.md, and bugs of other implementations). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tests/lib/cert_forge.h"
#include "tls/cert.h"
#include "tls/der.h"
#include "vectors/tls_certificates.h"

int tls_cert_test(void);

enum { NOW_S = 1790000000, HOUR_S = 3600 };

/* An identity, a certificate key, and memory for what is made of them. */
typedef struct desk {
    pu_crypto crypto;
    pu_crypto_real real;
    pu_peer_id id;
    forge forge; /* of a good certificate */
    uint8_t der[FORGE_CERT_MAX];
} desk;

static desk one;

static int set_up(void **state)
{
    (void)state;
    uint8_t seed[PU_ED25519_SEED_BYTES] = {7}, key[PU_ED25519_KEY_BYTES];
    if (pu_crypto_real_init(&one.crypto, &one.real, seed) != PU_OK) return -1;
    one.crypto.public_key(one.crypto.ctx, key);
    pu_peer_id_from_ed25519(&one.id, key);
    one.forge = (forge){.crypto = &one.crypto, .key = forge_key()};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gnutls_privkey_deinit(one.forge.key);
    pu_crypto_real_close(&one.real);
    return 0;
}

/* A verdict that is not GOOD leaves no id behind. */
static enum tls_cert_verdict check(pu_span der)
{
    tls_cert_facts facts;
    memset(&facts, 0x5a, sizeof facts);
    enum tls_cert_verdict verdict = tls_cert_check(&facts, &one.crypto, der, NOW_S);
    assert_int_equal(verdict == TLS_CERT_GOOD, facts.peer.len > 0);
    if (verdict == TLS_CERT_GOOD) assert_true(pu_peer_id_equal(&facts.peer, &one.id));
    return verdict;
}

static enum tls_cert_verdict check_forged(const forge *f)
{
    return check(forge_cert(f, one.der));
}

/* Our own certificate. */
static pu_span make(void)
{
    uint8_t key[PU_ED25519_KEY_BYTES], pb[PU_PUBLIC_KEY_PB_BYTES];
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t private_key;
    gnutls_datum_t der;
    one.crypto.public_key(one.crypto.ctx, key);
    pu_public_key_pb(pb, key);
    assert_true(tls_cert_make(&cert, &private_key, &one.crypto, span_of(pb, sizeof pb), NOW_S));
    assert_int_equal(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_DER, &der), 0);
    memcpy(one.der, der.data, der.size);
    pu_span made = span_of(one.der, der.size);
    gnutls_free(der.data);
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(private_key);
    return made;
}

static void our_own_proves_our_id(void **state)
{
    (void)state;
    pu_span der = make();
    assert_in_range(der.len, 300, 500);
    assert_int_equal(check(der), TLS_CERT_GOOD);
}

/* What js, rust and go look at beyond the specification; and no extension that is critical, which
 * libraries do not take from their own side (rust-libp2p 5487). */
static void our_own_has_the_form_that_all_accept(void **state)
{
    (void)state;
    pu_span der = make();
    gnutls_datum_t bytes = {(unsigned char *)(uintptr_t)der.base, (unsigned)der.len};
    gnutls_x509_crt_t cert;
    assert_int_equal(gnutls_x509_crt_init(&cert), 0);
    assert_int_equal(gnutls_x509_crt_import(cert, &bytes, GNUTLS_X509_FMT_DER), 0);

    char oid[64], issuer[64], subject[64];
    unsigned critical, bits;
    size_t oid_len = sizeof oid, issuer_len = sizeof issuer, subject_len = sizeof subject;
    assert_int_equal(gnutls_x509_crt_get_extension_info(cert, 0, oid, &oid_len, &critical), 0);
    assert_string_equal(oid, TLS_LIBP2P_OID);
    assert_int_equal(critical, 0);
    oid_len = sizeof oid;
    assert_int_equal(gnutls_x509_crt_get_extension_info(cert, 1, oid, &oid_len, &critical),
                     GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
    assert_int_equal(gnutls_x509_crt_get_dn(cert, subject, &subject_len), 0);
    assert_int_equal(gnutls_x509_crt_get_issuer_dn(cert, issuer, &issuer_len), 0);
    assert_string_equal(subject, issuer);
    assert_true(subject_len > 0);
    assert_int_equal(gnutls_x509_crt_get_pk_algorithm(cert, &bits), GNUTLS_PK_ECDSA);
    assert_int_equal(bits, 256);
    assert_int_equal(gnutls_x509_crt_get_signature_algorithm(cert), GNUTLS_SIGN_ECDSA_SHA256);
    assert_int_equal(gnutls_x509_crt_get_activation_time(cert), NOW_S - HOUR_S);
    assert_true(gnutls_x509_crt_get_expiration_time(cert) > NOW_S + (time_t)99 * 365 * 24 * HOUR_S);
    gnutls_x509_crt_deinit(cert);
}

/* Keys of certificates are made for one process and have nothing in common. */
static void no_two_are_alike(void **state)
{
    (void)state;
    uint8_t first[512];
    pu_span der = make();
    memcpy(first, der.base, der.len);
    size_t len = der.len;
    der = make();
    assert_false(span_equal(der, span_of(first, len)));
}

static void a_clock_at_its_beginning_makes_one_too(void **state)
{
    (void)state;
    uint8_t key[PU_ED25519_KEY_BYTES], pb[PU_PUBLIC_KEY_PB_BYTES];
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t private_key;
    one.crypto.public_key(one.crypto.ctx, key);
    pu_public_key_pb(pb, key);
    assert_true(tls_cert_make(&cert, &private_key, &one.crypto, span_of(pb, sizeof pb), 0));
    assert_int_equal(gnutls_x509_crt_get_activation_time(cert), 0);
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(private_key);
}

/* Keys of other types than Ed25519 are known and refused so far: identity_key.h. */
static void the_vectors_of_the_specification(void **state)
{
    (void)state;
    static const enum tls_cert_verdict want[] = {TLS_CERT_GOOD, TLS_CERT_IDENTITY,
                                                 TLS_CERT_IDENTITY, TLS_CERT_IDENTITY};
    size_t count = sizeof tls_certificate_vectors / sizeof tls_certificate_vectors[0];
    assert_int_equal(count, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < count; i++) {
        const tls_certificate_vector *v = &tls_certificate_vectors[i];
        tls_cert_facts facts;
        assert_int_equal(tls_cert_check(&facts, &one.crypto, v->der, NOW_S), want[i]);
        if (want[i] != TLS_CERT_GOOD) continue;
        char text[PU_PEER_ID_TEXT_MAX];
        size_t len = pu_peer_id_text(&facts.peer, PU_PEER_BASE58, text);
        assert_true(span_equal(span_of(text, len), v->peer));
    }
}

static void a_forge_that_changes_nothing_is_good(void **state)
{
    (void)state;
    assert_int_equal(check_forged(&one.forge), TLS_CERT_GOOD);
}

static void what_others_do_differently_is_accepted(void **state)
{
    (void)state;
    forge f = one.forge;
    f.is_critical = true;  /* js, rust before 0.23.11 (go-libp2p-tls 87) */
    f.has_no_names = true; /* rust */
    f.from = "19750101130000Z";
    assert_int_equal(check_forged(&f), TLS_CERT_GOOD);
    f = one.forge;
    f.from = "750101130000Z";
    f.other = (forge_extension){"\x55\x1d\x0f", 3, false, SPAN_LITERAL("\x03\x02\x07\x80")};
    assert_int_equal(check_forged(&f), TLS_CERT_GOOD);
}

/* NOW_S is 2026-09-21 14:13:20. The last certificate is the one of 1975 that ended rust-libp2p's
 * process (GHSA-5hq8-qhww-jm7q). */
static void validity_is_kept_to_the_second(void **state)
{
    (void)state;
    static const struct {
        const char *from, *until;
        enum tls_cert_verdict want;
    } cases[] = {
        {"260921141320Z", "260921141320Z", TLS_CERT_GOOD},
        {"260921141321Z", NULL, TLS_CERT_TIME},
        {NULL, "260921141319Z", TLS_CERT_TIME},
        {"19500101000000Z", "99991231235959Z", TLS_CERT_GOOD},
        {"500101000000Z", "491231235959Z", TLS_CERT_GOOD},
        {"99991231235959Z", "99991231235959Z", TLS_CERT_TIME},
        {"700101000000Z", "750101000000Z", TLS_CERT_TIME},
        {"260230000000Z", NULL, TLS_CERT_MALFORMED},
        {"26092114132xZ", NULL, TLS_CERT_MALFORMED},
        {"260921141320+", NULL, TLS_CERT_MALFORMED},
        {"2609211413Z", NULL, TLS_CERT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        forge f = one.forge;
        f.from = cases[i].from;
        f.until = cases[i].until;
        assert_int_equal(check_forged(&f), cases[i].want);
    }
}

static void extensions_are_as_the_rules_say(void **state)
{
    (void)state;
    forge f = one.forge;
    f.is_without = true;
    assert_int_equal(check_forged(&f), TLS_CERT_EXTENSION);
    f = one.forge;
    f.times = 2;
    assert_int_equal(check_forged(&f), TLS_CERT_EXTENSION);
    f = one.forge;
    f.times = TLS_EXTENSIONS_MAX + 1;
    assert_int_equal(check_forged(&f), TLS_CERT_EXTENSION);
    /* BasicConstraints and KeyUsage marked critical, as py-libp2p did (1159) */
    f = one.forge;
    f.other = (forge_extension){"\x55\x1d\x13", 3, true, SPAN_LITERAL("\x30\x00")};
    assert_int_equal(check_forged(&f), TLS_CERT_CRITICAL);
    f.other = (forge_extension){"\x55\x1d\x0f", 3, true, SPAN_LITERAL("\x03\x02\x07\x80")};
    assert_int_equal(check_forged(&f), TLS_CERT_CRITICAL);
    f = one.forge;
    f.version = 1;
    assert_int_equal(check_forged(&f), TLS_CERT_MALFORMED);
}

/* Inputs that ended go-libp2p-tls: SignedKeys that are cut short, too long, or lie about lengths.
 */
static void malformed_signed_keys_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x30\x00", 2},
        {"\x30", 1},
        {"\x30\x02\x04\x00", 4},
        {"\x30\x04\x04\x00\x04\x00", 6},
        {"\x30\x84\xff\xff\xff\xff", 6},
        {"\x30\x06\x04\x84\xff\xff\xff\xff", 8},
        {"\x30\x80\x04\x00\x04\x00\x00\x00", 8},
        {"\x30\x81\x04\x04\x00\x04\x00", 7},
        {"\x30\x08\x04\x00\x04\x00\x04\x00\x04\x00", 10},
        {"\x31\x04\x04\x00\x04\x00", 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        forge f = one.forge;
        f.content = span_of(cases[i].bytes, cases[i].len);
        enum tls_cert_verdict verdict = check_forged(&f);
        assert_true(verdict == TLS_CERT_EXTENSION || verdict == TLS_CERT_IDENTITY);
    }
    forge f = one.forge;
    f.tail = SPAN_LITERAL("\x00");
    assert_int_equal(check_forged(&f), TLS_CERT_EXTENSION);
}

/* CVE-2022-24759, litep2p before 0.8.2, dotnet-libp2p 192: nobody looked at the signature. */
static void forged_identities_are_refused(void **state)
{
    (void)state;
    pu_crypto other;
    pu_crypto_real other_ctx;
    uint8_t seed[PU_ED25519_SEED_BYTES] = {9}, key[PU_ED25519_KEY_BYTES];
    uint8_t pb[PU_PUBLIC_KEY_PB_BYTES], zero[PU_ED25519_SIGNATURE_BYTES] = {0};
    assert_int_equal(pu_crypto_real_init(&other, &other_ctx, seed), PU_OK);
    other.public_key(other.ctx, key);
    pu_public_key_pb(pb, key);

    forge f = one.forge;
    f.public_key = span_of(pb, sizeof pb); /* somebody else's key, our signature */
    assert_int_equal(check_forged(&f), TLS_CERT_IDENTITY);
    f = one.forge;
    f.signature = span_of(zero, sizeof zero);
    assert_int_equal(check_forged(&f), TLS_CERT_IDENTITY);
    f.signature = span_of(zero, 63);
    assert_int_equal(check_forged(&f), TLS_CERT_IDENTITY);

    /* The right signature, over the key of another certificate. */
    gnutls_privkey_t thief = forge_key();
    uint8_t content[256];
    der_item cert, tbs;
    pu_span good = forge_cert(&one.forge, one.der);
    assert_true(der_take(&good, DER_SEQUENCE, &cert));
    assert_true(der_take(&cert.value, DER_SEQUENCE, &tbs));
    size_t len = 106; /* of a SignedKey: the last element of the TBSCertificate */
    memcpy(content, tbs.value.base + tbs.value.len - len, len);
    f = one.forge;
    f.key = thief;
    f.content = span_of(content, len);
    assert_int_equal(check_forged(&f), TLS_CERT_IDENTITY);
    gnutls_privkey_deinit(thief);
    pu_crypto_real_close(&other_ctx);
}

static void self_signatures_are_checked(void **state)
{
    (void)state;
    gnutls_privkey_t other = forge_key();
    forge f = one.forge;
    f.signed_by = other;
    assert_int_equal(check_forged(&f), TLS_CERT_SELF_SIGNATURE);
    f = one.forge;
    f.algorithm = "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"; /* SHA-384 was said, 256 was done */
    f.algorithm_len = 10;
    assert_int_equal(check_forged(&f), TLS_CERT_SELF_SIGNATURE);
    f.sign = GNUTLS_SIGN_ECDSA_SHA384;
    assert_int_equal(check_forged(&f), TLS_CERT_GOOD);
    f.algorithm = "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04";
    f.sign = GNUTLS_SIGN_ECDSA_SHA512;
    assert_int_equal(check_forged(&f), TLS_CERT_GOOD);
    f.algorithm = "\x06\x07\x2a\x86\x48\xce\x3d\x04\x01"; /* SHA-1 */
    f.algorithm_len = 9;
    f.sign = GNUTLS_SIGN_ECDSA_SHA256;
    assert_int_equal(check_forged(&f), TLS_CERT_SELF_SIGNATURE);
    gnutls_privkey_deinit(other);
}

static void keys_of_other_curves_are_good_rsa_is_not(void **state)
{
    (void)state;
    gnutls_privkey_t ed25519, rsa;
    assert_int_equal(gnutls_privkey_init(&ed25519), 0);
    assert_int_equal(gnutls_privkey_generate(ed25519, GNUTLS_PK_EDDSA_ED25519, 0, 0), 0);
    forge f = one.forge;
    f.key = ed25519;
    f.algorithm = "\x06\x03\x2b\x65\x70";
    f.algorithm_len = 5;
    f.sign = GNUTLS_SIGN_EDDSA_ED25519;
    assert_int_equal(check_forged(&f), TLS_CERT_GOOD);
    gnutls_privkey_deinit(ed25519);

    assert_int_equal(gnutls_privkey_init(&rsa), 0);
    assert_int_equal(gnutls_privkey_generate(rsa, GNUTLS_PK_RSA, 2048, 0), 0);
    f = one.forge;
    f.key = rsa;
    f.algorithm = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
    f.algorithm_len = 13;
    f.sign = GNUTLS_SIGN_RSA_SHA256;
    assert_int_equal(check_forged(&f), TLS_CERT_SELF_SIGNATURE);
    gnutls_privkey_deinit(rsa);
}

/* Keys that are no keys: a curve that nobody has, a point that is on none, an empty one. */
static void absurd_certificate_keys_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[128];
    pu_span spki = forge_spki(one.forge.key, bytes);
    forge f = one.forge;
    f.spki = spki;
    assert_int_equal(check_forged(&f), TLS_CERT_GOOD);
    bytes[22] ^= 1; /* in the curve's name */
    assert_int_equal(check_forged(&f), TLS_CERT_SELF_SIGNATURE);
    bytes[22] ^= 1;
    bytes[spki.len - 1] ^= 1; /* in the point */
    assert_int_equal(check_forged(&f), TLS_CERT_SELF_SIGNATURE);
    f.spki = SPAN_LITERAL("\x30\x00");
    assert_int_equal(check_forged(&f), TLS_CERT_SELF_SIGNATURE);
}

/* CVE-2023-39533: an RSA identity of 16,384 bits; ours costs no arithmetic. */
static void huge_identity_keys_cost_nothing(void **state)
{
    (void)state;
    static uint8_t pb[2080], signature[2048];
    memset(pb, 0xab, sizeof pb);
    memcpy(pb, "\x08\x00\x12\x9b\x10", 5);
    memset(signature, 0xcd, sizeof signature);
    forge f = one.forge;
    f.public_key = span_of(pb, sizeof pb);
    f.signature = span_of(signature, sizeof signature);
    pu_span der = forge_cert(&f, one.der);
    clock_t start = clock();
    for (int i = 0; i < 100; i++) assert_int_equal(check(der), TLS_CERT_IDENTITY);
    assert_true(clock() - start < 100 * CLOCKS_PER_SEC / 1000);

    static uint8_t huge[9000];
    f.content = span_of(huge, sizeof huge);
    assert_int_equal(check_forged(&f), TLS_CERT_MALFORMED);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    pu_span der = forge_cert(&one.forge, one.der);
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(check(span_head(der, len)), TLS_CERT_MALFORMED);
    one.der[der.len] = 0;
    assert_int_equal(check(span_of(one.der, der.len + 1)), TLS_CERT_MALFORMED);
}

/* CVE-2019-15545 and its like: no byte of a certificate may change. */
static void every_changed_byte_is_refused(void **state)
{
    (void)state;
    pu_span der = forge_cert(&one.forge, one.der);
    for (size_t at = 0; at < der.len; at++) {
        for (size_t bit = 0; bit < 8; bit += 1 + at % 3) {
            one.der[at] ^= (uint8_t)(1u << bit);
            assert_int_not_equal(check(der), TLS_CERT_GOOD);
            one.der[at] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(check(der), TLS_CERT_GOOD);
}

static enum tls_cert_verdict check_again(tls_cert_cache *cache, pu_span der, uint64_t now_s)
{
    tls_cert_facts facts;
    enum tls_cert_verdict verdict = tls_cert_check_again(&facts, cache, &one.crypto, der, now_s);
    assert_int_equal(verdict == TLS_CERT_GOOD, facts.peer.len > 0);
    if (verdict == TLS_CERT_GOOD) assert_true(pu_peer_id_equal(&facts.peer, &one.id));
    return verdict;
}

/* A known certificate is still held against the clock, byte for byte, and the oldest make room. */
static void known_certificates_are_known_again(void **state)
{
    (void)state;
    static tls_cert_cache cache;
    forge f = one.forge;
    f.until = "260921141320Z"; /* NOW_S */
    pu_span der = forge_cert(&f, one.der);
    assert_int_equal(check_again(&cache, der, NOW_S), TLS_CERT_GOOD);
    clock_t start = clock();
    for (int i = 0; i < 1000; i++) assert_int_equal(check_again(&cache, der, NOW_S), TLS_CERT_GOOD);
    assert_true(clock() - start < CLOCKS_PER_SEC / 20);
    assert_int_equal(check_again(&cache, der, NOW_S + 1), TLS_CERT_TIME);
    one.der[der.len - 1] ^= 1;
    assert_int_equal(check_again(&cache, der, NOW_S), TLS_CERT_SELF_SIGNATURE);
    assert_int_equal(check_again(&cache, der, NOW_S), TLS_CERT_SELF_SIGNATURE);
    one.der[der.len - 1] ^= 1;

    static uint8_t other[FORGE_CERT_MAX];
    uint8_t first[sizeof cache.known[0].hash];
    memcpy(first, cache.known[0].hash, sizeof first);
    for (unsigned i = 0; i < TLS_CERTS_KNOWN; i++) /* each has another signature */
        assert_int_equal(check_again(&cache, forge_cert(&one.forge, other), NOW_S), TLS_CERT_GOOD);
    assert_memory_not_equal(first, cache.known[0].hash, sizeof first);
    assert_int_equal(check_again(&cache, der, NOW_S), TLS_CERT_GOOD);
}

int tls_cert_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_proves_our_id),
        cmocka_unit_test(our_own_has_the_form_that_all_accept),
        cmocka_unit_test(no_two_are_alike),
        cmocka_unit_test(a_clock_at_its_beginning_makes_one_too),
        cmocka_unit_test(the_vectors_of_the_specification),
        cmocka_unit_test(a_forge_that_changes_nothing_is_good),
        cmocka_unit_test(what_others_do_differently_is_accepted),
        cmocka_unit_test(validity_is_kept_to_the_second),
        cmocka_unit_test(extensions_are_as_the_rules_say),
        cmocka_unit_test(malformed_signed_keys_are_refused),
        cmocka_unit_test(forged_identities_are_refused),
        cmocka_unit_test(self_signatures_are_checked),
        cmocka_unit_test(keys_of_other_curves_are_good_rsa_is_not),
        cmocka_unit_test(absurd_certificate_keys_are_refused),
        cmocka_unit_test(huge_identity_keys_cost_nothing),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(known_certificates_are_known_again),
    };
    return cmocka_run_group_tests_name("tls_cert", tests, set_up, tear_down);
}
