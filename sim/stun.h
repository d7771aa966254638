/* sim/stun.h - STUN binding requests and responses with what RFC 5780 adds: enough to find out how
 * a NAT behaves, against a server of ours or any other (RFC 5389 section 6, RFC 5780 section 7).
 */
#ifndef SIM_STUN_H
#define SIM_STUN_H

#include "peerup/ident.h"

enum { STUN_ID_BYTES = 12, STUN_MAX = 128 };

typedef struct stun_message {
    bool is_response; /* a success; otherwise a request */
    uint8_t id[STUN_ID_BYTES];
    bool change_ip, change_port; /* request: answer from elsewhere (CHANGE-REQUEST) */
    pu_endpoint mapped; /* response: who asked, as seen (XOR-MAPPED-ADDRESS); port 0: none */
    pu_endpoint other;  /* response: where else the server listens (OTHER-ADDRESS); port 0: none */
} stun_message;

/* Writes m and returns its length. */
size_t stun_write(uint8_t out[STUN_MAX], const stun_message *m);

/* Reads a binding request or success response; attributes that it does not know are passed over.
 * False: it is neither, or damaged. */
bool stun_read(stun_message *m, pu_span bytes);

#endif
