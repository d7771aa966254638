/* The host of one link, see link_host.h. */
#include "tests/lib/link_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const pu_endpoint home = {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1},
                                 .port = 4001};

static pu_endpoint away(uint16_t port)
{
    pu_endpoint e = home;
    e.ip[15] = 9;
    e.port = port;
    return e;
}

bool link_host_open(link_host *h)
{
    static const uint8_t seed[32] = {5};
    h->alloc = fault_heap_alloc(&h->heap);
    if (h->config.conns_max == 0) pu_config_default(&h->config);
    pu_crypto_model_init(&h->crypto, &h->key, seed);
    h->env = (pu_link_env){.crypto = &h->crypto, .alloc = h->alloc, .hash_seed = 1};
    h->law.config = &h->config;
    h->now = PU_S;
    h->has_lent_out = h->out != NULL;
    if (!h->has_lent_out && pu_link_out_new(&h->out, &h->alloc) != PU_OK) return false;
    int err = link_new(&h->link, &toy_transports, &h->config, &h->env, h->now, 77);
    PU_ASSERT(err == PU_OK || err == PU_ENOMEM);
    if (err == PU_OK) return true;
    if (!h->has_lent_out) pu_link_out_free(h->out);
    return false;
}

void link_host_close(link_host *h)
{
    pu_link_free(h->link);
    if (!h->has_lent_out) pu_link_out_free(h->out);
    boundary_close(&h->law);
    PU_ASSERT(h->heap.live_bytes == 0);
}

link_host *link_host_new(void)
{
    link_host *h = calloc(1, sizeof *h);
    PU_ASSERT(h != NULL);
    bool is_open = link_host_open(h);
    PU_ASSERT(is_open);
    return h;
}

void link_host_free(link_host *h)
{
    link_host_close(h);
    free(h);
}

/* ---- the log ---- */

__attribute__((format(printf, 2, 3))) static void note(link_host *h, const char *format, ...)
{
    if (h->is_silent || h->log_len + 200 > LINK_HOST_LOG_MAX) return;
    va_list args;
    va_start(args, format);
    h->log_len += (size_t)vsnprintf(h->log + h->log_len, 199, format, args);
    va_end(args);
    h->log[h->log_len++] = '\n';
    h->log[h->log_len] = 0;
}

static unsigned ordinal(pu_handle handle)
{
    return (unsigned)pu_handle_ordinal(handle);
}

static void note_up(link_host *h, const pu_in *in)
{
    note(h, "up %u token=%u%s%s%s%s", ordinal(in->conn), in->token,
         (in->flags & PU_DIALLER) != 0 ? " dialler" : "",
         (in->flags & PU_PROVISIONAL) != 0 ? " provisional" : "",
         (in->flags & PU_RELAYED) != 0 ? " relayed" : "",
         (in->flags & PU_LIMITED) != 0 ? " limited" : "");
}

static void note_input(link_host *h, const pu_in *in)
{
    unsigned c = ordinal(in->conn), s = ordinal(in->stream), code = in->code;
    switch ((int)in->kind) {
    case PU_IN_CONN_ASK:
        note(h, "ask %u %s%s", c, in->what == PU_ASK_ACCEPT ? "accept" : "secured",
             (in->flags & PU_RELAYED) != 0 ? " relayed" : "");
        break;
    case PU_IN_CONN_UP: note_up(h, in); break;
    case PU_IN_CONN_CONFIRMED: note(h, "confirmed %u", c); break;
    case PU_IN_CONN_PATH:
        note(h, "path %u rtt=%ums%s", c, (unsigned)(in->offset / PU_MS),
             (in->flags & PU_MIGRATED) != 0 ? " migrated" : "");
        break;
    case PU_IN_CONN_DOWN: note(h, "down %u code=%x", c, code); break;
    case PU_IN_DIAL_FAIL: note(h, "dial-fail token=%u code=%x", in->token, code); break;
    case PU_IN_STREAM_UP:
        note(h, "stream-up %u/%u token=%u room=%u", c, s, in->token, (unsigned)in->offset);
        break;
    case PU_IN_STREAM_DATA:
        note(h, "data %u/%u %u%s", c, s, (unsigned)in->body.len,
             (in->flags & PU_FIN) != 0 ? " fin" : "");
        break;
    case PU_IN_STREAM_ROOM: note(h, "room %u/%u %u", c, s, (unsigned)in->offset); break;
    case PU_IN_STREAM_STOP: note(h, "stop %u/%u code=%x", c, s, code); break;
    case PU_IN_STREAM_DOWN:
        note(h, "stream-down %u/%u token=%u %s code=%x", c, s, in->token,
             in->what == PU_DOWN_FINISHED ? "finished"
             : in->what == PU_DOWN_RESET  ? "reset"
                                          : "lost",
             code);
        break;
    case PU_IN_PACKET: note(h, "packet %u from %u", (unsigned)in->body.len, in->remote.port); break;
    default: note(h, "input %d", (int)in->kind); break;
    }
}

static void note_effect(link_host *h, const pu_link_ef *ef)
{
    unsigned tcp = (unsigned)ef->tcp;
    switch (ef->kind) {
    case PU_LINK_EF_UDP: note(h, "udp %u to %u", (unsigned)ef->body.len, ef->remote.port); break;
    case PU_LINK_EF_TCP_DIAL:
        note(h, "tcp-dial %u to %u from %u", ef->token, ef->remote.port, ef->local.port);
        break;
    case PU_LINK_EF_TCP_SEND: note(h, "tcp-send %u %u", tcp, (unsigned)ef->body.len); break;
    case PU_LINK_EF_TCP_ROOM: note(h, "tcp-room %u %u", tcp, (unsigned)ef->offset); break;
    case PU_LINK_EF_TCP_CLOSE:
        note(h, "tcp-close %u%s", tcp, (ef->flags & PU_LINK_RESET) != 0 ? " reset" : "");
        break;
    case PU_LINK_EF_INPUT: PU_NEVER_HERE();
    }
}

/* What the carriers were asked, before what came of it. */
static void note_toys(link_host *h)
{
    toy_log *log = toy_log_of(h->link);
    for (char *line = log->text; log->len > 0 && line < log->text + log->len;) {
        char *end = strchr(line, '\n');
        note(h, "%.*s", (int)(end - line), line);
        line = end + 1;
    }
    log->len = 0;
}

/* ---- steps ---- */

/* The verdicts that the inputs of a step ask for, given when the step is over. */
typedef struct asked {
    pu_handle conn;
    uint32_t code;
} asked;

static void take(link_host *h, const pu_link_ef *ef, asked *asks, uint32_t *ask_count)
{
    if (ef->kind == PU_LINK_EF_UDP) h->sent++;
    if (ef->kind == PU_LINK_EF_TCP_CLOSE) h->tcp_close = ef->tcp;
    if (ef->kind == PU_LINK_EF_TCP_DIAL) h->tcp_token = ef->token;
    if (ef->kind != PU_LINK_EF_INPUT) {
        note_effect(h, ef);
        return;
    }
    const pu_in *in = ef->input;
    PU_ASSERT(in->now == h->now);
    h->inputs++;
    boundary_in(&h->law, in);
    note_input(h, in);
    if (in->kind == PU_IN_CONN_UP) h->conn = in->conn;
    if (in->kind == PU_IN_STREAM_UP) h->stream = in->stream;
    if (in->kind == PU_IN_CONN_ASK)
        asks[(*ask_count)++] =
            (asked){in->conn, in->what == PU_ASK_ACCEPT ? h->accept_code : h->secured_code};
}

int link_host_step(link_host *h, pu_link_in *in)
{
    asked asks[PU_LINK_GRO_MAX];
    uint32_t ask_count = 0;
    pu_link_ef ef;
    in->now = h->now;
    h->inputs = h->sent = 0;
    int result = pu_link_step(h->link, in, h->out);
    note_toys(h);
    while (pu_link_out_next(h->out, &ef)) take(h, &ef, asks, &ask_count);
    pu_link_out_reset(h->out);
    uint32_t inputs = h->inputs, sent = h->sent;
    for (uint32_t i = 0; i < ask_count; i++)
        (void)link_host_effect(
            h, (pu_ef){.kind = PU_EF_CONN_VERDICT, .conn = asks[i].conn, .code = asks[i].code});
    h->inputs = inputs;
    h->sent = sent;
    return result;
}

int link_host_effect(link_host *h, pu_ef ef)
{
    if (pu_link_takes(ef.kind)) boundary_ef(&h->law, &ef);
    if (ef.token != 0) h->token = ef.token;
    return link_host_step(h, &(pu_link_in){.kind = PU_LINK_IN_EFFECT, .effect = &ef});
}

static void tick(link_host *h)
{
    int result = link_host_step(h, &(pu_link_in){.kind = PU_LINK_IN_TICK});
    PU_ASSERT(result == PU_OK);
}

void link_host_settle(link_host *h)
{
    for (uint32_t ticks = 0; pu_link_deadline(h->link, NULL) <= h->now; ticks++) {
        PU_ASSERT(ticks < 100000); /* time must go on */
        tick(h);
    }
}

void link_host_run(link_host *h, pu_time until)
{
    link_host_settle(h);
    for (pu_time at; (at = pu_link_deadline(h->link, NULL)) <= until;) {
        h->now = at;
        tick(h);
        link_host_settle(h);
    }
    h->now = until;
}

/* ---- short forms ---- */

void link_host_datagram(link_host *h, uint16_t port, pu_span bytes)
{
    int result = link_host_step(h, &(pu_link_in){.kind = PU_LINK_IN_UDP,
                                                 .socket = PU_SOCKET_MAIN,
                                                 .local = home,
                                                 .remote = away(port),
                                                 .body = bytes});
    PU_ASSERT(result == PU_OK);
}

int link_host_tcp_data(link_host *h, uint64_t tcp, pu_span bytes, bool fin)
{
    return link_host_step(h, &(pu_link_in){.kind = PU_LINK_IN_TCP_DATA,
                                           .tcp = tcp,
                                           .flags = fin ? PU_LINK_FIN : 0,
                                           .body = bytes});
}

void link_host_say(link_host *h, uint16_t port, enum toy_op op, uint32_t id, uint32_t argument)
{
    uint8_t bytes[TOY_HEAD_BYTES];
    pu_buf out = buf_of(bytes, sizeof bytes);
    toy_put(&out, op, id, argument);
    link_host_datagram(h, port, buf_span(&out));
}

void link_host_say_tcp(link_host *h, uint64_t tcp, enum toy_op op, uint32_t id, uint32_t argument)
{
    uint8_t bytes[TOY_HEAD_BYTES];
    pu_buf out = buf_of(bytes, sizeof bytes);
    toy_put(&out, op, id, argument);
    int result = link_host_tcp_data(h, tcp, buf_span(&out), false);
    PU_ASSERT(result == PU_OK);
}

void link_host_forget(link_host *h)
{
    h->log_len = 0;
    h->log[0] = 0;
}
