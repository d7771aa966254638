/* sim_fuzz.c - files that people write: scenarios, latency matrices, tables of NATs. */
#include "tests/fuzz/sim_fuzz.h"
#include "sim/scenario_impl.h"
#include "sim/scenario_load.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_check_diag(diag *errors)
{
    diag_sort(errors);
    for (uint32_t i = 0; i < errors->count; i++) {
        const char *text = errors->entries[i].text;
        PU_ASSERT(text[0] != '\0');
        for (; *text != '\0'; text++) PU_ASSERT((unsigned char)*text >= ' ');
    }
    diag_free(errors);
}

void fuzz_scenario(pu_span bytes)
{
    diag errors = {0};
    scenario *s = scenario_load_text("fuzz.yaml", bytes, NULL, 0, &errors);
    PU_ASSERT((s == NULL) == (errors.count > 0));
    if (s != NULL) {
        PU_ASSERT(s->node_count <= SCENARIO_NODES_MAX);
        scenario_free(s);
    }
    fuzz_check_diag(&errors);
}

void fuzz_matrix(pu_span bytes)
{
    char error[256] = "";
    topo *t = topo_parse("fuzz.tsv", (const char *)bytes.base, bytes.len, error, sizeof error);
    PU_ASSERT((t == NULL) == (error[0] != '\0'));
    if (t == NULL) return;
    uint32_t last = topo_sites(t) - 1;
    PU_ASSERT(topo_rtt_ns(t, last, last) == 0);
    PU_ASSERT(last == 0 || topo_rtt_ns(t, 0, last) > 0);
    topo_free(t);
}

/* One is kept open, in memory where that is possible, and its path leads to it. */
static FILE *only_file(void)
{
    static FILE *file;
    char path[] = "/dev/shm/peerup-fuzz-XXXXXX";
    if (file != NULL) return file;
    int fd = mkstemp(path);
    if (fd >= 0) unlink(path);
    file = fd >= 0 ? fdopen(fd, "w+b") : tmpfile();
    PU_ASSERT(file != NULL);
    return file;
}

const char *fuzz_file_with(pu_span bytes, const char *tail)
{
    static char path[64];
    FILE *file = only_file();
    rewind(file);
    bool is_empty = ftruncate(fileno(file), 0) == 0;
    PU_ASSERT(is_empty);
    if (bytes.len > 0) {
        size_t put = fwrite(bytes.base, 1, bytes.len, file);
        PU_ASSERT(put == bytes.len);
    }
    fflush(file);
    snprintf(path, sizeof path, "/proc/self/fd/%d%s", fileno(file), tail);
    return path;
}

void fuzz_profiles(pu_span bytes)
{
    static scenario s;
    if (bytes.len == 0) return;
    diag errors = {0};
    diag_source(&errors, "fuzz.yaml");
    reader r = {.s = &s, .errors = &errors};
    scenario_group group = {.count = 1};
    doc_node node = {.kind = DOC_TEXT, .text = fuzz_file_with(bytes, "#mixed")};
    read_mix(&r, &node, &group);
    if (errors.count == 0) {
        uint64_t sum = 0;
        for (int i = 0; i < 5; i++) sum += group.mix_weight_ppm[i];
        PU_ASSERT(group.has_mix);
        PU_ASSERT(sum == 1000000);
        PU_ASSERT(group.mix_idle_ns[0] <= group.mix_idle_ns[2]);
    }
    fuzz_check_diag(&errors);
}
