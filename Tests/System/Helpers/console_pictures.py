#!/usr/bin/env python3
"""Pictures of the console for the documents: a server with the traffic of a busy minute, among addresses of nobody.

Scripts/screenshots starts it in namespaces of its own (network, mounts, host name), so that no address, path or name of
this machine is on any picture: addresses are those of RFC 5737.

  console_pictures.py --stund PROGRAM --into FOLDER [--seconds 1200]
"""
import argparse
import base64
import contextlib
import math
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib

import console_stun
from console_site import Site, wait_for
from console_stun import attribute, message

HOME, SERVER, SECOND, VISITOR = "/srv/stund", "192.0.2.10", "192.0.2.11", "198.51.100.88"
CLIENTS = [f"198.51.100.{number}" for number in (4, 7, 19, 23, 42, 58, 77, 101, 130, 164, 201, 233)]
PEERS = ["203.0.113.5", "203.0.113.9"]
SETTINGS = f"""# The server of the documents.
address: {SERVER}
second-address: {SECOND}
http-address: {SERVER}
http-port: 8080
relay-address: {SERVER}
realm: example.org
turn-users: alice:wonderland bob:builder
turn-secrets: shared-secret-of-the-documents
allow-peers: 203.0.113.0/24 198.51.100.0/24 192.0.2.0/24
rfc5766-channels: on
log-level: 8
log-file: {HOME}/log
"""
URL, PASSWORD = f"http://{SERVER}:8080/", "password of the documents"
LOGIN = {"Authorization": "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()}
# Page, name of the picture, colour scheme, height in pixels.
PICTURES = [
    ("/index_en.htm", "overview", "light", 1000), ("/index_en.htm", "overview-dark", "dark", 1000),
    ("/stat_en.htm", "statistics", "light", 800), ("/alloc_en.htm?sort=bytes", "allocations", "light", 700),
    ("/test_en.htm", "test", "light", 900), ("/admin_en.htm", "setup", "light", 900),
    ("/users_en.htm", "users", "light", 900), ("/explain_en.htm?subject=mallory", "explain", "light", 700),
    ("/log_en.htm", "log", "light", 900),
]
LARGEST = 150_000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stund", required=True)
    parser.add_argument("--into", required=True)
    parser.add_argument("--seconds", type=float, default=1200, help="how long there is traffic")
    options = parser.parse_args()
    prepare()
    with server(options), traffic() as clients:
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            clients.go_on()
        take(options, clients)
    return 0


def prepare():
    """Addresses, host name and a folder that this process's namespaces alone have."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in [SERVER, SECOND, *CLIENTS, *PEERS]:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    # A browser's calls use the network of the default route.
    subprocess.run(["ip", "link", "add", "outside", "type", "veth", "peer", "name", "beyond"], check=True)
    for link in ("outside", "beyond"):
        subprocess.run(["ip", "link", "set", link, "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{VISITOR}/24", "dev", "outside"], check=True)
    subprocess.run(["ip", "route", "add", "default", "dev", "outside"], check=True)
    subprocess.run(["hostname", "turn.example.org"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/srv"], check=True)
    os.mkdir(HOME, 0o700)
    pathlib.Path(HOME, "stund.yaml").write_text(SETTINGS)
    os.chmod(f"{HOME}/stund.yaml", 0o600)


@contextlib.contextmanager
def server(options):
    environment = {"PATH": os.environ["PATH"], "HOME": HOME, "TZ": "UTC", "STUND_HTTP_PASSWORD": PASSWORD}
    place = ["--config", f"{HOME}/stund.yaml"]
    # Under the name by which people call it.
    program = shutil.copy(options.stund, f"{HOME}/stund")
    subprocess.run([program, "password", *place], env=environment, check=True, stdout=subprocess.DEVNULL)
    del environment["STUND_HTTP_PASSWORD"]
    process = subprocess.Popen(
        [program, "--no-daemon", *place], env=environment, cwd=HOME, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for("the console", lambda: is_open(process))
        yield
    finally:
        # SIGTERM would let it wait for the calls.
        process.send_signal(signal.SIGINT)
        process.wait(20)


def is_open(process):
    if process.poll() is not None:
        raise RuntimeError("the server does not start")
    try:
        return Site(URL).get("/login").status == 200
    except OSError:
        return False


class Traffic:
    """What a server in the Internet sees: many kinds of clients, some calls, some who guess."""

    def __init__(self):
        self.chance = random.Random(5389)
        self.calls, self.began, self.over = [], time.monotonic(), False
        self.polite = [console_stun.Client(f"{SERVER}:3478", source=one) for one in CLIENTS]

    def go_on(self):
        software = [b"Firefox", b"libjingle 1.0", b"Asterisk PBX 20", b"pjnath 2.14", b"Jitsi 2.11", b"Zoom"]
        for client in self.polite:
            roll = self.chance.random()
            if roll < 0.5:
                name = attribute(console_stun.SOFTWARE, self.chance.choice(software))
                client.ask(console_stun.with_fingerprint(console_stun.BINDING, name))
            elif roll < 0.7:
                client.ask(b"\0\1\0\0" + self.chance.randbytes(16))  # RFC 3489: no cookie
            elif roll < 0.8:
                client.send(message(console_stun.BINDING, attribute(0x0003, struct.pack(">I", 2))))
            elif roll < 0.84:
                source = client.socket.getsockname()[0]
                console_stun.Client(f"{SERVER}:3478", source=source).allocate("mallory", "guess")
            elif roll < 0.86:
                client.send(self.chance.randbytes(40))
            time.sleep(self.chance.uniform(0.0, 0.2) / self.most)
        self.calls = [one for one in self.calls if one.poll() is None]
        self.tidy()
        # Busier and quieter by turns.
        if not self.over and len(self.calls) < self.most and self.chance.random() < 0.5:
            self.call()

    @property
    def most(self):
        return 2 + round(3 * abs(math.sin((time.monotonic() - self.began) / 240)))

    def tidy(self):
        """turnutils_uclient begins with an allocation that it does not use and leaves behind."""
        site = Site(URL)
        for session in site.ask("GET", "/api/v1/sessions", Accept="application/json", **LOGIN).json()["rows"]:
            if not session["permissions"] and session["age"] > 5:
                site.ask("DELETE", f"/api/v1/sessions/{session['id']}", Accept="application/json", **LOGIN)

    def end_calls(self):
        for process in self.calls:
            process.kill()
            process.wait()
        self.calls, self.over = [], True

    def call(self):
        """One relayed call of half a minute, between two of its own clients or to a peer that sends back."""
        client, peer = self.chance.choice(CLIENTS), self.chance.choice(PEERS)
        user, word = self.chance.choice([("alice", "wonderland"), ("bob", "builder")])
        self.calls.append(subprocess.Popen(
            ["turnutils_uclient", "-u", user, "-w", word, "-L", client, "-e", peer, "-r", "3480", "-c", "-n", "1500",
             "-z", "20", "-l", str(self.chance.choice([160, 320, 900])), SERVER],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ))


@contextlib.contextmanager
def traffic():
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    peers = [subprocess.Popen(["turnutils_peer", "-L", peer, "-p", "3480"], **quiet) for peer in PEERS]
    clients = Traffic()
    try:
        yield clients
    finally:
        for process in clients.calls + peers:
            process.kill()
            process.wait()


def take(options, clients):
    from playwright.sync_api import sync_playwright

    into, taken = pathlib.Path(options.into), {}
    into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--allow-loopback-in-peer-connection"],
        )
        for path, name, scheme, height in PICTURES:
            context = browser.new_context(
                base_url=URL, color_scheme=scheme, locale="en",
                viewport={"width": 1280, "height": height},
            )
            page = context.new_page()
            page.goto(f"/login?next={path.replace('?', '%3F').replace('=', '%3D')}")
            page.fill("[name='name']", "admin")
            page.fill("[name='password']", PASSWORD)
            with page.expect_navigation():
                page.click("main button")
            if name == "log":
                clients.end_calls()  # Their packets would be all there is to see.
            clients.go_on()
            if name == "test":
                page.locator("main button").first.click()
                page.locator("main", has_text=re.compile(r"\bpassed\b", re.I)).wait_for(timeout=60_000)
            page.wait_for_timeout(2500)
            taken[name] = page.screenshot()
            context.close()
        browser.close()
    for name, picture in taken.items():
        picture = squeeze(picture)
        if len(picture) > LARGEST:
            raise RuntimeError(f"{name}.png has {len(picture)} bytes")
        (into / f"{name}.png").write_bytes(picture)
        print(f"{name}.png: {len(picture)} bytes", flush=True)


# PNG (RFC 2083)


def squeeze(data):
    """The same picture with a palette, when 256 colours are enough for it, or nearly; packed as tightly as zlib can."""
    width, height, rows = read_png(data)
    pixels = [rows[at : at + 3] for at in range(0, len(rows), 3)]
    counts = {}
    for pixel in pixels:
        counts[pixel] = counts.get(pixel, 0) + 1
    palette = sorted(counts, key=counts.get, reverse=True)[:256]
    number = {color: index for index, color in enumerate(palette)}
    for color in counts:
        if color not in number:
            number[color] = min(range(len(palette)), key=lambda index: distance(color, palette[index]))
    flat = bytes(number[pixel] for pixel in pixels)
    lines = b"".join(b"\0" + flat[at : at + width] for at in range(0, len(flat), width))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, body) for kind, body in (
            (b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
        )
    )


def distance(one, other):
    return sum((a - b) ** 2 for a, b in zip(one, other))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def read_png(data):
    """Width, height and the bytes of red, green and blue of a picture of 8 bits a colour, as browsers make them."""
    at, packed, kind = 8, b"", None
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if name == b"IHDR":
            width, height, depth, kind = struct.unpack_from(">IIBB", body)
            if depth != 8 or kind not in (2, 6):
                raise ValueError("a picture of another kind")
        elif name == b"IDAT":
            packed += body
        at += 12 + length
    step = 3 if kind == 2 else 4
    raw, stride, before, rows = zlib.decompress(packed), width * step, bytearray(width * step), bytearray()
    for line in range(height):
        begin = line * (stride + 1)
        before = unfilter(raw[begin], bytearray(raw[begin + 1 : begin + 1 + stride]), before, step)
        for pixel in range(0, stride, step):
            rows += before[pixel : pixel + 3]
    return width, height, bytes(rows)


def unfilter(kind, line, before, step):
    for at in range(len(line)):
        left, up = (line[at - step] if at >= step else 0), before[at]
        corner = before[at - step] if at >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        elif kind == 4:
            first = left + up - corner
            guess = min((left, up, corner), key=lambda value: abs(first - value))
        else:
            guess = 0
        line[at] = (line[at] + guess) & 255
    return line


if __name__ == "__main__":
    sys.exit(main())
