/* The commands of the interop peer, see peer.h and README.md. */
#include "tests/interop/c/peer.h"

#include "base/bytes.h"
#include "base/varint.h"
#include "ident/envelope.h"
#include "wire/wire_identify.h"
#include "wire/wire_record.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define COMMAND_NS (60 * PU_S)
#define BULK_NS (300 * PU_S)
#define IDENTIFY_NS (30 * PU_S)

/* ---- words ---- */

static json_t *failure(const char *kind, const char *format, const char *what)
{
    return json_pack("{s:b,s:s,s:o}", "ok", 0, "kind", kind, "error", json_sprintf(format, what));
}

static const char *kind_of(uint32_t code)
{
    switch (code) {
    case PU_CODE_WRONG_PEER: return "peer-id";
    case PU_CODE_UNSUPPORTED: return "protocol";
    case PU_CODE_TIMEOUT: return "timeout";
    case PU_CODE_REFUSED:
    case PU_CODE_UNREACHABLE:
    case PU_CODE_GATED:
    case PU_CODE_VIOLATION:
    case PU_CODE_LOST: return "refused";
    default: return "other";
    }
}

static json_t *failed(uint32_t code)
{
    const pu_code_info *info = pu_code_describe(code);
    return failure(kind_of(code), "%s", info != NULL ? info->name : "a code of the peer's");
}

static bool peer_of(pu_peer_id *id, const char *text)
{
    return pu_peer_id_parse(id, span_of(text, strlen(text))) == PU_OK;
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- waiting ---- */

bool turn_until(peer *p, const bool *flag, uint64_t limit_ns)
{
    pu_time limit = pu_host_now(p->host) + limit_ns;
    while (!*flag) {
        pu_time now = pu_host_now(p->host), next = stm_deadline(p);
        if (now >= limit) return false;
        if (next > limit) next = limit;
        pu_host_turn(p->host, next > now ? next - now : 0);
        stm_tick(p);
    }
    return true;
}

/* Gives the node a command and waits for its DONE. */
static uint32_t command(peer *p, const pu_in *in, uint64_t limit_ns)
{
    p->is_done = false;
    p->waits_for = pu_host_command(p->host, in);
    if (!turn_until(p, &p->is_done, limit_ns)) return PU_CODE_TIMEOUT;
    return p->done_code;
}

static pu_in command_of(enum pu_command what, const pu_peer_id *id)
{
    return (pu_in){.kind = PU_IN_COMMAND, .what = what, .peer = {id->bytes, id->len}};
}

/* Waits until s is over. */
static bool finish(peer *p, const stm *s, uint64_t limit_ns)
{
    return turn_until(p, &s->is_over, limit_ns);
}

/* ---- connections ---- */

static bool conn_with(const peer *p, const pu_peer_id *id, pu_conn_row *found)
{
    pu_conn_row row;
    for (uint32_t cursor = 0; pu_node_read_conns(pu_host_node(p->host), &cursor, &row);) {
        if (!row.confirmed || !span_equal(row.peer, span_of(id->bytes, id->len))) continue;
        *found = row;
        return true;
    }
    return false;
}

static json_t *conn_object(const peer *p, const pu_conn_row *row)
{
    char peer_text[PU_PEER_ID_TEXT_MAX], addr[PU_MADDR_TEXT_MAX] = "";
    uint8_t maddr[PU_MADDR_MAX];
    pu_peer_id id;
    bool is_relayed = (row->flags & PU_RELAYED) != 0, is_quic = row->transport == PU_TRANSPORT_QUIC;
    int good = pu_peer_id_from_bytes(&id, row->peer);
    PU_ASSERT(good == PU_OK);
    pu_peer_id_text(&id, PU_PEER_BASE58, peer_text);
    if (!is_relayed) {
        size_t len = pu_addr_write(maddr, &row->remote, row->transport);
        ptrdiff_t written = pu_maddr_text(span_of(maddr, len), addr, sizeof addr);
        PU_ASSERT(written > 0);
    }
    json_t *early =
        is_quic ? json_null() : json_boolean(pu_link_is_early(p->host->link, row->conn));
    return json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s?,s:o,s:f}", "peer", peer_text, "addr", addr,
                     "direction", (row->flags & PU_DIALLER) != 0 ? "out" : "in", "transport",
                     is_relayed ? "relay"
                     : is_quic  ? "quic"
                                : "tcp",
                     "security", is_quic ? NULL : "/noise", "muxer",
                     is_quic ? NULL : "/yamux/1.0.0", "early_muxer", early, "age_s",
                     seconds(pu_host_now(p->host) - row->up_at));
}

static json_t *dial(peer *p, const char *text)
{
    uint8_t maddr[PU_MADDR_MAX];
    size_t len;
    pu_addr a;
    pu_conn_row row;
    if (pu_maddr_parse(maddr, sizeof maddr, &len, span_of(text, strlen(text)), NULL) != PU_OK ||
        pu_addr_read(&a, span_of(maddr, len)) != PU_OK || a.peer.len == 0)
        return failure("usage", "'%s' is no address that ends in a peer id", text);
    if (!conn_with(p, &a.peer, &row)) {
        pu_in in = command_of(PU_CMD_FORGET, &a.peer);
        uint32_t code = command(p, &in, COMMAND_NS);
        in = (pu_in){.kind = PU_IN_COMMAND, .what = PU_CMD_ADDRESS, .body = {maddr, len}};
        code = command(p, &in, COMMAND_NS);
        if (code != PU_CODE_OK) return failed(code);
        p->dial_failed = 0;
        in = command_of(PU_CMD_CONNECT, &a.peer);
        in.deadline = pu_host_now(p->host) + 50 * PU_S;
        p->is_dialling = true;
        code = command(p, &in, COMMAND_NS);
        p->is_dialling = false;
        if (code != PU_CODE_OK) {
            uint32_t why = p->dial_failed != 0 ? p->dial_failed : code;
            in = command_of(PU_CMD_DISCONNECT, &a.peer);
            command(p, &in, COMMAND_NS);
            return failed(why);
        }
        if (!conn_with(p, &a.peer, &row))
            return failure("other", "%s", "the connection is gone again");
    }
    json_t *answer = conn_object(p, &row);
    json_object_set_new(answer, "ok", json_true());
    return answer;
}

static json_t *conns(peer *p, const pu_peer_id *id)
{
    json_t *list = json_array();
    pu_conn_row row;
    for (uint32_t cursor = 0; pu_node_read_conns(pu_host_node(p->host), &cursor, &row);) {
        if (row.confirmed && span_equal(row.peer, span_of(id->bytes, id->len)))
            json_array_append_new(list, conn_object(p, &row));
    }
    return json_pack("{s:b,s:o}", "ok", 1, "conns", list);
}

static json_t *close_all(peer *p, const pu_peer_id *id)
{
    pu_conn_row row;
    int count = 0;
    for (uint32_t cursor = 0; pu_node_read_conns(pu_host_node(p->host), &cursor, &row);)
        count += span_equal(row.peer, span_of(id->bytes, id->len));
    pu_in in = command_of(PU_CMD_DISCONNECT, id);
    command(p, &in, COMMAND_NS);
    bool never = false;
    for (int i = 0; i < 100 && conn_with(p, id, &row); i++) turn_until(p, &never, 50 * PU_MS);
    return json_pack("{s:b,s:i}", "ok", 1, "closed", count);
}

static json_t *ping(peer *p, const pu_peer_id *id, uint64_t count)
{
    json_t *list = json_array();
    for (uint64_t i = 0; i < count; i++) {
        pu_in in = command_of(PU_CMD_PING, id);
        uint32_t code = command(p, &in, COMMAND_NS);
        if (code != PU_CODE_OK) {
            json_decref(list);
            return failed(code);
        }
        json_array_append_new(list, json_integer((json_int_t)(p->done_offset / 1000)));
    }
    return json_pack("{s:b,s:i,s:o}", "ok", 1, "count", (int)count, "rtt_us", list);
}

/* ---- streams ---- */

/* What a stream of ours came to, when it did not end well. NULL: it did. */
static json_t *trouble(stm *s, bool in_time)
{
    json_t *answer = NULL;
    if (!in_time) answer = failure("timeout", "%s", "the stream did not end");
    else if (s->is_wrong) answer = failure("other", "%s", "what came is not what was sent");
    else if (s->was_reset && s->handle == 0) answer = failed(s->code);
    else if (s->was_reset) answer = failure("reset", "%s", "the stream was reset");
    if (answer != NULL) {
        stm_reset(s, 1);
        stm_free(s);
    }
    return answer;
}

static json_t *echo(peer *p, const pu_peer_id *id, uint64_t bytes)
{
    pu_time began = pu_host_now(p->host);
    stm *s = stm_open(p, id, PROTO_ECHO, ROLE_CHECK);
    stm_start(s, NULL, 0, bytes, true);
    json_t *bad = trouble(s, finish(p, s, BULK_NS));
    if (bad != NULL) return bad;
    uint64_t got = s->rx_got;
    stm_free(s);
    return json_pack("{s:b,s:I,s:f}", "ok", got == bytes, "bytes", (json_int_t)got, "seconds",
                     seconds(pu_host_now(p->host) - began));
}

static json_t *streams_sequential(peer *p, const pu_peer_id *id, uint64_t count, uint64_t bytes)
{
    pu_time began = pu_host_now(p->host);
    for (uint64_t i = 0; i < count; i++) {
        json_t *one = echo(p, id, bytes);
        if (!json_is_true(json_object_get(one, "ok"))) return one;
        json_decref(one);
    }
    return json_pack("{s:b,s:I,s:f}", "ok", 1, "count", (json_int_t)count, "seconds",
                     seconds(pu_host_now(p->host) - began));
}

static json_t *streams_parallel(peer *p, const pu_peer_id *id, uint64_t count, uint64_t bytes)
{
    pu_time began = pu_host_now(p->host);
    stm **all = calloc(count + 1, sizeof *all);
    json_t *bad = NULL;
    for (uint64_t i = 0; i < count; i++) all[i] = stm_open(p, id, PROTO_ECHO, ROLE_CHECK);
    for (uint64_t i = 0; i < count && bad == NULL; i++) {
        bool never = false;
        for (int k = 0; k < 6000 && !all[i]->is_open && !all[i]->is_over; k++)
            turn_until(p, &never, 10 * PU_MS);
    }
    for (uint64_t i = 0; i < count; i++) stm_start(all[i], NULL, 0, bytes, true);
    for (uint64_t i = 0; i < count; i++) {
        bool in_time = bad == NULL && finish(p, all[i], BULK_NS);
        if (bad != NULL) {
            stm_reset(all[i], 1);
            stm_free(all[i]);
        } else {
            bad = trouble(all[i], in_time);
            if (bad == NULL) stm_free(all[i]);
        }
    }
    free(all);
    if (bad != NULL) return bad;
    return json_pack("{s:b,s:I,s:f}", "ok", 1, "count", (json_int_t)count, "seconds",
                     seconds(pu_host_now(p->host) - began));
}

static json_t *sink(peer *p, const pu_peer_id *id, uint64_t bytes, uint64_t at, uint64_t ms)
{
    pu_time began = pu_host_now(p->host);
    uint64_t prefix[2] = {at, ms}, ahead = 0, slowest = 0;
    stm *s = stm_open(p, id, PROTO_SINK, ROLE_COLLECT);
    stm_start(s, prefix, 2, bytes, true);
    for (int i = 0; i < 10 && !s->is_over; i++) {
        bool never = false;
        turn_until(p, &never, ms * PU_MS / 12);
        pu_in in = command_of(PU_CMD_PING, id);
        if (command(p, &in, COMMAND_NS) == PU_CODE_OK && p->done_offset > slowest)
            slowest = p->done_offset;
        uint64_t sent = s->tx_sent > 16 ? s->tx_sent - 16 : 0;
        bool is_stopped = pu_host_now(p->host) - began < ms * PU_MS;
        if (is_stopped && sent > at && sent - at > ahead) ahead = sent - at;
    }
    json_t *bad = trouble(s, finish(p, s, BULK_NS));
    if (bad != NULL) return bad;
    uint64_t got = s->kept_len >= 8 ? load_be64(s->kept) : 0;
    stm_free(s);
    return json_pack("{s:b,s:I,s:f,s:I,s:I}", "ok", 1, "bytes", (json_int_t)got, "seconds",
                     seconds(pu_host_now(p->host) - began), "ahead", (json_int_t)ahead, "ping_us",
                     (json_int_t)(slowest / 1000));
}

static json_t *reset(peer *p, const pu_peer_id *id, uint64_t bytes)
{
    stm *s = stm_open(p, id, PROTO_RESET, ROLE_COUNT);
    stm_start(s, &bytes, 1, 0, false);
    if (!finish(p, s, COMMAND_NS) && !s->rx_fin) return trouble(s, false);
    json_t *answer = json_pack("{s:b,s:I,s:s,s:o}", "ok", 1, "bytes", (json_int_t)s->rx_got, "end",
                               s->was_reset ? "reset" : "eof", "code",
                               s->was_reset ? json_integer(s->code) : json_null());
    stm_reset(s, 0);
    stm_free(s);
    return answer;
}

static json_t *abort_stream(peer *p, const pu_peer_id *id, uint64_t bytes)
{
    stm *s = stm_open(p, id, PROTO_ECHO, ROLE_CHECK);
    stm_start(s, NULL, 0, bytes, false);
    pu_time limit = pu_host_now(p->host) + COMMAND_NS;
    bool never = false;
    while (s->rx_got < bytes && !s->is_over && pu_host_now(p->host) < limit)
        turn_until(p, &never, 5 * PU_MS);
    if (s->is_over) return trouble(s, true);
    uint64_t got = s->rx_got;
    stm_reset(s, 77);
    turn_until(p, &never, 20 * PU_MS);
    stm_free(s);
    return json_pack("{s:b,s:I}", "ok", got >= bytes, "bytes", (json_int_t)got);
}

static json_t *perf(peer *p, const pu_peer_id *id, uint64_t up, uint64_t down)
{
    double cpu = cpu_s();
    pu_time began = pu_host_now(p->host);
    stm *s = stm_open(p, id, PROTO_PERF, ROLE_COUNT);
    stm_start(s, &down, 1, up, true);
    json_t *bad = trouble(s, finish(p, s, BULK_NS));
    if (bad != NULL) return bad;
    pu_time end = pu_host_now(p->host), first = s->first_at != 0 ? s->first_at : end;
    uint64_t got = s->rx_got;
    stm_free(s);
    return json_pack("{s:b,s:I,s:I,s:f,s:f,s:f}", "ok", 1, "up", (json_int_t)up, "down",
                     (json_int_t)got, "up_s", seconds(first - began), "down_s",
                     seconds(end - first), "cpu_s", cpu_s() - cpu);
}

/* ---- identify ---- */

static json_t *text_of(pu_span s)
{
    json_t *text = json_stringn((const char *)s.base, s.len);
    return text != NULL ? text : json_null();
}

static json_t *maddr_list(const pu_span *addrs, uint32_t count)
{
    json_t *list = json_array();
    char text[PU_MADDR_TEXT_MAX];
    for (uint32_t i = 0; i < count; i++) {
        if (pu_maddr_text(addrs[i], text, sizeof text) > 0)
            json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *record_of(const peer *p, const pu_peer_id *id, pu_span bytes)
{
    static const envelope_kind *const kinds[] = {&envelope_peer_record,
                                                 &envelope_peer_record_legacy};
    pu_peer_id signer;
    pu_span payload;
    wire_peer_record record;
    if (bytes.len == 0 ||
        envelope_open(&signer, &payload, &p->host->link_crypto, bytes, kinds, 2) != RECORD_OK ||
        !pu_peer_id_equal(&signer, id) || !wire_peer_record_read(&record, payload))
        return json_null();
    return json_pack("{s:I,s:o}", "seq", (json_int_t)record.seq, "addrs",
                     maddr_list(record.addrs, record.addr_count));
}

/* Reads what the peer says of itself now, on a stream of /ipfs/id/1.0.0; it belongs to *s, which
 * the caller frees. js serves one such stream of a connection at a time, which may be the node's
 * own: one that is reset is tried again. False: *bad says why. */
static bool read_identify(peer *p, const pu_peer_id *id, stm **s, wire_identify *m, json_t **bad)
{
    pu_time limit = pu_host_now(p->host) + IDENTIFY_NS;
    for (bool is_again = true, never = false; is_again;) {
        *s = stm_open(p, id, PROTO_IDENTIFY, ROLE_COLLECT);
        stm_start(*s, NULL, 0, 0, true);
        bool in_time = finish(p, *s, IDENTIFY_NS);
        is_again = in_time && (*s)->was_reset && pu_host_now(p->host) < limit;
        *bad = trouble(*s, in_time);
        if (is_again) json_decref(*bad);
        if (is_again) turn_until(p, &never, 20 * PU_MS);
    }
    if (*bad != NULL) return false;
    *m = (wire_identify){0};
    pu_span rest = span_of((*s)->kept, (*s)->kept_len);
    while (rest.len > 0) {
        uint64_t len;
        if (varint_get(&rest, &len) != VARINT_OK || len > rest.len) break;
        if (!wire_identify_read(m, span_head(rest, (size_t)len))) break;
        rest = span_skip(rest, (size_t)len);
    }
    return true;
}

static json_t *identify(peer *p, const pu_peer_id *id)
{
    stm *s;
    wire_identify m;
    json_t *bad;
    pu_peer_id key_id = {0};
    char observed[PU_MADDR_TEXT_MAX] = "";
    if (!read_identify(p, id, &s, &m, &bad)) return bad;
    bool has_key = m.public_key.len == PU_PUBLIC_KEY_PB_BYTES;
    if (has_key) pu_peer_id_from_ed25519(&key_id, m.public_key.base + 4);
    if (m.observed.len > 0 && pu_maddr_text(m.observed, observed, sizeof observed) <= 0)
        observed[0] = 0;
    json_t *protocols = json_array();
    for (uint32_t i = 0; i < m.protocol_count; i++)
        json_array_append_new(protocols, text_of(m.protocols[i]));
    json_t *answer = json_pack(
        "{s:b,s:o,s:o,s:o,s:o,s:s,s:b,s:o}", "ok", 1, "agent", text_of(m.agent_version),
        "protocol_version", text_of(m.protocol_version), "protocols", protocols, "addrs",
        maddr_list(m.addrs, m.addr_count), "observed", observed, "key",
        has_key && pu_peer_id_equal(&key_id, id), "record", record_of(p, id, m.signed_record));
    stm_free(s);
    return answer;
}

/* After the node has taken a push, what the peer says is asked for again: the node itself keeps
 * only protocols that it speaks. */
static json_t *known(peer *p, const pu_peer_id *id, const char *proto, uint64_t ms)
{
    bool wants_gone = proto[0] == '-', is_known = wants_gone, never = false;
    const char *name = wants_gone ? proto + 1 : proto;
    pu_time limit = pu_host_now(p->host) + ms * PU_MS;
    while (is_known == wants_gone && pu_host_now(p->host) < limit) {
        stm *s;
        wire_identify m;
        json_t *bad;
        if (!read_identify(p, id, &s, &m, &bad)) return bad;
        is_known = false;
        for (uint32_t i = 0; i < m.protocol_count; i++)
            is_known = is_known || span_equal(m.protocols[i], span_of(name, strlen(name)));
        stm_free(s);
        if (is_known == wants_gone) turn_until(p, &never, 200 * PU_MS);
    }
    return json_pack("{s:b,s:b}", "ok", 1, "known", is_known);
}

bool serve(peer *p, const char *protocol, enum stm_role role)
{
    uint8_t body[1024];
    if (p->service_count == SERVICES_MAX) return false;
    served *v = &p->services[p->service_count];
    *v = (served){.role = role};
    snprintf(v->name, sizeof v->name, "service-%zu", p->service_count);
    snprintf(v->protocol, sizeof v->protocol, "%s", protocol);
    pu_service service = {.name = {(const uint8_t *)v->name, strlen(v->name)},
                          .protocols = {{(const uint8_t *)v->protocol, strlen(v->protocol)}},
                          .protocol_count = 1,
                          .streams_max = 4096,
                          .streams_per_peer_max = 4096,
                          .limited = true};
    size_t len = pu_service_write(body, sizeof body, &service);
    pu_in in = {.kind = PU_IN_COMMAND, .what = PU_CMD_EXPOSE, .body = {body, len}};
    bool is_good = len > 0 && command(p, &in, COMMAND_NS) == PU_CODE_OK;
    p->service_count += is_good;
    return is_good;
}

static json_t *protocol(peer *p, const char *what, const char *name)
{
    if (strcmp(what, "add") == 0) return json_pack("{s:b}", "ok", serve(p, name, ROLE_ECHO));
    for (size_t i = 0; i < p->service_count; i++) {
        served *v = &p->services[i];
        if (strcmp(v->protocol, name) != 0) continue;
        pu_in in = {.kind = PU_IN_COMMAND,
                    .what = PU_CMD_WITHDRAW,
                    .body = {(const uint8_t *)v->name, strlen(v->name)}};
        uint32_t code = command(p, &in, COMMAND_NS);
        v->name[0] = v->protocol[0] = '\0';
        return code == PU_CODE_OK ? json_pack("{s:b}", "ok", 1) : failed(code);
    }
    return failure("usage", "'%s' is not served", name);
}

/* ---- relays ---- */

static json_t *reserve(peer *p, const char *text)
{
    uint8_t maddr[PU_MADDR_MAX];
    char self[PU_PEER_ID_TEXT_MAX];
    size_t len;
    if (pu_maddr_parse(maddr, sizeof maddr, &len, span_of(text, strlen(text)), NULL) != PU_OK)
        return failure("usage", "'%s' is no address", text);
    pu_in in = {
        .kind = PU_IN_COMMAND, .what = PU_CMD_ADDRESS, .flags = PU_RELAY, .body = {maddr, len}};
    p->is_reserved = false;
    uint32_t code = command(p, &in, COMMAND_NS);
    if (code != PU_CODE_OK) return failed(code);
    if (!turn_until(p, &p->is_reserved, 50 * PU_S)) return failed(PU_CODE_TIMEOUT);
    pu_peer_id_text(pu_node_id(pu_host_node(p->host)), PU_PEER_BASE58, self);
    json_int_t left = (json_int_t)(p->reserved_until_s - real_host_unix_ns() / PU_S);
    return json_pack("{s:b,s:o,s:I}", "ok", 1, "addr",
                     json_sprintf("%s/p2p-circuit/p2p/%s", text, self), "expires_s", left);
}

/* ---- figures ---- */

static json_t *stats(const peer *p)
{
    json_t *streams_in = json_object();
    pu_conn_row row;
    int open = 0;
    for (uint32_t cursor = 0; pu_node_read_conns(pu_host_node(p->host), &cursor, &row);)
        open += row.confirmed;
    for (size_t i = 0; i < p->service_count; i++)
        json_object_set_new(streams_in, p->services[i].protocol,
                            json_integer((json_int_t)p->services[i].count));
    json_object_set_new(streams_in, "/ipfs/ping/1.0.0", json_integer((json_int_t)p->pings_in));
    return json_pack("{s:b,s:I,s:I,s:i,s:o,s:I,s:o}", "ok", 1, "conns_in", (json_int_t)p->conns_in,
                     "conns_out", (json_int_t)p->conns_out, "open", open, "streams_in", streams_in,
                     "resets_seen", (json_int_t)p->resets_seen, "reset_code",
                     p->resets_seen > 0 ? json_integer(p->reset_code) : json_null());
}

static json_t *memory(void)
{
    char line[256];
    json_int_t pss = 0;
    FILE *in = fopen("/proc/self/smaps_rollup", "r");
    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        if (strncmp(line, "Pss:", 4) == 0) pss = (json_int_t)strtoll(line + 4, NULL, 10);
    }
    if (in != NULL) fclose(in);
    return json_pack("{s:b,s:I}", "ok", 1, "pss_kib", pss);
}

static json_t *handshakes(peer *p, const char *addr, uint64_t count, uint64_t ms)
{
    pu_time began = pu_host_now(p->host);
    double cpu = cpu_s();
    uint64_t done = 0;
    const char *last = strrchr(addr, '/');
    pu_peer_id id;
    if (last == NULL || !peer_of(&id, last + 1))
        return failure("usage", "'%s' names no peer", addr);
    while (done < count && pu_host_now(p->host) - began < ms * PU_MS) {
        json_t *one = dial(p, addr);
        if (!json_is_true(json_object_get(one, "ok"))) return one;
        json_decref(one);
        pu_in in = command_of(PU_CMD_DISCONNECT, &id);
        command(p, &in, COMMAND_NS);
        pu_conn_row row;
        bool never = false;
        while (conn_with(p, &id, &row)) turn_until(p, &never, 100 * PU_US);
        done++;
    }
    return json_pack("{s:b,s:I,s:f,s:f}", "ok", 1, "count", (json_int_t)done, "seconds",
                     seconds(pu_host_now(p->host) - began), "cpu_s", cpu_s() - cpu);
}

/* There is no garbage, but what is free stays with the allocator. */
static json_t *collect(void)
{
    malloc_trim(0);
    return memory();
}

static json_t *hold(peer *p, const char *text, uint64_t count)
{
    uint8_t maddr[PU_MADDR_MAX];
    size_t len;
    pu_addr a;
    if (pu_maddr_parse(maddr, sizeof maddr, &len, span_of(text, strlen(text)), NULL) != PU_OK ||
        pu_addr_read(&a, span_of(maddr, len)) != PU_OK || a.peer.len == 0)
        return failure("usage", "'%s' is no address that ends in a peer id", text);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t code = crowd_add(p, &a.peer, span_of(maddr, len), COMMAND_NS);
        if (code != PU_CODE_OK) return failed(code);
    }
    return json_pack("{s:b,s:I}", "ok", 1, "held", (json_int_t)crowd_count(p));
}

/* ---- dispatch ---- */

json_t *peer_command(peer *p, char **w, size_t n)
{
    pu_peer_id id = {0};
    const char *c = w[0];
    if (strcmp(c, "quit") == 0) {
        p->quits = true;
        return json_pack("{s:b}", "ok", 1);
    }
    if (strcmp(c, "stats") == 0) return stats(p);
    if (strcmp(c, "memory") == 0) return memory();
    if (strcmp(c, "collect") == 0) return collect();
    if (strcmp(c, "hold") == 0 && n == 3) return hold(p, w[1], number(w[2]));
    if (strcmp(c, "cpu") == 0)
        return json_pack("{s:b,s:f,s:f}", "ok", 1, "cpu_s", cpu_s(), "wall_s",
                         seconds(pu_host_now(p->host)));
    if (strcmp(c, "dial") == 0 && n == 2) return dial(p, w[1]);
    if (strcmp(c, "reserve") == 0 && n == 2) return reserve(p, w[1]);
    if (strcmp(c, "protocol") == 0 && n == 3) return protocol(p, w[1], w[2]);
    if (strcmp(c, "handshakes") == 0 && n == 4)
        return handshakes(p, w[1], number(w[2]), number(w[3]));
    if (n < 2 || !peer_of(&id, w[1])) return failure("unsupported", "'%s' is not understood", c);
    if (strcmp(c, "conns") == 0) return conns(p, &id);
    if (strcmp(c, "close") == 0) return close_all(p, &id);
    if (strcmp(c, "ping") == 0 && n == 3) return ping(p, &id, number(w[2]));
    if (strcmp(c, "echo") == 0 && n == 3) return echo(p, &id, number(w[2]));
    if (strcmp(c, "streams") == 0 && n == 5 && strcmp(w[2], "parallel") == 0)
        return streams_parallel(p, &id, number(w[3]), number(w[4]));
    if (strcmp(c, "streams") == 0 && n == 5)
        return streams_sequential(p, &id, number(w[3]), number(w[4]));
    if (strcmp(c, "sink") == 0 && n == 5)
        return sink(p, &id, number(w[2]), number(w[3]), number(w[4]));
    if (strcmp(c, "reset") == 0 && n == 3) return reset(p, &id, number(w[2]));
    if (strcmp(c, "abort") == 0 && n == 3) return abort_stream(p, &id, number(w[2]));
    if (strcmp(c, "perf") == 0 && n == 4) return perf(p, &id, number(w[2]), number(w[3]));
    if (strcmp(c, "identify") == 0) return identify(p, &id);
    if (strcmp(c, "known") == 0 && n == 4) return known(p, &id, w[2], number(w[3]));
    return failure("unsupported", "'%s' is not understood", c);
}
