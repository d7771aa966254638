/* The parameter list of peerup/config.h as a table. */
#include "peerup/config.h"

#include "base/bytes.h"

static const pu_config_info infos[] = {
#define CONFIG_INFO(kind, name, value, least, most, meaning) \
    {#name, PU_CONFIG_##kind, value, least, most, meaning, offsetof(pu_config, name)},
    PU_CONFIG_LIST(CONFIG_INFO)
#undef CONFIG_INFO
};

enum { INFO_COUNT = sizeof infos / sizeof infos[0] };

void pu_config_default(pu_config *config)
{
    for (size_t i = 0; i < INFO_COUNT; i++) {
        PU_ASSERT(infos[i].value >= infos[i].least && infos[i].value <= infos[i].most);
        memcpy((uint8_t *)config + infos[i].offset, &infos[i].value, sizeof infos[i].value);
    }
}

const pu_config_info *pu_config_at(size_t index)
{
    return index < INFO_COUNT ? &infos[index] : NULL;
}

const pu_config_info *pu_config_find(pu_span name)
{
    for (size_t i = 0; i < INFO_COUNT; i++)
        if (span_equal(name, span_of(infos[i].name, strlen(infos[i].name)))) return &infos[i];
    return NULL;
}

int pu_config_set(pu_config *config, pu_span name, uint64_t value)
{
    const pu_config_info *info = pu_config_find(name);
    if (info == NULL || value < info->least || value > info->most) return PU_ERANGE;
    memcpy((uint8_t *)config + info->offset, &value, sizeof value);
    return PU_OK;
}

uint64_t pu_config_get(const pu_config *config, const pu_config_info *info)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)config + info->offset, sizeof value);
    return value;
}
