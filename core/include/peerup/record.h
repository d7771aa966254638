/* peerup/record.h - recordings: everything that one node was given, so that another process can
 * repeat its life.
 *
 * A recording is a byte stream: a magic, one NODE record, then for each step one INPUT, the results
 * of private-key operations in their order, and one STEP that sums up what came out. It never holds
 * a private key; random bytes are there as a length only. Numbers are little-endian and fixed in
 * size; handles are whole (slot and ordinal), since the replayed node is given them as they were.
 *
 * Writing goes into memory of the caller, one record a call; reading takes records off a span and
 * checks every length.
 */
#ifndef PEERUP_RECORD_H
#define PEERUP_RECORD_H

#include "peerup/node.h"

enum {
    PU_RECORD_VERSION = 1,
    PU_RECORD_MAGIC_BYTES = 8,
    PU_RECORD_MAX = 128 * 1024 /* bytes of the longest record */
};

enum pu_record_kind {
    PU_RECORD_NODE = 1, /* configuration, seed of choices, public key, time of init */
    PU_RECORD_INPUT,    /* one pu_in */
    PU_RECORD_SIGN,     /* a signature that the private key made during this step */
    PU_RECORD_VERIFY, /* what the check of a signature gave, so that a replay needs no cryptography
                       */
    PU_RECORD_RANDOM, /* how many secret random bytes were drawn at once */
    PU_RECORD_STEP    /* what pu_node_step returned, how many effects came, and their hash */
};

/* How a node began. */
typedef struct pu_record_node {
    pu_config config;
    uint8_t seed[32];                  /* of choices; not a secret */
    uint8_t key[PU_ED25519_KEY_BYTES]; /* public */
    pu_time now;
} pu_record_node;

/* What a step gave. */
typedef struct pu_record_step {
    int32_t result;   /* enum pu_err */
    uint32_t effects; /* how many */
    uint64_t hash[2]; /* over all their fields, in order: pu_record_effect_hash */
} pu_record_step;

/* One record that was read. Spans point into the recording. */
typedef struct pu_record {
    enum pu_record_kind kind;
    pu_record_node node;
    pu_in in;
    pu_span signature;   /* SIGN: PU_ED25519_SIGNATURE_BYTES */
    bool is_genuine;     /* VERIFY */
    uint64_t random_len; /* RANDOM */
    pu_record_step step;
} pu_record;

/* Each writes one record into out (cap bytes, PU_RECORD_MAX always suffices) and returns its
 * length; 0 when it does not fit. */
PU_API size_t pu_record_write_magic(uint8_t *out, size_t cap);
PU_API size_t pu_record_write_node(uint8_t *out, size_t cap, const pu_record_node *node);
PU_API size_t pu_record_write_input(uint8_t *out, size_t cap, const pu_in *in);
PU_API size_t pu_record_write_sign(uint8_t *out, size_t cap,
                                   const uint8_t signature[PU_ED25519_SIGNATURE_BYTES]);
PU_API size_t pu_record_write_verify(uint8_t *out, size_t cap, bool is_genuine);
PU_API size_t pu_record_write_random(uint8_t *out, size_t cap, uint64_t len);
PU_API size_t pu_record_write_step(uint8_t *out, size_t cap, const pu_record_step *step);

/* Takes the magic off *rest. False: not a recording, or one of another version. */
PU_API bool pu_record_read_magic(pu_span *rest);

/* Takes the next record off *rest. False: nothing is left, or what is left is not a record; in the
 * second case *rest is not empty. */
PU_API bool pu_record_next(pu_span *rest, pu_record *record);

/* Adds one effect to a running hash; begin with {0, 0}. */
PU_API void pu_record_effect_hash(uint64_t hash[2], const pu_ef *effect);

/* ---- recording a node while it runs ---- */

/* Wraps a node's steps and its private-key operations. Where the bytes go is the host's business.
 */
typedef struct pu_recorder {
    void (*write)(void *ctx, pu_span bytes); /* one whole record, borrowed during the call */
    void *ctx;
    pu_crypto inner;     /* the node's own */
    pu_record_step step; /* of the step under way */
    uint8_t bytes[PU_RECORD_MAX];
} pu_recorder;

/* Writes the magic. write and ctx are kept. */
PU_API void pu_recorder_start(pu_recorder *r, void (*write)(void *ctx, pu_span bytes), void *ctx);

/* How the node begins: before pu_node_init. From now on crypto's functions are r's, which record
 * what they give; the former ones, and r, must stay. */
PU_API void pu_recorder_node(pu_recorder *r, const pu_record_node *node, pu_crypto *crypto);

/* crypto is as it was: the node has ended. */
PU_API void pu_recorder_end(const pu_recorder *r, pu_crypto *crypto);

/* One step: its input before it, each effect in order, and what it returned. */
PU_API void pu_recorder_input(pu_recorder *r, const pu_in *in);
PU_API void pu_recorder_effect(pu_recorder *r, const pu_ef *effect);
PU_API void pu_recorder_step(pu_recorder *r, int result);

#endif
