/* select/select.c - multistream-select 1.0: one loop that takes whole messages off the input and
 * answers them. Both sides read the other side's header first, then proposals (listener) or the one
 * answer (dialer).
 */
#include "select/select.h"

#include "base/varint.h"

#define HEADER SPAN_LITERAL("/multistream/1.0.0")
#define NOT_AVAILABLE SPAN_LITERAL("na")

/* What an answering call may append; see the room that select_read asks for. */
enum { OUT_ROOM = SELECT_MESSAGE_MAX + 64 };

static void put_message(pu_buf *out, pu_span text)
{
    PU_ASSERT(text.len > 0);
    PU_ASSERT(text.len < SELECT_MESSAGE_MAX);
    varint_put(out, text.len + 1);
    buf_put_span(out, text);
    buf_put_u8(out, '\n');
}

/* Takes one message off *in; *text is what stands before its newline. */
static enum varint_result take_message(pu_span *in, pu_span *text)
{
    pu_span body;
    enum varint_result got = varint_get_block(in, SELECT_MESSAGE_MAX, &body);
    if (got != VARINT_OK) return got;
    if (body.len == 0 || body.base[body.len - 1] != '\n') return VARINT_BAD;
    *text = span_head(body, body.len - 1);
    return VARINT_OK;
}

void select_dial(select_machine *m, pu_span name, pu_buf *out)
{
    PU_ASSERT(m != NULL);
    *m = (select_machine){.is_listener = false, .agreed = -1};
    put_message(out, HEADER);
    put_message(out, name);
}

void select_listen(select_machine *m)
{
    PU_ASSERT(m != NULL);
    *m = (select_machine){.is_listener = true, .agreed = -1};
}

static enum select_result read_header(select_machine *m, pu_span text, pu_buf *out)
{
    if (!span_equal(text, HEADER)) return SELECT_FAILED;
    m->saw_header = true;
    if (m->is_listener) put_message(out, HEADER);
    return SELECT_MORE;
}

/* `ls` is a proposal that nobody offers: it is answered `na`, as go does. */
static enum select_result read_proposal(select_machine *m, pu_span text, pu_buf *out,
                                        select_find find, const void *ctx)
{
    int index = find(ctx, text);
    if (index >= 0) {
        PU_ASSERT(index <= INT16_MAX);
        m->agreed = (int16_t)index;
        put_message(out, text);
        return SELECT_AGREED;
    }
    m->proposals++;
    if (m->proposals == SELECT_PROPOSALS_MAX) return SELECT_FAILED;
    put_message(out, NOT_AVAILABLE);
    return SELECT_MORE;
}

static enum select_result read_answer(select_machine *m, pu_span text, pu_span name)
{
    if (span_equal(text, NOT_AVAILABLE)) return SELECT_REFUSED;
    if (!span_equal(text, name)) return SELECT_FAILED;
    m->agreed = 0;
    return SELECT_AGREED;
}

enum select_result select_read(select_machine *m, pu_span *in, pu_buf *out, select_find find,
                               const void *ctx, pu_span name)
{
    PU_ASSERT(m->agreed < 0);
    PU_ASSERT(!m->is_listener || find != NULL);
    PU_ASSERT(!m->is_listener || out->cap - out->len >= OUT_ROOM);
    enum select_result result = SELECT_MORE;
    while (result == SELECT_MORE) {
        pu_span text = {NULL, 0};
        enum varint_result got = take_message(in, &text);
        if (got == VARINT_BAD) return SELECT_FAILED;
        if (got == VARINT_MORE) return SELECT_MORE;
        if (!m->saw_header) result = read_header(m, text, out);
        else if (m->is_listener) result = read_proposal(m, text, out, find, ctx);
        else result = read_answer(m, text, name);
        if (m->is_listener && out->full) return SELECT_FAILED;
    }
    return result;
}
