/* Application streams that are selected: bytes, room and ends pass between the peer and the host as
 * they come.
 *
 * The node stores none of their bytes but the first PU_FIRST_ROOM of a stream that the host has not
 * accepted yet: from then on the peer may send what the host has room for, and no more. A span goes
 * out as it came in, whether it is a STREAM_DATA of the peer or an APP DATA of the host.
 */
#include "node/apps.h"

#include "base/planted.h"
#include "node/fault.h"

static app_stream *app_of(stream *s)
{
    PU_ASSERT(s->proto == PROTO_APP);
    return STREAM_STATE(s, app_stream);
}

void app_named(pu_node *n, stream *s, uint32_t name)
{
    app_name_again(n, name);
    app_of(s)->name = name;
}

pu_span app_protocol(const pu_node *n, const stream *s)
{
    const app_stream *a = STREAM_STATE(s, const app_stream);
    return a->name != 0 ? app_name_text(n, a->name) : span_of(NULL, 0);
}

static pu_ef *tell(pu_node *n, const stream *s, enum pu_app what)
{
    pu_ef *e = effect(n, PU_EF_APP);
    e->what = what;
    e->stream = s->handle;
    return e;
}

/* Up to where the application may send. */
static uint64_t room_to_send(const stream *s, const app_stream *a)
{
    return s->room_out > a->select_out ? s->room_out - a->select_out : 0;
}

/* Selection is done: what follows is the application's. */
static void selected(pu_node *n, stream *s)
{
    app_stream *a = app_of(s);
    a->select_in = (uint32_t)(s->received - (n->reading == s ? n->reading_rest.len : 0));
    a->select_out = (uint32_t)(s->sent + s->out.len);
    s->grants_itself = true;
}

/* Tells the application of a stream: offers it, or answers its OPEN. */
static pu_ef *tell_open(pu_node *n, stream *s, const conn *c)
{
    app_stream *a = app_of(s);
    PU_ASSERT(!a->is_told);
    a->is_told = true;
    apps_peek(n)->told++;
    pu_ef *e = tell(n, s, PU_APP_OPEN);
    e->conn = s->conn;
    e->peer = out_copy(n->out, ctx_peer_id(n, c->peer));
    e->flags = c->flags & (PU_RELAYED | PU_LIMITED);
    e->offset = room_to_send(s, a);
    ctx_trace(n, PU_TR_APP_UP, c, s, 0, !s->inbound, 0, app_name_text(n, a->name));
    return e;
}

/* ---- letting in ---- */

uint32_t service_streams_max(const pu_node *n, const app_service *s)
{
    return s->is.streams_max != 0 ? s->is.streams_max : (uint32_t)n->config->service_streams_max;
}

uint32_t service_streams_per_peer_max(const pu_node *n, const app_service *s)
{
    return s->is.streams_per_peer_max != 0 ? s->is.streams_per_peer_max
                                           : (uint32_t)n->config->service_streams_per_peer_max;
}

/* Streams of one peer that are open to a service. Only looked at where there may be too many. */
static uint32_t streams_of_peer(pu_node *n, const app_service *s, pu_peer peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->stream_cap; i++) {
        stream *other = &n->streams[i];
        if (other->phase != STREAM_OPEN || other->proto != PROTO_APP) continue;
        const conn *c = conn_find(n, other->conn);
        count += app_of(other)->service == s->number && c != NULL && c->peer == peer;
    }
    return count;
}

enum refusal { REFUSAL_NONE = 0, REFUSAL_PEER, REFUSAL_LIMITED, REFUSAL_ALL, REFUSAL_OF_PEER };

static enum refusal refusal_of(pu_node *n, const app_service *s, const conn *c)
{
    uint32_t of_peer_max = service_streams_per_peer_max(n, s);
    if (!service_admits(n, s, c->peer)) return REFUSAL_PEER;
    if ((c->flags & PU_LIMITED) != 0 && !s->is.limited) return REFUSAL_LIMITED;
    if (FAULT(n, APP_REFUSE) ||
        ctx_at_limit(n, "service_streams_max", s->streams, service_streams_max(n, s)))
        return REFUSAL_ALL;
    if (s->streams >= of_peer_max && ctx_at_limit(n, "service_streams_per_peer_max",
                                                  streams_of_peer(n, s, c->peer), of_peer_max))
        return REFUSAL_OF_PEER;
    return REFUSAL_NONE;
}

static void refuse(pu_node *n, stream *s, app_service *service, const conn *c, enum refusal why)
{
    service->refused++;
    ctx_trace(n, PU_TR_APP_REFUSED, c, s, 0, why, 0, service->is.name);
    if (why == REFUSAL_PEER)
        ctx_event(n, PU_EVENT_REFUSED, c->peer, s->conn, 0, PU_ASK_SERVICE, 0, service->is.name);
    ctx_stream_reset(n, s, why == REFUSAL_PEER ? PU_CODE_GATED : PU_CODE_RESOURCE);
}

/* A peer has opened a stream to one of our services. */
static void offer(pu_node *n, stream *s, const conn *c)
{
    app_stream *a = app_of(s);
    const app_name *name = app_name_at(n, a->name);
    app_service *service = service_find(n, name->service);
    PU_ASSERT(service != NULL); /* selection has just found it */
    enum refusal why = refusal_of(n, service, c);
    if (why != REFUSAL_NONE) {
        refuse(n, s, service, c, why);
        return;
    }
    a->service = service->number;
    service->streams++;
    service->opened++;
    pu_ef *e = tell_open(n, s, c);
    e->code = name->rank;
    e->body = out_copy(n->out, service->is.name);
    e->deadline = ctx_after(n, n->config->app_accept_ns);
    ctx_stream_deadline(n, s, e->deadline);
}

/* ---- the peer's side ---- */

/* A stream of ours may be written to; inbound: it is agreed. */
static void app_opened(pu_node *n, stream *s)
{
    app_stream *a = app_of(s);
    if (s->inbound) {
        const conn *c = ctx_conn(n, s->conn);
        selected(n, s);
        if (c != NULL) offer(n, s, c);
        else ctx_stream_reset(n, s, PU_CODE_LOST);
        return;
    }
    app_open *o = app_open_find(n, a->open);
    if (o != NULL) o->stream = s->handle;
    else ctx_stream_reset(n, s, PU_CODE_CANCELLED); /* given up while it was being opened */
}

/* The peer speaks the protocol that our application wants. */
static void app_agreed(pu_node *n, stream *s)
{
    app_stream *a = app_of(s);
    const conn *c = ctx_conn(n, s->conn);
    const app_open *o = app_open_find(n, a->open);
    PU_ASSERT(o != NULL); /* one that is given up resets its stream */
    PU_ASSERT(c != NULL);
    selected(n, s);
    tell_open(n, s, c)->token = o->token;
    a->open = 0;
    a->is_accepted = true;
    stream_allow(n, s, a->select_in + o->room);
    app_open_done(n, o->number);
}

/* Whether bytes of s may pass: its peer may have lost its right to it, and the end is to follow. */
static bool may_pass(pu_node *n, const stream *s)
{
    const conn *c = ctx_conn(n, s->conn);
    return c != NULL && !(c->doomed && c->doom_code == PU_CODE_GATED);
}

static enum verdict app_data(pu_node *n, stream *s, pu_span bytes, size_t *used)
{
    const app_stream *a = app_of(s);
    if (!a->is_accepted) {
        *used = 0; /* at most PU_FIRST_ROOM of them */
        return VERDICT_OK;
    }
    if (a->reads_no_more || !may_pass(n, s)) return VERDICT_OK;
    if (PLANTED(PLANTED_LOST_AT_END) && s->fin_seen) return VERDICT_OK;
    pu_ef *e = tell(n, s, PU_APP_DATA);
    e->body = is_borrowed(n, bytes) ? bytes : out_copy(n->out, bytes);
    return VERDICT_OK;
}

static void tell_fin(pu_node *n, stream *s)
{
    app_stream *a = app_of(s);
    if (!a->is_accepted || a->fin_is_told || a->reads_no_more) return;
    a->fin_is_told = true;
    tell(n, s, PU_APP_FIN);
}

static void app_room(pu_node *n, stream *s)
{
    const app_stream *a = app_of(s);
    if (a->is_told) tell(n, s, PU_APP_ROOM)->offset = room_to_send(s, a);
}

static void finish_unread(pu_node *n, stream *s)
{
    tell(n, s, PU_APP_STOP)->code = app_of(s)->stop_code;
    ctx_stream_fin(n, s);
}

/* The peer reads no more. Our direction ends once the application knows of it: before that, a
 * stream could be over with bytes that it has not seen. */
static bool app_stopped(pu_node *n, stream *s, uint32_t code)
{
    app_stream *a = app_of(s);
    if (a->is_unread) return true;
    a->is_unread = true;
    a->stop_code = code;
    if (a->is_accepted) finish_unread(n, s);
    return true;
}

static bool is_complete(const app_stream *a)
{
    return (a->fin_is_told || a->reads_no_more) && (a->has_finished || a->is_unread);
}

static void app_ended(pu_node *n, stream *s, uint32_t code)
{
    app_stream *a = app_of(s);
    app_service *service = service_find(n, a->service);
    if (service != NULL) service->streams--;
    if (a->is_told) {
        apps_peek(n)->told--;
        uint64_t carried = s->received + s->sent - a->select_in - a->select_out;
        ctx_trace(n, PU_TR_APP_DOWN, conn_find(n, s->conn), s, 0, code, carried,
                  app_name_text(n, a->name));
    }
    if (a->open != 0) app_open_fail(n, a->open, code != PU_CODE_OK ? code : PU_CODE_REFUSED);
    if (a->is_told && !a->is_over) {
        bool is_good = code == PU_CODE_OK && is_complete(a);
        pu_ef *e = tell(n, s, is_good ? PU_APP_END : PU_APP_RESET);
        if (!is_good) e->code = code != PU_CODE_OK ? code : PU_CODE_LOST;
    }
    app_name_drop(n, a->name);
    *a = (app_stream){.name = 0};
}

/* ---- the application's side ---- */

static bool is_first_room(uint64_t room)
{
    return room >= PU_FIRST_ROOM && room <= INT64_MAX;
}

static int check_open(const pu_node *n, const pu_in *in)
{
    pu_peer_id id;
    if (in->token == 0 || !n->is_started || !is_first_room(in->offset)) return PU_ERANGE;
    if (pu_peer_id_from_bytes(&id, in->peer) != PU_OK) return PU_ERANGE;
    if (in->body.len == 0 || in->body.len > PU_PROTOCOL_MAX) return PU_ERANGE;
    for (size_t i = 0; i < in->body.len; i++)
        if (in->body.base[i] <= ' ' || in->body.base[i] > '~') return PU_ERANGE;
    return app_open_of_token(n, in->token) == NULL ? PU_OK : PU_ERANGE;
}

/* Bytes that the application may send now. */
static uint64_t sendable(const stream *s)
{
    uint64_t left = s->room_out - s->sent;
    return left > s->out.len ? left - s->out.len : 0;
}

static int check_stream(stream *s, const pu_in *in)
{
    const app_stream *a = app_of(s);
    switch (in->what) {
    case PU_APP_OPEN: return !a->is_accepted && is_first_room(in->offset) ? PU_OK : PU_ERANGE;
    case PU_APP_DATA:
        if (!a->is_accepted || a->has_finished || in->body.len > PU_DATA_MAX) return PU_ERANGE;
        return a->is_unread || in->body.len <= sendable(s) ? PU_OK : PU_ERANGE;
    case PU_APP_ROOM: return a->is_accepted && in->offset <= INT64_MAX ? PU_OK : PU_ERANGE;
    case PU_APP_FIN: return a->is_accepted && !a->has_finished ? PU_OK : PU_ERANGE;
    case PU_APP_STOP: return a->is_accepted ? PU_OK : PU_ERANGE;
    case PU_APP_RESET:
    default: return PU_OK;
    }
}

int app_check(pu_node *n, const pu_in *in, stream **found)
{
    if (in->what < PU_APP_OPEN || in->what > PU_APP_RESET) return PU_ERANGE;
    if (in->what == PU_APP_OPEN && in->stream == 0) return check_open(n, in);
    if (in->what == PU_APP_RESET && in->stream == 0)
        return app_open_of_token(n, in->token) != NULL ? PU_OK : PU_EHANDLE;
    stream *s = ctx_stream(n, in->stream);
    bool is_app = s != NULL && s->phase == STREAM_OPEN && s->proto == PROTO_APP;
    if (!is_app || !app_of(s)->is_told || ctx_conn(n, s->conn) == NULL) return PU_EHANDLE;
    *found = s;
    return check_stream(s, in);
}

/* The host takes what was offered: what has waited passes now. */
static void accept(pu_node *n, stream *s, uint64_t room)
{
    app_stream *a = app_of(s);
    a->is_accepted = true;
    ctx_stream_deadline(n, s, PU_NEVER);
    ctx_stream_again(n, s);
    stream_allow(n, s, a->select_in + room);
    if (s->fin_in) tell_fin(n, s);
    if (a->is_unread) finish_unread(n, s);
}

static void read_no_more(pu_node *n, stream *s, uint32_t code)
{
    app_stream *a = app_of(s);
    if (a->reads_no_more) return;
    a->reads_no_more = true;
    pu_ef *e = effect(n, PU_EF_STREAM_STOP);
    e->conn = s->conn;
    e->stream = s->handle;
    e->code = code;
}

static void run_on_stream(pu_node *n, stream *s, const pu_in *in)
{
    app_stream *a = app_of(s);
    switch (in->what) {
    case PU_APP_OPEN: accept(n, s, in->offset); break;
    case PU_APP_DATA:
        if (!a->is_unread && may_pass(n, s)) ctx_stream_send(n, s, in->body);
        break;
    case PU_APP_ROOM:
        if (PLANTED(PLANTED_ROOM_FORGOTTEN) && s->room_in > 2 * UINT64_C(65536)) break;
        if (!a->reads_no_more) stream_allow(n, s, a->select_in + in->offset);
        break;
    case PU_APP_FIN:
        a->has_finished = true;
        ctx_stream_fin(n, s);
        break;
    case PU_APP_STOP: read_no_more(n, s, in->code); break;
    case PU_APP_RESET:
        a->is_over = true;
        ctx_stream_reset(n, s, in->code);
        break;
    default: PU_NEVER_HERE();
    }
}

void app_run(pu_node *n, stream *s, const pu_in *in)
{
    if (s != NULL) run_on_stream(n, s, in);
    else if (in->what == PU_APP_OPEN) app_open_run(n, in);
    else app_open_give_up(n, in->token);
}

/* ---- who may no longer ---- */

void apps_enforce(pu_node *n)
{
    apps *a = apps_peek(n);
    if (a == NULL || a->told == 0) return;
    a->enforced = 0;
    ctx_timer(n, TIMER_APPS, 0, n->now);
}

/* Why a stream is to end; PU_CODE_OK: it may stay. */
static uint32_t unlawful(pu_node *n, stream *s)
{
    const conn *c = ctx_conn(n, s->conn);
    if (c == NULL) return PU_CODE_OK; /* it has ended already, or is about to */
    if (c->doomed && c->doom_code == PU_CODE_GATED) return PU_CODE_GATED;
    if (!s->inbound) return PU_CODE_OK;
    const app_service *service = service_find(n, app_of(s)->service);
    if (service == NULL) return PU_CODE_SHUTDOWN; /* withdrawn */
    return service_admits(n, service, c->peer) ? PU_CODE_OK : PU_CODE_GATED;
}

/* Resets the streams of those who may not use them any more, as many as a step may. */
void apps_timer(pu_node *n, uint64_t arg)
{
    apps *a = apps_peek(n);
    PU_ASSERT(a != NULL);
    PU_ASSERT(arg == 0);
    while (a->enforced < n->stream_cap && out_has_room(n->out)) {
        stream *s = &n->streams[a->enforced++];
        bool is_app = s->phase == STREAM_OPEN && s->proto == PROTO_APP;
        uint32_t code = is_app ? unlawful(n, s) : PU_CODE_OK;
        if (code != PU_CODE_OK) ctx_stream_reset(n, s, code);
    }
    if (a->enforced < n->stream_cap) ctx_timer(n, TIMER_APPS, 0, n->now);
}

/* ---- tables ---- */

static bool app_served(const pu_node *n)
{
    (void)n;
    return false; /* under this name; see app_name_served */
}

static void apps_close(pu_node *n, void *state)
{
    apps *a = state;
    app_opens_free(n, a);
    services_free(n, a);
    for (uint32_t i = 0; i < a->name_count; i++)
        mem_free(ctx_alloc(n), a->names[i].text, a->names[i].len);
    mem_free(ctx_alloc(n), a->names, a->name_cap * sizeof *a->names);
}

const struct proto proto_app = {
    .name = "(application)", /* the stream's own is app_name_text */
    .area = PU_AREA_APP,
    .on_limited = true, /* the service, or the OPEN, says */
    .served = app_served,
    .opened = app_opened,
    .agreed = app_agreed,
    .data = app_data,
    .fin = tell_fin,
    .room = app_room,
    .stopped = app_stopped,
    .ended = app_ended,
};

const struct module module_apps = {
    .state_bytes = sizeof(apps),
    .conn_down = app_opens_conn_down,
    .close = apps_close,
};

bool pu_node_read_apps(const pu_node *n, uint32_t *cursor, pu_app_row *row)
{
    PU_ASSERT(n->out == NULL);
    const apps *a = apps_peek(n);
    if (a == NULL) return false;
    if (*cursor < a->open_count) {
        const app_open *o = &a->opens[(*cursor)++];
        *row = (pu_app_row){.token = o->token,
                            .peer = ctx_peer_id(n, o->peer),
                            .protocol = app_name_text(n, o->name)};
        return true;
    }
    while (*cursor - a->open_count < n->stream_cap) {
        const stream *s = &n->streams[(*cursor)++ - a->open_count];
        const app_stream *app = STREAM_STATE(s, const app_stream);
        if (s->phase != STREAM_OPEN || s->proto != PROTO_APP || !app->is_told) continue;
        const conn *c = &n->conns[pu_handle_slot(s->conn)];
        const app_service *service = service_find(n, app->service);
        *row = (pu_app_row){
            .stream = s->handle,
            .conn = s->conn,
            .peer = ctx_peer_id(n, c->peer),
            .protocol = app_name_text(n, app->name),
            .service = service != NULL ? service->is.name : span_of(NULL, 0),
            .accepted = app->is_accepted,
            .received = s->received - app->select_in,
            .sent = s->sent > app->select_out ? s->sent - app->select_out : 0,
        };
        return true;
    }
    return false;
}
