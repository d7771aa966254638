/* limits_test.c - bytes that wait, held by every scope that they lie in; what readers say of
 * limits. */
#include "tests/unit/lab.h"

int limits_test(void);

enum { WAITS = 4000, FEW = 17 }; /* bytes of one stream that wait; 17 of those are above 65,536 */

static lab *lab_with_service(void)
{
    lab *l = lab_started();
    uint8_t body[64];
    pu_service service = {.name = SPAN_LITERAL("x"), .protocol_count = 1};
    service.protocols[0] = SPAN_LITERAL("/x");
    size_t len = pu_service_write(body, sizeof body, &service);
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_EXPOSE,
                        .token = 9,
                        .body = span_of(body, len)});
    return l;
}

/* A stream to the service that the host has not accepted: what its peer sends waits. */
static lab_stream *wait_in(lab *l, pu_handle conn)
{
    static const uint8_t bytes[WAITS];
    lab_stream *s = lab_open(l, conn, "/x");
    if (!s->is_reset) lab_give(l, s, span_of(bytes, sizeof bytes), false);
    return s;
}

static pu_limit_row row_of(const lab *l, const char *name)
{
    pu_limit_row row;
    uint32_t cursor = 0;
    while (pu_node_read_limits(l->node, &cursor, &row))
        if (strcmp(row.name, name) == 0) return row;
    fail_msg("no limit %s", name);
    return row;
}

/* Sets one limit to the least, makes bytes wait on `conns` connections of `peers` peers, and says
 * how many streams were let in. */
static uint32_t let_in(const char *name, uint32_t conns, uint32_t peers)
{
    lab *l = lab_with_service();
    char set[64];
    int len = snprintf(set, sizeof set, "%s=65536", name);
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_SET,
                        .token = 8,
                        .body = span_of(set, (size_t)len)});
    pu_handle conn[8];
    uint32_t count = 0;
    for (uint32_t i = 0; i < conns; i++) conn[i] = lab_connect(l, 1 + (int)(i % peers), 0, 0);
    for (uint32_t i = 0; i < 4 * FEW; i++) count += !wait_in(l, conn[i % conns])->is_reset;
    pu_limit_row row = row_of(l, name);
    assert_int_equal(row.max, 65536);
    assert_in_range(row.used, 65536 - WAITS, 65536);
    assert_int_equal(row.refused, 4 * FEW - count);
    assert_int_equal(l->traced[PU_TR_LIMITED], 4 * FEW - count);
    for (uint32_t i = 0; i < conns; i++) lab_down(l, conn[i]);
    assert_int_equal(row_of(l, name).used, 0);
    lab_end(l);
    return count;
}

static void bytes_wait_in_scopes(void **state)
{
    (void)state;
    assert_int_equal(let_in("waiting_bytes", 4, 4), FEW - 1);
    assert_int_equal(let_in("waiting_protocol_bytes", 4, 4), FEW - 1);
    assert_int_equal(let_in("waiting_peer_bytes", 4, 1), FEW - 1);
    assert_int_equal(let_in("waiting_peer_bytes", 4, 2), 2 * (FEW - 1));
    assert_int_equal(let_in("waiting_conn_bytes", 2, 1), 2 * (FEW - 1));
    assert_int_equal(let_in("waiting_conn_bytes", 4, 4), 4 * (FEW - 1));
}

/* Half a proposal, as long as can be, waits in a stream that has not selected. */
static void bytes_of_nobody_wait_in_a_scope_of_their_own(void **state)
{
    (void)state;
    lab *l = lab_with_service();
    static const uint8_t half[1000] = {0xff, 0x07}; /* 1,023 bytes are announced */
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_SET,
                        .token = 8,
                        .body = SPAN_LITERAL("waiting_selecting_bytes=16384")});
    pu_handle conn = lab_connect(l, 1, 0, 0);
    uint32_t count = 0;
    for (uint32_t i = 0; i < 20; i++) {
        lab_stream *s = lab_stream_new(l, conn, "");
        lab_step(
            l,
            (pu_in){.kind = PU_IN_STREAM_UP, .conn = conn, .stream = s->handle, .offset = 1 << 20});
        lab_give(l, s, span_of(half, sizeof half), false);
        count += !s->is_reset;
    }
    assert_int_equal(count, 16);
    assert_int_equal(row_of(l, "waiting_selecting_bytes").used, 16000);
    assert_int_equal(row_of(l, "waiting_protocol_bytes").used, 0);
    assert_int_equal(row_of(l, "streams_selecting_max").used, 20);
    assert_int_equal(row_of(l, "stream_pending_bytes").used, 1000);
    lab_down(l, conn);
    lab_end(l);
}

static void readers_tell_the_fullest(void **state)
{
    (void)state;
    lab *l = lab_with_service();
    pu_handle a = lab_connect(l, 1, 0, 0), b = lab_connect(l, 1, 0, 0), c = lab_connect(l, 2, 0, 0);
    for (uint32_t i = 0; i < 3; i++) (void)lab_open(l, a, "/x");
    for (uint32_t i = 0; i < 2; i++) (void)lab_open(l, b, "/x");
    (void)lab_open(l, c, "/x");
    assert_int_equal(row_of(l, "conns_max").used, 3);
    assert_int_equal(row_of(l, "conns_per_peer_max").used, 2);
    assert_int_equal(row_of(l, "conns_per_ip_max").used, 2);
    assert_int_equal(row_of(l, "conns_per_block_max").used, 3);
    assert_int_equal(row_of(l, "handshakes_max").used, 0);
    assert_int_equal(row_of(l, "streams_per_peer_max").used, 5);
    assert_int_equal(row_of(l, "streams_per_conn_max").used, 3);
    assert_int_equal(row_of(l, "streams_per_protocol_max").used, 6);
    assert_int_equal(row_of(l, "authorized_max").used, LAB_PEERS - 1);
    pu_limit_row row;
    uint32_t cursor = 0, count = 0;
    while (pu_node_read_limits(l->node, &cursor, &row)) {
        assert_non_null(pu_config_find(span_of(row.name, strlen(row.name))));
        count++;
    }
    assert_int_equal(count, 20);
    lab_end(l);
}

int limits_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_wait_in_scopes),
        cmocka_unit_test(bytes_of_nobody_wait_in_a_scope_of_their_own),
        cmocka_unit_test(readers_tell_the_fullest),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
