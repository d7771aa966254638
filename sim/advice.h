/* sim/advice.h - what is allowed in a scenario and yet hardly meant: warnings of lint. */
#ifndef SIM_ADVICE_H
#define SIM_ADVICE_H

#include "sim/diag.h"
#include "sim/scenario.h"

/* Adds warnings about s, sorted, to an empty list: an ask for a node whose address the asker has no
 * way to learn, a relay that more nodes name than its limits let it serve, and what advice_impl.h
 * says. */
void scenario_advise(const scenario *s, diag *warnings);

#endif
