#!/usr/bin/env python3
"""Rows 26 and 41 of attacks.md, from outside: what no HTTP client sends, written to the console's port byte by byte.

  requests     each must be answered with 4xx or nothing and an end; nothing may be answered with 5xx
  slow         a body of one byte a second, and headers of one byte a second, are not waited for
  idle         300 connections that say nothing do not keep a request waiting
  brake        five wrong passwords from one address: it waits, another address does not
"""
import base64
import random
import re
import socket
import subprocess
import sys
import threading
import time

import console_site
import console_stun
from console_site import Failures, Site

# What a person may have to wait for a page while others do their worst.
IN_TIME = 5.0


def main():
    parser = console_site.arguments(__doc__, KINDS)
    parser.add_argument("--stund", help="the program, for `stund log`")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    return console_site.run(KINDS[options.kind], options)


def connect(options, limit=10.0, source=None):
    url = Site(options.url).url
    return socket.create_connection((url.hostname, url.port), limit, source_address=(source, 0) if source else None)


def exchange(options, data, limit=10.0, ends=True):
    """What the server answers to raw bytes until it ends the connection or says nothing for `limit` seconds."""
    answer = b""
    with connect(options, limit) as connection:
        sender = threading.Thread(target=send, args=(connection, data))
        sender.start()
        try:
            while chunk := connection.recv(65536):
                answer += chunk
                if ends and complete(answer):
                    break
        except (TimeoutError, ConnectionError):
            pass
        connection.close()
        sender.join(limit)
    return answer


def send(connection, data):
    try:
        connection.sendall(data)
    except OSError:
        pass


def complete(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(length) and len(body) >= int(length[1])


def statuses(answer):
    return [int(code) for code in re.findall(rb"(?m)^HTTP/1\.[01] (\d{3})", answer)]


HOST = "Host: 127.0.0.1\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def get(path, *headers, method="GET"):
    return f"{method} {path} HTTP/1.1\r\n{HOST}{''.join(header + chr(13) + chr(10) for header in headers)}\r\n".encode(
        "latin-1"
    )


def requests_of(site):
    """Name -> bytes, and whether a good answer is allowed (what is odd but right)."""
    post = f"POST /login HTTP/1.1\r\n{HOST}{FORM}"
    bodies = {
        "length below zero": "Content-Length: -1\r\n\r\n",
        "length of 2^64": "Content-Length: 18446744073709551616\r\n\r\na=b",
        "length that is no number": "Content-Length: 0x10\r\n\r\na=b",
        "length with a plus": "Content-Length: +3\r\n\r\na=b",
        "two different lengths": "Content-Length: 3\r\nContent-Length: 30\r\n\r\na=b",
        "a list of lengths": "Content-Length: 3, 30\r\n\r\na=b",
        "length and chunks": "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "chunked nonsense": "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "chunk below zero": "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        "chunk of 2^64": "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc\r\n0\r\n\r\n",
        "chunked twice": "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "unknown transfer coding": "Transfer-Encoding: xyzzy\r\n\r\nabc",
        "body of 1 MiB": f"Content-Length: 1048576\r\n\r\n{'a' * 1048576}",
        "chunks of 1 MiB": f"Transfer-Encoding: chunked\r\n\r\n100000\r\n{'a' * 1048576}\r\n0\r\n\r\n",
        "2,000 fields": f"Content-Length: {2000 * 4 - 1}\r\n\r\n{'&'.join(['a=b'] * 2000)}",
        "percent without digits": "Content-Length: 8\r\n\r\nname=%zz",
        "bytes that are no UTF-8": "Content-Length: 12\r\n\r\nname=%ff%fe%",
    }
    found = {name: ((post + body).encode(), False) for name, body in bodies.items()}
    found |= {
        "header line of 1 MiB": (get("/", f"X-Long: {'a' * 1048576}"), False),
        "10,000 headers": (get("/", *[f"X-{number}: a" for number in range(10_000)]), False),
        "request line of 1 MiB": (get("/" + "a" * 1048576), False),
        "headers without an end": (f"GET / HTTP/1.1\r\n{HOST}".encode() + b"X: y\r\n" * 200_000, False),
        "header without a name": (get("/", ": y"), False),
        "header with a line break in it": (get("/", "X: a\rb"), False),
        "folded header": (get("/", "X: a\r\n b"), True),
        "NUL in a header": (get("/", "X: a\0b"), False),
        "NUL in the path": (get("/\0"), False),
        "no Host": (b"GET / HTTP/1.1\r\n\r\n", False),
        "two Hosts": (get("/", "Host: 192.0.2.1"), True),
        "another Host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", False),
        "Host with a user": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1@evil.example\r\n\r\n", False),
        "HTTP/9.9": (b"GET / HTTP/9.9\r\n\r\n", False),
        "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", False),
        "garbage": (random.Random(41).randbytes(4096) + b"\r\n\r\n", False),
        "zeros": (bytes(4096), False),
        "TLS ClientHello": (CLIENT_HELLO, False),
        "a STUN request": (console_stun.message(console_stun.BINDING) + b"\r\n\r\n", False),
        "absolute form": (get("http://evil.example/"), True),
        "another scheme": (get("file:///etc/passwd"), False),
        "CONNECT": (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", False),
        "TRACE": (get("/", "Cookie: stund_session=x", method="TRACE"), False),
        "unknown method": (get("/", method="BREW"), False),
        "no path": (get(""), False),
        "star": (get("*", method="OPTIONS"), False),
        "upgrade": (get("/", "Connection: Upgrade", "Upgrade: websocket"), True),
        "Expect": (get("/", "Expect: 100-continue"), True),
        "range": (get("/", "Range: bytes=0-99999999999999999999"), True),
        "cookie of 32 kB": (get("/", f"Cookie: stund_session={'a' * 32768}"), True),
        "cookies without an end": (get("/", f"Cookie: {';'.join(['a=b'] * 5000)}"), True),
        "query of 64 kB": (get(f"/stat.htm?search={'a' * 65536}"), True),
        "query of 2,000 fields": (get(f"/stat.htm?{'&'.join(['a=b'] * 2000)}"), False),
        "query with a bare percent": (get("/stat.htm?search=%"), False),
        "query that is no UTF-8": (get("/stat.htm?search=%c0%af"), False),
        "query with NUL": (get("/stat.htm?search=%00"), True),
        "bearer of 8 kB": (get("/", f"Authorization: Bearer {'a' * 8192}"), False),
        "bearer of nothing": (get("/", "Authorization: Bearer "), False),
        "basic that is no base64": (get("/", "Authorization: Basic !!!!"), False),
        "basic without a colon": (get("/", f"Authorization: Basic {base64.b64encode(b'admin').decode()}"), False),
        "basic with NUL": (get("/", f"Authorization: Basic {base64.b64encode(bytes(1) + b':b').decode()}"), False),
        "unknown authorization": (get("/", "Authorization: Digest username=admin"), False),
        "numbers beyond all bounds": (get("/stat.htm?page=99999999999999999999&offset=-9223372036854775808"), True),
        "numbers at their bounds": (get("/stat.htm?page=9223372036854775807&offset=9223372036854775807"), True),
        "log level beyond all bounds": (get("/log.htm?level=99999999999999999999&code=-1"), True),
        "API limit at its bounds": (get("/api/v1/statistics?limit=99999999999&offset=9223372036854775807"), True),
        "API offset below zero": (get("/api/v1/statistics?limit=-1&offset=-9223372036854775808"), True),
    }
    for path in (
        "/assets/x/../../etc/passwd", "/assets/../../../../etc/passwd", "/assets/x/..%2f..%2fetc%2fpasswd",
        "/assets/x/%2e%2e/%2e%2e/etc/passwd", "/assets/x//etc/passwd", "/assets/x/....//etc/passwd",
        "/assets/x/console.css%00.js", "/assets/x/%00", "/assets/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "/assets/x/..\\..\\etc\\passwd", "/assets/x/stund.yaml", "/assets/x/common.en.txt", "/assets/x/layout.mustache",
        "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/help.htm/../../../etc/passwd",
        "/stat%00.htm", "/stat.htm%00", "/%c0%af", "/%ff%fe", "/%", "/%zz", "//evil.example/", "/\\evil.example",
        "/stat_xx.htm", "/STAT.HTM;a=b", "/live/../admin.htm", "/api/v1/../../etc/passwd", "/api/v1/%2e%2e/%2e%2e/",
    ):
        found[f"path {path}"] = (get(path), False)
    for template in ("/help.htm?document=../../../etc/passwd", "/help.htm?code=-1", "/help.htm?page=%2fetc%2fpasswd",
                     "/login?next=//evil.example", "/login?next=javascript:alert(1)", "/login?next=%0d%0aX:y"):
        found[f"path {template}"] = (get(template), True)
    return found


# A TLS 1.2 ClientHello, as a browser sends it that was told https.
CLIENT_HELLO = bytes.fromhex("16030100a5010000a10303") + bytes(range(32)) + bytes.fromhex(
    "00001cc02bc02fc02cc030cca9cca8c013c014009c009d002f0035000a01000060"
) + bytes(96)


def requests(options):
    failures, site = Failures(), Site(options.url)
    for name, (data, may_work) in requests_of(site).items():
        began = time.monotonic()
        answer = exchange(options, data, limit=3.0 if name == "headers without an end" else 8.0)
        codes = statuses(answer)
        told = f"{name}: {codes} {answer[:120]!r} after {time.monotonic() - began:.1f} s"
        failures.check(not any(code >= 500 for code in codes), told)
        failures.check(may_work or all(code >= 300 for code in codes), told)
        failures.check(b"root:" not in answer and b"evil.example/" not in location(answer), f"{name}: {answer[:300]!r}")
        failures.check(b"\r\nX:" not in answer.partition(b"\r\n\r\n")[0], f"{name}: a header was injected")
        # With no answer at all the connection must have ended by itself.
        failures.check(codes or time.monotonic() - began < 8.0, f"{name}: no answer and no end")
        lives(options, failures, name)
    return failures.end(requests=len(requests_of(site)))


def location(answer):
    found = re.search(rb"(?i)\r\nlocation: ([^\r]*)", answer)
    return found[1] if found else b""


def lives(options, failures, after):
    """The console answers its health page or its first page, and STUN answers."""
    try:
        answer = Site(options.url).get("/healthz")
        if answer.status == 404:
            answer = Site(options.url).ask("GET", "/", follow=True)
        failures.check(answer.status == 200, f"after {after}: the console answers {answer.status}")
    except OSError as error:
        failures.check(False, f"after {after}: the console does not answer: {error}")
    answer = console_stun.Client(options.stun).bind()
    failures.check(answer is not None and answer[:2] == b"\x01\x01", f"after {after}: STUN does not answer")


def slow(options):
    failures = Failures()
    heads = {
        "body": f"POST /login HTTP/1.1\r\n{HOST}{FORM}Content-Length: 1000\r\n\r\n".encode(),
        "chunk": f"POST /login HTTP/1.1\r\n{HOST}{FORM}Transfer-Encoding: chunked\r\n\r\n3e8\r\n".encode(),
        "header": f"GET / HTTP/1.1\r\n{HOST}X: ".encode(),
        "request line": b"GET /",
        "nothing": b"",
        # These are not wrong yet: what was announced may still come.
        "body of 2^63 bytes": f"POST /login HTTP/1.1\r\n{HOST}{FORM}Content-Length: {1 << 63}\r\n\r\na".encode(),
        "request of HTTP/0.9": b"GET /\r\n",
    }
    silent = ("nothing", "request of HTTP/0.9")
    ends = {}

    def drip(name, head):
        began = time.monotonic()
        with connect(options, 1.0) as connection:
            try:
                connection.sendall(head)
                while time.monotonic() - began < 60:
                    if name not in silent:
                        connection.sendall(b"a")
                    try:
                        if not connection.recv(65536):
                            break
                    except TimeoutError:
                        pass
            except OSError:
                pass
        ends[name] = time.monotonic() - began

    threads = [threading.Thread(target=drip, args=item) for item in heads.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, seconds in ends.items():
        failures.check(seconds < 45, f"{name}, one byte a second, was waited for {seconds:.0f} s")
    lives(options, failures, "slow requests")
    return failures.end(seconds={name: round(seconds) for name, seconds in ends.items()})


def idle(options):
    failures, held, took = Failures(), [], []
    try:
        for number in range(300):
            held.append(connect(options))
            if number % 2:
                held[-1].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        for _ in range(5):
            began = time.monotonic()
            lives(options, failures, "300 idle connections")
            took.append(time.monotonic() - began)
        failures.check(max(took) < IN_TIME, f"a request took {max(took):.1f} s beside 300 idle connections")
    finally:
        for connection in held:
            connection.close()
    return failures.end(seconds=round(max(took or [0]), 2))


def basic(password):
    return {"Authorization": "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()}


def brake(options):
    """--password is the right one of the user admin."""
    failures = Failures()
    one, other = Site(options.url), Site(options.url, source="127.0.0.2")
    for attempt in range(5):
        answer = one.log_in("admin", f"wrong {attempt}", follow=False)
        failures.check(answer.status == 401, f"a wrong password is answered with {answer.status}")
    answer = one.log_in("admin", options.password, follow=False)
    failures.check(answer.status == 429, f"after five wrong ones the right password is answered with {answer.status}")
    text = answer.document.text
    failures.check(re.search(r"\b\d+ s\b", text), f"nothing tells how long to wait: {text}")
    right = basic(options.password)
    answer = one.ask("GET", "/", **right)
    failures.check(answer.status == 429, f"Basic is answered with {answer.status} while the form waits")
    wait = int(answer.header("Retry-After") or 0)
    failures.check(0 < wait <= 31, f"Retry-After says {answer.header('Retry-After')!r}")
    forwarded = one.ask("GET", "/", **right, X_Forwarded_For="192.0.2.77", Forwarded="for=192.0.2.77")
    failures.check(forwarded.status == 429, f"X-Forwarded-For opens the brake: {forwarded.status}")
    answer = other.log_in("admin", options.password, follow=False)
    failures.check(answer.status == 303 and other.cookie, f"the second address is answered with {answer.status}")
    failures.check(other.ask("GET", "/", follow=True).status == 200, "the second address does not get in")
    for flag in ("HttpOnly", "SameSite=Strict", "Path=/"):
        failures.check(flag in answer.header("Set-Cookie"), f"the cookie lacks {flag}")
    log = subprocess.run([options.stund, "log", "--config", options.settings], capture_output=True, text=True).stdout
    refused = [line for line in log.splitlines() if "refused" in line and "127.0.0.1" in line]
    failures.check(len(refused) >= 5, f"the log tells of {len(refused)} refused logins: {log[-600:]}")
    failures.check("wrong 0" not in log and options.password not in log, "the log has a password")
    lives(options, failures, "wrong passwords")
    return failures.end()


KINDS = {"requests": requests, "slow": slow, "idle": idle, "brake": brake}

if __name__ == "__main__":
    sys.exit(main())
