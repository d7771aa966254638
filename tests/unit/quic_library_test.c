/* quic_library_test.c - what broke the library that QUIC is made with, ngtcp2 0.12: no connection
 * id that is told twice ends the process, nor memory that it does not get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/quic_impl.h"
#include "tests/lib/cert_forge.h"
#include "tests/lib/quic_raw.h"

int quic_library_test(void);

/* ---- connection ids ---- */

enum { NEW_ID_BYTES = 28, FRAMES_MAX = 512 };

/* A host, and a peer of it that says what the test wants. */
typedef struct desk {
    rig *w;
    rig_host *h;
    raw r;
    pu_crypto crypto;
    pu_crypto_real real;
    gnutls_privkey_t key;
    uint8_t der[FORGE_CERT_MAX];
} desk;

static desk d;

static void begin(void)
{
    uint8_t seed[PU_ED25519_SEED_BYTES] = {0x66};
    d.w = rig_new();
    d.h = rig_add(d.w, NULL);
    raw_init(&d.r, d.w);
    assert_int_equal(pu_crypto_real_init(&d.crypto, &d.real, seed), PU_OK);
    d.key = forge_key();
    forge f = {.crypto = &d.crypto, .key = d.key};
    raw_certify(&d.r, forge_cert(&f, d.der), d.key);
    raw_dial(&d.r, d.h);
    rig_run(d.w, 200 * PU_MS);
    assert_true(d.h->conns[0].is_up);
}

static void finish(void)
{
    raw_free(&d.r);
    gnutls_privkey_deinit(d.key);
    pu_crypto_real_close(&d.real);
    rig_free(d.w);
}

/* NEW_CONNECTION_ID of that number, in 28 bytes: numbers below 64. */
static void put_new_id(pu_buf *out, uint8_t number, uint8_t retire_prior_to)
{
    uint8_t frame[NEW_ID_BYTES] = {0x18, number, retire_prior_to, 8, number, 0x55};
    memset(frame + 12, number, 16);
    buf_put(out, frame, sizeof frame);
}

/* Whether the host bears it that numbers which it has retired are told again, behind such a frame.
 */
static bool bears_ids_behind(pu_span frame)
{
    uint8_t bytes[FRAMES_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    begin();
    buf_put_span(&out, frame);
    put_new_id(&out, 9, 6);
    static const uint8_t again[] = {9, 1, 0, 4, 4, 1, 9};
    for (size_t i = 0; i < sizeof again; i++)
        put_new_id(&out, again[i], again[i] < 6 ? again[i] : 6);
    raw_say(&d.r, bytes, out.len, 1);
    bool is_borne = !d.h->conns[0].is_down;
    d.r.is_mute = true; /* it never gave these numbers, and would complain */
    rig_run(d.w, 500 * PU_MS);
    is_borne = is_borne && !d.h->conns[0].is_down;
    finish();
    return is_borne;
}

static void connection_ids_may_be_told_twice(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } frames[] = {
        {"", 0},
        {"\x00\x00\x00", 3},                                  /* PADDING */
        {"\x01", 1},                                          /* PING */
        {"\x02\x00\x00\x00\x00", 5},                          /* ACK */
        {"\x03\x00\x00\x00\x00\x00\x00\x00", 8},              /* with ECN */
        {"\x04\x04\x07\x00", 4},                              /* RESET_STREAM */
        {"\x05\x04\x07", 3},                                  /* STOP_SENDING */
        {"\x06\x40\x00\x02hi", 6},                            /* CRYPTO */
        {"\x0a\x04\x03hey\x0f\x04\x03\x02yo", 12},            /* STREAM, with offset and end */
        {"\x10\x80\x40\x00\x00\x11\x04\x80\x40\x00\x00", 11}, /* MAX_DATA, MAX_STREAM_DATA */
        {"\x12\x41\x00\x13\x10", 5},                          /* MAX_STREAMS */
        {"\x14\x10\x15\x04\x10\x16\x10\x17\x00", 9},          /* BLOCKED, of each sort */
        {"\x1a"
         "12345678"
         "\x1b"
         "12345678",
         18}, /* PATH_CHALLENGE, PATH_RESPONSE */
    };
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        assert_true(bears_ids_behind(span_of(frames[i].bytes, frames[i].len)));
}

/* Frames that end the connection, or are cut off, or none: whatever stands behind is not read. */
static void bad_frames_before_connection_ids_break_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } frames[] = {
        {"\x07\x01x", 3},        /* NEW_TOKEN, by a client */
        {"\x19\x3f", 2},         /* RETIRE_CONNECTION_ID of the future */
        {"\x1c\x00\x00\x00", 4}, /* CONNECTION_CLOSE */
        {"\x1d\x00\x00", 3},     /* of an application */
        {"\x1e", 1},             /* HANDSHAKE_DONE, by a client */
        {"\x1f\x04\x00\x00", 4}, /* STREAM to ngtcp2, to nobody else */
        {"\x21", 1},             /* none */
        {"\x31\x01x", 3},        /* DATAGRAM, which we do not offer */
        {"\x30", 1},
        {"\x02\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00", 12}, /* ACK of very many ranges */
        {"\x06\x00\x7f\xff", 4}, /* CRYPTO, longer than the packet */
    };
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        (void)bears_ids_behind(span_of(frames[i].bytes, frames[i].len));
}

/* ---- memory that runs out ---- */

/* What ends streams is lost, and the memory for sending it again is refused: ngtcp2 sends nothing
 * then and says nothing, and would break at the next acknowledgement. */
static void shortages_of_memory_break_nothing_while_packets_are_lost(void **state)
{
    (void)state;
    enum { STREAMS = 3 };
    for (unsigned fail = 1;; fail++) {
        rig *w = rig_new();
        rig_host *a = rig_add(w, NULL), *b = rig_add(w, NULL);
        rig_conn *c = rig_connect(a, b);
        rig_stream *s[STREAMS];
        for (int i = 0; i < STREAMS; i++) {
            s[i] = rig_open(a, c);
            rig_send(a, s[i], 100, false);
        }
        rig_run(w, 200 * PU_MS);
        b->is_deaf = true;
        a->heap.fail_at = a->heap.asked + fail;
        for (int i = 1; i < STREAMS; i++) rig_send(a, s[i], 0, true);
        rig_run(w, 400 * PU_MS);
        b->is_deaf = false;
        if (!s[0]->is_down) rig_send(a, s[0], 1000, true);
        rig_run(w, 2 * PU_S);
        bool has_fired = a->heap.asked >= a->heap.fail_at;
        a->heap.fail_at = 0;
        pu_token token = rig_dial(a, b, NULL);
        rig_run(w, 500 * PU_MS);
        assert_non_null(rig_conn_of(a, token));
        rig_free(w);
        if (!has_fired) break;
    }
}

int quic_library_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_ids_may_be_told_twice),
        cmocka_unit_test(bad_frames_before_connection_ids_break_nothing),
        cmocka_unit_test(shortages_of_memory_break_nothing_while_packets_are_lost),
    };
    return cmocka_run_group_tests_name("quic_library", tests, NULL, NULL);
}
