/* tests/unit/trace_file_test.c - capacity traces: what is read, what is refused and where the error
 * points, and the measured one of the repository.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/file.h"
#include "sim/net_impl.h"
#include "sim/trace_file.h"

int trace_file_test(void);

static net_trace *parse(const char *text, char error[200])
{
    error[0] = 0;
    return trace_parse("t.csv", text, strlen(text), "up", "down", error, 200);
}

static void reads_bits_a_second(void **state)
{
    (void)state;
    char error[200];
    net_trace *t = parse("# about\n\nat,down,speed,up\n0,17.596,36.2,0.000001\n# more\n"
                         "1,0,,10000\n2,00.5,x,1.23456789\n",
                         error);
    assert_string_equal(error, "");
    assert_int_equal(t->count, 3);
    assert_int_equal(t->period_ns, PU_S);
    static const uint64_t down[] = {17596000, 0, 500000}, up[] = {1, 10000000000, 1234567};
    assert_memory_equal(t->down_bps, down, sizeof down);
    assert_memory_equal(t->up_bps, up, sizeof up);
    trace_free(t);
    t = parse("up,down\n1,2", error); /* the last newline may be missing */
    assert_int_equal(t->count, 1);
    trace_free(t);
    trace_free(NULL);
}

static void refuses_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "t.csv:0: column 1: no line of column names"},
        {"# x\n", "t.csv:1: column 1: no line of column names"},
        {"up,dwn\n1,2\n", "t.csv:1: column 1: there is no column down"},
        {"up,down\n", "t.csv:1: column 1: no second"},
        {"up,down\n1,2\n1\n", "t.csv:3: column 2: the line ends too early"},
        {"x,up,down\n0,,2\n", "t.csv:2: column 2: a hole: every second needs a rate"},
        {"x,up,down\n0,2,\n", "t.csv:2: column 3: a hole: every second needs a rate"},
        {"up,down\n-1,2\n", "t.csv:2: column 1: a rate below zero"},
        {"up,down\n1,2x\n", "t.csv:2: column 2: not a number of Mbit/s"},
        {"up,down\n1,1e3\n", "t.csv:2: column 2: not a number of Mbit/s"},
        {"up,down\n1.,2\n", "t.csv:2: column 1: not a number of Mbit/s"},
        {"up,down\n.5,2\n", "t.csv:2: column 1: not a number of Mbit/s"},
        {"up,down\n1.5.5,2\n", "t.csv:2: column 1: not a number of Mbit/s"},
        {"up,down\n1,10001\n", "t.csv:2: column 2: a rate above 10 Gbit/s"},
        {"up,down\n1,99999999999999999999999\n", "t.csv:2: column 2: a rate above 10 Gbit/s"},
        {"up,down\n0,2\n0.0,1\n",
         "t.csv:3: column 1: less than 0.012 Mbit/s in the mean in column up"},
        {"up,down\n1,0\n", "t.csv:2: column 1: less than 0.012 Mbit/s in the mean in column down"},
        {"up,down\n1,0.023\n1,0\n",
         "t.csv:3: column 1: less than 0.012 Mbit/s in the mean in column down"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char error[200];
        assert_null(parse(cases[i].text, error));
        assert_string_equal(error, cases[i].error);
    }
}

/* Means as awk has them: 217.658 down and 15.6204 up, in Mbit/s. */
static void the_motorway(void **state)
{
    (void)state;
    char error[256];
    size_t len;
    static const char path[] = "scenarios/data/starlink/autobahn_throughput_1s.csv";
    uint8_t *bytes = file_read(path, 1 << 20, &len, error, sizeof error);
    assert_non_null(bytes);
    net_trace *t = trace_parse(path, (const char *)bytes, len, "upload_mbps", "download_mbps",
                               error, sizeof error);
    free(bytes);
    assert_non_null(t);
    assert_int_equal(t->count, 4861);
    assert_int_equal(t->down_bps[0], 17596000);
    assert_in_range(trace_mean(t, NET_DOWN), 217657500, 217658500);
    assert_in_range(trace_mean(t, NET_UP), 15620350, 15620450);
    uint32_t dead_up = 0, dead_down = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        dead_up += t->up_bps[i] == 0;
        dead_down += t->down_bps[i] == 0;
    }
    assert_int_equal(dead_up, 290);
    assert_int_equal(dead_down, 45);
    trace_free(t);
}

int trace_file_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_bits_a_second),
        cmocka_unit_test(refuses_with_line_and_column),
        cmocka_unit_test(the_motorway),
    };
    return cmocka_run_group_tests_name("trace_file", tests, NULL, NULL);
}
