/* Names and meanings of trace codes and of error codes, and the one place where a node traces. */
#include "node/impl.h"

static const pu_trace_info infos[PU_TR_COUNT] = {
#define TRACE_INFO(code, area, name, meaning) [PU_TR_##code] = {name, meaning, PU_AREA_##area},
    PU_TRACE_LIST(TRACE_INFO)
#undef TRACE_INFO
};

const pu_trace_info *pu_trace_describe(enum pu_trace_code code)
{
    PU_ASSERT(code > PU_TR_NONE && code < PU_TR_COUNT);
    return &infos[code];
}

const pu_code_info *pu_code_describe(uint32_t code)
{
    static const struct {
        uint32_t code;
        pu_code_info info;
    } codes[] = {
#define CODE_INFO(code, value, name, meaning) {PU_CODE_##code, {name, meaning}},
        PU_CODE_LIST(CODE_INFO)
#undef CODE_INFO
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code) return &codes[i].info;
    return NULL;
}

void ctx_trace(pu_node *n, enum pu_trace_code code, const conn *c, const stream *s, pu_peer peer,
               uint64_t a, uint64_t b, pu_span text)
{
    const pu_env *env = n->env;
    if (env->trace == NULL || ((env->trace_mask >> pu_trace_describe(code)->area) & 1) == 0) return;
    if (peer == 0 && c != NULL) peer = c->peer;
    pu_trace event = {
        .now = n->now,
        .code = code,
        .conn = c != NULL   ? pu_handle_ordinal(c->handle)
                : s != NULL ? pu_handle_ordinal(s->conn)
                            : 0,
        .stream = s != NULL ? pu_handle_ordinal(s->handle) : 0,
        .peer = peer != 0 ? ctx_peer_id(n, peer) : span_of(NULL, 0),
        .a = a,
        .b = b,
        .text = text,
    };
    env->trace(env->trace_ctx, &event);
}

bool ctx_at_limit(pu_node *n, const char *parameter, uint64_t used, uint64_t max)
{
    if (used < max) return false;
    ctx_trace(n, PU_TR_LIMITED, NULL, NULL, 0, max, 0, span_of(parameter, strlen(parameter)));
    return true;
}
