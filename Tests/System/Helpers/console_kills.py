#!/usr/bin/env python3
"""Settings written through the API of servers of its own, while something goes wrong.

  kills        kill -9 at random: the file is always whole, as it was or as it was to be, with its comments
  full         no room on the disk, then a disk that cannot be written: the API and the page say so, all stays as it was
               (in a mount namespace of its own)
"""
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

import console_site
import console_stun
from console_site import Failures, Site, wait_for

FILE = """# Written by hand: a comment at the beginning.

address: 127.0.0.1   # a comment behind a value
stun-port-1: {first}
stun-port-2: {second}
http-port: {http}
# A comment between two keys.
default-binding-duration: {value}  # a comment behind the value that changes
log-file: {log}
# A comment at the end.
"""
KEY = "default-binding-duration"


def main():
    parser = console_site.arguments(__doc__, KINDS)
    parser.add_argument("--stund", help="the program")
    parser.add_argument("--ports", help="three that nobody has: two of UDP, one of TCP, with commas between")
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stund-test-") as folder:
        return console_site.run(KINDS[options.kind], options, pathlib.Path(folder))


class Server:
    def __init__(self, options, folder, value):
        self.options, self.path = options, folder / "stund.yaml"
        self.first, self.second, self.http = options.ports.split(",")
        if not self.path.exists():
            self.path.write_text(self.text(value))
        self.url = f"http://127.0.0.1:{self.http}/"

    def text(self, value):
        return FILE.format(
            first=self.first, second=self.second, http=self.http, value=value, log=self.path.with_name("log")
        )

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.options.stund, "--no-daemon", "--config", self.path], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for("the console", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the server does not start: {self.process.returncode}")
        try:
            return Site(self.url).get("/healthz").status
        except OSError:
            return None

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def change(self, value):
        return Site(self.url).ask(
            "PATCH", "/api/v1/settings", {"values": {KEY: str(value)}}, Accept="application/json"
        )


def kills(options, folder):
    seed = int(os.environ.get("STUND_SEED", random.randrange(1 << 32)))
    print(f"seed {seed} (STUND_SEED repeats it)", flush=True)
    chance, failures = random.Random(seed), Failures()
    value, written, ends = 100, 0, {"old": 0, "new": 0}
    for round_number in range(options.count):
        with Server(options, folder, value) as server:
            before = server.path.read_text()
            if round_number == 0:
                answer = server.change(value + 1)
                if not failures.check(answer.status == 200, f"PATCH: {answer.status} {answer.text[:500]}"):
                    break
                value += 1
                failures.check(server.path.read_text() == server.text(value), f"not written: {server.path.read_text()}")
            # Each change begins when the one before has ended; the kill comes in the middle of one, or between two.
            asked = [value]

            def write():
                while True:
                    try:
                        asked.append(asked[-1] + 1)
                        server.change(asked[-1])
                    except (OSError, ValueError, console_site.http.client.HTTPException):
                        return

            thread = threading.Thread(target=write)
            thread.start()
            time.sleep(chance.uniform(0.0, 0.15))
            server.process.kill()
            server.process.wait()
            thread.join(35)
            text = server.path.read_text()
            old, new = server.text(asked[-2]), server.text(asked[-1])
            if not failures.check(text in (old, new), f"round {round_number}: neither old nor new: {text!r}"):
                break
            ends["new" if text == new else "old"] += 1
            written += len(asked) - 1
            value = asked[-1] if text == new else asked[-2]
    # What a killed server leaves half written may hold secrets: a later change removes what is over a minute old.
    for path in leftovers(folder):
        os.utime(path, (time.time() - 120,) * 2)
    with Server(options, folder, value) as server:
        answer = server.change(value + 1)
        failures.check(answer.status == 200, f"after the kills: {answer.status}")
        failures.check(not leftovers(folder), f"kills left {leftovers(folder)}")
    check = subprocess.run([options.stund, "check", "--config", folder / "stund.yaml"], capture_output=True, text=True)
    failures.check(check.returncode == 0, check.stdout + check.stderr)
    failures.check(written >= options.count, f"only {written} changes were tried")
    return failures.end(kills=options.count, changes=written, ends=ends)


def leftovers(folder):
    return [path for path in folder.iterdir() if path.name not in ("stund.yaml", "stund.yaml.d", "log")]


def full(options, folder):
    """What a page and the API say when the file cannot be written."""
    failures = Failures()
    disk = folder / "disk"
    disk.mkdir()
    mount(["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk])
    try:
        with Server(options, disk, 100) as server:
            fill(disk / "filler")
            refused(server, failures, "a full disk")
            (disk / "filler").unlink()
            answer = server.change(200)
            failures.check(answer.status == 200, f"with room again: {answer.status} {answer.text[:300]}")
            failures.check(server.path.read_text() == server.text(200), f"not written: {server.path.read_text()}")
        # The settings alone cannot be written.
        path = disk / "stund.yaml"
        state = folder / "state"
        state.mkdir()
        os.environ |= {"STATE_DIRECTORY": str(state), "RUNTIME_DIRECTORY": str(state)}
        path.write_text(path.read_text().replace(f"log-file: {disk}/log", f"log-file: {state}/log"))
        mount(["-o", "remount,ro", disk])
        with Server(options, disk, 200) as server:
            refused(server, failures, "a disk that cannot be written")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
    return failures.end()


def mount(arguments):
    subprocess.run(["mount", *arguments], check=True)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def refused(server, failures, why):
    before = server.path.read_text()
    answer = server.change(555)
    told = answer.text
    failures.check(400 <= answer.status < 600, f"{why}: the API says {answer.status}")
    failures.check(re.search(r"No space|Read-only|read-only|no room|full", told), f"{why}: the API says {told[:600]}")
    failures.check(server.path.read_text() == before, f"{why}: the file changed")
    site = Site(server.url)
    shown = site.act("/admin.htm", "do=preview", **{"s-" + KEY: "556"})
    if console_site.form_with(shown.document, "do=save"):
        shown = site.submit(shown, "do=save")
    text = shown.document.text
    failures.check(re.search(r"No space|Read-only|read-only|no room|full", text), f"{why}: the page says {text[:900]}")
    failures.check(server.path.read_text() == before, f"{why}: the file changed")
    report = site.api("/settings").json()
    value = next(field["value"] for field in report["fields"] if field["name"] == KEY)
    failures.check(value in before and value not in ("555", "556"), f"{why}: {KEY} is {value} in force")
    failures.check(console_stun.Client(f"127.0.0.1:{server.first}").bind(), f"{why}: STUN does not answer")


KINDS = {"kills": kills, "full": full}

if __name__ == "__main__":
    sys.exit(main())
