/* program_fuzz.c - the files of the program `peerup`: its configuration, its key, who is
 * authorised.
 */
#include "net-real/cli/auth_file.h"
#include "net-real/cli/config.h"
#include "net-real/cli/key_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/sim_fuzz.h"
#include "tests/fuzz/written.h"

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
