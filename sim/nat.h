/* sim/nat.h - one NAT box by datagram (terms of RFC 4787). It knows endpoints and time, nothing of
 * networks; TCP has a box of its own beside that of UDP (sim/net.c). */
#ifndef SIM_NAT_H
#define SIM_NAT_H

#include "base/rng.h"
#include "peerup/ident.h"

enum nat_mapping {
    NAT_EIM = 1,
    NAT_ADM,
    NAT_APDM
}; /* endpoint-independent, address-, address-and-port-dependent */
enum nat_filtering { NAT_EIF = 1, NAT_ADF, NAT_APDF };
enum nat_ports {
    NAT_PRESERVE = 1,
    NAT_SEQUENTIAL,
    NAT_RANDOM
}; /* preserve falls back to sequential on a clash */

/* What a kind of box does. */
typedef struct nat_type {
    enum nat_mapping mapping;
    enum nat_filtering filtering;
    enum nat_ports ports;
    uint64_t udp_idle_ns; /* a mapping that is not refreshed so long is gone */
    uint64_t tcp_idle_ns; /* the same for TCP; 0: NAT_TCP_IDLE_NS. sim/net.c reads it */
    bool hairpin;         /* forwards between its own inner hosts through its external address */
    bool refresh_inbound; /* inbound datagrams refresh too (outbound always do) */
    bool blocks_udp;      /* lets no UDP out at all */
} nat_type;

/* How long a box remembers a TCP connection that says nothing: what RFC 5382 section 5 asks for. */
#define NAT_TCP_IDLE_NS (UINT64_C(7440) * PU_S)

enum nat_verdict {
    NAT_PASS = 1,
    NAT_NO_MAPPING, /* inbound: nothing is mapped at that port; outbound: no port is free */
    NAT_FILTERED,   /* inbound: mapped, but this remote was never sent to */
    NAT_BLOCKED     /* outbound: UDP is blocked here */
};

typedef struct nat nat;

/* Makes a box with external address external (port 0). seed: 32 bytes, kept until free; purpose:
 * its random stream. */
nat *nat_new(const nat_type *type, const pu_endpoint *external, const uint8_t seed[32],
             uint32_t purpose);
void nat_free(nat *n);

/* Translates an outbound datagram's source inner, sent to remote, into *outer; makes or refreshes
 * the mapping. */
enum nat_verdict nat_out(nat *n, pu_time now, const pu_endpoint *inner, const pu_endpoint *remote,
                         pu_endpoint *outer);

/* Translates an inbound datagram's destination outer, come from remote, into *inner. */
enum nat_verdict nat_in(nat *n, pu_time now, const pu_endpoint *remote, const pu_endpoint *outer,
                        pu_endpoint *inner);

/* The external endpoint that inner shows to remote at now without touching anything. False: none is
 * mapped. */
bool nat_lookup(const nat *n, pu_time now, const pu_endpoint *inner, const pu_endpoint *remote,
                pu_endpoint *outer);

/* The inner endpoint mapped at outer at now, whoever asks: no filter, nothing touched. False: none
 * is mapped. The network needs it to know whose access link a datagram is on before that datagram
 * has come to the box. */
bool nat_peek(const nat *n, pu_time now, const pu_endpoint *outer, pu_endpoint *inner);

/* What it was made of; its external address. */
const nat_type *nat_describe(const nat *n);
pu_endpoint nat_external(const nat *n);

/* Mappings alive at now. */
uint32_t nat_count(const nat *n, pu_time now);

/* Words used in scenarios, reports and the database: "eim", "apdf", "random"; parsing gives 0 for
 * another word. */
const char *nat_mapping_name(enum nat_mapping m);
const char *nat_filtering_name(enum nat_filtering f);
const char *nat_ports_name(enum nat_ports p);
enum nat_mapping nat_mapping_parse(const char *word);
enum nat_filtering nat_filtering_parse(const char *word);
enum nat_ports nat_ports_parse(const char *word);

#endif
