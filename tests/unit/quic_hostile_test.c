/* quic_hostile_test.c - what strangers and bad peers send: certificates that prove nothing, frames
 * that are none, floods. Inputs that broke other implementations are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/quic_impl.h"
#include "tests/lib/quic_desk.h"

int quic_hostile_test(void);

enum { DATAGRAM_BYTES_MAX = 1500 };
enum { ALERT_BAD_CERTIFICATE = 0x12a, ALERT_CERTIFICATE_REQUIRED = 0x174, ALERT_NO_ALPN = 0x178 };
enum {
    FLOW_CONTROL_ERROR = 3,
    STREAM_LIMIT_ERROR = 4,
    STREAM_STATE_ERROR = 5,
    FINAL_SIZE_ERROR = 6,
    FRAME_ENCODING_ERROR = 7,
    PROTOCOL_VIOLATION = 10
};

static desk d;

static void begin(void (*change)(rig_host *h))
{
    desk_open(&d, change, NULL);
}

static void finish(void)
{
    desk_close(&d);
}

static void certify(const forge *changes)
{
    desk_certify(&d, changes);
}

static uint32_t carriers(void)
{
    return link_quic(d.h->link)->conn_count;
}

/* A peer that has behaved so far. */
static void begin_connected(void)
{
    begin(NULL);
    certify(NULL);
    raw_dial(&d.r, d.h);
    rig_run(d.w, 200 * PU_MS);
    assert_true(d.r.is_completed);
    assert_true(d.h->conns[0].is_up);
    assert_true(pu_peer_id_equal(&d.h->conns[0].peer, &d.id));
}

/* ---- certificates, in either role ---- */

static void dial_raw(void)
{
    desk_call(&d);
    rig_run(d.w, PU_S);
}

static void a_good_certificate_is_believed_in_either_role(void **state)
{
    (void)state;
    begin_connected();
    assert_int_equal(carriers(), 1);
    finish();
    begin(NULL);
    certify(NULL);
    dial_raw();
    assert_int_equal(d.h->dial_fails, 0);
    assert_true(d.h->conns[0].is_confirmed);
    finish();
}

/* py-libp2p 1345: a client that shows no certificate got in. */
static void a_client_without_a_certificate_is_refused(void **state)
{
    (void)state;
    begin(NULL);
    raw_dial(&d.r, d.h);
    rig_run(d.w, PU_S);
    assert_true(d.r.is_closed);
    assert_int_equal(d.r.close_code, ALERT_CERTIFICATE_REQUIRED);
    assert_false(d.h->conns[0].is_asked_secured);
    assert_int_equal(d.h->conns[0].code, PU_CODE_VIOLATION);
    assert_int_equal(carriers(), 0);
    finish();
}

/* Certificates that prove nothing end the handshake before any stream exists, whoever dialled. */
static void bad_certificates_are_refused_in_either_role(void **state)
{
    (void)state;
    static const uint8_t zero[PU_ED25519_SIGNATURE_BYTES];
    gnutls_privkey_t other = forge_key();
    forge cases[] = {
        {.signature = span_of(zero, sizeof zero)}, /* CVE-2022-24759, litep2p, dotnet-libp2p 192 */
        {.signed_by = other},
        {.until = "750101000000Z", .from = "700101000000Z"}, /* GHSA-5hq8-qhww-jm7q */
        {.is_without = true},
        {.times = 2},
        {.other = {"\x55\x1d\x13", 3, true, SPAN_LITERAL("\x30\x00")}},
        {.content = SPAN_LITERAL("\x30\x84\xff\xff\xff\xff")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int is_server = 0; is_server < 2; is_server++) {
            begin(NULL);
            certify(&cases[i]);
            if (is_server) {
                dial_raw();
                assert_int_equal(d.h->dial_fails, 1);
                assert_int_equal(d.h->last_fail_code, PU_CODE_VIOLATION);
            } else {
                raw_dial(&d.r, d.h);
                rig_run(d.w, PU_S);
                assert_false(d.h->conns[0].is_asked_secured);
                assert_int_equal(d.h->conns[0].code, PU_CODE_VIOLATION);
            }
            assert_true(d.r.is_closed);
            assert_in_range(d.r.close_code, 0x100, 0x1ff); /* GnuTLS itself refuses some */
            if (i < 4) assert_int_equal(d.r.close_code, ALERT_BAD_CERTIFICATE);
            assert_int_equal(carriers(), 0);
            finish();
        }
    }
    gnutls_privkey_deinit(other);
}

static void a_chain_of_two_certificates_is_refused(void **state)
{
    (void)state;
    begin(NULL);
    certify(NULL);
    d.r.certs[d.r.cert_count++] = d.r.certs[0];
    raw_dial(&d.r, d.h);
    rig_run(d.w, PU_S);
    assert_int_equal(d.r.close_code, ALERT_BAD_CERTIFICATE);
    assert_false(d.h->conns[0].is_asked_secured);
    finish();
}

/* The right certificate, but not its key. */
static void a_stolen_certificate_is_of_no_use(void **state)
{
    (void)state;
    begin(NULL);
    certify(NULL);
    gnutls_privkey_t thief = forge_key();
    d.r.key = thief;
    raw_dial(&d.r, d.h);
    rig_run(d.w, PU_S);
    assert_true(d.r.is_closed);
    assert_in_range(d.r.close_code, 0x100, 0x1ff);
    assert_false(d.h->conns[0].is_asked_secured);
    finish();
    gnutls_privkey_deinit(thief);
}

static void another_application_protocol_is_refused(void **state)
{
    (void)state;
    begin(NULL);
    certify(NULL);
    d.r.alpn = "h3";
    raw_dial(&d.r, d.h);
    rig_run(d.w, PU_S);
    assert_int_equal(d.r.close_code, ALERT_NO_ALPN);
    assert_int_equal(d.h->conns[0].code, PU_CODE_NEGOTIATION);
    finish();
    begin(NULL);
    certify(NULL);
    d.r.alpn = "h3";
    dial_raw();
    assert_int_equal(d.h->dial_fails, 1);
    assert_int_equal(d.h->last_fail_code, PU_CODE_NEGOTIATION);
    finish();
}

/* ---- frames ---- */

/* Frames that no peer may send end the connection, and nothing else. */
static void forbidden_frames_end_the_connection(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint64_t error;
    } cases[] = {
        {"\x21", 1, FRAME_ENCODING_ERROR}, /* no such frame: quinn CVE-2023-42805 */
        {"\x1e", 1, PROTOCOL_VIOLATION},   /* HANDSHAKE_DONE by a client */
        {"\x02\x7f\xff\x00\x00\x00", 6, PROTOCOL_VIOLATION}, /* ACK of the future: CVE-2024-52811 */
        {"\x0a\x44\xb0\x00", 4, STREAM_LIMIT_ERROR},         /* STREAM: id 1200 */
        {"\x0e\x00\x80\x20\x00\x00\x01\x00", 8, FLOW_CONTROL_ERROR}, /* STREAM: offset 2 MiB */
        {"\x04\x00\x00\x80\x30\x00\x00", 7, FLOW_CONTROL_ERROR},     /* RESET_STREAM: size 3 MiB */
        {"\x0a\x05\x01\x00", 4, STREAM_STATE_ERROR}, /* STREAM: one that only we could open */
        {"\x11\x05\x40\x00", 4, STREAM_STATE_ERROR}, /* MAX_STREAM_DATA for such a one */
        {"\x0b\x08\x01x\x0b\x08\x02xy", 9, FINAL_SIZE_ERROR}, /* STREAM: two ends */
        {"\x18\x00\x05\x08", 4, FRAME_ENCODING_ERROR}, /* NEW_CONNECTION_ID: retires the future */
        {"\x19\x40\x63", 3, PROTOCOL_VIOLATION},       /* RETIRE_CONNECTION_ID: 99 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin_connected();
        raw_say(&d.r, cases[i].bytes, cases[i].len, 1);
        rig_run(d.w, PU_S);
        assert_true(d.r.is_closed);
        assert_false(d.r.is_app_close);
        assert_int_equal(d.r.close_code, cases[i].error);
        assert_true(d.h->conns[0].is_down);
        assert_int_equal(d.h->conns[0].code, PU_CODE_VIOLATION);
        assert_int_equal(carriers(), 0);
        finish();
    }
}

/* CVE-2023-46239 and its like: 1-RTT frames in packets of the handshake. */
static void frames_in_the_wrong_packets_end_the_handshake(void **state)
{
    (void)state;
    static const enum raw_packets kinds[] = {RAW_INITIAL, RAW_HANDSHAKE};
    static const char *const frames[] = {"\x1e", "\x0a\x00\x01x",
                                         ("\x1a"
                                          "12345678")};
    static const size_t lens[] = {1, 4, 9};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 3; i++) {
            begin(NULL);
            certify(NULL);
            memcpy(d.r.frames, frames[i], lens[i]);
            d.r.frames_len = lens[i];
            d.r.frames_left = 1;
            d.r.packets = kinds[k];
            raw_dial(&d.r, d.h);
            rig_run(d.w, 20 * PU_S);
            assert_false(d.h->conns[0].is_up);
            assert_false(d.h->conns[0].is_asked_secured);
            assert_true(d.h->conns[0].is_down);
            /* one that began anew, without them, is another matter */
            if (kinds[k] == RAW_HANDSHAKE) assert_int_equal(carriers(), 0);
            finish();
        }
    }
}

/* Memory of the host's link is below so many bytes more than now, whatever is said. */
static void assert_bounded(const uint8_t *frames, size_t len, unsigned packets, size_t most)
{
    size_t before = pu_link_bytes(d.h->link);
    raw_say(&d.r, frames, len, packets);
    rig_run(d.w, PU_S);
    assert_in_range(pu_link_bytes(d.h->link), 0, before + most);
}

/* CVE-2023-49295: a queue of answers to PATH_CHALLENGE. */
static void a_flood_of_path_challenges_is_bounded(void **state)
{
    (void)state;
    uint8_t frames[90 * 9];
    for (size_t i = 0; i < sizeof frames; i++) frames[i] = i % 9 == 0 ? 0x1a : (uint8_t)i;
    begin_connected();
    assert_bounded(frames, sizeof frames, 200, 65536);
    assert_false(d.h->conns[0].is_down);
    finish();
}

/* CVE-2024-22189: ids that are given and retired without end. */
static void a_flood_of_connection_ids_is_bounded(void **state)
{
    (void)state;
    begin_connected();
    size_t before = pu_link_bytes(d.h->link);
    for (unsigned seq = 10; seq < 400 && !d.r.is_closed; seq += 3) {
        uint8_t frames[3 * 34];
        for (unsigned i = 0; i < 3; i++) {
            uint8_t *f = frames + 34 * i;
            memset(f, (int)(seq + i), 34);
            f[0] = 0x18;
            store_be16(f + 1, (uint16_t)(0x4000 + seq + i));
            store_be16(f + 3, (uint16_t)(0x4000 + seq + i)); /* retire all before */
            f[5] = 12;
            f[6] = (uint8_t)(seq >> 8);
            f[7] = (uint8_t)(seq + i);
        }
        raw_say(&d.r, frames, sizeof frames, 1);
    }
    rig_run(d.w, PU_S);
    assert_in_range(pu_link_bytes(d.h->link), 0, before + 65536);
    finish();
}

/* Handshake bytes after the handshake: nobody reads them, the session is gone. */
static void crypto_frames_after_the_handshake_are_bounded(void **state)
{
    (void)state;
    begin_connected();
    for (unsigned i = 0; i < 100 && !d.r.is_closed; i++) {
        uint8_t frames[600];
        memset(frames, 0x55, sizeof frames);
        frames[0] = 0x06;
        store_be32(frames + 1, 0x80000000u + 1000 + i * 700); /* with gaps */
        store_be16(frames + 5, 0x4000 + 593);
        raw_say(&d.r, frames, sizeof frames, 1);
    }
    rig_run(d.w, PU_S);
    assert_in_range(pu_link_bytes(d.h->link), 0, 600000);
    finish();
}

/* CVE-2022-23486 and its like: streams without end; each that is one too many is refused or not
 * allowed. */
static void a_flood_of_streams_is_bounded(void **state)
{
    (void)state;
    begin_connected();
    size_t before = pu_link_bytes(d.h->link);
    for (unsigned id = 0; id < 4 * QUIC_STREAMS_MAX && !d.r.is_closed; id += 4 * 64) {
        uint8_t frames[64 * 5];
        for (unsigned i = 0; i < 64; i++) {
            uint8_t *f = frames + 5 * i;
            f[0] = 0x0a;
            store_be16(f + 1, (uint16_t)(0x4000 + id + 4 * i));
            f[3] = 1;
            f[4] = 'x';
        }
        raw_say(&d.r, frames, sizeof frames, 1);
    }
    rig_run(d.w, 100 * PU_MS);
    assert_false(d.h->conns[0].is_down);
    assert_int_equal(d.h->stream_count, QUIC_STREAMS_MAX);
    assert_in_range(pu_link_bytes(d.h->link), before, before + QUIC_STREAMS_MAX * 2048);
    finish();
}

/* ---- datagrams of strangers ---- */

/* The first datagram of a client, to be sent by anybody. */
static uint8_t first[DATAGRAM_BYTES_MAX];
static size_t first_len;

static enum rig_fate keep_first(rig *w, rig_datagram *dg)
{
    (void)w;
    if (first_len == 0) memcpy(first, dg->bytes, first_len = dg->len);
    return RIG_DROP;
}

static void take_first(void)
{
    rig *w = rig_new();
    rig_host *a = rig_add(w, NULL), *b = rig_add(w, NULL);
    first_len = 0;
    w->fate = keep_first;
    rig_dial(a, b, NULL);
    rig_run(w, PU_MS);
    assert_int_equal(first_len, 1200);
    rig_free(w);
}

static pu_endpoint stranger(uint32_t number)
{
    pu_endpoint e = {.ip = {[10] = 0xff, [11] = 0xff, 203}, .port = 1000};
    store_be16(e.ip + 13, (uint16_t)number);
    e.ip[15] = (uint8_t)(number >> 16);
    return e;
}

static void many_conns(rig_host *h)
{
    h->config.handshakes_max = 64;
    h->config.quic_retry_handshakes = 16;
}

/* An Initial whose id is another one: its first bytes make it another connection, and its
 * encryption wrong. Good enough to be asked about. */
static void flood(rig_host *h, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        pu_endpoint e = stranger(i);
        store_be32(first + 6, i);
        rig_inject(h, &e, span_of(first, first_len));
    }
}

/* Initials of garbage are forgotten as soon as they are read. */
static void garbage_initials_leave_nothing(void **state)
{
    (void)state;
    take_first();
    begin(many_conns);
    size_t before = pu_link_bytes(d.h->link);
    flood(d.h, 1, 1000);
    assert_int_equal(carriers(), 0);
    assert_int_equal(d.h->conn_count, 1000);
    assert_in_range(pu_link_bytes(d.h->link), 0, before + 16384);
    finish();
}

/* Real first flights from everywhere, none of which goes on: from the threshold on nothing is kept
 * and every answer is shorter than what it answers. */
static void a_flood_of_first_flights_is_answered_by_retries(void **state)
{
    (void)state;
    begin(many_conns);
    rig_host *clients[7];
    for (int i = 0; i < 7; i++) clients[i] = rig_add(d.w, NULL);
    for (uint32_t i = 0; i < 70; i++) {
        clients[i % 7]->seen_as = stranger(i);
        rig_dial(clients[i % 7], d.h, NULL);
        rig_run(d.w, 1);
    }
    for (int i = 0; i < 7; i++) clients[i]->is_deaf = true;
    rig_run(d.w, 10 * PU_MS + 100);
    assert_int_equal(carriers(), d.h->config.quic_retry_handshakes);
    assert_int_equal(d.h->conn_count, d.h->config.quic_retry_handshakes);
    size_t bytes = pu_link_bytes(d.h->link);
    assert_in_range(d.h->last_len, 50, 200); /* a Retry */
    rig_run(d.w, PU_S);                      /* they try again */
    assert_int_equal(carriers(), d.h->config.quic_retry_handshakes);
    assert_in_range(pu_link_bytes(d.h->link), 0, bytes + 16384);
    rig_run(d.w, 20 * PU_S);
    assert_int_equal(carriers(), 0);
    finish();
}

/* A client that copes is let in all the same. */
static void who_answers_a_retry_gets_in_under_load(void **state)
{
    (void)state;
    begin(many_conns);
    rig_host *dead = rig_add(d.w, NULL), *live = rig_add(d.w, NULL);
    for (uint32_t i = 0; i < 20; i++) {
        dead->seen_as = stranger(i);
        rig_dial(dead, d.h, NULL);
        rig_run(d.w, 1);
    }
    dead->is_deaf = true;
    rig_run(d.w, 50 * PU_MS);
    pu_token token = rig_dial(live, d.h, NULL);
    rig_run(d.w, 200 * PU_MS);
    assert_non_null(rig_conn_of(live, token));
    assert_true(rig_conn_of(live, token)->is_confirmed);
    finish();
}

/* A token is good for the address it was given to, and for ten seconds. */
static uint8_t second[DATAGRAM_BYTES_MAX];
static size_t second_len;

static enum rig_fate keep_tokened(rig *w, rig_datagram *dg)
{
    (void)w;
    bool has_token =
        dg->len >= 1200 && (dg->bytes[0] & 0xb0) == 0x80 && dg->bytes[5] == 8 && dg->bytes[23] != 0;
    if (has_token && second_len == 0) {
        memcpy(second, dg->bytes, second_len = dg->len);
        return RIG_DROP;
    }
    return RIG_PASS;
}

static void retry_always(rig_host *h)
{
    h->config.quic_retry_handshakes = 0;
}

static void tokens_are_bound_to_address_and_time(void **state)
{
    (void)state;
    begin(retry_always);
    rig_host *a = rig_add(d.w, NULL);
    second_len = 0;
    d.w->fate = keep_tokened;
    rig_dial(a, d.h, NULL);
    rig_run(d.w, 50 * PU_MS);
    assert_true(second_len >= 1200);
    assert_int_equal(d.h->conn_count, 0);
    pu_endpoint other = a->seen_as;
    other.port++;
    uint64_t sent = d.h->sent_datagrams;
    rig_inject(d.h, &other, span_of(second, second_len)); /* stolen */
    assert_int_equal(d.h->conn_count, 0);
    assert_int_equal(d.h->sent_datagrams, sent + 1); /* INVALID_TOKEN */
    assert_in_range(d.h->last_len, 20, 1199);
    rig_inject(d.h, &a->seen_as, span_of(second, second_len)); /* its own */
    assert_int_equal(d.h->conn_count, 1);
    rig_run(d.w, 20 * PU_S);
    rig_inject(d.h, &a->seen_as, span_of(second, second_len)); /* late */
    assert_int_equal(d.h->conn_count, 1);
    finish();
}

static void datagrams_that_are_too_short_for_an_initial_are_not_heard(void **state)
{
    (void)state;
    take_first();
    begin(NULL);
    pu_endpoint e = stranger(1);
    for (size_t len = 1; len < 1200; len += 13) rig_inject(d.h, &e, span_of(first, len));
    assert_int_equal(d.h->conn_count, 0);
    assert_int_equal(d.h->sent_datagrams, 0);
    assert_int_equal(carriers(), 0);
    finish();
}

static void other_versions_are_told_ours(void **state)
{
    (void)state;
    begin(NULL);
    uint8_t datagram[1200] = {0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4,
                              5,    6,    7,    8,    4,    9, 9, 9, 9};
    pu_endpoint e = stranger(1);
    rig_inject(d.h, &e, span_of(datagram, 1199));
    assert_int_equal(d.h->sent_datagrams, 0);
    rig_inject(d.h, &e, span_of(datagram, 1200));
    assert_int_equal(d.h->sent_datagrams, 1);
    assert_int_equal(d.h->last_len, 7 + 4 + 8 + 4);
    for (int i = 0; i < 1000; i++) rig_inject(d.h, &e, span_of(datagram, 1200));
    assert_in_range(d.h->sent_datagrams, 2, QUIC_REPLIES_BURST);
    /* Version Negotiation is never answered, nor version 0 taken for one. */
    datagram[1] = datagram[2] = datagram[3] = datagram[4] = 0;
    uint64_t sent = d.h->sent_datagrams;
    rig_run(d.w, 10 * PU_S);
    rig_inject(d.h, &e, span_of(datagram, 1200));
    assert_int_equal(d.h->sent_datagrams, sent);
    assert_int_equal(carriers(), 0);
    finish();
}

/* A server that speaks other versions only. */
static enum rig_fate answer_versions(rig *w, rig_datagram *dg)
{
    if (dg->len < 1200) return RIG_DROP;
    uint8_t out[64] = {0x80, 0, 0, 0, 0};
    size_t dcid = dg->bytes[5], scid = dg->bytes[6 + dcid], at = 5;
    out[at++] = (uint8_t)scid;
    memcpy(out + at, dg->bytes + 7 + dcid, scid);
    at += scid;
    out[at++] = (uint8_t)dcid;
    memcpy(out + at, dg->bytes + 6, dcid);
    at += dcid;
    memcpy(out + at, "\xff\x00\x00\x1d", 4);
    rig_post(w, &dg->to, &dg->from, span_of(out, at + 4));
    return RIG_DROP;
}

static void a_server_of_other_versions_is_given_up(void **state)
{
    (void)state;
    begin(NULL);
    rig_host *a = rig_add(d.w, NULL);
    d.w->fate = answer_versions;
    pu_time start = d.w->now;
    rig_dial(a, d.h, NULL);
    rig_run(d.w, PU_S);
    assert_int_equal(a->dial_fails, 1);
    assert_int_equal(a->last_fail_code, PU_CODE_UNSUPPORTED);
    assert_int_equal(a->last_fail_at - start, d.w->delay_ns);
    finish();
}

/* Hole punching sends random bytes: the node gets them, nobody an answer. */
static void random_datagrams_get_no_answer(void **state)
{
    (void)state;
    begin(NULL);
    pu_endpoint e = stranger(1);
    uint64_t dice = 1;
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t bytes[1300];
        size_t len = i % 10 == 0 ? 1 + i % 1300 : 64;
        for (size_t k = 0; k < len; k++) {
            dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
            bytes[k] = (uint8_t)(dice >> 33);
        }
        rig_inject(d.h, &e, span_of(bytes, len));
    }
    assert_int_equal(d.h->conn_count, 0);
    assert_int_equal(carriers(), 0);
    assert_in_range(d.h->sent_datagrams, 0, 30); /* long enough, and of a version: told ours */
    assert_int_equal(d.h->packet_count, RIG_PACKETS_MAX);
    finish();
}

/* Resets are fewer than what draws them, shorter, and only for ids of ours. */
static void resets_are_few_and_short(void **state)
{
    (void)state;
    begin(NULL);
    pu_endpoint e = stranger(1);
    uint8_t bytes[100] = {0x40};
    ngtcp2_cid cid;
    quic_ids_make(link_quic(d.h->link), &cid);
    memcpy(bytes + 1, cid.data, QUIC_CID_BYTES);
    for (size_t len = 1; len < sizeof bytes; len++) {
        uint64_t sent = d.h->sent_datagrams;
        rig_inject(d.h, &e, span_of(bytes, len));
        assert_int_equal(d.h->sent_datagrams - sent, len >= QUIC_RESET_LEAST);
        if (len >= QUIC_RESET_LEAST) assert_in_range(d.h->last_len, 21, len - 1);
        rig_run(d.w, 50 * PU_MS);
    }
    uint64_t sent = d.h->sent_datagrams;
    for (int i = 0; i < 1000; i++) rig_inject(d.h, &e, span_of(bytes, sizeof bytes));
    assert_in_range(d.h->sent_datagrams - sent, 1, QUIC_REPLIES_BURST);
    rig_run(d.w, PU_S);
    bytes[8] ^= 1;
    sent = d.h->sent_datagrams;
    rig_inject(d.h, &e, span_of(bytes, sizeof bytes));
    assert_int_equal(d.h->sent_datagrams, sent);
    finish();
}

/* Two peers that have forgotten each other do not reset each other for ever. */
static void resets_do_not_answer_resets(void **state)
{
    (void)state;
    begin(NULL);
    rig_host *a = rig_add(d.w, NULL), *b = rig_add(d.w, NULL);
    rig_conn *c = rig_connect(a, b);
    rig_send(a, rig_open(a, c), 1, false);
    rig_off(b);
    rig_send(a, rig_open(a, c), 1, false);
    rig_run(d.w, 5 * PU_MS);
    rig_restart(a);
    rig_restart(b);
    rig_run(d.w, 60 * PU_S);
    assert_in_range(a->sent_datagrams + b->sent_datagrams, 0, 60);
    finish();
}

/* A reset with the wrong token is no reset: the connection stays. */
static void forged_resets_change_nothing(void **state)
{
    (void)state;
    begin(NULL);
    rig_host *a = rig_add(d.w, NULL), *b = rig_add(d.w, NULL);
    rig_conn *c = rig_connect(a, b);
    uint8_t bytes[60] = {0x41};
    for (unsigned i = 0; i < 1000; i++) {
        store_be32(bytes + 20, i);
        store_be32(bytes + 44, i * 77);
        rig_inject(a, &b->seen_as, span_of(bytes, sizeof bytes));
    }
    rig_run(d.w, PU_S);
    assert_false(c->is_down);
    finish();
}

/* The datagrams of a whole handshake, sent again by somebody else. */
static struct {
    uint8_t bytes[8][DATAGRAM_BYTES_MAX];
    size_t len[8];
    unsigned count;
} tape;

static enum rig_fate record(rig *w, rig_datagram *dg)
{
    if (dg->from.port == w->hosts[1].seen_as.port && tape.count < 8 && dg->to.ip[15] == 1 &&
        dg->from.ip[15] == 2) {
        memcpy(tape.bytes[tape.count], dg->bytes, dg->len);
        tape.len[tape.count++] = dg->len;
    }
    return RIG_PASS;
}

static void a_replayed_handshake_ends_before_any_stream(void **state)
{
    (void)state;
    begin(NULL);
    rig_host *a = rig_add(d.w, NULL);
    tape.count = 0;
    d.w->fate = record;
    rig_conn *c = rig_connect(a, d.h);
    rig_send(a, rig_open(a, c), 100, false);
    rig_run(d.w, PU_S);
    rig_hangup(a, c, 0, 0);
    rig_run(d.w, PU_S);
    assert_true(tape.count >= 3);
    uint32_t before = d.h->conn_count, streams = d.h->stream_count;
    pu_endpoint thief = stranger(7);
    for (unsigned i = 0; i < tape.count; i++) {
        rig_inject(d.h, &thief, span_of(tape.bytes[i], tape.len[i]));
        rig_run(d.w, 20 * PU_MS);
    }
    rig_run(d.w, 30 * PU_S);
    assert_true(d.h->conn_count > before);
    for (uint32_t i = before; i < d.h->conn_count; i++) {
        assert_false(d.h->conns[i].is_asked_secured);
        assert_true(d.h->conns[i].is_down);
    }
    assert_int_equal(d.h->stream_count, streams);
    assert_int_equal(carriers(), 0);
    finish();
}

/* ---- memory that runs out ---- */

/* Each request for memory of either side is refused in turn: nothing breaks, nothing leaks, and
 * when the shortage is over a new connection works. */
static void shortages_of_memory_break_nothing(void **state)
{
    (void)state;
    for (unsigned fail = 1;; fail++) {
        rig *w = rig_new();
        rig_host *a = rig_add(w, NULL), *b = rig_add(w, NULL);
        b->echoes = true;
        rig_host *victim = fail % 2 == 0 ? a : b;
        unsigned from = victim->heap.asked;
        victim->heap.fail_at = from + (fail + 1) / 2;
        pu_token token = rig_dial(a, b, NULL);
        rig_run(w, 100 * PU_MS);
        rig_conn *c = rig_conn_of(a, token);
        if (c != NULL && !c->is_down) {
            rig_stream *s = rig_open(a, c);
            rig_run(w, PU_MS);
            if (s->is_up && !s->is_down) rig_send(a, s, 20000, true);
        }
        rig_run(w, 2 * PU_S);
        bool has_fired = victim->heap.asked >= victim->heap.fail_at;
        victim->heap.fail_at = 0;
        token = rig_dial(a, b, NULL);
        rig_run(w, 500 * PU_MS);
        assert_non_null(rig_conn_of(a, token));
        rig_free(w);
        if (!has_fired && fail > 20) break;
    }
}

int quic_hostile_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_certificate_is_believed_in_either_role),
        cmocka_unit_test(a_client_without_a_certificate_is_refused),
        cmocka_unit_test(bad_certificates_are_refused_in_either_role),
        cmocka_unit_test(a_chain_of_two_certificates_is_refused),
        cmocka_unit_test(a_stolen_certificate_is_of_no_use),
        cmocka_unit_test(another_application_protocol_is_refused),
        cmocka_unit_test(forbidden_frames_end_the_connection),
        cmocka_unit_test(frames_in_the_wrong_packets_end_the_handshake),
        cmocka_unit_test(a_flood_of_path_challenges_is_bounded),
        cmocka_unit_test(a_flood_of_connection_ids_is_bounded),
        cmocka_unit_test(crypto_frames_after_the_handshake_are_bounded),
        cmocka_unit_test(a_flood_of_streams_is_bounded),
        cmocka_unit_test(garbage_initials_leave_nothing),
        cmocka_unit_test(a_flood_of_first_flights_is_answered_by_retries),
        cmocka_unit_test(who_answers_a_retry_gets_in_under_load),
        cmocka_unit_test(tokens_are_bound_to_address_and_time),
        cmocka_unit_test(datagrams_that_are_too_short_for_an_initial_are_not_heard),
        cmocka_unit_test(other_versions_are_told_ours),
        cmocka_unit_test(a_server_of_other_versions_is_given_up),
        cmocka_unit_test(random_datagrams_get_no_answer),
        cmocka_unit_test(resets_are_few_and_short),
        cmocka_unit_test(resets_do_not_answer_resets),
        cmocka_unit_test(forged_resets_change_nothing),
        cmocka_unit_test(a_replayed_handshake_ends_before_any_stream),
        cmocka_unit_test(shortages_of_memory_break_nothing),
    };
    return cmocka_run_group_tests_name("quic_hostile", tests, NULL, NULL);
}
