/* What outlives this run: for each peer that we may talk to, the addresses that gave direct
 * connections.
 *
 * One record a peer, "book/ID" in base58, whose body is multiaddrs, each after its length as a
 * varint. It is written again only when an address is new in it. Addresses that commands gave are
 * left out: the host gives them again. A record of an earlier run is as good as a peer's word: its
 * addresses are learned, proven until they turn out otherwise, and displaced like others.
 */
#include "base/varint.h"
#include "node/impl.h"

#define PREFIX "book/"

enum {
    PREFIX_LEN = sizeof PREFIX - 1,
    ADDRS_MAX = 8, /* in a record: the latest */
    BODY_MAX = ADDRS_MAX * (PU_MADDR_MAX + 2)
};

_Static_assert((int)BODY_MAX <= (int)PU_KEEP_BODY_MAX, "a record fits");

static bool is_kept(const known_addr *a)
{
    return a->proven && !a->pinned && a->via == 0;
}

static uint32_t kept_count(const known_peer *k)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < k->addr_count; i++) count += is_kept(&k->addrs[i]);
    return count;
}

static void put_addr(pu_buf *body, const known_addr *a)
{
    uint8_t maddr[PU_MADDR_MAX];
    size_t len = pu_addr_write(maddr, &a->endpoint, (enum pu_transport)a->transport);
    varint_put(body, len);
    buf_put(body, maddr, len);
}

/* Asks the host to keep what is proven about a peer. */
static void write(pu_node *n, const known_peer *k)
{
    char text[PU_PEER_ID_TEXT_MAX];
    uint8_t bytes[BODY_MAX], name[PU_KEEP_KEY_MAX];
    pu_buf body = buf_of(bytes, sizeof bytes), key = buf_of(name, sizeof name);
    size_t len = pu_peer_id_text(pu_peers_id(n->env->peers, k->peer), PU_PEER_BASE58, text);
    buf_put(&key, PREFIX, PREFIX_LEN);
    buf_put(&key, text, len);
    if (key.full) return; /* an id longer than any that we make: nothing is kept about it */
    uint32_t count = kept_count(k), passed = count > ADDRS_MAX ? count - ADDRS_MAX : 0;
    for (uint32_t i = 0; i < k->addr_count; i++) {
        if (!is_kept(&k->addrs[i])) continue;
        if (passed > 0) passed--;
        else put_addr(&body, &k->addrs[i]);
    }
    PU_ASSERT(!body.full);
    pu_ef *e = effect(n, PU_EF_KEEP);
    e->token = token_next(n);
    e->peer = out_copy(n->out, buf_span(&key));
    e->body = out_copy(n->out, buf_span(&body));
}

void keep_confirmed(pu_node *n, const conn *c)
{
    PU_ASSERT(c->confirmed);
    bool has_address = (c->flags & PU_DIALLER) != 0 && (c->flags & PU_RELAYED) == 0;
    if (!has_address) return;
    if (!ctx_is_authorised(n, c->peer) && want_find(n, c->peer) == NULL) return;
    known_peer *k = book_prove(n, c->peer, &c->remote, c->transport);
    if (k != NULL) write(n, k);
}

int keep_check(const pu_node *n, const pu_in *in)
{
    bool has_room = in->peer.len <= PU_KEEP_KEY_MAX && in->body.len <= PU_KEEP_BODY_MAX;
    return !n->is_started && has_room ? PU_OK : PU_ERANGE;
}

/* The peer that a record is about; false: it is no record of ours. */
static bool read_key(pu_span key, pu_peer_id *id)
{
    pu_span prefix = span_of(PREFIX, PREFIX_LEN);
    if (key.len <= PREFIX_LEN || !span_equal(span_head(key, PREFIX_LEN), prefix)) return false;
    return pu_peer_id_parse(id, span_skip(key, PREFIX_LEN)) == PU_OK;
}

void keep_kept(pu_node *n, const pu_in *in)
{
    PU_ASSERT(!n->is_started);
    pu_peer_id id;
    pu_peer peer = 0;
    if (read_key(in->peer, &id)) peer = ctx_peer_hold(n, span_of(id.bytes, id.len));
    uint32_t taken = 0;
    pu_span rest = in->body, maddr;
    while (peer != 0 && taken < ADDRS_MAX && rest.len > 0 &&
           varint_get_block(&rest, PU_MADDR_MAX, &maddr) == VARINT_OK) {
        pu_addr addr;
        bool is_good = pu_addr_read(&addr, maddr) == PU_OK && !addr.circuit && !addr.dns &&
                       addr.transport != PU_TRANSPORT_NONE && addr.peer.len == 0 &&
                       pu_endpoint_scope(&addr.endpoint) != PU_SCOPE_NONE;
        if (!is_good) break;
        book_prove(n, peer, &addr.endpoint, addr.transport);
        taken++;
    }
    ctx_trace(n, PU_TR_KEPT, NULL, NULL, peer, taken, rest.len, span_of(NULL, 0));
    ctx_peer_drop(n, peer);
}

void keep_stored(pu_node *n, const pu_in *in)
{
    if (in->code == PU_CODE_OK) return; /* what was kept is known here anyway */
    ctx_trace(n, PU_TR_NOT_STORED, NULL, NULL, 0, in->code, 0, span_of(NULL, 0));
}
