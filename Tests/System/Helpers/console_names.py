#!/usr/bin/env python3
"""Row 26 of attacks.md: what strangers write, and what nobody may read, on every page, in downloads, API and log.

  names        every STUN text attribute with hostile bytes, sent to the STUN port: shown as they are, nowhere a part of
               the page
  secrets      every form that takes or makes a secret is used; then none of them is found anywhere (--secret, repeated)
"""
import base64
import pathlib
import re
import subprocess
import sys
import time

import console_site
import console_stun
from console_attacks import basic, lives
from console_site import Failures, Site


def main():
    parser = console_site.arguments(__doc__, KINDS)
    parser.add_argument("--stund", help="the program, for `stund log`")
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("--log", help="the server's log file")
    options = parser.parse_args()
    return console_site.run(KINDS[options.kind], options)


def hostile_datagrams(options):
    """(what it is, datagram): each text in each attribute, alone and with proof of identity, near 64 kB too."""
    user = console_stun.attribute(console_stun.USERNAME, b"alice")
    for name, text in console_stun.HOSTILE.items():
        for attribute, kind in console_stun.TEXTS.items():
            value = console_stun.attribute(kind, text)
            yield f"{name} in {attribute}", console_stun.message(console_stun.BINDING, value)
            more = [value] if kind == console_stun.USERNAME else [user, value]
            yield f"{name} in {attribute} of Allocate", console_stun.with_integrity(
                console_stun.ALLOCATE, b"0" * 16,
                console_stun.attribute(console_stun.REQUESTED_TRANSPORT, bytes([17, 0, 0, 0])), *more
            )
    # RFC 8489 bounds them at 763 bytes and less; UDP takes 65,507.
    for size in (500, 763, 1400, 9000, 65_000):
        for attribute, kind in console_stun.TEXTS.items():
            text = f"long{size}<script>".encode() + b"\xc3\xa4" * ((size - 14) // 2)
            value = console_stun.attribute(kind, text)
            yield f"{size} bytes in {attribute}", console_stun.message(console_stun.BINDING, value)


def names(options):
    failures = Failures()
    client = console_stun.Client(options.stun)
    for number, (what, datagram) in enumerate(hostile_datagrams(options)):
        client.send(datagram)
        if number % 16 == 15:
            failures.check(console_stun.Client(options.stun).bind() is not None, f"no answer after {what}")
    # A name that the server authenticates far enough to explain: right nonce and realm, hostile user.
    for text in console_stun.HOSTILE.values():
        console_stun.Client(options.stun).allocate(text, "wrong", console_stun.attribute(console_stun.SOFTWARE, text))
    lives(options, failures, "the corpus")
    time.sleep(1.0)  # The log's thread and the live pages take what workers told them.
    site = Site(options.url)
    shown = {}
    for path, first in site.pages().items():
        answer = site.get(path)
        if not failures.check(answer.status == 200, f"{path}: {answer.status}"):
            continue
        look_for_marks(path, answer, shown, failures)
    for path in extra_paths(site):
        answer = site.ask("GET", path, Accept="*/*")
        # 400: what cannot be asked without a query, such as whom to explain.
        failures.check(answer.status in (200, 400, 404), f"{path}: {answer.status}")
        if answer.status == 200:
            look_for_marks(path, answer, shown, failures)
    for name in ("stat", "explain", "log", "alloc"):
        for text in console_stun.HOSTILE.values():
            search = "".join(f"%{byte:02x}" for byte in text.decode("utf-8", "replace").encode())
            for field in ("search", "subject", "user", "peer", "q"):
                answer = site.get(f"/{name}.htm?{field}={search}")
                if answer.status == 404:
                    continue
                failures.check(answer.status < 500, f"/{name}.htm?{field}={text!r}: {answer.status}")
                look_for_marks(f"/{name}.htm?{field}", answer, shown, failures)
    command = [options.stund, "log", "--config", options.settings]
    log = subprocess.run(command, capture_output=True).stdout
    look_for_text("stund log", log, failures)
    if options.log:
        look_for_text("the log file", pathlib.Path(options.log).read_bytes(), failures)
    expected = {"script", "image", "sql", "format", "mustache"}
    missing = expected - set(shown)
    failures.check(not missing, f"no page shows {sorted(missing)}: the test looked at nothing")
    return failures.end(shown={name: sorted(paths)[:6] for name, paths in shown.items()})


def extra_paths(site):
    """What programs read: the addresses of the API's description, and downloads."""
    paths = ["/api/v1/statistics.csv", "/api/v1/log.txt", "/stat.csv", "/log.txt", "/metrics"]
    answer = site.api("/openapi.json")
    if answer.status == 200:
        for path, methods in answer.json()["paths"].items():
            if "get" in methods and "{" not in path:
                paths.append(path if path.startswith("/api") else "/api/v1" + path)
    return paths


def look_for_marks(path, answer, shown, failures):
    kind = answer.header("Content-Type")
    if "event-stream" in kind:
        return
    if not failures.check(answer.header("X-Content-Type-Options") == "nosniff", f"{path}: no nosniff"):
        return
    try:
        text = answer.text
    except UnicodeDecodeError as error:
        failures.check(False, f"{path}: is no UTF-8: {error}")
        return
    if "text/html" in kind:
        document = answer.document
        look_at_elements(path, document, failures)
        visible = document.text + " ".join(value or "" for one in document.all() for value in one.attributes.values())
        for name, hostile in console_stun.HOSTILE.items():
            if hostile.decode("latin-1") in visible:
                shown.setdefault(name, set()).add(path)
        # A field of the form goes on having what was typed into it.
        told = document.text if "?" in path else visible
        for character in "\x1b\x07\x00\x9b\u202e\u2066":
            failures.check(character not in told, f"{path}: shows the character {character!r} as it is")
    elif "json" in kind:
        try:
            answer.json()
        except ValueError as error:
            failures.check(False, f"{path}: is no JSON: {error}")
    elif "csv" in kind:
        cells = re.findall(r'(?:^|,|\n)"?([=+@-])', text)
        failures.check(not cells, f"{path}: a spreadsheet would calculate a cell")
    else:
        look_for_text(path, answer.body, failures)


def look_at_elements(path, document, failures):
    for element in document.all():
        handlers = [name for name in element.attributes if name.startswith("on")]
        failures.check(not handlers, f"{path}: an element got {handlers}")
        failures.check(element["id"] != "broken", f"{path}: an element was made")
        failures.check(element["src"] != "x", f"{path}: a picture was made")
        if element.tag == "script":
            is_ours = element["src"].startswith("/assets/") and not element.text.strip()
            failures.check(is_ours, f"{path}: a script was made")
    failures.check(document.one("html") is not None and len(document.all("main")) == 1, f"{path}: the page is broken")


def look_for_text(what, data, failures):
    for bad in (b"\x1b", b"\x07", b"\x00", b"\x9b31m"):
        at = data.find(bad)
        failures.check(at < 0, f"{what}: has {bad!r} as it is: {data[max(0, at - 60):at + 20]!r}")
    forged = [line for line in data.splitlines() if line.startswith(b"[0] Tue Nov 24 2026: forged")]
    failures.check(not forged, f"{what}: has a forged line")


# Secrets


def secrets(options):
    """Uses everything that is secret once, and then looks for it: on pages and downloads, in API and log."""
    failures, site, looked = Failures(), Site(options.url), 0
    hidden = list(options.secret)
    use_secrets(site, hidden, failures)
    console_stun.Client(options.stun).allocate("alice", hidden[0])
    answer = site.ask("GET", "/", Accept="*/*", **basic("mistyped-Password-3"))
    failures.check(answer.status in (200, 401), f"Basic: {answer.status}")
    hidden.append("mistyped-Password-3")
    places = {}
    for path in list(site.pages()) + extra_paths(site) + ["/api/v1/settings", "/api/v1/accounts", "/api/v1/log"]:
        places[path] = site.ask("GET", path, Accept="*/*").body
    log = subprocess.run([options.stund, "log", "--config", options.settings], capture_output=True).stdout
    places["stund log"] = log
    if options.log:
        places["the log file"] = pathlib.Path(options.log).read_bytes()
    for place, data in places.items():
        looked += len(data)
        for secret in hidden:
            failures.check(secret.encode() not in data, f"{place} has the secret {secret!r}")
            encoded = base64.b64encode(secret.encode()).rstrip(b"=")[:-1]
            failures.check(encoded not in data, f"{place} has the secret {secret!r} in base64")
    failures.check(looked > 10_000 and len(hidden) > 6, f"little was looked at: {hidden}")
    return failures.end(bytes=looked, places=len(places), secrets=len(hidden))


def use_secrets(site, hidden, failures):
    """Every form that takes or makes a secret; those that were made are told once, in the answer."""
    typed = [
        ("do=addUser", {"name": "carol", "password": "typed-User-password-1"}),
        ("do=addSecret", {"id": "second", "secret": "typed-shared-Secret-2-typed-shared"}),
        ("do=addUser", {"name": "dave"}),
        ("do=addSecret", {"id": "third"}),
        ("do=addToken", {"name": "script"}),
        ("do=credential", {"user": "guest", "hours": "1"}),
    ]
    for button, fields in typed:
        answer = site.act("/users.htm", button, **fields)
        failures.check(answer.status == 200, f"{button} {fields}: {answer.status} {answer.text[-600:]}")
        made = [element.text for element in answer.document.all("pre") if element["id"] == "made"]
        word = fields.get("password") or fields.get("secret")
        failures.check(word or made or button == "do=credential", f"{button} {fields} makes nothing")
        hidden += made + ([word] if word else [])
    answer = site.act("/admin.htm", "do=preview", **{"s-turn-secrets": "typed-Setting-secret-4-typed"})
    failures.check("typed-Setting-secret-4" not in answer.text, "the preview of Setup shows a secret")
    answer = site.submit(answer, "do=save")
    failures.check(answer.status == 200, f"saving a secret: {answer.status}")
    hidden.append("typed-Setting-secret-4-typed")


KINDS = {"names": names, "secrets": secrets}

if __name__ == "__main__":
    sys.exit(main())
