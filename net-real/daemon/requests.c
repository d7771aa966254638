/* What control requests do, see control.h for their form. */
#include "net-real/daemon/control.h"
#include "net-real/daemon/daemon_impl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

json_t *requests_error(const char *code, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* What was too long may end in half a character. */
    json_t *words = json_string(text);
    for (size_t len = strlen(text); words == NULL && len > 0; words = json_string(text))
        text[--len] = '\0';
    return json_pack("{s:b,s:s,s:o}", "ok", 0, "code", code, "error", words);
}

/* ---- words ---- */

static json_t *id_text(pu_span id)
{
    pu_peer_id peer;
    char text[PU_PEER_ID_TEXT_MAX];
    if (pu_peer_id_from_bytes(&peer, id) != PU_OK) return json_null();
    pu_peer_id_text(&peer, PU_PEER_BASE58, text);
    return json_string(text);
}

static const char *transport_text(enum pu_transport t)
{
    return t == PU_TRANSPORT_QUIC ? "quic" : t == PU_TRANSPORT_TCP ? "tcp" : "relay";
}

static double milliseconds(uint64_t ns)
{
    return (double)ns / 1e6;
}

/* The best confirmed connection to a peer. False: none. */
static bool best_conn(const peerupd *d, const pu_peer_id *peer, pu_conn_row *best)
{
    pu_conn_row row;
    bool is_found = false;
    for (uint32_t cursor = 0; pu_node_read_conns(pu_host_node(d->host), &cursor, &row);) {
        bool is_it = row.confirmed && row.peer.len == peer->len &&
                     memcmp(row.peer.base, peer->bytes, peer->len) == 0;
        bool is_better =
            !is_found || ((best->flags & PU_RELAYED) != 0 && (row.flags & PU_RELAYED) == 0);
        if (!is_it || !is_better) continue;
        *best = row;
        is_found = true;
    }
    return is_found;
}

/* What comes of what a relay said: it may be any number. null: it is `none`. */
static json_t *amount_json(uint64_t amount, uint64_t none)
{
    if (amount == none) return json_null();
    return json_integer(amount < INT64_MAX ? (json_int_t)amount : INT64_MAX);
}

void requests_put_limits(peerupd *d, pu_handle conn, json_t *object)
{
    relay_limits l = circuits_limits(d, conn);
    json_object_set_new(object, "limit_bytes", amount_json(l.bytes, 0));
    json_object_set_new(object, "limit_seconds", amount_json(l.s, 0));
    json_object_set_new(object, "left_bytes", amount_json(l.left_bytes, LIMITS_UNKNOWN));
    json_object_set_new(object, "left_seconds", amount_json(l.left_s, LIMITS_UNKNOWN));
}

/* The relay that carries a connection: nobody for others. */
static pu_span relay_of(const peerupd *d, const pu_conn_row *row)
{
    pu_conn_row carrier;
    for (uint32_t cursor = 0;
         row->via != 0 && pu_node_read_conns(pu_host_node(d->host), &cursor, &carrier);)
        if (carrier.conn == row->via) return carrier.peer;
    return (pu_span){NULL, 0};
}

/* The name of the peer, and through whom it goes. */
static void put_names(const peerupd *d, const pu_conn_row *row, json_t *object)
{
    pu_span via = relay_of(d, row);
    const char *name = daemon_peer_name(d, row->peer);
    const char *via_name = via.len > 0 ? daemon_peer_name(d, via) : NULL;
    json_object_set_new(object, "name", name != NULL ? json_string(name) : json_null());
    json_object_set_new(object, "via", via.len > 0 ? id_text(via) : json_null());
    json_object_set_new(object, "via_name", via_name != NULL ? json_string(via_name) : json_null());
}

static json_t *conn_object(peerupd *d, const pu_conn_row *row)
{
    char remote[64] = "";
    bool is_relayed = (row->flags & PU_RELAYED) != 0;
    if (!is_relayed) pu_endpoint_text(&row->remote, remote);
    json_t *rtt = row->rtt_ns != 0 ? json_real(milliseconds(row->rtt_ns)) : json_null();
    json_t *object = json_pack(
        "{s:o,s:s,s:s,s:s?,s:s,s:o,s:b}", "peer", id_text(row->peer), "path",
        is_relayed ? "relayed" : "direct", "transport", transport_text(row->transport), "address",
        is_relayed ? NULL : remote, "direction", (row->flags & PU_DIALLER) != 0 ? "out" : "in",
        "rtt_ms", rtt, "limited", (row->flags & PU_LIMITED) != 0);
    if (object == NULL) return NULL;
    put_names(d, row, object);
    requests_put_limits(d, row->conn, object);
    return object;
}

/* ---- status ---- */

/* Whether there is a connection with one of our relays. */
static bool has_relay(const peerupd *d)
{
    pu_peer_row peer;
    for (uint32_t cursor = 0; pu_node_read_peers(pu_host_node(d->host), &cursor, &peer);)
        if (peer.relay && peer.conns > 0) return true;
    return false;
}

static json_t *connections(peerupd *d, unsigned *count)
{
    json_t *list = json_array();
    pu_conn_row row;
    for (uint32_t cursor = 0; pu_node_read_conns(pu_host_node(d->host), &cursor, &row);) {
        if (!row.confirmed) continue;
        json_array_append_new(list, conn_object(d, &row));
        (*count)++;
    }
    return list;
}

static json_t *services(const peerupd *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->c->service_count; i++) {
        const config_service *s = &d->c->services[i];
        char protocol[128];
        snprintf(protocol, sizeof protocol, "/peerup/%s/1.0.0", s->name);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s?,s:b}", "name", s->name, "protocol",
                                              protocol, "local_address", s->local_address,
                                              "enabled", s->is_enabled));
    }
    return list;
}

static json_t *proxies(const peerupd *d)
{
    json_t *list = json_array();
    for (const proxy *p = d->proxies; p != NULL; p = p->next) {
        char id[PROXY_ID_MAX];
        json_t *peer = id_text((pu_span){p->peer.bytes, p->peer.len});
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o}", "id", proxy_id(p, id), "listen",
                                              p->listen, "protocol", p->protocol, "peer", peer));
    }
    return list;
}

static json_t *status(peerupd *d)
{
    const pu_peer_id *self = pu_node_id(pu_host_node(d->host));
    unsigned count = 0;
    json_t *list = connections(d, &count);
    return json_pack(
        "{s:b,s:s,s:o,s:s,s:f,s:i,s:b,s:b,s:o,s:o,s:o,s:i}", "ok", 1, "schema", "peerup.status/1",
        "peer_id", id_text((pu_span){self->bytes, self->len}), "version", PEERUP_VERSION,
        "uptime_seconds", milliseconds(pu_host_now(d->host)) / 1e3, "connected_peers", (int)count,
        "relay_server", d->c->is_relay, "relay_connected", has_relay(d), "connections", list,
        "services", services(d), "proxies", proxies(d), "streams", (int)splices_count(d->joints));
}

/* ---- commands of the node ---- */

bool requests_peer(const json_t *request, pu_peer_id *peer)
{
    const char *text = json_string_value(json_object_get(request, "peer"));
    return text != NULL &&
           pu_peer_id_parse(peer, (pu_span){(const uint8_t *)text, strlen(text)}) == PU_OK;
}

/* Whether any application's stream with peer is there, or is being opened. */
static bool has_streams(const peerupd *d, const pu_peer_id *peer)
{
    pu_app_row row;
    for (uint32_t cursor = 0; pu_node_read_apps(pu_host_node(d->host), &cursor, &row);)
        if (row.peer.len == peer->len && memcmp(row.peer.base, peer->bytes, peer->len) == 0)
            return true;
    return false;
}

/* The node dials nobody whom it is connected to, by whatever way. Whoever names an address wants
 * that one: a relayed connection that nothing uses makes room. Why it cannot, or NULL. */
static const char *make_way(peerupd *d, const pu_peer_id *peer, const pu_addr *to)
{
    pu_conn_row row;
    if (!best_conn(d, peer, &row)) return NULL;
    bool is_it =
        !to->dns && row.transport == to->transport && pu_endpoint_equal(&row.remote, &to->endpoint);
    if ((row.flags & PU_RELAYED) == 0)
        return is_it ? NULL : "a direct connection with the peer is there already";
    if (to->circuit) return "a relayed connection with the peer is there already";
    if (has_streams(d, peer))
        return "the relayed connection that is there carries streams, which would be cut";
    pu_in in = {.kind = PU_IN_COMMAND, .what = PU_CMD_DISCONNECT, .peer = {peer->bytes, peer->len}};
    return pu_host_command(d->host, &in) != 0 ? NULL : "memory is short";
}

bool requests_give_address(peerupd *d, const json_t *request, pending *p)
{
    uint8_t maddr[PU_MADDR_MAX];
    size_t len;
    pu_addr to;
    const char *text = json_string_value(json_object_get(request, "address"));
    if (text == NULL) return true;
    pu_span span = {(const uint8_t *)text, strlen(text)};
    if (pu_maddr_parse(maddr, sizeof maddr, &len, span, NULL) != PU_OK ||
        pu_addr_read(&to, (pu_span){maddr, len}) != PU_OK)
        return false;
    pu_in in = {.kind = PU_IN_COMMAND, .what = PU_CMD_ADDRESS, .body = {maddr, len}};
    if (pu_host_command(d->host, &in) == 0) return false;
    p->not_dialled = make_way(d, &p->peer, &to);
    p->has_direct_address = !to.circuit;
    return true;
}

const char *requests_code_word(uint32_t code)
{
    const pu_code_info *info = pu_code_describe(code);
    return info != NULL ? info->name : "unknown";
}

/* In words for whoever wants to reach a peer. */
const char *requests_why_not(const peerupd *d, uint32_t code)
{
    const pu_code_info *info = pu_code_describe(code);
    bool needs_relay = d->c->relays.count > 0 && !has_relay(d);
    if (code == PU_CODE_NO_ADDRESS && d->c->relays.count == 0)
        return "no address of the peer is known, and no relay is configured";
    if (code == PU_CODE_NO_ADDRESS) return "no address of the peer is known";
    if (code == PU_CODE_TIMEOUT && needs_relay)
        return "the time is over, and no relay is reached: is it up, and are we authorized there?";
    if (code == PU_CODE_REFUSED)
        return "the peer is not there, or it, or the relay, does not let us in";
    if (code == PU_CODE_TIMEOUT)
        return "the time is over; is the peer up, and are we authorized there?";
    if (code == PU_CODE_UNSUPPORTED) return "the peer has no such service, or not for us";
    return info != NULL ? info->meaning : "the peer ended it";
}

void requests_notice(json_t *answer, const pending *p, bool is_relayed)
{
    char text[160] = "";
    if (p->not_dialled != NULL)
        snprintf(text, sizeof text, "the address was not dialled: %s", p->not_dialled);
    else if (p->has_direct_address && is_relayed)
        snprintf(text, sizeof text,
                 "the address has not answered so far: this goes through a relay");
    if (text[0] != '\0') json_object_set_new(answer, "notice", json_string(text));
}

static json_t *describe_ping(peerupd *d, const pending *p, const pu_ef *done)
{
    pu_conn_row row;
    if (done->code != PU_CODE_OK)
        return requests_error(requests_code_word(done->code), "no answer: %s",
                              requests_why_not(d, done->code));
    bool is_known = best_conn(d, &p->peer, &row);
    bool is_relayed = is_known && (row.flags & PU_RELAYED) != 0;
    json_t *answer =
        json_pack("{s:b,s:f,s:s?,s:s?}", "ok", 1, "rtt_ms", milliseconds(done->offset), "path",
                  !is_known    ? NULL
                  : is_relayed ? "relayed"
                               : "direct",
                  "transport", is_known ? transport_text(row.transport) : NULL);
    requests_notice(answer, p, is_relayed);
    return answer;
}

bool requests_wait(peerupd *d, const pending *what)
{
    pending *p =
        what->token != 0 && d->waiting_count < DAEMON_PENDING_MAX ? malloc(sizeof *p) : NULL;
    if (p == NULL) return false;
    *p = *what;
    p->next = d->waiting;
    d->waiting = p;
    d->waiting_count++;
    return true;
}

bool requests_is_self(const peerupd *d, const pu_peer_id *peer)
{
    return pu_peer_id_equal(peer, pu_node_id(pu_host_node(d->host)));
}

static json_t *ping(peerupd *d, const json_t *request, void (*answer)(void *, json_t *), void *ctx)
{
    pending p = {.describe = describe_ping, .answer = answer, .ctx = ctx};
    if (!requests_peer(request, &p.peer))
        return requests_error("usage", "ping: `peer` is not a peer id");
    if (requests_is_self(d, &p.peer)) return requests_error("usage", "that is this node itself");
    if (!requests_give_address(d, request, &p))
        return requests_error("usage", "ping: `address` is not a multiaddr");
    json_int_t timeout_ms = json_integer_value(json_object_get(request, "timeout_ms"));
    pu_in in = {.kind = PU_IN_COMMAND, .what = PU_CMD_PING, .peer = {p.peer.bytes, p.peer.len}};
    if (timeout_ms > 0) in.deadline = pu_host_now(d->host) + (uint64_t)timeout_ms * PU_MS;
    p.token = pu_host_command(d->host, &in);
    if (!requests_wait(d, &p)) return requests_error("resource", "too many requests at once");
    return NULL;
}

void daemon_request(peerupd *d, const json_t *request, void (*answer)(void *ctx, json_t *response),
                    void *ctx)
{
    const char *cmd = json_string_value(json_object_get(request, "cmd"));
    json_t *response = NULL;
    if (cmd == NULL) response = requests_error("usage", "a request is an object with `cmd`");
    else if (strcmp(cmd, "status") == 0) response = status(d);
    else if (strcmp(cmd, "ping") == 0) response = ping(d, request, answer, ctx);
    else if (strcmp(cmd, "connect") == 0) response = trials_connect(d, request, answer, ctx);
    else if (strcmp(cmd, "disconnect") == 0) response = trials_disconnect(d, request);
    else if (strcmp(cmd, "stop") == 0) {
        daemon_stop(d);
        response = json_pack("{s:b}", "ok", 1);
    } else response = requests_error("usage", "there is no request '%s'", cmd);
    if (response == NULL) return; /* the node's answer will be one */
    answer(ctx, response);
    json_decref(response);
}

/* Who asked for it has gone, so nobody knows where it listens. */
static void close_unheard(peerupd *d, uint32_t number)
{
    proxy *p = proxy_of_number(d, number);
    if (p != NULL) proxy_close(p);
}

void requests_answer(peerupd *d, pending **at, const pu_ef *done)
{
    pending *p = *at;
    *at = p->next;
    d->waiting_count--;
    json_t *response = p->describe(d, p, done);
    if (p->answer != NULL) p->answer(p->ctx, response);
    else if (p->proxy != 0) close_unheard(d, p->proxy);
    json_decref(response);
    free(p);
}

bool requests_done(peerupd *d, const pu_ef *done)
{
    for (pending **at = &d->waiting; *at != NULL; at = &(*at)->next) {
        if ((*at)->token != done->token || (*at)->proxy != 0) continue;
        requests_answer(d, at, done);
        return true;
    }
    return false;
}

void requests_forget(peerupd *d, void *ctx)
{
    for (pending *p = d->waiting; p != NULL; p = p->next) {
        if (p->ctx == ctx) p->answer = NULL;
    }
}
