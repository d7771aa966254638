/* sim/calibrate_mix.h - whether populations drawn from a table of mixes have the table's shares:
 * each box is drawn as a run draws it, and behaviour discovery (RFC 5780) says from behind it what
 * it is, and calls over TCP what it does with those.
 *
 * A share is to be within a point and a half of the table's. What was drawn differs from that by
 * chance as well, and of all shares of a table one may do so by more: where chance explains what is
 * outside, it says nothing yet, and more boxes are drawn until chance does not reach that far.
 */
#ifndef SIM_CALIBRATE_MIX_H
#define SIM_CALIBRATE_MIX_H

#include "sim/calibrate.h"
#include "sim/scenario.h"

enum {
    CALIBRATE_MIX_ROWS = 14, /* five kinds, three ways to choose ports, hairpin, three idle times,
                                two of TCP */
    CALIBRATE_MIX_BOXES = 10000,    /* drawn from each profile and seed */
    CALIBRATE_MIX_BAND_PPM = 15000, /* how far a share may be from the table's */
    /* So many tenths of its standard error may be chance: of a hundred rows one has more in one run
     * of a thousand. */
    CALIBRATE_MIX_CHANCE_TENTHS = 45,
    CALIBRATE_MIX_SEEDS_MAX = 100, /* drawn at most without being asked for: a million boxes */
    CALIBRATE_MIX_PROFILES_MAX = 64
};

/* One share of a profile, in millionths of its boxes; that of ports: of those that UDP passes. */
typedef struct mix_share {
    const char *name; /* static */
    uint32_t table, drawn;
    uint32_t error;   /* standard error of a share of that size in so many boxes */
    bool is_left_out; /* there are no boxes that it is of */
} mix_share;

/* One profile of the table. */
typedef struct mix_profile {
    char name[SCENARIO_NAME_MAX];
    mix_share rows[CALIBRATE_MIX_ROWS];
    uint64_t boxes, passed; /* drawn; those that UDP passes */
    uint32_t more;          /* seeds after the last one that chance made necessary */
    mix_share why;          /* the row that did, as it was then */
    uint32_t others;        /* boxes that discovery found to be of no kind in the table */
} mix_profile;

/* Draws from every profile of the table at ask->path, which is not NULL; *count is how many there
 * are. Returns CLI_DONE or another exit code: the table is wrong, or something else that has been
 * said on standard error. However many processes there are, it draws the same. */
int calibrate_mix(const calibrate_ask *ask, mix_profile all[CALIBRATE_MIX_PROFILES_MAX],
                  uint32_t *count);

/* How many seeds it takes until chance reaches beyond the band in no share of the group's mix. */
uint64_t calibrate_mix_seeds(const scenario_group *group);

/* How far a share is from the table's (0 when it is left out); how far chance alone may take it;
 * both in millionths. */
uint32_t calibrate_mix_off(const mix_share *share);
uint32_t calibrate_mix_chance(const mix_share *share);

/* The first row that is outside the band by what may be chance; NULL: there is none, or the profile
 * differs whatever becomes of that row, as another is outside by more, or a box is of no kind. */
const mix_share *calibrate_mix_undecided(const mix_profile *profile);

/* The row that is furthest from the table's. */
const mix_share *calibrate_mix_worst(const mix_profile *profile);

#endif
