/* quic/begin.c - how a connection begins, on either side: parameters, TLS, and for one from outside
 * what waits for the node's verdict. */
#include "quic/quic_impl.h"

#include <ngtcp2/ngtcp2_crypto_gnutls.h>

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
    /* Not no_pmtud: with that, a peer that moves and comes back ends the process. */
    if (config->quic_pmtud == 0) s->max_tx_udp_payload_size = QUIC_INITIAL_LEAST;
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
    quic_conn_measure(c);
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
                                  &quic_callbacks_client, &settings, &params, &c->memory, c) == 0 &&
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
                                  &quic_callbacks_server, &settings, &params, &c->memory, c) == 0 &&
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

void quic_begin_forget(quic_conn *c)
{
    while (c->kept != NULL) {
        quic_kept *kept = c->kept;
        c->kept = kept->next;
        mem_free(link_alloc(c->link), kept, sizeof *kept + kept->len);
    }
}

/* The node allows a connection from outside: what was kept is read. */
void quic_begin_accept(quic_conn *c)
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
    quic_begin_forget(c);
}

/* A refusal that costs the peer nothing but its Initial. */
void quic_begin_refuse(quic_conn *c)
{
    ngtcp2_pkt_hd hd;
    udp_path path = {.socket = c->socket, .local = c->head.local, .remote = c->head.remote};
    if (c->kept != NULL && ngtcp2_accept(&hd, c->kept->bytes, c->kept->len) == 0)
        quic_stateless_refuse(c->endpoint, &path, &hd, QUIC_CONNECTION_REFUSED);
}
