#!/usr/bin/python3
"""Asks this host's gateway for a port of its own, in one of two protocols, and prints what it says as JSON.

    portmap.py natpmp|pcp GATEWAY OWN-ADDRESS INNER OUTER LIFETIME-S

UDP; a lifetime of 0 gives the port back. Formats: RFC 6886, RFC 6887. By UPnP tests/lib/upnp_ask.c asks.
"""
import json
import socket
import struct
import sys

PORT, TIMEOUT_S, TRIES = 5351, 1.0, 3
UDP = 17


def exchange(gateway, request):
    """One datagram to the gateway and its answer; asked again when none comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(TIMEOUT_S)
        for _ in range(TRIES):
            s.sendto(request, gateway)
            try:
                return s.recvfrom(2048)[0]
            except (TimeoutError, ConnectionRefusedError):
                pass
    raise OSError("the gateway says nothing")


def natpmp(gateway, _own, inner, outer, lifetime):
    there = exchange((gateway, PORT), b"\0\0")
    answer = exchange((gateway, PORT), struct.pack("!BBHHHI", 0, 1, 0, inner, outer, lifetime))
    _, op, result, _, _, got, granted = struct.unpack("!BBHIHHI", answer)
    return {"is_answer": op == 129, "result": result, "outer": got, "lifetime": granted,
            "address": socket.inet_ntoa(there[8:12])}


def pcp(gateway, own, inner, outer, lifetime):
    def mapped(address):
        return bytes(10) + b"\xff\xff" + socket.inet_aton(address)

    # The nonce says whose mapping it is, also when it is given back.
    nonce = (own + str(inner)).encode().ljust(12, b".")[:12]
    head = struct.pack("!BBHI", 2, 1, 0, lifetime) + mapped(own)
    body = nonce + struct.pack("!B3xHH", UDP, inner, outer) + mapped("0.0.0.0")
    answer = exchange((gateway, PORT), head + body)
    _, op, _, result, granted = struct.unpack("!BBBBI", answer[:8])
    got, = struct.unpack("!H", answer[42:44])
    return {"is_answer": op == 0x81 and answer[24:36] == nonce, "result": result, "outer": got,
            "lifetime": granted, "address": socket.inet_ntoa(answer[56:60])}


def main():
    protocol, gateway, own, *numbers = sys.argv[1:]
    ask = {"natpmp": natpmp, "pcp": pcp}[protocol]
    print(json.dumps(ask(gateway, own, *map(int, numbers))))


if __name__ == "__main__":
    main()
