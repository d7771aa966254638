/* analysis/attempt.h - the connection attempt that the report shows packet by packet: of the named
 * pairs the first that came to a direct connection by a hole punch; else by another way from a
 * relay, else at once; and when none got direct, the first that tried a hole punch, or else the
 * first that was asked for, welcome ones before strangers. */
#ifndef ANALYSIS_ATTEMPT_H
#define ANALYSIS_ATTEMPT_H

#include "analysis/sql.h"

enum {
    ATTEMPT_BOXES_MAX = 4, /* of one side */
    ATTEMPT_RELAYS_MAX = 2,
    ATTEMPT_PLACES_MAX = 2 + 2 * ATTEMPT_BOXES_MAX + ATTEMPT_RELAYS_MAX,
    ATTEMPT_NAME_CAP = 160
};

#define ATTEMPT_AFTER_NS INT64_C(100000000) /* shown after what ends it */

typedef struct attempt_place {
    bool is_box;
    int64_t index; /* of the node or box */
    int side;      /* 1 and 2: the pair's; 0: relay */
    bool is_six;   /* a box: a firewall, for IPv6 alone */
} attempt_place;

typedef struct attempt {
    int64_t a, b, asked, from, until; /* nodes; times in ns: window */
    bool is_punch;                    /* holes were punched, or it was tried */
    bool is_direct; /* it became direct, which ends the window; none of the run did when false */
    bool is_usable; /* it became usable */
    bool is_cut; /* earlier datagrams of one that got direct, later ones of another are missing */
    attempt_place places[ATTEMPT_PLACES_MAX]; /* from left to right: relays, a, its boxes, b's, b */
    int count;
} attempt;

/* Finds it, with a window that may reach beyond its last datagram. False: there is none. */
bool attempt_find(sql *db, attempt *p);

/* The column of a node or box, -1: not shown. */
int attempt_column(const attempt *p, bool is_box, int64_t index);

/* The name of a place, as v_packet calls it. */
void attempt_name(sql *db, const attempt_place *at, char *name, size_t cap);

#endif
