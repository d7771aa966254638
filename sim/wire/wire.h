/* sim/wire/wire.h - the production link (peerup/link.h) as a transport of the simulator: real
 * Noise, Yamux, TLS and QUIC bytes in the simulated network's datagrams and in the segments of the
 * TCP model, on virtual time.
 *
 * Same seed, same bytes: the link draws from its host's stream, and so does GnuTLS, whose
 * gnutls_rnd gnutls_rnd.c replaces in this program.
 */
#ifndef SIM_WIRE_WIRE_H
#define SIM_WIRE_WIRE_H

#include "sim/transport.h"

/* Whose random bytes GnuTLS gets from now on: those of crypto, or, with NULL, the system's. */
void wire_random_of(const pu_crypto *crypto);

#endif
