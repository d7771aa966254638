/* ident/identity_key.h - the key behind a peer id, as peers prove it: Noise and TLS both sign their
 * own keys with it (libp2p specs peer-ids/peer-ids.md, noise/README.md, tls/tls.md).
 *
 * What a peer sends is a protobuf PublicKey { Type = 1; Data = 2 }. Only its canonical encoding is
 * accepted: its hash is the peer id, and another encoding of the same key would have another.
 */
#ifndef IDENT_IDENTITY_KEY_H
#define IDENT_IDENTITY_KEY_H

#include "base/bytes.h"
#include "peerup/crypto.h"
#include "peerup/ident.h"

/* Values of PublicKey.Type. */
enum identity_key_type {
    IDENTITY_RSA = 0,
    IDENTITY_ED25519 = 1,
    IDENTITY_SECP256K1 = 2,
    IDENTITY_ECDSA = 3
};

enum {
    /* Bytes of Data: SubjectPublicKeyInfo of an RSA key of 8,192 bits whose exponent has 32. */
    IDENTITY_RSA_DATA_MAX = 1064,
    /* Bytes of the longest PublicKey that is looked at. */
    IDENTITY_KEY_PB_MAX = 2 + 3 + IDENTITY_RSA_DATA_MAX,
    /* Bytes of the longest signature that is looked at: RSA of 8,192 bits. */
    IDENTITY_SIGNATURE_MAX = 1024,
};

/* A key that has the form of its type; whether it is one, its arithmetic must say. */
typedef struct identity_key {
    enum identity_key_type type;
    pu_span data; /* points into what was read */
} identity_key;

/* Reads a canonical PublicKey. False: another encoding of one, a type that is unknown, or Data of a
 * length that no key of its type has. Costs no arithmetic. */
bool identity_key_read(identity_key *key, pu_span public_key_pb);

/* The raw key of a canonical Ed25519 PublicKey. False: it is not one. */
bool identity_key_ed25519(uint8_t key[PU_ED25519_KEY_BYTES], pu_span public_key_pb);

/* Whether signature over message was made by the owner of this key; then *id is its peer id,
 * otherwise *id is empty. Lengths are compared before any arithmetic, so keys of absurd size cost
 * nothing. Ed25519 is verified; RSA, secp256k1 and ECDSA keys are known and refused. */
PU_MUST_USE bool identity_key_verify(const pu_crypto *crypto, pu_span public_key_pb,
                                     pu_span message, pu_span signature, pu_peer_id *id);

#endif
