/* Who may connect to us: the authorised peers, as authorized_keys lines named them. */
#include "base/planted.h"
#include "node/apps.h"

static authorised *find(const pu_node *n, pu_peer peer)
{
    uint32_t at;
    return imap_get(&n->authorised_index, peer, &at) ? &n->authorised[at] : NULL;
}

static bool is_current(const pu_node *n, const authorised *a)
{
    return a->expires_s == 0 || (n->has_clock && ctx_unix_s(n) < a->expires_s);
}

bool ctx_is_authorised(const pu_node *n, pu_peer peer)
{
    if (!n->is_started) return false; /* nobody is, before the first TICK */
    if (n->config->gating == 0 || PLANTED(PLANTED_GATE_OPEN)) return true;
    return ctx_is_named(n, peer);
}

bool ctx_is_named(const pu_node *n, pu_peer peer)
{
    const authorised *a = peer != 0 ? find(n, peer) : NULL;
    return a != NULL && is_current(n, a);
}

static int add(pu_node *n, pu_peer peer, uint64_t expires_s)
{
    if (ctx_at_limit(n, "authorized_max", n->authorised_count, n->config->authorized_max))
        return PU_CODE_RESOURCE;
    if (!mem_grow(ctx_alloc(n), (void **)&n->authorised, &n->authorised_cap, n->authorised_count,
                  (uint32_t)n->config->authorized_max, sizeof(authorised)) ||
        !imap_put(&n->authorised_index, peer, n->authorised_count))
        return PU_CODE_NO_MEMORY;
    n->authorised[n->authorised_count++] = (authorised){peer, expires_s};
    return PU_CODE_OK;
}

int gater_authorise(pu_node *n, pu_span line)
{
    pu_authorized parsed;
    if (pu_authorized_parse(&parsed, line, NULL) != PU_OK) return PU_CODE_INVALID;
    if (parsed.peer.len == 0) return PU_CODE_OK; /* blank, or a comment */
    pu_peer peer = ctx_peer_hold(n, span_of(parsed.peer.bytes, parsed.peer.len));
    if (peer == 0) return PU_CODE_NO_MEMORY;
    authorised *known = find(n, peer);
    if (known != NULL) {
        known->expires_s = parsed.expires_s;
        ctx_peer_drop(n, peer);
        gater_clock(n);
        return PU_CODE_OK;
    }
    int code = add(n, peer, parsed.expires_s);
    if (code != PU_CODE_OK) {
        ctx_peer_drop(n, peer);
        return code;
    }
    gater_clock(n);
    services_peer_authorised(n);
    return code;
}

static void forget(pu_node *n, authorised *a)
{
    pu_peer peer = a->peer;
    uint32_t at = (uint32_t)(a - n->authorised), last = n->authorised_count - 1;
    imap_del(&n->authorised_index, peer);
    if (at != last) {
        n->authorised[at] = n->authorised[last];
        bool moved = imap_put(&n->authorised_index, n->authorised[at].peer, at);
        PU_ASSERT(moved); /* the key is there: nothing to allocate */
    }
    n->authorised_count--;
    ctx_peer_drop(n, peer);
}

/* Whether there is a line or not: who is revoked is neither kept nor sought. */
void gater_revoke(pu_node *n, pu_peer peer)
{
    apps_enforce(n);
    want_drop(n, peer);
    commands_failed(n, peer, PU_CODE_GATED);
    conns_hangup_peer(n, peer, PU_CODE_GATED);
    authorised *a = find(n, peer);
    if (a != NULL) forget(n, a);
}

/* ---- authorisations that end ---- */

void gater_enforce(pu_node *n)
{
    uint32_t cursor = 0;
    apps_enforce(n);
    for (conn *c; (c = ctx_conn_at(n, &cursor)) != NULL;)
        if ((c->flags & PU_DIALLER) == 0 && !ctx_is_authorised(n, c->peer))
            conn_doom(n, c, PU_CODE_GATED);
}

void gater_clock(pu_node *n)
{
    uint64_t first_s = UINT64_MAX, now_s = ctx_unix_s(n);
    for (uint32_t i = 0; i < n->authorised_count; i++) {
        uint64_t at_s = n->authorised[i].expires_s;
        if (at_s > now_s && at_s < first_s) first_s = at_s;
    }
    bool is_near = n->has_clock && first_s - now_s < INT64_MAX / PU_S;
    ctx_timer(n, TIMER_EXPIRY, 0, is_near ? ctx_after(n, (first_s - now_s) * PU_S) : PU_NEVER);
}

void gater_timer(pu_node *n, uint64_t arg)
{
    (void)arg;
    gater_enforce(n);
    gater_clock(n);
}
