/* One link with one TCP connection, see mux_host.h. */
#include "tests/lib/mux_host.h"

#include <stdlib.h>

/* ---- a link without datagrams ---- */

struct quic_endpoint {
    int nothing;
};

static int no_quic_new(quic_endpoint **q, pu_link *l)
{
    *q = mem_new(link_alloc(l), sizeof **q);
    return *q != NULL ? PU_OK : PU_ENOMEM;
}

static void no_quic_free(pu_link *l, quic_endpoint *q)
{
    mem_free(link_alloc(l), q, sizeof *q);
}

static void no_quic_dial(pu_link *l, conn *c, uint32_t socket)
{
    (void)socket;
    link_conn_down(l, c, PU_CODE_UNREACHABLE);
}

static bool no_quic_datagram(pu_link *l, const udp_path *path, uint32_t ecn, pu_span bytes)
{
    (void)l;
    (void)path;
    (void)ecn;
    (void)bytes;
    return false;
}

static void no_quic_rebound(pu_link *l, uint32_t socket)
{
    (void)l;
    (void)socket;
}

static const struct link_transports transports = {
    &mux_ops,    mux_start,    mux_data,     mux_room,         mux_lost,        &mux_ops,
    no_quic_new, no_quic_free, no_quic_dial, no_quic_datagram, no_quic_rebound,
};

/* ---- primitives: a real identity, random bytes by the seed ---- */

static void host_public_key(void *ctx, uint8_t key[32])
{
    mux_host *h = ctx;
    h->identity.public_key(h->identity.ctx, key);
}

static void host_sign(void *ctx, uint8_t signature[64], pu_span message)
{
    mux_host *h = ctx;
    h->identity.sign(h->identity.ctx, signature, message);
}

static bool host_verify(void *ctx, const uint8_t key[32], pu_span message,
                        const uint8_t signature[64])
{
    mux_host *h = ctx;
    return h->identity.verify(h->identity.ctx, key, message, signature);
}

static void host_random(void *ctx, uint8_t *out, size_t len)
{
    mux_host *h = ctx;
    pu_crypto model;
    pu_crypto_model dice;
    uint64_t drawn = h->dice.drawn;
    pu_crypto_model_init(&model, &dice, h->dice.seed);
    dice.drawn = drawn;
    model.random(model.ctx, out, len);
    h->dice.drawn = dice.drawn;
}

mux_host *mux_host_new(uint8_t seed)
{
    uint8_t bytes[32], key[32];
    pu_crypto model;
    mux_host *h = calloc(1, sizeof *h);
    PU_ASSERT(h != NULL);
    memset(bytes, seed, sizeof bytes);
    int err = pu_crypto_real_init(&h->identity, &h->key, bytes);
    PU_ASSERT(err == PU_OK);
    pu_crypto_model_init(&model, &h->dice, bytes);
    h->crypto = (pu_crypto){h, host_public_key, host_sign, host_verify, host_random};
    host_public_key(h, key);
    pu_peer_id_from_ed25519(&h->id, key);
    pu_config_default(&h->config);
    h->law.config = &h->config;
    h->alloc = fault_heap_alloc(&h->heap);
    h->env = (pu_link_env){.crypto = &h->crypto, .alloc = h->alloc, .hash_seed = seed};
    h->now = PU_S;
    h->window = 1 << 20;
    h->tx_room = h->rx_room = PU_LINK_TCP_FIRST_ROOM;
    return h;
}

bool mux_host_open(mux_host *h)
{
    if (h->link != NULL) return true;
    h->has_lent_out = h->out != NULL;
    if (!h->has_lent_out && pu_link_out_new(&h->out, &h->alloc) != PU_OK) return false;
    int err = link_new(&h->link, &transports, &h->config, &h->env, h->now, 77);
    PU_ASSERT(err == PU_OK || err == PU_ENOMEM);
    if (err == PU_OK) return true;
    if (!h->has_lent_out) pu_link_out_free(h->out);
    h->link = NULL;
    return false;
}

void mux_host_free(mux_host *h)
{
    if (h->link != NULL) {
        pu_link_free(h->link);
        if (!h->has_lent_out) pu_link_out_free(h->out);
    }
    PU_ASSERT(h->heap.live_bytes == 0);
    boundary_close(&h->law);
    free(h->sent);
    free(h);
}

/* ---- inputs for the node ---- */

static mux_host_stream *stream_of(mux_host *h, pu_handle handle)
{
    for (uint32_t i = h->stream_count; i-- > 0;)
        if (h->streams[i].handle == handle && !h->streams[i].is_down) return &h->streams[i];
    PU_NEVER_HERE();
}

mux_host_stream *mux_host_stream_at(mux_host *h, uint32_t n)
{
    PU_ASSERT(n < h->stream_count);
    return &h->streams[n];
}

static mux_host_stream *add_stream(mux_host *h)
{
    PU_ASSERT(h->stream_count < MUX_HOST_STREAMS_MAX);
    mux_host_stream *s = &h->streams[h->stream_count++];
    *s = (mux_host_stream){.granted = PU_FIRST_ROOM};
    return s;
}

static void stream_up(mux_host *h, const pu_in *in)
{
    mux_host_stream *s = NULL;
    for (uint32_t i = 0; in->token != 0 && i < h->stream_count; i++)
        if (h->streams[i].token == in->token) s = &h->streams[i];
    if (in->token == 0) s = add_stream(h);
    PU_ASSERT(s != NULL && s->handle == 0);
    s->handle = in->stream;
    s->tx_room = in->offset;
}

static void stream_data(mux_host *h, const pu_in *in)
{
    mux_host_stream *s = stream_of(h, in->stream);
    PU_ASSERT(!s->rx_fin);
    for (size_t i = 0; i < in->body.len; i++) {
        if (!h->is_raw) PU_ASSERT(in->body.base[i] == mux_pattern(s->got + i));
        if (s->got + i < MUX_HOST_HEAD_BYTES) s->head[s->got + i] = in->body.base[i];
    }
    s->got += in->body.len;
    PU_ASSERT(s->got <= s->granted);
    s->rx_fin = (in->flags & PU_FIN) != 0;
}

static void stream_down(mux_host *h, const pu_in *in)
{
    mux_host_stream *s = NULL;
    if (in->stream != 0) s = stream_of(h, in->stream);
    for (uint32_t i = 0; in->stream == 0 && i < h->stream_count; i++)
        if (h->streams[i].token == in->token) s = &h->streams[i];
    PU_ASSERT(s != NULL && !s->is_down);
    s->is_down = true;
    s->down_what = in->what;
    s->down_code = in->code;
}

static void conn_up(mux_host *h, const pu_in *in)
{
    PU_ASSERT(!h->is_up && !h->is_down);
    h->is_up = true;
    h->conn = in->conn;
    h->up_at = h->now;
    h->is_provisional = (in->flags & PU_PROVISIONAL) != 0;
    int err = pu_peer_id_from_bytes(&h->peer, in->peer);
    PU_ASSERT(err == PU_OK);
}

/* What the node has to answer when the step is over; 0: nothing. */
static void take_input(mux_host *h, const pu_in *in, pu_handle *asked, uint32_t *verdict)
{
    PU_ASSERT(in->now == h->now);
    boundary_in(&h->law, in);
    if (in->conn == h->outer_conn && in->stream == 0 && h->outer_conn != 0) {
        if (in->kind == PU_IN_CONN_DOWN) h->is_outer_down = true;
        return;
    }
    switch ((int)in->kind) {
    case PU_IN_CONN_ASK:
        h->ask_count++;
        *asked = in->conn;
        *verdict = in->what == PU_ASK_SECURED ? h->secured_code
                   : h->is_accept_refused     ? PU_CODE_GATED
                                              : 0;
        break;
    case PU_IN_CONN_UP: conn_up(h, in); break;
    case PU_IN_CONN_CONFIRMED:
        PU_ASSERT(h->is_up && !h->is_confirmed);
        h->is_confirmed = true;
        h->confirmed_at = h->now;
        break;
    case PU_IN_CONN_PATH: h->rtt_ns = in->offset; break;
    case PU_IN_DIAL_FAIL: h->has_failed = true; /* fall through */
    case PU_IN_CONN_DOWN:
        PU_ASSERT(!h->is_down);
        h->is_down = true;
        h->down_code = in->code;
        h->down_at = h->now;
        break;
    case PU_IN_STREAM_UP: stream_up(h, in); break;
    case PU_IN_STREAM_DATA: stream_data(h, in); break;
    case PU_IN_STREAM_ROOM: stream_of(h, in->stream)->tx_room = in->offset; break;
    case PU_IN_STREAM_DOWN: stream_down(h, in); break;
    default: PU_NEVER_HERE();
    }
}

/* ---- effects for the wire ---- */

static void keep_sent(mux_host *h, pu_span bytes)
{
    h->sent_total += bytes.len;
    PU_ASSERT(h->sent_total <= h->tx_room);
    PU_ASSERT(h->closed == MUX_HOST_OPEN);
    if (h->sent_len + bytes.len > h->sent_cap) {
        h->sent_cap = 2 * (h->sent_len + bytes.len);
        h->sent = realloc(h->sent, h->sent_cap);
        PU_ASSERT(h->sent != NULL);
    }
    memcpy(h->sent + h->sent_len, bytes.base, bytes.len);
    h->sent_len += bytes.len;
}

static void take_effect(mux_host *h, const pu_link_ef *ef, pu_handle *asked, uint32_t *verdict)
{
    switch (ef->kind) {
    case PU_LINK_EF_INPUT: take_input(h, ef->input, asked, verdict); break;
    case PU_LINK_EF_TCP_SEND: keep_sent(h, ef->body); break;
    case PU_LINK_EF_TCP_ROOM:
        PU_ASSERT(ef->offset >= h->rx_room);
        h->rx_room = ef->offset;
        break;
    case PU_LINK_EF_TCP_CLOSE:
        PU_ASSERT(h->closed == MUX_HOST_OPEN);
        h->closed = (ef->flags & PU_LINK_RESET) != 0 ? MUX_HOST_RESET : MUX_HOST_CLOSED;
        break;
    case PU_LINK_EF_TCP_DIAL: h->last_token = ef->token; break;
    case PU_LINK_EF_UDP: PU_NEVER_HERE();
    }
}

static void pump(mux_host *h);

static void step(mux_host *h, pu_link_in in)
{
    pu_link_ef ef;
    pu_handle asked = 0;
    uint32_t verdict = 0;
    in.now = h->now;
    int err = pu_link_step(h->link, &in, h->out);
    PU_ASSERT(err == PU_OK);
    while (pu_link_out_next(h->out, &ef)) take_effect(h, &ef, &asked, &verdict);
    pu_link_out_reset(h->out);
    if (asked != 0)
        mux_host_effect(h, (pu_ef){.kind = PU_EF_CONN_VERDICT, .conn = asked, .code = verdict});
}

void mux_host_effect(mux_host *h, pu_ef ef)
{
    boundary_ef(&h->law, &ef);
    step(h, (pu_link_in){.kind = PU_LINK_IN_EFFECT, .effect = &ef});
}

/* ---- the node's wishes ---- */

static void send_some(mux_host *h, mux_host_stream *s)
{
    uint8_t bytes[PU_DATA_MAX];
    while (!s->is_down && !s->tx_fin && (s->tx_wanted > s->tx_sent || s->wants_fin)) {
        uint64_t len = s->tx_wanted - s->tx_sent;
        if (len > s->tx_room - s->tx_sent) len = s->tx_room - s->tx_sent;
        if (len > PU_DATA_MAX) len = PU_DATA_MAX;
        bool fin = s->wants_fin && s->tx_sent + len == s->tx_wanted;
        if (len == 0 && !fin) break;
        for (uint64_t i = 0; i < len; i++) bytes[i] = mux_pattern(s->tx_sent + i);
        s->tx_sent += len;
        s->tx_fin = fin;
        mux_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_SEND,
                                   .conn = h->conn,
                                   .stream = s->handle,
                                   .flags = fin ? PU_FIN : 0,
                                   .body = span_of(bytes, (size_t)len)});
    }
}

/* Everything that the node can do now. */
static void pump(mux_host *h)
{
    for (uint32_t i = 0; i < h->stream_count && !h->is_hung_up; i++) {
        mux_host_stream *s = &h->streams[i];
        if (s->handle == 0 || s->is_down || h->is_down) continue;
        uint64_t due = s->got + h->window;
        if (!s->rx_fin && due >= s->granted + h->window / 2 && h->window > 0)
            mux_host_grant(h, s, due);
        send_some(h, s);
    }
}

mux_host_stream *mux_host_stream_open(mux_host *h)
{
    mux_host_stream *s = add_stream(h);
    s->is_ours = true;
    s->token = 1000 + h->stream_count;
    mux_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_OPEN, .conn = h->conn, .token = s->token});
    return s;
}

void mux_host_send(mux_host *h, mux_host_stream *s, uint64_t bytes, bool fin)
{
    s->tx_wanted += bytes;
    s->wants_fin = s->wants_fin || fin;
    if (s->handle != 0) send_some(h, s);
}

void mux_host_grant(mux_host *h, mux_host_stream *s, uint64_t offset)
{
    if (offset <= s->granted) return;
    s->granted = offset;
    mux_host_effect(
        h,
        (pu_ef){.kind = PU_EF_STREAM_ROOM, .conn = h->conn, .stream = s->handle, .offset = offset});
}

void mux_host_reset(mux_host *h, mux_host_stream *s, uint32_t code)
{
    mux_host_effect(
        h, (pu_ef){.kind = PU_EF_STREAM_RESET, .conn = h->conn, .stream = s->handle, .code = code});
}

void mux_host_stop(mux_host *h, mux_host_stream *s)
{
    mux_host_effect(h, (pu_ef){.kind = PU_EF_STREAM_STOP, .conn = h->conn, .stream = s->handle});
}

void mux_host_upgrade(mux_host *h, mux_host_stream *s, enum pu_role role,
                      const pu_peer_id *expected)
{
    PU_ASSERT(h->outer_conn == 0);
    h->outer_conn = h->conn;
    h->is_up = h->is_confirmed = h->is_hung_up = false;
    s->is_down = true; /* the handle ends here */
    pu_ef ef = {.kind = PU_EF_UPGRADE,
                .token = 6,
                .conn = h->conn,
                .stream = s->handle,
                .what = role,
                .deadline = h->now + 15 * PU_S};
    if (expected != NULL) ef.peer = span_of(expected->bytes, expected->len);
    mux_host_effect(h, ef);
}

void mux_host_hangup(mux_host *h, uint32_t code, pu_time deadline)
{
    h->is_hung_up = true;
    mux_host_effect(
        h, (pu_ef){.kind = PU_EF_HANGUP, .conn = h->conn, .code = code, .deadline = deadline});
}

/* ---- the network ---- */

static const pu_endpoint here = {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1},
                                 .port = 4001};
static const pu_endpoint there = {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 9},
                                  .port = 4009};

void mux_host_accept(mux_host *h)
{
    bool is_open = mux_host_open(h);
    PU_ASSERT(is_open);
    step(h, (pu_link_in){
                .kind = PU_LINK_IN_TCP_UP, .tcp = MUX_HOST_TCP, .local = here, .remote = there});
}

void mux_host_dial(mux_host *h, const pu_peer_id *expected)
{
    bool is_open = mux_host_open(h);
    PU_ASSERT(is_open);
    pu_ef ef = {.kind = PU_EF_DIAL,
                .token = 5,
                .transport = PU_TRANSPORT_TCP,
                .remote = there,
                .what = PU_ROLE_CLIENT,
                .socket = PU_SOCKET_MAIN,
                .deadline = h->now + 15 * PU_S};
    if (expected != NULL) ef.peer = span_of(expected->bytes, expected->len);
    mux_host_effect(h, ef);
    if (h->is_down) { /* memory was short: nobody is called */
        h->closed = MUX_HOST_RESET;
        return;
    }
    step(h, (pu_link_in){.kind = PU_LINK_IN_TCP_UP,
                         .tcp = MUX_HOST_TCP,
                         .token = h->last_token,
                         .local = here,
                         .remote = there});
}

void mux_host_deliver(mux_host *h, pu_span bytes, size_t segment)
{
    PU_ASSERT(segment > 0 && segment <= PU_LINK_TCP_DATA_MAX);
    while (bytes.len > 0 && h->closed == MUX_HOST_OPEN) {
        size_t len = bytes.len < segment ? bytes.len : segment;
        PU_ASSERT(h->rx_total + len <= h->rx_room);
        h->rx_total += len;
        uint8_t *exact = malloc(len); /* so that a sanitizer sees its end, and use after the step */
        PU_ASSERT(exact != NULL);
        memcpy(exact, bytes.base, len);
        step(h, (pu_link_in){
                    .kind = PU_LINK_IN_TCP_DATA, .tcp = MUX_HOST_TCP, .body = span_of(exact, len)});
        free(exact);
        bytes = span_skip(bytes, len);
    }
}

void mux_host_deliver_fin(mux_host *h)
{
    step(h, (pu_link_in){.kind = PU_LINK_IN_TCP_DATA, .tcp = MUX_HOST_TCP, .flags = PU_LINK_FIN});
}

void mux_host_room(mux_host *h, uint64_t offset)
{
    if (offset <= h->tx_room || h->closed != MUX_HOST_OPEN) return;
    h->tx_room = offset;
    step(h, (pu_link_in){.kind = PU_LINK_IN_TCP_ROOM, .tcp = MUX_HOST_TCP, .offset = offset});
}

void mux_host_lose(mux_host *h)
{
    step(h, (pu_link_in){
                .kind = PU_LINK_IN_TCP_DOWN, .tcp = MUX_HOST_TCP, .code = PU_CODE_UNREACHABLE});
}

void mux_host_taken(mux_host *h, size_t count)
{
    PU_ASSERT(count <= h->sent_len);
    h->sent_len -= count;
    memmove(h->sent, h->sent + count, h->sent_len);
}

void mux_host_settle(mux_host *h)
{
    for (uint32_t ticks = 0;; ticks++) {
        PU_ASSERT(ticks < 1000000); /* time must go on */
        pump(h);
        if (pu_link_deadline(h->link, NULL) > h->now) return;
        h->ticks++;
        step(h, (pu_link_in){.kind = PU_LINK_IN_TICK});
    }
}

pu_time mux_host_deadline(const mux_host *h)
{
    return pu_link_deadline(h->link, NULL);
}

void mux_host_run(mux_host *h, pu_time until)
{
    mux_host_settle(h);
    for (pu_time at; (at = mux_host_deadline(h)) <= until;) {
        h->now = at;
        mux_host_settle(h);
    }
    h->now = until;
}
