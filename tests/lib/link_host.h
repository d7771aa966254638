/* tests/lib/link_host.h - the host of one link made of toy carriers, for tests that are told what
 * to expect line by line: the test plays the network and the node.
 *
 * Every input that the link gives the node is judged (boundary.h), written down, and answered as
 * `host` says: verdicts, room. So is every other effect.
 */
#ifndef TESTS_LIB_LINK_HOST_H
#define TESTS_LIB_LINK_HOST_H

#include "tests/lib/boundary.h"
#include "tests/lib/link_toy.h"
#include "tests/unit/fault_heap.h"

enum { LINK_HOST_LOG_MAX = 1 << 17 };

typedef struct link_host {
    fault_heap heap;
    pu_alloc alloc;
    pu_config config;
    pu_crypto crypto;
    pu_crypto_model key;
    pu_link_env env;
    pu_link *link;
    pu_link_out *out;
    bool has_lent_out; /* out is the test's */
    boundary law;
    pu_time now;
    uint32_t accept_code, secured_code; /* verdicts; 0: allow */
    bool is_silent;                     /* nothing is written down */
    uint32_t inputs, sent;              /* inputs and datagrams of the latest step */
    uint64_t tcp_close;                 /* the last TCP connection that was closed */
    pu_token tcp_token;                 /* of the latest TCP_DIAL */
    pu_handle conn, stream;             /* the latest that came up */
    pu_token token;                     /* the latest that was used */
    char log[LINK_HOST_LOG_MAX];
    size_t log_len;
} link_host;

/* Makes h; config, when it was not set, gets its defaults, and out one of its own. False: no memory
 * (heap.fail_at). */
bool link_host_open(link_host *h);
void link_host_close(link_host *h);
/* A new one, on the heap, at 1 s. */
link_host *link_host_new(void);
void link_host_free(link_host *h);

/* One step, and what the node answers. Returns what pu_link_step did. */
int link_host_step(link_host *h, pu_link_in *in);
/* One effect of the node. */
int link_host_effect(link_host *h, pu_ef ef);
/* TICKs until nothing is due now. */
void link_host_settle(link_host *h);
/* Moves the clock to `until`, with the TICKs that come due. */
void link_host_run(link_host *h, pu_time until);

/* ---- short forms, for port P of host 10.0.0.9 and TCP connection t ---- */

void link_host_datagram(link_host *h, uint16_t port, pu_span bytes);
int link_host_tcp_data(link_host *h, uint64_t tcp, pu_span bytes, bool fin);
/* One command, to the connection of that port, or of that TCP connection. */
void link_host_say(link_host *h, uint16_t port, enum toy_op op, uint32_t id, uint32_t argument);
void link_host_say_tcp(link_host *h, uint64_t tcp, enum toy_op op, uint32_t id, uint32_t argument);

/* Forgets what was written down. */
void link_host_forget(link_host *h);

#endif
