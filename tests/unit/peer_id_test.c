/* peer_id_test.c - peer ids: published ones in every text form both ways, and what must not become
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ident/multibase.h"
#include "peerup/ident.h"
#include "tests/unit/hex.h"
#include "vectors/multihash.h"
#include "vectors/peer_ids.h"

int peer_id_test(void);

static pu_peer_id id_of(pu_span bytes)
{
    pu_peer_id id;
    assert_int_equal(pu_peer_id_from_bytes(&id, bytes), PU_OK);
    return id;
}

static void check_text(const pu_peer_id *id, enum pu_peer_text form, pu_span wanted)
{
    char text[PU_PEER_ID_TEXT_MAX];
    pu_peer_id back;
    size_t len = pu_peer_id_text(id, form, text);
    assert_int_equal(text[len], 0);
    assert_true(span_equal(span_of(text, len), wanted));
    assert_int_equal(pu_peer_id_parse(&back, wanted), PU_OK);
    assert_true(pu_peer_id_equal(id, &back));
}

static void published_ids_have_their_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peer_id_vectors / sizeof peer_id_vectors[0]; i++) {
        const peer_id_vector *v = &peer_id_vectors[i];
        pu_peer_id id = id_of(v->multihash);
        assert_true(span_equal(span_of(id.bytes, id.len), v->multihash));
        check_text(&id, PU_PEER_BASE58, v->base58);
        check_text(&id, PU_PEER_CID_BASE32, v->base32);
        check_text(&id, PU_PEER_CID_BASE36, v->base36);
    }
}

static void cids_in_other_bases_and_cases_are_read(void **state)
{
    static const enum base bases[] = {BASE16, BASE16_UPPER, BASE32_UPPER, BASE36_UPPER, BASE58};
    (void)state;
    for (size_t i = 0; i < sizeof peer_id_vectors / sizeof peer_id_vectors[0]; i++) {
        pu_peer_id id = id_of(peer_id_vectors[i].multihash), back;
        uint8_t cid[2 + PU_PEER_ID_MAX] = {0x01, 0x72}, text[PU_PEER_ID_TEXT_MAX];
        memcpy(cid + 2, id.bytes, id.len);
        for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
            pu_buf out = buf_of(text, sizeof text);
            multibase_put(&out, bases[b], span_of(cid, 2u + id.len));
            assert_false(out.full);
            assert_int_equal(pu_peer_id_parse(&back, buf_span(&out)), PU_OK);
            assert_true(pu_peer_id_equal(&id, &back));
        }
    }
}

static void published_texts_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peer_text_vectors / sizeof peer_text_vectors[0]; i++) {
        pu_span text = peer_text_vectors[i].text;
        pu_peer_id id;
        assert_int_equal(pu_peer_id_parse(&id, text), PU_OK);
        check_text(&id, text.base[0] == 'b' ? PU_PEER_CID_BASE32 : PU_PEER_BASE58, text);
    }
    /* one peer in two forms, as the specification says */
    pu_peer_id base58, base32;
    assert_int_equal(pu_peer_id_parse(&base58, peer_text_vectors[1].text), PU_OK);
    assert_int_equal(pu_peer_id_parse(&base32, peer_text_vectors[2].text), PU_OK);
    assert_true(pu_peer_id_equal(&base58, &base32));
}

static void ed25519_keys_go_in_and_come_out(void **state)
{
    (void)state;
    unsigned inlined = 0;
    for (size_t i = 0; i < sizeof peer_id_vectors / sizeof peer_id_vectors[0]; i++) {
        const peer_id_vector *v = &peer_id_vectors[i];
        pu_peer_id id = id_of(v->multihash), made;
        uint8_t key[32], protobuf[PU_PUBLIC_KEY_PB_BYTES];
        bool is_ed25519 = v->public_key.len == PU_PUBLIC_KEY_PB_BYTES;
        assert_int_equal(pu_peer_id_ed25519(&id, key), is_ed25519);
        if (!is_ed25519) continue;
        inlined++;
        pu_public_key_pb(protobuf, key);
        assert_true(span_equal(span_of(protobuf, sizeof protobuf), v->public_key));
        pu_peer_id_from_ed25519(&made, key);
        assert_memory_equal(&made, &id, sizeof id);
    }
    assert_int_equal(inlined, 3);
}

static void only_canonical_keys_are_taken_out(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{2, 0x09}, {3, 0x02}, {4, 0x1a}, {5, 0x1f}};
    (void)state;
    uint8_t key[32] = {9};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        pu_peer_id id;
        pu_peer_id_from_ed25519(&id, key);
        assert_true(pu_peer_id_ed25519(&id, key));
        id.bytes[changes[i].at] = changes[i].value;
        assert_false(pu_peer_id_ed25519(&id, key));
    }
    pu_peer_id none = {.len = 0};
    assert_false(pu_peer_id_ed25519(&none, key));
}

static void published_multihashes_of_two_kinds_are_ids(void **state)
{
    (void)state;
    unsigned accepted = 0;
    for (size_t i = 0; i < sizeof multihash_vectors / sizeof multihash_vectors[0]; i++) {
        pu_peer_id id;
        bool good = pu_peer_id_from_bytes(&id, multihash_vectors[i].bytes) == PU_OK;
        assert_int_equal(good, multihash_vectors[i].is_peer_id);
        accepted += good;
    }
    assert_int_equal(accepted, 20);
}

/* Makes a multihash: code, length byte, len bytes of 0x55. */
static pu_span multihash_of(uint8_t *memory, uint8_t code, uint8_t said, size_t len)
{
    memory[0] = code;
    memory[1] = said;
    memset(memory + 2, 0x55, len);
    return span_of(memory, 2 + len);
}

static void lengths_are_exact(void **state)
{
    (void)state;
    uint8_t memory[256];
    pu_peer_id id;
    for (uint8_t len = 0; len < 128; len++) {
        int is_identity = len >= 1 && len <= 42 ? PU_OK : PU_ERANGE;
        int is_sha2_256 = len == 32 ? PU_OK : PU_ERANGE;
        assert_int_equal(pu_peer_id_from_bytes(&id, multihash_of(memory, 0, len, len)),
                         is_identity);
        assert_int_equal(pu_peer_id_from_bytes(&id, multihash_of(memory, 0x12, len, len)),
                         is_sha2_256);
        assert_int_equal(pu_peer_id_from_bytes(&id, multihash_of(memory, 0x13, len, len)),
                         PU_ERANGE);
        /* truncated, and with a trailing byte */
        pu_span cut = multihash_of(memory, 0, (uint8_t)(len + 1), len);
        assert_int_equal(pu_peer_id_from_bytes(&id, cut), PU_ERANGE);
        pu_span more = multihash_of(memory, 0, len, len + 1u);
        assert_int_equal(pu_peer_id_from_bytes(&id, more), PU_ERANGE);
    }
    assert_int_equal(pu_peer_id_from_bytes(&id, (pu_span){NULL, 0}), PU_ERANGE);
}

static void rests_are_zero(void **state)
{
    (void)state;
    uint8_t memory[64];
    pu_peer_id id;
    memset(&id, 0xa5, sizeof id);
    assert_int_equal(pu_peer_id_from_bytes(&id, multihash_of(memory, 0, 5, 5)), PU_OK);
    assert_int_equal(id.len, 7);
    for (size_t i = id.len; i < sizeof id.bytes; i++) assert_int_equal(id.bytes[i], 0);
}

static void over_long_varints_are_refused(void **state)
{
    static const char *const cases[] = {
        "8000 01 55", /* code 0 in two bytes */
        "00 8100 55", /* length 1 in two bytes */
        "00",         /* no length */
        "80",         /* no code */
        "00 ffffffffffffffff7f 55",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[32];
        pu_peer_id id;
        pu_span bytes = hex_bytes(cases[i], memory, sizeof memory);
        assert_int_equal(pu_peer_id_from_bytes(&id, bytes), PU_ERANGE);
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "1",
        "Q",
        "Qm",
        "11", /* identity of nothing */
        "k",
        "b",
        "hello",
        "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3p",   /* a character short */
        "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pqq", /* one too many */
        "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3p0",  /* no digit */
        " 12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
        "z12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq", /* multibase, but no CID */
        "f0172",                                                 /* no multihash */
        "f0172000155ff",                                         /* trailing byte */
        "f0170000155",                                           /* dag-pb */
        "f0072000155",                                           /* version 0 */
        "f0272000155",                                           /* version 2 */
        "uAXIAAVU",                                              /* base64url */
        "f01",
    };
    (void)state;
    pu_peer_id id;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (pu_peer_id_parse(&id, span_of(texts[i], strlen(texts[i]))) == PU_OK)
            fail_msg("%s", texts[i]);
    assert_int_equal(pu_peer_id_parse(&id, SPAN_LITERAL("f0172000155")), PU_OK);

    char many[4096];
    memset(many, '1', sizeof many);
    for (size_t len = 0; len < sizeof many; len++)
        assert_int_equal(pu_peer_id_parse(&id, span_of(many, len)), PU_ERANGE);
}

static void ids_are_equal_when_all_bytes_are(void **state)
{
    (void)state;
    uint8_t key[32] = {1};
    pu_peer_id a, b, shorter;
    pu_peer_id_from_ed25519(&a, key);
    pu_peer_id_from_ed25519(&b, key);
    assert_true(pu_peer_id_equal(&a, &b));
    b.bytes[37] ^= 1;
    assert_false(pu_peer_id_equal(&a, &b));
    shorter = a;
    shorter.len--;
    assert_false(pu_peer_id_equal(&a, &shorter));
}

int peer_id_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_ids_have_their_texts),
        cmocka_unit_test(cids_in_other_bases_and_cases_are_read),
        cmocka_unit_test(published_texts_are_read),
        cmocka_unit_test(ed25519_keys_go_in_and_come_out),
        cmocka_unit_test(only_canonical_keys_are_taken_out),
        cmocka_unit_test(published_multihashes_of_two_kinds_are_ids),
        cmocka_unit_test(lengths_are_exact),
        cmocka_unit_test(rests_are_zero),
        cmocka_unit_test(over_long_varints_are_refused),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(ids_are_equal_when_all_bytes_are),
    };
    return cmocka_run_group_tests_name("peer_id", tests, NULL, NULL);
}
