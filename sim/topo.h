/* sim/topo.h - one-way delay between sites: a square matrix of round trips from a file, or one
 * constant. */
#ifndef SIM_TOPO_H
#define SIM_TOPO_H

#include "peerup/base.h"

typedef struct topo topo;

/* Reads a tab-separated square matrix of round trips in milliseconds (decimals allowed; read as
 * whole microseconds without floating point). NULL: error says what, with line and column; holes,
 * negative numbers, a wrong shape and a non-zero diagonal are refused. */
topo *topo_read(const char *path, char *error, size_t error_cap);

/* Reads the same from memory; name is what errors call it. */
topo *topo_parse(const char *name, const char *text, size_t len, char *error, size_t error_cap);

/* Every two different sites are rtt_ns apart; sites is how many there are. */
topo *topo_constant(uint64_t rtt_ns, uint32_t sites);

void topo_free(topo *t);

/* How many sites there are. */
uint32_t topo_sites(const topo *t);

/* Round trip between two sites in ns; 0 for the same site. */
uint64_t topo_rtt_ns(const topo *t, uint32_t a, uint32_t b);

#endif
