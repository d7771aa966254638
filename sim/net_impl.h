/* sim/net_impl.h - what the parts of the simulated network share: net.c (hosts and boxes),
 * net_realm.c (addresses), net_way.c (from realm to realm), net_send.c (links and datagrams),
 * net_answer.c (what is said to those that are not taken), net_gateway.c with net_upnp.c and
 * net_igd.c (boxes that hosts ask for mappings), net_line.c (links that do more than
 * most) with net_loss.c, net_queue.c, net_trace.c and net_work.c.
 */
#ifndef SIM_NET_IMPL_H
#define SIM_NET_IMPL_H

#include "sim/heap.h"
#include "sim/net.h"
#include "sim/net_queue.h"

/* ---- realms: who has which address ---- */

/* Who has an address: one word, 0 when nobody. */
typedef uint32_t member;

#define MEMBER_BOX (UINT32_C(1) << 31)
#define MEMBER_INDEX_MAX (MEMBER_BOX - 2)

static inline member member_host(uint32_t host)
{
    PU_ASSERT(host < MEMBER_INDEX_MAX);
    return host + 1;
}

static inline member member_box(uint32_t box)
{
    PU_ASSERT(box < MEMBER_INDEX_MAX);
    return MEMBER_BOX | (box + 1);
}

static inline bool member_is_box(member m)
{
    return (m & MEMBER_BOX) != 0;
}

/* The host or box that m is. */
static inline uint32_t member_index(member m)
{
    PU_ASSERT(m != 0);
    return (m & ~MEMBER_BOX) - 1;
}

/* Where a realm's addresses come from. */
enum realm_plan {
    REALM_PUBLIC = 0, /* 11.0.0.1 and on, one a /24 */
    REALM_LAN,        /* 192.168/16 */
    REALM_CARRIER,    /* 100.64/10 */
    REALM_PUBLIC_SIX, /* 2d00:0:0:: and on, one a /48, of which a host has ::1 and a box all */
    REALM_LAN_SIX     /* of such a /48 the first /64 from ::2 on; ::1 is the box */
};

/* One address space: addresses are counted, so that finding who has one is an array's element. Zero
 * but for plan is an empty realm. */
typedef struct realm {
    member first;    /* at place 0: all that there is in most homes */
    uint32_t cap;    /* of members */
    member *members; /* owned; by place, from 1 on */
    uint32_t next;   /* place tried first: addresses come back late */
    enum realm_plan plan;
    uint32_t site; /* REALM_LAN_SIX: place of its box in the realm around */
} realm;

/* Gives m an address and returns its place. */
uint32_t realm_join(realm *r, member m);

/* Takes the address at place back. */
void realm_leave(realm *r, uint32_t place);

/* The address at place, port 0. */
pu_endpoint realm_address(const realm *r, uint32_t place);

/* Where the box around a realm answers its hosts; port 0. */
pu_endpoint realm_gateway(const realm *r);

/* Who has that address; 0: nobody here. */
member realm_find(const realm *r, const uint8_t ip[16]);

/* Asks the caches for what realm_find will read. */
void realm_soon(const realm *r, const uint8_t ip[16]);

/* ---- the network ---- */

/* One random stream a host or box and purpose. */
enum net_stream {
    STREAM_PORTS = 0,
    STREAM_JITTER,
    STREAM_LOSS_UP,
    STREAM_LOSS_DOWN,
    STREAM_TCP_PORTS,
    STREAM_BURST_UP,
    STREAM_BURST_DOWN,
    STREAM_SHUFFLE,  /* what is held back, what is copied */
    STREAM_PLACE,    /* once an attachment */
    STREAM_HANDOVER, /* by number of the handover */
    STREAM_GATEWAY,  /* of a box's own TCP */
    STREAM_COUNT
};

typedef struct net_host {
    bool is_attached;
    bool has_line;  /* it has an element of net.lines that says more of its link */
    uint8_t clogs;  /* times that its link has failed and is not back */
    bool is_asleep; /* its machine: it gets nothing */
    uint32_t box, site;
    uint32_t place; /* in the realm behind box; NET_NONE: no address of IPv4 */
    net_link link;
    pu_time up_busy, down_busy; /* when the last datagram of that direction has passed */
    rng jitter, loss_up, loss_down;
} net_host;

_Static_assert(sizeof(net_host) == 128, "two cache lines: every datagram reads two of them");

enum net_direction { NET_UP = 0, NET_DOWN, NET_DIRECTIONS };

/* One direction of a line, as bursts of losses have it. */
typedef struct net_burst {
    rng draws;
    bool is_bad; /* its state, of Gilbert and Elliott's two */
} net_burst;

/* One direction of a pipe. */
typedef struct net_lane {
    pu_time busy;    /* drop-tail: when the last datagram has passed */
    bool is_passing; /* CoDel: what is in `passing` is being sent, and its event is in the queue */
    codel_item passing;
    codel control;
    codel_list waiting; /* CoDel's; drop-tail needs none */
} net_lane;

/* The rates and queues of an access link: those of one host's line, or of all hosts' of one home.
 */
typedef struct net_pipe {
    uint64_t bps[NET_DIRECTIONS];
    uint64_t queue_ns, target_ns, interval_ns; /* as in net_link and net_extra */
    const net_trace *trace;
    uint64_t trace_said_ns;            /* net_extra's trace_from_ns */
    uint64_t trace_from_ns;            /* what a run's beginning is in the trace */
    uint64_t mean_bps[NET_DIRECTIONS]; /* of the trace */
    net_lane lane[NET_DIRECTIONS];
    struct net_pipe *next; /* of the same home, with other rates */
    uint32_t number;       /* the host's; of a shared one, in net.pipes */
    bool is_shared;
} net_pipe;

/* Handshakes that a CPU has had, of late. */
typedef struct net_works net_works;

/* What few hosts have: a link with a net_extra or one that is shared, and its state. */
typedef struct net_line {
    net_extra extra;
    net_burst burst[NET_DIRECTIONS];
    rng shuffle, place;
    net_pipe own, *pipe; /* pipe: its own, or that of the home */
    pu_time cpu_busy;    /* until then */
    net_works *works;    /* owned; NULL: its CPU has had no handshake */
} net_line;

/* Hosts that do not hear each other; see net_cut. */
typedef struct net_gap {
    const uint8_t *side;
    bool one_way;
} net_gap;

/* Where a host is in the networks of IPv6. */
typedef struct net_six {
    bool is_there;
    uint32_t box, place; /* as in net_host */
} net_six;

/* Addresses that a host has left and still hears at; see net_host_linger. */
typedef struct net_old {
    uint32_t host, box, place;
    net_six six;
} net_old;

typedef struct net_box {
    nat *udp, *tcp;       /* what it does with each; nothing but the external address is common */
    const nat_type *type; /* in net.types */
    uint32_t parent;
    bool is_tapped; /* the observer sees what passes its outer side */
    realm inside;
    bool has_home;      /* some host has been attached inside */
    bool has_epoch;     /* some host has asked it since it lost its mappings */
    uint32_t home;      /* the first one: most have no other */
    pu_time epoch;      /* when the first one did */
    struct upnp *upnp;  /* owned; NULL: nobody has asked by UPnP yet */
    uint32_t household; /* whose access link hosts inside share; NET_NONE: nobody's */
    uint32_t
        home_site; /* of the first one: where a datagram goes that no mapping tells more about */
    uint64_t home_access_ns;
} net_box;

/* A datagram under way. */
typedef struct datagram {
    uint64_t id;          /* 0: this place of the slab is free */
    pu_endpoint from, to; /* as they are where it is */
    uint8_t *bytes;       /* owned, of net.bytes; NULL when empty; borrowed while it climbs */
    uint32_t len;
    uint32_t from_host;
    uint32_t realm; /* in which its destination is found: inside of that box, or NET_NONE; is_held:
                       the box */
    uint32_t next_free;
    uint32_t near; /* the host that it was for when it left, and 1, as far as mappings told; 0 */
    enum net_carriage carriage;
    enum net_kind kind;
    bool is_local; /* it stays in one LAN, and never crosses an access link */
    bool is_held;  /* a SYN that its box has not answered yet, or a word to a gateway */
    bool is_six;   /* of IPv6 */
    bool is_asked; /* is_held: a word to a gateway */
} datagram;

struct net {
    queue *q;
    const topo *sites;
    net_observer observer;
    uint8_t seeds[STREAM_COUNT][32];
    realm public, public_six;
    net_host *hosts;
    net_six *sixes; /* owned; by host; NULL: none has IPv6 */
    uint32_t six_cap;
    net_box *boxes;
    uint32_t host_count, host_cap;
    uint32_t box_count, box_cap;
    nat_type **types; /* owned, and what they point at: the boxes' */
    uint32_t type_count, type_cap;
    heap *bytes; /* of datagrams */
    datagram *slab;
    uint32_t slab_used, slab_cap, free_slot; /* free_slot: freed last, NET_NONE when none */
    uint32_t in_flight;
    uint64_t sent;    /* datagrams so far */
    net_line **lines; /* by host; NULL: it never had one */
    uint32_t line_cap;
    net_pipe **pipes; /* owned, each of them too: those that hosts share */
    uint32_t pipe_count, pipe_cap;
    net_pipe **homes; /* owned; by household: the first of its pipes, one for each different link */
    uint32_t home_cap;
    net_gap *gaps; /* those of now */
    uint32_t gap_count, gap_cap;
    uint32_t clogged; /* hosts whose link has failed */
    net_old *olds;    /* one a host at most */
    uint32_t old_count, old_cap;
};

/* The table of box that a datagram of that carriage goes through. */
static inline nat *box_nat(const net_box *box, enum net_carriage carriage)
{
    return carriage == NET_UDP || carriage == NET_UDP_UNREACHABLE ? box->udp : box->tcp;
}

/* nat_is_carrier. */
static inline bool box_is_carrier(const net_box *box)
{
    bool is_lan = box->inside.plan == REALM_LAN || box->inside.plan == REALM_LAN_SIX;
    return nat_is_carrier(box->type, is_lan);
}

/* Whether a cut keeps what `from` sends from `to`. */
bool net_is_cut(const net *n, uint32_t from, uint32_t to);

/* ---- net_way.c ---- */

/* Where host is in the networks of IPv6. */
net_six net_six_of(const net *n, uint32_t host);

/* The realm inside box; the public one of either family for NET_NONE. */
static inline const realm *way_realm(const net *n, uint32_t box, bool is_six)
{
    if (box != NET_NONE) return &n->boxes[box].inside;
    return is_six ? &n->public_six : &n->public;
}

/* Tells the observer what became of d at box. to_host as in net_record. */
void way_record(const net *n, pu_time now, const datagram *d, uint32_t to_host, uint32_t box,
                enum net_fate fate);

/* Shows the observer d, which leaves box, as it is at its outer side. box is tapped. */
void way_outside(const net *n, pu_time now, uint32_t box, const datagram *d);

/* Takes d from its host to the realm where its destination is known, translating its source. False:
 * it ended on the way, and that is recorded. */
bool way_climb(net *n, pu_time now, datagram *d);

/* The same from the realm inside box `at`, or the public one. */
bool way_climb_from(net *n, pu_time now, datagram *d, uint32_t at);

/* The host that d would reach at now if nothing filtered it, NET_NONE when no mapping tells. */
uint32_t way_peek(const net *n, pu_time now, const datagram *d);

/* Whether the boxes on its way would let d in at now. Its two ends become what its host will see of
 * them; nothing else is touched. */
bool way_is_let_in(const net *n, pu_time now, const datagram *d, pu_endpoint *from,
                   pu_endpoint *to);

/* The box or host that has d's destination address where d is; 0: nobody. */
member way_entry(const net *n, const datagram *d);

/* Takes d from its realm to a host, translating its destination. NET_NONE: it ended on the way, and
 * that is recorded. */
uint32_t way_descend(net *n, pu_time now, datagram *d);

/* The host that sent d and its own endpoint, as they are found from where d is: the way back that
 * an error takes. NET_NONE: no mapping tells (any more), or a box swallows errors. */
uint32_t way_back(const net *n, pu_time now, const datagram *d, pu_endpoint *own);

/* ---- net_send.c ---- */

/* Puts a copy of d, with bytes of its own, under way: it arrives at `at`. */
void net_put(net *n, pu_time at, const datagram *d, pu_span bytes);

/* Keeps *d, whose bytes are given with it, in the slab. */
uint32_t send_slot_take(net *n, const datagram *d);

/* A copy of d's bytes, NULL when there are none. */
uint8_t *send_bytes(net *n, pu_span bytes);

/* What d costs a link's rate, IP's headers included. */
uint32_t send_size(const datagram *d);

/* How long d takes from the end of its sender's uplink to the end of the far access link. Notes
 * whom it is for. */
uint64_t send_delay(net *n, pu_time now, datagram *d);

/* Takes the datagram in slot through the boxes to its host. */
void send_deliver(net *n, pu_time now, uint32_t slot);

/* Ends the datagram in slot where it is. */
void send_drop(net *n, pu_time now, uint32_t slot, enum net_fate fate);

/* The same, but what it was called stays until send_unpark: its bytes do not, and it is not under
 * way any more. */
void send_park(net *n, pu_time now, uint32_t slot, enum net_fate fate);
datagram send_unpark(net *n, uint32_t slot);

/* ---- net_answer.c ---- */

/* box lets d, a SYN or UDP, in to nobody: it answers as its kind does. */
void answer_unsolicited(net *n, pu_time now, uint32_t box, const datagram *d);

/* The time of a SYN that a box held has come. */
void answer_late(net *n, pu_time now, const datagram *d);

/* ---- net_gateway.c ---- */

/* Whether d, on its way out, is for box itself, which answers such words. */
bool gateway_is_meant(const net *n, uint32_t box, const datagram *d);

/* d has come to the gateway of the box that is its realm. */
void gateway_take(net *n, pu_time now, const datagram *d);

/* The address that b says is its own. */
pu_endpoint gateway_address(const net_box *b);

/* Sends bytes from that port of a box to a host beside it. */
void gateway_send(net *n, pu_time now, uint32_t box, uint16_t port, const pu_endpoint *to,
                  enum net_carriage carriage, pu_span bytes);

/* ---- net_upnp.c: the gateway by UPnP ---- */

enum { UPNP_HTTP_PORT = 5000 };

/* Whether d is for such a gateway. is_own: it goes to the box's own address. */
bool upnp_is_meant(const datagram *d, bool is_own);

void upnp_take(net *n, pu_time now, const datagram *d);

/* SIM_EV_GATEWAY. */
void upnp_tick(net *n, pu_time now, uint32_t box);

/* The box has lost its power: connections to it are gone without a word. */
void upnp_reboot(net *n, uint32_t box);
void upnp_free(net_box *b);

/* ---- net_line.c: what a host with a line sends and gets ---- */

/* The datagram in slot leaves its host, which has a line; it has climbed. */
void line_up(net *n, pu_time now, uint32_t slot);

/* The datagram in slot has reached the access link of `host`, or, local, the host itself. */
void line_down(net *n, pu_time now, uint32_t slot, uint32_t host);

void line_event(net *n, pu_time now, const sim_event *event);

/* The datagram that such an event is about. */
uint32_t line_slot(const net *n, const sim_event *event);

/* The host has been attached by another link: what waits in its own pipe goes by that. */
void line_moved(net *n, uint32_t host);

void lines_free(net *n);

/* ---- net_loss.c ---- */

/* Draws the state in which a host finds the lane of a link. */
void loss_burst_begin(net_burst *lane, const net_extra *extra);

/* Steps the lane's state and says whether this datagram is lost. */
bool loss_burst(net_burst *lane, const net_extra *extra);

/* When a link is lost by handover, and how much longer it is since the last one. */
bool loss_handover(const net *n, uint32_t host, const net_extra *extra, pu_time now,
                   uint64_t *longer_ns);

/* ---- net_work.c ---- */

/* Whether the CPU whose handshakes those are has not had this one yet, which it has now. *at may be
 * NULL. */
bool work_is_new(net *n, net_works **at, pu_time now, uint64_t work);

/* works may be NULL. */
void works_free(net_works *works);

/* ---- net_trace.c ---- */

/* When bits have passed that begin at start, as the trace has it from from_ns on. */
pu_time trace_pass(const net_trace *trace, enum net_direction direction, uint64_t from_ns,
                   pu_time start, uint64_t bits);

/* Its mean rate. */
uint64_t trace_mean(const net_trace *trace, enum net_direction direction);

#endif
