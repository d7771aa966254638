/* sim/pcap_frame.h - the IP packet that a simulated datagram or segment would be. */
#ifndef SIM_PCAP_FRAME_H
#define SIM_PCAP_FRAME_H

#include "base/bytes.h"
#include "sim/net.h"

enum { PCAP_FRAME_MAX = 2048 };

/* Appends IPv4 or IPv6, UDP or TCP headers with their checksums, and the payload. is_segment: bytes
 * marked TCP are a segment of the model of TCP; otherwise they are told as data of sequence 0, as
 * the transport model's are. */
void pcap_frame(pu_buf *out, const pu_endpoint *from, const pu_endpoint *to,
                enum net_carriage carriage, bool is_segment, pu_span bytes);

#endif
