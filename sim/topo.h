/* sim/topo.h - one-way delay between sites: a square matrix of round trips from a file, a table of
 * named regions, or one constant. */
#ifndef SIM_TOPO_H
#define SIM_TOPO_H

#include "peerup/base.h"

#include "base/rng.h"

enum { TOPO_NAME_MAX = 64 /* bytes of a region's name, terminator included */ };

#define TOPO_NONE UINT32_MAX

typedef struct topo topo;

/* Reads a tab-separated square matrix of round trips in milliseconds (decimals allowed; read as
 * whole microseconds without floating point). NULL: error says what, with line and column; holes,
 * negative numbers, a wrong shape and a non-zero diagonal are refused. */
topo *topo_read(const char *path, char *error, size_t error_cap);

/* Reads the same from memory; name is what errors call it. */
topo *topo_parse(const char *name, const char *text, size_t len, char *error, size_t error_cap);

/* Reads a comma-separated table of regions: lines that begin with # are comments; the first other
 * one names the regions behind a field that says nothing, and perhaps `share` behind them; then
 * comes a line for each region, in the same order: its name, one-way delays to each in
 * milliseconds, and the share of hosts that are there, from 0 to 1. All shares are 1 together.
 * Delays may differ by direction, and within a region be 0. NULL as topo_read. */
topo *topo_read_regions(const char *path, char *error, size_t error_cap);
topo *topo_parse_regions(const char *name, const char *text, size_t len, char *error,
                         size_t error_cap);

/* The region of that name; TOPO_NONE: there is none. Its name; NULL: sites have none. */
uint32_t topo_find(const topo *t, const char *name);
const char *topo_name(const topo *t, uint32_t site);

/* A site for a host: by the regions' shares, or each as likely as another. */
uint32_t topo_draw(const topo *t, rng *r);

/* Whether it may be that one: not a region whose share is nothing. */
bool topo_may_draw(const topo *t, uint32_t site);

/* Every two different sites are rtt_ns apart; sites is how many there are. */
topo *topo_constant(uint64_t rtt_ns, uint32_t sites);

void topo_free(topo *t);

/* How many sites there are. */
uint32_t topo_sites(const topo *t);

/* Round trip between two sites in ns; 0 for the same site, unless it is a region. */
uint64_t topo_rtt_ns(const topo *t, uint32_t a, uint32_t b);

#endif
