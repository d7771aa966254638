/* wire/wire_http.h - HTTP/1.1 (RFC 9112) as far as UPnP needs it: heads, also those of SSDP's
 * datagrams, and whole messages that come in pieces.
 *
 * Stricter than the RFC asks where it lets a receiver choose: no folded lines, no blanks before a
 * colon, no message with both Content-Length and Transfer-Encoding, no coding but chunked.
 */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "base/bytes.h"

enum {
    WIRE_HTTP_HEAD_MAX =
        4096, /* bytes of a head, its empty line included; and of what precedes it */
    WIRE_HTTP_FIELDS_MAX = 64,
    WIRE_HTTP_LINE_MAX = 256,    /* bytes of the line before a chunk */
    WIRE_HTTP_TRAILER_MAX = 4096 /* bytes behind the last chunk */
};

/* A head. Spans point into what was read. */
typedef struct wire_http {
    bool is_response;
    uint16_t status;        /* responses: 100 to 999 */
    pu_span method, target; /* requests; neither is empty nor has blanks */
    pu_span fields;         /* the lines behind the first one */
} wire_http;

/* Reads a head, up to its empty line or, when there is none, the end of bytes. False: it is longer
 * than WIRE_HTTP_HEAD_MAX, not of HTTP/1, or has a line that is none of its. */
bool wire_http_read(wire_http *m, pu_span bytes);

/* Takes the next field off *fields, which are those of a head that was read, value without the
 * blanks around it. False: there is none. */
bool wire_http_next(pu_span *fields, pu_span *name, pu_span *value);

/* The value of the first field of that name, letters of either case. False: there is none; *value
 * is empty. */
bool wire_http_field(const wire_http *m, const char *name, pu_span *value);

enum wire_http_state {
    WIRE_HTTP_HEAD = 0,
    WIRE_HTTP_BODY, /* so many bytes */
    WIRE_HTTP_CHUNK_LINE,
    WIRE_HTTP_CHUNK,
    WIRE_HTTP_CHUNK_END,
    WIRE_HTTP_TRAILER,
    WIRE_HTTP_UNTIL_END, /* of the connection */
    WIRE_HTTP_DONE,
    WIRE_HTTP_BAD,     /* it is not HTTP, or ended early */
    WIRE_HTTP_TOO_LONG /* for the memory it was given, or for a limit above */
};

/* One message that comes in pieces. How it is cut makes no difference. */
typedef struct wire_http_in {
    pu_buf text;    /* the head, and behind it the body without its framing */
    wire_http head; /* from DONE or any state of the body on */
    size_t head_len;
    uint64_t left; /* bytes of the body, or of this chunk, that are to come */
    enum wire_http_state state;
    uint32_t passed_len;  /* of empty lines and interim responses before the message */
    uint32_t line_len;    /* of the line that comes, without its end */
    uint32_t trailer_len; /* of all lines behind the last chunk */
    uint32_t digits;      /* of the chunk's length */
    bool has_cr;          /* the last byte was one */
    bool is_extension;    /* the chunk's length is over */
} wire_http_in;

/* Begins a message. memory of cap bytes is kept while it is read, and takes head and body. */
void wire_http_in_init(wire_http_in *in, void *memory, size_t cap);

/* Takes bytes off the front of *bytes until the message is over (wire_http_in_is_over) or they are:
 * what is left then belongs to the next one. Interim responses (1xx) and empty lines before it are
 * passed over, WIRE_HTTP_HEAD_MAX bytes of them at most. */
void wire_http_in_take(wire_http_in *in, pu_span *bytes);

/* The connection has ended: the message is DONE, if it could end so, or BAD. */
void wire_http_in_end(wire_http_in *in);

/* Whether its state is DONE, BAD or TOO_LONG. */
bool wire_http_in_is_over(const wire_http_in *in);

/* The body, of a message that is DONE. */
pu_span wire_http_in_body(const wire_http_in *in);

/* Appends a field. value must have no control bytes. */
void wire_http_put(pu_buf *out, const char *name, pu_span value);

/* Makes what out has from body_at on the body of a message: puts head, which is a first line and
 * fields, before it, with the length and the empty line. */
void wire_http_frame(pu_buf *out, size_t body_at, pu_span head);

#endif
