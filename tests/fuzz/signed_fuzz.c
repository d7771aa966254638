/* signed_fuzz.c - what somebody signed: envelopes of every kind, and a relay's voucher as its
 * client judges it.
 *
 * No fuzzer guesses a signature. So the input either is an envelope, and also says whether the
 * signature holds; or it is a payload that we seal, and a change that is made to the result.
 */
#include "ident/envelope.h"
#include "proto/relay/voucher.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/plain_heap.h"
#include "wire/wire_record.h"

#include <stdlib.h>

static const envelope_kind *const kinds[] = {&envelope_peer_record, &envelope_peer_record_legacy,
                                             &envelope_voucher};
enum { KINDS = sizeof kinds / sizeof kinds[0], SEALED_MAX = ENVELOPE_MAX + ENVELOPE_OVERHEAD };

static bool always(void *ctx, const uint8_t *key, pu_span message, const uint8_t *signature)
{
    (void)ctx, (void)key, (void)message, (void)signature;
    return true;
}

static bool never(void *ctx, const uint8_t *key, pu_span message, const uint8_t *signature)
{
    (void)ctx, (void)key, (void)message, (void)signature;
    return false;
}

/* Keys of a peer, made from one byte; verify judges as the model does. */
typedef struct signer {
    pu_crypto crypto;
    pu_crypto_model model;
    pu_peer_id id;
} signer;

static void signer_init(signer *s, uint8_t seed_byte)
{
    const uint8_t seed[PU_ED25519_SEED_BYTES] = {seed_byte};
    uint8_t key[PU_ED25519_KEY_BYTES];
    pu_crypto_model_init(&s->crypto, &s->model, seed);
    s->crypto.public_key(s->crypto.ctx, key);
    pu_peer_id_from_ed25519(&s->id, key);
}

/* Bytes as they come, with signatures that hold or do not. */
static void check_raw(pu_span bytes, bool holds)
{
    pu_crypto crypto = {.verify = holds ? always : never};
    pu_peer_id who = {0};
    pu_span payload = {NULL, 7};
    enum record_verdict v = envelope_open(&who, &payload, &crypto, bytes, kinds, KINDS);
    PU_ASSERT(v <= RECORD_FORGED);
    if (v != RECORD_OK) {
        PU_ASSERT(payload.base == NULL && payload.len == 7 && who.len == 0);
        return;
    }
    uint8_t key[PU_ED25519_KEY_BYTES];
    PU_ASSERT(holds);
    PU_ASSERT(pu_peer_id_ed25519(&who, key));
    PU_ASSERT(payload.len <= bytes.len);
    if (payload.len == 0) return;
    PU_ASSERT(payload.base >= bytes.base);
    PU_ASSERT(payload.base + payload.len <= bytes.base + bytes.len);
}

/* A payload that we seal opens as it was. With a byte changed anywhere it does not, or says the
 * same: an empty payload may also be absent. */
static void check_sealed(pu_span in)
{
    static uint8_t memory[SEALED_MAX];
    signer s;
    uint8_t head = fuzz_u8(&in);
    uint32_t at = fuzz_u16(&in);
    uint8_t flip = fuzz_u8(&in);
    const envelope_kind *kind = kinds[head % KINDS];
    signer_init(&s, head);
    if (in.len > ENVELOPE_MAX - ENVELOPE_OVERHEAD) return;
    pu_buf out = buf_of(memory, sizeof memory);
    envelope_seal(&out, &s.crypto, kind, in);
    PU_ASSERT(!out.full);
    PU_ASSERT(out.len <= in.len + ENVELOPE_OVERHEAD);
    memory[at % out.len] ^= flip;
    pu_peer_id who;
    pu_span payload;
    enum record_verdict v = envelope_open(&who, &payload, &s.crypto, buf_span(&out), &kind, 1);
    PU_ASSERT(v == RECORD_OK || flip != 0);
    if (v != RECORD_OK) return;
    PU_ASSERT(flip == 0 || in.len == 0);
    PU_ASSERT(pu_peer_id_equal(&who, &s.id));
    PU_ASSERT(span_equal(payload, in));
}

void fuzz_envelope(pu_span bytes)
{
    uint8_t how = fuzz_u8(&bytes);
    if (how & 2) check_sealed(bytes);
    else check_raw(bytes, how & 1);
}

/* ---- vouchers ---- */

enum { NOW_S = 1700000000 };

/* A client that knows the time, and its relay. Made once: judging changes nothing. */
static struct client {
    signer self, relay;
    pu_config config;
    pu_env env;
    pu_node *node;
    pu_peer relay_peer;
} client;

static void client_init(struct client *c)
{
    static const uint8_t seed[32] = {1};
    pu_out *out;
    signer_init(&c->self, 1);
    signer_init(&c->relay, 2);
    pu_config_default(&c->config);
    c->env = (pu_env){.crypto = &c->self.crypto, .alloc = plain_heap};
    int err = pu_peers_new(&c->env.peers, 8, 1, &c->env.alloc);
    PU_ASSERT(err == PU_OK);
    err = pu_out_new(&out, &c->env);
    PU_ASSERT(err == PU_OK);
    void *mem = malloc(pu_node_size(&c->config));
    PU_ASSERT(mem != NULL);
    err = pu_node_init(&c->node, mem, &c->config, &c->env, seed, 0);
    PU_ASSERT(err == PU_OK);
    pu_in clock = {.kind = PU_IN_CLOCK, .offset = NOW_S * PU_S};
    err = pu_node_step(c->node, &clock, out);
    PU_ASSERT(err == PU_OK);
    pu_out_free(out);
    c->relay_peer = pu_peers_intern(c->env.peers, &c->relay.id);
    PU_ASSERT(c->relay_peer != 0);
}

static pu_span id_span(const pu_peer_id *id)
{
    return span_of(id->bytes, id->len);
}

/* What a voucher with that payload, rightly signed by `by`, is worth. */
static enum record_verdict worth_of(const struct client *c, pu_span payload, const signer *by,
                                    uint64_t place_until_s)
{
    wire_voucher m;
    if (!wire_voucher_read(&m, payload)) return RECORD_MALFORMED;
    if (by != &c->relay || !span_equal(m.relay, id_span(&c->relay.id))) return RECORD_NOT_THEIRS;
    if (!span_equal(m.peer, id_span(&c->self.id))) return RECORD_NOT_THEIRS;
    uint64_t least_s = place_until_s > NOW_S ? NOW_S + 1 : place_until_s;
    return m.expire_s >= least_s ? RECORD_OK : RECORD_STALE;
}

/* A payload: as it comes, or with the ids that a good one has and an end that the input names. */
static pu_span voucher_payload(const struct client *c, pu_span *in, uint8_t *memory, size_t cap)
{
    uint8_t how = fuzz_u8(in);
    if (how & 1) return *in;
    pu_buf out = buf_of(memory, cap);
    wire_voucher m = {.relay = id_span(how & 2 ? &c->self.id : &c->relay.id),
                      .peer = id_span(how & 4 ? &c->relay.id : &c->self.id),
                      .expire_s = NOW_S + fuzz_u16(in) - (uint64_t)fuzz_u16(in)};
    wire_voucher_write(&out, &m);
    if (how & 8) buf_put_span(&out, *in); /* fields that nobody knows, or that replace others */
    PU_ASSERT(!out.full);
    return buf_span(&out);
}

static void check_wire_voucher(pu_span payload)
{
    static uint8_t memory[ENVELOPE_MAX];
    wire_voucher m = {0}, again = {0};
    if (!wire_voucher_read(&m, payload)) return;
    if (m.expire_s >> 63 != 0) return; /* more is read than written: varints of 64 bits */
    pu_buf out = buf_of(memory, sizeof memory);
    wire_voucher_write(&out, &m);
    PU_ASSERT(!out.full);
    PU_ASSERT(wire_voucher_read(&again, buf_span(&out)));
    PU_ASSERT(span_equal(m.relay, again.relay));
    PU_ASSERT(span_equal(m.peer, again.peer));
    PU_ASSERT(m.expire_s == again.expire_s);
}

void fuzz_voucher(pu_span bytes)
{
    static uint8_t memory[ENVELOPE_MAX], sealed[SEALED_MAX];
    struct client *c = &client;
    if (c->node == NULL) client_init(c);
    uint8_t head = fuzz_u8(&bytes);
    uint64_t place_until_s = 1 + (head & 1 ? (uint64_t)NOW_S : 0) + fuzz_u16(&bytes);
    const signer *by = head & 2 ? &c->self : &c->relay;
    if (bytes.len > ENVELOPE_MAX / 2) return;
    pu_span payload = voucher_payload(c, &bytes, memory, sizeof memory);
    check_wire_voucher(payload);
    pu_buf out = buf_of(sealed, sizeof sealed);
    envelope_seal(&out, &by->crypto, head & 4 ? &envelope_peer_record : &envelope_voucher, payload);
    PU_ASSERT(!out.full);
    enum record_verdict v = voucher_check(c->node, buf_span(&out), c->relay_peer, place_until_s);
    enum record_verdict wanted = worth_of(c, payload, by, place_until_s);
    PU_ASSERT(v == wanted || (v == RECORD_OTHER_KIND && (head & 4) != 0));
    PU_ASSERT(v != RECORD_OK || (head & 4) == 0);
}
