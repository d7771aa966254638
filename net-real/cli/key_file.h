/* net-real/cli/key_file.h - the identity on disk: a libp2p PrivateKey protobuf of an Ed25519 key,
 * 68 bytes: 08 01 12 40, seed, public key (libp2p specs peer-ids; the Go peerup's identity.key).
 *
 * A file is never overwritten, and one that others may read is never used.
 */
#ifndef NET_REAL_CLI_KEY_FILE_H
#define NET_REAL_CLI_KEY_FILE_H

#include "peerup/crypto.h"
#include "peerup/ident.h"

/* Reads the seed. The legacy form of 100 bytes, with the public key twice, is read as well. False:
 * error names the file and the reason; is_missing tells whether there is none. */
bool key_file_read(const char *path, uint8_t seed[PU_ED25519_SEED_BYTES], bool *is_missing,
                   char *error, size_t cap);

/* Makes a key, mode 0600, durable: there is a whole file or none. False: error says why; a file
 * that is there stays as it is. */
bool key_file_make(const char *path, uint8_t seed[PU_ED25519_SEED_BYTES], char *error, size_t cap);

/* The id of a seed's key. */
void key_file_id(pu_peer_id *id, const uint8_t seed[PU_ED25519_SEED_BYTES]);

#endif
