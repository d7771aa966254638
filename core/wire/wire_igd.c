/* wire/wire_igd.c - see wire_igd.h. */
#include "wire/wire_igd.h"

#include "ident/decimal.h"
#include "wire/wire_text.h"
#include "wire/wire_xml.h"

enum { BASE_DEPTH = 2 }; /* URLBase is a child of the root element */

static const char *const types[] = {
    [WIRE_IGD_IP1] = "urn:schemas-upnp-org:service:WANIPConnection:1",
    [WIRE_IGD_IP2] = "urn:schemas-upnp-org:service:WANIPConnection:2",
    [WIRE_IGD_PPP1] = "urn:schemas-upnp-org:service:WANPPPConnection:1",
};

const char *wire_igd_type(enum wire_igd_service service)
{
    PU_ASSERT(service != WIRE_IGD_NONE);
    return types[service];
}

enum wire_igd_service wire_igd_service_of(pu_span type)
{
    for (uint32_t s = WIRE_IGD_IP1; s <= WIRE_IGD_PPP1; s++)
        if (text_is(type, types[s])) return (enum wire_igd_service)s;
    return WIRE_IGD_NONE;
}

/* ---- reading ---- */

/* The text of the element that has begun, without blanks around it; empty when it does not fit.
 * False: not well-formed. */
static bool read_text(wire_xml *x, wire_igd_text *text)
{
    uint8_t memory[WIRE_URL_MAX];
    pu_buf out = buf_of(memory, sizeof memory);
    if (!wire_xml_value(x, &out)) return false;
    pu_span value = text_trim(buf_span(&out));
    text->len = out.full ? 0 : (uint16_t)value.len;
    if (text->len > 0) memcpy(text->bytes, value.base, text->len);
    return true;
}

static pu_span span_of_text(const wire_igd_text *text)
{
    return span_of(text->bytes, text->len);
}

/* The element `service` has begun. */
static bool read_service(wire_igd *d, wire_xml *x)
{
    wire_igd_text type = {0}, control = {0};
    for (enum wire_xml_event event; (event = wire_xml_next(x)) != WIRE_XML_CLOSE;) {
        bool is_good = event == WIRE_XML_TEXT;
        if (event == WIRE_XML_OPEN) {
            if (wire_xml_is(x, "serviceType")) is_good = read_text(x, &type);
            else if (wire_xml_is(x, "controlURL")) is_good = read_text(x, &control);
            else is_good = wire_xml_skip(x);
        }
        if (!is_good) return false;
    }
    wire_igd_offer offer = {wire_igd_service_of(span_of_text(&type)), control};
    bool is_ours = offer.service != WIRE_IGD_NONE && control.len > 0;
    if (is_ours && d->count < WIRE_IGD_OFFERS_MAX) d->offers[d->count++] = offer;
    return true;
}

bool wire_igd_read(wire_igd *d, pu_span document)
{
    wire_xml x;
    PU_ASSERT(d != NULL);
    *d = (wire_igd){0};
    if (document.len > WIRE_IGD_DOCUMENT_MAX) return false;
    wire_xml_init(&x, document);
    for (enum wire_xml_event event; (event = wire_xml_next(&x)) != WIRE_XML_END;) {
        if (event == WIRE_XML_BAD) return false;
        if (event != WIRE_XML_OPEN) continue;
        if (wire_xml_is(&x, "service") && !read_service(d, &x)) return false;
        if (x.depth == BASE_DEPTH && wire_xml_is(&x, "URLBase") && !read_text(&x, &d->base))
            return false;
    }
    return true;
}

bool wire_igd_control(wire_url *u, const wire_igd *d, uint32_t index, const wire_url *location)
{
    wire_url base = *location;
    PU_ASSERT(index < d->count);
    if (d->base.len > 0 && !wire_url_read(&base, span_of_text(&d->base))) base = *location;
    return wire_url_resolve(u, &base, span_of_text(&d->offers[index].control));
}

/* ---- writing ---- */

static void put_element(pu_buf *out, const char *name, pu_span text)
{
    text_put(out, "<");
    text_put(out, name);
    text_put(out, ">");
    wire_xml_encode(out, text);
    text_put(out, "</");
    text_put(out, name);
    text_put(out, ">");
}

/* A device's head: what every device says of itself. */
static void begin_device(pu_buf *out, const char *sort, uint32_t version, pu_span name, pu_span udn,
                         const char *digit)
{
    uint8_t memory[WIRE_IGD_UDN_MAX + 1];
    pu_buf own = buf_of(memory, sizeof memory);
    buf_put_span(&own, udn);
    text_put(&own, digit);
    PU_ASSERT(!own.full);
    text_put(out, "<device><deviceType>urn:schemas-upnp-org:device:");
    text_put(out, sort);
    text_put(out, ":");
    decimal_put(out, version);
    text_put(out, "</deviceType>");
    put_element(out, "friendlyName", name);
    put_element(out, "manufacturer", name);
    put_element(out, "modelName", name);
    put_element(out, "UDN", buf_span(&own));
}

static void put_offer(pu_buf *out, const wire_igd_offer *offer, uint32_t number)
{
    const char *type = wire_igd_type(offer->service);
    text_put(out, "<service>");
    put_element(out, "serviceType", span_of(type, strlen(type)));
    text_put(out, "<serviceId>urn:upnp-org:serviceId:WANConn");
    decimal_put(out, number);
    text_put(out, "</serviceId>");
    put_element(out, "controlURL", span_of_text(&offer->control));
    text_put(out, "<eventSubURL/><SCPDURL/></service>");
}

void wire_igd_write(pu_buf *out, const wire_igd *d, uint32_t version, pu_span name, pu_span udn)
{
    PU_ASSERT(udn.len <= WIRE_IGD_UDN_MAX);
    PU_ASSERT(d->count <= WIRE_IGD_OFFERS_MAX);
    text_put(out, "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">"
                  "<specVersion><major>1</major><minor>0</minor></specVersion>");
    if (d->base.len > 0) put_element(out, "URLBase", span_of_text(&d->base));
    begin_device(out, "InternetGatewayDevice", version, name, udn, "0");
    text_put(out, "<deviceList>");
    begin_device(out, "WANDevice", version, name, udn, "1");
    text_put(out, "<deviceList>");
    begin_device(out, "WANConnectionDevice", version, name, udn, "2");
    text_put(out, "<serviceList>");
    for (uint32_t i = 0; i < d->count; i++) put_offer(out, &d->offers[i], i + 1);
    text_put(out, "</serviceList></device></deviceList></device></deviceList></device></root>");
}
