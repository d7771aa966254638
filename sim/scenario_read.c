/* sim/scenario_read.c - a scenario file from its bytes to a checked scenario. */
#include "base/bytes.h"

#include "sim/file.h"
#include "sim/mem.h"
#include "sim/scenario_impl.h"
#include "sim/scenario_load.h"
#include "sim/scenario_near.h"
#include "sim/yaml_set.h"

enum { SET_BYTES_MAX = 4096 };

static void read_fidelity(reader *r, const doc_node *node)
{
    static const char *const words[] = {"model", "wire"};
    uint32_t word;
    if (node != NULL && read_word(r, node, words, 2, &word)) r->s->is_wire = word == 1;
}

static void read_crypto(reader *r, const doc_node *node)
{
    static const char *const words[] = {"real", "model"};
    uint32_t word;
    if (node == NULL || !read_word(r, node, words, 2, &word)) return;
    r->s->is_model_crypto = word == 1;
    if (r->s->is_model_crypto && r->s->is_wire)
        read_error(r, node, "real packets need real cryptography: fidelity is wire");
}

static void read_head(reader *r, const doc_node *root)
{
    scenario *s = r->s;
    const doc_node *about = doc_get(root, "about"), *duration = doc_get(root, "duration");
    read_name(r, doc_get(root, "scenario"), s->name);
    const char *text = read_text(r, about);
    if (text != NULL && strlen(text) >= sizeof s->about)
        read_error(r, about, "it is longer than %zu bytes", sizeof s->about - 1);
    else if (text != NULL) memcpy(s->about, text, strlen(text) + 1);
    if (read_quantity(r, duration, QUANTITY_DURATION, &s->duration_ns) && s->duration_ns == 0)
        read_error(r, duration, "a run takes some time");
    read_fidelity(r, doc_get(root, "fidelity"));
    read_crypto(r, doc_get(root, "crypto"));
}

/* Sections that are not there though they may be meant to be, or are no sections. */
static void find_gaps(reader *r, const doc_node *root, bool is_odd)
{
    static const struct {
        const char *key;
        enum gap gap;
        enum doc_kind kind;
    } sections[] = {{"nodes", GAP_NODES, DOC_MAP}, {"groups", GAP_GROUPS, DOC_MAP},
                    {"nats", GAP_NATS, DOC_MAP},   {"firewalls", GAP_WALLS, DOC_MAP},
                    {"links", GAP_LINKS, DOC_MAP}, {"events", GAP_EVENTS, DOC_LIST}};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const doc_node *section = doc_get(root, sections[i].key);
        bool is_gap = section != NULL ? section->kind != sections[i].kind
                                      : is_odd || sections[i].gap == GAP_NODES;
        const doc_node *n = section != NULL && section->kind == DOC_MAP ? section->first : NULL;
        for (; n != NULL; n = n->next) is_gap |= n->kind != DOC_MAP; /* told where it is read */
        if (is_gap) r->gaps |= sections[i].gap;
    }
}

static void read_root(reader *r, const doc_node *root)
{
    static const key_rule rules[] = {
        {"scenario", true}, {"about", false},  {"duration", true}, {"fidelity", false},
        {"crypto", false},  {"network", true}, {"links", false},   {"nats", false},
        {"nodes", true},    {"groups", false}, {"config", false},  {"authorize", false},
        {"events", false},  {"expect", false}, {"swarm", false},   {"firewalls", false},
    };
    if (!read_map(r, root, rules, sizeof rules / sizeof rules[0])) return;
    find_gaps(r, root, has_unknown_key(root, rules, sizeof rules / sizeof rules[0]));
    read_head(r, root);
    read_network(r, doc_get(root, "network"));
    read_links(r, doc_get(root, "links"));
    read_nats(r, doc_get(root, "nats"), doc_get(root, "firewalls"));
    read_nodes(r, doc_get(root, "nodes"), doc_get(root, "groups"));
    read_config(r, doc_get(root, "config"), &r->s->settings, &r->s->setting_count);
    read_authorize(r, doc_get(root, "authorize"));
    read_events(r, doc_get(root, "events"));
    check_links(r);
    read_swarm(r, doc_get(root, "swarm"));
    read_expects(r, doc_get(root, "expect"));
    check_families(r);
    read_shared(r);
}

static void apply(doc *d, doc_node *root, const char *override, diag *errors)
{
    char name[SET_BYTES_MAX];
    snprintf(name, sizeof name, "--set %s", override);
    uint32_t source = diag_source(errors, name);
    if (strlen(override) >= SET_BYTES_MAX) {
        diag_add(errors, (diag_place){source, 0, 0}, "it is longer than %d bytes",
                 SET_BYTES_MAX - 1);
        return;
    }
    doc_set(d, root, override, source, errors);
}

static scenario *build(const char *path, const doc_node *root, diag *errors)
{
    reader r = {.s = sim_alloc(sizeof(scenario)), .errors = errors};
    memcpy(r.s->path, path, strlen(path) + 1);
    names_init(&r.node_names);
    names_init(&r.shared_names);
    names_init(&r.shared_walls);
    for (int i = 0; i < THINGS; i++) names_init(&r.told[i]);
    read_root(&r, root);
    names_close(&r.node_names);
    names_close(&r.shared_names);
    names_close(&r.shared_walls);
    for (int i = 0; i < THINGS; i++) names_close(&r.told[i]);
    free(r.shared);
    free(r.events);
    free(r.expects);
    topo_free(r.regions);
    if (errors->count == 0) {
        scenario_hash(r.s, r.matrix_hash);
        return r.s;
    }
    scenario_free(r.s);
    return NULL;
}

/* Parses, overrides and builds; source 0 is the file. */
static scenario *load(const char *path, pu_span text, const char *const *overrides,
                      uint32_t override_count, diag *errors)
{
    scenario *s = NULL;
    doc *d = doc_new();
    doc_node *root = doc_parse(d, text, 0, true, errors);
    for (uint32_t i = 0; root != NULL && i < override_count; i++)
        apply(d, root, overrides[i], errors);
    if (root != NULL) s = build(path, root, errors);
    doc_free(d);
    diag_sort(errors);
    PU_ASSERT((s == NULL) == (errors->count > 0));
    return s;
}

scenario *scenario_load_text(const char *path, pu_span text, const char *const *overrides,
                             uint32_t override_count, diag *errors)
{
    PU_ASSERT(errors->source_count == 0);
    uint32_t source = diag_source(errors, path);
    if (strlen(path) >= SCENARIO_PATH_MAX) {
        diag_add(errors, (diag_place){source, 0, 0}, "the path is too long");
        return NULL;
    }
    return load(path, text, overrides, override_count, errors);
}

scenario *scenario_load(const char *path, const char *const *overrides, uint32_t override_count,
                        diag *errors)
{
    char why[256], hint[256];
    size_t len;
    PU_ASSERT(errors->source_count == 0);
    uint8_t *bytes = file_read(path, SCENARIO_FILE_MAX, &len, why, sizeof why);
    if (bytes == NULL) {
        diag_add(errors, (diag_place){diag_source(errors, path), 0, 0}, "%s%s", why,
                 scenario_near(path, hint, sizeof hint));
        return NULL;
    }
    scenario *s = scenario_load_text(path, span_of(bytes, len), overrides, override_count, errors);
    free(bytes);
    return s;
}

scenario *scenario_read(const char *path, const char *const *overrides, uint32_t override_count,
                        void *errors_file)
{
    diag errors = {0};
    scenario *s = scenario_load(path, overrides, override_count, &errors);
    diag_print(&errors, errors_file);
    diag_free(&errors);
    return s;
}
