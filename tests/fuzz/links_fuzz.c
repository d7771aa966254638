/* links_fuzz.c - real nodes over real links, with the network in the input's hands: what becomes of
 * each datagram and each piece of TCP, and what the owners do meanwhile. One request for memory of
 * the dialling host may fail.
 *
 * The judge of boundary A stands at each host. In the end the network is whole again, everybody
 * stops, and nothing may be left.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/lib/node_rig.h"

enum { STEPS_MAX = 40, MODES = 3 };

typedef struct fuzz {
    node_rig *w;
    pu_span fates; /* two bits each, the first half of the input */
    uint32_t fate_count;
    pu_span in; /* the steps: the rest */
    bool is_over;
} fuzz;

static enum node_rig_fate fate(void *ctx, node_rig *w, bool is_tcp)
{
    fuzz *f = ctx;
    uint32_t at = f->fate_count++;
    if (f->is_over || at / 2 >= f->fates.len) return NODE_RIG_PASS;
    uint8_t nibble = (uint8_t)(f->fates.base[at / 2] >> (at % 2 * 4) & 15);
    w->spoil_at = at * 7919 + nibble;
    if (nibble < 10) return NODE_RIG_PASS;
    if (nibble == 15) return NODE_RIG_SPOIL;
    if (is_tcp) return nibble == 14 ? NODE_RIG_DROP : NODE_RIG_PASS;
    return nibble < 12 ? NODE_RIG_DROP : nibble == 12 ? NODE_RIG_DOUBLE : NODE_RIG_LATE;
}

static void relays(pu_config *config)
{
    config->relay_server = 1;
}

static void know(node_rig_host *a, node_rig_host *b)
{
    node_rig_authorise(a, b);
    node_rig_authorise(b, a);
}

/* Two public hosts over QUIC or TCP, or two behind routers and a relay. */
static void build(fuzz *f, uint8_t mode)
{
    node_rig *w = f->w = node_rig_new(1 + mode / MODES, 20 * PU_MS);
    bool has_relay = mode % MODES == 2;
    enum pu_transport transport = mode % MODES == 1 ? PU_TRANSPORT_TCP : PU_TRANSPORT_QUIC;
    node_rig_host *a = node_rig_add(w, has_relay, NULL), *b = node_rig_add(w, has_relay, NULL);
    know(a, b);
    node_rig_expose(b);
    if (has_relay) {
        node_rig_host *relay = node_rig_add(w, false, relays);
        know(a, relay);
        know(b, relay);
        node_rig_address(a, relay, PU_TRANSPORT_TCP, true);
        node_rig_address(b, relay, PU_TRANSPORT_QUIC, true);
        node_rig_start(relay);
    } else {
        node_rig_address(a, b, transport, false);
    }
    node_rig_start(a);
    node_rig_start(b);
}

static void step(fuzz *f)
{
    node_rig_host *a = &f->w->hosts[0], *b = &f->w->hosts[1];
    uint8_t bits = fuzz_u8(&f->in);
    bool has_token = a->token_last < NODE_RIG_TOKENS_MAX - 8;
    switch (bits & 7) {
    case 0:
    case 1:
        if (has_token) (void)node_rig_command(a, PU_CMD_CONNECT, b);
        break;
    case 2:
        if (a->app_count < 8) (void)node_rig_open(a, b, (uint64_t)bits << 8);
        break;
    case 3:
        if (has_token) (void)node_rig_command(a, PU_CMD_PING, b);
        break;
    case 4:
        if (has_token) (void)node_rig_command(a, PU_CMD_DISCONNECT, b);
        break;
    default: break;
    }
    node_rig_run(f->w, (uint64_t)(bits >> 3) * (bits >> 3) * 5 * PU_MS);
}

void fuzz_links(pu_span bytes)
{
    fuzz f = {0};
    uint8_t mode = fuzz_u8(&bytes);
    uint32_t fail_at = fuzz_u16(&bytes) % 2048;
    f.fates = fuzz_span(&bytes, bytes.len / 2);
    f.in = bytes;
    build(&f, mode);
    f.w->fate = fate;
    f.w->fate_ctx = &f;
    node_rig_host *a = &f.w->hosts[0];
    if (fail_at > 0) {
        a->may_forget = true;
        a->heap.fail_at = a->heap.asked + fail_at;
    }
    if (mode % MODES == 2) node_rig_run(f.w, 3 * PU_S);
    for (int i = 0; i < STEPS_MAX && f.in.len > 0; i++) step(&f);

    f.is_over = true;
    a->heap.fail_at = 0;
    for (uint32_t i = 0; i < f.w->host_count; i++)
        (void)node_rig_command(&f.w->hosts[i], PU_CMD_STOP, NULL);
    node_rig_run(f.w, 120 * PU_S);
    for (uint32_t i = 0; i < f.w->host_count; i++) {
        const boundary *law = &f.w->hosts[i].law;
        PU_ASSERT(law->conn_count == 0);
        PU_ASSERT(law->stream_count == 0);
        PU_ASSERT(law->token_count == 0);
    }
    node_rig_free(f.w);
}
