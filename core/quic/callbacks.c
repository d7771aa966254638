/* quic/callbacks.c - what ngtcp2 and GnuTLS ask and tell while a datagram is read or built. Nothing
 * here may read, write or end the connection: marks are left for quic_conn_settle. */
#include "quic/quic_impl.h"

const pu_span quic_alpn = {(const uint8_t *)"libp2p", 6};

/* ---- secrets and connection ids ---- */

void quic_callbacks_rand(uint8_t *out, size_t len, const ngtcp2_rand_ctx *ctx)
{
    link_random(ctx->native_handle, out, len);
}

static int new_id(ngtcp2_conn *qc, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
    (void)qc;
    quic_conn *c = user;
    PU_ASSERT(len == QUIC_CID_BYTES);
    quic_ids_make(c->endpoint, cid);
    if (!quic_ids_add(c, span_of(cid->data, cid->datalen))) return NGTCP2_ERR_CALLBACK_FAILURE;
    const quic_endpoint *q = c->endpoint;
    if (ngtcp2_crypto_generate_stateless_reset_token(token, q->reset_secret, sizeof q->reset_secret,
                                                     cid) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static int old_id(ngtcp2_conn *qc, const ngtcp2_cid *cid, void *user)
{
    (void)qc;
    quic_ids_del(user, span_of(cid->data, cid->datalen));
    return 0;
}

/* The peer's ids come and go; each but a client's first has a token. */
static int peer_id_status(ngtcp2_conn *qc, int type, uint64_t seq, const ngtcp2_cid *cid,
                          const uint8_t *token, void *user)
{
    (void)qc;
    (void)cid;
    quic_conn *c = user;
    bool is_active = type == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE;
    if (seq == 0 && is_active) c->is_past_handshake = true;
    if (token == NULL) return 0;
    pu_span span = span_of(token, NGTCP2_STATELESS_RESET_TOKENLEN);
    if (!is_active) quic_ids_del_token(c, span);
    else if (!quic_ids_add_token(c, span)) return NGTCP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static int path_challenge(ngtcp2_conn *qc, uint8_t *data, void *user)
{
    (void)qc;
    quic_conn *c = user;
    c->challenged_at = link_now(c->link);
    link_random(c->link, data, NGTCP2_PATH_CHALLENGE_DATALEN);
    return 0;
}

/* ---- the handshake ---- */

/* What comes after the peer's last message of the handshake says nothing that we want, whether the
 * session still lives or not: tickets. And nothing that may be heard: told to update keys, which
 * has no place in QUIC (RFC 9001 6), GnuTLS would give ngtcp2 a second set of them. */
static int crypto_data(ngtcp2_conn *qc, ngtcp2_crypto_level level, uint64_t offset,
                       const uint8_t *data, size_t len, void *user)
{
    quic_conn *c = user;
    if (c->tls == NULL || ngtcp2_conn_get_handshake_completed(qc)) return 0;
    return ngtcp2_crypto_recv_crypto_data_cb(qc, level, offset, data, len, user);
}

static quic_conn *conn_of_session(gnutls_session_t session)
{
    const ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
    return ref->user_data;
}

int quic_callbacks_verify(gnutls_session_t session)
{
    quic_conn *c = conn_of_session(session);
    pu_peer_id peer;
    if (!tls_session_speaks(session, quic_alpn)) return GNUTLS_E_NO_APPLICATION_PROTOCOL;
    enum tls_cert_verdict verdict = tls_session_peer(
        &peer, c->endpoint->keys, session, link_env(c->link)->crypto, link_unix_ns(c->link) / PU_S);
    if (verdict != TLS_CERT_GOOD) return GNUTLS_E_CERTIFICATE_ERROR;
    if (c->head.expected.len > 0 && !pu_peer_id_equal(&peer, &c->head.expected)) {
        c->is_wrong_peer = true;
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    c->head.peer = peer;
    return 0;
}

int quic_callbacks_keylog(gnutls_session_t session, const char *label, const gnutls_datum_t *secret)
{
    char line[TLS_KEYLOG_LINE_MAX];
    const pu_link_env *env = link_env(conn_of_session(session)->link);
    if (tls_keylog_line(line, session, label, secret)) env->keylog(env->keylog_ctx, line);
    return 0;
}

static int completed(ngtcp2_conn *qc, void *user)
{
    (void)qc;
    quic_conn *c = user;
    c->news |= NEWS_COMPLETED;
    _Static_assert((int)TLS_CHANNEL_BYTES == (int)PU_LINK_CHANNEL_BYTES,
                   "TLS exports the channel id");
    return tls_channel_id(c->tls, c->head.channel_id) ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int confirmed(ngtcp2_conn *qc, void *user)
{
    (void)qc;
    quic_conn *c = user;
    c->news |= NEWS_CONFIRMED;
    return 0;
}

static int reset_seen(ngtcp2_conn *qc, const ngtcp2_pkt_stateless_reset *reset, void *user)
{
    (void)qc;
    (void)reset;
    quic_conn *c = user;
    c->news |= NEWS_RESET;
    return 0;
}

static int path_validated(ngtcp2_conn *qc, uint32_t flags, const ngtcp2_path *path,
                          ngtcp2_path_validation_result result, void *user)
{
    (void)qc;
    (void)flags;
    (void)path;
    quic_conn *c = user;
    c->news |= NEWS_PATH;
    if (result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS) c->news |= NEWS_PROVEN;
    return 0;
}

/* ---- streams ---- */

static int stream_data(ngtcp2_conn *qc, uint32_t flags, int64_t id, uint64_t offset,
                       const uint8_t *data, size_t len, void *user, void *stream_user)
{
    (void)id;
    (void)offset;
    quic_conn *c = user;
    quic_flight *f = stream_user;
    if (f == NULL || f->stream == NULL) {
        ngtcp2_conn_extend_max_offset(qc, len);
        return 0;
    }
    f->stream->waiting += len;
    bool is_end = (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;
    quic_conn_heard(c, f->stream, len);
    if (is_end) quic_conn_unheard(c, f->stream);
    link_stream_data(c->link, &f->stream->head, span_of(data, len), is_end, false);
    quic_streams_wait(c);
    return 0;
}

static int stream_acked(ngtcp2_conn *qc, int64_t id, uint64_t offset, uint64_t len, void *user,
                        void *stream_user)
{
    (void)qc;
    (void)id;
    if (stream_user != NULL) quic_streams_acked(user, stream_user, offset + len);
    return 0;
}

static int stream_began(ngtcp2_conn *qc, int64_t id, void *user)
{
    (void)qc;
    return quic_streams_begin(user, id) ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

/* The peer may open another one for each of its that ends, or it would run out of them. */
static int stream_closed(ngtcp2_conn *qc, uint32_t flags, int64_t id, uint64_t code, void *user,
                         void *stream_user)
{
    (void)flags;
    (void)code;
    if (!ngtcp2_conn_is_local_stream(qc, id) && ngtcp2_is_bidi_stream(id))
        ngtcp2_conn_extend_max_streams_bidi(qc, 1);
    if (stream_user != NULL) quic_streams_gone(user, stream_user);
    return 0;
}

static int stream_reset(ngtcp2_conn *qc, int64_t id, uint64_t final_size, uint64_t code, void *user,
                        void *stream_user)
{
    (void)qc;
    (void)id;
    (void)final_size;
    if (stream_user != NULL) quic_streams_reset_by_peer(user, stream_user, code);
    return 0;
}

static int stream_credit(ngtcp2_conn *qc, int64_t id, uint64_t max, void *user, void *stream_user)
{
    (void)qc;
    (void)id;
    (void)max;
    quic_flight *f = stream_user;
    if (f != NULL && f->stream != NULL) quic_streams_ready(user, f->stream);
    return 0;
}

static int more_streams(ngtcp2_conn *qc, uint64_t max, void *user)
{
    (void)qc;
    (void)max;
    quic_conn *c = user;
    c->news |= NEWS_STREAMS;
    return 0;
}

#define CALLBACKS_OF_BOTH                                                                     \
    .recv_crypto_data = crypto_data, .handshake_completed = completed,                        \
    .handshake_confirmed = confirmed, .encrypt = quic_frames_encrypt,                         \
    .decrypt = quic_frames_decrypt, .hp_mask = ngtcp2_crypto_hp_mask_cb,                      \
    .recv_stream_data = stream_data, .acked_stream_data_offset = stream_acked,                \
    .stream_open = stream_began, .stream_close = stream_closed, .stream_reset = stream_reset, \
    .extend_max_stream_data = stream_credit, .extend_max_local_streams_bidi = more_streams,   \
    .recv_stateless_reset = reset_seen, .rand = quic_callbacks_rand,                          \
    .get_new_connection_id = new_id, .remove_connection_id = old_id,                          \
    .dcid_status = peer_id_status, .path_validation = path_validated,                         \
    .get_path_challenge_data = path_challenge, .update_key = ngtcp2_crypto_update_key_cb,     \
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,                        \
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,                    \
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb

const ngtcp2_callbacks quic_callbacks_client = {
    CALLBACKS_OF_BOTH,
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
};

const ngtcp2_callbacks quic_callbacks_server = {
    CALLBACKS_OF_BOTH,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
};
