/* proto/ping.c - both sides of ping (libp2p specs ping/ping.md).
 *
 * The echo keeps nothing: what comes goes back as far as the stream has room, and the rest earns
 * the peer no room. The asking side opens a stream for every ping, since go closes one that lives
 * for more than half a minute. A peer that answers in any other way than the protocol's - `na`, a
 * reset - is alive: only silence and a wrong echo end a connection.
 *
 * FIN follows the echo, two packets more than if it came with the payload: js-libp2p 3 does not see
 * an end that comes so, and an older go resets a stream that it reads the end of.
 */
#include "proto/ping.h"

#include "base/mix.h"

enum { PING_BYTES = 32, ECHO_STREAMS_MAX = 2 };

#define PROBE_NS (3 * PU_S)
#define ECHO_IDLE_NS (60 * PU_S) /* rust keeps one stream and uses it every 15 s */

enum purpose { PURPOSE_PERIODIC = 1, PURPOSE_PROBE, PURPOSE_COMMAND };

/* stream->state of a stream that we opened. */
typedef struct asking {
    uint64_t nonce; /* the payload follows from it */
    pu_time sent_at;
    pu_token command; /* PURPOSE_COMMAND */
    uint8_t purpose;  /* enum purpose */
    uint8_t echoed;   /* bytes of the payload that came back */
    bool is_answered; /* the whole payload came back */
    bool is_wrong;    /* something else came back */
} asking;

_Static_assert(sizeof(asking) <= 4 * sizeof(uint64_t), "it lives in stream->state");

static void payload_of(uint64_t nonce, uint8_t payload[PING_BYTES])
{
    PU_ASSERT(payload != NULL);
    for (uint64_t i = 0; i < PING_BYTES / 8; i++) store_le64(payload + 8 * i, mix3(nonce, i, 0));
}

static bool ping_open(pu_node *n, conn *c, enum purpose purpose, pu_token command)
{
    PU_ASSERT(command == 0 || purpose == PURPOSE_COMMAND);
    union {
        asking ask;
        uint64_t words[4];
    } state = {.words = {0}};
    state.ask.nonce = rng_u64(ctx_rng(n, RNG_PING));
    state.ask.command = command;
    state.ask.purpose = (uint8_t)purpose;
    return ctx_stream_open(n, c, PROTO_PING, state.words);
}

static void ping_later(pu_node *n, const conn *c)
{
    PU_ASSERT(c->handle != 0);
    ctx_timer(n, TIMER_PING, c->handle, ctx_after(n, ctx_config(n)->ping_interval_ns));
}

/* ---- one stream ---- */

static void ping_opened(pu_node *n, stream *s)
{
    if (s->inbound) {
        ctx_stream_deadline(n, s, ctx_after(n, ECHO_IDLE_NS));
        ctx_trace(n, PU_TR_PING_SERVED, ctx_conn(n, s->conn), s, 0, 0, 0, span_of(NULL, 0));
        return;
    }
    asking *ask = STREAM_STATE(s, asking);
    PU_ASSERT(ask->purpose != 0);
    uint8_t payload[PING_BYTES];
    payload_of(ask->nonce, payload);
    ask->sent_at = ctx_now(n);
    uint64_t wait_ns = ask->purpose == PURPOSE_PROBE ? PROBE_NS : ctx_config(n)->ping_ns;
    ctx_stream_deadline(n, s, ctx_after(n, wait_ns));
    ctx_stream_send(n, s, span_of(payload, sizeof payload));
}

/* A peer that reads no more gets no echo; its bytes are let go. */
static enum verdict echo(pu_node *n, stream *s, pu_span bytes, size_t *used)
{
    PU_ASSERT(s->inbound);
    if (s->fin_out) return VERDICT_OK;
    size_t room = ctx_stream_writable(s);
    *used = bytes.len < room ? bytes.len : room;
    if (*used == 0) return VERDICT_OK;
    ctx_stream_deadline(n, s, ctx_after(n, ECHO_IDLE_NS));
    ctx_stream_send(n, s, span_head(bytes, *used));
    return VERDICT_OK;
}

static void answered(pu_node *n, stream *s, asking *ask)
{
    PU_ASSERT(!ask->is_answered);
    ask->is_answered = true;
    uint64_t rtt_ns = ctx_now(n) - ask->sent_at;
    conn *c = ctx_conn(n, s->conn);
    if (c != NULL) {
        c->rtt_ns = rtt_ns;
        ctx_conn_answers(n, c);
    }
    ctx_trace(n, PU_TR_PING_RTT, c, s, 0, rtt_ns, 0, span_of(NULL, 0));
    if (ask->purpose == PURPOSE_COMMAND) ctx_command_done(n, ask->command, PU_CODE_OK, rtt_ns);
    if (ask->purpose == PURPOSE_PERIODIC && c != NULL) ping_later(n, c);
    ctx_stream_fin(n, s);
}

static enum verdict compare(pu_node *n, stream *s, pu_span bytes)
{
    asking *ask = STREAM_STATE(s, asking);
    PU_ASSERT(ask->echoed <= PING_BYTES);
    uint8_t payload[PING_BYTES];
    payload_of(ask->nonce, payload);
    if (bytes.len > PING_BYTES - (size_t)ask->echoed ||
        !span_equal(bytes, span_of(payload + ask->echoed, bytes.len))) {
        ask->is_wrong = true;
        return VERDICT_MALFORMED;
    }
    ask->echoed = (uint8_t)(ask->echoed + bytes.len);
    if (ask->echoed == PING_BYTES && !ask->is_answered) answered(n, s, ask);
    return VERDICT_OK;
}

static enum verdict ping_data(pu_node *n, stream *s, pu_span bytes, size_t *used)
{
    PU_ASSERT(*used == bytes.len);
    return s->inbound ? echo(n, s, bytes, used) : compare(n, s, bytes);
}

static void ping_room(pu_node *n, stream *s)
{
    PU_ASSERT(s->handle != 0);
    if (s->inbound) ctx_stream_again(n, s);
}

static void ping_fin(pu_node *n, stream *s)
{
    asking *ask = STREAM_STATE(s, asking);
    if (s->inbound || ask->is_answered) {
        ctx_stream_fin(n, s);
        return;
    }
    PU_ASSERT(ask->purpose != 0);
    ask->is_wrong = true; /* less than it was sent */
    ctx_stream_reset(n, s, PU_CODE_VIOLATION);
}

/* Whether s never came (its handle is 0) on a connection whose streams may use up what the peer
 * gives: QUIC lets it wait until one of them ends. That is no silence. */
static bool waits_in_vain(const stream *s, const conn *c)
{
    PU_ASSERT(!s->inbound);
    return s->handle == 0 && c != NULL && c->stream_count > 0;
}

/* Whether the peer has said something by ending s: it is alive, though it may not speak this. */
static bool is_answer(const stream *s, uint32_t code)
{
    return code == PU_CODE_UNSUPPORTED || (s->handle != 0 && code != PU_CODE_TIMEOUT);
}

static void ping_ended(pu_node *n, stream *s, uint32_t code)
{
    const asking *ask = STREAM_STATE(s, asking);
    if (s->inbound || ask->is_answered) return;
    PU_ASSERT(ask->purpose != 0);
    conn *c = ctx_conn(n, s->conn);
    bool is_lost = ask->is_wrong || (code == PU_CODE_TIMEOUT && !waits_in_vain(s, c));
    if (is_lost) ctx_trace(n, PU_TR_PING_LOST, c, s, 0, 0, 0, span_of(NULL, 0));
    if (c != NULL && !is_lost && is_answer(s, code)) ctx_conn_answers(n, c);
    if (ask->purpose == PURPOSE_COMMAND) ctx_command_done(n, ask->command, code, 0);
    else if (c != NULL && is_lost) ctx_hangup(n, c, PU_CODE_LOST);
    else if (c != NULL && code == PU_CODE_UNSUPPORTED) return;
    else if (c != NULL && ask->purpose == PURPOSE_PERIODIC) ping_later(n, c);
}

/* ---- the connection ---- */

void ping_timer(pu_node *n, uint64_t arg)
{
    PU_ASSERT(arg != 0);
    conn *c = ctx_conn(n, arg);
    if (c != NULL && !ping_open(n, c, PURPOSE_PERIODIC, 0)) ping_later(n, c);
}

bool ping_now(pu_node *n, conn *c, pu_token command)
{
    PU_ASSERT(c != NULL);
    return ping_open(n, c, PURPOSE_COMMAND, command);
}

void ping_probe(pu_node *n, conn *c)
{
    PU_ASSERT(c != NULL);
    (void)ping_open(n, c, PURPOSE_PROBE, 0); /* without a stream the idle time will tell */
}

static void ping_conn_confirmed(pu_node *n, conn *c)
{
    PU_ASSERT(c->confirmed);
    if ((c->flags & PU_DIALLER) == 0) return;
    uint64_t interval_ns = ctx_config(n)->ping_interval_ns;
    uint64_t first_ns = rng_between(ctx_rng(n, RNG_PING), interval_ns / 2, interval_ns);
    ctx_timer(n, TIMER_PING, c->handle, ctx_after(n, first_ns));
}

static void ping_conn_down(pu_node *n, conn *c, uint32_t code)
{
    (void)code;
    PU_ASSERT(c->handle != 0);
    ctx_timer(n, TIMER_PING, c->handle, PU_NEVER);
}

const struct proto proto_ping = {
    .name = "/ipfs/ping/1.0.0",
    .area = PU_AREA_PING,
    .on_limited = true,
    .inbound_max = ECHO_STREAMS_MAX,
    .deadline = offsetof(pu_config, ping_ns),
    .opened = ping_opened,
    .data = ping_data,
    .fin = ping_fin,
    .room = ping_room,
    .ended = ping_ended,
};

const struct module module_ping = {
    .conn_confirmed = ping_conn_confirmed,
    .conn_again = ping_conn_confirmed,
    .conn_down = ping_conn_down,
};
