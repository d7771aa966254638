/* quic_fuzz.c - QUIC from the network's side: datagrams of strangers, frames of a peer that has
 * proven who it is, and whole lives of connections over a network that the input plays.
 *
 * What ngtcp2 is given is checked by it with assertions: one that a peer can reach would end our
 * process, so it would be found here.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/lib/cert_forge.h"
#include "tests/lib/quic_raw.h"

#include <stdlib.h>

enum { DATAGRAMS_MAX = 64, STEPS_MAX = 64, FLIP_EVERY = 16 };

static pu_endpoint stranger(uint8_t bits)
{
    return (pu_endpoint){.ip = {[10] = 0xff, [11] = 0xff, 203, 0, 113, bits % 4},
                         .port = (uint16_t)(1000 + bits / 64)};
}

/* ---- datagrams into an endpoint ---- */

static void retry_soon(rig_host *h)
{
    h->config.quic_retry_handshakes = 2;
}

/* Stretches what the fuzzer says to the length that an Initial must have. */
static pu_span stretch(pu_span bytes, bool is_long, uint8_t memory[1300])
{
    if (!is_long || bytes.len >= 1200) return bytes;
    memset(memory, 0, 1300);
    if (bytes.len > 0) memcpy(memory, bytes.base, bytes.len);
    return span_of(memory, 1200);
}

void fuzz_quic_datagrams(pu_span bytes)
{
    static uint8_t memory[1300];
    rig *w = rig_new();
    rig_host *h = rig_add(w, retry_soon);
    size_t before = pu_link_bytes(h->link);
    for (unsigned i = 0; i < DATAGRAMS_MAX && bytes.len > 0; i++) {
        uint8_t bits = fuzz_u8(&bytes);
        size_t len = (bits & 4) != 0 ? fuzz_u16(&bytes) : fuzz_u8(&bytes);
        pu_endpoint from = stranger(bits);
        pu_span datagram = stretch(fuzz_span(&bytes, len), (bits & 8) != 0, memory);
        rig_inject(h, &from, datagram);
        if ((bits & 16) != 0) rig_run(w, fuzz_u8(&bytes) * PU_MS);
    }
    rig_run(w, 60 * PU_S);
    PU_ASSERT(h->stream_count == 0);
    PU_ASSERT(pu_link_bytes(h->link) < before + 65536);
    for (uint32_t i = 0; i < h->conn_count; i++) PU_ASSERT(!h->conns[i].is_up);
    rig_free(w);
}

/* ---- frames of a peer ---- */

/* The peer's certificate is the same in all runs. */
typedef struct persona {
    pu_crypto crypto;
    pu_crypto_real real;
    gnutls_privkey_t key;
    pu_span cert;
    uint8_t der[FORGE_CERT_MAX];
} persona;

static const persona *persona_get(void)
{
    static persona p;
    if (p.key != NULL) return &p;
    uint8_t seed[PU_ED25519_SEED_BYTES] = {3};
    PU_ASSERT(pu_crypto_real_init(&p.crypto, &p.real, seed) == PU_OK);
    p.key = forge_key();
    p.cert = forge_cert(&(forge){.crypto = &p.crypto, .key = p.key}, p.der);
    return &p;
}

/* The peer dials the host, or the host the peer. */
static void begin(raw *r, rig_host *h, bool peer_is_server)
{
    if (!peer_is_server) {
        raw_dial(r, h);
        return;
    }
    rig_effect(h, &(pu_ef){.kind = PU_EF_DIAL,
                           .token = ++h->last_token,
                           .what = PU_ROLE_CLIENT,
                           .transport = PU_TRANSPORT_QUIC,
                           .socket = PU_SOCKET_MAIN,
                           .remote = r->at,
                           .deadline = r->w->now + 15 * PU_S});
}

/* The server's first datagram comes behind what it says next. */
static enum rig_fate first_is_late(rig *w, rig_datagram *d)
{
    const pu_endpoint *server = w->fate_ctx;
    if (!pu_endpoint_equal(&d->from, server)) return RIG_PASS;
    d->at += 20 * PU_MS;
    w->fate = NULL;
    return RIG_PASS;
}

/* The peer, a server, says its frames under its last keys as soon as it has them: before the client
 * has said its last words, and with its own. */
static void say_early(raw *r)
{
    r->w->fate = first_is_late;
    r->w->fate_ctx = &r->at;
    r->packets = RAW_SHORT;
    for (unsigned ms = 0; ms < 100 && r->qc == NULL; ms++) rig_run(r->w, PU_MS);
    if (r->qc != NULL) raw_send(r, 1000);
}

/* Any frames of a peer that can prove who it is, in either role, also while the handshake is under
 * way. */
void fuzz_quic_frames(pu_span bytes)
{
    const persona *p = persona_get();
    raw r;
    rig *w = rig_new();
    rig_host *h = rig_add(w, NULL);
    h->echoes = true;
    raw_init(&r, w);
    raw_certify(&r, p->cert, p->key);
    uint8_t bits = fuzz_u8(&bytes);
    if ((bits & 1) != 0) { /* while the handshake is under way */
        pu_span frames = fuzz_span(&bytes, fuzz_u16(&bytes) % 1000);
        if (frames.len > 0) memcpy(r.frames, frames.base, frames.len);
        r.frames_len = frames.len;
        r.frames_left = 1;
        r.packets = (bits & 2) != 0 ? RAW_INITIAL : RAW_HANDSHAKE;
    }
    begin(&r, h, (bits & 4) != 0);
    if ((bits & 1) != 0 && (bits & 4) != 0 && (bits & 8) != 0) say_early(&r);
    rig_run(w, 100 * PU_MS);
    for (unsigned i = 0; i < STEPS_MAX && bytes.len > 0 && r.qc != NULL && r.is_completed; i++) {
        uint8_t step = fuzz_u8(&bytes);
        pu_span frames = fuzz_span(&bytes, (size_t)step * 4);
        if ((step & 3) == 0 && h->conn_count > 0 && h->conns[0].is_up && !h->conns[0].is_down)
            rig_send(h, rig_open(h, &h->conns[0]), 2000, (step & 4) != 0);
        if (frames.len > 0) raw_say(&r, frames.base, frames.len, 1);
    }
    r.is_mute = true;
    rig_run(w, 100 * PU_S);
    for (uint32_t i = 0; i < h->conn_count; i++) PU_ASSERT(h->conns[i].is_down);
    PU_ASSERT((bits & 4) == 0 || h->conn_count + h->dial_fails > 0); /* a dial is answered */
    raw_free(&r);
    rig_free(w);
}

/* ---- whole lives ---- */

static pu_span fates;

/* The input says what becomes of each datagram while it lasts. */
static enum rig_fate fate_of(rig *w, rig_datagram *d)
{
    (void)w;
    if (fates.len == 0) return RIG_PASS;
    uint8_t bits = fuzz_u8(&fates);
    if (bits % FLIP_EVERY == 1 && d->len > 0) {
        size_t at = fuzz_u16(&fates) % d->len;
        d->bytes[at] ^= (uint8_t)(1u << (bits >> 5));
    }
    if (bits % FLIP_EVERY == 2) d->len = d->len * (bits >> 4) / 16 + 1;
    if (bits % FLIP_EVERY == 3) return RIG_DROP;
    if (bits % FLIP_EVERY == 4) return RIG_DOUBLE;
    if (bits % FLIP_EVERY == 5) d->at += (uint64_t)bits * 5 * PU_MS;
    return RIG_PASS;
}

static rig_conn *living_conn(rig_host *h)
{
    for (uint32_t i = h->conn_count; i > 0; i--)
        if (h->conns[i - 1].is_up && !h->conns[i - 1].is_down) return &h->conns[i - 1];
    return NULL;
}

static rig_stream *living_stream(rig_host *h, uint8_t bits)
{
    for (uint32_t i = 0; i < h->stream_count; i++) {
        rig_stream *s = &h->streams[(i + bits) % h->stream_count];
        if (s->is_up && !s->is_down) return s;
    }
    return NULL;
}

static void act_on_stream(rig_host *h, uint8_t what, uint8_t bits)
{
    rig_stream *s = living_stream(h, bits);
    if (s == NULL) return;
    if (what == 0 && !s->fin_after) rig_send(h, s, (uint64_t)bits * 300, (bits & 1) != 0);
    if (what == 1) rig_reset(h, s, (bits & 1) != 0 ? PU_CODE_RATE : 0);
    if (what == 2 && !s->is_deaf) rig_stop(h, s, 0);
}

static void act(rig_host *h, rig_host *other, uint8_t bits)
{
    rig_conn *c = living_conn(h);
    uint8_t what = bits & 7;
    if (what < 3) act_on_stream(h, what, bits >> 3);
    if (what == 3 && c != NULL && h->stream_count < 100) rig_open(h, c);
    if (what == 4 && h->conn_count < 6) rig_dial(h, other, (bits & 64) != 0 ? &h->id : NULL);
    if (what == 5 && c != NULL) rig_hangup(h, c, PU_CODE_SHUTDOWN, (bits & 64) != 0 ? PU_S : 0);
    if (what == 6 && c != NULL)
        rig_effect(h, &(pu_ef){.kind = PU_EF_CONN_SET,
                               .conn = c->handle,
                               .flags = (bits & 64) != 0 ? PU_MIGRATED : PU_KEEP,
                               .socket = (bits & 32) != 0 ? PU_SOCKET_PROBE : PU_SOCKET_MAIN,
                               .offset = PU_S});
    if (what == 7) h->seen_as.port = (uint16_t)(4001 + (bits >> 6));
}

void fuzz_quic_lives(pu_span bytes)
{
    rig *w = rig_new();
    uint8_t bits = fuzz_u8(&bytes);
    rig_host *a = rig_add(w, (bits & 1) != 0 ? retry_soon : NULL), *b = rig_add(w, NULL);
    b->echoes = (bits & 2) != 0;
    if ((bits & 4) != 0) b->secured_code = PU_CODE_GATED;
    if ((bits & 8) != 0) b->accept_code = PU_CODE_RESOURCE;
    if ((bits & 16) != 0) a->reads = 2000;
    if ((bits & 32) != 0) b->heap.fail_at = b->heap.asked + 1 + fuzz_u8(&bytes);
    fates = fuzz_span(&bytes, fuzz_u8(&bytes));
    w->fate = fate_of;
    rig_dial(a, b, NULL);
    for (unsigned i = 0; i < STEPS_MAX && bytes.len > 0; i++) {
        uint8_t step = fuzz_u8(&bytes);
        rig_run(w, (uint64_t)(step & 31) * 3 * PU_MS);
        if ((step & 32) != 0) act(a, b, fuzz_u8(&bytes));
        if ((step & 64) != 0) act(b, a, fuzz_u8(&bytes));
    }
    rig_run(w, 10 * PU_S);
    a->is_deaf = b->is_deaf = true;
    rig_run(w, 100 * PU_S);
    PU_ASSERT(living_conn(a) == NULL && living_conn(b) == NULL);
    rig_free(w);
}
