/* base/rng.c - streams of choices out of ChaCha20 blocks.
 *
 * Word n of a stream is word n % 8 of its block n / 8, so a position says all. A block is computed
 * anew for each draw: that buys 64 bytes less in every stream of every node. Nonces begin with a
 * tag, so that streams and derived seeds of one seed never share a block.
 */
#include "base/rng.h"

#include "base/bytes.h"
#include "base/chacha20.h"

enum { BLOCK_BYTES = 64, BLOCK_WORDS = 8, NONCE_BYTES = 12, SEED_BYTES = 32 };
enum { TAG_STREAM = 1, TAG_DERIVE = 2 };

_Static_assert(sizeof(rng) == 16, "streams rest in nodes by the dozen");

void rng_init(rng *r, const uint8_t seed[32], uint32_t purpose)
{
    PU_ASSERT(r != NULL);
    PU_ASSERT(seed != NULL);
    *r = (rng){.seed = seed, .purpose = purpose, .drawn = 0};
}

uint64_t rng_u64(rng *r)
{
    PU_ASSERT(r->seed != NULL);
    uint8_t nonce[NONCE_BYTES] = {TAG_STREAM};
    uint8_t block[BLOCK_BYTES];
    store_le32(nonce + 4, r->purpose);
    chacha20_block(r->seed, r->drawn / BLOCK_WORDS, nonce, block);
    uint64_t word = load_le64(block + 8 * (r->drawn % BLOCK_WORDS));
    r->drawn++;
    return word;
}

void rng_skip(rng *r)
{
    PU_ASSERT(r->seed != NULL);
    r->drawn++;
}

uint64_t rng_below(rng *r, uint64_t below)
{
    PU_ASSERT(below != 0);
    /* 2^64 modulo below: so many words are too many for equal shares, and are drawn again. */
    uint64_t surplus = (UINT64_MAX - below + 1) % below;
    uint64_t word;
    do {
        word = rng_u64(r);
    } while (word < surplus);
    return word % below;
}

bool rng_chance(rng *r, uint64_t hits, uint64_t of)
{
    PU_ASSERT(of != 0);
    return rng_below(r, of) < hits;
}

uint64_t rng_between(rng *r, uint64_t from_ns, uint64_t to_ns)
{
    PU_ASSERT(from_ns <= to_ns);
    uint64_t width = to_ns - from_ns;
    return width == UINT64_MAX ? rng_u64(r) : from_ns + rng_below(r, width + 1);
}

void rng_bytes(rng *r, uint8_t *out, size_t len)
{
    PU_ASSERT(out != NULL || len == 0);
    for (size_t done = 0; done < len; done += 8) {
        uint8_t word[8];
        store_le64(word, rng_u64(r));
        memcpy(out + done, word, len - done < 8 ? len - done : 8);
    }
}

/* out becomes the first half of the block that parent and number name. out may be parent. */
static void derive_step(uint8_t out[SEED_BYTES], const uint8_t parent[SEED_BYTES], uint64_t number)
{
    uint8_t nonce[NONCE_BYTES] = {TAG_DERIVE};
    uint8_t block[BLOCK_BYTES];
    store_le64(nonce + 4, number);
    chacha20_block(parent, 0, nonce, block);
    memcpy(out, block, SEED_BYTES);
}

void rng_derive(uint8_t out[32], const uint8_t parent[32], uint64_t a, uint64_t b)
{
    PU_ASSERT(out != NULL);
    PU_ASSERT(parent != NULL);
    derive_step(out, parent, a);
    derive_step(out, out, b);
}
