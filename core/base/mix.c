/* base/mix.c - the running hash behind traces and model signatures.
 *
 * Each word goes through a step that can be undone, given the word: two states never merge over
 * equal input, and two words never have the same effect on one state. The result adds stronger
 * rounds, so that each input bit reaches each output bit.
 */
#include "base/mix.h"

#include "base/bytes.h"

/* Odd numbers without a pattern: 64 fractional bits of the square roots of 5 and 7, made odd; those
 * of 2 and 3 are in the header. */
#define ROOT_5 UINT64_C(0x3c6ef372fe94f82b)
#define ROOT_7 UINT64_C(0xa54ff53a5f1d36f1)

/* Spreads a change of any bit over the whole word; no two words become one. */
static uint64_t spread(uint64_t v)
{
    v = (v ^ v >> 31) * ROOT_5;
    v = (v ^ v >> 29) * ROOT_7;
    v = (v ^ v >> 33) * MIX_ROOT_2;
    return v ^ v >> 32;
}

void mix_init(mix128 *m, uint64_t seed)
{
    PU_ASSERT(m != NULL);
    *m = (mix128){.a = ROOT_5, .b = ROOT_7, .length = 0};
    mix_step(m, seed);
}

/* Takes the 32 bytes at `at`. */
static void turn_of(mix_lanes *l, const uint8_t *at)
{
    mix_turn(l, load_le64(at), load_le64(at + 8), load_le64(at + 16), load_le64(at + 24));
}

/* Takes the last 1 to 32 bytes. Words may overlap: with their number they still tell every byte. */
static void turn_of_last(mix_lanes *l, const uint8_t *at, size_t left)
{
    const uint8_t *end = at + left;
    if (left >= 16) {
        mix_turn(l, load_le64(at), load_le64(at + 8), load_le64(end - 16), load_le64(end - 8));
    } else if (left >= 8) {
        mix_turn(l, load_le64(at), load_le64(end - 8), 0, 0);
    } else if (left >= 4) {
        mix_turn(l, load_le32(at), load_le32(end - 4), 0, 0);
    } else {
        mix_turn(l, at[0], (uint64_t)at[left / 2] << 8 | end[-1], 0, 0);
    }
}

static mix_lanes lanes_of(mix_lanes l, const uint8_t *at, size_t len)
{
    enum { TURN = 8 * MIX_TURN };
    size_t left = len;
    for (; left > TURN; at += TURN, left -= TURN) turn_of(&l, at);
    if (left > 0) turn_of_last(&l, at, left);
    return l;
}

void mix_long(mix128 *m, const void *bytes, size_t len)
{
    PU_ASSERT(m != NULL);
    PU_ASSERT(bytes != NULL || len == 0);
    if (len > 0) mix_lanes_end(m, lanes_of(MIX_LANES_BEGIN, bytes, len), len);
}

uint64_t mix_keyed(uint64_t key, const void *bytes, size_t len)
{
    PU_ASSERT(bytes != NULL || len == 0);
    mix_lanes l = MIX_LANES_BEGIN;
    l.first ^= key;
    l = lanes_of(l, bytes, len);
    return spread(mix_lanes_word(l, len));
}

void mix_result(const mix128 *m, uint64_t out[2])
{
    PU_ASSERT(m != NULL);
    PU_ASSERT(out != NULL);
    mix128 end = *m;
    mix_step(&end, m->length);
    uint64_t a = spread(end.a);
    uint64_t b = spread(end.b + a);
    out[0] = spread(a + b);
    out[1] = b ^ out[0];
}

uint64_t mix3(uint64_t a, uint64_t b, uint64_t c)
{
    mix128 m;
    uint64_t out[2];
    mix_init(&m, a);
    mix_u64(&m, b);
    mix_u64(&m, c);
    mix_result(&m, out);
    return out[0];
}
