/* The configuration, see config.h. Keys are those of the Go peerup; those without a meaning here
 * yet are known, so that a file of its does not warn.
 */
#include "net-real/cli/config.h"

#include "base/suggest.h"
#include "net-real/cli/config_yaml.h"
#include "net-real/cli/host_port.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NODE(field) (offsetof(config, node) + offsetof(pu_config, field))

/* ---- paths ---- */

char *config_beside(const char *folder, const char *name)
{
    if (name[0] == '/') return strdup(name);
    size_t len = strlen(folder) + strlen(name) + 2;
    char *path = malloc(len);
    if (path != NULL) snprintf(path, len, "%s/%s", folder, name);
    return path;
}

char *config_home(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/') return config_beside(xdg, "peerup");
    if (home == NULL || home[0] != '/') return NULL;
    return config_beside(home, ".config/peerup");
}

static char *state_home(void)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/') return config_beside(xdg, "peerup");
    if (home == NULL || home[0] != '/') return NULL;
    return config_beside(home, ".local/state/peerup");
}

char *config_find(const char *path, bool for_relay, char *error, size_t cap)
{
    char *home = config_home(), *user = home != NULL ? config_beside(home, "config.yaml") : NULL;
    const char *places[] = {for_relay ? "./relay-server.yaml" : "./peerup.yaml", user,
                            "/etc/peerup/config.yaml"};
    char *found = path != NULL ? strdup(path) : NULL;
    for (size_t i = 0; found == NULL && i < COUNT(places); i++) {
        if (places[i] != NULL && access(places[i], F_OK) == 0) found = strdup(places[i]);
    }
    if (found == NULL)
        snprintf(error, cap, "no configuration: neither %s nor %s nor %s; `peerup init` makes one",
                 places[0], user != NULL ? user : "a home folder", places[2]);
    free(user);
    free(home);
    return found;
}

/* ---- sections ---- */

static void read_identity(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    static const yaml_key keys[] = {{"key_file", yaml_string, offsetof(config, key_file)}};
    (void)key;
    yaml_map(f, value, keys, COUNT(keys), into);
}

static void read_network(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    static const yaml_key keys[] = {
        {"listen_addresses", yaml_strings, offsetof(config, listen)},
        {"force_private_reachability", yaml_ignored, 0},
        {"resource_limits_enabled", yaml_ignored, 0},
    };
    (void)key;
    yaml_map(f, value, keys, COUNT(keys), into);
}

static void read_relay(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    static const yaml_key keys[] = {
        {"addresses", yaml_strings, offsetof(config, relays)},
        {"reservation_interval", yaml_ignored, 0},
    };
    (void)key;
    yaml_map(f, value, keys, COUNT(keys), into);
}

static void read_gating(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    bool is_on = true;
    yaml_bool(f, value, key, &is_on);
    ((config *)into)->node.gating = is_on;
}

static void read_security(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    static const yaml_key keys[] = {
        {"authorized_keys_file", yaml_string, offsetof(config, authorized_keys_file)},
        {"enable_connection_gating", read_gating, 0},
    };
    (void)key;
    yaml_map(f, value, keys, COUNT(keys), into);
}

/* Its presence makes a relay. */
static void read_resources(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    static const yaml_key keys[] = {
        {"max_reservations", yaml_count, NODE(reservations_max)},
        {"max_circuits", yaml_count, NODE(circuits_per_peer_max)},
        {"max_reservations_per_ip", yaml_count, NODE(reservations_per_ip_max)},
        {"max_reservations_per_asn", yaml_ignored, 0},
        {"buffer_size", yaml_ignored, 0},
        {"reservation_ttl", yaml_duration, NODE(reservation_ns)},
        {"session_duration", yaml_duration, NODE(circuit_ns)},
        {"session_data_limit", yaml_size, NODE(circuit_bytes)},
    };
    (void)key;
    yaml_map(f, value, keys, COUNT(keys), into);
}

static void read_allowed(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    config_service *s = into;
    s->has_allowed = true;
    yaml_strings(f, value, key, &s->allowed);
    for (size_t i = 0; i < s->allowed.count; i++) {
        pu_peer_id id;
        pu_span text = {(const uint8_t *)s->allowed.at[i], strlen(s->allowed.at[i])};
        if (pu_peer_id_parse(&id, text) != PU_OK)
            yaml_error(f, value, "%s: '%s' is not a peer id", key, s->allowed.at[i]);
    }
}

/* A DNS label: it becomes part of a protocol id. */
static bool is_label(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= 63 && name[len] == '\0' && name[0] != '-' && name[len - 1] != '-';
}

static char *label_of(const config_service *s)
{
    if (s->name == NULL || s->local_address == NULL) return NULL;
    size_t len = strlen(s->name) + strlen(s->local_address) + sizeof "service  at ";
    char *label = malloc(len);
    if (label != NULL) snprintf(label, len, "service %s at %s", s->name, s->local_address);
    return label;
}

static void read_service(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    static const yaml_key keys[] = {
        {"enabled", yaml_bool, offsetof(config_service, is_enabled)},
        {"local_address", yaml_string, offsetof(config_service, local_address)},
        {"protocol", yaml_ignored, 0},
        {"allowed_peers", read_allowed, 0},
        {"over_relay", yaml_bool, offsetof(config_service, limited)},
    };
    config *c = into;
    config_service *grown = realloc(c->services, (c->service_count + 1) * sizeof *grown);
    if (grown == NULL) return;
    c->services = grown;
    config_service *s = &c->services[c->service_count++];
    *s = (config_service){.name = strdup(key), .limited = true};
    yaml_map(f, value, keys, COUNT(keys), s);
    if (!is_label(key))
        yaml_error(f, value, "services: '%s' is not a name: a-z, 0-9 and -, at most 63", key);
    if (s->is_enabled && s->local_address == NULL)
        yaml_error(f, value, "services.%s: local_address is missing", key);
    char host[HOST_NAME_MAX_BYTES];
    uint16_t port;
    s->label = label_of(s);
    if (s->local_address != NULL &&
        (!host_port_read(s->local_address, NULL, host, &port) || port == 0))
        yaml_error(f, value, "services.%s: local_address '%s' is not HOST:PORT", key,
                   s->local_address);
}

static void read_services(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    (void)key;
    yaml_any(f, value, read_service, into);
}

static void read_one_name(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    config *c = into;
    char *text = NULL;
    pu_peer_id id = {0};
    yaml_string(f, value, key, &text);
    if (text == NULL) return;
    config_name *grown = realloc(c->names, (c->name_count + 1) * sizeof *grown);
    if (pu_peer_id_parse(&id, (pu_span){(const uint8_t *)text, strlen(text)}) != PU_OK)
        yaml_error(f, value, "names.%s: '%s' is not a peer id", key, text);
    free(text);
    if (grown == NULL) return;
    c->names = grown;
    c->names[c->name_count++] = (config_name){strdup(key), id};
}

static void read_names(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    (void)key;
    yaml_any(f, value, read_one_name, into);
}

static void read_version(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    uint64_t version = 1;
    (void)into;
    yaml_count(f, value, key, &version);
    if (version > 1) yaml_error(f, value, "version %u is of a newer peerup", (unsigned)version);
}

static void no_parameter(yaml_file *f, const char *key)
{
    suggest s;
    char hint[SUGGEST_HINT_MAX];
    const pu_config_info *info;
    suggest_begin(&s, key);
    for (size_t i = 0; (info = pu_config_at(i)) != NULL; i++) suggest_offer(&s, info->name);
    yaml_error(f, f->key, "node: there is no parameter '%s'%s", key, suggest_hint(&s, hint));
}

/* `node:` sets parameters of peerup/config.h by name, in the list's unit. */
static void read_parameter(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    config *c = into;
    const pu_config_info *info = pu_config_find((pu_span){(const uint8_t *)key, strlen(key)});
    uint64_t number = 0;
    bool is_on = false;
    unsigned before = f->errors;
    if (info == NULL) {
        no_parameter(f, key);
        return;
    }
    if (info->kind == PU_CONFIG_NS) yaml_duration(f, value, key, &number);
    else if (info->kind == PU_CONFIG_BYTES) yaml_size(f, value, key, &number);
    else if (info->kind == PU_CONFIG_SWITCH) yaml_bool(f, value, key, &is_on);
    else yaml_count(f, value, key, &number);
    if (info->kind == PU_CONFIG_SWITCH) number = is_on;
    if (f->errors != before) return;
    if (pu_config_set(&c->node, (pu_span){(const uint8_t *)key, strlen(key)}, number) != PU_OK)
        yaml_error(f, value, "node.%s: out of range", key);
}

static void read_node(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    (void)key;
    yaml_any(f, value, read_parameter, into);
}

static void read_daemon(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    static const yaml_key keys[] = {
        {"socket", yaml_string, offsetof(config, socket)},
        {"state_dir", yaml_string, offsetof(config, state_dir)},
    };
    (void)key;
    yaml_map(f, value, keys, COUNT(keys), into);
}

/* ---- the file ---- */

config *config_default(const char *folder)
{
    config *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->folder = strdup(folder);
    pu_config_default(&c->node);
    return c;
}

/* Paths in the file start where it is. */
static void settle(char **path, const char *folder, const char *usual)
{
    char *whole = config_beside(folder, *path != NULL ? *path : usual);
    free(*path);
    *path = whole;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

bool config_can_dial(const pu_addr *a, pu_span maddr)
{
    pu_maddr_part first;
    if (a->circuit) return true;
    if (pu_maddr_next(&maddr, &first) && first.code == PU_MA_DNSADDR) return true;
    return a->transport != PU_TRANSPORT_NONE && a->endpoint.port != 0;
}

/* Reads text as a multiaddr and what can be dialled of it; *maddr lies in bytes. */
static bool read_address(const char *text, uint8_t bytes[PU_MADDR_MAX], pu_span *maddr, pu_addr *a)
{
    size_t len;
    pu_span span = {(const uint8_t *)text, strlen(text)};
    if (pu_maddr_parse(bytes, PU_MADDR_MAX, &len, span, NULL) != PU_OK) return false;
    *maddr = (pu_span){bytes, len};
    return pu_addr_read(a, *maddr) == PU_OK;
}

bool config_is_relay_address(const char *text)
{
    uint8_t bytes[PU_MADDR_MAX];
    pu_span maddr;
    pu_addr a;
    return read_address(text, bytes, &maddr, &a) && config_can_dial(&a, maddr) && !a.circuit &&
           a.peer.len > 0;
}

/* Whether text is a multiaddr to listen on; its port may be 0. */
static bool is_listen_address(const char *text)
{
    uint8_t bytes[PU_MADDR_MAX];
    pu_span maddr;
    pu_addr a;
    return read_address(text, bytes, &maddr, &a) && a.transport != PU_TRANSPORT_NONE && !a.dns &&
           !a.circuit && a.peer.len == 0;
}

static void check_addresses(const config *c, yaml_file *f)
{
    const yaml_node_t *root = yaml_document_get_root_node(&f->document);
    for (size_t i = 0; i < c->relays.count; i++) {
        const char *text = c->relays.at[i];
        if (!config_is_relay_address(text))
            yaml_error(f, root,
                       "relay.addresses: '%s' is not a multiaddr with /udp/PORT/quic-v1 or "
                       "/tcp/PORT that ends in /p2p/ID, and leads through no other relay",
                       text);
    }
    for (size_t i = 0; i < c->listen.count; i++) {
        const char *text = c->listen.at[i];
        if (!is_listen_address(text))
            yaml_error(f, root,
                       "network.listen_addresses: '%s' is neither /ip4 or /ip6 with "
                       "/udp/PORT/quic-v1 nor with /tcp/PORT",
                       text);
    }
}

bool config_service_place(const config_service *s, pu_endpoint *at)
{
    char host[HOST_NAME_MAX_BYTES], text[HOST_NAME_MAX_BYTES + 32];
    uint8_t bytes[PU_MADDR_MAX];
    uint16_t port;
    pu_span maddr;
    pu_addr a;
    if (s->local_address == NULL || !host_port_read(s->local_address, NULL, host, &port))
        return false;
    const char *ip = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    snprintf(text, sizeof text, "/ip%c/%s/tcp/%u", strchr(ip, ':') != NULL ? '6' : '4', ip, port);
    if (!read_address(text, bytes, &maddr, &a)) return false;
    *at = a.endpoint;
    return true;
}

/* Whether the node itself would have to listen where a program of this machine does. */
static bool is_same_place(const pu_endpoint *node, const pu_endpoint *service)
{
    static const uint8_t any_v4[16] = {[10] = 0xff, [11] = 0xff}, any_v6[16] = {0};
    bool is_v4 = memcmp(service->ip, any_v4, 12) == 0;
    bool is_any = memcmp(node->ip, is_v4 ? any_v4 : any_v6, 16) == 0;
    if (node->port == 0 || node->port != service->port) return false;
    return memcmp(node->ip, service->ip, 16) == 0 ||
           (is_any && pu_endpoint_scope(service) == PU_SCOPE_LOOPBACK);
}

/* Only one program can listen at a port. */
static void check_services(const config *c, yaml_file *f)
{
    const yaml_node_t *root = yaml_document_get_root_node(&f->document);
    uint8_t bytes[PU_MADDR_MAX];
    pu_endpoint place;
    pu_span maddr;
    pu_addr a;
    for (size_t i = 0; i < c->service_count; i++) {
        const config_service *s = &c->services[i];
        if (!s->is_enabled || !config_service_place(s, &place)) continue;
        for (size_t k = 0; k < c->listen.count; k++) {
            const char *text = c->listen.at[k];
            if (read_address(text, bytes, &maddr, &a) && a.transport == PU_TRANSPORT_TCP &&
                is_same_place(&a.endpoint, &place))
                yaml_error(f, root,
                           "services.%s: local_address '%s' is where this node itself listens, as "
                           "network.listen_addresses has %s",
                           s->name, s->local_address, text);
        }
    }
}

/* What several keys together must be. */
static void check(const config *c, yaml_file *f)
{
    const yaml_node_t *root = yaml_document_get_root_node(&f->document);
    check_addresses(c, f);
    check_services(c, f);
    for (size_t i = 0;; i++) {
        const pu_config_info *info = pu_config_at(i);
        if (info == NULL) break;
        uint64_t value = pu_config_get(&c->node, info);
        if (value < info->least || value > info->most)
            yaml_error(f, root, "%s: out of range", info->name);
    }
}

config *config_read(const char *path, FILE *warnings)
{
    static const yaml_key keys[] = {
        {"version", read_version, 0},   {"identity", read_identity, 0},
        {"network", read_network, 0},   {"relay", read_relay, 0},
        {"discovery", yaml_ignored, 0}, {"security", read_security, 0},
        {"protocols", yaml_ignored, 0}, {"services", read_services, 0},
        {"names", read_names, 0},       {"telemetry", yaml_ignored, 0},
        {"health", yaml_ignored, 0},    {"resources", read_resources, 0},
        {"daemon", read_daemon, 0},     {"node", read_node, 0},
    };
    yaml_file f;
    if (!yaml_file_open(&f, path, warnings)) return NULL;
    char *folder = folder_of(path);
    config *c = config_default(folder);
    free(folder);
    yaml_node_t *root = yaml_document_get_root_node(&f.document);
    if (c != NULL && root != NULL) {
        c->path = strdup(path);
        yaml_map(&f, root, keys, COUNT(keys), c);
        check(c, &f);
        settle(&c->key_file, c->folder, "identity.key");
        settle(&c->authorized_keys_file, c->folder, "authorized_keys");
        char *state = state_home();
        settle(&c->state_dir, c->folder, state != NULL ? state : "state");
        settle(&c->socket, c->folder, "peerup.sock");
        free(state);
    } else if (c != NULL) {
        fprintf(warnings, "%s: it is empty\n", path);
        f.errors++;
    }
    bool is_good = c != NULL && f.errors == 0;
    yaml_file_close(&f);
    if (is_good) return c;
    config_free(c);
    return NULL;
}

static void list_free(string_list *list)
{
    for (size_t i = 0; i < list->count; i++) free(list->at[i]);
    free(list->at);
}

void config_free(config *c)
{
    if (c == NULL) return;
    list_free(&c->listen);
    list_free(&c->relays);
    for (size_t i = 0; i < c->service_count; i++) {
        list_free(&c->services[i].allowed);
        free(c->services[i].name);
        free(c->services[i].local_address);
        free(c->services[i].label);
    }
    for (size_t i = 0; i < c->name_count; i++) free(c->names[i].name);
    free(c->services);
    free(c->names);
    free(c->key_file);
    free(c->authorized_keys_file);
    free(c->state_dir);
    free(c->socket);
    free(c->folder);
    free(c->path);
    free(c);
}

const pu_peer_id *config_name_find(const config *c, const char *name)
{
    for (size_t i = 0; i < c->name_count; i++) {
        if (strcmp(c->names[i].name, name) == 0) return &c->names[i].id;
    }
    return NULL;
}
