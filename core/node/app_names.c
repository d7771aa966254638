/* Protocol ids that applications named. Each distinct one is kept once, counted, and streams hold a
 * number: the place and 1. */
#include "node/apps.h"

enum { NAMES_MAX = 4096 }; /* places must fit select_machine.agreed */

app_name *app_name_at(const pu_node *n, uint32_t name)
{
    const apps *a = apps_peek(n);
    PU_ASSERT(a != NULL);
    PU_ASSERT(name > 0 && name <= a->name_count);
    PU_ASSERT(a->names[name - 1].holders > 0);
    return &a->names[name - 1];
}

pu_span app_name_text(const pu_node *n, uint32_t name)
{
    const app_name *at = app_name_at(n, name);
    return span_of(at->text, at->len);
}

static bool is_named(const app_name *at, pu_span text)
{
    return at->text != NULL && span_equal(span_of(at->text, at->len), text);
}

static uint32_t find(const apps *a, pu_span text)
{
    for (uint32_t i = 0; i < a->name_count; i++)
        if (is_named(&a->names[i], text)) return i + 1;
    return 0;
}

/* A place that is free; NULL: too many, or no memory. */
static app_name *place(pu_node *n, apps *a)
{
    for (uint32_t i = 0; i < a->name_count; i++)
        if (a->names[i].text == NULL) return &a->names[i];
    if (ctx_at_limit(n, "protocol names", a->name_count, NAMES_MAX)) return NULL;
    if (!mem_grow(ctx_alloc(n), (void **)&a->names, &a->name_cap, a->name_count, NAMES_MAX,
                  sizeof(app_name))) {
        ctx_no_memory(n, NULL, sizeof(app_name));
        return NULL;
    }
    return &a->names[a->name_count++];
}

uint32_t app_name_hold(pu_node *n, pu_span text)
{
    PU_ASSERT(text.len > 0 && text.len <= PU_PROTOCOL_MAX);
    apps *a = apps_peek(n);
    PU_ASSERT(a != NULL);
    uint32_t known = find(a, text);
    if (known != 0) {
        a->names[known - 1].holders++;
        return known;
    }
    app_name *at = place(n, a);
    uint8_t *copy = at != NULL ? mem_new(ctx_alloc(n), text.len) : NULL;
    if (copy == NULL) {
        if (at != NULL) ctx_no_memory(n, NULL, text.len);
        return 0;
    }
    memcpy(copy, text.base, text.len);
    *at = (app_name){.text = copy, .holders = 1, .len = (uint8_t)text.len};
    return (uint32_t)(at - a->names) + 1;
}

void app_name_again(pu_node *n, uint32_t name)
{
    app_name_at(n, name)->holders++;
}

void app_name_drop(pu_node *n, uint32_t name)
{
    if (name == 0) return;
    apps *a = apps_peek(n);
    app_name *at = app_name_at(n, name);
    if (--at->holders > 0) return;
    mem_free(ctx_alloc(n), at->text, at->len);
    *at = (app_name){.text = NULL};
    while (a->name_count > 0 && a->names[a->name_count - 1].text == NULL) a->name_count--;
    mem_trim(ctx_alloc(n), (void **)&a->names, &a->name_cap, a->name_count, sizeof(app_name));
}

uint32_t app_name_served(const pu_node *n, pu_span text)
{
    const apps *a = apps_peek(n);
    uint32_t name = a != NULL ? find(a, text) : 0;
    return name != 0 && a->names[name - 1].service != 0 ? name : 0;
}
