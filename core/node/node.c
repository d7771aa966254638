/* One step: check the input against the tables, dispatch it, nothing else. What an input means is
 * in the file of its table. */
#include "node/apps.h"
#include "node/fault.h"
#include "node/names.h"

size_t pu_node_size(const pu_config *config)
{
    (void)config; /* every table grows on its own; the parameter leaves room for nodes that reserve
                     ahead */
    return sizeof(pu_node);
}

static bool config_in_range(const pu_config *config)
{
    const pu_config_info *info;
    for (size_t i = 0; (info = pu_config_at(i)) != NULL; i++) {
        uint64_t value = pu_config_get(config, info);
        if (value < info->least || value > info->most) return false;
    }
    return true;
}

int pu_node_init(pu_node **node, void *mem, const pu_config *config, const pu_env *env,
                 const uint8_t seed[32], pu_time now)
{
    if (!config_in_range(config)) return PU_ERANGE;
    pu_node *n = mem;
    memset(n, 0, sizeof *n);
    n->config = config;
    n->conns_most = (uint32_t)config->conns_max;
    n->streams_most = (uint32_t)config->streams_max;
    n->env = env;
    n->now = now;
    n->shed_until = n->book_due = PU_NEVER;
    memcpy(n->seed, seed, sizeof n->seed);
    for (uint32_t p = 0; p < RNG_PURPOSE_COUNT; p++) rng_init(&n->rngs[p], n->seed, p);
    uint8_t key[PU_ED25519_KEY_BYTES];
    env->crypto->public_key(env->crypto->ctx, key);
    pu_peer_id_from_ed25519(&n->self, key);
    fault_init(n);
    imap_init(&n->known_index, env->hash_seed, &env->alloc);
    imap_init(&n->authorised_index, env->hash_seed, &env->alloc);
    *node = n;
    return PU_OK;
}

void pu_node_close(pu_node *n)
{
    PU_ASSERT(n->out == NULL);
    const pu_alloc *alloc = ctx_alloc(n);
    for (uint32_t m = 0; m < MODULE_COUNT; m++) {
        const struct module *module = module_of((enum module_id)m);
        if (n->module_state[m] == NULL) continue;
        if (module->close != NULL) module->close(n, n->module_state[m]);
        mem_free(alloc, n->module_state[m], module->state_bytes);
        n->module_state[m] = NULL;
    }
    for (uint32_t i = 0; i < n->stream_cap; i++) {
        mem_bytes_free(alloc, &n->streams[i].in);
        mem_bytes_free(alloc, &n->streams[i].out);
    }
    for (uint32_t i = 0; i < n->conn_cap; i++) ctx_peer_drop(n, n->conns[i].peer);
    mem_free(alloc, n->refused, LIMIT_COUNT * sizeof *n->refused);
    for (uint32_t i = 0; i < n->leg_count; i++) {
        ctx_peer_drop(n, n->legs[i].peer);
        ctx_peer_drop(n, n->legs[i].via);
    }
    for (uint32_t i = 0; i < n->want_count; i++) ctx_peer_drop(n, n->wants[i].peer);
    for (uint32_t i = 0; i < n->command_count; i++) ctx_peer_drop(n, n->commands[i].peer);
    for (uint32_t i = 0; i < n->authorised_count; i++) ctx_peer_drop(n, n->authorised[i].peer);
    while (n->known_count > 0) book_forget(n, n->known[0].peer);
    imap_close(&n->known_index);
    imap_close(&n->authorised_index);
    mem_free(alloc, n->conns, n->conn_cap * sizeof(conn));
    mem_free(alloc, n->endpoints, n->endpoint_cap * sizeof(shared_endpoint));
    mem_free(alloc, n->streams, n->stream_cap * sizeof(stream));
    mem_free(alloc, n->openings, n->opening_cap * sizeof(opening));
    mem_free(alloc, n->timers, n->timer_cap * sizeof(timer));
    mem_free(alloc, n->legs, n->leg_cap * sizeof(leg));
    mem_free(alloc, n->wants, n->want_cap * sizeof(want));
    mem_free(alloc, n->known, n->known_cap * sizeof(known_peer));
    mem_free(alloc, n->authorised, n->authorised_cap * sizeof(authorised));
    mem_free(alloc, n->upgrades, n->upgrade_cap * sizeof(pu_token));
    mem_free(alloc, n->commands, n->command_cap * sizeof(pending_command));
    mem_free(alloc, n->config_own, sizeof(pu_config));
    mem_free(alloc, n->locals, n->local_cap * sizeof(local_addr));
}

pu_time pu_node_deadline(const pu_node *n, const char **why)
{
    PU_ASSERT(n->out == NULL);
    if (why != NULL) *why = "none";
    return timers_next(n, why);
}

const pu_peer_id *pu_node_id(const pu_node *n)
{
    return &n->self;
}

/* What check_input found: the records that the input names. */
typedef struct target {
    conn *conn;
    stream *stream;
} target;

static int check_stream_up(const pu_node *n, const pu_in *in)
{
    if (pu_handle_slot(in->stream) >= n->streams_most || pu_handle_ordinal(in->stream) == 0)
        return PU_ERANGE;
    bool taken = pu_handle_slot(in->stream) < n->stream_cap &&
                 n->streams[pu_handle_slot(in->stream)].handle != 0;
    return taken ? PU_EHANDLE : PU_OK;
}

/* A token answers the dial that it was given to, and nothing else. */
static bool is_answer(pu_node *n, const pu_in *in)
{
    const leg *l = in->kind == PU_IN_CONN_UP && in->token != 0 ? leg_find(n, in->token) : NULL;
    return l == NULL || (l->state == LEG_DIALLING && span_equal(ctx_peer_id(n, l->peer), in->peer));
}

/* A connection is QUIC, TCP, or a circuit, which is relayed. */
static bool is_carried(const pu_in *in)
{
    if ((in->flags & PU_RELAYED) != 0) return in->transport == PU_TRANSPORT_CIRCUIT;
    return in->transport == PU_TRANSPORT_QUIC || in->transport == PU_TRANSPORT_TCP;
}

static int check_new_conn(pu_node *n, const pu_in *in)
{
    if (pu_handle_slot(in->conn) >= n->conns_most || pu_handle_ordinal(in->conn) == 0)
        return PU_ERANGE;
    if (in->kind == PU_IN_CONN_UP || in->what == PU_ASK_SECURED) {
        pu_peer_id id;
        if (pu_peer_id_from_bytes(&id, in->peer) != PU_OK) return PU_ERANGE;
    }
    if (!is_answer(n, in)) return PU_EHANDLE;
    if (in->kind == PU_IN_CONN_UP && !is_carried(in)) return PU_ERANGE;
    if (in->kind == PU_IN_CONN_ASK && in->what != PU_ASK_ACCEPT && in->what != PU_ASK_SECURED)
        return PU_ERANGE;
    bool is_secured = in->kind == PU_IN_CONN_ASK && in->what == PU_ASK_SECURED;
    bool is_from_outside = in->kind == PU_IN_CONN_UP && (in->flags & PU_DIALLER) == 0;
    const conn *c = conn_find(n, in->conn);
    if (c != NULL && c->state == CONN_ASKED) { /* next: the proven id; once admitted: up */
        bool is_next = c->peer == 0 ? is_secured : is_from_outside;
        return is_next ? PU_OK : PU_EHANDLE;
    }
    uint32_t slot = pu_handle_slot(in->conn);
    if (slot < n->conn_cap && n->conns[slot].state != CONN_FREE) return PU_EHANDLE;
    bool needs_ask = is_from_outside || (is_secured && (in->flags & PU_RELAYED) == 0);
    return needs_ask ? PU_EHANDLE : PU_OK;
}

static int check_data(const stream *s, const pu_in *in)
{
    if (in->body.len > PU_DATA_MAX || in->body.len > s->room_in - s->received) return PU_ERANGE;
    return PU_OK;
}

/* Whether the input is one that this node may take now; finds what it names. */
static int check_input(pu_node *n, const pu_in *in, target *t)
{
    switch (in->kind) {
    case PU_IN_TICK:
    case PU_IN_STORED:
    case PU_IN_DIAL_FAIL: return PU_OK;
    case PU_IN_KEPT: return keep_check(n, in);
    case PU_IN_CLOCK: return in->offset <= INT64_MAX && in->now <= INT64_MAX ? PU_OK : PU_ERANGE;
    case PU_IN_ADDR:
        return in->transport == PU_TRANSPORT_QUIC || in->transport == PU_TRANSPORT_TCP ? PU_OK
                                                                                       : PU_ERANGE;
    case PU_IN_PACKET: return in->body.len <= PU_PACKET_MAX ? PU_OK : PU_ERANGE;
    case PU_IN_COMMAND: return command_check(n, in);
    case PU_IN_CONN_ASK:
    case PU_IN_CONN_UP: return check_new_conn(n, in);
    case PU_IN_CONN_CONFIRMED:
    case PU_IN_CONN_PATH:
    case PU_IN_CONN_DOWN:
        t->conn = conn_find(n, in->conn);
        return t->conn != NULL ? PU_OK : PU_EHANDLE;
    case PU_IN_STREAM_UP:
        t->conn = conn_find(n, in->conn);
        return t->conn != NULL ? check_stream_up(n, in) : PU_EHANDLE;
    case PU_IN_STREAM_DOWN:
        if (in->stream == 0 && in->token != 0) return PU_OK;
        t->stream = stream_find(n, in->stream);
        return t->stream != NULL ? PU_OK : PU_EHANDLE;
    case PU_IN_STREAM_DATA:
        t->stream = stream_find(n, in->stream);
        return t->stream != NULL ? check_data(t->stream, in) : PU_EHANDLE;
    case PU_IN_STREAM_ROOM:
    case PU_IN_STREAM_STOP:
        t->stream = stream_find(n, in->stream);
        return t->stream != NULL ? PU_OK : PU_EHANDLE;
    case PU_IN_APP: return app_check(n, in, &t->stream);
    case PU_IN_RESOLVED: return resolved_check(in);
    case PU_IN_MAPPED:
    default: return PU_ERANGE; /* not built yet, or no kind at all */
    }
}

static void tick(pu_node *n)
{
    if (!n->is_started) {
        n->is_started = true;
        n->served = protos_served(n);
        ctx_trace(n, PU_TR_NODE_START, NULL, NULL, 0, n->config->conns_max, 0, span_of(NULL, 0));
        self_announce(n);
        wants_begin_all(n);
    }
    timers_fire(n);
}

static void dispatch(pu_node *n, const pu_in *in, target t)
{
    switch (in->kind) {
    case PU_IN_TICK: tick(n); break;
    case PU_IN_CONN_ASK: conn_ask(n, in); break;
    case PU_IN_CONN_UP: conn_up(n, in); break;
    case PU_IN_CONN_CONFIRMED: conn_confirmed(n, t.conn); break;
    case PU_IN_CONN_PATH: conn_path(n, t.conn, in); break;
    case PU_IN_CONN_DOWN: conn_down(n, t.conn, in->code); break;
    case PU_IN_DIAL_FAIL:
        upgrade_answered(n, in->token);
        leg_failed(n, in->token, in->code);
        break;
    case PU_IN_STREAM_UP: stream_up(n, t.conn, in); break;
    case PU_IN_STREAM_DATA: stream_data(n, t.stream, in); break;
    case PU_IN_STREAM_ROOM: stream_room(n, t.stream, in->offset); break;
    case PU_IN_STREAM_STOP: stream_stop(n, t.stream, in->code); break;
    case PU_IN_STREAM_DOWN:
        if (t.stream == NULL) stream_open_failed(n, in);
        else stream_down(n, t.stream, in);
        break;
    case PU_IN_PACKET:
        break; /* whoever sends to the MAIN port; a punch datagram has done its work at the boxes */
    case PU_IN_ADDR: self_addr(n, in); break;
    case PU_IN_CLOCK:
        n->has_clock = true;
        n->clock_at = in->now;
        n->clock_unix_ns = in->offset;
        gater_timer(n, 0);
        break;
    case PU_IN_KEPT: keep_kept(n, in); break;
    case PU_IN_STORED: keep_stored(n, in); break;
    case PU_IN_COMMAND: command_run(n, in); break;
    case PU_IN_APP: app_run(n, t.stream, in); break;
    case PU_IN_RESOLVED: resolved(n, in); break;
    case PU_IN_MAPPED:
    default: PU_NEVER_HERE();
    }
}

/* Slots above the last stream in use; only where a stream has gone is anything to be found. */
static void streams_trim(pu_node *n)
{
    uint32_t used = n->stream_cap;
    while (used > 0 && n->streams[used - 1].phase == STREAM_FREE) used--;
    mem_trim(ctx_alloc(n), (void **)&n->streams, &n->stream_cap, used, sizeof(stream));
}

/* What a burst needed is given back once the step is over and nobody points into the tables: a node
 * at rest holds little more than its connections. */
static void tables_trim(pu_node *n, bool stream_has_gone)
{
    const pu_alloc *alloc = ctx_alloc(n);
    if (stream_has_gone) streams_trim(n);
    mem_trim(alloc, (void **)&n->endpoints, &n->endpoint_cap, n->endpoint_count,
             sizeof(shared_endpoint));
    mem_trim(alloc, (void **)&n->openings, &n->opening_cap, n->opening_count, sizeof(opening));
    mem_trim(alloc, (void **)&n->timers, &n->timer_cap, n->timer_count, sizeof(timer));
    mem_trim(alloc, (void **)&n->legs, &n->leg_cap, n->leg_count, sizeof(leg));
    mem_trim(alloc, (void **)&n->wants, &n->want_cap, n->want_count, sizeof(want));
    mem_trim(alloc, (void **)&n->commands, &n->command_cap, n->command_count,
             sizeof(pending_command));
}

int pu_node_step(pu_node *n, const pu_in *in, pu_out *out)
{
    PU_ASSERT(n->out == NULL);
    PU_ASSERT(out_is_empty(out));
    PU_ASSERT(in->now >= n->now);
    target t = {NULL, NULL};
    int err = check_input(n, in, &t);
    if (err != PU_OK) return err;
    n->now = in->now;
    n->in = in;
    n->out = out;
    uint32_t streams = n->stream_count;
    dispatch(n, in, t);
    tables_trim(n, n->stream_count < streams);
    PU_VERIFY(limits_are_true(n));
    n->out = NULL;
    n->in = NULL;
    return PU_OK;
}
