"""Makes this namespace's conntrack forget every connection, as `conntrack -F` does: one request to
nf_conntrack_netlink that names none in particular."""
import socket
import struct

NETLINK_NETFILTER = 12
DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
REQUEST_AND_ACKNOWLEDGE = 5

with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as s:
    s.send(struct.pack("=IHHIIBBH", 20, DELETE, REQUEST_AND_ACKNOWLEDGE, 1, 0, socket.AF_UNSPEC, 0, 0))
    error, = struct.unpack_from("=i", s.recv(4096), 16)
    if error != 0:
        raise OSError(-error, "conntrack does not forget")
