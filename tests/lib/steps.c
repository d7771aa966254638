/* The step file: its lines are cut into inputs and expectations, run, compared and, when asked,
 * written anew. */
#include "tests/lib/steps.h"

#include "tests/lib/steps_impl.h"

#include <stdlib.h>

enum { INPUT_COLUMN = 48, LINE_MAX = 100, START_TOKEN = 900, UNIX_START_S = 1700000000 };

/* A growing piece of text. */
typedef struct growing {
    char *base;
    size_t len;
    FILE *to;
} growing;

typedef struct steps_file {
    FILE *in;
    growing out; /* the file as it should be */
    step_world *world;
    char *line; /* getline's */
    size_t cap;
    bool has_line; /* read and not used yet */
    unsigned number;
    unsigned steps; /* run so far */
    bool is_update, is_bad;
} steps_file;

static void text_open(growing *t)
{
    *t = (growing){0};
    t->to = open_memstream(&t->base, &t->len);
    PU_ASSERT(t->to != NULL);
}

/* The text, which the caller frees. */
static char *text_close(growing *t)
{
    fclose(t->to);
    PU_ASSERT(t->base != NULL);
    return t->base;
}

/* The next line without its newline; NULL at the end. It stays the next one until it is used. */
static char *line_peek(steps_file *f)
{
    if (f->has_line) return f->line;
    ssize_t len = getline(&f->line, &f->cap, f->in);
    if (len < 0) return NULL;
    while (len > 0 && (f->line[len - 1] == '\n' || f->line[len - 1] == ' ')) f->line[--len] = 0;
    f->has_line = true;
    f->number++;
    return f->line;
}

static void line_use(steps_file *f)
{
    f->has_line = false;
    f->world->line = f->number;
}

static char *skip_blanks(char *text)
{
    return text + strspn(text, " ");
}

/* ---- expectations ---- */

/* What an arrow expects: the text after it, without blanks at its ends; NULL: no arrow. */
static char *after_arrow(char *line)
{
    char *arrow = strstr(line, "-> ");
    if (arrow == NULL) return NULL;
    *arrow = 0;
    return skip_blanks(arrow + 3);
}

/* The expectation of a step: what stands after its arrow and those of the lines that continue it.
 */
static char *expected_read(steps_file *f, const char *first)
{
    growing t;
    text_open(&t);
    fputs(first != NULL ? first : "", t.to);
    bool is_first = first == NULL;
    for (char *line; (line = line_peek(f)) != NULL;) {
        char *at = skip_blanks(line);
        if (strncmp(at, "-> ", 3) != 0) break;
        fprintf(t.to, "%s%s", is_first ? "" : "; ", skip_blanks(at + 3));
        is_first = false;
        line_use(f);
    }
    return text_close(&t);
}

/* Writes a step: its input, then the effects, on lines of their own when they are many. */
static void step_write(FILE *to, const char *input, const char *effects)
{
    size_t column = (size_t)fprintf(to, "%s", input);
    if (column < INPUT_COLUMN && INPUT_COLUMN + 3 + strlen(effects) <= LINE_MAX) {
        fprintf(to, "%*s-> %s\n", (int)(INPUT_COLUMN - column), "", effects);
        return;
    }
    if (column + 4 + strlen(effects) <= LINE_MAX) {
        fprintf(to, " -> %s\n", effects);
        return;
    }
    while (*effects != 0) {
        size_t len = 0;
        for (const char *end = effects; end != NULL;) { /* as many effects as fit, one at least */
            end = strstr(end, "; ");
            size_t to_here = end != NULL ? (size_t)(end - effects) : strlen(effects);
            if (len > 0 && to_here > LINE_MAX - 7) break;
            len = to_here;
            if (end != NULL) end += 2;
        }
        fprintf(to, "\n    -> %.*s", (int)len, effects);
        effects += len;
        if (*effects != 0) effects += 2;
    }
    fputc('\n', to);
}

/* ---- steps ---- */

/* Takes the time off the line: MS, or +MS after the last step. False: there is none. */
static bool time_take(step_world *w, char **line)
{
    char first[32];
    size_t len = strcspn(*line, " ");
    bool is_relative = **line == '+';
    pu_time at;
    if (len >= sizeof first || !(is_relative || (**line >= '0' && **line <= '9'))) return false;
    snprintf(first, sizeof first, "%.*s", (int)len, *line);
    if (!time_read(first + is_relative, &at)) {
        world_complain(w, "'%s' is no time", first);
        return false;
    }
    if (is_relative) at += w->now;
    if (at < w->now) world_complain(w, "time runs backwards");
    else w->now = at;
    *line = skip_blanks(*line + len);
    return true;
}

static void run_word(step_world *w, const char *input)
{
    char *copy = strdup(input);
    PU_ASSERT(copy != NULL);
    input_run(w, copy);
    free(copy);
}

/* start B C: the clock, B and C authorised, one address, the first TICK. Tells the TICK only. */
static void run_start(step_world *w, const char *letters)
{
    char input[64];
    growing quiet;
    FILE *said = w->said;
    text_open(&quiet);
    w->said = quiet.to;
    snprintf(input, sizeof input, "clock %d", UNIX_START_S);
    run_word(w, input);
    unsigned token = START_TOKEN;
    for (; *letters != 0; letters++) {
        if (*letters == ' ') continue;
        snprintf(input, sizeof input, "command %u authorise %c", token++, *letters);
        run_word(w, input);
    }
    snprintf(input, sizeof input, "addr %c", w->self);
    run_word(w, input);
    free(text_close(&quiet));
    w->said = said;
    w->said_count = 0;
    run_word(w, "tick");
}

/* A TICK without a time comes when the node wants it. */
static void run_due(step_world *w)
{
    world_begin(w);
    pu_time at = pu_node_deadline(w->node, NULL);
    if (at == PU_NEVER) {
        fputs("no deadline", world_say(w));
        return;
    }
    PU_ASSERT(at >= w->now);
    w->now = at;
    fputc('@', world_say(w));
    time_say(w->said, at);
    run_word(w, "tick");
}

/* Runs one step and returns what the node did, which the caller frees. */
static char *step_run(step_world *w, char *line)
{
    growing said, verdicts;
    text_open(&said);
    text_open(&verdicts);
    w->said = said.to;
    w->verdicts = verdicts.to;
    w->said_count = w->verdict_count = 0;
    const char *why = "none";
    bool has_time = time_take(w, &line), is_tick = strcmp(line, "tick") == 0;
    pu_time due = w->node != NULL ? pu_node_deadline(w->node, &why) : PU_NEVER;
    bool is_due = is_tick && due != PU_NEVER && (!has_time || due <= w->now);
    if (strncmp(line, "start", 5) == 0) run_start(w, line + 5);
    else if (is_tick && !has_time) run_due(w);
    else run_word(w, line);
    char *judged = text_close(&verdicts);
    if (*judged != 0) fputs(judged, world_say(w));
    free(judged);
    if (w->said_count == 0) fputs("nothing", said.to);
    if (is_due) fprintf(said.to, "  (why: %s)", why);
    return text_close(&said);
}

static void step(steps_file *f)
{
    f->steps++;
    char *line = strdup(line_peek(f));
    PU_ASSERT(line != NULL);
    line_use(f);
    unsigned number = f->number;
    char *first = after_arrow(line);
    char *expected = expected_read(f, first);
    size_t len = strlen(line);
    while (len > 0 && line[len - 1] == ' ') line[--len] = 0;
    f->world->line = number;
    char *got = step_run(f->world, skip_blanks(line));
    step_write(f->out.to, line, got);
    if (!f->is_update && strcmp(got, expected) != 0) {
        fprintf(stderr, "%s:%u: %s\n  expected: %s\n  got:      %s\n", f->world->path, number,
                skip_blanks(line), expected, got);
        f->is_bad = true;
    }
    free(got);
    free(expected);
    free(line);
}

/* ---- directives ---- */

static bool directive_config(step_world *w, char *setting)
{
    char *equals = strchr(setting, '=');
    uint64_t value;
    if (equals == NULL) return false;
    *equals = 0;
    return number_read(equals + 1, &value) &&
           pu_config_set(&w->config, span_of(setting, strlen(setting)), value) == PU_OK;
}

/* config NAME=VALUE, gating off, node B, seed WORD: before the first input only. */
static bool directive(step_world *w, char *line)
{
    char *space = strchr(line, ' ');
    if (space == NULL || w->node != NULL) return false;
    *space = 0;
    char *value = skip_blanks(space + 1);
    if (strcmp(line, "config") == 0) return directive_config(w, value);
    if (strcmp(line, "gating") == 0) {
        w->config.gating = strcmp(value, "off") != 0;
        return true;
    }
    if (strcmp(line, "node") == 0) {
        if (!is_letter(*value)) return false;
        w->self = *value;
        w->local = world_endpoint(*value);
        return true;
    }
    snprintf(w->seed, sizeof w->seed, "%s", value);
    return strcmp(line, "seed") == 0;
}

static bool is_directive(const char *line)
{
    static const char *const words[] = {"config ", "gating ", "node ", "seed "};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(line, words[i], strlen(words[i])) == 0) return true;
    return false;
}

/* ---- the file ---- */

/* A line that begins with == is the title of the next part: another node. */
static void next_part(steps_file *f)
{
    const char *path = f->world->path;
    f->is_bad |= !steps_world_close(f->world);
    f->world = world_new(path);
}

static void file_run(steps_file *f)
{
    for (char *line; (line = line_peek(f)) != NULL;) {
        char *at = skip_blanks(line);
        bool is_step = *at != 0 && *at != '#' && strncmp(at, "==", 2) != 0 && !is_directive(at);
        if (is_step) {
            step(f);
            continue;
        }
        fprintf(f->out.to, "%s\n", line);
        if (strncmp(at, "==", 2) == 0) next_part(f);
        line_use(f);
        if (is_directive(at) && !directive(f->world, at))
            world_complain(f->world, "not understood here");
    }
    f->is_bad |= !steps_world_close(f->world);
}

static bool file_write(const char *path, const char *content)
{
    FILE *to = fopen(path, "w");
    if (to == NULL) return false;
    bool is_written = fputs(content, to) >= 0;
    return fclose(to) == 0 && is_written;
}

bool steps_run(const char *path)
{
    const char *update = getenv("STEPS_UPDATE");
    steps_file f = {.in = fopen(path, "r"),
                    .is_update = update != NULL && strcmp(update, "1") == 0};
    if (f.in == NULL) {
        perror(path);
        return false;
    }
    f.world = world_new(path);
    text_open(&f.out);
    file_run(&f);
    fclose(f.in);
    free(f.line);
    char *content = text_close(&f.out);
    if (f.is_update && !f.is_bad && !file_write(path, content)) f.is_bad = true;
    free(content);
    return !f.is_bad && f.steps > 0;
}
