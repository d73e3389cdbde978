"""What the benchmarks share: the programs, settings of ours, servers that run while a block does, and the load."""
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
STUND = ROOT / ".build/release/stund"
STUN = ROOT / ".build/release/stun"
PORT = 43478
SERVER_PROCESSOR, LOAD_PROCESSOR = "0", "1"
CREDENTIAL = ["--user", "u", "--password", "p"]

# What a load on loopback needs: a user, peers on loopback, and no rate limit for the one address that it comes from.
ON_LOOPBACK = {
    "stun-port-1": PORT, "stun-port-2": PORT + 1, "turn-users": "u:p", "relay-address": "127.0.0.1",
    "allow-peers": "127.0.0.0/8", "user-allocations": "unlimited", "rate-limit-exempt": "127.0.0.0/8",
}


def compile_c(folder, source, *more):
    """Compiles a program in C of this folder; returns the program."""
    program = folder / pathlib.Path(source).stem
    subprocess.run(["gcc", "-O2", "-w", "-o", program, HERE / source, *more], check=True)
    return program


def settings(folder, name="bench", **changes):
    """Writes a settings file: our defaults, ON_LOOPBACK, and changes (with _ for -, None takes one out)."""
    values = ON_LOOPBACK | {key.replace("_", "-"): value for key, value in changes.items()}
    path = folder / f"{name}.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in values.items() if value is not None))
    path.chmod(0o600)
    return path


def load_command(mode, *arguments, port=PORT):
    """`stun load`, pinned beside the server."""
    return ["taskset", "-c", LOAD_PROCESSOR, str(STUN), "load", mode, "--server", f"127.0.0.1:{port}", "--json",
            *map(str, arguments)]


def start_load(mode, *arguments, port=PORT):
    """A load that runs beside the caller; `finish_load` waits for it."""
    return subprocess.Popen(load_command(mode, *arguments, port=port), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def finish_load(process, timeout=300):
    """What a load found. One that found nothing ends the program; one that missed something tells by its figures."""
    output, errors = process.communicate(timeout=timeout)
    if process.returncode not in (0, 1) or not output:
        raise SystemExit(f"{' '.join(process.args)}: ended with {process.returncode}: {errors}{output}")
    return json.loads(output)


def load(mode, *arguments, port=PORT):
    return finish_load(start_load(mode, *arguments, port=port))


def start_beside(file, *arguments):
    """Runs a script of strangers beside the caller, behind the load of calls; `finish_beside` waits for it."""
    return subprocess.Popen(["nice", "-n", "19", "taskset", "-c", LOAD_PROCESSOR, sys.executable, "-B",
                             pathlib.Path(file).resolve(), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def finish_beside(process):
    """The number that such a script prints at its end."""
    return int(process.communicate(timeout=120)[0])


def resident(process):
    """Resident kB of a process: its private pages, counted and not estimated."""
    for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1])
    raise SystemExit("the server has ended")


def settled(process):
    """Resident kB once they have been the same for a second: a server that starts takes memory for a while."""
    last, since = resident(process), time.monotonic()
    for _ in range(40):
        if time.monotonic() - since >= 1:
            break
        time.sleep(0.2)
        if (now := resident(process)) != last:
            last, since = now, time.monotonic()
    return last


def is_open(protocol, port):
    """Whether an IPv4 socket of this host has the port, or listens at it (state 0A)."""
    lines = pathlib.Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and (protocol == "udp" or line.split()[3] == "0A")
               for line in lines)


class Server:
    """A server that runs while the block does, pinned to processor 0.

    With `stream` it has a TCP port that listens, and loads go there.
    """

    def __init__(self, command, port, environment=None, stream=None):
        self.command, self.environment = [str(word) for word in command], environment or {}
        self.udp_port, self.stream, self.port = port, stream, stream or port

    def __enter__(self):
        environment = {**os.environ, **self.environment}
        # `taskset` becomes the server, so its process id is the server's.
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_PROCESSOR, *self.command],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        self.wait_until_bound()
        return self

    def wait_until_bound(self):
        for _ in range(200):
            if self.process.poll() is not None:
                raise SystemExit(f"{self.command[0]} ended: {self.process.stderr.read()}")
            if is_open("udp", self.udp_port) and (not self.stream or is_open("tcp", self.stream)):
                return
            time.sleep(0.05)
        raise SystemExit(f"{self.command[0]} did not open port {self.port} within 10 seconds")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
