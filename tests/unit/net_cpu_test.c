/* tests/unit/net_cpu_test.c - hosts with a slow CPU: what it is busy with, how long, and that it
 * has each handshake once.
 */
#include "tests/unit/net_line.h"

int net_cpu_test(void);

/* As long as those of send_one. */
static void send_work(world *w, pu_time now, uint32_t from, pu_endpoint to, uint16_t work)
{
    uint8_t bytes[BYTES] = {WORK_BYTE};
    store_be16(bytes + 1, work);
    net_send(w->n, now, from, PORT, &to, span_of(bytes, sizeof bytes), NET_UDP, NET_KIND_HELLO);
}

/* Ten datagrams at once, of which one begins a handshake: each waits for those before it. */
static void a_slow_host_takes_its_time(void **state)
{
    (void)state;
    const net_extra slow = {.cpu_datagram_ns = 200 * PU_US, .cpu_handshake_ns = 5 * PU_MS};
    for (unsigned is_near = 0; is_near <= 1; is_near++) {
        world w;
        world_open(&w);
        uint32_t box = is_near == 1 ? add_router(&w, NET_NONE, false) : NET_NONE;
        uint32_t a = add(&w, box, 0, &plain), b = add_extra(&w, box, 1, &plain, &slow);
        for (uint8_t i = 0; i < 10; i++) {
            if (i == 3) send_work(&w, 0, a, own(&w, b), 1);
            else send_one(&w, 0, a, own(&w, b), i, NET_KIND_HELLO);
        }
        run_all(&w);
        assert_int_equal(w.got_count, 10);
        for (uint32_t i = 0; i < 10; i++) {
            pu_time at = (is_near == 1 ? NET_LAN_NS : PLAIN_NS) + (i + 1) * 200 * PU_US;
            assert_int_equal(w.got[i].first, i == 3 ? WORK_BYTE : i);
            assert_int_equal(w.got[i].at, at + (i >= 3 ? 5 * PU_MS : 0));
        }
        world_close(&w);
    }
}

/* Copies and what is sent again cost nothing more, nor does what a box keeps out; what is dropped
 * because it would wait too long has not been done. */
static void a_handshake_is_paid_for_once(void **state)
{
    (void)state;
    const net_extra slow = {.cpu_handshake_ns = 300 * PU_MS};
    world w;
    world_open(&w);
    uint32_t a = add(&w, NET_NONE, 0, &plain), c = add(&w, NET_NONE, 3, &plain);
    nat_type type = router(NAT_EIM, NAT_APDF, NAT_PRESERVE);
    type.udp_idle_ns = 1000 * PU_S;
    uint32_t box = net_box_add(w.n, &type, NET_NONE, false);
    uint32_t b = add_extra(&w, box, 1, &plain, &slow);
    send(&w, 0, b, own(&w, c), 0);
    run_all(&w);
    pu_endpoint outer = seen(&w, w.got[0].at, b, own(&w, c));
    send_work(&w, PU_S, a, outer, 9); /* kept out */
    send_work(&w, PU_S, c, outer, 1);
    send_work(&w, PU_S, c, outer, 1); /* waits until it is done */
    send_work(&w, 2 * PU_S, c, outer, 1);
    forget(&w);
    run_all(&w);
    assert_int_equal(w.got_count, 3);
    assert_int_equal(w.got[0].at, PU_S + PLAIN_NS + 300 * PU_MS);
    assert_int_equal(w.got[1].at, w.got[0].at);
    assert_int_equal(w.got[2].at, 2 * PU_S + PLAIN_NS);

    forget(&w);
    for (uint8_t i = 0; i < 5; i++) send_work(&w, 4 * PU_S, c, outer, (uint16_t)(2 + i));
    send_work(&w, 6 * PU_S, c, outer, 6); /* the last of those was dropped */
    send_work(&w, 7 * PU_S, c, outer, 5);
    run_all(&w);
    assert_int_equal(count_fate(&w, NET_QUEUE_FULL), 1);
    assert_int_equal(w.got[4].at, 6 * PU_S + PLAIN_NS + 300 * PU_MS);
    assert_int_equal(w.got[5].at, 7 * PU_S + PLAIN_NS);
    world_close(&w);
}

/* However many come at once, and from when on they are sent again: what has not come for longer
 * than a handshake may take has gone. */
static void a_crowd_is_paid_for_once(void **state)
{
    (void)state;
    enum { CROWD = 600, TIMES = 20 };
    const net_extra slow = {.cpu_handshake_ns = PU_MS};
    world w;
    world_open(&w);
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add_extra(&w, NET_NONE, 1, &plain, &slow);
    for (unsigned i = 0; i < TIMES; i++) {
        for (unsigned j = 0; j < CROWD; j++)
            send_work(&w, i * 50 * PU_S, a, own(&w, b), (uint16_t)(1 + j));
        send_work(&w, (i * 50 + 40) * PU_S, a, own(&w, b), (uint16_t)(1000 + i)); /* another */
    }
    run_all(&w);
    assert_int_equal(w.got_count, (CROWD + 1) * TIMES);
    for (unsigned i = 0; i < CROWD; i++) assert_int_equal(w.got[i].at, PLAIN_NS + (i + 1) * PU_MS);
    for (unsigned i = CROWD + 1; i < (CROWD + 1) * TIMES; i++) {
        if (i % (CROWD + 1) != CROWD)
            assert_int_equal(w.got[i].at, i / (CROWD + 1) * 50 * PU_S + PLAIN_NS);
    }

    forget(&w);
    for (unsigned i = 0; i < 4; i++) /* the sets turn over as others come */
        send_work(&w, (2000 + i * 100) * PU_S, a, own(&w, b), (uint16_t)(i == 3 ? 1 : 2000 + i));
    run_all(&w);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(w.got[i].at, (2000 + i * 100) * PU_S + PLAIN_NS + PU_MS);
    world_close(&w);
}

/* Who sleeps computes nothing: what comes then costs it, and is done, when it is sent again. */
static void a_sleeping_host_does_no_work(void **state)
{
    (void)state;
    const net_extra slow = {.cpu_datagram_ns = 2 * PU_MS, .cpu_handshake_ns = 300 * PU_MS};
    world w;
    world_open(&w);
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add_extra(&w, NET_NONE, 1, &plain, &slow);
    net_host_sleep(w.n, b, true);
    send_work(&w, 0, a, own(&w, b), 1);
    run_all(&w);
    assert_int_equal(count_fate(&w, NET_ASLEEP), 1);
    net_host_sleep(w.n, b, false);
    send_work(&w, PLAIN_NS, a, own(&w, b), 1); /* the CPU is free when it comes */
    run_all(&w);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0].at, 2 * PLAIN_NS + 302 * PU_MS);
    world_close(&w);
}

/* Behind a queue as well; what it sends costs it, too; and nobody waits for ever. */
static void a_slow_host_is_busy(void **state)
{
    (void)state;
    const net_link link = {.access_ns = 10 * PU_MS, .down_bps = 8000000, .queue_ns = PU_S};
    const net_extra slow = {.cpu_datagram_ns = 2 * PU_MS}, very = {.cpu_datagram_ns = 100 * PU_MS};
    world w;
    world_open(&w);
    uint32_t a = add(&w, NET_NONE, 0, &plain), b = add_extra(&w, NET_NONE, 1, &link, &slow);
    send_one(&w, 0, a, own(&w, b), 1, NET_KIND_DATA);
    send_one(&w, 0, a, own(&w, b), 2, NET_KIND_DATA);
    run(&w, PLAIN_NS);
    send_one(&w, PLAIN_NS, b, own(&w, a), 3, NET_KIND_DATA); /* until 2 ms later it is busy */
    run_all(&w);
    assert_int_equal(w.got[0].at, PLAIN_NS + 4 * PU_MS);
    assert_int_equal(w.got[1].at, PLAIN_NS + 6 * PU_MS);
    assert_int_equal(w.got[2].at, 2 * PLAIN_NS); /* what it sends is not delayed */

    uint32_t c = add_extra(&w, NET_NONE, 2, &plain, &very);
    forget(&w);
    for (unsigned i = 0; i < 20; i++) send_one(&w, PU_S, a, own(&w, c), 1, NET_KIND_DATA);
    run_all(&w);
    assert_int_equal(w.got_count, 11); /* the last one waits for NET_CPU_WAIT_NS */
    assert_int_equal(count_fate(&w, NET_QUEUE_FULL), 9);
    assert_int_equal(w.got[10].at, PU_S + PLAIN_NS + 11 * 100 * PU_MS);
    world_close(&w);
}

int net_cpu_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_host_takes_its_time),
        cmocka_unit_test(a_handshake_is_paid_for_once),
        cmocka_unit_test(a_crowd_is_paid_for_once),
        cmocka_unit_test(a_sleeping_host_does_no_work),
        cmocka_unit_test(a_slow_host_is_busy),
    };
    return cmocka_run_group_tests_name("net_cpu", tests, NULL, NULL);
}
