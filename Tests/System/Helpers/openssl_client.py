#!/usr/bin/env python3
"""`openssl s_client` asks a Binding request over TLS: handshake, ALPN, and the answer that comes through the pipe.

Writes one line of JSON: what openssl says of the session, and the answer as hexadecimal digits.
"""
import argparse
import json
import os
import re
import select
import subprocess
import sys
import time

COOKIE = bytes.fromhex("2112a442")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="address:port")
    parser.add_argument("--trust", required=True, help="the file with the certificate that is trusted")
    parser.add_argument("--limit", type=float, default=20)
    parser.add_argument("more", nargs="*", help="further options of s_client, behind --")
    options = parser.parse_args()
    transaction = os.urandom(12)
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", options.server, "-CAfile", options.trust, "-verify_return_error",
         *options.more],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    process.stdin.write(b"\x00\x01\x00\x00" + COOKIE + transaction)
    process.stdin.flush()
    try:
        told = read(process.stdout, COOKIE + transaction, time.monotonic() + options.limit)
    finally:
        process.kill()
        process.wait()
    text = told.decode("latin-1")
    found = lambda pattern: (re.findall(pattern, text) or [None])[0]  # noqa: E731
    at = told.find(COOKIE + transaction)
    length = int.from_bytes(told[at - 2:at], "big") if at >= 4 else 0
    answer = told[at - 4:at + 16 + length] if at >= 4 else b""
    print(json.dumps({
        "ok": bool(answer), "answer": answer.hex(), "alpn": found(r"ALPN protocol: (\S+)"),
        "version": found(r"New, (\S+), Cipher"), "verified": found(r"Verify return code: (\d+)"),
        "told": "" if answer else text[-2000:],
    }), flush=True)
    return 0 if answer else 1


def read(pipe, mark, deadline):
    """What openssl writes, until a whole message with this cookie and transaction is in it, or its end."""
    told = b""
    while (left := deadline - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
        data = os.read(pipe.fileno(), 65536)
        told += data
        at = told.find(mark)
        if not data or at >= 4 and len(told) >= at + 16 + int.from_bytes(told[at - 2:at], "big"):
            break
    return told


if __name__ == "__main__":
    sys.exit(main())
