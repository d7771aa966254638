/* wire/wire_xml.c - elements, one after the other; see wire_xml.h.
 *
 * A name may hold any byte that has no meaning of its own: which letters of Unicode begin a name is
 * nothing that a gateway's answer depends on.
 */
#include "wire/wire_xml.h"

#include "wire/wire_text.h"

void wire_xml_init(wire_xml *x, pu_span document)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    PU_ASSERT(x != NULL);
    *x = (wire_xml){.rest = document};
    bool is_marked = document.len >= sizeof mark && memcmp(document.base, mark, sizeof mark) == 0;
    if (is_marked) x->rest = span_skip(document, sizeof mark);
}

const wire_xml_tag *wire_xml_top(const wire_xml *x)
{
    PU_ASSERT(x->depth > 0);
    return &x->open[x->depth - 1];
}

bool wire_xml_is(const wire_xml *x, const char *name)
{
    return text_is(wire_xml_top(x)->name, name);
}

/* ---- pieces ---- */

static bool begins_with(pu_span s, const char *text)
{
    size_t len = strlen(text);
    return s.len >= len && memcmp(s.base, text, len) == 0;
}

/* Takes bytes up to and with text off *rest. False: it is not there. */
static bool take_past(pu_span *rest, const char *text, pu_span *before)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= rest->len; i++) {
        if (memcmp(rest->base + i, text, len) != 0) continue;
        *before = span_head(*rest, i);
        *rest = span_skip(*rest, i + len);
        return true;
    }
    return false;
}

static bool is_name_char(uint8_t c)
{
    static const char others[] = "<>/=\"'&?!";
    if (c <= ' ' || c == 0x7f) return false;
    for (size_t i = 0; i < sizeof others - 1; i++)
        if (c == (uint8_t)others[i]) return false;
    return true;
}

/* Takes a name off the front of *s: at least one byte. */
static bool take_name(pu_span *s, pu_span *name)
{
    size_t len = 0;
    while (len < s->len && is_name_char(s->base[len])) len++;
    *name = span_head(*s, len);
    *s = span_skip(*s, len);
    return len > 0;
}

static void skip_blanks(pu_span *s)
{
    while (s->len > 0 && text_is_blank(s->base[0])) *s = span_skip(*s, 1);
}

/* Splits a name at its colon. False: more than one, or nothing beside it. */
static bool split_name(wire_xml_tag *tag, pu_span name)
{
    pu_span rest = name;
    tag->prefix = span_of(NULL, 0);
    tag->name = name;
    if (!text_until(&rest, ':', &tag->prefix)) return true;
    tag->name = rest;
    pu_span more = rest, before;
    return tag->prefix.len > 0 && rest.len > 0 && !text_until(&more, ':', &before);
}

/* Takes the next attribute off *s, which has one. False: it is not well-formed. */
static bool take_attribute(pu_span *s, pu_span *name, pu_span *value)
{
    if (!take_name(s, name)) return false;
    skip_blanks(s);
    if (s->len == 0 || s->base[0] != '=') return false;
    *s = span_skip(*s, 1);
    skip_blanks(s);
    if (s->len == 0 || (s->base[0] != '"' && s->base[0] != '\'')) return false;
    uint8_t quote = s->base[0];
    *s = span_skip(*s, 1);
    if (!text_until(s, quote, value)) return false;
    for (size_t i = 0; i < value->len; i++)
        if (value->base[i] == '<') return false;
    return true;
}

/* ---- tags ---- */

/* Takes the attributes of a tag off *s, up to the '>' or '/' behind them. */
static bool take_attributes(pu_span *s, pu_span *all)
{
    pu_span start = *s, name, value;
    for (;;) {
        size_t had = s->len;
        skip_blanks(s);
        if (s->len == 0) return false;
        if (s->base[0] == '>' || s->base[0] == '/') break;
        if (s->len == had) return false; /* nothing between it and what is before */
        if (!take_attribute(s, &name, &value)) return false;
    }
    *all = span_head(start, start.len - s->len);
    return true;
}

/* Behind '<': an element begins. */
static bool open_tag(wire_xml *x)
{
    wire_xml_tag tag = {0};
    pu_span s = x->rest, name;
    if (x->depth == WIRE_XML_DEPTH_MAX) return false;
    if (!take_name(&s, &name) || !split_name(&tag, name)) return false;
    if (!take_attributes(&s, &tag.attributes)) return false;
    bool is_closed = s.base[0] == '/';
    if (is_closed) {
        s = span_skip(s, 1);
        if (s.len == 0 || s.base[0] != '>') return false;
    }
    x->rest = span_skip(s, 1);
    x->has_root = true;
    x->is_closed = is_closed;
    x->open[x->depth++] = tag;
    return true;
}

/* Behind '</': the innermost element ends. */
static bool close_tag(wire_xml *x)
{
    wire_xml_tag tag;
    pu_span s = x->rest, name;
    if (x->depth == 0) return false;
    if (!take_name(&s, &name) || !split_name(&tag, name)) return false;
    const wire_xml_tag *top = wire_xml_top(x);
    if (!span_equal(tag.name, top->name) || !span_equal(tag.prefix, top->prefix)) return false;
    skip_blanks(&s);
    if (s.len == 0 || s.base[0] != '>') return false;
    x->rest = span_skip(s, 1);
    x->depth--;
    return true;
}

/* ---- events ---- */

static enum wire_xml_event bad(wire_xml *x)
{
    x->is_bad = true;
    return WIRE_XML_BAD;
}

/* Text up to the next '<'. Outside of the root element there are only blanks. */
static enum wire_xml_event take_text(wire_xml *x)
{
    size_t len = 0;
    while (len < x->rest.len && x->rest.base[len] != '<') len++;
    x->text = span_head(x->rest, len);
    x->rest = span_skip(x->rest, len);
    x->is_literal = false;
    if (x->depth == 0 && text_trim(x->text).len > 0) return bad(x);
    return WIRE_XML_TEXT;
}

static enum wire_xml_event take_cdata(wire_xml *x)
{
    if (x->depth == 0 || !take_past(&x->rest, "]]>", &x->text)) return bad(x);
    x->is_literal = true;
    return WIRE_XML_TEXT;
}

/* Takes a comment or an instruction off the rest: what begins so and ends so. */
static bool is_passed(wire_xml *x, const char *begin, const char *end)
{
    pu_span within;
    if (!begins_with(x->rest, begin)) return false;
    x->rest = span_skip(x->rest, strlen(begin));
    if (!take_past(&x->rest, end, &within)) x->is_bad = true;
    return true;
}

static bool take_start(wire_xml *x, const char *text)
{
    if (!begins_with(x->rest, text)) return false;
    x->rest = span_skip(x->rest, strlen(text));
    return true;
}

enum wire_xml_event wire_xml_next(wire_xml *x)
{
    if (x->is_closed) {
        x->is_closed = false;
        x->depth--;
        return WIRE_XML_CLOSE;
    }
    while (!x->is_bad) {
        if (x->has_root && x->depth == 0) return WIRE_XML_END;
        if (x->rest.len == 0) return bad(x);
        if (x->rest.base[0] != '<') {
            if (take_text(x) == WIRE_XML_TEXT && x->depth > 0) return WIRE_XML_TEXT;
            continue;
        }
        if (is_passed(x, "<!--", "-->") || is_passed(x, "<?", "?>")) continue;
        if (take_start(x, "<![CDATA[")) return take_cdata(x);
        if (take_start(x, "</")) return close_tag(x) ? WIRE_XML_CLOSE : bad(x);
        x->rest = span_skip(x->rest, 1); /* <!DOCTYPE and its like: '!' begins no name */
        return open_tag(x) ? WIRE_XML_OPEN : bad(x);
    }
    return WIRE_XML_BAD;
}

/* ---- what is in an element ---- */

bool wire_xml_value(wire_xml *x, pu_buf *out)
{
    for (;;) {
        enum wire_xml_event event = wire_xml_next(x);
        if (event == WIRE_XML_CLOSE) return true;
        if (event != WIRE_XML_TEXT) return false;
        if (x->is_literal) buf_put_span(out, x->text);
        else if (!wire_xml_decode(out, x->text)) return false;
    }
}

bool wire_xml_skip(wire_xml *x)
{
    uint32_t depth = x->depth;
    while (x->depth >= depth)
        if (wire_xml_next(x) == WIRE_XML_BAD) return false;
    return true;
}

/* The value of the attribute that says what prefix stands for. */
static bool find_namespace(const wire_xml_tag *tag, pu_span prefix, pu_span *value)
{
    pu_span s = tag->attributes, name;
    for (skip_blanks(&s); s.len > 0; skip_blanks(&s)) {
        bool is_good = take_attribute(&s, &name, value);
        PU_ASSERT(is_good); /* they were when the tag was read */
        if (prefix.len == 0 && text_is(name, "xmlns")) return true;
        if (prefix.len > 0 && begins_with(name, "xmlns:") &&
            span_equal(span_skip(name, strlen("xmlns:")), prefix))
            return true;
    }
    return false;
}

void wire_xml_namespace(const wire_xml *x, pu_buf *out)
{
    pu_span prefix = wire_xml_top(x)->prefix, value;
    for (uint32_t depth = x->depth; depth > 0; depth--) {
        if (!find_namespace(&x->open[depth - 1], prefix, &value)) continue;
        if (!wire_xml_decode(out, value)) out->full = true;
        return;
    }
}
