/* The table of addresses that begin with a name. */
#include "node/names.h"

enum { NAMES_MAX = 256, NAMES_OF_PEER_MAX = 8 };

named_addr *name_find(const pu_node *n, uint32_t number)
{
    const names *all = names_peek(n);
    for (uint32_t i = 0; all != NULL && number != 0 && i < all->count; i++)
        if (all->at[i].number == number) return &all->at[i];
    return NULL;
}

named_addr *name_next(const pu_node *n, pu_peer peer, uint32_t *cursor)
{
    const names *all = names_peek(n);
    while (all != NULL && *cursor < all->count) {
        named_addr *name = &all->at[(*cursor)++];
        if (name->peer == peer) return name;
    }
    return NULL;
}

uint32_t names_of_peer(const pu_node *n, pu_peer peer)
{
    uint32_t cursor = 0, count = 0;
    while (name_next(n, peer, &cursor) != NULL) count++;
    return count;
}

bool name_is_good(const pu_node *n, const named_addr *name)
{
    return name->found_count > 0 && n->now < name->until;
}

static bool is_known(const pu_node *n, pu_peer peer, pu_span maddr)
{
    uint32_t cursor = 0;
    for (const named_addr *name; (name = name_next(n, peer, &cursor)) != NULL;)
        if (span_equal(span_of(name->maddr, name->len), maddr)) return true;
    return false;
}

/* The address without /p2p/ID at its end. */
static pu_span without_peer(pu_span maddr)
{
    pu_span rest = maddr, before = maddr;
    pu_maddr_part part = {0};
    while (rest.len > 0) {
        before = rest;
        bool is_good = pu_maddr_next(&rest, &part);
        PU_ASSERT(is_good); /* it was read as an address */
    }
    return part.code == PU_MA_P2P ? span_head(maddr, maddr.len - before.len) : maddr;
}

uint32_t name_add(pu_node *n, pu_peer peer, pu_span maddr)
{
    names *all = ctx_state(n, MODULE_NAMES);
    if (all == NULL) return PU_CODE_NO_MEMORY;
    pu_span bare = without_peer(maddr);
    if (is_known(n, peer, bare)) return PU_CODE_OK;
    if (ctx_at_limit(n, "names", all->count, NAMES_MAX) ||
        ctx_at_limit(n, "names of a peer", names_of_peer(n, peer), NAMES_OF_PEER_MAX))
        return PU_CODE_RESOURCE;
    uint8_t *copy = mem_new(ctx_alloc(n), bare.len);
    if (copy == NULL || !mem_grow(ctx_alloc(n), (void **)&all->at, &all->cap, all->count, NAMES_MAX,
                                  sizeof(named_addr))) {
        mem_free(ctx_alloc(n), copy, bare.len);
        ctx_no_memory(n, NULL, bare.len);
        return PU_CODE_NO_MEMORY;
    }
    memcpy(copy, bare.base, bare.len);
    pu_peers_retain(n->env->peers, peer);
    all->at[all->count++] = (named_addr){
        .number = ++all->last_number, .peer = peer, .maddr = copy, .len = (uint32_t)bare.len};
    return PU_CODE_OK;
}

static void name_free(pu_node *n, named_addr *name)
{
    mem_free(ctx_alloc(n), name->maddr, name->len);
    mem_free(ctx_alloc(n), name->found, name->found_cap * sizeof *name->found);
    ctx_peer_drop(n, name->peer);
}

void names_forget(pu_node *n, pu_peer peer)
{
    names *all = names_peek(n);
    for (uint32_t i = 0; all != NULL && i < all->count;) {
        named_addr *name = &all->at[i];
        if (name->peer != peer) {
            i++;
            continue;
        }
        named_addr over = *name;
        name_give_up(n, over.number);
        all->count--;
        memmove(name, name + 1, (all->count - i) * sizeof *name);
        leg_named(n, over.leg, PU_CODE_NO_ADDRESS);
        name_free(n, &over);
    }
}

static void names_close(pu_node *n, void *state)
{
    names *all = state;
    for (uint32_t i = 0; i < all->count; i++) name_free(n, &all->at[i]);
    for (uint32_t i = 0; i < all->lookup_count; i++)
        mem_free(ctx_alloc(n), all->lookups[i].rest, all->lookups[i].rest_len);
    mem_free(ctx_alloc(n), all->at, all->cap * sizeof *all->at);
    mem_free(ctx_alloc(n), all->lookups, all->lookup_cap * sizeof *all->lookups);
}

const struct module module_names = {.state_bytes = sizeof(names), .close = names_close};
