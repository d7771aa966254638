/* Payloads and addresses as words, those of steps_write.c. */
#include "base/varint.h"
#include "tests/lib/steps_impl.h"
#include "wire/wire_dcutr.h"
#include "wire/wire_identify.h"
#include "wire/wire_relay.h"

enum { FRAME_MAX = 16384, TEXT_SHOWN_MAX = 48 };

static const struct {
    const char *word, *name;
} protos[] = {
    {"id", "/ipfs/id/1.0.0"},
    {"ping", "/ipfs/ping/1.0.0"},
    {"hop", "/libp2p/circuit/relay/0.2.0/hop"},
    {"stop", "/libp2p/circuit/relay/0.2.0/stop"},
    {"dcutr", "/libp2p/dcutr"},
    {"push", "/ipfs/id/push/1.0.0"},
};

const char *proto_short(const char *name)
{
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++)
        if (strcmp(name, protos[i].name) == 0) return protos[i].word;
    return name;
}

const char *proto_long(const char *word)
{
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++)
        if (strcmp(word, protos[i].word) == 0) return protos[i].name;
    return word;
}

/* ---- addresses ---- */

/* Prints text with every id in it replaced by its letter. */
static void ids_say(const step_world *w, FILE *to, const char *text)
{
    for (const char *c = text; *c != 0; c++) {
        unsigned letter = 0;
        size_t len = 0;
        for (; letter < STEPS_PEERS; letter++) {
            len = strlen(w->id_texts[letter]);
            if (strncmp(c, w->id_texts[letter], len) == 0) break;
        }
        fputc(letter < STEPS_PEERS ? letter_at(letter) : *c, to);
        if (letter < STEPS_PEERS) c += len - 1;
    }
}

void maddr_say(const step_world *w, FILE *to, pu_span maddr)
{
    pu_addr addr;
    uint8_t first[PU_MADDR_MAX];
    char text[PU_MADDR_TEXT_MAX];
    if (pu_addr_read(&addr, maddr) == PU_OK && !addr.dns && addr.endpoint.port != 0) {
        bool is_tcp = addr.transport == PU_TRANSPORT_TCP;
        bool is_plain = is_tcp || addr.transport == PU_TRANSPORT_QUIC;
        size_t len = is_plain ? pu_addr_write(first, &addr.endpoint, addr.transport) : 0;
        if (len > 0 && len <= maddr.len && memcmp(first, maddr.base, len) == 0) {
            pu_endpoint_text(&addr.endpoint, text);
            fprintf(to, "%s%s", is_tcp ? "tcp/" : "", text);
            maddr = span_skip(maddr, len);
        }
    }
    if (maddr.len == 0) return;
    if (pu_maddr_text(maddr, text, sizeof text) < 0) fprintf(to, "%zu bytes", maddr.len);
    else ids_say(w, to, text);
}

static void maddrs_say(const step_world *w, FILE *to, const pu_span *addrs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) fputc(',', to);
        maddr_say(w, to, addrs[i]);
    }
}

/* ---- messages ---- */

static bool say_identify(const step_world *w, FILE *to, pu_span message)
{
    wire_identify m = {0};
    pu_peer_id id = {0};
    if (!wire_identify_read(&m, message)) return false;
    bool has_key = m.public_key.len == PU_PUBLIC_KEY_PB_BYTES;
    if (has_key) pu_peer_id_from_ed25519(&id, m.public_key.base + 4);
    fprintf(to, "identify(%c", has_key ? world_letter(w, span_of(id.bytes, id.len)) : '-');
    if (!span_equal(m.protocol_version, SPAN_LITERAL("ipfs/0.1.0"))) fputs(" version=?", to);
    if (!span_equal(m.agent_version, SPAN_LITERAL("peerup/0.1.0"))) fputs(" agent=?", to);
    if (m.addr_count > 0) fputs(" listen=", to);
    maddrs_say(w, to, m.addrs, m.addr_count);
    if (m.observed.len > 0) fputs(" observed=", to);
    if (m.observed.len > 0) maddr_say(w, to, m.observed);
    for (uint32_t i = 0; i < m.protocol_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)m.protocols[i].len,
                 (const char *)m.protocols[i].base);
        fprintf(to, "%s%s", i == 0 ? " protocols=" : ",", proto_short(name));
    }
    if (m.signed_record.len > 0) fprintf(to, " record=%zu", m.signed_record.len);
    fputc(')', to);
    return true;
}

static void say_limit(FILE *to, const wire_relay *m)
{
    if (m->has_limit)
        fprintf(to, " limit=%llus/%llu", (unsigned long long)m->limit_duration_s,
                (unsigned long long)m->limit_data_bytes);
}

static bool say_hop(const step_world *w, FILE *to, pu_span message)
{
    wire_relay m;
    if (!wire_hop_read(&m, message)) return false;
    if (m.type == WIRE_HOP_RESERVE) fputs("hop-reserve", to);
    else if (m.type == WIRE_HOP_CONNECT) fprintf(to, "hop-connect(%c)", world_letter(w, m.peer_id));
    if (m.type != WIRE_HOP_STATUS) return true;
    fprintf(to, "hop-status(%llu", (unsigned long long)m.status);
    long long now_s = (long long)((w->now + w->unix_ns) / PU_S);
    if (m.has_reservation) fprintf(to, " expire=%+lld", (long long)m.expire_s - now_s);
    if (m.addr_count > 0) fputs(" addrs=", to);
    maddrs_say(w, to, m.addrs, m.addr_count);
    if (m.voucher.len > 0) fputs(" voucher", to);
    say_limit(to, &m);
    fputc(')', to);
    return true;
}

static bool say_stop(const step_world *w, FILE *to, pu_span message)
{
    wire_relay m;
    if (!wire_stop_read(&m, message)) return false;
    if (m.type == WIRE_STOP_CONNECT) fprintf(to, "stop-connect(%c", world_letter(w, m.peer_id));
    else fprintf(to, "stop-status(%llu", (unsigned long long)m.status);
    say_limit(to, &m);
    fputc(')', to);
    return true;
}

static bool say_dcutr(const step_world *w, FILE *to, pu_span message)
{
    wire_dcutr m;
    if (!wire_dcutr_read(&m, message)) return false;
    if (m.type == WIRE_DCUTR_SYNC) {
        fputs("dcutr-sync", to);
        return true;
    }
    fputs("dcutr-connect(", to);
    maddrs_say(w, to, m.addrs, m.addr_count);
    fputc(')', to);
    return true;
}

static bool say_message(const step_world *w, FILE *to, const char *proto, pu_span message)
{
    const char *word = proto_short(proto);
    if (strcmp(word, "id") == 0 || strcmp(word, "push") == 0) return say_identify(w, to, message);
    if (strcmp(word, "hop") == 0) return say_hop(w, to, message);
    if (strcmp(word, "stop") == 0) return say_stop(w, to, message);
    if (strcmp(word, "dcutr") == 0) return say_dcutr(w, to, message);
    return false;
}

/* ---- multistream-select ---- */

static bool is_text(pu_span s, char least)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.base[i] < (uint8_t)least || s.base[i] > '~' || s.base[i] == '(' || s.base[i] == ')')
            return false;
    return true;
}

/* Takes one message of multistream-select off *rest and tells it. */
static bool say_select(FILE *to, step_stream *s, pu_span *rest, bool *after_header)
{
    pu_span body, peek = *rest;
    char name[64];
    if (varint_get_block(&peek, 1024, &body) != VARINT_OK || body.len < 2) return false;
    body.len--;
    if (body.base[body.len] != '\n' || !is_text(body, '!')) return false;
    *rest = peek;
    snprintf(name, sizeof name, "%.*s", (int)body.len, (const char *)body.base);
    if (strcmp(name, "/multistream/1.0.0") == 0) {
        *after_header = true;
        if (rest->len == 0) fputs("header", to);
        return true;
    }
    bool is_na = strcmp(name, "na") == 0;
    if (is_na) fputs(*after_header ? "header+na" : "na", to);
    else
        fprintf(to, "%s(%s)",
                !*after_header  ? "propose"
                : s->is_inbound ? "agree"
                                : "select",
                name);
    if (!is_na) snprintf(s->proto, sizeof s->proto, "%s", name);
    s->is_agreed = !is_na;
    *after_header = false;
    return true;
}

/* ---- bodies ---- */

static bool say_item(step_world *w, FILE *to, step_stream *s, pu_span *rest, bool *after_header)
{
    pu_span message, peek = *rest;
    if (!s->is_agreed) return say_select(to, s, rest, after_header);
    if (s->is_raw || varint_get_block(&peek, FRAME_MAX, &message) != VARINT_OK) return false;
    if (!say_message(w, to, s->proto, message)) return false;
    const char *word = proto_short(s->proto);
    s->is_raw = strcmp(word, "hop") == 0 || strcmp(word, "stop") == 0; /* one message each way */
    *rest = peek;
    return true;
}

static void say_bytes(FILE *to, pu_span bytes)
{
    if (bytes.len <= TEXT_SHOWN_MAX && is_text(bytes, ' '))
        fprintf(to, "text(%.*s)", (int)bytes.len, (const char *)bytes.base);
    else fprintf(to, "%zu bytes", bytes.len);
}

void body_say(step_world *w, FILE *to, step_stream *s, pu_span body)
{
    pu_span rest = body;
    bool after_header = false, is_first = true;
    if (s == NULL) {
        say_bytes(to, body);
        return;
    }
    while (rest.len > 0) {
        bool joins = !is_first && !after_header;
        if (joins) fputc('+', to);
        is_first = false;
        if (say_item(w, to, s, &rest, &after_header)) continue;
        say_bytes(to, rest);
        s->last_len = rest.len < STEPS_LAST_MAX ? rest.len : STEPS_LAST_MAX;
        memcpy(s->last, rest.base, s->last_len);
        return;
    }
}
