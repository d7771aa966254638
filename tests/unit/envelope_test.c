/* envelope_test.c - signed envelopes: js-libp2p's record both ways, the pair of names that rust
 * uses, and every way in which one can be wrong, with both tables of primitives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pb.h"
#include "ident/envelope.h"
#include "tests/unit/hex.h"
#include "vectors/ed25519.h"
#include "vectors/envelopes.h"

int envelope_test(void);

enum { MEMORY = 9000 };

static const envelope_kind *const records[] = {&envelope_peer_record, &envelope_peer_record_legacy};
static const uint8_t seed_one[32] = {1}, seed_two[32] = {2};

typedef struct subject {
    pu_crypto crypto;
    pu_crypto_real real;
    pu_crypto_model model;
} subject;

static void start(subject *s, bool is_model, const uint8_t *seed)
{
    if (is_model) pu_crypto_model_init(&s->crypto, &s->model, seed);
    else assert_int_equal(pu_crypto_real_init(&s->crypto, &s->real, seed), PU_OK);
}

static enum record_verdict open_as_record(const pu_crypto *crypto, pu_span bytes)
{
    pu_peer_id signer = {.len = 7};
    pu_span payload = {NULL, 99};
    enum record_verdict v = envelope_open(&signer, &payload, crypto, bytes, records, 2);
    if (v != RECORD_OK) assert_true(signer.len == 7 && payload.len == 99);
    return v;
}

static pu_span seal(uint8_t memory[MEMORY], const pu_crypto *crypto, const envelope_kind *kind,
                    pu_span payload)
{
    pu_buf out = buf_of(memory, MEMORY);
    envelope_seal(&out, crypto, kind, payload);
    assert_false(out.full);
    assert_true(out.len - payload.len <= ENVELOPE_OVERHEAD);
    return buf_span(&out);
}

static void another_implementations_envelope_is_opened_and_made(void **state)
{
    (void)state;
    const envelope_vector *v = &envelope_vectors[0];
    uint8_t memory[MEMORY], key[32];
    pu_peer_id signer, want;
    pu_span payload;
    subject s, other;
    start(&s, false, v->seed.base);
    start(&other, false, seed_two);
    s.crypto.public_key(s.crypto.ctx, key);
    pu_peer_id_from_ed25519(&want, key);
    assert_true(span_equal(envelope_peer_record.domain, v->domain));
    assert_true(span_equal(envelope_peer_record.payload_type, v->payload_type));
    assert_int_equal(envelope_open(&signer, &payload, &other.crypto, v->envelope, records, 2),
                     RECORD_OK);
    assert_true(pu_peer_id_equal(&signer, &want));
    assert_true(span_equal(payload, v->payload));
    pu_span made = seal(memory, &s.crypto, &envelope_peer_record, v->payload);
    assert_true(span_equal(made, v->envelope));
}

static void both_names_of_peer_records_open_and_no_other(void **state)
{
    (void)state;
    for (int is_model = 0; is_model < 2; is_model++) {
        uint8_t memory[MEMORY];
        subject s;
        start(&s, is_model, seed_one);
        for (size_t i = 0; i < 2; i++) {
            pu_span bytes = seal(memory, &s.crypto, records[i], SPAN_LITERAL("payload"));
            assert_int_equal(open_as_record(&s.crypto, bytes), RECORD_OK);
        }
        pu_span bytes = seal(memory, &s.crypto, &envelope_voucher, SPAN_LITERAL("payload"));
        assert_int_equal(open_as_record(&s.crypto, bytes), RECORD_OTHER_KIND);
    }
}

/* The payload type of one kind, signed under the domain of another. */
static void the_domain_is_signed(void **state)
{
    (void)state;
    const envelope_kind mixed = {envelope_voucher.domain, envelope_peer_record.payload_type};
    uint8_t memory[MEMORY];
    subject s;
    start(&s, false, seed_one);
    assert_int_equal(open_as_record(&s.crypto, seal(memory, &s.crypto, &mixed, SPAN_LITERAL("p"))),
                     RECORD_FORGED);
}

/* No bit of an envelope can be changed. */
static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    for (int is_model = 0; is_model < 2; is_model++) {
        uint8_t memory[MEMORY];
        subject s;
        start(&s, is_model, seed_one);
        pu_span bytes = seal(memory, &s.crypto, &envelope_peer_record, SPAN_LITERAL("payload"));
        for (size_t i = 0; i < bytes.len * 8; i++) {
            memory[i / 8] ^= (uint8_t)(1u << i % 8);
            assert_int_not_equal(open_as_record(&s.crypto, bytes), RECORD_OK);
            memory[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        assert_int_equal(open_as_record(&s.crypto, bytes), RECORD_OK);
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_not_equal(open_as_record(&s.crypto, span_head(bytes, len)), RECORD_OK);
    }
}

/* An envelope out of parts. */
static pu_span assemble(uint8_t memory[MEMORY], pu_span key, pu_span type, pu_span payload,
                        pu_span signature)
{
    pu_buf out = buf_of(memory, MEMORY);
    pb_put_bytes(&out, 1, key);
    pb_put_bytes(&out, 2, type);
    pb_put_bytes(&out, 3, payload);
    pb_put_bytes(&out, 5, signature);
    assert_false(out.full);
    return buf_span(&out);
}

static void wrong_lengths_and_keys_are_refused(void **state)
{
    (void)state;
    for (int is_model = 0; is_model < 2; is_model++) {
        static const uint8_t zeros[128];
        uint8_t memory[MEMORY], key[32], other[32], key_pb[36], other_pb[36], long_key[38];
        subject s, two;
        start(&s, is_model, seed_one);
        start(&two, is_model, seed_two);
        s.crypto.public_key(s.crypto.ctx, key);
        two.crypto.public_key(two.crypto.ctx, other);
        pu_public_key_pb(key_pb, key);
        pu_public_key_pb(other_pb, other);
        memcpy(long_key, key_pb, 36);
        memcpy(long_key + 36, "\x18\x01", 2); /* an unknown field: another encoding */
        pu_span text = SPAN_LITERAL("payload"), type = envelope_peer_record.payload_type;
        pu_span good = seal(memory, &s.crypto, &envelope_peer_record, text);
        uint8_t signature[128];
        memcpy(signature, good.base + good.len - 64, 64);
        memset(signature + 64, 0, 64);
        const struct {
            pu_span key, type, signature;
            enum record_verdict want;
        } cases[] = {
            {span_of(key_pb, 36), type, span_of(signature, 64), RECORD_OK},
            {span_of(key_pb, 36), type, span_of(signature, 63), RECORD_FORGED},
            {span_of(key_pb, 36), type, span_of(signature, 65), RECORD_FORGED},
            {span_of(key_pb, 36), type, span_of(signature, 128), RECORD_FORGED},
            {span_of(key_pb, 36), type, span_of(NULL, 0), RECORD_MALFORMED},
            {span_of(key_pb, 36), type, span_of(zeros, 64), RECORD_FORGED},
            {span_of(other_pb, 36), type, span_of(signature, 64), RECORD_FORGED},
            {span_of(key_pb, 35), type, span_of(signature, 64), RECORD_OTHER_KEY},
            {span_of(long_key, 38), type, span_of(signature, 64), RECORD_OTHER_KEY},
            {span_of(key, 32), type, span_of(signature, 64), RECORD_OTHER_KEY},
            {span_of(NULL, 0), type, span_of(signature, 64), RECORD_MALFORMED},
            {span_of(key_pb, 36), span_of(NULL, 0), span_of(signature, 64), RECORD_MALFORMED},
            {span_of(key_pb, 36), SPAN_LITERAL("\x81\x06"), span_of(signature, 64),
             RECORD_OTHER_KIND},
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            pu_span bytes = assemble(memory, cases[i].key, cases[i].type, text, cases[i].signature);
            assert_int_equal(open_as_record(&s.crypto, bytes), cases[i].want);
        }
    }
}

static void too_long_ones_are_refused_before_any_work(void **state)
{
    (void)state;
    static uint8_t memory[2 * ENVELOPE_MAX], text[ENVELOPE_MAX];
    subject s;
    start(&s, true, seed_one);
    pu_buf out = buf_of(memory, sizeof memory);
    envelope_seal(&out, &s.crypto, &envelope_peer_record,
                  span_of(text, ENVELOPE_MAX - ENVELOPE_OVERHEAD));
    assert_true(out.len <= ENVELOPE_MAX);
    assert_int_equal(open_as_record(&s.crypto, buf_span(&out)), RECORD_OK);
    pb_put_bytes(&out, 4, span_of(text, ENVELOPE_MAX - out.len - 2)); /* unknown: skipped */
    assert_int_equal(out.len, ENVELOPE_MAX);
    assert_int_equal(open_as_record(&s.crypto, buf_span(&out)), RECORD_OK);
    pb_put_bytes(&out, 4, SPAN_LITERAL(""));
    assert_int_equal(open_as_record(&s.crypto, buf_span(&out)), RECORD_MALFORMED);
}

int envelope_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_implementations_envelope_is_opened_and_made),
        cmocka_unit_test(both_names_of_peer_records_open_and_no_other),
        cmocka_unit_test(the_domain_is_signed),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(wrong_lengths_and_keys_are_refused),
        cmocka_unit_test(too_long_ones_are_refused_before_any_work),
    };
    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
