/* link/link.c - the object, and one step: the input is checked, dispatched, and what it ended and
 * touched is settled. What an input means is in the file of its table. */
#include "link/link_impl.h"

/* ---- memory and what carriers may ask ---- */

static void *counted_resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    pu_link *l = ctx;
    const pu_alloc *alloc = &l->env->alloc;
    void *block = alloc->resize(alloc->ctx, old, old_len, new_len);
    if (block == NULL && new_len > 0) return NULL;
    l->bytes += new_len - old_len; /* unsigned arithmetic: right in both directions */
    return block;
}

pu_time link_now(const pu_link *l)
{
    return l->now;
}

uint64_t link_unix_ns(const pu_link *l)
{
    return l->unix_ns + (l->now - l->unix_at);
}

const pu_config *link_config(const pu_link *l)
{
    return l->config;
}

const pu_alloc *link_alloc(const pu_link *l)
{
    return &l->alloc;
}

const pu_link_env *link_env(const pu_link *l)
{
    return l->env;
}

pu_span link_public_key(const pu_link *l)
{
    return span_of(l->public_key, sizeof l->public_key);
}

void link_random(const pu_link *l, void *out, size_t len)
{
    l->env->crypto->random(l->env->crypto->ctx, out, len);
}

uint8_t *link_step_bytes(pu_link *l, size_t len)
{
    return link_out_bytes(l->out, len);
}

uint32_t link_handshakes(const pu_link *l)
{
    return l->handshakes;
}

quic_endpoint *link_quic(const pu_link *l)
{
    return l->quic;
}

bool pu_link_channel_id(const pu_link *l, pu_handle handle, uint8_t id[PU_LINK_CHANNEL_BYTES])
{
    const conn *c = link_slots_get(&l->conns, handle);
    if (c == NULL || (c->state != CONN_READY && c->state != CONN_CLOSING)) return false;
    memcpy(id, c->channel_id, PU_LINK_CHANNEL_BYTES);
    return true;
}

bool pu_link_is_early(const pu_link *l, pu_handle handle)
{
    const conn *c = link_slots_get(&l->conns, handle);
    return c != NULL && c->is_early;
}

bool pu_link_carried(const pu_link *l, pu_handle handle, uint64_t *received, uint64_t *sent)
{
    const conn *c = link_slots_get(&l->conns, handle);
    return c != NULL && link_pipe_carried(c, received, sent);
}

size_t pu_link_bytes(const pu_link *l)
{
    return sizeof *l + l->bytes;
}

/* ---- life ---- */

static bool config_in_range(const pu_config *config)
{
    const pu_config_info *info;
    for (size_t i = 0; (info = pu_config_at(i)) != NULL; i++) {
        uint64_t value = pu_config_get(config, info);
        if (value < info->least || value > info->most) return false;
    }
    return true;
}

int link_new(pu_link **link, const struct link_transports *transports, const pu_config *config,
             const pu_link_env *env, pu_time now, uint64_t unix_ns)
{
    if (!config_in_range(config)) return PU_ERANGE;
    pu_link *l = mem_new(&env->alloc, sizeof *l);
    if (l == NULL) return PU_ENOMEM;
    l->transports = transports;
    l->config = config;
    l->env = env;
    l->alloc = (pu_alloc){counted_resize, l};
    l->now = l->unix_at = now;
    l->unix_ns = unix_ns;
    l->conns.max = (uint32_t)config->conns_max;
    l->streams.max = (uint32_t)config->streams_max;
    imap_init(&l->tcp_names, env->hash_seed, &l->alloc);
    imap_init(&l->tcp_dials, env->hash_seed, &l->alloc);
    uint8_t key[PU_ED25519_KEY_BYTES];
    env->crypto->public_key(env->crypto->ctx, key);
    pu_public_key_pb(l->public_key, key);
    int err = transports->quic_new(&l->quic, l);
    if (err != PU_OK) {
        mem_free(&env->alloc, l, sizeof *l);
        return err;
    }
    *link = l;
    return PU_OK;
}

void pu_link_free(pu_link *l)
{
    if (l == NULL) return;
    PU_ASSERT(l->out == NULL);
    link_conns_close(l);
    l->transports->quic_free(l, l->quic);
    imap_close(&l->tcp_names);
    imap_close(&l->tcp_dials);
    due_close(&l->due, &l->alloc);
    link_slots_close(&l->conns, &l->alloc);
    link_slots_close(&l->streams, &l->alloc);
    mem_free(&l->alloc, l->sockets, l->socket_cap * sizeof *l->sockets);
    PU_ASSERT(l->bytes == 0);
    mem_free(&l->env->alloc, l, sizeof *l);
}

/* ---- effects of the node ---- */

bool pu_link_takes(enum pu_ef_kind kind)
{
    switch (kind) {
    case PU_EF_DIAL:
    case PU_EF_DIAL_CANCEL:
    case PU_EF_CONN_VERDICT:
    case PU_EF_CONN_SET:
    case PU_EF_HANGUP:
    case PU_EF_STREAM_OPEN:
    case PU_EF_STREAM_SEND:
    case PU_EF_STREAM_ROOM:
    case PU_EF_STREAM_STOP:
    case PU_EF_STREAM_RESET:
    case PU_EF_UPGRADE:
    case PU_EF_PACKET:
    case PU_EF_SET: return true;
    case PU_EF_RESOLVE:
    case PU_EF_MAP:
    case PU_EF_KEEP:
    case PU_EF_APP:
    case PU_EF_EVENT: return false;
    }
    return false;
}

static bool set_is_sound(const pu_ef *ef)
{
    const pu_config_info *info = pu_config_find(ef->body);
    return info != NULL && ef->offset >= info->least && ef->offset <= info->most;
}

static bool effect_is_sound(const pu_ef *ef)
{
    if (ef == NULL || !pu_link_takes(ef->kind) || ef->peer.len > PU_PEER_ID_MAX) return false;
    if (ef->kind == PU_EF_PACKET) return ef->body.len <= PU_PACKET_MAX;
    if (ef->kind == PU_EF_SET) return set_is_sound(ef);
    if (ef->kind == PU_EF_UPGRADE) return ef->what == PU_ROLE_CLIENT || ef->what == PU_ROLE_SERVER;
    return ef->body.len <= PU_DATA_MAX;
}

/* Carriers read parameters when they need them; what they have counted from an old one, a deadline
 * of a ping or of idleness, they are asked for again. */
static void set(pu_link *l, const pu_ef *ef)
{
    if (l->config != &l->own) l->own = *l->config;
    l->config = &l->own;
    int err = pu_config_set(&l->own, ef->body, ef->offset);
    PU_ASSERT(err == PU_OK);
    l->conns.max = (uint32_t)l->own.conns_max;
    l->streams.max = (uint32_t)l->own.streams_max;
    for (uint32_t i = 0; i < l->conns.cap; i++) {
        conn *c = l->conns.at[i].object;
        if (c != NULL) link_conn_touch(l, c);
    }
}

static void perform(pu_link *l, const pu_ef *ef)
{
    conn *c = link_conn_of(l, ef->conn);
    switch (ef->kind) {
    case PU_EF_DIAL: link_dial(l, ef); break;
    case PU_EF_DIAL_CANCEL: link_dial_cancel(l, ef->token); break;
    case PU_EF_CONN_VERDICT: link_conn_verdict(l, ef); break;
    case PU_EF_CONN_SET:
        if (c == NULL || c->state != CONN_READY || c->ops->set == NULL) break;
        link_conn_touch(l, c);
        c->ops->set(l, c, ef);
        break;
    case PU_EF_HANGUP:
        if (c != NULL) link_conn_hangup(l, c, ef->code, ef->deadline);
        break;
    case PU_EF_STREAM_OPEN: link_stream_open(l, ef); break;
    case PU_EF_STREAM_SEND:
    case PU_EF_STREAM_ROOM:
    case PU_EF_STREAM_STOP:
    case PU_EF_STREAM_RESET: link_stream_effect(l, ef); break;
    case PU_EF_UPGRADE: link_pipe_upgrade(l, ef); break;
    case PU_EF_PACKET: link_packet_send(l, ef); break;
    case PU_EF_SET: set(l, ef); break;
    case PU_EF_RESOLVE:
    case PU_EF_MAP:
    case PU_EF_KEEP:
    case PU_EF_APP:
    case PU_EF_EVENT: PU_NEVER_HERE();
    }
}

/* ---- one step ---- */

static bool is_sound(const pu_link_in *in)
{
    if (in->kind == PU_LINK_IN_UDP) return link_udp_is_sound(in);
    if (in->kind == PU_LINK_IN_LOCAL) return link_local_is_sound(in);
    if (in->kind == PU_LINK_IN_EFFECT) return effect_is_sound(in->effect);
    if (in->kind == PU_LINK_IN_CLOCK) return in->offset <= INT64_MAX;
    return in->kind >= PU_LINK_IN_TICK && in->kind <= PU_LINK_IN_EFFECT;
}

static int dispatch(pu_link *l, const pu_link_in *in)
{
    switch (in->kind) {
    case PU_LINK_IN_TICK: link_timers_tick(l); break;
    case PU_LINK_IN_UDP: link_udp_take(l, in); break;
    case PU_LINK_IN_TCP_UP: return link_tcp_up(l, in);
    case PU_LINK_IN_TCP_DATA: return link_tcp_data(l, in);
    case PU_LINK_IN_TCP_ROOM: return link_tcp_room(l, in);
    case PU_LINK_IN_TCP_DOWN: return link_tcp_down(l, in);
    case PU_LINK_IN_LOCAL: link_local_take(l, in); break;
    case PU_LINK_IN_CLOCK:
        l->unix_at = in->now;
        l->unix_ns = in->offset;
        break;
    case PU_LINK_IN_EFFECT: perform(l, in->effect); break;
    }
    return PU_OK;
}

int pu_link_step(pu_link *l, const pu_link_in *in, pu_link_out *out)
{
    PU_ASSERT(l->out == NULL);
    PU_ASSERT(link_out_is_empty(out));
    PU_ASSERT(in->now >= l->now);
    if (!is_sound(in)) return PU_ERANGE;
    l->now = in->now;
    l->out = out;
    if (in->kind != PU_LINK_IN_EFFECT) l->turn++;
    int err = dispatch(l, in);
    if (err == PU_OK) {
        link_reap(l);
        link_timers_settle(l);
        link_bury(l);
    }
    PU_ASSERT(l->space == NULL);
    l->out = NULL;
    return err;
}
