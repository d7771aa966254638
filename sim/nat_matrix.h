/* sim/nat_matrix.h - every kind of NAT against every other: which pairs get a direct connection.
 *
 * A cell is a run of its own: a public relay, and two nodes that both reserve there, each behind
 * one box; one asks for the other. Nothing is lost on the way, so that what comes of it is the
 * boxes' and the protocol's doing.
 */
#ifndef SIM_NAT_MATRIX_H
#define SIM_NAT_MATRIX_H

#include "sim/nat.h"

enum nat_cell_result {
    NAT_CELL_NONE = 0, /* not even a relayed connection */
    NAT_CELL_RELAY,    /* a relayed one, and no direct one in a minute */
    NAT_CELL_DIRECT
};

/* A kind of box, as the matrix tells them apart. */
typedef struct nat_kind {
    enum nat_mapping mapping;
    enum nat_filtering filtering;
} nat_kind;

enum {
    NAT_MATRIX_RTT_MS = 80, /* between the sites of any two; each has its access besides */
    NAT_MATRIX_ACCESS_MS = 10,
    NAT_MATRIX_ROUND_TRIP_MS = NAT_MATRIX_RTT_MS + 4 * NAT_MATRIX_ACCESS_MS,
    NAT_KINDS = NAT_APDM * NAT_APDF,
    NAT_PAIRS = NAT_KINDS * NAT_KINDS,
    NAT_CELLS = 2 * NAT_PAIRS
};

typedef struct nat_cell {
    nat_kind a, b; /* a's node asks for b's */
    bool hairpin;  /* of both boxes */
    enum nat_cell_result result;
    uint64_t took_ns; /* from the question to the direct connection; PU_NEVER when there is none */
} nat_cell;

typedef struct nat_matrix {
    enum nat_ports ports; /* how all boxes choose ports */
    bool is_wire;         /* fidelity */
    uint64_t seed;
    nat_cell cells[NAT_CELLS]; /* without hairpin first, then by a, then by b; those of a kind by
                                  mapping, then by filtering */
} nat_matrix;

/* Fills in m->cells, from ports, is_wire and seed. False: a run failed, and stderr has a line. */
bool nat_matrix_run(nat_matrix *m);

/* "direct", "relay", "none". */
const char *nat_cell_name(enum nat_cell_result result);

#endif
