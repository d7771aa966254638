/* crypto_test.c - both tables of primitives: Wycheproof for Ed25519 by the real one, and for
 * both that what is signed verifies and what is changed afterwards does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peerup/crypto.h"
#include "tests/unit/vector_flags.h"
#include "vectors/ed25519.h"

int crypto_test(void);

static const uint8_t seed_one[PU_ED25519_SEED_BYTES] = {1};
static const uint8_t seed_two[PU_ED25519_SEED_BYTES] = {2};

/* A table of either kind. */
typedef struct subject {
    pu_crypto crypto;
    pu_crypto_real real;
    pu_crypto_model model;
} subject;

static void start_real(subject *s, const uint8_t *seed)
{
    assert_int_equal(pu_crypto_real_init(&s->crypto, &s->real, seed), PU_OK);
}

static void start_model(subject *s, const uint8_t *seed)
{
    pu_crypto_model_init(&s->crypto, &s->model, seed);
}

typedef void start_fn(subject *s, const uint8_t *seed);
static start_fn *const starts[] = {start_real, start_model};
enum { START_COUNT = sizeof starts / sizeof starts[0] };

static bool verifies(const subject *s, const uint8_t *key, pu_span message,
                     const uint8_t *signature)
{
    return s->crypto.verify(s->crypto.ctx, key, message, signature);
}

static void published_signatures_verify_and_forged_ones_do_not(void **state)
{
    static const flag_expected rows[] = {
        {ED25519_COMPRESSED_SIGNATURE, 0, 4},
        {ED25519_INVALID_ENCODING, 0, 22},
        {ED25519_INVALID_KTV, 0, 1},
        {ED25519_INVALID_SIGNATURE, 0, 20},
        {ED25519_KTV, 38, 0},
        {ED25519_SIGNATURE_MALLEABILITY, 0, 8},
        {ED25519_SIGNATURE_WITH_GARBAGE, 0, 5},
        {ED25519_TINK_OVERFLOW, 32, 0},
        {ED25519_TRUNCATED_SIGNATURE, 0, 3},
        {ED25519_VALID, 18, 0},
    };
    flag_tally tally = {0};
    subject s;
    (void)state;
    start_real(&s, seed_one);
    for (size_t i = 0; i < sizeof ed25519_vectors / sizeof ed25519_vectors[0]; i++) {
        const ed25519_vector *v = &ed25519_vectors[i];
        assert_int_equal(v->key.len, PU_ED25519_KEY_BYTES);
        /* the interface takes signatures of one size: others cannot be handed over */
        bool good = v->signature.len == PU_ED25519_SIGNATURE_BYTES &&
                    verifies(&s, v->key.base, v->message, v->signature.base);
        if (good != (v->result == VECTOR_VALID)) fail_msg("tcId %d", v->id);
        flag_tally_add(&tally, v->flags, good);
    }
    flag_tally_check(&tally, rows, sizeof rows / sizeof rows[0], ED25519_FLAG_COUNT);
}

static void another_implementations_signature_is_reproduced(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ed25519_signed_vectors / sizeof ed25519_signed_vectors[0]; i++) {
        const ed25519_signed *v = &ed25519_signed_vectors[i];
        subject s;
        uint8_t signature[PU_ED25519_SIGNATURE_BYTES];
        start_real(&s, v->seed.base);
        s.crypto.sign(s.crypto.ctx, signature, v->message);
        assert_int_equal(v->signature.len, sizeof signature);
        assert_memory_equal(signature, v->signature.base, sizeof signature);
    }
}

/* A point of order two or four signs everything for whoever knows that it is one. */
static void small_order_keys_are_refused(void **state)
{
    static const uint8_t keys[][32] = {{0},
                                       {1}};  /* y = 0: order four; y = 1: the neutral element */
    static const uint8_t signature[64] = {1}; /* R is the neutral element, S is 0 */
    (void)state;
    subject s;
    start_real(&s, seed_one);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_false(verifies(&s, keys[i], SPAN_LITERAL("any message"), signature));
}

/* A model signature of key over message, as whoever knows the model can make it for any key. */
static void model_forge(const uint8_t *key, pu_span message, uint8_t signature[64])
{
    subject s;
    start_model(&s, seed_one);
    memcpy(s.model.key, key, sizeof s.model.key);
    s.crypto.sign(s.crypto.ctx, signature, message);
}

/* y of the points of small order and of what is not canonical; each with either sign of x. */
static void the_model_refuses_the_keys_that_the_real_one_refuses(void **state)
{
    static const uint8_t low[][32] = {
        {0},
        {1},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    };
    (void)state;
    pu_span text = SPAN_LITERAL("any message");
    uint8_t keys[2 * (4 + 20)][32], signature[64];
    size_t count = 0;
    subject real, model;
    for (size_t i = 0; i < 4; i++) memcpy(keys[count++], low[i], 32);
    for (unsigned y = 0xec; y <= 0xff; y++) { /* p - 1, then everything from p to 2^255 - 1 */
        memset(keys[count], 0xff, 32);
        keys[count][0] = (uint8_t)y;
        keys[count++][31] = 0x7f;
    }
    for (size_t i = 0, half = count; i < half; i++) {
        memcpy(keys[count], keys[i], 32);
        keys[count++][31] |= 0x80;
    }
    start_real(&real, seed_one);
    start_model(&model, seed_one);
    for (size_t i = 0; i < count; i++) {
        static const uint8_t neutral[64] = {1}; /* R is the neutral element, S is 0 */
        assert_false(verifies(&real, keys[i], text, neutral));
        model_forge(keys[i], text, signature);
        assert_false(verifies(&model, keys[i], text, signature));
    }
    /* what is refused is the key: the forgery of another key holds */
    memset(keys[0], 0x55, 32);
    model_forge(keys[0], text, signature);
    assert_true(verifies(&model, keys[0], text, signature));
}

/* S plus the group's order says the same and must not be accepted; a model signature's S is below
 * it like any other. */
static void an_s_that_is_not_canonical_is_refused(void **state)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    (void)state;
    for (size_t t = 0; t < START_COUNT; t++) {
        for (uint8_t round = 0; round < 32; round++) {
            uint8_t key[32], signature[64];
            pu_span text = span_of(&round, 1);
            subject s;
            starts[t](&s, seed_two);
            s.crypto.public_key(s.crypto.ctx, key);
            s.crypto.sign(s.crypto.ctx, signature, text);
            assert_true(signature[63] <= 0x10);
            assert_true(verifies(&s, key, text, signature));
            unsigned carry = 0;
            for (size_t i = 0; i < 32; i++) {
                carry += (unsigned)signature[32 + i] + order[i];
                signature[32 + i] = (uint8_t)carry;
                carry >>= 8;
            }
            assert_int_equal(carry, 0);
            assert_false(verifies(&s, key, text, signature));
        }
    }
}

/* What the real table refuses of the published vectors, the model refuses too: nothing that was not
 * made for it passes. */
static void the_model_accepts_no_published_forgery(void **state)
{
    (void)state;
    subject real, model;
    start_real(&real, seed_one);
    start_model(&model, seed_one);
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof ed25519_vectors / sizeof ed25519_vectors[0]; i++) {
        const ed25519_vector *v = &ed25519_vectors[i];
        if (v->signature.len != PU_ED25519_SIGNATURE_BYTES) continue;
        if (verifies(&real, v->key.base, v->message, v->signature.base)) continue;
        refused++;
        assert_false(verifies(&model, v->key.base, v->message, v->signature.base));
    }
    assert_true(refused >= 50);
}

/* CVE-2019-15545: every signature was accepted. */
static void every_mutation_is_caught(void **state)
{
    (void)state;
    for (size_t t = 0; t < START_COUNT; t++) {
        uint8_t key[32], signature[64], message[33] = {7};
        pu_span text = span_of(message, sizeof message);
        subject s;
        starts[t](&s, seed_one);
        s.crypto.public_key(s.crypto.ctx, key);
        s.crypto.sign(s.crypto.ctx, signature, text);
        assert_true(verifies(&s, key, text, signature));
        for (size_t bit = 0; bit < 8; bit++) {
            for (size_t i = 0; i < 64; i++) {
                uint8_t flip = (uint8_t)(1u << bit);
                signature[i] ^= flip;
                assert_false(verifies(&s, key, text, signature));
                signature[i] ^= flip;
                if (i < sizeof message) message[i] ^= flip;
                if (i < sizeof message) assert_false(verifies(&s, key, text, signature));
                if (i < sizeof message) message[i] ^= flip;
                if (i < sizeof key) key[i] ^= flip;
                if (i < sizeof key) assert_false(verifies(&s, key, text, signature));
                if (i < sizeof key) key[i] ^= flip;
            }
        }
        for (size_t len = 0; len < sizeof message; len++)
            assert_false(verifies(&s, key, span_of(message, len), signature));
        assert_true(verifies(&s, key, text, signature));
    }
}

static void empty_messages_are_messages(void **state)
{
    (void)state;
    for (size_t t = 0; t < START_COUNT; t++) {
        uint8_t key[32], signature[64];
        subject s;
        starts[t](&s, seed_two);
        s.crypto.public_key(s.crypto.ctx, key);
        s.crypto.sign(s.crypto.ctx, signature, (pu_span){NULL, 0});
        assert_true(verifies(&s, key, (pu_span){NULL, 0}, signature));
        assert_false(verifies(&s, key, SPAN_LITERAL("x"), signature));
    }
}

static void anybody_verifies_and_keys_follow_the_seed(void **state)
{
    (void)state;
    for (size_t t = 0; t < START_COUNT; t++) {
        uint8_t key_one[32], key_two[32], again[32], signature[64];
        subject one, two, one_again;
        starts[t](&one, seed_one);
        starts[t](&two, seed_two);
        starts[t](&one_again, seed_one);
        one.crypto.public_key(one.crypto.ctx, key_one);
        two.crypto.public_key(two.crypto.ctx, key_two);
        one_again.crypto.public_key(one_again.crypto.ctx, again);
        assert_memory_equal(key_one, again, sizeof again);
        assert_memory_not_equal(key_one, key_two, sizeof key_two);
        one.crypto.sign(one.crypto.ctx, signature, SPAN_LITERAL("hello"));
        assert_true(verifies(&two, key_one, SPAN_LITERAL("hello"), signature));
        assert_false(verifies(&two, key_two, SPAN_LITERAL("hello"), signature));
    }
}

/* No more than len bytes are written, and two draws never agree. */
static void random_fills_what_it_is_asked_for(void **state)
{
    (void)state;
    for (size_t t = 0; t < START_COUNT; t++) {
        subject s;
        starts[t](&s, seed_one);
        for (size_t len = 0; len < 100; len++) {
            uint8_t first[100], second[100];
            memset(first, 0xa5, sizeof first);
            memset(second, 0xa5, sizeof second);
            s.crypto.random(s.crypto.ctx, first, len);
            s.crypto.random(s.crypto.ctx, second, len);
            for (size_t i = len; i < sizeof first; i++) assert_int_equal(first[i], 0xa5);
            if (len >= 16) assert_memory_not_equal(first, second, len);
            if (len >= 64) assert_memory_not_equal(first, first + 32, 32);
        }
    }
}

static void the_models_randomness_is_its_seeds(void **state)
{
    (void)state;
    subject a, b, other;
    uint8_t from_a[80], from_b[80], from_other[80];
    start_model(&a, seed_one);
    start_model(&b, seed_one);
    start_model(&other, seed_two);
    for (int draw = 0; draw < 3; draw++) {
        a.crypto.random(a.crypto.ctx, from_a, sizeof from_a);
        b.crypto.random(b.crypto.ctx, from_b, sizeof from_b);
        other.crypto.random(other.crypto.ctx, from_other, sizeof from_other);
        assert_memory_equal(from_a, from_b, sizeof from_b);
        assert_memory_not_equal(from_a, from_other, sizeof from_other);
    }
    assert_int_equal(a.model.drawn, 9);
}

static void closing_wipes_the_key(void **state)
{
    static const pu_crypto_real wiped = {{0}};
    (void)state;
    subject s;
    start_real(&s, seed_one);
    assert_memory_not_equal(&s.real, &wiped, sizeof wiped);
    pu_crypto_real_close(&s.real);
    assert_memory_equal(&s.real, &wiped, sizeof wiped);
}

int crypto_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_signatures_verify_and_forged_ones_do_not),
        cmocka_unit_test(another_implementations_signature_is_reproduced),
        cmocka_unit_test(small_order_keys_are_refused),
        cmocka_unit_test(the_model_refuses_the_keys_that_the_real_one_refuses),
        cmocka_unit_test(an_s_that_is_not_canonical_is_refused),
        cmocka_unit_test(the_model_accepts_no_published_forgery),
        cmocka_unit_test(every_mutation_is_caught),
        cmocka_unit_test(empty_messages_are_messages),
        cmocka_unit_test(anybody_verifies_and_keys_follow_the_seed),
        cmocka_unit_test(random_fills_what_it_is_asked_for),
        cmocka_unit_test(the_models_randomness_is_its_seeds),
        cmocka_unit_test(closing_wipes_the_key),
    };
    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
