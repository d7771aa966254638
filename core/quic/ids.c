/* quic/ids.c - connection ids and reset tokens by their first eight bytes. Those that are ours have
 * no more; what a client chose at first may be longer and is compared as a whole.
 *
 * The last bytes of an id of ours depend on the others and on a secret of our identity: an id that
 * means no connection may have been ours in an earlier life, or never was, and only in the first
 * case is there something to say about it. To all others they are as random as the rest.
 */
#include "quic/quic_impl.h"

#include <gnutls/crypto.h>

enum { KEYS_MAX = 64, TRIES_MAX = 8, MARK_BYTES = 3, FREE_BYTES = QUIC_CID_BYTES - MARK_BYTES };

static quic_conn *find(const quic_endpoint *q, const imap *map, pu_span name)
{
    uint32_t index;
    if (name.len < QUIC_CID_BYTES || !imap_get(map, load_le64(name.base), &index)) return NULL;
    if ((index & QUIC_CLOSED_BIT) != 0) return NULL;
    PU_ASSERT(index < q->conn_cap);
    return q->conns[index];
}

bool quic_ids_is_name(const ngtcp2_cid *first, pu_span dcid)
{
    PU_ASSERT(dcid.len >= QUIC_CID_BYTES);
    pu_span name = span_of(first->data, first->datalen);
    if (name.len >= QUIC_CID_BYTES && memcmp(name.base, dcid.base, QUIC_CID_BYTES) == 0)
        return span_equal(name, dcid);
    return dcid.len == QUIC_CID_BYTES;
}

quic_conn *quic_ids_find(const quic_endpoint *q, pu_span dcid)
{
    quic_conn *c = find(q, &q->cids, dcid);
    return c != NULL && quic_ids_is_name(&c->first_dcid, dcid) ? c : NULL;
}

quic_conn *quic_ids_find_token(const quic_endpoint *q, pu_span token)
{
    PU_ASSERT(token.len == NGTCP2_STATELESS_RESET_TOKENLEN);
    return find(q, &q->tokens, token);
}

bool quic_ids_is_free(const quic_endpoint *q, pu_span cid)
{
    uint32_t index;
    return cid.len < QUIC_CID_BYTES || !imap_get(&q->cids, load_le64(cid.base), &index);
}

/* The last bytes that go with the first ones. */
static void mark(const quic_endpoint *q, const uint8_t first[FREE_BYTES], uint8_t last[MARK_BYTES])
{
    uint8_t mac[32];
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, q->reset_secret, sizeof q->reset_secret, first,
                         FREE_BYTES, mac) != 0)
        memset(mac, 0, sizeof mac);
    memcpy(last, mac, MARK_BYTES);
}

bool quic_ids_was_ours(const quic_endpoint *q, pu_span cid)
{
    uint8_t last[MARK_BYTES];
    PU_ASSERT(cid.len == QUIC_CID_BYTES);
    mark(q, cid.base, last);
    return memcmp(last, cid.base + FREE_BYTES, MARK_BYTES) == 0;
}

void quic_ids_make(const quic_endpoint *q, ngtcp2_cid *cid)
{
    uint8_t bytes[QUIC_CID_BYTES];
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        link_random(q->link, bytes, FREE_BYTES);
        mark(q, bytes, bytes + FREE_BYTES);
        if (quic_ids_is_free(q, span_of(bytes, sizeof bytes))) break;
    }
    ngtcp2_cid_init(cid, bytes, sizeof bytes);
}

/* A token that two connections know is the first one's: whoever gave both can do no more. */
static bool add(quic_conn *c, imap *map, pu_span name, bool is_token)
{
    PU_ASSERT(name.len >= QUIC_CID_BYTES);
    const pu_alloc *alloc = link_alloc(c->link);
    uint64_t key = load_le64(name.base);
    uint32_t index;
    if (imap_get(map, key, &index)) return is_token;
    if (!mem_grow(alloc, (void **)&c->keys, &c->key_cap, c->key_count, KEYS_MAX, sizeof *c->keys))
        return false;
    if (!imap_put(map, key, c->index)) return false;
    c->keys[c->key_count++] = (quic_key){key, is_token};
    return true;
}

static void del(quic_conn *c, imap *map, pu_span name, bool is_token)
{
    uint64_t key = load_le64(name.base);
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (c->keys[i].key != key || c->keys[i].is_token != is_token) continue;
        imap_del(map, key);
        c->keys[i] = c->keys[--c->key_count];
        return;
    }
}

bool quic_ids_add(quic_conn *c, pu_span cid)
{
    return add(c, &c->endpoint->cids, cid, false);
}

void quic_ids_del(quic_conn *c, pu_span cid)
{
    del(c, &c->endpoint->cids, cid, false);
}

bool quic_ids_add_token(quic_conn *c, pu_span token)
{
    return add(c, &c->endpoint->tokens, token, true);
}

void quic_ids_del_token(quic_conn *c, pu_span token)
{
    del(c, &c->endpoint->tokens, token, true);
}

void quic_ids_clear(quic_conn *c)
{
    for (uint32_t i = 0; i < c->key_count; i++)
        imap_del(c->keys[i].is_token ? &c->endpoint->tokens : &c->endpoint->cids, c->keys[i].key);
    mem_free(link_alloc(c->link), c->keys, c->key_cap * sizeof *c->keys);
    c->keys = NULL;
    c->key_count = c->key_cap = 0;
}
