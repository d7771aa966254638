/* noise_prims_test.c - every case of Wycheproof for X25519, ChaCha20-Poly1305, HKDF-SHA256 and
 * HMAC-SHA256, flag by flag; and what our own forms of them add: Noise's nonce, its HKDF, outputs
 * that lie where inputs lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/noise_prims.h"
#include "crypto/real_bulk.h"
#include "tests/unit/hex.h"
#include "tests/unit/vector_flags.h"
#include "vectors/chacha20_poly1305.h"
#include "vectors/hkdf_sha256.h"
#include "vectors/hmac_sha256.h"
#include "vectors/x25519.h"

int noise_prims_test(void);

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const uint8_t zeros[CRYPTO_SHA256_BYTES] = {0};
static const pu_span nothing = {NULL, 0};

/* Points of low order share zero with everybody and are the only ones refused; twists and names
 * that are not canonical give what RFC 7748 says. */
static void x25519_shares_what_is_published(void **state)
{
    static const flag_expected rows[] = {
        {X25519_EDGE_CASE_MULTIPLICATION, 389, 5},
        {X25519_EDGE_CASE_PRIVATE_KEY, 7, 0},
        {X25519_EDGE_CASE_SHARED, 14, 0},
        {X25519_KTV, 3, 0},
        {X25519_LOW_ORDER_PUBLIC, 0, 31},
        {X25519_NON_CANONICAL_PUBLIC, 13, 6},
        {X25519_NORMAL, 1, 0},
        {X25519_SMALL_PUBLIC_KEY, 0, 8},
        {X25519_SPECIAL_PUBLIC_KEY, 67, 12},
        {X25519_TWIST, 216, 5},
        {X25519_ZERO_SHARED_SECRET, 0, 31},
    };
    flag_tally tally = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(x25519_vectors); i++) {
        const x25519_vector *v = &x25519_vectors[i];
        uint8_t shared[CRYPTO_X25519_BYTES];
        memset(shared, 0xa5, sizeof shared);
        bool is_good = crypto_x25519(shared, v->secret.base, v->public_key.base);
        if (memcmp(shared, v->shared.base, sizeof shared) != 0) fail_msg("tcId %d differs", v->id);
        if (is_good == (memcmp(shared, zeros, sizeof shared) == 0)) fail_msg("tcId %d", v->id);
        if (v->result == VECTOR_VALID) assert_true(is_good);
        flag_tally_add(&tally, v->flags, is_good);
        /* into the key's place */
        uint8_t place[CRYPTO_X25519_BYTES];
        memcpy(place, v->public_key.base, sizeof place);
        assert_int_equal(crypto_x25519(place, v->secret.base, place), is_good);
        assert_memory_equal(place, shared, sizeof place);
    }
    flag_tally_check(&tally, rows, COUNT_OF(rows), X25519_FLAG_COUNT);
}

/* RFC 7748 section 6.1: both sides of one exchange. */
static void x25519_pairs_agree(void **state)
{
    static const char *const seeds[2] = {
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"};
    static const char *const points[2] = {
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"};
    uint8_t seed[2][32], secret[2][32], public_key[2][32], point[32], shared[2][32];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        hex_bytes(seeds[i], seed[i], sizeof seed[i]);
        hex_bytes(points[i], point, sizeof point);
        crypto_x25519_keypair(public_key[i], secret[i], seed[i]);
        assert_memory_equal(secret[i], seed[i], sizeof secret[i]);
        assert_memory_equal(public_key[i], point, sizeof point);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_true(crypto_x25519(shared[i], secret[i], public_key[1 - i]));
    assert_memory_equal(shared[0], shared[1], sizeof shared[0]);
    crypto_x25519_keypair(public_key[0], seed[0], seed[0]); /* in place */
    assert_memory_equal(seed[0], secret[0], sizeof seed[0]);
}

enum { SEALED_MAX = 1024 };

/* A case of ChaCha20-Poly1305, both ways and in place; whether it opens. */
static bool aead_case(const chacha20_poly1305_vector *v)
{
    uint8_t sealed[SEALED_MAX], opened[SEALED_MAX];
    size_t len = v->plain.len;
    if (v->nonce.len != CRYPTO_NONCE_BYTES) return false; /* the interface takes one size */
    assert_int_equal(v->key.len, CRYPTO_KEY_BYTES);
    assert_true(len + CRYPTO_TAG_BYTES <= sizeof sealed);
    crypto_seal_nonce(sealed, v->key.base, v->nonce.base, v->ad, v->plain);
    bool is_same = span_equal(span_of(sealed, len + CRYPTO_TAG_BYTES), v->sealed);
    memset(opened, 0xa5, sizeof opened);
    bool is_good = crypto_open_nonce(opened, v->key.base, v->nonce.base, v->ad, v->sealed);
    if (is_good != is_same) fail_msg("tcId %d opens or seals wrongly", v->id);
    if (is_good) assert_true(span_equal(span_of(opened, len), v->plain));
    else if (len > 0) assert_memory_not_equal(opened, v->plain.base, len);
    for (size_t i = len; i < sizeof opened; i++) assert_int_equal(opened[i], 0xa5);

    uint8_t place[SEALED_MAX];
    if (len > 0) memcpy(place, v->plain.base, len);
    crypto_seal_nonce(place, v->key.base, v->nonce.base, v->ad, span_of(place, len));
    assert_memory_equal(place, sealed, len + CRYPTO_TAG_BYTES);
    pu_span whole = span_of(place, len + CRYPTO_TAG_BYTES);
    assert_true(crypto_open_nonce(place, v->key.base, v->nonce.base, v->ad, whole));
    if (len > 0) assert_memory_equal(place, v->plain.base, len);
    return is_good;
}

static void chacha20_poly1305_seals_and_opens_what_is_published(void **state)
{
    static const flag_expected rows[] = {
        {CHACHA20_POLY1305_EDGE_CASE_CIPHERTEXT, 24, 0},
        {CHACHA20_POLY1305_EDGE_CASE_POLY1305, 84, 0},
        {CHACHA20_POLY1305_EDGE_CASE_POLY_KEY, 20, 0},
        {CHACHA20_POLY1305_EDGE_CASE_TAG, 7, 0},
        {CHACHA20_POLY1305_INVALID_NONCE_SIZE, 0, 9},
        {CHACHA20_POLY1305_KTV, 1, 0},
        {CHACHA20_POLY1305_MODIFIED_TAG, 0, 60},
        {CHACHA20_POLY1305_PSEUDORANDOM, 120, 0},
    };
    flag_tally tally = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(chacha20_poly1305_vectors); i++) {
        const chacha20_poly1305_vector *v = &chacha20_poly1305_vectors[i];
        bool is_good = aead_case(v);
        if (is_good != (v->result == VECTOR_VALID)) fail_msg("tcId %d", v->id);
        flag_tally_add(&tally, v->flags, is_good);
    }
    flag_tally_check(&tally, rows, COUNT_OF(rows), CHACHA20_POLY1305_FLAG_COUNT);
}

/* Noise's nonce, against another implementation; then every bit of everything matters. */
static void sealing_by_counter_hears_of_every_change(void **state)
{
    static const uint64_t counter = UINT64_C(0x0102030405060708);
    uint8_t key[32], wanted[5 + CRYPTO_TAG_BYTES], sealed[sizeof wanted], out[sizeof wanted];
    uint8_t ad[] = {'a', 'd'};
    (void)state;
    for (unsigned i = 0; i < sizeof key; i++) key[i] = (uint8_t)i;
    hex_bytes("8025cc8dc55b82f2b05b6fc7e68af2621c3c89804c", wanted, sizeof wanted);
    crypto_seal(sealed, key, counter, span_of(ad, sizeof ad), SPAN_LITERAL("plain"));
    assert_memory_equal(sealed, wanted, sizeof wanted);
    pu_span whole = span_of(sealed, sizeof sealed), about = span_of(ad, sizeof ad);
    assert_true(crypto_open(out, key, counter, about, whole));
    assert_memory_equal(out, "plain", 5);
    for (unsigned bit = 0; bit < 8 * sizeof sealed; bit++) {
        uint8_t *const place[] = {sealed + bit / 8, key + bit / 8 % sizeof key, ad + bit / 8 % 2};
        for (unsigned p = 0; p < COUNT_OF(place); p++) {
            *place[p] ^= (uint8_t)(1u << bit % 8);
            assert_false(crypto_open(out, key, counter, about, whole));
            *place[p] ^= (uint8_t)(1u << bit % 8);
        }
        if (bit < 64)
            assert_false(crypto_open(out, key, counter ^ UINT64_C(1) << bit, about, whole));
    }
    for (size_t len = 0; len < sizeof sealed; len++)
        assert_false(crypto_open(out, key, counter, about, span_of(sealed, len)));
    assert_false(crypto_open(out, key, counter, nothing, whole));
    assert_true(crypto_open(out, key, counter, about, whole));
}

/* A tag alone is a message too: nothing, authenticated. */
static void nothing_can_be_sealed(void **state)
{
    uint8_t sealed[CRYPTO_TAG_BYTES], opened[1] = {7};
    (void)state;
    crypto_seal(sealed, zeros, 0, nothing, nothing);
    assert_true(crypto_open(opened, zeros, 0, nothing, span_of(sealed, sizeof sealed)));
    assert_false(crypto_open(opened, zeros, 1, nothing, span_of(sealed, sizeof sealed)));
    assert_int_equal(opened[0], 7);
}

enum { MESSAGE_MAX = 70000 };

/* A message of so many bytes, with ad: what libsodium makes of it, from wherever it is made; and
 * nothing that was changed opens. */
static void long_case(size_t len, pu_span ad)
{
    static uint8_t plain[MESSAGE_MAX], wanted[MESSAGE_MAX + CRYPTO_TAG_BYTES],
        sealed[sizeof wanted];
    const uint8_t nonce[CRYPTO_NONCE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, (uint8_t)len};
    const uint8_t key[CRYPTO_KEY_BYTES] = {9, 8, 7};
    pu_span whole = span_of(sealed, len + CRYPTO_TAG_BYTES);
    for (size_t i = 0; i < len; i++) plain[i] = (uint8_t)(i * 7 + i / 251);
    crypto_aead_chacha20poly1305_ietf_encrypt(wanted, NULL, plain, len, ad.base, ad.len, NULL,
                                              nonce, key);
    crypto_seal_nonce(sealed, key, nonce, ad, span_of(plain, len));
    assert_memory_equal(sealed, wanted, whole.len);
    memcpy(sealed, plain, len);
    crypto_seal_nonce(sealed, key, nonce, ad, span_of(sealed, len));
    assert_memory_equal(sealed, wanted, whole.len);
    for (size_t at = 0; at < whole.len; at += len / 3) {
        static uint8_t opened[MESSAGE_MAX];
        memset(opened, 0xa5, sizeof opened);
        sealed[at] ^= 1;
        assert_false(crypto_open_nonce(opened, key, nonce, ad, whole));
        assert_memory_not_equal(opened, plain, len);
        for (size_t i = len; i < len + 64 && i < MESSAGE_MAX; i++)
            assert_int_equal(opened[i], 0xa5);
        sealed[at] ^= 1;
    }
    assert_true(crypto_open_nonce(sealed, key, nonce, ad, whole));
    assert_memory_equal(sealed, plain, len);
}

static void long_messages_are_libsodiums(void **state)
{
    static const size_t lens[] = {2047,  2048,  2049,  2111,  4095,  4096, 8191,
                                  16384, 65518, 65519, 65535, 65536, 69999};
    _Static_assert(BULK_LEAST_BYTES == 2048, "the cases begin below");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        long_case(lens[i], nothing);
        long_case(lens[i], SPAN_LITERAL("about it"));
        long_case(lens[i], span_of(zeros, sizeof zeros));
    }
}

/* A forged long message leaves nothing of what it decrypted to. */
static void a_forged_long_message_leaves_zeros(void **state)
{
    static uint8_t plain[4096], sealed[sizeof plain + CRYPTO_TAG_BYTES], out[sizeof plain];
    const uint8_t nonce[CRYPTO_NONCE_BYTES] = {0};
    (void)state;
    memset(plain, 0x5a, sizeof plain);
    assert_int_equal(bulk_seal(sealed, zeros, nonce, nothing, span_of(plain, sizeof plain)),
                     BULK_DONE);
    assert_int_equal(bulk_open(out, zeros, nonce, nothing, span_of(sealed, sizeof sealed)),
                     BULK_DONE);
    assert_memory_equal(out, plain, sizeof plain);
    sealed[sizeof plain + 3] ^= 0x80; /* the tag alone */
    assert_int_equal(bulk_open(out, zeros, nonce, nothing, span_of(sealed, sizeof sealed)),
                     BULK_FORGED);
    for (size_t i = 0; i < sizeof out; i++) assert_int_equal(out[i], 0);
}

/* How many other cases derive the same bytes. */
static unsigned hkdf_twins(const hkdf_sha256_vector *v)
{
    unsigned twins = 0;
    for (size_t i = 0; i < COUNT_OF(hkdf_sha256_vectors); i++)
        twins += &hkdf_sha256_vectors[i] != v && span_equal(hkdf_sha256_vectors[i].okm, v->okm);
    return twins;
}

/* A case of HKDF; whether it may be asked at all. */
static bool hkdf_case(const hkdf_sha256_vector *v)
{
    static uint8_t out[CRYPTO_HKDF_BYTES_MAX + 1], again[CRYPTO_HKDF_BYTES_MAX];
    if (v->size > CRYPTO_HKDF_BYTES_MAX) return false;
    memset(out, 0xa5, sizeof out);
    crypto_hkdf_sha256(out, v->size, v->salt, v->ikm, v->info);
    assert_int_equal(out[v->size], 0xa5);
    if (!span_equal(span_of(out, v->size), v->okm)) fail_msg("tcId %d differs", v->id);
    if (v->flags & HKDF_SHA256_MAXIMAL_OUTPUT_SIZE)
        assert_int_equal(v->size, CRYPTO_HKDF_BYTES_MAX);
    if (v->flags & HKDF_SHA256_EMPTY_SALT) {
        assert_int_equal(v->salt.len, 0);
        crypto_hkdf_sha256(again, v->size, span_of(zeros, sizeof zeros), v->ikm, v->info);
        assert_memory_equal(again, out, v->size);
    }
    if (v->flags & HKDF_SHA256_OUTPUT_COLLISION) assert_true(hkdf_twins(v) > 0);
    return true;
}

static void hkdf_derives_what_is_published(void **state)
{
    static const flag_expected rows[] = {
        {HKDF_SHA256_EMPTY_SALT, 23, 0},    {HKDF_SHA256_MAXIMAL_OUTPUT_SIZE, 3, 0},
        {HKDF_SHA256_NORMAL, 66, 0},        {HKDF_SHA256_OUTPUT_COLLISION, 11, 0},
        {HKDF_SHA256_SIZE_TOO_LARGE, 0, 3},
    };
    flag_tally tally = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hkdf_sha256_vectors); i++) {
        const hkdf_sha256_vector *v = &hkdf_sha256_vectors[i];
        bool is_good = hkdf_case(v);
        assert_int_equal(is_good, v->result == VECTOR_VALID);
        flag_tally_add(&tally, v->flags, is_good);
    }
    flag_tally_check(&tally, rows, COUNT_OF(rows), HKDF_SHA256_FLAG_COUNT);
}

/* Noise section 4.3, step by step, against one call. */
static void noises_hkdf_is_one_call(void **state)
{
    uint8_t key[32], out[96], block[32], input[33];
    pu_span salt = SPAN_LITERAL("Noise_XX_25519_ChaChaPoly_SHA256");
    pu_span ikm = span_of("\x01\x02\x03", 3);
    (void)state;
    crypto_hkdf_sha256(out, sizeof out, salt, ikm, nothing);
    crypto_hmac_sha256(key, salt, ikm, nothing);
    pu_span under = span_of(key, sizeof key);
    for (uint8_t n = 1; n <= 3; n++) {
        memcpy(input, block, n > 1 ? sizeof block : 0);
        pu_span before = span_of(input, n > 1 ? sizeof block : 0);
        crypto_hmac_sha256(block, under, before, span_of(&n, 1));
        assert_memory_equal(out + 32 * (n - 1), block, sizeof block);
    }
    uint8_t two[64], place[64]; /* two outputs are the first of three; the salt may be the place */
    crypto_hkdf_sha256(two, sizeof two, salt, ikm, nothing);
    assert_memory_equal(two, out, sizeof two);
    memcpy(place, salt.base, 32);
    crypto_hkdf_sha256(place, sizeof place, span_of(place, 32), ikm, nothing);
    assert_memory_equal(place, two, sizeof two);
    crypto_hkdf_sha256(NULL, 0, salt, ikm, nothing);
}

/* Tags may be the first half of the code; changed ones never agree. */
static void hmac_is_what_is_published(void **state)
{
    static const flag_expected rows[] = {{HMAC_SHA256_MODIFIED_TAG, 0, 108},
                                         {HMAC_SHA256_PSEUDORANDOM, 66, 0}};
    flag_tally tally = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hmac_sha256_vectors); i++) {
        const hmac_sha256_vector *v = &hmac_sha256_vectors[i];
        uint8_t code[CRYPTO_SHA256_BYTES], cut[CRYPTO_SHA256_BYTES];
        size_t half = v->message.len / 2;
        crypto_hmac_sha256(code, v->key, v->message, nothing);
        crypto_hmac_sha256(cut, v->key, span_head(v->message, half), span_skip(v->message, half));
        assert_memory_equal(cut, code, sizeof code);
        assert_true(v->tag.len == 16 || v->tag.len == 32);
        bool is_good = memcmp(code, v->tag.base, v->tag.len) == 0;
        if (is_good != (v->result == VECTOR_VALID)) fail_msg("tcId %d", v->id);
        flag_tally_add(&tally, v->flags, is_good);
    }
    flag_tally_check(&tally, rows, COUNT_OF(rows), HMAC_SHA256_FLAG_COUNT);
}

/* FIPS 180-4's examples, cut anywhere; and the hash in its input's place. */
static void sha256_is_of_both_parts(void **state)
{
    static const char *const hashes[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"};
    const pu_span texts[] = {
        nothing, SPAN_LITERAL("abc"),
        SPAN_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")};
    (void)state;
    for (unsigned t = 0; t < COUNT_OF(texts); t++) {
        uint8_t wanted[32], hash[32], place[64];
        hex_bytes(hashes[t], wanted, sizeof wanted);
        for (size_t cut = 0; cut <= texts[t].len; cut++) {
            crypto_sha256(hash, span_head(texts[t], cut), span_skip(texts[t], cut));
            assert_memory_equal(hash, wanted, sizeof wanted);
        }
        if (texts[t].len > 0) memcpy(place, texts[t].base, texts[t].len);
        crypto_sha256(place, span_of(place, texts[t].len), nothing);
        assert_memory_equal(place, wanted, sizeof wanted);
    }
}

static void wiping_leaves_zeros_and_nothing_else(void **state)
{
    uint8_t memory[34];
    (void)state;
    memset(memory, 0xa5, sizeof memory);
    crypto_wipe(memory + 1, 32);
    crypto_wipe(NULL, 0);
    assert_memory_equal(memory + 1, zeros, 32);
    assert_int_equal(memory[0], 0xa5);
    assert_int_equal(memory[33], 0xa5);
}

int noise_prims_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x25519_shares_what_is_published),
        cmocka_unit_test(x25519_pairs_agree),
        cmocka_unit_test(chacha20_poly1305_seals_and_opens_what_is_published),
        cmocka_unit_test(sealing_by_counter_hears_of_every_change),
        cmocka_unit_test(nothing_can_be_sealed),
        cmocka_unit_test(long_messages_are_libsodiums),
        cmocka_unit_test(a_forged_long_message_leaves_zeros),
        cmocka_unit_test(hkdf_derives_what_is_published),
        cmocka_unit_test(noises_hkdf_is_one_call),
        cmocka_unit_test(hmac_is_what_is_published),
        cmocka_unit_test(sha256_is_of_both_parts),
        cmocka_unit_test(wiping_leaves_zeros_and_nothing_else),
    };
    return cmocka_run_group_tests_name("noise_prims", tests, NULL, NULL);
}
