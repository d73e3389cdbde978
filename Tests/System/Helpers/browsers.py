#!/usr/bin/env python3
"""Two headless Chromiums that may use nothing but relay addresses exchange bytes over a data channel.

  browsers.py exchange --bytes N ...   N bytes each way
  browsers.py refused ...              one browser; what its `icecandidateerror` events say

Each runs in the network namespace that --namespace names (twice for exchange). They are driven through pipes by the
Chrome DevTools protocol, so that no network but the one under test is between them. Writes one line of JSON.
"""
import argparse
import fcntl
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

import ice_servers

CHUNK = 16384
CHROMIUM = [
    "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync",
    "--mute-audio", "--remote-debugging-pipe",
    # Where a test has no namespaces, all is on loopback.
    "--allow-loopback-in-peer-connection",
]
SCRIPT = pathlib.Path(__file__).with_name("browser_peer.js")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["exchange", "refused"])
    parser.add_argument("--namespace", action="append", default=[])
    parser.add_argument("--bytes", type=int, default=20_000_000)
    parser.add_argument("--key-pin", help="take a certificate with this key for TURN over TLS: base64 of SHA-256")
    parser.add_argument("--limit", type=float, default=120, help="seconds for all of it")
    ice_servers.add_arguments(parser)
    options = parser.parse_args()
    servers = [ice_servers.from_arguments(options, number) for number in range(2)]
    deadline = time.monotonic() + options.limit
    with tempfile.TemporaryDirectory(prefix="stund-test-browser-", ignore_cleanup_errors=True) as folder:
        namespaces = (options.namespace or [None, None])[: 2 if options.kind == "exchange" else 1]
        browsers = []
        try:
            for number, namespace in enumerate(namespaces):
                browsers.append(Browser(f"{folder}/{number}", namespace, deadline, options.key_pin))
            run = exchange if options.kind == "exchange" else refused
            result = run(browsers, servers, -(-options.bytes // CHUNK) * CHUNK)
        except (OSError, RuntimeError) as error:
            result = {"ok": False, "error": str(error), "told": [browser.told() for browser in browsers]}
        finally:
            for browser in browsers:
                browser.end()
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


def exchange(browsers, servers, size):
    first, second = browsers
    for seed, browser in enumerate(browsers):
        browser.evaluate(f"start({json.dumps(servers[seed])}, {seed}, {size})")
    offer = first.evaluate("describe()")
    answer = second.evaluate(f"describe({json.dumps(offer)})")
    first.evaluate(f"accept({json.dumps(answer)})")
    for browser in browsers:
        browser.evaluate(f"window.exchanged = exchange({size}); null")
    ends = [browser.evaluate("exchanged") for browser in browsers]
    pairs = [browser.evaluate("pair()") for browser in browsers]
    legs = [browser.evaluate("leg()") for browser in browsers]
    errors = [error for browser in browsers for error in browser.evaluate("errors")]
    return {
        "ok": all(end["bytes"] == size and end["wrong"] == 0 for end in ends) and pairs == [["relay", "relay"]] * 2,
        "received": [end["bytes"] for end in ends],
        "wrong chunks": [end["wrong"] for end in ends],
        "pairs": pairs,
        "legs": legs,
        "errors": errors,
        "Mbit/s each way": [round(end["bytes"] * 8e-6 / end["seconds"]) for end in ends],
    }


def refused(browsers, servers, _):
    (browser,) = browsers
    browser.evaluate(f"start({json.dumps(servers[0])}, 0, 0)")
    description = browser.evaluate("describe()")
    errors = browser.evaluate("errors")
    candidates = [line for line in description["sdp"].splitlines() if line.startswith("a=candidate")]
    return {"ok": bool(errors) and not candidates, "errors": errors, "candidates": candidates}


class Browser:
    """A Chromium with one empty page, driven through its pipes; every wait ends at the deadline."""

    def __init__(self, folder, namespace, deadline, key_pin=None):
        self.deadline, self.buffer, self.last = deadline, b"", 0
        os.mkdir(folder)
        self.log = open(f"{folder}/log", "w+b")
        theirs_in, self.to = os.pipe()
        self.coming, theirs_out = os.pipe()
        # Chromium reads from 3 and writes to 4. Ours must be neither when they are laid there.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        os.close(theirs_in)
        os.close(theirs_out)

        def lay_pipes():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        pin = [f"--ignore-certificate-errors-spki-list={key_pin}"] if key_pin else []
        command = [*CHROMIUM, *pin, f"--user-data-dir={folder}", "about:blank"]
        if namespace:
            command = ["ip", "netns", "exec", namespace, *command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=lay_pipes,
            pass_fds=(3, 4), start_new_session=True, env={**os.environ, "HOME": folder},
        )
        for end in high:
            os.close(end)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.evaluate(SCRIPT.read_text(encoding="utf-8") + ";null")

    def evaluate(self, expression):
        """The value of an expression in the page, awaited if it is a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the page: {json.dumps(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def call(self, method, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def read(self):
        while b"\0" not in self.buffer:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.coming], [], [], left)[0]:
                raise RuntimeError("the browser did not answer in time")
            data = os.read(self.coming, 65536)
            if not data:
                raise RuntimeError("the browser ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def told(self):
        self.log.seek(0)
        return self.log.read()[-2000:].decode(errors="replace")

    def end(self):
        os.close(self.to)  # Chromium ends when its pipe does
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self.coming)
        self.log.close()


if __name__ == "__main__":
    sys.exit(main())
