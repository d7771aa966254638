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

/* A byte every half second keeps no stream that has not selected: its deadline is absolute. */
static void selection_has_an_absolute_deadline(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, 1, 0, 0);
    static const char said[] = "\x13/multistream/1.0.0\n\xff\x07/a name that never ends";
    lab_stream *s = lab_stream_new(l, conn, "");
    lab_step(
        l, (pu_in){.kind = PU_IN_STREAM_UP, .conn = conn, .stream = s->handle, .offset = 1 << 20});
    pu_time begun = l->now;
    for (size_t i = 0; !s->is_reset; i++) {
        assert_true(i < sizeof said - 1);
        lab_give(l, s, span_of(said + i, 1), false);
        lab_pass(l, PU_S / 2);
    }
    assert_int_equal(s->code, PU_CODE_TIMEOUT);
    assert_in_range(l->now - begun, l->config.select_ns, l->config.select_ns + PU_S / 2);
    lab_end(l);
}

/* go-multistream: whoever proposes may have stopped reading by then, and is served all the same. */
static void nobody_reads_our_echo(void **state)
{
    (void)state;
    lab *l = lab_with_service();
    pu_handle conn = lab_connect(l, 1, 0, 0);
    uint8_t bytes[128];
    pu_buf b = buf_of(bytes, sizeof bytes);
    lab_put_select(&b, "/x");
    lab_stream *s = lab_stream_new(l, conn, "/x");
    lab_step(
        l, (pu_in){.kind = PU_IN_STREAM_UP, .conn = conn, .stream = s->handle, .offset = 1 << 20});
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_STOP, .conn = conn, .stream = s->handle});
    lab_give(l, s, buf_span(&b), false);
    assert_false(s->is_reset);
    assert_int_equal(l->app_count, 1);
    assert_int_equal(l->apps[0].what, PU_APP_OPEN);
    lab_end(l);
}

/* ---- limits that change ---- */

static void set(lab *l, const char *text)
{
    l->set[0] = 0;
    lab_step(l, (pu_in){.kind = PU_IN_COMMAND,
                        .what = PU_CMD_SET,
                        .token = 8,
                        .body = span_of(text, strlen(text))});
    assert_string_equal(l->set, text); /* whoever is below hears of it */
}

static uint32_t ask_for_one_more(lab *l)
{
    l->verdict = PU_CODE_OK;
    lab_step(l, (pu_in){.kind = PU_IN_CONN_ASK,
                        .what = PU_ASK_ACCEPT,
                        .conn = lab_conn_next(l),
                        .local = lab_endpoint(0),
                        .remote = lab_endpoint(5),
                        .transport = PU_TRANSPORT_QUIC});
    return l->verdict;
}

/* The host may have given slots that are above a limit by now: it gets its answers all the same,
 * or it would wait for them for ever. What is there stays. */
static void lower_limits_leave_what_is_there(void **state)
{
    (void)state;
    lab *l = lab_started();
    pu_handle conn = 0;
    for (int i = 1; i < 4; i++) conn = lab_connect(l, i, 0, 0);
    set(l, "conns_max=1");
    assert_int_equal(ask_for_one_more(l), PU_CODE_RESOURCE);
    set(l, "conns_max=9");
    pu_handle asked = lab_conn_next(l);
    pu_in in = {.kind = PU_IN_CONN_ASK,
                .what = PU_ASK_ACCEPT,
                .conn = asked,
                .peer = lab_id(l, 5),
                .local = lab_endpoint(0),
                .remote = lab_endpoint(5),
                .transport = PU_TRANSPORT_QUIC};
    lab_step(l, in);
    assert_int_equal(l->verdict, PU_CODE_OK);
    set(l, "conns_max=2"); /* in the midst of a handshake, which goes on */
    in.what = PU_ASK_SECURED;
    lab_step(l, in);
    in.kind = PU_IN_CONN_UP;
    in.what = 0;
    lab_step(l, in);
    set(l, "streams_max=1");
    for (int i = 0; i < 3; i++) {
        lab_stream *s = lab_stream_new(l, conn, "");
        lab_step(
            l,
            (pu_in){.kind = PU_IN_STREAM_UP, .conn = conn, .stream = s->handle, .offset = 1 << 20});
        assert_true(s->is_reset);
    }
    lab_pass(l, PU_S);
    assert_int_equal(row_of(l, "conns_max").max, 2);
    assert_int_equal(row_of(l, "conns_max").used, 4);
    lab_end(l);
}

/* ---- addresses ---- */

static void move(lab *l, pu_handle conn, pu_endpoint to)
{
    lab_step(l, (pu_in){.kind = PU_IN_CONN_PATH,
                        .conn = conn,
                        .flags = PU_MIGRATED,
                        .local = lab_endpoint(0),
                        .remote = to});
    lab_pass(l, 2 * PU_S);
}

/* A connection that moves (QUIC) gets past no limit of the address that it moves to. */
static void an_address_is_full_for_those_who_move_there(void **state)
{
    (void)state;
    lab *l = lab_new();
    l->config.conns_per_ip_max = 2;
    l->config.conns_per_block_max = 3;
    lab_begin(l);
    lab_start(l);
    pu_endpoint full = pu_endpoint_ip4(8, 8, 0, 1, 4001);
    l->elsewhere = full;
    lab_connect(l, 1, 0, 0);
    pu_handle same = lab_connect(l, 2, 0, 0);
    l->elsewhere = pu_endpoint_ip4(7, 7, 0, 1, 4001);
    pu_handle to_address = lab_connect(l, 3, 0, 0), to_block = lab_connect(l, 4, 0, 0);
    l->elsewhere = pu_endpoint_ip4(7, 7, 0, 2, 4001);
    pu_handle to_full_block = lab_connect(l, 5, 0, 0);
    pu_handle dialled = lab_connect(l, 6, PU_DIALLER, 0);
    uint32_t hung_up = l->traced[PU_TR_CONN_HANGUP];
    full.port++;
    move(l, same, full); /* another port of the same address */
    assert_int_equal(l->traced[PU_TR_CONN_HANGUP], hung_up);
    move(l, to_block, pu_endpoint_ip4(8, 8, 0, 2, 4001));
    assert_int_equal(l->traced[PU_TR_CONN_HANGUP], hung_up);
    move(l, to_block, pu_endpoint_ip4(8, 8, 0, 3, 4001)); /* within the block that is full by now */
    assert_int_equal(l->traced[PU_TR_CONN_HANGUP], hung_up);
    move(l, to_address, full);
    assert_int_equal(l->traced[PU_TR_CONN_HANGUP], ++hung_up);
    assert_int_equal(l->traced_a[PU_TR_CONN_HANGUP], PU_CODE_RESOURCE);
    move(l, to_full_block, pu_endpoint_ip4(8, 8, 9, 9, 4001));
    assert_int_equal(l->traced[PU_TR_CONN_HANGUP], ++hung_up);
    move(l, dialled, full); /* those we dial are nobody's attack */
    assert_int_equal(l->traced[PU_TR_CONN_HANGUP], hung_up);
    lab_end(l);
}

/* ---- a host that is wrong ---- */

/* A stream on a connection whose peer is not known yet: nobody's streams are counted. */
static void a_stream_before_its_connection_is_refused(void **state)
{
    (void)state;
    lab *l = lab_started();
    set(l, "streams_per_peer_max=1");
    lab_open(l, lab_connect(l, 1, 0, 0), "/ipfs/ping/1.0.0");
    pu_in in = {.kind = PU_IN_CONN_ASK,
                .what = PU_ASK_ACCEPT,
                .conn = lab_conn_next(l),
                .local = lab_endpoint(0),
                .remote = lab_endpoint(2),
                .transport = PU_TRANSPORT_QUIC};
    lab_step(l, in);
    assert_int_equal(l->verdict, PU_CODE_OK);
    lab_stream *s = lab_stream_new(l, in.conn, "");
    lab_step(l, (pu_in){.kind = PU_IN_STREAM_UP,
                        .conn = in.conn,
                        .stream = s->handle,
                        .offset = PU_FIRST_ROOM});
    assert_true(s->is_reset);
    lab_end(l);
}

/* ---- deadlines whose timer found no memory ---- */

enum { NTH_MAX = 6 }; /* requests for memory of one step, at most */

static lab *short_of(lab *l, unsigned nth)
{
    l->heap.fail_at = nth > 0 ? l->heap.asked + nth : 0;
    return l;
}

static void a_stream_is_selected_in_time_or_not_at_all(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= NTH_MAX; nth++) {
        lab *l = lab_started();
        lab_stream *s = lab_stream_new(l, lab_connect(l, 1, 0, 0), "");
        pu_in in = {
            .kind = PU_IN_STREAM_UP, .conn = s->conn, .stream = s->handle, .offset = PU_FIRST_ROOM};
        lab_step(short_of(l, nth), in);
        short_of(l, 0);
        lab_pass(l, l->config.select_ns + 2 * PU_S);
        assert_true(s->is_reset);
        lab_end(l);
    }
}

static void a_handshake_is_over_in_time(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= NTH_MAX; nth++) {
        lab *l = lab_started();
        pu_in in = {.kind = PU_IN_CONN_ASK,
                    .what = PU_ASK_ACCEPT,
                    .conn = lab_conn_next(l),
                    .local = lab_endpoint(0),
                    .remote = lab_endpoint(1),
                    .transport = PU_TRANSPORT_QUIC};
        lab_step(short_of(l, nth), in);
        short_of(l, 0);
        bool is_let_in = l->verdict == PU_CODE_OK;
        lab_pass(l, l->config.handshake_ns + l->config.hangup_ns + 2 * PU_S);
        assert_int_equal(l->hangup_count, is_let_in);
        lab_end(l);
    }
}

static void an_authorisation_ends_in_time(void **state)
{
    (void)state;
    lab *l = lab_started();
    char line[PU_PEER_ID_TEXT_MAX + 64];
    size_t len = pu_peer_id_text(&l->id[1], PU_PEER_BASE58, line);
    len += (size_t)snprintf(line + len, 64, " expires=2027-01-15T08:00:10Z");
    lab_connect(l, 1, 0, 0);
    lab_step(short_of(l, 1), (pu_in){.kind = PU_IN_COMMAND,
                                     .what = PU_CMD_AUTHORISE,
                                     .token = 1,
                                     .body = span_of(line, len)});
    assert_true(l->heap.asked >= l->heap.fail_at); /* it was the timer */
    short_of(l, 0);
    lab_pass(l, 9 * PU_S);
    assert_int_equal(l->hangup_count, 0);
    lab_pass(l, 2 * PU_S);
    assert_int_equal(l->hangup_count, 1);
    assert_int_equal(l->hangups[0].code, PU_CODE_GATED);
    lab_end(l);
}

static uint32_t answers_to(const lab *l, pu_token command)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < l->event_count; i++)
        done += l->events[i].what == PU_EVENT_DONE && l->events[i].token == command;
    return done;
}

/* The host does not answer the STREAM_OPEN of a PING. */
static void a_stream_is_opened_in_time_or_not_at_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 24 * NTH_MAX; i++) {
        unsigned others = i / NTH_MAX; /* connections before it, with one timer and with two */
        lab *l = lab_started();
        if (others % 2 == 1) lab_connect(l, 4, 0, 0);
        for (unsigned k = 0; k < others / 2; k++) lab_connect(l, 3, PU_DIALLER, 0);
        lab_connect(l, 1, 0, 0);
        pu_in in = {.kind = PU_IN_COMMAND, .what = PU_CMD_PING, .token = 77};
        in.peer = lab_id(l, 1);
        lab_step(short_of(l, 1 + i % NTH_MAX), in);
        short_of(l, 0);
        lab_pass(l, l->config.select_ns + 2 * PU_S);
        assert_int_equal(answers_to(l, 77), 1);
        lab_end(l);
    }
}

static void a_command_is_answered_in_time(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= NTH_MAX; nth++) {
        lab *l = lab_started();
        lab_address(l, 1, 0);
        pu_in in = {.kind = PU_IN_COMMAND, .what = PU_CMD_CONNECT, .token = 77};
        in.peer = lab_id(l, 1);
        lab_step(short_of(l, nth), in);
        short_of(l, 0);
        lab_pass(l, 32 * PU_S);
        assert_int_equal(answers_to(l, 77), 1);
        lab_end(l);
    }
}

int limits_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_wait_in_scopes),
        cmocka_unit_test(bytes_of_nobody_wait_in_a_scope_of_their_own),
        cmocka_unit_test(readers_tell_the_fullest),
        cmocka_unit_test(selection_has_an_absolute_deadline),
        cmocka_unit_test(nobody_reads_our_echo),
        cmocka_unit_test(lower_limits_leave_what_is_there),
        cmocka_unit_test(an_address_is_full_for_those_who_move_there),
        cmocka_unit_test(a_stream_before_its_connection_is_refused),
        cmocka_unit_test(a_stream_is_selected_in_time_or_not_at_all),
        cmocka_unit_test(a_handshake_is_over_in_time),
        cmocka_unit_test(an_authorisation_ends_in_time),
        cmocka_unit_test(a_stream_is_opened_in_time_or_not_at_all),
        cmocka_unit_test(a_command_is_answered_in_time),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
