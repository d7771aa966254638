/* Services: what is exposed, under which protocol ids, and to whom. */
#include "node/apps.h"

enum {
    SERVED_NAMES_MAX = 128,  /* protocol ids of all services */
    SERVED_BYTES_MAX = 2048, /* the same in bytes, so that they fit one identify message */
    NAME_OVERHEAD = 3        /* bytes that identify adds to each */
};

app_service *service_find(const pu_node *n, uint32_t number)
{
    const apps *a = apps_peek(n);
    for (uint32_t i = 0; a != NULL && number != 0 && i < a->service_count; i++)
        if (a->services[i].number == number) return &a->services[i];
    return NULL;
}

static app_service *by_name(const apps *a, pu_span name)
{
    for (uint32_t i = 0; i < a->service_count; i++)
        if (span_equal(a->services[i].is.name, name)) return &a->services[i];
    return NULL;
}

static bool is_listed(const app_service *s, pu_span id)
{
    pu_span rest = s->is.allow, peer;
    while (pu_service_next_peer(&rest, &peer))
        if (span_equal(peer, id)) return true;
    return false;
}

/* A list only narrows: whoever is not authorised, like a relay that we connected to, is nobody. */
bool service_admits(const pu_node *n, const app_service *s, pu_peer peer)
{
    if (!ctx_is_authorised(n, peer)) return false;
    return !s->is.allow_listed || is_listed(s, ctx_peer_id(n, peer));
}

/* ---- what is told ---- */

uint32_t ctx_app_protocols(const pu_node *n, pu_peer peer, pu_span *names, uint32_t max)
{
    const apps *a = apps_peek(n);
    uint32_t count = 0;
    for (uint32_t i = 0; a != NULL && i < a->service_count; i++) {
        const app_service *s = &a->services[i];
        if (!service_admits(n, s, peer)) continue;
        for (uint32_t p = 0; p < s->is.protocol_count && count < max; p++)
            names[count++] = s->is.protocols[p];
    }
    return count;
}

/* Who may use what is another now: streams of those who may not any more end, others are told. */
static void changed(pu_node *n)
{
    apps_enforce(n);
    if (n->is_started) ctx_self_changed(n);
}

void services_peer_authorised(pu_node *n)
{
    const apps *a = apps_peek(n);
    if (a != NULL && a->service_count > 0 && n->is_started) ctx_self_changed(n);
}

/* ---- exposing ---- */

/* Whether a protocol is the node's own, or another service's. */
static bool is_taken(const pu_node *n, const pu_service *fresh, uint32_t own_number)
{
    for (uint32_t i = 0; i < fresh->protocol_count; i++) {
        uint32_t name = app_name_served(n, fresh->protocols[i]);
        if (name != 0 && app_name_at(n, name)->service != own_number) return true;
        for (int id = PROTO_NONE + 1; id < PROTO_COUNT; id++)
            if (span_equal(fresh->protocols[i], ctx_proto_name((enum proto_id)id))) return true;
    }
    return false;
}

static void add_up(const pu_service *s, uint32_t *count, size_t *bytes)
{
    *count += s->protocol_count;
    for (uint32_t i = 0; i < s->protocol_count; i++) *bytes += s->protocols[i].len + NAME_OVERHEAD;
}

/* Whether identify can tell all protocols, fresh's in place of old's. */
static bool can_be_told(pu_node *n, const apps *a, const pu_service *fresh, const app_service *old)
{
    uint32_t count = 0;
    size_t bytes = 0;
    add_up(fresh, &count, &bytes);
    for (uint32_t i = 0; i < a->service_count; i++)
        if (&a->services[i] != old) add_up(&a->services[i].is, &count, &bytes);
    return !ctx_at_limit(n, "service protocols", count, SERVED_NAMES_MAX + 1) &&
           !ctx_at_limit(n, "service protocol bytes", bytes, SERVED_BYTES_MAX + 1);
}

/* A place for one more service; NULL: too many, or no memory. */
static app_service *service_new(pu_node *n, apps *a)
{
    uint32_t max = (uint32_t)n->config->services_max;
    if (ctx_at_limit(n, "services_max", a->service_count, max)) return NULL;
    if (!mem_grow(ctx_alloc(n), (void **)&a->services, &a->service_cap, a->service_count, max,
                  sizeof(app_service))) {
        ctx_no_memory(n, NULL, sizeof(app_service));
        return NULL;
    }
    app_service *s = &a->services[a->service_count++];
    *s = (app_service){.number = ++a->last_number};
    return s;
}

static void names_drop(pu_node *n, const pu_service *s)
{
    for (uint32_t i = 0; i < s->protocol_count; i++) {
        uint32_t name = app_name_served(n, s->protocols[i]);
        PU_ASSERT(name != 0);
        app_name_at(n, name)->service = 0;
        app_name_drop(n, name);
    }
}

/* Holds all protocol ids of a service. False: none is held. */
static bool names_hold(pu_node *n, const pu_service *s, uint32_t names[PU_SERVICE_PROTOCOLS_MAX])
{
    for (uint32_t i = 0; i < s->protocol_count; i++) {
        names[i] = app_name_hold(n, s->protocols[i]);
        if (names[i] != 0) continue;
        while (i > 0) app_name_drop(n, names[--i]);
        return false;
    }
    return true;
}

/* Takes a service out that has no protocol ids (any more). */
static void service_remove(pu_node *n, apps *a, app_service *s)
{
    mem_free(ctx_alloc(n), s->definition, s->definition_len);
    size_t at = (size_t)(s - a->services);
    a->service_count--;
    memmove(s, s + 1, (a->service_count - at) * sizeof *s);
}

/* Puts a definition, whose bytes are s's from now on, in the place of s's present one. */
static bool define(pu_node *n, app_service *s, uint8_t *definition, size_t len)
{
    pu_service fresh;
    uint32_t names[PU_SERVICE_PROTOCOLS_MAX];
    int err = pu_service_read(&fresh, span_of(definition, len));
    PU_ASSERT(err == PU_OK); /* it was read before */
    if (!names_hold(n, &fresh, names)) return false;
    if (s->definition != NULL) names_drop(n, &s->is);
    mem_free(ctx_alloc(n), s->definition, s->definition_len);
    s->definition = definition;
    s->definition_len = len;
    s->is = fresh;
    for (uint32_t i = 0; i < fresh.protocol_count; i++) {
        app_name *at = app_name_at(n, names[i]);
        at->service = s->number;
        at->rank = (uint8_t)i;
    }
    return true;
}

uint32_t service_expose(pu_node *n, pu_span definition)
{
    pu_service fresh;
    if (pu_service_read(&fresh, definition) != PU_OK) return PU_CODE_INVALID;
    apps *a = ctx_state(n, MODULE_APPS);
    if (a == NULL) return PU_CODE_NO_MEMORY;
    app_service *s = by_name(a, fresh.name);
    if (is_taken(n, &fresh, s != NULL ? s->number : UINT32_MAX)) return PU_CODE_INVALID;
    if (!can_be_told(n, a, &fresh, s)) return PU_CODE_RESOURCE;
    bool is_new = s == NULL;
    if (is_new) s = service_new(n, a);
    if (s == NULL) return PU_CODE_RESOURCE;
    uint8_t *copy = mem_new(ctx_alloc(n), definition.len);
    if (copy == NULL) ctx_no_memory(n, NULL, definition.len);
    else memcpy(copy, definition.base, definition.len);
    if (copy == NULL || !define(n, s, copy, definition.len)) {
        mem_free(ctx_alloc(n), copy, definition.len);
        if (is_new) service_remove(n, a, s);
        return PU_CODE_NO_MEMORY;
    }
    ctx_trace(n, PU_TR_SERVICE_UP, NULL, NULL, 0, s->is.protocol_count, 0, s->is.name);
    changed(n);
    return PU_CODE_OK;
}

uint32_t service_withdraw(pu_node *n, pu_span name)
{
    apps *a = apps_peek(n);
    app_service *s = a != NULL ? by_name(a, name) : NULL;
    if (s == NULL) return PU_CODE_INVALID;
    ctx_trace(n, PU_TR_SERVICE_DOWN, NULL, NULL, 0, s->streams, 0, s->is.name);
    names_drop(n, &s->is);
    service_remove(n, a, s);
    changed(n);
    return PU_CODE_OK;
}

void services_free(pu_node *n, apps *a)
{
    while (a->service_count > 0) {
        app_service *s = &a->services[a->service_count - 1];
        names_drop(n, &s->is);
        service_remove(n, a, s);
    }
    mem_free(ctx_alloc(n), a->services, a->service_cap * sizeof *a->services);
}

/* ---- reading ---- */

bool pu_node_read_services(const pu_node *n, uint32_t *cursor, pu_service_row *row)
{
    PU_ASSERT(n->out == NULL);
    const apps *a = apps_peek(n);
    if (a == NULL || *cursor >= a->service_count) return false;
    const app_service *s = &a->services[(*cursor)++];
    *row = (pu_service_row){
        .name = s->is.name,
        .definition = span_of(s->definition, s->definition_len),
        .streams = s->streams,
        .streams_max = service_streams_max(n, s),
        .streams_per_peer_max = service_streams_per_peer_max(n, s),
        .opened = s->opened,
        .refused = s->refused,
    };
    return true;
}
