/* sim/nat_profiles.c - kinds of boxes that scenarios name instead of describing them. Time-outs are
 * those that were measured most often (Richter et al., IMC 2016); a VPN's server translates as
 * strictly as carriers in phone networks do. Its MTU is WireGuard's: 1,500 bytes without 80 of
 * headers (J. Donenfeld, WireGuard mailing list, 18 December 2016).
 */
#include "sim/nat.h"

#define HOME_TYPE \
    .mapping = NAT_EIM, .filtering = NAT_APDF, .ports = NAT_PRESERVE, .udp_idle_ns = 65 * PU_S
#define OFFICE_TYPE                                                                           \
    .mapping = NAT_EIM, .filtering = NAT_APDF, .ports = NAT_RANDOM, .udp_idle_ns = 60 * PU_S, \
    .tcp_idle_ns = 3600 * PU_S
#define STRICT_TYPE \
    .mapping = NAT_APDM, .filtering = NAT_APDF, .ports = NAT_RANDOM, .udp_idle_ns = 60 * PU_S

static const nat_profile profiles[] = {
    {"home", {HOME_TYPE}},
    {"symmetric", {STRICT_TYPE}},
    {"carrier",
     {.mapping = NAT_EIM,
      .filtering = NAT_APDF,
      .ports = NAT_BLOCK,
      .block_ports = 512,
      .addresses = 4,
      .hairpin = NAT_HAIRPIN_EXTERNAL,
      .own_links = true,
      .udp_idle_ns = 35 * PU_S}},
    {"hotspot",
     {.mapping = NAT_EIM,
      .filtering = NAT_APDF,
      .ports = NAT_RANDOM,
      .udp_idle_ns = 30 * PU_S,
      .udp_answered_ns = 180 * PU_S}},
    {"udp_blocked", {OFFICE_TYPE, .blocks_udp = true}},
    {"tcp_443", {OFFICE_TYPE, .blocks_udp = true, .is_tcp_443 = true}},
    {"only_443", {OFFICE_TYPE, .is_udp_443 = true, .is_tcp_443 = true}},
    {"vpn", {STRICT_TYPE, .tunnel_ns = 20 * PU_MS, .tunnel_mtu = 1420}},
};

/* REC-14: five minutes; REC-34: who calls in vain hears of it after six seconds. */
const nat_type nat_firewall = {
    .mapping = NAT_EIM,
    .ports = NAT_PRESERVE,
    .udp_idle_ns = 300 * PU_S,
    .unsolicited = NAT_SYN_LATE_UNREACHABLE,
    .is_filter = true,
};

_Static_assert(sizeof profiles / sizeof profiles[0] <= NAT_PROFILES_MAX, "their readers have room");

const nat_profile *nat_profile_at(uint32_t index)
{
    return index < sizeof profiles / sizeof profiles[0] ? &profiles[index] : NULL;
}
