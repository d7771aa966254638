/* sim/nat_matrix.c - writes the scenario of each cell, runs it, and keeps what came of it. */
#include "sim/nat_matrix.h"

#include "sim/run.h"
#include "sim/scenario_load.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 2048 };

static const char scenario_text[] =
    "scenario: nat-matrix\n"
    "duration: 75s\n"
    "fidelity: %s\n"
    "network:\n"
    "  latency: {rtt: %dms, access: %dms}\n"
    "nats:\n"
    "  a: {mapping: %s, filtering: %s, ports: %s, udp_idle: 120s, hairpin: %s}\n"
    "  b: {mapping: %s, filtering: %s, ports: %s, udp_idle: 120s, hairpin: %s}\n"
    "nodes:\n"
    "  relay: {at: 0, roles: [relay]}\n"
    "  one: {at: 1, behind: [a], relays: [relay]}\n"
    "  two: {at: 2, behind: [b], relays: [relay]}\n"
    "authorize: [[one, two]]\n"
    "events:\n"
    "  - {at: 10s, connect: {from: one, to: two}}\n";

static nat_kind kind_at(uint32_t index)
{
    return (nat_kind){(enum nat_mapping)(NAT_EIM + index / NAT_APDF),
                      (enum nat_filtering)(NAT_EIF + index % NAT_APDF)};
}

static scenario *scenario_of(const nat_matrix *m, const nat_cell *cell)
{
    char text[TEXT_MAX];
    diag errors = {0};
    const char *ports = nat_ports_name(m->ports);
    const char *hairpin = cell->hairpin ? "true" : "false";
    int len = snprintf(text, sizeof text, scenario_text, m->is_wire ? "wire" : "model",
                       NAT_MATRIX_RTT_MS, NAT_MATRIX_ACCESS_MS, nat_mapping_name(cell->a.mapping),
                       nat_filtering_name(cell->a.filtering), ports, hairpin,
                       nat_mapping_name(cell->b.mapping), nat_filtering_name(cell->b.filtering),
                       ports, hairpin);
    PU_ASSERT(len > 0 && (size_t)len < sizeof text);
    pu_span whole = {(const uint8_t *)text, (size_t)len};
    scenario *s = scenario_load_text("nat-matrix", whole, NULL, 0, &errors);
    PU_ASSERT(s != NULL);
    diag_free(&errors);
    return s;
}

static void take_result(nat_cell *cell, const run_result *result)
{
    cell->took_ns = PU_NEVER;
    for (uint32_t i = 0; i < result->connection_count; i++) {
        const run_connection *c = &result->connections[i];
        if (c->usable != PU_NEVER && cell->result == NAT_CELL_NONE) cell->result = NAT_CELL_RELAY;
        if (c->direct == PU_NEVER || cell->result == NAT_CELL_DIRECT) continue;
        cell->result = NAT_CELL_DIRECT;
        cell->took_ns = c->direct - c->asked;
    }
}

static bool cell_run(const nat_matrix *m, nat_cell *cell)
{
    run_options options = {.seed = m->seed, .log = RUN_LOG_NONE, .record_node = SCENARIO_ANY};
    run_result result;
    scenario *s = scenario_of(m, cell);
    bool is_good = run_scenario(s, &options, &result) == 0;
    if (is_good) {
        take_result(cell, &result);
        run_result_free(&result);
    }
    scenario_free(s);
    return is_good;
}

bool nat_matrix_run(nat_matrix *m)
{
    for (uint32_t i = 0; i < NAT_CELLS; i++) {
        uint32_t pair = i % NAT_PAIRS;
        m->cells[i] = (nat_cell){.a = kind_at(pair / NAT_KINDS),
                                 .b = kind_at(pair % NAT_KINDS),
                                 .hairpin = i >= NAT_PAIRS};
        if (!cell_run(m, &m->cells[i])) return false;
    }
    return true;
}

const char *nat_cell_name(enum nat_cell_result result)
{
    switch (result) {
    case NAT_CELL_NONE: return "none";
    case NAT_CELL_RELAY: return "relay";
    case NAT_CELL_DIRECT: return "direct";
    }
    PU_NEVER_HERE();
}
