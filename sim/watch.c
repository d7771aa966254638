/* The judge's view of connections, see watch.h. */
#include "sim/watch.h"

#include "sim/mem.h"

#include <stdlib.h>

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
    imap_init(&w->dial_index, 4, &w->alloc);
}

void watch_close(watch *w)
{
    imap_close(&w->authorised);
    imap_close(&w->open_conns);
    imap_close(&w->pair_index);
    imap_close(&w->dial_index);
    free(w->dials);
    free(w->trust);
    free(w->conns);
    free(w->pairs);
    free(w->paths);
    free(w->asks);
    free(w->lives);
    free(w->words);
    free(w->ask_before);
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
    if (watch_is_authorised(w, node, peer)) return;
    put(&w->authorised, key_of(node, peer), 1);
    w->trust = sim_grow(w->trust, &w->trust_cap, w->trust_count, sizeof *w->trust);
    w->trust[w->trust_count++] = (watch_trust){node, peer};
    w->trust_is_sorted = false;
}

static int trust_order(const void *a, const void *b)
{
    const watch_trust *x = a, *y = b;
    uint64_t p = key_of(x->node, x->peer), q = key_of(y->node, y->peer);
    return p < q ? -1 : p > q;
}

const watch_trust *watch_trusted(watch *w, uint32_t node, uint32_t *count)
{
    if (!w->trust_is_sorted && w->trust_count > 0)
        qsort(w->trust, w->trust_count, sizeof *w->trust, trust_order);
    w->trust_is_sorted = true;
    uint32_t low = 0, high = w->trust_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (w->trust[middle].node < node) low = middle + 1;
        else high = middle;
    }
    for (high = low; high < w->trust_count && w->trust[high].node == node;) high++;
    *count = high - low;
    return *count > 0 ? &w->trust[low] : NULL;
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

/* ---- pairs ---- */

static watch_pair *pair_of(watch *w, uint32_t a, uint32_t b)
{
    uint64_t key = a < b ? key_of(a, b) : key_of(b, a);
    uint32_t at;
    if (imap_get(&w->pair_index, key, &at)) return &w->pairs[at];
    w->pairs = sim_grow(w->pairs, &w->pair_cap, w->pair_count, sizeof *w->pairs);
    put(&w->pair_index, key, w->pair_count);
    w->pairs[w->pair_count] = (watch_pair){
        .path = SCENARIO_ANY,
        .last_path = SCENARIO_ANY,
        .asks = {{SCENARIO_ANY, SCENARIO_ANY, PU_NEVER}, {SCENARIO_ANY, SCENARIO_ANY, PU_NEVER}}};
    return &w->pairs[w->pair_count++];
}

const watch_pair *watch_pair_of(const watch *w, uint32_t a, uint32_t b)
{
    uint32_t at;
    bool is_known = imap_get(&w->pair_index, a < b ? key_of(a, b) : key_of(b, a), &at);
    return is_known ? &w->pairs[at] : NULL;
}

/* ---- asks ---- */

static void ask_usable(run_connection *ask, pu_time now, enum run_way way)
{
    bool direct = way != RUN_WAY_CIRCUIT;
    if (ask->usable == PU_NEVER) {
        ask->usable = now;
        ask->first_is_relay = !direct;
    }
    if (direct && ask->direct == PU_NEVER) ask->direct = now;
    ask->last_way = way;
}

/* The best way on which two nodes are connected. False: they are not. */
static bool best_way(const watch_pair *pair, enum run_way *way)
{
    for (unsigned i = RUN_WAYS; i-- > 0;) {
        *way = (enum run_way)i;
        if (pair->alive[i] > 0) return true;
    }
    return false;
}

static void ask_add(watch *w, pu_time now, uint32_t from, uint32_t to)
{
    watch_pair *pair = pair_of(w, from, to);
    watch_asks *asks = &pair->asks[from > to];
    uint32_t cap = w->ask_cap;
    w->asks = sim_grow(w->asks, &w->ask_cap, w->ask_count, sizeof *w->asks);
    w->ask_before = sim_grow(w->ask_before, &cap, w->ask_count, sizeof *w->ask_before);
    run_connection *ask = &w->asks[w->ask_count];
    *ask = (run_connection){.from = from,
                            .to = to,
                            .asked = now,
                            .usable = PU_NEVER,
                            .direct = PU_NEVER,
                            .lost = PU_NEVER};
    w->ask_before[w->ask_count] = asks->last;
    asks->last = w->ask_count++;
    if (asks->first == SCENARIO_ANY) asks->first = asks->last;
    enum run_way way;
    if (best_way(pair, &way)) ask_usable(ask, now, way);
}

void watch_ask(watch *w, pu_time now, uint32_t from, uint32_t to)
{
    pair_of(w, from, to)->asks[from > to].asked = now;
    ask_add(w, now, from, to);
}

static bool is_asked(const watch *w, const watch_asks *asks)
{
    return asks->last != SCENARIO_ANY && w->asks[asks->last].lost == PU_NEVER;
}

/* All asks of one node for the other that are not lost yet are the last ones. */
static void asks_path(watch *w, pu_time now, const watch_asks *asks, bool connected,
                      enum run_way way)
{
    if (!is_asked(w, asks)) return;
    uint32_t last = asks->last;
    for (uint32_t i = last; i != SCENARIO_ANY && w->asks[i].lost == PU_NEVER; i = w->ask_before[i])
        if (connected) ask_usable(&w->asks[i], now, way);
        else w->asks[i].lost = now;
    if (!connected) ask_add(w, now, w->asks[last].from, w->asks[last].to);
}

/* ---- paths ---- */

/* The interval is written from whoever asked. */
static void path_open(watch *w, pu_time now, watch_pair *pair, uint32_t a, uint32_t b, bool direct)
{
    bool is_turned = !is_asked(w, &pair->asks[0]) && is_asked(w, &pair->asks[1]);
    w->paths = sim_grow(w->paths, &w->path_cap, w->path_count, sizeof *w->paths);
    w->paths[w->path_count] =
        (watch_path){is_turned ? b : a, is_turned ? a : b, direct, now, PU_NEVER, pair->last_path};
    pair->path = pair->last_path = w->path_count++;
}

/* A connection of c's two nodes lives (delta 1) or does no more (-1): brings the pair's interval
 * and asks up to date. */
static void pair_changed(watch *w, pu_time now, const watch_conn *c, int delta)
{
    uint32_t a = c->node < c->peer ? c->node : c->peer, b = c->node < c->peer ? c->peer : c->node;
    watch_pair *pair = pair_of(w, a, b);
    uint32_t at = (uint32_t)(pair - w->pairs), *count = &pair->alive[c->way];
    PU_ASSERT(delta > 0 || *count > 0);
    *count = delta > 0 ? *count + 1 : *count - 1;
    enum run_way way;
    bool connected = best_way(pair, &way), direct = connected && way != RUN_WAY_CIRCUIT;
    watch_path *open = pair->path != SCENARIO_ANY ? &w->paths[pair->path] : NULL;
    bool is_other = open == NULL ? connected : !connected || open->direct != direct;
    if (is_other) {
        if (open != NULL) open->end = now;
        pair->path = SCENARIO_ANY;
        if (connected) path_open(w, now, pair, a, b, direct);
    }
    if (!connected && !is_other) return;
    for (uint32_t i = 0; i < 2; i++) asks_path(w, now, &w->pairs[at].asks[i], connected, way);
}

/* ---- connections ---- */

static uint64_t conn_key(uint32_t node, pu_handle handle)
{
    return key_of(node, pu_handle_slot(handle));
}

static watch_conn *conn_find(const watch *w, uint32_t node, pu_handle handle)
{
    uint32_t at;
    if (!imap_get(&w->open_conns, conn_key(node, handle), &at) || w->conns[at].handle != handle)
        return NULL;
    return &w->conns[at];
}

static uint32_t relay_of(const watch *w, uint32_t node, const pu_in *in)
{
    const watch_conn *carrier = in->via != 0 ? conn_find(w, node, in->via) : NULL;
    return carrier != NULL ? carrier->peer : SCENARIO_ANY;
}

/* node asked its transport for a connection. */
static void dial_began(watch *w, pu_time now, uint32_t node, pu_token token)
{
    w->dials = sim_grow(w->dials, &w->dial_cap, w->dial_count, sizeof *w->dials);
    put(&w->dial_index, key_of(node, token), w->dial_count);
    w->dials[w->dial_count++] = now;
}

/* When node began what token names; PU_NEVER: it did not. The token is answered once. */
static pu_time dial_ended(watch *w, uint32_t node, pu_token token)
{
    uint32_t at;
    if (token == 0 || !imap_get(&w->dial_index, key_of(node, token), &at)) return PU_NEVER;
    imap_del(&w->dial_index, key_of(node, token));
    return w->dials[at];
}

static watch_conn *conn_up(watch *w, uint32_t node, uint32_t peer, const pu_in *in)
{
    bool dialled = (in->flags & PU_DIALLER) != 0;
    if (!dialled && (peer == SCENARIO_ANY || !watch_is_authorised(w, node, peer)))
        breach(w, in->now, node, peer, "a connection");
    uint32_t relay = relay_of(w, node, in);
    w->conns = sim_grow(w->conns, &w->conn_cap, w->conn_count, sizeof *w->conns);
    put(&w->open_conns, conn_key(node, in->conn), w->conn_count);
    watch_conn *c = &w->conns[w->conn_count++];
    *c = (watch_conn){
        .node = node,
        .peer = peer,
        .relay = relay,
        .mate = SCENARIO_ANY,
        .handle = in->conn,
        .dialled = dialled,
        .way = (in->flags & PU_RELAYED) != 0       ? RUN_WAY_CIRCUIT
               : in->transport == PU_TRANSPORT_TCP ? RUN_WAY_TCP
                                                   : RUN_WAY_QUIC,
        .is_open = true,
        .local = in->local,
        .remote = in->remote,
        .begun = dialled ? dial_ended(w, node, in->token) : PU_NEVER,
        .up = in->now,
        .confirmed = PU_NEVER,
        .down = PU_NEVER,
    };
    return c;
}

/* Whether both ends have heard of each other since anything on their way moved. */
static bool is_alive(const watch *w, const watch_conn *c)
{
    return c->mate != SCENARIO_ANY && c->is_heard && w->conns[c->mate].is_heard;
}

static void set_heard(watch *w, pu_time now, watch_conn *c, bool is_heard)
{
    bool was_alive = is_alive(w, c);
    c->is_heard = is_heard;
    if (is_alive(w, c) != was_alive) pair_changed(w, now, c, was_alive ? -1 : 1);
}

/* The second end to be confirmed finds the first: the two are a connection. */
static void conn_confirmed(watch *w, pu_time now, watch_conn *c, pu_handle other)
{
    c->confirmed = now;
    c->other = other;
    watch_conn *mate = c->peer != SCENARIO_ANY && other != 0 ? conn_find(w, c->peer, other) : NULL;
    if (mate != NULL && mate->peer == c->node && mate->other == c->handle) {
        c->mate = (uint32_t)(mate - w->conns);
        mate->mate = (uint32_t)(c - w->conns);
    }
    set_heard(w, now, c, true);
}

static const watch_conn *conn_down(watch *w, watch_conn *c, const pu_in *in)
{
    set_heard(w, in->now, c, false);
    if (c->mate != SCENARIO_ANY) w->conns[c->mate].mate = SCENARIO_ANY;
    c->mate = SCENARIO_ANY;
    c->is_open = false;
    c->down = in->now;
    c->code = in->code;
    imap_del(&w->open_conns, conn_key(c->node, c->handle));
    return c;
}

void watch_moved(watch *w, pu_time now, uint32_t node)
{
    for (uint32_t i = 0; i < w->conn_count; i++) {
        watch_conn *c = &w->conns[i];
        if (c->is_open && (c->node == node || c->peer == node || c->relay == node))
            set_heard(w, now, c, false);
    }
}

/* ---- lives ---- */

void watch_start(watch *w, pu_time now, uint32_t node)
{
    w->lives = sim_grow(w->lives, &w->life_cap, w->life_count, sizeof *w->lives);
    w->lives[w->life_count++] = (watch_life){node, now, PU_NEVER};
}

static void life_end(watch *w, pu_time now, uint32_t node)
{
    for (uint32_t i = 0; i < w->life_count; i++)
        if (w->lives[i].node == node && w->lives[i].end == PU_NEVER) w->lives[i].end = now;
}

void watch_sleep(watch *w, pu_time now, uint32_t node)
{
    life_end(w, now, node);
    watch_moved(w, now, node);
}

void watch_crash(watch *w, pu_time now, uint32_t node)
{
    life_end(w, now, node);
    const pu_in gone = {.now = now, .code = PU_CODE_LOST};
    for (uint32_t i = 0; i < w->conn_count; i++)
        if (w->conns[i].node == node && w->conns[i].is_open) conn_down(w, &w->conns[i], &gone);
}

static void word_add(watch *w, pu_time now, uint32_t node, enum scenario_says says)
{
    w->words = sim_grow(w->words, &w->word_cap, w->word_count, sizeof *w->words);
    w->words[w->word_count++] = (watch_word){now, node, says};
}

/* Of the script's commands only a connect ends so. */
static bool is_failure(uint32_t code)
{
    return code == PU_CODE_TIMEOUT || code == PU_CODE_UNREACHABLE || code == PU_CODE_NO_ADDRESS ||
           code == PU_CODE_REFUSED || code == PU_CODE_LOST || code == PU_CODE_WRONG_PEER;
}

void watch_effect(watch *w, pu_time now, uint32_t node, const pu_ef *ef)
{
    if (ef->kind == PU_EF_DIAL || ef->kind == PU_EF_UPGRADE) dial_began(w, now, node, ef->token);
    if (ef->kind != PU_EF_EVENT) return;
    if (ef->what == PU_EVENT_RELAY)
        word_add(w, now, node,
                 (ef->flags & PU_GONE) != 0 ? SCENARIO_SAYS_RELAY_LOST : SCENARIO_SAYS_RESERVED);
    if (ef->what == PU_EVENT_DONE && is_failure(ef->code))
        word_add(w, now, node, SCENARIO_SAYS_FAILED);
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

const watch_conn *watch_input(watch *w, uint32_t node, uint32_t peer, pu_handle other,
                              const pu_in *in)
{
    if (in->kind == PU_IN_CONN_UP) return conn_up(w, node, peer, in);
    watch_conn *c = in->conn != 0 ? conn_find(w, node, in->conn) : NULL;
    bool is_bytes = in->kind == PU_IN_STREAM_DATA;
    if (in->kind == PU_IN_STREAM_UP && in->token != 0) w->streams_opened++;
    if (is_bytes || in->kind == PU_IN_STREAM_UP) bytes_came(w, c, in);
    if (c == NULL) return NULL;
    if (in->kind == PU_IN_CONN_CONFIRMED) conn_confirmed(w, in->now, c, other);
    else if (is_bytes && c->confirmed != PU_NEVER) set_heard(w, in->now, c, true);
    else if (in->kind == PU_IN_CONN_DOWN) return conn_down(w, c, in);
    return c;
}

enum run_way watch_way(const watch *w, uint32_t node, uint64_t ordinal)
{
    for (uint32_t i = w->conn_count; i-- > 0;) {
        const watch_conn *c = &w->conns[i];
        if (c->node == node && pu_handle_ordinal(c->handle) == ordinal) return c->way;
    }
    return RUN_WAY_CIRCUIT;
}
