/* Names, for the node and for the program; see host_impl.h.
 *
 * The program's have a channel of their own, made with the first: they share neither tokens nor
 * limits with the node's.
 */
#include "net-real/host_impl.h"
#include "net-real/sockaddr.h"

#include <stdlib.h>
#include <string.h>

enum { LOOKUPS_MAX = 64, FOUND_MAX = 16 };

#define LOOKUP_NS (10 * PU_S)

static void on_names(void *ctx, pu_token token, uint32_t code, pu_span multiaddrs)
{
    pu_host *h = ctx;
    h->now = loop_now(h->l);
    pu_in answer = {.kind = PU_IN_RESOLVED, .token = token, .code = code, .body = multiaddrs};
    if (!real_host_input(h, &answer)) h->is_stopped = true;
    real_host_drain(h);
}

int real_host_names_open(pu_host *h, char *error, size_t cap)
{
    h->names = dns_open(h->l, NULL, on_names, h, error, cap);
    return h->names != NULL ? PU_OK : PU_ERANGE;
}

/* ---- the program's ---- */

/* /ip4/A or /ip6/A alone, each after its length: the form that dns.h has. */
static uint32_t read_addresses(pu_endpoint out[FOUND_MAX], pu_span multiaddrs)
{
    uint32_t count = 0;
    while (multiaddrs.len > 0 && count < FOUND_MAX) {
        size_t len = multiaddrs.base[0];
        struct in_addr v4;
        struct in6_addr v6;
        PU_ASSERT(len < multiaddrs.len);
        if (len == 1 + sizeof v4) {
            memcpy(&v4, multiaddrs.base + 2, sizeof v4);
            out[count++] = endpoint_of_v4(&v4, 0);
        } else if (len == 1 + sizeof v6) {
            memcpy(&v6, multiaddrs.base + 2, sizeof v6);
            out[count++] = endpoint_of_v6(&v6, 0, 0);
        }
        multiaddrs.base += 1 + len;
        multiaddrs.len -= 1 + len;
    }
    return count;
}

static void on_own_names(void *ctx, pu_token token, uint32_t code, pu_span multiaddrs)
{
    pu_host *h = ctx;
    pu_endpoint found[FOUND_MAX];
    (void)code;
    for (host_lookup **at = &h->lookups; *at != NULL; at = &(*at)->next) {
        host_lookup *l = *at;
        if (l->token != token) continue;
        *at = l->next;
        h->lookup_count--;
        if (l->found != NULL) l->found(l->ctx, found, read_addresses(found, multiaddrs));
        free(l);
        return;
    }
}

int pu_host_lookup(pu_host *h, const char *name,
                   void (*found)(void *ctx, const pu_endpoint *at, uint32_t count), void *ctx)
{
    if (h->lookup_count == LOOKUPS_MAX) return PU_ERANGE;
    if (h->own_names == NULL) h->own_names = dns_open(h->l, NULL, on_own_names, h, NULL, 0);
    host_lookup *l = h->own_names != NULL ? malloc(sizeof *l) : NULL;
    if (l == NULL) return PU_ENOMEM;
    *l = (host_lookup){h->lookups, ++h->last_lookup, found, ctx};
    h->lookups = l;
    h->lookup_count++;
    pu_span text = {(const uint8_t *)name, strlen(name)};
    dns_ask(h->own_names, l->token, PU_NAME_ADDRESS, text, loop_now(h->l) + LOOKUP_NS);
    return PU_OK;
}

void pu_host_lookup_cancel(pu_host *h, void *ctx)
{
    for (host_lookup *l = h->lookups; l != NULL; l = l->next) {
        if (l->ctx == ctx) l->found = NULL;
    }
}

/* ---- both ---- */

void real_host_names_close(pu_host *h)
{
    dns_close(h->names);
    dns_close(h->own_names);
    while (h->lookups != NULL) {
        host_lookup *l = h->lookups;
        h->lookups = l->next;
        free(l);
    }
}

pu_time real_host_names_deadline(const pu_host *h)
{
    pu_time own = h->own_names != NULL ? dns_deadline(h->own_names) : PU_NEVER;
    pu_time nodes = dns_deadline(h->names);
    return own < nodes ? own : nodes;
}

void real_host_names_tick(pu_host *h)
{
    if (dns_deadline(h->names) <= h->now) dns_tick(h->names, h->now);
    if (h->own_names != NULL && dns_deadline(h->own_names) <= h->now)
        dns_tick(h->own_names, h->now);
}
