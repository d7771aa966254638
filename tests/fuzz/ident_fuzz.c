/* ident_fuzz.c - names of peers and addresses: texts and bytes that are accepted mean one thing,
 * and come back as they were. */
#include "ident/multibase.h"
#include "peerup/ident.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* Every text form of id reads as id. */
static void check_texts(const pu_peer_id *id)
{
    for (int form = PU_PEER_BASE58; form <= PU_PEER_CID_BASE36; form++) {
        char text[PU_PEER_ID_TEXT_MAX];
        pu_peer_id again;
        size_t len = pu_peer_id_text(id, (enum pu_peer_text)form, text);
        PU_ASSERT(len < sizeof text);
        PU_ASSERT(strlen(text) == len);
        PU_ASSERT(pu_peer_id_parse(&again, span_of(text, len)) == PU_OK);
        PU_ASSERT(pu_peer_id_equal(id, &again));
    }
}

void fuzz_peer_text(pu_span bytes)
{
    pu_peer_id id, again;
    if (pu_peer_id_parse(&id, bytes) != PU_OK) return;
    PU_ASSERT(pu_peer_id_from_bytes(&again, span_of(id.bytes, id.len)) == PU_OK);
    PU_ASSERT(pu_peer_id_equal(&id, &again));
    check_texts(&id);
}

void fuzz_peer_bytes(pu_span bytes)
{
    pu_peer_id id;
    uint8_t key[32];
    if (pu_peer_id_from_bytes(&id, bytes) != PU_OK) return;
    PU_ASSERT(span_equal(bytes, span_of(id.bytes, id.len)));
    check_texts(&id);
    if (!pu_peer_id_ed25519(&id, key)) return;
    pu_peer_id again;
    pu_peer_id_from_ed25519(&again, key);
    PU_ASSERT(pu_peer_id_equal(&id, &again));
}

/* The text of a valid multiaddr reads as the same bytes. */
static void check_maddr(pu_span maddr)
{
    static char text[PU_MADDR_TEXT_MAX];
    uint8_t again[PU_MADDR_MAX];
    size_t len;
    PU_ASSERT(pu_maddr_valid(maddr));
    ptrdiff_t text_len = pu_maddr_text(maddr, text, sizeof text);
    PU_ASSERT(text_len > 0);
    PU_ASSERT(strlen(text) == (size_t)text_len);
    PU_ASSERT(pu_maddr_parse(again, sizeof again, &len, span_of(text, (size_t)text_len), NULL) ==
              PU_OK);
    PU_ASSERT(span_equal(maddr, span_of(again, len)));
}

void fuzz_maddr_bytes(pu_span bytes)
{
    pu_maddr_part part;
    pu_span rest = bytes;
    while (pu_maddr_next(&rest, &part)) PU_ASSERT(part.value.base + part.value.len == rest.base);
    PU_ASSERT(pu_maddr_valid(bytes) == (bytes.len > 0 && rest.len == 0));
    if (bytes.len <= PU_MADDR_MAX && pu_maddr_valid(bytes)) check_maddr(bytes);
}

void fuzz_maddr_text(pu_span bytes)
{
    uint8_t maddr[PU_MADDR_MAX];
    size_t len, bad = 0;
    if (pu_maddr_parse(maddr, sizeof maddr, &len, bytes, &bad) != PU_OK) {
        PU_ASSERT(bad <= bytes.len);
        return;
    }
    check_maddr(span_of(maddr, len));
}

void fuzz_addr(pu_span bytes)
{
    pu_addr addr, again;
    uint8_t maddr[PU_MADDR_MAX];
    char text[64];
    if (pu_addr_read(&addr, bytes) != PU_OK) return;
    PU_ASSERT(pu_maddr_valid(bytes));
    PU_ASSERT(addr.circuit || addr.via.len == 0);
    PU_ASSERT(pu_endpoint_text(&addr.endpoint, text) < sizeof text);
    bool is_direct = addr.transport == PU_TRANSPORT_QUIC || addr.transport == PU_TRANSPORT_TCP;
    if (!is_direct || addr.dns) return;
    size_t len = pu_addr_write(maddr, &addr.endpoint, addr.transport);
    PU_ASSERT(pu_addr_read(&again, span_of(maddr, len)) == PU_OK);
    PU_ASSERT(again.transport == addr.transport);
    addr.endpoint.scope = 0; /* a scope means something on this machine only */
    PU_ASSERT(pu_endpoint_equal(&addr.endpoint, &again.endpoint));
}

void fuzz_authorized_keys(pu_span bytes)
{
    pu_authorized line;
    size_t bad = 0;
    if (pu_authorized_parse(&line, bytes, &bad) != PU_OK) {
        PU_ASSERT(bad <= bytes.len);
        return;
    }
    PU_ASSERT((line.expires.len > 0) == (line.expires_s > 0));
    PU_ASSERT(line.peer.len > 0 || line.expires.len == 0);
    if (line.comment.len > 0) PU_ASSERT(line.comment.base >= bytes.base);
    PU_ASSERT(line.comment.len + line.expires.len <= bytes.len);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Digits that were read are the ones that are written, but for the case where a base has none. */
static void check_base(enum base base, pu_span digits)
{
    static uint8_t bytes[1 << 16], again[1 << 17];
    pu_buf out = buf_of(bytes, sizeof bytes), text = buf_of(again, sizeof again);
    if (!base_get(&out, base, digits)) return;
    PU_ASSERT(!out.full);
    base_put(&text, base, buf_span(&out));
    PU_ASSERT(text.len == digits.len);
    bool has_case = base == BASE58 || base == BASE64_URL || base == BASE64_GARLIC;
    for (size_t i = 0; i < text.len; i++)
        PU_ASSERT(has_case ? again[i] == digits.base[i] : lower(again[i]) == lower(digits.base[i]));
}

void fuzz_multibase(pu_span bytes)
{
    static uint8_t plain[1 << 16];
    pu_span digits = bytes;
    enum base base = (enum base)(BASE16 + fuzz_u8(&digits) % BASE64_GARLIC);
    check_base(base, digits);
    pu_buf out = buf_of(plain, sizeof plain);
    if (multibase_get(&out, bytes)) PU_ASSERT(!out.full);
}
