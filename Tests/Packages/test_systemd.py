"""Proves that the service runs as its unit says, under a real systemd: with all its walls, and through an update.

systemd is the first process of a bare Debian 12 with processes, mounts, network and control groups of its own.
"""
import ctypes
import json
import os
import pathlib
import re
import subprocess
import time
import unittest

import debian_root
from debian_root import DebianRoot
from test_debian_package import TWO_ADDRESSES, later, package
from test_tarball import commands, tarball

GROUPS = [pathlib.Path("/sys/fs/cgroup/unified"), pathlib.Path("/sys/fs/cgroup")]
BOOT = r"""
set -e
root=$1
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs dev
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
    set -- $node
    mknod -m 666 "dev/$1" c "$2" "$3"
done
mkdir dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
touch dev/console
mkdir old
pivot_root . old
exec chroot . /bin/sh -c 'umount -l /old; rmdir /old; exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd'
"""


def groups():
    """Where control groups of version 2 are, which systemd needs."""
    return next((path for path in GROUPS if (path / "cgroup.procs").exists()), None)


def setUpModule():
    debian_root.needed()
    package()
    if groups() is None:
        raise unittest.SkipTest("there are no control groups of version 2")
    debian_root.archive()


class Service(unittest.TestCase):
    def setUp(self):
        root = self.root = DebianRoot()
        self.addCleanup(root.close)
        for name, path in (("stund.deb", package()), ("newer.deb", None)):
            (root.path / "packages" / name).write_bytes(path.read_bytes() if path else later(package()))
        code, text = root.run("apt-get", "install", "--yes", "systemd", *debian_root.DEPENDENCIES)
        self.assertEqual(code, 0, text)
        lines = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
        home = groups() / next(line for line in lines if line.startswith("0::")).split("::", 1)[1].lstrip("/")
        self.group = groups() / f"stund-test-{os.getpid()}-{time.monotonic_ns()}"
        try:
            self.group.mkdir()
            (self.group / "cgroup.procs").write_text("0")
        except OSError as error:
            self.skipTest(f"no control group can be made here: {error}")
        self.addCleanup(self.leave_group)
        self.boot = subprocess.Popen(
            ["unshare", "--pid", "--mount", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child",
             "bash", "-c", BOOT, "boot", root.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        (home / "cgroup.procs").write_text("0")
        self.wait(lambda: self.run_in("systemctl", "is-system-running")[1].strip() in ("running", "degraded"))

    def leave_group(self):
        deadline = time.monotonic() + 10
        while self.group.exists() and time.monotonic() < deadline:
            for folder in sorted(self.group.glob("**/"), key=lambda path: -len(path.parts)):
                try:
                    folder.rmdir()
                except OSError:
                    time.sleep(0.02)  # what its processes were is still being cleared away

    def end(self):
        debian_root.end(self.boot)
        self.boot.stderr.close()

    def run_in(self, *words):
        """(exit code, all that was written)"""
        try:
            first = debian_root.first_of(self.boot)
        except (OSError, IndexError):
            return -1, ""
        done = subprocess.run(
            ["nsenter", "--target", first, "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
             "DEBIAN_FRONTEND=noninteractive", *words],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        return done.returncode, done.stdout

    def ok(self, *words):
        code, text = self.run_in(*words)
        self.assertEqual(code, 0, f"{words}: {text}")
        return text

    def wait(self, isTrue, seconds=60):
        deadline = time.monotonic() + seconds
        while not isTrue():
            if self.boot.poll() is not None:
                self.skipTest("systemd does not run here: " + self.boot.stderr.read().strip()[-300:])
            self.assertLess(time.monotonic(), deadline, self.run_in("systemctl", "--no-pager", "status", "stund")[1])
            time.sleep(0.1)

    def save_in_console(self, values):
        """Changes settings as the Setup page does: by the server, which writes beside its file."""
        first = debian_root.first_of(self.boot)
        done = subprocess.run(
            ["nsenter", "--target", first, "--net", "curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "30", "-X", "PATCH",
             "-H", "Content-Type: application/json", "-d", json.dumps({"values": values}),
             "http://127.0.0.1/api/v1/settings"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for key, value in values.items():
            self.assertIn(f"\n{key}: {value}\n", self.ok("cat", "/etc/stund/stund.yaml"))

    def property(self, name):
        return self.ok("systemctl", "show", "--value", "--property", name, "stund").strip()

    def test_it_runs_behind_all_its_walls_and_through_an_update(self):
        self.ok("bash", "-c", f"cat >/etc/default/stund <<'END'\n{TWO_ADDRESSES}\nEND")
        self.ok("apt-get", "install", "--yes", "-o", "Dpkg::Options::=--force-confold", "/packages/stund.deb")
        # The start ends when the server has told that its ports are open.
        self.ok("stund", "status")
        self.assertEqual(self.property("ActiveState"), "active")
        self.assertIn("answers STUN at", self.property("StatusText"))
        first = self.property("MainPID")
        self.assertIn("Primary: Open", self.run_in("stun", "127.0.0.1")[1])
        # No root, one right, and no way to more.
        status = self.ok("cat", f"/proc/{first}/status")
        self.assertRegex(status, r"(?m)^CapEff:\s+0*400$")
        self.assertRegex(status, r"(?m)^CapBnd:\s+0*400$")
        self.assertRegex(status, r"(?m)^NoNewPrivs:\s+1$")
        self.assertRegex(status, r"(?m)^Seccomp:\s+2$")
        self.assertNotRegex(status, r"(?m)^Uid:\s+0\b")
        # It has built walls of its own, of which the unit keeps it no more than the kernel does.
        hasLandlock = ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
        self.assertIn(f"sandbox        {'files by Landlock' if hasLandlock else 'system calls by seccomp'}", self.ok("stund", "status"))
        # What it must be able to do in spite of them.
        self.ok("stund", "user", "add", "alice")
        self.save_in_console({"log-level": "6", "pin-workers": "on", "engine": "io_uring"})
        self.assertEqual(self.ok("stat", "-c", "%U %G %a", "/etc/stund/stund.yaml").strip(), "stund stund 640")
        self.ok("systemctl", "reload", "stund")
        self.ok("systemctl", "restart", "stund")
        second = self.property("MainPID")
        self.assertNotEqual(second, first)
        text = self.ok("stund", "status")
        self.assertIn(", on processors ", text)
        self.assertIn("1 user", text)
        # An update starts the new program with the old settings; what is removed is stopped.
        self.ok("apt-get", "install", "--yes", "-o", "Dpkg::Options::=--force-confold", "/packages/newer.deb")
        self.assertNotIn(self.property("MainPID"), ("0", second))
        self.assertIn("log-level: 6", self.ok("cat", "/etc/stund/stund.yaml"))
        third = self.property("MainPID")
        self.ok("apt-get", "purge", "--yes", "stund")
        self.assertEqual(self.run_in("test", "-e", f"/proc/{third}")[0], 1)
        self.assertNotEqual(self.run_in("systemctl", "is-active", "stund")[0], 0)

    def test_with_ports_from_systemd_it_needs_no_right_and_answers_what_came_while_it_was_away(self):
        self.ok("apt-get", "install", "--yes", "/packages/stund.deb")
        # The console has a port below 1024 in the defaults.
        self.ok("bash", "-ec", "\n".join(commands("Socket activation")))
        log = self.ok("journalctl", "--no-pager", "-u", "stund")
        self.assertIn("From systemd: udp 0.0.0.0:3478, udp [::]:3478, udp 0.0.0.0:3479, udp [::]:3479, tcp 0.0.0.0:3478, "
                      "tcp [::]:3478, tcp 127.0.0.1:80", log)
        self.assertNotIn("opened by the server", log)
        first = self.property("MainPID")
        status = self.ok("cat", f"/proc/{first}/status")
        self.assertRegex(status, r"(?m)^CapBnd:\s+0+$")
        self.assertRegex(status, r"(?m)^CapEff:\s+0+$")
        # Everything that it does by these ports: STUN, the console, and the address that was asked in its answers.
        self.assertIn("MappedAddress = 127.0.0.1", self.run_in("stun", "-v", "127.0.0.1", "1")[1])
        self.save_in_console({"log-level": "6"})
        self.ok("systemctl", "restart", "stund")
        self.assertNotEqual(self.property("MainPID"), first)
        self.save_in_console({"log-level": "5"})
        # A client starts it.
        self.ok("systemctl", "stop", "stund.service")
        doctor = self.ok("stund", "doctor")
        self.assertIn("systemd keeps UDP 0.0.0.0:3478, UDP 0.0.0.0:3479", doctor)
        self.assertIn("MappedAddress = 127.0.0.1", self.run_in("stun", "-v", "127.0.0.1", "1")[1])
        self.wait(lambda: self.property("ActiveState") == "active")
        # A worker for each socket.
        self.ok("bash", "-ec", "sed -Ei 's/^# (ReusePort=yes)/\\1/; s/^ListenDatagram=.*/&\\n&/' /lib/systemd/system/stund.socket\n"
                               "systemctl daemon-reload; systemctl stop stund.socket stund.service\n"
                               "systemctl start stund.socket; systemctl start stund")
        log = self.ok("journalctl", "--no-pager", "-u", "stund")
        self.assertIn("From systemd: udp 0.0.0.0:3478 (2 sockets)", log)
        self.assertIn("Primary: ", self.run_in("stun", "127.0.0.1")[1])
        self.ok("apt-get", "purge", "--yes", "stund")
        self.assertEqual(self.run_in("systemctl", "is-active", "stund.socket")[1].strip(), "inactive")
        self.assertEqual(self.run_in("ls", "/etc/systemd/system/sockets.target.wants/stund.socket")[0], 2)

    def test_wrong_settings_end_it_once_and_the_journal_says_why(self):
        self.ok("apt-get", "install", "--yes", "/packages/stund.deb")
        self.ok("bash", "-c", "echo 'stun-prot-2: 3480' >>/etc/stund/stund.yaml; systemctl restart stund || true")
        self.wait(lambda: self.property("ActiveState") == "failed")
        self.assertEqual(self.property("ExecMainStatus"), "78")
        self.assertEqual(self.property("NRestarts"), "0")
        self.assertIn('unknown setting "stun-prot-2"', self.ok("journalctl", "--no-pager", "-u", "stund"))


    def test_the_chapter_of_systemd_with_the_tarball(self):
        (self.root.path / "root" / tarball().name).write_bytes(tarball().read_bytes())
        name = tarball().name.removesuffix(".tar.gz")
        lines = [re.sub(r"stund-[0-9.]+-linux-\w+", name, line) for line in commands("systemd")]
        self.assertGreater(len(lines), 5)
        self.ok("bash", "-ec", "cd /root\n" + "\n".join(lines))
        self.ok("stund", "status")
        self.assertEqual(self.property("User"), "stund")
        self.assertIn("MappedAddress = 127.0.0.1", self.run_in("stun", "-v", "127.0.0.1", "1")[1])
        self.assertRegex(self.ok("systemd-analyze", "--no-pager", "security", "stund"), r"exposure level for stund.service: 1\.[0-6] ")
        self.save_in_console({"log-level": "6"})


if __name__ == "__main__":
    unittest.main()
