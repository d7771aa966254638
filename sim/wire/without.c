/* For programs that have no real transport in them: peerup-sim-model. */
#include "sim/transport.h"

const transport_ops *transport_wire(void)
{
    return NULL;
}
