/* base/mix.h - a 128-bit running hash for traces and model signatures: fast, portable, not
 * cryptographic. */
#ifndef BASE_MIX_H
#define BASE_MIX_H

#include "base/bytes.h"

/* A running hash. Equal calls in equal order give equal results on every machine. */
typedef struct mix128 {
    uint64_t a, b;   /* state */
    uint64_t length; /* bytes and words taken */
} mix128;

/* Starts a hash; seed separates uses. */
void mix_init(mix128 *m, uint64_t seed);

/* Odd numbers without a pattern: 64 fractional bits of the square roots of 2 and 3, made odd. */
#define MIX_ROOT_2 UINT64_C(0x6a09e667f3bcc909)
#define MIX_ROOT_3 UINT64_C(0xbb67ae8584caa73b)

/* One word into the state, without counting it. Here, since a trace is hashed word by word. */
static inline void mix_step(mix128 *m, uint64_t word)
{
    m->a = (m->a ^ word) * MIX_ROOT_2;
    m->a ^= m->a >> 32;
    m->b = ((m->b << 23 | m->b >> 41) + m->a) * MIX_ROOT_3;
    m->b ^= m->b >> 29;
    m->a += m->b;
}

/* Adds one number. */
static inline void mix_u64(mix128 *m, uint64_t value)
{
    PU_ASSERT(m != NULL);
    mix_step(m, value);
    m->length++;
}

/* Adds len bytes, without their length: add it first where bytes could run together. */
static inline void mix_bytes(mix128 *m, const void *bytes, size_t len)
{
    PU_ASSERT(m != NULL);
    PU_ASSERT(bytes != NULL || len == 0);
    const uint8_t *at = bytes;
    size_t left = len;
    for (; left >= 8; at += 8, left -= 8) mix_step(m, load_le64(at));
    if (left > 0) {
        uint64_t tail = (uint64_t)left << 56; /* at most seven bytes, and in the eighth how many */
        for (size_t i = 0; i < left; i++) tail |= (uint64_t)at[i] << (8 * i);
        mix_step(m, tail);
    }
    m->length += len;
}

enum { MIX_LANES = 4 };

/* Takes one word into a lane. The word is spread first, which waits for nothing: no simple
 * difference of two words is undone by one of the lane's next. */
static inline uint64_t mix_lane(uint64_t lane, uint64_t word)
{
    word *= MIX_ROOT_3;
    lane = (lane ^ word ^ word >> 32) * MIX_ROOT_2;
    return lane ^ lane >> 29;
}

/* Adds the lanes to m: two by two, so that m, which all records wait for, takes two steps. */
static inline void mix_lanes(mix128 *m, const uint64_t lane[MIX_LANES])
{
    mix_step(m, mix_lane(lane[0], lane[1]));
    mix_step(m, mix_lane(lane[2], lane[3]));
}

/* Adds count numbers as one record: each in turn to one of four lanes, which wait neither for each
 * other nor for m. Several times as fast as mix_u64 on each, for another result; a record that
 * differs in one number always gives another one. */
static inline void mix_words(mix128 *m, const uint64_t *words, size_t count)
{
    PU_ASSERT(words != NULL || count == 0);
    uint64_t lane[MIX_LANES] = {1, 2, 3, 4};
    size_t at = 0;
    for (; at + MIX_LANES <= count; at += MIX_LANES)
        for (size_t i = 0; i < MIX_LANES; i++) lane[i] = mix_lane(lane[i], words[at + i]);
    for (size_t i = 0; i < count % MIX_LANES; i++) lane[i] = mix_lane(lane[i], words[at + i]);
    lane[0] += count;
    mix_lanes(m, lane);
    m->length += count;
}

/* Adds len bytes as mix_words does with numbers, without their length. */
void mix_long(mix128 *m, const void *bytes, size_t len);

/* The result so far, in two words; m is not changed. */
void mix_result(const mix128 *m, uint64_t out[2]);

/* One word from three: for tie-breaks and seeded tables. */
uint64_t mix3(uint64_t a, uint64_t b, uint64_t c);

#endif
