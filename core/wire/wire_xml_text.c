/* wire/wire_xml_text.c - entities: what stands for a character, and which characters need it. */
#include "wire/wire_text.h"
#include "wire/wire_xml.h"

enum { CODE_POINT_MAX = 0x10ffff };

static const struct {
    const char *name;
    uint8_t byte;
} entities[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};

enum { ENTITIES = sizeof entities / sizeof entities[0] };

/* Appends a character as UTF-8 (RFC 3629). */
static void put_character(pu_buf *out, uint32_t c)
{
    uint8_t bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1; c >>= 6) bytes[i] = (uint8_t)(0x80 | (c & 0x3f));
    bytes[0] = (uint8_t)(first[len - 1] | c);
    buf_put(out, bytes, len);
}

/* A character that a document may hold (section 2.2); c is at most CODE_POINT_MAX. */
static bool is_character(uint32_t c)
{
    if (c < ' ') return c == '\t' || c == '\n' || c == '\r';
    return (c < 0xd800 || c > 0xdfff) && c != 0xfffe && c != 0xffff;
}

/* "#65" or "#x41". */
static bool number_of(pu_span name, uint32_t *c)
{
    bool is_hex = name.len > 1 && name.base[1] == 'x';
    uint64_t value = 0;
    if (!is_hex) {
        if (!text_number(span_skip(name, 1), CODE_POINT_MAX, &value)) return false;
        *c = (uint32_t)value;
        return true;
    }
    for (size_t i = 2; i < name.len; i++) {
        uint8_t d = name.base[i];
        bool is_decimal = d >= '0' && d <= '9';
        uint8_t letter = (uint8_t)(d | 0x20);
        if (!is_decimal && (letter < 'a' || letter > 'f')) return false;
        value = value << 4 | (uint64_t)(is_decimal ? d - '0' : letter - 'a' + 10);
        if (value > CODE_POINT_MAX) return false;
    }
    *c = (uint32_t)value;
    return true;
}

/* Appends what the entity stands for. */
static bool put_entity(pu_buf *out, pu_span name)
{
    uint32_t c = 0;
    if (name.len > 0 && name.base[0] == '#') {
        if (!number_of(name, &c) || !is_character(c)) return false;
        put_character(out, c);
        return true;
    }
    for (size_t i = 0; i < ENTITIES; i++) {
        if (!text_is(name, entities[i].name)) continue;
        buf_put_u8(out, entities[i].byte);
        return true;
    }
    return false;
}

bool wire_xml_decode(pu_buf *out, pu_span raw)
{
    pu_span before, name;
    while (text_until(&raw, '&', &before)) {
        buf_put_span(out, before);
        if (!text_until(&raw, ';', &name) || !put_entity(out, name)) return false;
    }
    buf_put_span(out, raw);
    return true;
}

void wire_xml_encode(pu_buf *out, pu_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        size_t e = 0;
        while (e < ENTITIES && entities[e].byte != text.base[i]) e++;
        if (e == ENTITIES) {
            buf_put_u8(out, text.base[i]);
            continue;
        }
        text_put(out, "&");
        text_put(out, entities[e].name);
        text_put(out, ";");
    }
}
