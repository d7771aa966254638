/* sim/calibrate_mix.h - whether populations drawn from a table of mixes have the table's shares:
 * each box is drawn as a run draws it, and behaviour discovery (RFC 5780) says from behind it what
 * it is.
 */
#ifndef SIM_CALIBRATE_MIX_H
#define SIM_CALIBRATE_MIX_H

#include "sim/calibrate.h"
#include "sim/scenario.h"

enum {
    CALIBRATE_MIX_ROWS = 12, /* five kinds, three ways to choose ports, hairpin, three idle times */
    CALIBRATE_MIX_BOXES = 10000, /* drawn from each profile and seed */
    CALIBRATE_MIX_PROFILES_MAX = 64
};

/* One share of a profile, in millionths of its boxes; that of ports: of those that UDP passes. */
typedef struct mix_share {
    const char *name; /* static */
    uint32_t table, drawn;
} mix_share;

/* One profile of the table. */
typedef struct mix_profile {
    char name[SCENARIO_NAME_MAX];
    mix_share rows[CALIBRATE_MIX_ROWS];
    uint32_t others; /* boxes that discovery found to be of no kind in the table */
} mix_profile;

/* Draws from every profile of the table at ask->path, which is not NULL; *count is how many there
 * are. Returns CLI_DONE or another exit code: the table is wrong, or something else that has been
 * said on standard error. However many processes there are, it draws the same. */
int calibrate_mix(const calibrate_ask *ask, mix_profile all[CALIBRATE_MIX_PROFILES_MAX],
                  uint32_t *count);

/* The largest difference of a share of the profile's, in millionths. */
uint32_t calibrate_mix_worst(const mix_profile *profile);

#endif
