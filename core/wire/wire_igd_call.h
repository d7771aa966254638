/* wire/wire_igd_call.h - what is asked of a gateway's service, and what it answers: SOAP 1.1 as
 * UPnP has it (Device Architecture 2.0 section 3; WANIPConnection:1 section 2.4, WANIPConnection:2
 * section 2.5).
 */
#ifndef WIRE_IGD_CALL_H
#define WIRE_IGD_CALL_H

#include "wire/wire_igd.h"

enum {
    WIRE_IGD_CALL_MAX = 16 * 1024, /* bytes of a message that are worth reading */
    WIRE_IGD_CALL_WRITTEN_MAX = 2 * 1024,
    WIRE_IGD_NOTE_MAX = 64,
    WIRE_IGD_LEASE_MAX_S = 604800 /* WANIPConnection:2: the longest lease */
};

enum wire_igd_action {
    WIRE_IGD_ADD = 1, /* AddPortMapping */
    WIRE_IGD_ADD_ANY, /* AddAnyPortMapping, of WANIPConnection:2 alone */
    WIRE_IGD_DELETE,  /* DeletePortMapping */
    WIRE_IGD_ADDRESS, /* GetExternalIPAddress */
    WIRE_IGD_FIND     /* GetSpecificPortMappingEntry */
};

/* Codes of faults; others are refusals too. */
enum wire_igd_error {
    WIRE_IGD_OK = 0,
    WIRE_IGD_INVALID_ACTION = 401,
    WIRE_IGD_INVALID_ARGS = 402,
    WIRE_IGD_ACTION_FAILED = 501,
    WIRE_IGD_NOT_AUTHORIZED = 606,
    WIRE_IGD_NO_SUCH_ENTRY = 714,
    WIRE_IGD_NO_WILDCARD_PORT = 716, /* the external port may not be 0 */
    WIRE_IGD_CONFLICT = 718,         /* that external port is another host's */
    WIRE_IGD_SAME_PORTS = 724,       /* internal and external port must be equal */
    WIRE_IGD_ONLY_PERMANENT = 725,   /* no lease but 0 */
    WIRE_IGD_WILDCARD_HOST = 726,    /* the remote host must be left empty */
    WIRE_IGD_NO_MAPS = 728           /* it has no room for more */
};

/* Fields that a message does not carry are 0. Addresses are 16 bytes, IPv4 in its mapped form;
 * all 0: an empty text. */
typedef struct wire_igd_call {
    enum wire_igd_service service;
    enum wire_igd_action action; /* 0 in a fault, which does not say */
    bool is_answer;
    uint16_t error;                  /* enum wire_igd_error of a fault; only answers */
    bool is_tcp;                     /* requests but ADDRESS; else UDP */
    bool is_enabled;                 /* requests ADD, ADD_ANY, answer to FIND */
    uint8_t remote_ip[16];           /* requests but ADDRESS: who may send in; 0: anybody */
    uint16_t external_port;          /* requests but ADDRESS, answer to ADD_ANY */
    uint16_t internal_port;          /* requests ADD, ADD_ANY, answer to FIND */
    uint8_t internal_ip[16];         /* the same */
    uint32_t lease_s;                /* the same; 0: without end, or WIRE_IGD_LEASE_MAX_S */
    uint8_t external_ip[16];         /* answer to ADDRESS; 0: it has none, or says no number */
    uint8_t note_len;                /* requests ADD, ADD_ANY, answer to FIND */
    uint8_t note[WIRE_IGD_NOTE_MAX]; /* the description; a longer one is read as empty */
} wire_igd_call;

/* Reads the body of a request or an answer. OK; INVALID_ACTION: the message is none of those above;
 * INVALID_ARGS: an argument is missing, or not of its type. ACTION_FAILED: no such message at all:
 * too long, or not well-formed. A fault that names no code has ACTION_FAILED in it. */
enum wire_igd_error wire_igd_call_read(wire_igd_call *m, pu_span body);

/* Appends the body of m. A fault is an answer with an error. */
void wire_igd_call_write(pu_buf *out, const wire_igd_call *m);

/* The value of the field SOAPACTION, with its quotes: appended, and read. False: another service,
 * or no action of it. */
void wire_igd_header_write(pu_buf *out, const wire_igd_call *m);
bool wire_igd_header_read(wire_igd_call *m, pu_span value);

/* Appends a whole request to a service at that URL, head and body: of m, or, when that is NULL, for
 * what is there. The connection is to be closed after the answer. */
void wire_igd_request(pu_buf *out, const wire_url *to, const wire_igd_call *m);

/* Makes what out has from body_at on the body of an answer with that status, 200 to 599. */
void wire_igd_respond(pu_buf *out, size_t body_at, uint16_t status);

#endif
