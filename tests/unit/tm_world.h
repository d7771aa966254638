/* tests/unit/tm_world.h - two or three model transports on a tiny network with exact delays and
 * chosen losses.
 *
 * Each host has a scripted node: it writes every input into one log as a line "ms host what ...",
 * and answers by a few rules (verdicts, echo, forwarding). Most cases compare log lines, times
 * included.
 */
#ifndef TESTS_UNIT_TM_WORLD_H
#define TESTS_UNIT_TM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/transport_model/frame.h"
#include "sim/transport_model/tm.h"
#include "tests/lib/plain_heap.h"

enum {
    HOSTS_MAX = 3,
    EVENTS_MAX = 8192,
    FIFO_MAX = 4096,
    APPS_MAX = 1024,
    LOG_MAX = 1 << 16,
    DROPS_MAX = 4,
    APP_ROOM = 16384
};

#define DELAY_NS (10 * PU_MS)

/* ---- the world ---- */

typedef struct event {
    pu_time at;
    uint64_t order;
    uint32_t host;
    pu_handle wake; /* 0: a datagram */
    pu_endpoint from;
    enum net_carriage carriage;
    uint8_t *bytes; /* owned */
    size_t len;
} event;

/* A stream as an application sees it. What it receives goes out of `to`: itself (echo), another one
 * (forward), or nowhere. */
typedef struct app {
    pu_handle conn, stream;
    pu_token token; /* of its STREAM_OPEN */
    struct app *to;
    uint64_t room, sent;   /* sending */
    uint64_t got, granted; /* receiving */
    uint64_t total;        /* a source sends so many pattern bytes, then FIN */
    uint8_t *queue;        /* owned: waits to be sent */
    size_t queue_len;
    bool is_source, is_matching, fin_wanted, fin_sent, fin_got, is_down;
} app;

typedef struct host {
    struct world *w;
    uint32_t index;
    pu_endpoint at;
    pu_peer_id id;
    tm *t;
    transport_host hooks;
    pu_config config;
    pu_in fifo[FIFO_MAX];
    uint32_t fifo_head, fifo_len;
    uint32_t accept_code, secured_code; /* verdicts */
    bool is_touched;                    /* its transport is to be flushed */
    bool is_echo;                       /* echoes what inbound streams bring */
    bool is_relay;     /* forwards what inbound streams bring to a new stream on relay_to */
    bool is_upgrading; /* upgrades inbound streams with the server's role */
    pu_handle relay_to;
    app apps[APPS_MAX];
    uint32_t app_count;
    uint32_t sent_count;
    pu_handle conn;       /* the latest that came up */
    uint64_t rtt_most_ns; /* the longest that a CONN_PATH has told */
    enum net_kind last_kind;
} host;

typedef struct drop {
    enum packet_kind kind;
    uint32_t nth; /* from 1 */
} drop;

/* What the network does to every datagram by chance, beside the losses that a test names. */
typedef struct weather {
    uint8_t seed[32]; /* of chance, which keeps it */
    rng chance;
    uint32_t lose_percent, repeat_percent;
    uint64_t jitter_ns; /* added to the delay, at most */
} weather;

typedef struct world {
    pu_time now;
    uint64_t orders;
    event events[EVENTS_MAX];
    uint32_t event_count;
    host hosts[HOSTS_MAX];
    drop drops[DROPS_MAX];
    uint32_t seen_of_kind[PACKET_SYNACK + 1];
    uint32_t lose_every, swap_every; /* every n-th datagram; 0: none */
    uint32_t datagrams;
    uint32_t foreseen; /* events whose connection said before where it would send */
    weather weather;
    bool is_deaf; /* nothing arrives any more */
    bool is_logging_data;
    uint8_t last[PACKET_SYNACK + 1][PACKET_MAX]; /* the latest packet of each kind */
    size_t last_len[PACKET_SYNACK + 1];
    char log[LOG_MAX];
    size_t log_len;
} world;

static const uint8_t seed[32] = {7};

static inline void push(world *w, event e)
{
    assert_true(w->event_count < EVENTS_MAX);
    e.order = w->orders++;
    w->events[w->event_count++] = e;
}

static inline event pop(world *w)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < w->event_count; i++) {
        const event *a = &w->events[i], *b = &w->events[best];
        if (a->at < b->at || (a->at == b->at && a->order < b->order)) best = i;
    }
    event e = w->events[best];
    w->events[best] = w->events[--w->event_count];
    return e;
}

__attribute__((format(printf, 2, 3))) static inline void note(host *h, const char *format, ...)
{
    world *w = h->w;
    va_list args;
    int n = snprintf(w->log + w->log_len, LOG_MAX - w->log_len, "%u %c ",
                     (unsigned)(w->now / PU_MS), (char)('A' + h->index));
    w->log_len += (size_t)n;
    va_start(args, format);
    n = vsnprintf(w->log + w->log_len, LOG_MAX - w->log_len, format, args);
    va_end(args);
    w->log_len += (size_t)n;
    assert_true(w->log_len + 1 < LOG_MAX);
    w->log[w->log_len++] = '\n';
    w->log[w->log_len] = 0;
}

/* ---- hooks ---- */

static inline pu_span copy_of(pu_span s)
{
    if (s.len == 0) return (pu_span){NULL, 0};
    uint8_t *bytes = malloc(s.len);
    assert_non_null(bytes);
    memcpy(bytes, s.base, s.len);
    return span_of(bytes, s.len);
}

static inline void on_input(void *ctx, const pu_in *in)
{
    host *h = ctx;
    assert_true(h->fifo_len < FIFO_MAX);
    pu_in *slot = &h->fifo[(h->fifo_head + h->fifo_len++) % FIFO_MAX];
    *slot = *in;
    slot->body = copy_of(in->body);
    slot->peer = copy_of(in->peer);
}

static inline bool is_dropped(world *w, pu_span bytes)
{
    packet p;
    assert_true(packet_read(&p, bytes));
    memcpy(w->last[p.kind], bytes.base, bytes.len);
    w->last_len[p.kind] = bytes.len;
    w->datagrams++;
    uint32_t nth = ++w->seen_of_kind[p.kind];
    for (uint32_t i = 0; i < DROPS_MAX; i++) {
        if (w->drops[i].kind == p.kind && w->drops[i].nth == nth) return true;
    }
    uint32_t lose_percent = w->weather.lose_percent;
    if (lose_percent > 0 && rng_chance(&w->weather.chance, lose_percent, 100)) return true;
    return w->is_deaf || (w->lose_every != 0 && w->datagrams % w->lose_every == 0);
}

static inline uint64_t delay_of(world *w)
{
    bool is_late = w->swap_every != 0 && w->datagrams % w->swap_every == 0;
    uint64_t jitter_ns = w->weather.jitter_ns;
    if (jitter_ns > 0) jitter_ns = rng_below(&w->weather.chance, jitter_ns);
    return DELAY_NS + jitter_ns + (is_late ? 7 * PU_MS : 0);
}

static inline void carry(world *w, const host *from, uint32_t to, pu_span bytes,
                         enum net_carriage carriage)
{
    pu_span copy = copy_of(bytes);
    push(w, (event){.at = w->now + delay_of(w),
                    .host = to,
                    .from = from->at,
                    .carriage = carriage,
                    .bytes = (uint8_t *)(uintptr_t)copy.base,
                    .len = copy.len});
}

static inline void on_send(void *ctx, uint16_t port, const pu_endpoint *to, pu_span bytes,
                           enum net_carriage carriage, enum net_kind kind)
{
    (void)port;
    host *h = ctx;
    world *w = h->w;
    h->sent_count++;
    h->last_kind = kind;
    if (is_dropped(w, bytes)) return;
    uint32_t repeat_percent = w->weather.repeat_percent;
    bool is_twice = repeat_percent > 0 && rng_chance(&w->weather.chance, repeat_percent, 100);
    for (uint32_t i = 0; i < HOSTS_MAX; i++) {
        if (!pu_endpoint_equal(&w->hosts[i].at, to)) continue;
        carry(w, h, i, bytes, carriage);
        if (is_twice) carry(w, h, i, bytes, carriage);
    }
}

/* One event a connection. */
static inline void on_wake(void *ctx, queue_timer *timer, pu_handle conn, pu_time at)
{
    host *h = ctx;
    world *w = h->w;
    uint32_t i = 0;
    assert_true(at >= w->now);
    while (i < w->event_count && (w->events[i].host != h->index || w->events[i].wake != conn)) i++;
    if (i < w->event_count) w->events[i] = w->events[--w->event_count];
    if (at != PU_NEVER) push(w, (event){.at = at, .host = h->index, .wake = conn});
    *timer = at != PU_NEVER;
}

static inline void on_touch(void *ctx)
{
    host *h = ctx;
    h->is_touched = true;
}

static inline pu_endpoint on_local(void *ctx, const pu_endpoint *remote)
{
    (void)remote;
    return ((host *)ctx)->at;
}

/* ---- the scripted node ---- */

static inline void effect(host *h, pu_ef ef)
{
    assert_true(tm_effect(h->t, h->w->now, &ef));
}

static inline uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8));
}

static inline app *app_of(host *h, pu_handle stream)
{
    for (uint32_t i = 0; i < h->app_count; i++) {
        if (h->apps[i].stream == stream && stream != 0) return &h->apps[i];
    }
    return NULL;
}

static inline app *app_add(host *h, pu_handle conn)
{
    assert_true(h->app_count < APPS_MAX);
    app *a = &h->apps[h->app_count];
    h->app_count++;
    *a = (app){.conn = conn, .token = 1000 + h->app_count, .granted = PU_FIRST_ROOM};
    a->is_matching = true;
    return a;
}

static inline app *app_open(host *h, pu_handle conn)
{
    app *a = app_add(h, conn);
    effect(h, (pu_ef){.kind = PU_EF_STREAM_OPEN, .conn = conn, .token = a->token});
    return a;
}

static inline void app_send(host *h, app *a, pu_span bytes, bool fin)
{
    effect(h, (pu_ef){.kind = PU_EF_STREAM_SEND,
                      .conn = a->conn,
                      .stream = a->stream,
                      .flags = fin ? PU_FIN : 0,
                      .body = bytes});
    a->sent += bytes.len;
    if (fin) a->fin_sent = true;
}

/* The receiving side of what goes out of a: a granted window of APP_ROOM beyond what has gone on.
 */
static inline void app_grant(host *h, app *a, uint64_t used)
{
    if (a->is_down || used + APP_ROOM <= a->granted) return;
    a->granted = used + APP_ROOM;
    effect(h, (pu_ef){.kind = PU_EF_STREAM_ROOM,
                      .conn = a->conn,
                      .stream = a->stream,
                      .offset = a->granted});
}

static inline void app_pump(host *h, app *a)
{
    uint8_t chunk[4096];
    while (a->stream != 0 && !a->is_down && !a->fin_sent) {
        uint64_t left = a->is_source ? a->total - a->sent : a->queue_len;
        uint64_t count = a->room - a->sent;
        if (count > left) count = left;
        if (count > sizeof chunk) count = sizeof chunk;
        bool fin = a->fin_wanted && count == left;
        if (count == 0 && !fin) break;
        for (uint64_t i = 0; i < count && a->is_source; i++) chunk[i] = pattern(a->sent + i);
        if (!a->is_source && count > 0) {
            memcpy(chunk, a->queue, count);
            memmove(a->queue, a->queue + count, a->queue_len - count);
            a->queue_len -= count;
        }
        app_send(h, a, span_of(chunk, count), fin);
    }
    for (uint32_t i = 0; i < h->app_count; i++) {
        if (h->apps[i].to == a) app_grant(h, &h->apps[i], h->apps[i].got - a->queue_len);
    }
}

static inline void app_data(host *h, app *a, const pu_in *in)
{
    for (size_t i = 0; i < in->body.len; i++) {
        if (in->body.base[i] != pattern(a->got + i)) a->is_matching = false;
    }
    a->got += in->body.len;
    assert_true(in->body.len <= PU_DATA_MAX);
    assert_true(a->got <= a->granted);
    if ((in->flags & PU_FIN) != 0) a->fin_got = true;
    app *to = a->to;
    if (to == NULL) {
        if (a->is_source) app_grant(h, a, a->got);
        return;
    }
    if (in->body.len > 0) {
        to->queue = realloc(to->queue, to->queue_len + in->body.len);
        assert_non_null(to->queue);
        memcpy(to->queue + to->queue_len, in->body.base, in->body.len);
        to->queue_len += in->body.len;
        assert_true(to->queue_len <= 2 * APP_ROOM); /* credit holds: nothing piles up */
    }
    if (a->fin_got) to->fin_wanted = true;
    app_pump(h, to);
}

static inline void on_stream_up(host *h, const pu_in *in)
{
    app *a = NULL;
    for (uint32_t i = 0; i < h->app_count && in->token != 0; i++) {
        if (h->apps[i].token == in->token) a = &h->apps[i];
    }
    bool is_inbound = a == NULL;
    if (is_inbound) a = app_add(h, in->conn);
    a->stream = in->stream;
    a->room = in->offset;
    if (is_inbound && h->is_echo) a->to = a;
    if (is_inbound && h->is_relay && in->conn != h->relay_to) {
        app *b = app_open(h, h->relay_to);
        a->to = b;
        b->to = a;
    }
    if (is_inbound && h->is_upgrading) {
        effect(h, (pu_ef){.kind = PU_EF_UPGRADE,
                          .conn = in->conn,
                          .stream = in->stream,
                          .token = 77,
                          .what = PU_ROLE_SERVER,
                          .deadline = h->w->now + 10 * PU_S});
        h->is_upgrading = false;
    }
    app_pump(h, a);
}

static inline unsigned ordinal(pu_handle handle)
{
    return (unsigned)pu_handle_ordinal(handle);
}

static inline void log_up(host *h, const pu_in *in)
{
    note(h, "up %u token=%u%s%s%s%s", ordinal(in->conn), in->token,
         (in->flags & PU_DIALLER) != 0 ? " dialler" : "",
         (in->flags & PU_PROVISIONAL) != 0 ? " provisional" : "",
         (in->flags & PU_RELAYED) != 0 ? " relayed" : "",
         (in->flags & PU_LIMITED) != 0 ? " limited" : "");
}

static inline void log_input(host *h, const pu_in *in)
{
    unsigned conn = ordinal(in->conn), stream = ordinal(in->stream), code = in->code;
    switch ((int)in->kind) {
    case PU_IN_CONN_ASK:
        note(h, "ask %u %s", conn, in->what == PU_ASK_ACCEPT ? "accept" : "secured");
        break;
    case PU_IN_CONN_UP: log_up(h, in); break;
    case PU_IN_CONN_CONFIRMED: note(h, "confirmed %u", conn); break;
    case PU_IN_CONN_PATH:
        note(h, "path %u rtt=%ums%s", conn, (unsigned)(in->offset / PU_MS),
             (in->flags & PU_MIGRATED) != 0 ? " migrated" : "");
        break;
    case PU_IN_CONN_DOWN: note(h, "down %u code=%x", conn, code); break;
    case PU_IN_DIAL_FAIL: note(h, "dial-fail token=%u code=%x", in->token, code); break;
    case PU_IN_STREAM_UP: note(h, "stream-up %u/%u", conn, stream); break;
    case PU_IN_STREAM_STOP: note(h, "stream-stop %u/%u code=%x", conn, stream, code); break;
    case PU_IN_STREAM_DOWN:
        note(h, "stream-down %u/%u what=%u code=%x", conn, stream, in->what, code);
        break;
    case PU_IN_STREAM_DATA:
        if (h->w->is_logging_data) {
            note(h, "data %u/%u %u%s", conn, stream, (unsigned)in->body.len,
                 (in->flags & PU_FIN) != 0 ? " fin" : "");
        }
        break;
    default: break;
    }
}

static inline void react(host *h, const pu_in *in)
{
    app *a = app_of(h, in->stream);
    switch ((int)in->kind) {
    case PU_IN_CONN_ASK:
        effect(h, (pu_ef){.kind = PU_EF_CONN_VERDICT,
                          .conn = in->conn,
                          .code = in->what == PU_ASK_ACCEPT ? h->accept_code : h->secured_code});
        break;
    case PU_IN_CONN_UP: h->conn = in->conn; break;
    case PU_IN_CONN_PATH:
        if (in->offset > h->rtt_most_ns) h->rtt_most_ns = in->offset;
        break;
    case PU_IN_STREAM_UP: on_stream_up(h, in); break;
    case PU_IN_STREAM_ROOM:
        assert_non_null(a);
        assert_true(in->offset > a->room);
        a->room = in->offset;
        app_pump(h, a);
        break;
    case PU_IN_STREAM_DATA:
        assert_non_null(a);
        app_data(h, a, in);
        break;
    case PU_IN_STREAM_DOWN:
        if (a != NULL) a->is_down = true;
        break;
    default: break;
    }
}

static inline void drain(world *w)
{
    for (bool is_busy = true; is_busy;) {
        is_busy = false;
        for (uint32_t i = 0; i < HOSTS_MAX; i++) {
            host *h = &w->hosts[i];
            if (h->fifo_len == 0) continue;
            pu_in in = h->fifo[h->fifo_head];
            h->fifo_head = (h->fifo_head + 1) % FIFO_MAX;
            h->fifo_len--;
            log_input(h, &in);
            react(h, &in);
            free((void *)(uintptr_t)in.body.base);
            free((void *)(uintptr_t)in.peer.base);
            is_busy = true;
        }
        for (uint32_t i = 0; i < HOSTS_MAX && !is_busy; i++) {
            host *h = &w->hosts[i];
            if (!h->is_touched) continue;
            h->is_touched = false;
            tm_flush(h->t, w->now);
            is_busy = true;
        }
    }
}

/* What comes is asked for ahead, which changes nothing; a connection that will send says where to.
 */
static inline void look_ahead(const host *h, pu_handle conn)
{
    transport_next next = {.is_known = false};
    for (unsigned round = 0; round < TRANSPORT_ROUNDS; round++) tm_soon(h->t, conn, round, &next);
    if (!next.is_known) return;
    assert_int_not_equal(next.to.port, 0);
    h->w->foreseen++;
}

/* Runs events up to `until`, and leaves the clock there. */
static inline void run(world *w, pu_time until)
{
    drain(w);
    for (;;) {
        if (w->event_count == 0) break;
        event e = pop(w);
        if (e.at > until) {
            w->events[w->event_count++] = e;
            break;
        }
        assert_true(e.at >= w->now);
        w->now = e.at;
        host *h = &w->hosts[e.host];
        pu_handle named = e.wake != 0 ? e.wake : tm_named(span_of(e.bytes, e.len));
        look_ahead(h, named);
        if (e.wake != 0) tm_timer(h->t, w->now, e.wake);
        else (void)tm_datagram(h->t, w->now, e.carriage, &e.from, span_of(e.bytes, e.len));
        free(e.bytes);
        drain(w);
    }
    w->now = until;
}

static inline world *world_new(void)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    for (uint32_t i = 0; i < HOSTS_MAX; i++) {
        host *h = &w->hosts[i];
        uint8_t key[32] = {(uint8_t)(i + 1)};
        h->w = w;
        h->index = i;
        h->at = pu_endpoint_ip4(11, 0, (uint8_t)i, 1, 4001);
        pu_peer_id_from_ed25519(&h->id, key);
        h->hooks = (transport_host){&plain_heap, on_input, on_send, on_wake, on_touch, on_local};
#define SET(kind, name, value, least, most, meaning) h->config.name = value;
        PU_CONFIG_LIST(SET)
#undef SET
        h->t = tm_new(&h->config, &h->id, &h->hooks, h, seed);
    }
    return w;
}

static inline void world_free(world *w)
{
    for (uint32_t i = 0; i < HOSTS_MAX; i++) {
        tm_free(w->hosts[i].t);
        for (uint32_t k = 0; k < w->hosts[i].app_count; k++) free(w->hosts[i].apps[k].queue);
    }
    for (uint32_t i = 0; i < w->event_count; i++) free(w->events[i].bytes);
    free(w);
}

static inline void dial_as(world *w, uint32_t from, uint32_t to, uint32_t expected, uint32_t role)
{
    const pu_peer_id *id = &w->hosts[expected].id;
    effect(&w->hosts[from], (pu_ef){.kind = PU_EF_DIAL,
                                    .token = 1,
                                    .peer = span_of(id->bytes, id->len),
                                    .remote = w->hosts[to].at,
                                    .transport = PU_TRANSPORT_QUIC,
                                    .what = role,
                                    .socket = PU_SOCKET_MAIN,
                                    .deadline = w->now + 15 * PU_S});
}

static inline void dial(world *w, uint32_t from, uint32_t to)
{
    dial_as(w, from, to, to, PU_ROLE_CLIENT);
}

static inline void hang_up(host *h, pu_handle conn, uint32_t code)
{
    effect(h,
           (pu_ef){.kind = PU_EF_HANGUP, .conn = conn, .code = code, .deadline = h->w->now + PU_S});
}

static inline void expect_log(world *w, const char *expected)
{
    assert_string_equal(w->log, expected);
}

static inline void expect_line(const world *w, const char *line)
{
    if (strstr(w->log, line) == NULL) fail_msg("no \"%s\" in\n%s", line, w->log);
}

static inline void expect_no(const world *w, const char *text)
{
    if (strstr(w->log, text) != NULL) fail_msg("\"%s\" in\n%s", text, w->log);
}

static inline void forget_log(world *w)
{
    w->log_len = 0;
    w->log[0] = 0;
}

/* Two hosts with a confirmed connection at 1 s; the log is empty. */
static inline world *connected(void)
{
    world *w = world_new();
    dial(w, 0, 1);
    run(w, PU_S);
    expect_line(w, "40 A confirmed 1\n");
    forget_log(w);
    return w;
}

#endif
