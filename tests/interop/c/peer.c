/* The interop peer: flags, and one line of JSON for each line of standard input; see README.md. */
#include "tests/interop/c/peer.h"

#include "link/link_impl.h"
#include "quic/quic.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, WORDS_MAX = 8, LISTENS_MAX = 8 };

#define MONITOR_NS (10 * PU_S)
#define PATIENCE_NS (25 * PU_S)

typedef struct flags {
    const char *listen[LISTENS_MAX];
    size_t listen_count;
    const char *key;
    bool has_no_limits, breaks_signature;
    pu_config config;
} flags;

static int unknown(const char *what, int status)
{
    fprintf(stderr, "peerup-interop: %s\n", what);
    return status;
}

/* 0, or the status to end with. */
static int read_flags(flags *f, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--retry") == 0) {
            f->config.quic_retry_handshakes = 0;
            continue;
        }
        if (strcmp(name, "--relay") == 0) {
            f->config.relay_server = 1;
            continue;
        }
        if (strcmp(name, "--monitor") == 0) {
            f->config.ping_interval_ns = MONITOR_NS;
            continue;
        }
        if (strcmp(name, "--no-early-muxer") == 0) return unknown(name, 3);
        if (++i == argc) return unknown(name, 2);
        const char *value = argv[i];
        if (strcmp(name, "--listen") == 0 && f->listen_count < LISTENS_MAX)
            f->listen[f->listen_count++] = value;
        else if (strcmp(name, "--key") == 0) f->key = value;
        else if (strcmp(name, "--limits") == 0 && strcmp(value, "none") == 0)
            f->has_no_limits = true;
        else if (strcmp(name, "--break") == 0 && strcmp(value, "signature") == 0)
            f->breaks_signature = true;
        else if (strcmp(name, "--security") == 0 && strcmp(value, "noise") == 0) continue;
        else if (strcmp(name, "--security") == 0) return unknown(value, 3);
        else if (strcmp(name, "--transport") == 0) continue; /* addresses say which */
        else return unknown(name, 2);
    }
    return 0;
}

static void lift_limits(pu_config *c)
{
    static const char *const names[] = {"conns_max",
                                        "conns_per_peer_max",
                                        "conns_per_ip_max",
                                        "conns_per_block_max",
                                        "handshakes_max",
                                        "handshakes_per_block_max",
                                        "streams_per_conn_max",
                                        "reservations_per_ip_max",
                                        "book_peers_max"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        pu_span name = {(const uint8_t *)names[i], strlen(names[i])};
        const pu_config_info *info = pu_config_find(name);
        uint64_t value = info != NULL && info->most < 4096 ? info->most : 4096;
        int result = info != NULL ? pu_config_set(c, name, value) : PU_ERANGE;
        if (result != PU_OK) fprintf(stderr, "peerup-interop: no parameter %s\n", names[i]);
    }
}

/* A machine that is busy otherwise is no fault of a peer's: a node of js that has just started may
 * take seconds for its first handshake. */
static void be_patient(pu_config *c)
{
    c->dial_local_ns = c->handshake_ns = c->select_ns = PATIENCE_NS;
    c->identify_ns = c->ping_ns = c->yamux_progress_ns = PATIENCE_NS;
}

/* ---- what the host tells ---- */

static void on_event(void *ctx, const pu_ef *ef)
{
    peer *p = ctx;
    if (ef->what == PU_EVENT_DONE && ef->token == p->waits_for) {
        p->is_done = true;
        p->done_code = ef->code;
        p->done_offset = ef->offset;
    } else if (ef->what == PU_EVENT_RELAY && (ef->flags & PU_GONE) == 0) {
        p->is_reserved = true;
        p->reserved_until_s = ef->offset;
    }
}

static void on_app(void *ctx, const pu_ef *ef)
{
    stm_effect(ctx, ef);
}

static void on_trace(void *ctx, const pu_trace *t)
{
    peer *p = ctx;
    if (t->code == PU_TR_CONN_UP && t->a == 1) p->conns_out++;
    if (t->code == PU_TR_CONN_UP && t->a == 0) p->conns_in++;
    if (t->code == PU_TR_PING_SERVED) p->pings_in++;
    if (t->code == PU_TR_IDENTIFIED) p->identified++;
    if (t->code == PU_TR_DIAL_FAILED && p->is_dialling) {
        p->dial_failed = (uint32_t)t->b;
        p->done_code = p->dial_failed;
        p->is_done = true; /* one address was given: nothing else is tried */
    }
}

static void (*true_sign)(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message);

static void sign_badly(void *ctx, uint8_t signature[PU_ED25519_SIGNATURE_BYTES], pu_span message)
{
    true_sign(ctx, signature, message);
    signature[7] ^= 1;
}

/* From now on the identity key signs badly; the certificate is made anew, which is signed already.
 */
static bool break_signatures(pu_host *h)
{
    true_sign = h->link_crypto.sign;
    h->link_crypto.sign = sign_badly;
    quic_free(h->link, h->link->quic);
    h->link->quic = NULL;
    return quic_new(&h->link->quic, h->link) == PU_OK;
}

/* ---- lines ---- */

static void answer(peer *p, char *line)
{
    char *words[WORDS_MAX], *rest = NULL;
    size_t count = 0;
    for (char *w = strtok_r(line, " \n", &rest); w != NULL && count < WORDS_MAX;
         w = strtok_r(NULL, " \n", &rest))
        words[count++] = w;
    if (count == 0) return;
    json_t *response = peer_command(p, words, count);
    json_dumpf(response, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(response);
}

static void stdin_ready(void *ctx, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    *(bool *)ctx = true;
}

static void serve_lines(peer *p)
{
    char line[LINE_MAX_BYTES];
    size_t len = 0;
    while (!p->quits) {
        char *end = memchr(line, '\n', len);
        if (end != NULL) {
            size_t taken = (size_t)(end - line) + 1;
            char copy[LINE_MAX_BYTES];
            memcpy(copy, line, taken);
            copy[taken - 1] = '\0';
            len -= taken;
            memmove(line, line + taken, len);
            answer(p, copy);
            continue;
        }
        bool is_ready = false;
        if (pu_host_watch(p->host, 0, PU_WATCH_READ, stdin_ready, &is_ready) != PU_OK)
            is_ready = true;
        turn_until(p, &is_ready, 3600 * PU_S);
        int ended = pu_host_watch(p->host, 0, 0, NULL, NULL);
        (void)ended;
        ssize_t got = read(0, line + len, sizeof line - len);
        if (got <= 0) return;
        len += (size_t)got;
    }
}

static void print_addresses(const peer *p)
{
    char self[PU_PEER_ID_TEXT_MAX], text[PU_MADDR_TEXT_MAX];
    uint8_t maddr[PU_MADDR_MAX];
    pu_peer_id_text(pu_node_id(pu_host_node(p->host)), PU_PEER_BASE58, self);
    for (uint32_t i = 0; i < p->host->listen_count; i++) {
        const host_listen *n = &p->host->listens[i];
        size_t len = pu_addr_write(maddr, &n->at, n->transport);
        if (pu_maddr_text((pu_span){maddr, len}, text, sizeof text) > 0)
            printf("listening %s/p2p/%s\n", text, self);
    }
    printf("ready %s\n", self);
    fflush(stdout);
}

static bool seed_of(const char *hex, uint8_t seed[32])
{
    if (hex == NULL) {
        FILE *in = fopen("/dev/urandom", "rb");
        bool is_read = in != NULL && fread(seed, 1, 32, in) == 32;
        if (in != NULL) fclose(in);
        return is_read;
    }
    for (size_t i = 0; i < 32; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1) return false;
        seed[i] = (uint8_t)byte;
    }
    return true;
}

int main(int argc, char **argv)
{
    static const char features[] = "{\"kind\":\"c\",\"version\":\"0.1.0\",\"features\":[\"tcp\","
                                   "\"quic\",\"noise\",\"retry\",\"relay\",\"monitor\","
                                   "\"break-signature-tcp\",\"break-signature-quic\","
                                   "\"reserve\",\"reset-code\",\"reset-seen-tcp\","
                                   "\"reset-seen-quic\",\"flood-proof\","
                                   "\"rebinding\",\"slow-reader\",\"push-removal\"]}";
    if (argc == 2 && strcmp(argv[1], "--features") == 0) {
        puts(features);
        return 0;
    }
    flags f = {0};
    peer p = {0};
    uint8_t seed[32];
    char error[512];
    pu_config_default(&f.config);
    int status = read_flags(&f, argc, argv);
    if (status != 0) return status;
    if (!seed_of(f.key, seed)) return unknown("--key", 2);
    if (f.has_no_limits) lift_limits(&f.config);
    be_patient(&f.config);
    f.config.gating = 0;
    pu_host_options options = {.config = &f.config,
                               .key_seed = seed,
                               .listen = f.listen,
                               .listen_count = f.listen_count,
                               .ctx = &p,
                               .event = on_event,
                               .app = on_app,
                               .trace = on_trace,
                               .trace_mask = PU_TRACE_ALL};
    if (pu_host_new(&p.host, &options, error, sizeof error) != PU_OK) return unknown(error, 1);
    if (f.breaks_signature && !break_signatures(p.host)) return unknown("--break", 1);
    bool is_serving = serve(&p, PROTO_ECHO, ROLE_ECHO) && serve(&p, PROTO_SINK, ROLE_SINK) &&
                      serve(&p, PROTO_RESET, ROLE_RESET) && serve(&p, PROTO_PERF, ROLE_PERF);
    if (!is_serving) return unknown("services cannot be served", 1);
    print_addresses(&p);
    serve_lines(&p);
    crowd_free(&p);
    while (p.streams != NULL) stm_free(p.streams);
    pu_host_free(p.host);
    return 0;
}
