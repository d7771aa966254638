/* What relays allow the relayed connections of this node, and why one of those ended; see
 * daemon_impl.h.
 *
 * A relay tells its limits with the circuit, before the connection that it carries is there. The
 * node traces them with the peer and the carrying connection, and by these the connection is found
 * when somebody asks. What is left of a limit can be told while the connection is there: the link
 * counts what the relay counts, and a relay's time begins when it says yes. Nobody tells why a
 * relay ended a circuit: what was carried, and for how long, says whether a limit was the reason.
 */
#include "net-real/daemon/daemon_impl.h"

#include <inttypes.h>
#include <string.h>

/* The last of a circuit's bytes are lost on their way, and others than an application's are carried
 * as well: from this share of a limit on it is taken for the reason. */
enum { CARRIED_PART = 3 };

#define LIFE_SLACK_NS (5 * PU_S) /* a connection is up to that much younger than its circuit */

/* ---- the table ---- */

/* What a relay said of a circuit that is to come. The oldest entry makes room. */
static void add(peerupd *d, const pu_trace *t)
{
    circuit *c = &d->circuits[d->circuit_next++ % DAEMON_CIRCUITS_MAX];
    *c = (circuit){.carrier = t->conn, .limit_bytes = t->a, .limit_s = t->b, .since = t->now};
    if (pu_peer_id_from_bytes(&c->peer, t->peer) != PU_OK) *c = (circuit){0};
}

static void down(peerupd *d, const pu_trace *t)
{
    for (size_t i = 0; i < DAEMON_CIRCUITS_MAX; i++) {
        circuit *c = &d->circuits[i];
        if (c->conn == 0 || pu_handle_ordinal(c->conn) != t->conn) continue;
        c->is_lost = t->a == PU_CODE_LOST;
        c->life_ns = t->b;
    }
}

/* ---- as relay ---- */

/* A circuit ends at a limit of ours. */
static void say_cut(peerupd *d, const pu_trace *t)
{
    char limits[LIMITS_TEXT_MAX];
    const pu_config *our = &d->c->node;
    bool is_full = t->b == PU_CUT_BYTES;
    if (!daemon_may_say(d, &d->full, "circuits ended at this relay's limits")) return;
    daemon_say(
        d, "circuit of %s ended at this relay's limit (%s; resources.%s) after %" PRIu64 " bytes",
        daemon_peer_text(d, t->peer),
        limits_text(is_full ? our->circuit_bytes : 0, is_full ? 0 : our->circuit_ns / PU_S, limits),
        is_full ? "session_data_limit" : "session_duration", t->a);
}

void circuits_trace(void *ctx, const pu_trace *t)
{
    peerupd *d = ctx;
    if (t->code == PU_TR_CIRCUIT_LIMITS) add(d, t);
    else if (t->code == PU_TR_CONN_DOWN) down(d, t);
    else if (t->code == PU_TR_CIRCUIT_CUT) say_cut(d, t);
}

static circuit *known(peerupd *d, pu_handle conn)
{
    for (size_t i = 0; i < DAEMON_CIRCUITS_MAX; i++)
        if (d->circuits[i].conn == conn) return &d->circuits[i];
    return NULL;
}

/* The entry that row's connection came of: the newest that no connection is known of. */
static circuit *awaited(peerupd *d, const pu_conn_row *row)
{
    for (size_t i = 1; i <= DAEMON_CIRCUITS_MAX; i++) {
        circuit *c = &d->circuits[(d->circuit_next - i) % DAEMON_CIRCUITS_MAX];
        bool is_free = c->carrier != 0 && c->conn == 0;
        if (is_free && c->carrier == pu_handle_ordinal(row->via) && row->peer.len == c->peer.len &&
            memcmp(row->peer.base, c->peer.bytes, c->peer.len) == 0)
            return c;
    }
    return NULL;
}

circuit *circuits_find(peerupd *d, pu_handle conn)
{
    pu_conn_row row;
    if (conn == 0) return NULL;
    circuit *c = known(d, conn);
    if (c != NULL) return c;
    for (uint32_t cursor = 0; pu_node_read_conns(pu_host_node(d->host), &cursor, &row);) {
        if (row.conn != conn || (row.flags & PU_LIMITED) == 0) continue;
        c = awaited(d, &row);
        if (c == NULL) return NULL;
        c->conn = conn;
        c->up_at = row.up_at;
        return c;
    }
    return NULL;
}

/* What is left of `most`; most 0: there is no such limit. */
static uint64_t left_of(uint64_t most, uint64_t used)
{
    if (most == 0) return LIMITS_UNKNOWN;
    return used < most ? most - used : 0;
}

relay_limits circuits_limits(peerupd *d, pu_handle conn)
{
    uint64_t received, sent;
    const circuit *c = circuits_find(d, conn);
    if (c == NULL) return (relay_limits){0, 0, LIMITS_UNKNOWN, LIMITS_UNKNOWN};
    relay_limits l = {c->limit_bytes, c->limit_s, LIMITS_UNKNOWN, LIMITS_UNKNOWN};
    if (!pu_host_carried(d->host, conn, &received, &sent)) return l;
    l.left_bytes = left_of(c->limit_bytes, received > sent ? received : sent);
    l.left_s = left_of(c->limit_s, (pu_host_now(d->host) - c->since) / PU_S);
    return l;
}

void circuits_carried(peerupd *d, const splice_end *end)
{
    circuit *c = circuits_find(d, end->conn);
    if (c == NULL) return;
    c->received += end->received;
    c->sent += end->sent;
}

/* ---- why it ended ---- */

/* What applications had of it, in the direction that had more: streams that are over, and those
 * that are not. */
static uint64_t carried(const peerupd *d, const circuit *c)
{
    uint64_t received = c->received, sent = c->sent;
    pu_app_row row;
    for (uint32_t cursor = 0; pu_node_read_apps(pu_host_node(d->host), &cursor, &row);) {
        if (row.conn != c->conn) continue;
        received += row.received;
        sent += row.sent;
    }
    return received > sent ? received : sent;
}

const char *circuit_why(const peerupd *d, const circuit *c, char text[CIRCUIT_WHY_MAX])
{
    char limit[LIMITS_TEXT_MAX];
    uint64_t life_ns = c->life_ns != 0 ? c->life_ns : pu_host_now(d->host) - c->up_at;
    uint64_t most_ns = c->limit_s < UINT32_MAX ? c->limit_s * PU_S : PU_NEVER;
    uint64_t slack_ns = most_ns / 4 < LIFE_SLACK_NS ? most_ns / 4 : LIFE_SLACK_NS;
    bool is_old = c->limit_s != 0 && life_ns >= most_ns - slack_ns;
    /* whoever has lived just as long as it may has rarely been full in the same moment */
    bool is_full = !is_old && c->limit_bytes != 0 && carried(d, c) >= c->limit_bytes / CARRIED_PART;
    if (!is_old && !is_full) return NULL;
    snprintf(text, CIRCUIT_WHY_MAX,
             "the relay ended the connection at its limit of %s%s. A direct connection has none; "
             "otherwise resources.%s can be raised at the relay",
             limits_text(is_full ? c->limit_bytes : 0, is_full ? 0 : c->limit_s, limit),
             is_full ? " for all that goes over it" : "",
             is_full ? "session_data_limit" : "session_duration");
    return text;
}
