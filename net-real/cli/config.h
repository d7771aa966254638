/* net-real/cli/config.h - the configuration of a node or relay: YAML with the keys of the Go peerup
 * (docs/configuration.md lists them), read whole and checked, with file, line and column in every
 * complaint.
 */
#ifndef NET_REAL_CLI_CONFIG_H
#define NET_REAL_CLI_CONFIG_H

#include "peerup/config.h"
#include "peerup/ident.h"

#include <stdio.h>

enum {
    CONFIG_BYTES_MAX = 1 << 20,
    CONFIG_LIST_MAX = 256, /* entries of one list or map */
};

/* Strings that the configuration owns. */
typedef struct string_list {
    char **at;
    size_t count;
} string_list;

/* One entry under `services:`. */
typedef struct config_service {
    char *name;
    char *local_address; /* host:port of a TCP service */
    char *label;         /* "service NAME at HOST:PORT", for people; NULL without an address */
    string_list allowed; /* peer ids; has_allowed false: every authorised peer */
    bool has_allowed, is_enabled;
    bool limited; /* also over relayed connections that are limited */
} config_service;

/* One entry under `names:`. */
typedef struct config_name {
    char *name;
    pu_peer_id id;
} config_name;

typedef struct config {
    char *path;   /* of the file; NULL: none was read */
    char *folder; /* that it is in; relative paths in it start there */
    char *key_file, *authorized_keys_file;
    char *state_dir; /* what the node keeps */
    char *socket;    /* of the daemon */
    string_list listen;
    string_list relays; /* multiaddrs that end in /p2p/ID */
    config_service *services;
    size_t service_count;
    config_name *names;
    size_t name_count;
    bool is_relay; /* relay server */
    pu_config node;
} config;

/* Finds the file: path if not NULL, else ./peerup.yaml, $XDG_CONFIG_HOME/peerup/config.yaml (by
 * default
 * ~/.config) and /etc/peerup/config.yaml. For relays (for_relay) ./relay-server.yaml goes first.
 * The result is the caller's to free; NULL: there is none, which error says. */
char *config_find(const char *path, bool for_relay, char *error, size_t cap);

/* Reads path. Warnings go to `warnings` (unknown keys), one a line; complaints, too, and then NULL.
 * A file that others may read is refused. */
config *config_read(const char *path, FILE *warnings);

/* Defaults for a file that is not there: nothing listens, no relay. folder is copied. */
config *config_default(const char *folder);

void config_free(config *c);

/* The folder of the user's configuration; the caller frees it. NULL: no home. */
char *config_home(void);

/* The id that a name of the configuration stands for, or NULL. */
const pu_peer_id *config_name_find(const config *c, const char *name);

/* Whether a, which maddr says, can be dialled: by a transport of ours and a port, through a relay,
 * or as the records of a /dnsaddr say. */
bool config_can_dial(const pu_addr *a, pu_span maddr);
/* Where the program behind a service listens. False: at a name other than localhost, or nowhere. */
bool config_service_place(const config_service *s, pu_endpoint *at);
/* Whether text is a multiaddr of a relay, with its id. */
bool config_is_relay_address(const char *text);
/* folder/name, or name when it begins with '/'; the caller frees it. */
char *config_beside(const char *folder, const char *name);

#endif
