/* sim/net_realm.c - the address plan: place i of a realm is base + (i << shift). */
#include "sim/net_impl.h"

#include "base/ahead.h"
#include "base/bytes.h"
#include "sim/mem.h"

typedef struct plan {
    uint32_t base; /* address of place 0 */
    uint32_t shift;
    uint32_t places;
} plan;

static const plan plans[] = {
    [REALM_PUBLIC] = {11u << 24 | 1, 8, (224 - 11) << 16},
    [REALM_LAN] = {192u << 24 | 168u << 16 | 2, 0, NET_LAN_HOSTS_MAX},
    [REALM_CARRIER] = {100u << 24 | 64u << 16 | 2, 0, (1 << 22) - 3},
};

/* How an IPv4 address begins when it is written as IPv6. */
static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

pu_endpoint realm_address(const realm *r, uint32_t place)
{
    const plan *p = &plans[r->plan];
    PU_ASSERT(place < p->places);
    pu_endpoint e = {0};
    memcpy(e.ip, mapped_prefix, sizeof mapped_prefix);
    store_be32(e.ip + 12, p->base + (place << p->shift));
    return e;
}

pu_endpoint realm_gateway(const realm *r)
{
    const plan *p = &plans[r->plan];
    pu_endpoint e = {0};
    PU_ASSERT(r->plan != REALM_PUBLIC);
    memcpy(e.ip, mapped_prefix, sizeof mapped_prefix);
    store_be32(e.ip + 12, p->base - 1);
    return e;
}

/* A public address must be one that nodes take for public: 127/8, 100.64/10 and their like are
 * passed over. */
static bool is_usable(const realm *r, uint32_t place)
{
    if (place < r->cap && r->members[place] != 0) return false;
    if (r->plan != REALM_PUBLIC) return true;
    pu_endpoint e = realm_address(r, place);
    return pu_endpoint_scope(&e) == PU_SCOPE_GLOBAL;
}

uint32_t realm_join(realm *r, member m)
{
    PU_ASSERT(m != 0);
    uint32_t places = plans[r->plan].places;
    for (uint32_t tried = 0; !is_usable(r, r->next); tried++) {
        PU_ASSERT(tried < places);
        r->next = (r->next + 1) % places;
    }
    uint32_t place = r->next;
    r->next = (place + 1) % places;
    r->members = sim_grow(r->members, &r->cap, place, sizeof *r->members);
    r->members[place] = m;
    return place;
}

void realm_leave(realm *r, uint32_t place)
{
    PU_ASSERT(place < r->cap);
    PU_ASSERT(r->members[place] != 0);
    r->members[place] = 0;
}

/* The place of an address, NET_NONE when nobody can have it here. */
static uint32_t place_of(const realm *r, const uint8_t ip[16])
{
    const plan *p = &plans[r->plan];
    if (memcmp(ip, mapped_prefix, sizeof mapped_prefix) != 0) return NET_NONE;
    uint32_t distance =
        load_be32(ip + 12) - p->base; /* below the base it wraps and is far above the last place */
    uint32_t place = distance >> p->shift;
    return place << p->shift == distance && place < r->cap ? place : NET_NONE;
}

member realm_find(const realm *r, const uint8_t ip[16])
{
    uint32_t place = place_of(r, ip);
    return place != NET_NONE ? r->members[place] : 0;
}

void realm_soon(const realm *r, const uint8_t ip[16])
{
    uint32_t place = place_of(r, ip);
    if (place != NET_NONE) ahead(&r->members[place], sizeof r->members[place]);
}
