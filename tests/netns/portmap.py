#!/usr/bin/python3
"""Asks this host's gateway for a port of its own, in one of three protocols, and prints what it says as JSON.

    portmap.py natpmp|pcp|upnp GATEWAY OWN-ADDRESS INNER OUTER LIFETIME-S

UDP; a lifetime of 0 gives the port back. Formats: RFC 6886, RFC 6887, UPnP WANIPConnection:1 and 2.
"""
import json
import re
import socket
import struct
import sys
import urllib.parse
import urllib.request

PORT, TIMEOUT_S, TRIES = 5351, 1.0, 3
UDP = 17
SSDP = ("239.255.255.250", 1900)
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
SEARCH = ("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
          f"ST: {SERVICE}\r\n\r\n")
CALL = """<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
 s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:{action} xmlns:u="{service}">{arguments}
</u:{action}></s:Body></s:Envelope>"""


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


def call(url, service, action, arguments):
    text = CALL.format(action=action, service=service,
                       arguments="".join(f"<{name}>{value}</{name}>" for name, value in arguments))
    request = urllib.request.Request(url, text.encode(), {
        "Content-Type": "text/xml; charset=\"utf-8\"", "SOAPAction": f"\"{service}#{action}\""})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode()


def upnp(gateway, own, inner, outer, lifetime):
    found = exchange(SSDP, SEARCH.encode()).decode()
    location = re.search(r"(?im)^location:\s*(\S+)", found)[1]
    if f"//{gateway}:" not in location:
        raise OSError(f"somebody else answers: {location}")
    with urllib.request.urlopen(location, timeout=5) as file:
        description = file.read().decode()
    offered = re.search(r"(?s)<serviceType>(urn:[^<]*:WANIPConnection:[12])</serviceType>"
                        r".*?<controlURL>([^<]+)</controlURL>", description)
    url, service = urllib.parse.urljoin(location, offered[2]), offered[1]
    port = [("NewRemoteHost", ""), ("NewExternalPort", outer), ("NewProtocol", "UDP")]
    if lifetime == 0:
        call(url, service, "DeletePortMapping", port)
    else:
        call(url, service, "AddPortMapping", port + [
            ("NewInternalPort", inner), ("NewInternalClient", own), ("NewEnabled", 1),
            ("NewPortMappingDescription", "lab"), ("NewLeaseDuration", lifetime)])
    said = call(url, service, "GetExternalIPAddress", [])
    return {"is_answer": True, "result": 0, "outer": outer, "lifetime": lifetime,
            "address": re.search(r"<NewExternalIPAddress>([^<]*)<", said)[1]}


def main():
    protocol, gateway, own, *numbers = sys.argv[1:]
    ask = {"natpmp": natpmp, "pcp": pcp, "upnp": upnp}[protocol]
    print(json.dumps(ask(gateway, own, *map(int, numbers))))


if __name__ == "__main__":
    main()
