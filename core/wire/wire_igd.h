/* wire/wire_igd.h - how an Internet gateway describes itself: the services that map ports, and
 * where they are controlled (UPnP Device Architecture 2.0 section 2.3, WANIPConnection:1 and 2,
 * WANPPPConnection:1).
 */
#ifndef WIRE_IGD_H
#define WIRE_IGD_H

#include "wire/wire_url.h"

enum {
    WIRE_IGD_OFFERS_MAX = 4,
    WIRE_IGD_DOCUMENT_MAX = 64 * 1024, /* bytes of a description that are worth reading */
    WIRE_IGD_WRITTEN_MAX = 8 * 1024,   /* of what wire_igd_write makes */
    WIRE_IGD_UDN_MAX = 64,
    WIRE_IGD_TYPE_MAX = 64 /* bytes of a type's name that can be one of ours */
};

/* Sorts of services that map ports. */
enum wire_igd_service { WIRE_IGD_NONE = 0, WIRE_IGD_IP1, WIRE_IGD_IP2, WIRE_IGD_PPP1 };

/* The service's type, "urn:schemas-upnp-org:service:WANIPConnection:1"; and back, NONE for another.
 */
const char *wire_igd_type(enum wire_igd_service service);
enum wire_igd_service wire_igd_service_of(pu_span type);

/* A URL as it was written: not empty unless said; printable or not. */
typedef struct wire_igd_text {
    uint16_t len;
    uint8_t bytes[WIRE_URL_MAX];
} wire_igd_text;

typedef struct wire_igd_offer {
    enum wire_igd_service service;
    wire_igd_text control;
} wire_igd_offer;

/* What of a description matters. */
typedef struct wire_igd {
    wire_igd_text base;                         /* URLBase, of version 1.0; may be empty */
    uint32_t count;                             /* offers; 0: it maps no ports */
    wire_igd_offer offers[WIRE_IGD_OFFERS_MAX]; /* in the document's order; surplus ones are not
                                                   kept */
} wire_igd;

/* Reads a description, elements by their local names wherever they stand. Services of other types,
 * or without an address, or with one too long, are passed over. False: longer than
 * WIRE_IGD_DOCUMENT_MAX, or not well-formed. */
bool wire_igd_read(wire_igd *d, pu_span document);

/* Where offer `index` is controlled, when the description was found at location. An URLBase that
 * cannot be read is passed over. False: at no URL of wire_url.h. A caller must look whose address
 * it is: a device may name anybody's. */
bool wire_igd_control(wire_url *u, const wire_igd *d, uint32_t index, const wire_url *location);

/* Appends a description of a gateway of that version (1 or 2), whose devices are named by udn,
 * "uuid:...", of at most WIRE_IGD_UDN_MAX bytes, with a digit after it: "0", "1" and "2" for the
 * one inside each. */
void wire_igd_write(pu_buf *out, const wire_igd *d, uint32_t version, pu_span name, pu_span udn);

#endif
