"""Proves that the documents lead nowhere that is not there: every link to a file of the repository, and to a heading in it.

Documents in docs/ may lead only to what packages have too.
"""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))
# What Scripts/package copies besides the documents.
PACKAGED = re.compile(r"(README|ARCHITECTURE|CONTRIBUTING|CHANGELOG)\.md|docs/.*|LICENSE|deploy/(systemd|container|helm)/.*|deploy/[^/]*\.(json|yml)")


def prose(text):
    """The text without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text):
    """The names that GitHub gives the headings."""
    found = []
    for heading in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        found.append(f"{name}-{found.count(name)}" if name in found else name)
    return found


def links(text):
    code = re.compile(r"`[^`\n]*`")
    return re.findall(r"\]\(([^)\s]+)\)", code.sub("", prose(text)))


class Links(unittest.TestCase):
    def test_every_link_leads_to_a_file_and_a_heading_that_are_there(self):
        wrong = []
        for document in DOCUMENTS:
            for link in links(document.read_text()):
                if re.match(r"https?:|mailto:", link):
                    continue
                path, _, heading = link.partition("#")
                target = (document.parent / path).resolve() if path else document
                place = f"{document.relative_to(ROOT)}: {link}"
                if not target.exists() or not target.is_relative_to(ROOT):
                    wrong.append(f"{place} is not there")
                elif heading and heading not in anchors(target.read_text()):
                    wrong.append(f"{place}: no such heading")
                elif document.parent != ROOT and not PACKAGED.fullmatch(str(target.relative_to(ROOT))):
                    wrong.append(f"{place} is in no package")
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_every_document_is_reached_from_the_first_one(self):
        reached, waiting = set(), [ROOT / "README.md"]
        while waiting:
            document = waiting.pop()
            if document in reached or document.suffix != ".md" or not document.exists():
                continue
            reached.add(document)
            waiting += [(document.parent / link.split("#")[0]).resolve() for link in links(document.read_text()) if link[0] != "#"]
        missing = [path for path in ROOT.glob("docs/*.md") if path not in reached]
        self.assertFalse(missing)


class TheJudge(unittest.TestCase):
    def test_headings_are_named_as_github_does(self):
        self.assertEqual(anchors("# A `b`, c!\n\n```\n# no\n```\n## A b c\n### stun-port-1\n"), ["a-b-c", "a-b-c-1", "stun-port-1"])

    def test_links_in_code_are_none(self):
        self.assertEqual(links("[a](b.md#c) `[d](e)`\n```\n[f](g)\n```\n![h](i.png)"), ["b.md#c", "i.png"])


if __name__ == "__main__":
    unittest.main()
