/* The judge's view of connections, see watch.h. */
#include "sim/watch.h"

#include "sim/mem.h"

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return sim_resize(old, new_len);
    free(old);
    return NULL;
}

void watch_init(watch *w, const scenario *s)
{
    *w = (watch){.s = s, .alloc = {resize, NULL}};
    imap_init(&w->authorised, 1, &w->alloc);
    imap_init(&w->open_conns, 2, &w->alloc);
    imap_init(&w->pair_index, 3, &w->alloc);
}

void watch_close(watch *w)
{
    imap_close(&w->authorised);
    imap_close(&w->open_conns);
    imap_close(&w->pair_index);
    free(w->conns);
    free(w->pairs);
    free(w->paths);
    free(w->asks);
    free(w->lives);
    free(w->words);
    free(w->breaches);
}

static uint64_t key_of(uint32_t a, uint32_t b)
{
    return (uint64_t)a << 32 | b;
}

static void put(imap *m, uint64_t key, uint32_t value)
{
    if (!imap_put(m, key, value)) sim_no_memory(sizeof value);
}

void watch_authorise(watch *w, uint32_t node, uint32_t peer)
{
    put(&w->authorised, key_of(node, peer), 1);
}

bool watch_is_authorised(const watch *w, uint32_t node, uint32_t peer)
{
    uint32_t one;
    return imap_get(&w->authorised, key_of(node, peer), &one);
}

static void breach(watch *w, pu_time now, uint32_t node, uint32_t peer, const char *what)
{
    w->breaches = sim_grow(w->breaches, &w->breach_cap, w->breach_count, sizeof *w->breaches);
    w->breaches[w->breach_count++] = (watch_breach){now, node, peer, what};
}

/* ---- asks ---- */

void watch_ask(watch *w, pu_time now, uint32_t from, uint32_t to)
{
    w->asks = sim_grow(w->asks, &w->ask_cap, w->ask_count, sizeof *w->asks);
    w->asks[w->ask_count++] =
        (run_connection){from, to, now, PU_NEVER, PU_NEVER, PU_NEVER, false, false};
}

/* The ask of from for to that is not lost yet. */
static run_connection *ask_open(watch *w, uint32_t from, uint32_t to)
{
    for (uint32_t i = w->ask_count; i-- > 0;)
        if (w->asks[i].from == from && w->asks[i].to == to && w->asks[i].lost == PU_NEVER)
            return &w->asks[i];
    return NULL;
}

static void ask_path(watch *w, pu_time now, uint32_t from, uint32_t to, bool connected, bool direct)
{
    run_connection *ask = ask_open(w, from, to);
    if (ask == NULL) return;
    if (!connected) {
        if (ask->usable == PU_NEVER) return;
        ask->lost = now;
        watch_ask(w, now, from, to);
        return;
    }
    if (ask->usable == PU_NEVER) {
        ask->usable = now;
        ask->first_is_relay = !direct;
    }
    if (direct && ask->direct == PU_NEVER) ask->direct = now;
    ask->last_is_direct = direct;
}

/* ---- paths ---- */

static watch_pair *pair_of(watch *w, uint32_t a, uint32_t b)
{
    uint32_t at;
    if (imap_get(&w->pair_index, key_of(a, b), &at)) return &w->pairs[at];
    w->pairs = sim_grow(w->pairs, &w->pair_cap, w->pair_count, sizeof *w->pairs);
    put(&w->pair_index, key_of(a, b), w->pair_count);
    w->pairs[w->pair_count] = (watch_pair){.path = SCENARIO_ANY};
    return &w->pairs[w->pair_count++];
}

/* The interval is written from whoever asked. */
static void path_open(watch *w, pu_time now, watch_pair *pair, uint32_t a, uint32_t b, bool direct)
{
    if (ask_open(w, a, b) == NULL && ask_open(w, b, a) != NULL) {
        uint32_t asker = b;
        b = a;
        a = asker;
    }
    w->paths = sim_grow(w->paths, &w->path_cap, w->path_count, sizeof *w->paths);
    pair->path = w->path_count;
    w->paths[w->path_count++] = (watch_path){a, b, direct, now, PU_NEVER};
}

/* One end of c came (delta 1) or went (-1): brings the pair's interval and asks up to date. */
static void pair_changed(watch *w, pu_time now, const watch_conn *c, int delta)
{
    if (c->peer == SCENARIO_ANY) return;
    uint32_t a = c->node < c->peer ? c->node : c->peer, b = c->node < c->peer ? c->peer : c->node;
    watch_pair *pair = pair_of(w, a, b);
    uint32_t *count = &pair->ends[c->node == b][!c->relayed];
    PU_ASSERT(delta > 0 || *count > 0);
    *count = delta > 0 ? *count + 1 : *count - 1;
    bool direct = pair->ends[0][1] > 0 && pair->ends[1][1] > 0;
    bool connected = direct || (pair->ends[0][0] > 0 && pair->ends[1][0] > 0);
    watch_path *open = pair->path != SCENARIO_ANY ? &w->paths[pair->path] : NULL;
    if (open == NULL ? !connected : connected && open->direct == direct) return;
    if (open != NULL) open->end = now;
    pair->path = SCENARIO_ANY;
    if (connected) path_open(w, now, pair, a, b, direct);
    ask_path(w, now, a, b, connected, direct);
    ask_path(w, now, b, a, connected, direct);
}

/* ---- connections ---- */

static uint64_t conn_key(uint32_t node, pu_handle handle)
{
    return key_of(node, pu_handle_slot(handle));
}

static watch_conn *conn_find(watch *w, uint32_t node, pu_handle handle)
{
    uint32_t at;
    if (!imap_get(&w->open_conns, conn_key(node, handle), &at) || w->conns[at].handle != handle)
        return NULL;
    return &w->conns[at];
}

static watch_conn *conn_up(watch *w, uint32_t node, uint32_t peer, const pu_in *in)
{
    bool dialled = (in->flags & PU_DIALLER) != 0;
    if (!dialled && (peer == SCENARIO_ANY || !watch_is_authorised(w, node, peer)))
        breach(w, in->now, node, peer, "a connection");
    w->conns = sim_grow(w->conns, &w->conn_cap, w->conn_count, sizeof *w->conns);
    put(&w->open_conns, conn_key(node, in->conn), w->conn_count);
    watch_conn *c = &w->conns[w->conn_count++];
    *c = (watch_conn){
        .node = node,
        .peer = peer,
        .handle = in->conn,
        .dialled = dialled,
        .relayed = (in->flags & PU_RELAYED) != 0,
        .is_open = true,
        .local = in->local,
        .remote = in->remote,
        .up = in->now,
        .confirmed = PU_NEVER,
        .down = PU_NEVER,
    };
    return c;
}

static const watch_conn *conn_down(watch *w, watch_conn *c, const pu_in *in)
{
    c->is_open = false;
    c->down = in->now;
    c->code = in->code;
    imap_del(&w->open_conns, conn_key(c->node, c->handle));
    if (c->confirmed != PU_NEVER) pair_changed(w, in->now, c, -1);
    return c;
}

/* ---- lives ---- */

void watch_start(watch *w, pu_time now, uint32_t node)
{
    w->lives = sim_grow(w->lives, &w->life_cap, w->life_count, sizeof *w->lives);
    w->lives[w->life_count++] = (watch_life){node, now, PU_NEVER};
}

void watch_crash(watch *w, pu_time now, uint32_t node)
{
    for (uint32_t i = 0; i < w->life_count; i++)
        if (w->lives[i].node == node && w->lives[i].end == PU_NEVER) w->lives[i].end = now;
    const pu_in gone = {.now = now, .code = PU_CODE_LOST};
    for (uint32_t i = 0; i < w->conn_count; i++)
        if (w->conns[i].node == node && w->conns[i].is_open) conn_down(w, &w->conns[i], &gone);
}

void watch_effect(watch *w, pu_time now, uint32_t node, const pu_ef *ef)
{
    if (ef->kind != PU_EF_EVENT || ef->what != PU_EVENT_RELAY) return;
    bool is_lost = (ef->flags & PU_GONE) != 0;
    w->words = sim_grow(w->words, &w->word_cap, w->word_count, sizeof *w->words);
    w->words[w->word_count++] =
        (watch_word){now, node, is_lost ? SCENARIO_SAYS_RELAY_LOST : SCENARIO_SAYS_RESERVED};
}

/* ---- inputs ---- */

static void bytes_came(watch *w, const watch_conn *c, const pu_in *in)
{
    bool is_welcome =
        c != NULL &&
        (c->dialled || (c->peer != SCENARIO_ANY && watch_is_authorised(w, c->node, c->peer)));
    if (!is_welcome)
        breach(w, in->now, c != NULL ? c->node : SCENARIO_ANY, c != NULL ? c->peer : SCENARIO_ANY,
               "stream bytes");
}

const watch_conn *watch_input(watch *w, uint32_t node, uint32_t peer, const pu_in *in)
{
    if (in->kind == PU_IN_CONN_UP) return conn_up(w, node, peer, in);
    watch_conn *c = in->conn != 0 ? conn_find(w, node, in->conn) : NULL;
    if (in->kind == PU_IN_STREAM_UP || in->kind == PU_IN_STREAM_DATA) bytes_came(w, c, in);
    if (c == NULL) return NULL;
    if (in->kind == PU_IN_CONN_CONFIRMED) {
        c->confirmed = in->now;
        pair_changed(w, in->now, c, 1);
    } else if (in->kind == PU_IN_CONN_DOWN) {
        return conn_down(w, c, in);
    }
    return c;
}
