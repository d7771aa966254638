/* What ctx.h offers of the node itself: time, configuration, memory, peers. */
#include "node/impl.h"

pu_time ctx_now(const pu_node *n)
{
    return n->now;
}

pu_time ctx_after(const pu_node *n, uint64_t duration_ns)
{
    return duration_ns < PU_NEVER - 1 - n->now ? n->now + duration_ns : PU_NEVER - 1;
}

uint64_t ctx_unix_s(const pu_node *n)
{
    uint64_t since_ns = n->now - n->clock_at;
    return (since_ns < UINT64_MAX - n->clock_unix_ns ? n->clock_unix_ns + since_ns : UINT64_MAX) /
           PU_S;
}

const pu_config *ctx_config(const pu_node *n)
{
    return n->config;
}

const pu_env *ctx_env(const pu_node *n)
{
    return n->env;
}

const pu_alloc *ctx_alloc(const pu_node *n)
{
    return &n->env->alloc;
}

const pu_peer_id *ctx_self(const pu_node *n)
{
    return &n->self;
}

rng *ctx_rng(pu_node *n, enum rng_purpose purpose)
{
    PU_ASSERT(purpose < RNG_PURPOSE_COUNT);
    return &n->rngs[purpose];
}

void *ctx_state_peek(const pu_node *n, enum module_id module)
{
    PU_ASSERT(module < MODULE_COUNT);
    return n->module_state[module];
}

void *ctx_state(pu_node *n, enum module_id module)
{
    if (ctx_state_peek(n, module) != NULL) return n->module_state[module];
    size_t size = module_of(module)->state_bytes;
    n->module_state[module] = mem_new(ctx_alloc(n), size);
    if (n->module_state[module] == NULL) ctx_no_memory(n, NULL, size);
    return n->module_state[module];
}

void ctx_event(pu_node *n, enum pu_event what, pu_peer peer, pu_handle c, uint32_t flags,
               uint32_t code, uint64_t offset, pu_span body)
{
    pu_ef *e = effect(n, PU_EF_EVENT);
    e->what = what;
    e->conn = c;
    e->flags = flags;
    e->code = code;
    e->offset = offset;
    if (peer != 0) e->peer = out_copy(n->out, ctx_peer_id(n, peer));
    if (body.len > 0) e->body = out_copy(n->out, body);
}

pu_span ctx_peer_id(const pu_node *n, pu_peer peer)
{
    PU_ASSERT(peer != 0);
    const pu_peer_id *id = pu_peers_id(n->env->peers, peer);
    return span_of(id->bytes, id->len);
}

pu_peer ctx_peer_find(const pu_node *n, pu_span id)
{
    pu_peer_id parsed;
    return pu_peer_id_from_bytes(&parsed, id) == PU_OK ? pu_peers_find(n->env->peers, &parsed) : 0;
}

pu_peer ctx_peer_hold(pu_node *n, pu_span id)
{
    pu_peer_id parsed;
    return pu_peer_id_from_bytes(&parsed, id) == PU_OK ? pu_peers_intern(n->env->peers, &parsed)
                                                       : 0;
}

void ctx_peer_drop(pu_node *n, pu_peer peer)
{
    if (peer != 0) pu_peers_release(n->env->peers, peer);
}
