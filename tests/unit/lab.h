/* tests/unit/lab.h - one node between peers that a test plays by hand: the host's side of boundary
 * A with everything the node does kept for inspection.
 *
 * Peers are letters with model keys, so a test can sign as any of them. Streams are played after
 * their multistream-select: lab_open agrees as dialler, lab_accept answers what the node opened.
 */
#ifndef TESTS_UNIT_LAB_H
#define TESTS_UNIT_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pb.h"
#include "base/varint.h"
#include "ident/envelope.h"
#include "peerup/node.h"
#include "tests/unit/fault_heap.h"

enum {
    LAB_PEERS = 8, /* 0 is the node */
    LAB_STREAMS = 1024,
    LAB_CONNS = 512,
    LAB_OPENS = 2048,
    LAB_BYTES = 20000,
    LAB_SENT = 512
};

#define LAB_UNIX_S UINT64_C(1800000000)

typedef struct lab_stream {
    pu_handle handle, conn;
    char proto[64];
    bool is_ours; /* the node opened it */
    bool is_finished, is_reset;
    uint32_t code; /* of the reset */
    size_t len, skip;
    uint8_t bytes[LAB_BYTES]; /* what the node sent */
    uint64_t given, granted;  /* bytes the node was given; may be given up to */
} lab_stream;

typedef struct lab {
    fault_heap heap;
    pu_config config;
    pu_peers *peers;
    pu_crypto crypto[LAB_PEERS];
    pu_crypto_model model[LAB_PEERS];
    pu_peer_id id[LAB_PEERS];
    pu_env env;
    pu_out *out;
    pu_node *node;
    void *memory;
    pu_time now;

    bool is_one_site;      /* all peers come from one address */
    pu_endpoint elsewhere; /* where they come from, when not zero */
    lab_stream streams[LAB_STREAMS];
    uint32_t stream_count, conn_count;
    bool conn_is_up[LAB_CONNS]; /* by ordinal */
    pu_handle opens[LAB_OPENS]; /* STREAM_OPEN: connection; 0: answered */
    pu_token open_tokens[LAB_OPENS];
    uint32_t open_count;
    pu_ef dials[LAB_SENT], upgrades[LAB_SENT], events[LAB_SENT], hangups[LAB_SENT];
    uint32_t dial_count, upgrade_count, event_count, hangup_count, packet_count, cancel_count;
    pu_ef resolves[LAB_SENT], apps[LAB_SENT];
    uint32_t resolve_count, app_count;
    pu_endpoint packets[LAB_SENT];
    uint8_t upgrade_bytes[64]; /* what came behind the message before the last UPGRADE */
    size_t upgrade_len;
    uint32_t verdict;               /* of the last CONN_ASK */
    char set[64];                   /* the last SET, "name=value" */
    uint32_t traced[PU_TR_COUNT];   /* how often */
    uint64_t traced_a[PU_TR_COUNT]; /* the last one's a */
    uint64_t traced_b[PU_TR_COUNT];
} lab;

static inline void lab_trace(void *ctx, const pu_trace *event)
{
    lab *l = ctx;
    l->traced[event->code]++;
    l->traced_a[event->code] = event->a;
    l->traced_b[event->code] = event->b;
}

static inline pu_span lab_id(const lab *l, int peer)
{
    return span_of(l->id[peer].bytes, l->id[peer].len);
}

static inline pu_endpoint lab_endpoint(int peer)
{
    return pu_endpoint_ip4(9, 9, 9, (uint8_t)(peer + 1), 4001);
}

/* The binary form of a multiaddr's text, in out. "{B}" stands for the id of peer 1, and so on. */
static inline pu_span lab_maddr(const lab *l, const char *text, uint8_t out[PU_MADDR_MAX])
{
    char whole[512];
    size_t at = 0, len = 0;
    for (; *text != 0; text++) {
        assert_true(at + PU_PEER_ID_TEXT_MAX < sizeof whole);
        if (*text != '{') {
            whole[at++] = *text;
            continue;
        }
        at += pu_peer_id_text(&l->id[text[1] - 'A'], PU_PEER_BASE58, whole + at);
        text += 2;
    }
    assert_int_equal(pu_maddr_parse(out, PU_MADDR_MAX, &len, span_of(whole, at), NULL), PU_OK);
    return span_of(out, len);
}

/* ---- effects ---- */

static inline lab_stream *lab_stream_of(lab *l, pu_handle handle)
{
    for (uint32_t i = 0; i < l->stream_count; i++)
        if (l->streams[i].handle == handle) return &l->streams[i];
    return NULL;
}

static inline void lab_sent(lab *l, const pu_ef *e)
{
    lab_stream *s = lab_stream_of(l, e->stream);
    assert_non_null(s);
    assert_true(s->len + e->body.len <= LAB_BYTES);
    if (e->body.len > 0) memcpy(s->bytes + s->len, e->body.base, e->body.len);
    s->len += e->body.len;
    if (e->flags & PU_FIN) s->is_finished = true;
}

/* Keeps one of a kind; its spans are gone after the step. */
static inline void lab_keep(pu_ef *list, uint32_t *count, const pu_ef *e)
{
    assert_true(*count < LAB_SENT);
    list[*count] = *e;
    list[(*count)++].body = span_of(NULL, 0);
}

static inline void lab_effect(lab *l, const pu_ef *e)
{
    lab_stream *s = lab_stream_of(l, e->stream);
    if (e->kind == PU_EF_STREAM_SEND) lab_sent(l, e);
    if (e->kind == PU_EF_STREAM_RESET && s != NULL) {
        s->is_reset = true;
        s->code = e->code;
    }
    if (e->kind == PU_EF_STREAM_ROOM && s != NULL) s->granted = e->offset;
    if (e->kind == PU_EF_STREAM_OPEN) {
        assert_true(l->open_count < LAB_OPENS);
        l->opens[l->open_count] = e->conn;
        l->open_tokens[l->open_count++] = e->token;
    }
    if (e->kind == PU_EF_DIAL) lab_keep(l->dials, &l->dial_count, e);
    if (e->kind == PU_EF_DIAL_CANCEL) l->cancel_count++;
    if (e->kind == PU_EF_RESOLVE) lab_keep(l->resolves, &l->resolve_count, e);
    if (e->kind == PU_EF_APP) lab_keep(l->apps, &l->app_count, e);
    if (e->kind == PU_EF_UPGRADE) {
        l->upgrade_len = e->body.len < sizeof l->upgrade_bytes ? e->body.len : 0;
        if (l->upgrade_len > 0) memcpy(l->upgrade_bytes, e->body.base, l->upgrade_len);
        lab_keep(l->upgrades, &l->upgrade_count, e);
    }
    if (e->kind == PU_EF_HANGUP) lab_keep(l->hangups, &l->hangup_count, e);
    if (e->kind == PU_EF_EVENT) lab_keep(l->events, &l->event_count, e);
    if (e->kind == PU_EF_CONN_VERDICT) l->verdict = e->code;
    if (e->kind == PU_EF_SET)
        snprintf(l->set, sizeof l->set, "%.*s=%llu", (int)e->body.len, (const char *)e->body.base,
                 (unsigned long long)e->offset);
    if (e->kind == PU_EF_PACKET) l->packets[l->packet_count++ % LAB_SENT] = e->remote;
}

static inline int lab_try(lab *l, pu_in in)
{
    in.now = l->now;
    int err = pu_node_step(l->node, &in, l->out);
    for (pu_ef e; pu_out_next(l->out, &e);) lab_effect(l, &e);
    pu_out_reset(l->out);
    return err;
}

static inline void lab_step(lab *l, pu_in in)
{
    assert_int_equal(lab_try(l, in), PU_OK);
}

/* ---- life ---- */

static inline lab *lab_new(void)
{
    lab *l = calloc(1, sizeof *l);
    assert_non_null(l);
    pu_config_default(&l->config);
    for (int i = 0; i < LAB_PEERS; i++) {
        uint8_t seed[32] = {(uint8_t)('A' + i)}, key[32];
        pu_crypto_model_init(&l->crypto[i], &l->model[i], seed);
        l->crypto[i].public_key(l->crypto[i].ctx, key);
        pu_peer_id_from_ed25519(&l->id[i], key);
    }
    l->env = (pu_env){
        .crypto = &l->crypto[0],
        .alloc = fault_heap_alloc(&l->heap),
        .trace = lab_trace,
        .trace_ctx = l,
        .trace_mask = PU_TRACE_ALL,
    };
    assert_int_equal(pu_peers_new(&l->peers, 64, 1, &l->env.alloc), PU_OK);
    l->env.peers = l->peers;
    assert_int_equal(pu_out_new(&l->out, &l->env), PU_OK);
    return l;
}

static inline void lab_clock(lab *l, uint64_t unix_s)
{
    lab_step(l, (pu_in){.kind = PU_IN_CLOCK, .offset = unix_s * PU_S});
}

static inline void lab_authorise(lab *l, int peer)
{
    char text[PU_PEER_ID_TEXT_MAX];
    size_t len = pu_peer_id_text(&l->id[peer], PU_PEER_BASE58, text);
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_AUTHORISE,
                        .token = 1,
                        .body = span_of(text, len)});
}

/* Tells the node that peer is one of its relays, or where it is. */
static inline void lab_address(lab *l, int peer, uint32_t flags)
{
    uint8_t bytes[PU_MADDR_MAX + 64];
    pu_buf b = buf_of(bytes, sizeof bytes);
    pu_endpoint at = lab_endpoint(peer);
    b.len = pu_addr_write(bytes, &at, PU_TRANSPORT_QUIC);
    varint_put(&b, PU_MA_P2P);
    varint_put(&b, l->id[peer].len);
    buf_put_span(&b, lab_id(l, peer));
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_ADDRESS,
                        .token = 2,
                        .flags = flags,
                        .body = buf_span(&b)});
}

static inline void lab_local(lab *l, pu_endpoint at, uint32_t flags)
{
    lab_step(l, (pu_in){.kind = PU_IN_ADDR,
                        .flags = flags,
                        .local = at,
                        .transport = PU_TRANSPORT_QUIC,
                        .socket = PU_SOCKET_MAIN});
}

/* Makes the node with l->config, authorises all peers and listens at A's endpoint. */
static inline void lab_begin(lab *l)
{
    static const uint8_t seed[32] = {1};
    l->memory = malloc(pu_node_size(&l->config));
    assert_non_null(l->memory);
    assert_int_equal(pu_node_init(&l->node, l->memory, &l->config, &l->env, seed, l->now), PU_OK);
    lab_clock(l, LAB_UNIX_S);
    for (int i = 1; i < LAB_PEERS; i++) lab_authorise(l, i);
}

static inline void lab_start(lab *l)
{
    lab_local(l, lab_endpoint(0), PU_LISTEN);
    lab_step(l, (pu_in){.kind = PU_IN_TICK});
}

static inline lab *lab_started(void)
{
    lab *l = lab_new();
    lab_begin(l);
    lab_start(l);
    return l;
}

/* Ends the node, which must have given everything back. */
static inline void lab_end(lab *l)
{
    pu_node_close(l->node);
    pu_out_free(l->out);
    assert_int_equal(pu_peers_count(l->peers), 0);
    pu_peers_free(l->peers);
    assert_int_equal(l->heap.live_bytes, 0);
    free(l->memory);
    free(l);
}

/* Lets time pass, with a TICK at each deadline. */
static inline void lab_pass(lab *l, uint64_t duration_ns)
{
    pu_time until = l->now + duration_ns;
    for (pu_time at; (at = pu_node_deadline(l->node, NULL)) <= until;) {
        l->now = at > l->now ? at : l->now;
        lab_step(l, (pu_in){.kind = PU_IN_TICK});
    }
    l->now = until;
}

/* ---- connections ---- */

static inline pu_handle lab_conn_next(lab *l)
{
    uint32_t ordinal = ++l->conn_count;
    assert_true(ordinal < LAB_CONNS);
    l->conn_is_up[ordinal] = true;
    return pu_handle_make(ordinal - 1, ordinal); /* no slot is used twice here */
}

/* A confirmed connection with peer. flags: DIALLER, RELAYED, LIMITED; token of a DIAL, or 0. */
static inline pu_handle lab_connect(lab *l, int peer, uint32_t flags, pu_token token)
{
    pu_handle conn = lab_conn_next(l);
    bool is_relayed = (flags & PU_RELAYED) != 0;
    pu_endpoint from = lab_endpoint(l->is_one_site ? 1 : peer);
    pu_in in = {.conn = conn,
                .peer = lab_id(l, peer),
                .flags = flags,
                .token = token,
                .local = lab_endpoint(0),
                .remote = l->elsewhere.port != 0 ? l->elsewhere : from,
                .transport = is_relayed ? PU_TRANSPORT_CIRCUIT : PU_TRANSPORT_QUIC};
    if ((flags & PU_DIALLER) == 0) {
        in.kind = PU_IN_CONN_ASK;
        in.what = PU_ASK_ACCEPT;
        if (!is_relayed) lab_step(l, in);
        in.what = PU_ASK_SECURED;
        lab_step(l, in);
        assert_int_equal(l->verdict, PU_CODE_OK);
        in.what = 0;
    }
    in.kind = PU_IN_CONN_UP;
    lab_step(l, in);
    lab_step(l, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = conn});
    return conn;
}

static inline void lab_down(lab *l, pu_handle conn)
{
    for (uint32_t i = 0; i < l->open_count; i++) {
        if (l->opens[i] != conn) continue;
        l->opens[i] = 0;
        lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                            .conn = conn,
                            .token = l->open_tokens[i],
                            .what = PU_DOWN_LOST});
    }
    for (uint32_t i = 0; i < l->stream_count; i++) {
        lab_stream *s = &l->streams[i];
        if (s->conn != conn || s->handle == 0) continue;
        (void)lab_try(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                                 .conn = conn,
                                 .stream = s->handle,
                                 .what = PU_DOWN_LOST});
        s->handle = 0;
    }
    lab_step(l, (pu_in){.kind = PU_IN_CONN_DOWN, .conn = conn, .code = PU_CODE_LOST});
}

/* ---- streams ---- */

/* Gives the node bytes of a stream. */
static inline void lab_give(lab *l, lab_stream *s, pu_span bytes, bool fin)
{
    s->given += bytes.len;
    (void)lab_try(l, (pu_in){.kind = PU_IN_STREAM_DATA,
                             .conn = s->conn,
                             .stream = s->handle,
                             .flags = fin ? PU_FIN : 0,
                             .body = bytes});
}

static inline lab_stream *lab_stream_new(lab *l, pu_handle conn, const char *proto)
{
    assert_true(l->stream_count < LAB_STREAMS);
    lab_stream *s = &l->streams[l->stream_count++];
    s->handle = pu_handle_make(l->stream_count - 1, l->stream_count);
    s->conn = conn;
    snprintf(s->proto, sizeof s->proto, "%s", proto);
    return s;
}

static inline void lab_put_select(pu_buf *b, const char *proto)
{
    static const char head[] = "\x13/multistream/1.0.0\n";
    buf_put(b, head, sizeof head - 1);
    buf_put_u8(b, (uint8_t)(strlen(proto) + 1));
    buf_put(b, proto, strlen(proto));
    buf_put_u8(b, '\n');
}

/* The peer opens a stream for proto and the node agrees. */
static inline lab_stream *lab_open(lab *l, pu_handle conn, const char *proto)
{
    uint8_t bytes[128];
    pu_buf b = buf_of(bytes, sizeof bytes);
    lab_stream *s = lab_stream_new(l, conn, proto);
    lab_put_select(&b, proto);
    s->skip = b.len;
    lab_step(
        l, (pu_in){.kind = PU_IN_STREAM_UP, .conn = conn, .stream = s->handle, .offset = 1 << 20});
    lab_give(l, s, buf_span(&b), false);
    return s;
}

/* Answers the oldest STREAM_OPEN on conn and agrees to what the node proposes. NULL: none. */
static inline lab_stream *lab_accept(lab *l, pu_handle conn)
{
    uint32_t i = 0;
    while (i < l->open_count && l->opens[i] != conn) i++;
    if (i == l->open_count) return NULL;
    l->opens[i] = 0;
    lab_stream *s = lab_stream_new(l, conn, "");
    s->is_ours = true;
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_UP,
                        .conn = conn,
                        .stream = s->handle,
                        .token = l->open_tokens[i],
                        .offset = 1 << 20});
    if (s->len < 22) return s; /* reset at once: nobody wanted it any more */
    size_t name = (size_t)s->bytes[20] - 1;
    assert_true(name < sizeof s->proto);
    memcpy(s->proto, s->bytes + 21, name);
    s->proto[name] = 0;
    s->skip = 22 + name;
    lab_give(l, s, span_of(s->bytes, s->skip), false);
    return s;
}

/* Answers what the node opens on conn until it is a stream of proto. NULL: it opens none. */
static inline lab_stream *lab_accept_proto(lab *l, pu_handle conn, const char *proto)
{
    for (lab_stream *s; (s = lab_accept(l, conn)) != NULL;)
        if (strcmp(s->proto, proto) == 0) return s;
    return NULL;
}

/* Both sides have finished. */
static inline void lab_finish(lab *l, lab_stream *s)
{
    lab_give(l, s, span_of(NULL, 0), true);
    assert_true(s->is_finished);
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_DOWN,
                        .conn = s->conn,
                        .stream = s->handle,
                        .what = PU_DOWN_FINISHED});
    s->handle = 0;
}

/* What the node has sent since selection. */
static inline pu_span lab_body(const lab_stream *s)
{
    assert_true(s->len >= s->skip);
    return span_of(s->bytes + s->skip, s->len - s->skip);
}

/* The one framed message that the node has sent since selection. */
static inline pu_span lab_message(const lab_stream *s)
{
    pu_span body = lab_body(s), message;
    assert_int_equal(varint_get_block(&body, LAB_BYTES, &message), VARINT_OK);
    assert_int_equal(body.len, 0);
    return message;
}

static inline void lab_give_framed(lab *l, lab_stream *s, pu_span message, bool fin)
{
    uint8_t bytes[LAB_BYTES];
    pu_buf b = buf_of(bytes, sizeof bytes);
    varint_put(&b, message.len);
    buf_put_span(&b, message);
    assert_false(b.full);
    lab_give(l, s, buf_span(&b), fin);
}

#endif
