/* wire/wire_http.c - heads; see wire_http.h. */
#include "wire/wire_http.h"

#include "ident/decimal.h"
#include "wire/wire_text.h"

enum { STATUS_LEAST = 100, STATUS_MOST = 999, FRAME_MAX = 64 };

/* Takes a line off *rest, its end too. False: nothing is left. */
static bool line_next(pu_span *rest, pu_span *line)
{
    if (rest->len == 0) return false;
    if (!text_until(rest, '\n', line)) {
        *line = *rest;
        *rest = span_skip(*rest, rest->len);
    }
    if (line->len > 0 && line->base[line->len - 1] == '\r') *line = span_head(*line, line->len - 1);
    return true;
}

/* Whether s is what a line may hold: no control bytes but tabs. */
static bool is_clean(pu_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.base[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

/* A character of a method's or a field's name (RFC 9110 section 5.6.2). */
static bool is_token_char(uint8_t c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_letter || (c >= '0' && c <= '9')) return true;
    for (size_t i = 0; i < sizeof others - 1; i++)
        if (c == (uint8_t)others[i]) return true;
    return false;
}

static bool is_token(pu_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char(s.base[i])) return false;
    return s.len > 0;
}

/* HTTP/1 and a digit. */
static bool is_version(pu_span s)
{
    static const char one[] = "HTTP/1.";
    if (s.len != sizeof one || !text_is(span_head(s, sizeof one - 1), one)) return false;
    return s.base[s.len - 1] >= '0' && s.base[s.len - 1] <= '9';
}

/* Behind the version: a status of three digits, and a reason that nobody reads. */
static bool read_status(wire_http *m, pu_span rest)
{
    uint64_t status;
    pu_span digits = rest;
    (void)text_until(&rest, ' ', &digits);
    if (!text_number(digits, STATUS_MOST, &status) || status < STATUS_LEAST) return false;
    m->status = (uint16_t)status;
    m->is_response = true;
    return true;
}

static bool read_first(wire_http *m, pu_span line)
{
    pu_span word;
    if (!text_until(&line, ' ', &word)) return false;
    if (is_version(word)) return read_status(m, line);
    m->method = word;
    if (!is_token(word) || !text_until(&line, ' ', &m->target)) return false;
    return m->target.len > 0 && is_version(line);
}

/* Splits a line into a name and a value. */
static bool split(pu_span line, pu_span *name, pu_span *value)
{
    if (!text_until(&line, ':', name) || !is_token(*name)) return false;
    *value = text_trim(line);
    return true;
}

bool wire_http_read(wire_http *m, pu_span bytes)
{
    pu_span rest = bytes, line, name, value;
    PU_ASSERT(m != NULL);
    *m = (wire_http){0};
    if (!line_next(&rest, &line) || !is_clean(line) || !read_first(m, line)) return false;
    pu_span start = rest;
    for (uint32_t count = 0;; count++) {
        m->fields = span_head(start, start.len - rest.len);
        if (!line_next(&rest, &line) || line.len == 0) break;
        if (count == WIRE_HTTP_FIELDS_MAX) return false;
        if (!is_clean(line) || !split(line, &name, &value)) return false;
    }
    return bytes.len - rest.len <= WIRE_HTTP_HEAD_MAX;
}

bool wire_http_next(pu_span *fields, pu_span *name, pu_span *value)
{
    pu_span line;
    if (!line_next(fields, &line)) return false;
    bool is_field = split(line, name, value);
    PU_ASSERT(is_field); /* it was when the head was read */
    return true;
}

bool wire_http_field(const wire_http *m, const char *name, pu_span *value)
{
    pu_span fields = m->fields, found;
    while (wire_http_next(&fields, &found, value))
        if (text_is_like(found, name)) return true;
    *value = span_of(NULL, 0);
    return false;
}

void wire_http_put(pu_buf *out, const char *name, pu_span value)
{
    PU_ASSERT(is_clean(value));
    text_put(out, name);
    text_put(out, ": ");
    buf_put_span(out, value);
    text_put(out, "\r\n");
}

void wire_http_frame(pu_buf *out, size_t body_at, pu_span head)
{
    PU_ASSERT(body_at <= out->len);
    size_t body_len = out->len - body_at;
    uint8_t memory[FRAME_MAX];
    pu_buf more = buf_of(memory, sizeof memory);
    text_put(&more, "CONTENT-LENGTH: ");
    decimal_put(&more, body_len);
    text_put(&more, "\r\n\r\n");
    PU_ASSERT(!more.full);
    size_t shift = head.len + more.len;
    if (out->full || shift > out->cap - out->len) {
        out->full = true;
        return;
    }
    memmove(out->base + body_at + shift, out->base + body_at, body_len);
    out->len = body_at;
    buf_put_span(out, head);
    buf_put_span(out, buf_span(&more));
    out->len += body_len;
    PU_ASSERT(out->len <= out->cap);
}
