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

/* A product of two words. */
__extension__ typedef unsigned __int128 mix_wide;

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

/* Each half of a*b into one word. A product is what spreads a change of any bit at once, and no
 * processor of today takes longer for it than for a few shifts. */
static inline uint64_t mix_fold(uint64_t a, uint64_t b)
{
    mix_wide product = (mix_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

enum { MIX_TURN = 4 }; /* words that the two lanes take at once */

/* A record in work: two lanes, which wait neither for each other nor for the hash. */
typedef struct mix_lanes {
    uint64_t first, second;
} mix_lanes;

/* Takes four words, two a lane. */
static inline void mix_turn(mix_lanes *l, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    l->first = mix_fold(w0 ^ l->first, w1 ^ MIX_ROOT_3);
    l->second = mix_fold(w2 ^ l->second, w3 ^ MIX_ROOT_2);
}

#define MIX_LANES_BEGIN ((mix_lanes){MIX_ROOT_2, MIX_ROOT_3})

/* One word of the lanes that have taken count words or bytes. */
static inline uint64_t mix_lanes_word(mix_lanes l, size_t count)
{
    return mix_fold(l.first ^ MIX_ROOT_3, l.second ^ MIX_ROOT_2) + count;
}

/* Adds the lanes to m: as one word, so that m, which all records wait for, takes one step. */
static inline void mix_lanes_end(mix128 *m, mix_lanes l, size_t count)
{
    mix_step(m, mix_lanes_word(l, count));
    m->length += count;
}

/* Adds count numbers as one record, two at a time. Several times as fast as mix_u64 on each, for
 * another result. Records that differ give the same word by chance alone, once in 2^64 a product
 * behind the difference: enough for what nobody tries to deceive. */
static inline void mix_words(mix128 *m, const uint64_t *words, size_t count)
{
    PU_ASSERT(words != NULL || count == 0);
    mix_lanes l = MIX_LANES_BEGIN;
    size_t at = 0;
    for (; at + MIX_TURN <= count; at += MIX_TURN)
        mix_turn(&l, words[at], words[at + 1], words[at + 2], words[at + 3]);
    size_t left = count - at;
    if (left > 0)
        mix_turn(&l, words[at], left > 1 ? words[at + 1] : 0, left > 2 ? words[at + 2] : 0, 0);
    mix_lanes_end(m, l, count);
}

/* Adds len bytes as one record, as mix_words does with numbers. */
void mix_long(mix128 *m, const void *bytes, size_t len);

/* One word from a key and len bytes, without a running hash. Enough for what nobody tries to
 * deceive. */
uint64_t mix_keyed(uint64_t key, const void *bytes, size_t len);

/* The result so far, in two words; m is not changed. */
void mix_result(const mix128 *m, uint64_t out[2]);

/* One word from three: for tie-breaks and seeded tables. */
uint64_t mix3(uint64_t a, uint64_t b, uint64_t c);

#endif
