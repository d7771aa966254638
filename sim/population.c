/* sim/population.c - boxes drawn from the shares of a measured population. */
#include "sim/population.h"

#include "sim/dist.h"

nat_type population_draw(rng *r, rng *tcp, const scenario_group *g)
{
    static const struct {
        enum nat_mapping mapping;
        enum nat_filtering filtering;
        bool blocks_udp;
    } kinds[5] = {
        {NAT_EIM, NAT_EIF, false},   {NAT_EIM, NAT_ADF, false}, {NAT_EIM, NAT_APDF, false},
        {NAT_APDM, NAT_APDF, false}, {NAT_EIM, NAT_APDF, true},
    };
    static const enum nat_ports ports[3] = {NAT_PRESERVE, NAT_SEQUENTIAL, NAT_RANDOM};
    uint32_t kind = dist_weighted(r, g->mix_weight_ppm, 5);
    uint32_t port = dist_weighted(r, g->mix_ports_ppm, 3);
    uint64_t idle = dist_quantiles(r, g->mix_idle_ns[0], g->mix_idle_ns[1], g->mix_idle_ns[2]);
    bool resets = dist_loss(tcp, g->mix_syn_reset_ppm);
    bool crosses = dist_loss(tcp, g->mix_crossing_ppm);
    return (nat_type){
        .mapping = kinds[kind].mapping,
        .filtering = kinds[kind].filtering,
        .ports = ports[port],
        .udp_idle_ns = idle,
        .hairpin = dist_loss(r, g->mix_hairpin_ppm) ? NAT_HAIRPIN_EXTERNAL : NAT_HAIRPIN_NONE,
        .blocks_udp = kinds[kind].blocks_udp,
        .unsolicited = resets ? NAT_SYN_RESET : NAT_SYN_DROP,
        .no_crossing = !crosses,
    };
}
