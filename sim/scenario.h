/* sim/scenario.h - a scenario file as data: what scenario_read makes of the YAML and everything
 * else works from.
 *
 * Times are ns, rates bits a second, shares parts per million. Names are resolved: nodes, types and
 * groups are indices.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "peerup/config.h"
#include "sim/net.h"
#include "sim/spell.h"

enum {
    SCENARIO_NAME_MAX = 64, /* bytes of a name, terminator included */
    SCENARIO_PATH_MAX = 1024,
    SCENARIO_CHAIN_MAX = 4,      /* boxes in a row */
    SCENARIO_RELAYS_MAX = 8,     /* relays of one node */
    SCENARIO_NODES_MAX = 100000, /* nodes, groups included */
    SCENARIO_FILE_MAX = 1 << 20, /* bytes of a scenario file */
};

#define SCENARIO_ANY UINT32_MAX /* a site drawn from the seed; no group; no node */

/* Where a value stands in the file, for errors found after reading. */
typedef struct scenario_place {
    uint32_t line, column; /* from 1 */
} scenario_place;

/* A kind of box, from `nats:`, or, behind those, from `firewalls:`. */
typedef struct scenario_nat {
    char name[SCENARIO_NAME_MAX];
    nat_type type;
} scenario_nat;

/* A kind of access link: `network.link`, or one of `links:`. */
typedef struct scenario_link {
    char name[SCENARIO_NAME_MAX]; /* empty: network.link */
    net_link link;
    net_extra extra; /* but for the CPU, which is a node's */
    scenario_place place;
} scenario_link;

/* One box of a node's `behind:` list. Boxes with the same non-empty shared name are one box. */
typedef struct scenario_box {
    uint32_t nat;                   /* index in nats */
    uint32_t number;                /* index in shared; SCENARIO_ANY: a box of its own */
    char shared[SCENARIO_NAME_MAX]; /* the part after '@'; empty: a box of its own */
} scenario_box;

/* What all uses of a shared box say of it. */
typedef struct scenario_shared {
    bool holds_boxes; /* somewhere it is not the innermost */
    uint32_t hosts;   /* that are inside at some time, at most, and not inside boxes in it */
    uint32_t home;    /* the same number wherever hosts inside share an access link; SCENARIO_ANY:
                         they share none, or nobody is there to share it */
} scenario_shared;

/* A chain of boxes, innermost first. */
typedef struct scenario_chain {
    uint32_t count;
    scenario_box box[SCENARIO_CHAIN_MAX];
} scenario_chain;

/* Where a host's IPv6 comes from. */
enum scenario_six { SCENARIO_SIX_NONE = 0, SCENARIO_SIX_PUBLIC, SCENARIO_SIX_BEHIND };

/* Which families of addresses a host has; what is around its IPv4 is a chain. */
typedef struct scenario_families {
    bool no_four; /* no IPv4 */
    enum scenario_six six;
    scenario_box wall; /* SIX_BEHIND: the firewall */
} scenario_families;

/* A parameter of peerup/config.h set by the scenario. */
typedef struct scenario_setting {
    const pu_config_info *info;
    uint64_t value;
} scenario_setting;

/* How a relay misbehaves with the bytes of circuits; see bent.h. */
typedef struct scenario_bend {
    bool is_any;
    bool swallows;       /* says yes and passes nothing on */
    uint64_t ends_ns;    /* ends a circuit after so long; 0: not */
    uint64_t ends_bytes; /* when so many bytes have passed, in both directions; 0: not */
    uint64_t bps;        /* passes on so many bits a second, of both directions; 0: all */
    pu_time from;        /* from then on */
} scenario_bend;

typedef struct scenario_node {
    char name[SCENARIO_NAME_MAX];
    uint32_t site;                              /* row of the latency matrix, SCENARIO_ANY: drawn */
    uint16_t port;                              /* UDP and TCP; 0: HOST_PORT */
    uint32_t link;                              /* index in links; SCENARIO_ANY: network.link */
    uint64_t cpu_datagram_ns, cpu_handshake_ns; /* see net_extra */
    scenario_chain behind;                      /* count 0: public */
    scenario_families families;
    uint32_t relay_count;
    uint32_t relays[SCENARIO_RELAYS_MAX]; /* nodes */
    bool is_relay;                        /* roles: [relay] */
    scenario_bend bend;                   /* of a relay */
    bool knows_all;             /* is told every other node's addresses when it connects */
    uint32_t group;             /* index in groups, SCENARIO_ANY: named in the file */
    scenario_setting *settings; /* owned by the scenario */
    uint32_t setting_count;
    scenario_place place;
} scenario_node;

/* Many nodes from one line, `groups:`. Its members are in nodes[first .. first + count), named
 * NAME-1, NAME-2, ... */
typedef struct scenario_group {
    char name[SCENARIO_NAME_MAX];
    uint32_t first, count;
    bool has_mix;               /* each member is behind one box drawn from the mix */
    uint32_t mix_weight_ppm[5]; /* eim/eif, eim/adf, eim/apdf, apdm/apdf, blocked */
    uint32_t mix_ports_ppm[3];  /* preserve, sequential, random */
    uint64_t mix_idle_ns[3];    /* p10, p50, p90 */
    uint32_t mix_hairpin_ppm;
    uint32_t mix_syn_reset_ppm; /* of TCP: they reset a SYN that is not let in, at once */
    uint32_t mix_crossing_ppm;  /* they let in a SYN from an endpoint that is called */
    bool has_pairs; /* members 1 and 2, 3 and 4, ... authorise each other, the first asks for the
                       second */
    uint64_t pairs_from_ns, pairs_until_ns; /* at a time drawn between */
    bool has_churn;                         /* members crash and come back, for the whole run */
    spell on, off;                          /* how long a member runs, and is away */
    bool has_sleep;                         /* members' machines sleep and wake, by on and off */
    bool has_roam;             /* members go to another network and come back, for the whole run */
    spell roam_on, roam_off;   /* how long one is in its own, and in the other */
    uint32_t roam_link;        /* in the other: index in links; SCENARIO_ANY: as in its own */
    scenario_chain roam_chain; /* the other one */
    bool has_roam_families;    /* others there than in its own */
    scenario_families roam_families;
    uint64_t roam_gap_ns, roam_overlap_ns; /* between the two, see scenario_event */
    bool churn_keep;                       /* what a member stored is there when it comes back */
} scenario_group;

enum scenario_event_kind {
    SCENARIO_CONNECT = 1,
    SCENARIO_CHANGE_NETWORK,
    SCENARIO_CRASH,
    SCENARIO_RESTART,
    SCENARIO_CLOCK,
    SCENARIO_CUT,    /* partition, and block: one way */
    SCENARIO_STREAM, /* a sends bytes to b through an application stream */
    SCENARIO_REBOOT, /* a box around a forgets its mappings */
    SCENARIO_REBIND, /* a box around a moves them to other ports */
    SCENARIO_SLEEP,  /* a's machine sleeps for for_ns */
    SCENARIO_SWIZZLE /* links of some of a side fail one after the other, and come back */
};

/* One entry of `events:`. */
typedef struct scenario_event {
    pu_time at;
    enum scenario_event_kind kind;
    uint32_t a, b;  /* CONNECT, STREAM: from, to. Those about one node: a */
    bool has_chain; /* CHANGE_NETWORK: behind was given; otherwise new boxes of the same types */
    scenario_chain chain;
    bool has_families; /* CHANGE_NETWORK: others than those of its line */
    scenario_families families;
    uint32_t site; /* CHANGE_NETWORK: SCENARIO_ANY: the same */
    bool has_link; /* CHANGE_NETWORK: another kind of link */
    uint32_t link; /* which one, as a node's */
    uint64_t gap_ns,
        overlap_ns;     /* CHANGE_NETWORK: how long it is in no network, or hears in both */
    bool keep;          /* RESTART: what the node stored is still there */
    int64_t by_ns;      /* CLOCK: how far the node's clock jumps */
    uint8_t *side;      /* CUT: owned; as net_cut wants it */
    bool one_way;       /* CUT */
    uint64_t for_ns;    /* CUT, SLEEP: how long */
    uint32_t share_ppm; /* SWIZZLE: so many of side 1 */
    uint64_t over_ns;   /* SWIZZLE: they take so long to fail, and after for_ns to come back */
    uint64_t bytes;     /* STREAM: how many */
    uint32_t box;       /* REBOOT, REBIND: which one, from 0: the innermost */
    scenario_place place;
} scenario_event;

enum scenario_expect_kind {
    SCENARIO_EXPECT_CONNECTED =
        1,                    /* a usable connection from a to b, or of every pair of a group */
    SCENARIO_EXPECT_PATH,     /* a's best connection to b is `path` */
    SCENARIO_EXPECT_NEVER,    /* `never` does not happen */
    SCENARIO_EXPECT_TOGETHER, /* whenever a and b, or the two of a pair, have both run for `within`
                                 since they were asked, they were connected */
    SCENARIO_EXPECT_SAYS,     /* a's node tells of `says` */
    SCENARIO_EXPECT_DELIVERED /* every stream from a to b brought all its bytes in time */
};
enum scenario_says {
    SCENARIO_SAYS_RESERVED = 1,
    SCENARIO_SAYS_RELAY_LOST,
    SCENARIO_SAYS_FAILED /* connect_failed: a connect that was asked for came to nothing in its time
                          */
};
enum scenario_path { SCENARIO_PATH_DIRECT = 1, SCENARIO_PATH_RELAY };
enum scenario_never {
    SCENARIO_NEVER_UNAUTHORIZED = 1, /* unauthorized_data: no node gets a connection or bytes from a
                                        peer it did not authorise */
    SCENARIO_NEVER_DIRECT,           /* direct: a and b never get an unrelayed connection */
    SCENARIO_NEVER_APART             /* apart: from `after` on a and b are never without one */
};

/* Names of the sorts of faults, as `kinds:` of `swarm:` has them. */
enum { SWARM_KINDS = 9 };
extern const char *const swarm_kinds[SWARM_KINDS];

/* `swarm:`: faults that the seed draws. */
typedef struct scenario_swarm {
    uint32_t kinds;      /* bit k: of swarm_kinds[k]; 0: none are drawn */
    pu_time from, until; /* all is over then */
} scenario_swarm;

/* One entry of `expect:`. */
typedef struct scenario_expect {
    char name[SCENARIO_NAME_MAX];
    enum scenario_expect_kind kind;
    enum scenario_path path;
    enum scenario_never never;
    enum scenario_says says;
    uint32_t share_ppm; /* TOGETHER: so many of the occasions at least */
    uint32_t a, b;      /* nodes; SCENARIO_ANY when not given */
    uint32_t group;     /* connected: {pairs: NAME}; otherwise SCENARIO_ANY */
    bool has_after; /* counts from `after`; otherwise from the last matching connect before it holds
                     */
    pu_time after;
    uint64_t within_ns;
    scenario_place place;
} scenario_expect;

typedef struct scenario {
    char name[SCENARIO_NAME_MAX];
    char about[512];
    char path[SCENARIO_PATH_MAX]; /* of the file */
    uint64_t duration_ns;
    bool is_wire;                   /* fidelity: wire; connections are made of real packets */
    bool is_model_crypto;           /* crypto: model; keys and signatures are hashes */
    char matrix[SCENARIO_PATH_MAX]; /* latency file, resolved against the scenario's folder; empty:
                                       rtt_ns */
    bool has_regions;               /* that file is a table of regions */
    uint64_t rtt_ns;                /* constant round trip between sites */
    scenario_link link;             /* of every host that names no other */
    scenario_link *links;
    uint32_t link_count;
    net_trace **traces; /* owned; what links' extras have */
    uint32_t trace_count;
    bool refuses;               /* machines whose node is down say that nobody listens */
    scenario_setting *settings; /* `config:` of all nodes */
    uint32_t setting_count;
    scenario_nat *nats;
    uint32_t nat_count;
    scenario_shared *shared;
    uint32_t shared_count;
    scenario_node *nodes;
    uint32_t node_count;
    scenario_group *groups;
    uint32_t group_count;
    uint32_t (*authorize)[2];
    uint32_t authorize_count; /* mutual; the pairs of groups are included */
    scenario_event *events;
    uint32_t event_count; /* in the file's order */
    scenario_swarm swarm;
    scenario_expect *expects;
    uint32_t expect_count;
    uint64_t hash[2]; /* of everything above that a run depends on: the configuration hash */
} scenario;

/* Reads and checks a scenario. overrides: "key.path=value" texts, applied before checking
 * (`--set`). NULL: at least one line "FILE:LINE:COLUMN: what is wrong, did you mean ..." was
 * written to errors. */
scenario *scenario_read(const char *path, const char *const *overrides, uint32_t override_count,
                        void *errors_file);

void scenario_free(scenario *s);

#endif
