/* Streams: from STREAM_UP (ours or the peer's) to STREAM_DOWN, multistream-select included. */
#include "node/apps.h"
#include "node/fault.h"

stream *stream_find(pu_node *n, pu_handle handle)
{
    uint32_t slot = pu_handle_slot(handle);
    if (slot >= n->stream_cap || n->streams[slot].handle != handle || handle == 0) return NULL;
    return &n->streams[slot];
}

stream *ctx_stream(pu_node *n, pu_handle handle)
{
    stream *s = stream_find(n, handle);
    return s != NULL && s->phase != STREAM_DEAD ? s : NULL;
}

pu_span stream_name(const pu_node *n, const stream *s)
{
    if (s->proto == PROTO_APP) return app_protocol(n, s);
    return s->proto != PROTO_NONE ? ctx_proto_name((enum proto_id)s->proto) : span_of(NULL, 0);
}

static void trace_no_memory(pu_node *n, size_t bytes)
{
    ctx_no_memory(n, NULL, bytes);
}

static stream *stream_new(pu_node *n, conn *c, const pu_in *in)
{
    uint32_t slot = pu_handle_slot(in->stream);
    PU_ASSERT(slot < n->streams_most);
    while (slot >= n->stream_cap)
        if (!mem_grow(ctx_alloc(n), (void **)&n->streams, &n->stream_cap, n->stream_cap,
                      n->streams_most, sizeof(stream))) {
            trace_no_memory(n, sizeof(stream));
            return NULL;
        }
    stream *s = &n->streams[slot];
    PU_ASSERT(s->phase == STREAM_FREE);
    memset(s, 0, sizeof *s);
    s->handle = in->stream;
    s->conn = in->conn;
    s->phase = STREAM_SELECTING;
    s->room_out = in->offset;
    s->room_in = PU_FIRST_ROOM;
    n->stream_count++;
    n->streams_of[PROTO_NONE]++;
    c->stream_count++;
    return s;
}

void stream_free(pu_node *n, stream *s)
{
    PU_ASSERT(s->phase != STREAM_FREE);
    conn *c = conn_find(n, s->conn);
    if (c != NULL) {
        PU_ASSERT(c->stream_count > 0);
        c->stream_count--;
        if (s->inbound) c->inbound_count--;
    }
    n->stream_count--;
    ctx_timer(n, TIMER_STREAM, s->handle, PU_NEVER);
    stream_drop(n, &s->in, s->in.len);
    stream_drop(n, &s->out, s->out.len);
    n->streams_of[s->proto]--;
    memset(s, 0, sizeof *s);
}

static void reset_effect(pu_node *n, pu_handle c, pu_handle s, uint32_t code)
{
    pu_ef *e = effect(n, PU_EF_STREAM_RESET);
    e->conn = c;
    e->stream = s;
    e->code = code;
}

/* ---- opening ---- */

bool ctx_stream_open(pu_node *n, conn *c, enum proto_id proto, const uint64_t state[4])
{
    PU_ASSERT(proto > PROTO_NONE && proto < PROTO_COUNT);
    if (c->state != CONN_UP || ((c->flags & PU_LIMITED) != 0 && !proto_of(proto)->on_limited))
        return false;
    charge of = {.conn = c, .proto = proto};
    if (!limits_admit(n, RESOURCE_STREAMS, IN(SYSTEM) | IN(PROTOCOL) | IN(PEER), &of, 1))
        return false;
    if (FAULT(n, STREAM_SHED) || !mem_grow(ctx_alloc(n), (void **)&n->openings, &n->opening_cap,
                                           n->opening_count, OPENINGS_MAX, sizeof(opening))) {
        trace_no_memory(n, sizeof(opening));
        return false;
    }
    opening *o = &n->openings[n->opening_count++];
    memset(o, 0, sizeof *o);
    o->token = token_next(n);
    o->conn = c->handle;
    o->proto = proto;
    if (state != NULL) memcpy(o->state, state, sizeof o->state);
    pu_ef *e = effect(n, PU_EF_STREAM_OPEN);
    e->conn = c->handle;
    e->token = o->token;
    ctx_timer(n, TIMER_OPEN, o->token, ctx_after(n, n->config->select_ns));
    return true;
}

static opening *opening_find(pu_node *n, pu_token token)
{
    for (uint32_t i = 0; i < n->opening_count; i++)
        if (n->openings[i].token == token) return &n->openings[i];
    return NULL;
}

static opening opening_take(pu_node *n, opening *o)
{
    opening taken = *o;
    *o = n->openings[--n->opening_count];
    ctx_timer(n, TIMER_OPEN, taken.token, PU_NEVER);
    return taken;
}

/* Tells the protocol that its stream never came; the handle is 0. */
static void opening_failed(pu_node *n, opening *o, uint32_t code)
{
    opening taken = opening_take(n, o);
    const struct proto *proto = proto_of(taken.proto);
    stream never = {.conn = taken.conn, .phase = STREAM_DEAD, .proto = (uint8_t)taken.proto};
    memcpy(never.state, taken.state, sizeof never.state);
    if (proto->ended != NULL) proto->ended(n, &never, code);
}

void stream_open_failed(pu_node *n, const pu_in *in)
{
    opening *o = opening_find(n, in->token);
    uint32_t code = in->what == PU_DOWN_LOST ? PU_CODE_LOST : in->code;
    if (o != NULL) opening_failed(n, o, code != PU_CODE_OK ? code : PU_CODE_REFUSED);
}

/* The host owes an answer; when it comes after all, the stream is reset. */
void stream_open_timer(pu_node *n, uint64_t token)
{
    opening *o = opening_find(n, (pu_token)token);
    if (o != NULL) opening_failed(n, o, PU_CODE_TIMEOUT);
}

/* A host answers each before CONN_DOWN; what one that does not has left ends here, or (more than a
 * step may tell) at its deadline. */
void streams_drop_openings(pu_node *n, pu_handle carrier)
{
    for (uint32_t i = 0; i < n->opening_count && out_has_room(n->out);)
        if (n->openings[i].conn == carrier) opening_failed(n, &n->openings[i], PU_CODE_LOST);
        else i++;
}

static void stream_refuse(pu_node *n, stream *s, uint32_t code)
{
    reset_effect(n, s->conn, s->handle, code);
    s->phase = STREAM_DEAD;
}

static void inbound_up(pu_node *n, conn *c, stream *s, bool is_admitted)
{
    if (!is_admitted || c->state != CONN_UP || FAULT(n, STREAM_REFUSE)) {
        stream_refuse(n, s, PU_CODE_RESOURCE); /* uncounted: peers may open many of these */
        return;
    }
    s->inbound = true;
    c->inbound_count++;
    select_listen(&s->select);
    ctx_timer(n, TIMER_STREAM, s->handle, ctx_after(n, n->config->select_ns));
}

static void outbound_up(pu_node *n, conn *c, stream *s, pu_token token)
{
    opening *o = opening_find(n, token);
    if (o == NULL || c->state != CONN_UP) {
        if (o != NULL) opening_failed(n, o, PU_CODE_LOST);
        stream_refuse(n, s, PU_CODE_CANCELLED);
        return;
    }
    opening taken = opening_take(n, o);
    const struct proto *proto = proto_of(taken.proto);
    stream_is_of(n, s, taken.proto);
    memcpy(s->state, taken.state, sizeof s->state);
    ctx_timer(n, TIMER_STREAM, s->handle, ctx_after(n, n->config->select_ns));
    uint8_t bytes[SELECT_MESSAGE_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    select_dial(&s->select, stream_name(n, s), &out);
    PU_ASSERT(!out.full);
    stream_send_bytes(n, s, buf_span(&out));
    if (s->phase != STREAM_DEAD && proto->opened != NULL) proto->opened(n, s);
}

void stream_up(pu_node *n, conn *c, const pu_in *in)
{
    uint32_t scopes = IN(SYSTEM) | IN(TRANSIENT) | IN(PEER) | IN(CONN);
    bool is_admitted =
        in->token != 0 || (c->state != CONN_ASKED && /* its peer is not known yet */
                           limits_admit(n, RESOURCE_STREAMS, scopes, &(charge){.conn = c}, 1));
    stream *s = stream_new(n, c, in);
    if (s == NULL) { /* its DOWN will find no stream: the host knows that a reset crosses */
        reset_effect(n, in->conn, in->stream, PU_CODE_RESOURCE);
        opening *o = opening_find(n, in->token);
        if (o != NULL) opening_failed(n, o, PU_CODE_NO_MEMORY);
        return;
    }
    if (in->token == 0) inbound_up(n, c, s, is_admitted);
    else outbound_up(n, c, s, in->token);
}

/* ---- ending ---- */

void stream_end(pu_node *n, stream *s, uint32_t code)
{
    if (s->phase == STREAM_DEAD) return;
    s->phase = STREAM_DEAD;
    ctx_timer(n, TIMER_STREAM, s->handle, PU_NEVER);
    const struct proto *proto = s->proto != PROTO_NONE ? proto_of((enum proto_id)s->proto) : NULL;
    if (proto != NULL && proto->ended != NULL) proto->ended(n, s, code);
}

void ctx_stream_reset(pu_node *n, stream *s, uint32_t code)
{
    if (s->phase == STREAM_DEAD) return;
    ctx_trace(n, PU_TR_STREAM_RESET, conn_find(n, s->conn), s, 0, code, 0, stream_name(n, s));
    reset_effect(n, s->conn, s->handle, code);
    stream_end(n, s, code);
}

void stream_down(pu_node *n, stream *s, const pu_in *in)
{
    uint32_t code = in->what == PU_DOWN_FINISHED ? PU_CODE_OK
                    : in->what == PU_DOWN_LOST   ? PU_CODE_LOST
                                                 : in->code;
    if (in->what == PU_DOWN_RESET && code == PU_CODE_OK)
        code = PU_CODE_REFUSED; /* many peers reset with code 0 */
    stream_end(n, s, code);
    stream_free(n, s);
}

void stream_timer(pu_node *n, uint64_t handle)
{
    stream *s = ctx_stream(n, handle);
    if (s == NULL) return;
    ctx_trace(n, PU_TR_STREAM_TIMEOUT, conn_find(n, s->conn), s, 0, 0, 0, stream_name(n, s));
    ctx_stream_reset(n, s, PU_CODE_TIMEOUT);
}

void ctx_stream_deadline(pu_node *n, stream *s, pu_time at)
{
    s->has_deadline = true;
    if (s->phase != STREAM_DEAD) ctx_timer(n, TIMER_STREAM, s->handle, at);
}

/* ---- giving away ---- */

bool ctx_may_upgrade(pu_node *n)
{
    return limits_admit(n, RESOURCE_CONNS, IN(SYSTEM) | IN(TRANSIENT), &(charge){.conn = NULL},
                        1) &&
           mem_grow(ctx_alloc(n), (void **)&n->upgrades, &n->upgrade_cap, n->upgrade_count,
                    (uint32_t)n->config->handshakes_max, sizeof(pu_token));
}

void upgrade_answered(pu_node *n, pu_token token)
{
    for (uint32_t i = 0; i < n->upgrade_count; i++)
        if (n->upgrades[i] == token) {
            n->upgrades[i] = n->upgrades[--n->upgrade_count];
            return;
        }
}

void ctx_upgrade(pu_node *n, stream *s, pu_token leg_token, enum pu_role role, pu_peer peer,
                 bool limited)
{
    PU_ASSERT(s->phase == STREAM_OPEN);
    PU_ASSERT(leg_token != 0 || n->upgrade_count < n->upgrade_cap); /* ctx_may_upgrade was asked */
    leg *l = leg_token != 0 ? leg_find(n, leg_token) : NULL;
    bool is_given_up = leg_token != 0 && l == NULL;
    if (is_given_up || s->out.len > 0) { /* the second: the host gave no room for a short answer,
                                            nothing can be built on that */
        ctx_stream_reset(n, s, is_given_up ? PU_CODE_CANCELLED : PU_CODE_RESOURCE);
        return;
    }
    bool is_reading = n->reading == s;
    pu_span rest = is_reading ? n->reading_rest : span_of(s->in.base, s->in.len);
    if (l != NULL) l->is_carried = true;
    pu_ef *e = effect(n, PU_EF_UPGRADE);
    e->token = leg_token != 0 ? leg_token : token_next(n);
    if (leg_token == 0) n->upgrades[n->upgrade_count++] = e->token;
    e->conn = s->conn;
    e->stream = s->handle;
    e->what = role;
    e->flags = limited ? PU_LIMITED : 0;
    e->peer = out_copy(n->out, ctx_peer_id(n, peer));
    e->body = out_copy(n->out, rest);
    e->deadline = ctx_after(n, n->config->handshake_ns);
    s->phase =
        STREAM_DEAD; /* `ended` is not called: the stream lives on under the new connection */
    s->is_given_away = is_reading;
    if (!is_reading) stream_free(n, s);
}
