/* tests/lib/quic_rig.c - see quic_rig.h. */
#include "tests/lib/quic_rig.h"

#include "base/chacha20.h"
#include "base/mix.h"
#include "tests/lib/plain_heap.h"

typedef struct rig_todo {
    struct rig_todo *next;
    pu_ef ef;
    size_t len;
    uint8_t bytes[];
} rig_todo;

static const struct link_transports quic_only = {.quic = &quic_ops,
                                                 .quic_new = quic_new,
                                                 .quic_free = quic_free,
                                                 .quic_dial = quic_dial,
                                                 .quic_datagram = quic_datagram,
                                                 .quic_rebound = quic_rebound};

/* ---- hosts ---- */

/* Secrets that are the same in every run. */
static void host_random(void *ctx, uint8_t *out, size_t len)
{
    rig_host *h = ctx;
    mix128 m;
    for (size_t i = 0; i < len; i++) {
        uint64_t word[2];
        mix_init(&m, h->index + 1);
        mix_u64(&m, h->drawn++);
        mix_result(&m, word);
        out[i] = (uint8_t)(word[0] >> 17);
    }
}

static void host_public_key(void *ctx, uint8_t key[PU_ED25519_KEY_BYTES])
{
    rig_host *h = ctx;
    memcpy(key, h->real.secret + 32, PU_ED25519_KEY_BYTES);
}

static pu_crypto base_crypto;

static void host_sign(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    rig_host *h = ctx;
    base_crypto.sign(&h->real, signature, message);
}

static bool host_verify(void *ctx, const uint8_t key[PU_ED25519_KEY_BYTES], pu_span message,
                        const uint8_t signature[PU_ED25519_SIGNATURE_BYTES])
{
    rig_host *h = ctx;
    return base_crypto.verify(&h->real, key, message, signature);
}

static void step(rig_host *h, pu_link_in *in);

/* The effect list of the thread: it is large, and empty between steps. */
static pu_link_out *shared_out(void)
{
    static pu_link_out *out;
    if (out == NULL) PU_ASSERT(pu_link_out_new(&out, &plain_heap) == PU_OK);
    return out;
}

static void host_start(rig_host *h)
{
    uint64_t unix_ns = h->rig->unix_ns + h->rig->now;
    PU_ASSERT(link_new(&h->link, &quic_only, &h->config, &h->env, h->rig->now, unix_ns) == PU_OK);
    h->out = shared_out();
    step(h, &(pu_link_in){.kind = PU_LINK_IN_LOCAL, .socket = PU_SOCKET_MAIN, .local = h->at});
}

rig_host *rig_add(rig *w, void (*change)(rig_host *h))
{
    PU_ASSERT(w->host_count < RIG_HOSTS_MAX);
    rig_host *h = &w->hosts[w->host_count];
    uint8_t seed[PU_ED25519_SEED_BYTES] = {0x77}, key[PU_ED25519_KEY_BYTES];
    h->rig = w;
    h->index = w->host_count++;
    seed[1] = (uint8_t)h->index;
    PU_ASSERT(pu_crypto_real_init(&base_crypto, &h->real, seed) == PU_OK);
    h->crypto = (pu_crypto){.ctx = h,
                            .public_key = host_public_key,
                            .sign = host_sign,
                            .verify = host_verify,
                            .random = host_random};
    host_public_key(h, key);
    pu_peer_id_from_ed25519(&h->id, key);
    pu_config_default(&h->config);
    h->env = (pu_link_env){.crypto = &h->crypto, .alloc = fault_heap_alloc(&h->heap)};
    h->at = (pu_endpoint){.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, (uint8_t)(h->index + 1)},
                          .port = 4001};
    h->seen_as = h->probe_seen_as = h->at;
    h->probe_seen_as.port = 5001;
    h->reads = 1 << 20;
    h->todo_end = &h->todo;
    if (change != NULL) change(h);
    host_start(h);
    return h;
}

void rig_off(rig_host *h)
{
    pu_link_free(h->link);
    h->link = NULL;
    PU_ASSERT(h->heap.live_bytes == 0);
    while (h->todo != NULL) {
        rig_todo *e = h->todo;
        h->todo = e->next;
        free(e);
    }
    h->todo_end = &h->todo;
}

void rig_restart(rig_host *h)
{
    if (h->link != NULL) rig_off(h);
    h->conn_count = h->stream_count = 0;
    memset(h->conns, 0, sizeof h->conns);
    memset(h->streams, 0, sizeof h->streams);
    host_start(h);
}

rig *rig_new(void)
{
    rig *w = calloc(1, sizeof *w);
    PU_ASSERT(w != NULL);
    w->now = 1000 * PU_S;
    w->unix_ns = UINT64_C(1790000000) * PU_S;
    w->delay_ns = 10 * PU_MS;
    return w;
}

void rig_free(rig *w)
{
    for (uint32_t i = 0; i < w->host_count; i++)
        if (w->hosts[i].link != NULL) rig_off(&w->hosts[i]);
    while (w->first != NULL) {
        rig_datagram *d = w->first;
        w->first = d->next;
        free(d);
    }
    free(w);
}

/* ---- the network ---- */

static void post(rig *w, rig_datagram *d)
{
    rig_datagram **at = &w->first;
    if (w->last != NULL && w->first != NULL && w->last->at <= d->at) at = &w->last->next;
    while (*at != NULL && (*at)->at <= d->at) at = &(*at)->next;
    d->next = *at;
    *at = d;
    if (d->next == NULL) w->last = d;
}

static rig_datagram *datagram_new(rig *w, const pu_endpoint *from, const pu_endpoint *to,
                                  uint32_t ecn, pu_span bytes)
{
    rig_datagram *d = malloc(sizeof *d + bytes.len);
    PU_ASSERT(d != NULL);
    *d = (rig_datagram){.at = w->now + w->delay_ns,
                        .number = w->numbers++,
                        .ecn = ecn,
                        .from = *from,
                        .to = *to,
                        .len = bytes.len};
    memcpy(d->bytes, bytes.base, bytes.len);
    return d;
}

static void hash_in(rig *w, const rig_datagram *d)
{
    mix128 m;
    mix_init(&m, w->hash[0]);
    mix_u64(&m, w->hash[1]);
    mix_u64(&m, w->now);
    mix_bytes(&m, d->from.ip, sizeof d->from.ip);
    mix_u64(&m, d->from.port);
    mix_u64(&m, d->len);
    mix_bytes(&m, d->bytes, d->len);
    mix_result(&m, w->hash);
}

static bool is_lost(rig *w)
{
    if (w->lost_in_1024 == 0) return false;
    w->dice = w->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->dice >> 40) % 1024 < w->lost_in_1024;
}

/* Puts d under way, or what becomes of it. */
static void meet_fate(rig *w, rig_datagram *d)
{
    enum rig_fate fate = w->fate != NULL ? w->fate(w, d) : RIG_PASS;
    if (is_lost(w)) fate = RIG_DROP;
    if (fate == RIG_DOUBLE)
        post(w, datagram_new(w, &d->from, &d->to, d->ecn, span_of(d->bytes, d->len)));
    if (fate == RIG_DROP) free(d);
    else post(w, d);
}

void rig_post(rig *w, const pu_endpoint *from, const pu_endpoint *to, pu_span bytes)
{
    post(w, datagram_new(w, from, to, 0, bytes));
}

void rig_pass(rig *w, const pu_endpoint *from, const pu_endpoint *to, pu_span bytes)
{
    meet_fate(w, datagram_new(w, from, to, 0, bytes));
}

static void send_datagram(rig_host *h, uint32_t socket, const pu_endpoint *to, uint32_t ecn,
                          pu_span bytes)
{
    rig *w = h->rig;
    const pu_endpoint *from = socket == PU_SOCKET_PROBE ? &h->probe_seen_as : &h->seen_as;
    rig_datagram *d = datagram_new(w, from, to, ecn, bytes);
    hash_in(w, d);
    h->sent_datagrams++;
    h->sent_bytes += bytes.len;
    h->last_len = bytes.len;
    meet_fate(w, d);
}

/* ---- the stand-in for a node ---- */

static void push(rig_host *h, const pu_ef *ef)
{
    rig_todo *e = malloc(sizeof *e + ef->body.len);
    PU_ASSERT(e != NULL);
    e->next = NULL;
    e->ef = *ef;
    if (ef->body.len > 0) memcpy(e->bytes, ef->body.base, ef->body.len);
    e->ef.body.base = e->bytes;
    *h->todo_end = e;
    h->todo_end = &e->next;
}

static rig_conn *conn_by(rig_host *h, pu_handle handle)
{
    for (uint32_t i = h->conn_count; i > 0; i--)
        if (h->conns[i - 1].handle == handle) return &h->conns[i - 1];
    PU_ASSERT(h->conn_count < RIG_CONNS_MAX);
    h->conns[h->conn_count] = (rig_conn){.handle = handle};
    return &h->conns[h->conn_count++];
}

static rig_stream *stream_by(rig_host *h, pu_handle handle)
{
    for (uint32_t i = h->stream_count; i > 0; i--)
        if (h->streams[i - 1].handle == handle) return &h->streams[i - 1];
    return NULL;
}

static rig_stream *stream_by_token(rig_host *h, pu_token token)
{
    for (uint32_t i = h->stream_count; token != 0 && i > 0; i--)
        if (h->streams[i - 1].token == token) return &h->streams[i - 1];
    return NULL;
}

static rig_stream *stream_new(rig_host *h)
{
    uint32_t i = 0;
    if (h->stream_count < RIG_STREAMS_MAX) {
        i = h->stream_count++;
    } else {
        while (i < RIG_STREAMS_MAX && !h->streams[i].is_down) i++;
        PU_ASSERT(i < RIG_STREAMS_MAX);
    }
    h->streams[i] = (rig_stream){.granted = PU_FIRST_ROOM};
    return &h->streams[i];
}

/* Sends what room allows. */
static void pump(rig_host *h, rig_stream *s)
{
    uint8_t bytes[PU_DATA_MAX];
    while (s->is_up && !s->is_down && !s->is_fin_sent) {
        uint64_t count = s->to_send < s->room - s->sent ? s->to_send : s->room - s->sent;
        if (count > sizeof bytes) count = sizeof bytes;
        bool fin = s->fin_after && count == s->to_send;
        if (count == 0 && !fin) return;
        for (size_t i = 0; i < count; i++) bytes[i] = rig_byte(s->sent + i);
        push(h, &(pu_ef){.kind = PU_EF_STREAM_SEND,
                         .conn = s->conn,
                         .stream = s->handle,
                         .flags = fin ? PU_FIN : 0,
                         .body = span_of(bytes, (size_t)count)});
        s->sent += count;
        s->to_send -= count;
        s->is_fin_sent = fin;
    }
}

static void grant(rig_host *h, rig_stream *s, uint64_t offset)
{
    s->granted = offset;
    push(h, &(pu_ef){
                .kind = PU_EF_STREAM_ROOM, .conn = s->conn, .stream = s->handle, .offset = offset});
}

static void read_more(rig_host *h, rig_stream *s)
{
    if (s->has_fin || s->is_down || s->got + h->reads < s->granted + h->reads / 2) return;
    if (s->got + h->reads > s->granted) grant(h, s, s->got + h->reads);
}

static void hear_ask(rig_host *h, const pu_in *in)
{
    rig_conn *c = conn_by(h, in->conn);
    bool is_accept = in->what == PU_ASK_ACCEPT;
    c->remote = is_accept ? in->remote : c->remote;
    if (is_accept) c->is_asked_accept = true;
    else c->is_asked_secured = true;
    if (!is_accept) PU_ASSERT(pu_peer_id_from_bytes(&c->peer, in->peer) == PU_OK);
    uint32_t code = is_accept ? h->accept_code : h->secured_code;
    push(h, &(pu_ef){.kind = PU_EF_CONN_VERDICT, .conn = in->conn, .code = code});
    if (code == 0) return;
    c->is_down = true;
    c->code = code;
}

static void hear_conn(rig_host *h, const pu_in *in)
{
    rig_conn *c = conn_by(h, in->conn);
    switch ((int)in->kind) {
    case PU_IN_CONN_UP:
        PU_ASSERT(!c->is_up && !c->is_down);
        c->is_up = true;
        c->up_at = h->rig->now;
        c->token = in->token;
        c->remote = in->remote;
        PU_ASSERT(pu_peer_id_from_bytes(&c->peer, in->peer) == PU_OK);
        break;
    case PU_IN_CONN_CONFIRMED:
        PU_ASSERT(c->is_up && !c->is_confirmed);
        c->is_confirmed = true;
        c->confirmed_at = h->rig->now;
        break;
    case PU_IN_CONN_PATH:
        PU_ASSERT(c->is_up && !c->is_down);
        c->rtt_ns = in->offset;
        if (in->flags & PU_MIGRATED) c->migrations++;
        c->remote = in->remote;
        break;
    default:
        PU_ASSERT(in->kind == PU_IN_CONN_DOWN && !c->is_down);
        c->is_down = true;
        c->code = in->code;
        c->down_at = h->rig->now;
    }
}

static void hear_up(rig_host *h, const pu_in *in)
{
    rig_stream *s = stream_by_token(h, in->token);
    if (s == NULL) {
        PU_ASSERT(in->token == 0);
        s = stream_new(h);
        s->is_echo = h->echoes;
    }
    PU_ASSERT(conn_by(h, in->conn)->is_up);
    s->conn = in->conn;
    s->handle = in->stream;
    s->is_up = true;
    s->room = in->offset;
    read_more(h, s);
    pump(h, s);
}

static void hear_data(rig_host *h, rig_stream *s, const pu_in *in)
{
    PU_ASSERT(s->is_up && !s->is_down && !s->has_fin);
    PU_ASSERT(in->body.len <= s->granted - s->got);
    if (s->got == 0) s->first_at = h->rig->now;
    for (size_t i = 0; i < in->body.len; i++)
        if (in->body.base[i] != rig_byte(s->got + i)) s->is_wrong = true;
    s->got += in->body.len;
    if (in->flags & PU_FIN) {
        s->has_fin = true;
        s->fin_at = h->rig->now;
    }
    if (s->is_echo) {
        s->to_send += in->body.len;
        s->fin_after = s->has_fin;
        pump(h, s);
    }
    read_more(h, s);
}

static void hear_down(rig_host *h, const pu_in *in)
{
    rig_stream *s = in->stream != 0 ? stream_by(h, in->stream) : stream_by_token(h, in->token);
    PU_ASSERT(s != NULL && !s->is_down);
    s->is_down = true;
    s->what = in->what;
    s->code = in->code;
}

static void hear_stream(rig_host *h, const pu_in *in)
{
    rig_stream *s = stream_by(h, in->stream);
    PU_ASSERT(s != NULL);
    if (in->kind == PU_IN_STREAM_DATA) {
        hear_data(h, s, in);
    } else if (in->kind == PU_IN_STREAM_ROOM) {
        PU_ASSERT(in->offset > s->room);
        s->room = in->offset;
        pump(h, s);
    } else {
        PU_ASSERT(in->kind == PU_IN_STREAM_STOP && !s->is_stopped);
        s->is_stopped = true;
        s->stop_code = in->code;
    }
}

static void hear(rig_host *h, const pu_in *in)
{
    switch ((int)in->kind) {
    case PU_IN_CONN_ASK: hear_ask(h, in); break;
    case PU_IN_CONN_UP:
    case PU_IN_CONN_CONFIRMED:
    case PU_IN_CONN_PATH:
    case PU_IN_CONN_DOWN: hear_conn(h, in); break;
    case PU_IN_DIAL_FAIL:
        h->dial_fails++;
        h->last_fail_code = in->code;
        h->last_fail_at = h->rig->now;
        break;
    case PU_IN_STREAM_UP: hear_up(h, in); break;
    case PU_IN_STREAM_DOWN: hear_down(h, in); break;
    case PU_IN_PACKET:
        if (h->packet_count == RIG_PACKETS_MAX) break;
        h->packets[h->packet_count].remote = in->remote;
        h->packets[h->packet_count++].len = in->body.len;
        break;
    default: hear_stream(h, in);
    }
}

/* ---- steps ---- */

static void perform(rig_host *h, const pu_link_ef *ef)
{
    if (ef->kind == PU_LINK_EF_INPUT) {
        hear(h, ef->input);
        return;
    }
    PU_ASSERT(ef->kind == PU_LINK_EF_UDP);
    h->sent_effects++;
    pu_span rest = ef->body;
    PU_ASSERT(rest.len > 0);
    while (rest.len > 0) {
        size_t len = ef->segment == 0 || ef->segment > rest.len ? rest.len : ef->segment;
        send_datagram(h, ef->socket, &ef->remote, ef->ecn, span_head(rest, len));
        rest = span_skip(rest, len);
    }
}

static void step(rig_host *h, pu_link_in *in)
{
    pu_link_ef ef;
    in->now = h->rig->now;
    PU_ASSERT(pu_link_step(h->link, in, h->out) == PU_OK);
    while (pu_link_out_next(h->out, &ef)) perform(h, &ef);
    pu_link_out_reset(h->out);
}

/* What the stand-in wants, until it wants nothing. */
static void settle(rig_host *h)
{
    while (h->todo != NULL) {
        rig_todo *e = h->todo;
        h->todo = e->next;
        if (h->todo == NULL) h->todo_end = &h->todo;
        step(h, &(pu_link_in){.kind = PU_LINK_IN_EFFECT, .effect = &e->ef});
        free(e);
    }
}

void rig_effect(rig_host *h, const pu_ef *ef)
{
    push(h, ef);
    settle(h);
}

void rig_inject(rig_host *h, const pu_endpoint *from, pu_span bytes)
{
    step(h, &(pu_link_in){.kind = PU_LINK_IN_UDP,
                          .socket = PU_SOCKET_MAIN,
                          .local = h->at,
                          .remote = *from,
                          .body = bytes});
    settle(h);
}

static rig_host *host_seen_as(rig *w, const pu_endpoint *to, uint32_t *socket)
{
    for (uint32_t i = 0; i < w->host_count; i++) {
        rig_host *h = &w->hosts[i];
        *socket = pu_endpoint_equal(&h->probe_seen_as, to) ? PU_SOCKET_PROBE : PU_SOCKET_MAIN;
        if (*socket == PU_SOCKET_PROBE || pu_endpoint_equal(&h->seen_as, to)) return h;
    }
    return NULL;
}

/* Takes further datagrams of the same moment and way into bytes; the last one may be shorter. */
static size_t batch(rig *w, const rig_datagram *d, uint8_t *bytes, size_t cap)
{
    size_t len = d->len;
    memcpy(bytes, d->bytes, d->len);
    while (w->are_batched && w->first != NULL) {
        rig_datagram *next = w->first;
        if (next->at != d->at || !pu_endpoint_equal(&next->from, &d->from) ||
            !pu_endpoint_equal(&next->to, &d->to) || next->len > d->len || len + next->len > cap)
            break;
        w->first = next->next;
        memcpy(bytes + len, next->bytes, next->len);
        len += next->len;
        bool is_last = next->len < d->len;
        free(next);
        if (is_last) break;
    }
    return len;
}

static void deliver(rig *w)
{
    static uint8_t bytes[PU_LINK_UDP_MAX];
    rig_datagram *d = w->first;
    w->first = d->next;
    uint32_t socket;
    rig_host *h = host_seen_as(w, &d->to, &socket);
    if (h == NULL && w->elsewhere != NULL) w->elsewhere(w->elsewhere_ctx, w, d);
    size_t len = h != NULL ? batch(w, d, bytes, 60000) : 0;
    if (h != NULL && h->link != NULL && !h->is_deaf)
        step(h, &(pu_link_in){.kind = PU_LINK_IN_UDP,
                              .socket = socket,
                              .ecn = d->ecn,
                              .local = h->at,
                              .remote = d->from,
                              .segment = len > d->len ? (uint32_t)d->len : 0,
                              .body = span_of(bytes, len)});
    free(d);
    if (h != NULL) settle(h);
}

/* Ticks every host that is due; datagrams of this moment come first. */
static bool tick_due(rig *w)
{
    for (uint32_t i = 0; i < w->host_count; i++) {
        rig_host *h = &w->hosts[i];
        if (h->link == NULL || pu_link_deadline(h->link, NULL) > w->now) continue;
        step(h, &(pu_link_in){.kind = PU_LINK_IN_TICK});
        settle(h);
        return true;
    }
    if (w->elsewhere_due == NULL || w->elsewhere_due(w->elsewhere_ctx) > w->now) return false;
    w->elsewhere_tick(w->elsewhere_ctx, w);
    return true;
}

static pu_time next_time(const rig *w)
{
    pu_time at = w->first != NULL ? w->first->at : PU_NEVER;
    for (uint32_t i = 0; i < w->host_count; i++) {
        if (w->hosts[i].link == NULL) continue;
        pu_time due = pu_link_deadline(w->hosts[i].link, NULL);
        if (due < at) at = due;
    }
    pu_time due = w->elsewhere_due != NULL ? w->elsewhere_due(w->elsewhere_ctx) : PU_NEVER;
    return due < at ? due : at;
}

static bool advance(rig *w, pu_time until)
{
    pu_time at = next_time(w);
    if (at > until) return false;
    if (at > w->now) w->now = at;
    if (w->first != NULL && w->first->at <= w->now) deliver(w);
    else PU_ASSERT(tick_due(w));
    return true;
}

void rig_run_until(rig *w, pu_time until)
{
    while (advance(w, until)) {}
    w->now = until;
}

void rig_run(rig *w, uint64_t ns)
{
    rig_run_until(w, w->now + ns);
}

bool rig_run_for(rig *w, const bool *flag, uint64_t ns)
{
    pu_time until = w->now + ns;
    while (!*flag && advance(w, until)) {}
    if (!*flag) w->now = until;
    return *flag;
}

/* ---- what tests do ---- */

pu_token rig_dial(rig_host *h, const rig_host *to, const pu_peer_id *expected)
{
    const pu_peer_id *id = expected != NULL ? expected : &to->id;
    pu_token token = ++h->last_token;
    rig_effect(h, &(pu_ef){.kind = PU_EF_DIAL,
                           .token = token,
                           .what = PU_ROLE_CLIENT,
                           .transport = PU_TRANSPORT_QUIC,
                           .socket = PU_SOCKET_MAIN,
                           .remote = to->seen_as,
                           .deadline = h->rig->now + h->config.dial_ns,
                           .peer = span_of(id->bytes, id->len)});
    return token;
}

rig_conn *rig_conn_of(rig_host *h, pu_token token)
{
    for (uint32_t i = h->conn_count; i > 0; i--)
        if (h->conns[i - 1].is_up && h->conns[i - 1].token == token) return &h->conns[i - 1];
    return NULL;
}

rig_conn *rig_connect(rig_host *a, rig_host *b)
{
    uint32_t before = b->conn_count;
    pu_token token = rig_dial(a, b, NULL);
    rig_run(a->rig, 8 * a->rig->delay_ns + 10 * PU_MS);
    rig_conn *c = rig_conn_of(a, token), *other = rig_conn_of(b, 0);
    PU_ASSERT(c != NULL && c->is_confirmed && b->conn_count > before);
    PU_ASSERT(other != NULL && other->is_up && other->is_confirmed);
    return c;
}

rig_stream *rig_open(rig_host *h, const rig_conn *c)
{
    rig_stream *s = stream_new(h);
    s->token = ++h->last_token;
    s->conn = c->handle;
    rig_effect(h, &(pu_ef){.kind = PU_EF_STREAM_OPEN, .conn = c->handle, .token = s->token});
    return s;
}

void rig_send(rig_host *h, rig_stream *s, uint64_t bytes, bool fin)
{
    s->to_send += bytes;
    s->fin_after = fin;
    pump(h, s);
    settle(h);
}

rig_stream *rig_theirs(rig_host *h, uint32_t n)
{
    for (uint32_t i = 0; i < h->stream_count; i++)
        if (h->streams[i].token == 0 && n-- == 0) return &h->streams[i];
    return NULL;
}

void rig_reset(rig_host *h, const rig_stream *s, uint32_t code)
{
    rig_effect(
        h,
        &(pu_ef){.kind = PU_EF_STREAM_RESET, .conn = s->conn, .stream = s->handle, .code = code});
}

void rig_stop(rig_host *h, rig_stream *s, uint32_t code)
{
    s->is_deaf = true;
    rig_effect(
        h, &(pu_ef){.kind = PU_EF_STREAM_STOP, .conn = s->conn, .stream = s->handle, .code = code});
}

void rig_grant(rig_host *h, rig_stream *s, uint64_t offset)
{
    grant(h, s, offset);
    settle(h);
}

void rig_move(rig_host *h, const pu_endpoint *at)
{
    h->at = h->seen_as = *at;
    step(h, &(pu_link_in){.kind = PU_LINK_IN_LOCAL, .socket = PU_SOCKET_MAIN, .local = *at});
    settle(h);
}

void rig_hangup(rig_host *h, const rig_conn *c, uint32_t code, uint64_t wait_ns)
{
    rig_effect(h, &(pu_ef){.kind = PU_EF_HANGUP,
                           .conn = c->handle,
                           .code = code,
                           .deadline = h->rig->now + wait_ns});
}
