/* Commands: what the application asks, each answered by one EVENT DONE. */
#include "node/apps.h"
#include "proto/ping.h"

enum { CONNECT_DEFAULT_NS = 30 }; /* seconds */

void ctx_command_done(pu_node *n, pu_token command, uint32_t code, uint64_t offset)
{
    pu_ef *e = effect(n, PU_EF_EVENT);
    e->what = PU_EVENT_DONE;
    e->token = command;
    e->code = code;
    e->offset = offset;
}

static bool names_a_peer(enum pu_command what)
{
    switch (what) {
    case PU_CMD_REVOKE:
    case PU_CMD_FORGET:
    case PU_CMD_CONNECT:
    case PU_CMD_DISCONNECT:
    case PU_CMD_PING: return true;
    case PU_CMD_AUTHORISE:
    case PU_CMD_ADDRESS:
    case PU_CMD_EXPOSE:
    case PU_CMD_WITHDRAW:
    case PU_CMD_SET:
    case PU_CMD_STOP:
    default: return false;
    }
}

int command_check(const pu_node *n, const pu_in *in)
{
    (void)n;
    if (in->token == 0 || in->what < PU_CMD_AUTHORISE || in->what > PU_CMD_STOP) return PU_ERANGE;
    pu_peer_id id;
    bool is_bad =
        names_a_peer((enum pu_command)in->what) && pu_peer_id_from_bytes(&id, in->peer) != PU_OK;
    return is_bad ? PU_ERANGE : PU_OK;
}

/* ---- commands that wait ---- */

static bool pending_add(pu_node *n, const pu_in *in, pu_peer peer)
{
    if (ctx_at_limit(n, "commands", n->command_count, COMMANDS_MAX)) return false;
    if (!mem_grow(ctx_alloc(n), (void **)&n->commands, &n->command_cap, n->command_count,
                  COMMANDS_MAX, sizeof(pending_command)))
        return false;
    if (peer != 0) pu_peers_retain(n->env->peers, peer);
    n->commands[n->command_count++] = (pending_command){in->token, (enum pu_command)in->what, peer};
    return true;
}

static void pending_remove(pu_node *n, uint32_t at)
{
    pending_command c = n->commands[at];
    n->command_count--;
    memmove(&n->commands[at], &n->commands[at + 1], (n->command_count - at) * sizeof c);
    ctx_timer(n, TIMER_COMMAND, c.token, PU_NEVER);
    ctx_peer_drop(n, c.peer);
}

static void pending_done(pu_node *n, uint32_t at, uint32_t code)
{
    pu_token token = n->commands[at].token;
    pending_remove(n, at);
    ctx_command_done(n, token, code, 0);
}

/* Whether a command waits for a connection with peer. */
static bool awaits(const pending_command *c, pu_peer peer)
{
    return (c->what == PU_CMD_CONNECT || c->what == PU_CMD_PING) && c->peer == peer;
}

static void pending_done_peer(pu_node *n, pu_peer peer, uint32_t code)
{
    for (uint32_t i = 0; i < n->command_count;)
        if (awaits(&n->commands[i], peer)) pending_done(n, i, code);
        else i++;
}

bool commands_await(const pu_node *n, pu_peer peer)
{
    for (uint32_t i = 0; i < n->command_count; i++)
        if (awaits(&n->commands[i], peer)) return true;
    return false;
}

static void ping(pu_node *n, conn *c, pu_token token)
{
    if (!ping_now(n, c, token)) ctx_command_done(n, token, PU_CODE_RESOURCE, 0);
}

void commands_connected(pu_node *n, pu_peer peer)
{
    conn *c = ctx_conn_of(n, peer);
    for (uint32_t i = 0; c != NULL && i < n->command_count;) {
        pu_token token = n->commands[i].token;
        if (n->commands[i].what != PU_CMD_PING || n->commands[i].peer != peer) {
            i++;
            continue;
        }
        pending_remove(n, i);
        ping(n, c, token);
    }
    pending_done_peer(n, peer, PU_CODE_OK);
    app_opens_connected(n, peer);
}

void commands_failed(pu_node *n, pu_peer peer, uint32_t code)
{
    if (code == PU_CODE_OK) code = PU_CODE_UNREACHABLE;
    pending_done_peer(n, peer, code);
    app_opens_failed(n, peer, code);
}

/* ---- stopping ---- */

static void stop_finished(pu_node *n)
{
    for (uint32_t i = 0; i < n->command_count;)
        if (n->commands[i].what == PU_CMD_STOP) pending_done(n, i, PU_CODE_OK);
        else i++;
}

void commands_stopped(pu_node *n)
{
    if (n->conn_count == 0 && n->want_count == 0) stop_finished(n);
}

/* Gives up wants and hole punches and dooms connections, as many as a step may; TIMER_COMMAND goes
 * on with the rest. */
static void stop_work(pu_node *n, pu_token token)
{
    while (n->want_count > 0 && out_has_room(n->out)) {
        pu_peer peer = n->wants[0].peer;
        pu_peers_retain(n->env->peers, peer);
        want_drop(n, peer);
        commands_failed(n, peer, PU_CODE_CANCELLED);
        ctx_peer_drop(n, peer);
    }
    while (n->leg_count > 0 && out_has_room(n->out))
        legs_cancel(n, n->legs[0].peer, true, NULL); /* of punches: those of wants went with them */
    if (n->want_count > 0 || n->leg_count > 0) {
        ctx_timer(n, TIMER_COMMAND, token, n->now);
        return;
    }
    uint32_t cursor = 0;
    for (conn *c; out_has_room(n->out) && (c = ctx_conn_at(n, &cursor)) != NULL;)
        conn_doom(n, c, PU_CODE_SHUTDOWN);
    if (cursor < n->conn_cap) ctx_timer(n, TIMER_COMMAND, token, n->now);
    commands_stopped(n);
}

void command_timer(pu_node *n, uint64_t token)
{
    uint32_t at = 0;
    while (at < n->command_count && n->commands[at].token != token) at++;
    if (at == n->command_count) return;
    if (n->commands[at].what == PU_CMD_STOP) {
        stop_work(n, (pu_token)token);
        return;
    }
    pu_peer peer = n->commands[at].peer;
    pu_peers_retain(n->env->peers, peer);
    pending_done(n, at, PU_CODE_TIMEOUT);
    want_release(n, peer);
    ctx_peer_drop(n, peer);
}

static void run_stop(pu_node *n, const pu_in *in)
{
    if (!pending_add(n, in, 0)) {
        ctx_command_done(n, in->token, PU_CODE_NO_MEMORY, 0);
        return;
    }
    n->is_stopping = true;
    ctx_trace(n, PU_TR_NODE_STOP, NULL, NULL, 0, 0, 0, span_of(NULL, 0));
    stop_work(n, in->token);
}

/* ---- commands about a peer ---- */

/* CONNECT, and a PING of a peer that we are not connected to. */
static void run_connect(pu_node *n, const pu_in *in, pu_peer peer)
{
    bool keep = in->what == PU_CMD_CONNECT && (in->flags & PU_KEEP) != 0;
    bool is_up = ctx_conn_of(n, peer) != NULL;
    if (span_equal(in->peer, span_of(n->self.bytes, n->self.len)) || n->is_stopping) {
        ctx_command_done(n, in->token, n->is_stopping ? PU_CODE_SHUTDOWN : PU_CODE_INVALID, 0);
        return;
    }
    if (!pending_add(n, in, peer)) {
        ctx_command_done(n, in->token, PU_CODE_RESOURCE, 0);
        return;
    }
    pu_time deadline = in->deadline != 0 ? in->deadline : ctx_after(n, CONNECT_DEFAULT_NS * PU_S);
    ctx_timer(n, TIMER_COMMAND, in->token, deadline);
    uint32_t code = is_up && !keep ? PU_CODE_OK : want_add(n, peer, keep);
    if (is_up || code != PU_CODE_OK) pending_done_peer(n, peer, code);
}

static void run_ping(pu_node *n, const pu_in *in, pu_peer peer)
{
    conn *c = ctx_conn_of(n, peer);
    if (c == NULL) run_connect(n, in, peer);
    else ping(n, c, in->token);
}

static void run_about_peer(pu_node *n, const pu_in *in)
{
    pu_peer peer = ctx_peer_hold(n, in->peer);
    if (peer == 0) {
        ctx_command_done(n, in->token, PU_CODE_RESOURCE, 0);
        return;
    }
    if (in->what == PU_CMD_CONNECT) {
        run_connect(n, in, peer);
    } else if (in->what == PU_CMD_PING) {
        run_ping(n, in, peer);
    } else {
        if (in->what == PU_CMD_REVOKE) gater_revoke(n, peer);
        if (in->what == PU_CMD_FORGET) book_forget(n, peer);
        if (in->what == PU_CMD_DISCONNECT) {
            want_drop(n, peer);
            commands_failed(n, peer, PU_CODE_CANCELLED);
            conns_hangup_peer(n, peer, PU_CODE_SHUTDOWN);
        }
        ctx_command_done(n, in->token, PU_CODE_OK, 0);
    }
    ctx_peer_drop(n, peer);
}

/* The configuration that belongs to this node alone: a copy of the host's, made when it first
 * changes. NULL: no memory. */
static pu_config *config_own(pu_node *n)
{
    if (n->config_own != NULL) return n->config_own;
    n->config_own = mem_new(ctx_alloc(n), sizeof(pu_config));
    if (n->config_own == NULL) {
        ctx_no_memory(n, NULL, sizeof(pu_config));
        return NULL;
    }
    *n->config_own = *n->config;
    n->config = n->config_own;
    return n->config_own;
}

/* "name=value": value in decimal, in the unit of the list. */
static uint32_t run_set(pu_node *n, pu_span body)
{
    size_t at = 0;
    while (at < body.len && body.base[at] != '=') at++;
    pu_span name = span_head(body, at);
    uint64_t value = 0;
    if (at + 1 >= body.len) return PU_CODE_INVALID;
    for (at++; at < body.len; at++) {
        uint64_t digit = (uint64_t)body.base[at] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return PU_CODE_INVALID;
        value = value * 10 + digit;
    }
    pu_config *own = config_own(n);
    if (own == NULL) return PU_CODE_NO_MEMORY;
    if (pu_config_set(own, name, value) != PU_OK) return PU_CODE_INVALID;
    if (own->conns_max > n->conns_most) n->conns_most = (uint32_t)own->conns_max;
    if (own->streams_max > n->streams_most) n->streams_most = (uint32_t)own->streams_max;
    const char *set = pu_config_find(name)->name;
    pu_ef *e = effect(n, PU_EF_SET);
    e->body = span_of(set, strlen(set));
    e->offset = value;
    protos_check(n);
    gater_enforce(n); /* gating may be on now */
    return PU_CODE_OK;
}

void command_run(pu_node *n, const pu_in *in)
{
    switch (in->what) {
    case PU_CMD_AUTHORISE:
        ctx_command_done(n, in->token, (uint32_t)gater_authorise(n, in->body), 0);
        break;
    case PU_CMD_ADDRESS:
        ctx_command_done(n, in->token, book_add(n, in->body, (in->flags & PU_RELAY) != 0), 0);
        break;
    case PU_CMD_EXPOSE: ctx_command_done(n, in->token, service_expose(n, in->body), 0); break;
    case PU_CMD_WITHDRAW: ctx_command_done(n, in->token, service_withdraw(n, in->body), 0); break;
    case PU_CMD_SET: ctx_command_done(n, in->token, run_set(n, in->body), 0); break;
    case PU_CMD_STOP: run_stop(n, in); break;
    default: run_about_peer(n, in); break;
    }
}
