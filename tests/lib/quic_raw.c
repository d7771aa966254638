/* tests/lib/quic_raw.c - see quic_raw.h. */
#include "tests/lib/quic_raw.h"

#include "base/mix.h"

#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#define VARINT4 0x80000000u /* of QUIC, with a length of 4 bytes */

enum { DATAGRAM_MAX = 1452, SCID_BYTES = 12, PARAMS_EXTENSION = 57 };

static raw *current; /* ngtcp2's encrypt has no context */

static void draw(raw *r, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)mix3(0x7a77, r->drawn++, i);
}

static void raw_rand(uint8_t *out, size_t len, const ngtcp2_rand_ctx *ctx)
{
    draw(ctx->native_handle, out, len);
}

static int raw_id(ngtcp2_conn *qc, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
    (void)qc;
    uint8_t bytes[NGTCP2_MAX_CIDLEN];
    draw(user, bytes, len);
    draw(user, token, NGTCP2_STATELESS_RESET_TOKENLEN);
    ngtcp2_cid_init(cid, bytes, len);
    return 0;
}

static int raw_challenge(ngtcp2_conn *qc, uint8_t *data, void *user)
{
    (void)qc;
    draw(user, data, NGTCP2_PATH_CHALLENGE_DATALEN);
    return 0;
}

static int raw_completed(ngtcp2_conn *qc, void *user)
{
    (void)qc;
    raw *r = user;
    char name[256];
    size_t len = sizeof name;
    unsigned type;
    r->is_completed = true;
    r->was_named = gnutls_server_name_get(r->tls, name, &len, &type, 0) == 0;
    return 0;
}

static int raw_data(ngtcp2_conn *qc, uint32_t flags, int64_t id, uint64_t offset,
                    const uint8_t *data, size_t len, void *user, void *stream_user)
{
    (void)flags;
    (void)offset;
    (void)data;
    (void)stream_user;
    raw *r = user;
    r->got += len;
    ngtcp2_conn_extend_max_stream_offset(qc, id, len);
    ngtcp2_conn_extend_max_offset(qc, len);
    return 0;
}

/* The test's frames, then padding, in place of what was to be said. */
static int raw_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                       const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *plain, size_t len,
                       const uint8_t *nonce, size_t nonce_len, const uint8_t *aad, size_t aad_len)
{
    static uint8_t other[65536];
    raw *r = current;
    enum raw_packets kind = (aad[0] & 0x80) != 0 ? (enum raw_packets)(aad[0] & 0xb0) : RAW_SHORT;
    bool is_ours = r != NULL && r->frames_left > 0 && kind == r->packets && len >= r->frames_len;
    if (is_ours) {
        memset(other, 0, len);
        memcpy(other, r->frames, r->frames_len);
        r->frames_left--;
    } else if (r != NULL && r->spoil != NULL) {
        is_ours = true;
        memcpy(other, plain, len);
        r->spoil(r->spoil_ctx, kind, other, len);
    }
    return ngtcp2_crypto_encrypt_cb(dest, aead, ctx, is_ours ? other : plain, len, nonce, nonce_len,
                                    aad, aad_len);
}

static ngtcp2_callbacks callbacks_of(bool is_server)
{
    ngtcp2_callbacks c = {
        .client_initial = ngtcp2_crypto_client_initial_cb,
        .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
        .handshake_completed = raw_completed,
        .encrypt = raw_encrypt,
        .decrypt = ngtcp2_crypto_decrypt_cb,
        .hp_mask = ngtcp2_crypto_hp_mask_cb,
        .recv_stream_data = raw_data,
        .recv_retry = ngtcp2_crypto_recv_retry_cb,
        .rand = raw_rand,
        .get_new_connection_id = raw_id,
        .update_key = ngtcp2_crypto_update_key_cb,
        .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
        .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
        .get_path_challenge_data = raw_challenge,
        .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    };
    if (is_server) {
        c.client_initial = NULL;
        c.recv_retry = NULL;
        c.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    }
    return c;
}

/* ---- its datagrams ---- */

static ngtcp2_path path_of(ngtcp2_sockaddr_in6 memory[2])
{
    memset(memory, 0, 2 * sizeof memory[0]);
    memory[0].sin6_family = memory[1].sin6_family = NGTCP2_AF_INET6;
    memory[0].sin6_port = 1;
    memory[1].sin6_port = 2;
    return (ngtcp2_path){
        .local = {(ngtcp2_sockaddr *)(void *)&memory[0], sizeof memory[0]},
        .remote = {(ngtcp2_sockaddr *)(void *)&memory[1], sizeof memory[1]},
    };
}

static void post(raw *r, const uint8_t *bytes, ngtcp2_ssize len)
{
    if (len > 0 && !r->is_mute) rig_pass(r->w, &r->at, &r->peer, span_of(bytes, (size_t)len));
}

static void end(raw *r)
{
    if (r->qc != NULL) ngtcp2_conn_del(r->qc);
    if (r->tls != NULL) gnutls_deinit(r->tls);
    r->qc = NULL;
    r->tls = NULL;
}

/* What ngtcp2 wants to say now, with so many bytes of the stream. */
static void flush(raw *r, size_t count)
{
    static const uint8_t zeros[DATAGRAM_MAX];
    uint8_t out[DATAGRAM_MAX];
    current = r;
    for (int i = 0; r->qc != NULL && i < 100; i++) {
        ngtcp2_vec piece = {(uint8_t *)(uintptr_t)zeros, count < 1000 ? count : 1000};
        ngtcp2_ssize taken = -1;
        bool has_data = r->stream >= 0 && count > 0;
        ngtcp2_ssize len = ngtcp2_conn_writev_stream(
            r->qc, NULL, NULL, out, sizeof out, &taken, 0, has_data ? r->stream : -1,
            has_data ? &piece : NULL, has_data ? 1 : 0, r->w->now);
        if (taken > 0) count -= (size_t)taken;
        post(r, out, len);
        if (len <= 0) break;
    }
    current = NULL;
}

static void fail(raw *r, int error)
{
    uint8_t out[DATAGRAM_MAX];
    ngtcp2_connection_close_error close;
    r->is_closed = true;
    if (error == NGTCP2_ERR_DRAINING) {
        ngtcp2_conn_get_connection_close_error(r->qc, &close);
        r->close_code = close.error_code;
        r->is_app_close = close.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION;
    } else {
        ngtcp2_connection_close_error_default(&close);
        ngtcp2_connection_close_error_set_transport_error_liberr(&close, error, NULL, 0);
        post(r, out,
             ngtcp2_conn_write_connection_close(r->qc, NULL, NULL, out, sizeof out, &close,
                                                r->w->now));
    }
    end(r);
}

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *ref)
{
    const raw *r = ref->user_data;
    return r->qc;
}

/* What a 4-byte varint says. */
static void append4(gnutls_buffer_t out, uint32_t value)
{
    uint8_t bytes[4];
    store_be32(bytes, value);
    PU_ASSERT(gnutls_buffer_append_data(out, bytes, sizeof bytes) == 0);
}

/* A parameter version_information: version 1 was chosen, and these are known. */
static void append_versions(gnutls_buffer_t out, uint32_t id, size_t count)
{
    append4(out, VARINT4 | id);
    append4(out, VARINT4 | (uint32_t)(4 * (count + 2)));
    append4(out, NGTCP2_PROTO_VER_V1);
    append4(out, NGTCP2_PROTO_VER_V1);
    for (uint32_t i = 1; i <= count; i++)
        append4(out, 0x0a0a0a0a | i % 16 << 4 | i / 16 % 16 << 12 | i / 256 << 20);
}

/* Each number as large as it may be. */
static void make_largest(ngtcp2_transport_params *p)
{
    const uint64_t most = (UINT64_C(1) << 62) - 1, streams = UINT64_C(1) << 60;
    p->initial_max_stream_data_bidi_local = p->initial_max_stream_data_bidi_remote = most;
    p->initial_max_stream_data_uni = p->initial_max_data = most;
    p->initial_max_streams_bidi = p->initial_max_streams_uni = streams;
    p->max_udp_payload_size = p->active_connection_id_limit = most;
    p->max_datagram_frame_size = most;
    p->max_idle_timeout = UINT64_MAX / 2;
    p->ack_delay_exponent = 20;
    p->max_ack_delay = ((1 << 14) - 1) * NGTCP2_MILLISECONDS;
}

/* What only a server may say: a token, and another address of either family with the longest id. */
static void prefer_another_address(ngtcp2_transport_params *p)
{
    uint8_t id[NGTCP2_MAX_CIDLEN];
    ngtcp2_preferred_addr *a = &p->preferred_address;
    memset(id, 0xa4, sizeof id);
    p->stateless_reset_token_present = p->preferred_address_present = 1;
    memset(p->stateless_reset_token, 0xa1, sizeof p->stateless_reset_token);
    a->ipv4_present = a->ipv6_present = 1;
    a->ipv4.sin_family = NGTCP2_AF_INET;
    a->ipv6.sin6_family = NGTCP2_AF_INET6;
    a->ipv4.sin_port = a->ipv6.sin6_port = 0xffff;
    memset(&a->ipv4.sin_addr, 0xa2, sizeof a->ipv4.sin_addr);
    memset(&a->ipv6.sin6_addr, 0xa3, sizeof a->ipv6.sin6_addr);
    ngtcp2_cid_init(&a->cid, id, sizeof id);
    memset(a->stateless_reset_token, 0xa5, sizeof a->stateless_reset_token);
}

/* Transport parameters that ngtcp2's helper has no room for, or would not say: the largest, and as
 * many versions as are wanted, under the number of RFC 9368 and that of its drafts. */
static int say_params(gnutls_session_t session, gnutls_buffer_t out)
{
    uint8_t bytes[512];
    const ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
    const raw *r = ref->user_data;
    bool is_server = ngtcp2_conn_is_server(r->qc) != 0;
    ngtcp2_transport_params p = *ngtcp2_conn_get_local_transport_params(r->qc);
    if (r->has_largest_params) make_largest(&p);
    ngtcp2_ssize len =
        ngtcp2_encode_transport_params(bytes, sizeof bytes,
                                       is_server ? NGTCP2_TRANSPORT_PARAMS_TYPE_ENCRYPTED_EXTENSIONS
                                                 : NGTCP2_TRANSPORT_PARAMS_TYPE_CLIENT_HELLO,
                                       &p);
    PU_ASSERT(len > 0);
    PU_ASSERT(gnutls_buffer_append_data(out, bytes, (size_t)len) == 0);
    if (r->version_count == 0) return 0;
    append_versions(out, 0x11, r->version_count);
    append_versions(out, 0xff73db, r->version_count);
    return 0;
}

static int take_params(gnutls_session_t session, const unsigned char *bytes, size_t len)
{
    const ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
    const raw *r = ref->user_data;
    return ngtcp2_conn_decode_remote_transport_params(r->qc, bytes, len) == 0
               ? 0
               : GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
}

/* The helper sets its callbacks first and then finds the extension taken. */
static void configure(const raw *r, bool is_server)
{
    const unsigned flags = GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE;
    bool has_own = r->version_count > 0 || r->has_largest_params;
    if (has_own)
        PU_ASSERT(gnutls_session_ext_register(r->tls, "any parameters", PARAMS_EXTENSION,
                                              GNUTLS_EXT_TLS, take_params, say_params, NULL, NULL,
                                              NULL, flags) == 0);
    int error = is_server ? ngtcp2_crypto_gnutls_configure_server_session(r->tls)
                          : ngtcp2_crypto_gnutls_configure_client_session(r->tls);
    PU_ASSERT((error == 0) == !has_own);
}

static void start_tls(raw *r, bool is_server)
{
    static const char priorities[] =
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519"
        ":%DISABLE_TLS13_COMPAT_MODE";
    const char *alpn = r->alpn != NULL ? r->alpn : "libp2p";
    gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)alpn, (unsigned)strlen(alpn)};
    unsigned flags = GNUTLS_NO_TICKETS | GNUTLS_NO_END_OF_EARLY_DATA;
    flags |= is_server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET
                       : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
    PU_ASSERT(gnutls_init(&r->tls, flags) == 0);
    PU_ASSERT(gnutls_priority_set_direct(r->tls, priorities, NULL) == 0);
    PU_ASSERT(gnutls_credentials_set(r->tls, GNUTLS_CRD_CERTIFICATE, r->credentials) == 0);
    if (alpn[0] != 0) PU_ASSERT(gnutls_alpn_set_protocols(r->tls, &protocol, 1, 0) == 0);
    if (r->server_name != NULL)
        PU_ASSERT(gnutls_server_name_set(r->tls, GNUTLS_NAME_DNS, r->server_name,
                                         strlen(r->server_name)) == 0);
    if (is_server) gnutls_certificate_server_set_request(r->tls, GNUTLS_CERT_REQUEST);
    r->ref = (ngtcp2_crypto_conn_ref){.get_conn = get_conn, .user_data = r};
    gnutls_session_set_ptr(r->tls, &r->ref);
    configure(r, is_server);
    ngtcp2_conn_set_tls_native_handle(r->qc, r->tls);
}

/* What is shown, whatever it is: by hand, since GnuTLS itself would not take some of them. */
static int give_certs(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
                      const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                      gnutls_pcert_st **list, unsigned *count, gnutls_privkey_t *key)
{
    (void)names;
    (void)name_count;
    (void)algorithms;
    (void)algorithm_count;
    const ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
    raw *r = ref->user_data;
    *list = r->shown;
    *count = r->cert_count;
    *key = r->key;
    return 0;
}

static void show_certs(raw *r)
{
    if (r->cert_count == 0) return;
    for (unsigned i = 0; i < r->cert_count; i++) {
        r->shown[i].type = GNUTLS_CRT_X509;
        r->shown[i].cert.data = (unsigned char *)(uintptr_t)r->certs[i].base;
        r->shown[i].cert.size = (unsigned)r->certs[i].len;
        PU_ASSERT(gnutls_pubkey_init(&r->shown[i].pubkey) == 0);
        PU_ASSERT(gnutls_pubkey_import_privkey(r->shown[i].pubkey, r->key, 0, 0) == 0);
    }
    gnutls_certificate_set_retrieve_function2(r->credentials, give_certs);
}

static void start(raw *r, const ngtcp2_pkt_hd *hd)
{
    uint8_t bytes[NGTCP2_MAX_CIDLEN];
    ngtcp2_sockaddr_in6 memory[2];
    ngtcp2_path path = path_of(memory);
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid, dcid;
    ngtcp2_callbacks callbacks = callbacks_of(hd != NULL);
    ngtcp2_settings_default(&settings);
    ngtcp2_transport_params_default(&params);
    settings.initial_ts = r->w->now;
    settings.rand_ctx.native_handle = r;
    settings.no_pmtud = 1;
    params.initial_max_stream_data_bidi_local = params.initial_max_stream_data_bidi_remote = 1
                                                                                             << 20;
    params.initial_max_data = 1 << 20;
    params.initial_max_streams_bidi = r->max_streams;
    params.max_idle_timeout = r->idle_ns > 0 ? r->idle_ns : 30 * PU_S;
    size_t scid_len = r->has_largest_params ? NGTCP2_MAX_CIDLEN : SCID_BYTES;
    if (r->has_largest_params) params.active_connection_id_limit = 8; /* as many as ngtcp2 gives */
    draw(r, bytes, scid_len);
    ngtcp2_cid_init(&scid, bytes, scid_len);
    draw(r, bytes, SCID_BYTES);
    ngtcp2_cid_init(&dcid, bytes, SCID_BYTES);
    int error;
    if (hd != NULL) {
        if (r->has_largest_params) prefer_another_address(&params);
        params.original_dcid = hd->dcid;
        error = ngtcp2_conn_server_new(&r->qc, &hd->scid, &scid, &path, hd->version, &callbacks,
                                       &settings, &params, NULL, r);
    } else {
        error = ngtcp2_conn_client_new(&r->qc, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks,
                                       &settings, &params, NULL, r);
    }
    PU_ASSERT(error == 0);
    show_certs(r);
    start_tls(r, hd != NULL);
}

/* A server's flight is ready when the client's first has come, a client's when it is done. */
static void say_tail(raw *r)
{
    if (r->tail.len == 0 || (!ngtcp2_conn_is_server(r->qc) && !r->is_completed)) return;
    PU_ASSERT(ngtcp2_conn_submit_crypto_data(r->qc, NGTCP2_CRYPTO_LEVEL_HANDSHAKE, r->tail.base,
                                             r->tail.len) == 0);
    r->tail.len = 0;
}

/* ---- in the rig ---- */

static void hear(void *ctx, rig *w, const rig_datagram *d)
{
    (void)w;
    raw *r = ctx;
    ngtcp2_pkt_hd hd;
    ngtcp2_sockaddr_in6 memory[2];
    ngtcp2_path path = path_of(memory);
    ngtcp2_pkt_info info = {0};
    if (!pu_endpoint_equal(&d->to, &r->at) || r->is_closed) return;
    if (r->qc == NULL && ngtcp2_accept(&hd, d->bytes, d->len) == 0) {
        r->peer = d->from;
        start(r, &hd);
    }
    if (r->qc == NULL) return;
    int error = ngtcp2_conn_read_pkt(r->qc, &path, &info, d->bytes, d->len, r->w->now);
    if (error == 0) say_tail(r);
    if (error != 0) fail(r, error);
    else flush(r, 0);
}

static pu_time due(void *ctx)
{
    const raw *r = ctx;
    if (r->qc == NULL) return PU_NEVER;
    pu_time at = ngtcp2_conn_get_expiry(r->qc);
    return at >= PU_NEVER - 1 ? PU_NEVER : at + 1;
}

static void tick(void *ctx, rig *w)
{
    raw *r = ctx;
    int error = ngtcp2_conn_handle_expiry(r->qc, w->now);
    if (error != 0) {
        r->is_closed = true;
        end(r);
        return;
    }
    flush(r, 0);
}

void raw_init(raw *r, rig *w)
{
    *r = (raw){.w = w, .stream = -1, .max_streams = 100};
    r->at = (pu_endpoint){.ip = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 66}, .port = 6666};
    PU_ASSERT(gnutls_certificate_allocate_credentials(&r->credentials) == 0);
    w->elsewhere = hear;
    w->elsewhere_due = due;
    w->elsewhere_tick = tick;
    w->elsewhere_ctx = r;
}

void raw_free(raw *r)
{
    end(r);
    for (unsigned i = 0; i < r->cert_count; i++)
        if (r->shown[i].pubkey != NULL) gnutls_pubkey_deinit(r->shown[i].pubkey);
    gnutls_certificate_free_credentials(r->credentials);
    r->w->elsewhere = NULL;
    r->w->elsewhere_due = NULL;
}

void raw_certify(raw *r, pu_span der, gnutls_privkey_t key)
{
    r->certs[r->cert_count++] = der;
    r->key = key;
}

void raw_dial(raw *r, const rig_host *to)
{
    r->peer = to->seen_as;
    start(r, NULL);
    flush(r, 0);
}

void raw_send(raw *r, size_t count)
{
    PU_ASSERT(r->qc != NULL);
    if (r->stream < 0) PU_ASSERT(ngtcp2_conn_open_bidi_stream(r->qc, &r->stream, NULL) == 0);
    flush(r, count);
}

void raw_say(raw *r, const void *frames, size_t len, unsigned packets)
{
    PU_ASSERT(len <= sizeof r->frames);
    memcpy(r->frames, frames, len);
    r->frames_len = len;
    r->frames_left = packets;
    r->packets = RAW_SHORT;
    for (unsigned i = 0; i < 4 * packets && r->frames_left > 0 && r->qc != NULL; i++) {
        raw_send(r, 1000);
        rig_run(r->w, 30 * PU_MS);
    }
}

void raw_migrate(raw *r, uint16_t local_port)
{
    ngtcp2_sockaddr_in6 memory[2];
    ngtcp2_path path = path_of(memory);
    memory[0].sin6_port = local_port;
    int error = ngtcp2_conn_initiate_immediate_migration(r->qc, &path, r->w->now);
    PU_ASSERT(error == 0);
}

void raw_nag(raw *r)
{
    static const uint8_t byte = 0; /* ngtcp2 keeps where it is */
    if (r->qc == NULL) return;
    PU_ASSERT(ngtcp2_conn_submit_crypto_data(r->qc, NGTCP2_CRYPTO_LEVEL_HANDSHAKE, &byte, 1) == 0);
    flush(r, 0);
}
