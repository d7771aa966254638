/* Recordings: every record both ways, every cut refused; a recorded run lives again with equal
 * effects; repro files. */
#include "sim/file.h"
#include "sim/recorder.h"
#include "sim/replay.h"
#include "sim/repro.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uint8_t memory[PU_RECORD_MAX * 2];

static const pu_record_opaque nothing = {.len = 0};
static const pu_record_opaque sample_opaque = {.len = 16379, .hash = {7, UINT64_MAX}};

static pu_in sample_input(void)
{
    static const uint8_t peer[] = {0, 1, 7}, body[] = "bytes";
    return (pu_in){
        .now = 5 * PU_S,
        .kind = PU_IN_STREAM_DATA,
        .flags = PU_FIN,
        .what = 3,
        .code = 0x1003,
        .conn = pu_handle_make(2, 9),
        .stream = pu_handle_make(1, 77),
        .via = pu_handle_make(0, 1),
        .token = 12,
        .transport = PU_TRANSPORT_TCP,
        .socket = PU_SOCKET_PROBE + 4,
        .offset = UINT64_MAX - 1,
        .deadline = PU_NEVER,
        .peer = {peer, sizeof peer},
        .local = pu_endpoint_ip4(10, 0, 0, 1, 4001),
        .remote = pu_endpoint_ip4(11, 0, 0, 9, 65535),
        .body = {body, sizeof body},
    };
}

static void assert_same_input(const pu_in *a, const pu_in *b)
{
    uint8_t bytes_a[512], bytes_b[512];
    size_t len = pu_record_write_input(bytes_a, sizeof bytes_a, a, &nothing);
    assert_true(len > 0);
    assert_int_equal(pu_record_write_input(bytes_b, sizeof bytes_b, b, &nothing), len);
    assert_memory_equal(bytes_a, bytes_b, len);
    assert_int_equal(a->now, b->now);
    assert_int_equal(a->stream, b->stream);
    assert_int_equal(a->remote.port, b->remote.port);
    assert_int_equal(a->body.len, b->body.len);
    assert_memory_equal(a->body.base, b->body.base, a->body.len);
}

/* All kinds in one recording. Returns its length. */
static size_t write_all(void)
{
    pu_record_node node = {.now = 3};
    pu_record_step step = {PU_EHANDLE, 4, {5, 6}};
    uint8_t signature[PU_ED25519_SIGNATURE_BYTES] = {1, 2, 3};
    pu_in in = sample_input();
    pu_config_default(&node.config);
    node.config.relay_server = 1;
    node.key[31] = 9;
    size_t len = pu_record_write_magic(memory, sizeof memory);
    len += pu_record_write_node(memory + len, sizeof memory - len, &node);
    len += pu_record_write_input(memory + len, sizeof memory - len, &in, &sample_opaque);
    len += pu_record_write_sign(memory + len, sizeof memory - len, signature);
    len += pu_record_write_verify(memory + len, sizeof memory - len, true);
    len += pu_record_write_random(memory + len, sizeof memory - len, 32);
    len += pu_record_write_step(memory + len, sizeof memory - len, &step);
    len += pu_record_write_end(memory + len, sizeof memory - len, PU_RECORD_FULL);
    return len;
}

static void records_both_ways(void **state)
{
    (void)state;
    static const enum pu_record_kind kinds[] = {PU_RECORD_NODE,   PU_RECORD_INPUT,  PU_RECORD_SIGN,
                                                PU_RECORD_VERIFY, PU_RECORD_RANDOM, PU_RECORD_STEP,
                                                PU_RECORD_END};
    pu_span rest = {memory, write_all()};
    pu_record record;
    pu_in in = sample_input();
    assert_true(pu_record_read_magic(&rest));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_true(pu_record_next(&rest, &record));
        assert_int_equal(record.kind, kinds[i]);
        if (record.kind == PU_RECORD_NODE) {
            assert_int_equal(record.node.config.relay_server, 1);
            assert_int_equal(record.node.key[31], 9);
            assert_int_equal(record.node.now, 3);
        }
        if (record.kind == PU_RECORD_INPUT) {
            assert_same_input(&record.in, &in);
            assert_int_equal(record.opaque.len, sample_opaque.len);
            assert_memory_equal(record.opaque.hash, sample_opaque.hash, sizeof record.opaque.hash);
        }
        if (record.kind == PU_RECORD_SIGN) assert_int_equal(record.signature.base[2], 3);
        if (record.kind == PU_RECORD_VERIFY) assert_true(record.is_genuine);
        if (record.kind == PU_RECORD_RANDOM) assert_int_equal(record.random_len, 32);
        if (record.kind == PU_RECORD_STEP) {
            assert_int_equal(record.step.result, PU_EHANDLE);
            assert_int_equal(record.step.hash[1], 6);
        }
    }
    assert_int_equal(record.why, PU_RECORD_FULL);
    assert_int_equal(rest.len, 0);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    size_t whole = write_all();
    for (size_t len = 0; len < whole; len++) {
        uint8_t *cut = malloc(len + 1); /* of that size: a sanitizer sees what reads past it */
        assert_non_null(cut);
        memcpy(cut, memory, len);
        pu_span rest = {cut, len};
        pu_record record;
        bool is_there = pu_record_read_magic(&rest);
        assert_true(is_there == (len >= PU_RECORD_MAGIC_BYTES));
        while (is_there && pu_record_next(&rest, &record)) {}
        if (is_there) assert_true(pu_record_is_cut(rest) == (rest.len > 0));
        free(cut);
    }
}

static void short_memory_is_said(void **state)
{
    (void)state;
    pu_in in = sample_input();
    uint8_t bytes[512];
    size_t whole = pu_record_write_input(bytes, sizeof bytes, &in, &sample_opaque);
    for (size_t cap = 0; cap < whole; cap++)
        assert_int_equal(pu_record_write_input(bytes, cap, &in, &sample_opaque), 0);
    assert_int_equal(pu_record_write_input(bytes, whole, &in, &sample_opaque), whole);
}

static void foreign_numbers_are_refused(void **state)
{
    (void)state;
    size_t magic = pu_record_write_magic(memory, sizeof memory);
    size_t len = magic + pu_record_write_verify(memory + magic, sizeof memory - magic, true);
    pu_record record;
    memory[len - 1] = 2; /* neither true nor false */
    pu_span rest = {memory + magic, len - magic};
    assert_false(pu_record_next(&rest, &record));
    assert_false(pu_record_is_cut(rest)); /* damaged */
    memory[magic] = 99;                   /* no kind */
    assert_false(pu_record_next(&rest, &record));
    assert_int_equal(rest.len, len - magic);
    assert_false(pu_record_is_cut(rest));
    memory[magic] = 0;
    assert_false(pu_record_is_cut(rest));

    len = pu_record_write_end(memory, sizeof memory, PU_RECORD_OVER);
    for (unsigned why = 0; why <= UINT8_MAX; why++) {
        memory[len - 1] = (uint8_t)why;
        rest = (pu_span){memory, len};
        bool is_one = why == PU_RECORD_OVER || why == PU_RECORD_FULL;
        assert_true(pu_record_next(&rest, &record) == is_one);
    }

    pu_in in = sample_input(); /* more than a record may stand for */
    pu_record_opaque opaque = {.len = PU_RECORD_MAX};
    len = pu_record_write_input(memory, sizeof memory, &in, &opaque);
    rest = (pu_span){memory, len};
    assert_false(pu_record_next(&rest, &record));
    assert_false(pu_record_is_cut(rest));
    memory[1] = memory[2] = memory[3] = memory[4] = 0xff; /* the record's length */
    assert_false(pu_record_is_cut(rest));
}

/* ---- a recorded run ---- */

static uint8_t *record_scenario(const char *yaml, const char *fidelity, const char *node_name,
                                size_t *len)
{
    char path[] = "/tmp/peerup-record-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    scenario *s = scenario_read(yaml, &fidelity, 1, stderr);
    assert_non_null(s);
    run_options how = {
        .seed = 3, .log = RUN_LOG_NONE, .record_path = path, .record_node = SCENARIO_ANY};
    for (uint32_t i = 0; i < s->node_count; i++)
        if (strcmp(s->nodes[i].name, node_name) == 0) how.record_node = i;
    assert_int_not_equal(how.record_node, SCENARIO_ANY);
    run_result result;
    assert_int_equal(run_scenario(s, &how, &result), 0);
    run_result_free(&result);
    scenario_free(s);
    close(fd);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    remove(path);
    assert_true(*len > 1000 && *len < 1 << 20);
    return bytes;
}

static uint8_t *record_run(const char *node_name, size_t *len)
{
    return record_scenario("scenarios/base/both-public.yaml", "fidelity=model", node_name, len);
}

/* The first word of a file. */
static void expect_word(const char *path, const char *word)
{
    char got[32] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%31s", got), 1);
    fclose(file);
    assert_string_equal(got, word);
}

/* What cannot be written whole leaves what had its name before. */
static void what_fails_leaves_the_old_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/peerup-file-XXXXXX", path[64], why[256] = "";
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.rec", folder);
    file_new f;
    assert_true(file_new_open(&f, path, why, sizeof why));
    fputs("old", f.out);
    assert_true(file_new_close(&f, 0, why, sizeof why));
    expect_word(path, "old");

    assert_true(file_new_open(&f, path, why, sizeof why));
    fputs("new", f.out);
    assert_false(file_new_close(&f, ENOSPC, why, sizeof why));
    assert_non_null(strstr(why, "a.rec: No space left on device"));
    expect_word(path, "old");

    static const uint8_t key[PU_RECORD_KEY_BYTES] = {0};
    recorder *r = recorder_open(path, 0, key, why, sizeof why);
    assert_non_null(r);
    assert_true(recorder_close(r, false, why, sizeof why));
    expect_word(path, "old");
    remove(path);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
    assert_false(file_new_open(&f, path, why, sizeof why));
    assert_non_null(strstr(why, "a.rec: No such file or directory"));
}

static void assert_lives_again(uint8_t *bytes, size_t len)
{
    char why[256];
    replay_result result;
    assert_true(replay_recording((pu_span){bytes, len}, &result, why, sizeof why));
    assert_true(result.is_equal);
    assert_int_equal(result.end, REPLAY_OVER);
    assert_true(result.steps > 20 && result.effects > 20);
    free(bytes);
}

/* Over real packets too: what the link asks of the private key is not the node's life. */
static void recorded_node_lives_again(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "relay"};
    static const char yaml[] = "scenarios/base/both-public.yaml";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len;
        uint8_t *bytes = record_scenario(yaml, "fidelity=model", names[i], &len);
        assert_lives_again(bytes, len);
        bytes = record_scenario(yaml, "fidelity=wire", names[i], &len);
        assert_lives_again(bytes, len);
    }
}

/* Bytes of applications are there by length and hash, each of them: four numbers and 2 MiB, no
 * bytes, and the other way 2 MiB and half a one; what the stranger sends is refused before. */
static void application_bytes_are_not_recorded(void **state)
{
    (void)state;
    enum { MIB = 1 << 20, HEAD = 4 };
    size_t len, came = 0, went = 0;
    uint8_t *bytes =
        record_scenario("scenarios/base/copy-a-file.yaml", "fidelity=model", "home", &len);
    pu_span rest = {bytes, len};
    pu_record record;
    assert_true(pu_record_read_magic(&rest));
    while (pu_record_next(&rest, &record)) {
        if (record.kind != PU_RECORD_INPUT) continue;
        bool is_data = record.in.kind == PU_IN_APP && record.in.what == PU_APP_DATA;
        if (record.in.kind == PU_IN_STREAM_DATA) came += record.opaque.len;
        else if (is_data) went += record.opaque.len;
        else assert_int_equal(record.opaque.len, 0);
        if (is_data) assert_int_equal(record.in.body.len, 0);
    }
    assert_int_equal(rest.len, 0);
    assert_int_equal(came, 2 * MIB + HEAD + HEAD);
    assert_int_equal(went, 2 * MIB + HEAD + MIB / 2 + HEAD);
    assert_lives_again(bytes, len);
}

/* What a crash has left of a recording lives again; where it ends is said. */
static void cut_recordings_live_again(void **state)
{
    (void)state;
    size_t len, insides = 0, cuts = 0;
    char why[256];
    replay_result whole, result;
    uint8_t *bytes = record_run("b", &len);
    assert_true(replay_recording((pu_span){bytes, len}, &whole, why, sizeof why));
    size_t from = 2400; /* behind the NODE record, whose loss is an error */
    for (size_t cut = from; cut < len; cut += 61) {
        assert_true(replay_recording((pu_span){bytes, cut}, &result, why, sizeof why));
        assert_true(result.is_equal);
        assert_true(result.steps <= whole.steps && result.effects <= whole.effects);
        insides += result.end == REPLAY_INSIDE;
        cuts += result.end == REPLAY_CUT;
    }
    assert_true(insides > 10 && cuts > 10);
    assert_int_equal(insides + cuts, (len - from + 60) / 61);
    assert_false(replay_recording((pu_span){bytes, 100}, &result, why, sizeof why));
    memset(bytes + len - 300, 0, 300); /* a disk that lost its last page */
    assert_false(replay_recording((pu_span){bytes, len}, &result, why, sizeof why));
    assert_true(result.steps > 20 && result.steps < whole.steps);
    free(bytes);
}

/* Whatever byte is changed, nothing crashes; some change an input that decides nothing. */
static void changed_bytes_are_survived(void **state)
{
    (void)state;
    size_t len, noticed = 0;
    char why[256];
    replay_result result;
    uint8_t *bytes = record_run("b", &len);
    for (size_t at = 8; at < len; at += 97) {
        bytes[at] ^= 0x41;
        bool is_whole = replay_recording((pu_span){bytes, len}, &result, why, sizeof why);
        if (!is_whole || !result.is_equal) noticed++;
        bytes[at] ^= 0x41;
    }
    assert_true(noticed > 0);
    free(bytes);
}

/* Another effect than the recorded one is always noticed, at its step. */
static void other_effects_are_noticed(void **state)
{
    (void)state;
    size_t len;
    char why[256];
    replay_result result;
    uint8_t *bytes = record_run("b", &len);
    pu_span rest = {bytes, len};
    pu_record record;
    uint64_t steps = 0;
    assert_true(pu_record_read_magic(&rest));
    while (pu_record_next(&rest, &record)) {
        if (record.kind != PU_RECORD_STEP) continue;
        uint8_t *last = bytes + (len - rest.len) - 1; /* of the hash */
        steps++;
        *last ^= 1;
        assert_true(replay_recording((pu_span){bytes, len}, &result, why, sizeof why));
        assert_false(result.is_equal);
        assert_int_equal(result.steps, steps);
        *last ^= 1;
    }
    assert_true(steps > 20);
    free(bytes);
}

/* ---- repro files ---- */

static void repro_both_ways(void **state)
{
    (void)state;
    char path[] = "/tmp/peerup-repro-XXXXXX", why[256], text[2048];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    repro r = {.scenario = "a \"b\".yaml",
               .seed = 7,
               .sets = {"x=1"},
               .set_count = 1,
               .build = "abc",
               .trace_hash = {1, 2}},
          back;
    run_property property = {.name = "reached"};
    run_result result = {.properties = &property, .property_count = 1};
    assert_true(repro_write(path, &r, &result, why, sizeof why));
    close(fd);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    remove(path);
    assert_true(repro_read(&back, (pu_span){(uint8_t *)text, len}, why, sizeof why));
    assert_string_equal(back.scenario, r.scenario);
    assert_int_equal(back.seed, 7);
    assert_int_equal(back.set_count, 1);
    assert_string_equal(back.sets[0], "x=1");
    assert_int_equal(back.trace_hash[1], 2);
    repro_free(&back);
}

static void bad_repros_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "neither a recording nor a repro file"},
        {"{}", "schema"},
        {"{\"schema\":\"peerup.repro/1\"}", "scenario"},
        {"{\"schema\":\"peerup.repro/1\",\"scenario\":\"x\",\"seed\":-1}", "seed"},
        {"{\"schema\":\"peerup.repro/1\",\"scenario\":\"x\",\"seed\":1,\"set\":[3]}", "set"},
        {"{\"schema\":\"peerup.repro/"
         "1\",\"scenario\":\"x\",\"seed\":1,\"set\":[],\"build\":\"b\",\"config_hash\":\"12\"}",
         "config_hash"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        repro r;
        char why[256] = "";
        assert_false(repro_read(
            &r, (pu_span){(const uint8_t *)cases[i].text, strlen(cases[i].text)}, why, sizeof why));
        assert_non_null(strstr(why, cases[i].why));
    }
}

int record_test(void);

int record_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_both_ways),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(short_memory_is_said),
        cmocka_unit_test(foreign_numbers_are_refused),
        cmocka_unit_test(what_fails_leaves_the_old_file),
        cmocka_unit_test(recorded_node_lives_again),
        cmocka_unit_test(application_bytes_are_not_recorded),
        cmocka_unit_test(cut_recordings_live_again),
        cmocka_unit_test(changed_bytes_are_survived),
        cmocka_unit_test(other_effects_are_noticed),
        cmocka_unit_test(repro_both_ways),
        cmocka_unit_test(bad_repros_are_refused),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
