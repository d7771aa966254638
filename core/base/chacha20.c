/* base/chacha20.c - the ChaCha20 block function (RFC 8439 section 2.3): one block a call, no vector
 * code, the same result on machines of either byte order. */
#include "base/chacha20.h"

#include "base/bytes.h"

enum { STATE_WORDS = 16, DOUBLE_ROUNDS = 10 };

static uint32_t rotate(uint32_t v, unsigned by)
{
    return v << by | v >> (32 - by);
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

/* The columns of the 4 x 4 state, then its diagonals. */
static void double_round(uint32_t s[STATE_WORDS])
{
    for (unsigned i = 0; i < 4; i++) quarter_round(&s[i], &s[4 + i], &s[8 + i], &s[12 + i]);
    for (unsigned i = 0; i < 4; i++) {
        quarter_round(&s[i], &s[4 + (i + 1) % 4], &s[8 + (i + 2) % 4], &s[12 + (i + 3) % 4]);
    }
}

void chacha20_block(const uint8_t key[32], uint32_t counter, const uint8_t nonce[12],
                    uint8_t out[64])
{
    PU_ASSERT(key != NULL);
    PU_ASSERT(out != NULL);
    /* The first four words spell "expand 32-byte k". */
    uint32_t start[STATE_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (unsigned i = 0; i < 8; i++) start[4 + i] = load_le32(key + 4 * i);
    start[12] = counter;
    for (unsigned i = 0; i < 3; i++) start[13 + i] = load_le32(nonce + 4 * i);

    uint32_t state[STATE_WORDS];
    memcpy(state, start, sizeof state);
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) double_round(state);
    for (unsigned i = 0; i < STATE_WORDS; i++) store_le32(out + 4 * i, state[i] + start[i]);
}
