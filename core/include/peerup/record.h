/* peerup/record.h - recordings: everything that one node was given, so that another process can
 * repeat its life.
 *
 * A recording is a byte stream: a magic, one NODE record, then for each step one INPUT, the results
 * of private-key operations in their order, and one STEP that sums up what came out; at last one
 * END. Where END is missing the recording was cut off, by a crash or a full disk. It never holds a
 * private key; random bytes are there as a length only, and so are the bytes of applications (with
 * a hash whose key is nowhere): the node does not read those, so a replay may give it others.
 * Numbers are little-endian and fixed in size; handles are whole (slot and ordinal), since the
 * replayed node is given them as they were.
 *
 * Writing goes into memory of the caller, one record a call; reading takes records off a span and
 * checks every length.
 */
#ifndef PEERUP_RECORD_H
#define PEERUP_RECORD_H

#include "peerup/node.h"

enum {
    PU_RECORD_VERSION = 2,
    PU_RECORD_MAGIC_BYTES = 8,
    PU_RECORD_MAX = 128 * 1024, /* bytes of the longest record, opaque ones included */
    PU_RECORD_KEY_BYTES = 32
};

enum pu_record_kind {
    PU_RECORD_NODE = 1, /* configuration, seed of choices, public key, time of init */
    PU_RECORD_INPUT,    /* one pu_in */
    PU_RECORD_SIGN,     /* a signature that the private key made during this step */
    PU_RECORD_VERIFY, /* what the check of a signature gave, so that a replay needs no cryptography
                       */
    PU_RECORD_RANDOM, /* how many secret random bytes were drawn at once */
    PU_RECORD_STEP,   /* what pu_node_step returned, how many effects came, and their hash */
    PU_RECORD_END     /* nothing follows, and why */
};

/* Why a recording ends. */
enum pu_record_why {
    PU_RECORD_OVER = 1, /* the node's life, or the wish to record it, was over */
    PU_RECORD_FULL      /* the file has reached its limit; the life went on */
};

/* Bytes of an input that its node does not read: those at the end of its body that belong to an
 * application, or that a relay carries for others. */
typedef struct pu_record_opaque {
    uint32_t len;     /* how many; 0: none */
    uint64_t hash[2]; /* of them under the recording's key: equal bytes have equal hashes in one
                         recording, and tell nothing else */
} pu_record_opaque;

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
    pu_in in;                /* INPUT: body without the opaque bytes */
    pu_record_opaque opaque; /* INPUT: which followed */
    pu_span signature;       /* SIGN: PU_ED25519_SIGNATURE_BYTES */
    bool is_genuine;         /* VERIFY */
    uint64_t random_len;     /* RANDOM */
    pu_record_step step;
    enum pu_record_why why; /* END */
} pu_record;

/* Each writes one record into out (cap bytes, PU_RECORD_MAX always suffices) and returns its
 * length; 0 when it does not fit. */
PU_API size_t pu_record_write_magic(uint8_t *out, size_t cap);
PU_API size_t pu_record_write_node(uint8_t *out, size_t cap, const pu_record_node *node);
/* in: its body is what comes before the opaque bytes. */
PU_API size_t pu_record_write_input(uint8_t *out, size_t cap, const pu_in *in,
                                    const pu_record_opaque *opaque);
PU_API size_t pu_record_write_sign(uint8_t *out, size_t cap,
                                   const uint8_t signature[PU_ED25519_SIGNATURE_BYTES]);
PU_API size_t pu_record_write_verify(uint8_t *out, size_t cap, bool is_genuine);
PU_API size_t pu_record_write_random(uint8_t *out, size_t cap, uint64_t len);
PU_API size_t pu_record_write_step(uint8_t *out, size_t cap, const pu_record_step *step);
PU_API size_t pu_record_write_end(uint8_t *out, size_t cap, enum pu_record_why why);

/* Takes the magic off *rest. False: not a recording, or one of another version. */
PU_API bool pu_record_read_magic(pu_span *rest);

/* Takes the next record off *rest. False: nothing is left, or what is left is not a record; in the
 * second case *rest is not empty. */
PU_API bool pu_record_next(pu_span *rest, pu_record *record);

/* Whether rest, which pu_record_next has refused, is the beginning of a record whose end is not
 * there: the recording was cut off. Otherwise it is damaged. */
PU_API bool pu_record_is_cut(pu_span rest);

/* How many bytes at the end of in's body the node will not read, in its next step: for DATA and
 * STREAM_DATA, those of an application, those that a relay passes on, and those that crossed a
 * stream's end. What comes with the last bytes of a selection is told apart. */
PU_API size_t pu_record_opaque_bytes(const pu_node *node, const pu_in *in);

/* Adds one effect of the step that in began to a running hash; begin with {0, 0}. Before the
 * node's next step. Bytes that the node has not read count by their length, and where they are in's
 * by their place in it. */
PU_API void pu_record_effect_hash(uint64_t hash[2], const pu_node *node, const pu_in *in,
                                  const pu_ef *effect);

/* ---- recording a node while it runs ---- */

/* Wraps a node's steps and its private-key operations. Where the bytes go is the host's business.
 */
typedef struct pu_recorder {
    void (*write)(void *ctx, pu_span bytes); /* one whole record, borrowed during the call */
    void *ctx;
    pu_crypto inner;                  /* the node's own */
    uint8_t key[PU_RECORD_KEY_BYTES]; /* of the hashes of opaque bytes */
    pu_record_step step;              /* of the step under way */
    uint8_t bytes[PU_RECORD_MAX];
} pu_recorder;

/* Writes the magic. write and ctx are kept. key: random bytes that are used for nothing else;
 * copied, and not written. */
PU_API void pu_recorder_start(pu_recorder *r, const uint8_t key[PU_RECORD_KEY_BYTES],
                              void (*write)(void *ctx, pu_span bytes), void *ctx);

/* How the node begins: before pu_node_init. From now on crypto's functions are r's, which record
 * what they give; the former ones, and r, must stay. */
PU_API void pu_recorder_node(pu_recorder *r, const pu_record_node *node, pu_crypto *crypto);

/* Writes END, between two steps. crypto is as it was; the node may live on. */
PU_API void pu_recorder_end(pu_recorder *r, enum pu_record_why why, pu_crypto *crypto);

/* One step of node: its input before it, each effect in order, and what it returned. */
PU_API void pu_recorder_input(pu_recorder *r, const pu_node *node, const pu_in *in);
PU_API void pu_recorder_effect(pu_recorder *r, const pu_node *node, const pu_in *in,
                               const pu_ef *effect);
PU_API void pu_recorder_step(pu_recorder *r, int result);

#endif
