"""What the benchmarks share: building the load generator, and servers that run while a block does."""
import os
import pathlib
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
STUND = ROOT / ".build/release/stund"


def build(folder):
    for command in (
        ["gcc", "-O2", "-o", folder / "natload", HERE / "natload.c", "-lcrypto"],
        ["gcc", "-O2", "-w", "-o", folder / "floor", HERE / "floor.c"],
        ["gcc", "-O2", "-shared", "-fPIC", "-o", folder / "malloccount.so", HERE / "malloccount.c", "-ldl"],
    ):
        subprocess.run(command, check=True)


def settings(folder):
    """Ours with its defaults, but for the rate limit, which would hold back a load from one address."""
    path = folder / "bench.yaml"
    path.write_text("stun-port-1: 43478\nstun-port-2: 43479\nrate-limit-exempt: 127.0.0.0/8\n")
    return path


class Server:
    """A server that runs while the block does, pinned to processor 0."""

    def __init__(self, command, port, environment=None):
        self.command, self.port, self.environment = command, port, environment or {}

    def __enter__(self):
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", *map(str, self.command)],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        self.wait_until_bound()
        return self

    def wait_until_bound(self):
        wanted = f":{self.port:04X} "
        for _ in range(200):
            if self.process.poll() is not None:
                raise SystemExit(f"{self.command[0]} ended: {self.process.stderr.read()}")
            if wanted in pathlib.Path("/proc/net/udp").read_text():
                return
            time.sleep(0.05)
        raise SystemExit(f"{self.command[0]} did not open port {self.port} within 10 seconds")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process.stderr.close()
