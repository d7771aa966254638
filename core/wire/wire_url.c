/* wire/wire_url.c - see wire_url.h. A name is no host here: what is on the local network has a
 * number, and asking others for names would let a device choose whom we ask. */
#include "wire/wire_url.h"

#include "ident/decimal.h"
#include "ident/ip.h"
#include "wire/wire_text.h"

enum { PORT_HTTP = 80, IP4_AT = 12 };

static bool is_path_char(uint8_t c)
{
    return c > ' ' && c < 0x7f;
}

/* Appends text to the path. False: it does not fit, or holds what no URL has. */
static bool path_add(wire_url *u, pu_span text)
{
    if (text.len > sizeof u->path - u->path_len) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_path_char(text.base[i])) return false;
        u->path[u->path_len++] = text.base[i];
    }
    return true;
}

/* What is before the fragment. */
static pu_span without_fragment(pu_span text)
{
    pu_span rest = text, before;
    return text_until(&rest, '#', &before) ? before : text;
}

/* Takes "http:" off *text. False: it has another scheme, or none. */
static bool take_scheme(pu_span *text)
{
    static const char http[] = "http:";
    if (text->len < sizeof http - 1) return false;
    if (!text_is_like(span_head(*text, sizeof http - 1), http)) return false;
    *text = span_skip(*text, sizeof http - 1);
    return true;
}

static bool read_port(wire_url *u, pu_span text)
{
    uint64_t port = PORT_HTTP;
    if (text.len > 0 && !text_number(text, UINT16_MAX, &port)) return false;
    u->at.port = (uint16_t)port;
    return port != 0;
}

/* "1.2.3.4", "1.2.3.4:5", "[2001:db8::1]:5". */
static bool read_authority(wire_url *u, pu_span text)
{
    pu_span host = text, port = span_of(NULL, 0);
    if (text.len > 0 && text.base[0] == '[') {
        text = span_skip(text, 1);
        if (!text_until(&text, ']', &host) || !ip6_get(host, u->at.ip)) return false;
        if (text.len > 0 && text.base[0] != ':') return false;
        if (text.len > 0) port = span_skip(text, 1);
        return read_port(u, port);
    }
    if (text_until(&text, ':', &host)) port = text;
    memset(u->at.ip + 10, 0xff, 2);
    return ip4_get(host, u->at.ip + IP4_AT) && read_port(u, port);
}

bool wire_url_read(wire_url *u, pu_span text)
{
    PU_ASSERT(u != NULL);
    *u = (wire_url){0};
    text = without_fragment(text);
    if (!take_scheme(&text) || text.len < 2 || !text_is(span_head(text, 2), "//")) return false;
    text = span_skip(text, 2);
    size_t len = 0;
    while (len < text.len && text.base[len] != '/' && text.base[len] != '?') len++;
    if (!read_authority(u, span_head(text, len))) return false;
    pu_span path = span_skip(text, len);
    if (path.len == 0 || path.base[0] == '?') u->path[u->path_len++] = '/';
    return path_add(u, path);
}

/* Whether text begins with a scheme: letters up to a colon, before anything else. */
static bool has_scheme(pu_span text)
{
    size_t len = 0;
    while (len < text.len && text.base[len] != ':' && text.base[len] != '/' &&
           text.base[len] != '?')
        len++;
    return len < text.len && text.base[len] == ':';
}

/* Bytes of the path of u up to its last '/' before a query, that one too. */
static size_t folder_len(const wire_url *u)
{
    size_t len = 0;
    for (size_t i = 0; i < u->path_len && u->path[i] != '?'; i++)
        if (u->path[i] == '/') len = i + 1;
    return len;
}

bool wire_url_resolve(wire_url *u, const wire_url *base, pu_span reference)
{
    pu_span text = without_fragment(reference);
    if (has_scheme(text)) return wire_url_read(u, text);
    bool is_same = text.len == 0, is_query = text.len > 0 && text.base[0] == '?';
    bool is_rooted = text.len > 0 && text.base[0] == '/';
    if (is_query || (text.len >= 2 && text_is(span_head(text, 2), "//"))) return false;
    *u = (wire_url){.at = base->at};
    size_t kept = is_same ? base->path_len : is_rooted ? 0 : folder_len(base);
    memcpy(u->path, base->path, kept);
    u->path_len = (uint16_t)kept;
    return path_add(u, text);
}

pu_span wire_url_path(const wire_url *u)
{
    return span_of(u->path, u->path_len);
}

void wire_url_write_host(pu_buf *out, const wire_url *u)
{
    bool is_mapped = ip6_is_mapped(u->at.ip);
    if (is_mapped) {
        ip4_put(out, u->at.ip + IP4_AT);
    } else {
        text_put(out, "[");
        ip6_put(out, u->at.ip);
        text_put(out, "]");
    }
    text_put(out, ":");
    decimal_put(out, u->at.port);
}

void wire_url_write(pu_buf *out, const wire_url *u)
{
    text_put(out, "http://");
    wire_url_write_host(out, u);
    buf_put_span(out, wire_url_path(u));
}
