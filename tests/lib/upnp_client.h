/* tests/lib/upnp_client.h - asks an Internet gateway for ports by UPnP, one question after the
 * other: in the simulator (tests/unit/upnp_test.c) and in the kernel lab (tests/lib/upnp_ask.c).
 *
 * It believes nobody but the gateway: neither the description nor the service may be elsewhere.
 */
#ifndef TESTS_LIB_UPNP_CLIENT_H
#define TESTS_LIB_UPNP_CLIENT_H

#include "wire/wire_http.h"
#include "wire/wire_igd_call.h"
#include "wire/wire_ssdp.h"

/* How it speaks; both wait for what comes. */
typedef struct upnp_io {
    void *ctx;
    /* Sends a search to `to` and returns the length of the first answer; 0: none came. */
    size_t (*search)(void *ctx, const pu_endpoint *to, pu_span request, uint8_t *answer,
                     size_t cap);
    /* Sends request by a connection of its own and gives what comes to *in, until that is over or
     * the connection is. */
    void (*exchange)(void *ctx, const pu_endpoint *to, pu_span request, wire_http_in *in);
} upnp_io;

enum upnp_found {
    UPNP_FOUND = 0,
    UPNP_SILENT,     /* nobody answers the search */
    UPNP_ELSEWHERE,  /* something is at another address than the gateway's */
    UPNP_UNREADABLE, /* no description, or none that can be read */
    UPNP_NO_SERVICE  /* it maps no ports */
};

typedef struct upnp_client {
    upnp_io io;
    wire_ssdp answer; /* to the search; its spans point into `datagram` */
    wire_igd description;
    wire_url control; /* of the first service */
    enum wire_igd_service service;
    enum wire_http_state ended; /* how the last exchange did */
    uint16_t status;            /* of its answer, 0: none */
    uint8_t datagram[WIRE_SSDP_DATAGRAM_MAX];
    uint8_t memory[WIRE_IGD_DOCUMENT_MAX + WIRE_HTTP_HEAD_MAX];
} upnp_client;

/* Looks for target at the gateway: by the group's address when is_group, by its own otherwise. */
enum upnp_found upnp_find(upnp_client *c, const upnp_io *io, const pu_endpoint *gateway,
                          const char *target, bool is_group);

/* Sends m, whose service is the one found unless it says another, and reads the answer into it.
 * False: none that can be read. */
bool upnp_ask(upnp_client *c, wire_igd_call *m);

/* Asks, in a fixed order, for what gateways of version 2 agree about: leases, ports asked for
 * again, and which of them lead where; own is the asker's address. In the end everything is given
 * back. Returns what was answered otherwise than it should be; NULL: nothing. */
const char *upnp_play(upnp_client *c, const pu_endpoint *own);

#endif
