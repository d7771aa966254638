/* ident/multiaddr_text.c - multiaddrs as text: "/ip4/1.2.3.4/tcp/80".
 *
 * Reading turns a value's text into its bytes and lets maddr_value_valid judge them, so both forms
 * accept the same addresses. Trailing slashes are dropped, as Go does; fixed texts ("0080",
 * "01.2.3.4") are not guessed at.
 */
#include "base/varint.h"
#include "ident/decimal.h"
#include "ident/ip.h"
#include "ident/multiaddr.h"
#include "ident/multibase.h"
#include "peerup/ident.h"

/* ---- values read ---- */

static bool number_get(pu_buf *out, pu_span text, uint64_t max, size_t bytes)
{
    PU_ASSERT(bytes > 0);
    PU_ASSERT(bytes <= 8);
    uint64_t number;
    uint8_t be[8];
    if (!decimal_get(text, max, &number)) return false;
    store_be64(be, number);
    buf_put(out, be + 8 - bytes, bytes);
    return true;
}

static bool hex_digit(uint8_t c, uint8_t *digit)
{
    PU_ASSERT(digit != NULL);
    if (c >= '0' && c <= '9') *digit = (uint8_t)(c - '0');
    else if (c >= 'a' && c <= 'f') *digit = (uint8_t)(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F') *digit = (uint8_t)(c - 'A' + 10);
    else return false;
    return true;
}

static bool escaped_get(pu_buf *out, pu_span text)
{
    PU_ASSERT(out != NULL);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t high, low;
        if (text.base[i] != '%') {
            buf_put_u8(out, text.base[i]);
            continue;
        }
        if (text.len - i < 3) return false;
        if (!hex_digit(text.base[i + 1], &high) || !hex_digit(text.base[i + 2], &low)) return false;
        buf_put_u8(out, (uint8_t)(high << 4 | low));
        i += 2;
    }
    return true;
}

static bool onion_get(pu_buf *out, pu_span text)
{
    PU_ASSERT(out != NULL);
    size_t colon = 0;
    while (colon < text.len && text.base[colon] != ':') colon++;
    if (colon == text.len) return false;
    return base_get(out, BASE32, span_head(text, colon)) &&
           number_get(out, span_skip(text, colon + 1), UINT16_MAX, 2);
}

/* I2P pads its base64 to whole groups of four. */
static bool garlic64_get(pu_buf *out, pu_span text)
{
    PU_ASSERT(out != NULL);
    if (text.len % 4 != 0) return false;
    for (int i = 0; i < 2 && text.len > 0 && text.base[text.len - 1] == '='; i++) text.len--;
    return base_get(out, BASE64_GARLIC, text);
}

/* Appends the bytes that text means as a value of p, not yet checked. False: it means nothing. */
static bool value_get(pu_buf *out, const maddr_protocol *p, pu_span text)
{
    PU_ASSERT(p->kind != MADDR_NONE);
    uint8_t ip[16];
    pu_peer_id id;
    switch (p->kind) {
    case MADDR_IP4:
        if (!ip4_get(text, ip)) return false;
        buf_put(out, ip, 4);
        return true;
    case MADDR_IP6:
        if (!ip6_get(text, ip)) return false;
        buf_put(out, ip, 16);
        return true;
    case MADDR_PEER:
        if (pu_peer_id_parse(&id, text) != PU_OK) return false;
        buf_put(out, id.bytes, id.len);
        return true;
    case MADDR_PORT: return number_get(out, text, UINT16_MAX, 2);
    case MADDR_NUMBER8: return number_get(out, text, UINT8_MAX, 1);
    case MADDR_NUMBER64: return number_get(out, text, UINT64_MAX, 8);
    case MADDR_NAME:
    case MADDR_PATH: buf_put_span(out, text); return true;
    case MADDR_ESCAPED: return escaped_get(out, text);
    case MADDR_HASH: return multibase_get(out, text);
    case MADDR_ONION: return onion_get(out, text);
    case MADDR_GARLIC64: return garlic64_get(out, text);
    case MADDR_GARLIC32: return base_get(out, BASE32, text);
    case MADDR_NONE: break;
    }
    PU_NEVER_HERE();
}

/* ---- addresses read ---- */

/* Takes what follows a '/' off *rest, up to the next '/'. False: no '/' comes first. */
static bool word_get(pu_span *rest, pu_span *word)
{
    PU_ASSERT(word != NULL);
    if (rest->len == 0 || rest->base[0] != '/') return false;
    pu_span in = span_skip(*rest, 1);
    size_t len = 0;
    while (len < in.len && in.base[len] != '/') len++;
    *word = span_head(in, len);
    *rest = span_skip(in, len);
    return true;
}

/* Takes one component off *rest and appends its bytes. */
static bool part_get(pu_buf *out, pu_span *rest)
{
    PU_ASSERT(rest->len > 0);
    pu_span word;
    if (!word_get(rest, &word)) return false;
    const maddr_protocol *p = maddr_by_name(word);
    if (p == NULL) return false;
    varint_put(out, p->code);
    if (p->kind == MADDR_NONE) return !out->full;

    if (p->kind == MADDR_PATH) {
        word = *rest; /* with its first slash */
        *rest = span_skip(*rest, rest->len);
    } else if (!word_get(rest, &word)) {
        return false;
    }
    uint8_t bytes[PU_MADDR_MAX];
    pu_buf value = buf_of(bytes, sizeof bytes);
    if (!value_get(&value, p, word) || value.full) return false;
    if (!maddr_value_valid(p, buf_span(&value))) return false;
    if (p->value_bytes == MADDR_VARIABLE) varint_put(out, value.len);
    buf_put_span(out, buf_span(&value));
    return !out->full;
}

int pu_maddr_parse(uint8_t *out, size_t cap, size_t *len, pu_span text, size_t *bad)
{
    PU_ASSERT(out != NULL || cap == 0);
    PU_ASSERT(len != NULL);
    size_t unused;
    if (bad == NULL) bad = &unused;
    *bad = 0;
    if (text.len >= PU_MADDR_TEXT_MAX) return PU_ERANGE;
    while (text.len > 0 && text.base[text.len - 1] == '/') text.len--;
    if (text.len == 0) return PU_ERANGE;

    pu_buf bytes = buf_of(out, cap < PU_MADDR_MAX ? cap : PU_MADDR_MAX);
    for (pu_span rest = text; rest.len > 0;) {
        *bad = text.len - rest.len;
        if (!part_get(&bytes, &rest)) return PU_ERANGE;
    }
    *len = bytes.len;
    return PU_OK;
}

/* ---- values written ---- */

static uint64_t number_of(pu_span be)
{
    PU_ASSERT(be.len <= 8);
    uint64_t number = 0;
    for (size_t i = 0; i < be.len; i++) number = number << 8 | be.base[i];
    return number;
}

/* What stands for itself in a path segment (as Go writes it); the rest is escaped. */
static bool is_plain(uint8_t c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
    static const char marks[] = "-_.~$&+:=@";
    for (size_t i = 0; i + 1 < sizeof marks; i++)
        if ((uint8_t)marks[i] == c) return true;
    return false;
}

static void escaped_put(pu_buf *out, pu_span bytes)
{
    PU_ASSERT(out != NULL);
    for (size_t i = 0; i < bytes.len; i++) {
        if (is_plain(bytes.base[i])) {
            buf_put_u8(out, bytes.base[i]);
            continue;
        }
        buf_put_u8(out, '%');
        base_put(out, BASE16_UPPER, span_of(bytes.base + i, 1));
    }
}

static void peer_put(pu_buf *out, pu_span value)
{
    pu_peer_id id;
    char text[PU_PEER_ID_TEXT_MAX];
    int error = pu_peer_id_from_bytes(&id, value);
    PU_ASSERT(error == PU_OK); /* pu_maddr_next has looked */
    buf_put(out, text, pu_peer_id_text(&id, PU_PEER_BASE58, text));
}

static void onion_put(pu_buf *out, pu_span value)
{
    PU_ASSERT(value.len > 2);
    base_put(out, BASE32, span_head(value, value.len - 2));
    buf_put_u8(out, ':');
    decimal_put(out, number_of(span_skip(value, value.len - 2)));
}

static void garlic64_put(pu_buf *out, pu_span value)
{
    PU_ASSERT(value.len > 0);
    base_put(out, BASE64_GARLIC, value);
    for (size_t i = value.len; i % 3 != 0; i++) buf_put_u8(out, '=');
}

static void value_put(pu_buf *out, const maddr_protocol *p, pu_span value)
{
    PU_ASSERT(p->kind != MADDR_NONE);
    switch (p->kind) {
    case MADDR_IP4: ip4_put(out, value.base); return;
    case MADDR_IP6: ip6_put(out, value.base); return;
    case MADDR_PORT:
    case MADDR_NUMBER8:
    case MADDR_NUMBER64: decimal_put(out, number_of(value)); return;
    case MADDR_NAME:
    case MADDR_PATH: buf_put_span(out, value); return;
    case MADDR_ESCAPED: escaped_put(out, value); return;
    case MADDR_PEER: peer_put(out, value); return;
    case MADDR_HASH: multibase_put(out, BASE64_URL, value); return;
    case MADDR_ONION: onion_put(out, value); return;
    case MADDR_GARLIC64: garlic64_put(out, value); return;
    case MADDR_GARLIC32: base_put(out, BASE32, value); return;
    case MADDR_NONE: break;
    }
    PU_NEVER_HERE();
}

/* ---- addresses written ---- */

ptrdiff_t pu_maddr_text(pu_span bytes, char *out, size_t cap)
{
    PU_ASSERT(out != NULL || cap == 0);
    if (bytes.len == 0 || cap == 0) return PU_ERANGE;
    pu_buf text = buf_of(out, cap - 1);
    for (pu_maddr_part part; pu_maddr_next(&bytes, &part);) {
        const maddr_protocol *p = maddr_by_code(part.code);
        PU_ASSERT(p != NULL);
        buf_put_u8(&text, '/');
        for (const char *c = p->name; *c != 0; c++) buf_put_u8(&text, (uint8_t)*c);
        if (p->kind == MADDR_NONE) continue;
        if (p->kind != MADDR_PATH) buf_put_u8(&text, '/'); /* a path brings its own */
        value_put(&text, p, part.value);
    }
    if (bytes.len > 0 || text.full) return PU_ERANGE;
    out[text.len] = 0;
    return (ptrdiff_t)text.len;
}
