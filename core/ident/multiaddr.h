/* ident/multiaddr.h - the table of multiaddr protocols, shared by the binary and the text form. */
#ifndef IDENT_MULTIADDR_H
#define IDENT_MULTIADDR_H

#include "base/bytes.h"

/* What a protocol's value is: how its bytes are checked and how they look as text. */
enum maddr_kind {
    MADDR_NONE = 0, /* no value */
    MADDR_IP4,
    MADDR_IP6,
    MADDR_PORT,     /* 2 bytes */
    MADDR_NUMBER8,  /* 1 byte, decimal in text */
    MADDR_NUMBER64, /* 8 bytes, decimal in text */
    MADDR_NAME,     /* printable UTF-8 without '/' */
    MADDR_PATH,     /* printable UTF-8 that begins with '/'; takes the rest of the address */
    MADDR_ESCAPED,  /* any bytes, percent-encoded in text */
    MADDR_PEER,     /* peer id */
    MADDR_HASH,     /* multihash */
    MADDR_ONION,    /* base32 of an address, ':' and a port */
    MADDR_GARLIC64, /* I2P destination */
    MADDR_GARLIC32  /* I2P hash */
};

enum { MADDR_VARIABLE = 255 }; /* as value_bytes: a varint length comes first */

/* One row of the table. */
typedef struct maddr_protocol {
    uint32_t code;
    uint8_t value_bytes; /* size of the value, or MADDR_VARIABLE */
    enum maddr_kind kind;
    const char *name; /* in text */
} maddr_protocol;

/* The protocol with that code, under its canonical name; NULL when there is none. */
const maddr_protocol *maddr_by_code(uint64_t code);

/* The protocol with that name or alias; NULL when there is none. */
const maddr_protocol *maddr_by_name(pu_span name);

/* Whether value is a value of p: what both forms accept is what this accepts. */
bool maddr_value_valid(const maddr_protocol *p, pu_span value);

#endif
