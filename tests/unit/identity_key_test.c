/* identity_key_test.c - the proof of a peer's identity: what is a key, whose it is, and that absurd
 * ones cost nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/varint.h"
#include "ident/identity_key.h"
#include "vectors/identity_keys.h"

int identity_key_test(void);

#define MESSAGE SPAN_LITERAL("noise-libp2p-static-key: and a key")

/* A signer with the real table, its key as peers see it, and a signature over MESSAGE. */
typedef struct signer {
    pu_crypto crypto;
    pu_crypto_real real;
    uint8_t key[PU_ED25519_KEY_BYTES], pb[PU_PUBLIC_KEY_PB_BYTES];
    uint8_t signature[PU_ED25519_SIGNATURE_BYTES];
} signer;

static void signer_init(signer *s, uint8_t seed_byte)
{
    uint8_t seed[PU_ED25519_SEED_BYTES];
    memset(seed, seed_byte, sizeof seed);
    assert_int_equal(pu_crypto_real_init(&s->crypto, &s->real, seed), PU_OK);
    s->crypto.public_key(s->crypto.ctx, s->key);
    pu_public_key_pb(s->pb, s->key);
    s->crypto.sign(s->crypto.ctx, s->signature, MESSAGE);
}

/* A refusal leaves no id behind. */
static bool verifies(const signer *s, pu_span pb, pu_span message, pu_span signature)
{
    pu_peer_id id;
    memset(&id, 0xa5, sizeof id);
    bool good = identity_key_verify(&s->crypto, pb, message, signature, &id);
    assert_int_equal(good, id.len > 0);
    return good;
}

static pu_span pb_of(const signer *s)
{
    return span_of(s->pb, sizeof s->pb);
}

static pu_span signature_of(const signer *s)
{
    return span_of(s->signature, sizeof s->signature);
}

static void the_owners_signature_gives_its_id(void **state)
{
    (void)state;
    signer s;
    pu_peer_id id, want;
    signer_init(&s, 1);
    assert_true(identity_key_verify(&s.crypto, pb_of(&s), MESSAGE, signature_of(&s), &id));
    pu_peer_id_from_ed25519(&want, s.key);
    assert_true(pu_peer_id_equal(&id, &want));
    char text[PU_PEER_ID_TEXT_MAX];
    pu_peer_id_text(&id, PU_PEER_BASE58, text);
    assert_string_equal(text, "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5");
}

static void forged_signatures_are_refused(void **state)
{
    (void)state;
    signer s, other;
    signer_init(&s, 1);
    signer_init(&other, 2);
    assert_true(verifies(&s, pb_of(&s), MESSAGE, signature_of(&s)));
    assert_false(verifies(&s, pb_of(&s), MESSAGE, signature_of(&other)));
    assert_false(verifies(&s, pb_of(&other), MESSAGE, signature_of(&s)));
    assert_false(verifies(&s, pb_of(&s), SPAN_LITERAL("another text"), signature_of(&s)));
    assert_false(verifies(&s, pb_of(&s), MESSAGE, (pu_span){NULL, 0}));
    for (size_t bit = 0; bit < 8 * sizeof s.signature; bit++) {
        s.signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(verifies(&s, pb_of(&s), MESSAGE, signature_of(&s)));
        s.signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void signatures_of_other_lengths_are_refused(void **state)
{
    (void)state;
    uint8_t longer[IDENTITY_SIGNATURE_MAX + 1] = {0};
    signer s;
    signer_init(&s, 1);
    memcpy(longer, s.signature, sizeof s.signature);
    for (size_t len = 0; len <= sizeof longer; len++)
        assert_int_equal(verifies(&s, pb_of(&s), MESSAGE, span_of(longer, len)), len == 64);
}

/* Another encoding of the same key would have another id. */
static void only_the_canonical_encoding_is_a_key(void **state)
{
    (void)state;
    signer s;
    signer_init(&s, 1);
    static const uint8_t heads[][7] = {
        {4, 0x08, 0x00, 0x12, 0x20},             /* an RSA key of 32 bytes */
        {4, 0x08, 0x02, 0x12, 0x20},             /* secp256k1 likewise */
        {4, 0x08, 0x03, 0x12, 0x20},             /* ECDSA likewise */
        {4, 0x08, 0x04, 0x12, 0x20},             /* a type that does not exist */
        {4, 0x08, 0xff, 0x12, 0x20},             /* one that is not a varint */
        {5, 0x08, 0x81, 0x00, 0x12, 0x20},       /* the type, not minimal */
        {5, 0x08, 0x01, 0x12, 0xa0, 0x00},       /* the length, not minimal */
        {4, 0x08, 0x01, 0x1a, 0x20},             /* another field */
        {4, 0x08, 0x01, 0x12, 0x1f},             /* a length that is short by one */
        {4, 0x08, 0x01, 0x12, 0x21},             /* and one that is long by one */
        {2, 0x12, 0x20},                         /* no type */
        {6, 0x08, 0x01, 0x08, 0x01, 0x12, 0x20}, /* the type twice */
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        uint8_t bytes[64];
        pu_buf pb = buf_of(bytes, sizeof bytes);
        buf_put(&pb, heads[i] + 1, heads[i][0]);
        buf_put(&pb, s.key, sizeof s.key);
        assert_false(verifies(&s, buf_span(&pb), MESSAGE, signature_of(&s)));
    }
    uint8_t longer[PU_PUBLIC_KEY_PB_BYTES + 2] = {0};
    memcpy(longer, s.pb, sizeof s.pb);
    longer[sizeof s.pb] = 0x18; /* an unknown field at the end */
    for (size_t len = 0; len <= sizeof longer; len++) {
        uint8_t key[PU_ED25519_KEY_BYTES];
        pu_span pb = span_of(longer, len);
        assert_int_equal(verifies(&s, pb, MESSAGE, signature_of(&s)), len == sizeof s.pb);
        assert_int_equal(identity_key_ed25519(key, pb), len == sizeof s.pb);
    }
}

static void keys_of_the_specification_are_read(void **state)
{
    static const enum identity_key_type types[] = {IDENTITY_ECDSA, IDENTITY_ED25519,
                                                   IDENTITY_SECP256K1, IDENTITY_RSA};
    (void)state;
    signer s;
    signer_init(&s, 1);
    enum { COUNT = sizeof identity_key_vectors / sizeof identity_key_vectors[0] };
    assert_int_equal(COUNT, 4);
    for (size_t i = 0; i < COUNT; i++) {
        const identity_key_vector *v = &identity_key_vectors[i];
        identity_key key;
        uint8_t raw[PU_ED25519_KEY_BYTES];
        assert_true(identity_key_read(&key, v->public_key));
        assert_int_equal(key.type, types[i]);
        assert_int_equal(identity_key_ed25519(raw, v->public_key), types[i] == IDENTITY_ED25519);
        assert_false(verifies(&s, v->public_key, MESSAGE, signature_of(&s)));
    }
}

static void small_order_keys_prove_nothing(void **state)
{
    static const uint8_t neutral[64] = {1}; /* R is the neutral element, S is 0 */
    (void)state;
    signer s;
    signer_init(&s, 1);
    for (uint8_t y = 0; y < 2; y++) {
        uint8_t key[32] = {y}, pb[PU_PUBLIC_KEY_PB_BYTES];
        pu_public_key_pb(pb, key);
        assert_false(verifies(&s, span_of(pb, sizeof pb), MESSAGE, span_of(neutral, 64)));
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * PU_S + (uint64_t)t.tv_nsec;
}

/* CVE-2023-39533: RSA keys of 16,384 and 65,536 bits with a signature of their size. One
 * may take a millisecond. */
static void huge_rsa_keys_cost_nothing(void **state)
{
    static const uint32_t bits[] = {8224, 16384, 65536};
    static uint8_t bytes[16384], signature[8192];
    (void)state;
    signer s;
    signer_init(&s, 1);
    memset(signature, 0x5a, sizeof signature);
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        size_t data_len = bits[i] / 8 + 38;
        pu_buf pb = buf_of(bytes, sizeof bytes);
        buf_put(&pb, "\x08\x00\x12", 3);
        varint_put(&pb, data_len);
        memset(bytes + pb.len, 0x5a, data_len);
        pb.len += data_len;
        uint64_t start = cpu_ns();
        for (int round = 0; round < 1000; round++)
            assert_false(verifies(&s, buf_span(&pb), MESSAGE, span_of(signature, bits[i] / 8)));
        assert_true(cpu_ns() - start < 1000 * PU_MS);
        identity_key key;
        assert_false(identity_key_read(&key, buf_span(&pb)));
    }
}

int identity_key_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owners_signature_gives_its_id),
        cmocka_unit_test(forged_signatures_are_refused),
        cmocka_unit_test(signatures_of_other_lengths_are_refused),
        cmocka_unit_test(only_the_canonical_encoding_is_a_key),
        cmocka_unit_test(keys_of_the_specification_are_read),
        cmocka_unit_test(small_order_keys_prove_nothing),
        cmocka_unit_test(huge_rsa_keys_cost_nothing),
    };
    return cmocka_run_group_tests_name("identity_key", tests, NULL, NULL);
}
