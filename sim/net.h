/* sim/net.h - the simulated network: hosts at sites, access links, boxes in a row, and every
 * datagram's way through them.
 *
 * Realms. The public realm and the inside of each box are address spaces. A datagram climbs from
 * its host's realm through boxes (each translates its source) until its destination address is
 * known in a realm, crosses the core, and descends through boxes (each filters and translates its
 * destination) to a host. All boxes of a host sit on its side of the access link, so translation
 * happens when the host sends and when the datagram has come off the far access link.
 *
 * Delay = uplink queue + access(a) + RTT/2 between the sites + access(b) + jitter, then the
 * downlink queue, and the CPU of a slow host; hosts of one LAN are NET_LAN_NS apart, hosts of one
 * carrier are not: each is at its site. Loss, jitter, rate and queue apply once at each access
 * link, of which the hosts of one home share rate and queue (net_box_share). Public hosts and boxes
 * get one address a /24, from ranges that nodes treat as global; LANs are 192.168/16, the inside of
 * a box that has boxes inside, or its hosts at the ends of tunnels, is 100.64/10. A tunnel is a
 * longer access: whatever a host behind such a box sends or gets takes it.
 *
 * IPv6 is a public realm of its own, beside that of IPv4: a host is in either or in both, by one
 * access link. There it is public or behind one box, a firewall that translates nothing: each
 * public host and each firewall has a /48, of which all hosts behind a firewall have one /64.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim/nat.h"
#include "sim/queue.h"
#include "sim/topo.h"

#define NET_NONE UINT32_MAX /* no host, no box: the public realm */
#define NET_ABSENT \
    (UINT32_MAX - 1) /* instead of a box: not in the networks of that family at all */
#define NET_LAN_NS \
    (1 * PU_MS) /* one way between hosts of one LAN: behind the same box, which holds none */
#define NET_LAN_HOSTS_MAX ((1 << 16) - 3) /* addresses inside a box that holds no boxes */
#define NET_HEADER_BYTES \
    28 /* IPv4 and UDP: what a datagram costs a link's rate besides its payload */
#define NET_TCP_HEADER_BYTES 40 /* IPv4 and TCP: the same for a segment */
#define NET_SIX_MORE_BYTES 20   /* a header of IPv6 is so much longer than one of IPv4 */
#define NET_QUOTE_MAX 64        /* bytes of what is refused */

/* A host's access link; the same both ways unless named. */
typedef struct net_link {
    uint64_t access_ns; /* one way, host to core */
    uint64_t jitter_ns; /* spread, see dist_jitter */
    uint32_t up_loss_ppm, down_loss_ppm;
    uint64_t up_bps, down_bps; /* bits a second; 0 = unlimited */
    uint64_t queue_ns;         /* drop-tail: a datagram that would wait longer is dropped */
} net_link;

/* What a link can do per second, in periods of equal length that repeat. */
typedef struct net_trace {
    uint64_t period_ns;
    uint32_t count;              /* of periods */
    uint64_t *up_bps, *down_bps; /* owned by whoever made it; in some periods 0, never in all */
} net_trace;

#define NET_TRACE_DRAWN UINT64_MAX
#define NET_TRACE_BPS_MAX UINT64_C(10000000000)
#define NET_CPU_WAIT_NS (1 * PU_S) /* what would wait longer for its host's CPU is dropped */

/* What few links do, and few hosts. All zero: nothing. Each applies to both directions, each with
 * random streams and a state of its own. */
typedef struct net_extra {
    uint64_t access_spread_ns; /* access is longer by up to so much, drawn at each attachment */
    /* Gilbert-Elliott, a datagram a step: a link is in its good state or its bad one. */
    uint32_t enter_ppm, leave_ppm; /* good to bad and back; enter 0: there is no bad state */
    uint32_t bad_ppm, good_ppm;    /* loss in each */
    uint32_t reorder_ppm;          /* share of what the host sends that is held back */
    uint64_t reorder_ns;           /* by so much */
    uint32_t copy_ppm;             /* share of what the host sends that arrives twice */
    uint32_t mtu;                  /* bytes of the longest IP packet; 0: no limit */
    bool mtu_is_silent;            /* a black hole: no ICMP tells the sender */
    uint64_t target_ns;            /* CoDel's; 0: the queue is drop-tail */
    uint64_t interval_ns;
    const net_trace *trace; /* instead of both rates; NULL: none. Kept while hosts have it */
    uint64_t trace_from_ns; /* where in it a run begins; NET_TRACE_DRAWN: a whole period, drawn at
                               each attachment */
    /* A satellite's handover: at at_ns and every every_ns from then on (0: never) all datagrams are
     * lost for a time drawn between the two, and until the next one the way is longer by up to
     * shift_ns. */
    uint64_t handover_every_ns, handover_at_ns, outage_least_ns, outage_most_ns, shift_ns;
    /* A slow host: how long its CPU has to do for each datagram that it gets or sends, and on top
     * for each handshake, at the datagram where net_observer.work begins. What comes meanwhile
     * waits. */
    uint64_t cpu_datagram_ns, cpu_handshake_ns;
} net_extra;

/* How a datagram is marked: boxes treat UDP and TCP apart, and a TCP segment that opens a
 * connection from one that continues it. The last three say that a datagram or a SYN was not taken:
 * they come in the name of its destination and carry the beginning of it, NET_QUOTE_MAX bytes. */
enum net_carriage {
    NET_UDP = 0,
    NET_TCP,
    NET_TCP_SYN,
    NET_TCP_RESET,       /* a segment of TCP */
    NET_TCP_UNREACHABLE, /* ICMP: port unreachable */
    NET_UDP_UNREACHABLE
};

/* Whether an address is one of IPv6. What begins with 0 is IPv4 in its mapped form, or nobody's
 * here. */
static inline bool net_is_six(const pu_endpoint *e)
{
    return e->ip[0] != 0;
}

/* Whether it tells that something was not taken. */
static inline bool net_is_refusal(enum net_carriage carriage)
{
    return carriage >= NET_TCP_RESET;
}

/* What a datagram carries, for logs: the sender says so. */
enum net_kind {
    NET_KIND_OTHER = 0,
    NET_KIND_HELLO, /* handshake of the transport model */
    NET_KIND_DATA,  /* stream frames */
    NET_KIND_ACK,   /* acknowledgements only */
    NET_KIND_KEEPALIVE,
    NET_KIND_CLOSE,
    NET_KIND_PUNCH /* a node's PACKET effect: hole punch datagrams */
};

/* What became of a datagram at one place. */
enum net_fate {
    NET_SENT = 1,   /* left its host */
    NET_TRANSLATED, /* a box let it out */
    NET_DELIVERED,  /* reached its host */
    NET_LOST,       /* by the loss of a link */
    NET_QUEUE_FULL,
    NET_NO_ROUTE, /* nobody has that address (any more) */
    NET_NO_MAPPING,
    NET_FILTERED,
    NET_BLOCKED,
    NET_NO_HAIRPIN,
    NET_CUT,     /* between two hosts that a cut separates */
    NET_TOO_BIG, /* for the MTU of a link */
    NET_COPIED,  /* a link has made this one out of another: it begins here, as SENT ones do */
    NET_ASLEEP,  /* its host's machine sleeps */
    NET_PASSED   /* a firewall let it out */
};

/* One line about a datagram: endpoints as they are at that place. */
typedef struct net_record {
    pu_time at;
    uint64_t id;        /* of the datagram, from 1 */
    uint32_t from_host; /* who sent it; NET_NONE: a box, in the name of its inside */
    uint32_t to_host;   /* who got it; NET_NONE unless DELIVERED */
    uint32_t box;       /* where, NET_NONE outside of boxes */
    pu_endpoint from, to;
    uint32_t bytes; /* payload */
    enum net_carriage carriage;
    enum net_kind kind;
    enum net_fate fate;
} net_record;

/* Whom the network tells. record comes for every place a datagram passes; deliver gives it to its
 * host, bytes borrowed during the call. */
typedef struct net_observer {
    void *ctx;
    void (*record)(void *ctx, const net_record *record);
    void (*deliver)(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                    const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes);
    /* ICMP has come to host: what it sent from local to remote must be mtu bytes at most, IP header
     * included. NULL: nobody listens. */
    void (*too_big)(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                    const pu_endpoint *local, const pu_endpoint *remote, uint32_t mtu);
    /* Something is at the outer side of a box that is tapped, from and to as they are there, bytes
     * borrowed during the call. out: it leaves; otherwise it has come, whether or not the box lets
     * it in. NULL: no box is tapped. */
    void (*outside)(void *ctx, pu_time now, uint32_t box, bool out, enum net_carriage carriage,
                    const pu_endpoint *from, const pu_endpoint *to, pu_span bytes);
    /* With these bytes host's work on a handshake begins: a number for that, the same for what is
     * sent again. 0: with them none begins. Asked of hosts with a cpu_handshake_ns. NULL: never. */
    uint64_t (*work)(void *ctx, uint32_t host, enum net_carriage carriage, const pu_endpoint *local,
                     const pu_endpoint *remote, pu_span bytes);
} net_observer;

typedef struct net net;

/* Makes an empty network. topo, q and seed (32 bytes) are kept until net_free. Aborts without
 * memory. */
net *net_new(queue *q, const topo *sites, const uint8_t seed[32], const net_observer *observer);
void net_free(net *n);

/* Adds a box inside parent (NET_NONE: in the public realm) and returns its index. holds_boxes: its
 * inside is 100.64/10. A filter has no parent and holds no boxes: its realm is that of IPv6. */
uint32_t net_box_add(net *n, const nat_type *type, uint32_t parent, bool holds_boxes);

/* The box is one of that home's, which the caller numbers from 0: hosts in its LAN whose links have
 * the same rates and queues have one access link. Where boxes are inside instead, only if its type
 * says so, and then those in them too; nothing where its type has own_links. By a filter alone
 * hosts are in no home whose IPv4 is behind a box of own_links, or one with boxes inside that does
 * not share. To be said right after net_box_add. */
void net_box_share(net *n, uint32_t box, uint32_t household);

/* A box forgets all mappings, or moves them to other ports: nat_reboot, nat_rebind. The second not
 * for a filter. */
void net_box_reboot(net *n, uint32_t box);
void net_box_rebind(net *n, pu_time now, uint32_t box);

/* From now on the observer sees what passes the outer side of box. */
void net_box_tap(net *n, uint32_t box);

/* Adds a host that is attached nowhere and returns its index. */
uint32_t net_host_add(net *n);

/* Attaches host at site, behind box (NET_NONE: public), and gives it an IPv4 address there; none
 * with NET_ABSENT. It must be detached. */
void net_host_attach(net *n, uint32_t host, uint32_t box, uint32_t site, const net_link *link);

/* Gives host, which was just attached, an address of IPv6 behind that filter (NET_NONE: public). */
void net_host_attach_six(net *n, uint32_t host, uint32_t box);

/* What its link does besides, until it is detached: to be said right after net_host_attach. *extra
 * is copied. */
void net_host_extra(net *n, uint32_t host, const net_extra *extra);

/* Whether extra is anything at all. */
bool net_extra_is_any(const net_extra *extra);

/* Takes host off the network; what is under way to it becomes NO_ROUTE. */
void net_host_detach(net *n, uint32_t host);

/* Takes host off as well, but what comes to the address it had reaches it until net_host_part, or
 * until it leaves the next one so. Host may be attached elsewhere in between. */
void net_host_linger(net *n, uint32_t host);
void net_host_part(net *n, uint32_t host);

/* host's machine sleeps, or is awake again: what reaches it meanwhile becomes ASLEEP. */
void net_host_sleep(net *n, uint32_t host, bool sleeps);

/* Addresses of an attached host, that of IPv4 and that of IPv6, port 0; all zero when it has none,
 * or is detached. */
pu_endpoint net_host_address(const net *n, uint32_t host);
pu_endpoint net_host_six(const net *n, uint32_t host);

/* The box that host is attached behind with its IPv4 address, and with that of IPv6; NET_NONE when
 * public, detached, or without such an address. */
uint32_t net_host_box(const net *n, uint32_t host);
uint32_t net_host_six_box(const net *n, uint32_t host);

/* What host was told to attach with, in either family: NET_ABSENT when it is not there. */
uint32_t net_host_around(const net *n, uint32_t host, bool is_six);

/* External address of a box, of a filter its own; port 0. The box around it. */
pu_endpoint net_box_address(const net *n, uint32_t box);
uint32_t net_box_parent(const net *n, uint32_t box);
const nat_type *net_box_type(const net *n, uint32_t box);
uint32_t net_box_count(const net *n);

/* What host's endpoint (its address of remote's family, and port) looks like from the public realm
 * to remote right now. False: not mapped. */
bool net_public_view(const net *n, pu_time now, uint32_t host, uint16_t port,
                     const pu_endpoint *remote, pu_endpoint *seen);

/* Sends bytes from host's port to `to`, from its address of that family. bytes are copied; at most
 * 1,500. */
void net_send(net *n, pu_time now, uint32_t host, uint16_t port, const pu_endpoint *to,
              pu_span bytes, enum net_carriage carriage, enum net_kind kind);

/* host's machine did not take bytes, which came from remote to its port: tells remote so, as a
 * kernel does. A refusal is not answered, nor is a segment of TCP other than a SYN. */
void net_refuse(net *n, pu_time now, uint32_t host, enum net_carriage carriage, uint16_t port,
                const pu_endpoint *remote, pu_span bytes);

/* host's link fails, or is back: nothing arrives from it or at it meanwhile. As often as it failed
 * it has to come back. */
void net_host_clog(net *n, uint32_t host, bool fails);

/* Separates hosts until net_mend: side has one number a host, 0 for those that are not concerned;
 * nothing arrives from a host of one side at one of another, or, one_way, only from side 1 at
 * others. What is under way is lost as well: a cut is felt where a datagram arrives. side is kept
 * until then; it names the cut. */
void net_cut(net *n, const uint8_t *side, bool one_way);
void net_mend(net *n, const uint8_t *side);

/* SIM_EV_ARRIVE or SIM_EV_DELIVER is near: asks the caches for what its way reads, in rounds from 0
 * on. From round 1 on net_soon_host says which host it is likely to be for (NET_NONE: nobody
 * knows), and from round 2 on net_soon_bytes what it carries. */
enum { NET_SOON_ROUNDS = 4 };
void net_soon(const net *n, unsigned round, const sim_event *event);
uint32_t net_soon_host(const net *n, const sim_event *event);
pu_span net_soon_bytes(const net *n, const sim_event *event);

/* host will send: asks the caches for what is known of it; then, when it is known where to, of who
 * has that address, in NET_SOON_TO_ROUNDS rounds. */
enum { NET_SOON_TO_ROUNDS = 3 };
void net_soon_from(const net *n, uint32_t host);
void net_soon_to(const net *n, uint32_t host, const pu_endpoint *to, unsigned round);

/* Handles SIM_EV_ARRIVE, SIM_EV_DELIVER, SIM_EV_GATEWAY and SIM_EV_LINE. */
void net_event(net *n, pu_time now, const sim_event *event);

/* Whose datagram such an event is about: its sender, and whom it will reach as far as mappings
 * tell. NET_NONE: a box; nobody knows. False: it is about none. */
bool net_event_ends(const net *n, pu_time now, const sim_event *event, uint32_t *from,
                    uint32_t *to);

/* Datagrams under way. */
size_t net_in_flight(const net *n);

/* Words for logs. */
const char *net_carriage_name(enum net_carriage carriage);
const char *net_kind_name(enum net_kind kind);
const char *net_fate_name(enum net_fate fate);

#endif
