#!/usr/bin/env python3
"""Clients that give the console something to show.

  some         polite sources, odd ones and hostile ones
"""
import sys

import console_site
import console_stun
from console_stun import attribute, message


def main():
    parser = console_site.arguments(__doc__, KINDS)
    options = parser.parse_args()
    return console_site.run(KINDS[options.kind], options)


def some(options):
    failures = console_site.Failures()
    for number in range(12):
        client = console_stun.Client(options.stun, source=f"127.0.0.{1 + number}")
        for _ in range(3):
            failures.check(client.bind(), "no answer to a Binding request")
    client = console_stun.Client(options.stun)
    for text in console_stun.HOSTILE.values():
        client.send(message(console_stun.BINDING, attribute(console_stun.SOFTWARE, text)))
        console_stun.Client(options.stun).allocate(text, "wrong")
    for garbage in (b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\x00\x01\x00\x08" + bytes(16)):
        client.send(garbage)
    answer = console_stun.Client(options.stun).allocate("alice", "wonderland-of-the-tests")
    failures.check(answer and answer[:2] == b"\x01\x03", f"Allocate is answered with {answer!r}")
    return failures.end()


KINDS = {"some": some}

if __name__ == "__main__":
    sys.exit(main())
