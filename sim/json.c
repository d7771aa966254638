/* sim/json.c - a run's result as a JSON object. */
#include "sim/json.h"

#include "sim/mem.h"

#include <inttypes.h>

enum { HASH_TEXT = 33, REAL_DIGITS = 15 };

/* jansson returns NULL without memory only: like any shortage, that ends the run. */
static json_t *made(json_t *value)
{
    if (value == NULL) sim_no_memory(sizeof(void *));
    return value;
}

static void put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, made(value)) != 0) sim_no_memory(sizeof(void *));
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, made(value)) != 0) sim_no_memory(sizeof(void *));
}

static json_t *number(uint64_t value)
{
    PU_ASSERT(value <= INT64_MAX);
    return json_integer((json_int_t)value);
}

json_t *sim_json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL) return value;
    size_t bytes = strlen(text) + 1;
    char *ascii = memcpy(sim_alloc(bytes), text, bytes);
    for (char *c = ascii; *c != '\0'; c++) {
        if ((unsigned char)*c > 0x7f) *c = '?';
    }
    value = made(json_string(ascii));
    free(ascii);
    return value;
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? sim_json_text(text) : json_null();
}

/* Through decimals, so that nothing of ours computes with fractions. */
json_t *sim_json_seconds(uint64_t ns)
{
    char text[40];
    if (ns == PU_NEVER) return json_null();
    snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64, ns / PU_S, ns % PU_S);
    return made(json_loads(text, JSON_DECODE_ANY, NULL));
}

json_t *sim_json_millionths(uint64_t ppm)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRIu64 ".%06" PRIu64, ppm / 1000000, ppm % 1000000);
    return made(json_loads(text, JSON_DECODE_ANY, NULL));
}

static json_t *hash_text(const uint64_t hash[2])
{
    char text[HASH_TEXT];
    snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, hash[0], hash[1]);
    return json_string(text);
}

static json_t *properties(const run_result *result)
{
    json_t *all = made(json_array());
    for (uint32_t i = 0; i < result->property_count; i++) {
        const run_property *p = &result->properties[i];
        json_t *one = made(json_object());
        put(one, "name", json_string(p->name));
        put(one, "held", json_boolean(p->held));
        put(one, "took_s", sim_json_seconds(p->took_ns));
        put(one, "within_s", sim_json_seconds(p->within_ns));
        put(one, "why", sim_json_text(p->why));
        append(all, one);
    }
    return all;
}

static json_t *connections(const scenario *s, const run_result *result)
{
    json_t *all = made(json_array());
    for (uint32_t i = 0; i < result->connection_count; i++) {
        const run_connection *c = &result->connections[i];
        bool is_usable = c->usable != PU_NEVER;
        json_t *one = made(json_object());
        PU_ASSERT(c->from < s->node_count);
        PU_ASSERT(c->to < s->node_count);
        put(one, "from", json_string(s->nodes[c->from].name));
        put(one, "to", json_string(s->nodes[c->to].name));
        put(one, "authorized", json_boolean(c->is_authorised));
        put(one, "asked_s", sim_json_seconds(c->asked));
        put(one, "usable_s", sim_json_seconds(c->usable));
        put(one, "first_path",
            text_or_null(!is_usable          ? NULL
                         : c->first_is_relay ? "relay"
                                             : "direct"));
        put(one, "direct_s", sim_json_seconds(c->direct));
        put(one, "path",
            text_or_null(!is_usable                       ? NULL
                         : c->last_way != RUN_WAY_CIRCUIT ? "direct"
                                                          : "relay"));
        put(one, "transport", text_or_null(is_usable ? run_way_name(c->last_way) : NULL));
        put(one, "lost_s", sim_json_seconds(c->lost));
        append(all, one);
    }
    return all;
}

static json_t *metrics(const run_result *result)
{
    json_t *all = made(json_object());
    for (uint32_t i = 0; i < result->metric_count; i++)
        put(all, result->metrics[i].name, number(result->metrics[i].value));
    return all;
}

json_t *sim_json_run(const scenario *s, const run_options *options, const run_result *result)
{
    json_t *run = made(json_object());
    put(run, "schema", json_string("peerup.run/1"));
    put(run, "scenario", json_string(s->name));
    put(run, "seed", number(options->seed));
    put(run, "fidelity", json_string(s->is_wire ? "wire" : "model"));
    put(run, "build", json_string(run_build_id()));
    put(run, "config_hash", hash_text(s->hash));
    put(run, "trace_hash", hash_text(result->hash));
    put(run, "events", number(result->events));
    put(run, "sim_seconds", sim_json_seconds(result->sim_ns));
    put(run, "partial", json_boolean(result->is_partial));
    put(run, "wall_seconds", sim_json_seconds(result->wall_ns));
    put(run, "nodes", number(result->nodes));
    put(run, "bytes_per_node", number(result->bytes_per_node));
    put(run, "properties", properties(result));
    put(run, "connections", connections(s, result));
    put(run, "metrics", metrics(result));
    put(run, "db", text_or_null(options->db_path));
    put(run, "pcap", text_or_null(options->pcap_path));
    put(run, "record", text_or_null(options->record_path));
    return run;
}

void sim_json_put(json_t *value, FILE *out)
{
    json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(value);
}

void sim_json_print(json_t *value, FILE *out)
{
    sim_json_put(value, out);
    putc('\n', out);
}
