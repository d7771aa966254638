/* The judge of boundary A, see boundary.h. */
#include "tests/lib/boundary.h"

#include "base/bytes.h"

#include <stdlib.h>

static void *grow(void *array, uint32_t *cap, uint32_t count, size_t size)
{
    if (count < *cap) return array;
    *cap = *cap == 0 ? 8 : *cap * 2;
    array = realloc(array, *cap * size);
    PU_ASSERT(array != NULL);
    return array;
}

void boundary_close(boundary *b)
{
    free(b->conns);
    free(b->streams);
    free(b->tokens);
}

boundary_conn *boundary_conn_of(boundary *b, pu_handle handle)
{
    for (uint32_t i = 0; i < b->conn_count; i++)
        if (b->conns[i].handle == handle && handle != 0) return &b->conns[i];
    return NULL;
}

boundary_stream *boundary_stream_of(boundary *b, pu_handle handle)
{
    for (uint32_t i = 0; i < b->stream_count; i++)
        if (b->streams[i].handle == handle && handle != 0) return &b->streams[i];
    return NULL;
}

static boundary_token *token_of(boundary *b, pu_token token)
{
    for (uint32_t i = 0; i < b->token_count; i++)
        if (b->tokens[i].token == token && token != 0) return &b->tokens[i];
    return NULL;
}

static boundary_conn *conn_add(boundary *b, pu_handle handle)
{
    PU_ASSERT(handle != 0);
    PU_ASSERT(boundary_conn_of(b, handle) == NULL);
    PU_ASSERT(pu_handle_slot(handle) < b->config->conns_max);
    for (uint32_t i = 0; i < b->conn_count; i++)
        PU_ASSERT(pu_handle_slot(b->conns[i].handle) != pu_handle_slot(handle));
    b->conns = grow(b->conns, &b->conn_cap, b->conn_count, sizeof *b->conns);
    boundary_conn *c = &b->conns[b->conn_count++];
    *c = (boundary_conn){.handle = handle};
    return c;
}

static void conn_del(boundary *b, boundary_conn *c)
{
    *c = b->conns[--b->conn_count];
}

static boundary_stream *stream_add(boundary *b, pu_handle conn, pu_handle handle)
{
    PU_ASSERT(pu_handle_ordinal(handle) == b->stream_ordinal + 1);
    PU_ASSERT(pu_handle_slot(handle) < b->config->streams_max);
    for (uint32_t i = 0; i < b->stream_count; i++)
        PU_ASSERT(pu_handle_slot(b->streams[i].handle) != pu_handle_slot(handle));
    b->stream_ordinal++;
    b->streams = grow(b->streams, &b->stream_cap, b->stream_count, sizeof *b->streams);
    boundary_stream *s = &b->streams[b->stream_count++];
    *s = (boundary_stream){.handle = handle, .conn = conn, .rx_room = PU_FIRST_ROOM};
    return s;
}

static void stream_del(boundary *b, boundary_stream *s)
{
    *s = b->streams[--b->stream_count];
}

/* ---- tokens ---- */

static void token_add(boundary *b, const pu_ef *ef)
{
    PU_ASSERT(ef->token != 0);
    PU_ASSERT(token_of(b, ef->token) == NULL);
    b->tokens = grow(b->tokens, &b->token_cap, b->token_count, sizeof *b->tokens);
    b->tokens[b->token_count++] =
        (boundary_token){.token = ef->token, .kind = ef->kind, .conn = ef->conn};
}

/* Each is answered once. */
static boundary_token answered(boundary *b, pu_token token)
{
    boundary_token *t = token_of(b, token);
    PU_ASSERT(t != NULL);
    boundary_token taken = *t;
    *t = b->tokens[--b->token_count];
    return taken;
}

/* ---- inputs about connections ---- */

static void conn_ask(boundary *b, const pu_in *in)
{
    boundary_conn *c = boundary_conn_of(b, in->conn);
    if (in->what == PU_ASK_ACCEPT) {
        PU_ASSERT(in->transport == PU_TRANSPORT_QUIC || in->transport == PU_TRANSPORT_TCP);
        conn_add(b, in->conn)->phase = BOUNDARY_ASKED_ACCEPT;
        return;
    }
    PU_ASSERT(in->what == PU_ASK_SECURED);
    PU_ASSERT(in->peer.len > 0);
    if ((in->flags & PU_RELAYED) != 0) {
        PU_ASSERT(c == NULL);
        PU_ASSERT(boundary_conn_of(b, in->via) != NULL);
        c = conn_add(b, in->conn);
        c->via = in->via;
    } else {
        PU_ASSERT(c != NULL && c->phase == BOUNDARY_ACCEPTED);
    }
    c->phase = BOUNDARY_ASKED_SECURED;
}

static void conn_up(boundary *b, const pu_in *in)
{
    boundary_conn *c = boundary_conn_of(b, in->conn);
    bool is_relayed = (in->flags & PU_RELAYED) != 0;
    PU_ASSERT(in->peer.len > 0);
    PU_ASSERT(is_relayed == (in->transport == PU_TRANSPORT_CIRCUIT));
    if ((in->flags & PU_DIALLER) != 0) {
        PU_ASSERT(c == NULL);
        boundary_token t = answered(b, in->token);
        PU_ASSERT(t.kind == (is_relayed ? PU_EF_UPGRADE : PU_EF_DIAL));
        PU_ASSERT(!t.is_cancelled);
        c = conn_add(b, in->conn);
    } else {
        PU_ASSERT(c != NULL && c->phase == BOUNDARY_SECURED);
        PU_ASSERT(is_relayed == (in->token != 0));
        if (is_relayed) PU_ASSERT(!answered(b, in->token).is_cancelled);
    }
    PU_ASSERT(is_relayed == (in->via != 0));
    if (is_relayed) PU_ASSERT(boundary_conn_of(b, in->via) != NULL);
    c->via = in->via;
    c->phase = BOUNDARY_UP;
}

static void conn_path(boundary_conn *c, const pu_in *in)
{
    PU_ASSERT(c != NULL && c->is_confirmed);
    PU_ASSERT(!c->has_path || in->now >= c->path_at + PU_S);
    c->path_at = in->now;
    c->has_path = true;
}

static void conn_down(boundary *b, const pu_in *in)
{
    boundary_conn *c = boundary_conn_of(b, in->conn);
    PU_ASSERT(c != NULL);
    PU_ASSERT(c->phase != BOUNDARY_ASKED_ACCEPT && c->phase != BOUNDARY_ASKED_SECURED);
    for (uint32_t i = 0; i < b->stream_count; i++) PU_ASSERT(b->streams[i].conn != in->conn);
    for (uint32_t i = 0; i < b->conn_count; i++) PU_ASSERT(b->conns[i].via != in->conn);
    for (uint32_t i = 0; i < b->token_count; i++)
        PU_ASSERT(b->tokens[i].kind != PU_EF_STREAM_OPEN || b->tokens[i].conn != in->conn);
    conn_del(b, c);
}

/* ---- inputs about streams ---- */

static void stream_up(boundary *b, const pu_in *in)
{
    boundary_conn *c = boundary_conn_of(b, in->conn);
    PU_ASSERT(c != NULL && c->phase == BOUNDARY_UP);
    if (in->token != 0) {
        boundary_token t = answered(b, in->token);
        PU_ASSERT(t.kind == PU_EF_STREAM_OPEN && t.conn == in->conn);
    }
    stream_add(b, in->conn, in->stream)->tx_room = in->offset;
}

static void stream_data(boundary_stream *s, const pu_in *in)
{
    PU_ASSERT(!s->rx_fin && !s->is_deaf);
    PU_ASSERT(in->body.len <= PU_DATA_MAX);
    PU_ASSERT(in->body.len > 0 || (in->flags & PU_FIN) != 0);
    PU_ASSERT(in->body.len <= s->rx_room - s->rx_got);
    s->rx_got += in->body.len;
    s->rx_fin = (in->flags & PU_FIN) != 0;
}

static void stream_down(boundary *b, const pu_in *in)
{
    if (in->stream == 0) {
        PU_ASSERT(answered(b, in->token).kind == PU_EF_STREAM_OPEN);
        return;
    }
    boundary_stream *s = boundary_stream_of(b, in->stream);
    PU_ASSERT(s != NULL && s->conn == in->conn);
    if (in->what == PU_DOWN_FINISHED && boundary_conn_of(b, in->conn)->phase == BOUNDARY_UP)
        PU_ASSERT(s->tx_fin && (s->rx_fin || s->is_deaf));
    if (in->what == PU_DOWN_LOST) /* by ordinal */
        for (uint32_t i = 0; i < b->stream_count; i++)
            PU_ASSERT(b->streams[i].conn != in->conn ||
                      pu_handle_ordinal(b->streams[i].handle) >= pu_handle_ordinal(in->stream));
    stream_del(b, s);
}

static void stream_in(boundary *b, const pu_in *in)
{
    boundary_stream *s = boundary_stream_of(b, in->stream);
    PU_ASSERT(s != NULL && s->conn == in->conn);
    PU_ASSERT(!s->is_reset);
    PU_ASSERT(boundary_conn_of(b, in->conn)->phase == BOUNDARY_UP);
    if (in->kind == PU_IN_STREAM_DATA) {
        stream_data(s, in);
    } else if (in->kind == PU_IN_STREAM_ROOM) {
        PU_ASSERT(in->offset > s->tx_room && !s->tx_fin);
        s->tx_room = in->offset;
    } else {
        PU_ASSERT(!s->is_stopped);
        s->is_stopped = true;
    }
}

void boundary_in(boundary *b, const pu_in *in)
{
    switch ((int)in->kind) {
    case PU_IN_CONN_ASK: conn_ask(b, in); break;
    case PU_IN_CONN_UP: conn_up(b, in); break;
    case PU_IN_CONN_CONFIRMED: {
        boundary_conn *c = boundary_conn_of(b, in->conn);
        PU_ASSERT(c != NULL && c->phase == BOUNDARY_UP && !c->is_confirmed);
        c->is_confirmed = true;
        break;
    }
    case PU_IN_CONN_PATH: conn_path(boundary_conn_of(b, in->conn), in); break;
    case PU_IN_CONN_DOWN: conn_down(b, in); break;
    case PU_IN_DIAL_FAIL: {
        boundary_token t = answered(b, in->token);
        PU_ASSERT(t.kind == PU_EF_DIAL || t.kind == PU_EF_UPGRADE);
        PU_ASSERT(in->code != PU_CODE_OK);
        break;
    }
    case PU_IN_STREAM_UP: stream_up(b, in); break;
    case PU_IN_STREAM_DOWN: stream_down(b, in); break;
    case PU_IN_STREAM_DATA:
    case PU_IN_STREAM_ROOM:
    case PU_IN_STREAM_STOP: stream_in(b, in); break;
    default: break;
    }
}

/* ---- effects ---- */

static void verdict(boundary *b, const pu_ef *ef)
{
    boundary_conn *c = boundary_conn_of(b, ef->conn);
    PU_ASSERT(c != NULL);
    PU_ASSERT(c->phase == BOUNDARY_ASKED_ACCEPT || c->phase == BOUNDARY_ASKED_SECURED);
    if (ef->code != PU_CODE_OK) conn_del(b, c);
    else if (c->phase == BOUNDARY_ASKED_ACCEPT) c->phase = BOUNDARY_ACCEPTED;
    else c->phase = BOUNDARY_SECURED;
}

static void stream_ef(boundary *b, const pu_ef *ef)
{
    boundary_stream *s = boundary_stream_of(b, ef->stream);
    if (s == NULL) return; /* it crossed a DOWN */
    switch ((int)ef->kind) {
    case PU_EF_STREAM_SEND:
        PU_ASSERT(!s->tx_fin && ef->body.len <= s->tx_room - s->tx_sent);
        s->tx_sent += ef->body.len;
        s->tx_fin = (ef->flags & PU_FIN) != 0;
        break;
    case PU_EF_STREAM_ROOM:
        if (ef->offset > s->rx_room) s->rx_room = ef->offset;
        break;
    case PU_EF_STREAM_STOP: s->is_deaf = true; break;
    case PU_EF_STREAM_RESET: s->is_reset = true; break;
    case PU_EF_UPGRADE: stream_del(b, s); break;
    default: PU_NEVER_HERE();
    }
}

void boundary_ef(boundary *b, const pu_ef *ef)
{
    boundary_conn *c;
    switch ((int)ef->kind) {
    case PU_EF_UPGRADE:
        stream_ef(b, ef);
        token_add(b, ef);
        break;
    case PU_EF_DIAL:
    case PU_EF_STREAM_OPEN: token_add(b, ef); break;
    case PU_EF_DIAL_CANCEL: {
        boundary_token *t = token_of(b, ef->token);
        if (t != NULL) t->is_cancelled = true;
        break;
    }
    case PU_EF_CONN_VERDICT: verdict(b, ef); break;
    case PU_EF_HANGUP:
        c = boundary_conn_of(b, ef->conn);
        if (c != NULL && c->phase == BOUNDARY_UP) c->phase = BOUNDARY_HUNG_UP;
        break;
    case PU_EF_STREAM_SEND:
    case PU_EF_STREAM_ROOM:
    case PU_EF_STREAM_STOP:
    case PU_EF_STREAM_RESET: stream_ef(b, ef); break;
    default: break;
    }
}
