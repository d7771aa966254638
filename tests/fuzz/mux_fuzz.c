/* mux_fuzz.c - whole connections over a byte stream, and Yamux on them. The other side is played by
 * the input; what it says after Noise it can seal, so the fuzzer gets behind the cryptography. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lent.h"
#include "tests/lib/mux_peer.h"

enum { PIECES_MAX = 64 };

/* ---- a whole connection ---- */

static mux_peer *peer_of(uint8_t how)
{
    mux_peer *p = mux_peer_new((how & 1) != 0);
    p->muxers = (enum mux_peer_muxers)((how >> 1) % 3);
    p->is_forger = (how & 8) != 0;
    p->segment = (how & 16) != 0 ? 1 + (how >> 5) : PU_LINK_TCP_DATA_MAX;
    p->host->is_raw = true;
    p->host->out = fuzz_lent_out();
    return p;
}

/* Bytes for the host, as far as it reads. */
static void say_raw(mux_peer *p, pu_span bytes)
{
    uint64_t room = p->host->rx_room - p->host->rx_total;
    if (p->host->closed == MUX_HOST_OPEN && room > bytes.len) mux_peer_raw(p, bytes);
}

/* The next step of an honest handshake. */
static void say_next(mux_peer *p, uint8_t step)
{
    if (p->is_initiator && step == 0) mux_peer_say_first(p);
    if (p->is_initiator && step == 1) mux_peer_say_third(p);
    if (!p->is_initiator && step == 0) mux_peer_say_second(p);
}

/* A handshake in either role: honest up to some point, then anything. */
void fuzz_mux_shake(pu_span bytes)
{
    uint8_t how = fuzz_u8(&bytes), honest = fuzz_u8(&bytes) % 3, step = 0;
    mux_peer *p = peer_of(how);
    mux_host *h = p->host;
    mux_peer_begin(p);
    for (; step < honest; step++) say_next(p, step);
    if ((how & 4) != 0) { /* the next message with one byte changed */
        p->spoil_at = (uint16_t)fuzz_u16(&bytes);
        p->spoil_xor = fuzz_u8(&bytes);
        say_next(p, step);
    }
    for (int i = 0; i < PIECES_MAX && bytes.len > 0 && h->closed == MUX_HOST_OPEN; i++) {
        uint8_t op = fuzz_u8(&bytes);
        if (op < 250) say_raw(p, fuzz_span(&bytes, op));
        else if (op == 250) mux_host_run(h, h->now + fuzz_u16(&bytes) * PU_MS);
        else if (op == 251) mux_host_room(h, h->tx_room + fuzz_u16(&bytes));
        else if (op == 252) h->secured_code = PU_CODE_GATED;
        else break;
        mux_host_settle(h);
    }
    if (h->closed == MUX_HOST_OPEN && (how & 8) != 0) mux_host_lose(h);
    else if (h->closed == MUX_HOST_OPEN) mux_host_deliver_fin(h);
    mux_host_run(h, h->now + 60 * PU_S);
    bool is_over = h->closed != MUX_HOST_OPEN || (how & 8) != 0;
    PU_ASSERT(is_over); /* no handshake is left */
    PU_ASSERT(!h->is_up || h->is_down);
    mux_peer_free(p);
}

/* ---- Yamux ---- */

static uint32_t some_length(pu_span *bytes)
{
    uint8_t kind = fuzz_u8(bytes);
    if (kind < 200) return kind;
    if (kind < 230) return fuzz_u16(bytes);
    if (kind < 240) return YAMUX_FIRST_WINDOW + 8 - fuzz_u8(bytes) % 16;
    if (kind < 250) return UINT32_MAX - fuzz_u16(bytes) * 8;
    return (uint32_t)fuzz_u16(bytes) << 16 | fuzz_u16(bytes);
}

/* One frame with a small id; Data with its bytes, or with too few of them. */
static void put_frame(mux_peer *p, uint8_t op, pu_span *bytes)
{
    static const uint8_t zeros[70000];
    uint8_t flags = fuzz_u8(bytes), id = fuzz_u8(bytes);
    uint32_t type = op % 5, length = some_length(bytes);
    if (type >= YAMUX_PING && id < 250) id = 0;
    if (p->out.len > 1 << 20) return;
    mux_peer_frame(p, type, flags & 0x1f, id % 24, length);
    if (type != YAMUX_DATA) return;
    size_t body = length < sizeof zeros ? length : sizeof zeros;
    if (flags >= 0xf0) body /= 2;
    mux_peer_put(p, span_of(zeros, body));
}

static mux_host_stream *some_stream(mux_host *h, pu_span *bytes)
{
    uint8_t n = fuzz_u8(bytes);
    if (h->stream_count == 0 || h->is_down || h->is_hung_up) return NULL;
    mux_host_stream *s = mux_host_stream_at(h, n % h->stream_count);
    return s->handle == 0 || s->is_down ? NULL : s;
}

static void node_acts(mux_host *h, uint8_t op, pu_span *bytes)
{
    if (op == 0 && !h->is_down && !h->is_hung_up && h->stream_count < 600) mux_host_stream_open(h);
    mux_host_stream *s = some_stream(h, bytes);
    if (op == 1) h->window = (uint64_t)fuzz_u8(bytes) << 12;
    if (s == NULL) return;
    if (op == 2 || op == 3) mux_host_send(h, s, s->wants_fin ? 0 : fuzz_u16(bytes) * 4, op == 3);
    if (op == 4) mux_host_reset(h, s, 0x1000 + fuzz_u8(bytes));
    if (op == 5) mux_host_stop(h, s);
    if (op == 6) mux_host_grant(h, s, s->got + fuzz_u16(bytes));
    if (op == 7) mux_host_hangup(h, PU_CODE_COLLECTED, h->now + fuzz_u8(bytes) * 10 * PU_MS);
}

/* The other side, authenticated, says anything; the node does anything it may. */
void fuzz_yamux(pu_span bytes)
{
    uint8_t how = fuzz_u8(&bytes);
    mux_peer *p = peer_of(how & 0xe1);
    mux_host *h = p->host;
    if ((how & 4) != 0) h->config.link_windows_bytes = h->config.link_waiting_bytes = 1 << 20;
    mux_peer_up(p);
    p->is_holding = (how & 2) != 0;
    while (bytes.len > 0 && h->closed == MUX_HOST_OPEN) {
        uint8_t op = fuzz_u8(&bytes);
        if (op < 100) put_frame(p, op, &bytes);
        else if (op < 110) mux_peer_put(p, fuzz_span(&bytes, op - 100u));
        else if (op < 190) node_acts(h, op % 8, &bytes);
        else if (op < 220) mux_host_run(h, h->now + fuzz_u8(&bytes) * 50 * PU_MS);
        else if (op < 230) mux_host_room(h, h->tx_room + fuzz_u16(&bytes));
        else if (op < 240) (void)mux_peer_hear(p);
        if (h->closed != MUX_HOST_OPEN) break;
        bool is_read = h->rx_room - h->rx_total > p->out.len + p->out.len / 1000 + 100;
        if (op >= 240 && is_read) mux_peer_flush(p);
    }
    p->is_holding = false;
    if (h->closed == MUX_HOST_OPEN) (void)mux_peer_hear(p);
    if (h->closed == MUX_HOST_OPEN) mux_host_deliver_fin(h);
    mux_host_run(h, h->now + 200 * PU_S);
    PU_ASSERT(h->closed != MUX_HOST_OPEN);
    PU_ASSERT(h->is_down);
    for (uint32_t i = 0; i < h->stream_count; i++) PU_ASSERT(mux_host_stream_at(h, i)->is_down);
    mux_peer_free(p);
}
