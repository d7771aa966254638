/* Limits on what strangers and peers may make us hold, in scopes that lie in each other.
 *
 * A connection, a stream or a waiting byte is held by every scope that it lies in: the system; the
 * transient scope, as long as nobody has agreed to it; its protocol; its peer; its connection; for
 * connections also the address that they come from and the block around it. LIMIT_LIST says how
 * much each scope may hold. Whoever makes such a thing asks limits_admit first and says which
 * scopes it enters.
 *
 * Only what cannot be derived is counted. No scope holds more than the system does, so the others
 * are looked at only when they could be full.
 */
#include "node/impl.h"

typedef struct limit_row {
    const char *name;
    size_t config; /* offset of the maximum in pu_config */
    enum scope scope;
    enum resource what;
} limit_row;

static const limit_row rows[LIMIT_COUNT] = {
#define LIMIT_ROW(name, scope, what) {#name, offsetof(pu_config, name), SCOPE_##scope, what},
    LIMIT_LIST(LIMIT_ROW)
#undef LIMIT_ROW
};

static uint64_t limit_max(const pu_node *n, const limit_row *row)
{
    uint64_t max;
    memcpy(&max, (const uint8_t *)n->config + row->config, sizeof max);
    return max;
}

/* ---- addresses ---- */

static bool is_ip4(const pu_endpoint *e)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(e->ip, mapped, sizeof mapped) == 0;
}

bool endpoint_same_site(const pu_endpoint *a, const pu_endpoint *b)
{
    return memcmp(a->ip, b->ip, is_ip4(a) ? 16 : 7) == 0;
}

/* Bytes of an address that scope takes together: IPv4 /32 and IPv6 /64; IPv4 /16 and IPv6 /32. */
static size_t prefix_bytes(const pu_endpoint *e, enum scope scope)
{
    if (scope == SCOPE_IP) return is_ip4(e) ? 16 : 8;
    return is_ip4(e) ? 14 : 4;
}

static uint32_t inbound_from(const pu_node *n, const pu_endpoint *remote, enum scope scope)
{
    size_t len = prefix_bytes(remote, scope);
    bool all = scope != SCOPE_BLOCK_TRANSIENT;
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->conn_cap; i++) {
        const conn *c = &n->conns[i];
        bool counts = c->state != CONN_FREE && (c->flags & (PU_DIALLER | PU_RELAYED)) == 0;
        if (counts && (all || c->state == CONN_ASKED) && memcmp(c->remote.ip, remote->ip, len) == 0)
            count++;
    }
    return count;
}

/* ---- connections of one peer ---- */

void limits_join(pu_node *n, conn *c)
{
    PU_ASSERT(c->peer != 0);
    uint32_t own = pu_handle_slot(c->handle);
    c->twin = (uint16_t)own;
    for (uint32_t i = 0; i < n->conn_cap; i++) {
        conn *other = &n->conns[i];
        if (other == c || other->state == CONN_FREE || other->peer != c->peer) continue;
        c->twin = other->twin;
        other->twin = (uint16_t)own;
        return;
    }
}

void limits_leave(pu_node *n, const conn *c)
{
    PU_ASSERT(c->peer != 0);
    uint32_t own = pu_handle_slot(c->handle), at = own;
    while (n->conns[at].twin != own) at = n->conns[at].twin;
    n->conns[at].twin = c->twin;
}

static const conn *twin_of(const pu_node *n, const conn *c)
{
    return &n->conns[c->twin];
}

/* ---- what a scope holds ---- */

static uint64_t conns_in(const pu_node *n, enum scope scope, const charge *of)
{
    switch (scope) {
    case SCOPE_SYSTEM: return n->conn_count + n->upgrade_count;
    case SCOPE_TRANSIENT: return n->asked_count + n->upgrade_count;
    case SCOPE_IP:
    case SCOPE_BLOCK:
    case SCOPE_BLOCK_TRANSIENT: return inbound_from(n, of->from, scope);
    case SCOPE_PEER: return conns_of_peer(n, of->peer);
    case SCOPE_PROTOCOL:
    case SCOPE_CONN:
    case SCOPE_STREAM:
    case SCOPE_COUNT:
    default: PU_NEVER_HERE();
    }
}

static uint64_t streams_in(const pu_node *n, enum scope scope, const charge *of)
{
    uint64_t count = 0;
    const conn *c = of->conn;
    switch (scope) {
    case SCOPE_SYSTEM: return n->stream_count + n->opening_count;
    case SCOPE_TRANSIENT: return n->streams_of[PROTO_NONE];
    case SCOPE_PROTOCOL: return n->streams_of[of->proto];
    case SCOPE_PEER:
        do count += c->stream_count;
        while ((c = twin_of(n, c)) != of->conn);
        return count;
    case SCOPE_CONN: return of->conn->inbound_count;
    case SCOPE_IP:
    case SCOPE_BLOCK:
    case SCOPE_BLOCK_TRANSIENT:
    case SCOPE_STREAM:
    case SCOPE_COUNT:
    default: PU_NEVER_HERE();
    }
}

/* Whether a stream lies in a scope. */
static bool is_in(const pu_node *n, const stream *s, enum scope scope, const charge *of)
{
    const conn *c = &n->conns[pu_handle_slot(s->conn)];
    switch (scope) {
    case SCOPE_TRANSIENT: return s->proto == PROTO_NONE;
    case SCOPE_PROTOCOL: return s->proto == of->proto;
    case SCOPE_PEER: return of->conn != NULL && c->peer == of->conn->peer;
    case SCOPE_CONN: return c == of->conn;
    case SCOPE_SYSTEM:
    case SCOPE_STREAM: /* see stream_keep */
    case SCOPE_IP:
    case SCOPE_BLOCK:
    case SCOPE_BLOCK_TRANSIENT:
    case SCOPE_COUNT:
    default: PU_NEVER_HERE();
    }
}

static uint64_t bytes_in(const pu_node *n, enum scope scope, const charge *of)
{
    if (scope == SCOPE_SYSTEM) return n->waiting;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n->stream_cap; i++) {
        const stream *s = &n->streams[i];
        if (s->phase != STREAM_FREE && is_in(n, s, scope, of)) bytes += s->in.len + s->out.len;
    }
    return bytes;
}

static uint64_t held_in(const pu_node *n, enum scope scope, enum resource what, const charge *of)
{
    if (what == RESOURCE_CONNS) return conns_in(n, scope, of);
    return what == RESOURCE_STREAMS ? streams_in(n, scope, of) : bytes_in(n, scope, of);
}

/* ---- admitting ---- */

/* Notes that a limit held. Without memory it is not counted. */
static void refuse(pu_node *n, uint32_t row)
{
    uint64_t max = limit_max(n, &rows[row]);
    const char *name = rows[row].name;
    ctx_trace(n, PU_TR_LIMITED, NULL, NULL, 0, max, 0, span_of(name, strlen(name)));
    if (n->refused == NULL) n->refused = mem_new(ctx_alloc(n), LIMIT_COUNT * sizeof *n->refused);
    if (n->refused != NULL) n->refused[row]++;
}

bool limits_admit(pu_node *n, enum resource what, uint32_t scopes, const charge *of,
                  uint64_t amount)
{
    uint64_t all = held_in(n, SCOPE_SYSTEM, what, of);
    for (uint32_t i = 0; i < LIMIT_COUNT; i++) {
        const limit_row *row = &rows[i];
        uint64_t max = limit_max(n, row);
        bool is_meant = row->what == what && (scopes & 1u << row->scope) != 0;
        if (!is_meant || all + amount <= max) continue;
        uint64_t held = row->scope == SCOPE_SYSTEM ? all : held_in(n, row->scope, what, of);
        if (held + amount <= max) continue;
        refuse(n, i);
        return false;
    }
    return true;
}

bool limits_may_move(pu_node *n, const conn *c, const pu_endpoint *to)
{
    uint32_t scopes = 0;
    if ((c->flags & (PU_DIALLER | PU_RELAYED)) != 0) return true;
    if (memcmp(c->remote.ip, to->ip, prefix_bytes(to, SCOPE_IP)) != 0) scopes |= IN(IP);
    if (memcmp(c->remote.ip, to->ip, prefix_bytes(to, SCOPE_BLOCK)) != 0) scopes |= IN(BLOCK);
    return limits_admit(n, RESOURCE_CONNS, scopes, &(charge){.from = to}, 1);
}

/* ---- bytes and protocols of streams ---- */

bool stream_keep(pu_node *n, stream *s, mem_bytes *to, pu_span bytes, uint32_t beyond)
{
    if (bytes.len == 0) return true;
    uint32_t own = s->proto == PROTO_NONE ? IN(TRANSIENT) : IN(PROTOCOL);
    charge of = {.conn = conn_find(n, s->conn), .proto = (enum proto_id)s->proto};
    size_t need = to->len + bytes.len;
    if (need > n->config->stream_pending_bytes + beyond) {
        refuse(n, LIMIT_stream_pending_bytes);
    } else if (limits_admit(n, RESOURCE_BYTES, IN(SYSTEM) | own | IN(PEER) | IN(CONN), &of,
                            bytes.len)) {
        if (mem_bytes_append(ctx_alloc(n), to, bytes, UINT32_MAX)) {
            n->waiting += (uint32_t)bytes.len;
            return true;
        }
        ctx_no_memory(n, NULL, need);
    }
    ctx_stream_reset(n, s, PU_CODE_RESOURCE);
    return false;
}

void stream_drop(pu_node *n, mem_bytes *from, uint32_t count)
{
    PU_ASSERT(n->waiting >= count);
    n->waiting -= count;
    if (count == from->len) mem_bytes_free(ctx_alloc(n), from);
    else mem_bytes_drop(ctx_alloc(n), from, count);
}

void stream_is_of(pu_node *n, stream *s, enum proto_id proto)
{
    PU_ASSERT(n->streams_of[s->proto] > 0);
    n->streams_of[s->proto]--;
    s->proto = (uint8_t)proto;
    n->streams_of[s->proto]++;
}

bool limits_are_true(const pu_node *n)
{
    uint32_t found[PROTO_COUNT] = {0}, waiting = 0, inbound = 0, counted = 0;
    for (uint32_t i = 0; i < n->stream_cap; i++) {
        const stream *s = &n->streams[i];
        if (s->phase == STREAM_FREE) continue;
        found[s->proto]++;
        waiting += s->in.len + s->out.len;
        inbound += s->inbound && n->conns[pu_handle_slot(s->conn)].handle == s->conn;
    }
    for (uint32_t i = 0; i < n->conn_cap; i++) counted += n->conns[i].inbound_count;
    bool is_true = inbound == counted && waiting == n->waiting;
    for (uint32_t p = 0; p < PROTO_COUNT; p++) is_true = is_true && found[p] == n->streams_of[p];
    for (uint32_t i = 0; i < n->conn_cap && is_true; i++) {
        const conn *c = &n->conns[i], *at = c;
        uint32_t ring = 0;
        if (c->state == CONN_FREE || c->peer == 0) continue;
        do {
            ring++;
            at = twin_of(n, at);
        } while (at != c && at->peer == c->peer && ring <= n->conn_count);
        uint32_t with_peer = 0;
        for (uint32_t k = 0; k < n->conn_cap; k++) with_peer += n->conns[k].peer == c->peer;
        is_true = at == c && ring == with_peer;
    }
    return is_true;
}

/* ---- reading ---- */

enum { PEERS_COMPARED_MAX = 2048 }; /* connections up to which the fullest address is looked for */

/* The most that any one scope of a kind holds. */
static uint64_t most_in(const pu_node *n, const limit_row *row)
{
    bool is_by_address = (IN(IP) | IN(BLOCK) | IN(BLOCK_TRANSIENT)) >> row->scope & 1;
    uint64_t most = 0;
    if (row->scope == SCOPE_SYSTEM || row->scope == SCOPE_TRANSIENT)
        return held_in(n, row->scope, row->what, &(charge){.conn = NULL});
    if (row->scope == SCOPE_PROTOCOL) {
        for (int p = PROTO_NONE + 1; p < PROTO_COUNT; p++) {
            charge of = {.proto = (enum proto_id)p};
            uint64_t held = held_in(n, SCOPE_PROTOCOL, row->what, &of);
            most = held > most ? held : most;
        }
        return most;
    }
    if (row->scope == SCOPE_STREAM) {
        for (uint32_t i = 0; i < n->stream_cap; i++) {
            const stream *s = &n->streams[i];
            uint32_t held = s->in.len > s->out.len ? s->in.len : s->out.len;
            most = held > most ? held : most;
        }
        return most;
    }
    if (is_by_address && n->conn_cap > PEERS_COMPARED_MAX) return 0;
    for (uint32_t i = 0; i < n->conn_cap; i++) {
        const conn *c = &n->conns[i];
        if (c->state == CONN_FREE || (c->peer == 0 && row->scope == SCOPE_PEER)) continue;
        charge of = {.conn = c, .peer = c->peer, .from = &c->remote};
        uint64_t held = held_in(n, row->scope, row->what, &of);
        most = held > most ? held : most;
    }
    return most;
}

bool limits_read(const pu_node *n, uint32_t at, pu_limit_row *row)
{
    if (at >= LIMIT_COUNT) return false;
    *row = (pu_limit_row){
        .name = rows[at].name,
        .used = most_in(n, &rows[at]),
        .max = limit_max(n, &rows[at]),
        .refused = n->refused != NULL ? n->refused[at] : 0,
    };
    return true;
}
