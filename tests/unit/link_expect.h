/* tests/unit/link_expect.h - what a test of the link expects to have happened. After cmocka.h. */
#ifndef TESTS_UNIT_LINK_EXPECT_H
#define TESTS_UNIT_LINK_EXPECT_H

#include "tests/lib/link_host.h"

/* Fails unless exactly this was written down since the last time. */
static inline void link_host_expect(link_host *h, const char *log)
{
    h->log[h->log_len] = 0;
    assert_string_equal(h->log, log);
    link_host_forget(h);
}

#endif
