/* link/mux_handshake.c - from the first byte to the first Yamux frame: multistream-select for
 * /noise, Noise, and multistream-select for /yamux/1.0.0 in Noise frames, unless both sides have
 * said in Noise that they speak it.
 *
 * We offer one protocol at each step, so we never wait to see whether it is taken: the dialler's
 * header, proposal and first Noise message are one write (the lazy form), and a listener reads
 * them in any segmentation. Round trips to CONN_UP after the wire is there: one for the dialler,
 * one and a half for the listener; one more without the early muxer.
 */
#include "link/mux_impl.h"

#define NOISE_NAME SPAN_LITERAL("/noise")
#define YAMUX_NAME SPAN_LITERAL("/yamux/1.0.0")

static int find_noise(const void *ctx, pu_span name)
{
    (void)ctx;
    return span_equal(name, NOISE_NAME) ? 0 : -1;
}

static int find_yamux(const void *ctx, pu_span name)
{
    (void)ctx;
    return span_equal(name, YAMUX_NAME) ? 0 : -1;
}

bool mux_shake_start(pu_link *l, mux_conn *m)
{
    uint8_t bytes[256];
    pu_buf out = buf_of(bytes, sizeof bytes);
    m->stage = MUX_SELECT_NOISE;
    m->shake = mem_new(link_alloc(l), sizeof *m->shake);
    if (m->shake == NULL) return mux_fail(m, PU_CODE_RESOURCE, MUX_RESET, 0);
    m->shake->said_at = link_now(l);
    if (!m->head.is_dialler) {
        select_listen(&m->shake->select);
        return true;
    }
    select_dial(&m->shake->select, NOISE_NAME, &out);
    noise_start(&m->shake->noise, link_env(l)->crypto, true, &out);
    PU_ASSERT(!out.full);
    return mux_say(l, m, buf_span(&out));
}

void mux_shake_free(pu_link *l, mux_conn *m)
{
    if (m->shake == NULL) return;
    noise_close(&m->shake->noise);
    mem_free(link_alloc(l), m->shake, sizeof *m->shake);
    m->shake = NULL;
}

/* ---- the muxer ---- */

/* Authenticated and multiplexed. */
static bool finish(pu_link *l, mux_conn *m)
{
    bool is_heard = m->stage == MUX_SELECT_YAMUX; /* the other side has answered in a Noise frame */
    mux_shake_free(l, m);
    m->stage = MUX_YAMUX;
    link_conn_up(l, &m->head);
    yamux_start(l, &m->yamux, &m->head);
    if (is_heard) link_conn_confirmed(l, &m->head);
    return true;
}

static bool select_muxer(pu_link *l, mux_conn *m)
{
    uint8_t bytes[64];
    pu_buf out = buf_of(bytes, sizeof bytes);
    if (m->shake->has_early_muxer) return finish(l, m);
    m->stage = MUX_SELECT_YAMUX;
    if (m->head.is_dialler) select_dial(&m->shake->select, YAMUX_NAME, &out);
    else select_listen(&m->shake->select);
    PU_ASSERT(!out.full);
    return mux_say_sealed(l, m, buf_span(&out));
}

/* Reads what is in carry; *is_agreed when the muxer is. */
static bool read_carry(pu_link *l, mux_conn *m, bool *is_agreed)
{
    uint8_t bytes[MUX_SELECT_ROOM];
    pu_buf out = buf_of(bytes, sizeof bytes);
    mux_handshake *h = m->shake;
    pu_span in = span_of(h->carry, h->carry_len);
    enum select_result result = select_read(&h->select, &in, &out, find_yamux, NULL, YAMUX_NAME);
    if (result == SELECT_REFUSED || result == SELECT_FAILED)
        return mux_fail(m, PU_CODE_NEGOTIATION, MUX_RESET, 0);
    memmove(h->carry, in.base, in.len);
    h->carry_len = (uint32_t)in.len;
    *is_agreed = result == SELECT_AGREED;
    return !m->head.is_dialler ? mux_say_sealed(l, m, buf_span(&out)) : true;
}

/* What follows the agreement belongs to Yamux: what is left of carry, then bytes. */
static bool go_on(pu_link *l, mux_conn *m, pu_span bytes)
{
    uint32_t left = m->shake->carry_len;
    uint8_t *space = left > 0 ? link_step_bytes(l, left) : NULL;
    if (left > 0 && space == NULL) return mux_fail(m, PU_CODE_RESOURCE, MUX_RESET, 0);
    if (left > 0) memcpy(space, m->shake->carry, left);
    if (!finish(l, m)) return false;
    if (yamux_take(l, &m->yamux, span_of(space, left)) && yamux_take(l, &m->yamux, bytes))
        return true;
    const yamux *y = &m->yamux;
    return mux_fail(m, y->end_code, y->is_ended_by_peer ? MUX_CLOSE : MUX_GOAWAY, y->end_goaway);
}

bool mux_shake_select(pu_link *l, mux_conn *m, pu_span bytes)
{
    mux_handshake *h = m->shake;
    while (bytes.len > 0) {
        bool is_agreed = false;
        size_t room = sizeof h->carry - h->carry_len;
        PU_ASSERT(room > 0); /* a whole message fits, and is read when it is there */
        size_t len = bytes.len < room ? bytes.len : room;
        memcpy(h->carry + h->carry_len, bytes.base, len);
        h->carry_len += (uint32_t)len;
        bytes = span_skip(bytes, len);
        if (!read_carry(l, m, &is_agreed)) return false;
        if (is_agreed) return go_on(l, m, bytes);
    }
    return true;
}

/* ---- Noise ---- */

/* One round trip, seen by the side that waited for an answer. */
static void measure(pu_link *l, mux_conn *m)
{
    uint64_t rtt_ns = link_now(l) - m->shake->said_at;
    m->head.rtt_ns = rtt_ns > 0 ? rtt_ns : 1;
}

/* last: our third message, when we are the initiator; not said before the peer is known. */
static bool proven(pu_link *l, mux_conn *m, pu_span last)
{
    noise *n = &m->shake->noise;
    noise_split(n, &m->tx, &m->rx);
    m->shake->has_early_muxer = n->peer_has_yamux;
    m->head.is_early = n->peer_has_yamux;
    m->head.peer = n->peer;
    _Static_assert(sizeof n->xx.h == PU_LINK_CHANNEL_BYTES, "the handshake hash is the channel id");
    memcpy(m->head.channel_id, n->xx.h, sizeof n->xx.h);
    measure(l, m);
    noise_close(n);
    if (!link_conn_secured(l, &m->head)) return mux_fail(m, PU_CODE_WRONG_PEER, MUX_RESET, 0);
    if (last.len > 0 && !mux_say(l, m, last)) return false;
    m->stage = MUX_ASKED;
    return m->head.is_outside || select_muxer(l, m);
}

bool mux_shake_allowed(pu_link *l, mux_conn *m)
{
    PU_ASSERT(m->stage == MUX_ASKED);
    return select_muxer(l, m);
}

static bool read_noise(pu_link *l, mux_conn *m, bool *is_more)
{
    uint8_t bytes[NOISE_HANDSHAKE_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    pu_span part = mux_part(m), in = part;
    enum noise_result result = noise_read(&m->shake->noise, &in, &out);
    mux_part_drop(m, part.len - in.len);
    *is_more = result == NOISE_MORE;
    switch (result) {
    case NOISE_MORE: return true;
    case NOISE_STEP: m->shake->said_at = link_now(l); return mux_say(l, m, buf_span(&out));
    case NOISE_DONE: return proven(l, m, buf_span(&out));
    case NOISE_FAILED: break;
    }
    return mux_fail(m, PU_CODE_VIOLATION, MUX_RESET, 0);
}

static bool read_select(pu_link *l, mux_conn *m, bool *is_more)
{
    uint8_t bytes[MUX_SELECT_ROOM];
    pu_buf out = buf_of(bytes, sizeof bytes);
    pu_span part = mux_part(m), in = part;
    enum select_result result =
        select_read(&m->shake->select, &in, &out, find_noise, NULL, NOISE_NAME);
    mux_part_drop(m, part.len - in.len);
    *is_more = result == SELECT_MORE;
    if (result == SELECT_REFUSED || result == SELECT_FAILED)
        return mux_fail(m, PU_CODE_NEGOTIATION, MUX_RESET, 0);
    if (result == SELECT_AGREED) m->stage = MUX_NOISE;
    if (m->head.is_dialler) return true;
    if (result == SELECT_AGREED) noise_start(&m->shake->noise, link_env(l)->crypto, false, &out);
    return mux_say(l, m, buf_span(&out));
}

bool mux_shake_read(pu_link *l, mux_conn *m)
{
    bool is_more = false;
    while (!is_more && m->stage < MUX_ASKED) {
        bool is_alive =
            m->stage == MUX_NOISE ? read_noise(l, m, &is_more) : read_select(l, m, &is_more);
        if (!is_alive) return false;
    }
    return true;
}
