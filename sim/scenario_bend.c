/* sim/scenario_bend.c - `misbehaves:` of a relay. */
#include "sim/scenario_impl.h"

/* What is never reached or never heard of would be no misbehaviour. */
static void check_bend(reader *r, const doc_node *node, const scenario_node *of, bool is_odd)
{
    const scenario_bend *b = &of->bend;
    bool ends = b->ends_ns > 0 || b->ends_bytes > 0;
    bool is_news_of = !of->is_relay && is_news(r, THING_RELAY, of->name);
    if (is_news_of) read_error(r, node, "'%s' is not a relay: it has no roles: [relay]", of->name);
    else if (!of->is_relay) return;
    else if (!b->swallows && !ends && b->bps == 0 && is_odd) return;
    else if (!b->swallows && !ends && b->bps == 0)
        read_error(r, node,
                   "it has one of 'swallows', 'ends_after', 'ends_after_bytes' and 'rate'");
    else if (b->swallows && (ends || b->bps > 0))
        read_error(r, node, "who swallows everything has no rate, and no end that shows");
    else if (ends && b->bps > 0)
        read_error(r, node, "it has either a 'rate' or an end, so that it is plain which was seen");
}

void read_bend(reader *r, const doc_node *node, scenario_node *of)
{
    static const key_rule rules[] = {
        {"swallows", false}, {"ends_after", false}, {"ends_after_bytes", false},
        {"rate", false},     {"from", false},
    };
    scenario_bend *b = &of->bend;
    if (!read_map(r, node, rules, sizeof rules / sizeof rules[0])) return;
    const doc_node *end = doc_get(node, "ends_after"), *bytes = doc_get(node, "ends_after_bytes");
    const doc_node *rate = doc_get(node, "rate");
    uint32_t before = r->errors->count + r->errors->dropped;
    b->is_any = true;
    read_switch(r, doc_get(node, "swallows"), &b->swallows);
    if (read_quantity(r, end, QUANTITY_DURATION, &b->ends_ns) && b->ends_ns == 0)
        read_error(r, end, "a circuit that ends at once is none");
    if (read_quantity(r, bytes, QUANTITY_SIZE, &b->ends_bytes) && b->ends_bytes == 0)
        read_error(r, bytes, "a circuit that ends at once is none");
    if (read_quantity(r, rate, QUANTITY_RATE, &b->bps) && b->bps == 0)
        read_error(r, rate, "what passes nothing on is 'swallows: true'");
    read_time(r, doc_get(node, "from"), &b->from);
    bool is_odd = has_unknown_key(node, rules, sizeof rules / sizeof rules[0]) ||
                  r->errors->count + r->errors->dropped > before;
    check_bend(r, node, of, is_odd);
}
