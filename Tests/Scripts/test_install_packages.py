"""Proves what Scripts/install-packages promises, against stand-ins for apt-get, dpkg-query and sudo.

The script runs as a copy in a folder of its own, with a PATH that has nothing but the stand-ins and a few tools: no
test installs anything.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from scripts import FOLDER

TOOLS = ["bash", "chmod", "dirname", "env", "flock", "grep", "mv", "rm", "sed", "sh", "tr"]
APT = """#!/bin/sh
echo "$@" >>"$LOG"
case "$1" in install) ;; *) exit 0 ;; esac
[ -e "$FAIL_ONCE" ] && rm "$FAIL_ONCE" && exit 100
for service in stun coturn.service ssh; do
    "$STUND_POLICY_FILE" "$service" start
    echo "$service $?" >>"$LOG"
done
"""
NOBODY = 65534


class InstallPackages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.root.chmod(0o777)
        (self.root / "Scripts").mkdir()
        for name in ("install-packages", "common.bash"):
            shutil.copy(FOLDER / name, self.root / "Scripts" / name)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.log, self.policy = self.root / "log", self.root / "policy-rc.d"
        self.missing = "libssl-dev"
        self.stand_in("apt-get", APT)
        self.stand_in("update-rc.d", '#!/bin/sh\necho "update-rc.d $@" >>"$LOG"\n')

    def stand_in(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run_script(self, *arguments, user=None):
        """(exit code, what was written, the calls of apt-get and update-rc.d)"""
        self.stand_in("dpkg-query", f'#!/bin/sh\ncase " {self.missing} " in *" $4 "*) exit 1 ;; esac\necho installed\n')
        self.log.write_text("")
        self.log.chmod(0o666)
        done = subprocess.run(
            ["bash", str(self.root / "Scripts/install-packages"), *(arguments or ["build"])],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, user=user,
            env={
                "PATH": str(self.bin), "LOG": str(self.log), "FAIL_ONCE": str(self.root / "fail-once"),
                "STUND_POLICY_FILE": str(self.policy), "STUND_LOCK_FILE": str(self.root / "lock"),
            },
        )
        return done.returncode, done.stdout + done.stderr, self.log.read_text().splitlines()

    def as_root(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")

    def test_nothing_is_missing(self):
        self.missing = ""
        self.assertEqual(self.run_script(), (0, "", []))

    def test_only_what_is_missing_is_installed_and_told_with_its_reason(self):
        self.as_root()
        code, text, calls = self.run_script()
        self.assertEqual(code, 0, text)
        self.assertIn("libssl-dev", text)
        self.assertIn("OpenSSL", text)
        self.assertNotIn("g++", text)
        self.assertTrue(calls[0].startswith("install ") and calls[0].endswith(" libssl-dev"), calls)

    def test_the_comparison_needs_coturn_which_building_does_not(self):
        self.as_root()
        self.missing = "coturn"
        self.assertEqual(self.run_script("build"), (0, "", []))
        code, text, calls = self.run_script("bench")
        self.assertEqual(code, 0, text)
        self.assertTrue(calls[0].endswith(" coturn"), calls)
        self.assertIn("coturn 101", [call.replace(".service", "") for call in calls])
        self.assertIn("will not start at boot", text)

    def test_the_lists_are_fetched_only_when_installing_failed(self):
        self.as_root()
        _, _, calls = self.run_script()
        self.assertFalse(any(call.startswith("update ") for call in calls), calls)
        (self.root / "fail-once").touch()
        code, _, calls = self.run_script()
        self.assertEqual(code, 0)
        verbs = [call.split()[0] for call in calls if call.split()[0] in ("install", "update")]
        self.assertEqual(verbs, ["install", "update", "install"])

    def test_the_services_of_the_partners_do_not_start_and_others_do(self):
        self.as_root()
        _, _, calls = self.run_script()
        self.assertEqual(calls[1:4], ["stun 101", "coturn.service 101", "ssh 0"])
        self.assertFalse(self.policy.exists())

    def test_the_policy_of_the_machine_is_asked_and_put_back(self):
        self.as_root()
        self.policy.write_text("#!/bin/sh\nexit 77\n")
        self.policy.chmod(0o755)
        _, _, calls = self.run_script()
        self.assertEqual(calls[1:4], ["stun 101", "coturn.service 101", "ssh 77"])
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 77\n")
        self.assertEqual([p.name for p in self.root.glob("policy-rc.d*")], ["policy-rc.d"])

    def test_what_a_killed_run_saved_is_put_back(self):
        self.as_root()
        self.policy.write_text("#!/bin/sh\n# Put here for a moment by the install-packages script of stund.\nexit 0\n")
        saved = self.root / "policy-rc.d.saved-by-stund"
        saved.write_text("#!/bin/sh\nexit 77\n")
        for path in (self.policy, saved):
            path.chmod(0o755)
        self.run_script()
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 77\n")
        self.assertFalse(saved.exists())

    def test_a_failed_installation_puts_the_policy_back_and_fails(self):
        self.as_root()
        self.policy.write_text("#!/bin/sh\nexit 77\n")
        self.stand_in("apt-get", "#!/bin/sh\nexit 100\n")
        code, text, _ = self.run_script()
        self.assertEqual(code, 69)
        self.assertIn("could not install: libssl-dev", text)
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 77\n")

    def test_services_are_disabled_only_for_packages_that_were_installed_now(self):
        self.as_root()
        _, _, calls = self.run_script()
        self.assertFalse(any(call.startswith("update-rc.d") for call in calls), calls)
        self.missing = "coturn"
        self.stand_in("python3", "#!/bin/sh\nexit 1\n")
        _, text, calls = self.run_script("test")
        self.assertIn("update-rc.d coturn disable", calls)
        self.assertIn("The service 'coturn' was not started", text)

    def test_a_system_without_apt(self):
        (self.bin / "apt-get").unlink()
        code, text, _ = self.run_script()
        self.assertEqual(code, 69)
        self.assertIn("not a Debian or Ubuntu system", text)
        self.assertIn("libssl-dev", text)

    def test_no_root_and_no_sudo(self):
        user = NOBODY if os.geteuid() == 0 else None
        code, text, calls = self.run_script(user=user)
        self.assertEqual((code, calls), (69, []))
        self.assertIn("needs root, and there is no sudo here", text)
        self.assertIn("libssl-dev", text)

    def test_sudo_that_would_ask_where_nobody_can_answer(self):
        self.stand_in("sudo", "#!/bin/sh\nexit 1\n")
        user = NOBODY if os.geteuid() == 0 else None
        code, text, calls = self.run_script(user=user)
        self.assertEqual((code, calls), (69, []))
        self.assertIn("sudo would ask for a password", text)

    def test_sudo_that_asks_nothing_is_used(self):
        self.stand_in("sudo", '#!/bin/sh\necho "sudo $@" >>"$LOG"\n')
        user = NOBODY if os.geteuid() == 0 else None
        code, _, calls = self.run_script(user=user)
        self.assertEqual(code, 0)
        self.assertTrue(calls[-1].endswith("Scripts/install-packages as-root libssl-dev"), calls)

    def test_each_client_of_pypi_has_its_exact_version_and_is_never_compiled(self):
        self.missing = ""
        (self.bin / "mkdir").symlink_to(shutil.which("mkdir"))
        (self.bin / "cp").symlink_to(shutil.which("cp"))
        self.stand_in("pip-stand-in", '#!/bin/sh\necho "pip $@" >>"$LOG"\n')
        self.stand_in("python3", '#!/bin/sh\nmkdir -p "$4/bin"\ncp "${0%/*}/pip-stand-in" "$4/bin/pip"\n')
        code, text, calls = self.run_script("test")
        self.assertEqual(code, 0, text)
        self.assertGreaterEqual(len(calls), 6)
        for call in calls:
            self.assertRegex(call, r" --only-binary=:all: [a-z0-9-]+==[0-9.]+$")
        # What is there already is not fetched again.
        self.assertEqual(self.run_script("test"), (0, "", []))

    def test_usage(self):
        self.assertEqual(self.run_script("everything")[0], 64)


if __name__ == "__main__":
    unittest.main()
