/* analysis/intern.c - see intern.h. Numbers depend on the order of calls alone, never on the hash.
 */
#include "analysis/intern.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a: the texts are endpoints of a simulated network, nobody floods this table. */
static uint64_t hash_of(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++) h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return h;
}

/* The slot of text: where its id is, or the free one where it belongs. */
static uint32_t *slot_of(const intern *t, const char *text)
{
    uint32_t mask = t->slots - 1;
    for (uint32_t i = (uint32_t)hash_of(text) & mask;; i = (i + 1) & mask) {
        uint32_t id = t->slot[i];
        if (id == 0 || strcmp(t->text + t->start[id - 1], text) == 0) return &t->slot[i];
    }
}

/* Doubles the slots (and starts, one for every two slots). */
static bool grow_slots(intern *t)
{
    uint32_t slots = t->slots ? t->slots * 2 : 256;
    size_t *start = realloc(t->start, slots / 2 * sizeof *start);
    if (!start) return false;
    t->start = start;
    uint32_t *slot = calloc(slots, sizeof *slot);
    if (!slot) return false;
    free(t->slot);
    t->slot = slot;
    t->slots = slots;
    for (uint32_t id = 1; id <= t->count; id++) *slot_of(t, t->text + t->start[id - 1]) = id;
    return true;
}

static bool grow_text(intern *t, size_t more)
{
    size_t cap = t->cap ? t->cap : 4096;
    while (cap - t->len < more) cap *= 2;
    char *text = realloc(t->text, cap);
    if (!text) return false;
    t->text = text;
    t->cap = cap;
    return true;
}

uint32_t intern_id(intern *t, const char *text, bool *fresh)
{
    *fresh = false;
    if (t->count >= t->slots / 2 && !grow_slots(t)) return 0;
    uint32_t *slot = slot_of(t, text);
    if (*slot != 0) return *slot;
    size_t size = strlen(text) + 1;
    if (t->cap - t->len < size && !grow_text(t, size)) return 0;
    memcpy(t->text + t->len, text, size);
    t->start[t->count] = t->len;
    t->len += size;
    *slot = ++t->count;
    *fresh = true;
    return *slot;
}

void intern_close(intern *t)
{
    free(t->text);
    free(t->start);
    free(t->slot);
    *t = (intern){0};
}
