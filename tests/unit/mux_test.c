/* mux_test.c - from the first byte of a byte stream to CONN_UP, in both roles: what is said when,
 * and everything that a peer can do wrong before it is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/mux_pair.h"
#include "tests/lib/mux_peer.h"

int mux_test(void);

#define HEADER "\x13/multistream/1.0.0\n"

/* ---- round trips ---- */

/* One round trip to CONN_UP, one more until the acceptor's first byte confirms it; the acceptor is
 * up after one and a half. */
static void two_round_trips_with_the_early_muxer(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->delay_ns = 40 * PU_MS;
    mux_pair_connect(p);
    mux_pair_pass(p, PU_S);
    mux_host *d = p->host[DIALLER], *l = p->host[LISTENER];
    assert_int_equal(d->up_at - p->connected_at, 80 * PU_MS);
    assert_int_equal(l->up_at - p->connected_at, 120 * PU_MS);
    assert_int_equal(l->confirmed_at, l->up_at);
    assert_int_equal(d->confirmed_at - p->connected_at, 160 * PU_MS);
    assert_true(d->is_provisional);
    assert_false(l->is_provisional);
    assert_true(pu_peer_id_equal(&d->peer, &l->id));
    assert_true(pu_peer_id_equal(&l->peer, &d->id));
    assert_int_equal(l->ask_count, 2); /* accept, secured */
    assert_int_equal(d->ask_count, 0);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(p->host[side]->rtt_ns, 80 * PU_MS);
        assert_int_equal(p->host[side]->closed, MUX_HOST_OPEN);
    }
    mux_pair_free(p);
}

static void one_byte_a_segment(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->segment = 1;
    mux_pair_up(p);
    mux_host_stream *s = mux_host_stream_open(p->host[DIALLER]);
    mux_host_send(p->host[DIALLER], s, 5000, true);
    mux_pair_pass(p, PU_S);
    assert_int_equal(mux_host_stream_at(p->host[LISTENER], 0)->got, 5000);
    assert_true(mux_host_stream_at(p->host[LISTENER], 0)->rx_fin);
    mux_pair_free(p);
}

/* The dialler's header, proposal and first Noise message are one write, before anything came. */
static void the_dialler_says_everything_at_once(void **state)
{
    (void)state;
    mux_peer *p = mux_peer_new(false);
    mux_peer_begin(p);
    static const char said[] = HEADER "\x07/noise\n\0\x20";
    assert_int_equal(p->host->sent_len, sizeof said - 1 + 32);
    assert_memory_equal(p->host->sent, said, sizeof said - 1);
    mux_peer_free(p);
}

/* The acceptor says nothing before it is spoken to, and does no work for whom the node refuses. */
static void the_acceptor_waits(void **state)
{
    (void)state;
    mux_peer *p = mux_peer_new(true);
    mux_peer_begin(p);
    mux_host_settle(p->host);
    assert_int_equal(p->host->sent_len, 0);
    assert_int_equal(p->host->dice.drawn, 0); /* no key was made */
    mux_peer_raw(p, SPAN_LITERAL(HEADER));
    assert_int_equal(p->host->sent_len, 20);
    assert_int_equal(p->host->dice.drawn, 0);
    mux_peer_free(p);

    p = mux_peer_new(true);
    p->host->is_accept_refused = true;
    mux_peer_begin(p);
    assert_int_equal(p->host->closed, MUX_HOST_RESET);
    assert_int_equal(p->host->sent_len, 0);
    mux_peer_free(p);
}

static void peers_of_every_kind_come_up(void **state)
{
    static const enum mux_peer_muxers muxers[] = {MUX_PEER_YAMUX, MUX_PEER_NO_LIST, MUX_PEER_MPLEX};
    static const size_t segments[] = {PU_LINK_TCP_DATA_MAX, 7, 1};
    (void)state;
    for (int role = 0; role < 2; role++) {
        for (size_t i = 0; i < 9; i++) {
            mux_peer *p = mux_peer_new(role == 0);
            p->muxers = muxers[i / 3];
            p->segment = segments[i % 3];
            mux_peer_up(p);
            assert_true(pu_peer_id_equal(&p->host->peer, &p->id));
            mux_peer_free(p);
        }
    }
}

/* Third message, muxer's proposal and first frames in one segment (kubo#6389 and its like). */
static void what_follows_the_handshake_is_not_lost(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        mux_peer *p = mux_peer_new(true);
        p->muxers = early ? MUX_PEER_YAMUX : MUX_PEER_NO_LIST;
        mux_peer_begin(p);
        mux_host *h = p->host;
        mux_peer_secure(p); /* the host has seen all but what comes now */
        if (!early) {
            mux_peer_put(p, SPAN_LITERAL(HEADER "\x0d/yamux/1.0.0\n"));
        }
        mux_peer_frame(p, YAMUX_WINDOW, YAMUX_SYN, 1, 0);
        mux_peer_data(p, YAMUX_FIN, 1, 0, 11);
        mux_peer_flush(p);
        assert_true(h->is_up);
        assert_int_equal(h->stream_count, 1);
        assert_int_equal(mux_host_stream_at(h, 0)->got, 11);
        assert_true(mux_host_stream_at(h, 0)->rx_fin);
        if (!early)
            assert_true(span_equal(span_head(mux_peer_hear_plain(p), 34),
                                   SPAN_LITERAL(HEADER "\x0d/yamux/1.0.0\n")));
        mux_peer_free(p);
    }
}

/* ---- who is refused, and how it is told ---- */

static void whom_the_node_refuses_hears_why(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    p->delay_ns = 10 * PU_MS;
    p->host[LISTENER]->secured_code = PU_CODE_GATED;
    mux_pair_connect(p);
    mux_pair_pass(p, PU_S);
    assert_false(p->host[LISTENER]->is_up);
    assert_true(p->host[DIALLER]->is_up);
    assert_false(p->host[DIALLER]->is_confirmed);
    assert_true(p->host[DIALLER]->is_down);
    assert_int_equal(p->host[DIALLER]->down_code, PU_CODE_GATED);
    assert_int_equal(p->host[LISTENER]->closed, MUX_HOST_CLOSED);
    mux_pair_free(p);

    mux_peer *peer = mux_peer_new(true); /* without the early muxer there is no way to say it */
    peer->muxers = MUX_PEER_NO_LIST;
    peer->host->secured_code = PU_CODE_GATED;
    mux_peer_begin(peer);
    mux_peer_secure(peer);
    assert_int_equal(peer->host->closed, MUX_HOST_CLOSED);
    assert_int_equal(mux_peer_hear_plain(peer).len, 0);
    mux_peer_free(peer);
}

/* Our third message, which tells who we are, does not go to somebody else. */
static void another_peer_than_expected_is_refused(void **state)
{
    (void)state;
    mux_peer *p = mux_peer_new(false);
    pu_peer_id other = p->host->id;
    mux_host_dial(p->host, &other);
    mux_peer_say_second(p);
    mux_host_settle(p->host);
    assert_true(p->host->has_failed);
    assert_int_equal(p->host->down_code, PU_CODE_WRONG_PEER);
    assert_int_equal(p->host->closed, MUX_HOST_RESET);
    assert_int_equal(p->host->sent_len, 0);
    mux_peer_free(p);
}

static void a_forged_signature_ends_it_in_both_roles(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        mux_peer *p = mux_peer_new(role == 0);
        p->is_forger = true;
        mux_peer_begin(p);
        if (role == 0) {
            mux_peer_say_first(p);
            mux_peer_say_third(p);
        } else {
            mux_peer_say_second(p);
        }
        mux_host_settle(p->host);
        assert_int_equal(p->host->closed, MUX_HOST_RESET);
        assert_false(p->host->is_up);
        assert_int_equal(p->host->ask_count, role == 0 ? 1 : 0); /* nobody was asked about it */
        assert_int_equal(p->host->sent_len, 0);
        if (role == 1) assert_int_equal(p->host->down_code, PU_CODE_VIOLATION);
        mux_peer_free(p);
    }
}

#define BYTES(text)                               \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

/* Bytes instead of the first thing that the other side should say. */
static void nonsense_ends_it(void **state)
{
    static const struct {
        bool to_dialler;
        pu_span bytes;
        uint32_t code;
    } cases[] = {
        {false,
         BYTES("GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: "
               "one that is long enough\r\n\r\n"),
         0},
        {false, BYTES("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 a ClientHello, at once"), 0},
        {false, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), 0},
        {false, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0},
        {false, BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"), 0},
        {false, BYTES("\x81\x08"), 0},                 /* 1,025 bytes */
        {false, BYTES("\x80\x80\x80\x80\x80\x20"), 0}, /* 2^40 bytes */
        {false, BYTES("\0"), 0},
        {false, BYTES(HEADER "\x07/noise\n\0\x1f"), 0}, /* a key of 31 bytes */
        {false, BYTES(HEADER "\x07/noise\n\x10\x01"), 0},
        {true, BYTES(HEADER "\x03na\n"), PU_CODE_NEGOTIATION},
        {true, BYTES(HEADER "\x0c/tls/1.0.0\n\n"), PU_CODE_NEGOTIATION},
        {true, BYTES(HEADER "\x07/noise\n\0\x5f"), PU_CODE_VIOLATION},
        {true, BYTES(HEADER "\x07/noise\n\0\0"), PU_CODE_VIOLATION},
        {true, BYTES("\x13/multistream/2.0.0\n"), PU_CODE_NEGOTIATION},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mux_peer *p = mux_peer_new(!cases[i].to_dialler);
        mux_peer_begin(p);
        mux_peer_raw(p, cases[i].bytes);
        mux_host_settle(p->host);
        assert_int_equal(p->host->closed, MUX_HOST_RESET);
        assert_false(p->host->is_up);
        if (cases[i].to_dialler) assert_int_equal(p->host->down_code, cases[i].code);
        mux_peer_free(p);
    }
}

/* A security that we do not have is refused, and the next proposal taken. */
static void other_proposals_are_refused_first(void **state)
{
    (void)state;
    mux_peer *p = mux_peer_new(true);
    mux_peer_begin(p);
    mux_peer_raw(p, SPAN_LITERAL(HEADER "\x0b/tls/1.0.0\n"));
    mux_host_settle(p->host);
    assert_int_equal(p->host->sent_len, 24);
    assert_memory_equal(p->host->sent, HEADER "\x03na\n", 24);
    mux_peer_raw(p, SPAN_LITERAL("\x07/noise\n"));
    assert_int_equal(p->host->sent_len, 32);
    assert_memory_equal(p->host->sent + 24, "\x07/noise\n", 8);
    mux_peer_free(p);
}

/* 10,000 unknown proposals: 64 are answered. */
static void endless_proposals_end_it(void **state)
{
    (void)state;
    mux_peer *p = mux_peer_new(true);
    mux_peer_begin(p);
    mux_peer_raw(p, SPAN_LITERAL(HEADER));
    unsigned said = 0;
    for (; said < 10000 && p->host->closed == MUX_HOST_OPEN; said++) {
        mux_peer_raw(p, SPAN_LITERAL("\x03/x\n"));
        mux_host_settle(p->host);
    }
    assert_int_equal(said, 64);
    assert_int_equal(p->host->closed, MUX_HOST_RESET);
    mux_peer_free(p);
}

/* The muxer's selection, too, may fail. */
static void no_muxer_in_common_ends_it(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        mux_peer *p = mux_peer_new(role == 0);
        p->muxers = MUX_PEER_MPLEX;
        mux_peer_begin(p);
        mux_peer_secure(p);
        pu_span said =
            role == 0 ? SPAN_LITERAL(HEADER "\x0d/mplex/6.7.0\n") : SPAN_LITERAL(HEADER "\x03na\n");
        mux_peer_sealed(p, said);
        mux_host_settle(p->host);
        if (role == 0) {
            pu_span heard = mux_peer_hear_plain(p);
            assert_true(span_equal(heard, SPAN_LITERAL(HEADER "\x03na\n")));
            assert_int_equal(p->host->closed, MUX_HOST_OPEN); /* it may propose another */
            mux_host_deliver_fin(p->host);
        } else {
            assert_int_equal(p->host->closed, MUX_HOST_RESET);
            assert_int_equal(p->host->down_code, PU_CODE_NEGOTIATION);
        }
        assert_false(p->host->is_up);
        mux_peer_free(p);
    }
}

/* Yamux begins with the byte after the agreement, and so do its rules. */
static void a_violation_right_after_the_agreement(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        mux_peer *p = mux_peer_new(role == 0);
        p->muxers = MUX_PEER_NO_LIST;
        mux_peer_begin(p);
        mux_peer_secure(p);
        mux_peer_put(p, SPAN_LITERAL(HEADER "\x0d/yamux/1.0.0\n"));
        mux_peer_frame(p, YAMUX_DATA, 0, 0, 0);
        mux_peer_flush(p);
        assert_true(p->host->is_up);
        assert_int_equal(p->host->down_code, PU_CODE_VIOLATION);
        assert_int_equal(p->host->closed, MUX_HOST_CLOSED);
        mux_peer_free(p);
    }
}

/* ---- time ---- */

/* One byte every nine seconds passes every time-out but an absolute one. */
static void whoever_dribbles_is_closed(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        mux_peer *p = mux_peer_new(role == 0);
        mux_host *h = p->host;
        mux_peer_begin(p);
        pu_time begun = h->now;
        static const char said[] = HEADER "\x07/noise\n";
        for (size_t i = 0; i < sizeof said - 1 && h->closed == MUX_HOST_OPEN; i++) {
            mux_peer_raw(p, span_of(said + i, 1));
            mux_host_run(h, h->now + 9 * PU_S);
        }
        assert_int_equal(h->closed, MUX_HOST_RESET);
        pu_time most = role == 0 ? h->config.handshake_ns : 15 * PU_S;
        assert_in_range(h->now - begun, most, most + 9 * PU_S);
        if (role == 1) assert_int_equal(h->down_at - begun, most);
        if (role == 1) assert_int_equal(h->down_code, PU_CODE_TIMEOUT);
        mux_peer_free(p);
    }
}

/* A handshake that has come so far, without the early muxer: nothing was said; the header was; the
 * first round trip is over, and then Noise is. */
static mux_peer *at_stage(bool is_initiator, int stage)
{
    mux_peer *p = mux_peer_new(is_initiator);
    p->muxers = MUX_PEER_NO_LIST;
    mux_peer_begin(p);
    if (stage == 1) mux_peer_raw(p, SPAN_LITERAL(HEADER));
    if (is_initiator && stage >= 2) mux_peer_say_first(p);
    if (is_initiator && stage == 3) mux_peer_say_third(p);
    if (!is_initiator && stage == 2) mux_peer_raw(p, SPAN_LITERAL(HEADER "\x07/noise\n"));
    if (!is_initiator && stage == 3) mux_peer_say_second(p);
    return p;
}

static uint64_t deadline_of(const mux_peer *p)
{
    return p->is_initiator ? p->host->config.handshake_ns : p->host->config.dial_ns;
}

/* The same at each stage in both roles, with bytes that may well become a message: 20 ms a byte is
 * enough for most of it, and the deadline is that of the handshake. */
static void whoever_dribbles_at_any_stage_is_closed(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        static const uint8_t select[] = "\xff\x07/a name of 1,022 bytes, of which few come";
        static const uint8_t frame[] = {0x0f, 0xff}; /* 4,095 bytes are announced */
        int stage = i / 2;
        mux_peer *p = at_stage(i % 2 == 0, stage);
        mux_host *h = p->host;
        pu_time begun = h->now;
        for (size_t k = 0; h->closed == MUX_HOST_OPEN; k++) {
            uint8_t byte = 'x';
            if (stage < 2 && k < sizeof select - 1) byte = select[k];
            if (stage >= 2 && k < sizeof frame) byte = frame[k];
            mux_peer_raw(p, span_of(&byte, 1));
            mux_host_run(h, h->now + 20 * PU_MS);
        }
        assert_int_equal(h->closed, MUX_HOST_RESET);
        assert_in_range(h->now - begun, deadline_of(p), deadline_of(p) + 20 * PU_MS);
        assert_false(h->is_up);
        if (!p->is_initiator) assert_int_equal(h->down_code, PU_CODE_TIMEOUT);
        mux_peer_free(p);
    }
}

/* A peer that falls silent at each stage: the deadline is the same. */
static void silence_at_each_stage_ends_at_the_deadline(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        mux_peer *p = at_stage(i % 2 == 0, i / 2);
        mux_host *h = p->host;
        mux_host_run(h, h->now + deadline_of(p) - 1);
        assert_int_equal(h->closed, MUX_HOST_OPEN);
        mux_host_run(h, h->now + 1);
        assert_int_equal(h->closed, MUX_HOST_RESET);
        assert_false(h->is_up);
        mux_peer_free(p);
    }
}

static void the_other_side_goes_during_the_handshake(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        for (int stage = 0; stage < 3; stage++) {
            mux_peer *p = mux_peer_new(false);
            mux_host *h = p->host;
            mux_peer_begin(p);
            if (stage == 1) mux_peer_raw(p, SPAN_LITERAL(HEADER "\x07/noise\n"));
            if (stage == 2) mux_peer_secure(p);
            if (how == 0) mux_host_deliver_fin(h);
            else mux_host_lose(h);
            assert_true(h->is_down);
            assert_int_equal(h->has_failed, stage < 2);
            assert_int_equal(h->down_code, how == 0 ? PU_CODE_REFUSED : PU_CODE_UNREACHABLE);
            mux_peer_free(p);
        }
    }
}

/* ---- memory ---- */

/* Each request for memory in turn is refused: no crash, no leak, and the other side is not left
 * waiting for ever. */
static void short_memory_ends_a_handshake_cleanly(void **state)
{
    (void)state;
    unsigned n = 1, ended = 0;
    for (bool has_failed = true; has_failed; n++) {
        mux_peer *p = mux_peer_new(true);
        mux_host *h = p->host;
        h->heap.fail_at = n;
        has_failed = false;
        if (mux_host_open(h)) {
            mux_peer_begin(p);
            if (h->closed == MUX_HOST_OPEN) mux_peer_say_first(p);
            mux_host_settle(h);
            if (h->closed == MUX_HOST_OPEN && h->sent_len > 100) mux_peer_say_third(p);
            mux_host_run(h, h->now + 20 * PU_S);
        }
        has_failed = h->heap.asked >= n;
        ended += h->link != NULL && h->closed != MUX_HOST_OPEN;
        mux_peer_free(p);
    }
    assert_true(n > 10);
    assert_true(ended > 3);
}

/* What a handshake needs is given back: an idle connection is small. */
static void an_idle_connection_is_small(void **state)
{
    (void)state;
    mux_pair *p = mux_pair_new();
    for (int side = 0; side < 2; side++) assert_true(mux_host_open(p->host[side]));
    size_t before[2] = {pu_link_bytes(p->host[0]->link), pu_link_bytes(p->host[1]->link)};
    mux_pair_up(p);
    mux_host_stream *s = mux_host_stream_open(p->host[DIALLER]);
    mux_host_send(p->host[DIALLER], s, 100000, true);
    mux_pair_pass(p, PU_S);
    mux_host_send(p->host[LISTENER], mux_host_stream_at(p->host[LISTENER], 0), 10, true);
    mux_pair_pass(p, 5 * PU_S);
    for (int side = 0; side < 2; side++) {
        size_t bytes = pu_link_bytes(p->host[side]->link) - before[side];
        assert_in_range(bytes, 500, 3000);
    }
    mux_pair_free(p);
}

int mux_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_round_trips_with_the_early_muxer),
        cmocka_unit_test(one_byte_a_segment),
        cmocka_unit_test(the_dialler_says_everything_at_once),
        cmocka_unit_test(the_acceptor_waits),
        cmocka_unit_test(peers_of_every_kind_come_up),
        cmocka_unit_test(what_follows_the_handshake_is_not_lost),
        cmocka_unit_test(whom_the_node_refuses_hears_why),
        cmocka_unit_test(another_peer_than_expected_is_refused),
        cmocka_unit_test(a_forged_signature_ends_it_in_both_roles),
        cmocka_unit_test(nonsense_ends_it),
        cmocka_unit_test(other_proposals_are_refused_first),
        cmocka_unit_test(endless_proposals_end_it),
        cmocka_unit_test(no_muxer_in_common_ends_it),
        cmocka_unit_test(a_violation_right_after_the_agreement),
        cmocka_unit_test(whoever_dribbles_is_closed),
        cmocka_unit_test(whoever_dribbles_at_any_stage_is_closed),
        cmocka_unit_test(silence_at_each_stage_ends_at_the_deadline),
        cmocka_unit_test(the_other_side_goes_during_the_handshake),
        cmocka_unit_test(short_memory_ends_a_handshake_cleanly),
        cmocka_unit_test(an_idle_connection_is_small),
    };
    return cmocka_run_group_tests_name("mux", tests, NULL, NULL);
}
