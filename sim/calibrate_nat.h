/* sim/calibrate_nat.h - whether simulated NATs are what they are called: behaviour discovery
 * (RFC 5780) from behind each class, against a server with two addresses.
 */
#ifndef SIM_CALIBRATE_NAT_H
#define SIM_CALIBRATE_NAT_H

#include "sim/nat.h"
#include "sim/progress.h"

enum { CALIBRATE_NAT_CLASSES = NAT_APDM * NAT_APDF * NAT_BLOCK };

/* What was found of one class. */
typedef struct calibrate_nat_class {
    enum nat_mapping mapping;
    enum nat_filtering filtering;
    enum nat_ports ports;
    uint32_t right[2]; /* seeds of which all three words were found: without loss, with 1 % */
} calibrate_nat_class;

/* What behaviour discovery finds. */
typedef struct nat_found {
    enum nat_mapping mapping; /* 0: nothing answered at all */
    enum nat_filtering filtering;
    enum nat_ports ports; /* 0: the port of some socket did not come to light */
} nat_found;

/* What a box does with calls of TCP from outside. */
typedef struct nat_heard {
    bool resets;  /* a SYN of a stranger is answered by a reset */
    bool crosses; /* a SYN from the endpoint that its own side is calling is let in */
} nat_heard;

/* Discovers from behind a box of that type. seed: 32 bytes. heard: afterwards its host calls one
 * server by TCP, and that one and the other call back; NULL: nobody calls. */
nat_found calibrate_nat_find(const nat_type *type, const uint8_t seed[32], uint32_t loss_ppm,
                             nat_heard *heard);

/* Discovers every class with seeds first to last. bar: of all classes with all seeds. */
void calibrate_nat(uint64_t first, uint64_t last, progress *bar,
                   calibrate_nat_class all[CALIBRATE_NAT_CLASSES]);

#endif
