/* Streams that our application wants: over the best connection that will do, or over one that is
 * made for it; answered once, by APP OPEN when the peer has agreed or by APP RESET. */
#include "node/apps.h"
#include "node/fault.h"

enum { OPENS_MAX = 256 };

app_open *app_open_find(const pu_node *n, uint32_t number)
{
    const apps *a = apps_peek(n);
    for (uint32_t i = 0; a != NULL && number != 0 && i < a->open_count; i++)
        if (a->opens[i].number == number) return &a->opens[i];
    return NULL;
}

app_open *app_open_of_token(const pu_node *n, pu_token token)
{
    const apps *a = apps_peek(n);
    for (uint32_t i = 0; a != NULL && i < a->open_count; i++)
        if (a->opens[i].token == token) return &a->opens[i];
    return NULL;
}

static void tell_failed(pu_node *n, pu_token token, uint32_t code)
{
    pu_ef *e = effect(n, PU_EF_APP);
    e->what = PU_APP_RESET;
    e->token = token;
    e->code = code;
}

bool app_opens_await(const pu_node *n, pu_peer peer)
{
    const apps *a = apps_peek(n);
    for (uint32_t i = 0; a != NULL && i < a->open_count; i++)
        if (a->opens[i].peer == peer && !a->opens[i].has_begun) return true;
    return false;
}

void app_open_done(pu_node *n, uint32_t number)
{
    apps *a = apps_peek(n);
    app_open *o = app_open_find(n, number);
    PU_ASSERT(o != NULL);
    app_open done = *o;
    size_t at = (size_t)(o - a->opens);
    a->open_count--;
    memmove(o, o + 1, (a->open_count - at) * sizeof *o);
    mem_trim(ctx_alloc(n), (void **)&a->opens, &a->open_cap, a->open_count, sizeof *o);
    ctx_timer(n, TIMER_APP_OPEN, number, PU_NEVER);
    app_name_drop(n, done.name);
    want_release(n, done.peer);
    ctx_peer_drop(n, done.peer);
}

void app_open_fail(pu_node *n, uint32_t number, uint32_t code)
{
    const app_open *o = app_open_find(n, number);
    if (o == NULL) return;
    tell_failed(n, o->token, code);
    app_open_done(n, number);
}

/* The best connection that will do; NULL: none. */
static conn *usable(pu_node *n, const app_open *o)
{
    return conn_best(n, o->peer, o->limited ? 0 : PU_LIMITED);
}

/* Asks for the stream, or for a connection to open it on. Where there is only one that does not do,
 * a better one may come until the deadline. */
static void begin(pu_node *n, app_open *o)
{
    PU_ASSERT(!o->has_begun);
    uint32_t number = o->number;
    conn *c = usable(n, o);
    if (c != NULL) {
        union {
            app_stream is;
            uint64_t words[4];
        } state = {.words = {0}};
        state.is.open = number;
        state.is.name = o->name;
        o->has_begun = true;
        if (ctx_stream_open(n, c, PROTO_APP, state.words)) app_name_again(n, o->name);
        else app_open_fail(n, number, PU_CODE_RESOURCE);
        return;
    }
    if (ctx_conn_of(n, o->peer) != NULL) return;
    uint32_t code = want_add(n, o->peer, false);
    if (code != PU_CODE_OK) app_open_fail(n, number, code);
}

/* Adds one; returns its number, 0: too many, or no memory. */
static uint32_t open_add(pu_node *n, apps *a, app_open fresh)
{
    if (FAULT(n, APP_SHED) || ctx_at_limit(n, "application opens", a->open_count, OPENS_MAX))
        return 0;
    if (!mem_grow(ctx_alloc(n), (void **)&a->opens, &a->open_cap, a->open_count, OPENS_MAX,
                  sizeof(app_open))) {
        ctx_no_memory(n, NULL, sizeof(app_open));
        return 0;
    }
    fresh.number = ++a->last_open;
    a->opens[a->open_count++] = fresh;
    return fresh.number;
}

void app_open_run(pu_node *n, const pu_in *in)
{
    apps *a = n->is_stopping ? NULL : ctx_state(n, MODULE_APPS);
    pu_peer peer = a != NULL ? ctx_peer_hold(n, in->peer) : 0;
    uint32_t name = peer != 0 ? app_name_hold(n, in->body) : 0;
    app_open fresh = {
        .token = in->token,
        .peer = peer,
        .name = name,
        .limited = (in->flags & PU_LIMITED) != 0,
        .room = in->offset,
        .deadline = in->deadline != 0 ? in->deadline : ctx_after(n, n->config->app_open_ns),
    };
    bool is_self = span_equal(in->peer, span_of(n->self.bytes, n->self.len));
    uint32_t number = name != 0 && !is_self ? open_add(n, a, fresh) : 0;
    if (number == 0) {
        uint32_t code = is_self ? PU_CODE_INVALID : PU_CODE_RESOURCE;
        tell_failed(n, in->token, n->is_stopping ? PU_CODE_SHUTDOWN : code);
        app_name_drop(n, name);
        ctx_peer_drop(n, peer);
        return;
    }
    ctx_timer(n, TIMER_APP_OPEN, number, fresh.deadline);
    begin(n, app_open_find(n, number));
}

/* Answers an OPEN that comes to nothing, and ends the stream that it may have by now. */
static void give_up(pu_node *n, const app_open *o, uint32_t code)
{
    stream *s = o->stream != 0 ? ctx_stream(n, o->stream) : NULL;
    app_open_fail(n, o->number, code);
    if (s != NULL) ctx_stream_reset(n, s, PU_CODE_CANCELLED);
}

void app_open_give_up(pu_node *n, pu_token token)
{
    const app_open *o = app_open_of_token(n, token);
    PU_ASSERT(o != NULL); /* app_check has looked */
    give_up(n, o, PU_CODE_CANCELLED);
}

void app_open_timer(pu_node *n, uint64_t number)
{
    app_open *o = app_open_find(n, (uint32_t)number);
    if (o == NULL) return;
    if (n->now < o->deadline) {
        ctx_timer(n, TIMER_APP_OPEN, number, o->deadline);
        if (!o->has_begun) begin(n, o);
        return;
    }
    bool is_limited = !o->has_begun && ctx_conn_of(n, o->peer) != NULL;
    give_up(n, o, is_limited ? PU_CODE_LIMITED : PU_CODE_TIMEOUT);
}

/* ---- connections come and go ---- */

/* Lets those that wait for a connection with peer look again, each in its own timer: as many as a
 * step may. */
static void look_again(pu_node *n, pu_peer peer)
{
    const apps *a = apps_peek(n);
    for (uint32_t i = 0; a != NULL && i < a->open_count; i++)
        if (a->opens[i].peer == peer && !a->opens[i].has_begun)
            ctx_timer(n, TIMER_APP_OPEN, a->opens[i].number, n->now);
}

void app_opens_connected(pu_node *n, pu_peer peer)
{
    look_again(n, peer);
}

void app_opens_failed(pu_node *n, pu_peer peer, uint32_t code)
{
    const apps *a = apps_peek(n);
    for (uint32_t i = 0; a != NULL && i < a->open_count;) {
        const app_open *o = &a->opens[i];
        if (o->peer == peer && !o->has_begun) app_open_fail(n, o->number, code);
        else i++;
    }
}

/* The connection that did not do is gone: one that does may be made. */
void app_opens_conn_down(pu_node *n, conn *c, uint32_t code)
{
    (void)code;
    look_again(n, c->peer);
}

void app_opens_again(pu_node *n)
{
    const apps *a = apps_peek(n);
    for (uint32_t i = 0; a != NULL && i < a->open_count; i++)
        ctx_timer(n, TIMER_APP_OPEN, a->opens[i].number, n->now);
}

void app_opens_free(pu_node *n, apps *a)
{
    for (uint32_t i = 0; i < a->open_count; i++) ctx_peer_drop(n, a->opens[i].peer);
    mem_free(ctx_alloc(n), a->opens, a->open_cap * sizeof *a->opens);
}
