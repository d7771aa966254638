/* names_test.c - the bounds of looking up names: how deep, how many, how many at once; and lives of
 * services, application streams and names in which each request for memory is refused in turn. */
#include "tests/unit/lab.h"

int names_test(void);

static void put_maddr(pu_buf *b, const char *text)
{
    uint8_t bytes[PU_MADDR_MAX];
    size_t len;
    assert_int_equal(pu_maddr_parse(bytes, sizeof bytes, &len, span_of(text, strlen(text)), NULL),
                     PU_OK);
    varint_put(b, len);
    buf_put(b, bytes, len);
}

/* The text and /p2p/ID of peer, after its length. */
static void put_of_peer(const lab *l, pu_buf *b, const char *text, int peer)
{
    char whole[512], id[PU_PEER_ID_TEXT_MAX];
    pu_peer_id_text(&l->id[peer], PU_PEER_BASE58, id);
    snprintf(whole, sizeof whole, "%s/p2p/%s", text, id);
    put_maddr(b, whole);
}

static int command(lab *l, enum pu_command what, int peer, pu_span body)
{
    return lab_try(l, (pu_in){.kind = PU_IN_COMMAND,
                              .what = what,
                              .token = 7,
                              .peer = peer > 0 ? lab_id(l, peer) : span_of(NULL, 0),
                              .body = body});
}

static void address(lab *l, const char *text, int peer)
{
    uint8_t bytes[1024];
    pu_buf b = buf_of(bytes, sizeof bytes);
    put_of_peer(l, &b, text, peer);
    pu_span maddr = buf_span(&b);
    uint64_t len;
    assert_int_equal(varint_get(&maddr, &len), VARINT_OK);
    assert_int_equal(command(l, PU_CMD_ADDRESS, 0, maddr), PU_OK);
}

static int answer(lab *l, uint32_t which, pu_span body)
{
    assert_true(which < l->resolve_count);
    return lab_try(
        l, (pu_in){.kind = PU_IN_RESOLVED, .token = l->resolves[which].token, .body = body});
}

static lab *lab_asking(const char *text)
{
    lab *l = lab_started();
    address(l, text, 1);
    assert_int_equal(command(l, PU_CMD_CONNECT, 1, span_of(NULL, 0)), PU_OK);
    assert_int_equal(l->resolve_count, 1);
    return l;
}

static void names_lead_to_names_only_so_far(void **state)
{
    (void)state;
    lab *l = lab_asking("/dnsaddr/a.example");
    for (uint32_t depth = 1; depth < 40 && l->resolve_count == depth; depth++) {
        uint8_t bytes[256];
        pu_buf b = buf_of(bytes, sizeof bytes);
        put_of_peer(l, &b, "/dnsaddr/a.example", 1);
        assert_int_equal(answer(l, depth - 1, buf_span(&b)), PU_OK);
    }
    assert_int_equal(l->resolve_count, 32);
    assert_int_equal(l->traced[PU_TR_LIMITED], 1);
    assert_int_equal(l->events[l->event_count - 1].code, PU_CODE_NO_ADDRESS);
    lab_end(l);
}

static void only_so_many_are_taken_of_all_answers(void **state)
{
    (void)state;
    static uint8_t bytes[PU_RESOLVED_BYTES_MAX + 1];
    lab *l = lab_asking("/dnsaddr/a.example");
    pu_buf b = buf_of(bytes, sizeof bytes);
    put_of_peer(l, &b, "/dns4/b.example/udp/4001/quic-v1", 1);
    for (int i = 0; i < 150; i++) {
        char text[64];
        snprintf(text, sizeof text, "/ip4/11.0.1.%d/udp/4001/quic-v1", i + 1);
        put_of_peer(l, &b, text, 1);
    }
    assert_int_equal(answer(l, 0, buf_span(&b)), PU_OK);
    assert_int_equal(l->resolve_count, 2);
    b.len = 0;
    put_maddr(&b, "/ip4/11.0.2.1");
    assert_int_equal(answer(l, 1, buf_span(&b)), PU_OK);
    assert_int_equal(l->traced[PU_TR_NAME_FOUND], 1);
    assert_int_equal(l->traced_a[PU_TR_NAME_FOUND], PU_RESOLVED_MAX - 1); /* one was a name */
    lab_pass(l, 14 * PU_S);
    assert_int_equal(l->dial_count, l->config.dial_legs_max);
    assert_int_equal(answer(l, 1, span_of(bytes, sizeof bytes)), PU_ERANGE);
    lab_end(l);
}

static void only_so_many_are_asked_at_once(void **state)
{
    (void)state;
    static uint8_t bytes[PU_RESOLVED_BYTES_MAX];
    lab *l = lab_asking("/dnsaddr/a.example");
    pu_buf b = buf_of(bytes, sizeof bytes);
    for (int i = 0; i < 99; i++) {
        char text[64];
        snprintf(text, sizeof text, "/dns6/b%d.example/udp/4001/quic-v1", i);
        put_of_peer(l, &b, text, 1);
    }
    assert_int_equal(answer(l, 0, buf_span(&b)), PU_OK);
    assert_int_equal(l->resolve_count, 1 + 64);
    assert_int_equal(l->traced[PU_TR_LIMITED], 99 - 64);
    assert_int_equal(l->resolves[1].what, PU_NAME_ADDRESS6);
    lab_pass(l, 10 * PU_S); /* all are given up: nothing is answered any more */
    assert_int_equal(l->events[l->event_count - 1].code, PU_CODE_TIMEOUT);
    b.len = 0;
    put_maddr(&b, "/ip6/2a00::1");
    assert_int_equal(answer(l, 5, buf_span(&b)), PU_OK);
    assert_int_equal(l->dial_count, 0);
    assert_int_equal(command(l, PU_CMD_CONNECT, 1, span_of(NULL, 0)), PU_OK);
    assert_int_equal(l->resolve_count, 1 + 64 + 1);
    lab_end(l);
}

static void a_peer_has_few_names(void **state)
{
    (void)state;
    lab *l = lab_started();
    for (int i = 0; i < 10; i++) {
        char text[64];
        snprintf(text, sizeof text, "/dns4/b%d.example/tcp/4001", i);
        address(l, text, 1);
        uint32_t code = l->events[l->event_count - 1].code;
        assert_int_equal(code, i < 8 ? PU_CODE_OK : PU_CODE_RESOURCE);
    }
    pu_peer_row row = {0};
    uint32_t cursor = 0;
    assert_true(pu_node_read_peers(l->node, &cursor, &row));
    assert_int_equal(row.addrs, 8);
    lab_end(l);
}

/* ---- without memory ---- */

static void app(lab *l, enum pu_app what, pu_handle stream, uint64_t offset, pu_span body)
{
    int err = lab_try(l, (pu_in){.kind = PU_IN_APP,
                                 .what = what,
                                 .stream = stream,
                                 .token = stream == 0 ? 5 : 0,
                                 .peer = stream == 0 ? lab_id(l, 1) : span_of(NULL, 0),
                                 .offset = offset,
                                 .body = body});
    assert_true(err == PU_OK || err == PU_EHANDLE); /* what was shed is gone */
}

/* The peer opens a stream and selects; what it cannot open is reset. */
static lab_stream *try_open(lab *l, pu_handle conn, const char *proto)
{
    uint8_t bytes[128];
    pu_buf b = buf_of(bytes, sizeof bytes);
    lab_stream *s = lab_stream_new(l, conn, proto);
    lab_put_select(&b, proto);
    lab_step(
        l, (pu_in){.kind = PU_IN_STREAM_UP, .conn = conn, .stream = s->handle, .offset = 1 << 20});
    if (!s->is_reset) lab_give(l, s, buf_span(&b), false);
    return s;
}

/* Names, a service, a stream of the peer's and one of ours. Whatever was shed, nothing may break,
 * and the end must find everything given back. Returns how much was asked for. */
static unsigned live_without(unsigned fail_at)
{
    static const uint8_t bytes[3000];
    uint8_t body[512];
    lab *l = lab_started();
    pu_handle conn = lab_connect(l, 1, 0, 0);
    unsigned before = l->heap.asked;
    l->heap.fail_at = fail_at > 0 ? before + fail_at : 0;
    pu_service service = {.name = SPAN_LITERAL("x"), .protocol_count = 2};
    service.protocols[0] = SPAN_LITERAL("/x");
    service.protocols[1] = SPAN_LITERAL("/y");
    size_t len = pu_service_write(body, sizeof body, &service);
    command(l, PU_CMD_EXPOSE, 0, span_of(body, len));
    address(l, "/dnsaddr/a.example", 2);
    address(l, "/dns4/b.example/udp/4001/quic-v1", 2);
    command(l, PU_CMD_CONNECT, 2, span_of(NULL, 0));
    for (uint32_t i = 0; i < l->resolve_count; i++) {
        pu_buf b = buf_of(body, sizeof body);
        if (i == 0) put_of_peer(l, &b, "/dns4/c.example/udp/4001/quic-v1", 2);
        put_maddr(&b, "/ip4/11.0.1.1");
        put_maddr(&b, "/ip4/11.0.1.2");
        answer(l, i, buf_span(&b));
    }
    lab_stream *s = try_open(l, conn, "/x");
    if (!s->is_reset) lab_give(l, s, span_of(bytes, sizeof bytes), false);
    app(l, PU_APP_OPEN, s->handle, 1 << 16, span_of(NULL, 0));
    app(l, PU_APP_DATA, s->handle, 0, span_of(bytes, sizeof bytes));
    app(l, PU_APP_OPEN, 0, 1 << 16, SPAN_LITERAL("/z"));
    lab_stream *ours = lab_accept_proto(l, conn, "/z");
    if (ours != NULL) app(l, PU_APP_DATA, ours->handle, 0, span_of(bytes, 100));
    command(l, PU_CMD_WITHDRAW, 0, SPAN_LITERAL("x"));
    lab_pass(l, 40 * PU_S);
    command(l, PU_CMD_FORGET, 2, span_of(NULL, 0));
    unsigned asked = l->heap.asked - before;
    lab_end(l);
    return asked;
}

static void each_request_for_memory_may_be_refused(void **state)
{
    (void)state;
    unsigned asked = live_without(0);
    assert_true(asked > 20);
    for (unsigned k = 1; k <= asked + 5; k++) (void)live_without(k);
}

int names_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_names_only_so_far),
        cmocka_unit_test(only_so_many_are_taken_of_all_answers),
        cmocka_unit_test(only_so_many_are_asked_at_once),
        cmocka_unit_test(a_peer_has_few_names),
        cmocka_unit_test(each_request_for_memory_may_be_refused),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
