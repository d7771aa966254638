/* sim/net_realm.c - the address plan: place i of a realm is base + (i << shift). The realms of IPv6
 * have their /48 so far apart that a /32 holds 256, as a /16 holds 256 public addresses of IPv4:
 * what counts peers by blocks of addresses counts the same in both.
 */
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
    [REALM_PUBLIC_SIX] = {1, 0, 1 << 24},            /* base: of the last 64 bits */
    [REALM_LAN_SIX] = {2, 0, NET_LAN_HOSTS_MAX - 1}, /* the last 16 bits number its hosts */
};

/* 2d00::/8, which nobody has been given, and the place of a /48 in it. */
#define SIX_BASE (UINT64_C(0x2d) << 56)
enum { SIX_SHIFT = 24 };

/* How an IPv4 address begins when it is written as IPv6. */
static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

pu_endpoint realm_address(const realm *r, uint32_t place)
{
    const plan *p = &plans[r->plan];
    PU_ASSERT(place < p->places);
    pu_endpoint e = {0};
    if (r->plan >= REALM_PUBLIC_SIX) {
        bool is_lan = r->plan == REALM_LAN_SIX;
        store_be64(e.ip, SIX_BASE | (uint64_t)(is_lan ? r->site : place) << SIX_SHIFT);
        store_be64(e.ip + 8, is_lan ? p->base + place : p->base);
        return e;
    }
    memcpy(e.ip, mapped_prefix, sizeof mapped_prefix);
    store_be32(e.ip + 12, p->base + (place << p->shift));
    return e;
}

pu_endpoint realm_gateway(const realm *r)
{
    const plan *p = &plans[r->plan];
    pu_endpoint e = {0};
    PU_ASSERT(r->plan == REALM_LAN || r->plan == REALM_CARRIER);
    memcpy(e.ip, mapped_prefix, sizeof mapped_prefix);
    store_be32(e.ip + 12, p->base - 1);
    return e;
}

/* Who is at a place; NULL: nobody ever was. */
static const member *at_place(const realm *r, uint32_t place)
{
    if (place == 0) return &r->first;
    return place < r->cap ? &r->members[place] : NULL;
}

static void put(realm *r, uint32_t place, member m)
{
    if (place == 0) r->first = m;
    else r->members[place] = m;
}

/* A public address must be one that nodes take for public: 127/8, 100.64/10 and their like are
 * passed over. */
static bool is_usable(const realm *r, uint32_t place)
{
    const member *m = at_place(r, place);
    if (m != NULL && *m != 0) return false;
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
    if (place > 0) r->members = sim_grow(r->members, &r->cap, place, sizeof *r->members);
    put(r, place, m);
    return place;
}

void realm_leave(realm *r, uint32_t place)
{
    const member *m = at_place(r, place);
    PU_ASSERT(m != NULL && *m != 0);
    put(r, place, 0);
}

/* As find, in a realm of IPv6. */
static const member *find_six(const realm *r, const uint8_t ip[16])
{
    uint64_t within = (load_be64(ip) ^ SIX_BASE) >> SIX_SHIFT, low = load_be64(ip + 8);
    bool is_lan = r->plan == REALM_LAN_SIX;
    if ((load_be64(ip) & ((1 << SIX_SHIFT) - 1)) != 0 || (is_lan && within != r->site)) return NULL;
    uint64_t place = is_lan ? low - plans[REALM_LAN_SIX].base : within; /* it wraps as in find */
    if (place > UINT32_MAX) return NULL;
    const member *m = at_place(r, (uint32_t)place);
    if (m == NULL || is_lan) return m;
    bool is_taken = member_is_box(*m) || low == plans[REALM_PUBLIC_SIX].base;
    return is_taken ? m : NULL;
}

/* Where it is written who has an address; NULL: nobody can have it here. */
static const member *find(const realm *r, const uint8_t ip[16])
{
    const plan *p = &plans[r->plan];
    if (r->plan >= REALM_PUBLIC_SIX) return find_six(r, ip);
    if (load_be64(ip) != 0 || load_be32(ip + 8) != 0xffff) return NULL;
    uint32_t distance =
        load_be32(ip + 12) - p->base; /* below the base it wraps and is far above the last place */
    uint32_t place = distance >> p->shift;
    return place << p->shift == distance ? at_place(r, place) : NULL;
}

member realm_find(const realm *r, const uint8_t ip[16])
{
    const member *m = find(r, ip);
    return m != NULL ? *m : 0;
}

void realm_soon(const realm *r, const uint8_t ip[16])
{
    const member *m = find(r, ip);
    if (m != NULL) ahead_many(m, sizeof *m);
}
