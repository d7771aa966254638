/* wire/wire_igd_call.c - arguments of actions by a table: which message carries which, by what
 * name, and of which type.
 */
#include "wire/wire_igd_call.h"

#include "ident/decimal.h"
#include "ident/ip.h"
#include "wire/wire_http.h"
#include "wire/wire_text.h"
#include "wire/wire_xml.h"

enum { IP4_AT = 12, VALUE_MAX = WIRE_IGD_NOTE_MAX };

enum argument {
    REMOTE_HOST = 0,
    EXTERNAL_PORT,
    PROTOCOL,
    INTERNAL_PORT,
    INTERNAL_CLIENT,
    ENABLED,
    NOTE,
    LEASE,
    RESERVED_PORT,
    EXTERNAL_IP,
    ARGUMENTS
};

static const char *const argument_names[ARGUMENTS] = {
    "NewRemoteHost",
    "NewExternalPort",
    "NewProtocol",
    "NewInternalPort",
    "NewInternalClient",
    "NewEnabled",
    "NewPortMappingDescription",
    "NewLeaseDuration",
    "NewReservedPort",
    "NewExternalIPAddress",
};

#define BIT(argument) (1u << (argument))
#define ENTRY (BIT(REMOTE_HOST) | BIT(EXTERNAL_PORT) | BIT(PROTOCOL))
#define TARGET (BIT(INTERNAL_PORT) | BIT(INTERNAL_CLIENT) | BIT(ENABLED) | BIT(NOTE) | BIT(LEASE))

static const struct {
    const char *name;
    uint32_t carries[2]; /* bits of enum argument: request, answer */
} actions[] = {
    [WIRE_IGD_ADD] = {"AddPortMapping", {ENTRY | TARGET, 0}},
    [WIRE_IGD_ADD_ANY] = {"AddAnyPortMapping", {ENTRY | TARGET, BIT(RESERVED_PORT)}},
    [WIRE_IGD_DELETE] = {"DeletePortMapping", {ENTRY, 0}},
    [WIRE_IGD_ADDRESS] = {"GetExternalIPAddress", {0, BIT(EXTERNAL_IP)}},
    [WIRE_IGD_FIND] = {"GetSpecificPortMappingEntry", {ENTRY, TARGET}},
};

/* The action of that name, 0: none. */
static enum wire_igd_action action_of(pu_span name)
{
    for (uint32_t a = WIRE_IGD_ADD; a <= WIRE_IGD_FIND; a++)
        if (text_is(name, actions[a].name)) return (enum wire_igd_action)a;
    return 0;
}

/* ---- reading ---- */

/* Reads an address; blanks alone are none, all 0. */
static bool read_ip(uint8_t ip[16], pu_span text)
{
    if (text.len == 0) return true;
    if (ip4_get(text, ip + IP4_AT)) {
        memset(ip, 0, IP4_AT - 2);
        memset(ip + IP4_AT - 2, 0xff, 2);
        return true;
    }
    if (ip6_get(text, ip)) return true;
    memset(ip, 0, 16);
    return false;
}

static bool read_bool(bool *value, pu_span text)
{
    *value = text_is(text, "1") || text_is_like(text, "true") || text_is_like(text, "yes");
    return *value || text_is(text, "0") || text_is_like(text, "false") || text_is_like(text, "no");
}

static bool read_port(uint16_t *port, pu_span text)
{
    uint64_t number;
    if (!text_number(text, UINT16_MAX, &number)) return false;
    *port = (uint16_t)number;
    return true;
}

static bool read_lease(uint32_t *lease_s, pu_span text)
{
    uint64_t number;
    if (!text_number(text, UINT32_MAX, &number)) return false;
    *lease_s = (uint32_t)number;
    return true;
}

static bool read_protocol(wire_igd_call *m, pu_span text)
{
    m->is_tcp = text_is_like(text, "tcp");
    return m->is_tcp || text_is_like(text, "udp");
}

/* text: without blanks around it, empty when it was too long. */
static bool read_argument(wire_igd_call *m, enum argument a, pu_span text)
{
    switch (a) {
    case REMOTE_HOST: return read_ip(m->remote_ip, text);
    case EXTERNAL_PORT:
    case RESERVED_PORT: return read_port(&m->external_port, text);
    case PROTOCOL: return read_protocol(m, text);
    case INTERNAL_PORT: return read_port(&m->internal_port, text);
    case INTERNAL_CLIENT: return text.len > 0 && read_ip(m->internal_ip, text);
    case ENABLED: return read_bool(&m->is_enabled, text);
    case NOTE:
        m->note_len = (uint8_t)text.len;
        if (text.len > 0) memcpy(m->note, text.base, text.len);
        return true;
    case LEASE: return read_lease(&m->lease_s, text);
    case EXTERNAL_IP: (void)read_ip(m->external_ip, text); return true;
    case ARGUMENTS: break;
    }
    PU_NEVER_HERE();
}

/* The argument that the element which has begun is; ARGUMENTS: none. */
static enum argument argument_of(const wire_xml *x)
{
    enum argument a = 0;
    while (a < ARGUMENTS && !wire_xml_is(x, argument_names[a])) a++;
    return a;
}

/* Within the element of an action: its arguments, in any order. Those that are none of it are
 * passed over; of one that comes twice the last counts. */
static enum wire_igd_error read_arguments(wire_igd_call *m, wire_xml *x)
{
    uint32_t wanted = actions[m->action].carries[m->is_answer], bad = wanted;
    for (enum wire_xml_event event; (event = wire_xml_next(x)) != WIRE_XML_CLOSE;) {
        if (event == WIRE_XML_BAD) return WIRE_IGD_ACTION_FAILED;
        if (event == WIRE_XML_TEXT) continue;
        enum argument a = argument_of(x);
        if ((wanted & BIT(a)) == 0) {
            if (!wire_xml_skip(x)) return WIRE_IGD_ACTION_FAILED;
            continue;
        }
        uint8_t memory[VALUE_MAX];
        pu_buf out = buf_of(memory, sizeof memory);
        if (!wire_xml_value(x, &out)) return WIRE_IGD_ACTION_FAILED;
        if (out.full) out.len = 0;
        if (read_argument(m, a, text_trim(buf_span(&out)))) bad &= ~BIT(a);
        else bad |= BIT(a);
    }
    return bad == 0 ? WIRE_IGD_OK : WIRE_IGD_INVALID_ARGS;
}

/* Within Fault: its code, wherever in it. */
static enum wire_igd_error read_fault(wire_igd_call *m, wire_xml *x)
{
    uint32_t depth = x->depth;
    *m = (wire_igd_call){.is_answer = true, .error = WIRE_IGD_ACTION_FAILED};
    while (x->depth >= depth) {
        enum wire_xml_event event = wire_xml_next(x);
        if (event == WIRE_XML_BAD) return WIRE_IGD_ACTION_FAILED;
        if (event != WIRE_XML_OPEN || !wire_xml_is(x, "errorCode")) continue;
        uint8_t memory[VALUE_MAX];
        pu_buf out = buf_of(memory, sizeof memory);
        uint64_t code = 0;
        if (!wire_xml_value(x, &out)) return WIRE_IGD_ACTION_FAILED;
        if (text_number(text_trim(buf_span(&out)), UINT16_MAX, &code) && code > 0)
            m->error = (uint16_t)code;
    }
    return WIRE_IGD_OK;
}

/* The element of an action, a response or a fault has begun. */
static enum wire_igd_error read_message(wire_igd_call *m, wire_xml *x)
{
    static const char response[] = "Response";
    enum { RESPONSE_LEN = sizeof response - 1 };
    if (wire_xml_is(x, "Fault")) return read_fault(m, x);
    pu_span name = wire_xml_top(x)->name;
    size_t head = name.len > RESPONSE_LEN ? name.len - RESPONSE_LEN : 0;
    if (head > 0 && text_is(span_skip(name, head), response)) {
        m->is_answer = true;
        name = span_head(name, head);
    }
    uint8_t memory[WIRE_IGD_TYPE_MAX];
    pu_buf type = buf_of(memory, sizeof memory);
    wire_xml_namespace(x, &type);
    if (!type.full) m->service = wire_igd_service_of(buf_span(&type));
    m->action = action_of(name);
    bool is_known = m->is_answer || m->service != WIRE_IGD_NONE;
    return is_known && m->action != 0 ? read_arguments(m, x) : WIRE_IGD_INVALID_ACTION;
}

/* Goes into the element `name`, past others beside it. False: there is none. */
static bool enter(wire_xml *x, const char *name)
{
    for (;;) {
        enum wire_xml_event event = wire_xml_next(x);
        if (event == WIRE_XML_TEXT) continue;
        if (event != WIRE_XML_OPEN) return false;
        if (wire_xml_is(x, name)) return true;
        if (!wire_xml_skip(x)) return false;
    }
}

enum wire_igd_error wire_igd_call_read(wire_igd_call *m, pu_span body)
{
    wire_xml x;
    enum wire_xml_event event;
    PU_ASSERT(m != NULL);
    *m = (wire_igd_call){0};
    if (body.len > WIRE_IGD_CALL_MAX) return WIRE_IGD_ACTION_FAILED;
    wire_xml_init(&x, body);
    if (!enter(&x, "Envelope") || !enter(&x, "Body")) return WIRE_IGD_ACTION_FAILED;
    do event = wire_xml_next(&x);
    while (event == WIRE_XML_TEXT);
    return event == WIRE_XML_OPEN ? read_message(m, &x) : WIRE_IGD_ACTION_FAILED;
}

bool wire_igd_header_read(wire_igd_call *m, pu_span value)
{
    pu_span type;
    m->service = WIRE_IGD_NONE;
    m->action = 0;
    if (value.len < 2 || value.base[0] != '"' || value.base[value.len - 1] != '"') return false;
    value = span_skip(span_head(value, value.len - 1), 1);
    if (!text_until(&value, '#', &type)) return false;
    m->service = wire_igd_service_of(type);
    m->action = action_of(value);
    return m->service != WIRE_IGD_NONE && m->action != 0;
}

/* ---- writing ---- */

static bool is_nobody(const uint8_t ip[16])
{
    static const uint8_t none[16];
    return memcmp(ip, none, sizeof none) == 0;
}

static void put_ip(pu_buf *out, const uint8_t ip[16])
{
    if (is_nobody(ip)) return;
    if (ip6_is_mapped(ip)) ip4_put(out, ip + IP4_AT);
    else ip6_put(out, ip);
}

static void put_argument(pu_buf *out, const wire_igd_call *m, enum argument a)
{
    switch (a) {
    case REMOTE_HOST: put_ip(out, m->remote_ip); return;
    case EXTERNAL_PORT:
    case RESERVED_PORT: decimal_put(out, m->external_port); return;
    case PROTOCOL: text_put(out, m->is_tcp ? "TCP" : "UDP"); return;
    case INTERNAL_PORT: decimal_put(out, m->internal_port); return;
    case INTERNAL_CLIENT: put_ip(out, m->internal_ip); return;
    case ENABLED: text_put(out, m->is_enabled ? "1" : "0"); return;
    case NOTE: wire_xml_encode(out, span_of(m->note, m->note_len)); return;
    case LEASE: decimal_put(out, m->lease_s); return;
    case EXTERNAL_IP: put_ip(out, m->external_ip); return;
    case ARGUMENTS: break;
    }
    PU_NEVER_HERE();
}

static void put_tag(pu_buf *out, const char *begin, const char *name, const char *end)
{
    text_put(out, begin);
    text_put(out, name);
    text_put(out, end);
}

static void put_fault(pu_buf *out, uint16_t error)
{
    text_put(out, "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>"
                  "<detail><UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>");
    decimal_put(out, error);
    text_put(out, "</errorCode></UPnPError></detail></s:Fault>");
}

static void put_call(pu_buf *out, const wire_igd_call *m)
{
    const char *name = actions[m->action].name, *end = m->is_answer ? "Response" : "";
    put_tag(out, "<u:", name, end);
    put_tag(out, " xmlns:u=\"", wire_igd_type(m->service), "\">");
    for (uint32_t a = 0; a < ARGUMENTS; a++) {
        if ((actions[m->action].carries[m->is_answer] & BIT(a)) == 0) continue;
        put_tag(out, "<", argument_names[a], ">");
        put_argument(out, m, (enum argument)a);
        put_tag(out, "</", argument_names[a], ">");
    }
    put_tag(out, "</u:", name, end);
    text_put(out, ">");
}

void wire_igd_call_write(pu_buf *out, const wire_igd_call *m)
{
    PU_ASSERT(m->note_len <= WIRE_IGD_NOTE_MAX);
    text_put(out, "<?xml version=\"1.0\"?>\n"
                  "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
                  " s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>");
    if (m->error != WIRE_IGD_OK) put_fault(out, m->error);
    else put_call(out, m);
    text_put(out, "</s:Body></s:Envelope>\r\n");
}

void wire_igd_header_write(pu_buf *out, const wire_igd_call *m)
{
    put_tag(out, "\"", wire_igd_type(m->service), "#");
    put_tag(out, "", actions[m->action].name, "\"");
}

void wire_igd_request(pu_buf *out, const wire_url *to, const wire_igd_call *m)
{
    uint8_t memory[WIRE_URL_MAX + 512], value[WIRE_URL_MAX];
    pu_buf head = buf_of(memory, sizeof memory), field = buf_of(value, sizeof value);
    size_t body_at = out->len;
    text_put(&head, m != NULL ? "POST " : "GET ");
    buf_put_span(&head, wire_url_path(to));
    text_put(&head, " HTTP/1.1\r\n");
    wire_url_write_host(&field, to);
    wire_http_put(&head, "HOST", buf_span(&field));
    wire_http_put(&head, "CONNECTION", SPAN_LITERAL("close"));
    if (m != NULL) {
        field.len = 0;
        wire_igd_header_write(&field, m);
        wire_http_put(&head, "SOAPACTION", buf_span(&field));
        wire_http_put(&head, "CONTENT-TYPE", SPAN_LITERAL("text/xml; charset=\"utf-8\""));
        wire_igd_call_write(out, m);
    }
    PU_ASSERT(!field.full);
    PU_ASSERT(!head.full);
    wire_http_frame(out, body_at, buf_span(&head));
}

void wire_igd_respond(pu_buf *out, size_t body_at, uint16_t status)
{
    uint8_t memory[128];
    pu_buf head = buf_of(memory, sizeof memory);
    PU_ASSERT(status >= 200 && status < 600);
    text_put(&head, "HTTP/1.1 ");
    decimal_put(&head, status);
    text_put(&head, status < 300 ? " OK\r\n" : " Refused\r\n");
    wire_http_put(&head, "CONNECTION", SPAN_LITERAL("close"));
    wire_http_put(&head, "CONTENT-TYPE", SPAN_LITERAL("text/xml; charset=\"utf-8\""));
    PU_ASSERT(!head.full);
    wire_http_frame(out, body_at, buf_span(&head));
}
