/* tests/unit/wire_cuts.h - where a protobuf message may end: a reader must accept a message cut
 * between two fields and refuse one cut inside a field. */
#ifndef TESTS_UNIT_WIRE_CUTS_H
#define TESTS_UNIT_WIRE_CUTS_H

#include "base/pb.h"

/* True when the first len bytes of the well-formed message are whole fields. */
static inline bool is_between_fields(pu_span message, size_t len)
{
    pb_in in = pb_in_of(message);
    size_t at = 0;
    for (pb_field f; at < len && pb_next(&in, &f);) at = message.len - in.rest.len;
    PU_ASSERT(!in.bad);
    return at == len;
}

#endif
