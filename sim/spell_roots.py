#!/usr/bin/env python3
"""Prints the table of sim/spell.c: 2^(1/2), 2^(1/4), ... 2^(2^-32), times 2^32, rounded; integers only."""
from math import isqrt

PLACES = 200
root = 2 << PLACES
for _ in range(32):
    root = isqrt(root << PLACES)
    print(f"UINT64_C({(root + (1 << PLACES - 33)) >> PLACES - 32}),")
