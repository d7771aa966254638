/* sim/mem.h - memory for the simulator: it gets what it asks for, or the run ends with a message.
 *
 * The core bounds and sheds; the simulator does not, because a run that shed something of the world
 * itself would be another run.
 */
#ifndef SIM_MEM_H
#define SIM_MEM_H

#include "peerup/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the run: bytes could not be had. */
static inline _Noreturn void sim_no_memory(size_t bytes)
{
    fprintf(stderr, "peerup-sim: no memory for %zu bytes more\n", bytes);
    exit(1);
}

/* Ends the run: something is wrong that no input explains. */
static inline _Noreturn void sim_fatal(const char *why)
{
    fprintf(stderr, "peerup-sim: %s\n", why);
    exit(1);
}

/* A zeroed block of bytes, given to the caller: free() it. bytes must not be 0. */
static inline void *sim_alloc(size_t bytes)
{
    PU_ASSERT(bytes > 0);
    void *block = calloc(1, bytes);
    if (block == NULL) sim_no_memory(bytes);
    return block;
}

/* A block of bytes with the contents of old (NULL: none) as far as they fit; old is gone. bytes
 * must not be 0. */
static inline void *sim_resize(void *old, size_t bytes)
{
    PU_ASSERT(bytes > 0);
    void *block = realloc(old, bytes);
    if (block == NULL) sim_no_memory(bytes);
    return block;
}

/* Bytes on huge pages where the system has them, rounded up to whole ones: what is walked at random
 * waits for page tables otherwise. Not zeroed, given to the caller: free() it. */
void *sim_huge(size_t bytes);

/* Makes room for element `index` in an array of *cap elements: doubles from 4 until it is there.
 * New elements are zeroed. Returns the array, which may have moved; array may be NULL when *cap is
 * 0. */
void *sim_grow(void *array, uint32_t *cap, uint32_t index, size_t element_bytes);

#endif
