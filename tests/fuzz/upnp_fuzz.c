/* upnp_fuzz.c - what a gateway and who asks it say to each other by UPnP: what is read and written
 * again reads the same, and how HTTP is cut into pieces makes no difference.
 */
#include "peerup/ident.h"
#include "tests/fuzz/fuzz.h"
#include "wire/wire_http.h"
#include "wire/wire_igd_call.h"
#include "wire/wire_ssdp.h"
#include "wire/wire_xml.h"

enum { TEXT_MAX = 1024, WRITTEN_MAX = 1 << 17 };

static uint8_t written[WRITTEN_MAX];

/* ---- HTTP ---- */

static void read_in_pieces(wire_http_in *in, uint8_t *memory, pu_span bytes, size_t piece)
{
    wire_http_in_init(in, memory, TEXT_MAX);
    while (bytes.len > 0 && !wire_http_in_is_over(in)) {
        pu_span part = span_head(bytes, piece < bytes.len ? piece : bytes.len);
        size_t had = part.len;
        wire_http_in_take(in, &part);
        PU_ASSERT(part.len == 0 || wire_http_in_is_over(in));
        bytes = span_skip(bytes, had - part.len);
    }
    wire_http_in_end(in);
}

void fuzz_http(pu_span bytes)
{
    static uint8_t memory[2][TEXT_MAX];
    wire_http_in whole, cut;
    size_t piece = (size_t)fuzz_u8(&bytes) + 1;
    read_in_pieces(&whole, memory[0], bytes, bytes.len);
    read_in_pieces(&cut, memory[1], bytes, piece);
    PU_ASSERT(wire_http_in_is_over(&whole));
    PU_ASSERT(whole.state == cut.state);
    if (whole.state != WIRE_HTTP_DONE) return;
    PU_ASSERT(span_equal(wire_http_in_body(&whole), wire_http_in_body(&cut)));
    pu_span fields = whole.head.fields, name, value;
    uint32_t count = 0;
    pu_buf out = buf_of(written, sizeof written);
    buf_put_span(&out, SPAN_LITERAL("GET / HTTP/1.1\r\n"));
    for (; wire_http_next(&fields, &name, &value); count++) {
        char text[TEXT_MAX];
        memcpy(text, name.base, name.len);
        text[name.len] = 0;
        pu_span first;
        PU_ASSERT(wire_http_field(&whole.head, text, &first));
        wire_http_put(&out, text, value);
    }
    PU_ASSERT(!out.full);
    PU_ASSERT(count <= WIRE_HTTP_FIELDS_MAX);
    wire_http again;
    PU_ASSERT(wire_http_read(&again, buf_span(&out)) || out.len > WIRE_HTTP_HEAD_MAX);
}

/* ---- XML ---- */

void fuzz_xml(pu_span bytes)
{
    wire_xml x;
    uint32_t depth = 0;
    wire_xml_init(&x, bytes);
    for (enum wire_xml_event event; (event = wire_xml_next(&x)) != WIRE_XML_END;) {
        if (event == WIRE_XML_BAD) return;
        if (event == WIRE_XML_OPEN) depth++;
        if (event == WIRE_XML_CLOSE) depth--;
        PU_ASSERT(x.depth == depth);
        PU_ASSERT(depth <= WIRE_XML_DEPTH_MAX);
        pu_buf out = buf_of(written, sizeof written), plain;
        if (event == WIRE_XML_OPEN) wire_xml_namespace(&x, &out);
        if (event != WIRE_XML_TEXT || x.is_literal || !wire_xml_decode(&out, x.text)) continue;
        PU_ASSERT(out.len <= x.text.len);
        uint8_t text[4096], again[4096];
        plain = buf_of(text, sizeof text);
        wire_xml_encode(&plain, buf_span(&out));
        if (plain.full) continue;
        pu_buf same = buf_of(again, sizeof again);
        PU_ASSERT(wire_xml_decode(&same, buf_span(&plain)));
        PU_ASSERT(span_equal(buf_span(&same), buf_span(&out)));
    }
    PU_ASSERT(depth == 0);
}

/* ---- addresses and searches ---- */

static bool is_same_url(const wire_url *a, const wire_url *b)
{
    return pu_endpoint_equal(&a->at, &b->at) && span_equal(wire_url_path(a), wire_url_path(b));
}

static void check_url(const wire_url *u)
{
    wire_url again;
    uint8_t memory[WIRE_URL_MAX];
    pu_buf out = buf_of(memory, sizeof memory);
    wire_url_write(&out, u);
    PU_ASSERT(!out.full);
    PU_ASSERT(u->path_len > 0 && u->path[0] == '/');
    PU_ASSERT(wire_url_read(&again, buf_span(&out)));
    PU_ASSERT(is_same_url(u, &again));
}

/* A URL and a reference found there, or a URL alone. */
void fuzz_url(pu_span bytes)
{
    wire_url base, u;
    pu_span in = bytes;
    size_t len = fuzz_u8(&in);
    pu_span first = fuzz_span(&in, len);
    if (wire_url_read(&u, bytes)) check_url(&u);
    if (!wire_url_read(&base, first)) return;
    check_url(&base);
    if (wire_url_resolve(&u, &base, in)) check_url(&u);
}

void fuzz_ssdp(pu_span bytes)
{
    wire_ssdp m, again;
    if (!wire_ssdp_read(&m, bytes)) return;
    pu_endpoint to = pu_endpoint_ip4(192, 168, 0, 1, WIRE_SSDP_PORT);
    pu_buf out = buf_of(written, WIRE_SSDP_WRITTEN_MAX + 2 * WIRE_SSDP_TEXT_MAX);
    wire_ssdp_write(&out, &m, &to);
    PU_ASSERT(!out.full);
    PU_ASSERT(wire_ssdp_read(&again, buf_span(&out)));
    PU_ASSERT(m.is_answer == again.is_answer && m.wait_s == again.wait_s);
    PU_ASSERT(span_equal(m.target, again.target) && span_equal(m.usn, again.usn));
    PU_ASSERT(span_equal(m.server, again.server) && m.max_age_s == again.max_age_s);
    PU_ASSERT(m.boot_id == again.boot_id);
    if (m.is_answer) PU_ASSERT(is_same_url(&m.location, &again.location));
}

/* ---- descriptions and actions ---- */

static bool is_same_text(const wire_igd_text *a, const wire_igd_text *b)
{
    return span_equal(span_of(a->bytes, a->len), span_of(b->bytes, b->len));
}

void fuzz_igd(pu_span bytes)
{
    static wire_igd d, again;
    wire_url location, u;
    PU_ASSERT(wire_url_read(&location, SPAN_LITERAL("http://192.168.0.1:5000/a/b")));
    if (!wire_igd_read(&d, bytes)) return;
    PU_ASSERT(d.count <= WIRE_IGD_OFFERS_MAX);
    for (uint32_t i = 0; i < d.count; i++) {
        PU_ASSERT(d.offers[i].service != WIRE_IGD_NONE && d.offers[i].control.len > 0);
        if (wire_igd_control(&u, &d, i, &location)) check_url(&u);
    }
    pu_buf out = buf_of(written, sizeof written);
    wire_igd_write(&out, &d, 1, SPAN_LITERAL("name"), SPAN_LITERAL("uuid:1"));
    PU_ASSERT(!out.full);
    PU_ASSERT(wire_igd_read(&again, buf_span(&out)));
    PU_ASSERT(is_same_text(&d.base, &again.base) && d.count == again.count);
    for (uint32_t i = 0; i < d.count; i++) {
        PU_ASSERT(d.offers[i].service == again.offers[i].service);
        PU_ASSERT(is_same_text(&d.offers[i].control, &again.offers[i].control));
    }
}

static void check_call(const wire_igd_call *m)
{
    wire_igd_call again;
    pu_buf out = buf_of(written, sizeof written);
    wire_igd_call_write(&out, m);
    PU_ASSERT(!out.full);
    PU_ASSERT(out.len <= WIRE_IGD_CALL_WRITTEN_MAX);
    PU_ASSERT(wire_igd_call_read(&again, buf_span(&out)) == WIRE_IGD_OK);
    PU_ASSERT(m->service == again.service && m->action == again.action);
    PU_ASSERT(m->is_answer == again.is_answer && m->error == again.error);
    PU_ASSERT(m->is_tcp == again.is_tcp && m->is_enabled == again.is_enabled);
    PU_ASSERT(memcmp(m->remote_ip, again.remote_ip, sizeof m->remote_ip) == 0);
    PU_ASSERT(memcmp(m->internal_ip, again.internal_ip, sizeof m->internal_ip) == 0);
    PU_ASSERT(memcmp(m->external_ip, again.external_ip, sizeof m->external_ip) == 0);
    PU_ASSERT(m->external_port == again.external_port);
    PU_ASSERT(m->internal_port == again.internal_port && m->lease_s == again.lease_s);
    PU_ASSERT(span_equal(span_of(m->note, m->note_len), span_of(again.note, again.note_len)));
}

/* An address of all zeros is written as none, which the internal one may not be. */
static bool is_there(const uint8_t ip[16])
{
    static const uint8_t none[16];
    return memcmp(ip, none, sizeof none) != 0;
}

void fuzz_igd_call(pu_span bytes)
{
    wire_igd_call m;
    if (wire_igd_header_read(&m, bytes)) {
        pu_buf out = buf_of(written, sizeof written);
        wire_igd_header_write(&out, &m);
        PU_ASSERT(span_equal(buf_span(&out), bytes));
    }
    enum wire_igd_error error = wire_igd_call_read(&m, bytes);
    if (error != WIRE_IGD_OK) return;
    PU_ASSERT(m.note_len <= WIRE_IGD_NOTE_MAX);
    bool has_client =
        m.action == WIRE_IGD_FIND ? m.is_answer : m.action <= WIRE_IGD_ADD_ANY && !m.is_answer;
    if (m.error == WIRE_IGD_OK && m.service == WIRE_IGD_NONE) return;
    if (m.error == WIRE_IGD_OK && has_client && !is_there(m.internal_ip)) return;
    check_call(&m);
}
