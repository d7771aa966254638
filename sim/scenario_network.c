/* sim/scenario_network.c - `network:`: where delay comes from, and what access links do. */
#include "base/mix.h"

#include "sim/scenario_impl.h"

#include <stdlib.h>

enum { MATRIX_BYTES_MAX = 64 << 20, MATRIX_HASH_SEED = 0x6d617472 };

#define RTT_MAX (60 * PU_S) /* as in a latency file */

/* Reads the latency file: it must be good, and the run's hash depends on its bytes. */
static void read_latency_file(reader *r, const doc_node *node, bool has_regions)
{
    char why[256];
    size_t len;
    mix128 hash;
    scenario *s = r->s;
    s->has_regions = has_regions;
    uint8_t *bytes = read_beside(r, node, MATRIX_BYTES_MAX, s->matrix, &len);
    if (bytes == NULL) return;
    mix_init(&hash, MATRIX_HASH_SEED);
    mix_bytes(&hash, bytes, len);
    mix_result(&hash, r->matrix_hash);
    topo *sites = has_regions
                      ? topo_parse_regions(s->matrix, (const char *)bytes, len, why, sizeof why)
                      : topo_parse(s->matrix, (const char *)bytes, len, why, sizeof why);
    free(bytes);
    if (sites == NULL) {
        read_error(r, node, "%s", why);
        return;
    }
    r->sites = topo_sites(sites);
    if (has_regions) r->regions = sites;
    else topo_free(sites);
}

static void read_latency(reader *r, const doc_node *node)
{
    static const key_rule rules[] = {
        {"matrix", false}, {"regions", false}, {"rtt", false}, {"access", false}};
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    const doc_node *matrix = doc_get(node, "matrix"), *regions = doc_get(node, "regions");
    const doc_node *rtt = doc_get(node, "rtt");
    int ways = (matrix != NULL) + (regions != NULL) + (rtt != NULL);
    bool is_odd = has_unknown_key(node, rules, sizeof rules / sizeof rules[0]);
    if (ways != 1 && (ways > 1 || !is_odd))
        read_error(r, node, "it has either 'matrix' or 'regions' or 'rtt'");
    else if (ways == 0) return;
    else if (rtt != NULL) {
        r->sites = SCENARIO_NODES_MAX; /* any: all are equally far apart */
        if (read_quantity(r, rtt, QUANTITY_DURATION, &r->s->rtt_ns) && r->s->rtt_ns > RTT_MAX)
            read_error(r, rtt, "'%s' is too long, at most 1min", rtt->text);
    } else read_latency_file(r, matrix != NULL ? matrix : regions, regions != NULL);
    read_delay(r, doc_get(node, "access"), &r->latency_access_ns);
    r->s->link.link.access_ns = r->latency_access_ns;
}

void read_network(reader *r, const doc_node *node)
{
    static const key_rule rules[] = {{"latency", true}, {"link", false}, {"refuses", false}};
    r->s->link.link.queue_ns = LINK_QUEUE_NS;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    read_latency(r, doc_get(node, "latency"));
    const doc_node *link = doc_get(node, "link");
    if (link != NULL) read_link(r, link, &r->s->link);
    read_switch(r, doc_get(node, "refuses"), &r->s->refuses);
}
