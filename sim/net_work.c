/* sim/net_work.c - which handshakes a slow CPU has had: copies, and what is sent again, cost it no
 * more.
 *
 * Two sets, of which the elder goes when the younger is as old as a handshake may get, or full. So
 * one is known for as long as its peers may send it again, and a server does not remember everybody
 * who ever came.
 */
#include "base/imap.h"
#include "sim/mem.h"
#include "sim/net_impl.h"

enum { WORKS_MAX = 1 << 16 /* of a set: 2 MB */ };
#define WORKS_NS (60 * PU_S) /* the longest handshake_ns that a node may be given */

struct net_works {
    pu_alloc alloc;
    imap young, old; /* work: nothing */
    pu_time since;   /* young's first */
};

static net_works *works_new(net *n, pu_time now)
{
    net_works *w = sim_alloc(sizeof *w);
    w->alloc = (pu_alloc){heap_resize, n->bytes};
    w->since = now;
    imap_init(&w->young, 1, &w->alloc);
    imap_init(&w->old, 1, &w->alloc);
    return w;
}

void works_free(net_works *works)
{
    if (works == NULL) return;
    imap_close(&works->young);
    imap_close(&works->old);
    free(works);
}

static void turn(net_works *w, pu_time now)
{
    imap_close(&w->old);
    w->old = w->young;
    imap_init(&w->young, 1, &w->alloc);
    w->since = now;
}

bool work_is_new(net *n, net_works **at, pu_time now, uint64_t work)
{
    uint32_t nothing;
    if (*at == NULL) *at = works_new(n, now);
    net_works *w = *at;
    if (imap_get(&w->young, work, &nothing)) return false;
    bool is_new = !imap_get(&w->old, work, &nothing);
    if (now - w->since >= WORKS_NS || w->young.count >= WORKS_MAX) turn(w, now);
    bool is_kept = imap_put(&w->young, work, 0); /* what comes again does not grow old */
    PU_ASSERT(is_kept);
    return is_new;
}
