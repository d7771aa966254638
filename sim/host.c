/* A simulated machine, see host.h. */
#include "sim/host.h"

#include "base/ahead.h"
#include "base/bytes.h"
#include "sim/mem.h"

#include <stdlib.h>

struct host_input {
    struct host_input *next;
    uint32_t host;
    pu_in in;
    uint8_t bytes[]; /* of peer and body */
};

/* ---- what a host plugs into its node ---- */

/* A block that is never given out again: another address for everything, to show that none matters.
 */
static void bury(host_world *world, void *block)
{
    memcpy(block, &world->graveyard, sizeof world->graveyard);
    world->graveyard = block;
}

static void *resize_anew(host_world *world, void *old, size_t old_len, size_t new_len)
{
    size_t least = sizeof world->graveyard;
    void *fresh = new_len > 0 ? sim_resize(NULL, new_len > least ? new_len : least) : NULL;
    if (fresh != NULL && old != NULL) memcpy(fresh, old, old_len < new_len ? old_len : new_len);
    if (old != NULL) bury(world, old);
    return fresh;
}

static size_t input_bytes(const pu_in *in)
{
    return sizeof(struct host_input) + in->peer.len + in->body.len;
}

static void inputs_free(host_world *world)
{
    while (world->first != NULL) {
        struct host_input *i = world->first;
        world->first = i->next;
        heap_resize(world->alloc.ctx, i, input_bytes(&i->in), 0);
    }
    world->last = NULL;
}

void host_world_close(host_world *world)
{
    inputs_free(world); /* of a run that has ended within an event */
    free(world->late);
    free(world->sixes);
    free(world->touched);
    while (world->graveyard != NULL) {
        void *block = world->graveyard;
        memcpy(&world->graveyard, block, sizeof world->graveyard);
        free(block);
    }
}

/* The world counts what nodes hold; the figure is printed as bytes a node. */
static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    host_world *world = ctx;
    world->live_bytes += new_len;
    world->live_bytes -= old_len;
    if (world->never_reuses) return resize_anew(world, old, old_len, new_len);
    return heap_resize(world->alloc.ctx, old, old_len, new_len);
}

/* What a node asks for itself, after it was made. Tests have one request refused. */
static void *node_resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    host_world *world = ctx;
    if (new_len > 0 && ++world->asked == world->fail_at) return NULL;
    return resize(world, old, old_len, new_len);
}

static void seeded_random(void *ctx, uint8_t *out, size_t len)
{
    host_key *key = ctx;
    rng_bytes(&key->random, out, len);
}

static void on_trace(void *ctx, const pu_trace *event)
{
    host *h = ctx;
    h->world->saw_trace(h->world->ctx, h->index, event);
}

/* A datagram at the host's own interface. */
static void capture(const host *h, bool out, uint16_t port, const pu_endpoint *remote,
                    enum net_carriage carriage, pu_span bytes)
{
    const host_world *w = h->world;
    if (w->capture == NULL || (w->is_captured != NULL && !w->is_captured[h->index])) return;
    pu_endpoint local = net_is_six(remote) ? net_host_six(w->network, h->index)
                                           : net_host_address(w->network, h->index);
    local.port = port;
    pcap_packet(h->world->capture, h->world->now, h->index, out, &local, remote, carriage, bytes);
}

static void on_keylog(void *ctx, const char *line)
{
    pcap_secret(((host_world *)ctx)->capture, line);
}

static void on_input(void *ctx, const pu_in *in)
{
    host_input(ctx, in);
}

static void on_send(void *ctx, uint16_t port, const pu_endpoint *to, pu_span bytes,
                    enum net_carriage carriage, enum net_kind kind)
{
    host *h = ctx;
    host_world *w = h->world;
    if (port == 0) port = h->port;
    capture(h, true, port, to, carriage, bytes);
    net_send(w->network, w->now, h->index, port, to, bytes, carriage, kind);
}

static void on_wake(void *ctx, queue_timer *timer, pu_handle conn, pu_time at)
{
    const host *h = ctx;
    queue_timer_set(h->world->q, timer, at, h->index, SIM_EV_CONN, conn);
}

static void touched_add(const host *h)
{
    host_world *w = h->world;
    w->touched = sim_grow(w->touched, &w->touched_cap, w->touched_count, sizeof *w->touched);
    w->touched[w->touched_count++] = h->index;
}

static void on_touch(void *ctx)
{
    host *h = ctx;
    if (h->is_touched) return;
    h->is_touched = true;
    touched_add(h);
}

pu_endpoint host_six(const host *h)
{
    return h->index < h->world->six_cap ? h->world->sixes[h->index] : (pu_endpoint){0};
}

static bool is_set(const pu_endpoint *e)
{
    static const uint8_t none[16];
    return memcmp(e->ip, none, sizeof none) != 0;
}

static pu_endpoint on_local(void *ctx, const pu_endpoint *remote)
{
    const host *h = ctx;
    bool is_six = remote != NULL ? net_is_six(remote) : !is_set(&h->local);
    return is_six ? host_six(h) : h->local;
}

void host_world_open(host_world *world)
{
    world->alloc = (pu_alloc){heap_resize, heap_new()};
    world->plugs = (transport_host){&world->alloc, on_input, on_send, on_wake, on_touch, on_local};
}

/* ---- life ---- */

enum seed_use { SEED_KEY = 1, SEED_RANDOM, SEED_NODE, SEED_TRANSPORT, SEED_USES };

void host_init(host *h, host_world *world, uint32_t index, const pu_config *config,
               const uint8_t run_seed[32])
{
    *h = (host){.world = world, .index = index, .config = config};
    h->run_seed = run_seed;
    h->port = HOST_PORT;
    uint8_t key_seed[32];
    rng_derive(key_seed, run_seed, index, SEED_KEY);
    rng_derive(h->key.seed, run_seed, index, SEED_RANDOM);
    rng_init(&h->key.random, h->key.seed, 0);
    if (world->has_model_crypto) pu_crypto_model_init(&h->crypto, &h->key.of.model, key_seed);
    else if (pu_crypto_real_init(&h->crypto, &h->key.of.real, key_seed) != PU_OK)
        sim_fatal("libsodium cannot be initialised");
    h->crypto.ctx = &h->key;
    h->crypto.random = seeded_random;
    uint8_t key[PU_ED25519_KEY_BYTES];
    h->crypto.public_key(h->crypto.ctx, key);
    pu_peer_id id;
    pu_peer_id_from_ed25519(&id, key);
    h->peer = pu_peers_intern(world->peers, &id);
    if (h->peer == 0) sim_fatal("no memory for peer ids");
    h->env = (pu_env){
        .peers = world->peers,
        .crypto = &h->crypto,
        .alloc = {node_resize, world},
        .hash_seed = world->hash_seed,
        .trace = world->saw_trace != NULL ? on_trace : NULL,
        .trace_ctx = h,
        .trace_mask = PU_TRACE_ALL,
    };
}

void host_record_end(host *h)
{
    if (recorder_is_of(h->world->tape, h->index)) recorder_end(h->world->tape);
    h->env.crypto = &h->crypto;
}

void host_crash(host *h)
{
    PU_ASSERT(h->is_running);
    host_record_end(h);
    h->world->transport->free(h->transport);
    pu_node_close(h->node);
    resize(h->world, h->mem, pu_node_size(h->config), 0);
    h->is_running = h->is_touched = false;
    queue_timer_set(h->world->q, &h->timer, PU_NEVER, h->index, SIM_EV_NODE, 0);
}

void host_close(host *h)
{
    if (h->is_running) host_crash(h);
    host_forget(h);
    free(h->kept);
    if (!h->world->has_model_crypto) pu_crypto_real_close(&h->key.of.real);
    pu_peers_release(h->world->peers, h->peer);
}

static uint64_t unix_ns(const host *h)
{
    return HOST_UNIX_START + h->world->now + (uint64_t)h->clock_ns;
}

static void input_clock(host *h)
{
    host_input(h, &(pu_in){.kind = PU_IN_CLOCK, .offset = unix_ns(h)});
}

void host_set_clock(host *h, int64_t by_ns)
{
    h->clock_ns += by_ns;
    if (!h->is_running) return;
    input_clock(h);
    h->world->transport->clock(h->transport, h->world->now, unix_ns(h));
}

/* ---- what a node keeps ---- */

static void input_kept(host *h)
{
    for (uint32_t i = 0; i < h->kept_count; i++) {
        const host_record *k = &h->kept[i];
        host_input(h, &(pu_in){.kind = PU_IN_KEPT,
                               .peer = span_of(k->key, strlen(k->key)),
                               .body = span_of(k->body, k->len)});
    }
}

/* The record called key, or the place where it would stand. */
static uint32_t kept_place(const host *h, const char *key)
{
    uint32_t at = 0;
    while (at < h->kept_count && strcmp(h->kept[at].key, key) < 0) at++;
    return at;
}

/* Writes a record as a disk would that is done at once. */
static void keep(host *h, const pu_ef *ef)
{
    host_record fresh = {.len = (uint32_t)ef->body.len};
    PU_ASSERT(ef->peer.len > 0 && ef->peer.len <= PU_KEEP_KEY_MAX);
    PU_ASSERT(ef->body.len <= PU_KEEP_BODY_MAX);
    memcpy(fresh.key, ef->peer.base, ef->peer.len);
    if (fresh.len > 0) fresh.body = memcpy(sim_alloc(fresh.len), ef->body.base, fresh.len);
    uint32_t at = kept_place(h, fresh.key);
    if (at < h->kept_count && strcmp(h->kept[at].key, fresh.key) == 0) {
        free(h->kept[at].body);
    } else {
        h->kept = sim_grow(h->kept, &h->kept_cap, h->kept_count, sizeof *h->kept);
        memmove(&h->kept[at + 1], &h->kept[at], (h->kept_count - at) * sizeof *h->kept);
        h->kept_count++;
    }
    h->kept[at] = fresh;
    host_input(h, &(pu_in){.kind = PU_IN_STORED, .token = ef->token, .code = PU_CODE_OK});
}

void host_forget(host *h)
{
    for (uint32_t i = 0; i < h->kept_count; i++) free(h->kept[i].body);
    h->kept_count = 0;
}

/* ---- starts ---- */

/* Every life makes choices of its own. */
static void seed_life(host *h, uint8_t node_seed[32])
{
    uint32_t uses = h->lives * SEED_USES;
    rng_derive(node_seed, h->run_seed, h->index, uses + SEED_NODE);
    rng_derive(h->transport_seed, h->run_seed, h->index, uses + SEED_TRANSPORT);
    h->lives++;
}

void host_start(host *h)
{
    PU_ASSERT(!h->is_running);
    uint8_t seed[32];
    seed_life(h, seed);
    h->mem = resize(h->world, NULL, 0, pu_node_size(h->config));
    pu_record_node began = {.config = *h->config, .now = h->world->now};
    memcpy(began.seed, seed, sizeof began.seed);
    h->crypto.public_key(h->crypto.ctx, began.key);
    if (recorder_is_of(h->world->tape, h->index))
        h->env.crypto = recorder_begin(h->world->tape, &began, &h->crypto);
    int err = pu_node_init(&h->node, h->mem, h->config, &h->env, seed, h->world->now);
    if (err != PU_OK) sim_fatal("a node cannot be made: a parameter is outside its range");
    h->transport = h->world->transport->make(&(transport_setup){
        .config = h->config,
        .self = host_id(h),
        .host = &h->world->plugs,
        .ctx = h,
        .seed = h->transport_seed,
        .crypto = &h->crypto,
        .hash_seed = h->world->hash_seed,
        .now = h->world->now,
        .unix_ns = unix_ns(h),
        .port = h->port,
        .share = h->world->transport_share,
        .keylog = h->world->captures_secrets ? on_keylog : NULL,
        .keylog_ctx = h->world,
    });
    h->is_running = true;
    input_kept(h);
    input_clock(h);
}

/* One endpoint for both transports: UDP and TCP have the same port number. */
static void input_addr_of(host *h, uint32_t flags, const pu_endpoint *local)
{
    pu_in in = {.kind = PU_IN_ADDR, .flags = flags, .local = *local, .socket = PU_SOCKET_MAIN};
    in.transport = PU_TRANSPORT_QUIC;
    host_input(h, &in);
    in.transport = PU_TRANSPORT_TCP;
    host_input(h, &in);
}

static void input_addr(host *h, uint32_t flags)
{
    pu_endpoint six = host_six(h);
    if (is_set(&h->local) || !is_set(&six)) input_addr_of(h, flags, &h->local);
    if (is_set(&six)) input_addr_of(h, flags, &six);
}

static void read_address(host *h)
{
    host_world *w = h->world;
    h->local = net_host_address(w->network, h->index);
    h->local.port = h->port;
    pu_endpoint six = net_host_six(w->network, h->index);
    if (!is_set(&six) && h->index >= w->six_cap) return;
    w->sixes = sim_grow(w->sixes, &w->six_cap, h->index, sizeof *w->sixes);
    six.port = is_set(&six) ? h->port : 0;
    w->sixes[h->index] = six;
}

void host_started(host *h)
{
    read_address(h);
    input_addr(h, PU_LISTEN);
    host_input(h, &(pu_in){.kind = PU_IN_TICK});
}

void host_left(host *h)
{
    if (h->is_running) input_addr(h, PU_GONE);
}

void host_arrived(host *h)
{
    if (!h->is_running) return;
    read_address(h);
    input_addr(h, PU_LISTEN);
    h->world->transport->rebound(h->transport, h->world->now);
}

void host_moved(host *h)
{
    host_left(h);
    host_arrived(h);
}

void host_parted(host *h, const pu_endpoint *old)
{
    /* Behind two boxes it may have one and the same address: that is not gone. */
    pu_endpoint now = on_local(h, old);
    if (h->is_running && is_set(old) && !pu_endpoint_equal(old, &now))
        input_addr_of(h, PU_GONE, old);
}

/* ---- sleep ---- */

void host_sleep(host *h)
{
    PU_ASSERT(h->is_running);
    PU_ASSERT(!h->is_asleep);
    h->is_asleep = true;
    net_host_sleep(h->world->network, h->index, true);
}

void host_awake(host *h)
{
    host_world *w = h->world;
    uint32_t kept = 0;
    PU_ASSERT(h->is_asleep);
    h->is_asleep = false;
    net_host_sleep(w->network, h->index, false);
    if (h->is_running) host_input(h, &(pu_in){.kind = PU_IN_TICK});
    if (h->is_touched) touched_add(h);
    for (uint32_t i = 0; i < w->late_count; i++) {
        host_late late = w->late[i];
        if (late.host != h->index) w->late[kept++] = late;
        else queue_push(w->q, w->now, h->index + 1, &(sim_event){SIM_EV_CONN, h->index, late.conn});
    }
    w->late_count = kept;
}

/* ---- inputs ---- */

void host_input(host *h, const pu_in *in)
{
    host_world *w = h->world;
    struct host_input *i = heap_resize(w->alloc.ctx, NULL, 0, input_bytes(in));
    i->next = NULL;
    i->host = h->index;
    i->in = *in;
    if (in->peer.len > 0) memcpy(i->bytes, in->peer.base, in->peer.len);
    if (in->body.len > 0) memcpy(i->bytes + in->peer.len, in->body.base, in->body.len);
    i->in.peer.base = i->bytes;
    i->in.body.base = i->bytes + in->peer.len;
    if (w->last != NULL) w->last->next = i;
    else w->first = i;
    w->last = i;
}

void host_command(host *h, enum pu_command what, pu_span peer, uint32_t flags, pu_span body)
{
    PU_ASSERT(h->is_running);
    host_input(h, &(pu_in){
                      .kind = PU_IN_COMMAND,
                      .what = what,
                      .token = ++h->last_token,
                      .peer = peer,
                      .flags = flags,
                      .body = body,
                  });
}

/* ---- effects ---- */

static void perform(host *h, const pu_ef *ef)
{
    host_world *w = h->world;
    w->saw_effect(w->ctx, h->index, ef);
    if (ef->kind == PU_EF_EVENT) return;
    if (ef->kind == PU_EF_KEEP) {
        keep(h, ef);
        return;
    }
    if (ef->kind == PU_EF_APP) {
        w->app(w->ctx, h->index, ef);
        return;
    }
    if (ef->kind == PU_EF_RESOLVE) { /* the simulated network has no names */
        host_input(
            h, &(pu_in){.kind = PU_IN_RESOLVED, .token = ef->token, .code = PU_CODE_UNREACHABLE});
        return;
    }
    if (w->transport->effect(h->transport, w->now, ef)) return;
    PU_ASSERT(ef->kind == PU_EF_PACKET && ef->socket == PU_SOCKET_MAIN);
    on_send(h, h->port, &ef->remote, ef->body, NET_UDP, NET_KIND_PUNCH);
}

/* A handle that the node does not know crossed its own end: only a node short of memory does that.
 */
static void step(host *h, const pu_in *in)
{
    host_world *w = h->world;
    w->saw_input(w->ctx, h->index, in);
    hash_input(&w->hash, h->index, in);
    recorder *tape = recorder_is_of(w->tape, h->index) ? w->tape : NULL;
    if (tape != NULL) recorder_input(tape, h->node, in);
    int err = pu_node_step(h->node, in, w->out);
    PU_ASSERT(err == PU_OK || err == PU_EHANDLE);
    for (pu_ef ef; pu_out_next(w->out, &ef);) {
        hash_effect(&w->hash, &ef);
        if (tape != NULL) recorder_effect(tape, h->node, in, &ef);
        if (w->bent == NULL || !w->bent(w->ctx, h->index, in, &ef)) perform(h, &ef);
    }
    pu_out_reset(w->out);
    if (tape != NULL) recorder_step(tape, err);
}

static void arm(host *h)
{
    if (!h->is_running) return;
    pu_time at = pu_node_deadline(h->node, NULL);
    queue_timer_set(h->world->q, &h->timer, at, h->index, SIM_EV_NODE, 0);
}

static bool goes_on(host_world *w, const host *h, const pu_in *in)
{
    return ++w->steps != w->look_at || w->may_step(w->ctx, h->index, in);
}

static bool steps(host_world *w, host *hosts)
{
    while (w->first != NULL) {
        struct host_input *i = w->first;
        host *h = &hosts[i->host];
        if (!goes_on(w, h, &i->in)) return false;
        i->in.now = w->now;
        step(h, &i->in);
        w->first = i->next;
        if (w->first == NULL) w->last = NULL;
        if (w->first == NULL || w->first->host != h->index) arm(h);
        heap_resize(w->alloc.ctx, i, input_bytes(&i->in), 0);
    }
    return true;
}

bool host_drain(host_world *w, host *hosts)
{
    if (!steps(w, hosts)) return false;
    while (w->touched_count > 0) {
        host *h = &hosts[w->touched[--w->touched_count]];
        if (!h->is_touched || h->is_asleep) continue; /* it has crashed; host_awake sees to it */
        if (!goes_on(w, h, NULL)) return false;
        h->is_touched = false;
        w->transport->flush(h->transport, w->now);
        if (!steps(w, hosts)) return false;
    }
    return true;
}

/* ---- events ---- */

void host_wake(host *h)
{
    PU_ASSERT(h->is_running); /* a crash takes the timer back */
    if (!h->is_asleep) host_input(h, &(pu_in){.kind = PU_IN_TICK}); /* else host_awake sees to it */
}

void host_conn_timer(host *h, pu_handle conn)
{
    if (h->is_asleep) {
        host_world *w = h->world;
        w->late = sim_grow(w->late, &w->late_cap, w->late_count, sizeof *w->late);
        w->late[w->late_count++] = (host_late){h->index, conn};
        return;
    }
    if (h->is_running) h->world->transport->timer(h->transport, h->world->now, conn);
}

static void refuse(const host *h, enum net_carriage carriage, uint16_t port,
                   const pu_endpoint *remote, pu_span bytes)
{
    const host_world *w = h->world;
    net_refuse(w->network, w->now, h->index, carriage, port, remote, bytes);
}

void host_datagram(host *h, enum net_carriage carriage, uint16_t port, const pu_endpoint *remote,
                   pu_span bytes)
{
    host_world *w = h->world;
    capture(h, false, port, remote, carriage, bytes);
    if (!h->is_running) {
        if (w->answers) refuse(h, carriage, port, remote, bytes);
        return;
    }
    if (w->transport->datagram(h->transport, w->now, carriage, port, remote, bytes)) return;
    if (carriage != NET_UDP || port != h->port || bytes.len > PU_PACKET_MAX) return;
    host_input(h, &(pu_in){
                      .kind = PU_IN_PACKET,
                      .socket = PU_SOCKET_MAIN,
                      .local = on_local(h, remote),
                      .remote = *remote,
                      .body = bytes,
                  });
}

uint64_t host_work(const host *h, enum net_carriage carriage, uint16_t port,
                   const pu_endpoint *remote, pu_span bytes)
{
    if (!h->is_running || net_is_refusal(carriage)) return 0;
    return h->world->transport->work(h->transport, carriage, port, remote, bytes);
}

void host_too_big(host *h, enum net_carriage carriage, uint16_t port, const pu_endpoint *remote,
                  uint32_t mtu)
{
    host_world *w = h->world;
    if (!h->is_running || h->is_asleep || w->transport->too_big == NULL) return;
    w->transport->too_big(h->transport, w->now, carriage, port, remote, mtu);
}
