/* tests/unit/net_line_test.c - links that do more than most, each mechanism against its closed
 * form: bursts, handovers, reordering, copies, MTU, rates and traces, CoDel. For slow CPUs see
 * net_cpu_test.c.
 */
#include "tests/unit/net_line.h"

int net_line_test(void);

static const net_extra none;

/* ---- bursts ---- */

/* Sends 100,000 datagrams over a bad link, up or down; counts losses and runs of them. */
static void count_bursts(const net_extra *extra, bool is_up, uint32_t *lost, uint32_t *bursts)
{
    enum { SENT = 100000 };
    world w;
    world_open(&w);
    uint32_t a = add_extra(&w, NET_NONE, 0, &plain, is_up ? extra : &none);
    uint32_t b = add_extra(&w, NET_NONE, 1, &plain, is_up ? &none : extra);
    bool was_lost = false;
    *lost = *bursts = 0;
    for (uint32_t i = 0; i < SENT; i++) {
        forget(&w);
        send(&w, i * PU_MS, a, own(&w, b), 1);
        run_all(&w);
        bool is_lost = w.got_count == 0;
        assert_int_equal(count_fate(&w, NET_LOST), is_lost);
        *lost += is_lost;
        *bursts += is_lost && !was_lost;
        was_lost = is_lost;
    }
    world_close(&w);
}

/* Loss = bad * enter / (enter + leave) + good * leave / (enter + leave); where the bad state loses
 * all and the good one nothing, a burst's mean length is 1 / leave. */
static void bursts_have_gilbert_and_elliotts_means(void **state)
{
    (void)state;
    static const struct {
        net_extra extra;
        uint32_t lost;           /* of 100,000 */
        uint32_t length_percent; /* of a burst, in hundredths; 0: no closed form */
    } cases[] = {
        {{.enter_ppm = 10000, .leave_ppm = 250000, .bad_ppm = 1000000}, 3846, 400},
        {{.enter_ppm = 50000, .leave_ppm = 500000, .bad_ppm = 1000000}, 9091, 200},
        {{.enter_ppm = 20000, .leave_ppm = 180000, .bad_ppm = 500000, .good_ppm = 10000}, 5900, 0},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        for (unsigned is_up = 0; is_up <= 1; is_up++) {
            uint32_t lost, bursts;
            count_bursts(&cases[c].extra, is_up == 1, &lost, &bursts);
            assert_in_range(lost, cases[c].lost * 93 / 100, cases[c].lost * 107 / 100);
            if (cases[c].length_percent > 0)
                assert_in_range(lost * 100 / bursts, cases[c].length_percent * 94 / 100,
                                cases[c].length_percent * 106 / 100);
        }
    }
}

/* Of many links as many are bad at first as are later: enter / (enter + leave), here a quarter, up
 * and down. */
static void a_link_is_found_in_either_state(void **state)
{
    (void)state;
    enum { LINKS = 2000 };
    const net_extra extra = {.enter_ppm = 1000, .leave_ppm = 3000, .bad_ppm = 1000000};
    world w;
    world_open(&w);
    uint32_t other = add_extra(&w, NET_NONE, 1, &plain, &none), lost[2] = {0, 0};
    for (uint32_t i = 0; i < LINKS; i++) {
        uint32_t host = add_extra(&w, NET_NONE, 0, &plain, &extra);
        for (int is_up = 0; is_up <= 1; is_up++) {
            forget(&w);
            send(&w, i * PU_S + (pu_time)is_up * PU_S / 2, is_up ? host : other,
                 own(&w, is_up ? other : host), 1);
            run_all(&w);
            lost[is_up] += w.got_count == 0;
        }
    }
    for (int i = 0; i <= 1; i++) assert_in_range(lost[i], LINKS / 4 - 75, LINKS / 4 + 75);
    world_close(&w);
}

/* ---- handovers ---- */

/* One datagram each 10 ms for ten minutes: lost are those of the first 150 ms after each of the 40
 * handovers, by a link that is not told the outcome of another. */
static void a_handover_loses_what_comes_in_its_time(void **state)
{
    (void)state;
    const net_extra sky = {.handover_every_ns = 15 * PU_S,
                           .handover_at_ns = 12 * PU_S,
                           .outage_least_ns = 150 * PU_MS,
                           .outage_most_ns = 150 * PU_MS};
    for (unsigned is_up = 0; is_up <= 1; is_up++) {
        world w;
        world_open(&w);
        uint32_t a = add_extra(&w, NET_NONE, 0, &plain, is_up == 1 ? &sky : &none);
        uint32_t b = add_extra(&w, NET_NONE, 1, &plain, is_up == 1 ? &none : &sky);
        for (pu_time at = 0; at < 600 * PU_S; at += 10 * PU_MS) send(&w, at, a, own(&w, b), 1);
        run_all(&w);
        assert_int_equal(count_fate(&w, NET_LOST), 40 * 15);
        for (uint32_t i = 0; i < w.log_count; i++) {
            if (w.log[i].fate != NET_LOST) continue;
            assert_true(w.log[i].at >= 12 * PU_S);
            assert_true((w.log[i].at - 12 * PU_S) % (15 * PU_S) < 150 * PU_MS);
        }
        world_close(&w);
    }
}

/* Lengths and shifts are drawn anew for each, evenly, and do not depend on who looks. */
static void handovers_are_drawn_by_their_number(void **state)
{
    (void)state;
    const net_extra sky = {.handover_every_ns = 15 * PU_S,
                           .outage_least_ns = 100 * PU_MS,
                           .outage_most_ns = 200 * PU_MS,
                           .shift_ns = 8 * PU_MS};
    world w;
    world_open(&w);
    uint64_t longer, again, sum = 0, sum_outage = 0;
    for (uint32_t i = 1; i <= 1000; i++) {
        pu_time at = i * 15 * PU_S;
        assert_true(loss_handover(w.n, 3, &sky, at + 99 * PU_MS, &longer));
        assert_false(loss_handover(w.n, 3, &sky, at + 201 * PU_MS, &again));
        assert_int_equal(longer, again);
        assert_true(longer <= 8 * PU_MS);
        sum += longer;
        uint64_t outage_ms = 100;
        while (loss_handover(w.n, 3, &sky, at + outage_ms * PU_MS, &again)) outage_ms++;
        sum_outage += outage_ms;
    }
    assert_in_range(sum / 1000, 3700 * PU_US, 4300 * PU_US);
    assert_in_range(sum_outage / 1000, 146, 155);
    assert_false(loss_handover(w.n, 3, &none, PU_S, &longer));
    world_close(&w);
}

static void a_handover_makes_the_way_longer(void **state)
{
    (void)state;
    const net_extra sky = {.handover_every_ns = 15 * PU_S, .shift_ns = 8 * PU_MS};
    world w;
    world_open(&w);
    uint32_t a = add_extra(&w, NET_NONE, 0, &plain, &sky), b = add(&w, NET_NONE, 1, &plain);
    for (uint32_t i = 0; i < 20; i++) {
        uint64_t longer;
        pu_time at = i * 15 * PU_S + PU_S;
        forget(&w);
        send(&w, at, a, own(&w, b), 1);
        run_all(&w);
        loss_handover(w.n, a, &sky, at, &longer);
        assert_int_equal(w.got[0].at, at + PLAIN_NS + longer);
        send(&w, at + PU_S, b, own(&w, a), 1);
        run_all(&w);
        assert_int_equal(w.got[1].at, at + PU_S + PLAIN_NS + longer);
    }
    world_close(&w);
}

/* ---- order and number ---- */

/* One datagram each ms; who is held back by 5.5 ms is overtaken by the five behind it that are not
 * held back themselves (RFC 4737 calls that the extent). */
static void a_share_is_overtaken(void **state)
{
    (void)state;
    enum { SENT = 20000 };
    const net_extra mixed = {.reorder_ppm = 100000, .reorder_ns = 5500 * PU_US};
    world w;
    world_open(&w);
    uint32_t a = add_extra(&w, NET_NONE, 0, &plain, &mixed), b = add(&w, NET_NONE, 1, &plain);
    for (uint32_t i = 0; i < SENT; i++) send(&w, i * PU_MS, a, own(&w, b), 1);
    run_all(&w);
    uint32_t late = 0;
    uint64_t highest = 0;
    assert_int_equal(w.got_count, SENT);
    for (uint32_t i = 0; i < w.log_count; i++) {
        if (w.log[i].fate != NET_DELIVERED) continue;
        uint64_t expected = (w.log[i].id - 1) * PU_MS + PLAIN_NS;
        bool is_held = w.log[i].at != expected;
        if (is_held) assert_int_equal(w.log[i].at, expected + 5500 * PU_US);
        if (w.log[i].id < highest) assert_true(is_held && highest - w.log[i].id <= 5);
        if (w.log[i].id > highest) highest = w.log[i].id;
        late += is_held;
    }
    assert_in_range(late, SENT / 10 - 150, SENT / 10 + 150);
    world_close(&w);
}

static void a_share_arrives_twice(void **state)
{
    (void)state;
    enum { SENT = 10000 };
    const net_extra twice = {.copy_ppm = 200000};
    world w;
    world_open(&w);
    uint32_t box = add_router(&w, NET_NONE, false);
    uint32_t a = add_extra(&w, box, 0, &plain, &twice), b = add(&w, NET_NONE, 1, &plain);
    for (uint32_t i = 0; i < SENT; i++) send(&w, i * PU_MS, a, own(&w, b), (uint8_t)i);
    run_all(&w);
    uint32_t copies = count_fate(&w, NET_COPIED);
    assert_in_range(copies, SENT / 5 - 160, SENT / 5 + 160);
    assert_int_equal(w.got_count, SENT + copies);
    for (uint32_t i = 0; i < w.got_count; i++) assert_int_equal(w.got[i].len, 1);
    uint32_t same = 0;
    for (uint32_t i = 1; i < w.got_count; i++)
        same += w.got[i].at == w.got[i - 1].at && w.got[i].first == w.got[i - 1].first;
    assert_int_equal(same, copies);
    world_close(&w);
}

/* ---- MTU ---- */

static void send_sized(world *w, pu_time now, uint32_t from, pu_endpoint to, size_t len,
                       enum net_carriage carriage)
{
    static const uint8_t zeros[1500];
    net_send(w->n, now, from, PORT, &to, span_of(zeros, len), carriage, NET_KIND_DATA);
}

/* Up and down, headers included, told by ICMP or not. */
static void what_is_too_long_ends(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 4; c++) {
        bool is_up = c % 2 == 0, is_silent = c >= 2;
        const net_extra narrow = {.mtu = 1400, .mtu_is_silent = is_silent};
        world w;
        world_open(&w);
        uint32_t box = add_router(&w, add_router(&w, NET_NONE, true), false);
        uint32_t a = add_extra(&w, box, 0, &plain, is_up ? &narrow : &none);
        uint32_t b = add_extra(&w, NET_NONE, 1, &plain, is_up ? &none : &narrow);
        send_sized(&w, 0, a, own(&w, b), 1400 - NET_HEADER_BYTES, NET_UDP);
        send_sized(&w, 0, a, own(&w, b), 1400 - NET_TCP_HEADER_BYTES, NET_TCP_SYN);
        run_all(&w);
        assert_int_equal(w.got_count, 2);
        assert_int_equal(w.told_count, 0);
        send_sized(&w, PU_S, a, own(&w, b), 1401 - NET_HEADER_BYTES, NET_UDP);
        send_sized(&w, PU_S, a, own(&w, b), 1401 - NET_TCP_HEADER_BYTES, NET_TCP);
        run_all(&w);
        assert_int_equal(w.got_count, 2);
        assert_int_equal(count_fate(&w, NET_TOO_BIG), 2);
        assert_int_equal(w.told_count, is_silent ? 0 : 2);
        if (!is_silent) {
            /* A router at home, or one at the other end: there and, without its access, back. */
            pu_time at = is_up ? NET_LAN_NS : PLAIN_NS + RTT_NS / 2 + plain.access_ns;
            assert_int_equal(w.told_at, PU_S + at);
            assert_int_equal(w.told_host, a);
            assert_int_equal(w.told_mtu, 1400);
            assert_same(w.told_local, own(&w, a)); /* through both boxes */
            assert_same(w.told_remote, own(&w, b));
        }
        world_close(&w);
    }
}

/* ICMP finds nobody when the box has forgotten the mapping, or the host is elsewhere. */
static void nobody_is_told_any_more(void **state)
{
    (void)state;
    const net_extra narrow = {.mtu = 1400};
    for (unsigned c = 0; c < 2; c++) {
        world w;
        world_open(&w);
        uint32_t box = add_router(&w, NET_NONE, false);
        uint32_t a = add(&w, box, 0, &plain), b = add_extra(&w, NET_NONE, 1, &plain, &narrow);
        send_sized(&w, 0, a, own(&w, b), 1450, NET_UDP);
        run(&w, PLAIN_NS);
        assert_int_equal(count_fate(&w, NET_TOO_BIG), 1);
        assert_int_equal(net_in_flight(w.n), 0);
        if (c == 0) net_box_reboot(w.n, box);
        else net_host_detach(w.n, a);
        run_all(&w);
        assert_int_equal(w.told_count, 0);
        send_sized(&w, PU_S, b, own(&w, b), 1450, NET_UDP); /* left in the slab: no leak */
        world_close(&w);
    }
}

/* ---- rates ---- */

/* How many datagrams of 1,000 bytes come over a link that has always one to send, in `seconds`. */
static uint32_t saturate(const net_link *link, const net_extra *extra, bool is_up, uint32_t seconds)
{
    world w;
    world_open(&w);
    uint32_t a = add_extra(&w, NET_NONE, 0, is_up ? link : &plain, is_up ? extra : &none);
    uint32_t b = add_extra(&w, NET_NONE, 1, is_up ? &plain : link, is_up ? &none : extra);
    uint32_t came = 0;
    for (pu_time at = 0; at < seconds * PU_S; at += 5 * PU_MS) {
        forget(&w);
        for (unsigned i = 0; i < 15; i++) send_one(&w, at, a, own(&w, b), 1, NET_KIND_DATA);
        run(&w, at + 5 * PU_MS - 1);
        for (uint32_t i = 0; i < w.got_count; i++) came += w.got[i].at < seconds * PU_S;
    }
    world_close(&w);
    return came;
}

/* 10 Mbit/s are 1,250 datagrams a second, and no more: with and without a list. The first one takes
 * PLAIN_NS, which is 75 of them, and the last one comes when the time is over. */
static void a_link_carries_exactly_its_rate(void **state)
{
    (void)state;
    const net_extra lists = {.target_ns = 5 * PU_MS, .interval_ns = 100 * PU_MS};
    const net_extra long_way = {.mtu = 1500};
    const net_link up = {.access_ns = 10 * PU_MS, .up_bps = 10000000, .queue_ns = 100 * PU_MS};
    const net_link down = {.access_ns = 10 * PU_MS, .down_bps = 10000000, .queue_ns = 100 * PU_MS};
    const net_extra *extras[] = {&none, &long_way, &lists};
    for (unsigned c = 0; c < 3; c++) {
        assert_int_equal(saturate(&up, extras[c], true, 10), 12500 - 75 - 1);
        assert_int_equal(saturate(&down, extras[c], false, 10), 12500 - 75 - 1);
    }
}

/* A trace's mean, over whole repetitions of it: 8, 0, 1 and 15 Mbit/s. */
static void a_trace_carries_its_mean(void **state)
{
    (void)state;
    uint64_t bps[] = {8000000, 0, 1000000, 15000000};
    const net_trace trace = {.period_ns = PU_S, .count = 4, .up_bps = bps, .down_bps = bps};
    assert_int_equal(trace_mean(&trace, NET_UP), 6000000);
    const net_link link = {.access_ns = 10 * PU_MS, .queue_ns = 100 * PU_MS};
    const net_extra extra = {.trace = &trace};
    const net_extra lists = {.trace = &trace, .target_ns = 5 * PU_MS, .interval_ns = 100 * PU_MS};
    for (unsigned is_up = 0; is_up <= 1; is_up++) {
        /* 6 Mbit/s are 750 a second; what had its turn and did not come yet is 75 and 15 ms */
        assert_in_range(saturate(&link, &extra, is_up == 1, 12), 12 * 750 - 180, 12 * 750);
        assert_in_range(saturate(&link, &lists, is_up == 1, 12), 12 * 750 - 180, 12 * 750);
    }
    /* To the nanosecond: 12 Mbit in 4 s of rates from the third on; 1 + 11 of 15. */
    assert_int_equal(trace_pass(&trace, NET_UP, 2 * PU_S, 0, 1000000), PU_S);
    assert_int_equal(trace_pass(&trace, NET_UP, 2 * PU_S, 0, 1000001), PU_S + 67);
    assert_int_equal(trace_pass(&trace, NET_UP, 2 * PU_S, 0, 12000000),
                     PU_S + (11 * PU_S + 14) / 15);
    assert_int_equal(trace_pass(&trace, NET_UP, 2 * PU_S, 0, 24000000), 3 * PU_S);
    /* Nothing passes in the second second. */
    assert_int_equal(trace_pass(&trace, NET_DOWN, 0, 3 * PU_S / 2, 500000), 5 * PU_S / 2);
}

/* Where a host begins in a trace is drawn, unless it is said. */
static void traces_begin_where_they_are_told(void **state)
{
    (void)state;
    static uint64_t bps[1000];
    for (unsigned i = 0; i < 1000; i++) bps[i] = i + 1;
    const net_trace trace = {.period_ns = PU_S, .count = 1000, .up_bps = bps, .down_bps = bps};
    const net_extra said = {.trace = &trace, .trace_from_ns = 17 * PU_S};
    const net_extra drawn = {.trace = &trace, .trace_from_ns = NET_TRACE_DRAWN};
    world w;
    world_open(&w);
    uint32_t a = add_extra(&w, NET_NONE, 0, &plain, &said);
    assert_int_equal(w.n->lines[a]->pipe->trace_from_ns, 17 * PU_S);
    uint64_t sum = 0;
    for (unsigned i = 0; i < 200; i++) {
        uint32_t host = add_extra(&w, NET_NONE, 0, &plain, &drawn);
        uint64_t from = w.n->lines[host]->pipe->trace_from_ns;
        assert_int_equal(from % PU_S, 0);
        assert_true(from < 1000 * PU_S);
        sum += from / PU_S;
    }
    assert_in_range(sum / 200, 430, 570);
    world_close(&w);
}

/* ---- CoDel ---- */

/* A sender that offers a tenth more than a link carries. Drop-tail: the queue is full all the time,
 * and everybody waits for 300 ms. CoDel finds the rate at which drops keep the queue short. */
static void codel_keeps_a_queue_short(void **state)
{
    (void)state;
    const net_link link = {.access_ns = 10 * PU_MS, .up_bps = 8000000, .queue_ns = 300 * PU_MS};
    const net_extra lists = {.target_ns = 5 * PU_MS, .interval_ns = 100 * PU_MS};
    uint64_t waited[2];
    for (unsigned has_codel = 0; has_codel <= 1; has_codel++) {
        world w;
        world_open(&w);
        uint32_t a = add_extra(&w, NET_NONE, 0, &link, has_codel == 1 ? &lists : &none);
        uint32_t b = add(&w, NET_NONE, 1, &plain);
        for (uint32_t i = 0; i < 33000; i++) {
            pu_time now = i * PU_S / 1100;
            run(&w, now);
            send_one(&w, now, a, own(&w, b), 1, NET_KIND_DATA);
        }
        run_all(&w);
        uint64_t sum = 0, count = 0;
        for (uint32_t i = 0; i < w.log_count; i++) {
            if (w.log[i].fate != NET_DELIVERED || w.log[i].at < 20 * PU_S) continue;
            sum += w.log[i].at - (w.log[i].id - 1) * PU_S / 1100 - PLAIN_NS;
            count++;
        }
        waited[has_codel] = sum / count;
        assert_in_range(w.got_count, 29900, 30310); /* it is never idle */
        assert_int_equal(w.got_count + count_fate(&w, NET_QUEUE_FULL), 33000);
        world_close(&w);
    }
    assert_in_range(waited[0], 290 * PU_MS, 302 * PU_MS);
    assert_true(waited[1] < 30 * PU_MS);
}

/* A list holds what passes in `queue`, and who moves away leaves nothing behind. */
static void a_list_is_bounded_and_survives_its_host(void **state)
{
    (void)state;
    const net_link link = {.access_ns = 10 * PU_MS, .down_bps = 8000000, .queue_ns = 50 * PU_MS};
    const net_extra lists = {.target_ns = 5 * PU_MS, .interval_ns = 100 * PU_MS};
    world w;
    world_open(&w);
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add_extra(&w, NET_NONE, 1, &link, &lists);
    for (unsigned i = 0; i < 100; i++) send_one(&w, 0, a, own(&w, b), 1, NET_KIND_DATA);
    run(&w, PLAIN_NS);
    assert_int_equal(count_fate(&w, NET_QUEUE_FULL), 100 - 51); /* one is under way */
    run(&w, PLAIN_NS + 10 * PU_MS);
    assert_int_equal(w.got_count, 10);
    net_host_detach(w.n, b);
    run_all(&w);
    assert_int_equal(w.got_count, 10);
    assert_int_equal(count_fate(&w, NET_NO_ROUTE), 41);
    net_host_attach(w.n, b, NET_NONE, 2, &plain); /* without a list */
    forget(&w);
    send_one(&w, PU_S, a, own(&w, b), 1, NET_KIND_DATA);
    run_all(&w);
    assert_int_equal(w.got[0].at, PU_S + PLAIN_NS);
    net_host_detach(w.n, b);
    net_host_attach(w.n, b, NET_NONE, 2, &link);
    net_host_extra(w.n, b, &lists);
    send_one(&w, 2 * PU_S, a, own(&w, b), 1, NET_KIND_DATA);
    assert_int_equal(net_in_flight(w.n), 1);
    world_close(&w);
}

/* ---- hosts ---- */

/* Two receivers on one path hear what is sent to both at once at the same time if nothing keeps
 * them apart, and hardly ever where there is jitter, or an access of each one's own. */
static void receivers_do_not_tick_in_lock_step(void **state)
{
    (void)state;
    const net_link jittery = {.access_ns = 10 * PU_MS, .jitter_ns = PU_MS};
    const net_extra spread = {.access_spread_ns = 5 * PU_MS};
    for (unsigned c = 0; c < 3; c++) {
        world w;
        world_open(&w);
        uint32_t a = add(&w, NET_NONE, 0, &plain), b[2];
        for (unsigned i = 0; i < 2; i++)
            b[i] = add_extra(&w, NET_NONE, 1, c == 1 ? &jittery : &plain, c == 2 ? &spread : &none);
        uint32_t together = 0;
        for (uint32_t i = 0; i < 1000; i++) {
            forget(&w);
            for (unsigned k = 0; k < 2; k++) send(&w, i * PU_S, a, own(&w, b[k]), 1);
            run_all(&w);
            assert_int_equal(w.got_count, 2);
            assert_in_range(w.got[1].at - i * PU_S, PLAIN_NS, PLAIN_NS + 5 * PU_MS);
            together += w.got[0].at == w.got[1].at;
        }
        assert_int_equal(together, c == 0 ? 1000 : 0);
        world_close(&w);
    }
}

/* A host with a line does not shift what another one draws; nor does a line that is not used. */
static void a_line_shifts_nobodys_draws(void **state)
{
    (void)state;
    const net_link rough = {.access_ns = 5 * PU_MS,
                            .jitter_ns = 3 * PU_MS,
                            .up_loss_ppm = 300000,
                            .down_loss_ppm = 300000};
    const net_extra wild = {.enter_ppm = 100000,
                            .leave_ppm = 100000,
                            .bad_ppm = 1000000,
                            .reorder_ppm = 500000,
                            .reorder_ns = PU_MS,
                            .copy_ppm = 500000,
                            .access_spread_ns = PU_MS};
    const net_extra idle = {.mtu = 9000};
    static pu_time seen_at[2][500];
    uint32_t count[2] = {0, 0};
    for (unsigned c = 0; c < 2; c++) {
        world w;
        world_open(&w);
        uint32_t a = add_extra(&w, NET_NONE, 0, &rough, c == 1 ? &idle : &none);
        uint32_t b = add_extra(&w, NET_NONE, 1, &rough, c == 1 ? &idle : &none);
        uint32_t other = add_extra(&w, NET_NONE, 2, &rough, c == 1 ? &wild : &none);
        for (uint32_t i = 0; i < 500; i++) {
            send(&w, i * PU_S, a, own(&w, b), 1);
            send(&w, i * PU_S, other, own(&w, a), 9);
            run(&w, (i + 1) * PU_S - 1);
        }
        for (uint32_t i = 0; i < w.got_count; i++)
            if (w.got[i].first == 1) seen_at[c][count[c]++] = w.got[i].at;
        world_close(&w);
    }
    assert_in_range(count[0], 200, 300);
    assert_int_equal(count[0], count[1]);
    assert_memory_equal(seen_at[0], seen_at[1], count[0] * sizeof seen_at[0][0]);
}

int net_line_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bursts_have_gilbert_and_elliotts_means),
        cmocka_unit_test(a_link_is_found_in_either_state),
        cmocka_unit_test(a_handover_loses_what_comes_in_its_time),
        cmocka_unit_test(handovers_are_drawn_by_their_number),
        cmocka_unit_test(a_handover_makes_the_way_longer),
        cmocka_unit_test(a_share_is_overtaken),
        cmocka_unit_test(a_share_arrives_twice),
        cmocka_unit_test(what_is_too_long_ends),
        cmocka_unit_test(nobody_is_told_any_more),
        cmocka_unit_test(a_link_carries_exactly_its_rate),
        cmocka_unit_test(a_trace_carries_its_mean),
        cmocka_unit_test(traces_begin_where_they_are_told),
        cmocka_unit_test(codel_keeps_a_queue_short),
        cmocka_unit_test(a_list_is_bounded_and_survives_its_host),
        cmocka_unit_test(receivers_do_not_tick_in_lock_step),
        cmocka_unit_test(a_line_shifts_nobodys_draws),
    };
    return cmocka_run_group_tests_name("net_line", tests, NULL, NULL);
}
