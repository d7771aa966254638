/* net_refuse_test.c - what is said to those that are not taken: SYNs that nobody asked for, calls
 * that cross (RFC 5382), ICMP errors through boxes (RFC 5508). Segments come from the model of TCP.
 */
#include "tests/unit/net_world.h"

#include "sim/tcp_model/tcp_model.h"
#include "tests/lib/plain_heap.h"

int net_refuse_test(void);

enum { CLOSED_PORT = 4002, FIRST_ROOM = 65536 };

#define START (10 * PU_S)

/* One end: a host with a kernel, which listens nowhere unless a test says so. */
typedef struct end {
    struct lab *lab;
    uint8_t seed[32];
    tcp_model_host host;
    tcp_model *t;
    uint32_t index;
    unsigned ups, downs;
    uint32_t code;
    pu_time at; /* of the last of either */
} end;

typedef struct lab {
    world w;
    end ends[2];
    uint32_t boxes[2];
    pu_time now;
    unsigned refusals[NET_UDP_UNREACHABLE + 1]; /* that came to hosts */
} lab;

static void end_up(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
                   const pu_endpoint *remote)
{
    end *e = ctx;
    assert_true(handle != 0 && token == 1 && local->port == PORT && remote->port == PORT);
    e->ups++;
    e->at = e->lab->now;
}

static void end_data(void *ctx, uint64_t handle, pu_span bytes, bool fin)
{
    (void)ctx;
    assert_true(handle != 0 && bytes.len == 0 && !fin);
}

static void end_room(void *ctx, uint64_t handle, uint64_t offset)
{
    (void)ctx;
    assert_true(handle != 0 && offset > 0);
}

static void end_down(void *ctx, uint64_t handle, uint32_t token, uint32_t code)
{
    end *e = ctx;
    assert_true(handle == 0 && token == 1);
    e->downs++;
    e->code = code;
    e->at = e->lab->now;
}

static void end_send(void *ctx, uint16_t port, const pu_endpoint *to, pu_span segment,
                     enum net_carriage carriage)
{
    end *e = ctx;
    net_send(e->lab->w.n, e->lab->now, e->index, port, to, segment, carriage, NET_KIND_DATA);
}

static pu_endpoint end_local(void *ctx, const pu_endpoint *remote)
{
    (void)remote;
    const end *e = ctx;
    return net_host_address(e->lab->w.n, e->index);
}

static void lab_deliver(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                        const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    lab *l = ctx;
    l->refusals[carriage]++;
    l->now = now;
    for (int i = 0; i < 2; i++) {
        end *e = &l->ends[i];
        if (e->index != host || carriage == NET_UDP || carriage == NET_UDP_UNREACHABLE) continue;
        if (net_is_refusal(carriage))
            tcp_model_refused(e->t, now, local->port, remote, bytes, carriage == NET_TCP_RESET);
        else tcp_model_segment(e->t, now, local->port, remote, bytes);
    }
}

static void lab_record(void *ctx, const net_record *r)
{
    on_record(&((lab *)ctx)->w, r);
}

/* Two hosts, each behind a box of its own, which shows the port that the host has. */
static void lab_open(lab *l, const nat_type *first, const nat_type *second)
{
    *l = (lab){.w = {.q = queue_new(1), .sites = topo_constant(RTT_NS, SITES)}};
    l->w.log = sim_alloc(LOG_MAX * sizeof *l->w.log);
    l->w.n = net_new(l->w.q, l->w.sites, world_seed,
                     &(net_observer){l, lab_record, lab_deliver, NULL, NULL});
    for (uint32_t i = 0; i < 2; i++) {
        end *e = &l->ends[i];
        l->boxes[i] = net_box_add(l->w.n, i == 0 ? first : second, NET_NONE, false);
        e->lab = l;
        e->seed[0] = (uint8_t)i;
        e->index = add(&l->w, l->boxes[i], i, &plain);
        e->host = (tcp_model_host){e,        &plain_heap, end_up,   end_data,
                                   end_room, end_down,    end_send, end_local};
        e->t = tcp_model_new(CLOSED_PORT, FIRST_ROOM, &e->host, e->seed);
    }
}

static void lab_close(lab *l)
{
    for (int i = 0; i < 2; i++) tcp_model_free(l->ends[i].t);
    world_close(&l->w);
}

static pu_endpoint outer_of(const lab *l, int which)
{
    pu_endpoint e = net_box_address(l->w.n, l->boxes[which]);
    e.port = PORT;
    return e;
}

/* The end `which` calls the other's outer endpoint at `at`. */
static void call(lab *l, int which, pu_time at)
{
    tcp_model_target target = {.token = 1,
                               .local_port = PORT,
                               .remote = outer_of(l, 1 - which),
                               .not_before = at,
                               .deadline = at + 15 * PU_S};
    tcp_model_dial(l->ends[which].t, l->now, &target);
}

static void lab_run(lab *l, pu_time until)
{
    for (;;) {
        pu_time first[2], network = queue_next(l->w.q);
        for (int i = 0; i < 2; i++) first[i] = tcp_model_deadline(l->ends[i].t);
        pu_time at = first[0] < first[1] ? first[0] : first[1];
        if ((at < network ? at : network) > until) return;
        if (network <= at) {
            sim_event e;
            assert_true(queue_pop(l->w.q, &l->now, &e));
            net_event(l->w.n, l->now, &e);
        } else {
            l->now = at;
            tcp_model_tick(l->ends[first[0] <= first[1] ? 0 : 1].t, at);
        }
    }
}

static nat_type box_that(enum nat_syn unsolicited, bool no_crossing)
{
    nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    type.unsolicited = unsolicited;
    type.no_crossing = no_crossing;
    return type;
}

/* Both call, the second later by so much; returns how many ends got their connection. */
static unsigned calls_meet(const nat_type *first, const nat_type *second, uint64_t later_ns)
{
    lab l;
    lab_open(&l, first, second);
    call(&l, 0, START);
    call(&l, 1, START + later_ns);
    lab_run(&l, START + 60 * PU_S);
    unsigned ups = l.ends[0].ups + l.ends[1].ups;
    assert_int_equal(ups + l.ends[0].downs + l.ends[1].downs, 2);
    lab_close(&l);
    return ups;
}

/* RFC 5382 REQ-2: one side that lets calls cross is enough; with none neither hears the other. */
static void calls_cross_where_they_may(void **state)
{
    (void)state;
    for (int a = 0; a < 2; a++) {
        for (int b = 0; b < 2; b++) {
            nat_type first = box_that(NAT_SYN_DROP, a == 1),
                     second = box_that(NAT_SYN_DROP, b == 1);
            assert_int_equal(calls_meet(&first, &second, 0), a == 1 && b == 1 ? 0 : 2);
        }
    }
}

/* A SYN that comes before its own side's: silence forgives it, a reset does not, a late one waits
 * whether it is needed. */
static void early_calls(void **state)
{
    (void)state;
    static const unsigned ups[] = {[NAT_SYN_DROP] = 2,
                                   [NAT_SYN_RESET] = 0,
                                   [NAT_SYN_LATE_RESET] = 2,
                                   [NAT_SYN_LATE_UNREACHABLE] = 2};
    for (unsigned how = NAT_SYN_DROP; how <= NAT_SYN_LATE_UNREACHABLE; how++) {
        nat_type type = box_that((enum nat_syn)how, false);
        assert_int_equal(calls_meet(&type, &type, 100 * PU_MS), ups[how]);
        assert_int_equal(calls_meet(&type, &type, 0), 2); /* nobody is early */
    }
}

/* Nobody else calls: when the caller learns, and how. */
static void unsolicited_calls(void **state)
{
    (void)state;
    static const struct {
        enum nat_syn how;
        uint64_t after_ns;
        uint32_t code;
        enum net_carriage carriage;
    } cases[] = {
        {NAT_SYN_RESET, 2 * PLAIN_NS, PU_CODE_REFUSED, NET_TCP_RESET},
        {NAT_SYN_LATE_RESET, 2 * PLAIN_NS + 6 * PU_S, PU_CODE_REFUSED, NET_TCP_RESET},
        {NAT_SYN_LATE_UNREACHABLE, 2 * PLAIN_NS + 6 * PU_S, PU_CODE_REFUSED, NET_TCP_UNREACHABLE},
        {NAT_SYN_DROP, 15 * PU_S, PU_CODE_TIMEOUT, NET_UDP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int swallows = 0; swallows < 2; swallows++) {
            nat_type own = box_that(NAT_SYN_DROP, false), far = box_that(cases[i].how, false);
            own.swallows_errors = swallows == 1;
            bool is_told = cases[i].carriage == NET_TCP_RESET ||
                           (cases[i].carriage == NET_TCP_UNREACHABLE && swallows == 0);
            lab l;
            lab_open(&l, &own, &far);
            call(&l, 0, START);
            lab_run(&l, START + 60 * PU_S);
            assert_int_equal(l.ends[0].downs, 1);
            assert_int_equal(l.ends[0].code, is_told ? PU_CODE_REFUSED : PU_CODE_TIMEOUT);
            assert_int_equal(l.ends[0].at, START + (is_told ? cases[i].after_ns : 15 * PU_S));
            if (is_told) assert_true(l.refusals[cases[i].carriage] > 0);
            assert_int_equal(net_in_flight(l.w.n), 0);
            lab_close(&l);
        }
    }
}

/* RFC 5382 REQ-3: filtering of TCP has words of its own. */
static void tcp_filtering(void **state)
{
    (void)state;
    static const bool lets_in[][2] = {
        [NAT_EIF] = {true, true}, [NAT_ADF] = {true, false}, [NAT_APDF] = {false, false}};
    for (unsigned f = NAT_EIF; f <= NAT_APDF; f++) {
        world w;
        world_open(&w);
        nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
        type.tcp_filtering = (enum nat_filtering)f;
        uint32_t box = net_box_add(w.n, &type, NET_NONE, false);
        uint32_t inner = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
        uint32_t other = add(&w, NET_NONE, 2, &plain);
        pu_endpoint to = own(&w, server);
        net_send(w.n, 0, inner, PORT, &to, span_of(NULL, 0), NET_TCP_SYN, NET_KIND_HELLO);
        run_all(&w);
        pu_endpoint outer = w.got[0].remote;
        for (int i = 0; i < 2; i++) { /* another port of whom it called, and somebody else */
            forget(&w);
            net_send(w.n, PU_S, i == 0 ? server : other, PORT + 1, &outer, span_of(NULL, 0),
                     NET_TCP_SYN, NET_KIND_HELLO);
            run_all(&w);
            assert_int_equal(w.got_count, lets_in[f][i]);
        }
        world_close(&w);
    }
}

/* A machine whose node is down answers; boxes on both sides translate the error (RFC 5508 section
 * 4), neither refreshes anything by it, and one may swallow it. */
static void errors_find_back(void **state)
{
    (void)state;
    for (int swallows = 0; swallows < 2; swallows++) {
        world w;
        world_open(&w);
        nat_type type = router(NAT_EIM, NAT_EIF, NAT_RANDOM);
        type.swallows_errors = swallows == 1;
        type.refresh_inbound = true;
        uint32_t near = net_box_add(w.n, &type, NET_NONE, false);
        uint32_t far = add_router(&w, NET_NONE, false);
        uint32_t client = add(&w, near, 0, &plain), server = add(&w, far, 1, &plain);
        uint32_t public = add(&w, NET_NONE, 2, &plain);
        send(&w, 0, server, own(&w, public), 1);
        pu_endpoint door = seen(&w, 0, server, own(&w, public));
        run_all(&w);
        send(&w, PU_S, client, own(&w, public), 1);
        pu_endpoint outer = seen(&w, PU_S, client, own(&w, public));
        send(&w, PU_S, server, outer, 1); /* now the far box lets the client in */
        send(&w, PU_S, client, door, 7);
        run_all(&w);
        pu_endpoint at_server = w.got[w.got_count - 1].remote;
        assert_same(at_server, outer);
        forget(&w);
        uint8_t long_one[100] = {7};
        net_refuse(w.n, 20 * PU_S, server, NET_UDP, PORT, &at_server, span_of(long_one, 100));
        net_refuse(w.n, 20 * PU_S, server, NET_UDP_UNREACHABLE, PORT, &at_server,
                   span_of(long_one, 100));
        net_refuse(w.n, 20 * PU_S, server, NET_TCP, PORT, &at_server, span_of(long_one, 100));
        run_all(&w);
        assert_int_equal(w.got_count, 1 - swallows);
        assert_int_equal(count_fate(&w, NET_FILTERED), swallows);
        assert_string_equal(net_carriage_name(w.log[0].carriage), "udp-unreachable");
        if (swallows == 0) {
            assert_int_equal(w.got[0].host, client);
            assert_same(w.got[0].remote, door);
            assert_int_equal(w.got[0].len, NET_QUOTE_MAX);
            assert_int_equal(w.got[0].first, 7);
        }
        forget(&w); /* 31 s after the client spoke its mapping is over, whatever came in between */
        net_refuse(w.n, 32 * PU_S, server, NET_UDP, PORT, &at_server, span_of(long_one, 1));
        run_all(&w);
        assert_int_equal(count_fate(&w, NET_NO_MAPPING), 1);
        world_close(&w);
    }
}

static void a_reset_needs_a_mapping_to_get_out(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t inner = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    pu_endpoint to = own(&w, server);
    net_refuse(w.n, 0, inner, NET_TCP_SYN, PORT, &to, span_of(NULL, 0));
    run_all(&w);
    assert_int_equal(w.got_count, 0);
    assert_fate(&w, 1, NET_NO_MAPPING, box);
    assert_string_equal(net_carriage_name(w.log[0].carriage), "tcp-reset");
    assert_string_equal(net_carriage_name(NET_TCP_UNREACHABLE), "tcp-unreachable");
    world_close(&w);
}

/* A carrier's box around the box that answers translates its words too. */
static void answers_climb(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    nat_type type = box_that(NAT_SYN_RESET, false), open = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    open.tcp_filtering = NAT_EIF;
    uint32_t carrier = net_box_add(w.n, &open, NET_NONE, true);
    uint32_t box = net_box_add(w.n, &type, carrier, false);
    uint32_t inner = add(&w, box, 0, &plain), server = add(&w, NET_NONE, 1, &plain);
    uint32_t other = add(&w, NET_NONE, 2, &plain);
    pu_endpoint to = own(&w, server);
    net_send(w.n, 0, inner, PORT, &to, span_of(NULL, 0), NET_TCP_SYN, NET_KIND_HELLO);
    run_all(&w);
    pu_endpoint outer = w.got[0].remote;
    forget(&w);
    uint8_t byte = 9;
    net_send(w.n, PU_S, other, PORT, &outer, span_of(&byte, 1), NET_TCP_SYN, NET_KIND_HELLO);
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0].host, other);
    assert_same(w.got[0].remote, outer);
    assert_int_equal(w.got[0].first, 9);
    assert_int_equal(w.got[0].at, PU_S + 2 * PLAIN_NS);
    world_close(&w);
}

int net_refuse_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_cross_where_they_may),
        cmocka_unit_test(early_calls),
        cmocka_unit_test(unsolicited_calls),
        cmocka_unit_test(tcp_filtering),
        cmocka_unit_test(errors_find_back),
        cmocka_unit_test(a_reset_needs_a_mapping_to_get_out),
        cmocka_unit_test(answers_climb),
    };
    return cmocka_run_group_tests_name("net_refuse", tests, NULL, NULL);
}
