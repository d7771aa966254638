/* json_test.c - results as JSON, byte by byte: scripts depend on the shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sim/json.h"
#include "sim/scenario_load.h"

int json_test(void);

enum { TEXT_MAX = 2048 };

/* What value is printed as; value is used up. */
static char *printed(json_t *value)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    sim_json_print(value, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void seconds(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0.0\n"},
        {120 * PU_S, "120.0\n"},
        {10210 * PU_MS, "10.21\n"},
        {312345678, "0.312345678\n"},
        {1, "1e-9\n"},
        {86400 * PU_S + 1, "86400.000000001\n"},
        {PU_NEVER, "null\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = printed(sim_json_seconds(cases[i].ns));
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"a\"b\\\n", "\"a\\\"b\\\\\\n\"\n"},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\"\n"},
        {"caf\xe9", "\"caf?\"\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = printed(sim_json_text(cases[i].text));
        assert_string_equal(text, cases[i].json);
        free(text);
    }
}

/* A run that found out everything there is to tell. */
static run_property properties[] = {
    {.name = "reached",
     .held = true,
     .took_ns = 210 * PU_MS,
     .within_ns = PU_S,
     .why = "in 0.21 s"},
    {.name = "direct", .held = false, .took_ns = PU_NEVER, .within_ns = PU_NEVER, .why = ""},
};
static run_connection connections[] = {
    {.from = 1,
     .to = 2,
     .asked = 10 * PU_S,
     .usable = 10210 * PU_MS,
     .direct = 11 * PU_S,
     .lost = 60 * PU_S,
     .is_authorised = true,
     .first_is_relay = true,
     .last_way = RUN_WAY_QUIC},
    {.from = 1,
     .to = 2,
     .asked = 60 * PU_S,
     .usable = 61 * PU_S,
     .direct = PU_NEVER,
     .lost = PU_NEVER,
     .is_authorised = true,
     .first_is_relay = true},
    {.from = 3,
     .to = 1,
     .asked = 20 * PU_S,
     .usable = PU_NEVER,
     .direct = PU_NEVER,
     .lost = PU_NEVER},
};
static const run_result result = {
    .hash = {1, 0xabc},
    .events = 123456,
    .sim_ns = 60 * PU_S,
    .wall_ns = 310 * PU_MS,
    .nodes = 4,
    .bytes_per_node = 7400,
    .properties = properties,
    .property_count = 2,
    .connections = connections,
    .connection_count = 3,
    .metrics = {{.name = "dials", .value = 5}, {.name = "dials_wasted", .value = 1}},
    .metric_count = 2,
};

static void a_run(void **state)
{
    (void)state;
    run_options how = {
        .seed = INT64_MAX, .db_path = "out/x/run.db", .pcap_path = "out/x/run.pcapng"};
    char want[TEXT_MAX];
    scenario *s = scenario_read("scenarios/base/both-public.yaml", NULL, 0, stdout);
    assert_non_null(s);
    s->hash[0] = 7;
    s->hash[1] = 8;
    snprintf(
        want, sizeof want,
        "{\"schema\":\"peerup.run/1\",\"scenario\":\"both-public\",\"seed\":9223372036854775807,"
        "\"fidelity\":\"model\",\"build\":\"%s\","
        "\"config_hash\":\"00000000000000070000000000000008\","
        "\"trace_hash\":\"00000000000000010000000000000abc\",\"events\":123456,"
        "\"sim_seconds\":60.0,\"partial\":false,\"wall_seconds\":0.31,\"nodes\":4,\"bytes_per_"
        "node\":7400,"
        "\"properties\":[{\"name\":\"reached\",\"held\":true,\"took_s\":0.21,\"within_s\":1.0,"
        "\"why\":\"in 0.21 "
        "s\"},"
        "{\"name\":\"direct\",\"held\":false,\"took_s\":null,\"within_s\":null,\"why\":\"\"}],"
        "\"connections\":["
        "{\"from\":\"a\",\"to\":\"b\",\"authorized\":true,\"asked_s\":10.0,\"usable_s\":10.21,"
        "\"first_path\":\"relay\",\"direct_s\":11.0,\"path\":\"direct\",\"transport\":\"quic\","
        "\"lost_s\":60.0},"
        "{\"from\":\"a\",\"to\":\"b\",\"authorized\":true,\"asked_s\":60.0,\"usable_s\":61.0,"
        "\"first_path\":\"relay\",\"direct_s\":null,\"path\":\"relay\","
        "\"transport\":\"circuit\",\"lost_s\":null},"
        "{\"from\":\"stranger\",\"to\":\"a\",\"authorized\":false,\"asked_s\":20.0,\"usable_s\":"
        "null,"
        "\"first_path\":null,\"direct_s\":null,\"path\":null,\"transport\":null,"
        "\"lost_s\":null}],\"metrics\":{\"dials\":5,\"dials_wasted\":1},"
        "\"db\":\"out/x/run.db\",\"pcap\":\"out/x/run.pcapng\",\"record\":null}\n",
        run_build_id());
    char *text = printed(sim_json_run(s, &how, &result));
    assert_string_equal(text, want);
    free(text);
    scenario_free(s);
}

int json_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds),
        cmocka_unit_test(texts),
        cmocka_unit_test(a_run),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
