/* net-real/daemon/splice.h - an application stream and a TCP socket joined, with back-pressure both
 * ways: a side reads only what the other can take.
 *
 * An end of one side is the end of the other: FIN is a half-close, a reset a reset. Nothing is
 * stored beyond SPLICE_WINDOW bytes each way.
 */
#ifndef NET_REAL_DAEMON_SPLICE_H
#define NET_REAL_DAEMON_SPLICE_H

#include "peerup/host.h"

enum { SPLICE_WINDOW = 1 << 20 };

typedef struct splices splices;

/* With what code whoever serves a stream resets it when its own service does not answer. They
 * travel: node.h leaves codes below 0x1000 to applications.
 *
 * X(code, value, meaning) */
#define SPLICE_CODE_LIST(X)                            \
    X(REFUSED, 0x0e01, "connection refused")           \
    X(SILENT, 0x0e02, "no answer in time")             \
    X(NO_NAME, 0x0e03, "its host is not a known name") \
    X(UNREACHABLE, 0x0e04, "it cannot be reached")

enum splice_code {
#define SPLICE_CODE_VALUE(code, value, meaning) SPLICE_##code = (value),
    SPLICE_CODE_LIST(SPLICE_CODE_VALUE)
#undef SPLICE_CODE_VALUE
};

/* The meaning of one of these. NULL: code is none of them. */
const char *splice_code_text(uint32_t code);

/* How a splice ended. */
enum splice_way {
    SPLICE_OVER = 1,  /* well, or by our socket */
    SPLICE_NO_STREAM, /* there was none: code of enum pu_code, or the peer's */
    SPLICE_NO_ANSWER, /* of the service that is to be joined to it: enum splice_code */
    SPLICE_CUT        /* the peer reset the stream, or its connection was lost */
};

typedef struct splice_end {
    const char *label; /* that splice_serve or splice_open got */
    enum splice_way way;
    uint32_t code;
    pu_handle conn;          /* that carried the stream; 0: there was none */
    uint64_t received, sent; /* bytes of the peer, and to it */
} splice_end;

/* At most `max` at once. ended is told of each that ends by itself. NULL: no memory. */
splices *splices_new(pu_host *host, uint32_t max, void (*ended)(void *ctx, const splice_end *end),
                     void *ctx);
/* Closes all sockets; the streams are the host's to end. */
void splices_free(splices *s);

/* Accepts what APP OPEN offered (ef) and joins it to a new connection to address, HOST:PORT: the
 * first of HOST's addresses that answers. The stream is reset when none does, with a code of
 * enum splice_code. label is copied. */
void splice_serve(splices *s, const pu_ef *ef, const char *address, const char *label);

/* Asks for a stream to peer by protocol and joins it to fd, which is the splice's from now on.
 * Returns the token; 0: too many, or no memory, and fd is closed. label is copied. */
pu_token splice_open(splices *s, int fd, pu_span peer, pu_span protocol, const char *label);

/* Takes an APP effect of a stream, or of the answer to splice_open. False: it is no splice's. */
bool splice_effect(splices *s, const pu_ef *ef);

uint32_t splices_count(const splices *s);

#endif
