/* sim/world.h - everything that one run consists of, built from a scenario and a seed. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim/app.h"
#include "sim/host.h"
#include "sim/record.h"
#include "sim/still.h"
#include "sim/watch.h"

/* Where a node is in the network. */
typedef struct world_place {
    uint32_t site;
    uint32_t link; /* of the scenario's; SCENARIO_ANY: network.link */
    pu_time start; /* of the node, for the first time */
    bool is_drawn; /* behind one box of a group's mix, of type `drawn` */
    nat_type drawn;
    rng churn; /* how long it runs, and is away; or is awake, and asleep */
    rng roam;  /* how long it is in its network, and in the other */
    /* Of a member that roams: what is around it in its own network and in the other, of either
     * family, as net_host_around has it. */
    uint32_t home_box, other_box, home_wall, other_wall;
    bool is_other;      /* it is in the other network */
    bool has_other;     /* it has been */
    pu_time wakes_at;   /* its machine sleeps until then; 0: it is awake; PU_NEVER: till the end */
    pu_time arrives_at; /* between two networks until then; 0: it is in one */
    bool has_left, has_arrived; /* while its machine slept: the node has not been told */
    bool is_lingering;          /* it is to hear at `old` as well */
    pu_endpoint old, old_six;
} world_place;

/* One entry of the script. */
enum world_do {
    WORLD_START = 1,
    WORLD_CONNECT,
    WORLD_CHANGE_NETWORK,
    WORLD_CRASH,
    WORLD_RESTART,
    WORLD_CLOCK,
    WORLD_CUT,
    WORLD_MEND,
    WORLD_STREAM,
    WORLD_REBOOT,
    WORLD_REBIND,
    WORLD_SLEEP,
    WORLD_WAKE,
    WORLD_ARRIVE, /* the gap between two networks is over */
    WORLD_PART,   /* their overlap is */
    WORLD_ROAM,
    WORLD_CLOG, /* a's link fails */
    WORLD_UNCLOG,
    WORLD_SWIZZLE, /* its links are in the script already */
    WORLD_BENT     /* something is due at a relay that misbehaves: a; b: its circuit */
};
typedef struct world_entry {
    pu_time at;
    enum world_do what;
    uint32_t a, b;               /* nodes; STREAM: a is a transfer's number */
    const scenario_event *event; /* NULL: drawn, by churn or pairs */
    bool is_done;
} world_entry;

/* Counts for the result. */
enum world_metric {
    METRIC_DIALS = 0,    /* legs, circuits and those of hole punches too */
    METRIC_DIALS_WASTED, /* cancelled or failed */
    METRIC_PUNCHES,      /* counted where they begin: at the side that accepted the circuit */
    METRIC_PUNCHES_OK,
    METRIC_PUNCHES_FAILED,
    METRIC_REFUSED,
    METRIC_CONNECTIONS, /* these two are the judge's */
    METRIC_STREAMS,
    METRIC_DATAGRAMS,
    METRIC_DELIVERED,
    METRIC_LOST,     /* by links */
    METRIC_FILTERED, /* by boxes */
    METRIC_UNROUTABLE,
    METRIC_UNDER_WAY, /* at the end */
    METRIC_COUNT
};

typedef struct world {
    const scenario *s;
    uint8_t seed[32];     /* of the run; every stream derives from it */
    uint8_t net_seed[32]; /* of the network */
    uint8_t churn_seed[32], roam_seed[32], swarm_seed[32];
    uint32_t swizzles;      /* so far */
    scenario_event **drawn; /* owned, each of them too: what a swarm drew */
    uint32_t drawn_count, drawn_cap;
    rng draws;   /* sites, mixes, times of groups */
    rng tcp_mix; /* what boxes of mixes do with TCP */
    topo *sites;
    host_world hosts_share;
    host *hosts;         /* by node */
    world_place *places; /* by node */
    const char **names;  /* of a capture's interfaces; NULL: there is none */
    bool *is_captured;   /* by node; NULL: all are, or none is */
    uint32_t *taps;      /* by box: interface of a capture, and 1; 0: the box is not in it */
    uint32_t tap_cap;
    pu_config **configs; /* owned, each of them too; the different ones of this run */
    uint32_t config_count, config_cap;
    uint32_t *node_of_peer;
    uint32_t node_of_peer_count;
    uint32_t *box_owner, *box_nat;
    uint32_t box_owner_cap, box_nat_cap; /* by box */
    uint32_t *shared;    /* boxes by number of the shared box; NET_NONE: not there yet */
    struct bent **bents; /* by node, of relays that misbehave; NULL: there are none */
    world_entry *script;
    uint32_t script_cap, script_count;
    watch judge;
    apps apps;
    record log;
    still still;
    const run_options *options; /* borrowed, as long as the run */
    uint64_t events;
    uint64_t commands_shed; /* commands that a node refused for want of memory or room */
    uint64_t metrics[METRIC_COUNT];
} world;

/* Builds the network and the hosts, and puts the script into the queue. False: a line was printed
 * on stderr (the latency file is bad). w must not move afterwards. */
bool world_build(world *w, const scenario *s, const run_options *options);
void world_close(world *w);

/* Attaches node behind a chain of new boxes (shared ones are found) at its site, in these families.
 * chain NULL: the one of its scenario line or its group's mix; families NULL: those of its line.
 * fresh: shared boxes are not looked for. */
void world_attach(world *w, uint32_t node, const scenario_chain *chain,
                  const scenario_families *families, bool fresh);

/* Attaches node behind a box and a firewall that are there; see net_host_around. */
void world_attach_box(world *w, uint32_t node, uint32_t box, uint32_t wall);

/* Does one entry of the script. */
void script_build(world *w);
void script_do(world *w, uint32_t entry);

/* Adds an entry to it, unless it would come after the end. */
void script_add(world *w, world_entry entry);

/* The node behind a binary peer id; SCENARIO_ANY: none of this run. */
uint32_t world_node(const world *w, pu_span peer);

#endif
