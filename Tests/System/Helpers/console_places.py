#!/usr/bin/env python3
"""Where the console is, and for whom, while that changes.

  moves        SIGHUP with another http-port moves the console; live pages end when the password changes
  ports        (in a network namespace of its own) ports that are taken: 5068 and 1122, then none at all and 1027
"""
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import console_site
import console_stun
from console_site import Failures, Site, wait_for


def main():
    parser = console_site.arguments(__doc__, KINDS)
    parser.add_argument("--stund", help="the program")
    options = parser.parse_args()
    return console_site.run(KINDS[options.kind], options)


def moves(options):
    failures, path = Failures(), pathlib.Path(options.settings)
    url_file = pathlib.Path(options.settings + ".d/http.url")
    failures.check(url_file.read_text().strip() == options.url, f"http.url has {url_file.read_text()!r}")
    other = options.url
    # Another port, by the file and a signal.
    text = path.read_text()
    port = free_tcp_port()
    path.write_text(re.sub(r"(?m)^http-port:.*", f"http-port: {port}", text))
    live = Live(options.url)
    os.kill(options.process, signal.SIGHUP)
    other = f"http://127.0.0.1:{port}/"
    wait_for("the console at its new port", lambda: answers(other))
    failures.check(not answers(options.url), "the console still answers at its old port")
    failures.check(url_file.read_text().strip() == other, f"http.url has {url_file.read_text()!r}")
    live.expect_end("the console moved", failures)
    failures.check(console_stun.Client(options.stun).bind(), "STUN does not answer")
    # A password: who watches without one no longer does.
    live = Live(other)
    end = subprocess.run(
        [options.stund, "password", "--config", options.settings], capture_output=True, text=True,
        env={**os.environ, "STUND_HTTP_PASSWORD": "a password of the test"},
    )
    failures.check(end.returncode == 0, end.stdout + end.stderr)
    live.expect_end("a password was set", failures)
    # With a password it serves all addresses: until it has moved there, a connection may be cut.
    wait_for("the console serves all addresses", lambda: "127.0.0.1" not in url_file.read_text())
    wait_for("the console asks for a login", lambda: answers(other) == 303)
    # Another password ends the sessions of the first, and what they watch.
    site = Site(other)
    site.log_in("admin", "a password of the test")
    failures.check(site.get("/index.htm").status == 200, "no session")
    live = Live(other, site.cookie)
    subprocess.run(
        [options.stund, "password", "--config", options.settings], capture_output=True, text=True,
        env={**os.environ, "STUND_HTTP_PASSWORD": "another password of the test"},
    )
    live.expect_end("the password changed", failures)
    failures.check(site.get("/index.htm").status == 303, "a session outlives its password")
    return failures.end()


class Live:
    """An open live page: a stream of server-sent events."""

    def __init__(self, url, cookie=None):
        place = Site(url).url
        self.socket = socket.create_connection((place.hostname, place.port), 10)
        cookie = f"Cookie: {cookie}\r\n" if cookie else ""
        head = f"GET /live/index.htm HTTP/1.1\r\nHost: {place.netloc}\r\nAccept: text/event-stream\r\n{cookie}\r\n"
        self.socket.sendall(head.encode())
        self.data = b""
        self.socket.settimeout(15)
        while b"data:" not in self.data:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise RuntimeError(f"no live page: {self.data[:300]!r}")
            self.data += chunk
        self.ended = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while chunk := self.socket.recv(65536):
                if chunk.endswith(b"0\r\n\r\n"):
                    break
        except OSError as error:
            if isinstance(error, TimeoutError):
                return
        self.ended.set()

    def expect_end(self, why, failures):
        failures.check(self.ended.wait(15), f"{why}, and a live page goes on")
        self.socket.close()


def answers(url):
    try:
        return Site(url).get("/").status
    except OSError:
        return None


def free_tcp_port():
    """Below the ports that the kernel gives to clients."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def ports(options):
    """Starts servers of its own, in a namespace where nobody else has ports; --url is of no use here."""
    failures = Failures()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    taken = []

    def take(port):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", port))
        one.listen()
        taken.append(one)

    take(8000)
    started(options, failures, url="http://127.0.0.1:5068/", told=["5068", "8000"], code="1122")
    take(5068)
    started(options, failures, url="http://127.0.0.1:5069/", told=["5069", "8000"], code="1122")
    for port in range(5069, 5100):
        take(port)
    started(options, failures, url=None, told=["8000", "5068", "5099"], code="1027")
    return failures.end()


def started(options, failures, url, told, code):
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "log")
        path = pathlib.Path(folder, "stund.yaml")
        path.write_text(f"address: 127.0.0.1\nhttp-port: 8000\nlog-file: {log}\nlog-format: json\n")
        with open(f"{folder}/output", "wb") as output:
            process = subprocess.Popen([options.stund, "--no-daemon", "--config", path], stdout=output, stderr=output)
        try:
            wait_for("the start", lambda: b"try:" in pathlib.Path(folder, "output").read_bytes())
            text = pathlib.Path(folder, "output").read_text()
            line = next((line for line in log.read_text().splitlines() if code in line), "")
            failures.check(line and all(word in line for word in told), f"no {code} with {told}: {log.read_text()}")
            url_file = pathlib.Path(f"{path}.d/http.url")
            if url:
                failures.check(answers(url) == 200, f"no console at {url}")
                failures.check(url_file.read_text().strip() == url and url in text, f"{url} is not told: {text}")
            else:
                failures.check(not url_file.exists(), "http.url is there without a console")
            failures.check(console_stun.Client("127.0.0.1:3478").bind(), f"STUN does not answer ({code})")
        finally:
            process.terminate()
            failures.check(process.wait(10) == 0, "the server did not end well")


KINDS = {"moves": moves, "ports": ports}

if __name__ == "__main__":
    sys.exit(main())
