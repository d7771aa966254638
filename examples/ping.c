/* ping.c - a whole peer in seventy lines: listens, and measures the round trip to whoever connects.
 *
 *   ping                 waits for another one
 *   ping MULTIADDR       goes there: what the first one printed
 *
 * cc -std=c11 ping.c $(pkg-config --cflags --libs peerup) -o ping
 */
#include <peerup/host.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

typedef struct app {
    pu_host *host;
    pu_token connect, ping, stop; /* of our commands; 0: not given yet */
    pu_time until;                /* when to stop */
} app;

static void say(void *ctx, const pu_ef *event)
{
    app *a = ctx;
    char text[PU_MADDR_TEXT_MAX], id[PU_PEER_ID_TEXT_MAX];
    pu_in ping = {.kind = PU_IN_COMMAND, .what = PU_CMD_PING, .peer = event->peer};
    if (event->what == PU_EVENT_LISTENING && pu_maddr_text(event->body, text, sizeof text) > 0) {
        pu_peer_id_text(pu_node_id(pu_host_node(a->host)), PU_PEER_BASE58, id);
        printf("listening %s/p2p/%s\n", text, id);
    } else if (event->what == PU_EVENT_PEER && a->ping == 0) {
        a->ping = pu_host_command(a->host, &ping);
    } else if (event->what == PU_EVENT_DONE && event->token == a->connect && a->connect != 0) {
        if (event->code == PU_CODE_OK) return;
        printf("connect %s\n", pu_code_describe(event->code)->name);
        a->until = pu_host_now(a->host);
    } else if (event->what == PU_EVENT_DONE && event->token == a->ping && a->ping != 0) {
        const char *result = pu_code_describe(event->code)->name;
        printf("ping %s %.2f ms\n", result, (double)event->offset / PU_MS);
        a->until = pu_host_now(a->host) + PU_S; /* the other one's ping needs us, too */
    } else if (event->what == PU_EVENT_DONE && event->token == a->stop && a->stop != 0) {
        pu_host_stop(a->host);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const listen[] = {"/ip4/127.0.0.1/udp/0/quic-v1"};
    uint8_t seed[PU_ED25519_SEED_BYTES], maddr[PU_MADDR_MAX];
    app a = {.until = PU_NEVER};
    pu_config config;
    pu_addr target = {0};
    char error[256];
    size_t len = 0;
    pu_config_default(&config);
    config.gating = 0; /* everybody may connect: for a peer of one's own, AUTHORISE instead */
    pu_host_options options = {&config, seed, listen, 1, .ctx = &a, .event = say};
    if (getrandom(seed, sizeof seed, 0) != sizeof seed) return 1;
    pu_span text = {(const uint8_t *)argv[argc - 1], strlen(argv[argc - 1])};
    if (argc > 1 && (pu_maddr_parse(maddr, sizeof maddr, &len, text, NULL) != PU_OK ||
                     pu_addr_read(&target, (pu_span){maddr, len}) != PU_OK || target.peer.len == 0))
        return fprintf(stderr, "%s: no multiaddr that ends in /p2p/ID\n", argv[1]), 2;
    if (pu_host_new(&a.host, &options, error, sizeof error) != PU_OK)
        return fprintf(stderr, "%s\n", error), 1;
    pu_in address = {.kind = PU_IN_COMMAND, .what = PU_CMD_ADDRESS, .body = {maddr, len}};
    pu_in connect = {.kind = PU_IN_COMMAND,
                     .what = PU_CMD_CONNECT,
                     .peer = {target.peer.bytes, target.peer.len}};
    if (argc > 1 && pu_host_command(a.host, &address) != 0)
        a.connect = pu_host_command(a.host, &connect);
    pu_in stop = {.kind = PU_IN_COMMAND, .what = PU_CMD_STOP}; /* peers are told */
    while (pu_host_turn(a.host, PU_S / 10)) {
        if (a.stop == 0 && pu_host_now(a.host) > a.until) a.stop = pu_host_command(a.host, &stop);
    }
    pu_host_free(a.host);
    return a.ping != 0 ? 0 : 1;
}
