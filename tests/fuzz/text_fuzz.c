/* text_fuzz.c - small texts of the core: numbers, IP addresses, points in time; each against
 * another way to read it. And the bodies of commands, which are texts, too. */
#include "ident/decimal.h"
#include "ident/ip.h"
#include "ident/rfc3339.h"
#include "peerup/node.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/times.h"
#include "tests/unit/fault_heap.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* ---- decimal ---- */

/* Whether text is a number as people write it, at most 19 digits: none of those overflow. */
static bool is_plain_number(pu_span text, uint64_t *value)
{
    *value = 0;
    if (text.len == 0 || text.len > 19 || (text.len > 1 && text.base[0] == '0')) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.base[i])) return false;
        *value = *value * 10 + (uint64_t)(text.base[i] - '0');
    }
    return true;
}

void fuzz_decimal(pu_span bytes)
{
    uint64_t value = 7, plain;
    unsigned shift = fuzz_u8(&bytes) % 64;
    uint64_t max = UINT64_MAX >> shift;
    bool is_good = decimal_get(bytes, max, &value);
    if (is_plain_number(bytes, &plain)) PU_ASSERT(is_good == (plain <= max));
    if (!is_good) return;
    uint8_t digits[32];
    pu_buf out = buf_of(digits, sizeof digits);
    decimal_put(&out, value);
    PU_ASSERT(value <= max);
    PU_ASSERT(span_equal(buf_span(&out), bytes));
}

/* ---- IP addresses ---- */

enum { IP_TEXT_MAX = 64 };

static void check_ip4(pu_span bytes, const char *text)
{
    uint8_t ip[4], other[4], again[IP_TEXT_MAX];
    bool is_good = ip4_get(bytes, ip);
    PU_ASSERT(is_good == (inet_pton(AF_INET, text, other) == 1));
    if (!is_good) return;
    pu_buf out = buf_of(again, sizeof again);
    ip4_put(&out, ip);
    PU_ASSERT(memcmp(ip, other, sizeof ip) == 0);
    PU_ASSERT(span_equal(buf_span(&out), bytes));
}

static void check_ip6(pu_span bytes, const char *text)
{
    uint8_t ip[16], other[16], again[16], put[IP_TEXT_MAX];
    bool is_good = ip6_get(bytes, ip);
    PU_ASSERT(is_good == (inet_pton(AF_INET6, text, other) == 1));
    if (!is_good) return;
    PU_ASSERT(memcmp(ip, other, sizeof ip) == 0);
    pu_buf out = buf_of(put, sizeof put);
    ip6_put(&out, ip);
    PU_ASSERT(!out.full);
    PU_ASSERT(ip6_get(buf_span(&out), again));
    PU_ASSERT(memcmp(ip, again, sizeof ip) == 0);
}

void fuzz_ip_text(pu_span bytes)
{
    char text[IP_TEXT_MAX];
    if (bytes.len >= sizeof text || (bytes.len > 0 && memchr(bytes.base, 0, bytes.len) != NULL))
        return;
    if (bytes.len > 0) memcpy(text, bytes.base, bytes.len);
    text[bytes.len] = '\0';
    check_ip4(bytes, text);
    check_ip6(bytes, text);
}

/* ---- points in time ---- */

void fuzz_time_text(pu_span bytes)
{
    int64_t got;
    if (!rfc3339_get(bytes, &got)) return;
    PU_ASSERT(bytes.len >= 20);
    int64_t days = times_days(times_two_digits(bytes, 0) * 100 + times_two_digits(bytes, 2),
                              times_two_digits(bytes, 5), times_two_digits(bytes, 8));
    int64_t wanted = days * 86400 + times_two_digits(bytes, 11) * 3600 +
                     times_two_digits(bytes, 14) * 60 + times_two_digits(bytes, 17);
    if ((bytes.base[bytes.len - 1] | 0x20) != 'z') { /* ends in +hh:mm */
        int64_t offset = times_two_digits(bytes, bytes.len - 5) * 3600 +
                         times_two_digits(bytes, bytes.len - 2) * 60;
        wanted += bytes.base[bytes.len - 6] == '-' ? offset : -offset;
    }
    PU_ASSERT(got == wanted);
}

/* ---- commands ---- */

enum { COMMANDS_MAX = 40, PEERS_MAX = 64 };

typedef struct asker {
    fault_heap heap;
    pu_env env;
    pu_crypto crypto;
    pu_crypto_model key;
    pu_config config;
    pu_node *node;
    pu_out *out;
} asker;

/* How many answers to token came with this step. */
static unsigned answers(asker *a, pu_token token)
{
    unsigned count = 0;
    for (pu_ef ef; pu_out_next(a->out, &ef);)
        count += ef.kind == PU_EF_EVENT && ef.what == PU_EVENT_DONE && ef.token == token;
    pu_out_reset(a->out);
    return count;
}

/* One command, answered at most once in its step; those that wait for nobody are answered there. */
static void ask(asker *a, pu_span *in, pu_token token)
{
    static const uint32_t direct[] = {PU_CMD_AUTHORISE, PU_CMD_ADDRESS, PU_CMD_SET, PU_CMD_REVOKE,
                                      PU_CMD_FORGET};
    uint8_t head = fuzz_u8(in);
    pu_peer_id id;
    uint8_t key[32] = {head};
    pu_peer_id_from_ed25519(&id, key);
    pu_in command = {.now = PU_S,
                     .kind = PU_IN_COMMAND,
                     .what = direct[head % 5],
                     .token = token,
                     .peer = span_of(id.bytes, id.len)};
    if (head >= 128) command.what = head % 16;
    if (head & 32) command.peer = fuzz_span(in, fuzz_u8(in));
    if (head & 64) command.flags = PU_KEEP | PU_RELAY;
    command.body = fuzz_span(in, fuzz_u8(in));
    int err = pu_node_step(a->node, &command, a->out);
    unsigned count = answers(a, token);
    PU_ASSERT(err == PU_OK || err == PU_ERANGE);
    PU_ASSERT(count <= (err == PU_OK ? 1 : 0));
    if (err == PU_OK && head < 128) PU_ASSERT(count == 1);
}

void fuzz_command(pu_span bytes)
{
    static const uint8_t seed[32] = {1};
    static asker a;
    a = (asker){.heap = {0}};
    pu_config_default(&a.config);
    pu_crypto_model_init(&a.crypto, &a.key, seed);
    a.env = (pu_env){.crypto = &a.crypto, .alloc = fault_heap_alloc(&a.heap)};
    int err = pu_peers_new(&a.env.peers, PEERS_MAX, 1, &a.env.alloc);
    PU_ASSERT(err == PU_OK);
    err = pu_out_new(&a.out, &a.env);
    PU_ASSERT(err == PU_OK);
    void *mem = a.env.alloc.resize(a.env.alloc.ctx, NULL, 0, pu_node_size(&a.config));
    err = pu_node_init(&a.node, mem, &a.config, &a.env, seed, PU_S);
    PU_ASSERT(err == PU_OK);
    if (fuzz_u8(&bytes) & 1) { /* commands may come before the first tick, too */
        err = pu_node_step(a.node, &(pu_in){.now = PU_S, .kind = PU_IN_TICK}, a.out);
        PU_ASSERT(err == PU_OK);
        pu_out_reset(a.out);
    }
    for (pu_token i = 1; i <= COMMANDS_MAX && bytes.len > 0; i++) ask(&a, &bytes, i);
    pu_node_close(a.node);
    PU_ASSERT(pu_peers_count(a.env.peers) == 0);
    pu_out_free(a.out);
    pu_peers_free(a.env.peers);
    (void)a.env.alloc.resize(a.env.alloc.ctx, mem, pu_node_size(&a.config), 0);
    PU_ASSERT(a.heap.live_bytes == 0);
}
