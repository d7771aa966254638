/* noise_frame_test.c - Noise after the handshake: frames of every length, and what ends a cipher.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/noise.h"

int noise_frame_test(void);

static void frames_of_every_kind_of_length(void **state)
{
    static const size_t lens[] = {0, 1, 15, 16, 17, 1000, 65518, NOISE_PLAIN_MAX};
    static uint8_t plain[NOISE_PLAIN_MAX], frame[NOISE_PLAIN_MAX + NOISE_OVERHEAD];
    (void)state;
    noise_cipher tx = {.key = {7}}, rx = tx;
    memset(plain, 0x77, sizeof plain);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        size_t len = lens[i] + 1;
        memcpy(frame + NOISE_LENGTH_BYTES, plain, lens[i]);
        assert_true(noise_seal(&tx, frame, span_of(frame + NOISE_LENGTH_BYTES, lens[i])));
        pu_span in = span_of(frame, lens[i] + NOISE_OVERHEAD);
        for (size_t cut = 0; cut < in.len; cut += 1 + cut / 2) {
            pu_span head = span_head(in, cut);
            assert_int_equal(noise_open(&rx, &head, frame + NOISE_LENGTH_BYTES, &len), NOISE_MORE);
            assert_int_equal(head.len, cut);
        }
        assert_int_equal(noise_open(&rx, &in, frame + NOISE_LENGTH_BYTES, &len), NOISE_DONE);
        assert_int_equal(len, lens[i]);
        assert_memory_equal(frame + NOISE_LENGTH_BYTES, plain, len);
        assert_int_equal(in.len, 0);
    }
    assert_int_equal(tx.counter, sizeof lens / sizeof lens[0]);
    assert_int_equal(rx.counter, tx.counter);
}

static void frames_shorter_than_a_tag_are_fatal(void **state)
{
    (void)state;
    for (uint8_t len = 0; len < NOISE_TAG_BYTES; len++) {
        uint8_t frame[32] = {0, len}, plain[32];
        size_t got;
        noise_cipher rx = {.key = {7}};
        pu_span in = span_of(frame, NOISE_LENGTH_BYTES); /* no byte more is waited for */
        assert_int_equal(noise_open(&rx, &in, plain, &got), NOISE_FAILED);
        assert_true(rx.is_dead);
    }
}

/* CVE-2021-4239, GHSA-7g9j-g5jg-3vv3: a forged frame neither moves the counter nor lets a genuine
 * one follow. */
static void a_forged_frame_is_the_last(void **state)
{
    (void)state;
    uint8_t frame[64], copy[64], plain[64];
    for (size_t bit = 16; bit < 8 * (5 + NOISE_OVERHEAD); bit++) {
        size_t len;
        noise_cipher tx = {.key = {7}}, rx = tx;
        assert_true(noise_seal(&tx, frame, SPAN_LITERAL("hello")));
        memcpy(copy, frame, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pu_span forged = span_of(copy, 5 + NOISE_OVERHEAD), good = span_of(frame, forged.len);
        assert_int_equal(noise_open(&rx, &forged, plain, &len), NOISE_FAILED);
        assert_int_equal(rx.counter, 0);
        assert_int_equal(noise_open(&rx, &good, plain, &len), NOISE_FAILED);
    }
}

static void frames_in_another_order_are_forged(void **state)
{
    (void)state;
    uint8_t frame[2][64], plain[64];
    size_t len;
    noise_cipher tx = {.key = {7}}, rx = tx, other = tx;
    for (int i = 0; i < 2; i++) assert_true(noise_seal(&tx, frame[i], SPAN_LITERAL("hello")));
    pu_span second = span_of(frame[1], 5 + NOISE_OVERHEAD);
    assert_int_equal(noise_open(&rx, &second, plain, &len), NOISE_FAILED);
    for (int i = 0; i < 2; i++) { /* the same one twice */
        pu_span first = span_of(frame[0], 5 + NOISE_OVERHEAD);
        assert_int_equal(noise_open(&other, &first, plain, &len),
                         i == 0 ? NOISE_DONE : NOISE_FAILED);
    }
}

/* CVE-2021-4239: the last counter is never used, and none comes after it. */
static void the_counter_ends(void **state)
{
    (void)state;
    uint8_t frame[64], plain[64];
    size_t len;
    noise_cipher tx = {.key = {7}, .counter = UINT64_MAX - 1}, rx = tx;
    assert_true(noise_seal(&tx, frame, SPAN_LITERAL("hello")));
    pu_span in = span_of(frame, 5 + NOISE_OVERHEAD), again = in;
    assert_int_equal(noise_open(&rx, &in, plain, &len), NOISE_DONE);
    for (int i = 0; i < 2; i++) {
        assert_false(noise_seal(&tx, frame, SPAN_LITERAL("hello")));
        assert_int_equal(noise_open(&rx, &again, plain, &len), NOISE_FAILED);
        assert_true(tx.is_dead && rx.is_dead);
        assert_true(tx.counter == UINT64_MAX && rx.counter == UINT64_MAX);
    }
}

int noise_frame_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_every_kind_of_length),
        cmocka_unit_test(frames_shorter_than_a_tag_are_fatal),
        cmocka_unit_test(a_forged_frame_is_the_last),
        cmocka_unit_test(frames_in_another_order_are_forged),
        cmocka_unit_test(the_counter_ends),
    };
    return cmocka_run_group_tests_name("noise_frame", tests, NULL, NULL);
}
