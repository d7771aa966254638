/* upnp_test.c - a box that its hosts ask for ports by UPnP: what it says, and what it then does
 * with datagrams. The client has a TCP of its own.
 */
#include "tests/unit/net_world.h"

#include "sim/tcp_model/tcp_model.h"
#include "tests/lib/upnp_client.h"
#include "wire/wire_text.h"

int upnp_test(void);

enum { ASK_PORT = 50000, OUTER = 8080, FIRST_ROOM = 65536 };

/* The host that asks. */
typedef struct asker {
    struct lab *lab;
    uint32_t host;
    tcp_model *t;
    tcp_model_host calls;
    uint8_t seed[32];
    uint64_t handle, taken;
    bool is_down;
    pu_span request;
    wire_http_in *in;
} asker;

typedef struct lab {
    world w;
    uint32_t box, inner, neighbour, other;
    pu_endpoint gateway;
    pu_time now;
    asker a;
    uint8_t answer[WIRE_SSDP_DATAGRAM_MAX];
    size_t answer_len;
    unsigned answers; /* to searches */
    unsigned strangers;
    upnp_client c;
} lab;

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx, (void)old_len;
    if (new_len > 0) return sim_resize(old, new_len);
    free(old);
    return NULL;
}

static const pu_alloc plain_alloc = {resize, NULL};

static void on_up(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
                  const pu_endpoint *remote)
{
    asker *a = ctx;
    (void)local, (void)remote;
    assert_int_equal(token, 1);
    a->handle = handle;
    tcp_model_send(a->t, a->lab->now, handle, a->request, false);
}

static void on_data(void *ctx, uint64_t handle, pu_span bytes, bool fin)
{
    asker *a = ctx;
    a->taken += bytes.len;
    wire_http_in_take(a->in, &bytes);
    if (fin) wire_http_in_end(a->in);
    tcp_model_room(a->t, a->lab->now, handle, a->taken + FIRST_ROOM);
}

static void on_room(void *ctx, uint64_t handle, uint64_t offset)
{
    (void)ctx, (void)handle, (void)offset;
}

static void on_down(void *ctx, uint64_t handle, uint32_t token, uint32_t code)
{
    asker *a = ctx;
    (void)handle, (void)token, (void)code;
    a->is_down = true;
    a->handle = 0;
}

static void on_send(void *ctx, uint16_t port, const pu_endpoint *to, pu_span segment,
                    enum net_carriage carriage)
{
    asker *a = ctx;
    net_send(a->lab->w.n, a->lab->now, a->host, port, to, segment, carriage, NET_KIND_DATA);
}

static pu_endpoint on_local(void *ctx, const pu_endpoint *remote)
{
    (void)remote;
    const asker *a = ctx;
    return net_host_address(a->lab->w.n, a->host);
}

static void lab_record(void *ctx, const net_record *r)
{
    on_record(&((lab *)ctx)->w, r);
}

static void lab_deliver(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                        const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    lab *l = ctx;
    l->now = now;
    if (host == l->a.host && local->port != PORT && carriage != NET_UDP) {
        tcp_model_segment(l->a.t, now, local->port, remote, bytes);
    } else if (local->port == ASK_PORT) {
        assert_int_equal(remote->port, WIRE_SSDP_PORT);
        if (l->answers++ > 0) return;
        l->answer_len = bytes.len;
        memcpy(l->answer, bytes.base, bytes.len);
    } else {
        on_deliver(&l->w, now, host, carriage, local, remote, bytes);
    }
}

static void lab_open(lab *l, uint8_t speaks, enum nat_manner manner, enum nat_mapping mapping,
                     enum nat_ports ports)
{
    *l = (lab){.w = {.q = queue_new(1), .sites = topo_constant(RTT_NS, SITES)}};
    l->w.log = sim_alloc(LOG_MAX * sizeof *l->w.log);
    l->w.got = sim_alloc(LOG_MAX * sizeof *l->w.got);
    l->w.n = net_new(l->w.q, l->w.sites, world_seed,
                     &(net_observer){l, lab_record, lab_deliver, NULL, NULL});
    nat_type type = router(mapping, NAT_APDF, ports);
    type.gateway = speaks;
    type.manner = manner;
    type.udp_idle_ns = 60 * PU_S;
    l->box = net_box_add(l->w.n, &type, NET_NONE, false);
    l->inner = add(&l->w, l->box, 0, &plain);
    l->neighbour = add(&l->w, l->box, 0, &plain);
    l->other = add(&l->w, NET_NONE, 2, &plain);
    l->gateway = pu_endpoint_ip4(192, 168, 0, 1, 0);
    asker *a = &l->a;
    *a = (asker){.lab = l, .host = l->inner};
    a->calls =
        (tcp_model_host){a, &plain_alloc, on_up, on_data, on_room, on_down, on_send, on_local};
    a->t = tcp_model_new(1, FIRST_ROOM, &a->calls, a->seed);
}

static void lab_close(lab *l)
{
    tcp_model_free(l->a.t);
    world_close(&l->w);
}

/* Runs up to `until`, or until what was asked is answered. */
static void lab_run(lab *l, pu_time until, const wire_http_in *in)
{
    while (in == NULL || (!wire_http_in_is_over(in) && !l->a.is_down)) {
        pu_time tcp = tcp_model_deadline(l->a.t), network = queue_next(l->w.q);
        if ((tcp < network ? tcp : network) > until) {
            l->now = until;
            return;
        }
        if (network <= tcp) {
            sim_event e;
            assert_true(queue_pop(l->w.q, &l->now, &e));
            net_event(l->w.n, l->now, &e);
        } else {
            l->now = tcp;
            tcp_model_tick(l->a.t, tcp);
        }
    }
}

static size_t io_search(void *ctx, const pu_endpoint *to, pu_span request, uint8_t *answer,
                        size_t cap)
{
    lab *l = ctx;
    l->answer_len = l->answers = 0;
    net_send(l->w.n, l->now, l->a.host, ASK_PORT, to, request, NET_UDP, NET_KIND_OTHER);
    lab_run(l, l->now + 5 * PU_S, NULL);
    assert_true(l->answer_len <= cap);
    memcpy(answer, l->answer, l->answer_len);
    return l->answer_len;
}

static void io_exchange(void *ctx, const pu_endpoint *to, pu_span request, wire_http_in *in)
{
    lab *l = ctx;
    asker *a = &l->a;
    a->request = request;
    a->in = in;
    a->taken = 0;
    a->is_down = false;
    pu_time until = l->now + 20 * PU_S;
    tcp_model_dial(a->t, l->now, &(tcp_model_target){.token = 1, .remote = *to, .deadline = until});
    lab_run(l, until, in);
    if (a->handle != 0) tcp_model_close(a->t, l->now, a->handle, false);
    a->handle = 0;
    in = NULL;
    lab_run(l, l->now + PU_S, NULL);
}

#define IGD1 "urn:schemas-upnp-org:device:InternetGatewayDevice:1"

static enum upnp_found find(lab *l)
{
    upnp_io io = {l, io_search, io_exchange};
    return upnp_find(&l->c, &io, &l->gateway, IGD1, true);
}

/* What it says to m: the fault's code, 0: none. */
static unsigned ask(lab *l, wire_igd_call *m)
{
    assert_true(upnp_ask(&l->c, m));
    return m->error;
}

/* A request for a port for the asker. */
static wire_igd_call map_of(const lab *l, uint16_t internal_port, uint16_t external_port,
                            uint32_t lease_s)
{
    wire_igd_call m = {.action = WIRE_IGD_ADD,
                       .is_enabled = true,
                       .external_port = external_port,
                       .internal_port = internal_port,
                       .lease_s = lease_s};
    pu_endpoint own_address = net_host_address(l->w.n, l->a.host);
    memcpy(m.internal_ip, own_address.ip, sizeof m.internal_ip);
    return m;
}

static unsigned map(lab *l, uint16_t internal_port, uint16_t external_port, uint32_t lease_s)
{
    wire_igd_call m = map_of(l, internal_port, external_port, lease_s);
    return ask(l, &m);
}

static unsigned unmap(lab *l, uint16_t external_port)
{
    wire_igd_call m = {.action = WIRE_IGD_DELETE, .external_port = external_port};
    return ask(l, &m);
}

static wire_igd_call look(lab *l, uint16_t external_port)
{
    wire_igd_call m = {.action = WIRE_IGD_FIND, .external_port = external_port};
    (void)ask(l, &m);
    return m;
}

/* The host that a new stranger's datagram to the box's real address gets to; NET_NONE: none. */
static uint32_t reached(lab *l, uint16_t port)
{
    pu_endpoint at = net_box_address(l->w.n, l->box);
    at.port = port;
    uint32_t had = l->w.got_count;
    uint8_t byte = 3;
    uint16_t from = (uint16_t)(20000 + l->strangers++);
    net_send(l->w.n, l->now, l->other, from, &at, span_of(&byte, 1), NET_UDP, NET_KIND_DATA);
    lab_run(l, l->now + PU_S, NULL);
    return l->w.got_count > had ? l->w.got[l->w.got_count - 1].host : NET_NONE;
}

static void be(lab *l, uint32_t host)
{
    lab_run(l, l->now + 10 * PU_S, NULL);
    l->a.host = host;
}

/* ---- honest ---- */

static void an_honest_one_maps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        lab l;
        uint8_t speaks = i < 3 ? NAT_GATEWAY_UPNP : NAT_GATEWAY_UPNP2;
        lab_open(&l, speaks, NAT_HONEST, (enum nat_mapping)(NAT_EIM + i % 3), NAT_PRESERVE);
        assert_int_equal(find(&l), UPNP_FOUND);
        assert_int_equal(l.answers, 1);
        assert_int_equal(l.c.service, i < 3 ? WIRE_IGD_IP1 : WIRE_IGD_IP2);
        wire_igd_call m = {.action = WIRE_IGD_ADDRESS};
        pu_endpoint outer = net_box_address(l.w.n, l.box);
        assert_int_equal(ask(&l, &m), 0);
        assert_memory_equal(m.external_ip, outer.ip, sizeof outer.ip);
        assert_int_equal(reached(&l, OUTER), NET_NONE);
        pu_time began = l.now;
        assert_int_equal(map(&l, PORT, OUTER, 3600), 0);
        m = look(&l, OUTER);
        assert_true(m.internal_port == PORT && m.is_enabled && m.lease_s > 3590);
        lab_run(&l, began + 1000 * PU_S, NULL); /* long after any idle time */
        assert_int_equal(reached(&l, OUTER), l.inner);
        outer.port = OUTER; /* who came in by it is answered from it */
        send(&l.w, l.now, l.inner, l.w.got[l.w.got_count - 1].remote, 4);
        lab_run(&l, l.now + PU_S, NULL);
        assert_same(l.w.got[l.w.got_count - 1].remote, outer);
        lab_run(&l, began + 3500 * PU_S, NULL);
        assert_int_equal(reached(&l, OUTER), l.inner);
        lab_run(&l, began + 3800 * PU_S, NULL); /* the lease and the idle time are over */
        assert_int_equal(reached(&l, OUTER), NET_NONE);
        assert_int_equal(look(&l, OUTER).error, WIRE_IGD_NO_SUCH_ENTRY);
        lab_close(&l);
    }
}

/* A host that has shown another port already gets the one that it asks for beside it. */
static void a_port_beside_another(void **state)
{
    (void)state;
    for (unsigned mapping = NAT_EIM; mapping <= NAT_APDM; mapping++) {
        lab l;
        lab_open(&l, NAT_GATEWAY_UPNP, NAT_HONEST, (enum nat_mapping)mapping, NAT_RANDOM);
        send(&l.w, l.now, l.inner, own(&l.w, l.other), 1);
        lab_run(&l, PU_S, NULL);
        pu_endpoint shown = l.w.got[0].remote;
        assert_int_not_equal(shown.port, OUTER);
        assert_int_equal(find(&l), UPNP_FOUND);
        assert_int_equal(map(&l, PORT, OUTER, 3600), 0);
        assert_int_equal(map(&l, PORT, OUTER + 1, 3600), 0);
        assert_int_equal(map(&l, PORT, OUTER, 1800), 0); /* once more: its lease is the new one */
        assert_true(look(&l, OUTER).lease_s <= 1800);
        send(&l.w, l.now, l.inner, own(&l.w, l.other), 1);
        lab_run(&l, l.now + PU_S, NULL);
        assert_same(l.w.got[l.w.got_count - 1].remote, shown);
        for (uint16_t port = OUTER; port <= OUTER + 1; port++) {
            assert_int_equal(reached(&l, port), l.inner);
            send(&l.w, l.now, l.inner, l.w.got[l.w.got_count - 1].remote, 4);
            lab_run(&l, l.now + PU_S, NULL);
            assert_int_equal(l.w.got[l.w.got_count - 1].remote.port, port);
            assert_int_equal(unmap(&l, port), 0);
            assert_int_equal(reached(&l, port), NET_NONE);
        }
        send(&l.w, l.now, l.inner, own(&l.w, l.other), 1);
        lab_run(&l, l.now + PU_S, NULL);
        assert_same(l.w.got[l.w.got_count - 1].remote, shown);
        lab_close(&l);
    }
}

static void conflicts(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP2, NAT_HONEST, NAT_EIM, NAT_PRESERVE);
    assert_int_equal(find(&l), UPNP_FOUND);
    assert_int_equal(map(&l, PORT, OUTER, 0), 0);
    assert_true(look(&l, OUTER).lease_s > WIRE_IGD_LEASE_MAX_S - 60); /* version 2: a week */
    be(&l, l.neighbour);
    assert_int_equal(map(&l, PORT, OUTER, 60), WIRE_IGD_CONFLICT);
    assert_int_equal(unmap(&l, OUTER), WIRE_IGD_NOT_AUTHORIZED);
    wire_igd_call m = map_of(&l, PORT, OUTER, 60);
    m.action = WIRE_IGD_ADD_ANY;
    assert_int_equal(ask(&l, &m), 0);
    assert_true(m.external_port != OUTER && m.external_port != 0);
    assert_int_equal(reached(&l, m.external_port), l.neighbour);
    assert_int_equal(reached(&l, OUTER), l.inner);
    m = map_of(&l, PORT + 1, OUTER + 1, 60);
    m.action = WIRE_IGD_ADD_ANY;
    assert_int_equal(ask(&l, &m), 0);
    assert_int_equal(m.external_port, OUTER + 1); /* it is free */
    m = map_of(&l, PORT, OUTER, 60);
    m.action = WIRE_IGD_ADD_ANY;
    m.service = WIRE_IGD_IP1; /* which has no such action */
    assert_int_equal(ask(&l, &m), WIRE_IGD_INVALID_ACTION);
    m = map_of(&l, PORT, OUTER + 2, 60);
    m.service = WIRE_IGD_IP1; /* but the others */
    assert_int_equal(ask(&l, &m), 0);
    lab_close(&l);
}

static void it_says_why_not(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP, NAT_HONEST, NAT_EIM, NAT_PRESERVE);
    assert_int_equal(find(&l), UPNP_FOUND);
    assert_int_equal(unmap(&l, OUTER), WIRE_IGD_NO_SUCH_ENTRY);
    assert_int_equal(map(&l, PORT, 0, 60), WIRE_IGD_NO_WILDCARD_PORT);
    assert_int_equal(map(&l, 0, OUTER, 60), WIRE_IGD_INVALID_ARGS);
    wire_igd_call m = map_of(&l, PORT, OUTER, 60);
    m.internal_ip[15]++; /* for another host */
    assert_int_equal(ask(&l, &m), WIRE_IGD_NOT_AUTHORIZED);
    m = map_of(&l, PORT, OUTER, 60);
    m.is_enabled = false;
    assert_int_equal(ask(&l, &m), WIRE_IGD_ACTION_FAILED);
    m = map_of(&l, PORT, OUTER, 60);
    memcpy(m.remote_ip, m.internal_ip, sizeof m.remote_ip);
    assert_int_equal(ask(&l, &m), WIRE_IGD_WILDCARD_HOST);
    m = (wire_igd_call){.action = WIRE_IGD_FIND, .external_port = OUTER, .remote_ip = {1}};
    assert_int_equal(ask(&l, &m), WIRE_IGD_NO_SUCH_ENTRY);
    m = (wire_igd_call){.action = WIRE_IGD_ADDRESS, .service = WIRE_IGD_IP2};
    assert_int_equal(ask(&l, &m), WIRE_IGD_INVALID_ACTION);
    m = (wire_igd_call){.action = WIRE_IGD_ADDRESS, .service = WIRE_IGD_PPP1};
    assert_int_equal(ask(&l, &m), WIRE_IGD_INVALID_ACTION);
    assert_int_equal(map(&l, PORT, OUTER, UINT32_MAX), 0); /* version 1: any lease */
    assert_int_equal(map(&l, PORT, OUTER, 0), 0);
    assert_int_equal(look(&l, OUTER).lease_s, 0);
    lab_close(&l);
}

/* The kernel lab asks miniupnpd the same (tests/lib/upnp_ask.c). */
static void as_a_real_one_does(void **state)
{
    (void)state;
    for (unsigned mapping = NAT_EIM; mapping <= NAT_APDM; mapping++) {
        lab l;
        lab_open(&l, NAT_GATEWAY_UPNP2, NAT_HONEST, (enum nat_mapping)mapping, NAT_PRESERVE);
        assert_int_equal(find(&l), UPNP_FOUND);
        pu_endpoint own_address = net_host_address(l.w.n, l.inner);
        for (unsigned i = 0; i < 2; i++) { /* it takes all back in the end */
            const char *wrong = upnp_play(&l.c, &own_address);
            if (wrong != NULL) fail_msg("%s", wrong);
        }
        lab_close(&l);
    }
}

static void no_room(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP, NAT_HONEST, NAT_EIM, NAT_PRESERVE);
    nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    type.gateway = NAT_GATEWAY_UPNP2;
    type.host_mappings_max = 1;
    net_host_detach(l.w.n, l.inner);
    l.box = net_box_add(l.w.n, &type, NET_NONE, false);
    net_host_attach(l.w.n, l.inner, l.box, 0, &plain);
    assert_int_equal(find(&l), UPNP_FOUND);
    assert_int_equal(map(&l, PORT, OUTER, 60), 0);
    assert_int_equal(map(&l, PORT + 1, OUTER + 1, 60), WIRE_IGD_NO_MAPS);
    wire_igd_call m = map_of(&l, PORT, OUTER, 60); /* of TCP it has a table of its own */
    m.is_tcp = true;
    assert_int_equal(ask(&l, &m), 0);
    m = (wire_igd_call){.action = WIRE_IGD_FIND, .is_tcp = true, .external_port = OUTER};
    assert_int_equal(ask(&l, &m), 0);
    lab_close(&l);
}

/* The mappings are gone, and the next answer to a search says that it has begun anew. */
static void a_reboot_forgets(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP, NAT_HONEST, NAT_EIM, NAT_PRESERVE);
    net_box_reboot(l.w.n, l.box); /* before anybody has asked */
    assert_int_equal(find(&l), UPNP_FOUND);
    uint32_t boot_id = l.c.answer.boot_id;
    assert_int_equal(map(&l, PORT, OUTER, 0), 0);
    net_box_reboot(l.w.n, l.box);
    assert_int_equal(reached(&l, OUTER), NET_NONE);
    assert_int_equal(look(&l, OUTER).error, WIRE_IGD_NO_SUCH_ENTRY);
    assert_int_equal(find(&l), UPNP_FOUND);
    assert_int_equal(l.c.answer.boot_id, boot_id + 1);
    lab_close(&l);
}

/* ---- otherwise ---- */

static void liars_lie(void **state)
{
    (void)state;
    static const struct {
        enum nat_manner manner;
        bool is_true_address, is_open;
        unsigned error; /* to a lease, and to the question for the address */
        uint32_t lease_s;
    } cases[] = {
        {NAT_HONEST, true, true, 0, 3600},
        {NAT_IDLE, true, false, 0, 0},
        {NAT_PRIVATE, false, true, 0, 3600},
        {NAT_WRONG, false, true, 0, 3600},
        {NAT_SHORT, true, true, 0, NAT_SHORT_S},
        {NAT_REFUSES, false, false, WIRE_IGD_NOT_AUTHORIZED, 0},
        {NAT_SLOW, true, true, 0, 3600},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab l;
        lab_open(&l, NAT_GATEWAY_UPNP, cases[i].manner, NAT_EIM, NAT_PRESERVE);
        assert_int_equal(find(&l), UPNP_FOUND);
        pu_endpoint outer = net_box_address(l.w.n, l.box);
        wire_igd_call m = {.action = WIRE_IGD_ADDRESS};
        assert_int_equal(ask(&l, &m), cases[i].error);
        assert_int_equal(memcmp(m.external_ip, outer.ip, 16) == 0, cases[i].is_true_address);
        pu_time began = l.now;
        assert_int_equal(map(&l, PORT, OUTER, 3600), cases[i].error);
        assert_int_equal(l.now - began > NAT_SLOW_NS, cases[i].manner == NAT_SLOW);
        m = look(&l, OUTER);
        assert_true(m.lease_s <= cases[i].lease_s && m.lease_s + 10 > cases[i].lease_s);
        assert_int_equal(reached(&l, OUTER) != NET_NONE, cases[i].is_open);
        assert_int_equal(unmap(&l, OUTER), cases[i].error);
        lab_close(&l);
    }
}

static void only_for_ever(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP, NAT_PERMANENT, NAT_EIM, NAT_PRESERVE);
    assert_int_equal(find(&l), UPNP_FOUND);
    assert_int_equal(map(&l, PORT, OUTER, 3600), WIRE_IGD_ONLY_PERMANENT);
    assert_int_equal(map(&l, PORT, OUTER, 0), 0);
    lab_run(&l, l.now + UINT64_C(1000000) * PU_S, NULL);
    assert_int_equal(reached(&l, OUTER), l.inner);
    lab_close(&l);
}

static void only_its_own_number(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP, NAT_SAME_PORTS, NAT_EIM, NAT_RANDOM);
    assert_int_equal(find(&l), UPNP_FOUND);
    assert_int_equal(map(&l, PORT, OUTER, 60), WIRE_IGD_SAME_PORTS);
    assert_int_equal(map(&l, PORT, PORT, 60), 0);
    assert_int_equal(reached(&l, PORT), l.inner);
    lab_close(&l);
}

static void bad_descriptions(void **state)
{
    (void)state;
    static const struct {
        enum nat_manner manner;
        enum upnp_found found;
        enum wire_http_state ended;
    } cases[] = {
        {NAT_GARBAGE, UPNP_UNREADABLE, WIRE_HTTP_DONE},
        {NAT_ENDLESS, UPNP_UNREADABLE, WIRE_HTTP_TOO_LONG},
        {NAT_REDIRECTS, UPNP_ELSEWHERE, WIRE_HTTP_HEAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab l;
        lab_open(&l, NAT_GATEWAY_UPNP | NAT_GATEWAY_PMP, cases[i].manner, NAT_EIM, NAT_PRESERVE);
        assert_int_equal(find(&l), cases[i].found);
        assert_int_equal(l.c.ended, cases[i].ended);
        lab_run(&l, l.now + 60 * PU_S, NULL);
        assert_int_equal(net_in_flight(l.w.n), 0);
        lab_close(&l);
    }
}

/* One that is read to its end has one, too. */
static void the_endless_one_ends(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP, NAT_ENDLESS, NAT_EIM, NAT_PRESERVE);
    wire_http_in in;
    size_t cap = 8 << 20;
    uint8_t *memory = sim_alloc(cap);
    wire_http_in_init(&in, memory, cap);
    pu_endpoint http = l.gateway;
    http.port = UPNP_HTTP_PORT;
    io_exchange(&l, &http, SPAN_LITERAL("GET /rootDesc.xml HTTP/1.1\r\n\r\n"), &in);
    assert_int_equal(in.state, WIRE_HTTP_DONE);
    assert_true(wire_http_in_body(&in).len > 4 << 20);
    free(memory);
    lab_close(&l);
}

/* ---- searches and requests of all sorts ---- */

static void searches(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        unsigned answers[2]; /* of either version */
    } cases[] = {
        {"ssdp:all", {8, 12}},
        {"upnp:rootdevice", {1, 1}},
        {"urn:schemas-upnp-org:service:WANIPConnection:1", {1, 1}},
        {"urn:schemas-upnp-org:service:WANIPConnection:2", {0, 1}},
        {"urn:schemas-upnp-org:device:WANDevice:1", {1, 1}},
        {"uuid:70656572-7570-4000-8000-00000000002", {1, 1}},
        {"uuid:70656572-7570-4000-8000-00000000010", {0, 0}},
        {"uuid:70656572-7570-4000-8000-00000000000", {1, 1}},
        {"urn:schemas-upnp-org:service:ContentDirectory:1", {0, 0}},
    };
    for (unsigned v = 0; v < 2; v++) {
        lab l;
        lab_open(&l, v == 0 ? NAT_GATEWAY_UPNP : NAT_GATEWAY_UPNP2, NAT_HONEST, NAT_EIM,
                 NAT_PRESERVE);
        for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
            upnp_io io = {&l, io_search, io_exchange};
            enum upnp_found found =
                upnp_find(&l.c, &io, &l.gateway, cases[i / 2].target, i % 2 == 0);
            assert_int_equal(l.answers, cases[i / 2].answers[v]);
            assert_int_equal(found, l.answers > 0 ? UPNP_FOUND : UPNP_SILENT);
        }
        pu_endpoint group = pu_endpoint_ip4(239, 255, 255, 250, WIRE_SSDP_PORT);
        uint8_t answer[WIRE_SSDP_DATAGRAM_MAX];
        static const char *const unheard[] = {
            "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: upnp:rootdevice\r\n\r\n",
            "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://1.2.3.4/\r\n\r\n", "?"};
        for (size_t i = 0; i < sizeof unheard / sizeof unheard[0]; i++)
            assert_int_equal(io_search(&l, &group, span_of(unheard[i], strlen(unheard[i])), answer,
                                       sizeof answer),
                             0);
        lab_close(&l);
    }
}

static void others_hear_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        lab l;
        lab_open(&l, i == 0 ? 0 : NAT_GATEWAY_PCP, NAT_HONEST, NAT_EIM, NAT_PRESERVE);
        assert_int_equal(find(&l), UPNP_SILENT);
        assert_int_equal(count_fate(&l.w, NET_NO_ROUTE), 1);
        l.a.host = l.other; /* in public nobody is around */
        assert_int_equal(find(&l), UPNP_SILENT);
        assert_int_equal(count_fate(&l.w, NET_NO_ROUTE), 2);
        lab_close(&l);
    }
}

static void requests(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        uint16_t status;
    } cases[] = {
        {"GET /rootDesc.xml HTTP/1.1\r\n\r\n", 200},
        {"GET /ctl/IPConn HTTP/1.1\r\n\r\n", 405},
        {"PUT /rootDesc.xml HTTP/1.1\r\n\r\n", 405},
        {"GET /else HTTP/1.1\r\n\r\n", 404},
        {"GET\r\n\r\n", 400},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400},
        {"POST /ctl/IPConn HTTP/1.1\r\nContent-Length: 9999\r\n\r\n", 413},
        {"POST /ctl/IPConn HTTP/1.1\r\nContent-Length: 2\r\n\r\n<a", 400},
        {"POST /ctl/IPConn HTTP/1.1\r\nContent-Length: 160\r\nSOAPACTION: \"x\"\r\n\r\n"
         "<s:Envelope xmlns:s='x'><s:Body><u:GetExternalIPAddress "
         "xmlns:u='urn:schemas-upnp-org:service:WANIPConnection:1'>"
         "</u:GetExternalIPAddress></s:Body></s:Envelope>",
         500},
        {"POST /ctl/IPConn HTTP/1.1\r\n", 0}, /* and nothing more */
    };
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP, NAT_HONEST, NAT_EIM, NAT_PRESERVE);
    pu_endpoint http = l.gateway;
    http.port = UPNP_HTTP_PORT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static uint8_t memory[16384];
        wire_http_in in;
        wire_http_in_init(&in, memory, sizeof memory);
        io_exchange(&l, &http, span_of(cases[i].request, strlen(cases[i].request)), &in);
        bool is_answered = in.state == WIRE_HTTP_DONE;
        assert_int_equal(is_answered ? in.head.status : 0, cases[i].status);
    }
    lab_run(&l, l.now + 60 * PU_S, NULL);
    assert_int_equal(net_in_flight(l.w.n), 0);
    lab_close(&l);
}

/* More calls at once than it takes: who comes too late is reset, and there is room again. */
static void too_many_calls(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_UPNP, NAT_HONEST, NAT_EIM, NAT_PRESERVE);
    pu_endpoint http = l.gateway;
    http.port = UPNP_HTTP_PORT;
    static uint8_t memory[1024];
    wire_http_in in;
    wire_http_in_init(&in, memory, sizeof memory);
    l.a.request = SPAN_LITERAL("G");
    l.a.in = &in;
    for (int i = 0; i < 5; i++)
        tcp_model_dial(l.a.t, l.now,
                       &(tcp_model_target){.token = 1, .remote = http, .deadline = 20 * PU_S});
    lab_run(&l, PU_S, NULL);
    assert_true(l.a.is_down);
    lab_run(&l, 40 * PU_S, NULL); /* nothing came on the others either */
    assert_int_equal(find(&l), UPNP_FOUND);
    lab_close(&l);
}

int upnp_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_one_maps), cmocka_unit_test(a_port_beside_another),
        cmocka_unit_test(conflicts),          cmocka_unit_test(it_says_why_not),
        cmocka_unit_test(as_a_real_one_does), cmocka_unit_test(no_room),
        cmocka_unit_test(a_reboot_forgets),   cmocka_unit_test(liars_lie),
        cmocka_unit_test(only_for_ever),      cmocka_unit_test(only_its_own_number),
        cmocka_unit_test(bad_descriptions),   cmocka_unit_test(the_endless_one_ends),
        cmocka_unit_test(searches),           cmocka_unit_test(others_hear_nothing),
        cmocka_unit_test(requests),           cmocka_unit_test(too_many_calls),
    };
    return cmocka_run_group_tests_name("upnp", tests, NULL, NULL);
}
