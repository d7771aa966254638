/* Properties: each an interval that must, or must never, exist. */
#include "sim/check.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECONDS_MAX = 32 };

static void say(run_property *p, const char *what, pu_time at)
{
    snprintf(p->why, sizeof p->why, "%s at %" PRIu64 ".%03" PRIu64 " s", what, at / PU_S,
             at % PU_S / PU_MS);
}

/* Seconds, with three decimals unless they are whole. */
static const char *seconds(uint64_t ns, char out[SECONDS_MAX])
{
    int len = snprintf(out, SECONDS_MAX, "%" PRIu64, ns / PU_S);
    if (ns % PU_S != 0)
        snprintf(out + len, SECONDS_MAX - (size_t)len, ".%03" PRIu64, ns % PU_S / PU_MS);
    return out;
}

/* "direct 2.165 s after it was asked, allowed 12 s": what came at `at` (PU_NEVER: never) and was
 * due within e's time from `from`. */
static void say_delay(run_property *p, const char *what, const scenario_expect *e, pu_time from,
                      pu_time at)
{
    char time[SECONDS_MAX], allowed[SECONDS_MAX], delay[SECONDS_MAX], since[SECONDS_MAX + 8];
    seconds(e->within_ns, allowed);
    if (e->has_after) snprintf(since, sizeof since, "time %s s", seconds(from, time));
    else snprintf(since, sizeof since, "it was asked");
    if (at == PU_NEVER)
        snprintf(p->why, sizeof p->why, "never %s, allowed %s s after %s", what, allowed, since);
    else
        snprintf(p->why, sizeof p->why, "%s %s s after %s, allowed %s s", what,
                 seconds(at - from, delay), since, allowed);
}

/* When a and b were first connected (directly, when asked for) at or after from; PU_NEVER: not. */
static pu_time first_connected(const watch *w, uint32_t a, uint32_t b, int direct, pu_time from)
{
    const watch_pair *pair = watch_pair_of(w, a, b);
    pu_time first = PU_NEVER;
    uint32_t at = pair != NULL ? pair->last_path : SCENARIO_ANY;
    for (; at != SCENARIO_ANY && w->paths[at].end > from; at = w->paths[at].before) {
        const watch_path *p = &w->paths[at];
        if (direct < 0 || p->direct == (direct == 1)) first = p->start > from ? p->start : from;
    }
    return first;
}

/* The last connect of a for b that the script came to, PU_NEVER: there was none. */
static pu_time last_connect(const watch *w, uint32_t a, uint32_t b)
{
    const watch_pair *pair = watch_pair_of(w, a, b);
    return pair != NULL ? pair->asks[a > b].asked : PU_NEVER;
}

static void check_pair(const watch *w, const scenario_expect *e, int direct, run_property *p)
{
    pu_time from = e->has_after ? e->after : last_connect(w, e->a, e->b);
    pu_time at = from != PU_NEVER ? first_connected(w, e->a, e->b, direct, from) : PU_NEVER;
    p->took_ns = at != PU_NEVER ? at - from : PU_NEVER;
    p->held = at != PU_NEVER && p->took_ns <= e->within_ns;
    say_delay(p, direct == 1 ? "direct" : direct == 0 ? "relayed" : "connected", e, from, at);
}

/* How long two of a group took to come together: since `after`, or since the first was first asked
 * for the second. PU_NEVER: they never did. */
static uint64_t pair_took_ns(const watch *w, const scenario_expect *e, uint32_t a, uint32_t b)
{
    if (e->has_after) {
        pu_time at = first_connected(w, a, b, -1, e->after);
        return at != PU_NEVER ? at - e->after : PU_NEVER;
    }
    const watch_pair *pair = watch_pair_of(w, a, b);
    if (pair == NULL || pair->asks[a > b].first == SCENARIO_ANY) return PU_NEVER;
    const run_connection *ask = &w->asks[pair->asks[a > b].first];
    return ask->usable != PU_NEVER ? ask->usable - ask->asked : PU_NEVER;
}

/* Every pair of a group. */
static void check_group(const watch *w, const scenario_expect *e, run_property *p)
{
    const scenario_group *g = &w->s->groups[e->group];
    uint32_t held = 0, worst = SCENARIO_ANY, end = g->first + g->count;
    p->took_ns = 0;
    for (uint32_t i = g->first; i + 1 < end; i += 2) {
        uint64_t took_ns = pair_took_ns(w, e, i, i + 1);
        if (took_ns > p->took_ns) p->took_ns = took_ns;
        if (took_ns <= e->within_ns) held++;
        else if (worst == SCENARIO_ANY) worst = i;
    }
    uint32_t asked = g->count / 2;
    p->held = held == asked && asked > 0;
    char allowed[SECONDS_MAX], at[SECONDS_MAX], delay[SECONDS_MAX];
    int len = snprintf(p->why, sizeof p->why, "%" PRIu32 " of %" PRIu32 " pairs within %s s", held,
                       asked, seconds(e->within_ns, allowed));
    if (worst == SCENARIO_ANY || len < 0) return;
    const watch_pair *pair = watch_pair_of(w, worst, worst + 1);
    uint32_t first = pair != NULL ? pair->asks[0].first : SCENARIO_ANY;
    const char *from = w->s->nodes[worst].name, *to = w->s->nodes[worst + 1].name;
    if (first == SCENARIO_ANY) {
        snprintf(p->why + len, sizeof p->why - (size_t)len, "; %s never asked for %s", from, to);
        return;
    }
    const run_connection *ask = &w->asks[first];
    bool is_late = ask->usable != PU_NEVER;
    snprintf(p->why + len, sizeof p->why - (size_t)len, "; not %s to %s, asked at %s s: %s%s", from,
             to, seconds(ask->asked, at),
             is_late ? seconds(ask->usable - ask->asked, delay) : "never", is_late ? " s" : "");
}

/* ---- together ---- */

/* Occasions on which two nodes ran at the same time for long enough, and those that held. */
typedef struct occasions {
    uint32_t all, held;
    pu_time worst_ns;  /* the longest time that two were apart */
    uint32_t worst[2]; /* and who */
    pu_time worst_at;
} occasions;

/* The longest time in [from, until) in which a and b were not connected. Intervals of a pair never
 * overlap and stand in the order of their starts. */
static uint64_t longest_apart(const watch *w, uint32_t a, uint32_t b, pu_time from, pu_time until,
                              pu_time *since)
{
    pu_time seen = from;
    uint64_t longest = 0;
    for (uint32_t i = 0; i <= w->path_count && seen < until; i++) {
        const watch_path *p = i < w->path_count ? &w->paths[i] : NULL;
        bool is_pair = p != NULL && ((p->a == a && p->b == b) || (p->a == b && p->b == a));
        if (p != NULL && (!is_pair || p->end <= seen)) continue;
        pu_time next = p != NULL && p->start < until ? p->start : until;
        if (next > seen && next - seen > longest) {
            longest = next - seen;
            *since = seen;
        }
        seen = p != NULL ? p->end : until;
    }
    return longest;
}

static void occasion(const watch *w, const scenario_expect *e, uint32_t a, uint32_t b, pu_time from,
                     pu_time until, occasions *o)
{
    if (from >= until || until - from <= e->within_ns) return;
    pu_time since = from;
    uint64_t apart = longest_apart(w, a, b, from, until, &since);
    o->all++;
    if (apart <= e->within_ns) o->held++;
    if (apart <= o->worst_ns) return;
    *o = (occasions){o->all, o->held, apart, {a, b}, since};
}

static pu_time later(pu_time a, pu_time b)
{
    return a > b ? a : b;
}

static pu_time earlier(pu_time a, pu_time b)
{
    return a < b ? a : b;
}

/* Every stretch of time in which a and b, of which a was asked for b at `asked`, both ran. */
static void check_two(const watch *w, const scenario_expect *e, uint32_t a, uint32_t b,
                      pu_time asked, occasions *o)
{
    for (uint32_t i = 0; i < w->life_count; i++) {
        const watch_life *x = &w->lives[i];
        if (x->node != a) continue;
        for (uint32_t j = 0; j < w->life_count; j++) {
            const watch_life *y = &w->lives[j];
            if (y->node != b) continue;
            pu_time from = later(asked, later(x->start, y->start));
            occasion(w, e, a, b, from, earlier(w->s->duration_ns, earlier(x->end, y->end)), o);
        }
    }
}

static bool is_first_ask(const watch *w, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (w->asks[i].from == w->asks[index].from && w->asks[i].to == w->asks[index].to)
            return false;
    return true;
}

static void check_together(const watch *w, const scenario_expect *e, run_property *p)
{
    occasions o = {.worst = {SCENARIO_ANY, SCENARIO_ANY}};
    for (uint32_t i = 0; i < w->ask_count; i++) {
        const run_connection *ask = &w->asks[i];
        bool is_meant = e->group == SCENARIO_ANY ? ask->from == e->a && ask->to == e->b
                                                 : w->s->nodes[ask->from].group == e->group &&
                                                       w->s->nodes[ask->to].group == e->group;
        if (is_meant && is_first_ask(w, i)) check_two(w, e, ask->from, ask->to, ask->asked, &o);
    }
    p->took_ns = o.all > 0 ? o.worst_ns : PU_NEVER;
    p->held = o.all > 0 && (uint64_t)o.held * 1000000 >= (uint64_t)o.all * e->share_ppm;
    int len = snprintf(p->why, sizeof p->why, "%" PRIu32 " of %" PRIu32 " times", o.held, o.all);
    if (o.worst_ns == 0 || len < 0) return;
    char apart[SECONDS_MAX], at[SECONDS_MAX];
    snprintf(p->why + len, sizeof p->why - (size_t)len,
             "; longest apart: %s and %s, %s s from %s s on", w->s->nodes[o.worst[0]].name,
             w->s->nodes[o.worst[1]].name, seconds(o.worst_ns, apart), seconds(o.worst_at, at));
}

static void check_says(const watch *w, const scenario_expect *e, run_property *p)
{
    static const char *const words[] = {[SCENARIO_SAYS_RESERVED] = "relay reserved",
                                        [SCENARIO_SAYS_RELAY_LOST] = "relay lost",
                                        [SCENARIO_SAYS_FAILED] = "connect failed"};
    const char *what = words[e->says];
    snprintf(p->why, sizeof p->why, "never said: %s", what);
    for (uint32_t i = 0; i < w->word_count && !p->held; i++) {
        const watch_word *word = &w->words[i];
        if (word->node != e->a || word->says != e->says || word->at < e->after) continue;
        p->took_ns = word->at - e->after;
        p->held = p->took_ns <= e->within_ns;
        say(p, what, word->at);
        return;
    }
}

/* Every stream from a to b that the script came to. */
static void check_delivered(const watch *w, const scenario_expect *e, run_property *p)
{
    uint32_t all = 0, held = 0, code = PU_CODE_OK;
    pu_time worst_ns = 0;
    for (uint32_t i = 0; i < w->apps->transfer_count; i++) {
        const app_transfer *t = &w->apps->transfers[i];
        if (t->from != e->a || t->to != e->b || t->asked == PU_NEVER) continue;
        uint64_t took_ns = t->delivered != PU_NEVER ? t->delivered - t->asked : PU_NEVER;
        all++;
        held += took_ns <= e->within_ns;
        if (took_ns > worst_ns) worst_ns = took_ns;
        if (t->delivered == PU_NEVER) code = t->code;
    }
    p->took_ns = all > 0 ? worst_ns : PU_NEVER;
    p->held = all > 0 && held == all;
    char took[SECONDS_MAX], allowed[SECONDS_MAX];
    const pu_code_info *why = code != PU_CODE_OK ? pu_code_describe(code) : NULL;
    snprintf(p->why, sizeof p->why, "%" PRIu32 " of %" PRIu32 " within %s s; the slowest %s%s%s%s",
             held, all, seconds(e->within_ns, allowed),
             p->took_ns == PU_NEVER ? "never" : seconds(p->took_ns, took),
             p->took_ns == PU_NEVER ? "" : " s", why != NULL ? ": " : "",
             why != NULL ? why->meaning : "");
}

static void check_unauthorised(const watch *w, run_property *p)
{
    p->held = w->breach_count == 0;
    snprintf(p->why, sizeof p->why, "no connection and no byte from anybody unauthorized");
    if (p->held) return;
    const watch_breach *b = &w->breaches[0];
    const char *node = b->node != SCENARIO_ANY ? w->s->nodes[b->node].name : "a node";
    const char *peer = b->peer != SCENARIO_ANY ? w->s->nodes[b->peer].name : "somebody unknown";
    snprintf(p->why, sizeof p->why,
             "%s got %s of %s at %" PRIu64 ".%03" PRIu64 " s (%" PRIu32 " in all)", node, b->what,
             peer, b->at / PU_S, b->at % PU_S / PU_MS, w->breach_count);
}

static void check_never_direct(const watch *w, const scenario_expect *e, run_property *p)
{
    pu_time at = first_connected(w, e->a, e->b, 1, 0);
    p->held = at == PU_NEVER;
    if (p->held) snprintf(p->why, sizeof p->why, "never direct");
    else say(p, "direct", at);
}

static void check_never_apart(const watch *w, const scenario_expect *e, run_property *p)
{
    char apart[SECONDS_MAX], at[SECONDS_MAX];
    pu_time since = e->after;
    uint64_t longest = longest_apart(w, e->a, e->b, e->after, w->s->duration_ns, &since);
    p->held = longest == 0;
    if (p->held) snprintf(p->why, sizeof p->why, "never apart");
    else
        snprintf(p->why, sizeof p->why, "apart for %s s at a time, from %s s on",
                 seconds(longest, apart), seconds(since, at));
}

void check_expect(const watch *w, uint32_t index, run_property *property)
{
    const scenario_expect *e = &w->s->expects[index];
    bool is_timed = e->kind != SCENARIO_EXPECT_NEVER;
    *property = (run_property){
        .name = e->name, .took_ns = PU_NEVER, .within_ns = is_timed ? e->within_ns : PU_NEVER};
    switch (e->kind) {
    case SCENARIO_EXPECT_CONNECTED:
        if (e->group != SCENARIO_ANY) check_group(w, e, property);
        else check_pair(w, e, -1, property);
        break;
    case SCENARIO_EXPECT_PATH: check_pair(w, e, e->path == SCENARIO_PATH_DIRECT, property); break;
    case SCENARIO_EXPECT_TOGETHER: check_together(w, e, property); break;
    case SCENARIO_EXPECT_SAYS: check_says(w, e, property); break;
    case SCENARIO_EXPECT_DELIVERED: check_delivered(w, e, property); break;
    case SCENARIO_EXPECT_NEVER:
        if (e->never == SCENARIO_NEVER_UNAUTHORIZED) check_unauthorised(w, property);
        else if (e->never == SCENARIO_NEVER_DIRECT) check_never_direct(w, e, property);
        else check_never_apart(w, e, property);
        break;
    }
}
