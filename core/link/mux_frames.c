/* link/mux_frames.c - Noise frames off the wire and onto it.
 *
 * In: a frame that lies whole in what the wire brought is opened from there into space of the out
 * list, which holds until the host has taken the effects; so Yamux hands spans of it on and nobody
 * copies. Only a frame that is not whole yet is gathered, in `part`.
 * Out: Yamux writes the plain text into such space, it is sealed in place, and the wire takes it.
 */
#include "link/mux_impl.h"

bool mux_fail(mux_conn *m, uint32_t code, enum mux_word word, uint32_t goaway)
{
    m->end = (mux_end){code, word, goaway};
    return false;
}

/* ---- in ---- */

pu_span mux_part(const mux_conn *m)
{
    PU_ASSERT(m->part_head <= m->part.len);
    return span_skip(span_of(m->part.base, m->part.len), m->part_head);
}

/* An empty block is kept for the next bytes; mux.c gives it back after a silence. */
void mux_part_drop(mux_conn *m, size_t len)
{
    PU_ASSERT(len <= m->part.len - m->part_head);
    m->part_head += (uint32_t)len;
    if (m->part_head < m->part.len) return;
    m->part_head = 0;
    m->part.len = 0;
}

bool mux_stash(pu_link *l, mux_conn *m, pu_span bytes)
{
    if (bytes.len == 0) return true;
    if (m->part_head > 0) {
        m->part.len -= m->part_head;
        memmove(m->part.base, m->part.base + m->part_head, m->part.len);
        m->part_head = 0;
    }
    if (mem_bytes_append(link_alloc(l), &m->part, bytes, MUX_WIRE_WINDOW)) return true;
    return mux_fail(m, PU_CODE_RESOURCE, MUX_RESET, 0);
}

/* How many bytes a frame that begins with these still lacks; 0: it is whole, or so short that
 * opening it fails. */
static size_t frame_lacks(pu_span bytes)
{
    if (bytes.len < NOISE_LENGTH_BYTES) return NOISE_LENGTH_BYTES - bytes.len;
    size_t len = load_be16(bytes.base);
    if (len < NOISE_TAG_BYTES) return 0;
    len += NOISE_LENGTH_BYTES;
    return len > bytes.len ? len - bytes.len : 0;
}

bool mux_has_frame(const mux_conn *m)
{
    if (m->stage < MUX_SELECT_YAMUX) return false;
    return mux_part(m).len > 0 && frame_lacks(mux_part(m)) == 0;
}

/* Shows the next whole frame in *frame, where it lies: in `part`, or at the front of *bytes. Empty:
 * there is none, and *bytes went to `part`. */
static bool show_frame(pu_link *l, mux_conn *m, pu_span *bytes, pu_span *frame)
{
    *frame = span_of(NULL, 0);
    while (mux_part(m).len > 0) {
        size_t lacks = frame_lacks(mux_part(m));
        if (lacks == 0) {
            *frame = mux_part(m);
            return true;
        }
        size_t len = lacks < bytes->len ? lacks : bytes->len;
        if (len == 0) return true;
        if (!mux_stash(l, m, span_head(*bytes, len))) return false;
        *bytes = span_skip(*bytes, len);
    }
    if (bytes->len > 0 && frame_lacks(*bytes) == 0) {
        *frame = *bytes;
        return true;
    }
    if (!mux_stash(l, m, *bytes)) return false;
    *bytes = span_of(NULL, 0);
    return true;
}

static bool take_plain(pu_link *l, mux_conn *m, pu_span plain)
{
    if (m->stage == MUX_SELECT_YAMUX) return mux_shake_select(l, m, plain);
    PU_ASSERT(m->stage == MUX_YAMUX);
    if (yamux_take(l, &m->yamux, plain)) return true;
    const yamux *y = &m->yamux;
    return mux_fail(m, y->end_code, y->is_ended_by_peer ? MUX_CLOSE : MUX_GOAWAY, y->end_goaway);
}

/* Opens the frame at the front of `frame`, which is `part` or *bytes, and takes it off there. */
static bool take_frame(pu_link *l, mux_conn *m, pu_span *bytes, pu_span frame)
{
    bool is_part = mux_part(m).len > 0;
    size_t sealed_len = load_be16(frame.base), plain_len = 0;
    uint8_t *plain = NULL;
    if (sealed_len > NOISE_TAG_BYTES) {
        plain = link_step_bytes(l, sealed_len - NOISE_TAG_BYTES);
        m->is_short = plain == NULL;
        if (m->is_short) return true;
    }
    pu_span rest = frame;
    if (noise_open(&m->rx, &rest, plain, &plain_len) != NOISE_DONE)
        return mux_fail(m, PU_CODE_VIOLATION, MUX_RESET, 0);
    if (is_part) mux_part_drop(m, frame.len - rest.len);
    else *bytes = rest;
    return take_plain(l, m, span_of(plain, plain_len));
}

bool mux_is_paused(const pu_link *l, const mux_conn *m)
{
    return m->is_short || m->stage == MUX_ASKED || yamux_is_full(l, &m->yamux);
}

bool mux_read(pu_link *l, mux_conn *m, pu_span bytes)
{
    m->is_short = false;
    if (m->stage < MUX_SELECT_YAMUX) {
        if (!mux_stash(l, m, bytes)) return false;
        bytes = span_of(NULL, 0);
        if (m->stage < MUX_ASKED && !mux_shake_read(l, m)) return false;
    }
    while (m->stage >= MUX_SELECT_YAMUX && !mux_is_paused(l, m)) {
        pu_span frame;
        if (!show_frame(l, m, &bytes, &frame)) return false;
        if (frame.len == 0) return true;
        if (!take_frame(l, m, &bytes, frame)) return false;
    }
    return bytes.len == 0 || mux_stash(l, m, bytes);
}

/* ---- out ---- */

static uint64_t wire_room(const mux_conn *m)
{
    PU_ASSERT(m->tx_sent <= m->tx_room);
    return m->tx_room - m->tx_sent;
}

/* bytes hold until the out is reset. */
static void wire_send(pu_link *l, mux_conn *m, pu_span bytes)
{
    PU_ASSERT(bytes.len <= wire_room(m));
    m->tx_sent += bytes.len;
    m->wire_ops->send(l, m->wire, bytes);
}

bool mux_can_say(const mux_conn *m)
{
    return m->early.len > 0 && wire_room(m) > 0;
}

bool mux_is_stalled(const mux_conn *m)
{
    if (m->early.len > 0) return wire_room(m) == 0;
    return m->stage == MUX_YAMUX && yamux_wants(&m->yamux) && !mux_can_flush(m);
}

bool mux_say(pu_link *l, mux_conn *m, pu_span bytes)
{
    const pu_alloc *alloc = link_alloc(l);
    if (!mem_bytes_append(alloc, &m->early, bytes, MUX_EARLY_MAX))
        return mux_fail(m, PU_CODE_RESOURCE, MUX_RESET, 0);
    size_t len = m->early.len < wire_room(m) ? m->early.len : (size_t)wire_room(m);
    uint8_t *space = len > 0 ? link_step_bytes(l, len) : NULL;
    if (space == NULL) return true;
    memcpy(space, m->early.base, len);
    mem_bytes_drop(alloc, &m->early, (uint32_t)len);
    wire_send(l, m, span_of(space, len));
    return true;
}

bool mux_say_sealed(pu_link *l, mux_conn *m, pu_span bytes)
{
    uint8_t frame[MUX_SELECT_ROOM + NOISE_OVERHEAD];
    PU_ASSERT(bytes.len <= MUX_SELECT_ROOM);
    if (bytes.len == 0) return true;
    if (!noise_seal(&m->tx, frame, bytes)) return mux_fail(m, PU_CODE_LOST, MUX_RESET, 0);
    return mux_say(l, m, span_of(frame, bytes.len + NOISE_OVERHEAD));
}

bool mux_can_flush(const mux_conn *m)
{
    enum { LEAST = NOISE_OVERHEAD + YAMUX_HEADER_BYTES };
    PU_ASSERT(m->stage == MUX_YAMUX);
    if (m->wire == NULL || m->early.len > 0 || !yamux_wants(&m->yamux)) return false;
    bool is_short_queue =
        m->yamux.lists[YAMUX_READY].first == NULL && m->yamux.controls.len + LEAST < MUX_LEAST_ROOM;
    return wire_room(m) >= (is_short_queue ? (uint64_t)LEAST : (uint64_t)MUX_LEAST_ROOM);
}

bool mux_flush(pu_link *l, mux_conn *m)
{
    PU_ASSERT(mux_can_flush(m));
    size_t cap = NOISE_OVERHEAD + yamux_size(&m->yamux, MUX_FRAME_MAX - NOISE_OVERHEAD);
    if (cap > wire_room(m)) cap = (size_t)wire_room(m);
    uint8_t *space = link_step_bytes(l, cap);
    if (space == NULL) return true; /* the next tick will have some */
    pu_buf out = buf_of(space + NOISE_LENGTH_BYTES, cap - NOISE_OVERHEAD);
    yamux_build(l, &m->yamux, &out);
    PU_ASSERT(!out.full);
    PU_ASSERT(out.len > 0);
    if (!noise_seal(&m->tx, space, buf_span(&out))) return mux_fail(m, PU_CODE_LOST, MUX_RESET, 0);
    wire_send(l, m, span_of(space, out.len + NOISE_OVERHEAD));
    return true;
}

void mux_send_goaway(pu_link *l, mux_conn *m, uint32_t code)
{
    enum { LEN = NOISE_OVERHEAD + YAMUX_HEADER_BYTES };
    if (m->early.len > 0 || wire_room(m) < LEN) return;
    uint8_t *space = link_step_bytes(l, LEN);
    if (space == NULL) return;
    yamux_frame f = {.type = YAMUX_GOAWAY, .length = code};
    yamux_frame_write(space + NOISE_LENGTH_BYTES, &f);
    pu_span plain = span_of(space + NOISE_LENGTH_BYTES, YAMUX_HEADER_BYTES);
    if (noise_seal(&m->tx, space, plain)) wire_send(l, m, span_of(space, LEN));
}
