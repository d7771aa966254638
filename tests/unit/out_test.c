/* out_test.c - the effect list: what is copied, and what lengthens the effect before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/impl.h"
#include "tests/lib/plain_heap.h"

int out_test(void);

static void only_what_was_copied_last_is_lengthened(void **state)
{
    (void)state;
    static const uint8_t input[] = "of the input";
    const pu_env env = {.alloc = plain_heap};
    pu_out *out = NULL;
    assert_int_equal(pu_out_new(&out, &env), PU_OK);
    assert_null(out_last(out, PU_EF_STREAM_SEND));

    pu_ef *e = out_add(out, PU_EF_STREAM_SEND);
    e->body = out_copy(out, SPAN_LITERAL("ab"));
    assert_ptr_equal(out_last(out, PU_EF_STREAM_SEND), e);
    assert_null(out_last(out, PU_EF_STREAM_ROOM));
    assert_true(out_lengthen(out, e, SPAN_LITERAL("cd")));
    assert_true(span_equal(e->body, SPAN_LITERAL("abcd")));

    (void)out_copy(out, SPAN_LITERAL("x")); /* something else behind it */
    assert_false(out_lengthen(out, e, SPAN_LITERAL("ef")));
    assert_true(span_equal(e->body, SPAN_LITERAL("abcd")));
    assert_true(out_lengthen(out, e, span_of(NULL, 0)));

    pu_ef *lent = out_add(out, PU_EF_STREAM_SEND);
    lent->body = span_of(input, sizeof input);
    assert_false(out_lengthen(out, lent, SPAN_LITERAL("g")));
    assert_ptr_equal(lent->body.base, input);
    assert_int_equal(lent->body.len, sizeof input);
    assert_true(out_lengthen(out, lent, span_of(NULL, 0)));

    for (pu_ef taken; pu_out_next(out, &taken);) {}
    pu_out_reset(out);
    assert_null(out_last(out, PU_EF_STREAM_SEND));
    pu_out_free(out);
}

int out_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_copied_last_is_lengthened),
    };
    return cmocka_run_group_tests_name("out", tests, NULL, NULL);
}
