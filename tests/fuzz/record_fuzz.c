/* record_fuzz.c - recordings of a node's life: what is read is written again as it was; and a life
 * that is lived again, however the recording was changed. */
#include "peerup/record.h"
#include "sim/replay.h"
#include "tests/fuzz/fuzz.h"

static uint8_t written[PU_RECORD_MAX];

/* Writes what was read. 0: a kind that does not come back byte by byte. */
static size_t write_again(const pu_record *r)
{
    switch (r->kind) {
    case PU_RECORD_NODE: return pu_record_write_node(written, sizeof written, &r->node);
    case PU_RECORD_INPUT: return pu_record_write_input(written, sizeof written, &r->in, &r->opaque);
    case PU_RECORD_SIGN: return pu_record_write_sign(written, sizeof written, r->signature.base);
    case PU_RECORD_VERIFY: return pu_record_write_verify(written, sizeof written, r->is_genuine);
    case PU_RECORD_RANDOM: return pu_record_write_random(written, sizeof written, r->random_len);
    case PU_RECORD_STEP: return pu_record_write_step(written, sizeof written, &r->step);
    case PU_RECORD_END: return pu_record_write_end(written, sizeof written, r->why);
    default: PU_NEVER_HERE();
    }
}

/* Parameters come by name in any order, some left out: read again they are the same. */
static void check_node(const pu_record *r, size_t len)
{
    pu_span rest = span_of(written, len);
    pu_record again;
    const pu_config_info *info;
    PU_ASSERT(pu_record_next(&rest, &again));
    PU_ASSERT(rest.len == 0);
    for (size_t i = 0; (info = pu_config_at(i)) != NULL; i++) {
        uint64_t value = pu_config_get(&r->node.config, info);
        PU_ASSERT(value >= info->least && value <= info->most);
        PU_ASSERT(value == pu_config_get(&again.node.config, info));
    }
    PU_ASSERT(memcmp(r->node.seed, again.node.seed, sizeof r->node.seed) == 0);
    PU_ASSERT(memcmp(r->node.key, again.node.key, sizeof r->node.key) == 0);
    PU_ASSERT(r->node.now == again.node.now);
}

void fuzz_recording(pu_span bytes)
{
    pu_span rest = bytes, before = bytes;
    pu_record record;
    (void)pu_record_read_magic(&rest); /* most inputs are records alone */
    for (before = rest; pu_record_next(&rest, &record); before = rest) {
        PU_ASSERT(rest.len < before.len);
        size_t len = write_again(&record);
        PU_ASSERT(len > 0);
        if (record.kind == PU_RECORD_NODE) check_node(&record, len);
        else PU_ASSERT(span_equal(span_head(before, before.len - rest.len), span_of(written, len)));
    }
    PU_ASSERT(span_equal(rest, before));
    PU_ASSERT(!pu_record_is_cut(rest) || rest.len < PU_RECORD_MAX + 5);
}

void fuzz_replay(pu_span bytes)
{
    replay_result result;
    char error[256] = "";
    bool is_one = replay_recording(bytes, &result, error, sizeof error);
    PU_ASSERT(is_one || error[0] != '\0');
    PU_ASSERT(result.is_equal || result.why[0] != '\0');
    PU_ASSERT(result.from <= result.to);
    PU_ASSERT(result.end == REPLAY_CUT || result.end == REPLAY_INSIDE || result.unused == 0);
}
