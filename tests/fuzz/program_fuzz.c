/* program_fuzz.c - what the program `peerup` reads: its configuration, its key, who is authorised,
 * names of kept records, HOST:PORT, requests at its socket.
 */
#include "net-real/cli/auth_file.h"
#include "net-real/cli/config.h"
#include "net-real/cli/host_port.h"
#include "net-real/cli/key_file.h"
#include "net-real/daemon/daemon_impl.h"
#include "net-real/store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/sim_fuzz.h"
#include "tests/fuzz/written.h"

#include <inttypes.h>
#include <signal.h>

static writing complaints;

static void check_config(const config *c)
{
    const pu_config_info *info;
    PU_ASSERT(c->path != NULL && c->folder != NULL && c->key_file != NULL);
    PU_ASSERT(c->authorized_keys_file != NULL && c->state_dir != NULL && c->socket != NULL);
    PU_ASSERT(c->listen.count <= CONFIG_LIST_MAX && c->relays.count <= CONFIG_LIST_MAX);
    PU_ASSERT(c->service_count <= CONFIG_LIST_MAX && c->name_count <= CONFIG_LIST_MAX);
    for (size_t i = 0; (info = pu_config_at(i)) != NULL; i++) {
        uint64_t value = pu_config_get(&c->node, info);
        PU_ASSERT(value >= info->least && value <= info->most);
    }
    for (size_t i = 0; i < c->name_count; i++) {
        PU_ASSERT(c->names[i].name[0] != '\0');
        PU_ASSERT(config_name_find(c, c->names[i].name) != NULL);
    }
    for (size_t i = 0; i < c->service_count; i++) {
        PU_ASSERT(c->services[i].name[0] != '\0');
        PU_ASSERT(c->services[i].allowed.count <= CONFIG_LIST_MAX);
    }
}

void fuzz_config(pu_span bytes)
{
    FILE *out = write_begin(&complaints);
    config *c = config_read(fuzz_file_with(bytes, ""), out);
    write_end(&complaints);
    if (c == NULL) {
        PU_ASSERT(complaints.len > 0);
        return;
    }
    check_config(c);
    config_free(c);
}

void fuzz_key_file(pu_span bytes)
{
    uint8_t seed[PU_ED25519_SEED_BYTES];
    bool is_missing = true;
    char error[256] = "";
    bool is_good = key_file_read(fuzz_file_with(bytes, ""), seed, &is_missing, error, sizeof error);
    PU_ASSERT(!is_missing);
    PU_ASSERT(is_good == (error[0] == '\0'));
    if (!is_good) return;
    pu_peer_id id, named;
    PU_ASSERT(bytes.len == 68 || bytes.len == 100);
    PU_ASSERT(memcmp(bytes.base + 4, seed, sizeof seed) == 0);
    key_file_id(&id, seed);
    pu_peer_id_from_ed25519(&named, bytes.base + 36);
    PU_ASSERT(pu_peer_id_equal(&id, &named));
}

/* What is read of a file: lines of it, in order. */
static void saw_entry(void *ctx, const pu_authorized *entry, pu_span line)
{
    unsigned *count = ctx;
    pu_authorized again;
    size_t bad;
    PU_ASSERT(entry->peer.len > 0);
    PU_ASSERT(line.len == 0 || memchr(line.base, '\n', line.len) == NULL);
    PU_ASSERT(pu_authorized_parse(&again, line, &bad) == PU_OK);
    PU_ASSERT(pu_peer_id_equal(&again.peer, &entry->peer));
    (*count)++;
}

void fuzz_auth_file(pu_span bytes)
{
    unsigned count = 0, lines = 1;
    FILE *out = write_begin(&complaints);
    bool is_good = auth_file_read(fuzz_file_with(bytes, ""), saw_entry, &count, out);
    write_end(&complaints);
    for (size_t i = 0; i < bytes.len; i++) lines += bytes.base[i] == '\n';
    PU_ASSERT(count <= lines);
    PU_ASSERT(is_good == (complaints.len == 0));
}

/* ---- names ---- */

void fuzz_store_name(pu_span bytes)
{
    uint8_t key[PU_KEEP_KEY_MAX];
    char name[STORE_NAME_MAX];
    size_t len;
    pu_span taken = span_head(bytes, bytes.len < PU_KEEP_KEY_MAX ? bytes.len : PU_KEEP_KEY_MAX);
    if (taken.len > 0) { /* as a key: it has a name, which is its own */
        store_name_of(name, taken);
        PU_ASSERT(name[0] != '.' && strchr(name, '/') == NULL);
        PU_ASSERT(store_key_of(key, &len, name));
        PU_ASSERT(len == taken.len && memcmp(key, taken.base, len) == 0);
    }
    char *text = strndup((const char *)bytes.base, bytes.len);
    PU_ASSERT(text != NULL);
    if (store_key_of(key, &len, text)) { /* as a name: no other one has the same key */
        PU_ASSERT(len > 0 && len <= PU_KEEP_KEY_MAX);
        store_name_of(name, (pu_span){key, len});
        PU_ASSERT(strcmp(name, text) == 0);
    }
    free(text);
}

void fuzz_host_port(pu_span bytes)
{
    char host[HOST_NAME_MAX_BYTES], again[HOST_NAME_MAX_BYTES], whole[HOST_NAME_MAX_BYTES + 16];
    uint16_t port, port_again;
    char *text = strndup((const char *)bytes.base, bytes.len);
    PU_ASSERT(text != NULL);
    bool is_whole = host_port_read(text, NULL, host, &port);
    bool is_read = host_port_read(text, "127.0.0.1", host, &port);
    PU_ASSERT(is_read || !is_whole);
    if (is_read) {
        PU_ASSERT(host[0] != '\0' && strpbrk(host, "[] ") == NULL);
        bool has_colons = strchr(host, ':') != NULL;
        snprintf(whole, sizeof whole, has_colons ? "[%s]:%" PRIu16 : "%s:%" PRIu16, host, port);
        PU_ASSERT(host_port_read(whole, NULL, again, &port_again));
        PU_ASSERT(strcmp(host, again) == 0 && port == port_again);
    }
    free(text);
}

/* ---- requests ---- */

enum { DAEMON_INPUTS = 256 }; /* before it is made anew: nothing that it queues is ever done */

static peerupd *daemon_for_requests(void)
{
    static peerupd *d;
    static config *c;
    static unsigned inputs;
    static const uint8_t seed[PU_ED25519_SEED_BYTES] = {7};
    char error[256];
    bool is_config;
    sigset_t blocked;
    if (d != NULL && ++inputs % DAEMON_INPUTS != 0) return d;
    daemon_free(d);
    if (c == NULL) {
        c = config_default("/nonexistent");
        PU_ASSERT(c != NULL);
        c->authorized_keys_file = strdup("/nonexistent/authorized_keys");
    }
    d = daemon_new(&(daemon_options){.c = c, .key_seed = seed}, &is_config, error, sizeof error);
    PU_ASSERT(d != NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGHUP);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL); /* a fuzzer is stopped by them */
    return d;
}

static void saw_answer(void *ctx, json_t *response)
{
    unsigned *answers = ctx;
    PU_ASSERT(json_is_boolean(json_object_get(response, "ok")));
    if (!json_is_true(json_object_get(response, "ok"))) {
        PU_ASSERT(json_is_string(json_object_get(response, "code")));
        PU_ASSERT(json_is_string(json_object_get(response, "error")));
    }
    char *text = json_dumps(response, JSON_COMPACT);
    PU_ASSERT(text != NULL && strchr(text, '\n') == NULL);
    free(text);
    (*answers)++;
}

/* The node is never stepped, so that nothing leaves this machine: a request is answered at once, or
 * it waits for the node. */
void fuzz_control(pu_span bytes)
{
    peerupd *d = daemon_for_requests();
    while (bytes.len > 0) {
        unsigned answers = 0;
        uint32_t before = d->waiting_count;
        const uint8_t *end = memchr(bytes.base, '\n', bytes.len);
        pu_span line = span_head(bytes, end != NULL ? (size_t)(end - bytes.base) : bytes.len);
        control_take(d, (const char *)line.base, line.len, saw_answer, &answers);
        PU_ASSERT(answers + (d->waiting_count - before) == 1);
        requests_forget(d, &answers);
        bytes = span_skip(bytes, line.len + (end != NULL));
    }
    proxies_close(d);
}
