/* tests/unit/tm_hostile_test.c - the model transport against garbage, changed packets and peers
 * that break the rules. */
#include "tests/unit/tm_world.h"

/* ---- garbage ---- */

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Gives bytes to a fresh transport and to one with a connection: nothing may change in either. */
static void refuse(world *fresh, world *up, pu_span bytes, uint32_t to)
{
    assert_false(tm_datagram(fresh->hosts[1].t, fresh->now, NET_UDP, &fresh->hosts[0].at, bytes));
    assert_false(tm_datagram(up->hosts[to].t, up->now, NET_UDP, &up->hosts[1 - to].at, bytes));
    assert_int_equal(fresh->hosts[1].fifo_len, 0);
    assert_int_equal(up->hosts[to].fifo_len, 0);
}

static void test_random_bytes(void **state)
{
    (void)state;
    world *fresh = world_new(), *up = connected();
    size_t bytes_fresh = tm_bytes(fresh->hosts[1].t), bytes_up = tm_bytes(up->hosts[1].t);
    uint64_t x = 88172645463325252;
    for (unsigned i = 0; i < 10000; i++) {
        uint8_t bytes[PU_PACKET_MAX];
        size_t len = next_random(&x) % sizeof bytes;
        if (i % 4 == 0) len %= 80;
        for (size_t k = 0; k < len; k++) bytes[k] = (uint8_t)next_random(&x);
        if (i % 2 == 0 && len >= PACKET_HEAD_BYTES) { /* begin like a packet of the connection */
            memcpy(bytes, up->last[PACKET_FINISH], PACKET_TAG_AT);
            bytes[4] = (uint8_t)(i % 8);
        }
        refuse(fresh, up, span_of(bytes, len), 1);
    }
    assert_int_equal(tm_bytes(fresh->hosts[1].t), bytes_fresh);
    assert_int_equal(tm_bytes(up->hosts[1].t), bytes_up);
    world_free(fresh);
    world_free(up);
}

static void test_every_mutation_and_truncation(void **state)
{
    (void)state;
    for (enum packet_kind kind = PACKET_INIT; kind <= PACKET_CLOSE; kind++) {
        world *fresh = world_new(), *up = connected(), *from = connected();
        (void)app_open(&from->hosts[0], from->hosts[0].conn); /* equal seeds: equal keys */
        run(from, 2 * PU_S);
        hang_up(&from->hosts[0], from->hosts[0].conn, PU_CODE_SHUTDOWN);
        run(from, 3 * PU_S);
        uint32_t to = kind == PACKET_HELLO || kind == PACKET_DONE ? 0 : 1;
        size_t len = from->last_len[kind];
        assert_true(len >= PACKET_HEAD_BYTES);
        size_t before = tm_bytes(up->hosts[to].t);
        uint8_t bytes[PACKET_MAX];
        for (size_t i = 0; i < len; i++) {
            memcpy(bytes, from->last[kind], len);
            bytes[i] ^= (uint8_t)(1 + i % 255);
            refuse(fresh, up, span_of(bytes, len), to);
            refuse(fresh, up, span_of(from->last[kind], i), to);
        }
        assert_int_equal(tm_bytes(up->hosts[to].t), before);
        /* Unchanged, it is taken: what was refused above was refused for the change. */
        assert_true(tm_datagram(up->hosts[to].t, up->now, NET_UDP, &up->hosts[1 - to].at,
                                span_of(from->last[kind], len)));
        world_free(fresh);
        world_free(up);
        world_free(from);
    }
}

/* The session key of a connection, from the nonces that its INIT and HELLO carried. */
static uint32_t key_of(const world *w)
{
    packet init, hello;
    assert_true(packet_read(&init, span_of(w->last[PACKET_INIT], w->last_len[PACKET_INIT])));
    assert_true(packet_read(&hello, span_of(w->last[PACKET_HELLO], w->last_len[PACKET_HELLO])));
    return packet_session_key(init.nonce, hello.nonce);
}

/* A peer that knows the key sends whatever it likes: the connection ends with a violation, or goes
 * on. */
static void test_hostile_frames(void **state)
{
    (void)state;
    uint64_t x = 362436069;
    for (unsigned round = 0; round < 400; round++) {
        world *w = connected();
        uint32_t key = key_of(w);
        w->hosts[1].config.streams_per_conn_max = 16;
        w->is_deaf = true; /* the honest end of the connection hears nothing of this */
        for (unsigned i = 0; i < 20; i++) {
            uint8_t frames[64], out[PACKET_MAX];
            size_t len = 1 + next_random(&x) % sizeof frames;
            for (size_t k = 0; k < len; k++) {
                uint64_t r = next_random(&x);
                frames[k] = (uint8_t)(r % 3 == 0 ? r >> 8 : (r >> 8) % 9 * (r >> 16 & 1));
            }
            packet p = {.kind = PACKET_FRAMES, .to = w->hosts[1].conn, .number = i + 1};
            p.frames = span_of(frames, len);
            size_t size = packet_write(out, &p, 0, key);
            (void)tm_datagram(w->hosts[1].t, w->now, NET_UDP, &w->hosts[0].at, span_of(out, size));
            run(w, w->now + 30 * PU_MS);
        }
        world_free(w);
    }
}

typedef struct hostile_case {
    const char *name;
    frame first, second;
    bool is_violation;
} hostile_case;

static void test_violations(void **state)
{
    (void)state;
    static const uint8_t zeros[8];
    const pu_span eight = {zeros, sizeof zeros};
    const hostile_case cases[] = {
        {"data in the window",
         {.kind = FRAME_DATA, .offset = 4088, .bytes = eight},
         {.kind = FRAME_PING},
         false},
        {"beyond the window",
         {.kind = FRAME_DATA, .offset = 4089, .bytes = eight},
         {.kind = FRAME_PING},
         true},
        {"twice",
         {.kind = FRAME_DATA, .bytes = eight},
         {.kind = FRAME_DATA, .offset = 7, .bytes = eight},
         true},
        {"overlap, early",
         {.kind = FRAME_DATA, .offset = 100, .bytes = eight},
         {.kind = FRAME_DATA, .offset = 107, .bytes = eight},
         true},
        {"beyond the end",
         {.kind = FRAME_FIN, .offset = 8},
         {.kind = FRAME_DATA, .offset = 8, .bytes = eight},
         true},
        {"end before what came",
         {.kind = FRAME_DATA, .bytes = eight},
         {.kind = FRAME_FIN, .offset = 7},
         true},
        {"two ends", {.kind = FRAME_FIN, .offset = 8}, {.kind = FRAME_FIN, .offset = 8}, true},
        {"our stream, never opened",
         {.kind = FRAME_ROOM, .stream = 1, .offset = 9},
         {.kind = FRAME_PING},
         true},
        {"a jump", {.kind = FRAME_OPEN, .stream = 2 * 5000}, {.kind = FRAME_PING}, true},
        {"a small jump", {.kind = FRAME_OPEN, .stream = 2 * 3}, {.kind = FRAME_PING}, false},
        {"acknowledges the future", {.kind = FRAME_ACK, .offset = 5}, {.kind = FRAME_PING}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world *w = connected();
        uint8_t frames[128], out[PACKET_MAX];
        pu_buf b = buf_of(frames, sizeof frames);
        frame_put(&b, &cases[i].first);
        frame_put(&b, &cases[i].second);
        packet p = {.kind = PACKET_FRAMES, .to = w->hosts[1].conn, .number = 1};
        p.frames = buf_span(&b);
        size_t size = packet_write(out, &p, 0, key_of(w));
        assert_true(
            tm_datagram(w->hosts[1].t, w->now, NET_UDP, &w->hosts[0].at, span_of(out, size)));
        run(w, w->now + 5 * PU_MS);
        bool is_down = strstr(w->log, "B down 1 code=1003\n") != NULL;
        if (is_down != cases[i].is_violation) fail_msg("%s:\n%s", cases[i].name, w->log);
        world_free(w);
    }
}

static void test_other_effects_are_refused(void **state)
{
    (void)state;
    world *w = world_new();
    static const enum pu_ef_kind kinds[] = {PU_EF_CONN_SET, PU_EF_PACKET, PU_EF_RESOLVE, PU_EF_MAP,
                                            PU_EF_KEEP,     PU_EF_APP,    PU_EF_EVENT};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_false(tm_effect(w->hosts[0].t, 0, &(pu_ef){.kind = kinds[i]}));
    }
    world_free(w);
}

/* COMMAND SET reaches the transport: this side lets the other open one stream from now on. */
static void test_a_parameter_changes(void **state)
{
    (void)state;
    world *w = connected();
    host *a = &w->hosts[0], *b = &w->hosts[1];
    pu_ef set = {.kind = PU_EF_SET, .body = SPAN_LITERAL("no_such_thing"), .offset = 1};
    assert_true(tm_effect(b->t, w->now, &set)); /* changes nothing */
    set.body = SPAN_LITERAL("streams_per_conn_max");
    uint64_t before = b->config.streams_per_conn_max;
    assert_true(tm_effect(b->t, w->now, &set));
    assert_int_equal(b->config.streams_per_conn_max, before); /* the host's is left alone */
    const app *one = app_open(a, a->conn), *two = app_open(a, a->conn);
    run(w, w->now + 2 * PU_S);
    assert_false(one->is_down);
    assert_true(two->is_down);
    world_free(w);
}

int tm_hostile_test(void);

int tm_hostile_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_every_mutation_and_truncation),
        cmocka_unit_test(test_hostile_frames),
        cmocka_unit_test(test_violations),
        cmocka_unit_test(test_other_effects_are_refused),
        cmocka_unit_test(test_a_parameter_changes),
    };
    return cmocka_run_group_tests_name("tm_hostile", tests, NULL, NULL);
}
