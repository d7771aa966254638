/* wire_http_test.c - HTTP as UPnP has it: heads, and messages in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire_http.h"
#include "wire/wire_text.h"

int wire_http_test(void);

static pu_span text(const char *s)
{
    return span_of(s, strlen(s));
}

static void heads(void **state)
{
    (void)state;
    wire_http m;
    pu_span value;
    assert_true(wire_http_read(&m, text("POST /ctl HTTP/1.1\r\nHost:  10.0.0.1:5000 \r\nEXT:\r\n"
                                        "x-a: 1\r\n\r\nnot-a-field\r\n")));
    assert_false(m.is_response);
    assert_true(text_is(m.method, "POST") && text_is(m.target, "/ctl"));
    assert_true(wire_http_field(&m, "HOST", &value) && text_is(value, "10.0.0.1:5000"));
    assert_true(wire_http_field(&m, "ext", &value) && value.len == 0);
    assert_false(wire_http_field(&m, "not-a-field", &value));
    assert_true(wire_http_read(&m, text("HTTP/1.0 404 Not Found\nServer: x")));
    assert_true(m.is_response && m.status == 404);
    assert_true(wire_http_field(&m, "server", &value) && text_is(value, "x"));
    assert_true(wire_http_read(&m, text("Aa9-~z / HTTP/1.1")));
    assert_true(wire_http_read(&m, text("HTTP/1.1 200")));
    assert_true(m.is_response && m.status == 200 && m.fields.len == 0);
}

static void bad_heads(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "\r\n",
        "GET",
        "GET /",
        "GET  HTTP/1.1\r\n",
        "GET / HTTP/2.0\r\n",
        "GET / HTTP/1.\r\n",
        "GET / HTTP/1.x\r\n",
        "GET / HTTP/1./\r\n",
        "GET / HTTP/1.1 \r\n",
        " / HTTP/1.1\r\n",
        "G(T / HTTP/1.1\r\n",
        "G[T / HTTP/1.1\r\n",
        "G{T / HTTP/1.1\r\n",
        "G:T / HTTP/1.1\r\n",
        "G\x01T / HTTP/1.1\r\n",
        "HTTP/1.1 99 Low\r\n",
        "HTTP/1.1 1000 High\r\n",
        "HTTP/1.1 2x0 OK\r\n",
        "HTTP/1.1  OK\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n",
        "GET / HTTP/1.1\r\n: nameless\r\n",
        "GET / HTTP/1.1\r\nblank : before\r\n",
        "GET / HTTP/1.1\r\n folded: line\r\n",
        "GET / HTTP/1.1\r\nbell: \x07\r\n",
        "GET / HTTP/1.1\r\ndel: \x7f\r\n",
    };
    wire_http m;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_false(wire_http_read(&m, text(cases[i])));
    assert_true(wire_http_read(&m, text("GET / HTTP/1.1\r\ntab:\ta\tb\r\n")));
}

static void heads_have_limits(void **state)
{
    (void)state;
    uint8_t memory[WIRE_HTTP_HEAD_MAX + 2];
    for (uint32_t fields = WIRE_HTTP_FIELDS_MAX; fields <= WIRE_HTTP_FIELDS_MAX + 1; fields++) {
        wire_http m;
        pu_buf out = buf_of(memory, sizeof memory);
        text_put(&out, "GET / HTTP/1.1\r\n");
        for (uint32_t i = 0; i < fields; i++) wire_http_put(&out, "a", text("1"));
        assert_int_equal(wire_http_read(&m, buf_span(&out)), fields == WIRE_HTTP_FIELDS_MAX);
    }
    for (size_t len = WIRE_HTTP_HEAD_MAX; len <= WIRE_HTTP_HEAD_MAX + 1; len++) {
        wire_http m;
        memset(memory, 'a', sizeof memory);
        memcpy(memory, "GET / HTTP/1.1\r\na:", 18);
        assert_int_equal(wire_http_read(&m, span_of(memory, len)), len == WIRE_HTTP_HEAD_MAX);
    }
}

/* What is read of bytes that come in pieces of that size. */
static void read_in(wire_http_in *in, void *memory, size_t cap, pu_span bytes, size_t piece)
{
    wire_http_in_init(in, memory, cap);
    while (bytes.len > 0 && !wire_http_in_is_over(in)) {
        pu_span part = span_head(bytes, piece < bytes.len ? piece : bytes.len);
        size_t had = part.len;
        wire_http_in_take(in, &part);
        bytes = span_skip(bytes, had - part.len);
    }
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
    const char *bytes, *body; /* body NULL: it is bad */
    bool needs_end;           /* of the connection */
} messages[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", false},
    {"\r\n\nGET / HTTP/1.1\n\n", "", false},
    {"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
    {"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "", false},
    {OK_HEAD "content-length: 2\r\nContent-Length: 2\r\n\r\nhi", "hi", false},
    {OK_HEAD "\r\nto the end", "to the end", true},
    {"HTTP/1.1 204 No Content\r\n\r\n", "", false},
    {"HTTP/1.1 304 Not Modified\r\n\r\n", "", false},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD "Content-Length: 1\r\n\r\nx", "x", false},
    {CHUNKED "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n", "hello world", false},
    {CHUNKED "A \r\n0123456789\r\n0b\t\nabcdefghijk\n00\r\nTrailer: x\r\n\r\n",
     "0123456789abcdefghijk", false},
    /* bad ones */
    {"GET / HTTP/1.1\r\nno colon\r\n\r\n", NULL, false},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", NULL, false},
    {OK_HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", NULL, false},
    {OK_HEAD "Content-Length: two\r\n\r\nhi", NULL, false},
    {OK_HEAD "Content-Length: 4294967296\r\n\r\nhi", NULL, false},
    {OK_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi", NULL, false},
    {OK_HEAD "Transfer-Encoding: gzip\r\n\r\nhi", NULL, false},
    {OK_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL,
     false},
    {CHUNKED "\r\n", NULL, false},
    {CHUNKED ";a\r\n", NULL, false},
    {CHUNKED "-1\r\n", NULL, false},
    {CHUNKED "1g\r\n", NULL, false},
    {CHUNKED "1\rx", NULL, false},
    {CHUNKED "1\r\nab\r\n", NULL, false},
    {CHUNKED "1\r\na\r\r\n", NULL, false},
    {CHUNKED "0\r\na\rb\r\n\r\n", NULL, false},
    {CHUNKED "1\r\na\r\n", NULL, true}, /* ends early */
    {OK_HEAD "Content-Length: 5\r\n\r\nhel", NULL, true},
};

static void messages_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        pu_span bytes = text(messages[i].bytes);
        for (size_t piece = 1; piece <= bytes.len; piece++) {
            uint8_t memory[512];
            wire_http_in in;
            read_in(&in, memory, sizeof memory, bytes, piece);
            assert_int_equal(wire_http_in_is_over(&in), !messages[i].needs_end);
            wire_http_in_end(&in);
            bool is_good = messages[i].body != NULL;
            assert_int_equal(in.state, is_good ? WIRE_HTTP_DONE : WIRE_HTTP_BAD);
            if (is_good) assert_true(text_is(wire_http_in_body(&in), messages[i].body));
        }
    }
}

/* What follows a message is not taken. */
static void one_after_the_other(void **state)
{
    (void)state;
    uint8_t memory[256];
    wire_http_in in;
    pu_span bytes = text("POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET /b HTTP/1.1\r\n\r\n");
    wire_http_in_init(&in, memory, sizeof memory);
    wire_http_in_take(&in, &bytes);
    assert_true(text_is(in.head.target, "/a") && text_is(wire_http_in_body(&in), "x"));
    wire_http_in_take(&in, &bytes); /* it is over: nothing is taken */
    assert_int_equal(bytes.len, strlen("GET /b HTTP/1.1\r\n\r\n"));
    wire_http_in_init(&in, memory, sizeof memory);
    wire_http_in_take(&in, &bytes);
    assert_true(text_is(in.head.target, "/b") && bytes.len == 0);
}

static void too_long(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "GET /0123456789012345678901234567890123456789012345678901234567890 HTTP/1.1\r\n\r\n",
        OK_HEAD "Content-Length: 100\r\n\r\n",
        OK_HEAD "\r\n0123456789012345678901234567890123456789012345678901234567890",
        CHUNKED "20\r\n",
        CHUNKED "000000001\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[70];
        wire_http_in in;
        read_in(&in, memory, sizeof memory, text(cases[i]), 1);
        assert_int_equal(in.state, WIRE_HTTP_TOO_LONG);
        wire_http_in_end(&in);
        assert_int_equal(in.state, WIRE_HTTP_TOO_LONG);
    }
}

static void endless_lines(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *again;
    } cases[] = {{"GET / HTTP/1.1\r\n", "a: b\r\n"},
                 {CHUNKED "1;", "a"},
                 {CHUNKED "0\r\n", "a: b\r\n"},
                 {"", "\r\n"},
                 {"", "HTTP/1.1 100 go on\r\n\r\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static uint8_t memory[2 * WIRE_HTTP_HEAD_MAX];
        wire_http_in in;
        wire_http_in_init(&in, memory, sizeof memory);
        pu_span bytes = text(cases[i].begin);
        wire_http_in_take(&in, &bytes);
        for (uint32_t k = 0; k < WIRE_HTTP_HEAD_MAX; k++) {
            bytes = text(cases[i].again);
            wire_http_in_take(&in, &bytes);
        }
        assert_int_equal(in.state, WIRE_HTTP_TOO_LONG);
    }
}

static void frames(void **state)
{
    (void)state;
    static const char want[] = "A" OK_HEAD "CONTENT-LENGTH: 4\r\n\r\nbody";
    uint8_t memory[128];
    for (size_t cap = 0; cap <= sizeof want - 1; cap++) {
        pu_buf out = buf_of(memory, cap);
        text_put(&out, "A");
        size_t at = out.len;
        text_put(&out, "body");
        wire_http_frame(&out, at, text(OK_HEAD));
        assert_int_equal(out.full, cap < sizeof want - 1);
        if (!out.full) assert_true(text_is(buf_span(&out), want));
    }
}

static void numbers(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_true(text_number(text("0080"), 100, &value) && value == 80);
    assert_false(text_number(text(""), 100, &value));
    assert_false(text_number(text("101"), 100, &value));
    assert_false(text_number(text("9"), 8, &value));
    assert_false(text_number(text("-1"), 100, &value));
    assert_int_equal(value, 80);
    assert_true(text_is_like(text("aZ@["), "Az@["));
    assert_false(text_is_like(text("@"), "`"));
    assert_int_equal(text_trim(text(" \t\r\n")).len, 0);
    assert_true(text_is(text_trim(text(" a b\n")), "a b"));
}

int wire_http_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(bad_heads),
        cmocka_unit_test(heads_have_limits),
        cmocka_unit_test(messages_in_pieces),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(too_long),
        cmocka_unit_test(endless_lines),
        cmocka_unit_test(frames),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests_name("wire_http", tests, NULL, NULL);
}
