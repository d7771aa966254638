/* sim/nat_probe.c - the questions of behaviour discovery, one after the other. */
#include "sim/nat_probe.h"

#include "base/bytes.h"

#include <string.h>

/* In this order; some are left out when an earlier one has told enough. */
enum question {
    ASK_MAPPING_1 = 0, /* the server */
    ASK_MAPPING_2,     /* its other address, the same port */
    ASK_MAPPING_3,     /* its other address and port */
    ASK_FILTERING_1,   /* the server: it may answer from where it was asked */
    ASK_FILTERING_2,   /* from another address and port */
    ASK_FILTERING_3,   /* from another port */
    ASK_PORTS,         /* the server, once a socket */
    ASK_END = ASK_PORTS + NAT_PROBE_PORTS
};

enum { TRIES = 4, BLOCK_SPAN = NAT_BLOCK_PORTS_MAX };

#define TRY_NS (500 * PU_MS)

static void ask(nat_probe *p, unsigned question)
{
    p->question = question;
    p->tries = 0;
    p->again_at = 0;
    rng_bytes(&p->ids, p->id, sizeof p->id);
}

void nat_probe_start(nat_probe *p, const pu_endpoint *server, const uint16_t *locals,
                     const uint8_t seed[32])
{
    *p = (nat_probe){.server = *server, .locals = locals};
    rng_init(&p->ids, seed, 0);
    ask(p, ASK_MAPPING_1);
}

/* ---- what the answers mean ---- */

/* From the least of them to the most. */
static uint32_t span_of_ports(const uint16_t *ports, size_t count)
{
    uint16_t least = UINT16_MAX, most = 0;
    for (size_t i = 0; i < count; i++) {
        if (ports[i] < least) least = ports[i];
        if (ports[i] > most) most = ports[i];
    }
    return (uint32_t)(most - least);
}

/* How far a box went from one port to the next, past its last one too. */
static uint32_t step_of(uint16_t from, uint16_t to)
{
    enum { FIRST = 1024, COUNT = 65536 - FIRST };
    return (uint32_t)(to + COUNT - from) % COUNT;
}

static enum nat_ports classify_ports(const nat_probe *p)
{
    bool same = true, next = true, near = true, parity = true;
    const uint16_t *inner = p->locals + (NAT_PROBE_SOCKETS - NAT_PROBE_PORTS);
    for (size_t i = 0; i < NAT_PROBE_PORTS; i++) {
        if (p->outer[i] == 0) return 0;
        same &= p->outer[i] == inner[i];
        parity &= (p->outer[i] ^ inner[i]) % 2 == 0;
        uint32_t step = i > 0 ? step_of(p->outer[i - 1], p->outer[i]) : 1;
        next &= step == 1;
        near &= step == 1 || step == 2;
    }
    if (same) return NAT_PRESERVE;
    if (next) return NAT_SEQUENTIAL;
    if (near && parity) return NAT_PARITY;
    return span_of_ports(p->outer, NAT_PROBE_PORTS) < BLOCK_SPAN ? NAT_BLOCK : NAT_RANDOM;
}

/* ---- from question to question ---- */

static void over(nat_probe *p)
{
    p->is_over = true;
    p->again_at = PU_NEVER;
}

static void answered_mapping(nat_probe *p, const stun_message *m)
{
    p->seen[p->question] = m->mapped;
    if (p->question == ASK_MAPPING_1) p->other = m->other;
    if (p->question == ASK_MAPPING_1 && p->other.port == 0) {
        over(p); /* a server that cannot tell */
    } else if (p->question == ASK_MAPPING_2 && pu_endpoint_equal(&p->seen[0], &p->seen[1])) {
        p->mapping = NAT_EIM;
        ask(p, ASK_FILTERING_1);
    } else if (p->question == ASK_MAPPING_3) {
        p->mapping = pu_endpoint_equal(&p->seen[1], &p->seen[2]) ? NAT_ADM : NAT_APDM;
        ask(p, ASK_FILTERING_1);
    } else {
        ask(p, p->question + 1);
    }
}

/* m: NULL when nothing came. */
static void settle(nat_probe *p, const stun_message *m)
{
    if (p->question <= ASK_MAPPING_3) {
        if (m != NULL) answered_mapping(p, m);
        else over(p);
        return;
    }
    if (p->question == ASK_FILTERING_1 && m == NULL) {
        over(p);
        return;
    }
    if (p->question == ASK_FILTERING_2 && m != NULL) p->filtering = NAT_EIF;
    if (p->question == ASK_FILTERING_3) p->filtering = m != NULL ? NAT_ADF : NAT_APDF;
    if (p->question >= ASK_PORTS && m != NULL) p->outer[p->question - ASK_PORTS] = m->mapped.port;
    unsigned next =
        p->filtering == NAT_EIF && p->question == ASK_FILTERING_2 ? ASK_PORTS : p->question + 1;
    if (next < ASK_END) {
        ask(p, next);
        return;
    }
    p->ports = classify_ports(p);
    over(p);
}

static uint32_t socket_of(unsigned question)
{
    if (question <= ASK_MAPPING_3) return 0;
    return question < ASK_PORTS ? 1 : 2 + question - ASK_PORTS;
}

bool nat_probe_next(nat_probe *p, pu_time now, nat_probe_packet *packet)
{
    while (!p->is_over && p->tries == TRIES && now >= p->again_at) settle(p, NULL);
    if (p->is_over || now < p->again_at) return false;
    p->tries++;
    p->again_at = now + TRY_NS;
    *packet = (nat_probe_packet){.socket = socket_of(p->question), .to = p->server};
    if (p->question == ASK_MAPPING_2 || p->question == ASK_MAPPING_3)
        memcpy(packet->to.ip, p->other.ip, sizeof packet->to.ip);
    if (p->question == ASK_MAPPING_3) packet->to.port = p->other.port;
    stun_message m = {
        .change_ip = p->question == ASK_FILTERING_2,
        .change_port = p->question == ASK_FILTERING_2 || p->question == ASK_FILTERING_3,
    };
    memcpy(m.id, p->id, sizeof m.id);
    packet->len = stun_write(packet->bytes, &m);
    return true;
}

void nat_probe_got(nat_probe *p, uint32_t socket, pu_span bytes)
{
    stun_message m;
    if (p->is_over || socket != socket_of(p->question) || !stun_read(&m, bytes)) return;
    if (!m.is_response || m.mapped.port == 0 || memcmp(m.id, p->id, sizeof m.id) != 0) return;
    settle(p, &m);
}
