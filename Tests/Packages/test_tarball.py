"""Proves what docs/install.md promises of the tarball: its commands, as they stand there, on a bare Debian 12.

PACKAGES names the folder with the tarball, which Scripts/test-packages makes.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import debian_root
from debian_root import DebianRoot

PACKAGES = pathlib.Path(os.environ.get("PACKAGES") or debian_root.ROOT / ".build/packages")
GUIDE = (debian_root.ROOT / "docs/install.md").read_text()


def tarball():
    found = sorted(PACKAGES.glob("stund-*.tar.gz"))
    if len(found) != 1:
        raise unittest.SkipTest(f"there is not one tarball in {PACKAGES} (Scripts/test-packages)")
    return found[0]


def commands(chapter):
    """The commands of a chapter, which a person types one after the other."""
    text = GUIDE.split(f"## {chapter}\n")[1].split("\n## ")[0]
    blocks = [block.split("```")[0] for block in text.split("```console\n")[1:]]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line[2:] for line in lines if line.startswith("# ")]


def setUpModule():
    debian_root.needed()
    tarball()
    debian_root.archive()


class Tarball(unittest.TestCase):
    def setUp(self):
        self.root = DebianRoot()
        self.addCleanup(self.root.close)
        for path in (tarball(), pathlib.Path(f"{tarball()}.sha256")):
            self.root.file(f"/root/{path.name}").write_bytes(path.read_bytes())
        # Chapter "The tarball" says which packages of the system it needs.
        self.ok("apt-get", "install", "--yes", *debian_root.LIBRARIES)

    def ok(self, *words, **more):
        code, text = self.root.run(*words, **more)
        self.assertEqual(code, 0, f"{words}: {text}")
        return text

    def typed(self, chapter):
        """Types a chapter's commands into one shell; each must succeed."""
        lines = commands(chapter)
        self.assertGreater(len(lines), 2)
        text = "\n".join(lines)
        name = tarball().name.removesuffix(".tar.gz")
        self.assertIn(name.rsplit("-", 1)[0], text, "docs/install.md names another version")
        # Another processor has another name.
        text = re.sub(r"stund-[0-9.]+-linux-\w+", name, text)
        return self.ok("bash", "-ec", text)

    def answers(self, port):
        # Without a second address the client sees a firewall, but it sees the server.
        code, text = self.root.run("stun", "-v", f"127.0.0.1:{port}", "1")
        self.assertIn("MappedAddress = 127.0.0.1", text)

    def test_the_checksum_is_that_of_the_tarball(self):
        self.ok("sha256sum", "--check", f"{tarball().name}.sha256")

    def test_it_holds_one_folder_of_its_own_name_and_belongs_to_nobody(self):
        with tarfile.open(tarball()) as file:
            members = file.getmembers()
        name = tarball().name.removesuffix(".tar.gz")
        self.assertEqual({member.name.split("/")[0] for member in members}, {name})
        self.assertEqual({(member.uid, member.gid) for member in members}, {(0, 0)})
        for path in ("stund", "stun", "stund-suse.sh", "stund-redhat.sh", "LICENSE", "README.md", "docs/install.md",
                     "man/stund.8", "completions/stund.zsh", "deploy/systemd/stund.service", "stund.yaml"):
            self.assertIn(f"{name}/{path}", [member.name for member in members])

    def test_each_document_that_the_documents_name_is_there(self):
        name = tarball().name.removesuffix(".tar.gz")
        self.ok("tar", "xzf", tarball().name)
        script = r"""
            cd "$1"
            for document in README.md docs/*.md; do
                grep -oE '\]\([^)#]+' "$document" | cut -c3- | grep -v '^http' | while read -r link; do
                    [ -e "$(dirname "$document")/$link" ] || echo "$document: $link"
                done
            done"""
        self.assertEqual(self.ok("bash", "-c", script, "links", name), "")

    def test_to_try_it_unpack_and_start(self):
        name = tarball().name.removesuffix(".tar.gz")
        self.ok("tar", "xzf", tarball().name)
        text = self.ok("./stund", "--html-port", "5070", directory=f"/root/{name}")
        self.assertIn("answers STUN at", text)
        self.answers(3478)
        self.ok("bash", "-c", "kill $(cat stund.yaml.d/stund.pid)", directory=f"/root/{name}")

    def test_the_chapter_of_suse(self):
        self.root.file("/etc/rc.config").write_text("")
        for level in "23":
            self.root.file(f"/etc/init.d/rc{level}.d").mkdir(exist_ok=True)
        text = self.typed("SuSE")
        self.assertIn("stund runs (process ", text)
        self.answers(3478)
        self.assertIn("5070", self.ok("stund", "status"))
        # What init does at the next start and stop of the system.
        for level in "23":
            for link in ("S20stund", "K20stund"):
                self.assertTrue(os.path.lexists(self.root.file(f"/etc/init.d/rc{level}.d/{link}")))
        self.ok("/etc/init.d/rc3.d/K20stund", "stop")
        self.assertEqual(self.root.run("rcstund", "status")[0], 3)
        self.ok("/etc/init.d/rc3.d/S20stund", "start")
        self.answers(3478)
        self.ok("rcstund", "stop")

    def test_the_chapter_of_red_hat(self):
        # Debian has neither; what they do is not seen here.
        for tool in ("chkconfig", "service"):
            path = self.root.file(f"/usr/local/bin/{tool}")
            path.write_text('#!/bin/sh\n[ "${0##*/}" = chkconfig ] || exec "/etc/init.d/$1" "$2"\n')
            path.chmod(0o755)
        self.root.file("/etc/sysconfig").mkdir()
        text = self.typed("Red Hat")
        self.assertIn("stund runs (process ", text)
        self.answers(3478)
        self.ok("/etc/init.d/stund", "stop")


class ManualPages(unittest.TestCase):
    @unittest.skipUnless(shutil.which("lexgrog"), "needs lexgrog, which is part of man-db")
    def test_man_finds_what_each_page_is_about(self):
        with tempfile.TemporaryDirectory() as folder, tarfile.open(tarball()) as file:
            pages = [member for member in file.getmembers() if re.fullmatch(r"[^/]+/man/[^/]+\.[18]", member.name)]
            file.extractall(folder, members=pages, filter="data")
            paths = [str(pathlib.Path(folder, page.name)) for page in pages]
            told = subprocess.run(["lexgrog", *paths], capture_output=True, text=True)
        self.assertGreater(len(pages), 40)
        self.assertEqual(told.returncode, 0, told.stdout)


if __name__ == "__main__":
    unittest.main()
