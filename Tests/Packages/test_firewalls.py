"""Proves what docs/operator-guide.md tells people to type for their firewall: Debian's nftables, iptables, ufw and firewalld let in
what the server needs, and nothing else, by IPv4 and IPv6.
"""
import pathlib
import subprocess
import sys
import unittest

import debian_root
from debian_root import DebianRoot

GUIDE = pathlib.Path(debian_root.ROOT / "docs/operator-guide.md").read_text()
OPEN = {("udp", port) for port in (3478, 3479, 5349, 49152, 65535)} | {("tcp", port) for port in (3478, 5349)}
CLOSED = {("udp", 3480), ("udp", 49151), ("tcp", 3479), ("tcp", 5350)}
ADDRESSES = ("192.0.2.1", "2001:db8::1")

# Answers at every port of both sets, and says so.
SERVER = f"""
import selectors, socket
selector = selectors.DefaultSelector()
for transport, port in {sorted(OPEN | CLOSED)}:
    for address in {ADDRESSES}:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        one = socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        one.bind((address, port))
        if transport == "tcp":
            one.listen()
        selector.register(one, selectors.EVENT_READ, transport)
print("up", flush=True)
while True:
    for key, _ in selector.select():
        if key.data == "udp":
            data, source = key.fileobj.recvfrom(99)
            key.fileobj.sendto(data, source)
        else:
            key.fileobj.accept()
"""

# Prints what answers. The closed ports are asked first, so that whatever they had to say is here when the open ones have answered.
CLIENT = f"""
import select, socket
for address in {ADDRESSES}:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    asked = {{}}
    for transport, port in {sorted(CLOSED)} + {sorted(OPEN)}:
        one = socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        one.setblocking(False)
        one.connect_ex((address, port))
        if transport == "udp":
            one.send(b"?")
        asked[transport, port] = one
    waited, found = set({sorted(OPEN)}), set()
    while waited - found:
        reading = [one for name, one in asked.items() if name[0] == "udp" and name not in found]
        writing = [one for name, one in asked.items() if name[0] == "tcp" and name not in found]
        ready = select.select(reading, writing, [], 10)
        if not any(ready):
            break
        for name, one in list(asked.items()):
            if one in ready[0]:
                try:
                    one.recv(9)
                    found.add(name)
                except OSError:
                    del asked[name]
            elif one in ready[1]:
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    found.add(name)
                else:
                    del asked[name]
    for name in sorted(found):
        print(address, *name)
"""


def chapter():
    return GUIDE.split("## Firewalls\n")[1].split("\n## ")[0]


def typed(program):
    """The commands of the chapter's block for one firewall."""
    blocks = [block.split("```")[0] for block in chapter().split("```console\n")[1:]]
    block = next(block for block in blocks if block.startswith(f"# {program} "))
    return [line[2:] for line in block.splitlines() if line.startswith("# ")]


def tables():
    """The chapter's tables of nftables: what is let in, and what is left out of the table of connections."""
    return ["table" + block.split("```")[0] for block in chapter().split("```\ntable")[1:]]


def setUpModule():
    debian_root.needed()
    debian_root.archive()


class Firewalls(unittest.TestCase):
    def setUp(self):
        self.root = DebianRoot()
        self.addCleanup(self.root.close)
        self.outside = subprocess.Popen(
            ["unshare", "--net", "bash", "-c", "ip link set lo up && echo up && read"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.outside.wait)
        self.addCleanup(self.outside.stdout.close)
        self.addCleanup(self.outside.stdin.close)
        self.assertEqual(self.outside.stdout.readline(), "up\n")
        self.host("ip", "link", "add", "inside", "type", "veth", "peer", "name", "outside", "netns", str(self.outside.pid))
        for side, number, run in (("inside", 1, self.host), ("outside", 2, self.client)):
            run("ip", "link", "set", side, "up")
            run("ip", "address", "add", f"192.0.2.{number}/24", "dev", side)
            run("ip", "address", "add", f"2001:db8::{number}/64", "dev", side, "nodad")
        self.server = subprocess.Popen(
            self.within(self.root.first, sys.executable, "-c", SERVER), stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_server)
        self.assertEqual(self.server.stdout.readline(), "up\n")

    def end_server(self):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()

    @staticmethod
    def within(process, *words):
        return ["nsenter", "--target", str(process), "--net", *words]

    def host(self, *words):
        return subprocess.run(self.within(self.root.first, *words), check=True, capture_output=True, text=True).stdout

    def client(self, *words):
        return subprocess.run(self.within(self.outside.pid, *words), check=True, capture_output=True, text=True).stdout

    def ok(self, text, **more):
        code, output = self.root.shell(text, **more)
        self.assertEqual(code, 0, f"{text}: {output}")
        return output

    def install(self, *packages):
        self.ok("apt-get install --yes --no-download " + " ".join(packages))

    def expect(self, ports):
        found = set(self.client(sys.executable, "-c", CLIENT).splitlines())
        self.assertEqual(found, {f"{address} {transport} {port}" for address in ADDRESSES for transport, port in ports})

    def test_without_a_firewall_every_port_answers(self):
        """What the other tests rest on: they find the closed ports closed because of the firewall."""
        self.expect(OPEN | CLOSED)

    def test_nftables(self):
        self.install("nftables")
        letting_in, untracked = tables()
        self.ok("nft -f -", input=letting_in)
        self.expect(OPEN)
        self.ok("nft -f -", input=untracked)
        self.expect(OPEN)

    def test_iptables(self):
        self.install("iptables")
        for program in ("iptables", "ip6tables"):
            self.ok(f"{program} -P INPUT DROP")
        self.ok("ip6tables -A INPUT -p ipv6-icmp -j ACCEPT")
        for command in typed("iptables"):
            self.ok(command)
        self.expect(OPEN)

    def test_ufw(self):
        self.install("ufw")
        self.ok("ufw --force enable")
        for command in typed("ufw"):
            self.ok(command)
        self.expect(OPEN)

    def test_firewalld(self):
        self.install("firewalld", "dbus", "netbase")
        self.ok("mkdir -p /run/dbus && dbus-daemon --system --fork && firewalld && firewall-cmd --state")
        for command in typed("firewall-cmd"):
            self.ok(command)
        self.expect(OPEN)


if __name__ == "__main__":
    unittest.main()
