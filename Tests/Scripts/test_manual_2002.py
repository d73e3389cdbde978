"""Keeps docs/manual-2002.md whole and true: every chapter, option, page, field, column and message number of the manual of 2002
has its row, in the manual's order, with a test that exists or a reason.

MANUAL is what the manual has, taken from its text, which is not part of this repository. The judge itself is tested like the
product: each kind of wrong row must be found.
"""
import pathlib
import re
import unittest

from named_tests import cells, findings_of_how, tests

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REASONS = ("Not done: ", "Not applicable: ")

# The headings of the document, each with the first cells of its table.
MANUAL = {
    "Chapters": [
        "SIP in the Home Network", "1 How It Works", "1.1 The NAT Algorithm", "1.2 Failure Example without STUN",
        "1.3 How STUN Addresses the Problem", "1.4 Filling the Gaps with TURN", "1.5 Reliability and Scalability",
        "2 Windows Installation", "2.1 Installing", "2.2 Deinstalling", "3 Linux Installation",
        "3.1 Automatic starting under SuSE Linux", "3.2 RedHat", "4 Setup", "4.1 Command Line Arguments",
        "4.2 Using the Web Server", "4.3 Licensing", "4.4 Web Browser", "4.5 Version", "5 Maintenance", "5.1 Log File",
        "5.2 Statistics", "A References", "B Log Messages",
    ],
    "Command line (chapter 4.1)": [
        "`--log <n>`", "`--html-port <n>`", "`--no-daemon`", "`--config <file>`", "`--version`", "`-config`, `--html_port`",
    ],
    "Start scripts (chapters 3.1 and 3.2)": [
        "`stund-suse.sh`", "`stund-redhat.sh`", "`START_STUND`", "`STUND_OPTS`", "`rcstund start`", "`STUN_DIR`, `STUN_VERSION`",
        "the link without a version number",
    ],
    "Pages (chapters 4.2 to 5.2)": [
        "`admin_en.htm`", "`license_en.htm`", "`info_en.htm`", "`log_en.htm`", "`stat_en.htm`", "pull-down menus",
        "the tree of links",
    ],
    "Setup page (chapter 4.4)": [
        "Other STUN server", "STUN port 1", "STUN port 2", "Default binding duration (TURN)", "Log Level (0-9)", "HTTP port",
        "HTTP user", "HTTP password", "HTTP password (confirm)", "Save",
    ],
    "Licence page (chapter 4.3)": [
        "Current license type", "IP address", "License key", "Demonstration", "Licensed", "unlocked before it can be used",
    ],
    "Log (chapter 5.1)": [
        "level in brackets", "date in GMT", "packets in hexadecimal", "lower or equal to the log level",
        "first in/first out, 200 messages", "Clear",
    ],
    "Statistics (chapter 5.2)": [
        "Source Address", "Last Access", "Hits", "No Change", "Change IP", "Change Port", "Error", "Mirror Setup",
        "Mirror Forwards", "sorted by the last access", "the last 100 entries", "Clear",
    ],
    "Messages (appendix B)": [str(number) for number in range(1001, 1035)],
}


def sections(text):
    """The rows under each second heading, as (line number, cells), without the two lines of the table's head."""
    found, heading = {}, None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            heading = line[3:]
            found[heading] = []
        elif heading and line.startswith("|"):
            found[heading].append((number, cells(line)))
    return {heading: rows[2:] for heading, rows in found.items()}


def findings(text, known, manual):
    """What is wrong with the document, where `known` are the tests."""
    found, wrong = sections(text), []
    for heading, names in manual.items():
        first = [row[0] for _, row in found.get(heading, [])]
        missing = [name for name in names if name not in first]
        more = [name for name in first if name not in names]
        if missing or more:
            wrong.append(f"{heading}: missing {missing}, not in the manual {more}")
        elif first != names:
            wrong.append(f"{heading}: not in the manual's order")
    wrong += [f"'{heading}' is no part of the manual" for heading in found if heading not in manual]
    for rows in found.values():
        for number, row in rows:
            if len(row) != 3 or not all(row):
                wrong.append(f"line {number}: a row needs the manual's words, where it is now and what shows it")
            else:
                wrong += [f"line {number}: {finding}" for finding in findings_of_how(row[2], known, REASONS)]
    return wrong


class TheDocument(unittest.TestCase):
    text = (ROOT / "docs/manual-2002.md").read_text()

    def test_every_line_of_the_manual_has_a_test_that_exists_or_a_reason(self):
        wrong = findings(self.text, tests(ROOT / "Tests"), MANUAL)
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_what_is_never_written_is_so_in_the_list_of_messages_too(self):
        never = [row[0] for _, row in sections(self.text)["Messages (appendix B)"] if row[1] == "Never."]
        listed = re.findall(r"^\| (\d+) \|.*\| Never written [^|]*\|$", (ROOT / "docs/messages.md").read_text(), re.MULTILINE)
        self.assertEqual(never, listed)


class TheJudge(unittest.TestCase):
    known = {"it answers": {"ATests/B"}}

    def judge(self, *rows, manual=None):
        lines = ["## Pages", "| page | now | shown by |", "| --- | --- | --- |", *rows]
        return findings("\n".join(lines), self.known, manual or {"Pages": ["a", "b"]})

    def assert_red(self, word, *rows):
        found = self.judge(*rows)
        self.assertEqual(len(found), 1, found)
        self.assertIn(word, found[0])

    a = '| a | there | "it answers" (`ATests/B`) |'
    b = "| b | nowhere | Not done: it would be wrong. |"

    def test_right_rows(self):
        self.assertEqual(self.judge(self.a, self.b), [])

    def test_a_line_of_the_manual_that_is_left_out(self):
        self.assert_red("missing ['b']", self.a)

    def test_a_line_that_the_manual_does_not_have(self):
        self.assert_red("not in the manual ['c']", self.a, self.b, "| c | x | Not done: y. |")

    def test_lines_in_another_order(self):
        self.assert_red("order", self.b, self.a)

    def test_a_test_that_is_gone(self):
        self.assert_red("nowhere", self.a.replace("answers", "sings"), self.b)

    def test_a_row_without_test_and_reason(self):
        self.assert_red("neither", self.a, "| b | there | surely |")

    def test_a_row_without_its_place(self):
        self.assert_red("a row needs", self.a, "| b | | Not done: x. |")

    def test_a_table_that_is_missing_or_belongs_to_nothing(self):
        self.assertEqual(len(self.judge(self.a, self.b, manual={"Other": []})), 1)
        self.assertEqual(len(self.judge(self.a, self.b, manual={"Pages": ["a", "b"], "Other": ["c"]})), 1)


if __name__ == "__main__":
    unittest.main()
