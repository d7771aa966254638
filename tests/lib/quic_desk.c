/* tests/lib/quic_desk.c - see quic_desk.h. */
#include "tests/lib/quic_desk.h"

void desk_open(desk *d, void (*change)(rig_host *h), gnutls_privkey_t key)
{
    uint8_t seed[PU_ED25519_SEED_BYTES] = {0x66}, public_key[PU_ED25519_KEY_BYTES];
    d->w = rig_new();
    d->h = rig_add(d->w, change);
    raw_init(&d->r, d->w);
    int result = pu_crypto_real_init(&d->crypto, &d->real, seed);
    PU_ASSERT(result == PU_OK);
    d->crypto.public_key(d->crypto.ctx, public_key);
    pu_peer_id_from_ed25519(&d->id, public_key);
    d->key = key != NULL ? key : forge_key();
}

void desk_close(desk *d)
{
    raw_free(&d->r);
    gnutls_privkey_deinit(d->key);
    pu_crypto_real_close(&d->real);
    rig_free(d->w);
}

void desk_certify(desk *d, const forge *changes)
{
    forge f = changes != NULL ? *changes : (forge){0};
    f.crypto = &d->crypto;
    f.key = d->key;
    raw_certify(&d->r, forge_cert(&f, d->der), d->key);
}

void desk_call(desk *d)
{
    rig_effect(d->h, &(pu_ef){.kind = PU_EF_DIAL,
                              .token = ++d->h->last_token,
                              .what = PU_ROLE_CLIENT,
                              .transport = PU_TRANSPORT_QUIC,
                              .socket = PU_SOCKET_MAIN,
                              .remote = d->r.at,
                              .deadline = d->w->now + 15 * PU_S,
                              .peer = span_of(d->id.bytes, d->id.len)});
}
