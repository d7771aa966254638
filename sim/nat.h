/* sim/nat.h - one NAT box by datagram (terms of RFC 4787). It knows endpoints and time, nothing of
 * networks; TCP has a box of its own beside that of UDP (sim/net.c). A stateful firewall (RFC 6092)
 * is such a box that translates nothing: is_filter. */
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
    NAT_PRESERVE = 1, /* the inner port; on a clash the next free one */
    NAT_SEQUENTIAL,
    NAT_RANDOM,
    NAT_PARITY, /* the next free one that is even or odd as the inner port is (section 4.2.2) */
    NAT_BLOCK   /* random in a contiguous block that belongs to one inner host (RFC 6888 REQ-14) */
};
enum nat_pooling {
    NAT_PAIRED = 0, /* all mappings of an inner host share an external address (section 4.1) */
    NAT_ARBITRARY   /* each mapping draws its own */
};
enum nat_hairpin {
    NAT_HAIRPIN_NONE = 0,
    NAT_HAIRPIN_EXTERNAL, /* the receiver sees the sender's external endpoint (section 6, REQ-9a) */
    NAT_HAIRPIN_INTERNAL  /* it sees the inner one, to which its answer then goes directly */
};

/* How a box answers a SYN that it lets in to nobody (RFC 5382 section 4.3). */
enum nat_syn {
    NAT_SYN_DROP = 0,   /* silently */
    NAT_SYN_RESET,      /* at once, in the inner host's name: who calls at the same time loses */
    NAT_SYN_LATE_RESET, /* after NAT_SYN_LATE_NS, unless its own side has called by then */
    NAT_SYN_LATE_UNREACHABLE /* the same by an ICMP error: what REQ-4 asks for */
};
#define NAT_SYN_LATE_NS (6 * PU_S)

/* Bits: protocols by which hosts ask for mappings: RFC 6886, RFC 6887, UPnP's Internet gateway in
 * its versions 1 and 2, of which a box has one. */
enum nat_gateway {
    NAT_GATEWAY_PMP = 1,
    NAT_GATEWAY_PCP = 2,
    NAT_GATEWAY_UPNP = 4,
    NAT_GATEWAY_UPNP2 = 8,
    NAT_GATEWAY_IGD = NAT_GATEWAY_UPNP | NAT_GATEWAY_UPNP2
};

/* What such a box says, and does. */
enum nat_manner {
    NAT_HONEST = 0,
    NAT_IDLE,    /* says yes and maps nothing */
    NAT_PRIVATE, /* names a private address for its own */
    NAT_WRONG,   /* names somebody else's */
    NAT_SHORT,   /* grants NAT_SHORT_S at most */
    NAT_REFUSES,
    NAT_SLOW, /* answers after NAT_SLOW_NS */
    /* By UPnP alone; what else such a box speaks is honest. */
    NAT_PERMANENT,  /* takes no lease that ends */
    NAT_SAME_PORTS, /* gives a port only to the inner one of that number */
    NAT_GARBAGE,    /* describes itself by what is no XML */
    NAT_ENDLESS,    /* describes itself without end */
    NAT_REDIRECTS   /* says that its description is at somebody else's */
};
enum { NAT_MANNER_UPNP = NAT_PERMANENT }; /* from this one on */
enum { NAT_SHORT_S = 20, NAT_LIFETIME_MAX_S = 7200 };
#define NAT_SLOW_NS (3 * PU_S)

/* What a kind of box does. */
typedef struct nat_type {
    enum nat_mapping mapping;
    enum nat_filtering filtering;     /* of UDP */
    enum nat_filtering tcp_filtering; /* of TCP; 0: NAT_APDF, only the endpoint called */
    enum nat_ports ports;
    enum nat_pooling pooling;
    enum nat_hairpin hairpin;   /* how it forwards between its own inner hosts */
    uint32_t addresses;         /* external ones, at most NAT_ADDRESSES_MAX; 0: one */
    uint32_t block_ports;       /* NAT_BLOCK: ports of a block */
    uint32_t mappings_max;      /* alive at once, of each protocol; 0: as many as there are ports */
    uint32_t host_mappings_max; /* the same for one inner host */
    uint64_t udp_idle_ns;       /* a mapping that is not refreshed so long is gone */
    uint64_t udp_answered_ns;   /* the same once a datagram has come in; 0: udp_idle_ns */
    uint64_t tcp_idle_ns;       /* the same for an open connection of TCP; 0: NAT_TCP_IDLE_NS */
    uint64_t tcp_opening_ns;    /* for one that nobody answered; 0: NAT_TCP_OPENING_NS, or
                                   tcp_idle_ns when that is less */
    bool refresh_inbound;       /* inbound datagrams refresh too (outbound always do) */
    bool blocks_udp;            /* lets no UDP out at all */
    bool blocks_tcp;
    bool is_udp_443; /* lets UDP out to port 443 of others alone */
    bool is_tcp_443;
    uint64_t tunnel_ns;  /* its inside is at the far end of a tunnel, one way so long; 0: none */
    uint32_t tunnel_mtu; /* bytes of the longest IP packet that the tunnel carries; 0: no limit */
    enum nat_syn unsolicited; /* what becomes of a SYN that is not let in */
    bool no_crossing;         /* a SYN from an endpoint that is called is not let in either: no
                                 simultaneous open. Only with tcp_filtering NAT_APDF */
    bool swallows_errors;     /* lets in no ICMP error */
    bool own_links;           /* a carrier's: hosts inside have an access link each */
    bool shares_links;        /* a home's that has boxes inside: their hosts share its link too */
    bool is_filter;   /* of IPv6: an inner host's own endpoint is its outer one. With NAT_EIM and
                         NAT_PRESERVE, without hairpin, pools and gateway */
    bool refuses_udp; /* answers UDP that it lets in to nobody by ICMP */
    uint8_t gateway;  /* enum nat_gateway: what it answers to hosts inside */
    enum nat_manner manner; /* how */
} nat_type;

/* Whether hosts inside such a box are of no home, and each has an access link of his own. is_lan:
 * hosts are right inside, neither boxes nor the ends of tunnels. */
static inline bool nat_is_carrier(const nat_type *type, bool is_lan)
{
    return type->own_links || !(is_lan || type->shares_links);
}

/* Ports of an external address: those that a box chooses, from 1024 on, and all that it can keep.
 */
enum { NAT_PORTS_CHOSEN = 65536 - 1024, NAT_PORTS_ALL = 65535 };
enum { NAT_ADDRESSES_MAX = 64, NAT_BLOCK_PORTS_MIN = 64, NAT_BLOCK_PORTS_MAX = 16384 };

/* How long a box remembers a TCP connection that says nothing, open or opening: what RFC 5382
 * section 5 asks for. */
#define NAT_TCP_IDLE_NS (UINT64_C(7440) * PU_S)
#define NAT_TCP_OPENING_NS (UINT64_C(240) * PU_S)

/* The only port that some networks let out to. */
enum { NAT_PORT_HTTPS = 443 };

/* The two tables of a box: they have nothing in common but the external addresses. */
enum nat_protocol { NAT_UDP = 0, NAT_TCP };

enum nat_verdict {
    NAT_PASS = 1,
    NAT_NO_MAPPING, /* inbound: nothing is mapped at that port; outbound: no port, block or quota is
                       free */
    NAT_FILTERED,   /* inbound: mapped, but this remote was never sent to */
    NAT_BLOCKED     /* outbound: this protocol, or that port, is blocked here */
};

typedef struct nat nat;

/* Makes a box's table for one protocol. type is kept until free. externals: as many addresses as
 * the type has, port 0, copied; of a filter its own one in the network inside, whose first 14 bytes
 * all hosts share. seed: 32 bytes, kept until free; purpose: its random stream. */
nat *nat_new(const nat_type *type, enum nat_protocol protocol, const pu_endpoint *externals,
             const uint8_t seed[32], uint32_t purpose);
void nat_free(nat *n);

/* A datagram will come to n: asks the caches for what that reads. */
void nat_soon(const nat *n);

/* How many external addresses a box of that type has. */
uint32_t nat_addresses(const nat_type *type);

/* Translates an outbound datagram's source inner, sent to remote, into *outer; makes or refreshes
 * the mapping. What these five write may be one of the endpoints that they read; it changes only
 * when they succeed. */
enum nat_verdict nat_out(nat *n, pu_time now, const pu_endpoint *inner, const pu_endpoint *remote,
                         pu_endpoint *outer);

/* Translates an inbound datagram's destination outer, come from remote, into *inner. */
enum nat_verdict nat_in(nat *n, pu_time now, const pu_endpoint *remote, const pu_endpoint *outer,
                        pu_endpoint *inner);

/* The same without touching anything: for what ends a connection or tells of an error. */
enum nat_verdict nat_in_quietly(const nat *n, pu_time now, const pu_endpoint *remote,
                                const pu_endpoint *outer, pu_endpoint *inner);

/* The external endpoint that inner shows to remote at now without touching anything. False: none is
 * mapped. */
bool nat_lookup(const nat *n, pu_time now, const pu_endpoint *inner, const pu_endpoint *remote,
                pu_endpoint *outer);

/* The inner endpoint mapped at outer at now, whoever asks: no filter, nothing touched. False: none
 * is mapped. The network needs it to know whose access link a datagram is on before that datagram
 * has come to the box. */
bool nat_peek(const nat *n, pu_time now, const pu_endpoint *outer, pu_endpoint *inner);

/* Gives inner a mapping that anybody may send in by, until `until` whether or not it is used: what
 * a host asks its gateway for. One that is there is kept, with its endpoint; otherwise it gets
 * external_port when that is free, another when not, or when it is 0; is_strict: that port or
 * nothing, and what is there stays as it is. NAT_PASS: *outer is set. NAT_BLOCKED: nothing passes
 * this box; NAT_FILTERED: not that port; NAT_NO_MAPPING: no room. */
enum nat_verdict nat_map(nat *n, pu_time now, const pu_endpoint *inner, uint16_t external_port,
                         bool is_strict, pu_time until, pu_endpoint *outer);

/* inner needs its mapping no more: it goes, or is what any other is when datagrams went out by it.
 */
void nat_unmap(nat *n, const pu_endpoint *inner);

/* The same for all mappings that were asked for from this address, whatever the port. */
void nat_unmap_host(nat *n, const pu_endpoint *host);

/* Gives inner a mapping at *external_port of the first external address, as nat_map does, beside
 * any other that it has; is_any: at another port when that one is somebody else's, and
 * *external_port says which. What another port of that host has asked for there is gone. Not for
 * NAT_BLOCK. NAT_FILTERED: the port is somebody else's; NAT_NO_MAPPING: no room; NAT_BLOCKED:
 * nothing passes this box. */
enum nat_verdict nat_forward(nat *n, pu_time now, const pu_endpoint *inner, bool is_any,
                             pu_time until, uint16_t *external_port);

/* What is mapped at that port of the first external address, if its host asked for it: whose it is,
 * and until when. False: nothing. */
bool nat_forwarded(const nat *n, pu_time now, uint16_t external_port, pu_endpoint *inner,
                   pu_time *until);

/* That mapping is needed no more, as nat_unmap. */
void nat_unforward(nat *n, uint16_t external_port);

/* Whether what is mapped at outer at now is a mapping that its host asked for. */
bool nat_is_held(const nat *n, pu_time now, const pu_endpoint *outer);

/* Forgets all mappings, as a box does that has lost its power. */
void nat_reboot(nat *n);

/* Moves every mapping alive at now to another port, drawn at random: to those outside, the inner
 * hosts have moved; to those inside, nothing has happened. Without another free port it stays. */
void nat_rebind(nat *n, pu_time now);

/* What it was made of; its first external address; whether ip is one of them, or for a filter, of
 * the network inside. */
const nat_type *nat_describe(const nat *n);
pu_endpoint nat_external(const nat *n);
bool nat_owns(const nat *n, const uint8_t ip[16]);

/* Mappings alive at now. */
uint32_t nat_count(const nat *n, pu_time now);

/* A kind of box by a name, for scenarios that are not about boxes. */
typedef struct nat_profile {
    const char *name;
    nat_type type;
} nat_profile;

enum { NAT_PROFILES_MAX = 16 };

/* What a firewall does that says nothing else (RFC 6092), but for its filtering of UDP. */
extern const nat_type nat_firewall;

/* What RFC 6092 asks for at least: REC-14 and REC-35. */
#define NAT_FIREWALL_UDP_NS (120 * PU_S)
#define NAT_FIREWALL_TCP_NS NAT_TCP_IDLE_NS
#define NAT_FIREWALL_OPENING_NS NAT_TCP_OPENING_NS

/* The one at index; NULL past the last. */
const nat_profile *nat_profile_at(uint32_t index);

/* Words used in scenarios, reports and the database: "eim", "apdf", "random", "paired", "external";
 * parsing gives 0 for another word. */
const char *nat_mapping_name(enum nat_mapping m);
const char *nat_filtering_name(enum nat_filtering f);
const char *nat_ports_name(enum nat_ports p);
const char *nat_pooling_name(enum nat_pooling p);
const char *nat_hairpin_name(enum nat_hairpin h);
enum nat_mapping nat_mapping_parse(const char *word);
enum nat_filtering nat_filtering_parse(const char *word);
enum nat_ports nat_ports_parse(const char *word);

#endif
