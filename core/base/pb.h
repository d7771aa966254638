/* base/pb.h - protobuf wire format: an in-place reader with a sticky error, and a writer into a
 * pu_buf.
 *
 * Reader: fields in any order, unknown fields are the caller's to skip, group types and field
 * number 0 are errors, inner varints may be over-long up to ten bytes (every decoder accepts that),
 * lengths are checked before use.
 */
#ifndef BASE_PB_H
#define BASE_PB_H

#include "base/bytes.h"

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

/* A message being read. Start with pb_in_of; after the loop ask bad once. */
typedef struct pb_in {
    pu_span rest; /* what is not read yet */
    bool bad;     /* something was malformed; no more fields come */
} pb_in;

/* One field. */
typedef struct pb_field {
    uint32_t no; /* field number, from 1 */
    enum pb_wire wire;
    uint64_t num;  /* value, unless wire is PB_BYTES */
    pu_span bytes; /* value, when wire is PB_BYTES; points into the message */
} pb_field;

pb_in pb_in_of(pu_span message);

/* Reads the next field. False at the end and on an error (then in->bad). */
bool pb_next(pb_in *in, pb_field *field);

/* Appends a varint field, zero included: proto3 callers leave zeros out themselves. */
void pb_put_uint(pu_buf *out, uint32_t no, uint64_t value);

/* Appends a bytes, string or embedded message field. */
void pb_put_bytes(pu_buf *out, uint32_t no, pu_span bytes);

/* Opens an embedded message field; what is appended until pb_close is its body. Returns the mark
 * for pb_close. */
size_t pb_open(pu_buf *out, uint32_t no);

/* Closes it: puts the minimal length before the body. */
void pb_close(pu_buf *out, size_t mark);

/* Opens and closes a whole message framed as varint(length) || message, as streams carry them. */
size_t pb_frame_open(pu_buf *out);
void pb_frame_close(pu_buf *out, size_t mark);

#endif
