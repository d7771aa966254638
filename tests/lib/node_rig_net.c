/* tests/lib/node_rig_net.c - the network between the hosts of node_rig.h. */
#include "base/bytes.h"
#include "base/mix.h"
#include "tests/lib/node_rig.h"

#include <stdlib.h>

enum { SEND_BUFFER_BYTES = 262144 };

enum event_kind {
    EV_DATAGRAM = 1,
    EV_SYN,
    EV_TCP_UP,
    EV_TCP_FAIL,
    EV_DATA,
    EV_FIN,
    EV_RST,
    EV_ACK
};

typedef struct node_rig_event {
    struct node_rig_event *next;
    pu_time at;
    uint64_t order;
    enum event_kind kind;
    uint32_t host; /* that it comes to */
    uint32_t tcp;  /* the end that it comes to */
    pu_token token;
    uint64_t offset;
    uint32_t code, ecn;
    pu_endpoint from;
    size_t len;
    uint8_t bytes[];
} event;

static event *event_new(node_rig *w, enum event_kind kind, pu_time at, pu_span bytes)
{
    event *e = calloc(1, sizeof *e + bytes.len);
    PU_ASSERT(e != NULL);
    e->kind = kind;
    e->at = at;
    e->order = w->orders++;
    e->len = bytes.len;
    if (bytes.len > 0) memcpy(e->bytes, bytes.base, bytes.len);
    event **place = &w->events;
    while (*place != NULL && (*place)->at <= at) place = &(*place)->next;
    e->next = *place;
    *place = e;
    return e;
}

void node_rig_net_free(node_rig *w)
{
    while (w->events != NULL) {
        event *e = w->events;
        w->events = e->next;
        free(e);
    }
    for (uint32_t i = 0; i < NODE_RIG_TCPS_MAX; i++) free(w->tcps[i].rx);
}

pu_time node_rig_net_due(const node_rig *w)
{
    return w->events != NULL ? w->events->at : PU_NEVER;
}

static node_rig_host *host_at(node_rig *w, const pu_endpoint *outside)
{
    for (uint32_t i = 0; i < w->host_count; i++)
        if (pu_endpoint_equal(&w->hosts[i].outside, outside)) return &w->hosts[i];
    return NULL;
}

/* ---- datagrams ---- */

static bool lets_in(const node_rig_host *h, const pu_endpoint *from)
{
    if (!h->is_behind) return true;
    for (uint32_t i = 0; i < h->filter_count; i++)
        if (pu_endpoint_equal(&h->filter[i], from)) return true;
    return false;
}

static void lets_out(node_rig_host *h, const pu_endpoint *to)
{
    if (!h->is_behind || lets_in(h, to)) return;
    PU_ASSERT(h->filter_count < NODE_RIG_FILTER_MAX);
    h->filter[h->filter_count++] = *to;
}

static void hash(node_rig *w, const node_rig_host *h, pu_span bytes)
{
    mix128 m;
    mix_init(&m, 1);
    mix_u64(&m, w->hash[0]);
    mix_u64(&m, w->hash[1]);
    mix_u64(&m, w->now);
    mix_u64(&m, h->index);
    mix_u64(&m, bytes.len);
    mix_bytes(&m, bytes.base, bytes.len);
    mix_result(&m, w->hash);
}

static enum node_rig_fate fate_of(node_rig *w, bool is_tcp)
{
    return w->fate != NULL ? w->fate(w->fate_ctx, w, is_tcp) : NODE_RIG_PASS;
}

static void spoil(const node_rig *w, event *e)
{
    if (e->len > 0) e->bytes[w->spoil_at % e->len] ^= (uint8_t)(1 + (w->spoil_at >> 8) % 255);
}

static void send_datagram(node_rig_host *h, const pu_link_ef *ef, pu_span bytes)
{
    node_rig *w = h->rig;
    hash(w, h, bytes);
    w->datagrams++;
    lets_out(h, &ef->remote);
    bool is_lost = mix3(w->dice, w->datagrams, 77) % 1024 < w->lost_in_1024;
    node_rig_host *to = host_at(w, &ef->remote);
    if (is_lost || w->udp_is_blocked || to == NULL) return;
    enum node_rig_fate fate = fate_of(w, false);
    if (fate == NODE_RIG_DROP) return;
    for (int copies = fate == NODE_RIG_DOUBLE ? 2 : 1; copies > 0; copies--) {
        pu_time at = w->now + w->delay_ns * (fate == NODE_RIG_LATE ? 2 : 1);
        event *e = event_new(w, EV_DATAGRAM, at, bytes);
        e->host = to->index;
        e->from = h->outside;
        e->ecn = ef->ecn;
        if (fate == NODE_RIG_SPOIL) spoil(w, e);
    }
}

static void send_datagrams(node_rig_host *h, const pu_link_ef *ef)
{
    pu_span rest = ef->body;
    do {
        size_t len = ef->segment == 0 || rest.len < ef->segment ? rest.len : ef->segment;
        send_datagram(h, ef, span_head(rest, len));
        rest = span_skip(rest, len);
    } while (rest.len > 0);
}

static void datagram(node_rig *w, event *e)
{
    node_rig_host *h = &w->hosts[e->host];
    if (!h->is_on || !lets_in(h, &e->from)) return;
    node_rig_step(h, &(pu_link_in){.kind = PU_LINK_IN_UDP,
                                   .socket = PU_SOCKET_MAIN,
                                   .ecn = e->ecn,
                                   .local = h->at,
                                   .remote = e->from,
                                   .body = span_of(e->bytes, e->len)});
}

/* ---- TCP: connecting ---- */

static node_rig_tcp_dial *dial_to(node_rig_host *h, const pu_endpoint *remote)
{
    for (uint32_t i = 0; i < NODE_RIG_TOKENS_MAX; i++)
        if (h->dials[i].token != 0 && pu_endpoint_equal(&h->dials[i].remote, remote))
            return &h->dials[i];
    return NULL;
}

static node_rig_tcp_dial *dial_of(node_rig_host *h, pu_token token)
{
    for (uint32_t i = 0; i < NODE_RIG_TOKENS_MAX; i++)
        if (h->dials[i].token == token) return &h->dials[i];
    return NULL;
}

static void begin(node_rig_host *h, const pu_link_ef *ef)
{
    node_rig *w = h->rig;
    node_rig_tcp_dial *d = dial_of(h, 0);
    PU_ASSERT(d != NULL);
    *d = (node_rig_tcp_dial){ef->token, ef->remote};
    event *fail = event_new(w, EV_TCP_FAIL, ef->deadline, span_of(NULL, 0));
    fail->host = h->index;
    fail->token = ef->token;
    fail->code = PU_CODE_TIMEOUT;
    node_rig_host *to = host_at(w, &ef->remote);
    if (to == NULL) return;
    event *syn = event_new(w, EV_SYN, w->now + w->delay_ns, span_of(NULL, 0));
    syn->host = to->index;
    syn->from = h->outside;
    syn->token = ef->token;
}

static uint32_t tcp_free_slot(const node_rig *w)
{
    for (uint32_t i = 0; i < NODE_RIG_TCPS_MAX; i++)
        if (w->tcps[i].name == 0) return i;
    PU_NEVER_HERE();
}

static uint32_t tcp_make(node_rig *w, uint32_t host)
{
    uint32_t at = tcp_free_slot(w);
    w->tcps[at] = (node_rig_tcp){.name = ++w->hosts[host].tcp_last,
                                 .host = host,
                                 .room = PU_LINK_TCP_FIRST_ROOM,
                                 .sendable = PU_LINK_TCP_FIRST_ROOM};
    return at;
}

static void tcp_come_up(node_rig *w, uint32_t tcp, pu_token token, pu_time at)
{
    event *e = event_new(w, EV_TCP_UP, at, span_of(NULL, 0));
    e->host = w->tcps[tcp].host;
    e->tcp = tcp;
    e->token = token;
}

/* A SYN meets a listener, or a dial the other way: then both are answered, a round trip after each
 * began. */
static void syn(node_rig *w, event *e)
{
    node_rig_host *to = &w->hosts[e->host], *from = host_at(w, &e->from);
    node_rig_tcp_dial *theirs = dial_to(to, &e->from), *ours = dial_of(from, e->token);
    if (!to->is_on || ours == NULL) return;
    if (w->tcps[NODE_RIG_TCPS_MAX - 2].name != 0)
        return; /* none is left for two more ends: it is lost */
    if (theirs == NULL && to->is_behind) return;
    uint32_t a = tcp_make(w, from->index), b = tcp_make(w, to->index);
    w->tcps[a].peer = b;
    w->tcps[b].peer = a;
    ours->token = 0;
    tcp_come_up(w, a, e->token, w->now + w->delay_ns);
    tcp_come_up(w, b, theirs != NULL ? theirs->token : 0,
                w->now + (theirs != NULL ? 1 : 2) * w->delay_ns);
    if (theirs != NULL) theirs->token = 0;
}

static void come_up(node_rig *w, event *e)
{
    node_rig_tcp *t = &w->tcps[e->tcp];
    node_rig_host *h = &w->hosts[e->host];
    t->is_up = true;
    node_rig_step(h, &(pu_link_in){.kind = PU_LINK_IN_TCP_UP,
                                   .tcp = t->name,
                                   .token = e->token,
                                   .local = h->at,
                                   .remote = w->hosts[w->tcps[t->peer].host].outside});
}

static void fail(node_rig *w, event *e)
{
    node_rig_host *h = &w->hosts[e->host];
    node_rig_tcp_dial *d = dial_of(h, e->token);
    if (d == NULL) return;
    d->token = 0;
    node_rig_step(h,
                  &(pu_link_in){.kind = PU_LINK_IN_TCP_DOWN, .token = e->token, .code = e->code});
}

/* ---- TCP: bytes ---- */

static event *to_peer(node_rig *w, uint32_t tcp, enum event_kind kind, pu_span bytes)
{
    event *e = event_new(w, kind, w->now + w->delay_ns, bytes);
    e->tcp = w->tcps[tcp].peer;
    e->host = w->tcps[e->tcp].host;
    return e;
}

/* Gives the link what came as far as it has room. */
static void deliver(node_rig *w, uint32_t tcp)
{
    node_rig_tcp *t = &w->tcps[tcp];
    node_rig_host *h = &w->hosts[t->host];
    while (!t->is_closed && t->rx_len > 0 && t->got < t->room) {
        size_t len = t->rx_len;
        if (len > t->room - t->got) len = (size_t)(t->room - t->got);
        if (len > PU_LINK_TCP_DATA_MAX) len = PU_LINK_TCP_DATA_MAX;
        if (w->tcp_segment > 0 && len > w->tcp_segment) len = w->tcp_segment;
        uint8_t *bytes = malloc(len);
        memcpy(bytes, t->rx, len);
        memmove(t->rx, t->rx + len, t->rx_len - len);
        t->rx_len -= len;
        t->got += len;
        to_peer(w, tcp, EV_ACK, span_of(NULL, 0))->offset = t->got;
        node_rig_step(h, &(pu_link_in){.kind = PU_LINK_IN_TCP_DATA,
                                       .tcp = t->name,
                                       .body = span_of(bytes, len)});
        free(bytes);
    }
    if (t->is_closed || t->rx_len > 0 || !t->rx_fin || t->has_fin) return;
    t->has_fin = true;
    node_rig_step(h,
                  &(pu_link_in){.kind = PU_LINK_IN_TCP_DATA, .flags = PU_LINK_FIN, .tcp = t->name});
}

static void data(node_rig *w, event *e)
{
    node_rig_tcp *t = &w->tcps[e->tcp];
    if (t->is_closed) {
        if (e->len > 0) to_peer(w, e->tcp, EV_RST, span_of(NULL, 0));
        return;
    }
    if (e->kind == EV_FIN) t->rx_fin = true;
    if (e->len > 0) {
        t->rx = realloc(t->rx, t->rx_len + e->len);
        PU_ASSERT(t->rx != NULL);
        memcpy(t->rx + t->rx_len, e->bytes, e->len);
        t->rx_len += e->len;
    }
    PU_ASSERT(t->is_up);
    deliver(w, e->tcp);
}

static void rst(node_rig *w, event *e)
{
    node_rig_tcp *t = &w->tcps[e->tcp];
    if (t->is_closed) return;
    t->is_closed = true;
    node_rig_step(&w->hosts[t->host],
                  &(pu_link_in){.kind = PU_LINK_IN_TCP_DOWN, .tcp = t->name, .code = PU_CODE_LOST});
}

static void ack(node_rig *w, event *e)
{
    node_rig_tcp *t = &w->tcps[e->tcp];
    uint64_t room = e->offset + SEND_BUFFER_BYTES;
    if (t->is_closed || room <= t->sendable) return;
    t->sendable = room;
    node_rig_step(&w->hosts[t->host],
                  &(pu_link_in){.kind = PU_LINK_IN_TCP_ROOM, .tcp = t->name, .offset = room});
}

/* Bytes leave; where they are dropped the connection breaks, for both sides. */
static void send_bytes(node_rig *w, uint32_t tcp, pu_span bytes)
{
    enum node_rig_fate fate = fate_of(w, true);
    event *e = to_peer(w, tcp, fate == NODE_RIG_DROP ? EV_RST : EV_DATA, bytes);
    if (fate == NODE_RIG_SPOIL) spoil(w, e);
    if (fate != NODE_RIG_DROP) return;
    e = event_new(w, EV_RST, w->now + w->delay_ns, span_of(NULL, 0));
    e->tcp = tcp;
    e->host = w->tcps[tcp].host;
}

static uint32_t tcp_of(const node_rig_host *h, uint64_t name)
{
    const node_rig *w = h->rig;
    for (uint32_t i = 0; i < NODE_RIG_TCPS_MAX; i++)
        if (w->tcps[i].name == name && w->tcps[i].host == h->index && name != 0) return i;
    PU_NEVER_HERE();
}

void node_rig_link_effect(node_rig_host *h, const pu_link_ef *ef)
{
    node_rig *w = h->rig;
    if (ef->kind == PU_LINK_EF_UDP) {
        send_datagrams(h, ef);
        return;
    }
    if (ef->kind == PU_LINK_EF_TCP_DIAL) {
        begin(h, ef);
        return;
    }
    uint32_t at = tcp_of(h, ef->tcp);
    node_rig_tcp *t = &w->tcps[at];
    PU_ASSERT(!t->is_closed);
    if (ef->kind == PU_LINK_EF_TCP_SEND) {
        PU_ASSERT(ef->body.len <= t->sendable - t->sent);
        t->sent += ef->body.len;
        hash(w, h, ef->body);
        send_bytes(w, at, ef->body);
    } else if (ef->kind == PU_LINK_EF_TCP_ROOM) {
        t->room = ef->offset;
        event *e = event_new(w, EV_DATA, w->now, span_of(NULL, 0)); /* looks what may come in */
        e->tcp = at;
        e->host = h->index;
    } else {
        bool is_reset = (ef->flags & PU_LINK_RESET) != 0;
        t->is_closed = true;
        to_peer(w, at, is_reset ? EV_RST : EV_FIN, span_of(NULL, 0));
    }
}

bool node_rig_net_event(node_rig *w)
{
    event *e = w->events;
    if (e == NULL || e->at > w->now) return false;
    w->events = e->next;
    switch (e->kind) {
    case EV_DATAGRAM: datagram(w, e); break;
    case EV_SYN: syn(w, e); break;
    case EV_TCP_UP: come_up(w, e); break;
    case EV_TCP_FAIL: fail(w, e); break;
    case EV_DATA:
    case EV_FIN: data(w, e); break;
    case EV_RST: rst(w, e); break;
    case EV_ACK: ack(w, e); break;
    }
    free(e);
    return true;
}
