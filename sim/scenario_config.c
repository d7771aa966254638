/* sim/scenario_config.c - `config:`: parameters of peerup/config.h by name, with the unit of their
 * kind. */
#include "base/bytes.h"

#include "base/suggest.h"
#include "sim/mem.h"
#include "sim/scenario_impl.h"

static const pu_config_info *find(reader *r, const doc_node *entry)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    const pu_config_info *info = pu_config_find(span_of(entry->key, strlen(entry->key)));
    if (info != NULL) return info;
    suggest_begin(&near, entry->key);
    for (size_t i = 0; (info = pu_config_at(i)) != NULL; i++) suggest_offer(&near, info->name);
    read_key_error(r, entry, "unknown parameter '%.80s'%s", entry->key, suggest_hint(&near, hint));
    return NULL;
}

static enum quantity_kind quantity_of(enum pu_config_kind kind)
{
    if (kind == PU_CONFIG_NS) return QUANTITY_DURATION;
    return kind == PU_CONFIG_BYTES ? QUANTITY_SIZE : QUANTITY_COUNT;
}

static bool read_value(reader *r, const doc_node *node, const pu_config_info *info, uint64_t *value)
{
    char least[QUANTITY_PRINT_MAX], most[QUANTITY_PRINT_MAX];
    if (info->kind == PU_CONFIG_SWITCH) {
        bool is_on;
        if (!read_switch(r, node, &is_on)) return false;
        *value = is_on;
        return true;
    }
    enum quantity_kind kind = quantity_of(info->kind);
    if (!read_quantity(r, node, kind, value)) return false;
    if (*value >= info->least && *value <= info->most) return true;
    read_error(r, node, "%s is outside %s to %s", node->text,
               quantity_print(kind, info->least, least), quantity_print(kind, info->most, most));
    return false;
}

void read_config(reader *r, const doc_node *node, scenario_setting **settings, uint32_t *count)
{
    if (!read_names(r, node) || node->count == 0) return;
    *settings = sim_alloc(node->count * sizeof **settings);
    for (const doc_node *n = node->first; n != NULL; n = n->next) {
        scenario_setting *setting = &(*settings)[*count];
        setting->info = find(r, n);
        if (setting->info != NULL && read_value(r, n, setting->info, &setting->value)) (*count)++;
    }
}
