"""Connections that keep a server waiting (attacks row 39): a load that runs beside calls.

Of each five, one sends a byte a second of a request, one a byte a second of TLS's first message, one the first half of that and no
more, one nothing at all, and one asks and reads no answer. They come from 100 addresses, since one may have 512 by default, and
come again when they are closed.

  Benchmarks/slow.py PORT SECONDS [COUNT]
"""
import socket
import struct
import sys
import time

from bench import start_beside

COUNT, ADDRESSES = 5_000, 100
# Turns a second, and how many come anew in each until all are there.
TURNS, NEW = 100, 40
REQUEST = struct.pack("!HHIIQ", 0x0001, 0, 0x2112A442, 0x5EED, 1)
# A hello of TLS 1.2 with one cipher suite.
HELLO = bytes.fromhex("1603010031" "0100002d" "0303") + bytes(32) + bytes.fromhex("00" "0004c02fc02b" "0100" "0000")


class Slow:
    """One connection after another, in the place of the one that was closed."""

    def __init__(self, number, port):
        self.number, self.port = number, port
        self.kind = number % 5
        self.begin()

    def begin(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.bind((f"127.0.1.{1 + self.number % ADDRESSES}", 0))
        self.socket.connect_ex(("127.0.0.1", self.port))
        self.sent = 0

    def step(self):
        """Sends what is due; false when the server has closed it."""
        try:
            if self.kind == 4:
                self.socket.send(REQUEST * 50)
                return True
            text = [REQUEST, HELLO, HELLO[:20], b""][self.kind]
            if self.sent < len(text):
                self.sent += self.socket.send(text[self.sent:self.sent + 1] if self.kind < 2 else text)
            # Requests go on for ever.
            self.sent %= len(REQUEST) if self.kind == 0 else 1 << 16
            return self.socket.recv(64) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


def start(port, seconds, count=COUNT):
    """Has them run beside the caller; `finish_beside` says how many were open at the end."""
    return start_beside(__file__, port, seconds, count)


def main():
    port, seconds, count = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else COUNT
    end, all_, turn = time.monotonic() + seconds, [], 0
    while (began := time.monotonic()) < end:
        all_ += [Slow(number, port) for number in range(len(all_), min(count, len(all_) + NEW))]
        # Each has its turn once a second, and not all at the same time.
        for one in all_[turn::TURNS]:
            if not one.step():
                one.socket.close()
                one.begin()
        turn = (turn + 1) % TURNS
        time.sleep(max(0, began + 1 / TURNS - time.monotonic()))
    print(sum(one.step() for one in all_))


if __name__ == "__main__":
    main()
