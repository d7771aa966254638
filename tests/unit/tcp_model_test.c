/* The model of TCP: two hosts and a network of the test that delays, loses, reorders and repeats
 * segments. What must hold whatever it does: bytes arrive once, in order, within credit; every end
 * is told once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "sim/mem.h"
#include "sim/tcp_model/tcp_model.h"
#include "tests/lib/plain_heap.h"

int tcp_model_test(void);

enum { PORT = 4001, FIRST_ROOM = 65536, FLIGHT_MAX = 4096 };

typedef struct side {
    struct rig *rig;
    uint8_t seed[32]; /* kept by t */
    tcp_model *t;
    pu_endpoint address;
    uint64_t handle;
    unsigned ups, downs;
    uint32_t up_token, down_token, down_code;
    uint64_t received, room, sent;
    uint64_t granted; /* of what it may receive */
    bool fin;
    bool is_cut; /* what it sends is lost */
    bool is_due; /* ICMP is on its way to it */
    pu_endpoint due_remote;
    uint16_t due_port;
} side;

typedef struct segment {
    pu_time at;
    uint64_t order;
    side *to;
    uint16_t port;
    pu_endpoint from;
    size_t len;
    uint8_t bytes[TCP_HEADER_BYTES + TCP_MSS];
} segment;

typedef struct rig {
    side a, b;
    pu_time now;
    uint8_t seed[32];
    rng random;
    uint32_t loss_percent, repeat_percent;
    uint64_t delay_ns, jitter_ns;
    uint32_t mtu; /* 0: no limit */
    bool is_silent;
    uint64_t too_big;
    uint64_t order;
    segment *flight[FLIGHT_MAX];
    unsigned count;
    uint64_t segments;
} rig;

/* The byte of a stream at an offset. */
static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 253 + (offset >> 16));
}

static void on_up(void *ctx, uint64_t handle, uint32_t token, const pu_endpoint *local,
                  const pu_endpoint *remote)
{
    side *s = ctx;
    assert_true(local->port != 0 && remote->port != 0);
    s->ups++;
    s->handle = handle;
    s->up_token = token;
    s->room = FIRST_ROOM;
    s->granted = FIRST_ROOM;
}

static void on_data(void *ctx, uint64_t handle, pu_span bytes, bool fin)
{
    side *s = ctx;
    assert_true(handle == s->handle && !s->fin);
    for (size_t i = 0; i < bytes.len; i++)
        assert_int_equal(bytes.base[i], byte_at(s->received + i));
    s->received += bytes.len;
    assert_true(s->received <= s->granted);
    s->fin = fin;
}

static void on_room(void *ctx, uint64_t handle, uint64_t offset)
{
    side *s = ctx;
    assert_true(handle == s->handle && offset > s->room);
    s->room = offset;
}

static void on_down(void *ctx, uint64_t handle, uint32_t token, uint32_t code)
{
    side *s = ctx;
    (void)handle;
    s->downs++;
    s->down_token = token;
    s->down_code = code;
}

static uint64_t draw(rig *r, uint64_t below)
{
    uint8_t bytes[8];
    rng_bytes(&r->random, bytes, sizeof bytes);
    return load_le64(bytes) % below;
}

static void put_segment(rig *r, side *from, side *to, uint16_t source, const pu_endpoint *dest,
                        pu_span bytes)
{
    assert_true(r->count < FLIGHT_MAX);
    segment *s = malloc(sizeof *s);
    *s = (segment){.at = r->now + r->delay_ns + (r->jitter_ns > 0 ? draw(r, r->jitter_ns) : 0),
                   .order = r->order++,
                   .to = to,
                   .port = dest->port,
                   .from = from->address,
                   .len = bytes.len};
    s->from.port = source;
    memcpy(s->bytes, bytes.base, bytes.len);
    r->flight[r->count++] = s;
    r->segments++;
}

static void on_send(void *ctx, uint16_t port, const pu_endpoint *to, pu_span bytes,
                    enum net_carriage carriage)
{
    side *from = ctx;
    rig *r = from->rig;
    bool opens = (bytes.base[0] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    assert_int_equal(carriage, opens ? NET_TCP_SYN : NET_TCP);
    if (r->mtu > 0 && bytes.len + NET_TCP_HEADER_BYTES > r->mtu) {
        r->too_big++;
        from->is_due = !r->is_silent;
        from->due_port = port;
        from->due_remote = *to;
        return;
    }
    if (from->is_cut || draw(r, 100) < r->loss_percent) return;
    side *other = from == &r->a ? &r->b : &r->a;
    put_segment(r, from, other, port, to, bytes);
    if (draw(r, 100) < r->repeat_percent) put_segment(r, from, other, port, to, bytes);
}

static pu_endpoint on_local(void *ctx, const pu_endpoint *remote)
{
    (void)remote;
    return ((side *)ctx)->address;
}

static void side_open(side *s, rig *r, uint8_t last, tcp_model_host *host, uint64_t seed)
{
    *s = (side){.rig = r, .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 8, [15] = last}}};
    *host = (tcp_model_host){s, &plain_heap, on_up, on_data, on_room, on_down, on_send, on_local};
    s->seed[0] = last;
    store_le64(s->seed + 8, seed);
    s->t = tcp_model_new(PORT, FIRST_ROOM, host, s->seed);
}

static void rig_open(rig *r, uint64_t seed)
{
    static tcp_model_host hosts[2];
    memset(r, 0, sizeof *r);
    store_le64(r->seed, seed);
    rng_init(&r->random, r->seed, 9);
    r->delay_ns = 20 * PU_MS;
    side_open(&r->a, r, 1, &hosts[0], seed);
    side_open(&r->b, r, 2, &hosts[1], seed);
}

static void rig_close(rig *r)
{
    tcp_model_free(r->a.t);
    tcp_model_free(r->b.t);
    for (unsigned i = 0; i < r->count; i++) free(r->flight[i]);
}

static pu_time least(pu_time a, pu_time b)
{
    return a < b ? a : b;
}

static void tell_too_big(rig *r, side *s)
{
    if (!s->is_due) return;
    s->is_due = false;
    tcp_model_too_big(s->t, r->now, s->due_port, &s->due_remote, r->mtu);
}

/* The next event: a segment, or a timer. False: nothing will ever happen, or not before `until`. */
static bool turn(rig *r, pu_time until)
{
    tell_too_big(r, &r->a);
    tell_too_big(r, &r->b);
    pu_time at = least(tcp_model_deadline(r->a.t), tcp_model_deadline(r->b.t));
    unsigned first = r->count;
    for (unsigned i = 0; i < r->count; i++) {
        const segment *s = r->flight[i], *best = first < r->count ? r->flight[first] : NULL;
        if (best == NULL || s->at < best->at || (s->at == best->at && s->order < best->order))
            first = i;
    }
    bool is_segment = first < r->count && r->flight[first]->at <= at;
    if (is_segment) at = r->flight[first]->at;
    if (at == PU_NEVER || at > until) return false;
    if (at > r->now) r->now = at;
    if (!is_segment) {
        tcp_model_tick(r->a.t, r->now);
        tcp_model_tick(r->b.t, r->now);
        return true;
    }
    segment *s = r->flight[first];
    r->flight[first] = r->flight[--r->count];
    tcp_model_segment(s->to->t, r->now, s->port, &s->from, (pu_span){s->bytes, s->len});
    free(s);
    return true;
}

static void dial(rig *r, side *from, side *to, uint16_t local_port, uint32_t token)
{
    tcp_model_target target = {.token = token,
                               .local_port = local_port,
                               .remote = to->address,
                               .deadline = r->now + 30 * PU_S};
    target.remote.port = PORT;
    tcp_model_dial(from->t, r->now, &target);
}

static void connect_both(rig *r)
{
    dial(r, &r->a, &r->b, 0, 7);
    while (r->a.ups + r->b.ups < 2) assert_true(turn(r, 60 * PU_S));
    assert_int_equal(r->a.up_token, 7);
    assert_int_equal(r->b.up_token, 0);
}

/* Sends what room allows, at most `chunk`; fin behind the last byte. */
static void send_some(rig *r, side *s, uint64_t total, uint64_t chunk)
{
    uint8_t bytes[65536];
    uint64_t len = least(least(s->room - s->sent, total - s->sent), least(chunk, sizeof bytes));
    if (len == 0) return;
    for (uint64_t i = 0; i < len; i++) bytes[i] = byte_at(s->sent + i);
    s->sent += len;
    tcp_model_send(s->t, r->now, s->handle, (pu_span){bytes, (size_t)len}, s->sent == total);
}

static void a_connection_takes_one_round_trip(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1);
    connect_both(&r);
    assert_int_equal(r.now, 60 * PU_MS); /* the dialler at 40, the listener at 60 */
    send_some(&r, &r.a, 100, 100);
    while (!r.b.fin) assert_true(turn(&r, PU_S));
    assert_int_equal(r.b.received, 100);
    send_some(&r, &r.b, 50, 50); /* after the other side has said FIN */
    while (!r.a.fin) assert_true(turn(&r, PU_S));
    assert_int_equal(r.a.received, 50);
    tcp_model_close(r.a.t, r.now, r.a.handle, false);
    tcp_model_close(r.b.t, r.now, r.b.handle, false);
    while (turn(&r, 10 * PU_S)) {}
    assert_int_equal(r.a.downs + r.b.downs, 0);
    assert_int_equal(tcp_model_deadline(r.a.t), PU_NEVER);
    assert_int_equal(tcp_model_deadline(r.b.t), PU_NEVER);
    rig_close(&r);
}

/* Both directions at once through a network that does everything it may. */
static void bytes_survive(uint64_t seed, uint32_t loss, uint32_t repeat, uint64_t jitter_ns)
{
    enum { TOTAL = 300000 };
    rig r;
    rig_open(&r, seed);
    r.loss_percent = loss;
    r.repeat_percent = repeat;
    r.jitter_ns = jitter_ns;
    connect_both(&r);
    while (!r.a.fin || !r.b.fin) {
        side *both[] = {&r.a, &r.b};
        for (unsigned i = 0; i < 2; i++) {
            side *s = both[i];
            send_some(&r, s, TOTAL, 1 + draw(&r, 20000));
            if (s->received == s->granted)
                tcp_model_room(s->t, r.now, s->handle, s->granted += 50000);
        }
        if (r.a.downs + r.b.downs > 0 || !turn(&r, 600 * PU_S)) break;
    }
    assert_int_equal(r.a.downs + r.b.downs, 0);
    assert_int_equal(r.a.received, TOTAL);
    assert_int_equal(r.b.received, TOTAL);
    rig_close(&r);
}

static void bytes_survive_loss_reordering_and_repetition(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        bytes_survive(seed, 0, 0, 0);
        bytes_survive(seed, 5, 0, 0);
        bytes_survive(seed, 10, 10, 30 * PU_MS);
    }
}

/* When all of 100,000 bytes have come over a path of that MTU. */
static pu_time over_mtu(uint32_t mtu, bool is_silent, uint64_t *too_big)
{
    enum { TOTAL = 100000 };
    rig r;
    rig_open(&r, 8);
    connect_both(&r);
    r.mtu = mtu;
    r.is_silent = is_silent;
    while (!r.b.fin && r.a.downs == 0) {
        send_some(&r, &r.a, TOTAL, 65536);
        if (r.b.received == r.b.granted)
            tcp_model_room(r.b.t, r.now, r.b.handle, r.b.granted += 50000);
        if (!turn(&r, 600 * PU_S)) break;
    }
    assert_int_equal(r.a.downs, 0);
    assert_int_equal(r.b.received, TOTAL);
    *too_big = r.too_big;
    pu_time took = r.now;
    rig_close(&r);
    return took;
}

static void a_path_that_tells_its_mtu_costs_little(void **state)
{
    (void)state;
    uint64_t too_big;
    pu_time plain = over_mtu(0, false, &too_big);
    assert_int_equal(too_big, 0);
    pu_time told = over_mtu(1400, false, &too_big);
    assert_true(too_big > 0 && too_big <= 10); /* the first window */
    assert_true(told <= plain + 200 * PU_MS);
    told = over_mtu(552, false, &too_big);
    assert_true(too_big > 0 && too_big <= 10);
    assert_true(told <= plain + 1 * PU_S);
}

/* Three time-outs until it is suspected: 1.4 s at least after the first, which is 0.2 s at least.
 */
static void a_black_hole_is_survived(void **state)
{
    (void)state;
    uint64_t too_big;
    pu_time took = over_mtu(1300, true, &too_big);
    assert_in_range(took, 1400 * PU_MS, 4 * PU_S);
    took = over_mtu(600, true, &too_big);
    assert_in_range(took, 2 * PU_S, 20 * PU_S); /* 1,012 bytes do not pass, 506 do */
}

static void lies_about_the_mtu_are_bounded(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 9);
    connect_both(&r);
    pu_endpoint remote = r.b.address;
    remote.port = PORT;
    uint64_t before = r.segments;
    tcp_model_too_big(r.a.t, r.now, TCP_EPHEMERAL_FIRST, &remote, 68);
    tcp_model_too_big(r.a.t, r.now, TCP_EPHEMERAL_FIRST, &remote, 1600); /* not longer again */
    tcp_model_too_big(r.a.t, r.now, 9, &remote, 600);                    /* nobody's */
    assert_int_equal(r.segments, before);
    send_some(&r, &r.a, 5000, 5000);
    while (!r.b.fin) assert_true(turn(&r, PU_S));
    assert_int_equal(r.segments - before, 10 + 5); /* of 500 bytes; every second one is answered */
    rig_close(&r);
}

static void both_may_call_at_once(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 3);
    dial(&r, &r.a, &r.b, PORT, 1);
    dial(&r, &r.b, &r.a, PORT, 2);
    while (r.a.ups + r.b.ups < 2) assert_true(turn(&r, 10 * PU_S));
    while (turn(&r, r.now + PU_S)) {}
    assert_int_equal(r.a.ups, 1); /* one connection, and both dialled it */
    assert_int_equal(r.b.ups, 1);
    assert_int_equal(r.a.up_token, 1);
    assert_int_equal(r.b.up_token, 2);
    send_some(&r, &r.a, 10, 10);
    send_some(&r, &r.b, 10, 10);
    while (!r.a.fin || !r.b.fin) assert_true(turn(&r, r.now + PU_S));
    rig_close(&r);
}

static void dials_fail_with_a_reason(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 4);
    tcp_model_target closed = {.token = 5, .remote = r.b.address, .deadline = 30 * PU_S};
    closed.remote.port = PORT + 1;
    tcp_model_dial(r.a.t, 0, &closed);
    while (r.a.downs == 0) assert_true(turn(&r, PU_S));
    assert_int_equal(r.a.down_token, 5);
    assert_int_equal(r.a.down_code, PU_CODE_REFUSED);
    assert_int_equal(r.now, 40 * PU_MS);
    r.b.is_cut = true;
    dial(&r, &r.a, &r.b, 0, 6);
    while (r.a.downs == 1) assert_true(turn(&r, 60 * PU_S));
    assert_int_equal(r.a.down_token, 6);
    assert_int_equal(r.a.down_code, PU_CODE_TIMEOUT);
    assert_in_range(r.now, 30 * PU_S, 31 * PU_S);
    rig_close(&r);
}

/* The network's word that a SYN was not taken counts when it quotes the SYN under way. */
static void refusals_quote_what_they_refuse(void **state)
{
    (void)state;
    for (int is_segment = 0; is_segment < 2; is_segment++) {
        rig r;
        rig_open(&r, 11);
        r.delay_ns = PU_S;
        dial(&r, &r.a, &r.b, PORT, 1);
        assert_true(turn(&r, PU_S)); /* it is sent */
        pu_endpoint at = r.b.address;
        at.port = PORT;
        uint8_t syn[TCP_HEADER_BYTES];
        memcpy(syn, r.flight[0]->bytes, sizeof syn);
        pu_span quote = {syn, sizeof syn};
        syn[7] ^= 1;
        tcp_model_refused(r.a.t, r.now, PORT, &at, quote, is_segment == 1);
        syn[7] ^= 1;
        tcp_model_refused(r.a.t, r.now, PORT + 1, &at, quote, is_segment == 1);
        tcp_model_refused(r.a.t, r.now, PORT, &at, (pu_span){syn, 4}, is_segment == 1);
        assert_true(tcp_model_deadline(r.a.t) > r.now);
        tcp_model_refused(r.a.t, r.now, PORT, &at, quote, is_segment == 1);
        while (r.a.downs == 0) assert_true(turn(&r, r.now + PU_MS));
        assert_int_equal(r.a.down_code, PU_CODE_REFUSED);
        rig_close(&r);
    }
}

/* Both have called: an error still ends the call, a reset comes too late. */
static void refusals_of_calls_that_cross(void **state)
{
    (void)state;
    for (int is_segment = 0; is_segment < 2; is_segment++) {
        rig r;
        rig_open(&r, 12);
        dial(&r, &r.a, &r.b, PORT, 1);
        dial(&r, &r.b, &r.a, PORT, 2);
        while (r.count < 2) assert_true(turn(&r, PU_MS));
        uint8_t syn[TCP_HEADER_BYTES];
        memcpy(syn, r.flight[r.flight[0]->to == &r.b ? 0 : 1]->bytes, sizeof syn);
        while (turn(&r, r.delay_ns + PU_MS)) {} /* each has heard the other's SYN */
        pu_endpoint at = r.b.address;
        at.port = PORT;
        tcp_model_refused(r.a.t, r.now, PORT, &at, (pu_span){syn, sizeof syn}, is_segment == 1);
        while (r.a.downs + r.a.ups == 0) assert_true(turn(&r, r.now + PU_S));
        assert_int_equal(r.a.downs, is_segment == 0);
        rig_close(&r);
    }
}

static void ends_are_told_once(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 5);
    connect_both(&r);
    tcp_model_close(r.a.t, r.now, r.a.handle, true);
    while (r.b.downs == 0) assert_true(turn(&r, r.now + PU_S));
    assert_int_equal(r.b.down_code, PU_CODE_LOST);
    while (turn(&r, r.now + 100 * PU_S)) {}
    assert_int_equal(r.a.downs, 0);
    assert_int_equal(r.b.downs, 1);
    rig_close(&r);

    rig_open(&r, 6);
    connect_both(&r);
    r.b.is_cut = true;
    send_some(&r, &r.a, 10, 10);
    while (r.a.downs == 0) assert_true(turn(&r, 3600 * PU_S)); /* nobody acknowledges */
    assert_int_equal(r.a.down_code, PU_CODE_TIMEOUT);
    rig_close(&r);
}

/* What comes a second time after the owner has closed was read before: no reason for a reset, which
 * would take the owner's last words with it. */
static void repeated_bytes_do_not_reset_what_is_closed(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 9);
    connect_both(&r);
    send_some(&r, &r.a, 1000, 100); /* no FIN */
    r.b.is_cut = true;              /* nor its acknowledgement, nor what follows */
    while (turn(&r, r.now + 100 * PU_MS) && r.b.received < 100) {}
    assert_int_equal(r.b.received, 100);
    send_some(&r, &r.b, 50, 50);
    tcp_model_close(r.b.t, r.now, r.b.handle, false);
    while (turn(&r, 190 * PU_MS)) {}
    r.b.is_cut = false;
    while (!r.a.fin && r.a.downs == 0 && turn(&r, r.now + 10 * PU_S)) {}
    assert_int_equal(r.a.received, 50);
    assert_int_equal(r.a.downs, 0);
    assert_true(r.a.fin);
    rig_close(&r);
}

/* A reader that takes nothing stops the sender; one that goes on starts it again. */
static void a_full_window_opens_again(void **state)
{
    enum { TOTAL = FIRST_ROOM + 3 * TCP_READ_BUFFER };
    (void)state;
    rig r;
    rig_open(&r, 7);
    r.loss_percent = 20;
    connect_both(&r);
    pu_time until = r.now + 120 * PU_S;
    do send_some(&r, &r.a, TOTAL, UINT64_MAX);
    while (turn(&r, until));
    assert_int_equal(r.b.received, FIRST_ROOM);
    assert_true(r.a.sent <= FIRST_ROOM + TCP_READ_BUFFER + TCP_SEND_BUFFER);
    tcp_model_room(r.b.t, r.now, r.b.handle, r.b.granted = TOTAL);
    do send_some(&r, &r.a, TOTAL, UINT64_MAX);
    while (!r.b.fin && turn(&r, 3600 * PU_S));
    assert_int_equal(r.b.received, TOTAL);
    rig_close(&r);
}

/* RFC 9293 section 3.8.6.1: while probes of a closed window are answered, the connection stays. */
static void a_closed_window_is_no_death(void **state)
{
    enum { TOTAL = FIRST_ROOM + 2 * TCP_READ_BUFFER };
    (void)state;
    rig r;
    rig_open(&r, 9);
    connect_both(&r);
    pu_time until = r.now + 3600 * PU_S;
    do send_some(&r, &r.a, TOTAL, UINT64_MAX);
    while (turn(&r, until));
    assert_int_equal(r.a.downs + r.b.downs, 0);
    tcp_model_room(r.b.t, r.now, r.b.handle, r.b.granted = TOTAL);
    do send_some(&r, &r.a, TOTAL, UINT64_MAX);
    while (!r.b.fin && turn(&r, 7200 * PU_S));
    assert_int_equal(r.b.received, TOTAL);
    rig_close(&r);
}

/* A host that has another address sends nothing from the old one, and does not try for ever in the
 * same instant. */
static void a_lost_address_is_silent(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 10);
    connect_both(&r);
    send_some(&r, &r.b, 50000, UINT64_MAX);
    while (r.a.received < 10000) assert_true(turn(&r, r.now + PU_S));
    r.a.address.ip[15] = 77;
    unsigned turns = 0;
    while (turn(&r, r.now + 600 * PU_S)) assert_true(++turns < 1000);
    assert_int_equal(r.b.downs, 1); /* nothing is acknowledged */
    rig_close(&r);
}

/* Whatever arrives, nothing breaks, and nobody is told of a connection that was not made. */
static void strangers_bytes_do_nothing(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 8);
    connect_both(&r);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        rng_bytes(&r.random, bytes, sizeof bytes);
        if (i % 2 == 0) bytes[0] &= (uint8_t)~TCP_RST;
        pu_endpoint from = r.a.address;
        from.port = i % 3 == 0 ? TCP_EPHEMERAL_FIRST : (uint16_t)(1 + i);
        r.b.is_cut = true; /* its answers go nowhere */
        size_t len = draw(&r, sizeof bytes + 1);
        bool may_belong = from.port == TCP_EPHEMERAL_FIRST && len > TCP_HEADER_BYTES;
        if (may_belong) bytes[4] ^= 0x40; /* not in the window */
        tcp_model_segment(r.b.t, r.now, PORT, &from, (pu_span){bytes, len});
    }
    while (turn(&r, r.now + 300 * PU_S)) {}
    assert_int_equal(r.b.ups, 1);
    rig_close(&r);
}

int tcp_model_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_takes_one_round_trip),
        cmocka_unit_test(bytes_survive_loss_reordering_and_repetition),
        cmocka_unit_test(a_path_that_tells_its_mtu_costs_little),
        cmocka_unit_test(a_black_hole_is_survived),
        cmocka_unit_test(lies_about_the_mtu_are_bounded),
        cmocka_unit_test(both_may_call_at_once),
        cmocka_unit_test(dials_fail_with_a_reason),
        cmocka_unit_test(refusals_quote_what_they_refuse),
        cmocka_unit_test(refusals_of_calls_that_cross),
        cmocka_unit_test(ends_are_told_once),
        cmocka_unit_test(repeated_bytes_do_not_reset_what_is_closed),
        cmocka_unit_test(a_full_window_opens_again),
        cmocka_unit_test(a_closed_window_is_no_death),
        cmocka_unit_test(a_lost_address_is_silent),
        cmocka_unit_test(strangers_bytes_do_nothing),
    };
    return cmocka_run_group_tests_name("tcp_model", tests, NULL, NULL);
}
