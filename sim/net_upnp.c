/* sim/net_upnp.c - a box as a UPnP device: it hears searches, and speaks HTTP by a TCP of its own
 * (sim/tcp_model); what it says is in net_igd.c.
 *
 * A search is answered at once: nobody else is on the LAN who would answer at the same time. Left
 * out: announcements (NOTIFY), events, the services' descriptions, other devices' words to the
 * group.
 */
#include "ident/decimal.h"
#include "sim/mem.h"
#include "sim/net_igd.h"
#include "sim/tcp_model/tcp_model.h"
#include "wire/wire_igd_call.h"
#include "wire/wire_ssdp.h"
#include "wire/wire_text.h"

enum {
    CONNS_MAX = 4, /* at once; who calls then is reset */
    REQUEST_MAX = 6 * 1024,
    ANSWER_MAX = WIRE_IGD_WRITTEN_MAX + 1024,
    ENDLESS_MAX = 4 << 20, /* bytes: nobody should wait for so many */
    MAX_AGE_S = 1800,
    FIRST_ROOM = 65536 /* bytes of a connection before its first word of room */
};

#define REQUEST_NS (10 * PU_S) /* for a request to come, and for an answer to be taken */

typedef struct upnp_conn {
    uint64_t handle;
    pu_endpoint who;
    pu_time due;       /* give up; is_answering: answer */
    bool is_answering; /* the request is over */
    bool is_answered;
    bool is_endless;     /* the answer goes on as long as there is room */
    uint64_t sent, room; /* bytes of it, and how many may be */
    wire_http_in in;
    uint8_t request[REQUEST_MAX];
} upnp_conn;

typedef struct upnp {
    net *n;
    uint32_t box, boots;
    tcp_model *tcp; /* NULL: nobody has called since the box had power */
    tcp_model_host host;
    pu_alloc alloc;
    uint8_t seed[32];
    pu_time now, armed; /* of this call; of the earliest event that waits */
    upnp_conn *conns[CONNS_MAX];
} upnp;

/* ---- searches ---- */

bool upnp_is_meant(const datagram *d, bool is_own)
{
    const uint8_t *group = WIRE_SSDP_GROUP;
    pu_endpoint all = pu_endpoint_ip4(group[0], group[1], group[2], group[3], WIRE_SSDP_PORT);
    if (d->carriage == NET_TCP || d->carriage == NET_TCP_SYN)
        return is_own && d->to.port == UPNP_HTTP_PORT;
    if (d->carriage != NET_UDP) return false;
    return (is_own && d->to.port == WIRE_SSDP_PORT) || pu_endpoint_equal(&d->to, &all);
}

/* What can be searched for, and which of the devices it is (their UDNs end in that digit). Versions
 * above the box's own are nobody's. */
static const struct {
    const char *target;
    uint32_t device, version;
} targets[] = {
    {"upnp:rootdevice", 0, 1},
    {"urn:schemas-upnp-org:device:InternetGatewayDevice:1", 0, 1},
    {"urn:schemas-upnp-org:device:InternetGatewayDevice:2", 0, 2},
    {"urn:schemas-upnp-org:device:WANDevice:1", 1, 1},
    {"urn:schemas-upnp-org:device:WANDevice:2", 1, 2},
    {"urn:schemas-upnp-org:device:WANConnectionDevice:1", 2, 1},
    {"urn:schemas-upnp-org:device:WANConnectionDevice:2", 2, 2},
    {"urn:schemas-upnp-org:service:WANIPConnection:1", 2, 1},
    {"urn:schemas-upnp-org:service:WANIPConnection:2", 2, 2},
};

enum { TARGETS = sizeof targets / sizeof targets[0] };

static void put_udn(const upnp *u, uint32_t device, pu_buf *out)
{
    igd_put_udn(u->box, out);
    decimal_put(out, device);
}

/* Where it says that it is described. */
static wire_url location_of(const upnp *u)
{
    const net_box *b = &u->n->boxes[u->box];
    static const char path[] = IGD_DESCRIPTION_PATH;
    wire_url url = {.at = realm_gateway(&b->inside), .path_len = sizeof path - 1};
    if (b->type->manner == NAT_REDIRECTS) {
        url.at = nat_external(b->udp);
        url.at.ip[13] ^= 1;
    }
    url.at.port = UPNP_HTTP_PORT;
    memcpy(url.path, path, sizeof path - 1);
    return url;
}

/* Answers that device is what target says. */
static void say(upnp *u, const pu_endpoint *to, pu_span target, uint32_t device)
{
    uint8_t memory[WIRE_SSDP_WRITTEN_MAX], name[WIRE_SSDP_TEXT_MAX];
    pu_buf out = buf_of(memory, sizeof memory), usn = buf_of(name, sizeof name);
    put_udn(u, device, &usn);
    if (!span_equal(target, buf_span(&usn))) {
        text_put(&usn, "::");
        buf_put_span(&usn, target);
    }
    wire_ssdp m = {.is_answer = true,
                   .target = target,
                   .location = location_of(u),
                   .usn = buf_span(&usn),
                   .server = SPAN_LITERAL("Simulated/1 UPnP/1.1 router/1"),
                   .max_age_s = MAX_AGE_S,
                   .boot_id = u->boots + 1};
    wire_ssdp_write(&out, &m, to);
    PU_ASSERT(!out.full);
    PU_ASSERT(!usn.full);
    gateway_send(u->n, u->now, u->box, WIRE_SSDP_PORT, to, NET_UDP, buf_span(&out));
}

static void take_search(upnp *u, const datagram *d, bool is_own)
{
    wire_ssdp m;
    bool is_read = wire_ssdp_read(&m, span_of(d->bytes, d->len)) && !m.is_answer;
    if (!is_read || (!is_own && m.wait_s == 0)) return;
    bool is_all = text_is(m.target, "ssdp:all");
    uint32_t version = igd_version(&u->n->boxes[u->box]);
    for (uint32_t device = 0; device < 3; device++) {
        uint8_t name[WIRE_IGD_UDN_MAX];
        pu_buf udn = buf_of(name, sizeof name);
        put_udn(u, device, &udn);
        if (is_all || span_equal(m.target, buf_span(&udn)))
            say(u, &d->from, buf_span(&udn), device);
    }
    for (uint32_t i = 0; i < TARGETS; i++) {
        bool is_asked = is_all || text_is(m.target, targets[i].target);
        if (is_asked && targets[i].version <= version)
            say(u, &d->from, span_of(targets[i].target, strlen(targets[i].target)),
                targets[i].device);
    }
}

/* ---- connections ---- */

static upnp_conn **place_of(upnp *u, uint64_t handle)
{
    for (uint32_t i = 0; i < CONNS_MAX; i++)
        if (u->conns[i] != NULL && u->conns[i]->handle == handle) return &u->conns[i];
    return NULL;
}

static void conn_end(upnp_conn **place)
{
    free(*place);
    *place = NULL;
}

static void on_up(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
                  const pu_endpoint *remote)
{
    upnp *u = ctx;
    uint32_t i = 0;
    (void)local;
    PU_ASSERT(token == 0); /* nobody is called from here */
    while (i < CONNS_MAX && u->conns[i] != NULL) i++;
    if (i == CONNS_MAX) {
        tcp_model_close(u->tcp, u->now, handle, true);
        return;
    }
    upnp_conn *c = sim_alloc(sizeof *c);
    c->handle = handle;
    c->who = *remote;
    c->due = u->now + REQUEST_NS;
    c->room = FIRST_ROOM;
    wire_http_in_init(&c->in, c->request, sizeof c->request);
    u->conns[i] = c;
}

static bool is_endless(const upnp *u, const upnp_conn *c)
{
    bool is_asked = c->in.state == WIRE_HTTP_DONE && text_is(c->in.head.method, "GET");
    return is_asked && u->n->boxes[u->box].type->manner == NAT_ENDLESS;
}

/* Goes on with an answer that has no end, as far as there is room. */
static void go_on(upnp *u, upnp_conn *c)
{
    uint8_t more[4096];
    memset(more, 'x', sizeof more);
    while (c->sent < c->room) {
        uint64_t room = c->room - c->sent;
        size_t len = room < sizeof more ? (size_t)room : sizeof more;
        c->sent += len;
        tcp_model_send(u->tcp, u->now, c->handle, span_of(more, len), c->sent >= ENDLESS_MAX);
        if (c->sent < ENDLESS_MAX) continue;
        c->is_endless = false;
        return;
    }
}

static void begin_endless(upnp *u, upnp_conn *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nCONNECTION: close\r\n\r\n<root><!-- ";
    c->is_endless = true;
    c->sent = sizeof head - 1;
    tcp_model_send(u->tcp, u->now, c->handle, span_of(head, sizeof head - 1), false);
    go_on(u, c);
}

static void conn_answer(upnp *u, upnp_conn *c)
{
    uint8_t memory[ANSWER_MAX];
    pu_buf out = buf_of(memory, sizeof memory);
    c->is_answering = false;
    c->is_answered = true;
    c->due = u->now + REQUEST_NS;
    if (is_endless(u, c)) {
        begin_endless(u, c);
        return;
    }
    igd_answer(&u->n->boxes[u->box], u->box, u->now, &c->who, &c->in, &out);
    PU_ASSERT(!out.full);
    tcp_model_send(u->tcp, u->now, c->handle, buf_span(&out), true);
}

static void on_data(void *ctx, uint64_t handle, pu_span bytes, bool fin)
{
    upnp *u = ctx;
    upnp_conn **place = place_of(u, handle);
    if (place == NULL) return;
    upnp_conn *c = *place;
    bool was_over = wire_http_in_is_over(&c->in);
    wire_http_in_take(&c->in, &bytes);
    if (fin) wire_http_in_end(&c->in);
    if (!was_over && wire_http_in_is_over(&c->in)) {
        bool is_slow = u->n->boxes[u->box].type->manner == NAT_SLOW;
        c->is_answering = true;
        c->due = u->now + (is_slow ? NAT_SLOW_NS : 0);
        if (!is_slow) conn_answer(u, c);
    }
    if (!fin || c->is_answering || c->is_endless) return;
    tcp_model_close(u->tcp, u->now, handle, false);
    conn_end(place);
}

static void on_room(void *ctx, uint64_t handle, uint64_t offset)
{
    upnp *u = ctx;
    upnp_conn **place = place_of(u, handle);
    if (place == NULL) return;
    (*place)->room = offset;
    if (!(*place)->is_endless) return;
    (*place)->due = u->now + REQUEST_NS;
    go_on(u, *place);
}

static void on_down(void *ctx, uint64_t handle, uint32_t token, uint32_t code)
{
    upnp_conn **place = place_of(ctx, handle);
    (void)token, (void)code;
    if (place != NULL) conn_end(place);
}

static void on_send(void *ctx, uint16_t port, const pu_endpoint *to, pu_span segment,
                    enum net_carriage carriage)
{
    upnp *u = ctx;
    gateway_send(u->n, u->now, u->box, port, to, carriage, segment);
}

static pu_endpoint on_local(void *ctx, const pu_endpoint *remote)
{
    (void)remote;
    const upnp *u = ctx;
    return realm_gateway(&u->n->boxes[u->box].inside);
}

/* ---- time ---- */

static pu_time conns_due(const upnp *u)
{
    pu_time first = PU_NEVER;
    for (uint32_t i = 0; i < CONNS_MAX; i++)
        if (u->conns[i] != NULL && u->conns[i]->due < first) first = u->conns[i]->due;
    return first;
}

static void arm(upnp *u)
{
    pu_time at = conns_due(u), tcp = u->tcp != NULL ? tcp_model_deadline(u->tcp) : PU_NEVER;
    if (tcp < at) at = tcp;
    if (at >= u->armed) return;
    u->armed = at;
    queue_push(u->n->q, at, 0, &(sim_event){SIM_EV_GATEWAY, u->box, at});
}

void upnp_tick(net *n, pu_time now, uint32_t box)
{
    upnp *u = n->boxes[box].upnp;
    u->now = now;
    if (u->armed > now) return; /* stale: what it was for came earlier, or went */
    u->armed = PU_NEVER;
    for (uint32_t i = 0; i < CONNS_MAX; i++) {
        upnp_conn *c = u->conns[i];
        if (c == NULL || c->due > now) continue;
        if (c->is_answering) {
            conn_answer(u, c);
            continue;
        }
        tcp_model_close(u->tcp, now, c->handle, !c->is_answered);
        conn_end(&u->conns[i]);
    }
    if (u->tcp != NULL && tcp_model_deadline(u->tcp) <= now) tcp_model_tick(u->tcp, now);
    arm(u);
}

/* ---- begin and end ---- */

static upnp *upnp_of(net *n, uint32_t box)
{
    upnp *u = n->boxes[box].upnp;
    if (u == NULL) {
        u = n->boxes[box].upnp = sim_alloc(sizeof *u);
        *u = (upnp){.n = n, .box = box, .armed = PU_NEVER, .alloc = {heap_resize, n->bytes}};
        u->host =
            (tcp_model_host){u, &u->alloc, on_up, on_data, on_room, on_down, on_send, on_local};
    }
    return u;
}

static void tcp_begin(upnp *u)
{
    rng_derive(u->seed, u->n->seeds[STREAM_GATEWAY], u->box, u->boots);
    u->tcp = tcp_model_new(UPNP_HTTP_PORT, FIRST_ROOM, &u->host, u->seed);
}

void upnp_take(net *n, pu_time now, const datagram *d)
{
    upnp *u = upnp_of(n, d->realm);
    pu_endpoint own = realm_gateway(&n->boxes[d->realm].inside);
    u->now = now;
    if (d->carriage == NET_UDP) {
        take_search(u, d, memcmp(own.ip, d->to.ip, sizeof own.ip) == 0);
        return;
    }
    if (u->tcp == NULL) tcp_begin(u);
    tcp_model_segment(u->tcp, now, d->to.port, &d->from, span_of(d->bytes, d->len));
    arm(u);
}

static void forget(upnp *u)
{
    for (uint32_t i = 0; i < CONNS_MAX; i++) conn_end(&u->conns[i]);
    if (u->tcp != NULL) tcp_model_free(u->tcp);
    u->tcp = NULL;
}

void upnp_reboot(net *n, uint32_t box)
{
    if ((n->boxes[box].type->gateway & NAT_GATEWAY_IGD) == 0) return;
    upnp *u = upnp_of(n, box);
    forget(u);
    u->boots++;
}

void upnp_free(net_box *b)
{
    if (b->upnp == NULL) return;
    forget(b->upnp);
    free(b->upnp);
}
