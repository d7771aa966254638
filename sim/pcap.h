/* sim/pcap.h - what simulated hosts and boxes send and receive as a capture that tshark and
 * Wireshark read (pcapng, draft-ietf-opsawg-pcapng).
 *
 * One interface a host, named after its node, and one for each box at whose outer side somebody
 * listens. Each datagram that leaves or comes is there with the addresses of that place; the IP,
 * UDP and TCP headers are made here, since the simulated network has none. TLS secrets that were
 * noted (pcap_secret) stand before the packets, so that a reader decrypts QUIC at its first pass.
 */
#ifndef SIM_PCAP_H
#define SIM_PCAP_H

#include "sim/net.h"

typedef struct pcap pcap;

/* Begins the file path. names: of count interfaces, kept until close. start_ns: Unix time at the
 * run's start. has_segments: what is marked TCP comes from the model of TCP. NULL: error says why,
 * path named. */
pcap *pcap_open(const char *path, const char *const *names, uint32_t count, uint64_t start_ns,
                bool has_segments, char *error, size_t error_cap);

/* Ends the file; keep false, or a failure: nothing is left of it. False: error says why. p is gone
 * in any case. */
bool pcap_close(pcap *p, bool keep, char *error, size_t error_cap);

/* A datagram or segment at that interface; out: it leaves, from local. Errors are kept until close.
 */
void pcap_packet(pcap *p, pu_time now, uint32_t interface, bool out, const pu_endpoint *local,
                 const pu_endpoint *remote, enum net_carriage carriage, pu_span bytes);

/* One line of the NSS key log, without its newline. */
void pcap_secret(pcap *p, const char *line);

#endif
