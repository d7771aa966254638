/* A recorded node lives again, see replay.h. */
#include "sim/replay.h"

#include "base/rng.h"
#include "sim/mem.h"

#include <inttypes.h>

enum { REPLAY_PEERS_MAX = 1 << 16 };

/* The life being repeated. */
typedef struct life {
    pu_span rest; /* of the recording */
    size_t whole; /* its length */
    pu_record_node began;
    pu_crypto crypto;
    pu_env env;
    pu_out *out;
    pu_node *node;
    void *mem;
    rng draws;        /* stands in for secret random bytes */
    bool has_strayed; /* the node asked crypto for something else than it did then */
    bool is_damaged;  /* no record follows, nor the beginning of one */
    replay_result *result;
    uint8_t body[PU_RECORD_MAX]; /* of the input under way, where some of it is not recorded */
} life;

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return sim_resize(old, new_len);
    free(old);
    return NULL;
}

static void public_key(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES])
{
    const life *l = ctx;
    memcpy(key, l->began.key, PU_ED25519_KEY_BYTES);
}

/* The recording's next record must be of that kind: the same question was asked then. */
static bool answer(life *l, enum pu_record_kind kind, pu_record *record)
{
    pu_span rest = l->rest;
    bool is_it = pu_record_next(&rest, record) && record->kind == kind;
    if (is_it) l->rest = rest;
    else l->has_strayed = true;
    return is_it;
}

static void sign(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    (void)message;
    pu_record record;
    bool is_there = answer(ctx, PU_RECORD_SIGN, &record);
    if (is_there) memcpy(signature, record.signature.base, PU_ED25519_SIGNATURE_BYTES);
    else memset(signature, 0, PU_ED25519_SIGNATURE_BYTES);
}

static bool verify(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                   const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    (void)key;
    (void)message;
    (void)signature;
    pu_record record;
    return answer(ctx, PU_RECORD_VERIFY, &record) && record.is_genuine;
}

static void draw(void *ctx, uint8_t *out, size_t len)
{
    life *l = ctx;
    pu_record record;
    if (answer(l, PU_RECORD_RANDOM, &record) && record.random_len != len) l->has_strayed = true;
    rng_bytes(&l->draws, out, len);
}

static bool differs(life *l, const pu_in *in, const char *what, uint64_t was, uint64_t is)
{
    replay_result *r = l->result;
    snprintf(r->why, sizeof r->why,
             "step %" PRIu64 " at %" PRIu64 ".%06" PRIu64 " s (input kind %d): %s %" PRIu64
             " then, %" PRIu64 " now",
             r->steps, in->now / PU_S, in->now % PU_S / PU_US, (int)in->kind, what, was, is);
    r->is_equal = false;
    return false;
}

/* The recording's next record, if it is whole. Otherwise *is_end says whether it stops here, as one
 * that was cut off does. */
static bool next(life *l, pu_record *record, bool *is_end)
{
    if (pu_record_next(&l->rest, record)) return true;
    *is_end = l->rest.len == 0 || pu_record_is_cut(l->rest);
    if (*is_end) l->result->unused = l->rest.len;
    else l->is_damaged = true;
    return false;
}

/* Steps once and compares. False: it differs, or the recording ends here; *result has it, or
 * is_damaged. */
static bool compare(life *l, const pu_in *in)
{
    pu_record_step now = {.result = pu_node_step(l->node, in, l->out)};
    for (pu_ef ef; pu_out_next(l->out, &ef); now.effects++)
        pu_record_effect_hash(now.hash, l->node, in, &ef);
    pu_out_reset(l->out);
    pu_record record;
    bool is_end = false;
    pu_span before = l->rest;
    if (!next(l, &record, &is_end)) {
        l->result->end = REPLAY_INSIDE;
        l->result->steps--; /* not compared */
        return false;
    }
    l->rest = before;
    if (l->has_strayed)
        return differs(l, in, "asks of the private key differ; effects", 0, now.effects);
    if (!answer(l, PU_RECORD_STEP, &record))
        return differs(l, in, "asks of the private key that it does not make any more; effects", 0,
                       now.effects);
    const pu_record_step *was = &record.step;
    if (was->result != now.result)
        return differs(l, in, "result", (uint64_t) - (int64_t)was->result,
                       (uint64_t) - (int64_t)now.result);
    if (was->effects != now.effects) return differs(l, in, "effects", was->effects, now.effects);
    if (was->hash[0] != now.hash[0] || was->hash[1] != now.hash[1])
        return differs(l, in, "hash of the effects", was->hash[0], now.hash[0]);
    l->result->effects += now.effects;
    return true;
}

static bool broken(const life *l, const char *what, char *error, size_t cap)
{
    snprintf(error, cap, "offset %zu: %s", l->whole - l->rest.len, what);
    return false;
}

/* Other bytes stand for those that the node did not read. */
static pu_in whole_input(life *l, const pu_record *record)
{
    pu_in in = record->in;
    size_t len = in.body.len + record->opaque.len;
    PU_ASSERT(len <= sizeof l->body);
    if (record->opaque.len == 0) return in;
    if (in.body.len > 0) memcpy(l->body, in.body.base, in.body.len);
    memset(l->body + in.body.len, 0, record->opaque.len);
    in.body = (pu_span){l->body, len};
    return in;
}

static bool ends(life *l, const pu_record *record, char *error, size_t cap)
{
    l->result->end = record->why == PU_RECORD_FULL ? REPLAY_FULL : REPLAY_OVER;
    return l->rest.len == 0 || broken(l, "something follows the end", error, cap);
}

/* Gives the node all inputs. False: the recording is broken. */
static bool live(life *l, char *error, size_t cap)
{
    pu_time last = l->began.now;
    l->result->from = l->result->to = last;
    while (l->result->end == REPLAY_CUT) {
        pu_record record;
        bool is_end = false;
        if (!next(l, &record, &is_end)) return is_end || broken(l, "not a record", error, cap);
        if (record.kind == PU_RECORD_END) return ends(l, &record, error, cap);
        if (record.kind != PU_RECORD_INPUT)
            return broken(l, "an input should begin here", error, cap);
        if (record.in.now < last) return broken(l, "time runs backwards", error, cap);
        last = l->result->to = record.in.now;
        l->result->steps++;
        pu_in in = whole_input(l, &record);
        if (!compare(l, &in)) return !l->is_damaged || broken(l, "not a record", error, cap);
    }
    return true;
}

static bool begin(life *l, char *error, size_t cap)
{
    pu_record record;
    if (!pu_record_read_magic(&l->rest))
        return broken(l, "not a recording of this version", error, cap);
    if (!pu_record_next(&l->rest, &record) || record.kind != PU_RECORD_NODE)
        return broken(l, "the node's beginning is not there", error, cap);
    l->began = record.node;
    rng_init(&l->draws, l->began.seed, 1);
    l->crypto = (pu_crypto){l, public_key, sign, verify, draw};
    l->env = (pu_env){.crypto = &l->crypto, .alloc = {resize, NULL}};
    if (pu_peers_new(&l->env.peers, REPLAY_PEERS_MAX, 0, &l->env.alloc) != PU_OK ||
        pu_out_new(&l->out, &l->env) != PU_OK)
        sim_fatal("no memory for a replay");
    l->mem = sim_alloc(pu_node_size(&l->began.config));
    int err =
        pu_node_init(&l->node, l->mem, &l->began.config, &l->env, l->began.seed, l->began.now);
    return err == PU_OK || broken(l, "a parameter is outside its range", error, cap);
}

bool replay_recording(pu_span bytes, replay_result *result, char *error, size_t error_cap)
{
    *result = (replay_result){.is_equal = true, .end = REPLAY_CUT};
    life *l = sim_alloc(sizeof *l);
    *l = (life){.rest = bytes, .whole = bytes.len, .result = result};
    bool is_good = begin(l, error, error_cap) && live(l, error, error_cap);
    if (l->node != NULL) pu_node_close(l->node);
    free(l->mem);
    pu_out_free(l->out);
    if (l->env.peers != NULL) pu_peers_free(l->env.peers);
    free(l);
    return is_good;
}
