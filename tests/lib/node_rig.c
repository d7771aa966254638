/* tests/lib/node_rig.c - hosts of node and link, their commands and applications; see node_rig.h.
 */
#include "tests/lib/node_rig.h"

#include "base/bytes.h"
#include "base/mix.h"
#include "tests/lib/plain_heap.h"

#include <stdlib.h>

#define ECHO_PROTOCOL "/rig/echo/1.0.0"
#define UNIX_START (UINT64_C(1767225600) * PU_S)

struct node_rig_input {
    struct node_rig_input *next;
    pu_in in;
    uint8_t bytes[]; /* of peer and body */
};

static uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 131 + (offset >> 8) * 7 + (offset >> 16));
}

/* ---- what a host plugs in ---- */

static void host_key(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES])
{
    node_rig_host *h = ctx;
    h->identity.public_key(h->identity.ctx, key);
}

static void host_sign(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    node_rig_host *h = ctx;
    h->identity.sign(h->identity.ctx, signature, message);
}

static bool host_verify(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                        const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    node_rig_host *h = ctx;
    return h->identity.verify(h->identity.ctx, key, message, signature);
}

/* Secrets that are the same in every run. */
static void host_random(void *ctx, uint8_t *out, size_t len)
{
    node_rig_host *h = ctx;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(mix3(h->index + 1, h->rig->dice, h->drawn++) >> 23);
}

static void on_trace(void *ctx, const pu_trace *event)
{
    node_rig_host *h = ctx;
    h->traced[event->code]++;
}

/* ---- the node's FIFO ---- */

static void put(node_rig_host *h, const pu_in *in)
{
    struct node_rig_input *i = malloc(sizeof *i + in->peer.len + in->body.len);
    PU_ASSERT(i != NULL);
    i->next = NULL;
    i->in = *in;
    if (in->peer.len > 0) memcpy(i->bytes, in->peer.base, in->peer.len);
    if (in->body.len > 0) memcpy(i->bytes + in->peer.len, in->body.base, in->body.len);
    i->in.peer.base = i->bytes;
    i->in.body.base = i->bytes + in->peer.len;
    if (h->last != NULL) h->last->next = i;
    else h->first = i;
    h->last = i;
}

/* ---- applications ---- */

static node_rig_app *app_of(node_rig_host *h, pu_handle handle)
{
    for (uint32_t i = 0; i < h->app_count; i++)
        if (h->apps[i].stream == handle && handle != 0) return &h->apps[i];
    return NULL;
}

static node_rig_app *app_add(node_rig_host *h)
{
    PU_ASSERT(h->app_count < NODE_RIG_APPS_MAX);
    node_rig_app *a = &h->apps[h->app_count++];
    memset(a, 0, sizeof *a);
    return a;
}

static void app_say(node_rig_host *h, const node_rig_app *a, enum pu_app what, uint64_t offset,
                    pu_span body)
{
    put(h,
        &(pu_in){
            .kind = PU_IN_APP, .what = what, .stream = a->stream, .offset = offset, .body = body});
}

/* Sends what there is room for: an echo what it got, others what they want. */
static void app_pump(node_rig_host *h, node_rig_app *a)
{
    uint8_t bytes[4096];
    uint64_t until = a->is_echo ? a->got : a->want;
    while (!a->is_over && a->sent < until && a->sent < a->room) {
        uint64_t count = until - a->sent;
        if (count > a->room - a->sent) count = a->room - a->sent;
        if (count > sizeof bytes) count = sizeof bytes;
        for (uint64_t i = 0; i < count; i++) bytes[i] = pattern(a->sent + i);
        a->sent += count;
        app_say(h, a, PU_APP_DATA, 0, span_of(bytes, count));
    }
    bool is_last = a->is_echo ? a->fin_got : true;
    if (a->is_over || a->fin_sent || !is_last || a->sent < until) return;
    a->fin_sent = true;
    app_say(h, a, PU_APP_FIN, 0, span_of(NULL, 0));
}

static void app_opened(node_rig_host *h, const pu_ef *ef)
{
    node_rig_app *a = NULL;
    for (uint32_t i = 0; i < h->app_count && ef->token != 0; i++)
        if (h->apps[i].token == ef->token) a = &h->apps[i];
    if (a == NULL) {
        a = app_add(h);
        a->is_echo = true;
        a->stream = ef->stream;
        app_say(h, a, PU_APP_OPEN, 65536, span_of(NULL, 0));
    }
    a->stream = ef->stream;
    a->room = ef->offset;
    a->opened_at = h->rig->now;
    app_pump(h, a);
}

static void app_data(node_rig_host *h, node_rig_app *a, pu_span body)
{
    for (size_t i = 0; i < body.len; i++)
        if (body.base[i] != pattern(a->got + i)) a->is_wrong = true;
    a->got += body.len;
    app_say(h, a, PU_APP_ROOM, a->got + 65536, span_of(NULL, 0));
    app_pump(h, a);
}

static void app_over(node_rig_host *h, node_rig_app *a, uint32_t code)
{
    a->is_over = true;
    a->code = code;
    a->over_at = h->rig->now;
}

static void app_effect(node_rig_host *h, const pu_ef *ef)
{
    if (ef->what == PU_APP_OPEN) {
        app_opened(h, ef);
        return;
    }
    node_rig_app *a = app_of(h, ef->stream);
    for (uint32_t i = 0; i < h->app_count && a == NULL; i++)
        if (h->apps[i].token == ef->token && ef->token != 0) a = &h->apps[i];
    PU_ASSERT(a != NULL);
    switch ((enum pu_app)ef->what) {
    case PU_APP_DATA: app_data(h, a, ef->body); break;
    case PU_APP_ROOM:
        a->room = ef->offset;
        app_pump(h, a);
        break;
    case PU_APP_FIN:
        a->fin_got = true;
        app_pump(h, a);
        break;
    case PU_APP_END: app_over(h, a, PU_CODE_OK); break;
    case PU_APP_RESET: app_over(h, a, ef->code != 0 ? ef->code : PU_CODE_LOST); break;
    case PU_APP_STOP:
    case PU_APP_OPEN: break;
    }
}

/* ---- steps ---- */

static void drain(node_rig_host *h);

static void note(node_rig_host *h, const pu_in *in)
{
    uint64_t ordinal = pu_handle_ordinal(in->conn);
    if (ordinal == 0 || ordinal >= NODE_RIG_CONNS_MAX) return;
    node_rig_conn *c = &h->conns[ordinal];
    if (in->kind == PU_IN_CONN_UP)
        *c = (node_rig_conn){.handle = in->conn,
                             .flags = in->flags,
                             .transport = in->transport,
                             .remote = in->remote,
                             .up_at = h->rig->now};
    if (in->kind == PU_IN_CONN_CONFIRMED) c->confirmed_at = h->rig->now;
    if (in->kind == PU_IN_STREAM_DATA && c->first_data_at == 0) c->first_data_at = h->rig->now;
    if (in->kind == PU_IN_CONN_DOWN) {
        c->down_at = h->rig->now;
        c->code = in->code;
    }
}

/* Performs what the link said; inputs go into the FIFO. */
static void perform(node_rig_host *h, pu_link_out *out)
{
    pu_link_ef ef;
    while (pu_link_out_next(out, &ef)) {
        if (ef.kind == PU_LINK_EF_INPUT) {
            boundary_in(&h->law, ef.input);
            note(h, ef.input);
            put(h, ef.input);
        } else {
            node_rig_link_effect(h, &ef);
        }
    }
    pu_link_out_reset(out);
}

static void node_effect(node_rig_host *h, const pu_ef *ef)
{
    if (pu_link_takes(ef->kind)) {
        boundary_ef(&h->law, ef);
        pu_link_in in = {.now = h->rig->now, .kind = PU_LINK_IN_EFFECT, .effect = ef};
        int result = pu_link_step(h->link, &in, h->effect_out);
        PU_ASSERT(result == PU_OK);
        perform(h, h->effect_out);
    } else if (ef->kind == PU_EF_KEEP) {
        put(h, &(pu_in){.kind = PU_IN_STORED, .token = ef->token});
    } else if (ef->kind == PU_EF_APP) {
        app_effect(h, ef);
    } else if (ef->kind == PU_EF_EVENT && ef->what == PU_EVENT_DONE) {
        PU_ASSERT(ef->token < NODE_RIG_TOKENS_MAX);
        h->done[ef->token] = ef->code;
        h->done_offset[ef->token] = ef->offset;
    }
}

void node_rig_effect(node_rig_host *h, const pu_ef *ef)
{
    node_effect(h, ef);
    drain(h);
}

static void drain(node_rig_host *h)
{
    while (h->first != NULL) {
        struct node_rig_input *i = h->first;
        h->first = i->next;
        if (h->first == NULL) h->last = NULL;
        i->in.now = h->rig->now;
        int result = pu_node_step(h->node, &i->in, h->out);
        /* An APP input may cross the end of its stream; a link's input never does. */
        bool may_miss = h->may_forget || i->in.kind == PU_IN_APP;
        PU_ASSERT(result == PU_OK || (result == PU_EHANDLE && may_miss));
        pu_ef ef;
        while (pu_out_next(h->out, &ef)) node_effect(h, &ef);
        pu_out_reset(h->out);
        free(i);
    }
}

void node_rig_step(node_rig_host *h, pu_link_in *in)
{
    in->now = h->rig->now;
    int result = pu_link_step(h->link, in, h->link_out);
    PU_ASSERT(result == PU_OK);
    perform(h, h->link_out);
    drain(h);
}

/* ---- life ---- */

node_rig *node_rig_new(uint64_t dice, uint64_t delay_ns)
{
    node_rig *w = calloc(1, sizeof *w);
    PU_ASSERT(w != NULL);
    w->now = PU_S;
    w->dice = dice;
    w->delay_ns = delay_ns;
    return w;
}

static void host_close(node_rig_host *h)
{
    while (h->first != NULL) {
        struct node_rig_input *i = h->first;
        h->first = i->next;
        free(i);
    }
    pu_link_free(h->link);
    pu_node_close(h->node);
    pu_peers_free(h->peers);
    free(h->mem);
    boundary_close(&h->law);
    pu_crypto_real_close(&h->key);
    PU_ASSERT(h->heap.live_bytes == 0);
}

void node_rig_free(node_rig *w)
{
    for (uint32_t i = 0; i < w->host_count; i++) host_close(&w->hosts[i]);
    node_rig_net_free(w);
    free(w);
}

/* The effect lists are large and empty between steps: those of one rig serve the next. */
static void lend_lists(node_rig_host *h)
{
    static struct {
        pu_out *out;
        pu_link_out *link_out, *effect_out;
    } lists[NODE_RIG_HOSTS_MAX];
    const pu_env env = {.alloc = plain_heap};
    if (lists[h->index].out == NULL) {
        int result = pu_out_new(&lists[h->index].out, &env);
        PU_ASSERT(result == PU_OK);
        result = pu_link_out_new(&lists[h->index].link_out, &plain_heap);
        PU_ASSERT(result == PU_OK);
        result = pu_link_out_new(&lists[h->index].effect_out, &plain_heap);
        PU_ASSERT(result == PU_OK);
    }
    h->out = lists[h->index].out;
    h->link_out = lists[h->index].link_out;
    h->effect_out = lists[h->index].effect_out;
}

static void open_host(node_rig_host *h)
{
    uint8_t seed[32] = {0x31, (uint8_t)h->index};
    int result = pu_crypto_real_init(&h->identity, &h->key, seed);
    PU_ASSERT(result == PU_OK);
    h->crypto = (pu_crypto){h, host_key, host_sign, host_verify, host_random};
    h->alloc = fault_heap_alloc(&h->heap);
    result = pu_peers_new(&h->peers, 256, 1, &h->alloc);
    PU_ASSERT(result == PU_OK);
    h->env = (pu_env){.peers = h->peers,
                      .crypto = &h->crypto,
                      .alloc = h->alloc,
                      .hash_seed = 1,
                      .trace = on_trace,
                      .trace_ctx = h,
                      .trace_mask = PU_TRACE_ALL};
    h->link_env = (pu_link_env){.crypto = &h->crypto, .alloc = h->alloc, .hash_seed = 2};
    h->mem = malloc(pu_node_size(&h->config));
    result = pu_node_init(&h->node, h->mem, &h->config, &h->env, seed, h->rig->now);
    PU_ASSERT(result == PU_OK);
    result = pu_link_new(&h->link, &h->config, &h->link_env, h->rig->now, UNIX_START + h->rig->now);
    PU_ASSERT(result == PU_OK);
    lend_lists(h);
}

node_rig_host *node_rig_add(node_rig *w, bool is_behind, void (*change)(pu_config *config))
{
    PU_ASSERT(w->host_count < NODE_RIG_HOSTS_MAX);
    node_rig_host *h = &w->hosts[w->host_count];
    h->rig = w;
    h->index = w->host_count++;
    h->is_behind = is_behind;
    h->outside = pu_endpoint_ip4(11, 0, (uint8_t)h->index, 1, NODE_RIG_PORT);
    h->at = is_behind ? pu_endpoint_ip4(192, 168, (uint8_t)h->index, 2, NODE_RIG_PORT) : h->outside;
    for (uint32_t i = 0; i < NODE_RIG_TOKENS_MAX; i++) h->done[i] = UINT32_MAX;
    pu_config_default(&h->config);
    if (change != NULL) change(&h->config);
    h->law.config = &h->config;
    open_host(h);
    put(h, &(pu_in){.kind = PU_IN_CLOCK, .offset = UNIX_START + w->now});
    drain(h);
    return h;
}

static pu_token command(node_rig_host *h, enum pu_command what, pu_span peer, uint32_t flags,
                        pu_span body)
{
    PU_ASSERT(h->token_last + 1 < NODE_RIG_TOKENS_MAX);
    put(h, &(pu_in){.kind = PU_IN_COMMAND,
                    .what = what,
                    .token = ++h->token_last,
                    .peer = peer,
                    .flags = flags,
                    .body = body});
    drain(h);
    return h->token_last;
}

void node_rig_authorise(node_rig_host *h, const node_rig_host *other)
{
    char line[PU_PEER_ID_TEXT_MAX];
    size_t len = pu_peer_id_text(pu_node_id(other->node), PU_PEER_BASE58, line);
    pu_token token = command(h, PU_CMD_AUTHORISE, span_of(NULL, 0), 0, span_of(line, len));
    PU_ASSERT(h->done[token] == PU_CODE_OK);
}

void node_rig_address(node_rig_host *h, const node_rig_host *other, enum pu_transport transport,
                      bool relay)
{
    uint8_t bytes[PU_MADDR_MAX + 64];
    const pu_peer_id *id = pu_node_id(other->node);
    size_t len = pu_addr_write(bytes, &other->outside, transport);
    bytes[len++] = 0xa5; /* /p2p */
    bytes[len++] = 0x03;
    bytes[len++] = id->len;
    memcpy(bytes + len, id->bytes, id->len);
    pu_token token = command(h, PU_CMD_ADDRESS, span_of(NULL, 0), relay ? PU_RELAY : 0,
                             span_of(bytes, len + id->len));
    PU_ASSERT(h->done[token] == PU_CODE_OK);
}

void node_rig_start(node_rig_host *h)
{
    h->is_on = true;
    pu_in in = {.kind = PU_IN_ADDR, .flags = PU_LISTEN, .local = h->at, .socket = PU_SOCKET_MAIN};
    in.transport = PU_TRANSPORT_QUIC;
    put(h, &in);
    in.transport = PU_TRANSPORT_TCP;
    put(h, &in);
    put(h, &(pu_in){.kind = PU_IN_TICK});
    pu_link_in local = {.kind = PU_LINK_IN_LOCAL, .socket = PU_SOCKET_MAIN, .local = h->at};
    node_rig_step(h, &local);
    local.flags = PU_LINK_TCP;
    node_rig_step(h, &local);
}

pu_token node_rig_command(node_rig_host *h, enum pu_command what, const node_rig_host *peer)
{
    pu_span id = span_of(NULL, 0);
    if (peer != NULL) id = span_of(pu_node_id(peer->node)->bytes, pu_node_id(peer->node)->len);
    return command(h, what, id, 0, span_of(NULL, 0));
}

bool node_rig_is_done(const node_rig_host *h, pu_token token)
{
    return h->done[token] != UINT32_MAX;
}

void node_rig_set(node_rig_host *h, const char *text)
{
    pu_token token = command(h, PU_CMD_SET, span_of(NULL, 0), 0, span_of(text, strlen(text)));
    PU_ASSERT(h->done[token] == PU_CODE_OK);
}

void node_rig_expose(node_rig_host *h)
{
    pu_service s = {.name = SPAN_LITERAL("echo"),
                    .protocols = {SPAN_LITERAL(ECHO_PROTOCOL)},
                    .protocol_count = 1,
                    .streams_max = 1024,
                    .streams_per_peer_max = 1024};
    uint8_t bytes[512];
    size_t len = pu_service_write(bytes, sizeof bytes, &s);
    pu_token token = command(h, PU_CMD_EXPOSE, span_of(NULL, 0), 0, span_of(bytes, len));
    PU_ASSERT(h->done[token] == PU_CODE_OK);
}

node_rig_app *node_rig_open(node_rig_host *h, const node_rig_host *peer, uint64_t bytes)
{
    static pu_token last = 1000;
    const pu_peer_id *id = pu_node_id(peer->node);
    node_rig_app *a = app_add(h);
    a->token = ++last;
    a->want = bytes;
    put(h, &(pu_in){.kind = PU_IN_APP,
                    .what = PU_APP_OPEN,
                    .token = a->token,
                    .peer = span_of(id->bytes, id->len),
                    .offset = 65536,
                    .body = SPAN_LITERAL(ECHO_PROTOCOL)});
    drain(h);
    return a;
}

void node_rig_apps_forget(node_rig_host *h)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < h->app_count; i++)
        if (!h->apps[i].is_over) h->apps[kept++] = h->apps[i];
    h->app_count = kept;
}

/* ---- time ---- */

static pu_time host_due(const node_rig_host *h)
{
    if (!h->is_on) return PU_NEVER;
    pu_time node = pu_node_deadline(h->node, NULL), link = pu_link_deadline(h->link, NULL);
    return node < link ? node : link;
}

static void host_tick(node_rig_host *h)
{
    h->ticks++;
    if (pu_node_deadline(h->node, NULL) <= h->rig->now) {
        put(h, &(pu_in){.kind = PU_IN_TICK});
        drain(h);
    }
    if (pu_link_deadline(h->link, NULL) <= h->rig->now)
        node_rig_step(h, &(pu_link_in){.kind = PU_LINK_IN_TICK});
}

/* Everything that is due now: first what the network brings, then the hosts' own. */
static void settle(node_rig *w)
{
    for (uint32_t turns = 0;; turns++) {
        PU_ASSERT(turns < 1000000); /* time must go on */
        if (node_rig_net_event(w)) continue;
        bool is_idle = true;
        for (uint32_t i = 0; i < w->host_count; i++) {
            if (host_due(&w->hosts[i]) > w->now) continue;
            host_tick(&w->hosts[i]);
            is_idle = false;
        }
        if (is_idle) return;
    }
}

static pu_time next_due(const node_rig *w)
{
    pu_time next = node_rig_net_due(w);
    for (uint32_t i = 0; i < w->host_count; i++) {
        pu_time at = host_due(&w->hosts[i]);
        if (at < next) next = at;
    }
    return next;
}

void node_rig_run_until(node_rig *w, pu_time until)
{
    settle(w);
    for (pu_time next; (next = next_due(w)) <= until;) {
        w->now = next;
        settle(w);
    }
    w->now = until;
}

void node_rig_run(node_rig *w, uint64_t ns)
{
    node_rig_run_until(w, w->now + ns);
}

bool node_rig_run_for(node_rig *w, const node_rig_host *h, pu_token token, uint64_t ns)
{
    pu_time until = w->now + ns;
    settle(w);
    for (pu_time next; !node_rig_is_done(h, token) && (next = next_due(w)) <= until;) {
        w->now = next;
        settle(w);
    }
    return h->done[token] == PU_CODE_OK;
}

node_rig_conn *node_rig_conn_of(node_rig_host *h, enum pu_transport transport, uint32_t index)
{
    for (uint32_t i = NODE_RIG_CONNS_MAX; i-- > 1;) {
        node_rig_conn *c = &h->conns[i];
        if (c->up_at == 0 || c->down_at != 0 || c->transport != transport) continue;
        if (index-- == 0) return c;
    }
    return NULL;
}
