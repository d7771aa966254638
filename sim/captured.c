/* What of a run its capture has, see captured.h. */
#include "sim/captured.h"

#include "base/suggest.h"
#include "sim/mem.h"

enum { CHOICES_MAX = 16, CHOICE_NAME_MAX = 2 * SCENARIO_NAME_MAX };

/* A box that could have been meant. */
typedef struct choice {
    char name[CHOICE_NAME_MAX]; /* empty: it is drawn */
    uint32_t number;
} choice;

/* The boxes around a node in all networks that it comes to. */
typedef struct search {
    const scenario *s;
    const char *word;        /* what the wanted one is called */
    choice all[CHOICES_MAX]; /* different ones */
    uint32_t count;
    const captured *meant; /* captured_means_shared: by whom; NULL: nobody asks */
    uint32_t shared;       /* whether that box; its number */
    bool is_meant;
    uint32_t deepest;  /* number of a box, at most */
    uint32_t found[2]; /* numbers of boxes called so in one network; 0: none, or no second one */
} search;

static void name_box(const scenario *s, const scenario_box *b, char name[CHOICE_NAME_MAX])
{
    bool is_shared = b->shared[0] != '\0';
    snprintf(name, CHOICE_NAME_MAX, "%s%s%s", s->nats[b->nat].name, is_shared ? "@" : "",
             b->shared);
}

/* "router", or "carrier@isp1", of which the kind alone will do. */
static bool is_called(const scenario *s, const scenario_box *b, const char *word)
{
    char name[CHOICE_NAME_MAX];
    name_box(s, b, name);
    return strcmp(word, name) == 0 || strcmp(word, s->nats[b->nat].name) == 0;
}

bool captured_means(const captured *c, const scenario *s, const scenario_box *b, uint32_t place)
{
    if (c->number != 0) return place + 1 == c->number;
    return b != NULL && is_called(s, b, c->box);
}

/* ---- which there are ---- */

static void add_choice(search *f, const scenario_box *b, uint32_t number)
{
    choice fresh = {.number = number};
    if (b != NULL) name_box(f->s, b, fresh.name);
    if (number > f->deepest) f->deepest = number;
    for (uint32_t i = 0; i < f->count; i++) {
        const choice *c = &f->all[i];
        if (c->number == number && strcmp(c->name, fresh.name) == 0) return;
    }
    if (f->count < CHOICES_MAX) f->all[f->count++] = fresh;
}

/* Looks at b, which is number place of a network. */
static void look_at(search *f, const scenario_box *b, uint32_t place, uint32_t found[2])
{
    add_choice(f, b, place + 1);
    if (f->meant != NULL && b->number == f->shared && captured_means(f->meant, f->s, b, place))
        f->is_meant = true;
    if (!is_called(f->s, b, f->word)) return;
    if (found[0] == 0) found[0] = place + 1;
    else if (found[1] == 0) found[1] = place + 1;
}

/* Looks at one network. chain NULL: one box that is drawn. */
static void look(search *f, const scenario_chain *chain, const scenario_families *families)
{
    uint32_t found[2] = {0};
    if (chain == NULL) add_choice(f, NULL, 1);
    for (uint32_t i = 0; chain != NULL && i < chain->count; i++)
        look_at(f, &chain->box[i], i, found);
    if (families->six == SCENARIO_SIX_BEHIND) look_at(f, &families->wall, 0, found);
    if (f->found[1] == 0 && found[0] != 0) memcpy(f->found, found, sizeof found);
}

/* Looks at all networks of node: its own, those it changes to, the one it roams to. */
static void look_around(search *f, uint32_t node)
{
    const scenario_node *n = &f->s->nodes[node];
    const scenario_group *g = n->group != SCENARIO_ANY ? &f->s->groups[n->group] : NULL;
    const scenario_chain *own = g != NULL && g->has_mix ? NULL : &n->behind;
    look(f, own, &n->families);
    for (uint32_t i = 0; i < f->s->event_count; i++) {
        const scenario_event *e = &f->s->events[i];
        if (e->kind != SCENARIO_CHANGE_NETWORK || e->a != node) continue;
        look(f, e->has_chain ? &e->chain : own, e->has_families ? &e->families : &n->families);
    }
    if (g != NULL && g->has_roam)
        look(f, &g->roam_chain, g->has_roam_families ? &g->roam_families : &n->families);
}

bool captured_means_shared(const captured *c, const scenario *s, uint32_t shared)
{
    search f = {.s = s, .word = c->box, .meant = c, .shared = shared};
    look_around(&f, c->node);
    return f.is_meant;
}

/* ---- what is wrong ---- */

/* "router (1), carrier@isp1 (2)", "1, which is drawn". */
static void list(const search *f, FILE *out)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const choice *c = &f->all[i];
        if (i > 0) fputs(", ", out);
        if (c->name[0] != '\0') fprintf(out, "%s (%u)", c->name, c->number);
        else fprintf(out, "%u, which is drawn", c->number);
    }
}

static void tell_missing(const search *f, const char *node, FILE *out)
{
    suggest near;
    char hint[SUGGEST_HINT_MAX];
    if (f->count == 0) {
        fprintf(out, "there is no box around '%s'", node);
        return;
    }
    suggest_begin(&near, f->word);
    for (uint32_t i = 0; i < f->count; i++)
        if (f->all[i].name[0] != '\0') suggest_offer(&near, f->all[i].name);
    suggest_hint(&near, hint);
    fprintf(out, "no box around '%s' is called '%.80s'%s%s %s ", node, f->word, hint,
            hint[0] != '\0' ? " There" : "; there", f->count == 1 ? "is" : "are");
    list(f, out);
}

bool captured_find_box(captured *c, const scenario *s, char *why, size_t why_cap)
{
    search f = {.s = s, .word = c->box};
    const char *node = s->nodes[c->node].name;
    look_around(&f, c->node);
    c->number = 0;
    if (f.found[0] != 0 && f.found[1] == 0) return true;
    bool is_number = c->box[0] >= '1' && c->box[0] <= '9' && c->box[1] == '\0';
    uint32_t number = is_number ? (uint32_t)(c->box[0] - '0') : 0;
    if (f.found[0] == 0 && is_number && number <= f.deepest) {
        c->number = number;
        return true;
    }
    why[why_cap - 1] = '\0'; /* where it is cut off */
    FILE *out = fmemopen(why, why_cap - 1, "w");
    if (out == NULL) sim_no_memory(why_cap);
    if (f.found[1] != 0)
        fprintf(out, "two boxes around '%s' are called '%.80s', say %s/%u or %s/%u", node, c->box,
                node, f.found[0], node, f.found[1]);
    else tell_missing(&f, node, out);
    fclose(out);
    return false;
}
