/* The link as a transport, see wire.h. */
#include "sim/wire/wire.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/mix.h"
#include "peerup/link.h"
#include "sim/mem.h"
#include "sim/tcp_model/tcp_model.h"

enum { PROBES_MAX = 256, ENDS_FIRST = 64 };

/* One end of a connection, for the judge. */
typedef struct end {
    uint8_t id[PU_LINK_CHANNEL_BYTES];
    const void *self;
    pu_handle conn;
} end;

/* What all transports of a run share: effect lists, and which ends belong together. */
typedef struct share {
    pu_link_out *out, *effect_out;
    end *ends;
    uint32_t count, cap;
} share;

typedef struct wire {
    const transport_host *host;
    void *ctx; /* of the host's functions */
    share *share;
    uint16_t port; /* of MAIN and of TCP; those of the probes follow */
    pu_crypto crypto;
    pu_link_env env;
    pu_link *link;
    tcp_model *tcp;
    tcp_model_host tcp_host;
    pu_time now;
    queue_timer timer;
    size_t tcp_bytes;
    pu_alloc tcp_alloc;
    uint8_t tcp_seed[32];
} wire;

/* ---- which ends belong together ---- */

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return sim_resize(old, new_len);
    free(old);
    return NULL;
}

static void *share_new(void)
{
    share *s = sim_alloc(sizeof *s);
    static const pu_alloc alloc = {resize, NULL};
    if (pu_link_out_new(&s->out, &alloc) != PU_OK ||
        pu_link_out_new(&s->effect_out, &alloc) != PU_OK)
        sim_fatal("no memory for a run");
    return s;
}

static void share_free(void *shared)
{
    share *s = shared;
    pu_link_out_free(s->out);
    pu_link_out_free(s->effect_out);
    free(s->ends);
    free(s);
}

static void end_add(wire *w, pu_handle conn)
{
    share *s = w->share;
    end e = {.self = w, .conn = conn};
    if (!pu_link_channel_id(w->link, conn, e.id)) return;
    s->ends = sim_grow(s->ends, &s->cap, s->count, sizeof *s->ends);
    s->ends[s->count++] = e;
}

/* Forgets one connection of w, or, with 0, all. */
static void end_del(wire *w, pu_handle conn)
{
    share *s = w->share;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        bool goes = s->ends[i].self == w && (conn == 0 || s->ends[i].conn == conn);
        if (!goes) s->ends[kept++] = s->ends[i];
    }
    s->count = kept;
}

static pu_handle other_end(const void *self, pu_handle conn)
{
    const wire *w = self;
    const share *s = w->share;
    uint8_t id[PU_LINK_CHANNEL_BYTES];
    if (!pu_link_channel_id(w->link, conn, id)) return 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const end *e = &s->ends[i];
        if (e->self != self && memcmp(e->id, id, sizeof id) == 0) return e->conn;
    }
    return 0;
}

/* ---- effects of the link ---- */

static uint16_t port_of(const wire *w, uint32_t socket)
{
    if (socket >= PU_SOCKET_PROBE && socket < PU_SOCKET_PROBE + PROBES_MAX)
        return (uint16_t)(w->port + 1 + socket - PU_SOCKET_PROBE);
    return w->port;
}

static uint32_t socket_of(const wire *w, uint16_t port)
{
    return port == w->port ? PU_SOCKET_MAIN : PU_SOCKET_PROBE + (uint32_t)port - w->port - 1;
}

/* What a datagram carries, as far as an onlooker can tell: QUIC's long headers are handshakes. */
static enum net_kind kind_of(pu_span datagram)
{
    if (datagram.len == 0) return NET_KIND_OTHER;
    bool is_quic = (datagram.base[0] & 0x40) != 0;
    bool is_long = (datagram.base[0] & 0x80) != 0;
    if (!is_quic) return NET_KIND_OTHER;
    return is_long ? NET_KIND_HELLO : NET_KIND_DATA;
}

static void send_datagrams(wire *w, const pu_link_ef *ef, bool is_punch)
{
    size_t each = ef->segment != 0 ? ef->segment : ef->body.len;
    for (pu_span rest = ef->body; rest.len > 0;) {
        pu_span one = span_head(rest, rest.len < each ? rest.len : each);
        rest = span_skip(rest, one.len);
        w->host->send(w->ctx, port_of(w, ef->socket), &ef->remote, one, NET_UDP,
                      is_punch ? NET_KIND_PUNCH : kind_of(one));
    }
}

static void give(wire *w, const pu_in *in)
{
    if (in->kind == PU_IN_CONN_UP) end_add(w, in->conn);
    w->host->input(w->ctx, in);
    if (in->kind == PU_IN_CONN_DOWN) end_del(w, in->conn);
}

static void perform(wire *w, const pu_link_ef *ef, bool is_punch)
{
    switch (ef->kind) {
    case PU_LINK_EF_UDP: send_datagrams(w, ef, is_punch); break;
    case PU_LINK_EF_TCP_DIAL:
        tcp_model_dial(w->tcp, w->now,
                       &(tcp_model_target){.token = ef->token,
                                           .local_port = ef->local.port,
                                           .remote = ef->remote,
                                           .not_before = ef->not_before,
                                           .deadline = ef->deadline});
        break;
    case PU_LINK_EF_TCP_SEND:
        tcp_model_send(w->tcp, w->now, ef->tcp, ef->body, (ef->flags & PU_LINK_FIN) != 0);
        break;
    case PU_LINK_EF_TCP_ROOM: tcp_model_room(w->tcp, w->now, ef->tcp, ef->offset); break;
    case PU_LINK_EF_TCP_CLOSE:
        tcp_model_close(w->tcp, w->now, ef->tcp, (ef->flags & PU_LINK_RESET) != 0);
        break;
    case PU_LINK_EF_INPUT: give(w, ef->input); break;
    }
}

/* One step of the link. An effect of the node may come while an input from outside is being taken,
 * so each has a list of its own. */
static void step(wire *w, pu_link_in *in)
{
    bool is_effect = in->kind == PU_LINK_IN_EFFECT;
    bool is_punch = is_effect && in->effect->kind == PU_EF_PACKET;
    pu_link_out *out = is_effect ? w->share->effect_out : w->share->out;
    in->now = w->now;
    wire_random_of(&w->crypto);
    int result = pu_link_step(w->link, in, out);
    wire_random_of(NULL);
    PU_ASSERT(result == PU_OK || result == PU_EHANDLE); /* EHANDLE: it crossed a TCP_CLOSE */
    for (pu_link_ef ef; pu_link_out_next(out, &ef);) perform(w, &ef, is_punch);
    pu_link_out_reset(out);
}

/* ---- time ---- */

static pu_time deadline(const wire *w)
{
    pu_time link = pu_link_deadline(w->link, NULL), tcp = tcp_model_deadline(w->tcp);
    return link < tcp ? link : tcp;
}

static void arm(wire *w)
{
    pu_time at = deadline(w);
    w->host->wake(w->ctx, &w->timer, 0, at < w->now ? w->now : at);
}

static void timer(void *self, pu_time now, pu_handle conn)
{
    wire *w = self;
    (void)conn;
    w->now = now;
    /* One at a time: the node answers before the link hears of anything else. */
    if (tcp_model_deadline(w->tcp) <= now) tcp_model_tick(w->tcp, now);
    else if (pu_link_deadline(w->link, NULL) <= now)
        step(w, &(pu_link_in){.kind = PU_LINK_IN_TICK});
    arm(w);
}

/* ---- events of the TCP model ---- */

static void on_up(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
                  const pu_endpoint *remote)
{
    step(ctx, &(pu_link_in){.kind = PU_LINK_IN_TCP_UP,
                            .tcp = handle,
                            .token = token,
                            .local = *local,
                            .remote = *remote});
}

static void on_data(void *ctx, uint64_t handle, pu_span bytes, bool fin)
{
    step(ctx, &(pu_link_in){.kind = PU_LINK_IN_TCP_DATA,
                            .tcp = handle,
                            .flags = fin ? PU_LINK_FIN : 0,
                            .body = bytes});
}

static void on_room(void *ctx, uint64_t handle, uint64_t offset)
{
    step(ctx, &(pu_link_in){.kind = PU_LINK_IN_TCP_ROOM, .tcp = handle, .offset = offset});
}

static void on_down(void *ctx, uint64_t handle, uint32_t token, uint32_t code)
{
    step(ctx,
         &(pu_link_in){.kind = PU_LINK_IN_TCP_DOWN, .tcp = handle, .token = token, .code = code});
}

static void on_segment(void *ctx, uint16_t port, const pu_endpoint *to, pu_span segment,
                       enum net_carriage carriage)
{
    wire *w = ctx;
    tcp_segment s;
    bool is_read = tcp_segment_read(&s, segment);
    PU_ASSERT(is_read);
    enum net_kind kind = NET_KIND_DATA;
    if ((s.flags & TCP_SYN) != 0) kind = NET_KIND_HELLO;
    else if ((s.flags & (TCP_RST | TCP_FIN)) != 0) kind = NET_KIND_CLOSE;
    else if (s.body.len == 0) kind = NET_KIND_ACK;
    w->host->send(w->ctx, port, to, segment, carriage, kind);
}

static pu_endpoint on_local(void *ctx, const pu_endpoint *remote)
{
    const wire *w = ctx;
    return w->host->local(w->ctx, remote);
}

/* ---- the calls of the host ---- */

/* MAIN and the listener of TCP have the same address and port number. Where the host has two
 * families both are bound to all addresses, and which one a connection uses follows from what
 * arrives. */
static void tell_local(wire *w)
{
    pu_endpoint local = w->host->local(w->ctx, NULL);
    step(w, &(pu_link_in){.kind = PU_LINK_IN_LOCAL, .socket = PU_SOCKET_MAIN, .local = local});
    step(w, &(pu_link_in){.kind = PU_LINK_IN_LOCAL, .flags = PU_LINK_TCP, .local = local});
}

static void *count_tcp(void *ctx, void *old, size_t old_len, size_t new_len)
{
    wire *w = ctx;
    w->tcp_bytes += new_len - old_len; /* unsigned arithmetic: right in both directions */
    return w->host->alloc->resize(w->host->alloc->ctx, old, old_len, new_len);
}

static void *make(const transport_setup *setup)
{
    const pu_alloc *alloc = setup->host->alloc;
    wire *w = mem_new(alloc, sizeof *w);
    *w = (wire){.host = setup->host,
                .ctx = setup->ctx,
                .share = setup->share,
                .port = setup->port,
                .crypto = *setup->crypto,
                .now = setup->now};
    w->env = (pu_link_env){.crypto = &w->crypto,
                           .alloc = *alloc,
                           .hash_seed = setup->hash_seed,
                           .keylog = setup->keylog,
                           .keylog_ctx = setup->keylog_ctx};
    w->tcp_alloc = (pu_alloc){count_tcp, w};
    w->tcp_host =
        (tcp_model_host){w, &w->tcp_alloc, on_up, on_data, on_room, on_down, on_segment, on_local};
    memcpy(w->tcp_seed, setup->seed, sizeof w->tcp_seed);
    w->tcp = tcp_model_new(w->port, PU_LINK_TCP_FIRST_ROOM, &w->tcp_host, w->tcp_seed);
    wire_random_of(&w->crypto);
    int result = pu_link_new(&w->link, setup->config, &w->env, setup->now, setup->unix_ns);
    wire_random_of(NULL);
    if (result != PU_OK) sim_fatal("a link cannot be made: a parameter is outside its range");
    tell_local(w);
    return w;
}

static void wire_free(void *self)
{
    wire *w = self;
    const pu_alloc *alloc = w->host->alloc;
    end_del(w, 0);
    w->host->wake(w->ctx, &w->timer, 0, PU_NEVER);
    pu_link_free(w->link);
    tcp_model_free(w->tcp);
    PU_ASSERT(w->tcp_bytes == 0);
    mem_free(alloc, w, sizeof *w);
}

static bool effect(void *self, pu_time now, const pu_ef *ef)
{
    wire *w = self;
    if (!pu_link_takes(ef->kind)) return false;
    w->now = now;
    step(w, &(pu_link_in){.kind = PU_LINK_IN_EFFECT, .effect = ef});
    arm(w);
    return true;
}

static bool datagram(void *self, pu_time now, enum net_carriage carriage, uint16_t port,
                     const pu_endpoint *remote, pu_span bytes)
{
    wire *w = self;
    w->now = now;
    if (net_is_refusal(carriage)) { /* of UDP: nobody has asked the kernel to tell */
        if (carriage != NET_UDP_UNREACHABLE)
            tcp_model_refused(w->tcp, now, port, remote, bytes, carriage == NET_TCP_RESET);
    } else if (carriage != NET_UDP) {
        tcp_model_segment(w->tcp, now, port, remote, bytes);
    } else if (port >= w->port && port <= w->port + PROBES_MAX) {
        pu_endpoint local = w->host->local(w->ctx, remote);
        local.port = port;
        step(w, &(pu_link_in){.kind = PU_LINK_IN_UDP,
                              .socket = socket_of(w, port),
                              .local = local,
                              .remote = *remote,
                              .body = bytes});
    }
    arm(w);
    return true; /* what belongs to no connection comes back from the link as a PACKET */
}

/* The connection that an Initial of QUIC, version 1, says it is from (RFC 9000 section 17.2.2); the
 * fixed bit may have been greased (RFC 9287). False: it is none. */
static bool initial_from(pu_span d, pu_span *id)
{
    enum { FORM = 0xb0, INITIAL = 0x80, VERSION = 1, ID_AT = 5 };
    if (d.len <= ID_AT || (d.base[0] & FORM) != INITIAL || load_be32(d.base + 1) != VERSION)
        return false;
    pu_span rest = span_skip(d, ID_AT);
    if (rest.len <= (size_t)1 + rest.base[0]) return false;
    rest = span_skip(rest, (size_t)1 + rest.base[0]);
    *id = span_head(span_skip(rest, 1), rest.base[0]);
    return rest.len > rest.base[0];
}

/* A server's work begins at the client's first Initial, the client's at the server's; over TCP at
 * the first bytes, in which the peer's share of Noise is. */
static uint64_t work(const void *self, enum net_carriage carriage, uint16_t port,
                     const pu_endpoint *remote, pu_span bytes)
{
    const wire *w = self;
    pu_span id;
    if (carriage != NET_UDP) return tcp_model_first(w->tcp, port, remote, bytes);
    if (!initial_from(bytes, &id)) return 0;
    uint64_t who = mix_keyed(remote->port, remote->ip, sizeof remote->ip);
    return mix_keyed(who, id.base, id.len) | 1;
}

/* Only TCP listens: our UDP sockets find the path's MTU by probes of QUIC's, and their kernel
 * ignores what ICMP says (IP_PMTUDISC_PROBE). */
static void too_big(void *self, pu_time now, enum net_carriage carriage, uint16_t port,
                    const pu_endpoint *remote, uint32_t mtu)
{
    wire *w = self;
    if (carriage == NET_UDP) return;
    w->now = now;
    tcp_model_too_big(w->tcp, now, port, remote, mtu);
    arm(w);
}

static void rebound(void *self, pu_time now)
{
    wire *w = self;
    w->now = now;
    tell_local(w);
    arm(w);
}

static void set_clock(void *self, pu_time now, uint64_t unix_ns)
{
    wire *w = self;
    w->now = now;
    step(w, &(pu_link_in){.kind = PU_LINK_IN_CLOCK, .offset = unix_ns});
    arm(w);
}

static size_t bytes_held(const void *self)
{
    const wire *w = self;
    return sizeof *w + w->tcp_bytes + pu_link_bytes(w->link);
}

const transport_ops *transport_wire(void)
{
    static const transport_ops ops = {
        .share_new = share_new,
        .share_free = share_free,
        .make = make,
        .free = wire_free,
        .effect = effect,
        .datagram = datagram,
        .work = work,
        .timer = timer,
        .too_big = too_big,
        .rebound = rebound,
        .clock = set_clock,
        .other_end = other_end,
        .bytes = bytes_held,
    };
    return &ops;
}
