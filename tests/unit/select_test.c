/* select_test.c - multistream-select against captured conversations, in every segmentation, and
 * against hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/varint.h"
#include "select/select.h"
#include "tests/unit/hex.h"

int select_test(void);

/* captured from js-libp2p 3.3.11: a dialler's header and proposal of /ipfs/id/1.0.0, which are also
 * a listener's header and echo */
static const char js_identify[] = "132f6d756c746973747265616d2f312e302e300a"
                                  "0f2f697066732f69642f312e302e300a";

/* captured from js-libp2p 3.3.11: a listener's header and echo of /plaintext/2.0.0, and at once the
 * first message */
static const char js_plaintext[] =
    "132f6d756c746973747265616d2f312e302e300a112f706c61696e746578742f322e302e300a"
    "4e0a26002408011220ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c"
    "122408011220ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c";

static const char header[] = "132f6d756c746973747265616d2f312e302e300a";

#define IDENTIFY SPAN_LITERAL("/ipfs/id/1.0.0")
#define PLAINTEXT SPAN_LITERAL("/plaintext/2.0.0")
#define NA SPAN_LITERAL("\x03na\n")

enum {
    ROOM = SELECT_MESSAGE_MAX + 64, /* what a listener must be given for one call */
    OUT_CAP = ROOM + 64             /* for tests that collect the answers of several calls */
};

/* Lengths of names that the listener offers beside the real ones, and of one that it does not. */
enum { UNKNOWN_LEN = 1, KNOWN_LEN = 300, LONG_LEN = 900, LONGEST_LEN = SELECT_MESSAGE_MAX - 1 };

/* What the listener of these tests offers. */
static int find_offer(const void *ctx, pu_span name)
{
    (void)ctx;
    if (span_equal(name, SPAN_LITERAL("/yamux/1.0.0"))) return 0;
    if (span_equal(name, IDENTIFY)) return 3;
    if (span_equal(name, PLAINTEXT)) return 4;
    return name.len == KNOWN_LEN || name.len == LONG_LEN || name.len == LONGEST_LEN ? 5 : -1;
}

static enum select_result listener_read(select_machine *m, pu_span *in, pu_buf *out)
{
    return select_read(m, in, out, find_offer, NULL, (pu_span){NULL, 0});
}

/* Feeds a fresh listener all of hex at once. */
static enum select_result listen_to(const char *hex)
{
    uint8_t memory[2048], out_memory[OUT_CAP];
    pu_span in = hex_bytes(hex, memory, sizeof memory);
    pu_buf out = buf_of(out_memory, sizeof out_memory);
    select_machine m;
    select_listen(&m);
    return listener_read(&m, &in, &out);
}

/* Feeds a fresh dialler of IDENTIFY all of hex at once. */
static enum select_result dial_and_hear(const char *hex)
{
    uint8_t memory[2048], out_memory[64];
    pu_buf out = buf_of(out_memory, sizeof out_memory);
    select_machine m;
    select_dial(&m, IDENTIFY, &out);
    pu_span in = hex_bytes(hex, memory, sizeof memory);
    return select_read(&m, &in, &out, NULL, NULL, IDENTIFY);
}

static void dialler_writes_what_js_writes(void **state)
{
    (void)state;
    uint8_t memory[64], want[64];
    pu_buf out = buf_of(memory, sizeof memory);
    select_machine m;
    select_dial(&m, IDENTIFY, &out);
    assert_true(span_equal(buf_span(&out), hex_bytes(js_identify, want, sizeof want)));
    assert_false(out.full);
    assert_int_equal(m.agreed, -1);
}

static void dialler_without_room_is_full(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 36; cap++) {
        uint8_t memory[36];
        pu_buf out = buf_of(memory, cap);
        select_machine m;
        select_dial(&m, IDENTIFY, &out);
        assert_true(out.full);
    }
}

static void listener_says_nothing_first(void **state)
{
    (void)state;
    uint8_t out_memory[OUT_CAP];
    pu_buf out = buf_of(out_memory, sizeof out_memory);
    select_machine m;
    select_listen(&m);
    pu_span in = {NULL, 0};
    assert_int_equal(listener_read(&m, &in, &out), SELECT_MORE);
    assert_int_equal(out.len, 0);
}

static void listener_answers_what_js_answers(void **state)
{
    (void)state;
    uint8_t memory[64], out_memory[OUT_CAP];
    pu_span whole = hex_bytes(js_identify, memory, sizeof memory);
    pu_span in = whole;
    pu_buf out = buf_of(out_memory, sizeof out_memory);
    select_machine m;
    select_listen(&m);
    assert_int_equal(listener_read(&m, &in, &out), SELECT_AGREED);
    assert_int_equal(m.agreed, 3);
    assert_int_equal(in.len, 0);
    assert_true(span_equal(buf_span(&out), whole));
}

static void what_follows_is_handed_over(void **state)
{
    (void)state;
    uint8_t memory[256], out_memory[OUT_CAP], rest_memory[8];
    pu_span whole = hex_bytes(js_plaintext, memory, sizeof memory);
    pu_span rest = hex_bytes("4e0a2600", rest_memory, sizeof rest_memory);

    pu_span in = whole;
    pu_buf out = buf_of(out_memory, sizeof out_memory);
    select_machine listener;
    select_listen(&listener);
    assert_int_equal(listener_read(&listener, &in, &out), SELECT_AGREED);
    assert_int_equal(listener.agreed, 4);
    assert_int_equal(in.len, 79);
    assert_true(span_equal(span_head(in, 4), rest));

    in = whole;
    out = buf_of(out_memory, sizeof out_memory);
    select_machine dialler;
    select_dial(&dialler, PLAINTEXT, &out);
    assert_int_equal(select_read(&dialler, &in, &out, NULL, NULL, PLAINTEXT), SELECT_AGREED);
    assert_int_equal(dialler.agreed, 0);
    assert_int_equal(in.len, 79);
    assert_true(span_equal(span_head(in, 4), rest));
}

/* Shows a machine the bytes of whole up to each of the growing limits in turn, as a stream would.
 */
typedef struct feed {
    pu_span whole;
    size_t taken; /* bytes that the machine has taken off */
    uint8_t out_memory[OUT_CAP];
    pu_buf out;
} feed;

static enum select_result feed_up_to(feed *f, select_machine *m, size_t limit, pu_span name)
{
    pu_span in = span_skip(span_head(f->whole, limit), f->taken);
    enum select_result result =
        select_read(m, &in, &f->out, m->is_listener ? find_offer : NULL, NULL, name);
    f->taken = limit - in.len;
    return result;
}

static void feed_start(feed *f, select_machine *m, const char *hex, uint8_t *memory, bool listens)
{
    f->whole = hex_bytes(hex, memory, 256);
    f->taken = 0;
    if (listens) select_listen(m);
    f->out = buf_of(f->out_memory, sizeof f->out_memory);
    if (!listens) select_dial(m, PLAINTEXT, &f->out);
}

enum { AGREED_AT = 38 }; /* bytes of js_plaintext up to the end of the echo */

/* kubo#6389: both messages and the first data in one segment, or a byte in each. */
static void one_byte_a_call(void **state)
{
    (void)state;
    for (int listens = 0; listens < 2; listens++) {
        uint8_t memory[256];
        select_machine m;
        feed f;
        feed_start(&f, &m, js_plaintext, memory, listens);
        for (size_t limit = 0; limit < AGREED_AT; limit++) {
            assert_int_equal(feed_up_to(&f, &m, limit, PLAINTEXT), SELECT_MORE);
            assert_int_equal(f.taken, limit < 20 ? 0 : 20);
        }
        assert_int_equal(feed_up_to(&f, &m, AGREED_AT, PLAINTEXT), SELECT_AGREED);
        assert_int_equal(f.taken, AGREED_AT);
        assert_true(span_equal(buf_span(&f.out), span_head(f.whole, AGREED_AT)));
    }
}

static void every_pair_of_segments(void **state)
{
    (void)state;
    for (int listens = 0; listens < 2; listens++) {
        for (size_t cut = 0; cut <= AGREED_AT + 79; cut++) {
            uint8_t memory[256];
            select_machine m;
            feed f;
            feed_start(&f, &m, js_plaintext, memory, listens);
            enum select_result first = feed_up_to(&f, &m, cut, PLAINTEXT);
            assert_int_equal(first, cut < AGREED_AT ? SELECT_MORE : SELECT_AGREED);
            if (first == SELECT_MORE) {
                assert_int_equal(feed_up_to(&f, &m, f.whole.len, PLAINTEXT), SELECT_AGREED);
            }
            assert_int_equal(f.taken, AGREED_AT);
        }
    }
}

static void dialler_hears_na(void **state)
{
    (void)state;
    assert_int_equal(dial_and_hear("132f6d756c746973747265616d2f312e302e300a 036e610a"),
                     SELECT_REFUSED);
}

static void dialler_waits_and_fails(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum select_result result;
    } cases[] = {
        {"", SELECT_MORE},
        {"132f6d756c746973747265616d2f312e302e300a", SELECT_MORE},
        {"132f6d756c746973747265616d2f312e302e300a 0f", SELECT_MORE},
        {"0f2f697066732f69642f312e302e300a", SELECT_FAILED},         /* echo without a header */
        {"036e610a", SELECT_FAILED},                                 /* na without a header */
        {"132f6d756c746973747265616d2f322e302e300a", SELECT_FAILED}, /* version 2.0.0 */
        {"132f6d756c746973747265616d2f312e302e300a 036c730a", SELECT_FAILED}, /* ls */
        {"132f6d756c746973747265616d2f312e302e300a 0f2f697066732f69642f312e302e310a",
         SELECT_FAILED}, /* another version */
        {"132f6d756c746973747265616d2f312e302e300a 132f6d756c746973747265616d2f312e302e300a",
         SELECT_FAILED},                                                    /* the header twice */
        {"132f6d756c746973747265616d2f312e302e300a 026e61", SELECT_FAILED}, /* no newline */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(dial_and_hear(cases[i].hex), cases[i].result);
    }
}

/* Each answer is na, and the negotiation goes on. */
static void listener_refuses_and_then_agrees(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "036c730a",                                                     /* ls */
        "036e610a",                                                     /* na, from a dialler */
        "022f0a",                                                       /* "/" */
        "010a",                                                         /* an empty name */
        "042fff800a",                                                   /* not UTF-8 */
        "03610a0a",                                                     /* a newline inside */
        "1d2f6c69627032702f73696d756c74616e656f75732d636f6e6e6563740a", /* withdrawn extension */
        "132f6d756c746973747265616d2f312e302e300a",                     /* the header again */
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint8_t memory[64], hello[64], out_memory[OUT_CAP];
        pu_buf out = buf_of(out_memory, sizeof out_memory);
        select_machine m;
        select_listen(&m);
        pu_span in = hex_bytes(header, hello, sizeof hello);
        assert_int_equal(listener_read(&m, &in, &out), SELECT_MORE);
        assert_int_equal(out.len, 20);

        in = hex_bytes(refused[i], memory, sizeof memory);
        assert_int_equal(listener_read(&m, &in, &out), SELECT_MORE);
        assert_int_equal(in.len, 0);
        assert_true(span_equal(span_skip(buf_span(&out), 20), NA));

        out = buf_of(out_memory, sizeof out_memory);
        in = hex_bytes("0d2f79616d75782f312e302e300a", memory, sizeof memory);
        pu_span proposal = in;
        assert_int_equal(listener_read(&m, &in, &out), SELECT_AGREED);
        assert_int_equal(m.agreed, 0);
        assert_true(span_equal(buf_span(&out), proposal));
    }
}

static void malformed_input_fails_at_once(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "00",                   /* an empty message */
        "8108",                 /* 1,025 bytes: refused before they come */
        "ffffffffffffffff7f",   /* 2^63 - 1 bytes */
        "ffffffffffffffffff01", /* not a varint */
        "80808080808080808080", /* endless varint */
        "9300",                 /* not minimal */
        "0161",                 /* no newline */
        "036c7300",             /* no newline at the end */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char after_header[128];
        memcpy(after_header, header, sizeof header - 1);
        memcpy(after_header + sizeof header - 1, bad[i], strlen(bad[i]) + 1);
        assert_int_equal(listen_to(bad[i]), SELECT_FAILED);
        assert_int_equal(listen_to(after_header), SELECT_FAILED);
        assert_int_equal(dial_and_hear(bad[i]), SELECT_FAILED);
        assert_int_equal(dial_and_hear(after_header), SELECT_FAILED);
    }
    assert_int_equal(listen_to("0d2f79616d75782f312e302e300a"), SELECT_FAILED); /* no header */
}

/* Appends a proposal of a name of len bytes. */
static void put_proposal(pu_buf *to, size_t len)
{
    varint_put(to, len + 1);
    for (size_t i = 0; i < len; i++) buf_put_u8(to, '/');
    buf_put_u8(to, '\n');
}

static void the_longest_message_is_read_and_echoed(void **state)
{
    (void)state;
    static uint8_t memory[2048], out_memory[OUT_CAP];
    pu_buf proposal = buf_of(memory, sizeof memory);
    hex_bytes(header, memory, sizeof memory);
    proposal.len = 20;
    put_proposal(&proposal, LONGEST_LEN);
    assert_int_equal(proposal.len, 20 + 2 + SELECT_MESSAGE_MAX);
    pu_span in = buf_span(&proposal);
    pu_buf out = buf_of(out_memory, sizeof out_memory);
    select_machine m;
    select_listen(&m);
    assert_int_equal(listener_read(&m, &in, &out), SELECT_AGREED);
    assert_true(span_equal(buf_span(&out), buf_span(&proposal)));

    pu_buf said = buf_of(out_memory, sizeof out_memory);
    pu_span name = span_head(span_skip(buf_span(&proposal), 22), LONGEST_LEN);
    select_dial(&m, name, &said);
    assert_true(span_equal(buf_span(&said), buf_span(&proposal)));
    in = buf_span(&proposal);
    assert_int_equal(select_read(&m, &in, &said, NULL, NULL, name), SELECT_AGREED);
}

/* Proposes count unknown names and then one of last_len bytes, each in a call of its own or all in
 * one. */
static enum select_result after_refusals(unsigned count, bool in_one_call, size_t last_len)
{
    static uint8_t memory[4096], out_memory[ROOM];
    pu_buf said = buf_of(memory, sizeof memory);
    hex_bytes(header, memory, sizeof memory);
    said.len = 20;
    select_machine m;
    select_listen(&m);
    for (unsigned i = 0; i <= count; i++) {
        put_proposal(&said, i < count ? UNKNOWN_LEN : last_len);
        if (in_one_call && i < count) continue;
        pu_span in = buf_span(&said);
        pu_buf out = buf_of(out_memory, sizeof out_memory);
        enum select_result result = listener_read(&m, &in, &out);
        if (result != SELECT_MORE) return result;
        assert_int_equal(in.len, 0);
        said.len = 0;
    }
    return SELECT_MORE;
}

static void a_listener_gives_up_after_64_refusals(void **state)
{
    (void)state;
    for (int in_one_call = 0; in_one_call < 2; in_one_call++) {
        assert_int_equal(after_refusals(62, in_one_call, UNKNOWN_LEN), SELECT_MORE);
        assert_int_equal(after_refusals(63, in_one_call, UNKNOWN_LEN), SELECT_FAILED);
        assert_int_equal(after_refusals(63, in_one_call, KNOWN_LEN), SELECT_AGREED);
        assert_int_equal(after_refusals(64, in_one_call, KNOWN_LEN), SELECT_FAILED);
        assert_int_equal(after_refusals(200, in_one_call, KNOWN_LEN), SELECT_FAILED);
    }
}

/* The one way in which answers of a call can outgrow the room: dozens of refusals, then the echo of
 * a very long name. */
static void answers_that_do_not_fit_fail(void **state)
{
    (void)state;
    assert_int_equal(after_refusals(0, true, LONG_LEN), SELECT_AGREED);
    assert_int_equal(after_refusals(41, true, LONG_LEN), SELECT_AGREED);
    assert_int_equal(after_refusals(42, true, LONG_LEN), SELECT_FAILED);
}

static void two_machines_agree(void **state)
{
    (void)state;
    uint8_t dialled[64], answered[OUT_CAP];
    pu_buf to_listener = buf_of(dialled, sizeof dialled);
    pu_buf to_dialler = buf_of(answered, sizeof answered);
    select_machine dialler, listener;
    select_listen(&listener);
    select_dial(&dialler, SPAN_LITERAL("/yamux/1.0.0"), &to_listener);
    pu_span in = buf_span(&to_listener);
    assert_int_equal(listener_read(&listener, &in, &to_dialler), SELECT_AGREED);
    in = buf_span(&to_dialler);
    pu_buf silence = buf_of(NULL, 0);
    assert_int_equal(select_read(&dialler, &in, &silence, NULL, NULL, SPAN_LITERAL("/yamux/1.0.0")),
                     SELECT_AGREED);
    assert_false(silence.full);
}

int select_test(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialler_writes_what_js_writes),
        cmocka_unit_test(dialler_without_room_is_full),
        cmocka_unit_test(listener_says_nothing_first),
        cmocka_unit_test(listener_answers_what_js_answers),
        cmocka_unit_test(what_follows_is_handed_over),
        cmocka_unit_test(one_byte_a_call),
        cmocka_unit_test(every_pair_of_segments),
        cmocka_unit_test(dialler_hears_na),
        cmocka_unit_test(dialler_waits_and_fails),
        cmocka_unit_test(listener_refuses_and_then_agrees),
        cmocka_unit_test(malformed_input_fails_at_once),
        cmocka_unit_test(the_longest_message_is_read_and_echoed),
        cmocka_unit_test(a_listener_gives_up_after_64_refusals),
        cmocka_unit_test(answers_that_do_not_fit_fail),
        cmocka_unit_test(two_machines_agree),
    };
    return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
