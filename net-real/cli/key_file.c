/* The identity on disk, see key_file.h. */
#include "net-real/cli/key_file.h"

#include "net-real/files.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 4, KEY_BYTES = HEAD_BYTES + 64, LEGACY_BYTES = HEAD_BYTES + 96 };

static const uint8_t head[HEAD_BYTES] = {0x08, 0x01, 0x12, 64};
static const uint8_t legacy_head[HEAD_BYTES] = {0x08, 0x01, 0x12, 96};

static bool fail(char *error, size_t cap, const char *path, const char *why)
{
    snprintf(error, cap, "%s: %s", path, why);
    return false;
}

static bool is_sound(const uint8_t *bytes, size_t len)
{
    const uint8_t *seed = bytes + HEAD_BYTES, *key = seed + 32;
    uint8_t derived[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    bool is_plain = len == KEY_BYTES && memcmp(bytes, head, HEAD_BYTES) == 0;
    bool is_legacy = len == LEGACY_BYTES && memcmp(bytes, legacy_head, HEAD_BYTES) == 0 &&
                     memcmp(key, key + 32, 32) == 0;
    if (!is_plain && !is_legacy) return false;
    crypto_sign_seed_keypair(derived, secret, seed);
    sodium_memzero(secret, sizeof secret);
    return memcmp(derived, key, sizeof derived) == 0;
}

bool key_file_read(const char *path, uint8_t seed[PU_ED25519_SEED_BYTES], bool *is_missing,
                   char *error, size_t cap)
{
    size_t len;
    *is_missing = false;
    if (sodium_init() < 0) return fail(error, cap, path, "libsodium cannot be initialised");
    uint8_t *bytes = files_read(path, LEGACY_BYTES, FILE_PRIVATE, &len, error, cap);
    if (bytes == NULL) {
        *is_missing = errno == ENOENT;
        return false;
    }
    bool is_good = is_sound(bytes, len);
    if (is_good) memcpy(seed, bytes + HEAD_BYTES, PU_ED25519_SEED_BYTES);
    sodium_memzero(bytes, len);
    free(bytes);
    return is_good || fail(error, cap, path, "not a libp2p Ed25519 private key");
}

bool key_file_make(const char *path, uint8_t seed[PU_ED25519_SEED_BYTES], char *error, size_t cap)
{
    uint8_t bytes[KEY_BYTES], secret[crypto_sign_SECRETKEYBYTES];
    if (sodium_init() < 0) return fail(error, cap, path, "libsodium cannot be initialised");
    randombytes_buf(seed, PU_ED25519_SEED_BYTES);
    memcpy(bytes, head, HEAD_BYTES);
    memcpy(bytes + HEAD_BYTES, seed, PU_ED25519_SEED_BYTES);
    crypto_sign_seed_keypair(bytes + HEAD_BYTES + 32, secret, seed);
    bool is_good = files_create(path, bytes, sizeof bytes);
    int why = errno;
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(secret, sizeof secret);
    return is_good || fail(error, cap, path, strerror(why));
}

void key_file_id(pu_peer_id *id, const uint8_t seed[PU_ED25519_SEED_BYTES])
{
    uint8_t key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(key, secret, seed);
    sodium_memzero(secret, sizeof secret);
    pu_peer_id_from_ed25519(id, key);
}
