/* Numbers by name, see names.h. */
#include "sim/names.h"

#include "base/mix.h"
#include "sim/mem.h"

#include <stdlib.h>
#include <string.h>

static void *resize(void *ctx, void *old, size_t old_len, size_t new_len)
{
    (void)ctx;
    (void)old_len;
    if (new_len > 0) return sim_resize(old, new_len);
    free(old);
    return NULL;
}

void names_init(names *n)
{
    *n = (names){.alloc = {resize, NULL}};
    imap_init(&n->first, 1, &n->alloc);
}

void names_close(names *n)
{
    imap_close(&n->first);
    free(n->entries);
}

static uint64_t hash_of(const char *name)
{
    uint64_t out[2];
    mix128 m;
    mix_init(&m, 0);
    mix_bytes(&m, name, strlen(name));
    mix_result(&m, out);
    return out[0];
}

/* The entry of name, whose hash is given; NAMES_NONE: there is none. */
static uint32_t entry_of(const names *n, const char *name, uint64_t hash)
{
    uint32_t at;
    if (!imap_get(&n->first, hash, &at)) return NAMES_NONE;
    while (at != NAMES_NONE && strcmp(n->entries[at].name, name) != 0) at = n->entries[at].next;
    return at;
}

uint32_t names_find(const names *n, const char *name)
{
    uint32_t at = entry_of(n, name, hash_of(name));
    return at != NAMES_NONE ? n->entries[at].number : NAMES_NONE;
}

uint32_t names_add(names *n, const char *name, uint32_t number)
{
    uint64_t hash = hash_of(name);
    uint32_t at = entry_of(n, name, hash), next = NAMES_NONE;
    if (at != NAMES_NONE) return n->entries[at].number;
    (void)imap_get(&n->first, hash, &next);
    n->entries = sim_grow(n->entries, &n->cap, n->count, sizeof *n->entries);
    n->entries[n->count] = (names_entry){name, number, next};
    if (!imap_put(&n->first, hash, n->count++)) sim_no_memory(sizeof *n->entries);
    return number;
}
