/* sim/net_igd.h - what a box says as a UPnP device; see net_igd.c. Between it and net_upnp.c only.
 */
#ifndef SIM_NET_IGD_H
#define SIM_NET_IGD_H

#include "sim/net_impl.h"
#include "wire/wire_http.h"

/* Where it is described: the path of the URL that searches are answered with. */
#define IGD_DESCRIPTION_PATH "/rootDesc.xml"

/* Appends the name of box's devices, but for the digit that tells one from the others. */
void igd_put_udn(uint32_t box, pu_buf *out);

/* The version of the Internet gateway that b is: 1 or 2. */
uint32_t igd_version(const net_box *b);

/* Appends the answer of b, which is box, to a request of who: one that is over, whole or not. */
void igd_answer(net_box *b, uint32_t box, pu_time now, const pu_endpoint *who,
                const wire_http_in *in, pu_buf *out);

#endif
