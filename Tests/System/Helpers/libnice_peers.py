#!/usr/bin/env python3
"""Two agents of libnice, the ICE of GStreamer's webrtcbin, that may use nothing but relay addresses.

Needs Debian's python3-gi and gir1.2-nice-0.1, so Debian's own python3. Writes one line of JSON with what happened;
exit code 0 when every datagram arrived.
"""
import argparse
import ctypes
import json
import sys

import gi

gi.require_version("Nice", "0.1")
from gi.repository import GLib, Nice  # noqa: E402, the version must be chosen first

import ice_servers  # noqa: E402

# What GObject introspection leaves out: the function that has libnice read its sockets.
LIBRARY = ctypes.CDLL("libnice.so.10")
RECEIVE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p
)
LIBRARY.nice_agent_attach_recv.argtypes = [
    ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, RECEIVE, ctypes.c_void_p
]

# Every remainder of four, for the padding.
DATAGRAMS = ["".join(chr(97 + number % 26) for number in range(size)) for size in (1, 2, 3, 4, 100, 1171, 1200)]


class Peer:
    """One agent, with one stream of one component."""

    def __init__(self, is_controlling, server, changed, compatibility=Nice.Compatibility.RFC5245):
        self.changed, self.is_gathered, self.is_ready, self.has_failed, self.received = changed, False, False, False, []
        address, port = server["urls"][0].removeprefix("turn:").split("?")[0].rsplit(":", 1)
        self.agent = Nice.Agent.new(GLib.MainContext.default(), compatibility)
        for name, value in (("force-relay", True), ("upnp", False), ("controlling-mode", is_controlling)):
            self.agent.set_property(name, value)
        self.agent.connect("candidate-gathering-done", self.gathered)
        self.agent.connect("component-state-changed", self.state_changed)
        self.stream = self.agent.add_stream(1)
        self.agent.set_stream_name(self.stream, "application")
        self.agent.set_relay_info(
            self.stream, 1, address, int(port), server["username"], server["credential"], Nice.RelayType.UDP
        )
        self.callback = RECEIVE(self.take)  # kept as long as libnice may call it
        LIBRARY.nice_agent_attach_recv(hash(self.agent), self.stream, 1, None, self.callback, None)
        self.agent.gather_candidates(self.stream)

    def gathered(self, *_):
        self.is_gathered = True
        self.changed()

    def state_changed(self, _agent, _stream, _component, state):
        self.has_failed = state == int(Nice.ComponentState.FAILED)
        self.is_ready = self.is_ready or state == int(Nice.ComponentState.READY)
        self.changed()

    def send(self, datagrams=tuple(DATAGRAMS)):
        for datagram in datagrams:
            self.agent.send(self.stream, 1, len(datagram), datagram)

    def take(self, _agent, _stream, _component, length, data, _):
        self.received.append(ctypes.string_at(data, length).decode())
        self.changed()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=30, help="seconds for all of it")
    ice_servers.add_arguments(parser)
    options = parser.parse_args()
    (server,) = ice_servers.from_arguments(options)
    loop, peers, steps = GLib.MainLoop(), [], []

    def changed():
        if len(peers) < 2:
            return
        if "described" not in steps and all(peer.is_gathered for peer in peers):
            steps.append("described")
            for peer, other in (peers, peers[::-1]):
                peer.agent.parse_remote_sdp(other.agent.generate_local_sdp())
        if "sent" not in steps and all(peer.is_ready for peer in peers):
            steps.append("sent")
            for peer in peers:
                peer.send()
        if any(peer.has_failed for peer in peers) or all(len(peer.received) >= len(DATAGRAMS) for peer in peers):
            loop.quit()

    for is_controlling in (True, False):
        peers.append(Peer(is_controlling, server, changed))
    GLib.timeout_add_seconds(options.limit, loop.quit)
    loop.run()
    lines = [line for peer in peers for line in peer.agent.generate_local_sdp().splitlines() if " typ " in line]
    types = sorted({line.split(" typ ")[1].split()[0] for line in lines})
    is_right = all(sorted(peer.received) == sorted(DATAGRAMS) for peer in peers) and types == ["relay"]
    received = [len(peer.received) for peer in peers]
    print(json.dumps({"ok": is_right, "received": received, "types": types, "steps": steps}), flush=True)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
