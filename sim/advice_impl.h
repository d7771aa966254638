/* sim/advice_impl.h - the parts of scenario_advise: each adds warnings about s. */
#ifndef SIM_ADVICE_IMPL_H
#define SIM_ADVICE_IMPL_H

#include "sim/advice.h"
#include "sim/topo.h"

/* Whether node names that relay; whether what is around it is drawn, or changes. */
bool advice_has_relay(const scenario *s, uint32_t node, uint32_t relay);
bool advice_moves(const scenario *s, uint32_t node);

/* Whether both are in one box at least, or have IPv6 both: then there are more ways between them
 * than those around their boxes. */
bool advice_is_near(const scenario_node *a, const scenario_node *b);

/* Why the boxes around both let nothing direct come between them; NULL: something may. */
const char *advice_apart(const scenario *s, uint32_t a, uint32_t b);

/* What boxes keep apart: nodes that are to come together directly, and relays that listen where
 * nothing gets to (advice_boxes.c). */
void advise_boxes(const scenario *s, diag *warnings);

/* Homes whose hosts do not share their access link, though they may look like it (advice_home.c).
 */
void advise_homes(const scenario *s, diag *warnings);

/* Nodes between which no time passes, for certain or if the seed says so; sites is the latency
 * file, or NULL (advice_delay.c). */
void advise_delay(const scenario *s, const topo *sites, diag *warnings);

/* What distances and links do not allow, and latency files that say two things of one round trip
 * (advice_ways.c). */
void advise_ways(const scenario *s, diag *warnings);

static inline diag_place advice_place(const scenario_place *place)
{
    return (diag_place){0, place->line, place->column};
}

#endif
