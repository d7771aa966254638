/* proto/identify.h - /ipfs/id/1.0.0: each side of a new connection asks the other what it is.
 *
 * What comes of it: conn.speaks and conn.identified, addresses for the book and for hole punching,
 * how others see us, and the conn_identified hooks of all modules.
 */
#ifndef PROTO_IDENTIFY_H
#define PROTO_IDENTIFY_H

#include "node/ctx.h"

extern const struct proto proto_identify;
extern const struct module module_identify;

#endif
