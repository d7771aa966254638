/* The machine's clock, see wall.h. */
#include "sim/wall.h"

#include <time.h>

uint64_t wall_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * PU_S + (uint64_t)t.tv_nsec;
}
