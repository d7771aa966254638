/* select_fuzz.c - both sides of multistream-select, with the other side's bytes in any pieces. */
#include "select/select.h"
#include "tests/fuzz/fuzz.h"

static const char name[] = "/ipfs/ping/1.0.0";

static int find(const void *ctx, pu_span wanted)
{
    (void)ctx;
    return span_equal(wanted, SPAN_LITERAL("/ipfs/ping/1.0.0")) ? 3 : -1;
}

/* Shows bytes in pieces of `step` bytes more each time (0: all at once); *left is what it took no
 * more. */
static enum select_result feed(select_machine *m, pu_span bytes, size_t step, size_t *left)
{
    size_t shown = step == 0 ? bytes.len : 0, taken = 0;
    for (;;) {
        uint8_t answer[SELECT_MESSAGE_MAX + 64];
        pu_buf out = buf_of(answer, sizeof answer);
        shown = shown + step < bytes.len ? shown + step : bytes.len;
        pu_span in = span_of(bytes.base + taken, shown - taken);
        enum select_result result =
            select_read(m, &in, &out, find, NULL, span_of(name, sizeof name - 1));
        taken = shown - in.len;
        *left = bytes.len - taken;
        PU_ASSERT(result == SELECT_FAILED || !out.full);
        PU_ASSERT((result == SELECT_AGREED) == (m->agreed >= 0));
        if (result != SELECT_MORE || shown == bytes.len) return result;
    }
}

void fuzz_select_dialer(pu_span bytes)
{
    uint8_t proposal[128];
    size_t step = fuzz_u8(&bytes), left[2];
    enum select_result result[2];
    for (int i = 0; i < 2; i++) {
        select_machine m;
        pu_buf out = buf_of(proposal, sizeof proposal);
        select_dial(&m, span_of(name, sizeof name - 1), &out);
        PU_ASSERT(!out.full);
        result[i] = feed(&m, bytes, i == 0 ? 0 : step, &left[i]);
        PU_ASSERT(m.agreed <= 0);
    }
    PU_ASSERT(result[0] == result[1]); /* pieces make no difference */
    PU_ASSERT(left[0] == left[1] || result[0] == SELECT_FAILED);
}

void fuzz_select_listener(pu_span bytes)
{
    size_t step = fuzz_u8(&bytes), left[2];
    enum select_result result[2];
    for (int i = 0; i < 2; i++) {
        select_machine m;
        select_listen(&m);
        result[i] = feed(&m, bytes, i == 0 ? 0 : step, &left[i]);
        PU_ASSERT(m.agreed < 0 || m.agreed == 3);
        PU_ASSERT(m.proposals <= SELECT_PROPOSALS_MAX);
    }
    /* All at once may outgrow the room for answers, which pieces do not. */
    PU_ASSERT(result[0] == result[1] || result[0] == SELECT_FAILED);
}
