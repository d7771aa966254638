/* Effects and trace records as words. */
#include "tests/lib/steps_impl.h"

#include <inttypes.h>

static const struct {
    uint32_t code;
    const char *name;
} codes[] = {
    {PU_CODE_OK, "ok"},
    {PU_CODE_NEGOTIATION, "negotiation"},
    {PU_CODE_RESOURCE, "resource"},
    {PU_CODE_RATE, "rate"},
    {PU_CODE_VIOLATION, "violation"},
    {PU_CODE_SUPPLANTED, "supplanted"},
    {PU_CODE_COLLECTED, "collected"},
    {PU_CODE_SHUTDOWN, "shutdown"},
    {PU_CODE_GATED, "gated"},
    {PU_CODE_TIMEOUT, "timeout"},
    {PU_CODE_CANCELLED, "cancelled"},
    {PU_CODE_UNREACHABLE, "unreachable"},
    {PU_CODE_WRONG_PEER, "wrong-peer"},
    {PU_CODE_LOST, "lost"},
    {PU_CODE_ADDRESS_GONE, "address-gone"},
    {PU_CODE_NO_ADDRESS, "no-address"},
    {PU_CODE_REFUSED, "refused"},
    {PU_CODE_UNSUPPORTED, "unsupported"},
    {PU_CODE_NO_MEMORY, "no-memory"},
    {PU_CODE_INVALID, "invalid"},
    {PU_CODE_LIMITED, "limited"},
};

enum { CODE_COUNT = sizeof codes / sizeof codes[0] };

void code_say(FILE *to, uint32_t code)
{
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        if (codes[i].code != code) continue;
        fputs(codes[i].name, to);
        return;
    }
    fprintf(to, "%" PRIu32, code);
}

bool code_read(const char *text, uint32_t *code)
{
    uint64_t value;
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        if (strcmp(codes[i].name, text) != 0) continue;
        *code = codes[i].code;
        return true;
    }
    if (!number_read(text, &value) || value > UINT32_MAX) return false;
    *code = (uint32_t)value;
    return true;
}

void time_say(FILE *to, pu_time at)
{
    uint64_t rest = at % PU_MS;
    int digits = 6;
    fprintf(to, "%" PRIu64, at / PU_MS);
    if (rest == 0) return;
    for (; rest % 10 == 0; digits--) rest /= 10;
    fprintf(to, ".%0*" PRIu64, digits, rest);
}

/* ---- parts of effects ---- */

static void say_endpoint(FILE *to, const pu_endpoint *endpoint)
{
    char text[64];
    pu_endpoint_text(endpoint, text);
    fputs(text, to);
}

static void say_until(FILE *to, pu_time deadline)
{
    fputs(" until=", to);
    time_say(to, deadline);
}

static uint64_t ordinal(pu_handle handle)
{
    return pu_handle_ordinal(handle);
}

static void say_dial(const step_world *w, FILE *to, const pu_ef *e)
{
    fprintf(to, "dial %" PRIu32 " %c ", e->token, world_letter(w, e->peer));
    if (e->transport == PU_TRANSPORT_TCP) fputs("tcp/", to);
    say_endpoint(to, &e->remote);
    if (e->what != PU_ROLE_CLIENT) fputs(" server", to);
    if (e->socket != PU_SOCKET_MAIN) fprintf(to, " socket=%" PRIu32, e->socket);
    say_until(to, e->deadline);
}

static void say_conn_code(FILE *to, const char *what, const pu_ef *e)
{
    fprintf(to, "%s %" PRIu64 " ", what, ordinal(e->conn));
    code_say(to, e->code);
}

static void say_stream_code(FILE *to, const char *what, const pu_ef *e)
{
    fprintf(to, "%s %" PRIu64 " ", what, ordinal(e->stream));
    code_say(to, e->code);
}

static void say_send(step_world *w, FILE *to, const pu_ef *e)
{
    fprintf(to, "stream-send %" PRIu64, ordinal(e->stream));
    if (e->body.len > 0) fputc(' ', to);
    body_say(w, to, world_stream_of(w, e->stream), e->body);
    if ((e->flags & PU_FIN) != 0) fputs(" fin", to);
}

static void say_upgrade(const step_world *w, FILE *to, const pu_ef *e)
{
    fprintf(to, "upgrade %" PRIu64 " token=%" PRIu32 " %s %c", ordinal(e->stream), e->token,
            e->what == PU_ROLE_CLIENT ? "client" : "server", world_letter(w, e->peer));
    if ((e->flags & PU_LIMITED) != 0) fputs(" limited", to);
    if (e->body.len > 0) fprintf(to, " left=%zu", e->body.len);
    say_until(to, e->deadline);
}

static void say_resolve(FILE *to, const pu_ef *e)
{
    static const char *const kinds[] = {[PU_NAME_ADDRESS] = "address",
                                        [PU_NAME_ADDRESS4] = "address4",
                                        [PU_NAME_ADDRESS6] = "address6",
                                        [PU_NAME_DNSADDR] = "dnsaddr"};
    fprintf(to, "resolve %" PRIu32 " %s %.*s", e->token, kinds[e->what], (int)e->body.len,
            (const char *)e->body.base);
    say_until(to, e->deadline);
}

/* ---- events ---- */

static void say_done(FILE *to, const pu_ef *e)
{
    fprintf(to, "done %" PRIu32 " ", e->token);
    code_say(to, e->code);
    if (e->offset == 0) return;
    fputs(" rtt=", to);
    time_say(to, e->offset);
}

static void say_event_peer(const step_world *w, FILE *to, const pu_ef *e)
{
    fprintf(to, "event peer %c", world_letter(w, e->peer));
    if (e->conn != 0) fprintf(to, " conn=%" PRIu64, ordinal(e->conn));
    if (e->transport == PU_TRANSPORT_TCP) fputs(" tcp", to);
    if ((e->flags & PU_RELAYED) != 0) fputs(" relayed", to);
    if ((e->flags & PU_LIMITED) != 0) fputs(" limited", to);
    if ((e->flags & PU_GONE) != 0) fputs(" gone", to);
    if (e->offset == 0) return;
    fputs(" rtt=", to);
    time_say(to, e->offset);
}

static void say_event_relay(const step_world *w, FILE *to, const pu_ef *e)
{
    fprintf(to, "event relay %c", world_letter(w, e->peer));
    if ((e->flags & PU_GONE) != 0) fputs(" gone", to);
    else
        fprintf(to, " until=%+" PRId64,
                (int64_t)e->offset - (int64_t)((w->now + w->unix_ns) / PU_S));
}

static void say_event(const step_world *w, FILE *to, const pu_ef *e)
{
    switch (e->what) {
    case PU_EVENT_DONE: say_done(to, e); break;
    case PU_EVENT_PEER: say_event_peer(w, to, e); break;
    case PU_EVENT_RELAY: say_event_relay(w, to, e); break;
    case PU_EVENT_LISTENING:
        fputs("event listening ", to);
        maddr_say(w, to, e->body);
        break;
    case PU_EVENT_REFUSED:
        fprintf(to, "event refused %c %s%s%.*s", world_letter(w, e->peer),
                e->code == PU_ASK_ACCEPT    ? "accept"
                : e->code == PU_ASK_SECURED ? "secured"
                                            : "service ",
                (e->flags & PU_RELAYED) != 0 ? " relayed" : "", (int)e->body.len,
                (const char *)e->body.base);
        break;
    default: fprintf(to, "event %" PRIu32, e->what); break;
    }
}

void effect_say(step_world *w, const pu_ef *e)
{
    FILE *to = world_say(w);
    switch (e->kind) {
    case PU_EF_DIAL: say_dial(w, to, e); break;
    case PU_EF_DIAL_CANCEL: fprintf(to, "dial-cancel %" PRIu32, e->token); break;
    case PU_EF_CONN_VERDICT:
        if (e->code == PU_CODE_OK) fprintf(to, "allow %" PRIu64, ordinal(e->conn));
        else say_conn_code(to, "refuse", e);
        break;
    case PU_EF_HANGUP:
        say_conn_code(to, "hangup", e);
        say_until(to, e->deadline);
        break;
    case PU_EF_STREAM_OPEN:
        fprintf(to, "stream-open %" PRIu64 " token=%" PRIu32, ordinal(e->conn), e->token);
        break;
    case PU_EF_STREAM_SEND: say_send(w, to, e); break;
    case PU_EF_STREAM_ROOM:
        fprintf(to, "stream-room %" PRIu64 " %" PRIu64, ordinal(e->stream), e->offset);
        break;
    case PU_EF_STREAM_STOP: say_stream_code(to, "stream-stop", e); break;
    case PU_EF_STREAM_RESET: say_stream_code(to, "stream-reset", e); break;
    case PU_EF_UPGRADE: say_upgrade(w, to, e); break;
    case PU_EF_PACKET:
        fputs("packet ", to);
        say_endpoint(to, &e->remote);
        fprintf(to, " %zu bytes", e->body.len);
        break;
    case PU_EF_KEEP:
        fprintf(to, "keep %.5s %zu bytes", (const char *)e->peer.base, e->body.len);
        break;
    case PU_EF_SET:
        fprintf(to, "set %.*s=%" PRIu64, (int)e->body.len, (const char *)e->body.base, e->offset);
        break;
    case PU_EF_EVENT: say_event(w, to, e); break;
    case PU_EF_APP: app_say(w, to, e); break;
    case PU_EF_RESOLVE: say_resolve(to, e); break;
    case PU_EF_CONN_SET:
    case PU_EF_MAP:
    default:
        fprintf(to, "effect %d", (int)e->kind);
        world_complain(w, "an effect that is not built");
        break;
    }
}

/* ---- trace records that say what the node thought ---- */

enum shown { SHOWN_NOT = 0, SHOWN_NAME, SHOWN_A, SHOWN_TEXT, SHOWN_CODE };

/* What is told of a record beside its name; most are told by the effects already. */
static enum shown shown_of(enum pu_trace_code code)
{
    if (code == PU_TR_REFUSED || code == PU_TR_PING_LOST || code == PU_TR_RELAY_LOST ||
        code == PU_TR_CIRCUIT_UP || code == PU_TR_NO_MEMORY)
        return SHOWN_NAME;
    if (code == PU_TR_RELAY_REFUSED || code == PU_TR_RELAY_DENY || code == PU_TR_PUNCH_START ||
        code == PU_TR_PUNCH_SYNC || code == PU_TR_PUNCH_OK || code == PU_TR_RELAY_SERVE ||
        code == PU_TR_APP_REFUSED)
        return SHOWN_A;
    if (code == PU_TR_MALFORMED || code == PU_TR_OVERSIZED || code == PU_TR_STREAM_TIMEOUT ||
        code == PU_TR_STREAM_REFUSED || code == PU_TR_LIMITED || code == PU_TR_OBSERVED ||
        code == PU_TR_IDENTIFIED)
        return SHOWN_TEXT;
    if (code == PU_TR_CIRCUIT_DOWN || code == PU_TR_PUNCH_FAILED || code == PU_TR_DIAL_FAILED)
        return SHOWN_CODE;
    return SHOWN_NOT;
}

/* The record's text: a protocol's short name, anything else as it is. */
static void say_text(FILE *to, pu_span text)
{
    char name[128];
    int len = text.len < sizeof name ? (int)text.len : (int)sizeof name - 1;
    snprintf(name, sizeof name, "%.*s", len, (const char *)text.base);
    if (len > 0) fprintf(to, " %s", proto_short(name));
}

void trace_say(step_world *w, const pu_trace *event)
{
    enum shown shown = shown_of(event->code);
    if (shown == SHOWN_NOT) return;
    if (w->verdict_count++ > 0) fputs("; ", w->verdicts);
    fprintf(w->verdicts, "[%s", pu_trace_describe(event->code)->name);
    if (shown == SHOWN_TEXT) say_text(w->verdicts, event->text);
    if (shown == SHOWN_A || event->code == PU_TR_IDENTIFIED)
        fprintf(w->verdicts, " %" PRIu64, event->a);
    if (event->code == PU_TR_IDENTIFIED) fprintf(w->verdicts, "/%" PRIu64, event->b);
    if (shown == SHOWN_CODE) {
        fprintf(w->verdicts, " %" PRIu64 " ", event->a);
        code_say(w->verdicts, (uint32_t)event->b);
    }
    fputc(']', w->verdicts);
}
