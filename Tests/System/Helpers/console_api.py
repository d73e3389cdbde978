#!/usr/bin/env python3
"""The API and the figures for Prometheus of a running server.

  fuzz         schemathesis sends what openapi.json allows and what it does not; without a token nobody gets in
  metrics      both text formats, all counters there from the start, figures that move while a call is relayed
"""
import base64
import os
import pathlib
import random
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile

import console_site
import console_stun
from console_site import Failures, Site, wait_for

# The call that may remove the token it is made with.
OWN_END = "DELETE /tokens/{name}"
# What would end the test itself: other settings, and a console for somebody else.
LEFT_OUT = r"^/settings$|^(/fleet)?/drain$|/settings/history/.*/undo$"


def main():
    parser = console_site.arguments(__doc__, KINDS)
    parser.add_argument("--password", default="", help="of the console's user admin")
    parser.add_argument("--stund", help="the program")
    parser.add_argument("--examples", type=int, default=8)
    options = parser.parse_args()
    return console_site.run(KINDS[options.kind], options)


def basic(password):
    return {"Authorization": "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()}


def make_token(options, role="admin"):
    name = f"test-{secrets.token_hex(4)}"
    answer = Site(options.url).ask(
        "POST", "/api/v1/tokens", {"name": name, "role": role}, Accept="application/json", **basic(options.password)
    )
    if answer.status not in (200, 201):
        raise RuntimeError(f"POST /tokens: {answer.status} {answer.text[:300]}")
    return answer.json()["secret"]


# Fuzz


def fuzz(options):
    failures = Failures()
    token = make_token(options)
    answer = Site(options.url, token).api("/openapi.json")
    if not failures.check(answer.status == 200, f"/openapi.json: {answer.status}"):
        return failures.end()
    document = answer.json()
    failures.check(document["openapi"].startswith("3.1"), f"OpenAPI {document['openapi']}")
    seed = int(os.environ.get("STUND_SEED", random.randrange(1 << 32)))
    print(f"seed {seed} (STUND_SEED repeats it)", flush=True)
    strangers(options, document, failures)
    viewers(options, document, failures)
    with tempfile.TemporaryDirectory() as folder:
        description = pathlib.Path(folder, "openapi.json")
        description.write_bytes(answer.body)
        # It learns names from lists, and may remove the very token that it asks with: that call has a token of its own.
        schemathesis(options, failures, description, seed, token, "--exclude-path-regex", LEFT_OUT, "--exclude-name", OWN_END)
        schemathesis(options, failures, description, seed, make_token(options), "--include-name", OWN_END)
    failures.check(Site(options.url, token).api("/status").status == 200, "after it all: the API does not answer")
    failures.check(console_stun.Client(options.stun).bind(), "after it all: STUN does not answer")
    return failures.end()


def schemathesis(options, failures, description, seed, token, *more):
    base = options.url.rstrip("/") + "/api/v1"
    command = [
        str(pathlib.Path(sys.executable).with_name("schemathesis")), "run", str(description), "--url", base,
        "-H", f"Authorization: Bearer {token}", "--max-examples", str(options.examples), "--seed", str(seed),
        "--request-timeout", "20", "--workers", "1", "--no-color",
        "--max-response-time", "20", "--suppress-health-check", "all",
        # A body of more than one kind: what is allowed and what is not.
        "--mode", "all", "--continue-on-failure",
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
        "response_schema_conformance,response_headers_conformance,negative_data_rejection", *more,
    ]
    end = subprocess.run(command, capture_output=True, text=True, cwd=description.parent, timeout=200)
    print(end.stdout[-12000:] if end.returncode else end.stdout[-600:], flush=True)
    failures.check(end.returncode == 0, f"schemathesis: {end.returncode} {end.stderr[-500:]}")
    failures.check("Traceback" not in end.stderr, end.stderr[-800:])


def strangers(options, document, failures):
    """Nobody without a token gets in, whatever they send."""
    count = 0
    for path, methods in document["paths"].items():
        for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
            if methods[method].get("security", document.get("security")) == []:
                continue
            place = re.sub(r"\{[^}]*\}", "1", path)
            place = place if place.startswith(("/api", "/metrics", "/readyz", "/healthz")) else "/api/v1" + place
            for headers in ({}, {"Authorization": "Bearer " + "0" * 64}):
                if headers and count > 3:
                    continue  # More would be slowed down, as guesses are.
                body = None if method == "get" else {}
                answer = Site(options.url).ask(method.upper(), place, body, Accept="application/json", **headers)
                failures.check(answer.status in (401, 429), f"{method} {place} without a token: {answer.status}")
                told = answer.header("Content-Type")
                failures.check("problem+json" in told, f"{place}: {told}")
                count += 1
    failures.check(count > 10, f"only {count} calls were tried")


def viewers(options, document, failures):
    """A viewer's token sees everything and changes nothing."""
    site, count = Site(options.url, make_token(options, "viewer")), 0
    for path, methods in document["paths"].items():
        for method in set(methods) & {"post", "put", "patch", "delete"}:
            place = "/api/v1" + re.sub(r"\{[^}]*\}", "1", path).removeprefix("/api/v1")
            answer = site.ask(method.upper(), place, {}, Accept="application/json")
            count += 1
            failures.check(answer.status == 403, f"{method} {place} by a viewer: {answer.status}")
    failures.check(count > 5, f"only {count} calls were tried")
    failures.check(site.api("/status").status == 200, "a viewer's token sees no status")


# Metrics


class Figures:
    """Samples of the text format by name and labels."""

    def __init__(self, text):
        self.text, self.values, self.kinds = text, {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.kinds[name] = kind
            elif line and not line.startswith("#"):
                found = re.fullmatch(r"([a-z_:][a-zA-Z0-9_:]*)(\{.*\})? ([^ ]+)( [0-9.]+)?( # .*)?", line)
                if not found:
                    raise ValueError(f"no sample: {line!r}")
                self.values[found[1] + (found[2] or "")] = float(found[3])

    def total(self, word):
        return sum(value for name, value in self.values.items() if re.search(word, name))


def read_metrics(site, kind):
    answer = site.ask("GET", "/metrics", Accept=kind)
    if answer.status != 200:
        raise RuntimeError(f"/metrics: {answer.status}")
    return answer


OLD, OPEN = "text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"


def metrics(options):
    failures, site = Failures(), Site(options.url)
    old, new = read_metrics(site, OLD), read_metrics(site, OPEN)
    failures.check("version=0.0.4" in old.header("Content-Type"), old.header("Content-Type"))
    failures.check("application/openmetrics-text" in new.header("Content-Type"), new.header("Content-Type"))
    failures.check(new.text.endswith("# EOF\n"), f"ends with {new.text[-40:]!r}")
    failures.check("# EOF" not in old.text, "the old format has # EOF")
    check_format(old, failures)
    before = Figures(old.text)
    check_names(before, failures)
    during, calls = before, {}

    def watch():
        nonlocal during
        during = Figures(read_metrics(site, OLD).text)
        allocations = during.total(r"allocation.*(active|current)|active_allocations|_allocations(\{|$)")
        return allocations > 0 and during.total("relay.*bytes|bytes.*relay") > before.total("relay.*bytes|bytes.*relay")

    with call(options) as running:
        try:
            wait_for("figures of a call that runs", watch, 40)
        except TimeoutError as error:
            moved = [name for name in during.values if during.values[name] != before.values.get(name)]
            failures.check(False, f"{error}; what moved: {moved[:30]}")
        calls["output"] = running.poll()
    after = Figures(read_metrics(site, OLD).text)
    gone = set(before.values) - set(after.values)
    failures.check(not gone, f"samples are gone: {sorted(gone)[:5]}")
    new_names = {name.split("{")[0] for name in after.values} - {name.split("{")[0] for name in before.values}
    failures.check(not new_names, f"samples that were not there from the start: {sorted(new_names)[:8]}")
    for name, value in before.values.items():
        family = re.sub(r"\{.*", "", name)
        if before.kinds.get(family) == "counter":
            failures.check(after.values.get(name, 0) >= value, f"{name} went from {value} to {after.values.get(name)}")
    for text in (new.text, after.text):
        for private in ("127.0.0.1", "alice", str(os.getpid())):
            failures.check(f'"{private}' not in text, f"a label names {private}")
    return failures.end(samples=len(before.values), families=len(before.kinds))


def check_format(old, failures):
    if not shutil.which("promtool"):
        print("promtool is not there: the figures were not checked with it", flush=True)
        return
    end = subprocess.run(["promtool", "check", "metrics"], input=old.body, capture_output=True)
    failures.check(end.returncode == 0, f"promtool: {(end.stdout + end.stderr).decode()[:1500]}")


def check_names(figures, failures):
    failures.check(len(figures.kinds) >= 10, f"only {sorted(figures.kinds)}")
    for name, kind in figures.kinds.items():
        failures.check(name.startswith(("stund_", "process_")), f"{name} has no prefix")
        if kind == "counter":
            failures.check(name.endswith("_total"), f"counter {name}")
            failures.check(any(re.sub(r"\{.*", "", one) == name for one in figures.values), f"{name} has no sample yet")
    for name in figures.values:
        failures.check(not re.search(r'\b(user|username|address|client|peer|ip|realm)="', name), f"label in {name}")
    failures.check(any(kind == "histogram" for kind in figures.kinds.values()), "no histogram")


class call:
    """turnutils_uclient with a peer of its own: a relayed call of some seconds."""

    def __init__(self, options):
        self.options = options

    def __enter__(self):
        host, port = self.options.stun.rsplit(":", 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind(("127.0.0.1", 0))
            peer_port = str(one.getsockname()[1])
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.peer = subprocess.Popen(["turnutils_peer", "-L", "127.0.0.1", "-p", peer_port], **quiet)
        self.client = subprocess.Popen(
            ["turnutils_uclient", "-u", "alice", "-w", "wonderland-of-the-tests", "-p", port, "-e", "127.0.0.1", "-r",
             peer_port, "-n", "3000", "-c", "-z", "20", "-l", "200", host], **quiet,
        )
        return self.client

    def __exit__(self, *_):
        for process in (self.client, self.peer):
            process.kill()
            process.wait()


KINDS = {"fuzz": fuzz, "metrics": metrics}

if __name__ == "__main__":
    sys.exit(main())
