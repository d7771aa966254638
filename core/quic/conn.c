/* quic/conn.c - one connection: its beginning on either side, its datagrams, the progress of its
 * handshake, its ends. */
#include "quic/quic_impl.h"

#include <ngtcp2/ngtcp2_crypto_gnutls.h>

enum {
    ALERT_NO_APPLICATION_PROTOCOL = 120,
    TRANSPORT_CRYPTO_ERROR = 0x100, /* and the alert */
    TRANSPORT_APPLICATION_ERROR = 0xc
};

const struct carrier_ops quic_ops = {
    .conn_bytes = sizeof(quic_conn),
    .stream_bytes = sizeof(quic_stream),
    .verdict = quic_verdict,
    .open = quic_open,
    .send = quic_send,
    .consumed = quic_consumed,
    .stop = quic_stop,
    .reset = quic_reset,
    .close = quic_close,
    .deadline = quic_deadline,
    .tick = quic_tick,
    .set = quic_set,
    .free_conn = quic_free_conn,
    .free_stream = quic_free_stream,
};

void quic_conn_due(quic_conn *c)
{
    c->is_due = true;
    link_conn_touch(c->link, &c->head);
}

/* ---- beginning ---- */

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *ref)
{
    const quic_conn *c = ref->user_data;
    return c->qc;
}

static void set_settings(ngtcp2_settings *s, const quic_conn *c)
{
    const pu_config *config = link_config(c->link);
    ngtcp2_settings_default(s);
    s->cc_algo = NGTCP2_CC_ALGO_CUBIC;
    s->initial_ts = link_now(c->link);
    s->rand_ctx.native_handle = c->link;
    s->handshake_timeout = UINT64_MAX; /* the link keeps the deadline */
    s->max_window = 0;                 /* windows grow by streams.c */
    s->max_stream_window = 0;
    s->no_pmtud = config->quic_pmtud == 0;
}

static void set_params(ngtcp2_transport_params *p, quic_conn *c)
{
    const pu_config *config = link_config(c->link);
    ngtcp2_transport_params_default(p);
    p->initial_max_stream_data_bidi_local = config->quic_window_bytes;
    p->initial_max_stream_data_bidi_remote = config->quic_window_bytes;
    p->initial_max_data = config->quic_conn_window_bytes;
    p->initial_max_streams_bidi = config->streams_per_conn_max < QUIC_STREAMS_MAX
                                      ? config->streams_per_conn_max
                                      : QUIC_STREAMS_MAX;
    p->max_idle_timeout = config->idle_ns;
    p->active_connection_id_limit = QUIC_CIDS_MAX;
    c->window = config->quic_conn_window_bytes;
}

/* What the sender learns from acknowledgements. */
static void measure(quic_conn *c)
{
    ngtcp2_conn_stat stat;
    ngtcp2_conn_get_conn_stat(c->qc, &stat);
    c->cwnd = stat.cwnd > 0 ? stat.cwnd : 1;
    c->pace_rtt_ns = stat.smoothed_rtt;
    if (stat.first_rtt_sample_ts == UINT64_MAX) return;
    c->head.rtt_ns = stat.smoothed_rtt;
    if (c->is_up) link_conn_path(c->link, &c->head, false);
}

/* Gives c its ngtcp2_conn and a TLS session for it. */
static bool start_tls(quic_conn *c, ngtcp2_conn *qc, bool is_client)
{
    c->qc = qc;
    c->tls = tls_session_new(c->endpoint->keys, is_client, quic_alpn);
    if (c->tls == NULL) return false;
    c->ref = (ngtcp2_crypto_conn_ref){.get_conn = get_conn, .user_data = c};
    gnutls_session_set_ptr(c->tls, &c->ref);
    if (link_env(c->link)->keylog != NULL)
        gnutls_session_set_keylog_function(c->tls, quic_callbacks_keylog);
    int error = is_client ? ngtcp2_crypto_gnutls_configure_client_session(c->tls)
                          : ngtcp2_crypto_gnutls_configure_server_session(c->tls);
    if (error != 0) return false;
    ngtcp2_conn_set_tls_native_handle(c->qc, c->tls);
    measure(c);
    return true;
}

static bool start_client(quic_conn *c)
{
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid, dcid;
    quic_path p;
    set_settings(&settings, c);
    set_params(&params, c);
    quic_path_make(&p, c, c->socket, &c->head.remote);
    quic_ids_make(c->endpoint, &scid);
    quic_ids_make(c->endpoint, &dcid); /* as long as may be, and as hard to guess */
    ngtcp2_conn *qc;                   /* not to be looked at after a failure */
    return quic_ids_add(c, span_of(scid.data, scid.datalen)) &&
           ngtcp2_conn_client_new(&qc, &dcid, &scid, &p.path, NGTCP2_PROTO_VER_V1,
                                  &quic_callbacks_client, &settings, &params, &c->endpoint->mem,
                                  c) == 0 &&
           start_tls(c, qc, true);
}

void quic_dial(pu_link *l, conn *head, uint32_t socket)
{
    quic_conn *c = quic_of(head);
    c->socket = socket;
    if (!quic_endpoint_add(link_quic(l), c) || !start_client(c)) {
        link_conn_down(l, head, PU_CODE_NO_MEMORY);
        return;
    }
    quic_conn_due(c);
}

/* The stateless reset token of our first id: clients have no other way to learn one of ours. */
static bool set_token(ngtcp2_transport_params *p, const quic_conn *c, const ngtcp2_cid *scid)
{
    const quic_endpoint *q = c->endpoint;
    p->stateless_reset_token_present = 1;
    return ngtcp2_crypto_generate_stateless_reset_token(p->stateless_reset_token, q->reset_secret,
                                                        sizeof q->reset_secret, scid) == 0;
}

static bool start_server(quic_conn *c, const ngtcp2_pkt_hd *hd)
{
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid;
    quic_path p;
    udp_path from = {.socket = c->socket, .remote = c->head.remote};
    set_settings(&settings, c);
    set_params(&params, c);
    quic_path_make(&p, c, c->socket, &c->head.remote);
    quic_ids_make(c->endpoint, &scid);
    params.original_dcid = hd->dcid;
    if (quic_stateless_token(c->endpoint, &from, hd, &params.original_dcid)) {
        params.retry_scid = hd->dcid;
        params.retry_scid_present = 1;
        settings.token = hd->token;
    }
    ngtcp2_conn *qc; /* not to be looked at after a failure */
    return quic_ids_add(c, span_of(scid.data, scid.datalen)) && set_token(&params, c, &scid) &&
           ngtcp2_conn_server_new(&qc, &hd->scid, &scid, &p.path, hd->version,
                                  &quic_callbacks_server, &settings, &params, &c->endpoint->mem,
                                  c) == 0 &&
           start_tls(c, qc, false);
}

void quic_conn_keep(quic_conn *c, uint32_t ecn, pu_span bytes)
{
    const pu_alloc *alloc = link_alloc(c->link);
    PU_ASSERT(c->qc == NULL);
    if (bytes.len > QUIC_KEPT_BYTES_MAX - c->kept_bytes) return;
    quic_kept *kept = mem_new(alloc, sizeof *kept + bytes.len), **end = &c->kept;
    if (kept == NULL) return;
    kept->ecn = ecn;
    kept->len = (uint32_t)bytes.len;
    memcpy(kept->bytes, bytes.base, bytes.len);
    while (*end != NULL) end = &(*end)->next;
    *end = kept;
    c->kept_bytes += kept->len;
}

static void free_kept(quic_conn *c)
{
    while (c->kept != NULL) {
        quic_kept *kept = c->kept;
        c->kept = kept->next;
        mem_free(link_alloc(c->link), kept, sizeof *kept + kept->len);
    }
}

/* The node allows a connection from outside: what was kept is read. */
static void accept_conn(quic_conn *c)
{
    ngtcp2_pkt_hd hd;
    udp_path path = {.socket = c->socket, .local = c->head.local, .remote = c->head.remote};
    bool is_ready = c->kept != NULL && ngtcp2_accept(&hd, c->kept->bytes, c->kept->len) == 0 &&
                    start_server(c, &hd);
    if (!is_ready) {
        link_conn_down(c->link, &c->head, PU_CODE_NO_MEMORY);
        return;
    }
    for (quic_kept *kept = c->kept; kept != NULL; kept = kept->next) {
        quic_conn_read(c, &path, kept->ecn, span_of(kept->bytes, kept->len));
        if (c->head.state == CONN_ENDED) break;
    }
    free_kept(c);
}

/* A refusal that costs the peer nothing but its Initial. */
static void refuse_conn(quic_conn *c)
{
    ngtcp2_pkt_hd hd;
    udp_path path = {.socket = c->socket, .local = c->head.local, .remote = c->head.remote};
    if (c->kept != NULL && ngtcp2_accept(&hd, c->kept->bytes, c->kept->len) == 0)
        quic_stateless_refuse(c->endpoint, &path, &hd, QUIC_CONNECTION_REFUSED);
}

void quic_verdict(pu_link *l, conn *head, uint32_t code)
{
    quic_conn *c = quic_of(head);
    if (code == 0 && c->qc == NULL) {
        accept_conn(c);
    } else if (code == 0) {
        quic_conn_up(c);
    } else if (c->qc == NULL) {
        refuse_conn(c);
        link_conn_down(l, head, code);
    } else {
        quic_conn_end(c, code);
    }
}

/* ---- progress ---- */

/* Both sides' idle time-outs, the shorter one; 0: there is none. */
static uint64_t idle_of(const quic_conn *c)
{
    const ngtcp2_transport_params *remote = ngtcp2_conn_get_remote_transport_params(c->qc);
    uint64_t idle_ns = link_config(c->link)->idle_ns;
    if (remote != NULL && remote->max_idle_timeout > 0 && remote->max_idle_timeout < idle_ns)
        idle_ns = remote->max_idle_timeout;
    return idle_ns;
}

void quic_conn_keep_alive(quic_conn *c)
{
    uint64_t silence_ns = c->silence_ns;
    uint64_t half_ns = idle_of(c) / 2;
    if (silence_ns > half_ns) silence_ns = half_ns;
    ngtcp2_conn_set_keep_alive_timeout(c->qc, silence_ns);
}

void quic_conn_up(quic_conn *c)
{
    c->is_up = true;
    c->silence_ns = link_config(c->link)->keep_alive_ns;
    quic_conn_keep_alive(c);
    link_conn_up(c->link, &c->head);
    if (c->news & NEWS_CONFIRMED) link_conn_confirmed(c->link, &c->head);
    quic_conn_due(c);
}

/* The peer has proven who it is. False: c is down. */
static bool prove(quic_conn *c)
{
    PU_ASSERT(c->head.peer.len > 0);
    c->is_proven = true;
    if (!link_conn_secured(c->link, &c->head)) {
        quic_conn_end(c, PU_CODE_WRONG_PEER);
        return false;
    }
    if (!ngtcp2_conn_is_server(c->qc)) quic_conn_up(c);
    return true;
}

/* Everything that TLS was there for is done; keys are updated without it. */
static void free_tls(quic_conn *c)
{
    if (c->tls == NULL) return;
    ngtcp2_conn_set_tls_native_handle(c->qc, NULL);
    gnutls_deinit(c->tls);
    c->tls = NULL;
}

bool quic_conn_settle(quic_conn *c)
{
    if ((c->news & NEWS_COMPLETED) && !c->is_proven && !prove(c)) return false;
    if (c->news & NEWS_CONFIRMED) {
        if (c->is_up) link_conn_confirmed(c->link, &c->head);
        free_tls(c);
    }
    if ((c->news & NEWS_COMPLETED) && ngtcp2_conn_is_server(c->qc)) free_tls(c);
    if (c->news & NEWS_STREAMS) {
        c->news &= ~(uint32_t)NEWS_STREAMS;
        quic_streams_open(c);
    }
    if (c->news & NEWS_PATH) {
        c->news &= ~(uint32_t)NEWS_PATH;
        quic_path_follow(c);
    }
    if (c->head.state == CONN_CLOSING && quic_conn_is_flushed(c)) {
        quic_conn_end(c, c->head.close_code);
        return false;
    }
    return true;
}

/* The first Initial says that the client's hello begins elsewhere: its address is to be proven
 * before anything is kept for it. */
static void retry(quic_conn *c, const udp_path *path, pu_span bytes)
{
    ngtcp2_pkt_hd hd;
    if (ngtcp2_accept(&hd, bytes.base, bytes.len) == 0)
        quic_stateless_retry(c->endpoint, path, &hd);
    link_conn_down(c->link, &c->head, PU_CODE_REFUSED);
}

void quic_conn_read(quic_conn *c, const udp_path *path, uint32_t ecn, pu_span bytes)
{
    quic_path p;
    ngtcp2_pkt_info info = {.ecn = (uint8_t)ecn};
    bool is_known = pu_endpoint_equal(&path->remote, &c->head.remote) && path->socket == c->socket;
    quic_path_make(&p, c, path->socket, &path->remote);
    if (is_known && path->local.port != 0) c->head.local = path->local;
    int error =
        ngtcp2_conn_read_pkt(c->qc, &p.path, &info, bytes.base, bytes.len, link_now(c->link));
    if (error == NGTCP2_ERR_RETRY) {
        retry(c, path, bytes);
        return;
    }
    if (error != 0) {
        quic_conn_fail(c, error);
        return;
    }
    if (!is_known) c->news |= NEWS_PATH;
    measure(c);
    if (quic_conn_settle(c)) quic_conn_due(c);
}

/* ---- ends ---- */

/* Tells the peer, in as many packets as the state of the handshake takes. */
static void write_close(quic_conn *c, const ngtcp2_connection_close_error *error)
{
    ngtcp2_path_storage storage;
    ngtcp2_pkt_info info;
    udp_path path;
    uint8_t *out = link_udp_space(c->link, QUIC_DATAGRAM_MAX);
    if (out == NULL) return;
    ngtcp2_path_storage_zero(&storage);
    ngtcp2_ssize len = ngtcp2_conn_write_connection_close(
        c->qc, &storage.path, &info, out, QUIC_DATAGRAM_MAX, error, link_now(c->link));
    if (len > 0) quic_path_read(&path, c, &storage.path);
    link_udp_commit(c->link, &path, len > 0 ? (size_t)len : 0, 0, 0);
}

void quic_conn_end(quic_conn *c, uint32_t code)
{
    if (c->qc != NULL) {
        ngtcp2_connection_close_error error;
        ngtcp2_connection_close_error_default(&error);
        ngtcp2_connection_close_error_set_application_error(&error, quic_wire_code(code), NULL, 0);
        write_close(c, &error);
    }
    link_conn_down(c->link, &c->head, code);
}

/* What the peer closed the connection with. */
static uint32_t code_of_peer(quic_conn *c)
{
    ngtcp2_connection_close_error error;
    if (c->news & NEWS_RESET) return PU_CODE_LOST;
    ngtcp2_conn_get_connection_close_error(c->qc, &error);
    uint64_t code = error.error_code;
    if (error.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION)
        return code > UINT32_MAX        ? UINT32_MAX
               : code == 0 && !c->is_up ? PU_CODE_REFUSED
                                        : (uint32_t)code;
    if (code == TRANSPORT_CRYPTO_ERROR + ALERT_NO_APPLICATION_PROTOCOL) return PU_CODE_NEGOTIATION;
    if (code >= TRANSPORT_CRYPTO_ERROR || code == TRANSPORT_APPLICATION_ERROR ||
        code == QUIC_CONNECTION_REFUSED || code == QUIC_INVALID_TOKEN)
        return PU_CODE_REFUSED;
    if (code == QUIC_NO_ERROR) return c->is_up ? PU_CODE_OK : PU_CODE_REFUSED;
    return PU_CODE_VIOLATION;
}

static uint32_t code_of_error(const quic_conn *c, int error)
{
    switch (error) {
    case NGTCP2_ERR_IDLE_CLOSE:
    case NGTCP2_ERR_CLOSING:
    case NGTCP2_ERR_DROP_CONN: return PU_CODE_LOST;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT: return PU_CODE_TIMEOUT;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
    case NGTCP2_ERR_VERSION_NEGOTIATION_FAILURE: return PU_CODE_UNSUPPORTED;
    case NGTCP2_ERR_NO_VIABLE_PATH: return PU_CODE_UNREACHABLE;
    case NGTCP2_ERR_NOMEM:
    case NGTCP2_ERR_CALLBACK_FAILURE:
    case NGTCP2_ERR_INTERNAL: return PU_CODE_NO_MEMORY;
    case NGTCP2_ERR_CRYPTO:
        if (c->is_wrong_peer) return PU_CODE_WRONG_PEER;
        return ngtcp2_conn_get_tls_alert(c->qc) == ALERT_NO_APPLICATION_PROTOCOL
                   ? PU_CODE_NEGOTIATION
                   : PU_CODE_VIOLATION;
    default: return PU_CODE_VIOLATION;
    }
}

/* Errors after which the peer is told nothing: it knows, or it is nobody. */
static bool is_silent(int error)
{
    return error == NGTCP2_ERR_DRAINING || error == NGTCP2_ERR_DROP_CONN ||
           error == NGTCP2_ERR_IDLE_CLOSE || error == NGTCP2_ERR_CLOSING ||
           error == NGTCP2_ERR_HANDSHAKE_TIMEOUT || error == NGTCP2_ERR_RECV_VERSION_NEGOTIATION;
}

void quic_conn_fail(quic_conn *c, int error)
{
    uint32_t code = error == NGTCP2_ERR_DRAINING ? code_of_peer(c) : code_of_error(c, error);
    if (!is_silent(error)) {
        ngtcp2_connection_close_error close;
        ngtcp2_connection_close_error_default(&close);
        if (error == NGTCP2_ERR_CRYPTO)
            ngtcp2_connection_close_error_set_transport_error_tls_alert(
                &close, ngtcp2_conn_get_tls_alert(c->qc), NULL, 0);
        else ngtcp2_connection_close_error_set_transport_error_liberr(&close, error, NULL, 0);
        write_close(c, &close);
    }
    link_conn_down(c->link, &c->head, code);
}

bool quic_conn_is_flushed(const quic_conn *c)
{
    for (const quic_flight *f = c->flights; f != NULL; f = f->next) {
        if (f->is_gone || f->stream == NULL || f->stream->is_write_dead) continue;
        if (f->out.acked < f->out.end) return false;
        if (f->stream->head.tx_fin && !f->stream->is_fin_sent) return false;
    }
    return true;
}

void quic_close(pu_link *l, conn *head)
{
    quic_conn *c = quic_of(head);
    if (!c->is_up || head->deadline <= link_now(l) || quic_conn_is_flushed(c)) {
        quic_conn_end(c, head->close_code);
        return;
    }
    quic_conn_due(c);
}

void quic_free_conn(pu_link *l, conn *head)
{
    (void)l;
    quic_conn *c = quic_of(head);
    if (c->endpoint == NULL) return; /* there was no place for it */
    quic_flights_free(c);
    if (c->qc != NULL) ngtcp2_conn_del(c->qc);
    if (c->tls != NULL) gnutls_deinit(c->tls);
    free_kept(c);
    quic_endpoint_del(c);
    c->qc = NULL;
    c->tls = NULL;
}
