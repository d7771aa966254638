/* tests/unit/net_send_test.c - access links: loss, jitter, rates and queues; and what happens to
 * the bytes. */
#include "tests/unit/net_world.h"

int net_send_test(void);

static void loss_applies_once_at_each_access_link(void **state)
{
    (void)state;
    enum { SENT = 20000 };
    static const struct {
        uint32_t up_ppm, down_ppm, least, most; /* delivered of 20,000 */
    } cases[] = {
        {0, 0, SENT, SENT},        {100000, 0, 17800, 18200},
        {0, 100000, 17800, 18200}, {100000, 200000, 14150, 14650},
        {1000000, 0, 0, 0},        {0, 1000000, 0, 0},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        world w;
        world_open(&w);
        const net_link up = {.up_loss_ppm = cases[c].up_ppm},
                       down = {.down_loss_ppm = cases[c].down_ppm};
        uint32_t a = add(&w, NET_NONE, 0, &up), b = add(&w, NET_NONE, 1, &down);
        for (uint32_t i = 0; i < SENT; i++) send(&w, i * PU_MS, a, own(&w, b), 1);
        run_all(&w);
        assert_in_range(w.got_count, cases[c].least, cases[c].most);
        assert_int_equal(count_fate(&w, NET_LOST), SENT - w.got_count);
        world_close(&w);
    }
}

/* Which of a's datagrams to b arrive and when, while c sends to a and b as well, or not. */
static uint32_t lossy_pair(bool is_busy, pu_time *out)
{
    world w;
    world_open(&w);
    const net_link rough = {.access_ns = 5 * PU_MS,
                            .jitter_ns = 3 * PU_MS,
                            .up_loss_ppm = 300000,
                            .down_loss_ppm = 300000};
    uint32_t a = add(&w, NET_NONE, 0, &rough), b = add(&w, NET_NONE, 1, &plain),
             c = add(&w, NET_NONE, 2, &rough);
    for (uint32_t i = 0; i < 500; i++) {
        pu_time now = i * PU_S;
        for (uint32_t k = 0; is_busy && k < i % 3; k++) {
            send(&w, now, c, own(&w, a), 9);
            send(&w, now, c, own(&w, b), 9);
        }
        send(&w, now, a, own(&w, b), 1);
        run(&w, now + PU_S - 1);
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < w.got_count; i++) {
        if (w.got[i].first == 1) out[count++] = w.got[i].at;
    }
    world_close(&w);
    return count;
}

static void a_host_does_not_shift_anothers_draws(void **state)
{
    (void)state;
    pu_time quiet[500], busy[500];
    uint32_t count = lossy_pair(false, quiet);
    assert_in_range(count, 300, 400);
    assert_int_equal(lossy_pair(true, busy), count);
    assert_memory_equal(quiet, busy, count * sizeof *quiet);
}

/* When the last of three datagrams arrives, of which the first went to a box, mapped there or not.
 */
static pu_time third_arrival(bool is_mapped)
{
    world w;
    world_open(&w);
    const net_link rough = {.access_ns = 5 * PU_MS, .jitter_ns = 3 * PU_MS};
    uint32_t a = add(&w, NET_NONE, 0, &rough), b = add(&w, NET_NONE, 1, &plain);
    uint32_t home = add(&w, add_router(&w, NET_NONE, false), 2, &rough);
    pu_endpoint to_home = net_box_address(w.n, net_host_box(w.n, home));
    to_home.port = PORT;
    if (is_mapped) send(&w, 0, home, own(&w, b), 1);
    run_all(&w);
    forget(&w);
    send(&w, PU_S, a, to_home, 1);
    send(&w, 2 * PU_S, a, own(&w, b), 2);
    send(&w, 3 * PU_S, a, own(&w, b), 3);
    run_all(&w);
    assert_int_equal(w.got_count, 2); /* nothing got past the box */
    pu_time at = w.got[1].at;
    world_close(&w);
    return at;
}

static void a_box_does_not_shift_the_senders_draws(void **state)
{
    (void)state;
    assert_int_equal(third_arrival(true), third_arrival(false));
}

static void jitter_is_added_for_each_access_link(void **state)
{
    (void)state;
    enum { SENT = 4000 };
    /* Mean of a half-normal jitter: 0.798 of its spread. */
    static const struct {
        uint64_t up_ns, down_ns, mean_us;
    } cases[] = {{10 * PU_MS, 0, 7979}, {0, 10 * PU_MS, 7979}, {10 * PU_MS, 5 * PU_MS, 11968}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        world w;
        world_open(&w);
        const net_link up = {.jitter_ns = cases[c].up_ns}, down = {.jitter_ns = cases[c].down_ns};
        uint32_t a = add(&w, NET_NONE, 0, &up), b = add(&w, NET_NONE, 1, &down);
        uint64_t sum = 0;
        for (uint32_t i = 0; i < SENT; i++) {
            forget(&w);
            send(&w, i * PU_S, a, own(&w, b), 1);
            run_all(&w);
            uint64_t extra = w.got[0].at - i * PU_S - RTT_NS / 2;
            assert_true(extra <= 3 * (cases[c].up_ns + cases[c].down_ns));
            sum += extra;
        }
        assert_in_range(sum / SENT / PU_US, cases[c].mean_us - 400, cases[c].mean_us + 400);
        world_close(&w);
    }
}

/* Sends count datagrams of 972 bytes at once, which are 1,000 on a link and take 1 ms of 8 Mbit/s.
 */
static void send_burst(world *w, pu_time now, uint32_t from, uint32_t to, uint32_t count)
{
    static const uint8_t zeros[1000 - NET_HEADER_BYTES];
    pu_endpoint dest = own(w, to);
    for (uint32_t i = 0; i < count; i++) {
        net_send(w->n, now, from, PORT, &dest, span_of(zeros, sizeof zeros), NET_UDP,
                 NET_KIND_DATA);
    }
}

static void an_uplink_queues_and_drops(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const net_link link = {.access_ns = 10 * PU_MS, .up_bps = 8000000, .queue_ns = 3 * PU_MS};
    uint32_t a = add(&w, NET_NONE, 0, &link), b = add(&w, NET_NONE, 1, &plain);
    send_burst(&w, 0, a, b, 6); /* they would wait 0 to 5 ms */
    assert_int_equal(count_fate(&w, NET_QUEUE_FULL), 2);
    assert_int_equal(w.log[w.log_count - 1].at, 0);
    send_burst(&w, 1 * PU_MS, a, b, 2); /* one has left since: room for one */
    assert_int_equal(count_fate(&w, NET_QUEUE_FULL), 3);
    send_burst(&w, 100 * PU_MS, a, b, 1); /* idle again */
    run_all(&w);
    assert_int_equal(w.got_count, 6);
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(w.got[i].at, (i + 1) * PU_MS + PLAIN_NS);
    assert_int_equal(w.got[5].at, 101 * PU_MS + PLAIN_NS);
    world_close(&w);
}

static void a_downlink_queues_and_drops(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const net_link link = {.access_ns = 10 * PU_MS, .down_bps = 8000000, .queue_ns = 3 * PU_MS};
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add(&w, NET_NONE, 1, &link),
             c = add(&w, NET_NONE, 2, &plain);
    send_burst(&w, 0, a, b, 3);
    send_burst(&w, 0, c, b, 3); /* the link is shared by who sends */
    run(&w, PLAIN_NS);
    assert_int_equal(count_fate(&w, NET_QUEUE_FULL), 2);
    assert_int_equal(net_in_flight(w.n), 4);
    run_all(&w);
    assert_int_equal(w.got_count, 4);
    for (uint32_t i = 0; i < 4; i++) assert_int_equal(w.got[i].at, PLAIN_NS + (i + 1) * PU_MS);

    forget(&w); /* who leaves while it waits in the queue does not get it */
    send_burst(&w, PU_S, a, b, 1);
    run(&w, PU_S + PLAIN_NS);
    assert_int_equal(net_in_flight(w.n), 1);
    net_host_detach(w.n, b);
    run_all(&w);
    assert_int_equal(w.got_count, 0);
    assert_fate(&w, w.log_count - 1, NET_NO_ROUTE, NET_NONE);
    world_close(&w);
}

static void a_host_may_send_while_it_is_given(void **state)
{
    (void)state;
    enum { BURST = 300 };
    world w;
    world_open(&w);
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add(&w, NET_NONE, 1, &plain);
    pu_endpoint echo = own(&w, b);
    echo.port = ECHO_PORT;
    for (uint32_t i = 0; i < BURST; i++) {
        uint8_t byte = (uint8_t)i;
        net_send(w.n, i, a, PORT, &echo, (pu_span){&byte, 1}, NET_UDP, NET_KIND_PUNCH);
    }
    run_all(&w);
    assert_int_equal(w.got_count, 2 * BURST);
    for (uint32_t i = 0; i < BURST; i++) {
        assert_int_equal(w.got[BURST + i].host, a);
        assert_int_equal(w.got[BURST + i].first, (uint8_t)i);
        assert_int_equal(w.got[BURST + i].at, 2 * PLAIN_NS + i);
    }
    world_close(&w);
}

static void sizes_and_what_is_left_under_way(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    static const uint8_t bytes[1500] = {77};
    static const size_t lens[] = {0, 1, 1200, 1500};
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add(&w, NET_NONE, 1, &plain);
    pu_endpoint to = own(&w, b);
    for (size_t i = 0; i < 4; i++) {
        forget(&w);
        net_send(w.n, i * PU_S, a, PORT, &to, (pu_span){lens[i] > 0 ? bytes : NULL, lens[i]},
                 NET_UDP, NET_KIND_OTHER);
        run_all(&w);
        assert_int_equal(w.got[0].len, lens[i]);
        assert_int_equal(w.got[0].first, lens[i] > 0 ? 77 : 0);
        assert_int_equal(w.log[1].bytes, lens[i]);
    }
    net_send(w.n, 5 * PU_S, a, PORT, &to, span_of(bytes, 1500), NET_UDP, NET_KIND_OTHER);
    assert_int_equal(net_in_flight(w.n), 1);
    world_close(&w); /* frees it: the leak checker looks */
    net_free(NULL);
}

int net_send_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_applies_once_at_each_access_link),
        cmocka_unit_test(a_host_does_not_shift_anothers_draws),
        cmocka_unit_test(a_box_does_not_shift_the_senders_draws),
        cmocka_unit_test(jitter_is_added_for_each_access_link),
        cmocka_unit_test(an_uplink_queues_and_drops),
        cmocka_unit_test(a_downlink_queues_and_drops),
        cmocka_unit_test(a_host_may_send_while_it_is_given),
        cmocka_unit_test(sizes_and_what_is_left_under_way),
    };
    return cmocka_run_group_tests_name("net_send", tests, NULL, NULL);
}
