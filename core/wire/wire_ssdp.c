/* wire/wire_ssdp.c - HTTP's heads in datagrams, without bodies. */
#include "wire/wire_ssdp.h"

#include "ident/decimal.h"
#include "peerup/ident.h"
#include "wire/wire_http.h"
#include "wire/wire_text.h"

enum { STATUS_OK = 200, DIGITS_MAX = 20 };

/* The number of a field, 0 when it is not there or is none. */
static uint32_t number_of(const wire_http *head, const char *name)
{
    pu_span value;
    uint64_t number = 0;
    if (wire_http_field(head, name, &value)) (void)text_number(value, UINT32_MAX, &number);
    return (uint32_t)number;
}

/* The seconds of "max-age = 1800" among the directives of CACHE-CONTROL; 0: not said. */
static uint32_t max_age_of(const wire_http *head)
{
    pu_span rest, one, name;
    uint64_t seconds = 0;
    (void)wire_http_field(head, "cache-control", &rest);
    while (rest.len > 0) {
        if (!text_until(&rest, ',', &one)) {
            one = rest;
            rest = span_skip(rest, rest.len);
        }
        if (text_until(&one, '=', &name) && text_is_like(text_trim(name), "max-age"))
            (void)text_number(text_trim(one), UINT32_MAX, &seconds);
    }
    return (uint32_t)seconds;
}

/* A text field; empty when it is too long to be true. */
static pu_span text_of(const wire_http *head, const char *name)
{
    pu_span value;
    (void)wire_http_field(head, name, &value);
    return value.len <= WIRE_SSDP_TEXT_MAX ? value : span_of(NULL, 0);
}

static bool read_search(wire_ssdp *m, const wire_http *head)
{
    pu_span man;
    if (!text_is(head->method, "M-SEARCH") || !text_is(head->target, "*")) return false;
    if (!wire_http_field(head, "man", &man) || !text_is_like(man, "\"ssdp:discover\""))
        return false;
    m->wait_s = number_of(head, "mx");
    return true;
}

static bool read_answer(wire_ssdp *m, const wire_http *head)
{
    pu_span location;
    m->is_answer = true;
    if (head->status != STATUS_OK || !wire_http_field(head, "location", &location)) return false;
    m->usn = text_of(head, "usn");
    m->server = text_of(head, "server");
    m->max_age_s = max_age_of(head);
    m->boot_id = number_of(head, "bootid.upnp.org");
    return wire_url_read(&m->location, location);
}

bool wire_ssdp_read(wire_ssdp *m, pu_span datagram)
{
    wire_http head;
    PU_ASSERT(m != NULL);
    *m = (wire_ssdp){0};
    if (datagram.len > WIRE_SSDP_DATAGRAM_MAX || !wire_http_read(&head, datagram)) return false;
    m->target = text_of(&head, "st");
    if (m->target.len == 0) return false;
    return head.is_response ? read_answer(m, &head) : read_search(m, &head);
}

static void put_number(pu_buf *out, const char *name, const char *before, uint32_t number)
{
    uint8_t memory[DIGITS_MAX + 16];
    pu_buf value = buf_of(memory, sizeof memory);
    text_put(&value, before);
    decimal_put(&value, number);
    PU_ASSERT(!value.full);
    wire_http_put(out, name, buf_span(&value));
}

static void write_search(pu_buf *out, const wire_ssdp *m, const pu_endpoint *to)
{
    uint8_t memory[WIRE_URL_MAX];
    pu_buf host = buf_of(memory, sizeof memory);
    wire_url where = {.at = *to};
    if (m->wait_s > 0) {
        const uint8_t *group = WIRE_SSDP_GROUP;
        where.at = pu_endpoint_ip4(group[0], group[1], group[2], group[3], WIRE_SSDP_PORT);
    }
    wire_url_write_host(&host, &where);
    text_put(out, "M-SEARCH * HTTP/1.1\r\n");
    wire_http_put(out, "HOST", buf_span(&host));
    wire_http_put(out, "MAN", SPAN_LITERAL("\"ssdp:discover\""));
    if (m->wait_s > 0) put_number(out, "MX", "", m->wait_s);
    wire_http_put(out, "ST", m->target);
}

static void write_answer(pu_buf *out, const wire_ssdp *m)
{
    uint8_t memory[WIRE_URL_MAX];
    pu_buf location = buf_of(memory, sizeof memory);
    wire_url_write(&location, &m->location);
    PU_ASSERT(!location.full);
    text_put(out, "HTTP/1.1 200 OK\r\n");
    put_number(out, "CACHE-CONTROL", "max-age=", m->max_age_s);
    wire_http_put(out, "EXT", span_of(NULL, 0));
    wire_http_put(out, "LOCATION", buf_span(&location));
    wire_http_put(out, "SERVER", m->server);
    wire_http_put(out, "ST", m->target);
    wire_http_put(out, "USN", m->usn);
    put_number(out, "BOOTID.UPNP.ORG", "", m->boot_id);
}

void wire_ssdp_write(pu_buf *out, const wire_ssdp *m, const pu_endpoint *to)
{
    PU_ASSERT(m->target.len > 0);
    if (m->is_answer) write_answer(out, m);
    else write_search(out, m, to);
    text_put(out, "\r\n");
}
