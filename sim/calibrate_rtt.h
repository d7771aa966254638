/* sim/calibrate_rtt.h - whether round trips that nodes measure are those of the data: pings through
 * the whole stack between the places of a latency file, and the paths of the hole-punch test of
 * libp2p's interoperability suite.
 */
#ifndef SIM_CALIBRATE_RTT_H
#define SIM_CALIBRATE_RTT_H

#include "sim/progress.h"

enum {
    CALIBRATE_SIDES = 2, /* fidelities: model, wire */
    CALIBRATE_QUANTILES = 7
};

/* One way from each host to the core, in `calibrate latency`. */
#define CALIBRATE_ACCESS_NS (10 * PU_MS)

/* The value that `percent` of a hundred pairs do not exceed. */
typedef struct rtt_quantile {
    uint32_t percent;
    uint64_t data_ns; /* of the file, with the access of both ends, there and back */
    uint64_t seen_ns[CALIBRATE_SIDES]; /* by pings; PU_NEVER: no ping came back */
} rtt_quantile;

/* What a latency file says and what pings say. */
typedef struct rtt_calibration {
    uint32_t sites;
    uint64_t pairs_of_all;               /* that the file has */
    uint64_t least_ns, most_ns, mean_ns; /* of them */
    uint64_t pairs;                      /* that were pinged */
    uint64_t missing[CALIBRATE_SIDES];   /* of those, the ones that no ping came back from */
    uint64_t worst_ns[CALIBRATE_SIDES];  /* how far a pair's ping was from its own data at most */
    rtt_quantile quantiles[CALIBRATE_QUANTILES];
} rtt_calibration;

/* Runs of either calibration, each with every seed, which bar counts. */
enum { CALIBRATE_LATENCY_RUNS = CALIBRATE_SIDES, CALIBRATE_PUNCH_RUNS = 2 * CALIBRATE_SIDES };

/* Pings pairs of the matrix at path: seed s plays round s of a tournament in which every two sites
 * meet once, so that as many seeds as there are sites but one ping each pair once. False: the file
 * is wrong, or a run failed, which has been said on standard error. */
bool calibrate_latency(const char *path, uint64_t first, uint64_t last, progress *bar,
                       rtt_calibration *out);

/* Round trips of one sort. */
typedef struct rtt_range {
    uint64_t count, least_ns, most_ns;
} rtt_range;

/* What was measured between two nodes whose direct way takes 200 ms and whose way through the relay
 * 250 ms. */
typedef struct punch_calibration {
    rtt_range direct; /* pings over the connection that a hole punch made */
    rtt_range relay;  /* pings over the circuit of two that no hole can be punched between */
    rtt_range agreed; /* what the words that agree on the punch took, through the relay */
    uint64_t seeds, not_direct; /* seeds; those in which no ping came over a direct connection */
} punch_calibration;

/* Runs the scenario at path, whose two ends are called home and laptop and are behind a kind of box
 * called router, at both fidelities.
 * False: it is wrong, or a run failed, which has been said. */
bool calibrate_punch(const char *path, uint64_t first, uint64_t last, progress *bar,
                     punch_calibration out[CALIBRATE_SIDES]);

#endif
