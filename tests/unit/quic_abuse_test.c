/* quic_abuse_test.c - peers that are who they say, or take part in a handshake as the rules have
 * it, and ask for more than is good for us. Inputs that broke other implementations are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/quic_impl.h"
#include "tests/lib/quic_desk.h"

int quic_abuse_test(void);

enum { DATAGRAM_BYTES_MAX = 1500, ALERT_NO_ALPN = 0x178 };

static desk d;

/* key: of its certificate, given to the desk; NULL: one is made. */
static void begin_with(forge f, gnutls_privkey_t key)
{
    desk_open(&d, NULL, key);
    desk_certify(&d, &f);
}

static void begin(void)
{
    begin_with((forge){0}, NULL);
}

static void finish(void)
{
    desk_close(&d);
}

/* The peer dials the host, or the host the peer. */
static void connect_as(bool peer_is_server)
{
    if (peer_is_server) desk_call(&d);
    else raw_dial(&d.r, d.h);
    rig_run(d.w, 200 * PU_MS);
}

static void begin_connected(void)
{
    begin();
    connect_as(false);
    assert_true(d.r.is_completed);
    assert_true(d.h->conns[0].is_up);
}

/* ---- transport parameters ---- */

/* A peer whose idle time-out is next to nothing does not get as many keep-alives. */
static void a_tiny_idle_time_out_is_no_storm(void **state)
{
    (void)state;
    static const uint64_t idles[] = {PU_MS, 2 * PU_MS, 100 * PU_MS, PU_S, 9000000000000 * PU_MS};
    for (size_t i = 0; i < 2 * sizeof idles / sizeof idles[0]; i++) {
        begin();
        d.r.idle_ns = idles[i / 2];
        connect_as(i % 2 == 1);
        uint64_t sent = d.h->sent_datagrams;
        rig_run(d.w, 2 * PU_S);
        assert_in_range(d.h->sent_datagrams - sent, 0, 12);
        d.r.is_mute = true;
        sent = d.h->sent_datagrams;
        rig_run(d.w, 60 * PU_S);
        assert_in_range(d.h->sent_datagrams - sent, 0, 40);
        assert_true(d.h->conn_count == 0 || d.h->conns[0].is_down || !d.h->conns[0].is_up);
        finish();
    }
}

/* CVE-2026-40170: ngtcp2 before 1.22.1 wrote a peer's transport parameters into 1,024 bytes of its
 * stack for qlog, which is never on here: a server's largest are more than that. */
static void the_largest_transport_parameters_are_borne(void **state)
{
    (void)state;
    for (int is_server = 0; is_server < 2; is_server++) {
        begin();
        d.r.has_largest_params = true;
        connect_as(is_server != 0);
        assert_true(d.r.is_completed);
        assert_true(d.h->conns[0].is_confirmed);
        rig_run(d.w, 5 * PU_S); /* limits as high as these are none, and wrap nowhere */
        assert_false(d.h->conns[0].is_down);
        finish();
    }
}

/* Parameters of six kilobytes: versions that a peer says it knows. */
static void long_transport_parameters_are_borne(void **state)
{
    (void)state;
    for (int is_server = 0; is_server < 2; is_server++) {
        begin();
        d.r.version_count = 800;
        connect_as(is_server != 0);
        assert_true(d.r.is_completed);
        assert_true(d.h->conns[0].is_confirmed);
        finish();
    }
}

/* One byte of the transport parameters (TLS extension 57) that is not what it was. */
typedef struct wrong_byte {
    size_t at; /* counted from the first one of their length */
    uint8_t flip;
    bool is_done; /* there is such a byte */
} wrong_byte;

static void spoil_params(void *ctx, enum raw_packets kind, uint8_t *plain, size_t len)
{
    wrong_byte *b = ctx;
    if (kind == RAW_SHORT) return;
    for (size_t i = 0; i + 4 < len; i++) {
        size_t size = load_be16(plain + i + 2);
        if (load_be16(plain + i) != 57 || size < 40 || i + 4 + size > len) continue;
        if (b->at >= size + 2) return;
        plain[i + 2 + b->at] ^= b->flip;
        b->is_done = true;
        return;
    }
}

/* Whatever is wrong with them, it is the handshake's end. */
static void wrong_transport_parameters_end_the_handshake(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0xff, 0x80, 0x01};
    for (int is_server = 0; is_server < 2; is_server++) {
        wrong_byte b = {.at = 0, .is_done = true};
        for (; b.is_done; b.at++) {
            b.flip = flips[b.at % 3];
            b.is_done = false;
            begin();
            d.r.spoil = spoil_params;
            d.r.spoil_ctx = &b;
            connect_as(is_server != 0);
            rig_run(d.w, 20 * PU_S);
            if (b.is_done)
                for (uint32_t i = 0; i < d.h->conn_count; i++) assert_false(d.h->conns[i].is_up);
            finish();
        }
        assert_in_range(b.at, 40, 256);
    }
}

/* ---- handshakes ---- */

/* Nobody names a protocol: that is not ours. */
static void no_application_protocol_is_refused(void **state)
{
    (void)state;
    for (int is_server = 0; is_server < 2; is_server++) {
        begin();
        d.r.alpn = "";
        connect_as(is_server != 0);
        rig_run(d.w, PU_S);
        assert_true(d.r.is_closed);
        assert_int_equal(d.r.close_code, ALERT_NO_ALPN);
        if (is_server) assert_int_equal(d.h->last_fail_code, PU_CODE_NEGOTIATION);
        else assert_int_equal(d.h->conns[0].code, PU_CODE_NEGOTIATION);
        finish();
    }
}

/* We ask for no name, and do not mind one. */
static void names_of_servers_say_nothing(void **state)
{
    (void)state;
    begin();
    connect_as(true);
    assert_true(d.r.is_completed);
    assert_false(d.r.was_named);
    finish();
    begin();
    d.r.server_name = "somebody.example";
    connect_as(false);
    assert_true(d.h->conns[0].is_up);
    finish();
}

/* CVE-2023-39533 and the like: what an RSA key costs is its owner's choice. */
static void rsa_certificates_are_refused(void **state)
{
    (void)state;
    for (int is_server = 0; is_server < 2; is_server++) {
        gnutls_privkey_t rsa;
        assert_int_equal(gnutls_privkey_init(&rsa), 0);
        assert_int_equal(gnutls_privkey_generate(rsa, GNUTLS_PK_RSA, 2048, 0), 0);
        begin_with((forge){.algorithm = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00",
                           .algorithm_len = 13,
                           .sign = GNUTLS_SIGN_RSA_SHA256},
                   rsa);
        connect_as(is_server != 0);
        rig_run(d.w, 20 * PU_S);
        assert_int_equal(link_quic(d.h->link)->conn_count, 0);
        for (uint32_t i = 0; i < d.h->conn_count; i++) {
            assert_false(d.h->conns[i].is_asked_secured);
            assert_false(d.h->conns[i].is_up);
        }
        finish();
    }
}

/* CVE-2025-59530, CVE-2023-46239 and their like from a server: HANDSHAKE_DONE, STREAM and
 * PATH_CHALLENGE before the handshake is over. */
static void early_frames_of_a_server_end_the_handshake(void **state)
{
    (void)state;
    static const enum raw_packets kinds[] = {RAW_INITIAL, RAW_HANDSHAKE};
    static const struct {
        const char *bytes;
        size_t len;
    } frames[] = {{"\x1e", 1},
                  {"\x0a\x01\x01x", 4},
                  {"\x1a"
                   "12345678",
                   9}};
    for (size_t i = 0; i < 6; i++) {
        begin();
        memcpy(d.r.frames, frames[i % 3].bytes, frames[i % 3].len);
        d.r.frames_len = frames[i % 3].len;
        d.r.frames_left = 1;
        d.r.packets = kinds[i / 3];
        connect_as(true);
        rig_run(d.w, 20 * PU_S);
        assert_int_equal(d.r.frames_left, 0);
        /* an Initial that anybody may have made is passed over, and comes again as it should be */
        bool is_dead = kinds[i / 3] == RAW_HANDSHAKE;
        assert_int_equal(d.h->dial_fails, is_dead ? 1 : 0);
        assert_int_equal(d.h->stream_count, 0);
        assert_int_equal(link_quic(d.h->link)->conn_count, is_dead ? 0 : 1);
        finish();
    }
}

/* CVE-2022-30591 and its like: a handshake that goes on and on. Its packets are good ones, with a
 * PING in place of what would finish it, and put off no deadline. */
static void whoever_dribbles_a_handshake_is_closed(void **state)
{
    (void)state;
    for (int is_server = 0; is_server < 2; is_server++) {
        begin();
        d.r.frames[0] = 0x01;
        d.r.frames_len = 1;
        d.r.frames_left = 1000000;
        d.r.packets = RAW_HANDSHAKE;
        pu_time start = d.w->now;
        uint64_t most = is_server ? 15 * PU_S : d.h->config.handshake_ns;
        connect_as(is_server != 0);
        for (; d.w->now - start < most - 100 * PU_MS; rig_run(d.w, 100 * PU_MS)) raw_nag(&d.r);
        assert_in_range(1000000 - d.r.frames_left, 90, 1000); /* it has not been idle */
        assert_int_equal(link_quic(d.h->link)->conn_count, 1);
        rig_run(d.w, 200 * PU_MS);
        assert_int_equal(link_quic(d.h->link)->conn_count, 0);
        if (is_server) assert_int_equal(d.h->last_fail_code, PU_CODE_TIMEOUT);
        else assert_int_equal(d.h->conns[0].code, PU_CODE_TIMEOUT);
        assert_int_equal(d.h->stream_count, 0);
        finish();
    }
}

/* Messages of TLS that have no place after the handshake: a key update (RFC 9001 6), a ticket, a
 * request for a certificate, lies about lengths. */
static const struct {
    const char *bytes;
    size_t len;
} messages[] = {
    {"\x18\x00\x00\x01\x01", 5},
    {"\x04\x00\x00\x10\x00\x00\x1c\x20\x00\x00\x00\x00\x01\x00\x00\x02\xaa\xbb\x00\x00", 20},
    {"\x04\xff\xff\xff\x00\x00", 6},
    {"\x0d\x00\x00\x0b\x00\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03", 15},
    {"\x00\x00\x00\x00", 4},
    {"\x14\x00\x00\x20", 4},
    {"\xff\x00\x00\x00", 4},
};
enum { MESSAGE_COUNT = sizeof messages / sizeof messages[0] };

/* They come in the first packet after it. A key update made GnuTLS give ngtcp2 keys that it had,
 * which ended the process by an assertion. */
static void messages_after_the_handshake_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * MESSAGE_COUNT; i++) {
        begin();
        uint8_t *f = d.r.frames;
        size_t len = messages[i / 2].len;
        f[0] = 0x06;
        f[1] = 0;
        f[2] = (uint8_t)len;
        memcpy(f + 3, messages[i / 2].bytes, len);
        d.r.frames_len = 3 + len;
        d.r.frames_left = 1;
        d.r.packets = RAW_SHORT;
        connect_as(i % 2 == 1);
        rig_run(d.w, 100 * PU_S);
        assert_int_equal(d.r.frames_left, 0);
        assert_int_equal(d.h->stream_count, 0);
        finish();
    }
}

/* GHSA-2mjx-qc3c-rqvc and its like: the same right behind the last message of the handshake, under
 * the keys of its flight. */
static void messages_behind_the_handshake_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * MESSAGE_COUNT; i++) {
        begin();
        d.r.tail = span_of(messages[i / 2].bytes, messages[i / 2].len);
        connect_as(i % 2 == 1);
        rig_run(d.w, 100 * PU_S);
        assert_int_equal(d.r.tail.len, 0);
        assert_int_equal(d.h->stream_count, 0);
        finish();
    }
}

/* RFC 9000 8.1: to an address that has proven nothing, at most three times what came from it, from
 * the first flight to the last word; garbage behind an Initial counts as little as elsewhere. */
static void unproven_addresses_get_three_times_as_much(void **state)
{
    (void)state;
    for (int has_garbage = 0; has_garbage < 2; has_garbage++) {
        uint8_t first[DATAGRAM_BYTES_MAX];
        begin();
        raw_dial(&d.r, d.h);
        assert_int_equal(d.w->first->len, 1200);
        memcpy(first, d.w->first->bytes, 1200);
        memset(first + 1200, 0x55, sizeof first - 1200);
        size_t len = has_garbage ? 1300 : 1200;
        d.r.is_mute = d.r.is_closed = true;
        d.w->first->to.port++; /* it is lost */
        rig_inject(d.h, &d.r.at, span_of(first, len));
        rig_run(d.w, 100 * PU_S);
        assert_true(d.h->conns[0].is_asked_accept && d.h->conns[0].is_down);
        assert_in_range(d.h->sent_bytes, 1200, 3 * len);
        assert_int_equal(link_quic(d.h->link)->conn_count, 0);
        rig_inject(d.h, &d.r.at, span_of(first, 60)); /* and again, cut short */
        rig_run(d.w, 100 * PU_S);
        assert_in_range(d.h->sent_bytes, 1200, 3 * (len + 60));
        finish();
    }
}

/* What ngtcp2 knows of and we do not speak is another version too. */
static void drafts_of_version_2_are_told_ours(void **state)
{
    (void)state;
    uint8_t first[DATAGRAM_BYTES_MAX];
    begin();
    raw_dial(&d.r, d.h);
    memcpy(first, d.w->first->bytes, 1200);
    d.r.is_mute = d.r.is_closed = true;
    d.w->first->to.port++;
    memcpy(first + 1, "\x70\x9a\x50\xc4", 4);
    first[0] = 0xd3; /* an Initial there */
    rig_inject(d.h, &d.r.at, span_of(first, 1200));
    assert_int_equal(d.h->conn_count, 0);
    assert_int_equal(d.h->sent_datagrams, 1);
    assert_in_range(d.h->last_len, 7, 60);
    rig_inject(d.h, &d.r.at, span_of(first, 1100));
    assert_int_equal(d.h->sent_datagrams, 1);
    finish();
}

/* ---- connections ---- */

/* CVE-2024-22189, its other half: ids of ours that are given back without end. */
static void a_flood_of_retired_ids_is_bounded(void **state)
{
    (void)state;
    begin_connected();
    size_t before = pu_link_bytes(d.h->link);
    const quic_endpoint *q = link_quic(d.h->link);
    for (unsigned seq = 1; seq < 1000 && !d.r.is_closed; seq++) {
        uint8_t frame[3] = {0x19};
        store_be16(frame + 1, (uint16_t)(0x4000 + seq));
        raw_say(&d.r, frame, sizeof frame, 1);
        assert_in_range(q->cids.count, 0, 80);
        assert_in_range(pu_link_bytes(d.h->link), 0, before + 65536);
    }
    rig_run(d.w, PU_S);
    finish();
}

/* CVE-2025-29785, acknowledgements of what was lost while a connection moved; and a peer that moves
 * by another address and then by another id, which ended the process by an assertion. Sockets,
 * mappings of a NAT and three in ten datagrams change or are lost all the time. */
static void moving_amid_loss_breaks_nothing(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 8; seed++) {
        rig *w = rig_new();
        rig_host *a = rig_add(w, NULL), *b = rig_add(w, NULL);
        b->echoes = true;
        rig_conn *c = rig_connect(a, b);
        rig_stream *s = rig_open(a, c);
        rig_run(w, PU_MS);
        w->dice = seed;
        w->lost_in_1024 = 307;
        for (unsigned i = 0; i < 60 && !c->is_down; i++) {
            if (i % 3 == 0) a->seen_as.port = (uint16_t)(7001 + i);
            else
                rig_effect(a, &(pu_ef){.kind = PU_EF_CONN_SET,
                                       .conn = c->handle,
                                       .flags = PU_MIGRATED,
                                       .socket = i % 3 == 1 ? PU_SOCKET_PROBE : PU_SOCKET_MAIN});
            if (!s->is_down) rig_send(a, s, 3000, false);
            rig_run(w, (10 + 17 * i % 90) * PU_MS);
        }
        w->lost_in_1024 = 0;
        rig_run(w, 60 * PU_S);
        if (!c->is_down) assert_int_equal(s->got, 180000);
        assert_false(s->is_wrong);
        rig_free(w);
    }
}

static uint64_t from_victim, to_victim;

static enum rig_fate count_victim(rig *w, rig_datagram *dg)
{
    (void)w;
    if (dg->from.port == 9999) from_victim += dg->len;
    if (dg->to.port != 9999) return RIG_PASS;
    to_victim += dg->len;
    return RIG_DROP;
}

/* A peer says that it is somewhere else: whoever is there gets three times as much (RFC
 * 9000 9.3.1), the last word included. */
static void a_victim_gets_three_times_what_came_in_its_name(void **state)
{
    (void)state;
    from_victim = to_victim = 0;
    rig *w = rig_new();
    rig_host *a = rig_add(w, NULL), *b = rig_add(w, NULL);
    b->echoes = true;
    w->fate = count_victim;
    rig_conn *c = rig_connect(a, b);
    rig_stream *s = rig_open(a, c);
    rig_send(a, s, 100000, false);
    rig_run(w, 5 * PU_S);
    a->seen_as.port = 9999;
    for (unsigned i = 0; i < 20; i++) {
        rig_send(a, s, 10, false);
        rig_run(w, 100 * PU_MS);
    }
    rig_run(w, 60 * PU_S);
    assert_in_range(to_victim, 1, 3 * from_victim);
    rig_free(w);
}

int quic_abuse_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tiny_idle_time_out_is_no_storm),
        cmocka_unit_test(the_largest_transport_parameters_are_borne),
        cmocka_unit_test(long_transport_parameters_are_borne),
        cmocka_unit_test(wrong_transport_parameters_end_the_handshake),
        cmocka_unit_test(no_application_protocol_is_refused),
        cmocka_unit_test(names_of_servers_say_nothing),
        cmocka_unit_test(rsa_certificates_are_refused),
        cmocka_unit_test(early_frames_of_a_server_end_the_handshake),
        cmocka_unit_test(whoever_dribbles_a_handshake_is_closed),
        cmocka_unit_test(messages_after_the_handshake_do_no_harm),
        cmocka_unit_test(messages_behind_the_handshake_do_no_harm),
        cmocka_unit_test(unproven_addresses_get_three_times_as_much),
        cmocka_unit_test(drafts_of_version_2_are_told_ours),
        cmocka_unit_test(a_flood_of_retired_ids_is_bounded),
        cmocka_unit_test(moving_amid_loss_breaks_nothing),
        cmocka_unit_test(a_victim_gets_three_times_what_came_in_its_name),
    };
    return cmocka_run_group_tests_name("quic_abuse", tests, NULL, NULL);
}
