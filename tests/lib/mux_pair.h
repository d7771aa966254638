/* tests/lib/mux_pair.h - two links with a TCP connection between them: a wire each way with a
 * delay, a capacity and segments, on one clock. */
#ifndef TESTS_LIB_MUX_PAIR_H
#define TESTS_LIB_MUX_PAIR_H

#include "tests/lib/mux_host.h"

enum { DIALLER = 0, LISTENER = 1, MUX_PAIR_BURSTS_MAX = 4096 };

/* Bytes of one direction that are under way. */
typedef struct mux_wire {
    uint8_t *bytes;
    size_t len, cap;
    struct {
        pu_time at; /* when they arrive */
        size_t len;
    } bursts[MUX_PAIR_BURSTS_MAX];
    uint32_t burst_count;
    uint64_t delivered;
    bool is_blocked;   /* nothing is delivered: the other side does not read */
    bool is_end_given; /* FIN or reset has arrived */
} mux_wire;

typedef struct mux_pair {
    mux_host *host[2]; /* DIALLER, LISTENER */
    mux_wire wire[2];  /* from that side to the other */
    uint64_t delay_ns; /* one way */
    uint64_t capacity; /* bytes that a wire holds */
    size_t segment;    /* bytes of one delivery at most */
    pu_time now;
    pu_time connected_at;
} mux_pair;

/* Two hosts that are not connected; configs may be changed before mux_pair_connect. */
mux_pair *mux_pair_new(void);
void mux_pair_free(mux_pair *p);

/* One dials the other, whom it expects. */
void mux_pair_connect(mux_pair *p);
/* The same, run until both are up and confirmed. */
void mux_pair_up(mux_pair *p);

void mux_pair_run(mux_pair *p, pu_time until);
/* For so long. */
void mux_pair_pass(mux_pair *p, uint64_t ns);

#endif
