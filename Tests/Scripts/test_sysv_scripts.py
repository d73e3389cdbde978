"""Proves what the start scripts of deploy/sysv promise, in the manner of the manual's chapters 3.1 and 3.2.

They start a stand-in for the server; the tests of packages start the real one with them.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from scripts import FOLDER

SCRIPTS = FOLDER.parent / "deploy/sysv"
# Goes into the background as the server does: the command ends when its process number is in the file.
SERVER = """#!/bin/sh
echo "$@" >>"$LOG"
[ -e "$BROKEN" ] && echo "stund: port 3478 is taken" >&2 && exit 71
rm -f "$RUNTIME_DIRECTORY/ready"
setsid "${0%/*}/child/stund" "$RUNTIME_DIRECTORY" "$STATE_DIRECTORY" >/dev/null 2>&1 &
echo $! >"$RUNTIME_DIRECTORY/stund.pid"
until [ -e "$RUNTIME_DIRECTORY/ready" ]; do sleep 0.02; done
"""
CHILD = """#!/bin/sh
trap 'rm -f "$1/stund.pid"; exit 0' TERM
trap 'echo reread >>"$LOG"' HUP
ls -ld "$1" "$2" >>"$LOG"
touch "$1/ready"
while :; do sleep 0.05; done
"""


def has_ended(process):
    """Also of a process that has ended and that nobody took note of."""
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes() == b""
    except OSError:
        return True


class StartScript:
    """The promises that both scripts make."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.log, self.config = self.root / "log", self.root / "config"
        self.log.touch()
        (self.root / "child").mkdir()
        for path, text in ((self.root / "server", SERVER), (self.root / "child/stund", CHILD)):
            path.write_text(text)
            path.chmod(0o755)
        self.script = self.root / "init.d-stund"
        shutil.copy(SCRIPTS / self.name, self.script)
        self.addCleanup(self.run_script, "stop", STOP_SECONDS="40")

    def configure(self, text):
        self.config.write_text(text)

    def run_script(self, *arguments, **environment):
        """(exit code, what was written)"""
        done = subprocess.run(
            [self.script, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
            cwd=self.root, env={
                "PATH": os.environ["PATH"], "LOG": str(self.log), "BROKEN": str(self.root / "broken"),
                "STUND": str(self.root / "server"), "CONFIG_FILES": f"{self.root / 'other'} {self.config}",
                "RUN": str(self.root / "run"), "STATE": str(self.root / "state"), "LOCK": str(self.root / "lock"), "POLL": "0.05",
                **environment,
            })
        return done.returncode, done.stdout + done.stderr

    def process(self):
        return int((self.root / "run/stund.pid").read_text())

    def test_it_starts_with_the_options_of_the_manual(self):
        self.configure('START_STUND="yes"\nSTUND_OPTS="--html-port 5070 -config /root/stund.txt"\n')
        self.assertEqual(self.run_script("start"), (0, ""))
        lines = self.log.read_text().splitlines()
        self.assertEqual(lines[0], "--html-port 5070 -config /root/stund.txt")
        code, text = self.run_script("status")
        self.assertEqual((code, text), (0, f"stund runs (process {self.process()}).\n"))

    def test_without_config_it_uses_the_file_of_etc(self):
        self.configure("START_STUND=yes\nSTUND_OPTS='--log 8'\n")
        self.run_script("start")
        self.assertEqual(self.log.read_text().splitlines()[0], "--config /etc/stund/stund.yaml --log 8")

    def test_where_the_host_has_its_user_it_goes_on_as_that_unless_the_options_are_set(self):
        tools = self.root / "tools"
        tools.mkdir()
        (tools / "id").write_text('#!/bin/sh\n[ "$1" = stund ] && [ -e "$0.has" ]\n')
        (tools / "id").chmod(0o755)
        path = f"{tools}:{os.environ['PATH']}"
        for hasUser, options, told in (
            (False, "", ""), (True, "", " --set run-as=stund"), (True, "STUND_OPTS='--log 8'", " --log 8"),
        ):
            if hasUser:
                (tools / "id.has").touch()
            self.configure(f"START_STUND=yes\n{options}\n")
            self.run_script("start", PATH=path)
            self.run_script("stop", STOP_SECONDS="40", PATH=path)
            starts = [line for line in self.log.read_text().splitlines() if line.startswith("--config")]
            self.assertEqual(starts[-1].rstrip(), "--config /etc/stund/stund.yaml" + told)

    def test_state_is_for_the_server_alone(self):
        self.configure("START_STUND=yes\n")
        self.run_script("start")
        lines = self.log.read_text().splitlines()
        self.assertTrue(lines[1].startswith("drwxr-xr-x"), lines)
        self.assertTrue(lines[2].startswith("drwx------"), lines)

    def test_it_starts_nothing_that_is_forbidden_or_runs_already(self):
        self.configure("START_STUND=no\n")
        code, text = self.run_script("start")
        self.assertEqual(code, 6)
        self.assertIn("START_STUND", text)
        self.configure("START_STUND=yes\n")
        self.run_script("start")
        self.assertEqual(self.run_script("start"), (0, "stund runs already.\n"))
        self.assertEqual(self.log.read_text().count("--config"), 1)

    def test_a_pattern_in_the_options_stays_what_it_is(self):
        (self.root / "realm=a-file").touch()
        self.configure("START_STUND=yes\nSTUND_OPTS='--set realm=*'\n")
        self.run_script("start")
        self.assertIn("--set realm=*\n", self.log.read_text())

    def test_a_start_that_fails_tells_why_by_the_servers_own_words_and_code(self):
        self.configure("START_STUND=yes\n")
        (self.root / "broken").touch()
        self.assertEqual(self.run_script("start"), (71, "stund: port 3478 is taken\n"))
        self.assertNotEqual(self.run_script("status")[0], 0)

    def test_a_missing_program_is_named(self):
        self.configure("START_STUND=yes\n")
        code, text = self.run_script("start", STUND="/nowhere/stund")
        self.assertEqual(code, 5)
        self.assertIn("/nowhere/stund is missing", text)

    def test_stop_waits_for_the_end_and_may_be_repeated(self):
        self.configure("START_STUND=yes\n")
        self.run_script("start")
        process = self.process()
        self.assertEqual(self.run_script("stop"), (0, ""))
        self.assertTrue(has_ended(process))
        self.assertEqual(self.run_script("stop"), (0, "stund does not run.\n"))
        self.assertEqual(self.run_script("status"), (3, "stund does not run.\n"))

    def test_stop_does_not_kill_a_server_whose_calls_go_on_and_says_how(self):
        (self.root / "child/stund").write_text(CHILD.replace('rm -f "$1/stund.pid"; exit 0', ":"))
        self.configure("START_STUND=yes\n")
        self.run_script("start")
        process = self.process()
        self.addCleanup(os.kill, process, 9)
        code, text = self.run_script("stop", STOP_SECONDS="2")
        self.assertEqual(code, 1)
        self.assertIn(f"kill -INT {process}", text)
        self.assertFalse(has_ended(process))

    def test_restart_reload_and_try_restart(self):
        self.configure("START_STUND=yes\n")
        self.assertEqual(self.run_script("try-restart")[0], 0)
        self.assertEqual(self.run_script("reload")[0], 7)
        self.assertEqual(self.log.read_text(), "")
        self.run_script("start")
        first = self.process()
        self.assertEqual(self.run_script("reload")[0], 0)
        deadline = time.monotonic() + 20
        while "reread" not in self.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertIn("reread", self.log.read_text())
        for verb in ("restart", "try-restart", "force-reload"):
            self.assertEqual(self.run_script(verb)[0], 0)
            self.assertNotEqual(self.process(), first)
            first = self.process()

    def test_a_number_that_a_dead_server_left_is_nobodys(self):
        self.configure("START_STUND=yes\n")
        (self.root / "run").mkdir()
        other = subprocess.Popen(["sleep", "60"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        (self.root / "run/stund.pid").write_text(f"{other.pid}\n")
        self.assertEqual(self.run_script("status"), (1, "stund does not run.\n"))
        self.assertEqual(self.run_script("stop")[0], 0)
        self.assertIsNone(other.poll())
        self.assertEqual(self.run_script("start"), (0, ""))

    def test_other_words_tell_the_right_ones(self):
        code, text = self.run_script("begin")
        self.assertEqual(code, 2)
        self.assertIn("start|stop|restart", text)

    def test_its_head_tells_init_what_to_do(self):
        text = self.script.read_text()
        self.assertTrue(text.startswith("#!/bin/sh\n"))
        head = text.split("### BEGIN INIT INFO\n")[1].split("### END INIT INFO")[0]
        fields = dict(line[2:].split(":", 1) for line in head.splitlines())
        self.assertEqual(fields["Provides"].strip(), "stund")
        for field in ("Required-Start", "Required-Stop", "Default-Start", "Default-Stop", "Short-Description"):
            self.assertTrue(fields[field].strip(), field)
        self.assertLessEqual({"2", "3"}, set(fields["Default-Start"].split()))


class SuSE(StartScript, unittest.TestCase):
    name = "stund-suse.sh"

    def test_silence_means_no(self):
        self.configure("")
        self.assertEqual(self.run_script("start")[0], 6)


class RedHat(StartScript, unittest.TestCase):
    name = "stund-redhat.sh"

    def test_silence_means_yes_since_chkconfig_decides(self):
        self.configure("")
        self.assertEqual(self.run_script("start")[0], 0)

    def test_the_lines_of_chkconfig(self):
        lines = self.script.read_text().splitlines()[:15]
        runlevels, start, stop = next(line for line in lines if line.startswith("# chkconfig:")).split()[2:]
        self.assertRegex(runlevels, "^[0-9]+$")
        self.assertTrue(0 <= int(start) <= 99 and 0 <= int(stop) <= 99)
        self.assertTrue(any(line.startswith("# description: ") for line in lines))

    def test_the_file_by_which_init_knows_that_it_runs(self):
        self.run_script("start")
        self.assertTrue((self.root / "lock").exists())
        self.run_script("stop")
        self.assertFalse((self.root / "lock").exists())


if __name__ == "__main__":
    unittest.main()
