/* sim/root.h - the square root in whole numbers. */
#ifndef SIM_ROOT_H
#define SIM_ROOT_H

#include <stdint.h>

/* The largest whole number whose square is not above v. */
static inline uint64_t root(uint64_t v)
{
    uint64_t r = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit /= 2)
        if ((r + bit) * (r + bit) <= v) r += bit;
    return r;
}

#endif
