"""Proves what the Containerfile promises: the image is built by buildah, and its server runs as no root in a read-only root.

The base is a bare Debian 12 of our own, as no registry is asked. The container is what `docker run --read-only --cap-drop ALL
--security-opt no-new-privileges` would make of it, by namespaces; no container engine is asked either.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import debian_root
from debian_root import DebianRoot
from test_debian_package import package

FILES = debian_root.ROOT / "deploy/container"
# Volumes are writable for the user of the image, all else is read-only.
RUN = r"""
set -e
root=$1 user=$2 volumes=$3
shift 3
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -o remount,ro,bind "$root"
for volume in $volumes; do mount -t tmpfs -o "mode=700,uid=$user,gid=$user" tmpfs "$root/$volume"; done
exec chroot "$root" setpriv --bounding-set=-all --inh-caps=-all --no-new-privs --reuid="$user" --regid="$user" --clear-groups "$@"
"""


def setUpModule():
    debian_root.needed()
    if not shutil.which("buildah"):
        raise unittest.SkipTest("buildah is missing (Scripts/install-packages test)")
    package()
    debian_root.archive()


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        root = DebianRoot()
        cls.addClassCleanup(root.close)
        folder = pathlib.Path(tempfile.mkdtemp(dir=debian_root.CACHE, prefix="image-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        settings = folder / "storage.conf"
        settings.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n')
        cls.environment = {
            **os.environ, "CONTAINERS_STORAGE_CONF": str(settings), "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs",
        }
        base = cls.buildah("from", "scratch")
        cls.buildah("add", "--quiet", base, str(root.path), "/")
        cls.buildah("commit", "--quiet", base, "localhost/bare-debian")
        context = folder / "context"
        shutil.copytree(FILES, context)
        shutil.copy(package(), context / "stund.deb")
        cls.buildah("build", "--format", "docker", "--build-arg", "BASE=localhost/bare-debian", "--tag", "stund-test",
                    "--file", str(context / "Containerfile"), str(context))
        inspected = json.loads(cls.buildah("inspect", "--type", "image", "stund-test"))
        cls.config = inspected["Docker"]["config"]
        cls.root = cls.buildah("mount", cls.buildah("from", "stund-test"))

    @classmethod
    def buildah(cls, *words):
        done = subprocess.run(["buildah", *words], capture_output=True, text=True, env=cls.environment)
        if done.returncode:
            raise AssertionError(f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout.strip()

    def test_its_server_runs_and_is_healthy_with_no_rights_in_a_read_only_root(self):
        user, group = self.config["User"].split(":")
        self.assertEqual(user, group)
        self.assertNotEqual(user, "0")
        variables = ["env", "-i", *self.config["Env"]]
        server = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", RUN, "run", self.root, user,
             " ".join(self.config["Volumes"]), *variables, *self.config["Entrypoint"]],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(debian_root.end, server)
        output = ""
        while "settings:" not in output:
            line = server.stdout.readline()
            if not line:
                break
            output += line
        self.assertIn("answers STUN at", output)
        self.assertIn("ports 49160-49259", output)
        first = debian_root.first_of(server)
        status = pathlib.Path(f"/proc/{first}/status").read_text()
        self.assertRegex(status, r"(?m)^CapBnd:\s+0+$")
        inside = ["nsenter", "--target", first, "--net", "--mount", "--pid", "chroot", f"--userspec={user}:{group}", self.root]
        health = subprocess.run([*inside, *variables, *self.config["Healthcheck"]["Test"][1:]], capture_output=True, text=True)
        self.assertEqual(health.returncode, 0, health.stdout + health.stderr)
        answer = subprocess.run([*inside, "stun", "-v", "127.0.0.1", "1"], capture_output=True, text=True)
        self.assertIn("MappedAddress = 127.0.0.1", answer.stdout + answer.stderr)
        written = subprocess.run([*inside, "sh", "-c", "echo x >/etc/stund/new"], capture_output=True, text=True)
        self.assertIn("Read-only file system", written.stderr)

    def test_nothing_of_the_installation_is_left_in_it(self):
        root = pathlib.Path(self.root)
        self.assertFalse((root / "tmp/stund.deb").exists())
        self.assertEqual(list((root / "var/lib/apt/lists").glob("*_Packages*")), [])
        info = (root / "etc/stund/stund.yaml").stat()
        self.assertEqual((str(info.st_uid), str(info.st_gid)), tuple(self.config["User"].split(":")))


if __name__ == "__main__":
    unittest.main()
