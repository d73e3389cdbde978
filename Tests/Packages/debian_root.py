"""A bare Debian 12 in a folder, with a network, processes and mounts of its own: what packages are installed in.

The first use makes it with debootstrap and keeps it as .build-debian/*.tar, with the packages that stund depends on
downloaded but not installed, so that later uses need no network.
"""
import contextlib
import hashlib
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".build-debian"
RELEASE = "bookworm"
# What a release build is linked with, what its package needs, and the client that asks it.
LIBRARIES = ["libssl3", "libsqlite3-0", "libc-ares2", "libhiredis0.14"]
DEPENDENCIES = [*LIBRARIES, "libstdc++6", "adduser", "debconf"]
FIREWALLS = ["nftables", "iptables", "ufw", "firewalld", "dbus", "netbase"]
DOWNLOADED = [*DEPENDENCIES, "systemd", *FIREWALLS]
INSTALLED = ["stun-client"]


def needed():
    """Raises SkipTest where no such root can be made."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("a Debian root needs root")
    for tool in ("debootstrap", "unshare", "nsenter", "ip"):
        if not shutil.which(tool):
            raise unittest.SkipTest(f"{tool} is missing (Scripts/install-packages test)")


def archive():
    """The root as a tar file, made when it is missing."""
    mark = hashlib.sha256(repr((RELEASE, DOWNLOADED, INSTALLED)).encode()).hexdigest()[:12]
    path = CACHE / f"{RELEASE}-{mark}.tar"
    if path.exists():
        return path
    needed()
    CACHE.mkdir(exist_ok=True)
    # debootstrap takes no folder with a space in its name.
    place = None if " " in str(CACHE) else CACHE
    with tempfile.TemporaryDirectory(dir=place, prefix="making-") as folder:
        root = pathlib.Path(folder) / "root"
        log = pathlib.Path(folder) / "log"
        steps = [
            ["debootstrap", "--variant=minbase", RELEASE, root],
            ["sh", "-c", "echo 'APT::Install-Recommends \"false\";' >$1/etc/apt/apt.conf.d/bare", "sh", root],
            ["chroot", root, "apt-get", "update"],
            ["chroot", root, "apt-get", "install", "--yes", *INSTALLED],
            ["chroot", root, "apt-get", "install", "--yes", "--reinstall", "--download-only", *DOWNLOADED],
        ]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        for step in steps:
            with log.open("ab") as output:
                if subprocess.run(step, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment).returncode:
                    last = log.read_text(errors="replace").strip().splitlines()[-1:]
                    raise unittest.SkipTest(f"no Debian root could be made ({' '.join(map(str, step[:3]))}): {last}")
        made = path.with_suffix(".making")
        subprocess.run(["tar", "-C", root, "--numeric-owner", "-cf", made, "."], check=True)
        made.rename(path)
    return path


def first_of(holder):
    """The first process of the namespaces that an `unshare --pid --fork` holds."""
    return pathlib.Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()[0]


def end(holder):
    """Ends all that runs in the namespaces that an `unshare --pid --fork` holds, and waits until it is gone.

    The kernel ends them with their first process. Whoever only ended `unshare` would leave it to --kill-child to end that one, which
    fails when it has become another user: the kernel forgets the signal then (PR_SET_PDEATHSIG in prctl(2)).
    """
    try:
        first = os.pidfd_open(int(first_of(holder)))
    except (OSError, IndexError):
        first = None  # it has not started it yet, or has ended already
    holder.kill()
    holder.wait()
    if first is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(first, signal.SIGKILL)
        select.select([first], [], [])
        os.close(first)


class DebianRoot:
    """One root: `run` runs commands in it; `close` ends all that runs there and removes it."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(dir=CACHE, prefix="root-"))
        subprocess.run(["tar", "-C", self.path, "--numeric-owner", "-xf", archive()], check=True)
        for library in os.environ.get("SWIFT_LIBRARIES", "").split():
            # Of a debug build, which is tried where there is no time for a release build.
            place = self.path / library.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
        # Holds the namespaces; as their first process it takes note of processes that end.
        script = (
            f"ip link set lo up && mount -t proc proc '{self.path}/proc' && mount -t devpts devpts '{self.path}/dev/pts'"
            " && echo up && while :; do sleep 1000 & wait; done")
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", script],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert self.holder.stdout.readline() == "up\n"
        self.first = first_of(self.holder)
        (self.path / "packages").mkdir()

    def close(self):
        end(self.holder)
        self.holder.stdout.close()
        shutil.rmtree(self.path)

    def command(self, *words, env=None, directory="/root"):
        variables = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive", **(env or {}),
        }
        return [
            "nsenter", "--target", self.first, "--net", "--mount", "--pid", "chroot", self.path, "env", "-i",
            f"--chdir={directory}", *[f"{key}={value}" for key, value in variables.items()], *words,
        ]

    def run(self, *words, env=None, directory="/root", input=None, timeout=120):
        """(exit code, all that was written)"""
        done = subprocess.run(
            self.command(*words, env=env, directory=directory), text=True, input=input or "", timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def shell(self, text, **more):
        return self.run("bash", "-c", text, **more)

    def file(self, path):
        return self.path / path.lstrip("/")

    def everything(self):
        """What lies in the root: {path: (kind and rights, owner, size or target)}, without what apt and dpkg note down."""
        noted = (
            "var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "proc", "packages", "tmp", "root", "etc/ld.so.cache", "run/adduser",
            # adduser keeps the last version of each, whatever it does.
            "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
        )
        found = {}
        for folder, folders, files in os.walk(self.path):
            place = os.path.relpath(folder, self.path)
            folders[:] = [f for f in folders if os.path.normpath(os.path.join(place, f)) not in noted]
            for name in folders + files:
                path = os.path.normpath(os.path.join(place, name))
                if path in noted:
                    continue
                info = os.lstat(self.path / path)
                what = os.readlink(self.path / path) if os.path.islink(self.path / path) else ""
                if os.path.isfile(self.path / path) and not what:
                    what = hashlib.sha256((self.path / path).read_bytes()).hexdigest()
                found[path] = (oct(info.st_mode), info.st_uid, info.st_gid, what)
        return found


class Unit:
    """A server, started by the command line, user and rights of the installed unit, as systemd would."""

    def __init__(self, root, unit="/lib/systemd/system/stund.service"):
        lines = [line.strip() for line in root.file(unit).read_text().splitlines()]
        keys = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        options = ""
        for line in root.file(keys["EnvironmentFile"].lstrip("-")).read_text().splitlines():
            if line.startswith("STUND_OPTS="):
                options = line.split("=", 1)[1].strip("\"'")
        self.root = root
        state, runtime = f"/var/lib/{keys['StateDirectory']}", f"/run/{keys['RuntimeDirectory']}"
        user, right = keys["User"], keys["AmbientCapabilities"].lower().removeprefix("cap_")
        assert keys["CapabilityBoundingSet"] == keys["AmbientCapabilities"]
        root.shell(
            f"install -d -o {user} -g {user} -m {keys['StateDirectoryMode']} {state}"
            f" && install -d -o {user} -g {user} -m {keys['RuntimeDirectoryMode']} {runtime}")
        words = keys["ExecStart"].replace("$STUND_OPTS", options).split()
        rights = f"-all,+{right}"
        self.process = subprocess.Popen(
            root.command(
                "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", f"--bounding-set={rights}",
                f"--inh-caps={rights}", f"--ambient-caps={rights}", "--no-new-privs",
                "bash", "-c", f'umask {keys["UMask"]}; exec "$@"', "unit", *words,
                env={"STATE_DIRECTORY": state, "RUNTIME_DIRECTORY": runtime}, directory="/"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = ""
        deadline = time.monotonic() + 60
        while "settings:" not in self.output and time.monotonic() < deadline:
            line = self.process.stdout.readline()
            if not line:
                break
            self.output += line
        assert "answers STUN at" in self.output, self.output

    def stop(self):
        """Its exit code."""
        if self.process.poll() is None:
            # By its number in the root, where nobody but a shell has kill.
            pid = self.root.file("/run/stund/stund.pid").read_text().strip()
            self.root.shell(f"kill -TERM {pid}")
        code = self.process.wait(60)
        self.process.stdout.close()
        return code
