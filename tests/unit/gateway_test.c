/* gateway_test.c - a box that its hosts ask for mappings, by NAT-PMP and PCP: what it says, and
 * what it then does with datagrams. The test is the client.
 */
#include "tests/unit/net_world.h"

#include "wire/wire_natpmp.h"
#include "wire/wire_pcp.h"

int gateway_test(void);

typedef struct lab {
    world w;
    uint32_t box, inner, server, other;
    uint8_t answer[128];
    size_t answer_len;
    unsigned answers;
} lab;

static void lab_record(void *ctx, const net_record *r)
{
    on_record(&((lab *)ctx)->w, r);
}

static void lab_deliver(void *ctx, pu_time now, uint32_t host, enum net_carriage carriage,
                        const pu_endpoint *local, const pu_endpoint *remote, pu_span bytes)
{
    lab *l = ctx;
    on_deliver(&l->w, now, host, carriage, local, remote, bytes);
    if (remote->port != WIRE_NATPMP_PORT) return;
    assert_true(bytes.len <= sizeof l->answer);
    l->answer_len = bytes.len;
    l->answers++;
    memcpy(l->answer, bytes.base, bytes.len);
}

static void lab_open_type(lab *l, const nat_type *type)
{
    *l = (lab){.w = {.q = queue_new(1), .sites = topo_constant(RTT_NS, SITES)}};
    l->w.log = sim_alloc(LOG_MAX * sizeof *l->w.log);
    l->w.got = sim_alloc(LOG_MAX * sizeof *l->w.got);
    l->w.n = net_new(l->w.q, l->w.sites, world_seed,
                     &(net_observer){.ctx = l, .record = lab_record, .deliver = lab_deliver});
    l->box = net_box_add(l->w.n, type, NET_NONE, false);
    l->inner = add(&l->w, l->box, 0, &plain);
    l->server = add(&l->w, NET_NONE, 1, &plain);
    l->other = add(&l->w, NET_NONE, 2, &plain);
}

static void lab_open(lab *l, uint8_t speaks, enum nat_manner manner, enum nat_mapping mapping)
{
    nat_type type = router(mapping, NAT_APDF, NAT_PRESERVE);
    type.gateway = speaks;
    type.manner = manner;
    lab_open_type(l, &type);
}

/* Sends to the gateway and returns what it answers, which may be nothing. */
static pu_span ask(lab *l, pu_time now, pu_span request)
{
    pu_endpoint gateway = pu_endpoint_ip4(192, 168, 0, 1, WIRE_NATPMP_PORT);
    l->answer_len = 0;
    net_send(l->w.n, now, l->inner, 5350, &gateway, request, NET_UDP, NET_KIND_OTHER);
    run(&l->w, now + PU_S);
    return span_of(l->answer, l->answer_len);
}

static wire_natpmp ask_natpmp(lab *l, pu_time now, const wire_natpmp *request)
{
    uint8_t bytes[WIRE_NATPMP_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_natpmp_write(&out, request);
    wire_natpmp m;
    assert_true(wire_natpmp_read(&m, ask(l, now, buf_span(&out))));
    assert_true(m.is_response);
    return m;
}

static wire_pcp ask_pcp(lab *l, pu_time now, const wire_pcp *request)
{
    uint8_t bytes[WIRE_PCP_WRITTEN_MAX];
    pu_buf out = buf_of(bytes, sizeof bytes);
    wire_pcp_write(&out, request);
    wire_pcp m;
    assert_true(wire_pcp_read(&m, ask(l, now, buf_span(&out))));
    assert_true(m.is_response);
    return m;
}

/* Whether a stranger's datagram to the box's real address gets in at that port. */
static bool is_open(lab *l, pu_time now, uint16_t port)
{
    pu_endpoint at = net_box_address(l->w.n, l->box);
    at.port = port;
    uint32_t had = l->w.got_count;
    send(&l->w, now, l->other, at, 3);
    run(&l->w, now + PU_S);
    return l->w.got_count > had && l->w.got[l->w.got_count - 1].host == l->inner;
}

static const wire_natpmp map_udp = {
    .op = WIRE_NATPMP_MAP_UDP, .internal_port = PORT, .external_port = 8080, .lifetime_s = 3600};

static void an_honest_one_maps(void **state)
{
    (void)state;
    for (unsigned mapping = NAT_EIM; mapping <= NAT_APDM; mapping++) {
        lab l;
        lab_open(&l, NAT_GATEWAY_PMP, NAT_HONEST, (enum nat_mapping)mapping);
        pu_endpoint outer = net_box_address(l.w.n, l.box);
        wire_natpmp m = ask_natpmp(&l, PU_S, &(wire_natpmp){.op = WIRE_NATPMP_ADDRESS});
        assert_memory_equal(m.external_ip, outer.ip + 12, 4);
        assert_int_equal(m.epoch_s, 0);
        assert_false(is_open(&l, 10 * PU_S, 8080));
        m = ask_natpmp(&l, 20 * PU_S, &map_udp);
        assert_int_equal(m.result, WIRE_NATPMP_OK);
        assert_int_equal(m.external_port, 8080);
        assert_int_equal(m.lifetime_s, 3600);
        assert_int_equal(m.epoch_s, 19);
        assert_true(is_open(&l, 1000 * PU_S, 8080)); /* long after any idle time */
        outer.port = 8080;                           /* who came in by it is answered from it */
        send(&l.w, 1002 * PU_S, l.inner, l.w.got[l.w.got_count - 1].remote, 4);
        run(&l.w, 1003 * PU_S);
        assert_same(l.w.got[l.w.got_count - 1].remote, outer);
        assert_true(is_open(&l, 3617 * PU_S, 8080));
        assert_false(is_open(&l, 3700 * PU_S, 8080)); /* the lease and the idle time are over */
        world_close(&l.w);
    }
}

/* A call that nobody made gets in by a mapping of TCP, even where calls may not cross. */
static void calls_come_in_by_it(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_PMP, NAT_HONEST, NAT_EIM);
    nat_type strict = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    strict.gateway = NAT_GATEWAY_PMP;
    strict.no_crossing = true;
    net_host_detach(l.w.n, l.inner);
    l.box = net_box_add(l.w.n, &strict, NET_NONE, false);
    net_host_attach(l.w.n, l.inner, l.box, 0, &plain);
    pu_endpoint outer = net_box_address(l.w.n, l.box);
    outer.port = 8080;
    wire_natpmp request = map_udp;
    request.op = WIRE_NATPMP_MAP_TCP;
    for (int i = 0; i < 2; i++) {
        forget(&l.w);
        net_send(l.w.n, (pu_time)(1 + 4 * i) * PU_S, l.other, PORT, &outer, span_of(NULL, 0),
                 NET_TCP_SYN, NET_KIND_HELLO);
        run(&l.w, (pu_time)(2 + 4 * i) * PU_S);
        assert_int_equal(l.w.got_count, i);
        if (i == 0) assert_int_equal(ask_natpmp(&l, 3 * PU_S, &request).external_port, 8080);
    }
    net_send(l.w.n, 7 * PU_S, l.inner, PORT, &l.w.got[0].remote, span_of(NULL, 0), NET_TCP,
             NET_KIND_HELLO);
    run(&l.w, 8 * PU_S);
    assert_same(l.w.got[1].remote, outer);
    world_close(&l.w);
}

static void leases_end(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_PMP, NAT_HONEST, NAT_EIM);
    wire_natpmp request = map_udp;
    (void)ask_natpmp(&l, PU_S, &request);
    request.lifetime_s = 0;
    wire_natpmp m = ask_natpmp(&l, 3 * PU_S, &request);
    assert_true(m.result == WIRE_NATPMP_OK && m.lifetime_s == 0 && m.external_port == 0);
    assert_false(is_open(&l, 5 * PU_S, 8080));
    request.lifetime_s = UINT32_MAX;
    m = ask_natpmp(&l, 7 * PU_S, &request);
    assert_int_equal(m.lifetime_s, NAT_LIFETIME_MAX_S);
    net_box_reboot(l.w.n, l.box);
    assert_false(is_open(&l, 10 * PU_S, 8080));
    assert_int_equal(ask_natpmp(&l, 20 * PU_S, &request).epoch_s, 0); /* it says that it forgot */
    request.external_port = 8080; /* another host wants the same: it gets another one */
    request.internal_port = PORT + 1;
    m = ask_natpmp(&l, 22 * PU_S, &request);
    assert_true(m.result == WIRE_NATPMP_OK && m.external_port != 8080 && m.external_port != 0);
    world_close(&l.w);
}

/* What each sort of liar names, and whether datagrams get in. */
static void liars_lie(void **state)
{
    (void)state;
    static const struct {
        enum nat_manner manner;
        bool is_true_address, is_open, is_refused;
        uint32_t lifetime_s;
    } cases[] = {
        {NAT_HONEST, true, true, false, 3600},       {NAT_IDLE, true, false, false, 3600},
        {NAT_PRIVATE, false, true, false, 3600},     {NAT_WRONG, false, true, false, 3600},
        {NAT_SHORT, true, true, false, NAT_SHORT_S}, {NAT_REFUSES, false, false, true, 0},
        {NAT_ENDLESS, true, true, false, 3600}, /* by UPnP it would be */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab l;
        lab_open(&l, NAT_GATEWAY_PMP | NAT_GATEWAY_PCP, cases[i].manner, NAT_EIM);
        pu_endpoint outer = net_box_address(l.w.n, l.box), own_address = own(&l.w, l.inner);
        wire_natpmp m = ask_natpmp(&l, PU_S, &(wire_natpmp){.op = WIRE_NATPMP_ADDRESS});
        assert_int_equal(m.result == WIRE_NATPMP_REFUSED, cases[i].is_refused);
        assert_int_equal(memcmp(m.external_ip, outer.ip + 12, 4) == 0, cases[i].is_true_address);
        wire_pcp p = {
            .op = WIRE_PCP_MAP, .protocol = 17, .internal_port = PORT, .lifetime_s = 3600};
        p.external_port = 8080;
        memcpy(p.client_ip, own_address.ip, sizeof p.client_ip);
        wire_pcp got = ask_pcp(&l, 3 * PU_S, &p);
        assert_int_equal(got.result == WIRE_PCP_NOT_AUTHORIZED, cases[i].is_refused);
        if (!cases[i].is_refused) {
            assert_int_equal(got.external_port, 8080);
            assert_int_equal(got.lifetime_s, cases[i].lifetime_s);
            assert_int_equal(memcmp(got.external_ip, outer.ip, 16) == 0, cases[i].is_true_address);
        }
        assert_int_equal(is_open(&l, 5 * PU_S, 8080), cases[i].is_open);
        world_close(&l.w);
    }
}

static void a_slow_one_answers_late(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_PMP, NAT_SLOW, NAT_EIM);
    static const uint8_t natpmp[2];
    assert_int_equal(ask(&l, PU_S, span_of(natpmp, 2)).len, 0);
    run(&l.w, 2 * PU_S + NAT_SLOW_NS);
    assert_int_equal(l.answers, 1);
    world_close(&l.w);
}

static void pcp_says_why_not(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_PCP, NAT_HONEST, NAT_EIM);
    pu_endpoint own_address = own(&l.w, l.inner);
    wire_pcp p = {.op = WIRE_PCP_MAP, .protocol = 6, .internal_port = PORT, .lifetime_s = 60};
    assert_int_equal(ask_pcp(&l, PU_S, &p).result, WIRE_PCP_ADDRESS_MISMATCH);
    memcpy(p.client_ip, own_address.ip, sizeof p.client_ip);
    p.external_port = 9000;
    p.prefers_failure = true;
    assert_int_equal(ask_pcp(&l, 3 * PU_S, &p).result, WIRE_PCP_OK);
    p.internal_port = PORT + 1;
    assert_int_equal(ask_pcp(&l, 5 * PU_S, &p).result, WIRE_PCP_CANNOT_PROVIDE_EXTERNAL);
    p.protocol = 50;
    assert_int_equal(ask_pcp(&l, 7 * PU_S, &p).result, WIRE_PCP_UNSUPP_PROTOCOL);
    p.protocol = 6;
    p.internal_port = 0;
    assert_int_equal(ask_pcp(&l, 9 * PU_S, &p).result, WIRE_PCP_MALFORMED_REQUEST);
    wire_pcp announce = {.op = WIRE_PCP_ANNOUNCE};
    memcpy(announce.client_ip, own_address.ip, sizeof announce.client_ip);
    assert_int_equal(ask_pcp(&l, 11 * PU_S, &announce).result, WIRE_PCP_OK);
    uint8_t peer[24] = {2, 2};
    wire_pcp got;
    assert_true(wire_pcp_read(&got, ask(&l, 13 * PU_S, span_of(peer, sizeof peer))));
    assert_int_equal(got.result, WIRE_PCP_UNSUPP_OPCODE);
    static const uint8_t natpmp[2];
    assert_true(wire_pcp_read(&got, ask(&l, 15 * PU_S, span_of(natpmp, 2))));
    assert_int_equal(got.result, WIRE_PCP_UNSUPP_VERSION);
    assert_true(wire_pcp_read(&got, ask(&l, 17 * PU_S, span_of(peer, 3))));
    assert_int_equal(got.result, WIRE_PCP_MALFORMED_REQUEST);
    static const uint8_t long_option[28] = {2, 0, [24] = 1, 0, 0, 4};
    assert_true(wire_pcp_read(&got, ask(&l, 18 * PU_S, span_of(long_option, 28))));
    assert_int_equal(got.result, WIRE_PCP_MALFORMED_REQUEST);
    assert_int_equal(ask(&l, 19 * PU_S, span_of(NULL, 0)).len, 0);
    peer[1] |= 0x80; /* an answer is not answered */
    assert_int_equal(ask(&l, 21 * PU_S, span_of(peer, sizeof peer)).len, 0);
    world_close(&l.w);
}

/* Who insists on another port than it has is refused, and keeps what it has. */
static void a_refusal_takes_nothing(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_PCP, NAT_HONEST, NAT_EIM);
    pu_endpoint own_address = own(&l.w, l.inner);
    wire_pcp p = {.op = WIRE_PCP_MAP,
                  .protocol = 17,
                  .internal_port = PORT,
                  .external_port = 9000,
                  .lifetime_s = 3600};
    memcpy(p.client_ip, own_address.ip, sizeof p.client_ip);
    assert_int_equal(ask_pcp(&l, PU_S, &p).external_port, 9000);
    p.external_port = 9001;
    p.prefers_failure = true;
    assert_int_equal(ask_pcp(&l, 3 * PU_S, &p).result, WIRE_PCP_CANNOT_PROVIDE_EXTERNAL);
    assert_true(is_open(&l, 5 * PU_S, 9000));
    assert_false(is_open(&l, 7 * PU_S, 9001));
    world_close(&l.w);
}

/* RFC 6886 section 3.4: ports and lifetime 0 end all mappings of the host, of that protocol. */
static void all_mappings_end_at_once(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_PMP, NAT_HONEST, NAT_EIM);
    for (uint16_t i = 0; i < 8; i++) {
        wire_natpmp m = map_udp;
        m.internal_port = (uint16_t)(PORT + i);
        m.external_port = (uint16_t)(8080 + i);
        assert_int_equal(ask_natpmp(&l, (2u * i + 1) * PU_S, &m).external_port, 8080 + i);
        assert_true(is_open(&l, (2u * i + 2) * PU_S, (uint16_t)(8080 + i)));
    }
    wire_natpmp end = {.op = WIRE_NATPMP_MAP_TCP};
    assert_int_equal(ask_natpmp(&l, 30 * PU_S, &end).result, WIRE_NATPMP_OK);
    assert_true(is_open(&l, 32 * PU_S, 8080));
    end.op = WIRE_NATPMP_MAP_UDP;
    assert_int_equal(ask_natpmp(&l, 34 * PU_S, &end).result, WIRE_NATPMP_OK);
    for (uint16_t i = 0; i < 8; i++)
        assert_false(is_open(&l, (36 + 2u * i) * PU_S, (uint16_t)(8080 + i)));
    world_close(&l.w);
}

/* Where no UDP passes, a mapping of UDP would be a hole. */
static void a_box_that_blocks_grants_nothing(void **state)
{
    (void)state;
    lab l;
    nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    type.gateway = NAT_GATEWAY_PMP;
    type.blocks_udp = true;
    lab_open_type(&l, &type);
    assert_int_equal(ask_natpmp(&l, PU_S, &map_udp).result, WIRE_NATPMP_NO_RESOURCES);
    assert_false(is_open(&l, 3 * PU_S, 8080));
    world_close(&l.w);
}

static void natpmp_says_why_not(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, NAT_GATEWAY_PMP, NAT_HONEST, NAT_EIM);
    wire_natpmp request = map_udp;
    request.internal_port = 0;
    assert_int_equal(ask_natpmp(&l, PU_S, &request).result, WIRE_NATPMP_REFUSED);
    assert_int_equal(ask_natpmp(&l, 3 * PU_S, &(wire_natpmp){.op = 9}).result, WIRE_NATPMP_BAD_OP);
    static const uint8_t pcp[24] = {2, 1};
    wire_natpmp m;
    assert_true(wire_natpmp_read(&m, ask(&l, 5 * PU_S, span_of(pcp, sizeof pcp))));
    assert_int_equal(m.result, WIRE_NATPMP_BAD_VERSION);
    assert_int_equal(ask(&l, 7 * PU_S, span_of(pcp, 1)).len, 0);
    static const uint8_t pcp_answer[24] = {2, 0x81};
    assert_int_equal(ask(&l, 8 * PU_S, span_of(pcp_answer, sizeof pcp_answer)).len, 0);
    static const uint8_t answer[8] = {0, 0x80};
    assert_int_equal(ask(&l, 9 * PU_S, span_of(answer, sizeof answer)).len, 0);
    world_close(&l.w);
}

/* A box without the key has no such address: what is sent there has nowhere to go. */
static void others_say_nothing(void **state)
{
    (void)state;
    lab l;
    lab_open(&l, 0, NAT_HONEST, NAT_EIM);
    static const uint8_t natpmp[2];
    assert_int_equal(ask(&l, PU_S, span_of(natpmp, 2)).len, 0);
    assert_int_equal(count_fate(&l.w, NET_NO_ROUTE), 1);
    world_close(&l.w);
}

int gateway_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_come_in_by_it),
        cmocka_unit_test(an_honest_one_maps),
        cmocka_unit_test(leases_end),
        cmocka_unit_test(liars_lie),
        cmocka_unit_test(pcp_says_why_not),
        cmocka_unit_test(natpmp_says_why_not),
        cmocka_unit_test(others_say_nothing),
        cmocka_unit_test(a_refusal_takes_nothing),
        cmocka_unit_test(all_mappings_end_at_once),
        cmocka_unit_test(a_box_that_blocks_grants_nothing),
        cmocka_unit_test(a_slow_one_answers_late),
    };
    return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
