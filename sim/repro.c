/* Repro files, see repro.h. */
#include "sim/repro.h"

#include "sim/file.h"
#include "sim/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *hash_json(const uint64_t hash[2])
{
    return json_sprintf("%016" PRIx64 "%016" PRIx64, hash[0], hash[1]);
}

static json_t *violated_json(const run_result *result)
{
    json_t *names = json_array();
    for (uint32_t i = 0; i < result->property_count; i++)
        if (!result->properties[i].held)
            json_array_append_new(names, sim_json_text(result->properties[i].name));
    return names;
}

bool repro_write(const char *path, const repro *r, const run_result *result, char *error,
                 size_t error_cap)
{
    json_t *sets = json_array();
    for (uint32_t i = 0; i < r->set_count; i++)
        json_array_append_new(sets, sim_json_text(r->sets[i]));
    json_t *all =
        json_pack("{s:s, s:o, s:I, s:o, s:s, s:o, s:o, s:o}", "schema", "peerup.repro/1",
                  "scenario", sim_json_text(r->scenario), "seed", (json_int_t)r->seed, "set", sets,
                  "build", r->build, "config_hash", hash_json(r->config_hash), "trace_hash",
                  hash_json(r->trace_hash), "violated", violated_json(result));
    file_new file;
    bool is_good = all != NULL;
    if (!is_good) snprintf(error, error_cap, "%s: no memory", path);
    if (is_good) is_good = file_new_open(&file, path, error, error_cap);
    if (is_good) {
        errno = 0;
        bool is_written = json_dumpf(all, file.out, JSON_INDENT(2)) == 0;
        int failed = is_written ? 0 : errno != 0 ? errno : EIO;
        is_good = file_new_close(&file, failed, error, error_cap);
    }
    json_decref(all);
    return is_good;
}

/* ---- reading ---- */

static bool read_hash(const json_t *all, const char *key, uint64_t hash[2])
{
    const char *text = json_string_value(json_object_get(all, key));
    return text != NULL && strlen(text) == 32 &&
           sscanf(text, "%16" SCNx64 "%16" SCNx64, &hash[0], &hash[1]) == 2;
}

static bool read_sets(repro *r, const json_t *sets)
{
    size_t count = json_array_size(sets);
    if (!json_is_array(sets) || count > REPRO_SETS_MAX) return false;
    for (size_t i = 0; i < count; i++) {
        r->sets[i] = json_string_value(json_array_get(sets, i));
        if (r->sets[i] == NULL) return false;
    }
    r->set_count = (uint32_t)count;
    return true;
}

static const char *read_fields(repro *r, const json_t *all)
{
    const char *schema = json_string_value(json_object_get(all, "schema"));
    const char *build = json_string_value(json_object_get(all, "build"));
    const json_t *seed = json_object_get(all, "seed");
    if (schema == NULL || strcmp(schema, "peerup.repro/1") != 0)
        return "its schema is not peerup.repro/1";
    r->scenario = json_string_value(json_object_get(all, "scenario"));
    if (r->scenario == NULL) return "scenario is not a text";
    if (!json_is_integer(seed) || json_integer_value(seed) < 0) return "seed is not a whole number";
    r->seed = (uint64_t)json_integer_value(seed);
    if (!read_sets(r, json_object_get(all, "set"))) return "set is not a list of texts";
    if (build == NULL) return "build is not a text";
    snprintf(r->build, sizeof r->build, "%s", build);
    if (!read_hash(all, "config_hash", r->config_hash))
        return "config_hash is not 32 hexadecimal digits";
    if (!read_hash(all, "trace_hash", r->trace_hash))
        return "trace_hash is not 32 hexadecimal digits";
    return NULL;
}

bool repro_read(repro *r, pu_span bytes, char *error, size_t error_cap)
{
    *r = (repro){0};
    json_error_t where;
    json_t *all = json_loadb((const char *)bytes.base, bytes.len, JSON_REJECT_DUPLICATES, &where);
    if (all == NULL) {
        snprintf(error, error_cap, "%d:%d: neither a recording nor a repro file: %s", where.line,
                 where.column, where.text);
        return false;
    }
    const char *wrong = read_fields(r, all);
    r->json = all;
    if (wrong == NULL) return true;
    snprintf(error, error_cap, "%s", wrong);
    repro_free(r);
    return false;
}

void repro_free(repro *r)
{
    json_decref(r->json);
    *r = (repro){0};
}
