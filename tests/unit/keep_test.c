/* keep_test.c - one node: what it asks its host to keep, what it makes of what was kept, and what a
 * clock that jumps does to who is authorised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/varint.h"
#include "peerup/node.h"
#include "tests/lib/plain_heap.h"

int keep_test(void);

enum { EFFECTS_MAX = 64, BYTES_MAX = 8192 };

/* A node with a model key, its latest effects and traces. */
typedef struct bed {
    pu_crypto crypto;
    pu_crypto_model key;
    pu_env env;
    pu_config config;
    pu_node *node;
    void *mem;
    pu_out *out;
    pu_time now;
    pu_ef effects[EFFECTS_MAX]; /* of the latest step; peer and body point into bytes */
    uint32_t count;
    uint8_t bytes[BYTES_MAX];
    size_t used;
    uint64_t kept_taken, kept_left; /* of the latest KEPT trace */
    uint32_t not_stored;
} bed;

static const uint8_t node_seed[32] = {1}, peer_key[32] = {9, 9, 9};
static const pu_time unix_start = UINT64_C(1767225600) * PU_S;

static void on_trace(void *ctx, const pu_trace *event)
{
    bed *b = ctx;
    if (event->code == PU_TR_NOT_STORED) b->not_stored++;
    if (event->code != PU_TR_KEPT) return;
    b->kept_taken = event->a;
    b->kept_left = event->b;
}

static pu_span save(bed *b, pu_span s)
{
    assert_true(s.len <= BYTES_MAX - b->used);
    if (s.len > 0) memcpy(b->bytes + b->used, s.base, s.len);
    b->used += s.len;
    return span_of(b->bytes + b->used - s.len, s.len);
}

static int step(bed *b, pu_in in)
{
    in.now = b->now;
    int err = pu_node_step(b->node, &in, b->out);
    b->count = 0;
    b->used = 0;
    for (pu_ef ef; pu_out_next(b->out, &ef);) {
        assert_true(b->count < EFFECTS_MAX);
        ef.peer = save(b, ef.peer);
        ef.body = save(b, ef.body);
        b->effects[b->count++] = ef;
    }
    pu_out_reset(b->out);
    return err;
}

static const pu_ef *find(const bed *b, enum pu_ef_kind kind)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (b->effects[i].kind == kind) return &b->effects[i];
    return NULL;
}

static bed *bed_new(void)
{
    bed *b = calloc(1, sizeof *b);
    assert_non_null(b);
    pu_config_default(&b->config);
    pu_crypto_model_init(&b->crypto, &b->key, node_seed);
    b->env = (pu_env){.crypto = &b->crypto,
                      .alloc = plain_heap,
                      .trace = on_trace,
                      .trace_ctx = b,
                      .trace_mask = PU_TRACE_ALL};
    assert_int_equal(pu_peers_new(&b->env.peers, 64, 0, &b->env.alloc), PU_OK);
    assert_int_equal(pu_out_new(&b->out, &b->env), PU_OK);
    b->mem = malloc(pu_node_size(&b->config));
    assert_non_null(b->mem);
    assert_int_equal(pu_node_init(&b->node, b->mem, &b->config, &b->env, node_seed, 0), PU_OK);
    return b;
}

static void bed_free(bed *b)
{
    pu_node_close(b->node);
    assert_int_equal(pu_peers_count(b->env.peers), 0); /* every reference was given back */
    pu_out_free(b->out);
    pu_peers_free(b->env.peers);
    free(b->mem);
    free(b);
}

static pu_peer_id other(void)
{
    pu_peer_id id;
    pu_peer_id_from_ed25519(&id, peer_key);
    return id;
}

static pu_span id_span(const pu_peer_id *id)
{
    return span_of(id->bytes, id->len);
}

static pu_endpoint there(void)
{
    return pu_endpoint_ip4(11, 0, 5, 1, 4001);
}

static void authorise(bed *b, const char *options)
{
    char line[256];
    const pu_peer_id id = other();
    size_t len = pu_peer_id_text(&id, PU_PEER_BASE58, line);
    size_t more = strlen(options);
    memcpy(line + len, options, more);
    pu_in in = {.kind = PU_IN_COMMAND, .what = PU_CMD_AUTHORISE, .token = 1};
    in.body = span_of(line, len + more);
    assert_int_equal(step(b, in), PU_OK);
    assert_int_equal(find(b, PU_EF_EVENT)->code, PU_CODE_OK);
}

static void start(bed *b)
{
    pu_in addr = {.kind = PU_IN_ADDR, .local = pu_endpoint_ip4(192, 168, 0, 2, 4001)};
    addr.flags = PU_LISTEN;
    addr.socket = PU_SOCKET_MAIN;
    addr.transport = PU_TRANSPORT_QUIC;
    assert_int_equal(step(b, addr), PU_OK);
    addr.transport = PU_TRANSPORT_TCP;
    assert_int_equal(step(b, addr), PU_OK);
    assert_int_equal(step(b, (pu_in){.kind = PU_IN_TICK}), PU_OK);
}

static int set_clock(bed *b, pu_time unix_ns)
{
    return step(b, (pu_in){.kind = PU_IN_CLOCK, .offset = unix_ns});
}

static uint32_t verdict(bed *b, uint64_t ordinal)
{
    const pu_peer_id id = other();
    pu_in ask = {.kind = PU_IN_CONN_ASK, .what = PU_ASK_ACCEPT, .remote = there()};
    ask.conn = pu_handle_make((uint32_t)ordinal - 1, ordinal);
    ask.transport = PU_TRANSPORT_QUIC;
    assert_int_equal(step(b, ask), PU_OK);
    assert_int_equal(find(b, PU_EF_CONN_VERDICT)->code, PU_CODE_OK);
    ask.what = PU_ASK_SECURED;
    ask.peer = id_span(&id);
    assert_int_equal(step(b, ask), PU_OK);
    return find(b, PU_EF_CONN_VERDICT)->code;
}

/* A connection with the other one, confirmed; one that it made has been asked for before. */
static void connect_to(bed *b, uint64_t ordinal, const pu_endpoint *remote,
                       enum pu_transport transport, uint32_t flags)
{
    const pu_peer_id id = other();
    pu_handle conn = pu_handle_make((uint32_t)ordinal - 1, ordinal);
    assert_int_equal(step(b, (pu_in){.kind = PU_IN_CONN_UP,
                                     .flags = flags,
                                     .conn = conn,
                                     .peer = id_span(&id),
                                     .remote = *remote,
                                     .transport = transport}),
                     PU_OK);
    assert_int_equal(step(b, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = conn}), PU_OK);
}

/* The record of the other one, with count addresses. */
static pu_span record(pu_buf *body, char key[PU_KEEP_KEY_MAX], const pu_endpoint *at,
                      uint32_t count)
{
    char text[PU_PEER_ID_TEXT_MAX];
    const pu_peer_id id = other();
    size_t len = pu_peer_id_text(&id, PU_PEER_BASE58, text);
    memcpy(key, "book/", 5);
    memcpy(key + 5, text, len);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t maddr[PU_MADDR_MAX];
        size_t bytes = pu_addr_write(maddr, &at[i], i == 0 ? PU_TRANSPORT_QUIC : PU_TRANSPORT_TCP);
        varint_put(body, bytes);
        buf_put(body, maddr, bytes);
    }
    return span_of(key, len + 5);
}

/* ---- keeping ---- */

static void proven_addresses_are_kept_once(void **state)
{
    (void)state;
    bed *b = bed_new();
    authorise(b, "");
    start(b);
    pu_endpoint at = there();
    connect_to(b, 1, &at, PU_TRANSPORT_QUIC, PU_DIALLER);
    uint8_t bytes[512];
    char key[PU_KEEP_KEY_MAX];
    pu_buf body = buf_of(bytes, sizeof bytes);
    pu_span wanted_key = record(&body, key, &at, 1);
    const pu_ef *keep = find(b, PU_EF_KEEP);
    assert_non_null(keep);
    assert_true(keep->token != 0);
    assert_true(span_equal(keep->peer, wanted_key));
    assert_true(span_equal(keep->body, buf_span(&body)));

    connect_to(b, 2, &at, PU_TRANSPORT_QUIC, PU_DIALLER); /* nothing new */
    assert_null(find(b, PU_EF_KEEP));
    connect_to(b, 3, &at, PU_TRANSPORT_TCP, PU_DIALLER); /* another way to the same place */
    assert_non_null(find(b, PU_EF_KEEP));
    bed_free(b);
}

static void nothing_else_is_kept(void **state)
{
    (void)state;
    static const struct {
        bool authorised, pinned;
        uint32_t flags;
    } cases[] = {
        {true, false, 0},                       /* they dialled us: no address of theirs */
        {true, false, PU_DIALLER | PU_RELAYED}, /* nor is a circuit one */
        {false, false, PU_DIALLER},             /* a stranger */
        {true, true, PU_DIALLER},               /* the host gives it again anyway */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed *b = bed_new();
        pu_endpoint at = there();
        const pu_peer_id id = other();
        if (cases[i].authorised) authorise(b, "");
        if (cases[i].pinned) {
            uint8_t maddr[PU_MADDR_MAX];
            pu_buf m = buf_of(maddr, sizeof maddr);
            m.len = pu_addr_write(maddr, &at, PU_TRANSPORT_QUIC);
            varint_put(&m, PU_MA_P2P);
            varint_put(&m, id.len);
            buf_put(&m, id.bytes, id.len);
            pu_in in = {
                .kind = PU_IN_COMMAND, .what = PU_CMD_ADDRESS, .token = 1, .body = buf_span(&m)};
            assert_int_equal(step(b, in), PU_OK);
        }
        start(b);
        enum pu_transport transport =
            (cases[i].flags & PU_RELAYED) != 0 ? PU_TRANSPORT_CIRCUIT : PU_TRANSPORT_QUIC;
        if (cases[i].flags == 0) assert_int_equal(verdict(b, 1), PU_CODE_OK);
        connect_to(b, 1, &at, transport, cases[i].flags);
        if (find(b, PU_EF_KEEP) != NULL) fail_msg("case %zu", i);
        bed_free(b);
    }
}

static void a_failure_to_store_is_traced(void **state)
{
    (void)state;
    bed *b = bed_new();
    start(b);
    assert_int_equal(step(b, (pu_in){.kind = PU_IN_STORED, .token = 1, .code = PU_CODE_OK}), PU_OK);
    assert_int_equal(b->not_stored, 0);
    assert_int_equal(step(b, (pu_in){.kind = PU_IN_STORED, .token = 2, .code = PU_CODE_RESOURCE}),
                     PU_OK);
    assert_int_equal(b->not_stored, 1);
    assert_int_equal(b->count, 0);
    bed_free(b);
}

/* ---- what was kept ---- */

static void kept_addresses_are_dialled(void **state)
{
    (void)state;
    bed *b = bed_new();
    uint8_t bytes[512];
    char key[PU_KEEP_KEY_MAX];
    pu_buf body = buf_of(bytes, sizeof bytes);
    pu_endpoint at[2] = {there(), there()};
    pu_in kept = {.kind = PU_IN_KEPT, .peer = record(&body, key, at, 2)};
    kept.body = buf_span(&body);
    assert_int_equal(step(b, kept), PU_OK);
    assert_int_equal(b->count, 0);
    assert_int_equal(b->kept_taken, 2);
    assert_int_equal(b->kept_left, 0);
    authorise(b, "");
    start(b);
    const pu_peer_id id = other();
    assert_int_equal(step(b, (pu_in){.kind = PU_IN_COMMAND,
                                     .what = PU_CMD_CONNECT,
                                     .flags = PU_KEEP,
                                     .token = 5,
                                     .peer = id_span(&id)}),
                     PU_OK);
    const pu_ef *dial = find(b, PU_EF_DIAL);
    assert_non_null(dial);
    assert_int_equal(dial->transport, PU_TRANSPORT_QUIC);
    assert_true(pu_endpoint_equal(&dial->remote, &at[0]));

    const char *why; /* QUIC has a head start */
    assert_true(pu_node_deadline(b->node, &why) == 250 * PU_MS);
    assert_string_equal(why, "dial-next");
    b->now = 250 * PU_MS;
    assert_int_equal(step(b, (pu_in){.kind = PU_IN_TICK}), PU_OK);
    dial = find(b, PU_EF_DIAL);
    assert_non_null(dial);
    assert_int_equal(dial->transport, PU_TRANSPORT_TCP);

    connect_to(b, 1, &at[0], PU_TRANSPORT_QUIC, PU_DIALLER); /* what is kept already */
    assert_null(find(b, PU_EF_KEEP));
    bed_free(b);
}

static void records_that_make_no_sense(void **state)
{
    (void)state;
    static uint8_t large[PU_KEEP_BODY_MAX + 1];
    bed *b = bed_new();
    uint8_t bytes[512];
    char key[PU_KEEP_KEY_MAX];
    pu_buf body = buf_of(bytes, sizeof bytes);
    pu_endpoint at = there();
    pu_span name = record(&body, key, &at, 1);
    size_t whole = body.len;
    for (size_t len = 0; len < whole; len++) { /* cut off anywhere: nothing is taken */
        pu_in in = {.kind = PU_IN_KEPT, .peer = name, .body = span_of(bytes, len)};
        assert_int_equal(step(b, in), PU_OK);
        assert_int_equal(b->kept_taken, 0);
    }
    static const char *const keys[] = {"", "book/", "book/x", "dht/1", "bock/1"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        pu_in in = {.kind = PU_IN_KEPT, .peer = span_of(keys[i], strlen(keys[i]))};
        in.body = span_of(bytes, whole);
        assert_int_equal(step(b, in), PU_OK);
        assert_int_equal(b->kept_taken, 0);
        assert_int_equal(b->kept_left, whole);
    }
    pu_in in = {.kind = PU_IN_KEPT, .peer = name, .body = span_of(large, sizeof large)};
    assert_int_equal(step(b, in), PU_ERANGE);
    in.body = span_of(large, PU_KEEP_BODY_MAX);
    assert_int_equal(step(b, in), PU_OK);
    in.peer = span_of(large, PU_KEEP_KEY_MAX + 1);
    assert_int_equal(step(b, in), PU_ERANGE);
    start(b);
    in = (pu_in){.kind = PU_IN_KEPT, .peer = name, .body = span_of(bytes, whole)};
    assert_int_equal(step(b, in), PU_ERANGE); /* too late */
    bed_free(b);
}

/* ---- the clock ---- */

static void authorisations_end_by_the_clock(void **state)
{
    (void)state;
    bed *b = bed_new();
    pu_endpoint at = there();
    assert_int_equal(set_clock(b, unix_start), PU_OK);
    authorise(b, " expires=2027-01-01T00:00:00Z");
    start(b);
    assert_int_equal(verdict(b, 1), PU_CODE_OK);
    connect_to(b, 1, &at, PU_TRANSPORT_QUIC, 0);

    assert_int_equal(set_clock(b, unix_start + UINT64_C(700) * 86400 * PU_S), PU_OK);
    assert_int_equal(step(b, (pu_in){.kind = PU_IN_TICK}), PU_OK);
    const pu_ef *hangup = find(b, PU_EF_HANGUP);
    assert_non_null(hangup);
    assert_int_equal(hangup->code, PU_CODE_GATED);
    assert_int_equal(verdict(b, 3), PU_CODE_GATED);

    assert_int_equal(set_clock(b, unix_start), PU_OK); /* it was a mistake */
    assert_int_equal(verdict(b, 4), PU_CODE_OK);
    bed_free(b);
}

int keep_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proven_addresses_are_kept_once),
        cmocka_unit_test(nothing_else_is_kept),
        cmocka_unit_test(a_failure_to_store_is_traced),
        cmocka_unit_test(kept_addresses_are_dialled),
        cmocka_unit_test(records_that_make_no_sense),
        cmocka_unit_test(authorisations_end_by_the_clock),
    };
    return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
