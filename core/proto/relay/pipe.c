/* proto/relay/pipe.c - circuits of a relay: bytes, ends and limits pass from one stream to the
 * other.
 *
 * A side may send what the other side can take at once and stream_pending_bytes more. What has no
 * room waits in the stream it came on and is offered again when the other side has room, so the
 * relay's memory is bounded by what it granted. Only bytes passed on count against circuit_bytes.
 */
#include "proto/relay/pipe.h"

#include "base/planted.h"
#include "proto/relay/relay_server.h"

static circuits *table(const pu_node *n)
{
    relay_server *r = ctx_state_peek(n, MODULE_RELAY_SERVER);
    return r != NULL ? &r->circuits : NULL;
}

static int side_of(const stream *s)
{
    PU_ASSERT(s->inbound == (s->proto == PROTO_HOP));
    return s->inbound ? SIDE_HOP : SIDE_STOP;
}

static uint64_t number_of(const stream *s)
{
    return STREAM_STATE(s, const relay_stream)->circuit;
}

static uint32_t count_up(const circuits *all)
{
    uint32_t count = 0;
    PU_ASSERT(all->count <= all->cap);
    for (uint32_t i = 0; i < all->count; i++) count += all->at[i].is_up;
    return count;
}

/* ---- the table ---- */

uint64_t pipe_new(pu_node *n, const stream *hop, pu_peer from, pu_peer to)
{
    PU_ASSERT(from != 0);
    PU_ASSERT(to != 0);
    circuits *all = table(n);
    PU_ASSERT(all != NULL); /* there is a reservation */
    uint32_t max = (uint32_t)ctx_config(n)->streams_max;
    if (!mem_grow(ctx_alloc(n), (void **)&all->at, &all->cap, all->count, max, sizeof *all->at)) {
        ctx_no_memory(n, NULL, sizeof *all->at);
        return 0;
    }
    circuit *c = &all->at[all->count++];
    *c = (circuit){.number = ++all->last, .side = {hop->handle, 0}, .peer = {from, to}};
    return c->number;
}

circuit *pipe_find(pu_node *n, uint64_t number)
{
    circuits *all = table(n);
    PU_ASSERT(all == NULL || number <= all->last);
    for (uint32_t i = 0; all != NULL && i < all->count; i++)
        if (all->at[i].number == number) return &all->at[i];
    return NULL;
}

uint32_t pipe_count(pu_node *n, pu_peer peer)
{
    PU_ASSERT(peer != 0);
    const circuits *all = table(n);
    uint32_t count = 0;
    for (uint32_t i = 0; all != NULL && i < all->count; i++)
        count += all->at[i].peer[SIDE_HOP] == peer || all->at[i].peer[SIDE_STOP] == peer;
    return count;
}

static uint64_t carried_by(const circuit *c)
{
    return c->carried[SIDE_HOP] + c->carried[SIDE_STOP];
}

/* Takes a circuit out and tells its end. Its streams are the caller's to finish. */
static circuit take(pu_node *n, circuit *c, uint32_t code)
{
    circuits *all = table(n);
    PU_ASSERT(all->count > 0);
    circuit taken = *c;
    *c = all->at[--all->count];
    ctx_timer(n, TIMER_CIRCUIT, taken.number, PU_NEVER);
    if (taken.is_up)
        ctx_trace(n, PU_TR_CIRCUIT_DOWN, NULL, NULL, taken.peer[SIDE_HOP], carried_by(&taken), code,
                  span_of(NULL, 0));
    return taken;
}

void pipe_drop(pu_node *n, uint64_t number)
{
    circuit *c = pipe_find(n, number);
    PU_ASSERT(c != NULL);
    PU_ASSERT(!c->is_up);
    (void)take(n, c, PU_CODE_OK);
}

/* Ends a circuit that is at a limit, and resets its streams. */
static void cut(pu_node *n, circuit *c, enum pu_cut limit)
{
    PU_ASSERT(c->is_up);
    ctx_trace(n, PU_TR_CIRCUIT_CUT, NULL, NULL, c->peer[SIDE_HOP], carried_by(c), limit,
              span_of(NULL, 0));
    circuit taken = take(n, c, PU_CODE_RESOURCE);
    for (int side = 0; side < SIDE_COUNT; side++) {
        stream *s = ctx_stream(n, taken.side[side]);
        if (s != NULL) ctx_stream_reset(n, s, PU_CODE_RESOURCE);
    }
}

void pipe_free(pu_node *n, circuits *all)
{
    PU_ASSERT(all != NULL);
    mem_free(ctx_alloc(n), all->at, all->cap * sizeof *all->at);
}

/* ---- the flow ---- */

/* Lets s's peer send what `other` can take, and as much as may wait here. In pipe_data the bytes
 * offered count as consumed already: `kept` of them will not be. */
static void grant(pu_node *n, stream *s, const stream *other, size_t kept)
{
    PU_ASSERT(s != other);
    uint64_t room = ctx_stream_writable(other) + ctx_config(n)->stream_pending_bytes;
    if (room > kept) ctx_stream_grant(n, s, room - kept);
}

void pipe_up(pu_node *n, uint64_t number)
{
    circuit *c = pipe_find(n, number);
    PU_ASSERT(c != NULL);
    PU_ASSERT(!c->is_up);
    stream *hop = ctx_stream(n, c->side[SIDE_HOP]), *stop = ctx_stream(n, c->side[SIDE_STOP]);
    PU_ASSERT(hop != NULL);
    PU_ASSERT(stop != NULL);
    c->is_up = true;
    c->ends_at = ctx_after(n, ctx_config(n)->circuit_ns);
    ctx_stream_deadline(n, hop, PU_NEVER);
    ctx_stream_deadline(n, stop, PU_NEVER);
    ctx_trace(n, PU_TR_CIRCUIT_UP, NULL, NULL, c->peer[SIDE_HOP], count_up(table(n)), 0,
              span_of(NULL, 0));
    /* What the asking side sent early is passed on by the timer: now the other stream is read. */
    ctx_timer(n, TIMER_CIRCUIT, number, hop->in.len > 0 ? ctx_now(n) : c->ends_at);
    grant(n, hop, stop, 0);
    grant(n, stop, hop, 0);
    if (hop->fin_in) ctx_stream_fin(n, stop);
}

void relay_circuit_timer(pu_node *n, uint64_t arg)
{
    PU_ASSERT(arg != 0);
    circuit *c = pipe_find(n, arg);
    if (c == NULL) return;
    if (ctx_now(n) >= c->ends_at) {
        cut(n, c, PU_CUT_TIME);
        return;
    }
    stream *hop = ctx_stream(n, c->side[SIDE_HOP]);
    ctx_timer(n, TIMER_CIRCUIT, arg, c->ends_at);
    if (hop != NULL) ctx_stream_again(n, hop);
}

/* The other stream of an open circuit; NULL: there is none (any more). */
static stream *other_side(pu_node *n, const circuit *c, const stream *s)
{
    PU_ASSERT(c->is_up);
    PU_ASSERT(c->side[side_of(s)] == s->handle);
    return ctx_stream(n, c->side[SIDE_COUNT - 1 - side_of(s)]);
}

enum verdict pipe_data(pu_node *n, stream *s, pu_span bytes, size_t *used)
{
    PU_ASSERT(*used == bytes.len);
    circuit *c = pipe_find(n, number_of(s));
    if (c == NULL) return VERDICT_OK; /* refused: let go until the stream ends */
    if (!c->is_up) {
        *used = 0;
        return VERDICT_OK;
    }
    stream *other = other_side(n, c, s);
    if (PLANTED(PLANTED_ONE_WAY_PIPE) && side_of(s) == 1) return VERDICT_OK;
    if (other == NULL || other->fin_out) return VERDICT_OK; /* nobody reads it */
    uint64_t *carried = &c->carried[side_of(s)];
    uint64_t left =
        ctx_config(n)->circuit_bytes > *carried ? ctx_config(n)->circuit_bytes - *carried : 0;
    if (left == 0) {
        cut(n, c, PU_CUT_BYTES);
        return VERDICT_OK;
    }
    size_t pass = ctx_stream_writable(other);
    if (pass > bytes.len) pass = bytes.len;
    if (pass > left) pass = (size_t)left;
    *used = pass;
    *carried += pass;
    if (pass > 0) ctx_stream_send(n, other, span_head(bytes, pass));
    if (pass == left && pass < bytes.len) cut(n, c, PU_CUT_BYTES);
    else grant(n, s, other, bytes.len - pass);
    return VERDICT_OK;
}

void pipe_room(pu_node *n, stream *s)
{
    PU_ASSERT(s->handle != 0);
    const circuit *c = pipe_find(n, number_of(s));
    stream *other = c != NULL && c->is_up ? other_side(n, c, s) : NULL;
    if (other == NULL) return;
    pu_handle handle = other->handle;
    ctx_stream_again(n, other);
    if (ctx_stream(n, handle) == other && ctx_stream(n, s->handle) == s) grant(n, other, s, 0);
}

void pipe_fin(pu_node *n, stream *s)
{
    PU_ASSERT(s->fin_in);
    const circuit *c = pipe_find(n, number_of(s));
    if (c == NULL) ctx_stream_fin(n, s);
    if (c == NULL || !c->is_up) return;
    stream *other = other_side(n, c, s);
    if (other != NULL) ctx_stream_fin(n, other);
}

/* Both directions of s are over, so those of the other stream are too, but for what still waits. */
static void finish(pu_node *n, stream *s, stream *other)
{
    PU_ASSERT(s != other);
    if (!other->fin_out && s->in.len > 0) ctx_stream_send(n, other, span_of(s->in.base, s->in.len));
    ctx_stream_fin(n, other);
    ctx_stream_deadline(n, other, ctx_after(n, ctx_config(n)->relay_ns));
}

void pipe_ended(pu_node *n, stream *s, uint32_t code)
{
    circuit *c = pipe_find(n, number_of(s));
    if (c == NULL) return;
    stream *other = other_side(n, c, s);
    (void)take(n, c, code);
    if (other == NULL) return;
    if (code == PU_CODE_OK) finish(n, s, other);
    else ctx_stream_reset(n, other, code);
}
