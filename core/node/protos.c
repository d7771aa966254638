/* The one list of what a node speaks: protocols, modules, and whose timer is whose. A new protocol
 * is added here. */
#include "node/apps.h"
#include "node/names.h"
#include "proto/dcutr.h"
#include "proto/identify.h"
#include "proto/ping.h"
#include "proto/relay/relay.h"

static const struct proto *const protos[PROTO_COUNT] = {
    [PROTO_IDENTIFY] = &proto_identify, [PROTO_PING] = &proto_ping,   [PROTO_HOP] = &proto_hop,
    [PROTO_STOP] = &proto_stop,         [PROTO_DCUTR] = &proto_dcutr, [PROTO_PUSH] = &proto_push,
    [PROTO_APP] = &proto_app,
};

static const struct module *const modules[MODULE_COUNT] = {
    [MODULE_IDENTIFY] = &module_identify,
    [MODULE_PING] = &module_ping,
    [MODULE_RELAY_CLIENT] = &module_relay_client,
    [MODULE_RELAY_SERVER] = &module_relay_server,
    [MODULE_DCUTR] = &module_dcutr,
    [MODULE_APPS] = &module_apps,
    [MODULE_NAMES] = &module_names,
};

typedef void (*timer_handler)(pu_node *n, uint64_t arg);

static const timer_handler handlers[TIMER_COUNT] = {
    [TIMER_STREAM] = stream_timer,         [TIMER_OPEN] = stream_open_timer,
    [TIMER_CONN] = conn_end_timer,         [TIMER_LEG] = leg_timer,
    [TIMER_RETRY] = dialer_retry_timer,    [TIMER_COMMAND] = command_timer,
    [TIMER_EXPIRY] = gater_timer,          [TIMER_PING] = ping_timer,
    [TIMER_RESERVE] = relay_reserve_timer, [TIMER_RESERVATION] = relay_reservation_timer,
    [TIMER_CIRCUIT] = relay_circuit_timer, [TIMER_PUNCH] = dcutr_timer,
    [TIMER_PUSH] = identify_push_timer,    [TIMER_IDENTIFY] = identify_timer,
    [TIMER_LOOK] = identify_look_timer,    [TIMER_BOOK] = book_timer,
    [TIMER_APP_OPEN] = app_open_timer,     [TIMER_APPS] = apps_timer,
};

const struct proto *proto_of(enum proto_id id)
{
    PU_ASSERT(id > PROTO_NONE && id < PROTO_COUNT);
    return protos[id];
}

const struct module *module_of(enum module_id id)
{
    PU_ASSERT(id < MODULE_COUNT);
    return modules[id];
}

pu_span ctx_proto_name(enum proto_id id)
{
    const char *name = proto_of(id)->name;
    return span_of(name, strlen(name));
}

const struct proto *ctx_proto(const pu_node *n, enum proto_id id)
{
    const struct proto *p = proto_of(id);
    return p->served == NULL || p->served(n) ? p : NULL;
}

uint32_t protos_served(const pu_node *n)
{
    uint32_t bits = 0;
    for (int id = PROTO_NONE + 1; id < PROTO_COUNT; id++)
        if (ctx_proto(n, (enum proto_id)id) != NULL) bits |= 1u << id;
    return bits;
}

void protos_check(pu_node *n)
{
    if (n->is_started && !n->is_stopping && protos_served(n) != n->served) ctx_self_changed(n);
}

int proto_find(const void *node, pu_span name)
{
    for (int id = PROTO_NONE + 1; id < PROTO_COUNT; id++) {
        bool is_it = span_equal(name, ctx_proto_name((enum proto_id)id));
        if (is_it) return ctx_proto(node, (enum proto_id)id) != NULL ? id : -1;
    }
    uint32_t served = app_name_served(node, name);
    return served != 0 ? (int)(PROTO_COUNT + served - 1) : -1;
}

void timer_dispatch(pu_node *n, enum timer_kind kind, uint64_t arg)
{
    PU_ASSERT(kind < TIMER_COUNT);
    handlers[kind](n, arg);
}

uint32_t ctx_circuit_addrs(const pu_node *n, enum pu_scope least, pu_buf *pool, pu_span *addrs,
                           uint32_t max)
{
    return relay_client_circuit_addrs(n, least, pool, addrs, max);
}

void ctx_identified(pu_node *n, conn *c)
{
    dialer_identified(n, c);
    for (uint32_t m = 0; m < MODULE_COUNT && c->state == CONN_UP; m++)
        if (modules[m]->conn_identified != NULL) modules[m]->conn_identified(n, c);
    protos_check(n);
}
