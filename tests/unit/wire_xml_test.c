/* wire_xml_test.c - XML in place: what is read of documents, and which are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire_text.h"
#include "wire/wire_xml.h"

int wire_xml_test(void);

static pu_span text(const char *s)
{
    return span_of(s, strlen(s));
}

/* What happens in a document, one sign an event: "(a", ")", "'text'", "[cdata]", "." or "!". */
static pu_span story(const char *document, uint8_t *memory, size_t cap)
{
    wire_xml x;
    pu_buf out = buf_of(memory, cap);
    wire_xml_init(&x, text(document));
    for (;;) {
        enum wire_xml_event event = wire_xml_next(&x);
        if (event == WIRE_XML_OPEN) {
            text_put(&out, "(");
            buf_put_span(&out, wire_xml_top(&x)->name);
        } else if (event == WIRE_XML_CLOSE) {
            text_put(&out, ")");
        } else if (event == WIRE_XML_TEXT) {
            text_put(&out, x.is_literal ? "[" : "'");
            buf_put_span(&out, x.text);
            text_put(&out, x.is_literal ? "]" : "'");
        } else {
            text_put(&out, event == WIRE_XML_END ? "." : "!");
            assert_int_equal(wire_xml_next(&x), event); /* again and again */
            assert_false(out.full);
            return buf_span(&out);
        }
    }
}

static void documents(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"<a/>", "(a)."},
        {"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<a>b</a> <behind", "(a'b')."},
        {"<!-- <c> --><a><!-- - --><b x='>' y = \"'\" ></b\n></a>", "(a(b))."},
        {"<a>1<!-- -->2<![CDATA[<&]]]>3<?p?>4</a>", "(a'1''2'[<&]]'3''4')."},
        {"<p:a xmlns:p=\"urn:x\"><q:b/></p:a>", "(a(b))."},
        {"<a\tb='1'\nc='2'/>", "(a)."},
        {"<\xc3\xa4>\xc3\xb6</\xc3\xa4>", "(\xc3\xa4'\xc3\xb6')."},
        {"", "!"},
        {"  ", "!"},
        {"text<a/>", "!"},
        {"<![CDATA[x]]><a/>", "!"},
        {"</a>", "!"},
        {"<a>", "(a!"},
        {"<a><b></a></b>", "(a(b!"},
        {"<p:a></q:a>", "(a!"},
        {"<p:a></a>", "(a!"},
        {"<a></b>", "(a!"},
        {"<a></a", "(a!"},
        {"<a></a x>", "(a!"},
        {"<a></", "(a!"},
        {"<a></p:>", "(a!"},
        {"<a", "!"},
        {"<a ", "!"},
        {"<a/", "!"},
        {"<a/ >", "!"},
        {"<>", "!"},
        {"<:a/>", "!"},
        {"<a:/>", "!"},
        {"<a:b:c/>", "!"},
        {"<a b/>", "!"},
        {"<a b=1/>", "!"},
        {"<a b", "!"},
        {"<a b=", "!"},
        {"<a b='1/>", "!"},
        {"<a b='1'c='2'/>", "!"},
        {"<a b='<'/>", "!"},
        {"<a =''/>", "!"},
        {"<a\x7f/>", "!"},
        {"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "!"},
        {"<!-- ", "!"},
        {"<a><![CDATA[ ]]</a>", "(a!"},
        {"<a><?p </a>", "(a!"},
        {"\xff\xfe<\0a", "!"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[128];
        assert_true(text_is(story(cases[i][0], memory, sizeof memory), cases[i][1]));
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (uint32_t depth = WIRE_XML_DEPTH_MAX; depth <= WIRE_XML_DEPTH_MAX + 1; depth++) {
        char document[8 * WIRE_XML_DEPTH_MAX + 16] = {0};
        uint8_t memory[512];
        for (uint32_t i = 0; i < depth; i++) strcat(document, "<a>");
        for (uint32_t i = 0; i < depth; i++) strcat(document, "</a>");
        pu_span said = story(document, memory, sizeof memory);
        assert_int_equal(said.base[said.len - 1], depth == WIRE_XML_DEPTH_MAX ? '.' : '!');
    }
}

static void values(void **state)
{
    (void)state;
    static const struct {
        const char *document, *value; /* NULL: refused */
    } cases[] = {
        {"<a/>", ""},
        {"<a>1 &lt;&amp;&gt;&quot;&apos;<![CDATA[&amp;]]> 2</a>", "1 <&>\"'&amp; 2"},
        {"<a>&#65;&#x42;&#xfC;&#x20aC;&#x1F600;&#9;&#10;&#13;</a>",
         "AB\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\t\n\r"},
        {"<a>&#0;</a>", NULL},
        {"<a>&#x;</a>", NULL},
        {"<a>&#;</a>", NULL},
        {"<a>&#1114112;</a>", NULL},
        {"<a>&#x110000;</a>", NULL},
        {"<a>&#xd800;</a>", NULL},
        {"<a>&#xdfff;</a>", NULL},
        {"<a>&#xfffe;</a>", NULL},
        {"<a>&#xffff;</a>", NULL},
        {"<a>&#x1g;</a>", NULL},
        {"<a>&#x1@;</a>", NULL},
        {"<a>&#x1/;</a>", NULL},
        {"<a>&#x1:;</a>", NULL},
        {"<a>&nbsp;</a>", NULL},
        {"<a>&;</a>", NULL},
        {"<a>&amp</a>", NULL},
        {"<a><b/></a>", NULL},
        {"<a>x", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[64];
        wire_xml x;
        pu_buf out = buf_of(memory, sizeof memory);
        wire_xml_init(&x, text(cases[i].document));
        assert_int_equal(wire_xml_next(&x), WIRE_XML_OPEN);
        assert_int_equal(wire_xml_value(&x, &out), cases[i].value != NULL);
        if (cases[i].value != NULL) assert_true(text_is(buf_span(&out), cases[i].value));
    }
    wire_xml x;
    uint8_t memory[2];
    pu_buf out = buf_of(memory, sizeof memory);
    wire_xml_init(&x, text("<a>123</a>"));
    (void)wire_xml_next(&x);
    assert_true(wire_xml_value(&x, &out) && out.full);
    uint8_t all[64];
    out = buf_of(all, sizeof all);
    wire_xml_encode(&out, text("a<&>\"'"));
    assert_true(text_is(buf_span(&out), "a&lt;&amp;&gt;&quot;&apos;"));
}

static void skips(void **state)
{
    (void)state;
    wire_xml x;
    wire_xml_init(&x, text("<a><b>1<c/>2</b><d/></a>"));
    assert_int_equal(wire_xml_next(&x), WIRE_XML_OPEN);
    assert_int_equal(wire_xml_next(&x), WIRE_XML_OPEN);
    assert_true(wire_xml_skip(&x));
    assert_int_equal(wire_xml_next(&x), WIRE_XML_OPEN);
    assert_true(wire_xml_is(&x, "d"));
    assert_true(wire_xml_skip(&x));
    assert_int_equal(wire_xml_next(&x), WIRE_XML_CLOSE);
    assert_int_equal(wire_xml_next(&x), WIRE_XML_END);
    wire_xml_init(&x, text("<a><b>"));
    (void)wire_xml_next(&x);
    assert_false(wire_xml_skip(&x));
}

static void namespaces(void **state)
{
    (void)state;
    static const struct {
        const char *document, *name; /* of the innermost */
    } cases[] = {
        {"<a/>", ""},
        {"<a xmlns='urn:1'/>", "urn:1"},
        {"<a xmlns='urn:1'><b x='y' xmlns:p='urn:2'/></a>", "urn:1"},
        {"<a xmlns='urn:1' xmlns:p='urn:2'><p:b q:p='no' xmlns:pp='no'/></a>", "urn:2"},
        {"<p:a xmlns:p='urn:1'><p:b xmlns:p=\"urn:&#50;&amp;\"/></p:a>", "urn:2&"},
        {"<a xmlns='urn:1'><p:b/></a>", ""},
        {"<a xmlns=''/>", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t memory[32];
        wire_xml x;
        pu_buf out = buf_of(memory, sizeof memory);
        wire_xml_init(&x, text(cases[i].document));
        do assert_int_equal(wire_xml_next(&x), WIRE_XML_OPEN);
        while (!x.is_closed);
        wire_xml_namespace(&x, &out);
        assert_true(!out.full && text_is(buf_span(&out), cases[i].name));
    }
    wire_xml x;
    uint8_t memory[32];
    pu_buf out = buf_of(memory, sizeof memory);
    wire_xml_init(&x, text("<a xmlns='&bad;'/>"));
    (void)wire_xml_next(&x);
    wire_xml_namespace(&x, &out);
    assert_true(out.full);
}

int wire_xml_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents), cmocka_unit_test(depth_is_bounded), cmocka_unit_test(values),
        cmocka_unit_test(skips),     cmocka_unit_test(namespaces),
    };
    return cmocka_run_group_tests_name("wire_xml", tests, NULL, NULL);
}
