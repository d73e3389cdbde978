#!/usr/bin/env python3
"""Two agents of libnice as MSN and Windows Live Messenger spoke: ICE of 2005, and mirrors of draft-rosenberg-midcom-turn-08.

Each gets a shared secret of RFC 3489 over TLS, which libnice itself does not ask for. They may use nothing but relay
addresses. Needs Debian's python3-gi and gir1.2-nice-0.1, so Debian's own python3. Writes one line of JSON with what
happened; exit code 0 when every datagram arrived.
"""
import argparse
import base64
import json
import os
import socket
import ssl
import struct
import sys

from libnice_peers import GLib, Nice, Peer

# libnice fills what it sends by Send with spaces to a multiple of four.
DATAGRAMS = ["".join(chr(97 + number % 26) for number in range(size)) for size in (4, 100, 1172, 1200)]


def shared_secret(address, port, trusted):
    """User name and password (RFC 3489 section 8.2)."""
    context = ssl.create_default_context(cafile=trusted)
    with socket.create_connection((address, port), 5) as plain:
        with context.wrap_socket(plain, server_hostname=address) as stream:
            stream.sendall(struct.pack("!HH", 0x0002, 0) + os.urandom(16))
            answer = b""
            while len(answer) < 20 or len(answer) < 20 + struct.unpack("!H", answer[2:4])[0]:
                piece = stream.recv(2048)
                if not piece:
                    raise SystemExit("the server ended the connection")
                answer += piece
    attributes, at = {}, 20
    while at < len(answer):
        kind, length = struct.unpack("!HH", answer[at : at + 4])
        attributes[kind] = answer[at + 4 : at + 4 + length]
        at += 4 + length
    return attributes[0x0006], attributes[0x0007]


class MessengerPeer(Peer):
    """An agent that speaks as the messenger did; libnice wants name and password in base64 in this mode."""

    def __init__(self, is_controlling, options, changed):
        name, password = shared_secret(options.address, options.port, options.trust)
        if options.wrong:
            password = password[::-1]
        server = {
            "urls": [f"turn:{options.address}:{options.port}"],
            "username": base64.b64encode(name).decode(),
            "credential": base64.b64encode(password).decode(),
        }
        super().__init__(is_controlling, server, changed, Nice.Compatibility.MSN)

    @property
    def candidates(self):
        return self.agent.get_local_candidates(self.stream, 1)

    def describe(self, other):
        """Takes what the other one has, as a signalling protocol would carry it."""
        _, name, password = other.agent.get_local_credentials(other.stream)
        self.agent.set_remote_credentials(self.stream, name, password)
        self.agent.set_remote_candidates(self.stream, 1, other.candidates)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--trust", required=True, help="a file of certificates")
    parser.add_argument("--wrong", action="store_true", help="with a wrong password")
    parser.add_argument("--limit", type=int, default=30, help="seconds for all of it")
    options = parser.parse_args()
    loop, peers, steps = GLib.MainLoop(), [], []

    def changed():
        if len(peers) < 2:
            return
        if "described" not in steps and all(peer.is_gathered for peer in peers):
            steps.append("described")
            for peer, other in (peers, peers[::-1]):
                peer.describe(other)
        if "sent" not in steps and all(peer.is_ready for peer in peers):
            steps.append("sent")
            for peer in peers:
                peer.send(DATAGRAMS)
        if any(peer.has_failed for peer in peers) or all(len(peer.received) >= len(DATAGRAMS) for peer in peers):
            loop.quit()

    for is_controlling in (True, False):
        peers.append(MessengerPeer(is_controlling, options, changed))
    GLib.timeout_add_seconds(options.limit, loop.quit)
    loop.run()
    types = sorted({candidate.type.value_nick for peer in peers for candidate in peer.candidates})
    is_right = all(sorted(peer.received) == sorted(DATAGRAMS) for peer in peers) and types == ["relayed"]
    received = [len(peer.received) for peer in peers]
    print(json.dumps({"ok": is_right, "received": received, "types": types, "steps": steps}), flush=True)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
