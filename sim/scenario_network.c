/* sim/scenario_network.c - `network:`: where delay comes from, and what access links do. */
#include "base/mix.h"

#include "sim/file.h"
#include "sim/scenario_impl.h"

#include <stdlib.h>

enum { MATRIX_BYTES_MAX = 64 << 20, MATRIX_HASH_SEED = 0x6d617472 };

/* Reads the latency file: it must be good, and the run's hash depends on its bytes. */
static void read_matrix(reader *r, const doc_node *node)
{
    char why[256];
    size_t len;
    mix128 hash;
    const char *name = read_text(r, node);
    if (name == NULL) return;
    if (!file_beside(r->s->path, name, r->s->matrix, sizeof r->s->matrix)) {
        read_error(r, node, "the path is too long");
        return;
    }
    uint8_t *bytes = file_read(r->s->matrix, MATRIX_BYTES_MAX, &len, why, sizeof why);
    if (bytes == NULL) {
        read_error(r, node, "%s %s", r->s->matrix, why);
        return;
    }
    mix_init(&hash, MATRIX_HASH_SEED);
    mix_bytes(&hash, bytes, len);
    mix_result(&hash, r->matrix_hash);
    topo *sites = topo_parse(r->s->matrix, (const char *)bytes, len, why, sizeof why);
    free(bytes);
    if (sites == NULL) {
        read_error(r, node, "%s", why);
        return;
    }
    r->sites = topo_sites(sites);
    topo_free(sites);
}

static void read_latency(reader *r, const doc_node *node)
{
    static const key_rule rules[] = {{"matrix", false}, {"rtt", false}, {"access", false}};
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    const doc_node *matrix = doc_get(node, "matrix"), *rtt = doc_get(node, "rtt");
    if ((matrix == NULL) == (rtt == NULL)) read_error(r, node, "it has either 'matrix' or 'rtt'");
    else if (matrix != NULL) read_matrix(r, matrix);
    else read_quantity(r, rtt, QUANTITY_DURATION, &r->s->rtt_ns);
    read_quantity(r, doc_get(node, "access"), QUANTITY_DURATION, &r->s->link.access_ns);
}

static void read_bps(reader *r, const doc_node *node, uint64_t *bps)
{
    if (read_quantity(r, node, QUANTITY_RATE, bps) && *bps == 0)
        read_error(r, node, "a link of no rate carries nothing; without the key it is unlimited");
}

static void read_link(reader *r, const doc_node *node)
{
    static const key_rule rules[] = {
        {"loss", false}, {"jitter", false}, {"up", false}, {"down", false}, {"queue", false},
    };
    net_link *link = &r->s->link;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    read_u32(r, doc_get(node, "loss"), QUANTITY_SHARE, UINT32_MAX, &link->loss_ppm);
    read_quantity(r, doc_get(node, "jitter"), QUANTITY_DURATION, &link->jitter_ns);
    read_bps(r, doc_get(node, "up"), &link->up_bps);
    read_bps(r, doc_get(node, "down"), &link->down_bps);
    read_quantity(r, doc_get(node, "queue"), QUANTITY_DURATION, &link->queue_ns);
}

void read_network(reader *r, const doc_node *node)
{
    static const key_rule rules[] = {{"latency", true}, {"link", false}, {"refuses", false}};
    r->sites = SCENARIO_NODES_MAX; /* any, when all are equally far apart */
    r->s->link.queue_ns = 100 * PU_MS;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    read_latency(r, doc_get(node, "latency"));
    read_link(r, doc_get(node, "link"));
    read_switch(r, doc_get(node, "refuses"), &r->s->refuses);
}
