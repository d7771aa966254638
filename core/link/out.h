/* link/out.h - the effect list of boundary B: owned by the host, filled by one step of a link,
 * drained before the next.
 *
 * It holds the effects, the INPUTs that some of them carry, and new bytes in pieces of memory that
 * never move while the list is not reset. Pieces are kept for the next step.
 */
#ifndef LINK_OUT_H
#define LINK_OUT_H

#include "base/mem.h"
#include "peerup/link.h"

enum {
    LINK_OUT_PIECE_BYTES = 128 * 1024, /* memory for new bytes, one piece */
    LINK_OUT_PIECES_MAX = 32,          /* pieces of one step: 4 MiB of new bytes */
    LINK_OUT_SOFT_EFFECTS = 1024,      /* a step that has emitted so many begins nothing new */
    LINK_OUT_SOFT_BYTES = 512 * 1024   /* or so many new bytes */
};

/* Appends a zeroed effect. More than PU_LINK_OUT_EFFECTS_MAX a step is our own bug. */
pu_link_ef *link_out_add(pu_link_out *out, enum pu_link_ef_kind kind);

/* Appends an INPUT effect; the zeroed input, whose fields the caller sets. */
pu_in *link_out_input(pu_link_out *out, enum pu_in_kind kind, pu_time now);

/* The peer id of an input, copied. */
void link_out_peer(pu_link_out *out, pu_in *in, const pu_peer_id *peer);

/* len bytes that stay until the reset, or NULL: no memory, or the step has used all pieces. At most
 * LINK_OUT_PIECE_BYTES. */
uint8_t *link_out_bytes(pu_link_out *out, size_t len);

/* Gives back all but the first `used` of the len bytes at `at`, when they are the latest given. */
void link_out_shrink(pu_link_out *out, const uint8_t *at, size_t len, size_t used);

/* Copies bytes so that they stay until the reset; at most LINK_OUT_PIECE_BYTES. False: no memory.
 */
PU_MUST_USE bool link_out_copy(pu_link_out *out, pu_span bytes, pu_span *copy);

/* The same for bytes that may be the list's own already: those need no copy. */
PU_MUST_USE bool link_out_keep(pu_link_out *out, pu_span bytes, pu_span *kept);

/* Whether the step may begin more work: it is below both soft limits. */
bool link_out_has_room(const pu_link_out *out);

/* Whether fewer than so many effects were emitted. */
bool link_out_is_below(const pu_link_out *out, uint32_t effects);

/* Whether nothing was emitted yet. */
bool link_out_is_empty(const pu_link_out *out);

/* The effect emitted last, which may still be changed; NULL: none. */
pu_link_ef *link_out_last(pu_link_out *out);

#endif
