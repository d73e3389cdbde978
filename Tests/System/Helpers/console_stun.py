"""STUN and TURN messages as bytes (RFC 8489, RFC 8656), among them those that nobody sends who means well."""
import hashlib
import hmac
import os
import socket
import struct
import zlib

COOKIE = 0x2112A442
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, REALM, NONCE = 0x0006, 0x0008, 0x0009, 0x0014, 0x0015
REQUESTED_TRANSPORT, SOFTWARE, ALTERNATE_DOMAIN, ORIGIN, FINGERPRINT = 0x0019, 0x8022, 0x8003, 0x802F, 0x8028
BINDING, ALLOCATE = 0x0001, 0x0003
# The attributes that carry text which somebody may show.
TEXTS = {"USERNAME": USERNAME, "REALM": REALM, "NONCE": NONCE, "SOFTWARE": SOFTWARE, "ORIGIN": ORIGIN,
         "ALTERNATE-DOMAIN": ALTERNATE_DOMAIN}


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(kind, *attributes, transaction=None):
    body = b"".join(attributes)
    return struct.pack(">HHI", kind, len(body), COOKIE) + (transaction or os.urandom(12)) + body


def with_fingerprint(kind, *attributes):
    plain = message(kind, *attributes)
    long = plain[:2] + struct.pack(">H", len(plain) - 20 + 8) + plain[4:]
    return long + struct.pack(">HHI", FINGERPRINT, 4, zlib.crc32(long) ^ 0x5354554E)


def with_integrity(kind, key, *attributes):
    plain = message(kind, *attributes)
    long = plain[:2] + struct.pack(">H", len(plain) - 20 + 24) + plain[4:]
    return long + attribute(MESSAGE_INTEGRITY, hmac.new(key, long, hashlib.sha1).digest())


def attributes_of(answer):
    found, at = {}, 20
    while at + 4 <= len(answer):
        kind, length = struct.unpack_from(">HH", answer, at)
        found.setdefault(kind, answer[at + 4 : at + 4 + length])
        at += 4 + length + (-length % 4)
    return found


class Client:
    def __init__(self, server, source="127.0.0.1"):
        host, port = server.rsplit(":", 1)
        self.server = (host, int(port))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.settimeout(3)

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def send(self, datagram):
        self.socket.sendto(datagram, self.server)

    def ask(self, datagram):
        self.send(datagram)
        try:
            return self.socket.recv(65536)
        except TimeoutError:
            return None

    def bind(self):
        return self.ask(message(BINDING))

    def allocate(self, user, password, *more):
        """Allocate by the long-term mechanism; the answer to the request with credentials."""
        transport = attribute(REQUESTED_TRANSPORT, bytes([17, 0, 0, 0]))
        challenge = self.ask(message(ALLOCATE, transport))
        if challenge is None:
            return None
        told = attributes_of(challenge)
        realm, nonce = told.get(REALM, b""), told.get(NONCE, b"")
        user = user if isinstance(user, bytes) else user.encode()
        key = hashlib.md5(user + b":" + realm + b":" + password.encode()).digest()
        return self.ask(with_integrity(
            ALLOCATE, key, transport, *more, attribute(USERNAME, user), attribute(REALM, realm), attribute(NONCE, nonce)
        ))


# What somebody writes into a name to make whoever shows it do something: each with a mark of its own to be found by.
HOSTILE = {
    "script": b"m01<script>document.title='broken'</script>",
    "image": b"m02\"><img src=x onerror=document.title='broken'>",
    "attribute": b"m03' onmouseover='document.title=1",
    "comment": b"m04--></textarea></title></style><b id=broken>",
    "mustache": b"m05{{{t.skip}}}{{/m}}{{>layout}}",
    "sql": b"m06'; DROP TABLE users; -- \" OR 1=1",
    "format": b"m07%s%n%x%1$s%08x%%\\x00",
    "terminal": b"m08\x1b[2J\x1b]0;title\x07\x9b31m",
    "lines": b"m09\r\n[0] Tue Nov 24 2026: forged line\r\nX: y",
    "nul": b"m10\x00after",
    "utf8": b"m11\xc0\xaf\xff\xfe\xed\xa0\x80",
    "direction": "m12\u202egnp.exe\u2066\u200b\ufeff".encode(),
    "csv": b"m13=cmd|' /C calc'!A0,\"x\"",
    "entity": b"m14&lt;b&gt;&#x41;&amp;",
    "json": b"m15\\u003c\\\"}],{\"a\":\"</script>\"",
}
