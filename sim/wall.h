/* sim/wall.h - the machine's clock, for telling people how long something takes. Nothing in a run
 * depends on it. */
#ifndef SIM_WALL_H
#define SIM_WALL_H

#include "peerup/base.h"

/* Nanoseconds since some moment, never falling. */
uint64_t wall_clock_ns(void);

#endif
