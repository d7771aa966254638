/* wire/wire_http_in.c - a message that comes in pieces: which byte belongs to what (RFC 9112
 * sections 6 and 7.1).
 */
#include "wire/wire_http.h"
#include "wire/wire_text.h"

enum {
    DIGITS_MAX = 8, /* of a chunk's length: what memory can be given is less by far */
    STATUS_FINAL = 200,
    STATUS_NO_CONTENT = 204,
    STATUS_NOT_MODIFIED = 304
};

void wire_http_in_init(wire_http_in *in, void *memory, size_t cap)
{
    *in = (wire_http_in){.text = buf_of(memory, cap)};
}

bool wire_http_in_is_over(const wire_http_in *in)
{
    return in->state >= WIRE_HTTP_DONE;
}

pu_span wire_http_in_body(const wire_http_in *in)
{
    PU_ASSERT(in->state == WIRE_HTTP_DONE);
    return span_skip(buf_span(&in->text), in->head_len);
}

/* Whether byte ends a line. A carriage return that no line feed follows is nobody's. */
static bool line_ends(wire_http_in *in, uint8_t byte)
{
    bool had_cr = in->has_cr;
    in->has_cr = byte == '\r';
    if (byte == '\n') return true;
    if (had_cr) in->state = WIRE_HTTP_BAD;
    if (byte != '\r') in->line_len++;
    return false;
}

/* So many bytes come next, if there is room for them. */
static void expect(wire_http_in *in, uint64_t bytes, enum wire_http_state state)
{
    in->left = bytes;
    in->state = bytes > in->text.cap - in->text.len ? WIRE_HTTP_TOO_LONG : state;
}

/* What the fields say of the length of the body. */
typedef struct framing {
    bool has_length, is_chunked, is_bad;
    uint64_t length;
} framing;

static framing framing_of(const wire_http *m)
{
    framing f = {0};
    pu_span fields = m->fields, name, value;
    while (wire_http_next(&fields, &name, &value)) {
        uint64_t length = 0;
        if (text_is_like(name, "content-length")) {
            f.is_bad |= !text_number(value, UINT32_MAX, &length);
            f.is_bad |= f.has_length && length != f.length;
            f.has_length = true;
            f.length = length;
        } else if (text_is_like(name, "transfer-encoding")) {
            f.is_bad |= f.is_chunked || !text_is_like(value, "chunked");
            f.is_chunked = true;
        }
    }
    f.is_bad |= f.has_length && f.is_chunked;
    return f;
}

static bool has_no_body(const wire_http *m)
{
    return m->is_response && (m->status == STATUS_NO_CONTENT || m->status == STATUS_NOT_MODIFIED);
}

/* What came so far says nothing; it may not go on for ever. */
static void pass_over(wire_http_in *in)
{
    in->passed_len += (uint32_t)in->text.len;
    in->text.len = 0;
    if (in->passed_len > WIRE_HTTP_HEAD_MAX) in->state = WIRE_HTTP_TOO_LONG;
}

/* The head is whole. */
static void begin_body(wire_http_in *in)
{
    in->line_len = 0;
    in->head_len = in->text.len;
    if (!wire_http_read(&in->head, buf_span(&in->text))) {
        in->state = WIRE_HTTP_BAD;
        return;
    }
    if (in->head.is_response && in->head.status < STATUS_FINAL) {
        pass_over(in); /* interim: the response is to come */
        return;
    }
    framing f = framing_of(&in->head);
    if (f.is_bad) in->state = WIRE_HTTP_BAD;
    else if (has_no_body(&in->head)) in->state = WIRE_HTTP_DONE;
    else if (f.is_chunked) in->state = WIRE_HTTP_CHUNK_LINE;
    else if (f.has_length) expect(in, f.length, f.length > 0 ? WIRE_HTTP_BODY : WIRE_HTTP_DONE);
    else in->state = in->head.is_response ? WIRE_HTTP_UNTIL_END : WIRE_HTTP_DONE;
}

static void head_take(wire_http_in *in, uint8_t byte)
{
    bool ends = line_ends(in, byte);
    buf_put_u8(&in->text, byte);
    if (in->state == WIRE_HTTP_BAD) return;
    if (in->text.full || in->text.len > WIRE_HTTP_HEAD_MAX) {
        in->state = WIRE_HTTP_TOO_LONG;
        return;
    }
    if (!ends) return;
    bool is_empty = in->line_len == 0;
    in->line_len = 0;
    if (!is_empty) return;
    if (in->text.len <= 2) pass_over(in); /* empty lines before a message (section 2.2) */
    else begin_body(in);
}

/* ---- chunks ---- */

/* The value of a hexadecimal digit; 16: it is none. */
static uint32_t hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f') return (uint32_t)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return (uint32_t)(c - 'A') + 10;
    return 16;
}

static void chunk_line_end(wire_http_in *in)
{
    if (in->digits == 0) in->state = WIRE_HTTP_BAD;
    else if (in->left == 0) in->state = WIRE_HTTP_TRAILER;
    else expect(in, in->left, WIRE_HTTP_CHUNK);
    in->line_len = in->digits = 0;
    in->is_extension = false;
}

static void chunk_line_take(wire_http_in *in, uint8_t byte)
{
    uint32_t digit = hex_digit(byte);
    if (in->digits == 0) in->left = 0;
    if (line_ends(in, byte)) {
        chunk_line_end(in);
    } else if (in->line_len > WIRE_HTTP_LINE_MAX) {
        in->state = WIRE_HTTP_TOO_LONG;
    } else if (in->is_extension || in->has_cr) {
        return;
    } else if (digit < 16) {
        in->left = in->left << 4 | digit;
        if (++in->digits > DIGITS_MAX) in->state = WIRE_HTTP_TOO_LONG;
    } else if (byte == ';' || byte == ' ' || byte == '\t') {
        in->is_extension = true;
    } else {
        in->state = WIRE_HTTP_BAD;
    }
}

static void chunk_end_take(wire_http_in *in, uint8_t byte)
{
    if (line_ends(in, byte)) in->state = WIRE_HTTP_CHUNK_LINE;
    else if (in->line_len > 0) in->state = WIRE_HTTP_BAD;
}

static void trailer_take(wire_http_in *in, uint8_t byte)
{
    bool ends = line_ends(in, byte);
    if (++in->trailer_len > WIRE_HTTP_TRAILER_MAX) in->state = WIRE_HTTP_TOO_LONG;
    if (!ends) return;
    if (in->line_len == 0) in->state = WIRE_HTTP_DONE;
    in->line_len = 0;
}

/* ---- all ---- */

/* Takes what of *bytes belongs to the body as it is. */
static void body_take(wire_http_in *in, pu_span *bytes)
{
    bool is_endless = in->state == WIRE_HTTP_UNTIL_END;
    size_t len = is_endless || bytes->len < in->left ? bytes->len : (size_t)in->left;
    buf_put_span(&in->text, span_head(*bytes, len));
    *bytes = span_skip(*bytes, len);
    if (in->text.full) in->state = WIRE_HTTP_TOO_LONG;
    if (is_endless) return;
    in->left -= len;
    if (in->left > 0) return;
    in->state = in->state == WIRE_HTTP_CHUNK ? WIRE_HTTP_CHUNK_END : WIRE_HTTP_DONE;
}

static void byte_take(wire_http_in *in, uint8_t byte)
{
    if (in->state == WIRE_HTTP_HEAD) head_take(in, byte);
    else if (in->state == WIRE_HTTP_CHUNK_LINE) chunk_line_take(in, byte);
    else if (in->state == WIRE_HTTP_CHUNK_END) chunk_end_take(in, byte);
    else trailer_take(in, byte);
}

void wire_http_in_take(wire_http_in *in, pu_span *bytes)
{
    while (bytes->len > 0 && !wire_http_in_is_over(in)) {
        bool is_body = in->state == WIRE_HTTP_BODY || in->state == WIRE_HTTP_CHUNK ||
                       in->state == WIRE_HTTP_UNTIL_END;
        if (is_body) {
            body_take(in, bytes);
            continue;
        }
        byte_take(in, bytes->base[0]);
        *bytes = span_skip(*bytes, 1);
    }
}

void wire_http_in_end(wire_http_in *in)
{
    if (in->state == WIRE_HTTP_UNTIL_END) in->state = WIRE_HTTP_DONE;
    else if (!wire_http_in_is_over(in)) in->state = WIRE_HTTP_BAD;
}
