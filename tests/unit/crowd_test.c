/* crowd_test.c - a node with more connections than one step may tell about: what happens to all of
 * them at once is spread over steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "peerup/node.h"
#include "tests/unit/fault_heap.h"

int crowd_test(void);

enum { CROWD = PU_OUT_EFFECTS_MAX + 200, STEPS_MAX = 100 };

typedef struct crowd {
    fault_heap heap;
    pu_config config;
    pu_crypto crypto;
    pu_crypto_model key;
    pu_env env;
    pu_out *out;
    pu_node *node;
    void *mem;
    pu_time now;
    uint32_t gone, hung_up; /* events PEER with GONE, and HANGUPs seen */
} crowd;

static const pu_endpoint local = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 5, [15] = 1},
                                  .port = 4001};

static void step(crowd *c, pu_in in)
{
    in.now = c->now;
    assert_int_equal(pu_node_step(c->node, &in, c->out), PU_OK);
    for (pu_ef ef; pu_out_next(c->out, &ef);) {
        if (ef.kind == PU_EF_HANGUP) c->hung_up++;
        if (ef.kind == PU_EF_EVENT && ef.what == PU_EVENT_PEER && (ef.flags & PU_GONE) != 0)
            c->gone++;
    }
    pu_out_reset(c->out);
}

/* The i-th peer connects to us. */
static void come_in(crowd *c, uint32_t i)
{
    uint8_t key[32] = {(uint8_t)i, (uint8_t)(i >> 8), 1};
    pu_peer_id id;
    pu_peer_id_from_ed25519(&id, key);
    pu_in in = {.kind = PU_IN_CONN_ASK,
                .what = PU_ASK_ACCEPT,
                .conn = pu_handle_make(i, i + 1),
                .local = local,
                .remote = local,
                .transport = PU_TRANSPORT_QUIC};
    step(c, in);
    in.what = PU_ASK_SECURED;
    in.peer = span_of(id.bytes, id.len);
    step(c, in);
    in.what = 0;
    in.kind = PU_IN_CONN_UP;
    step(c, in);
    step(c, (pu_in){.kind = PU_IN_CONN_CONFIRMED, .conn = in.conn});
}

static void set_up(crowd *c)
{
    static const uint8_t seed[32] = {1};
    *c = (crowd){.now = PU_S};
    c->env.alloc = fault_heap_alloc(&c->heap);
    c->env.crypto = &c->crypto;
    pu_crypto_model_init(&c->crypto, &c->key, seed);
    pu_config_default(&c->config);
    c->config.gating = 0;
    c->config.conns_max = CROWD;
    c->config.conns_per_ip_max = c->config.conns_per_block_max = CROWD;
    c->mem = c->env.alloc.resize(&c->heap, NULL, 0, pu_node_size(&c->config));
    assert_int_equal(pu_peers_new(&c->env.peers, CROWD, 1, &c->env.alloc), PU_OK);
    assert_int_equal(pu_out_new(&c->out, &c->env), PU_OK);
    assert_int_equal(pu_node_init(&c->node, c->mem, &c->config, &c->env, seed, c->now), PU_OK);
    step(c, (pu_in){.kind = PU_IN_ADDR,
                    .local = local,
                    .flags = PU_LISTEN,
                    .transport = PU_TRANSPORT_QUIC,
                    .socket = PU_SOCKET_MAIN});
    step(c, (pu_in){.kind = PU_IN_TICK});
    for (uint32_t i = 0; i < CROWD; i++) come_in(c, i);
}

static void tear_down(crowd *c)
{
    pu_node_close(c->node);
    assert_int_equal(pu_peers_count(c->env.peers), 0);
    pu_out_free(c->out);
    pu_peers_free(c->env.peers);
    c->env.alloc.resize(&c->heap, c->mem, pu_node_size(&c->config), 0);
    assert_int_equal(c->heap.live_bytes, 0);
}

/* TICKs until nothing is due at this time. */
static void settle(crowd *c)
{
    for (int i = 0; i < STEPS_MAX && pu_node_deadline(c->node, NULL) <= c->now; i++)
        step(c, (pu_in){.kind = PU_IN_TICK});
    assert_true(pu_node_deadline(c->node, NULL) > c->now);
}

static void an_address_goes_and_everybody_with_it(void **state)
{
    (void)state;
    crowd c;
    set_up(&c);
    step(&c,
         (pu_in){
             .kind = PU_IN_ADDR, .local = local, .flags = PU_GONE, .transport = PU_TRANSPORT_QUIC});
    settle(&c);
    assert_int_equal(c.hung_up, CROWD);
    assert_int_equal(c.gone, CROWD);
    tear_down(&c);
}

static void a_stop_hangs_up_everybody(void **state)
{
    (void)state;
    crowd c;
    set_up(&c);
    step(&c, (pu_in){.kind = PU_IN_COMMAND, .what = PU_CMD_STOP, .token = 1});
    settle(&c);
    assert_int_equal(c.hung_up, CROWD);
    assert_int_equal(c.gone, CROWD);
    tear_down(&c);
}

int crowd_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_goes_and_everybody_with_it),
        cmocka_unit_test(a_stop_hangs_up_everybody),
    };
    return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
