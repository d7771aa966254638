/* What is known of peers' addresses: a bounded list a peer, in a bounded table. Commands pin; what
 * peers tell displaces only what peers told, and is forgotten when the peer has been gone for
 * book_ns. What has given a connection is kept beyond that: it may be all there is to come back by.
 */
#include "node/names.h"

known_peer *book_find(const pu_node *n, pu_peer peer)
{
    uint32_t at;
    return imap_get(&n->known_index, peer, &at) ? &n->known[at] : NULL;
}

static void addr_drop(pu_node *n, known_addr *a)
{
    ctx_peer_drop(n, a->via);
}

void book_forget(pu_node *n, pu_peer peer)
{
    known_peer *k = book_find(n, peer);
    if (k == NULL) return;
    for (uint32_t i = 0; i < k->addr_count; i++) addr_drop(n, &k->addrs[i]);
    mem_free(ctx_alloc(n), k->addrs, k->addr_cap * sizeof(known_addr));
    uint32_t at = (uint32_t)(k - n->known), last = n->known_count - 1;
    imap_del(&n->known_index, peer);
    if (at != last) {
        n->known[at] = n->known[last];
        bool moved = imap_put(&n->known_index, n->known[at].peer, at);
        PU_ASSERT(moved); /* the key is there: nothing to allocate */
    }
    n->known_count--;
    names_forget(n, peer);
    ctx_peer_drop(n, peer);
}

/* Whether anybody needs what is known of a peer. */
static bool is_needed(const pu_node *n, const known_peer *k)
{
    PU_ASSERT(k != NULL);
    PU_ASSERT(k->addrs != NULL || k->addr_count == 0);
    if (k->is_relay || want_find(n, k->peer) != NULL || conns_of_peer(n, k->peer) > 0) return true;
    for (uint32_t i = 0; i < k->addr_count; i++)
        if (k->addrs[i].pinned) return true;
    return names_of_peer(n, k->peer) > 0;
}

/* Makes room in a full table: the oldest entry that nobody needs goes. */
static bool make_room(pu_node *n)
{
    if (n->known_count < n->config->book_peers_max) return true;
    PU_ASSERT(n->known != NULL);
    for (uint32_t i = 0; i < n->known_count; i++)
        if (!is_needed(n, &n->known[i])) {
            book_forget(n, n->known[i].peer);
            return true;
        }
    return !ctx_at_limit(n, "book_peers_max", n->known_count, n->config->book_peers_max);
}

static known_peer *find_or_add(pu_node *n, pu_peer peer)
{
    known_peer *k = book_find(n, peer);
    if (k != NULL) return k;
    if (!make_room(n)) return NULL;
    if (!mem_grow(ctx_alloc(n), (void **)&n->known, &n->known_cap, n->known_count,
                  (uint32_t)n->config->book_peers_max, sizeof(known_peer)) ||
        !imap_put(&n->known_index, peer, n->known_count))
        return NULL;
    pu_peers_retain(n->env->peers, peer);
    k = &n->known[n->known_count++];
    memset(k, 0, sizeof *k);
    k->peer = peer;
    return k;
}

static bool addr_same(const known_addr *a, const known_addr *b)
{
    return a->transport == b->transport && a->via == b->via &&
           pu_endpoint_equal(&a->endpoint, &b->endpoint);
}

/* The place for one more address: a new one, or the next learned one in turn; NULL: all are pinned,
 * or no memory. */
static known_addr *addr_place(pu_node *n, known_peer *k)
{
    uint32_t max = (uint32_t)n->config->book_addrs_max;
    if (k->addr_count < max) {
        if (!mem_grow(ctx_alloc(n), (void **)&k->addrs, &k->addr_cap, k->addr_count, max,
                      sizeof(known_addr)))
            return NULL;
        return &k->addrs[k->addr_count++];
    }
    for (uint32_t tried = 0; tried < k->addr_count; tried++) {
        known_addr *a = &k->addrs[k->addr_next++ % k->addr_count];
        if (a->pinned) continue;
        addr_drop(n, a);
        return a;
    }
    return NULL;
}

/* Whether time counts for an address. */
static bool grows_old(const known_addr *a)
{
    return !a->pinned && !a->proven;
}

/* Now, in whole seconds, upwards: nothing is forgotten too soon. */
static uint32_t now_s(const pu_node *n)
{
    return (uint32_t)((n->now + PU_S - 1) / PU_S);
}

/* Adds what maddr says; takes over the reference in fresh.via. */
static uint32_t addr_add(pu_node *n, known_peer *k, known_addr fresh)
{
    for (uint32_t i = 0; i < k->addr_count; i++)
        if (addr_same(&k->addrs[i], &fresh)) {
            k->addrs[i].told_s = now_s(n);
            k->addrs[i].pinned |= fresh.pinned;
            k->addrs[i].proven |= fresh.proven;
            addr_drop(n, &fresh);
            return PU_CODE_OK;
        }
    known_addr *a = addr_place(n, k);
    if (a == NULL) {
        addr_drop(n, &fresh);
        return PU_CODE_RESOURCE;
    }
    *a = fresh;
    a->told_s = now_s(n);
    return PU_CODE_OK;
}

/* Reads a multiaddr as something to dial; false when it is not, or begins with a name. fresh->via
 * then holds a reference. */
static bool addr_read(pu_node *n, pu_span maddr, known_addr *fresh, pu_peer_id *peer)
{
    pu_addr addr;
    if (maddr.len > PU_MADDR_MAX || pu_addr_read(&addr, maddr) != PU_OK) return false;
    *peer = addr.peer;
    *fresh = (known_addr){.endpoint = addr.endpoint, .transport = (uint8_t)addr.transport};
    if (addr.circuit && addr.dns) *fresh = (known_addr){.transport = PU_TRANSPORT_CIRCUIT};
    else if (addr.dns || addr.transport == PU_TRANSPORT_NONE) return false;
    if (!addr.circuit)
        return addr.endpoint.port != 0 && pu_endpoint_scope(&addr.endpoint) != PU_SCOPE_NONE;
    if (addr.via.len == 0) return false;
    fresh->via = ctx_peer_hold(n, span_of(addr.via.bytes, addr.via.len));
    return fresh->via != 0;
}

/* Whether a name comes first in maddr, and what may be dialled once it is known. */
static bool is_named(pu_span maddr, pu_peer_id *peer)
{
    pu_addr addr;
    if (maddr.len > PU_MADDR_MAX || pu_addr_read(&addr, maddr) != PU_OK) return false;
    pu_maddr_part first;
    bool is_dnsaddr = pu_maddr_next(&maddr, &first) && first.code == PU_MA_DNSADDR;
    *peer = addr.peer;
    if (!addr.dns || addr.circuit) return false;
    return is_dnsaddr || (addr.transport != PU_TRANSPORT_NONE && addr.endpoint.port != 0);
}

static uint32_t add_pinned(pu_node *n, pu_span maddr, bool is_relay)
{
    known_addr fresh = {.transport = PU_TRANSPORT_NONE};
    pu_peer_id id;
    bool has_name = is_named(maddr, &id);
    if (!has_name && !addr_read(n, maddr, &fresh, &id)) return PU_CODE_INVALID;
    pu_peer peer = id.len > 0 ? ctx_peer_hold(n, span_of(id.bytes, id.len)) : 0;
    known_peer *k = peer != 0 ? find_or_add(n, peer) : NULL;
    if (k == NULL) {
        addr_drop(n, &fresh);
        ctx_peer_drop(n, peer);
        return id.len > 0 ? PU_CODE_RESOURCE : PU_CODE_INVALID;
    }
    if (is_relay) k->is_relay = true;
    fresh.pinned = true;
    uint32_t code = has_name ? name_add(n, peer, maddr) : addr_add(n, k, fresh);
    if (code == PU_CODE_OK && is_relay) code = want_add(n, peer, true);
    ctx_peer_drop(n, peer);
    return code;
}

/* What stands before /p2p-circuit: the relay's own address; empty: nothing does. */
static pu_span hop_of(pu_span maddr)
{
    pu_maddr_part part;
    size_t before = 0;
    for (pu_span rest = maddr; pu_maddr_next(&rest, &part); before = maddr.len - rest.len)
        if (part.code == PU_MA_CIRCUIT) return span_head(maddr, before);
    return span_of(NULL, 0);
}

/* Whoever gives us a circuit's address tells where its relay is as well. */
uint32_t book_add(pu_node *n, pu_span maddr, bool is_relay)
{
    uint32_t code = add_pinned(n, maddr, is_relay);
    pu_span hop = code == PU_CODE_OK ? hop_of(maddr) : span_of(NULL, 0);
    if (hop.len > 0) (void)add_pinned(n, hop, false);
    return code;
}

/* When an address is over once its peer is gone. */
static pu_time over_at(const pu_node *n, const known_addr *a)
{
    return grows_old(a) ? a->told_s * PU_S + n->config->book_ns : PU_NEVER;
}

/* Drops what peers told: all of it, or what is over. */
static void forget_told(pu_node *n, known_peer *k, bool all)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < k->addr_count; i++) {
        bool is_kept = all ? !grows_old(&k->addrs[i]) : over_at(n, &k->addrs[i]) > n->now;
        if (is_kept) k->addrs[kept++] = k->addrs[i];
        else addr_drop(n, &k->addrs[i]);
    }
    k->addr_count = kept;
}

void ctx_forget_told(pu_node *n, pu_peer peer)
{
    known_peer *k = book_find(n, peer);
    if (k != NULL) forget_told(n, k, true);
}

/* Whether one of addrs is a. */
static bool is_among(pu_node *n, const known_addr *a, const pu_span *addrs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        known_addr other;
        pu_peer_id id;
        if (!addr_read(n, addrs[i], &other, &id)) continue;
        bool is_same = addr_same(a, &other);
        addr_drop(n, &other);
        if (is_same) return true;
    }
    return false;
}

void ctx_forget_stale(pu_node *n, pu_peer peer, const pu_span *addrs, uint32_t count)
{
    known_peer *k = book_find(n, peer);
    uint32_t kept = 0;
    if (k == NULL) return;
    for (uint32_t i = 0; i < k->addr_count; i++) {
        known_addr *a = &k->addrs[i];
        bool is_near = a->via == 0 && pu_endpoint_scope(&a->endpoint) != PU_SCOPE_GLOBAL;
        if (!grows_old(a) || is_near || is_among(n, a, addrs, count)) k->addrs[kept++] = *a;
        else addr_drop(n, a);
    }
    k->addr_count = kept;
}

/* ---- addresses of who is gone ---- */

/* Whether any connection with peer has not had its last word. */
static bool is_connected(const pu_node *n, pu_peer peer)
{
    for (uint32_t i = 0; i < n->conn_cap; i++)
        if (n->conns[i].state != CONN_FREE && n->conns[i].peer == peer) return true;
    return false;
}

static void arm(pu_node *n, pu_time at)
{
    if (at >= n->book_due) return;
    n->book_due = at;
    ctx_timer(n, TIMER_BOOK, 0, at);
}

/* When the first of a peer's addresses is over; PU_NEVER: none will be. */
static pu_time first_over(const pu_node *n, const known_peer *k)
{
    pu_time first = PU_NEVER;
    for (uint32_t i = 0; i < k->addr_count; i++)
        if (over_at(n, &k->addrs[i]) < first) first = over_at(n, &k->addrs[i]);
    return first;
}

void book_left(pu_node *n, pu_peer peer)
{
    known_peer *k = book_find(n, peer);
    if (k == NULL || is_connected(n, peer)) return;
    for (uint32_t i = 0; i < k->addr_count; i++) k->addrs[i].told_s = now_s(n);
    arm(n, first_over(n, k));
}

/* Drops the addresses that are over, and who is known by nothing else. */
static void sweep(pu_node *n)
{
    for (uint32_t i = 0; i < n->known_count;) {
        known_peer *k = &n->known[i];
        bool is_gone = !is_connected(n, k->peer);
        if (is_gone) forget_told(n, k, false);
        if (is_gone && k->addr_count == 0 && !is_needed(n, k)) {
            book_forget(n, k->peer); /* another is in its place now */
            continue;
        }
        if (is_gone) arm(n, first_over(n, k));
        i++;
    }
}

void book_timer(pu_node *n, uint64_t arg)
{
    PU_ASSERT(arg == 0);
    n->book_due = PU_NEVER;
    sweep(n);
}

void book_again(pu_node *n)
{
    if (n->book_due != PU_NEVER) ctx_timer(n, TIMER_BOOK, 0, n->book_due);
}

void ctx_learn(pu_node *n, pu_peer peer, pu_span maddr)
{
    known_addr fresh;
    pu_peer_id id;
    if (!addr_read(n, maddr, &fresh, &id)) return;
    bool names_another = id.len > 0 && !span_equal(span_of(id.bytes, id.len), ctx_peer_id(n, peer));
    known_peer *k = names_another ? NULL : find_or_add(n, peer);
    if (k == NULL) addr_drop(n, &fresh);
    else addr_add(n, k, fresh);
    if (k != NULL && !is_connected(n, peer)) arm(n, first_over(n, k));
}

bool ctx_record_is_newer(pu_node *n, pu_peer peer, uint64_t seq)
{
    known_peer *k = find_or_add(n, peer);
    if (k == NULL || (k->has_record && seq <= k->record_seq)) return false;
    k->has_record = true;
    k->record_seq = seq;
    return true;
}

known_peer *book_prove(pu_node *n, pu_peer peer, const pu_endpoint *endpoint,
                       enum pu_transport transport)
{
    known_addr fresh = {.endpoint = *endpoint, .transport = (uint8_t)transport, .proven = true};
    PU_ASSERT(transport == PU_TRANSPORT_QUIC || transport == PU_TRANSPORT_TCP);
    known_peer *k = find_or_add(n, peer);
    for (uint32_t i = 0; k != NULL && i < k->addr_count; i++)
        if (addr_same(&k->addrs[i], &fresh) && (k->addrs[i].proven || k->addrs[i].pinned))
            return NULL;
    return k != NULL && addr_add(n, k, fresh) == PU_CODE_OK ? k : NULL;
}

bool ctx_is_relay(const pu_node *n, pu_peer peer)
{
    const known_peer *k = book_find(n, peer);
    return k != NULL && k->is_relay;
}

static uint32_t put_direct(const known_peer *k, enum pu_transport transport,
                           direct_addr out[CTX_ADDRS_MAX], uint32_t count)
{
    for (uint32_t i = 0; i < k->addr_count && count < CTX_ADDRS_MAX; i++)
        if (k->addrs[i].via == 0 && k->addrs[i].transport == (uint8_t)transport)
            out[count++] = (direct_addr){k->addrs[i].endpoint, transport};
    return count;
}

uint32_t ctx_peer_addrs(const pu_node *n, pu_peer peer, direct_addr out[CTX_ADDRS_MAX])
{
    const known_peer *k = book_find(n, peer);
    if (k == NULL) return 0;
    return put_direct(k, PU_TRANSPORT_TCP, out, put_direct(k, PU_TRANSPORT_QUIC, out, 0));
}
