/* tls/cert_cache.c - certificates that were good. The hash covers every byte, so what was checked
 * once holds for each that has it; only time goes on. That the peer owns the certificate's key is
 * proven in each handshake anew, by TLS. */
#include "tls/cert.h"

#include <gnutls/crypto.h>

enum tls_cert_verdict tls_cert_check_again(tls_cert_facts *facts, tls_cert_cache *cache,
                                           const pu_crypto *crypto, pu_span der, uint64_t now_s)
{
    uint8_t hash[sizeof cache->known[0].hash];
    if (der.len > TLS_CERT_MAX) return tls_cert_check(facts, crypto, der, now_s);
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, der.base, der.len, hash) != 0)
        return tls_cert_check(facts, crypto, der, now_s);
    for (uint32_t i = 0; i < TLS_CERTS_KNOWN; i++) {
        const tls_cert_facts *known = &cache->known[i].facts;
        if (known->peer.len == 0 || memcmp(cache->known[i].hash, hash, sizeof hash) != 0) continue;
        bool is_valid =
            (int64_t)now_s >= known->not_before_s && (int64_t)now_s <= known->not_after_s;
        *facts = is_valid ? *known : (tls_cert_facts){.peer = {.len = 0}};
        return is_valid ? TLS_CERT_GOOD : TLS_CERT_TIME;
    }
    enum tls_cert_verdict verdict = tls_cert_check(facts, crypto, der, now_s);
    if (verdict != TLS_CERT_GOOD) return verdict;
    memcpy(cache->known[cache->next].hash, hash, sizeof hash);
    cache->known[cache->next].facts = *facts;
    cache->next = (cache->next + 1) % TLS_CERTS_KNOWN;
    return TLS_CERT_GOOD;
}
