"""Proves what the Debian package promises, by installing, updating, removing and purging it in a bare Debian 12.

PACKAGES names the folder with the package and the tarball, which Scripts/test-packages makes.
"""
import os
import pathlib
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest

import debian_root
from debian_root import DebianRoot, Unit

PACKAGES = pathlib.Path(os.environ.get("PACKAGES") or debian_root.ROOT / ".build/packages")
SETTINGS = "/etc/stund/stund.yaml"
# Two addresses, so that Debian's client sees no firewall where there is none.
TWO_ADDRESSES = 'STUND_OPTS="--set address=127.0.0.1 --set second-address=127.0.0.2"'


def package():
    found = sorted(PACKAGES.glob("stund_*.deb"))
    if len(found) != 1:
        raise unittest.SkipTest(f"there is not one package in {PACKAGES} (Scripts/test-packages)")
    return found[0]


def later(path, version="99.0"):
    """The bytes of the package as a later release: with another version and other defaults."""
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder) / "tree"
        subprocess.run(["dpkg-deb", "--raw-extract", path, tree], check=True)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub("(?m)^Version: .*$", f"Version: {version}", control.read_text()))
        with (tree / "etc/default/stund").open("a") as defaults:
            defaults.write("# A line that this version has more.\n")
        made = pathlib.Path(folder) / "newer.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made], check=True, capture_output=True)
        return made.read_bytes()


def setUpModule():
    debian_root.needed()
    package()
    debian_root.archive()


class DebianPackage(unittest.TestCase):
    def setUp(self):
        self.root = DebianRoot()
        self.addCleanup(self.root.close)
        self.servers = []
        # Before the root is gone.
        self.addCleanup(lambda: [server.stop() for server in self.servers])
        self.put(package(), "stund.deb")

    def put(self, path, name):
        (self.root.path / "packages" / name).write_bytes(path.read_bytes())

    def ok(self, *words, **more):
        code, text = self.root.run(*words, **more)
        self.assertEqual(code, 0, f"{words}: {text}")
        return text

    def answer(self, **answers):
        lines = [f"stund stund/{key.replace('_', '-')} string {value}" for key, value in answers.items()]
        self.ok("debconf-set-selections", input="\n".join(lines) + "\n")

    def install(self, name="stund.deb"):
        # Where the operator and a new version changed the same conffile, dpkg asks; as everybody answers:
        return self.ok("apt-get", "install", "--yes", "-o", "Dpkg::Options::=--force-confold", f"/packages/{name}")

    def settings(self):
        return self.root.file(SETTINGS).read_text()

    def start(self):
        server = Unit(self.root)
        self.servers.append(server)
        return server

    def newer(self):
        (self.root.path / "packages/newer.deb").write_bytes(later(package()))

    def test_installed_started_asked_updated_removed_and_purged_without_a_trace(self):
        self.ok("apt-get", "install", "--yes", *debian_root.DEPENDENCIES)
        before = self.root.everything()
        self.answer(http_port=5070, stun_port_1=5062)
        self.install()
        self.assertIn("\nstun-port-1: 5062\nstun-port-2: 5063\n", self.settings())
        self.assertIn("\nhttp-port: 5070\n", self.settings())
        self.assertEqual(self.ok("stat", "-c", "%U %G %a", SETTINGS, "/etc/stund", "/var/lib/stund").splitlines(), [
            "stund stund 640", "stund stund 750", "stund stund 700"])
        self.assertTrue(self.root.file("/etc/systemd/system/multi-user.target.wants/stund.service").is_symlink())

        self.root.file("/etc/default/stund").write_text(TWO_ADDRESSES + "\n")
        server = self.start()
        text = self.root.run("stun", "127.0.0.1:5062")[1]
        self.assertIn("Primary: Open", text)
        self.assertIn("http://127.0.0.1:5070/", self.ok("stund", "status"))
        self.assertEqual(self.root.file("/run/stund/http.url").read_text().strip(), "http://127.0.0.1:5070/")
        # What the operator does: by command, by console and by editor.
        self.ok("stund", "user", "add", "alice")
        self.ok("stund", "setting", "set", "log-level=6")
        with self.root.file(SETTINGS).open("a") as file:
            file.write("# The old phones of the third floor.\nrate-limit-exempt: 192.0.2.0/24\n")
        self.ok("bash", "-c", "kill -HUP $(cat /run/stund/stund.pid)")
        self.assertEqual(server.stop(), 0, server.output)

        edited, answers = self.settings(), self.root.file("/etc/default/stund").read_text()
        self.newer()
        self.install("newer.deb")
        self.assertEqual(self.settings(), edited)
        self.assertEqual(self.root.file("/etc/default/stund").read_text(), answers)
        self.assertEqual(self.ok("stat", "-c", "%U %G %a", SETTINGS).strip(), "stund stund 640")
        server = self.start()
        self.assertIn("Primary: Open", self.root.run("stun", "127.0.0.1:5062")[1])
        self.assertIn("alice", self.ok("stund", "user", "list"))
        self.assertEqual(server.stop(), 0)

        self.ok("apt-get", "remove", "--yes", "stund")
        self.assertFalse(self.root.file("/usr/sbin/stund").exists())
        self.assertEqual(self.settings(), edited)
        self.assertTrue(self.root.file("/var/lib/stund/stund.sqlite").exists())
        # Whoever comes back finds all as it was.
        self.install("newer.deb")
        self.assertEqual(self.settings(), edited)
        self.assertIn("alice", self.ok("stund", "user", "list", env={"STATE_DIRECTORY": "/var/lib/stund"}))
        self.ok("apt-get", "purge", "--yes", "stund")
        after = self.root.everything()
        self.assertEqual({k: (before.get(k), after.get(k)) for k in before.keys() | after.keys()
                          if before.get(k) != after.get(k)}, {})
        self.assertEqual(self.root.run("debconf-show", "stund")[1].strip(), "")

    def test_the_programs_of_the_package_and_what_belongs_to_them(self):
        self.install()
        self.assertRegex(self.ok("stund", "--version"), r"^stund [0-9.]+\n$")
        self.assertIn("load", self.ok("/usr/lib/stund/stun", "--help"))
        for path in (
            "/usr/share/man/man8/stund.8.gz", "/usr/share/man/man8/stund-user-add.8.gz",
            "/usr/share/bash-completion/completions/stund", "/usr/share/zsh/vendor-completions/_stund",
            "/usr/share/fish/vendor_completions.d/stund.fish", "/usr/share/doc/stund/copyright",
            "/usr/share/doc/stund/changelog.gz", "/usr/share/doc/stund/README.md",
            "/usr/share/doc/stund/docs/settings.md", "/usr/share/doc/stund/deploy/prometheus-rules.yml",
        ):
            self.assertTrue(self.root.file(path).exists(), path)
        words = self.root.shell(
            "source /usr/share/bash-completion/completions/stund; COMP_WORDS=(stund user a); COMP_CWORD=2;"
            ' COMP_LINE="stund user a"; COMP_POINT=12; _stund stund a user; echo "${COMPREPLY[@]}"')[1]
        self.assertIn("add", words.split())
        self.assertEqual(self.ok("dpkg", "--verify", "stund"), "")

    def test_what_was_not_changed_has_the_default_ports(self):
        self.install()
        self.assertIn("\nstun-port-1: 3478\nstun-port-2: 3479\n", self.settings())
        self.assertIn("\nhttp-port: 80\n", self.settings())
        # Port 80 without root: the one right that the unit leaves.
        self.start()
        self.assertIn("http://127.0.0.1/", self.ok("stund", "status"))

    def test_wrong_answers_of_a_file_give_the_defaults_and_no_endless_question(self):
        self.answer(http_port=99999, stun_port_1="http")
        self.install()
        self.assertIn("\nstun-port-1: 3478\n", self.settings())
        self.assertIn("\nhttp-port: 80\n", self.settings())

    def test_one_port_cannot_be_both(self):
        self.answer(http_port=5070, stun_port_1=5070)
        self.install()
        self.assertIn("\nstun-port-1: 3478\n", self.settings())
        self.assertIn("\nhttp-port: 5070\n", self.settings())

    def test_the_last_port_has_its_second_one_below(self):
        self.answer(stun_port_1=65535)
        self.install()
        self.assertIn("\nstun-port-1: 65535\nstun-port-2: 65534\n", self.settings())

    def test_an_installation_asks_at_the_terminal_and_again_after_a_wrong_answer(self):
        text = self.typed(["apt-get", "install", "--yes", "/packages/stund.deb"], [
            ("HTTP port of the web console", "eighty"), ("cannot be used", ""), ("HTTP port of the web console", "5070"),
            ("STUN port", "5062"),
        ])
        self.assertIn("already runs another web server", text)
        self.assertIn("\nstun-port-1: 5062\nstun-port-2: 5063\n", self.settings())
        self.assertIn("\nhttp-port: 5070\n", self.settings())

    def test_reconfiguring_begins_with_what_the_file_says_and_changes_only_the_answers(self):
        self.install()
        file = self.root.file(SETTINGS)
        edited = "# Mine.\nhttp-port: 5080   # the web server has 80\n\nstun-port-1: 5062\nstun-port-2: 5063\nlog-level: 7\n"
        file.write_text(edited)
        # Old answers are worth less than the file.
        self.answer(http_port=1111, stun_port_1=2222)
        self.ok("dpkg-reconfigure", "stund")
        self.assertEqual(self.settings(), edited)
        self.typed(["dpkg-reconfigure", "stund"], [("HTTP port", "5080"), ("STUN port", "5063")])
        self.assertEqual(
            self.settings(),
            edited.replace("stun-port-1: 5062\nstun-port-2: 5063", "stun-port-1: 5063\nstun-port-2: 5064"))
        self.assertEqual(self.ok("stat", "-c", "%U %G %a", SETTINGS).strip(), "stund stund 640")

    def test_a_file_that_the_server_would_refuse_is_left_alone(self):
        self.install()
        file = self.root.file(SETTINGS)
        file.write_text("stun-prot-1: 3480\n  what\n")
        self.ok("dpkg-reconfigure", "stund")
        self.newer()
        self.install("newer.deb")
        self.assertEqual(file.read_text(), "stun-prot-1: 3480\n  what\n")

    def test_a_file_that_the_operator_took_away_or_linked_elsewhere(self):
        self.install()
        file = self.root.file(SETTINGS)
        file.rename(self.root.file("/etc/elsewhere.yaml"))
        file.symlink_to("/etc/elsewhere.yaml")
        self.newer()
        self.install("newer.deb")
        self.assertTrue(file.is_symlink())

    def test_keys_of_the_operator_survive_a_purge(self):
        self.install()
        self.root.file("/etc/stund/turn.pem").write_text("a key\n")
        text = self.ok("apt-get", "purge", "--yes", "stund")
        self.assertIn("/etc/stund has files that are not of this package", text)
        self.assertEqual(os.listdir(self.root.file("/etc/stund")), ["turn.pem"])

    def test_the_scripts_run_twice(self):
        self.install()
        before = self.root.everything()
        info = "/var/lib/dpkg/info/stund"
        for script in (f"{info}.postinst configure", f"{info}.postinst configure 0.0.1", f"{info}.prerm upgrade 99.0",
                       f"{info}.postinst abort-upgrade 99.0", f"{info}.postrm upgrade 99.0", f"{info}.prerm remove",
                       f"{info}.postinst abort-remove", f"{info}.postinst configure"):
            self.ok("/usr/share/debconf/frontend", *script.split())
        self.assertEqual(self.root.everything(), before)
        self.root.shell(f"cp {info}.postrm /tmp/postrm")
        self.ok("apt-get", "purge", "--yes", "stund")
        gone = self.root.everything()
        self.ok("/usr/share/debconf/frontend", "/tmp/postrm", "purge")
        self.assertEqual(self.root.everything(), gone)

    def test_an_installation_that_is_ended_anywhere_is_mended_by_the_next(self):
        self.answer(http_port=5070, stun_port_1=5062)
        self.install()
        self.ok("apt-get", "install", "--yes", *debian_root.DEPENDENCIES)
        whole = self.root.everything()
        self.ok("dpkg", "--purge", "stund")
        # Unpacked alone; then its script, ended before its first, second, third ... step.
        self.answer(http_port=5070, stun_port_1=5062)
        self.ok("dpkg", "--unpack", "/packages/stund.deb")
        self.root.file("/tmp/half").write_text(
            "#!/bin/bash\nset -T\nsteps=$STEPS\ntrap '[ $((steps--)) -gt 0 ] || exit 3' DEBUG\n"
            "set -- configure\n. /var/lib/dpkg/info/stund.postinst\n")
        self.root.file("/tmp/half").chmod(0o755)
        ended = 0
        for steps in range(1, 200, 2):
            # Without what earlier rounds made, each step is tried on a bare system.
            self.root.shell(
                "rm -rf /etc/stund /var/lib/stund; deluser --system stund; delgroup --system stund;"
                " rm -f /etc/systemd/system/multi-user.target.wants/stund.service")
            code, _ = self.root.run("/usr/share/debconf/frontend", "/tmp/half", env={"STEPS": str(steps)})
            if self.root.file(SETTINGS).exists():
                # Whatever there is is whole.
                self.assertIn("\nstun-port-1: 5062\nstun-port-2: 5063\n", self.settings())
                self.assertIn("\nhttp-port: 5070\n", self.settings())
            if code == 0:
                break
            ended += 1
            if steps % 8 == 1:
                self.ok("/usr/share/debconf/frontend", "/var/lib/dpkg/info/stund.postinst", "configure")
                self.assertEqual(self.ok("stat", "-c", "%U %G %a", SETTINGS).strip(), "stund stund 640")
        self.assertGreater(ended, 10)
        self.ok("dpkg", "--configure", "stund")
        again = self.root.everything()
        self.assertEqual({k: (whole.get(k), again.get(k)) for k in whole.keys() | again.keys()
                          if whole.get(k) != again.get(k)}, {})

    def test_a_purge_that_is_ended_anywhere_is_mended_by_the_next(self):
        self.ok("apt-get", "install", "--yes", *debian_root.DEPENDENCIES)
        before = self.root.everything()
        self.install()
        self.start().stop()
        self.root.shell("cp /var/lib/dpkg/info/stund.postrm /tmp/postrm")
        self.root.file("/tmp/half").write_text(
            "#!/bin/bash\nset -T\nsteps=$STEPS\ntrap '[ $((steps--)) -gt 0 ] || exit 3' DEBUG\n"
            "set -- purge\n. /tmp/postrm\n")
        self.root.file("/tmp/half").chmod(0o755)
        self.ok("apt-get", "remove", "--yes", "stund")
        for steps in range(2, 40, 3):
            self.root.run("/tmp/half", env={"STEPS": str(steps)})
        self.ok("apt-get", "purge", "--yes", "stund")
        after = self.root.everything()
        self.assertEqual({k: (before.get(k), after.get(k)) for k in before.keys() | after.keys()
                          if before.get(k) != after.get(k)}, {})

    def test_german_answers_are_in_the_database_of_questions(self):
        self.install()
        texts = self.root.file("/var/cache/debconf/templates.dat").read_text()
        for words in ("HTTP-Port der Weboberfläche", "STUN-Port:", "kann nicht verwendet werden"):
            self.assertIn(words, texts)

    def typed(self, words, answers, seconds=60):
        """Runs a command at a terminal and types an answer after each question; gives all that stood there."""
        mine, its = pty.openpty()
        process = subprocess.Popen(
            self.root.command(*words, env={"DEBIAN_FRONTEND": "teletype", "TERM": "dumb"}),
            stdin=its, stdout=its, stderr=its, start_new_session=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0))
        os.close(its)
        text, seen, waiting = "", 0, list(answers)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([mine], [], [], 0.3)[0]:
                try:
                    text += os.read(mine, 4096).decode(errors="replace")
                except OSError:
                    break
            elif waiting and waiting[0][0] in text[seen:]:
                # It says nothing more, so it waits for an answer.
                seen = len(text)
                os.write(mine, (waiting.pop(0)[1] + "\n").encode())
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(mine)
        self.assertEqual((process.returncode, waiting), (0, []), text)
        return text


if __name__ == "__main__":
    unittest.main()
