"""Keeps docs/rfc-coverage.md true: every test that it names is there, and every row has a test or a reason.

The tables say what the server does about each demand of three RFCs; a test that was renamed or removed must not leave a
claim behind. The judge itself is tested like the product: each kind of wrong row must be found.
"""
import pathlib
import re
import tempfile
import unittest

from named_tests import findings_of_how, tables, tests

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# How a reason begins, where no test shows a demand.
REASONS = (
    "Not done: ", "Not applicable: ", "For the administrator: ",
    "Done by the kernel: ",
)


def order(section):
    """What a section, or the first of several, is sorted by."""
    return [int(part) for part in section.split(",")[0].split(".")]


def findings(text, known):
    """What is wrong with the document, where `known` are the tests."""
    wrong = []
    for rows in tables(text):
        before = []
        for number, cells in rows:
            if len(cells) != 3 or not all(cells):
                wrong.append(f"line {number}: a row needs section, requirement and how")
                continue
            section, _, how = cells
            if not re.fullmatch(r"\d+(\.\d+)*(, \d+(\.\d+)*)*", section):
                wrong.append(f"line {number}: '{section}' is no section")
            elif order(section) < before:
                wrong.append(f"line {number}: section {section} stands behind a later one")
            else:
                before = order(section)
            wrong += [f"line {number}: {finding}" for finding in findings_of_how(how, known, REASONS)]
    return wrong


class TheDocument(unittest.TestCase):
    text = (ROOT / "docs/rfc-coverage.md").read_text()

    def test_every_row_has_a_test_that_exists_or_a_reason(self):
        wrong = findings(self.text, tests(ROOT / "Tests"))
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_the_numbers_of_its_introduction_are_right(self):
        # The table of RFC 6062, which stands last, is not counted there.
        rows = [len(table) for table in tables(self.text)][:-1]
        self.assertEqual(len(rows), 3)
        looked_at, clients, others, left, told = map(int, re.search(
            r"All (\d+) sentences.* (\d+) of them concern only clients and (\d+) .*The other (\d+) are the (\d+) rows",
            self.text, re.DOTALL,
        ).groups())
        self.assertEqual(told, sum(rows))
        self.assertEqual(looked_at - clients - others, left)
        parts = re.findall(r"^(\d+) sentences, (\d+) only for clients\.$", self.text, re.MULTILINE)
        self.assertEqual(sum(int(part[0]) for part in parts), looked_at)
        self.assertEqual(sum(int(part[1]) for part in parts), clients)


class TheJudge(unittest.TestCase):
    known = {"it answers": {"ATests/B"}, 'it says "no"': {"ATests/C"}}

    def judge(self, *rows):
        head = ["| section | requirement | how |", "| --- | --- | --- |"]
        return findings("\n".join([*head, *rows]), self.known)

    def assert_red(self, word, *rows):
        found = self.judge(*rows)
        self.assertEqual(len(found), 1, found)
        self.assertIn(word, found[0])

    def test_right_rows(self):
        self.assertEqual(self.judge(
            '| 5 | a | "it answers" (`ATests/B`); "it says "no"" (`ATests/C`) |',
            "| 5, 14.8 | b | Not done: it would be wrong. |",
            '| 14.10 | c | Not done: half of it; "it answers" (`ATests/B`) |',
        ), [])

    def test_a_test_that_is_gone(self):
        self.assert_red("nowhere", '| 5 | a | "it sings" (`ATests/B`) |')

    def test_a_test_of_another_file(self):
        self.assert_red("ATests/B", '| 5 | a | "it answers" (`ATests/C`) |')

    def test_a_test_that_is_not_written(self):
        self.assert_red("not written", '| 5 | a | TEST? "it sings" (`ATests/B`) |')
        self.assert_red("mark", '| 5 | a | Not done: it is. TEST? |')

    def test_a_row_without_test_and_reason(self):
        self.assert_red("neither", "| 5 | a | surely |")
        self.assert_red("a row needs", "| 5 | a | |")
        self.assert_red("a row needs", "| 5 | a |")

    def test_a_section_out_of_order(self):
        self.assert_red("behind", "| 14.10 | a | Not done: b |", "| 14.9 | a | Not done: b |")
        self.assert_red("no section", "| five | a | Not done: b |")

    def test_sentences_are_read_in_all_their_forms(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "ATests" / "B.swift"
            path.parent.mkdir()
            path.write_text('@Test("one")\n@Test(\n    "two", arguments: [1])\n@Test("it says \\"no\\"")\n@Test func four() {}\n')
            self.assertEqual(set(tests(pathlib.Path(folder))), {"one", "two", 'it says "no"'})
            self.assertEqual(tests(pathlib.Path(folder))["two"], {"ATests/B"})

    def test_tests_of_python_are_called_by_the_words_of_their_names(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "Scripts" / "test_b.py"
            path.parent.mkdir()
            path.write_text("class A:\n    def test_it_starts(self):\n        pass\n\n    def helper_test_no(self):\n        pass\n")
            self.assertEqual(tests(pathlib.Path(folder)), {"it starts": {"Scripts/test_b"}})


if __name__ == "__main__":
    unittest.main()
