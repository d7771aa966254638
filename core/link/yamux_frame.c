/* link/yamux_frame.c - reading and writing headers. */
#include "link/yamux_frame.h"

bool yamux_frame_read(yamux_frame *f, const uint8_t bytes[YAMUX_HEADER_BYTES])
{
    PU_ASSERT(f != NULL);
    if (bytes[0] != 0 || bytes[1] > YAMUX_GOAWAY) return false;
    *f = (yamux_frame){.type = (enum yamux_type)bytes[1],
                       .flags = load_be16(bytes + 2),
                       .id = load_be32(bytes + 4),
                       .length = load_be32(bytes + 8)};
    bool is_streams = f->type == YAMUX_DATA || f->type == YAMUX_WINDOW;
    return is_streams == (f->id != 0);
}

void yamux_frame_write(uint8_t bytes[YAMUX_HEADER_BYTES], const yamux_frame *f)
{
    PU_ASSERT(f->flags <= UINT16_MAX);
    PU_ASSERT((f->type == YAMUX_DATA || f->type == YAMUX_WINDOW) == (f->id != 0));
    bytes[0] = 0;
    bytes[1] = (uint8_t)f->type;
    store_be16(bytes + 2, (uint16_t)f->flags);
    store_be32(bytes + 4, f->id);
    store_be32(bytes + 8, f->length);
}
