/* sim_text_fuzz.c - what people type to the simulator, and what its files are made of: YAML, --set,
 * quantities, options, words that were nearly right, lists of lengths, repro files; and the packets
 * of the model transport. */
#include "base/suggest.h"
#include "sim/cli.h"
#include "sim/options.h"
#include "sim/quantity.h"
#include "sim/repro.h"
#include "sim/scenario_impl.h"
#include "sim/scenario_load.h"
#include "sim/transport_model/frame.h"
#include "sim/yaml_doc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/sim_fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 16, TEXT_MAX = 4096 };

/* The input as texts, a line each; a zero byte ends a text early. They live until the next call. */
static uint32_t texts_of(pu_span bytes, char *texts[WORDS_MAX])
{
    static char memory[TEXT_MAX + 1];
    size_t len = bytes.len < TEXT_MAX ? bytes.len : TEXT_MAX;
    uint32_t count = 0;
    if (len > 0) memcpy(memory, bytes.base, len);
    memory[len] = '\0';
    for (char *at = memory; count < WORDS_MAX && at <= memory + len; count++) {
        char *end = memchr(at, '\n', (size_t)(memory + len - at));
        texts[count] = at;
        if (end == NULL) end = memory + len;
        *end = '\0';
        at = end + 1;
    }
    return count;
}

/* ---- YAML ---- */

/* A tree hangs together, and is as deep and large as it may be. Returns how many nodes there are.
 */
static uint32_t check_tree(const doc_node *root)
{
    uint32_t nodes = 0, depth = 0;
    const doc_node *at = root;
    while (at != NULL) {
        char path[DOC_PATH_MAX];
        nodes++;
        PU_ASSERT(depth <= DOC_DEPTH_MAX);
        PU_ASSERT((at->kind == DOC_TEXT) == (at->text != NULL));
        PU_ASSERT(at->kind != DOC_TEXT || at->first == NULL);
        PU_ASSERT((at->first == NULL) == (at->count == 0));
        bool is_entry = at->parent != NULL && at->parent->kind == DOC_MAP;
        PU_ASSERT(is_entry == (at->key != NULL));
        if (is_entry) PU_ASSERT(doc_get(at->parent, at->key) == at); /* no key twice */
        PU_ASSERT(strlen(doc_path(at, path)) < sizeof path);
        if (at->first != NULL) {
            PU_ASSERT(at->first->parent == at);
            at = at->first;
            depth++;
            continue;
        }
        while (at != root && at->next == NULL) {
            PU_ASSERT(at->parent->last == at);
            at = at->parent;
            depth--;
        }
        at = at == root ? NULL : at->next;
    }
    return nodes;
}

void fuzz_yaml(pu_span bytes)
{
    diag errors = {0};
    bool has_lines = fuzz_u8(&bytes) & 1;
    uint32_t source = diag_source(&errors, "fuzz.yaml");
    doc *d = doc_new();
    const doc_node *root = doc_parse(d, bytes, source, has_lines, &errors);
    PU_ASSERT(root != NULL || errors.count > 0);
    if (root != NULL) PU_ASSERT(check_tree(root) <= DOC_NODES_MAX);
    fuzz_check_diag(&errors);
    doc_free(d);
}

static const char scenario_text[] =
    "scenario: set\n"
    "duration: 60s\n"
    "network: {latency: {rtt: 80ms}, link: {loss: 1%}}\n"
    "nats: {router: {mapping: eim, filtering: apdf, ports: preserve, udp_idle: 65s}}\n"
    "config: {ping_ns: 15000000000}\n"
    "nodes:\n"
    "  relay: {roles: [relay]}\n"
    "  home: {behind: [router], relays: [relay]}\n"
    "groups: {crowd: {count: 3, knows: [relay]}}\n"
    "authorize: [[home, relay]]\n"
    "events:\n"
    "  - {at: 2s, connect: {from: relay, to: home}}\n"
    "expect:\n"
    "  - {name: nothing, never: unauthorized_data}\n";

void fuzz_set(pu_span bytes)
{
    char *texts[WORDS_MAX];
    diag errors = {0};
    uint32_t count = texts_of(bytes, texts);
    scenario *s = scenario_load_text("fuzz.yaml", SPAN_LITERAL(scenario_text),
                                     (const char *const *)texts, count, &errors);
    PU_ASSERT((s == NULL) == (errors.count > 0));
    if (s != NULL) {
        PU_ASSERT(s->node_count <= SCENARIO_NODES_MAX);
        scenario_free(s);
    }
    fuzz_check_diag(&errors);
}

/* ---- numbers, words, options ---- */

void fuzz_quantity(pu_span bytes)
{
    char *texts[WORDS_MAX], why[QUANTITY_WHY_MAX] = "", printed[QUANTITY_PRINT_MAX];
    enum quantity_kind kind =
        (enum quantity_kind)(QUANTITY_DURATION + fuzz_u8(&bytes) % QUANTITY_JUMP);
    uint64_t value = 7, again;
    (void)texts_of(bytes, texts);
    if (!quantity_read(kind, texts[0], &value, why)) {
        PU_ASSERT(value == 7);
        PU_ASSERT(why[0] != '\0' && strlen(why) < sizeof why);
        return;
    }
    if (kind > QUANTITY_COUNT || kind == QUANTITY_SHARE) return; /* these are not printed */
    quantity_print(kind, value, printed);
    PU_ASSERT(quantity_read(kind, printed, &again, why));
    PU_ASSERT(again == value);
}

/* The same count by the whole table, as textbooks have it. */
static unsigned distance_of(const char *a, const char *b, unsigned limit)
{
    static unsigned cost[SUGGEST_WORD_MAX + 1][SUGGEST_WORD_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > SUGGEST_WORD_MAX || b_len > SUGGEST_WORD_MAX) return limit + 1;
    for (size_t i = 0; i <= a_len; i++) {
        for (size_t j = 0; j <= b_len; j++) {
            unsigned best = i == 0 || j == 0 ? (unsigned)(i + j) : UINT32_MAX;
            if (i > 0 && cost[i - 1][j] + 1 < best) best = cost[i - 1][j] + 1;
            if (j > 0 && cost[i][j - 1] + 1 < best) best = cost[i][j - 1] + 1;
            if (i > 0 && j > 0 && cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]) < best)
                best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                cost[i - 2][j - 2] + 1 < best)
                best = cost[i - 2][j - 2] + 1;
            cost[i][j] = best;
        }
    }
    return cost[a_len][b_len] <= limit ? cost[a_len][b_len] : limit + 1;
}

void fuzz_suggest(pu_span bytes)
{
    char *texts[WORDS_MAX], hint[SUGGEST_HINT_MAX];
    unsigned limit = fuzz_u8(&bytes) % 8;
    uint32_t count = texts_of(bytes, texts);
    suggest near;
    suggest_begin(&near, texts[0]);
    for (uint32_t i = 1; i < count; i++) {
        unsigned distance = suggest_distance(texts[0], texts[i], limit);
        PU_ASSERT(distance == distance_of(texts[0], texts[i], limit));
        PU_ASSERT(distance == suggest_distance(texts[i], texts[0], limit));
        if (strcmp(texts[0], texts[i]) != 0) suggest_offer(&near, texts[i]);
    }
    PU_ASSERT(strlen(suggest_hint(&near, hint)) < sizeof hint);
    PU_ASSERT((near.best == NULL) == (hint[0] == '\0'));
}

void fuzz_options(pu_span bytes)
{
    static const option table[] = {{"seed", 0, "N", "a number"},
                                   {"set", 's', "KEY=VALUE", "a change"},
                                   {"json", 0, NULL, "one object"},
                                   {"help", 'h', NULL, "this text"}};
    char *texts[WORDS_MAX];
    uint32_t count = texts_of(bytes, texts);
    options o = {.table = table, .table_count = 4, .argv = texts, .argc = (int)count};
    enum option_kind kind;
    int at = 0;
    while ((kind = options_next(&o)) != OPTION_END && kind != OPTION_WRONG) {
        PU_ASSERT(o.at > at && o.at <= o.argc);
        at = o.at;
        bool wants_value = kind == OPTION_OPERAND || o.which->argument != NULL;
        PU_ASSERT(wants_value == (o.value != NULL));
    }
    PU_ASSERT((kind == OPTION_WRONG) == (o.error[0] != '\0'));
    PU_ASSERT(kind == OPTION_WRONG || o.at == o.argc);
}

/* The words of a command line, up to where its file turns out not to be there. */
void fuzz_cli(pu_span bytes)
{
    static const cli_command *const commands[] = {&cli_run, &cli_lint, &cli_replay, &cli_version,
                                                  &cli_calibrate};
    static FILE *nothing;
    char *texts[WORDS_MAX], *words[WORDS_MAX + 1], nowhere[] = "/nowhere/file";
    const cli_command *c = commands[fuzz_u8(&bytes) % 5];
    uint32_t count = 0, text_count = texts_of(bytes, texts);
    FILE *out = stdout, *err = stderr;
    if (nothing == NULL) nothing = fopen("/dev/null", "w");
    PU_ASSERT(nothing != NULL);
    if (c != &cli_version) words[count++] = nowhere;
    for (uint32_t i = 0; i < text_count; i++) words[count++] = texts[i];
    stdout = stderr = nothing;
    int code = c->run(c, (int)count, words);
    stdout = out;
    stderr = err;
    PU_ASSERT(code == CLI_USAGE || code == CLI_DONE);
}

/* ---- files ---- */

void fuzz_lengths(pu_span bytes)
{
    static scenario s;
    diag errors = {0};
    diag_source(&errors, "fuzz.yaml");
    reader r = {.s = &s, .errors = &errors};
    scenario_group group = {.count = 1};
    doc_node map = {.kind = DOC_MAP, .count = 1};
    doc_node node = {.kind = DOC_TEXT, .key = "trace", .parent = &map};
    node.text = fuzz_file_with(bytes, "");
    map.first = map.last = &node;
    read_churn(&r, &map, &group);
    PU_ASSERT(errors.count > 0 || group.on.count > 0);
    PU_ASSERT(errors.count > 0 || group.off.count == group.on.count);
    for (uint32_t i = 0; i < group.on.count; i++)
        PU_ASSERT(group.on.lengths[i] <= QUANTITY_DURATION_MAX);
    free(group.on.lengths);
    free(group.off.lengths);
    fuzz_check_diag(&errors);
}

void fuzz_repro(pu_span bytes)
{
    static repro r;
    char error[256] = "";
    if (!repro_read(&r, bytes, error, sizeof error)) {
        PU_ASSERT(error[0] != '\0');
        PU_ASSERT(r.json == NULL);
        return;
    }
    PU_ASSERT(r.scenario != NULL && r.seed <= INT64_MAX);
    PU_ASSERT(r.set_count <= REPRO_SETS_MAX);
    for (uint32_t i = 0; i < r.set_count; i++) PU_ASSERT(r.sets[i] != NULL);
    PU_ASSERT(strlen(r.build) < sizeof r.build);
    repro_free(&r);
}

/* ---- packets of the model transport ---- */

static void check_frames(pu_span frames)
{
    uint8_t memory[PACKET_MAX + FRAME_DATA_HEAD];
    frame f;
    pu_span rest = frames;
    for (pu_span before = rest; frame_next(&rest, &f); before = rest) {
        pu_buf out = buf_of(memory, sizeof memory);
        frame_put(&out, &f);
        PU_ASSERT(!out.full);
        PU_ASSERT(span_equal(buf_span(&out), span_head(before, before.len - rest.len)));
        PU_ASSERT(f.offset < FRAME_OFFSET_MAX);
        if (f.kind != FRAME_ACK) continue;
        uint64_t highest = frame_acks_highest(&f);
        PU_ASSERT(frame_acks(&f, highest) && !frame_acks(&f, highest + 1));
    }
}

void fuzz_packet(pu_span bytes)
{
    uint8_t written[PACKET_MAX];
    packet p, again;
    uint32_t key = fuzz_u16(&bytes);
    if (!packet_read(&p, bytes)) return;
    check_frames(p.frames);
    size_t len = packet_write(written, &p, bytes.len, key);
    PU_ASSERT(len == bytes.len);
    PU_ASSERT(packet_read(&again, span_of(written, len)));
    PU_ASSERT(packet_is_proven(span_of(written, len), key));
    PU_ASSERT(!packet_is_proven(span_of(written, len), key + 1));
    PU_ASSERT(p.kind == again.kind && p.to == again.to && p.from == again.from);
    PU_ASSERT(p.nonce == again.nonce && p.code == again.code && p.number == again.number);
    PU_ASSERT(p.peer.len == again.peer.len);
    PU_ASSERT(memcmp(p.peer.bytes, again.peer.bytes, p.peer.len) == 0);
    PU_ASSERT(span_equal(p.frames, again.frames));
}
