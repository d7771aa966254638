/* tests/lib/cert_forge.c - see cert_forge.h. */
#include "tests/lib/cert_forge.h"

#include "tls/cert.h"
#include "tls/der.h"

enum { SPKI_MAX = 1200, PART_MAX = FORGE_CERT_MAX / 2 };

#define OID_LIBP2P "\x2b\x06\x01\x04\x01\x83\xa2\x5a\x01\x01"
#define ECDSA_SHA256 "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define NAME_CN_X "\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x"

gnutls_privkey_t forge_key(void)
{
    gnutls_privkey_t key;
    PU_ASSERT(gnutls_privkey_init(&key) == 0);
    unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    PU_ASSERT(gnutls_privkey_generate(key, GNUTLS_PK_ECDSA, bits, 0) == 0);
    return key;
}

pu_span forge_spki(gnutls_privkey_t key, uint8_t *out)
{
    gnutls_pubkey_t public_key;
    gnutls_datum_t der;
    PU_ASSERT(gnutls_pubkey_init(&public_key) == 0);
    PU_ASSERT(gnutls_pubkey_import_privkey(public_key, key, 0, 0) == 0);
    PU_ASSERT(gnutls_pubkey_export2(public_key, GNUTLS_X509_FMT_DER, &der) == 0);
    PU_ASSERT(der.size <= SPKI_MAX);
    memcpy(out, der.data, der.size);
    pu_span spki = span_of(out, der.size);
    gnutls_free(der.data);
    gnutls_pubkey_deinit(public_key);
    return spki;
}

static void put_signed_key(pu_buf *out, const forge *f, pu_span spki)
{
    static uint8_t body[PART_MAX];
    uint8_t key[PU_ED25519_KEY_BYTES], pb[PU_PUBLIC_KEY_PB_BYTES];
    uint8_t signature[PU_ED25519_SIGNATURE_BYTES], text[64 + SPKI_MAX];
    pu_buf message = buf_of(text, sizeof text), sequence = buf_of(body, sizeof body);
    buf_put_span(&message, SPAN_LITERAL(TLS_SIGNED_PREFIX));
    buf_put_span(&message, spki);
    f->crypto->public_key(f->crypto->ctx, key);
    pu_public_key_pb(pb, key);
    f->crypto->sign(f->crypto->ctx, signature, buf_span(&message));

    der_put(&sequence, DER_OCTET_STRING,
            f->public_key.len > 0 ? f->public_key : span_of(pb, sizeof pb));
    der_put(&sequence, DER_OCTET_STRING,
            f->signature.len > 0 ? f->signature : span_of(signature, sizeof signature));
    der_put(out, DER_SEQUENCE, buf_span(&sequence));
    buf_put_span(out, f->tail);
}

static void put_extension(pu_buf *out, pu_span oid, bool is_critical, pu_span content)
{
    static uint8_t body[PART_MAX];
    pu_buf sequence = buf_of(body, sizeof body);
    der_put(&sequence, DER_OID, oid);
    if (is_critical) der_put(&sequence, DER_BOOLEAN, SPAN_LITERAL("\xff"));
    der_put(&sequence, DER_OCTET_STRING, content);
    der_put(out, DER_SEQUENCE, buf_span(&sequence));
}

static void put_extensions(pu_buf *out, const forge *f, pu_span spki)
{
    static uint8_t list_bytes[PART_MAX], content_bytes[PART_MAX], whole_bytes[PART_MAX];
    pu_buf list = buf_of(list_bytes, sizeof list_bytes);
    pu_buf content = buf_of(content_bytes, sizeof content_bytes);
    pu_buf whole = buf_of(whole_bytes, sizeof whole_bytes);
    if (f->other.oid != NULL)
        put_extension(&list, span_of(f->other.oid, f->other.oid_len), f->other.is_critical,
                      f->other.content);
    if (f->content.len > 0) buf_put_span(&content, f->content);
    else put_signed_key(&content, f, spki);
    unsigned times = f->is_without ? 0 : f->times == 0 ? 1 : f->times;
    for (unsigned i = 0; i < times; i++)
        put_extension(&list, SPAN_LITERAL(OID_LIBP2P), f->is_critical, buf_span(&content));
    if (list.len == 0) return;
    der_put(&whole, DER_SEQUENCE, buf_span(&list));
    PU_ASSERT(!list.full && !content.full && !whole.full);
    der_put(out, DER_CONTEXT_3, buf_span(&whole));
}

static void put_time(pu_buf *out, const char *text)
{
    size_t len = strlen(text);
    der_put(out, len == 13 ? DER_UTC_TIME : DER_GENERALIZED_TIME, span_of(text, len));
}

static pu_span algorithm_of(const forge *f)
{
    return f->algorithm == NULL ? SPAN_LITERAL(ECDSA_SHA256)
                                : span_of(f->algorithm, f->algorithm_len);
}

static void put_tbs(pu_buf *out, const forge *f, pu_span spki)
{
    static uint8_t body[PART_MAX];
    uint8_t small[64], version = f->version == 0 ? 2 : (uint8_t)(f->version - 1);
    pu_buf tbs = buf_of(body, sizeof body), part = buf_of(small, sizeof small);
    pu_span name = f->has_no_names ? span_of(NULL, 0) : SPAN_LITERAL(NAME_CN_X);

    der_put(&part, DER_INTEGER, span_of(&version, 1));
    der_put(&tbs, DER_CONTEXT_0, buf_span(&part));
    der_put(&tbs, DER_INTEGER, SPAN_LITERAL("\x11\x22"));
    der_put(&tbs, DER_SEQUENCE, algorithm_of(f));
    der_put(&tbs, DER_SEQUENCE, name);
    part = buf_of(small, sizeof small);
    put_time(&part, f->from != NULL ? f->from : "200101000000Z");
    put_time(&part, f->until != NULL ? f->until : "40960101000000Z");
    der_put(&tbs, DER_SEQUENCE, buf_span(&part));
    der_put(&tbs, DER_SEQUENCE, name);
    buf_put_span(&tbs, spki);
    put_extensions(&tbs, f, spki);
    PU_ASSERT(!tbs.full && !part.full);
    der_put(out, DER_SEQUENCE, buf_span(&tbs));
}

/* The signature as a BIT STRING. */
static void put_signature(pu_buf *out, const forge *f, pu_span tbs)
{
    uint8_t memory[1 + 1024];
    pu_buf bits = buf_of(memory, sizeof memory);
    gnutls_datum_t text = {(unsigned char *)(uintptr_t)tbs.base, (unsigned)tbs.len}, signature;
    gnutls_privkey_t key = f->signed_by != NULL ? f->signed_by : f->key;
    gnutls_sign_algorithm_t algorithm = f->sign != 0 ? f->sign : GNUTLS_SIGN_ECDSA_SHA256;
    PU_ASSERT(gnutls_privkey_sign_data2(key, algorithm, 0, &text, &signature) == 0);
    buf_put_u8(&bits, 0);
    buf_put(&bits, signature.data, signature.size);
    gnutls_free(signature.data);
    der_put(out, DER_BIT_STRING, buf_span(&bits));
}

pu_span forge_cert(const forge *f, uint8_t *out)
{
    static uint8_t tbs_bytes[PART_MAX], body[FORGE_CERT_MAX - 8];
    uint8_t spki_bytes[SPKI_MAX];
    pu_span spki = f->spki.len > 0 ? f->spki : forge_spki(f->key, spki_bytes);
    pu_buf tbs = buf_of(tbs_bytes, sizeof tbs_bytes), parts = buf_of(body, sizeof body);
    pu_buf cert = buf_of(out, FORGE_CERT_MAX);
    put_tbs(&tbs, f, spki);
    buf_put_span(&parts, buf_span(&tbs));
    der_put(&parts, DER_SEQUENCE, algorithm_of(f));
    put_signature(&parts, f, buf_span(&tbs));
    PU_ASSERT(!tbs.full && !parts.full);
    der_put(&cert, DER_SEQUENCE, buf_span(&parts));
    PU_ASSERT(!cert.full);
    return buf_span(&cert);
}
