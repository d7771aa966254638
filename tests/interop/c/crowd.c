/* The crowd of the interop peer: connections of many identities, a host for each, see peer.h. A
 * host is nested in the loop of the peer's own. */
#include "tests/interop/c/peer.h"

#include <stdlib.h>
#include <string.h>

struct member {
    struct member *next;
    pu_host *host;
    pu_token dial; /* of its CONNECT */
    bool is_done, is_gone;
    uint32_t code;
};

static void on_event(void *ctx, const pu_ef *ef)
{
    member *m = ctx;
    if (ef->what == PU_EVENT_DONE && ef->token == m->dial) {
        m->is_done = true;
        m->code = ef->code;
    } else if (ef->what == PU_EVENT_PEER) {
        m->is_gone = (ef->flags & PU_GONE) != 0;
    }
}

static void on_ready(void *ctx, int fd, uint32_t events)
{
    member *m = ctx;
    (void)fd;
    (void)events;
    pu_host_turn(m->host, 0);
}

static void member_free(peer *p, member *m)
{
    if (m->host != NULL) {
        int ended = pu_host_watch(p->host, pu_host_fd(m->host), 0, NULL, NULL);
        (void)ended;
        pu_host_free(m->host);
    }
    free(m);
}

/* An identity of its own that dials. NULL: no memory, no descriptors. */
static member *member_new(peer *p, const pu_peer_id *to, pu_span maddr)
{
    uint8_t seed[PU_ED25519_SEED_BYTES];
    member *m = calloc(1, sizeof *m);
    if (m == NULL) return NULL;
    p->host->link_crypto.random(p->host->link_crypto.ctx, seed, sizeof seed);
    pu_config config;
    pu_config_default(&config);
    config.gating = 0;
    pu_in where = {.kind = PU_IN_COMMAND, .what = PU_CMD_ADDRESS, .token = 1, .body = maddr};
    pu_host_options options = {.config = &config,
                               .key_seed = seed,
                               .start = &where,
                               .start_count = 1,
                               .ctx = m,
                               .event = on_event};
    pu_in in = {.kind = PU_IN_COMMAND,
                .what = PU_CMD_CONNECT,
                .flags = PU_KEEP,
                .peer = {to->bytes, to->len}};
    if (pu_host_new(&m->host, &options, NULL, 0) != PU_OK) m->host = NULL;
    if (m->host != NULL) m->dial = pu_host_command(m->host, &in);
    if (m->host != NULL &&
        pu_host_watch(p->host, pu_host_fd(m->host), PU_WATCH_READ, on_ready, m) == PU_OK) {
        pu_host_turn(m->host, 0);
        return m;
    }
    member_free(p, m);
    return NULL;
}

uint32_t crowd_add(peer *p, const pu_peer_id *to, pu_span maddr, uint64_t limit_ns)
{
    member *m = member_new(p, to, maddr);
    if (m == NULL) return PU_CODE_NO_MEMORY;
    uint32_t code = turn_until(p, &m->is_done, limit_ns) ? m->code : PU_CODE_TIMEOUT;
    if (code != PU_CODE_OK) {
        member_free(p, m);
        return code;
    }
    m->next = p->crowd;
    p->crowd = m;
    return PU_CODE_OK;
}

uint64_t crowd_count(const peer *p)
{
    uint64_t count = 0;
    for (const member *m = p->crowd; m != NULL; m = m->next) count += !m->is_gone;
    return count;
}

void crowd_free(peer *p)
{
    while (p->crowd != NULL) {
        member *m = p->crowd;
        p->crowd = m->next;
        member_free(p, m);
    }
}
