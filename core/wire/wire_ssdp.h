/* wire/wire_ssdp.h - the search for devices and its answer (UPnP Device Architecture 2.0 sections
 * 1.3.2 and 1.3.3; those of 1.0 and 1.1 are read too). */
#ifndef WIRE_SSDP_H
#define WIRE_SSDP_H

#include "wire/wire_url.h"

enum {
    WIRE_SSDP_PORT = 1900,
    WIRE_SSDP_DATAGRAM_MAX = 1400, /* bytes of a datagram; longer ones are not read */
    WIRE_SSDP_WRITTEN_MAX = 1024,  /* of what wire_ssdp_write makes of what wire_ssdp_read takes */
    WIRE_SSDP_TEXT_MAX = 200       /* bytes of target, usn and server each */
};

/* 239.255.255.250, where all devices hear searches. */
#define WIRE_SSDP_GROUP ((const uint8_t[4]){239, 255, 255, 250})

/* Fields that a message does not carry are 0. Spans point into the datagram. */
typedef struct wire_ssdp {
    bool is_answer;
    pu_span target;     /* ST: what is searched for, or what this is; not empty */
    uint32_t wait_s;    /* MX, search: it may be answered within so long; 0: not said, so only one
                           that was sent to the device alone is answered */
    wire_url location;  /* answer: where the device is described */
    pu_span usn;        /* answer: which device and what of it; empty when not said */
    pu_span server;     /* answer: its system and version; empty when not said */
    uint32_t max_age_s; /* answer: how long it may be believed; 0: not said */
    uint32_t boot_id;   /* answer: greater after each restart; 0: not said */
} wire_ssdp;

/* Reads a datagram. False: neither, too long, a search without its target or without
 * "ssdp:discover", an answer that is not 200, or whose location is no URL of wire_url.h. */
bool wire_ssdp_read(wire_ssdp *m, pu_span datagram);

/* Appends m. A search with wait_s is sent to WIRE_SSDP_GROUP, one without it to `to` alone: that is
 * what it names as its host. */
void wire_ssdp_write(pu_buf *out, const wire_ssdp *m, const pu_endpoint *to);

#endif
