/* Looking up names (multiformats multiaddr, protocols/DNSADDR.md).
 *
 * The host is asked for one name at a time and knows nothing of addresses: for /dns, /dns4 and
 * /dns6 it finds IP addresses, which take the name's place; for /dnsaddr it finds whole addresses,
 * of which those count that end as ours does. An address found may begin with a name again. The
 * bounds are ours: LOOKUP_DEPTH_MAX names deep, PU_RESOLVED_MAX addresses for one name, LOOKUPS_MAX
 * questions at once.
 */
#include "base/varint.h"
#include "node/fault.h"
#include "node/names.h"

enum { LOOKUPS_MAX = 64, LOOKUP_DEPTH_MAX = 32 };

static enum pu_name kind_of(uint32_t code)
{
    if (code == PU_MA_DNS) return PU_NAME_ADDRESS;
    if (code == PU_MA_DNS4) return PU_NAME_ADDRESS4;
    return code == PU_MA_DNS6 ? PU_NAME_ADDRESS6 : PU_NAME_DNSADDR;
}

static lookup lookup_take(names *all, uint32_t at)
{
    lookup taken = all->lookups[at];
    all->lookups[at] = all->lookups[--all->lookup_count];
    return taken;
}

static void lookup_free(pu_node *n, lookup *l)
{
    mem_free(ctx_alloc(n), l->rest, l->rest_len);
}

void name_give_up(pu_node *n, uint32_t number)
{
    names *all = names_peek(n);
    PU_ASSERT(all != NULL);
    for (uint32_t i = 0; i < all->lookup_count;) {
        if (all->lookups[i].name != number) {
            i++;
            continue;
        }
        lookup over = lookup_take(all, i);
        lookup_free(n, &over);
    }
    named_addr *name = name_find(n, number);
    if (name != NULL) name->asked = 0;
}

/* ---- asking ---- */

/* Asks for the name that maddr begins with. False: a limit, or no memory. */
static bool ask(pu_node *n, named_addr *name, pu_span maddr, uint32_t depth)
{
    names *all = names_peek(n);
    pu_maddr_part part;
    pu_span rest = maddr;
    bool is_good = pu_maddr_next(&rest, &part);
    PU_ASSERT(is_good);
    if (ctx_at_limit(n, "names behind names", depth, LOOKUP_DEPTH_MAX) ||
        ctx_at_limit(n, "names looked up", all->lookup_count, LOOKUPS_MAX))
        return false;
    uint8_t *copy = rest.len > 0 ? mem_new(ctx_alloc(n), rest.len) : NULL;
    if (FAULT(n, NAME_SHED) || (rest.len > 0 && copy == NULL) ||
        !mem_grow(ctx_alloc(n), (void **)&all->lookups, &all->lookup_cap, all->lookup_count,
                  LOOKUPS_MAX, sizeof(lookup))) {
        mem_free(ctx_alloc(n), copy, rest.len);
        ctx_no_memory(n, NULL, maddr.len);
        return false;
    }
    if (rest.len > 0) memcpy(copy, rest.base, rest.len);
    pu_ef *e = effect(n, PU_EF_RESOLVE);
    e->token = token_next(n);
    e->what = kind_of(part.code);
    e->deadline = ctx_after(n, n->config->resolve_ns);
    e->body = out_copy(n->out, part.value);
    all->lookups[all->lookup_count++] = (lookup){.token = e->token,
                                                 .name = name->number,
                                                 .depth = depth,
                                                 .is_dnsaddr = e->what == PU_NAME_DNSADDR,
                                                 .rest = copy,
                                                 .rest_len = (uint32_t)rest.len};
    name->asked++;
    return true;
}

/* All lookups have ended: so does the leg. */
static void finish(pu_node *n, named_addr *name)
{
    pu_token waits = name->leg;
    uint32_t code = name->last_code != PU_CODE_OK ? name->last_code : PU_CODE_NO_ADDRESS;
    if (name->found_count > 0) code = PU_CODE_OK;
    if (code == PU_CODE_OK)
        ctx_trace(n, PU_TR_NAME_FOUND, NULL, NULL, name->peer, name->found_count, name->taken,
                  span_of(NULL, 0));
    name->leg = 0;
    leg_named(n, waits, code); /* may begin a round anew */
}

void name_begin(pu_node *n, uint32_t number, pu_token waits)
{
    named_addr *name = name_find(n, number);
    if (name == NULL) { /* forgotten since the leg was planned */
        leg_named(n, waits, PU_CODE_NO_ADDRESS);
        return;
    }
    name->leg = waits;
    if (name->asked > 0) return; /* since an earlier round */
    name->found_count = name->taken = 0;
    name->last_code = PU_CODE_OK;
    name->until = PU_NEVER;
    if (!ask(n, name, span_of(name->maddr, name->len), 0)) {
        name->last_code = PU_CODE_RESOURCE;
        finish(n, name);
    }
}

/* ---- what is found ---- */

static bool is_found(const named_addr *name, const direct_addr *a)
{
    for (uint32_t i = 0; i < name->found_count; i++)
        if (name->found[i].transport == a->transport &&
            pu_endpoint_equal(&name->found[i].endpoint, &a->endpoint))
            return true;
    return false;
}

static void take_direct(pu_node *n, named_addr *name, const pu_addr *addr)
{
    direct_addr fresh = {addr->endpoint, addr->transport};
    if (addr->endpoint.port == 0 || pu_endpoint_scope(&addr->endpoint) == PU_SCOPE_NONE) return;
    if (is_found(name, &fresh)) return;
    if (!mem_grow(ctx_alloc(n), (void **)&name->found, &name->found_cap, name->found_count,
                  PU_RESOLVED_MAX, sizeof(direct_addr))) {
        ctx_no_memory(n, NULL, sizeof(direct_addr));
        return;
    }
    name->found[name->found_count++] = fresh;
    leg_found(n, name->leg, &fresh);
}

/* Takes a whole address: something to dial, or a name again. Others are passed over. */
static void take(pu_node *n, named_addr *name, pu_span maddr, uint32_t depth)
{
    pu_addr addr;
    if (pu_addr_read(&addr, maddr) != PU_OK || addr.circuit) return;
    pu_span peer = span_of(addr.peer.bytes, addr.peer.len);
    if (peer.len > 0 && !span_equal(peer, ctx_peer_id(n, name->peer))) return;
    if (addr.dns) (void)ask(n, name, maddr, depth + 1);
    else if (addr.transport != PU_TRANSPORT_NONE) take_direct(n, name, &addr);
}

/* The IP address in the name's place. */
static void take_ip(pu_node *n, named_addr *name, const lookup *l, pu_span ip)
{
    uint8_t whole[PU_MADDR_MAX];
    pu_buf maddr = buf_of(whole, sizeof whole);
    pu_maddr_part part;
    pu_span rest = ip;
    bool is_ip = pu_maddr_next(&rest, &part) && rest.len == 0 &&
                 (part.code == PU_MA_IP4 || part.code == PU_MA_IP6);
    buf_put_span(&maddr, ip);
    buf_put(&maddr, l->rest, l->rest_len);
    if (is_ip && !maddr.full) take(n, name, buf_span(&maddr), l->depth);
}

/* Whether maddr is something before /p2p/ID, whose rest it ends with. */
static bool is_of_peer(const pu_node *n, const named_addr *name, const lookup *l, pu_span maddr)
{
    pu_addr addr;
    if (pu_addr_read(&addr, maddr) != PU_OK || maddr.len <= l->rest_len) return false;
    pu_span tail = span_skip(maddr, maddr.len - l->rest_len);
    bool ends_so = l->rest_len == 0 || span_equal(tail, span_of(l->rest, l->rest_len));
    return ends_so &&
           span_equal(span_of(addr.peer.bytes, addr.peer.len), ctx_peer_id(n, name->peer));
}

static void take_answer(pu_node *n, named_addr *name, const lookup *l, pu_span body)
{
    pu_span maddr;
    while (name->taken < PU_RESOLVED_MAX &&
           varint_get_block(&body, PU_MADDR_MAX, &maddr) == VARINT_OK) {
        name->taken++;
        if (!l->is_dnsaddr) take_ip(n, name, l, maddr);
        else if (is_of_peer(n, name, l, maddr)) take(n, name, maddr, l->depth);
    }
}

/* ---- answers ---- */

int resolved_check(const pu_in *in)
{
    pu_span rest = in->body, maddr;
    if (rest.len > PU_RESOLVED_BYTES_MAX) return PU_ERANGE;
    while (rest.len > 0)
        if (varint_get_block(&rest, rest.len, &maddr) != VARINT_OK) return PU_ERANGE;
    return PU_OK;
}

void resolved(pu_node *n, const pu_in *in)
{
    names *all = names_peek(n);
    uint32_t at = 0;
    while (all != NULL && at < all->lookup_count && all->lookups[at].token != in->token) at++;
    if (all == NULL || at == all->lookup_count) return; /* given up */
    lookup l = lookup_take(all, at);
    named_addr *name = name_find(n, l.name);
    PU_ASSERT(name != NULL && name->asked > 0); /* who is forgotten takes its lookups along */
    uint32_t number = name->number;
    name->asked--;
    if (in->code != PU_CODE_OK) {
        name->last_code = in->code;
    } else {
        pu_time most = ctx_after(n, n->config->resolve_keep_ns);
        pu_time until = in->deadline != 0 && in->deadline < most ? in->deadline : most;
        if (until < name->until) name->until = until;
        take_answer(n, name, &l, in->body);
    }
    lookup_free(n, &l);
    mem_trim(ctx_alloc(n), (void **)&all->lookups, &all->lookup_cap, all->lookup_count,
             sizeof(lookup));
    name = name_find(n, number); /* a leg of what was found may have failed at once */
    if (name != NULL && name->asked == 0) finish(n, name);
}
