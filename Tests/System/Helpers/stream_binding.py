#!/usr/bin/env python3
"""Asks a STUN server over TCP, or TLS, from which address it is seen: prints that and the own address.

stream_binding.py HOST PORT SOURCE [tls]
"""
import ipaddress
import os
import socket
import ssl
import struct
import sys


def main():
    host, port, source = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    stream = socket.create_connection((host, port), timeout=10, source_address=(source, 0))
    own = stream.getsockname()
    if sys.argv[4:] == ["tls"]:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        stream = context.wrap_socket(stream)
    stream.sendall(struct.pack("!HHI", 1, 0, 0x2112A442) + os.urandom(12))
    answer = b""
    while len(answer) < 20 or len(answer) < 20 + struct.unpack_from("!H", answer, 2)[0]:
        part = stream.recv(4096)
        if not part:
            sys.exit("the server closed the connection")
        answer += part
    offset = 20
    while offset < len(answer):
        kind, length = struct.unpack_from("!HH", answer, offset)
        if kind == 0x0020:
            mapped_port = struct.unpack_from("!H", answer, offset + 6)[0] ^ 0x2112
            mapped = ipaddress.ip_address(struct.unpack_from("!I", answer, offset + 8)[0] ^ 0x2112A442)
            print(f"{mapped}:{mapped_port} {own[0]}:{own[1]}")
            return
        offset += 4 + (length + 3) // 4 * 4
    sys.exit("no XOR-MAPPED-ADDRESS in the answer")


if __name__ == "__main__":
    main()
