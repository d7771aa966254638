/* crypto/real_bulk.c - ChaCha20-Poly1305 of long messages by libcrypto, see real_bulk.h.
 *
 * A context is made for each message and freed with it, so that there is no state between calls and
 * none that threads share. libcrypto wipes it. It is told not to read its configuration file, which
 * is of the machine and not an argument.
 */
#include "crypto/real_bulk.h"

#include "base/bytes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum bulk_way { BULK_OPEN = 0, BULK_SEAL = 1 };

/* A context for key and nonce that has seen ad. NULL: no memory. */
static EVP_CIPHER_CTX *begin(enum bulk_way way, const uint8_t *key, const uint8_t *nonce,
                             pu_span ad)
{
    int len = 0;
    PU_ASSERT(ad.len <= BULK_MOST_BYTES);
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (c == NULL) return NULL;
    bool is_good = EVP_CipherInit_ex(c, EVP_chacha20_poly1305(), NULL, key, nonce, (int)way) == 1;
    if (is_good && ad.len > 0) is_good = EVP_CipherUpdate(c, NULL, &len, ad.base, (int)ad.len) == 1;
    if (is_good) return c;
    EVP_CIPHER_CTX_free(c);
    return NULL;
}

/* From here on nothing asks for memory. */
static void crypt(EVP_CIPHER_CTX *c, uint8_t *out, pu_span in)
{
    int len = 0;
    int is_good = EVP_CipherUpdate(c, out, &len, in.base, (int)in.len);
    PU_ASSERT(is_good == 1);
    PU_ASSERT((size_t)len == in.len);
}

enum bulk_verdict bulk_seal(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES],
                            const uint8_t nonce[CRYPTO_NONCE_BYTES], pu_span ad, pu_span plain)
{
    PU_ASSERT(plain.len >= BULK_LEAST_BYTES);
    PU_ASSERT(plain.len <= BULK_MOST_BYTES);
    int len = 0;
    EVP_CIPHER_CTX *c = begin(BULK_SEAL, key, nonce, ad);
    if (c == NULL) return BULK_UNABLE;
    crypt(c, out, plain);
    int is_good = EVP_CipherFinal_ex(c, out + plain.len, &len);
    PU_ASSERT(is_good == 1);
    is_good = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG_BYTES, out + plain.len);
    PU_ASSERT(is_good == 1);
    EVP_CIPHER_CTX_free(c);
    return BULK_DONE;
}

enum bulk_verdict bulk_open(uint8_t *out, const uint8_t key[CRYPTO_KEY_BYTES],
                            const uint8_t nonce[CRYPTO_NONCE_BYTES], pu_span ad, pu_span sealed)
{
    PU_ASSERT(sealed.len >= BULK_LEAST_BYTES + CRYPTO_TAG_BYTES);
    PU_ASSERT(sealed.len <= BULK_MOST_BYTES + CRYPTO_TAG_BYTES);
    uint8_t tag[CRYPTO_TAG_BYTES];
    int len = 0;
    size_t plain_len = sealed.len - sizeof tag;
    memcpy(tag, sealed.base + plain_len,
           sizeof tag); /* the function asks for bytes that may change */
    EVP_CIPHER_CTX *c = begin(BULK_OPEN, key, nonce, ad);
    if (c == NULL) return BULK_UNABLE;
    int is_set = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag);
    PU_ASSERT(is_set == 1);
    crypt(c, out, (pu_span){sealed.base, plain_len});
    bool is_genuine = EVP_CipherFinal_ex(c, out + plain_len, &len) == 1;
    EVP_CIPHER_CTX_free(c);
    if (is_genuine) return BULK_DONE;
    crypto_wipe(out, plain_len); /* it was decrypted before it was judged */
    return BULK_FORGED;
}
