/* Payloads and addresses from words. An item is NAME or NAME(arguments):
 *
 *   header  na  select(P)  agree(P)  propose(P)        multistream-select; P may be a short name
 *   identify(B protocols=P,P listen=E,E observed=E agent=T pad=N)      B: whose key; '-': none
 *   hop-reserve  hop-connect(B)  hop-status(100 expire=+3600 addrs=E,E limit=120s/131072)
 *   stop-connect(B limit=120s/131072)  stop-status(100)
 *   dcutr-connect(E,E)  dcutr-sync
 *   text(T)  hex(00 01)  bytes(N)  echo  echo(FROM,COUNT)      echo: what the node sent last there
 *   head(N,ITEM)  tail(N,ITEM)  repeat(N,ITEM)     its first N bytes, the others, all of it N times
 */
#include "base/varint.h"
#include "tests/lib/steps_impl.h"
#include "tests/unit/hex.h"
#include "wire/wire_dcutr.h"
#include "wire/wire_identify.h"
#include "wire/wire_relay.h"

#include <stdlib.h>

enum { POOL_BYTES = 16384, TEXT_BYTES = 1024, ADDRS_MAX = 64 };

const pu_peer_id *peer_read(const step_world *w, const char *text)
{
    return is_letter(text[0]) && text[1] == 0 ? &w->ids[letter_index(text[0])] : NULL;
}

/* ---- addresses ---- */

bool endpoint_read(const char *text, pu_endpoint *endpoint, enum pu_transport *transport)
{
    char maddr[128];
    uint8_t bytes[PU_MADDR_MAX];
    size_t len;
    pu_addr addr;
    bool is_tcp = strncmp(text, "tcp/", 4) == 0;
    if (is_tcp) text += 4;
    if (is_letter(text[0]) && text[1] == 0) {
        *endpoint = world_endpoint(text[0]);
        if (is_tcp) *transport = PU_TRANSPORT_TCP;
        return true;
    }
    bool is_ip6 = text[0] == '[';
    const char *colon = strrchr(text, ':');
    if (colon == NULL) return false;
    int ip_len = (int)(colon - text) - 2 * is_ip6;
    snprintf(maddr, sizeof maddr, "/ip%d/%.*s/%s/%s%s", is_ip6 ? 6 : 4, ip_len, text + is_ip6,
             is_tcp ? "tcp" : "udp", colon + 1, is_tcp ? "" : "/quic-v1");
    if (pu_maddr_parse(bytes, sizeof bytes, &len, span_of(maddr, strlen(maddr)), NULL) != PU_OK ||
        pu_addr_read(&addr, span_of(bytes, len)) != PU_OK)
        return false;
    *endpoint = addr.endpoint;
    *transport = is_tcp ? PU_TRANSPORT_TCP : PU_TRANSPORT_QUIC;
    return true;
}

/* Appends the parts in text, where /p2p/B stands for an id. */
static bool parts_write(const step_world *w, pu_buf *out, const char *text)
{
    char full[TEXT_BYTES];
    size_t len = 0, bytes_len;
    uint8_t bytes[PU_MADDR_MAX];
    for (const char *c = text; *c != 0; c++) {
        bool ends_name = c - text >= 5 && memcmp(c - 5, "/p2p/", 5) == 0;
        bool is_peer = ends_name && is_letter(*c) && (c[1] == 0 || c[1] == '/');
        if (len + PU_PEER_ID_TEXT_MAX >= sizeof full) return false;
        const char *id = is_peer ? w->id_texts[letter_index(*c)] : NULL;
        if (is_peer) len += (size_t)snprintf(full + len, sizeof full - len, "%s", id);
        else full[len++] = *c;
    }
    if (pu_maddr_parse(bytes, sizeof bytes, &bytes_len, span_of(full, len), NULL) != PU_OK)
        return false;
    buf_put(out, bytes, bytes_len);
    return true;
}

bool maddr_write(step_world *w, pu_buf *out, const char *text)
{
    if (text[0] == '/') return parts_write(w, out, text);
    char first[128];
    pu_endpoint endpoint;
    enum pu_transport transport = PU_TRANSPORT_QUIC;
    uint8_t maddr[PU_MADDR_MAX];
    const char *rest = strchr(strncmp(text, "tcp/", 4) == 0 ? text + 4 : text, '/');
    int len = rest != NULL ? (int)(rest - text) : (int)strlen(text);
    snprintf(first, sizeof first, "%.*s", len, text);
    if (!endpoint_read(first, &endpoint, &transport)) return false;
    buf_put(out, maddr, pu_addr_write(maddr, &endpoint, transport));
    return rest == NULL || parts_write(w, out, rest);
}

/* Addresses separated by commas as spans into pool. */
static bool maddrs_write(step_world *w, pu_buf *pool, char *text, pu_span *addrs, uint32_t max,
                         uint32_t *count)
{
    step_words list;
    *count = 0;
    if (text == NULL || *text == 0) return true;
    words_split(&list, text, ',');
    for (unsigned i = 0; i < list.count; i++) {
        size_t from = pool->len;
        if (*count == max || !maddr_write(w, pool, list.at[i])) return false;
        addrs[(*count)++] = span_of(pool->base + from, pool->len - from);
    }
    return true;
}

/* ---- multistream-select ---- */

static void put_select(pu_buf *out, const char *text)
{
    varint_put(out, strlen(text) + 1);
    buf_put(out, text, strlen(text));
    buf_put_u8(out, '\n');
}

static void put_header(pu_buf *out)
{
    put_select(out, "/multistream/1.0.0");
}

/* ---- messages ---- */

static bool write_identify(step_world *w, pu_buf *out, char *args)
{
    step_words words;
    uint8_t pool_bytes[POOL_BYTES], key[32], key_pb[PU_PUBLIC_KEY_PB_BYTES];
    pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes);
    wire_identify m = {.protocol_version = SPAN_LITERAL("ipfs/0.1.0")};
    words_split(&words, args, ' ');
    char *protocols = words_option(&words, "protocols"), *agent = words_option(&words, "agent");
    char *listen = words_option(&words, "listen"), *observed = words_option(&words, "observed");
    const char *pad = words_option(&words, "pad"), *whose = words_next(&words);
    const pu_peer_id *id = whose != NULL ? peer_read(w, whose) : NULL;
    uint64_t pad_bytes = 0;
    uint32_t observed_count;
    if (id != NULL && pu_peer_id_ed25519(id, key)) {
        pu_public_key_pb(key_pb, key);
        m.public_key = span_of(key_pb, sizeof key_pb);
    }
    if (agent != NULL) m.agent_version = span_of(agent, strlen(agent));
    if (pad != NULL && !number_read(pad, &pad_bytes)) return false;
    m.signed_record = span_of(calloc(1, STEPS_BODY_MAX), pad_bytes);
    bool is_good = maddrs_write(w, &pool, listen, m.addrs, ADDRS_MAX, &m.addr_count) &&
                   maddrs_write(w, &pool, observed, &m.observed, 1, &observed_count);
    step_words list = {.count = 0};
    if (protocols != NULL) words_split(&list, protocols, ',');
    for (unsigned i = 0; i < list.count; i++) {
        const char *name = proto_long(list.at[i]);
        m.protocols[m.protocol_count++] = span_of(name, strlen(name));
    }
    size_t mark = pb_frame_open(out);
    wire_identify_write(out, &m);
    pb_frame_close(out, mark);
    free((void *)(uintptr_t)m.signed_record.base);
    return is_good && words_next(&words) == NULL;
}

/* limit=120s/131072 */
static bool read_limit(wire_relay *m, char *text)
{
    if (text == NULL) return true;
    char *slash = strchr(text, '/');
    if (slash == NULL) return false;
    *slash = 0;
    m->has_limit = true;
    uint64_t duration_ns;
    if (!number_read(text, &duration_ns) || !number_read(slash + 1, &m->limit_data_bytes))
        return false;
    m->limit_duration_s = duration_ns / PU_S;
    return true;
}

/* expire=+3600 counts from now, expire=N from 1970. */
static bool read_expire(const step_world *w, wire_relay *m, const char *text)
{
    if (text == NULL) return true;
    bool is_relative = text[0] == '+';
    m->has_reservation = true;
    if (!number_read(text + is_relative, &m->expire_s)) return false;
    if (is_relative) m->expire_s += (w->now + w->unix_ns) / PU_S;
    return true;
}

static bool write_relay(step_world *w, pu_buf *out, const char *name, char *args)
{
    step_words words;
    uint8_t pool_bytes[POOL_BYTES];
    pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes);
    bool is_hop = name[0] == 'h', is_status = strstr(name, "status") != NULL;
    wire_relay m = {.has_status = is_status};
    if (is_status) m.type = is_hop ? (uint64_t)WIRE_HOP_STATUS : (uint64_t)WIRE_STOP_STATUS;
    else if (is_hop && strcmp(name, "hop-connect") == 0) m.type = WIRE_HOP_CONNECT;
    words_split(&words, args, ' ');
    if (!read_limit(&m, words_option(&words, "limit"))) return false;
    if (!read_expire(w, &m, words_option(&words, "expire"))) return false;
    if (!maddrs_write(w, &pool, words_option(&words, "addrs"), m.addrs, WIRE_RELAY_ADDRS_MAX,
                      &m.addr_count))
        return false;
    char *subject = words_next(&words);
    const pu_peer_id *id = subject != NULL ? peer_read(w, subject) : NULL;
    if (id != NULL) m.peer_id = span_of(id->bytes, id->len);
    if (is_status && !number_read(subject, &m.status)) return false;
    if (is_hop) wire_hop_write(out, &m);
    else wire_stop_write(out, &m);
    return words_next(&words) == NULL;
}

static bool write_dcutr(step_world *w, pu_buf *out, const char *name, char *args)
{
    uint8_t pool_bytes[POOL_BYTES];
    pu_buf pool = buf_of(pool_bytes, sizeof pool_bytes);
    bool is_sync = strcmp(name, "dcutr-sync") == 0;
    wire_dcutr m = {.type = is_sync ? WIRE_DCUTR_SYNC : WIRE_DCUTR_CONNECT};
    if (!maddrs_write(w, &pool, args, m.addrs, WIRE_DCUTR_ADDRS_MAX, &m.addr_count)) return false;
    wire_dcutr_write(out, &m);
    return true;
}

static bool write_echo(pu_buf *out, char *args, const step_stream *s)
{
    uint64_t from = 0, count;
    if (s == NULL) return false;
    count = s->last_len;
    char *comma = strchr(args, ',');
    if (comma != NULL) {
        *comma = 0;
        if (!number_read(args, &from) || !number_read(comma + 1, &count)) return false;
    }
    if (from > s->last_len || count > s->last_len - from) return false;
    buf_put(out, s->last + from, count);
    return true;
}

static bool write_plain(pu_buf *out, const char *name, char *args)
{
    uint64_t count;
    uint8_t bytes[TEXT_BYTES];
    if (strcmp(name, "text") == 0) {
        buf_put(out, args, strlen(args));
    } else if (strcmp(name, "hex") == 0) {
        buf_put_span(out, hex_bytes(args, bytes, sizeof bytes));
    } else {
        if (strcmp(name, "bytes") != 0 || !number_read(args, &count)) return false;
        for (uint64_t i = 0; i < count; i++) buf_put_u8(out, (uint8_t)(0x80 + i % 127));
    }
    return true;
}

static bool write_item(step_world *w, pu_buf *out, const char *name, char *args,
                       const step_stream *s)
{
    bool selects = strcmp(name, "select") == 0 || strcmp(name, "agree") == 0;
    if (strcmp(name, "header") == 0 || selects) put_header(out);
    if (selects || strcmp(name, "propose") == 0) put_select(out, proto_long(args));
    if (strcmp(name, "na") == 0) put_select(out, "na");
    if (selects || strcmp(name, "header") == 0 || strcmp(name, "propose") == 0 ||
        strcmp(name, "na") == 0)
        return true;
    if (strcmp(name, "identify") == 0) return write_identify(w, out, args);
    if (strncmp(name, "hop-", 4) == 0) return write_relay(w, out, name, args);
    if (strncmp(name, "stop-", 5) == 0) return write_relay(w, out, name, args);
    if (strncmp(name, "dcutr-", 6) == 0) return write_dcutr(w, out, name, args);
    if (strcmp(name, "echo") == 0) return write_echo(out, args, s);
    return write_plain(out, name, args);
}

/* NAME(arguments) -> name and arguments, in place. False: the parenthesis is not closed. */
static bool call_split(char *text, char **args)
{
    char *open = strchr(text, '('), *end = text + strlen(text);
    *args = end;
    if (open == NULL) return true;
    if (end[-1] != ')') return false;
    end[-1] = 0;
    *open = 0;
    *args = open + 1;
    return true;
}

/* head(N,ITEM), tail(N,ITEM), repeat(N,ITEM). */
static bool write_part(step_world *w, pu_buf *out, const char *how, char *args,
                       const step_stream *s)
{
    uint64_t count;
    char *comma = strchr(args, ','), *inner;
    if (comma == NULL) return false;
    *comma = 0;
    uint8_t *bytes = malloc(STEPS_BODY_MAX);
    pu_buf item = buf_of(bytes, STEPS_BODY_MAX);
    PU_ASSERT(bytes != NULL);
    bool is_good = number_read(args, &count) && call_split(comma + 1, &inner) &&
                   write_item(w, &item, comma + 1, inner, s) && !item.full;
    if (is_good && strcmp(how, "repeat") == 0) {
        for (uint64_t i = 0; i < count; i++) buf_put_span(out, buf_span(&item));
    } else if (is_good && count <= item.len) {
        bool is_head = strcmp(how, "head") == 0;
        buf_put_span(out, is_head ? span_head(buf_span(&item), count)
                                  : span_skip(buf_span(&item), count));
    } else {
        is_good = false;
    }
    free(bytes);
    return is_good;
}

bool body_write(step_world *w, pu_buf *out, char *text, const step_stream *s)
{
    step_words items;
    words_split(&items, text, '+');
    for (unsigned i = 0; i < items.count; i++) {
        char *name = items.at[i], *args;
        if (!call_split(name, &args)) return false;
        bool is_part =
            strcmp(name, "head") == 0 || strcmp(name, "tail") == 0 || strcmp(name, "repeat") == 0;
        bool is_good =
            is_part ? write_part(w, out, name, args, s) : write_item(w, out, name, args, s);
        if (!is_good) return false;
    }
    return !out->full;
}
