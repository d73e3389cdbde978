"""Proves what deploy/systemd promises, by systemd's own words."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import documented_settings
from scripts import FOLDER

UNITS = FOLDER.parent / "deploy/systemd"
SERVICE = UNITS / "stund.service"
MOST_EXPOSED = 1.6


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True)


def values(key, unit=SERVICE):
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is missing (Debian's package systemd)")
class BySystemd(unittest.TestCase):
    def test_the_service_is_exposed_at_most_as_little_as_promised(self):
        done = analyze("security", "--offline=yes", SERVICE)
        exposure = re.search(r"Overall exposure level for stund.service: ([0-9.]+)", done.stdout)
        self.assertIsNotNone(exposure, done.stdout + done.stderr)
        self.assertLessEqual(float(exposure.group(1)), MOST_EXPOSED, done.stdout)

    def test_every_line_is_one_that_systemd_knows(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for unit in (SERVICE, UNITS / "stund.socket"):
                path = pathlib.Path(folder) / unit.name
                # The program need not be installed here.
                path.write_text(unit.read_text().replace("/usr/sbin/stund", "/bin/true"))
                paths.append(path)
            done = analyze("verify", "--man=no", "--recursive-errors=no", *paths)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


class AsWritten(unittest.TestCase):
    def test_the_server_itself_tells_how_it_does(self):
        self.assertEqual((values("Type"), values("NotifyAccess")), (["notify"], ["main"]))
        self.assertGreater(int(values("WatchdogSec")[0]), 0)

    def test_systemd_waits_longer_than_the_server_drains(self):
        self.assertGreater(int(values("TimeoutStopSec")[0]), int(documented_settings.default("drain-time")))

    def test_the_server_stays_in_the_foreground_and_takes_the_options_of_the_operator(self):
        command = values("ExecStart")[0].split()
        self.assertEqual(command[0], "/usr/sbin/stund")
        self.assertIn("--no-daemon", command)
        # Without braces: systemd splits it into words.
        self.assertEqual(command[-1], "$STUND_OPTS")
        # Without root, and with no right but that to open low ports.
        self.assertEqual(values("User"), ["stund"])
        self.assertEqual(values("CapabilityBoundingSet"), ["CAP_NET_BIND_SERVICE"])

    def test_what_the_server_writes_is_what_the_unit_lets_it_write(self):
        self.assertEqual(values("StateDirectory"), ["stund"])
        self.assertEqual(values("RuntimeDirectory"), ["stund"])
        config = values("ExecStart")[0].split("--config ")[1].split()[0]
        self.assertEqual(values("ReadWritePaths"), ["-" + str(pathlib.Path(config).parent)])

    def test_the_socket_opens_the_ports_of_the_defaults(self):
        socket = UNITS / "stund.socket"
        ports = [documented_settings.default(f"stun-port-{n}") for n in (1, 2)]
        both = [f"{address}:{port}" for port in ports for address in ("0.0.0.0", "[::]")]
        console = documented_settings.default("http-port")
        self.assertEqual(values("ListenDatagram", socket), both)
        self.assertEqual(values("ListenStream", socket), both[:2] + [f"127.0.0.1:{console}"])
        # A worker takes no socket of two families, and an answer must leave from the address that was asked.
        self.assertEqual(values("BindIPv6Only", socket), ["ipv6-only"])
        self.assertEqual(values("PassPacketInfo", socket), ["yes"])


if __name__ == "__main__":
    unittest.main()
