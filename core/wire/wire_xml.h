/* wire/wire_xml.h - reads XML (Extensible Markup Language 1.0, Namespaces in XML 1.0) as far as
 * UPnP's messages go, in place: elements, their names and texts.
 *
 * UTF-8 only, and the five entities that need no declaration and numbers: a document type, from
 * which others come, is refused. Elements deeper than WIRE_XML_DEPTH_MAX are refused; nothing is
 * kept of those that are closed, so a document may be of any length. What follows the root element
 * is not looked at.
 */
#ifndef WIRE_XML_H
#define WIRE_XML_H

#include "base/bytes.h"

enum { WIRE_XML_DEPTH_MAX = 24, WIRE_XML_NAMESPACE_MAX = 128 };

/* An element that is open. Spans point into the document. */
typedef struct wire_xml_tag {
    pu_span prefix;     /* of its name; empty: none */
    pu_span name;       /* without the prefix; not empty */
    pu_span attributes; /* each of them well-formed */
} wire_xml_tag;

enum wire_xml_event {
    WIRE_XML_END = 0, /* the root element is closed */
    WIRE_XML_OPEN,    /* an element begins: wire_xml_top */
    WIRE_XML_CLOSE,   /* the innermost element ends: wire_xml_top is the one around it */
    WIRE_XML_TEXT,    /* text or is_literal; an element's text may come in several pieces */
    WIRE_XML_BAD      /* not well-formed, too deep, or a document type: nothing more comes */
};

typedef struct wire_xml {
    pu_span rest; /* what is not read yet */
    bool has_root, is_bad;
    bool is_closed;  /* the element on top was empty, <a/>: its end comes next */
    bool is_literal; /* the text is a CDATA section: it has no entities */
    pu_span text;    /* of TEXT */
    uint32_t depth;  /* elements that are open */
    wire_xml_tag open[WIRE_XML_DEPTH_MAX];
} wire_xml;

/* Begins a document; its memory stays where it is while it is read. */
void wire_xml_init(wire_xml *x, pu_span document);

/* What comes next. BAD and END come again and again. */
enum wire_xml_event wire_xml_next(wire_xml *x);

/* The innermost open element; depth must not be 0. */
const wire_xml_tag *wire_xml_top(const wire_xml *x);

/* Whether the innermost open element has that local name, whatever its prefix. */
bool wire_xml_is(const wire_xml *x, const char *name);

/* Appends the namespace of the innermost open element: nothing when it has none. out is full when
 * it does not fit. */
void wire_xml_namespace(const wire_xml *x, pu_buf *out);

/* Reads the text of the element that has just begun, to its end, into out, entities replaced. out
 * is full when it does not fit, which is not an error here. False: there is an element in it, or
 * what is BAD. */
bool wire_xml_value(wire_xml *x, pu_buf *out);

/* Passes over the element that has just begun, to its end. False: BAD. */
bool wire_xml_skip(wire_xml *x);

/* Appends raw with its entities replaced. False: an entity that is none. */
bool wire_xml_decode(pu_buf *out, pu_span raw);

/* Appends text so that it reads the same as an element's text or an attribute's. */
void wire_xml_encode(pu_buf *out, pu_span text);

#endif
