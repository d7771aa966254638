/* sim/cmd_nat_matrix.c - `peerup-sim nat-matrix`: the table of all pairs of NATs, as text, JSON and
 * heat map. */
#include "analysis/plot_matrix.h"
#include "sim/cli.h"
#include "sim/json.h"
#include "sim/nat_matrix.h"
#include "sim/quantity.h"

#include <string.h>

typedef struct request {
    nat_matrix matrix;
    const char *svg; /* path of the heat map; NULL: none */
    bool is_json;
} request;

/* ---- the command line ---- */

static bool take_ports(const cli_command *self, const char *word, nat_matrix *m)
{
    m->ports = nat_ports_parse(word);
    if (m->ports != 0) return true;
    cli_wrong(self, "--ports: unknown word '%s', use preserve, parity, sequential, random or block",
              word);
    return false;
}

static bool take_transport(const cli_command *self, const char *word)
{
    if (strcmp(word, "quic") == 0) return true;
    if (strcmp(word, "tcp") == 0)
        cli_wrong(self,
                  "--transport: peerup does not punch holes by TCP, so there is no matrix of it");
    else cli_wrong(self, "--transport: unknown word '%s', use quic", word);
    return false;
}

static bool take_fidelity(const cli_command *self, const char *word, nat_matrix *m)
{
    m->is_wire = strcmp(word, "wire") == 0;
    if (m->is_wire || strcmp(word, "model") == 0) return true;
    cli_wrong(self, "--fidelity: unknown word '%s', use model or wire", word);
    return false;
}

static bool take_seed(const cli_command *self, const char *word, nat_matrix *m)
{
    char why[QUANTITY_WHY_MAX];
    if (quantity_read(QUANTITY_COUNT, word, &m->seed, why)) return true;
    cli_wrong(self, "--seed: %s", why);
    return false;
}

static bool take(const cli_command *self, const options *o, request *q)
{
    const char *name = o->which->name;
    if (strcmp(name, "ports") == 0) return take_ports(self, o->value, &q->matrix);
    if (strcmp(name, "transport") == 0) return take_transport(self, o->value);
    if (strcmp(name, "fidelity") == 0) return take_fidelity(self, o->value, &q->matrix);
    if (strcmp(name, "seed") == 0) return take_seed(self, o->value, &q->matrix);
    if (strcmp(name, "svg") == 0) q->svg = o->value;
    if (strcmp(name, "json") == 0) q->is_json = true;
    return true;
}

/* ---- results ---- */

static const char *kind_name(nat_kind kind, char out[32])
{
    snprintf(out, 32, "%s/%s", nat_mapping_name(kind.mapping), nat_filtering_name(kind.filtering));
    return out;
}

static json_t *cell_json(const nat_matrix *m, const nat_cell *cell)
{
    char a[32], b[32];
    const char *ports = nat_ports_name(m->ports);
    return json_pack("{s:o, s:o, s:b, s:s, s:b, s:o}", "a",
                     json_sprintf("%s/%s", kind_name(cell->a, a), ports), "b",
                     json_sprintf("%s/%s", kind_name(cell->b, b), ports), "hairpin", cell->hairpin,
                     "result", nat_cell_name(cell->result), "predicted", 0, "direct_s",
                     sim_json_seconds(cell->took_ns));
}

static void print_json(const nat_matrix *m)
{
    json_t *cells = json_array();
    for (uint32_t i = 0; i < NAT_CELLS; i++)
        json_array_append_new(cells, cell_json(m, &m->cells[i]));
    sim_json_print(json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "schema", "peerup.natmatrix/1",
                             "transport", "quic", "fidelity", m->is_wire ? "wire" : "model", "seed",
                             (json_int_t)m->seed, "round_trip_s",
                             sim_json_seconds(NAT_MATRIX_ROUND_TRIP_MS * PU_MS), "cells", cells),
                   stdout);
}

/* Rows are who asks. */
static void print_table(const nat_cell *cells)
{
    char name[32];
    printf("%-10s", "");
    for (uint32_t b = 0; b < NAT_KINDS; b++) printf(" %-9s", kind_name(cells[b].b, name));
    putchar('\n');
    for (uint32_t a = 0; a < NAT_KINDS; a++, cells += NAT_KINDS) {
        printf("%-10s", kind_name(cells->a, name));
        for (uint32_t b = 0; b < NAT_KINDS; b++) printf(" %-9s", nat_cell_name(cells[b].result));
        putchar('\n');
    }
}

static uint32_t count_direct(const nat_cell *cells)
{
    uint32_t direct = 0;
    for (uint32_t i = 0; i < NAT_PAIRS; i++) direct += cells[i].result == NAT_CELL_DIRECT;
    return direct;
}

static void print_text(const nat_matrix *m)
{
    const nat_cell *without = m->cells, *with = m->cells + NAT_PAIRS;
    const uint32_t pairs = NAT_PAIRS;
    uint32_t differ = 0;
    for (uint32_t i = 0; i < pairs; i++) differ += with[i].result != without[i].result;
    puts("mapping/filtering of who asks (rows) and who is asked; ei, ad, apd: "
         "endpoint-independent,");
    printf(
        "address-dependent, address-and-port-dependent; ports: %s; round trip %d ms between all\n",
        nat_ports_name(m->ports), NAT_MATRIX_ROUND_TRIP_MS);
    print_table(without);
    printf("%u of %u pairs direct", count_direct(without), pairs);
    if (differ == 0) {
        puts(", and the same with hairpin");
        return;
    }
    puts("; with hairpin:");
    print_table(with);
    printf("%u of %u pairs direct; hairpin makes a difference in %u\n", count_direct(with), pairs,
           differ);
}

static bool draw(const nat_matrix *m, const char *path)
{
    matrix_figure figure = {.size = NAT_KINDS, .round_trip_ms = NAT_MATRIX_ROUND_TRIP_MS};
    for (uint32_t i = 0; i < NAT_KINDS; i++) kind_name(m->cells[i].b, figure.names[i]);
    for (uint32_t i = 0; i < NAT_PAIRS; i++) figure.took_ns[i] = m->cells[i].took_ns;
    return matrix_figure_draw(&figure, path, stderr);
}

static int run(const cli_command *self, int argc, char *const *argv)
{
    options o = cli_options(self, argc, argv);
    enum option_kind kind;
    int code;
    request q = {.matrix = {.ports = NAT_RANDOM, .seed = 1}};
    while (cli_next(self, &o, &kind, &code)) {
        if (kind == OPTION_OPERAND) return cli_wrong(self, "'%s' is too much", o.value);
        if (!take(self, &o, &q)) return CLI_USAGE;
    }
    if (code >= 0) return code;
    if (!nat_matrix_run(&q.matrix)) return CLI_UNEXPECTED;
    if (q.is_json) print_json(&q.matrix);
    else print_text(&q.matrix);
    if (q.svg == NULL) return CLI_DONE;
    if (!draw(&q.matrix, q.svg)) return CLI_UNEXPECTED;
    if (!q.is_json) printf("figure: %s\n", q.svg);
    return CLI_DONE;
}

static const option table[] = {
    {"transport", 0, "quic", "what punches holes (quic)"},
    {"fidelity", 0, "model|wire", "how packets are made (model)"},
    {"ports", 0, "WORD",
     "how boxes choose ports: preserve, parity, sequential, random, block (random)"},
    {"seed", 0, "N", "of all runs (1)"},
    {"svg", 0, "FILE", "a heat map of how long it took, by gnuplot"},
    {"json", 0, NULL, "one JSON object: peerup.natmatrix/1"},
    {"help", 'h', NULL, "this text"},
};

const cli_command cli_nat_matrix = {
    "nat-matrix",
    "",
    "which pairs of NATs come to a direct connection: all mappings and filterings",
    table,
    sizeof table / sizeof table[0],
    run,
    "Nine kinds of box on each side, with and without hairpin: 162 runs. docs/nat.md explains "
    "it.\n",
};
