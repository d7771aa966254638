/* YAML as tables of keys, see config_yaml.h. */
#include "net-real/cli/config_yaml.h"

#include "base/suggest.h"
#include "net-real/files.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH_MAX = 16 };

static const char *text_of(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static void complain(yaml_file *f, const yaml_node_t *at, const char *sort, const char *format,
                     va_list args)
{
    fprintf(f->complaints, "%s:%zu:%zu: %s", f->path, at->start_mark.line + 1,
            at->start_mark.column + 1, sort);
    vfprintf(f->complaints, format, args);
    fputc('\n', f->complaints);
}

void yaml_error(yaml_file *f, const yaml_node_t *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(f, at, "", format, args);
    va_end(args);
    f->errors++;
}

__attribute__((format(printf, 3, 4))) static void warn(yaml_file *f, const yaml_node_t *at,
                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(f, at, "warning: ", format, args);
    va_end(args);
    f->warnings++;
}

/* Whether collections lie in each other no deeper than DEPTH_MAX. Our files need four; libyaml's
 * time grows with the square of the depth. What is no YAML passes: loading it says why. */
static bool is_shallow(const uint8_t *bytes, size_t len, size_t *line)
{
    yaml_parser_t parser;
    yaml_event_t event;
    unsigned depth = 0;
    bool is_over = false;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, bytes, len);
    while (!is_over && depth <= DEPTH_MAX && yaml_parser_parse(&parser, &event) == 1) {
        bool is_begin =
            event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
        bool is_end = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        *line = event.start_mark.line + 1;
        depth += is_begin;
        depth -= is_end;
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return depth <= DEPTH_MAX;
}

static bool load(yaml_file *f, const uint8_t *bytes, size_t len)
{
    yaml_parser_t parser;
    size_t line;
    if (!is_shallow(bytes, len, &line)) {
        fprintf(f->complaints, "%s:%zu: more than %d brackets inside each other\n", f->path, line,
                DEPTH_MAX);
        return false;
    }
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, bytes, len);
    bool is_read = yaml_parser_load(&parser, &f->document) == 1;
    if (!is_read)
        fprintf(f->complaints, "%s:%zu:%zu: %s\n", f->path, parser.problem_mark.line + 1,
                parser.problem_mark.column + 1,
                parser.problem != NULL ? parser.problem : "not YAML");
    yaml_parser_delete(&parser);
    return is_read;
}

bool yaml_file_open(yaml_file *f, const char *path, FILE *complaints)
{
    char error[512];
    size_t len;
    *f = (yaml_file){.path = path, .complaints = complaints};
    uint8_t *bytes = files_read(path, CONFIG_BYTES_MAX, FILE_PRIVATE, &len, error, sizeof error);
    if (bytes == NULL) {
        fprintf(complaints, "%s\n", error);
        return false;
    }
    bool is_read = load(f, bytes, len);
    free(bytes);
    return is_read;
}

void yaml_file_close(yaml_file *f)
{
    yaml_document_delete(&f->document);
}

/* ---- mappings ---- */

static bool is_mapping(yaml_file *f, const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE) return true;
    bool is_empty = node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0;
    if (!is_empty) yaml_error(f, node, "a mapping is expected here");
    return false;
}

/* Whether an earlier pair has the same key. */
static bool is_twice(yaml_file *f, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
    const char *key = text_of(yaml_document_get_node(&f->document, pair->key));
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const char *other = text_of(yaml_document_get_node(&f->document, p->key));
        if (key != NULL && other != NULL && strcmp(key, other) == 0) return true;
    }
    return false;
}

void yaml_any(yaml_file *f, yaml_node_t *node,
              void (*any)(yaml_file *f, yaml_node_t *value, const char *key, void *into),
              void *into)
{
    if (!is_mapping(f, node)) return;
    size_t count = 0;
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        yaml_node_t *key = yaml_document_get_node(&f->document, p->key);
        yaml_node_t *value = yaml_document_get_node(&f->document, p->value);
        if (text_of(key) == NULL) yaml_error(f, key, "a key is a word");
        else if (is_twice(f, node, p)) yaml_error(f, key, "'%s' is given twice", text_of(key));
        else if (++count > CONFIG_LIST_MAX)
            yaml_error(f, key, "more than %d entries", CONFIG_LIST_MAX);
        else {
            f->key = key;
            any(f, value, text_of(key), into);
        }
    }
}

struct table {
    const yaml_key *keys;
    size_t count;
    void *into;
};

static void by_table(yaml_file *f, yaml_node_t *value, const char *key, void *ctx)
{
    const struct table *t = ctx;
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->keys[i].name, key) != 0) continue;
        t->keys[i].read(f, value, key, (char *)t->into + t->keys[i].offset);
        return;
    }
    suggest s;
    char hint[SUGGEST_HINT_MAX];
    suggest_begin(&s, key);
    for (size_t i = 0; i < t->count; i++) suggest_offer(&s, t->keys[i].name);
    warn(f, f->key, "the key '%s' is not known and has no effect%s", key, suggest_hint(&s, hint));
}

void yaml_map(yaml_file *f, yaml_node_t *node, const yaml_key *keys, size_t count, void *into)
{
    struct table t = {keys, count, into};
    yaml_any(f, node, by_table, &t);
}

/* ---- values ---- */

void yaml_ignored(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    (void)f;
    (void)value;
    (void)key;
    (void)into;
}

void yaml_bool(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    const char *text = text_of(value);
    bool is_true = text != NULL && strcmp(text, "true") == 0;
    bool is_false = text != NULL && strcmp(text, "false") == 0;
    if (!is_true && !is_false) yaml_error(f, value, "%s: true or false is expected", key);
    else *(bool *)into = is_true;
}

void yaml_string(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    const char *text = text_of(value);
    char **at = into;
    if (text == NULL || text[0] == '\0') {
        yaml_error(f, value, "%s: a text is expected", key);
        return;
    }
    free(*at);
    *at = strdup(text);
}

void yaml_strings(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    string_list *list = into;
    if (value->type != YAML_SEQUENCE_NODE) {
        bool is_empty = value->type == YAML_SCALAR_NODE && value->data.scalar.length == 0;
        if (!is_empty) yaml_error(f, value, "%s: a list is expected", key);
        return;
    }
    size_t count = (size_t)(value->data.sequence.items.top - value->data.sequence.items.start);
    if (count > CONFIG_LIST_MAX) {
        yaml_error(f, value, "%s: more than %d entries", key, CONFIG_LIST_MAX);
        return;
    }
    list->at = calloc(count + 1, sizeof *list->at);
    for (size_t i = 0; i < count && list->at != NULL; i++) {
        const yaml_node_t *item =
            yaml_document_get_node(&f->document, value->data.sequence.items.start[i]);
        if (text_of(item) == NULL) yaml_error(f, item, "%s: a text is expected", key);
        else list->at[list->count++] = strdup(text_of(item));
    }
}

/* Digits at *at, which moves past them. False: none, or too many. */
static bool digits(const char **at, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)**at)) return false;
    errno = 0;
    *out = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0;
}

void yaml_count(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    const char *text = text_of(value);
    uint64_t count;
    if (text == NULL || !digits(&text, &count) || *text != '\0')
        yaml_error(f, value, "%s: a number is expected", key);
    else *(uint64_t *)into = count;
}

/* Go's grammar: numbers with units, one after the other. */
static bool read_duration(const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1},   {"us", PU_US},    {"ms", PU_MS},
                 {"s", PU_S}, {"m", 60 * PU_S}, {"h", 3600 * PU_S}};
    uint64_t sum = 0, number;
    while (*text != '\0') {
        if (!digits(&text, &number)) return false;
        size_t len = strspn(text, "nmush"), unit = 0, count = sizeof units / sizeof units[0];
        while (unit < count &&
               (strlen(units[unit].name) != len || strncmp(units[unit].name, text, len) != 0))
            unit++;
        if (unit == count || number > UINT64_MAX / 4 / units[unit].ns) return false;
        sum += number * units[unit].ns;
        if (sum > UINT64_MAX / 4) return false;
        text += len;
    }
    *out = sum;
    return true;
}

void yaml_duration(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    const char *text = text_of(value);
    if (text == NULL || *text == '\0' || !read_duration(text, into))
        yaml_error(f, value, "%s: a duration such as 90s or 1h30m is expected", key);
}

bool size_read(const char *text, uint64_t *bytes)
{
    static const char *const units[] = {"B", "KB", "MB",
                                        "GB"}; /* of 1,024 each, as in Go's peerup */
    uint64_t number = 0;
    bool is_good = digits(&text, &number);
    unsigned power = 0;
    while (is_good && power < 4 && strcasecmp(text, units[power]) != 0) power++;
    if (is_good && *text == '\0') power = 0;
    if (!is_good || power == 4 || number > UINT64_MAX >> (10 * power)) return false;
    *bytes = number << (10 * power);
    return true;
}

void yaml_size(yaml_file *f, yaml_node_t *value, const char *key, void *into)
{
    const char *text = text_of(value);
    if (text == NULL || !size_read(text, into))
        yaml_error(f, value, "%s: a size such as 128KB or 64MB is expected", key);
}
