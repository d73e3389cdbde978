"""Proves that Scripts/test-summary counts rightly: a summary that says 0 failed is what lets a change in.

The event lines have the form that `swift test` of Swift 6.3 writes, cut down to what is read.
"""
import contextlib
import io
import json
import pathlib
import tempfile
import unittest

from scripts import load

test_summary = load("test-summary")


def test(identifier, name=None, kind="function"):
    payload = {"id": identifier, "kind": kind, "name": identifier}
    return {"kind": "test", "payload": payload | ({"displayName": name} if name else {})}


def event(kind, identifier=None, symbol=None, text="", **more):
    payload = {"kind": kind, "messages": [{"symbol": symbol, "text": text}] if symbol else []}
    return {"kind": "event", "payload": payload | ({"testID": identifier} if identifier else {}) | more}


def issue(identifier, text, is_failure=True):
    more = {"isFailure": is_failure, "sourceLocation": {"fileID": "M/f.swift", "line": 7}}
    return event("issueRecorded", identifier, "fail", text, issue=more)


BEGIN = event("runStarted", symbol="default", text="Test run started.")
END = event("runEnded", symbol="pass", text="Test run ended.")
PASSED = [event("testStarted", "M.a"), event("testEnded", "M.a", "pass", "Test a passed")]


class TestSummary(unittest.TestCase):
    def summary(self, records, status=0, more=(), cut=0):
        """(exit code, what was printed) of one run with these records, its last line cut short by `cut` characters."""
        text = "".join(json.dumps(record) + "\n" for record in records)
        with tempfile.TemporaryDirectory() as folder:
            events = pathlib.Path(folder) / "events"
            events.write_text(text[: len(text) - cut])
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = test_summary.main(["--run", "unit", str(events), str(status), "unit.log", *more])
        return code, output.getvalue()

    def assert_counts(self, result, code, line):
        self.assertEqual(result[1].splitlines()[-1], line, result[1])
        self.assertEqual(result[0], code, result[1])

    def test_all_passed(self):
        self.assert_counts(self.summary([test("M.a"), BEGIN, *PASSED, END]), 0, "1 passed, 0 failed, 0 skipped")

    def test_skipped_with_its_reason(self):
        records = [
            test("M.a"), test("M.S", kind="suite"), test("M.S/b", "needs root"), BEGIN, *PASSED,
            event("testSkipped", "M.S", "skip", 'Suite S skipped: "no nft"'),
            event("testSkipped", "M.S/b", "skip", 'Test "needs root" skipped: "needs root to make namespaces"'), END,
        ]
        result = self.summary(records)
        self.assert_counts(result, 0, "1 passed, 0 failed, 1 skipped")
        self.assertIn("M: needs root: needs root to make namespaces\n", result[1])

    def test_cancelled_while_it_ran(self):
        ended = event("testEnded", "M.b", "skip", 'Test "b" was cancelled after 0.1 seconds: "no IPv6 here"')
        result = self.summary([test("M.a"), test("M.b"), BEGIN, *PASSED, event("testStarted", "M.b"), ended, END])
        self.assert_counts(result, 0, "1 passed, 0 failed, 1 skipped")
        self.assertIn("no IPv6 here", result[1])

    def test_failed_with_its_issues(self):
        records = [
            test("M.a"), test("M.b", "a sentence"), BEGIN, *PASSED, event("testStarted", "M.b"),
            issue("M.b", "Expectation failed"), event("testEnded", "M.b", "fail", "failed"), END,
        ]
        result = self.summary(records, status=1)
        self.assert_counts(result, 1, "1 passed, 1 failed, 0 skipped")
        self.assertIn("M: a sentence\n    M/f.swift:7: Expectation failed", result[1])
        self.assertIn("unit.log", result[1])

    def test_an_issue_counts_whatever_the_symbol_at_the_end(self):
        records = [
            test("M.a"), BEGIN, event("testStarted", "M.a"), issue("M.a", "x"), event("testEnded", "M.a", "pass"), END,
        ]
        self.assert_counts(self.summary(records), 1, "0 passed, 1 failed, 0 skipped")

    def test_a_known_issue_is_no_failure(self):
        records = [
            test("M.a"), BEGIN, event("testStarted", "M.a"), issue("M.a", "x", is_failure=False),
            event("testEnded", "M.a", "passWithKnownIssue", "passed"), END,
        ]
        self.assert_counts(self.summary(records), 0, "1 passed, 0 failed, 0 skipped")

    def test_a_crash_fails_what_had_begun_and_tells_what_never_began(self):
        records = [test("M.a"), test("M.b"), test("M.c"), BEGIN, *PASSED, event("testStarted", "M.b")]
        result = self.summary(records, status=1)
        self.assert_counts(result, 1, "1 passed, 2 failed, 0 skipped")
        self.assertIn("began and did not end", result[1])
        self.assertIn("1 tests never began", result[1])

    def test_a_crash_between_tests_with_a_line_cut_short(self):
        result = self.summary([test("M.a"), BEGIN, *PASSED, END], cut=20)
        self.assert_counts(result, 1, "1 passed, 1 failed, 0 skipped")

    def test_a_bad_status_without_a_failed_test(self):
        result = self.summary([test("M.a"), BEGIN, *PASSED, END], status=124)
        self.assert_counts(result, 1, "1 passed, 1 failed, 0 skipped")
        self.assertIn("status 124", result[1])

    def test_an_issue_outside_of_any_test(self):
        records = [test("M.S", kind="suite"), test("M.a"), BEGIN, *PASSED, issue("M.S", "the suite's own"), END]
        result = self.summary(records, status=1)
        self.assert_counts(result, 1, "1 passed, 1 failed, 0 skipped")
        self.assertIn("the suite's own", result[1])

    def test_no_test_at_all(self):
        self.assert_counts(self.summary([BEGIN, END]), 1, "0 passed, 1 failed, 0 skipped")

    def test_nothing_but_skipped_tests_is_no_success(self):
        records = [test("M.a"), BEGIN, event("testSkipped", "M.a", "skip", 'Test a skipped: "no"'), END]
        self.assert_counts(self.summary(records), 1, "0 passed, 1 failed, 1 skipped")

    def test_a_run_that_wrote_nothing(self):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = test_summary.main(["--run", "unit", "/nonexistent/events", "1", "unit.log"])
        self.assert_counts((code, output.getvalue()), 1, "0 passed, 1 failed, 0 skipped")

    def test_a_run_that_found_no_test_beside_one_that_did(self):
        with tempfile.TemporaryDirectory() as folder:
            events = pathlib.Path(folder) / "events"
            events.write_text("".join(json.dumps(record) + "\n" for record in [BEGIN, END]))
            result = self.summary(
                [test("M.a"), BEGIN, *PASSED, END], more=["--run", "system", str(events), "0", "system.log"]
            )
        self.assert_counts(result, 1, "1 passed, 1 failed, 0 skipped")
        self.assertIn("system: no test was found", result[1])

    def test_a_failed_step_counts(self):
        result = self.summary([test("M.a"), BEGIN, *PASSED, END], more=["--failed", "lint (see lint.log)"])
        self.assert_counts(result, 1, "1 passed, 1 failed, 0 skipped")
        self.assertIn("lint (see lint.log)", result[1])


if __name__ == "__main__":
    unittest.main()
