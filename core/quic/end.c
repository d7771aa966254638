/* quic/end.c - how a connection ends: what the peer is told, what its errors mean for the node, and
 * what is freed. */
#include "quic/quic_impl.h"

enum {
    ALERT_NO_APPLICATION_PROTOCOL = 120,
    TRANSPORT_CRYPTO_ERROR = 0x100, /* and the alert */
    TRANSPORT_APPLICATION_ERROR = 0xc
};

/* Tells the peer, in as many packets as the state of the handshake takes. When the list of this
 * step is full, the peer is told when it sends something. */
static void write_close(quic_conn *c, const ngtcp2_connection_close_error *error)
{
    ngtcp2_path_storage storage;
    ngtcp2_pkt_info info;
    udp_path path;
    uint8_t bytes[QUIC_DATAGRAM_MAX];
    ngtcp2_path_storage_zero(&storage);
    ngtcp2_ssize len = ngtcp2_conn_write_connection_close(c->qc, &storage.path, &info, bytes,
                                                          sizeof bytes, error, link_now(c->link));
    if (len <= 0) return;
    quic_path_read(&path, c, &storage.path);
    quic_closed_note(c, &path, span_of(bytes, (size_t)len));
    uint8_t *out = link_udp_space(c->link, (size_t)len);
    if (out == NULL) return;
    memcpy(out, bytes, (size_t)len);
    link_udp_commit(c->link, &path, (size_t)len, 0, 0);
}

void quic_conn_end(quic_conn *c, uint32_t code)
{
    if (c->qc != NULL && !c->is_short) {
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

/* Errors after which the peer is told nothing: it knows, or it is nobody, or ngtcp2 is not to be
 * called any more. */
static bool is_silent(int error)
{
    return ngtcp2_err_is_fatal(error) || error == NGTCP2_ERR_DRAINING ||
           error == NGTCP2_ERR_DROP_CONN || error == NGTCP2_ERR_IDLE_CLOSE ||
           error == NGTCP2_ERR_CLOSING || error == NGTCP2_ERR_HANDSHAKE_TIMEOUT ||
           error == NGTCP2_ERR_RECV_VERSION_NEGOTIATION;
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
    if (error == NGTCP2_ERR_DRAINING) {
        udp_path path = {.socket = c->socket, .remote = c->head.remote};
        quic_closed_note(c, &path, span_of(NULL, 0));
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
    quic_begin_forget(c);
    quic_endpoint_del(c);
    c->qc = NULL;
    c->tls = NULL;
}
