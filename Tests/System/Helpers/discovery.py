"""A client that finds the kind of NAT as RFC 5780 says (section 4.3 and 4.4), or as RFC 3489 does (section 10.1).

It repeats requests as RFC 8489 section 6.2.1 has it and as no other client here does: a server that is killed and comes
back while it asks costs it time, not the answer.

  discovery.py ADDRESS[:PORT]                  one discovery; prints what it found as JSON
  discovery.py ADDRESS... --seconds N          discoveries one after the other, and several at a time, each server in
                                               turn; prints how many there were and each that did not end as expected
  --expect MAPPING/FILTERING                   what each must find, for example independent/port
  --dialect rfc3489                            requests without the cookie
"""
import argparse
import asyncio
import collections
import json
import os
import socket
import struct
import sys
import time

COOKIE = 0x2112A442
MAPPED, CHANGE_REQUEST, SOURCE, CHANGED = 0x0001, 0x0003, 0x0004, 0x0005
XOR_MAPPED, RESPONSE_ORIGIN, OTHER = 0x0020, 0x802B, 0x802C
CHANGE_BOTH, CHANGE_PORT = 6, 2


class Silence(Exception):
    """No answer came, however often was asked."""


def request(dialect, change=0):
    transaction = os.urandom(16) if dialect == "rfc3489" else struct.pack(">I", COOKIE) + os.urandom(12)
    body = struct.pack(">HHI", CHANGE_REQUEST, 4, change) if change else b""
    return transaction, struct.pack(">HH", 1, len(body)) + transaction + body


def attributes(datagram):
    found, offset = {}, 20
    while offset + 4 <= len(datagram):
        kind, length = struct.unpack_from(">HH", datagram, offset)
        found.setdefault(kind, datagram[offset + 4:offset + 4 + length])
        offset += 4 + (length + 3 & ~3)
    return found


def address(value, is_xored=False):
    if value is None or len(value) < 8:
        return None
    _, family, port = struct.unpack_from(">BBH", value)
    host = bytes(value[4:])
    if is_xored:
        port ^= COOKIE >> 16
        host = bytes(a ^ b for a, b in zip(host, struct.pack(">I", COOKIE)))
    return socket.inet_ntop(socket.AF_INET if family == 1 else socket.AF_INET6, host[:4 if family == 1 else 16]), port


class Answer:
    def __init__(self, datagram, origin):
        values = attributes(datagram)
        self.origin = origin
        self.mapped = address(values.get(XOR_MAPPED), True) or address(values.get(MAPPED))
        self.said_origin = address(values.get(RESPONSE_ORIGIN)) or address(values.get(SOURCE))
        self.other = address(values.get(OTHER)) or address(values.get(CHANGED))


class Client(asyncio.DatagramProtocol):
    """One socket, and the requests that wait for their answers."""

    def __init__(self, dialect, patience):
        self.dialect, self.patience, self.waiting = dialect, patience, {}
        self.transport = None

    @classmethod
    async def open(cls, dialect, patience):
        client = cls(dialect, patience)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: client, local_addr=("0.0.0.0", 0))
        return client

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, origin):
        future = self.waiting.get(data[4:20])
        if future and not future.done() and data[:2] == b"\x01\x01":
            future.set_result(Answer(data, origin))

    async def ask(self, server, change=0, patience=None):
        """The answer to a Binding request; sent up to seven times (RFC 8489 section 6.2.1)."""
        transaction, datagram = request(self.dialect, change)
        future = asyncio.get_running_loop().create_future()
        self.waiting[transaction] = future
        end, wait = time.monotonic() + (patience or self.patience), 0.25
        try:
            while True:
                self.transport.sendto(datagram, server)
                left = end - time.monotonic()
                if left <= 0:
                    raise Silence(f"{server} did not answer with change flags {change}")
                try:
                    return await asyncio.wait_for(asyncio.shield(future), min(wait, left))
                except asyncio.TimeoutError:
                    wait = min(wait * 2, 4)
        finally:
            del self.waiting[transaction]

    def close(self):
        self.transport.close()


async def discover(server, dialect, patience, silence):
    """What is before this client, and what the answers show of the servers; raises `Silence` when one is missing.

    `silence` is how long an answer is waited for that a NAT may keep away.
    """
    found = {"server": "%s:%d" % server}
    mapping = await Client.open(dialect, patience)
    filtering = await Client.open(dialect, patience)
    try:
        first = await mapping.ask(server)
        other = first.other
        if not other:
            raise Silence(f"{server} names no other address")
        if other[0] == server[0]:
            raise Silence(f"{server} names itself as its other address")
        found["other"] = "%s:%d" % other
        second = await mapping.ask((other[0], server[1]))
        if second.mapped == first.mapped:
            found["mapping"] = "independent"
        else:
            third = await mapping.ask(other)
            found["mapping"] = "address" if third.mapped == second.mapped else "port"
        await filtering.ask(server)
        try:
            answer = await filtering.ask(server, CHANGE_BOTH, silence)
            found["filtering"] = "independent"
            found["answered by"] = "%s:%d" % answer.origin
            if answer.origin[0] == server[0]:
                raise Silence(f"{server} answered a change of address itself")
            if answer.mapped and answer.mapped[0] != first.mapped[0]:
                found["filtering"] = f"wrong mapped address {answer.mapped}"
        except Silence:
            if "filtering" in found:
                raise
            try:
                await filtering.ask(server, CHANGE_PORT, silence)
                found["filtering"] = "address"
            except Silence:
                found["filtering"] = "port"
    finally:
        mapping.close()
        filtering.close()
    return found


async def repeat(arguments, servers):
    end = time.monotonic() + arguments.seconds
    results, failures = collections.Counter(), []

    async def one_after_the_other(number):
        while time.monotonic() < end:
            server = servers[number % len(servers)]
            number += arguments.parallel
            began = time.monotonic()
            try:
                found = await discover(server, arguments.dialect, arguments.patience, arguments.silence)
                verdict = f"{found['mapping']}/{found['filtering']}"
            except Silence as silence:
                found, verdict = {"silence": str(silence)}, "silence"
            results[verdict] += 1
            if verdict != arguments.expect and len(failures) < 20:
                failures.append({**found, "verdict": verdict, "seconds": round(time.monotonic() - began, 1)})
            await asyncio.sleep(0.05)

    await asyncio.gather(*(one_after_the_other(number) for number in range(arguments.parallel)))
    print(json.dumps({"discoveries": sum(results.values()), "verdicts": results, "failures": failures}))
    return 1 if failures or not results else 0


def endpoint(text):
    host, _, port = text.partition(":")
    return host, int(port or 3478)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="+")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--expect", default="independent/independent")
    parser.add_argument("--dialect", choices=["rfc5780", "rfc3489"], default="rfc5780")
    parser.add_argument("--patience", type=float, default=39.5, help="seconds for an answer that must come")
    parser.add_argument("--silence", type=float, default=9.5, help="seconds for an answer that a NAT may keep away")
    arguments = parser.parse_args()
    servers = [endpoint(text) for text in arguments.servers]
    if arguments.seconds:
        sys.exit(asyncio.run(repeat(arguments, servers)))
    try:
        print(json.dumps(asyncio.run(discover(servers[0], arguments.dialect, arguments.patience, arguments.silence))))
    except Silence as silence:
        print(json.dumps({"silence": str(silence)}))
        sys.exit(1)


main()
