/* wire_igd_test.c - UPnP's messages: searches, URLs, descriptions, actions and faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peerup/ident.h"
#include "vectors/upnp.h"
#include "wire/wire_http.h"
#include "wire/wire_igd_call.h"
#include "wire/wire_ssdp.h"
#include "wire/wire_text.h"

int wire_igd_test(void);

static pu_span text(const char *s)
{
    return span_of(s, strlen(s));
}

/* ---- URLs ---- */

static void urls(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"http://192.168.0.1:5000/rootDesc.xml", "http://192.168.0.1:5000/rootDesc.xml"},
        {"HTTP://10.0.0.1", "http://10.0.0.1:80/"},
        {"http://10.0.0.1?a/b", "http://10.0.0.1:80/?a/b"},
        {"http://10.0.0.1:/?a#b", "http://10.0.0.1:80/?a"},
        {"http://[2001:db8::1]:80/a", "http://[2001:db8::1]:80/a"},
        {"http://[fe80::1]", "http://[fe80::1]:80/"},
        {"", NULL},
        {"http", NULL},
        {"ftp://10.0.0.1/", NULL},
        {"http:", NULL},
        {"http:/10.0.0.1/", NULL},
        {"http://", NULL},
        {"http:///a", NULL},
        {"http://router/", NULL},
        {"http://user@10.0.0.1/", NULL},
        {"http://10.0.0.1:0/", NULL},
        {"http://10.0.0.1:65536/", NULL},
        {"http://[::1/", NULL},
        {"http://[::g]/", NULL},
        {"http://[fe80::1%251]/", NULL},
        {"http://[::1]5/", NULL},
        {"http://10.0.0.1/a b", NULL},
        {"http://10.0.0.1/\x7f", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_url u;
        uint8_t memory[WIRE_URL_MAX];
        pu_buf out = buf_of(memory, sizeof memory);
        bool is_read = wire_url_read(&u, text(cases[i][0]));
        assert_int_equal(is_read, cases[i][1] != NULL);
        if (!is_read) continue;
        wire_url_write(&out, &u);
        assert_true(text_is(buf_span(&out), cases[i][1]));
    }
}

static void references(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"http://10.0.0.1:5000/a/b.xml?q=/r", "/ctl", "http://10.0.0.1:5000/ctl"},
        {"http://10.0.0.1:5000/a/b.xml?q=/r", "ctl?x=1:2", "http://10.0.0.1:5000/a/ctl?x=1:2"},
        {"http://10.0.0.1:5000/a/b.xml?q=/r", "", "http://10.0.0.1:5000/a/b.xml?q=/r"},
        {"http://10.0.0.1:5000/a/b", "#c", "http://10.0.0.1:5000/a/b"},
        {"http://10.0.0.1:5000/a/", "http://10.0.0.2/c", "http://10.0.0.2:80/c"},
        {"http://10.0.0.1:5000/", "ftp://10.0.0.2/c", NULL},
        {"http://10.0.0.1:5000/", "?c", NULL},
        {"http://10.0.0.1:5000/", "//10.0.0.2/", NULL},
        {"http://10.0.0.1:5000/", "a b", NULL},
        {"http://10.0.0.1:5000/", "/", "http://10.0.0.1:5000/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_url base, u;
        uint8_t memory[WIRE_URL_MAX];
        pu_buf out = buf_of(memory, sizeof memory);
        assert_true(wire_url_read(&base, text(cases[i][0])));
        bool is_read = wire_url_resolve(&u, &base, text(cases[i][1]));
        assert_int_equal(is_read, cases[i][2] != NULL);
        if (!is_read) continue;
        wire_url_write(&out, &u);
        assert_true(text_is(buf_span(&out), cases[i][2]));
    }
    wire_url base, u;
    char longest[WIRE_URL_PATH_MAX + 2] = "/";
    memset(longest + 1, 'a', WIRE_URL_PATH_MAX - 1);
    assert_true(wire_url_read(&base, text("http://10.0.0.1/")));
    assert_true(wire_url_resolve(&u, &base, text(longest)));
    longest[WIRE_URL_PATH_MAX] = 'a';
    assert_false(wire_url_resolve(&u, &base, text(longest)));
}

/* ---- SSDP ---- */

static const char search_group[] = "M-SEARCH * HTTP/1.1\r\n"
                                   "HOST: 239.255.255.250:1900\r\n"
                                   "MAN: \"ssdp:discover\"\r\n"
                                   "MX: 2\r\n"
                                   "ST: upnp:rootdevice\r\n\r\n";
static const char search_one[] = "M-SEARCH * HTTP/1.1\r\n"
                                 "HOST: 192.168.0.1:1900\r\n"
                                 "MAN: \"ssdp:discover\"\r\n"
                                 "ST: ssdp:all\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "CACHE-CONTROL: max-age=120\r\n"
                             "EXT: \r\n"
                             "LOCATION: http://192.168.0.1:5000/rootDesc.xml\r\n"
                             "SERVER: Linux/6 UPnP/1.1 MiniUPnPd/2.3\r\n"
                             "ST: upnp:rootdevice\r\n"
                             "USN: uuid:1::upnp:rootdevice\r\n"
                             "BOOTID.UPNP.ORG: 7\r\n\r\n";

static void searches(void **state)
{
    (void)state;
    const char *const cases[] = {search_group, search_one, answer};
    pu_endpoint to = pu_endpoint_ip4(192, 168, 0, 1, WIRE_SSDP_PORT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_ssdp m;
        uint8_t memory[WIRE_SSDP_WRITTEN_MAX];
        pu_buf out = buf_of(memory, sizeof memory);
        assert_true(wire_ssdp_read(&m, text(cases[i])));
        assert_int_equal(m.is_answer, i == 2);
        assert_int_equal(m.wait_s, i == 0 ? 2 : 0);
        wire_ssdp_write(&out, &m, &to);
        assert_true(text_is(buf_span(&out), cases[i]));
    }
    wire_ssdp m;
    assert_true(wire_ssdp_read(&m, text(answer)));
    assert_true(text_is(m.usn, "uuid:1::upnp:rootdevice") && m.max_age_s == 120 && m.boot_id == 7);
    assert_int_equal(m.location.at.port, 5000);
}

static void strange_searches(void **state)
{
    (void)state;
    static const struct {
        const char *datagram;
        bool is_read;
    } cases[] = {
        {"", false},
        {"NOTIFY * HTTP/1.1\r\nST: a\r\nMAN: \"ssdp:discover\"\r\n\r\n", false},
        {"M-SEARCH / HTTP/1.1\r\nST: a\r\nMAN: \"ssdp:discover\"\r\n\r\n", false},
        {"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\n\r\n", false},
        {"M-SEARCH * HTTP/1.1\r\nST: a\r\n\r\n", false},
        {"M-SEARCH * HTTP/1.1\r\nST: a\r\nMAN: \"ssdp:all\"\r\n\r\n", false},
        {"M-SEARCH * HTTP/1.1\r\nST: a\r\nMX: soon\r\nMAN: \"ssdp:discover\"\r\n", true},
        {"HTTP/1.1 404 No\r\nST: a\r\nLOCATION: http://1.2.3.4/\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nST: a\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nST: a\r\nLOCATION: http://router/\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nST: a\r\nLOCATION: http://1.2.3.4/\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_ssdp m;
        assert_int_equal(wire_ssdp_read(&m, text(cases[i].datagram)), cases[i].is_read);
    }
    static const struct {
        const char *cache;
        uint32_t max_age_s;
    } ages[] = {
        {"no-cache=\"a\", max-age = 60 , x", 60}, {"max-age", 0}, {"max-age=x", 0}, {"", 0}};
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        wire_ssdp m;
        uint8_t memory[256];
        pu_buf out = buf_of(memory, sizeof memory);
        text_put(&out, "HTTP/1.1 200 OK\r\nST: a\r\nLOCATION: http://1.2.3.4/\r\n");
        wire_http_put(&out, "Cache-Control", text(ages[i].cache));
        assert_true(wire_ssdp_read(&m, buf_span(&out)));
        assert_int_equal(m.max_age_s, ages[i].max_age_s);
    }
    static uint8_t longest[WIRE_SSDP_DATAGRAM_MAX + 1];
    wire_ssdp m;
    pu_buf out = buf_of(longest, sizeof longest);
    text_put(&out, search_one);
    memset(longest + out.len, 'x', sizeof longest - out.len);
    assert_true(wire_ssdp_read(&m, span_of(longest, sizeof longest - 1)));
    assert_false(wire_ssdp_read(&m, span_of(longest, sizeof longest)));
    out.len = 0; /* a target that is too long to be one */
    text_put(&out, "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: ");
    memset(longest + out.len, 'x', WIRE_SSDP_TEXT_MAX + 1);
    assert_false(wire_ssdp_read(&m, span_of(longest, out.len + WIRE_SSDP_TEXT_MAX + 1)));
    assert_true(wire_ssdp_read(&m, span_of(longest, out.len + WIRE_SSDP_TEXT_MAX)));
}

/* ---- descriptions ---- */

static const char description[] =
    "<?xml version=\"1.0\"?>\n"
    "<d:root xmlns:d=\"urn:schemas-upnp-org:device-1-0\" configId=\"1337\">\n"
    "<d:specVersion><d:major>1</d:major></d:specVersion>\n"
    "<d:URLBase> http://192.168.0.1:5000/igd/ </d:URLBase>\n"
    "<d:device><URLBase>http://6.6.6.6/</URLBase><d:serviceList>\n"
    "<d:service><d:serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</d:serviceType>"
    "<d:controlURL>/ctl/L3F</d:controlURL></d:service>\n"
    "<d:service> <d:controlURL>ctl/IP&#x43;onn<!-- -->?a&amp;b</d:controlURL>"
    "<d:SCPDURL><x/></d:SCPDURL><d:serviceType>\n"
    "urn:schemas-upnp-org:service:WANIPConnection:2</d:serviceType></d:service>\n"
    "<d:service><d:serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</d:serviceType>"
    "<d:controlURL/></d:service>\n"
    "<d:service><d:serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</d:serviceType>"
    "<d:controlURL><![CDATA[http://192.168.0.1:81/ppp]]></d:controlURL></d:service>\n"
    "</d:serviceList></d:device></d:root>";

static void descriptions(void **state)
{
    (void)state;
    wire_igd d, again;
    wire_url location, u;
    uint8_t memory[WIRE_IGD_WRITTEN_MAX];
    pu_buf out = buf_of(memory, sizeof memory);
    assert_true(wire_url_read(&location, text("http://192.168.0.1:5000/rootDesc.xml")));
    assert_true(wire_igd_read(&d, text(description)));
    assert_int_equal(d.count, 2);
    assert_int_equal(d.offers[0].service, WIRE_IGD_IP2);
    assert_int_equal(d.offers[1].service, WIRE_IGD_PPP1);
    assert_true(wire_igd_control(&u, &d, 0, &location));
    assert_true(text_is(wire_url_path(&u), "/igd/ctl/IPConn?a&b"));
    assert_true(wire_igd_control(&u, &d, 1, &location));
    assert_int_equal(u.at.port, 81);
    wire_igd_write(&out, &d, 2, text("a & b"), text("uuid:1"));
    assert_false(out.full);
    assert_true(wire_igd_read(&again, buf_span(&out)));
    assert_int_equal(again.count, d.count);
    assert_true(again.base.len == d.base.len);
    assert_memory_equal(again.base.bytes, d.base.bytes, d.base.len);
    for (uint32_t i = 0; i < d.count; i++) {
        assert_int_equal(again.offers[i].service, d.offers[i].service);
        assert_int_equal(again.offers[i].control.len, d.offers[i].control.len);
        assert_memory_equal(again.offers[i].control.bytes, d.offers[i].control.bytes,
                            d.offers[i].control.len);
    }
    d.base.len = 0;
    out.len = 0;
    wire_igd_write(&out, &d, 1, text("a"), text("uuid:1"));
    assert_true(wire_igd_read(&again, buf_span(&out)) && again.base.len == 0);
    assert_true(wire_igd_control(&u, &d, 0, &location));
    assert_true(text_is(wire_url_path(&u), "/ctl/IPConn?a&b"));
    memcpy(d.base.bytes, "ftp://a", d.base.len = 7); /* what cannot be read is passed over */
    assert_true(wire_igd_control(&u, &d, 0, &location));
    assert_true(text_is(wire_url_path(&u), "/ctl/IPConn?a&b"));
    for (size_t cut = 0; cut < sizeof description - 1; cut++)
        assert_false(wire_igd_read(&d, span_head(text(description), cut)));
}

static void strange_descriptions(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "<root><service><serviceType><a/></serviceType></service></root>",
        "<root><service><controlURL>&x;</controlURL></service></root>",
        "<root><service><a></b></service></root>",
        "<root><URLBase>&x;</URLBase></root>",
    };
    wire_igd d;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(wire_igd_read(&d, text(bad[i])));
    static char many[WIRE_IGD_DOCUMENT_MAX + 1] = "<root>";
    for (uint32_t i = 0; i <= WIRE_IGD_OFFERS_MAX; i++)
        strcat(many, "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1"
                     "</serviceType><controlURL>/c</controlURL></service>");
    size_t len = strlen(many);
    memset(many + len, ' ', sizeof many - len);
    memcpy(many + WIRE_IGD_DOCUMENT_MAX - 7, "</root>", 7);
    assert_true(wire_igd_read(&d, span_of(many, WIRE_IGD_DOCUMENT_MAX)));
    assert_int_equal(d.count, WIRE_IGD_OFFERS_MAX);
    assert_false(wire_igd_read(&d, span_of(many, WIRE_IGD_DOCUMENT_MAX + 1)));
    char endless[2 * WIRE_URL_MAX + 256] =
        "<root><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1"
        "</serviceType><controlURL>/";
    memset(endless + strlen(endless), 'a', WIRE_URL_MAX);
    strcat(endless, "</controlURL></service></root>");
    assert_true(wire_igd_read(&d, text(endless)));
    assert_int_equal(d.count, 0);
}

/* ---- actions ---- */

#define CLIENT                                   \
    {                                            \
        [10] = 0xff, [11] = 0xff, 192, 168, 0, 2 \
    }

static const wire_igd_call calls[] = {
    {.service = WIRE_IGD_IP1,
     .action = WIRE_IGD_ADD,
     .is_enabled = true,
     .external_port = 8080,
     .internal_port = 4001,
     .internal_ip = CLIENT,
     .lease_s = 3600,
     .note_len = 5,
     .note = "a<&>b"},
    {.service = WIRE_IGD_IP1, .action = WIRE_IGD_ADD, .is_answer = true},
    {.service = WIRE_IGD_IP2,
     .action = WIRE_IGD_ADD_ANY,
     .is_tcp = true,
     .remote_ip = {0x20, 1, 0xd, 0xb8, [15] = 1},
     .external_port = 65535,
     .internal_port = 1,
     .internal_ip = CLIENT},
    {.service = WIRE_IGD_IP2, .action = WIRE_IGD_ADD_ANY, .is_answer = true, .external_port = 9},
    {.service = WIRE_IGD_PPP1,
     .action = WIRE_IGD_DELETE,
     .is_tcp = true,
     .remote_ip = {[10] = 0xff, [11] = 0xff, 11, 0, 0, 1},
     .external_port = 8080},
    {.service = WIRE_IGD_PPP1, .action = WIRE_IGD_DELETE, .is_answer = true},
    {.service = WIRE_IGD_IP1, .action = WIRE_IGD_ADDRESS},
    {.service = WIRE_IGD_IP1,
     .action = WIRE_IGD_ADDRESS,
     .is_answer = true,
     .external_ip = {[10] = 0xff, [11] = 0xff, 11, 0, 0, 1}},
    {.service = WIRE_IGD_IP1, .action = WIRE_IGD_ADDRESS, .is_answer = true},
    {.service = WIRE_IGD_IP2, .action = WIRE_IGD_FIND, .external_port = 8080},
    {.service = WIRE_IGD_IP2,
     .action = WIRE_IGD_FIND,
     .is_answer = true,
     .is_enabled = true,
     .internal_port = 4001,
     .internal_ip = CLIENT,
     .lease_s = UINT32_MAX},
    {.is_answer = true, .error = WIRE_IGD_CONFLICT},
};

static void assert_same_call(const wire_igd_call *a, const wire_igd_call *b)
{
    assert_true(a->service == b->service && a->action == b->action);
    assert_true(a->is_answer == b->is_answer && a->error == b->error);
    assert_true(a->is_tcp == b->is_tcp && a->is_enabled == b->is_enabled);
    assert_memory_equal(a->remote_ip, b->remote_ip, sizeof a->remote_ip);
    assert_memory_equal(a->internal_ip, b->internal_ip, sizeof a->internal_ip);
    assert_memory_equal(a->external_ip, b->external_ip, sizeof a->external_ip);
    assert_int_equal(a->external_port, b->external_port);
    assert_int_equal(a->internal_port, b->internal_port);
    assert_int_equal(a->lease_s, b->lease_s);
    assert_int_equal(a->note_len, b->note_len);
    assert_memory_equal(a->note, b->note, sizeof a->note);
}

static void actions_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        wire_igd_call m;
        uint8_t memory[WIRE_IGD_CALL_WRITTEN_MAX];
        pu_buf out = buf_of(memory, sizeof memory);
        wire_igd_call_write(&out, &calls[i]);
        assert_false(out.full);
        assert_int_equal(wire_igd_call_read(&m, buf_span(&out)), WIRE_IGD_OK);
        assert_same_call(&m, &calls[i]);
        size_t end = out.len - strlen("</s:Body></s:Envelope>\r\n");
        for (size_t cut = 0; cut < end; cut++)
            assert_int_not_equal(wire_igd_call_read(&m, span_of(memory, cut)), WIRE_IGD_OK);
        out = buf_of(memory, out.len - 1);
        wire_igd_call_write(&out, &calls[i]);
        assert_true(out.full);
    }
}

#define BODY(inside) "<E:Envelope xmlns:E='x'>\n<E:Body>\n" inside "</E:Body></E:Envelope>"
#define IP1 "urn:schemas-upnp-org:service:WANIPConnection:1"
#define DELETE(inside) BODY("<DeletePortMapping xmlns='" IP1 "'>" inside "</DeletePortMapping>")

static void strange_actions(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum wire_igd_error error;
    } cases[] = {
        {DELETE("<NewProtocol>udp</NewProtocol> <x><y/></x><NewExternalPort> 0080\n"
                "</NewExternalPort><NewRemoteHost/>"),
         WIRE_IGD_OK},
        {DELETE("<NewProtocol>UDP</NewProtocol><NewExternalPort>80</NewExternalPort>"),
         WIRE_IGD_INVALID_ARGS},
        {DELETE("<NewProtocol>ICMP</NewProtocol><NewExternalPort>80</NewExternalPort>"
                "<NewRemoteHost/>"),
         WIRE_IGD_INVALID_ARGS},
        {DELETE("<NewProtocol>TCP</NewProtocol><NewExternalPort>65536</NewExternalPort>"
                "<NewRemoteHost/>"),
         WIRE_IGD_INVALID_ARGS},
        {DELETE("<NewProtocol>TCP</NewProtocol><NewExternalPort>80</NewExternalPort>"
                "<NewRemoteHost>somebody</NewRemoteHost>"),
         WIRE_IGD_INVALID_ARGS},
        {DELETE("<NewProtocol>TCP</NewProtocol><NewExternalPort>80</NewExternalPort>"
                "<NewRemoteHost/><NewProtocol>?</NewProtocol>"),
         WIRE_IGD_INVALID_ARGS},
        {DELETE("<NewProtocol><a/></NewProtocol>"), WIRE_IGD_ACTION_FAILED},
        {DELETE("<x></y>"), WIRE_IGD_ACTION_FAILED},
        {DELETE("</x>"), WIRE_IGD_ACTION_FAILED},
        {BODY("<u:Reboot xmlns:u='" IP1 "'/>"), WIRE_IGD_INVALID_ACTION},
        {BODY("<u:Response xmlns:u='" IP1 "'/>"), WIRE_IGD_INVALID_ACTION},
        {BODY("<u:DeletePortMapping xmlns:u='urn:else'/>"), WIRE_IGD_INVALID_ACTION},
        {BODY("<u:DeletePortMapping/>"), WIRE_IGD_INVALID_ACTION},
        {BODY("<u:DeletePortMapping xmlns:u='" IP1 IP1 IP1 "'/>"), WIRE_IGD_INVALID_ACTION},
        {BODY("<u:DeletePortMappingResponse/>"), WIRE_IGD_OK},
        {BODY(""), WIRE_IGD_ACTION_FAILED},
        {"<Envelope><Header><a/></Header>x<Body>" /* a header is passed over */
         "<u:DeletePortMappingResponse/></Body></Envelope>",
         WIRE_IGD_OK},
        {"<Envelope><Header><a></b></Header></Envelope>", WIRE_IGD_ACTION_FAILED},
        {"<Envelope/>", WIRE_IGD_ACTION_FAILED},
        {"Envelope", WIRE_IGD_ACTION_FAILED},
        {BODY("<Fault><a><errorCode>718</errorCode></a></Fault>"), WIRE_IGD_OK},
        {BODY("<Fault><errorCode><a/></errorCode></Fault>"), WIRE_IGD_ACTION_FAILED},
        {BODY("<Fault>"), WIRE_IGD_ACTION_FAILED},
    };
    wire_igd_call m;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(wire_igd_call_read(&m, text(cases[i].body)), cases[i].error);
    static char longest[WIRE_IGD_CALL_MAX + 1] = BODY("<u:DeletePortMappingResponse/>");
    memset(longest + strlen(longest), ' ', sizeof longest - strlen(longest));
    assert_int_equal(wire_igd_call_read(&m, span_of(longest, WIRE_IGD_CALL_MAX)), WIRE_IGD_OK);
    assert_int_equal(wire_igd_call_read(&m, span_of(longest, sizeof longest)),
                     WIRE_IGD_ACTION_FAILED);
    static const char *const codes[] = {"x", "0", "", "65536"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        uint8_t memory[256];
        pu_buf out = buf_of(memory, sizeof memory);
        text_put(&out, "<Envelope><Body><Fault><errorCode>");
        text_put(&out, codes[i]);
        text_put(&out, "</errorCode>x</Fault></Body></Envelope>");
        assert_int_equal(wire_igd_call_read(&m, buf_span(&out)), WIRE_IGD_OK);
        assert_int_equal(m.error, WIRE_IGD_ACTION_FAILED);
    }
}

/* What arguments of answer to GetSpecificPortMappingEntry may be. */
static void arguments(void **state)
{
    (void)state;
    static const char *const names[] = {"NewInternalPort", "NewInternalClient", "NewEnabled",
                                        "NewPortMappingDescription", "NewLeaseDuration"};
    static const char *const good[] = {"1", "1.2.3.4", "Yes", "", "0"};
    static const struct {
        uint32_t which;
        const char *value;
        bool is_good;
    } cases[] = {
        {0, "x", false},
        {0, "65536", false},
        {1, "", false},
        {1, "name", false},
        {1, "2001:db8::1", true},
        {2, "0", true},
        {2, "FALSE", true},
        {2, "no", true},
        {2, "true", true},
        {2, "maybe", false},
        {4, "4294967296", false},
        {4, "", false},
        {3, "x", true},
        {3,
         "0123456789012345678901234567890123456789012345678901234567890123"
         "4567",
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_igd_call m;
        uint8_t memory[1024];
        pu_buf out = buf_of(memory, sizeof memory);
        text_put(&out, "<Envelope><Body><GetSpecificPortMappingEntryResponse>");
        for (uint32_t a = 0; a < 5; a++) {
            text_put(&out, "<");
            text_put(&out, names[a]);
            text_put(&out, ">");
            text_put(&out, cases[i].which == a ? cases[i].value : good[a]);
            text_put(&out, "</");
            text_put(&out, names[a]);
            text_put(&out, ">");
        }
        text_put(&out, "</GetSpecificPortMappingEntryResponse></Body></Envelope>");
        assert_false(out.full);
        assert_int_equal(wire_igd_call_read(&m, buf_span(&out)),
                         cases[i].is_good ? WIRE_IGD_OK : WIRE_IGD_INVALID_ARGS);
    }
}

static void headers(void **state)
{
    (void)state;
    wire_igd_call m = calls[0], got;
    uint8_t memory[WIRE_IGD_CALL_WRITTEN_MAX];
    pu_buf out = buf_of(memory, sizeof memory);
    wire_igd_header_write(&out, &m);
    assert_true(text_is(buf_span(&out), "\"" IP1 "#AddPortMapping\""));
    assert_true(wire_igd_header_read(&got, buf_span(&out)));
    assert_true(got.service == m.service && got.action == m.action);
    static const char *const bad[] = {"",
                                      "\"",
                                      "x\"",
                                      "\"x",
                                      "\"" IP1 "\"",
                                      "\"" IP1 "#No\"",
                                      "\"urn:x#AddPortMapping\"",
                                      "'" IP1 "#AddPortMapping'"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(wire_igd_header_read(&got, text(bad[i])));
    wire_url to;
    assert_true(wire_url_read(&to, text("http://192.168.0.1:5000/ctl/IPConn")));
    for (int i = 0; i < 2; i++) {
        wire_http_in in;
        uint8_t again[WIRE_IGD_CALL_WRITTEN_MAX];
        pu_span value;
        out = buf_of(memory, sizeof memory);
        wire_igd_request(&out, &to, i == 0 ? NULL : &m);
        wire_http_in_init(&in, again, sizeof again);
        pu_span bytes = buf_span(&out);
        wire_http_in_take(&in, &bytes);
        assert_int_equal(in.state, WIRE_HTTP_DONE);
        assert_true(text_is(in.head.method, i == 0 ? "GET" : "POST"));
        assert_true(text_is(in.head.target, "/ctl/IPConn"));
        assert_true(wire_http_field(&in.head, "host", &value));
        assert_true(text_is(value, "192.168.0.1:5000"));
        if (i == 0) continue;
        assert_int_equal(wire_igd_call_read(&got, wire_http_in_body(&in)), WIRE_IGD_OK);
        assert_same_call(&got, &m);
    }
    for (uint16_t status = 200; status <= 500; status += 300) {
        wire_http_in in;
        uint8_t again[WIRE_IGD_CALL_WRITTEN_MAX];
        out = buf_of(memory, sizeof memory);
        wire_igd_call_write(&out, &calls[1]);
        wire_igd_respond(&out, 0, status);
        wire_http_in_init(&in, again, sizeof again);
        pu_span bytes = buf_span(&out);
        wire_http_in_take(&in, &bytes);
        assert_true(in.state == WIRE_HTTP_DONE && in.head.status == status);
    }
}

/* ---- a real gateway ---- */

/* What it answered to the question of that name: the body of the HTTP message. */
static pu_span answered(const char *name, uint16_t status)
{
    static uint8_t memory[8192];
    for (size_t i = 0; i < sizeof miniupnpd_answers / sizeof miniupnpd_answers[0]; i++) {
        wire_http_in in;
        pu_span bytes = miniupnpd_answers[i].bytes;
        if (strcmp(miniupnpd_answers[i].name, name) != 0) continue;
        if (status == 0) return bytes;
        wire_http_in_init(&in, memory, sizeof memory);
        wire_http_in_take(&in, &bytes);
        assert_true(in.state == WIRE_HTTP_DONE && bytes.len == 0);
        assert_int_equal(in.head.status, status);
        return wire_http_in_body(&in);
    }
    fail();
    return span_of(NULL, 0);
}

static void what_miniupnpd_says(void **state)
{
    (void)state;
    static const uint8_t outer[16] = {[10] = 0xff, [11] = 0xff, 11, 0, 0, 1};
    static const uint8_t inner[16] = CLIENT;
    wire_ssdp found;
    wire_igd d;
    wire_url control;
    wire_igd_call m;
    assert_true(wire_ssdp_read(&found, answered("search", 0)));
    assert_true(text_is(found.target, "urn:schemas-upnp-org:device:InternetGatewayDevice:1"));
    assert_true(found.max_age_s == 120 && found.boot_id == 1795752579);
    assert_true(wire_igd_read(&d, answered("description", 200)));
    assert_true(d.count == 1 && d.offers[0].service == WIRE_IGD_IP2);
    assert_true(wire_igd_control(&control, &d, 0, &found.location));
    assert_true(text_is(wire_url_path(&control), "/ctl/IPConn") && control.at.port == 5000);
    assert_int_equal(wire_igd_call_read(&m, answered("GetExternalIPAddress", 200)), WIRE_IGD_OK);
    assert_int_equal(m.action, WIRE_IGD_ADDRESS);
    assert_memory_equal(m.external_ip, outer, sizeof outer);
    assert_int_equal(wire_igd_call_read(&m, answered("AddPortMapping", 200)), WIRE_IGD_OK);
    assert_true(m.action == WIRE_IGD_ADD && m.is_answer && m.error == WIRE_IGD_OK);
    assert_int_equal(wire_igd_call_read(&m, answered("GetSpecificPortMappingEntry", 200)),
                     WIRE_IGD_OK);
    assert_true(m.internal_port == 4001 && m.is_enabled && m.lease_s == 600);
    assert_memory_equal(m.internal_ip, inner, sizeof inner);
    assert_true(text_is(span_of(m.note, m.note_len), "lab <&> \"test\""));
    assert_int_equal(wire_igd_call_read(&m, answered("NoSuchEntryInArray", 500)), WIRE_IGD_OK);
    assert_int_equal(m.error, WIRE_IGD_NO_SUCH_ENTRY);
}

int wire_igd_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(references),
        cmocka_unit_test(searches),
        cmocka_unit_test(strange_searches),
        cmocka_unit_test(descriptions),
        cmocka_unit_test(strange_descriptions),
        cmocka_unit_test(actions_both_ways),
        cmocka_unit_test(strange_actions),
        cmocka_unit_test(arguments),
        cmocka_unit_test(headers),
        cmocka_unit_test(what_miniupnpd_says),
    };
    return cmocka_run_group_tests_name("wire_igd", tests, NULL, NULL);
}
