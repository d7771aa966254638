/* ping.c - a whole peer in sixty lines: listens, and measures the round trip to whoever connects.
 * `ping` waits for another one; `ping MULTIADDR` goes to what the first one printed.
 * cc -std=c11 ping.c $(pkg-config --cflags --libs peerup) -o ping */
#include <peerup/host.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static pu_host *host;
static pu_token pinging, stopping; /* commands of ours; 0: not given yet */
static pu_time until = PU_NEVER;   /* when to stop */

static void say(void *ctx, const pu_ef *event)
{
    char text[PU_MADDR_TEXT_MAX], id[PU_PEER_ID_TEXT_MAX];
    pu_in ping = {.kind = PU_IN_COMMAND, .what = PU_CMD_PING, .peer = event->peer};
    (void)ctx;
    if (event->what == PU_EVENT_LISTENING && pu_maddr_text(event->body, text, sizeof text) > 0) {
        pu_peer_id_text(pu_node_id(pu_host_node(host)), PU_PEER_BASE58, id);
        printf("listening %s/p2p/%s\n", text, id);
    } else if (event->what == PU_EVENT_PEER && pinging == 0) {
        pinging = pu_host_command(host, &ping);
    } else if (event->what == PU_EVENT_DONE && event->token == stopping) {
        pu_host_stop(host);
    } else if (event->what == PU_EVENT_DONE && (event->token == pinging || event->code != 0)) {
        printf("%s %s %.2f ms\n", event->token == pinging ? "ping" : "connect",
               pu_code_describe(event->code)->name, (double)event->offset / PU_MS);
        until = pu_host_now(host) + PU_S; /* the other one's ping needs us, too */
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const listen[] = {"/ip4/127.0.0.1/udp/0/quic-v1"};
    uint8_t seed[PU_ED25519_SEED_BYTES], maddr[PU_MADDR_MAX];
    char error[256] = "no random bytes";
    pu_config config;
    size_t len = 0;
    pu_addr to = {0};
    const pu_peer_id *id = &to.peer;
    pu_span text = {(const uint8_t *)argv[argc - 1], strlen(argv[argc - 1])};
    if (argc > 1 && (pu_maddr_parse(maddr, sizeof maddr, &len, text, NULL) != PU_OK ||
                     pu_addr_read(&to, (pu_span){maddr, len}) != PU_OK || id->len == 0))
        return fprintf(stderr, "%s: no multiaddr that ends in /p2p/ID\n", argv[1]), 2;
    pu_in address = {.kind = PU_IN_COMMAND, .what = PU_CMD_ADDRESS, .body = {maddr, len}};
    pu_in go = {.kind = PU_IN_COMMAND, .what = PU_CMD_CONNECT, .peer = {id->bytes, id->len}};
    pu_in stop = {.kind = PU_IN_COMMAND, .what = PU_CMD_STOP}; /* peers are told */
    pu_config_default(&config);
    config.gating = 0; /* everybody may connect: for a peer of one's own, AUTHORISE instead */
    pu_host_options options = {&config, seed, listen, 1, .event = say};
    bool has_seed = getrandom(seed, sizeof seed, 0) == sizeof seed;
    if (!has_seed || pu_host_new(&host, &options, error, sizeof error) != PU_OK)
        return fprintf(stderr, "%s\n", error), 1;
    if (argc > 1 && pu_host_command(host, &address) != 0) pu_host_command(host, &go);
    while (pu_host_turn(host, PU_S / 10))
        if (stopping == 0 && pu_host_now(host) > until) stopping = pu_host_command(host, &stop);
    pu_host_free(host);
    return pinging == 0;
}
