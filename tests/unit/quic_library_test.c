/* quic_library_test.c - what broke the library that QUIC is made with, ngtcp2 0.12: no connection
 * id that is told twice ends the process, nor memory that it does not get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/quic_impl.h"
#include "tests/lib/quic_desk.h"

int quic_library_test(void);

/* ---- connection ids ---- */

enum { NEW_ID_BYTES = 28, FRAMES_MAX = 512 };

static desk d;

static void make(void (*change)(rig_host *h))
{
    desk_open(&d, change, NULL);
    desk_certify(&d, NULL);
}

static void begin(void (*change)(rig_host *h))
{
    make(change);
    raw_dial(&d.r, d.h);
    rig_run(d.w, 200 * PU_MS);
    assert_true(d.h->conns[0].is_up);
}

static void finish(void)
{
    desk_close(&d);
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
    begin(NULL);
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

/* ---- frames that come early ---- */

/* The server's first datagram of the handshake comes behind what it says next. */
static enum rig_fate first_is_late(rig *w, rig_datagram *g)
{
    unsigned *count = w->fate_ctx;
    bool is_its = g->from.port == d.r.at.port && (g->bytes[0] & 0x80) != 0;
    if (is_its && (*count)++ == 0) g->at += 20 * PU_MS;
    return RIG_PASS;
}

/* A server says a frame under its last keys before it has the client's last words, and it is read
 * with the server's last message of the handshake. */
static void frames_that_come_early_break_no_client(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } frames[] = {{"\x1e", 1},
                  {"\x18\x02\x02\x08"
                   "abcdefgh"
                   "0123456789abcdef",
                   28}};
    for (size_t i = 0; i < 2 * sizeof frames / sizeof frames[0]; i++) {
        unsigned late = 0;
        make(NULL);
        d.r.has_largest_params = i % 2 == 1; /* with a token of a stateless reset */
        d.w->fate = first_is_late;
        d.w->fate_ctx = &late;
        desk_call(&d);
        for (int ms = 0; ms < 100 && d.r.qc == NULL; ms++) rig_run(d.w, PU_MS);
        memcpy(d.r.frames, frames[i / 2].bytes, frames[i / 2].len);
        d.r.frames_len = frames[i / 2].len;
        d.r.frames_left = 1;
        d.r.packets = RAW_SHORT;
        raw_send(&d.r, 1000);
        assert_int_equal(d.r.frames_left, 0);
        rig_run(d.w, 3 * PU_S);
        assert_true(late > 0);
        assert_true(d.h->conns[0].is_up);
        assert_false(d.h->conns[0].is_down);
        finish();
    }
}

/* ---- moves ---- */

static void say_at_once(const void *frames, size_t len)
{
    memcpy(d.r.frames, frames, len);
    d.r.frames_len = len;
    d.r.frames_left = 1;
    d.r.packets = RAW_SHORT;
    raw_send(&d.r, 40);
    assert_int_equal(d.r.frames_left, 0);
}

static quic_conn *conn_of_host(void)
{
    return link_quic(d.h->link)->conns[0];
}

static void with_short_datagrams(rig_host *h)
{
    h->config.quic_pmtud = 0;
}

/* Without a search for longer datagrams: a peer that moves, and comes back before that is proven.
 */
static void a_peer_may_come_back_though_datagrams_are_short(void **state)
{
    (void)state;
    begin(with_short_datagrams);
    uint16_t home = d.r.at.port;
    d.r.is_closed = true; /* it reads nothing any more */
    d.r.at.port = 7777;
    raw_say(&d.r, "\x01", 1, 1);
    d.r.at.port = home;
    raw_say(&d.r, "\x01", 1, 1);
    rig_run(d.w, PU_S);
    assert_false(d.h->conns[0].is_down);
    finish();
}

/* A peer that acknowledges nothing, so that we may not write: no validation of a path begins or
 * ends then, however late it is. It moves, and more than eight seconds later once more, with
 * another of our ids, and gives its own back. */
static void who_acknowledges_nothing_does_not_move_on(void **state)
{
    (void)state;
    begin(NULL);
    rig_stream *s = rig_open(d.h, &d.h->conns[0]);
    rig_run(d.w, PU_S);
    d.r.is_closed = true; /* it reads nothing any more */
    rig_send(d.h, s, 60000, false);
    ngtcp2_conn_stat stat;
    for (int i = 0; i < 400; i++) {
        d.r.is_mute = true;
        rig_run(d.w, 100 * PU_MS);
        d.r.is_mute = false;
        if (i % 100 == 99) raw_say(&d.r, "\x01", 1, 1);
        assert_false(d.h->conns[0].is_down);
        ngtcp2_conn_get_conn_stat(conn_of_host()->qc, &stat);
        bool is_quiet = stat.loss_detection_timer > d.w->now + 9 * PU_S;
        if (is_quiet && stat.loss_detection_timer != UINT64_MAX) break;
    }
    assert_true(stat.pto_count > 5);
    d.r.at.port = 7777;
    raw_say(&d.r, "\x01", 1, 1);
    assert_int_equal(conn_of_host()->head.remote.port, 7777);
    d.r.is_mute = true;
    rig_run(d.w, 8200 * PU_MS);
    d.r.is_mute = false;
    d.r.at.port = 8888;
    raw_migrate(&d.r, 9);
    raw_say(&d.r, "\x01", 1, 1);
    uint8_t bytes[NEW_ID_BYTES];
    pu_buf id = buf_of(bytes, sizeof bytes);
    put_new_id(&id, 10, 10);
    raw_say(&d.r, bytes, id.len, 1);
    assert_int_equal(conn_of_host()->head.remote.port, 7777);
    rig_run(d.w, 20 * PU_S);
    finish();
}

/* ---- a move that is proven, while nothing may be written ---- */

static uint64_t varint_at(const uint8_t **p)
{
    size_t len = (size_t)1 << (**p >> 6);
    uint64_t value = **p & 0x3f;
    for (size_t i = 1; i < len; i++) value = value << 8 | (*p)[i];
    *p += len;
    return value;
}

/* Takes acknowledgements out of what the peer says. *ctx: it has answered a PATH_CHALLENGE. */
static void without_acks(void *ctx, enum raw_packets kind, uint8_t *plain, size_t len)
{
    bool *has_answered = ctx;
    const uint8_t *p = plain, *end = plain + len;
    while (kind == RAW_SHORT && p < end) {
        const uint8_t *frame = p++;
        if (*frame == 0x1b) {
            *has_answered = true;
            p += 8;
        } else if (*frame == 0x02) {
            (void)varint_at(&p);
            (void)varint_at(&p);
            for (uint64_t count = 1 + 2 * varint_at(&p); count > 0; count--) (void)varint_at(&p);
            memset(plain + (frame - plain), 0, (size_t)(p - frame));
        } else if (*frame != 0x00) {
            break;
        }
    }
}

static enum rig_fate short_ones_only(rig *w, rig_datagram *g)
{
    (void)w;
    return g->from.port != d.r.at.port && g->len > 1200 ? RIG_DROP : RIG_PASS;
}

/* A peer that acknowledges nothing moves and answers the first PATH_CHALLENGE, which was short: so
 * ngtcp2 asks with a longer one, cannot, and looks for longer datagrams already. It comes home. */
static void who_acknowledges_nothing_does_not_come_home(void **state)
{
    (void)state;
    bool has_answered = false;
    ngtcp2_conn_stat stat = {0};
    make(NULL);
    d.w->fate = short_ones_only;
    raw_dial(&d.r, d.h);
    rig_run(d.w, 5 * PU_S);
    d.r.spoil = without_acks;
    d.r.spoil_ctx = &has_answered;
    rig_stream *s = rig_open(d.h, &d.h->conns[0]);
    rig_send(d.h, s, 60000, false);
    bool is_due = false;
    for (int i = 1; i <= 4000 && !is_due; i++) {
        rig_run(d.w, 10 * PU_MS);
        if (i % 500 == 0) raw_say(&d.r, "\x01", 1, 1);
        ngtcp2_conn_get_conn_stat(conn_of_host()->qc, &stat);
        is_due = stat.pto_count == 7 && stat.loss_detection_timer < d.w->now + 100 * PU_MS;
    }
    assert_true(is_due); /* two datagrams may be written next, and then none for long */
    uint16_t home = d.r.at.port;
    d.r.at.port = 7777;
    say_at_once("\x01", 1);
    for (int i = 0; i < 400 && !has_answered; i++) rig_run(d.w, PU_MS);
    assert_true(has_answered);
    d.r.is_closed = true; /* it reads nothing any more */
    rig_run(d.w, 8200 * PU_MS);
    assert_int_equal(conn_of_host()->head.remote.port, 7777);
    d.r.at.port = home;
    raw_say(&d.r, "\x01", 1, 1);
    assert_int_equal(conn_of_host()->head.remote.port, 7777);
    rig_run(d.w, 20 * PU_S);
    finish();
}

/* Sends an answer to PATH_CHALLENGE from another port, *ctx, and a PING with it. */
static void answer_from(void *ctx, enum raw_packets kind, uint8_t *plain, size_t len)
{
    const uint16_t *port = ctx;
    if (kind != RAW_SHORT || plain[0] != 0x1b || len < 10) return;
    d.r.at.port = *port;
    plain[9] = 0x01;
}

/* A peer moves, and the answer to the short PATH_CHALLENGE by which its new address is looked at
 * comes from the old one: proof, and the way home, in one packet. */
static void a_new_path_may_be_proven_by_who_is_home(void **state)
{
    (void)state;
    make(NULL);
    d.w->fate = short_ones_only;
    raw_dial(&d.r, d.h);
    rig_run(d.w, 5 * PU_S);
    uint16_t home = d.r.at.port;
    d.r.at.port = 7777;
    d.r.spoil = answer_from;
    d.r.spoil_ctx = &home;
    say_at_once("\x01", 1);
    rig_run(d.w, 100 * PU_MS);
    assert_int_equal(d.r.at.port, home);
    rig_run(d.w, PU_S);
    assert_false(d.h->conns[0].is_down);
    finish();
}

/* ---- ids that are given back ---- */

/* A peer that reads nothing any more, and has made us give back as many of its ids as may be given
 * back unheard. */
static void give_back_all(void)
{
    enum { UNHEARD_MAX = 16, KEPT = 4 };
    d.r.is_closed = true;
    for (uint8_t i = KEPT; i <= UNHEARD_MAX; i++) {
        uint8_t bytes[NEW_ID_BYTES];
        pu_buf id = buf_of(bytes, sizeof bytes);
        put_new_id(&id, i, i);
        raw_say(&d.r, bytes, id.len, 1);
        assert_false(d.h->conns[0].is_down);
    }
    uint8_t bytes[3 * NEW_ID_BYTES];
    pu_buf ids = buf_of(bytes, sizeof bytes);
    for (uint8_t i = 1; i <= 3; i++) put_new_id(&ids, UNHEARD_MAX + i, UNHEARD_MAX);
    raw_say(&d.r, bytes, ids.len, 1);
    assert_false(d.h->conns[0].is_down);
}

/* It moves with another id of ours, and comes back: one more would be given back. */
static void who_hears_of_no_id_given_back_does_not_move(void **state)
{
    (void)state;
    begin(NULL);
    give_back_all();
    uint16_t home = d.r.at.port;
    d.r.at.port = 7777;
    raw_migrate(&d.r, 9);
    raw_say(&d.r, "\x01", 1, 1);
    d.r.at.port = home;
    raw_say(&d.r, "\x01", 1, 1);
    rig_run(d.w, PU_S);
    assert_true(d.h->conns[0].is_down);
    assert_int_equal(d.h->conns[0].code, PU_CODE_LOST);
    finish();
}

typedef struct kept {
    uint8_t bytes[1500];
    size_t len;
} kept;

static enum rig_fate keep_last(rig *w, rig_datagram *g)
{
    kept *last = w->fate_ctx;
    if (g->from.port != d.r.at.port) return RIG_PASS;
    PU_ASSERT(g->len <= sizeof last->bytes);
    memcpy(last->bytes, g->bytes, g->len);
    last->len = g->len;
    return RIG_PASS;
}

/* Somebody else sends that again, which ends nothing. Returns where from. */
static pu_endpoint post_from_elsewhere(const kept *k)
{
    pu_endpoint elsewhere = d.r.at;
    elsewhere.port = 9999;
    assert_true(k->len > 0);
    rig_post(d.w, &elsewhere, &d.r.peer, span_of(k->bytes, k->len));
    rig_run(d.w, 100 * PU_MS);
    assert_false(d.h->conns[0].is_down);
    return elsewhere;
}

/* Nor does it when somebody else sends one of its packets again, as whoever has seen it can; one
 * that is new ends the connection. */
static void who_hears_of_no_id_given_back_is_not_ended_by_others(void **state)
{
    (void)state;
    kept last = {.len = 0};
    begin(NULL);
    give_back_all();
    d.w->fate = keep_last;
    d.w->fate_ctx = &last;
    raw_say(&d.r, "\x01", 1, 1);
    rig_run(d.w, 100 * PU_MS);
    pu_endpoint elsewhere = post_from_elsewhere(&last);
    d.r.at = elsewhere;
    raw_say(&d.r, "\x01", 1, 1);
    rig_run(d.w, PU_S);
    assert_true(d.h->conns[0].is_down);
    finish();
}

static enum rig_fate keep_and_drop(rig *w, rig_datagram *g)
{
    const kept *last = w->fate_ctx;
    if (g->from.port != d.r.at.port) return RIG_PASS;
    if (last->len == 0 && d.r.frames_left == 0) (void)keep_last(w, g);
    return RIG_DROP;
}

/* One that is late and comes from elsewhere is dropped, and the id in it counts as not told. */
static void who_hears_of_no_id_given_back_is_told_no_id_from_elsewhere(void **state)
{
    (void)state;
    kept late = {.len = 0};
    begin(NULL);
    give_back_all();
    d.w->fate = keep_and_drop;
    d.w->fate_ctx = &late;
    uint8_t bytes[NEW_ID_BYTES];
    pu_buf id = buf_of(bytes, sizeof bytes);
    put_new_id(&id, 20, 16);
    raw_say(&d.r, bytes, id.len, 1);
    rig_run(d.w, 100 * PU_MS);
    d.w->fate = NULL;
    raw_say(&d.r, "\x01", 1, 1);
    rig_run(d.w, 100 * PU_MS);
    uint64_t told = conn_of_host()->ids_count, highest = conn_of_host()->ids_highest;
    (void)post_from_elsewhere(&late);
    assert_int_equal(conn_of_host()->ids_count, told);
    assert_int_equal(conn_of_host()->ids_highest, highest);
    finish();
}

/* It does not move, it only tries paths. Each takes one of its ids, and those before it are given
 * back. */
static void who_hears_of_no_id_given_back_tries_few_paths(void **state)
{
    enum { TRIES = 24 };
    (void)state;
    begin(NULL);
    d.r.is_closed = true;
    uint16_t home = d.r.at.port;
    for (uint8_t i = 0; i < TRIES; i++) {
        uint8_t bytes[NEW_ID_BYTES];
        pu_buf id = buf_of(bytes, sizeof bytes);
        d.r.at.port = (uint16_t)(7000 + i);
        say_at_once("\x1a"
                    "12345678",
                    9);
        d.r.at.port = home;
        put_new_id(&id, (uint8_t)(4 + i), 0);
        say_at_once(bytes, id.len);
        rig_run(d.w, PU_MS);
    }
    rig_run(d.w, 50 * PU_MS);
    assert_true(d.h->conns[0].is_down);
    assert_int_equal(d.h->conns[0].code, PU_CODE_LOST);
    finish();
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
        cmocka_unit_test(frames_that_come_early_break_no_client),
        cmocka_unit_test(a_peer_may_come_back_though_datagrams_are_short),
        cmocka_unit_test(who_acknowledges_nothing_does_not_move_on),
        cmocka_unit_test(who_acknowledges_nothing_does_not_come_home),
        cmocka_unit_test(a_new_path_may_be_proven_by_who_is_home),
        cmocka_unit_test(who_hears_of_no_id_given_back_does_not_move),
        cmocka_unit_test(who_hears_of_no_id_given_back_is_not_ended_by_others),
        cmocka_unit_test(who_hears_of_no_id_given_back_is_told_no_id_from_elsewhere),
        cmocka_unit_test(who_hears_of_no_id_given_back_tries_few_paths),
        cmocka_unit_test(shortages_of_memory_break_nothing_while_packets_are_lost),
    };
    return cmocka_run_group_tests_name("quic_library", tests, NULL, NULL);
}
