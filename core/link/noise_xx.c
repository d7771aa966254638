/* link/noise_xx.c - tokens of the XX pattern, walked by one function that writes and one that
 * reads, over the symmetric state of the Noise framework (section 5.2).
 */
#include "link/noise_xx.h"

/* Exactly as long as a hash, so it is the first h (section 5.2, InitializeSymmetric). */
static const char protocol_name[] = "Noise_XX_25519_ChaChaPoly_SHA256";

enum { KEY_BYTES = CRYPTO_X25519_BYTES, HASH_BYTES = CRYPTO_SHA256_BYTES };

_Static_assert(sizeof protocol_name - 1 == HASH_BYTES, "the name needs no hashing");

enum token { TOKEN_END = 0, TOKEN_E, TOKEN_S, TOKEN_EE, TOKEN_ES, TOKEN_SE };
enum { TOKENS_MAX = 4 };

static const uint8_t pattern[NOISE_XX_MESSAGES][TOKENS_MAX] = {
    {TOKEN_E},
    {TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES},
    {TOKEN_S, TOKEN_SE},
};

static void mix_hash(noise_xx *x, pu_span data)
{
    crypto_sha256(x->h, span_of(x->h, HASH_BYTES), data);
}

static void mix_key(noise_xx *x, const uint8_t secret[KEY_BYTES])
{
    uint8_t keys[2 * HASH_BYTES];
    crypto_hkdf_sha256(keys, sizeof keys, span_of(x->ck, HASH_BYTES), span_of(secret, KEY_BYTES),
                       (pu_span){NULL, 0});
    memcpy(x->ck, keys, HASH_BYTES);
    memcpy(x->k, keys + HASH_BYTES, HASH_BYTES);
    crypto_wipe(keys, sizeof keys);
    x->has_k = true;
    x->n = 0;
}

/* Appends plain, encrypted once there is a key. */
static void encrypt_and_hash(noise_xx *x, pu_buf *out, pu_span plain)
{
    size_t len = plain.len + (x->has_k ? CRYPTO_TAG_BYTES : 0);
    if (out->full || len > out->cap - out->len) {
        out->full = true;
        return;
    }
    uint8_t *at = out->base + out->len;
    if (x->has_k) crypto_seal(at, x->k, x->n++, span_of(x->h, HASH_BYTES), plain);
    else if (plain.len > 0) memcpy(at, plain.base, plain.len);
    out->len += len;
    mix_hash(x, span_of(at, len));
}

/* Takes what encrypt_and_hash made of len plain bytes off *in. */
static bool decrypt_and_hash(noise_xx *x, uint8_t *plain, size_t len, pu_span *in)
{
    size_t sealed_len = len + (x->has_k ? CRYPTO_TAG_BYTES : 0);
    if (in->len < sealed_len) return false;
    pu_span sealed = span_head(*in, sealed_len);
    if (x->has_k) {
        if (!crypto_open(plain, x->k, x->n++, span_of(x->h, HASH_BYTES), sealed)) return false;
    } else if (len > 0) {
        memcpy(plain, sealed.base, len);
    }
    mix_hash(x, sealed);
    *in = span_skip(*in, sealed_len);
    return true;
}

/* Mixes what both sides share through one of our keys and one of theirs. False: theirs is a point
 * of low order, which would share the same with everybody. */
static bool mix_dh(noise_xx *x, enum token token)
{
    bool is_ours_e = token == TOKEN_EE || (token == TOKEN_ES) == x->is_initiator;
    bool is_theirs_e = token == TOKEN_EE || (token == TOKEN_ES) != x->is_initiator;
    uint8_t shared[KEY_BYTES];
    bool is_good =
        crypto_x25519(shared, is_ours_e ? x->e_secret : x->s_secret, is_theirs_e ? x->re : x->rs);
    if (is_good) mix_key(x, shared);
    crypto_wipe(shared, sizeof shared);
    return is_good;
}

void noise_xx_start(noise_xx *x, bool is_initiator, pu_span prologue, const uint8_t e_seed[32],
                    const uint8_t s_seed[32])
{
    PU_ASSERT(x != NULL);
    *x = (noise_xx){.is_initiator = is_initiator, .next = 1};
    memcpy(x->h, protocol_name, HASH_BYTES);
    memcpy(x->ck, x->h, HASH_BYTES);
    mix_hash(x, prologue);
    crypto_x25519_keypair(x->e, x->e_secret, e_seed);
    crypto_x25519_keypair(x->s, x->s_secret, s_seed);
}

bool noise_xx_write(noise_xx *x, pu_buf *out, pu_span payload)
{
    PU_ASSERT(x->next >= 1);
    PU_ASSERT(x->next <= NOISE_XX_MESSAGES);
    PU_ASSERT((x->next % 2 == 1) == x->is_initiator);
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        enum token token = (enum token)pattern[x->next - 1][i];
        if (token == TOKEN_END) break;
        if (token == TOKEN_E) {
            buf_put(out, x->e, KEY_BYTES);
            mix_hash(x, span_of(x->e, KEY_BYTES));
        } else if (token == TOKEN_S) {
            encrypt_and_hash(x, out, span_of(x->s, KEY_BYTES));
        } else if (!mix_dh(x, token)) {
            return false;
        }
    }
    encrypt_and_hash(x, out, payload);
    x->next++;
    return !out->full;
}

bool noise_xx_read(noise_xx *x, uint8_t *payload, size_t *payload_len, pu_span message)
{
    PU_ASSERT(x->next >= 1);
    PU_ASSERT(x->next <= NOISE_XX_MESSAGES);
    PU_ASSERT((x->next % 2 == 0) == x->is_initiator);
    if (message.len < noise_xx_least(x->next)) return false;
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        enum token token = (enum token)pattern[x->next - 1][i];
        if (token == TOKEN_END) break;
        if (token == TOKEN_E) {
            memcpy(x->re, message.base, KEY_BYTES);
            mix_hash(x, span_of(x->re, KEY_BYTES));
            message = span_skip(message, KEY_BYTES);
        } else if (token == TOKEN_S) {
            if (!decrypt_and_hash(x, x->rs, KEY_BYTES, &message)) return false;
        } else if (!mix_dh(x, token)) {
            return false;
        }
    }
    *payload_len = message.len - (x->has_k ? CRYPTO_TAG_BYTES : 0);
    x->next++;
    return decrypt_and_hash(x, payload, *payload_len, &message);
}

size_t noise_xx_least(unsigned message)
{
    enum { SEALED_KEY = KEY_BYTES + CRYPTO_TAG_BYTES };
    PU_ASSERT(message >= 1);
    PU_ASSERT(message <= NOISE_XX_MESSAGES);
    if (message == 1) return KEY_BYTES;
    return (message == 2 ? KEY_BYTES : 0) + SEALED_KEY + CRYPTO_TAG_BYTES;
}

void noise_xx_split(const noise_xx *x, uint8_t from_initiator[32], uint8_t from_responder[32])
{
    uint8_t keys[2 * HASH_BYTES];
    PU_ASSERT(x->next == NOISE_XX_MESSAGES + 1);
    crypto_hkdf_sha256(keys, sizeof keys, span_of(x->ck, HASH_BYTES), (pu_span){NULL, 0},
                       (pu_span){NULL, 0});
    memcpy(from_initiator, keys, HASH_BYTES);
    memcpy(from_responder, keys + HASH_BYTES, HASH_BYTES);
    crypto_wipe(keys, sizeof keys);
}
